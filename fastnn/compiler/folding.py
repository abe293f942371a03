"""Normalisations that become part of what comes before them, and take in what comes after.

With fixed statistics, a product and a normalisation are a product with other weights.  Those are
computed by an operation like any other, so both interpreters run the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from fastnn.compiler.graph import Node, Tensor

__all__ = ["absorb_sums", "fold_normalizations"]

#: Products of weights whose last axis is that of the outputs.
_PRODUCTS = frozenset({"dense_fwd", "conv2d_fwd", "depthwise_fwd"})


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
    x, *statistics = node.inputs  # the last one, what is added, comes later
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
        weights = graph.emit("normalize_fold", w, b, *normalization.inputs[1:-1], epsilon=epsilon)
    product.inputs, product.outputs = [x, *weights], normalization.outputs
    for y in product.outputs:
        if y is not None:
            y.producer = product
    return graph.nodes.pop()


def absorb_sums(nodes: list[Node]) -> list[Node]:
    """Let a normalisation whose output is only added to something do that sum.

    So the end of a residual block is read and written once.  The normalisation takes the place of
    the sum, as it needs both sides.
    """
    readers = Counter(t for node in nodes for t in node.inputs if t is not None)
    absorbed: dict[Node, Node] = {}
    for node in nodes:
        normalization = _summand(node, readers)
        if normalization is not None:
            absorbed[node] = normalization
    gone = set(absorbed.values())
    return [_summed(node, absorbed) for node in nodes if node not in gone]


def _summand(node: Node, readers: Counter[Tensor]) -> Node | None:
    """Return a normalisation whose output ``node``, a sum, alone reads."""
    if node.op.name != "add":
        return None
    for tensor in node.inputs:
        assert tensor is not None
        maker = tensor.producer
        if maker is not None and maker.op.name == "normalize_fwd" and readers[tensor] == 1:
            return maker
    return None


def _summed(node: Node, absorbed: Mapping[Node, Node]) -> Node:
    """Return ``node``, or the normalisation that does its sum."""
    if node not in absorbed:
        return node
    normalization = absorbed[node]
    (output,) = normalization.outputs
    (other,) = (tensor for tensor in node.inputs if tensor is not output)
    summed = replace(
        normalization, inputs=[*normalization.inputs[:-1], other], outputs=node.outputs
    )
    for y in summed.outputs:
        if y is not None:
            y.producer = summed
    return summed
