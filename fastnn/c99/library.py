"""What exported files are made of: the C of this folder, and what csrc computes functions by.

``csrc/simd/math.h`` and the tables of functions are written on vector verbs.  ``arithmetic.c`` has
the same verbs for one number, so that a file holds the very polynomials that ``predict`` computes.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from fastnn import _core
from fastnn.c99.pieces import Piece, macros, parse

__all__ = ["Parameter", "operations", "pieces", "reduction_start"]

#: The sources of csrc in the order of their dependence.
_MATH = ("simd/turn.h", "simd/math.h")
_FUNCTIONS = ("kernels/curve-inl.h", "kernels/binary-inl.h")

#: (type, name) of a parameter of an operation in C
Parameter = tuple[str, str]


@cache
def pieces(double: bool) -> tuple[Piece, ...]:
    """Return all that a file may hold, in order, for float64 or float32."""
    csrc = _core.texts()
    own = _own("arithmetic.c", double)
    known = frozenset(name for piece in own for name in piece.names)
    types = [p for p in parse(csrc["simd/real.h"], double) if not p.names & known]
    math = [p for name in _MATH for p in parse(csrc[name], double)]
    helpers = [p for name in _FUNCTIONS for p in parse(csrc[name], double) if not _is_operation(p)]
    operations = _own("operations.c", double)
    return (*types, *own, *math, *helpers, *_tables(csrc), *operations)


def _own(name: str, double: bool) -> list[Piece]:
    return parse(Path(__file__).with_name(name).read_text("utf-8"), double)


def _tables(csrc: dict[str, str]) -> list[Piece]:
    """Return a function for each row of the tables of functions."""
    activations = macros(csrc["activations.def"], "ACTIVATION")
    curves = macros(csrc["curves.def"], "CURVE")
    twos = macros(csrc["binary.def"], "BINARY")
    return [
        *(_function(f"activation_{name}", "real x", value) for name, value, _ in activations),
        *(_curve(f"curve_{name}", value) for name, value, _ in curves),
        *(_function(f"binary_{name}", "real a, real b", value) for name, value in twos),
        *(
            _function(f"reduction_{name}", "real a, real x", step)
            for name, _, step, _ in macros(csrc["reductions.def"], "REDUCTION")
        ),
    ]


def _function(name: str, given: str, value: str) -> Piece:
    return Piece(frozenset([name]), f"static real {name}({given}) {{ return {value}; }}")


def _curve(name: str, value: str) -> Piece:
    used = [letter for letter in "abcd" if re.search(rf"\b{letter}\b", value)]
    known = ", ".join(f"{letter} = at[{'abcd'.index(letter)}]" for letter in used)
    first = f"const real {known};" if used else "(void)at;"
    text = f"static real {name}(real x, const real *at)\n{{\n    {first}\n    return {value};\n}}"
    return Piece(frozenset([name]), text)


@cache
def reduction_start() -> dict[str, str]:
    """Return what each reduction begins with, as C."""
    rows = macros(_core.texts()["reductions.def"], "REDUCTION")
    return {name: first for name, first, _, _ in rows}


@cache
def operations() -> dict[str, tuple[Parameter, ...]]:
    """Return the parameters of each operation of the table that is there in C, by its name."""
    return dict(_parameters(piece) for piece in pieces(False) if _is_operation(piece))


def _is_operation(piece: Piece) -> bool:
    return any(name.startswith("op_") for name in piece.names)


def _parameters(piece: Piece) -> tuple[str, tuple[Parameter, ...]]:
    """Return the name of an operation and its parameters."""
    match = re.search(r"static void op_(\w+)\(([^)]*)\)", piece.text)
    assert match is not None
    given = (each.split() for each in match[2].split(","))
    return match[1], tuple((words[-2], words[-1].lstrip("*")) for words in given)
