"""An encoder reads "17+85 ", a decoder writes "102 ": a sum of numbers that come as characters.

The encoder's states are what the decoder begins with; the decoder reads what it should have written
before.  The picture shows how many letters are right after each epoch, and which
sums.
"""

import numpy as np

import fastnn as keras
from fastnn.layers import GRU, Dense, Embedding
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)

LETTERS = "^0123456789+ "  # ^ begins an answer, a space fills it up
NUMBER = {letter: index for index, letter in enumerate(LETTERS)}
rng = np.random.default_rng(0)


def encode(texts, width):
    """Return the numbers of the letters of texts, (rows, width)."""
    return np.array([[NUMBER[letter] for letter in text.ljust(width)] for text in texts])


def problems(count):
    """Return questions, answers shifted by a letter, and answers."""
    pairs = rng.integers(0, 50, (count, 2))
    answers = encode([str(a + b) for a, b in pairs], 3)
    before = np.concatenate([np.zeros((count, 1), int), answers[:, :-1]], axis=1)
    return [encode([f"{a}+{b}" for a, b in pairs], 5), before], answers


(questions, before), answers = problems(6000)
(new_questions, new_before), new_answers = problems(500)

question = keras.Input((5,), dtype="int32", name="question")
given = keras.Input((3,), dtype="int32", name="given")
letters = Embedding(len(LETTERS), 16)
_, state = GRU(96, return_state=True)(letters(question))
decoded = GRU(96, return_sequences=True)(letters(given), initial_state=state)
model = keras.Model([question, given], Dense(len(LETTERS), "softmax")(decoded))
model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    [questions, before],
    answers,
    batch_size=64,
    epochs=25,
    validation_data=([new_questions, new_before], new_answers),
    verbose=2,
)


def solve(questions):
    """Return the answers that the decoder writes, letter by letter, reading its own."""
    written = np.zeros((len(questions), 3), int)
    for at in range(3):
        letter = model.predict([questions, written])[:, at].argmax(axis=-1)
        if at < 2:
            written[:, at + 1] = letter
        else:
            return np.concatenate([written[:, 1:], letter[:, None]], axis=1)
    return written


solved = solve(new_questions)
right = float((solved == new_answers).all(axis=1).mean())
for row in range(5):
    asked, said = ("".join(LETTERS[i] for i in ids) for ids in (new_questions[row], solved[row]))
    print(f"{asked.strip()} = {said.strip()}")
print(f"{right:.1%} of {len(new_answers)} new sums are right")
assert right > 0.8

if plot:
    figure, (left, middle) = panels(
        "letters right, given those before", f"new sums, {right:.0%} right"
    )
    for name, label in (("accuracy", "training"), ("val_accuracy", "new sums")):
        left.plot(np.add(history.epoch, 1), history.history[name], label=label)
    left.set(xlabel="epoch", ylabel="share of letters")
    left.legend(frameon=False, fontsize=8)
    asked = np.array(["".join(LETTERS[i] for i in ids).split("+") for ids in new_questions])
    places, solves = asked.astype(int), (solved == new_answers).all(axis=1)
    for answer, label in ((True, "right"), (False, "wrong")):
        middle.scatter(*places[solves == answer].T, s=8, label=label)
    middle.set(xlabel="first number", ylabel="second number", ylim=(-2, 58))
    middle.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    figure.savefig(plot)
