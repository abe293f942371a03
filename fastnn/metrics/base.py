"""What a metric is: totals over all places, and a number of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from fastnn import functions, initializers
from fastnn._checks import as_name
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.configured import Configured
from fastnn.copying import Attributes, state_of
from fastnn.losses import Loss, Targets
from fastnn.losses.base import saying_whose
from fastnn.metrics.state import State
from fastnn.naming import snake_case

__all__ = ["MeanMetricWrapper", "Metric", "Seen", "ratio"]


class Seen(NamedTuple):
    """What a metric may look at.

    Attributes:
        prediction: the model's output, as probabilities where the loss knows them.
        targets: the labels or numbers it is compared with.
        kind: which of the two.
        weights: of the places before the last axis, if there are any.
        loss: what training minimises; ``None`` where the metric is used by itself.
    """

    prediction: Tensor
    targets: Tensor
    kind: Targets
    weights: Tensor | None = None
    loss: Loss | None = None

    @property
    def labels(self) -> Tensor | None:
        """The targets, if they are labels."""
        return None if self.kind.classes is None else self.targets

    @property
    def numbers(self) -> Tensor | None:
        """The targets, if they are numbers."""
        return self.targets if self.kind.classes is None else None


class Metric(metaclass=Configured):
    """A metric: the mean over all places of a value for each; one of your own overrides ``lower``.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras; totals are float64.

    ``lower`` composes operations, which are compiled into the step: that is the fast way.  With
    ``columns = True`` in the class, the last axis of what it returns are columns, whose sums
    ``combine(sums, count)`` makes a number of.

    A class may override ``update_state(y_true, y_pred, sample_weight)``, ``result`` and
    ``reset_state`` instead, in NumPy.  In ``fit`` and ``evaluate`` it gets the arrays of each
    batch, in their order, predictions as probabilities where the loss knows them; so an epoch calls
    Python once a batch.  ``add_variable`` makes state that ``reset_state`` clears.

    Example:
        >>> import fastnn
        >>> class Bias(fastnn.metrics.Metric):
        ...     def lower(self, prediction, targets, kind):
        ...         return fastnn.ops.subtract(prediction, targets)
        ...     columns = True
        ...     def combine(self, sums, count):
        ...         return float(sums[0] / count)
        >>> bias = Bias()
        >>> bias.update_state([[1.0], [2.0]], [[2.0], [4.0]])
        >>> bias.result()
        1.5
        >>> class Largest(fastnn.metrics.Metric):
        ...     def __init__(self, name="largest", **options):
        ...         super().__init__(name, **options)
        ...         self.most = self.add_variable((), "zeros", name="most")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.most.assign(max(self.most, abs(y_true - y_pred).max()))
        ...     def result(self):
        ...         return self.most
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Activation("linear")])
        >>> model.compile(loss="mse", metrics=[Largest()])
        >>> model.evaluate([[1.0], [2.0]], [[3.0], [2.5]], batch_size=1, verbose=0)[1]
        2.0
    """

    columns = False
    #: How many totals ``track`` asks for.
    parts = 1
    #: Whether more of it is better, ``"up"``, or less, ``"down"``; ``None`` is not known.
    direction: str | None = None

    def __init__(self, name: str | None = None, dtype: Any = None):
        self.name = as_name(type(self).__name__, name) or snake_case(type(self).__name__)
        self._own: Any = None
        self._states: list[State] = []

    # ---- in a program ----------------------------------------------------------------------------

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place, (rows, ...).

        Args:
            prediction: the model's output, as probabilities where the loss knows them.
            targets: the labels or numbers it is compared with.
            kind: which of the two.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: write lower(prediction, targets, kind), which composes "
            "fastnn.ops and returns a value for each row, or update_state(y_true, y_pred, "
            "sample_weight) in NumPy, with result() and reset_state()"
        )

    def track(self, seen: Seen) -> None:
        """Add the metric to the graph: operations that add to totals."""
        values, weights = self.values(seen), seen.weights
        graph = values.graph
        places = values.shape[:-1] if self.columns else values.shape
        if weights is not None and weights.shape != places:
            raise ValueError(
                f"compile: the metric {self.name!r} has values {format_shape(values.shape)}, which "
                f"weights {format_shape(weights.shape)} do not fit; use it without weights"
            )
        if self.columns:
            total = graph.total(np.zeros((values.shape[-1] or 0) + 1))
            graph.emit("accumulate_columns", values, weights, total)
        else:
            graph.emit("accumulate", values, weights, weights, graph.total(np.zeros(2)), watched=0)

    def values(self, seen: Seen) -> Tensor:
        """Compose the value of each place from all that there is to see."""
        with saying_whose(f"metric {self.name!r}", "a metric"):
            return self.lower(seen.prediction, seen.targets, seen.kind)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        if self.columns:
            return self.combine(total[:-1], float(total[-1]))
        value, count = total.tolist()
        return value / count if count else 0.0

    def combine(self, sums: Array, count: float) -> Any:
        """Return the value from the sums of columns and the sum of weights."""
        return sums / count if count else sums

    def places(self, prediction: Shape) -> Shape:
        """Return the shape of weights for a prediction of that shape."""
        return prediction[:-1]

    # ---- by itself -------------------------------------------------------------------------------

    def kind_of(self, y_true: Array, y_pred: Array) -> Targets:
        """Return what the metric expects beside predictions, where it is used by itself."""
        if y_true.ndim < y_pred.ndim and y_pred.shape[-1] > 1:
            return Targets((None, *y_pred.shape[1:-1]), y_pred.shape[-1])
        return Targets((None, *y_pred.shape[1:]))

    def prepared(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        """Return arrays as the metric takes them, where it is used by itself."""
        return y_true, y_pred

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add arrays to the totals.

        Args:
            y_true: labels or numbers.
            y_pred: predictions, (rows, ..., n).
            sample_weight: (rows,) or (rows, ...), a weight for each place.
        """
        from fastnn import standalone

        if self._own is None:
            self._own = standalone.Tracker(self)
        self._own.update(y_true, y_pred, sample_weight)

    def result(self) -> Any:
        """Return the value of all that was added since ``reset_state``."""
        return 0.0 if self._own is None else self._own.result()

    def reset_state(self) -> None:
        """Begin anew."""
        self._own = None
        for state in self._states:
            state.reset()

    @property
    def variables(self) -> list[State]:
        """What ``add_variable`` made."""
        return list(self._states)

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        synchronization: str = "auto",
        name: str | None = None,
    ) -> State:
        """Return state, float64, that ``reset_state`` brings back to its first value.

        Args:
            shape: of the state; ``()`` is a number.
            initializer: a name, an object, or ``f(shape, dtype)``.
            dtype: accepted as in Keras.
            aggregation: accepted as in Keras.
            synchronization: accepted as in Keras.
            name: its name; ``None`` numbers it.
        """
        first = initializers.get(initializer)(tuple(shape), np.dtype(np.float64))
        self._states.append(State(first, name or f"{self.name}_{len(self._states)}"))
        return self._states[-1]

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> State:
        """Return state as ``add_variable`` does; Keras's older name."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Add arrays, and return the value so far."""
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    # ---- saving ----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Metric:
        """Return the metric that ``get_config`` described."""
        return cls(**config)

    def __getstate__(self) -> Attributes:
        return state_of(self, _own=None)  # programs are not copied

    def _refuse(self, expected: str) -> ValueError:
        return ValueError(
            f"compile: the metric {self.name!r} expects {expected}, which the loss does not use; "
            "metrics=['accuracy'] picks the one that fits"
        )


class MeanMetricWrapper(Metric):
    """The mean of what a function ``f(y_true, y_pred)`` of tensors composes of ``fastnn.ops``.

    Args:
        fn: returns a value for each place.
        name: its name in the logs; ``None`` is the function's.
        dtype: accepted as in Keras.
        **kwargs: handed on to the function.
    """

    def __init__(
        self,
        fn: Callable[..., Tensor],
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name or snake_case(getattr(fn, "__name__", "metric")), dtype)
        self.fn, self.options = fn, kwargs

    def lower(self, prediction: Tensor, targets: Tensor, kind: Targets) -> Tensor:
        """Compose the value of each place."""
        values = self.fn(targets, prediction, **self.options)
        if not isinstance(values, Tensor):
            raise TypeError(
                f"{self.name}: a metric gets tensors of the graph and returns one, composed of "
                f"fastnn.ops; it returned {type(values).__name__}"
            )
        return values

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric, the function by its name."""
        name = functions.name_of(self.fn, functions.UNSAVED)
        return {"fn": name, **super().get_config(), **self.options}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MeanMetricWrapper:
        """Return the metric that ``get_config`` described."""
        fn = functions.named("metric", config["fn"], functions.UNCOMPILED)
        return cls(**{**config, "fn": fn})


def ratio(a: Array, b: Array) -> Array:
    """a / b, and 0 where b is 0."""
    return np.divide(a, b, out=np.zeros(np.shape(a)), where=np.asarray(b) != 0)
