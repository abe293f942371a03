"""The layers of a workload, as data: every peer makes its own of them.

Invariant: weights start as Glorot-uniform and biases as zero, images are NHWC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ActivationName: TypeAlias = Literal["relu", "linear"]


@dataclass(frozen=True)
class Dense:
    """y = activation(x @ w + b), `w: (in, units)`; the last layer of a workload gives logits."""

    units: int
    activation: ActivationName = "linear"


@dataclass(frozen=True)
class Conv:
    """A two-dimensional convolution with a square kernel and a bias unless a BatchNorm follows."""

    filters: int
    size: int = 3
    padding: Literal["valid", "same"] = "valid"
    activation: ActivationName = "linear"
    stride: int = 1
    bias: bool = True


@dataclass(frozen=True)
class MaxPool:
    """The greatest of each `size` x `size` square, squares side by side."""

    size: int = 2


@dataclass(frozen=True)
class GlobalMeanPool:
    """The mean over height and width."""


@dataclass(frozen=True)
class Flatten:
    """(rows, ...) to (rows, features)."""


@dataclass(frozen=True)
class Dropout:
    """Zeroes a share `rate` of the units, scales the others by 1 / (1 - rate)."""

    rate: float


@dataclass(frozen=True)
class BatchNorm:
    """Normalises each channel by the batch, then scales and shifts; momentum .99, epsilon 1e-3."""


@dataclass(frozen=True)
class Relu:
    """max(0, x)."""


@dataclass(frozen=True)
class Residual:
    """relu(body(x) + shortcut(x)); an empty shortcut is x itself."""

    body: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()


Layer: TypeAlias = (
    "Dense | Conv | MaxPool | GlobalMeanPool | Flatten | Dropout | BatchNorm | Relu | Residual"
)
