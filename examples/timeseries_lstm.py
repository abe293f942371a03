"""An LSTM forecasts a temperature from two days of made-up weather, and the picture shows a week.

Hours of a year: seasons, days, and a slow disturbance that the pressure announces.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import LSTM, Dense, Normalization
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

PAST, AHEAD = 48, 6
rng = np.random.default_rng(0)

hours = np.arange(365 * 24)
pressure = np.convolve(rng.normal(size=len(hours) + 47), np.hanning(48) / 5, "valid")
disturbance = np.roll(pressure, AHEAD)  # what the pressure says comes six hours later
temperature = 10 - 10 * np.cos(2 * np.pi * hours / len(hours))
temperature += 5 * np.sin(2 * np.pi * hours / 24) + 4 * disturbance
temperature += rng.normal(0, 0.3, len(hours))
weather = np.stack([temperature, pressure, np.sin(2 * np.pi * hours / 24)], axis=1)

starts = np.arange(24, len(hours) - PAST - AHEAD)
windows = weather[starts[:, None] + np.arange(PAST)].astype("float32")
change = temperature[starts + PAST + AHEAD - 1] - temperature[starts + PAST - 1]
cut = int(0.8 * len(starts))

scale = Normalization()
scale.adapt(windows[:cut])
model = keras.Sequential([keras.Input((PAST, 3)), scale, LSTM(24), Dense(1)])
model.compile(keras.optimizers.RMSprop(0.005), "mse", metrics=["mae"])
model.summary()
model.fit(
    windows[:cut:2],
    change[:cut:2],
    batch_size=64,
    epochs=6,
    validation_data=(windows[cut:], change[cut:]),
    verbose=2,
)

said = model.predict(windows[cut:])[:, 0]
error = float(np.abs(said - change[cut:]).mean())
yesterday = temperature[starts + PAST + AHEAD - 1 - 24] - temperature[starts + PAST - 1]
naive = float(np.abs(yesterday - change)[cut:].mean())
print(f"mean error {error:.2f} degrees; whoever says what was yesterday errs by {naive:.2f}")
assert error < naive / 2

if plot:
    week = slice(0, 7 * 24)
    now = temperature[starts + PAST - 1][cut:]
    figure, (panel,) = panels(f"a week that it has not seen, {AHEAD} hours ahead", width=8)
    panel.plot((now + change[cut:])[week], label="temperature")
    panel.plot((now + said)[week], label=f"forecast, mean error {error:.2f}")
    panel.set(xlabel="hour", ylabel="degrees")
    panel.legend(frameon=False, fontsize=8)
    figure.savefig(plot)
