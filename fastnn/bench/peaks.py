"""What the machine allows: multiply-adds a second in registers, bytes a second by kind of loop.

The loops are compiled kernels, csrc/kernels/probes-inl.h, run like any other.

Invariant: a probe goes through as many bytes as the kernel that is held against it, in the same
instruction set, precision and number of threads, so that caches serve both alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fastnn import _core
from fastnn._typing import Array

__all__ = ["PROBES", "Peak", "Timer", "bandwidth_probe", "fma_probe", "survey"]

#: name -> code, arrays read, arrays written
PROBES = {name: (code, reads, writes) for name, code, reads, writes in _core.probe_table()}

_VECTOR_BYTES = 64
_TURNS = 24 * 4096  # vectors a thread multiplies and adds in a step of the probe
_FAR = 4 << 20  # bytes from which a loop may do better past the caches
_GROUP = 64  # elements: probes go through whole groups


class Timer:
    """A bound program of one op, and its time a step.

    Args:
        run: runs so many steps.
        threads: one is timed by its processor time, which other processes do not disturb; several
            by the clock.
        most: the most steps of a call.
    """

    def __init__(self, run: Callable[[int], None], threads: int, most: int = 1 << 30):
        self.run, self._most = run, most
        self._clock = time.thread_time if threads == 1 else time.perf_counter
        self.steps = 1
        self._time()  # pages and caches

    def calibrate(self, seconds: float) -> None:
        """Choose so many steps a call that it takes about ``seconds``."""
        took = self._time()
        while took < seconds / 2 and self.steps < self._most:
            grown = int(self.steps * min(100, seconds / max(took, 1e-9)))
            self.steps = min(self._most, max(grown, self.steps + 1))
            took = self._time()

    def __call__(self) -> float:
        """Return the seconds of a step."""
        return self._time() / self.steps

    def _time(self) -> float:
        began = self._clock()
        self.run(self.steps)
        return self._clock() - began


def _timer(
    name: str, n: int, arrays: list[Array], dtype: str, isa: str, threads: int, far: bool = False
) -> Timer:
    program = _core.Program(dtype, isa, threads)
    program.add(PROBES[name][0], [*arrays, None, None][:3], [n], 0, [], True, far)
    program.finish(1 << 20, 1, False)
    return Timer(lambda steps: _finished(program.run(_core.Run(steps, 1))), threads)


def _finished(status: int) -> None:
    assert status == _core.DONE


def fma_probe(dtype: str, isa: str, threads: int) -> tuple[Timer, float]:
    """Return the loop of multiply-adds, and its FLOPs a step."""
    item = np.dtype(dtype).itemsize
    out = _core.aligned_zeros(max(threads, _GROUP), dtype)
    timer = _timer("fma", _TURNS, [out], dtype, isa, threads)
    return timer, 2.0 * _TURNS * (_VECTOR_BYTES // item) * threads


def bandwidth_probe(
    name: str, footprint: float, dtype: str, isa: str, threads: int
) -> tuple[Timer, float]:
    """Return a loop over about ``footprint`` bytes of memory, and its bytes a step.

    Of a large one that writes past the caches and one that does not, it is the faster.
    """
    _, reads, writes = PROBES[name]
    item = np.dtype(dtype).itemsize
    n = max(_GROUP, round(footprint / item / (reads + writes) / _GROUP) * _GROUP)
    if name == "update":  # y is read and written
        n = max(_GROUP, round(footprint / item / 2 / _GROUP) * _GROUP)
    arrays = [_core.aligned_zeros(n, dtype) for _ in range(1 + reads)]
    for array in arrays:
        array.fill(1)
    ways = (False, True) if footprint >= _FAR else (False,)
    timers = [_timer(name, n, arrays, dtype, isa, threads, far) for far in ways]
    fastest = min(timers, key=lambda timer: min(timer() for _ in ways))
    return fastest, float(n * item * (reads + writes))


#: Bytes that a survey goes through: in the first-level cache, in the second, and beyond most.
FOOTPRINTS = (16 << 10, 512 << 10, 192 << 20)


@dataclass(frozen=True)
class Peak:
    """What one loop reached: FLOPs or bytes a second, the best of a few turns."""

    probe: str
    dtype: str
    isa: str
    threads: int
    footprint: int
    rate: float


def survey(
    isas: Sequence[str],
    threads: Sequence[int],
    footprints: Sequence[int] = FOOTPRINTS,
    turns: int = 5,
) -> Iterator[Peak]:
    """Measure multiply-adds in each instruction set, and every other loop in the best one.

    Args:
        isas: instruction sets, the best first.
        threads: numbers of threads.
        footprints: bytes that a loop goes through.
        turns: times that each loop runs some milliseconds.
    """
    for count in threads:
        for dtype in ("float32", "float64"):
            for isa in isas:
                yield Peak("fma", dtype, isa, count, 0, _best(*fma_probe(dtype, isa, count), turns))
        for name in (name for name in PROBES if name != "fma"):
            for size in footprints:
                timer, work = bandwidth_probe(name, size, "float32", isas[0], count)
                yield Peak(name, "float32", isas[0], count, size, _best(timer, work, turns))


def _best(timer: Timer, work: float, turns: int) -> float:
    timer.calibrate(0.005)
    return max(work / timer() for _ in range(turns))
