"""Every public regularizer, constraint and initializer keeps its contract."""

import inspect
import math

import numpy as np
import pytest
from contract import (
    TrainsAlike,
    X,
    Y,
    assert_described,
    assert_found_by_name,
    assert_options_are_checked,
    assert_same_config,
    public,
    two_layers,
)

import fastnn
from fastnn import Input, Sequential, constraints, initializers, regularizers
from fastnn.layers import Dense

# ---- regularizers --------------------------------------------------------------------------------


def cosines(w):
    rows = w / np.linalg.norm(w, axis=1, keepdims=True)
    n = len(rows)
    return np.abs(rows @ rows.T - np.eye(n)).sum() / (n * (n - 1))


#: class -> [(options, formula)]
REGULARIZERS = {
    regularizers.L1: [({"l1": 0.02}, lambda w: 0.02 * np.abs(w).sum())],
    regularizers.L2: [({"l2": 0.03}, lambda w: 0.03 * (w**2).sum())],
    regularizers.L1L2: [
        ({}, lambda w: 0.0),
        ({"l1": 0.02, "l2": 0.03}, lambda w: 0.02 * np.abs(w).sum() + 0.03 * (w**2).sum()),
    ],
    regularizers.OrthogonalRegularizer: [
        ({"factor": 0.5}, lambda w: 0.5 * cosines(w)),
        ({"factor": 0.5, "mode": "columns"}, lambda w: 0.5 * cosines(w.T)),
    ],
}
EVERY_REGULARIZER = [
    pytest.param(cls, options, formula, id=f"{cls.__name__} {', '.join(options)}")
    for cls, known in REGULARIZERS.items()
    for options, formula in known
]


def test_every_regularizer_has_cases():
    assert set(REGULARIZERS) == public(regularizers, regularizers.Regularizer)


@pytest.mark.parametrize(("cls", "options", "formula"), EVERY_REGULARIZER)
class TestRegularizer(TrainsAlike):
    def model(self, cls, options):
        return lambda dtype: two_layers("adam", dtype, kernel_regularizer=cls(**options))

    @pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-6), ("float64", 1e-13)])
    def test_the_penalty_is_the_formula(self, cls, options, formula, dtype, rtol):
        model = self.model(cls, options)(dtype)
        logs = model.evaluate(X, Y, verbose=0, return_dict=True)
        kernels = [w.astype(float) for w in model.get_weights() if w.ndim == 2]
        want = sum(map(formula, kernels))
        assert logs.get("penalty", 0) == pytest.approx(want, rel=rtol, abs=1e-12)
        assert logs["loss"] == pytest.approx(logs.get("data_loss", logs["loss"]) + want, rel=1e-5)

    def test_the_gradient_is_that_of_the_penalty(self, cls, options, formula):
        check = fastnn.gradcheck(self.model(cls, options)("float64"), X, Y)
        assert check.ok, str(check)

    def test_is_described(self, cls, options, formula):
        assert_described(regularizers, cls(**options))
        assert_found_by_name(regularizers, cls)

    def test_wrong_options_are_refused(self, cls, options, formula):
        assert_options_are_checked(cls, options)
        for name in {"l1", "l2", "factor"} & set(inspect.signature(cls).parameters):
            with pytest.raises(ValueError, match=f"{name} must be at least 0, got -1"):
                cls(**{**options, name: -1})

    def test_the_reference_does_the_same(self, cls, options, formula):
        self.assert_the_reference_does_the_same(self.model(cls, options), "float64")

    def test_threads_change_no_bit(self, cls, options, formula, monkeypatch):
        self.assert_threads_change_no_bit(self.model(cls, options), monkeypatch)

    def test_a_file_goes_on(self, cls, options, formula, tmp_path):
        self.assert_a_file_goes_on(self.model(cls, options), tmp_path / "m")


# ---- constraints ---------------------------------------------------------------------------------


def norms_within(low, high, rate=1.0, axis=0):
    def projected(w):
        norm = np.sqrt((w**2).sum(axis, keepdims=True))
        return w * (rate * np.clip(norm, low, high) + (1 - rate) * norm) / (norm + 1e-7)

    return projected


#: class -> [(options, formula)]
CONSTRAINTS = {
    constraints.MaxNorm: [
        ({"max_value": 0.7}, norms_within(0, 0.7)),
        ({"max_value": 0.5, "axis": 1}, norms_within(0, 0.5, axis=1)),
    ],
    constraints.MinMaxNorm: [
        (
            {"min_value": 0.6, "max_value": 0.7, "rate": 0.5, "axis": [0, 1]},
            norms_within(0.6, 0.7, 0.5, (0, 1)),
        ),
    ],
    constraints.NonNeg: [({}, lambda w: np.maximum(w, 0))],
    constraints.UnitNorm: [({}, norms_within(1, 1)), ({"axis": 1}, norms_within(1, 1, axis=1))],
}
EVERY_CONSTRAINT = [
    pytest.param(cls, options, formula, id=f"{cls.__name__} {', '.join(options)}")
    for cls, known in CONSTRAINTS.items()
    for options, formula in known
]


def test_every_constraint_has_cases():
    assert set(CONSTRAINTS) == public(constraints, constraints.Constraint)


@pytest.mark.parametrize(("cls", "options", "formula"), EVERY_CONSTRAINT)
class TestConstraint(TrainsAlike):
    def model(self, cls, options):
        return lambda dtype: two_layers("adam", dtype, kernel_constraint=cls(**options))

    @pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-6), ("float64", 1e-13)])
    def test_an_update_ends_with_the_formula(self, cls, options, formula, dtype, rtol):
        free, held = (two_layers("adam", dtype), self.model(cls, options)(dtype))
        for model in (free, held):
            model.train_on_batch(X, Y)
        for before, after in zip(free.get_weights(), held.get_weights(), strict=True):
            want = formula(before.astype(float)) if before.ndim == 2 else before
            assert np.allclose(after, want, rtol=rtol, atol=rtol)

    def test_is_described(self, cls, options, formula):
        assert_described(constraints, cls(**options))
        assert_found_by_name(constraints, cls)

    def test_wrong_options_are_refused(self, cls, options, formula):
        assert_options_are_checked(cls, options)
        if "axis" in inspect.signature(cls).parameters:
            with pytest.raises(TypeError, match="axis must be an integer or a list of them"):
                cls(axis="rows")
            with pytest.raises(ValueError, match="axis must name neighbouring axes of its 2"):
                two_layers(kernel_constraint=cls(axis=2)).train_on_batch(X, Y)

    def test_the_reference_does_the_same(self, cls, options, formula):
        self.assert_the_reference_does_the_same(self.model(cls, options), "float64")

    def test_threads_change_no_bit(self, cls, options, formula, monkeypatch):
        self.assert_threads_change_no_bit(self.model(cls, options), monkeypatch)

    def test_a_file_goes_on(self, cls, options, formula, tmp_path):
        self.assert_a_file_goes_on(self.model(cls, options), tmp_path / "m")


# ---- initializers --------------------------------------------------------------------------------

#: class -> [(options, mean, standard deviation)] of 200 inputs and 300 outputs
_FANS = {"Glorot": 2 / 500, "He": 2 / 200, "Lecun": 1 / 200}
INITIALIZERS = {
    initializers.Zeros: [({}, 0, 0)],
    initializers.Ones: [({}, 1, 0)],
    initializers.Constant: [({"value": 2.5}, 2.5, 0)],
    initializers.Identity: [({"gain": 3.0}, 0.01, 3 * math.sqrt(1 / 300 - 1 / 300**2))],
    initializers.Orthogonal: [({"gain": 2.0}, 0, 2 / math.sqrt(300))],
    initializers.RandomUniform: [({"minval": 1, "maxval": 2}, 1.5, 1 / math.sqrt(12))],
    initializers.RandomNormal: [({"mean": 1.0, "stddev": 0.5}, 1, 0.5)],
    initializers.TruncatedNormal: [({"mean": 1.0, "stddev": 0.5}, 1, 0.5 * 0.8796)],
    initializers.VarianceScaling: [
        ({"scale": 2.0, "mode": mode, "distribution": kind}, 0, math.sqrt(2 / n))
        for mode, n in (("fan_in", 200), ("fan_out", 300), ("fan_avg", 250))
        for kind in ("uniform", "untruncated_normal", "truncated_normal")
    ],
    **{
        getattr(initializers, f"{name}{kind}"): [({"seed": 3}, 0, math.sqrt(variance))]
        for name, variance in _FANS.items()
        for kind in ("Uniform", "Normal")
    },
}
EVERY_INITIALIZER = [
    pytest.param(cls, options, mean, spread, id=f"{cls.__name__} {', '.join(options)}")
    for cls, known in INITIALIZERS.items()
    for options, mean, spread in known
]


def test_every_initializer_has_cases():
    assert set(INITIALIZERS) == public(initializers, initializers.Initializer)


@pytest.mark.parametrize(("cls", "options", "mean", "spread"), EVERY_INITIALIZER)
class TestInitializer:
    def test_moments(self, cls, options, mean, spread):
        values = cls(**options)((200, 300), "float64")
        assert abs(values.mean() - mean) <= 5 * spread / math.sqrt(60_000) + 1e-12
        assert values.std() == pytest.approx(spread, rel=0.02, abs=1e-12)

    @pytest.mark.parametrize("dtype", ["float32", "float64", None])
    def test_shapes_and_types(self, cls, options, mean, spread, dtype):
        made = cls(**options)
        matrices = isinstance(made, initializers.Identity | initializers.Orthogonal)
        for shape in ((3, 4), (1, 1), [4, 3]) if matrices else ((), (5,), (3, 4), (2, 3, 4, 5)):
            values = made(shape, dtype)
            assert (values.shape, values.dtype) == (tuple(shape), np.dtype(dtype or "float32"))
            assert np.isfinite(values).all()

    def test_float32_is_float64_rounded_once(self, cls, options, mean, spread):
        made = cls(
            **{**options, "seed": 5} if "seed" in inspect.signature(cls).parameters else options
        )
        wide = made((7, 5), "float64")
        assert np.array_equal(made((7, 5), "float32"), wide.astype(np.float32))

    def test_seeds(self, cls, options, mean, spread):
        if "seed" not in inspect.signature(cls).parameters:
            assert np.array_equal(cls(**options)((4, 3)), cls(**options)((4, 3)))
            return
        one, two = (cls(**{**options, "seed": seed}) for seed in (1, 2))
        assert np.array_equal(one((4, 3)), one((4, 3)))
        assert not np.array_equal(one((4, 3)), two((4, 3)))
        free, drawn = cls(**{**options, "seed": None}), []
        for _ in range(2):
            fastnn.set_seed(3)
            drawn.append([free((4, 3)), free((4, 3))])
        assert np.array_equal(drawn[0], drawn[1])
        assert not np.array_equal(*drawn[0])

    def test_is_described(self, cls, options, mean, spread):
        assert_described(initializers, cls(**options))
        assert_found_by_name(initializers, cls)

    def test_wrong_options_are_refused(self, cls, options, mean, spread):
        assert_options_are_checked(cls, options)
        if "seed" in inspect.signature(cls).parameters:
            with pytest.raises(TypeError, match="seed must be an integer or None, got str"):
                cls(seed="5")
            with pytest.raises(ValueError, match=r"seed must be in \[0, 2\*\*64\), got -1"):
                cls(seed=-1)

    def test_a_file_holds_it(self, cls, options, mean, spread, tmp_path):
        layer = Dense(3, kernel_initializer=cls(**options))
        Sequential([Input((5,)), layer]).save(tmp_path / "m")
        again = fastnn.models.load_model(tmp_path / "m").layers[0]
        assert_same_config(layer.kernel_initializer, again.kernel_initializer)


# ---- one's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base", [regularizers.Regularizer, constraints.Constraint, initializers.Initializer]
)
def test_a_class_of_one_s_own_says_what_it_lacks(base):
    module = {"regularizers": regularizers, "constraints": constraints}.get(
        base.__module__.rpartition(".")[2], initializers
    )
    own = type("Own", (base,), {})
    description = module.serialize(own())
    assert description == {"class_name": "Own", "config": {}}
    assert type(module.deserialize(description, {"Own": own})) is own
    with pytest.raises(fastnn.errors.ModelFileError, match=r"custom_objects=\{'Own'"):
        module.deserialize(description)
    if base is constraints.Constraint:
        assert base()("w") == "w"
        return
    with pytest.raises(NotImplementedError, match=r"Own: write __call__\("):
        own()((3, 2))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: initializers.Orthogonal()((3,)), "Orthogonal: the weight needs two axes"),
        (lambda: initializers.Identity()((3,)), "Identity: the weight has to be a matrix"),
        (lambda: initializers.VarianceScaling(mode="in"), "mode must be one of"),
        (lambda: initializers.VarianceScaling(distribution="x"), "distribution must be one of"),
        (lambda: initializers.RandomUniform(2, 1), "minval, 2.0, must not exceed maxval, 1.0"),
    ],
)
def test_mistakes(call, words):
    with pytest.raises(ValueError, match=words):
        call()
