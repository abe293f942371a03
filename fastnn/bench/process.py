"""What a library costs before it computes: seconds to import, bytes on the disk.

Invariant: NumPy, which all of them need, is in none of the figures; each import has a process of
its own.
"""

from __future__ import annotations

import os.path
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from fastnn.bench.contest import environment

__all__ = ["ProcessResult", "measure_process"]

#: peer -> the name to import and the distribution to install, where they are not the peer's own.
_NAMES = {"sklearn": ("sklearn", "scikit-learn")}

_IMPORT = """
import time, numpy
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""


@dataclass(frozen=True)
class ProcessResult:
    """What one library costs.

    Attributes:
        peer: the library.
        error: why there is no measurement, or "".
        import_s: the median time of an import after NumPy's.
        installed_bytes: of its files and those of all that it requires.
    """

    peer: str
    error: str = ""
    import_s: float | None = None
    installed_bytes: int | None = None


def measure_process(peers: Iterable[str], rounds: int) -> Iterator[ProcessResult]:
    """Measure library by library.

    Args:
        peers: their names; those of NumPy alone are left out.
        rounds: imports of each.
    """
    for peer in peers:
        if peer != "numpy":
            yield _measure(peer, rounds)


def _measure(peer: str, rounds: int) -> ProcessResult:
    module, distribution = _NAMES.get(peer, (peer, peer))
    times = []
    for _ in range(rounds):
        done = _import(module)
        if done.returncode:
            return ProcessResult(peer, error=f"not available: {done.stderr.splitlines()[-1][:200]}")
        times.append(float(done.stdout.splitlines()[-1]))
    size = _package_bytes() if peer == "fastnn" else _installed_bytes(distribution)
    return ProcessResult(peer, "", statistics.median(times), size)


def _import(module: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _IMPORT.format(module=module)],
        env={**environment(1), "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )


def _package_bytes() -> int:
    """Return the size of fastnn's own files: an editable install lists none."""
    files = Path(__file__).parents[1].rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")


def _installed_bytes(distribution: str) -> int:
    """Return the size of a distribution and of all that it requires."""
    known: dict[str, int] = {}
    _collect(distribution, known)
    return sum(known.values())


def _collect(distribution: str, known: dict[str, int]) -> None:
    name = distribution.lower().replace("_", "-")
    if name in known or name == "numpy":
        return
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # optional, or for another system
        return
    paths = [str(found.locate_file(f)) for f in found.files or () if f.suffix != ".pyc"]
    known[name] = sum(os.path.getsize(path) for path in paths if os.path.exists(path))
    for line in found.requires or ():
        requirement, _, condition = line.partition(";")
        if "extra" not in condition:
            match = re.match(r"[\w.-]+", requirement)
            assert match is not None
            _collect(match[0], known)
