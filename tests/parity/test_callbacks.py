"""Callbacks decide as Keras's do, on made-up logs."""

import csv
import warnings

import numpy as np
import pytest

import fastnn

EPOCHS = 40


class Optimizer:
    scheduled = False

    def __init__(self):
        self.learning_rate = 1.0


class Model:
    """What callbacks touch of a model; its weights are the number of the epoch."""

    metrics = ()

    def __init__(self):
        self.optimizer, self.stop_training, self.epoch = Optimizer(), False, -1
        self.restored = None

    def get_weights(self):
        return [np.full(1, self.epoch)]

    def set_weights(self, weights):
        self.restored = int(weights[0][0])

    def get_config(self):
        return {}

    get_compile_config = get_config

    def save(self, path, overwrite=True):
        self.saved.append(str(path))

    save_weights = save


def losses(seed):
    """A loss that falls, rises and stands still, with ties; now and then it is not in the logs."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([-0.25, -0.125, 0.0, 0.125], EPOCHS)
    return [None if rng.random() < 0.05 else 4 + s for s in np.cumsum(steps).tolist()]


def watch(callback, values, name):
    """Return, epoch by epoch, what the callback did."""
    model, seen = Model(), []
    model.saved = []
    callback.set_model(model)
    callback.set_params({"epochs": EPOCHS})
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.epoch = epoch
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {} if value is None else {name: value})
        seen.append((model.stop_training, model.optimizer.learning_rate, len(model.saved)))
        if model.stop_training:
            break
    callback.on_train_end()
    return seen, model.restored, model.saved


def compare(keras, kind, seed, folder, **options):
    results = []
    for module in (fastnn, keras):
        cls = getattr(module.callbacks, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of epochs without the number
            path = [str(folder / "{epoch}.keras")] if kind == "ModelCheckpoint" else []
            if options.get("save_weights_only"):
                path = [str(folder / "{epoch}.weights.h5")]
            results.append(watch(cls(*path, **options), losses(seed), options["monitor"]))
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "options",
    [
        {"monitor": "loss"},
        {"monitor": "val_loss", "patience": 3},
        {"monitor": "x", "mode": "max", "patience": 2, "restore_best_weights": True},
        {"monitor": "x", "mode": "min", "patience": 5, "min_delta": 0.125},
        {"monitor": "x", "mode": "min", "patience": 5, "min_delta": -0.2, "start_from_epoch": 4},
        {"monitor": "x", "mode": "min", "patience": 4, "baseline": 3.9},
        {
            "monitor": "x",
            "mode": "max",
            "patience": 4,
            "baseline": 4.5,
            "restore_best_weights": True,
        },
    ],
)
def test_early_stopping(keras, tmp_path, seed, options):
    compare(keras, "EarlyStopping", seed, tmp_path, **options)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "options",
    [
        {"monitor": "loss", "patience": 0},
        {"monitor": "val_loss", "patience": 3, "factor": 0.5},
        {"monitor": "x", "mode": "max", "patience": 2, "cooldown": 3, "factor": 0.5},
        {"monitor": "x", "mode": "min", "patience": 1, "min_lr": 0.03, "min_delta": 0.2},
    ],
)
def test_reduce_lr_on_plateau(keras, tmp_path, seed, options):
    seen, *_ = compare(keras, "ReduceLROnPlateau", seed, tmp_path, **options)
    assert seen[-1][1] < 1


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {"monitor": "loss"},
        {"monitor": "loss", "save_best_only": True},
        {"monitor": "x", "mode": "max", "save_best_only": True, "save_weights_only": True},
        {"monitor": "x", "mode": "min", "save_best_only": True, "initial_value_threshold": 3.5},
    ],
)
def test_model_checkpoint(keras, tmp_path, seed, options):
    _, _, saved = compare(keras, "ModelCheckpoint", seed, tmp_path, **options)
    assert bool(saved) or "initial_value_threshold" in options


def test_model_checkpoint_counts_batches_over_epochs(keras, tmp_path):
    results = []
    for module in (fastnn, keras):
        model = Model()
        model.saved = []
        path = str(tmp_path / "{epoch}-{batch}-{loss}.keras")
        callback = module.callbacks.ModelCheckpoint(path, "loss", save_freq=4)
        callback.set_model(model)
        for epoch in range(3):
            callback.on_epoch_begin(epoch)
            for batch in range(7):
                callback.on_train_batch_end(batch, {"loss": 0.5})
            callback.on_epoch_end(epoch, {"loss": 0.5})
        results.append(model.saved)
    assert results[0] == results[1]
    assert len(results[0]) == 5


def test_learning_rate_scheduler(keras):
    def schedule(epoch, rate):
        return rate * 0.5 if epoch % 3 == 2 else rate

    results = []
    for module in (fastnn, keras):
        callback, model, logs = module.callbacks.LearningRateScheduler(schedule), Model(), []
        callback.set_model(model)
        for epoch in range(9):
            callback.on_epoch_begin(epoch)
            logs.append({"loss": 1.0})
            callback.on_epoch_end(epoch, logs[-1])
        results.append(logs)
    assert results[0] == results[1]


@pytest.mark.parametrize("validated", [(), (0, 1, 2), (1,)])
def test_csv_logger_writes_the_same_table(keras, tmp_path, validated):
    tables = []
    for module in (fastnn, keras):
        path = tmp_path / f"{module.__name__}.csv"
        for append in (False, True):
            callback = module.callbacks.CSVLogger(path, ";", append)
            callback.set_model(Model())
            callback.on_train_begin()
            for epoch in range(3):
                logs = {"loss": 1 / (epoch + 1), "accuracy": 0.5}
                if epoch in validated:
                    logs["val_loss"] = 2.0
                callback.on_epoch_end(epoch, logs)
            callback.on_train_end()
        tables.append(list(csv.reader(path.read_text().splitlines(), delimiter=";")))
    assert tables[0] == tables[1]
    assert len(tables[0]) == 7


def events(module):
    """A callback that notes every event, and the names in its logs."""
    calls, names = [], [n for n in dir(fastnn.callbacks.Callback) if n.startswith("on_")]

    def note(name):
        def method(self, *arguments, logs=None):
            *first, last = (*arguments, logs) if logs is not None else (*arguments,) or (None,)
            calls.append((name, *first, sorted(last or ())))

        return method

    own = ("on_rows", "on_nonfinite", "on_batch_begin", "on_batch_end")
    methods = {name: note(name) for name in names if name not in own}
    return type("Note", (module.callbacks.Callback,), methods)(), calls


X = np.linspace(-1, 1, 69).reshape(23, 3)


@pytest.mark.parametrize("stage", ["fit", "evaluate", "predict"])
def test_events_come_in_keras_order_with_the_same_logs(keras, pair, stage):
    made = pair((3,), lambda m: [m.layers.Dense(1)], metrics=["mse"])
    every = []
    for module, model in ((fastnn, made.ours), (keras, made.theirs)):
        callback, calls = events(module)
        options = {"batch_size": 10, "verbose": 0, "callbacks": [callback]}
        if stage == "fit":
            data = (X, X[:, :1])
            model.fit(*data, epochs=2, validation_data=(X[:12], X[:12, :1]), **options)
        elif stage == "evaluate":
            model.evaluate(X, X[:, :1], **options)
        else:
            model.predict(X, **options)
        every.append(calls)
    assert every[0] == every[1]


def test_directions_of_metrics_are_keras(keras):
    for name, cls in fastnn.metrics.CLASSES.items():
        theirs = getattr(keras.metrics, name, None)
        if theirs is None:
            continue
        try:
            made = theirs()
        except TypeError:
            continue  # it needs arguments
        direction = getattr(made, "_direction", None)
        if direction is not None:
            assert cls.direction == direction, name
