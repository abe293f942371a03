"""Losses and metrics: their values, their gradients, which output they go with, their names."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, losses, metrics
from fastnn.layers import Activation, Dense

RNG = np.random.default_rng(2)
Z = RNG.normal(size=(9, 5)) * 3
LABELS = RNG.integers(0, 5, 9)
ONE_HOT = np.eye(5)[LABELS]
SOFT = RNG.dirichlet(np.ones(5), 9)
BITS = (RNG.random((9, 5)) > 0.5).astype(float)


def measure(z, targets, loss, activation="linear", metric=()):
    model = Sequential([Input(z.shape[1:], dtype="float64"), Activation(activation)])
    model.compile(loss=loss, metrics=list(metric))
    return model.evaluate(z, targets, verbose=0)


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def log_sigmoid(z):
    return -np.logaddexp(0, -z)


MEANINGS = [
    ("mse", "linear", Z * 2, np.mean((Z - 2 * Z) ** 2)),
    (
        "sparse_categorical_crossentropy",
        "softmax",
        LABELS,
        -log_softmax(Z)[np.arange(9), LABELS].mean(),
    ),
    ("categorical_crossentropy", "softmax", ONE_HOT, -(ONE_HOT * log_softmax(Z)).sum(1).mean()),
    ("categorical_crossentropy", "softmax", SOFT, -(SOFT * log_softmax(Z)).sum(1).mean()),
    (
        "binary_crossentropy",
        "sigmoid",
        BITS,
        -(BITS * log_sigmoid(Z) + (1 - BITS) * log_sigmoid(-Z)).mean(),
    ),
]
LOGITS = {
    "sparse_categorical_crossentropy": losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": losses.CategoricalCrossentropy,
    "binary_crossentropy": losses.BinaryCrossentropy,
}


@pytest.mark.parametrize(("loss", "activation", "targets", "want"), MEANINGS)
def test_value(loss, activation, targets, want):
    assert np.isclose(measure(Z, targets, loss, activation), want, rtol=1e-13, atol=0)


@pytest.mark.parametrize(("loss", "activation", "targets", "want"), MEANINGS[1:])
def test_logits_and_probabilities_are_one_loss(loss, activation, targets, want):
    written = measure(Z, targets, loss, activation)
    assert measure(Z, targets, LOGITS[loss](from_logits=True)) == written


@pytest.mark.parametrize(("loss", "activation", "targets", "want"), MEANINGS)
def test_gradient(loss, activation, targets, want):
    model = Sequential([Input((5,), dtype="float64"), Dense(5, activation)])
    model.compile(loss=loss)
    check = fastnn.gradcheck(model, Z, targets)
    assert check.ok, str(check)


@pytest.mark.parametrize("size", [1e3, 1e30])
@pytest.mark.parametrize(
    ("loss", "activation", "targets"),
    [
        ("sparse_categorical_crossentropy", "softmax", [1]),
        ("categorical_crossentropy", "softmax", [[0.0, 1.0]]),
        ("binary_crossentropy", "sigmoid", [[0.0, 1.0]]),
    ],
)
def test_scores_of_any_size_give_a_finite_loss(loss, activation, targets, size):
    right = measure(np.array([[-size, size]]), targets, loss, activation)
    wrong = measure(np.array([[size, -size]]), targets, loss, activation)
    assert right == 0
    assert wrong == (2 * size if activation == "softmax" else size)


def test_images_of_numbers_have_the_mean_over_all():
    a, b = RNG.normal(size=(2, 4, 3, 3, 2))
    assert np.isclose(measure(a, b, "mse"), np.mean((a - b) ** 2), rtol=1e-14)
    z, t = a, (b > 0).astype(float)
    want = -(t * log_sigmoid(z) + (1 - t) * log_sigmoid(-z)).mean()
    assert np.isclose(measure(z, t, "binary_crossentropy", "sigmoid"), want, rtol=1e-13)


# ---- metrics -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "activation", "targets", "want"),
    [
        (
            "sparse_categorical_crossentropy",
            "softmax",
            LABELS,
            (Z.argmax(1) == LABELS).mean(),
        ),
        (
            "categorical_crossentropy",
            "softmax",
            SOFT,
            (Z.argmax(1) == SOFT.argmax(1)).mean(),
        ),
        ("binary_crossentropy", "sigmoid", BITS, ((Z > 0) == BITS).mean()),
    ],
)
def test_accuracy_is_the_one_that_fits(loss, activation, targets, want):
    assert np.isclose(measure(Z, targets, loss, activation, ["accuracy"])[1], want, rtol=1e-15)
    logits = LOGITS[loss](from_logits=True)
    assert np.isclose(measure(Z, targets, logits, metric=["accuracy"])[1], want, rtol=1e-15)


def test_accuracy_of_one_unit_is_binary():
    z = Z[:, :1]
    got = measure(z, BITS[:, :1], "binary_crossentropy", "sigmoid", ["acc"])[1]
    assert np.isclose(got, ((z > 0) == BITS[:, :1]).mean(), rtol=1e-15)


def test_the_first_of_tied_classes_is_chosen():
    z = np.zeros((3, 4))
    assert measure(z, [0, 1, 0], "sparse_categorical_crossentropy", "softmax", ["accuracy"])[
        1
    ] == pytest.approx(2 / 3)


def test_binary_threshold():
    metric = metrics.BinaryAccuracy(name="strict", threshold=0.9)
    p = 1 / (1 + np.exp(-Z))
    got = measure(Z, BITS, "binary_crossentropy", "sigmoid", [metric])[1]
    assert np.isclose(got, ((p > 0.9) == BITS).mean(), rtol=1e-15)


def test_squared_error_as_a_metric_reads_probabilities():
    got = measure(Z, SOFT, "categorical_crossentropy", "softmax", ["mse"])[1]
    assert np.isclose(got, np.mean((np.exp(log_softmax(Z)) - SOFT) ** 2), rtol=1e-13)


def test_several_metrics_come_in_order():
    model = Sequential([Input((5,)), Activation("softmax")])
    model.compile(loss="categorical_crossentropy", metrics=["acc", "mse", metrics.BinaryAccuracy])
    assert model.metrics_names == ["loss", "acc", "mse", "binary_accuracy"]
    assert list(model.evaluate(Z, SOFT, verbose=0, return_dict=True)) == model.metrics_names


# ---- names and configs ---------------------------------------------------------------------------


@pytest.mark.parametrize("module", [losses, metrics])
def test_names_classes_configs_and_objects_are_understood(module):
    for cls in module.CLASSES.values():
        if issubclass(cls, metrics._AtRate):  # which need a number
            made = cls(0.5)
        else:
            made = module.get(cls)
            assert type(module.get(cls.__name__)) is cls
            assert type(module.get(made.name)) is cls
        assert type(made) is cls
        assert module.get(made) is made
        again = module.get(module.serialize(made))
        assert type(again) is cls
        assert again.get_config() == made.get_config()


def test_short_and_old_spellings():
    assert isinstance(losses.get("MSE"), losses.MeanSquaredError)
    assert isinstance(losses.get("bce"), losses.BinaryCrossentropy)
    assert losses.BinaryCrossEntropy is losses.BinaryCrossentropy
    assert metrics.get("acc").name == "acc"


def test_options_survive_the_config():
    loss = losses.BinaryCrossentropy(from_logits=True, name="mine")
    again = losses.get(losses.serialize(loss))
    assert (again.from_logits, again.name) == (True, "mine")
    assert metrics.get(metrics.serialize(metrics.BinaryAccuracy(threshold=0.7))).threshold == 0.7
