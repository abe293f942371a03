"""Named arrays for the weights of a model: all of them, those that fit, or those that there are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from fastnn._warnings import warn_caller
from fastnn.errors import ModelFileError, ShapeError
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.models.trainer import Trainer

__all__ = ["Source", "counted_anew", "take"]


class Source(Protocol):
    """An array, or what becomes one when it is indexed: a data set of an open file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, key: Any, /) -> Any: ...


def take(
    model: Trainer,
    wanted: Mapping[str, Variable],
    given: Mapping[str, Source],
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> None:
    """Give variables the arrays of their names; nothing is changed if one does not fit.

    Args:
        model: whose variables they are.
        wanted: the variables by the names that the arrays have.
        given: the arrays, which are read once their shapes are known to fit.
        skip_mismatch: whether variables without an array of their shape stay as they are, with a
            warning.
        by_name: whether those without an array of their name do, and arrays may be left over.

    Raises:
        ModelFileError: if there is no array of a name, or one that nobody wants.
        ShapeError: if one has another shape.
    """
    left = [name for name, each in wanted.items() if not _fits(each, given.get(name))]
    if by_name:
        left = [name for name in left if name in given]
    if left and not skip_mismatch:
        raise _mismatch(model.name, left[0], wanted, given)
    over = sorted(given.keys() - wanted.keys())
    if over and not (skip_mismatch or by_name):
        raise ModelFileError(
            f"{model.name}: it has no weight {over[0]!r:.80} of shape {given[over[0]].shape}, as "
            f"the file has; {_listed(wanted)}; by_name=True or skip_mismatch=True leaves it out"
        )
    fitting = {name: each for name, each in wanted.items() if _fits(each, given.get(name))}
    if by_name and not (fitting or left):
        warn_caller(
            f"load_weights: no layer has the name of one of the file: all {len(wanted)} weights "
            f"stay as they are, such as {_first(wanted)}; the file has {_first(given)}",
            UserWarning,
        )
    with model.changing("load_weights"):
        values = [each.check(given[name][()]) for name, each in fitting.items()]
        for variable, value in zip(fitting.values(), values, strict=True):
            variable.fill(value)
    if left:
        warn_caller(
            f"load_weights: {len(left)} of {len(wanted)} weights stay as they are, since the file "
            f"has none of their shapes: {', '.join(left)}"[:390],
            UserWarning,
        )


def counted_anew(wanted: Mapping[str, Variable], given: Iterable[str]) -> Mapping[str, Variable]:
    """Return the variables by the names that are given, if those differ in numbers alone.

    A second model of a process has layers ``dense_2`` and ``dense_3`` where the first had ``dense``
    and ``dense_1``; what counts is their order.
    """
    names = set(given)
    own, others = _ranked(wanted), _ranked(names)
    if names == wanted.keys() or own.keys() != others.keys():
        return wanted
    return {others[rank]: wanted[name] for rank, name in own.items()}


def _ranked(names: Iterable[str]) -> dict[tuple[Any, ...], str]:
    """Return names by what is left of them if numbers become ranks among those beside them."""
    split = {name: [_numbered(part) for part in name.split("/")] for name in names}
    beside: dict[Any, set[int]] = defaultdict(set)
    for parts in split.values():
        for i, (stem, number) in enumerate(parts):
            beside[(*parts[:i], stem)].add(number)
    ranks = {place: sorted(numbers) for place, numbers in beside.items()}
    return {
        tuple(
            (stem, ranks[(*parts[:i], stem)].index(number))
            for i, (stem, number) in enumerate(parts)
        ): name
        for name, parts in split.items()
    }


def _numbered(part: str) -> tuple[str, int]:
    """Return ``dense_2`` as its stem and its number, which is 0 where there is none."""
    found = re.fullmatch(r"(.+)_(\d{1,9})", part)
    return (found[1], int(found[2])) if found else (part, 0)


def _fits(variable: Variable, source: Source | None) -> bool:
    return source is not None and tuple(source.shape) == variable.shape


def _mismatch(
    who: str, name: str, wanted: Mapping[str, Variable], given: Mapping[str, Source]
) -> ValueError:
    """Return what is wrong with the array of a name."""
    variable, mend = wanted[name], "skip_mismatch=True leaves such weights as they are"
    if name in given:
        return ShapeError(
            f"{who}: {variable.path} expects an array of shape {variable.shape}, the file's "
            f"{name!r:.80} has the shape {tuple(given[name].shape)}; {mend}"
        )
    return ModelFileError(
        f"{who}: the file has no {name!r:.80} of shape {variable.shape}, which {variable.path} "
        f"needs; {_listed(given)}; {mend}"
    )


def _first(names: Iterable[str]) -> str:
    return min(names, default="none")[:80]


def _listed(names: Iterable[str]) -> str:
    """Return the first of some names, for a message."""
    every = sorted(names)
    shown = ", ".join(name[:40] for name in every[:3]) or "nothing"
    return f"there are {len(every)}: {shown}{', ...' if len(every) > 3 else ''}"
