"""Mixed precision beside Keras's: no further from float32 than Keras is, which rounds more."""

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

MIXED = "mixed_bfloat16"


def network(module, dtype):
    layers = module.layers
    return module.Sequential(
        [
            module.Input((12, 12, 3)),
            layers.Conv2D(16, 3, activation="relu", dtype=dtype),
            layers.MaxPooling2D(2, dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(40, activation="tanh", dtype=dtype),
            layers.Dense(4, dtype=dtype),
        ]
    )


def outputs(model, weights, x, **options):
    model.set_weights(weights)
    return np.asarray(model.predict(x, **options), np.float64)


@pytest.mark.parametrize("seed", range(3))
def test_predictions(keras, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(32, 12, 12, 3)).astype(np.float32)
    single, theirs = network(keras, "float32"), network(keras, MIXED)
    shapes = [w.shape for w in single.get_weights()]
    weights = [rng.normal(size=n) / np.sqrt(np.prod(n[:-1], initial=4)) for n in shapes]
    ours = network(fastnn, None)
    ours.compile(loss="mse", dtype=MIXED)
    known = outputs(single, weights, x, verbose=0)
    error = np.abs(outputs(ours, weights, x) - known).max()
    assert 0 < error <= np.abs(outputs(theirs, weights, x, verbose=0) - known).max()
    assert error < 2**-6 * np.abs(known).max()


def test_names(keras):
    before = keras.mixed_precision.dtype_policy().name, fastnn.config.dtype_policy()
    try:
        for module in (keras, fastnn):
            module.mixed_precision.set_global_policy(MIXED)
            module.config.set_dtype_policy(MIXED)
        assert keras.config.dtype_policy().name == fastnn.config.dtype_policy() == MIXED
    finally:
        keras.config.set_dtype_policy(before[0])
        fastnn.config._policy = None
