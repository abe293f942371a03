"""Vectors in place of ids, and masks: what layers get, what they pass on, what is refused."""

import warnings

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers, ops
from fastnn.errors import IdError, MaskWarning, ShapeError
from fastnn.layers import Add, Dense, Dropout, Embedding, Flatten, Layer, Masking
from fastnn.reference.random import dropout_keep


class Seen(Layer):
    """Returns the mask that it is given, as its output."""

    def call(self, x, mask=None):
        return ops.scale(mask, 1.0)


def words(dtype="float64", **options):
    """Return a model of a table of 7 vectors of 3 numbers for 5 ids a row, and the table."""
    layer = Embedding(7, 3, **options)
    return Sequential([Input((5,), dtype="int32"), layer, Dense(2)], dtype=dtype), layer


IDS = np.random.default_rng(0).integers(0, 7, (6, 5))

# ---- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint8", "int32", "int64", "float32", "float64"])
def test_ids_of_any_type_pick_vectors(kind):
    model, layer = words()
    table = layer.get_weights()[0]
    embedded = Sequential([layer.__class__(7, 3, weights=table)], dtype="float64")
    assert np.array_equal(embedded.predict(IDS.astype(kind)), table[IDS])
    assert model.predict(IDS.astype(kind)).shape == (6, 5, 2)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_places_may_have_any_axes(shape):
    ids = np.arange(4 * max(int(np.prod(shape)), 1)).reshape(4, *shape, 1) % 7
    model = Sequential([Input((*shape, 1)), Embedding(7, 3)])
    table = model.get_weights()[0]
    assert np.array_equal(model.predict(ids), table[ids])


def test_the_length_may_be_given_as_in_old_scripts():
    model = fastnn.Sequential([fastnn.layers.Embedding(10, 3, input_length=4)])
    assert model.output_shape == (None, 4, 3)
    assert "input_length" not in model.layers[0].get_config()


def test_its_gradient_is_right_and_its_config_whole():
    model, layer = words(embeddings_initializer="normal", embeddings_regularizer="l2")
    model.compile("sgd", "mse")
    assert fastnn.gradcheck(model, IDS, np.ones((6, 5, 2))).ok
    again = Embedding.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 5, 16, 37, 70])
def test_threads_do_not_change_a_bit_of_training(size, dtype, monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    known = None
    for threads in (1, 2, 3, 5):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        fastnn.set_seed(1)
        model = Sequential([Input((5,)), Embedding(7, size), Flatten(), Dense(1)], dtype=dtype)
        model.compile("adam", "mse")
        model.fit(IDS, IDS[:, 0], batch_size=4, epochs=3, verbose=0)
        weights = [w.tobytes() for w in model.get_weights()]
        known = known or weights
        assert weights == known, threads


def test_the_reference_interpreter_says_the_same():
    losses = []
    for eager in (False, True):
        fastnn.set_seed(2)
        model, _ = words()
        model.compile("sgd", "mse", run_eagerly=eager)
        losses.append(model.fit(IDS, np.ones((6, 5, 2)), epochs=3, verbose=0).history["loss"])
    assert np.allclose(*losses, rtol=1e-12)


def test_files_keep_the_type_of_the_input(tmp_path):
    ids = Input((5,), dtype="int64", name="ids")
    model = Model(ids, Flatten()(Embedding(7, 3, dtype="float64")(ids)))
    assert (model.dtype, model.inputs[0].dtype) == ("float64", "int64")
    model.save(tmp_path / "model")
    again = fastnn.models.load_model(tmp_path / "model")
    assert again.inputs[0].dtype == "int64"
    assert np.array_equal(again.predict(IDS), model.predict(IDS))


@pytest.mark.parametrize("value", [7, -1, 2**40, 2.5, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("eager", [False, True])
def test_an_id_that_is_none_is_refused_with_its_row(value, eager):
    model, _ = words(dtype="float32")
    model.compile("adam", "mse", run_eagerly=eager)
    before = [w.tobytes() for w in model.get_weights()]
    wrong = IDS.astype(np.float64)
    wrong[4, 3] = value
    said = r"embedding\S*: id \S+ of row 4 is not a whole number from 0 to 6"
    for call in (
        lambda: model.predict(wrong),
        lambda: model.fit(wrong, np.ones((6, 5, 2)), batch_size=6, verbose=0),
        lambda: model.evaluate(wrong, np.ones((6, 5, 2)), verbose=0),
    ):
        with pytest.raises(IdError, match=said) as caught:
            call()
        assert len(str(caught.value)) < 400
    with pytest.raises(IdError, match="of row 0"):
        model.predict_one(wrong[4])
    assert [w.tobytes() for w in model.get_weights()] == before
    assert model.predict(IDS).shape == (6, 5, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((0, 3), ValueError, "input_dim must be a positive integer"),
        ((3, 2.5), TypeError, "output_dim must be a positive integer"),
        ((1 << 25, 1), ValueError, "at most 16777216"),
        ((3, 2, "uniform", None, None, False, np.ones((2, 3))), ShapeError, r"expected \(3, 2\)"),
    ],
)
def test_mistakes(arguments, error, said):
    with pytest.raises(error, match=said):
        Embedding(*arguments)


# ---- masks ---------------------------------------------------------------------------------------


def test_masking_marks_steps_and_zeroes_them():
    x = np.random.default_rng(1).normal(size=(3, 4, 2))
    x[0, 1] = x[1, 3] = x[2, 0] = -1
    x[2, 1] = -1, 5
    x[1, 0] = -1, np.nan
    steps = Masking(-1)
    assert np.array_equal(
        Sequential([Input((4, 2)), steps, Seen()]).predict(x), (x != -1).any(-1).astype(float)
    )
    model = Sequential([Input((4, 2)), Masking(-1)], dtype="float64")
    expected = np.where((x != -1).any(-1, keepdims=True), x, 0)
    assert np.array_equal(model.predict(x), expected, equal_nan=True)
    assert Masking.from_config(steps.get_config()).mask_value == -1


def test_masking_passes_gradients_of_the_steps_that_count():
    model = Sequential([Input((4, 2)), Dense(2, "relu"), Masking(), Dense(1)], dtype="float64")
    model.compile("sgd", "mse")
    x = np.random.default_rng(1).normal(size=(3, 4, 2))
    assert fastnn.gradcheck(model, x, np.ones((3, 4, 1))).ok


@pytest.mark.parametrize(("value", "error"), [("0", TypeError), (True, TypeError)])
def test_a_mask_value_is_a_number(value, error):
    with pytest.raises(error, match="mask_value must be a number"):
        Masking(value)


def test_masking_needs_steps():
    with pytest.raises(ShapeError, match=r"mask_zero=True"):
        Sequential([Input((4,)), Masking()])


def test_masks_go_through_layers_that_know_them():
    between = [Dense(4, "tanh"), Dropout(0.5), layers.Activation("relu")]
    model = Sequential([Input((5,)), Embedding(7, 3, mask_zero=True), *between, Seen()])
    assert np.array_equal(model.predict(IDS), (IDS != 0).astype(np.float32))


def test_masks_go_through_functional_models():
    ids = Input((5,), dtype="int32")
    known = Embedding(7, 3, mask_zero=True)(ids)
    assert known.mask_shape == (None, 5)
    assert Dense(2)(known).mask_shape == (None, 5)
    merged = Add()([known, Dense(3)(known)])
    assert np.array_equal(Model(ids, Seen()(merged)).predict(IDS), IDS != 0)


def test_a_step_counts_that_counts_in_any_input():
    a, b = Input((5,)), Input((5,))
    parts = [Embedding(7, 3, mask_zero=True)(x) for x in (a, b)]
    other = IDS[::-1]
    model = Model([a, b], Seen()(Add()(parts)))
    assert np.array_equal(model.predict([IDS, other]), (IDS != 0) | (other != 0))
    assert Add()([parts[0], Embedding(7, 3)(b)]).mask_shape is None


def test_a_layer_may_compute_the_mask():
    class Last(Layer):
        """Returns what it gets; the mask says the opposite."""

        def call(self, x):
            return ops.scale(x, 1.0)

        def compute_mask(self, inputs, previous_mask):
            return ops.subtract(ops.scale(previous_mask, 0.0), ops.scale(previous_mask, -1.0))

    ids = Input((5,))
    y = Last()(Embedding(7, 3, mask_zero=True)(ids))
    assert np.array_equal(Model(ids, Seen()(y)).predict(IDS), IDS != 0)


def test_a_layer_may_be_called_with_a_mask():
    x, mask = Input((5, 2)), Input((5,))
    model = Model([x, mask], Seen()(x, mask=mask))
    numbers = np.random.default_rng(0).integers(0, 2, (3, 5))
    assert np.array_equal(model.predict([np.ones((3, 5, 2)), numbers]), numbers)


def test_a_layer_that_knows_no_masks_warns():
    embedded = Embedding(7, 3, mask_zero=True)(Input((5,)))
    with pytest.warns(MaskWarning, match="flatten.*supports_masking = True"):
        assert Flatten()(embedded).mask_shape is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Flatten()(Embedding(7, 3)(Input((5,))))


def test_dropout_of_embedded_words_is_that_of_the_seed():
    model = Sequential([Input((2,)), Embedding(3, 4), Dropout(0.5), Flatten()], dtype="float64")
    model.set_weights([np.ones((3, 4))])
    model.compile(fastnn.optimizers.SGD(0), "mse")
    keep = dropout_keep(model.seed, 0, np.arange(3), 0, 8, 0.5)
    expected = np.where(keep, 2.0, 0.0)
    history = model.fit(np.ones((3, 2)), expected, shuffle=False, verbose=0).history
    assert history["loss"] == [0]


# ---- inputs --------------------------------------------------------------------------------------


def test_whole_numbers_leave_the_precision_to_the_layers():
    assert Input((3,), dtype="int32").dtype == "int32"
    assert Input((3,), dtype=np.int64).dtype == "int64"
    assert Dense(2)(Input((3,), dtype="uint8")).dtype == "float32"
    with pytest.raises(ValueError, match='or a type of whole numbers such as "int32", got'):
        Input((3,), dtype="complex64")
