"""Layers with sliding windows beside Keras's, at random shapes and options: outputs, and gradients
of all weights, in float64 and float32."""

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

SEEDS = range(30)
ACTIVATIONS = [None, "relu", "sigmoid", "tanh", "softmax", "gelu"]

#: relative to the largest number
RTOL, RTOL_FLOAT32 = 1e-11, 1e-5


def check(keras, shape, layer, seed):
    """Compare a layer behind a Dense: outputs, and the gradient of every weight of a squared error.

    Keras's layer is called as a function, which is much quicker than a model of it.
    """
    import jax

    ours = [compiled(shape, layer(fastnn), dtype) for dtype in ("float64", "float32")]
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=w.shape) / 2 for w in ours[0].get_weights()]
    x = rng.normal(size=(3, *shape))
    theirs = layer(keras)
    theirs.build((None, *shape))

    y = rng.random(ours[0].predict(x).shape)  # what every activation may answer

    def loss(weights):
        kernel, bias, *others = weights
        inner = jax.numpy.tanh(x @ kernel + bias)
        found = theirs.stateless_call(others, [], inner)[0]
        return ((found - y) ** 2).mean(), found

    slopes, expected = jax.jit(jax.grad(loss, has_aux=True))(weights)
    expected = np.asarray(expected)
    for model, rtol in zip(ours, (RTOL, RTOL_FLOAT32), strict=True):
        model.set_weights(weights)
        found = model.predict(x)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= rtol * max(1, np.abs(expected).max())
        model.train_on_batch(x, y)
        for before, after, slope in zip(weights, model.get_weights(), slopes, strict=True):
            size = max(np.abs(before).max(), np.abs(slope).max())
            assert np.abs(after - (before - slope)).max() <= 4 * rtol * size


def compiled(shape, layer, dtype):
    before = fastnn.layers.Dense(shape[-1], "tanh")
    model = fastnn.Sequential([fastnn.Input(shape), before, layer], dtype=dtype)
    model.compile(fastnn.optimizers.SGD(1.0), "mse")
    return model


class Draw:
    """Random options from a seed."""

    def __init__(self, seed, rank):
        self.rng, self.rank, self.seed = np.random.default_rng(seed), rank, seed

    def number(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def sizes(self, low, high):
        """One number for each axis, or of a sequence the number itself."""
        if self.rank == 1:
            return self.number(low, high)
        return tuple(self.number(low, high) for _ in range(2))

    def shape(self, channels):
        return (*(self.number(7, 12) for _ in range(self.rank)), channels)

    def moving(self, both=False):
        """Strides or dilation, or neither; ``both`` at once."""
        kind = self.number(0, 3 if both else 2)
        return {
            "strides": self.sizes(1, 3) if kind in (1, 3) else 1,
            "dilation_rate": self.sizes(1, 2) if kind in (2, 3) else 1,
        }

    def padding(self, causal=False):
        return ["valid", "same", "causal"][self.number(0, 2 if causal else 1)]

    def common(self):
        return {
            "activation": ACTIVATIONS[self.seed % len(ACTIVATIONS)],
            "use_bias": bool(self.number(0, 2)),
        }


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_convolution(keras, seed, rank):
    draw = Draw(seed, rank)
    groups = [1, 1, 2, 3][draw.number(0, 3)]
    options = {
        "filters": groups * draw.number(1, 6),
        "kernel_size": draw.sizes(1, 4),
        "padding": draw.padding(causal=rank == 1),
        "groups": groups,
        **draw.moving(),
        **draw.common(),
    }
    shape = draw.shape(groups * draw.number(1, 4))
    check(keras, shape, lambda m: getattr(m.layers, f"Conv{rank}D")(**options), seed)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_convolutions_with_counts_as_padding_are_those_of_padded_inputs(keras, seed, rank):
    """Keras has no counts: there a layer of zeros comes first."""
    draw = Draw(seed, rank)
    padding = draw.sizes(0, 3)
    options = {"filters": draw.number(1, 6), "kernel_size": draw.sizes(1, 4), **draw.moving()}
    shape = draw.shape(draw.number(1, 4))

    def layer(m):
        made = getattr(m.layers, f"Conv{rank}D")
        if m is fastnn:
            return made(padding=padding, **options)
        zeros = getattr(m.layers, f"ZeroPadding{rank}D")(padding)
        return m.Sequential([zeros, made(**options)])

    check(keras, shape, layer, seed)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_depthwise_convolution(keras, seed, rank):
    draw = Draw(seed, rank)
    options = {
        "kernel_size": draw.sizes(1, 4),
        "depth_multiplier": draw.number(1, 3),
        "padding": draw.padding(),
        **draw.moving(both=True),
        **draw.common(),
    }
    shape = draw.shape(draw.number(1, 20))
    check(keras, shape, lambda m: getattr(m.layers, f"DepthwiseConv{rank}D")(**options), seed)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_separable_convolution(keras, seed, rank):
    draw = Draw(seed, rank)
    options = {
        "filters": draw.number(1, 6),
        "kernel_size": draw.sizes(1, 4),
        "depth_multiplier": draw.number(1, 3),
        "padding": draw.padding(),
        **draw.moving(),
        **draw.common(),
    }
    shape = draw.shape(draw.number(1, 5))
    check(keras, shape, lambda m: getattr(m.layers, f"SeparableConv{rank}D")(**options), seed)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_transposed_convolution(keras, seed, rank):
    draw = Draw(seed, rank)
    moving = draw.moving()
    options = {
        "filters": draw.number(1, 6),
        "kernel_size": draw.sizes(1, 5),
        "padding": draw.padding(),
        **moving,
        **draw.common(),
    }
    steps = np.atleast_1d(moving["strides"])
    if seed % 3 == 0:
        options["output_padding"] = draw.number(0, int(steps.min()) - 1)
    shape = draw.shape(draw.number(1, 5))
    check(keras, shape, lambda m: getattr(m.layers, f"Conv{rank}DTranspose")(**options), seed)


@pytest.mark.parametrize("name", ["MaxPooling", "AveragePooling"])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_pooling(keras, seed, rank, name):
    draw = Draw(seed, rank)
    options = {
        "pool_size": draw.sizes(1, 4),
        "strides": None if seed % 2 else draw.sizes(1, 3),
        "padding": draw.padding(),
    }
    shape = draw.shape(draw.number(1, 20))
    check(keras, shape, lambda m: getattr(m.layers, f"{name}{rank}D")(**options), seed)


@pytest.mark.parametrize("name", ["GlobalMaxPooling", "GlobalAveragePooling"])
@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_global_pooling(keras, seed, rank, name):
    draw = Draw(seed, rank)
    layer = f"{name}{rank}D"
    shape = draw.shape(draw.number(1, 20))
    check(keras, shape, lambda m: getattr(m.layers, layer)(keepdims=bool(seed % 2)), seed)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("seed", SEEDS)
def test_upsampling(keras, seed, rank):
    draw = Draw(seed, rank)
    options = {"size": draw.sizes(1, 4)}
    shape = draw.shape(draw.number(1, 20))
    check(keras, shape, lambda m: getattr(m.layers, f"UpSampling{rank}D")(**options), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_bilinear_upsampling(keras, seed):
    """By powers of 2, where places between pixels are not rounded."""
    draw = Draw(seed, 2)
    size = tuple(2 ** draw.number(0, 3) for _ in range(2))

    def layer(m):
        return m.layers.UpSampling2D(size, interpolation="bilinear")

    check(keras, draw.shape(draw.number(1, 20)), layer, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_resizing(keras, seed):
    """To and from powers of 2, of which none is rounded."""
    draw = Draw(seed, 2)
    old, new = ([2 ** draw.number(1, 4) for _ in range(2)] for _ in range(2))
    kind = [{}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 0.5}]
    options = {"interpolation": ["bilinear", "nearest"][seed % 2], **kind[seed % 3]}
    check(keras, (*old, 3), lambda m: m.layers.Resizing(*new, **options), seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_resizing_to_any_size_is_rounded(keras, seed):
    draw = Draw(seed, 2)
    shape = draw.shape(draw.number(1, 5))
    layer = {"height": draw.number(1, 30), "width": draw.number(1, 30)}
    x = np.random.default_rng(seed).normal(size=(2, *shape))
    for crop in (False, True):
        options = {**layer, "crop_to_aspect_ratio": crop}
        theirs = np.asarray(keras.layers.Resizing(**options)(x))
        model = fastnn.Sequential([fastnn.Input(shape), fastnn.layers.Resizing(**options)])
        assert np.abs(model.predict(x) - theirs).max() <= 2**-20 * 4 * np.abs(x).max()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_middle_of_images(keras, seed):
    draw = Draw(seed, 2)
    shape = draw.shape(draw.number(1, 20))
    size = draw.number(1, shape[0]), draw.number(1, shape[1])
    check(keras, shape, lambda m: m.layers.CenterCrop(*size), seed)


def test_bilinear_upsampling_by_three_is_rounded(keras):
    layer = {"size": 3, "interpolation": "bilinear"}
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3))
    theirs = np.asarray(keras.layers.UpSampling2D(**layer)(x))
    model = fastnn.Sequential([fastnn.Input((5, 4, 3)), fastnn.layers.UpSampling2D(**layer)])
    assert np.abs(model.predict(x) - theirs).max() <= 2**-20 * 4 * np.abs(x).max()


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("name", ["ZeroPadding", "Cropping"])
@pytest.mark.parametrize("seed", SEEDS)
def test_frames(keras, seed, name, rank):
    draw = Draw(seed, rank)
    pairs = [(draw.number(0, 3), draw.number(0, 3)) for _ in range(rank)]
    frame = draw.sizes(0, 3) if seed % 3 == 0 else pairs[0] if rank == 1 else tuple(pairs)
    shape = draw.shape(draw.number(1, 20))
    check(keras, shape, lambda m: getattr(m.layers, f"{name}{rank}D")(frame), seed)


@pytest.mark.parametrize("keepdims", [False, True])
def test_the_mean_of_a_sequence_leaves_out_masked_steps(keras, keepdims):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (6, 7))
    x[:, 0] = 1  # at least one step counts
    table, dense = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))

    def layers(m):
        pool = m.layers.GlobalAveragePooling1D(keepdims=keepdims)
        return [m.layers.Embedding(4, 3, mask_zero=True), pool, m.layers.Dense(2, use_bias=False)]

    outputs = []
    for module, options in ((fastnn, {"dtype": "float64"}), (keras, {})):
        model = module.Sequential([module.Input((7,), dtype="int32"), *layers(module)], **options)
        model.compile(module.optimizers.SGD(1.0), "mse")
        model.set_weights([table, dense])
        shape = (6, 1, 2) if keepdims else (6, 2)
        y = np.random.default_rng(1).normal(size=shape)
        outputs.append((np.asarray(model.predict(x, verbose=0)), y))
        model.train_on_batch(x, y)
        outputs[-1] += tuple(map(np.asarray, model.get_weights()))
    for ours, theirs in zip(*outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=RTOL)
