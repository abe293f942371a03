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
    if "Binary" in name:
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
    "CategoricalFocalCrossentropy": [
        {},
        {"from_logits": True},
        {"alpha": 0.5, "gamma": 3.0, "label_smoothing": 0.1},
    ],
}
LOSSES = [
    (name, options)
    for name in sorted(set(fastnn.losses.CLASSES) - {"HalfMeanSquaredError"})
    if name != "SparseCategoricalCrossentropy"
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
    if "axis" in known and rng.random() < 0.5 and len(shape) > 2:
        axis = int(rng.integers(1, len(shape) - 1))
        if "Binary" in name or "label_smoothing" not in options:  # Keras's is that of the last axis
            options = {**options, "axis": axis - len(shape) if rng.random() < 0.5 else axis}
            y, p = np.moveaxis(y, -1, axis), np.moveaxis(p, -1, axis)
    places = shape[:-1]
    w = [None, rng.random(places), rng.random(shape[0]) if len(shape) < 3 else None][seed % 3 - 1]
    options = {**options, "reduction": REDUCTIONS[seed % len(REDUCTIONS)]}
    ours, theirs = (getattr(m.losses, name) for m in (fastnn, keras))
    compare(keras, ours(**options), theirs(**options, dtype=dtype), y, p, w, dtype)


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

BITS, SCORES, NUMBERS = "bits", "scores", "numbers"
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
    ("SensitivityAtSpecificity", {"specificity": 0.4}, BITS),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4}, BITS),
    ("PrecisionAtRecall", {"recall": 0.4}, BITS),
    ("RecallAtPrecision", {"precision": 0.4}, BITS),
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
    ("Hinge", {}, NUMBERS),
    ("BinaryCrossentropy", {}, BITS),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, SCORES),
    ("KLDivergence", {}, SCORES),
    ("Poisson", {}, BITS),
]


def measured(kind, rng, rows=23):
    if kind == NUMBERS:
        return rng.normal(size=(rows, 4)), rng.normal(size=(rows, 4))
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


@pytest.mark.parametrize("name", sorted(fastnn.metrics.CLASSES))
def test_arguments_of_metrics(keras, name):
    if not hasattr(keras.metrics, name) or name in ("Accuracy", "MeanIoU"):
        return
    ours, theirs = (inspect.signature(getattr(m.metrics, name)).parameters for m in (fastnn, keras))
    common = min(len(ours), len(theirs))
    assert list(ours)[:common] == list(theirs)[:common]
    for argument, parameter in ours.items():
        if argument not in ("name", "dtype") and argument in theirs:
            assert parameter.default == theirs[argument].default


# ---- training with weights -----------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(37, 6))
LABELS = np.arange(37) % 4
WEIGHTS = np.random.default_rng(1).random(37)


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
