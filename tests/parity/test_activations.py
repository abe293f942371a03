"""Activations, normalisations and noise beside Keras's: outputs, and gradients of inputs and
weights, at many random shapes in both precisions."""

import functools

import numpy as np
import pytest

import fastnn
from fastnn import activations

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

RTOL = {"float32": 1e-5, "float64": 1e-10}
SEEDS = range(30)


def beside(make, shape, seed):
    """Compare a layer with Keras's on random numbers: y, and the gradients of mean (y - t)^2."""
    import jax
    import keras

    rng = np.random.default_rng(seed)
    x = single(rng.normal(0, 1.5, size=(4, *shape)))
    theirs = make(keras)
    theirs.build((None, *shape))
    weights = [single(rng.normal(size=w.shape)) for w in theirs.trainable_variables]
    if weights:
        theirs.set_weights(weights)

    def loss(values, x):
        fixed = [v.value for v in theirs.non_trainable_variables]
        y, _ = theirs.stateless_call(values, fixed, x)
        return ((y - target) ** 2).mean(), y

    values = [v.value for v in theirs.trainable_variables]
    target = single(rng.random((4, *shape)))  # what every activation may answer
    (_, y), (dw, dx) = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(values, x)
    for dtype in RTOL:
        model = fastnn.Sequential([fastnn.Input(shape), make(fastnn)], dtype=dtype)
        if weights:
            model.set_weights(weights)
        model.compile("sgd", "mse")
        close(model.predict(x.astype(dtype)), y, dtype)
        found = fastnn.grad(model)(x.astype(dtype), target)
        for a, b in zip((found.inputs, *found.weights.values()), (dx, *dw), strict=True):
            close(a, b, dtype)


def single(a):
    """Numbers that both precisions have."""
    return a.astype(np.float32).astype(np.float64)


def close(a, b, dtype):
    b = np.asarray(b)
    assert a.dtype == dtype
    assert a.shape == b.shape
    scale = max(np.abs(b).max(initial=0), 1e-3)
    assert np.abs(a - b).max(initial=0) <= RTOL[dtype] * scale


def sizes(seed, rank, least=1, most=9):
    rng = np.random.default_rng(1000 + seed)
    return tuple(int(n) for n in rng.integers(least, most, rank))


NAMES = sorted(
    set(activations.__all__)
    - {"get", "serialize", "deserialize", "step", "threshold", "hard_silu", "softmax"}
)


@pytest.mark.parametrize("name", [*NAMES, "swish", "hard_swish"])
def test_an_activation_by_name(keras, name):
    for seed in range(2):
        beside(lambda module: module.layers.Activation(name), sizes(seed, 2, most=30), seed)


OPTIONS = [
    ("relu", {"negative_slope": 0.3}),
    ("relu", {"max_value": 1.5}),
    ("relu", {"threshold": 0.7, "negative_slope": 0.2, "max_value": 2.0}),
    ("leaky_relu", {"negative_slope": 0.1}),
    ("elu", {"alpha": 0.3}),
    ("celu", {"alpha": 0.3}),
    ("gelu", {"approximate": True}),
    ("squareplus", {"b": 1.0}),
    ("soft_shrink", {"threshold": 0.3}),
    ("hard_shrink", {"threshold": 0.8}),
    ("threshold", {"threshold": 0.3, "default_value": -1.5}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_an_activation_with_options(keras, name, options):
    def make(module):
        function = getattr(module.activations, name)
        return module.layers.Activation(functools.partial(function, **options))

    beside(make, sizes(5, 2, most=30), 5)


def drawn(seed):
    """Numbers for options, of a seed."""
    rng = np.random.default_rng(2000 + seed)
    return rng.uniform(0.05, 1), bool(rng.integers(2)), bool(rng.integers(2))


def relu(seed, shape):
    some, first, second = drawn(seed)
    return {
        "max_value": 1 + some if first else None,
        "negative_slope": some / 2 if second else 0.0,
        "threshold": some if seed % 3 else 0.0,
    }


def axes(seed, shape):
    """The last axis, another one, or a list of some in rising order."""
    rng = np.random.default_rng(3000 + seed)
    some = sorted(rng.permutation(len(shape))[: rng.integers(1, len(shape) + 1)] + 1)
    return [-1, int(some[0]), [int(a) for a in some]][seed % 3]


def normalization(seed, shape):
    some, center, scale = drawn(seed)
    axis = axes(seed, shape)
    return {"axis": axis, "epsilon": some / 9, "center": center, "scale": scale}


def groups(seed, shape):
    some, center, scale = drawn(seed)
    axis = np.random.default_rng(4000 + seed).integers(len(shape))
    divisors = [n for n in range(1, shape[axis] + 1) if shape[axis] % n == 0]
    count = -1 if seed % 5 == 0 else divisors[seed % len(divisors)]
    place = int(axis) + 1 if seed % 2 else int(axis) - len(shape)
    return {"groups": count, "axis": place, "epsilon": some / 9, "center": center, "scale": scale}


def given_moments(seed, shape):
    axis = axes(seed, shape)
    kept = [shape[a if a < 0 else a - 1] for a in (axis if isinstance(axis, list) else [axis])]
    rng = np.random.default_rng(5000 + seed)
    mean, variance = rng.normal(size=kept), rng.uniform(0.1, 2, kept)
    return {"axis": axis, "mean": mean, "variance": variance, "invert": bool(seed % 2)}


LAYERS = {
    "ReLU": relu,
    "LeakyReLU": lambda seed, shape: {"negative_slope": drawn(seed)[0]},
    "PReLU": lambda seed, shape: {
        "shared_axes": [None, [1], list(range(1, len(shape) + 1))][seed % 3]
    },
    "ELU": lambda seed, shape: {"alpha": drawn(seed)[0]},
    "Softmax": lambda seed, shape: {"axis": -1 - seed % len(shape)},
    "LayerNormalization": normalization,
    "RMSNormalization": lambda seed, shape: {
        # elsewhere Keras scales by the places of the last axis
        "axis": list(range(-1 - seed % len(shape), 0)) if seed % 2 else -1,
        "epsilon": drawn(seed)[0],
    },
    "UnitNormalization": lambda seed, shape: {"axis": axes(seed, shape)},
    "Rescaling": lambda seed, shape: {"scale": drawn(seed)[0], "offset": seed - 15.0},
    "Normalization": lambda seed, shape: given_moments(seed, shape),
    "GroupNormalization": groups,
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_layer_at_thirty_random_shapes(keras, name, seed):
    shape = sizes(seed, seed % 3 + 1, 2, 13)
    options = LAYERS[name](seed, shape)
    beside(lambda module: getattr(module.layers, name)(**options), shape, seed)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ReLU", {"max_value": 2.0, "negative_slope": 0.5}),
        ("LeakyReLU", {"negative_slope": 0.5}),
        ("ELU", {"alpha": 0.5}),
        ("PReLU", {"shared_axes": [1, 2]}),
        ("Softmax", {"axis": 1}),
        ("LayerNormalization", {"axis": [1, 2], "scale": False}),
        ("RMSNormalization", {"epsilon": 0.5}),
        ("UnitNormalization", {}),
        ("GroupNormalization", {"groups": 4, "center": False}),
        ("GaussianNoise", {"stddev": 0.5, "seed": 3}),
        ("GaussianDropout", {"rate": 0.5}),
        ("AlphaDropout", {"rate": 0.5, "noise_shape": (None, 1, 3)}),
        ("Dropout", {"rate": 0.5, "seed": 3, "noise_shape": (None, 1)}),
        ("SpatialDropout1D", {"rate": 0.5}),
        ("SpatialDropout2D", {"rate": 0.5, "seed": 2}),
        ("ActivityRegularization", {"l1": 0.5, "l2": 0.1}),
    ],
)
def test_configs(keras, name, options):
    """What both describe, both describe alike."""
    ours = getattr(fastnn.layers, name)(**options).get_config()
    theirs = getattr(keras.layers, name)(**options).get_config()
    ours_alone = {"trainable"} if name.startswith("Spatial") else set()
    assert set(ours) - ours_alone <= set(theirs)
    for key in set(ours) - {"name", "dtype"} - ours_alone:
        a, b = ours[key], theirs[key]
        if isinstance(a, dict):
            assert a["class_name"] == b["class_name"]
        else:
            assert (tuple(a) if isinstance(a, list) else a) == (
                tuple(b) if isinstance(b, list) else b
            )


def test_activity_regularization(keras):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3))
    losses = []
    for module in (fastnn, keras):
        model = module.Sequential(
            [module.Input((3,), dtype="float64"), module.layers.ActivityRegularization(0.1, 0.2)]
        )
        model.compile("sgd", "mse")
        losses.append(float(model.evaluate(x, x, verbose=0)))
    assert np.isclose(*losses, rtol=1e-12)


def in_training(layer, x):
    """What a layer makes of x in training."""
    model = fastnn.Sequential([fastnn.Input(x.shape[1:]), layer], dtype="float64")
    model.compile("sgd", "mse")
    return np.sqrt(model.train_on_batch(x, np.zeros(x.shape)))


@pytest.mark.parametrize(
    ("name", "rate"), [("GaussianDropout", 0.3), ("AlphaDropout", 0.4), ("GaussianNoise", 0.7)]
)
def test_noise_has_the_mean_square_of_keras(keras, name, rate):
    """Of 40000 numbers; both draw other ones."""
    x = np.random.default_rng(0).normal(0.5, 1, (200, 200))
    ours = in_training(getattr(fastnn.layers, name)(rate), x)
    theirs = np.asarray(getattr(keras.layers, name)(rate, seed=1)(x, training=True))
    assert np.isclose(ours, np.sqrt((theirs**2).mean()), rtol=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_normalization_adapts_as_keras(keras, seed):
    shape = sizes(seed, seed % 3 + 1, 2, 7)
    axis = None if seed % 5 == 0 else axes(seed, shape)
    x = single(np.random.default_rng(seed).normal(3, 2, size=(11, *shape)))

    def adapted(module):
        layer = module.layers.Normalization(axis, invert=bool(seed % 2))
        layer.adapt(x)
        return layer

    theirs = adapted(keras)
    for dtype in RTOL:
        ours = adapted(fastnn)
        model = fastnn.Sequential([fastnn.Input(shape), ours], dtype=dtype)
        close(model.predict(x.astype(dtype)), np.asarray(theirs(x)), dtype)
        for found, expected in zip(ours.get_weights(), theirs.get_weights()[:2], strict=False):
            close(found, expected, dtype)


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_that_act_in_training_alone_leave_data_as_they_are(keras, seed):
    """At inference; what they draw in training is not Keras's."""
    names = ("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise")
    for name in (*names, f"SpatialDropout{seed % 2 + 1}D"):
        shape = sizes(seed, seed % 2 + 2, 1, 6)
        beside(lambda module, n=name: getattr(module.layers, n)(drawn(seed)[0] / 2), shape, seed)


def test_rescaling(keras):
    x = np.arange(256, dtype=np.uint8).reshape(16, 16)
    model = fastnn.Sequential(
        [fastnn.Input((16,)), fastnn.layers.Rescaling(1 / 127.5, -1)], dtype="float64"
    )
    theirs = keras.layers.Rescaling(1 / 127.5, -1)
    close(model.predict(x), theirs(x), "float64")
