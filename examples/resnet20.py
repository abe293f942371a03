"""A residual network of the kind of ResNet-20 (He et al., 2016) learns to tell shapes apart.

The images are made here: circles, squares and crosses of any size, place and colour, in noise.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import Activation, Add, BatchNormalization, Conv2D, Dense, GlobalAveragePooling2D
from fastnn.plots import plot_option, training_report

plot = plot_option(__doc__)

SIZE, NAMES = 16, ("circle", "square", "cross")


def images(rows, seed):
    """Return pictures (rows, SIZE, SIZE, 3) and what they show (rows,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(NAMES), rows)
    x = rng.normal(0, 0.35, (rows, SIZE, SIZE, 3)).astype(np.float32)
    down, across = np.mgrid[:SIZE, :SIZE]
    for picture, label in zip(x, labels, strict=True):
        radius = rng.uniform(3, 5)
        a, b = np.abs([down - rng.uniform(5, SIZE - 6), across - rng.uniform(5, SIZE - 6)])
        box = np.maximum(a, b) <= radius
        inside = (np.hypot(a, b) <= radius, box, box & (np.minimum(a, b) <= 1))[label]
        picture[inside] += rng.uniform(0.5, 1.5, 3)
    return x, labels


def convolution(x, filters, size=3, strides=1, activation=None):
    """Convolution, batch normalisation and perhaps an activation."""
    y = Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    y = BatchNormalization(momentum=0.9)(y)
    return Activation(activation)(y) if activation else y


def block(x, filters, strides):
    """Two convolutions, added to what they were given."""
    y = convolution(x, filters, strides=strides, activation="relu")
    y = convolution(y, filters)
    if strides > 1:
        x = convolution(x, filters, size=1, strides=strides)
    return Activation("relu")(Add()([y, x]))


def resnet(depth=20, width=16):
    """Three stages of (depth - 2) / 6 blocks, each of half the size and twice the width."""
    x = keras.Input((SIZE, SIZE, 3))
    y = convolution(x, width, activation="relu")
    for stage in range(3):
        for number in range((depth - 2) // 6):
            y = block(y, width << stage, strides=2 if stage and not number else 1)
    y = GlobalAveragePooling2D()(y)
    return keras.Model(x, Dense(len(NAMES), "softmax")(y), name="resnet20")


model = resnet(width=8)
model.compile(
    keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.02, decay_steps=6 * 24), momentum=0.9
    ),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
print(f"{len(model.layers)} layers, {model.count_params():,} weights")

x_train, y_train = images(1200, seed=1)
x_test, y_test = images(300, seed=2)
history = model.fit(
    x_train, y_train, epochs=6, validation_data=(x_test, y_test), batch_size=50, verbose=2
)
probabilities = model.predict(x_test)
accuracy = np.mean(probabilities.argmax(axis=1) == y_test)
print(f"{accuracy:.1%} of {len(x_test)} new pictures told right")
assert accuracy > 0.9

if plot:
    shown = np.clip(x_test.mean(axis=-1), 0, 1)
    title = ", ".join(f"{number}: {name}" for number, name in enumerate(NAMES))
    training_report(history, shown, y_test, probabilities, title).savefig(plot)
