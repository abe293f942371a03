"""Layers around others: formulas, gradients, masks, states, files, bits, mistakes."""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers
from fastnn.errors import ShapeError
from fastnn.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
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
    (lambda: TimeDistributed(TimeDistributed(Conv1D(3, 2))), (2, 3, 4, 2), (2, 3, 3, 3)),
    (lambda: TimeDistributed(BatchNormalization()), (3, 2), (3, 2)),
    (lambda: TimeDistributed(image_tower()), (2, 5, 4, 2), (2, 3)),
    (lambda: RepeatVector(3), (4,), (3, 4)),
    (lambda: RepeatVector(1), (4,), (1, 4)),
]


def image_tower():
    parts = [Conv2D(3, 2, activation="relu"), layers.MaxPooling2D(), layers.LayerNormalization()]
    return Sequential([Input((5, 4, 2)), *parts, Flatten(), Dense(3, "softmax")])


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
    assert list(both.named_weights())[3] == "backward_layer/cell/kernel"


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


class Centred(layers.Layer):
    """Written in NumPy: what it does with a row depends on the others."""

    def forward(self, x):
        return x - x.mean(0)

    def backward(self, dy, x, y):
        return dy - dy.mean(0)


class Penalized(layers.Layer):
    def call(self, x):
        self.add_loss(fastnn.ops.sum(fastnn.ops.batch_mean(fastnn.ops.square(x))))
        return x


@pytest.mark.parametrize("time", [1, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(3, "tanh"),
        lambda: Conv2D(2, 2, activation="tanh"),
        lambda: layers.SeparableConv2D(3, 2),
        lambda: layers.Conv2DTranspose(3, 2, strides=2),
        lambda: layers.MaxPooling2D(),
        lambda: layers.AveragePooling2D(2),
        lambda: layers.GlobalAveragePooling2D(),
        lambda: layers.GroupNormalization(2),
        lambda: layers.BatchNormalization(),
        lambda: layers.UpSampling2D(interpolation="bilinear"),
        lambda: layers.ZeroPadding2D(),
        lambda: layers.PReLU(),
        lambda: layers.Permute((3, 1, 2)),
        lambda: TimeDistributed(GRU(3)),
        lambda: layers.Softmax(),
        lambda: layers.Rescaling(0.5, 1),
        lambda: Dropout(0.5),
        Centred,
    ],
)
def test_steps_as_rows_are_steps_one_by_one(make, time, monkeypatch):
    """Outputs of each step have the bits that they have by themselves; weights learn alike."""
    x = np.random.default_rng(0).normal(size=(7, time, 4, 4, 2))
    layer = make()
    outer = Sequential([Input((time, 4, 4, 2)), TimeDistributed(layer)])
    inner = Sequential([Input((4, 4, 2)), layer])
    if not isinstance(layer, Centred):
        expected = np.stack([inner.predict(x[:, t]) for t in range(time)], 1)
        assert np.array_equal(outer.predict(x), expected)
    learned = []
    for folded in (True, False):
        if not folded:
            monkeypatch.setattr(TimeDistributed, "_folded", lambda *arguments: None)
        fastnn.set_seed(2)
        before = Dense(2, "tanh")
        model = Sequential(
            [Input((time, 4, 4, 2)), before, TimeDistributed(make()), Flatten(), Dense(2)],
            dtype="float64",
        )
        model.compile("sgd", "mse")
        model.fit(x, np.ones((7, 2)), batch_size=3, epochs=2, verbose=0)
        learned.append([*model.get_weights(), model.predict(x)])
    for a, b in zip(*learned, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_what_looks_at_rows_is_called_for_each_step():
    def calls(layer, mode="train"):
        model = Sequential([Input((5, 3)), TimeDistributed(layer), Flatten(), Dense(2)])
        model.compile("sgd", "mse")
        nodes = model.runtime.make(mode, 8, 1).program.nodes
        return sum(
            node.layer.endswith(f"/{layer.name}")
            and "bwd" not in node.op.name
            and node.op.name not in ("reshape", "slice", "strided")
            for node in nodes
        )

    assert calls(Dense(3), "predict") < 5
    assert calls(BatchNormalization(), "predict") < 5
    assert calls(BatchNormalization()) >= 5
    assert calls(Dropout(0.5)) >= 5
    assert calls(Penalized()) >= 5


def test_the_listing_counts_the_rows(capsys):
    model = Sequential([Input((5, 3, 3, 1)), TimeDistributed(Conv2D(2, 2))])
    model.compile("sgd", "mse")
    model.explain()
    assert "(5 rows, 3, 3, 1)" in capsys.readouterr().out


def test_words_of_sentences():
    """The mask of words reaches the layer of a sentence; a sentence counts if a word does."""
    ids = np.array([[[1, 2, 0], [0, 0, 0], [3, 0, 0]], [[1, 1, 1], [2, 0, 1], [0, 0, 0]]])
    words = Sequential([Input((3, 4)), LSTM(3)])
    for sentence in (LSTM(3), Sequential([Input((3, 4)), LSTM(3)])):
        x = Input((3, 3), dtype="int32")
        seen = Embedding(5, 4, mask_zero=True)(x)
        y = TimeDistributed(sentence)(seen)
        assert (y.shape, y.mask_shape) == ((None, 3, 3), (None, 3))
        model = Model(x, [y, GRU(2)(y), seen])
        states, last, vectors = model.predict(ids)
        words.set_weights(sentence.get_weights())
        for row in range(2):
            for t in range(3):
                count = int((ids[row, t] != 0).sum())
                if ids[row, t, 1] or count == 1:
                    short = Sequential([Input((count, 4)), LSTM(3)])
                    short.set_weights(sentence.get_weights())
                    one = short.predict(vectors[row, t][ids[row, t] != 0][None])[0]
                    np.testing.assert_allclose(states[row, t], one, rtol=1e-5, atol=1e-6)
        whole = Sequential([Input((2, 3)), GRU(2)])
        whole.set_weights(model.layers[-1].get_weights())
        pair = whole.predict(states[:1, [0, 2]])
        np.testing.assert_allclose(last[:1], pair, rtol=1e-5, atol=1e-6)


def test_masks_of_steps_by_and_by():
    """Where steps are called one by one, too."""
    x = Input((3, 4), dtype="int32")
    seen = Embedding(5, 2, mask_zero=True)(x)
    inner = Sequential([Input((4, 2)), Dropout(0.5), GRU(3, return_sequences=True)])
    y = TimeDistributed(inner)(seen)
    assert y.mask_shape == (None, 3, 4)
    model = Model(x, TimeDistributed(GRU(2))(y))
    model.compile("sgd", "mse")
    model.train_on_batch(np.ones((5, 3, 4)), np.zeros((5, 3, 2)))
    pooled = TimeDistributed(layers.MaxPooling1D())(Dense(2)(Input((3, 4, 2))))
    assert pooled.mask_shape is None
    with pytest.warns(fastnn.errors.MaskWarning):
        frames = TimeDistributed(layers.MaxPooling1D())(seen)
    assert (frames.shape, frames.mask_shape) == ((None, 3, 2, 2), (None, 3, 2))


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
