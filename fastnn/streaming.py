"""Training, evaluation and prediction of data that comes batch by batch.

The same batches give the same bits as arrays in that order: totals go on from batch to batch, and
the random numbers of a sample are keyed by its place in the epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.callbacks import CallbackList
from fastnn.data.streams import Batch, Stream
from fastnn.fitting import Job
from fastnn.resuming import Place, fingerprint
from fastnn.runtime import Executable, Runtime
from fastnn.training import SLICE_SECONDS, Data, drive

if TYPE_CHECKING:
    from fastnn.models.trainer import Trainer

__all__ = ["StreamFit", "evaluate", "predict"]


def _pass(
    runtime: Runtime,
    stage: str,
    every: Iterable[Data],
    callbacks: CallbackList,
    go: Callable[[Executable, _core.Run, Data, int], None],
    place: Place | None = None,
    after: Callable[[dict[str, Any]], None] | None = None,
    **key: Any,
) -> tuple[dict[str, Any], int]:
    """Go through batches; return the means over all of them, and their number.

    Args:
        runtime: the model's.
        stage: ``"train"`` or ``"test"``.
        every: the batches, checked.
        callbacks: whom to tell.
        go: drives the run of a batch, whose number it is given.
        place: where in the pass ``every`` begins; ``None`` is its beginning.
        after: called after each batch, with where the pass stands.
        **key: what the runs are keyed by.
    """
    mode = {"train": "train", "test": "evaluate"}[stage]
    place = place or Place(0)
    number, rows, totals, logs = place.batches, place.rows, place.totals, place.logs
    for number, data in enumerate(every, place.batches + 1):
        runtime.check_batches("fit" if stage == "train" else "evaluate", len(data), len(data))
        callbacks.call(f"on_{stage}_batch_begin", number - 1, {})
        with runtime.borrow(mode, len(data), weighing=data.weighing) as executable:
            executable.memory.clear_totals()
            own = executable.memory.buffers["totals"]
            if totals is not None:
                own[...] = totals
            executable.lend(data.lent)
            run = _core.Run(len(data), len(data), slice_seconds=SLICE_SECONDS, **key)
            run.origin = rows
            go(executable, run, data, number - 1)
            totals, logs = own.copy(), runtime.logs(executable)
        rows += len(data)
        callbacks.call(f"on_{stage}_batch_end", number - 1, logs)
        if after is not None:
            after({"batches": number, "rows": rows, "totals": totals, "logs": logs})
        if stage == "train" and callbacks.model.stop_training:
            break
    return logs, number


def evaluate(
    runtime: Runtime,
    stream: Stream,
    check: Callable[[Batch], Data],
    who: str,
    callbacks: CallbackList,
) -> dict[str, float]:
    """Return the means of loss and metrics over a pass."""
    with closing(stream.batches()) as batches:
        logs, number = _pass(
            runtime,
            "test",
            map(check, batches),
            callbacks,
            lambda executable, run, data, at: drive(who, executable, run),
            watch=False,
        )
    if not number:
        raise ValueError(f"{who}: the data ran out before the first batch")
    return logs


def predict(
    predict_batch: Callable[[Any], list[Array]],
    nested: Callable[[Sequence[Array]], Any],
    stream: Stream,
    callbacks: CallbackList,
) -> list[Array]:
    """Return the model's outputs for the samples of a pass.

    Args:
        predict_batch: returns the outputs for the x of a batch.
        nested: returns them as callbacks get them.
        stream: where batches come from.
        callbacks: whom to tell.
    """
    parts: list[list[Array]] = []
    with closing(stream.batches()) as batches:
        for number, (x, *_) in enumerate(batches):
            callbacks.call("on_predict_batch_begin", number, {})
            parts.append(predict_batch(x))
            callbacks.call("on_predict_batch_end", number, {"outputs": nested(parts[-1])})
    return [np.concatenate(every) for every in zip(*parts, strict=True)]


class StreamFit(Job):
    """One call of ``fit`` on data that comes batch by batch.

    Args:
        model: the model, compiled.
        stream: what it learns from.
        check: makes data of a batch that the model's programs can gather from.
        shuffle: whether the batches of a ``PyDataset`` come in another order each epoch.
        **options: as in ``Job``.
    """

    def __init__(
        self,
        model: Trainer,
        stream: Stream,
        check: Callable[[Batch], Data],
        shuffle: bool,
        **options: Any,
    ):
        super().__init__(model, steps=stream.steps, **options)
        self._stream, self._check = stream, check
        self._seed = model.seed if shuffle else None
        self._shown = 0.0

    def _has_data(self, epoch: int) -> bool:
        if self._stream.ended():
            self._warn_of_the_end(epoch)
            return False
        return True

    @contextmanager
    def _learning(self) -> Iterator[Callable[[int], dict[str, Any]]]:
        yield self._learn

    def _learn(self, number: int) -> dict[str, Any]:
        key = {"epoch": number, "seed": self._model.seed, "watch": self._watch}
        place = self._place if self._place.batches else None
        if place and self._model.stop_training:  # as it is in a backup that was made thereafter
            return place.logs
        with closing(self._stream.batches(self._seed, number, self._place.batches)) as batches:
            every, told = map(self._check, batches), self._callbacks
            logs, steps = _pass(
                self._runtime, "train", every, told, self._step, place, self._after, **key
            )
        if steps < (self._stream.steps or 0) and not self._model.stop_training:
            self._warn_of_the_end(self._place.epoch)
            self._model.stop_training = True
        return logs

    def _after(self, made: dict[str, Any]) -> None:
        self._keeper.after_batches(1, True, partial(self._here, **made))

    def _streams(self) -> list[Stream]:
        return [self._stream, *super()._streams()]

    def _fingerprint(self) -> dict[str, Any]:
        given = {
            "the data": "batches",
            "steps_per_epoch": self._stream.steps,
            "shuffle": self._seed is not None,
        }
        return fingerprint(
            self._runtime, 32, self._callbacks.every, **given, **super()._fingerprint()
        )

    def _step(self, executable: Executable, run: _core.Run, data: Data, batch: int) -> None:
        run.watch = self._watch
        self._drive(executable, run, data, batch)
        if time.perf_counter() - self._shown > SLICE_SECONDS:
            self._callbacks.call("on_rows", run.origin + len(data), None)
            self._shown = time.perf_counter()

    def _warn_of_the_end(self, epoch: int) -> None:
        warn_caller(
            f"fit: the data ran out in epoch {epoch + 1} of {self._epochs.stop}, and training "
            "ends; pass what can be gone through again, an object with __iter__ or a "
            "fastnn.utils.PyDataset, or an endless generator and steps_per_epoch",
            UserWarning,
        )
