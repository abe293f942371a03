"""A multi-layer perceptron reads handwritten digits, as Keras's classic mnist_mlp does."""

import fastnn as keras
from fastnn.datasets import load_digits, train_test_split
from fastnn.layers import Dense, Dropout
from fastnn.models import Sequential
from fastnn.optimizers import RMSprop
from fastnn.plots import plot_option, training_report
from fastnn.utils import to_categorical

plot = plot_option(__doc__)

batch_size, num_classes, epochs = 64, 10, 30

x, y = load_digits()
x_train, x_test, y_train, y_test = train_test_split(x.reshape(-1, 64), y)
x_train, x_test = x_train.astype("float32") / 16, x_test.astype("float32") / 16
print(x_train.shape[0], "train samples,", x_test.shape[0], "test samples")
labels_train, labels_test = (to_categorical(each, num_classes) for each in (y_train, y_test))

model = Sequential()
model.add(keras.Input(shape=(64,)))
model.add(Dense(256, activation="relu"))
model.add(Dropout(0.2))
model.add(Dense(256, activation="relu"))
model.add(Dropout(0.2))
model.add(Dense(num_classes, activation="softmax"))
model.summary()
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(), metrics=["accuracy"])

history = model.fit(
    x_train,
    labels_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_data=(x_test, labels_test),
)
score = model.evaluate(x_test, labels_test, verbose=0)
print(f"Test loss: {score[0]:.4f}")
print(f"Test accuracy: {score[1]:.1%}")
assert score[1] > 0.95

if plot:
    pictures = x_test.reshape(-1, 8, 8)
    training_report(history, pictures, y_test, model.predict(x_test)).savefig(plot)
