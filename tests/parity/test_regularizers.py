"""Regularizers and constraints beside Keras: losses and weights after twenty steps."""

import inspect

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

RNG = np.random.default_rng(3)
X = RNG.normal(size=(37, 5))
Y = RNG.normal(size=(37, 3))
IMAGES = RNG.normal(size=(37, 6, 5, 2))
SERIES = RNG.normal(size=(37, 6, 2))

LAYERS = {
    "l1": (X, lambda m: [m.layers.Dense(3, kernel_regularizer=m.regularizers.L1(0.02))]),
    "l2": (X, lambda m: [m.layers.Dense(3, kernel_regularizer=m.regularizers.L2(0.02))]),
    "names": (X, lambda m: [m.layers.Dense(3, kernel_regularizer="l1", bias_regularizer="l2")]),
    "l1_l2": (
        X,
        lambda m: [
            m.layers.Dense(
                7,
                "tanh",
                kernel_regularizer=m.regularizers.L1L2(0.02, 0.03),
                bias_regularizer=m.regularizers.L2(0.05),
            ),
            m.layers.Dense(3),
        ],
    ),
    "orthogonal": (
        X,
        lambda m: [
            m.layers.Dense(7, kernel_regularizer=m.regularizers.OrthogonalRegularizer(0.5)),
            m.layers.Dense(
                3, kernel_regularizer=m.regularizers.OrthogonalRegularizer(0.5, "columns")
            ),
        ],
    ),
    "activity": (
        X,
        lambda m: [m.layers.Dense(7, "tanh", activity_regularizer="l2"), m.layers.Dense(3)],
    ),
    "max_norm": (X, lambda m: [m.layers.Dense(3, kernel_constraint=m.constraints.MaxNorm(0.8))]),
    "max_norm 1": (
        X,
        lambda m: [m.layers.Dense(3, kernel_constraint=m.constraints.MaxNorm(0.8, axis=1))],
    ),
    "non_neg": (
        X,
        lambda m: [m.layers.Dense(3, kernel_constraint="non_neg", bias_constraint="non_neg")],
    ),
    "unit_norm": (X, lambda m: [m.layers.Dense(3, kernel_constraint="unit_norm")]),
    "min_max_norm": (
        X,
        lambda m: [
            m.layers.Dense(3, kernel_constraint=m.constraints.MinMaxNorm(0.3, 0.5, rate=0.7))
        ],
    ),
    "conv2d": (
        IMAGES,
        lambda m: [
            m.layers.Conv2D(
                4,
                3,
                activation="tanh",
                kernel_regularizer="l2",
                bias_regularizer="l1",
                activity_regularizer="l1",
                kernel_constraint=m.constraints.MaxNorm(0.6, axis=[0, 1, 2]),
            ),
            m.layers.Flatten(),
            m.layers.Dense(3),
        ],
    ),
    "lstm": (
        SERIES,
        lambda m: [
            m.layers.LSTM(
                4,
                kernel_regularizer="l2",
                recurrent_regularizer="l2",
                bias_regularizer="l1",
                activity_regularizer="l2",
                recurrent_constraint="unit_norm",
            ),
            m.layers.Dense(3),
        ],
    ),
    "batch normalization": (
        X,
        lambda m: [
            m.layers.BatchNormalization(
                beta_regularizer="l1", gamma_regularizer="l2", gamma_constraint="non_neg"
            ),
            m.layers.Dense(3),
        ],
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_twenty_steps(pair, name):
    x, make = LAYERS[name]
    made = pair(x.shape[1:], make, optimizer=lambda m: m.optimizers.SGD(0.05, momentum=0.5))
    if name == "batch normalization":  # no negative variance
        made.weights = [np.abs(w) for w in made.weights]
        made.reset()
    for step in range(20):
        rows = slice(step % 7 * 5, step % 7 * 5 + 5)
        ours = made.ours.train_on_batch(x[rows], Y[rows])
        theirs = float(made.theirs.train_on_batch(x[rows], Y[rows]))
        assert ours == pytest.approx(theirs, rel=1e-9)
    made.assert_same_weights(1e-9)
    theirs = made.theirs.evaluate(x, Y, batch_size=8, verbose=0)
    assert made.ours.evaluate(x, Y, batch_size=8, verbose=0) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        *(("regularizers", name) for name in ("L1", "L2", "L1L2", "OrthogonalRegularizer")),
        *(("constraints", name) for name in ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")),
    ],
)
def test_arguments_defaults_and_configs(keras, module, name):
    ours, theirs = (getattr(getattr(m, module), name) for m in (fastnn, keras))
    mine, keras_s = (inspect.signature(cls).parameters for cls in (ours, theirs))
    assert list(mine) == list(keras_s)
    assert [p.default for p in mine.values()] == [p.default for p in keras_s.values()]
    assert ours().get_config() == theirs().get_config()


@pytest.mark.parametrize("name", ["Dense", "Conv2D", "BatchNormalization"])
def test_layers_take_them_in_keras_s_order(keras, name):
    ours = inspect.signature(getattr(fastnn.layers, name)).parameters
    theirs = inspect.signature(getattr(keras.layers, name)).parameters
    shared = [argument for argument in theirs if argument in ours]
    positional = [a for a in ours if ours[a].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert positional == [a for a in shared if a in positional]
    for argument in shared:
        if argument.endswith(("regularizer", "constraint")):
            assert ours[argument].default == theirs[argument].default
