"""Data: what ships with the package, what can be made up, what can be read from files."""

from fastnn.datasets.digits import load_digits
from fastnn.datasets.synthetic import (
    make_blobs,
    make_circles,
    make_moons,
    make_multilabel_shapes,
    make_regression,
    make_sine,
    make_spirals,
    make_tabular,
    make_timeseries,
    make_xor,
)
from fastnn.model_selection import train_test_split

__all__ = [
    "load_digits",
    "make_blobs",
    "make_circles",
    "make_moons",
    "make_multilabel_shapes",
    "make_regression",
    "make_sine",
    "make_spirals",
    "make_tabular",
    "make_timeseries",
    "make_xor",
    "train_test_split",
]
