"""A small network learns a function of two numbers; its gradients are checked first."""

import numpy as np

import fastnn
from fastnn.layers import Dense
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, size=(2000, 2))
y = np.sin(x[:, 0]) * x[:, 1]  # (2000,) stands for (2000, 1)

model = fastnn.Sequential(
    [fastnn.Input((2,)), Dense(32, activation="tanh"), Dense(32, activation="tanh"), Dense(1)]
)
model.compile(optimizer=fastnn.optimizers.Adam(0.01), loss="mse")
print(fastnn.gradcheck(model, x[:10], y[:10]))


class EaseOff(fastnn.callbacks.Callback):
    """Halves the learning rate every ten epochs."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch and epoch % 10 == 0:
            self.model.optimizer.learning_rate /= 2


history = model.fit(x, y, epochs=40, validation_split=0.2, callbacks=[EaseOff()], verbose=0)
print(f"mean squared error after training: {history.history['val_loss'][-1]:.5f}")
assert history.history["val_loss"][-1] < 0.01

if plot:
    figure, (left, middle, right) = panels("sin(a) b", "what the network says", "how it learns")
    a, b = np.meshgrid(np.linspace(-2, 2, 80), np.linspace(-2, 2, 80))
    said = model.predict(np.stack([a, b], axis=-1).reshape(-1, 2)).reshape(a.shape)
    for panel, surface in ((left, np.sin(a) * b), (middle, said)):
        drawn = panel.contourf(a, b, surface, np.linspace(-2.1, 2.1, 15), cmap="RdBu_r")
        panel.set(xlabel="a", ylabel="b")
    figure.colorbar(drawn, ax=[left, middle], ticks=[-2, -1, 0, 1, 2])
    for name, label in (("loss", "training"), ("val_loss", "validation")):
        right.semilogy(np.add(history.epoch, 1), history.history[name], label=label)
    right.set(xlabel="epoch", ylabel="mean squared error")
    right.legend(frameon=False, fontsize=8)
    figure.savefig(plot)
