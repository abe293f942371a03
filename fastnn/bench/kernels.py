"""Every op of the table by itself: its time, and the share of what the machine allows.

A kernel runs as a program of one op, many steps in one call of the core, so that Python is not in
its time.  In each round the kernel and the loops of peaks.py take turns; the share is formed round
by round, so that a change of clock or of load cancels.

Invariant: the floor of a kernel is the greater of FLOPs / multiply-adds and bytes / bandwidth, both
counted from the op's row in csrc/ops.def: each operand once, one changed in place twice.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.bench.peaks import Timer, bandwidth_probe, fma_probe
from fastnn.bench.shapes import SHAPES
from fastnn.compiler.bind import Compiled, shared
from fastnn.ops.table import table
from fastnn.reference.cases import Case
from fastnn.reference.harness import Trial

__all__ = ["Effort", "Kernel", "KernelResult", "measure", "measure_all"]


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and the seconds of a turn in each."""

    rounds: int = 7
    seconds: float = 0.01


@dataclass(frozen=True)
class KernelResult:
    """One kernel on one shape.

    Attributes:
        op: its name in the table.
        case: sizes and attributes.
        seconds: the median time of a step; ``spread`` is (slowest - fastest) / median.
        flops, bytes: of a step, by the table.
        limit: what bounds it: ``fma``, or the name of the loop whose bandwidth does.
        peak: FLOPs or bytes a second of that limit, measured in the same rounds.
        share: floor / time, the median over rounds; 1 is the machine's limit.
    """

    op: str
    case: str
    dtype: str
    isa: str
    threads: int
    seconds: float
    spread: float
    flops: int
    bytes: int
    limit: str
    peak: float
    share: float


class Kernel:
    """A case bound to the kernel of an instruction set, ready to run many times."""

    def __init__(self, case: Case, dtype: str, isa: str, threads: int):
        self.case, self.dtype, self.isa, self.threads = case, dtype, isa, threads
        trial = Trial(case, dtype)
        [self.node] = trial.program.nodes
        [self.shared] = shared(trial.program)
        self._compiled, self._arrays = trial.bound(
            lambda memory: Compiled(trial.program, memory, isa, threads)
        )

    @property
    def flops(self) -> int:
        """Floating-point operations of a step."""
        return self.node.flops(self.case.rows)

    def traffic(self) -> tuple[int, int]:
        """Return the bytes that a step reads and writes."""
        op, rows = self.node.op, self.case.rows
        reads = sum(self._bytes(o.name, self.case.filled(o, rows)) for o in op.inputs)
        inplace = (o for o in op.inputs if o.inplace)
        writes = sum(
            self._bytes(o.name, self.case.filled(o, rows)) for o in (*op.outputs, *inplace)
        )
        return reads, writes

    def _bytes(self, name: str, shape: tuple[int, ...]) -> int:
        array = self._arrays.get(name)
        return 0 if array is None else math.prod(shape) * array.itemsize

    @property
    def loop(self) -> str:
        """The probe whose mixture of reads and writes is nearest."""
        reads, writes = self.traffic()
        if any(operand.inplace for operand in self.node.op.inputs):
            return "update"
        if reads < writes / 4:
            return "fill"
        if writes < reads / 4:
            return "read"
        return "copy" if reads < writes * 1.5 else "triad"

    def footprint(self) -> int:
        """Return the bytes of memory that a step touches."""
        reads, writes = self.traffic()
        inplace = (o for o in self.node.op.inputs if o.inplace)
        twice = sum(self._bytes(o.name, self.case.filled(o, self.case.rows)) for o in inplace)
        return reads + writes - twice

    def timer(self) -> Timer:
        """Return its timer."""
        if self.case.shuffled or not self._lent:
            return Timer(self._run, self.threads)
        return Timer(self._run, self.threads, most=self.case.steps)

    @property
    def _lent(self) -> bool:
        return bool(self._compiled.program.lent)

    def _run(self, steps: int) -> None:
        rows = self.case.rows
        run = _core.Run(rows * steps, rows, order=self._order(rows * steps), watch=False)
        status = self._compiled.run(run)
        assert status == _core.DONE, (str(self.case), status)

    def _order(self, count: int) -> Array | None:
        """Return rows of the caller's data in a random order, over and over."""
        if not self.case.shuffled:
            return None
        known = _core.permutation(0, 0, self.case.rows * self.case.steps)
        return np.resize(known, count)


def measure(case: Case, dtype: str, isa: str, threads: int, effort: Effort) -> KernelResult | None:
    """Measure one case.

    Args:
        case: the case.
        dtype: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``, which is held against the
            multiply-adds of float32.
        isa: the instruction set, one of ``_core.isa_names(dtype)``.
        threads: the most threads.
        effort: how long.

    Returns:
        The result; ``None`` if the op is too small to be shared by several threads.
    """
    kernel = Kernel(case, dtype, isa, threads)
    if threads > 1 and not kernel.shared:
        return None
    reads, writes = kernel.traffic()
    real = config.real_dtype(dtype)
    known = isa if isa in _core.isa_names(real) else _core.isa_names(real)[0]
    probes = {kernel.loop: bandwidth_probe(kernel.loop, kernel.footprint(), real, known, threads)}
    if kernel.flops > reads + writes:  # else memory is slower by far
        probes["fma"] = fma_probe(real, known, threads)
    work = {name: kernel.flops if name == "fma" else reads + writes for name in probes}
    times, peaks = _rounds(kernel.timer(), probes, effort)
    seconds = statistics.median(times)
    floors = {name: work[name] / statistics.median(peaks[name]) for name in probes}
    limit = max(floors, key=lambda name: floors[name])
    shares = [work[limit] / peak / t for peak, t in zip(peaks[limit], times, strict=True)]
    return KernelResult(
        op=case.op,
        case=label(case),
        dtype=dtype,
        isa=isa,
        threads=threads,
        seconds=seconds,
        spread=(max(times) - min(times)) / seconds,
        flops=kernel.flops,
        bytes=reads + writes,
        limit=limit,
        peak=statistics.median(peaks[limit]),
        share=statistics.median(shares),
    )


def _rounds(
    timer: Timer, probes: dict[str, tuple[Timer, float]], effort: Effort
) -> tuple[list[float], dict[str, list[float]]]:
    """Return the kernel's seconds and each probe's work a second, round by round."""
    for each in (timer, *(probe for probe, _ in probes.values())):
        each.calibrate(effort.seconds)
    times: list[float] = []
    peaks: dict[str, list[float]] = {name: [] for name in probes}
    for _ in range(effort.rounds):
        times.append(timer())
        for name, (probe, work) in probes.items():
            peaks[name].append(work / probe())
    return times, peaks


def label(case: Case) -> str:
    """Return sizes and attributes as people read them."""
    sizes = " ".join(
        f"{axis}{'x'.join(str(case.rows if n is None else n) for n in dims)}"
        for axis, dims in case.sizes.items()
    )
    shown: dict[str, Any] = {
        name: value
        for name, value in case.attrs.items()
        if name not in ("stream", "watched", "beta_1", "beta_2", "epsilon", "threshold", "value")
        and value not in ("linear", 0)
        and not (name.startswith("stride") and value == 1)
    }
    if any(operand.dtype == "any" for operand in table()[case.op].inputs):
        shown["of"] = case.source
    return " ".join([sizes, *(f"{name}={value}" for name, value in shown.items())])


def measure_all(
    ops: list[str],
    dtypes: list[str],
    isas: list[str],
    threads: list[int],
    effort: Effort,
    quick: bool,
) -> Iterator[KernelResult]:
    """Yield the result of every combination that there is, op by op.

    Args:
        ops: names.
        dtypes: precisions.
        isas: instruction sets.
        threads: numbers of threads.
        effort: how long each is measured.
        quick: whether one case stands for all of an op, in the best instruction set.
    """
    for op in ops:
        for case in SHAPES[op][:1] if quick else SHAPES[op]:
            for dtype, isa, count in _kinds(op, dtypes, isas, threads, quick):
                result = measure(case, dtype, isa, count, effort)
                if result is not None:
                    yield result


def _kinds(
    op: str, dtypes: list[str], isas: list[str], threads: list[int], quick: bool
) -> Iterator[tuple[str, str, int]]:
    """Yield the precisions, instruction sets and threads in which an op has a kernel of its own."""
    for dtype in dtypes:
        if op in _core.kernels(dtype):
            here = [isa for isa in _core.isa_names(dtype) if isa in isas]
            yield from itertools.product([dtype], here[:1] if quick else here, threads)
