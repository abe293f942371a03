"""Models as ONNX files: onnxruntime computes what fastnn computes."""

import numpy as np
import onnx
import onnxruntime
import pytest

import fastnn.onnx
from fastnn import Input, Model, Sequential, layers, ops
from fastnn.errors import NotBuiltError, UnsupportedError

RNG = np.random.default_rng(11)
DTYPES = ["float32", "float64"]


def run(proto, *xs):
    """Return what onnxruntime makes of inputs in their order."""
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, xs, strict=True)))


def assert_agrees(model, *xs):
    proto = fastnn.onnx.to_proto(model)
    for rows in (1, len(xs[0])):
        part = [x[:rows] for x in xs]
        wanted = model.predict(part if len(part) > 1 else part[0])
        got = run(proto, *part)
        wanted = wanted if isinstance(wanted, list) else [wanted]
        for a, b in zip(got, wanted, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return proto


def kinds(proto):
    return [node.op_type for node in proto.graph.node]


def stacked(shape, *every, dtype="float32"):
    """A chain of layers with weights that are not the ones they begin with."""
    model = Sequential([Input(shape), *every], dtype=dtype)
    for weight in model.weights:
        weight.assign(RNG.uniform(0.2, 1, weight.shape))
    return model


IMAGE, SIGNAL = (9, 8, 4), (9, 4)
L = layers

#: name -> shape of a sample, layers
CHAINS = {
    "dense": ((4,), lambda: [L.Dense(5, "relu"), L.Dense(3, "softmax")]),
    "dense of steps": ((5, 4), lambda: [L.Dense(3, "sigmoid", use_bias=False)]),
    "flatten": (IMAGE, lambda: [L.Conv2D(2, 3), L.Flatten(), L.Dense(2)]),
    "convnet": (
        IMAGE,
        lambda: [
            L.Conv2D(6, 3, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(),
            L.MaxPooling2D(2),
            L.Conv2D(3, 2, activation="tanh"),
            L.GlobalAveragePooling2D(),
        ],
    ),
    "dilation and groups": (
        IMAGE,
        lambda: [L.Conv2D(6, 3, dilation_rate=(2, 1), groups=2, padding="same")],
    ),
    "causal": (
        SIGNAL,
        lambda: [L.Conv1D(6, 3, padding="causal", dilation_rate=2), L.MaxPooling1D(2)],
    ),
    "separable signal": (
        SIGNAL,
        lambda: [L.SeparableConv1D(6, 3), L.AveragePooling1D(2), L.DepthwiseConv1D(2)],
    ),
    "transposed": (IMAGE, lambda: [L.Conv2DTranspose(3, 2, strides=3, padding="valid")]),
    "output padding": (
        IMAGE,
        lambda: [L.Conv2DTranspose(3, 3, strides=3, padding="same", output_padding=(1, 0))],
    ),
    "transposed signal": (SIGNAL, lambda: [L.Conv1DTranspose(3, 3, strides=2)]),
    "largest": (IMAGE, lambda: [L.GlobalMaxPooling2D()]),
    "largest of steps": (SIGNAL, lambda: [L.GlobalMaxPooling1D()]),
    "mean of steps": (SIGNAL, lambda: [L.GlobalAveragePooling1D()]),
    "frames": (IMAGE, lambda: [L.ZeroPadding2D(((1, 2), (0, 3))), L.Cropping2D(((0, 4), (2, 1)))]),
    "frames of steps": (SIGNAL, lambda: [L.ZeroPadding1D(2), L.Cropping1D((1, 0))]),
    "larger": (IMAGE, lambda: [L.UpSampling2D((2, 3))]),
    "larger, smoothly": (IMAGE, lambda: [L.UpSampling2D(2, interpolation="bilinear")]),
    "longer": (SIGNAL, lambda: [L.UpSampling1D(3)]),
    "resized": (IMAGE, lambda: [L.Resizing(5, 11)]),
    "picked": (IMAGE, lambda: [L.Resizing(14, 5, interpolation="nearest")]),
    "aspect": (IMAGE, lambda: [L.Resizing(4, 4, crop_to_aspect_ratio=True)]),
    "middle": (IMAGE, lambda: [L.CenterCrop(5, 5)]),
    "permuted": (IMAGE, lambda: [L.Permute((3, 1, 2)), L.Permute((2, 1, 3))]),
    "reshaped": (IMAGE, lambda: [L.Reshape((8, -1)), L.Dense(2), L.Reshape((4, 4))]),
    "repeated": ((4,), lambda: [L.RepeatVector(3)]),
    "layer normalisation": (IMAGE, lambda: [L.LayerNormalization()]),
    "of two axes": (IMAGE, lambda: [L.LayerNormalization(axis=(1, 2))]),
    "groups": (IMAGE, lambda: [L.GroupNormalization(2)]),
    "root mean square": (IMAGE, lambda: [L.RMSNormalization()]),
    "unit": (IMAGE, lambda: [L.UnitNormalization()]),
    "batch": (IMAGE, lambda: [L.BatchNormalization(axis=1, epsilon=0.1)]),
    "batch of vectors": ((4,), lambda: [L.BatchNormalization(center=False, scale=False)]),
    "slopes": (IMAGE, lambda: [L.PReLU(), L.PReLU(shared_axes=[1, 2])]),
    "bends": (IMAGE, lambda: [L.LeakyReLU(), L.ELU(0.5), L.ReLU(3.0, 0.1, 0.5), L.ReLU(6.0)]),
    "shares": (IMAGE, lambda: [L.Softmax(), L.Softmax(axis=1)]),
    "in training alone": (
        (4, 4),
        lambda: [
            L.Dropout(0.5),
            L.SpatialDropout1D(0.3),
            L.GaussianNoise(0.3),
            L.GaussianDropout(0.2),
            L.AlphaDropout(0.2),
            L.ActivityRegularization(0.1),
            L.Identity(),
        ],
    ),
    "augmentation": (
        IMAGE,
        lambda: [
            L.RandomFlip(),
            L.RandomRotation(0.2),
            L.RandomZoom(0.2),
            L.RandomTranslation(0.1, 0.1),
            L.RandomContrast(0.2),
            L.RandomBrightness(0.3),
            L.RandomCrop(5, 5),
            L.Rescaling(0.5, 1.0),
        ],
    ),
    "cells": ((6, 4), lambda: [L.RNN([L.LSTMCell(3), L.GRUCell(2)])]),
    "steps as rows": (
        (5, 8, 8, 2),
        lambda: [L.TimeDistributed(L.Conv2D(3, 3)), L.TimeDistributed(L.Flatten()), L.LSTM(4)],
    ),
    "ranges": ((4,), lambda: [L.Discretization([-0.5, 0, 0.7])]),
}

WINDOWS = {
    "Conv2D": lambda **options: L.Conv2D(6, 3, **options),
    "DepthwiseConv2D": lambda **options: L.DepthwiseConv2D(3, depth_multiplier=2, **options),
    "SeparableConv2D": lambda **options: L.SeparableConv2D(3, (2, 3), **options),
    "MaxPooling2D": lambda **options: L.MaxPooling2D((3, 2), **options),
    "AveragePooling2D": lambda **options: L.AveragePooling2D((2, 3), **options),
    "Conv2DTranspose": lambda **options: L.Conv2DTranspose(3, 3, **options),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("padding", ["valid", "same", 1])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name, strides, padding, dtype):
    if (name, padding) == ("Conv2DTranspose", 1):
        padding = "same"  # which is all that it knows, beside valid
    layer = WINDOWS[name](strides=strides, padding=padding)
    model = stacked(IMAGE, layer, dtype=dtype)
    assert_agrees(model, RNG.normal(size=(3, *IMAGE)).astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CHAINS)
def test_a_layer(name, dtype):
    shape, make = CHAINS[name]
    assert_agrees(stacked(shape, *make(), dtype=dtype), RNG.normal(size=(3, *shape)).astype(dtype))


def _names():
    return [
        name
        for name in fastnn.activations.__all__
        if name not in ("get", "serialize", "deserialize", "glu", "threshold")
    ]


@pytest.mark.parametrize("dtype", DTYPES)
def test_activations(dtype):
    x = np.append(RNG.normal(size=(20, 6)) * 3, np.zeros((1, 6)), 0).astype(dtype)
    inputs = Input((6,), dtype=dtype)
    outputs = [L.Activation(name)(inputs) for name in _names()]
    assert len(outputs) > 25
    assert_agrees(Model(inputs, outputs), x)


RECURRENT = {
    "last": {},
    "all": {"return_sequences": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "relu": {"activation": "relu"},
    "linear": {"activation": "linear"},
    "step": {"activation": "step"},
    "no bias": {"use_bias": False},
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cell", [L.LSTM, L.GRU, L.SimpleRNN])
def test_recurrent_layers(cell, dtype):
    inputs = Input((6, 4), dtype=dtype)
    first = [Input((5,), dtype=dtype) for _ in range(2 if cell is L.LSTM else 1)]
    outputs = [cell(5, **options)(inputs) for options in RECURRENT.values()]
    masked = L.Masking(0.3)(inputs)
    outputs += [
        L.Bidirectional(cell(3, return_sequences=True))(inputs),
        cell(3)(L.Bidirectional(cell(3, return_sequences=True))(masked)),
        *cell(5, return_state=True, return_sequences=True)(inputs, initial_state=first),
    ]
    if cell is L.GRU:
        outputs.append(cell(4, reset_after=False)(inputs))
        outputs.append(cell(4, reset_after=False)(masked))
    if cell is not L.SimpleRNN:
        outputs.append(cell(4, recurrent_activation="tanh")(inputs))
    x = RNG.normal(size=(3, 6, 4)).astype(dtype)
    x[0, 2] = x[2, 0] = x[1, 4:] = 0.3
    states = [RNG.normal(size=(3, 5)).astype(dtype) for _ in first]
    assert_agrees(Model([inputs, *first], outputs), x, *states)


def test_recurrent_layers_are_operators_where_onnx_has_them():
    known = {L.LSTM: "LSTM", L.GRU: "GRU", L.SimpleRNN: "RNN"}
    for cell, kind in known.items():
        model = stacked((6, 4), cell(5, return_sequences=True), cell(3))
        proto = fastnn.onnx.to_proto(model)
        assert kinds(proto) == ["Transpose", kind, "Squeeze", kind, "Squeeze"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_ids_and_masks(dtype):
    ids = RNG.integers(0, 10, (3, 6)).astype("int32")
    ids[1, 3:] = 0
    whole, real = Input((6,), dtype="int32"), Input((6,), dtype=dtype)
    table = L.Embedding(10, 4, mask_zero=True, dtype=dtype)
    outputs = [L.LSTM(3)(table(whole)), L.GlobalAveragePooling1D()(table(real))]
    for mode in ("multi_hot", "count"):
        outputs.append(L.CategoryEncoding(10, output_mode=mode)(real))
    assert_agrees(Model([whole, real], outputs), ids, ids.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_adapted_is_part_of_the_file(dtype):
    x = RNG.normal(size=(9, 4)).astype(dtype)
    every = [L.Normalization(), L.MinMaxScaling(), L.Normalization(axis=None)]
    for layer in every:
        layer.adapt(x)
        assert_agrees(stacked((4,), layer, dtype=dtype), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_layers_of_several_tensors(dtype):
    a, b = (Input((5, 4), dtype=dtype) for _ in "ab")
    kinds = [L.Add, L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum, L.Concatenate]
    outputs = [kind()([a, b]) for kind in kinds]
    outputs += [
        L.Concatenate(1)([a, b]),
        L.Dot(1)([a, b]),
        L.Dot((2, 2), normalize=True)([a, b]),
        a,
        a,
    ]
    assert_agrees(Model([a, b], outputs), *(RNG.normal(size=(3, 5, 4)).astype(dtype) for _ in "ab"))


ONE = """abs arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh erf erfc exp exp2 expm1
floor isfinite isnan isinf log10 log1p log2 log logical_not negative reciprocal round rsqrt sign
sin sinc sinh sqrt square tan trunc glu sparsemax squareplus softmax log_softmax tril"""
ALONG = "argmax argmin max min prod std var median all any flip cumsum cumprod logsumexp sort"
TWO = """add divide equal floor_divide fmax fmod hypot isclose less logaddexp logical_and
logical_or logical_xor mod not_equal maximum power arctan2"""
OTHER = {
    "matmul": lambda a, b: ops.matmul(a, ops.swapaxes(b, 1, 2)),
    "where": lambda a, b: ops.where(a > b, a, b),
    "get_item": lambda a, b: a[:, ::-2, 1:3] + b[:, 1:4, None, 0],
    "roll": lambda a, b: ops.roll(a, 2, 1),
    "tile": lambda a, b: ops.tile(a, (1, 2, 3)),
    "take": lambda a, b: ops.take(a, [0, 3, -1], 1),
    "take_along_axis": lambda a, b: ops.take_along_axis(a, ops.argsort(b, 1), 1),
    "one_hot": lambda a, b: ops.one_hot(ops.argmax(a, -1), 4),
    "multi_hot": lambda a, b: ops.multi_hot(ops.argsort(a, 1)[:, :2], 5),
    "top_k": lambda a, b: ops.top_k(a, 2)[0],
    "broadcast": lambda a, b: a + b[:, :1] * ops.zeros((None, 5, 4)),
    "digitize": lambda a, b: ops.digitize(a, np.array([-0.5, 0.0, 0.5])),
    "channels": lambda a, b: ops.conv(a, np.ones((2, 4, 3))) * np.array([1.0, 2, 3]),
    "moments": lambda a, b: ops.moments(a, [1])[1],
    "argmax of all": lambda a, b: ops.argmax(ops.reshape(a, (-1, 20)), -1),
}


@pytest.mark.parametrize("dtype", DTYPES)
def test_functions_of_ops(dtype):
    x = RNG.uniform(0.05, 0.9, size=(3, 5, 4)).astype(dtype)
    above = (x + 1).astype(dtype)
    a, b = (Input((5, 4), dtype=dtype) for _ in "ab")
    outputs = [getattr(ops, name)(b if name == "arccosh" else a) for name in ONE.split()]
    outputs += [getattr(ops, name)(a, axis=-1) for name in ALONG.split()]
    outputs += [getattr(ops, name)(a, b) for name in TWO.split()]
    outputs += [function(a, b) for function in OTHER.values()]
    assert_agrees(Model([a, b], outputs), x, above)


def test_a_layer_of_ones_own_is_exported_by_what_it_is_composed_of():
    class Residual(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight((input_shape[-1],) * 2, name="kernel")

        def call(self, x):
            return ops.add(x, ops.relu(ops.dense(x, self.kernel)))

    class Both(Model):
        def __init__(self):
            super().__init__()
            self.inner = Sequential([Residual(), layers.Dense(2)])

        def call(self, x):
            return self.inner(x) + self.inner(x * 2)

    both = Both()
    both.build((None, 4))
    assert_agrees(both, RNG.normal(size=(5, 4)).astype("float32"))


def test_shared_and_nested_models():
    encoder = Sequential([Input((4,)), L.Dense(3, "tanh")], name="encoder")
    a, b = Input((4,), name="left"), Input((4,), name="right")
    far = L.Subtract()([encoder(a), encoder(b)])
    model = Model({"left": a, "right": b}, {"far": far, "near": L.Dense(1)(far)})
    proto = fastnn.onnx.to_proto(model)
    x = {name: RNG.normal(size=(3, 4)).astype("float32") for name in ("left", "right")}
    got, wanted = run(proto, x["left"], x["right"]), model.predict(x)
    assert [each.name for each in proto.graph.output] == ["far", "near"]
    for array, name in zip(got, ("far", "near"), strict=True):
        np.testing.assert_allclose(array, wanted[name], rtol=1e-5, atol=1e-6)
    assert sum(len(each.dims) == 2 for each in proto.graph.initializer) == 2  # once in the file


def test_channels_are_moved_at_the_ends_alone():
    proto = fastnn.onnx.to_proto(stacked(*CHAINS["convnet"][:1], *CHAINS["convnet"][1]()))
    middle = ["Conv", "BatchNormalization", "Relu", "MaxPool", "Conv", "Tanh", "ReduceMean"]
    assert kinds(proto) == ["Transpose", *middle]


def test_the_file_says_what_it_is(tmp_path):
    model = stacked((4,), L.Dense(2))
    fastnn.onnx.export(model, tmp_path / "model.onnx", opset=21)
    proto = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert (proto.producer_name, proto.producer_version) == ("fastnn", fastnn.__version__)
    assert proto.opset_import[0].version == 21
    (given,) = proto.graph.input
    assert given.name == model.input_names[0]
    assert [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim] == ["batch", 4]


class Doubled(layers.Layer):
    def forward(self, x):
        return 2 * x

    def backward(self, dy, x, y):
        return 2 * dy


def test_what_has_no_counterpart_is_refused_by_name(tmp_path):
    path = tmp_path / "model.onnx"
    every = Doubled(name="twice"), L.GRU(3, stateful=True)
    model = Sequential([Input((6, 2), batch_size=3), *every])
    with pytest.raises(UnsupportedError, match=r"layer 'twice': .*NumPy.*'gru.*stateful=False"):
        fastnn.onnx.export(model, path)
    with pytest.raises(NotBuiltError):
        fastnn.onnx.export(Sequential([L.Dense(2)]), path)
    with pytest.raises(TypeError, match="model has to be a fastnn model, got list"):
        fastnn.onnx.export([L.Dense(2)], path)
    with pytest.raises(ValueError, match="opset must be from 18 to"):
        fastnn.onnx.export(stacked((4,), L.Dense(2)), path, opset=9)
    with pytest.raises(FileNotFoundError):
        fastnn.onnx.export(stacked((4,), L.Dense(2)), tmp_path / "none" / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_weights_beyond_two_gigabytes_are_refused(monkeypatch):
    monkeypatch.setattr("fastnn.onnx.exporting._MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"its weights are 440 bytes, but one ONNX file holds 100"):
        fastnn.onnx.to_proto(stacked((10,), L.Dense(10)))
