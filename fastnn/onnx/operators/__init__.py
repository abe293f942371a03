"""What the operators of ONNX are in fastnn: layers where there are such, else fastnn.ops."""

from fastnn.onnx.operators import (
    elementwise,
    learning,
    normalization,
    products,
    recurrent,
    reductions,
    shaping,
)

__all__ = [
    "elementwise",
    "learning",
    "normalization",
    "products",
    "recurrent",
    "reductions",
    "shaping",
]
