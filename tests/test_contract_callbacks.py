"""Every public callback keeps its contract; the order of events."""

import copy
import pickle

import pytest
from contract import (
    X,
    Y,
    assert_odd_values_are_taken_or_refused,
    every,
    public,
    trained,
    two_layers,
)

from fastnn import callbacks


def slower(epoch, rate):
    """The rate that training has anyway."""
    return rate


#: class -> arguments of callbacks that look at a training and leave it as it is
CALLBACKS = {
    callbacks.CSVLogger: [{"filename": "{tmp}/log.csv"}],
    callbacks.EarlyStopping: [
        {"monitor": "loss", "patience": 9},
        {"monitor": "val_loss", "patience": 9, "mode": "min", "min_delta": 0.1, "verbose": 0},
    ],
    callbacks.History: [{}],
    callbacks.LambdaCallback: [{}, {"on_train_begin": print, "on_predict_end": print}],
    callbacks.LearningRateScheduler: [{"schedule": slower}],
    callbacks.ModelCheckpoint: [
        {"filepath": "{tmp}/{{epoch}}"},
        {"filepath": "{tmp}/best", "monitor": "val_loss", "save_best_only": True},
        {"filepath": "{tmp}/w", "save_weights_only": True, "save_freq": 2},
    ],
    callbacks.ProgbarLogger: [{"bar": True}, {"bar": False}],
    callbacks.ReduceLROnPlateau: [{"monitor": "loss", "patience": 9}],
    callbacks.TerminateOnNaN: [{}, {"raise_error": True}],
}
#: Those that need other packages, in tests/test_callbacks.py and test_notebook.py, and the one that
#: goes on with what another fit has left.
ELSEWHERE = {
    callbacks.BackupAndRestore,
    callbacks.LivePlot,
    callbacks.TensorBoard,
    callbacks.TqdmCallback,
}


def test_every_callback_has_cases():
    assert set(CALLBACKS) | ELSEWHERE == public(callbacks, callbacks.Callback)


class Stop(Exception):
    """What a user's own callback raises."""


class Fails(callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise Stop


class Events(callbacks.Callback):
    """Notes every event: its name, its number and the names in its logs."""

    def __init__(self):
        self.seen = []

        def note(name):
            return lambda *known: self.seen.append((name, *map(_brief, known)))

        for name in vars(callbacks.Callback):
            if name.startswith("on_") and name not in ("on_rows", "on_batch_begin", "on_batch_end"):
                setattr(self, name, note(name))


def _brief(value):
    return tuple(value) if isinstance(value, dict) else value


@pytest.fixture
def made(cls, options, tmp_path):
    """A function that makes the callback anew."""

    def make():
        known = {
            name: value.format(tmp=tmp_path) if isinstance(value, str) else value
            for name, value in options.items()
        }
        return cls(**known)

    return make


HELD_OUT = {"epochs": 3, "validation_data": (X[:5], Y[:5])}


@pytest.mark.parametrize(("cls", "options"), every(CALLBACKS))
class TestCallback:
    def test_training_is_the_same_with_it(self, cls, options, made):
        assert trained(two_layers(), callbacks=[made()], **HELD_OUT) == trained(
            two_layers(), **HELD_OUT
        )

    def test_it_can_be_used_again(self, cls, options, made):
        callback = made()
        want = trained(two_layers(), **HELD_OUT)
        for _ in range(2):
            assert trained(two_layers(), callbacks=[callback], **HELD_OUT) == want

    def test_a_fit_that_failed_leaves_model_and_callback_usable(self, cls, options, made):
        callback, model = made(), two_layers()
        with pytest.raises(Stop):
            trained(model, callbacks=[callback, Fails()], **HELD_OUT)
        assert model.epochs_trained == 2
        again = two_layers()
        assert trained(again, callbacks=[callback], **HELD_OUT) == trained(two_layers(), **HELD_OUT)
        model.predict(X)
        trained(model)

    def test_events_are_the_same_with_it(self, cls, options, made):
        lists = []
        for others in ([], [made()]):
            events = Events()
            trained(two_layers(), callbacks=[*others, events], **HELD_OUT)
            lists.append([event[0] for event in events.seen])
        assert lists[0] == lists[1]

    def test_it_can_be_copied(self, cls, options, made):
        for callback in (pickle.loads(pickle.dumps(made())), copy.deepcopy(made())):
            assert type(callback) is cls
            assert trained(two_layers(), callbacks=[callback], **HELD_OUT) == trained(
                two_layers(), **HELD_OUT
            )

    def test_unknown_arguments_are_refused(self, cls, options, made):
        with pytest.raises(TypeError, match=r"unheard_of|takes no arguments"):
            cls(**options, unheard_of=1)
        assert_odd_values_are_taken_or_refused(cls, options)


def test_events_come_in_this_order_with_these_logs():
    events, model = Events(), two_layers()
    options = {"batch_size": 12, "verbose": 0, "callbacks": [events]}
    model.fit(X, Y, epochs=2, validation_data=(X[:5], Y[:5]), **options)
    loss, both = ("loss",), ("loss", "val_loss")

    def batches(stage, count, logs):
        return [
            (f"on_{stage}_batch_{end}", batch, known)
            for batch in range(count)
            for end, known in (("begin", ()), ("end", logs))
        ]

    validation = [
        ("on_test_begin", ()),
        *batches("test", 1, loss),
        ("on_test_end", loss),
    ]

    def epoch(number):
        return [
            ("on_epoch_begin", number, ()),
            *batches("train", 2, loss),
            *validation,
            ("on_epoch_end", number, both),
        ]

    assert events.seen == [
        ("on_train_begin", ()),
        *epoch(0),
        *epoch(1),
        ("on_train_end", both),
    ]
    events.seen.clear()
    model.evaluate(X[:5], Y[:5], **options)
    assert events.seen == validation
    events.seen.clear()
    model.predict(X[:13], batch_size=12, callbacks=[events])
    assert events.seen == [
        ("on_predict_begin", ()),
        *batches("predict", 2, ("outputs",)),
        ("on_predict_end", ()),
    ]
