"""Images with several shapes or none: a sigmoid for each label, batches from a PyDataset."""

import numpy as np

import fastnn
from fastnn.layers import Conv2D, Dense, GlobalMaxPooling2D, MaxPooling2D
from fastnn.plots import labelled_images, plot_option

plot = plot_option(__doc__)

NAMES = np.array(["disc", "square", "cross"])


class Shapes(fastnn.utils.PyDataset):
    """Images that are made when they are wanted; no epoch has those of another."""

    epoch = 0

    def __len__(self):
        return 30

    def __getitem__(self, index):
        x, y = fastnn.datasets.make_multilabel_shapes(64, seed=1000 * self.epoch + index + 1)
        return x / 255, y

    def on_epoch_end(self):
        self.epoch += 1


model = fastnn.Sequential(
    [
        fastnn.Input((16, 16, 1)),
        Conv2D(16, 3, padding="same", activation="relu"),
        Conv2D(24, 5, padding="same", activation="relu"),
        MaxPooling2D(2),
        Conv2D(32, 3, padding="same", activation="relu"),
        GlobalMaxPooling2D(),
        Dense(3, "sigmoid"),
    ]
)
model.compile(fastnn.optimizers.Adam(0.003), "binary_crossentropy", ["accuracy"])
model.fit(Shapes(workers=2), epochs=12, verbose=2)

x, y = fastnn.datasets.make_multilabel_shapes(500, seed=0)
found = model.predict(x / 255) > 0.5
print(f"labels right: {(found == y).mean():.1%}; all three: {(found == y).all(axis=1).mean():.1%}")
assert (found == y).mean() > 0.9

if plot:
    texts = [" ".join(NAMES[row]) or "nothing" for row in found[:24]]
    labelled_images(x[:24], texts, "what the model sees").savefig(plot)
