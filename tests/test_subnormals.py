"""Numbers below the smallest normal one: zeros in kernels, numbers as ever for the caller, whose
floating-point mode is never changed."""

import ctypes
import platform
import sys

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, _core, config
from fastnn.errors import LabelError, NonFiniteError
from fastnn.layers import Conv2D, Dense, Flatten, Layer, MaxPooling2D, Reshape
from fastnn.ops.table import table
from fastnn.reference.cases import cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops, ratio
from fastnn.reference.inputs import draw

X = np.random.default_rng(0).normal(size=(50, 20)).astype("float32")
Y = np.arange(50) % 3


def classifier():
    model = Sequential([Input((20,)), Dense(150, "relu"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    return model


# ---- the caller's mode ---------------------------------------------------------------------------


def keeps_subnormals():
    """Whether this thread computes with subnormal numbers, as IEEE 754 asks."""
    small = np.array([1e-40], np.float32) * np.float32(1.5)
    tiny = np.array([5e-324]) * np.array([3.0])
    return bool(small[0] > 0 and tiny[0] > 0 and np.finfo(np.float32).smallest_subnormal > 0)


class Witness(Layer):
    """Notes the mode that user code runs in."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(keeps_subnormals())
        return x

    def backward(self, dy, x, y):
        self.seen.append(keeps_subnormals())
        return dy


@pytest.mark.parametrize("threads", [1, 2])
def test_the_callers_floating_point_mode_is_untouched_and_user_code_runs_in_it(threads):
    assert keeps_subnormals()
    fastnn.set_num_threads(threads)
    try:
        witness = Witness()
        model = Sequential([Input((20,)), Dense(20), witness, Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(X, Y, verbose=0)
        assert keeps_subnormals()
        model.predict(X)
        assert keeps_subnormals()
        assert len(witness.seen) == 5
        assert all(witness.seen)
    finally:
        fastnn.set_num_threads(None)


def test_the_mode_is_restored_when_user_code_raises():
    class Fail(Layer):
        def forward(self, x):
            raise LookupError

    model = Sequential([Input((20,)), Fail()])
    with pytest.raises(LookupError):
        model.predict(X)
    assert keeps_subnormals()


def test_numpy_keeps_its_own_error_settings():
    with np.errstate(all="raise"):
        model = classifier()
        model.fit(1e3 * X, Y, verbose=0)
        model.predict(1e3 * X)
        with pytest.raises(FloatingPointError):
            np.array([1.0]) / np.array([0.0])


#: machine -> where the C library's fenv_t holds the mode, its bits without the flags, and values of
#: it: the default, denormals as zeros, rounding upward, both
MODES = {
    "x86_64": (28, 0xFFC0, (0x1F80, 0x9FC0, 0x5F80, 0xDFC0)),
    "aarch64": (0, 0xFFFFFFFF, (0, 1 << 24, 1 << 22, 1 << 24 | 1 << 22)),
}
on_linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in MODES,
    reason="the mode is read from the GNU C library's fenv_t",
)


def exchange(mode=None):
    """Set this thread's floating-point mode, if one is given; return the one before."""
    place, bits, _ = MODES[platform.machine()]
    environment = (ctypes.c_char * 64)()
    library = ctypes.CDLL("libm.so.6")
    library.fegetenv(environment)
    word = ctypes.c_uint32.from_buffer(environment, place)
    before = word.value & bits
    if mode is not None:
        word.value = mode
        library.fesetenv(environment)
    return before


class Failing(Layer):
    """Raises in the middle of a step, where kernels have run."""

    def forward(self, x):
        raise LookupError


def trained():
    fastnn.set_seed(4)
    layers = [Reshape((5, 4, 1)), Conv2D(8, 2, activation="relu"), MaxPooling2D(), Flatten()]
    model = Sequential([Input((20,)), *layers, Dense(90, "tanh"), Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(X, Y, batch_size=25, verbose=0)
    return model


def failing(call, error):
    def use(model, path):
        with pytest.raises(error):
            call(model)

    return use


def fails_in_user_code(model):
    Sequential([Input((20,)), Dense(90), Failing()]).predict(X)


def diverges(model):
    model.fit(np.where(X > 2, np.inf, X), Y, verbose=0, on_nonfinite="raise")


#: Everything that runs kernels, and the ways in which a run ends early.
USES = {
    "fit": lambda m, path: m.fit(X, Y, batch_size=7, epochs=2, verbose=0),
    "fit on batches": lambda m, path: m.fit(iter([(X, Y)]), verbose=0),
    "fit with a checkpoint": lambda m, path: m.fit(X, Y, verbose=0, checkpoint=path / "c"),
    "evaluate": lambda m, path: m.evaluate(X, Y, verbose=0),
    "predict": lambda m, path: m.predict(X),
    "predict one row": lambda m, path: m.predict(X[:1]),
    "predict_one": lambda m, path: m.predict_one(X[0]),
    "predict_proba": lambda m, path: m.predict_proba(X),
    "train_on_batch": lambda m, path: m.train_on_batch(X, Y),
    "test_on_batch": lambda m, path: m.test_on_batch(X, Y),
    "call in training": lambda m, path: m(X, training=True),
    "profile": lambda m, path: m.explain(profile=True),
    "set_weights": lambda m, path: m.set_weights(m.get_weights()),
    "save and load": lambda m, path: [m.save(path / "m"), fastnn.models.load_model(path / "m")],
    "gradcheck": lambda m, path: fastnn.gradcheck(m, X[:3], Y[:3]),
    "find_nonfinite": lambda m, path: fastnn.debug.find_nonfinite(m, X, Y),
    "bad labels": failing(lambda m: m.evaluate(X, Y + 1, verbose=0), LabelError),
    "user code fails": failing(fails_in_user_code, LookupError),
    "a loss that is not finite": failing(diverges, NonFiniteError),
}


@on_linux
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("use", USES)
def test_the_mode_of_the_caller_is_what_it_was(use, threads, tmp_path, capsys, monkeypatch):
    """Whatever it is, after every entry point and every error, by one thread and by several."""
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    fastnn.set_num_threads(threads)
    _, _, modes = MODES[platform.machine()]
    own = exchange()
    try:
        for mode in modes:
            model = trained()
            exchange(mode)
            try:
                USES[use](model, tmp_path)
                after = exchange(own)
            finally:
                exchange(own)
            assert after == mode
    finally:
        fastnn.set_num_threads(None)


@on_linux
def test_the_mode_of_the_caller_changes_no_bit():
    """Kernels have a mode of their own, and so have the threads that the caller's makes."""
    fastnn.set_num_threads(2)
    own, found = exchange(), set()
    try:
        for mode in MODES[platform.machine()][2]:
            fastnn.set_seed(4)
            model = trained()
            exchange(mode)
            try:
                outputs = model.predict(X).tobytes()
            finally:
                exchange(own)
            found.add(outputs)
    finally:
        fastnn.set_num_threads(None)
    assert len(found) == 1


# ---- kernels -------------------------------------------------------------------------------------


def with_subnormals(case, policy, seed):
    """Return two trials: with subnormal numbers at a third of the places of the reals, and with
    zeros of the same sign there."""
    dtype = np.dtype(config.real_dtype(policy))
    inputs = draw(case, dtype, seed)
    rng = np.random.default_rng(seed)
    tiny, zero = dict(inputs), dict(inputs)
    for operand in table()[case.op].inputs:
        array = inputs.get(operand.name)
        if array is None or array.dtype != dtype or operand.dtype not in ("real", "any"):
            continue
        places = rng.random(array.shape) < 1 / 3
        values = rng.uniform(-1, 1, array.shape) * np.finfo(dtype).tiny
        tiny[operand.name] = np.where(places, values, array).astype(dtype)
        zero[operand.name] = np.where(places, np.copysign(0, values), array).astype(dtype)
    return Trial(case, policy, inputs=tiny), Trial(case, policy, inputs=zero)


@pytest.mark.parametrize(("op", "policy"), [(op, p) for p in POLICIES for op in checked_ops(p)])
def test_subnormal_numbers_are_zeros(op, policy, seed, some):
    for case in some([case for case in cases(op) if case.data != "special"], 4):
        tiny, zero = with_subnormals(case, policy, seed)
        for isa in _core.isa_names(policy):
            arrays = tiny.compiled(isa)
            for name in zero.results:
                bound = zero.bounds.get(name)
                if bound is None and arrays[name].dtype.kind == "f":
                    bound = np.zeros(())  # what is copied may stay as it is, below any bound
                assert ratio(arrays[name], zero.expected[name], bound) <= 1, (str(case), name, isa)
