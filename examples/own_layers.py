"""Two layers of your own, one composed of operations, one in NumPy; and what becomes of them."""

import numpy as np

import fastnn
from fastnn import ops
from fastnn.layers import Dense, Layer
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)


class Residual(Layer):
    """``y = x + tanh(x @ kernel)``: compiled like any other layer, gradient included."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.kernel = self.add_weight((n, n), name="kernel")

    def call(self, x):
        return ops.add(x, ops.tanh(ops.dense(x, self.kernel)))


class Periodic(Layer):
    """``y = x + sin(rate x)^2 / rate`` (Ziyin et al., 2020), with one rate for each feature."""

    def build(self, input_shape):
        self.rate = self.add_weight(input_shape[1:], "ones", name="rate")

    def forward(self, x, rate):
        return x + np.sin(rate * x) ** 2 / rate

    def backward(self, dy, x, rate, y):
        dx = dy * (1 + np.sin(2 * rate * x))
        wave = x * np.sin(2 * rate * x) / rate - np.sin(rate * x) ** 2 / rate**2
        return dx, (dy * wave).sum(axis=0)


model = fastnn.Sequential([fastnn.Input((1,)), Dense(16), Residual(), Periodic(), Dense(1)])
model.compile(optimizer=fastnn.optimizers.Adam(0.01), loss="mse")

x = np.linspace(-3, 3, 200)[:, None]
y = x + np.sin(3 * x)
check = fastnn.gradcheck(model, x[::20], y[::20])
print(check)
assert check.ok

losses = model.fit(x, y, epochs=300, verbose=0).history["loss"]
print(f"loss {losses[0]:.3f} before, {losses[-1]:.3f} after")
assert losses[-1] < losses[0] / 4

model.explain()

if plot:
    figure, (left, middle) = panels("what it was given, and beyond", "how it learns")
    beyond = np.linspace(-5, 5, 400)[:, None]
    left.plot(beyond, model.predict(beyond), label="the model")
    left.plot(x, y, linestyle="--", label="x + sin 3x, learnt from")
    left.set(xlabel="x", ylabel="y")
    left.legend(frameon=False, fontsize=8)
    middle.semilogy(losses)
    middle.set(xlabel="epoch", ylabel="mean squared error")
    figure.savefig(plot)
