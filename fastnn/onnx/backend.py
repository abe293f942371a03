"""fastnn as a backend of ONNX: the interface of ``onnx.backend.base``.

``prepare(model).run(inputs)`` computes a graph on arrays.  Where a graph treats the rows of its
inputs alike it is run as the model that ``load`` makes of it, else operator by operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fastnn._typing import Array
from fastnn.errors import ModelFileError, UnsupportedError
from fastnn.extras import require
from fastnn.onnx.importing import given_inputs, model_and_ends, reader_of

__all__ = ["Backend", "Prepared", "prepare", "run_model", "supports_device"]

_base = require("onnx.backend.base", "fastnn.onnx.backend")


class Prepared(_base.BackendRep):  # type: ignore[misc, name-defined]
    """A graph that is ready to be run.

    Args:
        proto: an ``onnx.ModelProto``.

    Raises:
        UnsupportedError: if it has operators that fastnn does not have.

    Example:
        >>> import fastnn.onnx.backend, numpy as np
        >>> dense = fastnn.layers.Dense(2, kernel_initializer="ones")
        >>> proto = fastnn.onnx.to_proto(fastnn.Sequential([fastnn.Input((3,)), dense]))
        >>> fastnn.onnx.backend.prepare(proto).run([np.ones((1, 3), "float32")])
        [array([[3., 3.]], dtype=float32)]
    """

    def __init__(self, proto: Any):
        self.onnx = require("onnx", "fastnn.onnx.backend")
        self.proto = proto
        self.model = None
        try:
            if self._has_rows():
                model, in_order = model_and_ends(self.onnx, "prepare", proto, {})
                self.model = model if in_order else None
        except (UnsupportedError, ModelFileError) as error:
            if "no counterpart" in str(error) or isinstance(error, ModelFileError):
                raise

    def _has_rows(self) -> bool:
        """Whether all inputs have as many rows."""
        shapes = [each.type.tensor_type.shape.dim for each in given_inputs(self.proto.graph)]
        sizes = {shape[0].dim_value or shape[0].dim_param for shape in shapes if len(shape)}
        return len(sizes) == 1 and all(len(shape) for shape in shapes) and sizes != {0}

    def run(self, inputs: Any, **options: Any) -> list[Array]:
        """Return the outputs.

        Args:
            inputs: arrays, in the order of the graph's inputs or by their names.
            options: accepted.
        """
        names = [each.name for each in given_inputs(self.proto.graph)]
        every = inputs if isinstance(inputs, Mapping) else dict(zip(names, inputs, strict=False))
        arrays = {name: _wide(np.asarray(array)) for name, array in every.items()}
        made = self._computed(arrays) if self.model is None else self._predicted(arrays)
        return [self._typed(*pair) for pair in zip(made, self.proto.graph.output, strict=True)]

    def _predicted(self, arrays: Mapping[str, Array]) -> Sequence[Array]:
        assert self.model is not None
        made = self.model.predict(list(arrays.values()))
        names = [each.name for each in self.proto.graph.output]
        return [made[name] for name in names] if isinstance(made, dict) else [made]

    def _computed(self, arrays: Mapping[str, Array]) -> Sequence[Array]:
        reader, graph = reader_of(self.onnx, self.proto), self.proto.graph
        reader.held = {name: reader.array(array) for name, array in arrays.items()}
        reader.run(graph)
        return [reader.held[each.name].data for each in graph.output]

    def _typed(self, array: Array, output: Any) -> Array:
        kind = output.type.tensor_type.elem_type
        dtype = self.onnx.helper.tensor_dtype_to_np_dtype(kind) if kind else array.dtype
        return np.asarray(array).astype(dtype)


def _wide(array: Array) -> Array:
    """Return numbers of types that NumPy itself does not have as float32."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


class Backend(_base.Backend):  # type: ignore[misc, name-defined]
    """What ``onnx.backend.test.BackendTest`` tests."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Return whether graphs can run on a device: on the CPU alone."""
        return device == "CPU"

    @classmethod
    def prepare(cls, model: Any, device: str = "CPU", **options: Any) -> Prepared:
        """Return a graph that is ready to be run."""
        super().prepare(model, device, **options)
        return Prepared(model)


prepare = Backend.prepare
run_model = Backend.run_model
supports_device = Backend.supports_device
