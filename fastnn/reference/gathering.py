"""Twins of the ops between the caller's arrays and the batch.

Row r of the batch is row order[first + r] of the data.  Data that cannot be used is refused: of
the rows of the batch, the lowest one is named, and nothing is returned.
"""

from typing import Literal

import numpy as np

from fastnn.reference.contract import Attrs, Data, Labels, Real, Run, samples, wide

RefusalKind = Literal["label_range", "label_fraction", "overflow", "id"]


class Refusal(Exception):
    """The caller's data is refused for its `value` in row `row` of the caller's array."""

    def __init__(self, kind: RefusalKind, row: int, value: float) -> None:
        super().__init__(kind, row, value)
        self.kind, self.row, self.value = kind, row, value


def gather(run: Run, attrs: Attrs, data: Data) -> Real:
    """x = data[order], converted to attrs["real"]; a finite value may not become infinite.

    If scaled it is slope x + offset, both of that precision.
    """
    for row in np.sort(samples(run)):
        finite = data[row][np.isfinite(data[row])]
        overflow = ~np.isfinite(finite.astype(attrs["real"]))
        if overflow.any():
            raise Refusal("overflow", int(row), float(finite[overflow][0]))
    x = data[samples(run)].astype(attrs["real"])
    if not attrs.get("scaled"):
        return x
    slope, offset = (float(np.asarray(attrs[name], x.dtype)) for name in ("slope", "offset"))
    return (slope * wide(x) + offset).astype(x.dtype)


def gather_labels(run: Run, attrs: Attrs, data: Data) -> Labels:
    """t = data[order], whole numbers with 0 <= t < classes, or -1 where it is the ignored label"""
    for row in np.sort(samples(run)):
        for value in map(float, data[row].reshape(-1)):
            if value == attrs["ignored"]:
                continue
            if not value == np.floor(value):  # nor is NaN a whole number
                raise Refusal("label_fraction", int(row), value)
            if not 0 <= value < attrs["classes"]:
                raise Refusal("label_range", int(row), value)
    labels = data[samples(run)].astype(np.float64)
    return np.where(labels == attrs["ignored"], -1, labels).astype(np.int32)


def label_numbers(run: Run, attrs: Attrs, t: Labels) -> Real:
    """y = t, as numbers"""
    return t.astype(attrs["real"])
