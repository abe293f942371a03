"""What scripts look for under ``keras.preprocessing.sequence``."""

from fastnn.utils import pad_sequences

__all__ = ["pad_sequences"]
