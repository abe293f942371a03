"""What the curves of a classifier are made of: rates at each threshold, and shares in each bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn.plots.figures import class_names_of
from fastnn.utils.labels import numbered

__all__ = ["Bins", "Judged", "Rates", "bins", "judged", "rates"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Samples of which each is of a class or not, and how much a model thinks so.

    Attributes:
        name: the class's, empty where there is one.
        is_true: ``(rows,)``, 0 or 1.
        score: ``(rows,)``.
    """

    name: str
    is_true: NDArray[np.bool_]
    score: Numbers


def judged(
    who: str, y_true: ArrayLike, scores: ArrayLike, class_names: Sequence[Any] | None
) -> list[Judged]:
    """Return what is to be judged: one class of two, or each of several against the others.

    Args:
        who: the picture, for messages.
        y_true: labels ``(rows,)``, numbers or names, or 0 and 1 for each class, ``(rows,
            classes)``.
        scores: ``(rows,)`` of class 1, or ``(rows, classes)``.
        class_names: names of the classes, or ``None``.

    Raises:
        ValueError: shapes do not fit, or a score is NaN.
    """
    score = np.asarray(scores, np.float64)
    true, class_names = numbered(who, y_true, class_names)
    score = score[:, None] if score.ndim == 1 else score
    true = true[:, None] if true.ndim == 1 else true
    if score.ndim != 2 or true.ndim != 2 or len(score) != len(true) or not len(score):
        raise ValueError(
            f"{who}: expected labels (rows,) and scores (rows,) or (rows, classes), got shapes "
            f"{np.shape(y_true)} and {np.shape(scores)}"
        )
    if np.isnan(score).any():
        raise ValueError(f"{who}: the score of row {np.isnan(score).any(1).argmax()} is NaN")
    return _by_class(who, true, score, class_names)


def _by_class(
    who: str, true: NDArray[Any], score: Numbers, class_names: Sequence[Any] | None
) -> list[Judged]:
    classes = max(score.shape[1], 2)
    if true.shape[1] == 1:
        labels = true[:, 0]
        wrong = ~np.isin(labels, np.arange(classes))
        if wrong.any():
            raise ValueError(
                f"{who}: labels must be whole numbers from 0 to {classes - 1}, got "
                f"{labels[wrong][0]!s:.40} in row {wrong.argmax()}"
            )
        true = labels[:, None] == np.arange(classes)
    elif true.shape != score.shape or not np.isin(true, (0, 1)).all():
        raise ValueError(
            f"{who}: y_true of shape {true.shape} must hold 0 or 1 for each score, whose shape is "
            f"{score.shape}"
        )
    names = class_names_of(who, class_names, classes)
    if score.shape[1] <= 2 and (true.sum(1) == 1).all():  # the second class says it all
        name = names[1] if class_names is not None else ""
        return [Judged(name, true[:, 1].astype(bool), score[:, -1])]
    columns = range(score.shape[1])
    return [Judged(names[k], true[:, k].astype(bool), score[:, k]) for k in columns]


@dataclass(frozen=True)
class Rates:
    """What comes of each threshold, the highest first.

    Attributes:
        false_positive: ``fp / (fp + tn)``, from 0 to 1.
        true_positive: ``tp / (tp + fn)``, from 0 to 1; the recall.
        precision: ``tp / (tp + fp)``, beside each recall but the first.
    """

    false_positive: Numbers
    true_positive: Numbers
    precision: Numbers

    @property
    def area(self) -> float:
        """The area under true over false positives, by trapezia: what ties would give."""
        x, y = self.false_positive, self.true_positive
        return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())

    @property
    def average_precision(self) -> float:
        """The area under the steps of precision over recall."""
        return float((np.diff(self.true_positive) * self.precision).sum())


def rates(who: str, samples: Judged) -> Rates:
    """Return the rates at each threshold that tells samples apart.

    Raises:
        ValueError: all samples are of the class, or none is.
    """
    positive, every = int(samples.is_true.sum()), len(samples.is_true)
    if not 0 < positive < every:
        raise ValueError(
            f"{who}: class {samples.name or 1}: expected samples that are of it and samples that "
            f"are not, got {positive} of {every}"
        )
    order = np.argsort(-samples.score, kind="stable")
    score, hits = samples.score[order], samples.is_true[order].cumsum()
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))  # of equal scores
    tp = hits[last].astype(np.float64)
    said = last + 1.0
    fp = said - tp
    start = np.zeros(1)
    return Rates(
        np.concatenate([start, fp / (every - positive)]),
        np.concatenate([start, tp / positive]),
        tp / said,
    )


@dataclass(frozen=True)
class Bins:
    """Samples put together by what was said of them; bins without samples are left out.

    Attributes:
        said: the mean probability that was said.
        true: the share that it was true of.
        rows: how many samples.
    """

    said: Numbers
    true: Numbers
    rows: NDArray[np.int64]

    @property
    def error(self) -> float:
        """The mean distance of said and true over all samples."""
        return float((abs(self.said - self.true) * self.rows).sum() / self.rows.sum())


def bins(samples: Judged, count: int) -> Bins:
    """Return ``count`` bins of equal width; probabilities are from 0 to 1."""
    at = np.minimum((samples.score * count).astype(int), count - 1)
    rows = np.bincount(at, minlength=count)
    full = rows > 0
    said, true = (
        np.bincount(at, weights, count)[full] / rows[full]
        for weights in (samples.score, samples.is_true.astype(np.float64))
    )
    return Bins(said, true, rows[full])
