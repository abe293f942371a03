"""A convolutional net tells sick engines from sound ones by their noise, as in Keras's example.

The recordings are made here: a hum of some harmonics in noise; a sick engine knocks softly.
"""

import numpy as np

import fastnn as keras
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)
rng = np.random.default_rng(0)


def recordings(rows, length=200):
    """Return noises (rows, length, 1) of mean 0 and deviation 1, and which engines are sick."""
    y = rng.integers(0, 2, rows)
    time = np.arange(length)
    x = rng.normal(0, 0.7, (rows, length))
    for harmonic in (1, 2, 3):
        phase, period = rng.uniform(0, 2 * np.pi, (rows, 1)), rng.uniform(30, 40, (rows, 1))
        x += np.sin(2 * np.pi * harmonic * time / period + phase) / harmonic
    knock = np.exp(-np.arange(12) / 4) * np.cos(np.pi * np.arange(12) / 2)
    for row in np.flatnonzero(y):
        for begin in range(rng.integers(30), length - 12, 45):
            x[row, begin : begin + 12] += 2 * knock
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    return x.reshape((rows, length, 1)), y


x_train, y_train = recordings(900)
x_test, y_test = recordings(400)
num_classes = len(np.unique(y_train))


def make_model(input_shape):
    """Three convolutions, and the mean over time."""
    input_layer = keras.layers.Input(input_shape)

    conv1 = keras.layers.Conv1D(filters=32, kernel_size=7, padding="same")(input_layer)
    conv1 = keras.layers.BatchNormalization()(conv1)
    conv1 = keras.layers.ReLU()(conv1)

    conv2 = keras.layers.Conv1D(filters=32, kernel_size=5, padding="same")(conv1)
    conv2 = keras.layers.BatchNormalization()(conv2)
    conv2 = keras.layers.ReLU()(conv2)

    conv3 = keras.layers.Conv1D(filters=32, kernel_size=3, padding="same")(conv2)
    conv3 = keras.layers.BatchNormalization()(conv3)
    conv3 = keras.layers.ReLU()(conv3)

    gap = keras.layers.GlobalAveragePooling1D()(conv3)

    output_layer = keras.layers.Dense(num_classes, activation="softmax")(gap)

    return keras.models.Model(inputs=input_layer, outputs=output_layer)


model = make_model(input_shape=x_train.shape[1:])
callbacks = [
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=4, min_lr=0.0001),
    keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=10, restore_best_weights=True, verbose=1
    ),
]
model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["sparse_categorical_accuracy"],
)
history = model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=25,
    callbacks=callbacks,
    validation_split=0.2,
    verbose=2,
)
test_loss, test_acc = model.evaluate(x_test, y_test, verbose=0)
print("Test accuracy", round(test_acc, 3))
print("Test loss", round(test_loss, 3))
assert test_acc > 0.9

if plot:
    titles = ("a sound engine", "a sick engine", f"{test_acc:.0%} of {len(y_test)} told right")
    figure, (*noises, right) = panels(*titles)
    for label, panel in enumerate(noises):
        panel.plot(x_test[y_test == label][0, :, 0], linewidth=1)
        panel.set(xlabel="time", ylabel="noise, its deviation 1", ylim=(-4, 4))
    for name, label in (("", "training"), ("val_", "validation")):
        curve = history.history[f"{name}sparse_categorical_accuracy"]
        right.plot(np.add(history.epoch, 1), curve, label=label)
    right.set(xlabel="epoch", ylabel="accuracy")
    right.legend(frameon=False, fontsize=8)
    figure.savefig(plot)
