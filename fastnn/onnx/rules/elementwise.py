"""Functions of one number, of two, and what is chosen between."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastnn.compiler.graph import Node, Tensor
from fastnn.onnx.rules.table import rule
from fastnn.onnx.writer import Order, Writer

#: function(writer, name) -> name
_Function = Callable[..., str]


def _same(kind: str) -> _Function:
    """Return the function that one operator is."""
    return lambda w, x, *_: w.emit(kind, x)


def _narrow(kind: str) -> _Function:
    return lambda w, x, *_: w.narrow(kind, x)


def _where(w: Writer, condition: str, then: str, other: str) -> str:
    return w.emit("Where", condition, then, other)


def _step(w: Writer, x: str, at: float = 0.0, *_: float) -> str:
    edge = w.real(at)
    below = _where(w, w.emit("Less", x, edge), w.real(0), x)  # NaN is neither
    return _where(w, w.emit("GreaterOrEqual", x, edge), w.real(1), below)


def _scaled(w: Writer, x: str, factor: float) -> str:
    return x if factor == 1 else w.emit("Mul", x, w.real(factor))


def _moved(w: Writer, x: str, offset: float) -> str:
    return x if offset == 0 else w.emit("Add", x, w.real(offset))


# ---- activations that products may have ----------------------------------------------------------

_ACTIVATIONS: dict[str, _Function] = {
    "relu": _same("Relu"),
    "sigmoid": _same("Sigmoid"),
    "tanh": _same("Tanh"),
    "step": _step,
}


def activation(w: Writer, name: str, x: str) -> str:
    """Return the name of an activation of ``x``."""
    return x if name == "linear" else _ACTIVATIONS[name](w, x)


@rule("activation_fwd")
def _activation(w: Writer, node: Node) -> None:
    (x,) = node.inputs
    assert x is not None
    if node.attrs["activation"] == "linear":
        w.set(node.outputs[0], w.value(x))
        return
    order = w.common(x)
    y = _ACTIVATIONS[node.attrs["activation"]](w, w.name(x, order))
    w.bind(node.outputs[0], y, order)


# ---- curves --------------------------------------------------------------------------------------


def _line(w: Writer, x: str, a: float, b: float, *_: float) -> str:
    return _moved(w, _scaled(w, x, a), b)


def _bend(w: Writer, x: str, a: float, b: float, c: float, _: float) -> str:
    if b == 0 and c == math.inf:
        return w.emit("LeakyRelu", x, alpha=a) if a else w.emit("Relu", x)
    if a == 0 and b == 0:
        return w.emit("Clip", x, w.real(0), w.real(c))
    low = _scaled(w, _moved(w, x, -b), a) if a else w.real(0)
    high = x if c == math.inf else w.emit("Min", x, w.real(c))
    return _where(w, w.emit("LessOrEqual", x, w.real(b)), low, high)


def _ramp(w: Writer, x: str, a: float, b: float, c: float, d: float) -> str:
    return _scaled(w, _moved(w, w.emit("Clip", x, w.real(c), w.real(d)), b), a)


def _threshold(w: Writer, x: str, a: float, b: float, *_: float) -> str:
    return _where(w, w.emit("LessOrEqual", x, w.real(a)), w.real(b), x)


def _shrink(w: Writer, x: str, a: float, b: float, *_: float) -> str:
    return w.emit("Shrink", x, lambd=a, bias=b)


def _elu(w: Writer, x: str, a: float, b: float, c: float, _: float) -> str:
    if b == 1 and c == 1:
        return w.emit("Elu", x, alpha=a)
    below = _scaled(w, w.emit("Elu", _scaled(w, x, c)), a)
    return _where(w, w.emit("Less", x, w.real(0)), below, _scaled(w, x, b))


def _softplus(w: Writer, x: str, a: float, *_: float) -> str:
    return _scaled(w, w.emit("Softplus", _scaled(w, x, a)), a)


def _silu(w: Writer, x: str, *_: float) -> str:
    return w.emit("Mul", x, w.emit("Sigmoid", x))


def _gelu(w: Writer, x: str, *_: float) -> str:
    share = _moved(w, w.narrow("Erf", _scaled(w, x, 1 / math.sqrt(2))), 1)
    return w.emit("Mul", _scaled(w, x, 0.5), share)


def _gelu_tanh(w: Writer, x: str, *_: float) -> str:
    cube = w.emit("Mul", w.emit("Mul", x, x), x)
    inner = w.emit("Add", x, _scaled(w, cube, 0.044715))
    share = _moved(w, w.emit("Tanh", _scaled(w, inner, math.sqrt(2 / math.pi))), 1)
    return w.emit("Mul", _scaled(w, x, 0.5), share)


def _squareplus(w: Writer, x: str, a: float, *_: float) -> str:
    root = w.emit("Sqrt", _moved(w, w.emit("Mul", x, x), a))
    return _scaled(w, w.emit("Add", x, root), 0.5)


def _sparse_plus(w: Writer, x: str, *_: float) -> str:
    half = _scaled(w, w.emit("Relu", _moved(w, x, 1)), 0.5)
    above = w.emit("GreaterOrEqual", x, w.real(1))
    return _where(w, above, x, w.emit("Mul", half, half))


def _tanh_shrink(w: Writer, x: str, *_: float) -> str:
    return w.emit("Sub", x, w.emit("Tanh", x))


def _log1p(w: Writer, x: str, *_: float) -> str:
    return w.emit("Log", _moved(w, x, 1))


def _rsqrt(w: Writer, x: str, *_: float) -> str:
    return w.emit("Reciprocal", w.emit("Sqrt", x))


def _square(w: Writer, x: str, *_: float) -> str:
    return w.emit("Mul", x, x)


def _erfc(w: Writer, x: str, *_: float) -> str:
    return w.emit("Sub", w.real(1), w.narrow("Erf", x))


def _is_nan(w: Writer, x: str, *_: float) -> str:
    return w.as_real(w.emit("IsNaN", x))


def _is_finite(w: Writer, x: str, *_: float) -> str:
    return w.as_real(w.emit("Less", w.emit("Abs", x), w.real(math.inf)))


def _not(w: Writer, x: str, *_: float) -> str:
    return w.as_real(w.emit("Equal", x, w.real(0)))


def _expm1(w: Writer, x: str, *_: float) -> str:
    """Elu below 0, where it is precise; above it is the identity."""
    above = _moved(w, w.emit("Exp", x), -1)
    return _where(w, w.emit("Less", x, w.real(0)), w.emit("Elu", x), above)


#: The names of csrc/curves.def: function(writer, x, a, b, c, d).
_CURVES: dict[str, _Function] = {
    "line": _line,
    "bend": _bend,
    "ramp": _ramp,
    "step": _step,
    "threshold": _threshold,
    "shrink": _shrink,
    "elu": _elu,
    "exponential": _same("Exp"),
    "softplus": _softplus,
    "softsign": _same("Softsign"),
    "silu": _silu,
    "hard_silu": _same("HardSwish"),
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "mish": _same("Mish"),
    "squareplus": _squareplus,
    "sparse_plus": _sparse_plus,
    "tanh_shrink": _tanh_shrink,
    "log": _same("Log"),
    "log1p": _log1p,
    "expm1": _expm1,
    "sqrt": _same("Sqrt"),
    "rsqrt": _rsqrt,
    "square": _square,
    "reciprocal": _same("Reciprocal"),
    "absolute": _same("Abs"),
    "sign": _same("Sign"),
    "sin": _same("Sin"),
    "cos": _same("Cos"),
    "erf": _narrow("Erf"),
    "erfc": _erfc,
    "arctan": _narrow("Atan"),
    "floor": _same("Floor"),
    "ceil": _same("Ceil"),
    "round": _same("Round"),
    "isnan": _is_nan,
    "isfinite": _is_finite,
    "logical_not": _not,
}


@rule("curve_fwd")
def _curve(w: Writer, node: Node) -> None:
    order = w.common(node.inputs[0])
    numbers = [float(node.attrs[name]) for name in "abcd"]
    y = _CURVES[node.attrs["curve"]](w, w.name(node.inputs[0], order), *numbers)
    w.bind(node.outputs[0], y, order)


@rule("scale")
def _scale(w: Writer, node: Node) -> None:
    order = w.common(node.inputs[0])
    y = w.emit("Mul", w.name(node.inputs[0], order), w.real(node.attrs["factor"]))
    w.bind(node.outputs[0], y, order)


# ---- two numbers ---------------------------------------------------------------------------------


def _pair(kind: str) -> _Function:
    return lambda w, a, b: w.emit(kind, a, b)


def _question(kind: str) -> _Function:
    return lambda w, a, b: w.as_real(w.emit(kind, a, b))


def _logical(kind: str) -> _Function:
    return lambda w, a, b: w.as_real(w.emit(kind, truth(w, a), truth(w, b)))


def truth(w: Writer, x: str) -> str:
    """Return whether ``x`` is not 0, as ONNX has truths."""
    return w.emit("Cast", x, to=w.onnx.TensorProto.BOOL)


def _floor_divide(w: Writer, a: str, b: str) -> str:
    return w.emit("Floor", w.emit("Div", a, b))


def _mod(w: Writer, a: str, b: str) -> str:
    return w.emit("Sub", a, w.emit("Mul", b, _floor_divide(w, a, b)))


def _not_equal(w: Writer, a: str, b: str) -> str:
    return w.as_real(w.emit("Not", w.emit("Equal", a, b)))


def _logaddexp(w: Writer, a: str, b: str) -> str:
    """The larger, and what the distance adds to it."""
    away = w.emit("Neg", w.emit("Abs", w.emit("Sub", a, b)))
    return w.emit("Add", w.emit("Max", a, b), w.emit("Softplus", away))


def _hypot(w: Writer, a: str, b: str) -> str:
    """The larger times the root of 1 + ratio^2, so that no square overflows."""
    sizes = [w.emit("Abs", x) for x in (a, b)]
    large, small = w.emit("Max", *sizes), w.emit("Min", *sizes)
    tiny = w.real(np.finfo(w.dtype).tiny)
    ratio = w.emit("Div", small, w.emit("Max", large, tiny))
    root = w.emit("Sqrt", _moved(w, w.emit("Mul", ratio, ratio), 1))
    return w.emit("Mul", large, root)


def _arctan2(w: Writer, a: str, b: str) -> str:
    """The arc tangent of a / b, turned by half a circle where b is below 0."""
    zero = w.real(0)
    inner = w.narrow("Atan", w.emit("Div", a, b))
    half = _where(w, w.emit("Less", a, zero), w.real(-math.pi), w.real(math.pi))
    turned = _where(w, w.emit("Less", b, zero), w.emit("Add", inner, half), inner)
    origin = w.emit("And", w.emit("Equal", a, zero), w.emit("Equal", b, zero))
    return _where(w, origin, zero, turned)


#: The names of csrc/binary.def that are no gradients.
_BINARY: dict[str, _Function] = {
    "add": _pair("Add"),
    "subtract": _pair("Sub"),
    "multiply": _pair("Mul"),
    "divide": _pair("Div"),
    "maximum": _pair("Max"),
    "minimum": _pair("Min"),
    "power": _pair("Pow"),
    "floor_divide": _floor_divide,
    "mod": _mod,
    "logaddexp": _logaddexp,
    "hypot": _hypot,
    "arctan2": _arctan2,
    "less": _question("Less"),
    "less_equal": _question("LessOrEqual"),
    "equal": _question("Equal"),
    "not_equal": _not_equal,
    "logical_and": _logical("And"),
    "logical_or": _logical("Or"),
    "logical_xor": _logical("Xor"),
}


def _applied(w: Writer, node: Node, a: str, b: str) -> str:
    name = node.attrs["binary"]
    if name not in _BINARY:
        raise w.refuse(f"{name} is of a gradient, and has no counterpart in ONNX")
    return _BINARY[name](w, a, b)


@rule("add")
def _add(w: Writer, node: Node) -> None:
    order = w.common(*node.inputs)
    w.bind(node.outputs[0], w.emit("Add", *(w.name(t, order) for t in node.inputs)), order)


@rule("binary")
def _binary(w: Writer, node: Node) -> None:
    order = w.common(*node.inputs)
    a, b = (w.name(tensor, order) for tensor in node.inputs)
    w.bind(node.outputs[0], _applied(w, node, a, b), order)


@rule("binary_spread")
def _spread(w: Writer, node: Node) -> None:
    full, part = node.inputs
    assert full is not None
    assert part is not None
    known = w.array(part) is not None
    order = w.common(full) if known else tuple(range(len(full.shape)))
    a, b = w.name(full, order), repeatable(w, node, part, order)
    a, b = (b, a) if node.attrs["swapped"] else (a, b)
    w.bind(node.outputs[0], _applied(w, node, a, b), order)


def repeatable(w: Writer, node: Node, part: Tensor, order: Order) -> str:
    """Return the name of ``part``, without the axes q, such that it is repeated along these."""
    ranks = node.ranks
    p, q = ranks.get("p", 0), ranks.get("q", 0)
    array = w.array(part)
    if array is not None:
        wide = array.reshape(array.shape[:p] + (1,) * q + array.shape[p:])
        return w.real(wide.transpose(order), part.name)
    name = w.name(part)
    return w.emit("Unsqueeze", name, w.ints(*range(p, p + q))) if p and q else name


@rule("select")
def _select(w: Writer, node: Node) -> None:
    order = w.common(*node.inputs)
    names = [w.real(0) if t is None else w.name(t, order) for t in node.inputs]
    w.bind(node.outputs[0], _where(w, truth(w, names[0]), names[1], names[2]), order)


@rule("mask_steps")
def _mask_steps(w: Writer, node: Node) -> None:
    x, mask = node.inputs
    assert mask is not None
    wide = w.emit("Unsqueeze", truth(w, w.name(mask)), w.ints(len(mask.shape)))
    w.bind(node.outputs[0], _where(w, wide, w.name(x), w.real(0)))


@rule("differs")
def _differs(w: Writer, node: Node) -> None:
    (x,) = node.inputs
    assert x is not None
    same = w.emit("Equal", w.name(x), w.real(node.attrs["value"]))
    other = w.as_real(w.emit("Not", same))
    last = w.ints(len(x.shape) - 1)
    w.bind(node.outputs[0], w.emit("ReduceMax", other, last, keepdims=0))
