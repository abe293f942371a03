"""What does not change while a program runs, computed once for many runs.

A list that leaves the weights alone need not compute again, in every batch and every call, what
depends on weights alone: the weights of a product that does the normalisation after it, the copies
that products of many rows read.  Those nodes are a program of their own, which runs when weights
are new.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastnn.compiler.graph import Node, Size, Tensor
from fastnn.ops.table import table

__all__ = ["HOME", "pack_weights", "panels_of", "split_constants"]

#: The home of what is computed once.
HOME = "packed"

#: Columns of a panel: csrc/kernels/product-inl.h.
_WIDE = 32

#: Fewer rows read weights where they lie; smaller weights are near in any case.
_ROWS, _COLUMNS, _WEIGHTS = 64, 64, 1 << 14


def split_constants(nodes: list[Node]) -> tuple[list[Node], list[Node], int]:
    """Part the nodes that depend on weights alone from a list that changes none.

    Returns:
        Those nodes, the others, and the elements of what the former compute.
    """
    if any(_changes_weights(node) for node in nodes):
        return [], nodes, 0
    constants: list[Node] = []
    offset = 0
    for node in nodes:
        if _is_constant(node):
            constants.append(node)
            offset = _settle(node, offset)
    kept = set(constants)
    return constants, [node for node in nodes if node not in kept], offset


def _changes_weights(node: Node) -> bool:
    changed = (t for t, o in zip(node.inputs, node.op.inputs, strict=False) if o.inplace)
    return any(t is not None and t.home == "params" for t in changed)


def _is_constant(node: Node) -> bool:
    inputs = [t for t in node.inputs if t is not None]
    if any(t is not None and t.size.per_row for t in node.outputs):
        return False  # a weight repeated for each row of a batch, whose number is open
    if not inputs or node.op.variadic or any(operand.alias for operand in node.op.outputs):
        return False
    return all(t.root.home in ("params", "constant", HOME) for t in inputs)


def _settle(node: Node, offset: int) -> int:
    """Give the outputs of ``node`` their places; return where the next one begins."""
    for tensor in node.outputs:
        if tensor is not None:
            tensor.home, tensor.offset = HOME, offset
            offset += -(-tensor.size.at(1) // _WIDE) * _WIDE
    return offset


def pack_weights(nodes: list[Node], rows: int) -> list[Node]:
    """Let large dense products of many rows read weights that are packed beforehand.

    Args:
        nodes: a list that changes no weights.
        rows: the rows of a full batch.
    """
    if any(_changes_weights(node) for node in nodes):
        return nodes
    return [each for node in nodes for each in (_packed(node) if _pays(node, rows) else (node,))]


def panels_of(columns: int) -> dict[str, int]:
    """Return the axes of the panels of a matrix: how many there are, and columns of each."""
    return {"g": -(-columns // _WIDE), "l": _WIDE}


def _pays(node: Node, rows: int) -> bool:
    if node.op.name != "dense_fwd" or node.inputs[1] is None or node.inputs[1].home != "params":
        return False
    i, o = (node.sizes[axis].base for axis in "io")
    return node.sizes["r"].at(rows) >= _ROWS and o >= _COLUMNS and i * o >= _WEIGHTS


def _packed(node: Node) -> Iterator[Node]:
    """Yield the node that makes panels of the weights, and ``node`` on those."""
    x, w, b = node.inputs
    assert w is not None
    i, o = (node.sizes[axis].base for axis in "io")
    panels = panels_of(o)
    sizes = {axis: Size(n, False) for axis, n in {"i": i, "o": o, **panels}.items()}
    p = Tensor(w.graph, f"{w.name} in panels", (panels["g"], i, panels["l"]))
    yield Node(table()["pack_panels"], [w], [p], {}, sizes, node.layer)
    sizes = {**node.sizes, **sizes}
    yield Node(table()["dense_panels"], [x, p, b], node.outputs, node.attrs, sizes, node.layer)
