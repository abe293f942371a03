"""The numbers a case runs on: drawn from a seed, of the kind that the case names."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from fastnn._typing import Array
from fastnn.ops.table import Operand, table
from fastnn.reference.cases import Case
from fastnn.reference.twins import TWINS

__all__ = ["SPECIALS", "draw", "plant"]

SPECIALS = (np.nan, np.inf, -np.inf)

Rng = np.random.Generator


def _numbers(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    if kind == "uniform":
        return rng.random(shape)
    if kind == "integers":
        return rng.integers(-8, 9, shape).astype(np.float64)
    return rng.standard_normal(shape) * (30 if kind == "wide" else 1)


def _targets(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    """Return rows of targets that sum to 1, some of them 0; whole ones are one-hot."""
    if kind == "integers":
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
    weights: Array = np.maximum(rng.standard_normal(shape), 0)
    return np.asarray(weights / np.maximum(weights.sum(-1, keepdims=True), 1e-3))


def _fractions(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    values = rng.random(shape)
    return values.round() if kind == "integers" else values


def _predictions(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    """Return probabilities that are not so near 0 or 1 that differences know no derivative."""
    return 0.03 + 0.94 * rng.random(shape) if kind == "uniform" else _numbers(rng, shape, kind)


def _flags(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    return rng.integers(0, 2, shape)


def _squares(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    return np.square(_numbers(rng, shape, kind))


def _recurrent(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    """Return a kernel that neither magnifies nor shrinks a state much, whatever its size."""
    units = min(shape)
    return _numbers(rng, shape, kind) / (1 if kind == "integers" else np.sqrt(units))


def _rate(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    return 0.01 + rng.random(shape) / 100


def _updates(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    return rng.choice([0, 1, 9, 999], shape)


def _running(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    return rng.integers(1, 1000, shape) / 7


def _edges(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    """Return ascending numbers, some of which occur among the scores."""
    return np.sort(np.concatenate([[0.0], _numbers(rng, (shape[0] - 1,), kind)]))


def _maps(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    """Return maps (xx, xy, x0, yx, yy, y0) of a few pixels, a sixth of each kind: whole shifts,
    shifts in between, flips, turns by whole quarters, zooms, and anything."""
    whole, part = rng.integers(-3, 4, shape[0]), rng.normal(0, 3, shape[0])
    zero, one = np.zeros(shape[0]), np.ones(shape[0])
    sign, scale = rng.choice([-1, 1], shape[0]), rng.uniform(-2, 2, shape[0])
    near = np.round(part)
    kinds = np.stack(
        [
            [one, zero, whole, zero, one, near],
            [one, zero, part, zero, one, part / 3],
            [-one, zero, near + 4, zero, sign, part + 1],
            [zero, sign, whole, -sign, zero, near],
            [scale, zero, part, zero, one + scale / 4, near],
            [one + scale / 9, scale / 3, whole, part / 9, one, part / 3],
        ]
    )
    maps = kinds[rng.integers(0, len(kinds), shape[0]), :, np.arange(shape[0])]
    return np.asarray(maps.reshape(shape))


def _places(rng: Rng, shape: Sequence[int], kind: str) -> Array:
    """Return indices, some of them from the end; some beyond both where there are few places."""
    return rng.integers(-4, 7, shape)


#: (operand's name, or op and operand) -> what it holds instead of numbers of the case's kind
_MEANINGS: Mapping[str, Callable[[Rng, Sequence[int], str], Array]] = {
    "softmax_ce_dense t": _targets,
    "softmax_ce_dense_bwd t": _targets,
    "accuracy_dense t": _targets,
    "sigmoid_bce t": _fractions,
    "sigmoid_bce_bwd t": _fractions,
    "accuracy_binary t": _flags,
    "in_top_k t": _targets,
    "loss_fwd a": _predictions,
    "loss_bwd a": _predictions,
    "categorical_hinge t": _targets,
    "categorical_hinge_bwd t": _targets,
    "confusion t": _flags,
    "histogram t": _flags,
    "mean d": _fractions,
    "mean_bwd d": _fractions,
    "accumulate d": _fractions,
    "edges": _edges,
    "adam v": _squares,
    "adam x": _squares,
    "adamax u": _squares,
    "nadam v": _squares,
    "rmsprop v": _squares,
    "adagrad a": _squares,
    "adadelta a": _squares,
    "adadelta d": _squares,
    "ftrl a": _squares,
    "clip_gradient_norm s": _squares,
    "lamb_direction v": _squares,
    "lamb_step p": _squares,
    "lamb_step q": _squares,
    "adafactor_moment m": _squares,
    "adafactor_direction r": _squares,
    "adafactor_direction c": _squares,
    "adafactor_step p": _squares,
    "adafactor_step q": _squares,
    "var": _squares,
    "row_norm_bwd_x s": _squares,
    "row_norm_bwd_w s": _squares,
    "pool_moments s": _squares,
    "take i": _places,
    "take_bwd i": _places,
    "take_along i": _places,
    "put_along i": _places,
    "map": _maps,
    "mask": _flags,
    "u": _recurrent,
    "ut": _recurrent,
    "hyper": _rate,
    "rates": _rate,
    "product": _rate,
    "step": _updates,
    "total": _running,
}

_DTYPES = {"i32": np.int32, "i64": np.int64, "f64": np.float64}


def draw(case: Case, dtype: np.dtype, seed: int = 0) -> dict[str, Array]:
    """Return the inputs of a case by name, a function of the arguments alone.

    Args:
        case: the case.
        dtype: the meaning of ``real``.
        seed: others give other numbers.
    """
    rng = np.random.Generator(np.random.Philox(key=[seed, zlib.crc32(str(case).encode())]))
    op = table()[case.op]
    here = [operand for operand in op.inputs if operand.name not in case.absent]
    inputs = {operand.name: _draw(case, operand, dtype, rng) for operand in here}
    if case.data == "special":
        plant(inputs[_first_real(case)], rng)
    if case.op == "maxpool2d_bwd":  # y is the maximum of x, by the op's own contract
        inputs["y"] = _pooled(case, inputs["x"])
    return inputs


def _draw(case: Case, operand: Operand, dtype: np.dtype, rng: Rng) -> Array:
    if operand.dtype == "any":
        return _source(case, case.filled(operand, case.rows * case.steps), rng)
    shape = case.filled(operand, case.rows)
    if operand.dtype == "i32":
        lowest = 0 if case.op.startswith("accuracy") else -1  # -1: a place that is left out
        classes = 1000 if case.op == "label_numbers" else _classes(case)
        return rng.integers(lowest, classes, shape, dtype=np.int32)
    if operand.name == "ids":
        return rng.integers(0, case.sizes["v"][0] or 1, shape).astype(dtype)
    by_name = _MEANINGS.get(operand.name, _numbers)
    values = _MEANINGS.get(f"{case.op} {operand.name}", by_name)(rng, shape, case.data)
    return np.ascontiguousarray(values, _DTYPES.get(operand.dtype, dtype))


def _classes(case: Case) -> int:
    return case.sizes.get("c", case.sizes.get("n", (1,)))[0] or 1


def _source(case: Case, shape: tuple[int, ...], rng: Rng) -> Array:
    """Return an array of the caller's own type: labels, numbers, or whole ones up to its limits."""
    dtype = np.dtype(case.source)
    if "classes" in case.attrs:
        return rng.integers(0, case.attrs["classes"], shape).astype(dtype)
    if dtype.kind == "f":
        return _numbers(rng, shape, case.data).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def plant(values: Array, rng: Rng) -> None:
    """Put NaN, +inf and -inf at three places of ``values``, if it has so many."""
    places = rng.permutation(values.size)[: len(SPECIALS)]
    values.reshape(-1)[places] = SPECIALS[: len(places)]


def _first_real(case: Case) -> str:
    return next(
        o.name for o in table()[case.op].inputs if o.dtype in ("real", "any") and o.name != "ids"
    )


def _pooled(case: Case, x: Array) -> Array:
    windows = {axis: case.sizes[axis][0] for axis in "pq"}
    return np.asarray(TWINS["maxpool2d_fwd"](None, {**case.attrs, **windows}, x))
