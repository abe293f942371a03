"""Data: what ships with the package, what can be made up, what can be read from files."""

from fastnn.datasets.digits import load_digits
from fastnn.model_selection import train_test_split

__all__ = ["load_digits", "train_test_split"]
