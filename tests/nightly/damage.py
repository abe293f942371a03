"""Campaigns against the reader of model files: attacks, flipped bits, lies, fuzzing."""

import contextlib
import copy
import difflib  # noqa: F401
import functools
import importlib
import io
import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import attacks
import numpy as np

import fastnn
from fastnn import archive, layers, losses, metrics, optimizers, saving
from fastnn.errors import ModelFileError

FREE = 8 << 20  # bytes that reading may take beside twice the file
SECONDS = 2.0  # that refusing a small file may take, on a machine that does other things too

#: What code would have to do to do harm, as CPython's audit events call it.
HARM = (
    "import",
    "exec",
    "compile",
    "open",
    "pickle",
    "os.",
    "subprocess",
    "socket",
    "ctypes",
    "code",
)

_watching = False
_seen: list[str] = []


def _watch(event, arguments):
    if _watching and event.startswith(HARM):
        _seen.append(f"{event} {str(arguments)[:80]}")


sys.addaudithook(_watch)


@functools.cache
def _import_all():
    """Import fastnn whole: what it imports when it is first needed is no file's doing."""
    for module in pkgutil.walk_packages(fastnn.__path__, "fastnn."):
        if not module.name.startswith("fastnn.bench") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@contextlib.contextmanager
def watching():
    """Note what would do harm."""
    global _watching
    _seen.clear()
    _watching = True
    try:
        yield
    finally:
        _watching = False


def _memory(field):
    """Return a field of this process's memory, in bytes: ``VmRSS``, or ``VmHWM``, its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    raise LookupError(field)


def refused(content):
    """Return what is wrong with how a file is read; ``None`` if it is refused, or is a model."""
    _import_all()
    begin = time.perf_counter()
    try:
        with watching(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            saving.from_bytes(content)
        outcome = "loaded"
    except ModelFileError as error:
        outcome = str(error)
        if len(outcome) > 400:
            return f"a message of {len(outcome)} letters"
    except BaseException as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if _seen:
        return f"it did {_seen[:3]}"
    seconds = time.perf_counter() - begin
    return f"{seconds:.1f} s, {outcome}" if seconds > SECONDS + len(content) / 1e8 else None


def _keep(content, why):
    """Keep a file that was not refused as it should be."""
    handle, path = tempfile.mkstemp(prefix="fastnn-failure-", suffix=".fastnn")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    print(f"FAILED: {why}: kept as {path}", flush=True)


def _begin_peak():
    """Begin the peak of this process's memory anew; return the bytes it has."""
    _import_all()
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    return before


def peak_of(content):
    """Return the bytes that reading a file took beside what there was before, at most."""
    before = _begin_peak()
    refused(content)
    return _memory("VmHWM") - before


def _try_all(contents):
    """Return the failures among files, which is also that of one that took too much memory."""
    failures, largest = 0, 0
    before = _begin_peak()
    for content in contents:
        largest = max(largest, len(content))
        wrong = refused(content)
        if wrong:
            failures += 1
            _keep(content, wrong)
    if _memory("VmHWM") - before > 2 * largest + FREE + (4 << 20):  # of the allocator's
        suspects = [content for content in contents if peak_of(content) > 2 * len(content) + FREE]
        for content in suspects:
            failures += 1
            _keep(content, "memory")
    return failures


def attacks_once():
    """Yield what is wrong with each attack, ``None`` for most."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two entries of one name
        every = list(attacks.every())
    for name, content, message in every:
        wrong = refused(content)
        try:
            saving.from_bytes(content)
            wrong = wrong or "it was loaded"
        except ModelFileError as error:
            if not re.search(message, str(error)):
                wrong = wrong or f"the message is {error}"
        peak = peak_of(content)
        if peak > 2 * len(content) + FREE:
            wrong = wrong or f"{peak:,} bytes of memory for {len(content):,}"
        yield name, len(content), peak, wrong


def attack_campaign(trials, rng):
    """Every attack of ``tests/attacks.py``, with the memory of the process."""
    failures = made = most = 0
    for name, size, peak, wrong in attacks_once():
        made, most = made + 1, max(most, peak - 2 * size)
        if wrong:
            failures += 1
            print(f"FAILED: {name}: {wrong}", flush=True)
    return made, failures, f"at most {most / 2**20:.1f} MiB beside twice the file"


# ---- damage --------------------------------------------------------------------------------------


def _spans(content):
    """Return where the content of each entry is, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        infos = file.infolist()
        ends = [*(info.header_offset for info in infos[1:]), file.start_dir]
    return [
        (info.filename, info.header_offset + 30 + len(info.filename), end)
        for info, end in zip(infos, ends, strict=True)
    ]


def _flip(content, spans, place):
    """Flip a bit; return what is wrong with how it is read.  The bit is flipped back."""
    at = place // 8
    content[at] ^= 1 << place % 8
    try:
        archive.read(io.BytesIO(content), len(content))
        return f"bit {place} was not noticed"
    except ModelFileError as error:
        for name, begin, end in spans:
            if begin <= at < end and name not in str(error):
                return f"bit {place}, of {name}: {error}"
        return None
    finally:
        content[at] ^= 1 << place % 8


def _dense(units):
    fastnn.set_seed(1)
    hidden = layers.Dense(units, "relu")
    model = fastnn.Sequential([fastnn.Input((units,)), hidden, layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(np.ones((2, units)), np.ones(2), verbose=0)
    return bytearray(saving.to_bytes(model))


def _flips(content, places):
    spans, failures = _spans(content), 0
    for place in places:
        wrong = _flip(content, spans, place)
        if wrong:
            failures += 1
            print(f"FAILED: {wrong}", flush=True)
    return failures


def flips(trials, rng):
    """Bits of a model of about 64 KiB: each if there are enough trials, else some."""
    content = _dense(70)
    places = range(8 * len(content))
    if trials < len(places):
        places = rng.sample(places, trials)
    return len(places), _flips(content, places), f"a file of {len(content):,} bytes"


def flips_of_a_large_file(trials, rng):
    """Bits of a model of about 64 MiB."""
    content = _dense(2360)
    places = [rng.randrange(8 * len(content)) for _ in range(trials)]
    return trials, _flips(content, places), f"a file of {len(content):,} bytes"


# ---- lies under right checksums ------------------------------------------------------------------


def corpus():
    """Return files of models with a bit of everything, to be changed."""
    fastnn.set_seed(1)
    convnet = fastnn.Sequential(
        [
            fastnn.Input((8, 8, 1)),
            layers.RandomTranslation(0.1, 0.1),
            layers.Conv2D(2, 3, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(3, "softmax", kernel_constraint=fastnn.constraints.MaxNorm(2)),
        ]
    )
    several = [metrics.SparseTopKCategoricalAccuracy(2), metrics.ConfusionMatrix(), "accuracy"]
    convnet.compile("adam", losses.SparseCategoricalCrossentropy(), metrics=several)
    x = fastnn.Input((4,), dtype="int32")
    h = layers.Bidirectional(layers.LSTM(2))(layers.Embedding(5, 3)(x))
    z = fastnn.Input((2,))
    joined = layers.Concatenate()([h, layers.LayerNormalization()(layers.Dense(2)(z))])
    recurrent = fastnn.Model([x, z], [layers.Dense(1, "sigmoid", name="p")(joined), joined])
    schedule = optimizers.schedules.CosineDecay(0.1, 10)
    recurrent.compile(
        optimizers.SGD(schedule, momentum=0.9, clipnorm=1.0),
        ["binary_crossentropy", None],
        metrics=[[metrics.AUC(num_thresholds=10), metrics.Precision()], []],
    )
    nested = fastnn.Sequential([fastnn.Input((3,)), fastnn.Sequential([layers.Dense(2)])])
    models = [convnet, recurrent, nested, *_of_each_layer()]
    return [bytes(attacks.Forgery().bytes()), *map(saving.to_bytes, models)]


def _of_each_layer():
    """Yield a model of each layer that the tests have a case of."""
    import test_layers

    for cls, cases in test_layers.CASES.items():
        options, shape, _ = cases[0]
        if isinstance(shape, tuple):
            yield fastnn.Sequential([fastnn.Input(shape), cls(**options)])


def text_of(content):
    """Return the config text of a file."""
    with np.load(io.BytesIO(content)) as file:
        return file["config"].tobytes()[:-64]


def resealed(trials, rng):
    """Bytes that are changed anywhere, with the checksum of the file made anew: what is left to
    notice it is in the headers, and in the checksums of the entries."""
    files, failures, batch = corpus(), 0, 200
    for begin in range(0, trials, batch):
        failures += _try_all([_mutant(rng, files) for _ in range(min(batch, trials - begin))])
    return trials, failures, "bytes changed, cut out, doubled, swapped, from another file"


def _mutant(rng, files):
    content = bytearray(rng.choice(files)[:-64])
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        begin = rng.randrange(len(content))
        end = begin + rng.choice([1, 2, 4, 8, 30, 100])
        kind = rng.randrange(6)
        if kind == 0:
            content[begin] = rng.randrange(256)
        elif kind == 1:
            content[begin:end] = rng.choice([b"\0", b"\xff", b"\x7f"]) * (end - begin)
        elif kind == 2:
            del content[begin:end]
        elif kind == 3:
            content[begin:begin] = content[begin:end]
        elif kind == 4:
            other = rng.choice(files)
            at = rng.randrange(len(other))
            content[begin:end] = other[at : at + end - begin]
        else:
            magics = [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"\x93NUMPY", b"{'descr': '|O'"]
            magic = rng.choice(magics)
            content[begin : begin + len(magic)] = magic
    return archive.seal(bytes(content))


#: What stands in for a part of a config.
HOSTILE = [
    None, True, False, 0, 1, -1, 2, 3, 1 << 31, 1 << 40, 1 << 63, 1 << 64, -(1 << 63), 10**30,
    0.0, -0.0, 0.5, -1.5, 1e30, 1e308, float("nan"), float("inf"), -float("inf"),
    "", "a", "os.system", "__main__", "relu", "Dense", "float64", "same", "\0", "\u202e",
    "x" * 1000,
    [], [0], [None], [-1], [1 << 40], [1] * 100, [[]], [[[[]]]], ["a"], [None, 1 << 40],
    {}, {"a": 1}, {"class_name": "Dense", "config": {}}, {"class_name": "eval", "config": {}},
    {"class_name": "Sequential", "config": {"layers": []}}, {"$array": "weights/d/kernel"},
    {"module": "os", "class_name": "system", "config": {}, "registered_name": "os>system"},
]  # fmt: skip


def _leaves(value, at=()):
    """Yield where the parts of a config are."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        if isinstance(each, dict | list):
            yield from _leaves(each, (*at, key))
        else:
            yield (*at, key)


def _lie(rng, config, arrays):
    """Change a part of a config, or an array, in place."""
    place = rng.choice([at for at in _leaves(config) if at])
    inner = config
    for key in place[:-1]:
        inner = inner[key]
    kind = rng.randrange(8)
    if kind < 5:
        inner[place[-1]] = copy.deepcopy(rng.choice(HOSTILE))
    elif kind == 5:
        del inner[place[-1]]
    elif kind == 6 and isinstance(inner, list):
        inner.append(copy.deepcopy(inner[place[-1]]))
    elif isinstance(inner, dict):
        key = rng.choice(["evil", "name", "units", "dtype", "trainable", "layers"])
        inner[key] = copy.deepcopy(rng.choice(HOSTILE))
    if rng.random() < 0.1 and arrays:
        name = rng.choice(sorted(arrays))
        arrays[name] = arrays[name].reshape(-1)[: rng.randrange(4)]


def _liar(rng, parts):
    config, arrays = rng.choice(parts)
    config, arrays = json.loads(json.dumps(config)), dict(arrays)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        _lie(rng, config, arrays)
    return b"".join(archive.pieces(config, arrays))


def configs(trials, rng):
    """Parts of configs replaced by what they should not be, in files that are right otherwise."""
    parts = [archive.read(io.BytesIO(file), len(file)) for file in corpus()]
    failures, batch = 0, 100
    for begin in range(0, trials, batch):
        failures += _try_all([_liar(rng, parts) for _ in range(min(batch, trials - begin))])
    return trials, failures, f"{len(HOSTILE)} values in any place of {len(parts)} models"


# ---- guided by coverage --------------------------------------------------------------------------


def guided(trials, rng):
    """atheris tries what reaches new lines of the reader."""
    try:
        import atheris  # noqa: F401
    except ImportError:
        return 0, 0, "atheris is not installed: pip install atheris"
    with tempfile.TemporaryDirectory() as place:
        import guided as target

        target.corpus(place)
        done = subprocess.run(
            [
                *(sys.executable, str(Path(__file__).with_name("guided.py")), place),
                *(f"-runs={trials}", f"-seed={rng.randrange(1 << 30)}", "-max_len=20000"),
                *("-timeout=10", "-rss_limit_mb=600", "-artifact_prefix=/tmp/fastnn-guided-"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    covered = re.findall(r"cov: (\d+)", done.stderr)
    made = re.findall(r"Done (\d+) runs", done.stderr)
    if done.returncode or not made:
        shown = [line for line in done.stderr.splitlines() if not line.startswith(("INFO", "#"))]
        print("FAILED:", "\n".join(shown)[-3000:], flush=True)
        return trials, 1, "atheris"
    return int(made[0]), 0, f"atheris, {covered[-1]} edges of the reader"
