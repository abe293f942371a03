"""Digits by another runtime: train, export as ONNX, predict with onnxruntime, load, train on."""

import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

import fastnn
import fastnn.onnx
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import plot_option, training_report

plot = plot_option(__doc__)

x, y = load_digits()
x_train, x_test, y_train, y_test = train_test_split((x / 16).astype("float32"), y)

model = fastnn.Sequential(
    [
        fastnn.Input((8, 8, 1), name="image"),
        layers.Conv2D(16, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(32, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(10, activation="softmax"),
    ]
)
options = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
model.compile("adam", **options)
history = model.fit(x_train, y_train, epochs=8, validation_data=(x_test, y_test), verbose=2)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "digits.onnx")
    fastnn.onnx.export(model, path)
    session = onnxruntime.InferenceSession(path)
    (shares,) = session.run(None, {"image": x_test})
    loaded = fastnn.onnx.load(path)

away = np.abs(shares - model.predict(x_test)).max()
print(f"onnxruntime reads {(shares.argmax(1) == y_test).mean():.1%} right")
assert away < 1e-5

loaded.compile("adam", **options)
before = loaded.evaluate(x_test, y_test, verbose=0)[1]
loaded.fit(x_train, y_train, epochs=8, verbose=2)
after = loaded.evaluate(x_test, y_test, verbose=0)[1]
print(f"the model of the file reads {before:.1%}, and {after:.1%} when it is trained on")
assert after > before > 0.8

if plot:
    training_report(history, x_test, y_test, shares).savefig(plot)
