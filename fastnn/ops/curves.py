"""Activations with parameters, or whose gradient needs their input, and their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fastnn._checks import number, positive_number
from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import emit

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "line",
    "log_sigmoid",
    "mish",
    "relu6",
    "selu",
    "silu",
    "soft_shrink",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh_shrink",
    "threshold",
]
