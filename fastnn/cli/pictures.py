"""Pictures of a training and of what came of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnn import plots
from fastnn.cli.scores import Scores

__all__ = ["report", "result"]


def report(history: Any, scores: Scores) -> Any:
    """Return a figure of the losses, epoch by epoch, beside the result."""
    losses = history.history
    figure, (left, right) = plots.panels("loss", _title(scores), width=5.0, height=4.0)
    epochs = np.arange(1, len(losses["loss"]) + 1)
    for name, label in (("loss", "training"), ("val_loss", "held out")):
        if name in losses:
            left.plot(epochs, losses[name], label=label, marker="o" if len(epochs) == 1 else None)
    left.set_xlabel("epoch")
    left.set_yscale("log")
    left.legend(frameon=False, fontsize=8)
    _draw(right, scores)
    return figure


def result(scores: Scores) -> Any:
    """Return a figure of what was told against what is so."""
    figure, (panel,) = plots.panels(_title(scores), width=5.0, height=4.5)
    _draw(panel, scores)
    return figure


def _title(scores: Scores) -> str:
    best = "r2" if "r2" in scores.metrics else "accuracy"
    return f"{scores.rows:,} rows: {best} {scores.metrics[best]:.3f}"


def _draw(panel: Any, scores: Scores) -> None:
    if scores.confusion is not None:
        _draw_confusion(panel, scores)
    elif scores.target.task == "numbers":
        _draw_numbers(panel, scores)
    else:
        right = ((scores.outputs > 0.5) == scores.y).mean(axis=0)
        panel.barh(range(len(right)), right)
        panel.set_yticks(range(len(right)), scores.target.names)
        panel.set_xlabel("share of right answers")


def _draw_confusion(panel: Any, scores: Scores) -> None:
    counts, (classes,) = scores.confusion, scores.target.classes
    assert counts is not None
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 20:
        names = [f"{each:.12}" for each in classes]
        panel.set_xticks(range(len(classes)), names, rotation=45, ha="right")
        panel.set_yticks(range(len(classes)), names)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            panel.text(
                column, row, f"{count:.0f}", ha="center", va="center", color=color, fontsize=7
            )
    panel.grid(False)
    panel.set_xlabel("told")
    panel.set_ylabel(scores.target.names[0])


def _draw_numbers(panel: Any, scores: Scores) -> None:
    for place, name in enumerate(scores.target.names):
        panel.scatter(scores.y[:, place], scores.outputs[:, place], s=8, alpha=0.5, label=name)
    ends = [min(scores.y.min(), scores.outputs.min()), max(scores.y.max(), scores.outputs.max())]
    panel.plot(ends, ends, color="#444444", linewidth=0.8)
    panel.set_xlabel("so it is")
    panel.set_ylabel("told")
    if len(scores.target.names) > 1:
        panel.legend(frameon=False, fontsize=8)
