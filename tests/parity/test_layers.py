"""Layers beside Keras's: outputs and gradients at random shapes and options, names and defaults."""

import inspect

import numpy as np
import pytest

import fastnn
from fastnn.layers import serialization

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

RTOL = 1e-11


def check(made, shape, seed):
    """Compare outputs, and one step of gradient descent, which is the gradient of every weight."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, *shape))
    ours, theirs = made.ours.predict(x), np.asarray(made.theirs.predict(x, verbose=0))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= RTOL * max(1, np.abs(theirs).max())
    y = rng.uniform(0, 2, theirs.shape)  # of one sign, for a ReLU may come last
    assert np.isclose(
        made.ours.train_on_batch(x, y), float(made.theirs.train_on_batch(x, y)), rtol=RTOL
    )
    made.assert_same_weights(RTOL)


def descent(module):
    return module.optimizers.SGD(1.0)


@pytest.mark.parametrize("seed", range(30))
def test_dense(pair, seed):
    rng = np.random.default_rng(seed)
    rank = rng.integers(1, 4)
    shape = tuple(int(n) for n in rng.integers(1, 9, rank))
    options = {
        "units": int(rng.integers(1, 40)),
        "activation": [None, "relu", "sigmoid", "tanh", "softmax"][seed % 5],
        "use_bias": bool(rng.integers(2)),
    }

    def layers(m):
        return [m.layers.Dense(shape[-1], "tanh"), m.layers.Dense(**options)]

    check(pair(shape, layers, optimizer=descent), shape, seed)


def normalized(seed):
    """Return the shape of a sample and options of a normalisation, drawn from the seed."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(2, 8, seed % 3 + 1))
    axis = int(rng.integers(len(shape)))
    return shape, {
        "axis": axis + 1 if seed % 2 else axis - len(shape),
        "momentum": float(rng.uniform(0.5, 1)),
        "epsilon": float(rng.uniform(0.001, 0.1)),
        "center": bool(seed % 4),
        "scale": bool(seed % 5),
        "moving_mean_initializer": ["zeros", "ones"][seed % 2],
    }


@pytest.mark.parametrize("seed", range(30))
def test_batch_normalization(pair, seed):
    """Outputs, gradients and moving statistics over ten steps, then with the layer frozen; in
    float32 those of the first step."""
    shape, options = normalized(seed)

    def layers(m):
        return [m.layers.Dense(shape[-1], "tanh"), m.layers.BatchNormalization(**options)]

    made = pair(shape, layers, optimizer=lambda m: m.optimizers.SGD(0.1))
    made.weights[-1] = np.abs(made.weights[-1]) + 0.5  # a variance
    made.reset()
    check(made, shape, seed)
    single_precision(made, shape, layers, fastnn.optimizers.SGD(0.1), seed)
    rng = np.random.default_rng(1)
    for _ in range(10):
        x, y = rng.normal(size=(2, 5, *shape))
        assert np.isclose(made.ours.train_on_batch(x, y), float(made.theirs.train_on_batch(x, y)))
    made.assert_same_weights(1e-9)
    for model in (made.ours, made.theirs):
        model.layers[-1].trainable = False
        model.compile("sgd", "mse")
    check(made, shape, 2)
    assert np.allclose(made.ours.get_weights()[-1], made.theirs.get_weights()[-1])


def single_precision(made, shape, layers, optimizer, seed):
    """Compare ours in float32 with theirs in float64 after one step from the same weights."""
    made.reset()
    double, ours = made.ours, fastnn.Sequential([fastnn.Input(shape), *layers(fastnn)])
    ours.compile(optimizer, "mse")
    ours.set_weights(made.weights)
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(5, *shape))
    theirs = np.asarray(made.theirs.predict(x, verbose=0))
    assert np.abs(ours.predict(x) - theirs).max() <= 1e-5 * max(1, np.abs(theirs).max())
    y = rng.normal(size=theirs.shape)
    ours.train_on_batch(x, y)
    made.theirs.train_on_batch(x, y)
    made.ours = ours
    made.assert_same_weights(1e-5)
    made.ours = double
    made.reset()


ACTIVATIONS = ["tanh", "sigmoid", "relu", "linear"]


def recurrent(name, seed):
    """Return the shape of a sample and options of a recurrent layer, drawn from the seed."""
    rng = np.random.default_rng(seed)
    options = {
        "units": int(rng.integers(1, 40)),
        "use_bias": bool(seed % 4),
        "return_sequences": bool(seed % 2),
        "go_backwards": bool(seed % 3 == 1),
        "activation": ACTIVATIONS[seed // 2 % 4],
    }
    if name != "SimpleRNN":
        options["recurrent_activation"] = ["sigmoid", "tanh"][seed // 5 % 2]
    if name == "GRU":
        options["reset_after"] = bool(seed // 2 % 2)
    return tuple(int(n) for n in rng.integers(1, 9, 2)), options


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("seed", range(10))
def test_recurrent(pair, name, seed):
    shape, options = recurrent(name, seed)

    def layers(m):
        return [m.layers.Dense(shape[-1], "tanh"), getattr(m.layers, name)(**options)]

    check(pair(shape, layers, optimizer=descent), shape, seed)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("seed", range(4))
def test_recurrent_in_float32(pair, name, seed):
    """Ours in float32 against theirs in float64: outputs, and all weights after a step."""
    shape, options = recurrent(name, seed)

    def layers(m):
        return [getattr(m.layers, name)(**options), m.layers.Dense(2)]

    made = pair(shape, layers, optimizer=descent)
    single_precision(made, shape, layers, fastnn.optimizers.SGD(1.0), seed)


def test_stacked_recurrent_layers(pair):
    def layers(m):
        return [
            m.layers.LSTM(5, return_sequences=True),
            m.layers.GRU(7, return_sequences=True, go_backwards=True),
            m.layers.SimpleRNN(3),
            m.layers.Dense(2),
        ]

    check(pair((11, 3), layers, optimizer=descent), (11, 3), 0)


@pytest.mark.parametrize("name", ["linear", "relu", "sigmoid", "tanh", "softmax"])
def test_activation(pair, name):
    def layers(m):
        return [m.layers.Dense(7), m.layers.Activation(name)]

    check(pair((5,), layers, optimizer=descent), (5,), 0)


def test_flatten_and_reshape(pair):
    def layers(m):
        return [
            m.layers.Conv2D(3, 2),
            m.layers.Reshape((-1, 6)),
            m.layers.Dense(5, "tanh"),
            m.layers.Flatten(),
            m.layers.Dense(2),
        ]

    check(pair((5, 7, 2), layers, optimizer=descent), (5, 7, 2), 0)


@pytest.mark.parametrize("value", [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-320, 1e300])
@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_special_values(pair, name, value):
    made = pair((1,), lambda m: [m.layers.Activation(name)])
    ours = made.ours.predict([[value]]).item()
    theirs = np.asarray(made.theirs.predict(np.array([[value]]), verbose=0)).item()
    assert ours == pytest.approx(theirs, rel=1e-15, abs=1e-300, nan_ok=True)


#: Arguments that Keras has in **kwargs: those of base classes, and of long ago.
IN_KWARGS = {
    "name",
    "trainable",
    "dtype",
    "activity_regularizer",
    "input_length",
    "zero_output_for_mask",
}


@pytest.mark.parametrize(
    "name", sorted(set(serialization.classes()) - {"InputLayer", "MinMaxScaling"})
)
def test_arguments_and_their_order_and_defaults(keras, name):
    """Ours are Keras's without those of features we lack; what follows a lack is by keyword."""
    ours = inspect.signature(getattr(fastnn.layers, name)).parameters
    theirs = inspect.signature(getattr(keras.layers, name)).parameters
    for argument, parameter in ours.items():
        if argument in IN_KWARGS:
            continue
        assert argument in theirs
        assert parameter.default == theirs[argument].default
    positional = [a for a, p in ours.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    shared = [a for a in theirs if a in positional]
    assert positional == shared


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Dense", {"units": 3, "activation": "relu"}),
        ("Conv2D", {"filters": 3, "kernel_size": 2, "padding": "same", "strides": (1, 2)}),
        ("MaxPooling2D", {"pool_size": 3}),
        ("AveragePooling2D", {"pool_size": (3, 2), "strides": 1, "padding": "same"}),
        ("BatchNormalization", {"momentum": 0.9, "scale": False}),
        ("GlobalAveragePooling2D", {"keepdims": True}),
        ("GlobalMaxPooling2D", {}),
        ("Add", {}),
        ("Concatenate", {"axis": 1}),
        ("SimpleRNN", {"units": 3, "go_backwards": True}),
        ("LSTM", {"units": 3, "return_sequences": True, "dropout": 0.5}),
        ("GRU", {"units": 3, "reset_after": False, "unroll": True}),
        ("Activation", {"activation": "tanh"}),
        ("Dropout", {"rate": 0.5}),
        ("Flatten", {}),
        ("Reshape", {"target_shape": (2, -1)}),
    ],
)
def test_configs(keras, name, options):
    """What both describe, both describe alike."""
    ours = getattr(fastnn.layers, name)(**options).get_config()
    theirs = getattr(keras.layers, name)(**options).get_config()
    assert set(ours) <= set(theirs) | {"seed"}  # which Keras's SimpleRNN forgets
    for key in set(ours) & set(theirs) - {"name", "dtype"}:
        a, b = ours[key], theirs[key]
        if isinstance(a, dict):
            assert a["class_name"] == b["class_name"]
        else:
            assert (tuple(a) if isinstance(a, list) else a) == (
                tuple(b) if isinstance(b, list) else b
            )


def test_summary_counts(pair):
    def layers(m):
        return [
            m.layers.Conv2D(3, 3, padding="same"),
            m.layers.MaxPooling2D(),
            m.layers.Flatten(),
            m.layers.Dense(4),
        ]

    made = pair((9, 8, 2), layers)
    assert made.ours.count_params() == made.theirs.count_params()
    assert made.ours.output_shape == made.theirs.output_shape
    assert [w.shape for w in made.ours.get_weights()] == [
        w.shape for w in made.theirs.get_weights()
    ]
