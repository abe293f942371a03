"""How a training goes: its losses and scores, when it ends, and how fast it steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from fastnn._typing import Array
from fastnn.callbacks import Callback
from fastnn.callbacks.base import Logs

__all__ = ["Progress", "Watch"]

_SLOWEST = 1e-6  # a rate that is not divided any more, as in scikit-learn


@dataclass
class Progress:
    """What an estimator tells of its training, in attributes of these names and an underscore.

    Attributes:
        n_iter: epochs of the last fit.
        t: samples that were learned from, each as often as it was.
        loss: of the last epoch.
        loss_curve: of each epoch.
        best_loss: the least of them.
        validation_scores: after each epoch, where there was something to measure on.
        best_validation_score: the largest of them.
        no_improvement_count: epochs since the last one that was better.
    """

    n_iter: int = 0
    t: int = 0
    loss: float = math.nan
    loss_curve: list[float] = field(default_factory=list)
    best_loss: float = math.inf
    validation_scores: list[float] | None = None
    best_validation_score: float | None = None
    no_improvement_count: int = 0

    @classmethod
    def of(cls, estimator: Any) -> Progress:
        """Return the progress that an estimator tells of, as far as it does."""
        told: dict[str, Any] = {e.name: getattr(estimator, f"{e.name}_", None) for e in fields(cls)}
        lists = {name: list(each) for name, each in told.items() if isinstance(each, list)}
        return cls(**{name: each for name, each in (told | lists).items() if each is not None})

    def tell(self, estimator: Any) -> None:
        """Let an estimator tell of it."""
        for each in fields(self):
            setattr(estimator, f"{each.name}_", getattr(self, each.name))


class Watch(Callback):
    """Ends a training as scikit-learn's networks do, when nothing has got better for a while.

    Args:
        progress: what is known so far; it is carried on.
        estimator: whose parameters say what is better, and for how long to wait.
        rows: samples of an epoch.
        share: what a loss is multiplied by before the penalty is added.
        score: returns the score on other data; ``None`` if there is none.
    """

    def __init__(
        self,
        progress: Progress,
        estimator: Any,
        rows: int,
        share: float,
        score: Callable[[], float] | None,
    ):
        self.progress, self._rows, self._share, self._score = progress, rows, share, score
        self._options = estimator.get_params(deep=False)
        self._by_score = bool(self._options["early_stopping"])
        self._best: list[Array] | None = None
        self.converged = False

    def get_state(self) -> dict[str, Any]:
        """Return what a backup of the training keeps."""
        return {"progress": asdict(self.progress), "best": self._best}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on as it was when ``get_state`` returned ``state``."""
        for name, value in state["progress"].items():
            setattr(self.progress, name, value)
        self._best = state["best"]

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Take note of an epoch, and look whether it is time to stop."""
        assert logs is not None
        progress = self.progress
        progress.n_iter += 1
        progress.t += self._rows
        penalty: float = logs.get("penalty", 0.0)
        data_loss: float = logs["data_loss"] if "data_loss" in logs else logs["loss"]
        better = self._note_loss(data_loss * self._share + penalty)
        if self._score is not None:
            logs["val_score"] = self._score()
            good = self._note_score(logs["val_score"])
            better = good if self._by_score else better
        progress.no_improvement_count = 0 if better else progress.no_improvement_count + 1
        self._scale_rate()
        if progress.no_improvement_count > self._options["n_iter_no_change"]:
            self._slow_down_or_stop()

    def on_train_end(self, logs: Logs = None) -> None:
        """Go back to the weights of the best score."""
        if self._best is not None:
            self.model.set_weights(self._best)

    def _note_loss(self, loss: float) -> bool:
        """Take note of a loss; return whether it is better than the best by ``tol``."""
        progress = self.progress
        better = not loss > progress.best_loss - self._options["tol"]
        progress.loss = loss
        progress.loss_curve.append(loss)
        progress.best_loss = min(progress.best_loss, loss)
        return better

    def _note_score(self, score: float) -> bool:
        """Take note of a score; return whether it is better than the best by ``tol``."""
        progress = self.progress
        progress.validation_scores = [*(progress.validation_scores or ()), score]
        best = progress.best_validation_score
        best = -math.inf if best is None else best
        if score > best:
            progress.best_validation_score = score
            if self._by_score:
                self._best = self.model.get_weights()
        return not score < best + self._options["tol"]

    def _scale_rate(self) -> None:
        if self._options["learning_rate"] == "invscaling":
            first, power = self._options["learning_rate_init"], self._options["power_t"]
            self._set_rate(first / (self.progress.t + 1) ** power)

    def _slow_down_or_stop(self) -> None:
        """Take a fifth of the rate if it is adaptive and not yet small, else stop."""
        optimizer = self.model.optimizer
        assert optimizer is not None
        rate = float(optimizer.learning_rate)
        if self._options["learning_rate"] != "adaptive" or rate <= _SLOWEST:
            self.converged = self.model.stop_training = True
            return
        self._set_rate(rate / 5)
        self.progress.no_improvement_count = 0

    def _set_rate(self, rate: float) -> None:
        optimizer = self.model.optimizer
        assert optimizer is not None
        optimizer.learning_rate = rate
