"""Instructions that a kernel executes, counted by Valgrind's callgrind: the same in every run.

A process under Valgrind runs every kernel one step long, then three steps long, and has the counter
written down after each; half the difference is a step.  Valgrind does not know AVX-512.
"""

from __future__ import annotations

import ctypes
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastnn import _core
from fastnn.bench.contest import environment

__all__ = ["InstructionResult", "count", "missing"]

#: Writes the counter down under a name and begins anew.
_HELPER = """
#include <valgrind/callgrind.h>
void dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
"""

_CHILD = "from fastnn.bench.instructions import child; child()"


@dataclass(frozen=True)
class InstructionResult:
    """Instructions of one step of one kernel, on the shape that `--quick` times."""

    op: str
    case: str
    dtype: str
    isa: str
    instructions: int


def missing() -> str:
    """Return what is needed and not there, or ""."""
    for command in ("valgrind", "cc"):
        if shutil.which(command) is None:
            return f"counting instructions needs {command}"
    source = "#include <valgrind/callgrind.h>\n"
    probe = ["cc", "-E", "-o", "/dev/null", "-"]
    done = subprocess.run(probe, input=source, text=True, capture_output=True, check=False)
    return "counting instructions needs valgrind/callgrind.h" if done.returncode else ""


def count(ops: Sequence[str], dtype: str = "float32") -> Iterator[InstructionResult]:
    """Count the instructions of kernels.

    Args:
        ops: their names.
        dtype: the precision.

    Raises:
        RuntimeError: if Valgrind fails.
    """
    isa = next(isa for isa in _core.isa_names() if isa != "avx512")
    with tempfile.TemporaryDirectory() as folder:
        _build(Path(folder))
        task = json.dumps({"ops": list(ops), "dtype": dtype, "isa": isa, "folder": folder})
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/counts"]
        done = subprocess.run(
            [*valgrind, sys.executable, "-c", _CHILD],
            input=task,
            env=environment(1),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"valgrind: {done.stderr.strip().splitlines()[-1][:300]}")
        counts = _read(Path(folder))
    for line in done.stdout.splitlines():
        op, case = line.split("\t")
        steps = (counts[f"{op} 3"] - counts[f"{op} 1"]) // 2
        yield InstructionResult(op, case, dtype, isa, steps)


def _build(folder: Path) -> None:
    (folder / "helper.c").write_text(_HELPER)
    command = ["cc", "-shared", "-fPIC", "-o", str(folder / "helper.so"), str(folder / "helper.c")]
    subprocess.run(command, check=True)


def _read(folder: Path) -> dict[str, int]:
    """Return the counters by name."""
    counts = {}
    for path in folder.glob("counts.*"):
        text = path.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if name and total:
            counts[name[1]] = int(total[1])
    return counts


def child() -> None:
    """Run the kernels that standard input names; in the process under Valgrind."""
    from fastnn.bench.kernels import Kernel, label
    from fastnn.bench.shapes import SHAPES

    task = json.load(sys.stdin)
    helper = ctypes.CDLL(f"{task['folder']}/helper.so")
    for op in task["ops"]:
        case = SHAPES[op][0]
        timer = Kernel(case, task["dtype"], task["isa"], 1).timer()
        for steps in (1, 1, 3):  # the first one warms up
            helper.dump(b"before")
            timer.run(steps)
            helper.dump(f"{op} {steps}".encode())
        print(op, label(case), sep="\t", flush=True)
