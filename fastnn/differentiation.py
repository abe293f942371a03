"""``fastnn.grad``: gradients of functions that compose operations, and of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastnn import _core, config, training
from fastnn._typing import Array
from fastnn.compiler import lower
from fastnn.compiler.bind import Compiled
from fastnn.compiler.gradients import differentiate
from fastnn.compiler.graph import Graph, Shape, Tensor, concrete, format_shape
from fastnn.compiler.program import Memory, Program
from fastnn.data.arrays import as_array
from fastnn.errors import ShapeError
from fastnn.variables import padded

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["Gradients", "grad"]


class Gradients(NamedTuple):
    """What ``grad(model)(x, y)`` returns.

    Attributes:
        value: the mean loss, or the sum of all outputs where no ``y`` was given.
        inputs: its derivative with respect to each number of ``x``; one array for one input, else
            a list.
        weights: its derivative with respect to each trainable weight, by the weight's path.
    """

    value: float
    inputs: Any
    weights: dict[str, Array]


def grad(
    function: Model | Callable[..., Tensor],
    argnums: int | Sequence[int] = 0,
    *,
    dtype: str | None = None,
    value: bool = False,
) -> Callable[..., Any]:
    """Return a function that computes gradients by backpropagation, compiled.

    Args:
        function: composes functions of ``fastnn.ops`` on its arguments and returns a tensor with
            no axes; or a model.  A function calls no model or layer.
        argnums: of a function, the argument to differentiate by, or several.
        dtype: of a function, ``"float32"`` or ``"float64"``; ``None`` is that of
            ``fastnn.config.floatx()``.
        value: of a function, whether to return ``(value, gradient)``.

    Returns:
        Of a function, ``gradient(*arrays)``: an array of the shape of the argument, or a tuple of
        those for several ``argnums``.  Of a model, ``gradient(x, y=None)``, which returns
        ``Gradients``: those of the mean loss of a compiled model, in the mode of inference, or of
        the sum of the outputs where ``y`` is not given.

    One walk from the result back to the arguments costs about as much as the way there, however
    many arguments there are (Rumelhart, Hinton and Williams, "Learning representations by
    back-propagating errors", 1986).

    Example:
        >>> import fastnn
        >>> from fastnn import ops
        >>> fastnn.grad(lambda x: ops.batch_mean(ops.multiply(x, x)))([1.0, 2.0, -4.0, 0.0])
        array([ 0.5,  1. , -2. ,  0. ], dtype=float32)
    """
    from fastnn.models import Model

    if isinstance(function, Model):
        return _ModelGradient(function)
    if not callable(function):
        raise TypeError(
            f"grad: expected a function or a model, got {type(function).__name__}; for example "
            "fastnn.grad(lambda x: fastnn.ops.sum(x * x))"
        )
    several = not isinstance(argnums, int)
    chosen = tuple(argnums) if isinstance(argnums, Sequence) else (argnums,)
    real = config.floatx() if dtype is None else config.check_dtype("grad", dtype)

    def gradient(*arguments: ArrayLike) -> Any:
        result, gradients = _differentiated(function, arguments, chosen, real)
        found = gradients if several else gradients[0]
        return (result, found) if value else found

    return gradient


# ---- functions -----------------------------------------------------------------------------------


def _differentiated(
    function: Callable[..., Tensor],
    arguments: Sequence[ArrayLike],
    argnums: Sequence[int],
    dtype: str,
) -> tuple[float, tuple[Array, ...]]:
    """Return the value of ``function`` and its gradients."""
    if not all(isinstance(i, int) and 0 <= i < len(arguments) for i in argnums):
        raise ValueError(
            f"grad: argnums={argnums} for {len(arguments)} arguments; they count from 0"
        )
    arrays = [as_array("grad", f"argument {i}", a).astype(dtype) for i, a in enumerate(arguments)]
    graph = Graph()
    given, results = Shelf(graph, "arguments"), Shelf(graph, "results")
    tensors = [given.place(f"argument {i}", array.shape) for i, array in enumerate(arrays)]
    with graph.scope(""):
        y = function(*tensors)
    if graph.parameters:
        raise ValueError(
            f"grad: the function reads the weight {next(iter(graph.parameters)).path[:100]}; hand "
            "over the values of weights as arguments, or differentiate a model: "
            "fastnn.grad(model)(x)"
        )
    if not isinstance(y, Tensor) or y.shape != ():
        got = f"shape {format_shape(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
        raise ShapeError(
            f"grad: the function has to return one number, a tensor without axes, got {got}; "
            "add the numbers up: fastnn.ops.sum(y)"
        )
    wrt = [tensors[i] for i in argnums]
    found = differentiate(graph, y, wrt)
    kept = [results.keep(y), *(results.keep(found[t]) if t in found else None for t in wrt)]
    buffers = {"arguments": given.filled(tensors, arrays, dtype), "results": results.zeros(dtype)}
    memory = run_once(graph, buffers, dtype)
    gradients = (
        np.zeros(concrete(t.shape, 1), dtype) if k is None else memory.view(k, 1).copy()
        for t, k in zip(wrt, kept[1:], strict=True)
    )
    assert kept[0] is not None
    return float(memory.view(kept[0], 1)), tuple(gradients)


class Shelf:
    """A buffer beside the arena of a program: the tensors that live there.

    Args:
        graph: the graph they belong to.
        home: the buffer's name.
        rows: the rows of the batch.
    """

    def __init__(self, graph: Graph, home: str, rows: int = 1):
        self._graph, self._home, self._rows, self._size = graph, home, rows, 0

    def place(self, name: str, shape: Shape) -> Tensor:
        """Return a tensor that lives here, to be read."""
        tensor = self._graph.place(name, shape, self._home, self._size)
        self._size += padded(tensor.size.at(self._rows))
        return tensor

    def keep(self, tensor: Tensor) -> Tensor:
        """Return the tensor that holds the value of ``tensor`` here when the program has run."""
        kept = lower.settle(self._graph, tensor, self._home, self._size)
        self._size += padded(kept.size.at(self._rows))
        return kept

    def zeros(self, dtype: str) -> Array:
        """Return the buffer, with zeros in it."""
        return _core.aligned_zeros(self._size, dtype)

    def filled(self, tensors: Iterable[Tensor], arrays: Iterable[Array], dtype: str) -> Array:
        """Return the buffer, with arrays in the places of tensors."""
        buffer = self.zeros(dtype)
        for tensor, array in zip(tensors, arrays, strict=True):
            buffer[tensor.offset : tensor.offset + array.size] = array.ravel()
        return buffer


def run_once(
    graph: Graph,
    buffers: Mapping[str, Array],
    policy: str,
    lent: Mapping[str, Array] | None = None,
    rows: int = 1,
    seed: int = 0,
) -> Memory:
    """Run a graph on one batch; return the memory, whose buffers hold what it left behind.

    Args:
        graph: the graph.
        buffers: its buffers by home.
        policy: what to compute in.
        lent: the caller's arrays by the names of their tensors.
        rows: the rows of the batch.
        seed: what random numbers follow from.
    """
    program = Program.of(graph, rows, policy)
    memory = Memory(program, buffers)
    compiled = Compiled(program, memory, config.isa(policy), config.get_num_threads())
    compiled.lend(dict(lent or {}))
    training.drive("grad", compiled, _core.Run(rows, rows, seed=seed, watch=False))
    return memory


# ---- models --------------------------------------------------------------------------------------


class _ModelGradient:
    """The gradients of a model's loss, or of the sum of its outputs."""

    def __init__(self, model: Model):
        self._model = model

    def __call__(self, x: Any, y: Any = None) -> Gradients:
        model = self._model
        if y is None:
            model._build_for("grad", x)
            xs = training.check_samples("grad", model, x)
            graph, results = lower.outputs(model.runtime.call, model.runtime.input_shapes)
            return self._gradients(graph, results, training.named("x", xs), len(xs[0]))
        runtime = model._compiled("grad", x)
        data = training.check_data("grad", model, runtime, x, y)
        assert runtime.objective is not None
        graph, loss = lower.evaluation(
            runtime.call, runtime.input_shapes, runtime.objective.unwatched
        )
        return self._gradients(graph, [loss], data.lent, len(data))

    def _gradients(
        self, graph: Graph, results: Sequence[Tensor], lent: Mapping[str, Array], rows: int
    ) -> Gradients:
        """Return the gradients of the sum of ``results``."""
        runtime = self._model.runtime
        inputs = lower.gathered(graph)
        weights = {v.path: t for v, t in graph.parameters.items() if v.trainable}
        found = differentiate(graph, results, [*inputs, *weights.values()])
        shelf = Shelf(graph, "results", rows)
        values = [shelf.keep(each) for each in results]
        kept = {t: shelf.keep(gradient) for t, gradient in found.items()}
        buffers = {**runtime.copies(runtime.dtype), "results": shelf.zeros(runtime.dtype)}
        memory = run_once(graph, buffers, runtime.policy, lent, rows, self._model.seed)

        def read(tensor: Tensor) -> Array:
            if tensor in kept:
                return memory.view(kept[tensor], rows).copy()
            return np.zeros(concrete(tensor.shape, rows), runtime.dtype)

        slopes = [read(t) for t in inputs]
        return Gradients(
            value=float(sum(memory.view(each, rows).sum(dtype=np.float64) for each in values)),
            inputs=slopes[0] if len(slopes) == 1 else slopes,
            weights={path: read(t) for path, t in weights.items()},
        )
