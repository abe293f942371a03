"""The summary of a model: its layers, their shapes, weights and work, and what windows see."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn.compiler import lower
from fastnn.compiler.geometry import Side
from fastnn.compiler.graph import Shape
from fastnn.explain import aligned
from fastnn.functional import Network, Symbol
from fastnn.layers.base import Layer

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["keras_shapes", "parameters", "shapes", "summary", "totals"]


def summary(
    model: Model,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """Return a table of the layers.

    Args:
        model: the model.
        expand_nested: whether the layers inside of layers have lines of their own.
        show_trainable: whether to say which layers learn.
        layer_range: two regular expressions: the first layer shown and the last.

    Raises:
        ValueError: ``layer_range`` is not two texts, or names no layer.
    """
    rows = list(_rows(model, "", 0, expand_nested))
    if layer_range is not None:
        rows = _between(rows, layer_range, model)
    columns: dict[str, Callable[[_Row], str]] = {
        "Layer (type)": lambda row: f"{'  ' * row.depth}{row.layer.name} ({_kind(row.layer)})",
        "Output Shape": lambda row: shapes(row.layer),
        "Param #": lambda row: _count(row.layer),
    }
    flops = _flops(model)
    if flops is not None:
        columns["FLOPs"] = lambda row: f"{_total(flops, row.path):,}"
    fields = _fields_by_layer(model)
    if any(_windows(row.layer) for row in rows):
        columns["(N - F + 2P)/S + 1"] = lambda row: _arithmetic(row.layer)
        columns["Receptive field"] = lambda row: _seen(fields.get(row.layer))
    if model.built and not model.network.is_chain:
        columns["Connected to"] = lambda row: ", ".join(row.sources)
    if show_trainable:
        columns["Trainable"] = lambda row: "Y" if row.layer.trainable else "N"
    titles = list(columns)
    table = [titles, *([cell(row) for cell in columns.values()] for row in rows)]
    right = {titles.index(name) for name in ("Param #", "FLOPs") if name in titles}
    lines = [f'Model: "{model.name}"', *aligned(table, right), *totals(model)]
    if flops is not None:
        lines.append(f"FLOPs: {sum(flops.values()):,} a sample")
    return "\n".join(lines)


@dataclass(frozen=True)
class _Row:
    """A line: a layer, the path of its operations, how deep inside it is, what it is called on."""

    layer: Layer
    path: str
    depth: int
    sources: Sequence[str]


def _rows(model: Layer, prefix: str, depth: int, nested: bool) -> Iterator[_Row]:
    network = getattr(model, "_network", None)
    for layer in model.sublayers().values():
        path = f"{prefix}{layer.name}"
        yield _Row(layer, path, depth, network.sources(layer) if network else [])
        if nested:
            yield from _rows(layer, f"{path}/", depth + 1, nested)


def _between(rows: list[_Row], layer_range: Sequence[str], model: Model) -> list[_Row]:
    """Return the rows from the first whose layer has the first name to the last with the other."""
    ends = list(layer_range) if isinstance(layer_range, list | tuple) else []
    if len(ends) != 2 or not all(isinstance(end, str) for end in ends):
        raise ValueError(
            "summary: layer_range must be the names of the first layer and the last, such as "
            f"('conv', 'pool'), got {str(layer_range)[:80]!r}"
        )
    first, last = ([n for n, row in enumerate(rows) if _has_name(row, end)] for end in ends)
    if not first or not last:
        raise ValueError(
            f"summary: no layer of {model.name!r} is called {ends[bool(first)][:80]!r}, which "
            "layer_range names"
        )
    return rows[min(first) : max(last) + 1]


def _has_name(row: _Row, pattern: str) -> bool:
    return pattern == row.layer.name or re.match(pattern, row.layer.name) is not None


def _kind(layer: Layer) -> str:
    return type(layer).__name__


def _count(layer: Layer) -> str:
    return f"{parameters(layer):,}" if layer.built or layer.weights else "?"


def parameters(layer: Layer) -> int:
    """Return how many numbers the weights of a layer are, as far as they are known."""
    return sum(v.size for v in layer.weights)


def totals(model: Model) -> list[str]:
    """Return lines of how many weights a model has, and how many of them learn."""
    learns = sum(v.size for v in model.trainable_weights)
    frozen = sum(v.size for v in model.non_trainable_weights)
    size = (learns + frozen) * np.dtype(model.dtype).itemsize
    unknown = [] if model.built else ["Not built: an Input, build or fit makes the weights"]
    return [
        *unknown,
        f"Total params: {learns + frozen:,} ({size / 1024:,.2f} KB)",
        f"Trainable params: {learns:,}",
        f"Non-trainable params: {frozen:,}",
    ]


def shapes(layer: Layer) -> str:
    """Return the shape of a layer's output as Keras writes it, or those of several."""
    if not layer.built and layer.sublayers():
        return "?"
    found = layer.output_shape
    return "?" if found is None else keras_shapes(found)


def keras_shapes(shapes: Any) -> str:
    """Return a shape as Keras writes it, or those of several, one after the other."""
    if isinstance(shapes, dict):
        shapes = [shapes[key] for key in sorted(shapes)]
    if isinstance(shapes, list) or any(isinstance(each, tuple) for each in shapes):
        return ", ".join(map(keras_shapes, shapes))
    return "(" + ", ".join(map(str, shapes)) + ")"


# ---- work ----------------------------------------------------------------------------------------


def _flops(model: Model) -> dict[str, int] | None:
    """Return the FLOPs of predicting one sample by the paths of layers."""
    if not model.built:
        return None
    graph, _ = lower.outputs(model.network, model.input_shapes)
    found: dict[str, int] = {}
    for node in graph.nodes:
        if node.op.name != "gather":
            found[node.layer] = found.get(node.layer, 0) + node.flops(1)
    return found


def _total(flops: Mapping[str, int], path: str) -> int:
    return sum(n for at, n in flops.items() if at == path or at.startswith(f"{path}/"))


# ---- windows -------------------------------------------------------------------------------------


def _windows(layer: Layer) -> Sequence[Side] | None:
    """Return the sides of the window of a layer that slides one over its input."""
    find = getattr(layer, "sliding_window", None)
    if find is None or layer.input_shape is None or _kind(layer).endswith("Transpose"):
        return None
    sides: Sequence[Side] = find().sides
    return sides


def _each(value: Any, sides: int) -> list[int]:
    """Return an option of a layer as one number for each side."""
    return list(value) if isinstance(value, list | tuple) else [value or 1] * sides


def _arithmetic(layer: Layer) -> str:
    """Return how the size of a layer's output follows from that of its input."""
    sides = _windows(layer) or ()
    return " x ".join(dict.fromkeys(map(_formula, sides)))


def _formula(side: Side) -> str:
    inner = f"({side.extent} - {side.size} + {sum(side.pads)})/{side.stride}"
    exact = (side.extent - side.size + sum(side.pads)) % side.stride == 0
    return f"{inner if exact else f'floor({inner})'} + 1 = {side.out}"


@dataclass(frozen=True)
class _Field:
    """The pixels of the input that a number depends on along one side, and how far apart those of
    neighbours are."""

    size: Fraction
    jump: Fraction

    def through(self, window: Side) -> _Field:
        return _Field(self.size + (window.size - 1) * self.jump, self.jump * window.stride)


_Fields = tuple[_Field, ...] | None


def _fields_by_layer(model: Model) -> dict[Layer, _Fields]:
    """Return the receptive fields of the outputs of layers, of the last call of each."""
    if not isinstance(model._network, Network):
        return {}
    network, found = model._network, dict[Layer, _Fields]()
    starts = [_start(symbol.shape) for symbol in network.inputs]
    for symbol, fields in _walk(network, starts, found).items():
        found[symbol.layer] = fields
    return found


def _start(shape: Shape) -> _Fields:
    return tuple(_Field(Fraction(1), Fraction(1)) for _ in shape[1:-1]) or None


def _walk(
    network: Network, starts: Sequence[_Fields], found: dict[Layer, _Fields]
) -> dict[Symbol, _Fields]:
    """Return the receptive fields of all symbols of a network; note those of layers inside."""
    known = dict(zip(network.inputs, starts, strict=True))
    for call in network.calls:
        given = [known[symbol] for symbol in call.inputs]
        inner = getattr(call.layer, "_network", None)
        if isinstance(inner, Network):
            inside = _walk(inner, given, found)
            found.update((symbol.layer, fields) for symbol, fields in inside.items())
            results = [inside[symbol] for symbol in inner.outputs]
        else:
            merged = _merged(given)
            results = [_after(call.layer, merged, symbol.shape) for symbol in call.outputs]
        known.update(zip(call.outputs, results, strict=True))
    return known


def _merged(given: Sequence[_Fields]) -> _Fields:
    """Return the field of what depends on several: the larger one along each side."""
    every = [fields for fields in given if fields]
    if not every or len({len(fields) for fields in every}) > 1:
        return None
    return tuple(
        _Field(max(f.size for f in sides), max(f.jump for f in sides))
        for sides in zip(*every, strict=True)
    )


def _after(layer: Layer, fields: _Fields, shape: Shape) -> _Fields:
    """Return the field of a layer's output; ``None`` where a place of it sees all, or it is not
    known."""
    if fields is None or len(shape) - 2 != len(fields) or hasattr(layer, "return_sequences"):
        return None
    windows = _windows(layer)
    if windows is not None:
        return tuple(field.through(w) for field, w in zip(fields, windows, strict=True))
    if _kind(layer).endswith("Transpose") or layer.sublayers():
        return None
    if _kind(layer).startswith("UpSampling"):
        sizes = _each(getattr(layer, "size", 1), len(fields))
        return tuple(_Field(f.size, f.jump / size) for f, size in zip(fields, sizes, strict=True))
    return fields


def _seen(fields: _Fields) -> str:
    return " x ".join(str(int(field.size)) for field in fields) if fields else ""
