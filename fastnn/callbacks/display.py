"""What a training shows while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from fastnn.callbacks.base import Callback, Logs
from fastnn.extras import require

__all__ = ["ProgbarLogger", "TqdmCallback", "announce", "as_text", "make_progress"]


class ProgbarLogger(Callback):
    """Shows the training: a bar that moves on a terminal, a line for each epoch elsewhere; of an
    epoch whose end nobody knows also how far it is, ever more seldom.

    ``fit`` makes one if its ``verbose`` asks for it.

    Args:
        bar: whether to draw the bar; ``None`` is where the output is a terminal.
    """

    first_rank_only = True

    _WIDTH = 24
    #: Seconds without a line, of an epoch whose end nobody knows.
    _SILENT = 10.0

    def __init__(self, bar: bool | None = None):
        self.bar = sys.stdout.isatty() if bar is None else bar
        self._epoch = 0
        self._began = self._due = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the epoch's clock."""
        self._epoch, self._began = epoch, time.perf_counter()
        self._due = self._SILENT

    def on_rows(self, done: int, total: int | None) -> None:
        """Draw the bar."""
        if self.bar:
            filled = self._WIDTH * done // max(total or done, 1)
            drawn = _mark() * filled + " " * (self._WIDTH - filled)
            self._write(f"\r{self._head()} {drawn} {done}/{total or '?'}")
        elif total is None and self.params.get("steps") is None:
            self._tell_of_no_end(done)

    def _tell_of_no_end(self, done: int) -> None:
        seconds = time.perf_counter() - self._began
        if seconds >= self._due:
            self._due = 2 * seconds
            self._write(
                f"{self._head()}  {seconds:.0f} s  {done} samples so far; the epoch ends with the "
                "data, or after steps_per_epoch batches\n"
            )

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the epoch's line over the bar."""
        seconds = time.perf_counter() - self._began
        samples = self.params.get("samples")
        rate = f"  {samples / max(seconds, 1e-9):,.0f}/s" if samples else ""
        start, clear = ("\r", "\033[K") if self.bar else ("", "")
        self._write(f"{start}{self._head()}  {seconds:.2f} s{rate}  {_means(logs)}{clear}\n")

    def _head(self) -> str:
        epochs = str(self.params["epochs"])
        return f"Epoch {self._epoch + 1:>{len(epochs)}}/{epochs}"

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


class TqdmCallback(Callback):
    """Shows the training by tqdm: a bar of the epochs, with the means of the last.

    Use it with ``verbose=0``.

    Args:
        verbose: 0 shows epochs; 1 also the samples of each, in a bar that vanishes; 2 in a bar
            that stays.
        **options: for tqdm's bar of the epochs: ``desc``, ``leave``, ``file``, ``disable``, ...

    Raises:
        ImportError: tqdm is not installed.

    Example:
        >>> import fastnn, sys
        >>> shown = fastnn.callbacks.TqdmCallback(disable=True)
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> _ = model.fit([[0.0]], [0.0], epochs=2, verbose=0, callbacks=[shown])
    """

    first_rank_only = True

    def __init__(self, verbose: int = 0, **options: Any):
        if verbose not in (0, 1, 2):
            raise ValueError(f"TqdmCallback: verbose must be 0, 1 or 2, got {str(verbose)[:40]!r}")
        self.verbose = verbose
        self._tqdm = require("tqdm.auto", "TqdmCallback").tqdm
        self._options = options
        self._epochs: Any = None
        self._samples: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Draw the bar of the epochs."""
        options = {"unit": "epoch", **self._options}
        self._epochs = self._tqdm(total=self.params["epochs"], **options)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Draw the bar of the samples."""
        self._epochs.update(epoch - self._epochs.n)
        if self.verbose:
            options = {**self._options, "leave": self.verbose == 2, "unit": "sample"}
            self._samples = self._tqdm(total=self.params.get("samples"), **options)

    def on_rows(self, done: int, total: int | None) -> None:
        """Move the bar of the samples."""
        if self._samples is not None:
            self._samples.update(done - self._samples.n)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Move the bar of the epochs, and write its means."""
        if self._samples is not None:
            total = self.params.get("samples") or self._samples.n
            self._samples.update(total - self._samples.n)
            self._samples.close()
            self._samples = None
        self._epochs.set_postfix_str(_means(logs), refresh=False)
        self._epochs.update(epoch + 1 - self._epochs.n)

    def on_train_end(self, logs: Logs = None) -> None:
        """Leave the bar as it is."""
        self._epochs.close()


#: Whether nothing is announced, in this thread.
_hushed: ContextVar[bool] = ContextVar("hushed", default=False)


@contextmanager
def hushed(hush: bool) -> Iterator[None]:
    """Let callbacks announce nothing meanwhile, if ``hush``: another process does so."""
    token = _hushed.set(hush)
    try:
        yield
    finally:
        _hushed.reset(token)


def announce(text: str) -> None:
    """Print a line in the middle of a training: over the bar where there is one."""
    if _hushed.get():
        return
    start, clear = ("\r", "\033[K") if sys.stdout.isatty() else ("", "")
    print(f"{start}{text}{clear}", flush=True)


def make_progress(verbose: int | str, callbacks: Iterable[Callback] = ()) -> list[Callback]:
    """Return the progress display that ``fit``'s ``verbose`` asks for.

    Args:
        verbose: as in ``fit``.
        callbacks: those of the caller; if a display is among them, that one shows.
    """
    if not verbose or any(isinstance(each, ProgbarLogger) for each in callbacks):
        return []
    return [ProgbarLogger(False if verbose == 2 else None)]


def _means(logs: Logs) -> str:
    return "  ".join(f"{name} {as_text(value)}" for name, value in (logs or {}).items())


def as_text(value: Any) -> str:
    """Return a value of the logs: a number with four places, or with four digits if it is small, as
    rates are; several numbers in brackets."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"[{' '.join(map(as_text, value))}]"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.4g}"


def _mark() -> str:
    """Return what a bar is drawn with, as far as the terminal can show it."""
    return "━" if (sys.stdout.encoding or "").lower().startswith("utf") else "="
