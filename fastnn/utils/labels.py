"""Labels as class numbers, and back; rows of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn._typing import Array
from fastnn.data.arrays import as_array
from fastnn.data.foreign import is_missing
from fastnn.errors import LabelError, ShapeError

__all__ = ["class_ids", "class_labels", "normalize", "numbered"]


def normalize(x: ArrayLike, axis: int = -1, order: float = 2) -> Array:
    """Return an array divided by its norms along an axis; zeros stay as they are.

    Args:
        x: any shape.
        axis: the axis along which norms are taken.
        order: of the norm: 2 is the root of the sum of squares, 1 the sum of absolute values.

    Example:
        >>> import fastnn
        >>> fastnn.utils.normalize([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    array = as_array("normalize", "x", x)
    if not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"normalize: x of shape {array.shape} has no axis {axis}")
    norm = np.linalg.norm(array, order, axis, keepdims=True)
    return np.asarray(array / np.where(norm == 0, 1, norm))


def class_ids(labels: ArrayLike, classes: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return labels as class numbers, and the label of each number.

    Args:
        labels: names or numbers, of any shape.
        classes: the labels in the order of their numbers; ``None``: all that there are, sorted.
            Give those of the training part for other parts.

    Returns:
        ``(ids, classes)``: int64 of the shape of ``labels``, with ``classes[ids] == labels``.

    Raises:
        LabelError: if a label is missing or none of ``classes``, or one stands there twice.

    Example:
        >>> import fastnn
        >>> ids, classes = fastnn.utils.class_ids(["dog", "cat", "dog"])
        >>> ids, classes
        (array([1, 0, 1]), array(['cat', 'dog'], dtype='<U3'))
    """
    given = np.asarray(labels)
    _refuse_missing(given)
    if classes is None:
        known, ids = np.unique(given, return_inverse=True)
        return ids.reshape(given.shape).astype(np.int64), known
    known = np.asarray(classes)
    if known.ndim != 1:
        raise ShapeError(f"class_ids: classes must be a list of labels, got shape {known.shape}")
    numbers: dict[Any, int] = {label: at for at, label in enumerate(known.tolist())}
    if len(numbers) != len(known):
        raise LabelError("class_ids: a label stands twice in classes")
    wrong = next((label for label in given.ravel().tolist() if label not in numbers), None)
    if wrong is not None:
        raise LabelError(f"class_ids: {wrong!r:.60} is none of the {len(known)} classes")
    found = [numbers[label] for label in given.ravel().tolist()]
    return np.array(found, np.int64).reshape(given.shape), known


def _refuse_missing(labels: Array) -> None:
    """Refuse ``None``, NaN and pandas's ``NA``, which no order has a place for."""
    if labels.dtype.kind in "OfM":
        gone = [at for at, each in enumerate(labels.ravel().tolist()) if is_missing(each)]
        if gone:
            raise LabelError(
                f"class_ids: labels are missing, {len(gone):,} of {labels.size:,}, first in place "
                f"{gone[0]:,}; drop them, or give them a name: labels.fillna('none') in pandas"
            )


def numbered(who: str, labels: ArrayLike, names: Any = None) -> tuple[Array, Any]:
    """Return labels as class numbers, and the names of the classes.

    Args:
        who: what has them, for messages.
        labels: class numbers, which stay as they are; or names.
        names: the classes' names in the order of their numbers; ``None``: those of ``labels``,
            sorted, if they are names.

    Raises:
        LabelError: if a label is none of the names.
    """
    array = np.asarray(labels)
    if array.dtype.kind == "O":  # a column of a data frame
        array = np.array(array.tolist())
    if array.dtype.kind in "biuf":
        return array, names
    try:
        return class_ids(array, names)
    except LabelError as error:
        raise LabelError(f"{who}: {str(error).removeprefix('class_ids: ')}") from None


def class_labels(ids: ArrayLike, classes: ArrayLike) -> Array:
    """Return the labels of class numbers, or of rows of probabilities or scores.

    Args:
        ids: whole numbers from 0 on, of any shape; or, if they are not whole numbers by type, rows
            (..., classes), of which the largest number counts.
        classes: the label of each number, as ``class_ids`` returned them.

    Raises:
        LabelError: if a number is no class.
        ShapeError: if rows have another length.

    Example:
        >>> import fastnn
        >>> fastnn.utils.class_labels([[0.1, 0.9], [0.8, 0.2]], ["cat", "dog"])
        array(['dog', 'cat'], dtype='<U3')
    """
    numbers, known = as_array("class_labels", "ids", ids), np.asarray(classes)
    if numbers.dtype.kind == "f":
        if numbers.ndim == 0 or numbers.shape[-1] != len(known):
            raise ShapeError(
                f"class_labels: expected rows of {len(known)} scores, got shape {numbers.shape}; "
                "class numbers have to be integers: ids.astype(int)"
            )
        numbers = numbers.argmax(-1)
    wrong = (numbers < 0) | (numbers >= len(known))
    if wrong.any():
        first = np.asarray(numbers)[wrong].flat[0]
        raise LabelError(f"class_labels: {first} is no class: expected 0 to {len(known) - 1}")
    return np.asarray(known[numbers])
