"""Texts as numbers of words: an Embedding and a GRU tell praise from blame; the picture shows
words.

The corpus makes itself: opinions of films, some turned round by "not".  Texts are of any length up
to twelve words; the rest is the word 0, which the mask leaves out.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import GRU, Dense, Embedding
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

GOOD = ["good", "great", "fine", "brilliant", "moving", "funny", "clever"]
BAD = ["bad", "awful", "dull", "boring", "silly", "weak", "flat"]
PLAIN = ["the", "film", "was", "story", "music", "cast", "and", "rather", "quite", "its", "end"]
WORDS = ["", "not", *GOOD, *BAD, *PLAIN]
NUMBER = {word: index for index, word in enumerate(WORDS)}
LENGTH = 12
rng = np.random.default_rng(0)


def opinion():
    """Return the words of an opinion, and whether it is praise."""
    praise, turned = rng.random(2) < 0.5
    word = rng.choice(GOOD if praise != turned else BAD)
    around = list(rng.choice(PLAIN, rng.integers(2, LENGTH - 1)))
    at = int(rng.integers(len(around) + 1))
    return around[:at] + ["not"] * int(turned) + [str(word)] + around[at:], int(praise)


def corpus(count):
    """Return numbers of words (count, LENGTH), 0 beyond the end, and labels."""
    x, y = np.zeros((count, LENGTH), "int32"), np.zeros(count)
    for row in range(count):
        words, y[row] = opinion()
        x[row, : len(words)] = [NUMBER[word] for word in words]
    return x, y


x, y = corpus(3000)
x_test, y_test = corpus(500)

embedding = Embedding(len(WORDS), 8, mask_zero=True)
model = keras.Sequential(
    [keras.Input((LENGTH,), dtype="int32"), embedding, GRU(16), Dense(1, "sigmoid")]
)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
model.summary()
model.fit(x, y, batch_size=64, epochs=8, validation_data=(x_test, y_test), verbose=2)
accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
print(f"{accuracy:.1%} of {len(x_test)} new texts are told right")
assert accuracy > 0.9

if plot:
    vectors = embedding.get_weights()[0]
    centred = vectors - vectors.mean(axis=0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    figure, (panel,) = panels(
        "the words' vectors, in their plane of most spread", width=6, height=5
    )
    kinds = {"praise": GOOD, "blame": BAD, "neither": PLAIN, "turns round": ["not"]}
    for kind, words in kinds.items():
        label = f"{kind}: {', '.join(words[:4])}{', ...' * (len(words) > 4)}"
        panel.scatter(*places[[NUMBER[word] for word in words]].T, s=14, label=label)
    panel.legend(frameon=False, fontsize=8)
    panel.set(xlabel="first direction", ylabel="second direction")
    figure.savefig(plot)
