"""Recurrent layers as layers: their formulas, what is kept, dropout, bits, files, mistakes."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers, ops
from fastnn.errors import ShapeError
from fastnn.layers import GRU, LSTM, Dense, Flatten, Layer, SimpleRNN
from fastnn.reference.random import dropout_keep

KINDS = [SimpleRNN, LSTM, GRU]
every_kind = pytest.mark.parametrize("kind", KINDS)


def data(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def made(layer, time, features):
    """Return a model of the layer alone, in float64, with weights of moderate size."""
    model = Sequential([Input((time, features)), layer], dtype="float64")
    model.set_weights([0.5 * data(*w.shape, seed=i) for i, w in enumerate(model.get_weights())])
    return model


# ---- formulas, as the papers write them ----------------------------------------------------------


def test_simple_rnn_is_its_formula():
    layer = SimpleRNN(4, return_sequences=True)
    model, x = made(layer, 5, 3), data(2, 5, 3)
    (w, u, b), h, states = model.get_weights(), np.zeros((2, 4)), []
    for t in range(5):
        h = np.tanh(x[:, t] @ w + h @ u + b)
        states.append(h)
    np.testing.assert_allclose(model.predict(x), np.stack(states, 1), rtol=1e-13, atol=1e-15)


def test_lstm_is_its_formula():
    model, x = made(LSTM(4), 5, 3), data(2, 5, 3)
    (w, u, b), h, c = model.get_weights(), np.zeros((2, 4)), np.zeros((2, 4))
    for t in range(5):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    np.testing.assert_allclose(model.predict(x), h, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_is_its_formula(reset_after):
    model, x = made(GRU(4, reset_after=reset_after), 5, 3), data(2, 5, 3)
    (w, u, b), h = model.get_weights(), np.zeros((2, 4))
    outer, inner = b if reset_after else (b, np.zeros(12))
    uz, ur, un = np.split(u, 3, axis=1)
    for t in range(5):
        xz, xr, xn = np.split(x[:, t] @ w + outer, 3, axis=1)
        bz, br, bn = np.split(inner, 3)
        z, r = sigmoid(xz + h @ uz + bz), sigmoid(xr + h @ ur + br)
        n = np.tanh(xn + (r * (h @ un + bn) if reset_after else (r * h) @ un))
        h = z * h + (1 - z) * n
    np.testing.assert_allclose(model.predict(x), h, rtol=1e-13, atol=1e-15)


@every_kind
def test_the_last_state_is_the_last_of_all(kind):
    one, every = made(kind(5), 7, 2), made(kind(5, return_sequences=True), 7, 2)
    x = data(3, 7, 2)
    assert np.array_equal(one.predict(x), every.predict(x)[:, -1])


@every_kind
def test_backwards_is_forwards_on_the_reversed_sequence(kind):
    options = {"units": 5, "return_sequences": True}
    x = data(3, 7, 2)
    back = made(kind(**options, go_backwards=True), 7, 2).predict(x)
    assert np.array_equal(back, made(kind(**options), 7, 2).predict(x[:, ::-1]))


def test_the_cell_is_there_for_layers_of_ones_own():
    """What ops.lstm returns beside the states is the cell: a layer of one's own may use it."""

    class Cell(Layer):
        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], 12), name="kernel")
            self.recurrent = self.add_weight((3, 12), name="recurrent")

        def call(self, x):
            return ops.lstm(x, self.kernel, self.recurrent)[2]

    model, x = made(Cell(), 1, 2), data(4, 1, 2)
    i, _, g, _ = np.split(x[:, 0] @ model.get_weights()[0], 4, axis=1)
    np.testing.assert_allclose(model.predict(x), sigmoid(i) * np.tanh(g), rtol=1e-13)
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, x, data(4, 3)).ok


# ---- weights -------------------------------------------------------------------------------------


def test_weights_begin_as_keras_says():
    layer = LSTM(6)
    Sequential([Input((3, 2)), layer])
    kernel, recurrent, bias = layer.get_weights()
    assert (kernel.shape, recurrent.shape) == ((2, 24), (6, 24))
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(6), atol=1e-6)
    assert bias.tolist() == [0] * 6 + [1] * 6 + [0] * 12
    forgetful = LSTM(2, unit_forget_bias=False, bias_initializer="ones")
    Sequential([Input((3, 2)), forgetful])
    assert (forgetful.get_weights()[2] == 1).all()


# ---- programs ------------------------------------------------------------------------------------


@every_kind
def test_what_only_the_way_back_needs_is_kept_in_training_alone(kind):
    model = Sequential([Input((4, 2)), kind(3), Dense(1)])
    model.compile("sgd", "mse")
    kept = {}
    for mode in ("predict", "train"):
        program = model.runtime.make(mode, 8, 1).program
        (walk,) = (n for n in program.nodes if n.op.name in ("rnn_fwd", "lstm_fwd", "gru_fwd"))
        kept[mode] = [
            o.name for o, t in zip(walk.op.outputs, walk.outputs, strict=True) if t is not None
        ]
    assert kept["predict"] == ["s"]
    assert set(kept["train"]) >= {"s", "y"}


# ---- dropout -------------------------------------------------------------------------------------


def test_dropout_leaves_out_features_of_whole_sequences():
    layer = SimpleRNN(2, "linear", dropout=0.5, return_sequences=True)
    model = Sequential([Input((3, 2)), layer, Flatten()], dtype="float64")
    layer.set_weights([np.eye(2), np.zeros((2, 2)), np.zeros(2)])
    model.compile(fastnn.optimizers.SGD(0), "mse")
    x = np.ones((8, 3, 2))
    assert (model.predict(x) == 1).all()
    order = np.arange(8)
    keep = dropout_keep(model.seed, 0, order, 0, 2, 0.5)
    expected = np.repeat(np.where(keep, 2.0, 0.0)[:, None], 3, axis=1).reshape(8, 6)
    history = model.fit(x, expected, epochs=1, batch_size=8, shuffle=False, verbose=0).history
    assert history["loss"] == [0]
    assert 0 < keep.mean() < 1


# ---- bits ----------------------------------------------------------------------------------------


def network(dtype="float32"):
    fastnn.set_seed(4)
    stack = [
        LSTM(37, return_sequences=True, dropout=0.2),
        GRU(19, return_sequences=True, go_backwards=True),
        GRU(18, return_sequences=True, reset_after=False),
        SimpleRNN(17),
        Dense(3, "softmax"),
    ]
    return Sequential([Input((6, 5)), *stack], dtype=dtype)


def trained(threads, monkeypatch):
    monkeypatch.setattr("fastnn.config.get_num_threads", lambda: threads)
    model, x, y = network(), data(61, 6, 5), np.arange(61) % 3
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=13, epochs=2, verbose=0)
    return [w.tobytes() for w in model.get_weights()]


def test_threads_do_not_change_a_bit_of_training(monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    known = trained(1, monkeypatch)
    for threads in (2, 3, 8):
        assert trained(threads, monkeypatch) == known, threads


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_does_not_know_its_batch(dtype):
    """One row reads the recurrent kernel where it lies, many a copy; 70 are two blocks."""
    model, x = network(dtype), data(70, 6, 5)
    whole = model.predict(x, batch_size=70)
    for batch in (1, 2, 5, 7, 14, 64, 65):
        assert np.array_equal(model.predict(x, batch_size=batch), whole), batch


# ---- files ---------------------------------------------------------------------------------------


def test_a_file_brings_all_back(tmp_path):
    model, x = network(), data(9, 6, 5)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, np.arange(9) % 3, epochs=2, verbose=0)
    model.save(tmp_path / "model.fastnn")
    again = fastnn.models.load_model(tmp_path / "model.fastnn")
    assert np.array_equal(again.predict(x), model.predict(x))
    for each in (model, again):
        each.fit(x, np.arange(9) % 3, epochs=1, verbose=0)
    assert all(map(np.array_equal, again.get_weights(), model.get_weights()))


# ---- learning ------------------------------------------------------------------------------------


@every_kind
def test_it_learns_what_was_long_ago(kind):
    """The sign of the first of ten numbers."""
    fastnn.set_seed(0)
    x = data(256, 10, 1)
    y = (x[:, 0, 0] > 0).astype(float)
    model = Sequential([Input((10, 1)), kind(16), Dense(1, "sigmoid")])
    model.compile(fastnn.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=40, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.95


# ---- mistakes ------------------------------------------------------------------------------------


@every_kind
def test_flat_rows_are_no_sequences(kind):
    with pytest.raises(ShapeError, match=r"sequences \(rows, time, features\).*Reshape") as caught:
        Sequential([Input((7,)), kind(3)])
    assert len(str(caught.value)) < 400


@every_kind
@pytest.mark.parametrize("argument", ["activation", "recurrent_activation"])
def test_activations_are_those_of_the_kernels(kind, argument):
    if kind is SimpleRNN and argument == "recurrent_activation":
        argument = "activation"
    for wrong in ("softmax", lambda x: ops.add(x, x)):
        with pytest.raises(ValueError, match=f"{argument} .* must be one of linear.*; got") as c:
            kind(3, **{argument: wrong})
        assert len(str(c.value)) < 400
    assert kind(3, **{argument: layers.Activation("relu").activation}) is not None


@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, "0.5", True, None])
def test_dropout_is_a_share(rate):
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\)"):
        LSTM(3, dropout=rate)


def test_the_operations_refuse_kernels_of_other_gates():
    class Wrong(Layer):
        def build(self, shape):
            self.kernel = self.add_weight((shape[-1], 12), name="kernel")
            self.recurrent = self.add_weight((4, 12), name="recurrent")

        def call(self, x):
            return ops.lstm(x, self.kernel, self.recurrent)[1]

    with pytest.raises(ShapeError, match=r"kernel has shape .* expected 16 columns: 4 for each"):
        Sequential([Input((5, 2)), Wrong()])


def test_more_units_than_a_thread_can_hold_are_refused():
    class Huge(Layer):
        def call(self, x):
            w = x.graph.place("w", (1, 40000), "params")
            return ops.simple_rnn(x, w, x.graph.place("u", (40000, 40000), "params"))[1]

    with pytest.raises(ShapeError, match="40000 units, at most 32768"):
        Sequential([Input((5, 1)), Huge()])


# ---- masks, states -------------------------------------------------------------------------------


def masked(layer, time, features, **options):
    """Return a model of the layer behind a mask of steps of zeros, in float64."""
    model = Sequential([Input((time, features)), layers.Masking(), layer], dtype="float64")
    model.set_weights([0.5 * data(*w.shape, seed=i) for i, w in enumerate(model.get_weights())])
    return model


def with_gaps(rows, time, features):
    x = data(rows, time, features)
    x[np.random.default_rng(0).random((rows, time)) < 0.4] = 0
    x[0, :2] = 0
    return x


@every_kind
@pytest.mark.parametrize("backwards", [False, True])
def test_a_step_that_is_left_out_is_as_if_it_were_not_there(kind, backwards):
    x = with_gaps(6, 7, 2)
    model = masked(kind(5, go_backwards=backwards), 7, 2)
    got = model.predict(x)
    for row, expected in zip(x, got, strict=True):
        counted = row[(row != 0).any(-1)]
        plain = made(kind(5, go_backwards=backwards), len(counted), 2)
        plain.set_weights(model.get_weights())
        np.testing.assert_allclose(plain.predict(counted[None])[0], expected, rtol=1e-12)


@every_kind
@pytest.mark.parametrize("zero", [False, True])
def test_what_is_returned_of_a_step_that_is_left_out(kind, zero):
    x = with_gaps(6, 7, 2)
    model = masked(kind(5, return_sequences=True, zero_output_for_mask=zero), 7, 2)
    out = (x == 0).all(-1)
    y = model.predict(x)
    before = np.concatenate([np.zeros((6, 1, 5)), y[:, :-1]], 1)
    assert np.array_equal(y[out], np.zeros_like(y[out]) if zero else before[out])
    last = masked(kind(5, zero_output_for_mask=zero), 7, 2)
    last.set_weights(model.get_weights())
    assert np.array_equal(last.predict(x), y[:, -1])


def seq2seq(kind, dtype="float64", **options):
    """Return an encoder whose states a decoder begins with, and both inputs' shapes."""
    source, target = Input((5, 2), dtype=dtype), Input((4, 3), dtype=dtype)
    _, *states = kind(6, return_state=True, **options)(source)
    y, *_ = kind(6, return_sequences=True, return_state=True, **options)(
        target, initial_state=states
    )
    return fastnn.Model([source, target], Dense(2)(y))


@every_kind
@pytest.mark.parametrize("masks", [False, True])
def test_gradients_of_masks_and_states_are_right(kind, masks):
    x = [with_gaps(3, 5, 2), with_gaps(3, 4, 3)]
    source, target = Input((5, 2), dtype="float64"), Input((4, 3), dtype="float64")
    steps = layers.Masking() if masks else layers.Activation("linear")
    _, *states = kind(4, return_state=True)(steps(source))
    y, *ends = kind(4, return_sequences=True, return_state=True)(
        steps(target), initial_state=states
    )
    model = fastnn.Model([source, target], [Dense(2)(y), *ends])
    model.compile("sgd", ["mse"] * (1 + len(ends)))
    targets = [data(3, 4, 2), *(data(3, 4) for _ in ends)]
    assert fastnn.gradcheck(model, x, targets).ok


@every_kind
def test_states_are_those_after_the_last_step(kind):
    layer = kind(4, return_sequences=True, return_state=True)
    x = Input((5, 2), dtype="float64")
    every, *states = fastnn.Model(x, layer(x)).predict(data(3, 5, 2))
    assert len(states) == (2 if kind is LSTM else 1)
    assert np.array_equal(every[:, -1], states[0])
    assert all(state.shape == (3, 4) for state in states)


@every_kind
def test_two_halves_are_the_whole(kind):
    whole = made(kind(4), 6, 2)
    x = data(3, 6, 2)
    first, second = Input((3, 2), dtype="float64"), Input((3, 2), dtype="float64")
    layer = kind(4, return_state=True)
    _, *states = layer(first)
    model = fastnn.Model([first, second], layer(second, initial_state=states)[0])
    layer.set_weights(whole.get_weights())
    np.testing.assert_allclose(model.predict([x[:, :3], x[:, 3:]]), whole.predict(x), rtol=1e-13)


@every_kind
@pytest.mark.parametrize("options", [{}, {"dropout": 0.3, "recurrent_dropout": 0.4}])
def test_seq2seq_learns_the_same_bits_on_any_number_of_threads(kind, options, monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    x, y, known = [with_gaps(20, 5, 2), data(20, 4, 3)], data(20, 4, 2), None
    for threads in (1, 2, 5):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        fastnn.set_seed(3)
        model = seq2seq(kind, "float32", **options)
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=7, epochs=2, verbose=0)
        weights = [w.tobytes() for w in model.get_weights()]
        known = known or weights
        assert weights == known, threads


@every_kind
def test_seq2seq_comes_back_from_a_file(kind, tmp_path):
    model, x = seq2seq(kind), [data(3, 5, 2), data(3, 4, 3)]
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert np.array_equal(again.predict(x), model.predict(x))


@every_kind
def test_recurrent_dropout_drops_units_of_the_state(kind):
    """In training it differs, at inference it does not; with the same seed it is the same."""
    fits = []
    for rate, seed in ((0, 1), (0.5, 1), (0.5, 1), (0.5, 2)):
        layer = kind(6, recurrent_dropout=rate, seed=seed)
        model = made(layer, 5, 2)
        model.compile(fastnn.optimizers.SGD(0.1), "mse")
        x = data(9, 5, 2)
        fits.append(model.fit(x, data(9, 6), verbose=0, shuffle=False).history["loss"][0])
    assert fits[1] == fits[2]
    assert len(set(fits)) == 3


def test_recurrent_dropout_is_its_formula():
    layer = SimpleRNN(4, "linear", recurrent_dropout=0.5)
    model, x = made(layer, 3, 2), data(8, 3, 2)
    w, u, b = model.get_weights()
    keep = np.where(dropout_keep(model.seed, 0, np.arange(8), 0, 4, 0.5), 2.0, 0.0)
    h = np.zeros((8, 4))
    for t in range(3):
        h = x[:, t] @ w + (h * keep) @ u + b
    model.compile(fastnn.optimizers.SGD(0), "mse")
    loss = model.fit(x, h, batch_size=8, shuffle=False, verbose=0).history["loss"][0]
    assert loss < 1e-20


@every_kind
def test_the_reference_interpreter_trains_alike(kind):
    fitted = []
    for eager in (False, True):
        fastnn.set_seed(3)
        model = seq2seq(kind, recurrent_dropout=0.3)
        model.compile("sgd", "mse", run_eagerly=eager)
        x = [with_gaps(6, 5, 2), data(6, 4, 3)]
        fitted.append(model.fit(x, data(6, 4, 2), epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*fitted, rtol=1e-12)


@every_kind
def test_states_that_do_not_fit_are_refused(kind):
    x, layer = Input((5, 2)), kind(4)
    states = [Input((3,)), Input((3,))][: len(layer.state_names)]
    with pytest.raises(ShapeError, match=r"initial state h has shape \(rows, 3\), expected"):
        layer(x, initial_state=states)
    with pytest.raises(ValueError, match=r"initial_state has to be a list of \d, \[h"):
        layer(x, initial_state=[Input((4,))] * 3)


@every_kind
def test_a_mask_is_used_beside_an_initial_state(kind):
    x, state = Input((7, 2), dtype="float64"), Input((4,), dtype="float64")
    layer = kind(4)
    states = [state] * len(layer.state_names)
    model = fastnn.Model([x, state], layer(layers.Masking()(x), initial_state=states))
    sequences, first = with_gaps(6, 7, 2), data(6, 4)
    packed = np.zeros_like(sequences)  # the steps that count, then the others
    for row, steps in zip(packed, sequences, strict=True):
        counted = steps[(steps != 0).any(-1)]
        row[: len(counted)] = counted
    got = model.predict([sequences, first])
    np.testing.assert_allclose(got, model.predict([packed, first]), rtol=1e-12)
    plain = kind(4)
    unmasked = fastnn.Model([x, state], plain(x, initial_state=states))
    plain.set_weights(layer.get_weights())
    assert not np.allclose(got, unmasked.predict([sequences, first]))


@every_kind
def test_the_mask_of_reversed_states_is_reversed(kind):
    class Seen(Layer):
        def call(self, x, mask=None):
            return ops.scale(mask, 1.0)

    x = with_gaps(6, 7, 2)
    layer = kind(4, go_backwards=True, return_sequences=True)
    model = Sequential([Input((7, 2)), layers.Masking(), layer, Seen()])
    assert np.array_equal(model.predict(x), (x != 0).any(-1)[:, ::-1])
