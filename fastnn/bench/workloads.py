"""What is trained and asked: the workloads T1 to T7 and some of our own, as data.

Invariant: a workload says all that decides the arithmetic (layers, shapes, batch, optimizer, loss),
so that every peer in peers/ does the same work.  Optimizers have Keras 3's defaults where a field
does not say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .nets import (
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalMeanPool,
    Layer,
    MaxPool,
    Relu,
    Residual,
)


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by Keras's name; `momentum` is SGD's alone."""

    name: Literal["sgd", "rmsprop", "adam"]
    learning_rate: float
    momentum: float = 0.0


@dataclass(frozen=True)
class Workload:
    """One row of the results."""

    name: str
    title: str
    rows: int
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    loss: Literal["binary_crossentropy", "sparse_categorical_crossentropy"]
    batch: int
    optimizer: Optimizer
    epochs: int
    """Epochs of one measured call; the loss after the first call is reported."""

    @property
    def steps(self) -> int:
        """Batches of an epoch; the last may be shorter."""
        return -(-self.rows // self.batch)

    @property
    def classes(self) -> int:
        """Units of the last layer."""
        last = self.layers[-1]
        assert isinstance(last, Dense)
        return last.units

    @property
    def output(self) -> Literal["sigmoid", "softmax"]:
        """What makes probabilities of the last layer's logits."""
        return "sigmoid" if self.loss == "binary_crossentropy" else "softmax"

    def inputs(self, rows: int, seed: int = 1) -> NDArray[np.float32]:
        """Standard normal inputs of `rows` rows, to predict from."""
        rng = np.random.default_rng(seed)
        return rng.standard_normal((rows, *self.input_shape), dtype=np.float32)

    def data(self, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Standard normal inputs and the labels that a random linear teacher gives them.

        Returns:
            `x: (rows, *input_shape)` and `y: (rows,)`, 0 or 1 for one unit, else 0..classes-1.
        """
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((self.rows, *self.input_shape), dtype=np.float32)
        features = x.reshape(self.rows, -1)
        teacher = rng.standard_normal((features.shape[1], max(2, self.classes)), dtype=np.float32)
        return x, np.argmax(features @ teacher, axis=1)


def _resnet20() -> tuple[Layer, ...]:
    layers: list[Layer] = [Conv(16, padding="same", bias=False), BatchNorm(), Relu()]
    width = 16
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            layers.append(_block(filters, stride, projected=filters != width))
            width = filters
    return (*layers, GlobalMeanPool(), Dense(10))


def _block(filters: int, stride: int, projected: bool) -> Residual:
    body: tuple[Layer, ...] = (
        Conv(filters, padding="same", stride=stride, bias=False),
        BatchNorm(),
        Relu(),
        Conv(filters, padding="same", bias=False),
        BatchNorm(),
    )
    projection = (Conv(filters, size=1, padding="same", stride=stride, bias=False), BatchNorm())
    return Residual(body, projection if projected else ())


_ADAM = Optimizer("adam", 1e-3)
_SOFTMAX: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload(
            name="T1",
            title="tabular 569x30, 30-16-1, Adam",
            rows=569,
            input_shape=(30,),
            layers=(Dense(16, "relu"), Dense(1)),
            loss="binary_crossentropy",
            batch=32,
            optimizer=_ADAM,
            epochs=100,
        ),
        Workload(
            name="T2",
            title="digits 1797x64, 64-128-64-10, Adam",
            rows=1797,
            input_shape=(64,),
            layers=(Dense(128, "relu"), Dense(64, "relu"), Dense(10)),
            loss=_SOFTMAX,
            batch=32,
            optimizer=_ADAM,
            epochs=20,
        ),
        Workload(
            name="T3",
            title="60000x784, 784-512-256-10, Adam",
            rows=60000,
            input_shape=(784,),
            layers=(Dense(512, "relu"), Dense(256, "relu"), Dense(10)),
            loss=_SOFTMAX,
            batch=128,
            optimizer=_ADAM,
            epochs=1,
        ),
        Workload(
            name="T4",
            title="28x28x1, two convolutions, dropout, Adam",
            rows=6400,
            input_shape=(28, 28, 1),
            layers=(
                Conv(32, activation="relu"),
                MaxPool(),
                Conv(64, activation="relu"),
                MaxPool(),
                Flatten(),
                Dropout(0.5),
                Dense(10),
            ),
            loss=_SOFTMAX,
            batch=128,
            optimizer=_ADAM,
            epochs=1,
        ),
        Workload(
            name="T5",
            title="32x32x3, four convolutions, RMSprop",
            rows=1280,
            input_shape=(32, 32, 3),
            layers=(
                Conv(32, padding="same", activation="relu"),
                Conv(32, activation="relu"),
                MaxPool(),
                Conv(64, padding="same", activation="relu"),
                Conv(64, activation="relu"),
                MaxPool(),
                Flatten(),
                Dense(512, "relu"),
                Dense(10),
            ),
            loss=_SOFTMAX,
            batch=64,
            optimizer=Optimizer("rmsprop", 1e-3),
            epochs=1,
        ),
        Workload(
            name="T6",
            title="ResNet-20, 32x32x3, SGD with momentum",
            rows=640,
            input_shape=(32, 32, 3),
            layers=_resnet20(),
            loss=_SOFTMAX,
            batch=64,
            optimizer=Optimizer("sgd", 1e-1, momentum=0.9),
            epochs=1,
        ),
        Workload(
            name="T7",
            title="logistic regression 100000x784, SGD",
            rows=100000,
            input_shape=(784,),
            layers=(Dense(1),),
            loss="binary_crossentropy",
            batch=256,
            optimizer=Optimizer("sgd", 1e-2),
            epochs=1,
        ),
        Workload(
            name="O1",
            title="deep and narrow, 10,000x64, ten layers of 64, Adam",
            rows=10000,
            input_shape=(64,),
            layers=(*(Dense(64, "relu"),) * 10, Dense(10)),
            loss=_SOFTMAX,
            batch=100,
            optimizer=_ADAM,
            epochs=1,
        ),
        Workload(
            name="O2",
            title="8x8 digits, two convolutions, dropout, Adam",
            rows=1437,
            input_shape=(8, 8, 1),
            layers=(
                Conv(64, padding="same", activation="relu"),
                MaxPool(),
                Conv(128, padding="same", activation="relu"),
                MaxPool(),
                Flatten(),
                Dropout(0.5),
                Dense(10),
            ),
            loss=_SOFTMAX,
            batch=32,
            optimizer=_ADAM,
            epochs=2,
        ),
        Workload(
            name="O3",
            title="wide, 8,192x256, two layers of 1,024, batch 1,024, momentum",
            rows=8192,
            input_shape=(256,),
            layers=(Dense(1024, "relu"), Dense(1024, "relu"), Dense(100)),
            loss=_SOFTMAX,
            batch=1024,
            optimizer=Optimizer("sgd", 1e-2, momentum=0.9),
            epochs=1,
        ),
    )
}


class Unsupported(Exception):
    """A peer cannot run a workload, and says why."""


@dataclass
class Job:
    """What a peer has made ready.

    Attributes:
        call: does the work once, waits until it is done, and returns the mean loss of the last
            epoch if it trains.
        repeats: how many times over ``call`` does it.
    """

    call: Callable[[], Any]
    repeats: int = 1
