"""PyTorch without a DataLoader: the data is one tensor, shuffled once an epoch and cut into views.

Invariant: a loop over batches copies no data and calls no `.item()`; losses are kept as tensors and
read once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from workloads import (
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
    Workload,
)


def version() -> str:
    """The version that is measured."""
    return str(torch.__version__)


def build(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that trains one epoch.

    Args:
        workload: what to train.
        variant: "fused" and "foreach" name the optimizer's implementation under eager execution;
            "compiled" compiles forward and loss, with the fused optimizer where there is one.
        threads: of PyTorch's pool.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    x, y = _data(workload)
    model = _model(workload, x)
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

    return epoch


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
        return nn.functional.binary_cross_entropy_with_logits(model(x).squeeze(1), y)

    def softmax(x: Tensor, y: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(_channels_first(x)), y)

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
        return nn.functional.relu(self.body(x) + self.shortcut(x), inplace=True)


def _module(layer: Layer) -> nn.Module:
    """The layer as a module whose input channels are found by its first call."""
    match layer:
        case Dense():
            return _activated(nn.LazyLinear(layer.units), layer.activation)
        case Conv():
            # Padding by size // 2 is "same" for odd sizes and, at stride 2, as much work.
            padding = layer.size // 2 if layer.padding == "same" else 0
            conv = nn.LazyConv2d(layer.filters, layer.size, layer.stride, padding, bias=layer.bias)
            return _activated(conv, layer.activation)
        case MaxPool():
            return nn.MaxPool2d(layer.size)
        case GlobalMeanPool():
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case Flatten():
            return nn.Flatten()
        case Dropout():
            return nn.Dropout(layer.rate)
        case BatchNorm():
            return nn.LazyBatchNorm2d(eps=1e-3, momentum=0.01)
        case Relu():
            return nn.ReLU(inplace=True)
        case Residual():
            return _Residual(_sequential(layer.body), _sequential(layer.shortcut))


def _activated(module: nn.Module, activation: str) -> nn.Module:
    return nn.Sequential(module, nn.ReLU(inplace=True)) if activation == "relu" else module


def _sequential(layers: tuple[Layer, ...]) -> nn.Module:
    return nn.Sequential(*map(_module, layers))


def _model(workload: Workload, x: Tensor) -> nn.Module:
    model = _sequential(workload.layers)
    model(_channels_first(x[: workload.batch]))  # gives the lazy layers their shapes
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.contiguous(memory_format=torch.channels_last)
    return model
