"""The computational graph of one batch: each node with its value, local derivatives and gradient.

It is computed by the NumPy twins, node by node, each tensor in an array of its own: to be read by
people, for a few samples of a small model.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import _core, training
from fastnn._typing import Array
from fastnn.compiler import lower
from fastnn.compiler.gradients import differentiate, rule_of
from fastnn.compiler.graph import Graph, Node, Tensor, format_shape
from fastnn.reference.interpreter import evaluate

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["Step", "Walk", "walk", "walkthrough"]

#: The most numbers of an array that are printed; of a larger one its shape and size are.
_SHOWN = 12
#: The most numbers that a local derivative may have to be computed: outputs times inputs.
_DERIVED = 4096


@dataclass(frozen=True)
class Step:
    """One node of the graph, after the walk there and back.

    Attributes:
        layer: the layer that it belongs to.
        op: the operation.
        values: what it computes, by the names of its outputs.
        gradients: the derivative of the loss with respect to those, where there is one.
        derivatives: for (output, input), the derivative of each number of the output with respect
            to each of the input: (*output, *input), or the shape of both if each number depends on
            its own alone.
    """

    layer: str
    op: str
    values: dict[str, Array]
    gradients: dict[str, Array]
    derivatives: dict[tuple[str, str], Array]

    def __str__(self) -> str:
        lines = [line for kinds in self.lines() for kind in kinds for line in kind]
        return "\n".join([f"{self.layer}: {self.op}", *(f"    {line}" for line in lines)])

    def lines(self) -> Iterator[tuple[list[str], list[str], list[str]]]:
        """Yield for each output the lines of its value, of its derivatives, and of its gradient."""
        for name, value in self.values.items():
            derivatives = [
                f"d{name}/d{input} = {_shown(derivative)}"
                for (output, input), derivative in self.derivatives.items()
                if output == name
            ]
            gradient = self.gradients.get(name)
            seen = [] if gradient is None else [f"dJ/d{name} = {_shown(gradient)}"]
            yield [f"{name} = {_shown(value)}"], derivatives, seen


@dataclass(frozen=True, repr=False)
class Walk:
    """A walk through the graph of a batch, there and back: as text, or as HTML in a notebook.

    Attributes:
        steps: the nodes, in the order in which they run.
        weights: how many numbers train.
    """

    steps: Sequence[Step]
    weights: int

    def __repr__(self) -> str:
        return "\n".join([*map(str, self.steps), self._costs()])

    def _repr_html_(self) -> str:
        """Return a table for a notebook: a line for each output of each node."""
        from fastnn import notebook

        titles = ("layer", "operation", "value", "local derivatives", "gradient")
        rows = (
            [step.layer, step.op, *map("\n".join, kinds)]
            for step in self.steps
            for kinds in step.lines()
        )
        return notebook.listing(self._costs(), titles, list(rows))

    def _costs(self) -> str:
        nodes, weights = sum(step.op != "weight" for step in self.steps), self.weights
        return (
            f"N = {nodes:,} nodes, P = {weights:,} weights: one walk backwards takes about "
            f"N + P = {nodes + weights:,} steps, to perturb each weight N x P = {nodes * weights:,}"
        )


def _shown(array: Array) -> str:
    """Return the numbers of a small array in one line; of a large one, what it is like."""
    if array.size <= _SHOWN:
        text = np.array2string(array, precision=6, separator=", ", suppress_small=False)
        return " ".join(text.split())
    size = float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))
    return f"{format_shape(array.shape)}, root of mean square {size:.4g}"


def walkthrough(model: Model, x: Any, y: Any) -> Walk:
    """Return the walk through a batch's computational graph, there and back."""
    runtime = model._compiled("explain", x)
    data = training.check_data("explain", model, runtime, x, y)
    assert runtime.objective is not None
    graph, loss = lower.evaluation(runtime.call, runtime.input_shapes, runtime.objective.unwatched)
    buffers = {**runtime.copies(runtime.dtype), "totals": np.concatenate(graph.totals)}
    given = _given(graph, buffers, data.lent)
    steps = walk(graph, loss, given, len(data), runtime.policy)
    return Walk(steps, sum(v.size for v in model.trainable_weights))


def _given(
    graph: Graph, buffers: Mapping[str, Array], lent: Mapping[str, Array]
) -> dict[Tensor, Array]:
    """Return the arrays of the tensors that no node makes."""
    every = {t for node in graph.nodes for t in node.inputs if t is not None and not t.producer}
    found = {}
    for tensor in every:
        if tensor.home == "source":
            found[tensor] = lent[tensor.name]
        else:
            flat = buffers[tensor.home][tensor.offset :][: tensor.size.base]
            found[tensor] = flat.reshape(tensor.concrete(1))
    return found


def walk(
    graph: Graph,
    loss: Tensor,
    given: Mapping[Tensor, Array],
    rows: int,
    policy: str,
    seed: int = 0,
) -> list[Step]:
    """Return the nodes that lead to ``loss``, in the order in which they run.

    Args:
        graph: the graph.
        loss: a tensor without axes.
        given: the arrays of the tensors that no node makes.
        rows: the rows of the batch.
        policy: what to compute in.
        seed: what random numbers follow from.
    """
    forward = list(graph.nodes)
    made = [t for n in forward if not _is_target(n) for t in n.outputs if t is not None]
    gradients = differentiate(graph, loss, [*graph.parameters.values(), *made])
    values = dict(given)
    _evaluate(graph.nodes, values, rows, policy, seed)
    known = {tensor: values[gradient] for tensor, gradient in gradients.items()}
    weights = [_weight(v.path, t, values, known) for v, t in graph.parameters.items()]
    return weights + [_step(n, values, known, rows, policy) for n in forward if _shows(n)]


def _is_target(node: Node) -> bool:
    """Return whether a node gathers targets, or weights of samples, which nothing changes."""
    source = node.inputs[0] if node.inputs else None
    return source is not None and source.home == "source" and not source.name.startswith("x")


def _weight(
    path: str, tensor: Tensor, values: Mapping[Tensor, Array], gradients: Mapping[Tensor, Array]
) -> Step:
    layer, _, name = path.rpartition("/")
    found = {name: gradients[tensor]} if tensor in gradients else {}
    return Step(layer, "weight", {name: values[tensor]}, found, {})


def _shows(node: Node) -> bool:
    """Whether a node computes something, rather than adding up or only naming memory."""
    return bool(node.outputs) and not any(operand.alias for operand in node.op.outputs)


def _evaluate(
    nodes: Sequence[Node], values: dict[Tensor, Array], rows: int, policy: str, seed: int = 0
) -> None:
    """Compute the outputs of nodes, in order."""
    run = _core.Run(rows, rows, seed=seed, watch=False)
    run.rows = rows
    for node in nodes:
        inputs = [None if t is None else values[t] for t in node.inputs]
        outputs = _outputs(node, run, inputs, rows, policy)
        for tensor, value in zip(node.outputs, outputs, strict=True):
            if tensor is not None:
                values[tensor] = value


def _outputs(
    node: Node, run: _core.Run, inputs: Sequence[Array | None], rows: int, policy: str
) -> list[Array]:
    if node.op.name == "python_call":
        return [
            np.asarray(a) for a in node.attrs["function"](*(a for a in inputs if a is not None))
        ]
    if any(operand.alias for operand in node.op.outputs):
        (x,), (y,) = inputs, node.outputs
        assert x is not None
        assert y is not None
        return [x.reshape(y.concrete(rows))]
    return evaluate(node, run, inputs, rows, policy)


def _step(
    node: Node,
    values: Mapping[Tensor, Array],
    gradients: Mapping[Tensor, Array],
    rows: int,
    policy: str,
) -> Step:
    """Return what is known of a node; derivatives of those outputs that the loss sees."""
    outputs = [
        (o.name, t) for o, t in zip(node.op.outputs, node.outputs, strict=False) if t is not None
    ]
    return Step(
        layer=node.layer,
        op=node.op.name,
        values={name: values[t] for name, t in outputs},
        gradients={name: gradients[t] for name, t in outputs if t in gradients},
        derivatives=_derivatives(node, values, gradients, rows, policy),
    )


# ---- local derivatives ---------------------------------------------------------------------------


def _derivatives(
    node: Node,
    values: Mapping[Tensor, Array],
    seen: Container[Tensor],
    rows: int,
    policy: str,
) -> dict[tuple[str, str], Array]:
    """Return the derivatives of a node's outputs with respect to its inputs, by its own rule."""
    found = dict[tuple[str, str], Array]()
    if rule_of(node.op.name) is None:
        return found
    for operand, y in zip(node.op.outputs, node.outputs, strict=False):
        if y is None or y not in seen or not _is_small(node, values[y], values):
            continue
        pulled = _Pullback(node, y, values, rows, policy)
        units = np.eye(values[y].size, dtype=values[y].dtype).reshape(-1, *values[y].shape)
        columns = zip(*map(pulled, units), strict=True)
        for input, column in zip(node.op.inputs, columns, strict=False):
            known = [each for each in column if each is not None]
            if known:
                found[operand.name, input.name] = _short(np.stack(known), values[y].shape)
    return found


def _is_small(node: Node, y: Array, values: Mapping[Tensor, Array]) -> bool:
    largest = max((values[t].size for t in node.inputs if t is not None), default=0)
    return 0 < y.size * largest <= _DERIVED


def _short(whole: Array, shape: tuple[int, ...]) -> Array:
    """Return derivatives (outputs, *input) as (*output, *input), or as the diagonal if that is all
    there is."""
    inner = whole.shape[1:]
    square = whole.reshape(len(whole), -1)
    if inner == shape and np.array_equal(square, np.diag(np.diag(square))):
        return np.diag(square).reshape(shape)
    return whole.reshape(*shape, *inner)


class _Pullback:
    """The gradient rule of a node, as a function from the gradient of one output to those of the
    inputs.

    Args:
        node: the node.
        output: its output.
        values: the values of its operands.
        rows: the rows of the batch.
        policy: what to compute in.
    """

    def __init__(
        self, node: Node, output: Tensor, values: Mapping[Tensor, Array], rows: int, policy: str
    ):
        self._graph, self._known = Graph(), dict[Tensor, Array]()
        self._rows, self._policy = rows, policy
        inputs, outputs = (
            [self._copy(t, values) for t in side] for side in (node.inputs, node.outputs)
        )
        self._dy = self._graph.place("dy", output.shape, "arena")
        flows = [self._dy if t is output else None for t in node.outputs]
        wanted = tuple(t is not None and t.dtype == "real" for t in inputs)
        copy = Node(node.op, inputs, outputs, node.attrs, node.sizes, node.layer)
        rule = rule_of(node.op.name)
        assert rule is not None
        found = rule(copy, wanted, *flows)
        ways = zip(found, wanted, strict=True)
        self._gradients = [t if w and isinstance(t, Tensor) else None for t, w in ways]

    def _copy(self, tensor: Tensor | None, values: Mapping[Tensor, Array]) -> Tensor | None:
        if tensor is None:
            return None
        copy = self._graph.place(tensor.name, tensor.shape, "arena", dtype=tensor.dtype)
        self._known[copy] = values[tensor]
        return copy

    def __call__(self, dy: Array) -> list[Array | None]:
        values = {**self._known, self._dy: dy}
        _evaluate(self._graph.nodes, values, self._rows, self._policy)
        return [None if t is None else values[t] for t in self._gradients]
