"""Windows over a long series, as data that comes batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn import _core, config
from fastnn._checks import count
from fastnn._typing import Array
from fastnn.data.streams import PyDataset
from fastnn.errors import ShapeError

__all__ = ["Windows", "timeseries_dataset_from_array"]


class Windows(PyDataset):
    """Windows over a series; ``timeseries_dataset_from_array`` makes one.

    Windows are views of the series: they need no memory of their own until their batch is made.
    """

    def __init__(self, x: Array, y: Array | None, batch_size: int, seed: int | None):
        super().__init__()
        self._x, self._y, self._batch_size, self._seed = x, y, batch_size, seed
        self._passes = 0
        self._order: NDArray[np.int64] = np.arange(len(x))
        self._shuffle()

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self._x) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return batch ``index``: windows, and their targets, if there are some."""
        if not 0 <= index < len(self):
            raise IndexError(f"Windows: there are {len(self)} batches, no batch {index}")
        return self._take(self._order[index * self._batch_size :][: self._batch_size])

    def on_epoch_end(self) -> None:
        """Shuffle the windows, if that was asked for."""
        self._passes += 1
        self._shuffle()

    def load(self) -> tuple[Any, ...]:
        """Return all windows, in the order of time, and their targets, as arrays."""
        return self._take(slice(None))

    def _shuffle(self) -> None:
        if self._seed is not None:
            self._order = _core.permutation(self._seed, self._passes, len(self._x))

    def _take(self, rows: Any) -> tuple[Any, ...]:
        return (self._x[rows],) if self._y is None else (self._x[rows], self._y[rows])


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
) -> Windows:
    """Makes windows over a long series, with the target of each.

    Window i has the values ``i s, i s + r, i s + 2 r, ...`` after ``start_index``, with the stride
    s and the sampling rate r, and the target ``targets[i s]`` after it.

    Args:
        data: ``(steps, ...)``, the series.
        targets: ``(steps, ...)``, the target of the window that begins there: to predict what comes
            after a window, ``data[sequence_length * sampling_rate:]``; or ``None``.
        sequence_length: values of a window.
        sequence_stride: steps from one window to the next.
        sampling_rate: steps from one value of a window to the next.
        batch_size: windows of a batch.
        shuffle: whether windows come in another order each epoch.
        seed: what that follows from; ``None`` goes on with the process's seed.
        start_index: the first step that is used.
        end_index: the step after the last that is used.

    Returns:
        ``Windows`` for ``fit``, ``evaluate`` and ``predict``; its ``load()`` returns all of them:
        ``x: (windows, sequence_length, ...)``, ``y: (windows, ...)``.

    Raises:
        ShapeError: the series is shorter than a window, or there is no target.

    Example:
        >>> windows = timeseries_dataset_from_array(range(6), [10, 11, 12], 3)
        >>> x, y = windows.load()
        >>> x.tolist(), y.tolist()
        ([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [10, 11, 12])
    """
    who = "timeseries_dataset_from_array"
    length = count(who, "sequence_length", sequence_length, least=1)
    stride = count(who, "sequence_stride", sequence_stride, least=1)
    rate = count(who, "sampling_rate", sampling_rate, least=1)
    used = slice(start_index, end_index)
    series = np.asarray(data)[used]
    span = (length - 1) * rate + 1
    if len(series) < span:
        raise ShapeError(f"{who}: a window spans {span} steps, the series has {len(series)}")
    windows = np.lib.stride_tricks.sliding_window_view(series, span, axis=0)
    x = np.moveaxis(windows, -1, 1)[::stride, ::rate]
    y = None
    if targets is not None:
        y = np.asarray(targets)[used][::stride][: len(x)]
        x = x[: len(y)]
    if not len(x):
        raise ShapeError(f"{who}: there are no targets from {start_index} to {end_index}")
    order_seed = None if not shuffle else config.next_seed() if seed is None else seed
    return Windows(x, y, count(who, "batch_size", batch_size, least=1), order_seed)
