"""Runs scikit-learn's own checks of estimators, all of them, and prints those that do not pass.

A process of its own: SciPy reads SCIPY_ARRAY_API when it is imported, and without it the check of
arrays that are not NumPy's is left out.
"""

import json
import os

os.environ["SCIPY_ARRAY_API"] = "1"

from sklearn.utils.estimator_checks import check_estimator

import fastnn
from fastnn.layers import Dense
from fastnn.sklearn import FastNNClassifier, FastNNRegressor


def make_model(input_shape, n_outputs):
    """A network whose last layer has no activation, in float64."""
    layers = [fastnn.Input(input_shape), Dense(8, "tanh"), Dense(n_outputs)]
    return fastnn.Sequential(layers, dtype="float64")


ESTIMATORS = {
    "classifier": FastNNClassifier(16, learning_rate_init=0.01),
    "classifier, sgd": FastNNClassifier(
        (12, 6), solver="sgd", activation="tanh", learning_rate="adaptive", learning_rate_init=0.1
    ),
    "classifier, model": FastNNClassifier(model=make_model, learning_rate_init=0.02),
    "regressor": FastNNRegressor(16, learning_rate_init=0.01),
    "regressor, model": FastNNRegressor(model=make_model, solver="nadam", learning_rate_init=0.02),
}


def checked(estimator):
    """Return how many checks there are for an estimator, and those that did not pass."""
    results = check_estimator(estimator, on_fail=None, on_skip=None)
    others = [f"{r['check_name']}: {r['exception']!r}" for r in results if r["status"] != "passed"]
    return {"checks": len(results), "others": others}


if __name__ == "__main__":
    print(json.dumps({name: checked(each) for name, each in ESTIMATORS.items()}))
