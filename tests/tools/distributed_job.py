"""What tests/test_distributed.py lets several processes do: ``distributed_job.py what folder``."""

import hashlib
import json
import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np

import fastnn
from fastnn import callbacks, layers, optimizers
from fastnn.layers import Dense

RANKS = fastnn.distributed.MPI(chunks=8)
FOLDER = Path(sys.argv[2])
QUIET = {"verbose": 0, "distribute": RANKS}

rng = np.random.default_rng(1)
X = rng.normal(size=(101, 6)).astype("f")
LABELS = rng.integers(0, 3, 101)
IMAGES = rng.integers(0, 255, (45, 8, 8, 2)).astype("u1")
IDS = np.where(np.arange(9) < rng.integers(1, 9, (60, 1)), rng.integers(1, 20, (60, 9)), 0)


def bits(model):
    weights = b"".join(each.tobytes() for each in model.get_weights())
    return hashlib.sha256(weights).hexdigest()


def mlp(optimizer="adam", units=16, **options):
    inner = [Dense(units, "relu", kernel_regularizer="l2"), layers.Dropout(0.3)]
    model = fastnn.Sequential([fastnn.Input((6,)), *inner, Dense(3, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"], **options)
    return model


def train_mlp(**options):
    model = mlp()
    weights = {"class_weight": {0: 2.0}, "validation_split": 0.2}
    return model, model.fit(X, LABELS, 32, 3, **weights, **options)


def train_wide(**options):  # whose gradients are summed in parts
    model = mlp("sgd", 2000)
    return model, model.fit(X, LABELS, 64, 2, **options)


def train_images(**options):
    model = fastnn.Sequential(dtype="float64")
    model.add(fastnn.Input((8, 8, 2)))
    model.add(layers.Rescaling(1 / 255))
    model.add(layers.RandomRotation(0.2))
    model.add(layers.Conv2D(4, 3, use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling2D())
    model.add(Dense(1, kernel_constraint="unit_norm"))
    model.compile(optimizers.SGD(0.1, 0.9, nesterov=True, clipnorm=0.5), "mse", ["auc"])
    y = (np.arange(45) % 2).astype("f")
    options |= {"sample_weight": np.linspace(0, 1, 45), "steps_per_epoch": 2}
    return model, model.fit(IMAGES, y, 16, 3, validation_data=(IMAGES[:9], y[:9]), **options)


def train_words(dtype="float32", **options):
    inner = [layers.Embedding(20, 5, mask_zero=True), layers.LSTM(6, return_sequences=True)]
    model = fastnn.Sequential([fastnn.Input((9,)), *inner, Dense(20, "softmax")], dtype=dtype)
    model.compile("rmsprop", "sparse_categorical_crossentropy", ["accuracy"])
    return model, model.fit(IDS, IDS, 20, 3, shuffle=False, **options)


def train_mixed(**options):
    return train_words("mixed_bfloat16", **options)


def train_two_outputs(**options):
    x = fastnn.Input((6,))
    h = Dense(8, "tanh")(x)
    model = fastnn.Model(x, [Dense(3, "softmax", name="a")(h), Dense(1, name="b")(h)])
    rate = optimizers.schedules.ExponentialDecay(0.01, 3, 0.5)
    few = {"gradient_accumulation_steps": 2, "use_ema": True, "weight_decay": 0.1}
    model.compile(
        optimizers.AdamW(rate, **few),
        ["sparse_categorical_crossentropy", "mse"],
        loss_weights=[1.0, 0.1],
    )
    return model, model.fit(X, [LABELS, X[:, :1]], 24, 3, **options)


def train_eagerly(**options):
    model = mlp(run_eagerly=True)
    return model, model.fit(X, LABELS, 50, 1, **options)


def train_by_each_optimizer(**options):
    found = b""
    for name in ("adafactor", "adagrad", "adadelta", "adamax", "ftrl", "lamb", "lion", "nadam"):
        model = mlp(name, 4)
        history = model.fit(X, LABELS, 40, 1, **options)
        found += model.get_weights()[0].tobytes()
    model.set_weights([np.frombuffer(found[:96], "f").reshape(6, 4), *model.get_weights()[1:]])
    assert len({found[at : at + 96] for at in range(0, len(found), 96)}) == 8
    return model, history


def train_with_callbacks(**options):
    stop = callbacks.EarlyStopping("loss", patience=2, restore_best_weights=True, verbose=1)
    slow = callbacks.ReduceLROnPlateau("loss", patience=1, verbose=1)
    table = callbacks.CSVLogger(FOLDER / f"{RANKS.size}-{RANKS.rank}.csv")
    batches = []
    told = callbacks.LambdaCallback(on_train_batch_end=lambda at, logs: batches.append(logs))
    model = mlp(optimizers.SGD(3.0))
    every = [stop, slow, table, told]
    history = model.fit(X, LABELS, 32, 30, callbacks=every, **options)
    assert len(history.epoch) < 30
    assert len(batches) == 4 * len(history.epoch)
    assert batches[-1]["loss"] == history.history["loss"][-1]
    return model, history


def train_as_the_first_says(**options):
    """Rank 0 alone stops, and alone changes the rate."""

    def end(epoch, logs):
        if RANKS.rank == 0:
            model.stop_training = epoch == 2
            model.optimizer.learning_rate = 0.02

    model = mlp()
    word = callbacks.LambdaCallback(on_epoch_end=end)
    history = model.fit(X, LABELS, 32, 9, callbacks=[word], **options)
    assert history.epoch == [0, 1, 2]
    return model, history


def train_in_two_parts(**options):
    path = FOLDER / "backup"
    found = []
    for epochs in (2, 4):
        fastnn.set_seed(3)
        model = mlp()
        found.append(model.fit(X, LABELS, 32, epochs, checkpoint=path, **options))
    if RANKS.rank == 0:
        path.unlink()
    fastnn.set_seed(3)
    whole = mlp()
    whole.fit(X, LABELS, 32, 4, **options)
    assert bits(model) == bits(whole)
    return model, found[1]


def train_till_not_finite(**options):
    model = mlp()
    x = X.copy()
    x[70, 2] = np.nan
    options = {**options, "shuffle": False, "on_nonfinite": "stop"}
    before = model.fit(x[:64], LABELS[:64], 32, 1, **options)
    weights = bits(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x[64:96], LABELS[64:96], 32, 3, **options)
    said = [str(each.message) for each in caught]
    assert len(said) == (RANKS.rank == 0), said
    assert all("epoch 1, batch 1 is not finite; x or y has NaN" in each for each in said), said
    assert bits(model) == weights
    assert history.epoch == [0]
    return model, before


def bits_of_everything():
    found = {}
    for name, train in sorted(globals().items()):
        if name.startswith("train_"):
            fastnn.set_seed(7 + RANKS.rank)  # the first weights that count are rank 0's
            model, history = train(**QUIET)
            found[name] = bits(model), history.history
    return found


def apart():
    """How far weights are from those of a ``fit`` by one process that does not cut batches."""
    found = {}
    for train in (train_mlp, train_words, train_two_outputs):
        every = []
        for options in (QUIET, {"verbose": 0}):
            fastnn.set_seed(5)
            model, history = train(**options)
            every.append(np.concatenate([w.ravel() for w in model.get_weights()]))
            every[-1] = np.append(every[-1], [history.history["loss"]])
        found[train.__name__] = float(np.abs(every[0] - every[1]).max())
    return found


def everything():
    return {"bits": bits_of_everything(), "apart": apart(), "threads": fastnn.get_num_threads()}


def fail(action, x=X, model=None):
    """Do something on rank 1 alone, in the first epoch."""

    def end(epoch, logs):
        if RANKS.rank == 1 and epoch == 0:
            (FOLDER / "failed").touch()
            action()

    model = model or mlp()
    does = callbacks.LambdaCallback(on_epoch_end=end)
    model.fit(x, LABELS, 32, 3, callbacks=[does], **QUIET)


def raises():
    def action():
        raise OSError("the disk is full")

    fail(action)


def dies():
    fail(lambda: os.kill(os.getpid(), signal.SIGKILL))


def corrupts():
    def action():
        model.layers[0].kernel.assign(np.zeros((6, 16)))

    model = mlp()
    fail(action, model=model)


def reads_other_data():
    fail(print, X + (RANKS.rank == 1))


def all_raise():
    RANKS.comm.Barrier()  # they begin seconds apart where other programs run
    mlp().fit(X, LABELS, 4, **QUIET)


def is_not_finite():
    x = X.copy()
    x[30] = np.nan
    mlp().fit(x, LABELS, 32, shuffle=False, on_nonfinite="raise", **QUIET)


if __name__ == "__main__":
    found = globals()[sys.argv[1]]()
    if RANKS.rank == 0:
        print(json.dumps(found))
