"""Writes docs/ops.md, the table of fastnn.ops, from the functions: python tests/tools/ops_page.py.

What a row says stands in the docstring: its first sentence, and what its tensors are.
"""

import inspect
import re
from itertools import groupby
from pathlib import Path

from fastnn import ops

PAGE = Path(__file__).parents[2] / "docs" / "ops.md"

#: Functions that no gradient passes through: constants, answers, places, jumps, metrics, draws.
NO_GRADIENT = {
    *("all", "allclose", "any", "arange", "argmax", "argmin", "argpartition", "argsort"),
    *("binary_accuracy", "categorical_accuracy", "ceil", "count_nonzero", "differs", "digitize"),
    *("empty", "empty_like", "equal", "eye", "floor", "floor_divide", "geomspace", "greater"),
    *("greater_equal", "identity", "in_top_k", "isclose", "isfinite", "isin", "isinf", "isnan"),
    *("isneginf", "isposinf", "keep_top_k", "less", "less_equal", "linspace", "logical_and"),
    *("logical_not", "logical_or", "logical_xor", "logspace", "mask_where", "moving_average"),
    *("multi_hot", "nanargmax", "nanargmin", "ndim", "not_equal", "one_hot", "ones", "ones_like"),
    *("present", "random_map", "random_uniform", "round", "saturate_cast", "searchsorted", "shape"),
    *("sign", "signbit", "size", "sparse_categorical_accuracy", "step", "stop_gradient", "tri"),
    *("trunc", "zeros", "zeros_like", "clip_norm"),
}

HEAD = """# The functions of fastnn.ops

What layers, losses and metrics of one's own are composed of. Each function takes

- inside of a layer's `call`: tensors, weights, numbers and arrays, and adds to the program;
- symbols, as `fastnn.Input` returns them: then it is a layer of the model that is being made, and
  arrays beside them are its constants;
- arrays alone: then it returns arrays.

Names, arguments and defaults are those of `keras.ops`, where Keras has the function; these are
compared with it, as are values and gradients (`tests/parity/test_ops.py`). All numbers are of the
program's precision: a `dtype` says what they are, not how they are kept. Answers are 1 and 0. The
first axis of a batch, written (rows, ...), stays the first, and nothing is moved or reduced along
it: what a row gives does not depend on the others.

`x + 1`, `x @ w`, `x[:, 0]`, `x < y` and the other operators are functions of this page,
also of a layer's weights: `1 - self.gate`, `self.table[:3]`.
"""

#: Modules side by side in one section, in the order of the page.
SECTIONS = {
    "Arithmetic and questions": ("arithmetic", "pairs", "choosing"),
    "Functions of one number": ("functions", "angles", "conversions"),
    "Activations": ("elementwise", "curves", "gates"),
    "Reductions": ("reductions", "missing", "sequences"),
    "Shapes and places": ("shaping", "pieces", "merging", "windows", "broadcasting", "triangles"),
    "Order and classes": ("ordering",),
    "Products": ("matrices", "products"),
    "Constants": ("constants",),
    "Convolution and pooling": ("convolution", "pooling", "images"),
    "Normalisation": ("normalization",),
    "Cross-entropies": ("crossentropies",),
    "What layers, losses and metrics are made of besides": None,
}


def module_of(name):
    return inspect.unwrap(getattr(ops, name)).__module__.rpartition(".")[2]


def section_of(name):
    module = module_of(name)
    return next(
        title for title, modules in SECTIONS.items() if modules is None or module in modules
    )


def arguments_of(function):
    """The arguments as one calls it, with their defaults."""
    known = inspect.signature(function).parameters.values()
    words = []
    for p in known:
        star = "*" if p.kind is p.VAR_POSITIONAL else ""
        words.append(star + p.name + ("" if p.default is p.empty else f"={p.default!r}"))
    return ", ".join(words)


def tensors_of(function):
    """What the docstring says of shapes: the arguments that are described by one."""
    text = inspect.getdoc(function) or ""
    shape = r"(\([^)]*\)(?: or \([^)]*\))*|[^.;:,(]*shape[^.;:,(]*)"
    found = re.findall(rf"^    (\w+): {shape}", text, re.M)
    result = re.search(rf"Returns:\n    {shape}", text)
    shapes = [f"{name}: {' '.join(known.split())}" for name, known in found]
    return "; ".join(shapes + ([f"returns {result[1]}"] if result else [])) or "any"


def sentence_of(function):
    first = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return first.removeprefix("Return ").rstrip(".").replace("``", "`").replace("|", "\\|")


def row(name):
    function = inspect.unwrap(getattr(ops, name))
    gradient = "no" if name in NO_GRADIENT else "yes"
    called = f"`{name}({arguments_of(function)})`"
    shapes = tensors_of(function).replace("``", "`")
    return f"| {called} | {sentence_of(function)} | {shapes} | {gradient} |"


def rendered():
    order = {title: i for i, title in enumerate(SECTIONS)}
    names = sorted(ops.__all__, key=lambda name: (order[section_of(name)], name))
    parts = [HEAD]
    for title, group in groupby(names, section_of):
        table = "| function | returns | shapes | gradient |\n|---|---|---|---|\n"
        parts.append(f"\n## {title}\n\n{table}" + "\n".join(map(row, group)) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(rendered(), encoding="utf-8")
