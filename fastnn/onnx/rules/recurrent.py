"""Recurrent layers: an operator of ONNX where it has what the layer does, else a loop over steps.

The operators leave out the last steps of a row alone, so masks need the loop; and onnxruntime has
them in float32 only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.compiler.graph import Node, Tensor
from fastnn.onnx.rules.elementwise import activation, truth
from fastnn.onnx.rules.table import rule
from fastnn.onnx.writer import Writer, steps_first

#: How ONNX writes an activation of a recurrent layer.
_FUNCTIONS = {"linear": "Affine", "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh"}


class _Walk:
    """A walk over time: what rnn_fwd, lstm_fwd and gru_fwd have in common.

    Args:
        w: the writer.
        node: the operation.
    """

    def __init__(self, w: Writer, node: Node):
        self.w, self.node = w, node
        self.given = dict(zip((o.name for o in node.op.inputs), node.inputs, strict=True))
        self.made = dict(zip((o.name for o in node.op.outputs), node.outputs, strict=True))
        self.units = node.sizes["h"].base
        self.names: dict[str, str] = {}  # of the weights, in a loop
        names = ("activation", "recurrent_activation")
        self.functions = [str(node.attrs[name]) for name in names if name in node.attrs]

    @property
    def is_plain(self) -> bool:
        """Whether an operator of ONNX does the same."""
        w, weights = self.w, [self.given["u"], self.given.get("b")]
        return (
            w.dtype == np.float32
            and self.given["mask"] is None
            and self.given["keep"] is None
            and all(name in _FUNCTIONS for name in self.functions)
            and all(t is None or w.array(t) is not None for t in weights)
        )

    # ---- an operator -----------------------------------------------------------------------------

    def operator(
        self, kind: str, gates: Sequence[int], functions: Sequence[str], **options: Any
    ) -> None:
        """Write the operator.

        Args:
            kind: which.
            gates: the places of its gates among those of fastnn.
            functions: the activations, in its order.
            options: attributes of its own.
        """
        w = self.w
        states = [self._first(name) for name in ("s0", "e0") if name in self.given]
        inputs = [*self._weights(gates), *(["", *states] if any(states) else [])]
        options |= {"hidden_size": self.units, **_activations(functions)}
        y, *last = w.several(3 if kind == "LSTM" else 2, kind, *inputs, **options)
        if self.made["y"] is not None:
            w.bind(self.made["y"], w.emit("Squeeze", y, w.ints(1)), steps_first(3))
        for name, state in zip(("s", "e"), last, strict=False):
            if self.made[name] is not None:
                w.bind(self.made[name], w.emit("Squeeze", state, w.ints(0)))

    def _weights(self, gates: Sequence[int]) -> list[str]:
        """Return the names of the inputs and the weights, as the operators have them."""
        w = self.w
        x, kernel, bias = self._inputs()
        recurrent, inner = w.array(self.given["u"]), w.array(self.given.get("b"))
        assert recurrent is not None
        biases = [np.zeros(len(kernel.T)) if b is None else b for b in (bias, inner)]
        both = np.concatenate([_gates(b, gates) for b in biases])
        weights = [_gates(kernel.T, gates), _gates(recurrent.T, gates), both]
        return [x, *(w.real(a[None], label) for a, label in zip(weights, "WRB", strict=True))]

    def _inputs(self) -> tuple[str, Array, Array | None]:
        """Return the name of the inputs, steps first, their kernel and its bias: those of the
        product that is walked over, or what leaves any numbers as they are."""
        w, z = self.w, self.given["z"]
        assert z is not None
        product = z.producer
        if product is not None and product.op.name == "dense_fwd":
            x, kernel, bias = product.inputs
            known = w.array(kernel), w.array(bias)
            if x is not None and known[0] is not None and (bias is None or known[1] is not None):
                return w.name(x, steps_first(3)), known[0], known[1]
        return w.name(z, steps_first(3)), np.eye(z.shape[-1] or 0), None

    def _first(self, name: str) -> str:
        w, state = self.w, self.given[name]
        return "" if state is None else w.emit("Unsqueeze", w.name(state), w.ints(0))

    # ---- a loop ----------------------------------------------------------------------------------

    def loop(self, states: Sequence[str], step: Callable[..., Sequence[str]]) -> None:
        """Write a loop whose steps are composed.

        Args:
            states: the letters of the states, that of the output first: s, e.
            step: step(z, *states) returns the names of the states after a step.
        """
        w = self.w
        self.names = {key: w.name(self.given.get(key)) for key in ("u", "b", "keep")}
        scanned = [w.name(self.given[key]) for key in ("z", "mask") if self.given[key] is not None]
        made = w.several(
            len(states) + 1,
            "Scan",
            *(self._start(letter) for letter in states),
            *scanned,
            body=self._body(states, step),
            num_scan_inputs=len(scanned),
            scan_input_axes=[1] * len(scanned),
            scan_output_axes=[1],
        )
        for letter, name in zip([*states, "y"], made, strict=True):
            if self.made[letter] is not None:
                w.bind(self.made[letter], name)

    def _body(self, states: Sequence[str], step: Callable[..., Sequence[str]]) -> Any:
        """Return the graph of a step: states and parts of sequences in, states and output out."""
        w, z = self.w, self.given["z"]
        assert z is not None
        before = {w.fresh(f"{letter}.before"): [None, self.units] for letter in states}
        parts = {w.fresh("z.step"): [None, z.shape[-1]]}
        if self.given["mask"] is not None:
            parts[w.fresh("mask.step")] = [None]
        with w.body() as nodes:
            after = list(step(next(iter(parts)), *before))
            if len(parts) > 1:
                counts = w.emit("Unsqueeze", truth(w, list(parts)[1]), w.ints(1))
                pairs = zip(after, before, strict=True)
                after = [w.emit("Where", counts, now, old) for now, old in pairs]
            after = [w.emit("Identity", name) for name in [*after, after[0]]]
        results = {name: [None, self.units] for name in after}
        ends = [self._described(each) for each in ({**before, **parts}, results)]
        return w.onnx.helper.make_graph(nodes, w.fresh("steps"), *ends)

    def _described(self, shapes: Mapping[str, Sequence[int | None]]) -> list[Any]:
        make, real = self.w.onnx.helper.make_tensor_value_info, self.w.real_type
        return [make(name, real, shape) for name, shape in shapes.items()]

    def _start(self, letter: str) -> str:
        w, state, z = self.w, self.given[f"{letter}0"], self.given["z"]
        if state is not None:
            return w.name(state)
        assert z is not None
        return w.emit("Expand", w.real(0), w.sizes((z.shape[0], self.units), z.fold))

    def kept(self, h: str) -> str:
        """Return the state before a product with the recurrent kernel."""
        return self.w.emit("Mul", h, self.names["keep"]) if self.names["keep"] else h

    def split(self, name: str, count: int) -> list[str]:
        """Return the gates of the last axis."""
        sizes = self.w.ints(*[self.units] * count)
        return self.w.several(count, "Split", name, sizes, axis=-1)

    def gates(self, z: str, h: str) -> str:
        """Return ``z + h @ u``."""
        w = self.w
        return w.emit("Add", z, w.emit("MatMul", self.kept(h), self.names["u"]))


def _gates(a: Array, order: Sequence[int]) -> Array:
    """Return the gates of the first axis in another order."""
    parts = np.split(a, len(order))
    return np.concatenate([parts[i] for i in order])


def _activations(functions: Sequence[str]) -> dict[str, Any]:
    """Return the activations as an operator has them; linear is 1 x + 0."""
    lines = functions.count("linear")
    numbers = {"activation_alpha": [1.0] * lines, "activation_beta": [0.0] * lines}
    known = [_FUNCTIONS[name] for name in functions]
    return {"activations": known, **(numbers if lines else {})}


def _unread(w: Writer, *tensors: Tensor | None) -> None:
    if any(tensor is not None for tensor in tensors):
        raise w.refuse("what a recurrent layer keeps for its gradient has no counterpart in ONNX")


@rule("rnn_fwd")
def _rnn(w: Writer, node: Node) -> None:
    walk = _Walk(w, node)
    (act,) = walk.functions
    if walk.is_plain:
        walk.operator("RNN", [0], [act])
    else:
        walk.loop(["s"], lambda z, h: [activation(w, act, walk.gates(z, h))])


@rule("lstm_fwd")
def _lstm(w: Writer, node: Node) -> None:
    walk = _Walk(w, node)
    act, gate = walk.functions
    _unread(w, walk.made["a"], walk.made["c"])

    def step(z: str, h: str, c: str) -> list[str]:
        i, f, g, o = walk.split(walk.gates(z, h), 4)
        i, f, o = (activation(w, gate, name) for name in (i, f, o))
        kept, new = w.emit("Mul", f, c), w.emit("Mul", i, activation(w, act, g))
        cell = w.emit("Add", kept, new)
        return [w.emit("Mul", o, activation(w, act, cell)), cell]

    if walk.is_plain:
        walk.operator("LSTM", [0, 3, 1, 2], [gate, act, act])
    else:
        walk.loop(["s", "e"], step)


@rule("gru_fwd")
def _gru(w: Writer, node: Node) -> None:
    walk, after = _Walk(w, node), int(node.attrs["reset_after"])
    act, gate = walk.functions
    _unread(w, walk.made["a"], walk.made["q"])

    def step(z: str, h: str) -> list[str]:
        x, seen = walk.split(z, 3), walk.kept(h)
        u = walk.split(walk.names["u"], 3)
        bias = walk.split(walk.names["b"], 3) if walk.names["b"] else []

        def product(i: int) -> str:
            m = w.emit("MatMul", seen, u[i])
            return w.emit("Add", m, bias[i]) if bias else m

        sums = [w.emit("Add", x[i], product(i)) for i in range(2)]
        update, reset = (activation(w, gate, name) for name in sums)
        if after:
            last = w.emit("Mul", reset, product(2))
        else:
            last = w.emit("MatMul", w.emit("Mul", reset, seen), u[2])
        new = activation(w, act, w.emit("Add", x[2], last))
        rest = w.emit("Sub", w.real(1), update)
        return [w.emit("Add", w.emit("Mul", update, h), w.emit("Mul", rest, new))]

    if walk.is_plain:
        walk.operator("GRU", [0, 1, 2], [gate, act], linear_before_reset=after)
    else:
        walk.loop(["s"], step)
