"""What scripts ask models and layers for, beside Keras."""

import numpy as np
import pytest

import fastnn

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(13, 5)), RNG.integers(0, 3, 13)


def penalised(m):
    model = m.Sequential(
        [
            m.Input((5,)),
            m.layers.Dense(4, "relu", kernel_regularizer="l1", bias_regularizer="l2"),
            m.layers.Dense(3, "softmax", kernel_regularizer=m.regularizers.L1L2(0.1, 0.2)),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return model


@pytest.fixture
def pair(keras):
    fastnn.config.set_floatx("float64")
    own, peer = penalised(fastnn), penalised(keras)
    fastnn.config.set_floatx("float32")
    weights = [RNG.normal(size=w.shape) for w in own.get_weights()]
    own.set_weights(weights)
    peer.set_weights(weights)
    return own, peer


def test_losses(pair):
    own, peer = pair
    assert np.allclose(own.losses, [float(each) for each in peer.losses], rtol=1e-12)
    for layer, other in zip(own.layers, peer.layers, strict=True):
        assert np.allclose(layer.losses, [float(each) for each in other.losses], rtol=1e-12)


def test_compute_loss(pair):
    own, peer = pair
    p, w = peer.predict(X, verbose=0), RNG.uniform(0, 1, 13)
    assert np.isclose(own.compute_loss(X, Y, p), float(peer.compute_loss(X, Y, p)), rtol=1e-10)
    want = float(peer.compute_loss(X, Y, p, w))
    assert np.isclose(own.compute_loss(X, Y, p, w), want, rtol=1e-10)


def test_epochs_that_are_measured(pair):
    options = {"epochs": 5, "initial_epoch": 1, "verbose": 0, "shuffle": False, "batch_size": 4}
    options |= {"validation_data": (X, Y), "validation_freq": [2, 5]}
    options |= {"validation_steps": 1, "validation_batch_size": 7}
    own, peer = (each.fit(X, Y, **options) for each in pair)
    assert own.epoch == peer.epoch
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert len(own.history[name]) == len(peer.history[name])
    assert np.allclose(own.history["val_accuracy"], peer.history["val_accuracy"])
    assert np.allclose(own.history["val_loss"], peer.history["val_loss"], rtol=1e-8)


LAYERS = {
    "Dense": (lambda m: m.layers.Dense(7), (None, 3, 4)),
    "Conv1D": (lambda m: m.layers.Conv1D(7, 3, 2, "same"), (None, 10, 4)),
    "Conv2D": (lambda m: m.layers.Conv2D(7, 3, 2), (2, 11, 13, 4)),
    "Conv2DTranspose": (lambda m: m.layers.Conv2DTranspose(7, 3, 2), (None, 5, 6, 4)),
    "DepthwiseConv2D": (lambda m: m.layers.DepthwiseConv2D(3, depth_multiplier=2), (None, 5, 6, 4)),
    "MaxPooling2D": (lambda m: m.layers.MaxPooling2D(), (None, 7, 9, 4)),
    "Flatten": (lambda m: m.layers.Flatten(), (None, 7, 9, 4)),
    "Reshape": (lambda m: m.layers.Reshape((-1, 3)), (None, 6, 2)),
    "BatchNormalization": (lambda m: m.layers.BatchNormalization(), (None, 6, 2)),
    "Concatenate": (lambda m: m.layers.Concatenate(), [(None, 6, 2), (None, 6, 3)]),
    "Embedding": (lambda m: m.layers.Embedding(9, 4), (None, 6)),
    "GRU": (lambda m: m.layers.GRU(4, return_sequences=True), (None, 6, 2)),
    "Bidirectional": (lambda m: m.layers.Bidirectional(m.layers.LSTM(3)), (None, 6, 2)),
    "TimeDistributed": (lambda m: m.layers.TimeDistributed(m.layers.Dense(3)), (None, 6, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_output_shapes(keras, name):
    make, shape = LAYERS[name]
    want = tuple(make(keras).compute_output_shape(shape))
    assert make(fastnn).compute_output_shape(shape) == want
