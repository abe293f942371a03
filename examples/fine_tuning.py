"""Transfer learning: a net that has learnt even digits is frozen, and a new head learns odd ones.

It goes the way of Keras's guide to transfer learning: a base model is cut out of a trained one,
frozen, and called by a new model; then unfrozen and trained on with a small learning rate.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.callbacks import EarlyStopping
from fastnn.datasets import load_digits, train_test_split
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

x, y = load_digits()
x = (x / 16).astype("float32")
even = y % 2 == 0

inputs = keras.Input((8, 8, 1))
z = layers.Conv2D(32, 3, padding="same", activation="relu")(inputs)
z = layers.MaxPooling2D()(z)
z = layers.Conv2D(32, 3, padding="same", activation="relu")(z)
features = layers.GlobalMaxPooling2D(name="features")(z)
outputs = layers.Dense(5, activation="softmax")(features)
teacher = keras.Model(inputs, outputs)
teacher.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
teacher.fit(x[even], y[even] // 2, epochs=15, verbose=0)

base = keras.Model(teacher.inputs[0], teacher.get_layer("features").output, name="base")
base.trainable = False
few, x_test, few_labels, y_test = train_test_split(x[~even], y[~even] // 2, test_size=0.9)
print(f"{len(few)} images of odd digits to learn from, {len(x_test)} to be measured on")


def student(base_model):
    """A new head on a base."""
    given = keras.Input((8, 8, 1))
    return keras.Model(given, layers.Dense(5, activation="softmax")(base_model(given)))


def accuracy(model, rate, epochs=60):
    """Train on the few images; return the share of the others that is read right."""
    model.compile(
        keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    stop = EarlyStopping(monitor="loss", patience=5, restore_best_weights=True)
    model.fit(few, few_labels, epochs=epochs, batch_size=16, callbacks=[stop], verbose=0)
    return model.evaluate(x_test, y_test, verbose=0)[1]


model = student(base)
learns = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
print(f"{learns} of {model.count_params()} weights learn")
scores = {"frozen": accuracy(model, 1e-2)}
base.trainable = True
scores["then fine-tuned"] = accuracy(model, 1e-3)
untrained = keras.models.clone_model(base)
untrained.trainable = False
scores["frozen, untrained"] = accuracy(student(untrained), 1e-2)
for name, score in scores.items():
    print(f"{name:17}  {score:.1%}")
assert scores["then fine-tuned"] > scores["frozen, untrained"]

if plot:
    figure, (panel,) = panels("images of odd digits read right", width=5, height=2.4)
    panel.bar_label(
        panel.barh(list(scores), list(scores.values())), fmt="{:.0%}", padding=3, fontsize=8
    )
    panel.set(xlim=(0, 1.08), xlabel=f"share, having learnt from {len(few)} images")
    panel.invert_yaxis()
    figure.savefig(plot)
