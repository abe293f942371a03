"""Regularizers and constraints: their formulas, where they act, the logs, files, mistakes."""

import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, constraints, errors, layers, ops, regularizers
from fastnn.layers import Dense, Layer

X = np.random.default_rng(4).normal(size=(21, 3))
Y = X @ [[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]] + 0.5


class Doubled(regularizers.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return ops.add(ops.penalty(x, l2=self.factor), ops.penalty(x, l2=self.factor))

    def get_config(self):
        return {"factor": self.factor}


class AtMostOne(constraints.Constraint):
    def __call__(self, w):
        return ops.clip_norm(w, 0, 1)


def lasso(x):
    return ops.penalty(x, l1=0.02)


def model_of(*middle, optimizer="sgd", dtype="float64", shape=(3,)):
    fastnn.set_seed(1)
    model = Sequential([Input(shape), *middle], dtype=dtype)
    model.compile(optimizer, "mse")
    return model


def cosines(w):
    """The sizes of the cosines between all pairs of rows."""
    rows = w / np.sqrt((w**2).sum(axis=1, keepdims=True))
    return np.abs((rows @ rows.T)[~np.eye(len(rows), dtype=bool)])


PENALTIES = {
    "l1": (regularizers.L1(0.03), lambda w: 0.03 * np.abs(w).sum()),
    "l2": (regularizers.L2(0.03), lambda w: 0.03 * (w**2).sum()),
    "l1_l2": (
        regularizers.L1L2(0.03, 0.02),
        lambda w: 0.03 * np.abs(w).sum() + 0.02 * (w**2).sum(),
    ),
    "orthogonal": (
        regularizers.OrthogonalRegularizer(0.5),
        lambda w: 0.5 * cosines(w).mean(),
    ),
    "orthogonal columns": (
        regularizers.OrthogonalRegularizer(0.5, "columns"),
        lambda w: 0.5 * cosines(w.T).mean(),
    ),
    "by name": ("l2", lambda w: 0.01 * (w**2).sum()),
    "class": (regularizers.L1, lambda w: 0.01 * np.abs(w).sum()),
    "config": (
        {"class_name": "L1", "config": {"l1": 0.5}},
        lambda w: 0.5 * np.abs(w).sum(),
    ),
    "function": (lasso, lambda w: 0.02 * np.abs(w).sum()),
    "own class": (Doubled(0.5), lambda w: (w**2).sum()),
}


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_penalty_is_part_of_the_loss_and_shown_apart(name, dtype):
    regularizer, value = PENALTIES[name]
    model = model_of(Dense(2, kernel_regularizer=regularizer), dtype=dtype)
    plain = model_of(Dense(2), dtype=dtype)
    want = value(model.get_weights()[0].astype(float))
    for batch in (21, 4):
        logs = model.evaluate(X, Y, batch_size=batch, verbose=0, return_dict=True)
        data = plain.evaluate(X, Y, batch_size=batch, verbose=0)
        assert logs["penalty"] == pytest.approx(want, rel=1e-6)
        assert logs["data_loss"] == data
        assert logs["loss"] == logs["data_loss"] + logs["penalty"]
    assert list(plain.evaluate(X, Y, verbose=0, return_dict=True)) == ["loss"]


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients(name):
    regularizer, _ = PENALTIES[name]
    wheres = ("kernel",) if name.startswith("orthogonal") else ("kernel", "bias", "activity")
    options = {f"{what}_regularizer": regularizer for what in wheres}
    model = model_of(Dense(4, "tanh", **options), Dense(2, **options))
    model.set_weights([w + 0.1 for w in model.get_weights()])  # off the kink at 0
    found = fastnn.gradcheck(model, X, Y)
    assert found.ok, str(found)


def test_the_gradient_of_l1_at_0_is_0():
    model = model_of(Dense(2, kernel_regularizer=regularizers.L1(5.0)))
    model.set_weights([np.zeros((3, 2)), np.zeros(2)])
    model.train_on_batch(np.zeros((4, 3)), np.zeros((4, 2)))
    assert not model.get_weights()[0].any()


def test_a_penalty_counts_in_the_update():
    weights = np.array([[1.0], [-2.0], [0.0]])
    model = model_of(Dense(1, use_bias=False, kernel_regularizer=regularizers.L1L2(0.5, 0.25)))
    model.set_weights([weights])
    model.train_on_batch(np.zeros((4, 3)), np.zeros((4, 1)))
    assert np.allclose(
        model.get_weights()[0], weights - 0.01 * (0.5 * np.sign(weights) + 0.5 * weights)
    )


def test_activity_is_divided_by_the_rows_of_the_batch():
    model = model_of(Dense(2, activity_regularizer=regularizers.L2(0.5)))
    logs = model.evaluate(X, Y, batch_size=21, verbose=0, return_dict=True)
    want = 0.5 * (model.predict(X) ** 2).sum() / len(X)
    assert logs["penalty"] == pytest.approx(want, rel=1e-12)
    assert model.evaluate(X, Y, batch_size=5, verbose=0) == pytest.approx(logs["loss"], rel=1e-12)


def test_frozen_weights_cost_nothing_and_are_held_to_nothing():
    dense = Dense(2, kernel_regularizer="l2", kernel_constraint="unit_norm", trainable=False)
    model = model_of(dense, Dense(2))
    before = dense.get_weights()
    assert list(model.evaluate(X, Y, verbose=0, return_dict=True)) == ["loss"]
    model.fit(X, Y, verbose=0)
    assert all(map(np.array_equal, before, dense.get_weights()))


def test_a_shared_layer_pays_once():
    dense = Dense(3, kernel_regularizer="l2")
    inputs = Input((3,), dtype="float64")
    model = fastnn.Model(inputs, dense(dense(inputs)))
    model.compile("sgd", "mse")
    logs = model.evaluate(X, X, verbose=0, return_dict=True)
    assert logs["penalty"] == pytest.approx(0.01 * (dense.get_weights()[0] ** 2).sum())


def test_a_layer_adds_losses_of_its_own():
    class Costly(Layer):
        def call(self, x):
            self.add_loss(ops.penalty(x, l1=0.1))
            return x

    model = model_of(Dense(2), Costly())
    logs = model.evaluate(X, Y, batch_size=21, verbose=0, return_dict=True)
    assert logs["penalty"] == pytest.approx(0.1 * np.abs(model.predict(X)).sum())
    assert fastnn.gradcheck(model, X, Y).ok


def test_predictions_compute_no_penalties():
    model = model_of(Dense(2, kernel_regularizer="l2", activity_regularizer="l1"))
    assert not [
        node.op.name
        for node in fastnn.compiler.program.Program.of(
            model.runtime.graph("predict"), 4, "float64"
        ).nodes
        if node.op.name == "penalty"
    ]


def test_histories_show_data_loss_and_penalty():
    model = model_of(Dense(2, kernel_regularizer="l2"))
    history = model.fit(X, Y, epochs=2, validation_split=0.3, verbose=0).history
    names = ("loss", "data_loss", "penalty")
    assert sorted(history) == sorted([*names, *(f"val_{name}" for name in names)])
    for prefix in ("", "val_"):
        loss, data, penalty = (np.array(history[prefix + name]) for name in names)
        assert np.array_equal(loss, data + penalty)
    assert isinstance(model.evaluate(X, Y, verbose=0), float)  # as Keras: the loss alone


def test_compiled_and_eager_agree():
    made = []
    for eager in (False, True):
        model = model_of(
            Dense(4, "tanh", kernel_regularizer="l2", activity_regularizer="l1"),
            Dense(2, kernel_constraint="max_norm", bias_constraint="non_neg"),
        )
        model.compile("adam", "mse", run_eagerly=eager)
        made.append((model.fit(X, Y, epochs=3, verbose=0).history, model.get_weights()))
    (history, weights), (eager_history, eager_weights) = made
    for name in history:
        assert np.allclose(history[name], eager_history[name], rtol=1e-12)
    assert all(map(np.allclose, weights, eager_weights))


# ---- constraints ---------------------------------------------------------------------------------


def norms(w, axis=0):
    return np.sqrt((w**2).sum(axis=axis))


CONSTRAINTS = {
    "max_norm": (constraints.MaxNorm(0.7), lambda w: norms(w).max() <= 0.7 + 1e-6),
    "max_norm of outputs": (
        constraints.MaxNorm(0.7, axis=1),
        lambda w: norms(w, 1).max() <= 0.7 + 1e-6,
    ),
    "unit_norm": ("unit_norm", lambda w: np.allclose(norms(w), 1, atol=1e-6)),
    "unit_norm of outputs": (
        constraints.UnitNorm(-1),
        lambda w: np.allclose(norms(w, 1), 1, atol=1e-6),
    ),
    "of all": (constraints.UnitNorm([0, 1]), lambda w: np.isclose(norms(w, None), 1)),
    "min_max_norm": (
        constraints.MinMaxNorm(0.5, 0.6),
        lambda w: (norms(w) <= 0.6 + 1e-6).all() and (norms(w) >= 0.5 - 1e-6).all(),
    ),
    "non_neg": (constraints.NonNeg, lambda w: w.min() >= 0),
    "own": (AtMostOne(), lambda w: norms(w).max() <= 1 + 1e-6),
    "function": (lambda w: ops.scale(w, 0.0), lambda w: not w.any()),
}


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constraint_holds_after_each_update(name, dtype):
    constraint, holds = CONSTRAINTS[name]
    model = model_of(Dense(37, kernel_constraint=constraint), Dense(2), dtype=dtype)
    plain = model_of(Dense(37), Dense(2), dtype=dtype)
    for each in (model, plain):
        each.set_weights([3 * w for w in each.get_weights()])
    for _ in range(3):
        model.train_on_batch(X, Y)
        plain.train_on_batch(X, Y)
        assert holds(model.get_weights()[0].astype(float))
    assert not holds(plain.get_weights()[0].astype(float))


def test_a_convolution_s_filters_have_norms_of_their_own():
    conv = layers.Conv2D(3, 2, kernel_constraint=constraints.MaxNorm(0.1, axis=[0, 1, 2]))
    model = model_of(conv, layers.Flatten(), Dense(1), shape=(4, 4, 2))
    model.train_on_batch(np.ones((2, 4, 4, 2)), np.ones((2, 1)))
    assert np.allclose(norms(conv.get_weights()[0], (0, 1, 2)), 0.1)


def test_a_rate_goes_part_of_the_way():
    dense = Dense(1, use_bias=False, kernel_constraint=constraints.MinMaxNorm(0, 1, rate=0.25))
    model = model_of(dense, optimizer=fastnn.optimizers.SGD(0.0))
    dense.set_weights([[[3.0], [0.0], [4.0]]])
    model.train_on_batch(X, Y[:, :1])
    assert np.allclose(dense.get_weights()[0], np.array([[0.6], [0], [0.8]]) * 4)


def test_weights_of_0_stay_0_and_nan_stays_nan():
    dense = Dense(3, use_bias=False, kernel_constraint="unit_norm")
    model = model_of(dense, optimizer=fastnn.optimizers.SGD(0.0))
    dense.set_weights([[[0.0, np.nan, 3.0]] * 3])
    with pytest.warns(errors.NonFiniteWarning):
        model.fit(X, np.ones((21, 3)), verbose=0)
    w = dense.get_weights()[0]
    assert not w[:, 0].any()
    assert np.isnan(w[:, 1]).all()
    assert np.allclose(norms(w[:, 2]), 1)


# ---- every layer that has them -------------------------------------------------------------------


EVERY = {
    "Dense": (lambda **o: layers.Dense(3, **o), (4,), ("kernel", "bias")),
    "Conv2D": (lambda **o: layers.Conv2D(3, 2, **o), (4, 4, 2), ("kernel", "bias")),
    "BatchNormalization": (
        lambda **o: layers.BatchNormalization(**o),
        (4,),
        ("gamma", "beta"),
    ),
    "SimpleRNN": (
        lambda **o: layers.SimpleRNN(3, **o),
        (5, 2),
        ("kernel", "recurrent", "bias"),
    ),
    "LSTM": (lambda **o: layers.LSTM(3, **o), (5, 2), ("kernel", "recurrent", "bias")),
    "GRU": (lambda **o: layers.GRU(3, **o), (5, 2), ("kernel", "recurrent", "bias")),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_layer_takes_them_and_gives_them_back(name):
    make, shape, weights = EVERY[name]
    options = {}
    for index, what in enumerate(weights):
        options[f"{what}_regularizer"] = regularizers.L2(0.1 * (index + 1))
        options[f"{what}_constraint"] = "non_neg"
    layer = make(**options)
    model = model_of(layer, layers.Flatten(), Dense(1), shape=shape)
    x = np.random.default_rng(1).normal(size=(6, *shape))
    y = np.zeros((6, 1))
    variables = [v for v in layer.weights if v.trainable]
    assert [v.regularizer for v in variables] == [options[f"{w}_regularizer"] for w in weights]
    penalty = model.evaluate(x, y, verbose=0, return_dict=True)["penalty"]
    want = sum(0.1 * (i + 1) * (v.numpy() ** 2).sum() for i, v in enumerate(variables))
    assert penalty == pytest.approx(want)
    assert fastnn.gradcheck(model, x, y).ok
    model.fit(x, y, verbose=0)
    assert all((v.numpy() >= 0).all() for v in variables)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("name", [name for name in EVERY if name != "BatchNormalization"])
def test_every_layer_takes_an_activity_regularizer(name):
    make, shape, _ = EVERY[name]
    layer = make(activity_regularizer="l2")
    model = model_of(layer, layers.Flatten(), Dense(1), shape=shape)
    x = np.random.default_rng(1).normal(size=(6, *shape))
    assert model.evaluate(x, np.zeros((6, 1)), verbose=0, return_dict=True)["penalty"] > 0
    again = type(layer).from_config(layer.get_config())
    assert again.activity_regularizer.get_config() == {"l2": 0.01}


# ---- names, configs, files -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "thing", "config"),
    [
        (regularizers, regularizers.L1(0.5), {"l1": 0.5}),
        (regularizers, regularizers.L2(0.5), {"l2": 0.5}),
        (regularizers, regularizers.L1L2(0.5, 0.25), {"l1": 0.5, "l2": 0.25}),
        (
            regularizers,
            regularizers.OrthogonalRegularizer(0.5, "columns"),
            {"factor": 0.5, "mode": "columns"},
        ),
        (constraints, constraints.MaxNorm(3, [0, 1]), {"max_value": 3, "axis": [0, 1]}),
        (constraints, constraints.NonNeg(), {}),
        (constraints, constraints.UnitNorm(1), {"axis": 1}),
        (
            constraints,
            constraints.MinMaxNorm(0.5, 2, 0.5, 1),
            {"min_value": 0.5, "max_value": 2, "rate": 0.5, "axis": 1},
        ),
    ],
)
def test_config_round_trip(module, thing, config):
    assert thing.get_config() == config
    again = module.get(module.serialize(thing))
    assert type(again) is type(thing)
    assert again.get_config() == config
    for name in (type(thing).__name__, fastnn.naming.snake_case(type(thing).__name__)):
        assert type(module.get(name)) is type(thing)
    assert module.get(thing) is thing
    assert module.get(None) is module.serialize(None) is None


def test_files_hold_them_and_custom_ones_are_given_by_the_caller(tmp_path):
    model = model_of(
        Dense(4, kernel_regularizer=Doubled(0.25), bias_regularizer=lasso),
        Dense(2, kernel_constraint=AtMostOne(), activity_regularizer="l1"),
    )
    model.fit(X, Y, verbose=0)
    want = model.evaluate(X, Y, verbose=0, return_dict=True)
    custom = {"Doubled": Doubled, "AtMostOne": AtMostOne, "lasso": lasso}
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model", custom)
    for other in (again, pickle.loads(pickle.dumps(model))):
        assert other.evaluate(X, Y, verbose=0, return_dict=True) == want
    with pytest.raises(errors.ModelFileError, match=r"Doubled.*custom_objects"):
        fastnn.models.load_model(tmp_path / "model", {"AtMostOne": AtMostOne, "lasso": lasso})


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: Dense(1, kernel_regularizer=0.01), TypeError, r"write L2\(0.01\)"),
        (lambda: Dense(1, kernel_regularizer="l3"), ValueError, "unknown 'l3'. Known: L1"),
        (lambda: Dense(1, kernel_constraint="max_nrom"), ValueError, "did you mean 'max_norm'"),
        (lambda: Dense(1, kernel_constraint=2.0), TypeError, "expected a name or an object"),
        (lambda: regularizers.L1(-1), ValueError, "L1: l1 must be at least 0, got -1"),
        (lambda: regularizers.L2("much"), TypeError, "L2: l2 must be a number, got str"),
        (lambda: constraints.MaxNorm(-1), ValueError, "max_value must be at least 0"),
        (lambda: constraints.MinMaxNorm(2, 1), ValueError, "must not exceed"),
        (lambda: constraints.MinMaxNorm(rate=2), ValueError, "rate must be in"),
        (lambda: constraints.MaxNorm(axis="0"), TypeError, "axis must be an integer"),
        (
            lambda: model_of(Dense(2, kernel_constraint=constraints.MaxNorm(1, 2))).fit(X, Y),
            errors.ShapeError,
            "must name neighbouring axes of its 2",
        ),
        (
            lambda: model_of(Dense(2, kernel_regularizer=lambda w: 0.1)),
            TypeError,
            "a penalty is a tensor composed of fastnn.ops, got float",
        ),
        (
            lambda: model_of(Dense(2, kernel_regularizer=lambda w: w)),
            errors.ShapeError,
            "a penalty is one number",
        ),
        (
            lambda: regularizers.OrthogonalRegularizer(mode="both"),
            ValueError,
            "mode must be one of rows, columns",
        ),
        (
            lambda: model_of(Dense(2, bias_regularizer="orthogonal_regularizer")),
            errors.ShapeError,
            "has to be a matrix",
        ),
        (lambda: Dense(2).add_loss(1.0), TypeError, "add_loss expects a tensor of the graph"),
        (
            lambda: Dense(2, kernel_regularizer=lambda w: ops.penalty(w)).get_config(),
            ValueError,
            "no name that a config could hold",
        ),
        (lambda: regularizers.Regularizer()(None), NotImplementedError, "write __call__"),
    ],
)
def test_mistakes_are_explained(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert len(str(caught.value)) < 400


def test_a_metric_cannot_take_the_names_of_the_parts():
    model = Sequential([Input((3,)), Dense(2)])
    for name in ("data_loss", "penalty"):
        with pytest.raises(ValueError, match="taken twice"):
            model.compile("sgd", "mse", metrics=[fastnn.metrics.MeanSquaredError(name)])
