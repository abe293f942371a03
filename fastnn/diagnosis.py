"""What goes wrong inside of a network: vanishing gradients, dead units, steps of a wrong size."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import training
from fastnn._typing import Array
from fastnn.compiler import lower
from fastnn.compiler.graph import Graph, Node, Tensor
from fastnn.differentiation import Shelf, run_once
from fastnn.explain import aligned
from fastnn.runtime import Runtime

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fastnn.models import Model

__all__ = ["Diagnosis", "LayerDiagnosis", "diagnose"]

#: Parts of a graph that are not layers.
_NO_LAYERS = frozenset({"", "input", "loss", "metrics", "optimizer", "output", "penalties"})


_TITLES = ("layer", "units", "zeros", "dead", "|dJ/dy|", "|dJ/dw|", "|step|/|w|")


@dataclass(frozen=True)
class LayerDiagnosis:
    """What is known of a layer after one batch.

    Attributes:
        name: the layer's name.
        units: the size of the last axis of its output.
        zeros: the share of its outputs that are exactly 0, from 0 to 1.
        dead: the units that are 0 for all samples, and so learn nothing after a ReLU.
        signal: the norm of the derivative of the loss with respect to its output.
        gradient: that with respect to its weights; ``None`` if it has none that train.
        update: the norm of the change that one step makes to them, divided by their own.
    """

    name: str
    units: int
    zeros: float
    dead: int
    signal: float
    gradient: float | None
    update: float | None


@dataclass(frozen=True)
class Diagnosis:
    """What ``model.diagnose`` found; it prints as a table.

    Attributes:
        layers: in the order in which they compute.
        loss: the mean loss of the batch.
    """

    layers: tuple[LayerDiagnosis, ...]
    loss: float

    def __str__(self) -> str:
        lines = aligned([_TITLES, *self._rows()], right=set(range(1, len(_TITLES))))
        return "\n".join([f"loss {self.loss:.6g}", *lines])

    def _rows(self) -> list[list[str]]:
        return [
            [
                *(each.name, str(each.units), f"{each.zeros:.1%}", str(each.dead)),
                *(_number(n) for n in (each.signal, each.gradient, each.update)),
            ]
            for each in self.layers
        ]

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        from fastnn import notebook

        shown = notebook.table(_TITLES, self._rows(), range(1, len(_TITLES)))
        return f"<div>loss {self.loss:.6g}{shown}</div>"

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw gradients, zeros and updates, layer by layer; needs matplotlib.

        Args:
            path: a .png, .pdf or .svg file to write.
        """
        from fastnn import plots

        return plots.diagnosis(self, path=path)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def diagnose(model: Model, x: Any, y: Any) -> Diagnosis:
    """Compute one batch, there and back, and look at each layer; the model stays as it is."""
    runtime = model._compiled("diagnose", x)
    data = training.check_data("diagnose", model, runtime, x, y)
    assert runtime.objective is not None
    graph, loss = lower.evaluation(
        runtime.call, runtime.input_shapes, runtime.objective.unwatched, training=True
    )
    parts = _parts(graph)
    outputs = [part.output for part in parts]
    seen = _watch(runtime, graph, loss, outputs, data, model.seed)
    return Diagnosis(tuple(map(seen.layer, parts)), float(seen.values[loss]))


def _watch(
    runtime: Runtime,
    graph: Graph,
    loss: Tensor,
    outputs: list[Tensor],
    data: training.Data,
    seed: int,
) -> _Seen:
    """Make one step on copies of the buffers; return what it leaves behind."""
    assert runtime.optimizer is not None
    shelf = Shelf(graph, "seen", len(data))
    gradients = lower.backward(graph, loss, runtime.parameters, outputs)
    values = {t: shelf.keep(t) for t in (loss, *outputs)}
    slopes = {t: shelf.keep(gradient) for t, gradient in gradients.items()}  # before any clipping
    lower.step(graph, runtime.parameters, runtime.optimizer)
    runtime.set_rates(1)
    buffers = {**runtime.copies(runtime.dtype), "seen": shelf.zeros(runtime.dtype)}
    before = buffers["params"].copy()
    memory = run_once(graph, buffers, runtime.policy, data.lent, len(data), seed)
    spans = {t: slice(t.offset, t.offset + t.size.base) for t in graph.parameters.values()}
    return _Seen(
        {t: memory.view(kept, len(data)) for t, kept in values.items()},
        {t: memory.view(kept, len(data)) for t, kept in slopes.items()},
        {t: (before[span], buffers["params"][span]) for t, span in spans.items()},
    )


# ---- the parts of a graph ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """The nodes of a layer: what comes out, and the weights that go in."""

    name: str
    output: Tensor
    weights: tuple[Tensor, ...]


def _parts(graph: Graph) -> list[_Part]:
    """Return the layers of a graph, in the order of their last nodes."""
    nodes: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.layer not in _NO_LAYERS and node.outputs:
            nodes.setdefault(node.layer, []).append(node)
    return [_part(graph, name, own) for name, own in nodes.items()]


def _part(graph: Graph, name: str, own: list[Node]) -> _Part:
    """Return a layer: its output is what others read last, or what it computes last."""
    read = {t for node in graph.nodes if node not in own for t in node.inputs}
    made = [t for node in own for t in node.outputs if t is not None]
    last = next((t for t in reversed(made) if t in read), made[-1])
    weights = graph.parameters.values()
    return _Part(name, last, tuple(t for t in weights if any(t in n.inputs for n in own)))


@dataclass(frozen=True)
class _Seen:
    """What one batch left behind: values, derivatives of the loss, changes of weights by a step."""

    values: Mapping[Tensor, Array]
    slopes: Mapping[Tensor, Array]
    changes: Mapping[Tensor, tuple[Array, Array]]

    def layer(self, part: _Part) -> LayerDiagnosis:
        """Return what is known of a layer."""
        y = self.values[part.output]
        units = y.reshape(-1, y.shape[-1])
        learns = [t for t in part.weights if t in self.slopes]
        changes = [self.changes[t] for t in learns]
        return LayerDiagnosis(
            name=part.name,
            units=units.shape[1],
            zeros=float((units == 0).mean()),
            dead=int((units == 0).all(axis=0).sum()),
            signal=_norm([self.slopes[part.output]] if part.output in self.slopes else []),
            gradient=_norm(self.slopes[t] for t in learns) if learns else None,
            update=_ratio(changes) if learns else None,
        )


def _norm(arrays: Iterable[Array]) -> float:
    return float(np.sqrt(sum(np.square(a, dtype=np.float64).sum() for a in arrays)))


def _ratio(changes: Iterable[tuple[Array, Array]]) -> float:
    """Return the norm of the changes over that of the weights; weights of 0 count as the smallest
    number that is not."""
    before, after = zip(*changes, strict=True)
    moved = _norm(a.astype(np.float64) - b for b, a in zip(before, after, strict=True))
    return moved / max(_norm(before), float(np.finfo(np.float32).tiny))
