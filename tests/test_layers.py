"""Layers: one contract for every class of fastnn's, and for a user's own in both kinds."""

import contextlib
import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers, ops
from fastnn.errors import ShapeError
from fastnn.layers import (
    Activation,
    AveragePooling2D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPooling2D,
    Reshape,
)

#: class -> (arguments, shape of a sample, shape of its output), several of each
CASES = {
    Dense: [
        ({"units": 3}, (5,), (3,)),
        ({"units": 3, "activation": "tanh", "use_bias": False}, (2, 5), (2, 3)),
        ({"units": 2, "activation": "softmax", "kernel_initializer": "he_normal"}, (7,), (2,)),
    ],
    Activation: [
        ({"activation": name}, (3, 5), (3, 5)) for name in ("linear", "relu", "sigmoid", "tanh")
    ]
    + [({"activation": "softmax"}, (5,), (5,))],
    Dropout: [
        ({"rate": 0.3}, (7, 3), (7, 3)),
        ({"rate": 0}, (7,), (7,)),
        ({"rate": 0.5, "noise_shape": [None, 1, None], "seed": 7}, (7, 3), (7, 3)),
        ({"rate": 0.5, "noise_shape": [None, None, 1]}, (7, 3), (7, 3)),
    ],
    Flatten: [({}, (2, 3, 5), (30,)), ({}, (7,), (7,))],
    Reshape: [
        ({"target_shape": (5, -1)}, (2, 3, 5), (5, 6)),
        ({"target_shape": [6]}, (2, 3), (6,)),
    ],
    layers.Lambda: [
        ({"function": ops.tanh}, (3, 5), (3, 5)),
        ({"function": ops.expand_dims, "arguments": {"axis": 1}}, (5,), (1, 5)),
    ],
    layers.Permute: [
        ({"dims": (2, 1)}, (3, 5), (5, 3)),
        ({"dims": [3, 1, 2]}, (2, 3, 4), (4, 2, 3)),
        ({"dims": (1,)}, (7,), (7,)),
    ],
    Conv2D: [
        ({"filters": 3, "kernel_size": 2}, (5, 7, 2), (4, 6, 3)),
        (
            {"filters": 3, "kernel_size": (3, 2), "strides": (2, 3), "padding": "same"},
            (5, 7, 2),
            (3, 3, 3),
        ),
        (
            {"filters": 2, "kernel_size": 3, "activation": "sigmoid", "use_bias": False},
            (5, 5, 1),
            (3, 3, 2),
        ),
    ],
    MaxPooling2D: [
        ({}, (5, 7, 2), (2, 3, 2)),
        ({"pool_size": (3, 2), "strides": 1, "padding": "same"}, (5, 7, 2), (5, 7, 2)),
    ],
    AveragePooling2D: [
        ({"pool_size": 2}, (5, 7, 2), (2, 3, 2)),
        ({"pool_size": (3, 2), "strides": 1, "padding": "same"}, (5, 7, 2), (5, 7, 2)),
    ],
}
CASES |= {
    layers.BatchNormalization: [
        ({}, (7,), (7,)),
        ({"epsilon": 0.1, "momentum": 0.9}, (3, 4, 5), (3, 4, 5)),
        ({"center": False, "gamma_initializer": "he_normal"}, (2, 3), (2, 3)),
        ({"scale": False, "beta_initializer": "ones", "axis": 3}, (2, 2, 3), (2, 2, 3)),
        ({"axis": 1}, (4, 2, 3), (4, 2, 3)),
    ],
    layers.GlobalAveragePooling2D: [
        ({}, (5, 7, 2), (2,)),
        ({"keepdims": True}, (3, 1, 17), (1, 1, 17)),
    ],
    layers.GlobalMaxPooling2D: [
        ({}, (5, 7, 2), (2,)),
        ({"keepdims": True}, (3, 1, 17), (1, 1, 17)),
    ],
    layers.ZeroPadding2D: [
        ({}, (3, 4, 2), (5, 6, 2)),
        ({"padding": [[0, 2], [1, 0]]}, (3, 4, 2), (5, 5, 2)),
    ],
    layers.Cropping2D: [
        ({}, (3, 4, 2), (3, 4, 2)),
        ({"cropping": ((1, 0), (0, 2))}, (3, 4, 2), (2, 2, 2)),
    ],
}
CASES |= {
    layers.RandomFlip: [
        ({}, (3, 4, 2), (3, 4, 2)),
        ({"mode": "vertical"}, (3, 4, 1), (3, 4, 1)),
    ],
    layers.RandomTranslation: [
        ({"height_factor": 0.3, "width_factor": 0.2}, (3, 4, 2), (3, 4, 2)),
        (
            {"height_factor": (-0.5, 0), "width_factor": 0, "fill_mode": "constant"},
            (4, 3, 1),
            (4, 3, 1),
        ),
    ],
    layers.RandomRotation: [
        ({"factor": 0.5}, (3, 4, 2), (3, 4, 2)),
        ({"factor": (0, 0.1), "fill_mode": "wrap", "fill_value": 1}, (4, 4, 1), (4, 4, 1)),
    ],
    layers.RandomZoom: [
        ({"height_factor": 0.5}, (3, 4, 2), (3, 4, 2)),
        (
            {"height_factor": 0.2, "width_factor": (0.1, 0.2), "interpolation": "nearest"},
            (4, 3, 1),
            (4, 3, 1),
        ),
    ],
    layers.RandomCrop: [
        ({"height": 2, "width": 3}, (4, 5, 2), (2, 3, 2)),
        ({"height": 3, "width": 3}, (3, 3, 2), (3, 3, 2)),
        ({"height": 5, "width": 2}, (4, 5, 1), (5, 2, 1)),
    ],
    layers.RandomContrast: [
        ({"factor": 0.3, "value_range": (-2, 2)}, (3, 4, 2), (3, 4, 2)),
        ({"factor": (0.1, 0.9), "value_range": [-0.3, 0.3]}, (4, 3, 1), (4, 3, 1)),
    ],
    layers.RandomBrightness: [
        ({"factor": 0.3, "value_range": (-2, 2)}, (3, 4, 2), (3, 4, 2)),
        ({"factor": (-0.1, 0.9), "value_range": [-0.3, 0.3]}, (4, 3, 1), (4, 3, 1)),
    ],
}
CASES |= {
    layers.SimpleRNN: [
        ({"units": 4}, (5, 3), (4,)),
        ({"units": 3, "activation": "sigmoid", "return_sequences": True}, (2, 4), (2, 3)),
        ({"units": 17, "use_bias": False, "go_backwards": True}, (3, 2), (17,)),
    ],
    layers.LSTM: [
        ({"units": 4}, (5, 3), (4,)),
        ({"units": 3, "return_sequences": True, "unit_forget_bias": False}, (4, 2), (4, 3)),
        ({"units": 2, "activation": "sigmoid", "recurrent_activation": "tanh"}, (3, 2), (2,)),
        ({"units": 17, "use_bias": False, "go_backwards": True, "unroll": True}, (2, 3), (17,)),
        ({"units": 3, "dropout": 0.4, "recurrent_initializer": "he_normal"}, (3, 5), (3,)),
    ],
    layers.GRU: [
        ({"units": 4}, (5, 3), (4,)),
        ({"units": 3, "return_sequences": True, "reset_after": False}, (4, 2), (4, 3)),
        ({"units": 2, "activation": "sigmoid", "recurrent_activation": "tanh"}, (3, 2), (2,)),
        ({"units": 17, "use_bias": False, "go_backwards": True}, (2, 3), (17,)),
        ({"units": 3, "use_bias": False, "reset_after": False}, (3, 5), (3,)),
    ],
}
CASES |= {
    layers.ReLU: [
        ({}, (7,), (7,)),
        ({"max_value": 0.3, "negative_slope": 0.1, "threshold": 0.1}, (3, 5), (3, 5)),
    ],
    layers.LeakyReLU: [({}, (7,), (7,)), ({"negative_slope": 0.5}, (3, 5), (3, 5))],
    layers.PReLU: [
        ({}, (7,), (7,)),
        ({"alpha_initializer": "he_normal"}, (3, 5), (3, 5)),
        ({"shared_axes": [1, 2], "alpha_initializer": "ones"}, (3, 2, 5), (3, 2, 5)),
        ({"shared_axes": [2]}, (3, 2, 5), (3, 2, 5)),
    ],
    layers.ELU: [({}, (7,), (7,)), ({"alpha": 0.5}, (3, 5), (3, 5))],
    layers.Softmax: [
        ({}, (7,), (7,)),
        ({"axis": 2}, (3, 5), (3, 5)),
        ({"axis": 1}, (3, 5), (3, 5)),
        ({"axis": -2}, (2, 3, 5), (2, 3, 5)),
    ],
}
CASES |= {
    layers.GaussianNoise: [({"stddev": 0.1}, (7, 3), (7, 3)), ({"stddev": 0}, (7,), (7,))],
    layers.GaussianDropout: [({"rate": 0.3, "seed": 3}, (7, 3), (7, 3)), ({"rate": 0}, (7,), (7,))],
    layers.AlphaDropout: [
        ({"rate": 0.3}, (7, 3), (7, 3)),
        ({"rate": 0.5, "noise_shape": [None, 1, 3], "seed": 0}, (7, 3), (7, 3)),
        ({"rate": 0}, (7,), (7,)),
    ],
    layers.SpatialDropout1D: [
        ({"rate": 0.3}, (7, 3), (7, 3)),
        ({"rate": 0.5, "seed": 5}, (2, 9), (2, 9)),
    ],
    layers.SpatialDropout2D: [
        ({"rate": 0.3}, (3, 4, 5), (3, 4, 5)),
        ({"rate": 0.5, "seed": 5}, (2, 1, 9), (2, 1, 9)),
    ],
    layers.ActivityRegularization: [({}, (7,), (7,)), ({"l1": 0.1, "l2": 0.2}, (3, 5), (3, 5))],
}
CASES |= {
    layers.LayerNormalization: [
        ({}, (7,), (7,)),
        ({"axis": [1, 2], "epsilon": 0.1, "center": False}, (3, 5), (3, 5)),
        ({"axis": [-3, -2, -1], "beta_initializer": "he_normal"}, (2, 3, 4), (2, 3, 4)),
        ({"scale": False}, (3, 17), (3, 17)),
        ({"axis": [1, 3]}, (4, 2, 3), (4, 2, 3)),
    ],
    layers.RMSNormalization: [
        ({}, (7,), (7,)),
        ({"axis": [-2, -1], "epsilon": 0.1}, (3, 5), (3, 5)),
        ({"axis": 1}, (4, 5), (4, 5)),
    ],
    layers.UnitNormalization: [
        ({}, (7,), (7,)),
        ({"axis": [-2, -1]}, (3, 5), (3, 5)),
        ({"axis": -2}, (3, 5), (3, 5)),
    ],
    layers.GroupNormalization: [
        ({"groups": 2}, (6,), (6,)),
        ({"groups": -1, "epsilon": 0.1, "scale": False}, (3, 5), (3, 5)),
        ({"groups": 3, "center": False, "axis": 3}, (2, 3, 9), (2, 3, 9)),
        ({"groups": 1}, (4, 5), (4, 5)),
        ({"groups": 2, "axis": -2}, (2, 4, 3), (2, 4, 3)),
    ],
}
CASES |= {
    layers.Rescaling: [
        ({"scale": 0.5}, (7,), (7,)),
        ({"scale": -2, "offset": 0.3}, (3, 5), (3, 5)),
    ],
    layers.Normalization: [
        ({}, (7,), (7,)),
        ({"mean": [0.1, 0.2, 0.3], "variance": [4, 5, 0], "axis": 2}, (2, 3), (2, 3)),
        ({"axis": None, "mean": 0.1, "variance": 0.2, "invert": True}, (2, 3), (2, 3)),
        ({"axis": [1, 2]}, (2, 3), (2, 3)),
        ({"axis": [1, 3], "mean": 0.1, "variance": 2}, (2, 3, 4), (2, 3, 4)),
    ],
    layers.MinMaxScaling: [
        ({}, (7,), (7,)),
        ({"axis": 1}, (2, 3), (2, 3)),
        ({"feature_range": [0, 1], "axis": [-2, -1]}, (2, 3), (2, 3)),
    ],
}
CASES[Conv2D] += [
    ({"filters": 3, "kernel_size": 3, "strides": (1, 2), "padding": (2, 1)}, (5, 7, 2), (7, 4, 3)),
    ({"filters": 4, "kernel_size": (2, 3), "dilation_rate": (3, 2)}, (6, 7, 2), (3, 3, 4)),
    ({"filters": 6, "kernel_size": 2, "groups": 3, "activation": "relu"}, (4, 5, 9), (3, 4, 6)),
]
CASES[MaxPooling2D] += [({"pool_size": 3, "strides": 2, "padding": 1}, (5, 7, 2), (3, 4, 2))]
CASES[AveragePooling2D] += [({"pool_size": 3, "padding": (0, 2)}, (5, 7, 2), (1, 3, 2))]
CASES |= {
    layers.Conv1D: [
        ({"filters": 3, "kernel_size": 2}, (7, 2), (6, 3)),
        ({"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, (7, 2), (4, 3)),
        (
            {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2, "groups": 2},
            (7, 2),
            (7, 4),
        ),
        (
            {"filters": 2, "kernel_size": 3, "padding": 2, "activation": "tanh", "use_bias": False},
            (5, 3),
            (7, 2),
        ),
    ],
    layers.DepthwiseConv2D: [
        ({"kernel_size": 2}, (4, 5, 3), (3, 4, 3)),
        (
            {"kernel_size": 3, "strides": 2, "padding": "same", "depth_multiplier": 3},
            (5, 6, 2),
            (3, 3, 6),
        ),
        (
            {"kernel_size": (3, 2), "dilation_rate": (1, 2), "padding": 1, "activation": "sigmoid"},
            (4, 5, 3),
            (4, 5, 3),
        ),
    ],
    layers.DepthwiseConv1D: [
        ({"kernel_size": 3, "use_bias": False}, (7, 3), (5, 3)),
        ({"kernel_size": 2, "strides": 3, "depth_multiplier": 2}, (8, 3), (3, 6)),
    ],
    layers.SeparableConv2D: [
        ({"filters": 3, "kernel_size": 2}, (4, 5, 2), (3, 4, 3)),
        (
            {"filters": 2, "kernel_size": 3, "padding": "same", "depth_multiplier": 2},
            (4, 5, 3),
            (4, 5, 2),
        ),
    ],
    layers.SeparableConv1D: [
        ({"filters": 3, "kernel_size": 3, "strides": 2, "activation": "relu"}, (8, 2), (3, 3)),
        ({"filters": 2, "kernel_size": 2, "padding": "causal", "use_bias": False}, (5, 3), (5, 2)),
    ],
    layers.Conv2DTranspose: [
        ({"filters": 3, "kernel_size": 3}, (3, 4, 2), (5, 6, 3)),
        (
            {"filters": 2, "kernel_size": (3, 2), "strides": 2, "padding": "same"},
            (3, 4, 3),
            (6, 8, 2),
        ),
        (
            {"filters": 2, "kernel_size": 2, "strides": 3, "activation": "tanh"},
            (3, 2, 3),
            (9, 6, 2),
        ),
        (
            {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
            (3, 2, 3),
            (6, 4, 2),
        ),
        (
            {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "use_bias": False},
            (3, 2, 3),
            (5, 4, 2),
        ),
    ],
    layers.Conv1DTranspose: [
        ({"filters": 3, "kernel_size": 3, "strides": 2}, (4, 2), (9, 3)),
        ({"filters": 3, "kernel_size": 4, "padding": "same"}, (5, 2), (5, 3)),
    ],
    layers.MaxPooling1D: [
        ({}, (7, 3), (3, 3)),
        ({"pool_size": 3, "strides": 2, "padding": "same"}, (7, 2), (4, 2)),
    ],
    layers.AveragePooling1D: [
        ({"pool_size": 2}, (7, 3), (3, 3)),
        ({"pool_size": 3, "strides": 1, "padding": 1}, (7, 2), (7, 2)),
    ],
    layers.GlobalAveragePooling1D: [({}, (5, 3), (3,)), ({"keepdims": True}, (5, 2), (1, 2))],
    layers.GlobalMaxPooling1D: [({}, (5, 3), (3,)), ({"keepdims": True}, (5, 2), (1, 2))],
    layers.ZeroPadding1D: [({}, (3, 2), (5, 2)), ({"padding": (0, 2)}, (3, 2), (5, 2))],
    layers.Cropping1D: [({}, (5, 2), (3, 2)), ({"cropping": (0, 2)}, (3, 2), (1, 2))],
    layers.UpSampling1D: [({}, (3, 2), (6, 2)), ({"size": 3}, (2, 5), (6, 5))],
    layers.UpSampling2D: [
        ({}, (2, 3, 2), (4, 6, 2)),
        ({"size": (1, 3)}, (2, 3, 2), (2, 9, 2)),
        ({"size": (2, 4), "interpolation": "bilinear"}, (2, 3, 2), (4, 12, 2)),
    ],
}
CASES |= {
    layers.Identity: [({}, (3, 2), (3, 2))],
    layers.CenterCrop: [
        ({"height": 2, "width": 3}, (4, 5, 2), (2, 3, 2)),
        ({"height": 5, "width": 2}, (4, 5, 1), (5, 2, 1)),
    ],
    layers.Resizing: [
        ({"height": 3, "width": 7}, (4, 5, 2), (3, 7, 2)),
        ({"height": 2, "width": 8, "interpolation": "nearest"}, (4, 5, 2), (2, 8, 2)),
        ({"height": 3, "width": 3, "crop_to_aspect_ratio": True}, (4, 5, 2), (3, 3, 2)),
    ],
}
EVERY = [(cls, *case) for cls, cases in CASES.items() for case in cases]


def ids(value):
    return value.__name__ if isinstance(value, type) else None


def data(*shape):
    """Distinct values, none at a kink."""
    values = np.random.default_rng(5).permutation(int(np.prod(shape))) + 0.5
    return (values / values.size - 0.5).reshape(shape)


def surrounded(layer, shape):
    """A model in which weights stand before the layer, so that its dx is wanted; they are the same
    each time, as a training that diverges magnifies what is rounded."""
    fastnn.set_seed(3)
    channels = shape[-1]
    before, after = Dense(channels, "tanh"), Dense(2)
    model = Sequential([Input(shape), before, layer, Flatten(), after], dtype="float64")
    model.compile(fastnn.optimizers.SGD(0.1), "mse")
    return model


def trained(cls, options, shape, threads):
    """The bytes of the weights after two short epochs on so many threads."""
    fastnn.set_seed(3)
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        model = surrounded(cls(**options), shape)
        model.fit(data(5, *shape), data(5, 2), batch_size=3, epochs=2, verbose=0)
        return [w.tobytes() for w in model.get_weights()]
    finally:
        fastnn.set_num_threads(before)


def test_every_layer_class_has_cases():
    exported = {
        cls
        for cls in map(layers.__dict__.get, layers.__all__)
        if isinstance(cls, type) and cls not in (Layer, layers.InputLayer, layers.RNN)
        if not cls.__module__.endswith(
            ("categories", "cells", "merging", "embedding", "wrappers")
        )  # in files of their own
    }
    assert set(CASES) == exported


@pytest.mark.filterwarnings("ignore:fit. the layer .* was neither adapted nor given numbers")
@pytest.mark.parametrize(("cls", "options", "shape", "out"), EVERY, ids=ids)
class TestContract:
    def test_shapes(self, cls, options, shape, out):
        layer = cls(**options)
        assert not layer.built
        model = Sequential([Input(shape), layer])
        assert layer.built
        assert layer.input_shape == (None, *shape)
        assert layer.output_shape == (None, *out)
        assert model.predict(data(3, *shape)).shape == (3, *out)
        assert layer.count_params() == sum(w.size for w in layer.get_weights())

    def test_config_round_trip(self, cls, options, shape, out):
        layer = cls(**options, name="one")
        again = cls.from_config(layer.get_config())
        assert again.get_config() == layer.get_config()
        models = [Sequential([Input(shape), each]) for each in (layer, again)]
        models[1].set_weights(models[0].get_weights())
        x = data(2, *shape)
        assert np.array_equal(models[0].predict(x), models[1].predict(x))

    def test_config_is_json(self, cls, options, shape, out):
        import json

        config = cls(**options).get_config()
        assert json.loads(json.dumps(config)) == config

    def test_gradient(self, cls, options, shape, out):
        model = surrounded(cls(**options), shape)
        check = fastnn.gradcheck(model, data(3, *shape), data(3, 2), samples=40)
        assert check.ok, str(check)

    def test_one_training_step_changes_the_weights_before_and_inside(
        self, cls, options, shape, out
    ):
        layer = cls(**options)
        model = surrounded(layer, shape)
        before = model.get_weights()
        model.fit(data(3, *shape), data(3, 2), verbose=0)
        changed = [(a != b).any() for a, b in zip(before, model.get_weights(), strict=True)]
        if cls in (layers.Normalization, layers.MinMaxScaling):  # whose numbers adapt sets
            changed = [c for c, v in zip(changed, model.weights, strict=True) if v.trainable]
        assert all(changed)

    def test_the_batch_does_not_change_a_bit(self, cls, options, shape, out):
        model = Sequential([Input(shape), cls(**options)])
        x = data(5, *shape)
        assert np.array_equal(model.predict(x, batch_size=2), model.predict(x))

    def test_threads_change_no_bit(self, cls, options, shape, out, monkeypatch):
        monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
        assert trained(cls, options, shape, threads=3) == trained(cls, options, shape, threads=1)

    def test_the_reference_interpreter_trains_alike(self, cls, options, shape, out):
        models = [surrounded(cls(**options), shape) for _ in range(2)]
        models[1].set_weights(models[0].get_weights())
        models[1].compile(fastnn.optimizers.SGD(0.1), "mse", run_eagerly=True)
        for model in models:
            model.seed = 7
            model.fit(data(5, *shape), data(5, 2), batch_size=3, epochs=2, verbose=0)
        for ours, theirs in zip(*(model.get_weights() for model in models), strict=True):
            assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-11)

    def test_nan_stays_in_its_row(self, cls, options, shape, out):
        model = Sequential([Input(shape), cls(**options)])
        x = data(3, *shape)
        x[1] = np.nan
        finite = np.isfinite(model.predict(x).reshape(3, -1))
        assert finite[[0, 2]].all()
        untouched = np.zeros(finite[1].shape, bool)  # places that see nothing of the input
        if cls in (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.Conv2DTranspose):
            untouched = model.predict(np.ones_like(x))[1].ravel() == 0
        assert np.array_equal(finite[1], untouched)


def test_dense_is_its_formula():
    model = Sequential([Input((5,)), Dense(3)], dtype="float64")
    kernel, bias = data(5, 3), data(3)
    model.set_weights([kernel, bias])
    x = data(7, 5)
    assert np.allclose(model.predict(x), x @ kernel + bias, rtol=1e-14, atol=0)


@pytest.mark.parametrize("dims", [(0, 1), (1, 1), (2,), "21", (1.0, 2), 2])
def test_permute_takes_each_axis_once(dims):
    with pytest.raises(ValueError, match=r"dims must hold each of 1, 2, \.\.\. once"):
        layers.Permute(dims)


def test_permute_knows_all_axes():
    with pytest.raises(ShapeError, match=r"\(2, 1\) are 2 axes, a sample of .* has 1"):
        layers.Permute((2, 1))(Input((3,)))


def test_dense_without_bias_has_one_weight():
    layer = Dense(3, use_bias=False)
    Sequential([Input((5,)), layer])
    assert [v.name for v in layer.weights] == ["kernel"]
    assert layer.bias is None


def test_convolution_is_its_formula():
    model = Sequential([Input((4, 5, 2)), Conv2D(3, (2, 3))], dtype="float64")
    kernel, bias = data(2, 3, 2, 3), data(3)
    model.set_weights([kernel, bias])
    x = data(2, 4, 5, 2)
    windows = np.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(1, 2))
    want = np.einsum("rpqcmn,mnco->rpqo", windows, kernel) + bias
    assert np.allclose(model.predict(x), want, rtol=1e-13, atol=1e-16)


def test_max_pooling_takes_the_largest():
    x = data(2, 4, 6, 3)
    y = Sequential([Input((4, 6, 3)), MaxPooling2D()], dtype="float64").predict(x)
    assert np.array_equal(y, x.reshape(2, 2, 2, 3, 2, 3).max(axis=(2, 4)))


def test_a_padded_place_never_wins():
    x = np.full((1, 3, 3, 1), -5.0)
    y = Sequential([Input((3, 3, 1)), MaxPooling2D(2, padding="same")]).predict(x)
    assert (y == -5).all()


def test_average_pooling_takes_the_mean():
    x = data(2, 4, 6, 3)
    y = Sequential([Input((4, 6, 3)), AveragePooling2D(2)], dtype="float64").predict(x)
    assert np.allclose(y, x.reshape(2, 2, 2, 3, 2, 3).mean(axis=(2, 4)), rtol=1e-15)


def test_a_padded_place_is_not_counted():
    x = np.full((1, 3, 3, 1), -5.0)
    y = Sequential([Input((3, 3, 1)), AveragePooling2D(2, padding="same")]).predict(x)
    assert (y == -5).all()


@pytest.mark.parametrize(
    ("layer", "window"),
    [(lambda n, **o: Conv2D(1, n, **o), 3), (MaxPooling2D, 2), (AveragePooling2D, 2)],
    ids=["Conv2D", "MaxPooling2D", "AveragePooling2D"],
)
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [5, 6, 7])
def test_sides_are_the_formula(layer, window, stride, size):
    valid = Sequential([Input((size, size, 1)), layer(window, strides=stride)])
    same = Sequential([Input((size, size, 1)), layer(window, strides=stride, padding="same")])
    assert valid.output_shape[1] == (size - window) // stride + 1
    assert same.output_shape[1] == -(-size // stride)


def test_dropout_is_only_in_training():
    x = np.ones((4, 1000))
    model = Sequential([Input((1000,)), Dropout(0.25)])
    assert (model.predict(x) == 1).all()


def test_dropout_drops_its_share_and_scales_the_rest():
    seen = []

    class Look(Layer):
        def forward(self, x):
            seen.append(x.copy())
            return x

        def backward(self, dy, x, y):
            return dy

    model = Sequential([Input((1000,)), Dropout(0.25), Look(), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 1000)), np.zeros(8), verbose=0, epochs=2)
    kept = seen[0] != 0
    assert np.allclose(seen[0][kept], 1 / 0.75)
    assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 8000)
    assert (seen[0][0] != seen[0][1]).any()  # another mask for another sample
    assert (seen[0] != seen[1]).any()  # and for another epoch


def test_numpy_integers_are_sizes():
    three = np.int64(3)
    model = Sequential([Input((np.int32(9), np.int64(9), 1)), Conv2D(three, three), Flatten()])
    assert model.output_shape == (None, 7 * 7 * 3)
    assert Dense(three).units == 3
    assert Reshape((three, -1)).target_shape == (3, -1)
    assert Dropout(np.float32(0.5)).rate == 0.5


def test_a_frozen_layer_stays():
    frozen = Dense(4, trainable=False)
    model = Sequential([Input((4,)), frozen, Dense(1)])
    model.compile("adam", "mse")
    before = frozen.get_weights()
    model.fit(data(5, 4), data(5), verbose=0, epochs=3)
    assert all(map(np.array_equal, before, frozen.get_weights()))
    assert len(model.trainable_weights) == len(model.non_trainable_weights) == 2


# ---- layers of the user's own --------------------------------------------------------------------


class Scale(Layer):
    """In NumPy, with a weight."""

    def build(self, input_shape):
        self.factor = self.add_weight(input_shape[1:], "ones", name="factor")

    def forward(self, x, factor):
        return x * factor

    def backward(self, dy, x, factor, y):
        return dy * factor, (dy * x).sum(axis=0)


class Widen(Layer):
    """In NumPy, of another shape than its input's."""

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2 * input_shape[-1])

    def forward(self, x):
        return np.concatenate([x, -x], axis=-1)

    def backward(self, dy, x, y):
        n = x.shape[-1]
        return dy[..., :n] - dy[..., n:]


class Residual(Layer):
    """Composed of operations: the gradient of x is a sum."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.w = self.add_weight((n, n), name="w")
        self.b = self.add_weight((n,), "zeros", name="b")

    def call(self, x):
        return ops.add(x, ops.tanh(ops.dense(x, self.w, self.b)))


class Noisy(Layer):
    """Composed, another in training."""

    def call(self, x, training):
        return ops.dropout(x, 0.5) if training else x


class Tied(Layer):
    """One weight used twice."""

    def build(self, input_shape):
        self.w = self.add_weight((input_shape[-1], input_shape[-1]), name="w")

    def call(self, x):
        return ops.dense(ops.tanh(ops.dense(x, self.w)), self.w)


OWN = [Scale, Widen, Residual, Noisy, Tied]


@pytest.mark.parametrize("cls", OWN, ids=ids)
def test_own_layer_has_the_right_gradient(cls):
    model = surrounded(cls(), (5,))
    check = fastnn.gradcheck(model, data(3, 5), data(3, 2))
    assert check.ok, str(check)


@pytest.mark.parametrize("cls", OWN, ids=ids)
@pytest.mark.parametrize("first", [True, False])
def test_own_layer_takes_part_in_fit(cls, first):
    fastnn.set_seed(1)
    around = [] if first else [Dense(5, "relu")]
    model = Sequential([Input((5,)), *around, cls(), Dense(2, "softmax")])
    model.compile(fastnn.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    x = data(40, 5)
    history = model.fit(x, (x[:, 0] > 0).astype(int), epochs=30, verbose=0)
    assert history.history["loss"][-1] < 0.7 * history.history["loss"][0]


@pytest.mark.parametrize("cls", OWN, ids=ids)
def test_own_layer_equals_the_reference_interpreter(cls):
    results = []
    for eager in (False, True):
        fastnn.set_seed(1)
        model = Sequential([Input((5,)), Dense(5), cls(), Dense(2)], dtype="float64")
        model.compile("adam", "mse", run_eagerly=eager)
        model.fit(data(7, 5), data(7, 2), batch_size=3, epochs=3, verbose=0)
        results.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert np.allclose(*results, rtol=1e-10, atol=1e-12)


def test_a_layer_that_uses_its_input_twice_is_a_residual():
    model = Sequential([Input((3,)), Residual()], dtype="float64")
    w, b = model.get_weights()
    x = data(4, 3)
    assert np.allclose(model.predict(x), x + np.tanh(x @ w + b), rtol=1e-14)


def test_training_differs_from_inference_where_the_layer_says_so():
    model = Sequential([Input((200,)), Noisy()])
    model.compile("sgd", "mse")
    x = np.ones((2, 200))
    assert (model.predict(x) == 1).all()
    assert model.evaluate(x, x, verbose=0) == 0
    assert model.train_on_batch(x, x) > 0.5


def test_own_activation_is_a_function_of_a_tensor():
    model = Sequential([Input((3,)), Dense(3, activation=lambda z: ops.add(z, ops.relu(z)))])
    w, b = model.get_weights()
    z = data(4, 3).astype(np.float32) @ w + b
    assert np.allclose(model.predict(data(4, 3)), z + np.maximum(z, 0), rtol=1e-6, atol=1e-7)


def test_a_numpy_layer_without_backward_predicts_and_stands_before_all_weights():
    class Centre(Layer):
        def forward(self, x):
            return x - x.mean(axis=1, keepdims=True)

    model = Sequential([Input((4,)), Centre(), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data(5, 4), data(5), verbose=0)
    late = Sequential([Input((4,)), Dense(4), Centre(), Dense(1)])
    assert late.predict(data(5, 4)).shape == (5, 1)
    with pytest.raises(NotImplementedError, match="backward"):
        late.compile("sgd", "mse")


class Broken(Layer):
    """Raises, or returns what it should not, when told."""

    def __init__(self, **options):
        super().__init__(**options)
        self.forward_result = self.backward_result = None

    def forward(self, x):
        return x if self.forward_result is None else self.forward_result(x)

    def backward(self, dy, x, y):
        return dy if self.backward_result is None else self.backward_result(dy)


class MyError(Exception):
    pass


def raises(_):
    raise MyError("mine", 3)


@pytest.mark.parametrize("where", ["forward_result", "backward_result"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_exception_in_user_code_comes_out_as_it_is(where, dtype):
    broken = Broken()
    model = Sequential([Input((4,)), Dense(4), broken, Dense(1)], dtype=dtype)
    model.compile("adam", "mse")
    x, y = data(9, 4), data(9)
    model.fit(x, y, verbose=0, batch_size=2)
    before, step = model.get_weights(), model.runtime.buffers["step"].copy()
    setattr(broken, where, raises)
    with pytest.raises(MyError) as caught:
        model.fit(x, y, verbose=0, batch_size=2)
    assert caught.value.args == ("mine", 3)
    assert "raises" in [entry.name for entry in caught.traceback]
    assert all(map(np.array_equal, before, model.get_weights()))
    assert model.runtime.buffers["step"] == step
    setattr(broken, where, None)
    model.fit(x, y, verbose=0, batch_size=2)
    assert np.isfinite(model.predict(x)).all()


def test_an_exception_in_the_third_batch_keeps_the_two_before_it():
    calls = []

    def third(x):
        calls.append(1)
        if len(calls) == 3:
            raise MyError
        return x

    broken = Broken()
    model = Sequential([Input((4,)), Dense(4), broken, Dense(1)])
    model.compile("sgd", "mse")
    broken.forward_result = third
    with pytest.raises(MyError):
        model.fit(data(9, 4), data(9), verbose=0, batch_size=2)
    assert int(model.runtime.buffers["step"][0]) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StopIteration])
def test_every_kind_of_exception_comes_out(error):
    broken = Broken()
    model = Sequential([Input((4,)), broken])

    def throw(_):
        raise error

    broken.forward_result = throw
    with pytest.raises(error):
        model.predict(data(3, 4))
    broken.forward_result = None
    assert model.predict(data(3, 4)).shape == (3, 4)


def test_an_error_in_a_run_keeps_no_frames():
    """A circle of error, frames and run would keep all they hold until the next collection, in
    whose callbacks Python loses an interrupt."""
    broken, kept = Broken(), []
    model = Sequential([Input((4,)), broken])
    broken.forward_result = lambda _: [][0]

    def fail():
        held = Broken()
        kept.append(weakref.ref(held))
        model.predict(data(3, 4))

    gc.disable()
    try:
        with contextlib.suppress(IndexError):
            fail()
        assert kept[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("where", ["forward_result", "backward_result"])
@pytest.mark.parametrize(
    "result",
    [lambda x: x[:, :2], lambda x: x[:1], lambda x: x.sum(), lambda x: (x, x)],
    ids=["columns", "rows", "scalar", "two"],
)
def test_a_wrong_shape_from_user_code_is_refused(where, result):
    broken = Broken(name="mine")
    model = Sequential([Input((4,)), Dense(4), broken, Dense(1)])
    model.compile("sgd", "mse")
    setattr(broken, where, result)
    before = model.get_weights()
    with pytest.raises(ShapeError, match=r"mine\.\w+: expected \(3, 4\), returned"):
        model.fit(data(3, 4), data(3), verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("returned", [None, np.zeros(3), 3])
def test_call_has_to_return_a_tensor(returned):
    class Wrong(Layer):
        def call(self, x):
            return returned

    with pytest.raises(TypeError, match=r"call\(x\) must return a tensor"):
        Sequential([Input((4,)), Wrong()])


def test_user_code_may_read_its_inputs_but_not_change_them():
    broken = Broken()
    model = Sequential([Input((4,)), broken])

    def change(x):
        x[:] = 0
        return x

    broken.forward_result = change
    with pytest.raises(ValueError, match="read-only"):
        model.predict(data(3, 4))


def test_user_code_may_use_another_model_meanwhile():
    inner = Sequential([Input((4,)), Dense(4)])
    broken = Broken()
    model = Sequential([Input((4,)), broken])
    broken.forward_result = lambda x: inner.predict(x)
    assert np.array_equal(model.predict(data(3, 4)), inner.predict(data(3, 4)))


# ---- what all layers have ------------------------------------------------------------------------


def test_weights_by_all_of_their_names():
    layer = layers.BatchNormalization()
    Sequential([Input((3,)), layer])
    assert layer.variables == layer.weights
    assert [v.name for v in layer.variables][:2] == [v.name for v in layer.trainable_weights]
    assert layer.trainable_variables == layer.trainable_weights
    assert layer.non_trainable_variables == layer.non_trainable_weights


def test_training_may_be_told_by_position():
    x = np.ones((4, 1000))
    for layer in (Dropout(0.5), Noisy()):
        assert (layer(x, True) != 1).any()
        assert (layer(x, False) == 1).all()


def test_a_weight_needs_sizes():
    class Open(Layer):
        def build(self, input_shape):
            self.add_weight(input_shape)

    with pytest.raises(ShapeError, match="all sizes have to be known"):
        Sequential([Input((3,)), Open()])


def test_a_layer_that_computes_nothing_says_what_to_write():
    with pytest.raises(NotImplementedError, match="write call"):
        Sequential([Input((3,)), Layer()]).predict(np.ones((1, 3)))


# ---- functions as layers -------------------------------------------------------------------------


def scaled(x, factor=2.0, training=None):
    return x * (factor if training else 1.0)


def first_mask(inputs, mask):
    return mask


def test_a_function_takes_arguments_and_whether_the_model_trains():
    layer = layers.Lambda(scaled, arguments={"factor": 3.0})
    model = Sequential([Input((2,)), layer])
    x = np.ones((1, 2))
    assert model(x).tolist() == [[1, 1]]
    assert model(x, training=True).tolist() == [[3, 3]]


def test_a_function_of_several_tensors():
    def distance(vectors):
        a, b = vectors
        return ops.sqrt(ops.sum(ops.square(a - b), axis=1, keepdims=True))

    a, b = Input((2,)), Input((2,))
    model = fastnn.Model([a, b], layers.Lambda(distance, output_shape=(1,))([a, b]))
    assert model.predict([[[0.0, 0.0]], [[3.0, 4.0]]]).tolist() == [[5]]


def test_a_function_is_saved_by_its_name(tmp_path):
    path = tmp_path / "model.fastnn"
    model = Sequential([Input((2,)), layers.Lambda(scaled), Dense(1)])
    model.save(path)
    again = fastnn.models.load_model(path, custom_objects={"scaled": scaled})
    assert np.array_equal(again.predict([[1.0, 2.0]]), model.predict([[1.0, 2.0]]))
    with pytest.raises(fastnn.errors.ModelFileError, match="scaled"):
        fastnn.models.load_model(path)
    assert fastnn.models.clone_model(model).layers[0].function is scaled


def test_a_lambda_has_no_name_to_be_saved_by():
    model = Sequential([Input((2,)), layers.Lambda(lambda x: x + 1)])
    with pytest.raises(ValueError, match="write it with def"):
        model.to_json()


def test_a_function_may_pass_on_the_mask():
    def with_mask(x, mask=None):
        return x * ops.expand_dims(mask, -1)

    words = [Input((3,)), layers.Embedding(4, 2, mask_zero=True)]
    passed = layers.Lambda(with_mask, mask=first_mask)
    model = Sequential([*words, passed, layers.GRU(2)])
    data = np.array([[1, 2, 0], [3, 0, 0]])
    plain = Sequential([*model.layers[:1], model.layers[-1]])
    assert np.allclose(model.predict(data), plain.predict(data))
    assert layers.Lambda.from_config(
        {**passed.get_config(), "function": "ops.tanh", "mask": first_mask}
    ).supports_masking


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: layers.Lambda(3), TypeError, "function must be a function, got int"),
        (lambda: layers.Lambda(scaled, mask=3), TypeError, "mask must be a function, got int"),
        (lambda: layers.Lambda("ops.tan_h"), ValueError, "did you mean 'ops.tanh'"),
    ],
)
def test_what_is_no_function_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(
    "layer", [Dense(3), layers.BatchNormalization(), layers.Flatten(), layers.Conv2D(2, 3)]
)
def test_a_layer_of_one_input_says_so_of_several(layer):
    image = Input((4, 4, 2))
    several = rf"{layer.name}: expected one tensor, got a list of 2; Concatenate\(\)\(\[a, b\]\)"
    for given in ([image, image], (image, image), [np.ones((1, 4, 4, 2))] * 2):
        with pytest.raises(TypeError, match=several):
            layer(given)
    with pytest.raises(TypeError, match="got a dict of 1; give the tensor itself"):
        layer({"a": image})


COPIES = [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: layers.Dense(3, "relu"), (5,)),
        (lambda: layers.Bidirectional(layers.GRU(3)), (4, 5)),
        (lambda: layers.TimeDistributed(layers.Dense(2)), (4, 5)),
        (layers.BatchNormalization, (5,)),
        (lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), (4, 5)),
    ],
)
def test_a_layer_of_a_model_is_copied_with_its_weights(copied, layer, shape):
    model = Sequential([Input(shape), layer(), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(6, *shape))
    other = Sequential([Input(shape), *map(copied, model.layers)])
    before = model.predict(x)
    assert np.array_equal(other.predict(x), before)
    other.compile("sgd", "mse")
    other.fit(x, np.ones(6), verbose=0)
    assert not np.array_equal(other.predict(x), before)
    assert np.array_equal(model.predict(x), before)


class Slotted(layers.Layer):
    """A layer with attributes of its own in slots, one of which is empty."""

    __slots__ = ("__secret", "empty", "factor")

    def __init__(self, factor):
        super().__init__()
        self.factor, self.__secret, self.other = factor, [factor], "other"

    def call(self, x):
        return x * self.factor * self.__secret[0]


@pytest.mark.parametrize("copied", [*COPIES, copy.copy])
def test_a_layer_with_slots_is_copied_with_what_is_in_them(copied):
    layer = copied(Slotted(3.0))
    assert layer.other == "other"
    assert not hasattr(layer, "empty")
    assert np.array_equal(layer(np.ones((2, 1))), np.full((2, 1), 9.0))
