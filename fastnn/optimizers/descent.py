"""Optimizers whose steps do not depend on the size of past gradients: SGD, Lion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn._checks import flag, fraction
from fastnn.compiler.graph import Graph, Tensor
from fastnn.optimizers.base import Optimizer, State

__all__ = ["SGD", "Lion"]


class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate g``, or with momentum.

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        momentum: in [0, 1]; if not 0, ``v = momentum v - learning_rate g`` and ``w += v``.
        nesterov: with momentum, ``w += momentum v - learning_rate g`` instead (Sutskever et al.,
            "On the importance of initialization and momentum", 2013).
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.SGD(0.1, momentum=0.9).momentum
        0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.momentum = fraction(self.name, "momentum", momentum, closed=True)
        self.nesterov = flag(self.name, "nesterov", nesterov)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """One velocity for each weight, if there is momentum."""
        return int(self.momentum > 0)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        velocity = slots[0] if slots else None
        options: dict[str, Any] = {"momentum": self.momentum, "nesterov": self.nesterov}
        graph.emit("sgd", w, g, velocity, state.hyper, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Lion(Optimizer):
    """Steps of one size against the sign of a mean of gradients (Chen et al., "Symbolic discovery
    of optimization algorithms", 2023).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        beta_1: how much of the mean is in the step, in (0, 1]; the rest is the gradient.
        beta_2: decay of the mean, in [0, 1).
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``w -= learning_rate sign(beta_1 m + (1 - beta_1) g)``, ``m = beta_2 m + (1 - beta_2) g``.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.Lion().beta_2
        0.99
    """

    slots = 1

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction(self.name, "beta_1", beta_1, closed=True)
        if self.beta_1 == 0:
            raise ValueError(f"{self.name}: beta_1 must be in (0, 1], got 0.0")
        self.beta_2 = fraction(self.name, "beta_2", beta_2)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        graph.emit("lion", w, g, *slots, state.hyper, beta_1=self.beta_1, beta_2=self.beta_2)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), "beta_1": self.beta_1, "beta_2": self.beta_2}
