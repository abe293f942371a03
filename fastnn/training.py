"""Epochs, batches, shuffling, callbacks, history.  No arithmetic: that is in the programs."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn.callbacks import Callback, CallbackList, History
from fastnn.callbacks.display import make_progress
from fastnn.data import arrays
from fastnn.errors import NonFiniteWarning
from fastnn.runtime import Executable, Runtime

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["Fit", "evaluate", "predict", "train_batch"]

#: Seconds that a run stays in C before it comes back to look at signals and draw the progress.
SLICE_SECONDS = 0.02

#: Rows of a batch when predicting; the results do not depend on it.
PREDICT_ROWS = 128


@dataclass(frozen=True)
class Data:
    """Samples and their targets, checked."""

    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.x)

    def part(self, begin: int, end: int) -> Data:
        """Return the samples from ``begin`` to ``end``."""
        return Data(self.x[begin:end], self.y[begin:end])

    @property
    def lent(self) -> dict[str, Array]:
        """The arrays by the names of the program's sources."""
        return {"x": self.x, "y": self.y}


def check_data(who: str, model: Model, runtime: Runtime, x: Any, y: Any) -> Data:
    """Return the caller's arrays as data that the model's programs can gather from."""
    samples = arrays.as_samples(who, x, runtime.input_shape, model.name, runtime.dtype)
    arrays.not_empty(who, samples)
    if y is None:
        raise ValueError(f"{who}: y is missing; the loss compares predictions with targets")
    assert runtime.loss is not None
    kind = runtime.loss.targets(model.output_shape)
    if kind.classes is None:
        targets = arrays.as_values(who, y, kind.shape, runtime.loss.name, runtime.dtype)
    else:
        targets = arrays.as_labels(who, y, kind.classes)
    arrays.same_length(who, samples, targets)
    return Data(samples, targets)


def drive(
    who: str,
    executable: Executable,
    run: _core.Run,
    on_slice: Callable[[int], None] | None = None,
    on_nonfinite: Callable[[Executable, _core.Run], None] | None = None,
) -> None:
    """Run until all rows are done.

    Args:
        who: the method that was called, for messages.
        executable: the program, with its arrays lent.
        run: what to do.
        on_slice: called now and then with the rows done.
        on_nonfinite: called when a batch's mean loss is not finite.
    """
    while (status := executable.run(run)) != _core.DONE:
        if status == _core.FAULT:
            node = executable.program.nodes[run.fault[1]]
            raise arrays.refusal(who, run.fault, node.attrs.get("classes"))
        if status == _core.NONFINITE and on_nonfinite is not None:
            on_nonfinite(executable, run)
        elif on_slice is not None:
            on_slice(run.first)


def drive_stage(
    callbacks: CallbackList | None,
    stage: str,
    run: _core.Run,
    rows: int,
    go: Callable[[], None],
    logs: Callable[[], dict[str, Any]],
) -> None:
    """Drive a run to its end: at once, or batch by batch where callbacks want to know of each.

    Args:
        callbacks: whom to tell.
        stage: ``"train"``, ``"test"`` or ``"predict"``.
        run: what to do.
        rows: rows of a batch, as callbacks see it.
        go: drives the run to ``run.total``.
        logs: returns what callbacks are told after a batch.
    """
    if callbacks is None or not callbacks.wants_batches(stage):
        go()
        return
    total = run.total
    for batch in itertools.count():
        callbacks.call(f"on_{stage}_batch_begin", batch, {})
        run.total = min(run.first + rows, total)
        go()
        callbacks.call(f"on_{stage}_batch_end", batch, logs())
        if run.first >= total or (stage == "train" and callbacks.model.stop_training):
            return


def predict(
    runtime: Runtime,
    mode: str,
    x: Array,
    shape: tuple[int, ...],
    rows: int,
    who: str = "predict",
    callbacks: CallbackList | None = None,
) -> Array:
    """Return the model's output for each row of ``x``."""
    out = np.empty((len(x), *shape), runtime.dtype)
    rows = min(rows, max(len(x), 1))
    with runtime.borrow(mode, rows, x.dtype == runtime.dtype) as executable:
        executable.lend({"x": x, "out": out})
        run = _core.Run(len(x), min(rows, executable.program.rows), slice_seconds=SLICE_SECONDS)
        drive_stage(
            callbacks,
            "predict",
            run,
            rows,
            lambda: drive(who, executable, run),
            lambda: {"outputs": out[(run.first - 1) // rows * rows : run.first]},
        )
    return out


def evaluate(
    runtime: Runtime,
    data: Data,
    rows: int,
    who: str = "evaluate",
    callbacks: CallbackList | None = None,
) -> dict[str, float]:
    """Return the means of loss and metrics over the data."""
    rows = min(rows, len(data))
    with runtime.borrow("evaluate", rows) as executable:
        executable.memory.buffers["totals"].fill(0)
        executable.lend(data.lent)
        run = _core.Run(len(data), rows, slice_seconds=SLICE_SECONDS, watch=False)
        drive_stage(
            callbacks,
            "test",
            run,
            rows,
            lambda: drive(who, executable, run),
            lambda: runtime.logs(executable),
        )
        return runtime.logs(executable)


def train_batch(runtime: Runtime, data: Data, seed: int) -> dict[str, float]:
    """Make one update from all of the data; return the means before it."""
    step = int(runtime.buffers["step"][0])
    with runtime.borrow("train", len(data)) as executable:
        executable.memory.buffers["totals"].fill(0)
        _set_rate(runtime)
        executable.lend(data.lent)
        run = _core.Run(len(data), len(data), epoch=step, seed=seed, watch=False)
        drive("train_on_batch", executable, run)
        return runtime.logs(executable)


class Fit:
    """One call of ``fit``.

    Args:
        model: the model, compiled.
        data: what it learns from.
        validation: what it is measured on after each epoch, if anything.
        batch: rows of a batch.
        epochs: the number of the last epoch.
        initial: the number of the first, counted from 0.
        shuffle: whether each epoch has an order of its own.
        callbacks: called on the way.
        verbose: the progress to show.
    """

    def __init__(
        self,
        model: Model,
        data: Data,
        validation: Data | None,
        *,
        batch: int,
        epochs: int,
        initial: int = 0,
        shuffle: bool = True,
        callbacks: Sequence[Callback] = (),
        verbose: int | str = 0,
        validation_batch: int | None = None,
        validation_freq: int = 1,
    ):
        self._model, self._runtime = model, model.runtime
        self._data, self._validation = data, validation
        self._batch = min(batch, len(data))
        self._order = np.empty(len(data), np.int64) if shuffle else None
        self._validation_batch = validation_batch or batch
        self._validation_freq = validation_freq
        self._epochs = range(initial, epochs)
        self._epoch = initial
        self._logs: dict[str, Any] = {}
        self._history = History()
        params = {
            "epochs": epochs,
            "steps": -(-len(data) // batch),
            "samples": len(data),
            "verbose": verbose,
        }
        every = [*callbacks, self._history, *make_progress(verbose, callbacks)]
        self._callbacks = CallbackList(every, model, params)

    def __call__(self) -> History:
        """Train; return what happened."""
        self._model.history, self._model.stop_training = self._history, False
        self._callbacks.call("on_train_begin")
        with self._runtime.borrow("train", self._batch) as executable:
            executable.lend(self._data.lent)
            run = _core.Run(len(self._data), self._batch, slice_seconds=SLICE_SECONDS)
            for epoch in self._epochs:
                self._run_epoch(executable, run, epoch)
                if self._model.stop_training:
                    break
        self._callbacks.call("on_train_end", self._logs)
        return self._history

    def _run_epoch(self, executable: Executable, run: _core.Run, epoch: int) -> None:
        self._epoch = epoch
        self._callbacks.call("on_epoch_begin", epoch, {})
        # Order and dropout are keyed by the epochs the model has trained, so that fit(epochs=2)
        # and twice fit(epochs=1) do the same.
        run.begin(max(epoch, self._model.epochs_trained), self._model.seed, self._order)
        executable.memory.buffers["totals"].fill(0)
        drive_stage(
            self._callbacks,
            "train",
            run,
            self._batch,
            lambda: self._drive(executable, run),
            lambda: self._runtime.logs(executable),
        )
        self._model.epochs_trained = run.epoch + 1
        self._logs = self._runtime.logs(executable)
        if self._validation is not None and (epoch + 1) % self._validation_freq == 0:
            means = self._validate(self._validation)
            self._logs |= {f"val_{name}": value for name, value in means.items()}
        self._callbacks.call("on_epoch_end", epoch, self._logs)

    def _validate(self, data: Data) -> dict[str, float]:
        self._callbacks.call("on_test_begin")
        rows = self._validation_batch
        means = evaluate(self._runtime, data, rows, "fit", self._callbacks)
        self._callbacks.call("on_test_end", means)
        return means

    def _drive(self, executable: Executable, run: _core.Run) -> None:
        _set_rate(self._runtime)
        drive("fit", executable, run, self._on_slice, self._on_nonfinite)

    def _on_slice(self, rows: int) -> None:
        self._callbacks.call("on_rows", rows, len(self._data))
        _set_rate(self._runtime)

    def _on_nonfinite(self, executable: Executable, run: _core.Run) -> None:
        """Warn of the first loss that is not finite; training goes on unless a callback minds."""
        run.watch = False
        self._warn(executable, run)
        self._callbacks.call("on_nonfinite", self._epoch, run.first // self._batch)
        if self._model.stop_training:
            run.total = run.first + run.rows

    def _warn(self, executable: Executable, run: _core.Run) -> None:
        from fastnn.debug import first_nonfinite

        where = first_nonfinite(executable, self._data.lent, run)
        warnings.warn(
            f"fit: the loss of epoch {run.epoch + 1}, batch {run.first // self._batch + 1} is not "
            f"finite; {where}. Scale the inputs or lower the learning rate",
            NonFiniteWarning,
            stacklevel=10,  # the caller of fit
        )


def _set_rate(runtime: Runtime) -> None:
    """Let an assignment to ``optimizer.learning_rate`` count from the next step."""
    assert runtime.optimizer is not None
    runtime.buffers["hyper"][0] = runtime.optimizer.learning_rate
