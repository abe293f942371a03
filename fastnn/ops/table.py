"""The table of operations, ``csrc/ops.def``, as Python sees it.

The compiled core hands over the rows of the table as text; this module parses their signatures.
Shape inference, gradients, listings, parity tests and benchmarks all read the result.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from fastnn import _core

__all__ = [
    "Op",
    "Operand",
    "activation_names",
    "binary_names",
    "codes",
    "curve_names",
    "loss_names",
    "reduction_names",
    "table",
]

_OPERAND = re.compile(
    r"(?P<name>\w+)(:(?P<dtype>\w+))?\[(?P<axes>[\w*,]*)\](?P<flags>[?~+&]*)(=(?P<alias>\w+))?"
    r"(@(?P<over>[\w|]+))?"
)
_TERM = re.compile(r"(?P<factor>\d*)(?P<letters>[a-z]*)")


@dataclass(frozen=True)
class Operand:
    """One operand of an operation: ``x[r,n*]``, ``t:i32[r]``, ``w[n]~``.

    ``stars`` are the axes that stand for several, of which all but one have to be told how many.
    ``affine`` is ``"+"`` if the outputs are affine in all operands of that kind together, ``"&"``
    if in this one alone, ``""`` if not.
    """

    name: str
    dtype: str
    axes: tuple[str, ...]
    stars: tuple[str, ...]
    optional: bool
    inplace: bool
    alias: str | None
    over: tuple[str, ...] = ()
    affine: str = ""

    @classmethod
    def parse(cls, text: str) -> Operand:
        """Read one operand of a signature."""
        match = _OPERAND.fullmatch(text)
        if match is None:
            raise ValueError(f"ops.def: operand {text!r} is not name[:type][axes][flags]")
        axes = [axis for axis in match["axes"].split(",") if axis]
        return cls(
            name=match["name"],
            dtype=match["dtype"] or "real",
            axes=tuple(axis[0] for axis in axes),
            stars=tuple(axis[0] for axis in axes if axis.endswith("*")),
            optional="?" in match["flags"],
            inplace="~" in match["flags"],
            alias=match["alias"],
            over=tuple(match["over"].split("|")) if match["over"] else (),
            affine="".join(flag for flag in "+&" if flag in match["flags"]),
        )


@dataclass(frozen=True)
class Op:
    """One row of the table."""

    code: int
    name: str
    signature: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    variadic: bool
    attributes: tuple[str, ...]
    flops: tuple[tuple[int, str], ...]
    meaning: str

    @property
    def axes(self) -> tuple[str, ...]:
        """The axis letters in the order in which they first appear."""
        letters = (axis for operand in self.inputs + self.outputs for axis in operand.axes)
        return tuple(dict.fromkeys(letters))

    @property
    def writes_in_place(self) -> bool:
        """Whether the operation changes one of its inputs, so that it must run though unread."""
        return any(operand.inplace for operand in self.inputs)


def _side(text: str) -> tuple[Operand, ...]:
    return tuple(Operand.parse(word) for word in text.split() if word != "...")


def _flops(text: str) -> tuple[tuple[int, str], ...]:
    terms = [match for match in map(_TERM.fullmatch, text.split("+")) if match and match[0]]
    return tuple((int(term["factor"] or 1), term["letters"]) for term in terms)


def _parse(code: int, row: tuple[str, str, str, str, str]) -> Op:
    name, signature, attributes, flops, meaning = row
    left, right = signature.split("->")
    return Op(
        code=code,
        name=name,
        signature=signature,
        inputs=_side(left),
        outputs=_side(right),
        variadic="..." in signature,
        attributes=tuple(attributes.split()),
        flops=_flops(flops),
        meaning=meaning,
    )


@cache
def table() -> Mapping[str, Op]:
    """Return every operation by name, in the order of its code.

    Example:
        >>> from fastnn.ops.table import table
        >>> table()["dense_fwd"].meaning
        'y = g(x @ w + b)'
    """
    rows = (_parse(code, row) for code, row in enumerate(_core.op_table()))
    return MappingProxyType({op.name: op for op in rows})


@cache
def activation_names() -> tuple[str, ...]:
    """Return the names of the activations that a product can apply itself, in code order."""
    return _core.activation_names()


@cache
def curve_names() -> tuple[str, ...]:
    """Return the names of the activations that are operations of their own, in code order."""
    return _core.curve_names()


@cache
def binary_names() -> tuple[str, ...]:
    """Return the names of the functions of two numbers, in code order."""
    return _core.binary_names()


@cache
def reduction_names() -> tuple[str, ...]:
    """Return the names of what makes one number of many, in code order."""
    return _core.reduction_names()


@cache
def loss_names() -> tuple[str, ...]:
    """Return the names of ``csrc/losses.def``, in code order."""
    return _core.loss_names()


def codes(attribute: str) -> tuple[str, ...]:
    """Return the names that an attribute may have as its value, in code order."""
    known = {
        "loss": loss_names,
        "curve": curve_names,
        "binary": binary_names,
        "reduction": reduction_names,
    }
    return known.get(attribute, activation_names)()
