"""Optimizers: their update rules, step by step, against the formulas in NumPy; their options."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, optimizers
from fastnn.layers import Dense

X = np.random.default_rng(4).normal(size=(6, 3))
Y = X @ [[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]] + 0.5


def sgd(momentum, nesterov):
    def rule(rate, g, t, state):
        v = state.get("v", 0)
        state["v"] = v = momentum * v - rate * g
        if not momentum:
            return -rate * g
        return momentum * v - rate * g if nesterov else v

    return rule


def adam(beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    def rule(rate, g, t, state):
        state["m"] = m = beta_1 * state.get("m", 0) + (1 - beta_1) * g
        state["v"] = v = beta_2 * state.get("v", 0) + (1 - beta_2) * g**2
        rate *= np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        return -rate * m / (np.sqrt(v) + epsilon)

    return rule


def rmsprop(rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
    def rule(rate, g, t, state):
        state["v"] = v = rho * state.get("v", 0) + (1 - rho) * g**2
        state["a"] = a = rho * state.get("a", 0) + (1 - rho) * g
        step = rate * g / np.sqrt(v - centered * a**2 + epsilon)
        state["m"] = momentum * state.get("m", 0) + step
        return -state["m"]

    return rule


CASES = {
    "sgd": (lambda: optimizers.SGD(0.1), sgd(0, False)),
    "momentum": (lambda: optimizers.SGD(0.05, momentum=0.9), sgd(0.9, False)),
    "nesterov": (lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True), sgd(0.9, True)),
    "nesterov without momentum": (lambda: optimizers.SGD(0.05, nesterov=True), sgd(0, True)),
    "adam": (lambda: optimizers.Adam(0.01), adam()),
    "adam's options": (
        lambda: optimizers.Adam(0.02, beta_1=0.5, beta_2=0.9, epsilon=1e-3),
        adam(0.5, 0.9, 1e-3),
    ),
    "rmsprop": (lambda: optimizers.RMSprop(0.01), rmsprop()),
    "rmsprop with momentum": (
        lambda: optimizers.RMSprop(0.01, rho=0.8, momentum=0.7),
        rmsprop(0.8, 0.7),
    ),
    "rmsprop centered": (
        lambda: optimizers.RMSprop(0.01, centered=True, epsilon=1e-3),
        rmsprop(epsilon=1e-3, centered=True),
    ),
    "rmsprop's options": (
        lambda: optimizers.RMSprop(0.02, 0.5, 0.9, 1e-2, True),
        rmsprop(0.5, 0.9, 1e-2, True),
    ),
}


def linear(optimizer, dtype="float64"):
    fastnn.set_seed(3)
    model = Sequential([Input((3,)), Dense(2)], dtype=dtype)
    model.compile(optimizer, "mse")
    return model


def gradients(w, b):
    residual = 2 * (X @ w + b - Y) / Y.size
    return X.T @ residual, residual.sum(axis=0)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-5)])
def test_fifty_steps_are_the_formula(name, dtype, rtol):
    make, rule = CASES[name]
    model = linear(make(), dtype)
    rate = model.optimizer.learning_rate
    weights = [w.astype(float) for w in model.get_weights()]
    states = [{}, {}]
    for step in range(50):
        updates = [
            rule(rate, g, step + 1, state)
            for g, state in zip(gradients(*weights), states, strict=True)
        ]
        weights = [w + update for w, update in zip(weights, updates, strict=True)]
        model.fit(X, Y, batch_size=6, verbose=0)
    for got, want in zip(model.get_weights(), weights, strict=True):
        assert np.allclose(got, want, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", CASES)
def test_config_round_trip(name):
    made = CASES[name][0]()
    again = optimizers.get(optimizers.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()


def test_names_classes_and_objects_are_understood():
    for cls in optimizers.CLASSES.values():
        assert type(optimizers.get(cls)) is cls
        assert type(optimizers.get(cls.__name__.lower())) is cls
    made = optimizers.SGD(0.3)
    assert optimizers.get(made) is made


def test_defaults_are_keras_s():
    assert optimizers.SGD().get_config() == {
        "name": "SGD",
        "learning_rate": 0.01,
        "momentum": 0.0,
        "nesterov": False,
    }
    assert optimizers.Adam().get_config() == {
        "name": "adam",
        "learning_rate": 0.001,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-7,
    }
    assert optimizers.RMSprop().get_config() == {
        "name": "rmsprop",
        "learning_rate": 0.001,
        "rho": 0.9,
        "momentum": 0.0,
        "epsilon": 1e-7,
        "centered": False,
    }


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf")])
def test_a_rate_that_makes_no_sense_is_refused_and_the_old_one_stays(rate):
    made = optimizers.SGD(0.1)
    with pytest.raises(ValueError, match="learning_rate"):
        made.learning_rate = rate
    assert made.learning_rate == 0.1


def test_a_gradient_that_never_changes_has_no_negative_variance():
    """Its variance v - a^2 is 0 but for rounding, which is larger than epsilon."""
    model = Sequential([Input((67,)), Dense(1, use_bias=False)])
    model.compile(optimizers.RMSprop(0.0, rho=0.5, centered=True), "mse")
    model.fit(np.linspace(1, 333, 67)[None], [[1e6]], epochs=60, verbose=0)
    assert np.isfinite(model.get_weights()).all()


def test_compile_forgets_the_moments():
    once, again = linear(optimizers.Adam(0.1)), linear(optimizers.Adam(0.1))
    again.fit(X, Y, verbose=0)
    again.set_weights(once.get_weights())
    again.compile(optimizers.Adam(0.1), "mse")
    once.fit(X, Y, shuffle=False, verbose=0)
    again.fit(X, Y, shuffle=False, verbose=0)
    assert all(map(np.array_equal, once.get_weights(), again.get_weights()))


def test_one_optimizer_object_can_train_two_models():
    shared = optimizers.Adam(0.1)
    one, two = linear(shared), linear(shared)
    one.fit(X, Y, epochs=3, verbose=0)
    two.fit(X, Y, epochs=3, verbose=0)
    assert all(map(np.array_equal, one.get_weights(), two.get_weights()))
