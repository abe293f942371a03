"""A convolutional net for colour images with augmentation, as Keras's classic cifar10_cnn.

The images are made here, as uint8: pieces of five textures in a dark and a light colour.  They stay
uint8 in memory; each batch is converted and scaled.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import (
    Activation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    RandomFlip,
    RandomTranslation,
    Rescaling,
)
from fastnn.models import Sequential
from fastnn.plots import plot_option, training_report

plot = plot_option(__doc__)

size, num_classes = 16, 5
names = ("stripes", "checks", "rings", "dots", "noise")


def images(rows, seed):
    """Return images (rows, size, size, 3) as uint8, and which texture each is of."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, num_classes, rows)
    down, across = np.mgrid[:size, :size]
    x = np.empty((rows, size, size, 3), np.uint8)
    for picture, label in zip(x, labels, strict=True):
        period, shift = rng.uniform(3, 6), rng.uniform(0, 6, 2)
        a, b = (
            2 * np.pi * (axis + s) / period for axis, s in zip((down, across), shift, strict=True)
        )
        radius = np.hypot(down - rng.uniform(4, 12), across - rng.uniform(4, 12))
        shade = (
            np.sin(a if rng.random() < 0.5 else b),
            np.sin(a) * np.sin(b),
            np.sin(2 * np.pi * radius / period),
            np.where(np.cos(a) + np.cos(b) > 1, 1.0, -1.0),
            rng.uniform(-1, 1, (size, size)),
        )[label]
        dark, light = rng.permutation([rng.uniform(20, 110, 3), rng.uniform(140, 235, 3)])
        colours = dark + (shade[..., None] + 1) / 2 * (light - dark)
        picture[...] = np.clip(colours + rng.normal(0, 15, picture.shape), 0, 255)
    return x, labels


x_train, y_train = images(1500, seed=0)
x_test, y_test = images(400, seed=1)

model = Sequential()
model.add(keras.Input(x_train.shape[1:]))
model.add(Rescaling(1 / 255))
model.add(RandomFlip("horizontal_and_vertical"))
model.add(RandomTranslation(0.1, 0.1))
model.add(Conv2D(16, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(Conv2D(16, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Conv2D(32, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(64))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(num_classes))
model.add(Activation("softmax"))

model.compile(
    loss="sparse_categorical_crossentropy",
    optimizer=keras.optimizers.RMSprop(learning_rate=2e-3),
    metrics=["accuracy"],
)
history = model.fit(
    x_train, y_train, batch_size=32, epochs=12, validation_data=(x_test, y_test), verbose=2
)
scores = model.evaluate(x_test, y_test, verbose=0)
print(f"Test accuracy: {scores[1]:.1%}")
assert scores[1] > 0.8

if plot:
    title = ", ".join(f"{number}: {name}" for number, name in enumerate(names))
    training_report(history, x_test, y_test, model.predict(x_test), title).savefig(plot)
