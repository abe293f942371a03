"""Nests: one thing, or lists, tuples and dicts of them, as people hand over inputs and outputs.

Inside of fastnn everything is a flat list; a nest is taken apart and put together at the surface.
The order of a dict is that of its sorted keys, as in Keras.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["apply", "flatten", "lists", "pack", "paths"]


def flatten(nest: Any) -> list[Any]:
    """Return what is in a nest, in order.

    Example:
        >>> from fastnn import nests
        >>> nests.flatten({"b": 1, "a": [2, (3, 4)]})
        [2, 3, 4, 1]
    """
    if isinstance(nest, list | tuple):
        return [leaf for each in nest for leaf in flatten(each)]
    if isinstance(nest, dict):
        return [leaf for key in sorted(nest) for leaf in flatten(nest[key])]
    return [nest]


def pack(like: Any, flat: Iterable[Any]) -> Any:
    """Return a nest of the shape of ``like`` that holds the things of a flat list."""
    leaves: Iterator[Any] = iter(flat)
    return apply(lambda _: next(leaves), like)


def apply(function: Callable[[Any], Any], nest: Any) -> Any:
    """Return the nest of what ``function`` makes of each thing, called in the order of ``flatten``.

    Example:
        >>> from fastnn import nests
        >>> nests.apply(str, {"b": 1, "a": [2, (3, 4)]})
        {'b': '1', 'a': ['2', ('3', '4')]}
    """
    if isinstance(nest, list | tuple):
        return type(nest)(apply(function, each) for each in nest)
    if isinstance(nest, dict):
        made = {key: apply(function, nest[key]) for key in sorted(nest)}
        return {key: made[key] for key in nest}
    return function(nest)


def lists(nest: Any) -> Any:
    """Return the nest with lists in place of tuples, as JSON has it."""
    if isinstance(nest, list | tuple):
        return [lists(each) for each in nest]
    return {key: lists(each) for key, each in nest.items()} if isinstance(nest, dict) else nest


def paths(nest: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what is in a nest with its place, in the order of the nest itself.

    Example:
        >>> from fastnn import nests
        >>> list(nests.paths({"b": 1, "a": [2]}, "x"))
        [('x/b', 1), ('x/a/0', 2)]
    """
    if isinstance(nest, list | tuple | dict):
        items = nest.items() if isinstance(nest, dict) else enumerate(nest)
        for key, each in items:
            yield from paths(each, f"{path}/{key}")
    else:
        yield path, nest
