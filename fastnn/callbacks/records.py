"""What is left of a training: a history, a table, the events of TensorBoard."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._checks import count, flag, path, shown
from fastnn.callbacks.base import Callback, Logs

if TYPE_CHECKING:
    from fastnn.plots.picture import Picture

__all__ = ["CSVLogger", "History", "TensorBoard"]


class History(Callback):
    """What happened, epoch by epoch; ``fit`` returns one.

    Attributes:
        epoch: the numbers of the epochs.
        history: for each name in the logs, a list with one value an epoch.
        epochs: for each name, the numbers of the epochs that have a value: not all of them are
            validated where ``fit`` is given a ``validation_freq``.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> history = model.fit([[0.0]], [0.0], epochs=2, verbose=0)
        >>> history.history, history.epoch
        ({'loss': [0.0, 0.0]}, [0, 1])
    """

    kept = ("epoch", "history", "epochs")

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.epochs: dict[str, list[int]] = {}

    def __repr__(self) -> str:
        epochs = f"{len(self.epoch)} epoch{'' if len(self.epoch) == 1 else 's'}"
        return f"<History of {epochs}{': ' * bool(self.history)}{', '.join(self.history)}>"

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Record the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self.epochs.setdefault(name, []).append(epoch)

    def plot(
        self,
        path: str | os.PathLike[str] | None = None,
        metrics: Sequence[str] | None = None,
    ) -> Picture:
        """Draw loss and metrics, of training and validation, epoch by epoch; needs matplotlib.

        Args:
            path: a .png, .pdf or .svg file to write.
            metrics: names to draw, one panel each; ``None``: all but ``data_loss`` and ``penalty``,
                and the learning rate if it changed.

        Returns:
            A matplotlib ``Figure`` (``fastnn.plots.learning_curve``).

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: the history has none of the metrics.

        Example:
            >>> import fastnn
            >>> history = fastnn.History()
            >>> history.on_epoch_end(0, {"loss": 2.0, "val_loss": 2.5})
            >>> [panel.get_title() for panel in history.plot().axes]
            ['loss']
        """
        from fastnn import plots

        return plots.learning_curve(self, metrics, path=path)

    def _repr_html_(self) -> str:
        """Return curves and a table for a notebook, which need no matplotlib."""
        from fastnn import notebook

        return notebook.history(self)


class CSVLogger(Callback):
    """Writes a line for each epoch into a table of values separated by commas.

    The columns are the epoch, counted from 0, and the names in the logs of the first epoch, sorted.
    If that one was not validated, there is a column ``val_<name>`` for each name all the same, and
    ``NA`` where there is no value.  The file is whole after each epoch.

    Args:
        filename: the file.
        separator: what is between two values.
        append: whether to go on with a file that is there; without a second header.
    """

    first_rank_only = True

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ):
        self.filename = path("CSVLogger", "filename", filename)
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character, got {shown(separator)}")
        self.separator = separator
        self.append = flag(type(self).__name__, "append", append)
        self._keys: list[str] | None = None

    def on_train_begin(self, logs: Logs = None) -> None:
        """Make the file."""
        self._keys = None
        with open(self.filename, "a" if self.append else "w", newline=""):
            pass

    def get_state(self) -> dict[str, Any]:
        """Return what is in the file so far."""
        try:
            with open(self.filename, newline="") as file:
                return {"keys": self._keys, "text": file.read()}
        except FileNotFoundError:
            return {"keys": None, "text": ""}

    def set_state(self, state: dict[str, Any]) -> None:
        """Let the file be what it was: lines may have been written after the backup."""
        self._keys = state["keys"]
        with open(self.filename, "w", newline="") as file:
            file.write(state["text"])

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the epoch's line."""
        logs = logs or {}
        rows: list[list[Any]] = []
        if self._keys is None:
            self._keys = _columns(logs)
            if not os.path.getsize(self.filename):
                rows.append(["epoch", *self._keys])
        rows.append([epoch, *(_cell(logs.get(key, "NA")) for key in self._keys)])
        with open(self.filename, "a", newline="") as file:
            csv.writer(file, delimiter=self.separator).writerows(rows)


def _cell(value: Any) -> Any:
    """Return several numbers as one text."""
    several = isinstance(value, list | tuple | np.ndarray) and np.ndim(value) > 0
    return f'"[{", ".join(map(str, value))}]"' if several else value


def _columns(logs: dict[str, Any]) -> list[str]:
    keys = sorted(logs)
    if not any(key.startswith("val_") for key in keys):
        keys += [f"val_{key}" for key in keys]
    return keys


class TensorBoard(Callback):
    """Writes what TensorBoard shows: loss, metrics and learning rate, in two runs, ``train`` and
    ``validation``; on request the distribution of each weight.

    Names are Keras's: ``epoch_loss``, ``batch_loss``, ``epoch_learning_rate``.

    Args:
        log_dir: the folder.
        histogram_freq: after how many epochs to write the distributions of weights; 0 is never.
        write_steps_per_second: whether to write the speed of each epoch.
        update_freq: ``"epoch"``; or ``"batch"``, or after how many batches to write besides.

    Raises:
        ImportError: neither tensorboardX nor tensorboard is installed; distributions need the
            first.
    """

    first_rank_only = True

    kept = ("_step",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
    ):
        who = type(self).__name__
        self.log_dir = path(who, "log_dir", log_dir)
        self.histogram_freq = count(who, "histogram_freq", histogram_freq)
        self.write_steps_per_second = flag(who, "write_steps_per_second", write_steps_per_second)
        self.update_freq = update_freq
        self._make = _writer(histograms=bool(histogram_freq))
        self._writers: dict[str, Any] = {}
        self._step = 0
        self._began = 0.0
        if update_freq != "epoch":
            every = 1 if update_freq == "batch" else update_freq
            self._every = count(who, "update_freq", every, least=1)
            # so that an epoch stays one call where nobody asks for batches
            self.on_train_batch_end = self._after_batch  # type: ignore[method-assign]

    def on_train_begin(self, logs: Logs = None) -> None:
        """Start counting batches."""
        self._step = 0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the epoch's clock."""
        self._began = time.perf_counter()

    def _after_batch(self, batch: int, logs: Logs = None) -> None:
        self._step += 1
        if self._step % self._every == 0:
            for name, value in _numbers(logs):
                self._scalar("train", f"batch_{name}", value, self._step)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Write the epoch's numbers."""
        for name, value in _numbers(logs):
            run = "validation" if name.startswith("val_") else "train"
            self._scalar(run, f"epoch_{name.removeprefix('val_')}", value, epoch)
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None and "learning_rate" not in (logs or {}):
            self._scalar("train", "epoch_learning_rate", float(rate), epoch)
        if self.write_steps_per_second and self.params.get("steps"):
            speed = self.params["steps"] / max(time.perf_counter() - self._began, 1e-9)
            self._scalar("train", "epoch_steps_per_second", speed, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for variable in self.model.weights:
                self._writer("train").add_histogram(variable.path, variable.numpy(), epoch)
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _scalar(self, run: str, name: str, value: float, step: int) -> None:
        self._writer(run).add_scalar(name, value, step)

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            self._writers[run] = self._make(os.path.join(self.log_dir, run))
        return self._writers[run]


def _numbers(logs: Logs) -> list[tuple[str, float]]:
    """Return what is one number: only that has a place in a curve."""
    return [(name, float(value)) for name, value in (logs or {}).items() if np.ndim(value) == 0]


def _writer(histograms: bool) -> Callable[[str], Any]:
    """Return what makes a writer of events for a folder."""
    try:
        from tensorboardX import SummaryWriter

        return SummaryWriter  # type: ignore[no-any-return]
    except ImportError as error:
        missing = error
    try:
        from tensorboard.summary import Writer
    except ImportError:
        raise ImportError(
            "TensorBoard needs tensorboardX or tensorboard, and neither can be imported: pip "
            "install 'fastnn[tensorboard]'"
        ) from missing
    if histograms:
        raise ImportError(
            "TensorBoard: histogram_freq needs tensorboardX, which cannot be imported: pip install "
            "'fastnn[tensorboard]'"
        ) from missing
    return Writer  # type: ignore[no-any-return]
