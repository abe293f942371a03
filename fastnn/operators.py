"""The operators of what stands for numbers: ``x + 1``, ``2 * x``, ``x @ w``, ``x[:, 0]``.

They are the functions of ``fastnn.ops`` of those names.
"""

from __future__ import annotations

from typing import Any

__all__ = ["OPERATORS", "Operators", "apply"]


#: NumPy's functions that its arrays call for operators -> those of ``fastnn.ops``.
OPERATORS = {
    name: name
    for name in (
        *("add", "subtract", "multiply", "divide", "floor_divide", "power", "matmul"),
        *("greater", "greater_equal", "less", "less_equal"),
    )
} | {"remainder": "mod"}


def apply(name: str, *operands: Any) -> Any:
    """Return ``fastnn.ops.name(*operands)``."""
    from fastnn import ops  # which is made of what has operators

    return getattr(ops, name)(*operands)


def _described(key: Any) -> Any:
    """Return an index as a file can hold it, which ``ops.get_item`` reads."""
    if isinstance(key, tuple):
        return [_described(each) for each in key]
    if key is Ellipsis:
        return "..."
    if isinstance(key, slice):
        return {"slice": [key.start, key.stop, key.step]}
    return key


class Operators:
    """What has the operators of a NumPy array.

    Results are new tensors: nothing is changed in place.  Comparisons give 1 and 0.  ``==`` tells
    whether two names mean one tensor, as everywhere in Python; ``ops.equal`` compares the numbers.
    """

    #: A tensor has no numbers yet that one could go through.
    __iter__ = None

    def __add__(self, other: Any) -> Any:
        return apply("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return apply("divide", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return apply("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return apply("floor_divide", other, self)

    def __mod__(self, other: Any) -> Any:
        return apply("mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return apply("mod", other, self)

    def __pow__(self, other: Any) -> Any:
        return apply("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return apply("power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return apply("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return apply("matmul", other, self)

    def __neg__(self) -> Any:
        return apply("negative", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return apply("absolute", self)

    def __lt__(self, other: Any) -> Any:
        return apply("less", self, other)

    def __le__(self, other: Any) -> Any:
        return apply("less_equal", self, other)

    def __gt__(self, other: Any) -> Any:
        return apply("greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return apply("greater_equal", self, other)

    def __getitem__(self, key: Any) -> Any:
        return apply("get_item", self, _described(key))

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Any:
        """Return what ``array + tensor`` stands for; refuse NumPy's other functions."""
        name = str(ufunc.__name__)
        if name in ("equal", "not_equal"):  # as objects, like == of two tensors
            return (operands[0] is operands[1]) == (name == "equal")
        if method == "__call__" and name in OPERATORS and not options:
            return apply(OPERATORS[name], *operands)
        raise TypeError(
            f"numpy.{name}: {self!r:.100} has no numbers yet, so NumPy cannot compute with it; use "
            f"the functions of fastnn.ops, such as ops.{name}"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f"{self!r:.100} has no numbers yet, so NumPy cannot compute with it; use the function "
            "of that name of fastnn.ops"
        )

    def __float__(self) -> float:
        raise TypeError(
            f"{self!r:.100} has no numbers yet, so it cannot become one; compose fastnn.ops"
        )

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r:.100} has no numbers yet, so it is neither true nor false; choose by "
            "ops.where(condition, a, b), and combine conditions by ops.logical_and"
        )
