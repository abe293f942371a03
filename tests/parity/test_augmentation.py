"""Augmentation beside Keras's, with maps and factors that leave nothing to chance."""

import numpy as np
import pytest

import fastnn
from fastnn.layers import Dense, Flatten, Layer
from fastnn.ops.augmentation import FILL_MODES, INTERPOLATIONS
from fastnn.reference.cases import Case
from fastnn.reference.harness import Trial

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

#: Weights of pixels are multiples of 2^-20 here; two of them, of numbers of size 5
WEIGHTS = 2 * 5 * 2.0**-20


class Keep(Layer):
    def forward(self, x):
        self.batch = np.array(x)
        return x

    def backward(self, dy, x, y):
        return dy


def trained(layer, x):
    """What a layer makes of x in training."""
    keep = Keep()
    inputs = fastnn.Input(x.shape[1:], dtype="float64")
    model = fastnn.Sequential([inputs, layer, keep, Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, np.zeros(len(x)), batch_size=len(x), verbose=0, shuffle=False)
    return keep.batch


@pytest.mark.parametrize("bilinear", [0, 1])
@pytest.mark.parametrize("mode", FILL_MODES)
def test_maps_are_those_of_affine_transform(keras, mode, bilinear):
    rng = np.random.default_rng(0)
    x, map = rng.normal(size=(20, 7, 6, 3)), rng.normal(size=(20, 6))
    map[:, [2, 5]] *= 4
    map[:5, [0, 1, 3, 4]] = np.eye(2).ravel()
    axes = {"r": None, "h": 7, "w": 6, "c": 3, "k": 6, "p": 7, "q": 6}
    attrs = {"fill_mode": FILL_MODES.index(mode), "bilinear": bilinear, "fill_value": 0.7}
    case = Case("warp", {axis: (n,) for axis, n in axes.items()}, 20, attrs)
    ours = Trial(case, "float64", inputs={"x": x, "map": map}).compiled(fastnn.config.isa())["y"]
    options = {"fill_mode": mode, "interpolation": INTERPOLATIONS[bilinear], "fill_value": 0.7}
    transform = np.concatenate([map, np.zeros((20, 2))], axis=1)
    theirs = np.asarray(keras.ops.image.affine_transform(x, transform, **options))
    assert np.abs(ours - theirs).max() <= WEIGHTS * bilinear


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RandomTranslation", {"height_factor": (0.23, 0.23), "width_factor": (-0.4, -0.4)}),
        ("RandomRotation", {"factor": (0.07, 0.07)}),
        ("RandomRotation", {"factor": (-0.3, -0.3), "fill_mode": "constant", "fill_value": 0.3}),
        ("RandomZoom", {"height_factor": (-0.3, -0.3), "fill_mode": "wrap"}),
        ("RandomZoom", {"height_factor": (0.3, 0.3), "width_factor": (0.1, 0.1)}),
        ("RandomBrightness", {"factor": (0.3, 0.3), "value_range": (0.1, 0.9)}),
    ],
)
def test_fixed_factors(keras, name, options):
    """Keras computes the maps in float32."""
    x = np.random.default_rng(0).random((3, 9, 8, 2))
    ours = trained(getattr(fastnn.layers, name)(**options), x)
    theirs = np.asarray(getattr(keras.layers, name)(**options)(x, training=True))
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize("seed", range(30))
def test_any_fixed_factors_at_any_shape(keras, seed):
    """Places are as exact as maps in float32: some 1e-6 of the size of an image."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers((3, 3, 1), (12, 12, 5)))
    x = rng.random((3, *shape))
    share = iter(rng.uniform(-0.4, 0.4, 9))
    fill = {"fill_mode": ["reflect", "nearest", "constant"][seed % 3], "fill_value": 0.3}
    for name, factors in (
        ("RandomTranslation", ("height_factor", "width_factor")),
        ("RandomRotation", ("factor",)),
        ("RandomZoom", ("height_factor", "width_factor")),
        ("RandomBrightness", ("factor",)),
    ):
        options = {factor: (value, value) for factor, value in zip(factors, share, strict=False)}
        options |= {"value_range": (0.1, 0.9)} if name == "RandomBrightness" else fill
        ours = trained(getattr(fastnn.layers, name)(**options), x)
        theirs = np.asarray(getattr(keras.layers, name)(**options)(x, training=True))
        assert np.abs(ours - theirs).max() < 3e-5


def test_flips_are_the_same_two(keras):
    x = np.tile(np.random.default_rng(0).random((1, 5, 4, 2)), (40, 1, 1, 1))
    for mode in ("horizontal", "vertical"):
        ours = trained(fastnn.layers.RandomFlip(mode), x)
        theirs = np.asarray(keras.layers.RandomFlip(mode, seed=1)(x, training=True))
        kinds = [np.unique(each.reshape(40, -1), axis=0) for each in (ours, theirs)]
        assert len(kinds[0]) == 2
        assert np.array_equal(*kinds)


@pytest.mark.parametrize("size", [(4, 4), (5, 8), (9, 3), (12, 20), (8, 10)])
def test_a_crop_at_inference_is_the_middle_resized(keras, size):
    """As Keras's documentation has it, and its training where images are too small."""
    x = np.random.default_rng(0).random((2, 8, 10, 3))
    model = fastnn.Sequential([fastnn.Input((8, 10, 3), dtype="float64")])
    model.add(fastnn.layers.RandomCrop(*size))
    layer = keras.layers.RandomCrop(*size)
    middle = layer.get_random_transformation(x, training=False)
    theirs = np.asarray(layer.transform_images(x, middle, training=True))
    i, j = middle
    h = max(min(8, int(10 * size[0] / size[1])), 1)
    w = max(min(10, int(8 * size[1] / size[0])), 1)
    resized = np.asarray(keras.ops.image.resize(x[:, i : i + h, j : j + w], size))
    assert np.abs(model.predict(x) - resized).max() < 1e-5
    if size[0] > 8 or size[1] > 10:
        assert theirs.shape == resized.shape
