"""Data that ships with the package, and how to hold a part of it out.

Invariant: what a function here returns depends on its arguments alone, not on NumPy's version, on
its global random state or on the machine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["load_digits", "train_test_split"]


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Loads 1,797 images of handwritten digits, the test set of UCI's optical recognition data.

    The same images in the same order as `sklearn.datasets.load_digits`, with the channel axis that
    `Conv2D` wants.  E. Alpaydin and C. Kaynak, CC BY 4.0; see `fastnn/data/digits.txt`.

    Returns:
        `(x, y)`.  `x: (1797, 8, 8, 1)`, uint8, 0 to 16, the darkest; `y: (1797,)`, int64, 0 to 9.

    Example:
        >>> x, y = load_digits()
        >>> x.shape, y[:10].tolist()
        ((1797, 8, 8, 1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    from importlib.resources import files  # slow to import

    path = files("fastnn") / "data" / "digits.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
        return data["x"], data["y"]


def train_test_split(
    x: ArrayLike,
    y: ArrayLike,
    test_size: float | int = 0.2,
    stratify: bool = True,
    seed: int = 0,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Splits rows at random into a part to train on and a part to test on.

    Args:
        x: `(rows, ...)`, the inputs.
        y: `(rows,)` labels, or `(rows, ...)` one-hot or other targets.
        test_size: share of the rows to hold out, in (0, 1), rounded up to whole rows; or their
            number.
        stratify: whether every class gives the same share, to within one row.  Rows are of one
            class if their `y` is equal, so pass False for regression.
        seed: whole number >= 0; the same seed gives the same split everywhere.

    Returns:
        `(x_train, x_test, y_train, y_test)`, copies, each part in random order.

    Raises:
        ValueError: `x` and `y` differ in length, a part would be empty, or `stratify` meets targets
            that are not classes.

    Example:
        >>> x, y = load_digits()
        >>> x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2)
        >>> len(x_train), len(x_test)
        (1437, 360)
        >>> np.bincount(y_test).tolist()
        [35, 37, 35, 37, 36, 37, 36, 36, 35, 36]
    """
    x, y = np.asarray(x), np.asarray(y)
    count = _test_rows(x, y, test_size)
    # Raw words, because NumPy promises those for good (NEP 19), and permutations it does not.
    words = np.random.Philox(key=seed).random_raw(len(y) + 1)
    shuffled = np.argsort(words[:-1], kind="stable")
    if stratify:
        held = _spread(shuffled[np.argsort(_classes(y)[shuffled], kind="stable")], count, words[-1])
    else:
        held = shuffled[:count]
    in_test = np.zeros(len(y), dtype=bool)
    in_test[held] = True
    train, test = shuffled[~in_test[shuffled]], shuffled[in_test[shuffled]]
    return x[train], x[test], y[train], y[test]


def _test_rows(x: NDArray[Any], y: NDArray[Any], test_size: float | int) -> int:
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ValueError(f"train_test_split: x {x.shape} and y {y.shape} must have as many rows")
    whole = isinstance(test_size, (int, np.integer)) and not isinstance(test_size, bool)
    if not whole and not 0 < test_size < 1:
        raise ValueError(
            f"train_test_split: test_size is a share in (0, 1) or a number of rows, got {test_size}"
        )
    count = int(test_size) if whole else math.ceil(test_size * len(y))
    if not 0 < count < len(y):
        raise ValueError(f"train_test_split: {count} of {len(y)} rows held out leaves a part empty")
    return count


def _classes(y: NDArray[Any]) -> NDArray[np.intp]:
    if y.dtype.kind == "f" and y.ndim == 1 and np.any(y != np.rint(y)):
        raise ValueError(
            "train_test_split: y has fractions, so it names no classes; pass stratify=False"
        )
    # return_inverse has had two shapes among NumPy's versions when axis is given.
    return np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)


def _spread(rows: NDArray[np.intp], count: int, offset: int) -> NDArray[np.intp]:
    """Picks `count` rows at even distances: each class, a stretch of rows, gets its share."""
    total = len(rows)
    return rows[(np.arange(count) * total + int(offset) % total) // count]
