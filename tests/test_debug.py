"""Finding the first number that is not finite."""

import numpy as np
import pytest

import fastnn
from fastnn.debug import NonFinite, find_nonfinite
from fastnn.errors import NotCompiledError
from fastnn.layers import BatchNormalization, Concatenate, Dense

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = np.arange(12) % 2


def model(dtype="float32"):
    made = fastnn.Sequential(
        [
            fastnn.Input((3,)),
            Dense(4, activation="relu", name="first"),
            BatchNormalization(name="norm"),
            Dense(2, activation="softmax", name="last"),
        ],
        dtype=dtype,
    )
    made.compile("adam", "sparse_categorical_crossentropy")
    return made


def spoilt(value, *rows):
    x = X.copy()
    x[list(rows), 1] = value
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_finite_numbers_are_none(dtype):
    assert find_nonfinite(model(dtype), X) is None
    assert find_nonfinite(model(dtype), X, Y) is None


@pytest.mark.parametrize("y", [None, Y])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_data_is_named_with_its_rows(value, y):
    assert find_nonfinite(model(), spoilt(value, 2, 7), y) == NonFinite("data", "x", (2, 7))


def test_no_more_than_ten_rows_are_told():
    assert find_nonfinite(model(), X * np.nan).rows == tuple(range(10))


def test_targets_are_data():
    made = fastnn.Sequential([fastnn.Input((3,)), Dense(1)])
    made.compile("sgd", "mse")
    y = np.where(Y == 1, np.inf, 0.0)
    y[:3] = 0
    assert find_nonfinite(made, X, y) == NonFinite("data", "y", (3, 5, 7, 9, 11))


def test_one_of_several_inputs_is_named():
    a, b = fastnn.Input((3,)), fastnn.Input((3,))
    made = fastnn.Model([a, b], Dense(1)(Concatenate()([a, b])))
    assert find_nonfinite(made, [X, spoilt(np.nan, 4)]) == NonFinite("data", "x1", (4,))


def test_weights_are_named_by_their_path():
    made = model()
    weights = made.get_weights()
    weights[-1][1] = np.nan
    made.set_weights(weights)
    found = find_nonfinite(made, X)
    assert (found.kind, found.rows) == ("weights", ())
    assert found.name == made.weights[-1].path


def test_a_layer_that_overflows_is_named_with_the_rows():
    made = model()
    made.get_layer("first").set_weights([np.full((3, 4), 3e38), np.zeros(4)])
    x = np.zeros((12, 3))
    x[5] = 10
    assert find_nonfinite(made, x) == NonFinite("layer", "first", (5,))


def test_a_loss_that_overflows():
    made = fastnn.Sequential([fastnn.Input((3,)), Dense(1)])
    made.compile("sgd", "mse")
    assert find_nonfinite(made, X, np.full(12, 1e30)).kind == "loss"
    assert find_nonfinite(made, X) is None


def test_a_gradient_that_overflows():
    """The loss is 1e30 or so, its derivative by the first kernel 1e15 times that."""
    made = fastnn.Sequential([fastnn.Input((1,)), Dense(1, name="first"), Dense(1, name="last")])
    made.compile("sgd", "mae")
    made.get_layer("first").set_weights([[[1e-30]], [0.0]])
    made.get_layer("last").set_weights([[[1e30]], [0.0]])
    found = find_nonfinite(made, np.full((4, 1), 1e20), np.zeros(4))
    assert (found.kind, found.name) == ("gradient", "first")


def test_the_model_stays_as_it_is():
    made = model()
    before = made.get_weights()
    find_nonfinite(made, X, Y)
    assert all(map(np.array_equal, before, made.get_weights()))


def test_targets_need_a_compiled_model():
    with pytest.raises(NotCompiledError, match="find_nonfinite"):
        find_nonfinite(fastnn.Sequential([fastnn.Input((3,)), Dense(1)]), X, Y)
