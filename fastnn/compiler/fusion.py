"""Rewrites of the node list that leave its meaning alone: epilogues, derivatives, dead nodes.

Each pass takes a list and returns a list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fastnn.compiler.folding import absorb_sums, fold_normalizations
from fastnn.compiler.graph import Node, Tensor
from fastnn.ops.table import activation_names

__all__ = ["drop_dead", "fuse", "fuse_derivatives", "fuse_epilogues", "fuse_means", "fuse_scales"]

_PRODUCTS = frozenset(
    {"dense_fwd", "conv2d_fwd", "conv2d_transpose_fwd", "depthwise_fwd", "normalize_fwd"}
)
_BACKWARD = frozenset(
    f"{op}_bwd_{what}"
    for op, whats in (("dense", "xw"), ("conv2d", "xw"), ("normalize", "px"))
    for what in whats
)


def fuse(nodes: Iterable[Node]) -> list[Node]:
    """Apply every rewrite."""
    shorter = absorb_sums(fold_normalizations(fuse_scales(list(nodes))))
    return drop_dead(fuse_means(fuse_derivatives(fuse_epilogues(shorter))))


def fuse_scales(nodes: list[Node]) -> list[Node]:
    """Let samples be rescaled while they are gathered, where nothing reads them as they are."""
    readers = _readers(nodes)
    return [node for node in nodes if not _gathers(node, readers)]


def _gathers(node: Node, readers: dict[Tensor, list[Node]]) -> bool:
    """Fold ``node``, if it is a line of what is gathered, into the gathering."""
    if node.op.name != "curve_fwd" or node.attrs["curve"] != "line":
        return False
    (x,), (y,) = node.inputs, node.outputs
    maker = _some(x).producer
    if maker is None or maker.op.name != "gather" or readers[_some(x)] != [node]:
        return False
    if maker.attrs.get("scaled"):
        return False
    maker.attrs = {"scaled": 1, "slope": node.attrs["a"], "offset": node.attrs["b"]}
    maker.outputs, _some(y).producer = [y], maker
    return True


def fuse_epilogues(nodes: list[Node]) -> list[Node]:
    """Let a product apply the activation that is the only reader of its output."""
    readers = _readers(nodes)
    return [node for node in nodes if not _absorbed(node, readers)]


def _absorbed(node: Node, readers: dict[Tensor, list[Node]]) -> bool:
    """Fold ``node``, if it is an activation of a product, into that product."""
    if node.op.name != "activation_fwd" or node.attrs["activation"] not in activation_names():
        return False
    (z,), (y,) = node.inputs, node.outputs
    between = _reshape_before(node, readers)
    z = _some(between.inputs[0]) if between is not None else _some(z)
    product = z.producer
    if product is None or product.op.name not in _PRODUCTS:
        return False
    if product.attrs["activation"] != "linear" or readers[z] != [between or node]:
        return False
    product.attrs = {**product.attrs, "activation": node.attrs["activation"]}
    maker = between or product
    maker.outputs, _some(y).producer = [y], maker
    if between is not None:
        _some(y).alias = z
    return True


def _reshape_before(node: Node, readers: dict[Tensor, list[Node]]) -> Node | None:
    """Return the reshape whose result ``node`` alone reads, so that both may change places."""
    (z,), (y,) = node.inputs, node.outputs
    maker = _some(z).producer
    if maker is None or maker.op.name != "reshape" or readers[_some(z)] != [node]:
        return None
    return maker if _some(y).home == "arena" else None


def fuse_derivatives(nodes: list[Node]) -> list[Node]:
    """Let the backward products multiply by the activation's derivative while they read dy."""
    readers = _readers(nodes)
    return [node for node in nodes if not _passed_on(node, readers)]


def _passed_on(node: Node, readers: dict[Tensor, list[Node]]) -> bool:
    """Fold ``node``, if it is an activation's derivative, into the products that read it."""
    if node.op.name != "activation_bwd":
        return False
    (dy, y), (dz,) = node.inputs, node.outputs
    products = readers[_some(dz)]
    if _some(dz).home != "arena" or not products:
        return False
    if not all(_reads_gradient(product, dz) for product in products):
        return False
    for product in products:
        at = product.inputs.index(dz)
        product.inputs[at : at + 2] = [dy, y]
        product.attrs = {**product.attrs, "activation": node.attrs["activation"]}
    return True


def _reads_gradient(node: Node, dz: Tensor | None) -> bool:
    """Whether ``node`` is a backward product that reads ``dz`` as its plain dy, and only so."""
    if node.op.name not in _BACKWARD or node.attrs["activation"] != "linear":
        return False
    names = [operand.name for operand in node.op.inputs]
    return node.inputs.count(dz) == 1 and node.inputs[names.index("dy")] is dz


def fuse_means(nodes: list[Node]) -> list[Node]:
    """Let a loss's gradient be that of the mean by itself: without dl it is 1 / rows."""
    for node in nodes:
        for at, operand in enumerate(node.op.inputs):
            if operand.name == "dl" and operand.optional and _is_mean_slope(node.inputs[at]):
                node.inputs[at] = None
    return nodes


def _is_mean_slope(dl: Tensor | None) -> bool:
    """Whether ``dl`` is the gradient, with respect to each row, of the mean over the rows."""
    node = dl.producer if dl is not None else None
    if node is None or node.op.name != "mean_bwd" or node.attrs["sum"]:
        return False
    if any(t is not None for t in node.inputs[1:]):  # weighted, or divided by something else
        return False
    dm = _some(node.inputs[0]).producer
    return dm is not None and dm.op.name == "fill" and dm.attrs["value"] == 1


def drop_dead(nodes: list[Node]) -> list[Node]:
    """Remove nodes whose results nobody reads and that change nothing outside; of other nodes the
    optional results that nobody reads, such as what is kept for a way back that is not there."""
    live: set[Tensor] = set()
    kept = []
    for node in reversed(nodes):
        outputs = [t for t in node.outputs if t is not None]
        if node.op.writes_in_place or any(t in live or t.home != "arena" for t in outputs):
            kept.append(node)
            _drop_unread(node, live)
            live.update(t for t in node.inputs if t is not None)
    return kept[::-1]


def _drop_unread(node: Node, live: set[Tensor]) -> None:
    for at, operand in enumerate(node.op.outputs):
        t = node.outputs[at]
        if operand.optional and t is not None and t not in live and t.home == "arena":
            node.outputs[at] = None


def _readers(nodes: Iterable[Node]) -> dict[Tensor, list[Node]]:
    readers: dict[Tensor, list[Node]] = defaultdict(list)
    for node in nodes:
        for tensor in node.inputs:
            if tensor is not None:
                readers[tensor].append(node)
    return readers


def _some(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
