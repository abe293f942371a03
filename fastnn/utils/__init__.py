"""Helpers about data that Keras has under this name."""

from typing import TYPE_CHECKING

from fastnn.config import set_seed
from fastnn.data.folders import image_dataset_from_directory
from fastnn.data.images import array_to_img, img_to_array, load_img, save_img
from fastnn.data.streams import PyDataset
from fastnn.data.windows import timeseries_dataset_from_array
from fastnn.naming import clear_session, public
from fastnn.registry import knowing as custom_object_scope
from fastnn.registry import register_keras_serializable
from fastnn.utils.arrays import pad_sequences, to_categorical
from fastnn.utils.labels import class_ids, class_labels, normalize
from fastnn.utils.pictures import model_to_dot, plot_model

Sequence = PyDataset
set_random_seed = set_seed

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "class_ids",
    "class_labels",
    "clear_session",
    "custom_object_scope",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
