"""NumPy by hand: what a careful user writes without a framework.

Invariant: nothing is allocated inside an epoch but what NumPy's permutation makes; all parameters,
gradients and moments are each one flat vector, so that the optimizer is a handful of calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import nets
from ..tasks import Activation, Gemm, SoftmaxLoss, Task, Update
from ..workloads import Job, Optimizer, Unsupported, Workload

Array = NDArray[Any]


def version() -> str:
    """The version that is measured."""
    return str(np.__version__)


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that trains; `threads` is BLAS's, set by the environment."""
    network = _Network(workload, workload.batch)
    network.load()

    def epochs() -> float:
        for _ in range(workload.epochs - 1):
            network.epoch()
        return network.epoch()

    return epochs


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a function that predicts."""
    network, x = _Network(workload, rows), workload.inputs(rows)
    head = _sigmoid if workload.output == "sigmoid" else _softmax
    return lambda: head(network.forward(x)[-1])


def _sigmoid(z: Array) -> Array:
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z


def _softmax(z: Array) -> Array:
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


@dataclass
class _DenseLayer:
    """One layer's views into the flat vectors, and its buffers for a full batch."""

    w: Array
    b: Array
    dw: Array
    db: Array
    out: Array
    dout: Array
    relu: bool


class _Network:
    def __init__(self, workload: Workload, rows: int) -> None:
        layers = [layer for layer in workload.layers if isinstance(layer, nets.Dense)]
        if len(layers) < len(workload.layers):
            raise Unsupported("only dense networks are written by hand")
        self.workload, self.rows = workload, rows
        self.rng = np.random.default_rng(0)
        sizes = [math.prod(workload.input_shape), *(layer.units for layer in layers)]
        count = sum((i + 1) * o for i, o in pairwise(sizes))
        self.parameters = np.zeros(count, np.float32)
        self.gradients = np.zeros(count, np.float32)
        self.layers = self._carve(sizes, layers)
        self.update = _OPTIMIZERS[workload.optimizer.name](workload.optimizer, count)

    def _carve(self, sizes: list[int], layers: list[nets.Dense]) -> list[_DenseLayer]:
        carved, at = [], 0
        for rows, layer in zip(sizes[:-1], layers, strict=True):
            end = at + rows * layer.units
            w, dw = (flat[at:end].reshape(rows, -1) for flat in (self.parameters, self.gradients))
            at = end + layer.units
            b, db = (flat[end:at] for flat in (self.parameters, self.gradients))
            limit = math.sqrt(6 / (rows + layer.units))
            w[:] = self.rng.uniform(-limit, limit, w.shape)
            out = np.empty((self.rows, layer.units), np.float32)
            carved.append(
                _DenseLayer(w, b, dw, db, out, np.empty_like(out), layer.activation == "relu")
            )
        return carved

    def load(self) -> None:
        """Takes the data to train on."""
        self.x, y = self.workload.data()
        binary = self.workload.loss == "binary_crossentropy"
        self.y: Array = y.astype(np.float32)[:, np.newaxis] if binary else y
        self.loss = _binary_loss if binary else _softmax_loss
        self.shuffled_x, self.shuffled_y = np.empty_like(self.x), np.empty_like(self.y)

    def epoch(self) -> float:
        """Trains one epoch; returns its mean loss."""
        order = self.rng.permutation(self.workload.rows)
        # mode="clip" spares a copy: "raise" fills a temporary before it writes `out`.
        self.x.take(order, axis=0, out=self.shuffled_x, mode="clip")
        self.y.take(order, axis=0, out=self.shuffled_y, mode="clip")
        total, batch = 0.0, self.workload.batch
        for at in range(0, self.workload.rows, batch):
            total += self.step(self.shuffled_x[at : at + batch], self.shuffled_y[at : at + batch])
        return total / self.workload.rows

    def forward(self, x: Array) -> list[Array]:
        """The input of each layer, then the output of the last."""
        inputs = [x]
        for layer in self.layers:
            out = np.matmul(inputs[-1], layer.w, out=layer.out[: len(x)])
            out += layer.b
            inputs.append(np.maximum(out, 0, out=out) if layer.relu else out)
        return inputs

    def step(self, x: Array, y: Array) -> float:
        """One step of the optimizer; returns the sum of the rows' losses before it."""
        rows, inputs = len(x), self.forward(x)
        loss = self.loss(inputs.pop(), y, self.layers[-1].dout[:rows])
        for index in range(len(self.layers) - 1, -1, -1):
            layer, x = self.layers[index], inputs[index]
            dout = layer.dout[:rows]
            np.matmul(x.T, dout, out=layer.dw)
            np.add.reduce(dout, axis=0, out=layer.db)
            if index:
                below = np.matmul(dout, layer.w.T, out=self.layers[index - 1].dout[:rows])
                if self.layers[index - 1].relu:
                    below *= x > 0
        self.update(self.parameters, self.gradients)
        return loss


def _binary_loss(z: Array, y: Array, dz: Array) -> float:
    """Sum over rows of log(1 + exp(z)) - z y; dz is the gradient of their mean."""
    loss = np.logaddexp(0, z).sum() - np.vdot(z, y)
    # sigmoid(z) = (1 + tanh(z / 2)) / 2, which cannot overflow
    np.tanh(z * 0.5, out=dz)
    dz += 1
    dz *= 0.5
    dz -= y
    dz *= 1 / len(z)
    return float(loss)


def _softmax_loss(z: Array, y: Array, dz: Array) -> float:
    """Sum over rows of -log softmax(z)[y]; dz is the gradient of their mean."""
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=dz)
    total = dz.sum(axis=1, keepdims=True)
    rows = np.arange(len(z))
    loss = np.log(total).sum() - z[rows, y].sum()
    dz /= total
    dz[rows, y] -= 1
    dz *= 1 / len(z)
    return float(loss)


class _Sgd:
    """w -= learning_rate * g, or Keras's momentum v = momentum * v - learning_rate * g; w += v."""

    def __init__(self, options: Optimizer, count: int) -> None:
        self.options = options
        self.v, self.scratch = np.zeros((2, count), np.float32)

    def __call__(self, w: Array, g: Array) -> None:
        step = np.multiply(g, self.options.learning_rate, out=self.scratch)
        if not self.options.momentum:
            w -= step
            return
        self.v *= self.options.momentum
        self.v -= step
        w += self.v


class _Adam:
    """Adam with every constant factor folded into the learning rate and epsilon.

    m and v are sums, m = .9 m + g and v = .999 v + g g, which are 10 and 1000 times Adam's.
    """

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-7

    def __init__(self, options: Optimizer, count: int) -> None:
        self.learning_rate, self.step = options.learning_rate, 0
        self.m, self.v, self.scratch = np.zeros((3, count), np.float32)
        self.scale = math.sqrt(1 - self.BETA2)

    def __call__(self, w: Array, g: Array) -> None:
        self.step += 1
        corrected = math.sqrt(1 - self.BETA2**self.step) / (1 - self.BETA1**self.step)
        self.m *= self.BETA1
        self.m += g
        square = np.multiply(g, g, out=self.scratch)
        self.v *= self.BETA2
        self.v += square
        update = np.sqrt(self.v, out=self.scratch)
        update += self.EPSILON / self.scale
        np.divide(self.m, update, out=update)
        update *= self.learning_rate * corrected * (1 - self.BETA1) / self.scale
        w -= update


_OPTIMIZERS: dict[str, Callable[[Optimizer, int], Callable[[Array, Array], None]]] = {
    "sgd": _Sgd,
    "adam": _Adam,
}


def kernel(task: Task, variant: str, threads: int) -> Job:
    """Returns a job of whole-array calls into memory that is there already."""
    match task:
        case Gemm():
            return Job(_gemm(task))
        case SoftmaxLoss():
            z, dz = (_normal(task.rows, task.classes) for _ in range(2))
            t = np.random.default_rng(0).integers(0, task.classes, task.rows)
            return Job(lambda: _softmax_loss(z, t, dz))
        case Activation():
            return Job(_activation(task))
        case Update():
            return Job(_update(task))
    raise Unsupported("not a call of NumPy")


def _normal(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _gemm(task: Gemm) -> Callable[[], Any]:
    x, w, dy = _normal(task.m, task.k), _normal(task.k, task.n), _normal(task.m, task.n)
    a, b = {"fwd": (x, w), "dx": (dy, w.T), "dw": (x.T, dy)}[task.which]
    out = np.empty((a.shape[0], b.shape[1]), np.float32)
    return lambda: np.matmul(a, b, out=out)


def _activation(task: Activation) -> Callable[[], Any]:
    x, dy, out = _normal(task.n), _normal(task.n), np.empty(task.n, np.float32)
    if task.which == "fwd":
        return {
            "relu": lambda: np.maximum(x, 0, out=out),
            "tanh": lambda: np.tanh(x, out=out),
            "sigmoid": lambda: _sigmoid(np.positive(x, out=out)),
        }[task.name]

    def relu() -> None:
        np.multiply(dy, x > 0, out=out)

    def tanh() -> None:
        np.multiply(x, x, out=out)
        np.subtract(1, out, out=out)
        np.multiply(dy, out, out=out)

    def sigmoid() -> None:
        np.subtract(1, x, out=out)
        np.multiply(x, out, out=out)
        np.multiply(dy, out, out=out)

    return {"relu": relu, "tanh": tanh, "sigmoid": sigmoid}[task.name]


def _update(task: Update) -> Callable[[], Any]:
    w, g = _normal(task.n), _normal(task.n)
    update = _OPTIMIZERS[task.name](Optimizer(task.name, 1e-3), task.n)
    return lambda: update(w, g)
