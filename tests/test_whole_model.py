"""Whole trainings, compiled against the NumPy reference interpreter, on every instruction set.

The two start from the same bits and see the same batches and masks, so they differ by rounding
alone.  In float64 the difference after 200 steps has to stay below 1e-9 of the weights.  In float32
both round at every step, u = 2^-24, in other places (the twins compute in float64 and round once):
after n steps that a training neither damps nor amplifies, the difference is a random walk of n
roundings of each sum's terms; 200 steps of sums of at most 128 terms, 128 u sqrt(200), make 1e-4.
"""

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential
from fastnn.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastnn.optimizers import SGD, Adam

TOLERANCE = {"float64": 1e-9, "float32": 128 * 2**-24 * np.sqrt(200)}

RNG = np.random.default_rng(8)
MODELS = {
    "mlp": (
        (11,),
        lambda: [Dense(23, "tanh"), Dropout(0.2), Dense(13, "sigmoid"), Dense(3, "softmax")],
    ),
    "relu mlp": ((11,), lambda: [Dense(23, "relu"), Dense(3, "softmax")]),
    "convnet": (
        (7, 6, 2),
        lambda: [
            Conv2D(5, 3, padding="same", activation="tanh"),
            MaxPooling2D(),
            Dropout(0.3),
            Conv2D(3, 2, strides=(2, 1), activation="sigmoid"),
            Flatten(),
            Dense(3, "softmax"),
        ],
    ),
}
OPTIMIZERS = {
    "momentum": lambda: SGD(0.02, momentum=0.9),
    "nesterov": lambda: SGD(0.02, momentum=0.9, nesterov=True),
    "adam": lambda: Adam(0.002),
}


def train(shape, layers, optimizer, dtype, eager, epochs=20, batch=7):
    """200 steps: 20 epochs of 10 batches, the last of each short."""
    fastnn.set_seed(5)
    model = Sequential([Input(shape), *layers()], dtype=dtype)
    model.compile(optimizer(), "sparse_categorical_crossentropy", ["accuracy"], run_eagerly=eager)
    x = np.random.default_rng(3).normal(size=(66, *shape))
    y = (x.reshape(66, -1)[:, :3]).argmax(axis=1)
    history = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0).history
    assert int(model.runtime.buffers["step"][0]) == epochs * -(-66 // batch)
    return np.concatenate([w.ravel() for w in model.get_weights()]), history, model.predict(x)


_reference = {}


def reference(name, optimizer, dtype):
    """The interpreter's training, once for all instruction sets."""
    key = (name, optimizer, dtype)
    if key not in _reference:
        _reference[key] = train(*MODELS[name], OPTIMIZERS[optimizer], dtype, eager=True)
    return _reference[key]


def distance(a, b):
    return np.abs(a - b).max() / np.abs(b).max()


@pytest.fixture(params=fastnn.isa_names())
def isa(request, monkeypatch):
    monkeypatch.setenv("FASTNN_ISA", request.param)
    assert fastnn.isa() == request.param
    return request.param


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_training_is_the_references(name, optimizer, dtype, isa):
    want_weights, want_history, want_output = reference(name, optimizer, dtype)
    weights, history, output = train(*MODELS[name], OPTIMIZERS[optimizer], dtype, eager=False)
    assert distance(weights, want_weights) < TOLERANCE[dtype]
    assert distance(output, want_output) < TOLERANCE[dtype]
    assert np.allclose(history["loss"], want_history["loss"], rtol=TOLERANCE[dtype], atol=0)
    if dtype == "float64":
        assert history["accuracy"] == want_history["accuracy"]


def test_the_trainings_above_learn():
    """Else equal weights would prove little."""
    for name in MODELS:
        for optimizer in OPTIMIZERS:
            loss = reference(name, optimizer, "float64")[1]["loss"]
            assert loss[-1] < 0.93 * loss[0], (name, optimizer, loss[0], loss[-1])


def test_the_bits_are_those_of_every_instruction_set_with_fused_multiply_add(monkeypatch):
    from fastnn import _core

    with_fma = [name for name in fastnn.isa_names() if name != "base"]
    if not _core.cpu_has_fma() or len(with_fma) < 2:
        pytest.skip("this CPU has fewer than two instruction sets with fused multiply-add")
    for dtype in ("float32", "float64"):
        results = []
        for isa in with_fma:
            monkeypatch.setenv("FASTNN_ISA", isa)
            shape, layers = MODELS["convnet"]
            weights, _, output = train(shape, layers, OPTIMIZERS["adam"], dtype, False, epochs=3)
            results.append((weights.tobytes(), output.tobytes()))
        assert len(set(results)) == 1


def test_one_update_too_many_would_be_seen():
    """What the comparison cannot see, it cannot promise: a single extra step is far outside."""
    for name in MODELS:
        for dtype in TOLERANCE:
            shape, layers = MODELS[name]
            runs = [
                train(shape, layers, OPTIMIZERS["adam"], dtype, False, epochs=epochs, batch=66)
                for epochs in (5, 6)
            ]
            assert distance(runs[0][0], runs[1][0]) > TOLERANCE[dtype]
