"""What scripts look for under ``keras.backend``: functions that have their places elsewhere."""

from fastnn.config import epsilon, floatx, image_data_format, set_floatx
from fastnn.naming import clear_session

__all__ = ["clear_session", "epsilon", "floatx", "image_data_format", "set_floatx"]
