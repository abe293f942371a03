"""What scripts look for under ``keras.preprocessing``: functions of ``fastnn.utils``."""

from fastnn.preprocessing import sequence
from fastnn.utils import image_dataset_from_directory, timeseries_dataset_from_array

__all__ = ["image_dataset_from_directory", "sequence", "timeseries_dataset_from_array"]
