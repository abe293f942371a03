"""Equal bits: for any number of threads, any partition into batches, any alignment, any run, and on
every instruction set with fused multiply-add.
"""

import math

import numpy as np
import pytest

import fastnn
from fastnn import Input, Sequential, _core
from fastnn.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastnn.ops.table import table
from fastnn.optimizers import SGD, Adam, RMSprop
from fastnn.reference.cases import Case, cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops

THREADS = (2, 3, 4, 8)

every_op = pytest.mark.parametrize(
    ("op", "dtype"), [(op, p) for p in POLICIES for op in checked_ops(p)]
)
every_kernel = pytest.mark.parametrize(
    ("op", "dtype", "isa"),
    [(op, p, isa) for p in POLICIES for op in checked_ops(p) for isa in _core.isa_names(p)],
)
every_dtype = pytest.mark.parametrize("dtype", POLICIES)


def fused(policy):
    """The instruction sets with fused multiply-add."""
    return [isa for isa in _core.isa_names(policy) if isa != "base"]


@pytest.fixture
def shared(monkeypatch):
    """Let threads share every operation that moves anything."""
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)


def bits(array):
    """Return the bytes of an array whose NaNs are all one."""
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
    return array.tobytes()


def results(trial, *args, **options):
    arrays = trial.compiled(*args, **options)
    return {name: bits(arrays[name]) for name in trial.results}


def size(case):
    here = (operand for operand in table()[case.op].inputs if operand.name not in case.absent)
    return sum(math.prod(case.filled(operand, case.rows)) for operand in here)


@pytest.mark.usefixtures("shared")
@every_kernel
def test_threads_change_no_bit(op, dtype, isa, seed):
    for case in sorted(cases(op), key=size)[-6:]:
        trial = Trial(case, dtype, seed)
        alone = results(trial, isa)
        for threads in THREADS:
            assert results(trial, isa, threads) == alone, (str(trial), threads)


@every_op
def test_places_stores_and_instruction_sets_change_no_bit(
    op, dtype, seed, some, fences, fences_in_turn, monkeypatch
):
    """Of two cases one lies off by one element, the other at a fence, with what is written going
    past the caches."""
    found, trials = [], [Trial(case, dtype, seed) for case in some(cases(op), 3)]
    for isa in _core.isa_names(dtype):
        near = [results(trial, isa) for trial in trials]
        turns = fences_in_turn(dtype, isa, seed)
        for number, (where, place) in zip(range(len(near)), turns, strict=False):
            trial = trials[number]
            with monkeypatch.context() as patch:
                if (number + seed) % 2:
                    where, place = "odd", fences["odd"]
                else:
                    patch.setattr("fastnn.compiler.bind._FAR", 0)
                assert results(trial, isa, place=place) == near[number], (str(trial), isa, where)
        if isa in fused(dtype):
            found.append(near)
    assert all(near == found[0] for near in found)


OVER = {op: row for op, row in table().items() if any(o.over for o in row.outputs)}


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize(
    ("op", "dtype", "isa"),
    [
        (op, p, isa)
        for p in POLICIES
        for op in OVER
        if op in checked_ops(p)
        for isa in _core.isa_names(p)
    ],
)
def test_outputs_may_be_written_over_inputs(op, dtype, isa, seed, some, monkeypatch):
    """Where the table says so: by one thread, and by three past the caches."""
    for case in some([case for case in cases(op) if case.steps == 1], 3):
        trial = Trial(case, dtype, seed)
        apart = results(trial, isa)
        for over in overlaps(trial):
            for threads, far in ((1, 1 << 40), (3, 0)):
                monkeypatch.setattr("fastnn.compiler.bind._FAR", far)
                assert results(trial, isa, threads, over=over) == apart, (str(trial), over, threads)


def overlaps(trial):
    """Yield each output that may lie where an input does, and that input."""
    for output in (o for o in OVER[trial.case.op].outputs if o.name not in trial.case.absent):
        yield from ({output.name: below} for below in output.over if below in trial.inputs)


#: r, i, o of products small enough for tiny-inl.h: one output, tails, more than one tile and vector
TINY = ((1, 3, 5), (1, 16, 1), (32, 30, 16), (32, 16, 1), (13, 67, 10), (7, 256, 3), (29, 5, 33))


def embedded(op, small, dtype, seed, kind):
    """Return the trials of a small product and of a large one that contains it."""
    r, i, o = small
    fixed = {"op": op, "attrs": {"activation": "tanh"}, "data": kind}
    grown = "i" if op == "dense_bwd_w" else "r"  # where the outputs of a product lie side by side
    sizes = {"r": (None,), "i": (i,), "o": (o,)}
    part = Trial(Case(sizes=sizes, rows=r, **fixed), dtype, seed)
    many = 1 + (1 << 16) // (r * o if grown == "i" else i * o)
    large = {**sizes, "i": (i + many,)} if grown == "i" else sizes
    rows = r if grown == "i" else r + many
    inputs = dict(Trial(Case(sizes=large, rows=rows, **fixed), dtype, seed + 1).inputs)
    for name, array in part.inputs.items():
        if grown == "i" and name == "x":
            inputs[name][:, :i] = array
        elif array.shape != inputs[name].shape:
            inputs[name][:r] = array
        else:
            inputs[name] = array
    return part, Trial(Case(sizes=large, rows=rows, **fixed), dtype, seed, inputs)


@pytest.mark.parametrize("kind", ["normal", "special"])
@pytest.mark.parametrize("op", ["dense_fwd", "dense_bwd_x", "dense_bwd_w"])
@pytest.mark.parametrize(
    ("dtype", "isa"), [(p, isa) for p in POLICIES for isa in _core.isa_names(p)]
)
def test_a_small_product_is_part_of_the_large_one(dtype, isa, op, kind, seed):
    for small in TINY:
        part, whole = embedded(op, small, dtype, seed, kind)
        alone, within = part.compiled(isa), whole.compiled(isa)
        for name in part.results:
            cut = within[name][: len(alone[name])]
            assert bits(cut) == bits(alone[name]), (small, name)


#: r, i of layers with one output: rows and depths on either side of a vector and of a block
COLUMNS = ((4, 3), (16, 67), (29, 7), (33, 258), (131, 16), (257, 31), (515, 5))


def widened(op, r, i, dtype, seed):
    """Return the trials of a layer with one output and of one with two more, without effect."""
    shapes = {o: {"r": (None,), "i": (i,), "o": (o,)} for o in (1, 3)}
    cases = {o: Case(op, shapes[o], r, {"activation": "tanh"}) for o in (1, 3)}
    one = Trial(cases[1], dtype, seed)
    inputs = dict(Trial(cases[3], dtype, seed + 1).inputs)
    for name, array in one.inputs.items():
        if array.shape == inputs[name].shape:
            inputs[name] = array
        else:
            inputs[name][..., 1:] *= op != "dense_bwd_x" or name == "w"
            inputs[name][..., :1] = array.reshape(*inputs[name].shape[:-1], 1)
    return one, Trial(cases[3], dtype, seed, inputs)


@pytest.mark.parametrize("op", ["dense_fwd", "dense_bwd_x", "dense_bwd_w"])
@pytest.mark.parametrize(
    ("dtype", "isa"), [(p, isa) for p in POLICIES for isa in _core.isa_names(p)]
)
def test_one_output_is_a_column_of_several(dtype, isa, op, seed):
    for r, i in COLUMNS:
        one, three = widened(op, r, i, dtype, seed)
        alone, among = one.compiled(isa), three.compiled(isa)
        for name in one.results:
            column = among[name] if name == "dx" else among[name][..., :1]
            assert bits(column) == bits(alone[name]), (r, i, name)


# ---- models --------------------------------------------------------------------------------------

SHAPE = (9, 7, 3)


def network(dtype):
    """Convolutions with and without padding, an odd pooling, a sum of 2 blocks of 256 terms."""
    fastnn.set_seed(11)
    layers = [
        Conv2D(13, 3, padding="same", activation="relu"),
        MaxPooling2D(2, padding="same"),
        BatchNormalization(),
        Dropout(0.3),
        Conv2D(17, (2, 3), activation="tanh"),
        Flatten(),
        Dense(257, activation="sigmoid"),
        BatchNormalization(momentum=0.5),
        Dropout(0.5),
        Dense(5, activation="softmax"),
    ]
    return Sequential([Input(SHAPE), *layers], dtype=dtype)


def samples(rows):
    rng = np.random.default_rng(2)
    return rng.standard_normal((rows, *SHAPE)), rng.integers(0, 5, rows)


@pytest.mark.parametrize(
    ("dtype", "isa"), [(p, isa) for p in POLICIES for isa in _core.isa_names(p)]
)
def test_a_row_does_not_know_its_batch(dtype, isa, monkeypatch):
    monkeypatch.setenv("FASTNN_ISA", isa)
    model, (x, _) = network(dtype), samples(40)
    whole = bits(model.predict(x, batch_size=40))
    for batch in range(1, 40):
        assert bits(model.predict(x, batch_size=batch)) == whole, batch
    assert b"".join(bits(model.predict(row[None])) for row in x) == whole


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("threads", THREADS)
@every_dtype
def test_threads_do_not_change_predictions(dtype, threads, monkeypatch):
    model, (x, _) = network(dtype), samples(40)
    monkeypatch.setattr("fastnn.config.get_num_threads", lambda: 1)
    alone = bits(model.predict(x))
    monkeypatch.setattr("fastnn.config.get_num_threads", lambda: threads)
    assert bits(model.predict(x)) == alone


OPTIMIZERS = {
    "momentum": lambda: SGD(0.05, momentum=0.9),
    "adam": lambda: Adam(0.01),
    "rmsprop": lambda: RMSprop(0.002, momentum=0.5, centered=True),
}


def trained(dtype, optimizer):
    """Return the bits of all weights after 3 epochs of 5 batches, the last of each short."""
    model, (x, y) = network(dtype), samples(61)
    model.compile(OPTIMIZERS[optimizer](), "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(x, y, batch_size=13, epochs=3, verbose=0).history
    return [bits(weight) for weight in model.get_weights()], history


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@every_dtype
def test_training_gives_the_same_bits(dtype, optimizer, monkeypatch):
    """By 1, 2, 3, 4 and 8 threads, again by 1, and on every instruction set with fused
    multiply-add."""
    monkeypatch.setattr("fastnn.config.get_num_threads", lambda: 1)
    known = trained(dtype, optimizer)
    for threads in (*THREADS, 1):
        monkeypatch.setattr("fastnn.config.get_num_threads", lambda threads=threads: threads)
        assert trained(dtype, optimizer) == known, threads
    for isa in fused(dtype):
        monkeypatch.setenv("FASTNN_ISA", isa)
        assert trained(dtype, optimizer) == known, isa
