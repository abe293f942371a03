"""Layers and operations with windows and frames: what does not fit, and what is not wanted."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers, ops
from fastnn.errors import ShapeError
from fastnn.layers import Flatten, Layer

IMAGES, STEPS = (6, 7, 4), (7, 4)


@pytest.mark.parametrize(
    ("make", "shape", "error", "message"),
    [
        (lambda: layers.Cropping1D((3, 4)), STEPS, ShapeError, "nothing is left of 7 steps"),
        (lambda: layers.Cropping2D((3, 0)), IMAGES, ShapeError, "nothing is left of a 6x7 image"),
        (lambda: layers.Cropping1D(1), IMAGES, ShapeError, "expected sequences"),
        (lambda: layers.ZeroPadding2D(1), STEPS, ShapeError, "expected images"),
        (lambda: layers.UpSampling1D(2), IMAGES, ShapeError, "expected sequences"),
        (lambda: layers.UpSampling2D(2), STEPS, ShapeError, "expected images"),
        (lambda: layers.GlobalMaxPooling1D(), IMAGES, ShapeError, "expected sequences"),
        (lambda: layers.Conv2D(3, 2), STEPS, ShapeError, "axes|images"),
        (lambda: layers.Conv2D(4, 2, groups=2), (6, 7, 3), ShapeError, "multiple of groups"),
    ],
)
def test_inputs_that_do_not_fit(make, shape, error, message):
    with pytest.raises(error, match=message):
        Sequential([Input(shape), make()])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.ZeroPadding1D((1, 2, 3)), r"padding must be a count or \(before, after\)"),
        (lambda: layers.Cropping1D(-1), r"cropping must be a count or \(before, after\)"),
        (lambda: layers.ZeroPadding2D((1, 2, 3)), r"padding must be a count, \(height, width\)"),
        (lambda: layers.Cropping2D(((1, 2), (3, -1))), r"cropping must be a count, \(height,"),
        (lambda: layers.Conv2D(3, 2, groups=2), "filters must be a multiple of groups"),
        (lambda: layers.Conv1D(3, 2, strides=2, dilation_rate=2), "use one of them"),
        (lambda: layers.Conv1DTranspose(3, 2, padding=1), "output_padding adds places"),
        (lambda: layers.MaxPooling1D(2, padding=2), "must be less than pool_size"),
        (lambda: layers.UpSampling2D(2, interpolation="bicubic"), "must be one of nearest"),
        (lambda: layers.Conv2D(3, 2, data_format="channels_first"), "move the channels"),
    ],
)
def test_options_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Kernel(Layer):
    """Calls a function of ``ops`` with a kernel of some shape."""

    def __init__(self, function, shape, **options):
        super().__init__()
        self.function, self.shape, self.options = function, shape, options

    def build(self, input_shape):
        self.kernel = self.add_weight(self.shape, name="kernel")

    def call(self, x):
        return self.function(x, self.kernel, **self.options)


@pytest.mark.parametrize(
    ("function", "shape", "message"),
    [
        (ops.conv, (2, 2, 3, 6), "4 channels, the kernel has 3"),
        (ops.conv, (2, 2, 2, 5), "2 groups need filters that are a multiple of 2, got 5"),
        (ops.conv, (2, 4, 5), "a kernel of 4 axes"),
        (ops.depthwise_conv, (2, 2, 3, 1), "4 channels, but the kernel is for 3"),
        (ops.conv_transpose, (2, 2, 5, 3), "4 channels, but the kernel is for 3"),
    ],
)
def test_kernels_that_do_not_fit(function, shape, message):
    with pytest.raises(ShapeError, match=message):
        Sequential([Input(IMAGES), Kernel(function, shape)])


MADE = {
    "Conv2D": lambda: layers.Conv2D(4, 2),
    "Conv1D": lambda: layers.Conv1D(4, 2),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(2),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(4, 2),
    "SeparableConv2D": lambda: layers.SeparableConv2D(4, 2),
}


@pytest.mark.parametrize("frozen", [("kernel",), ("bias",), ("kernel", "bias")])
@pytest.mark.parametrize("name", MADE)
def test_gradients_of_what_is_not_frozen(name, frozen):
    """A weight that is not trained has no gradient; the others have theirs."""
    layer = MADE[name]()
    shape = STEPS if "1D" in name else IMAGES
    before = layers.Dense(shape[-1], "tanh")
    made = [before, layer, Flatten(), layers.Dense(2)]
    model = Sequential([Input(shape), *made], dtype="float64")
    for variable in layer.weights:
        variable.trainable = not variable.name.endswith(frozen)
    before.trainable = frozen != ("bias",)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(3, *shape))
    check = fastnn.gradcheck(model, x, x.reshape(3, -1)[:, :2], samples=40)
    assert check.ok, str(check)
    held = [v.numpy() for v in layer.weights if not v.trainable]
    model.train_on_batch(x, x.reshape(3, -1)[:, :2])
    now = [v.numpy() for v in layer.weights if not v.trainable]
    assert all(map(np.array_equal, held, now))


@pytest.mark.parametrize("name", MADE)
def test_constructors_that_are_shared_have_defaults_of_their_own(name):
    layer = MADE[name]()
    expected = [1] if "1D" in name else [1, 1]
    assert layer.get_config()["strides"] == layer.get_config()["dilation_rate"] == expected
    assert type(layer).__signature__.parameters["strides"].default in (1, (1, 1))


def test_what_a_layer_has_to_define_is_missed_when_it_is_made():
    class Blank(layers.convolution.Sliding):
        pass

    with pytest.raises(TypeError, match=r"abstract.*convolve"):
        Blank(2, 1, "valid", None, 1, None, True)
