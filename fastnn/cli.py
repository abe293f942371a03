"""The command `fastnn`: train the example, check the kernels, measure, say what is installed.

Invariant: this file imports NumPy and the rest of fastnn inside the commands that use them, so that
help and usage errors cost nothing.  Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastnn._version import __version__

__all__ = ["main", "picture_file"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: words after the command's name; by default those of this process.

    Returns:
        The exit code: 0 done, 1 failed, 130 interrupted.

    Raises:
        SystemExit: after help or `--version`, with 0, and after wrong usage, with 2.

    Example:
        >>> main(["--version"])
        Traceback (most recent call last):
        SystemExit: 0
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("fastnn: interrupted", file=sys.stderr)
        return 130
    except (ImportError, MemoryError, OSError, ValueError) as error:
        print(f"fastnn: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastnn", description="Neural networks on the CPU.")
    parser.add_argument("--version", action="version", version=f"fastnn {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_train(commands)
    check = commands.add_parser(
        "selfcheck", help="compare every kernel with its NumPy twin on this CPU"
    )
    check.set_defaults(run=_selfcheck)
    _add_bench(commands)
    info = commands.add_parser("info", help="versions, CPU, instruction sets, threads")
    info.add_argument("--json", action="store_true", help="as one JSON object")
    info.set_defaults(run=_info)
    return parser


def _add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train an example and test it")
    examples = train.add_subparsers(required=True, metavar="example")
    digits = examples.add_parser(
        "digits",
        help="a small convolutional net that reads handwritten digits",
        description="Trains a small convolutional net on 80 %% of 1,797 images of handwritten "
        "digits, 8 x 8 pixels, and tests it on the others.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    digits.set_defaults(run=_train_digits)
    digits.add_argument("--epochs", type=_positive, default=30, help="passes over the data")
    digits.add_argument("--batch-size", type=_positive, default=32, help="images a step")
    digits.add_argument("--seed", type=_natural, default=0, help="of split, weights and dropout")
    none: dict[str, Any] = {"default": argparse.SUPPRESS}
    digits.add_argument("--threads", type=_positive, help="default: all CPUs allowed", **none)
    digits.add_argument("--save", type=_new_file, metavar="FILE", help="keep the model", **none)
    digits.add_argument("--plot", type=picture_file, metavar="FILE", help="draw a report", **none)
    digits.add_argument("--quiet", action="store_true", help="print the result alone")


def _add_bench(commands: Any) -> None:
    bench = commands.add_parser(
        "bench",
        help="measure kernels and models, beside the machine's limits and other libraries",
        description="Measures kernels and models, beside the limits of this machine and the other "
        "libraries that are installed (pip install 'fastnn[bench]'), and prints tables. All of it "
        "takes hours: choose by --only, or look at a little of everything by --quick.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    bench.set_defaults(run=_bench, refuse=bench.error)
    none: dict[str, Any] = {"default": argparse.SUPPRESS}
    several: dict[str, Any] = {"nargs": "+", "metavar": "NAME"}
    words = "kernels, train, predict, tasks, process, instructions; an op; T1; 'gemm dw*'"
    bench.add_argument("--quick", action="store_true", help="a little of it, in a few minutes")
    bench.add_argument("--only", help=f"what to measure: {words}", **several, default=[])
    bench.add_argument(
        "--threads",
        nargs="+",
        type=_positive,
        default=[1, 2],
        metavar="N",
        help="numbers of threads",
    )
    peers = bench.add_mutually_exclusive_group()
    peers.add_argument(
        "--peers", help="libraries to compare with; all if none is named", **several, **none
    )
    peers.add_argument("--no-peers", action="store_true", help="measure fastnn alone")
    bench.add_argument(
        "--isa", help="instruction sets of kernels; all if none is named", **several, **none
    )
    precisions = ("float32", "float64", "mixed_bfloat16")
    bench.add_argument(
        "--dtypes", nargs="+", choices=precisions, default=["float32"], help="of kernels"
    )
    bench.add_argument("--rounds", type=_positive, default=5, help="turns of each library")
    bench.add_argument("--seconds", type=_seconds, default=0.3, help="least length of a turn")
    for name, kind, what in (
        ("json", _new_file, "write all numbers"),
        ("picture", picture_file, "draw the ratios"),
        ("document", _new_file, "write docs/performance.md, or bring it up to date"),
    ):
        bench.add_argument(f"--{name}", type=kind, metavar="FILE", help=what, **none)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"must be between 0 and 3600, got {text}")
    return value


def _positive(text: str) -> int:
    value = _natural(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _natural(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {value}")
    return value


def _new_file(text: str) -> Path:
    # Refused now rather than after the training.
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder")
    if not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write in folder {path.parent}")
    return path


def picture_file(text: str) -> Path:
    """Returns the path of a picture that can be written: a type of argparse's options.

    Raises:
        ArgumentTypeError: it is not of a kind that can be drawn, or its folder cannot be written.
    """
    if not text.endswith((".png", ".pdf", ".svg")):
        raise argparse.ArgumentTypeError("the file must end in .png, .pdf or .svg")
    return _new_file(text)


def _train_digits(options: argparse.Namespace) -> int:
    import fastnn
    from fastnn import extras, plots
    from fastnn.datasets import load_digits, train_test_split

    save, plot = getattr(options, "save", None), getattr(options, "plot", None)
    if plot:
        extras.require("matplotlib", "a picture")
    fastnn.set_seed(options.seed)
    if hasattr(options, "threads"):
        fastnn.set_num_threads(options.threads)
    x, y = load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        (x / 16).astype("float32"), y, seed=options.seed
    )
    model = _digits_model()
    began = time.perf_counter()
    history = model.fit(
        x_train,
        y_train,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_data=(x_test, y_test),
        verbose=0 if options.quiet else 1,
    )
    seconds = time.perf_counter() - began
    probabilities = model.predict_proba(x_test)
    accuracy = (probabilities.argmax(axis=1) == y_test).mean()
    result = f"{accuracy:.2%} of {len(y_test)} test images read right"
    print(result)
    print(_speed(options.epochs, len(x_train), seconds))
    if save:
        model.save(save)
        print(f"model in {save}")
    if plot:
        figure = plots.training_report(history, x_test, y_test, probabilities, title=result)
        figure.savefig(plot)
        print(f"picture in {plot}")
    return 0


def _speed(epochs: int, images: int, seconds: float) -> str:
    import fastnn

    threads = fastnn.get_num_threads()
    return (
        f"{epochs} epoch{'s' * (epochs > 1)} of {images:,} images, each with its test, "
        f"in {seconds:.1f} s: {epochs * images / seconds:,.0f} images/s, "
        f"{fastnn.isa()}, {threads} thread{'s' * (threads > 1)}"
    )


def _digits_model() -> Any:
    import fastnn
    from fastnn import layers

    # Fewer pixels, more kernels: each pooling leaves a quarter of the pixels.
    model = fastnn.Sequential(
        [
            fastnn.Input((8, 8, 1)),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _selfcheck(options: argparse.Namespace) -> int:
    from fastnn.selfcheck import selfcheck

    return selfcheck()


def _bench(options: argparse.Namespace) -> int:
    from fastnn.bench.command import run

    return run(options)


def _info(options: argparse.Namespace) -> int:
    facts = _facts()
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        text = " ".join(value) if isinstance(value, list) else value
        print(f"{name:<{width}}  {'-' if text is None else text}")
    return 0


def _facts() -> dict[str, Any]:
    """What a bug report must tell, name by name."""
    import numpy

    import fastnn
    from fastnn import _core

    return {
        "fastnn": fastnn.__version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": numpy.__version__,
        "matplotlib": _version_of("matplotlib"),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu": _core.cpu_name() or None,
        "cpus": os.cpu_count(),
        "isa": fastnn.isa(),
        "isa_available": list(_core.isa_names()),
        "isa_built": list(_core.isa_built()),
        "threads": fastnn.get_num_threads(),
        "settings": [
            f"{name}={os.environ[name]}"
            for name in ("FASTNN_ISA", "FASTNN_NUM_THREADS", "OMP_NUM_THREADS")
            if name in os.environ
        ],
    }


def _version_of(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
