"""Lowering: a model -> the programs that train, evaluate and predict with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastnn import ops
from fastnn.compiler.gradients import differentiate
from fastnn.compiler.graph import LENT, Graph, Shape, Tensor
from fastnn.losses import Targets

if TYPE_CHECKING:
    from fastnn.losses import Loss
    from fastnn.metrics import Metric
    from fastnn.optimizers import Optimizer
    from fastnn.variables import Parameters

__all__ = ["evaluation", "prediction", "shapes", "training"]

#: call(x, training) -> y: a model's layers, one after the other
Call = Callable[[Tensor, bool], Tensor]


def shapes(call: Call, input_shape: Shape) -> Shape:
    """Return the model's output shape; layers that are not built yet are built on the way."""
    return call(_samples(Graph(), input_shape), False).shape


def prediction(
    call: Call,
    input_shape: Shape,
    proba: Callable[[Tensor], Tensor] | None = None,
    direct: bool = False,
) -> Graph:
    """Return the graph that leaves the model's output for each row in ``out``.

    Args:
        call: the model's layers.
        input_shape: the shape of its input.
        proba: turns the output into what is left; ``None`` leaves it as it is.
        direct: whether samples are read where they lie, being of the program's type and in order.
    """
    graph = Graph()
    y = call(_samples(graph, input_shape, direct), False)
    with graph.scope("output"):
        out = _settle(graph, proba(y) if proba else y, "out")
    out.name = "out"
    return graph


def evaluation(
    call: Call, input_shape: Shape, loss: Loss, metrics: Sequence[Metric], training: bool = False
) -> tuple[Graph, Tensor]:
    """Return the graph that adds loss and metrics to ``totals``, and the batch's mean loss.

    Args:
        call: the model's layers.
        input_shape: the shape of its input.
        loss: the loss.
        metrics: the metrics.
        training: whether layers behave as in training.
    """
    graph = Graph()
    x = _samples(graph, input_shape)
    y = call(x, training)
    with graph.scope("loss"):
        targets, kind = _targets(graph, loss.targets(y.shape))
        lowered = loss.lower(y, targets)
        mean = ops.batch_mean(lowered.values)
    with graph.scope("metrics"):
        _accumulate(graph, 0, lowered.values, watched=True)
        for index, metric in enumerate(metrics):
            _accumulate(graph, index + 1, metric.lower(lowered.prediction, targets, kind))
    return graph, mean


def training(
    call: Call,
    input_shape: Shape,
    loss: Loss,
    metrics: Sequence[Metric],
    parameters: Parameters,
    optimizer: Optimizer | None,
) -> Graph:
    """Return the graph of a training step.

    The gradients end up in ``grads``, which is laid out as ``params``.

    Args:
        call: the model's layers.
        input_shape: the shape of its input.
        loss: the loss.
        metrics: the metrics.
        parameters: the model's variables.
        optimizer: what changes them; ``None`` stops at the gradients.
    """
    graph, mean = evaluation(call, input_shape, loss, metrics, training=True)
    wrt = [t for variable, t in graph.parameters.items() if variable.trainable]
    for tensor, gradient in differentiate(graph, mean, wrt).items():
        _settle(graph, gradient, "grads", tensor.offset)
    if optimizer is not None:
        graph.emit_postponed()
        with graph.scope("optimizer"):
            _update(graph, parameters.trained, optimizer)
    return graph


def _samples(graph: Graph, shape: Shape, direct: bool = False) -> Tensor:
    if direct:
        return graph.place("x", shape, "source")
    with graph.scope("input"):
        return graph.emit("gather", graph.place("x", shape, "source", dtype="any"))[0]


def _targets(graph: Graph, kind: Targets) -> tuple[Tensor, Targets]:
    source = graph.place("y", kind.shape, "source", dtype="any")
    if kind.classes is None:
        return graph.emit("gather", source)[0], kind
    return graph.emit("gather_labels", source, classes=kind.classes, ignored=float("nan"))[0], kind


def _accumulate(graph: Graph, index: int, values: Tensor, watched: bool = False) -> None:
    total = graph.place(f"total{index}", (2,), "totals", 2 * index, dtype="f64")
    graph.emit("accumulate", values, None, None, total, watched=int(watched), sum=0)


def _settle(graph: Graph, tensor: Tensor, home: str, offset: int = 0) -> Tensor:
    """Give what a program leaves behind its place outside of the arena; return it.

    What is also read as something else, or shares another tensor's memory, is copied; so is what
    user code makes for the caller.
    """
    node = tensor.producer
    fresh = node is not None and not any(operand.alias for operand in node.op.outputs)
    users = node is not None and node.op.variadic and home in LENT
    if users or not fresh or tensor.home != "arena" or _read(graph, tensor):
        tensor = ops.activation(tensor, "linear")
    tensor.home, tensor.offset = home, offset
    return tensor


def _read(graph: Graph, tensor: Tensor) -> bool:
    inputs = (t for node in graph.nodes for t in node.inputs if t is not None)
    return any(t is tensor or t.root is tensor for t in inputs)


def _update(graph: Graph, count: int, optimizer: Optimizer) -> None:
    """Change the first ``count`` parameters; the step counts even if there are none, for other
    numbers of the model may have changed."""
    step = graph.place("step", (1,), "step", dtype="i64")
    if count:
        _change(graph, count, optimizer, step)
    graph.emit("advance", step)


def _change(graph: Graph, count: int, optimizer: Optimizer, step: Tensor) -> None:
    w = graph.place("params", (count,), "params")
    g = graph.place("grads", (count,), "grads")
    slots = [graph.place(f"slot{i}", (count,), "slots", i * count) for i in range(optimizer.slots)]
    hyper = graph.place("hyper", (1,), "hyper", dtype="f64")
    optimizer.lower(graph, w, g, slots, (hyper, step))
