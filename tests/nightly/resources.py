"""Campaigns that look at memory, sizes and odd machines; see night.py."""

import ctypes
import gc
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from campaign import folder, report

import fastnn
from fastnn.layers import Conv2D, Dense, Dropout, Flatten

ROOT = Path(__file__).resolve().parents[2]
LIBC = ctypes.CDLL(None)
PAGE = os.sysconf("SC_PAGE_SIZE")


def resident():
    """Bytes of memory that this process needs: without what the C library keeps for later, which
    may be 30 MB at one time and nothing at another."""
    gc.collect()
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def small():
    layers = [fastnn.Input((4,)), Dense(8, activation="relu"), Dropout(0.1), Dense(2)]
    model = fastnn.Sequential(layers)
    model.compile("adam", "mse")
    return model


def growth(work, trials):
    """Return the bytes that a call of ``work`` leaves behind, after the first tenth of them."""
    for _ in range(trials // 10 + 1):
        work()
    before = resident()
    for _ in range(trials):
        work()
    return (resident() - before) / trials


def predictions_leak_nothing(trials, rng):
    """A million predictions take no memory."""
    model, x = small(), np.ones((1, 4), "float32")
    grown = growth(lambda: model.predict(x), trials)
    grown_one = growth(lambda: model.predict_one(x[0]), trials)
    failures = int(max(grown, grown_one) * trials > 1 << 20)
    return 2 * trials, failures, f"{max(grown, grown_one):.3f} bytes a call"


def models_leak_nothing(trials, rng):
    """Models that are made, trained, copied, saved and loaded, and dropped, take no memory."""
    x, y = np.ones((16, 4), "float32"), np.ones((16, 2), "float32")
    with folder() as place:

        def work():
            model = small()
            model.fit(x, y, verbose=0)
            fastnn.models.clone_model(model)
            model.save(place / "m")
            fastnn.models.load_model(place / "m").predict(x)

        grown = growth(work, trials)
        files = len(os.listdir("/proc/self/fd"))
        work()
        failures = int(grown * trials > 4 << 20) + int(len(os.listdir("/proc/self/fd")) != files)
    return trials, failures, f"{grown:.1f} bytes each time, no open file"


def available():
    """Bytes of memory that nobody needs."""
    found = re.search(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    return 1024 * int(found[1])


def more_than_2_31_elements(trials, rng):
    """A prediction from 2^31 numbers and more, all in memory: a row is what it is by itself."""
    fastnn.set_seed(1)
    failures = 0
    kind = np.dtype("float32" if available() > 12 << 30 else "uint8")
    dense = fastnn.Sequential([fastnn.Input((1024,)), Dense(3)])
    image = fastnn.Sequential([fastnn.Input((64, 64, 1)), Conv2D(1, 3), Flatten(), Dense(1)])
    for model, shape in ((dense, (1024,)), (image, (64, 64, 1))):
        some = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (97, *shape))
        few = model.predict(some.astype(kind))
        rows = (1 << 31) // int(np.prod(shape)) + 5
        x = np.resize(some.astype(kind), (rows, *shape))
        y = model.predict(x)
        if not np.array_equal(y, np.resize(few, y.shape)):
            failures += 1
            report(f"{rows} rows of {shape}: other numbers")
        del x
    return 2, failures, f"{kind.itemsize * 2} GiB of samples each, dense and convolution"


MACHINES = (
    *("Nehalem", "SandyBridge", "Haswell", "Haswell,-fma", "Haswell,-avx2", "Haswell,-xsave"),
    *("EPYC", "Skylake-Server"),
)
WORK = """
import hashlib
import numpy as np
import fastnn
from fastnn import _core
from fastnn.layers import Conv2D, Dense, Flatten
layers = [fastnn.Input((8, 8, 1)), Conv2D(4, 3, activation="relu"), Flatten()]
model = fastnn.Sequential([*layers, Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
rng = np.random.default_rng(0)
x, y = rng.normal(size=(40, 8, 8, 1)), rng.integers(0, 10, 40)
model.fit(x, y, verbose=0)
print(_core.isa_names()[0], hashlib.sha256(model.predict(x).tobytes()).hexdigest())
"""


def emulated(machine, code):
    """Return what Python prints on an emulated machine, ``None`` if it died."""
    command = ["qemu-x86_64", "-cpu", machine, sys.executable, "-c", code]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    return done.stdout.split() if done.returncode == 0 else None


def odd_machines(trials, rng):
    """Old processors, emulated: fastnn runs wherever NumPy does, with the same bits if there is
    fused multiply-add."""
    if shutil.which("qemu-x86_64") is None:
        return 0, 0, "not possible here: no qemu-x86_64 (apt-get install qemu-user)"
    made = failures = 0
    hashes, without = {}, []
    for machine in MACHINES[: max(trials, 3)]:
        if emulated(machine, "import numpy") is None:
            without.append(machine)
            continue
        made += 1
        found = emulated(machine, WORK)
        if found is None:
            failures += 1
            report(f"{machine}: it died")
        else:
            hashes.setdefault(found[0] == "base", set()).add(found[1])
    failures += sum(len(every) > 1 for every in hashes.values())
    note = f"NumPy itself does not run on {' and '.join(without)}" if without else "all of them"
    return made, failures, note


#: Promise, campaign, trials by night and in small.
CAMPAIGNS = [
    ("memory: predictions leave nothing behind", predictions_leak_nothing, 500_000, 5000),
    ("memory: models leave nothing behind", models_leak_nothing, 10_000, 40),
    ("size: more than 2^31 numbers", more_than_2_31_elements, 1, 1),
    ("machines: old and odd processors", odd_machines, len(MACHINES), 3),
]
