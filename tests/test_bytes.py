"""Images of bytes: they stay bytes in memory, and become numbers while a batch is gathered."""

import tracemalloc

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, layers
from fastnn.compiler import fusion
from fastnn.compiler.program import Program
from fastnn.errors import DTypeError, NonFiniteWarning
from fastnn.layers import Dense, Flatten, Normalization, Rescaling

#: A data set of 12 MiB of bytes, 48 MiB as float32.
ROWS, SIZE = 4096, (32, 32, 3)


def pixels(rows=ROWS, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, *SIZE), np.uint8)


def scaling(kind, x):
    """The layer that a model of bytes begins with."""
    if kind is Rescaling:
        return Rescaling(1 / 255, -0.5)
    layer = Normalization()
    layer.adapt(x[:100])
    return layer


def classifier(first, dtype="float32"):
    fastnn.set_seed(5)
    pooling = layers.AveragePooling2D(8)
    model = Sequential([Input(SIZE), first, pooling, Flatten(), Dense(3, "softmax")], dtype=dtype)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def uses(model, x, y):
    """What all the ways to use a model make of data."""
    model.fit(x, y, epochs=2, verbose=0, validation_split=0.25)
    loss = model.train_on_batch(x[:32], y[:32])
    return [
        *model.get_weights(),
        loss,
        model.evaluate(x, y, verbose=0),
        model.predict(x),
        model.predict(x[:1]),
        model.predict_on_batch(x[:7]),
    ]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [Rescaling, Normalization])
def test_bytes_give_the_bits_of_numbers(kind, dtype):
    x = pixels(200)
    y = np.arange(200) % 3
    results = [
        uses(classifier(scaling(kind, x), dtype), data, y)
        for data in (x, x.astype(dtype), x.astype("float64"), x.astype("int64"))
    ]
    for other in results[1:]:
        assert all(map(np.array_equal, results[0], other))


@pytest.mark.parametrize("kind", [Rescaling, Normalization])
@pytest.mark.parametrize("what", ["fit", "evaluate", "predict"])
def test_no_copy_of_the_data_is_made(kind, what):
    x, y = pixels(), np.arange(ROWS) % 3
    model = classifier(scaling(kind, x))
    call = {
        "fit": lambda: model.fit(x, y, verbose=0),
        "evaluate": lambda: model.evaluate(x, y, verbose=0),
        "predict": lambda: model.predict(x),
    }[what]
    tracemalloc.start()
    try:
        call()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < x.nbytes / 4  # a copy of bytes would be all of it, one of numbers four times


def test_adapting_makes_no_copy_of_the_data():
    x = pixels()
    tracemalloc.start()
    try:
        Normalization().adapt(x)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < x.nbytes / 3


# ---- one pass ------------------------------------------------------------------------------------


def operations(model, mode):
    nodes = Program.of(model.runtime.graph(mode), 8, "float32").nodes
    return [node.op.name for node in nodes]


@pytest.mark.parametrize("mode", ["train", "evaluate", "predict"])
def test_samples_are_scaled_while_they_are_gathered(mode):
    model = classifier(Rescaling(1 / 255))
    assert operations(model, mode).count("curve_fwd") == 0
    first = Program.of(model.runtime.graph(mode), 8, "float32").nodes[0]
    assert first.attrs == {"scaled": 1, "slope": 1 / 255, "offset": 0.0}


def test_what_others_read_as_it_is_stays_as_it_is():
    x = Input(SIZE)
    y = layers.Add()([Rescaling(2.0, 1.0)(x), x])
    model = fastnn.Model(x, y)
    assert operations(model, "predict").count("curve_fwd") == 1
    data = pixels(3)
    assert np.array_equal(model.predict(data), data.astype(np.float32) * 3 + 1)


def test_only_the_first_of_two_lines_is_gathered():
    model = Sequential([Input((3,)), Rescaling(2.0, 1.0), Rescaling(3.0, -1.0)])
    assert operations(model, "predict").count("curve_fwd") == 1
    x = np.array([[0, 7, 255]], np.uint8)
    assert model.predict(x).tolist() == [[2, 44, 1532]]


def test_another_curve_is_not_a_line():
    model = Sequential([Input((3,)), layers.LeakyReLU(0.5)])
    assert operations(model, "predict").count("curve_fwd") == 1


@pytest.mark.parametrize("source", ["uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 7, 1025])
def test_fusing_changes_no_bit(source, dtype, size, monkeypatch):
    x = np.random.default_rng(size).integers(0, 250, (9, size)).astype(source)
    found = []
    for fused in (True, False):
        if not fused:
            monkeypatch.setattr(fusion, "fuse_scales", lambda nodes: nodes)
        model = Sequential([Input((size,)), Rescaling(1 / 3, 0.1)], dtype=dtype)
        model.compile("sgd", "mse")
        found.append([model.predict(x), np.array(model.evaluate(x, x, verbose=0))])
    assert all(map(np.array_equal, *found))


def test_what_overflows_is_refused_before_it_is_scaled():
    model = Sequential([Input((2,)), Rescaling(1e-300)])
    with pytest.raises(DTypeError, match="row 1 holds 1e\\+300, beyond the range of float32"):
        model.predict(np.array([[0, 1], [1e300, 0]]))
    grows = Sequential([Input((1,)), Rescaling(1e30)])
    assert grows.predict(np.array([[1e20]])).item() == np.inf


def test_a_scale_that_overflows_is_named():
    model = Sequential([Input((2,)), Rescaling(1e38), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.warns(NonFiniteWarning, match="or what it is rescaled to"):
        model.fit(np.full((4, 2), 200, np.uint8), np.zeros(4), verbose=0)


def test_the_gradient_of_an_input_passes_through_its_scale():
    model = Sequential([Input((2,)), Rescaling(3.0), Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    found = fastnn.grad(model)(np.array([[1.0, 2.0]]), np.array([[0.0]]))
    assert np.allclose(found.inputs, 2 * 9 * 3)
