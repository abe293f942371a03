"""A bidirectional LSTM reads opinions, as Keras's bidirectional_lstm_imdb does.

The texts are made here: a word of praise or blame somewhere among others.  "hardly" before it, or
"joking" after it, at any distance, turns it round, so that it helps to read from both ends.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)
rng = np.random.default_rng(0)

max_features, maxlen = 40, 24
HARDLY, JOKING, GOOD, BAD, PLAIN = 1, 2, range(3, 10), range(10, 17), range(17, max_features)


def opinions(rows):
    """Return texts of any length as lists of numbers of words, and which of them are praise."""
    texts, y = [], np.zeros(rows)
    for row in range(rows):
        text = list(rng.choice(PLAIN, rng.integers(6, maxlen - 2)))
        praise = rng.random() < 0.5
        hardly, joking = np.equal(rng.choice(3, p=[0.6, 0.2, 0.2]), [1, 2])
        at = int(rng.integers(len(text)))
        text.insert(at, int(rng.choice(GOOD if praise else BAD)))
        if joking:
            text.insert(int(rng.integers(at + 1, len(text) + 1)), JOKING)
        if hardly:
            text.insert(int(rng.integers(at + 1)), HARDLY)
        texts.append(text)
        y[row] = praise ^ hardly ^ joking
    return texts, y


(x_train, y_train), (x_val, y_val) = opinions(4000), opinions(1000)
print(len(x_train), "Training sequences")
print(len(x_val), "Validation sequences")
x_train = keras.utils.pad_sequences(x_train, maxlen=maxlen)
x_val = keras.utils.pad_sequences(x_val, maxlen=maxlen)

inputs = keras.Input(shape=(maxlen,), dtype="int32")
# Embed each integer in a 32-dimensional vector
x = layers.Embedding(max_features, 32)(inputs)
# Add 2 bidirectional LSTMs
x = layers.Bidirectional(layers.LSTM(32, return_sequences=True))(x)
x = layers.Bidirectional(layers.LSTM(32))(x)
# Add a classifier
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.summary()

model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(
    x_train, y_train, batch_size=32, epochs=6, validation_data=(x_val, y_val), verbose=2
)
accuracy = model.evaluate(x_val, y_val, verbose=0)[1]
assert accuracy > 0.9

if plot:
    figure, (left, right) = panels("texts told right", "by what stands in them")
    for name, label in (("accuracy", "training"), ("val_accuracy", "validation")):
        left.plot(np.add(history.epoch, 1), history.history[name], label=label)
    left.set(xlabel="epoch", ylabel="share")
    left.legend(frameon=False, fontsize=8)
    told = (model.predict(x_val, verbose=0)[:, 0] > 0.5) == y_val
    hardly, joking = ((x_val == word).any(axis=1) for word in (HARDLY, JOKING))
    kinds = {"neither": ~hardly & ~joking, "hardly": hardly, "joking": joking}
    shares = [told[kind].mean() for kind in kinds.values()]
    right.bar_label(right.bar(list(kinds), shares), fmt="{:.0%}", padding=2, fontsize=8)
    right.set(ylabel="share told right", ylim=(0, 1.1))
    figure.savefig(plot)
