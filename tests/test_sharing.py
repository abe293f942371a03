"""Layers and weights that several models share: one store, an optimizer for each model."""

import gc
import threading

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential
from fastnn.errors import ConcurrentUseError
from fastnn.layers import BatchNormalization, Dense

RNG = np.random.default_rng(0)
X, NOISE = RNG.normal(size=(64, 5)), RNG.normal(size=(64, 3))
ONES, ZEROS = np.ones((64, 1)), np.zeros((64, 1))


def autoencoder():
    fastnn.set_seed(1)
    x, code = Input((5,), dtype="float64"), Input((2,), dtype="float64")
    down, up = Dense(2, "tanh", name="down"), Dense(5, name="up")
    encoder, decoder = Model(x, down(x), name="encoder"), Model(code, up(code), name="decoder")
    return encoder, decoder, Model(x, up(down(x)), name="both")


def test_what_one_model_learns_the_others_know():
    encoder, decoder, both = autoencoder()
    encoder.predict(X), decoder.predict(NOISE[:, :2])  # their programs are made
    both.compile("adam", "mse")
    both.fit(X, X, epochs=2, verbose=0)
    assert np.allclose(decoder.predict(encoder.predict(X)), both.predict(X))
    assert all(map(np.array_equal, encoder.get_weights(), both.get_weights()[:2]))
    before = both.predict(X)
    encoder.set_weights([w + 1 for w in encoder.get_weights()])
    assert not np.allclose(both.predict(X), before)
    assert np.allclose(decoder.predict(encoder.predict(X)), both.predict(X))


def test_sharing_changes_no_bit_of_what_is_learned():
    weights = []
    for shared in (False, True):
        _, _, both = autoencoder()
        if shared:
            another = Dense(1, name="another")
            x = both.network.inputs[0]
            Model(x, another(both.network.calls[0].outputs[0])).predict(X)
        both.compile("adam", "mse")
        both.fit(X, X, epochs=3, batch_size=7, verbose=0)
        weights.append(both.get_weights())
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*weights, strict=True))


def test_a_model_keeps_what_its_optimizer_remembers_when_its_weights_move():
    results = []
    for joins in (False, True):
        _, _, both = autoencoder()
        both.compile("adam", "mse")
        both.fit(X, X, epochs=1, verbose=0)
        if joins:
            x = both.network.inputs[0]
            head = Model(x, Dense(1, name="head")(both.network.outputs[0]))
            head.compile("adam", "mse")
            assert head.predict(X).shape == (64, 1)
        both.fit(X, X, epochs=1, verbose=0)
        results.append(both.get_weights())
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*results, strict=True))


def adversaries():
    """A generator, a discriminator, and the two in a row with the second frozen."""
    fastnn.set_seed(3)
    z, x = Input((3,)), Input((5,))
    make = [Dense(6, "relu", name="g0"), BatchNormalization(name="g1"), Dense(5, name="g2")]
    judge = [Dense(6, "relu", name="d0"), Dense(1, "sigmoid", name="d1")]

    def chain(layers, y):
        for layer in layers:
            y = layer(y)
        return y

    discriminator = Model(x, chain(judge, x), name="discriminator")
    discriminator.compile("adam", "binary_crossentropy")
    for layer in judge:
        layer.trainable = False
    generator = Model(z, chain(make, z), name="generator")
    both = Model(z, chain(judge, chain(make, z)), name="both")
    both.compile("adam", "binary_crossentropy")
    return generator, discriminator, both


def test_a_frozen_discriminator_learns_by_itself_alone():
    generator, discriminator, both = adversaries()
    for _ in range(3):
        g, d = generator.get_weights(), discriminator.get_weights()
        both.train_on_batch(NOISE, ONES)
        assert all(map(np.array_equal, d, discriminator.get_weights()))
        assert not any(map(np.array_equal, g[:4], generator.get_weights()[:4]))
        g = generator.get_weights()
        discriminator.train_on_batch(generator.predict(NOISE), ZEROS)
        assert all(map(np.array_equal, g, generator.get_weights()))
        assert not any(map(np.array_equal, d, discriminator.get_weights()))
        assert np.allclose(discriminator.predict(generator.predict(NOISE)), both.predict(NOISE))


def test_weights_that_do_not_lie_in_a_row_are_trained_in_runs():
    results = []
    for frozen in (False, True):
        fastnn.set_seed(0)
        layers = [Dense(4, "tanh", name=f"d{i}") for i in range(3)]
        model = Sequential([Input((5,)), *layers, Dense(1, name="last")])
        if frozen:  # another model holds the middle too, so that nothing is put in order
            x = Input((4,))
            other = Model(x, Dense(1)(layers[1](x)))
            model.predict(X)
            other.predict(RNG.normal(size=(2, 4)))
        layers[2].trainable = False
        model.compile("adam", "mse")
        assert (len(model.runtime.parameters.runs) > 1) == frozen
        model.fit(X, ONES, epochs=3, verbose=0)
        results.append(model.get_weights())
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*results, strict=True))


def test_what_is_computed_once_from_weights_is_computed_again_when_another_model_trains():
    x = Input((300,))
    wide = Dense(300, "relu")
    features, model = Model(x, wide(x)), Model(x, Dense(1)(wide(x)))
    data = RNG.normal(size=(128, 300)).astype("float32")
    before = features.predict(data)
    model.compile("sgd", "mse")

    class Watch(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(features.predict(data))

    seen = [before]
    model.fit(data, data[:, :1], epochs=2, callbacks=[Watch()], verbose=0)
    assert not np.array_equal(seen[1], before)
    assert not np.array_equal(seen[1], seen[2])
    kernel, bias = wide.get_weights()
    assert np.allclose(seen[2], np.maximum(data @ kernel + bias, 0), rtol=1e-4, atol=1e-5)
    assert np.array_equal(features.predict_one(data[0]), seen[2][0])


def test_weights_are_not_moved_while_they_are_trained():
    _, _, both = autoencoder()
    both.compile("adam", "mse")

    class Join(fastnn.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            x = both.network.inputs[0]
            with pytest.raises(ConcurrentUseError, match="'both' shares its weights"):
                Model(x, Dense(1)(both.network.outputs[0])).predict(X)
            part = Model(x, both.network.calls[0].outputs[0])  # nothing new: nothing moves
            assert part.predict(X).shape == (64, 2)

    both.fit(X, X, epochs=2, callbacks=[Join()], verbose=0)


def test_predictions_go_on_while_weights_move():
    encoder, _, both = autoencoder()
    want = encoder.predict(X)
    stop, wrong = threading.Event(), []

    def serve():
        while not stop.is_set():
            if not np.array_equal(encoder.predict(X), want):
                wrong.append(1)

    threads = [threading.Thread(target=serve) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        Model(both.network.inputs[0], Dense(1)(both.network.outputs[0])).predict(X)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_store_forgets_what_no_model_knows_any_more():
    encoder, _, both = autoencoder()
    for _ in range(6):
        Model(both.network.inputs[0], Dense(50)(both.network.outputs[0])).predict(X)
        gc.collect()
    assert encoder.runtime.parameters.store.buffer.size < 1500


def test_a_layer_outlives_its_model():
    dense = Dense(2)
    first = Sequential([Input((3,)), dense])
    kept = first.get_weights()
    del first
    gc.collect()
    second = Sequential([Input((3,)), dense])
    assert all(map(np.array_equal, second.get_weights(), kept))
