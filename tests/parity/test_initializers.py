"""Initializers beside Keras: arguments, configs, and the distributions that are drawn from."""

import inspect

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

SHAPES = [(300, 200), (3, 3, 40, 60)]


def test_every_one_of_keras_is_there(keras):
    theirs = {
        name
        for name in dir(keras.initializers)
        if inspect.isclass(getattr(keras.initializers, name))
        and not name.upper().startswith("STFT")
    }
    assert theirs - {"IdentityInitializer", "OrthogonalInitializer"} <= set(
        dir(fastnn.initializers)
    )
    for name in theirs - {"Initializer"}:
        ours = type(fastnn.initializers.get(name))
        assert ours.__name__ == getattr(keras.initializers, name).__name__
        assert getattr(fastnn.initializers, fastnn.naming.snake_case(ours.__name__)) is ours


@pytest.mark.parametrize("name", sorted(fastnn.initializers.CLASSES))
def test_arguments_defaults_and_configs(keras, name):
    ours, theirs = (getattr(m.initializers, name) for m in (fastnn, keras))
    mine, keras_s = (inspect.signature(cls).parameters for cls in (ours, theirs))
    if mine and name not in ("Zeros", "Ones"):
        assert list(mine) == list(keras_s)
        assert [p.default for p in mine.values()] == [p.default for p in keras_s.values()]
    config, expected = ours().get_config(), theirs().get_config()
    if name == "Identity":  # whose gain Keras's config loses
        expected = {"gain": 1.0}
    assert {k: v for k, v in config.items() if k != "seed"} == {
        k: v for k, v in expected.items() if k != "seed"
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", sorted(set(fastnn.initializers.CLASSES) - {"Identity"}))
def test_distributions(keras, name, shape):
    """Mean, spread, extremes and quantiles of tens of thousands of numbers."""
    ours = np.asarray(getattr(fastnn.initializers, name)()(shape, "float64"))
    theirs = np.asarray(getattr(keras.initializers, name)()(shape, "float64"))
    assert ours.shape == theirs.shape
    spread = theirs.std() or 1.0
    assert abs(ours.mean() - theirs.mean()) < 0.03 * spread
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    shares = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
    assert np.abs(np.quantile(ours, shares) - np.quantile(theirs, shares)).max() < 0.08 * spread


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_identity(keras, shape):
    ours = fastnn.initializers.Identity(0.5)(shape)
    assert np.array_equal(ours, np.asarray(keras.initializers.Identity(0.5)(shape)))
