"""State dicts of PyTorch: their arrays as a model's weights, and back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.errors import ModelFileError, ShapeError
from fastnn.interchange.torch_layouts import Slot, slots
from fastnn.interchange.torch_orders import orders_of
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["load_state_dict", "state_dict"]

#: The name of a tensor of a recurrent module: what it is, its layer, its direction.
_RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh))_l(\d{1,3})(_reverse)?")

#: What a state dict holds beside what it computes with.
_COUNTS = "num_batches_tracked"

Names = Mapping[str, str] | Sequence[str] | None
Flattened = Mapping[str, Sequence[int] | None]


def load_state_dict(
    model: Model,
    state_dict: Mapping[str, Any] | str | os.PathLike[str],
    names: Names = None,
    *,
    flattened: Flattened | None = None,
    skip_mismatch: bool = False,
) -> None:
    """Give a model the weights of a state dict of PyTorch, in fastnn's layouts.

    Args:
        model: which has to be built, with layers like the modules of the other.
        state_dict: arrays by the names that PyTorch has for them, or the path of an npz or
            safetensors file of such; tensors on the CPU are arrays enough.
        names: the modules that layers get their weights from: a dict of the paths of layers and
            the names of modules, or the names of modules in the order of the layers.  ``None``
            goes by names if all layers are called as modules are, else by order.  The layers inside
            of a recurrent module are ``"rnn"``, ``"rnn.l1"``, ``"rnn.l2"``, ...
        flattened: for layers behind a flat image, by their paths, the shape that it had here,
            (rows, columns, channels); ``None`` where PyTorch's features are in the same order.  It
            is needed for sub-classed models alone: in networks it is found out.
        skip_mismatch: whether to leave weights that do not fit as they are, with a warning.

    Layouts: kernels (out, in, ...) become (..., in, out); of ``DepthwiseConv2D`` (in multiplier, 1,
    ...) becomes (..., in, multiplier); gates r, z, n of a GRU become z, r, n; both biases of an
    LSTM or RNN are added up; ``SeparableConv2D`` takes two modules, a depthwise one without a bias
    and a pointwise one; the slopes of a PReLU go to all places of their channel; layers of your own
    take arrays of the names of their weights as they are.  Behind a ``Flatten`` of an image the
    features of a ``Dense`` are brought from channels first to channels last, and so are those
    before a ``Reshape`` to an image.

    What is no weight is in no state dict: PyTorch's ``BatchNorm2d`` has ``epsilon=1e-5`` and
    ``momentum=0.9`` in Keras's terms, ``LayerNorm`` ``epsilon=1e-5``, ``GELU`` and others defaults
    of their own.

    Raises:
        ModelFileError: if a module is missing or left over, or has other tensors.
        ShapeError: if a tensor has another shape; nothing is changed then.

    Example:
        >>> import fastnn, numpy
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2)])
        >>> weight = numpy.arange(6).reshape(2, 3)  # torch.nn.Linear(3, 2).weight
        >>> fastnn.load_state_dict(model, {"fc.weight": weight, "fc.bias": numpy.zeros(2)})
        >>> model.predict([[1.0, 0.0, 0.0]])
        array([[0., 3.]], dtype=float32)
    """
    model._require_built()
    modules = _modules(_arrays(state_dict))
    every = list(slots(model, orders_of(model, flattened or {})))
    values: list[tuple[Variable, Array]] = []
    problems: list[ValueError] = []
    for slot, name in zip(every, _matched(every, names, modules), strict=True):
        problems += _read(slot, name, modules[name], values)
    if problems and not skip_mismatch:
        raise problems[0]
    with model.changing("load_state_dict"):
        checked = [(variable, variable.check(array)) for variable, array in values]
        for variable, array in checked:
            variable.fill(array)
    if problems:
        warn_caller(
            f"load_state_dict: {len(problems)} weights stay as they are; {problems[0]}"[:390],
            UserWarning,
        )


def state_dict(
    model: Model, names: Names = None, *, flattened: Flattened | None = None
) -> dict[str, Array]:
    """Return a model's weights as PyTorch's ``load_state_dict`` takes them, once they are tensors.

    Args:
        model: which has to be built.
        names: as ``load_state_dict`` has it; ``None`` calls modules as the layers are, with dots.
        flattened: likewise.

    Returns:
        Copies of the weights, in PyTorch's layouts, by PyTorch's names.

    Raises:
        ValueError: if PyTorch has no layer with such weights.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2, name="fc")])
        >>> {name: array.shape for name, array in fastnn.state_dict(model).items()}
        {'fc.weight': (2, 3), 'fc.bias': (2,)}
    """
    model._require_built()
    every = list(slots(model, orders_of(model, flattened or {})))
    made: dict[str, Array] = {}
    for slot, module in zip(every, _named(every, names), strict=True):
        for part in slot.parts:
            arrays = part.write(part.variable.numpy())
            for name, array in zip(part.names, arrays, strict=True):
                made[_key(slot, module, name)] = np.array(array, order="C")
        for name in slot.fixed:
            made[_key(slot, module, name)] = np.zeros((), np.int64)
    return made


# ---- modules -------------------------------------------------------------------------------------


def _arrays(source: Mapping[str, Any] | str | os.PathLike[str]) -> Mapping[str, Any]:
    """Return the arrays of a state dict, or of a file of one."""
    if isinstance(source, Mapping):
        return source
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "load_state_dict: expected arrays by name, or the path of an .npz or .safetensors "
            f"file, got {type(source).__name__}"
        )
    from fastnn.interchange import formats, plain
    from fastnn.saving import opened

    with opened(source) as (file, size):
        kind = formats.format_of(file, size)
        if kind not in ("npz", "safetensors"):
            raise ModelFileError(f"no npz and no safetensors file, but of the format {kind!r}")
        return plain.read(file, size, kind)


def _modules(arrays: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the tensors of each module by their names in it, modules in their order."""
    modules: dict[str, dict[str, Any]] = {}
    for key, array in arrays.items():
        prefix, _, name = str(key).rpartition(".")
        found = _RECURRENT.fullmatch(name)
        if found:
            name = found[1] + (found[3] or "")
            level = f"l{int(found[2])}" if int(found[2]) else ""
            prefix = ".".join(part for part in (prefix, level) if part)
        if name != _COUNTS:
            modules.setdefault(prefix, {})[name] = array
    return modules


def _key(slot: Slot, module: str, name: str) -> str:
    """Return the name of a tensor in a state dict."""
    if not slot.is_recurrent:
        return f"{module}.{name}" if module else name
    found = re.fullmatch(r"(?:(.*)\.)?l(\d{1,3})", module)
    prefix, level = (found[1] or "", found[2]) if found else (module, "0")
    what, reverse = re.fullmatch(r"(.*?)(_reverse)?", name).groups()  # type: ignore[union-attr]
    return f"{prefix}{'.' * bool(prefix)}{what}_l{level}{reverse or ''}"


def _named(every: Sequence[Slot], names: Names) -> list[str]:
    """Return the names of the modules of all slots."""
    if names is None or isinstance(names, Mapping):
        unknown = [path for path in names or {} if path not in {slot.path for slot in every}]
        if unknown:
            raise ValueError(
                f"names: no layer {unknown[0][:60]!r} has weights; there are "
                f"{_listed(slot.path for slot in every)}"
            )
        return [(names or {}).get(slot.path, slot.path.replace("/", ".")) for slot in every]
    if len(names) != len(every):
        raise ValueError(
            f"names: there are {len(every)} layers with weights, got {len(names)} names; the "
            f"layers are {_listed(slot.path for slot in every)}"
        )
    return list(names)


def _matched(
    every: Sequence[Slot], names: Names, modules: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return the names of the modules that all slots take their tensors from."""
    chosen = _named(every, names)
    if names is None and not set(chosen) <= modules.keys() and len(every) == len(modules):
        return list(modules)
    for slot, name in zip(every, chosen, strict=True):
        if name not in modules:
            raise ModelFileError(
                f"{slot.path}: the state dict has no module {name[:60]!r}; it has {len(modules)}: "
                f"{_listed(modules)}; the model has {len(every)} layers with weights; names= says "
                "which is which"
            )
    over = [name for name in modules if name not in chosen]
    if over:
        raise ModelFileError(
            f"no layer takes the module {over[0][:60]!r} of the state dict; the layers are "
            f"{_listed(slot.path for slot in every)}; leave its arrays out, or say by names= which "
            "is which"
        )
    return chosen


def _read(
    slot: Slot, module: str, tensors: Mapping[str, Any], values: list[tuple[Variable, Array]]
) -> list[ValueError]:
    """Add the values of a slot's variables; return what is wrong with others."""
    problems: list[ValueError] = []
    known = {name for part in slot.parts for name in part.names}
    for name in tensors.keys() - known:
        problems.append(
            ModelFileError(
                f"{slot.path}: the state dict has {_key(slot, module, name)!r:.80}, which the "
                f"layer has no place for; it takes {_listed(known)}"
            )
        )
    for part in slot.parts:
        wanted = [array.shape for array in part.write(np.zeros_like(part.variable.value))]
        pairs = zip(part.names, wanted, strict=True)
        wrong = (_wrong(slot, module, *pair, tensors) for pair in pairs)
        found = [problem for problem in wrong if problem is not None]
        if not found:
            arrays = [np.asarray(tensors[name]) for name in part.names]
            values.append((part.variable, part.read(*arrays)))
        problems += found
    return problems


def _wrong(
    slot: Slot, module: str, name: str, wanted: tuple[int, ...], tensors: Mapping[str, Any]
) -> ValueError | None:
    """Return what is wrong with a tensor, ``None`` if nothing is."""
    key = _key(slot, module, name)
    if name not in tensors:
        return ModelFileError(
            f"{slot.path}: the state dict has no {key!r:.80} of shape {wanted}; it has "
            f"{_listed(tensors)} of that module"
        )
    shape = tuple(np.shape(tensors[name]))
    if shape == wanted or (slot.parts[0].variable.name == "alpha" and shape == (1,)):
        return None
    return ShapeError(f"{slot.path}: expected {key!r:.80} of shape {wanted}, got {shape}")


def _listed(names: Iterable[str]) -> str:
    every = [str(name)[:40] for name in names]
    return ", ".join(every[:4]) + (", ..." if len(every) > 4 else "")
