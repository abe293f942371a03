"""Losses and metrics beside Keras's: values with weights, smoothing and masks, and histories."""

import inspect
import warnings

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore:__array__")  # the peer's own affair

RTOL = {"float64": 1e-10, "float32": 1e-5}
SEEDS = range(30)


def cases(name, rng, shape):
    """Return targets and predictions that a loss is meant for."""
    soft = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    probability = 0.02 + 0.96 * rng.random(shape)
    if name in ("CategoricalCrossentropy", "CategoricalFocalCrossentropy", "KLDivergence"):
        return soft, rng.dirichlet(np.full(shape[-1], 5.0), shape[:-1])
    if name == "CategoricalHinge":
        return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])], rng.normal(size=shape)
    if "Binary" in name or name in ("Dice", "Tversky"):
        return rng.integers(0, 2, shape).astype(float), probability
    if name in ("Hinge", "SquaredHinge"):
        return rng.choice([-1.0, 1.0], shape), rng.normal(size=shape)
    if name in ("Poisson", "MeanSquaredLogarithmicError"):
        return rng.poisson(2.0, shape).astype(float), 0.1 + rng.random(shape)
    return rng.normal(size=shape), rng.normal(size=shape)


OPTIONS = {
    "Huber": [{}, {"delta": 0.3}],
    "BinaryCrossentropy": [{}, {"label_smoothing": 0.2}, {"from_logits": True}],
    "CategoricalCrossentropy": [
        {},
        {"from_logits": True},
        {"label_smoothing": 0.3},
        {"from_logits": True, "label_smoothing": 0.3},
    ],
    "BinaryFocalCrossentropy": [
        {},
        {"apply_class_balancing": True, "alpha": 0.6, "gamma": 1.5, "label_smoothing": 0.1},
        {"from_logits": True},
    ],
    "Dice": [{}, {"axis": -1}],
    "Tversky": [{}, {"alpha": 0.3, "beta": 0.8, "axis": -1}],
    "CategoricalFocalCrossentropy": [
        {},
        {"from_logits": True},
        {"alpha": 0.5, "gamma": 3.0, "label_smoothing": 0.1},
    ],
}
LOSSES = [
    (name, options)
    for name in sorted(set(fastnn.losses.CLASSES) - {"HalfMeanSquaredError"})
    if name not in ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")
    for options in OPTIONS.get(name, [{}])
]
REDUCTIONS = ("sum_over_batch_size", "sum", "mean_with_sample_weight", "mean", None)


def random_shape(rng):
    """Rows, up to two axes of places, and the last axis."""
    return (*(int(n) for n in rng.integers(1, 9, rng.integers(1, 4))), int(rng.integers(2, 9)))


def compare(keras, ours, theirs, y, p, w, dtype):
    """Compare a loss of arrays with Keras's, which is compiled: each shape is used once."""
    import jax

    p = p.astype(dtype)
    got = ours(y, p, w)
    y = y.astype(dtype if y.dtype.kind == "f" else "int32")
    given = (y, p) if w is None else (y, p, w.astype(dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it takes the last axis for that of the classes
        want = np.asarray(jax.jit(theirs)(*given))
    assert np.shape(got) == want.shape
    rtol = RTOL[dtype]
    np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * np.abs(want).max(initial=1e-3))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "options"), LOSSES)
def test_a_loss(keras, name, options, seed):
    """At a random shape, along a random axis, with any weights and any reduction."""
    rng = np.random.default_rng([seed, len(name)])
    shape, dtype = random_shape(rng), ("float64", "float32")[seed % 3 == 2]
    y, p = cases(name, rng, shape)
    known = inspect.signature(getattr(fastnn.losses, name)).parameters
    if "axis" in known and "axis" not in options and rng.random() < 0.5 and len(shape) > 2:
        axis = int(rng.integers(1, len(shape) - 1))
        if "Binary" in name or "label_smoothing" not in options:  # Keras's is that of the last axis
            options = {**options, "axis": axis - len(shape) if rng.random() < 0.5 else axis}
            y, p = np.moveaxis(y, -1, axis), np.moveaxis(p, -1, axis)
    if name in ("Dice", "Tversky") and options.get("axis") is None:
        return compare_batches(keras, name, options, y, p, dtype)
    places = shape[:-1]
    w = [None, rng.random(places), rng.random(shape[0]) if len(shape) < 3 else None][seed % 3 - 1]
    options = {**options, "reduction": REDUCTIONS[seed % len(REDUCTIONS)]}
    ours, theirs = (getattr(m.losses, name) for m in (fastnn, keras))
    compare(keras, ours(**options), theirs(**options, dtype=dtype), y, p, w, dtype)


def compare_batches(keras, name, options, y, p, dtype):
    """Compare a loss that has one value for a batch."""
    ours, theirs = (getattr(m.losses, name) for m in (fastnn, keras))
    got = ours(**options)(y, p.astype(dtype))
    want = theirs(**options, dtype=dtype)(y, p.astype(dtype))
    assert got == pytest.approx(float(want), rel=RTOL[dtype])
    values = ours(**options, reduction=None)(y, p.astype(dtype))
    assert (values == values[0]).all()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ignored", [None, 2, -1])
@pytest.mark.parametrize("logits", [False, True])
def test_sparse_crossentropy(keras, seed, ignored, logits):
    rng = np.random.default_rng([seed, 1])
    shape, dtype = random_shape(rng), ("float64", "float32")[seed % 3 == 2]
    z = rng.normal(size=shape) if logits else rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    labels = rng.integers(0, shape[-1], shape[:-1])
    if ignored is not None:
        labels[rng.random(labels.shape) < 0.3] = ignored
    w = None if seed % 2 else rng.random(shape[:-1])
    options = {"from_logits": logits, "ignore_class": ignored}
    options["reduction"] = REDUCTIONS[seed % len(REDUCTIONS)]
    ours, theirs = (m.losses.SparseCategoricalCrossentropy for m in (fastnn, keras))
    compare(keras, ours(**options), theirs(**options, dtype=dtype), labels, z, w, dtype)


@pytest.mark.parametrize("seed", SEEDS)
def test_generalized_crossentropy(keras, seed):
    rng = np.random.default_rng([seed, 2])
    shape, dtype = random_shape(rng)[-2:], ("float64", "float32")[seed % 3 == 2]
    p, labels = rng.dirichlet(np.ones(shape[1]), shape[0]), rng.integers(0, shape[1], shape[0])
    ours, theirs = (m.losses.CategoricalGeneralizedCrossEntropy for m in (fastnn, keras))
    q, reduction = rng.uniform(0.1, 0.9), REDUCTIONS[seed % len(REDUCTIONS)]
    compare(keras, ours(q, reduction), theirs(q, reduction, dtype=dtype), labels, p, None, dtype)


@pytest.mark.parametrize("name", sorted(fastnn.losses.CLASSES))
def test_arguments_of_losses(keras, name):
    if not hasattr(keras.losses, name):
        return
    ours, theirs = (inspect.signature(getattr(m.losses, name)).parameters for m in (fastnn, keras))
    assert list(ours) == list(theirs)
    for argument, parameter in ours.items():
        if argument != "name":
            assert parameter.default == theirs[argument].default
    assert getattr(fastnn.losses, name)().name == getattr(keras.losses, name)().name


# ---- metrics -------------------------------------------------------------------------------------

BITS, SCORES, NUMBERS, LOGITS = "bits", "scores", "numbers", "logits"
METRICS = [
    ("BinaryAccuracy", {"threshold": 0.3}, BITS),
    ("TruePositives", {}, BITS),
    ("FalsePositives", {"thresholds": [0.2, 0.9]}, BITS),
    ("TrueNegatives", {}, BITS),
    ("FalseNegatives", {}, BITS),
    ("Precision", {}, BITS),
    ("Precision", {"thresholds": [0.7, 0.2]}, BITS),
    ("Precision", {"top_k": 2}, SCORES),
    ("Recall", {"class_id": 1}, BITS),
    ("Recall", {"top_k": 2, "class_id": 2}, SCORES),
    ("AUC", {}, BITS),
    ("AUC", {"curve": "PR"}, BITS),
    ("AUC", {"num_thresholds": 20, "summation_method": "minoring"}, BITS),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, BITS),
    ("AUC", {"multi_label": True, "num_labels": 4}, BITS),
    ("AUC", {"multi_label": True, "num_labels": 4, "label_weights": [0.1, 0.2, 0.3, 0.4]}, BITS),
    ("AUC", {"thresholds": [0.2, 0.5, 0.7]}, BITS),
    ("AUC", {"from_logits": True}, LOGITS),
    ("AUC", {"curve": "PR", "summation_method": "minoring", "num_thresholds": 7}, BITS),
    ("AUC", {"summation_method": "majoring", "num_thresholds": 3}, BITS),
    ("AUC", {"curve": "PR", "multi_label": True, "num_labels": 4}, BITS),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, BITS),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4}, BITS),
    ("PrecisionAtRecall", {"recall": 0.4}, BITS),
    ("RecallAtPrecision", {"precision": 0.4}, BITS),
    ("SensitivityAtSpecificity", {"specificity": 0.7, "num_thresholds": 1}, BITS),
    ("SpecificityAtSensitivity", {"sensitivity": 0.7, "class_id": 2}, BITS),
    ("PrecisionAtRecall", {"recall": 0.8, "num_thresholds": 9, "class_id": 0}, BITS),
    ("Precision", {"thresholds": 0.3, "top_k": 2, "class_id": 1}, SCORES),
    ("Recall", {"thresholds": [0.1, 0.6], "class_id": 3}, BITS),
    ("TruePositives", {"thresholds": [0.1, 0.6, 0.3]}, BITS),
    ("TrueNegatives", {"thresholds": 0.2}, BITS),
    ("F1Score", {}, SCORES),
    ("F1Score", {"average": "macro"}, SCORES),
    ("F1Score", {"average": "weighted", "threshold": 0.3}, SCORES),
    ("FBetaScore", {"average": "micro", "beta": 2.0}, SCORES),
    ("CategoricalAccuracy", {}, SCORES),
    ("TopKCategoricalAccuracy", {"k": 2}, SCORES),
    ("MeanSquaredError", {}, NUMBERS),
    ("RootMeanSquaredError", {}, NUMBERS),
    ("MeanAbsoluteError", {}, NUMBERS),
    ("MeanAbsolutePercentageError", {}, NUMBERS),
    ("MeanSquaredLogarithmicError", {}, NUMBERS),
    ("LogCoshError", {}, NUMBERS),
    ("CosineSimilarity", {}, NUMBERS),
    ("R2Score", {}, NUMBERS),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, NUMBERS),
    ("R2Score", {"class_aggregation": None}, NUMBERS),
    ("R2Score", {"num_regressors": 3}, NUMBERS),
    ("PearsonCorrelation", {}, NUMBERS),
    ("ConcordanceCorrelation", {}, NUMBERS),
    ("Hinge", {}, NUMBERS),
    ("SquaredHinge", {}, NUMBERS),
    ("CategoricalHinge", {}, SCORES),
    ("BinaryCrossentropy", {}, BITS),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, LOGITS),
    ("CategoricalCrossentropy", {"from_logits": True}, LOGITS),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, SCORES),
    ("KLDivergence", {}, SCORES),
    ("Poisson", {}, BITS),
]


def measured(kind, rng, rows=23):
    if kind == NUMBERS:
        return rng.normal(size=(rows, 4)), rng.normal(size=(rows, 4))
    if kind == LOGITS:
        return rng.integers(0, 2, (rows, 4)).astype(float), rng.normal(size=(rows, 4))
    if kind == BITS:
        return rng.integers(0, 2, (rows, 4)).astype(float), rng.random((rows, 4))
    return np.eye(4)[rng.integers(0, 4, rows)], rng.dirichlet(np.ones(4), rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "options", "kind"), METRICS)
def test_a_metric(keras, name, options, kind, weighted):
    """F scores with an epsilon of Keras's so small that it is none."""
    rng = np.random.default_rng(3)
    for dtype, rtol in RTOL.items():
        ours = getattr(fastnn.metrics, name)(**options)
        theirs = getattr(keras.metrics, name)(**options, dtype=dtype)
        for _ in range(3):
            y, p = (a.astype(dtype) for a in measured(kind, rng))
            w = rng.random(len(y)).astype(dtype) if weighted else None
            ours.update_state(y, p, w)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs.update_state(y, p, None if w is None else w.copy())
        epsilon = keras.config.epsilon()
        keras.config.set_epsilon(1e-30 if name in ("F1Score", "FBetaScore") else epsilon)
        want = np.asarray(theirs.result())
        keras.config.set_epsilon(epsilon)
        np.testing.assert_allclose(ours.result(), want, rtol=rtol, atol=rtol / 100)


@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy"])
def test_a_metric_of_labels(keras, name):
    rng = np.random.default_rng(4)
    labels, p, w = rng.integers(0, 9, 40), rng.random((40, 9)), rng.random(40)
    ours, theirs = (getattr(m.metrics, name)() for m in (fastnn, keras))
    assert ours(labels, p, w) == pytest.approx(float(theirs(labels, p, w)), rel=1e-6)


IOUS = [
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}),
    ("IoU", {"num_classes": 3, "target_class_ids": [1], "ignore_class": 0}),
    ("IoU", {"num_classes": 4, "target_class_ids": [3], "sparse_y_true": False}),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 1], "sparse_y_pred": False}),
    ("MeanIoU", {"num_classes": 4}),
    ("MeanIoU", {"num_classes": 4, "ignore_class": -1}),
    ("MeanIoU", {"num_classes": 5, "sparse_y_true": False, "sparse_y_pred": False}),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [0, 3]}),
    ("OneHotMeanIoU", {"num_classes": 4, "ignore_class": 2}),
    ("OneHotMeanIoU", {"num_classes": 4, "sparse_y_pred": True}),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "options"), IOUS)
def test_intersections_over_unions(keras, name, options, weighted):
    """Labels that are no class, and ignored ones, on images; Keras's numbers are float32."""
    rng = np.random.default_rng(5)
    ours, theirs = (getattr(m.metrics, name) for m in (fastnn, keras))
    ours, theirs = ours(**options), theirs(**options, dtype="float32")
    for _ in range(2):
        y, p = rng.integers(-1, 5, (2, 7, 3, 2))
        w = rng.integers(1, 4, y.shape).astype(float) if weighted else None
        if not ours.sparse_y_true:
            y = np.eye(6)[y][..., :4]
        if not ours.sparse_y_pred:
            p = rng.random((*p.shape, 4))
        ours.update_state(y, p, w)
        theirs.update_state(y, p, w)
    epsilon = keras.config.epsilon()
    keras.config.set_epsilon(1e-30)
    want = float(theirs.result())
    keras.config.set_epsilon(epsilon)
    assert ours.result() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("classes", [[0], [1], [0, 1]])
def test_intersections_of_units(keras, classes):
    rng = np.random.default_rng(6)
    for shape in ((9,), (5, 4)):
        y, p = rng.integers(0, 2, shape).astype(float), rng.random(shape)
        p.flat[0] = 0.25  # what is at the threshold says 1
        got, want = (m.metrics.BinaryIoU(classes, 0.25)(y, p) for m in (fastnn, keras))
        assert got == pytest.approx(float(want), rel=1e-6)


@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
@pytest.mark.parametrize("name", ["PearsonCorrelation", "ConcordanceCorrelation"])
def test_correlations_along_axes(keras, name, axis):
    y, p = np.random.default_rng(7).normal(size=(2, 6, 5, 4))
    ours = getattr(fastnn.metrics, name)(axis=axis)(y, p)
    theirs = getattr(keras.metrics, name)(axis=axis, dtype="float64")(y, p)
    assert ours == pytest.approx(float(theirs), rel=1e-10)


FUNCTIONS = sorted(
    name for name in fastnn.metrics.__all__ if name.endswith(("_accuracy", "_correlation"))
)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_metrics(keras, name):
    rng = np.random.default_rng(8)
    y, p = rng.integers(0, 2, (9, 6)).astype(float), rng.random((9, 6))
    if name.startswith("sparse"):
        y = rng.integers(0, 6, 9)
    got, want = (getattr(m.metrics, name)(y, p) for m in (fastnn, keras))
    np.testing.assert_allclose(got, np.asarray(want), rtol=1e-10)


@pytest.mark.parametrize("name", sorted(fastnn.metrics.CLASSES))
def test_arguments_of_metrics(keras, name):
    if not hasattr(keras.metrics, name) or name == "Accuracy":
        return
    ours, theirs = (inspect.signature(getattr(m.metrics, name)).parameters for m in (fastnn, keras))
    common = min(len(ours), len(theirs))
    assert list(ours)[:common] == list(theirs)[:common]
    for argument, parameter in ours.items():
        if argument == "num_classes" and "MeanIoU" in name:
            continue  # which the model knows
        if argument not in ("name", "dtype") and argument in theirs:
            assert parameter.default == theirs[argument].default


# ---- training with weights -----------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(37, 6))
LABELS = np.arange(37) % 4
WEIGHTS = np.random.default_rng(1).random(37)


@pytest.mark.parametrize(
    ("activation", "loss", "logits", "y", "most"),
    [
        ("softmax", "sparse_categorical_crossentropy", [30.0, 0, -10], 2, 16.118),
        ("softmax", "categorical_crossentropy", [30.0, 0, -10], [0.0, 0, 1], 16.118),
        ("sigmoid", "binary_crossentropy", [40.0], [0.0], 15.942),
    ],
)
def test_sure_wrong_answers_cost_what_they_do(keras, float32, activation, loss, logits, y, most):
    """Keras's loss stops growing at a probability of 1e-7, and does not teach there any more."""
    said, moved = {}, {}
    x = np.eye(len(logits), dtype="float32")[:1]
    for module in (fastnn, keras):
        dense = module.layers.Dense(len(logits), activation)
        model = module.Sequential([module.Input((len(logits),)), dense])
        model.compile(module.optimizers.SGD(1.0), loss)
        model.set_weights([np.zeros((len(logits),) * 2), np.array(logits)])
        said[module] = model.evaluate(x, np.array([y]), verbose=0)
        model.train_on_batch(x, np.array([y]))
        moved[module] = np.abs(model.get_weights()[1] - logits).max()
    assert said[fastnn] == 40.0
    assert said[keras] == pytest.approx(most, abs=1e-3)
    assert moved[fastnn] == pytest.approx(1.0)
    assert moved[keras] < 1e-3


@pytest.mark.parametrize(
    "options",
    [
        {"sample_weight": WEIGHTS},
        {"class_weight": {0: 2.0, 2: 0.5}},
        {"validation_data": (X, LABELS, WEIGHTS)},
    ],
    ids=["sample_weight", "class_weight", "validation_data"],
)
def test_weighted_histories(pair, options):
    made = pair(
        (6,),
        lambda m: [m.layers.Dense(5, "tanh"), m.layers.Dense(4, "softmax")],
        loss="sparse_categorical_crossentropy",
        optimizer=lambda m: m.optimizers.SGD(0.1),
        metrics=["accuracy"],
    )
    common = {"epochs": 4, "batch_size": 8, "shuffle": False, "verbose": 0, **options}
    ours, theirs = (m.fit(X, LABELS, **common).history for m in (made.ours, made.theirs))
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-6, err_msg=name)
    made.assert_same_weights(1e-6)


def test_losses_of_several_outputs(keras):
    """With weights of losses and samples, metrics of either kind, and their names."""

    def network(m):
        x = m.Input((6,), **({"dtype": "float64"} if m is fastnn else {}))
        hidden = m.layers.Dense(5, "tanh", name="hidden")(x)
        outputs = {
            "a": m.layers.Dense(4, "softmax", name="a")(hidden),
            "b": m.layers.Dense(2, name="b")(hidden),
        }
        model = m.Model(x, outputs)
        model.compile(
            m.optimizers.SGD(0.1),
            {"a": "sparse_categorical_crossentropy", "b": "mse"},
            loss_weights={"a": 0.5, "b": 2.0},
            metrics={"a": ["accuracy"], "b": ["mae"]},
            weighted_metrics={"a": ["sparse_categorical_accuracy"], "b": ["mse"]},
        )
        return model

    ours, theirs = network(fastnn), network(keras)
    theirs.set_weights(ours.get_weights())
    y = {"a": LABELS, "b": X[:, :2] ** 2}
    w = {"a": WEIGHTS, "b": WEIGHTS[::-1].copy()}
    common = {"epochs": 3, "batch_size": 8, "shuffle": False, "verbose": 0, "sample_weight": w}
    mine, peer = (m.fit(X, y, **common).history for m in (ours, theirs))
    assert set(mine) == set(peer)
    for name, values in peer.items():
        np.testing.assert_allclose(mine[name], values, rtol=1e-6, err_msg=name)


def test_masked_sequences(keras):
    """In one batch: Keras's mean over batches weighs each by its rows, ours by its steps."""
    ids = np.array([[1, 2, 3, 0, 0], [4, 1, 0, 0, 0], [2, 2, 2, 2, 2]])
    y = np.array([[1, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0]])
    w = np.random.default_rng(2).random((3, 5))

    def network(m):
        options = {"dtype": "float64"} if m is fastnn else {}
        return m.Sequential(
            [
                m.Input((5,), **options),
                m.layers.Embedding(6, 3, mask_zero=True),
                m.layers.Dense(4, "tanh"),
                m.layers.Dense(2, "softmax"),
            ]
        )

    ours, theirs = network(fastnn), network(keras)
    theirs.set_weights(ours.get_weights())
    for model, m in ((ours, fastnn), (theirs, keras)):
        model.compile(
            m.optimizers.SGD(0.5),
            "sparse_categorical_crossentropy",
            weighted_metrics=["accuracy"],
        )
    for weights in (w, None):
        mine, peer = (
            model.evaluate(ids, y, sample_weight=weights, verbose=0, return_dict=True)
            for model in (ours, theirs)
        )
        assert mine["loss"] == pytest.approx(float(peer["loss"]), rel=1e-6)
        if weights is not None:
            assert mine["accuracy"] == pytest.approx(float(peer["accuracy"]), rel=1e-6)
        for model in (ours, theirs):
            model.train_on_batch(ids, y, sample_weight=weights)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-9)
