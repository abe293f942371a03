"""A training that is ended and begun again ends to the bit as if it had never been interrupted."""

import itertools
import os
from functools import partial

import numpy as np
import pytest

import fastnn
from fastnn import Input, Model, Sequential
from fastnn.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from fastnn.errors import ModelFileError
from fastnn.layers import (
    LSTM,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    RandomContrast,
    RandomTranslation,
)

RNG = np.random.default_rng(11)
X = RNG.normal(size=(40, 6, 6, 1))
Y = np.arange(40) % 3


class End(Exception):
    """Stands for whatever ends a process."""


class EndAfter(Callback):
    """Ends the training after so many batches, or in an event of an epoch."""

    def __init__(self, batches=0, event=None, epoch=None):
        self.left, self.epoch = batches, epoch
        if batches:
            self.on_train_batch_end = self._after_batch
        if event:
            setattr(self, event, self._in_epoch)

    def _after_batch(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise End

    def _in_epoch(self, epoch, logs=None):
        if epoch == self.epoch:
            raise End


def convnet(optimizer=None, dtype=None, metrics=("accuracy",)):
    """All that is random, all that has a state."""
    fastnn.set_seed(5)
    layers = [
        Input((6, 6, 1)),
        RandomTranslation(0.2, 0.2, name="shift"),
        RandomContrast(0.3, name="contrast"),
        Conv2D(4, 3, activation="relu", name="conv"),
        BatchNormalization(name="norm"),
        Flatten(name="flat"),
        Dropout(0.3, name="drop"),
        Dense(3, "softmax", kernel_regularizer="l2", name="dense"),
    ]
    model = Sequential(layers, name="net", dtype=dtype)
    optimizer = optimizer or fastnn.optimizers.SGD(0.05, momentum=0.9, nesterov=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", list(metrics))
    return model


def state(model, history):
    arrays = [*model.get_weights()]
    arrays += [model.runtime.buffers[home] for home in ("slots", "step", "scalars")]
    bits = b"".join(array.tobytes() for array in arrays)
    means = {name: np.asarray(each).tobytes() for name, each in history.history.items()}
    return bits, history.epoch, means, model.epochs_trained, model.optimizer.learning_rate


def once(make, fit):
    """What a training that nobody interrupts ends with."""
    model = make()
    return state(model, fit(model, []))


def in_pieces(make, fit, ends, backup):
    """The same, begun again after each of ``ends``; and how often it was ended."""
    ended = 0
    for end in (*ends, EndAfter()):
        model = make()  # as a script does that is started again
        try:
            return state(model, fit(model, [end, backup()])), ended
        except End:
            ended += 1
    raise AssertionError("it never ended")


def fit(model, callbacks, **options):
    return model.fit(
        X, Y, 8, epochs=4, verbose=0, validation_split=0.2, callbacks=callbacks, **options
    )


@pytest.mark.parametrize("batches", range(1, 17))
def test_ended_after_any_batch_and_backed_up_after_any_number(tmp_path, batches):
    expected = once(convnet, fit)
    for every in (1, 2, 3, 5, "epoch"):
        found, ended = in_pieces(
            convnet,
            fit,
            [EndAfter(batches), EndAfter(batches + 1)],
            partial(BackupAndRestore, tmp_path / str(every), save_freq=every),
        )
        assert ended >= 1
        assert found == expected


@pytest.mark.parametrize("event", ["on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("epoch", range(4))
def test_ended_in_an_event_of_an_epoch(tmp_path, event, epoch):
    expected = once(convnet, fit)
    ends = [EndAfter(event=event, epoch=epoch)]
    for every in (2, "epoch"):
        backup = partial(BackupAndRestore, tmp_path / str(every), every)
        found, ended = in_pieces(convnet, fit, ends, backup)
        assert (found, ended) == (expected, 1)


OPTIMIZERS = {
    "adam": lambda: fastnn.optimizers.Adam(0.01),
    "nadam": lambda: fastnn.optimizers.Nadam(0.01),
    "schedule": lambda: fastnn.optimizers.SGD(
        fastnn.optimizers.schedules.CosineDecay(0.1, 30), momentum=0.5
    ),
    "function": lambda: fastnn.optimizers.SGD(lambda step: 0.1 / (1 + step)),
    "decay": lambda: fastnn.optimizers.SGD(0.1, decay=0.01),
    "average": lambda: fastnn.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=4
    ),
    "accumulation": lambda: fastnn.optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "clipping": lambda: fastnn.optimizers.RMSprop(0.01, global_clipnorm=0.5, weight_decay=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_kind_of_optimizer(tmp_path, name):
    def make():
        return convnet(OPTIMIZERS[name]())

    ends = [EndAfter(n) for n in (3, 4, 2)]
    found, ended = in_pieces(make, fit, ends, lambda: BackupAndRestore(tmp_path, 2))
    assert ended == 3
    assert found == once(make, fit)


@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16"])
def test_every_precision(tmp_path, dtype):
    def make():
        return convnet(dtype=dtype)

    found, _ = in_pieces(make, fit, [EndAfter(5)], lambda: BackupAndRestore(tmp_path, 2))
    assert found == once(make, fit)


OPTIONS = {
    "class weights": {"class_weight": {0: 2.0, 1: 0.5}},
    "sample weights": {"sample_weight": RNG.uniform(size=40)},
    "in order": {"shuffle": False},
    "some steps": {"steps_per_epoch": 3},
    "validated now and then": {"validation_freq": 2},
    "from an epoch": {"initial_epoch": 1},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_every_kind_of_argument(tmp_path, name):
    def with_options(model, callbacks):
        return fit(model, callbacks, **OPTIONS[name])

    ends = [EndAfter(2), EndAfter(3)]
    found, ended = in_pieces(convnet, with_options, ends, lambda: BackupAndRestore(tmp_path, 1))
    assert ended == 2
    assert found == once(convnet, with_options)


def test_metrics_that_hold_totals_of_many_numbers(tmp_path):
    def make():
        return convnet(metrics=[fastnn.metrics.ConfusionMatrix(), fastnn.metrics.F1Score()])

    found, _ = in_pieces(make, fit, [EndAfter(6)], lambda: BackupAndRestore(tmp_path, 2))
    assert found == once(make, fit)


def test_several_inputs_and_outputs(tmp_path):
    def make():
        fastnn.set_seed(2)
        a, b = Input((3,), name="a"), Input((2,), name="b")
        h = Dropout(0.2)(Dense(6, "relu")(Concatenate()([a, b])))
        model = Model([a, b], [Dense(1, name="p")(h), Dense(2, name="q")(h)])
        model.compile("adam", {"p": "mse", "q": "mae"}, metrics={"p": ["mae"], "q": ["mse"]})
        return model

    x = {"a": RNG.normal(size=(30, 3)), "b": RNG.normal(size=(30, 2))}
    y = {"p": RNG.normal(size=30), "q": RNG.normal(size=(30, 2))}

    def several(model, callbacks):
        return model.fit(x, y, 7, epochs=3, verbose=0, callbacks=callbacks)

    found, _ = in_pieces(make, several, [EndAfter(3)] * 1, lambda: BackupAndRestore(tmp_path, 2))
    assert found == once(make, several)


def test_states_that_layers_keep_from_batch_to_batch(tmp_path):
    def make():
        fastnn.set_seed(3)
        layers = [Input(batch_shape=(8, 4, 2)), LSTM(3, stateful=True), Dense(1)]
        model = Sequential(layers)
        model.compile("adam", "mse")
        return model

    x, y = RNG.normal(size=(40, 4, 2)), RNG.normal(size=40)

    def in_order(model, callbacks):
        return model.fit(x, y, 8, epochs=3, verbose=0, shuffle=False, callbacks=callbacks)

    found, ended = in_pieces(make, in_order, [EndAfter(7)], lambda: BackupAndRestore(tmp_path, 3))
    assert (found, ended) == (once(make, in_order), 1)


# ---- batches -------------------------------------------------------------------------------------


class Batches(fastnn.utils.PyDataset):
    """Batches that differ from epoch to epoch."""

    def __init__(self):
        super().__init__()
        self.epoch, self.asked = 0, []

    def __len__(self):
        return 5

    def __getitem__(self, index):
        self.asked.append((self.epoch, index))
        return X[8 * index : 8 * index + 8] + self.epoch, Y[8 * index : 8 * index + 8]

    def on_epoch_end(self):
        self.epoch += 1


class Anew:
    """Batches that are the same each time that they are gone through."""

    def __iter__(self):
        return ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 40, 8))


def endless():
    for i in itertools.count():
        rows = np.arange(8 * i, 8 * i + 8) % 40
        yield X[rows] + i / 10, Y[rows]


SOURCES = {
    "PyDataset": (Batches, {}),
    "some of a PyDataset": (Batches, {"steps_per_epoch": 4}),
    "what is iterated anew": (Anew, {}),
    "a generator": (endless, {"steps_per_epoch": 5}),
}


@pytest.mark.parametrize("every", [1, 2, 5, "epoch"])
@pytest.mark.parametrize("name", SOURCES)
def test_batches_from_any_source(tmp_path, name, every):
    source, options = SOURCES[name]

    def stream(model, callbacks):
        return model.fit(source(), epochs=3, verbose=0, callbacks=callbacks, **options)

    ends = [EndAfter(4), EndAfter(5), EndAfter(6)]
    found, ended = in_pieces(convnet, stream, ends, lambda: BackupAndRestore(tmp_path, every))
    assert ended >= 1
    assert found == once(convnet, stream)


def test_validation_by_a_generator_goes_on_where_it_was(tmp_path):
    def validated(model, callbacks):
        return model.fit(X, Y, 8, 4, 0, callbacks, validation_data=endless(), validation_steps=3)

    ends = [EndAfter(event="on_epoch_begin", epoch=2), EndAfter(7)]
    found, ended = in_pieces(convnet, validated, ends, lambda: BackupAndRestore(tmp_path, 2))
    assert ended == 2
    assert found == once(convnet, validated)


def test_batches_that_were_made_are_not_made_again(tmp_path):
    data = Batches()
    with pytest.raises(End):
        convnet().fit(
            data, verbose=0, shuffle=False, callbacks=[EndAfter(4), BackupAndRestore(tmp_path, 3)]
        )
    again = Batches()
    convnet().fit(again, verbose=0, shuffle=False, callbacks=[BackupAndRestore(tmp_path, 3)])
    assert sorted(again.asked)[-2:] == [(0, 3), (0, 4)]
    assert len(again.asked) == 3  # with the first, which tells the shapes


# ---- callbacks -----------------------------------------------------------------------------------


def test_callbacks_go_on_as_they_were(tmp_path):
    """Each would do another thing if it forgot: wait anew, save what is not best, write twice."""

    def run(folder, ends, backup):
        folder.mkdir()

        def fit_all(model, callbacks):
            return model.fit(
                X,
                Y,
                8,
                epochs=12,
                verbose=0,
                validation_split=0.2,
                callbacks=[
                    EarlyStopping("val_loss", patience=4, restore_best_weights=True),
                    ReduceLROnPlateau("val_loss", 0.3, patience=1, cooldown=1, min_delta=0.05),
                    ModelCheckpoint(folder / "best", "val_loss", save_best_only=True),
                    ModelCheckpoint(folder / "{epoch}-{batch}", save_freq=7),
                    CSVLogger(folder / "log.csv"),
                    *callbacks,
                ],
            )

        if not backup:
            result = once(convnet, fit_all)
        else:
            result, _ = in_pieces(convnet, fit_all, ends, backup)
        return result, {path.name: path.read_bytes() for path in folder.iterdir()}

    expected = run(tmp_path / "once", [], None)
    assert len(expected[0][1]) < 12  # stopped early
    assert len(set(expected[0][2]["learning_rate"])) > 8
    for every in (2, 3, "epoch"):
        ends = [EndAfter(9), EndAfter(8), EndAfter(event="on_epoch_end", epoch=5), EndAfter(11)]
        backup = partial(BackupAndRestore, tmp_path / f"backup {every}", every)
        assert run(tmp_path / f"pieces {every}", ends, backup) == expected


def test_a_rate_that_is_set_each_epoch_is_not_set_twice(tmp_path):
    def halved(model, callbacks):
        rates = LearningRateScheduler(lambda epoch, rate: rate * 0.8)
        return fit(model, [rates, *callbacks])

    ends = [EndAfter(n) for n in (2, 3, 4, 5)]
    found, ended = in_pieces(convnet, halved, ends, lambda: BackupAndRestore(tmp_path, 1))
    assert ended == 4
    assert found == once(convnet, halved)


class Counter(Callback):
    """A callback of the user's with a state."""

    kept = ("seen", "last")

    def __init__(self):
        self.seen, self.last = 0, {}

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        self.last = {"batch": np.int64(batch), "array": np.full((2, 2), batch, "float32")}


def test_a_callback_of_ones_own_says_what_is_kept(tmp_path):
    counter = Counter()
    fit(convnet(), [counter])
    again = Counter()
    with pytest.raises(End):
        fit(convnet(), [Counter(), EndAfter(6), BackupAndRestore(tmp_path, 4)])
    fit(convnet(), [again, BackupAndRestore(tmp_path, 4)])
    assert again.seen == counter.seen == 16
    assert np.array_equal(again.last["array"], counter.last["array"])


def test_what_no_file_can_hold_is_refused(tmp_path):
    class Odd(Callback):
        def get_state(self):
            return {"thing": object()}

    with pytest.raises(TypeError, match=r"cannot keep 'thing'.*numbers, texts and arrays"):
        fit(convnet(), [Odd(), BackupAndRestore(tmp_path)])


def test_stopped_in_the_middle_of_an_epoch_stays_stopped(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.epochs_trained == 1 and batch == 1:
                self.model.stop_training = True

    def stopped(model, callbacks):
        return fit(model, [Stop(), *callbacks])

    expected = once(convnet, stopped)
    assert expected[1] == [0, 1]
    ends = [EndAfter(event="on_epoch_end", epoch=1)]
    found, ended = in_pieces(convnet, stopped, ends, lambda: BackupAndRestore(tmp_path, 1))
    assert (found, ended) == (expected, 1)


def test_stopped_in_the_middle_of_a_stream_stays_stopped(tmp_path):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 2

    def stopped(model, callbacks):
        return model.fit(Batches(), verbose=0, callbacks=[Stop(), *callbacks])

    ends = [EndAfter(event="on_epoch_end", epoch=0)]
    found, ended = in_pieces(convnet, stopped, ends, lambda: BackupAndRestore(tmp_path, 1))
    assert (found, ended) == (once(convnet, stopped), 1)


# ---- checkpoint= ---------------------------------------------------------------------------------


def test_fit_with_a_checkpoint_goes_on_from_it(tmp_path):
    path = tmp_path / "folder" / "run"
    expected = once(convnet, fit)
    with pytest.raises(End):
        fit(convnet(), [EndAfter(event="on_epoch_end", epoch=2)], checkpoint=path)
    model = convnet()
    assert state(model, fit(model, [], checkpoint=path)) == expected
    assert os.listdir(path.parent) == ["run"]


def test_a_complete_training_is_done_at_once_and_can_be_made_longer(tmp_path):
    def long(model, callbacks):
        return model.fit(X, Y, 8, epochs=6, verbose=0, callbacks=callbacks)

    path = tmp_path / "run"
    model = convnet()
    model.fit(X, Y, 8, epochs=4, verbose=0, checkpoint=path)
    before = path.read_bytes()
    again = convnet()
    history = again.fit(X, Y, 8, epochs=4, verbose=0, checkpoint=path)
    assert history.history == model.history.history
    assert path.read_bytes() == before
    longer = convnet()
    history = longer.fit(X, Y, 8, epochs=6, verbose=0, checkpoint=path)
    assert state(longer, history) == once(convnet, long)


def test_the_average_that_weights_become_is_not_made_twice(tmp_path):
    def make():
        return convnet(fastnn.optimizers.Adam(0.01, use_ema=True))

    expected = once(make, fit)
    for _ in range(2):
        model = make()
        assert state(model, fit(model, [], checkpoint=tmp_path / "run")) == expected


def test_a_checkpoint_is_a_file_of_weights(tmp_path):
    model = convnet()
    fit(model, [], checkpoint=tmp_path / "run")
    other = convnet()
    other.load_weights(tmp_path / "run")
    assert other.predict(X).tobytes() == model.predict(X).tobytes()


def test_the_same_model_goes_on_after_an_interrupt(tmp_path):
    expected = once(convnet, fit)
    model = convnet()
    with pytest.raises(End):
        fit(model, [EndAfter(event="on_epoch_end", epoch=2)], checkpoint=tmp_path / "run")
    assert state(model, fit(model, [], checkpoint=tmp_path / "run")) == expected


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [True, False])
def test_the_backup_goes_when_the_training_is_complete_unless_asked(tmp_path, keep):
    folder = tmp_path / "backup"
    fit(convnet(), [BackupAndRestore(folder, delete_checkpoint=not keep)])
    assert folder.exists() == keep
    if keep:
        assert os.listdir(folder) == ["training.fastnn"]


def test_a_checkpoint_is_a_file_and_no_folder(tmp_path):
    with pytest.raises(ModelFileError, match=r"checkpoint: .* is a folder, .*training\.fastnn"):
        convnet().fit(X, np.arange(len(X)) % 3, checkpoint=tmp_path, verbose=0)


def test_other_files_in_the_folder_stay(tmp_path):
    (tmp_path / "mine").touch()
    fit(convnet(), [BackupAndRestore(tmp_path)])
    assert os.listdir(tmp_path) == ["mine"]


def test_two_backups_survive_the_damage_of_one(tmp_path):
    def double():
        return BackupAndRestore(tmp_path, 2, double_checkpoint=True)

    expected = once(convnet, fit)
    with pytest.raises(End):
        fit(convnet(), [EndAfter(7), double()])
    assert sorted(os.listdir(tmp_path)) == ["training.fastnn", "training.fastnn.previous"]
    (tmp_path / "training.fastnn").write_bytes(b"damaged")
    with pytest.raises(End):
        fit(convnet(), [EndAfter(5), double()])
    (tmp_path / "training.fastnn").unlink()
    model = convnet()
    assert state(model, fit(model, [double()])) == expected
    assert not tmp_path.exists() or not os.listdir(tmp_path)


def test_a_damaged_backup_is_refused_and_named(tmp_path):
    (tmp_path / "training.fastnn").write_bytes(b"damaged")
    model = convnet()
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=r"training.fastnn: not a fastnn model file"):
        fit(model, [BackupAndRestore(tmp_path)])
    assert all(map(np.array_equal, model.get_weights(), before))


def test_a_model_file_is_no_backup(tmp_path):
    convnet().save(tmp_path / "run")
    with pytest.raises(ModelFileError, match="the config has no training"):
        fit(convnet(), [], checkpoint=tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("fingerprint"), "no fingerprint"),
        (lambda t: t.pop("place"), "no place"),
        (lambda t: t["place"].update(evil=1), "no place"),
        (lambda t: t["place"].update(epoch="x"), "no place"),
        (lambda t: t["place"].update(epoch=-1), "no place"),
        (lambda t: t["place"].update(rows=10**9), "no place"),
        (lambda t: t["place"].update(rows=1.5), "no place"),
        (lambda t: t["place"].update(logs=[]), "no place"),
        (lambda t: t["place"].update(watch=None), "no place"),
        (lambda t: t["place"].update(totals=[1]), "no place"),
        (lambda t: t["place"].update(totals={"$array": "none"}), "no array"),
        (lambda t: t["place"].update(totals={"$array": ["none"]}), "no array"),
        (lambda t: t["place"].update(totals={"$array": "state/step"}), "no array"),
        (lambda t: t["place"].update(streams=[[1]]), "no place"),
        (lambda t: t["place"].update(streams=[[1, 1]]), "no place"),
        (lambda t: t.pop("stop"), "no stop"),
        (lambda t: t.pop("callbacks"), "no callbacks"),
        (lambda t: t["callbacks"].clear(), "callbacks"),
        (lambda t: t["callbacks"][0].clear(), "callbacks"),
        (lambda t: t["callbacks"].append({}), "callbacks"),
        (lambda t: t["states"].append(1), "states of other layers"),
        (lambda t: t.update(rate="x"), "no rate"),
        (lambda t: t.update(rate=-1.0), "no rate"),
    ],
)
def test_a_backup_that_somebody_has_changed_is_refused(tmp_path, change, message):
    from fastnn import archive, atomic, saving

    path = tmp_path / "run"
    with pytest.raises(End):
        fit(convnet(), [EndAfter(event="on_epoch_end", epoch=2)], checkpoint=path)
    config, arrays = saving.read(path, {"training": dict}, {"training": dict})
    change(config["training"])
    atomic.replace(path, archive.pieces(config, arrays))
    model = convnet()
    before = model.get_weights()
    with pytest.raises(ModelFileError, match=message):
        fit(model, [], checkpoint=path)
    assert all(map(np.array_equal, model.get_weights(), before))


def test_weights_that_are_not_finite_replace_none_that_are(tmp_path):
    class Spoil(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                weights = self.model.get_weights()
                weights[0][...] = np.nan
                self.model.set_weights(weights)

    with pytest.warns(fastnn.errors.NonFiniteWarning):
        fit(convnet(), [Spoil()], checkpoint=tmp_path / "run")
    model = convnet()
    model.load_weights(tmp_path / "run")
    assert all(np.isfinite(each).all() for each in model.get_weights())
    assert model.epochs_trained == 1


def test_a_loss_that_was_not_finite_is_warned_of_once(tmp_path):
    x = np.where(np.arange(X.size).reshape(X.shape) == 7, 1e38, X)

    def broken(model, callbacks):
        return model.fit(x, Y, 40, epochs=3, verbose=0, callbacks=callbacks)

    def make():
        fastnn.set_seed(1)
        model = Sequential([Input((6, 6, 1)), Flatten(), Dense(1)])
        model.compile(fastnn.optimizers.SGD(0.0, clipvalue=1.0), "mse")
        return model

    with pytest.warns(fastnn.errors.NonFiniteWarning), pytest.raises(End):
        broken(make(), [EndAfter(event="on_epoch_end", epoch=1), BackupAndRestore(tmp_path)])
    broken(make(), [BackupAndRestore(tmp_path)])  # warnings are errors here


# ---- another training ----------------------------------------------------------------------------


def narrower(**options):
    fastnn.set_seed(5)
    model = Sequential([Input((6, 6, 1)), Flatten(), Dense(3, "softmax")], **options)
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def with_rate(rate):
    return convnet(fastnn.optimizers.SGD(rate, momentum=0.9, nesterov=True))


CHANGES = {
    "the batch size": (convnet, {"batch_size": 16}, "batch_size was 8 and is 16"),
    "the order": (convnet, {"shuffle": False}, "shuffle was True and is False"),
    "the steps": (convnet, {"steps_per_epoch": 2}, "steps_per_epoch was 5 and is 2"),
    "the samples": (convnet, {"x": X + 1}, "the data is another"),
    "one bit of a sample": (convnet, {"x": np.nextafter(X, 9)}, "the data is another"),
    "the targets": (convnet, {"y": Y[::-1]}, "the data is another"),
    "the type of samples": (convnet, {"x": X.astype("float32")}, "the data is another"),
    "the weights of samples": (convnet, {"class_weight": {0: 2.0}}, "or sample_weight is another"),
    "the validation": (convnet, {"validation_data": (X, Y)}, "validation_data is another"),
    "when it is validated": (convnet, {"validation_freq": 2}, "validation_freq was 1 and is 2"),
    "the model": (narrower, {}, "the model, its loss"),
    "the precision": (lambda: convnet(dtype="float64"), {}, "dtype was float32 and is float64"),
    "the optimizer": (lambda: convnet("adam"), {}, "the model, its loss"),
    "the momentum": (
        lambda: convnet(fastnn.optimizers.SGD(0.05, momentum=0.8, nesterov=True)),
        {},
        "the model, its loss",
    ),
    "a metric": (lambda: convnet(metrics=()), {}, "the model, its loss"),
    "the rate": (lambda: with_rate(0.5), {}, "learning_rate was 0.05 and is 0.5"),
    "the callbacks": (
        convnet,
        {"callbacks": [EarlyStopping("loss", patience=9)]},
        r"callbacks.*was \['History'\] and is",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_has_changed_is_noticed_and_named(tmp_path, name):
    make, options, message = CHANGES[name]
    path = tmp_path / "run"
    usual = {"x": X, "y": Y, "batch_size": 8, "epochs": 2, "verbose": 0, "checkpoint": path}
    convnet().fit(**usual)
    model, content = make(), path.read_bytes()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(**{**usual, **options})
    assert "remove the file to begin anew" in str(caught.value)
    assert len(str(caught.value)) <= 400
    assert all(map(np.array_equal, model.get_weights(), before))
    assert path.read_bytes() == content


@pytest.mark.parametrize("schedule", ["CosineDecay", "a function", "another number of steps"])
def test_another_schedule_is_noticed(tmp_path, schedule):
    schedules = {
        "CosineDecay": fastnn.optimizers.schedules.CosineDecay(0.1, 30),
        "a function": lambda step: 0.1,
        "another number of steps": fastnn.optimizers.schedules.ExponentialDecay(0.1, 31, 0.9),
    }
    first = fastnn.optimizers.schedules.ExponentialDecay(0.1, 30, 0.9)
    path = tmp_path / "run"
    fit(with_rate(first), [], checkpoint=path)
    with pytest.raises(ValueError, match="learning_rate"):
        fit(with_rate(schedules[schedule]), [], checkpoint=path)


def test_a_stream_is_no_array_and_steps_count(tmp_path):
    path = tmp_path / "run"
    convnet().fit(Batches(), verbose=0, checkpoint=path)
    with pytest.raises(ValueError, match="steps_per_epoch was 5 and is 4"):
        convnet().fit(Batches(), verbose=0, steps_per_epoch=4, checkpoint=path)
    with pytest.raises(ValueError, match="the data is another"):
        convnet().fit(X, Y, 8, verbose=0, checkpoint=path)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: BackupAndRestore(""), ValueError, "backup_dir is empty"),
        (lambda: BackupAndRestore("b", save_freq=False), TypeError, "save_freq"),
        (lambda: BackupAndRestore("b", save_freq=0), ValueError, "save_freq"),
        (lambda: BackupAndRestore("b", save_freq="batch"), TypeError, "save_freq"),
    ],
)
def test_mistakes_are_explained(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_one_backup_is_enough(tmp_path):
    with pytest.raises(ValueError, match="one backup; give checkpoint or one BackupAndRestore"):
        fit(convnet(), [BackupAndRestore(tmp_path)], checkpoint=tmp_path / "run")


def test_epochs_stay_one_call_between_backups(tmp_path):
    assert BackupAndRestore(tmp_path, 100).left == 100
    told = fastnn.callbacks.CallbackList([BackupAndRestore(tmp_path, 100)], convnet(), {})
    assert not told.wants_batches("train")


def test_a_model_of_another_seed_and_other_names_goes_on_all_the_same(tmp_path):
    """As in a notebook, where a cell that makes the model is run again."""

    def make():
        layers = [Input((6, 6, 1)), Conv2D(3, 3), Flatten(), Dropout(0.4), Dense(3, "softmax")]
        model = Sequential(layers)
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    first = make()
    model = fastnn.models.clone_model(first)
    model.set_weights(first.get_weights())
    model.seed = first.seed
    model.compile("adam", "sparse_categorical_crossentropy")
    expected = state(first, fit(first, []))
    with pytest.raises(End):
        fit(model, [EndAfter(7), BackupAndRestore(tmp_path, 3)])
    other = make()
    assert other.seed != first.seed
    assert state(other, fit(other, [BackupAndRestore(tmp_path, 3)])) == expected
