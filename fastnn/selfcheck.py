"""Whether the kernels are right on this CPU: each against its NumPy twin, within its bound.

Every op, in every instruction set that the CPU has, in every precision, on every case of
``fastnn/reference/cases.py``; it takes a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fastnn import _core
from fastnn.reference.cases import cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops

__all__ = ["run", "selfcheck"]


@dataclass
class _Tally:
    """What the kernels of one instruction set in one precision have done so far."""

    isa: str
    policy: str
    ops: int
    cases: int = 0
    worst: float = 0.0
    worst_op: str = "-"
    misses: list[str] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        """Run a case and judge it."""
        arrays = trial.compiled(self.isa)
        error = trial.ratio(arrays)
        self.cases += 1
        if error > self.worst:
            self.worst, self.worst_op = error, trial.case.op
        if not error <= 1:
            self.misses.append(f"{trial.case}: error is {error:.3g} of its bound")
        self.misses += [f"{trial.case}: changed its input {name}" for name in trial.spoilt(arrays)]

    def __str__(self) -> str:
        verdict = f"{len(self.misses)} MISSES" if self.misses else "OK"
        return (
            f"{self.isa:<8}{self.policy:<15}{self.ops:>4} ops {self.cases:>5} cases  "
            f"worst error {self.worst:.2f} of its bound ({self.worst_op})  {verdict}"
        )


def run(print_fn: Callable[[str], object] = print, verbose: bool = False) -> int:
    """Check every kernel and print one line for each instruction set and precision.

    Args:
        print_fn: takes each line.
        verbose: whether every miss is printed, rather than the first few of each line.

    Returns:
        The number of misses.
    """
    misses = 0
    for policy in POLICIES:
        ops = checked_ops(policy)
        tallies = [_Tally(isa, policy, len(ops)) for isa in _core.isa_names(policy)]
        for trial in (Trial(case, policy) for op in ops for case in cases(op)):
            for tally in tallies:
                tally.add(trial)
        misses += sum(len(tally.misses) for tally in tallies)
        _report(tallies, print_fn, None if verbose else 5)
    return misses


def _report(
    tallies: Iterable[_Tally], print_fn: Callable[[str], object], shown: int | None
) -> None:
    for tally in tallies:
        print_fn(str(tally))
        for miss in tally.misses[:shown]:
            print_fn(f"  MISS {miss}")
        if shown is not None and len(tally.misses) > shown:
            print_fn(f"  ... and {len(tally.misses) - shown} more")


def selfcheck(verbose: bool = False) -> int:
    """Check every kernel on this CPU and print what was found.

    Args:
        verbose: whether every miss is printed.

    Returns:
        The exit code: 0 if every kernel is within its bounds, else 1.
    """
    return int(run(verbose=verbose) > 0)
