"""Configured: classes whose things a config describes, also those of callers who write none."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.naming import KnowingArguments

__all__ = ["Configured"]

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Configured(KnowingArguments):
    """Metaclass of what has ``get_config``.

    A class of a caller's with a constructor of its own, and no ``get_config`` beside it, gets one
    that tells what the constructor was given, and what has changed since.  Numbers, texts, and
    lists and dicts of these can be kept so; of anything else it says what to do.

    Attributes:
        set_later: what is in a config whether the constructor takes it or not.
    """

    set_later: tuple[str, ...] = ()

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **options: Any):
        super().__init__(name, bases, space, **options)
        _let_tell(cls)

    def __call__(cls, *args: Any, **options: Any) -> Any:
        if not _is_callers(cls):
            return super().__call__(*args, **options)
        _let_tell(cls)  # a decorator may have made the constructor
        named = _kept(cls, args, options)
        thing = super().__call__(*args, **options)
        teller = _teller(cls)
        if type(thing) is cls and teller is not None:
            given = _Given(named, _config_above(teller, thing))
            with contextlib.suppress(AttributeError, TypeError):  # of slots alone
                object.__setattr__(thing, "_constructor_given", given)
        return thing


@dataclass
class _Given:
    """What a thing was made of.

    Attributes:
        named: what its constructor was given, by name; ``...`` for what is not plain.
        first: the config of its base right after that; ``None`` if there was none.
    """

    named: dict[str, Any]
    first: dict[str, Any] | None


def _is_callers(cls: type[Any]) -> bool:
    return cls.__module__.partition(".")[0] != __name__.partition(".")[0]


def _place(cls: type[Any], name: str) -> int:
    """Return how far up a class has what is called so."""
    return next(place for place, each in enumerate(cls.__mro__) if name in vars(each))


def _maker(cls: type[Any]) -> type[Any]:
    return cls.__mro__[_place(cls, "__init__")]


def _let_tell(cls: Any) -> None:
    """Give a class ``get_config``, if it has one from above its constructor."""
    is_silent = hasattr(cls, "get_config") and _place(cls, "__init__") < _place(cls, "get_config")
    if is_silent and _is_callers(_maker(cls)):
        cls.get_config = _telling(cls)


def _telling(cls: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Return ``get_config`` of a class: what its constructor was given, and its base tells."""

    def get_config(self: Any) -> dict[str, Any]:
        """Return the arguments that make an equal thing."""
        config: dict[str, Any] = super(cls, self).get_config()
        if _maker(type(self)) is not _maker(cls):  # a sub-class tells what it was given
            return config
        return _completed(type(self), config, getattr(self, "_constructor_given", None))

    get_config.tells_arguments = True  # type: ignore[attr-defined]
    return get_config


def _teller(cls: type[Any]) -> Any:
    """Return the class whose constructor a class has, if that was given ``get_config``."""
    own = (each for each in cls.__mro__ if _maker(each) is _maker(cls))
    told = (each for each in own if hasattr(vars(each).get("get_config"), "tells_arguments"))
    return next(told, None)


def _config_above(cls: Any, thing: Any) -> dict[str, Any] | None:
    """Return what the base of a class tells of a thing, if it tells anything."""
    try:
        config: dict[str, Any] = super(cls, thing).get_config()
    except Exception:  # of a constructor that has not called its base's, or of what has no config
        return None
    return config


def _completed(cls: Any, config: dict[str, Any], given: _Given | None) -> dict[str, Any]:
    """Return what makes an equal thing, of the config of its base.

    Raises:
        NotImplementedError: if that has to be more than a config can keep, or a constructor takes.
    """
    known = inspect.signature(cls).parameters
    named = given.named if given else dict.fromkeys(_names(known), ...)
    first = given.first if given else None
    _refuse(cls, [name for name, value in named.items() if value is ... and name not in config])
    if first is None:
        return {**config, **{n: each for n, each in named.items() if n not in config}}
    was = {name: value for name, value in first.items() if name != "dtype"}  # that of the model
    changed = {name for name, value in was.items() if not _same(config.get(name), value)}
    kinds, later = {each.kind for each in known.values()}, type(cls).set_later
    is_open = inspect.Parameter.VAR_KEYWORD in kinds
    _refuse(cls, [] if is_open else sorted(changed - {*known, *later}))
    told = {name: config[name] for name in config if name in {*named, *changed, *later}}
    if inspect.Parameter.VAR_POSITIONAL in kinds:  # what has no name there has one in the base
        told = dict(config)
    for name, value in named.items():
        as_given = name in first and _same(first[name], value)
        if value is not ... and name not in changed and not as_given:
            told[name] = copy.deepcopy(value)  # what the constructor made of it is in the config
    return told


def _refuse(cls: type[Any], lost: list[str]) -> None:
    if lost:
        raise NotImplementedError(
            f"{cls.__name__}: its config would lose {', '.join(lost):.150}; write get_config, "
            "which returns what its constructor takes with what super().get_config() has of that"
        )


def _same(one: Any, other: Any) -> bool:
    """Return whether two values in configs are the same."""
    try:
        return bool(one == other)
    except ValueError:  # arrays
        return bool(np.array_equal(one, other))


def _names(known: Mapping[str, inspect.Parameter]) -> list[str]:
    return [name for name, each in known.items() if each.kind not in _VARIADIC]


def _kept(cls: type[Any], args: Iterable[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return by their names what a constructor is called with, ``...`` for what is not plain;
    without what has no name, which is for the base."""
    signature = inspect.signature(cls)
    known = signature.parameters
    try:
        given = signature.bind(*args, **options).arguments
    except TypeError:  # a decorator gives what is missing
        return dict.fromkeys(_names(known), ...)
    named = {name: given[name] for name in _names(known) if name in given}
    for name in given.keys() - named.keys():
        if known[name].kind is inspect.Parameter.VAR_KEYWORD:
            named.update(given[name])
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
