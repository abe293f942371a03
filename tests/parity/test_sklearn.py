"""scikit-learn as a peer, where it finds by another way what a small model must find."""

import os

import numpy as np
import pytest

import fastnn
from fastnn.layers import Dense

if os.environ.get("FASTNN_REQUIRE_PARITY") != "1":
    pytest.importorskip("sklearn")

from sklearn.linear_model import LogisticRegression


@pytest.mark.parametrize("seed", range(5))
def test_one_sigmoid_is_logistic_regression(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 3))
    logits = x @ rng.normal(size=3) + rng.normal()
    y = (logits + rng.logistic(size=300) > 0).astype(float)
    model = fastnn.Sequential([fastnn.Input((3,)), Dense(1, "sigmoid")], dtype="float64")
    model.compile(fastnn.optimizers.SGD(2.0), "binary_crossentropy")
    model.fit(x, y, batch_size=300, epochs=3000, verbose=0)
    found = LogisticRegression(C=np.inf, tol=1e-10).fit(x, y)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel[:, 0], found.coef_[0], rtol=1e-4)
    np.testing.assert_allclose(bias, found.intercept_, rtol=1e-4, atol=1e-6)
