"""Every activation beside its formula, differentiated by SymPy; at the ends of the number line; by
name, by description and from files."""

import functools

import numpy as np
import pytest
import sympy
from sympy import Abs, Max, Min, Piecewise, erf, exp, log, sqrt, tanh

import fastnn
from fastnn import Input, Sequential, _core, activations, config, layers, ops
from fastnn.compiler.bind import Compiled
from fastnn.compiler.gradients import differentiate
from fastnn.compiler.graph import Graph
from fastnn.compiler.program import Memory, Program
from fastnn.errors import ModelFileError, ZeroGradientWarning
from fastnn.layers import Activation, Dense
from fastnn.models import load_model

x = sympy.Symbol("x", real=True)
sigmoid = 1 / (1 + exp(-x))
SCALE, ALPHA = sympy.Float("1.0507009873554804934193", 25), sympy.Float("1.6732632423543772848", 25)


def ramp(low, high):
    return Max(Min(x, high), low)


def below(threshold, other):
    return Piecewise((other, x <= threshold), (x, True))


def of(name, **options):
    return functools.partial(getattr(activations, name), **options)


#: An activation with options, its formula.
FORMULAS = [
    (of("linear"), x),
    (of("relu"), Max(x, 0)),
    (of("relu", negative_slope=0.25), below(0, x / 4)),
    (of("relu", max_value=2.5), ramp(0, sympy.Rational(5, 2))),
    (of("relu", threshold=1.5), below(1.5, 0)),
    (
        of("relu", negative_slope=0.5, max_value=3, threshold=1),
        Piecewise(((x - 1) / 2, x <= 1), (Min(x, 3), True)),
    ),
    (of("relu6"), ramp(0, 6)),
    (of("leaky_relu", negative_slope=0.125), below(0, x / 8)),
    (of("elu"), below(0, exp(x) - 1)),
    (of("elu", alpha=0.5), below(0, (exp(x) - 1) / 2)),
    (of("selu"), SCALE * below(0, ALPHA * (exp(x) - 1))),
    (of("celu", alpha=0.5), below(0, (exp(2 * x) - 1) / 2)),
    (of("sigmoid"), sigmoid),
    (of("hard_sigmoid"), ramp(-3, 3) / 6 + sympy.Rational(1, 2)),
    (of("hard_tanh"), ramp(-1, 1)),
    (of("hard_silu"), x * (ramp(-3, 3) / 6 + sympy.Rational(1, 2))),
    (of("sparse_sigmoid"), (ramp(-1, 1) + 1) / 2),
    (of("log_sigmoid"), -log(1 + exp(-x))),
    (of("tanh"), tanh(x)),
    (of("tanh_shrink"), x - tanh(x)),
    (of("softplus"), log(1 + exp(x))),
    (of("softsign"), x / (1 + Abs(x))),
    (of("silu"), x * sigmoid),
    (of("gelu"), x * (1 + erf(x / sqrt(2))) / 2),
    (
        of("gelu", approximate=True),
        x * (1 + tanh(sqrt(2 / sympy.pi) * (x + sympy.Float("0.044715", 30) * x**3))) / 2,
    ),
    (of("mish"), x * tanh(log(1 + exp(x)))),
    (of("exponential"), exp(x)),
    (of("squareplus"), (x + sqrt(x**2 + 4)) / 2),
    (of("squareplus", b=0.5), (x + sqrt(x**2 + sympy.Rational(1, 2))) / 2),
    (of("sparse_plus"), Piecewise((0, x <= -1), (x, x >= 1), ((x + 1) ** 2 / 4, True))),
    (
        of("soft_shrink", threshold=0.75),
        Piecewise((x - 0.75, x > 0.75), (x + 0.75, x < -0.75), (0, True)),
    ),
    (of("hard_shrink"), Piecewise((0, Abs(x) <= 0.5), (x, True))),
    (of("threshold", threshold=0.5, default_value=-2.0), below(0.5, -2)),
]


def label(value):
    if isinstance(value, functools.partial):
        return "-".join([value.func.__name__, *(f"{k}={v}" for k, v in value.keywords.items())])
    return str(value) if isinstance(value, str | dict) else ""


def value_and_slope(function, points, dtype="float64"):
    """Return what the kernels make of an activation and of its gradient, where dy is 1."""
    n = len(points)
    graph = Graph()
    tensor = graph.place("x", (None,), "x")
    y = function(tensor)
    gradient = differentiate(graph, ops.batch_mean(y), [tensor])[tensor]
    buffers = {"x": np.array(points, dtype), "y": np.zeros(n, dtype), "dx": np.zeros(n, dtype)}
    for result, home in ((y, "y"), (gradient, "dx")):
        ops.activation(result, "linear").home = home
    program = Program.of(graph, n, dtype)
    executable = Compiled(program, Memory(program, buffers), config.isa(), 1)
    assert executable.run(_core.Run(n, n)) == _core.DONE
    return buffers["y"], buffers["dx"] * n


def evaluated(formula, points):
    """Return a formula at each point, computed to 30 digits."""
    return np.array([float(formula.subs(x, sympy.Float(p, 30)).evalf(30)) for p in points])


POINTS = np.random.default_rng(3).normal(0, 4, 32)


@pytest.mark.parametrize(("function", "formula"), FORMULAS, ids=label)
def test_value_and_derivative_are_those_of_the_formula(function, formula):
    """A bound that holds for all: single ones are in fastnn/reference/bounds.py."""
    y, dx = value_and_slope(function, POINTS)
    expected = evaluated(formula, POINTS)
    assert np.all(np.abs(y - expected) <= 3e-13 * np.abs(expected) + 1e-16)
    slope = evaluated(sympy.diff(formula, x), POINTS)
    np.testing.assert_allclose(dx, slope, rtol=1e-12, atol=8 * np.finfo(float).eps)


@pytest.mark.parametrize(("function", "formula"), FORMULAS, ids=label)
def test_one_precision_is_the_other_rounded(function, formula):
    points = POINTS.astype(np.float32)
    for single, double in zip(
        value_and_slope(function, points, "float32"),
        value_and_slope(function, points.astype(float)),
        strict=True,
    ):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=2e-4, atol=4e-6)


#: activation -> its value at -1000 and 1000, -inf and inf
ENDS = {
    "relu": (0, 1000, 0, np.inf),
    "relu6": (0, 6, 0, 6),
    "leaky_relu": (-200, 1000, -np.inf, np.inf),
    "elu": (-1, 1000, -1, np.inf),
    "selu": (-1.7580993408473766, 1050.7009873554805, -1.7580993408473766, np.inf),
    "celu": (-1, 1000, -1, np.inf),
    "sigmoid": (0, 1, 0, 1),
    "hard_sigmoid": (0, 1, 0, 1),
    "hard_tanh": (-1, 1, -1, 1),
    "hard_silu": (0, 1000, 0, np.inf),
    "sparse_sigmoid": (0, 1, 0, 1),
    "log_sigmoid": (-1000, 0, -np.inf, 0),
    "tanh": (-1, 1, -1, 1),
    "tanh_shrink": (-999, 999, -np.inf, np.inf),
    "softplus": (0, 1000, 0, np.inf),
    "softsign": (-1000 / 1001, 1000 / 1001, -1, 1),
    "silu": (0, 1000, 0, np.inf),
    "gelu": (0, 1000, 0, np.inf),
    "mish": (0, 1000, 0, np.inf),
    "exponential": (0, np.inf, 0, np.inf),
    "squareplus": (0.000999999000002, 1000.000999999, 0, np.inf),
    "sparse_plus": (0, 1000, 0, np.inf),
    "soft_shrink": (-999.5, 999.5, -np.inf, np.inf),
    "hard_shrink": (-1000, 1000, -np.inf, np.inf),
    "linear": (-1000, 1000, -np.inf, np.inf),
    "step": (0, 1, 0, 1),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ENDS)
def test_at_the_ends_stands_the_limit_and_nothing_warns(name, dtype):
    model = Sequential([Input((1,)), Activation(name)], dtype=dtype)
    y = model.predict([[-1000], [1000], [-np.inf], [np.inf]]).ravel()
    np.testing.assert_allclose(y, np.array(ENDS[name], dtype), rtol=4 * np.finfo(dtype).eps)
    assert np.isnan(model.predict([[np.nan]])).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(ENDS) - {"step"}))
def test_a_derivative_is_finite_everywhere_but_that_of_exp(name, dtype):
    points = np.array([-np.inf, -1000, -90, -0.0, 0, 90, 1000, np.inf] * 4)
    _, dx = value_and_slope(getattr(activations, name), points, dtype)
    assert np.isfinite(dx[points < 90]).all()
    assert np.isfinite(dx).all() or name == "exponential"


def test_softmax_and_its_logarithm():
    points = np.array([[1.0, 2.0, -500.0], [1000.0, 999.0, 0.0]])
    soft, logarithm = (
        Sequential([Input((3,)), Activation(name)], dtype="float64").predict(points)
        for name in ("softmax", "log_softmax")
    )
    assert np.allclose(np.exp(logarithm), soft, rtol=1e-13)
    assert np.isclose(logarithm[0, 2], -502.31326168751822, rtol=1e-15)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_along_another_axis_is_that_of_the_last_turned(name):
    points = np.random.default_rng(0).normal(0, 3, (2, 3, 4))
    turned = np.ascontiguousarray(points.transpose(0, 2, 1))
    along = Sequential([Input((3, 4)), Activation(of(name, axis=1))], dtype="float64")
    last = Sequential([Input((4, 3)), Activation(name)], dtype="float64")
    assert np.allclose(along.predict(points).transpose(0, 2, 1), last.predict(turned), rtol=1e-13)


def test_softmax_has_no_axis_of_rows():
    with pytest.raises(ValueError, match="axis"):
        Sequential([Input((3,)), Activation(of("softmax", axis=0))])


# ---- steps ---------------------------------------------------------------------------------------

STEP_POINTS = np.tile([-3.0, -0.75, 0.0, 0.25, 1.0, 1.2501, 5.0, np.nan], 4)


@pytest.mark.filterwarnings("ignore::fastnn.errors.ZeroGradientWarning")
@pytest.mark.parametrize(
    ("how", "passed"),
    [
        (None, [0, 0, 0, 0, 0, 0, 0, 0]),
        ("identity", [1, 1, 1, 1, 1, 1, 1, 0]),
        ("clipped", [0, 1, 1, 1, 1, 0, 0, 0]),
    ],
)
def test_a_step_passes_what_it_is_told(how, passed):
    step = of("step", threshold=0.25, straight_through=how)
    y, dx = value_and_slope(step, STEP_POINTS)
    np.testing.assert_array_equal(y, np.tile([0, 0, 0, 1, 1, 1, 1, np.nan], 4))
    np.testing.assert_array_equal(dx, np.tile(passed, 4))


@pytest.mark.parametrize("step", ["step", of("step", threshold=0.5)], ids=label)
def test_compiling_a_plain_step_between_weights_warns_and_names_the_layer(step):
    model = Sequential([Input((3,)), Dense(4, step, name="hidden"), Dense(1)])
    with pytest.warns(ZeroGradientWarning, match=r"hidden: .* straight_through='clipped'"):
        model.compile("sgd", "mse")


def test_a_step_before_all_weights_or_straight_through_does_not_warn():
    data = np.random.default_rng(0).normal(size=(20, 3))
    before = Sequential([Input((3,)), Activation("step"), Dense(1)])
    straight = Sequential([Input((3,)), Dense(8, of("step", straight_through="clipped")), Dense(1)])
    for model in (before, straight):
        model.compile("sgd", "mse")
        first = model.get_weights()[0]
        model.fit(data, data[:, 0], verbose=0)
        assert not np.array_equal(first, model.get_weights()[0])


# ---- names, descriptions, files ------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", sorted(set(activations.__all__) - {"get", "serialize", "deserialize"})
)
def test_each_has_its_name(name):
    function = getattr(activations, name)
    assert activations.get(name) is function
    assert activations.serialize(function) == name
    assert activations.deserialize(name) is function


def test_other_names():
    assert activations.get("swish") is activations.silu
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get(None) is activations.linear
    assert activations.get("ReLU6") is activations.relu6


@pytest.mark.parametrize(
    "activation",
    [
        "gelu",
        of("elu", alpha=0.5),
        of("relu", max_value=2.0, negative_slope=0.1),
        {"class_name": "leaky_relu", "config": {"negative_slope": 0.3}},
        of("step", straight_through="clipped"),
    ],
    ids=label,
)
def test_a_layer_keeps_it_in_its_config_and_in_files(activation, tmp_path):
    fastnn.set_seed(1)
    model = Sequential([Input((3,)), Dense(7, activation), Activation(activation), Dense(2)])
    config = model.layers[0].get_config()
    again = Dense.from_config(config)
    assert again.get_config() == config
    model.save(tmp_path / "model.fastnn")
    data = np.random.default_rng(0).normal(size=(5, 3))
    loaded = load_model(tmp_path / "model.fastnn")
    assert np.array_equal(loaded.predict(data), model.predict(data))


def test_mistakes():
    with pytest.raises(ValueError, match="did you mean 'gelu'"):
        activations.get("gelo")
    with pytest.raises(TypeError, match="expected a name"):
        activations.get(3)
    with pytest.raises(ValueError, match=r"activation 'elu': .*'beta'"):
        activations.get({"class_name": "elu", "config": {"beta": 1}})
    with pytest.raises(ModelFileError, match="no layer class 'os'"):
        activations.get({"class_name": "os", "config": {}})
    with pytest.raises(ValueError, match="function of your own"):
        activations.serialize(lambda z: z)
    with pytest.raises(ValueError, match="function of your own"):
        activations.serialize(functools.partial(activations.elu, alpha=1).func.__get__(3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (of("relu", negative_slope=-1), "relu: negative_slope must be at least 0, got -1"),
        (of("relu", max_value=-1), "relu: max_value must be at least 0"),
        (of("relu", max_value=1, threshold=2), "max_value=1.0 is below threshold=2.0"),
        (of("celu", alpha=0), "celu: alpha must be positive"),
        (of("squareplus", b=-1), "squareplus: b must be positive"),
        (of("soft_shrink", threshold=-1), "soft_shrink: threshold must be at least 0"),
        (of("hard_shrink", threshold=np.nan), "hard_shrink: threshold must be at least 0"),
        (of("step", straight_through="yes"), "straight_through must be None, 'identity' or"),
    ],
    ids=label,
)
def test_wrong_options(wrong, message):
    with pytest.raises(ValueError, match=message):
        Sequential([Input((3,)), Activation(wrong)])


def test_activations_are_layers_too():
    assert layers.Activation("mish").get_config()["activation"] == "mish"
