"""Which operations are affine, so that some of them one after the other are one product.

The flags of ``csrc/ops.def`` say in which operands an operation can be affine; where an attribute
picks the function that it applies, that has to be a straight line besides.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.graph import Node

__all__ = ["is_affine"]

#: What an attribute has to be for an operation that has it.
_STRAIGHT = {"activation": "linear", "curve": "line", "reduction": "sum", "batch": 0}


def is_affine(node: Node, at: Sequence[int]) -> bool:
    """Whether the outputs of a node are affine in its operands at the places ``at`` together.

    Args:
        node: the node.
        at: places among its inputs; the others count as constants.
    """
    if node.op.variadic:  # the user's own code
        return not at
    if any(node.attrs.get(name, known) != known for name, known in _STRAIGHT.items()):
        return False
    if "binary" in node.attrs:
        return _is_affine_pair(node, at)
    flags = [node.op.inputs[i].affine for i in at]
    return all(flag == "+" for flag in flags) or flags == ["&"]


def _is_affine_pair(node: Node, at: Sequence[int]) -> bool:
    """Whether a function of ``csrc/binary.def`` is affine in one operand, or in both."""
    name = node.attrs["binary"]
    dividend = int(node.attrs.get("swapped", 0))
    return {
        "add": True,
        "subtract": True,
        "multiply": len(at) < 2,
        "divide": list(at) in ([], [dividend]),
    }.get(name, not at)
