"""Fit by several processes: what they have to agree on, and who does what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core
from fastnn.callbacks import Callback, History
from fastnn.callbacks.backup import Backup
from fastnn.callbacks.display import hushed
from fastnn.distributed.mpi import MPI
from fastnn.distributed.steps import Steps, Totals, evaluate
from fastnn.errors import RanksDifferError
from fastnn.fitting import Fit, Measure
from fastnn.metrics.user import InNumPy
from fastnn.resuming import digest
from fastnn.training import SLICE_SECONDS, Data

if TYPE_CHECKING:
    from fastnn.models.trainer import Trainer
    from fastnn.runtime import Runtime

__all__ = ["DistributedFit"]

#: Rows of the data that ranks compare.
_COMPARED = 256


class DistributedFit(Fit):
    """One call of ``fit`` on arrays, by all ranks of a job.

    Args:
        model: the model, compiled.
        data: what it learns from; all of it, on each rank.
        ranks: the processes.
        batch: rows of a batch of all ranks together.
        **options: as in ``Fit``.
    """

    def __init__(
        self,
        model: Trainer,
        data: Data,
        *,
        ranks: MPI,
        batch: int,
        validate: Measure | None = None,
        callbacks: Sequence[Callback] = (),
        verbose: int | str = 0,
        **options: Any,
    ):
        _check(model, ranks, batch, len(data), callbacks)
        self._ranks, leads = ranks, ranks.rank == 0
        super().__init__(
            model,
            data,
            batch=batch,
            validate=_shared(validate, ranks, model),
            callbacks=[each for each in callbacks if leads or not each.first_rank_only],
            verbose=verbose if leads else 0,
            **options,
        )
        self._steps = Steps(ranks, model.runtime, data, self._batch)
        told = ranks.of_first(self._callbacks.wants_batches("train"))
        self._tells_batches: bool = told

    def __call__(self) -> History:
        """Train; return what happened."""
        with hushed(self._ranks.rank > 0):
            history = super().__call__()
        self._compare_weights()
        return history

    # ---- what all have to agree on ---------------------------------------------------------------

    def _go_on(self) -> None:
        """Begin where rank 0 begins, after a look whether all were given the same."""
        self._compare("have been given other data or arguments", self._given())
        super()._go_on()
        callbacks = [each for each in self._callbacks.every if not each.first_rank_only]
        model, states = self._model, [each.get_state() for each in callbacks]
        word = (self._place, self._watch, model.seed, model.epochs_trained, states)
        word = self._ranks.of_first(word)
        self._place, self._watch, model.seed, model.epochs_trained, states = word
        for each, state in zip(callbacks, states, strict=True):
            if state:
                each.set_state(state)
        for home in ("params", "slots", "scalars", "step"):
            self._ranks.spread(self._runtime.buffers[home])
        self._runtime.trained()
        self._follow()

    def _given(self) -> list[Any]:
        rows = np.unique(np.linspace(0, len(self._data) - 1, _COMPARED).astype(np.int64))
        few = {name: array[rows] for name, array in self._data.lent.items()}
        shapes = [(array.shape, array.dtype.str) for array in self._data.lent.values()]
        chosen = (self._batch, self._rows, self._order is None, self._epochs, self._on_nonfinite)
        measured = self._validate is not None, str(self._validation_freq)
        return [digest(few), shapes, self._steps.listing, chosen, measured, self._ranks.chunks]

    def _follow(self) -> None:
        """Take rank 0's word on whether to stop, and on the learning rate."""
        optimizer = self._runtime.optimizer
        assert optimizer is not None
        rate = None if optimizer.scheduled else optimizer.rate(0)
        stop, rate = self._ranks.of_first((self._model.stop_training, rate))
        self._model.stop_training = stop
        if rate is not None and rate != optimizer.rate(0):
            optimizer.learning_rate = rate

    def _compare_weights(self) -> None:
        self._compare("hold other weights", _hash(self._runtime.buffers["params"].data))

    def _compare(self, what: str, value: Any) -> None:
        """Refuse to go on if ranks differ in a value.

        Raises:
            RanksDifferError: on all ranks; names those that differ from rank 0.
        """
        every = self._ranks.of_all(_hash(repr(value).encode()))
        others = [rank for rank, each in enumerate(every) if each != every[0]]
        if others:
            raise RanksDifferError(
                f"fit: ranks {', '.join(map(str, others[:8]))} {what} than rank 0; all have to run "
                "the same script on the same data, and what changes weights has to do so on all"
            )

    # ---- an epoch --------------------------------------------------------------------------------

    def _run_epoch(self, learn: Callable[[int], dict[str, Any]]) -> None:
        super()._run_epoch(learn)
        self._follow()
        self._compare_weights()

    @contextmanager
    def _learning(self) -> Iterator[Callable[[int], dict[str, Any]]]:
        yield self._learn_together

    def _learn_together(self, number: int) -> dict[str, Any]:
        order = None
        if self._order is not None:
            order = _core.permutation(self._model.seed, number, len(self._data))
        totals = self._steps.begin(number, self._model.seed, order)
        read = partial(_logs, self._runtime, totals, self._steps)
        shown = time.perf_counter()
        for first in self._firsts():
            if self._tells_batches:
                self._callbacks.call("on_train_batch_begin", first // self._batch, {})
            rows = min(self._batch, self._rows - first)
            ended = self._step(number, first, rows)
            if self._tells_batches:
                self._callbacks.call("on_train_batch_end", first // self._batch, read())
                self._follow()
                ended = self._model.stop_training
            if ended:
                break
            if time.perf_counter() - shown > SLICE_SECONDS:
                self._callbacks.call("on_rows", first + rows, self._samples)
                shown = time.perf_counter()
        return read()

    def _firsts(self) -> Iterator[int]:
        """Yield where each batch begins, with the learning rate of its step at hand."""
        known = 0
        firsts = range(0, self._rows, self._batch)
        for step, first in enumerate(firsts):
            if not known or self._tells_batches:
                known = self._runtime.set_rates(len(firsts) - step)
            known -= 1
            yield first

    def _step(self, number: int, first: int, rows: int) -> bool:
        """Learn from a batch; return whether training ends with it."""
        found = self._steps.compute(first, rows, self._watch)
        if found and self._watch:
            self._watch = False
            self._mind_together(number, first // self._batch)
            if self._model.stop_training and self._on_nonfinite == "stop":
                return True
        try:
            self._steps.update()
        finally:
            self._runtime.trained()
        return found and self._model.stop_training

    def _mind_together(self, number: int, batch: int) -> None:
        """Tell of the first loss that is not finite, on all ranks alike."""
        where = next(filter(None, self._ranks.of_all(self._steps.complaint)))
        self._tell_of_nonfinite(number, batch, where, aloud=self._ranks.rank == 0)
        self._follow()

    def _fingerprint(self) -> dict[str, Any]:
        return {**super()._fingerprint(), "chunks": self._ranks.chunks}


def _shared(measure: Measure | None, ranks: MPI, model: Trainer) -> Measure | None:
    """Return what measures a part of arrays on each rank; batches each rank measures all."""
    if measure is None or not isinstance(measure.source, Data):
        return measure
    arguments = (ranks, model.runtime, measure.source, measure.rows, "fit: validation_data")
    return replace(measure, means=lambda callbacks: evaluate(*arguments))


def _logs(runtime: Runtime, totals: Totals, steps: Steps) -> dict[str, Any]:
    """Return the means over the epoch so far, on all ranks."""
    assert runtime.objective is not None
    return runtime.objective.logs(totals.sum(), steps.parts)


def _check(
    model: Trainer, ranks: MPI, batch: int, rows: int, callbacks: Sequence[Callback]
) -> None:
    """Refuse what cannot be computed in chunks."""
    objective = model.runtime.objective
    assert objective is not None
    if model.kept_rows is not None:
        raise ValueError(
            f"fit: layers of {model.name!r} with stateful=True keep a state for each row of a "
            "batch, which distribute cuts in chunks; train it without distribute"
        )
    if min(batch, rows) < ranks.chunks:
        raise ValueError(
            f"fit: a batch of {min(batch, rows)} samples cannot be cut in {ranks.chunks} chunks; "
            f"give a larger batch_size, that of all ranks together, or MPI(chunks=...) of fewer"
        )
    if any(loss is not None and loss.reduction == "sum" for loss in objective.losses):
        raise ValueError(
            "fit: distribute averages over the chunks of a batch, so a loss has to be a mean; "
            "leave reduction='sum_over_batch_size', and multiply the learning rate instead"
        )
    for _, metric, _ in objective.watched:
        if isinstance(metric, InNumPy):
            raise ValueError(
                f"fit: the metric {metric.name!r} is written in NumPy, and knows the samples of "
                "its own process alone; write lower() of fastnn.ops instead of update_state()"
            )
    if any(isinstance(each, Backup) and each.left is not None for each in callbacks):
        raise ValueError(
            "fit: with distribute backups are made after whole epochs; leave save_freq='epoch'"
        )


def _hash(content: Any) -> str:
    import hashlib  # slow to import, and seldom needed

    return hashlib.sha256(content).hexdigest()
