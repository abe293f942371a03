"""Ids and ranges: indicators, quantiles, and what is no id."""

import json

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential, layers, ops
from fastnn.errors import IdError, ShapeError
from fastnn.layers import CategoryEncoding, Dense, Discretization
from fastnn.models import load_model

IDS = np.array([[0, 1, 1], [3, 3, 3], [2, 0, 3], [1, 0, 2], [0, 0, 1]])


def through(layer, x, dtype="float64", **options):
    return Sequential([Input(np.shape(x)[1:], **options), layer], dtype=dtype).predict(x)


def one_hot(ids, size):
    return np.eye(size)[np.asarray(ids)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 4)])
def test_indicators_are_those_of_numpy(shape, dtype):
    ids = np.random.default_rng(0).integers(0, 5, (7, *shape))
    hot = one_hot(ids, 5)
    for mode, expected in (
        ("one_hot", hot),
        ("multi_hot", hot.max(-2)),
        ("count", hot.sum(-2)),
    ):
        found = through(CategoryEncoding(5, mode), ids, dtype)
        assert found.dtype == dtype
        assert np.array_equal(found, expected)


def test_one_id_a_sample_has_no_axis_of_its_own():
    ids = np.array([[2], [0]])
    assert through(CategoryEncoding(3, "one_hot"), ids).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert through(CategoryEncoding(3, "binary"), ids).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_indicators_are_made_for_dense_layers():
    layer = CategoryEncoding(4)
    model = Sequential([Input((3,), dtype="int32"), layer, Dense(1)])
    model.compile("adam", "mse")
    losses = model.fit(IDS, IDS.sum(1), epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def weighted():
    x, w = Input((3,), name="ids", dtype="int32"), Input((3,), name="weights", dtype="float64")
    return Model([x, w], CategoryEncoding(4, "count")(x, count_weights=w))


def test_counts_are_weighted():
    model = weighted()
    w = np.random.default_rng(0).normal(size=IDS.shape)
    expected = (one_hot(IDS, 4) * w[..., None]).sum(1)
    assert np.allclose(model.predict([IDS, w]), expected, rtol=1e-14)
    again = Model.from_config(model.get_config())
    assert np.allclose(again.predict([IDS, w]), expected, rtol=1e-14)


def test_the_gradient_passes_to_the_weights_of_counts():
    class Counted(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight((3,), "ones", name="w")

        def call(self, x):
            return CategoryEncoding(4, "count", name="count")(x, ops.broadcast_to(self.w, x.shape))

    model = Sequential([Input((3,), dtype="int32"), Counted(), Dense(2)], dtype="float64")
    model.compile("sgd", "mse")
    check = fastnn.gradcheck(model, IDS, np.random.default_rng(0).normal(size=(5, 2)))
    assert check.ok, str(check)


@pytest.mark.parametrize("bad", [-1, 4, 0.5, np.nan, np.inf])
@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("eagerly", [False, True])
def test_an_id_that_is_none_is_refused_with_its_row(mode, bad, eagerly):
    ids = IDS.astype(float)
    ids[3, 1] = bad
    model = Sequential([Input((3,)), CategoryEncoding(4, mode, name="code"), layers.Flatten()])
    model.compile(loss="mse", run_eagerly=eagerly)
    with pytest.raises(IdError, match=r"code: id .* of row 3 .* make num_tokens larger"):
        model.predict(ids)
    assert model.predict(IDS).shape[0] == 5


RANGES = [-1.0, 0.0, 0.5, 0.5, 2.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ranges_are_those_of_numpy(dtype):
    x = np.array([[-3, -1, -0.5, 0, 0.25], [0.5, 1, 2, 3, 1e9], [np.inf, -np.inf, -0.0, 0.5, 2]])
    expected = np.digitize(x, RANGES)
    found = through(Discretization(RANGES), x, dtype)
    assert found.dtype == dtype
    assert np.array_equal(found, expected)
    for mode in ("one_hot", "multi_hot", "count"):
        coded = through(Discretization(RANGES, output_mode=mode), x)
        assert np.array_equal(coded, through(CategoryEncoding(6, mode), expected))


def test_nan_is_in_no_range():
    x = np.array([[0.1, np.nan], [5.0, 6.0]])
    found = through(Discretization(RANGES), x)
    assert np.array_equal(found, [[2, np.nan], [5, 5]], equal_nan=True)
    with pytest.raises(IdError, match="id nan of row 0"):
        through(Discretization(RANGES, output_mode="count"), x)


@pytest.mark.parametrize("bins", [2, 4, 10, 33])
def test_ranges_that_are_adapted_hold_as_many_numbers_each(bins):
    x = np.random.default_rng(0).exponential(size=(4000, 3))
    layer = Discretization(num_bins=bins)
    layer.adapt(x)
    assert len(layer.bin_boundaries) == bins - 1
    found = np.bincount(through(layer, x).astype(int).ravel(), minlength=bins) / x.size
    assert np.abs(found - 1 / bins).max() <= 0.012


def test_batches_are_about_as_good_as_one_array():
    x = np.random.default_rng(0).normal(size=(3000, 2))
    whole, parts = Discretization(num_bins=8), Discretization(num_bins=8)
    whole.adapt(x)
    parts.adapt(iter(np.array_split(x, 9)))
    assert np.allclose(whole.bin_boundaries, parts.bin_boundaries, atol=0.05)
    first = Discretization(num_bins=8)
    first.adapt(iter([x, np.full(5000, 99.0)]), steps=1)
    assert first.bin_boundaries == whole.bin_boundaries


def test_adapting_again_starts_anew_and_a_model_notices():
    layer = Discretization(num_bins=3)
    layer.adapt(np.arange(300.0))
    model = Sequential([Input((1,)), layer])
    before = model.predict([[150.0]])
    layer.adapt(np.arange(300.0) + 100)
    assert (before, model.predict([[150.0]])) == (1, 0)
    assert layer.bin_boundaries == pytest.approx([200, 300], abs=4)


def test_ranges_are_saved_with_the_model(tmp_path):
    x = np.random.default_rng(0).normal(size=(500, 3))
    layer = Discretization(num_bins=5, output_mode="count", epsilon=0.02)
    layer.adapt(x)
    model = Sequential([Input((3,)), layer, Dense(2)])
    model.save(tmp_path / "m.fastnn")
    loaded = load_model(tmp_path / "m.fastnn")
    assert np.array_equal(loaded.predict(x), model.predict(x))
    config = layer.get_config()
    assert json.loads(json.dumps(config)) == config
    assert Discretization.from_config(config).get_config() == config


@pytest.mark.parametrize(
    "layer",
    [
        lambda: CategoryEncoding(4, "count", name="one"),
        lambda: Discretization([0.0, 1.0], output_mode="one_hot", name="one"),
        lambda: Discretization(num_bins=4, epsilon=0.1, dtype="float64", name="one"),
    ],
)
def test_configs_make_equal_layers(layer):
    config = layer().get_config()
    assert json.loads(json.dumps(config)) == config
    assert type(layer()).from_config(config).get_config() == config


def test_the_bits_do_not_depend_on_batches_or_threads(monkeypatch):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    x = np.random.default_rng(0).integers(0, 50, (600, 7))
    found = []
    for threads, batch in ((1, 32), (2, 32), (2, 599)):
        fastnn.set_num_threads(threads)
        model = Sequential([Input((7,)), CategoryEncoding(50, "count")])
        found.append(model.predict(x, batch_size=batch))
    assert all(np.array_equal(found[0], each) for each in found[1:])


class Flat(layers.Layer):
    """Encodes one id a sample that has no axis of its own."""

    def call(self, x):
        return CategoryEncoding(3)(ops.sum(x, axis=-1))


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: CategoryEncoding(), TypeError, "num_tokens must be an integer"),
        (lambda: CategoryEncoding(0), ValueError, "num_tokens must be 1 or more"),
        (lambda: CategoryEncoding(3, "int"), ValueError, "must be one of one_hot, multi_hot"),
        (lambda: CategoryEncoding(3, sparse=True), ValueError, "sparse=True is not possible"),
        (lambda: through(Flat(), np.zeros((4, 2))), ShapeError, "expected ids .rows, ..., n."),
        (
            lambda: CategoryEncoding(3)(Input((2,)), count_weights=Input((2,))),
            ValueError,
            "count_weights go with output_mode='count'",
        ),
        (lambda: Discretization(), ValueError, "either bin_boundaries or num_bins"),
        (lambda: Discretization([1.0], 3), ValueError, "either bin_boundaries or num_bins"),
        (lambda: Discretization([1.0, 0.0]), ValueError, "must be rising numbers"),
        (lambda: Discretization([]), ValueError, "must be rising numbers"),
        (lambda: Discretization([[1.0]]), ValueError, "must be rising numbers"),
        (lambda: Discretization([np.nan, 1.0]), ValueError, "must be rising numbers"),
        (lambda: Discretization(num_bins=1), ValueError, "num_bins must be 2 or more"),
        (lambda: Discretization(num_bins=3, epsilon=0), ValueError, "epsilon must be above 0"),
        (lambda: Discretization([1.0], sparse=True), ValueError, "sparse=True is not possible"),
        (lambda: Discretization([1.0]).adapt([1.0]), ValueError, "was given its bin_boundaries"),
        (lambda: Discretization(num_bins=3).adapt([]), ShapeError, "at least one number"),
        (lambda: Discretization(num_bins=3).adapt([1.0]), ShapeError, "has no quantiles"),
        (lambda: Discretization(num_bins=3).adapt([np.inf]), ValueError, "finite numbers"),
        (lambda: through(Discretization(num_bins=3), np.ones((1, 2))), ValueError, "after adapt"),
    ],
)
def test_mistakes(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()


def test_refused_data_leave_the_ranges_as_they_were():
    layer = Discretization(num_bins=3)
    layer.adapt(np.arange(30.0))
    Sequential([Input((1,)), layer])
    before = layer.bin_boundaries
    for bad in ([np.nan], [], [1.0]):
        with pytest.raises(ValueError, match="adapt"):
            layer.adapt(bad)
    with pytest.raises(ShapeError, match=r"shape \(2,\), got \(1,\)"):
        layer.adapt([1.0, 2.0])
    assert layer.bin_boundaries == before
