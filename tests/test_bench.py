"""The command `fastnn bench`: that it measures everything, survives its peers, and writes it down.

No time is asserted.
"""

import io
import json
import math
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnn import _core
from fastnn.bench import (
    command,
    compare,
    contest,
    document,
    instructions,
    kernels,
    peaks,
    picture,
    process,
    tables,
)
from fastnn.bench.command import SCHEMA, SECTIONS, Report, select
from fastnn.bench.contest import PEERS, Pace
from fastnn.bench.peers import fastnn_, numpy_
from fastnn.bench.shapes import SHAPES
from fastnn.bench.tasks import TASKS, Convolution, Gemm
from fastnn.bench.workloads import WORKLOADS, Unsupported
from fastnn.cli import main
from fastnn.ops.table import table

HURRY = Pace(rounds=2, seconds=0.001, pause=0, startup=60, patience=60)
BRIEF = kernels.Effort(rounds=1, seconds=1e-4)


# ---- probes --------------------------------------------------------------------------------------

N = 4096 * 3

EXPECTED = {
    "fill": lambda x, y, z: np.full(N, 0.5),
    "copy": lambda x, y, z: x,
    "scale": lambda x, y, z: x / 2,
    "triad": lambda x, y, z: x + z / 2,
    "update": lambda x, y, z: y + x / 2,
}


def probe(name, n, arrays, dtype, isa, threads=1, far=False):
    program = _core.Program(dtype, isa, threads)
    program.add(peaks.PROBES[name][0], arrays, [n], 0, [], True, far)
    program.finish(1, 1, False)
    assert program.run(_core.Run(1, 1)) == _core.DONE


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("isa", _core.isa_names())
def test_probes_do_what_their_rows_say(isa, dtype, threads, far):
    numbers = np.random.default_rng(0).integers(-8, 9, (3, N)).astype(dtype)
    assert set(peaks.PROBES) == {"fma", "read", *EXPECTED}
    for name, expected in EXPECTED.items():
        x, y, z = (_core.aligned_zeros(N, dtype) for _ in range(3))
        for array, values in zip((x, y, z), numbers, strict=True):
            array[:] = values
        probe(name, N, [y, x, z], dtype, isa, threads, far)
        np.testing.assert_array_equal(y, expected(*numbers), name)
    sums = _core.aligned_zeros(64, dtype)
    probe("read", N, [sums, numbers[0].copy(), None], dtype, isa, threads, far)
    assert sums.sum() == numbers[0].sum()


@pytest.mark.parametrize("isa", _core.isa_names())
def test_the_multiply_adds_are_made(isa):
    out = _core.aligned_zeros(64, "float64")
    probe("fma", 24 * 100, [out, None, None], "float64", isa)
    sums, rest = divmod(out[0] / 2 / 8, 1)  # each lane of each sum tends to 2
    assert sums in (24, 6, 3)
    assert rest == 0


# ---- kernels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", SHAPES)
def test_timed_shapes_set_all_that_their_operation_needs(op):
    row = table()[op]
    optional = {operand.name for operand in row.inputs + row.outputs if operand.optional}
    labels = [kernels.label(case) for case in SHAPES[op]]
    assert len(labels) == len(set(labels))
    for case in SHAPES[op]:
        assert case.op == op
        assert set(case.sizes) == set(row.axes), case
        assert set(case.attrs) == set(row.attributes) - {"dtype"}, case
        assert set(case.absent) <= optional, case


@pytest.mark.parametrize("op", SHAPES)
def test_every_operation_is_measured(op):
    result = kernels.measure(SHAPES[op][0], "float32", _core.isa_names()[0], 1, BRIEF)
    assert result.op == op
    assert result.seconds > 0
    assert result.share > 0
    assert result.limit in peaks.PROBES
    assert result.peak > 0


def test_what_is_too_small_for_several_threads_is_not_measured_on_them():
    isa = _core.isa_names()[0]
    assert kernels.measure(SHAPES["advance"][0], "float32", isa, 2, BRIEF) is None
    shared = kernels.measure(SHAPES["dense_fwd"][0], "float32", isa, 2, BRIEF)
    assert shared.threads == 2


def test_work_is_counted_from_the_table():
    kernel = kernels.Kernel(SHAPES["adam"][1], "float32", "base", 1)
    n = kernel.case.sizes["n"][0]
    reads, writes = kernel.traffic()
    assert (reads - writes, writes) == (4 * n + 16, 12 * n)  # g, learning rate and step
    assert kernel.footprint() == reads
    assert kernel.flops == 12 * n
    assert kernel.loop == "update"
    loops = {op: kernels.Kernel(SHAPES[op][1], "float32", "base", 1).loop for op in ("fill", "add")}
    assert loops == {"fill": "fill", "add": "triad"}


@pytest.mark.parametrize("task", [t for t in TASKS.values() if isinstance(t, (Gemm, Convolution))])
def test_a_task_is_the_work_of_our_kernel(task):
    [case] = fastnn_._cases(task)
    [(factor, letters)] = table()[case.op].flops
    sizes = {axis: case.rows if dims == (None,) else dims[0] for axis, dims in case.sizes.items()}
    assert factor * math.prod(sizes[letter] for letter in letters) == task.flops


def test_every_task_has_a_kernel():
    for task in TASKS.values():
        assert fastnn_._cases(task), task


SMALL = [name for name, task in TASKS.items() if task.bytes < 2e6]


@pytest.mark.parametrize("name", SMALL)
def test_numpy_does_a_small_task(name):
    numpy_.kernel(TASKS[name], "whole arrays", 1).call()


def test_numpy_has_no_convolution():
    with pytest.raises(Unsupported, match="not a call of NumPy"):
        numpy_.kernel(Convolution("fwd", 1, 4, 4, 1, 1, 3), "whole arrays", 1)


def test_a_task_moves_bytes():
    assert all(task.bytes > 0 and task.flops >= 0 for task in TASKS.values())


# ---- contests ------------------------------------------------------------------------------------


def test_every_peer_has_a_file():
    folder = Path(contest.__file__).parent / "peers"
    files = {f.name.removesuffix("_.py") for f in folder.iterdir() if f.name.endswith("_.py")}
    assert files - {"__init_"} == set(PEERS)


@pytest.mark.parametrize(
    ("kind", "subject", "variant"),
    [
        ("train", "T1", "fit"),
        ("train", "T1", "bfloat16"),
        ("predict", "T2/1", "predict"),
        ("predict", "T2/1", "predict_one"),
        ("kernel", "relu fwd 1000", "kernel"),
    ],
)
def test_a_contest_measures(kind, subject, variant):
    entrants = [("fastnn", variant), ("numpy", "by-hand")]
    ours, other = contest.contest(kind, subject, 1, entrants, HURRY)
    for entry in (ours, other):
        assert entry.error == ""
        assert len(entry.p50_s) == len(entry.p99_s) == HURRY.rounds
        assert min(entry.p50_s) > 0
        assert entry.peak_bytes > 1e6
    assert ours.version.startswith("0.")
    if kind == "train":
        assert abs(ours.loss - other.loss) < 0.05
        assert ours.startup_s > 0


def test_every_workload_has_a_model():
    for workload in WORKLOADS.values():
        predict = fastnn_.predict(workload, "predict", 1, 1)
        assert predict().shape == (1, workload.classes)
    with pytest.raises(Unsupported, match="takes one row"):
        fastnn_.predict(WORKLOADS["T1"], "predict_one", 1, 2)


def test_a_missing_peer_stops_nobody():
    entries = contest.contest(
        "predict", "T1/1", 1, [("nobody", "at all"), ("numpy", "by-hand")], HURRY
    )
    assert entries[0].error.startswith("not available")
    assert entries[0].p50_s == []
    assert entries[1].p50_s


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import time; time.sleep(1000)", "no answer within 1 s"),
        ("import sys; sys.stderr.write('gone\\nfor good'); sys.exit(3)", "ended with 3: for good"),
        ("import os; os.abort()", "ended with -6"),
    ],
)
def test_a_peer_that_hangs_or_dies_is_written_down(script, error, monkeypatch):
    monkeypatch.setattr(contest, "_BOOT", script)
    pace = Pace(rounds=1, seconds=0, startup=1, patience=1)
    [entry] = contest.contest("train", "T1", 1, [("fastnn", "fit")], pace)
    assert entry.error == error


def test_a_worker_goes_on_after_a_failure():
    worker = contest.Worker("numpy", 1)
    bad = worker.ask({"kind": "predict", "subject": "T4/1", "variant": "by-hand"}, 60)
    assert "only dense networks" in bad["error"]
    good = worker.ask({"kind": "predict", "subject": "T1/1", "variant": "by-hand"}, 60)
    assert good["version"] == np.__version__
    worker.close()


def test_a_process_that_is_gone_is_noticed_when_it_is_asked():
    worker = contest.Worker("numpy", 1)
    process = worker._start()
    process.kill()
    process.wait()
    request = {"kind": "predict", "subject": "T1/1", "variant": "by-hand", "more": " " * 100_000}
    assert worker.ask(request, 60)["error"].startswith("ended with -9")


def test_a_process_that_does_not_end_is_ended(monkeypatch):
    worker = contest.Worker("numpy", 1)
    process = worker._start()
    wait = process.wait

    def impatient(timeout=None):
        if timeout:
            raise subprocess.TimeoutExpired("worker", timeout)
        return wait()

    monkeypatch.setattr(process, "wait", impatient)
    worker.close()
    assert process.returncode is not None


def test_an_error_in_a_turn_ends_the_turns():
    class Broken:
        def ask(self, request, patience):
            return {"error": "gone"} if "seconds" in request else {"version": "1"}

    entrants, pool = [("fastnn", "fit")], {("fastnn", "fit"): Broken()}
    [entry] = contest.contest("train", "T1", 1, entrants, HURRY, pool)
    assert (entry.error, entry.p50_s, entry.version) == ("gone", [], "1")


def test_a_worker_imports_nothing_that_its_peer_does_not_need():
    script = f"{contest._BOOT}\nprint(*sys.modules)"
    command = [sys.executable, "-c", script, str(contest._PACKAGE), "numpy", "1"]
    done = subprocess.run(command, input="", capture_output=True, text=True, check=True)
    assert "bench.worker" in done.stderr  # standard output is for answers
    assert not [name for name in done.stderr.split() if name.startswith("fastnn")]


# ---- the command ---------------------------------------------------------------------------------


def test_words_choose():
    assert select([], quick=False) == SECTIONS
    assert select(["T1"], quick=False)["train"] == ["T1"]
    assert select(["predict"], quick=True)["predict"] == SECTIONS["predict"]
    assert select(["conv2d_*"], quick=False)["kernels"] == [
        "conv2d_fwd",
        "conv2d_bwd_x",
        "conv2d_bwd_w",
        "conv2d_transpose_fwd",
    ]
    assert not any(select(["adam"], quick=False)[s] for s in ("train", "instructions", "process"))
    for names in select([], quick=True).items():
        assert set(names[1]) <= set(SECTIONS[names[0]])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The files of a small run, and what it printed."""
    folder = tmp_path_factory.mktemp("run")
    words = "bench --quick --no-peers --threads 1 --seconds 0.001 --rounds 1 --only advance T1"
    files = {"json": "run.json", "picture": "run.png", "document": "performance.md"}
    for option, name in files.items():
        words += f" --{option} {folder / name}"
    assert main(words.split()) == 0
    return folder


def test_a_run_is_one_json_object(run):
    report = json.loads((run / "run.json").read_text())
    assert report["schema"] == SCHEMA
    assert [k["op"] for k in report["kernels"]] == ["advance"]
    assert {p["probe"] for p in report["peaks"]} == set(peaks.PROBES)
    measured = [(e["kind"], e["subject"]) for e in report["contests"] if e["p50_s"]]
    assert [m for m in measured if m[0] == "train"] == [("train", "T1")]
    assert ("predict", "T1/1") in measured
    assert report["machine"]["isa"] in report["machine"]["isa_available"]
    assert (run / "run.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_names_no_host_and_no_folder(run):
    text = (run / "run.json").read_text() + (run / "performance.md").read_text()
    assert platform.node() not in text
    assert str(contest._PACKAGE) not in text


@pytest.mark.parametrize(
    "words",
    [
        ["--only", "nothing"],
        ["--peers", "nobody"],
        ["--isa", "vax"],
        ["--threads", "0"],
        ["--seconds", "0"],
        ["--seconds", "long"],
        ["--no-peers", "--peers", "torch"],
    ],
)
def test_wrong_usage_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bench", *words])
    assert ended.value.code == 2
    assert "see fastnn bench --help" in capsys.readouterr().err


def test_help_costs_no_import():
    script = (
        "import sys; from fastnn.cli import main\ntry: main(['bench', '--help'])\nfinally: "
        "assert not any(n.startswith('fastnn.bench') for n in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)


# ---- tables, documents, comparisons --------------------------------------------------------------


def entry(peer, variant, p50, **more):
    work = {"steps": 10, "rows": 1000, "flops": 0, "bytes": 0}
    who = {"kind": "train", "subject": "T1", "peer": peer, "variant": variant, "threads": 1}
    rest = {"version": "1", "error": "", "loss": 0.5, "startup_s": 1.0, "peak_bytes": 1 << 20}
    return {**who, "work": work, "p50_s": p50, "p99_s": [2 * t for t in p50], **rest, **more}


ENTRIES = [
    entry("fastnn", "fit", [1.0, 4.0, 1.0]),
    entry("jax", "scan", [2.0, 8.0, 2.2]),
    entry("torch", "fused", [3.0, 3.0, 3.0]),
    entry("numpy", "by-hand", [], error="not available: gone"),
]


def report(**sections):
    words = ("cpu", "machine", "isa", "system", "python", "numpy", "fastnn", "date")
    machine = {**dict.fromkeys(words, "x"), "cpus": 2, "load": 0, "caches": [], "isa_available": []}
    empty = {"peaks": [], "kernels": [], "contests": [], "process": [], "instructions": []}
    return {"machine": machine, "notes": [], **empty, **sections}


def test_ratios_are_formed_within_rounds():
    [duel] = tables.find_duels(ENTRIES, "train")
    assert duel.theirs["peer"] == "jax"
    assert duel.ratio == 2.0  # though the medians' ratio is 2.2
    assert duel.torch == 3.0
    assert tables.seconds(duel.ours) == 0.1


def test_tables_show_who_was_measured_and_who_was_not():
    text = tables.markdown(report(contests=ENTRIES))
    assert "| jax scan | 220,000.0 |" in text
    assert "not available: gone" in text
    assert "1,000/s" in text


def test_a_failure_of_our_own_is_a_failure_of_the_run(capsys):
    made = Report(machine={})
    made.contests = [
        contest.Entry("train", "T1", "fastnn", "fit", 1, {}, error=error)
        for error in ("not available: no AMX", "")
    ]
    assert command._verdict(made) == 0
    made.contests[1].error = "ValueError: a shape"
    assert command._verdict(made) == 1
    assert "train T1: ValueError: a shape" in capsys.readouterr().err


def test_units_are_those_of_the_work():
    def work(**counts):
        return {"work": {"steps": 1, "rows": 0, "flops": 0, "bytes": 0, **counts}, "p50_s": [0.5]}

    assert tables.throughput(work(flops=1e9)) == "2.0 GFLOP/s"
    assert tables.throughput(work(bytes=1e9)) == "2.0 GB/s"
    sizes = [tables._bytes(3 * 1024**power) for power in range(4)]
    assert sizes == ["3 B", "3 KiB", "3 MiB", "3.0 GiB"]


def test_duels_are_drawn(tmp_path):
    path = tmp_path / "duels.png"
    picture.draw(report(contests=ENTRIES), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_document_is_made_of_a_file(tmp_path):
    run, path = tmp_path / "run.json", tmp_path / "performance.md"
    run.write_text(json.dumps(report(contests=ENTRIES)))
    document.main([str(run), str(path)])
    assert "jax" in path.read_text()


def test_a_document_keeps_what_people_wrote(tmp_path):
    path = tmp_path / "performance.md"
    document.update(report(contests=ENTRIES), path)
    text = path.read_text()
    assert text.count("<!-- by hand:") == text.count("<!-- end of") == 11
    path.write_text(
        text.replace("<!-- by hand: floors -->\n", "<!-- by hand: floors -->\nBytes.\n")
    )
    document.update(report(), path)
    again = path.read_text()
    assert document.by_hand(again)["floors"] == "Bytes.\n"
    assert "jax" not in again
    old = "<!-- by hand: removed -->\nkept\n<!-- end of removed -->"
    assert "kept" in document.render(report(), document.by_hand(old))


WHAT = {"op": "add", "case": "n7", "dtype": "float32", "isa": "base"}


def kernel(seconds, spread=0.01):
    return {**WHAT, "threads": 1, "seconds": seconds, "spread": spread}


def counted(instructions):
    return {**WHAT, "instructions": instructions}


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ({"kernels": [kernel(1.0)]}, {"kernels": [kernel(1.5)]}, "slower"),
        ({"kernels": [kernel(1.0)]}, {"kernels": [kernel(0.5)]}, "faster"),
        ({"kernels": [kernel(1.0, 0.6)]}, {"kernels": [kernel(1.5)]}, ""),
        ({"contests": ENTRIES}, {"contests": ENTRIES}, ""),
        ({"instructions": [counted(1000)]}, {"instructions": [counted(1010)]}, "more"),
        ({"instructions": [counted(1000)]}, {"instructions": [counted(1000)]}, ""),
    ],
)
def test_runs_are_compared(old, new, verdict, tmp_path, capsys):
    paths = []
    for name, content in (("old", old), ("new", new)):
        paths.append(tmp_path / name)
        paths[-1].write_text(json.dumps(report(**content)))
    [change] = compare.changes(report(**old), report(**new))
    assert change.ratio > 0
    assert change.verdict == verdict
    assert compare.main(list(map(str, paths))) == (verdict in ("slower", "more"))
    assert change.what in capsys.readouterr().out


def test_counters_are_read(tmp_path):
    (tmp_path / "counts.1").write_text(
        "desc: Trigger: Client Request: add 1\nevents: Ir\nsummary: 77\n\ntotals: 77\n"
    )
    (tmp_path / "counts").write_text("desc: Trigger: Program termination\ntotals: 5\n")
    assert instructions._read(tmp_path) == {"add 1": 77}


def test_instructions_of_a_step_are_half_of_what_two_more_take(monkeypatch):
    def build(folder):
        for steps, total in ((1, 30), (3, 70)):
            text = f"desc: Trigger: Client Request: advance {steps}\ntotals: {total}\n"
            (folder / f"counts.{steps}").write_text(text)

    done = subprocess.CompletedProcess([], 0, stdout="advance\tn1\n", stderr="")
    monkeypatch.setattr(instructions, "_build", build)
    monkeypatch.setattr(instructions.subprocess, "run", lambda *_, **__: done)
    [result] = instructions.count(["advance"])
    assert (result.op, result.case, result.instructions) == ("advance", "n1", 20)
    done.returncode, done.stderr = 1, "one\ncannot trace"
    with pytest.raises(RuntimeError, match="cannot trace"):
        next(instructions.count(["advance"]))


def test_a_process_under_valgrind_marks_each_run(monkeypatch, capsys):
    marks = []
    helper = type("Helper", (), {"dump": staticmethod(marks.append)})
    task = {"ops": ["add"], "dtype": "float32", "isa": _core.isa_names()[0], "folder": "/nowhere"}
    monkeypatch.setattr(instructions.ctypes, "CDLL", lambda path: helper)
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(task)))
    instructions.child()
    assert marks == [b"before", b"add 1", b"before", b"add 1", b"before", b"add 3"]
    assert capsys.readouterr().out.startswith("add\t")


def test_the_helper_is_compiled(tmp_path, monkeypatch):
    header = tmp_path / "valgrind" / "callgrind.h"
    header.parent.mkdir()
    header.write_text("#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)\n")
    monkeypatch.setenv("C_INCLUDE_PATH", str(tmp_path))
    instructions._build(tmp_path)
    assert (tmp_path / "helper.so").exists()
    monkeypatch.setattr(instructions.shutil, "which", lambda command: command)
    assert instructions.missing() == ""
    monkeypatch.setenv("C_INCLUDE_PATH", str(tmp_path / "none"))
    header.write_text("#error no such header\n")
    monkeypatch.setattr(instructions.subprocess, "run", lambda *_, **__: FAILED)
    assert instructions.missing().endswith("needs valgrind/callgrind.h")
    monkeypatch.setattr(instructions.shutil, "which", lambda command: None)
    assert instructions.missing().endswith("needs valgrind")


FAILED = subprocess.CompletedProcess([], 1)


@pytest.mark.parametrize("why", ["no valgrind", ""])
def test_instructions_are_counted_or_it_is_said_why_not(why, monkeypatch, tmp_path, capsys):
    counted = [instructions.InstructionResult("add", "n7", "float32", "base", 12)]
    monkeypatch.setattr(instructions, "missing", lambda: why)
    monkeypatch.setattr(instructions, "count", lambda ops: counted)
    path = tmp_path / "run.json"
    words = "bench --no-peers --threads 1 --seconds 0.001 --rounds 1 --only instructions process"
    assert main([*words.split(), "--json", str(path)]) == 0
    made = json.loads(path.read_text())
    assert made["notes"] == ([why] if why else [])
    assert [each["instructions"] for each in made["instructions"]] == ([] if why else [12])
    assert [each["peer"] for each in made["process"]] == ["fastnn"]


def test_a_library_has_a_price():
    ours, nobody = process.measure_process(["fastnn", "numpy", "nobody"], 1)
    assert ours.import_s > 0
    assert 1e5 < ours.installed_bytes < 2e7
    assert nobody.error.startswith("not available")
    assert process._installed_bytes("pytest") > process._installed_bytes("pluggy") > 0
