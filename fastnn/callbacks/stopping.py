"""Callbacks that end a training."""

from __future__ import annotations

from fastnn._checks import count, flag, number
from fastnn._typing import Array
from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.display import announce
from fastnn.callbacks.monitor import MonitorCallback
from fastnn.errors import NonFiniteError

__all__ = ["EarlyStopping", "TerminateOnNaN"]


class EarlyStopping(MonitorCallback):
    """Ends the training when a number has not got better for some epochs.

    Args:
        monitor: its name in the logs.
        min_delta: by how much a number has to be better to count, absolute.
        patience: after how many epochs without a better one to stop; 0 or more.
        verbose: 1 says so.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` if the name tells.
        baseline: a number that has to be beaten within ``patience`` epochs.
        restore_best_weights: whether the model ends with the weights of its best epoch.
        start_from_epoch: the first epoch that counts, from 0.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> stop = fastnn.callbacks.EarlyStopping("loss", patience=3)
        >>> len(model.fit([[0.0]], [0.0], epochs=9, verbose=0, callbacks=[stop]).epoch)
        4
    """

    kept = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        who = type(self).__name__
        self.patience = count(who, "patience", patience)
        self.verbose = verbose
        self.baseline = None if baseline is None else number(who, "baseline", baseline)
        self.restore_best_weights = flag(
            type(self).__name__, "restore_best_weights", restore_best_weights
        )
        self.start_from_epoch = count(who, "start_from_epoch", start_from_epoch)
        self._forget()

    def _forget(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights: list[Array] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Start afresh."""
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Stop if it is time to."""
        value = self.current(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.is_improvement(value, self.best):
            self.best = value
            self._keep(epoch)
            if self.baseline is None or self.is_improvement(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs: Logs = None) -> None:
        """Restore the best weights."""
        if self.stopped_epoch and self.verbose:
            announce(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                announce(f"Restoring the weights of the best epoch: {self.best_epoch + 1}")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Ends the training after the first batch whose loss is not finite.

    Args:
        raise_error: whether to raise ``NonFiniteError`` instead, in the middle of that batch, whose
            update is not made; ``fit(on_nonfinite=)`` does that and more without a callback.
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = flag("TerminateOnNaN", "raise_error", raise_error)

    def on_nonfinite(self, epoch: int, batch: int) -> None:
        """Stop."""
        if self.raise_error:
            raise NonFiniteError(
                f"TerminateOnNaN: the loss of epoch {epoch + 1}, batch {batch + 1} is not finite; "
                "scale the inputs or lower the learning rate"
            )
        announce(f"Epoch {epoch + 1}, batch {batch + 1}: the loss is not finite, training ends")
        self.model.stop_training = True
