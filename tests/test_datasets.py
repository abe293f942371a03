"""The embedded digits, and data that is made up."""

import hashlib

import numpy as np
import pytest

from fastnn import datasets
from fastnn.datasets import load_digits


def test_digits_are_the_pinned_bytes():
    x, y = load_digits()
    assert x.shape == (1797, 8, 8, 1)
    assert x.dtype == np.uint8
    assert y.dtype == np.int64
    digest = hashlib.sha256(x.tobytes() + y.astype("<i8").tobytes()).hexdigest()
    assert digest == "65e5b4619795efb40c1082f4c350c049e4ad552200d369b6ae99e21eef5e72c5"


def test_digits_are_a_callers_own():
    x, _ = load_digits()
    x[:] = 0
    assert load_digits()[0].any()


# ---- made up -------------------------------------------------------------------------------------

MADE = {name: getattr(datasets, name) for name in datasets.__all__ if name.startswith("make_")}
POINTS = ["make_moons", "make_circles", "make_spirals", "make_blobs", "make_xor"]


def arrays(made):
    return made if isinstance(made, tuple) else (made,)


@pytest.mark.parametrize("name", MADE)
def test_a_seed_gives_one_set(name):
    first, again, other = (arrays(MADE[name](50, seed=seed)) for seed in (3, 3, 4))
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(first[0], other[0])
    assert all(len(part) == 50 for part in first)


@pytest.mark.parametrize("name", MADE)
def test_one_sample_and_many_are_finite(name):
    for n in (1, 331):
        for part in arrays(MADE[name](n)):
            assert len(part) == n
            assert np.isfinite(part).all()


@pytest.mark.parametrize("name", MADE)
def test_a_seed_gives_the_same_set_everywhere(name):
    # the sum, because sines and logarithms of NumPy's versions may differ in the last place
    total = sum(float(np.sum(part, dtype="float64")) for part in arrays(MADE[name](64, seed=1)))
    assert total == pytest.approx(TOTALS[name], rel=1e-5)


TOTALS = {
    "make_blobs": -53.90187,
    "make_circles": 27.84943,
    "make_moons": 91.96466,
    "make_multilabel_shapes": 731341.0,
    "make_regression": -31.23435,
    "make_sine": -7.62752,
    "make_spirals": 36.28342,
    "make_tabular": 2563882.0,
    "make_timeseries": 37.69368,
    "make_xor": 33.01145,
}


@pytest.mark.parametrize("name", POINTS)
def test_points_have_labels_in_equal_parts_and_in_no_order(name):
    x, y = MADE[name](240)
    assert (x.shape, x.dtype, y.dtype) == ((240, 2), np.float32, np.int64)
    assert len(set(np.bincount(y))) == 1
    assert 0 < (np.diff(y) == 0).sum() < 200


def test_regression_has_both_signs_and_is_linear_or_not():
    x, y = datasets.make_regression(300, 4)
    assert min(y) < 0 < max(y)
    design = np.column_stack([x, np.ones(300)])
    assert np.abs(design @ np.linalg.lstsq(design, y, rcond=None)[0] - y).max() < 1e-5
    x, y = datasets.make_regression(300, 4, nonlinear=True)
    assert min(y) < 0 < max(y)
    wanted = np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2 - 1 / 3 + x[:, 2] * x[:, 3]
    assert np.abs(wanted - y).max() < 1e-5
    assert datasets.make_regression(9, 1, nonlinear=True)[0].shape == (9, 1)


def test_noise_is_of_the_size_asked_for():
    plain, noisy = (datasets.make_regression(4000, noise=noise)[1] for noise in (0, 0.5))
    assert np.std(noisy - plain) == pytest.approx(0.5, rel=0.05)


def test_points_lie_where_they_should_without_noise():
    x, y = datasets.make_moons(100, noise=0)
    centre = np.where(y[:, None] == 1, [1, 0.5], [0, 0])
    assert np.allclose(np.linalg.norm(x - centre, axis=1), 1, atol=1e-6)
    assert (x[y == 0][:, 1] >= 0).all()
    assert (x[y == 1][:, 1] <= 0.5).all()
    x, y = datasets.make_circles(100, noise=0, factor=0.3)
    assert np.allclose(np.linalg.norm(x, axis=1), np.where(y == 1, 0.3, 1), atol=1e-6)
    x, y = datasets.make_xor(100, noise=0)
    assert np.array_equal(x[:, 0] * x[:, 1] < 0, y == 1)
    x, y = datasets.make_spirals(100, 3, noise=0)
    radius = np.linalg.norm(x, axis=1)
    turn = np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) - radius - y / 3
    assert np.allclose(np.rint(turn), turn, atol=1e-4)


def test_shapes_are_seen_where_the_labels_say_so():
    x, y = datasets.make_multilabel_shapes(400, noise=0)
    assert (x.shape, x.dtype, y.shape) == ((400, 16, 16, 1), np.uint8, (400, 3))
    assert (abs(y.mean(axis=0) - 0.5) < 0.1).all()
    bright = (x > 100).any(axis=(1, 2, 3))
    assert np.array_equal(bright, y.any(axis=1))
    assert len(np.unique(y, axis=0)) == 8


def test_a_sine_goes_on_as_it_was():
    x, y = datasets.make_sine(50, steps=12)
    # sin(a + d) = 2 cos(d) sin(a) - sin(a - d)
    last, before, first = x[:, -1, 0], x[:, -2, 0], x[:, -3, 0]
    twice_cosine = (last + first) / before
    good = np.abs(before) > 0.1
    assert np.allclose((twice_cosine * last - before)[good], y[good], atol=1e-3)


def test_a_table_needs_scaling_and_has_a_constant_column():
    x, y = datasets.make_tabular(2000)
    assert x.std(axis=0).max() / x.std(axis=0)[:4].min() > 1e4
    assert (x[:, 4] == 1).all()
    assert 0.3 < y.mean() < 0.7


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: datasets.make_xor(0), ValueError, "n_samples must be 1 or more, got 0"),
        (lambda: datasets.make_xor(2.5), TypeError, "n_samples must be an integer"),
        (lambda: datasets.make_moons(seed=-1), ValueError, "make_moons: seed must be 0 or more"),
        (lambda: datasets.make_circles(factor=1), ValueError, "factor must be in"),
        (lambda: datasets.make_moons(noise="a"), TypeError, "make_moons: noise must be a number"),
        (lambda: datasets.make_multilabel_shapes(size=7), ValueError, "size must be 8 or more"),
    ],
)
def test_mistakes(make, error, words):
    with pytest.raises(error, match=words):
        make()
