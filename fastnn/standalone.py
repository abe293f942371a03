"""Losses and metrics by themselves, on arrays: the same operations in a program of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn import _core, config
from fastnn._typing import Array
from fastnn.compiler.bind import Compiled
from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.compiler.program import Memory, Program
from fastnn.data import arrays
from fastnn.errors import ShapeError
from fastnn.losses import Loss, Targets
from fastnn.metrics import Metric, Seen
from fastnn.weighing import everywhere

__all__ = ["Tracker", "loss", "values"]


class _Given:
    """Predictions, targets and weights, checked, and the tensors that stand for them."""

    def __init__(
        self, who: str, y_pred: Array, y_true: Array, kind: Targets, weights: Any, places: Shape
    ):
        self.dtype = "float64" if y_pred.dtype == np.float64 else "float32"
        shape = (None, *y_pred.shape[1:])
        self._sources = {"x0": arrays.as_samples(who, y_pred, shape, "y_pred", self.dtype)}
        self._shapes: dict[str, Shape] = {"x0": shape, "y0": kind.shape}
        self._kind = kind
        if kind.classes is None:
            y = arrays.as_values(who, y_true, kind.shape, who, self.dtype, "y_true")
        else:
            y = arrays.as_labels(who, y_true, kind.shape, kind.classes, "y_true")
        self._sources["y0"] = y
        arrays.same_length(who, self._sources["x0"], y, "y_pred", "y_true")
        if weights is not None:
            w = arrays.as_weights(who, weights, places, len(y_pred), self.dtype)
            w = everywhere(w, places)
            self._sources["w0"], self._shapes["w0"] = w, (None, *w.shape[1:])

    def tensors(self, graph: Graph) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return prediction, targets and weights in a graph."""
        place = {
            name: graph.place(name, shape, "source", dtype="any")
            for name, shape in self._shapes.items()
        }
        (x,) = graph.emit("gather", place["x0"])
        if self._kind.classes is None:
            (y,) = graph.emit("gather", place["y0"])
        else:
            (y,) = graph.emit(
                "gather_labels",
                place["y0"],
                classes=self._kind.classes,
                ignored=self._kind.ignored,
            )
        w = graph.emit("gather", place["w0"])[0] if "w0" in place else None
        return x, y, w

    def run(self, who: str, graph: Graph, buffers: Mapping[str, Array]) -> None:
        """Run the graph on all rows at once."""
        rows = len(self._sources["x0"])
        program = Program.of(graph, max(rows, 1), self.dtype)
        threads = config.get_num_threads()
        memory = Memory(program, dict(buffers))
        executable = Compiled(program, memory, config.isa(self.dtype), threads)
        executable.lend({name: self._sources[name] for name in program.lent})
        run = _core.Run(rows, max(rows, 1), watch=False)
        if executable.run(run) == _core.FAULT:
            raise arrays.refusal(who, run.fault, self._kind.classes, "y0")


def _two_arrays(who: str, y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Return targets and predictions as arrays, the latter with a last axis of units."""
    true, pred = arrays.as_array(who, "y_true", y_true), arrays.as_array(who, "y_pred", y_pred)
    if pred.ndim == 0 or true.ndim == 0:
        raise ShapeError(f"{who}: y_true and y_pred must have rows, got a number")
    if pred.ndim == 1:
        pred = pred[:, None]
        true = true[:, None] if true.ndim == 1 else true
    return true, pred


def loss(loss: Loss, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
    """Return a loss of arrays: a float, or without a reduction an array of values."""
    who = loss.name
    true, pred = _two_arrays(who, y_true, y_pred)
    shape = (None, *pred.shape[1:])
    kind, places = loss.targets(shape), loss.places(shape)
    given, graph = _Given(who, pred, true, kind, sample_weight, places), Graph()
    x, y, w = given.tensors(graph)
    lowered = loss.lower(x, y)
    if loss.reduction in (None, "none"):
        return _values(who, given, graph, lowered.values, w, len(pred))
    result = np.zeros(1, given.dtype)
    loss.reduced(lowered, w, None).mean.home = "result"
    given.run(who, graph, {"result": result})
    return float(result[0])


def _values(
    who: str, given: _Given, graph: Graph, values: Tensor, w: Tensor | None, rows: int
) -> Array:
    from fastnn import ops

    if w is not None:
        values = ops.multiply(values, w)
    values = ops.activation(values, "linear")
    values.home = "result"
    shape = [rows if n is None else n for n in values.shape]
    result = np.zeros(shape, given.dtype)
    given.run(who, graph, {"result": result.reshape(-1)})
    return result


def values(metric: Metric, y_true: Any, y_pred: Any) -> Array:
    """Return a metric's value for each place of arrays."""
    who = metric.name
    true, pred = metric.prepared(*_two_arrays(who, y_true, y_pred))
    kind, graph = metric.kind_of(true, pred), Graph()
    given = _Given(who, pred, true, kind, None, metric.places((None, *pred.shape[1:])))
    x, y, _ = given.tensors(graph)
    return _values(who, given, graph, metric.lower(x, y, kind), None, len(pred))


class Tracker:
    """The totals of a metric that is used by itself.

    Args:
        metric: the metric.
    """

    def __init__(self, metric: Metric):
        self._metric = metric
        self._totals: Array | None = None

    def update(self, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
        """Add arrays to the totals."""
        who, metric = self._metric.name, self._metric
        true, pred = metric.prepared(*_two_arrays(who, y_true, y_pred))
        kind = metric.kind_of(true, pred)
        places = metric.places((None, *pred.shape[1:]))
        given, graph = _Given(who, pred, true, kind, sample_weight, places), Graph()
        x, y, w = given.tensors(graph)
        metric.track(Seen(x, y, kind, w))
        start = np.concatenate(graph.totals)
        totals = start.copy() if self._totals is None else self._totals.copy()
        if totals.shape != start.shape:
            raise ShapeError(
                f"{who}: predictions {pred.shape} are of another width than those before; call "
                "reset_state() first"
            )
        given.run(who, graph, {"totals": totals})
        self._totals = totals

    def result(self) -> Any:
        """Return the metric's value."""
        assert self._totals is not None
        return self._metric.read(self._totals)
