"""Configured: classes whose things a config describes, also those of callers who write none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from fastnn.naming import KnowingArguments

__all__ = ["Configured"]

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Configured(KnowingArguments):
    """Metaclass of what has ``get_config``.

    A class of a caller's with a constructor of its own, and no ``get_config`` beside it, gets one:
    that of its base, with what else the constructor was given.  Numbers, texts, and lists and dicts
    of these can be kept so; of anything else it says what to do.

    Attributes:
        set_later: what is in a config although the constructor may not take it.
    """

    set_later: tuple[str, ...] = ()

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **options: Any):
        super().__init__(name, bases, space, **options)
        if _is_callers(cls) and "__init__" in space and "get_config" not in space:
            cls.get_config = _with_arguments(cls)

    def __call__(cls, *args: Any, **options: Any) -> Any:
        thing = super().__call__(*args, **options)
        if _is_callers(cls):
            thing._arguments_given = _kept(cls, args, options)
        return thing


def _is_callers(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] != __name__.partition(".")[0]


def _with_arguments(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Return ``get_config`` of a class: what its base tells, and what its constructor was given."""

    def get_config(self: Any) -> dict[str, Any]:
        """Return the arguments that make an equal thing."""
        config: dict[str, Any] = super(cls, self).get_config()
        maker = next(each for each in type(self).__mro__ if "__init__" in vars(each))
        return _completed(self, config) if maker is cls else config

    return get_config


def _completed(thing: Any, config: dict[str, Any]) -> dict[str, Any]:
    """Return a config with what the constructor was given besides, and without what it does not
    take.

    Raises:
        NotImplementedError: if it was given what a config cannot keep.
    """
    cls: Any = type(thing)
    given = getattr(thing, "_arguments_given", {})
    besides = {name: value for name, value in given.items() if name not in config}
    lost = [name for name, value in besides.items() if value is ...]
    if lost:
        raise NotImplementedError(
            f"{cls.__name__}: its constructor takes {', '.join(lost):.150}, which its config would "
            "lose; write get_config, which returns them with those of super().get_config()"
        )
    known = inspect.signature(cls).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in known.values()):
        taken = (*known, *type(cls).set_later)
        config = {name: value for name, value in config.items() if name in taken}
    return {**config, **besides}


def _kept(cls: type[Any], args: Iterable[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return by their names what a constructor was called with, ``...`` for what is not plain."""
    signature = inspect.signature(cls)
    known = signature.parameters
    try:
        given = signature.bind(*args, **options).arguments
    except TypeError:  # a decorator gives what is missing
        return {name: ... for name in known if known[name].kind not in _VARIADIC}
    named = {name: value for name, value in given.items() if known[name].kind not in _VARIADIC}
    for name in given.keys() - named.keys():
        is_dict = known[name].kind is inspect.Parameter.VAR_KEYWORD
        named.update(given[name] if is_dict else {f"*{name}": ...})
    return {name: _plain(value) for name, value in named.items()}


def _plain(value: Any) -> Any:
    """Return a copy of what JSON can hold; ``...`` for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        parts = {key: _plain(each) for key, each in value.items()}
        return ... if ... in parts.values() or {*map(type, parts)} - {str} else parts
    if isinstance(value, list | tuple):
        each = list(map(_plain, value))
        return ... if ... in each else each
    return value if value is None or type(value) in (bool, int, float, str) else ...
