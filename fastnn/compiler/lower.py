"""Lowering: a model -> the programs that train, evaluate and predict with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from fastnn import ops
from fastnn.compiler.gradients import differentiate
from fastnn.compiler.graph import LENT, Graph, Node, Shape, Tensor
from fastnn.compiler.updates import update
from fastnn.losses import Lowered, Targets

if TYPE_CHECKING:
    from fastnn.objectives import Objective
    from fastnn.optimizers import Optimizer
    from fastnn.variables import Parameters

__all__ = ["evaluation", "gathered", "outputs", "prediction", "settle", "training"]

#: call(xs, training) -> ys: a model's layers
Call = Callable[[Sequence[Tensor], bool], Sequence[Tensor]]

#: Turns the model's outputs into what is left.
Finish = Callable[[Sequence[Tensor]], Sequence[Tensor]]


def prediction(
    call: Call,
    input_shapes: Sequence[Shape],
    proba: Finish | None = None,
    direct: bool = False,
) -> Graph:
    """Return the graph that leaves the model's outputs for each row in ``out0``, ``out1``, ...

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        proba: turns the outputs into what is left; ``None`` leaves them as they are.
        direct: whether samples are read where they lie, being of the program's type and in order.
    """
    graph = Graph()
    ys = call(_samples(graph, input_shapes, direct), False)
    with graph.scope("output"):
        for index, y in enumerate(proba(ys) if proba else ys):
            settle(graph, y, "out").name = f"out{index}"
    return graph


def outputs(call: Call, input_shapes: Sequence[Shape]) -> tuple[Graph, list[Tensor]]:
    """Return a graph that computes the model's outputs, and these."""
    graph = Graph()
    return graph, list(call(_samples(graph, input_shapes), False))


def gathered(graph: Graph) -> list[Tensor]:
    """Return what the samples ``x0``, ``x1``, ... become in the graph, in that order."""
    sources = {node.inputs[0].name: node.outputs[0] for node in graph.nodes if _is_sample(node)}  # type: ignore[union-attr]
    return [t for _, t in sorted(sources.items(), key=lambda pair: int(pair[0][1:])) if t]


def _is_sample(node: Node) -> bool:
    source = node.inputs[0] if node.op.name == "gather" else None
    return source is not None and source.name.startswith("x")


def evaluation(
    call: Call, input_shapes: Sequence[Shape], objective: Objective, training: bool = False
) -> tuple[Graph, Tensor]:
    """Return the graph that adds losses and metrics to ``totals``, and the batch's mean loss.

    The penalties of weights and layers are a part of that; their total is the last one.

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        objective: the losses and metrics of its outputs.
        training: whether layers behave as in training.
    """
    graph = Graph(training=training)
    ys = call(_samples(graph, input_shapes), training)
    terms = {index: _loss(graph, index, ys[index], objective) for index in objective.compared}
    with graph.scope("metrics"):
        for place, term in enumerate(terms.values()):
            _accumulate(graph, place, term.lowered.values, watched=True)
        for place, (index, metric) in enumerate(objective.watched, len(terms)):
            term = terms[index]
            value = metric.lower(term.lowered.prediction, term.targets, term.kind)
            _accumulate(graph, place, value)
    with graph.scope("loss"):
        mean = reduce(ops.add, (term.mean for term in terms.values()))
    penalty = _penalty(graph)
    if penalty is None:
        return graph, mean
    with graph.scope("penalties"):
        graph.emit(
            "accumulate_batch",
            penalty,
            _total(graph, len(terms) + len(objective.watched)),
            watched=0,
        )
        return graph, mean + penalty


class _Term(NamedTuple):
    """The loss of one output: what it is compared with, its values, their mean."""

    targets: Tensor
    kind: Targets
    lowered: Lowered
    mean: Tensor


def _loss(graph: Graph, index: int, y: Tensor, objective: Objective) -> _Term:
    loss = objective.losses[index]
    assert loss is not None
    with graph.scope("loss"):
        targets, kind = _targets(graph, index, loss.targets(y.shape))
        lowered = loss.lower(y, targets)
        return _Term(targets, kind, lowered, ops.batch_mean(lowered.values))


def training(
    call: Call,
    input_shapes: Sequence[Shape],
    objective: Objective,
    parameters: Parameters,
    optimizer: Optimizer | None,
) -> Graph:
    """Return the graph of a training step.

    The gradients end up in ``grads``, where ``parameters`` says.

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        objective: the losses and metrics of its outputs.
        parameters: the model's variables.
        optimizer: what changes them; ``None`` stops at the gradients.
    """
    graph, mean = evaluation(call, input_shapes, objective, training=True)
    places = parameters.places
    wrt = {t: places[variable] for variable, t in graph.parameters.items() if variable in places}
    for tensor, gradient in differentiate(graph, mean, wrt).items():
        settle(graph, gradient, "grads", wrt[tensor])
    if optimizer is not None:
        graph.emit_postponed()
        with graph.scope("optimizer"):
            update(graph, parameters, optimizer)
    return graph


def _samples(graph: Graph, shapes: Sequence[Shape], direct: bool = False) -> list[Tensor]:
    if direct:
        return [graph.place(f"x{i}", shape, "source") for i, shape in enumerate(shapes)]
    with graph.scope("input"):
        sources = (graph.place(f"x{i}", s, "source", dtype="any") for i, s in enumerate(shapes))
        return [graph.emit("gather", source)[0] for source in sources]


def _targets(graph: Graph, index: int, kind: Targets) -> tuple[Tensor, Targets]:
    source = graph.place(f"y{index}", kind.shape, "source", dtype="any")
    if kind.classes is None:
        return graph.emit("gather", source)[0], kind
    return graph.emit("gather_labels", source, classes=kind.classes, ignored=float("nan"))[0], kind


def _accumulate(graph: Graph, index: int, values: Tensor, watched: bool = False) -> None:
    graph.emit("accumulate", values, None, None, _total(graph, index), watched=int(watched))


def _total(graph: Graph, index: int) -> Tensor:
    return graph.place(f"total{index}", (2,), "totals", 2 * index, dtype="f64")


def _penalty(graph: Graph) -> Tensor | None:
    """Return the sum of the penalties, if there are any."""
    for variable, tensor in list(graph.parameters.items()):
        if variable.trainable and variable.regularizer is not None:
            with graph.scope(variable.layer):
                graph.add_penalty(variable.regularizer(tensor))
    with graph.scope("penalties"):
        return reduce(ops.add, graph.penalties) if graph.penalties else None


def settle(graph: Graph, tensor: Tensor, home: str, offset: int = 0) -> Tensor:
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
