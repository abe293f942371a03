"""What a picture of a model shows: boxes, groups of boxes, arrows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastnn import activations
from fastnn.compiler import lower
from fastnn.compiler.graph import Node
from fastnn.functional import Network
from fastnn.layers.base import Layer
from fastnn.layers.core import InputLayer
from fastnn.layers.operation import Operation
from fastnn.models import Model
from fastnn.summary import keras_shapes

__all__ = ["Arrow", "Box", "Details", "Group", "Scheme", "printable", "scheme_of"]


@dataclass(frozen=True)
class Details:
    """What boxes say beside the kind of a layer: the options of ``plot_model``."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    activations: bool = False
    trainable: bool = False
    nested: bool = False


@dataclass(eq=False)
class Box:
    """A layer.

    Attributes:
        title: its kind, and its name if that is wanted.
        lines: what else is said of it.
        is_input: whether it is an input of the model.
    """

    title: str
    lines: Sequence[str] = ()
    is_input: bool = False


@dataclass(eq=False)
class Group:
    """A model inside of a model, with its own layers."""

    title: str
    inner: Scheme


@dataclass(frozen=True)
class Arrow:
    """What one box or group hands to another; of several inputs and outputs it says which."""

    source: Box | Group
    target: Box | Group
    output: int = 0
    input: int = 0


@dataclass
class Scheme:
    """What is drawn of a model.

    Attributes:
        nodes: boxes and groups, in the order in which they compute.
        arrows: from some to others.
        outputs: the boxes or groups that the outputs come from, each with the number of its output.
    """

    nodes: list[Box | Group] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    outputs: list[tuple[Box | Group, int]] = field(default_factory=list)

    @property
    def inputs(self) -> list[Box | Group]:
        """The boxes of the inputs, in order."""
        return [node for node in self.nodes if isinstance(node, Box) and node.is_input]


def scheme_of(model: Model, details: Details) -> Scheme:
    """Return what a picture of a model shows.

    Args:
        model: built.
        details: what boxes say.

    Raises:
        NotBuiltError: it is not built.
    """
    network = model.network
    if isinstance(network, Network):
        return _of_network(network, details)
    return _of_code(model, details)


def _of_network(network: Network, details: Details) -> Scheme:
    """Return the scheme of a network of layers: a box for each, however often it is called."""
    scheme, known = Scheme(), dict[Layer, Box | Group]()
    for symbol in network.inputs:
        known[symbol.layer] = _box(symbol.layer, details)
    for call in network.calls:
        if call.layer not in known:
            known[call.layer] = _node(call.layer, details)
    scheme.nodes = list(known.values())
    output = {symbol: at for call in network.calls for at, symbol in enumerate(call.outputs)}
    scheme.arrows = _once(
        Arrow(known[symbol.layer], known[call.layer], output.get(symbol, 0), at)
        for call in network.calls
        for at, symbol in enumerate(call.inputs)
    )
    scheme.outputs = [(known[symbol.layer], output.get(symbol, 0)) for symbol in network.outputs]
    return scheme


def _once(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Return arrows without those that look like another; only groups have places to tell apart."""
    return list(
        dict.fromkeys(
            Arrow(
                each.source,
                each.target,
                each.output if isinstance(each.source, Group) else 0,
                each.input if isinstance(each.target, Group) else 0,
            )
            for each in arrows
        )
    )


def _node(layer: Layer, details: Details) -> Box | Group:
    network = getattr(layer, "_network", None)
    if details.nested and isinstance(network, Network):
        return Group(_title(layer, details), _of_network(network, details))
    return _box(layer, details)


def _title(layer: Layer, details: Details) -> str:
    kind = type(layer).__name__
    if isinstance(layer, Operation):
        kind = layer.function
    return printable(f"{layer.name} ({kind})") if details.names else kind


def printable(text: str) -> str:
    """Return a text of one line, without what no font has: a model may be named anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _box(layer: Layer, details: Details) -> Box:
    is_input = isinstance(layer, InputLayer)
    lines = []
    if details.activations and getattr(layer, "activation", None) is not None:
        lines.append(f"activation: {_activation(layer)}")
    if details.shapes and not is_input:
        lines.append(f"input: {_shapes(layer.input_shape)}")
    if details.shapes:
        lines.append(f"output: {_shapes(layer.output_shape)}")
    if details.dtype:
        whole = getattr(layer, "whole", None)
        lines.append(f"dtype: {whole or layer.dtype or 'float32'}")
    if details.trainable and not is_input:
        lines.append(f"trainable: {'yes' if layer.trainable else 'no'}")
    return Box(_title(layer, details), lines, is_input)


def _shapes(shapes: Any) -> str:
    return "?" if shapes is None else keras_shapes(shapes)


def _activation(layer: Any) -> str:
    try:
        known = activations.serialize(layer.activation)
    except ValueError:  # a function of the user's own
        return str(getattr(layer.activation, "__name__", type(layer.activation).__name__))
    return known if isinstance(known, str) else str(known["class_name"])


# ---- models whose calls are code -----------------------------------------------------------------


def _of_code(model: Model, details: Details) -> Scheme:
    """Return the scheme of a sub-classed model, by what its code composes: a box for each layer
    that computes something in training, and for each operation between them."""
    graph, outputs = lower.outputs(lambda xs, training: model.network(xs, True), model.input_shapes)
    layers = {layer.name: layer for layer in model.layers}
    boxes: dict[Any, Box | Group] = {}
    samples = lower.gathered(graph)
    for symbol in model.inputs:
        boxes[symbol] = _box(symbol.layer, details)
    made: dict[Node, Box | Group] = {}
    for node in graph.nodes:
        if node.outputs and node.outputs[0] in samples:
            made[node] = boxes[model.inputs[samples.index(node.outputs[0])]]
            continue
        name = node.layer.partition("/")[0]
        key: Any = name if name in layers else node
        if key not in boxes:
            boxes[key] = _node(layers[name], details) if key == name else Box(node.op.name)
        made[node] = boxes[key]
    arrows = _once(
        Arrow(made[tensor.producer], made[node])
        for node in graph.nodes
        for tensor in node.inputs
        if tensor is not None and tensor.producer is not None
    )
    ends = [(made[tensor.producer], 0) for tensor in outputs if tensor.producer is not None]
    return Scheme(
        list(boxes.values()),
        [arrow for arrow in arrows if arrow.source is not arrow.target],
        ends,
    )
