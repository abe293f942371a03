"""Several processes train one model, by a real ``mpiexec``: the same bits, however many there are.

What they do is in tools/distributed_job.py.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers
from fastnn.layers import Dense

JOB = Path(__file__).parent / "tools" / "distributed_job.py"
MPIEXEC = Path(sys.executable).with_name("mpiexec")


def job(ranks, what, folder):
    """Run a job; None is a process by itself, without mpiexec."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")}
    environment["PYTHONPATH"] = str(Path(fastnn.__file__).parents[1])
    script = [sys.executable, *(["-m", "mpi4py"] if ranks else []), str(JOB), what, str(folder)]
    command = [str(MPIEXEC), "-n", str(ranks), *script] if ranks else script
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What jobs of 1, 2 and 4 ranks say, and the folder that they wrote to."""
    folder = tmp_path_factory.mktemp("jobs")
    said = {}
    for ranks in (None, 2, 4):
        result = job(ranks, "everything", folder)
        assert result.returncode == 0, result.stderr[-2000:]
        said[ranks or 1] = json.loads(result.stdout.splitlines()[-1]) | {"out": result.stdout}
    return said, folder


def test_bits_do_not_depend_on_the_number_of_ranks(found):
    one, two, four = (found[0][ranks]["bits"] for ranks in (1, 2, 4))
    assert len(one) == len({bits for bits, _ in one.values()}) == 12
    for name in one:
        assert one[name] == two[name] == four[name], name


def test_weights_are_those_of_one_process_but_for_rounding(found):
    for said in found[0].values():
        assert sorted(said["apart"]) == ["train_mlp", "train_two_outputs", "train_words"]
        assert max(said["apart"].values()) < 1e-6


def test_rank_0_alone_shows_and_writes(found):
    said, folder = found
    assert sorted(each.name for each in folder.glob("*.csv")) == ["1-0.csv", "2-0.csv", "4-0.csv"]
    for each in said.values():
        assert each["out"].count("early stopping") == 1
        assert each["out"].count("Restoring the weights") == 1


def test_ranks_of_one_machine_share_its_cores(found):
    cores = fastnn.get_num_threads()
    for ranks, said in found[0].items():
        assert said["threads"] == max(1, cores // ranks)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("raises", "rank 1 of 2 failed, and ends the job:|OSError: the disk is full"),
        ("dies", "BAD TERMINATION"),
        ("corrupts", "RanksDifferError: fit: ranks 1 hold other weights than rank 0"),
        ("reads_other_data", "RanksDifferError: fit: ranks 1 have been given other data"),
        ("all_raise", "ValueError: fit: a batch of 4 samples cannot be cut in 8 chunks"),
        ("is_not_finite", "NonFiniteError: fit: the loss of epoch 1, batch 1 is not finite"),
    ],
)
def test_a_rank_that_fails_ends_the_job_and_says_why_once(what, says, tmp_path):
    result = job(2, what, tmp_path)
    ended, failed = time.time(), tmp_path / "failed"
    assert result.returncode != 0
    if what in ("raises", "dies", "corrupts"):
        assert ended - failed.stat().st_mtime < 10
    for text in says.split("|"):
        assert (result.stdout + result.stderr).count(text) == 1, result.stderr
    assert result.stderr.count("Traceback") == (what != "dies")


def test_three_ranks_cannot_share_a_batch(tmp_path):
    result = job(3, "all_raise", tmp_path)
    assert result.returncode != 0
    assert result.stderr.count("must be a power of two: mpiexec -n 2") == 1


# ---- one process ---------------------------------------------------------------------------------

X = np.linspace(-1, 1, 64, dtype="f").reshape(16, 4)


def model(loss="mse", metrics=None, last=()):
    made = fastnn.Sequential([fastnn.Input((4,)), Dense(3, "tanh"), *last, Dense(1)])
    made.compile("sgd", loss, metrics)
    return made


def test_batch_statistics_are_those_of_chunks():
    """A chunk is normalised by its own moments; the moving ones follow their mean."""
    x = np.arange(16, dtype="f").reshape(16, 1) ** 2
    made = fastnn.Sequential([fastnn.Input((1,)), layers.BatchNormalization(momentum=0.0)])
    made.compile("sgd", "mse")
    ranks = fastnn.distributed.MPI(chunks=4)
    made.fit(x, x, 16, verbose=0, shuffle=False, distribute=ranks)
    chunks = x.reshape(4, 4)
    *_, mean, variance = made.get_weights()
    assert mean == pytest.approx(chunks.mean())
    assert variance == pytest.approx(chunks.var(1).mean())


def test_uneven_chunks_count_by_their_samples():
    made, plain = model(), model()
    plain.set_weights(made.get_weights())
    options = {"batch_size": 11, "shuffle": False, "epochs": 2, "verbose": 0}
    made.fit(X, X[:, :1], distribute=fastnn.distributed.MPI(chunks=4), **options)
    plain.fit(X, X[:, :1], **options)
    for one, other in zip(made.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_infinity_and_nan_pass_with_one_warning():
    made = model()
    huge = np.where(np.arange(16)[:, None] < 8, np.inf, -np.inf).astype("f") * np.ones(4, "f")
    with pytest.warns(fastnn.errors.NonFiniteWarning) as caught:
        history = made.fit(huge, huge[:, :1], 16, 2, verbose=0, distribute=fastnn.distributed.MPI())
    assert len(caught) == 1
    assert np.isnan(history.history["loss"]).all()
    assert np.isnan(made.get_weights()[0]).all()


def test_data_on_disk_is_read_where_it_is(tmp_path):
    np.save(tmp_path / "x.npy", X)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    made, other = model(), model()
    other.set_weights(made.get_weights())
    other.seed = made.seed
    for each, samples in ((made, X), (other, x)):
        each.fit(samples, X[:, :1], 16, verbose=0, distribute=fastnn.distributed.MPI())
    assert all(map(np.array_equal, made.get_weights(), other.get_weights()))
    assert np.shares_memory(fastnn.training.check_samples("fit", other, x)[0], x)


class InNumPy(fastnn.metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return 0.0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 3}, "batch of 3 samples cannot be cut in 8 chunks; give a larger"),
        ({"loss": fastnn.losses.MeanSquaredError(reduction="sum")}, "a loss has to be a mean"),
        ({"metrics": [InNumPy()]}, "'in_num_py' is written in NumPy"),
        ({"callbacks": callbacks.BackupAndRestore("x", save_freq=2)}, "save_freq='epoch'"),
    ],
)
def test_what_cannot_be_cut_is_refused(options, says):
    made = model(options.pop("loss", "mse"), options.pop("metrics", None))
    before = made.get_weights()
    with pytest.raises(ValueError, match=says):
        made.fit(X, X[:, :1], verbose=0, distribute=fastnn.distributed.MPI(), **options)
    assert all(np.array_equal(*pair) for pair in zip(before, made.get_weights(), strict=True))


def test_states_of_rows_cannot_be_cut():
    made = fastnn.Sequential([fastnn.Input((4, 1), batch_size=16), layers.LSTM(2, stateful=True)])
    made.compile("sgd", "mse")
    with pytest.raises(ValueError, match="stateful=True keep a state for each row"):
        made.fit(X[..., None], X[:, :2], 16, shuffle=False, distribute=fastnn.distributed.MPI())


def test_batches_that_come_one_by_one_are_refused():
    with pytest.raises(ValueError, match="distribute needs arrays"):
        model().fit(iter([(X, X[:, :1])]), distribute=fastnn.distributed.MPI())


def test_distribute_is_an_object():
    with pytest.raises(TypeError, match=r"distribute must be fastnn.distributed.MPI\(\)"):
        model().fit(X, X[:, :1], distribute="mpi")


@pytest.mark.parametrize("chunks", [0, 6, 2.5])
def test_chunks_are_a_power_of_two(chunks):
    with pytest.raises((ValueError, TypeError), match="MPI: chunks must be"):
        fastnn.distributed.MPI(chunks=chunks)


def test_without_an_mpi_it_says_how_to_get_one(tmp_path):
    environment = {**os.environ, "MPI4PY_LIBMPI": str(tmp_path / "none.so")}
    script = "import fastnn; fastnn.distributed.MPI()"
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert "ImportError: fastnn.distributed.MPI needs an MPI library" in result.stderr


def test_without_mpi4py_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    with pytest.raises(ImportError, match=r"MPI needs mpi4py .* pip install 'fastnn\[mpi\]'"):
        fastnn.distributed.MPI()
