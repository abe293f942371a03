"""Callbacks by themselves: the history, the progress display, and who is called."""

import io

import pytest

from fastnn.callbacks import Callback, CallbackList, History
from fastnn.callbacks.display import ProgbarLogger, make_progress

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
