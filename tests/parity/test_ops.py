"""fastnn.ops beside keras.ops: values in both precisions, gradients; random shapes and axes."""

import numpy as np
import pytest
from op_cases import CASES, Draw, arguments, assert_near, differentiable, in_precision, numbers

import fastnn
from fastnn import nests, ops

#: Names of keras.ops that are not compared here, and why.
ELSEWHERE = {
    "argpartition": "the order within each part is nobody's: test_parts_are_parts",
    "sparsemax": "Keras adds up cumulative sums, so that more than two shares do not add up to 1",
}
COMPARED = sorted(set(CASES) - set(ELSEWHERE))


@pytest.mark.parametrize("name", COMPARED)
@pytest.mark.parametrize("seed", range(3))
def test_values_are_kerass(keras, name, seed, monkeypatch):
    args, options = arguments(name, seed)
    theirs = numbers(getattr(keras.ops, name)(*args, **options))
    for dtype, share in (("float64", 1e-10), ("float32", 1e-5)):
        monkeypatch.setattr("fastnn.config.floatx", lambda dtype=dtype: dtype)
        known, named = in_precision([list(args), options], dtype)
        ours = getattr(ops, name)(*known, **named)
        assert_near(numbers(ours), theirs, share)


#: What jax has another derivative of, or none, at places that are drawn; and constants.
NO_GRADIENT = {
    "divide_no_nan": "jax returns NaN where the divisor is 0",
    "in_top_k": "a metric",
    "heaviside": "jax passes the derivative of the second number nowhere",
}


@pytest.mark.parametrize("name", [name for name in COMPARED if name not in NO_GRADIENT])
@pytest.mark.parametrize("seed", range(2))
def test_gradients_are_those_of_jax(keras, name, seed):
    import jax

    args, options = arguments(name, seed)
    given = [list(args), options]
    leaves = nests.flatten(given)
    moving = differentiable(given)
    if not moving or name in ("ndim", "shape", "size"):
        return
    weights = [
        np.random.default_rng(seed).normal(size=np.shape(y))
        for y in nests.flatten(getattr(keras.ops, name)(*args, **options))
    ]

    def total(module, cast, add, tensors):
        full = list(leaves)
        for i, tensor in zip(moving, tensors, strict=True):
            full[i] = tensor
        known, named = nests.pack(given, full)
        ys = nests.flatten(getattr(module, name)(*known, **named))
        return sum(add(cast(y) * w) for y, w in zip(ys, weights, strict=True))

    start = [leaves[i] for i in moving]
    theirs = jax.grad(
        lambda xs: total(keras.ops, lambda y: y.astype("float64"), lambda y: y.sum(), xs)
    )(start)
    ours = fastnn.grad(
        lambda *xs: total(ops, lambda y: y, ops.sum, xs), tuple(range(len(start))), dtype="float64"
    )(*start)
    assert_near(numbers(ours), numbers(theirs), 1e-8)


def test_every_function_of_both_is_compared(keras):
    both = set(ops.__all__) & set(dir(keras.ops))
    assert both - set(COMPARED) == set(ELSEWHERE)
    assert set(CASES) <= both


@pytest.mark.parametrize("name", sorted(CASES))
def test_arguments_have_kerass_names_order_and_defaults(keras, name):
    import inspect

    def described(module):
        known = inspect.signature(getattr(module, name)).parameters.values()
        return [(p.name, p.default) for p in known if p.kind is not p.KEYWORD_ONLY]

    theirs = [(n, default) for n, default in described(keras.ops) if n != "kwargs"]
    assert described(ops)[: len(theirs)] == theirs
    assert len(described(ops)) == len(theirs)


@pytest.mark.parametrize("seed", range(4))
def test_parts_are_parts(keras, seed):
    x = Draw(seed).array(shape=(3, 7))
    places = ops.argpartition(x, 4).astype(int)
    values = np.take_along_axis(x, places, -1)
    theirs = np.take_along_axis(x, np.asarray(keras.ops.argpartition(x, 4)), -1)
    assert np.array_equal(np.sort(values[:, :4]), np.sort(theirs[:, :4]))
    assert np.array_equal(np.sort(values), np.sort(x))


def test_weights_are_arrays_too(keras):
    weight = fastnn.layers.Dense(2)
    fastnn.Sequential([fastnn.Input((3,)), weight])
    assert np.allclose(ops.sum(weight.kernel, 0), weight.kernel.value.sum(0))
