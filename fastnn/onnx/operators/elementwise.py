"""Functions of one number and of several."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn.errors import UnsupportedError
from fastnn.onnx.reader import OPERATORS, Held, OpNode, Reader, operator

_Function = Callable[..., Any]


def _one(function: _Function, **defaults: Any) -> _Function:
    """Return the converter of a function of one number, with the attributes that it takes."""

    def convert(r: Reader, node: OpNode) -> Held:
        x = node.some(0)
        known = {name: node.attrs.get(name, value) for name, value in defaults.items()}
        return r.like(x, function(r.numbers(x.data), *known.values()))

    return convert


def _act(name: str) -> _Function:
    """Return the converter of an activation: a layer."""
    return _one(lambda x: layers.Activation(name)(x))


def _selu(x: Any, alpha: float, gamma: float) -> Any:
    return ops.multiply(ops.elu(x, alpha), gamma)


def _hard_sigmoid(x: Any, alpha: float, beta: float) -> Any:
    return ops.clip(ops.add(ops.multiply(x, alpha), beta), 0.0, 1.0)


def _shrink(x: Any, bias: float, lambd: float) -> Any:
    moved = ops.subtract(x, ops.multiply(ops.sign(x), bias))
    return ops.where(ops.greater(ops.absolute(x), lambd), moved, 0.0)


def _gelu(x: Any, approximate: str) -> Any:
    return ops.gelu(x, approximate == "tanh")


def _is_inf(x: Any, below: int, above: int) -> Any:
    parts = [ops.isneginf(x)] * bool(below) + [ops.isposinf(x)] * bool(above)
    return functools.reduce(ops.logical_or, parts) if parts else ops.multiply(ops.isinf(x), 0.0)


OPERATORS |= {
    "Relu": _act("relu"),
    "Sigmoid": _act("sigmoid"),
    "Tanh": _act("tanh"),
    "Softplus": _act("softplus"),
    "Softsign": _act("softsign"),
    "HardSwish": _act("hard_silu"),
    "Mish": _act("mish"),
    "Abs": _one(ops.absolute),
    "Acos": _one(ops.arccos),
    "Acosh": _one(ops.arccosh),
    "Asin": _one(ops.arcsin),
    "Asinh": _one(ops.arcsinh),
    "Atan": _one(ops.arctan),
    "Atanh": _one(ops.arctanh),
    "Ceil": _one(ops.ceil),
    "Cos": _one(ops.cos),
    "Cosh": _one(ops.cosh),
    "Erf": _one(ops.erf),
    "Exp": _one(ops.exp),
    "Floor": _one(ops.floor),
    "Log": _one(ops.log),
    "Neg": _one(ops.negative),
    "Reciprocal": _one(ops.reciprocal),
    "Round": _one(ops.round),
    "Sign": _one(ops.sign),
    "Sin": _one(ops.sin),
    "Sinh": _one(ops.sinh),
    "Sqrt": _one(ops.sqrt),
    "Tan": _one(ops.tan),
    "Celu": _one(ops.celu, alpha=1.0),
    "Elu": _one(ops.elu, alpha=1.0),
    "LeakyRelu": _one(ops.leaky_relu, alpha=0.01),
    "ThresholdedRelu": _one(lambda x, alpha: ops.threshold(x, alpha, 0.0), alpha=1.0),
    "Selu": _one(_selu, alpha=1.6732632423543772, gamma=1.0507009873554805),
    "HardSigmoid": _one(_hard_sigmoid, alpha=0.2, beta=0.5),
    "Shrink": _one(_shrink, bias=0.0, lambd=0.5),
    "Gelu": _one(_gelu, approximate="none"),
    "Swish": _one(lambda x, alpha: ops.multiply(x, ops.sigmoid(ops.multiply(x, alpha))), alpha=1.0),
}


@operator("Identity")
def _identity(r: Reader, node: OpNode) -> Held:
    return node.some(0)


@operator("Dropout")
def _dropout(r: Reader, node: OpNode) -> Sequence[Held]:
    x, rate, training = node.some(0), node.known(1), node.known(2)
    share = float(node.attrs.get("ratio", 0.5) if rate is None else rate)
    if training is not None and training.any() and share:
        raise UnsupportedError("it drops in predictions too (training_mode)")
    y = x
    if not x.is_known and 0 < share < 1:
        y = r.like(x, layers.Dropout(share)(x.data))
    if not node.wants(1):
        return [y]
    return [y, r.like(x, ops.ones_like(r.numbers(x.data)), r.types.BOOL)]


@operator("IsNaN", "IsInf", "Not")
def _question(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    data = r.numbers(x.data)
    signs = (node.attrs.get(f"detect_{name}", 1) for name in ("negative", "positive"))
    known: dict[str, Callable[[], Any]] = {
        "IsNaN": lambda: ops.isnan(data),
        "IsInf": lambda: _is_inf(data, *signs),
        "Not": lambda: ops.logical_not(data),
    }
    return r.like(x, known[node.kind](), r.types.BOOL)


@operator("Cast", "CastLike")
def _cast(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    kind = int(node.attrs["to"]) if node.kind == "Cast" else node.some(1).type
    wanted = r.onnx.helper.tensor_dtype_to_np_dtype(kind)
    if np.dtype(wanted).kind in "OSU":
        raise UnsupportedError("it makes texts of numbers")
    if x.is_known:
        return r.array(x.data.astype(wanted), kind)
    if kind == r.types.BOOL:
        return r.like(x, ops.not_equal(x.data, 0.0), kind)
    if np.issubdtype(wanted, np.integer) and not r.is_whole(x) and x.type != r.types.BOOL:
        return r.like(x, ops.trunc(x.data), kind)
    return r.like(x, x.data, kind)


# ---- of several ----------------------------------------------------------------------------------


def _several(function: _Function, answer: bool = False) -> _Function:
    """Return the converter of a function of two or more numbers."""

    def convert(r: Reader, node: OpNode) -> Held:
        every = [node.some(i) for i in range(len(node.inputs))]
        data, axes = r.together(*every)
        kind = r.types.BOOL if answer else every[0].type
        return r.made(functools.reduce(function, data), axes, kind)

    return convert


OPERATORS |= {
    "Add": _several(ops.add),
    "Sub": _several(ops.subtract),
    "Mul": _several(ops.multiply),
    "Pow": _several(ops.power),
    "Sum": _several(ops.add),
    "Max": _several(ops.maximum),
    "Min": _several(ops.minimum),
    "And": _several(ops.logical_and, answer=True),
    "Or": _several(ops.logical_or, answer=True),
    "Xor": _several(ops.logical_xor, answer=True),
    "Equal": _several(ops.equal, answer=True),
    "Greater": _several(ops.greater, answer=True),
    "GreaterOrEqual": _several(ops.greater_equal, answer=True),
    "Less": _several(ops.less, answer=True),
    "LessOrEqual": _several(ops.less_equal, answer=True),
}


@operator("Div")
def _divide(r: Reader, node: OpNode) -> Held:
    (a, b), axes = r.together(node.some(0), node.some(1))
    whole = r.is_whole(node.some(0))
    y = ops.divide(a, b)
    return r.made(ops.trunc(y) if whole else y, axes, node.some(0).type)


@operator("Mod")
def _mod(r: Reader, node: OpNode) -> Held:
    (a, b), axes = r.together(node.some(0), node.some(1))
    function = ops.fmod if node.attrs.get("fmod", 0) else ops.mod
    return r.made(function(a, b), axes, node.some(0).type)


@operator("Mean")
def _mean(r: Reader, node: OpNode) -> Held:
    every = [node.some(i) for i in range(len(node.inputs))]
    data, axes = r.together(*every)
    total = functools.reduce(ops.add, data)
    return r.made(ops.multiply(total, 1 / len(data)), axes, every[0].type)


@operator("Where")
def _where(r: Reader, node: OpNode) -> Held:
    data, axes = r.together(node.some(0), node.some(1), node.some(2))
    return r.made(ops.where(*data), axes, node.some(1).type)


@operator("Clip")
def _clip(r: Reader, node: OpNode) -> Held:
    x = node.some(0)
    ends = []
    for index, name in enumerate(("min", "max"), 1):
        array = node.known(index)
        ends.append(node.attrs.get(name) if array is None else float(array.reshape(-1)[0]))
    low, high = (end if end is None or math.isfinite(end) else None for end in ends)
    data = r.numbers(x.data)
    if low == 0 and high == 6 and not x.is_known:
        return r.like(x, layers.ReLU(6.0)(data))
    if low is not None:
        data = ops.maximum(data, low)
    return r.like(x, data if high is None else ops.minimum(data, high))


@operator("PRelu")
def _prelu(r: Reader, node: OpNode) -> Held:
    x, slope = node.some(0), node.some(1)
    if node.version < 7 and slope.is_known and slope.rank == 1 and x.rank > 2:
        slope = r.array(slope.data.reshape(-1, *[1] * (x.rank - 2)), slope.type)
    (data, slopes), axes = r.together(x, slope)
    if slope.is_known and not x.is_known and slopes.ndim == x.rank and slopes.shape[0] == 1:
        shared = [i for i in range(1, x.rank) if slopes.shape[i] == 1]
        if x.rank > 1:
            weights = [slopes[0]]
            return r.made(
                r.layer(layers.PReLU, node, weights, data, shared_axes=shared or None), axes, x.type
            )
    below = ops.multiply(data, slopes)
    return r.made(ops.where(ops.less(data, 0.0), below, data), axes, x.type)
