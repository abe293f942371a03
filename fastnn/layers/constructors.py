"""How layers are constructed: with the shape of a model's input, and as others are but for
defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar, cast

from fastnn.compiler.geometry import is_size
from fastnn.compiler.graph import Shape
from fastnn.configured import Configured
from fastnn.errors import ShapeError

__all__ = ["Constructed", "with_defaults"]

Constructor = TypeVar("Constructor", bound=Callable[..., None])


class Constructed(Configured):
    """Lets any layer take the shape of a model's input, as old scripts for Keras give it."""

    #: What every layer has, and what Sequential is made and built of.
    set_later = ("name", "trainable", "dtype", "layers", "input_shape", "batch_size")

    def __call__(cls, *args: Any, **options: Any) -> Any:
        own = cls.__signature__.parameters
        taken = [name for name in _SHAPES if name in options and name not in own]
        shapes = {name: options.pop(name) for name in taken}
        layer = super().__call__(*args, **options)
        if "name" not in vars(layer):
            raise RuntimeError(f"{cls.__name__}: its __init__ has to begin with super().__init__()")
        for name, value in shapes.items():
            layer.given_shape = _given_shape(layer.name, name, value)
            if name == "batch_input_shape":
                layer.given_rows = value[0]
        return layer


_SHAPES = ("input_shape", "batch_input_shape", "input_dim")


def _given_shape(who: str, name: str, value: Any) -> Shape:
    """Return the shape of samples that an option of a layer gives, with ``None`` for the rows."""
    sizes = tuple(value) if isinstance(value, list | tuple) else (value,)
    sizes = sizes[1:] if name == "batch_input_shape" else sizes
    if not sizes or not all(map(is_size, sizes)):
        raise ShapeError(
            f"{who}: {name} must hold positive integers, got {str(value)[:60]}; the shape of a "
            "sample has no axis of the batch: input_shape=(4,)"
        )
    return (None, *map(int, sizes))


def with_defaults(constructor: Constructor, **defaults: Any) -> Constructor:
    """Return a constructor that is another one but for some defaults.

    So the layers of sequences and those of images share one, each with the defaults of Keras.
    """
    known = inspect.signature(constructor).parameters.values()
    positional = (each for each in known if each.kind is each.POSITIONAL_OR_KEYWORD)
    values = (defaults.get(each.name, each.default) for each in positional)
    given = tuple(value for value in values if value is not inspect.Parameter.empty)
    old = cast(FunctionType, constructor)
    new = FunctionType(old.__code__, old.__globals__, old.__name__, given, old.__closure__)
    new.__kwdefaults__, new.__annotations__ = old.__kwdefaults__, old.__annotations__
    return cast(Constructor, new)
