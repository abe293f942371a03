"""Keras's files: ``.keras``, a zip of a description and of weights, and ``.weights.h5``."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from fastnn import allowance, archive, registry
from fastnn._typing import Array
from fastnn.errors import ModelFileError
from fastnn.interchange import hdf5, keras_configs, keras_export, keras_optimizers
from fastnn.interchange.keras_paths import Places, in_order, named_by_layers, without_state
from fastnn.interchange.matching import take
from fastnn.layers import serialization
from fastnn.layers.weights import assign_all

if TYPE_CHECKING:
    from fastnn.models import Model
    from fastnn.models.trainer import Trainer

__all__ = ["from_keras", "load_weights", "model_pieces", "read_model", "weights_pieces"]

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

#: Numbers that a description may ask for beside the weights: states, tables, metrics.
_FREE = 1 << 17

#: What comes of arguments that a constructor did not expect.
_UNFIT = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


#: What a file has that is no model of Keras's -> what reads it.
_MENDS = {
    "fastnn": "fastnn.models.load_model reads it",
    **dict.fromkeys(("h5", "npz", "safetensors"), "it holds weights alone: model.load_weights"),
}


def from_keras(
    source: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    *,
    input_shape: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
) -> Model:
    """Return a Keras model as one of fastnn's: the same layers, weights and predictions.

    Args:
        source: the path of a ``.keras`` file, or a model of Keras 3 itself.
        custom_objects: classes and functions that are not Keras's, by name, composed of
            ``fastnn.ops``; the function of a ``Lambda`` without a name by the name of the layer.  A
            file cannot name code.
        compile: whether to compile it as it was, with what the optimizer remembers: training goes
            on as in Keras.  It begins anew for ``Adafactor``, and optimizers of your own.
        input_shape: the shape of a sample, where the model leaves some of its sizes open; for
            several inputs a dict by their names.

    Returns:
        The model, in the precision of Keras's; what Keras computes in ``"mixed_float16"`` is
        computed in float32.

    Raises:
        ModelFileError: if the file is damaged, or there is a layer that fastnn does not have.
        ImportError: if a file is to be read and h5py is missing.

    Example:
        >>> import fastnn, os, tempfile
        >>> model = fastnn.Sequential([fastnn.Input((3,)), fastnn.layers.Dense(2, "tanh")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.keras")
        ...     model.save(path, format="keras")
        ...     again = fastnn.from_keras(path)
        >>> bool((again.predict([[1.0, 2.0, 3.0]]) == model.predict([[1.0, 2.0, 3.0]])).all())
        True
    """
    known = custom_objects or {}
    if not isinstance(source, str | os.PathLike):
        return _from_model(source, known, compile, input_shape)
    from fastnn.interchange.formats import format_of
    from fastnn.saving import opened

    with opened(source) as (file, size):
        kind = format_of(file, size)
        if kind != "keras":
            raise ModelFileError(f"no .keras file, but of the format {kind!r}; {_MENDS[kind]}")
        return read_model(file, size, known, compile, input_shape)


def _from_model(
    source: Any, custom_objects: Mapping[str, Any], compile: bool, input_shape: Any
) -> Model:
    """Return a model like one of Keras's that is there; it is asked, Keras is not imported."""
    for method in ("get_config", "get_weights", "get_compile_config"):
        if not hasattr(source, method):
            raise TypeError(
                f"from_keras: expected the path of a .keras file or a model of Keras, got "
                f"{type(source).__name__}, which has no {method}"
            )
    cls = type(source)
    description = {
        "module": cls.__module__ if cls.__module__.startswith("keras.") else None,
        "class_name": cls.__name__,
        "config": source.get_config(),
        "compile_config": source.get_compile_config(),
        "build_config": source.get_build_config(),
    }
    model = _made(description, custom_objects, compile, input_shape)
    with model.changing("from_keras"):
        assign_all(model.name, in_order(model), source.get_weights())
    if model.compiled:
        keras_optimizers.take(model, keras_optimizers.of_optimizer(source.optimizer))
    return model


def read_model(
    file: BinaryIO,
    size: int,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    input_shape: Any = None,
) -> Model:
    """Return the model of a ``.keras`` file.

    Args:
        file: the file.
        size: its bytes.
        custom_objects: as ``from_keras`` has it.
        compile: likewise.
        input_shape: likewise.
    """
    entries = _entries(file, (_CONFIG, _WEIGHTS))
    description = archive.parse(entries[_CONFIG], size)
    content = entries[_WEIGHTS]
    with hdf5.opened(io.BytesIO(content), len(content)) as (arrays, _):
        given = without_state(arrays)
        with allowance.reading(_FREE + len(content) // 2):
            model = _made(description, custom_objects or {}, compile, input_shape)
        if not model.built:
            return model
        take(model, Places(model).weights, given)
        if model.compiled:
            keras_optimizers.take(model, keras_optimizers.of_file(arrays))
    return model


def _entries(file: BinaryIO, names: Iterable[str]) -> dict[str, bytes]:
    """Return what some entries of a zip hold."""
    import zipfile  # slow to import

    try:
        with zipfile.ZipFile(file) as given:
            found = {}
            for name in names:
                every = [each for each in given.infolist() if each.filename == name]
                if len(every) != 1:
                    raise ModelFileError(f"it has {len(every)} entries {name!r}, not one")
                if every[0].compress_type != zipfile.ZIP_STORED or every[0].flag_bits & 1:
                    raise ModelFileError(f"the entry {name!r} is compressed; Keras stores it")
                found[name] = given.read(every[0])
            return found
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError) as error:
        raise ModelFileError(f"not a .keras file, or damaged: {error}"[:300]) from None


def _made(
    description: Mapping[str, Any],
    custom_objects: Mapping[str, Any],
    compile: bool,
    input_shape: Any,
) -> Model:
    """Return the model that Keras described, with weights that are not those."""
    from fastnn.models import Model

    try:
        known, custom = keras_configs.architecture(description, custom_objects, input_shape)
        with registry.knowing(custom):
            (model,) = serialization.deserialize_all([known])
            if not isinstance(model, Model):
                raise ModelFileError(f"it describes {type(model).__name__}, which is no model")
            shape = (description.get("build_config") or {}).get("input_shape")
            if not model.built and shape is not None:
                model.build(_any_rows(shape))
            options = keras_configs.compile_options(description, custom) if compile else None
            if options is not None:
                model.compile(**options)
    except ModelFileError:
        raise
    except _UNFIT as error:
        raise ModelFileError(f"the config does not make this model: {error}"[:300]) from error
    return model


def _any_rows(shape: Any) -> Any:
    """Return a shape, or a nest of them, with ``None`` for the rows."""
    if isinstance(shape, Mapping):
        return {name: _any_rows(each) for name, each in shape.items()}
    if shape and isinstance(shape[0], list | tuple):
        return [_any_rows(each) for each in shape]
    return [None, *shape[1:]]


# ---- weights alone -------------------------------------------------------------------------------


def load_weights(
    model: Trainer, file: BinaryIO, size: int, kind: str, skip_mismatch: bool, by_name: bool
) -> None:
    """Give a model the weights of a file of Keras's.

    Args:
        model: which has to be built.
        file: the file.
        size: its bytes.
        kind: ``"h5"``, or ``"keras"`` for one that holds a description, too.
        skip_mismatch: as ``matching.take`` has it.
        by_name: likewise; layers next to the model go by their names, what is in them by its place.
    """
    if kind == "keras":
        content = _entries(file, [_WEIGHTS])[_WEIGHTS]
        file, size = io.BytesIO(content), len(content)
    places = Places(model)
    with hdf5.opened(file, size, named=by_name) as (arrays, names):
        if any(path.endswith(":0") for path in arrays):
            raise ModelFileError(
                "its weights are as Keras 2 wrote them; load them in Keras, and save them there as "
                "model.weights.h5, or the model as model.keras"
            )
        wanted, given = places.weights, without_state(arrays)
        if by_name:
            groups = {f"{path.removesuffix('vars')}": name for path, name in names.items()}
            given = named_by_layers(given, groups)
            own = {path: layer.name for path, layer in places.layers.items() if path}
            wanted = named_by_layers(wanted, own)
        take(model, wanted, given, skip_mismatch, by_name)


def weights_pieces(model: Trainer, beside: Mapping[str, Array] | None = None) -> Iterator[bytes]:
    """Yield the content of a ``.weights.h5`` file, and what there is to be ``beside`` weights."""
    places = Places(model)
    arrays = {path: each.value for path, each in places.weights.items()} | dict(beside or {})
    names = [(f"{path}vars", layer.name) for path, layer in places.layers.items()]
    yield hdf5.written(arrays, names)


# ---- whole models --------------------------------------------------------------------------------


def model_pieces(model: Model, include_optimizer: bool = True) -> Iterator[bytes]:
    """Yield the content of a ``.keras`` file, which says how the model is compiled or not."""
    import zipfile

    content = io.BytesIO()
    state = keras_optimizers.written(model) if include_optimizer else None
    with zipfile.ZipFile(content, "w") as made:
        entries = {
            _METADATA: json.dumps(keras_export.METADATA).encode(),
            _CONFIG: json.dumps(keras_export.described(model, include_optimizer)).encode(),
            _WEIGHTS: b"".join(weights_pieces(model, state)),
        }
        for name, each in entries.items():
            made.writestr(zipfile.ZipInfo(name), each)
    yield content.getvalue()
