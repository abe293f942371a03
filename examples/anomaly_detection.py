"""A convolutional autoencoder finds what is wrong in a series, as in Keras's example.

It learns to repeat pieces of a series that is as it should be.  What it repeats badly of another
series is something that it has not seen.  The load of a machine is made here: days, and weekends.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)
rng = np.random.default_rng(0)
DAY, TIME_STEPS = 48, 96


def load(days):
    """Return a load for each half hour: busy by day, less at weekends, with noise."""
    time = np.arange(days * DAY)
    weekend = (time // DAY) % 7 >= 5
    busy = 20 + (1 - 0.5 * weekend) * 10 * (1 - np.cos(2 * np.pi * time / DAY))
    return busy + rng.normal(0, 1, len(time))


def create_sequences(values, time_steps=TIME_STEPS):
    """Return all pieces of ``time_steps`` values."""
    return np.stack([values[i : i + time_steps] for i in range(len(values) - time_steps + 1)])


normal, tested = load(42), load(28)
strange = np.zeros(len(tested), bool)
for begin, end, change in ((300, 330, 18), (700, 724, -15), (1000, 1030, -12)):
    tested[begin:end] += change
    strange[begin:end] = True

training_mean, training_std = normal.mean(), normal.std()
x_train = create_sequences((normal - training_mean) / training_std)[..., None]
x_test = create_sequences((tested - training_mean) / training_std)[..., None]

model = keras.Sequential(
    [
        layers.Input(shape=(x_train.shape[1], x_train.shape[2])),
        layers.Conv1D(filters=32, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Dropout(rate=0.2),
        layers.Conv1D(filters=16, kernel_size=7, padding="same", strides=2, activation="relu"),
        layers.Conv1DTranspose(
            filters=16, kernel_size=7, padding="same", strides=2, activation="relu"
        ),
        layers.Dropout(rate=0.2),
        layers.Conv1DTranspose(
            filters=32, kernel_size=7, padding="same", strides=2, activation="relu"
        ),
        layers.Conv1DTranspose(filters=1, kernel_size=7, padding="same"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), loss="mse")
model.summary()
history = model.fit(
    x_train,
    x_train,
    epochs=20,
    batch_size=128,
    validation_split=0.1,
    callbacks=[keras.callbacks.EarlyStopping(monitor="val_loss", patience=5, mode="min")],
    verbose=2,
)

train_mae_loss = np.mean(np.abs(model.predict(x_train, verbose=0) - x_train), axis=1)
threshold = np.max(train_mae_loss)
print("Reconstruction error threshold:", round(float(threshold), 3))
test_mae_loss = np.mean(np.abs(model.predict(x_test, verbose=0) - x_test), axis=1).reshape(-1)
anomalies = test_mae_loss > threshold
print("Number of anomaly samples:", np.sum(anomalies))

touched = create_sequences(strange).any(axis=1)
print(f"{anomalies[touched].mean():.1%} of the pieces with a fault are found")
print(f"{anomalies[~touched].mean():.1%} of the others are called strange")
assert anomalies[touched].mean() > 0.6
assert anomalies[~touched].mean() < 0.05

if plot:
    figure, (upper, lower) = panels("the load", "how badly a piece is repeated", width=6)
    upper.plot(np.arange(len(tested)) / DAY, tested, linewidth=0.8)
    for panel in (upper, lower):
        for begin in np.flatnonzero(np.diff(strange.astype(int)) == 1):
            end = begin + np.argmin(strange[begin + 1 :])
            fault = panel.axvspan(begin / DAY, end / DAY, color="tab:red", alpha=0.25)
        fault.set_label("fault")
    lower.plot((np.arange(len(anomalies)) + TIME_STEPS / 2) / DAY, test_mae_loss, linewidth=0.8)
    lower.axhline(threshold, linestyle=":", color="gray", label="the worst of the training")
    upper.set(xlabel="day", ylabel="load")
    lower.set(xlabel="day of the middle of the piece", ylabel="mean absolute error", ylim=(0, 0.42))
    for panel in (upper, lower):
        panel.legend(frameon=False, fontsize=8, loc="upper right")
    figure.savefig(plot)
