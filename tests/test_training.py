"""fit, evaluate, predict, train_on_batch: what their options mean; that results hold still."""

import os
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential
from fastnn.callbacks import Callback
from fastnn.errors import NonFiniteError, NonFiniteWarning
from fastnn.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D

RNG = np.random.default_rng(11)
X = RNG.normal(size=(23, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)


def model(optimizer="adam", dtype=None, metrics=("accuracy",), eager=False):
    """A small classifier, the same at each call."""
    fastnn.set_seed(1)
    made = Sequential(
        [Input((4,)), Dense(7, "relu"), Dropout(0.2), Dense(3, "softmax")], dtype=dtype
    )
    made.compile(optimizer, "sparse_categorical_crossentropy", list(metrics), run_eagerly=eager)
    return made


def bits(made):
    return b"".join(w.tobytes() for w in made.get_weights())


def steps(made):
    return int(made.runtime.buffers["step"][0])


class Recorder(Callback):
    """Writes down what it is told."""

    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs=None):
        self.calls.append("train begin")

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch begin", epoch))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch end", epoch, sorted(logs)))

    def on_train_end(self, logs=None):
        self.calls.append("train end")


# ---- epochs and batches --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "count"), [(None, 1), (1, 23), (5, 5), (23, 1), (24, 1), (2**70, 1)]
)
def test_a_short_last_batch_is_a_step_like_any_other(batch, count):
    made = model()
    made.fit(X, Y, batch_size=batch, verbose=0)
    assert steps(made) == count


def test_history_has_one_value_an_epoch_and_is_kept():
    made = model()
    history = made.fit(X, Y, epochs=3, verbose=0)
    assert history is made.history
    assert history.epoch == [0, 1, 2]
    assert {name: len(values) for name, values in history.history.items()} == {
        "loss": 3,
        "accuracy": 3,
    }
    assert all(isinstance(v, float) for values in history.history.values() for v in values)


def test_no_epochs_do_nothing():
    made = model()
    before = bits(made)
    assert made.fit(X, Y, epochs=0, verbose=0).history == {}
    assert made.fit(X, Y, epochs=3, initial_epoch=3, verbose=0).epoch == []
    assert bits(made) == before


def test_initial_epoch_goes_on_counting():
    made = model()
    made.fit(X, Y, epochs=2, verbose=0)
    assert made.fit(X, Y, epochs=5, initial_epoch=2, verbose=0).epoch == [2, 3, 4]


@pytest.mark.parametrize("shuffle", [True, False])
def test_two_epochs_are_twice_one_epoch(shuffle):
    once, twice = model(), model()
    once.fit(X, Y, epochs=2, batch_size=4, shuffle=shuffle, verbose=0)
    for _ in range(2):
        twice.fit(X, Y, epochs=1, batch_size=4, shuffle=shuffle, verbose=0)
    assert bits(once) == bits(twice)


def test_going_on_from_initial_epoch_is_going_on():
    once, parts = model(), model()
    once.fit(X, Y, epochs=4, verbose=0)
    parts.fit(X, Y, epochs=1, verbose=0)
    parts.fit(X, Y, epochs=4, initial_epoch=1, verbose=0)
    assert bits(once) == bits(parts)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("options", [{}, {"shuffle": False}, {"steps_per_epoch": 3}], ids=str)
def test_epochs_in_one_run_are_those_that_callbacks_are_told_of(eager, options):
    """Nobody hears of the epochs of the one model, so that they are made in one run of the core."""
    alone, told = model(eager=eager), model(eager=eager)
    once = alone.fit(X, Y, epochs=5, batch_size=4, verbose=0, **options)
    each = told.fit(X, Y, epochs=5, batch_size=4, verbose=0, callbacks=[Recorder()], **options)
    assert bits(alone) == bits(told)
    assert (once.history, once.epoch, once.epochs) == (each.history, each.epoch, each.epochs)
    assert alone.epochs_trained == told.epochs_trained == 5


def test_of_very_many_epochs_no_more_than_a_buffer_are_made_in_one_run(monkeypatch):
    monkeypatch.setattr(fastnn.fitting, "_LOG_TOTALS", 9)  # two epochs of two totals of two numbers
    parts, once = model(), model()
    history = parts.fit(X, Y, epochs=7, verbose=0)
    monkeypatch.undo()
    assert history.history == once.fit(X, Y, epochs=7, verbose=0).history
    assert history.epoch == list(range(7))
    assert bits(parts) == bits(once)


def test_a_run_of_epochs_ends_soon_where_another_thread_says_so():
    made = model()
    timer = threading.Timer(0.1, setattr, (made, "stop_training", True))
    timer.start()
    history = made.fit(X, Y, epochs=10**7, verbose=0)
    assert 0 < len(history.epoch) == made.epochs_trained < 10**7
    assert steps(made) == len(history.epoch)


def test_an_epoch_that_has_begun_is_made_though_another_thread_says_stop(monkeypatch):
    made = model()
    learn = fastnn.fitting.Fit._learn

    def late(self, *args):
        made.stop_training = True
        return learn(self, *args)

    monkeypatch.setattr(fastnn.fitting.Fit, "_learn", late)
    history = made.fit(X, Y, epochs=3, verbose=0)
    assert steps(made) == len(history.epoch) == 1


def test_an_interrupt_in_a_run_of_epochs_leaves_those_that_were_made(monkeypatch):
    made, run = model(), fastnn.compiler.bind.Compiled.run

    def interrupted(self, run_of):
        run(self, run_of)  # a slice, or all
        raise KeyboardInterrupt

    monkeypatch.setattr(fastnn.compiler.bind.Compiled, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, Y, epochs=4, verbose=0)
    monkeypatch.undo()
    assert made.history.epoch == [0, 1, 2]  # the last had no time to be told
    assert made.epochs_trained == 3
    other = model()
    assert made.history.history["loss"] == other.fit(X, Y, epochs=3, verbose=0).history["loss"]


def test_a_layer_in_python_may_stop_the_training_after_the_epoch():
    class Stops(Layer):
        def forward(self, x):
            made.stop_training = True
            return x

        def backward(self, dy):
            return dy

    made = Sequential([Input((4,)), Stops(), Dense(3, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    assert made.fit(X, Y, epochs=9, verbose=0).epoch == [0]


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples():
    """With a rate of 0 nothing changes, so the epoch's mean is evaluate's, short batch and all."""
    fastnn.set_seed(1)
    made = Sequential([Input((4,)), Dense(3, "softmax")], dtype="float64")
    made.compile(
        fastnn.optimizers.SGD(0.0), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = made.fit(X, Y, batch_size=5, verbose=0).history
    p = made.predict(X)
    assert np.isclose(history["loss"][0], -np.log(p[np.arange(23), Y]).mean(), rtol=1e-13)
    assert np.isclose(history["accuracy"][0], (p.argmax(1) == Y).mean(), rtol=1e-15)


@pytest.mark.parametrize("batch", [1, 4, 5, 22, 23, 100, None])
def test_evaluate_weights_the_short_last_batch_by_its_rows(batch):
    made = model(dtype="float64")
    p = made.predict(X)
    loss, accuracy = made.evaluate(X, Y, batch_size=batch, verbose=0)
    assert np.isclose(loss, -np.log(p[np.arange(23), Y]).mean(), rtol=1e-13)
    assert np.isclose(accuracy, (p.argmax(1) == Y).mean(), rtol=1e-15)


def test_evaluate_and_predict_change_nothing():
    made = model()
    made.fit(X, Y, verbose=0)
    before, state = bits(made), made.runtime.buffers["slots"].tobytes()
    made.evaluate(X, Y, verbose=0)
    made.predict(X)
    assert bits(made) == before
    assert made.runtime.buffers["slots"].tobytes() == state


def test_evaluate_returns_what_is_asked_for(capsys):
    made = model()
    pair = made.evaluate(X, Y, verbose=0)
    assert made.evaluate(X, Y, verbose=0, return_dict=True) == dict(
        zip(["loss", "accuracy"], pair, strict=True)
    )
    assert made.test_on_batch(X, Y) == pytest.approx(pair, rel=1e-6)
    assert capsys.readouterr().out == ""
    made.evaluate(X, Y)
    assert "accuracy" in capsys.readouterr().out
    assert isinstance(model(metrics=()).evaluate(X, Y, verbose=0), float)


# ---- order ---------------------------------------------------------------------------------------


def orders(shuffle, seed=1, epochs=2):
    """The first feature of each sample in the order in which training saw it, by epoch."""
    seen = []

    class Look(Layer):
        def forward(self, x):
            seen.append(x[:, 0].copy())
            return x

        def backward(self, dy, x, y):
            return dy

    fastnn.set_seed(seed)
    made = Sequential([Input((1,)), Look(), Dense(1)])
    made.compile("sgd", "mse")
    x = np.arange(20.0)[:, None]
    made.fit(x, x, epochs=epochs, batch_size=6, shuffle=shuffle, verbose=0)
    return np.concatenate(seen).reshape(epochs, 20).tolist()


def test_without_shuffling_the_order_is_that_of_the_data():
    assert orders(False) == [list(range(20))] * 2


def test_shuffled_epochs_are_permutations_that_differ():
    first, second = orders(True)
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first != list(range(20))


def test_the_seed_decides_the_order():
    assert orders(True) == orders(True)
    assert orders(True) != orders(True, seed=2)


def test_a_permutation_leaves_no_row_out_at_any_size():
    for n in (1, 2, 3, 31, 32, 33, 1000):
        order = fastnn._core.permutation(5, 0, n)
        assert np.array_equal(np.sort(order), np.arange(n))


def test_training_repeats_to_the_bit():
    one, two = model(), model()
    for made in (one, two):
        made.fit(X, Y, epochs=3, batch_size=4, verbose=0)
    assert bits(one) == bits(two)


SCRIPT = """
import hashlib, numpy as np, fastnn
from fastnn.layers import Dense, Dropout
fastnn.set_seed({seed})
m = fastnn.Sequential([fastnn.Input((4,)), Dense(7, "relu"), Dropout(0.2), Dense(3, "softmax")])
m.compile("adam", "sparse_categorical_crossentropy")
x = np.linspace(-1, 1, 80).reshape(20, 4)
m.fit(x, np.arange(20) % 3, epochs=3, batch_size=6, verbose=0)
print(hashlib.sha256(b"".join(w.tobytes() for w in m.get_weights())).hexdigest())
"""


def digest(seed, threads):
    own = {"FASTNN_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(threads)}
    environment = {**os.environ, **own}
    script = f"import sys; sys.path[:] = {sys.path!r}\n" + SCRIPT.format(seed=seed)
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_a_seed_gives_the_same_bits_in_every_process():
    assert digest(7, 1) == digest(7, 2)
    assert digest(7, 1) != digest(8, 1)


def test_the_number_of_threads_does_not_change_a_bit():
    x = RNG.normal(size=(70, 12, 12, 3))
    y = np.arange(70) % 5
    results = []
    try:
        for threads in (1, 2, 3):
            fastnn.set_num_threads(threads)
            fastnn.set_seed(1)
            made = Sequential(
                [
                    Input((12, 12, 3)),
                    Conv2D(16, 3, activation="relu"),
                    MaxPooling2D(),
                    Flatten(),
                    Dense(150, "relu"),
                    Dropout(0.5),
                    Dense(5, "softmax"),
                ]
            )
            made.compile("adam", "sparse_categorical_crossentropy")
            history = made.fit(x, y, batch_size=32, epochs=2, verbose=0).history
            results.append((bits(made), made.predict(x).tobytes(), history))
    finally:
        fastnn.set_num_threads(None)
    assert results[0] == results[1] == results[2]


# ---- the caller's arrays -------------------------------------------------------------------------

WHOLE = np.arange(92).reshape(23, 4) % 11  # numbers that every type holds exactly


def forms():
    plain = WHOLE.astype(np.float32)
    padded = np.zeros((23, 9), np.float32)
    padded[:, 1:8:2][:, :4] = plain
    frozen = plain.copy()
    frozen.flags.writeable = False
    odd = np.frombuffer(b"\0" + plain.tobytes(), np.uint8)[1:].view(np.float32).reshape(23, 4)
    return {
        **{t: WHOLE.astype(t) for t in ("u1", "i1", "i2", "u2", "i4", "i8", "u8", "f2", "f8", "g")},
        "bytes swapped": plain.astype(">f4"),
        "strided": padded[:, 1:8:2],
        "backwards": np.ascontiguousarray(plain[::-1])[::-1],
        "fortran": np.asfortranarray(plain),
        "read-only": frozen,
        "unaligned": odd,
        "list": WHOLE.tolist(),
        "tuple of arrays": tuple(plain),
        "subclass": plain.view(np.ma.MaskedArray),
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_of_the_same_numbers_gives_the_same_bits(form):
    want, made = model(), model()
    want.fit(WHOLE.astype(np.float32), Y, epochs=2, verbose=0)
    made.fit(forms()[form], Y, epochs=2, verbose=0)
    assert bits(made) == bits(want)
    assert made.predict(forms()[form]).tobytes() == want.predict(WHOLE).tobytes()


@pytest.mark.parametrize(
    "labels",
    [
        Y.astype("u1"),
        Y.astype("i1"),
        Y.astype("i4"),
        Y.astype("u8"),
        Y.astype("f4"),
        Y.astype("f8"),
        Y[:, None],
        Y.tolist(),
        np.repeat(Y, 2)[::2],
    ],
    ids=["u1", "i1", "i4", "u8", "f4", "f8", "column", "list", "strided"],
)
def test_every_form_of_the_same_labels_gives_the_same_bits(labels):
    want, made = model(), model()
    want.fit(X, Y, verbose=0)
    made.fit(X, labels, verbose=0)
    assert bits(made) == bits(want)


def test_booleans_are_zero_and_one():
    made = Sequential([Input((4,)), Dense(1, "sigmoid")])
    made.compile("sgd", "binary_crossentropy", ["accuracy"])
    assert made.evaluate(X > 0, Y > 0, verbose=0) == made.evaluate(
        (X > 0).astype(float), (Y > 0).astype(float), verbose=0
    )


def test_the_callers_arrays_are_not_changed():
    x, y = X.copy(), Y.copy()
    model().fit(x, y, epochs=2, verbose=0, validation_split=0.3)
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


def test_targets_of_one_number_come_flat_or_as_a_column():
    results = []
    for targets in (X[:, 0], X[:, :1]):
        fastnn.set_seed(1)
        made = Sequential([Input((4,)), Dense(1)])
        made.compile("sgd", "mse")
        made.fit(X, targets, verbose=0)
        results.append(bits(made))
    assert results[0] == results[1]


# ---- validation ----------------------------------------------------------------------------------


def test_validation_data_is_measured_after_each_epoch():
    made = model()
    history = made.fit(X, Y, epochs=2, validation_data=(X[:5], Y[:5]), verbose=0).history
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert history["val_loss"][-1] == made.evaluate(X[:5], Y[:5], verbose=0)[0]


def test_validation_split_takes_the_end():
    parts, whole = model(), model()
    split = whole.fit(X, Y, epochs=2, validation_split=0.25, verbose=0).history
    given = parts.fit(X[:17], Y[:17], epochs=2, validation_data=(X[17:], Y[17:]), verbose=0).history
    assert split == given
    assert bits(whole) == bits(parts)


def test_validation_does_not_change_training():
    one, two = model(), model()
    one.fit(X, Y, epochs=2, verbose=0)
    two.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    assert bits(one) == bits(two)


def test_validation_freq_leaves_epochs_out():
    history = (
        model().fit(X, Y, epochs=5, validation_data=(X, Y), validation_freq=2, verbose=0).history
    )
    assert len(history["val_loss"]) == 2


def test_validation_batch_size_changes_only_rounding():
    losses = [
        model().fit(X, Y, validation_data=(X, Y), validation_batch_size=n, verbose=0).history
        for n in (1, 23)
    ]
    assert losses[0]["val_loss"] == pytest.approx(losses[1]["val_loss"], rel=1e-6)


# ---- callbacks -----------------------------------------------------------------------------------


def test_callbacks_are_called_in_order():
    recorder = Recorder()
    model().fit(X, Y, epochs=2, callbacks=recorder, verbose=0, validation_split=0.2)
    names = ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert recorder.calls == [
        "train begin",
        ("epoch begin", 0),
        ("epoch end", 0, names),
        ("epoch begin", 1),
        ("epoch end", 1, names),
        "train end",
    ]
    assert recorder.params["epochs"] == 2
    assert recorder.params["steps"] == 1


class Batches(Callback):
    def __init__(self, stop=None):
        self.begun, self.ended, self.losses, self.stop = [], [], [], stop

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append(batch)
        self.losses.append(logs["loss"])
        if batch == self.stop:
            self.model.stop_training = True


def test_batch_callbacks_are_told_of_each_batch_and_change_nothing():
    plain, watched, seen = model(), model(), Batches()
    history = plain.fit(X, Y, batch_size=5, epochs=2, verbose=0).history
    again = watched.fit(X, Y, batch_size=5, epochs=2, verbose=0, callbacks=[seen]).history
    assert seen.begun == seen.ended == [0, 1, 2, 3, 4] * 2
    assert bits(plain) == bits(watched)
    assert history == again
    assert seen.losses[4] == history["loss"][0]  # the running mean ends at the epoch's


def test_stop_training_ends_after_the_epoch_or_the_batch():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert model().fit(X, Y, epochs=9, callbacks=[Stop()], verbose=0).epoch == [0, 1]
    made = model()
    made.fit(X, Y, epochs=9, batch_size=5, callbacks=[Batches(stop=2)], verbose=0)
    assert steps(made) == 3
    assert len(made.fit(X, Y, epochs=2, verbose=0).epoch) == 2  # the next fit starts afresh


def test_an_exception_in_a_callback_comes_out_and_the_model_can_go_on():
    class Fail(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise LookupError("mine")

    made, twin = model(), model()
    with pytest.raises(LookupError, match="mine"):
        made.fit(X, Y, epochs=3, callbacks=[Fail()], verbose=0)
    twin.fit(X, Y, verbose=0)
    assert bits(made) == bits(twin)
    made.fit(X, Y, verbose=0)
    twin.fit(X, Y, verbose=0)
    assert bits(made) == bits(twin)


def test_a_callback_may_evaluate_predict_and_save(tmp_path):
    class Use(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.evaluate(X[:3], Y[:3], verbose=0)

        def on_epoch_end(self, epoch, logs=None):
            self.model.predict(X)
            self.model.save(tmp_path / "m")

    plain, used = model(), model()
    want = plain.fit(X, Y, batch_size=4, epochs=2, verbose=0).history
    assert used.fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[Use()]).history == want
    assert bits(plain) == bits(used)


def test_the_learning_rate_can_be_assigned_between_fits_and_in_callbacks():
    class Freeze(Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.1 if epoch == 0 else 0.0

    made, twin = model("sgd"), model(fastnn.optimizers.SGD(0.1))
    made.fit(X, Y, epochs=3, callbacks=[Freeze()], verbose=0)
    twin.fit(X, Y, epochs=1, verbose=0)
    assert bits(made) == bits(twin)
    made.optimizer.learning_rate = 0.1
    made.fit(X, Y, verbose=0)
    assert bits(made) != bits(twin)


def test_the_learning_rate_can_be_assigned_between_batches():
    class Halve(Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.optimizer.learning_rate = 0.5 if batch == 0 else 0.0

    made, twin = model("sgd"), model(fastnn.optimizers.SGD(0.5))
    made.fit(X, Y, batch_size=4, shuffle=False, callbacks=[Halve()], verbose=0)
    twin.fit(X[:4], Y[:4], batch_size=4, shuffle=False, verbose=0)
    assert bits(made) == bits(twin)


# ---- what it shows -------------------------------------------------------------------------------


def test_verbose_0_is_silent_and_2_is_a_line_an_epoch(capsys):
    made = model()
    made.fit(X, Y, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""
    made.fit(X, Y, epochs=2, verbose=2, validation_split=0.2)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Epoch 1/2")
    assert second.startswith("Epoch 2/2")
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert f" {name} " in second


@pytest.mark.parametrize("verbose", [1, "auto"])
def test_a_bar_is_only_for_terminals(verbose, capsys, monkeypatch):
    made = model()
    made.fit(X, Y, verbose=verbose)
    out = capsys.readouterr().out
    assert "\r" not in out
    assert len(out.splitlines()) == 1
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    made.fit(X, Y, verbose=verbose)
    assert "\r" in capsys.readouterr().out


# ---- one batch -----------------------------------------------------------------------------------


def test_train_on_batch_is_one_step_of_fit_with_one_batch():
    fitted, stepped = model("sgd"), model("sgd")
    for made in (fitted, stepped):  # without dropout, whose mask is keyed by other numbers
        made.pop(), made.pop(), made.add(Dense(3, "softmax"))
        made.compile("sgd", "sparse_categorical_crossentropy")
    stepped.set_weights(fitted.get_weights())
    loss = fitted.fit(X, Y, batch_size=23, shuffle=False, verbose=0).history["loss"][0]
    assert stepped.train_on_batch(X, Y) == loss
    assert bits(fitted) == bits(stepped)


def test_train_on_batch_takes_batches_of_any_size():
    made = model()
    for n in (1, 7, 23, 2):
        assert set(made.train_on_batch(X[:n], Y[:n], return_dict=True)) == {"loss", "accuracy"}
    assert steps(made) == 4


def test_train_on_batch_draws_another_mask_each_time():
    made = model(fastnn.optimizers.SGD(0.0))
    assert made.train_on_batch(X, Y) != made.train_on_batch(X, Y)


# ---- probabilities -------------------------------------------------------------------------------


def test_probabilities_from_logits():
    x = RNG.normal(size=(5, 3))
    for loss, want in [
        (
            fastnn.losses.SparseCategoricalCrossentropy(from_logits=True),
            np.exp(x) / np.exp(x).sum(1, keepdims=True),
        ),
        (fastnn.losses.BinaryCrossentropy(from_logits=True), 1 / (1 + np.exp(-x))),
        ("mse", x),
    ]:
        made = Sequential([Input((3,), dtype="float64")])
        made.compile(loss=loss)
        assert np.array_equal(made.predict(x), x)
        assert np.allclose(made.predict_proba(x), want, rtol=1e-14)


def test_probabilities_of_a_softmax_are_its_output():
    made = model()
    assert np.array_equal(made.predict_proba(X), made.predict(X))


# ---- freezing ------------------------------------------------------------------------------------


def test_freezing_counts_from_compile_and_thawing_too():
    made = model()
    made.layers[0].trainable = False
    made.compile("adam", "sparse_categorical_crossentropy")
    frozen, free = made.layers[0].get_weights(), made.layers[2].get_weights()
    made.fit(X, Y, verbose=0)
    assert all(map(np.array_equal, frozen, made.layers[0].get_weights()))
    assert not any(map(np.array_equal, free, made.layers[2].get_weights()))
    made.layers[0].trainable = True
    made.compile("adam", "sparse_categorical_crossentropy")
    made.fit(X, Y, verbose=0)
    assert not any(map(np.array_equal, frozen, made.layers[0].get_weights()))


def test_a_frozen_model_can_be_fitted_and_stays():
    made = model()
    for layer in made.layers:
        layer.trainable = False
    made.compile("adam", "sparse_categorical_crossentropy")
    before = bits(made)
    made.fit(X, Y, epochs=2, verbose=0)
    assert bits(made) == before


def test_fit_warns_once_of_what_was_frozen_or_thawed_after_compile():
    made = model()
    for trainable in (False, True):
        made.compile("adam", "sparse_categorical_crossentropy")
        made.layers[0].trainable = trainable
        with pytest.warns(UserWarning, match=f"compile.* again .* {made.layers[0].name}$") as told:
            made.fit(iter([(X, Y)]), verbose=0)
        assert [each.filename for each in told] == [__file__]
        made.fit(X, Y, verbose=0)


def test_fit_warns_of_each_change_and_of_none_that_is_undone():
    made = model()
    for layer, words in ((made.layers[0], made.layers[0].name), (made.layers[2], ", ")):
        layer.trainable = False
        with pytest.warns(UserWarning, match=words):
            made.fit(X, Y, verbose=0)
    for layer in made.layers:
        layer.trainable = True
    made.fit(X, Y, verbose=0)


def test_a_batch_by_itself_does_not_warn_as_a_discriminator_is_frozen_after_compile():
    made = model()
    made.trainable = False
    before = bits(made)
    made.train_on_batch(X, Y)
    assert bits(made) != before


def test_freezing_the_lower_layer_does_not_change_the_upper_ones_first_step():
    one, two = model("sgd"), model("sgd")
    two.layers[0].trainable = False
    two.compile("sgd", "sparse_categorical_crossentropy")
    for made in (one, two):
        made.fit(X, Y, batch_size=23, verbose=0)
    assert all(map(np.array_equal, one.layers[2].get_weights(), two.layers[2].get_weights()))


# ---- numbers that are not finite -----------------------------------------------------------------


def warned(made, x, y, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made.fit(x, y, verbose=0, **options)
    assert all(w.category is NonFiniteWarning for w in caught)
    return caught


@pytest.mark.parametrize("eager", [False, True])
def test_nan_in_the_data_warns_once_and_names_epoch_batch_and_data(eager):
    x = X.copy()
    x[13, 2] = np.nan
    (one,) = warned(model(eager=eager), x, Y, batch_size=5, epochs=3, shuffle=False)
    assert "epoch 1, batch 3" in str(one.message)
    assert "x or y has NaN" in str(one.message)
    assert one.filename == __file__


@pytest.mark.parametrize("told", [False, True])
def test_the_epoch_that_is_named_is_counted_as_progress_does(told):
    """In a second fit, and where epochs are made in one run of the core."""
    made, callbacks = model("sgd"), [Recorder()] if told else []
    made.fit(X, Y, epochs=4, verbose=0)
    (one,) = warned(model(fastnn.optimizers.SGD(1e20)), X, Y, epochs=9, callbacks=callbacks)
    first = one.message.args[0].split(",")[0]
    made.compile(fastnn.optimizers.SGD(1e20), made.loss)
    (one,) = warned(made, X, Y, epochs=9, callbacks=callbacks)
    assert one.message.args[0].split(",")[0] == first == "fit: the loss of epoch 2"


@pytest.mark.parametrize(("size", "how"), [(1e30, "as large as 1e+30"), (np.nan, "not finite")])
def test_weights_that_are_spoilt_need_others(size, how):
    made = model()
    made.set_weights([np.full_like(each, size) for each in made.get_weights()])
    (one,) = warned(made, X, Y)
    assert f" weights are {how} already. Begin with a new model" in str(one.message)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("batches", [False, True])
def test_a_batch_that_stops_training_changes_nothing(eager, batches):
    x = X.copy()
    x[13, 2] = np.nan
    stopped, other = model(eager=eager), model(eager=eager)
    called = [Batches()] if batches else []
    options = {"batch_size": 5, "shuffle": False, "verbose": 0}
    with pytest.warns(NonFiniteWarning, match="epoch 1, batch 3"):
        history = stopped.fit(x, Y, epochs=3, on_nonfinite="stop", callbacks=called, **options)
    other.fit(X[:10], Y[:10], **options)
    assert all(map(np.array_equal, stopped.get_weights(), other.get_weights()))
    assert stopped.runtime.buffers["step"][0] == 2
    assert history.epoch == [0]
    assert np.isnan(history.history["loss"][0])


def test_as_an_exception_the_batch_changes_nothing_either():
    x = X.copy()
    x[13, 2] = np.inf
    made, other = model(), model()
    options = {"batch_size": 5, "shuffle": False, "verbose": 0}
    with pytest.raises(NonFiniteError, match="epoch 1, batch 3"):
        made.fit(x, Y, on_nonfinite="raise", **options)
    other.fit(X[:10], Y[:10], **options)
    assert all(map(np.array_equal, made.get_weights(), other.get_weights()))
    made.fit(X, Y, **options)


def test_what_a_loss_that_is_not_finite_does_is_one_of_three():
    with pytest.raises(ValueError, match="fit: on_nonfinite must be one of warn, stop, raise"):
        model().fit(X, Y, on_nonfinite="ignore", verbose=0)


def test_a_layer_that_overflows_is_named():
    made = Sequential([Input((4,)), Dense(4, name="fine"), Dense(4, name="hot"), Dense(1)])
    made.compile("sgd", "mse")
    weights = made.get_weights()
    weights[2][:] = 3e38
    made.set_weights(weights)
    (one,) = warned(made, 1e30 * X, Y, epochs=2)
    assert "'hot'" in str(one.message)
    assert "epoch 1, batch 1" in str(one.message)


def test_a_rate_far_too_high_is_not_silent():
    made = Sequential([Input((4,)), Dense(8), Dense(1)])
    made.compile(fastnn.optimizers.SGD(1e20), "mse")
    assert len(warned(made, X, Y, epochs=5)) == 1


def test_batch_callbacks_do_not_hide_it():
    x = X.copy()
    x[0] = np.inf
    (one,) = warned(model(), x, Y, batch_size=5, shuffle=False, callbacks=[Batches()])
    assert "epoch 1, batch 1" in str(one.message)
    assert one.filename == __file__


def test_as_an_error_it_ends_the_training_and_the_model_is_usable():
    x = X.copy()
    x[0] = np.nan
    made = model()
    with pytest.raises(NonFiniteWarning):
        made.fit(x, Y, verbose=0)
    made.fit(X, Y, verbose=0)


def test_nan_comes_out_of_predict_and_evaluate():
    x = X.copy()
    x[3] = np.nan
    made = model()
    assert np.isnan(made.predict(x)).all(axis=1).tolist() == [i == 3 for i in range(23)]
    assert np.isnan(made.evaluate(x, Y, verbose=0)[0])
