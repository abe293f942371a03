"""Helpers about data that Keras has under this name."""

from fastnn.data.streams import PyDataset

Sequence = PyDataset

__all__ = ["PyDataset", "Sequence"]
