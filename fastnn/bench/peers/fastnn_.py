"""fastnn through its public `fit` and `predict`, as a user calls them; and its kernels.

Invariant: models are made of public names alone, and a measured call contains all that it does
for a user: checks, shuffling, the epochs, the history.  Kernels run as programs of one op, many
steps in one call, so that Python is not in their time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import fastnn
from fastnn import layers

from .. import nets
from ..tasks import Activation, Convolution, Gemm, Pool, SoftmaxLoss, Task, Update
from ..workloads import Job, Optimizer, Unsupported, Workload


def version() -> str:
    """The version that is measured, and the kernels it chose."""
    return f"{fastnn.__version__} ({fastnn.isa()})"


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that calls `fit` once; the variant `bfloat16` is mixed precision."""
    fastnn.set_num_threads(threads)
    fastnn.set_seed(0)
    model = _model(workload)
    mixed = {"dtype": "mixed_bfloat16"} if variant == "bfloat16" else {}
    model.compile(optimizer=_optimizer(workload.optimizer), loss=workload.loss, **mixed)
    x, y = workload.data()

    def fit() -> float:
        history = model.fit(
            x, y, epochs=workload.epochs, batch_size=workload.batch, shuffle=True, verbose=0
        )
        return float(history.history["loss"][-1])

    return fit


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a function that predicts `rows` rows by the method that the variant names."""
    fastnn.set_num_threads(threads)
    fastnn.set_seed(0)
    model = _model(workload)
    x = workload.inputs(rows)
    if variant == "predict":
        return lambda: model.predict(x, batch_size=rows, verbose=0)
    if rows != 1:
        raise Unsupported(f"{variant} takes one row")
    out = model.predict(x)[0]
    return lambda: model.predict_one(x[0], out=out)


# ---- models --------------------------------------------------------------------------------------


def _model(workload: Workload) -> Any:
    head = layers.Activation(workload.output)
    if not any(isinstance(layer, nets.Residual) for layer in workload.layers):
        return fastnn.Sequential(
            [fastnn.Input(workload.input_shape), *map(_layer, workload.layers), head]
        )
    inputs = x = fastnn.Input(workload.input_shape)
    for layer in workload.layers:
        x = _apply(layer, x)
    return fastnn.Model(inputs, head(x))


def _apply(layer: nets.Layer, x: Any) -> Any:
    """Calls the layer on a tensor of a functional model."""
    if not isinstance(layer, nets.Residual):
        return _layer(layer)(x)
    body = shortcut = x
    for each in layer.body:
        body = _layer(each)(body)
    for each in layer.shortcut:
        shortcut = _layer(each)(shortcut)
    return layers.Activation("relu")(layers.Add()([body, shortcut]))


def _layer(layer: nets.Layer) -> Any:
    match layer:
        case nets.Dense():
            return layers.Dense(layer.units, activation=layer.activation)
        case nets.Conv():
            return layers.Conv2D(
                layer.filters,
                layer.size,
                strides=layer.stride,
                padding=layer.padding,
                activation=layer.activation,
                use_bias=layer.bias,
            )
        case nets.MaxPool():
            return layers.MaxPooling2D(layer.size)
        case nets.Flatten():
            return layers.Flatten()
        case nets.Dropout():
            return layers.Dropout(layer.rate)
        case nets.Relu():
            return layers.Activation("relu")
        case nets.BatchNorm():
            return layers.BatchNormalization()
        case nets.GlobalMeanPool():
            return layers.GlobalAveragePooling2D()
    raise Unsupported(f"{type(layer).__name__} has no counterpart in fastnn")


def _optimizer(options: Optimizer) -> Any:
    name = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}[options.name]
    momentum = {"momentum": options.momentum} if options.momentum else {}
    return getattr(fastnn.optimizers, name)(options.learning_rate, **momentum)


# ---- kernels -------------------------------------------------------------------------------------


def kernel(task: Task, variant: str, threads: int) -> Job:
    """Returns a job that runs the task's kernels about a millisecond long."""
    from fastnn.bench.kernels import Kernel

    timers = [Kernel(case, "float32", fastnn.isa(), threads).timer() for case in _cases(task)]
    for timer in timers:
        timer.calibrate(1e-3)
    steps = min(timer.steps for timer in timers)

    def call() -> None:
        for timer in timers:
            timer.run(steps)

    return Job(call, steps)


def _cases(task: Task) -> list[Any]:
    from fastnn.bench import shapes

    match task:
        case Gemm():
            op = {"fwd": "dense_fwd", "dx": "dense_bwd_x", "dw": "dense_bwd_w"}[task.which]
            return [_bare(shapes.dense(op, task.m, task.k, task.n))]
        case Convolution():
            op = {"fwd": "conv2d_fwd", "dx": "conv2d_bwd_x", "dw": "conv2d_bwd_w"}[task.which]
            geometry = (*task.image, task.size, task.filters, task.stride, task.padding)
            return [_bare(shapes.conv(op, geometry))]
        case Pool():
            return [shapes.pool(f"maxpool2d_{task.which}", (*task.image, 2, 2))]
        case SoftmaxLoss():
            ops = ("softmax_ce_sparse", "softmax_ce_sparse_bwd")
            return [shapes.rows_of(op, task.rows, "c", task.classes) for op in ops]
        case Activation():
            return [shapes.elements(f"activation_{task.which}", task.n, activation=task.name)]
        case Update():
            return [next(c for c in shapes.SHAPES[task.name] if _plain(c) and _size(c) == task.n)]


def _bare(case: Any) -> Any:
    """The product without bias."""
    bias = {"fwd": ("b",), "w": ("db",)}.get(case.op.rpartition("_")[2], ())
    return replace(case, absent=(*case.absent, *bias))


def _plain(case: Any) -> bool:
    return not case.attrs.get("momentum")


def _size(case: Any) -> int:
    return int(case.sizes["n"][0])
