"""Fit: epochs, order, callbacks, history, backups.  No arithmetic: that is in the programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.adapting import tell_of_untouched
from fastnn.callbacks import Callback, CallbackList, History
from fastnn.callbacks.display import make_progress
from fastnn.data.streams import Stream
from fastnn.errors import NonFiniteError, NonFiniteWarning
from fastnn.resuming import Keeper, Place, digest, fingerprint
from fastnn.runtime import Executable, Runtime
from fastnn.training import SLICE_SECONDS, Data, Rest, drive, drive_stage, evaluate

if TYPE_CHECKING:
    from fastnn.models.trainer import Trainer

__all__ = ["Fit", "Job", "Measure", "evaluation"]

#: The most totals of epochs that a run of several leaves behind.
_LOG_TOTALS = 1 << 16


@dataclass(frozen=True)
class Measure:
    """How a model is measured.

    Attributes:
        means: returns loss and metrics; is given whom to tell.
        source: the data, arrays or batches.
        steps: the number of batches, if that is known.
        rows: those of a batch, of arrays.
    """

    means: Callable[[CallbackList], dict[str, float]]
    source: Data | Stream
    steps: int | None
    rows: int = 0


def evaluation(runtime: Runtime, data: Data, rows: int, who: str) -> Measure:
    """Return what evaluates the model on the data, its program made: no training is lost because
    there is no room for it in the middle of a fit."""
    with runtime.borrow("evaluate", min(rows, len(data)), weighing=data.weighing):
        means = partial(evaluate, runtime, data, rows, who)
    return Measure(means, data, -(-len(data) // rows), rows)


class Job(ABC):
    """One call of ``fit``, wherever its data comes from.

    Args:
        model: the model, compiled.
        validate: measures on other data, if there is any.
        epochs: the number of the last epoch.
        initial: the number of the first, counted from 0.
        callbacks: called on the way.
        verbose: the progress to show.
        validation_freq: measure each so many epochs, or after those of these numbers.
        steps: batches of an epoch, if that is known.
        samples: samples of an epoch, if that is known.
        on_nonfinite: what a loss that is not finite does: ``"warn"``, ``"stop"`` or ``"raise"``.
    """

    def __init__(
        self,
        model: Trainer,
        validate: Measure | None = None,
        *,
        epochs: int,
        initial: int = 0,
        callbacks: Sequence[Callback] = (),
        verbose: int | str = 0,
        validation_freq: int | Container[int] = 1,
        steps: int | None = None,
        samples: int | None = None,
        on_nonfinite: str = "warn",
    ):
        self._on_nonfinite = on_nonfinite
        self._model, self._runtime, self._samples = model, model.runtime, samples
        self._validate, self._validation_freq = validate, validation_freq
        self._epochs = range(initial, epochs)
        self._place = Place(initial)
        self._watch = True
        self._history = History()
        params = {"epochs": epochs, "steps": steps, "samples": samples, "verbose": verbose}
        every = [*callbacks, self._history, *make_progress(verbose, callbacks)]
        self._callbacks = CallbackList(every, model, params)
        self._keeper = Keeper(model, every)

    def __call__(self) -> History:
        """Train; return what happened."""
        self._model.history, self._model.stop_training = self._history, False
        self._keeper.find(self._fingerprint, self._knows)
        self._callbacks.call("on_train_begin", {})
        self._go_on()
        if not self._model.epochs_trained:
            tell_of_untouched(self._model)
        with self._learning() as learn:
            while self._has_work():
                self._run_epoch(learn)
            self._runtime.finish()
        self._callbacks.call("on_train_end", self._place.logs)
        self._keeper.complete()
        return self._history

    def _go_on(self) -> None:
        """Go to where the backup was made, if there is one."""
        place = self._keeper.place
        if place is None:
            return
        if place.batches:
            self._callbacks.call("on_epoch_begin", place.epoch, {})
        self._place, self._watch = place, place.watch
        for stream, position in zip(self._streams(), place.streams, strict=True):
            stream.skip(*position)
        self._keeper.restore()

    def _has_work(self) -> bool:
        """Return whether there is an epoch to run, or to end."""
        epoch = self._place.epoch
        if self._place.batches:
            return True
        return epoch < self._epochs.stop and not self._model.stop_training and self._has_data(epoch)

    def _streams(self) -> list[Stream]:
        """Return what gives batches to the training."""
        source = self._validate and self._validate.source
        return [source] if isinstance(source, Stream) else []

    def _knows(self, place: Place) -> bool:
        """Return whether a place is one in this training."""
        return len(place.streams) == len(self._streams())

    def _fingerprint(self) -> dict[str, Any]:
        """Return what tells this training from others."""
        source = self._validate and self._validate.source
        measured = digest(source.lent) if isinstance(source, Data) else source and source.steps
        return {"validation_freq": self._validation_freq, "validation_data": measured}

    @abstractmethod
    def _learning(self) -> AbstractContextManager[Callable[[int], dict[str, Any]]]:
        """Hand out what makes an epoch of steps and returns its means.

        Order and dropout are keyed by the number it is given, that of the epochs which the model
        has trained, so that fit(epochs=2) and twice fit(epochs=1) do the same.
        """

    def _has_data(self, epoch: int) -> bool:
        return True

    def _run_epoch(self, learn: Callable[[int], dict[str, Any]]) -> None:
        if not self._place.batches:
            self._callbacks.call("on_epoch_begin", self._place.epoch, {})
        self._end_epoch(learn(self._number))

    @property
    def _number(self) -> int:
        """The number that keys the epoch: how many the model has trained."""
        return max(self._place.epoch, self._model.epochs_trained)

    def _end_epoch(self, logs: dict[str, Any]) -> None:
        epoch, self._model.epochs_trained = self._place.epoch, self._number + 1
        if self._validate is not None and self._is_measured(epoch + 1):
            self._callbacks.call("on_test_begin", {})
            means = self._validate.means(self._callbacks)
            self._callbacks.call("on_test_end", means)
            logs |= {f"val_{name}": value for name, value in means.items()}
        self._callbacks.call("on_epoch_end", epoch, logs)
        self._place = Place(epoch + 1, logs=logs)
        self._keeper.after_epoch(self._here)

    def _is_measured(self, epoch: int) -> bool:
        often = self._validation_freq
        return epoch % often == 0 if isinstance(often, int) else epoch in often

    def _here(self, **more: Any) -> Place:
        """Return where the training stands, for a backup."""
        streams = [stream.position for stream in self._streams()]
        return replace(self._place, watch=self._watch, streams=streams, **more)

    def _drive(self, executable: Executable, run: _core.Run, data: Data, batch: int = 0) -> None:
        """Make steps from data whose first row begins batch ``batch`` of the epoch."""

        def on_slice(rows: int) -> None:
            self._callbacks.call("on_rows", run.origin + rows, self._samples)
            self._runtime.set_constant_rate()
            if self._model.stop_training:
                run.end_epochs()

        def on_nonfinite(executable: Executable, run: _core.Run) -> None:
            run.watch = self._watch = False
            self._mind(executable, run, data, batch + run.first // run.batch)

        total = run.total
        while True:
            steps = self._runtime.set_rates(-(-(total - run.first) // run.batch))
            run.total = min(total, run.first + steps * run.batch)
            try:
                drive("fit", executable, run, on_slice, on_nonfinite)
            finally:
                self._runtime.trained()
            if run.first >= total or self._model.stop_training:
                return

    def _mind(self, executable: Executable, run: _core.Run, data: Data, batch: int) -> None:
        """Tell of the first loss that is not finite, and do what the caller and callbacks want."""
        from fastnn.debug import first_nonfinite

        self._tell_of_nonfinite(run.epoch, batch, first_nonfinite(executable, data.lent, run))
        if self._model.stop_training:
            run.end_epochs()
        if self._on_nonfinite == "stop":
            run.total, run.pc = run.first, 0  # nothing more of this batch: no update
        elif self._model.stop_training:
            run.total = run.first + run.rows

    def _tell_of_nonfinite(self, number: int, batch: int, where: str, aloud: bool = True) -> None:
        """Raise or warn, and note if training is to stop.

        Args:
            number: that keys the epoch; people are told the one of this fit.
            batch: of the epoch.
            where: what was not finite first.
            aloud: whether to warn.
        """
        epoch = self._place.epoch + number - self._number
        message = (
            f"fit: the loss of epoch {epoch + 1}, batch {batch + 1} is not finite; {where}"
            f"{_mend_of_nonfinite(where)}"
        )
        if self._on_nonfinite == "raise":
            raise NonFiniteError(message)
        if aloud:
            warn_caller(message, NonFiniteWarning)
        self._callbacks.call("on_nonfinite", epoch, batch)
        if self._on_nonfinite == "stop":
            self._model.stop_training = True


def _mend_of_nonfinite(where: str) -> str:
    """Return what to do about what was not finite first."""
    if "look for NaN" in where:
        return ""
    spoilt = where.endswith(" already")
    again = "Begin with a new model, or the weights of a file; before that, s" if spoilt else "S"
    return f". {again}cale the inputs or lower the learning rate"


class Fit(Job):
    """One call of ``fit`` on arrays.

    Args:
        model: the model, compiled.
        data: what it learns from.
        batch: rows of a batch.
        shuffle: whether each epoch has an order of its own.
        steps: the most batches of an epoch; ``None`` is all.
        **options: as in ``Job``.
    """

    def __init__(
        self,
        model: Trainer,
        data: Data,
        *,
        batch: int,
        shuffle: bool = True,
        steps: int | None = None,
        **options: Any,
    ):
        rows = len(data) if steps is None else min(len(data), batch * steps)
        model.runtime.check_batches("fit", rows, batch)
        super().__init__(model, steps=-(-rows // batch), samples=rows, **options)
        self._data, self._rows = data, rows
        self._batch = min(batch, len(data))
        self._order = np.empty(len(data), np.int64) if shuffle else None

    @contextmanager
    def _learning(self) -> Iterator[Callable[[int], dict[str, Any]]]:
        shapes = self._data.weighing
        with self._runtime.borrow("train", self._batch, weighing=shapes) as executable:
            executable.lend(self._data.lent)
            run = _core.Run(
                len(self._data), self._batch, slice_seconds=SLICE_SECONDS, watch=self._watch
            )
            log = self._log(executable)
            yield lambda number: self._learn(executable, run, number, log)

    def _learn(
        self, executable: Executable, run: _core.Run, number: int, log: Array
    ) -> dict[str, Any]:
        run.total = len(self._data)
        run.begin(number, self._model.seed, self._order)
        run.first, run.total = self._place.rows, self._rows
        executable.memory.clear_totals()
        if self._place.totals is not None:
            executable.memory.buffers["totals"][...] = self._place.totals
        # a backup in the middle of an epoch may have been made after it was told to stop
        if not (self._place.batches and self._model.stop_training):
            drive_stage(
                self._callbacks,
                "train",
                run,
                self._batch,
                lambda: self._drive_epochs(executable, run, log),
                lambda: self._runtime.logs(executable),
                self._rest(executable, run),
            )
        return self._runtime.logs(executable)

    def _log(self, executable: Executable) -> Array:
        """Return where a run leaves the totals of all its epochs but the last; it has no room where
        somebody is told of each."""
        fresh, optimizer = executable.memory.fresh, self._runtime.optimizer
        assert optimizer is not None
        told = len(self._callbacks.every) > 1 or self._validate is not None
        told |= any(node.op.name == "python_call" for node in executable.program.nodes)
        if told or optimizer.scheduled or fresh is None:
            return np.empty((0, 0))
        more = min(len(self._epochs) - 1, _LOG_TOTALS // len(fresh))
        return np.empty((max(more, 0), len(fresh)))

    def _drive_epochs(self, executable: Executable, run: _core.Run, log: Array) -> None:
        """Make the steps of the epoch, and in the same run those of the epochs that follow, as many
        as the log has room for."""
        number, memory = run.epoch, executable.memory
        more = min(self._epochs.stop - self._place.epoch - 1, len(log))
        if more > 0 and memory.fresh is not None and not self._model.stop_training:
            run.repeat(memory.buffers["totals"], memory.fresh, log[:more])
        try:
            self._drive(executable, run, self._data)
        finally:
            for totals in log[: run.epoch - number]:
                self._history.on_epoch_end(
                    self._place.epoch, self._runtime.logs(executable, totals)
                )
                self._model.epochs_trained = self._number + 1
                self._place.epoch += 1

    def _rest(self, executable: Executable, run: _core.Run) -> Rest | None:
        """Return where to make backups in the middle of an epoch, if anywhere."""

        def after(batches: int) -> None:
            totals = executable.memory.buffers["totals"]
            made = {"batches": run.first // self._batch, "rows": run.first, "totals": totals}
            self._keeper.after_batches(batches, run.first < self._rows, partial(self._here, **made))

        return Rest(self._keeper.left, after) if self._keeper.counts_batches else None

    def _knows(self, place: Place) -> bool:
        within = place.batches * self._batch == place.rows < self._rows
        return within and super()._knows(place)

    def _fingerprint(self) -> dict[str, Any]:
        lent = self._data.lent
        weights = {name: lent.pop(name) for name in list(lent) if name.startswith("w")}
        given = {
            "the data": digest(lent),
            "class_weight or sample_weight": digest(weights) if weights else None,
            "batch_size": self._batch,
            "steps_per_epoch": -(-self._rows // self._batch),
            "shuffle": self._order is not None,
        }
        return fingerprint(
            self._runtime, self._batch, self._callbacks.every, **given, **super()._fingerprint()
        )
