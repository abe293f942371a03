"""The axis that a loss is made along."""

from __future__ import annotations

from typing import Any

from fastnn.compiler.graph import Shape, format_shape

__all__ = ["axis_number", "require_last"]


def axis_number(who: str, axis: Any) -> int:
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"{who}: axis must be an integer, got {type(axis).__name__}")
    return int(axis)


def require_last(who: str, axis: int, prediction: Shape) -> None:
    if axis not in (-1, len(prediction) - 1):
        raise ValueError(
            f"{who}: axis={axis} of an output {format_shape(prediction)} is not the last one; end "
            "the model with a Permute that brings it there, and leave axis=-1"
        )
