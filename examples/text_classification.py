"""Texts as numbers of words: an Embedding and a GRU tell praise from blame; a picture shows words.

The corpus makes itself: opinions of films, some turned round by "not".  Texts are of any length up
to twelve words; the rest is the word 0, which the mask leaves out.
"""

import numpy as np

import fastnn
from fastnn.layers import GRU, Dense, Embedding

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
model = fastnn.Sequential(
    [fastnn.Input((LENGTH,), dtype="int32"), embedding, GRU(16), Dense(1, "sigmoid")]
)
model.compile(fastnn.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
model.summary()
model.fit(x, y, batch_size=64, epochs=8, validation_data=(x_test, y_test), verbose=2)
accuracy = model.evaluate(x_test, y_test, verbose=0, return_dict=True)["accuracy"]
print(f"{accuracy:.1%} of {len(x_test)} new texts are told right")
assert accuracy > 0.9

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("for the picture: pip install matplotlib")
else:
    vectors = embedding.get_weights()[0]
    centred = vectors - vectors.mean(axis=0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    figure, axes = plt.subplots(figsize=(6, 5))
    for words, colour in ((GOOD, "tab:green"), (BAD, "tab:red"), (PLAIN, "gray"), (["not"], "k")):
        for word in words:
            axes.text(*places[NUMBER[word]], word, color=colour, ha="center")
    axes.scatter(*places[1:].T, s=1)
    axes.set_title("the words' vectors")
    figure.savefig("text_classification.png")
    print("text_classification.png written")
