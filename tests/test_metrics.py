"""Metrics: their values, by themselves and in models, and what they refuse."""

import copy

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, losses, metrics, ops
from fastnn.layers import Activation, Dense

RNG = np.random.default_rng(2)
Z = RNG.normal(size=(9, 5)) * 3
LABELS = RNG.integers(0, 5, 9)
ONE_HOT = np.eye(5)[LABELS]
SOFT = RNG.dirichlet(np.ones(5), 9)
BITS = (RNG.random((9, 5)) > 0.5).astype(float)
#: What metrics cannot be made without.
NEEDED = {
    **dict.fromkeys(("SensitivityAtSpecificity", "SpecificityAtSensitivity"), (0.5,)),
    **dict.fromkeys(("PrecisionAtRecall", "RecallAtPrecision"), (0.5,)),
    **dict.fromkeys(("IoU", "OneHotIoU"), (5, [0, 2, 3])),
}


def fresh(name):
    return getattr(metrics, name)(*NEEDED.get(name, ()))


def measure(z, targets, loss, activation="linear", metric=()):
    model = Sequential([Input(z.shape[1:], dtype="float64"), Activation(activation)])
    model.compile(loss=loss, metrics=list(metric))
    return model.evaluate(z, targets, verbose=0)


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


LOGITS = {
    "sparse_categorical_crossentropy": losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": losses.CategoricalCrossentropy,
    "binary_crossentropy": losses.BinaryCrossentropy,
}


@pytest.mark.parametrize(
    ("loss", "activation", "targets", "want"),
    [
        (
            "sparse_categorical_crossentropy",
            "softmax",
            LABELS,
            (Z.argmax(1) == LABELS).mean(),
        ),
        (
            "categorical_crossentropy",
            "softmax",
            SOFT,
            (Z.argmax(1) == SOFT.argmax(1)).mean(),
        ),
        ("binary_crossentropy", "sigmoid", BITS, ((Z > 0) == BITS).mean()),
    ],
)
def test_accuracy_is_the_one_that_fits(loss, activation, targets, want):
    assert np.isclose(measure(Z, targets, loss, activation, ["accuracy"])[1], want, rtol=1e-15)
    logits = LOGITS[loss](from_logits=True)
    assert np.isclose(measure(Z, targets, logits, metric=["accuracy"])[1], want, rtol=1e-15)


def test_accuracy_of_one_unit_is_binary():
    z = Z[:, :1]
    got = measure(z, BITS[:, :1], "binary_crossentropy", "sigmoid", ["acc"])[1]
    assert np.isclose(got, ((z > 0) == BITS[:, :1]).mean(), rtol=1e-15)


def test_the_first_of_tied_classes_is_chosen():
    z = np.zeros((3, 4))
    assert measure(z, [0, 1, 0], "sparse_categorical_crossentropy", "softmax", ["accuracy"])[
        1
    ] == pytest.approx(2 / 3)


def test_binary_threshold():
    metric = metrics.BinaryAccuracy(name="strict", threshold=0.9)
    p = 1 / (1 + np.exp(-Z))
    got = measure(Z, BITS, "binary_crossentropy", "sigmoid", [metric])[1]
    assert np.isclose(got, ((p > 0.9) == BITS).mean(), rtol=1e-15)


def test_squared_error_as_a_metric_reads_probabilities():
    got = measure(Z, SOFT, "categorical_crossentropy", "softmax", ["mse"])[1]
    assert np.isclose(got, np.mean((np.exp(log_softmax(Z)) - SOFT) ** 2), rtol=1e-13)


def test_several_metrics_come_in_order():
    model = Sequential([Input((5,)), Activation("softmax")])
    model.compile(loss="categorical_crossentropy", metrics=["acc", "mse", metrics.BinaryAccuracy])
    assert model.metrics_names == ["loss", "acc", "mse", "binary_accuracy"]
    assert list(model.evaluate(Z, SOFT, verbose=0, return_dict=True)) == model.metrics_names


OF_LABELS = {"SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"}


@pytest.mark.parametrize("name", sorted(set(metrics.CLASSES) - OF_LABELS))
def test_a_metric_by_itself_is_that_of_a_model(name):
    model = Sequential([Input((5,), dtype="float64"), Dense(5, "softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[fresh(name)])
    in_model = [model.evaluate(Z, SOFT, batch, 0)[1] for batch in (2, 9)]
    alone = fresh(name)
    alone.update_state(SOFT[:4], model.predict(Z)[:4])
    found = alone(SOFT[4:], model.predict(Z)[4:])
    np.testing.assert_array_equal(*in_model)
    np.testing.assert_allclose(found, in_model[0], rtol=1e-12)
    alone.reset_state()
    assert alone.result() == 0.0


def test_intersections_over_unions_along_another_axis():
    """Which Keras 3.15 takes, and fails on; in a model of channels first, too."""
    labels, p = RNG.integers(0, 3, (4, 5, 2)), RNG.dirichlet(np.ones(3), (4, 5, 2))
    want = metrics.MeanIoU(3, sparse_y_pred=False)(labels, p)
    turned = np.moveaxis(p, -1, 1)
    along = metrics.MeanIoU(3, sparse_y_pred=False, axis=1)
    assert along(labels, turned) == want
    model = Sequential([Input((3, 5, 2), dtype="float64"), Activation("linear")])
    loss = losses.SparseCategoricalCrossentropy(axis=1, from_logits=True)
    own = [metrics.MeanIoU(axis=1), metrics.CategoricalCrossentropy(axis=1)]
    model.compile(loss=loss, metrics=own[:1])
    assert model.evaluate(np.log(turned), labels, verbose=0)[1] == pytest.approx(want)
    one_hot = np.moveaxis(np.eye(3)[labels], -1, 1)
    model.compile(loss=losses.CategoricalCrossentropy(axis=1, from_logits=True), metrics=own)
    mean, iou, ce = model.evaluate(np.log(turned), one_hot, verbose=0)
    assert (iou, ce) == (pytest.approx(want), pytest.approx(mean, rel=1e-6))


@pytest.mark.parametrize("shape", [(8,), (8, 1)])
def test_intersections_over_unions_of_one_unit(shape):
    y, p = np.arange(8) % 2, np.linspace(0, 1, 8)
    want = metrics.MeanIoU(2)(y, p > 0.5)
    assert metrics.MeanIoU(2)(y.reshape(shape), p.reshape(shape)) == want
    assert metrics.MeanIoU()(y.reshape(shape), p.reshape(shape)) == want


def test_intersections_over_unions_of_classes_there_are_not():
    metric = metrics.MeanIoU(2, ignore_class=7)
    metric.update_state([-1, 5, 7], [0, 0, 1])
    assert metric.result() == 0.0
    with pytest.raises(ValueError, match="below num_classes=2, got 2"):
        metrics.IoU(2, [0, 2])


def test_confusion_matrices_know_labels_of_any_kind():
    true, said = ["dog", "cat", "dog", "dog"], np.array(["dog", "dog", "cat", "dog"], object)
    matrix = metrics.confusion_matrix
    assert matrix(true, said).tolist() == [[0, 1], [1, 2]]
    assert matrix(true, said, classes=["dog", "cat", "eel"]).tolist() == [
        [2, 1, 0],
        [1, 0, 0],
        [0, 0, 0],
    ]
    assert matrix(true, np.eye(2)[[1, 1, 0, 1]]).tolist() == matrix(true, said).tolist()
    assert matrix([-1, 1], [1, 1], classes=[-1, 1]).tolist() == [[0, 1], [0, 1]]
    with pytest.raises(ValueError, match=r"y_pred has the label 0.* 'cat', 'dog'; .*class_labels"):
        matrix(true, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="pass classes="):
        matrix([-1, 1], [1, 1])


def test_confusion_matrices_know_labels_one_hot_rows_and_weights():
    p, w = RNG.dirichlet(np.ones(5), 9), RNG.random(9)
    want = np.zeros((5, 5))
    np.add.at(want, (LABELS, p.argmax(1)), w)
    for y in (LABELS, ONE_HOT):
        np.testing.assert_allclose(metrics.confusion_matrix(y, p, w), want, rtol=1e-6)
    assert metrics.confusion_matrix([0, 2], [2, 2]).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 1]]
    with pytest.raises(ValueError, match="below 0"):
        metrics.confusion_matrix([0, -1], [0, 1])
    p = np.array([[0.2], [0.7]])
    with pytest.raises(ValueError, match=r"y_pred must hold labels.* give p > 0\.5$"):
        metrics.confusion_matrix([0, 1], p)
    assert metrics.confusion_matrix([0, 1], p > 0.5).tolist() == [[1, 0], [0, 1]]


def test_subset_accuracy_is_of_samples():
    got = measure(Z, BITS, "bce", "sigmoid", ["subset_accuracy", "accuracy"])
    assert got[1] == pytest.approx(((Z > 0) == BITS).all(1).mean())
    assert got[2] == pytest.approx(((Z > 0) == BITS).mean())


def test_a_metric_of_labels_one_hot_rows_and_logits_is_one():
    """AUC, precision and top-k of the same scores, however they are written."""
    wanted = [
        "auc",
        "precision",
        "recall",
        metrics.TopKCategoricalAccuracy(2),
        metrics.F1Score("macro"),
    ]
    labels = measure(Z, LABELS, "sparse_categorical_crossentropy", "softmax", wanted)
    wanted = [
        "auc",
        "precision",
        "recall",
        metrics.TopKCategoricalAccuracy(2),
        metrics.F1Score("macro"),
    ]
    logits = losses.CategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(measure(Z, ONE_HOT, logits, "linear", wanted), labels, rtol=1e-12)


def fitted(loss, metric, head="softmax", units=5):
    model = Sequential([Input((5,)), Dense(units, head)])
    model.compile("sgd", loss, metrics=[metric])
    y = LABELS if loss == "sparse_categorical_crossentropy" else ONE_HOT[:, :units]
    return model.evaluate(Z, y, verbose=0)


SPARSE_LOSS, ONE_HOT_LOSS = "sparse_categorical_crossentropy", "categorical_crossentropy"
REFUSED = [
    (SPARSE_LOSS, metrics.CategoricalAccuracy(), "a target for each class"),
    (SPARSE_LOSS, metrics.BinaryAccuracy(), "targets of 0 and 1"),
    (SPARSE_LOSS, metrics.SubsetAccuracy(), "targets of 0 and 1"),
    (SPARSE_LOSS, metrics.BinaryIoU(), "targets of 0 and 1"),
    (SPARSE_LOSS, metrics.MeanSquaredError(), "prediction's shape"),
    (SPARSE_LOSS, metrics.CategoricalCrossentropy(), "prediction's shape"),
    (SPARSE_LOSS, metrics.R2Score(), "prediction's shape"),
    (SPARSE_LOSS, metrics.PearsonCorrelation(), "prediction's shape"),
    (ONE_HOT_LOSS, metrics.SparseCategoricalAccuracy(), "integer labels"),
    (ONE_HOT_LOSS, metrics.SparseCategoricalCrossentropy(), "integer labels"),
    (ONE_HOT_LOSS, metrics.Recall(class_id=5), "class_id must be in 0 to 4, got 5"),
    (ONE_HOT_LOSS, metrics.PrecisionAtRecall(0.5, class_id=-1), "class_id must be in 0 to 4"),
    (ONE_HOT_LOSS, metrics.AUC(label_weights=[1, 2]), "label_weights has 2 numbers"),
]


@pytest.mark.parametrize(("loss", "metric", "message"), REFUSED)
def test_metrics_refuse_targets_that_they_make_no_sense_of(loss, metric, message):
    with pytest.raises(ValueError, match=message):
        fitted(loss, metric)


def test_a_score_of_one_unit_needs_a_threshold():
    with pytest.raises(ValueError, match=r"threshold=0\.5"):
        fitted("binary_crossentropy", metrics.F1Score(), "sigmoid", 1)


def test_predictions_of_another_width_need_a_new_beginning():
    metric = metrics.F1Score()
    metric(ONE_HOT, SOFT)
    with pytest.raises(fastnn.errors.ShapeError, match="reset_state"):
        metric(ONE_HOT[:, :3], SOFT[:, :3])
    metric.reset_state()
    assert len(metric(ONE_HOT[:, :3], SOFT[:, :3])) == 3


def test_accuracy_by_itself_compares_labels():
    accuracy = metrics.Accuracy()
    assert accuracy([1, 2, 3, 4], [0, 2, 3, 4]) == 0.75
    accuracy.reset_state()
    accuracy.update_state([1, 2, 3, 4], [0, 2, 3, 4], [1, 1, 0, 0])
    assert accuracy.result() == 0.5
    assert metrics.Accuracy()(LABELS, SOFT) == (SOFT.argmax(1) == LABELS).mean()


def test_accuracy_of_a_hinge_is_of_signs():
    p = np.array([[0.5], [-0.5], [-2.0]])
    for y in ([[1], [-1], [1]], [[1], [0], [1]]):
        assert measure(p, y, "hinge", metric=["accuracy"])[1] == pytest.approx(2 / 3)


def test_means_of_columns_are_arrays_unless_combined():
    class Columns(metrics.Metric):
        columns = True

        def lower(self, prediction, targets, kind):
            return ops.subtract(prediction, targets)

    metric = Columns()
    np.testing.assert_allclose(metric(ONE_HOT, SOFT), (SOFT - ONE_HOT).mean(0), rtol=1e-12)
    np.testing.assert_array_equal(Columns()(ONE_HOT, SOFT, np.zeros(9)), 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0, 1e4, 1e6])
def test_r2_does_not_depend_on_where_zero_is(offset, dtype):
    y = (offset + RNG.normal(0, 3, (200, 2))).astype(dtype)
    p = (y + RNG.normal(0, 1, (200, 2))).astype(dtype)
    exact, said = y.astype(np.longdouble), p.astype(np.longdouble)
    each = 1 - ((exact - said) ** 2).sum(0) / ((exact - exact.mean(0)) ** 2).sum(0)
    model = Sequential([Input((2,), dtype=dtype), Activation("linear")], dtype=dtype)
    model.compile(loss="mse", metrics=[metrics.R2Score()])
    _, found = model.evaluate(p, y, 32, 0)
    assert found == pytest.approx(float(each.mean()), abs=1e-5)
    constant = np.full((9, 1), 0.1, dtype)
    assert metrics.R2Score()(constant, constant + 1) == 0
    beside = np.c_[y[:9, :1], constant]
    assert metrics.R2Score(None)(beside, beside).tolist() == [1, 0]
    assert metrics.R2Score()(beside, beside) == 0.5


def test_the_adjusted_r2_counts_every_number():
    y, p = RNG.normal(size=(2, 9, 2))
    plain = metrics.R2Score()(y, p)
    for n in (3, 16, 17, 30):
        left = 18 - n - 1
        want = plain if left <= 0 else 1 - (1 - plain) * 17 / left
        metric = metrics.R2Score(num_regressors=n)
        metric.update_state(y[:4], p[:4])
        metric.update_state(y[4:], p[4:])
        assert metric.result() == pytest.approx(want, rel=1e-12)
    each = metrics.R2Score(None, num_regressors=3)(y, p)
    np.testing.assert_allclose(each, 1 - (1 - metrics.R2Score(None)(y, p)) * 17 / 14)
    model = Sequential([Input((2,), dtype="float64"), Activation("linear")])
    model.compile(loss="mse", metrics=[metrics.R2Score(num_regressors=3), "mae"])
    _, found, mae = model.evaluate(p, y, 4, 0)
    assert found == pytest.approx(metrics.R2Score(num_regressors=3)(y, p), rel=1e-12)
    assert mae == pytest.approx(np.abs(y - p).mean())


def test_cross_entropies_of_logits_as_metrics():
    """By themselves they have to be told; in a model the head says it."""
    want = -log_softmax(Z)[np.arange(9), LABELS].mean()
    for kind, y in (
        (metrics.SparseCategoricalCrossentropy, LABELS),
        (metrics.CategoricalCrossentropy, ONE_HOT),
    ):
        assert kind(from_logits=True)(y, Z) == pytest.approx(want, rel=1e-12)
    weighted = metrics.SparseCategoricalCrossentropy(ignore_class=LABELS[0])
    kept = LABELS[0] != LABELS
    w = RNG.random(9)
    values = -np.log(SOFT[np.arange(9), LABELS])
    assert weighted(LABELS, SOFT, w) == pytest.approx(
        (values * w)[kept].sum() / w[kept].sum(), rel=1e-12
    )


def test_best_classes_in_their_order():
    best = np.argsort(-SOFT, axis=1)
    for k in (1, 3):
        metric = metrics.SparseTopKCategoricalAccuracy(k, from_sorted_ids=True)
        want = metrics.SparseTopKCategoricalAccuracy(k)(LABELS, SOFT)
        assert metric(LABELS, best) == pytest.approx(want)
        again = metrics.deserialize(metrics.serialize(metric))
        assert again.from_sorted_ids
        values = metrics.sparse_top_k_categorical_accuracy(LABELS, best, k, from_sorted_ids=True)
        assert values.mean() == pytest.approx(want)


def test_a_copied_metric_has_no_program():

    metric = metrics.MeanSquaredError()
    metric([[1.0]], [[2.0]])
    assert copy.deepcopy(metric).result() == 0.0
    assert metric.result() == 1.0


def test_means_and_sums_of_numbers_have_weights():
    for weights, mean, total in ((None, 4.0, 16.0), ([1, 1, 0, 0], 2.0, 4.0), (0.5, 4.0, 8.0)):
        assert metrics.Mean()([1, 3, 5, 7], weights) == mean
        assert metrics.Sum()([1, 3, 5, 7], weights) == total
    assert metrics.Mean()([[1, 3], [5, 7]], [1, 0]) == 2.0
    metric = metrics.Mean()
    metric.update_state(3)
    metric.reset_state()
    assert metric.result() == 0.0
