"""What a twin is: the types that every file of this folder shares.

A twin computes one op of csrc/ops.def in NumPy.  It is called ``twin(run, attrs, *inputs)``, with
the inputs in the order of the op's signature and None for an absent one.  It returns the op's
outputs: one array, a tuple of several, or None.  Operands flagged ~ are changed in place.

A twin is the truth a kernel is measured against, so it works in float64 and rounds once, to the
precision of its inputs; NaN and infinity go through it without a warning (see twins.py).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating[Any]]  # the program's precision: float32 or float64
Labels = NDArray[np.int32]
Data = NDArray[Any]  # a caller's array, of any type

# Attributes by their names in ops.def (an activation by its own name), and, for an output whose
# shape the inputs do not tell, the sizes of its axes by their letters.
Attrs = Mapping[str, Any]

Twin = Callable[..., Data | tuple[Data, ...] | None]


class Run(Protocol):
    """Where the running batch stands in the caller's data: what an op may read of fnn_run."""

    @property
    def order(self) -> NDArray[np.int64] | None: ...
    @property
    def first(self) -> int: ...
    @property
    def rows(self) -> int: ...
    @property
    def origin(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seed(self) -> int: ...


def samples(run: Run) -> NDArray[np.int64]:
    """The rows of the caller's data that the batch holds: order[first : first + rows]."""
    if run.order is None:
        return np.arange(run.first, run.first + run.rows, dtype=np.int64)
    return run.order[run.first : run.first + run.rows]


def sample_numbers(run: Run) -> NDArray[np.int64]:
    """The numbers of the batch's samples: what random numbers are keyed by."""
    return run.origin + samples(run)


def summed(x: Data, *axes: int) -> Data:
    """Sums over some axes, by pairs.

    NumPy adds so along the last axis alone, and else one by one: in float64 the error of thousands
    of terms would be beyond that of the kernels (Higham, "The accuracy of floating point
    summation", 1993).
    """
    last = np.moveaxis(x, axes, range(-len(axes), 0))
    kept = last.shape[: x.ndim - len(axes)]
    count = math.prod(last.shape[x.ndim - len(axes) :])
    total: Data = np.ascontiguousarray(last).reshape(*kept, count).sum(-1)
    return total


def columns(a: Data) -> int:
    """n of a[r,n*]: the product of all axes but the rows."""
    return math.prod(a.shape[1:])


def wide(a: Data) -> NDArray[np.float64]:
    """a in float64."""
    return a.astype(np.float64)


def bfloat16(a: Data) -> NDArray[np.float32]:
    """a, rounded to float32 and then to 8 bits: to nearest, ties to even, denormals to zero."""
    with np.errstate(over="ignore"):
        single = np.asarray(a, np.float32)
    bits = single.view(np.uint32)
    near = (bits + 0x7FFF + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    rounded = np.where(np.isnan(single), single, near.view(np.float32))
    return np.where(np.abs(single) < np.finfo(np.float32).tiny, np.float32(0), rounded)
