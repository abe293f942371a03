"""Campaigns against processes, threads and signals; see night.py."""

import os
import signal
import threading
import time

import numpy as np
from campaign import child, folder, kill_after, report

import fastnn
from fastnn.errors import ConcurrentUseError
from fastnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 12, 12, 3)).astype("float32")
Y = RNG.integers(0, 10, 300)


def net():
    fastnn.set_seed(3)
    layers = [
        fastnn.Input((12, 12, 3)),
        Conv2D(16, 3, activation="relu"),
        BatchNormalization(),
        MaxPooling2D(),
        Flatten(),
        Dropout(0.2),
        Dense(64, activation="tanh"),
        Dense(10, activation="softmax"),
    ]
    model = fastnn.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


#: How often the samples are repeated so that a use takes longer than an interrupt may.
LONG = 60

#: Milliseconds from Ctrl-C to the exception, for 99 of 100.
LATEST = 100

USES = {
    "fit": lambda m, x=X, y=Y: m.fit(x, y, batch_size=50, verbose=0).history["loss"],
    "predict": lambda m, x=X, y=Y: m.predict(x).tobytes(),
    "predict_one": lambda m, x=X, y=Y: m.predict_one(x[0]).tobytes(),
    "evaluate": lambda m, x=X, y=Y: m.evaluate(x, y, verbose=0),
    "train_on_batch": lambda m, x=X, y=Y: m.train_on_batch(x[:3000], y[:3000]),
}


def forks_after_any_use(trials, rng):
    """A child forked after any uses, by any thread, does what its parent does next, to the bit."""
    failures = 0
    fastnn.set_num_threads(2)
    model, background = net(), net()
    names = list(USES)
    for trial in range(trials):
        for _ in range(rng.randrange(1, 4)):
            USES[rng.choice(names)](model)
        busy = threading.Thread(target=lambda: background.predict(X))
        if trial % 3 == 0:
            busy.start()
        use, (read, write) = rng.choice(names), os.pipe()

        def work():
            os.write(write, repr(USES[use](model))[:60000].encode())  # noqa: B023

        status = kill_after(child(work), 20)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            in_child = pipe.read().decode()
        if trial % 3 == 0:
            busy.join()
        in_parent = repr(USES[use](model))[:60000]
        if status or in_child != in_parent:
            failures += 1
            report(f"fork {trial}, then {use}: status {status}")
    return trials, failures, "fit, predict, evaluate ... before; a third while another thread works"


def threads_that_predict(trials, rng):
    """Eight threads predict parts of any size with one model: the bits of the whole."""
    model, wrong = net(), []
    whole = model.predict(X)

    def work(seed):
        own = np.random.default_rng(seed)
        for _ in range(trials // 8 + 1):
            begin = int(own.integers(0, 299))
            part = slice(begin, begin + int(own.integers(1, 40)))
            if not np.array_equal(model.predict(X[part]), whole[part]):
                wrong.append(part)

    threads = [threading.Thread(target=work, args=(rng.randrange(10**9),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part in wrong[:3]:
        report(f"eight threads: other bits in {part}")
    failures = len(wrong)
    try:
        model.train_on_batch(X, Y)  # nobody uses it any more, and so it is counted
    except ConcurrentUseError as error:
        failures += 1
        report(str(error))
    return 8 * (trials // 8 + 1), failures, "eight threads, one model"


def uses_during_fit(trials, rng):
    """Whoever uses a model during its fit is refused, and the fit goes on as if nobody had."""
    expected = net()
    expected.fit(X, Y, epochs=4, verbose=0)
    failures = made = 0
    while made < trials:
        model = net()
        thread = threading.Thread(target=lambda: model.fit(X, Y, epochs=4, verbose=0))  # noqa: B023
        thread.start()
        refused = 0
        while thread.is_alive():
            use = rng.choice(list(USES))
            try:
                if thread.is_alive() and refused >= 0:
                    USES[use](model)
                    if thread.is_alive():
                        failures += 1
                        report(f"{use} was possible during fit")
                    break
            except ConcurrentUseError:
                refused += 1
                made += 1
        thread.join()
        if not refused:
            made += 1
    return made, failures, "each refused by ConcurrentUseError"


def interrupt(work, after):
    """Do ``work`` over and over; return the seconds from a SIGINT to its KeyboardInterrupt."""
    sent = []

    def send():
        time.sleep(after)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    try:
        sender.start()
        while True:
            work()
    except KeyboardInterrupt:
        took = time.perf_counter() - sent[0]
    sender.join()
    return took


def interrupts(trials, rng):
    """Ctrl-C at any time is a KeyboardInterrupt, soon, and the model can be used."""
    # what runs in the background of a shell was told to ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    failures, took, model = 0, [], net()
    names = [*USES, "load"]
    x, y = np.tile(X, (LONG, 1, 1, 1)), np.tile(Y, LONG)
    with folder() as place:
        model.save(place / "m")
        works = {**USES, "load": lambda m, x, y: fastnn.models.load_model(place / "m")}
        for trial in range(trials):
            name = rng.choice(names)
            took.append(interrupt(lambda: works[name](model, x, y), rng.uniform(0, 0.05)))  # noqa: B023
            try:
                model.predict(X[:3])
                model.train_on_batch(X[:3], Y[:3])
            except Exception as error:
                failures += 1
                report(f"interrupt {trial}, in {name}: {error}")
                model = net()
    p50, p99 = (1000 * float(np.quantile(took, q)) for q in (0.5, 0.99))
    if trials >= 100 and p99 > LATEST:
        failures += 1
        report(f"one interrupt in 100 took more than {p99:.0f} ms")
    return trials, failures, f"raised after {p50:.1f} ms (median), {p99:.1f} ms (99 of 100)"


#: Promise, campaign, trials by night and in small.
CAMPAIGNS = [
    ("processes: a child of fork works, whatever came before", forks_after_any_use, 1000, 10),
    ("threads: eight predict with one model, bit for bit", threads_that_predict, 100_000, 400),
    ("threads: whoever comes during fit is refused", uses_during_fit, 2000, 20),
    ("signals: Ctrl-C is raised, and leaves a usable model", interrupts, 500, 10),
]
