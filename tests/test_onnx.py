"""Models as ONNX files: onnxruntime computes what fastnn computes; and ONNX files as models."""

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import skl2onnx
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, MinMaxScaler, Normalizer, StandardScaler

import fastnn.onnx.backend
from fastnn import Input, Model, Sequential, layers, ops
from fastnn.errors import ModelFileError, NotBuiltError, UnsupportedError
from fastnn.onnx.reader import OPERATORS

RNG = np.random.default_rng(11)
DTYPES = ["float32", "float64"]


def run(proto, *xs):
    """Return what onnxruntime makes of inputs in their order."""
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, xs, strict=True)))


def assert_agrees(model, *xs, comes_back=True):
    """Compare predictions with onnxruntime's, and with those of the model of the file."""
    proto = fastnn.onnx.to_proto(model)
    again = fastnn.onnx.from_proto(proto) if comes_back else model
    for rows in (1, len(xs[0])):
        part = [x[:rows] for x in xs]
        wanted = predicted(model, part)
        for got in (run(proto, *part), predicted(again, part)):
            for a, b in zip(got, wanted, strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    return proto


def predicted(model, xs):
    """Return the outputs of a model as a list."""
    made = model.predict(list(xs) if len(xs) > 1 else xs[0])
    if isinstance(made, dict):
        return list(made.values())
    return made if isinstance(made, list) else [made]


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
            L.Rescaling([0.5, 2, 1, -1], [[[1, 2, 3, 4]]]),
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
    model = stacked(shape, *make(), dtype=dtype)
    x = RNG.normal(size=(3, *shape)).astype(dtype)
    assert_agrees(model, x, comes_back=name != "steps as rows")


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
    outputs += outputs[:2]
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
    "top_k": lambda a, b: ops.top_k(a, 2)[0],
    "broadcast": lambda a, b: a + b[:, :1] * ops.zeros((None, 5, 4)),
    "digitize": lambda a, b: ops.digitize(a, np.array([-0.5, 0.0, 0.5])),
    "channels": lambda a, b: ops.conv(a, np.ones((2, 4, 3))) * np.array([1.0, 2, 3]),
    "moments": lambda a, b: ops.moments(a, [1])[1],
    "argmax of all": lambda a, b: ops.argmax(ops.reshape(a, (-1, 20)), -1),
}


#: What is exported as an operator that fastnn does not read.
SCATTERED = {
    "one_hot": lambda a, b: ops.one_hot(ops.argmax(a, -1), 4) + b[:, :, 0:1],
    "multi_hot": lambda a, b: ops.multi_hot(ops.argsort(a, 1)[:, :2], 5),
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
    scattered = [function(a, b) for function in SCATTERED.values()]
    assert_agrees(Model([a, b], scattered), x, above, comes_back=False)


def test_numbers_with_the_same_bytes_have_their_own_shapes():
    inputs = Input((5, 4))
    model = Model(inputs, ops.sum(ops.cumsum(inputs, 2), 2))  # an axis, and a list of one
    assert_agrees(model, RNG.normal(size=(3, 5, 4)).astype("float32"))


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
    with pytest.raises(TypeError, match="export: model is a list, expected"):
        fastnn.onnx.export([L.Dense(2)], path)
    with pytest.raises(ValueError, match="opset must be from 18 to"):
        fastnn.onnx.export(stacked((4,), L.Dense(2)), path, opset=9)
    with pytest.raises(FileNotFoundError):
        fastnn.onnx.export(stacked((4,), L.Dense(2)), tmp_path / "none" / "model.onnx")
    assert not list(tmp_path.iterdir())


def python(code):
    """Return what a process of its own says."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.parametrize("read", [fastnn.models.load_model, fastnn.from_keras])
def test_who_reads_other_files_tells_who_reads_onnx(read, tmp_path):
    model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
    fastnn.onnx.export(model, tmp_path / "m.onnx")
    with pytest.raises(fastnn.errors.ModelFileError, match=r"which fastnn\.onnx\.load reads"):
        read(tmp_path / "m.onnx")


def test_onnx_is_imported_where_it_is_used_and_missed_with_advice():
    code = "import sys, fastnn; print({'onnx', 'fastnn.onnx'} & set(sys.modules))"
    assert python(code).strip() == "set()"
    code = """if True:
        import sys, fastnn.onnx
        assert "onnx" not in sys.modules
        sys.modules["onnx"] = None
        fastnn.onnx.export(fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)]), "x")
    """
    assert "needs onnx, which cannot be imported: pip install 'fastnn[onnx]'" in python(code)


def test_weights_beyond_two_gigabytes_are_refused(monkeypatch):
    monkeypatch.setattr("fastnn.onnx.exporting._MOST_BYTES", 100)
    with pytest.raises(ValueError, match=r"its weights are 440 bytes, but one ONNX file holds 100"):
        fastnn.onnx.to_proto(stacked((10,), L.Dense(10)))


# ---- files of others -----------------------------------------------------------------------------

FILES = Path(__file__).parent / "onnx_files"
NAMES = sorted(path.stem for path in FILES.glob("*.onnx"))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_library_is_a_model(name):
    """PyTorch (both exporters), Keras and scikit-learn: tests/tools/make_onnx_files.py."""
    data = np.load(FILES / f"{name}.npz")
    xs, ys = ([data[key] for key in data.files if key[0] == letter] for letter in "xy")
    model = fastnn.onnx.load(FILES / f"{name}.onnx")
    for got, wanted in zip(predicted(model, xs), ys, strict=True):
        assert got.size == wanted.size
        np.testing.assert_allclose(got.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-5)


X = RNG.normal(size=(60, 4)).astype("float32")
NET = {"hidden_layer_sizes": (6, 5), "max_iter": 30, "random_state": 0}
ESTIMATORS = {
    "classes": (make_pipeline(StandardScaler(), MLPClassifier(**NET)), X[:, :3].argmax(1)),
    "two classes": (make_pipeline(MinMaxScaler(), MLPClassifier(**NET)), (X[:, 0] > 0) * 1),
    "numbers": (MLPRegressor(**NET, activation="tanh"), X @ np.ones(4)),
    "line": (make_pipeline(Normalizer("l1"), LinearRegression()), X.sum(1)),
    "logistic": (LogisticRegression(), X[:, :3].argmax(1) * 10),
    "logistic of two": (make_pipeline(Binarizer(), LogisticRegression()), (X[:, 0] > 0) * 1),
    "gaps": (make_pipeline(SimpleImputer(missing_values=0.0), Ridge()), X.sum(1)),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_of_scikit_learn_is_a_model(name):
    estimator, y = ESTIMATORS[name]
    x = np.where(np.abs(X) < 0.1, 0, X)
    estimator.fit(x, y)
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    proto = skl2onnx.to_onnx(estimator, x[:1], options=options, target_opset=18)
    got = predicted(fastnn.onnx.from_proto(proto), [x])
    wanted = [estimator.predict(x)]
    if hasattr(estimator, "predict_proba"):
        wanted.append(estimator.predict_proba(x))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a.reshape(b.shape), b, rtol=1e-4, atol=1e-4)


def test_there_are_files_of_each_library():
    assert {name.split("_")[0] for name in NAMES} == {"torch", "torchscript", "keras", "sklearn"}


def test_what_is_known_becomes_layers_that_can_be_trained():
    model = fastnn.onnx.load(FILES / "torch_residual.onnx")
    known = [type(layer).__name__ for layer in model.layers]
    for kind in ("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "GlobalAveragePooling2D", "Dense"):
        assert kind in known
    x, y = RNG.normal(size=(8, 3, 16, 16)), np.arange(8) % 4
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before


def test_a_loaded_model_is_saved_as_others_are(tmp_path):
    model = fastnn.onnx.load(FILES / "torch_lstm.onnx")
    model.save(tmp_path / "model.fastnn")
    again = fastnn.models.load_model(tmp_path / "model.fastnn")
    ids = np.load(FILES / "torch_lstm.npz")["x0"]
    assert again.predict(ids).tobytes() == model.predict(ids).tobytes()


@pytest.mark.parametrize("cell", [L.LSTM, L.GRU, L.SimpleRNN])
def test_a_recurrent_layer_comes_back_as_itself(cell):
    model = fastnn.onnx.from_proto(fastnn.onnx.to_proto(stacked((6, 4), cell(5))))
    assert [type(layer) for layer in model.layers[1:]] == [cell]


# ---- graphs written by hand ----------------------------------------------------------------------


def graph(nodes, inputs, outputs=("y",), weights=None, opset=18):
    """A graph whose inputs are {name: shape}, a text being a free axis."""
    helper, numbers = onnx.helper, onnx.TensorProto.FLOAT
    infos = [helper.make_tensor_value_info(k, numbers, shape) for k, shape in inputs.items()]
    ends = [helper.make_tensor_value_info(name, numbers, ["n", "m"]) for name in outputs]
    known = [onnx.numpy_helper.from_array(a, k) for k, a in (weights or {}).items()]
    body = helper.make_graph(nodes, "by_hand", infos, ends, known)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


node = onnx.helper.make_node


def test_a_batch_that_is_not_first_becomes_the_first_axis():
    """As of an LSTM of PyTorch's, which has steps first."""
    u = RNG.normal(size=(1, 5, 3)).astype("float32")
    weights = {"w": u, "r": RNG.normal(size=(1, 5, 5)).astype("float32")}
    walk = node("RNN", ["x", "w", "r"], ["y", ""], hidden_size=5)
    proto = graph([walk], {"x": (4, "batch", 3)}, weights=weights)
    model = fastnn.onnx.from_proto(proto)
    x = RNG.normal(size=(4, 2, 3)).astype("float32")
    (wanted,) = run(proto, x)
    assert model.input_shape == (None, 4, 3)
    got = model.predict(x.swapaxes(0, 1))  # rows, steps, directions, units
    np.testing.assert_allclose(got, np.moveaxis(wanted, 2, 0), rtol=1e-5, atol=1e-6)


def test_sizes_of_other_free_axes_are_given():
    proto = graph([node("Relu", ["x"], ["y"])], {"x": ("batch", "steps", 3)})
    with pytest.raises(UnsupportedError, match=r"free axes steps .* sizes=\{'steps': 10\}"):
        fastnn.onnx.from_proto(proto)
    assert fastnn.onnx.from_proto(proto, sizes={"steps": 7}).input_shape == (None, 7, 3)


def test_a_batch_of_known_size_is_any_batch():
    flat = {"shape": np.array([1, -1]), "w": np.ones((6, 2), "float32")}
    nodes = [node("Reshape", ["x", "shape"], ["f"]), node("MatMul", ["f", "w"], ["y"])]
    model = fastnn.onnx.from_proto(graph(nodes, {"x": (1, 2, 3)}, weights=flat))
    assert model.predict(np.ones((5, 2, 3))).tolist() == [[6, 6]] * 5


def test_what_is_added_to_a_product_is_a_bias_where_there_is_one_for_each_unit():
    w, x = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=(3, 4)).astype("float32")
    for shape, kinds in (((3,), ["Dense"]), ((1, 3), ["Dense"]), ((1, 1), ["Dense"])):
        c = RNG.normal(size=shape).astype("float32")
        for nodes in (
            [node("Gemm", ["x", "w", "c"], ["y"])],
            [node("MatMul", ["x", "w"], ["z"]), node("Add", ["c", "z"], ["y"])],
        ):
            proto = graph(nodes, {"x": ("n", 4)}, weights={"w": w, "c": c})
            model = fastnn.onnx.from_proto(proto)
            assert [type(layer).__name__ for layer in model.layers[1:]] == kinds
            np.testing.assert_allclose(model.predict(x), run(proto, x)[0], rtol=1e-5, atol=1e-5)
    rows = {"w": w, "c": np.ones((3, 1), "float32")}  # one for each of three rows
    proto = graph([node("Gemm", ["x", "w", "c"], ["y"])], {"x": ("n", 4)}, weights=rows)
    assert fastnn.onnx.backend.prepare(proto).run([x])[0].shape == (3, 3)


def test_states_of_pytorch_that_begin_with_zeros_are_no_inputs_of_layers():
    model = fastnn.onnx.load(FILES / "torchscript_lstm.onnx")
    first = [type(layer).__name__ for layer in model.layers[:4]]
    assert first == ["InputLayer", "Embedding", "LSTM", "LSTM"]


def test_sums_of_old_files_that_say_along_which_axis_are_refused():
    old = [node("Add", ["x", "c"], ["y"], broadcast=1, axis=1)]
    proto = graph(old, {"x": ("n", 3, 3)}, weights={"c": np.ones(3, "float32")}, opset=6)
    with pytest.raises(UnsupportedError, match="before opset 7"):
        fastnn.onnx.from_proto(proto)


def test_whole_numbers_are_divided_as_such():
    helper, kinds = onnx.helper, onnx.TensorProto
    given = helper.make_tensor_value_info("x", kinds.INT32, ["n", 3])
    made = helper.make_tensor_value_info("y", kinds.FLOAT, ["n", 3])
    nodes = [node("Div", ["x", "two"], ["h"]), node("Cast", ["h"], ["y"], to=kinds.FLOAT)]
    two = onnx.numpy_helper.from_array(np.array([2], "int32"), "two")
    body = helper.make_graph(nodes, "halves", [given], [made], [two])
    model = fastnn.onnx.from_proto(helper.make_model(body, ir_version=8))
    assert model.predict(np.array([[7, -7, 4]], "int32")).tolist() == [[3, -3, 2]]


@pytest.mark.parametrize("after", ["NONE", "LOGISTIC"])
def test_a_linear_classifier_of_one_row_knows_two_classes(after):
    helper, kinds = onnx.helper, onnx.TensorProto
    attributes = {"coefficients": [1.0, -2.0], "intercepts": [0.3], "classlabels_ints": [4, 9]}
    score = node(
        "LinearClassifier", ["x"], ["label", "y"], domain="ai.onnx.ml", post_transform=after,
        multi_class=0, **attributes,
    )  # fmt: skip
    ends = [("label", kinds.INT64, ["n"]), ("y", kinds.FLOAT, ["n", 2])]
    given = helper.make_tensor_value_info("x", kinds.FLOAT, ["n", 2])
    infos = [helper.make_tensor_value_info(*end) for end in ends]
    body = helper.make_graph([score], "by_hand", [given], infos)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    proto = helper.make_model(body, opset_imports=opsets, ir_version=8)
    x = RNG.normal(size=(20, 2)).astype("float32")
    for got, wanted in zip(
        predicted(fastnn.onnx.from_proto(proto), [x]), run(proto, x), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_all_operators_that_are_missing_are_named():
    nodes = [
        node("NonZero", ["x"], ["a"], name="first"),
        node("Det", ["x"], ["b"], name="second"),
        node("Det", ["x"], ["y"], name="third"),
    ]
    with pytest.raises(UnsupportedError) as caught:
        fastnn.onnx.from_proto(graph(nodes, {"x": ("n", 3)}))
    assert "NonZero (first); Det (second, third)" in str(caught.value)
    many = [node("NonZero", ["x"], [f"y{i}"], name=f"node{i}") for i in range(200)]
    with pytest.raises(UnsupportedError) as caught:
        fastnn.onnx.from_proto(graph(many, {"x": ("n", 3)}))
    assert len(str(caught.value)) <= 400


MISTAKES = {
    "rows moved": ([node("Softmax", ["x"], ["y"], axis=0, name="s")], "'s' .Softmax.: "),
    "rows summed": ([node("ReduceSum", ["x"], ["y"], keepdims=0, name="r")], "'r' .ReduceSum.: "),
    "no output": ([node("Relu", ["x"], ["z"])], "'y'"),
    "not there": ([node("Add", ["x", "q"], ["y"])], "q"),
    "huge": (
        [node("Expand", ["x", "far"], ["y"], name="e")],
        "'e' .Expand.: it makes .* numbers, more than",
    ),
    "huge constant": (
        [node("ConstantOfShape", ["far"], ["c"]), node("Add", ["x", "c"], ["y"])],
        "more than",
    ),
    "huge frame": ([node("Pad", ["x", "frame"], ["y"])], "more than"),
    "not by name": ([node("Resize", ["x", "", "", "sizes"], ["y"], mode="tired")], "."),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_fastnn_cannot_do_is_refused_with_the_node(name):
    nodes, text = MISTAKES[name]
    weights = {
        "far": np.array([1, 1 << 30, 1 << 8]),
        "frame": np.array([0, 0, 0, 1 << 40]),
        "sizes": np.array([1, 5]),
    }
    with pytest.raises((UnsupportedError, ModelFileError), match=text) as caught:
        fastnn.onnx.from_proto(graph(nodes, {"x": ("n", 3)}, weights=weights))
    assert len(str(caught.value)) <= 400


def outside(path, location, **known):
    """Write a model whose weights are in another file."""
    weight = onnx.TensorProto(name="w", data_type=1, dims=[3, 2], data_location=1)
    for key, value in {"location": location, **known}.items():
        weight.external_data.add(key=key, value=str(value))
    proto = graph([node("MatMul", ["x", "w"], ["y"])], {"x": ("n", 3)})
    proto.graph.initializer.append(weight)
    path.write_bytes(proto.SerializeToString())


def test_weights_beside_the_file_are_read_and_none_from_elsewhere(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    path, w = folder / "model.onnx", np.arange(8, dtype="float32")
    w.tofile(folder / "weights")
    w.tofile(tmp_path / "secret")
    outside(path, "weights", offset=8, length=24)
    model = fastnn.onnx.load(path)
    assert model.get_weights()[0].tolist() == w[2:].reshape(3, 2).tolist()
    (folder / "link").symlink_to(tmp_path / "secret")
    for location in ("../secret", str(tmp_path / "secret"), "link", "", "."):
        outside(path, location)
        with pytest.raises(ModelFileError):
            fastnn.onnx.load(path)
    outside(path, "weights", offset=16)
    with pytest.raises(ModelFileError, match="has no 24 bytes at 16"):
        fastnn.onnx.load(path)
    with pytest.raises(ModelFileError, match="load it by its path"):
        fastnn.onnx.from_proto(onnx.load(path, load_external_data=False))


def test_files_that_are_damaged_are_refused_and_nothing_else_happens(tmp_path):
    whole = (FILES / "torchscript_residual.onnx").read_bytes()
    path = tmp_path / "model.onnx"
    for content in (b"", b"PK\x03\x04", whole[:-1000], whole[:50]):
        path.write_bytes(content)
        with pytest.raises((ModelFileError, UnsupportedError)):
            fastnn.onnx.load(path)
    rng = np.random.default_rng(5)
    for _ in range(60):
        broken = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            broken[at] = rng.integers(0, 256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(ModelFileError, UnsupportedError):  # or it is still a model
            fastnn.onnx.load(path)
    with pytest.raises(FileNotFoundError):
        fastnn.onnx.load(tmp_path / "none.onnx")
    with pytest.raises(TypeError, match=r"expected an onnx.ModelProto, got dict"):
        fastnn.onnx.from_proto({})


def test_the_page_names_the_operators_that_there_are():
    page = (Path(__file__).parents[1] / "docs" / "onnx.md").read_text()
    section = page[page.index("## What operators become") : page.index("## What is refused")]
    firsts = re.findall(r"^\| `([\w.]+)` \|", section, re.M)
    others = re.findall(r"`([\w.]+)`", section[section.rindex("calculated once, become") :])
    assert sorted(firsts + others) == sorted(OPERATORS)
    assert f"[{len(OPERATORS)} operators]" in (Path(__file__).parents[1] / "README.md").read_text()


@pytest.mark.parametrize("values", [(2020, 2024), (20000, 20010)])
@pytest.mark.parametrize("invert", [False, True])
def test_data_far_from_0_is_scaled_as_exactly(values, invert):
    x = np.random.default_rng(0).integers(*values, (200, 2)).astype("float32")
    scaling = L.Normalization(invert=invert)
    scaling.adapt(x)
    model = Sequential([Input((2,)), scaling])
    y, proto = model.predict(x, verbose=0), fastnn.onnx.to_proto(model)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    again = fastnn.onnx.from_proto(proto).predict(x, verbose=0)
    assert abs(found - y).max() <= 1e-6 * abs(y).max()
    assert abs(again - y).max() <= 1e-6 * abs(y).max()
