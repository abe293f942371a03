"""Schemes in Graphviz's language, and the program that draws them."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator

from fastnn.architecture.scheme import Arrow, Box, Group, Scheme, printable

__all__ = ["dot_text", "draw", "is_installed"]

_FONT = 'fontname="Helvetica" fontsize=10'
_SECONDS = 60.0
#: When a PDF was made.
_DATE = re.compile(rb"(/CreationDate \(D:)\d{14}")


def dot_text(scheme: Scheme, name: str, rankdir: str) -> str:
    """Return a scheme as Graphviz reads it.

    Args:
        scheme: what to draw.
        name: the model's.
        rankdir: where arrows lead: ``"TB"``, ``"BT"``, ``"LR"`` or ``"RL"``.
    """
    names = dict(zip(_boxes(scheme), (f"n{at}" for at in itertools.count()), strict=False))
    clusters = (f"cluster_{at}" for at in itertools.count())
    lines = [
        f"digraph {_quoted(name)} {{",
        f'  graph [rankdir={rankdir} {_FONT} nodesep=0.3 ranksep=0.4 pad=0.1 bgcolor="white"]',
        f"  node [shape=plain {_FONT}]",
        '  edge [color="#444444" arrowsize=0.7]',
        *(f"  {line}" for line in _body(scheme, names, clusters)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _boxes(scheme: Scheme) -> Iterator[Box]:
    for node in scheme.nodes:
        if isinstance(node, Box):
            yield node
        else:
            yield from _boxes(node.inner)


def _body(scheme: Scheme, names: dict[Box, str], clusters: Iterator[str]) -> Iterator[str]:
    for node in scheme.nodes:
        if isinstance(node, Box):
            yield f"{names[node]} [label=<{_table(node)}>]"
            continue
        yield f"subgraph {next(clusters)} {{"
        yield f'  graph [label={_quoted(node.title)} style="rounded,filled" fillcolor="#f5f5f5"'
        yield '    color="#999999" margin=12]'
        yield from (f"  {line}" for line in _body(node.inner, names, clusters))
        yield "}"
    for arrow in scheme.arrows:
        yield f"{names[_tail(arrow)]} -> {names[_head(arrow)]}"


def _tail(arrow: Arrow) -> Box:
    """Return the box that an arrow comes from: in a group, that of the output."""
    node, output = arrow.source, arrow.output
    while isinstance(node, Group):
        node, output = node.inner.outputs[min(output, len(node.inner.outputs) - 1)]
    return node


def _head(arrow: Arrow) -> Box:
    """Return the box that an arrow leads to: in a group, that of the input."""
    node = arrow.target
    while isinstance(node, Group):
        node = node.inner.inputs[min(arrow.input, len(node.inner.inputs) - 1)]
    return node


def _table(box: Box) -> str:
    """Return a box as a table: the title white on dark, a line for all else."""
    color = "#0072b2" if box.is_input else "#444444"
    head = (
        f'<TR><TD BGCOLOR="{color}"><FONT COLOR="white"><B>{_text(box.title)}</B></FONT></TD></TR>'
    )
    rest = "".join(f"<TR><TD>{_text(line)}</TD></TR>" for line in box.lines)
    return (
        f'<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="0" CELLPADDING="5" COLOR="{color}">'
        f"{head}{rest}</TABLE>"
    )


def _text(text: str) -> str:
    """Return a text that says nothing but itself in a table."""
    return html.escape(text)


def _quoted(text: str) -> str:
    """Return a text that says nothing but itself between quotes."""
    escaped = printable(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def is_installed() -> bool:
    """Return whether there is a program ``dot``."""
    import shutil

    return shutil.which("dot") is not None


def draw(text: str, kind: str, dpi: float) -> bytes:
    """Return the picture that Graphviz draws of a text.

    Args:
        text: in Graphviz's language.
        kind: ``"png"``, ``"pdf"`` or ``"svg"``.
        dpi: pixels of an inch.

    Raises:
        RuntimeError: Graphviz could not draw it.
    """
    import subprocess

    command = ["dot", f"-T{kind}", *([f"-Gdpi={dpi:g}"] if kind == "png" else [])]
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            capture_output=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(
            f"plot_model: Graphviz's dot failed ({type(error).__name__}); engine='matplotlib' "
            "draws without it"
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(
            f"plot_model: Graphviz's dot failed: {said[:200]}; engine='matplotlib' draws without it"
        )
    return _DATE.sub(rb"\g<1>19700101000000", done.stdout)
