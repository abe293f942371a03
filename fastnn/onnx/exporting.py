"""Exporting: a model as an ONNX graph.

What is exported is the program that predicts, before it is fused: each of its operations has a rule
in ``fastnn/onnx/rules``.  So a layer that composes operations is exported whoever wrote it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import atomic
from fastnn._checks import count
from fastnn._typing import Array
from fastnn._version import __version__
from fastnn.compiler import lower
from fastnn.compiler.fusion import drop_dead
from fastnn.compiler.graph import Graph, Node, Tensor
from fastnn.errors import UnsupportedError
from fastnn.extras import require
from fastnn.models.given import model_of
from fastnn.onnx.rules import RULES
from fastnn.onnx.writer import Value, Writer
from fastnn.reference.twins import TWINS

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["export", "to_proto"]

#: The first version of ONNX's operators with all that the rules write.
OPSET = 18

#: What one protocol buffer holds, less what names and nodes may take.
_MOST_BYTES = (1 << 31) - (1 << 24)

#: What is known beforehand is computed beforehand, unless it becomes larger than this.
_FOLDED = 4096


def export(model: Any, path: str | os.PathLike[str], *, opset: int = OPSET) -> None:
    """Write a model to an ONNX file, which any runtime of ONNX computes predictions with.

    Inputs and outputs have the names and shapes of the model's (``input_names``, ``output_names``,
    rows first, channels last), their first axis is ``batch``.  What acts in training alone is not
    there.  The file is written whole or not at all, and has passed ``onnx.checker``.  What the
    model's schema says stands in ``metadata_props``, as JSON: ``features``, ``outputs``,
    ``classes``.

    Args:
        model: a built model; not compiled is fine.  Or a fitted estimator of ``fastnn.sklearn``, a
            pipeline or a search, as ``fastnn.sklearn.to_model`` takes them.
        path: the file, whose folder has to be there.
        opset: the version of ONNX's operators, from 18 to that of the installed ``onnx``.

    Raises:
        TypeError: if ``model`` is neither a model nor such an estimator.
        UnsupportedError: if layers have no counterpart in ONNX: those with ``forward`` in NumPy,
            stateful ones; names them, and says why.
        NotBuiltError: if the model's shapes are not known yet.
        ValueError: if the opset is not one of these, or the weights exceed the 2 GB of a file.
        ImportError: if the package ``onnx`` is not installed.

    Example:
        >>> import fastnn.onnx, onnx, tempfile
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fastnn.onnx.export(model, f"{folder}/model.onnx")
        ...     [node.op_type for node in onnx.load(f"{folder}/model.onnx").graph.node]
        ['Gemm']
    """
    content = to_proto(model, opset=opset).SerializeToString(deterministic=True)
    atomic.replace(path, [content])


def to_proto(model: Any, *, opset: int = OPSET) -> Any:
    """Return a model as an ``onnx.ModelProto``: what ``export`` writes.

    Args:
        model: a built model, or an estimator, as for ``export``.
        opset: the version of ONNX's operators.

    Raises:
        as ``export``.

    Example:
        >>> import fastnn.onnx
        >>> model = fastnn.Sequential([fastnn.Input((4,), name="x"), fastnn.layers.Dense(2)])
        >>> fastnn.onnx.to_proto(model).graph.input[0].name
        'x'
    """
    onnx = require("onnx", "fastnn.onnx.export")
    newest = onnx.defs.onnx_opset_version()
    if not OPSET <= count("export", "opset", opset) <= newest:
        raise ValueError(f"export: opset must be from {OPSET} to {newest}, got {opset}")
    made = model_of("export", model)
    assert made.network is not None  # or it says that it is not built
    proto = _Export(made, Writer(onnx, made.dtype)).proto(opset)
    onnx.checker.check_model(proto, full_check=True)
    return proto


class _Export:
    """One model on its way into a file."""

    def __init__(self, model: Model, writer: Writer):
        self.model, self.w = model, writer

    def proto(self, opset: int) -> Any:
        """Return the file."""
        helper = self.w.onnx.helper
        graph = lower.prediction(self.model.network, self.model.input_shapes, direct=True)
        inputs = self._inputs(graph)
        self._known(graph)
        self._walk(drop_dead(graph.nodes))
        outputs = self._outputs(graph)
        nodes = _read(self.w.nodes, [each.name for each in outputs])
        body = helper.make_graph(nodes, self.model.name, inputs, outputs, self._constants(nodes))
        opsets = [helper.make_opsetid("", opset)]
        made = helper.make_model(
            body,
            opset_imports=opsets,
            ir_version=helper.find_min_ir_version_for(opsets),
            producer_name="fastnn",
            producer_version=__version__,
        )
        helper.set_model_props(made, _meaning(self.model))
        return made

    # ---- ends ------------------------------------------------------------------------------------

    def _inputs(self, graph: Graph) -> list[Any]:
        """Return the descriptions of the inputs, and let their tensors have their names."""
        ends, symbols = self.model.ends, self.model.inputs
        tensors = _lent((t for node in graph.nodes for t in node.inputs), "source")
        found = []
        for index, (name, symbol) in enumerate(zip(ends.input_names, symbols, strict=True)):
            label, dtype = self.w.fresh(name), np.dtype(symbol.dtype)
            found.append(self._info(label, dtype, symbol.shape))
            self.w.batch = self.w.batch if self.w.batch[0] else (label, 0)
            tensor = tensors.get(f"x{index}")
            if tensor is not None:
                self._bind_input(tensor, label, dtype)
        return found

    def _bind_input(self, tensor: Tensor, label: str, dtype: np.dtype[Any]) -> None:
        if dtype == self.w.dtype:
            self.w.bind(tensor, label)
            return
        self.w.layer = "input"
        self.w.bind(tensor, self.w.as_real(label)).whole = label

    def _outputs(self, graph: Graph) -> list[Any]:
        """Return the descriptions of the outputs, which have their names by now."""
        made = _lent((t for node in graph.nodes for t in node.outputs), "out")
        found: list[Any] = []
        for index, name in enumerate(self.model.output_names):
            tensor, label = made[f"out{index}"], self.w.fresh(name)
            value = self.w.value(tensor)
            known = self.w.named(value)
            if known not in {each.name for each in found} and self._rename(known, label):
                value.names[value.plain] = label
            else:
                self.w.nodes.append(self.w.onnx.helper.make_node("Identity", [known], [label]))
            found.append(self._info(label, self.w.dtype, tensor.shape))
        return found

    def _rename(self, name: str, label: str) -> bool:
        """Let what a node makes be called otherwise; return whether one makes it."""
        maker = next((node for node in self.w.nodes if name in node.output), None)
        if maker is None:
            return False
        for node in self.w.nodes:
            for names in (node.input, node.output):
                for at, each in enumerate(names):
                    if each == name:
                        names[at] = label
        return True

    def _info(self, name: str, dtype: np.dtype[Any], shape: Iterable[int | None]) -> Any:
        helper = self.w.onnx.helper
        sizes = ["batch" if n is None else n for n in shape]
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), sizes)

    # ---- nodes -----------------------------------------------------------------------------------

    def _known(self, graph: Graph) -> None:
        """Let weights and constants be known numbers."""
        for variable, tensor in graph.parameters.items():
            array = np.asarray(variable.value, self.w.dtype)
            self.w.set(tensor, Value(array.shape, array=array, label=variable.path))
        inputs = (t for node in graph.nodes for t in node.inputs if t is not None)
        for constant in inputs:
            if constant.values is not None and constant.home == "constant":
                array = np.asarray(constant.values, self.w.dtype)
                self.w.set(constant, Value(array.shape, array=array, label="constant"))

    def _walk(self, nodes: list[Node]) -> None:
        """Write all nodes.

        Raises:
            UnsupportedError: names all layers that have no counterpart, and says why.
        """
        reasons: dict[str, None] = {}
        for node in nodes:
            self.w.layer = node.layer
            try:
                if not self._fold(node):
                    self._write(node)
            except UnsupportedError as error:
                reasons[str(error)] = None
                for output in node.outputs:
                    if output is not None:
                        self.w.bind(output, "")
        if reasons:
            raise UnsupportedError(f"export: {self.model.name}: {'; '.join(reasons)}"[:400])

    def _write(self, node: Node) -> None:
        name = node.op.name
        if name == "python_call":
            raise self.w.refuse(
                "its forward is NumPy, which a file cannot hold; write call(x) in fastnn.ops"
            )
        if name in ("recall", "remember"):
            raise self.w.refuse("it keeps states between batches; make it with stateful=False")
        if name not in RULES:
            raise self.w.refuse(f"the operation {name} has no counterpart in ONNX")
        RULES[name](self.w, node)

    def _fold(self, node: Node) -> bool:
        """Compute a node whose inputs are known, and whose outputs are no larger than these."""
        tensors = [tensor for tensor in node.inputs if tensor is not None]
        arrays = [self.w.array(tensor) for tensor in node.inputs]
        if any(self.w.array(tensor) is None for tensor in tensors) or not _is_foldable(node):
            return False
        made = [t for t in node.outputs if t is not None]
        if any(None in t.shape or t.home != "arena" for t in made):
            return False
        most = max([_FOLDED, *(array.size for array in arrays if array is not None)])
        if any(t.size.base > most for t in made):
            return False
        for tensor, result in zip(node.outputs, self._computed(node, arrays), strict=True):
            if tensor is not None:
                self.w.set(tensor, Value(tensor.shape, array=result, label=_label(node, tensor)))
        return True

    def _computed(self, node: Node, arrays: list[Array | None]) -> list[Array]:
        if node.op.name == "reshape":
            (x,), (y,) = arrays, node.outputs
            assert x is not None
            assert y is not None
            return [x.reshape(y.concrete(1))]
        return self.w.computed(node, arrays)

    def _constants(self, nodes: list[Any]) -> list[Any]:
        """Return the arrays that nodes read."""
        read = {name for node in nodes for name in _names_read(node)}
        used = {name: array for name, array in self.w.constants.items() if name in read}
        size = sum(array.nbytes for array in used.values())
        if size > _MOST_BYTES:
            raise ValueError(
                f"export: {self.model.name}: its weights are {size:,} bytes, but one ONNX file "
                f"holds {_MOST_BYTES:,}; export parts of the model, each Model(inputs, outputs)"
            )
        return [self.w.onnx.numpy_helper.from_array(array, name) for name, array in used.items()]


def _meaning(model: Model) -> dict[str, str]:
    """Return what a schema says of inputs and outputs, as JSON, by the keys of the file's."""
    if model.schema is None:
        return {}
    inputs, target = model.schema.inputs, model.schema.target
    found = {"features": inputs.features, "outputs": target.outputs, "classes": target.classes}
    return {key: json.dumps(value, ensure_ascii=False) for key, value in found.items() if value}


def _lent(tensors: Iterable[Tensor | None], home: str) -> dict[str, Tensor]:
    """Return the tensors of a home by their names."""
    return {tensor.name: tensor for tensor in tensors if tensor is not None and tensor.home == home}


def _is_foldable(node: Node) -> bool:
    return node.op.name == "reshape" or (
        node.op.name in TWINS and not any(key in node.attrs for key in ("stream", "seed"))
    )


def _label(node: Node, tensor: Tensor) -> str:
    known = node.inputs[0] if node.op.name == "reshape" else None
    return tensor.name if known is None else known.name


def _names_read(node: Any) -> set[str]:
    """Return the names that a node reads, also inside of its bodies."""
    names = set(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                names |= _names_read(inner)
    return names


def _read(nodes: list[Any], wanted: Iterable[str]) -> list[Any]:
    """Return the nodes that others, or the outputs, depend on."""
    live, kept = set(wanted), list[Any]()
    for node in reversed(nodes):
        if live.intersection(node.output):
            kept.append(node)
            live |= _names_read(node)
    return kept[::-1]
