"""Things with a config as descriptions that JSON can hold, and back.

The registry is closed: fastnn's own classes, and those that the caller hands over.  A description
cannot name code.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from fastnn.errors import ModelFileError

__all__ = ["deserialize", "require_config", "serialize"]


class _Configured(Protocol):
    def get_config(self) -> dict[str, Any]: ...


T = TypeVar("T")


def serialize(thing: _Configured) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal thing from."""
    return {"class_name": type(thing).__name__, "config": thing.get_config()}


def deserialize(
    kind: str,
    description: Mapping[str, Any],
    known: Mapping[str, type[T]],
    custom_objects: Mapping[str, type[Any]] | None = None,
) -> T:
    """Return the thing that a description stands for.

    Args:
        kind: what it is, for messages: ``"layer"``.
        description: what ``serialize`` returned.
        known: fastnn's own classes of that kind, by name.
        custom_objects: classes of the caller's, by name.

    Raises:
        ModelFileError: if its class is in neither.
    """
    name = str(description["class_name"])
    cls: Any = {**known, **(custom_objects or {})}.get(name)
    if cls is None:
        mend = f"if it is yours, pass it: custom_objects={{{name[:60]!r}: ...}}"
        without = "" if kind == "layer" else ", or load with compile=False"
        raise ModelFileError(f"no {kind} class {name[:60]!r}; {mend}{without}")
    thing: T = cls.from_config(description["config"])
    return thing


def require_config(cls: type[Any], base: type[Any]) -> None:
    """Refuse a class whose constructor takes arguments that its inherited config would lose.

    Raises:
        NotImplementedError: if ``cls`` takes arguments that ``base`` does not, but has the
            ``get_config`` of ``base``.
    """
    if cls.get_config is not base.get_config:
        return
    own = inspect.signature(cls.__init__).parameters
    plain = inspect.signature(base.__init__).parameters
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    lost = [name for name, p in own.items() if name not in plain and p.kind not in variadic]
    if lost:
        raise NotImplementedError(
            f"{cls.__name__}: its constructor takes {', '.join(lost)}, which a file would lose; "
            "write get_config, which returns them with those of super().get_config()"
        )
