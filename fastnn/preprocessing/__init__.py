"""What scripts look for under ``keras.preprocessing``: functions of ``fastnn.utils``."""

from typing import TYPE_CHECKING

from fastnn.naming import public
from fastnn.preprocessing import sequence
from fastnn.utils import image_dataset_from_directory, timeseries_dataset_from_array

__all__ = ["image_dataset_from_directory", "sequence", "timeseries_dataset_from_array"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
