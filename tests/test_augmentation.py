"""Images changed at random: what is drawn, what is read where, that inference has none of it."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, _core, layers, ops
from fastnn.layers import Dense, Flatten, Layer
from fastnn.ops.augmentation import FILL_MODES, TRANSFORMS
from fastnn.reference.cases import Case
from fastnn.reference.harness import Trial

EVERY = [
    layers.RandomFlip(),
    layers.RandomTranslation(0.3, (-0.1, 0.4), "constant", fill_value=0.5),
    layers.RandomRotation(0.2),
    layers.RandomZoom(0.3, 0.2, "wrap"),
    layers.RandomCrop(5, 4),
    layers.RandomContrast(0.5, (0, 1)),
    layers.RandomBrightness(0.5, (0, 1)),
]
each_layer = pytest.mark.parametrize("layer", EVERY, ids=lambda layer: type(layer).__name__)

PICTURE = np.arange(12.0).reshape(1, 3, 4, 1)


class Collect(Layer):
    """Keeps a copy of all batches that come by."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(np.array(x))
        return x

    def backward(self, dy, x, y):
        return dy


def trained(layer, x, epochs=1, batch_size=32, seed=0, shuffle=False, **options):
    """Return what the layer made of x in training: (epochs, rows, ...)."""
    fastnn.set_seed(seed)
    collect = Collect()
    again = type(layer).from_config(layer.get_config())
    model = Sequential([Input(x.shape[1:]), again, collect, Flatten(), Dense(1)])
    model.compile("sgd", "mse", **options)
    model.fit(x, np.zeros(len(x)), batch_size, epochs, verbose=0, shuffle=shuffle)
    seen = np.concatenate(collect.seen)
    return seen.reshape(epochs, len(x), *seen.shape[1:])


def images(count, *shape):
    return np.random.default_rng(1).random((count, *shape), np.float32)


def warped(x, map, size=None, isa=None, dtype="float64", **options):
    """Return the images x seen through maps of their own."""
    r, h, w, c = x.shape
    p, q = size or (h, w)
    sizes = {"r": None, "h": h, "w": w, "c": c, "k": 6, "p": p, "q": q}
    attrs = {"fill_mode": 0, "bilinear": 1, "fill_value": 0.0, **options}
    case = Case("warp", {axis: (n,) for axis, n in sizes.items()}, r, attrs)
    inputs = {"x": x.astype(dtype), "map": np.array(map, dtype)}
    return Trial(case, dtype, inputs=inputs).compiled(isa or _core.isa_names(dtype)[0])["y"]


def maps(transform, count=1, height=3, width=4, rows=(0, 0), columns=(0, 0)):
    """Return maps as the kernel draws them."""
    names = ("transform", "height", "width", "h0", "h1", "w0", "w1", "stream")
    values = (TRANSFORMS.index(transform), height, width, *rows, *columns, 0)
    attrs = dict(zip(names, values, strict=True))
    case = Case("random_map", {"r": (None,), "k": (6,)}, count, attrs)
    return Trial(case, "float64").compiled(_core.isa_names("float64")[0])["map"]


# ---- when and what -------------------------------------------------------------------------------


@each_layer
def test_inference_has_none(layer):
    again = type(layer).from_config(layer.get_config())
    model = Sequential([Input((5, 4, 3)), again, Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    for mode in ("predict", "evaluate"):
        names = {node.op.name for node in model.runtime.graph(mode).nodes}
        assert not names & {"random_map", "random_uniform", "warp", "tone"}
    assert len(model.runtime.graph("train").nodes) > len(model.runtime.graph("evaluate").nodes)


@each_layer
def test_every_sample_and_every_epoch_has_a_change_of_its_own(layer):
    x = np.tile(images(1, 8, 7, 3), (20, 1, 1, 1))
    seen = trained(layer, x, epochs=2)
    assert len(np.unique(seen.reshape(40, -1), axis=0)) >= 4
    assert not np.array_equal(seen[0], seen[1])


@each_layer
def test_it_follows_from_the_seed(layer):
    x = images(9, 8, 7, 3)
    once = trained(layer, x, seed=5)
    assert np.array_equal(once, trained(layer, x, seed=5))
    assert not np.array_equal(once, trained(layer, x, seed=6))


@each_layer
def test_a_seed_of_its_own_is_what_it_follows_from(layer):
    """Not the process's, nor that of another layer."""
    x = images(9, 8, 7, 3)
    own, other = ({**layer.get_config(), "seed": seed, "name": None} for seed in (3, 4))
    once = trained(type(layer).from_config(own), x, seed=5)
    assert np.array_equal(once, trained(type(layer).from_config(own), x, seed=6))
    assert not np.array_equal(once, trained(type(layer).from_config(other), x, seed=5))
    assert not np.array_equal(once, trained(layer, x, seed=5))


@each_layer
def test_it_belongs_to_the_sample(layer, monkeypatch):
    """Neither batch nor order nor threads nor instruction set change a bit."""
    x = images(23, 8, 7, 3)
    once = trained(layer, x)
    assert np.array_equal(once, trained(layer, x, batch_size=5))
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    for isa in _core.isa_names("float32"):
        if isa != "base":
            monkeypatch.setenv("FASTNN_ISA", isa)
            assert np.array_equal(once, trained(layer, x, batch_size=9)), isa
    fastnn.set_num_threads(2)
    assert np.array_equal(once, trained(layer, x))
    fastnn.set_num_threads(1)
    assert np.array_equal(once, trained(layer, x))


@each_layer
def test_both_interpreters_agree(layer):
    x = images(9, 8, 7, 3)
    assert np.allclose(trained(layer, x), trained(layer, x, run_eagerly=True), rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::fastnn.errors.NonFiniteWarning")
@each_layer
def test_nan_passes(layer):
    x = images(20, 8, 7, 3)
    x[:, 3, 3] = np.nan
    assert np.isnan(trained(layer, x)).any(axis=(0, 2, 3, 4)).mean() > 0.4


def test_flips_are_all_four_alike():
    x = np.tile(PICTURE.astype("float32"), (400, 1, 1, 1))
    seen = trained(layers.RandomFlip(), x)[0]
    kinds = [PICTURE[0], PICTURE[0, ::-1], PICTURE[0, :, ::-1], PICTURE[0, ::-1, ::-1]]
    counts = [(seen == kind).all(axis=(1, 2, 3)).sum() for kind in kinds]
    assert sum(counts) == 400
    assert min(counts) > 70


def test_crops_are_parts_from_anywhere():
    x = np.tile(np.arange(20, dtype=np.float32).reshape(1, 4, 5, 1), (300, 1, 1, 1))
    seen = trained(layers.RandomCrop(3, 3), x)[0]
    parts = [x[0, i : i + 3, j : j + 3] for i in range(2) for j in range(3)]
    counts = [(seen == part).all(axis=(1, 2, 3)).sum() for part in parts]
    assert sum(counts) == 300
    assert min(counts) > 25


def test_draws_are_uniform():
    case = Case("random_uniform", {"r": (None,)}, 4000, {"low": -2.0, "high": 3.0, "stream": 0})
    u = Trial(case, "float64").compiled(_core.isa_names("float64")[0])["u"]
    counts, _ = np.histogram(u, 10, (-2, 3))
    assert counts.sum() == 4000
    assert np.abs(counts - 400).max() < 80


def test_contrast_and_brightness_are_their_formulas():
    x = images(50, 4, 5, 2)
    mean = x.mean(axis=(1, 2), keepdims=True)
    free = (-10, 10)
    ratio = (trained(layers.RandomContrast((0.1, 0.4), free), x)[0] - mean) / (x - mean)
    factor = np.median(ratio, axis=(1, 2, 3))
    assert np.abs(ratio - factor[:, None, None, None]).max() < 0.02
    assert ((factor >= 0.9) & (factor < 1.4)).all()
    assert np.ptp(factor) > 0.3
    change = trained(layers.RandomBrightness((0.0, 0.01), free), x)[0] - x
    assert np.ptp(change, axis=(1, 2, 3)).max() < 1e-6
    assert ((change > -1e-6) & (change < 0.2)).all()
    clipped = trained(layers.RandomBrightness(0.9, (0.2, 0.8)), x)[0]
    assert clipped.min() == np.float32(0.2)
    assert clipped.max() == np.float32(0.8)


# ---- where pixels come from ----------------------------------------------------------------------


def test_a_flip_is_numpys_and_twice_is_none():
    mirror, turn = [-1, 0, 3, 0, 1, 0], [1, 0, 0, 0, -1, 2]
    for x in (PICTURE, np.random.default_rng(0).random((1, 3, 4, 3))):
        assert np.array_equal(warped(x, [mirror]), x[:, :, ::-1])
        assert np.array_equal(warped(x, [turn]), x[:, ::-1])
        assert np.array_equal(warped(warped(x, [mirror]), [mirror]), x)


@pytest.mark.parametrize("bilinear", [0, 1])
def test_whole_shifts_are_copies(bilinear):
    down_right = [1, 0, -2, 0, 1, -1]
    y = warped(PICTURE, [down_right], bilinear=bilinear, fill_value=-1.0)
    assert np.array_equal(y[0, 1:, 2:], PICTURE[0, :-1, :-2])
    assert (y[0, 0] == -1).all()
    assert (y[0, :, :2] == -1).all()


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("by", [-9, -2, 3, 7])
def test_what_comes_in_at_the_edges(mode, by):
    x = np.array([1.0, 2, 3, 4]).reshape(1, 1, 4, 1)
    y = warped(x, [[1, 0, by, 0, 1, 0]], fill_mode=FILL_MODES.index(mode), fill_value=9.0)
    numpys = {"constant": "constant", "reflect": "symmetric", "wrap": "wrap", "nearest": "edge"}
    fill = {"constant_values": 9} if mode == "constant" else {}
    wide = np.pad(x[0, 0, :, 0], 20, numpys[mode], **fill)
    assert y.ravel().tolist() == wide[20 + by : 24 + by].tolist()


def test_quarter_turns_of_a_square_are_numpys():
    x = np.random.default_rng(0).random((1, 5, 5, 3))
    for quarters in (-3, -1, 0, 1, 2, 4):
        turned = maps("rotate", 1, 5, 5, rows=(quarters / 4, quarters / 4))
        assert np.array_equal(warped(x, turned), np.rot90(x, quarters, (1, 2)))


def test_turns_are_those_of_the_library():
    turns = maps("rotate", 500, 1, 1, rows=(-1, 1))
    cosine, sine = turns[:, 0], turns[:, 3]
    assert np.ptp(np.arctan2(sine, cosine)) > 6
    np.testing.assert_allclose(cosine**2 + sine**2, 1, rtol=4e-16)
    angle = np.arctan2(sine, cosine)
    np.testing.assert_allclose(cosine, np.cos(angle), atol=4e-16)


def test_half_a_pixel_is_the_mean_of_two():
    y = warped(PICTURE, [[1, 0, 0.5, 0, 1, 0.5]], size=(2, 3))
    four = PICTURE[:, :-1, :-1], PICTURE[:, 1:, :-1], PICTURE[:, :-1, 1:], PICTURE[:, 1:, 1:]
    assert np.array_equal(y, sum(four) / 4)


def test_a_pixel_of_weight_0_is_not_read():
    x = PICTURE.copy()
    x[0, 1, 1] = np.inf
    assert np.array_equal(warped(x, [[1, 0, 1, 0, 1, 0]])[0, :, :3], x[0, :, 1:])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 1e300, 2.0**30])
@pytest.mark.parametrize("place", range(6))
def test_maps_to_nowhere_make_nan_of_their_image_alone(place, wrong):
    whole = np.array([[1.0, 0, 0, 0, 1, 0]] * 2)
    whole[1, place] = wrong
    y = warped(np.concatenate([PICTURE, PICTURE]), whole)
    assert np.array_equal(y[0], PICTURE[0])
    assert np.isnan(y[1]).all()


def test_all_instruction_sets_and_both_precisions_read_the_same_pixels():
    x = np.random.default_rng(0).integers(0, 9, (40, 9, 8, 3)).astype(float)
    turned = maps("rotate", 40, 9, 8, rows=(-0.5, 0.5)).astype(np.float32)
    for isa in _core.isa_names("float32"):
        single = warped(x, turned, isa=isa, dtype="float32", bilinear=0, fill_mode=1)
        assert np.array_equal(single, warped(x, turned, isa=isa, bilinear=0, fill_mode=1))


def test_inference_of_a_crop_is_the_middle_resized():
    crop = Sequential([Input((8, 8, 1)), layers.RandomCrop(4, 4)])
    x = images(3, 8, 8, 1)
    by_pixels = x.reshape(3, 4, 2, 4, 2, 1).mean(axis=(2, 4))
    assert np.allclose(crop.predict(x), by_pixels, atol=1e-6)
    middle = Sequential([Input((8, 10, 1)), layers.RandomCrop(8, 4)])
    x = images(3, 8, 10, 1)
    assert np.array_equal(middle.predict(x), x[:, :, 3:7])


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.RandomFlip("diagonal"), "mode must be one of horizontal"),
        (lambda: layers.RandomTranslation(1.5, 0), r"height_factor must be in \[-1, 1\]"),
        (lambda: layers.RandomTranslation(0, (1, 2, 3)), "width_factor must be two numbers"),
        (lambda: layers.RandomRotation(0.1, "mirror"), "fill_mode must be one of constant"),
        (lambda: layers.RandomRotation(0.1, interpolation="cubic"), "one of nearest, bilinear"),
        (lambda: layers.RandomZoom(-1), "above -1"),
        (lambda: layers.RandomContrast(1.1), r"factor must be in \[0, 1\]"),
        (lambda: layers.RandomBrightness(0.1, (3,)), "value_range must be two numbers"),
        (lambda: layers.RandomCrop(0, 3), "height must be a positive integer"),
    ],
)
def test_mistakes(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@each_layer
def test_only_images_are_changed(layer):
    again = type(layer).from_config(layer.get_config())
    with pytest.raises(fastnn.errors.ShapeError, match="images"):
        Sequential([Input((5,)), again])


def test_the_operations_are_there_for_layers_of_ones_own():
    class Shear(Layer):
        def call(self, x, training=False):
            return ops.warp(x, ops.random_map(x, "crop", (0, 2), (0, 1)), (2, 4))

    assert Sequential([Input((3, 4, 1)), Shear()]).output_shape == (None, 2, 4, 1)


def test_contrast_is_less_by_the_first_number_and_more_by_the_second():
    layer = layers.RandomContrast((0.5, 0.2), (-9, 9))
    assert layer.factor == (0.5, 0.2)
    assert layer.get_config()["factor"] == [0.5, 0.2]
    x = np.random.default_rng(0).random((200, 3, 4, 1))
    mean = x.mean((1, 2), keepdims=True)
    ratio = ((trained(layer, x)[0] - mean) / (x - mean)).mean((1, 2, 3))
    assert 0.5 - 1e-3 <= ratio.min() < 0.6
    assert 1.1 < ratio.max() <= 1.2 + 1e-3
