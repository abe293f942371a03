"""Merging layers beside Keras's at random shapes: numbers, gradients, masks."""

import numpy as np
import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

ELEMENTWISE = ["Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"]


def sizes(rng, count, least=1, most=5):
    return tuple(int(n) for n in rng.integers(least, most + 1, count))


def dense_each(m, xs):
    return [m.layers.Dense(x.shape[-1], "tanh")(x) for x in xs]


@pytest.mark.parametrize("kind", ELEMENTWISE)
@pytest.mark.parametrize("seed", range(30))
def test_numbers(beside, kind, seed):
    """Shapes of which some axes are 1, and some are missing."""
    rng = np.random.default_rng(seed)
    shape = sizes(rng, rng.integers(1, 4))
    count = 2 if kind == "Subtract" else int(rng.integers(2, 5))
    shapes = [shape]
    for _ in range(count - 1):
        ones = rng.random(len(shape)) < 0.3
        own = tuple(1 if one else n for one, n in zip(ones, shape, strict=True))
        # the peer adds missing axes after the rows only if it knows sizes to be the same there
        shapes.append(own[rng.integers(0, 2) if len(own) > 1 and seed % 3 == 0 else 0 :])

    def build(m, given):
        xs = [m.Input(each, **given) for each in shapes]
        return m.Model(xs, getattr(m.layers, kind)()(dense_each(m, xs)))

    x = [rng.normal(size=(4, *each)) for each in shapes]
    beside(build, x, seed)


@pytest.mark.parametrize("seed", range(30))
def test_concatenate(beside, seed):
    rng = np.random.default_rng(seed)
    shape = sizes(rng, rng.integers(1, 4))
    at = int(rng.integers(1, len(shape) + 1))
    shapes = [(*shape[: at - 1], int(n), *shape[at:]) for n in rng.integers(1, 5, 3)]
    axis = at if seed % 2 else at - len(shape) - 1

    def build(m, given):
        xs = [m.Input(each, **given) for each in shapes]
        return m.Model(xs, m.layers.Concatenate(axis=axis)(dense_each(m, xs)))

    x = [rng.normal(size=(4, *each)) for each in shapes]
    beside(build, x, seed)


@pytest.mark.parametrize("seed", range(30))
def test_dot(beside, seed):
    rng = np.random.default_rng(seed)
    shapes = [list(sizes(rng, n)) for n in rng.integers(1, 4, 2)]
    places = [int(rng.integers(1, len(shape) + 1)) for shape in shapes]
    shapes[1][places[1] - 1] = shapes[0][places[0] - 1]
    axes = places if seed % 2 else [at - len(s) - 1 for at, s in zip(places, shapes, strict=True)]
    if axes[0] == axes[1] and seed % 3:
        axes = axes[0]

    def build(m, given):
        xs = [m.Input(each, **given) for each in shapes]
        y = m.layers.Dot(axes=axes, normalize=seed % 5 == 0)(dense_each(m, xs))
        return m.Model(xs, y)

    x = [rng.normal(size=(4, *each)) for each in shapes]
    beside(build, x, seed, rtol=1e-10)


@pytest.mark.parametrize("seed", range(30))
def test_permute(beside, seed):
    rng = np.random.default_rng(seed)
    shape = sizes(rng, rng.integers(1, 5))
    dims = tuple(int(n) + 1 for n in rng.permutation(len(shape)))

    def build(m, given):
        x = m.Input(shape, **given)
        return m.Model(x, m.layers.Permute(dims)(m.layers.Dense(shape[-1])(x)))

    beside(build, rng.normal(size=(3, *shape)), seed)


@pytest.mark.parametrize("kind", [*ELEMENTWISE, "Concatenate", "steps"])
@pytest.mark.parametrize("masks", ["both", "one", "other"])
@pytest.mark.parametrize("seed", range(6))
def test_masks(beside, kind, masks, seed):
    """What a recurrent layer makes of merged sequences that have gaps."""
    rng = np.random.default_rng(seed)
    time, features = sizes(rng, 2, 2, 6)

    def build(m, given):
        xs = [m.Input((time, features), **given) for _ in range(2)]
        known = {"both": (True, True), "one": (True, False), "other": (False, True)}[masks]
        shared = m.layers.Dense(features, "tanh")  # one: the peer orders layers by their masks, too
        parts = [
            shared(m.layers.Masking()(x) if masked else x)
            for x, masked in zip(xs, known, strict=True)
        ]
        layer = m.layers.Concatenate(1) if kind == "steps" else getattr(m.layers, kind)()
        return m.Model(xs, m.layers.GRU(4)(layer(parts)))

    x = [rng.normal(size=(7, time, features)) for _ in range(2)]
    for each in x:
        each[rng.random((7, time)) < 0.4] = 0
    beside(build, x, seed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["Flatten", "Reshape", "Permute", "RepeatVector", "Dot"])
def test_layers_that_end_a_mask(beside, kind):
    """Behind them all steps count, in Keras too."""

    def build(m, given):
        ids = m.Input((4,), dtype="int32")
        x = m.layers.Embedding(5, 4, mask_zero=True, dtype="float64")(ids)
        if kind == "Flatten":
            y = m.layers.Flatten()(x)
        elif kind == "Reshape":
            y = m.layers.LSTM(3, dtype="float64")(m.layers.Reshape((2, 8))(x))
        elif kind == "Permute":
            y = m.layers.LSTM(3, dtype="float64")(m.layers.Permute((2, 1))(x))
        elif kind == "Dot":
            y = m.layers.LSTM(3, dtype="float64")(m.layers.Dot(2, dtype="float64")([x, x]))
        else:
            last = m.layers.LSTM(3, dtype="float64")(x)
            y = m.layers.LSTM(3, dtype="float64")(m.layers.RepeatVector(2)(last))
        return m.Model(ids, y)

    x = np.random.default_rng(0).integers(0, 5, (7, 4))
    beside(build, x, 0)
