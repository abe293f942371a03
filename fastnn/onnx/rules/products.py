"""Products, convolutions and pooling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fastnn.compiler.graph import Node, Size, Tensor
from fastnn.onnx.rules.table import rule
from fastnn.onnx.writer import Order, Value, Writer, channels_first
from fastnn.ops.augmentation import FILL_MODES, TRANSFORMS


@rule("dense_fwd")
def _dense(w: Writer, node: Node) -> None:
    x, kernel, bias = node.inputs
    assert x is not None
    if len(x.shape) == 2:
        w.bind(node.outputs[0], w.emit("Gemm", *_names(w, x, kernel, bias)))
        return
    y = w.emit("MatMul", w.name(x), w.name(kernel))
    w.bind(node.outputs[0], y if bias is None else w.emit("Add", y, w.name(bias)))


def _names(w: Writer, *tensors: Tensor | None) -> list[str]:
    """Return the names of operands, without those that are absent at the end."""
    names = [w.name(tensor) for tensor in tensors]
    while names and not names[-1]:
        names.pop()
    return names


@rule("matmul", "matmul_nt", "matmul_tn")
def _matmul(w: Writer, node: Node) -> None:
    a, b = node.inputs
    kind = node.op.name
    left = _turned(w, a) if kind.endswith("tn") else w.name(a)
    right = _turned(w, b) if kind.endswith("nt") else w.name(b)
    w.bind(node.outputs[0], w.emit("MatMul", left, right))


def _turned(w: Writer, x: Tensor | None) -> str:
    """Return the name of matrices turned over."""
    assert x is not None
    rank = len(x.shape)
    return w.name(x, (*range(rank - 2), rank - 1, rank - 2))


# ---- windows -------------------------------------------------------------------------------------


class _Images:
    """Images, or sequences that were made images of one row, under windows.

    Args:
        w: the writer.
        node: the operation: x[r,h,w,c] -> y[r,p,q,c], its kernel of m x n places.
        size: that kernel.
    """

    def __init__(self, w: Writer, node: Node, size: tuple[int, int]):
        self.w, self.node, self.size = w, node, size
        x = node.inputs[0]
        assert x is not None
        self.value = w.value(x)
        base = self.value.base
        self.is_sequence = base is not None and self.value.added == 1 and size[0] == 1
        self.axes = "w" if self.is_sequence else "hw"

    @property
    def name(self) -> str:
        """The name of what the window sees, channels second."""
        value = self.value.base if self.is_sequence else self.value
        assert value is not None
        return self.w.named(value, channels_first(len(value.shape)))

    def each(self, attribute: str, default: int = 1) -> list[int]:
        """Return an attribute of the operation along each axis of the window."""
        return [int(self.node.attrs.get(f"{attribute}_{axis}", default)) for axis in self.axes]

    def length(self, letters: str) -> list[int]:
        """Return the sizes of the axes that stand for height and width."""
        return [self.node.sizes[letter].base for letter in letters[-len(self.axes) :]]

    @property
    def window(self) -> list[int]:
        """The sizes of the window."""
        return list(self.size[-len(self.axes) :])

    def reach(self, counts: str, images: str) -> list[int]:
        """Return by how much the last window is beyond the last place."""
        places = zip(
            self.length(counts),
            self.each("stride"),
            self.window,
            self.each("dilation"),
            self.each("pad"),
            self.length(images),
            strict=True,
        )
        return [(p - 1) * s + (m - 1) * d + 1 - before - n for p, s, m, d, before, n in places]

    def attributes(self) -> dict[str, Any]:
        """Return what convolutions and pooling have in common."""
        after = [max(0, n) for n in self.reach("pq", "hw")]
        return {
            "kernel_shape": self.window,
            "strides": self.each("stride"),
            "pads": [*self.each("pad"), *after],
        }

    def bind(self, name: str) -> None:
        """Let the output be ``name``, whose channels are second."""
        y = self.node.outputs[0]
        assert y is not None
        if not self.is_sequence:
            self.w.bind(y, name, channels_first(4))
            return
        flat = Value((y.shape[0], *y.shape[2:]), {channels_first(3): name}, label=y.name)
        self.w.set(y, Value(y.shape, base=flat, added=1, label=y.name))


def _kernel(w: Writer, kernel: Tensor, images: _Images, order: Order, shape: list[int]) -> str:
    """Return the name of a kernel in an order and shape of ONNX."""
    known = w.array(kernel)
    if known is not None:
        return w.real(known.transpose(order).reshape(shape), kernel.name)
    return w.reshaped(w.name(kernel, order), tuple(shape))


def _taps(kernel: Tensor | None) -> tuple[int, int]:
    assert kernel is not None
    return kernel.shape[0] or 1, kernel.shape[1] or 1


@rule("conv2d_fwd")
def _conv(w: Writer, node: Node) -> None:
    x, kernel, bias = node.inputs
    assert x is not None
    assert kernel is not None
    images = _Images(w, node, _taps(kernel))
    *_, part, filters = (n or 0 for n in kernel.shape)
    shape = [filters, part, *images.window]
    _convolve(w, images, _kernel(w, kernel, images, (3, 2, 0, 1), shape), bias, x, part)


@rule("depthwise_fwd")
def _depthwise(w: Writer, node: Node) -> None:
    x, kernel, bias = node.inputs
    assert x is not None
    assert kernel is not None
    images = _Images(w, node, _taps(kernel))
    shape = [kernel.shape[2] or 0, 1, *images.window]
    _convolve(w, images, _kernel(w, kernel, images, (2, 0, 1), shape), bias, x, 1)


def _convolve(
    w: Writer, images: _Images, kernel: str, bias: Tensor | None, x: Tensor, part: int
) -> None:
    names = [images.name, kernel] + ([] if bias is None else [w.name(bias)])
    options = {**images.attributes(), "dilations": images.each("dilation")}
    images.bind(w.narrow("Conv", *names, group=(x.shape[-1] or part) // part, **options))


@rule("conv2d_transpose_fwd")
def _conv_transpose(w: Writer, node: Node) -> None:
    _, kernel, bias = node.inputs
    assert kernel is not None
    images = _Images(w, node, _taps(kernel))
    *_, filters, channels = (n or 0 for n in kernel.shape)
    beyond = images.reach("pq", "hw")
    names = [
        images.name,
        _kernel(w, kernel, images, (3, 2, 0, 1), [channels, filters, *images.window]),
        *([] if bias is None else [w.name(bias)]),
    ]
    y = w.narrow(
        "ConvTranspose",
        *names,
        kernel_shape=images.window,
        strides=images.each("stride"),
        dilations=images.each("dilation"),
        pads=[*images.each("pad"), *(max(0, n) for n in beyond)],
        output_padding=[max(0, -n) for n in beyond],
    )
    images.bind(y)


def _pooled(node: Node) -> tuple[int, int]:
    return int(node.attrs["size_h"]), int(node.attrs["size_w"])


@rule("maxpool2d_fwd")
def _max_pool(w: Writer, node: Node) -> None:
    images = _Images(w, node, _pooled(node))
    images.bind(w.emit("MaxPool", images.name, **images.attributes()))


@rule("avgpool2d_fwd")
def _average_pool(w: Writer, node: Node) -> None:
    images, sums = _Images(w, node, _pooled(node)), int(node.attrs["sums"])
    options = {**images.attributes(), "count_include_pad": sums}
    y = w.narrow("AveragePool", images.name, **options)
    height, width = images.size
    images.bind(w.emit("Mul", y, w.real(height * width)) if sums else y)


@rule("avgpool2d_bwd")
def _repeat(w: Writer, node: Node) -> None:
    """Upsampling is what sums over windows side by side have as their gradient."""
    (x,), (y,) = node.inputs, node.outputs
    times = _pooled(node)
    attrs, sizes = node.attrs, {letter: node.sizes[letter].base for letter in "hwpq"}
    steps = attrs["stride_h"], attrs["stride_w"], attrs["pad_h"], attrs["pad_w"]
    whole = sizes["p"] * times[0], sizes["q"] * times[1]
    if not attrs["sums"] or steps != (*times, 0, 0) or (sizes["h"], sizes["w"]) != whole:
        raise w.refuse("the gradient of a pooling has no counterpart in ONNX")
    places = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    _resize(w, x, y, mode="nearest", **places)


@rule("warp")
def _warp(w: Writer, node: Node) -> None:
    """Images in another size are what a map without random numbers makes of them."""
    (x, drawn), (y,) = node.inputs, node.outputs
    assert drawn is not None
    if drawn.producer is None or not _is_stretched(node, drawn.producer):
        raise w.refuse("images are mapped as no operator of ONNX does")
    if node.attrs["bilinear"]:
        _resize(w, x, y, mode="linear", coordinate_transformation_mode="half_pixel")
    else:
        _picked(w, node, drawn.producer)


def _picked(w: Writer, node: Node, drawn: Node) -> None:
    """Write which rows and columns are taken; fastnn says which, as runtimes round otherwise."""
    (map,) = w.computed(drawn, [])
    height, width = (node.sizes[letter].base for letter in "hw")
    grid = np.indices((height, width), w.dtype).transpose(1, 2, 0)[None]
    wide = replace(node, sizes={**node.sizes, "c": Size(2, False)})
    (places,) = w.computed(wide, [grid, map])
    name = w.name(node.inputs[0])
    for axis, taken in enumerate((places[0, :, 0, 0], places[0, 0, :, 1]), 1):
        name = w.emit("Gather", name, w.ints(*taken.astype(int).tolist()), axis=axis)
    w.bind(node.outputs[0], name)


def _is_stretched(node: Node, drawn: Node) -> bool:
    """Whether a map is that of images whose edges stay their edges."""
    map, fixed = drawn.attrs, drawn.op.name == "random_map"
    if not fixed or map["transform"] != TRANSFORMS.index("fixed"):
        return False
    steps = [node.sizes[old].base / node.sizes[new].base for old, new in ("hp", "wq")]
    wanted = [number for step in steps for number in (step, (step - 1) / 2)]
    known = [map[name] for name in ("h0", "h1", "w0", "w1")]
    at_the_edge = FILL_MODES[node.attrs["fill_mode"]] == "nearest"
    return at_the_edge and all(abs(a - b) < 1e-9 for a, b in zip(known, wanted, strict=True))


@rule("random_map", "random_uniform")
def _drawn(w: Writer, node: Node) -> None:
    """Nothing: who reads it says whether it can be."""
    w.bind(node.outputs[0], "")


def _resize(w: Writer, x: Tensor | None, y: Tensor | None, **options: Any) -> None:
    assert x is not None
    assert y is not None
    order = channels_first(4)
    name = w.name(x, order)
    kept = w.emit("Shape", name, end=2)
    sizes = w.emit("Concat", kept, w.ints(*(n or 0 for n in y.shape[1:3])), axis=0)
    w.bind(y, w.narrow("Resize", name, after=("", "", sizes), **options), order)
