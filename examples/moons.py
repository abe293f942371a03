"""Two moons: cross-validation tells how many hidden units are enough."""

import fastnn
from fastnn.layers import Dense
from fastnn.plots import decision_regions, plot_option

plot = plot_option(__doc__)

x, y = fastnn.datasets.make_moons(400, noise=0.2)


def maker(units):
    def make_model():
        layers = [Dense(units, "relu"), Dense(units, "relu")] if units else []
        model = fastnn.Sequential([fastnn.Input((2,)), *layers, Dense(1, "sigmoid")])
        model.compile(fastnn.optimizers.Adam(0.02), "binary_crossentropy", ["accuracy"])
        return model

    return make_model


found = {}
for units in (0, 2, 16):
    found[units] = fastnn.cross_validate(maker(units), x, y, k=5, epochs=60, seed=1)
    mean, sd = found[units].mean["accuracy"], found[units].sd["accuracy"]
    print(f"{units:2} hidden units: {mean:.1%} right, give or take {sd:.1%}")
print(found[16])

model = maker(16)()
stop = fastnn.callbacks.EarlyStopping(patience=20, restore_best_weights=True)
model.fit(x, y, epochs=300, validation_split=0.25, callbacks=[stop], verbose=0)
assert found[16].mean["accuracy"] > found[0].mean["accuracy"] + 0.05

if plot:
    decision_regions(model, x, y, "two moons, two layers of 16").savefig(plot)
