"""The exclusive or: a line cannot part it, one hidden layer can."""

import fastnn
from fastnn.layers import Dense
from fastnn.plots import decision_regions, plot_option

plot = plot_option(__doc__)

x, y = fastnn.datasets.make_xor(400)


def train(*layers):
    model = fastnn.Sequential([fastnn.Input((2,)), *layers, Dense(1, "sigmoid")])
    model.compile(fastnn.optimizers.Adam(0.02), "binary_crossentropy", ["accuracy"])
    model.fit(x, y, epochs=100, verbose=0)
    return model, model.evaluate(x, y, verbose=0)[1]


_, straight = train()
model, bent = train(Dense(8, "tanh"))
print(f"right without a hidden layer {straight:.1%}, with one {bent:.1%}")
assert straight < 0.8 < 0.97 < bent

if plot:
    decision_regions(model, x, y, "exclusive or, one hidden layer").savefig(plot)
