"""A convolutional net reads handwritten digits: train, measure, save, load."""

import tempfile
from pathlib import Path

import fastnn as keras
from fastnn import layers
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import plot_option, training_report

plot = plot_option(__doc__)

x, y = load_digits()  # (1797, 8, 8, 1), 0 to 16; labels 0 to 9
x_train, x_test, y_train, y_test = train_test_split((x / 16).astype("float32"), y)

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()
history = model.fit(x_train, y_train, epochs=10, validation_data=(x_test, y_test), verbose=2)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"{accuracy:.1%} of {len(x_test)} test images read right")
assert accuracy > 0.95

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "digits.keras")
    model.save(path)
    again = keras.models.load_model(path)
    assert (again.predict(x_test) == model.predict(x_test)).all()

if plot:
    training_report(history, x_test, y_test, model.predict(x_test)).savefig(plot)
