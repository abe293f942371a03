"""Metrics of one's own: in NumPy, with state, or composed of operations."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, metrics, ops
from fastnn.layers import Dense
from fastnn.metrics.state import State

RNG = np.random.default_rng(6)
X, Y = RNG.normal(size=(11, 4)), RNG.integers(0, 3, 11)
W = RNG.random(11)


class Seen(metrics.Metric):
    """Keeps what it gets."""

    def __init__(self, name="seen"):
        super().__init__(name)
        self.reset_state()

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.batches.append((y_true, y_pred, sample_weight))

    def result(self):
        return sum(len(y_pred) for _, y_pred, _ in self.batches)

    def reset_state(self):
        self.batches = []
        self.resets = getattr(self, "resets", 0) + 1


class Right(metrics.Metric):
    """Accuracy as a Keras user writes it."""

    direction = "up"

    def __init__(self, name="right", **options):
        super().__init__(name=name, **options)
        self.right = self.add_weight(name="right", initializer="zeros")
        self.all = self.add_variable(shape=(), initializer="zeros", name="all")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = (y_pred.argmax(axis=-1) == y_true).astype(float)
        weights = np.ones(len(values)) if sample_weight is None else sample_weight
        self.right.assign_add(np.sum(values * weights))
        self.all.assign_add(np.sum(weights))

    def result(self):
        return self.right / self.all


def model(*watched, **options):
    fastnn.set_seed(2)
    made = Sequential([Input((4,), dtype="float64"), Dense(3, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy", metrics=list(watched), **options)
    return made


@pytest.mark.parametrize("eager", [False, True])
def test_it_gets_the_arrays_of_each_batch_in_their_order(eager):
    seen = Seen()
    made = model(seen, run_eagerly=eager)
    logs = made.evaluate(X, Y, 4, 0, return_dict=True)
    assert logs["seen"] == 11.0
    assert [len(y) for y, _, _ in seen.batches] == [4, 4, 3]
    assert all(w is None for _, _, w in seen.batches)
    np.testing.assert_array_equal(np.concatenate([y for y, _, _ in seen.batches]), Y)
    np.testing.assert_allclose(
        np.concatenate([p for _, p, _ in seen.batches]), made.predict(X), rtol=1e-12
    )


def test_each_epoch_and_each_evaluation_begin_anew():
    seen, right = Seen(), Right()
    made = model(seen, right, "accuracy")
    history = made.fit(X, Y, 4, epochs=3, validation_data=(X[:5], Y[:5]), verbose=0).history
    assert history["seen"] == [11.0] * 3
    assert history["val_seen"] == [5.0] * 3
    np.testing.assert_allclose(history["right"], history["accuracy"], rtol=1e-12)
    np.testing.assert_allclose(history["val_right"], history["val_accuracy"], rtol=1e-12)
    made.train_on_batch(X[:2], Y[:2])
    assert seen.result() == 2


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_weights_of_samples_are_those_of_weighted_metrics(threads):
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        made = model(Seen(), weighted_metrics=[Right(), "acc"])
        logs = made.evaluate(X, Y, 4, 0, sample_weight=W, return_dict=True)
    finally:
        fastnn.set_num_threads(before)
    assert logs["right"] == pytest.approx(logs["acc"], rel=1e-12)


def test_batches_from_a_generator():
    seen, right = Seen(), Right()
    made = model(seen, right, "accuracy")

    def batches():
        for begin in range(0, 11, 4):
            yield X[begin : begin + 4], Y[begin : begin + 4]

    rows, share, accuracy = made.evaluate(batches(), verbose=0)[1:]
    assert (rows, share) == (11.0, pytest.approx(accuracy, rel=1e-12))
    made.fit(batches(), verbose=0)
    assert seen.result() == 11


def test_it_overrides_what_a_metric_of_fastnn_takes():
    """The idiom of many scripts: another y_pred for MeanIoU."""

    class OfLabels(metrics.MeanIoU):
        def update_state(self, y_true, y_pred, sample_weight=None):
            return super().update_state(y_true, y_pred.argmax(axis=-1), sample_weight)

    made = model(OfLabels(num_classes=3, name="own"), metrics.MeanIoU(num_classes=3))
    own, plain = made.evaluate(X, Y, 4, 0)[1:]
    assert own == pytest.approx(plain, rel=1e-12)
    assert made.evaluate(X, Y, 4, 0)[1] == own


def test_it_is_a_mean_of_what_operations_make_of_arrays():
    """The other idiom: a subclass of Mean, written with ops."""

    class Surprise(metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            one_hot = ops.one_hot(y_true, 3)
            values = -ops.log(ops.sum(one_hot * y_pred, axis=-1))
            return super().update_state(values, sample_weight)

    made = model(Surprise(), weighted_metrics=[Surprise("heavy")])
    loss, plain, heavy = made.evaluate(X, Y, 4, 0)
    assert (plain, heavy) == (pytest.approx(loss, rel=1e-12), plain)
    values = -np.log(made.predict(X)[np.arange(11), Y])
    found = made.evaluate(X, Y, 4, 0, sample_weight=W)[1:]
    np.testing.assert_allclose(found, [values.mean(), (values * W).sum() / W.sum()], rtol=1e-12)


def test_it_is_watched_by_callbacks():
    stop = fastnn.callbacks.EarlyStopping(monitor="right", patience=0)
    assert len(model(Right()).fit(X, Y, epochs=50, callbacks=[stop], verbose=0).epoch) < 50


def test_arrays_and_dicts_are_shown_as_they_are():
    class Counts(Right):
        def result(self):
            return {"right": float(self.right), "all": float(self.all)}

    class Both(Right):
        def result(self):
            return np.array([self.right, self.all])

    logs = model(Counts("a"), Both("b")).evaluate(X, Y, verbose=0, return_dict=True)
    assert logs["a"]["all"] == 11
    assert logs["b"].tolist() == [logs["a"]["right"], 11]


def test_an_exception_comes_out_as_it_is():
    class Broken(Seen):
        def update_state(self, y_true, y_pred, sample_weight=None):
            raise KeyError("mine")

    made = model(Broken())
    before = made.get_weights()
    with pytest.raises(KeyError, match="mine"):
        made.fit(X, Y, verbose=0)
    for a, b in zip(before, made.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_file_asks_for_the_class(tmp_path):
    made = model(Right())
    made.fit(X, Y, verbose=0)
    made.save(tmp_path / "m.fastnn")
    again = fastnn.models.load_model(tmp_path / "m.fastnn", custom_objects={"Right": Right})
    assert again.evaluate(X, Y, verbose=0) == made.evaluate(X, Y, verbose=0)


def test_means_of_numbers_are_not_for_models():
    for metric in (metrics.Mean(), metrics.Sum()):
        with pytest.raises(TypeError, match="hand over yourself"):
            model(metric).evaluate(X, Y, verbose=0)


def test_one_that_overrides_nothing_says_what_to_write():
    with pytest.raises(NotImplementedError, match="update_state"):
        model(metrics.Metric("none")).evaluate(X, Y, verbose=0)


# ---- state ---------------------------------------------------------------------------------------


def test_state_is_computed_with_like_an_array():
    state = State(np.zeros((2,)), "sums")
    assert state.assign_add([1, 2]) is state
    state.assign_sub(0.5)
    assert (state * 2 + state).tolist() == [1.5, 4.5]
    assert (1 - state).tolist() == [0.5, -0.5]
    assert np.sum(state) == 2
    assert np.asarray(state, np.float32).dtype == np.float32
    assert (state.shape, state.dtype) == ((2,), np.float64)
    assert state.numpy() is state.value
    assert repr(state) == "State('sums', array([0.5, 1.5]))"
    with pytest.raises(ValueError, match="read-only"):
        state.value[0] = 3
    with pytest.raises(fastnn.errors.ShapeError, match=r"shape \(3,\), the state has \(2,\)"):
        state.assign([1, 2, 3])
    state.reset()
    assert state.value.tolist() == [0, 0]
    assert float(State(np.float64(2), "one")) == 2.0


def test_variables_return_to_their_first_value():
    metric = metrics.Metric("own")
    one, two = metric.add_variable((2,), "ones"), metric.add_weight(name="two")
    assert metric.variables == [one, two]
    assert [one.name, two.name] == ["own_0", "two"]
    one.assign([5, 6])
    metric.reset_state()
    assert one.value.tolist() == [1, 1]


# ---- composed of operations ----------------------------------------------------------------------


def test_labels_are_numbers_to_operations():
    class Close(metrics.Metric):
        def lower(self, prediction, targets, kind):
            return ops.less_equal(ops.abs(ops.argmax(prediction, -1) - targets), 1)

    def near(y_true, y_pred):
        return ops.less_equal(ops.abs(ops.argmax(y_pred, -1) - y_true), 1)

    made = model(Close(), near, weighted_metrics=[Close("weighted")])
    found = made.evaluate(X, Y, 4, 0, sample_weight=W)[1:]
    right = np.abs(made.predict(X).argmax(-1) - Y) <= 1
    np.testing.assert_allclose(found, [right.mean(), right.mean(), (right * W).sum() / W.sum()])


FUNCTIONS = [
    (name, getattr(metrics, name))
    for name in metrics.__all__
    if name[0].islower() and name not in ("get", "serialize", "deserialize", "confusion_matrix")
]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_functions_are_the_values_of_a_metric(name, function):
    """Of arrays one by one, of tensors in a model; the mean of them is the metric's."""
    sparse = name.startswith("sparse")
    y = Y if sparse else np.eye(3)[Y]
    p = RNG.dirichlet(np.ones(3), 11)
    values = function(y, p)
    assert values.shape == ((11, 3) if name == "binary_accuracy" else (11,))
    known = metrics.get(function)
    assert known.name == name
    loss = "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy"
    made = model()
    if name.startswith("binary"):
        made = Sequential([Input((4,), dtype="float64"), Dense(3, "sigmoid")])
        loss = "binary_crossentropy"
    made.compile("sgd", loss, metrics=[function])
    found = made.evaluate(X, y, verbose=0)[1]
    assert found == pytest.approx(function(y, made.predict(X)).mean(), rel=1e-6)


def test_binary_accuracy_of_tensors_is_of_each_unit():
    def half(y_true, y_pred):
        return ops.mean(metrics.binary_accuracy(y_true, y_pred, 0.4), axis=-1)

    made = model()
    made.compile("sgd", "categorical_crossentropy", metrics=[half])
    right = (made.predict(X) > 0.4) == np.eye(3)[Y]
    assert made.evaluate(X, np.eye(3)[Y], verbose=0)[1] == pytest.approx(right.mean())
