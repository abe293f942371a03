"""ONNX Runtime: the nets as ONNX graphs, optimized by itself; it predicts and does not train.

Invariant: images are NCHW, the layout that it is fastest on, before they are timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .. import nets
from ..tasks import Activation, Convolution, Gemm, Pool, Task
from ..workloads import Job, Unsupported, Workload

Array = NDArray[Any]


def version() -> str:
    """The version that is measured."""
    return str(onnxruntime.__version__)


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Says that it does not."""
    raise Unsupported("ONNX Runtime does not train")


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a function that runs the net: "run" makes its outputs, "bound" has them already."""
    x = workload.inputs(rows)
    x = np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x
    graph = _Graph()
    name = graph.chain(workload.layers, "x", x.shape[1:])
    name = graph.add("Sigmoid" if workload.output == "sigmoid" else "Softmax", [name])
    session = graph.session({"x": x}, name, threads)
    return _caller(session, {"x": x}, name, (rows, workload.classes), variant)


def _caller(
    session: Any, inputs: dict[str, Array], output: str, shape: tuple[int, ...], variant: str
) -> Callable[[], Any]:
    if variant == "run":
        return lambda: session.run([output], inputs)[0]
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(x) for name, x in inputs.items()}
    out = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(shape, np.float32))
    binding = session.io_binding()
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    binding.bind_ortvalue_output(output, out)

    def call() -> Any:
        session.run_with_iobinding(binding)
        return out.numpy()

    return call


def kernel(task: Task, variant: str, threads: int) -> Job:
    """Returns a job of one node that writes into memory that is there already."""
    graph = _Graph()
    match task:
        case Gemm():
            inputs, node, shape = _gemm(task)
        case Convolution() if task.which == "fwd":
            inputs, node, shape = _convolution(task)
        case Pool() if task.which == "fwd":
            rows, h, w, c = task.image
            inputs = {"x": _normal(rows, c, h, w)}
            node = ("MaxPool", {"kernel_shape": [2, 2], "strides": [2, 2]})
            shape = (rows, c, h // 2, w // 2)
        case Activation() if task.which == "fwd":
            inputs, node, shape = {"x": _normal(task.n)}, (task.name.capitalize(), {}), (task.n,)
        case _:
            raise Unsupported("ONNX Runtime has no such node")
    output = graph.add(node[0], list(inputs), **node[1])
    return Job(_caller(graph.session(inputs, output, threads), inputs, output, shape, "bound"))


Parts = tuple[dict[str, Array], tuple[str, dict[str, Any]], tuple[int, ...]]


def _normal(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _gemm(task: Gemm) -> Parts:
    x, w, dy = _normal(task.m, task.k), _normal(task.k, task.n), _normal(task.m, task.n)
    if task.which == "fwd":
        return {"x": x, "w": w}, ("Gemm", {}), (task.m, task.n)
    if task.which == "dx":
        return {"dy": dy, "w": w}, ("Gemm", {"transB": 1}), (task.m, task.k)
    return {"x": x, "dy": dy}, ("Gemm", {"transA": 1}), (task.k, task.n)


def _convolution(task: Convolution) -> Parts:
    rows, h, w, c = task.image
    _, p, q, filters = task.out
    inputs = {"x": _normal(rows, c, h, w), "w": _normal(filters, c, task.size, task.size)}
    attributes = _window(task.size, task.stride, task.padding)
    return inputs, ("Conv", attributes), (rows, filters, p, q)


def _window(size: int, stride: int, padding: str) -> dict[str, Any]:
    pad = size // 2 if padding == "same" else 0
    return {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [pad] * 4}


class _Graph:
    """An ONNX graph in the making, with random weights."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Appends a node; returns the name of its output."""
        output = f"y{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def weight(self, values: Array) -> str:
        """Keeps an array; returns its name."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def chain(self, layers: tuple[nets.Layer, ...], x: str, shape: tuple[int, ...]) -> str:
        """Appends layers to `x`, whose rows have `shape`; returns the name of their output."""
        return self._chain(layers, x, shape)[0]

    def _chain(
        self, layers: tuple[nets.Layer, ...], x: str, shape: tuple[int, ...]
    ) -> tuple[str, tuple[int, ...]]:
        for layer in layers:
            x, shape = self._layer(layer, x, shape)
        return x, shape

    def _layer(
        self, layer: nets.Layer, x: str, shape: tuple[int, ...]
    ) -> tuple[str, tuple[int, ...]]:
        match layer:
            case nets.Dense():
                w = self.weight(_normal(shape[0], layer.units) / np.sqrt(shape[0]))
                y = self.add("Gemm", [x, w, self.weight(np.zeros(layer.units))])
                return self._activated(layer.activation, y), (layer.units,)
            case nets.Conv():
                return self._conv(layer, x, shape)
            case nets.MaxPool():
                y = self.add(
                    "MaxPool", [x], kernel_shape=[layer.size] * 2, strides=[layer.size] * 2
                )
                return y, (shape[0], shape[1] // layer.size, shape[2] // layer.size)
            case nets.GlobalMeanPool():
                return self.add("Flatten", [self.add("GlobalAveragePool", [x])]), shape[:1]
            case nets.Flatten():
                return self.add("Flatten", [x]), (int(np.prod(shape)),)
            case nets.Dropout():
                return x, shape
            case nets.BatchNorm():
                ones, zeros = np.ones(shape[0]), np.zeros(shape[0])
                values = [self.weight(v) for v in (ones, zeros, zeros, ones)]
                return self.add("BatchNormalization", [x, *values], epsilon=1e-3), shape
            case nets.Relu():
                return self.add("Relu", [x]), shape
            case nets.Residual():
                body, out = self._chain(layer.body, x, shape)
                shortcut, _ = self._chain(layer.shortcut, x, shape)
                return self.add("Relu", [self.add("Add", [body, shortcut])]), out

    def _conv(
        self, layer: nets.Conv, x: str, shape: tuple[int, ...]
    ) -> tuple[str, tuple[int, ...]]:
        c, h, w = shape
        scale = np.sqrt(c * layer.size**2)
        names = [x, self.weight(_normal(layer.filters, c, layer.size, layer.size) / scale)]
        if layer.bias:
            names.append(self.weight(np.zeros(layer.filters)))
        y = self.add("Conv", names, **_window(layer.size, layer.stride, layer.padding))
        lost = 0 if layer.padding == "same" else layer.size - 1
        h, w = (-(-(n - lost) // layer.stride) for n in (h, w))
        return self._activated(layer.activation, y), (layer.filters, h, w)

    def _activated(self, activation: str, x: str) -> str:
        return self.add("Relu", [x]) if activation == "relu" else x

    def session(self, inputs: dict[str, Array], output: str, threads: int) -> Any:
        """The graph, compiled for inputs of these shapes."""
        given = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, x.shape)
            for name, x in inputs.items()
        ]
        made = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "net", given, made, self.weights)
        model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
