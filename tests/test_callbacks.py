"""Callbacks by themselves: the history, the progress display, and who is called."""

import csv
import io
import os
import re
import sys
import types

import numpy as np
import pytest

import fastnn
from fastnn import callbacks
from fastnn.callbacks import Callback, CallbackList, History, LambdaCallback
from fastnn.callbacks.display import ProgbarLogger, announce, make_progress
from fastnn.errors import (
    ModelFileError,
    NonFiniteError,
    NonFiniteWarning,
    NotBuiltError,
    ShapeError,
)
from fastnn.layers import Dense

NAMES = [name for name in vars(Callback) if name.startswith("on_")]


def test_every_hook_of_the_base_class_does_nothing():
    for name in NAMES:
        alone = name.endswith(("n_begin", "n_end", "t_begin", "t_end"))
        assert getattr(Callback(), name)(*(() if alone else (0, 1))) is None


def test_callbacks_are_called_in_order_with_the_model_and_its_parameters():
    calls = []

    class Note(Callback):
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, epoch, logs=None):
            calls.append((self.name, self.model, self.params["epochs"], epoch, logs))

    every = CallbackList([Note("a"), Note("b")], "the model", {"epochs": 4})
    every.call("on_epoch_end", 2, {"loss": 1.0})
    assert calls == [(name, "the model", 4, 2, {"loss": 1.0}) for name in "ab"]


@pytest.mark.parametrize("name", NAMES)
def test_only_overridden_batch_methods_ask_for_batches(name):
    overriding = type("Own", (Callback,), {name: lambda self, *a: None})
    inheriting = type("Heir", (overriding,), {})
    for cls in (overriding, inheriting):
        told = CallbackList([cls()], None, {})
        wanted = [stage for stage in ("train", "test", "predict") if told.wants_batches(stage)]
        of = name.removeprefix("on_").partition("_")[0]
        assert wanted == ([{"batch": "train"}.get(of, of)] if "batch" in name else [])


def test_a_model_that_no_file_can_describe_is_refused_before_it_is_trained(tmp_path):
    made, before = model(), bits(model())
    made.compile("adam", lambda y_true, y_pred: (y_true - y_pred) ** 2)
    with pytest.raises(ValueError, match=r"ModelCheckpoint: .*with def.*save_weights_only=True"):
        fit(made, callbacks.ModelCheckpoint(tmp_path / "m.keras"))
    assert (bits(made), os.listdir(tmp_path)) == (before, [])
    fit(made, callbacks.ModelCheckpoint(tmp_path / "w", save_weights_only=True))


def test_a_method_given_to_one_callback_alone_is_called():
    calls, own = [], Callback()
    own.on_epoch_end = lambda *arguments: calls.append(arguments)
    every = CallbackList([Callback(), own], None, {})
    every.call("on_epoch_begin", 3, {})
    every.call("on_epoch_end", 3, {"loss": 2.0})
    assert calls == [(3, {"loss": 2.0})]


def test_history_gathers_by_name():
    history = History()
    history.on_epoch_end(0, {"loss": 2.0})
    history.on_epoch_end(1, {"loss": 1.0, "val_loss": 3.0})
    assert history.epoch == [0, 1]
    assert history.history == {"loss": [2.0, 1.0], "val_loss": [3.0]}


def shown(bar, capsys):
    progress = ProgbarLogger(bar)
    progress.set_params({"epochs": 10, "samples": 50})
    progress.on_epoch_begin(4)
    for done in (0, 25, 50):
        progress.on_rows(done, 50)
    progress.on_epoch_end(4, {"loss": 0.5})
    return capsys.readouterr().out


def test_without_a_bar_there_is_one_line(capsys):
    out = shown(False, capsys)
    assert out.count("\n") == 1
    assert out.startswith("Epoch  5/10")
    assert out.rstrip().endswith("loss 0.5000")


def test_the_bar_fills_on_one_line(capsys):
    *bars, last = shown(True, capsys).split("\r")[1:]
    assert [bar.count("━") for bar in bars] == [0, 12, 24]
    assert [bar.split()[-1] for bar in bars] == ["0/50", "25/50", "50/50"]
    assert last.endswith("\n")


@pytest.mark.parametrize("steps", [None, 3])
def test_without_a_bar_an_epoch_without_a_known_end_says_how_far_it_is(steps, monkeypatch, capsys):
    monkeypatch.setattr(ProgbarLogger, "_SILENT", 0.0)
    model().fit(iter([(X, Y)] * 3), steps_per_epoch=steps)
    *lines, last = capsys.readouterr().out.splitlines()
    assert ["samples so far; the epoch ends with" in line for line in lines][:1] == [True] * (
        steps is None
    )
    assert "loss" in last


def test_of_a_short_epoch_without_a_known_end_there_is_one_line(capsys):
    model().fit(iter([(X, Y)] * 3))
    assert capsys.readouterr().out.count("\n") == 1


def test_verbose_chooses_the_display(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert make_progress(0) == []
    assert [make_progress(v)[0].bar for v in (1, "auto", 2)] == [True, True, False]


def test_the_bar_can_be_written_to_a_terminal_without_unicode(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    progress = ProgbarLogger(bar=True)
    progress.set_params({"epochs": 1, "samples": 10})
    progress.on_epoch_begin(0)
    progress.on_rows(5, 10)
    assert raw.getvalue().count(b"=") == 12


# ---- with a model --------------------------------------------------------------------------------

X = np.random.default_rng(0).normal(size=(23, 3)).astype("float32")
Y = X[:, :1] - X[:, 1:2]


def model(rate=0.1, units=4, metrics=()):
    fastnn.set_seed(1)
    made = fastnn.Sequential([fastnn.Input((3,)), Dense(units, "tanh"), Dense(1)])
    made.compile(fastnn.optimizers.SGD(rate), "mse", list(metrics))
    return made


def bits(made):
    return [w.tobytes() for w in made.get_weights()]


def fit(made, *given, **options):
    return made.fit(X, Y, **{"verbose": 0, "batch_size": 5, "callbacks": list(given), **options})


class Scripted(Callback):
    """Puts made-up numbers into the logs, for callbacks after it."""

    def __init__(self, values, name="loss"):
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def test_what_a_callback_adds_to_the_logs_is_in_the_history():
    history = fit(model(), Scripted([5, 6], "mine"), epochs=2)
    assert history.history["mine"] == [5, 6]


def test_early_stopping_restores_the_weights_of_the_best_epoch():
    made, twin = model(), model()
    stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True)
    fit(twin, epochs=2)
    history = fit(made, Scripted([3, 1, 2, 2, 0]), stop, epochs=5)
    assert (history.epoch, stop.best_epoch, stop.stopped_epoch) == ([0, 1, 2, 3], 1, 3)
    assert bits(made) == bits(twin)


def test_early_stopping_can_be_used_twice():
    stop = callbacks.EarlyStopping("loss", patience=1)
    for _ in range(2):
        assert len(fit(model(), Scripted([2, 1, 1, 1]), stop, epochs=4).epoch) == 3


def test_nan_is_never_better():
    stop = callbacks.EarlyStopping("x", mode="min", patience=2)
    nan = float("nan")
    assert len(fit(model(), Scripted([nan, 2, 1, nan, nan, 0], "x"), stop, epochs=6).epoch) == 5
    assert stop.best == 1


def test_it_says_what_it_does(capsys):
    stop = callbacks.EarlyStopping("loss", restore_best_weights=True, verbose=1)
    fit(model(), Scripted([1, 2, 3]), stop, epochs=3)
    out = capsys.readouterr().out.splitlines()
    assert out == ["Epoch 2: early stopping", "Restoring the weights of the best epoch: 1"]


def test_on_a_terminal_a_message_is_written_over_the_bar(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    announce("so")
    assert capsys.readouterr().out == "\rso\033[K\n"


def test_a_number_that_is_not_in_the_logs_warns_and_names_those_that_are():
    text = "EarlyStopping: the logs have no 'val_loss', but loss; give fit validation_data or"
    with pytest.warns(UserWarning, match=re.escape(text)) as warned:
        assert len(fit(model(), callbacks.EarlyStopping(), epochs=3).epoch) == 3
    assert len(warned) == 1
    text = "EarlyStopping: the logs have no 'los', but loss; did you mean 'loss'?"
    with pytest.warns(UserWarning, match=re.escape(text)):
        fit(model(), callbacks.EarlyStopping("los"))


@pytest.mark.parametrize(
    ("monitor", "values"), [("val_loss", [2, 1, 3]), ("mean_squared_error", [2, 1, 3])]
)
def test_less_is_better_of_errors(monitor, values):
    stop = callbacks.EarlyStopping(monitor)
    fit(model(metrics=["mean_squared_error"]), Scripted(values, monitor), stop, epochs=3)
    assert stop.best == 1


def test_more_is_better_of_accuracies():
    made = fastnn.Sequential([fastnn.Input((3,)), Dense(2, "softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    stop = callbacks.EarlyStopping("val_accuracy", patience=5)
    labels = np.arange(23) % 2
    made.fit(X, labels, epochs=3, verbose=0, callbacks=[Scripted([1, 3, 2], "val_accuracy"), stop])
    assert stop.best == 3


def test_what_is_better_has_to_be_said_of_other_names():
    with pytest.raises(ValueError, match="'mine' is better is not known; pass mode="):
        fit(model(), Scripted([1, 2], "mine"), callbacks.EarlyStopping("mine"), epochs=2)


def test_every_metric_says_whether_more_is_better():
    assert {cls.direction for cls in fastnn.metrics.CLASSES.values()} <= {"up", "down", None}
    assert fastnn.metrics.Accuracy.direction == "up"


def test_reduce_lr_on_plateau_slows_the_training_down():
    made, twin = model(0.5), model(0.5)
    slow = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1)
    history = fit(made, Scripted([1, 1, 1]), slow, epochs=3)
    assert history.history["learning_rate"] == [0.5, 0.5, 0.25]
    assert made.optimizer.learning_rate == 0.125
    fit(twin, LambdaCallback(lambda epoch, logs: rate(twin, [0.5, 0.5, 0.25][epoch])), epochs=3)
    assert bits(made) == bits(twin)


def test_reduce_lr_on_plateau_cools_down_and_stops_at_the_least_rate(capsys):
    slow = callbacks.ReduceLROnPlateau("x", 0.5, 1, 1, "min", cooldown=2, min_lr=0.2)
    history = fit(model(1.0), Scripted([1] * 8, "x"), slow, epochs=8)
    assert history.history["learning_rate"] == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]
    assert "Epoch 2: ReduceLROnPlateau: the learning rate is 0.5" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="ReduceLROnPlateau: the logs have no 'val_loss'"):
        fit(model(), callbacks.ReduceLROnPlateau())


@pytest.mark.parametrize(
    "callback",
    [callbacks.ReduceLROnPlateau("loss"), callbacks.LearningRateScheduler(lambda epoch: 0.1)],
)
def test_a_schedule_is_not_put_an_end_to(callback):
    made = model()
    schedule = fastnn.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    made.compile(fastnn.optimizers.SGD(schedule), "mse")
    with pytest.raises(TypeError, match="is a schedule, which the callback would put an end to"):
        fit(made, callback)
    made.compile(fastnn.optimizers.SGD(0.1, decay=0.01), "mse")
    fit(made, callback)


def rate(made, value):
    made.optimizer.learning_rate = value


def test_a_schedule_may_take_the_epoch_alone(capsys):
    made = model()
    by_epoch = callbacks.LearningRateScheduler(lambda epoch: 1 / (epoch + 2), verbose=1)
    assert fit(made, by_epoch, epochs=2).history["learning_rate"] == [1 / 2, 1 / 3]
    assert "LearningRateScheduler: the learning rate is 0.5" in capsys.readouterr().out
    assert callbacks.LearningRateScheduler(max)._wants_rate  # it has no signature


def test_a_history_says_what_it_has():
    history = model().fit(X, Y, epochs=2, verbose=0)
    assert repr(history).startswith("<History of 2 epochs: loss")
    assert repr(callbacks.History()) == "<History of 0 epochs>"


def test_terminate_on_nan_ends_after_the_batch_and_does_not_ask_for_batches():
    x = X.copy()
    x[12] = np.nan
    made, stop = model(), callbacks.TerminateOnNaN()
    assert not CallbackList([stop], made, {}).wants_batches("train")
    said = "x or y has NaN or infinity in it: look for NaN in both$"  # no rate mends that
    with pytest.warns(NonFiniteWarning, match=said):
        made.fit(x, Y, batch_size=5, epochs=3, shuffle=False, verbose=0, callbacks=[stop])
    assert made.runtime.buffers["step"][0] == 3
    assert made.history.epoch == [0]


def test_terminate_on_nan_can_raise_before_the_update():
    x = X.copy()
    x[12] = np.nan
    made = model()
    strict = callbacks.TerminateOnNaN(raise_error=True)
    with pytest.warns(NonFiniteWarning), pytest.raises(NonFiniteError, match="epoch 1, batch 3"):
        made.fit(x, Y, batch_size=5, shuffle=False, verbose=0, callbacks=[strict])
    assert made.runtime.buffers["step"][0] == 2
    fit(made)


def test_checkpoints_can_be_loaded_and_go_on(tmp_path):
    made, whole = model(), model()
    path = tmp_path / "deep" / "{epoch:02d}-{loss:.1f}.fastnn"
    fit(made, Scripted([0.5, 0.25]), callbacks.ModelCheckpoint(path), epochs=2)
    fit(whole, epochs=3)
    assert sorted(os.listdir(tmp_path / "deep")) == ["01-0.5.fastnn", "02-0.2.fastnn"]
    again = fastnn.models.load_model(tmp_path / "deep" / "02-0.2.fastnn")
    fit(again, epochs=3, initial_epoch=2)
    assert bits(again) == bits(whole)


def test_only_the_best_is_kept(tmp_path, capsys):
    path = tmp_path / "best"
    best = callbacks.ModelCheckpoint(path, "loss", 1, save_best_only=True)
    made, twin = model(), model()
    fit(made, Scripted([3, 1, 2]), best, epochs=3)
    fit(twin, epochs=2)
    assert bits(fastnn.models.load_model(path)) == bits(twin)
    assert "Epoch 3: loss was not better than 1" in capsys.readouterr().out


def test_checkpoints_after_batches_hold_the_weights_of_that_batch(tmp_path):
    made, first = model(), model()
    save = callbacks.ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_freq=3)
    fit(made, save, shuffle=False, epochs=2)  # of 5 batches each
    first.fit(X[:15], Y[:15], batch_size=5, shuffle=False, verbose=0)
    assert sorted(os.listdir(tmp_path)) == ["1-3", "2-1", "2-4"]
    assert bits(fastnn.models.load_model(tmp_path / "1-3")) == bits(first)


def test_weights_alone_are_saved_with_the_state_of_the_optimizer(tmp_path):
    path, made, again, whole = tmp_path / "w", model(), model(), model()
    for each in (made, again, whole):
        each.compile("adam", "mse")
    fit(made, callbacks.ModelCheckpoint(path, save_weights_only=True), epochs=2)
    again.load_weights(path)
    fit(again, epochs=1)
    fit(whole, epochs=3)
    assert bits(again) == bits(whole)
    with pytest.raises(ModelFileError, match=r"weights alone; use model\.load_weights"):
        fastnn.models.load_model(path)
    with pytest.raises(FileExistsError, match="save_weights"):
        made.save_weights(path, overwrite=False)


def test_weights_go_by_their_order_and_need_their_shapes(tmp_path):
    path, made = tmp_path / "w", model()
    made.save(path)
    other = fastnn.Sequential([fastnn.Input((3,)), Dense(4), Dense(1)])
    other.load_weights(path)
    assert bits(other) == bits(made)
    before = bits(wrong := model(units=5))
    with pytest.raises(ShapeError):
        wrong.load_weights(path)
    assert bits(wrong) == before
    with pytest.raises(NotBuiltError):
        fastnn.Sequential([Dense(1)]).load_weights(path)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelFileError, match="w: "):
        made.load_weights(path)


def test_csv_logger_leaves_a_whole_file_after_each_epoch(tmp_path):
    path, lines = tmp_path / "log.csv", []
    count = LambdaCallback(on_epoch_end=lambda *_: lines.append(path.read_text().count("\n")))
    history = fit(model(), callbacks.CSVLogger(path), count, epochs=2, validation_split=0.2)
    assert lines == [2, 3]
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == history.history["val_loss"]


def test_metrics_of_several_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Events))
    path, several = tmp_path / "log.csv", Scripted([np.array([0.5, 1.0])], "f1")
    fit(model(), several, callbacks.CSVLogger(path), callbacks.TensorBoard(tmp_path), verbose=2)
    assert '"""[0.5, 1.0]"""' in path.read_text()
    assert "f1 [0.5000 1.0000]" in capsys.readouterr().out
    assert "epoch_f1" not in dict(EVENTS["train"].scalars)
    with pytest.raises(ValueError, match=r"'f1' has several numbers, shape \(2,\)"):
        fit(model(), several, callbacks.EarlyStopping("f1", mode="max"))


def test_callbacks_assign_weights_between_batches():
    zeros = [np.zeros_like(w) for w in model().get_weights()]
    made = model()
    fit(made, LambdaCallback(on_train_batch_end=lambda *_: made.set_weights(zeros)))
    assert not any(w.any() for w in made.get_weights())
    assert made.history.history["loss"][0] > 0


def test_evaluate_and_predict_by_batches_give_the_same_bits():
    made, seen = model(metrics=["mse"]), []
    note = LambdaCallback(
        on_test_batch_end=lambda batch, logs: seen.append((batch, logs["loss"])),
        on_predict_batch_end=lambda batch, logs: seen.append((batch, logs["outputs"])),
    )
    plain = made.evaluate(X, Y, batch_size=10, verbose=0)
    assert made.evaluate(X, Y, batch_size=10, verbose=0, callbacks=[note]) == plain
    assert [batch for batch, _ in seen] == [0, 1, 2]
    assert seen.pop()[1] == plain[0]
    seen.clear()
    out = made.predict(X, batch_size=10, callbacks=note)
    assert np.array_equal(np.concatenate([part for _, part in seen]), out)
    assert np.array_equal(out, made.predict(X))
    assert note.params == {"steps": 3}


def test_rows_are_told_without_batches():
    x = np.zeros((200_000, 3), "float32")
    done, note = [], Callback()
    note.on_rows = lambda *rows: done.append(rows)
    model().fit(x, x[:, :1], verbose=0, callbacks=[note])
    assert all(total == 200_000 for _, total in done)
    assert done == sorted(done)
    assert not CallbackList([note], None, {}).wants_batches("train")


def test_old_names_of_batch_events_are_called():
    class Old(Callback):
        def __init__(self):
            self.calls = []

        def on_batch_begin(self, batch, logs=None):
            self.calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            self.calls.append(("end", batch))

    old = Old()
    fit(model(), old, batch_size=12)
    assert old.calls == [("begin", 0), ("end", 0), ("begin", 1), ("end", 1)]


# ---- what needs other packages -------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch):
    """Make packages look as if they were not installed."""

    def hide(*names):
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_tqdm_shows_epochs_and_samples(verbose):
    pytest.importorskip("tqdm")
    written = io.StringIO()
    bar = callbacks.TqdmCallback(verbose, file=written, ascii=True)
    fit(model(), bar, epochs=3)
    assert "3/3" in written.getvalue()
    assert "loss " in written.getvalue()
    assert ("/23" in written.getvalue()) == bool(verbose)
    bar.set_params({"epochs": 1, "samples": 100_000})
    bar.on_train_begin()
    bar.on_epoch_begin(0)
    bar.on_rows(50_000, 100_000)
    assert bar._samples is None or bar._samples.n == 50_000
    bar.on_epoch_end(0, {"note": "text", "loss": 1e-5})
    assert "note text  loss 1e-05" in bar._epochs.postfix
    bar.on_train_end()


def test_tqdm_missing_is_said(without):
    without("tqdm.auto")
    with pytest.raises(ImportError, match=r"fastnn\[progress\]"):
        callbacks.TqdmCallback()


EVENTS = {}


class Events:
    """A writer that keeps what it is given."""

    def __init__(self, folder):
        self.scalars, self.histograms, self.closed = [], [], False
        EVENTS[os.path.basename(folder)] = self

    def add_scalar(self, name, value, step):
        assert not self.closed
        self.scalars.append((name, step))

    def add_histogram(self, name, values, step):
        self.histograms.append((name, values.shape, step))

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_tensorboard_gets_keras_names(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Events))
    board = callbacks.TensorBoard(tmp_path, 2, write_steps_per_second=True, update_freq=2)
    fit(model(), board, epochs=2, validation_split=0.2, batch_size=6)
    train, validation = EVENTS["train"], EVENTS["validation"]
    each = ["epoch_loss", "epoch_learning_rate", "epoch_steps_per_second"]
    assert train.scalars == [
        ("batch_loss", 2),
        *((name, 0) for name in each),
        *(("batch_loss", n) for n in (4, 6)),
        *((name, 1) for name in each),
    ]
    assert validation.scalars == [("epoch_loss", 0), ("epoch_loss", 1)]
    assert [shape for _, shape, step in train.histograms] == [(3, 4), (4,), (4, 1), (1,)]
    assert train.closed
    assert validation.closed
    assert not CallbackList([callbacks.TensorBoard(tmp_path)], None, {}).wants_batches("train")


def test_tensorboards_own_writer_does_without_histograms(monkeypatch, without, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    summary = types.SimpleNamespace(Writer=Events)
    monkeypatch.setitem(sys.modules, "tensorboard", types.SimpleNamespace(summary=summary))
    monkeypatch.setitem(sys.modules, "tensorboard.summary", summary)
    fit(model(), callbacks.TensorBoard(tmp_path))
    assert EVENTS["train"].scalars[0] == ("epoch_loss", 0)
    with pytest.raises(ImportError, match="histogram_freq needs tensorboardX"):
        callbacks.TensorBoard(tmp_path, histogram_freq=1)


def test_tensorboard_missing_is_said(without):
    without("tensorboard", "tensorboard.summary", "tensorboardX")
    with pytest.raises(ImportError, match=r"fastnn\[tensorboard\]"):
        callbacks.TensorBoard()


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: callbacks.EarlyStopping(3), TypeError, "monitor must be a name"),
        (lambda: callbacks.EarlyStopping(mode="least"), ValueError, "'auto', 'min' or 'max'"),
        (lambda: callbacks.EarlyStopping(patience=-1), ValueError, "patience must be 0 or more"),
        (lambda: callbacks.EarlyStopping(patience=1.5), TypeError, "patience must be an integer"),
        (lambda: callbacks.EarlyStopping(baseline="a"), TypeError, "baseline must be a number"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1), ValueError, r"factor must be in \[0, 1\)"),
        (lambda: callbacks.ReduceLROnPlateau(cooldown=-1), ValueError, "cooldown must be 0"),
        (lambda: callbacks.LearningRateScheduler(0.1), TypeError, "schedule must be a function"),
        (
            lambda: fit(model(), callbacks.LearningRateScheduler(lambda epoch, rate: None)),
            TypeError,
            "schedule must return a number, got NoneType",
        ),
        (lambda: callbacks.ModelCheckpoint("a", save_freq=0), ValueError, "save_freq must be 1"),
        (lambda: callbacks.ModelCheckpoint("a", save_freq="b"), TypeError, "save_freq must be an"),
        (
            lambda: fit(model(), callbacks.ModelCheckpoint("{val_loss}")),
            ValueError,
            "'{val_loss}' cannot be filled in .* there are epoch, loss",
        ),
        (lambda: callbacks.LambdaCallback(on_epoch=print), TypeError, "no event 'on_epoch'"),
        (lambda: callbacks.LambdaCallback(on_epoch_end=3), TypeError, "on_epoch_end must be a fun"),
        (lambda: callbacks.TqdmCallback(verbose=3), ValueError, "verbose must be 0, 1 or 2"),
        (lambda: model().predict(X, callbacks=[3]), TypeError, "predict: callbacks have to be"),
        (lambda: model().evaluate(X, Y, callbacks=3), TypeError, "evaluate: callbacks have to be"),
    ],
)
def test_mistakes(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert len(str(caught.value)) <= 400


def test_logs_are_a_dict_for_who_takes_them_without_a_default():
    """As Keras calls them: ``def on_train_begin(self, logs):`` is a usual way to write it."""
    seen = []
    begins = ("on_train_begin", "on_test_begin", "on_predict_begin", "on_predict_end")
    note = LambdaCallback(**{name: lambda logs: seen.append(logs) for name in begins})
    made = model()
    fit(made, note, validation_split=0.2)
    made.evaluate(X, Y, verbose=0, callbacks=[note])
    made.predict(X, callbacks=[note])
    assert seen == [{}] * 5
