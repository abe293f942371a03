"""Every public optimizer and schedule keeps its contract."""

import math
import pickle

import numpy as np
import pytest
from contract import (
    TrainsAlike,
    X,
    Y,
    assert_described,
    assert_found_by_name,
    assert_odd_values_are_taken_or_refused,
    assert_options_are_checked,
    every,
    public,
    trained,
    two_layers,
)

import fastnn
from fastnn import Input, Sequential, optimizers, regularizers
from fastnn.layers import Dense
from fastnn.optimizers import schedules

# ---- optimizers ----------------------------------------------------------------------------------

OPTIMIZERS = {
    optimizers.SGD: [{}, {"momentum": 0.9}, {"momentum": 0.5, "nesterov": True}],
    optimizers.RMSprop: [{}, {"rho": 0.5, "momentum": 0.5, "centered": True, "epsilon": 1e-3}],
    optimizers.Adagrad: [{}, {"initial_accumulator_value": 0.5, "epsilon": 1e-3}],
    optimizers.Adadelta: [{"learning_rate": 1.0}, {"rho": 0.5, "epsilon": 1e-3}],
    optimizers.Adam: [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "amsgrad": True}],
    optimizers.AdamW: [{}, {"weight_decay": 0.1, "amsgrad": True}],
    optimizers.Adamax: [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}],
    optimizers.Nadam: [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}],
    optimizers.Lion: [{}, {"beta_1": 0.5, "beta_2": 0.9}],
    optimizers.Lamb: [{}, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}],
    optimizers.Ftrl: [
        {"learning_rate": 0.1},
        {"learning_rate": 0.1, "l1_regularization_strength": 0.01, "learning_rate_power": -0.7},
    ],
    optimizers.Adafactor: [
        {},
        {"learning_rate": 0.5, "beta_2_decay": -0.6, "epsilon_2": 0.1, "clip_threshold": 0.5},
    ],
}


def test_every_optimizer_has_cases():
    assert set(OPTIMIZERS) == public(optimizers, optimizers.Optimizer)
    assert set(optimizers.CLASSES.values()) == set(OPTIMIZERS)


@pytest.mark.parametrize(("cls", "options"), every(OPTIMIZERS))
class TestOptimizer(TrainsAlike):
    def test_is_described(self, cls, options):
        assert_described(optimizers, cls(**options))
        assert_found_by_name(optimizers, cls)
        assert cls(**options, name="mine").name == "mine"

    def test_wrong_options_are_refused(self, cls, options):
        assert_options_are_checked(cls, options)
        with pytest.raises(ValueError, match=r"learning_rate must be finite and >= 0, got -1"):
            cls(**{**options, "learning_rate": -1})

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_a_step_is_the_reference_s(self, cls, options, dtype):
        if cls is optimizers.Lion and dtype == "float32":
            options = {**options, "beta_1": 1.0}  # else signs of sums that vanish may differ
        self.assert_the_reference_does_the_same(
            lambda dtype: two_layers(cls(**options), dtype), dtype
        )

    def test_threads_change_no_bit(self, cls, options, monkeypatch):
        self.assert_threads_change_no_bit(
            lambda dtype: two_layers(cls(**options), dtype), monkeypatch
        )

    def test_a_file_goes_on(self, cls, options, tmp_path):
        self.assert_a_file_goes_on(lambda dtype: two_layers(cls(**options), dtype), tmp_path / "m")

    def test_a_copy_of_a_model_goes_on(self, cls, options):
        model = two_layers(cls(**options))
        trained(model)
        again = pickle.loads(pickle.dumps(model))
        assert trained(again) == trained(model)

    def test_the_rate_and_the_count_can_be_read_and_the_rate_be_set(self, cls, options):
        chosen = cls(**options)
        model = two_layers(chosen)
        assert (chosen.iterations, float(chosen.variables[0].numpy())) == (0, 0)
        trained(model)
        assert chosen.iterations == 12
        chosen.learning_rate = 0.0625
        assert chosen.learning_rate == chosen.get_config()["learning_rate"] == 0.0625
        assert len(chosen.variables) == 1 + bool(chosen.scalars) + 4 * chosen.slots

    def test_nan_reaches_the_weights_and_is_not_silent(self, cls, options):
        model = two_layers(cls(**options))
        with pytest.warns(fastnn.errors.NonFiniteWarning):
            model.fit(X, np.full_like(Y, np.nan), batch_size=23, verbose=0)
        assert not any(np.isfinite(weight).any() for weight in model.get_weights())

    def test_a_constant_gradient_goes_downhill(self, cls, options):
        """The sum of a weight falls, whatever the rule."""
        layer = Dense(4, use_bias=False, kernel_regularizer=regularizers.L1(1.0))
        model = Sequential([Input((5,)), layer], dtype="float64")
        model.compile(cls(**{"learning_rate": 0.01, **options}), "mse")
        layer.set_weights([np.linspace(1, 2, 20).reshape(5, 4)])
        zeros = np.zeros((1, 5)), np.zeros((1, 4))
        costs = [model.train_on_batch(*zeros) for _ in range(9)]
        assert costs == sorted(costs, reverse=True)
        assert len(set(costs)) == 9


# ---- schedules -----------------------------------------------------------------------------------


def half_wave(share, alpha):
    return (1 - alpha) * (1 + math.cos(math.pi * share)) / 2 + alpha


#: class -> [(options, formula)]
SCHEDULES = {
    schedules.ExponentialDecay: [
        ({"decay_steps": 7, "decay_rate": 0.5}, lambda n: 0.1 * 0.5 ** (n / 7)),
        (
            {"decay_steps": 7, "decay_rate": 0.5, "staircase": True},
            lambda n: 0.1 * 0.5 ** (n // 7),
        ),
    ],
    schedules.InverseTimeDecay: [
        ({"decay_steps": 7, "decay_rate": 0.5}, lambda n: 0.1 / (1 + 0.5 * n / 7)),
        (
            {"decay_steps": 7, "decay_rate": 0.5, "staircase": True},
            lambda n: 0.1 / (1 + 0.5 * (n // 7)),
        ),
    ],
    schedules.PolynomialDecay: [
        (
            {"decay_steps": 9, "end_learning_rate": 0.01, "power": 2.0},
            lambda n: 0.09 * (1 - min(n, 9) / 9) ** 2 + 0.01,
        ),
        (
            {"decay_steps": 9, "cycle": True},
            lambda n: 0.0999 * (1 - n / (9 * max(1, -(-n // 9)))) + 1e-4,
        ),
    ],
    schedules.PiecewiseConstantDecay: [
        (
            {"boundaries": [3, 11], "values": [0.1, 0.05, 0.2]},
            lambda n: 0.1 if n <= 3 else 0.05 if n <= 11 else 0.2,
        ),
    ],
    schedules.CosineDecay: [
        ({"decay_steps": 10, "alpha": 0.1}, lambda n: 0.1 * half_wave(min(n / 10, 1), 0.1)),
        (
            {"decay_steps": 10, "warmup_target": 0.3, "warmup_steps": 4},
            lambda n: 0.1 + 0.05 * n if n < 4 else 0.3 * half_wave(min((n - 4) / 10, 1), 0),
        ),
    ],
    schedules.CosineDecayRestarts: [
        (
            {"first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.5},
            lambda n: 0.1 * 0.5 ** (n // 5) * half_wave(n % 5 / 5, 0),
        ),
        (
            {"first_decay_steps": 5},
            lambda n: (
                0.1 * half_wave(n / 5 if n < 5 else (n - 5) / 10 if n < 15 else n / 20 - 0.75, 0)
            ),
        ),
    ],
}
EVERY_SCHEDULE = [
    pytest.param(cls, options, formula, id=f"{cls.__name__} {', '.join(options)}")
    for cls, known in SCHEDULES.items()
    for options, formula in known
]


def scheduled(cls, options):
    first = {} if cls is schedules.PiecewiseConstantDecay else {"initial_learning_rate": 0.1}
    return cls(**first, **options)


def test_every_schedule_has_cases():
    assert set(SCHEDULES) == public(schedules, schedules.LearningRateSchedule)


@pytest.mark.parametrize(("cls", "options", "formula"), EVERY_SCHEDULE)
class TestSchedule(TrainsAlike):
    def test_values_are_the_formula(self, cls, options, formula):
        schedule = scheduled(cls, options)
        got = [schedule(step) for step in range(35)]
        assert got == pytest.approx([formula(step) for step in range(35)], rel=1e-12, abs=1e-15)
        assert {type(rate) for rate in got} == {float}

    def test_is_described(self, cls, options, formula):
        assert_described(schedules, scheduled(cls, options))
        assert_described(optimizers, optimizers.Adam(scheduled(cls, options)))

    def test_training_follows_it(self, cls, options, formula):
        """A weight whose gradient is 1 moves by the rate of each step."""
        layer = Dense(1, use_bias=False, kernel_regularizer=regularizers.L1(1.0))
        model = Sequential([Input((1,)), layer], dtype="float64")
        model.compile(optimizers.SGD(scheduled(cls, options)), "mse")
        layer.set_weights([[[100.0]]])
        model.fit(np.zeros((20, 1)), np.zeros(20), batch_size=1, verbose=0)
        moved = 100 - layer.get_weights()[0][0, 0]
        assert moved == pytest.approx(sum(map(formula, range(20))), rel=1e-10)

    def test_a_file_goes_on(self, cls, options, formula, tmp_path):
        chosen = optimizers.SGD(scheduled(cls, options), momentum=0.5)
        self.assert_a_file_goes_on(lambda dtype: two_layers(chosen, dtype), tmp_path / "m")

    def test_the_reference_does_the_same(self, cls, options, formula):
        self.assert_the_reference_does_the_same(
            lambda dtype: two_layers(optimizers.Adam(scheduled(cls, options)), dtype), "float64"
        )

    def test_wrong_options_are_refused(self, cls, options, formula):
        with pytest.raises(TypeError, match="unheard_of"):
            cls(**options, unheard_of=1)
        rates = {"values": [0.1, -0.1, 0.1]} if "values" in options else {}
        with pytest.raises(
            ValueError, match=r"(values|learning_rate) must be at least 0, got -0.1"
        ):
            cls(**{**options, **(rates or {"initial_learning_rate": -0.1})})
        first = {} if rates else {"initial_learning_rate": 0.1}
        assert_odd_values_are_taken_or_refused(cls, {**first, **options})


class Halves(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 / 2**step


class Forgetful(schedules.LearningRateSchedule):
    def __init__(self, rate):
        self.rate = rate


class Plain(optimizers.Optimizer):
    def __init__(self, speed, **options):
        super().__init__(**options)


def test_classes_of_one_s_own_are_described_or_say_what_they_lack():
    again = schedules.deserialize(schedules.serialize(Halves()), {"Halves": Halves})
    assert again(3) == 0.0125
    for own, given in ((Forgetful(0.1), {"rate": 0.1}), (Plain(3), {"speed": 3})):
        assert given.items() <= own.get_config().items()
        assert type(own).from_config(own.get_config()).get_config() == own.get_config()
    for lacking in (Forgetful(np.ones(2)), Plain(lambda step: 1.0)):
        with pytest.raises(NotImplementedError, match="write get_config"):
            lacking.get_config()
    with pytest.raises(fastnn.errors.ModelFileError, match=r"custom_objects=\{'Halves'"):
        schedules.deserialize(schedules.serialize(Halves()))


def test_a_rate_by_a_function_without_a_signature():
    """It is given the step."""
    chosen = optimizers.SGD(max)
    assert chosen.scheduled
    with pytest.raises(TypeError, match="iterable"):
        chosen.rate(3)


def test_base_options_are_checked():
    assert_odd_values_are_taken_or_refused(optimizers.Optimizer, {})
