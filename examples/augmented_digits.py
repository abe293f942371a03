"""Random shifts and turns make a convolutional net read digits that are not in the middle.

It is trained on the images as they are, then with shifts and turns that differ from epoch to epoch.
Both read the test images, and the same images shifted by a pixel in each of the eight directions.
The picture shows some digits and what the layers made of them.
"""

import numpy as np

import fastnn
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import image_rows, plot_option

plot = plot_option(__doc__)

x, y = load_digits()
x_train, x_test, y_train, y_test = train_test_split((x / 16).astype("float32"), y)

SHIFTS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
around = np.pad(x_test, ((0, 0), (1, 1), (1, 1), (0, 0)))
x_moved = np.concatenate([around[:, 1 + i : 9 + i, 1 + j : 9 + j] for i, j in SHIFTS])
y_moved = np.tile(y_test, len(SHIFTS))


def augmentation():
    """Return layers that shift by up to a pixel and turn by up to 15 degrees."""
    return [
        layers.RandomTranslation(1 / 8, 1 / 8, "constant"),
        layers.RandomRotation(15 / 360, "constant"),
    ]


def trained(augmented):
    """Return the accuracy on images in the middle, and on moved ones."""
    fastnn.set_seed(0)
    model = fastnn.Sequential(
        [
            fastnn.Input((8, 8, 1)),
            *(augmentation() if augmented else []),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=40, verbose=0)
    both = (x_test, y_test), (x_moved, y_moved)
    return [model.evaluate(images, labels, verbose=0)[1] for images, labels in both]


plain, augmented = trained(False), trained(True)
print("                       in the middle   moved by a pixel")
print(f"as they are            {plain[0]:13.1%}   {plain[1]:16.1%}")
print(f"with random shifts     {augmented[0]:13.1%}   {augmented[1]:16.1%}")
assert augmented[0] > 0.95
assert augmented[1] > plain[1] + 0.1


class Keep(layers.Layer):
    """Remembers the last batch that went through."""

    def forward(self, x):
        self.batch = np.array(x)
        return x

    def backward(self, dy, x, y):
        return dy


if plot:
    keep, few = Keep(), x_train[:10]
    watched = fastnn.Sequential([fastnn.Input((8, 8, 1)), *augmentation(), keep, layers.Flatten()])
    watched.add(layers.Dense(1))
    watched.compile(loss="mse")
    rows = {"as they are": few}
    for epoch in range(1, 6):
        watched.fit(few, np.zeros(10), verbose=0, shuffle=False)
        rows[f"epoch {epoch}"] = keep.batch
    score = f"moved ones read right: {augmented[1]:.0%}, without it {plain[1]:.0%}"
    title = f"digits as training sees them; {score}"
    image_rows(rows, title).savefig(plot)
