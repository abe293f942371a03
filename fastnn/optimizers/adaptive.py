"""Optimizers whose steps are divided by the size of past gradients, weight by weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn._checks import flag, fraction, not_negative, number, positive_number
from fastnn.compiler.graph import Graph, Tensor
from fastnn.optimizers.base import Optimizer, State

__all__ = ["Adadelta", "Adagrad", "Ftrl", "RMSprop"]


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squares (Tieleman and Hinton, 2012).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        rho: decay of the means, in [0, 1).
        momentum: in [0, 1]; if not 0, ``m = momentum m + step`` and ``w -= m``.
        epsilon: added below the root, positive.
        centered: whether the square of the mean gradient is subtracted: the root is then of a
            variance (Graves, "Generating sequences with recurrent neural networks", 2013).
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``v += (1 - rho) (g^2 - v)``, ``w -= learning_rate g / sqrt(v + epsilon)``.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.RMSprop(centered=True).rho
        0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.rho = fraction(self.name, "rho", rho)
        self.momentum = fraction(self.name, "momentum", momentum, closed=True)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)
        self.centered = flag(self.name, "centered", centered)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """The mean of squares, the mean if centered, and what momentum adds up."""
        return 1 + self.centered + (self.momentum > 0)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        mean = slots[1] if self.centered else None
        change = slots[-1] if self.momentum else None
        graph.emit("rmsprop", w, g, slots[0], mean, change, state.hyper, **self._decays())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), **self._decays(), "centered": self.centered}

    def _decays(self) -> dict[str, Any]:
        return {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squares so far (Duchi, Hazan and Singer,
    "Adaptive subgradient methods", 2011).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        initial_accumulator_value: what the sum begins at, at least 0.
        epsilon: added below the root, positive.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``a += g^2``, ``w -= learning_rate g / sqrt(a + epsilon)``.
    """

    slots = 1

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.initial_accumulator_value = not_negative(
            self.name, "initial_accumulator_value", initial_accumulator_value
        )
        self.epsilon = positive_number(self.name, "epsilon", epsilon)

    @property
    def starts(self) -> tuple[float, ...]:
        """What the sum of squares begins at."""
        return (self.initial_accumulator_value,)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        graph.emit("adagrad", w, g, *slots, state.hyper, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        first = self.initial_accumulator_value
        own = {"initial_accumulator_value": first, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class Adadelta(Optimizer):
    """Steps of the size of past steps (Zeiler, "ADADELTA: an adaptive learning rate method", 2012).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step; the paper's
            rule is 1.
        rho: decay of the means, in [0, 1).
        epsilon: added below both roots, positive.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``a += (1 - rho) (g^2 - a)``, ``c = g sqrt(d + epsilon) / sqrt(a + epsilon)``,
    ``d += (1 - rho) (c^2 - d)``, ``w -= learning_rate c``.
    """

    slots = 2

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.rho = fraction(self.name, "rho", rho)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        graph.emit("adadelta", w, g, *slots, state.hyper, rho=self.rho, epsilon=self.epsilon)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), "rho": self.rho, "epsilon": self.epsilon}


class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al., "Ad click prediction", 2013).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        learning_rate_power: how the rate falls with the sum of squares, at most 0; 0 is not at all.
        initial_accumulator_value: what that sum begins at, at least 0.
        l1_regularization_strength: weights within it are exactly 0; at least 0.
        l2_regularization_strength: what large weights cost, at least 0.
        l2_shrinkage_regularization_strength: the same, as a part of the gradient alone; at least 0.
        beta: the paper's, added to the root.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    With ``p = -learning_rate_power`` and ``b = a + g^2``::

        z += g + 2 shrinkage w - (b^p - a^p) / learning_rate w
        w = (clip(z, -l1, l1) - z) / (b^p / learning_rate + 2 l2 + beta / learning_rate)

    and ``a`` becomes ``b``.  What ``w`` is at first does not count.
    """

    slots = 2

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.learning_rate_power = number(self.name, "learning_rate_power", learning_rate_power)
        if not self.learning_rate_power <= 0:
            raise ValueError(
                f"{self.name}: learning_rate_power must be 0 or less, got "
                f"{self.learning_rate_power}"
            )
        strengths = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
            "beta": beta,
        }
        self._strengths = {n: not_negative(self.name, n, value) for n, value in strengths.items()}
        vars(self).update(self._strengths)

    @property
    def starts(self) -> tuple[float, ...]:
        """What the sum of squares begins at, and z."""
        return (self._strengths["initial_accumulator_value"], 0.0)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        _, l1, l2, shrinkage, beta = self._strengths.values()
        options: dict[str, Any] = {"l1": l1, "l2": l2, "shrinkage": shrinkage, "beta": beta}
        graph.emit("ftrl", w, g, *slots, state.hyper, power=-self.learning_rate_power, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        power = {"learning_rate_power": self.learning_rate_power}
        return {**super().get_config(), **power, **self._strengths}
