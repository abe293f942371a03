"""Names: of layers, and of the things that users name by strings."""

from __future__ import annotations

import functools
import inspect
import re
from abc import ABCMeta
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

from fastnn.elsewhere import ABSENT, ARGUMENTS, NAMES, NO_ARGUMENTS, VALUES
from fastnn.locks import lock

__all__ = [
    "KnowingArguments",
    "NotThere",
    "clear_session",
    "closest",
    "instead",
    "knowing_arguments",
    "lookup",
    "public",
    "require_known",
    "snake_case",
    "unique_name",
]

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

#: Letters of names that are soon like any other, such as "random" like "grad".
_SHORT = 6

_used: Counter[str] = Counter()
_counting = lock()


def snake_case(name: str) -> str:
    """Return ``MaxPooling2D`` as ``max_pooling2d``, as Keras does."""
    name = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """Return ``dense``, then ``dense_1``, ``dense_2``, ... within this process."""
    with _counting:
        count = _used[prefix]
        _used[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def clear_session(free_memory: bool = True) -> None:
    """Begin anew with the names that layers and models are given: ``dense``, ``dense_1``, ...

    There is nothing else to clear: models are freed as other objects are.

    Args:
        free_memory: as in Keras; makes no difference.

    Example:
        >>> import fastnn
        >>> fastnn.utils.clear_session()
        >>> fastnn.layers.Dense(1).name
        'dense'
    """
    _used.clear()


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return which known name was probably meant, if one was: one of the same letters, one that is
    but a letter or two off, one that has all of its words, or one that is written alike."""
    import difflib  # slow to import, and only for those who mistyped

    spelt, words = {each.lower(): each for each in known}, _words(name)
    alike = 0.6 if len(name) > _SHORT else 0.7
    mixed = [low for low in spelt if sorted(low) == sorted(name.lower())]
    whole = [low for low, each in spelt.items() if words and words <= _words(each)]
    for among, least in ((mixed, 0.0), (list(spelt), 0.85), (whole, 0.0), (list(spelt), alike)):
        close = difflib.get_close_matches(name.lower(), among, 1, least)
        if close:
            return spelt[close[0]]
    return None


def _words(name: str) -> set[str]:
    return set(snake_case(name).split("_")) - {""}


def require_known(who: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse arguments that nobody takes, and say which was probably meant.

    Args:
        who: what is called, for messages.
        given: the names of arguments.
        known: the names that there are.

    Raises:
        TypeError: if one is not known.
    """
    every = list(known)
    for name in given:
        if name not in every:
            here = ARGUMENTS.get(name)
            close = here if here in every else closest(name, every)
            hint = f"did you mean {close!r}?" if close else f"there are {', '.join(every)}"
            instead, meaning = NO_ARGUMENTS.get(name, ("", ""))
            hint = f"{instead} {meaning}" if instead in every else hint
            raise TypeError(f"{who}: unknown argument {name!r:.60}; {hint}"[:400])


class KnowingArguments(ABCMeta):
    """Metaclass of classes that say which argument was meant where they do not know one."""

    @property
    def __signature__(cls) -> inspect.Signature:
        init: Any = cls.__init__  # type: ignore[misc]
        new: Any = cls.__new__
        if init is object.__init__ and new is object.__new__:
            return inspect.Signature()
        signature = inspect.signature(new if init is object.__init__ else init)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *args: Any, **options: Any) -> Any:
        own = cls.__signature__.parameters
        if not any(each.kind is each.VAR_KEYWORD for each in own.values()):
            require_known(cls.__name__, options, own)
        _require_fit(cls, args, options)
        return super().__call__(*args, **options)


def _require_fit(cls: type[Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> None:
    """Refuse too few or too many arguments by the name of the class that was called, which Python
    would call by that of a base class."""
    try:
        inspect.signature(cls.__init__, follow_wrapped=False).bind(cls, *args, **options)
    except TypeError as error:
        names = ", ".join(inspect.signature(cls).parameters)
        raise TypeError(f"{cls.__name__}: {error}; it takes {names}"[:400]) from None


def knowing_arguments(function: Function) -> Function:
    """Return a function that says which argument was meant where it does not know one."""
    known = inspect.signature(function).parameters.keys() - {"self"}

    @functools.wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        if not options.keys() <= known:
            require_known(function.__name__, options, sorted(known))
        return function(*args, **options)

    return cast(Function, checked)


def instead(name: str) -> str | None:
    """Return what there is to say of a name that is known elsewhere: what does so here, or that
    nothing does."""
    kind = next((kind for part, kind in ABSENT.items() if part in name.lower()), None)
    return NAMES.get(name) or (kind and f"fastnn has no {kind} (README.md, What it is not)")


class NotThere(AttributeError):
    """A name that a module does not have; says which was meant when somebody reads it.

    Importing a module asks its package for that name, so this costs nothing until then.
    """

    def __init__(self, module: str, name: str, known: Iterable[str]):
        super().__init__(module, name, tuple(known))

    def __str__(self) -> str:
        module, name, known = self.args
        said = instead(name)
        close = None if said or name.startswith("_") else closest(name, known)
        hint = f"did you mean {close!r}?" if close else said
        return f"module {module!r} has no attribute {name[:60]!r}" + (f"; {hint}" if hint else "")


def public(module: str, names: Iterable[str]) -> tuple[Callable[[str], Any], Callable[[], Any]]:
    """Return ``__getattr__`` and ``__dir__`` of a module (PEP 562) that has these names."""
    known = sorted(names)

    def missing(name: str) -> Any:
        raise NotThere(module, name, known)

    return missing, lambda: known


def lookup(kind: str, name: Any, known: Mapping[str, T]) -> T:
    """Return ``known[name]``, or say what was meant.

    Raises:
        TypeError: if ``name`` is not a string.
        ValueError: if it is not known.
    """
    if not isinstance(name, str):
        raise TypeError(f"{kind}: expected a name or an object, got {type(name).__name__}")
    spelt = {key.lower(): key for key in known}
    if name.lower() in spelt:
        return known[spelt[name.lower()]]
    elsewhere = {there: here for there, here in VALUES.items() if here in known}
    close = closest(name, [*known, *elsewhere])
    hint = f"; did you mean {elsewhere.get(close, close)!r}?" if close else "."
    raise ValueError(
        f"{kind}: unknown {name[:40]!r}{hint} Known: {', '.join(sorted(set(known)))}"[:400]
    )
