"""Reverse-mode differentiation of a graph: the list is walked backwards, each rule emits nodes.

A rule stands beside the call of its operation in ``fastnn/ops/`` and is written in terms of other
operations, so that a layer that composes operations needs no backward of its own.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from fastnn.compiler.graph import Graph, Node, Tensor

__all__ = ["ZERO", "Gradients", "Rule", "differentiate", "gradient_of", "rule_of"]


class Zero(enum.Enum):
    """A gradient that needs no tensor."""

    ZERO = enum.auto()


#: What a rule returns for an input that the outputs depend on in jumps, or in no other way than
#: the gradient of another input says already: ids, masks, what is compared.
ZERO: Final = Zero.ZERO

#: The gradients of the inputs; ``None`` where it is not wanted, or not known.
Gradients = Sequence[Tensor | Zero | None]

#: rule(node, wanted, *gradients of the outputs) -> gradients of the inputs
Rule = Callable[..., Gradients]

_RULES: dict[str, Rule] = {}


def gradient_of(name: str) -> Callable[[Rule], Rule]:
    """Register the gradient rule of an operation.

    Args:
        name: the operation's name in the table.

    The rule gets the node, a tuple that tells for each input whether its gradient is wanted, and
    the gradient of the loss with respect to each output (``None`` if the loss does not see it).
    Where it returns ``None`` for an input whose gradient is wanted, ``differentiate`` raises.
    """

    def register(rule: Rule) -> Rule:
        _RULES[name] = rule
        return rule

    return register


def rule_of(name: str) -> Rule | None:
    """Return the rule of an operation, if it has one."""
    return _RULES.get(name)


def rules() -> frozenset[str]:
    """Return the names of the operations that can be differentiated."""
    return frozenset(_RULES)


def differentiate(
    graph: Graph, loss: Tensor | Sequence[Tensor], wrt: Iterable[Tensor]
) -> dict[Tensor, Tensor]:
    """Append to the graph the nodes that compute d loss / d t for each t of ``wrt``.

    Args:
        graph: the graph that computes ``loss``.
        loss: a tensor without axes; the sum of all numbers of a tensor with axes, or of several.
        wrt: the tensors whose gradients are wanted.

    Returns:
        The gradient of each tensor of ``wrt`` that the loss depends on.

    Raises:
        NotImplementedError: if an operation on the way has no gradient, or not with respect to an
            input that depends on ``wrt``.
    """
    targets = dict.fromkeys(wrt)  # a list of operations is the same each time
    forward = list(graph.nodes)
    wanted = _downstream(forward, targets)
    with graph.scope("loss"):
        gradients: dict[Tensor, Tensor] = {
            t: graph.emit("fill", shapes={"y": t.shape}, value=float(times))[0]
            for t, times in Counter([loss] if isinstance(loss, Tensor) else loss).items()
        }
    for node in reversed(forward):
        flows = [gradients.get(t) if t is not None else None for t in node.outputs]
        flags = tuple(t is not None and t in wanted for t in node.inputs)
        if any(flags) and any(flow is not None for flow in flows):
            with graph.scope(node.layer), graph.folding(node.fold):
                _propagate(node, flags, flows, gradients)
    return {tensor: gradients[tensor] for tensor in targets if tensor in gradients}


def _downstream(nodes: Iterable[Node], targets: Iterable[Tensor]) -> set[Tensor]:
    """Return the tensors that depend on a target: only their gradients are worth computing."""
    reached = set(targets)
    for node in nodes:
        if any(t in reached for t in node.inputs if t is not None):
            reached.update(t for t in node.outputs if t is not None)
    return reached


def _propagate(
    node: Node,
    wanted: tuple[bool, ...],
    flows: list[Tensor | None],
    gradients: dict[Tensor, Tensor],
) -> None:
    rule = rule_of(node.op.name)
    if rule is None:
        raise NotImplementedError(
            f"{node.layer}: the operation {node.op.name!r} has no gradient; "
            "make the layers before it not trainable, or write it with operations that have one"
        )
    ways = zip(node.inputs, wanted, rule(node, wanted, *flows), strict=True)
    for index, (tensor, flag, flow) in enumerate(ways):
        if not flag or tensor is None or flow is ZERO:
            continue
        if flow is None:
            raise NotImplementedError(
                f"{node.layer}: the operation {node.op.name!r} has no gradient with respect to its "
                f"input {node.op.inputs[index].name!r}; end it before, with "
                "fastnn.ops.stop_gradient(x), or write it with operations that have one"
            )
        gradients[tensor] = _sum(gradients.get(tensor), flow)


def _sum(known: Tensor | None, flow: Tensor) -> Tensor:
    if known is None:
        return flow
    return flow.graph.emit("add", known, flow)[0]
