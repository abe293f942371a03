"""fastnn.ops beside NumPy; every gradient beside central differences; what is refused."""

import math
import warnings

import numpy as np
import op_cases
import pytest
from op_cases import CASES
from tools import ops_page

import fastnn
from fastnn import layers, nests, ops
from fastnn.errors import DTypeError, ShapeError
from fastnn.ops import arithmetic

RNG = np.random.default_rng(11)
A, B = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 3, 4))
ROW, COLUMN, PLANE = RNG.normal(size=4), RNG.normal(size=(3, 1)), RNG.normal(size=(2, 1, 4))
UP = np.abs(A) + 0.5


def softened(x):
    return np.log(np.exp(x).sum(1))


#: name -> (composed of operations, the same in NumPy, arguments)
FUNCTIONS = {
    "add": (lambda a, b: a + b, lambda a, b: a + b, (A, ROW)),
    "add a number": (lambda a: 2 + a + 1, lambda a: a + 3, (A,)),
    "subtract": (lambda a, b: a - b, lambda a, b: a - b, (COLUMN, A)),
    "subtract from a number": (lambda a: 1 - a, lambda a: 1 - a, (A,)),
    "multiply": (lambda a, b: a * b, lambda a, b: a * b, (A, PLANE)),
    "outer": (lambda a, b: a * b, lambda a, b: a * b, (COLUMN, ROW)),
    "divide": (lambda a, b: a / b, lambda a, b: a / b, (A, UP)),
    "divide by a row": (lambda a, b: a / b, lambda a, b: a / b, (A, np.abs(ROW) + 1)),
    "divide a number": (lambda a: 3 / a, lambda a: 3 / a, (UP,)),
    "by an array": (lambda a: a * ROW + ROW, lambda a: a * ROW + ROW, (A,)),
    "power": (lambda a, b: a**b, lambda a, b: a**b, (UP, B)),
    "power of a row": (lambda a, b: a**b, lambda a, b: a**b, (np.abs(ROW) + 0.5, B)),
    "cube": (lambda a: a**3, lambda a: a**3, (A,)),
    "power of a number": (lambda a: 2**a, lambda a: 2**a, (A,)),
    "maximum": (ops.maximum, np.maximum, (A, COLUMN)),
    "minimum": (ops.minimum, np.minimum, (ROW, A)),
    "mod": (lambda a, b: a % b, lambda a, b: a % b, (A * 5, UP)),
    "negative": (lambda a: -a, lambda a: -a, (A,)),
    "absolute": (lambda a: abs(a), np.abs, (A,)),
    "exp": (ops.exp, np.exp, (A,)),
    "log": (ops.log, np.log, (UP,)),
    "log2": (ops.log2, np.log2, (UP,)),
    "log10": (ops.log10, np.log10, (UP,)),
    "log1p": (ops.log1p, np.log1p, (UP,)),
    "expm1": (ops.expm1, np.expm1, (A,)),
    "sqrt": (ops.sqrt, np.sqrt, (UP,)),
    "rsqrt": (ops.rsqrt, lambda a: 1 / np.sqrt(a), (UP,)),
    "square": (ops.square, np.square, (A,)),
    "reciprocal": (ops.reciprocal, np.reciprocal, (UP,)),
    "sin": (ops.sin, np.sin, (A * 9,)),
    "cos": (ops.cos, np.cos, (A * 9,)),
    "sum": (ops.sum, np.sum, (A,)),
    "sum of an axis": (lambda a: ops.sum(a, 1), lambda a: a.sum(1), (A,)),
    "sum of outer axes": (lambda a: ops.sum(a, (0, 2)), lambda a: a.sum((0, 2)), (A,)),
    "mean": (lambda a: ops.mean(a, -1, True), lambda a: a.mean(-1, keepdims=True), (A,)),
    "var": (lambda a: ops.var(a, (1, 2)), lambda a: a.var((1, 2)), (A,)),
    "std": (lambda a: ops.std(a, 0), lambda a: a.std(0), (A,)),
    "prod": (lambda a: ops.prod(a, 1), lambda a: a.prod(1), (A,)),
    "max": (lambda a: ops.max(a, 1), lambda a: a.max(1), (A,)),
    "max of all": (ops.max, np.max, (A,)),
    "min": (lambda a: ops.min(a, (1, 2)), lambda a: a.min((1, 2)), (A,)),
    "logsumexp": (lambda a: ops.logsumexp(a, 1), softened, (A,)),
    "norm": (lambda a: ops.norm(a, axis=2), lambda a: np.linalg.norm(a, axis=2), (A,)),
    "norm 3": (lambda a: ops.norm(a, 3, 2), lambda a: np.linalg.norm(a, 3, 2), (A,)),
    "cumsum": (lambda a: ops.cumsum(a, 1), lambda a: a.cumsum(1), (A,)),
    "average": (
        lambda a, w: ops.average(a, 1, w),
        lambda a, w: np.average(a, 1, w * np.ones_like(a)),
        (A, np.abs(COLUMN)),
    ),
    "where": (
        lambda a, b: ops.where(a > 0.1, b, 2 * a),
        lambda a, b: np.where(a > 0.1, b, 2 * a),
        (A, ROW),
    ),
    "where or 0": (lambda a: ops.where(a < 0, 0, a), lambda a: np.where(a < 0, 0, a), (A,)),
    "clip": (lambda a: ops.clip(a, -0.5, 0.7), lambda a: np.clip(a, -0.5, 0.7), (A,)),
    "broadcast_to": (
        lambda a: ops.broadcast_to(a, (2, 3, 4)),
        lambda a: np.broadcast_to(a, (2, 3, 4)),
        (COLUMN,),
    ),
    "slices": (
        lambda a: a[:, ::-2, None, 1:3] * a[0, 1, -2],
        lambda a: a[:, ::-2, None, 1:3] * a[0, 1, -2],
        (A,),
    ),
    "ellipsis": (lambda a: a[..., 0], lambda a: a[..., 0], (A,)),
    "transpose": (ops.transpose, np.transpose, (A,)),
    "transpose in an order": (
        lambda a: ops.transpose(a, (0, 2, 1)),
        lambda a: a.transpose(0, 2, 1),
        (A,),
    ),
    "softmax": (
        lambda a: ops.softmax(a, 1),
        lambda a: np.exp(a) / np.exp(a).sum(1, keepdims=True),
        (A,),
    ),
    "log_softmax": (
        lambda a: ops.log_softmax(a, axis=1),
        lambda a: a - np.log(np.exp(a).sum(1, keepdims=True)),
        (A,),
    ),
    "swapaxes": (lambda a: ops.swapaxes(a, 0, 2), lambda a: a.swapaxes(0, 2), (A,)),
    "moveaxis": (lambda a: ops.moveaxis(a, 0, 2), lambda a: np.moveaxis(a, 0, 2), (A,)),
    "expand and squeeze": (
        lambda a: ops.squeeze(ops.expand_dims(a, (0, -1)), 0),
        lambda a: a[..., None],
        (A,),
    ),
    "stack": (lambda a, b: ops.stack([a, b], 1), lambda a, b: np.stack([a, b], 1), (A, B)),
    "split": (lambda a: ops.split(a, 2, 2)[1], lambda a: np.split(a, 2, 2)[1], (A,)),
    "flip": (lambda a: ops.flip(a, 1), lambda a: np.flip(a, 1), (A,)),
    "roll": (lambda a: ops.roll(a, 3, 2), lambda a: np.roll(a, 3, 2), (A,)),
    "repeat": (lambda a: ops.repeat(a, 2, 1), lambda a: np.repeat(a, 2, 1), (A,)),
    "tile": (lambda a: ops.tile(a, (2, 3)), lambda a: np.tile(a, (1, 2, 3)), (A,)),
    "take": (
        lambda a: ops.take(a, [[2, 0], [-1, 2]], 1),
        lambda a: np.take(a, [[2, 0], [-1, 2]], 1),
        (A,),
    ),
    "take_along_axis": (
        lambda a: ops.take_along_axis(a, ops.argsort(a, 1), 1),
        lambda a: np.sort(a, 1),
        (A,),
    ),
    "sort": (lambda a: ops.sort(a, 1), lambda a: np.sort(a, 1), (A,)),
    "top_k": (lambda a: ops.top_k(a, 2)[0], lambda a: np.sort(a)[..., :-3:-1], (A,)),
    "matmul": (lambda a, b: a @ b, lambda a, b: a @ b, (A, B.swapaxes(1, 2))),
    "matmul of one": (lambda a, b: a @ b, lambda a, b: a @ b, (A, RNG.normal(size=(4, 5)))),
    "matmul by one": (lambda a, b: a @ b, lambda a, b: a @ b, (RNG.normal(size=(5, 3)), A)),
    "matmul of vectors": (lambda a, b: a @ b, lambda a, b: a @ b, (ROW, ROW + 1)),
    "matmul of a vector": (lambda a, b: a @ b, lambda a, b: a @ b, (A, ROW)),
}

#: Answers: no gradient, or 0.
ANSWERS = {
    "comparisons": (lambda a, b: (a < b) + 2 * (a >= b), lambda a, b: (a < b) + 2.0 * (a >= b)),
    "equality": (
        lambda a, b: ops.equal(a, b) - ops.not_equal(a, a),
        lambda a, b: np.equal(a, b) * 1.0,
    ),
    "logic": (
        lambda a, b: ops.logical_and(a, b > 0) + ops.logical_xor(a > 0, ops.logical_not(b)),
        lambda a, b: 1.0 * (b > 0) + ((a > 0) ^ (b == 0)),
    ),
    "rounding": (
        lambda a, b: ops.floor(a * 3) + ops.ceil(b) + ops.round(a, 1) + 3 * a // 2,
        lambda a, b: np.floor(a * 3) + np.ceil(b) + np.round(a, 1) + 3 * a // 2,
    ),
    "argmax": (
        lambda a, b: ops.argmax(a, 1) + ops.argmin(b, 1),
        lambda a, b: a.argmax(1) + b.argmin(1),
    ),
    "any and all": (
        lambda a, b: ops.any(a > 1, 2) + ops.all(b > -1, 2) + ops.count_nonzero(a > 0, 2),
        lambda a, b: (a > 1).any(2) * 1.0 + (b > -1).all(2) + np.count_nonzero(a > 0, 2),
    ),
    "one_hot": (
        lambda a, b: ops.one_hot(ops.argmax(a, 1), 3),
        lambda a, b: np.eye(3)[a.argmax(1)],
    ),
    "one_hot of what is no class": (
        lambda a, b: ops.one_hot(ops.argmax(a, 1) - 1, 2),
        lambda a, b: np.eye(3)[a.argmax(1)][..., 1:],
    ),
    "likes": (
        lambda a, b: ops.ones_like(a) + ops.zeros_like(b) + ops.sign(a) + ops.isfinite(b),
        lambda a, b: 2 + np.sign(a),
    ),
}


def computed(function, arguments):
    """The numbers of a composed function of arrays, by the gradient of a weighted sum of them."""
    shape, argnums = [], tuple(range(len(arguments)))

    def value_at(place):
        def one(*tensors):
            y = function(*tensors)
            shape[:] = y.shape
            mask = np.zeros(y.shape)
            mask.flat[place] = 1
            return ops.sum(ops.where(mask, y, 0))

        return fastnn.grad(one, argnums, dtype="float64", value=True)(*arguments)[0]

    first = value_at(0)
    rest = [value_at(place) for place in range(1, int(np.prod(shape)))]
    return np.reshape([first, *rest], shape)


def differences(function, arguments, which):
    x = arguments[which]
    slope = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[place] += step
            ends.append(function(*arguments[:which], moved, *arguments[which + 1 :]))
        slope[place] = (ends[0] - ends[1]) / 2e-6
    return slope


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_numpys_and_so_is_its_gradient(name):
    function, known, arguments = FUNCTIONS[name]
    expected = known(*arguments)
    weights = np.random.default_rng(3).normal(size=np.shape(expected))

    def total(*arrays):
        return (weights * known(*arrays)).sum()

    argnums = tuple(range(len(arguments)))
    composed = fastnn.grad(
        lambda *t: ops.sum(function(*t) * weights), argnums, dtype="float64", value=True
    )
    value, gradients = composed(*arguments)
    np.testing.assert_allclose(value, total(*arguments), rtol=1e-12, atol=1e-12)
    for which, gradient in enumerate(gradients):
        slope = differences(total, arguments, which)
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_numpys(name):
    function, known = ANSWERS[name]
    np.testing.assert_allclose(computed(function, (A, B)), known(A, B), rtol=1e-14, atol=0)


# ---- at random: tests/op_cases.py ----------------------------------------------------------------


def unstacked(x, axis):
    return [np.take(x, i, axis) for i in range(x.shape[axis])]


def without_a_number(function):
    """-1 where all along the axis is NaN, which NumPy refuses."""

    def known(x, axis, keepdims):
        gone = np.isnan(x).all(axis, keepdims=keepdims)
        with_one = np.where(np.isnan(x).all(axis, keepdims=True), 0.0, x)
        return np.where(gone, -1, function(with_one, axis=axis, keepdims=keepdims))

    return known


def updated(x, start, block):
    y = x.copy()
    y[tuple(slice(b, b + n) for b, n in zip(start, block.shape, strict=True))] = block
    return y


def in_blocks(x, n):
    r, h, w, c = x.shape
    blocks = x.reshape(r, h // n, n, w // n, n, c).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(r, h // n, w // n, -1)


def out_of_blocks(x, n):
    r, h, w, c = x.shape
    pixels = x.reshape(r, h, w, n, n, c // n**2).transpose(0, 1, 3, 2, 4, 5)
    return pixels.reshape(r, h * n, w * n, -1)


def scaled_to_one(x, axis, order):
    return x / np.maximum((np.abs(x) ** order).sum(axis, keepdims=True) ** (1 / order), 1e-7)


def standard(x, gamma, beta, axis, epsilon):
    centred = x - x.mean(axis, keepdims=True)
    return centred / np.sqrt(x.var(axis, keepdims=True) + epsilon) * gamma + beta


def moments_of(x, axes, keepdims):
    return x.mean(axes, keepdims=keepdims), x.var(axes, keepdims=keepdims)


def entropy(t, p, axis=-1, from_logits=False):
    if from_logits:
        return -(t * (p - np.log(np.exp(p).sum(axis, keepdims=True)))).sum(axis)
    return -(t * np.log(p / p.sum(axis, keepdims=True))).sum(axis)


def binary_entropy(t, p, from_logits=False):
    p = 1 / (1 + np.exp(-p)) if from_logits else p
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def entropy_of_labels(t, p, from_logits):
    return entropy(np.eye(p.shape[-1])[t.reshape(p.shape[:-1])], p, -1, from_logits)


def classes_of(x, n, axis=-1):
    known = (x[..., None] == np.arange(n)).astype(float)
    return np.moveaxis(known, -1, axis)


def nearest_shares(x, axis):
    """max(x - tau, 0), tau by bisection."""
    low, high = x.max(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


#: What NumPy has under another name, or not at all.
OTHERS = {
    "binary_crossentropy": binary_entropy,
    "cast": lambda x, dtype: x.astype(dtype),
    "categorical_crossentropy": entropy,
    "depth_to_space": out_of_blocks,
    "divide_no_nan": lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b)),
    "empty": np.zeros,
    "empty_like": np.zeros_like,
    "erfc": np.vectorize(math.erfc, otypes=[float]),
    "get_item": lambda x, key: x[key],
    "glu": lambda x, axis: np.split(x, 2, axis)[0] / (1 + np.exp(-np.split(x, 2, axis)[1])),
    "layer_normalization": standard,
    "logsumexp": lambda x, axis, keepdims: np.log(np.exp(x).sum(axis, keepdims=keepdims)),
    "moments": moments_of,
    "multi_hot": lambda x, n: classes_of(x, n).max(-2),
    "nanargmax": without_a_number(np.nanargmax),
    "nanargmin": without_a_number(np.nanargmin),
    "norm": np.linalg.norm,
    "normalize": scaled_to_one,
    "one_hot": classes_of,
    "saturate_cast": lambda x, dtype: np.trunc(np.clip(x, -128, 127)),
    "slice": lambda x, start, sizes: x[tuple(map(slice, start, np.add(start, sizes)))],
    "slice_update": updated,
    "space_to_depth": in_blocks,
    "sparse_categorical_crossentropy": entropy_of_labels,
    "sparsemax": nearest_shares,
    "swish": lambda x: x / (1 + np.exp(-x)),
    "take_along_axis": lambda x, i, axis: np.take_along_axis(
        x if axis is not None else x.ravel(), i, axis or 0
    ),
    "unstack": unstacked,
}
NUMPYS = {name: OTHERS.get(name) or getattr(np, name, None) for name in CASES}
NUMPYS = {name: known for name, known in NUMPYS.items() if known}

#: Functions that jump, or bend, where numbers are drawn.
JUMPS = {name for name in NUMPYS if CASES[name] is op_cases.tied} | {"isin", "signbit"}
JUMPS |= {name for name in NUMPYS if name.startswith(("is", "nan", "logical"))}


def quietly(function, args, options):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*args, **options)


@pytest.mark.parametrize("name", NUMPYS)
@pytest.mark.parametrize("seed", range(3))
def test_values_are_numpys_at_random(name, seed, monkeypatch):
    monkeypatch.setattr("fastnn.config.floatx", lambda: "float64")
    args, options = op_cases.arguments(name, 100 + seed)
    known = op_cases.numbers(quietly(NUMPYS[name], args, options))
    op_cases.assert_near(op_cases.numbers(getattr(ops, name)(*args, **options)), known, 1e-10)


@pytest.mark.parametrize("name", sorted(set(NUMPYS) - JUMPS))
def test_gradients_are_differences_at_random(name):
    args, options = op_cases.arguments(name, 50)
    given = [list(args), options]
    leaves, moving = nests.flatten(given), op_cases.differentiable(given)
    shapes = [y.shape for y in op_cases.numbers(quietly(NUMPYS[name], args, options))]
    weights = [RNG.normal(size=shape) for shape in shapes]

    def called(function, tensors):
        full = list(leaves)
        for i, tensor in zip(moving, tensors, strict=True):
            full[i] = tensor
        known, named = nests.pack(given, full)
        return nests.flatten(function(*known, **named))

    def total(*tensors):
        ys = called(NUMPYS[name], tensors)
        return sum((np.asarray(y) * w).sum() for y, w in zip(ys, weights, strict=True))

    def composed(*tensors):
        ys = called(getattr(ops, name), tensors)
        return sum(ops.sum(y * w) for y, w in zip(ys, weights, strict=True))

    start = [leaves[i] for i in moving]
    if not start or name in ("shape", "size", "ndim"):
        return
    found = fastnn.grad(composed, tuple(range(len(start))), dtype="float64")(*start)
    for which, gradient in enumerate(found):
        slope = differences(total, start, which)
        np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"shape", "size", "ndim"}))
def test_the_page_says_what_has_a_gradient(name):
    """Where it says that none passes, none does; elsewhere some number of some draw has one."""
    passed, looked = False, False
    for seed in range(3):
        args, options = op_cases.arguments(name, seed)
        given = [list(args), options]
        leaves, moving = nests.flatten(given), op_cases.differentiable(given)

        def total(*tensors, leaves=leaves, moving=moving, given=given):
            full = list(leaves)
            for i, tensor in zip(moving, tensors, strict=True):
                full[i] = tensor
            known, named = nests.pack(given, full)
            ys = nests.flatten(getattr(ops, name)(*known, **named))
            return sum(ops.sum(y * y + y) for y in ys)

        if moving and name != "in_top_k":  # which has no rule
            looked = True
            start = [leaves[i] for i in moving]
            found = fastnn.grad(total, tuple(range(len(start))), dtype="float64")(*start)
            passed = passed or any(np.any(gradient) for gradient in found)
    assert not looked or passed == (name not in ops_page.NO_GRADIENT)


# ---- symbols -------------------------------------------------------------------------------------

ROWS = {
    "reshape": lambda x: ops.reshape(x, (-1, 2, 6)),
    "by an array": lambda x: x * ROW + np.arange(12.0).reshape(3, 4),
    "array first": lambda x: ROW - x,
    "concatenate": lambda x: ops.concatenate([x, x * 2, x[:, :1], x], 1),
    "pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1)), constant_values=2),
    "reflect": lambda x: ops.pad(x, ((0, 0), (2, 1), (1, 1)), "reflect"),
    "stack": lambda x: ops.stack([x, -x, x], -2),
    "unstack": lambda x: ops.unstack(x, axis=1)[2],
    "flip": lambda x: ops.flip(x, (1, 2)),
    "roll": lambda x: ops.roll(x, (1, -1), (1, 2)),
    "rot90": lambda x: ops.rot90(x, 3, (1, 2)),
    "tile": lambda x: ops.tile(x, (1, 2, 3)),
    "take": lambda x: ops.take(x, np.array([[0, 2], [1, 1]]), 1),
    "indices": lambda x: x[..., None, ::-2][:, 1:, 0, 0],
    "tensordot": lambda x: ops.tensordot(x, UP[0], [(1, 2), (0, 1)]),
    "tensordot second": lambda x: ops.tensordot(ROW, x, [0, 2]),
    "dot": lambda x: ops.dot(x, UP[0].T),
    "inner": lambda x: ops.inner(x, UP[0]),
    "tril": lambda x: ops.tril(x, 1),
    "diagonal": lambda x: ops.diagonal(x, 1, 1, 2),
    "trace": lambda x: ops.trace(x, 0, 2, 1),
    "quantile": lambda x: ops.quantile(x, 0.3, (1, 2)),
    "cross": lambda x: ops.cross(x, x * x + 1, axis=1),
    "normalize": lambda x: ops.normalize(x, 1),
    "layer_normalization": lambda x: ops.layer_normalization(x, ROW, axis=2),
    "batch_normalization": lambda x: ops.batch_normalization(x, ROW, UP[0, 0], 2),
    "full": lambda x: ops.full((3, 4), 2.0) * x + ops.eye(3, 4) + ops.zeros_like(x),
    "slice_update": lambda x: ops.slice_update(x, (0, 1, 1), x[:, :1, :2]),
    "slice": lambda x: ops.slice(x, (0, 1, 0), (-1, 2, 3)),
    "select": lambda x: ops.select([x > 1, x < -0.5], [x, 2 * x], 0.0),
    "one_hot": lambda x: ops.one_hot(ops.argmax(x, 2), 4),
    "searchsorted": lambda x: ops.searchsorted(np.array([-1.0, 0.0, 1.0]), x),
    "isin": lambda x: ops.isin(ops.round(x), [0, 1]),
    "nanmean": lambda x: ops.nanmean(ops.where(x > 1, np.nan, x), 1),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_model_of_rows_is_the_operation_of_arrays(name, tmp_path):
    x = fastnn.Input((3, 4), dtype="float64")
    model = fastnn.Model(x, ROWS[name](x))
    data = RNG.normal(size=(5, 3, 4))
    known = np.concatenate([ROWS[name](data[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(model.predict(data), known, rtol=1e-12, atol=1e-12)
    model.save(tmp_path / "model.fastnn")
    again = fastnn.models.load_model(tmp_path / "model.fastnn")
    np.testing.assert_array_equal(again.predict(data), model.predict(data))


def test_sparsemax_adds_up_to_one_along_its_axis():
    x = RNG.normal(size=(3, 4, 5)) * 2
    for axis in range(3):
        y = ops.sparsemax(x, axis)
        np.testing.assert_allclose(y.sum(axis), 1, rtol=1e-12)
        assert (y >= 0).all()
        assert (y == 0).any()


def test_what_a_type_says_of_numbers():
    assert np.array_equal(ops.full((2,), 1.7, "int32"), [1, 1])
    assert np.array_equal(ops.arange(2.5, dtype="int32"), [0, 1, 2])
    assert np.array_equal(ops.linspace(0, 1, 3, dtype="int64"), [0, 0, 1])
    assert np.array_equal(ops.logspace(0, 1, 2, dtype="bool"), [1, 1])
    assert np.array_equal(ops.geomspace(1, 4, 3, dtype="int8"), [1, 2, 4])
    assert np.array_equal(ops.convert_to_tensor([1.5, -1.5], "int8"), [1, -1])
    assert np.array_equal(ops.saturate_cast([1.5, -900.0], "float32"), [1.5, -900])
    assert np.array_equal(ops.cast([0.0, np.nan], "bool"), [0, 1])
    values, step = ops.linspace(0, 1, 5, retstep=True)
    assert (values.shape, step) == ((5,), 0.25)


def test_an_operation_of_arrays_is_as_precise_as_they_are():
    assert ops.exp(np.float32([1.0])).dtype == np.float32
    assert ops.exp(np.array([1.0])).dtype == np.float64
    assert ops.exp([1.0]).dtype == np.float32
    weights = fastnn.layers.Dense(2)
    fastnn.Sequential([fastnn.Input((3,), dtype="float64"), weights])
    assert np.array_equal(ops.square(weights.kernel), weights.kernel.value**2)
    assert ops.square(weights.kernel).dtype == np.float64


def test_more_of_the_options():
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    assert np.array_equal(ops.max(x, 1, initial=4), [4, 5])
    assert np.array_equal(ops.min(np.zeros((0, 2)), 0, initial=7), [7, 7])
    assert np.array_equal(ops.roll(x, 1), np.roll(x, 1))
    assert np.array_equal(ops.repeat(x, [1, 0, 2], 1), np.repeat(x, [1, 0, 2], 1))
    assert np.array_equal(ops.sort(x, None), np.sort(x, None))
    assert np.array_equal(ops.isclose([np.nan, 1], [np.nan, 1], equal_nan=True), [1, 1])
    assert np.array_equal(ops.reshape(x, 6), x.ravel())
    assert np.array_equal(ops.nan_to_num([np.inf]), [np.finfo(np.float32).max])
    assert np.array_equal(ops.rot90(x), np.rot90(x))
    assert np.array_equal(ops.diff(x, 0), x)
    assert np.array_equal(ops.in_top_k(np.eye(3)[[0, 2]], x, 1), [1, 0])
    assert (ops.size(x), ops.ndim(x), ops.shape(x)) == (6, 2, (2, 3))
    assert ops.norm(x, 0, 1).tolist() == [3, 2]


def test_still_more_of_the_options():
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    assert np.array_equal(ops.average(x, 1), [2, 3])
    assert np.array_equal(ops.clip(x, [1.0, 2.0, 3.0], None), np.maximum(x, [1, 2, 3]))
    assert np.array_equal(ops.clip(x, None, x[:1]), np.minimum(x, x[:1]))
    assert np.array_equal(ops.part(x, 1, 2), x[:, 1:])
    np.testing.assert_allclose(ops.erf([0.5]), math.erf(0.5), rtol=1e-6)
    root = np.sqrt((x**2).mean(1, keepdims=True) + 1e-7)
    np.testing.assert_allclose(ops.rms_normalization(x, axis=1), x / root, rtol=1e-12)
    places = ops.argpartition(x, 1, axis=None).astype(int)
    assert np.array_equal(np.sort(places), np.arange(6))
    assert places[0] == 3


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 7 // x,
        lambda x: 7 % x,
        lambda x: UP[0] @ x,
        lambda x: +x,
        lambda x: x <= 1,
        lambda x: ROW // x,
    ],
)
def test_operators_from_the_other_side(function):
    x = fastnn.Input((4, 4), dtype="float64")
    data = RNG.uniform(0.5, 2, (2, 4, 4))
    model = fastnn.Model(x, function(x))
    np.testing.assert_allclose(model.predict(data), function(data), rtol=1e-12)


def test_outside_of_a_graph_there_are_no_tensors():
    with pytest.raises(TypeError, match="inside a layer's call"):
        arithmetic.add(1, 2)


def test_a_tensor_of_another_call_is_refused():
    kept = []

    class Keeper(layers.Layer):
        def call(self, x):
            kept.append(x)
            return x + kept[0]

    x = fastnn.Input((3,))
    layer = Keeper()
    with pytest.raises(ValueError, match="belongs to the call of another model"):
        fastnn.Model(x, layer(x)).predict(np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_two_numbers_at_their_ends(dtype):
    inf, nan = np.inf, np.nan
    large = np.sqrt(np.finfo(dtype).max) * 4

    def of(name, a, b):
        return getattr(ops, name)(np.array(a, dtype), np.array(b, dtype))

    known = of("hypot", [3 * large, 0, inf, nan, -inf], [4 * large, 0, 1, inf, -inf])
    np.testing.assert_allclose(known, [5 * large, 0, inf, nan, inf], rtol=1e-6)
    known = of("logaddexp", [inf, -inf, inf, nan, 500], [inf, -inf, -inf, 0, 500])
    np.testing.assert_allclose(known, [inf, -inf, inf, nan, 500 + np.log(2)], rtol=1e-6)
    known = of("arctan2", [0, 1, -1, inf, -inf, 0, nan, 2], [0, 0, -1, inf, -1, -2, 1, -inf])
    quarters = np.array([0, 2, -3, 1, -2, 4, nan, 4]) * np.pi / 4
    np.testing.assert_allclose(known, quarters, rtol=1e-6)


def test_the_size_of_a_batch_is_open():
    seen = []

    class Look(layers.Layer):
        def call(self, x):
            seen.append((ops.size(x), ops.shape(x)))
            return x

    fastnn.Sequential([fastnn.Input((3,)), Look()]).predict(np.ones((2, 3)))
    assert (None, (None, 3)) in seen


# ---- rows ----------------------------------------------------------------------------------------


class Standardized(layers.Layer):
    """``(x - mean) / std scale``, over the last axis."""

    def build(self, input_shape):
        self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

    def call(self, x):
        centred = x - ops.mean(x, -1, keepdims=True)
        return centred / ops.std(x, axis=-1, keepdims=True) * self.scale


def test_a_layer_of_operators_trains():
    model = fastnn.Sequential([fastnn.Input((5,)), Standardized(), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = RNG.normal(size=(8, 5)), RNG.normal(size=(8, 1))
    assert fastnn.gradcheck(model, x, y).ok
    model.fit(x, y, epochs=2, verbose=0)


def test_the_batch_does_not_change_a_bit():
    x = fastnn.Input((3, 4))
    y = ops.logsumexp(x[:, 1:] * 2 - ops.max(x, 1, True), axis=(1, 2))
    model = fastnn.Model(x, ops.expand_dims(y, 1))
    data = RNG.normal(size=(9, 3, 4))
    assert np.array_equal(model.predict(data), model.predict(data, batch_size=2))


def test_a_model_with_indices_and_operators_is_saved(tmp_path):
    x = fastnn.Input((3, 4))
    model = fastnn.Model(x, ops.sum(1 - x[:, ::-1, None, 1] / 2, (1, 2))[..., None] ** 2)
    model.save(tmp_path / "model.fnn")
    data = RNG.normal(size=(5, 3, 4))
    again = fastnn.models.load_model(tmp_path / "model.fnn")
    assert np.array_equal(again.predict(data), model.predict(data))
    known = (1 - data[:, ::-1, 1] / 2).sum(1, keepdims=True) ** 2
    np.testing.assert_allclose(model.predict(data), known, rtol=1e-5)


@pytest.mark.parametrize("shape", [(-1, 6, 2), [None, -1, 2], (-1, 6, -1), [None, 3, 4]])
def test_rows_stay_first_in_another_shape(shape):
    x = fastnn.Input((3, 4))
    data = RNG.normal(size=(5, 3, 4)).astype("float32")
    model = fastnn.Model(x, layers.Dense(2, "relu")(ops.reshape(x, shape)))
    inner = fastnn.Model(x, ops.reshape(x, shape))
    assert np.array_equal(inner.predict(data), data.reshape(5, -1, *inner.output_shape[2:]))
    assert model.output_shape == (*inner.output_shape[:-1], 2)


def test_a_tensor_without_rows_takes_any_shape():
    slope = fastnn.grad(lambda x: ops.sum(ops.reshape(x, -1) * np.arange(6.0)))
    assert np.array_equal(slope(np.zeros((2, 3))), np.arange(6.0).reshape(2, 3))


def of_rows(function):
    return lambda: function(fastnn.Input((3, 4)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (of_rows(lambda x: ops.sum(x)), ShapeError, ("sum", "rows", "axis=-1")),
        (of_rows(lambda x: ops.mean(x, 0)), ShapeError, ("mean", "rows")),
        (of_rows(lambda x: ops.max(x, 3)), ValueError, ("max", "axis 3", "3 axes")),
        (of_rows(lambda x: ops.sum(x, (1, -2))), ValueError, ("twice",)),
        (of_rows(lambda x: ops.sum(x, 1.5)), TypeError, ("axis", "float")),
        (
            of_rows(lambda x: x + fastnn.Input((3, 5))),
            ShapeError,
            ("add", "4 and 5", "expand_dims"),
        ),
        (of_rows(lambda x: x[0]), ShapeError, ("rows",)),
        (of_rows(lambda x: ops.reshape(x, (12,))), ShapeError, ("first axis", "(-1, ...)")),
        (of_rows(lambda x: ops.reshape(x, (-1, 5))), ShapeError, ("fill (-1, 5)", "12 numbers")),
        (of_rows(lambda x: ops.reshape(x, (-1, 5, -1))), ShapeError, ("fill", "12 numbers")),
        (of_rows(lambda x: ops.reshape(x, (-1, -1, -1))), ShapeError, ("one size may be -1",)),
        (of_rows(lambda x: ops.reshape(x, (-1, 12, 0))), ShapeError, ("fill",)),
        (of_rows(lambda x: ops.reshape(x, (-1, 12, None))), ShapeError, ("fill",)),
        (of_rows(lambda x: x[:, 3]), IndexError, ("3", "axis 1")),
        (of_rows(lambda x: x[:, 0, 0, 0]), IndexError, ("4 indices",)),
        (of_rows(lambda x: ops.swapaxes(x, 0, 1)), ShapeError, ("swapaxes", "first")),
        (of_rows(lambda x: ops.flip(x, 0)), ShapeError, ("flip", "rows")),
        (of_rows(lambda x: ops.split(x, 3, 2)), ShapeError, ("split", "3 parts")),
        (of_rows(lambda x: x @ fastnn.Input((3, 2))), ShapeError, ("matmul", "axis k")),
        (of_rows(lambda x: ops.norm(x, "nuc", 1)), ValueError, ("norm", "'fro'")),
        (of_rows(lambda x: ops.top_k(x, 5)), ShapeError, ("top_k", "5")),
        (lambda: ops.add(1, "two"), DTypeError, ("real numbers",)),
        (of_rows(lambda x: ops.ravel(x)), ShapeError, ("ravel", "rows")),
        (of_rows(lambda x: ops.concatenate([x, x], 0)), ShapeError, ("concatenate", "rows")),
        (of_rows(lambda x: ops.concatenate([x, x[:, 1:]], 2)), ShapeError, ("may differ",)),
        (lambda: ops.concatenate([]), ValueError, ("concatenate([a, b]",)),
        (lambda: ops.stack(1.0), ValueError, ("stack([a, b]",)),
        (lambda: ops.hstack([]), ValueError, ("hstack([a, b]",)),
        (of_rows(lambda x: ops.pad(x, 1)), ShapeError, ("pad", "rows")),
        (lambda: ops.pad(A, 1, "edge"), ValueError, ("mode", "'edge'", "reflect")),
        (lambda: ops.pad(A, 1, "reflect", 2), ValueError, ("constant_values", "'constant'")),
        (lambda: ops.pad(A, -1), ValueError, ("pad_width", "-1")),
        (lambda: ops.pad(A, ((1, 1),) * 2), ValueError, ("3 axes",)),
        (lambda: ops.pad(np.zeros((0,)), 1, "symmetric"), ShapeError, ("no places",)),
        (lambda: ops.crop(A, [(2, 2)]), ShapeError, ("crop", "cropping")),
        (of_rows(lambda x: x[:, True]), TypeError, ("get_item", "bool")),
        (of_rows(lambda x: x[:, [0, 1]]), TypeError, ("ops.take",)),
        (of_rows(lambda x: ops.expand_dims(x, 0)), ShapeError, ("first",)),
        (lambda: ops.squeeze(A, 1), ShapeError, ("squeeze", "size 1")),
        (lambda: ops.transpose(A, (0, 1)), ValueError, ("[0, 1]", "3 axes")),
        (lambda: ops.transpose(A, (0, 1, 1)), ValueError, ("twice",)),
        (lambda: ops.moveaxis(A, (0, 1), 2), ValueError, ("2 axes for 1",)),
        (lambda: ops.broadcast_to(A, (2, 3, 1)), ShapeError, ("cannot be repeated",)),
        (lambda: ops.where(A), ValueError, ("x1", "depends on the numbers")),
        (lambda: ops.cast(A, "string"), ValueError, ("cast", "'string'")),
        (lambda: ops.cast(A, "complex64"), ValueError, ("real numbers",)),
        (lambda: ops.max(np.zeros((0, 2)), 0), ShapeError, ("max", "no numbers")),
        (lambda: ops.argmax(np.zeros((2, 0)), 1), ShapeError, ("argmax", "no numbers")),
        (lambda: ops.median(np.zeros((2, 0)), 1), ShapeError, ("quantile", "no numbers")),
        (lambda: ops.quantile(A, 1.5), ValueError, ("quantile", "0 to all")),
        (lambda: ops.percentile(A, 50, method="best"), ValueError, ("'best'", "linear")),
        (lambda: ops.searchsorted(A, 0.0), ShapeError, ("vector",)),
        (lambda: ops.searchsorted(ROW, 0.0, "middle"), ValueError, ("'middle'",)),
        (lambda: ops.multi_hot([[1]]), ValueError, ("num_classes",)),
        (lambda: ops.argpartition(A, 4), ValueError, ("argpartition",)),
        (lambda: ops.glu(A, 1), ShapeError, ("glu", "halves")),
        (lambda: ops.tril(ROW), ShapeError, ("tril", "(..., m, n)")),
        (lambda: ops.diag(A), ShapeError, ("diag", "matrix")),
        (lambda: ops.diagonal(A, 0, 1, -2), ValueError, ("axis1=1", "axis2=-2")),
        (lambda: ops.tensordot(A, B, 4), ShapeError, ("no 4 axes",)),
        (lambda: ops.tensordot(A, B, [0]), ValueError, ("pair",)),
        (lambda: ops.tensordot(A, B, 1), ShapeError, ("one size",)),
        (of_rows(lambda x: ops.tensordot(x, x, [1, 1])), ShapeError, ("first",)),
        (of_rows(lambda x: ops.kron(x, x)), ShapeError, ("kron", "rows")),
        (lambda: ops.cross(A, B), ShapeError, ("cross", "3 numbers")),
        (lambda: ops.diff(A, 5), ShapeError, ("diff", "n=5")),
        (lambda: ops.unstack(A, 3), ShapeError, ("unstack", "3")),
        (lambda: ops.slice(A, (0, 0), (1, 1)), ShapeError, ("slice", "no block")),
        (lambda: ops.slice_update(A, (0, 2, 0), A), ShapeError, ("slice_update", "no block")),
        (lambda: ops.select([A], [A, A]), ValueError, ("1 conditions for 2",)),
        (lambda: ops.rot90(A, 1, (1, 1)), ValueError, ("axes must be two",)),
        (lambda: ops.roll(A, (1, 2), 0), ValueError, ("2 shifts for 1",)),
        (lambda: ops.repeat(A, [1, 2], 1), ShapeError, ("2 repeats for 3",)),
        (lambda: ops.meshgrid(ROW, indexing="yx"), ValueError, ("'yx'",)),
        (lambda: ops.space_to_depth(A, 2), ShapeError, ("height", "channels")),
        (lambda: ops.space_to_depth(A[None], 2), ShapeError, ("2x3", "2x2")),
        (lambda: ops.depth_to_space(A[None, :, :, :3], 2), ShapeError, ("3 channels",)),
        (lambda: ops.normalize(A, order=0), ValueError, ("order",)),
        (lambda: ops.categorical_crossentropy(A, ROW), ShapeError, ("one shape",)),
        (lambda: ops.binary_crossentropy(A, ROW), ShapeError, ("one shape",)),
        (lambda: ops.split(A, 0), ValueError, ("indices_or_sections",)),
        (lambda: ops.conv(A[None], np.ones((1, 1, 3, 2))), ShapeError, ("channels",)),
        (lambda: fastnn.grad(lambda x: x if x > 0 else -x)(1.0), TypeError, ("ops.where",)),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message) < 400
