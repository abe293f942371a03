"""export_c: C99 that compiles without a warning, needs no library, and has the bits of predict."""

import os
import re
import shutil
import subprocess

import numpy as np
import op_cases
import pytest
from test_layers import CASES

import fastnn
from fastnn import Input, Model, Sequential, _core, config, export_c, layers, nests, ops
from fastnn.c99.file import C_TYPES, Argument, Net, lines
from fastnn.c99.library import operations, pieces
from fastnn.c99.pieces import needed
from fastnn.c99.steps import Steps
from fastnn.compiler import lower
from fastnn.compiler.bind import Compiled
from fastnn.compiler.graph import Graph, Tensor
from fastnn.compiler.program import Memory, Program
from fastnn.errors import DTypeError, NotBuiltError, ShapeError
from fastnn.layers import Dense
from fastnn.ops.table import activation_names, binary_names, curve_names, table

STRICT = "-std=c99 -pedantic -Wall -Wextra -Werror"
ARM, ARM32, RISCV = "aarch64-linux-gnu", "arm-linux-gnueabihf", "riscv64-linux-gnu"
#: compiler -> what runs its programs; those that are not here are left to CI, which has them all
COMPILERS = {
    name: run
    for name, run in {
        "gcc": "",
        "clang": "",
        f"{ARM}-gcc": f"qemu-aarch64 -L /usr/{ARM}",
        f"{ARM32}-gcc": f"qemu-arm -L /usr/{ARM32}",
        f"{RISCV}-gcc": f"qemu-riscv64 -L /usr/{RISCV}",
    }.items()
    if shutil.which(name) and shutil.which(run.split()[0] if run else name)
}
DTYPES = ["float32", "float64"]
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
STRICTEST = "clang" if "clang" in COMPILERS else next(iter(COMPILERS))
CORTEX = "-mcpu=cortex-a7 -mfpu=neon-vfpv4"  # with fused multiply-add
SANITIZED = "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
SOFTWARE = "-DHARDWARE_FMA=0 -DHARDWARE_FLUSH=0"
#: whether this processor's kernels fuse what they multiply and add, as files in C do
FUSED = fastnn.isa() != "base"


def test_a_compiler_is_there():
    assert COMPILERS
    assert FUSED


def compiled(sources, flags, compiler=None, to="net"):
    """Compile C; return the path of what was made, which does not depend on warnings: they are
    errors."""
    compiler = compiler or next(iter(COMPILERS))
    sources = [str(source) for source in sources]
    folder = os.path.dirname(sources[0])
    made = os.path.join(folder, to)
    done = subprocess.run(
        [compiler, *sources, *flags.split(), "-o", made], capture_output=True, text=True
    )
    assert not done.stderr, done.stderr[:2000]
    return made


def run(program, compiler=None):
    """Run a program; return what it says."""
    emulator = COMPILERS[compiler].split() if compiler else []
    done = subprocess.run([*emulator, program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_same_bits(path, flags=f"{STRICT} -O1", compiler=None):
    """Compile a file with its test, and run that."""
    stem = path.stem.upper()
    said = run(compiled([path], f"{flags} -D{stem}_TEST", compiler), compiler)
    right, total = re.fullmatch(r"\w+: (\d+) of (\d+) samples .*\n", said).groups()
    assert right == total != "0"


def awkward(rng, shape, rows=6):
    """Samples of small and large numbers, some with infinities, NaNs and almost nothing."""
    x = rng.normal(size=(rows, *shape)) * 3
    x[-3] *= 1e3
    x[-2][rng.random(shape) < 0.2] = np.inf
    x[-1][rng.random(shape) < 0.2] = np.nan
    x[-1][rng.random(shape) < 0.2] = 1e-35
    return x


def branches(cases, dtype):
    """A model of branches, each from an input of its own: (layer, shape, what draws samples)."""
    fastnn.set_seed(3)
    rng = np.random.default_rng(5)
    ins, outs, xs = [], [], []
    for layer, shape, draw in cases:
        ins.append(Input(shape, dtype=dtype))
        outs.append(layer(ins[-1]))
        xs.append(draw(rng, shape).astype(dtype))
    model = Model(ins, outs)
    for variable in model.weights:  # variances are not negative
        drawn = rng.normal(size=variable.shape) / 2
        variable.assign(np.abs(drawn) + 0.1 if "variance" in variable.path else drawn)
    return model, xs


@every_dtype
def test_every_layer(dtype, tmp_path):
    cases = [(c(**o), s, awkward) for c, each in CASES.items() for o, s, _ in each]
    model, xs = branches(cases, dtype)
    export_c(model, tmp_path / "net.c", test=xs)
    assert_same_bits(tmp_path / "net.c")


def ids(most):
    return lambda rng, shape: rng.integers(0, most, (6, *shape))


def masked(rng, shape):
    x = awkward(rng, shape)
    x[:3, 1::2] = 0
    return x


def merged(layer, *shapes):
    """A branch that parts its input and merges the parts."""

    def call(x):
        parts, at = [], 0
        for shape in shapes:
            size = int(np.prod(shape))
            parts.append(layers.Reshape(shape)(x[:, at : at + size]))
            at += size
        return layer(parts)

    return call, (sum(int(np.prod(shape)) for shape in shapes),), awkward


def chain(*parts):
    def call(x):
        for part in parts:
            x = part(x)
        return x

    return call


def others():
    """Layers that have cases elsewhere: merges, ids, masks, walks over time, wrappers; sums longer
    than a block, rows longer than the chains that sum them."""
    two = ((3, 5), (3, 5))
    merges = [layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum]
    words = layers.Embedding(9, 5, mask_zero=True)
    walks = [layers.SimpleRNN, layers.LSTM, layers.GRU]
    several = {"return_sequences": True}
    return [
        *(merged(each(), *two) for each in [*merges, layers.Minimum]),
        merged(layers.Concatenate(axis=1), (3, 5), (2, 5), (4, 5)),
        merged(layers.Dot(axes=(1, 2)), (4, 3), (2, 4)),
        merged(layers.Dot(axes=1, normalize=True), (7,), (7,)),
        merged(layers.Dot(axes=-1), (2, 300), (3, 300)),
        (layers.Embedding(7, 3), (4,), ids(7)),
        (chain(words, layers.LSTM(4)), (6,), ids(9)),
        (chain(words, layers.GRU(4, reset_after=False)), (6,), ids(9)),
        (chain(words, layers.GlobalAveragePooling1D()), (6,), ids(9)),
        (layers.CategoryEncoding(5, output_mode="count"), (4,), ids(5)),
        (layers.CategoryEncoding(5, output_mode="multi_hot"), (4,), ids(5)),
        (layers.Discretization(bin_boundaries=[-1.0, 0.0, 2.0]), (4,), awkward),
        *((chain(layers.Masking(), each(5, **several)), (5, 3), masked) for each in walks),
        *((each(4, go_backwards=True, activation="relu"), (5, 3), awkward) for each in walks),
        (layers.LSTM(20, recurrent_activation="relu"), (3, 2), awkward),
        (layers.SimpleRNN(260), (2, 3), awkward),
        (layers.Bidirectional(layers.LSTM(3, **several)), (4, 3), awkward),
        (layers.TimeDistributed(layers.Conv2D(3, 2)), (3, 4, 5, 2), awkward),
        (layers.TimeDistributed(Dense(65)), (64, 256), awkward),  # panels
        (layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], **several), (4, 3), awkward),
        (Dense(37, "relu"), (700,), awkward),
        (layers.Conv2D(37, 3, padding="same"), (5, 6, 40), awkward),
        (layers.Conv2D(6, 5, groups=2, strides=2), (9, 8, 30), awkward),
        (layers.Conv2D(5, 3, dilation_rate=(1, 2), padding="same"), (6, 7, 33), awkward),
        (layers.Conv1D(4, 5, padding="causal", dilation_rate=2), (9, 70), awkward),
        (layers.Conv2DTranspose(3, 4, strides=3, padding="same"), (4, 5, 60), awkward),
        (layers.DepthwiseConv2D((20, 19), padding="same"), (21, 22, 3), awkward),
        (layers.DepthwiseConv1D(300, padding="same"), (310, 2), awkward),
        (layers.AveragePooling2D(3, strides=2, padding="same"), (7, 8, 3), awkward),
        (layers.GlobalAveragePooling2D(), (20, 30, 3), awkward),
        (layers.Softmax(), (100,), awkward),
        (layers.LayerNormalization(), (2, 150), awkward),
        (layers.GroupNormalization(2), (5, 7, 6), awkward),
        (layers.BatchNormalization(), (3, 4), awkward),
        (chain(Dense(6), layers.BatchNormalization(), layers.ReLU()), (3,), awkward),
        (lambda x: ops.sum(x, axis=1), (2500,), awkward),
        (lambda x: ops.max(x, axis=2), (150, 150), awkward),
        (lambda x: ops.mean(x, axis=1), (150, 3), awkward),
        (lambda x: ops.sort(x, axis=-1), (50,), awkward),
        (lambda x: x, (3,), awkward),
    ]


@every_dtype
def test_layers_of_several_kinds_and_long_sums(dtype, tmp_path):
    model, xs = branches([(layer, s, few(draw)) for layer, s, draw in others()], dtype)
    export_c(model, tmp_path / "net.c", test=xs)
    assert_same_bits(tmp_path / "net.c")


def sliding(rng):
    """How a window of random size slides over images of random size, which it fits into."""
    window, gap = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
    image = (window - 1) * gap + rng.integers(1, 6, 2)
    options = {"padding": str(rng.choice(["valid", "same"]))}
    if (gap == 1).all():
        return (
            window.tolist(),
            image.tolist(),
            {**options, "strides": rng.integers(1, 4, 2).tolist()},
        )
    return window.tolist(), image.tolist(), {**options, "dilation_rate": gap.tolist()}


def at_random(rng):
    """A layer of random options, and the shape of a sample."""
    kind = rng.choice(["conv", "transposed", "depthwise", "pool", "dense", "norm", "scores"])
    window, image, options = sliding(rng)
    groups, n = int(rng.integers(1, 4)), int(rng.integers(1, 40))
    shape = (*image, groups * int(rng.integers(1, 30)))
    if kind == "conv":
        options |= {"groups": groups, "activation": str(rng.choice(["relu", "silu", "linear"]))}
        return layers.Conv2D(groups * n, window, **options), shape
    if kind == "transposed":
        return layers.Conv2DTranspose(n, window, **options), shape
    if kind == "depthwise":
        options["strides"] = [max(options.get("strides", [1]))] * 2
        return layers.DepthwiseConv2D(window, **options, use_bias=n % 2 == 0), shape
    if kind == "pool":
        options.pop("dilation_rate", None)
        cls = layers.MaxPooling2D if n % 2 else layers.AveragePooling2D
        return cls(window, **options), shape
    if kind == "dense":
        return Dense(n, "tanh", use_bias=n % 3 > 0), (int(rng.integers(1, 600)),)
    if kind == "norm":
        return layers.GroupNormalization(groups, axis=-1), shape
    return layers.Softmax(), (n, int(rng.integers(1, 80)))


@every_dtype
def test_layers_of_random_shapes(dtype, seed, tmp_path):
    rng = np.random.default_rng([seed, DTYPES.index(dtype)])
    cases = [(*at_random(rng), few(awkward)) for _ in range(25)]
    model, xs = branches(cases, dtype)
    export_c(model, tmp_path / "net.c", test=xs)
    assert_same_bits(tmp_path / "net.c", f"{STRICT} -O0 {SANITIZED}")


def few(draw):
    """Three samples of each kind."""
    return lambda rng, shape: draw(rng, shape)[[0, -2, -1]]


@every_dtype
def test_the_largest_scores(dtype, tmp_path):
    """Ties, NaNs and infinities among them; `op_cases` knows what Keras has alone."""
    x, t = (Input((2, 6), dtype=dtype, name=name) for name in "xt")
    found = [ops.keep_top_k(x, 2), ops.keep_top_k(x, 9), ops.in_top_k(t, x, 2)]
    rng = np.random.default_rng(7)
    odd = [np.nan, np.inf, -np.inf, -0.0, 1e-40, 2.0]
    samples = [rng.integers(0, 3, (300, 2, 6)).astype(dtype) for _ in range(2)]
    for each in samples:
        here = rng.random(each.shape) < 0.2
        each[here] = rng.choice(odd, here.sum())
    export_c(Model([x, t], found), tmp_path / "net.c", test=samples)
    assert_same_bits(tmp_path / "net.c", f"{STRICT} -O0 {SANITIZED}")


# ---- every function of fastnn.ops, of tests/op_cases.py, in one file -----------------------------


class Functions:
    """A graph that calls functions on arrays, as inputs of a network without rows."""

    def __init__(self, dtype):
        self.dtype, self.graph, self.xs, self.ys = dtype, Graph(), [], []

    def call(self, name, seed):
        args, options = op_cases.arguments(name, seed)
        given = op_cases.in_precision([list(args), options], self.dtype)
        args, options = nests.apply(self.stand_in, given)
        with self.graph.scope(name):
            made = nests.flatten(getattr(ops, name)(*args, **options))
            kept = [lower.settle(self.graph, y, "out") for y in made if isinstance(y, Tensor)]
        for tensor in kept:
            tensor.name = f"out{len(self.ys)}"
            self.ys.append(np.empty(tensor.shape, self.dtype))

    def stand_in(self, leaf):
        if not isinstance(leaf, np.ndarray) or leaf.dtype != self.dtype or not leaf.size:
            return leaf
        self.xs.append(leaf)
        return self.graph.place(f"x{len(self.xs) - 1}", leaf.shape, "source")

    def net(self):
        """The network in C, with what the kernels compute."""
        program = Program.of(self.graph, 1, self.dtype, once=False)
        memory = Memory(program, {})
        kernels = Compiled(program, memory, config.isa(self.dtype), 1)
        lent = {f"x{i}": x for i, x in enumerate(self.xs)}
        lent |= {f"out{i}": y for i, y in enumerate(self.ys)}
        kernels.lend({name: lent[name] for name in program.lent})
        kernels.run(_core.Run(1, 1, watch=False))
        kind = C_TYPES[self.dtype]
        steps = Steps(program, memory, [kind] * len(self.xs), len(self.ys))
        xs, ys = (
            [Argument(kind, f"{stem}{i}", x.shape, x[None]) for i, x in enumerate(arrays)]
            for stem, arrays in (("x", self.xs), ("y", self.ys))
        )
        return Net("net", "net.c", self.dtype, [], steps, xs, ys)


@every_dtype
def test_every_function(dtype, tmp_path):
    functions = Functions(dtype)
    for name in sorted(op_cases.CASES):
        for seed in range(2):
            functions.call(name, seed)
    assert len(functions.ys) > 400
    path = tmp_path / "net.c"
    path.write_text("\n".join([*lines(functions.net()), ""]))
    assert_same_bits(path, f"{STRICT} -O0")


# ---- whole networks, by every compiler -----------------------------------------------------------


def digits():
    return [
        layers.Rescaling(1 / 255),
        layers.Rescaling([0.5], [[[1]]]),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.5),
        Dense(10, activation="softmax"),
    ]


class Residual(layers.Layer):
    """A user's own layer, of layers: a block of a residual network."""

    def __init__(self, channels, name=None):
        super().__init__(name=name)
        self.first = layers.Conv2D(channels, 3, padding="same", use_bias=False)
        self.norm, self.other = layers.BatchNormalization(), layers.BatchNormalization()
        self.second = layers.Conv2D(channels, 3, padding="same", use_bias=False)

    def call(self, x):
        y = ops.relu(self.norm(self.first(x)))
        return ops.relu(self.other(self.second(y)) + x)


def numbers():
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(1).normal(5, 3, (40, 7)))
    return [norm, Dense(20, "gelu"), layers.LayerNormalization(), Dense(20, "tanh"), Dense(1)]


def words():
    return [layers.Embedding(30, 6, mask_zero=True), layers.Bidirectional(layers.LSTM(5)), Dense(2)]


#: name -> (layers, shape of a sample, samples)
NETS = {
    "digits": (digits, (8, 8, 1), lambda rng, shape: rng.integers(0, 256, (5, *shape))),
    "residual": (lambda: [Residual(5), Residual(5)], (6, 6, 5), awkward),
    "numbers": (numbers, (7,), awkward),
    "words": (words, (7,), ids(30)),
}


def network(name, dtype):
    """A network whose weights have moved, and samples."""
    make, shape, draw = NETS[name]
    fastnn.set_seed(2)
    rng = np.random.default_rng(4)
    model = Sequential([Input(shape), *make()], dtype=dtype)
    model.compile("adam", "mse")
    x = draw(rng, shape).astype(dtype)
    finite = np.where(np.isfinite(x), np.clip(x, -300, 300), 0)
    model.fit(finite, np.zeros((len(x), *model.output_shape[1:])), epochs=2, verbose=0)
    return model, x


#: flags that change what the compiler makes of a file, and must not change its bits
WAYS = {
    "gcc": ["-O0", "-O2", "-O3 -march=native", f"-O2 {SOFTWARE}", "-O1 -DHARDWARE_FLUSH=0"],
    "clang": ["-O2", "-O3 -march=native", f"-O1 {SOFTWARE}"],
    f"{ARM}-gcc": ["-O0", "-O3", f"-O2 {SOFTWARE}"],
    f"{ARM32}-gcc": ["-O2", f"-O3 {CORTEX}", f"-O2 {CORTEX} {SOFTWARE}"],
    f"{RISCV}-gcc": ["-O2", "-O3 -DHARDWARE_FMA=0"],
}
EVERY_WAY = [(c, flags) for c, ways in WAYS.items() if c in COMPILERS for flags in ways]


@every_dtype
@pytest.mark.parametrize("name", NETS)
def test_a_network_of_every_way_is_the_same(name, dtype, some, tmp_path):
    model, x = network(name, dtype)
    path = tmp_path / "net.c"
    export_c(model, path, test=x)
    for compiler, flags in some(EVERY_WAY, 4):
        assert_same_bits(path, f"{STRICT} {flags}", compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_no_mode_of_a_compiler_fuses_more(compiler, tmp_path):
    """GNU C fuses a b + c where it can, and GCC where it is told to, unless the file says no."""
    made = [layers.LayerNormalization(), layers.Resizing(5, 7), Dense(5, "tanh")]
    cases = [(layer, (4, 5, 6), awkward) for layer in made]
    model, xs = branches(cases, "float32")
    export_c(model, tmp_path / "net.c", test=xs)
    native = "-march=native" if compiler in ("gcc", "clang") else ""
    fast = "" if compiler == "clang" else "-ffp-contract=fast"
    assert_same_bits(tmp_path / "net.c", f"-std=gnu11 -O3 {native} {fast}", compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_fast_math_is_refused(compiler, tmp_path):
    model = Sequential([Input((2,)), Dense(1)])
    export_c(model, tmp_path / "net.c")
    with pytest.raises(AssertionError, match="ffast-math lets the compiler change results"):
        compiled([tmp_path / "net.c"], "-Ofast -c", compiler)


def test_a_processor_that_keeps_more_digits_is_refused(tmp_path):
    model = Sequential([Input((2,)), Dense(1, "tanh")])
    export_c(model, tmp_path / "net.c")
    if os.uname().machine != "x86_64":
        return  # others compute in what they store
    old = "-c -m32 -ffreestanding -msse2"
    compiled([tmp_path / "net.c"], f"{old} -mfpmath=sse")
    with pytest.raises(AssertionError, match="more digits than it stores"):
        compiled([tmp_path / "net.c"], f"{old} -mfpmath=387")


# ---- what the file is ----------------------------------------------------------------------------


@every_dtype
def test_no_library_is_needed(dtype, tmp_path):
    cases = [(c(**o), s, awkward) for c, each in CASES.items() for o, s, _ in each[:1]]
    model, _ = branches(cases, dtype)
    export_c(model, tmp_path / "net.c")
    compiled([tmp_path / "net.c"], f"{STRICT} -O1 -shared -fPIC -nostdlib -Wl,-z,defs")


CALLER = """
#define ONE_DECLARATIONS
#include "one.c"
#define OTHER_DECLARATIONS
#include "other.c"
#include <stdio.h>

int main(void)
{
    static one_workspace a, b;
    float x[ONE_X_SIZE] = {1, 2, 3}, y[2][ONE_Y_SIZE];
    double z[OTHER_Y_SIZE], from[OTHER_X_SIZE] = {1, 2, 3};
    one_predict_with(&a, x, y[0]);
    one_predict_with(&b, x, y[1]);
    other_predict(from, z);
    printf("%a %a %a %d\\n", (double)y[0][1], (double)y[1][1], z[1], (int)sizeof a);
    return 0;
}
"""


def test_two_networks_in_one_program(tmp_path):
    said = []
    for name, dtype in (("one", "float32"), ("other", "float64")):
        model = Sequential([Input((3,)), Dense(4, "tanh"), Dense(2)], dtype=dtype)
        export_c(model, tmp_path / f"{name}.c")
        said.append(float(model.predict(np.array([[1, 2, 3]], dtype))[0, 1]).hex())
    (tmp_path / "main.c").write_text(CALLER)
    sources = [tmp_path / name for name in ("main.c", "other.c")]
    compiled([tmp_path / "one.c"], f"{STRICT} -O1 -c -DONE_NO_STATIC", to="one.o")
    printed = run(compiled([*sources, tmp_path / "one.o"], f"{STRICT} -O1")).split()
    assert [float.fromhex(x).hex() for x in printed[:3]] == [said[0], said[0], said[1]]
    assert int(printed[3]) >= 4 * 4


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_inputs_may_be_whole_numbers(dtype, tmp_path):
    model, x = network("digits", "float32")
    path = tmp_path / "net.c"
    export_c(model, path, input_dtype=dtype, test=x.astype(dtype))
    assert f"void net_predict(const {dtype}_t *x, float *y);" in path.read_text()
    assert_same_bits(path)
    with pytest.raises(ValueError, match="test has numbers that are no"):
        export_c(model, path, input_dtype=dtype, test=x + 0.5)


def test_inputs_of_different_types(tmp_path):
    a, b = Input((3,)), Input((2, 2))
    model = Model({"a": a, "b": b}, [Dense(2)(a), layers.Flatten()(b)])
    x = {"a": np.ones((3, 3)), "b": np.arange(12).reshape(3, 2, 2)}
    path = tmp_path / "net.c"
    export_c(model, path, input_dtype=["float32", "uint8"], test=x)
    assert "(const float *x0, const uint8_t *x1, float *y0, float *y1);" in path.read_text()
    assert_same_bits(path)


def test_a_test_can_fail(tmp_path):
    model = Sequential([Input((3,)), Dense(2)])
    path = tmp_path / "net.c"
    export_c(model, path, test=np.ones((2, 3)))
    text = path.read_text()
    wrong = text.replace("test_y[4] = {\n    ", "test_y[4] = {\n    1 + ")
    assert wrong != text
    path.write_text(wrong)
    program = compiled([path], f"{STRICT} -DNET_TEST")
    done = subprocess.run([program], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:12]) == (1, "net: 1 of 2 ")


def test_numbers_of_the_comment(tmp_path):
    model = Sequential([Input((3,)), Dense(4, "relu", name="né"), Dense(2)])
    path = tmp_path / "net.c"
    export_c(model, path)
    text = path.read_text()
    assert "Constants take 104 bytes" in text
    assert "float memory[16]" in text
    assert "#define NET_X_SIZE 3" in text
    compiled([path], f"{STRICT} -c")


@every_dtype
def test_a_piece_brings_what_it_uses_and_no_more(dtype, tmp_path):
    """What is there and not used is a warning, of clang for more than of gcc."""
    known = pieces(dtype == "float64")
    functions = [f"activation_{name}" for name in activation_names()]
    functions += [f"curve_{name}" for name in curve_names()]
    functions += [f"binary_{name}" for name in binary_names()]
    mine = list(operations())[DTYPES.index(dtype) :: 2]
    for index, roots in enumerate([functions, *([f"op_{name}"] for name in mine)]):
        text = "\n".join(piece.text for piece in needed(known, roots))
        uses = ", ".join(f"(void *)&{name}" for name in roots)
        use = f"extern void *used[];\nvoid *used[] = {{{uses}}};\n"
        source = f"#include <float.h>\n#include <stdint.h>\n{text}\n{use}"
        (tmp_path / f"{index}.c").write_text(source)
    flags = f"{STRICT.replace('-pedantic', '')} -Dgiven=int32_t -fsyntax-only"
    done = subprocess.run(
        [STRICTEST, *flags.split(), *tmp_path.glob("*.c")], capture_output=True, text=True
    )
    assert not done.stderr, done.stderr[:2000]


# ---- arithmetic ----------------------------------------------------------------------------------

HARNESS = """
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#undef INFINITY
#undef NAN
{pieces}
static uint64_t state = 88172645463325252u;
static uint64_t draw(void)
{{
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state * 2685821657736338717u;
}}
/* bits of any kind, with exponents that are near one another in every second case */
static real number(int near)
{{
    real_bits bits = (real_bits)(draw() >> 16) ^ (real_bits)draw();
    if (near) bits = (bits & ~((real_bits)(2 * REAL_BIAS + 1) << REAL_FRACTION)) |
                     (real_bits)(REAL_BIAS + (int)(draw() % 64) - 32) << REAL_FRACTION;
    if (draw() % 2) bits &= (real_bits)-1 << (REAL_FRACTION - draw() % 12); /* ties are likely */
    if (draw() % 4 == 0)
        bits = (bits & ~REAL_FRACTION_MASK) | (real_bits)1 << draw() % REAL_FRACTION;
    return normal(from_bits(bits));
}}
static int same(real a, real b)
{{
    if (fabs(b) < (double)REAL_SMALLEST * 1.01) return fabs(a - b) <= (double)REAL_SMALLEST * 1.01;
    return same_bits(&a, &b, 1);
}}
int main(void)
{{
    for (int i = 0; i < 1000000; i++) {{
        real a = number(i % 2), b = number(i % 2), c = i % 3 ? number(i % 2) : -(a * b);
        if (!same(fused(a, b, c), {fma}(a, b, c))) return printf("fma %a %a %a\\n", a, b, c), 1;
        if (i % 4 == 0 && !same(v_sqrt(a), {sqrt}(a))) return printf("sqrt %a\\n", a), 1;
    }}
    return 0;
}}
"""


@every_dtype
def test_what_is_computed_without_hardware_is_what_hardware_computes(dtype, tmp_path):
    double = dtype == "float64"
    wanted = [
        "fused",
        "v_sqrt",
        "same_bits",
        "normal",
        "REAL_BIAS",
        "from_bits",
        "REAL_FRACTION_MASK",
    ]
    used = needed(pieces(double), wanted)
    suffix = "" if double else "f"
    text = "\n".join(piece.text for piece in used)
    text = HARNESS.format(pieces=text, fma=f"fma{suffix}", sqrt=f"sqrt{suffix}")
    (tmp_path / "net.c").write_text(text)
    native = "-march=native" if os.uname().machine == "x86_64" else ""
    run(compiled([tmp_path / "net.c"], f"-std=c99 -O2 {native} {SOFTWARE} -lm"))


def test_numbers_that_are_not_normal_count_as_0_with_and_without_hardware(tmp_path):
    """predict, a processor's mode and arithmetic without one agree on what is almost nothing."""
    fastnn.set_seed(1)
    model = Sequential([Input((40,)), Dense(30), Dense(20, "tanh"), Dense(10)])
    x = np.random.default_rng(0).normal(size=(20, 40)) * 10.0 ** -np.arange(26, 46)[:, None]
    export_c(model, tmp_path / "net.c", test=x.astype("float32"))
    for flags in ("", SOFTWARE, "-DHARDWARE_FLUSH=0", "-DHARDWARE_FMA=0"):
        assert_same_bits(tmp_path / "net.c", f"{STRICT} -O2 {flags}")


# ---- what is refused -----------------------------------------------------------------------------


class Python(layers.Layer):
    def forward(self, x):
        return x + 1

    def backward(self, dy):
        return dy


REFUSED = {
    "own": (lambda: Python(name="own"), {}, "'own' is Python code"),
    "stateful": (lambda: layers.LSTM(2, stateful=True, name="s"), {"batch_size": 1}, "'s' keeps a"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layers_without_a_form_in_c_are_named(name, tmp_path):
    make, options, message = REFUSED[name]
    model = Sequential([Input((3, 2), **options), make(), Dense(1)])
    with pytest.raises(ValueError, match=f"export_c: layer {message}") as caught:
        export_c(model, tmp_path / "net.c")
    assert len(str(caught.value)) < 400
    assert not list(tmp_path.iterdir())


def test_what_is_random_is_refused(tmp_path):
    class Noisy(layers.Layer):
        def call(self, x):
            return layers.Dropout(0.5)(x, training=True)

    model = Sequential([Input((3,)), Noisy(name="noisy")])
    with pytest.raises(ValueError, match=r"layer 'noisy.*needs the operation 'dropout'"):
        export_c(model, tmp_path / "net.c")


@pytest.mark.parametrize("name", ["", "1net", "a-b", "int", "né", "n" * 42, 3, b"net"])
def test_a_name_is_an_identifier(name, tmp_path):
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(ValueError, match=r"export_c: name is .* (an identifier|a word) of C"):
        export_c(model, tmp_path / "net.c", name)


def test_the_name_of_a_file_may_be_none(tmp_path):
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(ValueError, match="export_c: the name of the file is 'my-net', expected"):
        export_c(model, tmp_path / "my-net.c")
    export_c(model, tmp_path / "my-net.c", "my_net")
    assert "void my_net_predict(" in (tmp_path / "my-net.c").read_text()


@pytest.mark.parametrize("given", ["float64", "int8", 3, ["uint8", "uint8"], []])
def test_an_input_is_of_a_type_that_is_known(given, tmp_path):
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises((DTypeError, ValueError, TypeError), match="export_c: input_dtype"):
        export_c(model, tmp_path / "net.c", input_dtype=given)


def test_models_that_are_not_ready(tmp_path):
    path = tmp_path / "net.c"
    with pytest.raises(NotBuiltError):
        export_c(Sequential([Dense(1)]), path)
    mixed = Sequential([Input((3,)), Dense(1)], dtype="mixed_bfloat16")
    with pytest.raises(ValueError, match="computes in 'mixed_bfloat16'"):
        export_c(mixed, path)
    model = Sequential([Input((3,)), Dense(1)])
    with pytest.raises(ShapeError, match="export_c"):
        export_c(model, path, test=np.ones((2, 4)))
    with pytest.raises(TypeError, match="export_c: model is a"):
        export_c("net", path)
    assert not list(tmp_path.iterdir())


def test_operations_are_those_of_the_table():
    """Each has in C what the table says: axes, attributes and operands."""
    for name, parameters in operations().items():
        op = table()[name]
        known = {axis.upper() for axis in op.axes} | {*op.attributes, "first", "scratch"}
        known |= {operand.name for operand in (*op.inputs, *op.outputs)}
        assert {each for _, each in parameters} <= known, name
