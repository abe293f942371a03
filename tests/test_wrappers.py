"""Layers around others: formulas, gradients, masks, states, files, bits, mistakes."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers
from fastnn.errors import ShapeError
from fastnn.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    RepeatVector,
    SimpleRNN,
    TimeDistributed,
)

KINDS = [SimpleRNN, LSTM, GRU]
every_kind = pytest.mark.parametrize("kind", KINDS)

X = np.random.default_rng(0).normal(size=(4, 5, 2))

#: (layer, shape of a sample, shape of its output)
EVERY = [
    (lambda: Bidirectional(GRU(3)), (5, 2), (6,)),
    (lambda: Bidirectional(LSTM(3, return_sequences=True), "sum"), (5, 2), (5, 3)),
    (lambda: Bidirectional(SimpleRNN(3), "mul"), (5, 2), (3,)),
    (lambda: Bidirectional(GRU(3), "ave", None, LSTM(3, go_backwards=True)), (5, 2), (3,)),
    (lambda: TimeDistributed(Dense(3, "tanh")), (5, 2), (5, 3)),
    (lambda: TimeDistributed(Conv2D(2, 2, activation="tanh")), (3, 4, 4, 1), (3, 3, 3, 2)),
    (lambda: TimeDistributed(LSTM(3)), (7, 4, 2), (7, 3)),
    (lambda: TimeDistributed(Flatten()), (1, 2, 3), (1, 6)),
    (lambda: RepeatVector(3), (4,), (3, 4)),
    (lambda: RepeatVector(1), (4,), (1, 4)),
]


def surrounded(make, shape):
    before = Dense(shape[-1], "tanh")
    return Sequential([Input(shape), before, make(), Flatten(), Dense(2)], dtype="float64")


@pytest.mark.parametrize(("make", "shape", "out"), EVERY)
def test_shapes_gradients_and_configs(make, shape, out):
    layer = make()
    assert layer(Input(shape)).shape == (None, *out)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    model = surrounded(make, shape)
    model.compile("sgd", "mse")
    x = np.random.default_rng(1).normal(size=(3, *shape))
    assert fastnn.gradcheck(model, x, np.ones((3, 2)), samples=6).ok


@pytest.mark.parametrize(("make", "shape", "out"), EVERY)
def test_files_and_the_reference_interpreter(make, shape, out, tmp_path):
    x = np.random.default_rng(1).normal(size=(3, *shape))
    model = surrounded(make, shape)
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert np.array_equal(again.predict(x), model.predict(x))
    model.compile("sgd", "mse", run_eagerly=True)
    np.testing.assert_allclose(again.predict(x), model.predict(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("make", "shape", "out"), EVERY)
def test_threads_do_not_change_a_bit(make, shape, out, monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    x, known = np.random.default_rng(1).normal(size=(9, *shape)), None
    for threads in (1, 3):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        fastnn.set_seed(3)
        model = surrounded(make, shape)
        model.compile("adam", "mse")
        model.fit(x, np.ones((9, 2)), batch_size=4, verbose=0)
        weights = [w.tobytes() for w in model.get_weights()]
        known = known or weights
        assert weights == known


# ---- both directions -----------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("every", [False, True])
def test_both_directions_are_one_each(kind, every):
    both = Bidirectional(kind(3, return_sequences=every), None)
    x = Input((5, 2), dtype="float64")
    ahead, back = Model(x, both(x)).predict(X)
    single = [kind(3, return_sequences=every) for _ in "ab"]
    models = [Sequential([Input((5, 2)), each], dtype="float64") for each in single]
    weights = both.get_weights()
    for model, half in zip(models, (weights[:3], weights[3:]), strict=True):
        model.set_weights(half)
    assert np.array_equal(ahead, models[0].predict(X))
    reverse = models[1].predict(X[:, ::-1])
    assert np.array_equal(back, reverse[:, ::-1] if every else reverse)


def test_names_are_keras_s():
    both = Bidirectional(LSTM(3, name="words"))
    Sequential([Input((5, 2)), both])
    assert (both.forward_layer.name, both.backward_layer.name) == (
        "forward_words",
        "backward_words",
    )
    assert list(both.named_weights())[3] == "backward_layer/kernel"


@every_kind
def test_a_mask_leaves_steps_out_in_both_directions(kind):
    ids = np.array([[3, 1, 2, 0, 0], [1, 2, 3, 4, 0]])
    both = Bidirectional(kind(3, return_sequences=True))
    model = Sequential([Input((5,)), Embedding(5, 2, mask_zero=True), both], dtype="float64")
    assert model.outputs[0].mask_shape == (None, 5)
    y = model.predict(ids)
    assert (y[ids == 0] == 0).all()
    short = Sequential(
        [Input((3,)), Embedding(5, 2), Bidirectional(kind(3, return_sequences=True))],
        dtype="float64",
    )
    short.set_weights(model.get_weights())
    np.testing.assert_allclose(short.predict(ids[:1, :3])[0], y[0, :3], rtol=1e-12)


@every_kind
def test_states_of_both_directions(kind):
    x = Input((5, 2), dtype="float64")
    first = Bidirectional(kind(3, return_state=True))
    y, *states = first(x)
    second = Bidirectional(kind(3, return_sequences=True))
    model = Model(x, [y, *states, second(x, initial_state=states)])
    outs = model.predict(X)
    assert len(states) == (4 if kind is LSTM else 2)
    assert np.array_equal(outs[0], np.concatenate([outs[1], outs[1 + len(states) // 2]], 1))
    model.compile("sgd", ["mse"] * len(outs))
    assert fastnn.gradcheck(model, X, [np.ones_like(out) for out in outs], samples=5).ok


def test_weights_may_be_given():
    given = [np.full(shape, 0.5) for shape in 2 * [(2, 9), (3, 9), (2, 9)]]
    model = Sequential([Input((5, 2)), Bidirectional(GRU(3), "concat", given)])
    assert all((w == 0.5).all() for w in model.get_weights())


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((Dense(3),), TypeError, "expected a recurrent layer such as"),
        ((GRU(3), "max"), ValueError, "merge_mode must be one of concat, sum"),
        ((GRU(3), "sum", None, GRU(3)), ValueError, "has to walk backwards"),
        (
            (GRU(3), "sum", None, GRU(3, go_backwards=True, return_sequences=True)),
            ValueError,
            "the same return_sequences",
        ),
    ],
)
def test_mistakes_of_both_directions(arguments, error, said):
    with pytest.raises(error, match=said) as caught:
        Bidirectional(*arguments)
    assert len(str(caught.value)) < 400


# ---- steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", [1, 2, 3, 7])
def test_each_step_by_itself(time):
    inner = Sequential([Input((4, 4, 1)), Conv2D(2, 3, activation="relu"), Flatten(), Dense(3)])
    outer = Sequential([Input((time, 4, 4, 1)), TimeDistributed(inner)])
    x = np.random.default_rng(0).normal(size=(5, time, 4, 4, 1))
    expected = np.stack([inner.predict(x[:, t]) for t in range(time)], 1)
    assert np.array_equal(outer.predict(x), expected)


def test_masks_pass_by_and_training_reaches_the_layer():
    ids = Input((5,))
    y = TimeDistributed(Dropout(0.5))(Embedding(5, 2, mask_zero=True)(ids))
    assert y.mask_shape == (None, 5)
    model = Sequential([Input((5, 8)), TimeDistributed(Dropout(0.5)), Flatten()])
    model.compile(fastnn.optimizers.SGD(0), "mse")
    loss = model.fit(np.ones((9, 5, 8)), np.ones((9, 40)), verbose=0).history["loss"][0]
    assert loss == 1  # each number becomes 0 or 2
    assert (model.predict(np.ones((1, 5, 8))) == 1).all()


def test_mistakes_of_steps():
    with pytest.raises(ShapeError, match=r"sequences \(rows, time, ...\)"):
        TimeDistributed(Dense(3))(Input((4,)))
    with pytest.raises(TypeError, match=r"expected a layer, got \w+; write it with \(\)"):
        TimeDistributed(Dense)
    with pytest.raises(TypeError, match="one tensor for a step"):
        TimeDistributed(layers.GRU(3, return_state=True))(Input((2, 4, 3)))
    with pytest.raises(ShapeError, match=r"expected vectors \(rows, features\)"):
        RepeatVector(2)(Input((3, 4)))
    with pytest.raises(ValueError, match="n must be a positive integer"):
        RepeatVector(0)
