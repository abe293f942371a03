"""Layers that take their numbers from data; labels and class numbers."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, utils
from fastnn.errors import DTypeError, LabelError, ShapeError
from fastnn.layers import Dense, MinMaxScaling, Normalization, Rescaling
from fastnn.layers.preprocessing import standardizing
from fastnn.models import load_model


def numbers(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(100, 3, shape) * np.arange(1, shape[-1] + 1)


def through(layer, x, dtype="float64"):
    return Sequential([Input(x.shape[1:]), layer], dtype=dtype).predict(x)


AXES = [
    (-1, (50, 3)),
    (-1, (20, 4, 3)),
    ((1, 2), (20, 4, 3)),
    (1, (20, 4, 3)),
    ((3, 1), (9, 4, 3, 2)),
    ([-3, -2], (9, 4, 3, 2)),
]


@pytest.mark.parametrize(("axis", "shape"), AXES)
def test_normalization_has_the_moments_of_its_data(axis, shape):
    layer = Normalization(axis)
    x = numbers(*shape)
    layer.adapt(x)
    kept = tuple(a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis))
    others = tuple(a for a in range(len(shape)) if a not in kept)
    mean, deviation = x.mean(others, keepdims=True), x.std(others, keepdims=True)
    assert np.allclose(through(layer, x), (x - mean) / deviation, rtol=1e-11, atol=1e-11)
    assert np.allclose(layer.mean.value, x.mean(others), rtol=1e-14)


@pytest.mark.parametrize(("axis", "shape"), AXES)
def test_min_max_is_the_range_of_any_axes(axis, shape):
    layer = MinMaxScaling(axis=axis)
    x = numbers(*shape)
    layer.adapt(x)
    kept = tuple(a % len(shape) for a in ((axis,) if isinstance(axis, int) else axis))
    others = tuple(a for a in range(len(shape)) if a not in kept)
    y = through(layer, x)
    assert np.allclose(y.min(others), -1, rtol=1e-11)
    assert np.allclose(y.max(others), 1, rtol=1e-11)


def test_one_mean_for_all_numbers():
    layer = Normalization(axis=None)
    x = numbers(20, 4)
    layer.adapt(x)
    assert layer.mean.shape == ()
    assert np.allclose(through(layer, x), (x - x.mean()) / x.std(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e6 + 0.1, -7e-5])
def test_a_constant_column_becomes_0(value, dtype):
    layer = Normalization()
    x = np.stack([np.full(1001, value), np.arange(1001.0)], axis=1)
    layer.adapt(x)
    assert (through(layer, x, dtype)[:, 0] == 0).all()
    assert layer.variance.value[0] == 0


def test_batches_are_as_good_as_one_array(monkeypatch):
    x = numbers(1000, 3) + 1e7
    whole, parts, chunks = Normalization(), Normalization(), Normalization()
    whole.adapt(x)
    parts.adapt(x[first : first + 77] for first in range(0, 1000, 77))
    monkeypatch.setattr("fastnn.layers.preprocessing._CHUNK", 13)
    chunks.adapt(x)
    for layer in (parts, chunks):
        assert np.allclose(layer.mean.value, whole.mean.value, rtol=1e-15)
        assert np.allclose(layer.variance.value, x.var(0), rtol=1e-11)


def test_adapting_again_starts_anew_and_a_model_notices():
    layer = Normalization()
    layer.adapt(numbers(10, 3))
    model = Sequential([Input((3,)), layer, Dense(2)], dtype="float64")
    x = numbers(30, 3, seed=1)
    before = model.predict(x)
    layer.adapt(x)
    w, b = model.get_weights()[-2:]
    assert not np.allclose(before, model.predict(x))
    assert np.allclose(model.predict(x), (x - x.mean(0)) / x.std(0) @ w + b, rtol=1e-9, atol=1e-9)


def test_there_and_back():
    there, back = Normalization(), Normalization(invert=True)
    x = numbers(20, 3)
    there.adapt(x)
    back.adapt(x)
    assert np.allclose(through(back, through(there, x)), x, rtol=1e-12)


def test_given_numbers_are_those():
    layer = Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0])
    assert np.allclose(through(layer, np.array([[3.0, 8.0]])), [[1, 2]], rtol=1e-15)
    with pytest.raises(ValueError, match="given its mean"):
        layer.adapt(np.ones((3, 2)))
    alike = Normalization(mean=2.0, variance=4.0)
    assert np.allclose(through(alike, np.array([[4.0, 0.0]])), [[1, -1]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_min_max_is_the_range(dtype):
    layer = MinMaxScaling((-2, 3))
    x = numbers(40, 3)
    layer.adapt(x)
    y = through(layer, x, dtype)
    eps = 8 * np.finfo(dtype).eps * np.abs(x).max() / np.ptp(x, axis=0).min()
    assert np.allclose(y.min(0), -2, atol=5 * eps)
    assert np.allclose(y.max(0), 3, atol=5 * eps)


def test_min_max_of_a_constant_is_the_middle_and_leaves_others_alone():
    layer = MinMaxScaling()
    layer.adapt(np.full((5, 1), 0.7))
    y = through(layer, np.array([[0.7], [1.2]])).ravel()
    assert y[0] == 0
    assert np.isclose(y[1], 0.5)


def test_before_adapt_data_stays_as_it_is():
    x = np.linspace(-1, 1, 6).reshape(2, 3)
    assert np.array_equal(through(Normalization(), x), x)
    assert np.allclose(through(MinMaxScaling(), x), x, rtol=1e-15, atol=1e-15)


def test_bytes_stay_bytes_and_are_scaled_in_the_batch():
    x = np.random.default_rng(0).integers(0, 256, (10, 4, 4, 1), dtype=np.uint8)
    model = Sequential([Input((4, 4, 1)), Rescaling(1 / 255, -0.5)])
    assert np.allclose(model.predict(x), x / 255 - 0.5, rtol=1e-6, atol=1e-7)
    model.compile("sgd", "mse")
    assert np.isclose(model.evaluate(x, x / 255 - 0.5, verbose=0), 0, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rescaling_by_arrays_is_that_of_each_place(dtype, tmp_path):
    x = numbers(20, 6).reshape(10, 2, 2, 3)
    for scale, offset in (([1e18, 2, 1e-16], 0), (0.5, [1, 2, 3]), ([[[2, 3, 4]], [[5, 6, 7]]], 1)):
        layer = Rescaling(scale, offset)
        wanted = x.astype(dtype) * np.asarray(scale, dtype) + np.asarray(offset, dtype)
        y = through(layer, x, dtype)
        assert np.allclose(y, wanted, rtol=4 * np.finfo(dtype).eps, atol=0)
        assert np.array_equal(through(Rescaling.from_config(layer.get_config()), x, dtype), y)
        model = Sequential([Input((2, 2, 3)), layer], dtype=dtype)
        model.save(tmp_path / "m.fastnn")
        assert np.array_equal(load_model(tmp_path / "m.fastnn").predict(x), y)


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1e-3, 1.0, 1e9, 1e17])
def test_standardizing_of_any_size(scale, invert):
    scaling = standardizing(np.array([0.0, 3 * scale]), np.array([scale, 2 * scale]), invert)
    x, y = np.array([[scale, 5 * scale]]), np.array([[1.0, 1.0]])
    given, wanted = (y, x) if invert else (x, y)
    assert np.allclose(Sequential([Input((2,)), *scaling]).predict(given), wanted, 1e-6, 0)


def test_a_tiny_deviation_costs_others_no_digits(tmp_path):
    """What is far from 0 and varies little would be the difference of large numbers."""
    x = np.array([1e6, 0.0]) + numbers(50, 2) * [1.0, 1e-9]
    x = x.astype("float32").astype("float64")
    scaling = standardizing(x.mean(0), x.std(0), name="scaled")
    model = Sequential([Input((2,)), *scaling])
    y = model.predict(x)
    middle = x.mean(0).astype("float32")
    assert np.allclose(y, (x - middle) / x.std(0), rtol=1e-6, atol=0)
    model.save(tmp_path / "m.keras", format="keras")
    assert np.array_equal(load_model(tmp_path / "m.keras").predict(x), y)
    fastnn.onnx.export(model, tmp_path / "m.onnx")
    assert np.allclose(fastnn.onnx.load(tmp_path / "m.onnx").predict(x), y, rtol=1e-6, atol=0)
    fastnn.export_c(model, tmp_path / "m.c", test=x)
    assert [layer.name for layer in scaling] == ["scaled_from_middle", "scaled"]


@pytest.mark.parametrize("cls", [Normalization, MinMaxScaling])
def test_numbers_are_saved_with_the_model(cls, tmp_path):
    layer = cls()
    x = numbers(20, 3)
    layer.adapt(x)
    model = Sequential([Input((3,)), layer, Dense(2)])
    model.save(tmp_path / "m.fastnn")
    loaded = load_model(tmp_path / "m.fastnn")
    assert np.array_equal(loaded.predict(x), model.predict(x))


def test_training_leaves_them_alone():
    layer = Normalization()
    x = numbers(20, 3)
    layer.adapt(x)
    model = Sequential([Input((3,)), layer, Dense(1)])
    model.compile("adam", "mse")
    before = layer.get_weights()
    model.fit(x, x[:, 0], epochs=2, verbose=0)
    assert all(map(np.array_equal, before, layer.get_weights()))


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: Normalization().adapt(np.ones((0, 3))), ShapeError, "at least one row"),
        (lambda: Normalization().adapt([]), ShapeError, "at least one row"),
        (lambda: Normalization().adapt(iter(())), ShapeError, "at least one row"),
        (lambda: Normalization().adapt(3.0), ShapeError, r"batches of one shape"),
        (lambda: Normalization().adapt([[np.nan]]), ValueError, "finite numbers"),
        (
            lambda: Normalization().adapt(iter([np.ones((2, 3)), np.ones((2, 4))])),
            ShapeError,
            r"one shape .* got \(2, 4\) after \(rows, 3\)",
        ),
        (lambda: Normalization(axis=0).adapt(np.ones((2, 3, 4))), ShapeError, "axes of a sample"),
        (lambda: Normalization(axis="x"), TypeError, "axis must be an integer"),
        (lambda: Normalization(mean=1.0), ValueError, "come together"),
        (lambda: Normalization(mean=1.0, variance=-1.0), ValueError, "not be negative"),
        (
            lambda: through(Normalization(mean=[1, 2], variance=[1, 2]), np.ones((2, 3))),
            ShapeError,
            r"shape \(2,\)",
        ),
        (lambda: MinMaxScaling((1, 1)), ValueError, "low < high"),
        (lambda: MinMaxScaling((1, 2, 3)), ValueError, "low < high"),
        (lambda: Rescaling("x"), TypeError, "scale must be a number"),
        (lambda: Rescaling([[1], [1, 2]]), ShapeError, "scale is a nested sequence"),
        (lambda: Rescaling(["a"]), DTypeError, "scale must hold real numbers"),
        (lambda: Rescaling(np.nan), ValueError, "scale must be finite, got NaN"),
        (lambda: Rescaling(1, [0, np.inf]), ValueError, "offset must be finite, got NaN"),
        (
            lambda: through(Rescaling([1, -1e40]), np.ones((2, 2)), "float32"),
            ValueError,
            r"scale has 1e\+40, beyond the range of float32; .* compute in float64",
        ),
        (
            lambda: through(Rescaling(1, 1e40), np.ones((2, 2)), "float32"),
            ValueError,
            r"offset has 1e\+40",
        ),
        (
            lambda: through(Rescaling([1, 2]), np.ones((2, 3))),
            ShapeError,
            r"scale has the shape \(2,\), which a sample of \(rows, 3\) has no places for",
        ),
        (
            lambda: through(Rescaling(1, np.ones((1, 1, 3))), np.ones((2, 3))),
            ShapeError,
            r"offset has the shape \(1, 1, 3\)",
        ),
    ],
)
def test_mistakes(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


def test_refused_data_leave_the_numbers_as_they_were():
    layer = Normalization()
    layer.adapt(numbers(10, 3))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="finite"):
        layer.adapt(np.full((3, 3), np.inf))
    assert all(map(np.array_equal, before, layer.get_weights()))


# ---- labels --------------------------------------------------------------------------------------


def test_one_hot_rows():
    assert utils.to_categorical([[1], [0]], 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert utils.to_categorical(np.zeros((2, 3), np.uint8)).shape == (2, 3, 1)
    assert utils.to_categorical(2, 4).tolist() == [0, 0, 1, 0]
    assert utils.to_categorical([], 3).shape == (0, 3)


@pytest.mark.parametrize("labels", [[-1], [3], [0.5]])
def test_what_is_no_class_is_refused(labels):
    with pytest.raises(LabelError, match="is none of 3 classes"):
        utils.to_categorical(labels, 3)


@pytest.mark.parametrize(
    "labels", [["b", "a", "b"], [30, 10, 20], [[2.5, -1.0]], np.array([True, False])]
)
def test_labels_become_numbers_and_labels_again(labels):
    ids, classes = utils.class_ids(labels)
    assert ids.dtype == np.int64
    assert ids.min() == 0
    assert ids.max() == len(classes) - 1
    assert np.array_equal(utils.class_labels(ids, classes), np.asarray(labels))
    again, same = utils.class_ids(labels, classes)
    assert np.array_equal(again, ids)
    assert np.array_equal(same, classes)


def test_scores_become_labels():
    assert utils.class_labels([[0.1, 0.7, 0.2]], ["a", "b", "c"]).tolist() == ["b"]


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: utils.class_ids(["x"], ["a"]), LabelError, "'x' is none of the 1 classes"),
        (lambda: utils.class_ids(["a"], ["a", "a"]), LabelError, "twice"),
        (lambda: utils.class_ids(["a"], "a"), ShapeError, "list of labels"),
        (lambda: utils.class_labels([2], ["a", "b"]), LabelError, "2 is no class"),
        (lambda: utils.class_labels([0.0], ["a", "b"]), ShapeError, "rows of 2 scores"),
        (lambda: utils.normalize([1.0], axis=1), ShapeError, "no axis 1"),
    ],
)
def test_wrong_labels(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


def test_normalize():
    x = np.random.default_rng(0).normal(size=(4, 5))
    assert np.allclose(utils.normalize(x, 0, 1), x / np.abs(x).sum(0), rtol=1e-15)
    assert utils.normalize(np.zeros(3)).tolist() == [0, 0, 0]


def test_float32_stays_float32():
    assert utils.normalize(np.ones((2, 2), np.float32)).dtype == np.float32


SCALINGS = pytest.mark.parametrize("kind", [Normalization, MinMaxScaling])


def scaled(kind=Normalization, **options):
    model = Sequential([Input((2,)), kind(name="scaling", **options), Dense(1)])
    model.compile("sgd", "mse")
    return model


def fitted(model, **options):
    model.fit(SIGNS, SIGNS[:, 0], verbose=0, **options)
    return model


#: What both kinds leave as it is after adapt, too.
SIGNS = np.array([[-1.0, 1.0], [1.0, -1.0]])


@SCALINGS
def test_fit_tells_of_scaling_that_nothing_was_adapted_to(kind, tmp_path):
    message = r"fit: the layer 'scaling' passes .* as they are.*adapt\(x_train\)"
    model = scaled(kind)
    with pytest.warns(UserWarning, match=message) as told:
        fitted(model, checkpoint=tmp_path / "state")
    assert len(told) == 1
    assert told[0].filename == __file__
    fitted(model)
    fitted(scaled(kind), checkpoint=tmp_path / "state", epochs=2)
    outer = Sequential([Input((2,)), Sequential([Input((2,)), kind(name="scaling")]), Dense(1)])
    outer.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=message):
        fitted(outer)
    with pytest.warns(UserWarning, match=message):
        fitted(scaled(kind), validation_data=(SIGNS, SIGNS[:, 0]))
    batches = scaled(kind)
    with pytest.warns(UserWarning, match=message):
        batches.fit(iter([(SIGNS, SIGNS[:, 0])]), steps_per_epoch=1, verbose=0)


@SCALINGS
def test_fit_says_nothing_of_scaling_that_has_its_numbers(kind, tmp_path):
    model = scaled(kind)
    model.layers[0].adapt(SIGNS)
    model.save(tmp_path / "m")
    model.save_weights(tmp_path / "w")
    twin, read = scaled(kind), scaled(kind)
    twin.set_weights(model.get_weights())
    read.load_weights(tmp_path / "w")
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for each in (model, twin, read, load_model(tmp_path / "m"), *copies):
        assert fitted(each).layers[0].get_weights()[1].tolist() == [1, 1]
    by_hand = scaled(kind)
    by_hand.layers[0].weights[0].assign([0.0, 0.0])
    fitted(by_hand)


def test_fit_says_nothing_of_a_mean_that_was_given():
    fitted(scaled(mean=0.0, variance=1.0))


def test_numbers_beyond_the_range_of_a_weight_are_refused():
    large = np.full((3, 2), [[1e60], [2e60], [4e60]])
    for kind in (Normalization, MinMaxScaling):
        model = Sequential([Input((2,)), kind(name="scaling")])
        model.layers[0].adapt(large)
        with pytest.raises(DTypeError, match=r"scaling/m.*beyond the range of float32; scale the"):
            model.predict(SIGNS)
        model.layers[0].adapt(SIGNS)
        before = model.predict(SIGNS)
        with pytest.raises(DTypeError, match=r"scaling/m.*value holds .*e.60, beyond the range"):
            model.layers[0].adapt(large)
        assert np.array_equal(model.predict(SIGNS), before)
    kernel = Dense(1)
    Sequential([Input((2,)), kernel])
    with pytest.raises(DTypeError, match=r"kernel: the value holds 1e\+40, beyond the range"):
        kernel.set_weights([np.full((2, 1), 1e40), [0.0]])
    kernel.set_weights([np.full((2, 1), np.inf), [0.0]])
    found = through(Normalization(mean=1e40, variance=1e60), large)
    assert np.allclose(found, large / 1e30)


def test_a_variance_beyond_the_range_leaves_the_mean_as_it_was():
    model = scaled()
    model.layers[0].adapt(SIGNS)
    before = model.get_weights()
    with pytest.raises(DTypeError, match="scaling/variance: the value holds 1e"):
        model.layers[0].adapt(1e20 * SIGNS)
    assert all(map(np.array_equal, before, model.get_weights()))
