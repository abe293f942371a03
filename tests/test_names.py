"""Keras's other names."""

import pytest

import fastnn
from fastnn import layers


def test_what_is_looked_for_in_the_package_is_found_elsewhere():
    with pytest.raises(AttributeError, match=r"it is fastnn\.layers\.Dense$"):
        fastnn.Dense  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'$"):
        fastnn.nonsense  # noqa: B018


def test_other_names_are_the_same_classes():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert layers.Convolution2D is layers.Conv2D
    assert fastnn.activations.swish is fastnn.activations.silu
    assert fastnn.activations.hard_swish is fastnn.activations.hard_silu
