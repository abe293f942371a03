"""A callback that saves the model while it trains."""

from __future__ import annotations

import os
from string import Formatter
from typing import Any

from fastnn._checks import count, flag, number, path
from fastnn.callbacks.base import Logs
from fastnn.callbacks.display import announce
from fastnn.callbacks.monitor import MonitorCallback

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model after each epoch, after so many batches, or whenever it got better.

    A file is written whole or not at all, so that a training that is killed leaves a good one.

    Args:
        filepath: the file; ``{epoch:02d}``, counted from 1, ``{batch}`` and names in the logs such
            as ``{val_loss:.3f}`` are filled in.  Folders are made.
        monitor: the number that tells which model is best.
        verbose: 1 says so.
        save_best_only: whether to save only when ``monitor`` got better.
        save_weights_only: whether to save by ``model.save_weights`` instead of ``model.save``.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` if the name tells.
        save_freq: ``"epoch"``, or a number of batches, counted over epochs.
        initial_value_threshold: what the first number has to be better than.

    Raises:
        ValueError: if the braces in ``filepath`` do not match or are empty; before the first epoch,
            if the model cannot be saved; after it, if the logs do not have a name in the braces.

    Example:
        >>> import fastnn, os, tempfile
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "after-{epoch:02d}.fastnn")
        >>> save = fastnn.callbacks.ModelCheckpoint(path)
        >>> _ = model.fit([[0.0]], [0.0], epochs=2, verbose=0, callbacks=[save])
        >>> sorted(os.listdir(folder.name))
        ['after-01.fastnn', 'after-02.fastnn']
        >>> folder.cleanup()
    """

    first_rank_only = True

    kept = ("best", "_epoch", "_batches")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ):
        if initial_value_threshold is not None:
            number("ModelCheckpoint", "initial_value_threshold", initial_value_threshold)
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = _pattern(path("ModelCheckpoint", "filepath", filepath))
        self.verbose = verbose
        self.save_best_only = flag(type(self).__name__, "save_best_only", save_best_only)
        self.save_weights_only = flag(type(self).__name__, "save_weights_only", save_weights_only)
        self.save_freq: str | int = save_freq
        if not isinstance(save_freq, str) or save_freq != "epoch":
            self.save_freq = count("ModelCheckpoint", "save_freq", save_freq, least=1)
            # so that an epoch stays one call where nobody asks for batches
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]
        self._epoch = self._batches = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        """Refuse a model that could not be saved, before it is trained."""
        from fastnn import saving  # slow to import
        from fastnn.interchange import formats

        formats.refuse_suffix("ModelCheckpoint", self.filepath, weights=self.save_weights_only)
        if self.save_weights_only:
            return
        try:
            saving.require_describable(self.model)
        except (NotImplementedError, TypeError, ValueError) as error:
            mend = "save_weights_only=True saves its weights"
            raise ValueError(f"ModelCheckpoint: {str(error)[:300]}; {mend}") from error

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remember the epoch's number."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Save, if it is done by epochs."""
        if self.save_freq == "epoch":
            self._consider(logs or {})

    def _after_batch(self, batch: int, logs: Logs = None) -> None:
        self._batches += 1
        if self._batches == self.save_freq:
            self._batches = 0
            self._consider({"batch": batch + 1, **(logs or {})})

    def _consider(self, logs: dict[str, Any]) -> None:
        """Save if the model is good enough."""
        path = self._path(logs)
        if not self.save_best_only:
            self._save(path, "")
            return
        value, best = self.current(logs), self.best
        if value is None or self.is_improvement(value, best):
            self.best = best if value is None else value
            self._save(path, f"{self.monitor} went from {best} to {value}, ")
        elif self.verbose:
            announce(f"Epoch {self._epoch + 1}: {self.monitor} was not better than {best}")

    def _save(self, path: str, why: str) -> None:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            announce(f"Epoch {self._epoch + 1}: {why}saved as {path}")

    def _path(self, logs: dict[str, Any]) -> str:
        try:
            return self.filepath.format(**{"epoch": self._epoch + 1, **logs})
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"ModelCheckpoint: the filepath {self.filepath[:100]!r} cannot be filled in "
                f"({error}); there are epoch, {', '.join(logs)}"[:400]
            ) from None


def _pattern(filepath: str) -> str:
    """Return ``filepath`` if what it has in braces are names."""
    try:
        fields = [field for _, field, _, _ in Formatter().parse(filepath) if field is not None]
    except ValueError:
        fields = [""]
    if not all(field[:1].isidentifier() for field in fields):
        raise ValueError(
            f"ModelCheckpoint: the filepath {filepath[:100]!r} has braces without a name; write "
            "{epoch:02d} or {val_loss:.3f}, and {{ for a brace"
        )
    return filepath
