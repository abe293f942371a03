"""What a model is compiled for: a loss and metrics for each of its outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from fastnn import losses, metrics, nests
from fastnn.losses import Loss
from fastnn.metrics import Metric

__all__ = ["Objective"]


@dataclass(frozen=True)
class Objective:
    """The losses and metrics of a model, matched with its outputs.

    Attributes:
        names: the names of the outputs.
        losses: the loss of each; ``None`` for one that is not compared with anything.
        metrics: the metrics of each.
    """

    names: tuple[str, ...]
    losses: tuple[Loss | None, ...]
    metrics: tuple[tuple[Metric, ...], ...]

    @classmethod
    def of(cls, names: Sequence[str], loss: Any, watched: Any) -> Objective:
        """Match what ``compile`` was given with outputs of these names.

        Raises:
            ValueError: if there are not as many, or other names.
        """
        every = _matched("loss", loss, names, shared=True)
        if all(each is None for each in every):
            raise ValueError("compile: no output has a loss; give one for at least one of them")
        if isinstance(watched, list) and (len(names) == 1 or not watched):
            chosen: list[Any] = [watched, *([] for _ in names[1:])]
        else:
            chosen = _matched("metrics", watched, names)
        for name, each, few in zip(names, every, chosen, strict=True):
            if each is None and few:
                raise ValueError(
                    f"compile: the output {name!r} has metrics but no loss; give it a loss"
                )
        return cls(tuple(names), tuple(every), tuple(tuple(_list(each)) for each in chosen))

    @cached_property
    def unwatched(self) -> Objective:
        """The losses without the metrics."""
        return replace(self, metrics=tuple(() for _ in self.names))

    @cached_property
    def compared(self) -> list[int]:
        """The indices of the outputs that have a loss."""
        return [index for index, loss in enumerate(self.losses) if loss is not None]

    @cached_property
    def watched(self) -> list[tuple[int, Metric]]:
        """The metrics with the index of their output, in the order of the totals."""
        return [(index, each) for index, few in enumerate(self.metrics) for each in few]

    @cached_property
    def log_names(self) -> list[str]:
        """The names of what ``evaluate`` returns, as Keras's: loss, losses of outputs, metrics."""
        if len(self.names) == 1:
            return ["loss", *(metric.name for _, metric in self.watched)]
        parts = [f"{self.names[index]}_loss" for index in self.compared]
        return ["loss", *parts, *(f"{self.names[i]}_{each.name}" for i, each in self.watched)]

    def logs(self, means: Sequence[float]) -> dict[str, float]:
        """Return the logs: from the mean of each loss, then of each metric."""
        if len(self.names) == 1:
            return dict(zip(self.log_names, means, strict=True))
        loss = sum(means[: len(self.compared)])
        return dict(zip(self.log_names, [loss, *means], strict=True))


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
