"""Folds of the sizes and shares that scikit-learn's have."""

import os

import numpy as np
import pytest

import fastnn

Y = np.random.default_rng(0).choice([7, 1, 4], 53, p=[0.2, 0.5, 0.3])


@pytest.fixture(scope="module")
def theirs():
    try:
        from sklearn import model_selection
    except ImportError as error:
        if os.environ.get("FASTNN_REQUIRE_PARITY") == "1":
            raise
        pytest.skip(f"scikit-learn is not installed: {error}")
    return model_selection


@pytest.mark.parametrize("name", ["KFold", "StratifiedKFold"])
@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_folds_in_order_are_the_same(theirs, name, k):
    ours, peers = (
        list(getattr(module, name)(k).split(np.zeros((53, 2)), Y))
        for module in (fastnn.model_selection, theirs)
    )
    assert len(ours) == k
    for mine, other in zip(ours, peers, strict=True):
        assert all(map(np.array_equal, mine, other))


@pytest.mark.parametrize("name", ["KFold", "StratifiedKFold"])
@pytest.mark.parametrize("seed", range(5))
def test_shuffled_folds_have_the_same_sizes_and_shares(theirs, name, seed):
    k = 5
    ours = getattr(fastnn.model_selection, name)(k, shuffle=True, seed=seed).split(Y, Y)
    peers = getattr(theirs, name)(k, shuffle=True, random_state=seed).split(Y, Y)
    for (_, mine), (_, other) in zip(ours, peers, strict=True):
        assert len(mine) == len(other)
        if name == "StratifiedKFold":
            assert np.array_equal(np.bincount(Y[mine]), np.bincount(Y[other]))
