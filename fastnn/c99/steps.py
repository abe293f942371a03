"""A program as C: a call for each operation, arrays for what it reads."""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from fastnn._typing import Array
from fastnn.c99.library import Parameter, operations, reduction_start
from fastnn.c99.literals import literal
from fastnn.compiler.graph import Node, Tensor
from fastnn.compiler.program import Memory, Program
from fastnn.ops.augmentation import TRANSFORMS

__all__ = ["Steps"]

#: Working memory of an operation: the sum of the sizes of these axes.
_SCRATCH = {"rnn_fwd": "hhg", "lstm_fwd": "hhhg", "gru_fwd": "hhhg"}

#: Why an operation is not there.
_REASONS = {
    "python_call": "is Python code, forward in NumPy: write call, of fastnn.ops",
    "recall": "keeps a state from one batch to the next (stateful=True)",
    "remember": "keeps a state from one batch to the next (stateful=True)",
}

#: The largest number of an index in C.
_MOST = 2**31 - 1


class Steps:
    """The calls that a program is in C.

    Args:
        program: a program that predicts one row.
        memory: where its weights are.
        input_types: the types in C of its inputs.
        outputs: the number of its outputs.

    Attributes:
        calls: the calls, with the names of the layers as comments between them.
        arrays: the constant arrays, by name.
        cells: the numbers of working memory.
    """

    def __init__(self, program: Program, memory: Memory, input_types: list[str], outputs: int):
        self.calls: list[str] = []
        self.arrays: dict[str, Array] = {}
        self._program, self._memory, self._types = program, memory, input_types
        self._single = {"source": len(input_types) == 1, "out": outputs == 1}
        self._places: dict[tuple[object, ...], str] = {}
        self._double = program.dtype == "float64"
        self._arena = program.arena_bytes // np.dtype(program.dtype).itemsize
        self.cells = self._arena + max(map(_scratch, program.nodes), default=0)
        layer = ""
        for node in program.nodes:
            if not any(operand.alias for operand in node.op.outputs):
                self._add(node, layer)
                layer = node.layer

    def _add(self, node: Node, layer: str) -> None:
        parameters = operations().get(node.op.name)
        if parameters is None or _is_random(node):
            raise ValueError(_refusal(node))
        if node.layer != layer:
            self.calls.append(f"/* {node.layer} */")
        name = f"op_{node.op.name}"
        if name == "op_gather":
            name = f"{name}_{self._types[_index(node.inputs[0])]}"
        given = ", ".join(map(partial(self._argument, node), parameters))
        self.calls.append(f"{name}({given});")

    def _argument(self, node: Node, parameter: Parameter) -> str:
        kind, name = parameter
        if len(name) == 1 and name.isupper():
            return str(_checked(node, node.sizes[name.lower()].at(1)))
        if name == "scratch":
            return f"m + {self._arena}"
        if name == "first":
            return reduction_start()[node.attrs["reduction"]]
        if name in node.op.attributes:
            return self._attribute(node, kind, name)
        names = [each.name for each in (*node.op.inputs, *node.op.outputs)]
        return self._operand(node, node.operands[names.index(name)])

    def _attribute(self, node: Node, kind: str, name: str) -> str:
        if kind.endswith(("function", "function_of_two")):
            family = "activation" if name == "recurrent_activation" else name
            return f"{family}_{node.attrs.get(name) or 'linear'}"
        value = float(node.attrs.get(name) or 0)
        return str(int(value)) if kind == "count" else literal(value, self._double)

    def _operand(self, node: Node, tensor: Tensor | None) -> str:
        if tensor is None:
            return "0"
        root, size = tensor.root, _checked(node, tensor.size.at(1))
        if root.home in self._single:
            return "xy"[root.home == "out"] + ("" if self._single[root.home] else str(_index(root)))
        if root.home == "arena":
            return f"m + {root.offset}"
        place = (root.home, root.offset, size, id(root) if root.values is not None else None)
        if place not in self._places:
            self._places[place] = name = self._new_name(root)
            self.arrays[name] = np.array(self._memory.base(root)[:size])
        return self._places[place]

    def _new_name(self, tensor: Tensor) -> str:
        stem = "w_" + re.sub(r"\W+", "_", tensor.name, flags=re.ASCII)
        names = (stem if i == 1 else f"{stem}_{i}" for i in range(1, len(self.arrays) + 2))
        return next(name for name in names if name not in self.arrays)

    @property
    def bytes(self) -> int:
        """The bytes of all constant arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def _index(tensor: Tensor | None) -> int:
    """Return which of the caller's arrays a tensor is: ``x0``, ``x1``, ..., ``out0``, ..."""
    assert tensor is not None
    return int(tensor.name.lstrip("xout"))


def _scratch(node: Node) -> int:
    return sum(node.sizes[axis].at(1) for axis in _SCRATCH.get(node.op.name, ""))


def _is_random(node: Node) -> bool:
    return TRANSFORMS[node.attrs.get("transform", -1)] != "fixed"


def _checked(node: Node, size: int) -> int:
    if size > _MOST:
        raise ValueError(f"export_c: layer {node.layer!r} has an array of more than 2^31 numbers")
    return size


def _refusal(node: Node) -> str:
    reason = _REASONS.get(node.op.name, f"needs the operation {node.op.name!r}")
    return (
        f"export_c: layer {node.layer!r} {reason}. A file in C has dense, "
        "convolutional, pooling, recurrent, normalising, embedding, merging and reshaping layers, "
        "all activations, and what fastnn.ops composes of functions, sums and products"
    )
