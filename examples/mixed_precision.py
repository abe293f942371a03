"""Does mixed precision cost accuracy?  A convnet from several seeds, in float32 and mixed."""

import statistics
import time

import numpy as np

import fastnn
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

SEEDS = range(3)

x, y = load_digits()
x_train, x_test, y_train, y_test = train_test_split((x / 16).astype("float32"), y)


def train(dtype: str, seed: int) -> tuple[float, float]:
    """Return the accuracy on the test images, and the seconds that training took."""
    fastnn.set_seed(seed)
    model = fastnn.Sequential(
        [
            fastnn.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"], dtype=dtype)
    began = time.perf_counter()
    model.fit(x_train, y_train, epochs=5, verbose=0)
    return model.evaluate(x_test, y_test, verbose=0)[1], time.perf_counter() - began


means, measured = {}, {}
for dtype in ("float32", "mixed_bfloat16"):
    accuracies, seconds = zip(*(train(dtype, seed) for seed in SEEDS), strict=True)
    means[dtype], measured[dtype] = statistics.mean(accuracies), accuracies
    print(
        f"{dtype:<15} accuracy {means[dtype]:.2%}, from {min(accuracies):.2%} to "
        f"{max(accuracies):.2%} over {len(SEEDS)} seeds, {sum(seconds) / len(SEEDS):.2f} s each, "
        f"{fastnn.isa(dtype)}"
    )

assert min(means.values()) > 0.9
assert abs(means["float32"] - means["mixed_bfloat16"]) < 0.02

if plot:
    figure, (panel,) = panels("test images read right", width=5, height=2.6)
    for line, (dtype, accuracies) in enumerate(measured.items()):
        places = line + 0.12 * (np.arange(len(SEEDS)) - len(SEEDS) // 2)
        panel.scatter(accuracies, places, s=20)
        panel.plot([means[dtype]] * 2, [line - 0.3, line + 0.3], color="gray")
    panel.set_yticks(range(len(measured)), list(measured))
    panel.set(xlabel="share (dots: seeds; stroke: their mean)", ylim=(-0.6, 1.6))
    figure.savefig(plot)
