"""Optimizers of the mean of gradients and of their size: Adam and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnn._checks import flag, fraction, positive_number
from fastnn.compiler.graph import Graph, Tensor
from fastnn.optimizers.base import Optimizer, State

__all__ = ["Adam", "AdamW", "Adamax", "Nadam"]


class Moments(Optimizer):
    """What the kin of Adam share: two decays and an epsilon."""

    slots = 2

    def __init__(
        self, learning_rate: Any, beta_1: float, beta_2: float, epsilon: float, **options: Any
    ):
        super().__init__(learning_rate, **options)
        self.beta_1 = fraction(self.name, "beta_1", beta_1)
        self.beta_2 = fraction(self.name, "beta_2", beta_2)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)

    def _decays(self) -> dict[str, Any]:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), **self._decays()}


class Adam(Moments):
    """Adaptive moment estimation (Kingma and Ba, 2015), with bias correction.

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        beta_1: decay of the mean of gradients, in [0, 1).
        beta_2: decay of the mean of their squares, in [0, 1).
        epsilon: added to the root, positive.
        amsgrad: whether the largest mean of squares so far counts instead of that of now (Reddi et
            al., "On the convergence of Adam and beyond", 2018).
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``m += (1 - beta_1) (g - m)``, ``v += (1 - beta_2) (g^2 - v)``,
    ``w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.Adam().learning_rate
        0.001
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        self.amsgrad = flag(self.name, "amsgrad", amsgrad)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """Both means, and the largest one of squares with ``amsgrad``."""
        return 2 + self.amsgrad

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        m, v, *largest = slots
        x = largest[0] if largest else None
        graph.emit("adam", w, g, m, v, x, state.hyper, state.step, **self._decays())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), "amsgrad": self.amsgrad}


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay
    regularization", 2019).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        weight_decay: weights lose ``learning_rate weight_decay`` of themselves before each update.
        beta_1: decay of the mean of gradients, in [0, 1).
        beta_2: decay of the mean of their squares, in [0, 1).
        epsilon: added to the root, positive.
        amsgrad: whether the largest mean of squares so far counts.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    Example:
        >>> import fastnn
        >>> adamw = fastnn.optimizers.AdamW()
        >>> adamw.exclude_from_weight_decay(var_names=["bias"])
        >>> adamw.weight_decay
        0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ):
        options["weight_decay"] = weight_decay
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **options)
        if self.weight_decay is None:
            raise ValueError(f"{self.name}: weight_decay must be a number; without it this is Adam")


class Adamax(Moments):
    """Adam by the largest gradient instead of the mean of squares (Kingma and Ba, 2015).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        beta_1: decay of the mean of gradients, in [0, 1).
        beta_2: decay of the largest size, in [0, 1).
        epsilon: added to the size, positive.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``m += (1 - beta_1) (g - m)``, ``u = max(beta_2 u, abs(g))``,
    ``w -= learning_rate / (1 - beta_1^t) m / (u + epsilon)``.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        graph.emit("adamax", w, g, *slots, state.hyper, state.step, **self._decays())


class Nadam(Moments):
    """Adam with Nesterov's momentum (Dozat, "Incorporating Nesterov momentum into Adam", 2016).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        beta_1: decay of the mean of gradients, in [0, 1).
        beta_2: decay of the mean of their squares, in [0, 1).
        epsilon: added to the root, positive.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``m`` and ``v`` are Adam's.  With ``mu_t = beta_1 (1 - 0.96^t / 2)`` and
    ``P_t = mu_1 ... mu_t``::

        a = mu_{t+1} m / (1 - P_{t+1}) + (1 - mu_t) g / (1 - P_t)
        w -= learning_rate a / (sqrt(v / (1 - beta_2^t)) + epsilon)
    """

    scalars = (1.0,)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)

    def prepare(self, graph: Graph, state: State) -> None:
        """Add the product of the momenta."""
        graph.emit("nadam_product", state.scalars, state.step, beta_1=self.beta_1)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        known = (state.scalars, state.hyper, state.step)
        graph.emit("nadam", w, g, *slots, *known, **self._decays())
