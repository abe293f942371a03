"""Initializers: the distributions their names promise, seeds, configs."""

import math

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, errors, initializers
from fastnn.layers import Conv2D, Dense

SHAPE = (200, 300)
N = math.prod(SHAPE)

#: name -> (standard deviation, largest absolute value) for SHAPE
MOMENTS = {
    "glorot_uniform": (math.sqrt(2 / 500), math.sqrt(6 / 500)),
    "he_uniform": (math.sqrt(2 / 200), math.sqrt(6 / 200)),
    "lecun_uniform": (math.sqrt(1 / 200), math.sqrt(3 / 200)),
    "glorot_normal": (math.sqrt(2 / 500), 2 * math.sqrt(2 / 500) / 0.8796),
    "he_normal": (math.sqrt(2 / 200), 2 * math.sqrt(2 / 200) / 0.8796),
    "lecun_normal": (math.sqrt(1 / 200), 2 * math.sqrt(1 / 200) / 0.8796),
    "variance_scaling": (math.sqrt(1 / 200), 2 * math.sqrt(1 / 200) / 0.8796),
    "random_uniform": (0.1 / math.sqrt(12), 0.05),
    "random_normal": (0.05, math.inf),
    "truncated_normal": (0.05 * 0.8796, 0.1),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments_and_range(name):
    stddev, limit = MOMENTS[name]
    values = initializers.get(name)(SHAPE, "float64")
    assert abs(values.mean()) < 5 * stddev / math.sqrt(N)
    assert values.std() == pytest.approx(stddev, rel=5 / math.sqrt(2 * N) + 1e-4)
    assert np.abs(values).max() <= limit * (1 + 1e-4)
    assert np.abs(values).max() > 0.95 * min(limit, 4 * stddev)


@pytest.mark.parametrize("name", ["random_normal", "truncated_normal", "random_uniform"])
def test_distribution_function(name):
    """Kolmogorov and Smirnov's distance, at a level of about 1e-6."""
    values = np.sort(initializers.get(name)(SHAPE, "float64").ravel())
    normal = np.vectorize(lambda x: 0.5 * math.erfc(-x / 0.05 / math.sqrt(2)))
    cdf = {
        "random_uniform": lambda x: (x + 0.05) / 0.1,
        "random_normal": normal,
        "truncated_normal": lambda x: (normal(x) - normal(-0.1)) / (1 - 2 * normal(-0.1)),
    }[name](values)
    distance = np.abs(cdf - np.arange(N) / N).max()
    assert distance < 2.7 / math.sqrt(N)


def test_neighbours_are_not_correlated():
    values = initializers.RandomUniform(-1, 1)((N,), "float64")
    for lag in (1, 2, 4, 300):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 5 / math.sqrt(N)


def test_constants():
    assert (initializers.Zeros()((3, 2)) == 0).all()
    assert (initializers.Ones()((3, 2)) == 1).all()
    assert (initializers.Constant(2.5)((3, 2)) == 2.5).all()
    assert (initializers.get(None)((3,)) == 0).all()


def test_a_convolutions_fans_count_its_pixels():
    assert initializers.fans((3, 5, 7, 11)) == (3 * 5 * 7, 3 * 5 * 11)
    assert initializers.fans((7,)) == (7, 7)
    assert initializers.fans(()) == (1, 1)
    layer = Conv2D(32, 3)
    Sequential([Input((9, 9, 16)), layer])
    limit = math.sqrt(6 / (9 * 16 + 9 * 32))
    assert 0.99 * limit < np.abs(layer.get_weights()[0]).max() <= limit * (1 + 1e-6)


def test_a_layer_starts_as_keras_does():
    layer = Dense(300)
    Sequential([Input((200,)), layer])
    kernel, bias = layer.get_weights()
    assert kernel.std() == pytest.approx(MOMENTS["glorot_uniform"][0], rel=0.02)
    assert (bias == 0).all()


def test_a_seed_of_its_own_gives_the_same_array_each_time():
    made = initializers.GlorotUniform(seed=5)
    assert np.array_equal(made((4, 3)), made((4, 3)))
    assert not np.array_equal(made((4, 3)), initializers.GlorotUniform(seed=6)((4, 3)))


def test_without_one_each_draw_differs_and_follows_set_seed():
    made = initializers.GlorotUniform()
    fastnn.set_seed(1)
    first, second = made((4, 3)), made((4, 3))
    fastnn.set_seed(1)
    assert np.array_equal(made((4, 3)), first)
    assert not np.array_equal(first, second)


def test_float32_is_float64_rounded():
    made = initializers.HeNormal(seed=5)
    assert np.array_equal(made((4, 3), "float32"), made((4, 3), "float64").astype(np.float32))


@pytest.mark.parametrize("cls", initializers.CLASSES.values())
def test_config_round_trip(cls):
    made = cls()
    again = initializers.get(initializers.serialize(made))
    assert type(again) is cls
    assert again.get_config() == made.get_config()


def test_options_survive_the_config():
    made = initializers.VarianceScaling(3.0, "fan_out", "uniform", seed=9)
    again = initializers.get(initializers.serialize(made))
    assert np.array_equal(made((5, 4)), again((5, 4)))


def test_a_function_is_an_initializer():
    layer = Dense(2, kernel_initializer=lambda shape, dtype: np.full(shape, 7, dtype))
    Sequential([Input((3,)), layer])
    assert (layer.get_weights()[0] == 7).all()


def test_known_numbers():
    """Pinned: other numbers would change the results of every script that sets a seed."""
    got = initializers.RandomUniform(0, 1, seed=42)((4,), "float64")
    assert got.tolist() == [
        0.45660970501857223,
        0.9411284650974846,
        0.7102199195563035,
        0.945320446786168,
    ]


# ---- names, arrays, functions --------------------------------------------------------------------


def test_identity():
    assert np.array_equal(initializers.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])
    with pytest.raises(errors.ShapeError, match="has to be a matrix"):
        initializers.Identity()((3,))


def test_axes_of_the_fans():
    spread = initializers.VarianceScaling(input_axes=[0, 1], output_axes=[2], seed=1)
    assert spread((20, 30, 5)).std() == pytest.approx(1 / np.sqrt(600), rel=0.05)
    again = initializers.get(initializers.serialize(spread))
    assert again.get_config() == spread.get_config()


def test_classes_functions_and_arrays():
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    given = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(initializers.get(given)((2, 3)), given)
    with pytest.raises(errors.ShapeError, match="the array has shape"):
        initializers.get(given)((3, 2))
    with pytest.raises(ValueError, match="no name that a config could hold"):
        initializers.serialize(initializers.get(given))

    def tens(shape, dtype=None):
        return np.full(shape, 10.0, dtype)

    layer = Dense(2, kernel_initializer=tens, bias_initializer=initializers.Ones)
    fastnn.Sequential([fastnn.Input((3,)), layer])
    assert np.array_equal(layer.get_weights()[0], np.full((3, 2), 10))
    assert layer.get_config()["kernel_initializer"] == "tens"
