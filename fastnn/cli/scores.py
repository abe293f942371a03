"""How good a model with a schema is: metrics, and for classes which it takes for which."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import starmap
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.cli.output import counted, shortened
from fastnn.data.schema import Target
from fastnn.explain import aligned
from fastnn.losses import MeanSquaredError

__all__ = ["Scores", "of"]

#: The best answer that is the same for all rows, by task.
_CONSTANT = {
    "numbers": "always the mean",
    "binary": "always the most frequent class",
    "classes": "always the most frequent class",
    "labels": "always what is more frequent",
}

_OF_DIFFERENT = ("r2", "auc")  # which are not defined where all that is true is the same

_RARE = 0.8  # of the rows that a class has in the mean

_WIDEST = 12  # classes of a matrix that fits on a terminal

_LONG, _SHORT = 24, 12  # letters of a name before a row, and above a column


@dataclass
class Scores:
    """What a model was found to be worth.

    Attributes:
        target: what it tells.
        rows: on how many rows.
        metrics: loss and metrics, by name.
        baseline: the same of an answer that is the same for all rows.
        confusion: how often a row of class i was taken for class j; of one target of classes.
        outputs: what the model gave.
        y: what it should have given.
    """

    target: Target
    rows: int
    metrics: dict[str, float]
    baseline: dict[str, float]
    confusion: Array | None
    outputs: Array
    y: Array

    def facts(self) -> dict[str, Any]:
        """Return what JSON tells of it."""
        matrix = None if self.confusion is None else self.confusion.astype(int)
        found = {"scores": self.metrics, "baseline": self.baseline, "by_target": self.by_target}
        return {**found, "confusion": matrix}

    @cached_property
    def by_target(self) -> dict[str, dict[str, float]]:
        """What the answers to each of several targets are worth, which may be in different units.

        A baseline is the worth of the best answer that is the same for all rows.
        """
        names = self.target.names
        if len(names) < 2:
            return {}
        columns = zip(names, self.outputs.T, self.y.T, strict=True)
        worth = _of_numbers if self.target.task == "numbers" else _of_label
        return {name: worth(given, y) for name, given, y in columns}

    @property
    def is_of_no_use(self) -> bool:
        """Whether the answer that is the same for all rows is as good."""
        if self.target.task == "numbers":
            each = self.by_target.values() or [{**self.metrics, "baseline": self.baseline["rmse"]}]
            return all(worth["rmse"] >= worth["baseline"] for worth in each)
        if self._is_more_often_right or self.confusion is None:
            return not self._is_more_often_right
        return not (_tells_apart(self.confusion) or self._ranks)

    @property
    def _is_more_often_right(self) -> bool:
        return self.metrics["accuracy"] > self.baseline["accuracy"]

    @property
    def _ranks(self) -> bool:
        """Whether the area under the ROC curve is above that of guessing by more than two standard
        errors, as Hanley and McNeil (1982) give them for an area of one half."""
        area = self.metrics.get("auc", math.nan)
        if self.confusion is None or self.target.task != "binary" or math.isnan(area):
            return False
        no, yes = self.confusion.sum(axis=1)
        return bool(area - 0.5 > 2 * math.sqrt((no + yes + 1) / (12 * no * yes)))

    @property
    def _overlooks(self) -> bool:
        """Whether most rows of a rare class are missed by a model that could tell them."""
        if self.confusion is None or not self._ranks:
            return False
        recalls, rows = _recalls(self.confusion)
        return bool((recalls[rows < _RARE * rows.mean()] < 0.5).any())

    def text(self, where: str, weighed: bool = False) -> str:
        """Return it for people.

        Args:
            where: which rows these are.
            weighed: whether classes were weighed in the training.
        """
        rows = counted(self.rows, "row")
        if self.by_target:
            lines = [f"{rows} {where}:", *self._targets()]
        else:
            lines = [f"{rows} {where}: {_line(self.metrics)}"]
            lines.append(f"baseline, {_CONSTANT[self.target.task]}: {_line(self.baseline)}")
        if self.is_of_no_use:
            lines.append("the model is no better than the baseline")
        if self._overlooks and not weighed:
            lines.append(
                "the model ranks the rows better than chance (auc), and finds less than half of a "
                "rare class; --class-weight balanced weighs it up"
            )
        if self.confusion is not None:
            lines += self._matrix()
        return "\n".join(lines)

    def _targets(self) -> list[str]:
        """Return what is found of each target."""
        titles = ["target", *next(iter(self.by_target.values()))]
        names = shortened([*self.by_target], _LONG)
        rows = [
            [name, *starmap(_shown, worth.items())]
            for name, worth in zip(names, self.by_target.values(), strict=True)
        ]
        return aligned([titles, *rows], set(range(1, len(titles))))

    def _matrix(self) -> list[str]:
        """Return precision and recall of each class, and which it was taken for."""
        assert self.confusion is not None
        (classes,) = self.target.classes
        counts = self.confusion
        right, given, true = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
        wide = len(classes) > _WIDEST
        titles = [self.target.names[0], "rows", "precision", "recall"]
        titles += [] if wide else [f"-> {each}" for each in shortened(classes, _SHORT)]
        rows = [
            [name, f"{true[i]:.0f}", _ratio(right[i], given[i]), _ratio(right[i], true[i])]
            + ([] if wide else [f"{each:.0f}" for each in counts[i]])
            for i, name in enumerate(shortened(classes, _LONG))
        ]
        return aligned([titles, *rows], set(range(1, len(titles))))


def _line(worth: dict[str, float]) -> str:
    return "  ".join(f"{name} {_shown(name, value)}" for name, value in worth.items())


def _shown(name: str, value: float) -> str:
    """Return a score as text."""
    return "undefined" if name in _OF_DIFFERENT and math.isnan(value) else f"{value:.4g}"


def _of_numbers(given: Array, y: Array) -> dict[str, float]:
    squares, spread = float(((given - y) ** 2).mean()), float(y.var())
    r2 = 1 - squares / spread if np.ptp(y) and spread else math.nan
    mae = float(np.abs(given - y).mean())
    return {"mae": mae, "rmse": math.sqrt(squares), "baseline": math.sqrt(spread), "r2": r2}


def _of_label(given: Array, y: Array) -> dict[str, float]:
    share = float(y.mean())
    accuracy = float(((given > 0.5) == y).mean())
    return {"accuracy": accuracy, "baseline": max(share, 1 - share)}


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.3f}" if whole else "-"


def _recalls(confusion: Array) -> tuple[Array, Array]:
    """Return the share of each class that was found, and its rows, of the classes that have any."""
    rows = confusion.sum(axis=1)
    known = rows > 0
    return confusion.diagonal()[known] / rows[known], rows[known]


def _tells_apart(confusion: Array) -> bool:
    """Return whether the mean recall is above that of guessing by more than two standard errors."""
    recalls, rows = _recalls(confusion)
    error = np.sqrt((recalls * (1 - recalls) / rows).sum()) / len(rows)
    return bool(recalls.mean() - 1 / len(rows) > 2 * error)


def of(model: Any, x: Array, y: Array) -> Scores:
    """Return the scores of a model that has a schema.

    Args:
        model: compiled.
        x: samples.
        y: targets as its loss takes them.
    """
    target: Target = model.schema.target
    outputs = np.asarray(model.predict(x), np.float64)
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    metrics = {name: float(value) for name, value in found.items() if np.ndim(value) == 0}
    baseline, confusion = _baseline(target, y), None
    if target.task == "numbers":
        squared = isinstance(model.loss, MeanSquaredError) and not model.losses
        metrics.update(_errors(outputs, y, squared))
    elif target.task == "labels":
        metrics.setdefault("accuracy", float(((outputs > 0.5) == y).mean()))
    else:
        confusion = _confusion(target, outputs, y)
        metrics.setdefault("accuracy", float(confusion.trace() / confusion.sum()))
        recalls, _ = _recalls(confusion)
        metrics["balanced_accuracy"] = float(recalls.mean())
        baseline["balanced_accuracy"] = 1 / len(recalls)
        if "auc" in metrics:
            metrics["auc"] = _auc(outputs[:, -1], y.reshape(-1) > 0)
    return Scores(target, len(x), metrics, baseline, confusion, outputs, y)


def _auc(scores: Array, is_true: Array) -> float:
    """Return the exact area under the ROC curve; ``metrics.AUC``, which
    counts batch by batch, has thresholds, all of which may be above the scores of a rare class."""
    from fastnn.plots.rates import Judged, rates

    if is_true.all() or not is_true.any():
        return math.nan
    return rates("evaluate", Judged("", is_true, scores)).area


def _errors(given: Array, y: Array, squared: bool) -> dict[str, float]:
    """Return metrics of numbers in float64: the squares of their errors may be too small for
    float32, and targets too large for it to tell them apart.

    Args:
        given: what the model gave.
        y: what it should have given.
        squared: whether the loss is the mean of squares alone.
    """
    each = [_of_numbers(*columns) for columns in zip(given.T, y.T, strict=True)]
    mae, r2 = (_mean([worth[name] for worth in each]) for name in ("mae", "r2"))
    squares = float(((given - y) ** 2).mean())
    loss = {"loss": squares} if squared else {}
    return {**loss, "mae": mae, "rmse": math.sqrt(squares), "r2": r2}


def _mean(values: list[float]) -> float:
    """Return the mean of those that are defined, of several targets."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def _confusion(target: Target, outputs: Array, y: Array) -> Array:
    n = len(target.classes[0])
    predicted = outputs.argmax(axis=1) if target.task == "classes" else outputs[:, 0] > 0.5
    pairs = y.reshape(-1).astype(int) * n + predicted
    return np.bincount(pairs, minlength=n * n).reshape(n, n)


def _baseline(target: Target, y: Array) -> dict[str, float]:
    """Return what the best constant answer is worth: the most frequent class, or the mean."""
    if target.task == "numbers":
        gap = y - y.mean(axis=0)
        return {"mae": float(np.abs(gap).mean()), "rmse": float(np.sqrt((gap**2).mean()))}
    if target.task == "labels":
        share = y.mean(axis=0)
        return {"accuracy": float(np.maximum(share, 1 - share).mean())}
    return {"accuracy": float(np.bincount(y.reshape(-1).astype(int)).max() / len(y))}
