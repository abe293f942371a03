"""Every kernel against its twin: op x instruction set x precision, on all cases.

Outputs start as NaN, and buffers end at pages that nobody may touch, so a kernel that leaves a
place out, or reads or writes one too many, is caught.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from fastnn import _core, config
from fastnn.compiler.packing import panels_of
from fastnn.ops.table import activation_names, loss_names, table
from fastnn.reference.cases import Case, cases
from fastnn.reference.harness import POLICIES, Stopped, Trial, checked_ops
from fastnn.reference.inputs import SPECIALS, draw

REAL = ("float32", "float64")

every_kernel = pytest.mark.parametrize(
    ("op", "policy", "isa"),
    [(op, p, isa) for p in POLICIES for op in checked_ops(p) for isa in _core.isa_names(p)],
)
every_dtype = pytest.mark.parametrize("dtype", REAL)
every_isa = pytest.mark.parametrize("isa", _core.isa_names())


@lru_cache(1)  # instruction sets are the innermost parameter
def trials(op, policy, seed):
    return [Trial(case, policy, seed) for case in cases(op)]


@every_kernel
def test_kernel_is_within_the_bound_of_its_twin(op, policy, isa, seed, fences_in_turn):
    turns = fences_in_turn(policy, isa, seed)
    for trial, (where, place) in zip(trials(op, policy, seed), turns, strict=False):
        arrays = trial.compiled(isa, place=place)
        assert trial.ratio(arrays) <= 1, (str(trial), where)
        assert not trial.spoilt(arrays), (str(trial), where)


# ---- NaN and infinity ----------------------------------------------------------------------------

#: Every tail of two vectors of 16 lanes or four of 8, and four of 16 with what is left over.
LENGTHS = {"float64": range(1, 36), "float32": (*range(1, 36), *range(60, 68))}


def sized(op, n, /, **axes):
    """Return a case whose vectors have n elements; a batch has a row for each place of a row."""
    attrs = cases(op)[0].attrs
    sizes = dict.fromkeys(table()[op].axes, (n,)) | {"r": (None,)} | axes
    known = {axis: sizes[axis] for axis in table()[op].axes}
    return Case(op, known, 4 * n if "pool2d" in op else n, attrs)


def convolution(op, n):
    """Two places under a window of two, padded by one."""
    one, two = (1,), (2,)
    axes = {"h": one, "w": two, "m": one, "n": two, "p": one, "q": two}
    attrs = {"stride_h": 1, "stride_w": 1, "pad_h": 0, "pad_w": 1, "dilation_h": 1, "dilation_w": 1}
    attrs["activation"] = "relu" if "bwd" in op else "linear"
    sizes = {"r": (None,), "c": (n,), "i": (n,), "o": (n,), **axes}
    return Case(
        op,
        {axis: sizes[axis] for axis in table()[op].axes},
        2 * n,
        {name: attrs[name] for name in table()[op].attributes},
    )


def pooling(op, n):
    """The whole of 2 x 2 places, by the path for halves and, for odd n, the one for any window."""
    window = 2 + n % 2
    case = sized(op, n, h=(2,), w=(2,), p=(1,), q=(1,))
    pads = {"pad_h": 0, "pad_w": 0, "stride_h": 2, "stride_w": 2}
    known = {"size_h": window, "size_w": window, "sums": n // 2 % 2, **pads}
    return Case(op, case.sizes, case.rows, {a: known[a] for a in table()[op].attributes})


def laid_out(op, n):
    """What is copied has n elements a row, at another place."""
    one = (1,)
    axes = {
        "concatenate": {"i": (n,), "j": one, "k": (n + 1,)},
        "slice": {"p": (None,), "h": one, "w": (n + 1,), "s": (), "k": one, "q": (n,)},
        "place": {"p": (None,), "h": one, "w": (n,), "s": (), "k": one, "q": (n + 1,)},
    }[op]
    case = sized(op, n, **axes)
    begin = {"begin_h": 0, "begin_w": 1, "step_h": 1, "step_w": 1, "value": 0.0}
    attrs = {name: begin[name] for name in table()[op].attributes}
    return Case(op, case.sizes, case.rows, attrs)


def warped(op, n):
    """Two pixels of n channels out of two."""
    one, two = (1,), (2,)
    case = sized(op, n, h=one, w=two, p=one, q=two, k=(6,))
    return Case(op, case.sizes, case.rows, {**case.attrs, "bilinear": n % 2})


#: What groups of axes are where one of them has n elements, and the rows are another.
ROWS_OF_N = {"p": (None,), "q": (5,), "s": (2,), "k": (3,), "b": (2,), "c": (3,)}
LONG = {"take": "q", "take_along": "q", "sort": "q", "arg_reduce": "q", "swap": "c"}


def matrices(op, n):
    """A matrix of n columns, or of n rows if it is turned; the rows of the batch are the others."""
    turned = op == "matmul_tn"
    axes = {"b": (), "k": (None,) if turned else (n,), "m": (n,) if turned else (None,), "o": (3,)}
    return sized(op, n, **axes)


def grouped(op, n):
    """Groups of axes of which one has n elements, by every function that the attribute names."""
    case = sized(op, n, **{**ROWS_OF_N, LONG.get(op, "s"): (n,)})
    known = list({str(each.attrs): each.attrs for each in cases(op)}.values())
    few = known[n % 4 :: 4] if len(known) > 8 else known
    return [Case(op, case.sizes, case.rows, attrs) for attrs in few]


GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def walk(op, n):
    """Two steps of n units; the product for the kernel of a GRU has no gates' activations."""
    case = sized(op, n, t=(2,), g=(GATES[op.split("_")[0]] * n,))
    names = [name for name in case.attrs if name.endswith("activation")]
    g = ("linear", "relu", "tanh")[n % 3]
    return Case(op, case.sizes, case.rows, {**case.attrs, **dict.fromkeys(names, g)})


#: Axes whose sizes follow from those of others.
TOTALS = {
    "accumulate": lambda n: {"k": (2,)},
    "accumulate_batch": lambda n: {"k": (2,)},
    "accumulate_columns": lambda n: {"k": (n + 1,)},
    "histogram": lambda n: {"m": (2 * n * (n + 1),)},
    "confusion": lambda n: {"k": (max(n, 2) ** 2,)},
}


def wide_cases(op, n):
    if op.split("_")[0] in GATES:
        return [walk(op, n)] if n < 36 else []
    if op in ("concatenate", "slice", "place"):
        return [laid_out(op, n)]
    if op.startswith("warp"):
        return [warped(op, n)]
    if op.startswith(("conv2d", "depthwise")):
        return [convolution(op, n)] if n < 36 else []
    if "pool2d" in op:
        return [pooling(op, n)]
    if op.startswith("matmul"):
        return [matrices(op, n)] if n < 36 else []
    if "p" in (axis for operand in table()[op].inputs for axis in operand.stars):
        return grouped(op, n)
    changes_weights = any(operand.name == "hyper" for operand in table()[op].inputs)
    small = dict.fromkeys("hkp", (1,)) if changes_weights else {}
    small |= TOTALS[op](n) if op in TOTALS else {}
    if op.endswith("_panels"):
        small = {axis: (size,) for axis, size in panels_of(n).items()}
    if op.startswith("row_norm"):
        small = {"p": (2,), "g": (1,)}
    case = sized(op, n, **small)
    if op in ("in_top_k", "histogram", "confusion"):
        return [replace(case, absent=(name,)) for name in "it"]
    if "loss" in case.attrs:
        few = loss_names()[n % 4 :: 4]
        return [replace(case, attrs={**case.attrs, "loss": name}) for name in few]
    if "curve" in case.attrs or "binary" in case.attrs:
        known = {str(each.attrs): each.attrs for each in cases(op)}.values()
        return [Case(op, case.sizes, case.rows, attrs) for attrs in list(known)[n % 4 :: 4]]
    if "activation" not in case.attrs:
        return [case]
    names = activation_names() if op.startswith("activation") else ("linear", "relu")
    return [Case(op, case.sizes, case.rows, {**case.attrs, "activation": g}) for g in names]


def planted(array, n):
    """Return ``array`` with NaN or an infinity in each row, at another place of each.

    Without rows of its own it gets them at every second place.
    """
    copy = array.copy()
    flat, width = copy.reshape(-1), copy.size // len(copy)
    places = np.arange(len(copy)) * width + (np.arange(len(copy)) + n) % width
    if copy.ndim == 1:
        places = places[n % 2 :: 2]
    flat[places] = np.resize(SPECIALS[n % 3 :] + SPECIALS[: n % 3], len(places))
    return copy


def with_specials(case, policy, n, seed):
    """Yield trials of the case with NaN and infinities in one input after the other."""
    inputs = draw(case, np.dtype(config.real_dtype(policy)), seed)
    for operand in table()[case.op].inputs:
        array = inputs.get(operand.name)
        pooled = case.op == "maxpool2d_bwd" and operand.name == "y"  # is the maximum of x
        bound = pooled or operand.name == "ids"  # which are refused
        if array is None or operand.dtype not in ("real", "any") or bound or not array.ndim:
            continue
        changed = {**inputs, operand.name: planted(array, n)}
        if case.op == "maxpool2d_bwd" and operand.name == "x":
            forward = Case("maxpool2d_fwd", case.sizes, case.rows, case.attrs)
            changed["y"] = Trial(forward, policy, inputs={"x": changed["x"]}).expected["y"]
        yield operand.name, Trial(case, policy, inputs=changed)


def lost(trial, arrays):
    """Return the results that are finite where the twin's are not."""
    return [
        name
        for name in trial.results
        if (np.isfinite(arrays[name]) & ~np.isfinite(trial.expected[name])).any()
    ]


@pytest.mark.parametrize(
    ("op", "policy"),
    [(op, p) for p in POLICIES for op in checked_ops(p) if op not in ("gather_labels", "reshape")],
)
def test_nan_and_infinity_are_never_lost(op, policy, seed, some):
    for n in some(LENGTHS[config.real_dtype(policy)], 5):
        for case in wide_cases(op, n):
            for name, trial in with_specials(case, policy, n, seed):
                for isa in _core.isa_names(policy):
                    arrays = trial.compiled(isa)
                    assert not lost(trial, arrays), (str(trial), name, isa)
                    assert trial.ratio(arrays) <= 1, (str(trial), name, isa)


@every_isa
@every_dtype
def test_a_watched_total_stops_the_run(isa, dtype):
    case = Case("accumulate", {"r": (None,), "k": (2,)}, 5, {"watched": 1}, data="special")
    case = replace(case, absent=("w", "d"))
    trial = Trial(case, dtype, watch=True)
    with pytest.raises(Stopped) as compiled:
        trial.compiled(isa)
    with pytest.raises(Stopped) as twin:
        _ = trial.expected
    assert compiled.value.args == twin.value.args
    assert compiled.value.args[0] == _core.NONFINITE


@every_isa
@every_dtype
def test_a_penalty_without_squares_makes_no_nan_of_an_infinity(isa, dtype):
    x, attrs = np.array([np.inf, 0, -1], dtype), {"l1": 0.5, "l2": 0.0}
    value = Trial(Case("penalty", {"n": (3,)}, 1, attrs), dtype, inputs={"x": x})
    assert value.compiled(isa)["p"] == value.expected["p"] == np.inf
    inputs = {"x": x, "dp": np.ones((), dtype)}
    slope = Trial(Case("penalty_bwd", {"n": (3,)}, 1, attrs), dtype, inputs=inputs)
    for arrays in (slope.compiled(isa), slope.expected):
        assert arrays["dx"].tolist() == [0.5, 0, -0.5]


@every_isa
@every_dtype
def test_a_penalty_without_sizes_makes_no_nan_of_an_infinity(isa, dtype):
    x = np.array([np.inf, 0, -1], dtype)
    case = Case("penalty", {"n": (3,)}, 1, {"l1": 0.0, "l2": 0.5})
    value = Trial(case, dtype, inputs={"x": x})
    assert value.compiled(isa)["p"] == value.expected["p"] == np.inf


# ---- data that is refused ------------------------------------------------------------------------

LABELS, NUMBERS = {"classes": 3, "ignored": np.nan}, {}
REFUSED = [
    ("gather_labels", LABELS, np.array([0, 1, 2, 3, 9], np.uint8), (1, 3, 3)),
    ("gather_labels", LABELS, np.array([0, 1, 2, -1, 1], np.int32), (1, 3, -1)),
    ("gather_labels", LABELS, np.array([0, 2**40, 2, 0, 1], np.int64), (1, 1, 2**40)),
    ("gather_labels", LABELS, np.array([0, 1, 0.5, 7, 1], np.float32), (2, 2, 0.5)),
    ("gather_labels", LABELS, np.array([0, np.inf, 0.5, 7, 1]), (1, 1, np.inf)),
    ("gather_labels", LABELS, np.array([0, 1, 1, 2, np.nan]), (2, 4, np.nan)),
    ("gather", NUMBERS, np.array([1, np.inf, np.nan, -1e39, 1e300]), (3, 3, -1e39)),
]


@every_isa
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("op", "attrs", "data", "fault"), REFUSED)
def test_bad_data_is_refused_by_its_lowest_row(
    op, attrs, data, fault, threads, shuffled, isa, monkeypatch
):
    monkeypatch.setattr("fastnn.compiler.bind._WORTH_SHARING", 0)
    axes = {axis: (None,) if axis == "r" else () for axis in table()[op].axes}
    case = Case(op, axes, 5, attrs, shuffled=shuffled)
    trial = Trial(case, "float32", inputs={"data": data})
    with pytest.raises(Stopped) as compiled:
        trial.compiled(isa, threads)
    with pytest.raises(Stopped) as twin:
        _ = trial.expected
    kind, row, value = fault
    for status, found in (compiled.value.args, twin.value.args):
        assert status == _core.FAULT
        assert found[:3] == (kind, 0, row)
        np.testing.assert_equal(found[3], np.asarray(value).item())
