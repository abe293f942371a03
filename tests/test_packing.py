"""Weights that are packed once and read by many predictions are never those of yesterday."""

import numpy as np
import pytest

import fastnn
from fastnn import callbacks, layers
from fastnn.compiler.program import Program

ROWS = 67
X = np.random.default_rng(0).standard_normal((ROWS, 130))
Y = np.arange(ROWS) % 3


def make(dtype="float32"):
    model = fastnn.Sequential(
        [fastnn.Input((130,)), layers.Dense(131, "relu"), layers.Dense(3, "softmax")], dtype=dtype
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def row_by_row(model):
    """Predict by a program that packs nothing."""
    return np.concatenate([model.predict(x[None]) for x in X])


def normalized():
    model = fastnn.Sequential(
        [fastnn.Input((130,)), layers.Dense(5), layers.BatchNormalization(), layers.Dense(3)]
    )
    model.compile("sgd", "mse")
    return model


def operations(model, mode, rows):
    program = Program.of(model.runtime.graph(mode), rows, model.runtime.policy, once=True)
    packers = program.packing.nodes if program.packing else []
    return [[node.op.name for node in nodes] for nodes in (packers, program.nodes)]


def test_large_products_of_many_rows_are_packed():
    model = make()
    packers, nodes = operations(model, "predict", ROWS)
    assert packers == ["pack_panels"]
    assert nodes.count("dense_panels") == 1
    assert nodes.count("dense_fwd") == 1  # three columns


@pytest.mark.parametrize(("mode", "rows"), [("train", ROWS), ("predict", 1)])
def test_what_changes_weights_or_reads_them_once_is_not(mode, rows):
    assert operations(make(), mode, rows)[0] == []


@pytest.mark.parametrize("rows", [1, ROWS])
def test_weights_of_folded_normalisations_are_computed_once(rows):
    packers, nodes = operations(normalized(), "predict", rows)
    assert packers == ["normalize_fold"]
    assert nodes == ["gather", "dense_fwd", "dense_fwd"]


def test_statistics_that_move_though_nothing_is_trained_are_folded_anew():
    model = normalized()
    for layer in model.layers:
        layer.trainable = isinstance(layer, layers.BatchNormalization)
    model.layers[1].gamma.trainable = model.layers[1].beta.trainable = False
    model.compile("sgd", "mse")
    before = model.predict(X), model.predict_one(X[0])
    model.fit(X, np.ones((ROWS, 3)), verbose=0)
    after = model.predict(X), model.predict_one(X[0])
    assert all((a != b).any() for a, b in zip(after, before, strict=True))
    np.testing.assert_array_equal(after[0][0], after[1])


def test_mixed_precision_packs_for_itself():
    assert operations(make("mixed_bfloat16"), "predict", ROWS)[0] == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_bits_are_those_of_a_row(dtype):
    model = make(dtype)
    np.testing.assert_array_equal(model.predict(X), row_by_row(model))


def fit(model):
    model.fit(X, Y, verbose=0)


def set_weights(model):
    model.set_weights([2 * w for w in model.get_weights()])


def assign(model):
    model.weights[0].assign(-model.weights[0].numpy())


def train_on_batch(model):
    model.train_on_batch(X, Y)


def other_weights(model):
    other = make()
    other.fit(X, Y, epochs=2, verbose=0)
    model.set_weights(other.get_weights())


@pytest.mark.parametrize("change", [fit, set_weights, assign, train_on_batch, other_weights])
def test_new_weights_are_packed_anew(change):
    model = make()
    before = model.predict(X)
    change(model)
    after = model.predict(X)
    assert (after != before).any()
    np.testing.assert_array_equal(after, row_by_row(model))


def test_weights_are_new_in_every_epoch():
    model, seen = make(), []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.predict(X))
            np.testing.assert_array_equal(seen[-1], row_by_row(self.model))

    model.fit(X, Y, epochs=3, verbose=0, callbacks=[Look()])
    assert len({a.tobytes() for a in seen}) == 3


def test_a_value_is_changed_by_assign_alone():
    with pytest.raises(ValueError, match="read-only"):
        make().weights[0].value[...] = 0


def test_two_threads_predict_at_once_from_weights_of_their_own():
    from concurrent.futures import ThreadPoolExecutor

    model = make()
    want = row_by_row(model)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(model.predict, [X] * 16):
            np.testing.assert_array_equal(got, want)
