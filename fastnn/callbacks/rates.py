"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable
from typing import Any

from fastnn._checks import count, not_negative, number
from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.display import announce
from fastnn.callbacks.monitor import MonitorCallback

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class _RateCallback(Callback):
    """Knows the rate of the optimizer, and writes it into the logs of each epoch."""

    verbose: int

    def on_train_begin(self, logs: Logs = None) -> None:
        """Refuse an optimizer whose rate is a schedule."""
        optimizer = self.model.optimizer
        if optimizer is not None and optimizer.scheduled and not optimizer.decay:
            raise TypeError(
                f"{type(self).__name__}: the learning rate of {optimizer.name!r} is a schedule, "
                "which the callback would put an end to; give the optimizer a number"
            )

    def _rate(self) -> float:
        return float(self._optimizer().learning_rate)

    def _set_rate(self, epoch: int, rate: float) -> None:
        self._optimizer().learning_rate = rate
        if self.verbose:
            announce(f"Epoch {epoch + 1}: {type(self).__name__}: the learning rate is {rate:g}")

    def _optimizer(self) -> Any:
        return self.model.optimizer

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = self._rate()


class LearningRateScheduler(_RateCallback):
    """Sets the learning rate before each epoch.

    Args:
        schedule: called with the number of the epoch, from 0, and the rate of now; returns the new
            rate.  A function of the epoch alone will do.
        verbose: 1 says so.

    Raises:
        TypeError: if ``schedule`` is no function, or returns no number.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile(fastnn.optimizers.SGD(0.5), "mse")
        >>> halve = fastnn.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        >>> history = model.fit([[0.0]], [0.0], epochs=2, verbose=0, callbacks=[halve])
        >>> history.history["learning_rate"]
        [0.25, 0.125]
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        if not callable(schedule):
            raise TypeError(
                "LearningRateScheduler: schedule must be a function of epoch and rate, got "
                f"{type(schedule).__name__}"
            )
        self.schedule, self.verbose = schedule, verbose
        self._wants_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Set the rate."""
        arguments = (epoch, self._rate()) if self._wants_rate else (epoch,)
        rate = self.schedule(*arguments)
        if not isinstance(rate, numbers.Real) or isinstance(rate, bool):
            raise TypeError(
                f"LearningRateScheduler: schedule must return a number, got {type(rate).__name__}"
            )
        self._set_rate(epoch, float(rate))


class ReduceLROnPlateau(MonitorCallback, _RateCallback):
    """Lowers the learning rate when a number has not got better for some epochs.

    Args:
        monitor: its name in the logs.
        factor: what the rate is multiplied by; in [0, 1).
        patience: after how many epochs without a better number.
        verbose: 1 says so.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` if the name tells.
        min_delta: by how much a number has to be better to count, absolute.
        cooldown: epochs that do not count after the rate was lowered.
        min_lr: the rate is never lowered below this.

    Raises:
        ValueError: if ``factor`` is not below 1.
    """

    kept = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        who = type(self).__name__
        self.factor = number(who, "factor", factor)
        if not 0 <= self.factor < 1:
            raise ValueError(f"{who}: factor must be in [0, 1), got {self.factor}")
        self.patience = count(who, "patience", patience)
        self.cooldown = count(who, "cooldown", cooldown)
        self.min_lr = not_negative(who, "min_lr", min_lr)
        self.verbose = verbose
        self._forget()

    def _forget(self) -> None:
        self.best = None
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Start afresh."""
        super().on_train_begin(logs)
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Lower the rate if it is time to."""
        super().on_epoch_end(epoch, logs)
        value = self.current(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and self._lower(epoch):
                self.cooldown_counter, self.wait = self.cooldown, 0

    def _lower(self, epoch: int) -> bool:
        rate = self._rate()
        if rate <= self.min_lr or math.isnan(rate):
            return False
        self._set_rate(epoch, max(rate * self.factor, self.min_lr))
        return True


def _takes_two(function: Callable[..., Any]) -> bool:
    """Return whether a function can be called with two arguments."""
    try:
        inspect.signature(function).bind(0, 0.0)
    except ValueError:  # written in C, without a signature
        return True
    except TypeError:
        return False
    return True
