"""What layers that draw random numbers have in common."""

from __future__ import annotations

from typing import Any

from fastnn._checks import count
from fastnn.layers.base import Layer

__all__ = ["RandomLayer"]

#: Seeds are exact as float64.
_LARGEST_SEED = 2**53 - 2


class RandomLayer(Layer):
    """A layer that draws in training: the options that all of them have."""

    supports_masking = True

    def __init__(self, seed: int | None, **options: Any):
        super().__init__(**options)
        self.seed = None if seed is None else count(self.name, "seed", seed)
        if self.seed is not None and self.seed > _LARGEST_SEED:
            raise ValueError(f"{self.name}: seed must be at most 2^53 - 2, got {self.seed}")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"seed": self.seed, **super().get_config()}
