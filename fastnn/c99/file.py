"""The layout of an exported file: comment, declarations, pieces, weights, functions, test."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from fastnn._typing import Array
from fastnn._version import __version__
from fastnn.c99 import library
from fastnn.c99.literals import array
from fastnn.c99.pieces import Piece, needed
from fastnn.c99.steps import Steps
from fastnn.compiler.graph import Shape, size_of

__all__ = ["C_TYPES", "Argument", "Net", "lines"]

#: What the caller's numbers may be of -> the type in C.
C_TYPES = {"float32": "float", "float64": "double", "uint8": "uint8_t", "int32": "int32_t"}

_WIDTH = 100


@dataclass(frozen=True)
class Argument:
    """An input or output of a network.

    Attributes:
        kind: its type in C.
        name: its name there.
        shape: the shape of a sample.
        samples: numbers to test with, a row for each sample.
    """

    kind: str
    name: str
    shape: Shape
    samples: Array | None = None

    @property
    def size(self) -> int:
        """The numbers of a sample."""
        return size_of(self.shape).base


@dataclass(frozen=True)
class Net:
    """What a file is about.

    Attributes:
        name: what its names begin with.
        file: the name of the file, for comments.
        dtype: what it computes in.
        title: lines of the comment, on what it is.
        steps: its operations.
        xs: its inputs.
        ys: its outputs.
    """

    name: str
    file: str
    dtype: str
    title: Sequence[str]
    steps: Steps
    xs: Sequence[Argument]
    ys: Sequence[Argument]

    @property
    def double(self) -> bool:
        """Whether it computes in double precision."""
        return self.dtype == "float64"

    @property
    def ends(self) -> list[Argument]:
        """Inputs, then outputs."""
        return [*self.xs, *self.ys]

    @property
    def cells(self) -> int:
        """The numbers of a workspace."""
        return max(self.steps.cells, 1)

    @property
    def is_tested(self) -> bool:
        """Whether there are samples to test with."""
        return all(each.samples is not None for each in self.ends)

    def size(self, end: Argument) -> str:
        """Return the macro that says how many numbers an input or output has."""
        return f"{self.name}_{end.name}_size".upper()

    def macro(self, what: str) -> str:
        """Return a macro of the file."""
        return f"{self.name}_{what}".upper()

    def prototype(self, function: str, first: str = "") -> str:
        """Return the head of a function that takes what ``first`` says, inputs and outputs."""
        given = [f"const {x.kind} *{x.name}" for x in self.xs]
        given += [f"{y.kind} *{y.name}" for y in self.ys]
        return f"void {self.name}_{function}({', '.join([*([first] if first else []), *given])})"

    @property
    def heads(self) -> tuple[str, str]:
        """The heads of the two functions: with the static workspace, with the caller's."""
        first = f"{self.name}_workspace *workspace"
        return self.prototype("predict"), self.prototype("predict_with", first)


def lines(net: Net) -> Iterator[str]:
    """Yield the lines of a file."""
    code = [*_functions(net), *(_test(net) if net.is_tested else ())]
    yield from _comment(net)
    yield from _declarations(net)
    yield f"\n#ifndef {net.macro('declarations')}\n#include <float.h>"
    words = {"real", "NAN", "INFINITY"}  # what arrays are made of
    words |= set(chain.from_iterable(re.findall(r"[A-Za-z_]\w*", line) for line in code))
    for piece in needed(_pieces(net), words):
        yield f"\n{piece.text}"
    yield from _weights(net)
    yield from code
    if not net.is_tested:
        yield from _no_test(net)
    yield "#endif"


def _pieces(net: Net) -> list[Piece]:
    """Return the pieces; what reads the caller's numbers, once for each type of them."""
    parted = (
        _by_type(piece) if "op_gather" in piece.names else [piece]
        for piece in library.pieces(net.double)
    )
    return list(chain.from_iterable(parted))


def _by_type(piece: Piece) -> Iterator[Piece]:
    for kind in C_TYPES.values():
        name = f"op_gather_{kind}"
        text = piece.text.replace("op_gather", name).replace("given", kind)
        yield Piece(frozenset([name]), text)


def _comment(net: Net) -> Iterator[str]:
    yield f"/* {net.file}: a network in C99, written by fastnn {__version__}."
    for line in [*net.title, *_usage(net)]:
        indent = " " * (len(line) - len(line.lstrip()))
        for part in textwrap.wrap(line, _WIDTH, subsequent_indent=indent) or [""]:
            yield f" * {part}".rstrip()
    yield " */"


def _usage(net: Net) -> Iterator[str]:
    name, size = net.name, 8 if net.double else 4
    yield from ("", f"    {net.heads[0]};", f"    {net.heads[1]};", "")
    yield (
        "take one sample each and write what predict of fastnn says of it, to the bit. "
        f"{name}_predict has one static workspace: one thread at a time may call it. "
        f"{name}_predict_with works in the caller's, and -D{net.macro('no_static')} leaves the "
        "static one out. Nothing is allocated, and no library is needed."
    )
    yield ""
    yield (
        f"Numbers are {net.dtype}. Constants take {net.steps.bytes:,} bytes, a workspace takes "
        f"{net.cells * size:,}."
    )
    yield ""
    yield f"    cc -std=c99 -O2 -c {shlex.quote(net.file)}"
    yield ""
    yield (
        "compiles it. With -mfma or -march=native it is faster where the processor has a fused "
        "multiply-add; the bits stay. Other files get the declarations by"
    )
    yield from ("", f"    #define {net.macro('declarations')}", f'    #include "{net.file}"')
    if net.is_tested:
        yield from ("", "A program that compares with what fastnn predicted:", "")
        yield f"    cc -std=c99 -O2 -D{net.macro('test')} {shlex.quote(net.file)} && ./a.out"


def _declarations(net: Net) -> Iterator[str]:
    yield f"#ifndef {net.macro('h')}\n#define {net.macro('h')}\n\n#include <stdint.h>\n"
    for end in net.ends:
        shape = " x ".join(map(str, end.shape)) or "1"
        yield f"#define {net.size(end)} {end.size} /* {shape} */"
    real = C_TYPES[net.dtype]
    yield f"\ntypedef struct {{\n    {real} memory[{net.cells}];\n}} {net.name}_workspace;\n"
    yield from (f"{head};" for head in net.heads)
    yield "\n#endif"


def _weights(net: Net) -> Iterator[str]:
    for name, values in net.steps.arrays.items():
        yield ""
        yield from array("real", name, values, net.double)


def _functions(net: Net) -> Iterator[str]:
    plain, given = net.heads
    names = ", ".join(end.name for end in net.ends)
    yield f"\n{given}\n{{"
    yield "    real *const m = workspace->memory;\n    const uint64_t before = enter_mode();"
    yield from (f"    (void){name};" for name in ("m", *names.split(", ")))
    yield from map(_call, net.steps.calls)
    yield "    leave_mode(before);\n}"
    yield f"\n#ifndef {net.macro('no_static')}\n{plain}\n{{"
    yield f"    static {net.name}_workspace workspace;"
    yield f"    {net.name}_predict_with(&workspace, {names});\n}}\n#endif"


def _call(call: str) -> str:
    return textwrap.fill(
        call,
        _WIDTH,
        initial_indent=" " * 4,
        subsequent_indent=" " * 8,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _no_test(net: Net) -> Iterator[str]:
    yield f"\n#ifdef {net.macro('test')}"
    yield '#error "there are no samples in this file: `fastnn export --test DATA` puts some in,"'
    yield '#error "and so does export_c(..., test=samples)"\n#endif'


def _test(net: Net) -> Iterator[str]:
    """Yield a program that compares what the network says of samples with what they hold."""
    yield f"\n#ifdef {net.macro('test')}\n#include <stdio.h>"
    rows = 0
    for end in net.ends:
        assert end.samples is not None
        rows = len(end.samples)
        yield ""
        yield from array(end.kind, f"test_{end.name}", end.samples, net.double)
    place = {end.name: f"test_{end.name} + row * {net.size(end)}" for end in net.ends}
    given = ", ".join([*(place[x.name] for x in net.xs), *(y.name for y in net.ys)])
    same = (f"same_bits({y.name}, {place[y.name]}, {net.size(y)})" for y in net.ys)
    yield "\nint main(void)\n{\n    int right = 0;"
    yield f"    static {net.name}_workspace workspace;"
    yield from (f"    static real {y.name}[{net.size(y)} + 1];" for y in net.ys)
    yield f"    for (int row = 0; row < {rows}; row++) {{"
    yield f"        {net.name}_predict_with(&workspace, {given});"
    yield f"        right += {' && '.join(same)};\n    }}"
    yield f'    printf("{net.name}: %d of {rows} samples as predicted, bit for bit\\n", right);'
    yield f"    return right != {rows};\n}}\n#endif"
