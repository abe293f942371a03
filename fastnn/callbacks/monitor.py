"""Whether a number in the logs got better: what stopping, saving and slowing down ask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn._checks import number
from fastnn._warnings import warn_caller
from fastnn.callbacks.base import Callback, Logs
from fastnn.naming import closest

__all__ = ["MonitorCallback"]


class MonitorCallback(Callback):
    """Base class of callbacks that watch one number.

    Args:
        monitor: its name in the logs.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` if the name tells.
        baseline: what the first number has to be better than; ``None`` is anything.
        min_delta: by how much a number has to be better to count.

    Raises:
        ValueError: if ``mode`` is none of the three.
    """

    _warned = False

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ):
        who = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"{who}: monitor must be a name in the logs, such as 'val_loss'")
        if not isinstance(mode, str) or mode not in ("auto", "min", "max"):
            raise ValueError(f"{who}: mode must be 'auto', 'min' or 'max', got {str(mode)[:40]!r}")
        self.monitor, self.mode = monitor, mode
        self.best = None if baseline is None else number(who, "baseline", baseline)
        self.min_delta = abs(number(who, "min_delta", min_delta))

    def current(self, logs: Logs) -> float | None:
        """Return the number that is watched; ``None``, after one warning, if it is not there."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            self._warn(logs or {})
        elif np.ndim(value):
            raise ValueError(
                f"{type(self).__name__}: {self.monitor!r} has several numbers, shape "
                f"{np.shape(value)}; choose a monitor that has one"
            )
        return value

    def _warn(self, logs: Mapping[str, Any]) -> None:
        if self._warned:
            return
        self._warned = True
        bare, close = self.monitor.removeprefix("val_"), closest(self.monitor, logs)
        hint = f"did you mean {close!r}?" if close else "choose one of them as monitor"
        if bare != self.monitor and bare in logs:
            hint = "give fit validation_data or validation_split"
        warn_caller(
            f"{type(self).__name__}: the logs have no {self.monitor!r}, but "
            f"{', '.join(logs)}; {hint}",
            UserWarning,
        )

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Return whether ``value`` is better than ``reference`` by ``min_delta``; NaN never is.

        Args:
            value: the number of now.
            reference: the one to be better than; ``None`` if there is none so far.
        """
        if reference is None:
            return not math.isnan(value)
        if self._less_is_better():
            return value + self.min_delta < reference
        return value - self.min_delta > reference

    def _less_is_better(self) -> bool:
        if self.mode == "auto":
            self.mode = self._direction()
        return self.mode == "min"

    def _direction(self) -> str:
        """Return the mode that the name stands for."""
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        objective = self.model.runtime.objective
        for _, metric, _ in objective.watched if objective else ():
            if metric.direction and (name == metric.name or name.endswith(f"_{metric.name}")):
                return {"up": "max", "down": "min"}[metric.direction]
        raise ValueError(
            f"{type(self).__name__}: whether more or less of {self.monitor!r} is better is not "
            "known; pass mode='max' or mode='min'"
        )
