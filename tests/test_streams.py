"""Data that comes batch by batch: the bits of arrays, errors of who makes it, its end."""

import itertools
import os
import re
import signal
import threading
import time
import warnings

import numpy as np
import pytest

import fastnn
from fastnn.callbacks import Callback
from fastnn.data import streams
from fastnn.data.streams import Stream, is_stream, made_ahead
from fastnn.errors import NonFiniteWarning, ShapeError
from fastnn.layers import Dense, Dropout, RandomFlip
from fastnn.utils import PyDataset

X = np.random.default_rng(0).normal(size=(23, 3)).astype("float32")
Y = (X[:, :1] > 0).astype("float32")


def model(*more, eager=False):
    fastnn.set_seed(1)
    made = fastnn.Sequential([fastnn.Input((3,)), Dense(8, "relu"), *more, Dense(1, "sigmoid")])
    made.compile("adam", "binary_crossentropy", ["accuracy"], run_eagerly=eager)
    return made


def bits(made):
    return [w.tobytes() for w in made.get_weights()]


def batches(rows=5, x=X, y=Y):
    for first in range(0, len(x), rows):
        yield x[first : first + rows], y[first : first + rows]


def endless(rows=5):
    while True:
        yield from batches(rows)


class Dataset(PyDataset):
    def __init__(self, rows=5, **options):
        super().__init__(**options)
        self.parts = list(batches(rows))
        self.asked, self.begun, self.ended = [], 0, 0

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        self.asked.append(index)
        return self.parts[index]

    def on_epoch_begin(self):
        self.begun += 1

    def on_epoch_end(self):
        self.ended += 1


class Loader:
    """Something that can be iterated again and again, and is no PyDataset."""

    def __iter__(self):
        return batches()


SOURCES = {
    "dataset": lambda: {"x": Dataset()},
    "several workers": lambda: {"x": Dataset(workers=3, max_queue_size=2)},
    "generator": lambda: {"x": endless(), "steps_per_epoch": 5},
    "finite generator": lambda: {"x": iter([*batches()] * 3), "steps_per_epoch": 5},
    "iterable": lambda: {"x": Loader()},
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_batches_give_the_same_bits_as_arrays(source, threads):
    fastnn.set_num_threads(threads)
    try:
        arrays, stream = model(Dropout(0.5)), model(Dropout(0.5))
        one = arrays.fit(X, Y, batch_size=5, epochs=3, shuffle=False, verbose=0)
        two = stream.fit(**SOURCES[source](), epochs=3, shuffle=False, verbose=0)
    finally:
        fastnn.set_num_threads(None)
    assert bits(arrays) == bits(stream)
    assert one.history == two.history


def test_weights_come_with_their_batches():
    weights = np.random.default_rng(3).uniform(0.5, 2, len(X)).astype("float32")

    class Weighted(Dataset):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return x, y, weights[5 * index :][: len(x)]

    def compiled():
        made = model()
        made.compile("adam", "binary_crossentropy", weighted_metrics=["accuracy"])
        return made

    arrays, stream = compiled(), compiled()
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    one = arrays.fit(X, Y, 5, sample_weight=weights, **options)
    two = stream.fit(Weighted(), **options)
    assert one.history == two.history
    assert bits(arrays) == bits(stream)
    plain = compiled()
    plain.fit(X, Y, 5, **options)
    assert bits(plain) != bits(arrays)
    want = arrays.evaluate(X, Y, batch_size=5, sample_weight=weights, verbose=0)
    assert stream.evaluate(Weighted(), verbose=0) == want
    per_class = {"class_weight": {0: 0.5, 1: 3.0}}
    arrays.fit(X, Y, 5, **per_class, **options)
    stream.fit(Loader(), **per_class, **options)
    assert bits(arrays) == bits(stream)
    with pytest.raises(ValueError, match="weights come with them"):
        stream.fit(Dataset(), sample_weight=weights)


@pytest.mark.parametrize("source", SOURCES)
def test_the_first_batch_makes_the_model(source):
    weights = []
    for data in ({"x": X, "y": Y, "batch_size": 5}, SOURCES[source]()):
        fastnn.set_seed(1)
        made = fastnn.Sequential([Dense(4), Dense(1)])
        made.compile("sgd", "mse")
        made.fit(**data, epochs=2, shuffle=False, verbose=0)
        weights.append(bits(made))
    assert weights[0] == weights[1]


def test_the_interpreter_gives_batches_the_same_numbers():
    arrays, stream = model(Dropout(0.5), eager=True), model(Dropout(0.5), eager=True)
    arrays.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
    stream.fit(Dataset(), epochs=2, shuffle=False, verbose=0)
    assert bits(arrays) == bits(stream)


def test_augmentation_is_keyed_by_the_place_in_the_epoch():
    x = np.random.default_rng(0).normal(size=(12, 4, 4, 1)).astype("float32")
    weights = []
    for streamed in (False, True):
        fastnn.set_seed(3)
        made = fastnn.Sequential(
            [fastnn.Input((4, 4, 1)), RandomFlip(), fastnn.layers.Flatten(), Dense(1)]
        )
        made.compile("sgd", "mse")
        y = x[:, 0, 0]
        data = (batches(5, x, y),) if streamed else (x, y, 5)
        made.fit(*data, shuffle=False, verbose=0)
        weights.append(bits(made))
    assert weights[0] == weights[1]


def test_batches_may_grow_and_be_of_any_size():
    sizes = [1, 4, 9, 2, 7]
    cuts = np.cumsum([0, *sizes])
    parts = [(X[a:b], Y[a:b]) for a, b in itertools.pairwise(cuts)]
    made, twin = model(), model()
    history = made.fit(iter(parts), verbose=0).history
    losses = [twin.train_on_batch(*part)[0] for part in parts]
    assert bits(made) == bits(twin)
    assert history["loss"][0] == pytest.approx(np.dot(losses, sizes) / 23)


def test_a_dataset_is_shuffled_by_batches_and_told_of_passes():
    data = Dataset(rows=2)
    model().fit(data, epochs=2, verbose=0)
    first, second = data.asked[1:13], data.asked[13:]  # the first of all was looked at
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second != list(range(12))
    assert data.begun == data.ended == 2


def test_shuffled_batches_follow_from_the_seed():
    one, two = model(), model()
    for made in (one, two):
        made.fit(Dataset(rows=2, workers=2), epochs=2, verbose=0)
    assert bits(one) == bits(two)


def test_evaluate_and_predict_give_what_arrays_give():
    made = model()
    made.fit(X, Y, verbose=0)
    want = made.evaluate(X, Y, batch_size=5, verbose=0)
    for data in (Dataset(), batches(), Loader()):
        assert made.evaluate(data, verbose=0) == want
    out = made.predict(X)
    assert np.array_equal(made.predict(Dataset()), out)
    assert np.array_equal(made.predict(x for x, _ in batches()), out)
    assert np.array_equal(made.predict((x,) for x, _ in batches()), out)


def test_steps_end_a_pass():
    made = model()
    made.fit(X, Y, verbose=0)
    want = made.evaluate(X[:10], Y[:10], batch_size=5, verbose=0)
    for data in ((endless(),), (Dataset(),), (X, Y, 5)):
        assert made.evaluate(*data, steps=2, verbose=0) == want
    for data in ((endless(),), (X, 5)):
        assert np.array_equal(made.predict(*data, steps=2), made.predict(X[:10]))


def test_who_has_not_ended_for_long_is_named(monkeypatch):
    monkeypatch.setattr(streams, "_SILENT", 0.0)
    made = model()
    few = [next(each) for each in [endless()] for _ in range(3)]
    with pytest.warns(UserWarning, match="^evaluate: 1 batch in 0 s, .* never does, give steps$"):
        made.evaluate(iter(few), verbose=0)
    with pytest.warns(UserWarning, match="^predict: .* give steps$"):
        made.predict(iter(few))
    with pytest.warns(UserWarning, match="^fit: validation_data: .* give validation_steps$"):
        made.fit(X, Y, validation_data=iter(few), verbose=0)
    with pytest.warns(UserWarning, match="^fit: 1 batch in 0 s, .* give steps_per_epoch$"):
        made.fit(iter(few), verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.evaluate(iter(few), steps=3, verbose=0)
        made.fit(Loader(), verbose=0)
        made.fit(endless(), steps_per_epoch=2, verbose=0)
        made.fit(X, Y, validation_data=Sized(), verbose=0)
        made.predict(Sized())


class Sized(Loader):
    def __len__(self):
        return 5


class Unknown(Loader):
    """As PyTorch's loader of what is gone through by iteration alone."""

    error: type[Exception] = TypeError

    def __len__(self):
        raise self.error("object has no len()")


class Broken(Unknown):
    error = NotImplementedError


@pytest.mark.parametrize("source", [Loader, Unknown, Broken])
def test_a_validation_that_may_not_end_is_named_once(monkeypatch, source):
    monkeypatch.setattr(streams, "_SILENT", 0.0)
    with pytest.warns(UserWarning, match="give validation_steps$") as told:
        model().fit(X, Y, epochs=3, validation_data=source(), verbose=0)
    assert len(told) == 1


def test_steps_per_epoch_of_arrays_leave_the_rest_of_an_epoch_out():
    made, twin = model(), model()
    made.fit(X, Y, 5, epochs=2, shuffle=False, steps_per_epoch=2, verbose=0)
    twin.fit(X[:10], Y[:10], 5, epochs=2, shuffle=False, verbose=0)
    assert bits(made) == bits(twin)
    assert made.history.history == twin.history.history
    shuffled = model()
    shuffled.fit(X, Y, 5, epochs=40, steps_per_epoch=2, verbose=0)
    assert shuffled.runtime.buffers["step"][0] == 80


SAID = ": {} is 9, but {} samples make {}: so many are gone through; leave {} out "


@pytest.mark.parametrize(
    ("call", "who", "argument", "samples", "there"),
    [
        (
            lambda m: m.fit(X, Y, 5, steps_per_epoch=9),
            "fit",
            "steps_per_epoch",
            23,
            "5 batches of 5",
        ),
        (
            lambda m: m.fit(X, Y, 5, steps_per_epoch=9, validation_split=0.5),
            "fit",
            "steps_per_epoch",
            11,
            "3 batches of 5",
        ),
        (
            lambda m: m.fit(X, Y, validation_data=(X, Y), validation_steps=9),
            "fit: validation_data",
            "validation_steps",
            23,
            "1 batch of 32",
        ),
        (lambda m: m.evaluate(X, Y, 5, steps=9), "evaluate", "steps", 23, "5 batches of 5"),
        (lambda m: m.predict(X, 5, steps=9), "predict", "steps", 23, "5 batches of 5"),
        (lambda m: m.predict(X.tolist(), 5, steps=9), "predict", "steps", 23, "5 batches of 5"),
    ],
)
def test_more_steps_than_there_are_batches_are_warned_of(call, who, argument, samples, there):
    said = re.escape(who + SAID.format(argument, samples, there, argument))
    with pytest.warns(UserWarning, match=f"^{said}") as caught:
        call(model())
    assert [each.filename for each in caught] == [__file__]


def test_as_many_steps_as_there_are_batches_are_not_warned_of():
    made, twin = model(), model()
    made.fit(X, Y, 5, steps_per_epoch=5, validation_data=(X, Y), validation_steps=1, verbose=0)
    made.evaluate(X, Y, 5, steps=5, verbose=0)
    made.predict(X, 5, steps=5)
    twin.fit(X, Y, 5, verbose=0)
    assert bits(made) == bits(twin)


def test_an_epoch_of_more_steps_than_there_are_batches_is_one_of_all():
    made, twin = model(), model()
    with pytest.warns(UserWarning, match="23 samples make 5 batches of 5") as caught:
        made.fit(X, Y, 5, epochs=3, steps_per_epoch=9, verbose=0)
    twin.fit(X, Y, 5, epochs=3, verbose=0)
    assert len(caught) == 1
    assert bits(made) == bits(twin)


def test_a_pass_that_ends_before_its_steps_is_warned_of():
    made = model()
    want = made.evaluate(X, Y, 5, verbose=0)
    told = ": {} is 9, but the data ran out after 5 batches, and the result is of these"
    with pytest.warns(UserWarning, match="^evaluate" + told.format("steps")) as caught:
        assert made.evaluate(batches(), steps=9, verbose=0) == want
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="^predict" + told.format("steps")):
        assert len(made.predict(batches(), steps=9)) == 23
    with pytest.warns(UserWarning, match="^fit: validation_data" + told.format("validation_steps")):
        made.fit(X, Y, validation_data=Loader(), validation_steps=9, verbose=0)


@pytest.mark.parametrize("kind", ["arrays", "dataset", "generator"])
def test_validation_data_comes_either_way(kind):
    given = {
        "arrays": {"validation_data": (X, Y)},
        "dataset": {"validation_data": Dataset()},
        "generator": {"validation_data": endless(), "validation_steps": 5},
    }[kind]
    want = model().fit(X, Y, 5, epochs=2, validation_data=(X, Y), shuffle=False, verbose=0)
    for data in ((X, Y, 5), (Loader(),)):
        got = model().fit(*data, epochs=2, shuffle=False, verbose=0, **given)
        assert got.history == want.history


def test_validation_steps_of_arrays():
    made = model()
    history = made.fit(X, Y, 5, validation_data=(X, Y), validation_steps=2, verbose=0).history
    assert history["val_loss"] == [made.evaluate(X[:10], Y[:10], verbose=0, batch_size=5)[0]]


def test_callbacks_are_told_of_each_batch():
    class Note(Callback):
        def __init__(self):
            self.train, self.test, self.outputs, self.rows = [], [], [], []

        def on_train_batch_end(self, batch, logs=None):
            self.train.append((batch, logs["loss"]))

        def on_test_batch_begin(self, batch, logs=None):
            self.test.append(batch)

        def on_predict_batch_end(self, batch, logs=None):
            self.outputs.append(logs["outputs"])

        def on_rows(self, done, total):
            self.rows.append((done, total))

    arrays, stream, note, told = model(), model(), Note(), Note()
    options = {"epochs": 2, "shuffle": False, "verbose": 0, "validation_data": (X, Y)}
    arrays.fit(X, Y, 5, callbacks=[told], **options)
    stream.fit(Loader(), callbacks=[note], **options)
    assert note.train == told.train
    assert note.test == [0] * 2
    assert (note.rows[0], note.params["steps"]) == ((5, None), None)
    stream.evaluate(Loader(), verbose=0, callbacks=[note])
    assert note.test[2:] == [0, 1, 2, 3, 4]
    out = stream.predict(Dataset(), callbacks=[note])
    assert np.array_equal(np.concatenate(note.outputs), out)
    assert note.params == {"steps": 5}


def test_stop_training_ends_after_the_batch():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    made = model()
    assert made.fit(
        endless(), steps_per_epoch=5, epochs=9, verbose=0, callbacks=[Stop()]
    ).epoch == [0]
    assert made.runtime.buffers["step"][0] == 3


def test_a_generator_gives_no_batch_more_than_is_used():
    given = endless()
    made = model()
    made.fit(given, steps_per_epoch=3, epochs=2, verbose=0)
    assert np.array_equal(next(given)[0], X[5:10])  # six of five batches


def test_the_bar_shows_batches_without_a_total(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    model().fit(Loader(), verbose=1)
    assert "5/?" in capsys.readouterr().out


# ---- the end, and errors -------------------------------------------------------------------------


def test_data_that_runs_out_ends_the_training_with_a_warning():
    made = model()
    with pytest.warns(UserWarning, match="in epoch 2 of 3.* and steps_per_epoch") as caught:
        history = made.fit(batches(), epochs=3, verbose=0)
    assert history.epoch == [0]
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="ran out in epoch 1 of 2"):
        history = made.fit(batches(), steps_per_epoch=9, epochs=2, verbose=0)
    assert history.epoch == [0]
    assert made.runtime.buffers["step"][0] == 10


def test_validation_data_that_runs_out_is_said():
    with pytest.raises(ValueError, match="validation_data: the data ran out before the first"):
        model().fit(X, Y, epochs=2, validation_data=batches(), verbose=0)


def broken(after):
    for number, batch in enumerate(endless()):
        if number == after:
            raise LookupError("the disk is gone")
        yield batch


class Broken(Dataset):
    def __getitem__(self, index):
        if index == 3:
            raise LookupError("the disk is gone")
        return super().__getitem__(index)


@pytest.mark.parametrize("make", [lambda: broken(0), lambda: broken(3), lambda: Broken(workers=2)])
def test_errors_of_who_makes_batches_come_out_and_the_model_can_go_on(make):
    made = model()
    for call in (made.fit, made.evaluate, made.predict):
        options = {} if call == made.predict else {"verbose": 0}
        with pytest.raises(LookupError, match="the disk is gone") as caught:
            call(make(), **options)
        assert any(entry.name in ("broken", "__getitem__") for entry in caught.traceback)
    made.fit(X, Y, verbose=0)


def test_what_a_batch_holds_is_checked_and_the_steps_before_stay():
    made, twin = model(), model()
    parts = [*batches()]
    parts[2] = (X[:5, :2], Y[:5])
    with pytest.raises(ShapeError, match=r"\(5, 2\)"):
        made.fit(iter(parts), verbose=0)
    for part in parts[:2]:
        twin.train_on_batch(*part)
    assert bits(made) == bits(twin)


def test_a_loss_that_is_not_finite_warns_once_and_names_epoch_and_batch():
    x = X.copy()
    x[13] = np.nan
    parts = [*batches(5, x)]
    made = model()
    with pytest.warns(NonFiniteWarning, match="epoch 1, batch 3 .*x or y has NaN") as caught:
        made.fit(iter(parts * 2), steps_per_epoch=5, epochs=2, verbose=0)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    made = model()
    with pytest.warns(NonFiniteWarning):
        made.fit(iter(parts), verbose=0, callbacks=[fastnn.callbacks.TerminateOnNaN()])
    assert made.runtime.buffers["step"][0] == 3


def test_batches_are_made_ahead_on_other_threads_but_not_too_many():
    made, threads = [], set()

    def job(number):
        made.append(number)
        threads.add(threading.current_thread())
        return number

    jobs = ((lambda n=n: job(n)) for n in range(100))
    ahead = made_ahead(jobs, 2, 4)
    assert [next(ahead) for _ in range(10)] == list(range(10))
    ahead.close()
    assert len(made) <= 14
    assert threading.current_thread() not in threads


@pytest.mark.parametrize("interrupts", [True, False])
def test_ctrl_c_ends_a_training_whose_data_does_not_come(interrupts, uncollected):
    """Also where a library lets the system go on with its waits after a signal, as polars does."""
    never = threading.Event()

    def stuck():
        yield X, Y
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        never.wait(20)
        yield X, Y

    made, began = model(), time.monotonic()
    signal.siginterrupt(signal.SIGINT, interrupts)
    try:
        with pytest.raises(KeyboardInterrupt):
            made.fit(stuck(), verbose=0)
    finally:
        signal.siginterrupt(signal.SIGINT, True)
    assert time.monotonic() - began < 15
    never.set()
    made.fit(X, Y, verbose=0)


@pytest.mark.parametrize("data", [X, [1, 2], (X,), {"a": X}, "ab", range(3), None, 3.0, X.data])
def test_arrays_and_nests_of_them_are_no_streams(data):
    assert not is_stream(data)


@pytest.mark.parametrize("data", [batches(), iter([1]), Dataset(), Loader(), map(str, [])])
def test_what_is_iterated_is_a_stream(data):
    assert is_stream(data)


class Endless(Dataset):
    num_batches = None

    def __getitem__(self, index):
        return super().__getitem__(index % 5)


def test_a_dataset_may_never_end():
    made, twin = model(), model()
    made.fit(Endless(), steps_per_epoch=5, epochs=2, verbose=0)
    twin.fit(Loader(), epochs=2, verbose=0)
    assert bits(made) == bits(twin)
    with pytest.raises(ValueError, match="the dataset never ends; give steps_per_epoch"):
        made.fit(Endless(), verbose=0)


def test_a_dataset_can_be_iterated():
    assert [len(x) for x, _ in Dataset()] == [5, 5, 5, 5, 3]
    assert len([*zip(range(12), Endless(), strict=False)]) == 12


class Bare(PyDataset):
    def __init__(self):
        pass  # as people forget it

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, Y


def test_a_dataset_that_does_not_call_init_works():
    model().fit(Bare(), verbose=0)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m.fit(Dataset(), Y), ValueError, "x gives batches, so y must not be given"),
        (lambda m: m.fit(Dataset(), batch_size=3), ValueError, "batch_size must not be given"),
        (lambda m: m.evaluate(Dataset(), batch_size=3), ValueError, "batch_size must not be"),
        (lambda m: m.predict(Dataset(), batch_size=3), ValueError, "batch_size must not be"),
        (lambda m: m.evaluate(Dataset(), sample_weight=Y), ValueError, "weights come with them"),
        (lambda m: m.fit(Dataset(), sample_weight=Y), ValueError, "weights come with them"),
        (lambda m: m.fit(Dataset(), validation_split=0.5), ValueError, "give validation_data"),
        (lambda m: m.fit(Dataset(), steps_per_epoch=6), ValueError, "has 5 batches, fewer than 6"),
        (lambda m: m.fit(Dataset(), steps_per_epoch=0), ValueError, "steps_per_epoch must be 1"),
        (lambda m: m.fit(X, Y, steps_per_epoch=1.5), TypeError, "steps_per_epoch must be a pos"),
        (lambda m: m.fit(iter([])), ValueError, "the data has no batch"),
        (lambda m: m.evaluate(iter([])), ValueError, "evaluate: the data has no batch"),
        (lambda m: m.predict(iter([])), ValueError, "predict: the data has no batch"),
        (lambda m: m.fit(iter([(X, Y, Y, Y)])), ValueError, "got a tuple of 4"),
        (lambda m: m.fit(iter([(X,)])), ValueError, "y is missing"),
        (lambda m: m.fit(X, Y, validation_data=iter([])), ValueError, "validation_data: the data"),
        (lambda m: Dataset(workers=0), ValueError, "Dataset: workers must be 1 or more"),
        (lambda m: Dataset(use_multiprocessing=True), ValueError, "has to be False"),
        (lambda m: PyDataset()[0], NotImplementedError, "__getitem__ has to be overridden"),
        (lambda m: len(PyDataset()), NotImplementedError, "__len__ has to be overridden"),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(model())
    assert len(str(caught.value)) <= 400


def test_a_stream_can_be_looked_at_before_it_is_used():
    stream = Stream("fit", batches(), 3)
    assert np.array_equal(stream.peek()[0], X[:5])
    assert np.array_equal(stream.peek()[0], X[:5])
    assert [len(x) for x, _ in stream.batches()] == [5, 5, 5]
    assert [len(x) for x, _ in stream.batches()] == [5, 3]
