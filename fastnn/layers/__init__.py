"""The layers, by their Keras names."""

from fastnn.layers.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from fastnn.layers.base import Layer
from fastnn.layers.convolution import Conv2D
from fastnn.layers.core import Activation, Dense, Dropout, Flatten, Input, InputLayer, Reshape
from fastnn.layers.embedding import Embedding, Masking
from fastnn.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from fastnn.layers.normalization import BatchNormalization
from fastnn.layers.padding import Cropping2D, ZeroPadding2D
from fastnn.layers.pooling import (
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
)
from fastnn.layers.recurrent import GRU, LSTM, SimpleRNN
from fastnn.layers.serialization import deserialize, serialize

__all__ = [
    "GRU",
    "LSTM",
    "Activation",
    "Add",
    "Average",
    "AveragePooling2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Cropping2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Input",
    "InputLayer",
    "Layer",
    "Masking",
    "MaxPooling2D",
    "Maximum",
    "Minimum",
    "Multiply",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Reshape",
    "SimpleRNN",
    "Subtract",
    "ZeroPadding2D",
    "deserialize",
    "serialize",
]
