"""How good a model with a schema is: metrics, and for classes which it takes for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.data.schema import Target
from fastnn.explain import aligned

__all__ = ["Scores", "of"]

_WIDEST = 12  # classes of a matrix that fits on a terminal


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
        return {"scores": self.metrics, "baseline": self.baseline, "confusion": matrix}

    @property
    def is_of_no_use(self) -> bool:
        """Whether the answer that is the same for all rows is as good."""
        if "rmse" in self.baseline:
            return self.metrics["rmse"] >= self.baseline["rmse"]
        beaten = self.metrics["accuracy"] > self.baseline["accuracy"]
        return not beaten and (self.confusion is None or not _tells_apart(self.confusion))

    def text(self, where: str) -> str:
        """Return it for people.

        Args:
            where: which rows these are.
        """
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        lines = [f"{self.rows:,} rows {where}: {numbers}"]
        constant = "  ".join(f"{name} {value:.4g}" for name, value in self.baseline.items())
        lines.append(f"baseline, the same answer for all of them: {constant}")
        if self.is_of_no_use:
            lines.append("the model is no better than the same answer for all")
        if self.confusion is not None:
            lines += self._matrix()
        return "\n".join(lines)

    def _matrix(self) -> list[str]:
        """Return precision and recall of each class, and which it was taken for."""
        assert self.confusion is not None
        (classes,) = self.target.classes
        counts = self.confusion
        right, given, true = counts.diagonal(), counts.sum(axis=0), counts.sum(axis=1)
        wide = len(classes) > _WIDEST
        titles = [self.target.names[0], "rows", "precision", "recall"]
        titles += [] if wide else [f"-> {each:.12}" for each in classes]
        rows = [
            [f"{name:.24}", f"{true[i]:.0f}", _ratio(right[i], given[i]), _ratio(right[i], true[i])]
            + ([] if wide else [f"{each:.0f}" for each in counts[i]])
            for i, name in enumerate(classes)
        ]
        return aligned([titles, *rows], set(range(1, len(titles))))


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
    confusion = None
    if target.task in ("binary", "classes"):
        confusion = _confusion(target, outputs, y)
    metrics = {name: float(value) for name, value in found.items() if np.ndim(value) == 0}
    baseline = _baseline(target, y)
    if confusion is not None:
        recalls, _ = _recalls(confusion)
        metrics["balanced_accuracy"] = float(recalls.mean())
        baseline["balanced_accuracy"] = 1 / len(recalls)
    return Scores(target, len(x), metrics, baseline, confusion, outputs, y)


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
