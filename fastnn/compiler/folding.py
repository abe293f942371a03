"""A product followed by a normalisation with fixed statistics is a product with other weights.

The other weights are computed once a batch, by an operation of the list like any other, so both
interpreters run the same and a row does not know its batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fastnn.compiler.graph import Node, Tensor

__all__ = ["fold_normalizations"]

_PRODUCTS = frozenset({"dense_fwd", "conv2d_fwd"})


def fold_normalizations(nodes: list[Node]) -> list[Node]:
    """Let products do the normalisations, by moving statistics, that alone read their outputs."""
    readers = Counter(t for node in nodes for t in node.inputs if t is not None)
    folded: dict[Node, Node] = {}
    for node in nodes:
        product = _product_before(node, readers)
        if product is not None:
            folded[product] = node
    gone = set(folded.values())
    kept = [node for node in nodes if node not in gone]
    return [each for node in kept for each in _with_weights(node, folded)]


def _product_before(node: Node, readers: Counter[Tensor]) -> Node | None:
    """Return the product whose output ``node`` alone reads, if it is such a normalisation."""
    if node.op.name != "normalize_fwd" or node.attrs["batch"]:
        return None
    x, *statistics = node.inputs
    assert x is not None
    product = x.producer
    if product is None or product.op.name not in _PRODUCTS or readers[x] != 1:
        return None
    if product.attrs["activation"] != "linear":
        return None
    return product if all(t is None or t.home == "params" for t in statistics) else None


def _with_weights(node: Node, folded: Mapping[Node, Node]) -> Iterator[Node]:
    """Yield ``node``, after the one that computes its weights if a normalisation was folded."""
    if node in folded:
        yield _fold(node, folded[node])
    yield node


def _fold(product: Node, normalization: Node) -> Node:
    """Make ``product`` compute what ``normalization`` does; return the node of its weights."""
    x, w, b = product.inputs
    assert x is not None
    graph, epsilon = x.graph, normalization.attrs["epsilon"]
    with graph.scope(normalization.layer):
        weights = graph.emit("normalize_fold", w, b, *normalization.inputs[1:], epsilon=epsilon)
    product.inputs, product.outputs = [x, *weights], normalization.outputs
    for y in product.outputs:
        if y is not None:
            y.producer = product
    return graph.nodes.pop()
