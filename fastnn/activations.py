"""Activations: functions of a tensor of the graph, known by their Keras names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from fastnn import ops, registry
from fastnn._checks import not_negative
from fastnn.compiler.graph import Tensor
from fastnn.naming import lookup, public
from fastnn.ops.curves import (
    bent_line,
    celu,
    elu,
    exponential,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    mish,
    relu6,
    selu,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    tanh_shrink,
    threshold,
)
from fastnn.ops.elementwise import sigmoid, step, tanh

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "step",
    "tanh",
    "tanh_shrink",
    "threshold",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

Activation = Callable[[Tensor], Tensor]


def linear(x: Tensor) -> Tensor:
    """Return ``x``: no activation at all."""
    return x


def relu(
    x: Tensor,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Tensor:
    """Return ``max(x, 0)``, or a curve like it.

    Args:
        x: any shape.
        negative_slope: the slope up to ``threshold``: there it is
            ``negative_slope (x - threshold)``.
        max_value: the largest value, at least ``threshold``; ``None``: there is none.
        threshold: where ``x`` itself begins, not negative.

    Raises:
        ValueError: if an argument is negative, or ``max_value`` below ``threshold``.

    The derivative at a bend is that from below, at ``max_value`` that from above; NaN passes.
    (Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.)
    """
    slope = not_negative("relu", "negative_slope", negative_slope)
    start = not_negative("relu", "threshold", threshold)
    top = None if max_value is None else not_negative("relu", "max_value", max_value)
    if top is not None and top < start:
        raise ValueError(f"relu: max_value={top} is below threshold={start}")
    if (slope, start, top) == (0.0, 0.0, None):
        return ops.relu(x)
    return bent_line(x, slope, start, top)


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """Return ``x`` times the share of a standard normal variable below ``x``.

    Args:
        x: any shape.
        approximate: whether that share is taken to be
            ``(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``, else it is
            ``(1 + erf(x / sqrt(2))) / 2``.

    (Hendrycks and Gimpel, "Gaussian error linear units", 2016.)
    """
    return ops.gelu(x, approximate)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return ``exp(x - max) / sum(exp(x - max))`` along an axis, whose numbers then sum to 1.

    Args:
        x: any shape.
        axis: the axis, not that of the rows.
    """
    return ops.softmax(x, axis)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return ``x - log(sum(exp(x)))`` along an axis, the logarithm of ``softmax``.

    Args:
        x: any shape.
        axis: the axis, not that of the rows.
    """
    return ops.log_softmax(x, axis)


_BY_NAME: dict[str, Callable[..., Tensor]] = {
    function.__name__: function
    for function in (
        *(celu, elu, exponential, gelu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh),
        *(leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu),
        *(soft_shrink, softmax, softplus, softsign, sparse_plus, sparse_sigmoid, squareplus, step),
        *(tanh, tanh_shrink, threshold),
    )
}

swish, hard_swish = silu, hard_silu
_OTHER_NAMES: dict[str, Activation] = {"swish": swish, "hard_swish": hard_swish}


def get(identifier: str | Activation | Mapping[str, Any] | None) -> Activation:
    """Return the activation that a name, a function, a description or ``None`` stands for.

    Args:
        identifier: a name such as ``"relu"``; a function of a tensor, such as
            ``functools.partial(fastnn.activations.elu, alpha=0.5)``; a layer without weights, such
            as ``fastnn.layers.LeakyReLU(0.1)``; what ``serialize`` returned; ``None`` is linear.

    Raises:
        TypeError: if it is a class, or a number.
        ValueError: if no activation has that name, or not that option.

    Example:
        >>> import fastnn
        >>> fastnn.activations.get("swish").__name__
        'silu'
        >>> half = {"class_name": "elu", "config": {"alpha": 0.5}}
        >>> fastnn.activations.get(half).keywords
        {'alpha': 0.5}
    """
    if identifier is None:
        return linear
    if isinstance(identifier, type):
        name = identifier.__name__[:60]
        raise TypeError(f"activation: got the class {name}; make a layer of it: {name}()")
    if callable(identifier):
        return identifier
    if isinstance(identifier, Mapping):
        return _described(identifier)
    return lookup("activation", identifier, _BY_NAME | _OTHER_NAMES)


def _described(description: Mapping[str, Any]) -> Activation:
    """Return a function with options, or a layer."""
    name, options = description.get("class_name"), description.get("config") or {}
    if not isinstance(options, Mapping):
        raise ValueError(
            f"activation: a description of a function has a class_name and a config, got "
            f"{str(description)[:60]}"
        )
    function = (_BY_NAME | _OTHER_NAMES).get(str(name))
    if function is None:
        from fastnn import layers  # which need the activations themselves

        return layers.deserialize(description)
    try:
        inspect.signature(function).bind(None, **options)
    except TypeError as error:
        raise ValueError(f"activation {name!r}: {error}") from None
    return functools.partial(function, **options) if options else function


def serialize(activation: Activation) -> str | dict[str, Any]:
    """Return the name or the description that ``get`` gives the activation for.

    Raises:
        ValueError: if it is a function of the user's own, which a config could not name.

    Example:
        >>> import fastnn
        >>> fastnn.activations.serialize(fastnn.activations.gelu)
        'gelu'
    """
    from fastnn.layers.base import Layer

    if isinstance(activation, Layer):
        return registry.serialize(activation)
    function, options = activation, {}
    if isinstance(activation, functools.partial) and not activation.args:
        function, options = activation.func, activation.keywords
    name = getattr(function, "__name__", "")
    if _BY_NAME.get(name) is not function:
        raise ValueError(
            f"activation {name or activation!r:.60} is a function of your own; a config can only "
            "name fastnn's: put it in a layer of your own instead"
        )
    return {"class_name": name, "config": dict(options)} if options else name


deserialize = get
