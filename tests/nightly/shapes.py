"""The campaign of random shapes: every op in sizes that nobody thought of; see night.py.

A fixed case of an op (fastnn/reference/cases.py) says which attributes, operands and numbers go
together; its sizes are drawn anew, and what follows from them is computed again.
"""

import math
from dataclasses import replace

import numpy as np
from campaign import report

from fastnn import _core
from fastnn.compiler.geometry import Window
from fastnn.compiler.packing import panels_of
from fastnn.errors import ShapeError
from fastnn.ops.table import table
from fastnn.reference.cases import cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops

#: Numbers of the largest operand, operations of the kernel: a case takes its twin milliseconds.
NUMBERS, OPERATIONS = 1 << 15, 1 << 20

#: Operands whose sizes have a meaning of their own.
OWN = {"hyper", "step", "product", "map"}
GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def size(rng, limit):
    """Return a size: mostly small, or on either side of a vector, a tile, a block."""
    found = rng.choice(
        [
            rng.randint(1, 20),
            rng.randint(1, 20),
            max(1, 8 * rng.randint(1, 16) + rng.randint(-1, 1)),
            rng.randint(1, 300),
            max(1, 256 * rng.randint(1, 4) + rng.randint(-1, 1)),
        ]
    )
    return found if found <= limit else rng.randint(1, limit)


def cost(case):
    """Return the numbers of the largest operand and the operations of a case."""
    op = table()[case.op]
    counts = {
        axis: math.prod(case.rows if n is None else n for n in shape)
        for axis, shape in case.sizes.items()
    }
    rows = case.rows * case.steps
    numbers = max(math.prod(case.filled(o, rows)) for o in (*op.inputs, *op.outputs))
    return numbers, sum(f * math.prod(counts[a] for a in letters) for f, letters in op.flops)


def free(case):
    """Return the axes whose sizes may be any."""
    op = table()[case.op]
    own = {axis for o in op.inputs + op.outputs if o.name in OWN for axis in o.axes}
    own |= {"k"} if case.op in ("accumulate", "accumulate_batch") else set()
    return [axis for axis in case.sizes if axis not in own]


def panels(case, rng):
    return {axis: (n,) for axis, n in panels_of(case.sizes["o"][0]).items()}, {}


def gates(case, rng):
    return {"g": (GATES[case.op.split("_")[0]] * case.sizes["h"][0],)}, {}


def joined(case, rng):
    return {"k": (case.sizes["i"][0] + case.sizes["j"][0],)}, {}


def classes(case, rng):
    return {"k": (max(case.sizes["c"][0], 2) ** 2,)}, {}


def columns(case, rng):
    return {"k": (case.sizes["n"][0] + 1,)}, {}


def counts(case, rng):
    n, k = case.sizes["n"][0], case.sizes["k"][0]
    return {"m": (2 * n * (k + 1),)}, {}


def groups(case, rng):
    return {"c": (case.sizes["g"][0] * rng.randint(1, 24),)}, {}


def vector(case, rng):
    """A weight that is no matrix has one row."""
    return {"o": (1,), "n": (1,)} if "r" in case.absent else {}, {}


def window(case, rng):
    """A window of any size, with any strides, dilation and padding; groups divide all channels."""
    extent = [rng.randint(1, 14) for _ in "hw"]
    kernel, strides, dilation = ([rng.randint(1, 4) for _ in "hw"] for _ in range(3))
    strides, dilation = ([1 if rng.random() < 0.6 else n for n in p] for p in (strides, dilation))
    pads = rng.choice(["same", "valid", (rng.randint(0, 2), rng.randint(0, 2))])
    if "pool2d" in case.op:
        pads, dilation = rng.choice(["same", "valid"]), (1, 1)
    try:
        found = Window.of(case.op, (1, *extent, 1), kernel, strides, pads, dilation)
    except ShapeError:
        return window(case, rng)
    known = found.pool_attrs if "pool2d" in case.op else found.conv_attrs
    sizes = dict(zip("hwmnpq", (*extent, *found.size, *found.out), strict=True))
    if "i" in case.sizes:
        each, parts = rng.randint(1, 40), rng.choice([1, 1, 1, 2, 3, 5])
        sizes |= {"i": each, "c": each * parts, "o": parts * rng.randint(1, 40)}
    return {axis: (n,) for axis, n in sizes.items()}, known


def part(case, rng):
    """Where a window of two axes lies within them, whichever way it goes."""
    before, after = ("hw", "kq") if case.op == "slice" else ("kq", "hw")
    sizes, attrs = {}, {}
    for large, small, name in zip(before, after, "hw", strict=True):
        if len(case.sizes[large]) != 1:
            sizes[small] = case.sizes[small]
            continue
        whole = rng.randint(1, 40)
        count = rng.randint(1, whole)
        step = rng.randint(1, (whole - 1) // max(count - 1, 1) or 1)
        begin = rng.randint(0, whole - 1 - (count - 1) * step)
        if rng.random() < 0.5:
            begin, step = begin + (count - 1) * step, -step
        sizes |= {large: (whole,), small: (count,)}
        attrs |= {f"begin_{name}": begin, f"step_{name}": step}
    return sizes, attrs


#: The beginning of an op's name -> the sizes that follow from others, and attributes.
FOLLOWING = {
    "pack_panels": panels,
    "dense_panels": panels,
    "rnn": gates,
    "lstm": gates,
    "gru": gates,
    "concatenate": joined,
    "confusion": classes,
    "accumulate_columns": columns,
    "histogram": counts,
    "row_norm": groups,
    "adafactor_direction": vector,
    "conv2d": window,
    "depthwise": window,
    "maxpool2d": window,
    "avgpool2d": window,
    "slice": part,
    "place": part,
}


def followed(case, rng):
    """Return a case whose sizes fit each other."""
    known = (follow for name, follow in FOLLOWING.items() if case.op.startswith(name))
    sizes, attrs = next(known, lambda case, rng: ({}, {}))(case, rng)
    sizes = {axis: n for axis, n in sizes.items() if axis in case.sizes}
    attrs = {name: value for name, value in attrs.items() if name in case.attrs}
    return replace(case, sizes={**case.sizes, **sizes}, attrs={**case.attrs, **attrs})


def drawn(case, rng, limit=1100):
    """Return the case in a random shape of its axes: rows stay open, and what is empty empty."""
    sizes = dict(case.sizes)
    for axis in free(case):
        sizes[axis] = tuple(n and size(rng, limit) for n in case.sizes[axis])
    batch = any(None in shape for shape in sizes.values())
    rows = size(rng, limit) if batch else case.rows
    found = followed(replace(case, sizes=sizes, rows=rows), rng)
    numbers, operations = cost(found)
    if numbers <= NUMBERS and operations <= OPERATIONS:
        return found
    return drawn(case, rng, limit * 3 // 4)


def judge(trial, isa):
    """Return the error in units of its bound; infinity if an input was changed."""
    arrays = trial.compiled(isa)
    return np.inf if trial.spoilt(arrays) else trial.ratio(arrays)


def every_shape(trials, rng):
    """Every op, in random shapes, is within the bound of its twin, by every instruction set."""
    made = failures = numbers = unknown = 0
    for policy, op in ((p, op) for p in POLICIES for op in checked_ops(p) if op != "reshape"):
        known = list(cases(op))
        for _ in range(trials):
            trial = Trial(drawn(rng.choice(known), rng), policy, rng.getrandbits(31))
            numbers += sum(trial.expected[name].size for name in trial.results)
            unknown += sum(int(np.isinf(each).sum()) for each in trial.bounds.values())
            for isa in _core.isa_names(policy):
                made += 1
                error = judge(trial, isa)
                if error > 1:
                    failures += 1
                    report(f"{trial}, seed {trial.seed}, {isa}: {error:.3g} of its bound")
    share = f"{unknown / numbers:.1%} of the numbers may have overflowed on the way"
    return made, failures, f"every operation and precision, {share}"


#: Promise, campaign, trials by night and in small: cases of each operation and precision.
CAMPAIGNS = [("numbers: every kernel, in any shape, within its bound", every_shape, 300, 1)]
