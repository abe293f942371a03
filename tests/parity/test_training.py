"""Training beside Keras: losses, metrics, optimizers step by step, histories of whole fits."""

import inspect

import numpy as np
import pytest

import fastnn

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the peer's own

RNG = np.random.default_rng(12)
X = RNG.normal(size=(37, 6))
LABELS = RNG.integers(0, 4, 37)
ONE_HOT = np.eye(4)[LABELS]
SOFT = RNG.dirichlet(np.ones(4), 37)
BITS = (RNG.random((37, 4)) > 0.5).astype(float)
NUMBERS = RNG.normal(size=(37, 4))

LOSSES = {
    "mse": ("linear", "mse", NUMBERS),
    "sparse": ("softmax", "sparse_categorical_crossentropy", LABELS),
    "one-hot": ("softmax", "categorical_crossentropy", ONE_HOT),
    "soft": ("softmax", "categorical_crossentropy", SOFT),
    "bits": ("sigmoid", "binary_crossentropy", BITS),
    "sparse logits": (
        "linear",
        lambda m: m.losses.SparseCategoricalCrossentropy(from_logits=True),
        LABELS,
    ),
    "soft logits": (
        "linear",
        lambda m: m.losses.CategoricalCrossentropy(from_logits=True),
        SOFT,
    ),
    "bit logits": ("linear", lambda m: m.losses.BinaryCrossentropy(from_logits=True), BITS),
}

OPTIMIZERS = {
    "sgd": lambda m: m.optimizers.SGD(0.05),
    "momentum": lambda m: m.optimizers.SGD(0.02, momentum=0.9),
    "nesterov": lambda m: m.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "adam": lambda m: m.optimizers.Adam(),
    "adam's options": lambda m: m.optimizers.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-4),
    "rmsprop": lambda m: m.optimizers.RMSprop(),
    "rmsprop's momentum": lambda m: m.optimizers.RMSprop(0.01, rho=0.8, momentum=0.7),
    "rmsprop centered": lambda m: m.optimizers.RMSprop(0.01, epsilon=1e-4, centered=True),
    "rmsprop's options": lambda m: m.optimizers.RMSprop(0.01, 0.7, 0.5, 1e-3, True),
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradient(pair, name):
    """Keras clips probabilities by 1e-7, which moderate scores do not feel beyond 1e-6."""
    activation, loss, targets = LOSSES[name]
    made = pair(
        (6,),
        lambda m: [m.layers.Dense(4, activation)],
        loss=loss,
        optimizer=lambda m: m.optimizers.SGD(1.0),
    )
    theirs = float(made.theirs.evaluate(X, targets, verbose=0, batch_size=37))
    assert np.isclose(made.ours.evaluate(X, targets, verbose=0, batch_size=37), theirs, rtol=1e-6)
    made.theirs.train_on_batch(X, targets)
    made.ours.train_on_batch(X, targets)
    made.assert_same_weights(1e-6)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("sparse", "accuracy"),
        ("one-hot", "accuracy"),
        ("soft", "categorical_accuracy"),
        ("bits", "binary_accuracy"),  # of "accuracy" Keras makes a categorical one here
        ("sparse", "sparse_categorical_accuracy"),
        ("mse", "mse"),
    ],
)
@pytest.mark.parametrize("batch", [5, 37])
def test_metric(pair, name, metric, batch):
    activation, loss, targets = LOSSES[name]
    made = pair((6,), lambda m: [m.layers.Dense(4, activation)], loss=loss, metrics=[metric])
    ours = made.ours.evaluate(X, targets, batch_size=batch, verbose=0, return_dict=True)
    theirs = made.theirs.evaluate(X, targets, batch_size=batch, verbose=0, return_dict=True)
    assert set(ours) == set(theirs)
    assert ours[metric] == pytest.approx(float(theirs[metric]), rel=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_hundred_steps(pair, name):
    made = pair(
        (6,),
        lambda m: [m.layers.Dense(9, "tanh"), m.layers.Dense(4)],
        optimizer=OPTIMIZERS[name],
    )
    for step in range(100):
        rows = slice(step % 30, step % 30 + 7)
        ours = made.ours.train_on_batch(X[rows], NUMBERS[rows])
        theirs = float(made.theirs.train_on_batch(X[rows], NUMBERS[rows]))
        assert ours == pytest.approx(theirs, rel=1e-6)
    made.assert_same_weights(1e-6)


def mlp(m):
    return [m.layers.Dense(16, "relu"), m.layers.Dense(8, "tanh"), m.layers.Dense(4, "softmax")]


def convnet(padding, strides):
    def layers(m):
        return [
            m.layers.Conv2D(4, 3, padding=padding, activation="relu"),
            m.layers.MaxPooling2D(2, padding=padding),
            m.layers.Conv2D(5, (2, 3), strides=strides, padding=padding, activation="tanh"),
            m.layers.Flatten(),
            m.layers.Dense(4, "softmax"),
        ]

    return layers


IMAGES = RNG.normal(size=(37, 10, 9, 2))
NETS = {
    "mlp": (X, mlp),
    "valid": (IMAGES, convnet("valid", 1)),
    "same": (IMAGES, convnet("same", 1)),
    "valid, strides": (IMAGES, convnet("valid", (2, 1))),
    "same, strides": (IMAGES, convnet("same", (2, 3))),
}


@pytest.mark.parametrize(
    ("net", "optimizer"),
    [
        ("mlp", "momentum"),
        ("mlp", "nesterov"),
        ("mlp", "adam"),
        ("valid", "momentum"),
        ("same", "adam"),
        ("valid, strides", "adam"),
        ("same, strides", "nesterov"),
    ],
)
def test_histories(pair, net, optimizer):
    """Five epochs of eight batches, the last short; validation included."""
    x, layers = NETS[net]
    made = pair(
        x.shape[1:],
        layers,
        loss="sparse_categorical_crossentropy",
        optimizer=OPTIMIZERS[optimizer],
        metrics=["accuracy"],
    )
    options = {
        "batch_size": 5,
        "epochs": 5,
        "shuffle": False,
        "verbose": 0,
        "validation_split": 0.2,
    }
    ours = made.ours.fit(x, LABELS, **options).history
    theirs = made.theirs.fit(x, LABELS, **options).history
    assert set(ours) == set(theirs)
    for name in ours:
        assert ours[name] == pytest.approx([float(v) for v in theirs[name]], rel=1e-6), name
    made.assert_same_weights(1e-6)
    assert made.ours.evaluate(x, LABELS, verbose=0) == pytest.approx(
        [float(v) for v in made.theirs.evaluate(x, LABELS, verbose=0)], rel=1e-6
    )
    assert np.allclose(
        made.ours.predict(x), np.asarray(made.theirs.predict(x, verbose=0)), rtol=1e-6, atol=1e-9
    )


#: Arguments that Keras does not have: docs/differences.md.
OURS_ALONE = {
    ("compile", "dtype"),
    ("fit", "checkpoint"),
    ("fit", "distribute"),
    ("fit", "on_nonfinite"),
}


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "compile", "train_on_batch"])
def test_methods_arguments_and_defaults(keras, method):
    """Ours are Keras's in name and default, but for what docs/differences.md lists."""
    ours = dict(inspect.signature(getattr(fastnn.Sequential, method)).parameters)
    theirs = inspect.signature(getattr(keras.Sequential, method)).parameters
    different = {("predict", "verbose"), ("compile", "optimizer")}
    for argument, parameter in ours.items():
        if (method, argument) in OURS_ALONE:
            continue
        assert argument in theirs, argument
        if argument != "x" and (method, argument) not in different:
            assert parameter.default == theirs[argument].default, argument


def test_callbacks_are_called_as_keras_calls_them(keras, pair):
    def recorder(module):
        calls = []

        class Recorder(module.callbacks.Callback):
            def on_train_begin(self, logs=None):
                calls.append("train begin")

            def on_train_end(self, logs=None):
                calls.append("train end")

            def on_epoch_begin(self, epoch, logs=None):
                calls.append(("epoch begin", epoch))

            def on_epoch_end(self, epoch, logs=None):
                calls.append(("epoch end", epoch, sorted(logs)))

            def on_train_batch_begin(self, batch, logs=None):
                calls.append(("batch begin", batch))

            def on_train_batch_end(self, batch, logs=None):
                calls.append(("batch end", batch))
                if batch == 1 and ("epoch begin", 2) in calls:
                    self.model.stop_training = True

        return Recorder(), calls

    made = pair((6,), lambda m: [m.layers.Dense(4)])
    every = []
    for module, model in ((fastnn, made.ours), (keras, made.theirs)):
        callback, calls = recorder(module)
        model.fit(X, NUMBERS, batch_size=12, epochs=5, verbose=0, callbacks=[callback])
        every.append(calls)
    assert every[0] == every[1]


def test_batches_of_a_dataset_train_as_keras_trains(keras, pair):
    def dataset(module):
        class Batches(module.utils.PyDataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                part = slice(10 * index, 10 * index + 10)
                return X[part], NUMBERS[part]

        return Batches()

    made = pair((6,), lambda m: [m.layers.Dense(4)], optimizer="adam")
    histories = [
        model.fit(
            dataset(module), epochs=3, shuffle=False, verbose=0, validation_data=dataset(module)
        ).history
        for module, model in ((fastnn, made.ours), (keras, made.theirs))
    ]
    assert list(histories[0]) == list(histories[1])
    for name in histories[0]:
        assert np.allclose(histories[0][name], histories[1][name], rtol=1e-6)
    made.assert_same_weights(1e-6)
