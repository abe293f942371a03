"""Masks and noise, drawn anew in each epoch: functions of seed, epoch, sample and unit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from fastnn.compiler.gradients import Gradients, gradient_of
from fastnn.compiler.graph import Graph, Node, Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.ops._emit import emit, reshaped
from fastnn.ops.arithmetic import multiply
from fastnn.ops.curves import SELU_ALPHA, SELU_SCALE, line

__all__ = ["alpha_dropout", "dropout", "free_stream", "gaussian_noise", "random_key"]

#: The shape of a mask, ``None`` for the sizes of what it is a mask of.
NoiseShape = Sequence[int | None] | None


def dropout(
    x: Tensor, rate: float, noise_shape: NoiseShape = None, seed: int | None = None
) -> Tensor:
    """Return ``x`` with each unit set to 0 with probability ``rate``, the others scaled up.

    Args:
        x: (rows, ...).
        rate: in [0, 1).
        noise_shape: the shape of the mask, as many axes as ``x`` has: ``None`` for the size of
            ``x``, 1 where units are dropped together.  Along the rows as well: then all samples of
            a batch have the mask of its first.
        seed: what the mask is drawn from; ``None``: the seed of the process.

    Returns:
        ``x * mask / (1 - rate)``.  The mask is a function of the seed, the epoch, the sample and
        the unit (Philox 4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
        2011), so it depends neither on threads nor on the batch a sample is in.

    Raises:
        ShapeError: if the mask cannot be repeated to the shape of ``x``.
    """
    return _masked("dropout", x, rate, noise_shape, random_key(x.graph, seed))


def _masked(
    who: str, x: Tensor, rate: float, noise_shape: NoiseShape, key: Mapping[str, int]
) -> Tensor:
    shape = _mask_shape(who, x, noise_shape)
    shared = next((i for i, n in enumerate(shape[1:]) if n != 1), len(shape) - 1)
    if shape == x.shape:
        return emit("dropout", x, rate=rate, **key)[0]
    if shape[0] is None and shape[1 + shared :] == x.shape[1 + shared :]:
        steps = (None, math.prod(n or 1 for n in x.shape[1 : 1 + shared]), *x.shape[1 + shared :])
        return reshaped(emit("dropout_steps", reshaped(x, steps), rate=rate, **key)[0], x.shape)
    (ones,) = x.graph.emit("fill", shapes={"y": shape}, value=1.0)
    return multiply(x, emit("dropout", ones, rate=rate, **key)[0])


def _mask_shape(who: str, x: Tensor, noise_shape: NoiseShape) -> Shape:
    given = x.shape if noise_shape is None else tuple(noise_shape)
    pairs = list(zip(given, x.shape, strict=False))
    if len(given) != len(x.shape) or any(n not in (None, 1, size) for n, size in pairs):
        raise ShapeError(
            f"{x.graph.layer or who}: noise_shape {str(noise_shape)[:60]} does not go with inputs "
            f"{format_shape(x.shape)}; each axis is None or its size, or 1 where units are dropped "
            "together; that of the rows is None or 1"
        )
    return tuple(size if n is None else n for n, size in pairs)


def alpha_dropout(
    x: Tensor, rate: float, noise_shape: NoiseShape = None, seed: int | None = None
) -> Tensor:
    """Return ``x`` with units set to what SELU falls to, at the mean and variance of before.

    Args:
        x: (rows, ...), of mean 0 and variance 1.
        rate: the probability of each unit, in [0, 1).
        noise_shape: the shape of the mask; see ``dropout``.
        seed: what the mask is drawn from; ``None``: the seed of the process.

    Returns:
        ``a (x mask + low (1 - mask)) + b``, ``low = -scale alpha`` those of ``selu``, with
        ``a = ((1 - rate) (1 + rate low^2))^(-1/2)`` and ``b = -a low rate`` (Klambauer et al.,
        "Self-normalizing neural networks", 2017).
    """
    low, key = -SELU_SCALE * SELU_ALPHA, random_key(x.graph, seed)
    a = ((1 - rate) * (1 + rate * low**2)) ** -0.5
    (ones,) = x.graph.emit("fill", shapes={"y": x.shape}, value=1.0)
    kept, mask = (_masked("alpha_dropout", each, rate, noise_shape, key) for each in (x, ones))
    known = line(mask, -a * low * (1 - rate), a * low * (1 - rate))
    return emit("add", line(kept, a * (1 - rate), 0.0), known)[0]


#: The first stream of an operation with a seed of its own.
_OWN_STREAMS = 1 << 31


def random_key(graph: Graph, seed: int | None = None) -> dict[str, int]:
    """Return the attributes that say which random numbers an operation draws.

    They are those of the process's seed, or of a seed of its own, from the first stream of it that
    no other operation of the graph draws from.
    """
    own, first = (0, 0) if seed is None else (seed + 1, _OWN_STREAMS)
    nodes = (node.attrs for node in graph.nodes if node.attrs.get("seed", 0) == own)
    taken = {attrs.get("stream") for attrs in nodes}
    return {"stream": next(s for s in itertools.count(first) if s not in taken), "seed": own}


def free_stream(graph: Graph) -> int:
    """Return the first stream of the process's seed that nothing in the graph draws from."""
    return random_key(graph)["stream"]


@gradient_of("dropout")
def _dropout(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("dropout", dy, **node.attrs)


def gaussian_noise(
    x: Tensor, stddev: float, product: bool = False, seed: int | None = None
) -> Tensor:
    """Return ``x`` plus normal random numbers, or times 1 plus such numbers.

    Args:
        x: (rows, ...).
        stddev: their standard deviation; their mean is 0.
        product: whether it is ``x (1 + stddev z)`` instead of ``x + stddev z``.
        seed: what they are drawn from; ``None``: the seed of the process.

    Returns:
        A tensor like ``x``.  A number z is a function of the seed, the epoch, the sample and the
        unit, as the mask of ``dropout`` is (by the method of Box and Muller, "A note on the
        generation of random normal deviates", 1958).
    """
    options = {"stddev": stddev, "product": int(product), **random_key(x.graph, seed)}
    return emit("gaussian_noise", x, **options)[0]


@gradient_of("gaussian_noise")
def _gaussian_noise(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("gaussian_noise", dy, **node.attrs) if node.attrs["product"] else [dy]
