"""Optimizers: their update rules, step by step, against the formulas in NumPy; their options."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, optimizers
from fastnn.layers import Dense
from fastnn.optimizers import schedules

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


def amsgrad(rate, g, t, state):
    state["m"] = m = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = v = 0.5 * state.get("v", 0) + 0.5 * g**2
    state["x"] = x = np.maximum(state.get("x", 0), v)
    return -rate * np.sqrt(1 - 0.5**t) / (1 - 0.9**t) * m / (np.sqrt(x) + 1e-7)


def adamax(rate, g, t, state):
    state["m"] = m = 0.9 * state.get("m", 0) + 0.1 * g
    state["u"] = u = np.maximum(0.999 * state.get("u", 0), np.abs(g))
    return -rate / (1 - 0.9**t) * m / (u + 1e-7)


def nadam(rate, g, t, state):
    mu = [0.9 * (1 - 0.5 * 0.96**n) for n in range(1, t + 2)]
    state["m"] = m = 0.9 * state.get("m", 0) + 0.1 * g
    state["v"] = v = 0.999 * state.get("v", 0) + 0.001 * g**2
    ahead = mu[t] * m / (1 - np.prod(mu)) + (1 - mu[t - 1]) * g / (1 - np.prod(mu[:t]))
    return -rate * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)


def lion(rate, g, t, state):
    m = state.get("m", 0)
    state["m"] = 0.99 * m + 0.01 * g
    return -rate * np.sign(0.9 * m + 0.1 * g)


def adagrad(rate, g, t, state):
    state["a"] = a = state.get("a", 0.1) + g**2
    return -rate * g / np.sqrt(a + 1e-7)


def adadelta(rate, g, t, state):
    state["a"] = a = 0.95 * state.get("a", 0) + 0.05 * g**2
    change = g * np.sqrt(state.get("d", 0) + 1e-7) / np.sqrt(a + 1e-7)
    state["d"] = 0.95 * state.get("d", 0) + 0.05 * change**2
    return -rate * change


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
    "amsgrad": (lambda: optimizers.Adam(0.01, beta_2=0.5, amsgrad=True), amsgrad),
    "adamax": (lambda: optimizers.Adamax(0.01), adamax),
    "nadam": (lambda: optimizers.Nadam(0.01), nadam),
    "adagrad": (lambda: optimizers.Adagrad(0.1), adagrad),
    "adadelta": (lambda: optimizers.Adadelta(1.0), adadelta),
    "lion": (lambda: optimizers.Lion(0.01), lion),
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


@pytest.mark.parametrize(
    ("name", "dtype", "rtol"),
    [
        *((name, "float64", 1e-12) for name in CASES),
        # the sign of a gradient that vanishes depends on its rounding
        *((name, "float32", 2e-5) for name in CASES if name != "lion"),
    ],
)
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


def lamb(rate, w, g, t, state):
    m, v = state.get("m", 0), state.get("v", 0)
    state["m"], state["v"] = m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g**2
    u = m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
    norms = np.linalg.norm(w), np.linalg.norm(u)
    return -rate * (norms[0] / norms[1] if all(norms) else 1) * u


def adafactor(rate, w, g, t, state):
    gain, square = t**-0.7, g**2 + 1e-6

    def follow(name, axis):
        mean = square.mean(axis, keepdims=True) if axis else square
        state[name] = state.get(name, 0) + gain * (mean - state.get(name, 0))
        return state[name]

    v = follow("r", -1) * follow("c", -2) if g.ndim > 1 else follow("v", None)
    v = v / state["r"].mean(-2, keepdims=True) if g.ndim > 1 else v
    u = g / np.sqrt(v)
    size, excess = (np.sqrt((each**2).mean()) for each in (w, u))
    return -min(rate, t**-0.5) * max(0.01, size) * u / max(1, excess / 0.5)


@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-11), ("float32", 2e-5)])
@pytest.mark.parametrize(
    ("chosen", "rule"),
    [
        (optimizers.Lamb(0.01, 0.8, 0.9, 1e-3), lamb),
        (optimizers.Adafactor(0.3, -0.7, 1e-6, 0.01, 0.5), adafactor),
    ],
)
def test_rules_by_weight_are_the_formula(chosen, rule, dtype, rtol):
    """A matrix, and a vector that is 0 at first."""
    model = linear(chosen, dtype)
    weights = [w.astype(float) for w in model.get_weights()]
    states = [{}, {}]
    for step in range(30):
        updates = [
            rule(chosen.learning_rate, w, g, step + 1, state)
            for w, g, state in zip(weights, gradients(*weights), states, strict=True)
        ]
        weights = [w + update for w, update in zip(weights, updates, strict=True)]
        model.fit(X, Y, batch_size=6, verbose=0)
    for got, want in zip(model.get_weights(), weights, strict=True):
        assert np.allclose(got, want, rtol=rtol, atol=rtol)


def test_adafactor_remembers_no_more_than_a_weight_is_large():
    """Rows and columns share one slot, whatever the shape; those of one row are not factored."""
    for shape in ((2, 2), (1, 16), (16, 1), (2, 17), (3, 2, 2)):
        model = Sequential([Input((3,)), Own(shape)])
        model.compile(optimizers.Adafactor(0.1), "mse")
        model.fit(X, X[:, 0], epochs=2, verbose=0)
        (slot,) = model.optimizer.variables[1:]
        rows, columns = shape[-2:]
        used = (rows + columns) * (np.prod(shape[:-2], dtype=int)) if min(rows, columns) > 1 else 16
        assert slot.shape == shape
        assert np.count_nonzero(slot.numpy()) == used


class Own(fastnn.layers.Layer):
    """The sum of a weight of any shape, in each row."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.of = shape

    def build(self, input_shape):
        self.weight = self.add_weight(self.of, "he_normal", name="weight")

    def call(self, x):
        return fastnn.ops.sum(x, axis=-1, keepdims=True) * fastnn.ops.sum(self.weight)


def test_an_optimizer_says_its_rate():
    assert repr(optimizers.Adam(0.01)) == "<Adam learning_rate=0.01>"
    decaying = optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert repr(optimizers.SGD(decaying)) == "<SGD learning_rate=ExponentialDecay>"


def test_what_is_remembered_can_be_looked_at_and_carried_over():
    model = linear(optimizers.Nadam(0.1))
    model.fit(X, Y, batch_size=2, verbose=0)
    iteration, product, kernel, *rest = model.optimizer.variables
    assert (iteration.numpy(), iteration.shape, iteration.path) == (3, (), "iteration")
    assert 0 < product.numpy() < 1
    assert kernel.path == f"{model.layers[0].name}/kernel/slot0"
    assert [v.shape for v in rest] == [(2,), (3, 2), (2,)]
    store = {}
    model.optimizer.save_own_variables(store)
    again = linear(optimizers.Nadam(0.1))
    again.set_weights(model.get_weights())
    again.optimizer.load_own_variables(store)
    assert again.optimizer.iterations == 3
    for each in (model, again):
        each.fit(X, Y, shuffle=False, verbose=0)
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))
    assert not np.array_equal(kernel.numpy(), store["2"])  # a live view


def test_variables_of_another_optimizer_are_refused():
    assert optimizers.Adam().variables == []
    model, store = linear(optimizers.Adam(0.1)), {}
    model.fit(X, Y, verbose=0)
    linear(optimizers.SGD(0.1)).optimizer.save_own_variables(store)
    before = [v.numpy().tobytes() for v in model.optimizer.variables]
    with pytest.raises(
        fastnn.errors.ShapeError, match=r"expected the 5 variables .* got 1; compile"
    ):
        model.optimizer.load_own_variables(store)
    model.optimizer.save_own_variables(store)
    with pytest.raises(fastnn.errors.ShapeError, match="kernel/slot1"):
        model.optimizer.load_own_variables({**store, "0": 7, "3": np.zeros(3)})
    assert [v.numpy().tobytes() for v in model.optimizer.variables] == before


@pytest.mark.parametrize("name", CASES)
def test_config_round_trip(name):
    made = CASES[name][0]()
    again = optimizers.get(optimizers.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()


EVERY = [
    *optimizers.CLASSES.values(),
    lambda **o: optimizers.SGD(0.01, momentum=0.9, **o),
    lambda **o: optimizers.Adam(amsgrad=True, **o),
    lambda **o: optimizers.RMSprop(momentum=0.5, centered=True, **o),
]
OPTIONS = {
    "none": {},
    "weight_decay": {"weight_decay": 0.1},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "ema": {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    "accumulation": {"gradient_accumulation_steps": 3},
    "schedule": {"learning_rate": schedules.CosineDecay(0.1, 20)},
    "decay": {"decay": 0.1},
}


def trained(model, epochs=2, **options):
    model.fit(X, Y, batch_size=2, epochs=epochs, verbose=0, **options)
    return [w.tobytes() for w in model.get_weights()]


def with_options(make, name):
    options = dict(OPTIONS[name])
    chosen = make(**{k: v for k, v in options.items() if k != "learning_rate"})
    if "learning_rate" in options:
        chosen.learning_rate = options["learning_rate"]
    return chosen


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("make", EVERY)
def test_stopping_and_going_on_from_a_file_changes_no_bit(make, option, tmp_path):
    """All that an optimizer remembers, its count of steps and its options are in the file."""
    models = [linear(with_options(make, option), "float32") for _ in range(2)]
    for model in models:
        trained(model, 3)
    models[1].save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert again.optimizer.get_config() == models[0].optimizer.get_config()
    assert trained(again) == trained(models[0])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("make", [optimizers.SGD, optimizers.Nadam])
def test_the_reference_does_the_same(make, option):
    results = []
    for eager in (False, True):
        model = linear(with_options(make, option))
        model.compile(model.optimizer, "mse", run_eagerly=eager)
        model.fit(X, Y, batch_size=2, epochs=3, verbose=0)
        results.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    assert np.allclose(*results, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("option", ["ema", "accumulation", "global_clipnorm"])
def test_threads_change_no_bit_where_operations_are_left_out(option):
    x = np.random.default_rng(1).normal(size=(256, 300)).astype("float32")
    results, threads = [], fastnn.get_num_threads()
    try:
        for count in (1, 2, 3):
            fastnn.set_num_threads(count)
            fastnn.set_seed(0)
            model = Sequential([Input((300,)), Dense(400, "relu"), Dense(300)])
            model.compile(with_options(optimizers.Adam, option), "mse")
            model.fit(x, x, batch_size=64, epochs=3, verbose=0)
            results.append([w.tobytes() for w in model.get_weights()])
    finally:
        fastnn.set_num_threads(threads)
    assert results[0] == results[1] == results[2]


def test_gradients_of_several_batches_make_one_update():
    whole, parts = (
        linear(optimizers.Adam(0.1)),
        linear(optimizers.Adam(0.1, gradient_accumulation_steps=3)),
    )
    whole.fit(X, Y, batch_size=6, epochs=4, shuffle=False, verbose=0)
    parts.fit(X, Y, batch_size=2, epochs=4, shuffle=False, verbose=0)
    assert all(map(np.allclose, whole.get_weights(), parts.get_weights()))
    assert parts.optimizer.iterations == 4


def test_clipping_holds_gradients_down():
    for options, norm in (
        ({"clipnorm": 0.5}, lambda g: max(np.linalg.norm(each) for each in g)),
        ({"clipvalue": 0.5}, lambda g: max(np.abs(each).max() for each in g)),
        (
            {"global_clipnorm": 0.5},
            lambda g: np.linalg.norm(np.concatenate(list(map(np.ravel, g)))),
        ),
    ):
        model = linear(optimizers.SGD(1.0, **options))
        before = model.get_weights()
        model.train_on_batch(X, 100 * Y)
        steps = [b - a for a, b in zip(model.get_weights(), before, strict=True)]
        assert norm(steps) == pytest.approx(0.5)
        small = linear(optimizers.SGD(1.0, **dict.fromkeys(options, 1000000000.0)))
        plain = linear(optimizers.SGD(1.0))
        for each in (small, plain):
            each.train_on_batch(X, Y)
        assert all(map(np.allclose, small.get_weights(), plain.get_weights()))


def test_weights_decay_but_those_that_are_spared():
    chosen = optimizers.SGD(0.5, weight_decay=0.1)
    chosen.exclude_from_weight_decay(var_names=["bias"])
    model = linear(chosen)
    model.set_weights([np.ones((3, 2)), np.ones(2)])
    plain = linear(optimizers.SGD(0.5))
    plain.set_weights([np.ones((3, 2)), np.ones(2)])
    for each in (model, plain):
        each.train_on_batch(X, Y)
    kernels, biases = zip(model.get_weights(), plain.get_weights(), strict=True)
    assert np.allclose(kernels[0], kernels[1] - 0.05)
    assert np.array_equal(*biases)
    with pytest.raises(ValueError, match="comes before training"):
        chosen.exclude_from_weight_decay(var_names=["kernel"])


def test_a_single_weight_is_spared_the_decay():
    chosen = optimizers.SGD(0.0, weight_decay=0.1)
    model = linear(chosen)
    chosen.exclude_from_weight_decay(var_list=[model.layers[0].kernel])
    assert [chosen.decays(v) for v in model.weights] == [False, True]
    assert not optimizers.SGD().decays(model.weights[0])


# ---- the rate ------------------------------------------------------------------------------------


def unit_slope(optimizer):
    """A model whose only weight has a gradient of 1: the penalty of a positive weight."""
    fastnn.set_seed(0)
    layer = Dense(1, use_bias=False, kernel_regularizer=fastnn.regularizers.L1(1.0))
    model = Sequential([Input((1,)), fastnn.layers.Dropout(0.0), layer], dtype="float64")
    model.compile(optimizer, "mse")
    layer.set_weights([[[1000.0]]])
    return model


def rates_of(optimizer, steps, **options):
    model = unit_slope(optimizer)
    x = np.zeros((steps, 1))
    places = []

    class Watch(fastnn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            places.append(float(self.model.get_weights()[0][0, 0]))

    before = [float(model.get_weights()[0][0, 0])]
    every = [Watch(), *options.pop("callbacks", [])]
    model.fit(x, x, batch_size=1, verbose=0, callbacks=every, **options)
    return -np.diff(before + places)


def test_the_notes_decay_is_exactly_half_at_step_100():
    chosen = optimizers.SGD(0.5, decay=0.01)
    assert chosen.rate(100) == 0.25
    rates = rates_of(chosen, 120)
    assert np.allclose(rates, 0.5 / (1 + 0.01 * np.arange(120)), rtol=1e-9)
    assert chosen.learning_rate == 0.5
    assert chosen.get_config()["decay"] == 0.01


@pytest.mark.parametrize("by_batches", [False, True])
def test_a_compiled_epoch_of_many_steps_follows_the_schedule(by_batches):
    """More steps than there are rates in the table."""
    steps = 3000
    model = unit_slope(optimizers.SGD(schedules.InverseTimeDecay(0.5, 1, 0.01)))
    x = np.zeros((steps, 1))
    callbacks = [fastnn.callbacks.LambdaCallback(on_train_batch_end=lambda *_: None)]
    model.fit(x, x, batch_size=1, verbose=0, callbacks=callbacks if by_batches else None)
    moved = 1000 - model.get_weights()[0][0, 0]
    assert moved == pytest.approx(np.sum(0.5 / (1 + 0.01 * np.arange(steps))), rel=1e-9)
    assert model.optimizer.learning_rate == pytest.approx(0.5 / 31)
    assert model.optimizer.iterations == steps


def test_functions_of_the_step_are_schedules():
    for function in (lambda step: 0.25 / (step + 1), Halving()):
        rates = rates_of(optimizers.SGD(function), 5)
        assert np.allclose(rates, [function(step) for step in range(5)])
    assert np.allclose(rates_of(optimizers.SGD(lambda: 0.125), 3), 0.125)


class Halving(schedules.LearningRateSchedule):
    def __init__(self, first=1.0):
        self.first = first

    def __call__(self, step):
        return self.first / 2**step

    def get_config(self):
        return {"first": self.first}


def test_a_rate_can_be_assigned_at_any_time():
    chosen = optimizers.SGD(schedules.ExponentialDecay(0.5, 1, 0.5))

    def assign(batch, logs=None):
        if batch == 3:
            chosen.learning_rate = 0.125

    hook = fastnn.callbacks.LambdaCallback(on_train_batch_begin=assign)
    rates = rates_of(chosen, 6, callbacks=[hook])
    assert np.allclose(rates, [0.5, 0.25, 0.125, 0.125, 0.125, 0.125])
    model = unit_slope(optimizers.SGD(0.5))
    model.optimizer.learning_rate = Halving()
    model.fit(np.zeros((4, 1)), np.zeros((4, 1)), batch_size=1, verbose=0)
    assert model.get_weights()[0][0, 0] == pytest.approx(1000 - 1.875)


def test_a_rate_counts_again_after_a_schedule_in_between():
    model, x = unit_slope(optimizers.SGD(0.5)), np.zeros((4, 1))
    for rate, falls in ((0.5, 0.5), (Halving(), 0.9375), (0.5, 0.5)):
        before = model.get_weights()[0][0, 0]
        model.optimizer.learning_rate = rate
        model.fit(x, x, batch_size=4 if rate == 0.5 else 1, verbose=0)
        assert before - model.get_weights()[0][0, 0] == pytest.approx(falls)


def test_schedules_in_configs():
    for schedule in (
        schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2, 0.3]),
        schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=3),
        schedules.CosineDecayRestarts(0.1, 10, 1.5, 0.5, 0.1),
        schedules.PolynomialDecay(0.1, 10, cycle=True),
        schedules.InverseTimeDecay(0.1, 10, 0.5),
    ):
        again = optimizers.get(optimizers.serialize(optimizers.Adam(schedule)))
        assert [again.rate(n) for n in range(40)] == [schedule(n) for n in range(40)]
    description = optimizers.serialize(optimizers.Adam(Halving(0.5)))
    again = optimizers.deserialize(description, {"Halving": Halving})
    assert again.rate(1) == 0.25
    with pytest.raises(ValueError, match="a function, which a config cannot"):
        optimizers.Adam(lambda step: 0.1).get_config()


def test_a_wave_that_shrinks_ends():
    schedule = schedules.CosineDecayRestarts(0.1, 10, t_mul=0.5, alpha=0.1)
    assert schedule(10_000) == pytest.approx(0.01)


def test_averages_are_what_evaluate_sees_after_fit():
    model = linear(optimizers.SGD(0.1, use_ema=True, ema_momentum=1.0))
    model.train_on_batch(X, Y)
    first = model.get_weights()
    model.fit(X, Y, epochs=3, verbose=0)
    assert all(map(np.array_equal, model.get_weights(), first))  # an average that never moves
    assert np.allclose(model.predict(X), X @ first[0] + first[1])


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: optimizers.SGD(lr=0.1), TypeError, "unknown argument lr; write learning_rate="),
        (lambda: optimizers.SGD(clipnorm=1, clipvalue=1), ValueError, "clipped one way"),
        (lambda: optimizers.SGD(clipnorm=0), ValueError, "clipnorm must be positive"),
        (lambda: optimizers.SGD(weight_decay=-1), ValueError, "weight_decay must be at least 0"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), ValueError, "must be 2 or more"),
        (lambda: optimizers.SGD(ema_momentum=2), ValueError, "ema_momentum must be in"),
        (
            lambda: optimizers.SGD(use_ema=True, ema_overwrite_frequency=0.5),
            TypeError,
            "ema_overwrite_frequency must be an integer",
        ),
        (lambda: optimizers.AdamW(weight_decay=None), ValueError, "weight_decay must be a number"),
        (lambda: optimizers.Lion(beta_1=0.0), ValueError, "beta_1 must be in"),
        (lambda: optimizers.Ftrl(learning_rate_power=1), ValueError, "must be 0 or less"),
        (lambda: optimizers.Ftrl(beta=-1), ValueError, "beta must be at least 0"),
        (lambda: optimizers.Adafactor(beta_2_decay=0.8), ValueError, r"in \[-1, 0\], got 0.8"),
        (
            lambda: optimizers.SGD(schedules.CosineDecay(0.1, 5), decay=0.1),
            ValueError,
            "leave it out",
        ),
        (lambda: optimizers.SGD("fast"), TypeError, "learning_rate must be a number"),
        (lambda: optimizers.SGD(lambda step: -1.0).rate(0), ValueError, "finite and >= 0"),
        (
            lambda: optimizers.Optimizer().lower(None, None, None, [], None),
            NotImplementedError,
            "w",
        ),
        (lambda: schedules.LearningRateSchedule()(0), NotImplementedError, "write __call__"),
        (lambda: schedules.CosineDecay(0.1, 0), ValueError, "decay_steps must be positive"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1]), ValueError, "one more than"),
        (lambda: schedules.PiecewiseConstantDecay([2, 1], [1, 2, 3]), ValueError, "must rise"),
    ],
)
def test_mistakes_are_explained(make, error, match):
    with pytest.raises(error, match=match) as caught:
        make()
    assert len(str(caught.value)) < 400


def test_names_classes_and_objects_are_understood():
    for cls in optimizers.CLASSES.values():
        assert type(optimizers.get(cls)) is cls
        assert type(optimizers.get(cls.__name__.lower())) is cls
    made = optimizers.SGD(0.3)
    assert optimizers.get(made) is made


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
