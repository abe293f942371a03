"""Callbacks: what ``fit`` calls on its way; the history it returns; the progress it shows."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["Callback", "CallbackList", "History", "Progress"]

Logs = Mapping[str, float] | None


class Callback:
    """Base class: override what you need.

    ``self.model`` is the model that trains, ``self.params`` holds ``epochs``, ``steps`` and
    ``verbose``.  Set ``self.model.stop_training = True`` to end after the epoch.  As long as no
    callback overrides ``on_train_batch_begin`` or ``on_train_batch_end``, whole epochs run without
    coming back to Python.

    Example:
        >>> import fastnn
        >>> class Stop(fastnn.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         if logs["loss"] < 0.1:
        ...             self.model.stop_training = True
    """

    model: Model
    params: dict[str, Any]

    def set_model(self, model: Model) -> None:
        """Take the model that trains."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take what is known of the training."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Called after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called after an epoch, with its means and those of the validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch."""

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch, with the means over the epoch so far."""


class History(Callback):
    """What happened, epoch by epoch.

    Attributes:
        epoch: the numbers of the epochs.
        history: for each name in the logs, a list with one value an epoch.
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Record the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class Progress(Callback):
    """Shows the training: a bar that moves on a terminal, a line for each epoch elsewhere.

    Args:
        bar: whether to draw the bar.
    """

    _WIDTH = 24

    def __init__(self, bar: bool):
        self.bar = bar
        self._epoch = 0
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the epoch's clock."""
        self._epoch, self._began = epoch, time.perf_counter()

    def on_rows(self, done: int, total: int) -> None:
        """Called by ``fit`` some tens of times a second, with the samples processed."""
        if self.bar:
            filled = self._WIDTH * done // max(total, 1)
            drawn = _mark() * filled + " " * (self._WIDTH - filled)
            self._write(f"\r{self._head()} {drawn} {done}/{total}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the epoch's line over the bar."""
        seconds = time.perf_counter() - self._began
        rate = self.params["samples"] / max(seconds, 1e-9)
        means = "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        start, clear = ("\r", "\033[K") if self.bar else ("", "")
        self._write(f"{start}{self._head()}  {seconds:.2f} s  {rate:,.0f}/s  {means}{clear}\n")

    def _head(self) -> str:
        epochs = str(self.params["epochs"])
        return f"Epoch {self._epoch + 1:>{len(epochs)}}/{epochs}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def _mark() -> str:
    """Return what a bar is drawn with, as far as the terminal can show it."""
    return "━" if (sys.stdout.encoding or "").lower().startswith("utf") else "="


class CallbackList:
    """The callbacks of one ``fit``, called in order."""

    def __init__(self, callbacks: Iterable[Callback], model: Model, params: dict[str, Any]):
        every = list(callbacks)
        self._methods = {name: _overridden(every, name) for name in _EVENTS}
        #: Whether a callback overrides a method about batches.
        self.wants_batches = any(self._methods[name] for name in _EVENTS if "batch" in name)
        for callback in every:
            callback.set_model(model)
            callback.set_params(params)

    def call(self, name: str, *arguments: Any) -> None:
        """Call the method ``name`` of every callback that overrides it."""
        for method in self._methods[name]:
            method(*arguments)


_EVENTS = [name for name in vars(Callback) if name.startswith("on_")]


def _overridden(callbacks: Iterable[Callback], name: str) -> list[Callable[..., None]]:
    """Return the methods ``name`` of the callbacks that do not leave it to the base class."""
    methods = (getattr(callback, name) for callback in callbacks)
    base = getattr(Callback, name)
    return [method for method in methods if getattr(method, "__func__", method) is not base]


def make_progress(verbose: int | str) -> list[Callback]:
    """Return the progress display that ``fit``'s ``verbose`` asks for."""
    if not verbose:
        return []
    return [Progress(bar=verbose != 2 and sys.stdout.isatty())]
