"""Things with a config as descriptions that JSON can hold, and back.

The registry is closed: fastnn's own classes, and those that the caller hands over, for once or for
the whole process.  A description cannot name code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from fastnn.errors import ModelFileError
from fastnn.naming import instead, lookup

__all__ = [
    "callers",
    "construct",
    "deserialize",
    "foreign_parts",
    "function",
    "is_kerases",
    "knowing",
    "named_parts",
    "register_keras_serializable",
    "require_distinct",
    "require_name",
    "serialize",
    "serialize_function",
]

#: What the caller handed over for the whole process, by the names that descriptions have for it.
_registered: dict[str, Any] = {}
#: What the caller of a ``deserialize`` that is under way handed over, for things inside of things.
_handed_over: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects")


class _Configured(Protocol):
    def get_config(self) -> dict[str, Any]: ...


T = TypeVar("T")
Registered = TypeVar("Registered", bound=Callable[..., Any])


def serialize(thing: _Configured) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal thing from."""
    return {"class_name": type(thing).__name__, "config": thing.get_config()}


def deserialize(
    kind: str,
    description: Mapping[str, Any],
    known: Mapping[str, type[T]],
    custom_objects: Mapping[str, Any] | None = None,
) -> T:
    """Return the thing that a description stands for.

    Args:
        kind: what it is, for messages: ``"layer"``.
        description: what ``serialize`` returned.
        known: fastnn's own classes of that kind, by name.
        custom_objects: classes and functions of the caller's, by name.

    Raises:
        ModelFileError: if its class is in neither, or it is no description.
    """
    parts = description if isinstance(description, Mapping) else {}
    name, config = parts.get("class_name"), parts.get("config")
    if not isinstance(name, str) or not isinstance(config, Mapping):
        raise ModelFileError(
            f"a description of a {kind} has a class_name and a config, got {str(description)[:60]}"
        )
    custom = {**callers(), **(custom_objects or {})}
    cls: Any = {**known, **custom}.get(name)
    if cls is None:
        raise ModelFileError(_unknown(kind, name, parts))
    with knowing(custom):
        thing: T = cls.from_config(config)
    return thing


def _unknown(kind: str, name: str, description: Mapping[str, Any]) -> str:
    """Return what there is to say of a class that is not known."""
    handed = f"custom_objects={{{name[:60]!r}: ...}}"
    mend = f"if it is yours, pass it: {handed}"
    if is_kerases(description):
        said = instead(name) or "fastnn does not have it"
        mend = f"it is Keras's own, {said}; one of yours can take its place: {handed}"
    without = "" if kind == "layer" else ", or load with compile=False"
    return f"no {kind} class {name[:60]!r}; {mend}{without}"


def is_kerases(description: Mapping[str, Any]) -> bool:
    """Return whether it is Keras's own that is described: descriptions of Keras say a module."""
    return str(description.get("module") or "").partition(".")[0] == "keras"


def callers() -> dict[str, Any]:
    """Return what the caller handed over, for the whole process and for what is under way."""
    return {**_registered, **_handed_over.get({})}


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Registered], Registered]:
    """Return a decorator that hands a class or a function over for all files that are read later.

    Args:
        package: as in Keras; makes no difference.
        name: as in Keras; a file names a class or a function by its own name.

    Raises:
        ValueError: by the decorator, if a class has no ``get_config``.

    Example:
        >>> import fastnn
        >>> @fastnn.saving.register_keras_serializable()
        ... class Halved(fastnn.layers.Layer):
        ...     def call(self, x):
        ...         return x / 2
        >>> model = fastnn.Sequential([fastnn.Input((2,)), Halved()])
        >>> fastnn.models.model_from_json(model.to_json()).predict([[2.0, 4.0]])
        array([[1., 2.]], dtype=float32)
    """

    def register(thing: Registered) -> Registered:
        known = str(getattr(thing, "__name__", thing))
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"register_keras_serializable: {known[:60]} has no get_config")
        _registered[known] = thing
        return thing

    return register


@contextmanager
def knowing(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Let what is made inside find these classes and functions by their names, too."""
    outer = _handed_over.set({**_handed_over.get({}), **custom_objects})
    try:
        yield
    finally:
        _handed_over.reset(outer)


def foreign_parts(things: Iterable[Any]) -> dict[str, Any]:
    """Return what descriptions of ``things`` name that is not fastnn's own, by those names."""
    found: dict[str, Any] = {}
    for thing in things:
        found |= {type(thing).__name__: type(thing), **named_parts(thing)}
    return {n: part for n, part in found.items() if not str(part.__module__).startswith("fastnn.")}


def function(
    kind: str, identifier: Any, classes: Mapping[str, type[Any]], by_name: Mapping[str, type[Any]]
) -> Any:
    """Return the function that a name, a description, a class or a function stands for.

    Args:
        kind: what it is, for messages: ``"regularizer"``.
        identifier: one of those, or ``None``, which stands for itself.
        classes: fastnn's own classes of that kind, as descriptions name them.
        by_name: the same, as people do.
    """
    if identifier is None:
        return None
    if isinstance(identifier, Mapping):
        return deserialize(kind, identifier, classes)
    known: Any = identifier
    if not callable(identifier):
        known = lookup(kind, identifier, {**by_name, **callers()})
    return known() if isinstance(known, type) else known


def serialize_function(thing: Any) -> dict[str, Any] | str | None:
    """Return a description of what ``function`` returned: a function's is its name.

    Raises:
        ValueError: if it is a function without one, which a config could not name.
    """
    if thing is None or hasattr(thing, "get_config"):
        return None if thing is None else serialize(thing)
    return require_name(thing, ", or as a class with get_config")


def require_name(function: Any, mend: str = "") -> str:
    """Return the name of a function, by which a config can tell it.

    Args:
        function: the function.
        mend: what else to do about one without a name, for messages.

    Raises:
        ValueError: if it has none, as a ``lambda``.
    """
    name = str(getattr(function, "__name__", ""))
    if not name.isidentifier():
        raise ValueError(
            f"{str(function)[:60]} has no name that a config could hold; write it with def{mend}"
        )
    return name


def named_parts(thing: object) -> dict[str, Any]:
    """Return the functions among the attributes of ``thing``, and the classes of those with a
    config, by the names that a description has for them."""
    parts = [part for part in vars(thing).values() if callable(part)]
    named = [type(part) if hasattr(part, "get_config") else part for part in parts]
    return {each.__name__: each for each in named if hasattr(each, "__name__")}


def require_distinct(things: Iterable[Any]) -> None:
    """Refuse things that have two functions, or classes, of one name, as only one is found by it.

    Raises:
        ValueError: if there are such.
    """
    found: dict[str, Any] = {}
    for name, part in (pair for thing in things for pair in named_parts(thing).items()):
        if found.setdefault(name, part) is not part:
            raise ValueError(
                f"two functions are called {name!r}, by which a config could not tell them apart; "
                f"give one another name: function.__name__ = '{name}_2'"
            )


def _taken(cls: type[Any]) -> tuple[set[str], bool]:
    """Return the names of what a constructor takes, and those that it hands its options to, and
    whether the last of these takes any other."""
    known: set[str] = set()
    for each in cls.__mro__:
        if "__init__" in vars(each) and each is not object:
            taken = inspect.signature(vars(each)["__init__"]).parameters.values()
            known |= {option.name for option in taken}
            if all(option.kind is not option.VAR_KEYWORD for option in taken):
                return known, False
    return known, True


def construct(cls: type[T], config: Mapping[str, Any]) -> T:
    """Return what ``cls(**config)`` makes; what a constructor does not take that every layer has,
    its name and whether it is trainable, is set afterwards."""
    known, is_open = _taken(cls)
    if is_open:
        return cls(**config)
    later = {name: config[name] for name in ("name", "trainable") if name in config}
    later = {name: value for name, value in later.items() if name not in known}
    gone = {*later, *({"dtype"} - known)}  # that of the model
    rest = {k: v for k, v in config.items() if k not in gone and (k in known or v is not None)}
    thing = cls(**rest)
    for name, value in later.items():
        setattr(thing, name, value)
    return thing
