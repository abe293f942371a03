"""Layers of sequences beside Keras's: masks, states, tables of vectors; outputs and gradients."""

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

KINDS = ["SimpleRNN", "LSTM", "GRU"]


def gapped(rng, *shape):
    """Return numbers with steps of zeros, some at the beginning and the end."""
    x = rng.normal(size=shape)
    x[rng.random(shape[:2]) < 0.4] = 0
    return x


def drawn(name, seed):
    """Return options of a recurrent layer, drawn from the seed."""
    rng = np.random.default_rng(seed)
    options = {
        "units": int(rng.integers(1, 30)),
        "use_bias": bool(seed % 4),
        "return_sequences": bool(seed % 2),
        "zero_output_for_mask": seed % 5 == 3,
        "activation": ["tanh", "sigmoid", "relu", "linear"][seed // 2 % 4],
    }
    if name != "SimpleRNN":
        options["recurrent_activation"] = ["sigmoid", "tanh"][seed // 5 % 2]
    if name == "GRU":
        options["reset_after"] = bool(seed // 2 % 2)
    return tuple(int(n) for n in rng.integers(1, 9, 2)), options


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(30))
def test_masks(beside, name, seed):
    """The output of a layer behind a mask, in both directions, and of one behind that."""
    (time, features), options = drawn(name, seed)
    options["go_backwards"] = seed % 3 == 1 and not options["return_sequences"]

    def build(m, given):
        x = m.Input((time, features), **given)
        y = getattr(m.layers, name)(**options)(m.layers.Masking()(x))
        if options["return_sequences"]:
            y = m.layers.GRU(3)(m.layers.Dense(4)(y))
        return m.Model(x, y)

    rng = np.random.default_rng(seed)
    x = gapped(rng, 5, time, features)
    beside(build, x, seed)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(10))
def test_states(beside, name, seed):
    """An encoder whose states a decoder begins with; the outputs and states of both."""
    (time, features), options = drawn(name, seed)
    options |= {"return_state": True, "go_backwards": seed % 3 == 1}
    units = options["units"]

    def build(m, given):
        first, second = m.Input((time, features), **given), m.Input((3, 2), **given)
        state = m.layers.Dense(units, "tanh")(m.layers.Flatten()(second))
        kind = getattr(m.layers, name)
        states = [state, state] if name == "LSTM" else [state]
        _, *states = kind(**options)(first, initial_state=states)
        y, *ends = kind(**options)(second, initial_state=states)
        return m.Model([first, second], [y, *ends])

    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(5, time, features)), rng.normal(size=(5, 3, 2))]
    losses = 3 if name == "LSTM" else 2
    beside(build, x, seed, losses=losses, rtol=1e-10)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_masks_in_float32(beside, name, seed):
    (time, features), options = drawn(name, seed)

    def build(m, given):
        x = m.Input((time, features), **given)
        return m.Model(x, getattr(m.layers, name)(**options)(m.layers.Masking()(x)))

    x = gapped(np.random.default_rng(seed), 5, time, features)
    beside(build, x, seed, dtype="float32", rtol=2e-5)


@pytest.mark.parametrize("seed", range(30))
def test_embedding(beside, seed):
    """Vectors and their gradients, with and without a mask, through layers that pass it on."""
    rng = np.random.default_rng(seed)
    count, size, time = (int(n) for n in rng.integers(2, 20, 3))

    def build(m, given):
        ids = m.Input((time,), dtype="int32")
        table = m.layers.Embedding(count, size, mask_zero=bool(seed % 2), dtype="float64")
        y = m.layers.Activation("tanh", dtype="float64")(table(ids))
        return m.Model(ids, m.layers.LSTM(3, dtype="float64")(y))

    x = rng.integers(0, count, (5, time))
    beside(build, x, seed)


@pytest.mark.parametrize("kind", ["Add", "Average", "Subtract"])
def test_masks_of_merged_sequences(beside, kind):
    def build(m, given):
        a, b = (m.Input((6,), dtype="int32") for _ in "ab")
        parts = [m.layers.Embedding(5, 3, mask_zero=True, dtype="float64")(x) for x in (a, b)]
        y = getattr(m.layers, kind)(dtype="float64")(parts)
        return m.Model([a, b], m.layers.GRU(4, dtype="float64")(y))

    rng = np.random.default_rng(0)
    beside(build, [rng.integers(0, 5, (7, 6)) for _ in "ab"], 0)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave"])
def test_both_directions(beside, name, mode):
    """Steps that a mask leaves out, then the last states of both; weights in one order."""

    def build(m, given):
        x = m.Input((6, 2), **given)
        kind, both = getattr(m.layers, name), m.layers.Bidirectional
        y = both(kind(4, return_sequences=True), merge_mode=mode)(m.layers.Masking()(x))
        return m.Model(x, both(kind(3), merge_mode=mode)(y))

    beside(build, gapped(np.random.default_rng(0), 5, 6, 2), 0)


def test_steps_and_repeated_vectors(beside):
    def build(m, given):
        x = m.Input((3, 5, 5, 2), **given)
        y = m.layers.TimeDistributed(m.layers.Conv2D(3, 3, activation="tanh"))(x)
        y = m.layers.TimeDistributed(m.layers.Dense(4))(
            m.layers.TimeDistributed(m.layers.Flatten())(y)
        )
        return m.Model(x, m.layers.GRU(3)(m.layers.RepeatVector(4)(m.layers.GRU(5)(y))))

    beside(build, np.random.default_rng(0).normal(size=(4, 3, 5, 5, 2)), 0)


def own_cell(m):
    """Return a cell composed of operations, with two states and an output of another size."""

    class Cell(m.layers.Layer):
        def __init__(self, units, **options):
            super().__init__(**options)
            self.units, self.state_size, self.output_size = units, [units, 2], units + 2

        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight((self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            h = m.ops.tanh(
                m.ops.matmul(inputs, self.kernel) + m.ops.matmul(states[0], self.recurrent)
            )
            c = states[1] + m.ops.sum(h, axis=-1, keepdims=True)
            return m.ops.concatenate([h, c], axis=-1), [h, c]

    return Cell


@pytest.mark.parametrize("kind", ["SimpleRNNCell", "LSTMCell", "GRUCell", "stacked", "own"])
@pytest.mark.parametrize("seed", range(30))
def test_cells(beside, kind, seed):
    """Cells of every kind, outputs and states of one walk, which another one begins with."""
    rng = np.random.default_rng(seed)
    time, features, units, more = (int(n) for n in rng.integers(1, 8, 4))
    backwards, sequences = seed % 3 == 1, bool(seed % 2)
    options = {"return_state": True, "go_backwards": backwards, "return_sequences": sequences}
    turned = backwards and sequences  # whose mask Keras does not turn
    masked = kind not in ("own", "stacked") and seed % 5 == 0 and not turned

    def cell(m):
        la = m.layers
        if kind == "own":
            return own_cell(m)(units)
        if kind == "stacked":
            return la.StackedRNNCells([la.LSTMCell(units), la.GRUCell(more), la.SimpleRNNCell(2)])
        return getattr(la, kind)(units, use_bias=bool(seed % 4))

    def build(m, given):
        x = m.Input((time, features), **given)
        layer = m.layers.RNN(cell(m), **options)
        y, *states = layer(m.layers.Masking()(x) if masked else x)
        z, *_ = layer(x, initial_state=states)
        flat = [s for each in states for s in (each if isinstance(each, list | tuple) else [each])]
        return m.Model(x, [y, z, *flat])

    losses = 2 + {"LSTMCell": 2, "stacked": 4, "own": 2}.get(kind, 1)
    beside(build, gapped(rng, 5, time, features), seed, losses=losses, rtol=1e-10)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_masked_sequence_and_its_loss(keras, name, seed):
    """Losses of each step, of which those that are left out do not count: value, gradient, fit."""
    rng = np.random.default_rng(seed)
    time, features = (int(n) for n in rng.integers(2, 7, 2))
    x, y = gapped(rng, 12, time, features), rng.normal(size=(12, time, 2))
    models = []
    for m, dtype in ((fastnn, "float64"), (keras, "float64")):
        layer = getattr(m.layers, name)(4, return_sequences=True)
        shape = m.Input((time, features), dtype=dtype)
        model = m.Sequential([shape, m.layers.Masking(), layer, m.layers.Dense(2)])
        model.compile(m.optimizers.SGD(0.3), "mse")
        models.append(model)
    for model in models:
        start = np.random.default_rng(seed)
        model.set_weights([start.normal(size=w.shape) / 2 for w in model.get_weights()])
    values = [model.evaluate(x, y, batch_size=12, verbose=0) for model in models]
    assert abs(values[0] - values[1]) <= 1e-6 * values[1]  # the peer's means are float32
    for model in models:
        model.train_on_batch(x, y)
    assert_alike(*models)
    one = [m.fit(x, y, batch_size=12, epochs=4, shuffle=False, verbose=0) for m in models]
    for ours, theirs in zip(*(each.history["loss"] for each in one), strict=True):
        assert abs(ours - theirs) <= 1e-6 * theirs
    assert_alike(*models)


def assert_alike(ours, theirs):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.abs(a - b).max() <= 1e-10 * max(np.abs(b).max(), 1e-3)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_states_from_batch_to_batch(keras, name, seed):
    """A model whose batches go on where others ended, beside one that is handed the states: on jax
    the peer's ``stateful=True`` forgets them in ``fit`` and ``predict``."""
    rng = np.random.default_rng(seed)
    rows, time, features, units = (int(n) for n in rng.integers(2, 6, 4))
    x, y = gapped(rng, 3 * rows, time, features), rng.normal(size=(3 * rows, 2))
    options = {"go_backwards": seed % 3 == 0}
    given = fastnn.Input(batch_shape=(rows, time, features), dtype="float64")
    layer = getattr(fastnn.layers, name)(units, stateful=True, **options)
    parts = [layer, fastnn.layers.Dense(2)]
    ours = fastnn.Sequential([given, *([fastnn.layers.Masking()] if seed % 2 else []), *parts])
    inputs = [keras.Input((time, features), dtype="float64")]
    inputs += [keras.Input((units,), dtype="float64") for _ in layer.states]
    steps = keras.layers.Masking()(inputs[0]) if seed % 2 else inputs[0]
    walk = getattr(keras.layers, name)(units, return_state=True, **options)
    mask = {"mask": keras.ops.any(inputs[0] != 0, -1)} if seed % 2 else {}
    last, *states = walk(steps, initial_state=inputs[1:], **mask)
    theirs = keras.Model(inputs, keras.layers.Dense(2)(last))
    after = keras.Model(inputs, states)
    for m, model in ((fastnn, ours), (keras, theirs)):
        model.compile(m.optimizers.SGD(0.3), "mse")
        start = np.random.default_rng(seed)
        model.set_weights([start.normal(size=w.shape) / 2 for w in ours.get_weights()])
    batches = [slice(i, i + rows) for i in range(0, 3 * rows, rows)]
    known = [np.zeros((rows, units)) for _ in states]
    for batch in batches:
        predicted = theirs.predict([x[batch], *known], verbose=0)
        known = after.predict([x[batch], *known], verbose=0)
        known = known if isinstance(known, list) else [known]
        assert np.abs(ours.predict(x[batch]) - predicted).max() <= 1e-11
    losses = []
    for batch in batches:
        following = after.predict([x[batch], *known], verbose=0)
        losses.append(theirs.train_on_batch([x[batch], *known], y[batch]))
        known = following if isinstance(following, list) else [following]
    history = ours.fit(x, y, shuffle=False, verbose=0).history
    assert abs(history["loss"][0] - np.mean(losses)) <= 1e-6 * np.mean(losses)
    assert_alike(ours, theirs)
    for state, expected in zip(layer.states, known, strict=True):
        assert np.abs(state.numpy() - expected).max() <= 1e-10


@pytest.mark.parametrize("seed", range(30))
def test_both_directions_of_any_shape(beside, seed):
    """Masks, states, every way to merge, layers and cells."""
    rng = np.random.default_rng(seed)
    time, features, units = (int(n) for n in rng.integers(1, 8, 3))
    mode = ["concat", "sum", "mul", "ave"][seed % 4]
    every = bool(seed // 2 % 2)

    def build(m, given):
        x = m.Input((time, features), **given)
        seen = m.layers.Masking()(x) if seed % 3 else x
        if seed % 5 == 4:
            layer = m.layers.RNN(m.layers.GRUCell(units), return_sequences=every)
        else:
            kind = getattr(m.layers, KINDS[seed % 3])
            layer = kind(units, return_sequences=every, use_bias=bool(seed % 4))
        return m.Model(x, m.layers.Bidirectional(layer, merge_mode=mode)(seen))

    beside(build, gapped(rng, 5, time, features), seed)


#: layers of a step, made of the module's, the sizes of the step and a number
OF_STEPS = {
    "Dense": (2, lambda la, n: la.Dense(n, "tanh")),
    "Conv1D": (2, lambda la, n: la.Conv1D(n, 2, padding="same")),
    "MaxPooling1D": (2, lambda la, n: la.MaxPooling1D(1 + n % 2)),
    "Flatten": (3, lambda la, n: la.Flatten()),
    "LSTM": (2, lambda la, n: la.LSTM(n)),
    "Conv2D": (3, lambda la, n: la.Conv2D(n, 2, padding="same", activation="relu")),
}


@pytest.mark.parametrize("kind", OF_STEPS)
@pytest.mark.parametrize("seed", range(30))
def test_steps_of_any_shape(beside, kind, seed):
    """Each step by itself, behind layers with weights, and vectors that are repeated."""
    rng = np.random.default_rng(seed)
    rank, make = OF_STEPS[kind]
    time, n, *step = (int(k) for k in rng.integers(1, 6, 2 + rank))
    step[0] += 1  # so that pools fit

    def build(m, given):
        x = m.Input((time, *step), **given)
        y = m.layers.TimeDistributed(make(m.layers, n))(m.layers.Dense(step[-1], "tanh")(x))
        flat = m.layers.Dense(3)(m.layers.Flatten()(y))
        return m.Model(x, m.layers.RepeatVector(n)(flat))

    beside(build, rng.normal(size=(4, time, *step)), seed, rtol=1e-10)
