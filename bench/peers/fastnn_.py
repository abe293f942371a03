"""fastnn through its public `fit`, one epoch a call, as a user trains.

Invariant: nothing but public names is used, and a measured call contains all that `fit` does:
checks, shuffling, the epoch, the history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Optimizer,
    Unsupported,
    Workload,
)

import fastnn
from fastnn import layers


def version() -> str:
    """The version that is measured, and the kernels it chose."""
    return f"{fastnn.__version__} ({fastnn.isa()})"


def build(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that trains one epoch on `threads` threads."""
    fastnn.set_num_threads(threads)
    fastnn.set_seed(0)
    model = fastnn.Sequential(
        [fastnn.Input(workload.input_shape), *map(_layer, workload.layers), _head(workload)]
    )
    model.compile(optimizer=_optimizer(workload.optimizer), loss=workload.loss)
    x, y = workload.data()

    def epoch() -> float:
        history = model.fit(x, y, epochs=1, batch_size=workload.batch, shuffle=True, verbose=0)
        return float(history.history["loss"][0])

    return epoch


def _head(workload: Workload) -> Any:
    binary = workload.loss == "binary_crossentropy"
    return layers.Activation("sigmoid" if binary else "softmax")


def _layer(layer: Layer) -> Any:
    match layer:
        case Dense():
            return layers.Dense(layer.units, activation=layer.activation)
        case Conv():
            return layers.Conv2D(
                layer.filters,
                layer.size,
                strides=layer.stride,
                padding=layer.padding,
                activation=layer.activation,
                use_bias=layer.bias,
            )
        case MaxPool():
            return layers.MaxPooling2D(layer.size)
        case Flatten():
            return layers.Flatten()
        case Dropout():
            return layers.Dropout(layer.rate)
    raise Unsupported(f"{type(layer).__name__} has no counterpart in fastnn")


def _optimizer(options: Optimizer) -> Any:
    name = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[options.name]
    if not hasattr(fastnn.optimizers, name):
        raise Unsupported(f"{name} has no counterpart in fastnn")
    momentum = {"momentum": options.momentum} if options.momentum else {}
    return getattr(fastnn.optimizers, name)(options.learning_rate, **momentum)
