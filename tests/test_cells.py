"""Cells, and the layer that walks with any: bits, masks, states, gradients, files, mistakes."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers, ops
from fastnn.errors import ShapeError
from fastnn.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Flatten,
    GRUCell,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)

KINDS = [(SimpleRNN, SimpleRNNCell), (LSTM, LSTMCell), (GRU, GRUCell)]
every_kind = pytest.mark.parametrize(("fused", "cell"), KINDS)


class MinimalCell(Layer):
    """The cell of Keras's documentation: ``h_t = x_t @ kernel + h_{t-1} @ recurrent_kernel``."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight((self.units, self.units), name="recurrent_kernel")

    def call(self, inputs, states):
        output = ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel)
        return output, [output]

    def get_config(self):
        return {"units": self.units, **super().get_config()}


class Wrapped(Layer):
    """A cell around another one: it is called step by step, where that alone would walk."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell
        self.state_size, self.output_size = cell.state_size, cell.output_size

    def call(self, inputs, states, training=False):
        output, states = self.cell(inputs, states, training=training)
        return output, states


class Counter(Layer):
    """Two states: the sum of what came, (rows, 2), and how many steps did; shows the mean."""

    state_size = (2, 1)
    output_size = 2

    def call(self, inputs, states):
        total, count = states[0] + inputs, states[1] + 1.0
        return total / count, (total, count)


def data(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape)


def with_gaps(*shape):
    x = data(*shape)
    x[np.random.default_rng(0).random(shape[:2]) < 0.4] = 0
    return x


def made(layer, *shape, masked=False):
    """Return a model of the layer alone, in float64, with weights of moderate size."""
    before = [Masking()] if masked else []
    model = Sequential([Input(shape), *before, layer], dtype="float64")
    model.set_weights([0.5 * data(*w.shape, seed=i) for i, w in enumerate(model.get_weights())])
    return model


# ---- cells of fastnn's own -----------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "go_backwards": True}])
def test_a_walk_step_by_step_has_the_bits_of_one_operation(fused, cell, masked, options):
    x = with_gaps(6, 7, 3)
    every = [
        made(layer, 7, 3, masked=masked).predict(x)
        for layer in (
            fused(5, **options),
            RNN(cell(5), **options),
            RNN(Wrapped(cell(5)), **options),
        )
    ]
    assert np.array_equal(every[0], every[1])
    assert np.array_equal(every[0], every[2])


@every_kind
def test_weights_of_a_cell_are_those_of_the_layer(fused, cell):
    one, two = fused(4), RNN(cell(4))
    for layer in (one, two):
        Sequential([Input((3, 2)), layer])
    assert [w.shape for w in one.get_weights()] == [w.shape for w in two.get_weights()]
    assert one.kernel is one.cell.kernel
    assert (one.units, one.activation.__name__) == (4, "tanh")
    assert list(two.named_weights()) == ["cell/kernel", "cell/recurrent_kernel", "cell/bias"]
    with pytest.raises(AttributeError, match="nonsense"):
        _ = one.nonsense
    with pytest.raises(AttributeError, match="_nonsense"):
        _ = one._nonsense


@pytest.mark.parametrize("inner", [lambda c: c, Wrapped])
@pytest.mark.parametrize("masked", [False, True])
def test_stacked_cells_are_layers_one_after_the_other(inner, masked):
    """The cells walk by themselves, or, where one of them cannot, step by step."""
    stack = RNN([inner(LSTMCell(4)), GRUCell(3)], return_sequences=True)
    pair = [LSTM(4, return_sequences=True), GRU(3, return_sequences=True)]
    model = made(stack, 5, 2, masked=masked)
    before = [Masking()] if masked else []
    other = Sequential([Input((5, 2)), *before, *pair], dtype="float64")
    other.set_weights(model.get_weights())
    x = with_gaps(6, 5, 2)
    assert np.array_equal(model.predict(x), other.predict(x))


@pytest.mark.parametrize("inner", [lambda c: c, Wrapped])
def test_states_of_stacked_cells(inner):
    cells = StackedRNNCells([inner(LSTMCell(4)), SimpleRNNCell(3)])
    assert (cells.state_size, cells.output_size) == ([[4, 4], 3], 3)
    x = Input((5, 2), dtype="float64")
    layer = RNN(cells, return_state=True)
    y, first, second = layer(x)
    assert [s.shape for s in first] == [(None, 4)] * 2
    again = layer(x, initial_state=[first, second])[0]
    model = Model(x, [y, *first, second, again])
    outs = model.predict(data(3, 5, 2))
    assert np.array_equal(outs[0], outs[3])
    twice = Sequential([Input((10, 2)), RNN(StackedRNNCells([LSTMCell(4), SimpleRNNCell(3)]))])
    twice.set_weights(model.get_weights())
    x = data(3, 5, 2)
    np.testing.assert_allclose(twice.predict(np.hstack([x, x])), outs[4], rtol=1e-5, atol=1e-6)
    model.compile("sgd", ["mse"] * 5)
    assert fastnn.gradcheck(model, x, [np.ones_like(out) for out in outs], samples=6).ok


@every_kind
def test_dropout_of_a_cell_is_that_of_the_layer(fused, cell):
    """Features and units are left out of all steps alike, also where a cell is called for each."""
    results = []
    for layer in (
        fused,
        lambda n, **o: RNN(cell(n, **o)),
        lambda n, **o: RNN(Wrapped(cell(n, **o))),
    ):
        fastnn.set_seed(5)
        model = made(layer(4, dropout=0.4, recurrent_dropout=0.3, seed=8), 6, 3)
        model.compile("sgd", "mse")
        model.fit(data(9, 6, 3), data(9, 4), epochs=2, batch_size=4, verbose=0)
        results.append(model.get_weights())
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


# ---- cells of one's own --------------------------------------------------------------------------


def test_a_cell_of_ones_own_is_its_formula():
    model = made(RNN(MinimalCell(4), return_sequences=True), 5, 3)
    other = made(SimpleRNN(4, None, use_bias=False, return_sequences=True), 5, 3)
    x = data(6, 5, 3)
    np.testing.assert_allclose(model.predict(x), other.predict(x), rtol=1e-12, atol=1e-14)


def test_states_and_outputs_of_several_sizes():
    layer = RNN(Counter(), return_sequences=True, return_state=True)
    x = Input((4, 2), dtype="float64")
    values = data(3, 4, 2)
    means, total, count = Model(x, layer(x)).predict(values)
    np.testing.assert_allclose(means, values.cumsum(1) / np.arange(1, 5)[:, None], rtol=1e-13)
    np.testing.assert_allclose(total, values.sum(1), rtol=1e-13)
    assert (count == 4).all()


@pytest.mark.parametrize("zero", [False, True])
def test_a_mask_leaves_steps_of_any_cell_out(zero):
    x = with_gaps(6, 5, 2)
    x[0, :2] = 0
    out = (x == 0).all(-1)
    layer = RNN(Counter(), return_sequences=True, zero_output_for_mask=zero)
    y = made(layer, 5, 2, masked=True).predict(x)
    count = np.maximum((~out).cumsum(1), 1)[..., None]
    means = x.cumsum(1) / count
    expected = np.where(out[..., None], 0, means) if zero else means
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-15)
    last = made(RNN(Counter(), zero_output_for_mask=zero), 5, 2, masked=True)
    np.testing.assert_allclose(last.predict(x), expected[:, -1], rtol=1e-12, atol=1e-15)


def test_steps_may_be_images():
    class Blur(Layer):
        state_size = 6

        def call(self, inputs, states):
            seen = layers.Flatten()(inputs)
            return seen + states[0], [seen]

    x = data(3, 4, 2, 3)
    model = made(RNN(Blur()), 4, 2, 3)
    np.testing.assert_allclose(model.predict(x), (x[:, -1] + x[:, -2]).reshape(3, 6), rtol=1e-13)


LAYERS = {
    "walk": lambda: RNN(GRUCell(3), return_sequences=True),
    "own": lambda: RNN(MinimalCell(3), return_sequences=True, go_backwards=True),
    "stack": lambda: RNN([LSTMCell(4), MinimalCell(3), SimpleRNNCell(2)]),
    "both": lambda: Bidirectional(RNN(LSTMCell(3), return_sequences=True)),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def surrounded(make, dtype="float64"):
    before = Dense(3, "tanh")
    return Sequential([Input((4, 3)), before, Masking(), make(), Flatten(), Dense(2)], dtype=dtype)


@every_layer
@pytest.mark.filterwarnings("ignore::fastnn.errors.MaskWarning")
def test_gradients_the_interpreter_and_files(make, tmp_path):
    x, y = data(5, 4, 3), data(5, 2)
    model = surrounded(make)
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, x, y, samples=20).ok
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model", {"MinimalCell": MinimalCell})
    assert again.get_config() == model.get_config()
    assert np.array_equal(again.predict(x), model.predict(x))
    again.compile("sgd", "mse", run_eagerly=True)
    for each in (model, again):
        each.fit(x, y, batch_size=2, epochs=2, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


@every_layer
@pytest.mark.filterwarnings("ignore::fastnn.errors.MaskWarning")
def test_threads_and_batches_do_not_change_a_bit(make, monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    x, known = data(9, 4, 3), []
    for threads in (1, 3):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        fastnn.set_seed(3)
        model = surrounded(make, "float32")
        model.compile("adam", "mse")
        model.fit(x, data(9, 2), batch_size=4, verbose=0)
        known.append([w.tobytes() for w in model.get_weights()])
    assert known[0] == known[1]
    assert np.array_equal(model.predict(x, batch_size=2), model.predict(x))


@pytest.mark.parametrize("cell", [SimpleRNNCell(3), LSTMCell(3), GRUCell(3, reset_after=False)])
def test_configs_of_cells(cell):
    again = type(cell).from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    layer = RNN(cell, return_state=True)
    assert RNN.from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_frozen_layer_freezes_its_cell():
    layer = RNN(LSTMCell(3), trainable=False)
    Sequential([Input((4, 2)), layer])
    assert not layer.trainable_weights


# ---- mistakes ------------------------------------------------------------------------------------


class Nothing(Layer):
    state_size = 2

    def __init__(self, result):
        super().__init__()
        self.result = result

    def call(self, inputs, states):
        return self.result(inputs, states)


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (lambda: RNN(3), TypeError, r"layer whose call\(inputs, states\).*got int"),
        (lambda: RNN(LSTMCell), TypeError, r"write it with \(\)"),
        (lambda: RNN(Dense(3)), ValueError, "needs a state_size"),
        (lambda: RNN([]), TypeError, "expected a list of cells"),
        (lambda: StackedRNNCells(LSTMCell(3)), TypeError, "a list of cells, got LSTMCell"),
        (lambda: LSTMCell(0), ValueError, "units must be a positive integer"),
        (lambda: GRUCell(3, "softmax"), ValueError, "must be one of linear"),
        (lambda: RNN(LSTMCell(3))(Input((4,))), ShapeError, "expected sequences"),
        (lambda: LSTM(3)(Input((4, 3, 2))), ShapeError, "expected sequences"),
        (lambda: RNN(LSTMCell(3))(Input((4, 3, 2))), ShapeError, "expected one step"),
        (
            lambda: RNN(LSTMCell(3))(Input((4, 2)), initial_state=[Input((3,))]),
            ValueError,
            r"list of 2, \[h, c\], got 1",
        ),
        (
            lambda: RNN(Counter())(Input((4, 2)), initial_state=[Input((2,)), Input((3,))]),
            ShapeError,
            r"state 1 has shape \(rows, 3\), expected \(rows, 1\)",
        ),
        (
            lambda: RNN(Nothing(lambda x, s: x))(Input((4, 2))),
            TypeError,
            "returns an output and a list of states",
        ),
        (
            lambda: RNN(Nothing(lambda x, s: (x, [ops.concatenate([x, x], -1)])))(Input((4, 2))),
            ShapeError,
            r"shapes \(rows, 2\), got states of \(rows, 4\)",
        ),
        (
            lambda: RNN(Nothing(lambda x, s: ([x, x], s)))(Input((4, 2))),
            ShapeError,
            "has to return one output",
        ),
    ],
)
def test_mistakes(wrong, error, said):
    with pytest.raises(error, match=said) as caught:
        wrong()
    assert len(str(caught.value)) < 400
