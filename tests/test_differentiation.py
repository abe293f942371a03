"""fastnn.grad: gradients of functions and of models, against formulas and differences."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, ops
from fastnn.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
)

RNG = np.random.default_rng(4)


def differences(function, x, epsilon=1e-6):
    """The gradient of a function of an array by central differences."""
    slope = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = epsilon
        slope[index] = (function(x + step) - function(x - step)) / (2 * epsilon)
    return slope


def square_error(a, b):
    return ops.batch_mean(
        ops.reshape(ops.multiply(ops.subtract(a, b), ops.subtract(a, b)), (a.size.base,))
    )


# ---- functions -----------------------------------------------------------------------------------


def test_the_gradient_of_a_function():
    x = RNG.normal(size=5)
    assert np.allclose(fastnn.grad(ops.batch_mean, dtype="float64")(x), np.full(5, 0.2))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_by_several_arguments(dtype):
    a, b = RNG.normal(size=(2, 4, 3))
    da, db = fastnn.grad(square_error, argnums=(0, 1), dtype=dtype)(a, b)
    assert da.dtype == dtype
    assert np.allclose(da, 2 * (a - b) / 12, atol=1e-6)
    assert np.allclose(db, -da, atol=1e-6)


def test_the_value_comes_along():
    value, slope = fastnn.grad(square_error, value=True)([[1.0, 2.0]], [[0.0, 0.0]])
    assert value == 2.5
    assert slope.tolist() == [[1.0, 2.0]]


def test_an_argument_that_does_not_matter_has_the_gradient_zero():
    slope = fastnn.grad(lambda a, b: ops.batch_mean(a), argnums=1)([1.0, 2.0], [3.0, 4.0, 5.0])
    assert slope.tolist() == [0, 0, 0]


def test_the_argument_itself_as_the_result():
    assert fastnn.grad(lambda a: a)(3.0) == 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fastnn.grad(3), TypeError, ("grad", "function or a model", "int")),
        (lambda: fastnn.grad(lambda x: x)([1.0, 2.0]), ValueError, ("one number", "ops.sum")),
        (lambda: fastnn.grad(lambda x: 3.0)([1.0]), ValueError, ("one number", "float")),
        (
            lambda: fastnn.grad(ops.batch_mean, argnums=1)([1.0]),
            ValueError,
            ("argnums", "1 arguments"),
        ),
        (lambda: fastnn.grad(ops.batch_mean)(["a"]), TypeError, ("argument 0", "real numbers")),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), caught.value
    assert len(str(caught.value)) <= 400


# ---- models --------------------------------------------------------------------------------------


def model_of(shape, *layers, loss="mse"):
    fastnn.set_seed(2)
    model = Sequential([Input(shape, dtype="float64"), *layers])
    model.compile("sgd", loss)
    return model


MODELS = {
    "mlp": lambda: model_of((3,), Dense(5, "tanh"), Dropout(0.5), Dense(2)),
    "convnet": lambda: model_of((5, 4, 2), Conv2D(3, 2, activation="sigmoid"), Flatten(), Dense(2)),
    "normalized": lambda: model_of(
        (3,), Dense(4), BatchNormalization(), Activation("tanh"), Dense(2)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_the_loss_by_samples_and_weights(name):
    model = MODELS[name]()
    x = RNG.normal(size=(6, *model.input_shape[1:]))
    y = RNG.normal(size=(6, 2))
    found = fastnn.grad(model)(x, y)

    def loss(x):
        return np.mean((model.predict(x) - y) ** 2)

    assert np.isclose(found.value, loss(x))
    assert np.allclose(found.inputs, differences(loss, x), atol=1e-7)
    assert list(found.weights) == [v.path for v in model.trainable_weights]
    for variable in model.trainable_weights:
        kept = variable.numpy()

        def loss_of(value, variable=variable):
            variable.assign(value)
            return loss(x)

        slope = differences(loss_of, kept)
        variable.assign(kept)
        assert np.allclose(found.weights[variable.path], slope, atol=1e-7), variable


def test_gradients_of_the_outputs_need_no_loss():
    model = Sequential([Input((3,), dtype="float64"), Dense(4, "tanh")])
    x = RNG.normal(size=(5, 3))
    found = fastnn.grad(model)(x)
    y = model.predict(x)
    kernel, _ = model.get_weights()
    assert np.isclose(found.value, y.sum())
    assert np.allclose(found.inputs, (1 - y**2) @ kernel.T)
    assert np.allclose(found.weights[model.weights[0].path], x.T @ (1 - y**2))


def test_gradients_by_several_inputs_of_several_outputs():
    a, b = Input((2,), dtype="float64"), Input((3,), dtype="float64")
    both = Concatenate()([a, b])
    model = fastnn.Model([a, b], [Dense(2, "tanh")(both), Dense(1)(a)])
    xs = [RNG.normal(size=(4, 2)), RNG.normal(size=(4, 3))]
    found = fastnn.grad(model)(xs)

    def total(at, x):
        given = list(xs)
        given[at] = x
        return sum(y.sum() for y in model.predict(given))

    for at in range(2):
        slope = differences(lambda x, at=at: total(at, x), xs[at])
        assert np.allclose(found.inputs[at], slope, atol=1e-7)


def test_frozen_weights_have_no_gradient_and_the_model_is_left_as_it_was():
    model = MODELS["mlp"]()
    model.layers[1].trainable = False
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.get_weights()]
    found = fastnn.grad(model)(np.ones((2, 3)), np.ones((2, 2)))
    assert not any(path.startswith(model.layers[1].name + "/") for path in found.weights)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_layer_in_numpy_takes_part():
    class Cube(fastnn.layers.Layer):
        def forward(self, x):
            return x**3

        def backward(self, dy, x, y):
            return dy * 3 * x**2

    model = Sequential([Input((2,)), Cube()])
    assert fastnn.grad(model)([[1.0, 2.0]]).inputs.tolist() == [[3.0, 12.0]]


def test_what_the_outputs_do_not_depend_on_has_a_gradient_of_zeros():
    class Stop(fastnn.layers.Layer):
        def call(self, x):
            return ops.stop_gradient(x)

    found = fastnn.grad(Sequential([Input((2,)), Dense(3), Stop()]))([[1.0, 2.0]])
    assert found.inputs.tolist() == [[0.0, 0.0]]
    assert [slope.tolist() for slope in found.weights.values()] == [[[0.0] * 3] * 2, [0.0] * 3]


def test_a_model_needs_a_loss_for_targets():
    model = Sequential([Input((2,)), Dense(1)])
    with pytest.raises(fastnn.errors.NotCompiledError, match="compile"):
        fastnn.grad(model)([[1.0, 2.0]], [[1.0]])
