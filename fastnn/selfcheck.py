"""Whether the kernels are right on this CPU: each against its NumPy twin, within its bound.

Every op, in every instruction set that the CPU has, in every precision, on every case of
``fastnn/reference/cases.py``; it takes a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from fastnn import _core
from fastnn.reference.cases import cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops

__all__ = ["Tally", "check", "run", "selfcheck"]

_SHOWN = 8  # names in a message


@dataclass
class Tally:
    """What the kernels of one instruction set in one precision have done so far.

    Attributes:
        isa: the instruction set.
        policy: the precision.
        ops: how many operations are checked.
        cases: on how many cases they were.
        worst: the largest error, relative to its bound.
        worst_op: whose it is.
        misses: what is wrong.
    """

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

    def facts(self) -> dict[str, Any]:
        """Return what was found, for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        verdict = f"{len(self.misses)} MISSES" if self.misses else "OK"
        return (
            f"{self.isa:<8}{self.policy:<15}{self.ops:>4} ops {self.cases:>5} cases  "
            f"worst error {self.worst:.2f} of its bound ({self.worst_op})  {verdict}"
        )


def check(
    only: Sequence[str] = (),
    isas: Sequence[str] = (),
    print_fn: Callable[[str], object] = print,
    verbose: bool = False,
) -> list[Tally]:
    """Check kernels and print one line for each instruction set and precision.

    Args:
        only: names of operations, or patterns of them; none choose all.
        isas: instruction sets; none choose all that the CPU has.
        print_fn: takes each line.
        verbose: whether every miss is printed, rather than the first few of each line.

    Returns:
        What was found, one for each line.

    Raises:
        ValueError: a word chooses nothing.
    """
    _refuse_unknown(only, isas)
    done: list[Tally] = []
    for policy in POLICIES:
        ops = [op for op in checked_ops(policy) if not only or _chosen(op, only)]
        available = [isa for isa in _core.isa_names(policy) if not isas or isa in isas]
        tallies = [Tally(isa, policy, len(ops)) for isa in available if ops or not only]
        for trial in (Trial(case, policy) for op in ops if tallies for case in cases(op)):
            for tally in tallies:
                tally.add(trial)
        _report(tallies, print_fn, None if verbose else 5)
        done += tallies
    return done


def _chosen(op: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(op, pattern) for pattern in patterns)


def _refuse_unknown(only: Sequence[str], isas: Sequence[str]) -> None:
    ops = {op for policy in POLICIES for op in checked_ops(policy)}
    known = {isa for policy in POLICIES for isa in _core.isa_names(policy)}
    for pattern in only:
        if not any(fnmatchcase(op, pattern) for op in ops):
            near = ", ".join(_near(pattern, ops))
            raise ValueError(
                f"selfcheck: no operation is called {pattern!r:.60}; there are {near}; 'name*' is "
                "all that begin so"
            )
    for isa in isas:
        if isa not in known:
            has = ", ".join(sorted(known))
            raise ValueError(f"selfcheck: this CPU has {has}, no instruction set {isa!r:.40}")


def _near(pattern: str, ops: Collection[str]) -> list[str]:
    """Return the operations whose names have that of a pattern in them, or the likest, or a few."""
    name = pattern.strip("*?").lower()
    near = sorted((op for op in ops if name in op), key=lambda op: (op.find(name), op))
    near = near or get_close_matches(name, sorted(ops))
    return [*(near or sorted(ops))[:_SHOWN], *(["..."] if len(near) != 1 else [])]


def run(print_fn: Callable[[str], object] = print, verbose: bool = False) -> int:
    """Check every kernel and print one line for each instruction set and precision.

    Args:
        print_fn: takes each line.
        verbose: whether every miss is printed, rather than the first few of each line.

    Returns:
        The number of misses.
    """
    return sum(len(tally.misses) for tally in check((), (), print_fn, verbose))


def _report(tallies: Iterable[Tally], print_fn: Callable[[str], object], shown: int | None) -> None:
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
