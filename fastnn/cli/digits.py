"""`fastnn train digits`: the example that `make demo` runs."""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any

from fastnn.cli import keeping, output
from fastnn.cli.planning import Plan
from fastnn.cli.sources import Data

__all__ = ["train_digits"]

#: Options of `fastnn train` that the example has, with their defaults.
_DEFAULTS = {"epochs": 30, "batch_size": 32}
_FILTERS, _DROPOUT, _OPTIMIZER = [64, 128], 0.5, "adam"
_KNOWN = {*_DEFAULTS, "seed", "threads", "save", "plot", "export", "quiet", "json"}


def train_digits(options: argparse.Namespace, given: set[str]) -> int:
    """Train a small convolutional net on 80 % of 1,797 images and test it on the others.

    Args:
        options: those of the command.
        given: the names of those that differ from their defaults.
    """
    for name in sorted(given - _KNOWN):
        options.refuse(f"the example digits has no option --{name.replace('_', '-')}")
    import fastnn
    from fastnn import extras, plots
    from fastnn.cli import scores
    from fastnn.datasets import load_digits, train_test_split

    epochs, batch = (getattr(options, name) or value for name, value in _DEFAULTS.items())
    if options.plot:
        extras.require("matplotlib", "a picture")
    keeping.rehearse(options, _digits_model)
    fastnn.set_seed(options.seed)
    x, y = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(x, y, seed=options.seed)
    model = _digits_model()
    began = time.perf_counter()
    history = model.fit(
        x_train,
        y_train,
        epochs=epochs,
        batch_size=batch,
        validation_data=(x_test, y_test),
        verbose=0 if options.quiet or options.json else 1,
    )
    seconds = time.perf_counter() - began
    found = scores.of(model, x_test, y_test)
    result = f"{found.metrics['accuracy']:.2%} of {len(y_test)} test images read right"
    say = _silent if options.json else print
    report = partial(plots.training_report, history, x_test, y_test, found.outputs, title=result)
    try:
        lines = keeping.keep(options, model, report, x_test)
    finally:  # where the disk is full, the scores are what is left of the training
        say(result)
        if not options.quiet:
            say(_speed(epochs, len(x_train), seconds))
    for line in lines:
        say(line)
    if options.save and not options.quiet:
        say(output.next_command("evaluate", options.save, options.source))
    if options.json:
        output.document(
            "train",
            source=options.source,
            **Data(x_train, y_train, (x_test, y_test), model.schema).facts(),
            choices=_plan(epochs, batch).choices(),
            notes=[],
            epochs_run=epochs,
            best_epoch=epochs,  # none is better than the last, whose weights are kept
            seconds=seconds,
            **found.facts(),
            history=history.history,
            files=keeping.files(options),
        )
    return 0


def _plan(epochs: int, batch_size: int) -> Plan:
    """Return how the example is trained, as others are described."""
    return Plan(_FILTERS, [], _DROPOUT, epochs, batch_size, None, _OPTIMIZER, 0, None, {})


def _silent(text: str) -> None:
    """Take a line, and leave it at that."""


def _speed(epochs: int, images: int, seconds: float) -> str:
    import fastnn

    threads = fastnn.get_num_threads()
    return (
        f"{epochs} epoch{'s' * (epochs > 1)} of {images:,} images, each with its test, "
        f"in {output.duration(seconds)}: {epochs * images / seconds:,.0f} images/s, "
        f"{fastnn.isa()}, {threads} thread{'s' * (threads > 1)}; the weights are those of the last"
    )


def _digits_model() -> Any:
    import fastnn
    from fastnn import layers
    from fastnn.data.schema import Arrays, Schema, Target

    digits = Target("classes", ["digit"], [list("0123456789")])
    schema = Schema(Arrays("x", [8, 8, 1], "y"), digits)
    # Fewer pixels, more kernels: each pooling leaves a quarter of the pixels.
    model = fastnn.Sequential(
        [
            fastnn.Input(schema.inputs.shape),
            layers.Rescaling(1 / 16),
            layers.Conv2D(_FILTERS[0], 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(_FILTERS[1], 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(_DROPOUT),
            layers.Dense(digits.units, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=_OPTIMIZER, loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.schema = schema
    return model
