"""Weights that do not change while a program runs, copied once into the order of the kernels.

A product of many rows copies its weights piece by piece into panels before it reads them.  A list
that only predicts need not do so again in every batch, nor in every call: the copy is a program of
its own, which runs when the weights are new.
"""

from __future__ import annotations

from fastnn.compiler.graph import Node, Size, Tensor
from fastnn.ops.table import table

__all__ = ["HOME", "pack_weights", "panels_of"]

#: The home of packed weights.
HOME = "packed"

#: Columns of a panel: csrc/kernels/product-inl.h.
_WIDE = 32

#: Fewer rows read weights where they lie; smaller weights are near in any case.
_ROWS, _COLUMNS, _WEIGHTS = 64, 64, 1 << 14


def pack_weights(nodes: list[Node], rows: int, policy: str) -> tuple[list[Node], list[Node], int]:
    """Let large dense products of a list that changes no weights read packed ones.

    Args:
        nodes: the list.
        rows: the rows of a full batch.
        policy: what the program computes in; products of mixed precision pack for themselves.

    Returns:
        The nodes that pack, the nodes that run in each batch, and the elements of what is packed.
    """
    packers: list[Node] = []
    if policy == "mixed_bfloat16" or any(node.op.writes_in_place for node in nodes):
        return packers, nodes, 0
    batch = [_packed(node, packers) if _pays(node, rows) else node for node in nodes]
    return packers, batch, _elements(packers)


def panels_of(columns: int) -> dict[str, int]:
    """Return the axes of the panels of a matrix: how many there are, and columns of each."""
    return {"g": -(-columns // _WIDE), "l": _WIDE}


def _pays(node: Node, rows: int) -> bool:
    if node.op.name != "dense_fwd" or node.inputs[1] is None or node.inputs[1].home != "params":
        return False
    i, o = (node.sizes[axis].base for axis in "io")
    return node.sizes["r"].at(rows) >= _ROWS and o >= _COLUMNS and i * o >= _WEIGHTS


def _packed(node: Node, packers: list[Node]) -> Node:
    """Return ``node`` on panels, after adding to ``packers`` the node that makes them."""
    x, w, b = node.inputs
    assert w is not None
    i, o = (node.sizes[axis].base for axis in "io")
    shape = panels_of(o)
    offset = _elements(packers)
    panels = Tensor(
        w.graph, f"{w.name} in panels", (shape["g"], i, shape["l"]), home=HOME, offset=offset
    )
    shared = {axis: Size(n, False) for axis, n in {"i": i, "o": o, **shape}.items()}
    packers.append(Node(table()["pack_panels"], [w], [panels], {}, shared, node.layer))
    op, sizes = table()["dense_panels"], {**node.sizes, **shared}
    return Node(op, [x, panels, b], node.outputs, node.attrs, sizes, node.layer)


def _elements(packers: list[Node]) -> int:
    return sum(t.size.at(1) for packer in packers for t in packer.outputs if t is not None)
