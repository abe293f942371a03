"""Every gradient rule against central differences in float64, and every activation and loss against
its formula, differentiated by SymPy.
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
import sympy
from sympy import Heaviside, Max, exp, log, tanh

from fastnn import _core, config, ops
from fastnn.compiler.bind import Compiled
from fastnn.compiler.gradients import differentiate, rule_of, rules
from fastnn.compiler.graph import Graph
from fastnn.compiler.program import Memory, Program
from fastnn.ops.table import activation_names, loss_names, table
from fastnn.reference.cases import Case, cases
from fastnn.reference.curves import FLAT_CURVES
from fastnn.reference.harness import Trial
from fastnn.reference.inputs import draw

pytestmark = pytest.mark.filterwarnings("ignore::fastnn.errors.ZeroGradientWarning")

EPSILON = 1e-6
#: Differences of a loss below 10 are good to 10 u / EPSILON = 1e-9, and to EPSILON^2 of its third
#: derivative: relative to the largest gradient, but for gradients that are all below FLOOR.
TOLERANCE, FLOOR = 1e-7, 1e-2

FLOAT64 = np.dtype("float64")

#: What has places among its results, or none for some indices: tests/test_ops.py.
PLACES = {"arg_reduce", "sort", "take", "take_along", "put_along"}

DIFFERENTIABLE = sorted(rules() - {"python_call", "differs"} - PLACES)
#: Operations whose way back takes the activation's derivative in, and those that only apply one.
FUSING = ("dense_fwd", "conv2d_fwd", "normalize_fwd")
ACTIVATED = (*FUSING, "conv2d_transpose_fwd", "depthwise_fwd")
#: What has no gradient by design: targets and random numbers, and what jumps.
CONSTANT = {"m", "i", "t", "map", "factor", "ids", "mask", "keep"}
#: Those of them that are refused where a gradient is wanted; that of the others is zero.
REFUSED = {"t", "map", "factor", "keep"}
#: Curves that pass what is not their gradient, and steep ones: test_a_curve_is_its_formula.
NOT_HERE = {"step", "log", "log1p", "sqrt", "rsqrt", "reciprocal"} | FLAT_CURVES
#: Functions of two numbers; steep ones: tests/test_ops.py; the others have no gradient.
BINARY = {"add", "subtract", "multiply", "maximum", "minimum"}
WALKS = ("rnn_fwd", "lstm_fwd", "gru_fwd")


class Function:
    """The mean of a case's outputs, by kernels, as a function of its inputs.

    Outputs that are not a loss go through mean squared error against numbers of their own.
    """

    def __init__(self, case, build=None):
        self.case, self.op = case, table()[case.op]
        self.build = build or self.emit
        self.buffers = draw(case, FLOAT64)
        constant = CONSTANT | ({"w", "d"} if self.op.name == "mean" else set())
        if case.attrs.get("batch") or self.op.name == "tone":  # of x itself
            constant |= {"mean", "var"}
        named = {o.name for o in self.op.inputs if o.dtype == "real"} - constant
        self.real = [name for name in self.buffers if name in named]

    def emit(self, graph, tensors):
        if self.case.attrs.get("batch"):
            x, _, _, gamma, beta, z = tensors
            tensors = [x, *ops.batch_moments(x), gamma, beta, z]
        if self.op.name == "tone" and tensors[1] is not None:
            tensors[1] = ops.global_mean(tensors[0])
        return graph.emit(self.op.name, *tensors, **self.options)

    @property
    def options(self):
        here = [o for o in self.op.outputs if o.name not in self.case.absent]
        shapes = {operand.name: self.case.shape(operand) for operand in here}
        known = {"shapes": shapes, "absent": self.case.absent, "ranks": self.case.ranks}
        return {**known, **self.case.attrs}

    def lower(self):
        graph = Graph()
        tensors = {
            o.name: graph.place(o.name, self.case.shape(o), o.name, dtype=o.dtype)
            for o in self.op.inputs
            if o.name in self.buffers
        }
        outputs = self.build(graph, [tensors.get(operand.name) for operand in self.op.inputs])
        if self.op.name not in WALKS:
            loss = next((y for y in outputs if y.name == "l"), outputs[-1])
            return graph, tensors, self.mean(graph, loss)
        # the states of all steps, and after the last; the others are for the way back
        seen = [self.error(graph, y) for y in outputs if y.name in ("y", "s", "e")]
        return graph, tensors, functools.reduce(ops.add, map(ops.batch_mean, seen))

    def mean(self, graph, y):
        if y.shape == ():
            return y
        if y.name == "l":
            return ops.batch_mean(y)
        return ops.batch_mean(self.error(graph, y))

    def error(self, graph, y):
        shape, name = tuple(self.case.rows if n is None else n for n in y.shape), f"target {y.name}"
        self.buffers.setdefault(name, np.random.default_rng(5).standard_normal(shape))
        return ops.mean_squared_error(y, graph.place(name, y.shape, name))

    def run(self, graph):
        program = Program.of(graph, self.case.rows, "float64")
        flat = {name: array.reshape(-1) for name, array in self.buffers.items()}
        executable = Compiled(program, Memory(program, flat), config.isa(), 1)
        assert executable.run(_core.Run(self.case.rows, self.case.rows, seed=9)) == _core.DONE
        return [node.op.name for node in program.nodes]

    def gradients(self):
        """Return the gradient of each real input, and the names of the operations that ran."""
        graph, tensors, loss = self.lower()
        found = differentiate(graph, loss, [tensors[name] for name in self.real])
        for name in self.real:
            known = tensors[name] in found  # else it is zero
            self.buffers[f"d{name}"] = np.full(self.buffers[name].shape, np.nan if known else 0.0)
            if known:
                ops.activation(found[tensors[name]], "linear").home = f"d{name}"
        names = self.run(graph)
        return {name: self.buffers[f"d{name}"] for name in self.real}, names

    def value(self):
        graph, _, loss = self.lower()
        loss.home = "loss"
        self.buffers["loss"] = np.zeros(1)
        self.run(graph)
        return self.buffers["loss"][0]

    def differences(self, name, places):
        return np.array([self.slope(self.buffers[name].reshape(-1), place) for place in places])

    def slope(self, values, place):
        kept, ends = values[place], []
        for step in (EPSILON, -EPSILON):
            values[place] = kept + step
            ends.append(self.value())
        values[place] = kept
        return (ends[0] - ends[1]) / (2 * EPSILON)


def check(function, count=12):
    """Compare every gradient at some places; return the names of the operations that ran."""
    gradients, names = function.gradients()
    for name, gradient in gradients.items():
        places = np.unique(np.linspace(0, gradient.size - 1, count).astype(int))
        differences = function.differences(name, places)
        scale = max(np.abs(gradient).max(), FLOOR)
        error = np.abs(gradient.reshape(-1)[places] - differences).max() / scale
        assert error <= TOLERANCE, (str(function.case), name, error)
    return names


def by_rows(case):
    """Let a flat array be the rows of a batch, as its mean is taken over rows."""
    if case.sizes.get("n", (None,))[0] is None or "r" in case.sizes or case.shapes:
        return case
    return replace(case, sizes={**case.sizes, "n": (None,)}, rows=case.sizes["n"][0])


def of_interest(op):
    """Return cases of moderate size with every attribute; products leave activations to others."""
    known = [
        by_rows(case)
        for case in cases(op)
        if case.data in ("normal", "uniform")
        and (0,) not in case.sizes.values()
        and (not op.startswith(ACTIVATED) or case.attrs["activation"] == "linear")
        and case.attrs.get("curve") not in NOT_HERE
        and case.attrs.get("binary", "add") in BINARY
        and not (case.attrs.get("reduction") in ("max", "min") and None in case.sizes["q"])
        # a way back needs what is kept for it
        and (op not in WALKS or set(case.absent) <= {"b", "mask", "s0", "e0", "keep"})
    ]
    batches = [
        case
        for case in known
        if not case.sizes or any(None in shape for shape in case.sizes.values())
    ]
    return [c for c in batches if sum(a.size for a in draw(c, FLOAT64).values()) <= 600]


@pytest.mark.parametrize("op", DIFFERENTIABLE)
def test_a_rule_agrees_with_differences(op, some):
    for case in some(of_interest(op), 2):
        check(Function(case), count=7)


@pytest.mark.parametrize("g", activation_names())
@pytest.mark.parametrize("op", FUSING)
def test_a_fused_backward_agrees_with_differences(op, g):
    """Product and activation become one operation, and so do the derivative and both products."""
    for case in of_interest(op)[:6]:
        if op == "normalize_fwd":
            case = replace(case, absent=("z",))  # whose gradient is the derivative itself
        emit = Function(case).emit

        def build(graph, tensors, emit=emit):
            (z,) = emit(graph, tensors)
            return [ops.activation(z, g)]

        names = check(Function(case, build))
        assert "activation_bwd" not in names
        assert {op.replace("fwd", "bwd_x"), op.replace("fwd", "bwd_w")} <= set(names)


@pytest.mark.parametrize("op", sorted(rules() - {"python_call"}))
def test_no_rule_leaves_out_in_silence_what_is_wanted(op):
    for case in of_interest(op):
        function = Function(case)
        graph, *_ = function.lower()
        node = next(node for node in graph.nodes if node.op.name == op)
        wanted = tuple(t is not None and t.dtype == "real" for t in node.inputs)
        flows = [None if t is None else graph.place("d", t.shape, "arena") for t in node.outputs]
        found = zip(node.op.inputs, wanted, rule_of(op)(node, wanted, *flows), strict=True)
        left_out = {operand.name for operand, flag, flow in found if flag and flow is None}
        assert left_out <= REFUSED


def test_what_is_wanted_and_not_known_is_refused_by_name():
    graph = Graph()
    a, b = (graph.place(name, (None, 3), "arena") for name in "ab")
    with graph.scope("twins"):
        loss = ops.batch_mean(ops.cosine_similarity(a, ops.tanh(b)))
    with pytest.raises(NotImplementedError, match=r"twins: .*'cosine' .* input 't'.*stop_gradient"):
        differentiate(graph, loss, [a, b])
    assert differentiate(graph, loss, [a])


def test_what_jumps_has_a_gradient_of_zero():
    graph = Graph()
    a = graph.place("a", (None, 3), "arena")
    loss = ops.batch_mean(ops.where(ops.greater(a, 0.5), ops.stop_gradient(a), 0.0))
    assert differentiate(graph, loss, [a]) == {}


def test_two_ways_to_one_input_add_up():
    def build(graph, tensors):
        a, b = tensors
        return [ops.add(ops.add(a, ops.tanh(a)), ops.add(b, a))]

    check(Function(Case("add", {"n": (None, 3)}, 5), build))


def test_user_code_has_the_gradient_it_states():
    def build(graph, tensors):
        return graph.call_python(
            tensors,
            [tensors[0].shape],
            function=lambda a, b: [np.sin(a) * b],
            backward=lambda dy, a, b, y: [dy * np.cos(a) * b, dy * np.sin(a)],
        )

    names = check(Function(Case("add", {"n": (None, 3)}, 5), build))
    assert names.count("python_call") == 2


# ---- formulas ------------------------------------------------------------------------------------

x = sympy.Symbol("x", real=True)

FORMULAS = {
    "linear": x,
    "relu": Max(x, 0),
    "sigmoid": 1 / (1 + exp(-x)),
    "tanh": tanh(x),
    "step": Heaviside(x, 1),
}


def evaluated(formula, points):
    """Return a formula at each point, computed to 30 digits."""
    return np.array([float(formula.subs(x, sympy.Float(p, 30)).evalf(30)) for p in points])


def kernel(op, inputs, **attrs):
    n = len(next(iter(inputs.values())))
    case = Case(op, {"n": (n,)}, 1, attrs)
    arrays = Trial(case, "float64", inputs=inputs).compiled(config.isa())
    return arrays[table()[op].outputs[0].name]


@pytest.mark.parametrize("g", activation_names())
def test_an_activation_is_its_formula(g):
    points = np.random.default_rng(3).normal(0, 5, 40)
    y, expected = (
        kernel("activation_fwd", {"x": points}, activation=g),
        evaluated(FORMULAS[g], points),
    )
    np.testing.assert_array_less(np.abs(y - expected), 4 * np.spacing(np.abs(expected)) + 1e-300)


@pytest.mark.parametrize("g", activation_names())
def test_a_derivative_is_its_formula(g):
    """y is rounded before 1 - y is taken, so the error is in units of 1."""
    points = np.random.default_rng(4).normal(0, 5, 40)
    y = kernel("activation_fwd", {"x": points}, activation=g)
    dx = kernel("activation_bwd", {"dy": np.ones(40), "y": y}, activation=g)
    expected = evaluated(sympy.diff(FORMULAS[g], x), points)
    np.testing.assert_allclose(dx, expected, rtol=0, atol=8 * np.finfo(float).eps)


z = sympy.symbols("z:4", real=True)
t = sympy.symbols("t:4", real=True)
P = [exp(each) / sum(map(exp, z)) for each in z]

SIDES = [sympy.Piecewise((-1, sympy.Eq(b, 0)), (b, True)) for b in t]
ONE, LOW = sympy.Integer(1), sympy.Float("1e-7", 30)


def row_of(term):
    """Return a term's sum over the columns, as a function of each prediction and target."""
    return sum(term(a, b) for a, b in zip(z, t, strict=True))


def binary(a, b):
    return -b * log(a) - (1 - b) * log(1 - a)


def focal(a, b):
    weight = b * sympy.Rational(1, 4) + (1 - b) * sympy.Rational(3, 4)
    return weight * (b * (1 - a) + (1 - b) * a) ** 2 * binary(a, b)


def huber(a, b):
    size = sympy.Abs(a - b)
    return sympy.Piecewise((size**2 / 2, size <= ONE / 2), (size / 2 - ONE / 8, True))


#: The rows of csrc/losses.def as the sum over a row of 4, and their constants.
ROWS = {
    "mse": (row_of(lambda a, b: (a - b) ** 2), ()),
    "half_mse": (row_of(lambda a, b: (a - b) ** 2 / 2), ()),
    "mae": (row_of(lambda a, b: sympy.Abs(a - b)), ()),
    "mape": (row_of(lambda a, b: 100 * sympy.Abs((a - b) / b)), ()),
    "msle": (row_of(lambda a, b: (log(1 + a) - log(1 + b)) ** 2), ()),
    "huber": (row_of(huber), (0.5,)),
    "log_cosh": (row_of(lambda a, b: log(sympy.cosh(a - b))), ()),
    "poisson": (row_of(lambda a, b: a - b * log(a + LOW)), ()),
    "kl": (row_of(lambda a, b: b * log(b / a)), ()),
    "hinge": (sum(Max(0, 1 - s * a) for s, a in zip(SIDES, z, strict=True)), ()),
    "squared_hinge": (sum(Max(0, 1 - s * a) ** 2 for s, a in zip(SIDES, z, strict=True)), ()),
    "bce": (row_of(binary), ()),
    "ce": (row_of(lambda a, b: -b * log(a)), ()),
    "binary_focal": (row_of(focal), (2.0, 0.25, 1.0)),
    "categorical_focal": (row_of(lambda a, b: -b * log(a) * (1 - a) ** 2 / 4), (2.0, 0.25)),
}

#: The loss of a row of 4, and the input its gradient is taken of and starts from.
LOSSES = {
    "sigmoid_bce": (sum(log(1 + exp(a)) - a * b for a, b in zip(z, t, strict=True)) / 4, "z", "p"),
    "softmax_ce_dense": (-sum(b * log(p) for b, p in zip(t, P, strict=True)), "z", "p"),
    "softmax_ce_sparse": (-log(P[2]), "z", "p"),
    "cosine": (
        -row_of(lambda a, b: a * b)
        / sympy.sqrt(row_of(lambda a, b: a * a) * row_of(lambda a, b: b * b)),
        "a",
        None,
    ),
    "categorical_hinge": (
        Max(
            0,
            1 + Max(*((1 - b) * a for a, b in zip(z, t, strict=True))) - row_of(lambda a, b: a * b),
        ),
        "a",
        None,
    ),
}


def agrees(op, formula, inputs, attrs, start=None):
    """Compare a loss and its gradient with a formula and its derivatives, at every row.

    ``start`` names the inputs of the way back that are outputs of the loss.
    """
    score = next(iter(inputs))
    axis = "c" if op.startswith("softmax") else "n"
    sizes = {"r": (None,), axis: (4,)}
    arrays = Trial(Case(op, sizes, 5, attrs), "float64", inputs=inputs).compiled(config.isa())
    back = {start or score: arrays[start or score], "t": inputs["t"], "dl": np.ones(5)}
    name = op.replace("_fwd", "") + "_bwd"
    backward = Trial(Case(name, sizes, 5, attrs), "float64", inputs=back)
    gradient = backward.compiled(config.isa())[backward.results[0]]
    slopes = [sympy.diff(formula, each) for each in z]
    for row in range(5):
        at = dict(zip(z, map(sympy.Float, inputs[score][row]), strict=True))
        if inputs["t"].ndim == 2:
            at |= dict(zip(t, map(sympy.Float, inputs["t"][row]), strict=True))
        value, *expected = (float(f.subs(at).evalf(30)) for f in (formula, *slopes))
        np.testing.assert_allclose(arrays["l"][row], value, rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(gradient[row], expected, rtol=2e-13, atol=1e-15)


@pytest.mark.parametrize("op", LOSSES)
def test_a_loss_and_its_gradient_are_their_formula(op):
    formula, score, output = LOSSES[op]
    rng = np.random.default_rng(6)
    labels = np.full(5, 2, np.int32) if op == "softmax_ce_sparse" else rng.random((5, 4))
    agrees(op, formula, {score: rng.normal(0, 2, (5, 4)), "t": labels}, {}, output)


@pytest.mark.parametrize("total", [0, 1])
@pytest.mark.parametrize("loss", loss_names())
def test_a_row_of_losses_and_its_derivative_are_their_formula(loss, total):
    """On numbers in [0, 1), which all of them take; the half of labels is 0."""
    formula, constants = ROWS[loss]
    first, second, third = (*constants, 0.0, 0.0, 0.0)[:3]
    attrs = {"loss": loss, "sum": total, "first": first, "second": second, "third": third}
    rng = np.random.default_rng(7)
    targets = rng.random((5, 4))
    if "hinge" in loss:
        targets = targets.round()
    inputs = {"a": rng.random((5, 4)), "t": targets}
    agrees("loss_fwd", formula / (1 if total else 4), inputs, attrs)
