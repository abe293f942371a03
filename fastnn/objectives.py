"""What a model is compiled for: a loss and metrics for each of its outputs."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Any, NamedTuple

from fastnn import losses, metrics, nests
from fastnn._typing import Array
from fastnn.compiler.graph import Shape
from fastnn.losses import Loss
from fastnn.losses.base import Targets
from fastnn.metrics import Metric
from fastnn.metrics.user import tracked

__all__ = ["Objective"]


class Expected(NamedTuple):
    """What an output is compared with.

    Attributes:
        output: its index.
        label: what messages call the targets: ``y``, or ``y['left']``.
        loss: the name of the loss.
        kind: labels or numbers, and of which shape.
    """

    output: int
    label: str
    loss: str
    kind: Targets


@dataclass(frozen=True)
class Objective:
    """The losses and metrics of a model, matched with its outputs.

    Attributes:
        names: the names of the outputs.
        losses: the loss of each; ``None`` for one that is not compared with anything.
        metrics: the metrics of each, in which every sample counts alike.
        weighted: the metrics of each that samples' weights count in.
        loss_weights: what the loss of each is multiplied by in their sum.
        heads: the activation of each output, as far as it is known.
        shapes: the shape of each output.
    """

    names: tuple[str, ...]
    losses: tuple[Loss | None, ...]
    metrics: tuple[tuple[Metric, ...], ...]
    weighted: tuple[tuple[Metric, ...], ...]
    loss_weights: tuple[float, ...]
    heads: tuple[str | None, ...] = ()
    shapes: tuple[Shape, ...] = ()

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        loss: Any,
        watched: Any,
        weighted: Any = (),
        loss_weights: Any = None,
    ) -> Objective:
        """Match what ``compile`` was given with outputs of these names.

        Raises:
            ValueError: if there are not as many, or other names.
        """
        every = _matched("loss", loss, names, shared=True)
        if loss is not None and all(each is None for each in every):
            raise ValueError("compile: no output has a loss; give one for at least one of them")
        chosen = [_watched(names, each) for each in (watched, weighted or [])]
        for name, each, *few in zip(names, every, *chosen, strict=True):
            if each is None and any(few):
                raise ValueError(
                    f"compile: the output {name!r} has metrics but no loss; give it a loss"
                )
        plain, weighed = (tuple(tuple(_list(each)) for each in few) for few in chosen)
        weights = _weights(names, loss_weights)
        return cls(tuple(names), tuple(every), plain, weighed, weights)

    @cached_property
    def unwatched(self) -> Objective:
        """The losses without the metrics."""
        nothing: tuple[tuple[Metric, ...], ...] = tuple(() for _ in self.names)
        return replace(self, metrics=nothing, weighted=nothing)

    @cached_property
    def compared(self) -> list[int]:
        """The indices of the outputs that have a loss."""
        return [index for index, loss in enumerate(self.losses) if loss is not None]

    @cached_property
    def expected(self) -> list[Expected]:
        """What every output that has a loss is compared with."""
        several = len(self.names) > 1
        return [
            Expected(
                index,
                f"y[{self.names[index]!r}]" if several else "y",
                loss.name,
                loss.targets(self.shapes[index]),
            )
            for index, loss in enumerate(self.losses)
            if loss is not None
        ]

    @cached_property
    def watched(self) -> list[tuple[int, Metric, bool]]:
        """The metrics with the index of their output, and whether samples are weighted, in the
        order of the totals."""
        return [
            (index, tracked(each), weighted)
            for weighted, every in ((False, self.metrics), (True, self.weighted))
            for index, few in enumerate(every)
            for each in few
        ]

    @cached_property
    def log_names(self) -> list[str]:
        """The names of what ``evaluate`` returns, as Keras's: loss, losses of outputs, metrics."""
        several = len(self.names) > 1
        names = [f"{self.names[index]}_loss" for index in self.compared] if several else []
        names.insert(0, "loss")
        for index, metric, weighted in self.watched:
            name = f"{self.names[index]}_{metric.name}" if several else metric.name
            names.append(f"weighted_{name}" if weighted and name in names else name)
        return names

    def logs(self, totals: Array, parts: Sequence[Array]) -> dict[str, Any]:
        """Return the logs from the totals: of each loss, of each metric, of the penalty if any.

        Args:
            totals: of a program.
            parts: arrays as long as each part of them.
        """
        sums, means, loss, at = totals.tolist(), [], 0.0, 0
        if not self.compared:
            return {"loss": sums[0] / (sums[1] or 1.0)}
        for index in self.compared:
            mean = sums[at] / (sums[at + 1] or 1.0)
            means.append(mean)
            loss += mean * self.loss_weights[index]
            at += 2
        if at == len(sums) and len(self.names) == 1:  # quicker, for the most frequent case
            return {"loss": loss}
        values: list[Any] = [loss, *means] if len(self.names) > 1 else [loss]
        part = len(self.compared)
        for _, metric, _ in self.watched:
            end = at + sum(each.size for each in parts[part : part + metric.parts])
            values.append(metric.read(totals[at:end]))
            at, part = end, part + metric.parts
        logs = dict(zip(self.log_names, values, strict=True))
        if at == len(sums):
            return logs
        penalty = sums[at] / (sums[at + 1] or 1.0)
        return {**logs, "loss": loss + penalty, "data_loss": loss, "penalty": penalty}

    def check_range(self, who: str, index: int, y: Array, label: str) -> None:
        """Refuse targets that the last layer, or the loss, cannot mean."""
        known = self._ranges[index]
        if known is None or not y.size:
            return
        least, most, made, mend = known
        low, high = _ends(y)
        if low < least or high > most:
            raise ValueError(
                f"{who}: {label} holds {low if low < least else high:g}, but {made} goes with "
                f"targets {'of 0 or more' if most == inf else f'from {least:g} to {most:g}'}; "
                f"{mend}"
            )

    @cached_property
    def _ranges(self) -> list[tuple[float, float, str, str] | None]:
        """For each output the least and largest target that make sense, and what to say."""
        heads = self.heads or (None,) * len(self.names)
        return [_range_of(loss, head) for loss, head in zip(self.losses, heads, strict=True)]


#: Losses, heads (``None`` is any), the range of targets that make sense, and what else to do.
_RANGES: tuple[tuple[Any, frozenset[str] | None, tuple[float, float], str], ...] = (
    (
        losses.BinaryCrossentropy | losses.BinaryFocalCrossentropy,
        None,
        (0.0, 1.0),
        "scale them, or use a loss of numbers such as 'mse'",
    ),
    (
        losses.CategoricalCrossentropy | losses.CategoricalFocalCrossentropy,
        None,
        (0.0, 1.0),
        "give one-hot rows or probabilities",
    ),
    (losses.Poisson, None, (0.0, inf), "it is for counts"),
    (
        losses.Hinge | losses.SquaredHinge,
        None,
        (-1.0, 1.0),
        "give labels -1 and 1, or 0 and 1",
    ),
    (
        Loss,
        frozenset({"relu", "softplus", "exponential", "relu6"}),
        (0.0, inf),
        "leave the activation of the last layer out for numbers of both signs",
    ),
)


def _ends(y: Array) -> tuple[float, float]:
    """Return the least and the largest number."""
    if y.size == 1:  # whose number is read quicker than arrays are searched
        return (only := float(y.item())), only
    return float(y.min()), float(y.max())


def _range_of(loss: Loss | None, head: str | None) -> tuple[float, float, str, str] | None:
    for kinds, heads, (least, most), mend in _RANGES:
        if isinstance(loss, kinds) and (heads is None or head in heads):
            made = loss.name if heads is None else f"a last layer with {head}"
            return least, most, made, mend
    return None


def _weights(names: Sequence[str], given: Any) -> tuple[float, ...]:
    """Return the weight of each output's loss."""
    if given is None:
        return tuple(1.0 for _ in names)
    if isinstance(given, numbers.Real):
        given = [given]
    every = _matched("loss_weights", list(given) if isinstance(given, tuple) else given, names)
    try:
        return tuple(1.0 if each is None else float(each) for each in every)
    except (TypeError, ValueError):
        raise TypeError(f"compile: loss_weights must be numbers, got {given!r:.60}") from None


def _watched(names: Sequence[str], given: Any) -> list[Any]:
    """Return the metrics of each output."""
    if isinstance(given, list) and (len(names) == 1 or not given):
        own = [metric for each in given for metric in _list(each)]  # [["mae"]], [None]
        return [own, *([] for _ in names[1:])]
    return _matched("metrics", given, names)


def _list(given: Any) -> list[Any]:
    return [] if given is None else given if isinstance(given, list) else [given]


def _matched(kind: str, given: Any, names: Sequence[str], shared: bool = False) -> list[Any]:
    """Return what was given for each output: by name, in their order, or one for all."""
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"compile: {kind} names the output {str(unknown[0])[:60]!r}; there are "
                f"{', '.join(names)}"[:390]
            )
        return [given.get(name) for name in names]
    if not isinstance(given, list):
        return [given if shared or len(names) == 1 else None for _ in names]
    if len(given) != len(names):
        raise ValueError(
            f"compile: {kind} has {len(given)} entries, the model has {len(names)} outputs: "
            f"{', '.join(names)}; give one for each, or a dict by their names"[:390]
        )
    return given


def are_metrics(given: Any) -> bool:
    """Whether what stands in the place of ``loss_weights`` names metrics, as in older notes."""
    every = nests.flatten(given) if isinstance(given, list | tuple | dict) else [given]
    return every == [] or any(
        isinstance(each, str | Metric | type) or callable(each) for each in every
    )


def loss_of(given: Any) -> Any:
    """Return the nest of losses that ``compile`` was given names, classes or objects of."""
    if isinstance(given, Mapping) and "class_name" not in given:
        return {str(name): loss_of(each) for name, each in given.items()}
    if isinstance(given, list | tuple):
        return [loss_of(each) for each in given]
    return None if given is None else losses.get(given)


def metrics_of(given: Any) -> Any:
    """Return the nest of metrics that ``compile`` was given names, classes or objects of."""
    if isinstance(given, Mapping) and "class_name" not in given:
        return {str(name): _named(each) for name, each in given.items()}
    if isinstance(given, str) or not isinstance(given, Iterable | None):
        raise TypeError(f"compile: metrics must be a list or a dict; write [{given!r}]"[:400])
    every = list(given or ())
    if any(each is None or isinstance(each, list | tuple) for each in every):
        return [_named(each) for each in every]
    return _named(every)


def _named(given: Any) -> list[Metric]:
    """Return the metrics of one output, which need names of their own."""
    chosen = [metrics.get(each) for each in _list(list(given) if _is_several(given) else given)]
    names = [metric.name for metric in chosen]
    for name in names:
        if names.count(name) > 1 or name in ("loss", "data_loss", "penalty"):
            raise ValueError(
                f"compile: the name {name!r} is taken twice; give a metric a name of its own"
            )
    return chosen


def _is_several(given: Any) -> bool:
    return isinstance(given, list | tuple)


def serialize(nest: Any, one: Any) -> Any:
    """Return a nest of descriptions; ``one`` describes a single thing."""
    return nests.apply(lambda each: None if each is None else one(each), nest)
