"""Schedules: the learning rate as a function of the number of steps made.

The rates of the next steps are put in a table before they run, so a schedule is any Python function
and costs a compiled epoch nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastnn import registry
from fastnn._checks import flag, not_negative, number, positive_number
from fastnn.configured import Configured
from fastnn.naming import public

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)


class LearningRateSchedule(metaclass=Configured):
    """A schedule with options that a model file can hold; your own overrides ``__call__``.

    Example:
        >>> import fastnn
        >>> class Halves(fastnn.optimizers.schedules.LearningRateSchedule):
        ...     def __call__(self, step):
        ...         return 0.1 / 2 ** (step // 100)
        >>> fastnn.optimizers.SGD(Halves()).rate(200)
        0.025
    """

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        raise NotImplementedError(
            f"{type(self).__name__}: write __call__(step), which returns a rate"
        )

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal schedule."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> LearningRateSchedule:
        """Return the schedule that ``get_config`` described."""
        return cls(**config)


class _Options(LearningRateSchedule):
    """A schedule whose attributes are its options."""

    def get_config(self) -> dict[str, Any]:
        """Return the options that make an equal schedule."""
        return {name.lstrip("_"): value for name, value in vars(self).items()}


class ExponentialDecay(_Options):
    """``initial_learning_rate decay_rate^(step / decay_steps)``.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: after so many steps the rate is multiplied by ``decay_rate``; positive.
        decay_rate: the factor.
        staircase: whether it stays the same in between.
        name: its name.

    Example:
        >>> import fastnn
        >>> rate = fastnn.optimizers.schedules.ExponentialDecay(0.1, 100, 0.5)
        >>> rate(0), rate(200)
        (0.1, 0.025)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ):
        self.initial_learning_rate = _rate(name, initial_learning_rate)
        self.decay_steps = positive_number(name, "decay_steps", decay_steps)
        self.decay_rate = number(name, "decay_rate", decay_rate)
        self.staircase, self.name = flag(name, "staircase", staircase), name

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        passed = step / self.decay_steps
        times = math.floor(passed) if self.staircase else passed
        return float(self.initial_learning_rate * self.decay_rate**times)


class InverseTimeDecay(_Options):
    """``initial_learning_rate / (1 + decay_rate step / decay_steps)``.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: the steps that ``decay_rate`` is for; positive.
        decay_rate: what the divisor grows by.
        staircase: whether the rate stays the same in between.
        name: its name.

    Example:
        >>> import fastnn
        >>> rate = fastnn.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.01)
        >>> rate(100)
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ):
        self.initial_learning_rate = _rate(name, initial_learning_rate)
        self.decay_steps = positive_number(name, "decay_steps", decay_steps)
        self.decay_rate = number(name, "decay_rate", decay_rate)
        self.staircase, self.name = flag(name, "staircase", staircase), name

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        passed = step / self.decay_steps
        times = math.floor(passed) if self.staircase else passed
        return self.initial_learning_rate / (1 + self.decay_rate * times)


class PiecewiseConstantDecay(_Options):
    """``values[i]`` up to and including step ``boundaries[i]``, the last of them from there on.

    Args:
        boundaries: rising numbers of steps.
        values: rates, one more than boundaries.
        name: its name.

    Example:
        >>> import fastnn
        >>> rate = fastnn.optimizers.schedules.PiecewiseConstantDecay([10, 20], [0.1, 0.05, 0.01])
        >>> rate(10), rate(11), rate(1000)
        (0.1, 0.05, 0.01)
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ):
        for what, each in (("boundaries", boundaries), ("values", values)):
            if not isinstance(each, list | tuple):
                raise TypeError(f"{name}: {what} must be a list, got {type(each).__name__}")
        self.boundaries = [number(name, "boundaries", each) for each in boundaries]
        self.values = [_rate(name, each, "values") for each in values]
        self.name = name
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"{name}: values must be one more than boundaries, got {len(self.values)} for "
                f"{len(self.boundaries)}"
            )
        if self.boundaries != sorted(self.boundaries):
            raise ValueError(f"{name}: boundaries must rise, got {str(self.boundaries)[:60]}")

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        return self.values[sum(step > each for each in self.boundaries)]


class PolynomialDecay(_Options):
    """``(initial - end) (1 - step / decay_steps)^power + end``, and ``end`` after ``decay_steps``.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: the steps after which it is ``end_learning_rate``; positive.
        end_learning_rate: the last rate.
        power: the exponent.
        cycle: whether it begins anew, with ``decay_steps`` stretched to the next multiple.
        name: its name.

    Example:
        >>> import fastnn
        >>> rate = fastnn.optimizers.schedules.PolynomialDecay(0.5, 100, 0.25)
        >>> rate(0), rate(50), rate(1000)
        (0.5, 0.375, 0.25)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ):
        self.initial_learning_rate = _rate(name, initial_learning_rate)
        self.decay_steps = positive_number(name, "decay_steps", decay_steps)
        self.end_learning_rate = _rate(name, end_learning_rate, "end_learning_rate")
        self.power = number(name, "power", power)
        self.cycle, self.name = flag(name, "cycle", cycle), name

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        passed = step / self.decay_steps
        passed = passed / max(1, math.ceil(passed)) if self.cycle else min(passed, 1)
        fall = self.initial_learning_rate - self.end_learning_rate
        return float(fall * (1 - passed) ** self.power + self.end_learning_rate)


class CosineDecay(_Options):
    """Half a wave down from a rate to ``alpha`` of it, after a warm-up if there is one.

    Args:
        initial_learning_rate: the rate of the first step.
        decay_steps: the steps of the half wave; positive.
        alpha: the share of the rate that is left in the end.
        name: its name.
        warmup_target: the rate that the warm-up ends at, and the half wave begins from; ``None`` is
            no warm-up.
        warmup_steps: the steps of the warm-up, a straight line.

    (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.)

    Example:
        >>> import fastnn
        >>> rate = fastnn.optimizers.schedules.CosineDecay(
        ...     0.0, 100, alpha=0.25, warmup_target=0.5, warmup_steps=10
        ... )
        >>> rate(5), rate(10), rate(110)
        (0.25, 0.5, 0.125)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ):
        self.initial_learning_rate = _rate(name, initial_learning_rate)
        self.decay_steps = positive_number(name, "decay_steps", decay_steps)
        self.alpha = number(name, "alpha", alpha)
        self.name = name
        self.warmup_target = (
            None if warmup_target is None else _rate(name, warmup_target, "warmup_target")
        )
        self.warmup_steps = not_negative(name, "warmup_steps", warmup_steps)

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        if self.warmup_target is None:
            return self._wave(self.initial_learning_rate, step)
        if step < self.warmup_steps:
            rise = self.warmup_target - self.initial_learning_rate
            return rise * (step / self.warmup_steps) + self.initial_learning_rate
        return self._wave(self.warmup_target, step - self.warmup_steps)

    def _wave(self, start: float, step: float) -> float:
        return start * _half_wave(min(step / self.decay_steps, 1), self.alpha)


class CosineDecayRestarts(_Options):
    """Half waves down that begin anew, each ``t_mul`` as long and ``m_mul`` as high as the last.

    Args:
        initial_learning_rate: the rate of the first step.
        first_decay_steps: the steps of the first half wave; positive.
        t_mul: how much longer the next one is; positive.
        m_mul: how much higher it begins.
        alpha: the share of the rate that is left at the end of each.
        name: its name.

    (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.)

    Example:
        >>> import fastnn
        >>> rate = fastnn.optimizers.schedules.CosineDecayRestarts(0.5, 100, m_mul=0.5)
        >>> rate(0), rate(50), rate(100), rate(200)
        (0.5, 0.25, 0.25, 0.125)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ):
        self.initial_learning_rate = _rate(name, initial_learning_rate)
        self.first_decay_steps = positive_number(name, "first_decay_steps", first_decay_steps)
        self._t_mul = positive_number(name, "t_mul", t_mul)
        self._m_mul = number(name, "m_mul", m_mul)
        self.alpha, self.name = number(name, "alpha", alpha), name

    def __call__(self, step: int) -> float:
        """Return the rate after ``step`` steps."""
        restarts, passed = self._place(step / self.first_decay_steps)
        wave = _half_wave(passed, self.alpha, self._m_mul**restarts)
        return self.initial_learning_rate * wave

    def _place(self, passed: float) -> tuple[int, float]:
        """Return the half waves that are over, and the share of the next one that is.

        A sum of lengths, wave by wave: a logarithm may be off by one where a wave begins.
        """
        restarts, length = 0, 1.0
        if self._t_mul == 1:
            return int(passed), passed - int(passed)
        while passed >= length and restarts < _MOST_WAVES:
            passed, length, restarts = passed - length, length * self._t_mul, restarts + 1
        return restarts, min(passed / length, 1)


#: Waves that shrink may add up to less than the steps of a training.
_MOST_WAVES = 1000


def _half_wave(passed: float, alpha: float, height: float = 1.0) -> float:
    """Return the height of half a wave, of which a share has passed."""
    return (1 - alpha) * 0.5 * height * (1 + math.cos(math.pi * passed)) + alpha


def _rate(who: str, value: Any, name: str = "initial_learning_rate") -> float:
    return not_negative(who, name, value)


CLASSES: dict[str, type[LearningRateSchedule]] = {
    cls.__name__: cls
    for cls in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def serialize(learning_rate_schedule: Any) -> Any:
    """Return a description that ``deserialize`` makes an equal schedule from.

    Raises:
        ValueError: if it is a function, which a config cannot hold.
    """
    if not hasattr(learning_rate_schedule, "get_config"):
        raise ValueError(
            f"the schedule {str(learning_rate_schedule)[:60]} is a function, which a config cannot "
            "hold; write a class of it: class Mine(schedules.LearningRateSchedule)"
        )
    return registry.serialize(learning_rate_schedule)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> LearningRateSchedule:
    """Return the schedule that a description stands for.

    Args:
        config: what ``serialize`` returned.
        custom_objects: classes that are not fastnn's, by name.
    """
    return registry.deserialize("schedule", config, CLASSES, custom_objects)
