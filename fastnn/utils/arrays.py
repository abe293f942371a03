"""Labels and sequences in the form that models take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn._checks import count
from fastnn._typing import Array
from fastnn.data.arrays import as_array
from fastnn.errors import LabelError

__all__ = ["pad_sequences", "to_categorical"]


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[np.float64]:
    """Returns labels as one-hot rows.

    Args:
        x: labels, whole numbers from 0, of any shape; a last axis of one is dropped.
        num_classes: how many classes; ``None`` is one more than the largest label.

    Returns:
        ``(*x.shape, num_classes)``, 0 and 1.

    Raises:
        LabelError: a label is negative, not whole, or no class.

    Example:
        >>> to_categorical([2, 0], 3).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    labels = as_array("to_categorical", "x", x)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if num_classes is not None:
        count("to_categorical", "num_classes", num_classes)
    limit = np.inf if num_classes is None else num_classes
    wrong = ~((labels == np.floor(labels)) & (labels >= 0) & (labels < limit))
    if wrong.any():
        known = (
            "of 0, 1, 2, ..." if num_classes is None else f"of {limit} classes, 0 to {limit - 1}"
        )
        raise LabelError(
            f"to_categorical: label {labels[wrong][0]} is none {known}; class_ids numbers labels "
            "of any kind"
        )
    largest = int(labels.max()) if labels.size else -1  # an initial -1 is none of uint8's
    classes = largest + 1 if num_classes is None else num_classes
    return np.eye(classes)[labels.astype(np.int64)]


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> Array:
    """Returns sequences of several lengths as one array.

    Args:
        sequences: lists of numbers, or of arrays of one shape.
        maxlen: the length; ``None`` is that of the longest.
        dtype: of the array.
        padding: ``"pre"`` or ``"post"``: where short ones are filled up.
        truncating: ``"pre"`` or ``"post"``: where long ones lose what is too much.
        value: what they are filled up with.

    Returns:
        ``(sequences, maxlen, ...)``.

    Raises:
        ValueError: ``padding`` or ``truncating`` is something else, or parts differ in shape.

    Example:
        >>> pad_sequences([[1, 2, 3], [4]], maxlen=2).tolist()
        [[2, 3], [0, 4]]
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ValueError(f"pad_sequences: {name} must be 'pre' or 'post', got {side!r}"[:300])
    arrays = [np.asarray(each) for each in sequences]
    if any(each.ndim == 0 for each in arrays):
        raise ValueError("pad_sequences: sequences must be a list of lists, got one of numbers")
    shapes = {each.shape[1:] for each in arrays if len(each)} or {()}
    if len(shapes) > 1:
        raise ValueError(f"pad_sequences: parts of sequences differ in shape: {sorted(shapes)}")
    longest = max(map(len, arrays), default=0)
    length = longest if maxlen is None else count("pad_sequences", "maxlen", maxlen, least=1)
    out = np.full((len(arrays), length, *shapes.pop()), value, dtype)
    for row, each in zip(out, arrays, strict=True):
        kept = each[-length:] if truncating == "pre" else each[:length]
        if len(kept) and padding == "pre":
            row[-len(kept) :] = kept
        elif len(kept):
            row[: len(kept)] = kept
    return out
