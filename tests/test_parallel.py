"""Folds on threads, by joblib, Dask and executors: the same bits wherever they are trained."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

import fastnn
from fastnn.callbacks import EarlyStopping, ReduceLROnPlateau
from fastnn.layers import Dense, Dropout, Normalization

X, Y = fastnn.datasets.make_blobs(61, centers=3, seed=2)


def run(**options):
    units = 8

    def make_model():  # sent by value, with what it refers to
        layers = [Normalization(), Dense(units, "relu"), Dropout(0.2), Dense(3, "softmax")]
        model = fastnn.Sequential([fastnn.Input((2,)), *layers])
        model.compile("adam", cross_entropy, ["accuracy"])  # which no model file can hold
        return model

    def cross_entropy(y_true, y_pred):
        return fastnn.ops.categorical_crossentropy(y_true, y_pred)

    def make_callbacks():
        return [ReduceLROnPlateau("loss", 0.5, 1, min_delta=9.0), EarlyStopping("loss", patience=4)]

    y = fastnn.utils.to_categorical(Y, 3)
    chosen = {"k": 3, "epochs": 3, "batch_size": 8, "seed": 1, "make_callbacks": make_callbacks}
    return fastnn.cross_validate(make_model, X, y, **chosen | options)


@pytest.fixture(scope="module")
def cluster():
    """Two processes of Dask."""
    options = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": ":0"}
    with LocalCluster(**options) as made, Client(made, set_as_default=False) as client:
        yield client


def same(one, other):
    assert list(one.scores) == list(other.scores)
    assert all(np.array_equal(one.scores[name], other.scores[name]) for name in one.scores)
    assert [h.history for h in one.histories] == [h.history for h in other.histories]
    for pair in zip(one.models, other.models, strict=True):
        weights = zip(*(model.get_weights() for model in pair), strict=True)
        assert all(np.array_equal(*each) for each in weights)
        rates = {float(model.optimizer.learning_rate) for model in pair}
        assert len(rates) == 1
        assert rates != {0.001}
        # they go on alike, with what the optimizer remembers
        went_on = [model.train_on_batch(X, fastnn.utils.to_categorical(Y, 3)) for model in pair]
        assert went_on[0] == went_on[1]
    return True


def test_joblib():
    assert same(run(), run(backend="joblib", n_jobs=2))


def test_joblib_as_it_was_set():
    with joblib.parallel_config("threading", n_jobs=2):
        assert same(run(), run(backend="joblib"))


def test_dask(cluster):
    with cluster.as_current():
        assert same(run(), run(backend="dask"))


def test_a_dask_client_and_an_address(cluster):
    assert same(run(), run(backend=cluster))
    assert same(run(), run(backend=cluster.scheduler.address))


def test_an_executor_of_threads():
    with ThreadPoolExecutor(3) as pool:
        assert same(run(), run(backend=pool))


def test_an_executor_of_processes(tmp_path):
    """What it sends has to be importable by name, as pickle wants it."""
    model = fastnn.Sequential([fastnn.Input((2,)), Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model")
    make = partial(fastnn.models.load_model, tmp_path / "model")
    options = {"k": 2, "epochs": 2, "seed": 3}
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        there = fastnn.cross_validate(make, X, Y, backend=pool, **options)
    assert str(there) == str(fastnn.cross_validate(make, X, Y, **options))


def test_an_error_of_a_fold_is_the_callers(cluster):
    def make_model():
        model = fastnn.Sequential([fastnn.Input((2,)), Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    with ThreadPoolExecutor(1) as pool:
        for backend in (cluster, "joblib", pool):
            with pytest.raises(fastnn.errors.LabelError, match="label 2 of row"):
                fastnn.cross_validate(make_model, X, Y, k=2, backend=backend)


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"backend": "spark"}, TypeError, "'joblib', 'dask', 'ray', a Dask client.*got 'spark'"),
        ({"backend": 3}, TypeError, "Executor of concurrent.futures, got int"),
        ({"backend": "dask", "n_jobs": 2}, ValueError, "n_jobs is for threads and joblib; 'dask'"),
        ({"backend": "dask"}, ValueError, r"needs a cluster; make a distributed.Client\(\) first"),
    ],
)
def test_a_backend_that_is_none(options, error, says):
    with pytest.raises(error, match=says):
        run(**options)


@pytest.mark.parametrize(
    ("backend", "module", "says"),
    [
        ("joblib", "joblib", "backend='joblib' needs joblib.*'fastnn.joblib.'"),
        ("dask", "distributed", "backend='dask' needs Dask.*'fastnn.dask.'"),
        ("ray", "ray", "backend='ray' needs Ray.*'fastnn.ray.'"),
    ],
)
def test_a_missing_library_is_named(backend, module, says, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=says):
        run(backend=backend)


def test_a_grid_search_of_scikit_learn_on_dask(cluster):
    """Through joblib's own backend of Dask: nothing of fastnn knows of it."""
    network = fastnn.sklearn.FastNNClassifier(
        4, max_iter=3, n_iter_no_change=np.inf, random_state=0
    )
    grid = {"hidden_layer_sizes": [2, 6], "learning_rate_init": [0.001, 0.1]}
    found = []
    for backend, options in (("sequential", {}), ("dask", {"client": cluster})):
        with joblib.parallel_config(backend, **options):
            found.append(GridSearchCV(network, grid, cv=2).fit(X, Y))
    one, other = found
    assert one.best_params_ == other.best_params_
    for name in ("mean_test_score", "split0_test_score", "split1_test_score"):
        assert np.array_equal(one.cv_results_[name], other.cv_results_[name])
    assert np.array_equal(one.predict_proba(X), other.predict_proba(X))
    assert len(set(one.cv_results_["mean_test_score"])) > 1
