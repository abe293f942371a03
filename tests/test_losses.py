"""Losses and metrics: their values, their gradients, which output they go with, their names."""

import functools
import warnings

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, losses, metrics, ops, registry
from fastnn.errors import ModelFileError, ShapeError
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


def log_sigmoid(z):
    return -np.logaddexp(0, -z)


MEANINGS = [
    ("mse", "linear", Z * 2, np.mean((Z - 2 * Z) ** 2)),
    (
        "sparse_categorical_crossentropy",
        "softmax",
        LABELS,
        -log_softmax(Z)[np.arange(9), LABELS].mean(),
    ),
    ("categorical_crossentropy", "softmax", ONE_HOT, -(ONE_HOT * log_softmax(Z)).sum(1).mean()),
    ("categorical_crossentropy", "softmax", SOFT, -(SOFT * log_softmax(Z)).sum(1).mean()),
    (
        "binary_crossentropy",
        "sigmoid",
        BITS,
        -(BITS * log_sigmoid(Z) + (1 - BITS) * log_sigmoid(-Z)).mean(),
    ),
]
LOGITS = {
    "sparse_categorical_crossentropy": losses.SparseCategoricalCrossentropy,
    "categorical_crossentropy": losses.CategoricalCrossentropy,
    "binary_crossentropy": losses.BinaryCrossentropy,
}


@pytest.mark.parametrize(("loss", "activation", "targets", "want"), MEANINGS)
def test_value(loss, activation, targets, want):
    assert np.isclose(measure(Z, targets, loss, activation), want, rtol=1e-13, atol=0)


@pytest.mark.parametrize(("loss", "activation", "targets", "want"), MEANINGS[1:])
def test_logits_and_probabilities_are_one_loss(loss, activation, targets, want):
    written = measure(Z, targets, loss, activation)
    assert measure(Z, targets, LOGITS[loss](from_logits=True)) == written


@pytest.mark.parametrize(("loss", "activation", "targets", "want"), MEANINGS)
def test_gradient(loss, activation, targets, want):
    model = Sequential([Input((5,), dtype="float64"), Dense(5, activation)])
    model.compile(loss=loss)
    check = fastnn.gradcheck(model, Z, targets)
    assert check.ok, str(check)


@pytest.mark.parametrize("size", [1e3, 1e30])
@pytest.mark.parametrize(
    ("loss", "activation", "targets"),
    [
        ("sparse_categorical_crossentropy", "softmax", [1]),
        ("categorical_crossentropy", "softmax", [[0.0, 1.0]]),
        ("binary_crossentropy", "sigmoid", [[0.0, 1.0]]),
    ],
)
def test_scores_of_any_size_give_a_finite_loss(loss, activation, targets, size):
    right = measure(np.array([[-size, size]]), targets, loss, activation)
    wrong = measure(np.array([[size, -size]]), targets, loss, activation)
    assert right == 0
    assert wrong == (2 * size if activation == "softmax" else size)


def test_images_of_numbers_have_the_mean_over_all():
    a, b = RNG.normal(size=(2, 4, 3, 3, 2))
    assert np.isclose(measure(a, b, "mse"), np.mean((a - b) ** 2), rtol=1e-14)
    z, t = a, (b > 0).astype(float)
    want = -(t * log_sigmoid(z) + (1 - t) * log_sigmoid(-z)).mean()
    assert np.isclose(measure(z, t, "binary_crossentropy", "sigmoid"), want, rtol=1e-13)


# ---- axes ----------------------------------------------------------------------------------------

ALONG = {
    "CategoricalCrossentropy": [{}, {"from_logits": True}, {"label_smoothing": 0.2}],
    "CategoricalFocalCrossentropy": [{"gamma": 1.5}, {"from_logits": True}],
    "BinaryCrossentropy": [{}, {"from_logits": True}, {"label_smoothing": 0.2}],
    "BinaryFocalCrossentropy": [{}, {"from_logits": True}],
    "CosineSimilarity": [{}],
    "SparseCategoricalCrossentropy": [{}, {"from_logits": True}, {"ignore_class": 1}],
}


@pytest.mark.parametrize("axis", [1, 2, -2])
@pytest.mark.parametrize(("name", "options"), [(n, o) for n in ALONG for o in ALONG[n]])
def test_classes_may_be_on_any_axis(name, options, axis):
    """Values, means and gradients are those of the arrays with that axis last."""
    p = RNG.dirichlet(np.ones(5), (4, 3, 2))
    y = RNG.dirichlet(np.ones(5), (4, 3, 2))
    if name.startswith("Sparse"):
        y = y.argmax(-1)
    w, rows = RNG.random((4, 3, 2)), RNG.random(4)
    at = axis % 4

    def turned(array):
        return array if array.ndim == 3 else np.moveaxis(array, -1, at)

    cls = getattr(losses, name)
    for weights in (None, w, rows):
        want = cls(**options)(y, p, weights)
        assert cls(**options, axis=axis)(turned(y), turned(p), weights) == pytest.approx(
            want, 1e-12
        )
    want = cls(**options, reduction=None)(y, p, w)
    got = cls(**options, axis=axis, reduction=None)(turned(y), turned(p), w)
    np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("head", ["softmax", "logits"])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_model_may_have_its_classes_on_another_axis(head, sparse):
    """Images of channels first: training, accuracy, weights of samples, classes and places."""
    logits = head == "logits"
    x, labels = RNG.normal(size=(6, 3, 4, 2)), RNG.integers(0, 3, (6, 4, 2))
    y = labels if sparse else np.moveaxis(np.eye(3)[labels], -1, 1)
    kind = losses.SparseCategoricalCrossentropy if sparse else losses.CategoricalCrossentropy
    inputs = Input((3, 4, 2), dtype="float64")
    z = fastnn.layers.Dense(2)(inputs)
    model = fastnn.Model(inputs, z if logits else fastnn.layers.Softmax(axis=1)(z))
    loss = kind(from_logits=logits, axis=1)
    model.compile("sgd", loss, metrics=["accuracy"], weighted_metrics=["acc"])
    w = RNG.random((6, 4, 2))
    loss, accuracy, weighted = model.evaluate(x, y, sample_weight=w, verbose=0)
    p = model.predict_proba(x)
    taken = -np.log(np.take_along_axis(p, labels[:, None], 1)[:, 0])
    assert loss == pytest.approx((taken * w).mean(), rel=1e-12)
    right = p.argmax(1) == labels
    assert accuracy == pytest.approx(right.mean())
    assert weighted == pytest.approx((right * w).sum() / w.sum())
    assert fastnn.gradcheck(model, x, y).ok
    by_class = model.evaluate(x, y, verbose=0)[0]
    model.fit(x, y, class_weight={0: 2.0}, epochs=2, verbose=0)
    assert model.evaluate(x, y, verbose=0)[0] < by_class


@pytest.mark.parametrize("size", [1e3, 1e30])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_scores_of_any_size_on_another_axis_too(activation, size):
    """The logits behind a softmax along that axis are found; two swaps of axes are none."""
    inputs = Input((2, 3), dtype="float64")
    head = fastnn.layers.Softmax(axis=1) if activation == "softmax" else Activation("sigmoid")
    model = fastnn.Model(inputs, head(inputs))
    kind = losses.BinaryCrossentropy if activation == "sigmoid" else losses.CategoricalCrossentropy
    model.compile(loss=kind(axis=1))
    z = np.array([size, -size])[None, :, None].repeat(3, -1)
    assert model.evaluate(z, z > 0, verbose=0) == 0
    wrong = model.evaluate(z, z < 0, verbose=0)
    assert wrong == pytest.approx(2 * size if activation == "softmax" else size, rel=1e-14)
    with pytest.raises(ValueError, match="drop from_logits"):
        model.compile(loss=kind(axis=1, from_logits=True))


def test_axes_that_are_moved_back_were_not_moved(capsys):
    class Back(fastnn.layers.Layer):
        def call(self, x):
            return ops.moveaxis(ops.moveaxis(x, 1, -1), -1, 1)

    model = Sequential([Input((2, 3)), Dense(3), Back(), Dense(2)])
    model.compile("sgd", "mse")
    model.explain()
    assert "dense" in (out := capsys.readouterr().out)
    assert "swap" not in out


@pytest.mark.parametrize(
    ("axis", "error", "message"),
    [
        (0, ValueError, "that of the samples"),
        (3, ValueError, "not there"),
        (-3, ValueError, "that of the samples"),
        (True, TypeError, "integer"),
        (1.0, TypeError, "integer"),
    ],
)
def test_an_axis_that_is_none_is_refused(axis, error, message):
    with pytest.raises(error, match=message):
        losses.CategoricalCrossentropy(axis=axis)(np.ones((2, 3, 4)), np.ones((2, 3, 4)))


def test_probabilities_whose_head_is_not_known_are_made_to_sum_to_1():
    """And taken within [1e-7, 1 - 1e-7], in a model too: the last layer is the user's own."""
    p = np.array([[0.0, 2.0, 2.0], [0.0, 0.0, 5.0]])
    for kind, y in (
        (losses.SparseCategoricalCrossentropy, [1, 0]),
        (losses.CategoricalCrossentropy, np.eye(3)[[1, 0]]),
    ):
        want = [-np.log(0.5), -np.log(1e-7)]
        np.testing.assert_allclose(kind(reduction=None)(y, p), want, rtol=1e-12)

    class Shares(fastnn.layers.Layer):
        def call(self, x):
            return ops.divide(x, ops.sum(x, axis=-1, keepdims=True))

    model = Sequential([Input((3,), dtype="float64"), Dense(3, "softplus"), Shares()])
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", "sparse_categorical_crossentropy"],
    )
    x, y = RNG.normal(size=(9, 3)), np.arange(9) % 3
    p = model.predict(x)
    want = -np.log(p[np.arange(9), y]).mean()
    found = model.evaluate(x, y, verbose=0)
    assert found == pytest.approx([want, (p.argmax(1) == y).mean(), want], rel=1e-12)
    assert fastnn.gradcheck(model, x, y).ok


def test_a_softmax_that_was_taken_apart_is_no_softmax():
    """Four shares of 1, as two rows of two classes: each row is made to sum to 1."""
    model = Sequential(
        [Input((4,), dtype="float64"), Activation("softmax"), fastnn.layers.Reshape((2, 2))]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    p = model.predict(Z[:, :4])
    want = -np.log(p[..., 0] / p.sum(-1)).mean()
    assert model.evaluate(Z[:, :4], np.zeros((9, 2)), verbose=0) == pytest.approx(want, rel=1e-12)


# ---- names and configs ---------------------------------------------------------------------------


@pytest.mark.parametrize("module", [losses, metrics])
def test_names_classes_configs_and_objects_are_understood(module):
    for cls in module.CLASSES.values():
        if cls.__name__ in NEEDED:
            made = fresh(cls.__name__)
        else:
            made = module.get(cls)
            assert type(module.get(cls.__name__)) is cls
            assert type(module.get(made.name)) is cls
        assert type(made) is cls
        assert module.get(made) is made
        again = module.get(module.serialize(made))
        assert type(again) is cls
        assert again.get_config() == made.get_config()


def test_short_and_old_spellings():
    assert isinstance(losses.get("MSE"), losses.MeanSquaredError)
    assert isinstance(losses.get("bce"), losses.BinaryCrossentropy)
    assert losses.BinaryCrossEntropy is losses.BinaryCrossentropy
    assert metrics.get("acc").name == "acc"


def test_options_survive_the_config():
    loss = losses.BinaryCrossentropy(from_logits=True, name="mine")
    again = losses.get(losses.serialize(loss))
    assert (again.from_logits, again.name) == (True, "mine")
    assert metrics.get(metrics.serialize(metrics.BinaryAccuracy(threshold=0.7))).threshold == 0.7


# ---- weights -------------------------------------------------------------------------------------


def classifier(loss="sparse_categorical_crossentropy", **options):
    fastnn.set_seed(3)
    model = Sequential([Input((5,), dtype="float64"), Dense(5, "softmax")])
    model.compile(fastnn.optimizers.SGD(0.5), loss, **options)
    return model


def trained(x, y, batch_size=9, loss="sparse_categorical_crossentropy", **options):
    model = classifier(loss)
    model.fit(x, y, batch_size, epochs=3, shuffle=False, verbose=0, **options)
    return np.concatenate([w.ravel() for w in model.get_weights()])


def test_a_weight_of_two_is_the_sample_twice():
    """In the gradient as well: the mean is over the number of samples."""
    loss = losses.SparseCategoricalCrossentropy(reduction="sum")
    weights = np.array([1.0, 2, 1, 1, 2, 1, 1, 1, 1])
    twice = np.repeat(np.arange(9), weights.astype(int))
    once = trained(Z, LABELS, 11, loss, sample_weight=weights)
    assert np.allclose(once, trained(Z[twice], LABELS[twice], 11, loss), rtol=1e-12)
    assert not np.allclose(once, trained(Z, LABELS, 11, loss), rtol=1e-3)


def test_a_weight_of_zero_leaves_a_sample_out():
    loss = losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    weights = (np.arange(9) < 5) * 1.0
    some = trained(Z, LABELS, loss=loss, sample_weight=weights)
    assert np.allclose(some, trained(Z[:5], LABELS[:5], loss=loss), rtol=1e-12)


def test_class_weights_are_the_weights_of_labels():
    given = {0: 2.0, 3: 0.25}
    weights = np.array([given.get(label, 1.0) for label in LABELS])
    assert np.array_equal(
        trained(Z, LABELS, class_weight=given), trained(Z, LABELS, sample_weight=weights)
    )
    one_hot = "categorical_crossentropy"
    assert np.array_equal(
        trained(Z, ONE_HOT, loss=one_hot, class_weight=given),
        trained(Z, ONE_HOT, loss=one_hot, sample_weight=weights),
    )


def test_weights_of_classes_that_count_alike_are_told_in_a_line():
    y = np.array([0, 0, 1, 0, 2, 2])
    with pytest.raises(ValueError, match="got 'balanced'") as caught:
        trained(Z[:6], y, class_weight="balanced")
    assert "n = numpy.bincount(y), class_weight=dict(enumerate(len(y) / len(n) / n))" in str(
        caught.value
    )
    assert len(str(caught.value)) < 400
    n = np.bincount(y)
    given = dict(enumerate(len(y) / len(n) / n))
    assert [given[label] * count for label, count in enumerate(n)] == [2.0] * 3
    trained(Z[:6], y, class_weight=given)


@pytest.mark.parametrize("batch", [1, 4, 9])
@pytest.mark.parametrize("eager", [False, True])
def test_weighted_means_do_not_depend_on_batches(batch, eager):
    weights = RNG.random(9)
    model = classifier(metrics=["accuracy"], weighted_metrics=["accuracy"], run_eagerly=eager)
    found = model.evaluate(Z, LABELS, batch, 0, sample_weight=weights, return_dict=True)
    p = model.predict(Z)
    surprise, right = -np.log(p[np.arange(9), LABELS]), p.argmax(1) == LABELS
    assert found["loss"] == pytest.approx((surprise * weights).mean(), rel=1e-12)
    assert found["accuracy"] == pytest.approx(right.mean(), rel=1e-12)
    weighted = (right * weights).sum() / weights.sum()
    assert found["weighted_accuracy"] == pytest.approx(weighted, rel=1e-12)


def test_ignored_labels_count_in_no_mean():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    labels = np.where(np.arange(9) % 3 == 0, -1, LABELS)
    kept = labels >= 0
    model = classifier(loss)
    want = model.evaluate(Z[kept], labels[kept], verbose=0)
    for batch in (2, 9):
        assert model.evaluate(Z, labels, batch, 0) == pytest.approx(want, rel=1e-12)
    assert np.allclose(
        trained(Z, labels, loss=loss), trained(Z[kept], labels[kept], loss=loss), rtol=1e-12
    )


def test_sequences_have_a_label_and_a_weight_a_step():
    x, w = RNG.normal(size=(6, 4, 5)), RNG.random((6, 4))
    y = RNG.integers(0, 5, (6, 4))
    model = Sequential([Input((4, 5), dtype="float64"), Dense(5, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    loss, accuracy = model.evaluate(x, y, 4, 0, sample_weight=w)
    p = model.predict(x)
    surprise = -np.log(np.take_along_axis(p, y[..., None], -1)[..., 0])
    assert loss == pytest.approx((surprise * w).mean(), rel=1e-12)
    assert accuracy == pytest.approx(((p.argmax(-1) == y) * w).sum() / w.sum(), rel=1e-12)
    rows = w[:, 0]
    again = model.evaluate(x, y, 4, 0, sample_weight=rows)[0]
    assert again == pytest.approx((surprise * rows[:, None]).mean(), rel=1e-12)
    assert fastnn.gradcheck(model, x, y).ok


@pytest.mark.parametrize("a", [0.0, 1.0])
@pytest.mark.parametrize("name", ["binary_crossentropy", "binary_focal_crossentropy"])
def test_probabilities_of_0_and_1_have_a_finite_loss(name, a):
    values = getattr(losses, name)([[0.0], [1.0]], [[a], [a]])
    assert np.isfinite(values).all()


def test_a_function_is_a_loss_and_a_metric():
    def error(y_true, y_pred):
        return fastnn.ops.mean_squared_error(y_pred, y_true)

    model = Sequential([Input((5,)), Dense(5)])
    model.compile("sgd", error, metrics=[error])
    loss, metric = model.evaluate(Z, SOFT, verbose=0)
    assert loss == pytest.approx(metric)
    model.compile("sgd", losses.mean_squared_error)
    assert isinstance(model.loss, losses.MeanSquaredError)


@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
@pytest.mark.parametrize("kind", [losses.BinaryCrossentropy, losses.CategoricalCrossentropy])
def test_probabilities_are_no_logits_whatever_the_loss(kind, head):
    model = Sequential([Input((5,)), Dense(2, head)])
    with pytest.raises(ValueError, match=r"expects logits, but .*(leave out|or) the activation"):
        model.compile(loss=kind(from_logits=True))
    bare = Sequential([Input((5,)), Dense(2)])
    bare.compile(loss=kind(from_logits=True))


def test_linear_hidden_layers_warn_and_others_do_not():
    def compiled(*layers):
        Sequential([Input((5,)), *layers]).compile("sgd", "mse")

    with pytest.warns(fastnn.errors.CollapseWarning, match=r"one linear layer before its sigmoid;"):
        compiled(Dense(4), Dense(3), Dense(2, "sigmoid"))
    with pytest.warns(fastnn.errors.CollapseWarning, match=r"layer \(collapse\(\) makes it\);"):
        compiled(Dense(4), Dense(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compiled(Dense(4, "relu"), Dense(2))
        compiled(Dense(2))


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: metrics.AUC(curve="XY"), ValueError, "'ROC' or 'PR', got 'XY'"),
        (lambda: metrics.AUC(thresholds=[0.2, 1.2]), ValueError, r"in \[0, 1\]"),
        (lambda: metrics.AUC(summation_method="best"), ValueError, "'minoring' or 'majoring'"),
        (lambda: metrics.AUC(num_thresholds=1), ValueError, "2 or more, got 1"),
        (lambda: metrics.Recall(thresholds=[0.2, -1]), ValueError, r"in \[0, 1\]"),
        (lambda: metrics.R2Score("median"), ValueError, "class_aggregation must be None"),
        (lambda: metrics.R2Score(num_regressors=-1), ValueError, "0 or more, got -1"),
        (lambda: metrics.FBetaScore("mean"), ValueError, "average must be None"),
        (lambda: metrics.FBetaScore(beta=0), ValueError, "beta must be positive"),
        (lambda: metrics.get(losses.MeanSquaredError()), TypeError, "is a loss"),
        (lambda: metrics.confusion_matrix([0.5], [1]), ValueError, "must hold labels"),
        (lambda: metrics.MeanSquaredError()(1.0, 2.0), ValueError, "must have rows"),
        (lambda: losses.Huber(delta=0), ValueError, "delta must be positive"),
        (lambda: losses.BinaryFocalCrossentropy(alpha=2), ValueError, r"alpha must be in \[0, 1\]"),
        (lambda: losses.CategoricalFocalCrossentropy(gamma=-1), ValueError, "at least 0"),
        (lambda: losses.CategoricalCrossentropy(False, 1.5), ValueError, "label_smoothing must"),
        (lambda: losses.MeanSquaredError("median"), ValueError, "reduction must be one of"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(1), ValueError, r"in \(0, 1\)"),
        (lambda: losses.Dice(axis=0)([[1.0]], [[2.0]]), ValueError, "among 1 to 1, or None"),
        (lambda: losses.Tversky("x"), TypeError, "alpha must be a number"),
        (lambda: losses.Loss()([[1.0]], [[2.0]]), NotImplementedError, "write call"),
        (lambda: losses.CategoricalCrossentropy()([[1.0]], [[1.0]]), ValueError, "for one unit"),
        (lambda: losses.SparseCategoricalCrossentropy()([7], [[1.0, 2.0]]), ValueError, "label 7"),
    ],
)
def test_arguments_that_make_no_sense(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_function_is_described_by_its_name():
    def mine(y_true, y_pred):
        return ops.square(y_true - y_pred)

    for module in (losses, metrics):
        described = module.serialize(module.get(mine))
        assert described["config"]["fn"] == described["config"]["name"] == "mine"
        assert module.deserialize(described, {"mine": mine}).fn is mine
        with pytest.raises(ModelFileError, match=r"custom_objects=.'mine': mine.* compile=False"):
            module.deserialize(described)
        with pytest.raises(ModelFileError, match="no function 'mine'"):
            module.deserialize(described, {"mine": losses.Huber})  # a class is none


@pytest.mark.parametrize("nameless", [lambda t, p: p, functools.partial(ops.add)])
def test_a_function_without_a_name_has_no_config(nameless):
    for module in (losses, metrics):
        with pytest.raises(ValueError, match=r"write it with def.*include_optimizer=False"):
            module.get(nameless).get_config()


def test_functions_of_fastnn_need_not_be_handed_over():
    for given in (metrics.huber, ops.mean_squared_error):
        described = metrics.serialize(metrics.MeanMetricWrapper(given))
        assert metrics.deserialize(described).fn is given
    assert metrics.get("huber").fn is metrics.huber


def test_a_registered_function_is_known_by_its_name(monkeypatch):
    def mine(y_true, y_pred):
        return ops.square(y_true - y_pred)

    monkeypatch.setattr(registry, "_registered", {})
    fastnn.utils.register_keras_serializable()(mine)
    assert losses.get("mine").fn is metrics.get("mine").fn is mine


def test_a_mean_over_the_rows_says_whose_it_is():
    def my_error(y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred))

    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return my_error(y_true, y_pred)

    model = Sequential([Input((5,)), Dense(5)])
    mend = r": ops.mean over the rows.*; write ops.mean\(..., axis=-1\): a {} gives one value"
    for loss, name in ((my_error, "my_error"), (Mine(), "mine")):
        with pytest.raises(ShapeError, match=f"^loss '{name}'" + mend.format("loss")):
            model.compile("sgd", loss)
    with pytest.raises(ShapeError, match="^metric 'my_error'" + mend.format("metric")):
        model.compile("sgd", "mse", metrics=[my_error])
    with pytest.raises(ShapeError, match="each row has one number already"):
        model.compile("sgd", lambda t, p: ops.mean(ops.mean(p, axis=-1)))


@pytest.mark.parametrize("returned", [1.0, None])
def test_functions_have_to_return_tensors(returned):
    for options in (
        {"loss": lambda t, p: returned},
        {"loss": "mse", "metrics": [lambda t, p: returned]},
    ):
        with pytest.raises(TypeError, match=r"it returned (float|NoneType)"):
            measure(Z, SOFT, options["loss"], metric=options.get("metrics", ()))


def test_values_have_to_fit_weights():
    def whole(y_true, y_pred):
        return ops.square(ops.subtract(y_true, y_pred))

    model = Sequential([Input((5,)), Dense(5)])
    model.compile("sgd", "mse", weighted_metrics=[whole])
    with pytest.raises(ValueError, match=r"which weights .* do not fit"):
        model.evaluate(Z, SOFT, sample_weight=np.ones(9), verbose=0)
    model.compile("sgd", whole)
    with pytest.raises(fastnn.errors.ShapeError, match="do not fit"):
        model.evaluate(Z, SOFT, sample_weight=np.ones(9), verbose=0)


def test_a_loss_of_probabilities_refuses_scores():
    model = Sequential([Input((5,)), Dense(5)])
    with pytest.raises(ValueError, match="use activation='softmax'"):
        model.compile(loss=losses.CategoricalGeneralizedCrossEntropy())


def test_functions_of_losses_take_their_arguments():
    y, p = np.array([[0.0, 2.0]]), np.array([[1.0, 5.0]])
    assert losses.huber(y, p, delta=2.0) == pytest.approx([(0.5 + 4) / 2])
    assert losses.half_mean_squared_error(y, p) == pytest.approx([2.5])
    assert losses.cosine_similarity(y, p, axis=1) == pytest.approx([-5 / np.sqrt(26)])


def test_predict_proba_makes_probabilities_of_logits():
    for kind, want in (
        (losses.BinaryFocalCrossentropy, 1 / (1 + np.exp(-Z))),
        (losses.CategoricalFocalCrossentropy, np.exp(log_softmax(Z))),
    ):
        model = Sequential([Input((5,), dtype="float64"), Activation("linear")])
        model.compile(loss=kind(from_logits=True))
        np.testing.assert_allclose(model.predict_proba(Z), want, rtol=1e-12)


@pytest.mark.parametrize("head", ["hard_sigmoid", "sparse_sigmoid", "sigmoid"])
def test_ramps_have_probabilities(head):
    """And relu6 has no number below 0."""
    found = measure(Z, BITS, "binary_crossentropy", head, ["accuracy"])
    assert np.isfinite(found).all()
    model = Sequential([Input((5,)), Dense(5, "relu6")])
    model.compile(loss="mse")
    with pytest.raises(ValueError, match="relu6"):
        model.fit(Z, -np.ones((9, 5)), verbose=0)


def test_gradcheck_knows_weights():
    model = Sequential([Input((5,), dtype="float64"), Dense(1)])
    model.compile(loss="mse")
    check = fastnn.gradcheck(model, Z, Z[:, :1], sample_weight=np.arange(9))
    assert check.ok
    assert "kernel" in str(check) or "bias" in str(check)


@pytest.mark.parametrize("row", ["mse", "half_mse", "mae", "huber", "log_cosh"])
def test_losses_of_differences_have_a_gradient_of_both_sides(row):
    """A loss of one's own that has them the other way round trains alike."""

    def swapped(y_true, y_pred):
        return ops.pointwise_loss(y_true, y_pred, row, (1.0,))

    model = Sequential([Input((5,), dtype="float64"), Dense(5)])
    model.compile(loss=swapped)
    assert fastnn.gradcheck(model, Z, SOFT).ok


def test_present_is_of_a_sparse_cross_entropy():
    def wrong(y_true, y_pred):
        return ops.present(ops.mean_squared_error(y_pred, y_true))

    model = Sequential([Input((5,)), Dense(5)])
    with pytest.raises(ValueError, match="present: expected what"):
        model.compile(loss=wrong)


def test_weights_of_several_outputs_come_by_name_or_in_their_order():
    x = Input((5,), dtype="float64")
    model = fastnn.Model(x, [Dense(1, name="a")(x), Dense(1, name="b")(x)])
    model.compile("sgd", ["mse", None])
    w, y = RNG.random(9), {"a": Z[:, :1]}
    want = model.evaluate(Z, y, sample_weight={"a": w}, verbose=0)
    assert want != model.evaluate(Z, y, verbose=0)
    for given in (w, [w, None], {"a": w, "b": None}):
        assert model.evaluate(Z, y, sample_weight=given, verbose=0) == want
    with pytest.raises(ValueError, match="sample_weight names the output 'c'; there are a, b"):
        model.evaluate(Z, y, sample_weight={"c": w}, verbose=0)
    with pytest.raises(ValueError, match="multiply them yourself"):
        model.fit(Z, y, sample_weight=w, class_weight={0: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="class_weight names the class '2'"):
        model.fit(Z, y, class_weight={2: 1.0}, verbose=0)
    with pytest.raises(ValueError, match="must be a dict"):
        model.fit(Z, y, class_weight=[1.0, 2.0], verbose=0)
