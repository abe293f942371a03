"""Networks as scikit-learn's estimators, with the real scikit-learn."""

import json
import pickle
import re
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import estimators
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn import datasets
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

import fastnn
from fastnn.bench import estimators as comparison
from fastnn.callbacks import Callback
from fastnn.errors import DataFileError, ModelFileError
from fastnn.layers import Conv2D, Dense, Flatten, Normalization
from fastnn.sklearn import FastNNClassifier, FastNNRegressor, from_sklearn, to_model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
SCORES = X @ RNG.normal(size=(5, 3))
LABELS = SCORES.argmax(1)

NETWORK = FastNNRegressor(2, max_iter=1, random_state=0)
POLYNOMIAL = make_pipeline(PolynomialFeatures(), NETWORK)
LOG_OF_TARGET = TransformedTargetRegressor(NETWORK, func=np.log1p, inverse_func=np.expm1)
TARGETS = {
    "binary": (SCORES[:, 0] > 0).astype(int),
    "classes": LABELS,
    "labels": (SCORES > 0).astype(int),
    "numbers": SCORES[:, 0],
    "several numbers": SCORES[:, :2],
    "counts": RNG.poisson(np.exp(SCORES[:, 0] / 3)),
}


def kinds(task):
    """Return fastnn's and scikit-learn's estimator for a task, with the parameters it needs."""
    if task in ("numbers", "several numbers", "counts"):
        loss = {"loss": "poisson"} if task == "counts" else {}
        return partial(FastNNRegressor, **loss), partial(MLPRegressor, **loss)
    return FastNNClassifier, MLPClassifier


def bits(estimator):
    """Return all weights of a fitted estimator as bytes."""
    return b"".join(w.tobytes() for w in estimator.model_.get_weights())


# ---- scikit-learn's own checks -------------------------------------------------------------------


def test_every_check_of_scikit_learn_passes_and_none_is_skipped():
    command = [sys.executable, Path(estimators.__file__)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert [each for results in found.values() for each in results["others"]] == []
    assert len(found) == len(estimators.ESTIMATORS)
    assert all(results["checks"] > 50 for results in found.values())


# ---- what MLPClassifier and MLPRegressor do ------------------------------------------------------


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_trained_network_of_scikit_learn_predicts_the_same(task, dtype):
    _, theirs = kinds(task)
    x, y = X.astype(dtype), TARGETS[task]
    for activation in ("identity", "logistic", "tanh", "relu"):
        options = {"hidden_layer_sizes": (7, 5), "max_iter": 20, "random_state": 0}
        mlp = theirs(activation=activation, **options).fit(x, y)
        ours = from_sklearn(mlp)
        assert ours.model_.dtype == dtype
        bound = 1e-6 if dtype == "float32" else 1e-12
        for method in ("predict", "predict_proba"):
            if hasattr(mlp, method):
                expected, found = (getattr(each, method)(x) for each in (mlp, ours))
                assert (expected.shape, expected.dtype) == (found.shape, found.dtype)
                np.testing.assert_allclose(found, expected, rtol=bound, atol=bound)
        for name in ("coefs_", "intercepts_"):
            for found, expected in zip(getattr(ours, name), getattr(mlp, name), strict=True):
                np.testing.assert_array_equal(found, expected)
        told = ("n_layers_", "n_outputs_", "out_activation_", "n_iter_", "loss_curve_", "t_")
        assert [getattr(ours, name) for name in told] == [getattr(mlp, name) for name in told]


def test_a_network_trained_by_lbfgs_is_taken_and_trained_on():
    mlp = MLPClassifier((6,), solver="lbfgs", random_state=0).fit(X, np.array(list("abc"))[LABELS])
    ours = from_sklearn(mlp, dtype="float32")
    assert ours.solver == "adam"
    np.testing.assert_array_equal(ours.predict(X), mlp.predict(X))
    np.testing.assert_allclose(ours.predict_proba(X), mlp.predict_proba(X), atol=1e-5)
    before = bits(ours)
    ours.partial_fit(X, mlp.predict(X))
    assert bits(ours) != before
    with pytest.raises(TypeError, match="last step of a pipeline"):
        from_sklearn(make_pipeline(StandardScaler(), mlp))
    with pytest.raises(NotFittedError):
        from_sklearn(MLPRegressor())


WAYS = {
    "adam": {"solver": "adam", "beta_1": 0.8, "epsilon": 1e-6},
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "nesterov": {"solver": "sgd", "momentum": 0.8},
    "momentum": {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e-3, "n_iter_no_change": 2},
    "in one batch": {"batch_size": 60},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("task", ["classes", "labels", "numbers", "several numbers", "counts"])
def test_training_takes_the_steps_of_scikit_learn(way, task):
    """From the same weights, in the same order, both come to the same weights, epoch by epoch."""
    _, theirs = kinds(task)
    options = {
        "hidden_layer_sizes": (6,),
        "batch_size": 20,
        "alpha": 0.3,
        "learning_rate_init": 0.02,
        "max_iter": 25,
        "shuffle": False,
        "warm_start": True,
        **WAYS[way],
    }
    y = TARGETS[task]
    mlp = theirs(**{**options, "max_iter": 1}, random_state=0).fit(X, y)
    found = from_sklearn(mlp).set_params(**options)
    mlp.set_params(**options).fit(X, y)
    found.fit(X, y)
    assert found.n_iter_ == mlp.n_iter_
    if task != "counts":  # whose loss differs by what does not depend on the weights
        np.testing.assert_allclose(found.loss_curve_, mlp.loss_curve_, rtol=1e-9)
    bound = 1e-5 if task == "counts" else 1e-9  # fastnn takes log(p + 1e-7)
    for name in ("coefs_", "intercepts_"):
        for each, expected in zip(getattr(found, name), getattr(mlp, name), strict=True):
            np.testing.assert_allclose(each, expected, rtol=bound, atol=bound)


def test_sample_weights_are_those_of_scikit_learn():
    weight = RNG.integers(0, 4, 60).astype(float)
    options = {"max_iter": 30, "shuffle": False, "warm_start": True, "alpha": 0.5}
    mlp = MLPClassifier((6,), random_state=0).set_params(max_iter=1, warm_start=True)
    mlp.fit(X, LABELS)
    found = from_sklearn(mlp).set_params(**options)
    mlp.set_params(**options).fit(X, LABELS, sample_weight=weight)
    found.fit(X, LABELS, sample_weight=weight)
    np.testing.assert_allclose(found.coefs_[0], mlp.coefs_[0], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found.loss_curve_[1:], mlp.loss_curve_[1:], rtol=1e-9)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_it_is_as_good_as_scikit_learn(name):
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    ours, theirs = kinds("numbers" if name == "diabetes" else "classes")
    if name == "diabetes":
        y = y / y.std()
    options = {"max_iter": 100, "learning_rate_init": 0.01, "random_state": 0}
    scores = [
        cross_val_score(make_pipeline(StandardScaler(), kind(**options)), x, y, cv=3).mean()
        for kind in (ours, theirs)
    ]
    assert scores[0] > scores[1] - 0.02


def test_the_comparison_prints_a_table(capsys):
    try:
        comparison.main(["--rounds", "1", "--only", "iris"])
    finally:
        fastnn.set_num_threads(None)
    head, rule, line = capsys.readouterr().out.splitlines()
    name, *scores, _, times, _ = line.strip("| ").split(" | ")
    assert (name, head.count("|"), rule.count("|")) == ("iris", 8, 8)
    assert all(0.9 < float(score.split()[0]) <= 1 for score in scores)
    assert float(times) > 1


# ---- searches, pickles, bits ---------------------------------------------------------------------


def search(n_jobs):
    grid = {
        "fastnnclassifier__hidden_layer_sizes": [(4,), (8, 4)],
        "fastnnclassifier__alpha": [1e-4, 1e-1],
    }
    network = FastNNClassifier(max_iter=15, random_state=3, dropout=0.1)
    pipeline = make_pipeline(StandardScaler(), network)
    return GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs).fit(X, LABELS)


def test_a_search_finds_the_same_bits_whatever_the_number_of_jobs():
    alone, shared = search(1), search(2)
    with joblib.parallel_backend("threading"):
        threads = search(2)
    for other in (shared, threads):
        for key in ("mean_test_score", "params"):
            assert np.array_equal(alone.cv_results_[key], other.cv_results_[key])
        assert bits(alone.best_estimator_[-1]) == bits(other.best_estimator_[-1])


def test_a_seed_gives_the_same_bits_and_leaves_those_of_the_process_alone():
    fastnn.set_seed(5)
    expected = fastnn.config.next_seed()
    fastnn.set_seed(5)
    first = FastNNClassifier(4, max_iter=3, random_state=1).fit(X, LABELS)
    assert fastnn.config.next_seed() == expected
    again = FastNNClassifier(4, max_iter=3, random_state=1).fit(X, LABELS)
    other = FastNNClassifier(4, max_iter=3, random_state=2).fit(X, LABELS)
    assert bits(first) == bits(again) != bits(other)
    assert pickle.dumps(first) == pickle.dumps(again)


@pytest.mark.parametrize("task", ["classes", "labels", "several numbers"])
def test_a_pickle_predicts_and_goes_on_to_the_same_bits(task, tmp_path):
    y = TARGETS[task]
    classes = {"classes": np.unique(y)} if task == "classes" else {}
    if task == "labels":
        classes = {"classes": np.arange(3)}
    first = kinds(task)[0](6, random_state=0)
    for _ in range(3):
        first.partial_fit(X, y, **classes)
    copy = pickle.loads(pickle.dumps(first))
    joblib.dump(first, tmp_path / "estimator.joblib")
    other = joblib.load(tmp_path / "estimator.joblib")
    for each in (first, copy, other):
        each.partial_fit(X, y)
        assert each.n_iter_ == 1
        assert each.t_ == 4 * 60
        assert len(each.loss_curve_) == 4
    assert bits(first) == bits(copy) == bits(other)
    np.testing.assert_array_equal(first.predict(X), copy.predict(X))


def test_a_clone_is_cheap_and_unfitted():
    fitted = FastNNClassifier(6, max_iter=2).fit(X, LABELS)
    twin = clone(fitted)
    assert not hasattr(twin, "model_")
    assert len(pickle.dumps(twin)) < 2000
    for method in (twin.predict, twin.predict_proba):
        with pytest.raises(NotFittedError):
            method(X)


def test_partial_fits_are_the_epochs_of_a_fit():
    whole = FastNNRegressor(6, max_iter=4, random_state=0).fit(X, SCORES[:, 0])
    parts = FastNNRegressor(6, random_state=0)
    for _ in range(4):
        parts.partial_fit(X, SCORES[:, 0])
    assert bits(whole) == bits(parts)
    assert whole.loss_curve_ == parts.loss_curve_


# ---- data ----------------------------------------------------------------------------------------


def test_frames_and_sparse_matrices_are_the_arrays_they_stand_for():
    labels = np.array(["no", "perhaps", "yes"])[LABELS]
    columns = list("abcde")
    expected = FastNNClassifier(4, max_iter=5, random_state=0).fit(X, labels)
    assert expected.classes_.tolist() == ["no", "perhaps", "yes"]
    assert not hasattr(expected, "feature_names_in_")
    frames = {
        "pandas": (pd.DataFrame(X, columns=columns), pd.Series(labels)),
        "polars": (pl.DataFrame(X, schema=columns), pl.Series(labels)),
        "sparse matrix": (sparse.csr_matrix(X), labels),
        "sparse array": (sparse.csc_array(X), labels),
        "lists": (X.tolist(), labels.tolist()),
    }
    for name, (x, y) in frames.items():
        found = clone(expected).fit(x, y)
        assert bits(found) == bits(expected), name
        assert found.predict(x).tolist() == expected.predict(X).tolist()
        assert found.n_features_in_ == 5
        names = getattr(MaxAbsScaler().fit(x), "feature_names_in_", [])
        assert list(getattr(found, "feature_names_in_", [])) == list(names)
    with pytest.raises(ValueError, match="feature names"):
        clone(expected).fit(*frames["pandas"]).predict(frames["pandas"][0][list("edcba")])


def test_probabilities_decisions_and_predictions_agree():
    for task in ("binary", "classes", "labels"):
        y = TARGETS[task]
        found = FastNNClassifier(8, max_iter=60, learning_rate_init=0.02, random_state=0).fit(X, y)
        p, scores, chosen = found.predict_proba(X), found.decision_function(X), found.predict(X)
        np.testing.assert_allclose(np.exp(found.predict_log_proba(X)), p, rtol=1e-9)
        if task == "labels":
            assert p.shape == scores.shape == chosen.shape == (60, 3)
            np.testing.assert_array_equal(chosen, p > 0.5)
            np.testing.assert_array_equal(chosen, scores > 0)
        else:
            np.testing.assert_allclose(p.sum(1), 1)
            np.testing.assert_array_equal(chosen, p.argmax(1))
            picked = scores > 0 if task == "binary" else scores.argmax(1)
            np.testing.assert_array_equal(chosen, picked)
        assert found.score(X, y) > 0.8


def test_a_decision_is_finite_where_a_probability_is_one():
    found = FastNNClassifier((), max_iter=1, random_state=0).fit(X, TARGETS["binary"])
    found.model_.set_weights([np.full((5, 1), 1e6), np.zeros(1)])
    assert {0.0, 1.0} <= set(found.predict_proba(X)[:, 1])
    assert np.isfinite(found.decision_function(X)).all()
    assert np.isneginf(found.predict_log_proba(X).min())


def test_rare_classes_count_for_more():
    y = (SCORES[:, 0] > 1.5).astype(int)
    names = np.array(["common", "rare"])[y]
    plain = FastNNClassifier((), max_iter=80, learning_rate_init=0.05, random_state=0)
    found = {None: plain.fit(X, names)}
    for weight in ("balanced", {"common": 1, "rare": 50}):
        found[str(weight)] = clone(plain).set_params(class_weight=weight).fit(X, names)
    rare = [(each.predict(X) == "rare").sum() for each in found.values()]
    assert rare[0] < rare[1] < rare[2]
    by_hand = clone(plain).fit(X, names, sample_weight=np.where(y, 50.0, 1.0))
    assert bits(by_hand) == bits(list(found.values())[-1])


def test_the_precision_is_that_of_the_samples_unless_it_is_chosen():
    for given, dtype, expected in (
        ("float32", None, "float32"),
        ("float64", None, "float64"),
        ("int64", None, "float64"),
        ("float64", "float32", "float32"),
    ):
        found = FastNNRegressor(3, max_iter=1, dtype=dtype).fit(X.astype(given), SCORES[:, 0])
        assert found.model_.dtype == found.predict(X).dtype == expected


def test_targets_are_scaled_by_those_who_want_it():
    y = 1000 + 50 * SCORES[:, :2]
    network = FastNNRegressor(16, learning_rate_init=0.02, random_state=0)
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler()).fit(X, y)
    assert scaled.predict(X).shape == (60, 2)
    assert scaled.score(X, y) > 0.95


# ---- as one model --------------------------------------------------------------------------------

SIZES = np.array([1.0, 1e-9, 1e5, 1.0, 1e20])  # some with variances that float32 has not


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler((-2, 3)),
        MinMaxScaler(clip=True),
        MaxAbsScaler(),
        RobustScaler(),
        RobustScaler(with_centering=False),
        RobustScaler(with_scaling=False),
        "passthrough",
        None,
        Pipeline([("nothing", "passthrough"), ("a", RobustScaler()), ("b", MinMaxScaler())]),
        make_pipeline(RobustScaler(), make_pipeline(RobustScaler())),  # of one name
    ],
    ids=str,
)
def test_a_pipeline_becomes_a_model_that_takes_what_it_takes(step):
    flat = step in (None, "passthrough") or not getattr(step, "with_std", True)
    flat |= not getattr(step, "with_scaling", True)
    x = X if flat else (X + 3) * SIZES
    for dtype, most in (("float32", 1e-5), ("float64", 1e-12)):
        network = FastNNClassifier(7, max_iter=2, dtype=dtype, random_state=0)
        pipeline = Pipeline([("step", step), ("network", network)]).fit(x[::2], LABELS[::2])
        model = to_model(pipeline)
        assert model.dtype == dtype
        told = model.predict(x.astype(dtype))
        assert np.abs(told - pipeline.predict_proba(x)).max() < most
        network = pipeline[-1].model_
        assert model.layers[-1].kernel is network.layers[-1].kernel


def test_the_scalers_of_a_pipeline_are_those_that_keras_knows_where_these_suffice():
    steps = [StandardScaler(), StandardScaler(), FastNNRegressor(3, max_iter=1)]
    layers = to_model(make_pipeline(*steps).fit(X, SCORES[:, 0])).layers
    names = ["input", "standardscaler-1", "standardscaler-2", "hidden_1", "output"]
    assert [each.name for each in layers] == names
    assert isinstance(layers[1], Normalization)


@pytest.mark.parametrize("size", [50, 1e-12])
def test_targets_become_what_they_were(size):
    y = 1000 * size + size * SCORES[:, :2]
    inner = make_pipeline(StandardScaler(), FastNNRegressor(8, max_iter=5, random_state=0))
    scaled = TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(X, y)
    assert np.allclose(to_model(scaled).predict(X), scaled.predict(X), rtol=1e-10)


@pytest.mark.parametrize("way", [None, make_pipeline(StandardScaler(), MinMaxScaler((2, 5)))])
def test_targets_take_all_steps_of_their_way_back(way):
    network = FastNNRegressor(8, max_iter=5, random_state=0)
    scaled = TransformedTargetRegressor(network, transformer=way).fit(X, 100 + SCORES[:, :2])
    assert np.allclose(to_model(scaled).predict(X), scaled.predict(X), rtol=1e-10)


def test_a_target_whose_name_was_not_handed_on_is_one_to_rename(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcde"))
    price = pd.Series(SCORES[:, 0], name="price_eur")
    scaled = TransformedTargetRegressor(NETWORK, transformer=StandardScaler())
    pipeline = make_pipeline(StandardScaler(), clone(scaled)).fit(frame, price)
    schema = to_model(pipeline).schema
    table = frame.assign(price_eur=price)
    with pytest.raises(
        DataFileError, match="no column 'y' to compare with; if another column is it, ren"
    ):
        schema.target.encode(schema.inputs.sheet(table))
    renamed = schema.inputs.sheet(table.rename(columns={"price_eur": "y"}))
    assert np.array_equal(schema.target.encode(renamed)[:, 0], price)


@pytest.mark.parametrize("compress", [0, 3, "gzip"])
def test_a_file_of_joblib_is_not_read_and_says_who_does(compress, tmp_path):
    fitted = clone(NETWORK).fit(X, SCORES[:, 0])
    joblib.dump(fitted, tmp_path / "a.joblib", compress=compress)
    with pytest.raises(ModelFileError, match=r"a\.joblib: it holds a pickle.* joblib\.load or pic"):
        fastnn.models.load_model(tmp_path / "a.joblib")
    again = joblib.load(tmp_path / "a.joblib")
    assert to_model(again).count_params() == to_model(fitted).count_params()


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_an_estimator_is_known_by_what_it_begins_with(protocol, tmp_path):
    for estimator in (NETWORK, GridSearchCV(POLYNOMIAL, {}), LOG_OF_TARGET):
        (tmp_path / "m").write_bytes(pickle.dumps(estimator, protocol))
        with pytest.raises(ModelFileError, match=r"pickle.* joblib\.load or pickle\.load does"):
            fastnn.models.load_model(tmp_path / "m")


def test_any_network_becomes_a_model_that_tells_probabilities():
    def functional():
        inputs = fastnn.Input((5, 1))
        made = Flatten(name="step")(fastnn.layers.Conv1D(3, 2)(inputs))
        return fastnn.Model(inputs, Dense(3)(made), name="step")

    network = FastNNClassifier(model=functional, max_iter=2, random_state=0)
    image = X.reshape(-1, 5, 1)
    network.fit(image, LABELS)
    assert np.allclose(to_model(network).predict(image), network.predict_proba(image), atol=1e-6)
    pipeline = Pipeline([("step", StandardScaler()), ("network", network)]).fit(X, LABELS)
    assert np.allclose(to_model(pipeline).predict(X), pipeline.predict_proba(X), atol=1e-6)
    mlp = make_pipeline(StandardScaler(), MLPClassifier(4, max_iter=3)).fit(X, LABELS)
    assert np.allclose(to_model(mlp).predict(X), mlp.predict_proba(X), atol=1e-12)


def scaling_network(input_shape):
    layers = [Normalization(name="scaling"), Dense(4, "relu"), Dense(3)]
    return fastnn.Sequential([fastnn.Input(input_shape), *layers])


def test_a_network_of_the_callers_is_adapted_to_what_it_is_trained_on():
    network = FastNNClassifier(model=scaling_network, max_iter=1, random_state=0)
    mean_of = lambda: network.model_.get_layer("scaling").mean.value  # noqa: E731
    assert np.allclose(mean_of_fit := network.fit(X + 9, LABELS) and mean_of(), (X + 9).mean(0))
    network.set_params(warm_start=True).fit(X, LABELS)
    assert np.array_equal(mean_of(), mean_of_fit)
    network.set_params(warm_start=False, early_stopping=True).fit(X, LABELS)
    train, _ = train_test_split(
        np.arange(60), random_state=skipped(0), test_size=0.1, stratify=LABELS
    )
    assert np.allclose(mean_of(), X[train].mean(0), rtol=1e-5, atol=1e-7)
    for model in (network.model_, json.loads(network.model_.to_json())):
        clone(network).set_params(model=model, early_stopping=False).fit(X, LABELS)


def skipped(seed):
    """Return the numbers that an estimator takes after the seed of its network."""
    rng = np.random.RandomState(seed)
    rng.randint(np.iinfo(np.int32).max)
    return rng


def test_parts_of_the_data_go_on_with_the_scaling_of_the_first():
    network = FastNNClassifier(model=scaling_network, random_state=0)
    network.partial_fit(X[:30] + 9, LABELS[:30], classes=[0, 1, 2])
    network.partial_fit(X[30:], LABELS[30:])
    assert np.allclose(network.model_.layers[0].mean.value, (X[:30] + 9).mean(0))


def test_scaling_that_has_numbers_keeps_them():
    def given():
        layers = [Normalization(mean=1.0, variance=4.0), Dense(3)]
        return fastnn.Sequential([fastnn.Input((5,)), *layers])

    network = FastNNClassifier(model=given, max_iter=1).fit(X, LABELS)
    assert network.model_.get_weights()[0].tolist() == [1] * 5


def test_numbers_beyond_float32_are_refused_without_numpys_own_warning():
    network = FastNNRegressor(3, max_iter=1, dtype="float32").fit(X, SCORES[:, 0])
    with pytest.raises(ValueError, match="too large for dtype"):
        network.predict(1e40 * X)


def test_a_file_in_c_names_the_features_of_a_frame(tmp_path):
    network = FastNNRegressor((2,), max_iter=1, random_state=0)
    frame = pd.DataFrame(X[:, :2], columns=["age", "x */ y"])
    search = GridSearchCV(make_pipeline(StandardScaler(), network), {}, cv=2)
    for each, usual in ((network, ["", ""]), (search, X[:, :2].mean(0))):
        fastnn.export_c(each.fit(frame, SCORES[:, 0]), tmp_path / "net.c")
        first, second = (each if each == "" else f" ({each:.9g} if missing)" for each in usual)
        said = f" x[0] age{first}\n *     x[1] x * / y{second}\n"
        assert said in (tmp_path / "net.c").read_text()


@pytest.mark.parametrize(
    ("network", "y", "names"),
    [
        (FastNNRegressor, pd.Series(SCORES[:, 0], name="price"), ["price"]),
        (FastNNRegressor, pd.DataFrame(SCORES[:, :2], columns=["a", "b"]), ["a", "b"]),
        (FastNNRegressor, pd.DataFrame(SCORES[:, :2]), ["y[0]", "y[1]"]),
        (FastNNClassifier, pd.Series(LABELS, name="kind"), ["kind"]),
        (FastNNClassifier, pl.Series("kind", LABELS.tolist()), ["kind"]),
        (FastNNClassifier, LABELS, ["y"]),
    ],
)
def test_a_schema_names_the_targets_as_a_frame_did(network, y, names):
    search = GridSearchCV(network((2,), max_iter=1, random_state=0), {}, cv=2)
    assert to_model(search.fit(X, y)).schema.target.names == names


def test_a_search_is_exported_as_the_model_that_it_found(tmp_path):
    pipeline = make_pipeline(StandardScaler(), FastNNClassifier(max_iter=2, random_state=0))
    grid = {"fastnnclassifier__hidden_layer_sizes": [(2,), (4,)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, LABELS)
    texts = []
    for given in (search, search.best_estimator_, to_model(search)):
        fastnn.export_c(given, tmp_path / "net.c", test=X[:3])
        texts.append((tmp_path / "net.c").read_text())
    assert texts[0] == texts[1] == texts[2]
    assert "standardscaler" in texts[0]
    onnx = fastnn.onnx.from_proto(fastnn.onnx.to_proto(search))
    assert np.allclose(onnx.predict(X), search.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    ("estimator", "y", "outputs"),
    [
        (FastNNClassifier(3), np.array(["b", "a", "c"])[LABELS], ["y=a", "y=b", "y=c"]),
        (FastNNClassifier(3), LABELS == 1, ["y=True"]),
        (FastNNClassifier(3), np.stack([LABELS == 1, LABELS == 2], axis=1), ["y[0]=1", "y[1]=1"]),
        (FastNNRegressor(3), SCORES[:, 0], ["y"]),
        (FastNNRegressor(3), SCORES[:, :2], ["y[0]", "y[1]"]),
        (MLPClassifier(3), LABELS, ["y=0", "y=1", "y=2"]),
    ],
)
def test_the_model_of_an_estimator_knows_what_its_outputs_are(estimator, y, outputs, tmp_path):
    fitted = clone(estimator).set_params(max_iter=1).fit(X, y)
    model = to_model(fitted)
    assert model.schema.target.outputs == outputs
    answers = np.array(model.schema.target.answers(model.predict(X))).T.squeeze()
    expected = fitted.predict(X)
    assert np.array_equal(answers, expected if expected.dtype.kind == "f" else expected.astype(str))
    fastnn.export_c(fitted, tmp_path / "a.c")
    listed = "\n *     ".join(f"y[{place}] {each}" for place, each in enumerate(outputs))
    assert listed in (tmp_path / "a.c").read_text()


@pytest.mark.parametrize(
    ("estimator", "part"),
    [
        (POLYNOMIAL, "pipeline[-1]"),
        (make_pipeline(StandardScaler(), POLYNOMIAL), "pipeline[-1][-1]"),
        (make_pipeline(PolynomialFeatures(), LOG_OF_TARGET), "pipeline[-1].regressor_"),
        (GridSearchCV(POLYNOMIAL, {}, cv=2), "grid_search_cv.best_estimator_[-1]"),
        (LOG_OF_TARGET, "transformed_target_regressor.regressor_"),
        (
            clone(LOG_OF_TARGET).set_params(regressor=make_pipeline(StandardScaler(), NETWORK)),
            "transformed_target_regressor.regressor_",
        ),
        (
            clone(LOG_OF_TARGET).set_params(regressor=POLYNOMIAL),
            "transformed_target_regressor.regressor_[-1]",
        ),
        (
            GridSearchCV(TransformedTargetRegressor(LOG_OF_TARGET), {}, cv=2),
            "grid_search_cv.best_estimator_.regressor_.regressor_",
        ),
        (
            make_pipeline(
                ColumnTransformer([("a", PolynomialFeatures(), [0])]), StandardScaler(), NETWORK
            ),
            "pipeline[-1]",
        ),
    ],
)
def test_a_refused_step_says_which_part_does_without(estimator, part):
    fitted = clone(estimator).fit(X, np.abs(SCORES[:, 0]))
    with pytest.raises(TypeError, match=r"is no layer there; StandardScaler, .* are") as caught:
        to_model(fitted)
    said = re.search(r"\. Give (\S+) alone, and do the rest yourself$", str(caught.value))[1]
    assert said == part
    assert ("SimpleImputer" in str(caught.value)) == ("transformer is" not in str(caught.value))
    assert len(str(caught.value)) < 400
    name = part[: re.search(r"[.[]", part).start()]
    assert to_model(eval(part, {name: fitted})).count_params() > 0


@pytest.mark.parametrize(
    ("estimator", "fits", "words"),
    [
        (make_pipeline(PolynomialFeatures(), FastNNRegressor(max_iter=1)), True, "is no layer"),
        (LogisticRegression(), True, "expected a fitted FastNNClassifier .*, got LogisticReg"),
        (make_pipeline(StandardScaler(), LogisticRegression()), True, "got LogisticRegression"),
        (
            LOG_OF_TARGET,
            True,
            ": the target's transformer is FunctionTransformer",
        ),
        (GridSearchCV(FastNNRegressor(), {}), False, "search with refit=True .* got GridSearchCV"),
        (FastNNRegressor(), False, "not fitted yet"),
        (make_pipeline(FastNNRegressor()), False, "not fitted yet"),
    ],
)
def test_what_is_no_model_is_refused(estimator, fits, words, tmp_path):
    made = clone(estimator)
    if fits:
        made.fit(X, LABELS)
    for call in (to_model, partial(fastnn.export_c, path=tmp_path / "a.c")):
        with pytest.raises((TypeError, NotFittedError), match=words) as caught:
            call(made)
        assert len(str(caught.value)) < 400
    assert not list(tmp_path.iterdir())


def test_a_regressor_refuses_names():
    with pytest.raises(
        TypeError, match=r"FastNNRegressor: y must .* FastNNClassifier takes the na"
    ):
        FastNNRegressor(max_iter=1).fit(X, LABELS.astype(str))


# ---- when training ends --------------------------------------------------------------------------


def test_training_stops_early_and_ends_with_the_best_weights():
    noisy = np.where(RNG.random(60) < 0.4, RNG.integers(0, 3, 60), LABELS)
    found = FastNNClassifier(
        64,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=8,
        learning_rate_init=0.05,
        random_state=0,
    ).fit(X, noisy)
    scores = found.validation_scores_
    assert len(scores) == len(found.loss_curve_) == found.n_iter_ < 200
    assert max(scores) == found.best_validation_score_ > scores[-1]
    best = scores.index(max(scores))
    until_then = clone(found).set_params(max_iter=best + 1).fit(X, noisy)
    assert bits(until_then) == bits(found)


def test_validation_data_of_the_callers_own():
    x, x_val, y, y_val = train_test_split(X, SCORES[:, 0], random_state=0)
    weight = np.linspace(0, 1, len(y_val))
    found = FastNNRegressor(8, max_iter=20, early_stopping=True, random_state=0)
    found.fit(x, y, X_val=x_val, y_val=y_val, sample_weight_val=weight)
    assert found.t_ == 20 * len(x)
    expected = found.score(x_val, y_val, sample_weight=weight)
    assert found.best_validation_score_ == pytest.approx(expected, rel=1e-12)
    watched = FastNNRegressor(8, max_iter=20, random_state=0)
    watched.fit(x, y, X_val=x_val, y_val=y_val)
    assert len(watched.validation_scores_) == 20
    assert watched.best_loss_ == min(watched.loss_curve_)
    with pytest.raises(ValueError, match="3 labels for each sample"):
        FastNNClassifier(2).fit(X, LABELS, X_val=X, y_val=TARGETS["labels"])
    with pytest.raises(ValueError, match="go together, y_val is missing"):
        watched.fit(x, y, X_val=x_val)
    with pytest.raises(ValueError, match="go together, X_val is missing"):
        watched.fit(x, y, sample_weight_val=weight)
    with pytest.raises(ValueError, match="of 60 samples is one to measure on"):
        watched.set_params(early_stopping=True, validation_fraction=0.01).fit(X, SCORES[:, 0])


def test_training_stops_by_the_loss_and_warns_if_it_does_not():
    done = FastNNRegressor(4, tol=0.1, n_iter_no_change=3, random_state=0).fit(X, SCORES[:, 0])
    assert done.n_iter_ < 200
    for epochs in (5, 10, 15):  # fewer than n_iter_no_change as well
        message = f"max_iter={epochs} epochs .* n_iter_no_change=numpy.inf"
        with pytest.warns(ConvergenceWarning, match=message) as caught:
            FastNNRegressor(4, max_iter=epochs, n_iter_no_change=10).fit(X, SCORES[:, 0])
        assert len(caught) == 1
        assert len(str(caught[0].message)) < 400


def test_training_that_never_stops_by_itself_makes_all_epochs_and_does_not_warn():
    options = {"tol": 0.1, "random_state": 0}
    alone = FastNNRegressor(4, max_iter=40, n_iter_no_change=np.inf, **options)
    step = FastNNRegressor(4, max_iter=1, n_iter_no_change=1, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert alone.fit(X, SCORES[:, 0]).n_iter_ == 40
        assert step.partial_fit(X, SCORES[:, 0]).n_iter_ == 1  # was asked for one epoch


def test_warm_starts_go_on_from_the_weights_and_begin_the_optimizer_anew():
    found = FastNNClassifier(6, max_iter=5, warm_start=True, random_state=0).fit(X, LABELS)
    before = found.model_
    found.set_params(learning_rate_init=1e-12).fit(X, LABELS)
    assert found.model_ is not before
    assert len(found.loss_curve_) == found.model_.epochs_trained == 10
    for weight, expected in zip(found.model_.get_weights(), before.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-9)
    with pytest.raises(ValueError, match="not there when it was first fitted, such as 3"):
        found.fit(X, LABELS + 1)


class Recorder(Callback):
    """Keeps the logs of each epoch."""

    def __init__(self):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(dict(logs))


def test_callbacks_see_loss_and_score():
    recorder = Recorder()
    found = FastNNClassifier(4, max_iter=4, early_stopping=True, callbacks=[recorder])
    found.fit(X, LABELS)
    assert [logs["val_score"] for logs in recorder.seen] == found.validation_scores_
    assert [logs["loss"] for logs in recorder.seen] == found.loss_curve_
    made = []

    def make_callbacks():
        made.append(Recorder())
        return made

    FastNNClassifier(4, max_iter=2, callbacks=make_callbacks).fit(X, LABELS)
    assert len(made[0].seen) == 2


def squared(y_true, y_pred):
    return fastnn.ops.mean(fastnn.ops.square(y_true - y_pred), axis=-1)


def test_a_model_may_be_compiled_with_functions():
    model = fastnn.Sequential([fastnn.Input((X.shape[1],)), Dense(1)])
    model.compile("adam", squared, [squared])
    found = FastNNRegressor(model=model, max_iter=3, random_state=0).fit(X, SCORES[:, 0])
    assert found.model_.loss.fn is squared
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.predict(X), found.predict(X))


def test_the_history_is_that_of_the_last_fit():
    found = FastNNClassifier(4, max_iter=4, early_stopping=True).fit(X, LABELS)
    assert found.history_.history["loss"] == found.loss_curve_
    assert found.history_.history["val_score"] == found.validation_scores_
    assert [panel.get_title() for panel in found.history_.plot().axes] == ["loss"]
    assert pickle.loads(pickle.dumps(found)).history_.history == found.history_.history


class Stop(Callback):
    """Gives up in the third epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_a_training_that_was_interrupted_goes_on_from_its_backup(task, tmp_path):
    options = {"max_iter": 6, "early_stopping": True, "random_state": 0}
    network = kinds(task)[0](6, **options)
    whole = clone(network).fit(X, TARGETS[task])
    backup = fastnn.callbacks.BackupAndRestore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        clone(network).set_params(callbacks=[backup, Stop()]).fit(X, TARGETS[task])
    resumed = clone(network).set_params(callbacks=[backup, Callback()]).fit(X, TARGETS[task])
    assert bits(resumed) == bits(whole)
    for name in ("loss_curve_", "validation_scores_", "best_validation_score_", "n_iter_", "t_"):
        assert getattr(resumed, name) == getattr(whole, name)


def test_what_fails_leaves_the_estimator_as_it_was():
    found = FastNNClassifier(4, max_iter=5, random_state=0).fit(X, LABELS)
    before, predicted = dict(vars(found)), found.predict(X)
    names = np.array(list("abc"))[LABELS]
    found.set_params(callbacks=Stop())
    with pytest.raises(KeyboardInterrupt):
        found.fit(X[:, :2], names)
    found.set_params(callbacks=None, solver="sgd", learning_rate_init=1e300)
    with pytest.raises(fastnn.errors.NonFiniteError):
        found.fit(1e3 * X[:, :2], names)
    found.set_params(**clone(FastNNClassifier(4, max_iter=5, random_state=0)).get_params())
    assert vars(found) == before
    np.testing.assert_array_equal(found.predict(X), predicted)


# ---- networks of the caller's --------------------------------------------------------------------


def convnet(input_shape, n_outputs, filters=4):
    layers = [Conv2D(filters, 3, activation="relu"), Flatten(), Dense(n_outputs, "softmax")]
    return fastnn.Sequential([fastnn.Input(input_shape), *layers])


def compiled(loss, units, activation, input_shape=(5,)):
    layers = [fastnn.Input(input_shape), Dense(8, "relu"), Dense(units, activation)]
    model = fastnn.Sequential(layers)
    model.compile(fastnn.optimizers.Adam(0.03), loss)
    return model


def test_images_come_flat_or_as_they_are():
    x, y = datasets.load_digits(return_X_y=True)
    x, y = x[:400].astype("uint8"), y[:400]
    options = {"model": convnet, "max_iter": 8, "learning_rate_init": 0.01, "random_state": 0}
    flat = FastNNClassifier(input_shape=(8, 8, 1), **options).fit(x, y)
    whole = FastNNClassifier(**options).fit(x.reshape(-1, 8, 8, 1), y)
    assert bits(flat) == bits(whole)
    assert flat.n_features_in_ == whole.n_features_in_ == 64
    assert whole.score(x, y) > 0.9
    np.testing.assert_array_equal(whole.predict(x.reshape(-1, 8, 8, 1)), flat.predict(x))
    with pytest.raises(AttributeError, match=r"model_\.get_weights"):
        _ = flat.coefs_
    with pytest.raises(ValueError, match="has 64 numbers, a sample of X has 5"):
        FastNNClassifier(input_shape=(8, 8)).fit(X, LABELS)
    with pytest.raises(ValueError, match="dim 3"):
        FastNNClassifier().fit(X.reshape(20, 3, 5), LABELS[:20])


def test_a_search_looks_through_architectures():
    x, y = datasets.load_digits(return_X_y=True)
    network = FastNNClassifier(
        model=convnet, input_shape=(8, 8, 1), model_params={"filters": 2}, max_iter=2
    )
    assert network.get_params()["model__filters"] == 2
    found = GridSearchCV(network, {"model__filters": [1, 3]}, cv=2).fit(x[:100], y[:100])
    filters = found.best_params_["model__filters"]
    assert found.best_estimator_.model_.layers[0].filters == filters
    assert network.model_params == {"filters": 2}


def test_a_model_is_a_recipe_for_new_ones():
    recipe = compiled("sparse_categorical_crossentropy", 3, "softmax")
    before = [w.tobytes() for w in recipe.get_weights()]
    options = {"max_iter": 30, "random_state": 0}
    found = FastNNClassifier(model=recipe, **options).fit(X, LABELS)
    assert [w.tobytes() for w in recipe.get_weights()] == before
    assert found.model_ is not recipe
    assert found.model_.optimizer.learning_rate == 0.03
    described = FastNNClassifier(model=json.loads(recipe.to_json()), **options)
    described.set_params(solver=fastnn.optimizers.Adam(0.03)).fit(X, LABELS)
    assert bits(described) == bits(found) == bits(clone(found).fit(X, LABELS))
    copy = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(copy.predict(X), found.predict(X))


@pytest.mark.parametrize(
    ("task", "loss", "units", "activation", "has_probabilities"),
    [
        ("binary", "binary_crossentropy", 1, "sigmoid", True),
        ("binary", "sparse_categorical_crossentropy", 2, "softmax", True),
        ("binary", "hinge", 1, None, False),
        ("binary", fastnn.losses.BinaryCrossentropy(from_logits=True), 1, None, True),
        ("classes", "categorical_crossentropy", 3, "softmax", True),
        ("classes", "categorical_hinge", 3, None, False),
        ("classes", "binary_crossentropy", 3, "sigmoid", True),
        ("labels", "binary_crossentropy", 3, "sigmoid", True),
    ],
)
def test_a_model_compiled_with_a_loss_of_its_own(task, loss, units, activation, has_probabilities):
    found = FastNNClassifier(
        model=lambda: compiled(loss, units, activation), max_iter=60, random_state=0
    )
    found.fit(X, TARGETS[task])
    assert found.score(X, TARGETS[task]) > 0.7
    assert hasattr(found, "predict_proba") == has_probabilities
    assert found.decision_function(X).shape == ((60,) if task == "binary" else (60, 3))
    if has_probabilities and task != "labels":
        p = found.predict_proba(X)
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-6)
        np.testing.assert_array_equal(p.argmax(1), found.predict(X))


def test_models_that_the_data_does_not_go_with_are_refused():
    two_inputs = [fastnn.Input((5,)), fastnn.Input((5,))]
    joined = fastnn.Model(two_inputs, Dense(3)(fastnn.layers.Add()(two_inputs)))
    trained = compiled("mse", 1, None)
    trained.fit(X, SCORES[:, 0], verbose=0)
    for model, message in (
        (compiled("sparse_categorical_crossentropy", 4, "softmax"), "y has 3 classes; end it with"),
        (compiled("mse", 3, None, (4,)), r"takes samples of shape \(4,\), X has \(5,\)"),
        (joined, "one input and one output"),
        (lambda: trained, "a new model each time"),
        ({"class_name": "Nothing"}, "not the description of a model"),
    ):
        with pytest.raises(ValueError, match=message):
            FastNNClassifier(model=model).fit(X, LABELS)
    for model, message in ((lambda: {}, "a function that returned dict"), (3, "got int")):
        with pytest.raises(TypeError, match=message):
            FastNNClassifier(model=model).fit(X, LABELS)
    with pytest.raises(ValueError, match="for a function"):
        FastNNClassifier(model=trained, model_params={"units": 3}).fit(X, LABELS)


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"solver": "lbfgs"}, ValueError, "take 'adam'"),
        ({"solver": "adan"}, ValueError, "must be one of adadelta"),
        ({"activation": "rulu"}, ValueError, "relu"),
        ({"alpha": -1}, ValueError, "alpha must be at least 0"),
        ({"alpha": "0.1"}, TypeError, "alpha must be a number"),
        ({"hidden_layer_sizes": (3, 0)}, ValueError, "hidden_layer_sizes must be 1 or more"),
        ({"hidden_layer_sizes": None}, TypeError, "a whole number or several"),
        ({"batch_size": "all"}, ValueError, "batch_size must be one of auto"),
        ({"batch_size": 0}, ValueError, "batch_size must be 1 or more"),
        ({"learning_rate": 0.1}, ValueError, "one of constant, invscaling, adaptive"),
        ({"learning_rate_init": 0}, ValueError, "learning_rate_init must be positive"),
        ({"max_iter": 2.5}, TypeError, "max_iter must be an integer"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be 1 or more"),
        ({"validation_fraction": 1}, ValueError, r"in \(0, 1\)"),
        ({"dropout": 1}, ValueError, r"dropout must be in \[0, 1\)"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of"),
        ({"early_stopping": "yes"}, TypeError, "must be True or False"),
        ({"verbose": "loud"}, ValueError, "verbose must be one of auto"),
        ({"model_params": [1]}, TypeError, "must be a dict"),
        ({"random_state": "seed"}, ValueError, "seed"),
    ],
)
def test_parameters_are_checked_when_it_is_fitted(options, error, message):
    estimator = FastNNClassifier(**options)
    before = dict(vars(estimator))
    with pytest.raises(error, match=message) as caught:
        estimator.fit(X, LABELS)
    assert len(str(caught.value)) < 400
    assert vars(estimator) == before


def test_data_that_makes_no_sense_is_refused():
    small = FastNNClassifier(2, max_iter=1)
    for y, message in (
        (np.zeros(60), "two or more"),
        (SCORES[:, 0], "Unknown label type"),
        (RNG.integers(0, 3, (60, 2)), "one classifier for each"),
    ):
        with pytest.raises(ValueError, match=message):
            small.fit(X, y)
    for weight in (np.zeros(60), np.full(60, -1.0)):
        with pytest.raises(ValueError, match=r"weight.*zero|[Nn]egative|at least 0"):
            small.fit(X, LABELS, sample_weight=weight)
    with pytest.raises(ValueError, match="NaN"):
        small.fit(np.where(X > 1, np.nan, X), LABELS)
    with pytest.raises(ValueError, match="3 features"):
        small.fit(X, LABELS).predict(X[:, :3])


def test_weights_that_the_last_step_has_spoilt_are_not_kept():
    wild = FastNNRegressor(3, solver="sgd", learning_rate_init=1e300, max_iter=1)
    with pytest.raises(fastnn.errors.NonFiniteError, match="the last step"):
        wild.fit(1e9 * X, 1e9 * SCORES[:, 0])
    assert not hasattr(wild, "model_")


def test_partial_fits_say_what_they_need():
    y = TARGETS["classes"]
    with pytest.raises(ValueError, match="needs classes"):
        FastNNClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="early_stopping=False"):
        FastNNRegressor(early_stopping=True).partial_fit(X, SCORES[:, 0])
    with pytest.raises(ValueError, match="cannot be balanced"):
        FastNNClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    found = FastNNClassifier(3).partial_fit(X[y > 0], y[y > 0], classes=[0, 1, 2])
    assert found.predict_proba(X).shape == (60, 3)
    with pytest.raises(ValueError, match="such as 7"):
        found.partial_fit(X, np.where(y == 0, 7, y))
    with pytest.raises(ValueError, match="3 labels for each sample, it had 3 classes"):
        found.partial_fit(X, TARGETS["labels"])
    several = FastNNClassifier(3).partial_fit(X, TARGETS["labels"], classes=[0, 1, 2])
    with pytest.raises(ValueError, match="one class for each sample, it had 3 labels"):
        several.partial_fit(X, y)
    numbers = FastNNRegressor(3).partial_fit(X, SCORES[:, :2])
    with pytest.raises(ValueError, match="y has 3 numbers"):
        numbers.partial_fit(X, SCORES)


# ---- the library is asked for when it is needed --------------------------------------------------


def test_without_scikit_learn_the_message_says_what_to_install():
    code = """
import sys, types
sys.modules["sklearn"] = {}
import fastnn
from fastnn import *
try:
    fastnn.sklearn
except ImportError as error:
    print(error)
"""
    for library, message in (
        ("None", "pip install 'fastnn[sklearn]'"),
        ("types.SimpleNamespace(__version__='1.5.2')", "1.6 or later, this is 1.5.2"),
    ):
        command = [sys.executable, "-c", code.format(library)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        assert message in run.stdout
