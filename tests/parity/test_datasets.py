"""The embedded digits against those that scikit-learn ships."""

import os

import numpy as np
import pytest

from fastnn.datasets import load_digits


@pytest.fixture(scope="module")
def theirs():
    try:
        from sklearn import datasets
    except ImportError as error:
        if os.environ.get("FASTNN_REQUIRE_PARITY") == "1":
            raise
        pytest.skip(f"scikit-learn is not installed: {error}")
    return datasets.load_digits()


def test_digits_are_scikit_learns(theirs):
    x, y = load_digits()
    assert np.array_equal(x[..., 0], theirs.images)
    assert np.array_equal(y, theirs.target)
