"""Importing: an ONNX file as a model.

What a file says is checked before it is believed: it holds no code, names no file outside of its
folder, and nothing is made of a size that it only asks for.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import Input, ops
from fastnn.errors import ModelFileError, UnsupportedError
from fastnn.extras import require
from fastnn.functional import Symbol
from fastnn.onnx import operators
from fastnn.onnx.reader import OPERATORS, Held, Reader, full_kind

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["from_proto", "load"]

assert operators.__all__  # which fill the table


def load(path: str | os.PathLike[str], *, sizes: Mapping[str, int] | None = None) -> Model:
    """Read an ONNX file, as PyTorch, Keras, scikit-learn or ``export`` write it, as a model.

    Products, convolutions, normalisations, pooling, recurrent layers and tables of ids become
    layers, with the weights of the file, so that the model can be trained on; all else becomes
    functions of ``fastnn.ops``.  Inputs and outputs keep names and the order of their axes
    (channels are second where the file has them so), but the axis of the rows is the first one: the
    free axis of the file, else its first.  Several outputs are a dict by their names.

    Args:
        path: the file; numbers beside it, in files of the same folder, are found.
        sizes: the sizes of free axes other than the rows, by the names that the file has for them.

    Returns:
        The model, not compiled.

    Raises:
        UnsupportedError: if fastnn has no counterpart; names all operators that it does not have.
        ModelFileError: if it is no ONNX file, is damaged, or refers to files outside of its folder.
        ImportError: if the package ``onnx`` is not installed.

    Example:
        >>> import fastnn.onnx, numpy as np, tempfile
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fastnn.onnx.export(model, f"{folder}/model.onnx")
        ...     again = fastnn.onnx.load(f"{folder}/model.onnx")
        >>> bool(np.all(again.predict(np.ones((3, 4))) == model.predict(np.ones((3, 4)))))
        True
    """
    onnx = require("onnx", "fastnn.onnx.load")
    who = f"load: {os.fsdecode(path)[-100:]}"
    with open(path, "rb") as file:
        content = file.read()
    try:
        proto = onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf has several
        raise ModelFileError(f"{who}: not an ONNX file, or damaged: {error}"[:300]) from error
    folder = os.path.dirname(os.path.realpath(os.fsdecode(path)))
    for tensor in _tensors(proto.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            _read_beside(onnx, who, tensor, folder)
    return _model(onnx, who, proto, sizes or {})


def from_proto(proto: Any, *, sizes: Mapping[str, int] | None = None) -> Model:
    """Return the model of an ``onnx.ModelProto``; see ``load``.

    Args:
        proto: what ``onnx.load`` returns.
        sizes: the sizes of free axes other than the rows, by their names.

    Raises:
        as ``load``.

    Example:
        >>> import fastnn.onnx
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> fastnn.onnx.from_proto(fastnn.onnx.to_proto(model)).count_params()
        10
    """
    return _model(require("onnx", "fastnn.onnx.from_proto"), "from_proto", proto, sizes or {})


# ---- what is checked -----------------------------------------------------------------------------


def _tensors(graph: Any) -> Iterator[Any]:
    """Yield all tensors that a graph holds, also inside of its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)


def _read_beside(onnx: Any, who: str, tensor: Any, folder: str) -> None:
    """Read the numbers of a tensor from a file of the same folder."""
    known = {entry.key: entry.value for entry in tensor.external_data}
    place = known.get("location", "")
    path = os.path.realpath(os.path.join(folder, place))
    if not place or os.path.isabs(place) or os.path.commonpath([folder, path]) != folder:
        raise ModelFileError(f"{who}: it refers to {place[:60]!r}, which is not in its folder")
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    size = int(np.prod([int(n) for n in tensor.dims], dtype=object)) * dtype.itemsize
    begin = int(known.get("offset", 0))
    try:
        with open(path, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or not 0 <= size <= state.st_size - begin:
                raise ModelFileError(f"{who}: {place[:60]!r} has no {size:,} bytes at {begin:,}")
            file.seek(begin)
            tensor.raw_data = file.read(size)
    except OSError as error:
        raise ModelFileError(f"{who}: {place[:60]!r} cannot be read: {error}"[:350]) from error
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT


def _check(onnx: Any, who: str, proto: Any) -> None:
    """Refuse files that are none, and such as fastnn has no counterpart for."""
    if not isinstance(proto, onnx.ModelProto):
        raise TypeError(f"{who}: expected an onnx.ModelProto, got {type(proto).__name__}")
    graph = proto.graph
    if any(t.data_location == onnx.TensorProto.EXTERNAL for t in _tensors(graph)):
        raise ModelFileError(f"{who}: its numbers are in other files; load it by its path")
    missing: dict[str, list[str]] = {}
    for node in _nodes(graph):
        if full_kind(node) not in OPERATORS:
            names = missing.setdefault(full_kind(node), [])
            names.append(node.name or next(iter(node.output), ""))
    if missing:
        every = "; ".join(f"{kind} ({', '.join(names)})" for kind, names in missing.items())
        raise UnsupportedError(f"{who}: fastnn has no counterpart for: {every}"[:400])
    if graph.sparse_initializer:
        raise UnsupportedError(f"{who}: it holds sparse tensors; write it with dense ones")
    try:
        onnx.checker.check_model(proto)
    except Exception as error:  # which has no common base
        raise ModelFileError(f"{who}: it is not valid ONNX: {error}"[:400]) from error


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield all nodes of a graph, also those inside of others."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


# ---- the model -----------------------------------------------------------------------------------


def _model(onnx: Any, who: str, proto: Any, sizes: Mapping[str, int]) -> Model:
    return model_and_ends(onnx, who, proto, sizes)[0]


def model_and_ends(onnx: Any, who: str, proto: Any, sizes: Mapping[str, int]) -> tuple[Model, bool]:
    """Return the model of a file, and whether all axes of its ends are in the file's order."""
    from fastnn.models import Model

    _check(onnx, who, proto)
    try:
        reader = reader_of(onnx, proto)
        inputs = _inputs(reader, proto.graph, sizes)
        reader.run(proto.graph)
        outputs = _outputs(reader, proto.graph)
        name = re.sub(r"[^\w.\-]+", "_", proto.graph.name).strip("_") or None
        whole = outputs[next(iter(outputs))] if len(outputs) == 1 else outputs
        ends = [
            reader.held[each.name] for each in (*given_inputs(proto.graph), *proto.graph.output)
        ]
        return Model(inputs, whole, name=name), all(held.axes[0] == 0 for held in ends)
    except UnsupportedError as error:
        raise UnsupportedError(f"{who}: {error}"[:400]) from error


def reader_of(onnx: Any, proto: Any) -> Reader:
    """Return what makes a model of a file, in its precision."""
    reader = Reader(onnx, _precision(onnx, proto.graph))
    reader.versions = {_plain(each.domain): each.version for each in proto.opset_import}
    return reader


def _plain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def given_inputs(graph: Any) -> list[Any]:
    """Return the inputs of a graph; older files list their weights among them."""
    known = {tensor.name for tensor in graph.initializer}
    return [each for each in graph.input if each.name not in known]


def _precision(onnx: Any, graph: Any) -> str:
    """Return the precision of the inputs, or of the outputs or weights if those are not real."""
    real = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE}
    ends = ([each.type.tensor_type.elem_type for each in side] for side in _ends(graph))
    weights = [tensor.data_type for tensor in graph.initializer]
    found = next((real.intersection(types) for types in (*ends, weights) if real & set(types)), ())
    return "float64" if onnx.TensorProto.DOUBLE in found else "float32"


def _ends(graph: Any) -> tuple[Any, Any]:
    return given_inputs(graph), graph.output


def _inputs(reader: Reader, graph: Any, sizes: Mapping[str, int]) -> list[Symbol]:
    symbols = []
    for each in given_inputs(graph):
        held = _input(reader, each, sizes)
        reader.held[each.name] = held
        symbols.append(held.data)
        reader.sample = symbols[0]
    if not symbols:
        raise UnsupportedError("it has no inputs")
    return symbols


def _input(reader: Reader, given: Any, sizes: Mapping[str, int]) -> Held:
    """Return the input of a model that an input of the file is."""
    kind, known = given.type.tensor_type, given.type.HasField("tensor_type")
    if not known or not kind.HasField("shape"):
        raise UnsupportedError(f"its input {given.name[:60]!r} is no tensor of a known rank")
    dims = [
        int(dim.dim_value) or sizes.get(dim.dim_param) or dim.dim_param or "?"
        for dim in kind.shape.dim
    ]
    free = [i for i, n in enumerate(dims) if isinstance(n, str)]
    rows = 0 if not free or 0 in free else free[0]
    others = [str(dims[i]) for i in free if i != rows]
    if others:
        raise UnsupportedError(
            f"its input {given.name[:60]!r} has the free axes {', '.join(others)[:80]} beside that "
            f"of the rows; give their sizes: sizes={{{others[0][:40]!r}: 10}}, and names to those "
            "that have none"
        )
    if not dims:
        raise UnsupportedError(f"its input {given.name[:60]!r} is one number, without rows")
    reader.check_room([int(n) for n in dims if not isinstance(n, str)])
    rest = [i for i in range(len(dims)) if i != rows]
    shape, dtype = [int(dims[i]) for i in rest], _sample_type(reader, kind)
    symbol = Input(shape, dtype=dtype, name=reader.name_of(given.name))
    return Held(symbol, (rows, *rest), kind.elem_type)


def _sample_type(reader: Reader, kind: Any) -> str:
    dtype = np.dtype(reader.onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    if dtype.kind in "iu" and reader.dtype == np.float32:
        return str(dtype.name)
    if dtype.kind in "OSUc":
        raise UnsupportedError(f"its input is of {dtype.name}, not of real numbers")
    return reader.dtype.name


def _outputs(reader: Reader, graph: Any) -> dict[str, Symbol]:
    made: dict[str, Any] = {}
    inputs = [held.data for held in reader.held.values() if _is_input(held)]
    for each in graph.output:
        held = reader.held.get(each.name)
        if held is None:
            raise UnsupportedError(f"nothing makes its output {each.name[:60]!r}")
        if held.is_known:
            raise UnsupportedError(f"its output {each.name[:60]!r} does not depend on the inputs")
        data = reader.data(held, _rows_first(held.axes))
        taken = data in inputs or data in made.values()
        made[each.name] = ops.copy(data) if taken else data
    return made


def _is_input(held: Held) -> bool:
    return isinstance(held.data, Symbol) and not held.data.call.inputs


def _rows_first(axes: Iterable[int]) -> list[int]:
    """Return the axes in the order of the file, but for that of the rows, the first one."""
    rows, *rest = axes
    return [rows, *sorted(rest)]
