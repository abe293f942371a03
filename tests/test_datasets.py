"""The embedded digits, and splits that hold still."""

import hashlib

import numpy as np
import pytest

from fastnn.datasets import load_digits, train_test_split


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


def rows_of(parts):
    """The rows each part holds, of an x that is its own row numbers."""
    x_train, x_test, y_train, y_test = parts
    return x_train.tolist(), x_test.tolist(), y_train, y_test


@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize(("rows", "test_size", "held"), [(10, 0.25, 3), (11, 4, 4), (2, 1, 1)])
def test_parts_are_disjoint_and_complete(rows, test_size, held, stratify):
    y = np.arange(rows) % 3
    train, test, y_train, y_test = rows_of(
        train_test_split(np.arange(rows), y, test_size=test_size, stratify=stratify)
    )
    assert sorted(train + test) == list(range(rows))
    assert len(test) == held
    assert np.array_equal(y_train, y[train])
    assert np.array_equal(y_test, y[test])


@pytest.mark.parametrize("seed", range(20))
def test_each_class_gives_its_share_to_within_one_row(seed):
    y = np.repeat([5, 2, 9, 7], [31, 5, 11, 97])
    _, _, _, y_test = train_test_split(y, y, test_size=0.2, seed=seed)
    labels, counts = np.unique(y_test, return_counts=True)
    for label, count in zip(labels, counts, strict=True):
        assert abs(count - (y == label).sum() * 29 / 144) < 1  # ceil(.2 * 144) = 29
    assert len(labels) == 4


def test_one_hot_rows_are_classes():
    labels = np.arange(60) % 3
    _, _, _, y_test = train_test_split(labels, np.eye(3)[labels], test_size=0.5)
    assert y_test.sum(axis=0).tolist() == [10, 10, 10]


def test_a_seed_gives_these_rows_everywhere():
    x = np.arange(20)
    assert train_test_split(x, x % 2, seed=0)[1].tolist() == [0, 11, 5, 12]
    assert train_test_split(x, x % 2, stratify=False, seed=1)[1].tolist() == [3, 5, 2, 9]


def test_seeds_differ_and_order_is_random():
    x = np.arange(200)
    first, second = (train_test_split(x, x % 2, seed=seed)[0].tolist() for seed in (0, 1))
    assert first != second
    assert first != sorted(first)


def test_every_row_is_held_out_about_as_often():
    x, times = np.arange(50), np.zeros(50)
    for seed in range(400):
        times[train_test_split(x, x % 5, test_size=0.2, seed=seed)[1]] += 1
    # 400 draws at p = .2: mean 80, deviation 8; six of them hold for all 50 rows.
    assert np.all(abs(times - 80) < 48)


def test_numpys_global_state_is_neither_read_nor_changed():
    np.random.seed(3)  # noqa: NPY002 -- the state under test
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = train_test_split(np.arange(30), np.arange(30) % 2)[1]
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(4)  # noqa: NPY002
    assert np.array_equal(first, train_test_split(np.arange(30), np.arange(30) % 2)[1])


@pytest.mark.parametrize(
    ("x", "y", "options", "words"),
    [
        ([1, 2], [1], {}, "as many rows"),
        (1, 1, {}, "as many rows"),
        ([1, 2], [0, 1], {"test_size": 2}, "leaves a part empty"),
        ([1, 2], [0, 1], {"test_size": 0}, "leaves a part empty"),
        ([1, 2], [0, 1], {"test_size": 0.9}, "leaves a part empty"),
        ([1, 2], [0, 1], {"test_size": 1.0}, "a share in"),
        ([1, 2], [0, 1], {"test_size": float("nan")}, "a share in"),
        ([1, 2], [0, 1], {"test_size": True}, "a share in"),
        ([1, 2], [0.5, 1], {}, "stratify=False"),
    ],
)
def test_what_cannot_be_split_is_refused(x, y, options, words):
    with pytest.raises(ValueError, match=words):
        train_test_split(x, y, **options)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError):
        train_test_split([1, 2, 3, 4], [0, 1, 0, 1], seed=-1)
