"""Campaigns against files and trainings: kills, faults, damage, attacks; see night.py."""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import damage
import numpy as np
from campaign import child, folder, kill_after, report

import fastnn
from fastnn import saving
from fastnn.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    RandomTranslation,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

#: What a training ends with, or the reason why it did not.
RESULT = "result"


def leftovers(path):
    return [name for name in os.listdir(path) if name.startswith(".fastnn")]


# ---- kills ---------------------------------------------------------------------------------------


def wide(units, seed):
    """A model of some hundreds of kilobytes."""
    fastnn.set_seed(seed)
    layers = [fastnn.Input((100,), name="i"), Dense(units, "relu", name="a"), Dense(1, name="b")]
    model = fastnn.Sequential(layers, name="wide")
    model.compile("adam", "mse")
    model.fit(np.ones((4, 100)), np.ones(4), verbose=0)
    return model


def kills_of_a_saving_process(trials, rng):
    """A process saves two models in turns, over and over; whenever it is killed, the file is one of
    them, whole, and what it has left beside it is gone after the next save."""
    models = wide(300, 1), wide(700, 2)
    contents = [saving.to_bytes(model) for model in models]
    failures = within = 0
    with folder() as place:
        path = place / "m"
        models[0].save(path)

        def save():
            for model in (models[1], models[0]) * 100000:
                model.save(path)

        for trial in range(trials):
            kill_after(child(save), rng.uniform(0, 0.02))
            within += bool(leftovers(place))
            try:
                whole = path.read_bytes() in contents
                fastnn.models.load_model(path)
            except Exception as error:
                whole = False
                report(f"kill {trial} of a saving process: {error}")
            failures += not whole or len(leftovers(place)) > 1
        models[0].save(path)
        failures += len(leftovers(place))
    return trials, failures, f"{within} of the kills came while a file was being written"


def training_net(seed):
    """A model in which all that can be random, or has a state, is."""
    fastnn.set_seed(seed)
    layers = [
        fastnn.Input((8, 8, 1)),
        RandomTranslation(0.2, 0.2),
        Conv2D(8, 3, activation="relu"),
        BatchNormalization(),
        Flatten(),
        Dropout(0.3),
        Dense(10, "softmax"),
    ]
    model = fastnn.Sequential(layers)
    optimizer = fastnn.optimizers.SGD(0.05, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return model


def train(path, seed, backup):
    """Train, and leave a hash of weights, slots and history at ``path``."""
    x = np.random.default_rng(seed).normal(size=(600, 8, 8, 1)).astype("float32")
    y = np.arange(600) % 10
    model = training_net(seed)
    stop = fastnn.callbacks.EarlyStopping("val_loss", patience=6, restore_best_weights=True)
    history = model.fit(
        x, y, 16, epochs=12, verbose=0, validation_split=0.2, callbacks=[stop, *backup]
    )
    whole = hashlib.sha256(repr((history.epoch, history.history)).encode())
    for array in (*model.get_weights(), *(model.runtime.buffers[h] for h in ("slots", "step"))):
        whole.update(np.ascontiguousarray(array))
    path.write_text(whole.hexdigest())


def kills_of_a_training_process(trials, rng):
    """A training is killed at any time, and begun again until it ends: with the same bits."""
    failures = kills = 0
    for trial in range(trials):
        with folder() as place:
            begin = time.perf_counter()
            status = kill_after(child(lambda: train(place / RESULT, trial, [])), 600)  # noqa: B023
            seconds = time.perf_counter() - begin
            expected = (place / RESULT).read_text() if status == 0 else None
            every = rng.choice([1, 3, 7, 20, "epoch"])

            def again():
                backup = fastnn.callbacks.BackupAndRestore(place / "backup", every)  # noqa: B023
                train(place / "again", trial, [backup])  # noqa: B023

            for attempt in range(40):
                patience = rng.uniform(0, seconds) if attempt < 30 else 600
                status = kill_after(child(again), patience)
                if status == 0:
                    break
                kills += os.WIFSIGNALED(status)
                if not os.WIFSIGNALED(status):
                    break
            found = (place / "again").read_text() if (place / "again").exists() else None
            if status or expected is None or found != expected:
                failures += 1
                report(f"training {trial}, a backup each {every}: status {status}")
    return kills, failures, f"{trials} trainings, each begun again until it ended"


# ---- the system ----------------------------------------------------------------------------------

SAVE = """
import sys
sys.path[:0] = [{root!r}, {here!r}, {tests!r}]
import durability
model = durability.wide(300, 3)
try:
    model.save({path!r})
    print("saved")
except OSError as error:
    print("raised", error.errno)
"""


def strace(place, *options):
    """Save a model over the one at ``place / "m"`` under strace; return its outcome and log."""
    if shutil.which("strace") is None:
        raise SystemExit("strace is needed: apt-get install strace")
    code = SAVE.format(
        root=str(ROOT), here=str(HERE), tests=str(HERE.parent), path=str(place / "m")
    )
    calls = "trace=openat,write,fsync,fdatasync,rename,renameat,renameat2,unlink,flock,fchmod"
    command = ["strace", "-f", "-y", "-s", "0", "-o", "/tmp/fastnn-strace", "-e", calls, *options]
    command[command.index("/tmp/fastnn-strace")] = str(place.parent / f"{place.name}.strace")
    done = subprocess.run(
        [*command, sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    log = (place.parent / f"{place.name}.strace").read_text().splitlines()
    return done.stdout.strip() or done.stderr[-300:], log


def order_of_system_calls(trials, rng):
    """The temporary file is synced before it is renamed, and the folder after that."""
    with folder() as outer:
        place = outer / "files"
        place.mkdir()
        outcome, log = strace(place)
    calls = [line.split(None, 1)[1] for line in log if str(place) in line]
    temporary = re.escape(str(place)) + r"/\.fastnn-\w+-\w+"
    wanted = [
        rf'openat\(.*"{temporary}", .*O_CREAT.*O_EXCL',
        rf"flock\(\d+<{temporary}>, LOCK_EX",
        rf"write\(\d+<{temporary}>",
        rf"fsync\(\d+<{temporary}>\) += 0",
        rf'rename\("{temporary}", "{re.escape(str(place))}/m"\) += 0',
        rf"fsync\(\d+<{re.escape(str(place))}>\) += 0",
    ]
    at = 0
    for call in calls:
        if at < len(wanted) and re.match(wanted[at], call):
            at += 1
    writes = [i for i, call in enumerate(calls) if re.match(wanted[2], call)]
    syncs = [i for i, call in enumerate(calls) if re.match(wanted[3], call)]
    good = outcome == "saved" and at == len(wanted) and syncs and max(writes) < min(syncs)
    if not good:
        report(f"the order of system calls: {outcome}; {wanted[at:][:1]} did not come in {calls}")
    return 1, int(not good), "openat, flock, write, fsync, rename, fsync of the folder"


def system_calls_that_fail(trials, rng):
    """Each call of a save is made to fail in turn, by strace: the old file stays, or, after the
    rename, the new one; nothing is left beside it."""
    made = failures = 0
    old, new = saving.to_bytes(wide(200, 5)), saving.to_bytes(wide(300, 3))
    with folder() as outer:
        place = outer / "files"
        place.mkdir()
        _, log = strace(place)
        names = [line.split(None, 1)[1].split("(")[0] for line in log]
        inside = [str(place) in line for line in log]
        turns = [(name, names[: at + 1].count(name)) for at, name in enumerate(names) if inside[at]]
        renamed = next(at for at, (name, _) in enumerate(turns) if name.startswith("rename"))
        for name, turn in turns:
            for error in ("ENOSPC", "EIO"):
                (place / "m").write_bytes(old)
                inject = f"inject={name}:error={error}:when={turn}"
                outcome, _ = strace(place, "-e", inject)
                content, left = (place / "m").read_bytes(), os.listdir(place)
                late = (name, turn) in turns[renamed + 1 :] or outcome == "saved"
                whole = content == old or (late and content == new)
                clean = left == ["m"] or (name == "unlink" and len(left) == 2)
                made += 1
                if not (whole and clean and outcome.startswith(("raised", "saved"))):
                    failures += 1
                    report(f"{inject}: {outcome}, {left}, {len(content)} bytes")
    return made, failures, f"{len(turns)} calls, each with ENOSPC and EIO"


FULL = """
mount -t tmpfs -o size={size} none {place} && exec {python} -c '{code}'
"""


def full_disks(trials, rng):
    """A real file system without room: the old file stays, and there is no litter."""
    old, new = saving.to_bytes(wide(200, 5)), saving.to_bytes(wide(300, 3))
    failures = made = 0
    with folder() as outer:
        place = outer / "full"
        place.mkdir()
        (outer / "old").write_bytes(old)
        for _ in range(trials):
            size = len(old) + 8192 + rng.randrange(len(new))
            code = (
                "import shutil, os, sys; "
                f'shutil.copy("{outer}/old", "{place}/m"); '
                + SAVE.format(
                    root=str(ROOT), here=str(HERE), tests=str(HERE.parent), path=str(place / "m")
                )
                .strip()
                .replace("'", '"')
                + f'\nprint(os.listdir("{place}") == ["m"], '
                f'open("{place}/m", "rb").read() == open("{outer}/old", "rb").read())'
            )
            script = FULL.format(size=size, place=place, python=sys.executable, code=code)
            done = subprocess.run(
                ["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, check=False
            )
            words = done.stdout.split()
            if "mount" in done.stderr or "unshare" in done.stderr:
                return 0, 0, f"not possible here: {done.stderr.strip()[:60]}"
            made += 1
            good = words[:1] == ["saved"] and words[-2:-1] == ["True"]
            good = good or (words[:2] == ["raised", "28"] and words[2:] == ["True", "True"])
            failures += not good
            if not good:
                report(f"a disk of {size} bytes: {done.stdout} {done.stderr[-300:]}")
    return made, failures, "tmpfs of any size between the old file and both"


def limits_of_a_file(trials, rng):
    """A write that stops at any byte, by RLIMIT_FSIZE."""
    model, old = wide(300, 3), saving.to_bytes(wide(200, 5))
    size, failures = len(saving.to_bytes(model)), 0
    with folder() as place:
        path = place / "m"

        def save():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            try:
                model.save(path)
            except OSError:
                return
            raise AssertionError("it was saved")

        for _ in range(trials):
            path.write_bytes(old)
            limit = rng.randrange(size)
            status = kill_after(child(save), 60)
            good = status == 0 and path.read_bytes() == old and os.listdir(place) == ["m"]
            failures += not good
            if not good:
                report(f"a limit of {limit} bytes: status {status}, {os.listdir(place)}")
    return trials, failures, "EFBIG at any byte"


#: Promise, campaign, trials by night and in small.
CAMPAIGNS = [
    ("kills: the file is whole whenever a save is killed", kills_of_a_saving_process, 10000, 20),
    (
        "kills: a training that is killed ends with the same bits",
        kills_of_a_training_process,
        120,
        3,
    ),
    ("system: calls are in an order that survives a power failure", order_of_system_calls, 1, 1),
    ("system: a call that fails leaves the old file", system_calls_that_fail, 1, 1),
    ("system: a full disk leaves the old file", full_disks, 40, 3),
    ("system: a write that stops leaves the old file", limits_of_a_file, 500, 10),
    ("files: attacks are refused, cheap, and run nothing", damage.attack_campaign, 1, 1),
    ("files: every flipped bit is noticed, its tensor named", damage.flips, 1 << 19, 2000),
    ("files: flipped bits of a large file", damage.flips_of_a_large_file, 100, 1),
    ("files: damaged bytes under right checksums", damage.resealed, 200_000, 500),
    ("files: configs that lie under right checksums", damage.configs, 20_000, 300),
    ("files: fuzzed, guided by coverage", damage.guided, 500_000, 2000),
]
