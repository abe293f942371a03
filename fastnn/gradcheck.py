"""Checking gradients: backpropagation against differences, in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import _core, config, training
from fastnn._typing import Array
from fastnn.compiler import lower
from fastnn.compiler.bind import Compiled
from fastnn.compiler.graph import Graph
from fastnn.compiler.program import Memory, Program
from fastnn.errors import NotCompiledError

if TYPE_CHECKING:
    from fastnn.models import Model
    from fastnn.variables import Variable

__all__ = ["GradientCheck", "gradcheck"]


@dataclass(frozen=True)
class GradientCheck:
    """What ``gradcheck`` found.

    Attributes:
        error: the largest difference, relative to the largest gradient of its weight.
        weight: the weight it was found in, such as ``"dense/kernel"``.
        index: its place there.
        computed: the gradient by backpropagation.
        difference: the gradient by differences.
        checked: how many numbers were compared.
        tolerance: what ``ok`` allows.
    """

    error: float
    weight: str
    index: tuple[int, ...]
    computed: float
    difference: float
    checked: int
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= self.tolerance

    def __str__(self) -> str:
        place = f"{self.weight}[{', '.join(map(str, self.index))}]"
        return (
            f"gradcheck {'passed' if self.ok else 'FAILED'}: {self.checked} gradients, "
            f"worst {place}: {self.computed:.9g} by backpropagation, "
            f"{self.difference:.9g} by differences, relative error {self.error:.2g}"
        )


def gradcheck(
    model: Model,
    x: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: Any = None,
    epsilon: float = 1e-6,
    tolerance: float = 1e-5,
    samples: int = 100,
) -> GradientCheck:
    """Compare the model's gradients with central differences.

    Args:
        model: a compiled model; it is not changed.
        x: a few samples.
        y: their targets.
        sample_weight: their weights, as of ``fit``.
        epsilon: the step; ``J(w + e) - J(w - e)`` is divided by ``2 e``.
        tolerance: the relative error that ``ok`` allows.
        samples: numbers to check in each weight; smaller weights are checked whole.

    Returns:
        What was found; it prints as one line that names the worst weight.

    Both sides are computed in float64 by the compiled kernels, with the loss as in training, the
    same dropout included.  A ReLU or a maximum that the step carries over its kink shows as an
    error: take other samples then.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> fastnn.gradcheck(model, [[1.0, 2.0], [0.5, -1.0]], [[1.0], [0.0]]).ok
        True
    """
    if model.loss is None:
        raise NotCompiledError("gradcheck: the model has no loss yet; call compile first")
    model._build_for("gradcheck", x)
    data = training.check_data("gradcheck", model, model.runtime, x, y, sample_weight)
    return max(
        _compare(_Step(model, data), epsilon, samples, tolerance),
        key=lambda found: (np.isnan(found.error), found.error),
    )


class _Step:
    """Loss and gradients of one batch as functions of the weights, in float64."""

    def __init__(self, model: Model, data: training.Data):
        runtime, count = model.runtime, len(data)
        assert runtime.objective is not None
        self.places = runtime.parameters.places
        self.buffers = runtime.copies("float64")
        args = (runtime.call, runtime.input_shapes, runtime.objective.unwatched)
        gradients = lower.training(*args, runtime.parameters, None, data.weighing)
        graph, loss = lower.evaluation(*args, training=True, weighing=data.weighing)
        lower.settle(graph, loss, "loss")
        self.buffers["loss"] = np.zeros(1)
        self._gradients, self._loss = (self._bind(each, count) for each in (gradients, graph))
        for executable in (self._gradients, self._loss):
            executable.lend(data.lent)
        self._seed, self._count = model.seed, count

    def _bind(self, graph: Graph, count: int) -> Compiled:
        program = Program.of(graph, count, "float64")
        return Compiled(program, Memory(program, self.buffers), config.isa(), 1)

    def _pass(self) -> _core.Run:
        return _core.Run(self._count, self._count, seed=self._seed, watch=False)

    def gradients(self) -> Array:
        """Return a copy of all gradients, laid out as ``places`` says."""
        training.drive("gradcheck", self._gradients, self._pass())
        return self.buffers["grads"].copy()

    def loss(self) -> float:
        """Return the mean loss, penalties included."""
        training.drive("gradcheck", self._loss, self._pass())
        return float(self.buffers["loss"][0])

    def slope(self, place: int, epsilon: float) -> float:
        """Return the central difference at one number of the weights."""
        weights = self.buffers["params"]
        kept = weights[place]
        weights[place] = kept + epsilon
        above = self.loss()
        weights[place] = kept - epsilon
        below = self.loss()
        weights[place] = kept
        return (above - below) / (2 * epsilon)


def _compare(
    step: _Step, epsilon: float, samples: int, tolerance: float
) -> Iterator[GradientCheck]:
    """Yield the worst gradient of each weight.

    Differences know no gradient better than the loss is rounded, some 64 eps, so that one which is
    0 but for rounding, as that of a bias before a batch normalisation, is measured by that.
    """
    gradients = step.gradients()
    noise = 64 * np.finfo(np.float64).eps * abs(step.loss()) / epsilon
    floor = max(1e-6, noise / tolerance)
    checked = sum(min(samples, v.size) for v in step.places)
    for variable, begin in step.places.items():
        places = _places(variable, samples)
        computed = gradients[begin + places]
        differences = np.array([step.slope(variable.offset + at, epsilon) for at in places])
        scale = max(np.abs(computed).max(), np.abs(differences).max(), floor)
        errors = np.abs(computed - differences) / scale
        worst = int(errors.argmax())
        index = np.unravel_index(int(places[worst]), variable.shape)
        yield GradientCheck(
            error=float(errors[worst]),
            weight=variable.path,
            index=tuple(map(int, index)),
            computed=float(computed[worst]),
            difference=float(differences[worst]),
            checked=checked,
            tolerance=tolerance,
        )


def _places(variable: Variable, samples: int) -> Array:
    """Return the numbers to check: all, or as many as ``samples``, spread evenly."""
    if variable.size <= samples:
        return np.arange(variable.size)
    return np.linspace(0, variable.size - 1, samples).astype(np.int64)
