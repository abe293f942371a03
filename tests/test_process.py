"""fastnn inside a process: imports, forks, signals and threads.

What could hang or harm the process runs in one of its own, as a script that prints what it found.
"""

import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential
from fastnn.callbacks import Callback
from fastnn.errors import ConcurrentUseError
from fastnn.layers import Dense, Layer

LIMIT = 120  # seconds until a script counts as hanging

HEAD = """
import os, signal, sys, threading, time
import numpy as np, fastnn
from fastnn import Input, Sequential
from fastnn.layers import Conv2D, Dense, Dropout, Flatten, Layer

# what runs in the background of a shell was told to ignore it
signal.signal(signal.SIGINT, signal.default_int_handler)

def bits(model):
    return b"".join(w.tobytes() for w in model.get_weights())

def classifier(width=64, inputs=20):
    fastnn.set_seed(1)
    model = Sequential([Input((inputs,)), Dense(width, "relu"), Dropout(0.2), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model

def data(rows, inputs=20):
    x = np.random.default_rng(0).normal(size=(rows, inputs)).astype(np.float32)
    return x, (np.arange(rows) % 3)
"""


def script(text, **environment):
    """Run a script; return what it printed.  It has to end well, and silently on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HEAD + text],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


# ---- import --------------------------------------------------------------------------------------


def test_the_import_is_silent_starts_no_thread_and_reads_no_setting():
    code = """
import sys, threading, os
import fastnn
tasks = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
assert threading.active_count() == 1
sys.exit(0 if tasks == 1 or "numpy" in sys.modules and tasks == int(sys.argv[1]) else tasks)
"""
    count = "import numpy, os; print(len(os.listdir('/proc/self/task')))"
    environment = {
        **os.environ,
        "FASTNN_ISA": "nonsense",
        "FASTNN_NUM_THREADS": "nonsense",
        "OPENBLAS_NUM_THREADS": "1",
    }
    alone = "1"
    if os.path.isdir("/proc/self/task"):
        alone = subprocess.run(
            [sys.executable, "-c", count], env=environment, capture_output=True, check=True
        ).stdout.strip()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, alone],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


IN_ANOTHER = """
import sys
{first}
code = "import sys; sys.path[:] = " + repr(["", *sys.path]) + {code!r}
if sys.version_info >= (3, 14):
    from concurrent import interpreters
    interpreters.create().exec(code)
elif sys.version_info >= (3, 13):
    import _interpreters
    _interpreters.run_string(_interpreters.create({kind!r}), code)
else:
    import _xxsubinterpreters
    _xxsubinterpreters.run_string(_xxsubinterpreters.create(isolated={kind!r} == "isolated"), code)
"""
IMPORT = """
import warnings
warnings.simplefilter("ignore")  # NumPy's own
try:
    import fastnn
except ImportError as error:
    print(error, flush=True)
"""


@pytest.mark.parametrize("first", ["", "import fastnn"])
@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_sub_interpreters_are_refused(first, kind):
    code = IN_ANOTHER.format(first=first, kind=kind, code=IMPORT)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "fastnn's compiled core cannot be imported" in done.stdout
    assert "works in the main interpreter" in done.stdout


def test_a_source_folder_that_is_not_built_says_what_to_do(tmp_path):
    package = Path(fastnn.__file__).parent
    for each in ("__init__.py", "_missing.py"):
        (tmp_path / "fastnn").mkdir(exist_ok=True)
        shutil.copy(package / each, tmp_path / "fastnn" / each)
    code = [sys.executable, "-S", "-c", IMPORT]  # an editable install would find the core
    done = subprocess.run(code, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "without its compiled core" in done.stdout
    assert "work in another folder, or build this one: pip install -e ." in done.stdout


def test_the_import_needs_numpy_alone():
    code = "import sys, fastnn; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    third_party = set(modules) & {
        "matplotlib",
        "scipy",
        "pandas",
        "sklearn",
        "keras",
        "torch",
        "jax",
    }
    assert third_party == set()


# ---- fork ----------------------------------------------------------------------------------------

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORK = """
def in_child(work):
    # What work() returns in a forked child, as bytes.
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = work()
            with os.fdopen(write, "wb") as file:
                file.write(result)
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        result = file.read()
    assert os.waitpid(child, 0)[1] == 0
    return result
"""


@forks
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_forked_child_fits_and_predicts_and_so_does_the_parent(threads):
    """The layers are large enough to be shared by the threads, so that the pool is there."""
    script(
        FORK
        + f"""
fastnn.set_num_threads({threads})
x, y = data(500, 300)
model = classifier(700, 300)
model.fit(x, y, verbose=0)
def go_on():
    model.fit(x, y, epochs=2, verbose=0)
    return bits(model) + model.predict(x).tobytes()
before = bits(model)
child = in_child(go_on)
assert bits(model) == before
grandchild = in_child(lambda: in_child(go_on))
assert go_on() == child == grandchild
assert in_child(lambda: model.predict(x).tobytes()) == model.predict(x).tobytes()
"""
    )


@forks
def test_a_child_forked_while_another_thread_trains_can_work():
    script(
        FORK
        + """
fastnn.set_num_threads(2)
x, y = data(500, 300)
busy, other = classifier(700, 300), classifier(700, 300)
want = other.predict(x).tobytes()
trainer = threading.Thread(target=lambda: busy.fit(x, y, epochs=12, verbose=0))
trainer.start()
for _ in range(8):
    assert in_child(lambda: other.predict(x).tobytes()) == want
trainer.join()
assert other.predict(x).tobytes() == want
"""
    )


@forks
def test_a_child_forked_while_another_thread_makes_programs_can_work():
    """It holds locks meanwhile, which in the child nobody would give back."""
    script(
        FORK
        + """
x, _ = data(300)
def deep():
    return Sequential([Input((20,)), *(Dense(20, "relu") for _ in range(40))])
for i in range(20):
    other, model = deep(), deep()
    maker = threading.Thread(target=lambda: other.predict(x))
    maker.start()
    time.sleep(0.0005 * i)
    child = in_child(lambda: model.predict(x).tobytes())
    maker.join()
    assert child == model.predict(x).tobytes()
"""
    )


@forks
def test_multiprocessing_by_fork():
    script(
        """
import multiprocessing
fastnn.set_num_threads(2)
x, y = data(500, 300)
model = classifier(700, 300)
model.fit(x, y, verbose=0)
def predict(part):
    return model.predict(x[part])
with multiprocessing.get_context("fork").Pool(2) as pool:
    parts = pool.map(predict, [slice(0, 250), slice(250, 500)])
assert np.concatenate(parts).tobytes() == model.predict(x).tobytes()
"""
    )


# ---- processors ----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux's affinity")
def test_there_are_no_more_threads_than_processors():
    """However many are asked for: those that share one would wait for each other at every step.
    Processors that go meanwhile are noticed within a second."""
    script(
        """
fastnn.set_num_threads(8)
x, y = data(500, 300)
model = classifier(700, 300)
def threads():
    model.fit(x, y, verbose=0)
    return len(os.listdir("/proc/self/task"))
every = os.sched_getaffinity(0)
assert threads() == min(8, len(every))
if len(every) > 1:
    os.sched_setaffinity(0, {min(every)})
    time.sleep(1.1)
    def others():
        return time.process_time() - time.thread_time()
    before = others()
    threads()
    assert others() - before < 1e-3
""",
        OPENBLAS_NUM_THREADS="1",
    )


# ---- Ctrl-C --------------------------------------------------------------------------------------

#: One whole piece of the work, of the kinds that come back to Python seldom: an interrupt may not
#: wait for its end.
WHOLE = {
    "fit, few huge steps": "m.train_on_batch(x, y)",
    "fit, huge convolutions": "m.train_on_batch(x, y)",
    "predict": "m.predict(x, batch_size=3000)",
}
INTERRUPT = """
def latency(work, after):
    # Seconds from a SIGINT, sent `after` seconds after the start, to the KeyboardInterrupt.
    sent = []
    def send():
        time.sleep(after)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        work()
    except KeyboardInterrupt:
        took = time.perf_counter() - sent[0]
        sender.join()
        return took
    raise SystemExit("no KeyboardInterrupt came")

def report(times):
    print(f"{1e3 * np.median(times):.1f} {1e3 * max(times):.1f}")
"""

WORK = {
    "fit, many tiny steps": (
        "m = classifier(8); x, y = data(1000)",
        "m.fit(x, y, batch_size=1, epochs=10**6, verbose=0)",
        "m.fit(x, y, verbose=0)",
    ),
    "fit, many tiny steps with a batch callback": (
        "m = classifier(8); x, y = data(1000)\n"
        "class C(fastnn.callbacks.Callback):\n"
        "    def on_train_batch_end(self, batch, logs=None): pass\n",
        "m.fit(x, y, batch_size=1, epochs=10**6, verbose=0, callbacks=[C()])",
        "m.fit(x, y, verbose=0)",
    ),
    "fit, few huge steps": (
        "m = classifier(4000, 4000); x, y = data(3000, 4000)",
        "m.fit(x, y, batch_size=3000, epochs=10**6, verbose=0)",
        "m.fit(x[:8], y[:8], verbose=0)",
    ),
    "fit, huge convolutions": (
        "m = Sequential([Input((64, 64, 32)), Conv2D(64, 5, activation='relu'), Flatten()])\n"
        "m.add(Dense(1))\n"
        "m.compile('sgd', 'mse'); x = np.ones((100, 64, 64, 32), np.float32); y = np.ones(100)",
        "m.fit(x, y, batch_size=100, epochs=10**6, verbose=0)",
        "m.train_on_batch(x[:2], y[:2])",
    ),
    "fit, a layer in NumPy": (
        "class L(Layer):\n"
        "    def forward(self, x): return x\n"
        "    def backward(self, dy, x, y): return dy\n"
        "m = Sequential([Input((20,)), Dense(9), L(), Dense(1)]); m.compile('sgd', 'mse')\n"
        "x = np.ones((1000, 20)); y = np.ones(1000)",
        "m.fit(x, y, batch_size=2, epochs=10**6, verbose=0)",
        "m.fit(x, y, verbose=0)",
    ),
    "fit, run eagerly": (
        "m = classifier(8); x, y = data(1000)\n"
        "m.compile('sgd', 'sparse_categorical_crossentropy', run_eagerly=True)",
        "m.fit(x, y, batch_size=1, epochs=10**6, verbose=0)",
        "m.fit(x, y, verbose=0)",
    ),
    "predict": (
        "m = classifier(4000, 4000); x, y = data(3000, 4000)",
        "[m.predict(x, batch_size=3000) for _ in range(10**6)]",
        "m.predict(x[:3])",
    ),
    "evaluate": (
        "m = classifier(64); x, y = data(300000)",
        "[m.evaluate(x, y, verbose=0) for _ in range(10**6)]",
        "m.evaluate(x[:3], y[:3], verbose=0)",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to oneself")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", WORK)
def test_an_interrupt_is_raised_soon_and_leaves_a_usable_model(name, threads):
    prepare, work, again = WORK[name]
    repeats = 2 if name in WHOLE else 3
    out = script(
        INTERRUPT
        + f"""
fastnn.set_num_threads({threads})
{prepare}
{again}
times = [latency(lambda: {work}, 0.15 + 0.037 * i) for i in range({repeats})]
assert all(np.isfinite(w).all() for w in m.get_weights())
{again}
began = time.perf_counter()
{WHOLE.get(name, "")}
report(times)
print(1e3 * (time.perf_counter() - began))
"""
    )
    median, worst, whole = map(float, out.split())
    print(f"{name}, {threads} threads: KeyboardInterrupt after {median} ms, at worst {worst} ms")
    if name in WHOLE:
        assert worst < whole / 2


@pytest.mark.parametrize("width", [32, 4096], ids=["small", "its update shared by threads"])
def test_an_interrupted_fit_has_made_whole_steps(width):
    """The weights are those of some number of whole batches, which can be made again."""
    script(
        INTERRUPT
        + f"""
fastnn.set_num_threads(2)
x, y = data(997)
for wait in (0.05, 0.07, 0.09, 0.11):
    model, twin = classifier({width}), classifier({width})
    latency(lambda: model.fit(x, y, batch_size=3, epochs=10**6, shuffle=False, verbose=0), wait)
    class Stop(fastnn.callbacks.Callback):
        left = int(model.runtime.buffers["step"][0])
        def on_train_batch_begin(self, batch, logs=None):
            self.model.stop_training = self.left == 1
            self.left -= 1
    if Stop.left:
        twin.fit(x, y, batch_size=3, epochs=10**6, shuffle=False, verbose=0, callbacks=[Stop()])
    assert int(twin.runtime.buffers["step"][0]) == int(model.runtime.buffers["step"][0])
    assert bits(twin) == bits(model)
"""
    )


# ---- threads -------------------------------------------------------------------------------------

X = np.random.default_rng(1).normal(size=(64, 20))
Y = np.arange(64) % 3


def classifier():
    model = Sequential([Input((20,)), Dense(150, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


def in_threads(count, work):
    """Run work(i) in threads at once; return the results, or raise what one raised."""
    results, errors, start = [None] * count, [], threading.Barrier(count)

    def run(i):
        try:
            start.wait()
            results[i] = work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    if errors:
        raise errors[0]
    return results


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_that_predict_with_one_model_get_the_same_bits(threads):
    fastnn.set_num_threads(threads)
    try:
        model = classifier()
        want = model.predict(X).tobytes()
        rounds = 30

        def predict(i):
            return [model.predict(X, batch_size=1 + i + n) for n in range(rounds)]

        for results in in_threads(4, predict):
            assert all(result.tobytes() == want for result in results)
    finally:
        fastnn.set_num_threads(None)


def test_threads_that_predict_one_sample_at_once_get_the_same_bits():
    model = classifier()
    want = model.predict(X)

    def predict(i):
        outs = np.empty((20, *want.shape), want.dtype)
        for out in outs:
            for row, place in zip(X, out, strict=True):
                model.predict_one(row, place)
        return outs

    for outs in in_threads(4, predict):
        assert all(out.tobytes() == want.tobytes() for out in outs)


def test_threads_that_evaluate_one_model_get_the_same_numbers():
    model = classifier()
    want = model.evaluate(X, Y, verbose=0)
    results = in_threads(4, lambda i: [model.evaluate(X, Y, verbose=0) for _ in range(30)])
    assert all(each == want for result in results for each in result)


def test_threads_that_train_models_of_their_own_do_not_meet():
    def train(i):
        fastnn_model = models[i]
        fastnn_model.fit(X, Y, epochs=5, verbose=0)
        return b"".join(w.tobytes() for w in fastnn_model.get_weights())

    models = []
    for _ in range(3):
        fastnn.set_seed(4)
        models.append(classifier())
    results = in_threads(3, train)
    assert len(set(results)) == 1


class Gate(Layer):
    """Waits in the middle of a batch until it may go on."""

    def __init__(self):
        super().__init__()
        self.reached, self.open = threading.Event(), threading.Event()

    def forward(self, x):
        self.reached.set()
        assert self.open.wait(20)
        return x

    def backward(self, dy, x, y):
        return dy


USES = {
    "fit": lambda m: m.fit(X, Y, verbose=0),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "set_weights": lambda m: m.set_weights(m.get_weights()),
    "compile": lambda m: m.compile("sgd", "sparse_categorical_crossentropy"),
    "add": lambda m: m.add(Dense(3)),
    "pop": lambda m: m.pop(),
    "predict": lambda m: m.predict(X),
    "predict_one": lambda m: m.predict_one(X[0]),
    "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
    "save": lambda m: m.save(os.devnull),
}


def while_it_works(use, meanwhile):
    """Call meanwhile(model) in the middle of use(model) of another thread."""
    gate = Gate()
    model = Sequential([Input((20,)), gate, Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    failed = []

    def work():
        try:
            USES[use](model)
        except BaseException as error:
            failed.append(error)
            gate.reached.set()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert gate.reached.wait(20)
        assert not failed
        meanwhile(model)
    finally:
        gate.open.set()
        worker.join()
    assert not failed
    USES[use](model)


@pytest.mark.parametrize("use", USES)
def test_whoever_comes_during_fit_is_refused_at_once(use):
    def meanwhile(model):
        with pytest.raises(ConcurrentUseError, match=f"{use}.*{model.name}"):
            USES[use](model)

    while_it_works("fit", meanwhile)


@pytest.mark.parametrize("use", ["fit", "train_on_batch", "set_weights", "compile", "add", "pop"])
def test_whoever_would_change_the_model_during_predict_is_refused(use):
    def meanwhile(model):
        with pytest.raises(ConcurrentUseError, match=use):
            USES[use](model)

    while_it_works("predict", meanwhile)


def test_a_callback_that_calls_fit_is_refused_and_the_outer_fit_can_be_repeated():
    class Again(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.fit(X, Y, verbose=0)

    model = classifier()
    with pytest.raises(ConcurrentUseError):
        model.fit(X, Y, callbacks=[Again()], verbose=0)
    model.fit(X, Y, verbose=0)


def test_other_python_threads_run_during_fit():
    """The lock of Python is free while kernels run."""
    model, counted = classifier(), [0]
    x, y = np.repeat(X, 4000, 0), np.repeat(Y, 4000, 0)
    stop = threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        before = counted[0]
        model.fit(x, y, verbose=0)
        assert counted[0] > before
    finally:
        stop.set()
        counter.join()


# ---- the instruction set -------------------------------------------------------------------------


def test_the_listing_names_the_instruction_set_in_use(monkeypatch, capsys):
    for name in fastnn.isa_names():
        monkeypatch.setenv("FASTNN_ISA", name)
        classifier().explain()
        assert re.search(rf"\b{name}\b", capsys.readouterr().out)
