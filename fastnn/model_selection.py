"""How to hold a part of the data out: once, or fold by fold.

Invariant: what is drawn here depends on the arguments alone, not on NumPy's version, on its global
random state or on the machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn._checks import count, flag
from fastnn._warnings import warn_caller
from fastnn.data.foreign import plain
from fastnn.naming import KnowingArguments, knowing_arguments, public

__all__ = ["KFold", "StratifiedKFold", "train_test_split"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

Rows = NDArray[np.intp]


class KFold(metaclass=KnowingArguments):
    """Parts rows into folds, each of which is held out once.

    The sizes are scikit-learn's: the first ``rows % n_splits`` folds have one row more.

    Args:
        n_splits: how many folds, 2 or more.
        shuffle: whether rows come to folds at random; else the first rows are the first fold.
        seed: whole number >= 0; the same seed gives the same folds everywhere.

    Example:
        >>> import numpy
        >>> for train, test in KFold(3).split(numpy.zeros(5)):
        ...     print(train, test)
        [2 3 4] [0 1]
        [0 1 4] [2 3]
        [0 1 2 3] [4]
    """

    def __init__(self, n_splits: int = 5, shuffle: bool = False, seed: int = 0):
        who = type(self).__name__
        self.n_splits = count(who, "n_splits", n_splits, least=2)
        self.shuffle = flag(type(self).__name__, "shuffle", shuffle)
        self.seed = count(who, "seed", seed)

    def get_n_splits(self, x: Any = None, y: Any = None) -> int:
        """Return the number of folds."""
        return self.n_splits

    def split(self, x: ArrayLike, y: ArrayLike | None = None) -> Iterator[tuple[Rows, Rows]]:
        """Yield, fold by fold, the rows to train on and the rows that are held out, both sorted.

        Args:
            x: ``(rows, ...)``, the inputs.
            y: ``(rows, ...)``, the targets.

        Raises:
            ValueError: if there are fewer rows than folds.
        """
        folds = self._folds(len(x), y)  # type: ignore[arg-type]
        return (
            (np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(self.n_splits)
        )

    def _folds(self, rows: int, y: ArrayLike | None) -> NDArray[np.intp]:
        """Return the fold of each row."""
        if rows < self.n_splits:
            raise ValueError(
                f"{type(self).__name__}: {self.n_splits} folds need as many rows, got {rows}; "
                "take fewer folds"
            )
        folds = np.empty(rows, np.intp)
        folds[self._order(rows, 0)] = np.arange(self.n_splits).repeat(
            [rows // self.n_splits + (k < rows % self.n_splits) for k in range(self.n_splits)]
        )
        return folds

    def _order(self, n: int, stream: int) -> NDArray[np.intp]:
        return _shuffled(n, self.seed, stream) if self.shuffle else np.arange(n)


class StratifiedKFold(KFold):
    """Parts rows into folds that have the same share of every class, to within one row.

    Sizes and shares are scikit-learn's.

    Args:
        n_splits: how many folds, 2 or more.
        shuffle: whether rows of a class come to folds at random; else in their order.
        seed: whole number >= 0; the same seed gives the same folds everywhere.

    Example:
        >>> import numpy
        >>> for train, test in StratifiedKFold(2).split(numpy.zeros(6), [0, 0, 0, 0, 1, 1]):
        ...     print(train, test)
        [2 3 5] [0 1 4]
        [0 1 4] [2 3 5]
    """

    def _folds(self, rows: int, y: ArrayLike | None) -> NDArray[np.intp]:
        """Return the fold of each row."""
        who = type(self).__name__
        if y is None:
            raise ValueError(f"{who}: y is missing; the classes are to be alike in all folds")
        labels = _classes(who, np.asarray(y))
        if len(labels) != rows:
            raise ValueError(f"{who}: x has {rows} rows, y has {len(labels)}; expected as many")
        sizes = np.bincount(labels)
        if sizes.max() < self.n_splits:
            raise ValueError(
                f"{who}: n_splits={self.n_splits} is more than the {sizes.max()} rows of the "
                "largest class; use fewer folds, or KFold for targets that name no classes"
            )
        if sizes.min() < self.n_splits:
            warn_caller(
                f"{who}: the smallest class has {sizes.min()} rows, fewer than the "
                f"{self.n_splits} folds; some folds are without it",
                UserWarning,
            )
        return self._deal(labels, len(sizes))

    def _deal(self, labels: NDArray[np.intp], classes: int) -> NDArray[np.intp]:
        """Deal sorted rows out to the folds in turn; how many of each class a fold has then, it
        gets of its rows, the first or any of them."""
        # classes are numbered by their first rows, as in scikit-learn
        first = np.unique(labels, return_index=True)[1]
        labels = np.argsort(np.argsort(first))[labels]
        dealt = [np.sort(labels)[k :: self.n_splits] for k in range(self.n_splits)]
        shares = np.array([np.bincount(each, minlength=classes) for each in dealt])
        folds = np.empty(len(labels), np.intp)
        for k in range(classes):
            own = np.flatnonzero(labels == k)
            folds[own[self._order(len(own), k)]] = np.arange(self.n_splits).repeat(shares[:, k])
        return folds


@knowing_arguments
def train_test_split(
    x: ArrayLike,
    y: ArrayLike,
    test_size: float | int = 0.2,
    stratify: bool | ArrayLike | None = True,
    seed: int = 0,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Splits rows at random into a part to train on and a part to test on.

    Args:
        x: `(rows, ...)`, the inputs.
        y: `(rows,)` labels, or `(rows, ...)` one-hot or other targets.
        test_size: share of the rows to hold out, in (0, 1), rounded up to whole rows; or their
            number.
        stratify: whether every class gives the same share, to within one row.  Rows are of one
            class if their `y` is equal, so pass False for regression.  Or the class of each row,
            as in scikit-learn; `None` is False.
        seed: whole number >= 0; the same seed gives the same split everywhere.

    Returns:
        `(x_train, x_test, y_train, y_test)`, copies, each part in random order.

    Raises:
        ValueError: `x` and `y` differ in length, a part would be empty, or `stratify` meets targets
            that are not classes.

    Example:
        >>> import fastnn
        >>> x, y = fastnn.datasets.load_digits()
        >>> x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2)
        >>> len(x_train), len(x_test)
        (1437, 360)
        >>> np.bincount(y_test).tolist()
        [35, 37, 35, 37, 36, 37, 36, 36, 35, 36]
    """
    x, y = plain("train_test_split", "x", x), plain("train_test_split", "y", y)
    held_out = _test_rows(x, y, test_size)
    words = _words(len(y) + 1, seed)
    shuffled = np.argsort(words[:-1], kind="stable")
    labels = _strata(y, stratify)
    if labels is not None:
        classes = _classes("train_test_split", labels)[shuffled]
        held = _spread(shuffled[np.argsort(classes, kind="stable")], held_out, words[-1])
    else:
        held = shuffled[:held_out]
    in_test = np.zeros(len(y), dtype=bool)
    in_test[held] = True
    train, test = shuffled[~in_test[shuffled]], shuffled[in_test[shuffled]]
    return x[train], x[test], y[train], y[test]


def _strata(y: NDArray[Any], stratify: Any) -> NDArray[Any] | None:
    """Return what names the class of each row, if parts are to have the same share of each."""
    if stratify is None:
        return None
    who, labels = "train_test_split", plain("train_test_split", "stratify", stratify)
    if not labels.ndim:
        return y if flag(who, "stratify", stratify) else None
    if len(labels) != len(y):
        raise ValueError(
            f"{who}: stratify has {len(labels)} rows, y has {len(y)}; give the class of each row, "
            "or True for those of y"
        )
    return labels


def _test_rows(x: NDArray[Any], y: NDArray[Any], test_size: float | int) -> int:
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ValueError(f"train_test_split: x {x.shape} and y {y.shape} must have as many rows")
    if np.ndim(test_size):
        raise TypeError(
            "train_test_split: test_size is a number, got an array; it splits x and y; to split "
            "more arrays, split the numbers of their rows: numpy.arange(len(x)) in place of x"
        )
    whole = isinstance(test_size, (int, np.integer)) and not isinstance(test_size, bool)
    if not whole and not 0 < test_size < 1:
        raise ValueError(
            f"train_test_split: test_size is a share in (0, 1) or a number of rows, got {test_size}"
        )
    held = int(test_size) if whole else math.ceil(test_size * len(y))
    if not 0 < held < len(y):
        raise ValueError(f"train_test_split: {held} of {len(y)} rows held out leaves a part empty")
    return held


def _words(n: int, seed: int, stream: int = 0) -> NDArray[np.uint64]:
    """Return random words, because NumPy promises those for good (NEP 19), and permutations it
    does not."""
    return np.random.Philox(key=seed, counter=stream << 64).random_raw(n)


def _shuffled(n: int, seed: int, stream: int) -> NDArray[np.intp]:
    return np.argsort(_words(n, seed, stream), kind="stable")


def _classes(who: str, y: NDArray[Any]) -> NDArray[np.intp]:
    """Return the number of each row's class."""
    if y.dtype.kind == "f" and y.ndim == 1 and np.any(y != np.rint(y)):
        raise ValueError(
            f"{who}: y has fractions, which name no classes; for regression pass stratify=False, "
            "or use KFold"
        )
    # return_inverse has had two shapes among NumPy's versions when axis is given.
    return np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)


def _spread(rows: NDArray[np.intp], wanted: int, offset: int) -> NDArray[np.intp]:
    """Picks ``wanted`` rows at even distances: each class, a stretch of rows, gets its share."""
    total = len(rows)
    return rows[(np.arange(wanted) * total + int(offset) % total) // wanted]
