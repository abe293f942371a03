"""Splits that hold still: once, and fold by fold."""

import warnings

import numpy as np
import pandas as pd
import pytest

from fastnn.model_selection import KFold, StratifiedKFold, train_test_split


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
        ([1, 2], [0, 1], {"stratify": [0]}, "stratify has 1 rows, y has 2; .* class of each row"),
    ],
)
def test_what_cannot_be_split_is_refused(x, y, options, words):
    with pytest.raises(ValueError, match=words):
        train_test_split(x, y, **options)


def test_rows_may_share_out_other_classes_than_those_of_y():
    y = np.arange(40) % 2
    by_y = train_test_split(y, y)
    for stratify in (y, pd.Series(y), np.array(["no", "yes"], object)[y], np.eye(2)[y]):
        assert all(map(np.array_equal, train_test_split(y, y, stratify=stratify), by_y))
    rows, groups = np.arange(40), np.arange(40) // 10
    _, _, _, test = train_test_split(rows, rows / 7, stratify=groups)
    assert np.bincount(groups[np.rint(test * 7).astype(int)]).tolist() == [2, 2, 2, 2]


def test_nothing_to_stratify_by_is_as_false():
    found, expected = (train_test_split(range(9), range(9), stratify=s) for s in (None, False))
    assert all(map(np.array_equal, found, expected))


def test_stratify_is_no_text():
    with pytest.raises(TypeError, match="stratify must be True or False, got str"):
        train_test_split([1, 2], [0, 1], stratify="y")


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError):
        train_test_split([1, 2, 3, 4], [0, 1, 0, 1], seed=-1)


# ---- folds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [KFold, StratifiedKFold])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("rows", "k"), [(2, 2), (23, 2), (24, 5), (101, 7)])
def test_each_row_is_held_out_once(cls, shuffle, rows, k):
    y = np.arange(rows) % (1 if rows == 2 else 3)
    held = []
    for train, test in cls(k, shuffle=shuffle, seed=3).split(np.zeros((rows, 2)), y):
        assert sorted([*train, *test]) == list(range(rows))
        assert np.all(np.diff(train) > 0)
        assert np.all(np.diff(test) > 0)
        held += test.tolist()
    assert sorted(held) == list(range(rows))


@pytest.mark.parametrize("seed", range(10))
def test_each_fold_has_its_share_of_every_class(seed):
    y = np.random.default_rng(seed).choice([4, 2, 9], 131, p=[0.1, 0.2, 0.7])
    for _, test in StratifiedKFold(5, shuffle=True, seed=seed).split(y, y):
        for label in (4, 2, 9):
            assert abs((y[test] == label).sum() - (y == label).sum() / 5) < 1


def test_folds_of_a_seed_are_these_everywhere():
    def held(cls, seed):
        x = np.zeros(8)
        return [
            test.tolist() for _, test in cls(2, shuffle=True, seed=seed).split(x, np.arange(8) % 2)
        ]

    assert held(KFold, 0) == [[0, 1, 2, 5], [3, 4, 6, 7]]
    assert held(StratifiedKFold, 0) == [[0, 1, 3, 4], [2, 5, 6, 7]]
    assert held(KFold, 0) != held(KFold, 1)


def test_classes_are_shuffled_each_by_itself():
    y = np.arange(400) % 2
    test = next(iter(StratifiedKFold(2, shuffle=True).split(y, y)))[1]
    zeros, ones = (set(test[y[test] == label] // 2) for label in (0, 1))
    assert 30 < len(zeros & ones) < 70  # of 100, were they dealt alike


def test_one_hot_rows_are_stratified():
    labels = np.arange(30) % 3
    for _, test in StratifiedKFold(5).split(labels, np.eye(3)[labels]):
        assert np.bincount(labels[test]).tolist() == [2, 2, 2]


def test_a_class_smaller_than_the_folds_warns():
    y = np.array([0] * 9 + [1])
    with pytest.warns(UserWarning, match="the smallest class has 1 rows, fewer than the 3 folds"):
        StratifiedKFold(3).split(y, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        KFold(3).split(y, y)


@pytest.mark.parametrize(
    ("split", "error", "words"),
    [
        (lambda: KFold(1), ValueError, "n_splits must be 2 or more, got 1"),
        (lambda: KFold(2.5), TypeError, "n_splits must be an integer"),
        (lambda: KFold(seed=-1), ValueError, "seed must be 0 or more"),
        (lambda: KFold(3).split([1, 2]), ValueError, "3 folds need as many rows, got 2"),
        (lambda: StratifiedKFold(2).split([1, 2]), ValueError, "y is missing"),
        (lambda: StratifiedKFold(2).split([1, 2], [1]), ValueError, "x has 2 rows, y has 1"),
        (lambda: StratifiedKFold(2).split([1, 2], [0, 1]), ValueError, "1 rows of the largest"),
        (lambda: StratifiedKFold(2).split([1, 2], [0.5, 1]), ValueError, "for regression .* KFold"),
    ],
)
def test_mistakes_of_folds(split, error, words):
    with pytest.raises(error, match=words):
        split()


def test_the_number_of_folds_is_known():
    assert KFold(4).get_n_splits() == 4
