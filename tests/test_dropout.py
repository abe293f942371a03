"""Dropout: which units have one mask, for every shape of the noise."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers
from fastnn.errors import ShapeError
from fastnn.layers import AlphaDropout, Dense, Dropout, Flatten, Layer

SHAPE = (3, 4, 5)


class Look(Layer):
    """Keeps what passes, and the gradient that comes back."""

    def forward(self, x):
        self.seen = x.copy()
        return x

    def backward(self, dy, x, y):
        return dy


def seen(layer, eagerly=False, seed=3):
    """What a layer makes of ones in a step of training."""
    look = Look()
    x = np.ones((6, *SHAPE))
    model = Sequential([Input(SHAPE), layer, look, Flatten(), Dense(1)], dtype="float64")
    model.compile("sgd", "mse", run_eagerly=eagerly)
    model.seed = seed
    model.fit(x, np.zeros(6), verbose=0, shuffle=False)
    return look.seen


NOISE = [
    None,
    (None, None, None, None),
    (None, 1, None, None),
    (None, 1, 1, None),
    (None, 1, 1, 1),
    (None, None, 1, None),
    (None, None, None, 1),
    (None, None, 1, 1),
    (None, 3, 1, 5),
    (None, 1, 4, 1),
    (1, None, None, None),
    (1, None, 1, None),
    [1, 1, 4, 1],
    (1, 1, 1, 1),
]


@pytest.mark.parametrize("noise_shape", NOISE, ids=str)
@pytest.mark.parametrize("cls", [Dropout, AlphaDropout])
def test_units_of_an_axis_of_one_are_dropped_together(cls, noise_shape):
    for seed in range(4):
        y = seen(cls(0.5, noise_shape), seed=seed)
        assert len(np.unique(y)) <= 2
        for axis, size in enumerate(noise_shape or ()):
            if size == 1:
                assert (np.diff(y, axis=axis) == 0).all()
    together = [size == 1 for size in noise_shape or (None,)]
    if sum(together) < 3:  # so many masks that they are not all alike
        for axis in range(4):
            if not together[axis % len(together)]:
                assert (np.diff(y, axis=axis) != 0).any()


@pytest.mark.parametrize("noise_shape", NOISE, ids=str)
def test_kept_units_are_scaled_up(noise_shape):
    values = {
        float(v)
        for seed in range(9)
        for v in np.unique(seen(Dropout(0.75, noise_shape), seed=seed))
    }
    assert values == {0.0, 4.0}


@pytest.mark.parametrize("noise_shape", NOISE, ids=str)
def test_the_reference_drops_the_same(noise_shape):
    for cls in (Dropout, AlphaDropout):
        one, other = (seen(cls(0.4, noise_shape), eagerly) for eagerly in (False, True))
        assert np.allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("noise_shape", NOISE, ids=str)
def test_gradients_pass_where_units_were_kept(noise_shape):
    around = [Dense(5, "tanh"), Dropout(0.4, noise_shape), Flatten(), Dense(2)]
    model = Sequential([Input(SHAPE), *around], dtype="float64")
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(4, *SHAPE))
    check = fastnn.gradcheck(model, x, x[:, 0, 0, :2], samples=60)
    assert check.ok, str(check)


def test_a_mask_of_all_samples_is_another_in_each_batch():
    look = Look()
    model = Sequential([Input((50,)), Dropout(0.5, (1, None)), look, Dense(1)])
    model.compile("sgd", "mse")
    masks = []
    for _ in range(2):
        model.fit(np.ones((8, 50)), np.zeros(8), batch_size=4, verbose=0)
        masks.append(look.seen[0])
    assert (masks[0] != masks[1]).any()


@pytest.mark.parametrize(
    "noise_shape", [(1, 2), (None, 2, 5), (2, 1, 5), (None, 1), (), (None, 1, 5, 1)]
)
@pytest.mark.parametrize("cls", [Dropout, AlphaDropout])
def test_a_shape_that_is_none_of_a_mask_is_refused(cls, noise_shape):
    model = Sequential([Input((4, 5)), cls(0.5, noise_shape, name="drop"), Flatten(), Dense(1)])
    with pytest.raises(ShapeError, match=r"drop: noise_shape .* that of the rows is None or 1"):
        model.compile("sgd", "mse")


@pytest.mark.parametrize(
    ("noise_shape", "error"),
    [("x", TypeError), (3, TypeError), ((None, 0), ValueError), ((1.5,), TypeError)],
)
def test_what_is_no_shape_is_refused(noise_shape, error):
    with pytest.raises(error, match="noise_shape must be"):
        Dropout(0.5, noise_shape)


@pytest.mark.parametrize(
    ("cls", "shape"), [(layers.SpatialDropout1D, (5,)), (layers.SpatialDropout2D, (4, 5))]
)
def test_spatial_dropout_needs_places(cls, shape):
    with pytest.raises(ShapeError, match=r"expected (sequences|images)"):
        Sequential([Input(shape), cls(0.5)])


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Dropout(1.5), ValueError),
        (lambda: Dropout(1), ValueError),
        (lambda: layers.SpatialDropout1D(1.0), ValueError),
        (lambda: Dropout(0.5, seed=2**53), ValueError),
        (lambda: layers.GaussianNoise(-1), ValueError),
        (lambda: layers.GaussianDropout(1), ValueError),
    ],
)
def test_mistakes(make, error):
    with pytest.raises(error, match=r"must be (in|at)"):
        make()
