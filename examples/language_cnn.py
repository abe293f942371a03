"""Convolutions over letters tell languages apart, in the way of Keras's text classification.

An Embedding and two convolutions read some words of a language.  A third of the words are never
seen in training: what tells Dutch from Italian is how words are made.
"""

import numpy as np

import fastnn as keras
from fastnn import layers
from fastnn.metrics import confusion_matrix
from fastnn.plots import panels, plot_option

plot = plot_option(__doc__)
rng = np.random.default_rng(0)

WORDS = {
    "English": "about after again before change children could country different earth every "
    "father found great house know large learn letter light might mother mountain never night "
    "other people place plant should sound spell still study their there thing think thought "
    "through together under water where which while world would write year young",
    "Dutch": "aarde achter altijd anders avond bedrijf beginnen bergen bijna boven brief broer "
    "dagen denken deze dingen door eeuw geluid gezicht groot hebben heeft hoofd huis ijzer "
    "jaren kijken kinderen klein komen land leven licht maken mensen moeder nacht nieuw onder "
    "ouders plaats schrijven spelen straat tijd vader verhaal vrouw water weten wereld worden",
    "Italian": "acqua adesso amico anche ancora andare anno bambino bello bianco casa cielo "
    "citta colore come cosa cuore dentro dire dolce dopo fiore fratello giorno giovane grande "
    "guerra insieme lavoro lettera luce lungo madre mano mare mattina mondo montagna nome notte "
    "nuovo occhio padre paese parola pensare piccolo quando sempre strada terra tutto vecchio",
    "Finnish": "aamu aika aina alku ehka elama hetki hyva ihminen iso isa jalka joki joku "
    "kaikki kala katu kaunis kesa kieli kirja kirje koulu kuva kylma lapsi lehti lumi luonto "
    "maailma meri metsa minka mies nainen nimi nuori paikka puhua puu raha ruoka sana sauna "
    "sisar suuri syksy talo talvi tarina tie tuuli vanha vesi vuosi yksi ystava",
}
names = list(WORDS)
max_features, sequence_length = 27, 48  # letters and the space


def split(words):
    """Return two thirds of the words, and the others."""
    words = rng.permutation(words.split())
    return words[: len(words) * 2 // 3], words[len(words) * 2 // 3 :]


def texts(words_of, rows):
    """Return texts of three to seven words as numbers of letters, and their languages."""
    y = rng.integers(0, len(names), rows)
    lines = [" ".join(rng.choice(words_of[label], rng.integers(3, 8))) for label in y]
    numbers = [[ord(letter) - 96 if letter != " " else 0 for letter in line] for line in lines]
    return keras.utils.pad_sequences(numbers, maxlen=sequence_length, padding="post"), y


known, unknown = zip(*map(split, WORDS.values()), strict=True)
x_train, y_train = texts(known, 3000)
x_val, y_val = texts(known, 500)
x_test, y_test = texts(unknown, 1000)

# A integer input for vocab indices.
inputs = keras.Input(shape=(sequence_length,), dtype="int64")
x = layers.Embedding(max_features, 16)(inputs)
x = layers.Dropout(0.5)(x)
# Conv1D + global max pooling
x = layers.Conv1D(64, 5, padding="valid", activation="relu", strides=1)(x)
x = layers.Conv1D(64, 5, padding="valid", activation="relu", strides=2)(x)
x = layers.GlobalMaxPooling1D()(x)
# We add a vanilla hidden layer:
x = layers.Dense(64, activation="relu")(x)
x = layers.Dropout(0.5)(x)
predictions = layers.Dense(len(names), activation="softmax", name="predictions")(x)
model = keras.Model(inputs, predictions)

model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, validation_data=(x_val, y_val), epochs=10, verbose=2)
_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"{accuracy:.1%} of {len(y_test)} texts of words that it has never seen are told right")
assert accuracy > 0.7

if plot:
    counts = confusion_matrix(y_test, model.predict(x_test, verbose=0).argmax(axis=1))
    title = f"texts of words never seen, {accuracy:.0%} told right"
    figure, (panel,) = panels(title, width=5, height=4)
    panel.imshow(counts, cmap="Blues")
    panel.grid(False)
    panel.set_xticks(range(len(names)), names)
    panel.set_yticks(range(len(names)), names)
    for (row, column), count in np.ndenumerate(counts):
        dark = count > counts.max() / 2
        panel.text(column, row, int(count), ha="center", color="white" if dark else "black")
    panel.set(xlabel="told", ylabel="true")
    figure.savefig(plot)
