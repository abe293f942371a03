"""Campaigns about what many threads, and small numbers, cost; see night.py.

Times are those of the processor, and ratios of runs in turns, so that others on the machine matter
little.
"""

import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from campaign import report

import fastnn
from fastnn import _core
from fastnn.compiler.bind import Compiled
from fastnn.layers import Dense
from fastnn.reference.cases import cases
from fastnn.reference.harness import Trial, checked_ops

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
#: What 8 threads on one processor have to reach, of the speed of one; what subnormals may cost.
SPEED, COST = 0.8, 1.05
#: What two trainings in two threads have to reach, of the speed of one after the other; where
#: others on the machine leave less, of the speed of two processes.
BOTH, APART = 1.8, 0.95
REAL = ("float32", "float64")

WORK = """
import os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np
import fastnn
from fastnn.layers import Conv2D, Dense, Flatten, MaxPooling2D
fastnn.set_num_threads(int(sys.argv[1]))
layers = [fastnn.Input((28, 28, 1)), Conv2D(16, 3, activation="relu"), MaxPooling2D(), Flatten()]
model = fastnn.Sequential([*layers, Dense(128, activation="relu"), Dense(10, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy")
x, y = np.random.default_rng(0).random((512, 28, 28, 1), "float32"), np.arange(512) % 10
model.fit(x, y, batch_size=64, verbose=0)
for line in sys.stdin:
    begin = time.process_time()
    model.fit(x, y, batch_size=64, verbose=0)
    print(time.process_time() - begin, len(os.listdir("/proc/self/task")), flush=True)
"""


def worker(code, *words):
    """Return a process that runs a text of Python, and trains when asked."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(HERE)])
    environment = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, words)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def turn(process):
    """Return the processor time of one training, and the threads that the process has."""
    process.stdin.write("\n")
    process.stdin.flush()
    seconds, threads = process.stdout.readline().split()
    return float(seconds), int(threads)


def more_threads_than_processors(trials, rng):
    """Eight threads on one processor are nearly as fast as one, since no others are made."""
    one, eight = worker(WORK, 1), worker(WORK, 8)
    with one, eight:
        found = [(turn(one)[0], *turn(eight)) for _ in range(trials)]
        one.stdin.close()
        eight.stdin.close()
    speed = statistics.median(alone / crowd for alone, crowd, _ in found)
    threads = max(threads for *_, threads in found)
    failures = int(speed < SPEED) + int(threads > 1)
    if failures:
        report(f"8 threads on one processor: {speed:.2f} of the speed, {threads} threads")
    return trials, failures, f"{speed:.2f} of the speed of one thread"


def trained():
    """Return a function that trains a model of its own for some tenths of a second."""
    model = fastnn.Sequential([fastnn.Input((256,)), Dense(256, activation="relu"), Dense(256)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(4096, 256)).astype("float32")
    return lambda: model.fit(x, x, epochs=4, verbose=0)


def together(works):
    """Return the seconds until all of some works are done, each in a thread of its own."""
    threads = [threading.Thread(target=work) for work in works]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - begin


def train_when_asked():
    """Train at each line that comes, and say when that is done."""
    fastnn.set_num_threads(1)
    train = trained()
    train()
    for _ in sys.stdin:
        train()
        print("done", flush=True)


def apart(processes):
    """Return the seconds until all of some processes have trained once."""
    begin = time.perf_counter()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        process.stdout.readline()
    return time.perf_counter() - begin


def two_trainings(trials, rng):
    """Two models train in two threads, each on one, nearly as fast as one alone, or as two
    processes where others take a part of the machine; a few trials judge nothing."""
    fastnn.set_num_threads(1)
    one, other = trained(), trained()
    together([one, other])
    code = "import crowding; crowding.train_when_asked()"
    with worker(code) as first, worker(code) as second:
        pair = [first, second]
        apart(pair)
        found = [(together([one]), together([one, other]), apart(pair)) for _ in range(trials)]
        for process in pair:
            process.stdin.close()
    speed = statistics.median(2 * alone / both for alone, both, _ in found)
    share = statistics.median(processes / both for _, both, processes in found)
    slow = speed < BOTH and share < APART
    failures = int(trials >= 40 and slow and len(os.sched_getaffinity(0)) > 1)
    told = f"{speed:.2f} times the speed of one after the other, {share:.2f} of two processes'"
    if failures:
        report(f"two trainings at once: {told}")
    return trials, failures, told


def runner(case, policy, isa, inputs):
    """Return a function that runs the kernel of a case on these inputs."""
    trial = Trial(case, policy, inputs=inputs)
    executable, _ = trial.bound(lambda memory: Compiled(trial.program, memory, isa, 1))
    return lambda: executable.run(trial._core_run())


def seconds(run, times):
    begin = time.thread_time()
    for _ in range(times):
        run()
    return time.thread_time() - begin


def cost(case, policy, isa):
    """Return how many times as long a kernel takes if a third of its numbers are subnormal."""
    from test_subnormals import with_subnormals

    tiny, zero = (runner(case, policy, isa, t.inputs) for t in with_subnormals(case, policy, 0))
    times = max(3, int(1e-3 / max(seconds(zero, 3) / 3, 1e-7)))
    return statistics.median(seconds(tiny, times) / seconds(zero, times) for _ in range(7))


def largest(op, policy):
    """Return the case of an op with the most numbers, of those that are not special."""
    plain = (case for case in cases(op) if case.data == "normal")
    return max(plain, key=lambda c: sum(a.size for a in Trial(c, policy).inputs.values()))


def subnormal_numbers(trials, rng):
    """No kernel is slower for subnormal numbers; a ratio beyond the limit is measured again."""
    ratios = []
    for policy in REAL:
        every = checked_ops(policy)
        for op in rng.sample(every, min(trials, len(every))):
            case = largest(op, policy)
            for isa in _core.isa_names(policy):
                ratios.append(cost(case, policy, isa))
                for _ in range(5 if ratios[-1] > COST else 0):
                    ratios[-1] = min(ratios[-1], cost(case, policy, isa))
                if ratios[-1] > COST:
                    report(f"{case}, {policy}, {isa}: {ratios[-1]:.2f} times as long")
    failures = sum(ratio > COST for ratio in ratios)
    return len(ratios), failures, f"at most {max(ratios):.2f} times as long as zeros"


#: Promise, campaign, trials by night and in small.
CAMPAIGNS = [
    ("speed: as many threads as processors", more_threads_than_processors, 40, 10),
    ("speed: two models train in two threads", two_trainings, 40, 2),
    ("speed: subnormal numbers cost nothing", subnormal_numbers, 1000, 2),
]
