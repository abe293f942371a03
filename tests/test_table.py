"""The table of operations, and that whatever is listed by operation lists them all."""

import itertools
import math

import numpy as np
import pytest

from fastnn.bench.shapes import SHAPES
from fastnn.compiler.fusion import fuse
from fastnn.compiler.gradients import rules
from fastnn.ops.table import Operand, activation_names, curve_names, table
from fastnn.reference.bounds import BOUNDS
from fastnn.reference.cases import CASES, KINDS, cases
from fastnn.reference.curves import CURVES
from fastnn.reference.elementwise import ACTIVATIONS
from fastnn.reference.harness import Trial
from fastnn.reference.inputs import draw
from fastnn.reference.twins import TWINS

OPS = tuple(table().values())
EVERY = tuple(case for op in CASES for case in cases(op))


def by_name(op):
    return op.name


# ---- one list ------------------------------------------------------------------------------------


def test_every_operation_has_a_twin_a_bound_cases_and_timed_shapes():
    names = set(table()) - {"python_call"}  # the user's own code
    assert set(CASES) == names
    assert set(BOUNDS) == names
    assert set(TWINS) == set(SHAPES) == names - {"reshape"}  # moves nothing


def test_every_gradient_rule_is_of_an_operation():
    assert rules() <= set(table())


def test_every_activation_has_a_twin():
    assert tuple(ACTIVATIONS) == activation_names()
    assert tuple(CURVES) == curve_names()


@pytest.mark.parametrize("flag", ["+", "&"])
def test_operations_are_affine_in_what_is_flagged_so(flag):
    """f(2 u - v) = 2 f(u) - f(v)"""
    for op in OPS:
        flagged = [operand.name for operand in op.inputs if operand.affine == flag]
        for names in [flagged] if flag == "+" and flagged else [[name] for name in flagged]:
            for case in itertools.islice(filter(straight, cases(op.name)), 6):
                assert_affine(case, names)


def straight(case):
    known = {"activation": "linear", "curve": "line", "reduction": "sum", "binary": "subtract"}
    attrs = {"batch": 0, **known}
    plain = case.data == "normal" and case.source.startswith("float")
    return plain and all(case.attrs.get(k, v) == v for k, v in attrs.items())


def assert_affine(case, names):
    inputs = draw(case, np.dtype("float64"))
    others = draw(case, np.dtype("float64"), 1)
    moved = {name: 2 * inputs[name] - others[name] for name in names if name in inputs}
    u, v, w = (
        Trial(case, "float64", inputs={**inputs, **changed}).expected
        for changed in ({}, {name: others[name] for name in moved}, moved)
    )
    for name in u:
        np.testing.assert_allclose(w[name], 2 * u[name] - v[name], atol=1e-10, err_msg=str(case))


# ---- signatures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("x[r,n*]", Operand("x", "real", ("r", "n"), ("n",), False, False, None)),
        ("t:i32[r]", Operand("t", "i32", ("r",), (), False, False, None)),
        ("b[o]?", Operand("b", "real", ("o",), (), True, False, None)),
        ("v[n]?~", Operand("v", "real", ("n",), (), True, True, None)),
        ("m[]", Operand("m", "real", (), (), False, False, None)),
        ("y[n]@a|b", Operand("y", "real", ("n",), (), False, False, None, ("a", "b"))),
        ("y[n*]=x", Operand("y", "real", ("n",), ("n",), False, False, "x")),
    ],
)
def test_an_operand_is_read(text, operand):
    assert Operand.parse(text) == operand


@pytest.mark.parametrize("text", ["x", "x[r", "x[r]!", "[r]", "x:[r]", "x[r]=", "x[r]@", ""])
def test_what_is_no_operand_is_refused(text):
    with pytest.raises(ValueError, match=r"ops\.def"):
        Operand.parse(text)


def test_an_operation_is_read():
    op = table()["dense_bwd_w"]
    assert [operand.name for operand in op.inputs] == ["x", "dy", "y"]
    assert [operand.name for operand in op.outputs] == ["dw", "db"]
    assert op.axes == ("r", "i", "o")
    assert op.attributes == ("activation",)
    assert op.flops == ((2, "rio"),)
    assert not op.writes_in_place
    assert table()["sgd"].writes_in_place
    assert table()["python_call"].variadic


@pytest.mark.parametrize("op", OPS, ids=by_name)
def test_a_row_makes_sense(op):
    operands = op.inputs + op.outputs
    names = [operand.name for operand in operands]
    assert len(set(names)) == len(names) <= 12  # FNN_MAX_ARGS
    assert len(op.axes) <= 12  # FNN_MAX_DIMS
    assert len(set(op.attributes)) == len(op.attributes) <= 9  # FNN_MAX_ATTRS
    assert all(name.isidentifier() for name in (op.name, *names, *op.attributes))
    assert {operand.dtype for operand in operands} <= {"real", "i32", "i64", "f64", "any"}
    assert {letter for _, letters in op.flops for letter in letters} <= set(op.axes)
    for operand in operands:
        assert operand.alias is None or operand.alias in names
        assert set(operand.stars) <= set(operand.axes)
        assert not (operand.inplace and operand in op.outputs)


# ---- cases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [table()[name] for name in CASES], ids=by_name)
def test_cases_set_all_that_their_operation_needs(op):
    optional = {operand.name for operand in op.inputs + op.outputs if operand.optional}
    for case in cases(op.name):
        assert set(case.sizes) == set(op.axes), case
        # an array of the caller brings its own type, and the distance of its rows
        assert set(case.attrs) == set(op.attributes) - {"dtype", "gap"}, case
        assert set(case.absent) <= optional, case
        assert case.data in KINDS, case


@pytest.mark.parametrize("op", [table()[name] for name in CASES], ids=by_name)
def test_cases_cover(op):
    known = list(cases(op.name))
    for operand in op.inputs + op.outputs:
        if operand.optional:
            assert {operand.name in case.absent for case in known} == {False, True}
    if "activation" in op.attributes:
        assert {case.attrs["activation"] for case in known} == set(activation_names())
    if "curve" in op.attributes:
        assert {case.attrs["curve"] for case in known} == set(curve_names())
    if any(operand.dtype == "any" for operand in op.inputs):
        assert len({case.source for case in known}) == 5
    if op.name != "reshape" and any(operand.dtype == "real" for operand in op.inputs):
        assert {case.data for case in known} == set(KINDS)


def test_cases_of_products_cross_the_blocks_of_a_sum():
    depths = {case.sizes["i"][0] for case in cases("dense_fwd")}
    assert {255, 256, 257, 521} <= depths
    assert any(math.prod(c.sizes[a][0] for a in "mni") > 256 for c in cases("conv2d_fwd"))


def test_every_case_survives_fusion():
    for case in EVERY:
        assert len(fuse(Trial(case, "float32").program.nodes)) == 1, case


def test_numbers_are_a_function_of_case_and_seed():
    case = cases("loss_bwd")[0]
    one, same, other = (draw(case, np.dtype("float32"), seed) for seed in (0, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_numbers_vary():
    for case in EVERY:
        for name, array in draw(case, np.dtype("float32")).items():
            if (
                array.dtype.kind == "f"
                and array.size >= 67
                and name not in ("y", "t", "ids", "mask")
            ):
                assert len(np.unique(array)) > 5, (str(case), name)
