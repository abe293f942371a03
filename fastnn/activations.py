"""Activations: functions of a tensor of the graph, known by their Keras names."""

from __future__ import annotations

from collections.abc import Callable

from fastnn import ops
from fastnn.compiler.graph import Tensor
from fastnn.naming import lookup

__all__ = [
    "get",
    "linear",
    "relu",
    "serialize",
    "sigmoid",
    "softmax",
    "step",
    "tanh",
]

Activation = Callable[[Tensor], Tensor]


def linear(x: Tensor) -> Tensor:
    """Return ``x``: no activation at all."""
    return x


def relu(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``.

    The derivative at 0 is 0; NaN passes.  (Nair and Hinton, "Rectified linear units improve
    restricted Boltzmann machines", 2010.)
    """
    return ops.relu(x)


def sigmoid(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``, with derivative ``y (1 - y)``."""
    return ops.sigmoid(x)


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent, ``2 sigmoid(2 x) - 1``, with derivative ``1 - y^2``."""
    return ops.tanh(x)


def softmax(x: Tensor) -> Tensor:
    """Return ``exp(x - max) / sum(exp(x - max))`` along the last axis: each row sums to 1."""
    return ops.softmax(x)


def step(x: Tensor) -> Tensor:
    """Return 1 where ``x >= 0`` else 0: the perceptron's activation; its gradient is 0."""
    return ops.step(x)


_BY_NAME: dict[str, Activation] = {
    function.__name__: function for function in (linear, relu, sigmoid, softmax, step, tanh)
}


def get(identifier: str | Activation | None) -> Activation:
    """Return the activation that a name, a function or ``None`` (linear) stands for.

    Args:
        identifier: a name such as ``"relu"``, a function of a tensor, or ``None``.

    Raises:
        ValueError: if no activation has that name.

    Example:
        >>> import fastnn
        >>> fastnn.activations.get("relu").__name__
        'relu'
    """
    if identifier is None:
        return linear
    if callable(identifier):
        return identifier
    return lookup("activation", identifier, _BY_NAME)


def serialize(activation: Activation) -> str:
    """Return the name that ``get`` gives the activation for.

    Raises:
        ValueError: if it is a function of the user's own, which a file could not name.
    """
    name = getattr(activation, "__name__", "")
    if _BY_NAME.get(name) is not activation:
        raise ValueError(
            f"activation {name or activation!r} is a function of your own; a saved model can only "
            f"name one of {', '.join(_BY_NAME)}: put it in a layer of your own instead"
        )
    return name
