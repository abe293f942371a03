"""fastnn.ops beside NumPy; every gradient beside central differences; what is refused."""

import numpy as np
import pytest

import fastnn
from fastnn import layers, ops
from fastnn.errors import DTypeError, ShapeError

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
        (lambda: fastnn.grad(lambda x: x if x > 0 else -x)(1.0), TypeError, ("ops.where",)),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message) < 400
