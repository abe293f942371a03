"""Layers before sequences: vectors in place of ids, and which steps count."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import ops
from fastnn._checks import flag
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.initializers import Initializer
from fastnn.layers.base import Layer
from fastnn.layers.core import positive

__all__ = ["Embedding", "Masking"]

#: Whole numbers from there on are not all different in float32.
_MOST_IDS = 1 << 24


class Embedding(Layer):
    """``y = embeddings[x]``: a vector that is learnt for each id, such as a word's number.

    Args:
        input_dim: how many ids there are: 0 to ``input_dim - 1``; at most 2^24.
        output_dim: size of the vectors.
        embeddings_initializer: first value of the vectors.
        embeddings_regularizer: what the size of the vectors costs; ``None`` is nothing.
        embeddings_constraint: what the vectors become after each update; ``None`` is nothing.
        mask_zero: whether the id 0 stands for a place without a word: recurrent layers skip it, and
            losses do not count it.  Words have the ids from 1 on then.
        weights: first value of the vectors, (input_dim, output_dim), in place of the initializer's.
        input_length: how many ids a sample has, where no ``Input`` says so, as old scripts do.
        name: the layer's name.
        trainable: whether ``fit`` changes the vectors.
        dtype: the precision of the weights.

    Shapes: x (rows, ...), embeddings (input_dim, output_dim), y (rows, ..., output_dim).  An id out
    of range raises ``IdError``, which names its row.

    Example:
        >>> import fastnn
        >>> words = fastnn.layers.Embedding(3, 2, weights=[[0, 0], [1, 2], [3, 4]])
        >>> model = fastnn.Sequential([fastnn.Input((2,), dtype="int32"), words])
        >>> model.predict([[2, 1]])
        array([[[3., 4.],
                [1., 2.]]], dtype=float32)
    """

    embeddings_initializer: Initializer

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: ArrayLike | None = None,
        *,
        input_length: int | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.input_dim = positive(self.name, "input_dim", input_dim)
        if self.input_dim > _MOST_IDS:
            raise ValueError(
                f"{self.name}: input_dim must be at most {_MOST_IDS}, got {self.input_dim}: ids "
                "are numbers of float32 on their way, which are whole up to there"
            )
        self.output_dim = positive(self.name, "output_dim", output_dim)
        self.describe_weight(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        self.mask_zero = flag(self.name, "mask_zero", mask_zero)
        self.supports_masking = self.mask_zero
        self._given = None if weights is None else self._checked(weights)
        if input_length is not None:
            self.given_shape = (None, positive(self.name, "input_length", input_length))

    def _checked(self, weights: Any) -> Array:
        """Return vectors that were given, by themselves or as the only one of a list."""
        only = isinstance(weights, list) and len(weights) == 1 and np.ndim(weights[0]) == 2
        given = np.asarray(weights[0] if only else weights, np.float64)
        if given.shape != self._shape:
            raise ShapeError(
                f"{self.name}: weights has shape {given.shape}, expected {self._shape}, "
                "(input_dim, output_dim)"
            )
        return given

    def _initial(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if self._given is not None:
            return self._given.astype(dtype)
        return self.embeddings_initializer(shape, dtype)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.input_dim, self.output_dim

    def build(self, input_shape: Shape) -> None:
        """Make the vectors."""
        self.embeddings = self.add_described("embeddings", self._shape, initializer=self._initial)

    def call(self, x: Tensor) -> Tensor:
        """Return the vectors of the ids."""
        return ops.embed(x, self.embeddings)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the places that have a word, if the id 0 stands for none."""
        return ops.mask_where(inputs) if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "mask_zero": self.mask_zero,
            **super().get_config(),
        }


class Masking(Layer):
    """Marks the steps of a sequence that hold nothing but ``mask_value``: they do not count.

    Args:
        mask_value: the number that padding is made of.
        name: the layer's name.

    Recurrent layers skip such a step: the state stays.  Layers between pass the mask on, and losses
    of sequences leave the step out.  The numbers of the step become 0.

    Shapes: x (rows, time, ..., features), y likewise.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import GRU, Masking
        >>> model = fastnn.Sequential([fastnn.Input((3, 2)), Masking(-1.0), GRU(4)])
        >>> short = model.predict([[[1.0, 2.0], [3.0, 4.0], [-1.0, -1.0]]])
        >>> whole = model.predict([[[-1.0, -1.0], [1.0, 2.0], [3.0, 4.0]]])
        >>> bool((short == whole).all())
        True
    """

    supports_masking = True

    def __init__(
        self,
        mask_value: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if not isinstance(mask_value, numbers.Real) or isinstance(mask_value, bool):
            raise TypeError(
                f"{self.name}: mask_value must be a number, got {type(mask_value).__name__}"
            )
        self.mask_value: float = float(mask_value)

    def build(self, input_shape: Shape) -> None:
        """Check that there are steps."""
        if len(input_shape) < 3:
            raise ShapeError(
                f"{self.name}: expected sequences (rows, time, features), got "
                f"{format_shape(input_shape)}; ids are masked by Embedding(mask_zero=True)"
            )

    def call(self, x: Tensor) -> Tensor:
        """Return ``x``, with zeros in the steps that do not count."""
        mask = ops.differs(x, self.mask_value)
        y = ops.mask_steps(x, mask)
        y.mask = mask
        return y

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"mask_value": self.mask_value, **super().get_config()}
