"""Processes of an MPI job train one convolutional net: mpiexec -n 2 python -m mpi4py SCRIPT."""

import fastnn
from fastnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, ReLU
from fastnn.plots import plot_option, training_report

plot = plot_option(__doc__)
ranks = fastnn.distributed.MPI(chunks=4)

x, y = fastnn.datasets.load_digits()
x_train, x_test, y_train, y_test = fastnn.datasets.train_test_split(x / 16, y)

model = fastnn.Sequential(
    [
        fastnn.Input((8, 8, 1)),
        Conv2D(32, 3, use_bias=False),
        BatchNormalization(momentum=0.9),
        ReLU(),
        MaxPooling2D(2),
        Flatten(),
        Dropout(0.5),
        Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
stop = fastnn.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
history = model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=20,
    verbose=2,
    validation_data=(x_test, y_test),
    callbacks=[stop],
    distribute=ranks,
)

if ranks.rank == 0:  # the others hold the same model
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy {accuracy:.1%}; whatever the number of processes, loss {loss!r}")
    assert accuracy > 0.95
    if plot:
        training_report(history, x_test, y_test, model.predict(x_test)).savefig(plot)
