"""An LSTM adds two marked numbers of a long sequence, and the picture shows how it learns to.

The adding problem (Hochreiter and Schmidhuber, 1997): of thirty random numbers two are marked, one
in each half; their sum is wanted.  Whoever forgets the first says 1 and errs by a variance of 1/6.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import LSTM, Dense
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

STEPS = 30
rng = np.random.default_rng(0)


def sequences(count):
    """Return sequences (count, STEPS, 2) of numbers and marks, and the sums of the marked."""
    x = np.zeros((count, STEPS, 2), "float32")
    x[..., 0] = rng.random((count, STEPS))
    rows = np.arange(count)
    for first in (0, STEPS // 2):
        x[rows, first + rng.integers(0, STEPS // 2, count), 1] = 1
    return x, x.prod(axis=2).sum(axis=1)


x, y = sequences(4000)
x_test, y_test = sequences(500)
guess = float(np.mean((y_test - 1) ** 2))

model = keras.Sequential([keras.Input((STEPS, 2)), LSTM(32), Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
model.summary()
history = model.fit(x, y, epochs=15, validation_data=(x_test, y_test), verbose=2)

error = history.history["val_loss"][-1]
print(f"mean squared error {error:.5f}; whoever guesses 1 errs by {guess:.3f}")
assert error < guess / 20

if plot:
    figure, (left, middle) = panels("how it learns", f"{len(x_test)} new sequences")
    for name, label in (("loss", "training"), ("val_loss", "new sequences")):
        left.semilogy(np.add(history.epoch, 1), history.history[name], label=label)
    left.axhline(guess, linestyle=":", color="gray", label="whoever says 1")
    left.set(xlabel="epoch", ylabel="mean squared error")
    left.legend(frameon=False, fontsize=8)
    middle.scatter(y_test, model.predict(x_test), s=4)
    middle.plot([0, 2], [0, 2], color="gray", linewidth=0.8)
    middle.set(xlabel="sum of the marked numbers", ylabel="what the LSTM says")
    figure.savefig(plot)
