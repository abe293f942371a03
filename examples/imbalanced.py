"""A rare class: what class weights are good for, measured by precision, recall and area."""

import numpy as np

import fastnn as keras
from fastnn import layers, metrics
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

rng = np.random.default_rng(1)


def payments(rows):
    """Return amounts, hours and the like of payments, of which one in fifty is a fraud."""
    fraud = rng.random(rows) < 0.02
    x = rng.normal(size=(rows, 8))
    x[fraud, :3] += [1.5, -1.2, 1.0]
    return x, fraud.astype("float32")


x_train, y_train = payments(12000)
x_test, y_test = payments(6000)
normalizer = layers.Normalization()
normalizer.adapt(x_train)


def make_model():
    """A small classifier, compiled."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            normalizer,
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss="binary_crossentropy",
        metrics=[
            metrics.Precision(name="precision"),
            metrics.Recall(name="recall"),
            metrics.AUC(name="auc"),
        ],
    )
    return model


found, curves = {}, {}
count = np.bincount(y_train.astype(int))
for name, weight in (("all alike", None), ("by class", {0: 1.0, 1: count[0] / count[1]})):
    model = make_model()
    model.fit(x_train, y_train, batch_size=256, epochs=8, class_weight=weight, verbose=0)
    found[name] = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    scores = model.predict(x_test).ravel()
    order = np.argsort(-scores)
    hits = np.cumsum(y_test[order])
    curves[name] = hits / hits[-1], hits / np.arange(1, len(hits) + 1)
    print(
        f"{name:9}  precision {found[name]['precision']:.2f}  recall {found[name]['recall']:.2f}  "
        f"area under the ROC curve {found[name]['auc']:.3f}"
    )
assert found["by class"]["recall"] > found["all alike"]["recall"] + 0.3
assert found["by class"]["auc"] > 0.85

if plot:
    figure, (panel,) = panels("payments that are frauds, found in 6,000", width=5, height=4)
    for name, (recall, precision) in curves.items():
        (line,) = panel.plot(recall, precision, label=f"errors weigh {name}")
        score = found[name]
        panel.plot(score["recall"], score["precision"], "o", color=line.get_color())
    panel.axhline(0.02, linestyle=":", color="gray", label="a guess")
    panel.set(xlabel="recall (dots: at one half)", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    panel.legend(frameon=False, fontsize=8)
    figure.savefig(plot)
