"""The shapes that every op of the table is timed on, as cases of fastnn/reference/cases.py.

Invariant: the first case of an op is of a common model and takes a few milliseconds at most:
`--quick` measures it alone.  The others go from caches to memory; some were used for no tuning.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastnn.compiler.geometry import Window
from fastnn.compiler.graph import Shape
from fastnn.compiler.packing import panels_of
from fastnn.ops.table import table
from fastnn.reference.cases import Case

__all__ = ["SHAPES", "conv", "dense", "elements", "pool", "rows_of"]

#: Elements in the first-level cache, in the second, and beyond both.
ELEMENTS = (100_000, 1_000, 10_000_000)


def _case(op: str, rows: int = 1, attrs: Mapping[str, Any] | None = None, **sizes: Any) -> Case:
    shapes = {axis: n if isinstance(n, tuple) else (n,) for axis, n in sizes.items()}
    return Case(op, shapes, rows, attrs or {})


def _without_derivative(case: Case) -> Case:
    """Leave out the operand y, which the derivative of an activation needs."""
    inputs = [operand.name for operand in table()[case.op].inputs]
    return replace(case, absent=("y",)) if "y" in inputs else case


# ---- products ------------------------------------------------------------------------------------

#: r, i, o: those of the workloads; large; then some that nothing was tuned for
_DENSE = (
    *((128, 784, 512), (32, 64, 128), (32, 30, 16), (128, 512, 256), (128, 256, 10)),
    *((64, 2304, 512), (256, 784, 1), (1, 784, 512), (512, 512, 512), (1024, 1024, 1024)),
    *((2048, 2048, 2048), (200, 300, 700), (4096, 24, 40), (96, 1000, 1000)),
)


def dense(op: str, r: int, i: int, o: int, activation: str = "linear") -> Case:
    """Return a product of r rows."""
    case = _case(op, r, {"activation": activation}, r=None, i=i, o=o)
    return _without_derivative(case) if activation == "linear" else case


def _dense(op: str) -> Iterator[Case]:
    yield from (dense(op, *sizes) for sizes in _DENSE)
    yield dense(op, 128, 784, 512, "relu")


def _pack_panels(op: str) -> Iterator[Case]:
    for i, o in ((784, 512), (512, 256), (1024, 1024)):
        yield Case(op, {"i": (i,), "o": (o,), **_panels(o)})


def _dense_panels(op: str) -> Iterator[Case]:
    for r, i, o in ((256, 784, 512), (256, 512, 256), (64, 784, 512), (1024, 1024, 1024)):
        case = dense(op, r, i, o)
        yield replace(case, sizes={**case.sizes, **_panels(o)})


def _panels(columns: int) -> dict[str, Shape]:
    return {axis: (n,) for axis, n in panels_of(columns).items()}


#: r, h, w, c, kernel size, o, stride, padding
_CONV = (
    (128, 13, 13, 32, 3, 64, 1, "valid"),
    (128, 28, 28, 1, 3, 32, 1, "valid"),
    (64, 32, 32, 3, 3, 32, 1, "same"),
    (64, 32, 32, 32, 3, 32, 1, "same"),
    (64, 16, 16, 64, 3, 64, 1, "same"),
    (64, 32, 32, 16, 3, 32, 2, "same"),
    (64, 32, 32, 16, 1, 32, 2, "same"),
    (32, 28, 28, 128, 1, 256, 1, "same"),
    (32, 14, 14, 256, 3, 256, 1, "same"),
    (32, 56, 56, 64, 3, 64, 1, "same"),
    (16, 48, 48, 24, 3, 40, 1, "same"),
    (8, 27, 27, 96, 5, 72, 1, "same"),
)


def conv(
    op: str,
    geometry: tuple[int, int, int, int, int, int, int, str],
    activation: str = "linear",
) -> Case:
    """Return a convolution: r, h, w, c, kernel size, filters, stride, padding."""
    r, h, w, c, size, o, stride, padding = geometry
    window = Window.of(op, (r, h, w, c), (size, size), (stride, stride), padding)
    (m, n), (p, q) = window.size, window.out
    attrs = {**window.conv_attrs, "activation": activation}
    if "activation" not in table()[op].attributes:
        del attrs["activation"]
    axes = {"h": h, "w": w, "c": c, "m": m, "n": n, "i": c, "o": o, "p": p, "q": q}
    known = {axis: axes[axis] for axis in table()[op].axes if axis != "r"}
    case = _case(op, r, attrs, r=None, **known)
    return _without_derivative(case) if activation == "linear" else case


def _conv(op: str) -> Iterator[Case]:
    yield from (conv(op, geometry) for geometry in _CONV)
    yield conv(op, _CONV[0], "relu")


def _conv_transpose(op: str) -> Iterator[Case]:
    for geometry in ((64, 32, 32, 16, 3, 32, 2, "same"), (64, 28, 28, 1, 3, 32, 2, "same")):
        yield conv(op, geometry)


#: r, h, w, c, kernel size, -, stride, padding
_DEPTHWISE = (
    *((64, 32, 32, 32, 3, 0, 1, "same"), (32, 56, 56, 64, 3, 0, 2, "same")),
    *((32, 14, 14, 256, 3, 0, 1, "same"), (32, 28, 28, 96, 5, 0, 1, "same")),
)


def _depthwise(op: str) -> Iterator[Case]:
    yield from (conv(op, geometry) for geometry in _DEPTHWISE)


def _bias_bwd(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=(None, n), c=c) for r, n, c in ((64, 1024, 32), (64, 64, 256)))


# ---- recurrent layers ----------------------------------------------------------------------------

#: Rows, steps, units: a batch of text or signals; a wide state; one row.
_WALKS = ((32, 40, 64), (64, 100, 128), (32, 20, 512), (1, 100, 64))

_GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def _walk(op: str) -> Iterator[Case]:
    names = [name for name in table()[op].attributes if name.endswith("activation")]
    attrs: dict[str, Any] = dict(zip(names, ("tanh", "sigmoid"), strict=False))
    if op.startswith("gru"):
        attrs["reset_after"] = 1
    for r, t, h in _WALKS:
        sizes = {"r": None, "t": t, "h": h, "g": _GATES[op.split("_")[0]] * h}
        yield _case(op, r, attrs, **{axis: sizes[axis] for axis in table()[op].axes})


def _walk_product(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=(None, t), h=h, g=3 * h) for r, t, h in _WALKS)


def _sequence(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, t=t, n=h) for r, t, h in _WALKS[:3])


def _dropout_steps(op: str) -> Iterator[Case]:
    yield from (replace(c, attrs={"rate": 0.5, "stream": 1, "seed": 0}) for c in _sequence(op))


def _kept_state(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, b=r, n=h) for r, _, h in _WALKS[:3])


def _embed(op: str) -> Iterator[Case]:
    """A batch of texts: words of a large vocabulary, characters of a small one."""
    for r, t, v, o in ((32, 200, 20000, 64), (64, 100, 100, 32)):
        yield _case(op, r, r=(None, t), v=v, o=o)


def _encode(op: str) -> Iterator[Case]:
    for r, n, v in ((256, 1, 10), (64, 100, 1000)):
        yield replace(_case(op, r, {"once": 1}, r=None, n=n, v=v), absent=("w",))


def _masked(op: str) -> Iterator[Case]:
    attrs = {"value": 0.0} if op == "differs" else {}
    yield from (_case(op, r, attrs, r=(None, t), n=h) for r, t, h in _WALKS[:3])


# ---- channels ------------------------------------------------------------------------------------

#: r, places, c: of a residual network, of a dense layer, of large images
_PLACES = ((64, 256, 32), (64, 1024, 16), (64, 64, 64), (128, 1, 512), (32, 3136, 64))


def _places(op: str) -> Iterator[Case]:
    yield from (_case(op, r, r=None, n=n, c=c) for r, n, c in _PLACES)


def _global_mean(op: str) -> Iterator[Case]:
    yield from (replace(case, absent=("mask",)) for case in _places(op))


def _normalize_bwd_p(op: str) -> Iterator[Case]:
    for case in _places(op):
        yield replace(case, attrs={"activation": "linear"}, absent=("y",))


def _samples(op: str) -> Iterator[Case]:
    attrs: Any = {"pool_moments": {"size": 256}, "normalize_bwd_w": {"epsilon": 1e-3}}[op]
    yield from (_case(op, r, attrs, r=None, c=c) for r, _, c in _PLACES)


def _moving_average(op: str) -> Iterator[Case]:
    yield from (elements(op, n, momentum=0.99) for n in (64, 1000))


def _normalize(op: str) -> Iterator[Case]:
    attrs: dict[str, Any] = {"epsilon": 1e-3, "activation": "linear"}
    if op == "normalize_fwd":
        attrs["batch"] = 1
    absent = ("y",) if op == "normalize_bwd_x" else ("z",)
    for r, n, c in _PLACES:
        yield replace(_case(op, r, attrs, r=(None, n), c=c), absent=absent)
    r, n, c = _PLACES[0]  # the end of a residual block
    yield _case(op, r, {**attrs, "activation": "relu"}, r=(None, n), c=c)


def _row_norm(op: str) -> Iterator[Case]:
    """Yield rows of features: of a batch, of sequences; whole images; groups of channels."""
    given = {"epsilon": 1e-3, "centred": 1, "summed": 0}
    attrs = {name: given[name] for name in table()[op].attributes}
    shapes = ((128, 1, 512, 1), (4096, 1, 128, 1), (2048, 1, 768, 1), (64, 256, 64, 8))
    yield from (_case(op, r, attrs, r=None, p=p, c=c, g=g) for r, p, c, g in shapes)


def _normalize_fold(op: str) -> Iterator[Case]:
    for i, o in (((3, 3, 32), 32), ((3, 3, 256), 256)):
        yield _case(op, 1, {"epsilon": 1e-3}, i=i, o=o)


# ---- augmentation --------------------------------------------------------------------------------


def _random_map(op: str) -> Iterator[Case]:
    names = table()[op].attributes
    for values in ((2, 32, 32, -0.1, 0.1, 0, 0, 1, 0), (1, 32, 32, -0.1, 0.1, -0.1, 0.1, 1, 0)):
        yield _case(op, 64, dict(zip(names, values, strict=True)), r=None, k=6)


def _random_uniform(op: str) -> Iterator[Case]:
    yield _case(op, 64, {"low": -0.1, "high": 0.1, "stream": 1, "seed": 0}, r=None)


#: r, h, w, c
_IMAGES = ((64, 32, 32, 3), (64, 28, 28, 1), (64, 8, 8, 1), (16, 224, 224, 3))


def _warp(op: str) -> Iterator[Case]:
    for (r, h, w, c), bilinear in itertools.product(_IMAGES, (1, 0)):
        attrs = {"fill_mode": 1, "bilinear": bilinear, "fill_value": 0.0}
        known = {"r": None, "h": h, "w": w, "c": c, "k": 6, "p": h, "q": w}
        yield _case(op, r, attrs, **{axis: known[axis] for axis in table()[op].axes})


def _tone(op: str) -> Iterator[Case]:
    """Yield contrast and brightness in turns."""
    for (r, h, w, c), absent in zip(_IMAGES, ((), ("mean",)) * 2, strict=True):
        case = _case(op, r, {"low": 0.0, "high": 1.0}, r=None, n=(h, w), c=c)
        yield replace(case, absent=absent)


def _tone_bwd(op: str) -> Iterator[Case]:
    yield from (elements(op, n, low=0.0, high=1.0) for n in ELEMENTS)


# ---- the others ----------------------------------------------------------------------------------

#: r, h, w, c, size, stride
_POOL = (
    *((64, 14, 14, 64, 2, 2), (128, 26, 26, 32, 2, 2), (64, 32, 32, 64, 2, 2)),
    (16, 57, 57, 48, 3, 2),
)


def pool(op: str, geometry: tuple[int, int, int, int, int, int]) -> Case:
    """Return a pooling without padding: r, h, w, c, window, stride."""
    r, h, w, c, size, stride = geometry
    window = Window.of(op, (r, h, w, c), (size, size), (stride, stride), "valid")
    axes = {"h": h, "w": w, "c": c, "p": window.out[0], "q": window.out[1]}
    return _case(op, r, window.pool_attrs, r=None, **axes)


def _pool(op: str) -> Iterator[Case]:
    yield from (pool(op, geometry) for geometry in _POOL)


def _mean_pool(op: str) -> Iterator[Case]:
    yield from (replace(case, attrs={**case.attrs, "sums": 0}) for case in _pool(op))


def elements(op: str, n: int, **attrs: Any) -> Case:
    """Return an op on n elements."""
    return _case(op, 1, attrs, n=n)


def rows_of(op: str, r: int, axis: str, n: int, **attrs: Any) -> Case:
    """Return an op on r rows of n."""
    return _case(op, r, attrs, r=None, **{axis: n})


def _elements(op: str) -> Iterator[Case]:
    yield from (elements(op, n) for n in ELEMENTS)


def _activation(op: str) -> Iterator[Case]:
    for name in ("relu", "sigmoid", "tanh"):
        yield from (elements(op, n, activation=name) for n in ELEMENTS)


def _curve(op: str) -> Iterator[Case]:
    others = dict.fromkeys("abcd", 0.0)
    for name in ("silu", "gelu", "mish"):
        yield from (elements(op, n, curve=name, **others) for n in ELEMENTS)
    leaky = {"a": 0.2, "b": 0.0, "c": math.inf, "d": 0.0}
    yield from (elements(op, n, curve="bend", **leaky) for n in ELEMENTS)


def _scale(op: str) -> Iterator[Case]:
    yield from (elements(op, n, factor=0.5) for n in ELEMENTS)


def _pass_largest(op: str) -> Iterator[Case]:
    yield from (elements(op, n, strict=0) for n in ELEMENTS)


def _concatenate(op: str) -> Iterator[Case]:
    for r, i, j in ((128, 256, 128), (4096, 64, 64), (65536, 16, 48)):
        yield _case(op, r, r=None, i=i, j=j, k=i + j)


#: r, h, w, s before and after: the last part of a row, a frame around images, a sequence from the
#: end
_WINDOWS = (
    ((128, (), 384, ()), ((), 128), {"begin_h": 0, "begin_w": 256, "step_h": 1, "step_w": 1}),
    ((64, 34, 34, 64), (32, 32), {"begin_h": 1, "begin_w": 1, "step_h": 1, "step_w": 1}),
    ((64, (), 100, 128), ((), 100), {"begin_h": 0, "begin_w": 99, "step_h": 1, "step_w": -1}),
)


def _window(op: str) -> Iterator[Case]:
    for (r, h, w, s), (k, q), attrs in _WINDOWS:
        large, small = {"h": h, "w": w}, {"h": k, "w": q}
        before, after = (large, small) if op == "slice" else (small, large)
        sizes = {**before, "k": after["h"], "q": after["w"], "s": s}
        known = attrs if op == "slice" else {**attrs, "value": 0.0}
        yield _in_order(op, r, known, p=None, **sizes)


def _binary(op: str) -> Iterator[Case]:
    for name in ("divide", "less", "power"):
        yield from (elements(op, n, binary=name) for n in ELEMENTS)


#: r, q, s: rows of a layer, channels of images, along the last axis
_GROUPS = ((128, 256, 64), (64, 1024, 16), (128, 1000, ()), (16, 3136, 64))


def _grouped(op: str, **attrs: Any) -> Iterator[Case]:
    for r, q, s in _GROUPS:
        yield _in_order(op, r, attrs, p=None, q=q, s=s)


def _in_order(op: str, rows: int, attrs: Mapping[str, Any], **sizes: Any) -> Case:
    return _case(op, rows, attrs, **{axis: sizes[axis] for axis in table()[op].axes})


def _binary_spread(op: str) -> Iterator[Case]:
    yield from _grouped(op, binary="multiply", swapped=0)
    yield _case(op, 1, {"binary": "divide", "swapped": 0}, p=(), q=1_000_000, s=())


def _reduce(op: str) -> Iterator[Case]:
    yield from (c for name in ("sum", "max") for c in _grouped(op, reduction=name))


def _arg_reduce(op: str) -> Iterator[Case]:
    yield from _grouped(op, smallest=0)


def _cumsum(op: str) -> Iterator[Case]:
    yield from _grouped(op, reverse=0)


def _swap(op: str) -> Iterator[Case]:
    for r, b, c, s in ((64, 32, 64, ()), (32, 40, 8, 64), (16, 56, 56, 64)):
        yield _case(op, r, p=None, b=b, c=c, s=s)


def _take(op: str) -> Iterator[Case]:
    """Yield the lookup of a table, and places of a sequence."""
    yield _in_order(op, 32, {}, p=(), q=10_000, s=64, k=(None, 40))
    yield _in_order(op, 64, {}, p=None, q=128, s=64, k=64)


def _take_along(op: str) -> Iterator[Case]:
    yield _in_order(op, 128, {}, p=None, q=1000, s=(), k=5)
    yield _in_order(op, 64, {}, p=None, q=16, s=64, k=4)


def _sort(op: str) -> Iterator[Case]:
    yield from (_case(op, r, {"descending": 1}, p=None, q=q) for r, q in ((128, 10), (128, 1000)))


def _matmul(op: str) -> Iterator[Case]:
    for r, m, k, o in ((32, 64, 32, 64), (128, 8, 16, 8), (16, 256, 64, 256)):
        yield _in_order(op, r, {}, b=None, m=m, k=k, o=o)


def _fill(op: str) -> Iterator[Case]:
    yield from (elements(op, n, value=1.0) for n in ELEMENTS)


def _dropout(op: str) -> Iterator[Case]:
    for r, n in ((128, 1600), (4096, 2304)):
        yield rows_of(op, r, "n", n, rate=0.5, stream=1, seed=0)


def _gaussian_noise(op: str) -> Iterator[Case]:
    for r, n in ((128, 1600), (4096, 2304)):
        yield rows_of(op, r, "n", n, stddev=0.1, product=0, stream=1, seed=0)


#: Rows and scores: of the workloads, of many classes, of a vocabulary.
_SCORES = ((128, 10), (32, 10), (128, 1000), (4096, 1000), (512, 32000))


def _scores(op: str) -> Iterator[Case]:
    yield from (rows_of(op, r, "c", c) for r, c in _SCORES)


def _rows(op: str) -> Iterator[Case]:
    yield from (rows_of(op, r, "n", n) for r, n in ((256, 1), (32, 1), (128, 100), (4096, 1000)))


def _accuracy_binary(op: str) -> Iterator[Case]:
    yield from (replace(case, attrs={"threshold": 0.5, "all": 0}) for case in _rows(op))


def _losses(op: str) -> Iterator[Case]:
    for loss in ("mse", "huber", "binary_focal"):
        attrs = {"loss": loss, "sum": 0, "first": 1.0, "second": 0.25, "third": 0.0}
        yield from (replace(case, attrs=attrs) for case in _rows(op))


def _top_k(op: str) -> Iterator[Case]:
    absent = ("t",) if op == "in_top_k" else ()
    for r, c in ((128, 10), (128, 1000)):
        yield replace(rows_of(op, r, "c", c, k=5), absent=absent)


def _mean(op: str) -> Iterator[Case]:
    for r in (256, 32, 100_000):
        yield replace(_case(op, r, {"sum": 0}, r=None), absent=("w", "d"))


def _accumulate(op: str) -> Iterator[Case]:
    for r in (256, 32, 100_000):
        yield replace(_case(op, r, {"watched": 1}, r=None, k=2), absent=("w", "d"))


def _accumulate_columns(op: str) -> Iterator[Case]:
    yield from (replace(_case(op, r, r=None, n=10, k=11), absent=("w",)) for r in (32, 10_000))


def _histogram(op: str) -> Iterator[Case]:
    for r in (32, 10_000):
        yield replace(_case(op, r, r=None, n=1, k=200, m=402), absent=("i", "w"))


def _confusion(op: str) -> Iterator[Case]:
    for r in (32, 10_000):
        yield replace(_case(op, r, {"threshold": 0.5}, r=None, c=10, k=100), absent=("t", "w"))


def _gather(op: str) -> Iterator[Case]:
    shapes = ((128, 784, "float32"), (32, 30, "float32"), (64, 3072, "uint8"))
    for (r, n, source), scaled in (*((shape, 0) for shape in shapes), (shapes[-1], 1)):
        case = rows_of(op, r, "n", n, gap=0, scaled=scaled, slope=scaled / 255, offset=0.0)
        yield replace(case, source=source, steps=max(1, 2_000_000 // (r * n)), shuffled=True)


def _gather_labels(op: str) -> Iterator[Case]:
    for r in (128, 32):
        case = _case(op, r, {"gap": 0, "classes": 10, "ignored": float("nan")}, r=None, n=())
        yield replace(case, source="int64", steps=100, shuffled=True)


def _accumulate_batch(op: str) -> Iterator[Case]:
    yield _case(op, 128, {"watched": 0}, k=2)


def _hollow(op: str) -> Iterator[Case]:
    yield from (_case(op, i=n, j=n) for n in (256, 32, 2048))


def _over_rows(op: str) -> Iterator[Case]:
    yield _case(op, 128)


def _penalty(op: str) -> Iterator[Case]:
    yield from (_case(op, 1, {"l1": 1e-3, "l2": 1e-3}, n=n) for n in ELEMENTS)


def _clip_norm(op: str) -> Iterator[Case]:
    attrs = {"low": 0.0, "high": 2.0, "rate": 1.0, "epsilon": 1e-7}
    for o, n, i in ((1, 784, 512), (512, 784, 1), (1, 4096, 4096)):
        yield _case(op, 1, attrs, o=o, n=n, i=i)


def _sgd(op: str) -> Iterator[Case]:
    for n in ELEMENTS:
        yield _case(op, 1, {"momentum": 0.9, "nesterov": 0}, n=n, h=1)
        plain = _case(op, 1, {"momentum": 0.0, "nesterov": 0}, n=n, h=1)
        yield replace(plain, absent=("v",))


def _range(op: str, attrs: Mapping[str, Any], **axes: int) -> Iterator[Case]:
    yield from (_case(op, 1, attrs, n=n, **axes) for n in ELEMENTS)


def _adam(op: str) -> Iterator[Case]:
    attrs = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    yield from (replace(case, absent=("x",)) for case in _range(op, attrs, h=1, k=1))


def _adamax(op: str) -> Iterator[Case]:
    yield from _range(op, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}, h=1, k=1)


def _nadam(op: str) -> Iterator[Case]:
    yield from _range(op, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}, p=1, h=1, k=1)


def _nadam_product(op: str) -> Iterator[Case]:
    yield _case(op, 1, {"beta_1": 0.9}, p=1, k=1)


def _lion(op: str) -> Iterator[Case]:
    yield from _range(op, {"beta_1": 0.9, "beta_2": 0.99}, h=1)


def _rmsprop(op: str) -> Iterator[Case]:
    for n in ELEMENTS:
        plain = _case(op, 1, {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7}, n=n, h=1)
        yield replace(plain, absent=("a", "m"))


def _adagrad(op: str) -> Iterator[Case]:
    yield from _range(op, {"epsilon": 1e-7}, h=1)


def _adadelta(op: str) -> Iterator[Case]:
    yield from _range(op, {"rho": 0.95, "epsilon": 1e-7}, h=1)


def _ftrl(op: str) -> Iterator[Case]:
    attrs = {"power": 0.5, "l1": 0.1, "l2": 0.1, "shrinkage": 0.0, "beta": 0.0}
    yield from _range(op, attrs, h=1)


def _lamb_direction(op: str) -> Iterator[Case]:
    yield from _range(op, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}, k=1)


def _lamb_step(op: str) -> Iterator[Case]:
    yield from _range(op, {}, h=1)


def _adafactor_moment(op: str) -> Iterator[Case]:
    for o, n, i in ((784, 512, 1), (1, 784, 512), (1, 1, 512)):
        yield _case(op, 1, {"power": 0.8, "epsilon": 1e-30}, o=o, n=n, i=i, k=1)


def _adafactor_direction(op: str) -> Iterator[Case]:
    yield _case(op, 1, o=1, n=784, i=512)
    yield replace(_case(op, 1, o=1, n=1, i=512), absent=("r",))


def _adafactor_step(op: str) -> Iterator[Case]:
    yield from _range(op, {"epsilon": 1e-3, "limit": 1.0}, h=1, k=1)


def _decay(op: str) -> Iterator[Case]:
    yield from _range(op, {"rate": 4e-3}, h=1)


def _average(op: str) -> Iterator[Case]:
    yield from _range(op, {"momentum": 0.99}, k=1)


def _clip_gradient(op: str) -> Iterator[Case]:
    yield from _range(op, {"limit": 1.0})


def _pick_rate(op: str) -> Iterator[Case]:
    yield _case(op, h=1, c=1024, k=1)


def _mark(op: str) -> Iterator[Case]:
    yield _case(op, 1, {} if op == "resume" else {"period": 2}, k=1)


_MAKERS: Mapping[str, Any] = {
    "gather": _gather,
    "gather_labels": _gather_labels,
    "label_numbers": _elements,
    "dense_fwd": _dense,
    "pack_panels": _pack_panels,
    "dense_panels": _dense_panels,
    "dense_bwd_x": _dense,
    "dense_bwd_w": _dense,
    "conv2d_fwd": _conv,
    "conv2d_bwd_x": _conv,
    "conv2d_bwd_w": _conv,
    "conv2d_transpose_fwd": _conv_transpose,
    "depthwise_fwd": _depthwise,
    "depthwise_bwd_x": _depthwise,
    "depthwise_bwd_w": _depthwise,
    "bias_bwd": _bias_bwd,
    "rnn_fwd": _walk,
    "rnn_bwd": _walk,
    "lstm_fwd": _walk,
    "lstm_bwd": _walk,
    "gru_fwd": _walk,
    "gru_bwd": _walk,
    "gru_bwd_u": _walk_product,
    "dropout_steps": _dropout_steps,
    "shift": _sequence,
    "recall": _kept_state,
    "remember": _kept_state,
    "embed_fwd": _embed,
    "embed_bwd": _embed,
    "encode": _encode,
    "differs": _masked,
    "mask_steps": _masked,
    "maxpool2d_fwd": _pool,
    "maxpool2d_bwd": _pool,
    "avgpool2d_fwd": _mean_pool,
    "avgpool2d_bwd": _mean_pool,
    "random_map": _random_map,
    "random_uniform": _random_uniform,
    "warp": _warp,
    "warp_bwd": _warp,
    "tone": _tone,
    "tone_bwd": _tone_bwd,
    "moments": _places,
    "pool_moments": _samples,
    "moving_average": _moving_average,
    "normalize_fwd": _normalize,
    "normalize_bwd_p": _normalize_bwd_p,
    "normalize_bwd_w": _samples,
    "normalize_bwd_x": _normalize,
    "normalize_fold": _normalize_fold,
    "row_norm_fwd": _row_norm,
    "row_norm_bwd_x": _row_norm,
    "row_norm_bwd_w": _row_norm,
    "global_mean_fwd": _global_mean,
    "global_mean_bwd": _global_mean,
    "activation_fwd": _activation,
    "activation_bwd": _activation,
    "curve_fwd": _curve,
    "curve_bwd": _curve,
    "add": _elements,
    "fill": _fill,
    "binary": _binary,
    "binary_spread": _binary_spread,
    "expand": _grouped,
    "select": _elements,
    "reduce": _reduce,
    "arg_reduce": _arg_reduce,
    "prod_bwd": _grouped,
    "cumsum": _cumsum,
    "swap": _swap,
    "take": _take,
    "take_bwd": _take,
    "take_along": _take_along,
    "put_along": _take_along,
    "sort": _sort,
    "matmul": _matmul,
    "matmul_nt": _matmul,
    "matmul_tn": _matmul,
    "scale": _scale,
    "pass_largest": _pass_largest,
    "concatenate": _concatenate,
    "slice": _window,
    "place": _window,
    "dropout": _dropout,
    "gaussian_noise": _gaussian_noise,
    "softmax_fwd": _scores,
    "softmax_bwd": _scores,
    "log_softmax_fwd": _scores,
    "log_softmax_bwd": _scores,
    "softmax_ce_sparse": _scores,
    "softmax_ce_sparse_bwd": _scores,
    "softmax_ce_dense": _scores,
    "softmax_ce_dense_bwd": _scores,
    "sigmoid_bce": _rows,
    "sigmoid_bce_bwd": _rows,
    "loss_fwd": _losses,
    "loss_bwd": _losses,
    "cosine": _rows,
    "cosine_bwd": _rows,
    "categorical_hinge": _rows,
    "categorical_hinge_bwd": _rows,
    "mean": _mean,
    "mean_bwd": _mean,
    "accuracy_sparse": _scores,
    "accuracy_dense": _scores,
    "accuracy_binary": _accuracy_binary,
    "in_top_k": _top_k,
    "keep_top_k": _top_k,
    "accumulate": _accumulate,
    "accumulate_columns": _accumulate_columns,
    "histogram": _histogram,
    "confusion": _confusion,
    "accumulate_batch": _accumulate_batch,
    "penalty": _penalty,
    "penalty_bwd": _penalty,
    "hollow": _hollow,
    "over_rows": _over_rows,
    "clip_norm": _clip_norm,
    "assign": _elements,
    "sgd": _sgd,
    "adam": _adam,
    "adamax": _adamax,
    "nadam": _nadam,
    "nadam_product": _nadam_product,
    "lion": _lion,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "adadelta": _adadelta,
    "ftrl": _ftrl,
    "lamb_direction": _lamb_direction,
    "lamb_step": _lamb_step,
    "adafactor_moment": _adafactor_moment,
    "adafactor_direction": _adafactor_direction,
    "adafactor_step": _adafactor_step,
    "decay": _decay,
    "average": _average,
    "clip_gradient": _clip_gradient,
    "clip_gradient_norm": _clip_gradient,
    "pick_rate": _pick_rate,
    "every": _mark,
    "resume": _mark,
    "advance": _mark,
}

#: op -> its cases.  reshape moves nothing; python_call is the user's own code.
SHAPES: Mapping[str, Sequence[Case]] = {op: tuple(make(op)) for op, make in _MAKERS.items()}
