"""Model files: the archives of a model, its weights, and what else there is to know of it.

A file holds no code and no name of code but those of fastnn's own classes; those of the caller's
are given by the caller.  How it is laid out, and checked, is in ``fastnn/archive.py``; that it is
written whole or not at all in ``fastnn/atomic.py``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, BinaryIO

from fastnn import allowance, archive, atomic, losses, metrics, optimizers, registry
from fastnn._checks import one_of
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.errors import ModelFileError, NotBuiltError, ShapeError
from fastnn.registry import knowing as custom_object_scope
from fastnn.registry import register_keras_serializable

if TYPE_CHECKING:
    from fastnn.models import Model
    from fastnn.models.trainer import Trainer

__all__ = [
    "check_state",
    "check_weights",
    "custom_object_scope",
    "custom_objects_of",
    "from_bytes",
    "load_model",
    "load_weights",
    "opened",
    "read",
    "register_keras_serializable",
    "require_describable",
    "save_model",
    "save_weights",
    "take_state",
    "take_weights",
    "to_bytes",
    "weights_of",
]

_FORMAT = 1
_WEIGHTS_ALONE = "the file holds weights alone; use model.load_weights"
_STATE = ("slots", "step", "scalars")  # of the optimizer

#: What comes of arguments that a constructor did not expect.
_UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

_FREE = 1 << 17  # numbers that a config may ask for beside the weights, for metrics

#: What the config of a file holds: of any, and of one that is a whole model.
_ALWAYS = {"format": int, "weights": list, "seed": int, "epochs_trained": int}
_WHOLE = {"class_name": str, "model": dict, "built_for": object, "compile": object}
_BESIDE = {"schema": dict}  # what one of a whole model may have

if sys.platform == "win32":
    _READING = os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT
else:  # without waiting for who might write to a pipe of that name
    _READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

# ---- writing -------------------------------------------------------------------------------------


def save_model(
    model: Model,
    path: str | os.PathLike[str],
    overwrite: bool = True,
    include_optimizer: bool = True,
    format: str = "fastnn",
) -> None:
    """Write a model to ``path``, whole or not at all, and with it how it is compiled or not."""
    from fastnn.interchange import formats

    if format == "h5":
        raise ValueError(
            "save: format h5 is that of Keras 2; format='keras' writes what Keras 3 reads, and "
            "save_weights('model.weights.h5') the weights"
        )
    formats.refuse_suffix("save", path)
    one_of("save", "format", format, ("fastnn", "keras"))
    if format == "keras":
        from fastnn.interchange import keras_files

        _write("save", path, keras_files.model_pieces(model, include_optimizer), overwrite)
    else:
        _write("save", path, archive.pieces(*_contents(model, include_optimizer)), overwrite)


def save_weights(
    model: Model,
    path: str | os.PathLike[str],
    overwrite: bool = True,
    format: str | None = None,
) -> None:
    """Write a model's weights, and the optimizer's state, to ``path``, whole or not at all."""
    from fastnn.interchange import formats

    kind = formats.format_to_write("save_weights", path, format)
    if kind == "fastnn":
        pieces: Iterable[bytes | memoryview] = archive.pieces(*weights_of(model))
    elif kind == "keras":
        from fastnn.interchange import keras_files

        pieces = keras_files.weights_pieces(model)
    else:
        from fastnn.interchange import plain

        pieces = plain.pieces(kind, {p: v.value for p, v in model.named_weights().items()})
    _write("save_weights", path, pieces, overwrite)


def _write(
    who: str,
    path: str | os.PathLike[str],
    pieces: Iterable[bytes | memoryview],
    overwrite: bool,
) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(
            f"{who}: {os.fsdecode(path)} is there already; pass overwrite=True to replace it"
        )
    atomic.replace(path, pieces)


def to_bytes(model: Model) -> bytes:
    """Return the content of the model's file."""
    return b"".join(archive.pieces(*_contents(model)))


def require_describable(model: Model) -> None:
    """Refuse a model that a file cannot describe, before it is worked with.

    Raises:
        NotImplementedError, TypeError, ValueError: what ``save`` of such a model does.
    """
    json.dumps([model.get_config(), model.get_compile_config()])


def custom_objects_of(model: Trainer) -> dict[str, Any]:
    """Return the classes and functions that a model's file names and that are not fastnn's."""
    return registry.foreign_parts([*model.descendants(), *model.compiled_parts()])


def _contents(
    model: Model, include_optimizer: bool = True
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the config and the arrays of a model's file."""
    _require_restorable(model)
    config, arrays = weights_of(model)
    architecture = {
        "class_name": type(model).__name__,
        "model": model.get_config(),
        "built_for": model.built_for(),
        "compile": model.get_compile_config() if include_optimizer else None,
    }
    if not include_optimizer:
        arrays = {name: array for name, array in arrays.items() if not name.startswith("state/")}
    if model.schema is not None:
        model.schema.check(model.input_shape, model.output_shape)
        architecture["schema"] = model.schema.get_config()
    return {**config, **architecture}, arrays


def _require_restorable(model: Model) -> None:
    """Refuse weights of layers, such as what ``adapt`` found, in a model that a file cannot build:
    who reads it would get fresh ones."""
    if model.weights and not model.built:
        raise NotBuiltError(
            f"{model.name:.60}: it has {next(iter(model.named_weights())):.100} already, which a "
            "file could not give back, since the model's shapes are not known yet; start the "
            "layers with Input(shape), or call build((None, ...)), fit or predict first"
        )


def weights_of(model: Trainer) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the config and the arrays of a file of a model's weights, and of its optimizer's
    state."""
    weights = model.named_weights()
    arrays = {f"weights/{path}": variable.value for path, variable in weights.items()}
    if model.built and not model.runtime.parameters.stale:
        arrays |= {f"state/{home}": model.runtime.buffers[home] for home in _STATE}
    config = {
        "format": _FORMAT,
        "weights": list(weights),
        "seed": model.seed,
        "epochs_trained": model.epochs_trained,
    }
    return config, arrays


# ---- reading -------------------------------------------------------------------------------------


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """Read the model at ``path``."""
    from fastnn.interchange import formats

    with opened(path) as (file, size):
        kind = formats.format_of(file, size)
        if kind in ("npz", "safetensors"):
            raise ModelFileError(_WEIGHTS_ALONE)
        if kind == "keras":
            from fastnn.interchange import keras_files

            return keras_files.read_model(file, size, custom_objects, compile)
        return _model_of(*archive.read(file, size), custom_objects, compile)


def from_bytes(
    content: bytes,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """Return the model whose file has this content.

    Raises:
        ModelFileError: if it is not the content of a model file, whole and unchanged.
    """
    parts = archive.read(io.BytesIO(content), len(content))
    return _model_of(*parts, custom_objects, compile)


def load_weights(
    model: Model,
    path: str | os.PathLike[str],
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> None:
    """Give a model the weights of the file at ``path``.

    Those of fastnn's own files go by their order, whatever their names, and with them the
    optimizer's state where the model is compiled with such an optimizer.
    """
    from fastnn.interchange import formats, matching, plain

    with opened(path) as (file, size):
        kind = formats.format_of(file, size)
        if kind == "fastnn":
            _load_own_weights(model, file, size, skip_mismatch, by_name)
        elif kind in ("npz", "safetensors"):
            given = plain.read(file, size, kind)
            wanted: Mapping[str, Any] = model.named_weights()
            if not by_name:
                wanted = matching.counted_anew(wanted, given)
            matching.take(model, wanted, given, skip_mismatch, by_name)
        else:
            from fastnn.interchange import keras_files

            keras_files.load_weights(model, file, size, kind, skip_mismatch, by_name)


def _load_own_weights(
    model: Model, file: BinaryIO, size: int, skip_mismatch: bool, by_name: bool
) -> None:
    config, arrays = _checked(file, size, beside={**_WHOLE, **_BESIDE, "training": dict})
    if by_name:
        from fastnn.interchange import matching

        given = {path: arrays[f"weights/{path}"] for path in config["weights"]}
        matching.take(model, model.named_weights(), given, skip_mismatch, by_name)
        return
    if skip_mismatch and _take_what_fits(model, config["weights"], arrays):
        return
    take_weights(model, config, arrays)
    model.epochs_trained = _natural(config["epochs_trained"])
    if model.optimizer is not None and _state_fits(model, arrays):
        take_state(model, arrays)


def _take_what_fits(model: Model, paths: list[str], arrays: Mapping[str, Array]) -> bool:
    """Give a model the weights that fit it, and warn of the others; return whether it was needed.

    They are matched by their order if there are as many, else by their names.
    """
    own = model.named_weights()
    names = paths if len(paths) == len(own) else list(own)
    given = [arrays.get(f"weights/{name}") for name in names]
    pairs = list(zip(own.items(), given, strict=True))
    left = [path for (path, v), a in pairs if a is None or a.shape != v.shape]
    if not left and len(paths) == len(own):
        return False
    with model.changing("load_weights"):
        for (path, variable), array in pairs:
            if path not in left and array is not None:
                variable.assign(array)
    if left:
        warn_caller(
            f"load_weights: {len(left)} of {len(own)} weights stay as they are, since the file has "
            f"none of their shapes: {', '.join(left)}"[:390],
            UserWarning,
        )
    return True


def read(
    path: str | os.PathLike[str],
    needed: Mapping[str, type] | None = None,
    beside: Mapping[str, type] | None = None,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the config and the arrays of a file.

    Args:
        path: the file.
        needed: the keys that its config has to have beside those of a file of weights, with their
            types.
        beside: those that it, and the folders that its arrays, may have.
    """
    with opened(path) as (file, size):
        return _checked(file, size, needed, beside)


def _checked(
    file: BinaryIO,
    size: int,
    needed: Mapping[str, type] | None = None,
    beside: Mapping[str, type] | None = None,
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the config and the arrays of an open file, as ``read`` does."""
    config, arrays = archive.read(file, size)
    _check_config(config, needed or {}, beside or {})
    _check_arrays(arrays, *(beside or ()))
    return config, arrays


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[Any, int]]:
    """Hand out a file and its size, and name it in what is wrong with it."""
    if os.path.isdir(path):
        raise ModelFileError(
            f"{os.fsdecode(path)[:200]}: a folder, expected a file, as model.save writes it; of "
            "TensorFlow's SavedModel make one: model.save('m.keras') in Keras"
        )
    # not by the descriptor alone: formats.format_of asks for the name
    with open(path, "rb", opener=lambda path, _: os.open(path, _READING)) as file:
        try:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelFileError("not a file, but a device, a pipe or a socket")
            yield file, status.st_size
        except ModelFileError as error:
            raise ModelFileError(f"{os.fsdecode(path)}: {error}"[:400]) from error.__cause__


def _check_config(
    config: Mapping[str, Any], needed: Mapping[str, type], beside: Mapping[str, type]
) -> None:
    """Refuse a config of another format, and one that lacks something, or has what it should not.

    Args:
        config: what the file says.
        needed: the keys that there have to be, beside those of every file, with their types.
        beside: those that there may be.
    """
    if config.get("format") != _FORMAT:
        raise ModelFileError(
            f"the file has format {str(config.get('format'))[:20]}, this fastnn reads {_FORMAT}; "
            "use the fastnn that wrote it, or a newer one"
        )
    needed = {**_ALWAYS, **needed}
    if not set(needed) <= set(config):
        missing = ", ".join(sorted(set(needed) - set(config)))
        raise ModelFileError(f"the config has no {missing}")
    for key, value in config.items():
        kind = {**needed, **beside}.get(key)
        if kind is None:
            raise ModelFileError(f"the config has {key[:60]!r}, which nobody knows")
        if not isinstance(value, kind):
            raise ModelFileError(
                f"the config has {str(value)[:40]!r} as {key}, which is no {kind.__name__}"
            )


def _check_arrays(arrays: Mapping[str, Array], *beside: str) -> None:
    """Refuse arrays that are neither weights nor an optimizer's nor in a folder ``beside``."""
    for name in arrays:
        folder, _, rest = name.partition("/")
        if folder not in ("weights", *beside) and not (folder == "state" and rest in _STATE):
            raise ModelFileError(f"the file has the array {name[:80]!r}, which nobody knows")


def _model_of(
    config: dict[str, Any],
    arrays: dict[str, Array],
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
) -> Model:
    """Return the model of an archive."""
    if "class_name" not in config and config.get("format") == _FORMAT:
        raise ModelFileError(_WEIGHTS_ALONE)
    _check_config(config, _WHOLE, _BESIDE)
    _check_arrays(arrays)
    try:
        with allowance.reading(_FREE + sum(each.size for each in arrays.values())):
            return _restore(config, arrays, custom_objects, compile)
    except ModelFileError:
        raise
    except _UNFIT as error:
        raise ModelFileError(f"the config does not make this model: {error}"[:300]) from error


def _restore(
    config: Mapping[str, Any],
    arrays: dict[str, Array],
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
) -> Model:
    from fastnn import models

    known: dict[str, Any] = {"Model": models.Model, "Sequential": models.Sequential}
    known |= {
        name: each
        for name, each in {**registry.callers(), **(custom_objects or {})}.items()
        if isinstance(each, type) and issubclass(each, models.Model)
    }
    if config["class_name"] not in known:
        name = config["class_name"][:60]
        raise ModelFileError(
            f"no model class {name!r}; if it is yours, pass it: custom_objects={{{name!r}: ...}}"
        )
    model: Model = registry.deserialize(
        "model", {**config, "config": config["model"]}, known, custom_objects
    )
    if config["built_for"] is not None and not model.built:
        model.build(config["built_for"])
    model.seed, model.epochs_trained = map(_natural, (config["seed"], config["epochs_trained"]))
    if compile and config["compile"] is not None:
        model.compile(**compile_options(config["compile"], custom_objects))
    if model.built:
        take_weights(model, config, arrays)
        if compile and config["compile"] is not None and "state/step" in arrays:
            take_state(model, arrays)
    if "schema" in config:
        from fastnn.data.schema import Schema  # which few files have

        model.schema = Schema.from_config(config["schema"])
        model.schema.check(model.input_shape, model.output_shape)
    return model


def check_weights(model: Trainer, config: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Refuse arrays among which are other weights than those of a model.

    Raises:
        ModelFileError: if the config lists others than there are.
        ShapeError: if they are those of another model.
    """
    names = [f"weights/{path}" for path in config["weights"]]
    held = {name for name in arrays if name.startswith("weights/")}
    if set(names) != held or len(names) != len(held):
        raise ModelFileError("the config lists other weights than the file has")
    shapes = [arrays[name].shape for name in names]
    if [variable.shape for variable in model.weights] != shapes:
        _refuse_weights(model, config["weights"], shapes)


def take_weights(
    model: Trainer, config: Mapping[str, Any], arrays: MutableMapping[str, Array]
) -> None:
    """Give a model the weights among ``arrays``, which lose them, in their order; nothing is
    changed if there are others."""
    check_weights(model, config, arrays)
    with model.changing("load_weights"):
        for variable, path in zip(model.weights, config["weights"], strict=True):
            variable.assign(arrays.pop(f"weights/{path}"))


def _refuse_weights(model: Trainer, paths: list[str], shapes: list[tuple[int, ...]]) -> None:
    """Say how the weights of a file differ from those of a model."""
    if len(shapes) != len(model.weights):
        raise ShapeError(
            f"{model.name}: it has {len(model.weights)} weights, the file has {len(shapes)}"
        )
    for variable, path, shape in zip(model.weights, paths, shapes, strict=True):
        if variable.shape != shape:
            raise ShapeError(
                f"{model.name}: {variable.path} has the shape {variable.shape}, the file's {path} "
                f"{shape}"
            )


def check_state(model: Trainer, arrays: Mapping[str, Array]) -> None:
    """Refuse arrays among which is not what a model's optimizer remembers."""
    for home in _STATE:
        buffer, array = model.runtime.buffers[home], arrays.get(f"state/{home}")
        if array is None:
            raise ModelFileError(f"the file lacks {home!r} of the optimizer's state")
        if (buffer.shape, buffer.dtype) != (array.shape, array.dtype):
            raise ModelFileError(
                f"{home!r} of the optimizer's state is {array.dtype}{array.shape}, not "
                f"{buffer.dtype}{buffer.shape}"
            )


def take_state(model: Trainer, arrays: Mapping[str, Array]) -> None:
    """Give a model's optimizer what it remembers; nothing is changed if it is another's."""
    check_state(model, arrays)
    for home in _STATE:
        model.runtime.buffers[home][...] = arrays[f"state/{home}"]


def _state_fits(model: Trainer, arrays: Mapping[str, Array]) -> bool:
    slots = arrays.get("state/slots")
    own = model.runtime.buffers["slots"]
    return slots is not None and (slots.shape, slots.dtype) == (own.shape, own.dtype)


def compile_options(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the arguments of ``compile``."""
    return {
        "optimizer": optimizers.deserialize(config["optimizer"], custom_objects),
        "loss": _every(config["loss"], losses.deserialize, custom_objects),
        "loss_weights": config.get("loss_weights"),
        "metrics": _every(config["metrics"], metrics.deserialize, custom_objects),
        "weighted_metrics": _every(
            config.get("weighted_metrics"), metrics.deserialize, custom_objects
        ),
    }


def _every(nest: Any, one: Callable[..., Any], custom_objects: Mapping[str, Any] | None) -> Any:
    """Return a nest of things for a nest of their descriptions."""
    if isinstance(nest, list):
        return [_every(each, one, custom_objects) for each in nest]
    if isinstance(nest, dict) and "class_name" not in nest:
        return {name: _every(each, one, custom_objects) for name, each in nest.items()}
    return None if nest is None else one(nest, custom_objects)


def _natural(number: Any) -> int:
    if type(number) is not int or not 0 <= number < 1 << 64:
        raise ModelFileError(f"expected a whole number below 2**64, got {str(number)[:40]}")
    return number
