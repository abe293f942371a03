"""Operations element by element or row by row, and their gradients."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from fastnn._checks import number
from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Graph, Node, Shape, Tensor, size_of
from fastnn.ops._emit import emit
from fastnn.ops.curves import SELU_ALPHA, SELU_SCALE, line, passing_step, warn_of_step

__all__ = [
    "activation",
    "alpha_dropout",
    "dropout",
    "gaussian_noise",
    "relu",
    "reshape",
    "sigmoid",
    "step",
    "stop_gradient",
    "tanh",
]

Gradients = Sequence[Tensor | None]


def activation(x: Tensor, name: str) -> Tensor:
    """Return ``g(x)`` for the activation ``name`` of ``csrc/activations.def``."""
    return emit("activation_fwd", x, activation=name)[0]


@gradient_of("activation_fwd")
def _activation(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    if node.attrs["activation"] == "step":
        warn_of_step(node.layer)
    return emit("activation_bwd", dy, node.outputs[0], **node.attrs)


def relu(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``; NaN passes; the derivative at 0 is 0."""
    return activation(x, "relu")


def sigmoid(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``, with derivative ``y (1 - y)``."""
    return activation(x, "sigmoid")


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent, ``2 sigmoid(2 x) - 1``, with derivative ``1 - y^2``."""
    return activation(x, "tanh")


def step(x: Tensor, threshold: float = 0.0, straight_through: str | None = None) -> Tensor:
    """Return 1 where ``x >= threshold``, else 0; NaN passes.

    Args:
        x: any shape.
        threshold: where it rises.
        straight_through: what passes on the way back instead of the gradient, which is 0:
            ``"identity"`` passes all, ``"clipped"`` where ``|x - threshold| <= 1`` (Bengio et al.,
            "Estimating or propagating gradients through stochastic neurons", 2013; Hubara et al.,
            "Binarized neural networks", 2016).
    """
    known = number("step", "threshold", threshold)
    if straight_through is None and known == 0:
        return activation(x, "step")
    return passing_step(x, known, straight_through)


@gradient_of("softmax_fwd")
def _softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("softmax_bwd", dy, node.outputs[0])


@gradient_of("log_softmax_fwd")
def _log_softmax(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    return emit("log_softmax_bwd", dy, node.outputs[0])


def reshape(x: Tensor, shape: Shape) -> Tensor:
    """Return the same numbers in another shape; nothing is moved.

    Args:
        x: any shape.
        shape: the new shape, ``None`` for the rows of the batch.
    """
    return emit("reshape", x, shapes={"y": shape})[0]


@gradient_of("reshape")
def _reshape(node: Node, wanted: tuple[bool, ...], dy: Tensor) -> Gradients:
    (x,) = node.inputs
    if node.attrs.get("stops"):
        return (None,)
    return emit("reshape", dy, shapes={"y": x.shape if x is not None else ()})


def stop_gradient(x: Tensor) -> Tensor:
    """Return ``x``, through which no gradient passes; nothing is moved."""
    return emit("reshape", x, shapes={"y": x.shape}, stops=1)[0]


def dropout(x: Tensor, rate: float, shared: int = 0, seed: int | None = None) -> Tensor:
    """Return ``x`` with each unit set to 0 with probability ``rate``, the others scaled up.

    Args:
        x: (rows, ...).
        rate: in [0, 1).
        shared: axes of a sample, from its first on, along which units have one mask.
        seed: what the mask is drawn from; ``None``: the seed of the process.

    Returns:
        ``x * mask / (1 - rate)``.  The mask is a function of the seed, the epoch, the sample and
        the unit (Philox 4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
        2011), so it depends neither on threads nor on the batch a sample is in.
    """
    return _masked(x, rate, shared, random_key(x.graph, seed))


def _masked(x: Tensor, rate: float, shared: int, key: Mapping[str, int]) -> Tensor:
    if not shared:
        return emit("dropout", x, rate=rate, **key)[0]
    steps = (None, size_of(x.shape[1 : 1 + shared]).base, *x.shape[1 + shared :])
    return reshape(emit("dropout_steps", reshape(x, steps), rate=rate, **key)[0], x.shape)


def alpha_dropout(x: Tensor, rate: float, shared: int = 0, seed: int | None = None) -> Tensor:
    """Return ``x`` with units set to what SELU falls to, at the mean and variance of before.

    Args:
        x: (rows, ...), of mean 0 and variance 1.
        rate: the probability of each unit, in [0, 1).
        shared: axes of a sample, from its first on, along which units have one mask.
        seed: what the mask is drawn from; ``None``: the seed of the process.

    Returns:
        ``a (x mask + low (1 - mask)) + b``, ``low = -scale alpha`` those of ``selu``, with
        ``a = ((1 - rate) (1 + rate low^2))^(-1/2)`` and ``b = -a low rate`` (Klambauer et al.,
        "Self-normalizing neural networks", 2017).
    """
    low, key = -SELU_SCALE * SELU_ALPHA, random_key(x.graph, seed)
    a = ((1 - rate) * (1 + rate * low**2)) ** -0.5
    (ones,) = x.graph.emit("fill", shapes={"y": x.shape}, value=1.0)
    kept, mask = (_masked(each, rate, shared, key) for each in (x, ones))
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
