"""Helpers about data that Keras has under this name."""

from fastnn.data.labels import class_ids, class_labels, normalize, to_categorical
from fastnn.data.streams import PyDataset

Sequence = PyDataset

__all__ = [
    "PyDataset",
    "Sequence",
    "class_ids",
    "class_labels",
    "normalize",
    "to_categorical",
]
