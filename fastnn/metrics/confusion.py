"""Pairs of classes: which was taken for which."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._typing import Array
from fastnn.metrics.base import Metric, Seen

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ConfusionMatrix", "confusion_matrix"]


class ConfusionMatrix(Metric):
    """How often class i was taken for class j: (classes, classes), or the sums of weights.

    Args:
        name: its name in the logs.
        dtype: accepted as in Keras.
        threshold: where one unit tells two classes apart.

    Rows are the true classes.  In ``compile(metrics=)`` the logs have the matrix as an array.

    Example:
        >>> import fastnn
        >>> matrix = fastnn.metrics.ConfusionMatrix()
        >>> matrix.update_state([0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
        >>> matrix.result().tolist()
        [[1.0, 0.0], [1.0, 1.0]]
    """

    def __init__(self, name: str | None = None, dtype: Any = None, threshold: float = 0.5):
        super().__init__(name, dtype)
        self.threshold = float(threshold)

    def track(self, seen: Seen) -> None:
        """Add the counts to the graph."""
        p, graph = seen.prediction, seen.prediction.graph
        classes = max(p.shape[-1] or 0, 2)
        total = graph.total(np.zeros(classes * classes))
        given = (seen.labels, seen.numbers, seen.weights)
        graph.emit("confusion", p, *given, total, threshold=self.threshold)

    def matrix(self, total: Array) -> Array:
        """Return the totals as a matrix."""
        classes = math.isqrt(total.size)
        return total.reshape(classes, classes)

    def read(self, total: Array) -> Any:
        """Return the metric's value from its totals."""
        return self.matrix(total).copy()

    def plot(
        self,
        class_names: Sequence[Any] | None = None,
        normalize: str | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> Figure:
        """Draw what was added since ``reset_state``; needs matplotlib.

        Args:
            class_names: a name for each class; ``None`` shows numbers.
            normalize: ``"true"``, ``"pred"`` or ``"all"``: shares of what; ``None`` shows counts.
            path: a .png, .pdf or .svg file to write.

        Returns:
            A matplotlib ``Figure`` (``fastnn.plots.confusion_matrix``).

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: nothing was added.
        """
        from fastnn import plots

        found = self.result()
        if not np.ndim(found):
            raise ValueError(f"{self.name}: there is nothing to draw; call update_state first")
        return plots.confusion_matrix(found, class_names, normalize, path=path)

    def _repr_html_(self) -> str:
        """Return the matrix for a notebook."""
        from fastnn import notebook

        found = self.result()
        return notebook.matrix(found) if np.ndim(found) else "<div>no samples</div>"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric."""
        return {**super().get_config(), "threshold": self.threshold}


def confusion_matrix(
    y_true: Any, y_pred: Any, sample_weight: Any = None, *, classes: Any = None
) -> Array:
    """Return how often class i was taken for class j, (classes, classes).

    Args:
        y_true: labels (rows,), or one-hot targets (rows, classes).
        y_pred: labels (rows,), or scores (rows, classes).
        sample_weight: (rows,), or ``None`` to count.
        classes: the labels in the order of the matrix, such as ``classes_`` of an estimator;
            ``None``: whole numbers are classes from 0 on, other labels are sorted.

    Raises:
        ValueError: if labels are no classes, or those of one are names, of the other numbers.

    Example:
        >>> import fastnn
        >>> fastnn.metrics.confusion_matrix([0, 1, 1], [0, 0, 1]).tolist()
        [[1.0, 0.0], [1.0, 1.0]]
        >>> fastnn.metrics.confusion_matrix(["dog", "cat"], ["cat", "cat"]).tolist()
        [[1.0, 0.0], [1.0, 0.0]]
    """
    known = _names_among(y_true, y_pred) if classes is None else np.asarray(classes)
    given = (("y_true", y_true), ("y_pred", y_pred))
    true, said = (_classes_of(name, values, known) for name, values in given)
    count = max(len(known), true.max(initial=-1) + 1, said.max(initial=-1) + 1)
    if np.ndim(y_pred) > 1:
        count = max(count, np.shape(y_pred)[-1])
    matrix = ConfusionMatrix()
    matrix.update_state(true, np.eye(max(count, 2))[said], sample_weight)
    found: Array = matrix.result()
    return found[: max(count, 1), : max(count, 1)]


def _labels(values: Any) -> Array | None:
    """Return labels (rows,); ``None`` of rows of scores."""
    array = np.asarray(values)
    if array.ndim > 1 and array.shape[-1] > 1:
        return None
    flat = array.reshape(len(array))
    return np.array(flat.tolist()) if flat.dtype.kind == "O" else flat


def _names_among(*given: Any) -> Array:
    """Return the labels, sorted, that are names; none if they are numbers."""
    labels = [each for each in map(_labels, given) if each is not None and each.dtype.kind in "US"]
    return np.unique(np.concatenate(labels)) if labels else np.array([])


def _classes_of(name: str, values: Any, known: Array) -> Array:
    """Return labels, or rows of scores, as numbers of the classes that are known, if any are."""
    flat = _labels(values)
    if flat is None:
        return np.asarray(np.argmax(values, -1))
    if not len(known):
        return _whole_numbers(name, flat)
    numbers = {label: at for at, label in enumerate(known.tolist())}
    strange = next((label for label in flat.tolist() if label not in numbers), None)
    if strange is not None:
        raise ValueError(
            f"confusion_matrix: {name} has the label {strange!r:.60}, which is none of the classes "
            f"{', '.join(map(repr, numbers))!s:.120}; fastnn.utils.class_labels names numbers"
        )
    return np.array([numbers[label] for label in flat.tolist()], np.int64)


def _whole_numbers(name: str, flat: Array) -> Array:
    """Return labels that are whole numbers from 0 on."""
    if flat.dtype.kind not in "biu" and not (flat == np.floor(flat)).all():
        raise ValueError(
            f"confusion_matrix: {name} must hold labels, whole numbers from 0 on, or a score for "
            "each class; of the probabilities p of one class give p > 0.5"
        )
    if flat.size and flat.min() < 0:
        raise ValueError(
            f"confusion_matrix: {name} has the label {flat.min()}, below 0; pass classes="
        )
    return flat.astype(np.int64)
