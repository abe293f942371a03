"""Rows within rows: whether what a layer does with each row depends on that row alone."""

from __future__ import annotations

from fastnn.compiler.graph import Graph, Node

__all__ = ["Trial"]

#: Operations that show user code all rows, or tell the number of a row.
_SEE_ROWS = ("python_call", "embed_fwd")


class Trial:
    """What has been added to a graph since, and can be taken back.

    Args:
        graph: the graph.
    """

    def __init__(self, graph: Graph):
        self._graph = graph
        self._before = [len(each) for each in graph.growing]
        self._notes = dict(graph.notes)

    def rows_stand_alone(self) -> bool:
        """Return whether all of it does with each row what it would do with that row alone: draws
        nothing for a row, sums over no rows, and changes no weights."""
        nodes, *others = zip(self._graph.growing, self._before, strict=True)
        every, known = nodes
        return all(map(_stands_alone, every[known:])) and all(
            len(each) == count for each, count in others
        )

    def undo(self) -> None:
        """Take it back."""
        for each, count in zip(self._graph.growing, self._before, strict=True):
            del each[count:]
        self._graph.notes = self._notes


def _stands_alone(node: Node) -> bool:
    sums = any(t is not None and None in t.shape for t in node.inputs) and not all(
        t is None or None in t.shape for t in node.outputs
    )
    return not sums and "stream" not in node.op.attributes and node.op.name not in _SEE_ROWS
