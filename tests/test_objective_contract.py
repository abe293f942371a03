"""Losses and metrics: one contract for every class of fastnn's."""

import json

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, losses, metrics
from fastnn.layers import Dense, Masking

RNG = np.random.default_rng(9)
ROWS, STEPS, CLASSES = 13, 3, 4
X = RNG.normal(size=(ROWS, STEPS, 5))
LABELS = RNG.integers(0, CLASSES, (ROWS, STEPS))
ONE_HOT = np.eye(CLASSES)[LABELS]
SOFT = RNG.dirichlet(np.ones(CLASSES), (ROWS, STEPS))
BITS = (RNG.random((ROWS, STEPS, CLASSES)) > 0.5).astype(float)
NUMBERS = RNG.normal(size=(ROWS, STEPS, CLASSES)) + 3
WEIGHTS = RNG.integers(0, 4, (ROWS, STEPS)).astype(float)

#: loss -> (arguments, the activation before it, what it is compared with), several of each
LOSSES = {
    losses.MeanSquaredError: [({}, "linear", NUMBERS)],
    losses.HalfMeanSquaredError: [({}, "linear", NUMBERS)],
    losses.MeanAbsoluteError: [({}, "linear", NUMBERS)],
    losses.MeanAbsolutePercentageError: [({}, "linear", NUMBERS)],
    losses.MeanSquaredLogarithmicError: [({}, "softplus", np.abs(NUMBERS))],
    losses.Huber: [({}, "linear", NUMBERS), ({"delta": 0.3}, "linear", NUMBERS)],
    losses.LogCosh: [({}, "linear", NUMBERS)],
    losses.Poisson: [({}, "softplus", np.abs(NUMBERS.round()))],
    losses.KLDivergence: [({}, "softmax", SOFT)],
    losses.Hinge: [({}, "linear", BITS)],
    losses.SquaredHinge: [({}, "tanh", 2 * BITS - 1)],
    losses.CategoricalHinge: [({}, "linear", ONE_HOT)],
    losses.CosineSimilarity: [({}, "linear", NUMBERS), ({"axis": 1}, "linear", NUMBERS)],
    losses.CategoricalGeneralizedCrossEntropy: [
        ({}, "softmax", LABELS),
        ({"q": 0.9}, "sigmoid", LABELS),
    ],
    losses.Dice: [({}, "sigmoid", BITS), ({"axis": -1}, "softmax", ONE_HOT)],
    losses.Tversky: [
        ({"alpha": 0.3, "beta": 0.7}, "sigmoid", BITS),
        ({"axis": [1, 2]}, "softmax", SOFT),
    ],
    losses.BinaryCrossentropy: [
        ({}, "sigmoid", BITS),
        ({"from_logits": True, "label_smoothing": 0.1}, "linear", BITS),
        ({}, "hard_sigmoid", BITS),
        ({"axis": 1}, "sigmoid", BITS),
    ],
    losses.CategoricalCrossentropy: [
        ({}, "softmax", SOFT),
        ({"from_logits": True, "label_smoothing": 0.1}, "linear", ONE_HOT),
        ({"from_logits": True, "axis": 1}, "linear", SOFT),
    ],
    losses.SparseCategoricalCrossentropy: [
        ({}, "softmax", LABELS),
        ({"from_logits": True, "ignore_class": 1}, "linear", LABELS),
        ({"ignore_class": 1}, "softmax", LABELS),
    ],
    losses.BinaryFocalCrossentropy: [
        ({}, "sigmoid", BITS),
        (
            {"apply_class_balancing": True, "alpha": 0.6, "gamma": 1.0, "from_logits": True},
            "linear",
            BITS,
        ),
    ],
    losses.CategoricalFocalCrossentropy: [
        ({}, "softmax", SOFT),
        ({"alpha": 0.5, "gamma": 1.0, "from_logits": True}, "linear", ONE_HOT),
        ({"axis": 1}, "softmax", SOFT),
    ],
}
EVERY_LOSS = [(cls, *case) for cls, several in LOSSES.items() for case in several]

CATEGORICAL, BINARY, REGRESSION = (
    (losses.CategoricalCrossentropy, "softmax", ONE_HOT),
    (losses.BinaryCrossentropy, "sigmoid", BITS),
    (losses.MeanSquaredError, "linear", NUMBERS),
)
SPARSE = (losses.SparseCategoricalCrossentropy, "softmax", LABELS)
POSITIVE = (losses.MeanSquaredError, "softplus", np.abs(NUMBERS))

#: metric -> (arguments, what it watches), several of each
METRICS = {
    metrics.Accuracy: [({}, CATEGORICAL), ({}, SPARSE)],
    metrics.BinaryAccuracy: [({}, BINARY), ({"threshold": 0.3}, BINARY)],
    metrics.SubsetAccuracy: [({"threshold": 0.6}, BINARY)],
    metrics.CategoricalAccuracy: [({}, CATEGORICAL)],
    metrics.SparseCategoricalAccuracy: [({}, SPARSE)],
    metrics.TopKCategoricalAccuracy: [({"k": 2}, CATEGORICAL), ({"k": 2}, SPARSE)],
    metrics.SparseTopKCategoricalAccuracy: [({"k": 3}, SPARSE)],
    metrics.BinaryCrossentropy: [({"label_smoothing": 0.1}, BINARY)],
    metrics.CategoricalCrossentropy: [({"label_smoothing": 0.1}, CATEGORICAL)],
    metrics.SparseCategoricalCrossentropy: [({}, SPARSE), ({"ignore_class": 1}, SPARSE)],
    metrics.KLDivergence: [({}, CATEGORICAL)],
    metrics.Poisson: [({}, POSITIVE)],
    metrics.Hinge: [({}, BINARY)],
    metrics.SquaredHinge: [({}, BINARY)],
    metrics.CategoricalHinge: [({}, CATEGORICAL)],
    metrics.MeanSquaredError: [({}, REGRESSION)],
    metrics.RootMeanSquaredError: [({}, REGRESSION)],
    metrics.MeanAbsoluteError: [({}, REGRESSION)],
    metrics.MeanAbsolutePercentageError: [({}, REGRESSION)],
    metrics.MeanSquaredLogarithmicError: [({}, POSITIVE)],
    metrics.LogCoshError: [({}, REGRESSION)],
    metrics.CosineSimilarity: [({}, REGRESSION)],
    metrics.PearsonCorrelation: [({}, REGRESSION)],
    metrics.ConcordanceCorrelation: [({}, REGRESSION)],
    metrics.R2Score: [
        ({}, REGRESSION),
        ({"class_aggregation": None}, REGRESSION),
        ({"class_aggregation": "variance_weighted_average"}, REGRESSION),
    ],
    metrics.ConfusionMatrix: [({}, SPARSE), ({}, CATEGORICAL)],
    metrics.IoU: [({"num_classes": 4, "target_class_ids": [0, 2], "ignore_class": 1}, SPARSE)],
    metrics.MeanIoU: [({}, SPARSE), ({"num_classes": 3}, CATEGORICAL)],
    metrics.OneHotIoU: [({"num_classes": 4, "target_class_ids": [3]}, CATEGORICAL)],
    metrics.OneHotMeanIoU: [({"num_classes": 4, "ignore_class": 0}, CATEGORICAL)],
    metrics.BinaryIoU: [({}, BINARY), ({"target_class_ids": [1], "threshold": 0.3}, BINARY)],
    metrics.Precision: [
        ({}, BINARY),
        ({"thresholds": [0.7, 0.2]}, BINARY),
        ({"top_k": 2, "class_id": 1}, CATEGORICAL),
    ],
    metrics.Recall: [({"class_id": 2}, BINARY), ({"top_k": 1}, SPARSE)],
    metrics.TruePositives: [({}, BINARY)],
    metrics.FalsePositives: [({"thresholds": [0.2, 0.8]}, BINARY)],
    metrics.TrueNegatives: [({}, BINARY)],
    metrics.FalseNegatives: [({}, BINARY)],
    metrics.AUC: [
        ({}, BINARY),
        ({"curve": "PR", "num_thresholds": 20}, BINARY),
        ({"curve": "PR", "summation_method": "minoring"}, BINARY),
        ({"multi_label": True, "label_weights": [1, 2, 3, 4]}, BINARY),
        ({"thresholds": [0.1, 0.5], "summation_method": "majoring"}, CATEGORICAL),
    ],
    metrics.SensitivityAtSpecificity: [({"specificity": 0.4}, BINARY)],
    metrics.SpecificityAtSensitivity: [({"sensitivity": 0.4, "class_id": 1}, BINARY)],
    metrics.PrecisionAtRecall: [({"recall": 0.4, "num_thresholds": 1}, BINARY)],
    metrics.RecallAtPrecision: [({"precision": 0.4, "num_thresholds": 30}, BINARY)],
    metrics.F1Score: [({"average": "weighted"}, CATEGORICAL), ({"threshold": 0.4}, BINARY)],
    metrics.FBetaScore: [({"average": "micro", "beta": 2.0}, CATEGORICAL)],
}
EVERY_METRIC = [(cls, *case) for cls, several in METRICS.items() for case in several]


def ids(value):
    return value.__name__ if isinstance(value, type) else None


def made(loss, activation, metric=(), dtype="float64", masked=False, **options):
    """A model of sequences, whose steps of zeros a mask may leave out."""
    fastnn.set_seed(4)
    before = [Masking()] if masked else []
    last = Dense(CLASSES, activation, bias_initializer=fastnn.initializers.RandomNormal(seed=1))
    model = Sequential([Input((STEPS, 5)), *before, last], dtype=dtype)
    model.compile(fastnn.optimizers.SGD(1e-3), loss, metrics=list(metric), **options)
    return model


def weighted(loss, activation, metric, **options):
    return made(loss, activation, weighted_metrics=[metric], **options)


def trained(model, y, w, threads):
    """The bytes of the weights after two short epochs on so many threads, and the history."""
    before = fastnn.get_num_threads()
    fastnn.set_num_threads(threads)
    try:
        options = {"batch_size": 5, "epochs": 2, "verbose": 0}
        history = model.fit(X, y, sample_weight=w, **options).history
    finally:
        fastnn.set_num_threads(before)
    return [w.tobytes() for w in model.get_weights()], history


def test_every_class_has_cases():
    assert set(LOSSES) == set(losses.CLASSES.values())
    assert set(METRICS) == set(metrics.CLASSES.values())


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(("cls", "options", "activation", "y"), EVERY_LOSS, ids=ids)
class TestLoss:
    def weights(self, cls, options):
        """Weights of the places of a loss, which are not always those of steps."""
        places = cls(**options).places((ROWS, STEPS, CLASSES))
        return WEIGHTS if places == WEIGHTS.shape else RNG.random(places)

    def test_config_round_trip(self, cls, options, activation, y):
        loss = cls(**options, name="mine", reduction="sum")
        config = loss.get_config()
        assert json.loads(json.dumps(config)) == config
        assert {**options, "name": "mine", "reduction": "sum"}.items() <= config.items()
        for again in (cls.from_config(config), losses.deserialize(losses.serialize(loss))):
            assert type(again) is cls
            assert again.get_config() == config
        assert losses.get(losses.serialize(loss)).get_config() == config

    def test_gradient(self, cls, options, activation, y):
        model = made(cls(**options), activation)
        w = self.weights(cls, options)
        for each in ({}, {"sample_weight": w}):
            check = fastnn.gradcheck(model, X, y, **each)
            assert check.ok, str(check)

    def test_steps_of_training_make_it_smaller(self, cls, options, activation, y):
        for dtype in ("float32", "float64"):
            model = made(cls(**options), activation, dtype=dtype)
            before = model.evaluate(X, y, verbose=0)
            model.fit(X, y, verbose=0)
            assert model.evaluate(X, y, verbose=0) < before

    def test_the_reference_interpreter_agrees(self, cls, options, activation, y):
        for dtype, rtol in (("float64", 1e-12), ("float32", 1e-4)):
            models = [
                made(cls(**options), activation, dtype=dtype, run_eagerly=eager)
                for eager in (False, True)
            ]
            for model in models:
                model.fit(X, y, batch_size=5, epochs=2, verbose=0)
            a, b = (model.evaluate(X, y, verbose=0) for model in models)
            assert a == pytest.approx(b, rel=rtol)
            for one, other in zip(*(model.get_weights() for model in models), strict=True):
                np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol / 100)

    def test_threads_change_no_bit(self, cls, options, activation, y):
        w = self.weights(cls, options)
        first, *others = (trained(made(cls(**options), activation), y, w, n) for n in (1, 2, 3))
        for other in others:
            assert other == first

    def test_by_itself_it_is_that_of_a_model(self, cls, options, activation, y):
        model = made(cls(**options), activation)
        w = self.weights(cls, options)
        p = model.predict(X)
        for weights in (None, w, w if w.ndim == 1 else w[:, 0]):
            alone = cls(**options)(y, p, weights)
            assert isinstance(alone, float)
            want = model.evaluate(X, y, sample_weight=weights, verbose=0)
            assert alone == pytest.approx(want, rel=1e-6)  # of clipped probabilities

    def test_values_and_reductions(self, cls, options, activation, y):
        p = made(cls(**options), activation).predict(X)
        w = self.weights(cls, options)
        values = cls(**options, reduction=None)(y, p)
        assert values.shape == w.shape
        assert values.dtype == np.float64
        assert cls(**options, reduction=None)(y, p.astype(np.float32)).dtype == np.float32
        kept = np.ones(w.shape)
        if "ignore_class" in options:
            kept = (y != options["ignore_class"]) * 1.0
        assert cls(**options, reduction="sum")(y, p, w) == pytest.approx((values * w * kept).sum())
        mean = cls(**options)(y, p, w)
        assert mean == pytest.approx((values * w * kept).sum() / kept.sum())
        assert cls(**options, reduction="mean_with_sample_weight")(y, p, w) == pytest.approx(
            (values * w * kept).sum() / (w * kept).sum()
        )

    def test_a_weight_is_the_place_so_often(self, cls, options, activation, y):
        p = made(cls(**options), activation).predict(X)
        often = np.arange(ROWS) % 3
        loss, rows = cls(**options, reduction="sum"), np.repeat(np.arange(ROWS), often)
        if isinstance(loss, losses.Tversky) and loss.axis is None:
            return  # it has one value for all rows
        want = loss(np.asarray(y)[rows], p[rows])
        assert loss(y, p, often) == pytest.approx(want, rel=1e-12, abs=1e-12)

    def test_masked_steps_do_not_count(self, cls, options, activation, y):
        if self.weights(cls, options) is not WEIGHTS:
            return  # a mask is of steps
        kept = np.arange(ROWS)[:, None] % STEPS >= np.arange(STEPS)
        model = made(cls(**options), activation, masked=True)
        masked = model.evaluate(X * kept[..., None], y, verbose=0)
        p = model.predict(X)
        assert masked == pytest.approx(cls(**options)(y[kept], p[kept]), rel=1e-6)

    def test_a_file_holds_it(self, cls, options, activation, y, tmp_path):
        model = made(cls(**options), activation)
        model.fit(X, y, verbose=0)
        model.save(tmp_path / "model.fastnn")
        again = fastnn.models.load_model(tmp_path / "model.fastnn")
        assert again.loss.get_config() == model.loss.get_config()
        for each in (model, again):
            each.fit(X, y, verbose=0)
        for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
            assert np.array_equal(one, other)


@pytest.fixture
def shared(monkeypatch):
    """Let threads share every operation that moves anything."""
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(("cls", "options", "watched"), EVERY_METRIC, ids=ids)
class TestMetric:
    def test_config_round_trip(self, cls, options, watched):
        metric = cls(**options, name="mine")
        config = metric.get_config()
        assert json.loads(json.dumps(config)) == config
        assert {**options, "name": "mine"}.items() <= {**config, **self.rounded(config)}.items()
        for again in (cls.from_config(config), metrics.deserialize(metrics.serialize(metric))):
            assert type(again) is cls
            assert again.get_config() == config

    @staticmethod
    def rounded(config):
        """Thresholds and weights are floats, and AUC counts the thresholds it adds."""
        return {k: list(v) for k, v in config.items() if isinstance(v, list)}

    def test_neither_batches_nor_threads_change_a_bit(self, cls, options, watched):
        loss, activation, y = watched
        found = []
        for threads, batch in ((1, 5), (2, 13), (3, 1)):
            before = fastnn.get_num_threads()
            fastnn.set_num_threads(threads)
            try:
                model = weighted(loss(), activation, cls(**options))
                found.append(model.evaluate(X, y, batch, 0, sample_weight=WEIGHTS)[1])
            finally:
                fastnn.set_num_threads(before)
        for other in found[1:]:
            np.testing.assert_array_equal(found[0], other)

    def test_the_reference_interpreter_agrees(self, cls, options, watched):
        loss, activation, y = watched
        for dtype, rtol in (("float64", 1e-12), ("float32", 1e-5)):
            a, b = (
                made(loss(), activation, [cls(**options)], dtype=dtype, run_eagerly=eager)
                for eager in (False, True)
            )
            got, want = (model.evaluate(X, y, 5, 0)[1] for model in (a, b))
            np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)

    def test_by_itself_it_is_that_of_a_model(self, cls, options, watched):
        loss, activation, y = watched
        for w in (None, WEIGHTS, WEIGHTS[:, 0]):
            model = weighted(loss(), activation, cls(**options))
            want = model.evaluate(X, y, sample_weight=w, verbose=0)[1]
            p, alone = model.predict(X), cls(**options)
            for part in (slice(0, 4), slice(4, None)):
                alone.update_state(y[part], p[part], None if w is None else w[part])
            np.testing.assert_allclose(alone.result(), want, rtol=1e-7, atol=1e-12)
            alone.reset_state()
            assert not np.any(alone.result())

    def test_a_weight_is_the_place_so_often(self, cls, options, watched):
        loss, activation, y = watched
        p = made(loss(), activation).predict(X)
        often = np.arange(ROWS) % 3
        rows = np.repeat(np.arange(ROWS), often)
        got, want = cls(**options)(y, p, often), cls(**options)(y[rows], p[rows])
        np.testing.assert_allclose(got, want, rtol=1e-11)

    def test_masked_steps_do_not_count(self, cls, options, watched):
        loss, activation, y = watched
        kept = np.arange(ROWS)[:, None] % STEPS >= np.arange(STEPS)
        model = made(loss(), activation, [cls(**options)], masked=True)
        masked = model.evaluate(X * kept[..., None], y, verbose=0)[1]
        p = model.predict(X)
        np.testing.assert_allclose(masked, cls(**options)(y[kept], p[kept]), rtol=1e-7, atol=1e-12)

    def test_both_precisions_agree(self, cls, options, watched):
        loss, activation, y = watched
        p = made(loss(), activation).predict(X)
        single, double = (cls(**options)(y, p.astype(t)) for t in (np.float32, np.float64))
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)

    def test_a_file_holds_it(self, cls, options, watched, tmp_path):
        loss, activation, y = watched
        model = made(loss(), activation, [cls(**options)])
        model.fit(X, y, verbose=0)
        model.save(tmp_path / "model.fastnn")
        again = fastnn.models.load_model(tmp_path / "model.fastnn")
        want, got = (m.evaluate(X, y, verbose=0)[1] for m in (model, again))
        np.testing.assert_array_equal(got, want)
