"""Campaigns that are tests of `make test`, all of a file, or under sanitizers; see night.py."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

from campaign import folder, report

ROOT = Path(__file__).resolve().parents[2]
#: An hour is what the night has.
LIMIT = 3600


def call(command, **environment):
    """Run a command in the project's folder; return whether it ended well, and what it said."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    return done.returncode == 0, done.stdout + done.stderr


def counted(good, output):
    """Return the tests that pytest ran, and those that failed; at least one if it did not end."""
    words = ("passed", "failed", "error")
    passed, *bad = (sum(map(int, re.findall(rf"(\d+) {word}", output))) for word in words)
    failures = max(sum(bad), int(not good))
    if failures:
        report(output[-2000:])
    return passed + sum(bad), failures


def tests(files, note, trials, rng):
    """Run files of tests on all of their cases, and on other numbers than those of a day."""
    paths = [f"tests/test_{name}.py" for name in files.split()]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]
    seed = str(rng.randrange(1000))
    made, failures = counted(*call(command, FASTNN_TESTS_WHOLE="1", FASTNN_TESTS_SEED=seed))
    return made, failures, note


def races(trials, rng):
    """The pool of threads under ThreadSanitizer, so many regions of each size of a team."""
    with folder() as place:
        command = ["tests/c/run", "tests/c/test_threads.c"]
        flags = "-O1 -g -fsanitize=thread"
        good, output = call(command, CC="gcc", CFLAGS=flags, OUT=str(place))
        program = place / "test_threads"
        if good:
            good, output = call([program, trials])
    if not good:
        report(output[-2000:])
    return trials, int(not good), "regions of teams of 1, 2, 3, 4 and 8 threads, ThreadSanitizer"


def sanitized(trials, rng):
    """The tests of kernels, layers and trainings on a module under both sanitizers; in small the
    pool alone, since the module takes minutes to make."""
    if trials == 1:
        flags = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined"
        with folder() as place:
            where = {"CC": "gcc", "CFLAGS": flags, "OUT": str(place)}
            good, output = call(["tests/c/run", "tests/c/test_threads.c"], **where)
        made, failures = 1, int(not good)
        if not good:
            report(output[-2000:])
    else:
        here = f"BIN={Path(sys.executable).parent}"
        made, failures = counted(*call(["make", "-o", ".venv/extra-dev", "asan-python", here]))
    note = "every case, NaN at every lane, under address and undefined-behaviour sanitizers"
    return made, failures, note


MEMORY = partial(tests, "memory", "each allocation in turn, once and for ever after")
MISTAKES = partial(tests, "mistakes", "the message, and the model to the byte")
MODES = partial(tests, "subnormals", "every entry point and error, every kernel")
BOUNDS = partial(tests, "reference", "an error of a thousandth at any end or middle of a result")
PLACES = partial(tests, "bits", "threads, places, stores and instruction sets, every kernel")

#: Promise, campaign, trials by night and in small.
CAMPAIGNS = [
    ("numbers: every bound bites", BOUNDS, 1, 1),
    ("bits: the same wherever arrays lie and whoever computes", PLACES, 1, 1),
    ("memory: running out of it changes nothing", MEMORY, 1, 1),
    ("errors: mistakes are named, and change nothing", MISTAKES, 1, 1),
    ("numbers: subnormal ones are zeros, the caller's mode stays", MODES, 1, 1),
    ("threads: no race in the pool", races, 30_000, 2000),
    ("numbers: no undefined behaviour, no byte beside an array", sanitized, 2, 1),
]
