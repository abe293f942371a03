"""What the functions of fastnn.ops are called with, at random: shapes, axes, options, numbers.

Arguments and options are those of keras.ops, and of NumPy where it has the function.
"""

import zlib

import numpy as np

from fastnn import nests


class Draw:
    """Random shapes, axes and numbers."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def shape(self, rank=None, most=4):
        rank = self.rng.integers(1, 4) if rank is None else rank
        return tuple(int(n) for n in self.rng.integers(2, most + 1, rank))

    def array(self, low=-2.0, high=2.0, shape=None, rank=None):
        shape = self.shape(rank) if shape is None else shape
        return self.rng.uniform(low, high, shape)

    def some(self, x, values, share=0.3):
        """``x`` with some of its numbers replaced."""
        return np.where(self.rng.random(x.shape) < share, self.rng.choice(values, x.shape), x)

    def axis(self, x):
        return int(self.rng.integers(-x.ndim, x.ndim))

    def axes(self, x):
        """One axis, several, or all."""
        count = int(self.rng.integers(0, x.ndim + 1))
        chosen = [int(i) for i in self.rng.permutation(x.ndim)[:count]]
        return {0: None, 1: chosen[0] if chosen else None}.get(count, tuple(chosen))

    def whole(self, low, high, shape=None):
        return self.rng.integers(low, high, self.shape() if shape is None else shape)

    def broadcast(self, low=-2.0, high=2.0):
        """Two arrays of shapes that go together."""
        shape = self.shape(3)
        parts = []
        for _ in range(2):
            skip = int(self.rng.integers(0, 3))
            size = [n if self.rng.random() < 0.6 else 1 for n in shape[skip:]]
            parts.append(self.array(low, high, tuple(size)))
        return parts

    def yes(self):
        return bool(self.rng.integers(0, 2))


def one(low=-2.0, high=2.0):
    return lambda d: ((d.array(low, high),), {})


def awkward(*values):
    return lambda d: ((d.some(d.array(), values),), {})


def two(low=-2.0, high=2.0):
    return lambda d: (tuple(d.broadcast(low, high)), {})


def tied(d):
    a, b = (d.some(x, [0.0, 1.0], 0.6) for x in d.broadcast())
    return (a, b), {}


def reduced(low=-2.0, high=2.0, *values):
    def draw(d):
        x = d.array(low, high)
        x = d.some(x, values) if values else x
        return (x,), {"axis": d.axes(x), "keepdims": d.yes()}

    return draw


def along(low=-2.0, high=2.0, *values, rank=None, **options):
    def draw(d):
        x = d.array(low, high, rank=rank)
        x = d.some(x, values) if values else x
        return (x,), {"axis": d.axis(x), **options}

    return draw


def at_one_axis(*values):
    def draw(d):
        x = d.some(d.array(), values) if values else d.array()
        axis = None if d.yes() else d.axis(x)
        return (x,), {"axis": axis, "keepdims": d.yes()}

    return draw


def averaged(d):
    x = d.array()
    return (x,), {"axis": d.axes(x), "weights": d.array(0.5, 1, x.shape)}


def chosen(d):
    a, b = d.broadcast()
    return (d.whole(0, 2, a.shape) > 0, a, b), {}


def clipped(d):
    return (d.array(), -0.7, 0.9), {}


def normed(d):
    x = d.array(0.1, 2)
    order = [None, 1, 2, 3, np.inf, -np.inf][int(d.rng.integers(6))]
    return (x,), {"ord": order, "axis": d.axis(x), "keepdims": d.yes()}


def shares(d):
    x = d.array()
    method = ["linear", "lower", "higher", "midpoint", "nearest"][int(d.rng.integers(5))]
    options = {"axis": d.axes(x), "method": method, "keepdims": d.yes()}
    return x, options


def quantiles(d):
    x, options = shares(d)
    return (x, [0.2, 0.5, 0.81] if d.yes() else 0.33), options


def percentiles(d):
    x, options = shares(d)
    return (x, [20.0, 63.0] if d.yes() else 41.0), options


def reshaped(d):
    x = d.array()
    return (x, [(-1,), (x.size,), (x.shape[0], -1)][int(d.rng.integers(3))]), {}


def ordered(d):
    x = d.array()
    return (x, tuple(int(i) for i in d.rng.permutation(x.ndim)) if d.yes() else None), {}


def moved(d):
    x = d.array(rank=3)
    if d.yes():
        return (x, d.axis(x), d.axis(x)), {}
    return (x, (0, -1), tuple(int(i) for i in d.rng.permutation(3)[:2])), {}


def grown(d):
    x = d.array()
    return (x, d.axis(x) if d.yes() else (0, -1)), {}


def shrunk(d):
    x = d.array(shape=(1, *d.shape(1), 1))
    return (x, [None, 0, -1, (0, 2)][int(d.rng.integers(4))]), {}


def padded(d):
    x = d.array()
    mode = ["constant", "reflect", "symmetric"][int(d.rng.integers(3))]
    width = [1, (1, 0), tuple((int(a), int(b)) for a, b in d.whole(0, 2, (x.ndim, 2)))]
    value = {"constant_values": 1.5} if mode == "constant" and d.yes() else {}
    return (x, width[int(d.rng.integers(3))]), {"mode": mode, **value}


def joined(d):
    x = d.array()
    axis = d.axis(x)
    sizes = [int(n) for n in d.whole(1, 4, (int(d.whole(1, 6, ())),))]
    parts = []
    for n in sizes:
        shape = list(x.shape)
        shape[axis] = n
        parts.append(d.array(shape=tuple(shape)))
    return (parts,), {"axis": axis}


def stacked(d):
    x = d.array()
    return ([x, *(d.array(shape=x.shape) for _ in range(2))],), {"axis": d.axis(x)}


def listed(rank):
    def draw(d):
        shape = d.shape(rank)
        return ([d.array(shape=shape), d.array(shape=shape)],), {}

    return draw


def appended(d):
    x = d.array()
    return (x, d.array(shape=x.shape)), {"axis": None if d.yes() else d.axis(x)}


def parted(d):
    x = d.array(shape=(4, 6, 2))
    return (x, 2 if d.yes() else [1]), {"axis": d.axis(x)}


def taken(d):
    x = d.array()
    axis = None if d.yes() else d.axis(x)
    size = x.size if axis is None else x.shape[axis]
    return (x, d.whole(-size, size)), {"axis": axis}


def taken_along(d):
    x = d.array(rank=2)
    axis = [None, 0, 1][int(d.rng.integers(3))]
    shape = (3,) if axis is None else tuple(3 if i == axis else n for i, n in enumerate(x.shape))
    return (x, d.whole(0, x.size if axis is None else x.shape[axis], shape)), {"axis": axis}


def rolled(d):
    shift, axis = [(3, None), (3, 1), (-1, (0, 1)), ((1, -2), (0, 1))][int(d.rng.integers(4))]
    return (d.array(rank=2), shift), {"axis": axis}


def repeated(d):
    x = d.array()
    axis = None if d.yes() else d.axis(x)
    return (x, 2), {"axis": axis}


def tiled(d):
    return (d.array(), [(2,), (1, 2), (2, 1, 3), (1, 2, 1, 1)][int(d.rng.integers(4))]), {}


def turned(d):
    return (d.array(rank=3),), {"k": int(d.whole(-4, 5, ())), "axes": (0, 1) if d.yes() else (2, 1)}


def matrices(d):
    k, batch = 3, d.shape(1)
    shapes = [
        ((2, k), (k, 4)),
        ((*batch, 2, k), (k, 4)),
        ((*batch, 2, k), (*batch, k, 4)),
        ((k,), (k, 2)),
        ((2, k), (k,)),
        ((k,), (k,)),
        ((*batch, 1, 2, k), (2, k, 4)),
    ]
    return tuple(d.array(shape=s) for s in shapes[int(d.rng.integers(len(shapes)))]), {}


def contracted(d):
    a, b = d.array(shape=(2, 3, 4)), d.array(shape=(4, 3, 2))
    return (a, b), {
        "axes": [0, 1, ((1, 2), (1, 0)), ((0,), (2,)), ([0, 1, 2], [2, 1, 0])][
            int(d.rng.integers(5))
        ]
    }


def dotted(d):
    shapes = [((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((2, 5, 3), (4, 3, 2)), ((), (3,))]
    return tuple(d.array(shape=s) for s in shapes[int(d.rng.integers(5))]), {}


def inner(d):
    shapes = [((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((), (2, 3))]
    return tuple(d.array(shape=s) for s in shapes[int(d.rng.integers(4))]), {}


def pair_of(rank):
    def draw(d):
        shape = d.shape(rank)
        return (d.array(shape=shape), d.array(shape=shape)), {}

    return draw


def crossed(d):
    shape = d.shape(1)
    return (d.array(shape=(*shape, 3)), d.array(shape=(*shape, 3))), {}


def square(d):
    x = d.array(rank=2 if d.yes() else 3)
    return (x,), {"k": int(d.whole(-3, 4, ()))}


def diagonals(d):
    x = d.array(rank=3)
    i, j = (int(n) for n in d.rng.permutation(3)[:2])
    return (x,), {"offset": int(d.whole(-2, 3, ())), "axis1": i, "axis2": j}


def diagonal_of(rank):
    return lambda d: ((d.array(rank=rank or (1 + int(d.yes()))),), {"k": int(d.whole(-2, 3, ()))})


def differences(d):
    x = d.array(shape=(4, 5))
    return (x,), {"n": int(d.whole(0, 4, ())), "axis": d.axis(x)}


def areas(d):
    y = d.array(rank=2)
    axis = d.axis(y)
    if d.yes():
        return (y,), {"dx": 0.3, "axis": axis}
    return (y, np.sort(d.array(shape=(y.shape[axis],)))), {"axis": axis}


def gridded(d):
    return (d.array(rank=1), d.array(rank=1)), {"indexing": "ij" if d.yes() else "xy"}


def indexed(d):
    keys = [0, (1, -1), (slice(None), slice(None, None, -2)), (Ellipsis, None, 1), slice(1, 3)]
    return (d.array(shape=(3, 4, 5)), keys[int(d.rng.integers(5))]), {}


def classes(d):
    x = d.whole(-1, 5)
    return (x, 4), {"axis": int(d.whole(-x.ndim - 1, x.ndim + 1, ()))}


def several_classes(d):
    return (d.whole(0, 4, (3, 2)), 4), {}


def ranked(d):
    x = d.array()
    return (x, 2), {}


def searched(d):
    return (np.sort(d.array(shape=(5,))), d.array()), {"side": "left" if d.yes() else "right"}


def selected(d):
    shape = d.shape()
    conditions = [d.whole(0, 2, shape) > 0 for _ in range(2)]
    return (conditions, [d.array(shape=shape), d.array(shape=shape)], 0.5), {}


def block(d):
    x = d.array(shape=(3, 4))
    return (x, (1, 0), (2, 3)), {}


def block_update(d):
    return (d.array(shape=(3, 4)), (1, 2), d.array(shape=(2, 1))), {}


def pixels(d):
    return (d.array(shape=(2, 4, 6, 8)), 2), {}


def images(d):
    options = {"strides": int(d.whole(1, 3, ())), "padding": "same" if d.yes() else "valid"}
    return d.array(shape=(2, 5, 6, 4)), options


def convolved(d):
    x, options = images(d)
    return (x, d.array(shape=(2, 3, 4, 3))), options


def convolved_back(d):
    x, options = images(d)
    return (x, d.array(shape=(2, 3, 3, 4))), options


def by_channel(d):
    x, options = images(d)
    return (x, d.array(shape=(2, 3, 4, 2))), options


def separated(d):
    x, options = images(d)
    return (x, d.array(shape=(2, 3, 4, 2)), d.array(shape=(1, 1, 8, 3))), options


def pooled(d):
    x, options = images(d)
    return (x, 2), options


def probabilities(d):
    shape = d.shape()
    return d.rng.uniform(0.05, 0.95, shape), d.rng.uniform(0.05, 0.95, shape)


def by_bit(d):
    t, p = probabilities(d)
    return (t, p), {} if d.yes() else {"from_logits": True}


def by_class(d):
    t, p = probabilities(d)
    return (t, p), {"axis": d.axis(p), "from_logits": d.yes()}


def by_label(d):
    shape = d.shape(2)
    labels = d.whole(0, shape[-1], shape[:-1])
    return (labels[:, None] if d.yes() else labels, d.array(0.1, 1, shape)), {
        "from_logits": d.yes()
    }


def among_the_first(d):
    return (d.whole(0, 5, (4,)), d.array(shape=(4, 5)), 2), {}


def by_moments(d):
    x = d.array(shape=(3, 2, 4))
    parts = [d.array(shape=(4,)), d.array(0.5, 1, (4,))]
    more = {"offset": d.array(shape=(4,)), "scale": d.array(shape=(4,))} if d.yes() else {}
    return (x, *parts, -1), more


def in_layers(d):
    x = d.array(rank=3)
    axis = [-1, 1, (1, 2)][int(d.rng.integers(3))]
    sizes = [x.shape[i] for i in (axis if isinstance(axis, tuple) else (axis,))]
    return x, axis, d.array(0.5, 1, tuple(sizes))


def layered(d):
    x, _, _ = in_layers(d)
    gamma = d.array(0.5, 1, x.shape[-1:])
    return (x, gamma, d.array(shape=gamma.shape)), {"axis": -1, "epsilon": 1e-3}


def root_mean(d):
    x, axis, scale = in_layers(d)
    return (x, scale if axis != 1 else None), {"axis": axis, "epsilon": 1e-3}


def unit(d):
    x = d.array()
    return (x,), {"axis": d.axis(x), "order": int(d.whole(1, 4, ()))}


def halves(d):
    x = d.array(shape=(4, 2, 6))
    return (x,), {"axis": d.axis(x)}


def counted(*arguments, **options):
    return lambda d: (arguments, options)


def sized(**options):
    return lambda d: ((d.shape(),), options)


ANGLE = 0.95
ODD = (np.nan, np.inf, -np.inf, 0.0, 1.0)

#: name -> what it is called with
CASES = {
    "abs": one(),
    "absolute": one(),
    "add": two(),
    "all": reduced(-2, 2, 0.0),
    "allclose": tied,
    "amax": reduced(),
    "amin": reduced(),
    "any": reduced(0, 0, 1.0),
    "append": appended,
    "arange": counted(1.0, 5.0, 0.75),
    "arccos": one(-ANGLE, ANGLE),
    "arccosh": one(1.1, 30),
    "arcsin": one(-ANGLE, ANGLE),
    "arcsinh": one(-30, 30),
    "arctan": one(-30, 30),
    "arctan2": two(),
    "arctanh": one(-ANGLE, ANGLE),
    "argmax": at_one_axis(),
    "argmin": at_one_axis(),
    "argsort": along(),
    "array": one(),
    "array_split": lambda d: ((d.array(shape=(5, 3)), 2), {}),
    "average": averaged,
    "average_pool": pooled,
    "batch_normalization": by_moments,
    "binary_crossentropy": by_bit,
    "broadcast_to": lambda d: ((d.array(shape=(3, 1)), (2, 3, 4)), {}),
    "cast": lambda d: ((d.array(-5, 5), ["float64", "int32", "bool"][int(d.rng.integers(3))]), {}),
    "categorical_crossentropy": by_class,
    "cbrt": one(0.1, 9),
    "ceil": one(-5, 5),
    "celu": one(),
    "clip": clipped,
    "concatenate": joined,
    "conv": convolved,
    "conv_transpose": convolved_back,
    "convert_to_tensor": one(),
    "copy": one(),
    "cos": one(-9, 9),
    "cosh": one(-5, 5),
    "count_nonzero": lambda d: ((d.some(d.array(), [0.0]),), {"axis": 0}),
    "cross": crossed,
    "cumprod": along(0.2, 2),
    "cumsum": along(),
    "deg2rad": one(-180, 180),
    "depth_to_space": pixels,
    "depthwise_conv": by_channel,
    "diag": diagonal_of(None),
    "diagflat": diagonal_of(None),
    "diagonal": diagonals,
    "diff": differences,
    "digitize": lambda d: ((d.array(), np.array([-1.0, 0.0, 0.5])), {}),
    "divide": two(0.5, 2),
    "divide_no_nan": tied,
    "dot": dotted,
    "dsplit": lambda d: ((d.array(shape=(2, 3, 4)), 2), {}),
    "dstack": lambda d: listed(int(d.whole(1, 4, ())))(d),
    "elu": one(),
    "empty": sized(),
    "empty_like": one(),
    "equal": tied,
    "erf": one(),
    "erfc": one(-3, 3),
    "exp": one(),
    "exp2": one(),
    "expand_dims": grown,
    "expm1": one(),
    "eye": counted(3, 4, k=1),
    "fabs": one(),
    "flip": along(),
    "fliplr": lambda d: ((d.array(rank=2),), {}),
    "flipud": one(),
    "floor": one(-5, 5),
    "floor_divide": two(0.5, 9),
    "fmax": lambda d: ((d.some(d.array(shape=(4, 4)), [np.nan]), d.array(shape=(4, 4))), {}),
    "fmin": lambda d: ((d.some(d.array(shape=(4, 4)), [np.nan]), d.array(shape=(4, 4))), {}),
    "fmod": two(0.5, 9),
    "full": lambda d: (((3, 4), d.array(shape=(4,))), {}),
    "full_like": lambda d: ((d.array(shape=(3, 4)), d.array(shape=(4,))), {}),
    "gelu": lambda d: ((d.array(), d.yes()), {}),
    "geomspace": counted(1.0, 32.0, 6),
    "get_item": indexed,
    "glu": halves,
    "greater": tied,
    "greater_equal": tied,
    "hard_shrink": one(),
    "hard_sigmoid": one(-5, 5),
    "hard_silu": one(-5, 5),
    "hard_swish": one(-5, 5),
    "hard_tanh": one(),
    "heaviside": tied,
    "hsplit": lambda d: ((d.array(shape=(2, 4)), 2), {}),
    "hstack": lambda d: listed(int(d.whole(1, 4, ())))(d),
    "hypot": two(),
    "identity": counted(3),
    "in_top_k": among_the_first,
    "inner": inner,
    "isclose": tied,
    "isfinite": awkward(*ODD),
    "isin": lambda d: ((d.whole(0, 9), np.array([1, 4, 7])), {"invert": d.yes()}),
    "isinf": awkward(*ODD),
    "isnan": awkward(*ODD),
    "isneginf": awkward(*ODD),
    "isposinf": awkward(*ODD),
    "kron": pair_of(2),
    "layer_normalization": layered,
    "ldexp": lambda d: ((d.array(), d.whole(-3, 4, ())), {}),
    "leaky_relu": one(),
    "less": tied,
    "less_equal": tied,
    "linspace": counted(0.5, 3.0, 7, endpoint=False),
    "log": one(0.1, 9),
    "log10": one(0.1, 9),
    "log1p": one(-0.5, 9),
    "log2": one(0.1, 9),
    "log_sigmoid": one(-9, 9),
    "log_softmax": along(),
    "logaddexp": two(-9, 9),
    "logaddexp2": two(-9, 9),
    "logical_and": tied,
    "logical_not": awkward(0.0),
    "logical_or": tied,
    "logical_xor": tied,
    "logspace": counted(0.0, 2.0, 5),
    "logsumexp": reduced(-9, 9),
    "matmul": matrices,
    "max": reduced(),
    "max_pool": pooled,
    "maximum": two(),
    "mean": reduced(),
    "median": reduced(),
    "meshgrid": lambda d: (
        (d.array(rank=1), d.array(rank=1)),
        {"indexing": "ij" if d.yes() else "xy"},
    ),
    "min": reduced(),
    "minimum": two(),
    "mod": two(0.5, 9),
    "moments": lambda d: ((d.array(rank=3), (0, 2)), {"keepdims": d.yes()}),
    "moveaxis": moved,
    "multi_hot": several_classes,
    "multiply": two(),
    "nan_to_num": lambda d: ((d.some(d.array(), ODD),), {"posinf": 9.0, "neginf": -9.0}),
    "nanargmax": at_one_axis(np.nan),
    "nanargmin": at_one_axis(np.nan),
    "nancumprod": along(0.2, 2, np.nan),
    "nancumsum": along(-2, 2, np.nan),
    "nanmax": reduced(-2, 2, np.nan),
    "nanmean": reduced(-2, 2, np.nan),
    "nanmin": reduced(-2, 2, np.nan),
    "nanprod": reduced(0.5, 2, np.nan),
    "nanstd": reduced(-2, 2, np.nan),
    "nansum": reduced(-2, 2, np.nan),
    "nanvar": reduced(-2, 2, np.nan),
    "ndim": one(),
    "negative": one(),
    "norm": normed,
    "normalize": unit,
    "not_equal": tied,
    "one_hot": classes,
    "ones": sized(),
    "ones_like": one(),
    "outer": pair_of(2),
    "pad": padded,
    "percentile": percentiles,
    "power": two(0.3, 2),
    "prod": reduced(0.5, 2),
    "ptp": reduced(),
    "quantile": quantiles,
    "rad2deg": one(),
    "ravel": one(),
    "reciprocal": one(0.5, 2),
    "relu": one(),
    "relu6": one(-3, 9),
    "repeat": repeated,
    "reshape": reshaped,
    "rms_normalization": root_mean,
    "roll": rolled,
    "rot90": turned,
    "round": lambda d: ((d.array(-50, 50),), {"decimals": int(d.whole(-1, 3, ()))}),
    "rsqrt": one(0.5, 2),
    "saturate_cast": lambda d: ((d.array(-500, 500), "int8"), {}),
    "searchsorted": searched,
    "select": selected,
    "selu": one(),
    "separable_conv": separated,
    "shape": one(),
    "sigmoid": one(),
    "sign": one(),
    "signbit": one(),
    "silu": one(),
    "sin": one(-9, 9),
    "sinc": awkward(0.0),
    "sinh": one(),
    "size": one(),
    "slice": block,
    "slice_update": block_update,
    "soft_shrink": one(),
    "softmax": along(),
    "softplus": one(),
    "softsign": one(),
    "sort": along(),
    "space_to_depth": pixels,
    "sparse_categorical_crossentropy": by_label,
    "sparse_plus": one(),
    "sparse_sigmoid": one(),
    "sparsemax": along(),
    "split": parted,
    "sqrt": one(0.1, 9),
    "square": one(),
    "squareplus": one(),
    "squeeze": shrunk,
    "stack": stacked,
    "std": reduced(),
    "stop_gradient": one(),
    "subtract": two(),
    "sum": reduced(),
    "swapaxes": lambda d: ((d.array(rank=3), 0, int(d.whole(0, 3, ()))), {}),
    "swish": one(),
    "take": taken,
    "take_along_axis": taken_along,
    "tan": one(-1.2, 1.2),
    "tanh": one(),
    "tanh_shrink": one(),
    "tensordot": contracted,
    "threshold": lambda d: ((d.array(), 0.3, -0.5), {}),
    "tile": tiled,
    "top_k": ranked,
    "trace": diagonals,
    "transpose": ordered,
    "trapezoid": areas,
    "tri": counted(3, 4, k=-1),
    "tril": square,
    "triu": square,
    "true_divide": two(0.5, 2),
    "trunc": one(-5, 5),
    "unstack": along(),
    "var": reduced(),
    "vdot": pair_of(2),
    "vsplit": lambda d: ((d.array(shape=(4, 3)), [1, 2]), {}),
    "vstack": lambda d: listed(int(d.whole(1, 4, ())))(d),
    "where": chosen,
    "zeros": sized(),
    "zeros_like": one(),
}


def arguments(name, seed):
    """The arguments of a function, and its options."""
    return CASES[name](Draw([seed, zlib.crc32(name.encode())]))


def in_precision(given, dtype):
    """The arguments with their arrays of numbers in another precision."""

    def converted(leaf):
        real = isinstance(leaf, np.ndarray) and leaf.dtype == np.float64
        return leaf.astype(dtype) if real else leaf

    return nests.apply(converted, given)


def numbers(nest):
    """What a function returned, as a list of arrays in float64."""
    return [np.asarray(leaf, np.float64) for leaf in nests.flatten(nest)]


def assert_near(ours, theirs, share):
    """Compare, relative to each number and to the largest."""
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        finite = np.abs(b[np.isfinite(b)])
        np.testing.assert_allclose(a, b, rtol=share, atol=share * max(finite.max(initial=0), 0.1))


def differentiable(given):
    """Which of the arguments, taken flat, are arrays that one can differentiate by."""
    return [
        i
        for i, leaf in enumerate(nests.flatten(given))
        if isinstance(leaf, np.ndarray) and leaf.dtype == np.float64 and np.isfinite(leaf).all()
    ]
