"""``export_c``: a model as one file in C99."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import atomic, nests, training
from fastnn._typing import Array
from fastnn.c99.file import C_TYPES, Argument, Net, lines
from fastnn.c99.steps import Steps
from fastnn.compiler.graph import Shape
from fastnn.errors import DTypeError
from fastnn.explain import aligned

if TYPE_CHECKING:
    from fastnn.data.schema import Schema
    from fastnn.models import Model

__all__ = ["KEYWORDS", "export_c"]

# fmt: off
KEYWORDS = frozenset((
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
    "extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict",
    "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union",
    "unsigned", "void", "volatile", "while",
))
# fmt: on

#: What an input may be of where that is not the model's own type.
_WHOLE = ("uint8", "int32")


def export_c(
    model: Any,
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    input_dtype: str | Sequence[str] | None = None,
    test: Any = None,
) -> None:
    """Write a model as one file in C99 that gives the bits of ``predict``.

    The file needs no library, not even libm, and allocates nothing.  It holds the weights, the
    layers that prepare the data, and the functions ``<name>_predict`` and ``<name>_predict_with``,
    which take one sample at a time.  How to compile and call it stands at its beginning.

    Args:
        model: a model that is built, in float32 or float64; or a fitted estimator of
            ``fastnn.sklearn``, a pipeline or a search, as ``fastnn.sklearn.to_model`` takes them.
        path: the file to write.
        name: what the names in the file begin with, an identifier of C; ``None`` takes the name of
            the file.
        input_dtype: what the caller's samples are of: ``"uint8"``, ``"int32"``, or the model's own
            type, which ``None`` stands for; of several inputs a list.
        test: samples, as for ``predict``, or a data frame that the model's schema reads, to put
            into the file with what ``predict`` says of them: compiled with ``-D<NAME>_TEST`` it is
            a program that compares.

    Raises:
        ValueError: if a layer has no form in C, or ``name`` is no identifier.
        TypeError: if ``model`` is neither a model nor such an estimator.
        NotBuiltError: if the model has no weights yet.

    Example:
        >>> import fastnn, pathlib, tempfile
        >>> from fastnn.layers import Dense
        >>> model = fastnn.Sequential([fastnn.Input((4,)), Dense(3, "softmax")])
        >>> path = pathlib.Path(tempfile.mkdtemp(), "net.c")
        >>> fastnn.export_c(model, path)
        >>> [line for line in path.read_text().split("\\n") if line.startswith("void")][0]
        'void net_predict(const float *x, float *y);'
    """
    if name is None:
        name = _identifier(Path(os.fsdecode(path)).stem, "the name of the file")
    name = _identifier(name, "name")
    made = _model(model)
    with made._guard.reading("export_c"):
        file = _in_comment(os.path.basename(os.fsdecode(path)))
        title = list(_title(made, getattr(model, "feature_names_in_", ())))
        net = _net(made, name, file, title, _types(made, input_dtype), test)
    atomic.replace(path, [f"{line}\n".encode("ascii", "backslashreplace") for line in lines(net)])


def _identifier(name: object, who: str) -> str:
    valid = isinstance(name, str) and re.fullmatch(r"[A-Za-z]\w{0,40}", name, re.ASCII)
    if not valid:
        raise ValueError(
            f"export_c: {who} is {name!r:.60}, expected an identifier of C: a letter, then at most "
            "40 letters, digits and _, such as name='digits_net'"
        )
    if name in KEYWORDS:
        raise ValueError(f"export_c: {who} is {name!r}, a word of C; take another, {name}_net")
    return str(name)


def _model(given: Any) -> Model:
    """Return the model, if C can have it."""
    from fastnn.models.given import model_of

    model = model_of("export_c", given)
    model._require_built()
    if model.dtype_policy not in C_TYPES:
        raise ValueError(
            f"export_c: the model computes in {model.dtype_policy!r}, whose products C has not; "
            "make it with dtype='float32'"
        )
    return model


def _types(model: Model, given: str | Sequence[str] | None) -> list[str]:
    """Return the type of each input."""
    count, own = len(model.runtime.input_shapes), model.dtype
    names: list[Any] = [given or own] * count
    if isinstance(given, list | tuple):
        names = [*given]
    if len(names) != count:
        raise ValueError(f"export_c: input_dtype has {len(names)} types, the model {count} inputs")
    for each in names:
        if each not in (own, *_WHOLE):
            expected = ", ".join(map(repr, (own, *_WHOLE)))
            raise DTypeError(f"export_c: input_dtype is {each!r:.60}, expected {expected}")
    return names


def _net(model: Model, name: str, file: str, title: list[str], types: list[str], test: Any) -> Net:
    runtime, outs = model.runtime, model.ends.row_shapes
    direct = all(each == model.dtype for each in types)
    executable = runtime.make("predict", 1, 1, direct)
    executable.pack(object())
    kinds = [C_TYPES[each] for each in types]
    steps = Steps(executable.program, executable.memory, kinds, len(outs))
    xs, ys = (None, None) if test is None else _samples(model, test, types)
    given = _arguments("x", kinds, [shape[1:] for shape in runtime.input_shapes], xs)
    results = _arguments("y", [C_TYPES[model.dtype]] * len(outs), outs, ys)
    return Net(name, file, model.dtype, title, steps, list(given), list(results))


def _arguments(
    stem: str, kinds: Sequence[str], shapes: Sequence[Shape], samples: Sequence[Array] | None
) -> Iterator[Argument]:
    for index, (kind, shape) in enumerate(zip(kinds, shapes, strict=True)):
        name = stem if len(shapes) == 1 else f"{stem}{index}"
        yield Argument(kind, name, shape, None if samples is None else samples[index])


def _title(model: Model, features: Sequence[str]) -> Iterator[str]:
    titles = ["Layer", "Type", "Parameters"]
    rows = [[each.name, type(each).__name__, f"{each.count_params():,}"] for each in model.layers]
    yield ""
    for line in aligned([titles, *rows], {2}):
        yield f"    {line}"
    if model.schema is not None:
        yield from _meaning(model.schema, features)


def _meaning(schema: Schema, features: Sequence[str]) -> Iterator[str]:
    """Yield which number is which feature, where they have names, and what the outputs are."""
    from fastnn.data.schema import Columns  # which few models have

    if isinstance(schema.inputs, Columns):
        features = schema.inputs.meanings
    for name, words in (("x", features), ("y", schema.target.outputs)):
        if len(words):
            yield ""
            yield from (f"    {name}[{i}] {_in_comment(word)}" for i, word in enumerate(words))


def _in_comment(text: str) -> str:
    """Return a text of the caller's that neither ends a comment nor is warned of in one."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    for mark, harmless in (("*/", "* /"), ("/*", "/ *"), ("??", "? ?"), ("\\", "/")):
        shown = shown.replace(mark, harmless)
    return shown


def _samples(model: Model, given: Any, types: Sequence[str]) -> tuple[list[Array], list[Array]]:
    """Return samples in the types of the inputs, and what ``predict`` says of them."""
    if model.schema is not None and hasattr(type(given), "columns"):
        given = model.schema.read(given)
    xs = training.check_samples("export_c", model, given)
    return [*map(_converted, xs, types)], nests.flatten(model.predict(given))


def _converted(x: Array, dtype: str) -> Array:
    with np.errstate(invalid="ignore", over="ignore"):
        converted = x.astype(dtype)
    if dtype in _WHOLE and not np.array_equal(converted, x):
        raise ValueError(f"export_c: test has numbers that are no {dtype}, which input_dtype says")
    return converted
