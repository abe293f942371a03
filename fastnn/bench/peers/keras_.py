"""Keras on JAX: `fit` and `predict` as everybody calls them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np

from .. import nets
from ..workloads import Optimizer, Workload


def version() -> str:
    """The version that is measured."""
    return f"{keras.__version__} ({keras.backend.backend()})"


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that calls `fit` once; `threads` is XLA's, set by the environment."""
    model = _model(workload)
    model.compile(optimizer=_optimizer(workload.optimizer), loss=workload.loss)
    x, y = workload.data()

    def fit() -> float:
        history = model.fit(x, y, workload.batch, workload.epochs, shuffle=True, verbose=0)
        return float(history.history["loss"][-1])

    return fit


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a function that calls `predict`, or `predict_on_batch`, which has less about it."""
    model, x = _model(workload), workload.inputs(rows)
    if variant == "predict":
        return lambda: model.predict(x, batch_size=rows, verbose=0)
    return lambda: np.asarray(model.predict_on_batch(x))


def _model(workload: Workload) -> Any:
    keras.utils.set_random_seed(0)
    inputs = x = keras.Input(workload.input_shape)
    for layer in workload.layers:
        x = _apply(layer, x)
    return keras.Model(inputs, keras.layers.Activation(workload.output)(x))


def _apply(layer: nets.Layer, x: Any) -> Any:
    match layer:
        case nets.Dense():
            return keras.layers.Dense(layer.units, activation=layer.activation)(x)
        case nets.Conv():
            return keras.layers.Conv2D(
                layer.filters,
                layer.size,
                strides=layer.stride,
                padding=layer.padding,
                activation=layer.activation,
                use_bias=layer.bias,
            )(x)
        case nets.MaxPool():
            return keras.layers.MaxPooling2D(layer.size)(x)
        case nets.GlobalMeanPool():
            return keras.layers.GlobalAveragePooling2D()(x)
        case nets.Flatten():
            return keras.layers.Flatten()(x)
        case nets.Dropout():
            return keras.layers.Dropout(layer.rate)(x)
        case nets.BatchNorm():
            return keras.layers.BatchNormalization()(x)
        case nets.Relu():
            return keras.layers.Activation("relu")(x)
        case nets.Residual():
            return keras.layers.Activation("relu")(
                keras.layers.Add()([_chain(layer.body, x), _chain(layer.shortcut, x)])
            )


def _chain(layers: tuple[nets.Layer, ...], x: Any) -> Any:
    for layer in layers:
        x = _apply(layer, x)
    return x


def _optimizer(options: Optimizer) -> Any:
    if options.name == "adam":
        return keras.optimizers.Adam(options.learning_rate)
    if options.name == "rmsprop":
        return keras.optimizers.RMSprop(options.learning_rate)
    return keras.optimizers.SGD(options.learning_rate, momentum=options.momentum)
