"""Twin nets with common weights learn which digits are alike, as in Keras's siamese example.

A net makes a point of the plane of an image.  Of pairs of images it learns to put those of the same
digit close together and the others apart (contrastive loss; Hadsell, Chopra and LeCun, 2006).
"""

import numpy as np

import fastnn as keras
from fastnn import layers, ops
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)
rng = np.random.default_rng(0)
x, y = load_digits()
x_train, x_test, y_train, y_test = train_test_split((x / 16).astype("float32"), y)


def make_pairs(x, y):
    """Return for each image one of its own class, label 0, and one of another, label 1."""
    classes = [np.flatnonzero(y == digit) for digit in range(10)]
    same = [rng.choice(classes[digit]) for digit in y]
    other = [rng.choice(classes[(digit + rng.integers(1, 10)) % 10]) for digit in y]
    labels = np.repeat([0.0, 1.0], len(x)).reshape(-1, 1)
    return np.concatenate([x, x]), np.concatenate([x[same], x[other]]), labels


class Distance(layers.Layer):
    """The Euclidean distance of two points."""

    def call(self, inputs):
        a, b = inputs
        sum_square = ops.sum(ops.square(a - b), axis=1, keepdims=True)
        return ops.sqrt(ops.maximum(sum_square, 1e-7))


def contrastive_loss(y_true, y_pred, margin=1.0):
    """``d^2`` of what belongs together, ``max(margin - d, 0)^2`` of what does not."""
    near = (1 - y_true) * ops.square(y_pred)
    far = y_true * ops.square(ops.maximum(margin - y_pred, 0.0))
    return ops.mean(near + far, axis=-1)


inputs = layers.Input((8, 8, 1))
z = layers.Conv2D(16, (3, 3), padding="same", activation="tanh")(inputs)
z = layers.AveragePooling2D(pool_size=(2, 2))(z)
z = layers.Conv2D(32, (3, 3), padding="same", activation="tanh")(z)
z = layers.AveragePooling2D(pool_size=(2, 2))(z)
z = layers.Flatten()(z)
embedding_network = keras.Model(inputs, layers.Dense(2)(z), name="embedding")

input_1, input_2 = layers.Input((8, 8, 1)), layers.Input((8, 8, 1))
distance = Distance()([embedding_network(input_1), embedding_network(input_2)])
siamese = keras.Model(inputs=[input_1, input_2], outputs=distance)
siamese.compile(loss=contrastive_loss, optimizer=keras.optimizers.RMSprop(0.002))
siamese.summary()

first, second, labels = make_pairs(x_train, y_train)
history = siamese.fit([first, second], labels, batch_size=32, epochs=20, verbose=2)

first, second, labels = make_pairs(x_test, y_test)
distances = siamese.predict([first, second], verbose=0)
right = float(((distances > 0.5) == labels).mean())
print(f"{right:.1%} of {len(labels)} pairs of new images are told right")
assert right > 0.85

if plot:
    figure, (left, middle) = panels("new images in the plane", f"{right:.0%} of pairs told right")
    points = embedding_network.predict(x_test, verbose=0)
    for digit in range(10):
        place = points[y_test == digit].mean(axis=0)
        left.scatter(*points[y_test == digit].T, s=5, color=f"C{digit}")
        left.text(*place, str(digit), fontsize=11, weight="bold", ha="center", va="center")
    left.set(xlabel="first output", ylabel="second output")
    for label, name in ((0, "the same digit"), (1, "different digits")):
        middle.hist(distances[labels == label], np.linspace(0, 2.5, 51), alpha=0.7, label=name)
    middle.axvline(0.5, linestyle=":", color="gray")
    middle.set(xlabel="distance", ylabel="pairs")
    middle.legend(frameon=False, fontsize=8)
    figure.savefig(plot)
