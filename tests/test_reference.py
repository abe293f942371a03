"""The reference itself: twins against loops and known answers, bounds that bite, a self-check that
fails when a kernel is wrong.
"""

import itertools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest

from fastnn import _core, selfcheck
from fastnn.compiler.geometry import Window
from fastnn.ops.table import table
from fastnn.reference import random
from fastnn.reference.cases import CASES, Case, cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops, ratio
from fastnn.reference.rounding import Rounded
from fastnn.reference.twins import TWINS

RNG = np.random.default_rng(1)

# ---- twins against loops -------------------------------------------------------------------------

GEOMETRIES = [
    ((5, 7), (3, 2), (1, 1), "valid", (1, 1)),
    ((5, 7), (3, 2), (2, 3), "same", (1, 1)),
    ((4, 3), (1, 1), (3, 2), "valid", (1, 1)),
    ((3, 2), (5, 5), (2, 1), "same", (1, 1)),
    ((7, 8), (3, 2), (1, 2), 2, (2, 3)),
    ((5, 4), (2, 3), (3, 1), (1, 2), (1, 1)),
]


def places(window, h, w):
    """Yield (i, j, a, b, row, column) of every place of every window that is inside the image."""
    (m, n), (p, q) = window.size, window.out
    for i, j, a, b in itertools.product(range(p), range(q), range(m), range(n)):
        row = i * window.strides[0] + a * window.dilation[0] - window.pads[0]
        column = j * window.strides[1] + b * window.dilation[1] - window.pads[1]
        if 0 <= row < h and 0 <= column < w:
            yield i, j, a, b, row, column


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("image", "size", "strides", "padding", "dilation"), GEOMETRIES)
def test_convolutions_are_their_loops(image, size, strides, padding, dilation, groups):
    """With groups the full kernel is that of each group, and 0 between them."""
    (h, w), (m, n), r, c, o = image, size, 2, 4, 6
    window = Window.of("test", (r, h, w, c), size, strides, padding, dilation)
    x, k = RNG.standard_normal((r, h, w, c)), RNG.standard_normal((m, n, c, o))
    own = np.kron(np.eye(groups), np.ones((c // groups, o // groups)))
    k *= own
    dy, b = RNG.standard_normal((r, *window.out, o)), RNG.standard_normal(o)
    y, dx, dk = np.zeros(dy.shape) + b, np.zeros(x.shape), np.zeros(k.shape)
    for i, j, at_m, at_n, row, column in places(window, h, w):
        for s in range(r):
            y[s, i, j] += x[s, row, column] @ k[at_m, at_n]
            dx[s, row, column] += k[at_m, at_n] @ dy[s, i, j]
            dk[at_m, at_n] += np.outer(x[s, row, column], dy[s, i, j])
    p, q = window.out
    attrs = {**window.conv_attrs, "activation": "linear", "p": p, "q": q, "h": h, "w": w}
    attrs |= {"m": m, "n": n, "c": c, "i": c // groups}
    part, dk = (_in_groups(full, groups) for full in (k, dk))
    np.testing.assert_allclose(TWINS["conv2d_fwd"](None, attrs, x, part, b), y, atol=1e-13)
    np.testing.assert_allclose(TWINS["conv2d_bwd_x"](None, attrs, dy, None, part), dx, atol=1e-13)
    found = TWINS["conv2d_bwd_w"](None, attrs, x, dy, None)
    np.testing.assert_allclose(found[0], dk, atol=1e-13)
    np.testing.assert_allclose(found[1], dy.sum((0, 1, 2)), atol=1e-13)
    np.testing.assert_allclose(TWINS["bias_bwd"](None, {}, dy), dy.sum((0, 1, 2)), atol=1e-13)
    if groups == 1:
        found = TWINS["conv2d_transpose_fwd"](None, attrs, dy, k, np.ones(c))
        np.testing.assert_allclose(found, dx + 1, atol=1e-13)


def _in_groups(kernel, groups):
    """Return a full kernel as one of groups, the blocks on its diagonal side by side."""
    i, o = kernel.shape[2] // groups, kernel.shape[3] // groups
    parts = [kernel[:, :, g * i : (g + 1) * i, g * o : (g + 1) * o] for g in range(groups)]
    return np.concatenate(parts, axis=3)


@pytest.mark.parametrize(("image", "size", "strides", "padding", "dilation"), GEOMETRIES)
def test_depthwise_convolutions_are_convolutions_of_one_channel(
    image, size, strides, padding, dilation
):
    (h, w), (m, n), r, c = image, size, 2, 3
    window = Window.of("test", (r, h, w, c), size, strides, padding, dilation)
    x, k = RNG.standard_normal((r, h, w, c)), RNG.standard_normal((m, n, c))
    dy, b = RNG.standard_normal((r, *window.out, c)), RNG.standard_normal(c)
    axes = {"p": window.out[0], "q": window.out[1], "h": h, "w": w, "m": m, "n": n}
    attrs = {**window.conv_attrs, **axes, "activation": "linear", "c": c, "i": 1}
    each = k[:, :, None]
    for name, arguments in (
        ("fwd", lambda k: (x, k, b)),
        ("bwd_x", lambda k: (dy, None, k) if k.ndim == 4 else (dy, k)),
        ("bwd_w", lambda k: (x, dy, None) if k.ndim == 4 else (x, dy)),
    ):
        expected = TWINS[f"conv2d_{name}"](None, attrs, *arguments(each))
        expected = expected[0][:, :, 0] if isinstance(expected, tuple) else expected
        found = TWINS[f"depthwise_{name}"](None, attrs, *arguments(k))
        np.testing.assert_allclose(found, expected, atol=1e-13)


@pytest.mark.parametrize(("image", "size", "strides", "padding", "dilation"), GEOMETRIES)
def test_pooling_is_its_loop(image, size, strides, padding, dilation):
    """On few whole numbers, so that most windows have ties."""
    (h, w), r, c = image, 2, 3
    window = Window.of("test", (r, h, w, c), size, strides, padding)
    x = RNG.integers(-2, 2, (r, h, w, c)).astype(float)
    p, q = window.out
    y, dy = np.full((r, p, q, c), -np.inf), RNG.integers(-9, 9, (r, p, q, c)).astype(float)
    dx, first = np.zeros(x.shape), {}
    for i, j, _, _, row, column in places(window, h, w):
        for s, ch in itertools.product(range(r), range(c)):
            if x[s, row, column, ch] > y[s, i, j, ch]:
                y[s, i, j, ch] = x[s, row, column, ch]
                first[s, i, j, ch] = (s, row, column, ch)
    for output, place in first.items():
        dx[place] += dy[output]
    attrs = {**window.pool_attrs, "p": p, "q": q}
    np.testing.assert_array_equal(TWINS["maxpool2d_fwd"](None, attrs, x), y)
    np.testing.assert_array_equal(TWINS["maxpool2d_bwd"](None, attrs, x, y, dy), dx)


def test_dense_is_its_loop():
    x, w, dy = (RNG.standard_normal(shape) for shape in ((2, 3, 5), (5, 7), (2, 3, 7)))
    y, dx, dw = np.zeros((2, 3, 7)), np.zeros(x.shape), np.zeros(w.shape)
    for r, s, i, o in itertools.product(*map(range, (2, 3, 5, 7))):
        y[r, s, o] += x[r, s, i] * w[i, o]
        dx[r, s, i] += dy[r, s, o] * w[i, o]
        dw[i, o] += x[r, s, i] * dy[r, s, o]
    attrs = {"activation": "linear"}
    np.testing.assert_allclose(TWINS["dense_fwd"](None, attrs, x, w, None), y, atol=1e-13)
    np.testing.assert_allclose(TWINS["dense_bwd_x"](None, attrs, dy, None, w), dx, atol=1e-13)
    np.testing.assert_allclose(TWINS["dense_bwd_w"](None, attrs, x, dy, None)[0], dw, atol=1e-13)


def test_softmax_and_its_losses_are_their_definitions():
    z, t = np.array([[0.0, math.log(3.0)], [1000.0, 0.0]]), np.array([0, 1], np.int32)
    p, loss, marked = TWINS["softmax_ce_sparse"](None, {}, z, t)
    assert marked.tolist() == [1, 1]
    np.testing.assert_allclose(p, [[0.25, 0.75], [1, 0]])
    np.testing.assert_allclose(loss, [math.log(4), 1000])
    _, dense = TWINS["softmax_ce_dense"](None, {}, z, np.eye(2)[t])
    np.testing.assert_allclose(dense, loss)


def test_adam_is_the_paper():
    """Kingma and Ba, 2015, algorithm 1, with the bias corrections folded into the rate."""
    w, g = np.array([1.0, -2.0]), np.array([0.3, -0.7])
    m, v, step = np.zeros(2), np.zeros(2), np.zeros(1, np.int64)
    attrs, rate = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-12}, np.array([0.01])
    first, second, expected = 0.0, 0.0, w.copy()
    for update in range(1, 4):
        TWINS["adam"](None, attrs, w, g, m, v, None, rate, step)
        TWINS["advance"](None, {}, step)
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
        corrected = np.sqrt(second / (1 - 0.999**update))
        expected -= 0.01 * first / (1 - 0.9**update) / corrected
        np.testing.assert_allclose(w, expected, rtol=1e-9)


# ---- random numbers ------------------------------------------------------------------------------


def test_philox_gives_the_known_answers():
    """The test vectors of Random123, kat_vectors: philox4x32-10."""
    ones = 0xFFFFFFFF
    pi = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
    known = {
        (0, 0, 0, 0, 0): "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
        (2**64 - 1, ones, ones, ones, ones): "408f276d 41c83b0e a20bc7c6 6d5451fd",
        (0x299F31D0A4093822, *pi): "d16cfe09 94fdcceb 5001e420 24126ea1",
    }
    for (key, *counter), words in known.items():
        assert " ".join(f"{word:08x}" for word in random.philox(key, *counter)) == words


@pytest.mark.parametrize("n", [0, 1, 2, 5, 1000])
def test_core_and_reference_draw_alike(n):
    for seed, stream in ((0, 0), (2**64 - 1, 3), (12345678901234567, 2**40)):
        order = _core.permutation(seed, stream % 2**31, n)
        assert sorted(order) == list(range(n))
        np.testing.assert_array_equal(order, random.permutation(seed, stream % 2**31, n))
        np.testing.assert_array_equal(
            _core.uniform(seed, stream, n), random.uniform(seed, stream, n)
        )


# ---- bounds --------------------------------------------------------------------------------------


def test_a_ratio_is_the_largest_error_in_units_of_its_bound():
    """NaN: there is no error; infinity: there may be any."""
    expected, bound = np.array([1.0, 2.0, np.nan, np.inf]), np.array([0.5, 0.25, 1, np.nan])
    assert ratio(expected, expected, None) == 0
    assert ratio(np.array([1.25, 2.25, np.nan, np.inf]), expected, bound) == 1
    assert ratio(expected[:0], expected[:0], bound[:0]) == 0
    for wrong in ([1, 2, 3, np.inf], [1, 2, np.nan, 9], [1, np.nan, np.nan, np.inf]):
        assert ratio(np.array(wrong), expected, bound) == np.inf
    assert ratio(np.array([1.0, np.nextafter(2, 3)]), expected[:2], None) == np.inf
    assert ratio(np.array([np.inf]), np.array([1.0]), np.array([np.nan])) == np.inf
    assert ratio(np.array([np.inf, np.nan]), np.array([1.0, np.inf]), np.full(2, np.inf)) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", CASES)
def test_a_bound_bites(op, dtype, some):
    """An error of a thousandth at any finite place of any result is outside of its bound."""
    for case in some(cases(op), 3):
        trial = Trial(case, dtype)
        # whole numbers that go through time grow, and no place of their differences is known
        grown = case.data == "integers" and "t" in case.sizes
        if case.attrs.get("binary") in ("mod", "floor_divide"):
            continue  # whole numbers have quotients that are whole, and fall on either side
        for name in trial.results:
            expected = trial.expected[name]
            if case.data == "wide" or grown or not expected.size or expected.dtype.kind != "f":
                continue
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0) * 1e-3
            for place in {0, expected.size // 2, expected.size - 1}:
                arrays = dict(trial.expected)
                arrays[name] = wrong = expected.copy()
                wrong.flat[place] += scale or 1
                open_ = np.isinf(trial.bounds.get(name, np.zeros(expected.shape)).flat[place])
                stepped = "step" in case.attrs.values()
                if np.isfinite(wrong.flat[place]) and not (open_ or stepped):
                    assert trial.ratio(arrays) > 1, (str(trial), name, place)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_what_may_exceed_the_largest_number_on_the_way_is_not_known():
    """Nor is what is made of it, but an infinity that was there before is."""
    u = 2.0**-24
    x = Rounded(np.array([1e20, 1e20, 3.0, np.inf, -np.inf]), u)
    y = Rounded(np.array([1e20, -1e10, 2.0, 1e30, np.inf]), u)
    assert (x * y).unknown.tolist() == [True, False, False, False, False]
    assert ((x * y) * 1e-30).unknown.tolist() == [True, False, False, False, False]
    assert (x * y - x * y).unknown.tolist() == [True, False, False, False, False]
    assert (x * y).activated("tanh").unknown.tolist() == [True, False, False, False, False]
    assert (x * y).activated("tanh").error[3:].max() < 1e-6
    row, column = Rounded(np.array([[1e20, 1e20]]), u), Rounded(np.array([[1e20], [-1e20]]), u)
    assert (row @ column).unknown.all()
    assert not (row @ Rounded(np.array([[np.inf], [1.0]]), u)).unknown.any()
    assert not (Rounded(np.full((1, 1), 1e200), 2.0**-53) * 1e100).unknown.any()


@pytest.mark.parametrize("isa", _core.isa_names("float32"))
def test_a_walk_that_overflows_is_judged_where_it_does_not(isa):
    """A sum too large for float32 is an infinity, and the difference of two is NaN, where float64
    has a number.  What does not come of them has its bound; infinities that were given are judged.
    """
    attrs = {"activation": "relu", "recurrent_activation": "linear", "reset_after": 1}
    sizes = {"r": (None,), "t": (40,), "h": (16,), "g": (48,)}
    case = Case("gru_bwd", {axis: sizes[axis] for axis in table()["gru_bwd"].axes}, 16, attrs)
    trial = Trial(replace(case, data="wide"), "float32")
    arrays, bound = trial.compiled(isa), trial.bounds["dz"]
    assert np.isnan(arrays["dz"][np.isinf(trial.expected["dz"])]).any()
    assert trial.ratio(arrays) <= 1
    assert np.isfinite(bound[:, -2:]).all()
    assert np.isinf(bound[:, 0]).any()
    wrong = arrays["dz"].copy()
    wrong[3, -2, 5] = np.nan
    assert trial.ratio({**arrays, "dz": wrong}) == np.inf
    special = Trial(replace(case, data="special", sizes={**case.sizes, "t": (2,)}), "float32")
    assert not any(np.isinf(error).any() for error in special.bounds.values())


def shaped(op, rows, data, **axes):
    """Return the first case of an op in another shape, with other data."""
    return replace(cases(op)[0], rows=rows, data=data, sizes=axes)


@pytest.mark.parametrize("isa", _core.isa_names("float32"))
def test_a_product_that_vanishes_before_an_infinity_is_not_known(isa):
    """Long products of numbers below 1 are 0, or not yet, where an infinity comes; NaN is NaN."""
    case = shaped("prod_bwd", 2, "special", p=(None,), q=(36, 86), s=(1,))
    trial = Trial(case, "float64", 1645102963)
    arrays, bound = trial.compiled(isa), trial.bounds["dx"]
    assert trial.ratio(arrays) <= 1
    assert np.isinf(bound[1]).all()  # two infinities
    assert not np.isinf(bound[0]).any()  # a NaN
    wrong = arrays["dx"].copy()
    wrong[0, 0, 0] = 1
    assert trial.ratio({**arrays, "dx": wrong}) == np.inf


@pytest.mark.parametrize("isa", _core.isa_names("float32"))
def test_an_exponential_that_overflows_is_not_known(isa):
    trial = Trial(shaped("log_softmax_bwd", 18, "wide", r=(None,), c=(256,)), "float32", 582180661)
    arrays, bound = trial.compiled(isa), trial.bounds["dx"]
    assert np.isinf(arrays["dx"][16, 227])
    assert np.isfinite(trial.expected["dx"][16, 227])
    assert trial.ratio(arrays) <= 1
    assert np.isinf(bound).mean() < 0.01
    arrays["dx"][0, 0] *= 1.001
    assert trial.ratio(arrays) > 1


@pytest.mark.parametrize("isa", _core.isa_names("float32"))
@pytest.mark.parametrize(
    ("op", "attrs", "inputs"),
    [
        (
            "curve_bwd",
            {"curve": "exponential"},
            {"x": [89.5, 80.0, np.inf, 1.0], "dy": [-0.375, -0.375, 1.0, np.inf]},
        ),
        (
            "binary",
            {"binary": "power_log"},
            {"a": [2.6, 2.6, np.inf, 2.6], "b": [92.86, 80.0, 1.0, np.inf]},
        ),
    ],
)
def test_a_factor_that_overflows_is_not_known(isa, op, attrs, inputs):
    case = next(each for each in cases(op) if attrs.items() <= each.attrs.items())
    given = {name: np.array(values, "float32") for name, values in inputs.items()}
    trial = Trial(replace(case, sizes={"n": (4,)}, rows=1), "float32", inputs=given)
    arrays, (result,) = trial.compiled(isa), trial.results
    assert np.isinf(arrays[result][0])
    assert np.isfinite(trial.expected[result][0])
    assert trial.ratio(arrays) <= 1
    assert np.isinf(trial.bounds[result]).tolist() == [True, False, False, False]
    for place, wrong in ((1, arrays[result][1] * (1 + 1e-4)), (2, 1.0), (3, 1.0)):
        spoilt = arrays[result].copy()
        spoilt[place] = wrong
        assert trial.ratio({**arrays, result: spoilt}) > 1


@pytest.mark.parametrize("isa", _core.isa_names("float32"))
def test_an_exponential_that_vanishes_is_missing_in_all_that_it_is_multiplied_by(isa):
    case = next(each for each in cases("curve_bwd") if each.attrs["curve"] == "gelu_tanh")
    inputs = {"x": np.array([-21.153443509427916, -3.0]), "dy": np.array([-8.0, -8.0])}
    trial = Trial(replace(case, sizes={"n": (2,)}, rows=1), "float64", inputs=inputs)
    arrays = trial.compiled(isa)
    assert arrays["dx"][0] == 0 < trial.expected["dx"][0] < 1e-300
    assert trial.ratio(arrays) <= 1
    arrays["dx"][1] *= 1 + 1e-12
    assert trial.ratio(arrays) > 1


#: What has whole numbers as its results, which 12 bits hold.
WHOLE = {
    "accuracy_sparse",
    "accuracy_dense",
    "in_top_k",
    "differs",
    "gather_labels",
    "arg_reduce",
    "label_numbers",
}
WHOLE |= {"advance", "every", "resume"}


def test_bounds_are_as_tight_as_float32():
    """Results rounded to 12 bits instead of 24 are outside of the bounds of every other op."""
    for op in CASES:
        worst = 0.0
        for case in cases(op):
            if case.data != "normal":
                continue
            trial = Trial(case, "float32")
            reals = [n for n in trial.results if trial.expected[n].dtype.kind == "f"]
            rounded = {n: round_to(trial.expected[n], 12) for n in reals}
            worst = max(worst, trial.ratio({**trial.expected, **rounded}))
        assert (worst > 1) == (op not in WHOLE), op


def round_to(values, bits):
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0**bits) / 2.0**bits, exponent).astype(values.dtype)


@pytest.mark.parametrize("op", CASES)
def test_twins_are_silent_and_keep_their_precision(op):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for case in cases(op):
            trial = Trial(case, "float32")
            assert {trial.expected[n].dtype.kind for n in trial.results} <= {"f", "i"}


# ---- self-check ----------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch):
    """Only some ops, so that a test of the self-check is quick."""
    few = {"add", "cosine", "advance", "maxpool2d_fwd"}
    monkeypatch.setattr(
        selfcheck, "checked_ops", lambda policy: [op for op in checked_ops(policy) if op in few]
    )


@pytest.mark.usefixtures("short")
def test_selfcheck_finds_nothing(capsys):
    assert selfcheck.selfcheck() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == sum(len(_core.isa_names(policy)) for policy in POLICIES)
    assert all(line.endswith("OK") for line in lines)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("op", ["add", "cosine", "advance", "maxpool2d_fwd"])
def test_selfcheck_finds_an_op_that_differs_from_its_twin(op, monkeypatch, capsys):
    twin = TWINS[op]

    def wrong(run, attrs, *inputs):
        if op == "advance":
            return twin(run, attrs, *inputs) or twin(run, attrs, *inputs)
        return twin(run, attrs, *inputs) * (1 + 1e-4)

    monkeypatch.setitem(TWINS, op, wrong)
    lines = []
    assert selfcheck.run(lines.append) > 0
    assert any(line.startswith(f"  MISS {op} ") for line in lines)
    assert selfcheck.selfcheck(verbose=True) == 1
    assert "MISSES" in capsys.readouterr().out


@pytest.mark.usefixtures("short")
def test_selfcheck_finds_a_changed_input(monkeypatch):
    monkeypatch.setattr(Trial, "spoilt", lambda trial, arrays: ["x"] * (trial.case.op == "cosine"))
    lines = []
    assert selfcheck.run(lines.append, verbose=True) > 0
    assert any("cosine" in line and line.endswith("changed its input x") for line in lines)


def test_a_place_left_out_shows():
    trial = Trial(Case("add", {"n": (5,)}), "float32")
    arrays = trial.compiled(_core.isa_names()[0])
    arrays["y"][3] = np.nan
    assert trial.ratio(arrays) == np.inf


@pytest.mark.parametrize("isa", _core.isa_names("float32"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_updates_whose_moment_ends_near_zero_are_judged_by_those_before(dtype, isa):
    """A change is rounded as large as it was, though the moment has turned since."""
    case = next(case for case in cases("adam") if case.steps > 1 and "x" in case.absent)
    trial = Trial(replace(case, sizes={**case.sizes, "n": (1023,)}), dtype, 1609454864)
    arrays = trial.compiled(isa)
    assert trial.ratio(arrays) <= 1
    wrong = arrays["w"] + 1e-3 * np.abs(arrays["w"]).max()
    assert trial.ratio({**arrays, "w": wrong}) > 1


@pytest.mark.parametrize("absent", [("x",), ()])
def test_several_updates_may_err_as_much_as_one_after_another(absent):
    """Squares that grow from 0 make the first change the largest, in amsgrad too."""
    case = next(case for case in cases("adam") if case.steps > 1 and case.absent == absent)
    squares = {"v", "x"} - {*absent}
    drawn = Trial(case, "float32").inputs
    state = {**drawn, "m": drawn["g"].copy(), **{name: 0 * drawn[name] for name in squares}}
    allowed = Trial(case, "float32", inputs=state).bounds["w"]
    summed = np.zeros_like(allowed)
    for _ in range(case.steps):
        trial = Trial(replace(case, steps=1), "float32", inputs=state)
        summed += trial.bounds["w"]
        state |= {name: trial.expected[name] for name in ("w", "m", *squares)}
    assert (allowed >= summed).all()
