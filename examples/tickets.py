"""A model of three inputs and two outputs, as Keras's guide to the functional API ranks tickets.

From a title, a text and tags of a customer's ticket it says how urgent it is and which department
should answer.  The tickets are made here: each department has words of its own.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.plots import learning_curve, plot_option

plot = plot_option(__doc__)

num_words, num_tags, num_departments = 200, 12, 4
title_length, body_length = 6, 20
rng = np.random.default_rng(0)


def tickets(rows):
    """Return titles and texts as numbers of words, tags, and what is asked for."""
    department = rng.integers(0, num_departments, rows)
    urgent = rng.random(rows) < 0.4
    own = 1 + department[:, None] * 40  # words 1 to 160; 161 to 199 are anybody's

    def text(length):
        mine = own + rng.integers(0, 40, (rows, length))
        anybodys = rng.integers(161, num_words, (rows, length))
        return np.where(rng.random((rows, length)) < 0.5, mine, anybodys)

    tags = (rng.random((rows, num_tags)) < 0.2).astype("float32")
    tags[:, 0] = urgent & (rng.random(rows) < 0.9)
    inputs = {"title": text(title_length), "body": text(body_length), "tags": tags}
    targets = {"priority": urgent.astype("float32")[:, None], "department": department}
    return inputs, targets


title_input = keras.Input((title_length,), dtype="int32", name="title")
body_input = keras.Input((body_length,), dtype="int32", name="body")
tags_input = keras.Input((num_tags,), name="tags")

words = layers.Embedding(num_words, 16)  # one table of words for both texts
title_features = layers.GlobalAveragePooling1D()(words(title_input))
body_features = layers.LSTM(16)(words(body_input))
x = layers.Concatenate()([title_features, body_features, tags_input])
priority = layers.Dense(1, activation="sigmoid", name="priority")(x)
department = layers.Dense(num_departments, activation="softmax", name="department")(x)

model = keras.Model([title_input, body_input, tags_input], [priority, department])
model.summary()
model.compile(
    optimizer=keras.optimizers.RMSprop(2e-3),
    loss={"priority": "binary_crossentropy", "department": "sparse_categorical_crossentropy"},
    loss_weights={"priority": 1.0, "department": 0.5},
    metrics={"priority": ["accuracy"], "department": ["accuracy"]},
)
inputs, targets = tickets(2000)
history = model.fit(inputs, targets, epochs=12, batch_size=32, validation_split=0.2, verbose=2)

inputs, targets = tickets(400)
scores = model.evaluate(inputs, targets, verbose=0, return_dict=True)
print(
    f"of 400 new tickets {scores['priority_accuracy']:.1%} are ranked right, "
    f"{scores['department_accuracy']:.1%} go where they should"
)
assert scores["priority_accuracy"] > 0.85
assert scores["department_accuracy"] > 0.85

if plot:
    names = ("loss", "priority_accuracy", "department_accuracy")
    learning_curve(history, names).savefig(plot)
