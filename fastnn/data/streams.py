"""Data that comes batch by batch: from a ``PyDataset``, a generator, anything that is iterated.

Batches are made on other threads, some of them ahead of their use.  What is raised there is raised
again where the batch is asked for.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from fastnn import _core
from fastnn._checks import count
from fastnn._warnings import warn_caller
from fastnn.data.foreign import is_sparse
from fastnn.waiting import result

__all__ = ["PyDataset", "Stream", "is_stream"]

#: What a batch may be: ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``.
Batch = tuple[Any, ...]

#: Batches that are made ahead of their use, where nobody says how many.
_AHEAD = 10

_END = object()

#: Seconds of a pass, of as many batches as there are, until that is told.
_SILENT = 30.0


class PyDataset:
    """Base class of data that is made batch by batch: override ``__getitem__`` and ``__len__``.

    ``dataset[i]`` is batch i: ``(x, y)``, ``(x, y, sample_weight)``, or ``(x,)`` to predict;
    ``len(dataset)`` is the number of batches.  ``fit`` takes them in any order if ``shuffle`` is
    true, and makes some ahead on other threads; with several workers ``__getitem__`` is called by
    several threads at once.  What is random in it should follow from the index and from what
    ``on_epoch_end`` counts, or two runs differ.

    Args:
        workers: threads that make batches, 1 or more; they come in the order of their indices.
        use_multiprocessing: has to be false: batches are made by threads.
        max_queue_size: how many batches are made ahead, 1 or more.

    Example:
        >>> import fastnn, numpy
        >>> class Squares(fastnn.utils.PyDataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, i):
        ...         x = numpy.arange(8.0)[:, None] / 8 + i
        ...         return x, x**2
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> len(model.fit(Squares(), epochs=2, verbose=0).history["loss"])
        2
    """

    # for subclasses that do not call __init__
    workers = 1
    max_queue_size = _AHEAD

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = _AHEAD
    ):
        who = type(self).__name__
        if use_multiprocessing:
            raise ValueError(f"{who}: use_multiprocessing has to be False; batches come of threads")
        self.workers = count(who, "workers", workers, least=1)
        self.max_queue_size = count(who, "max_queue_size", max_queue_size, least=1)

    def __getitem__(self, index: int) -> Any:
        """Return batch ``index``."""
        raise NotImplementedError(f"{type(self).__name__}: __getitem__ has to be overridden")

    def __len__(self) -> int:
        """Return the number of batches."""
        raise NotImplementedError(f"{type(self).__name__}: __len__ has to be overridden")

    def __iter__(self) -> Iterator[Any]:
        """Go through the batches once, in order, on this thread."""
        indices = itertools.count() if self.num_batches is None else range(self.num_batches)
        return map(self.__getitem__, indices)

    @property
    def num_batches(self) -> int | None:
        """The number of batches; override it to return ``None`` if they never end."""
        return len(self)

    def on_epoch_begin(self) -> None:
        """Called before a pass over the batches."""

    def on_epoch_end(self) -> None:
        """Called after a pass over the batches."""


def is_stream(data: Any) -> bool:
    """Return whether data comes batch by batch, rather than as an array or as a nest of arrays."""
    # the quickest answer, for the most frequent question; a class has __iter__ for its objects
    if isinstance(data, np.ndarray | type):
        return False
    if isinstance(data, PyDataset) or hasattr(data, "__next__"):
        return True
    arrays = isinstance(data, list | tuple | dict | str | bytes | range | memoryview)
    arrays = arrays or hasattr(data, "__array__") or is_sparse(data)
    return not arrays and hasattr(data, "__iter__")


class Stream:
    """Passes over batches.

    Args:
        who: the method that was called, for messages.
        source: the caller's data, of which ``is_stream`` is true.
        steps: batches of a pass; ``None`` is all.
        argument: what the caller calls ``steps``.

    Attributes:
        steps: batches of a pass; ``None`` if nobody knows.
        position: the passes that were made to their end, and the batches of these.
    """

    def __init__(
        self, who: str, source: Any, steps: int | None = None, argument: str = "steps_per_epoch"
    ):
        self._who, self._source, self._argument = who, source, argument
        self.steps = None if steps is None else count(who, argument, steps, least=1)
        if isinstance(source, PyDataset):
            self._check_length(source.num_batches, argument)
        self._peeked: list[Batch] = []
        self._iterator: Iterator[Any] = iter(())
        self.position = (0, 0)

    def _check_length(self, length: int | None, argument: str) -> None:
        if length is None and self.steps is None:
            raise ValueError(f"{self._who}: the dataset never ends; give {argument}")
        if length is not None and not 0 < (self.steps or 1) <= length:
            raise ValueError(
                f"{self._who}: the dataset has {length} batches, fewer than "
                f"{self.steps or 1}; lower {argument}, or give more data"
            )
        self.steps = self.steps or length

    def peek(self) -> Batch:
        """Return the first batch of the first pass, ahead of it.

        Raises:
            ValueError: if there is none.
        """
        if isinstance(self._source, PyDataset):
            return as_batch(self._who, self._source[0])
        if self.ended():
            raise ValueError(f"{self._who}: the data has no batch")
        return self._peeked[0]

    def ended(self) -> bool:
        """Return whether nothing is left for a pass."""
        if isinstance(self._source, PyDataset):
            return False
        if not self._peeked:
            self._iterator = iter(self._source)  # of a generator, itself
            self._peeked = [as_batch(self._who, x) for x in itertools.islice(self._iterator, 1)]
        return not self._peeked

    def skip(self, passes: int, batches: int) -> None:
        """Go to where the stream stood after so many passes, and batches of these.

        An iterator is read so far; a ``PyDataset`` is told of the passes; anything else begins
        anew with each pass.
        """
        self.position = (passes, batches)
        if isinstance(self._source, PyDataset):
            for _ in range(passes):
                self._source.on_epoch_begin()
                self._source.on_epoch_end()
        elif iter(self._source) is self._source:
            for _ in range(batches):
                self.ended()
                self._peeked = []

    def batches(
        self, seed: int | None = None, epoch: int = 0, first: int = 0
    ) -> Generator[Batch, None, None]:
        """Make a pass.

        Args:
            seed: with ``epoch``, what the order of a ``PyDataset``'s batches follows from; ``None``
                is that of their indices.
            epoch: the number of the pass.
            first: the batch to begin with.
        """
        made, number = self._pass(seed, epoch, first), first
        due = time.perf_counter() + _SILENT if self._may_never_end() else math.inf
        with closing(made):
            for batch in made:
                number += 1
                if time.perf_counter() > due:
                    self._tell_of_no_end(number)
                    due = math.inf
                yield batch
        self.position = (self.position[0] + 1, self.position[1] + number)
        if self._who != "fit" and 0 < number < (self.steps or 0):  # which says so by itself
            self._tell_of_early_end(number)

    def _tell_of_early_end(self, number: int) -> None:
        """Warn of a pass that had fewer batches than were asked for."""
        warn_caller(
            f"{self._who}: {self._argument} is {self.steps:,}, but the data ran out after "
            f"{number:,} batch{'es' * (number > 1)}, and the result is of these; lower it, or give "
            "more data",
            UserWarning,
        )

    def _may_never_end(self) -> bool:
        """Whether nobody said that a pass ends; one that has ended will again.

        What ``fit`` can go through again is thought to end: an epoch may well be long.
        """
        again = self._who == "fit" and not isinstance(self._source, Iterator)
        unknown = self.steps is None and not self.position[0] and not again
        return unknown and not _has_length(self._source)

    def _tell_of_no_end(self, number: int) -> None:
        """Warn of what may go on for ever."""
        warn_caller(
            f"{self._who}: {number:,} batch{'es' * (number > 1)} in {_SILENT:g} s, and the data "
            f"has not ended; if it never does, give {self._argument}",
            UserWarning,
        )

    def _pass(self, seed: int | None, epoch: int, first: int) -> Generator[Batch, None, None]:
        if isinstance(self._source, PyDataset):
            return self._of_dataset(self._source, seed, epoch, first)
        made = self._of_iterator()
        for _ in itertools.islice(made, first):  # they were trained on before
            pass
        return made

    def _of_dataset(
        self, dataset: PyDataset, seed: int | None, epoch: int, first: int
    ) -> Generator[Batch, None, None]:
        indices: Iterable[int] = itertools.count()
        if dataset.num_batches is not None:
            indices = range(dataset.num_batches)
            if seed is not None:
                indices = _core.permutation(seed, epoch, dataset.num_batches).tolist()
        jobs = (
            partial(dataset.__getitem__, i) for i in itertools.islice(indices, first, self.steps)
        )
        dataset.on_epoch_begin()
        for made in made_ahead(jobs, dataset.workers, dataset.max_queue_size):
            yield as_batch(self._who, made)
        dataset.on_epoch_end()

    def _of_iterator(self) -> Generator[Batch, None, None]:
        if self.ended():
            return
        peeked, self._peeked = self._peeked, []
        yield from peeked
        left = None if self.steps is None else self.steps - len(peeked)
        jobs = itertools.repeat(partial(next, self._iterator, _END))
        for made in made_ahead(itertools.islice(jobs, left), 1, _AHEAD):
            if made is _END:
                return
            yield as_batch(self._who, made)


def _has_length(source: Any) -> bool:
    """Return whether a source knows how many batches it has; some with a ``__len__`` do not."""
    try:
        return len(source) >= 0
    except Exception:  # theirs, of any kind: nothing depends on it
        return False


def made_ahead(
    jobs: Iterable[Callable[[], Any]], workers: int, ahead: int
) -> Generator[Any, None, None]:
    """Yield what jobs return, in their order; some are done ahead, on other threads."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="fastnn-batches")
    waiting: deque[Future[Any]] = deque()
    try:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > ahead:
                yield result(waiting.popleft())
        while waiting:
            yield result(waiting.popleft())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def as_batch(who: str, made: Any) -> Batch:
    """Return a batch as a tuple of x, y and weights, as far as there are such.

    Raises:
        ValueError: if it is a tuple of something else.
    """
    batch = tuple(made) if isinstance(made, tuple | list) else (made,)
    if not 1 <= len(batch) <= 3:
        raise ValueError(
            f"{who}: a batch must be (x, y), (x, y, sample_weight) or (x,), got a tuple of "
            f"{len(batch)}"
        )
    return batch
