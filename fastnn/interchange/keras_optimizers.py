"""What an optimizer remembers, in the order in which Keras has it.

Keras's variables are the count of batches, the rate if it is a number, then numbers of the shape of
each weight, kind after kind; kinds that are made together alternate from weight to weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import optimizers
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.interchange.keras_paths import in_order
from fastnn.interchange.matching import Source

if TYPE_CHECKING:
    from fastnn.models import Model
    from fastnn.models.trainer import Trainer
    from fastnn.optimizers import Optimizer
    from fastnn.variables import Variable

__all__ = ["of_file", "of_optimizer", "take", "written"]

#: Optimizers -> their slots in Keras's order, those of a tuple alternating; some may be absent.
_SLOTS: dict[type, tuple[tuple[int, ...], ...]] = {
    optimizers.SGD: ((0,),),
    optimizers.RMSprop: ((0,), (2,), (1,)),  # the mean stands behind what momentum adds up
    optimizers.Adagrad: ((0,),),
    optimizers.Adadelta: ((0, 1),),
    optimizers.Adam: ((0, 1), (2,)),
    optimizers.AdamW: ((0, 1), (2,)),
    optimizers.Adamax: ((0, 1),),
    optimizers.Nadam: ((0, 1),),
    optimizers.Ftrl: ((0, 1),),
    optimizers.Lion: ((0,),),
    optimizers.Lamb: ((0, 1),),
}

#: Where a file has them: those of an optimizer that scales losses are its inner one's.
_FOLDERS = ("optimizer/inner_optimizer/vars/", "optimizer/vars/")


def of_file(arrays: Mapping[str, Source]) -> list[Source]:
    """Return the variables of an optimizer among the arrays of a file."""
    for folder in _FOLDERS:
        names = [f"{folder}{i}" for i in range(len(arrays))]
        found = [arrays[name] for name in names if name in arrays]
        if found:
            return found
    return []


def of_optimizer(optimizer: Any) -> list[Source]:
    """Return the variables of an optimizer of Keras's."""
    known = getattr(optimizer, "inner_optimizer", optimizer)
    return [each.numpy() for each in getattr(known, "variables", ())]


def take(model: Model, given: Sequence[Source]) -> None:
    """Let a model's optimizer go on where Keras's was.

    It begins anew if that has made no step, and with a warning if it remembers something else.

    Args:
        model: a model that is built and compiled.
        given: the variables of Keras's optimizer, none if there are none.
    """
    steps = _steps(given)
    if not steps:
        return
    known = _Known.of(model)
    if known is None or steps < 0 or known.shapes != [each.shape for each in given]:
        warn_caller(
            f"{model.name}: the optimizer begins anew, since what Keras's remembers in "
            f"{len(given)} arrays is not what {type(model.optimizer).__name__} here does",
            UserWarning,
        )
        return
    known.assign(steps, given[known.head :])


def written(model: Trainer) -> dict[str, Array]:
    """Return the arrays of a model's optimizer by their paths in a file of Keras's; none if Keras
    has none of its kind, and if there is no state that the model could go on with."""
    known = _Known.of(model)
    if known is None:
        return {}
    return {f"{_FOLDERS[-1]}{i}": each for i, each in enumerate(known.variables())}


def _steps(given: Sequence[Source]) -> int:
    """Return the count of batches that variables begin with, 0 if there is none, -1 if that cannot
    be."""
    if not given:
        return 0
    if given[0].shape:
        return -1
    count = np.asarray(given[0][()])
    return max(-1, int(count)) if count.dtype.kind in "iu" else -1


class _Known:
    """What the optimizer of a model remembers, live, with Keras's names for the parts of it.

    Args:
        optimizer: the optimizer.
        buffers: where its numbers are.
        numbers: those that have the shapes of weights, or none, in Keras's order.

    Attributes:
        head: how many variables come before these: the count of batches, and a rate.
    """

    def __init__(self, optimizer: Optimizer, buffers: Mapping[str, Array], numbers: list[Array]):
        self._optimizer, self._steps, self._numbers = optimizer, buffers["step"], numbers
        self.head = 1 + isinstance(optimizer.schedule, float)

    @classmethod
    def of(cls, model: Trainer) -> _Known | None:
        """Return what there is of a model; ``None`` if it has none that Keras could have."""
        optimizer = model.optimizer
        if type(optimizer) not in _SLOTS or not model.built or model.runtime.parameters.stale:
            return None
        assert optimizer is not None
        buffers, parameters = model.runtime.buffers, model.runtime.parameters
        weights = [each for each in in_order(model) if each in parameters.places]
        slots = buffers["slots"].reshape(len(optimizer.all_starts), parameters.trained)

        def number(slot: int, weight: Variable) -> Array:
            begin = parameters.places[weight]
            return slots[slot, begin : begin + weight.size].reshape(weight.shape)

        groups = _groups(optimizer)
        numbers = [number(slot, each) for group in groups for each in weights for slot in group]
        own = [buffers["scalars"][i : i + 1].reshape(()) for i in range(len(optimizer.scalars))]
        return cls(optimizer, buffers, [*numbers, *own])

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of Keras's variables."""
        return [*[()] * self.head, *(each.shape for each in self._numbers)]

    def assign(self, steps: int, given: Sequence[Source]) -> None:
        """Take over the count of batches, and the numbers after the head."""
        for own, each in zip(self._numbers, given, strict=True):
            own[...] = each[()]
        period = self._optimizer.gradient_accumulation_steps or 1
        self._steps[0], self._steps[-1] = steps, steps // period

    def variables(self) -> list[Array]:
        """Return Keras's variables."""
        head = [np.array(self._steps[0]), np.array(self._optimizer.learning_rate, np.float32)]
        return [*head[: self.head], *self._numbers]


def _groups(optimizer: Optimizer) -> list[tuple[int, ...]]:
    """Return the slots in Keras's order: the average of weights, the sum of gradients, the rule's
    own."""
    own = len(optimizer.starts)
    kept = [(i,) for i in range(own, len(optimizer.all_starts))]
    return [*kept, *(group for group in _SLOTS[type(optimizer)] if group[0] < own)]
