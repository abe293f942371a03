"""PyTorch without a DataLoader: the data is one tensor, shuffled once an epoch and cut into views.

Invariant: a loop over batches copies no data and calls no `.item()`; losses are kept as tensors and
read once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .. import nets
from ..tasks import Activation, Convolution, Gemm, Pool, SoftmaxLoss, Task, Update
from ..workloads import Job, Workload


def version() -> str:
    """The version that is measured."""
    return str(torch.__version__)


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that trains.

    Args:
        workload: what to train.
        variant: "fused" and "foreach" name the optimizer's implementation under eager execution;
            "compiled" compiles forward and loss, with the fused optimizer where there is one.
        threads: of PyTorch's pool.
    """
    _start(threads)
    x, y = _data(workload)
    model = _model(workload)
    optimizer = _optimizer(workload, model, variant)
    loss_of = _objective(workload, model, variant)
    last = workload.rows % workload.batch or workload.batch

    def epoch() -> float:
        order = torch.randperm(workload.rows)
        losses = []
        batches = (torch.split(a[order], workload.batch) for a in (x, y))
        for x_batch, y_batch in zip(*batches, strict=True):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_of(x_batch, y_batch)
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(loss.detach())
        means = torch.stack(losses)
        short = means[-1] * (last - workload.batch)
        return float((means.sum() * workload.batch + short) / workload.rows)

    def epochs() -> float:
        for _ in range(workload.epochs - 1):
            epoch()
        return epoch()

    return epochs


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a function that predicts in inference mode.

    Args:
        workload: whose net.
        variant: "eager"; "frozen" is traced, frozen and optimized for inference; "compiled" is
            compiled after its weights were frozen.
        threads: of PyTorch's pool.
        rows: of a call.
    """
    _start(threads)
    x = _channels_first(torch.from_numpy(workload.inputs(rows)))
    head = nn.Sigmoid() if workload.output == "sigmoid" else nn.Softmax(1)
    model = _inference(nn.Sequential(_model(workload), head).eval(), x, variant)

    def call() -> Any:
        with torch.inference_mode():
            return model(x).numpy()

    return call


def _start(threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)


def _inference(model: Any, x: Tensor, variant: str) -> Callable[[Tensor], Tensor]:
    if variant == "frozen":
        with torch.no_grad():
            traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, x)))
        return traced
    if variant == "compiled":
        from torch._inductor import config

        config.freezing = True
        return torch.compile(model, dynamic=False)
    return model


# ---- models --------------------------------------------------------------------------------------


def _data(workload: Workload) -> tuple[Tensor, Tensor]:
    x, y = (torch.from_numpy(array) for array in workload.data())
    return x, y.float() if workload.loss == "binary_crossentropy" else y


def _channels_first(x: Tensor) -> Tensor:
    # NCHW by name over NHWC memory: the layout that PyTorch's CPU convolutions are fastest on.
    return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


def _objective(
    workload: Workload, model: nn.Module, variant: str
) -> Callable[[Tensor, Tensor], Tensor]:
    def binary(x: Tensor, y: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(model(x).squeeze(1), y)

    def softmax(x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(model(_channels_first(x)), y)

    loss_of = binary if workload.loss == "binary_crossentropy" else softmax
    return torch.compile(loss_of, dynamic=False) if variant == "compiled" else loss_of


def _optimizer(workload: Workload, model: nn.Module, variant: str) -> torch.optim.Optimizer:
    options, parameters = workload.optimizer, model.parameters()
    rate, foreach = options.learning_rate, variant == "foreach"
    fused = not foreach
    if options.name == "adam":
        return torch.optim.Adam(parameters, rate, eps=1e-7, foreach=foreach, fused=fused)
    if options.name == "rmsprop":  # has no fused form
        return torch.optim.RMSprop(parameters, rate, alpha=0.9, eps=1e-7, foreach=foreach)
    return torch.optim.SGD(parameters, rate, options.momentum, foreach=foreach, fused=fused)


class _Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def _module(layer: nets.Layer) -> nn.Module:
    """The layer as a module whose input channels are found by its first call."""
    match layer:
        case nets.Dense():
            return _activated(nn.LazyLinear(layer.units), layer.activation)
        case nets.Conv():
            # Padding by size // 2 is "same" for odd sizes and, at stride 2, as much work.
            padding = layer.size // 2 if layer.padding == "same" else 0
            conv = nn.LazyConv2d(layer.filters, layer.size, layer.stride, padding, bias=layer.bias)
            return _activated(conv, layer.activation)
        case nets.MaxPool():
            return nn.MaxPool2d(layer.size)
        case nets.GlobalMeanPool():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case nets.Flatten():
            return nn.Flatten()
        case nets.Dropout():
            return nn.Dropout(layer.rate)
        case nets.BatchNorm():
            return nn.LazyBatchNorm2d(eps=1e-3, momentum=0.01)
        case nets.Relu():
            return nn.ReLU(inplace=True)
        case nets.Residual():
            return _Residual(_sequential(layer.body), _sequential(layer.shortcut))


def _activated(module: nn.Module, activation: str) -> nn.Module:
    return nn.Sequential(module, nn.ReLU(inplace=True)) if activation == "relu" else module


def _sequential(layers: tuple[nets.Layer, ...]) -> nn.Module:
    return nn.Sequential(*map(_module, layers))


def _model(workload: Workload) -> nn.Module:
    model = _sequential(workload.layers)
    x = torch.from_numpy(workload.inputs(2))
    model(_channels_first(x))  # gives the lazy layers their shapes
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.contiguous(memory_format=torch.channels_last)
    return model


# ---- kernels -------------------------------------------------------------------------------------


def kernel(task: Task, variant: str, threads: int) -> Job:
    """Returns a job of eager calls, into memory that is there already where PyTorch has that."""
    _start(threads)
    match task:
        case Gemm():
            return Job(_gemm(task))
        case Convolution():
            return Job(_convolution(task))
        case Pool():
            return Job(_pool(task))
        case SoftmaxLoss():
            return Job(_softmax_loss(task))
        case Activation():
            return Job(_activation(task))
        case Update():
            return Job(_update(task))


def _without_grad(call: Callable[[], Any]) -> Callable[[], Any]:
    def quiet() -> Any:
        with torch.inference_mode():
            return call()

    return quiet


def _gemm(task: Gemm) -> Callable[[], Any]:
    x, w, dy = torch.randn(task.m, task.k), torch.randn(task.k, task.n), torch.randn(task.m, task.n)
    a, b = {"fwd": (x, w), "dx": (dy, w.T), "dw": (x.T, dy)}[task.which]
    out = torch.empty(a.shape[0], b.shape[1])
    return _without_grad(lambda: torch.mm(a, b, out=out))


def _image(shape: tuple[int, int, int, int]) -> Tensor:
    return torch.randn(shape).permute(0, 3, 1, 2)


def _convolution(task: Convolution) -> Callable[[], Any]:
    x, dy = _image(task.image), _image(task.out)
    w = torch.randn(task.filters, task.channels, task.size, task.size)
    w = w.contiguous(memory_format=torch.channels_last)
    padding = task.size // 2 if task.padding == "same" else 0
    stride, pad = [task.stride] * 2, [padding] * 2
    if task.which == "fwd":
        return _without_grad(lambda: functional.conv2d(x, w, None, stride, pad))
    mask = [task.which == "dx", task.which == "dw", False]
    backward = torch.ops.aten.convolution_backward
    return _without_grad(
        lambda: backward(dy, x, w, None, stride, pad, [1, 1], False, [0, 0], 1, mask)
    )


def _pool(task: Pool) -> Callable[[], Any]:
    x = _image(task.image)
    if task.which == "fwd":
        return _without_grad(lambda: functional.max_pool2d(x, 2))
    y, index = functional.max_pool2d(x, 2, return_indices=True)
    dy = torch.randn_like(y)
    backward = torch.ops.aten.max_pool2d_with_indices_backward
    two, zero, one = [2, 2], [0, 0], [1, 1]
    return _without_grad(lambda: backward(dy, x, two, two, zero, one, False, index))


def _softmax_loss(task: SoftmaxLoss) -> Callable[[], Any]:
    z = torch.randn(task.rows, task.classes, requires_grad=True)
    t = torch.randint(0, task.classes, (task.rows,))

    def call() -> None:
        z.grad = None
        torch.autograd.backward(functional.cross_entropy(z, t))

    return call


def _activation(task: Activation) -> Callable[[], Any]:
    x, dy, out = torch.randn(task.n), torch.randn(task.n), torch.empty(task.n)
    aten = torch.ops.aten
    forward = {
        "relu": lambda: torch.clamp_min(x, 0, out=out),
        "sigmoid": lambda: torch.sigmoid(x, out=out),
        "tanh": lambda: torch.tanh(x, out=out),
    }
    backward = {
        "relu": lambda: aten.threshold_backward.grad_input(dy, x, 0, grad_input=out),
        "sigmoid": lambda: aten.sigmoid_backward.grad_input(dy, x, grad_input=out),
        "tanh": lambda: aten.tanh_backward.grad_input(dy, x, grad_input=out),
    }
    return _without_grad({"fwd": forward, "bwd": backward}[task.which][task.name])


def _update(task: Update) -> Callable[[], Any]:
    w = nn.Parameter(torch.randn(task.n))
    w.grad = torch.from_numpy(np.random.default_rng(0).standard_normal(task.n, dtype=np.float32))
    make = torch.optim.SGD if task.name == "sgd" else torch.optim.Adam
    return make([w], lr=1e-3, fused=True).step
