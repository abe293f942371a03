"""Does mixed precision cost accuracy?  A convnet from several seeds, in float32 and mixed."""

import statistics
import time

import fastnn
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split

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


means = {}
for dtype in ("float32", "mixed_bfloat16"):
    accuracies, seconds = zip(*(train(dtype, seed) for seed in SEEDS), strict=True)
    means[dtype] = statistics.mean(accuracies)
    print(
        f"{dtype:<15} accuracy {means[dtype]:.2%}, from {min(accuracies):.2%} to "
        f"{max(accuracies):.2%} over {len(SEEDS)} seeds, {sum(seconds) / len(SEEDS):.2f} s each, "
        f"{fastnn.isa(dtype)}"
    )

assert min(means.values()) > 0.9
assert abs(means["float32"] - means["mixed_bfloat16"]) < 0.02
