"""Campaigns about bits and errors; see night.py."""

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from campaign import folder, report

import fastnn
from fastnn import _core, optimizers
from fastnn.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    Reshape,
)

ROOT = Path(__file__).resolve().parents[2]
ARM = "aarch64-linux-gnu"
SWEEP = "tests/c/test_simd.c"
THREADS = (1, 2, 3, 4, 8)
POLICIES = ("float32", "float64", "mixed_bfloat16")


def net(policy):
    fastnn.set_seed(5)
    layers = [
        fastnn.Input((9, 7, 3)),
        Conv2D(13, 3, padding="same", activation="relu"),
        BatchNormalization(),
        MaxPooling2D(2, padding="same"),
        Dropout(0.2),
        Reshape((5, 52)),
        LSTM(11, return_sequences=True),
        Flatten(),
        Dense(40, activation="tanh"),
        Dense(5, activation="softmax"),
    ]
    return fastnn.Sequential(layers, dtype=policy)


def samples(rows):
    rng = np.random.default_rng(2)
    return rng.normal(size=(rows, 9, 7, 3)), rng.integers(0, 5, rows)


def every_batch_size(trials, rng):
    """A prediction in batches of any size, from memory at any address, is the whole's."""
    failures = made = 0
    x = samples(300)[0].astype("float32")
    for policy in POLICIES:
        model = net(policy)
        whole = model.predict(x, batch_size=300)
        for batch in sorted(rng.sample(range(1, 300), min(trials, 299))):
            room = np.empty(x.nbytes + 64, np.uint8)
            offset = 4 * rng.randrange(16)
            moved = room[offset : offset + x.nbytes].view(np.float32).reshape(x.shape)
            moved[...] = x
            made += 1
            if model.predict(moved, batch_size=batch).tobytes() != whole.tobytes():
                failures += 1
                report(f"{policy}: batches of {batch}, {offset} bytes off")
    return made, failures, "batches of 1 to 299 in each precision, at any multiple of 4 bytes"


def every_optimizer(trials, rng):
    """A training by 1, 2, 3, 4 and 8 threads gives the same weights, with every optimizer."""
    names = [n for n in optimizers.__all__ if isinstance(getattr(optimizers, n), type)]
    kinds = [getattr(optimizers, n) for n in names]
    kinds = [
        k for k in kinds if issubclass(k, optimizers.Optimizer) and k is not optimizers.Optimizer
    ]
    failures = made = 0
    _core.crowd(True)
    x, y = samples(61)
    for kind in kinds[:trials]:
        for policy in POLICIES:
            found = set()
            for count in THREADS:
                fastnn.set_num_threads(count)
                model = net(policy)
                model.compile(kind(), "sparse_categorical_crossentropy")
                model.fit(x, y, batch_size=13, epochs=3, verbose=0)
                found.add(b"".join(w.tobytes() for w in model.get_weights()))
                made += 1
            if len(found) > 1:
                failures += 1
                report(f"{kind.__name__}, {policy}: other bits by another number of threads")
    fastnn.set_num_threads(None)
    return made, failures, f"{len(kinds)} optimizers, each precision"


def compiler():
    return os.environ.get("CC", "cc")


def every_float(trials, rng):
    """exp, log, tanh, sigmoid and the others of all floats are within 4 units in the last place.

    One instruction set with fused multiply-add is compared with the C library in double precision,
    and so are the four of the one without; the others have the hashes of the first.
    """
    first, *others = sorted(_core.isa_names("float32"), key="base".__eq__)
    amount = ["--all"] if trials > 1 else []
    options = {isa: [*amount, "--hash"] for isa in others}
    options["base"] = ["exp", "log", "sigmoid", "tanh"] if amount else []
    # how it is compiled stands in its opening comment, with float32 in it
    command = re.search(r"^ \* *cc (.*) -o \S+(.*)", (ROOT / SWEEP).read_text(), re.M)

    def sweep(isa):
        program = place / isa
        words = re.sub(r"-DISA=\w+", f"-DISA={isa}", "".join(command.groups())).split()
        subprocess.run([compiler(), *words, "-o", str(program)], check=True, cwd=ROOT)
        words = [str(program), *options.get(isa, amount)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    with folder() as place, ThreadPoolExecutor(os.cpu_count()) as pool:
        isas = [first, *others]
        done = dict(zip(isas, pool.map(sweep, isas), strict=True))
    hashes = {isa: re.findall(r"hash (\w+)", each.stdout) for isa, each in done.items()}
    failures, worst = 0, 0.0
    for isa, each in done.items():
        worst = max([worst, *map(float, re.findall(r"([\d.]+) ulp", each.stdout))])
        if each.returncode or (isa != "base" and hashes[isa] != hashes[first]):
            failures += 1
            report(f"{isa}: {each.stdout[-300:]}")
    return len(done) * (1 << 32 if amount else 1 << 20), failures, f"at most {worst:.3f} ulp"


def every_processor(trials, rng):
    """What this processor's kernels compute is computed by others, NEON's among them."""
    arm = shutil.which(f"{ARM}-gcc") and shutil.which("qemu-aarch64")
    sources = [*ROOT.glob("csrc/*.c"), *ROOT.glob("csrc/isa/*.c"), ROOT / "tests/c/replay.c"]
    flags = ["-std=c11", "-O1", "-ffp-contract=off", "-fno-math-errno", f"-I{ROOT / 'csrc'}"]
    made = failures = 0
    isas = [isa for isa in _core.isa_names("float32") if isa != "base"]
    targets = [(compiler(), [], isa) for isa in isas]
    targets += [(f"{ARM}-gcc", ["qemu-aarch64", "-L", f"/usr/{ARM}"], "neon")] if arm else []

    def build(cc, program):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = [f"{program}-{s.parent.name}-{s.stem}.o" for s in sources]
            jobs = [
                pool.submit(subprocess.run, [cc, *flags, "-c", str(s), "-o", o], check=True)
                for s, o in zip(sources, objects, strict=True)
            ]
            for job in jobs:
                job.result()
        subprocess.run([cc, *objects, "-pthread", "-lm", "-o", str(program)], check=True)

    with folder() as place:
        for cc in {cc for cc, *_ in targets}:
            build(cc, place / cc.replace("/", "-"))
        for seed in range(trials):
            records = place / "records"
            tool = str(ROOT / "tests/tools/recording.py")
            command = [sys.executable, tool, str(records), str(seed)]
            here = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run(command, env=here, check=True, stdout=subprocess.DEVNULL)
            for cc, run, isa in targets:
                command = [*run, str(place / cc.replace("/", "-")), str(records), isa]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                made += int(re.findall(r"(\d+) records", done.stdout)[0])
                failures += int(re.findall(r"(\d+) differ", done.stdout)[-1])
                if done.returncode:
                    report(f"{isa}: {done.stdout[-300:]}")
    names = ", ".join(isa for *_, isa in targets)
    return made, failures, f"all kernels, {names}" + ("" if arm else "; no compiler for aarch64")


#: Promise, campaign, trials by night and in small.
CAMPAIGNS = [
    ("bits: a row does not know its batch, nor where it lies", every_batch_size, 299, 4),
    ("bits: training does not know how many threads there are", every_optimizer, 99, 1),
    ("bits: processors agree", every_processor, 3, 1),
    ("numbers: every float32 there is, within 4 ulp", every_float, 2, 1),
]
