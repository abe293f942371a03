"""Updates: what a training step does once the gradients are there.

In this order: gradients of several batches are added up, if so many make an update; they are
clipped; weights decay; the rule of the optimizer changes them; their average follows.  Constraints
come last, and the step is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from fastnn import ops
from fastnn.compiler.graph import Graph, Tensor, format_shape
from fastnn.errors import ShapeError

if TYPE_CHECKING:
    from fastnn.optimizers import Optimizer
    from fastnn.variables import Parameters, Run, Variable

__all__ = ["RATES", "counters", "update"]

#: The steps whose rates are put in a table beforehand, where the rate depends on the step.
RATES = 1024


class _Range(NamedTuple):
    """Trainable weights side by side: gradients, what the rule remembers, their average over time
    and the sum of several gradients, where there are such."""

    w: Tensor
    g: Tensor
    slots: list[Tensor]
    average: Tensor | None
    total: Tensor | None


def counters(optimizer: Optimizer | None) -> int:
    """Return how many counts there are: of steps, and of updates if these are fewer."""
    return 2 if optimizer is not None and optimizer.gradient_accumulation_steps else 1


def update(graph: Graph, parameters: Parameters, optimizer: Optimizer) -> None:
    """Append all that changes weights; the step counts even if there are none to train, for other
    numbers of the model may have changed."""
    from fastnn.optimizers.base import State

    period = optimizer.gradient_accumulation_steps or 1
    steps = graph.place("step", (counters(optimizer),), "step", dtype="i64")
    made = graph.place("updates", (1,), "step", counters(optimizer) - 1, dtype="i64")
    hyper = graph.place("hyper", (1,), "hyper", dtype="f64")
    scalars = graph.place("scalars", (len(optimizer.scalars),), "scalars", dtype="f64")
    if optimizer.scheduled:
        rates = graph.place("rates", (RATES,), "rates", dtype="f64")
        graph.emit("pick_rate", hyper, rates, steps)
    ranges = [_range(graph, run, parameters.trained, optimizer) for run in parameters.runs]
    if ranges:
        _add_up(graph, ranges)
        with _each(graph, steps, period):
            _take_mean(graph, ranges, period)
            _clip(graph, parameters, optimizer)
            _decay(graph, parameters, optimizer, hyper)
            state = State(hyper, made, scalars)
            optimizer.prepare(graph, state)
            for each in _by_weight(graph, parameters, optimizer) or ranges:
                optimizer.lower(graph, each.w, each.g, each.slots, state)
        _average(graph, ranges, optimizer, made)
    _constrain(graph, parameters)
    options: dict[str, Any] = {"period": period} if period > 1 else {}
    graph.emit("advance", steps, **options)


def _range(graph: Graph, run: Run, trained: int, optimizer: Optimizer) -> _Range:
    def place(name: str, home: str, offset: int) -> Tensor:
        return graph.place(name, (run.size,), home, offset)

    every = [
        place(f"slot{i}", "slots", i * trained + run.place)
        for i in range(len(optimizer.all_starts))
    ]
    total = every.pop() if optimizer.gradient_accumulation_steps else None
    average = every.pop() if optimizer.use_ema else None
    w, g = place("params", "params", run.offset), place("grads", "grads", run.place)
    return _Range(w, g, every, average, total)


def _by_weight(graph: Graph, parameters: Parameters, optimizer: Optimizer) -> list[_Range]:
    """Return each weight by itself, in its shape, for a rule that wants it so."""

    def weight(variable: Variable, offset: int) -> _Range:
        def place(home: str, offset: int) -> Tensor:
            return graph.place(f"{variable.path} {home}", variable.shape, home, offset)

        steps = range(len(optimizer.starts))
        slots = [place("slots", i * parameters.trained + offset) for i in steps]
        return _Range(place("params", variable.offset), place("grads", offset), slots, None, None)

    known = parameters.places.items() if optimizer.by_weight else ()
    return [weight(variable, offset) for variable, offset in known]


@contextmanager
def _each(graph: Graph, count: Tensor, period: int) -> Iterator[None]:
    """Let what is appended inside run each so many counts."""
    if period > 1:
        graph.emit("every", count, period=period)
    yield
    if period > 1:
        graph.emit("resume", count)


def _add_up(graph: Graph, ranges: list[_Range]) -> None:
    for each in ranges:
        if each.total is not None:
            _into(graph, ops.add(each.total, each.g), each.total)


def _take_mean(graph: Graph, ranges: list[_Range], period: int) -> None:
    for each in ranges:
        if each.total is not None:
            _into(graph, ops.scale(each.total, 1 / period), each.g)
            (zeros,) = graph.emit("fill", shapes={"y": each.total.shape}, value=0.0)
            _into(graph, zeros, each.total)


def _into(graph: Graph, tensor: Tensor, place: Tensor) -> None:
    """Let an operation, which may write over its inputs, write to a place outside of the arena."""
    tensor.home, tensor.offset = place.home, place.offset


def _clip(graph: Graph, parameters: Parameters, optimizer: Optimizer) -> None:
    def gradient(offset: int, size: int) -> Tensor:
        return graph.place("grads", (size,), "grads", offset)

    every = gradient(0, parameters.trained)
    if optimizer.clipvalue is not None:
        graph.emit("clip_gradient", every, limit=optimizer.clipvalue)
    if optimizer.global_clipnorm is not None:
        _clip_norm(graph, every, optimizer.global_clipnorm)
    if optimizer.clipnorm is not None:
        for variable, offset in parameters.places.items():
            _clip_norm(graph, gradient(offset, variable.size), optimizer.clipnorm)


def _clip_norm(graph: Graph, gradient: Tensor, limit: float) -> None:
    graph.emit("clip_gradient_norm", gradient, ops.penalty(gradient, l2=1.0), limit=limit)


def _decay(graph: Graph, parameters: Parameters, optimizer: Optimizer, hyper: Tensor) -> None:
    for run in parameters.runs_of(optimizer.decays):
        w = graph.place("params", (run.size,), "params", run.offset)
        graph.emit("decay", w, hyper, rate=optimizer.weight_decay)


def _average(graph: Graph, ranges: list[_Range], optimizer: Optimizer, made: Tensor) -> None:
    """Let the averages follow, and the weights become them where it is time."""
    averaged = [(each.w, each.average) for each in ranges if each.average is not None]
    for w, average in averaged:
        graph.emit("average", average, w, made, momentum=optimizer.ema_momentum)
    if averaged and optimizer.ema_overwrite_frequency is not None:
        with _each(graph, made, optimizer.ema_overwrite_frequency):
            for w, average in averaged:
                graph.emit("assign", w, average)


def _constrain(graph: Graph, parameters: Parameters) -> None:
    """Hold the weights that were changed to their constraints."""
    for variable, tensor in list(graph.parameters.items()):
        if variable in parameters.places and variable.constraint is not None:
            with graph.scope(variable.layer):
                held = variable.constraint(tensor)
                if held.shape != tensor.shape:
                    raise ShapeError(
                        f"{variable.path}: its constraint returned {format_shape(held.shape)}, the "
                        f"weight has shape {format_shape(tensor.shape)}"
                    )
                graph.emit("assign", tensor, held)
