"""The layers that a description can name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastnn import registry
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
from fastnn.layers.core import Activation, Dense, Dropout, Flatten, InputLayer, Reshape
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

__all__ = ["CLASSES", "deserialize", "serialize"]

CLASSES: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        Activation,
        Add,
        Average,
        AveragePooling2D,
        BatchNormalization,
        Concatenate,
        Conv2D,
        Cropping2D,
        Dense,
        Dropout,
        Flatten,
        GRU,
        GlobalAveragePooling2D,
        GlobalMaxPooling2D,
        InputLayer,
        LSTM,
        MaxPooling2D,
        Maximum,
        Minimum,
        Multiply,
        RandomBrightness,
        RandomContrast,
        RandomCrop,
        RandomFlip,
        RandomRotation,
        RandomTranslation,
        RandomZoom,
        Reshape,
        SimpleRNN,
        Subtract,
        ZeroPadding2D,
    )
}


def serialize(layer: Layer) -> dict[str, Any]:
    """Return a description that ``deserialize`` makes an equal layer from, with other weights.

    Args:
        layer: any layer.

    Example:
        >>> import fastnn
        >>> fastnn.layers.serialize(fastnn.layers.Dropout(0.5, name="drop"))["config"]["rate"]
        0.5
    """
    return registry.serialize(layer)


def deserialize(
    description: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
) -> Layer:
    """Return the layer that a description stands for.

    Args:
        description: what ``serialize`` returned.
        custom_objects: classes of layers that are not fastnn's, by name.

    Raises:
        ModelFileError: if its class is neither fastnn's nor among ``custom_objects``.
    """
    return registry.deserialize("layer", description, CLASSES, custom_objects)
