"""Cross-validation: fresh models, no leak, the same whatever the threads."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import Callback, EarlyStopping
from fastnn.layers import Dense, Dropout, Layer

X, Y = fastnn.datasets.make_blobs(61, centers=3, seed=2)
R = (X[:, :1] - X[:, 1:]).astype("float32")


def make_model():
    model = fastnn.Sequential(
        [fastnn.Input((2,)), Dense(8, "relu"), Dropout(0.2), Dense(3, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def make_regression():
    model = fastnn.Sequential([Dense(1)])  # built by the data
    model.compile("sgd", "mse")
    return model


def run(**options):
    return fastnn.cross_validate(
        make_model, X, Y, **{"k": 5, "epochs": 3, "batch_size": 8, "seed": 1, **options}
    )


def bits(found):
    return [[w.tobytes() for w in model.get_weights()] for model in found.models]


def test_each_model_is_what_fit_makes_of_its_folds():
    found = run(n_jobs=1)
    for model, history, (train, test) in zip(
        found.models, found.histories, found.folds, strict=True
    ):
        assert model.epochs_trained == 3
        assert sorted([*train, *test]) == list(range(61))
        assert history.epoch == [0, 1, 2]
        scores = model.evaluate(X[test], Y[test], batch_size=8, verbose=0)
        at = [model is other for other in found.models].index(True)
        assert scores == [found.scores["loss"][at], found.scores["accuracy"][at]]
    held = np.concatenate([test for _, test in found.folds])
    assert sorted(held) == list(range(61))


@pytest.mark.parametrize("n_jobs", [2, 5, None])
def test_the_number_of_threads_does_not_change_a_bit(n_jobs):
    one, other = run(n_jobs=1), run(n_jobs=n_jobs)
    assert bits(one) == bits(other)
    for name in one.scores:
        assert np.array_equal(one.scores[name], other.scores[name])
    assert [h.history for h in one.histories] == [h.history for h in other.histories]


def test_seeds_differ_from_fold_to_fold_and_from_run_to_run():
    found = run(epochs=1)
    assert len({model.seed for model in found.models}) == 5
    assert bits(found) != bits(run(epochs=1, seed=2))
    fastnn.set_seed(5)
    first, second = run(seed=None), run(seed=None)
    fastnn.set_seed(5)
    assert bits(run(seed=None)) == bits(first) != bits(second)


def test_a_seed_leaves_the_process_alone():
    fastnn.set_seed(3)
    want = fastnn.config.next_seed()
    fastnn.set_seed(3)
    run(epochs=1)
    assert fastnn.config.next_seed() == want


def test_mean_and_deviation_and_a_table():
    found = run()
    values = found.scores["accuracy"]
    assert found.mean["accuracy"] == pytest.approx(values.mean())
    assert found.sd["accuracy"] == pytest.approx(values.std(ddof=1))
    lines = str(found).splitlines()
    assert [line.split()[0] for line in lines] == ["fold", "1", "2", "3", "4", "5", "mean", "sd"]
    assert lines[0].split() == ["fold", "loss", "accuracy"]
    assert lines[1].split()[2] == f"{values[0]:.4f}"
    assert len({len(line) for line in lines}) == 1


def test_metrics_of_several_numbers_have_their_own_means():
    scores = {"loss": np.array([1.0, 2.0]), "f1": np.array([[0.5, 1.0], [0.25, 0.0]])}
    found = fastnn.CrossValidation(scores, [], [], [])
    assert found.mean["loss"] == 1.5
    assert found.mean["f1"].tolist() == [0.375, 0.5]
    assert "[0.5000 1.0000]" in str(found)


def shares(found, labels):
    return [
        np.bincount(labels[test], minlength=labels.max() + 1).tolist() for _, test in found.folds
    ]


def test_classes_are_stratified_and_numbers_are_not():
    for counts in shares(run(epochs=0), Y):
        assert max(counts) - min(counts) <= 1
    ordered = np.sort(Y)
    plain = fastnn.cross_validate(make_model, X, ordered, 3, False, 0, shuffle=False)
    assert shares(plain, ordered)[0] == [21, 0, 0]
    numbers = fastnn.cross_validate(make_regression, X, R, 4, epochs=0)
    assert [len(test) for _, test in numbers.folds] == [16, 15, 15, 15]
    groups = np.arange(61) % 2
    by = fastnn.cross_validate(make_regression, X, R, 3, groups, 0)
    assert all(abs(zeros - ones) <= 1 for zeros, ones in shares(by, groups))


class Center(Layer):
    """Takes the mean of what it was adapted to away."""

    def build(self, input_shape):
        self.mean = self.add_weight(input_shape[1:], "zeros", name="mean", trainable=False)

    def adapt(self, data):
        self.seen = np.array(data)
        self.mean.assign(data.mean(axis=0))

    def forward(self, x, mean):
        return x - mean

    def backward(self, dy, x, mean, y):
        return dy, np.zeros_like(mean)


def centred():
    model = fastnn.Sequential([Center(), Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_preprocessing_sees_the_training_folds_alone():
    found = fastnn.cross_validate(centred, X, R, 3, epochs=1)
    for model, (train, _) in zip(found.models, found.folds, strict=True):
        assert np.array_equal(model.layers[0].seen, X[train])
    untouched = fastnn.cross_validate(centred, X, R, 3, epochs=1, adapt=False)
    assert not hasattr(untouched.models[0].layers[0], "seen")


@pytest.mark.parametrize("start", [[], [fastnn.Input((2,))]])
@pytest.mark.parametrize("kind", ["Normalization", "MinMaxScaling"])
def test_scaling_is_that_of_the_training_folds(kind, start):
    def make():
        scaling = getattr(fastnn.layers, kind)()
        model = fastnn.Sequential([*start, scaling, Dense(1)])
        model.compile("sgd", "mse")
        return model

    found = fastnn.cross_validate(make, 100 * X, R, 3, epochs=1)
    for model, (train, test) in zip(found.models, found.folds, strict=True):
        alone = getattr(fastnn.layers, kind)()
        alone.adapt(100 * X[train])
        twin = fastnn.Sequential([fastnn.Input((2,)), alone])
        scaled = fastnn.Model(model.inputs, model.layers[0].output).predict(X[test])
        assert np.allclose(scaled, twin.predict(X[test]), rtol=1e-5)
    assert len({model.get_weights()[0].tobytes() for model in found.models}) > 1


def test_preprocessing_in_branches_gets_its_own_input():
    def make():
        a, b = fastnn.Input((2,), name="a"), fastnn.Input((1,), name="b")
        joined = fastnn.layers.Concatenate()([Center()(a), Center()(b)])
        model = fastnn.Model({"a": a, "b": b}, Dense(1)(joined))
        model.compile("sgd", "mse")
        return model

    found = fastnn.cross_validate(make, {"a": X, "b": R}, R, 3, epochs=1)
    train = found.folds[0][0]
    seen = [each.seen for each in found.models[0].layers if isinstance(each, Center)]
    assert sorted(each.shape[1] for each in seen) == [1, 2]
    assert all(len(each) == len(train) for each in seen)


def test_preprocessing_may_be_a_function_and_has_to_be_deeper_down():
    def deep():
        model = fastnn.Sequential([fastnn.Input((2,)), Dense(2), Center(), Dense(1)])
        model.compile("sgd", "mse")
        return model

    with pytest.raises(ValueError, match="is not known; pass adapt="):
        fastnn.cross_validate(deep, X, R, 3)
    found = fastnn.cross_validate(
        deep, X, R, 3, adapt=lambda model, x, y: model.layers[1].adapt(np.ones((1, 2)))
    )
    assert found.models[0].get_weights()[2].tolist() == [1, 1]


def test_callbacks_are_made_for_each_model_and_validation_comes_from_the_training_folds():
    made = []

    def make_callbacks():
        made.append(EarlyStopping(patience=0))
        return made[-1:]

    found = run(epochs=30, validation_split=0.25, make_callbacks=make_callbacks)
    assert len(made) == len({id(each.model) for each in made}) == 5
    assert all("val_loss" in history.history for history in found.histories)


def test_weights_go_with_their_samples():
    weights = np.random.default_rng(0).uniform(0.5, 2, 61)
    found = run(sample_weight=weights, n_jobs=1)
    assert bits(found) != bits(run(n_jobs=1))
    for at, (model, (_, test)) in enumerate(zip(found.models, found.folds, strict=True)):
        want = model.evaluate(
            X[test], Y[test], batch_size=8, sample_weight=weights[test], verbose=0
        )
        assert found.scores["loss"][at] == want[0]


def test_lists_are_arrays():
    found = fastnn.cross_validate(make_regression, X.tolist(), R.tolist(), 2)
    assert found.scores["loss"].shape == (2,)


class Fails(Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise LookupError("mine")


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_an_error_in_a_fold_comes_out(n_jobs):
    with pytest.raises(LookupError, match="mine"):
        run(make_callbacks=lambda: [Fails()], n_jobs=n_jobs, epochs=10**6)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_ends_all_folds(n_jobs, uncollected):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(epochs=10**8, n_jobs=n_jobs)
    assert time.monotonic() - began < 60
    assert not [t for t in threading.enumerate() if "fastnn-fold" in t.name and t.is_alive()]


def test_ctrl_c_while_folds_are_begun_ends_those_that_are(monkeypatch):
    begin = ThreadPoolExecutor.submit

    def interrupted(pool, job):
        begin(pool, job)
        raise KeyboardInterrupt

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(epochs=10**8, n_jobs=2)
    assert not [t for t in threading.enumerate() if "fastnn-fold" in t.name and t.is_alive()]


ONE = make_model()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: fastnn.cross_validate(make_model, iter([X]), Y), TypeError, "need arrays, got"),
        (lambda: run(k=1), ValueError, "k must be 2 or more"),
        (lambda: run(k=99), ValueError, "99 folds need as many rows"),
        (lambda: run(n_jobs=0), ValueError, "n_jobs must be 1 or more"),
        (lambda: run(seed=-1), ValueError, "seed must be 0 or more"),
        (lambda: run(callbacks=[]), TypeError, "give make_callbacks=lambda"),
        (lambda: run(make_callbacks=[]), TypeError, "give make_callbacks=lambda"),
        (lambda: run(validation_data=(X, Y)), TypeError, "give validation_split"),
        (lambda: fastnn.cross_validate(lambda: 3, X, Y), TypeError, "fastnn model, got int"),
        (lambda: fastnn.cross_validate(lambda: ONE, X, Y), ValueError, "a new model each time"),
        (lambda: fastnn.cross_validate(ONE, X, Y), TypeError, r"got a Sequential; put .* def make"),
        (lambda: fastnn.cross_validate(make_model, X, Y[:9]), ValueError, r"\[9, 61\] rows"),
        (
            lambda: fastnn.cross_validate(make_regression, X, R, 3, np.arange(4)),
            ValueError,
            "x has 61 rows, y has 4",
        ),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error, match=words):
        call()
