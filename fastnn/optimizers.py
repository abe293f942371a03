"""Optimizers: hyperparameters, and one kernel over the contiguous range of trainable weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastnn import registry
from fastnn._checks import fraction, number, positive_number
from fastnn.compiler.graph import Graph, Tensor
from fastnn.naming import lookup

__all__ = ["SGD", "Adam", "Optimizer", "RMSprop", "get"]


class Optimizer:
    """A rule that changes weights by their gradients.

    Args:
        learning_rate: positive or 0; it can be assigned at any time, also while ``fit`` runs.
        name: its name.
    """

    #: How many numbers the optimizer remembers for each weight.
    slots: int = 0

    def __init__(self, learning_rate: float = 0.01, name: str | None = None):
        self.name = name or type(self).__name__.lower()
        self.learning_rate = learning_rate

    @property
    def learning_rate(self) -> float:
        """The size of a step."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        rate = number(self.name, "learning_rate", value)
        if not 0 <= rate < float("inf"):
            raise ValueError(f"{self.name}: learning_rate must be finite and >= 0, got {rate}")
        self._learning_rate = rate

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: Sequence[Tensor]
    ) -> None:
        """Add the update to the graph.

        Args:
            graph: the graph of a training step.
            w: the range of trainable weights.
            g: their gradients.
            slots: as many ranges as ``self.slots``, zero before the first step.
            state: ``hyper`` and ``step``, the learning rate and the count of updates.
        """
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        registry.require_config(type(self), Optimizer)
        return {"learning_rate": self.learning_rate, "name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """Return the optimizer that ``get_config`` described."""
        return cls(**config)


class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate g``, or with momentum.

    Args:
        learning_rate: positive or 0.
        momentum: in [0, 1]; if not 0, ``v = momentum v - learning_rate g`` and ``w += v``.
        nesterov: with momentum, ``w += momentum v - learning_rate g`` instead (Sutskever et al.,
            "On the importance of initialization and momentum", 2013).
        name: its name.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.SGD(0.1, momentum=0.9).momentum
        0.9
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str | None = "SGD",
    ):
        super().__init__(learning_rate, name)
        self.momentum = fraction(self.name, "momentum", momentum, closed=True)
        self.nesterov = bool(nesterov)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """One velocity for each weight, if there is momentum."""
        return int(self.momentum > 0)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: Sequence[Tensor]
    ) -> None:
        """Add the update to the graph."""
        velocity = slots[0] if slots else None
        options: dict[str, Any] = {"momentum": self.momentum, "nesterov": self.nesterov}
        graph.emit("sgd", w, g, velocity, state[0], **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class Adam(Optimizer):
    """Adaptive moment estimation (Kingma and Ba, 2015), with bias correction.

    Args:
        learning_rate: positive or 0.
        beta_1: decay of the mean of gradients, in [0, 1).
        beta_2: decay of the mean of their squares, in [0, 1).
        epsilon: added to the root, positive.
        name: its name.

    ``m += (1 - beta_1) (g - m)``, ``v += (1 - beta_2) (g^2 - v)``,
    ``w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)``.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.Adam().learning_rate
        0.001
    """

    slots = 2

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        name: str | None = "adam",
    ):
        super().__init__(learning_rate, name)
        self.beta_1 = fraction(self.name, "beta_1", beta_1)
        self.beta_2 = fraction(self.name, "beta_2", beta_2)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: Sequence[Tensor]
    ) -> None:
        """Add the update to the graph."""
        graph.emit("adam", w, g, *slots, *state, **self._moments())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), **self._moments()}

    def _moments(self) -> dict[str, Any]:
        return {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squares (Tieleman and Hinton, 2012).

    Args:
        learning_rate: positive or 0.
        rho: decay of the means, in [0, 1).
        momentum: in [0, 1]; if not 0, ``m = momentum m + step`` and ``w -= m``.
        epsilon: added below the root, positive.
        centered: whether the square of the mean gradient is subtracted: the root is then of a
            variance (Graves, "Generating sequences with recurrent neural networks", 2013).
        name: its name.

    ``v += (1 - rho) (g^2 - v)``, ``w -= learning_rate g / sqrt(v + epsilon)``.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.RMSprop(centered=True).rho
        0.9
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        name: str | None = "rmsprop",
    ):
        super().__init__(learning_rate, name)
        self.rho = fraction(self.name, "rho", rho)
        self.momentum = fraction(self.name, "momentum", momentum, closed=True)
        self.epsilon = positive_number(self.name, "epsilon", epsilon)
        self.centered = bool(centered)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """The mean of squares, the mean if centered, and what momentum adds up."""
        return 1 + self.centered + (self.momentum > 0)

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: Sequence[Tensor]
    ) -> None:
        """Add the update to the graph."""
        mean = slots[1] if self.centered else None
        change = slots[-1] if self.momentum else None
        graph.emit("rmsprop", w, g, slots[0], mean, change, state[0], **self._decays())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), **self._decays(), "centered": self.centered}

    def _decays(self) -> dict[str, Any]:
        return {"rho": self.rho, "momentum": self.momentum, "epsilon": self.epsilon}


CLASSES: dict[str, type[Optimizer]] = {cls.__name__: cls for cls in (SGD, Adam, RMSprop)}


def get(identifier: str | Mapping[str, Any] | Optimizer | type[Optimizer]) -> Optimizer:
    """Return the optimizer that a name, a class, a config or an object stands for.

    Example:
        >>> import fastnn
        >>> fastnn.optimizers.get("adam").beta_1
        0.9
    """
    if isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return lookup("optimizer", identifier, CLASSES)()


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal optimizer from."""
    return registry.serialize(optimizer)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Optimizer:
    """Return the optimizer that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes that are not fastnn's, by name.
    """
    return registry.deserialize("optimizer", description, CLASSES, custom_objects)
