"""Recurrent layers, and loops over steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastnn import layers, ops
from fastnn._typing import Array
from fastnn.errors import UnsupportedError
from fastnn.onnx.operators.reductions import left
from fastnn.onnx.reader import Held, OpNode, Reader, operator

_ACTIVATIONS = {"relu": "relu", "sigmoid": "sigmoid", "tanh": "tanh", "affine": "linear"}

#: The places of fastnn's gates among those of ONNX, and the activations that there are.
_KINDS: dict[str, tuple[Any, list[int], list[str]]] = {
    "RNN": (layers.SimpleRNN, [0], ["Tanh"]),
    "GRU": (layers.GRU, [0, 1, 2], ["Sigmoid", "Tanh"]),
    "LSTM": (layers.LSTM, [0, 2, 3, 1], ["Sigmoid", "Tanh", "Tanh"]),
}


@operator("RNN", "GRU", "LSTM")
def _recurrent(r: Reader, node: OpNode) -> Sequence[Held]:
    direction = str(node.attrs.get("direction", "forward"))
    _check(node, r)
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    walks = [_walk(r, node, i, back) for i, back in enumerate(ways)]
    return [_joined(r, node, i, list(parts)) for i, parts in enumerate(zip(*walks, strict=True))]


def _check(node: OpNode, r: Reader) -> None:
    """Refuse what fastnn's layers do not do."""
    x, lengths = node.some(0), node.known(4)
    steps = x.shape[1 if node.attrs.get("layout", 0) else 0]
    if lengths is not None and np.any(lengths != steps):
        raise UnsupportedError("its sequences have lengths of their own (sequence_lens)")
    holes = node.known(7)
    if holes is not None and np.any(holes):
        raise UnsupportedError("it has peepholes (P)")
    if node.attrs.get("clip") or node.attrs.get("input_forget", 0):
        raise UnsupportedError("it has clip or input_forget")


def _walk(r: Reader, node: OpNode, index: int, back: bool) -> list[Held]:
    """Return one direction: all states and the last ones, (rows, ...) each."""
    kind, order, defaults = _KINDS[node.kind]
    layout = int(node.attrs.get("layout", 0))
    x = r.data(node.some(0), (0, 1, 2) if layout else (1, 0, 2))
    kernel, recurrent, bias = (node.known(i) for i in (1, 2, 3))
    assert kernel is not None
    assert recurrent is not None
    options: dict[str, Any] = {
        "units": recurrent.shape[-1],
        "return_sequences": True,
        "return_state": True,
        "go_backwards": back,
        "use_bias": bias is not None,
        **_functions(node, defaults, index),
    }
    if node.kind == "GRU":
        options["reset_after"] = bool(node.attrs.get("linear_before_reset", 0))
    weights = [_gates(a[index], order).T for a in (kernel, recurrent)]
    if bias is not None:
        weights.append(_biases(node, bias[index], order, options.get("reset_after", False)))
    count = 2 if node.kind == "LSTM" else 1
    first = [_first(r, node.input(5 + i), index, layout, x) for i in range(count)]
    given = [state for state in first if state is not None]
    if given and len(given) < len(first):
        given = [ops.multiply(given[0], 0.0) if state is None else state for state in first]
    y, *states = r.layer(kind, node, weights, x, *([given] if given else []), **options)
    y = ops.flip(y, 1) if back else y
    return [r.made(y, (0, 1, 2)), *(r.made(state, (0, 1)) for state in states)]


def _functions(node: OpNode, defaults: list[str], index: int) -> dict[str, str]:
    """Return the activations, as the arguments of a layer."""
    given = list(node.attrs.get("activations", defaults))
    count = len(defaults)
    names = [
        str(name).lower() for name in given[index * count : (index + 1) * count] or given[:count]
    ]
    if any(name not in _ACTIVATIONS for name in names):
        raise UnsupportedError(f"its activations are {', '.join(names)}"[:150])
    if "affine" in names:
        numbers = [list(node.attrs.get(f"activation_{x}", [])) for x in ("alpha", "beta")]
        if any(n != 1 for n in numbers[0]) or any(numbers[1]):
            raise UnsupportedError("its activation Affine is not 1 x + 0")
    known = [_ACTIVATIONS[name] for name in names]
    if len(set(known[1:])) > 1:
        raise UnsupportedError("its cell and output have activations of their own")
    if len(known) == 1:
        return {"activation": known[0]}
    return {"recurrent_activation": known[0], "activation": known[1]}


def _gates(a: Array, order: Sequence[int]) -> Array:
    """Return the gates of the first axis in fastnn's order."""
    parts = np.split(a, len(order))
    return np.concatenate([parts[i] for i in order])


def _biases(node: OpNode, bias: Array, order: Sequence[int], apart: bool) -> Array:
    both = [_gates(part, order) for part in np.split(bias, 2)]
    return np.stack(both) if apart else both[0] + both[1]


def _first(r: Reader, held: Held | None, index: int, layout: int, x: Any) -> Any:
    """Return the state before the first step, (rows, units); ``None`` where it is 0."""
    if held is None or held.is_zero:
        return None
    if not held.is_known:
        return r.data(held, (0, 1, 2) if layout else (1, 0, 2))[(slice(None), index)]
    state = held.data[:, index] if layout else held.data[index]
    if isinstance(x, np.ndarray):
        return r.numbers(state)
    if state.any():
        raise UnsupportedError("its states before the first step are known numbers that are not 0")
    return None


def _joined(r: Reader, node: OpNode, index: int, parts: list[Held]) -> Held:
    """Return an output of the directions side by side, as ONNX has them."""
    layout, type = int(node.attrs.get("layout", 0)), node.some(0).type
    sequences, ways = parts[0].rank == 3, len(parts)
    # the axes of the file: steps, directions, rows, units, or rows first by layout
    axes = ((0, 1, 3) if layout else (2, 0, 3)) if sequences else ((0, 2) if layout else (1, 2))
    way = (2 if layout else 1) if sequences else (1 if layout else 0)
    if ways == 1 and _squeezed(r, node, index, way):
        return r.made(parts[0].data, left((*axes, way), [way]), type)
    data = [ops.expand_dims(part.data, part.rank - 1) for part in parts]
    both = data[0] if ways == 1 else ops.concatenate(data, -2)
    return r.made(both, (*axes[:-1], way, axes[-1]), type)


def _squeezed(r: Reader, node: OpNode, index: int, way: int) -> bool:
    """Let an output be what a node makes of it that drops the axis of directions, if one does."""
    name = node.outputs[index] if node.wants(index) else ""
    following = r.next_node(name, "Squeeze")
    if following is None or len(following.input) != 2:
        return False
    held = r.held.get(following.input[1])
    if held is None or not held.is_known or held.data.tolist() != [way]:
        return False
    r.absorbed.add(id(following))
    node.outputs[index] = following.output[0]
    return True


# ---- loops ---------------------------------------------------------------------------------------

#: The most steps of a loop that are composed one by one.
_MOST_STEPS = 4096


@operator("Scan")
def _scan(r: Reader, node: OpNode) -> Sequence[Held]:
    """A loop over the steps of sequences, composed step by step."""
    if node.version < 9:
        raise UnsupportedError("before opset 9 it had lengths of sequences")
    body, count = node.attrs["body"], int(node.attrs["num_scan_inputs"])
    first = len(node.inputs) - count
    states = [node.some(i) for i in range(first)]
    axes = list(node.attrs.get("scan_input_axes", [0] * count))
    scanned = [node.some(first + i) for i in range(count)]
    steps = {held.shape[axis] for held, axis in zip(scanned, axes, strict=True)}
    back = [
        *node.attrs.get("scan_input_directions", []),
        *node.attrs.get("scan_output_directions", []),
    ]
    (length,) = steps if len(steps) == 1 else (0,)
    if any(back) or not 0 < length <= _MOST_STEPS:
        raise UnsupportedError(f"its loop goes backwards, or has not 1 to {_MOST_STEPS} steps")
    made: list[list[Held]] = []
    for step in range(length):
        parts = [_step(r, held, axis, step) for held, axis in zip(scanned, axes, strict=True)]
        results = r.run_body(body, [*states, *parts])
        states, outputs = results[:first], results[first:]
        made.append(outputs)
    places = list(node.attrs.get("scan_output_axes", [0] * len(made[0])))
    stacks = [
        _stacked(r, list(each), axis)
        for each, axis in zip(zip(*made, strict=True), places, strict=True)
    ]
    return [*states, *stacks]


def _step(r: Reader, held: Held, axis: int, step: int) -> Held:
    data = r.numbers(held.data)[tuple(
        step if each == axis % held.rank else slice(None) for each in held.axes
    )]  # fmt: skip
    return r.made(data, left(held.axes, [axis % held.rank]), held.type)


def _stacked(r: Reader, parts: list[Held], axis: int) -> Held:
    """Return the outputs of all steps along an axis."""
    data = ops.stack([r.data(part) for part in parts], axis)
    return r.made(data, range(parts[0].rank + 1), parts[0].type)
