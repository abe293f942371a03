"""Lowering: a model -> the programs that train, evaluate and predict with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastnn import ops
from fastnn.compiler.gradients import differentiate
from fastnn.compiler.graph import LENT, Graph, Node, Shape, Tensor, size_of
from fastnn.compiler.heads import collapses, head_of
from fastnn.compiler.updates import update
from fastnn.errors import ShapeError
from fastnn.losses.base import Loss, Lowered, Reduced, Targets
from fastnn.metrics import Seen
from fastnn.variables import padded

if TYPE_CHECKING:
    from fastnn.objectives import Objective
    from fastnn.optimizers import Optimizer
    from fastnn.variables import Parameters

__all__ = [
    "Halves",
    "evaluation",
    "gathered",
    "halves",
    "outputs",
    "prediction",
    "settle",
    "training",
]

#: call(xs, training) -> ys: a model's layers
Call = Callable[[Sequence[Tensor], bool], Sequence[Tensor]]

#: The shapes of the weights of outputs that have some, by their index.
Weighing = tuple[tuple[int, Shape], ...]

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
    graph.emit_states()
    return graph


def outputs(call: Call, input_shapes: Sequence[Shape]) -> tuple[Graph, list[Tensor]]:
    """Return a graph that computes the model's outputs, and these."""
    graph = Graph()
    return graph, list(call(_samples(graph, input_shapes), False))


def gathered(graph: Graph) -> list[Tensor]:
    """Return what the samples ``x0``, ``x1``, ... become in the graph, in that order."""
    sources = {node.inputs[0].name: node.outputs[0] for node in graph.nodes if _is_sample(node)}  # type: ignore[union-attr]
    ordered = sorted(sources.items(), key=lambda pair: int(pair[0][1:]))
    return [tensor for _, tensor in ordered if tensor is not None]


def _is_sample(node: Node) -> bool:
    source = node.inputs[0] if node.op.name == "gather" else None
    return source is not None and source.name.startswith("x")


def evaluation(
    call: Call,
    input_shapes: Sequence[Shape],
    objective: Objective,
    training: bool = False,
    weighing: Weighing = (),
) -> tuple[Graph, Tensor]:
    """Return the graph that adds losses and metrics to ``totals``, and the batch's loss.

    The penalties of weights and layers are a part of that; their total is the last one.

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        objective: the losses and metrics of its outputs.
        training: whether layers behave as in training.
        weighing: the shapes of the weights, by the index of the output.
    """
    graph = Graph(training=training)
    ys = call(_samples(graph, input_shapes), training)
    _require_loss(graph, objective)
    weights = {index: _weights(graph, index, shape) for index, shape in weighing}
    terms = {i: _loss(graph, i, ys[i], objective, weights.get(i)) for i in objective.compared}
    with graph.scope("metrics"):
        for term in terms.values():
            _accumulate(graph, term)
        for index, metric, weighted in objective.watched:
            term = terms[index]
            w = _masked(ys[index].mask, weights.get(index) if weighted else None)
            metric.track(
                Seen(term.lowered.prediction, term.targets, term.kind, w, objective.losses[index])
            )
    with graph.scope("loss"):
        means = [_scaled(term.reduced.mean, objective, i) for i, term in terms.items()]
        mean = reduce(ops.add, means) if means else None
    penalty = _penalty(graph)
    if penalty is None:
        assert mean is not None
        return graph, mean
    with graph.scope("penalties"):
        watched = 1 if mean is None else 0
        graph.emit("accumulate_batch", penalty, graph.total(np.zeros(2)), watched=watched)
        return graph, penalty if mean is None else mean + penalty


def _require_loss(graph: Graph, objective: Objective) -> None:
    """Refuse a model that has a loss neither of outputs nor added by layers."""
    if not objective.compared and not graph.penalties:
        raise ValueError(
            "compile: loss is missing; for example 'sparse_categorical_crossentropy' for labels, "
            "'binary_crossentropy' for yes or no, 'mse' for numbers"
        )


class _Term(NamedTuple):
    """The loss of one output: what it is compared with, its values, the batch's loss."""

    targets: Tensor
    kind: Targets
    lowered: Lowered
    reduced: Reduced


def _loss(
    graph: Graph, index: int, y: Tensor, objective: Objective, weights: Tensor | None
) -> _Term:
    loss = objective.losses[index]
    assert loss is not None
    if loss.reduction in (None, "none"):
        raise ValueError(
            f"compile: {loss.name} has no reduction, but what is minimised is one number; leave "
            "reduction='sum_over_batch_size'"
        )
    if y.shape[-1] == 1 and head_of(y).name == "softmax":
        raise ShapeError(
            f"compile: a softmax of one unit, that of {head_of(y).layer!r}, is always 1; use "
            "activation='sigmoid' with binary_crossentropy, or a unit for each class"
        )
    with graph.scope("loss"):
        targets, kind = _targets(graph, index, loss.targets(y.shape))
        if loss.flat and len(y.shape) > 2 and weights is None and y.mask is None:
            lowered = _lower_flat(loss, y, targets)
        else:
            lowered = loss.lower(y, targets)
        return _Term(targets, kind, lowered, loss.reduced(lowered, weights, y.mask))


def _lower_flat(loss: Loss, y: Tensor, targets: Tensor) -> Lowered:
    """Lower a loss that is a mean over all units, in one sweep over each row."""
    flat = (None, size_of(y.shape[1:]).base)
    lowered = loss.lower(ops.reshape(y, flat), ops.reshape(targets, flat))
    return lowered._replace(prediction=ops.reshape(lowered.prediction, y.shape))


def _scaled(mean: Tensor, objective: Objective, index: int) -> Tensor:
    weight = objective.loss_weights[index]
    return mean if weight == 1 else ops.scale(mean, weight)


def _masked(mask: Tensor | None, weights: Tensor | None) -> Tensor | None:
    """Return the weights of places that a mask may leave out."""
    if mask is None or weights is None:
        return weights if mask is None else mask
    return ops.multiply(mask, weights)


def heads(call: Call, input_shapes: Sequence[Shape]) -> tuple[tuple[str | None, ...], bool]:
    """Return the activation of each output, as far as it is known, and whether the layers before
    are all linear."""
    ys = call(_samples(Graph(), input_shapes), False)
    return tuple(head_of(y).name for y in ys), all(map(collapses, ys))


def training(
    call: Call,
    input_shapes: Sequence[Shape],
    objective: Objective,
    parameters: Parameters,
    optimizer: Optimizer | None,
    weighing: Weighing = (),
) -> Graph:
    """Return the graph of a training step.

    The gradients end up in ``grads``, where ``parameters`` says.

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        objective: the losses and metrics of its outputs.
        parameters: the model's variables.
        optimizer: what changes them; ``None`` stops at the gradients.
        weighing: the shapes of the weights, by the index of the output.
    """
    graph, mean = evaluation(call, input_shapes, objective, training=True, weighing=weighing)
    backward(graph, mean, parameters)
    if optimizer is not None:
        step(graph, parameters, optimizer)
    return graph


class Halves(NamedTuple):
    """A training step in two.

    Attributes:
        gradients: what a part of a batch gives, in ``grads``: the gradients of its mean loss, and
            behind them what the operations read that layers have postponed.
        updates: what changes weights, once that is the mean over the batch.
        size: the elements of ``grads``.
    """

    gradients: Graph
    updates: Graph
    size: int


def halves(
    call: Call,
    input_shapes: Sequence[Shape],
    objective: Objective,
    parameters: Parameters,
    optimizer: Optimizer,
    weighing: Weighing = (),
) -> Halves:
    """Return the graphs of a training step whose batch is computed in parts.

    Args:
        call: the model's layers.
        input_shapes: the shapes of its inputs.
        objective: the losses and metrics of its outputs.
        parameters: the model's variables.
        optimizer: what changes them.
        weighing: the shapes of the weights, by the index of the output.
    """
    gradients = training(call, input_shapes, objective, parameters, None, weighing)
    updates, end = Graph(), parameters.trained

    def handed_over(read: Any) -> Any:
        nonlocal end
        if not isinstance(read, Tensor):
            return read  # a weight, which both know
        place, end = end, end + padded(read.size.base)
        settle(gradients, read, "grads", place)
        return updates.place(read.name, read.shape, "grads", place)

    for layer, name, inputs, attrs in gradients.postponed:
        with updates.scope(layer):
            updates.emit(name, *map(handed_over, inputs), **attrs)
    for variable in gradients.parameters:
        updates.parameter(variable)  # what it is held to is found by these
    with updates.scope("optimizer"):
        update(updates, parameters, optimizer)
    return Halves(gradients, updates, end)


def backward(
    graph: Graph, mean: Tensor, parameters: Parameters, also: Iterable[Tensor] = ()
) -> dict[Tensor, Tensor]:
    """Append the way back, which leaves the gradients of the weights in ``grads``.

    Args:
        graph: what ``evaluation`` returned.
        mean: the batch's loss in it.
        parameters: the model's variables.
        also: other tensors whose gradients are wanted.

    Returns:
        The gradients of the weights that are trained, and of ``also``, by what they are of.
    """
    places = parameters.places
    trained = {t: places[each] for each, t in graph.parameters.items() if each in places}
    gradients = differentiate(graph, mean, [*trained, *also])
    settled = {
        t: settle(graph, gradients[t], "grads", trained[t]) for t in trained if t in gradients
    }
    return {**gradients, **settled}


def step(graph: Graph, parameters: Parameters, optimizer: Optimizer) -> None:
    """Append what changes the weights: what layers have postponed, and the optimizer."""
    graph.emit_postponed()
    graph.emit_states()
    with graph.scope("optimizer"):
        update(graph, parameters, optimizer)


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
    labels: dict[str, Any] = {"classes": kind.classes, "ignored": kind.ignored}
    return graph.emit("gather_labels", source, **labels)[0], kind


def _weights(graph: Graph, index: int, shape: Shape) -> Tensor:
    with graph.scope("input"):
        return graph.emit("gather", graph.place(f"w{index}", shape, "source", dtype="any"))[0]


def _accumulate(graph: Graph, term: _Term) -> None:
    """Add to the mean loss over all batches; a sum counts as often as its batch has rows."""
    reduced, total = term.reduced, graph.total(np.zeros(2))
    if reduced.total:
        graph.emit("accumulate_batch", reduced.mean, total, watched=1)
    else:
        values = term.lowered.values
        graph.emit("accumulate", values, reduced.weights, reduced.divisor, total, watched=1)


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
