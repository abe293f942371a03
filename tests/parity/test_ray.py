"""Folds on a Ray cluster of this machine: the same bits as on threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn.layers import Dense, Dropout

# JAX, which Keras has started in this process, does not like that Ray forks.
pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")

X, Y = fastnn.datasets.make_blobs(61, centers=3, seed=2)


def run(classes=3, **options):
    def make_model():
        layers = [Dense(8, "relu"), Dropout(0.2), Dense(classes, "softmax")]
        model = fastnn.Sequential([fastnn.Input((2,)), *layers])
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        return model

    return fastnn.cross_validate(make_model, X, Y, k=3, epochs=3, seed=1, **options)


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    if os.environ.get("FASTNN_REQUIRE_PARITY") != "1":
        pytest.importorskip("ray")
    import ray

    yield
    ray.shutdown()


def test_bits_are_those_of_threads():
    here, there = run(), run(backend="ray")
    for name, values in here.scores.items():
        assert np.array_equal(values, there.scores[name])
    for pair in zip(here.models, there.models, strict=True):
        weights = zip(*(model.get_weights() for model in pair), strict=True)
        assert all(np.array_equal(*each) for each in weights)


def test_the_example_searches_and_draws_its_result(tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(root / "examples" / "ray_search.py"), "--plot", "result.png"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "best: 2 layers" in done.stdout
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_an_error_of_a_fold_is_the_callers():
    with pytest.raises(fastnn.errors.LabelError, match=r"^fit: label 2 of row"):
        run(classes=2, backend="ray")
