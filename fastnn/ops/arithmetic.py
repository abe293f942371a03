"""Functions of two numbers, element by element: arithmetic, comparisons, logic; with gradients.

Operands are tensors, variables, numbers and arrays, of shapes that NumPy would broadcast.  Where
one operand alone is repeated, along axes that lie side by side, the kernel reads it again and
nothing is copied: a bias, a mean taken from each row, a number.
"""

from __future__ import annotations

from collections.abc import Callable

from fastnn.compiler.gradients import ZERO, Gradients, gradient_of
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops._emit import Number, as_number, as_tensors, emit, reshaped
from fastnn.ops.broadcasting import broadcast_shapes, expanded, single_run
from fastnn.ops.curves import line
from fastnn.ops.elementwise import sigmoid
from fastnn.ops.functions import reciprocal, sqrt, square
from fastnn.ops.merging import scale

__all__ = [
    "add",
    "arctan2",
    "divide",
    "equal",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "less",
    "less_equal",
    "logaddexp",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "not_equal",
    "power",
    "subtract",
    "true_divide",
]


def _binary(name: str, x1: Number, x2: Number) -> Tensor:
    """Return a function of ``csrc/binary.def`` of two operands."""
    a, b = as_tensors(name, x1, x2)
    target = broadcast_shapes(name, a.shape, b.shape)
    for full, part, swapped in ((a, b, 0), (b, a, 1)):
        run = single_run(part.shape, target)
        if full.shape == target and run is not None:
            return _spread(name, full, part, run, swapped)
    return _even(name, expanded(a, target), expanded(b, target))


def _even(name: str, a: Tensor | None, b: Tensor | None) -> Tensor:
    """Return the function of two tensors of one shape."""
    if name == "add":  # which a normalisation takes in
        return emit("add", a, b)[0]
    return emit("binary", a, b, binary=name)[0]


def _spread(name: str, full: Tensor, part: Tensor, run: tuple[int, int], swapped: int) -> Tensor:
    """Return the function of ``full`` and ``part``, which is repeated along the axes of ``run``."""
    begin, end = run
    small = reshaped(part, full.shape[:begin] + full.shape[end:])
    ranks = {"p": begin, "q": end - begin}
    return emit("binary_spread", full, small, ranks=ranks, binary=name, swapped=swapped)[0]


# ---- gradients -----------------------------------------------------------------------------------

#: f(name, u, v): a function of two tensors, of which either may be the one that is repeated.
_Apply = Callable[[str, Tensor, Tensor], Tensor]


def _kept(apply: _Apply, name: str, a: Tensor, b: Tensor, dy: Tensor) -> Tensor:
    """Return ``dy`` where ``name(a, b)``, which is less or less_equal, does not hold, else 0."""
    if a.shape == b.shape:
        return emit("pass_largest", a, b, dy, strict=int(name == "less_equal"))[0]
    return emit("select", apply(name, a, b), None, dy)[0]


def _slopes(apply: _Apply, name: str, a: Tensor, b: Tensor, y: Tensor, dy: Tensor) -> Gradients:
    """Return the gradients of ``a`` and ``b``, both of the shape of ``y``."""
    if name == "add":
        return dy, dy
    if name == "subtract":
        return dy, scale(dy, -1.0)
    if name == "multiply":
        return apply("multiply", dy, b), apply("multiply", dy, a)
    if name == "divide":
        slope = apply("divide", dy, b)
        return slope, scale(apply("multiply", slope, y), -1.0)
    if name == "power":
        return tuple(apply("multiply", dy, apply(f"power_{of}", a, b)) for of in ("slope", "log"))
    if name == "maximum":
        return _kept(apply, "less", a, b, dy), _kept(apply, "less_equal", b, a, dy)
    if name == "minimum":
        return _kept(apply, "less", b, a, dy), _kept(apply, "less_equal", a, b, dy)
    if name == "logaddexp":
        shares = (sigmoid(apply("subtract", *pair)) for pair in ((a, b), (b, a)))
        return tuple(apply("multiply", dy, share) for share in shares)
    if name == "hypot":
        slope = apply("divide", dy, y)
        return apply("multiply", slope, a), apply("multiply", slope, b)
    if name == "arctan2":
        slope = apply("divide", dy, apply("add", square(a), square(b)))
        return apply("multiply", slope, b), scale(apply("multiply", slope, a), -1.0)
    if name == "mod":
        return dy, scale(apply("multiply", dy, apply("floor_divide", a, b)), -1.0)
    return ZERO, ZERO


@gradient_of("binary")
def _binary_gradient(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    a, b, y = (t for t in node.operands if t is not None)
    return _slopes(_even, node.attrs["binary"], a, b, y, dy)


@gradient_of("binary_spread")
def _spread_gradient(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    full, part, y = (t for t in node.operands if t is not None)
    ranks = node.ranks
    run = (ranks["p"], ranks["p"] + ranks["q"])

    def apply(name: str, u: Tensor, v: Tensor) -> Tensor:
        if u.shape == v.shape:
            return _even(name, u, v)
        if u.shape == y.shape:
            return _spread(name, u, v, run, 0)
        return _spread(name, v, u, run, 1)

    name, swapped = node.attrs["binary"], node.attrs["swapped"]
    a, b = (part, full) if swapped else (full, part)
    slopes = _slopes(apply, name, a, b, y, dy)
    of_full, of_part = slopes[::-1] if swapped else slopes
    if not isinstance(of_part, Tensor) or not wanted[1]:
        return of_full, of_part
    (summed,) = emit("reduce", of_part, ranks={"p": ranks["p"], "q": ranks["q"]}, reduction="sum")
    return of_full, summed


# ---- arithmetic ----------------------------------------------------------------------------------


def add(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 + x2``."""
    for x, other in ((x1, x2), (x2, x1)):
        number = as_number(other)
        if number is not None and as_number(x) is None:
            return line(as_tensors("add", x)[0], 1.0, number)
    return _binary("add", x1, x2)


@gradient_of("add")
def _add(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return dy, dy


def subtract(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 - x2``."""
    first, second = as_number(x1), as_number(x2)
    if second is not None and first is None:
        return line(as_tensors("subtract", x1)[0], 1.0, -second)
    if first is not None and second is None:
        return line(as_tensors("subtract", x2)[0], -1.0, first)
    return _binary("subtract", x1, x2)


def multiply(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 x2``, place by place."""
    for x, other in ((x1, x2), (x2, x1)):
        number = as_number(other)
        if number is not None and as_number(x) is None:
            return scale(as_tensors("multiply", x)[0], number)
    return _binary("multiply", x1, x2)


def divide(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 / x2``."""
    return _binary("divide", x1, x2)


def true_divide(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 / x2``; another name of ``divide``."""
    return divide(x1, x2)


def floor_divide(x1: Number, x2: Number) -> Tensor:
    """Return the largest whole number that is not above ``x1 / x2``; it has no gradient."""
    return _binary("floor_divide", x1, x2)


def mod(x1: Number, x2: Number) -> Tensor:
    """Return ``x1 - x2 floor(x1 / x2)``, which has the sign of ``x2``."""
    return _binary("mod", x1, x2)


def power(x1: Number, x2: Number) -> Tensor:
    """Return ``x1`` to the power of ``x2``.

    A negative ``x1`` has a power where ``x2`` is a whole number, else the result is NaN.  The
    result is relatively precise to ``|x2 log x1|`` units of the last place; the exponents 2, 1,
    0.5 and -1, as numbers, to one.

    Args:
        x1: the base.
        x2: the exponent, of a shape that goes together with that of ``x1``.
    """
    exponent = as_number(x2)
    short: dict[float, Callable[[Tensor], Tensor]] = {
        2.0: square,
        1.0: lambda x: x,
        0.5: sqrt,
        -1.0: reciprocal,
    }
    if exponent is not None and exponent in short:
        (x,) = as_tensors("power", x1)
        return short[exponent](x)
    return _binary("power", x1, x2)


def maximum(x1: Number, x2: Number) -> Tensor:
    """Return the larger of each place; NaN wins; the gradient goes to the first of ties."""
    return _binary("maximum", x1, x2)


def minimum(x1: Number, x2: Number) -> Tensor:
    """Return the smaller of each place; NaN wins; the gradient goes to the first of ties."""
    return _binary("minimum", x1, x2)


def logaddexp(x1: Number, x2: Number) -> Tensor:
    """Return ``log(e^x1 + e^x2)``, without overflow."""
    return _binary("logaddexp", x1, x2)


def hypot(x1: Number, x2: Number) -> Tensor:
    """Return ``sqrt(x1^2 + x2^2)``, without overflow."""
    return _binary("hypot", x1, x2)


def arctan2(x1: Number, x2: Number) -> Tensor:
    """Return the angle in [-pi, pi] of the point whose coordinates are ``x2`` and ``x1``."""
    return _binary("arctan2", x1, x2)


# ---- questions: 1 for yes, 0 for no --------------------------------------------------------------


def less(x1: Number, x2: Number) -> Tensor:
    """Return 1 where ``x1 < x2``, else 0; NaN is less than nothing."""
    return _binary("less", x1, x2)


def less_equal(x1: Number, x2: Number) -> Tensor:
    """Return 1 where ``x1 <= x2``, else 0."""
    return _binary("less_equal", x1, x2)


def greater(x1: Number, x2: Number) -> Tensor:
    """Return 1 where ``x1 > x2``, else 0."""
    return _binary("less", x2, x1)


def greater_equal(x1: Number, x2: Number) -> Tensor:
    """Return 1 where ``x1 >= x2``, else 0."""
    return _binary("less_equal", x2, x1)


def equal(x1: Number, x2: Number) -> Tensor:
    """Return 1 where ``x1`` and ``x2`` are the same number, else 0."""
    return _binary("equal", x1, x2)


def not_equal(x1: Number, x2: Number) -> Tensor:
    """Return 1 where ``x1`` and ``x2`` differ or one is NaN, else 0."""
    return _binary("not_equal", x1, x2)


def logical_and(x1: Number, x2: Number) -> Tensor:
    """Return 1 where neither is 0, else 0."""
    return _binary("logical_and", x1, x2)


def logical_or(x1: Number, x2: Number) -> Tensor:
    """Return 0 where both are 0, else 1."""
    return _binary("logical_or", x1, x2)


def logical_xor(x1: Number, x2: Number) -> Tensor:
    """Return 1 where exactly one of them is 0, else 0."""
    return _binary("logical_xor", x1, x2)
