"""Data: what ships with the package, what can be made up, what can be read from files."""

from typing import TYPE_CHECKING

from fastnn.data.idx import read_idx
from fastnn.data.npz import read_npz
from fastnn.data.tables import Table, read_csv
from fastnn.datasets import cifar10, cifar100, fashion_mnist, mnist
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
from fastnn.naming import public

__all__ = [
    "Table",
    "cifar10",
    "cifar100",
    "fashion_mnist",
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
    "mnist",
    "read_csv",
    "read_idx",
    "read_npz",
    "train_test_split",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
