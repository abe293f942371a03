"""Optimizers that look at each weight as a whole: Adafactor at its rows and columns, Lamb at its
norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastnn import ops
from fastnn._checks import flag, not_negative, number, positive_number
from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.optimizers.base import Optimizer, State
from fastnn.optimizers.moments import Moments

__all__ = ["Adafactor", "Lamb"]


class Lamb(Moments):
    """Adam's direction, as long as the weight that it changes (You et al., "Large batch
    optimization for deep learning: training BERT in 76 minutes", 2020).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        beta_1: decay of the mean of gradients, in [0, 1).
        beta_2: decay of the mean of their squares, in [0, 1).
        epsilon: added to the root, positive.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    ``m`` and ``v`` are Adam's.  For each weight, ``|w|`` being its norm::

        u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        w -= learning_rate |w| / |u| u

    and ``w -= learning_rate u`` where one of the norms is 0, as that of a bias is at first.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.Lamb(0.01).beta_2
        0.999
    """

    by_weight = True

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
        (u,) = graph.emit("lamb_direction", g, *slots, state.step, **self._decays())
        graph.emit("lamb_step", w, u, *_squared_norms(w, u), state.hyper)


class Adafactor(Optimizer):
    """Steps divided by the root of a mean of squares, of which only the means of rows and columns
    are remembered (Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory
    cost", 2018).

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the step.
        beta_2_decay: the gain of the means is ``t^beta_2_decay`` in the t-th update; in [-1, 0].
        epsilon_1: added to squares of gradients, positive.
        epsilon_2: a weight that is smaller changes as if it were so large; at least 0.
        clip_threshold: the root mean square of a step beyond which it is scaled down; positive.
        relative_step: accepted, and of no effect: the rate is at most ``1 / sqrt(t)`` either way,
            as it is in Keras.
        options: those of ``Optimizer``: ``weight_decay``, ``clipnorm``, ``use_ema``, ``name``, ...

    With ``gain = t^beta_2_decay`` and means over the last axis, the last but one, and rows of r::

        r += gain (mean(g^2 + epsilon_1, -1) - r)
        c += gain (mean(g^2 + epsilon_1, -2) - c)
        u = g / sqrt(r / mean(r) c)
        w -= max(epsilon_2, rms(w)) min(learning_rate, 1 / sqrt(t)) u / max(1, rms(u) / threshold)

    The squares of a weight with one row, one column or one axis are not factored.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.Adafactor(0.01).clip_threshold
        1.0
    """

    by_weight = True
    slots = 1

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Any,
    ):
        super().__init__(learning_rate, **options)
        self.beta_2_decay = number(self.name, "beta_2_decay", beta_2_decay)
        if not -1 <= self.beta_2_decay <= 0:
            raise ValueError(
                f"{self.name}: beta_2_decay must be in [-1, 0], got {self.beta_2_decay}; -0.8 is "
                "the paper's"
            )
        self.epsilon_1 = positive_number(self.name, "epsilon_1", epsilon_1)
        self.epsilon_2 = not_negative(self.name, "epsilon_2", epsilon_2)
        self.clip_threshold = positive_number(self.name, "clip_threshold", clip_threshold)
        self.relative_step = flag(self.name, "relative_step", relative_step)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update to the graph."""
        shape = outer, rows, columns = _matrices(w.shape)
        w, g = _seen_as(w, shape), _seen_as(g, shape)
        r = None
        if rows > 1:
            self._follow(_seen_as(g, (outer * rows, columns, 1)), slots[0], 0, state)
            r = _seen_as(slots[0], (outer, rows))
        c = self._follow(g, slots[0], outer * rows if rows > 1 else 0, state)
        (u,) = graph.emit("adafactor_direction", g, r, c)
        limits: dict[str, Any] = {"epsilon": self.epsilon_2, "limit": self.clip_threshold}
        known = (*_squared_norms(w, u), state.hyper, state.step)
        graph.emit("adafactor_step", w, u, *known, **limits)

    def _follow(self, g: Tensor, slot: Tensor, offset: int, state: State) -> Tensor:
        """Let means of squares over the axis in the middle follow, and return where they are."""
        outer, _, inner = g.shape
        mean = _seen_as(slot, (outer, inner), offset)
        options: dict[str, Any] = {"power": -self.beta_2_decay, "epsilon": self.epsilon_1}
        g.graph.emit("adafactor_moment", g, mean, state.step, **options)
        return mean

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        names = ("beta_2_decay", "epsilon_1", "epsilon_2", "clip_threshold", "relative_step")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _squared_norms(w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    return ops.penalty(w, l2=1.0), ops.penalty(u, l2=1.0)


def _matrices(shape: Shape) -> tuple[int, int, int]:
    """Return how a weight is seen: as so many matrices, or as a vector, (1, 1, n).

    Of a matrix with one row, or one column, the product of the means is the mean itself.
    """
    sizes = [n for n in shape if n is not None]
    if len(sizes) < 2 or 1 in sizes[-2:]:
        return 1, 1, math.prod(sizes)
    return math.prod(sizes[:-2]), sizes[-2], sizes[-1]


def _seen_as(tensor: Tensor, shape: Shape, offset: int = 0) -> Tensor:
    """Return a part of a tensor of the model's own buffers as one of another shape."""
    place = tensor.graph.place
    return place(tensor.name, shape, tensor.home, tensor.offset + offset)
