"""Functions as layers, and layers by Keras's other names."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops
from fastnn.gradcheck import gradcheck

X = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")


def distance(ab, power):
    return ops.power(ops.abs(ab[0] - ab[1]), power)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_its_function(dtype):
    square = layers.Lambda(ops.square)
    model = fastnn.Sequential([fastnn.Input((4,)), square], dtype=dtype)
    x = X.astype(dtype)
    assert np.array_equal(model.predict(x), x * x)


def test_it_takes_several_tensors_and_arguments():
    a, b = fastnn.Input((4,)), fastnn.Input((4,))
    model = fastnn.Model([a, b], layers.Lambda(distance, arguments={"power": 2.0})([a, b]))
    assert np.allclose(model.predict([X, 2 * X]), X * X)


def test_gradients_flow_through_it():
    first, last = layers.Dense(3), layers.Dense(1)
    model = fastnn.Sequential(
        [fastnn.Input((4,)), first, layers.Lambda(lambda x: ops.sin(x) * x), last], dtype="float64"
    )
    model.compile("sgd", "mse")
    gradcheck(model, X.astype("float64"), np.ones((7, 1)))
    before = first.get_weights()[0]
    model.fit(X, np.ones(7), verbose=0)
    assert not np.array_equal(before, first.get_weights()[0])


def test_it_cannot_be_saved_and_says_what_can(tmp_path):
    model = fastnn.Sequential([fastnn.Input((4,)), layers.Lambda(ops.square, name="sq")])
    with pytest.raises(ValueError, match=r"sq: a Lambda cannot be saved .*sub-class"):
        model.save(tmp_path / "m.fastnn")
    assert not list(tmp_path.iterdir())


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"function must be a function of a tensor.*got int"):
        layers.Lambda(3)


def test_other_names_are_the_same_classes():
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert layers.Convolution2D is layers.Conv2D
    assert fastnn.activations.swish is fastnn.activations.silu
    assert fastnn.activations.hard_swish is fastnn.activations.hard_silu
