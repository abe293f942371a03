"""Three arms of a spiral: the learning rate goes down when the loss stands still."""

import fastnn
from fastnn.callbacks import ReduceLROnPlateau
from fastnn.layers import Dense
from fastnn.plots import decision_regions, plot_option

plot = plot_option(__doc__)

x, y = fastnn.datasets.make_spirals(600, n_classes=3, noise=0.03)
x_train, x_test, y_train, y_test = fastnn.train_test_split(x, y)

model = fastnn.Sequential(
    [fastnn.Input((2,)), Dense(64, "relu"), Dense(64, "relu"), Dense(3, "softmax")]
)
model.compile(fastnn.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
slow = ReduceLROnPlateau("loss", factor=0.5, patience=10)
history = model.fit(x_train, y_train, epochs=150, callbacks=[slow], verbose=0)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
rates = history.history["learning_rate"]
print(f"{accuracy:.1%} of {len(x_test)} points right; the rate went from {rates[0]} to {rates[-1]}")
assert accuracy > 0.93
assert rates[-1] < rates[0]

if plot:
    decision_regions(model, x_test, y_test, "spirals, points not seen in training").savefig(plot)
