"""Optimizers beside Keras: trajectories of every rule and option, schedules, arguments."""

import inspect

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

RNG = np.random.default_rng(12)
X = RNG.normal(size=(37, 6))
Y = RNG.normal(size=(37, 4))

RULES = {
    "SGD": {},
    "SGD momentum": {"momentum": 0.9},
    "SGD nesterov": {"momentum": 0.9, "nesterov": True},
    "RMSprop": {},
    "RMSprop centered": {"centered": True, "momentum": 0.5, "epsilon": 1e-4},
    "Adagrad": {},
    "Adagrad start": {"initial_accumulator_value": 0.5, "epsilon": 1e-3},
    "Adadelta": {},
    "Adadelta options": {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4},
    "Adam": {},
    "Adam amsgrad": {"learning_rate": 0.05, "beta_2": 0.5, "amsgrad": True},
    "AdamW": {},
    # Keras's 1 - 0.999^t in float32 is off by 6e-5 of itself at first
    "AdamW options": {"learning_rate": 0.01, "weight_decay": 0.1, "amsgrad": True},
    "Adamax": {},
    "Adamax options": {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3},
    "Nadam": {},
    "Nadam options": {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3},
    "Lion": {},
    "Lion options": {"learning_rate": 0.003, "beta_1": 0.6, "beta_2": 0.8},
    "Ftrl": {"learning_rate": 0.1},
    "Ftrl options": {
        "learning_rate": 0.2,
        "learning_rate_power": -0.7,
        "initial_accumulator_value": 0.3,
        "l1_regularization_strength": 0.02,
        "l2_regularization_strength": 0.03,
        "l2_shrinkage_regularization_strength": 0.04,
        "beta": 0.1,
    },
    "Ftrl constant": {"learning_rate": 0.1, "learning_rate_power": 0.0},
    "Lamb": {},
    "Lamb options": {"learning_rate": 0.02, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3},
    "Adafactor": {"learning_rate": 0.05},
    "Adafactor options": {
        "learning_rate": 0.5,
        "beta_2_decay": -0.6,
        "epsilon_1": 1e-6,
        "epsilon_2": 0.5,
        "clip_threshold": 0.7,
        "relative_step": False,
    },
}

OPTIONS = {
    "weight_decay": {"weight_decay": 0.3},
    "clipnorm": {"clipnorm": 0.4},
    "clipvalue": {"clipvalue": 0.05},
    "global_clipnorm": {"global_clipnorm": 0.3},
    "ema": {"use_ema": True, "ema_momentum": 0.8},
    "ema overwrites": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 4},
    "loss scale": {"loss_scale_factor": 8.0},
    "everything": {
        "weight_decay": 0.2,
        "clipnorm": 0.4,
        "use_ema": True,
        "ema_momentum": 0.7,
        "ema_overwrite_frequency": 2,
        "gradient_accumulation_steps": 3,
    },
}


def net(m):
    return [m.layers.Dense(9, "tanh"), m.layers.Dense(4)]


def rows_of(step):
    return slice(step % 30, step % 30 + 7)


def rule(name):
    """What makes the optimizer of this name of either module."""
    return lambda m: getattr(m.optimizers, name.split()[0])(**RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_a_hundred_steps(pair, name):
    made = pair((6,), net, optimizer=rule(name))
    for step in range(100):
        ours = made.ours.train_on_batch(X[rows_of(step)], Y[rows_of(step)])
        theirs = float(made.theirs.train_on_batch(X[rows_of(step)], Y[rows_of(step)]))
        assert ours == pytest.approx(theirs, rel=1e-8)
        if step == 19:
            made.assert_same_weights(1e-9)
    made.assert_same_weights(1e-8)


def twenty_steps(made, rtol):
    """Take twenty steps, and compare all losses and the weights at the end."""
    for step in range(20):
        ours = made.ours.train_on_batch(X[rows_of(step)], Y[rows_of(step)])
        theirs = float(made.theirs.train_on_batch(X[rows_of(step)], Y[rows_of(step)]))
        assert ours == pytest.approx(theirs, rel=rtol)
    made.assert_same_weights(rtol)


@pytest.mark.parametrize("name", RULES)
def test_twenty_steps_in_float32(pair, float32, name):
    made = pair((6,), net, optimizer=rule(name))
    assert made.ours.get_weights()[0].dtype == made.theirs.get_weights()[0].dtype == np.float32
    twenty_steps(made, 1e-5)


@pytest.mark.parametrize("name", RULES)
def test_histories_of_fit_in_float32(pair, float32, name):
    made = pair((6,), net, optimizer=rule(name), metrics=["mae"])
    options = {"batch_size": 8, "epochs": 4, "shuffle": False, "verbose": 0}
    data = {"validation_data": (X[:9] + 0.5, Y[:9])}
    ours, theirs = (m.fit(X, Y, **options, **data).history for m in (made.ours, made.theirs))
    assert list(ours) == ["loss", "mae", "val_loss", "val_mae"]
    assert set(ours) == set(theirs)
    for key, values in theirs.items():
        assert ours[key] == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_all_in_float32(pair, float32, option):
    options = {"learning_rate": 0.01, **OPTIONS[option]}
    twenty_steps(pair((6,), net, optimizer=lambda m: m.optimizers.Adam(**options)), 1e-5)


class Conv:
    """Weights of four axes, of three, and matrices of one column."""

    shape = (6, 5, 2)

    @staticmethod
    def layers(m):
        known = m.layers
        return [
            *(known.Conv2D(3, 3, activation="tanh"), known.Flatten()),
            *(known.Dense(4, "tanh"), known.Dense(1)),
        ]


@pytest.mark.parametrize("name", [n for n in RULES if n.startswith(("Ada", "Lamb"))])
def test_weights_of_many_axes(pair, name):
    made = pair(Conv.shape, Conv.layers, optimizer=rule(name))
    x, y = RNG.normal(size=(9, *Conv.shape)), RNG.normal(size=(9, 1))
    for _ in range(20):
        ours = made.ours.train_on_batch(x, y)
        assert ours == pytest.approx(float(made.theirs.train_on_batch(x, y)), rel=1e-9)
    made.assert_same_weights(1e-9)


@pytest.mark.parametrize(
    ("rule", "option"),
    [
        *(("Adam", option) for option in OPTIONS),
        ("Lamb", "everything"),
        ("Adafactor", "everything"),
        ("SGD", "ema overwrites"),
        ("Nadam", "accumulation"),
        ("Nadam", "everything"),
    ],
)
def test_options_of_all(pair, rule, option):
    made = pair((6,), net, optimizer=lambda m: getattr(m.optimizers, rule)(0.05, **OPTIONS[option]))
    twenty_steps(made, 1e-9)


def test_weights_are_spared_the_decay(pair):
    def optimizer(m):
        chosen = m.optimizers.AdamW(0.05, weight_decay=0.5)
        chosen.exclude_from_weight_decay(var_names=["bias", "gamma"])
        return chosen

    made = pair((6,), net, optimizer=optimizer)
    for _ in range(20):
        made.ours.train_on_batch(X, Y)
        made.theirs.train_on_batch(X, Y)
    made.assert_same_weights(1e-9)


def test_averages_become_the_weights_when_fit_ends(pair):
    made = pair((6,), net, optimizer=lambda m: m.optimizers.Adam(0.05, use_ema=True))
    for model in (made.ours, made.theirs):
        model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    made.assert_same_weights(1e-9)


# ---- schedules -----------------------------------------------------------------------------------

SCHEDULES = {
    "ExponentialDecay": (0.1, 7, 0.6),
    "ExponentialDecay stairs": (0.1, 7, 0.6, True),
    "InverseTimeDecay": (0.1, 7, 0.6),
    "InverseTimeDecay stairs": (0.1, 7, 0.6, True),
    "PolynomialDecay": (0.1, 23, 0.01, 2.0),
    "PolynomialDecay cycle": (0.1, 23, 0.01, 0.5, True),
    "PiecewiseConstantDecay": ([5, 11, 40], [0.1, 0.05, 0.2, 0.01]),
    "CosineDecay": (0.1, 31, 0.1),
    "CosineDecay warm": (0.01, 31, 0.1, "CosineDecay", 0.2, 9),
    "CosineDecayRestarts": (0.1, 10),
    "CosineDecayRestarts options": (0.1, 10, 1.5, 0.7, 0.05),
    "CosineDecayRestarts alike": (0.1, 10, 1.0, 0.9),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(keras, name):
    ours, theirs = (
        getattr(m.optimizers.schedules, name.split()[0])(*SCHEDULES[name]) for m in (fastnn, keras)
    )
    for step in range(150):
        if name.startswith("CosineDecayRestarts") and step % 10 == 0:
            continue  # where a wave begins, Keras's logarithm may be on the other side
        assert ours(step) == pytest.approx(float(theirs(step)), rel=1e-6, abs=1e-9), step
    assert ours.get_config() == theirs.get_config()


@pytest.mark.parametrize("name", ["CosineDecay warm", "PiecewiseConstantDecay"])
@pytest.mark.parametrize("options", [{}, {"gradient_accumulation_steps": 3}])
def test_training_by_a_schedule(pair, name, options):
    def optimizer(m):
        schedule = getattr(m.optimizers.schedules, name.split()[0])(*SCHEDULES[name])
        return m.optimizers.SGD(schedule, momentum=0.5, **options)

    made = pair((6,), net, optimizer=optimizer)
    for model in (made.ours, made.theirs):
        model.fit(X, Y, batch_size=8, epochs=9, shuffle=False, verbose=0)
    made.assert_same_weights(1e-6)
    theirs = float(np.asarray(made.theirs.optimizer.learning_rate))
    assert made.ours.optimizer.learning_rate == pytest.approx(theirs, rel=1e-6)


# ---- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(fastnn.optimizers.CLASSES))
def test_arguments_defaults_and_configs(keras, name):
    ours, theirs = (getattr(m.optimizers, name) for m in (fastnn, keras))
    mine, keras_s = (inspect.signature(cls).parameters for cls in (ours, theirs))
    common = inspect.signature(fastnn.optimizers.Optimizer).parameters
    positional = [a for a in mine if mine[a].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert positional == list(keras_s)[: len(positional)]
    for argument, parameter in keras_s.items():
        known = mine.get(argument) or common.get(argument)
        if argument not in ("name", "kwargs"):
            assert known is not None, argument
            assert known.default == parameter.default, argument
    config, expected = ours().get_config(), theirs().get_config()
    assert set(config) == set(expected)
    for key in set(config) - {"name"}:
        assert config[key] == pytest.approx(expected[key]), key


@pytest.mark.parametrize("name", sorted(fastnn.optimizers.schedules.CLASSES))
def test_schedules_arguments_and_defaults(keras, name):
    ours, theirs = (getattr(m.optimizers.schedules, name) for m in (fastnn, keras))
    mine, keras_s = (inspect.signature(cls).parameters for cls in (ours, theirs))
    assert list(mine) == list(keras_s)
    assert [p.default for p in mine.values()] == [p.default for p in keras_s.values()]
