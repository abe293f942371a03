"""Recurrent layers that go on where the batch before ended: states, who changes them, mistakes."""

import threading

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers, ops
from fastnn.errors import ConcurrentUseError, LabelError, ShapeError
from fastnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    GRUCell,
    Layer,
    LSTMCell,
    SimpleRNN,
    TimeDistributed,
)


class Total(Layer):
    """A cell that is called step by step."""

    state_size = 2

    def call(self, inputs, states):
        total = 0.5 * states[0] + inputs
        return total, [total]


#: makes a layer that returns all steps, with these options
KINDS = {
    "SimpleRNN": lambda **o: SimpleRNN(3, return_sequences=True, **o),
    "LSTM": lambda **o: LSTM(3, return_sequences=True, **o),
    "GRU": lambda **o: GRU(3, return_sequences=True, **o),
    "stacked": lambda **o: RNN([LSTMCell(4), GRUCell(3)], return_sequences=True, **o),
    "own": lambda **o: RNN(Total(), return_sequences=True, **o),
}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def data(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)


def halves(x):
    """Return the first halves of sequences, then the second ones, row by row."""
    return np.concatenate(np.split(x, 2, axis=1))


def kept(layer, rows=4, time=3, dtype="float32"):
    return Sequential([Input((time, 2), batch_size=rows), layer], dtype=dtype)


def with_weights_of(model, other):
    model.set_weights(other.get_weights())
    return model


# ---- states --------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("eager", [False, True])
def test_two_batches_are_the_halves_of_one(kind, eager):
    model, x = kept(kind(stateful=True)), data(4, 6, 2)
    whole = with_weights_of(Sequential([Input((6, 2)), kind()]), model)
    if eager:
        model.compile(loss="mse", run_eagerly=True)
        whole.compile(loss="mse", run_eagerly=True)
    got = model.predict(halves(x))
    expected = whole.predict(x)
    np.testing.assert_allclose(np.hstack(np.split(got, 2)), expected, rtol=1e-5, atol=1e-6)
    assert eager or np.array_equal(np.hstack(np.split(got, 2)), expected)
    again = model.predict(halves(x))
    assert not np.array_equal(again, got)
    model.reset_states()
    assert np.array_equal(model.predict(halves(x)), got)


@every_kind
def test_a_mask_leaves_states_as_they_are(kind):
    x = data(4, 6, 2)
    x[:, 2:5] = 0
    model = Sequential([Input((3, 2), batch_size=4), layers.Masking(), kind(stateful=True)])
    whole = Sequential([Input((6, 2)), layers.Masking(), kind()])
    with_weights_of(whole, model)
    got = np.concatenate(np.split(model.predict(halves(x)), 2), axis=1)
    assert np.array_equal(got, whole.predict(x))


def test_states_are_no_weights_and_begin_at_zero(tmp_path):
    layer = LSTM(3, stateful=True, name="lstm_x")
    model = kept(layer)
    assert len(model.get_weights()) == 3
    assert model.count_params() == 4 * 3 * (2 + 3 + 1)
    assert [state.shape for state in layer.states] == [(4, 3), (4, 3)]
    assert GRU(3).states is None
    assert model.kept_rows == 4
    x = data(4, 3, 2)
    first = model.predict(x)
    assert all(state.numpy().any() for state in layer.states)
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert again.get_config() == model.get_config()
    assert np.array_equal(again.predict(x), first)
    assert np.array_equal(
        with_weights_of(fastnn.models.clone_model(model), model).predict(x), first
    )
    layer.reset_state()
    assert not any(state.numpy().any() for state in layer.states)
    layer.states[0].assign(np.ones((4, 3)))
    assert (layer.states[0].numpy() == 1).all()
    assert repr(layer.states[0]) == "<State lstm_x/state0, shape=(4, 3), dtype=float32>"
    with pytest.raises(ShapeError, match=r"expected an array of shape \(4, 3\)"):
        layer.states[0].assign([1.0])


def functional(rows=4):
    x = Input(batch_shape=(rows, 3, 2))
    return Model(x, Dense(1)(GRU(3, stateful=True, name="gru")(x)))


def test_fit_evaluate_and_predict_carry_states_on(tmp_path):
    """Each of them begins with what the one before has left; so do batches given one by one."""
    x, y = data(8, 3, 2), data(8, 1)
    one, two = functional(), functional()
    one.save(tmp_path / "model")
    saved = fastnn.models.load_model(tmp_path / "model")
    assert saved.kept_rows == 4
    for model in (one, two):
        model.compile("sgd", "mse")
        model.set_weights(saved.get_weights())
    one.fit(x, y, shuffle=False, epochs=2, verbose=0)
    losses = [two.train_on_batch(x[i : i + 4], y[i : i + 4]) for i in (0, 4, 0, 4)]
    assert one.history.history["loss"][1] == pytest.approx(np.mean(losses[2:]), rel=1e-6)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(
        one.get_layer("gru").states[0].numpy(), two.get_layer("gru").states[0].numpy()
    )
    whole = one.evaluate(x, y, verbose=0)
    parts = [two.test_on_batch(x[i : i + 4], y[i : i + 4]) for i in (0, 4)]
    assert whole == pytest.approx(np.mean(parts), rel=1e-6)
    parts = [two.predict_on_batch(x[i : i + 4]) for i in (0, 4)]
    assert np.array_equal(one.predict(x), np.concatenate(parts))


def test_batches_of_a_stream_carry_states_on():
    x, y = data(8, 3, 2), data(8, 1)
    batches = [(x[:4], y[:4]), (x[4:], y[4:])]
    fastnn.set_seed(0)
    one, two = functional(), functional()
    two.set_weights(one.get_weights())
    for model, given in ((one, (x, y)), (two, (iter(batches),))):
        model.compile("sgd", "mse")
        model.fit(*given, shuffle=False, verbose=0)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(one.predict(x), two.predict(iter([(x[:4],), (x[4:],)])))
    with pytest.raises(ShapeError, match="each of the 4 rows"):
        one.fit(iter([(x, y)]), verbose=0)


def test_the_interpreter_trains_alike():
    x, y = data(8, 3, 2), data(8, 1)
    fastnn.set_seed(0)
    one, two = functional(), functional()
    two.set_weights(one.get_weights())
    for model, eager in ((one, False), (two, True)):
        model.compile("sgd", "mse", run_eagerly=eager)
        model.fit(x, y, shuffle=False, epochs=3, verbose=0)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(one.predict(x), two.predict(x), rtol=1e-4, atol=1e-5)


def test_threads_do_not_change_a_bit(monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    x, y, known = data(12, 3, 2), data(12, 1), []
    for threads in (1, 3):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        fastnn.set_seed(2)
        model = functional()
        model.compile("adam", "mse")
        model.fit(x, y, shuffle=False, epochs=2, verbose=0)
        known.append([a.tobytes() for a in [*model.get_weights(), model.predict(x)]])
    assert known[0] == known[1]


def test_validation_and_callbacks_carry_states_on_too():
    x, y = data(8, 3, 2), data(8, 1)
    seen = []
    model = functional()
    model.compile("sgd", "mse")
    look = fastnn.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.predict(x[:4]))
    )
    model.fit(x, y, validation_split=0.5, shuffle=False, epochs=2, verbose=0, callbacks=[look])
    assert len(seen) == 2
    model.fit(x, y, validation_data=(x[:4], y[:4]), steps_per_epoch=1, shuffle=False, verbose=0)


def test_gradients_do_not_reach_the_batch_before_and_looking_changes_nothing():
    model = Sequential(
        [Input((3, 2), batch_size=4), LSTM(3, stateful=True), Dense(2)], dtype="float64"
    )
    model.compile("sgd", "mse")
    x, y = data(4, 3, 2), data(4, 2)
    model.predict(x)
    before = [state.numpy() for state in model.layers[0].states]
    assert fastnn.gradcheck(model, x, y).ok
    model.diagnose(x, y)
    fastnn.grad(model)(x, y)
    model.explain(print_fn=lambda text: None)
    for state, old in zip(model.layers[0].states, before, strict=True):
        assert np.array_equal(state.numpy(), old)


def test_a_layer_that_is_called_twice_goes_on():
    layer = GRU(3, stateful=True)
    x = Input((3, 2), batch_size=4)
    model = Model(x, [layer(x), layer(x)])
    first, second = model.predict(data(4, 3, 2))
    plain = GRU(3, return_state=True)
    other = Input((3, 2))
    y, state = plain(other)
    pair = with_weights_of(Model(other, [y, plain(other, initial_state=state)[0]]), model)
    for got, want in zip((first, second), pair.predict(data(4, 3, 2)), strict=True):
        assert np.array_equal(got, want)
    assert np.array_equal(layer.states[0].numpy(), second)


def test_an_initial_state_is_taken_instead():
    layer = SimpleRNN(3, stateful=True)
    x, state = Input((3, 2), batch_size=4), Input((3,), batch_size=4)
    model = Model([x, state], layer(x, initial_state=state))
    given = [data(4, 3, 2), data(4, 3)]
    assert np.array_equal(model.predict(given), model.predict(given))


def test_both_directions_and_steps_of_steps():
    both = Bidirectional(LSTM(3, stateful=True))
    model, x = kept(both), data(4, 3, 2)
    assert both.stateful
    first = model.predict(x)
    assert not np.array_equal(model.predict(x), first)
    both.reset_states()
    assert np.array_equal(model.predict(x), first)
    inner = GRU(3, stateful=True, return_sequences=True)
    steps = Sequential([Input((2, 3, 2), batch_size=4), TimeDistributed(inner)])
    x = data(4, 2, 3, 2)
    whole = with_weights_of(Sequential([Input((6, 2)), GRU(3, return_sequences=True)]), steps)
    got = steps.predict(x).reshape(4, 6, 3)
    np.testing.assert_allclose(got, whole.predict(x.reshape(4, 6, 2)), rtol=1e-5, atol=1e-6)


def test_rows_one_by_one():
    model = kept(GRU(3, stateful=True), rows=1)
    x = data(1, 6, 2)
    parts = [model.predict_one(x[0, i : i + 3]) for i in (0, 3)]
    whole = with_weights_of(Sequential([Input((6, 2)), GRU(3)]), model)
    assert np.array_equal(parts[1], whole.predict(x)[0])
    model.reset_state()
    assert np.array_equal(model.predict(x[:, :3])[0], parts[0])
    with pytest.raises(ShapeError, match="each of the 4 rows"):
        kept(GRU(3, stateful=True)).predict_one(x[0, :3])


def test_a_layer_called_on_arrays_goes_on():
    layer, x = GRU(3, stateful=True), data(4, 3, 2).astype("float32")
    first = layer(x)
    assert not np.array_equal(layer(x), first)
    layer.reset_states()
    assert np.array_equal(layer(x), first)


def test_old_scripts_give_the_batch_with_the_shape():
    model = Sequential([LSTM(3, stateful=True, batch_input_shape=(4, 3, 2)), Dense(1)])
    assert model.kept_rows == 4
    assert model.output_shape == (None, 1)


def test_a_model_in_a_model_keeps_states():
    inner = kept(GRU(3, stateful=True))
    x = Input((3, 2), batch_size=4)
    outer, values = Model(x, inner(x)), data(4, 3, 2)
    first = outer.predict(values)
    assert not np.array_equal(inner.predict(values), first)


def test_batches_that_are_refused_leave_the_states():
    model = Sequential([Input((3, 2), batch_size=4), GRU(3, stateful=True), Dense(2, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(LabelError):
        model.fit(data(4, 3, 2), [0, 1, 7, 0], verbose=0)
    assert not model.layers[0].states[0].numpy().any()


def test_one_thread_at_a_time():
    """A prediction changes states, so that it is nothing that two threads do at once."""
    model, x = functional(), data(400, 3, 2)
    inside, go = threading.Event(), threading.Event()

    class Wait(fastnn.callbacks.Callback):
        def on_predict_batch_begin(self, batch, logs=None):
            inside.set()
            go.wait(10)

    thread = threading.Thread(target=model.predict, args=(x,), kwargs={"callbacks": [Wait()]})
    thread.start()
    assert inside.wait(10)
    try:
        with pytest.raises(ConcurrentUseError):
            model.predict(x)
    finally:
        go.set()
        thread.join()
    assert model.predict(x).shape == (400, 1)


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (lambda m: LSTM(3, stateful=True)(Input((3, 2))), ValueError, r"batch_size=32\)"),
        (lambda m: m.predict(data(6, 3, 2)), ShapeError, "got 6 samples in batches of 4"),
        (lambda m: m.predict(data(8, 3, 2), batch_size=8), ShapeError, "8 samples in batches of 8"),
        (lambda m: m.fit(data(6, 3, 2), data(6, 1)), ShapeError, "fit: .* each of the 4 rows"),
        (lambda m: m.fit(data(8, 3, 2), data(8, 1), 2), ShapeError, "fit: .* in batches of 2"),
        (lambda m: m.evaluate(data(6, 3, 2), data(6, 1)), ShapeError, "evaluate: .*each of the 4"),
        (lambda m: m.train_on_batch(data(8, 3, 2), data(8, 1)), ShapeError, "train_on_batch"),
        (
            lambda m: m.fit(data(8, 3, 2), data(8, 1), validation_split=0.3, verbose=0),
            ShapeError,
            "fit: .* got 5 samples",
        ),
        (
            lambda m: m.get_layer("gru")(Input((3, 2), batch_size=5)),
            ShapeError,
            "for batches of 4 rows, got an input of batches of 5",
        ),
        (
            lambda m: Model(
                x := Input((3, 2)),
                [m.get_layer("gru")(x), LSTM(3, stateful=True)(x)],
            ),
            ValueError,
            "has to be known",
        ),
        (lambda m: Input((3,), batch_size=0), ValueError, "batch_size must be a positive integer"),
        (lambda m: Input(), ShapeError, "shape must hold positive integers"),
        (lambda m: Input(batch_size=3, batch_shape=(4, 3)), ValueError, "and not both"),
        (lambda m: Input((3,), batch_shape=(4, 3)), ValueError, "and not both"),
        (lambda m: Input(batch_shape=()), ShapeError, r"\(rows of a batch, ...\)"),
    ],
)
def test_mistakes(wrong, error, said):
    model = functional()
    model.compile("sgd", "mse")
    with pytest.raises(error, match=said) as caught:
        wrong(model)
    assert len(str(caught.value)) < 400


def test_layers_of_one_model_keep_states_for_as_many_rows():
    x, y = Input((3, 2), batch_size=4), Input((3, 2), batch_size=5)
    a, b = LSTM(3, stateful=True)(x), LSTM(3, stateful=True)(y)
    with pytest.raises(ShapeError, match="batches of 4 and 5 rows"):
        Model([x, y], [a, b])


def test_states_without_a_first_axis_of_rows_are_zeros_beyond_them():
    """Programs for more rows than there are states, as those that look at a model: zeros."""

    class Look(Layer):
        def call(self, x):
            return ops.reshape(x, (None, x.shape[-1]))

    model = Sequential([Input((3, 2), batch_size=2), SimpleRNN(3, stateful=True), Look()])
    graph = model.runtime.graph("predict")
    assert [node.op.name for node in graph.nodes if node.op.name in ("recall", "remember")] == [
        "recall",
        "remember",
    ]
