"""Pictures of models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastnn._checks import flag, one_of, path, positive_number
from fastnn.showing import notebook_display

if TYPE_CHECKING:
    from fastnn.architecture.scheme import Scheme

__all__ = ["model_to_dot", "plot_model"]

_KINDS = ("png", "pdf", "svg", "dot")
_DIRECTIONS = ("TB", "BT", "LR", "RL")
_ENGINES = ("graphviz", "matplotlib")
#: What boxes say -> the option that asks for it.
_OPTIONS = {
    "shapes": "show_shapes",
    "dtype": "show_dtype",
    "names": "show_layer_names",
    "activations": "show_layer_activations",
    "trainable": "show_trainable",
    "nested": "expand_nested",
}


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: float = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    *,
    engine: str | None = None,
) -> Any:
    """Draw a model into a file: a box for each layer, and arrows for what one hands to another.

    A layer that is called several times has one box.  A sub-classed model is drawn by what its code
    composes.  Graphviz draws where its program ``dot`` is installed, else matplotlib does; a
    picture that is to be the same everywhere names its ``engine``.

    Args:
        model: a model that is built.
        to_file: the file; .png, .pdf or .svg, or .dot for the text that Graphviz reads, which
            needs neither of them.
        show_shapes: whether boxes have the shapes of inputs and outputs.
        show_dtype: whether they have the precision.
        show_layer_names: whether they have the layers' names.
        rankdir: where arrows lead: ``"TB"``, to the bottom; ``"BT"``, ``"LR"`` or ``"RL"``.
        expand_nested: whether models inside of the model are drawn with their layers.
        dpi: pixels of an inch, positive; fewer where the picture would not fit into a file.
        show_layer_activations: whether boxes have the activation functions.
        show_trainable: whether they say which layers learn.
        engine: ``"graphviz"`` or ``"matplotlib"``; ``None`` is the first that is installed.

    Returns:
        In a notebook the picture, which it shows; else ``None``.

    Raises:
        ImportError: neither Graphviz nor matplotlib is installed.
        NotBuiltError: the model is not built.
        ValueError: the file is of another kind.
        RuntimeError: Graphviz could not draw.

    Example:
        >>> import fastnn, os, tempfile
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fastnn.utils.plot_model(model, os.path.join(folder, "a.png"), show_shapes=True)
        ...     os.listdir(folder)
        ['a.png']
    """
    file = path("plot_model", "to_file", to_file)
    kind = file.rpartition(".")[2].lower()
    if kind not in _KINDS or "." not in file:
        raise ValueError(
            f"plot_model: to_file must end in .png, .pdf, .svg or .dot, got {file!r:.80}"
        )
    pixels = positive_number("plot_model", "dpi", dpi)
    one_of("plot_model", "rankdir", rankdir, _DIRECTIONS)
    if engine is not None:
        one_of("plot_model", "engine", engine, _ENGINES)
    scheme = _scheme(
        "plot_model",
        model,
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        activations=show_layer_activations,
        trainable=show_trainable,
        nested=expand_nested,
    )
    _write(scheme, model.name, file, kind, rankdir, pixels, engine)
    return _displayed(file, kind)


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> str:
    """Return a model as a text in Graphviz's language; nothing has to be installed.

    Args:
        model: a model that is built.
        show_shapes: as those below in ``plot_model``.
        show_dtype: likewise.
        show_layer_names: likewise.
        rankdir: likewise.
        expand_nested: likewise.
        show_layer_activations: likewise.
        show_trainable: likewise.

    Raises:
        NotBuiltError: the model is not built.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)], name="small")
        >>> text = fastnn.utils.model_to_dot(model)
        >>> text.splitlines()[0], "n0 -> n1" in text
        ('digraph "small" {', True)
    """
    from fastnn.architecture import dot

    one_of("model_to_dot", "rankdir", rankdir, _DIRECTIONS)
    scheme = _scheme(
        "model_to_dot",
        model,
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        activations=show_layer_activations,
        trainable=show_trainable,
        nested=expand_nested,
    )
    return dot.dot_text(scheme, model.name, rankdir)


def _scheme(who: str, model: Any, **details: Any) -> Scheme:
    from fastnn.architecture.scheme import Details, scheme_of
    from fastnn.models import Model

    if not isinstance(model, Model):
        raise TypeError(f"{who}: model must be a model, got {type(model).__name__}")
    options = {name: flag(who, _OPTIONS[name], value) for name, value in details.items()}
    return scheme_of(model, Details(**options))


def _write(
    scheme: Scheme,
    name: str,
    file: str,
    kind: str,
    rankdir: str,
    dpi: float,
    engine: str | None,
) -> None:
    from fastnn import atomic
    from fastnn.architecture import dot

    text = dot.dot_text(scheme, name, rankdir)
    if kind == "dot":
        atomic.replace(file, [text.encode()])
    elif engine == "graphviz" or (engine is None and dot.is_installed()):
        atomic.replace(file, [dot.draw(text, kind, dpi)])
    else:
        from fastnn.architecture.paint import paint

        paint(scheme, rankdir, dpi).replace(file)


def _displayed(file: str, kind: str) -> Any:
    """Return the picture as a notebook shows it, if this is one."""
    if notebook_display() is None:
        return None
    from IPython.display import SVG, Image

    return {"png": Image, "svg": SVG}[kind](filename=file) if kind in ("png", "svg") else None
