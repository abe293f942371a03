"""Model files: a zip of stored arrays and one JSON text, in NumPy's npz layout.

``numpy.load(path, allow_pickle=False)`` opens such a file.  It holds no code and no name of code
but those of fastnn's own classes; those of the caller's are given by the caller.  Every entry has
a SHA-256 in the JSON text, whose own comes at its end; that of the whole file is the zip's comment,
so that no bit can change unnoticed.  A file is written beside its place, synced and renamed: the
old one stays whole until the new one is.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import losses, metrics, optimizers, registry
from fastnn._typing import Array
from fastnn.errors import ModelFileError

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = [
    "from_bytes",
    "load_model",
    "load_weights",
    "save_model",
    "save_weights",
    "to_bytes",
]

_FORMAT = 1
_CONFIG = "config.npy"
_LIMIT = 1 << 20  # bytes of the JSON text
_STATE = ("slots", "step", "scalars")  # of the optimizer
_SEAL = 64  # hexadecimal digits of a SHA-256

# ---- writing -------------------------------------------------------------------------------------


def save_model(model: Model, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model to ``path``, whole or not at all."""
    _write("save", path, to_bytes(model), overwrite)


def _write(who: str, path: str | os.PathLike[str], content: bytes, overwrite: bool) -> None:
    path = os.fspath(path)
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{who}: {path} is there already; pass overwrite=True to replace it")
    write_atomically(path, content)


def write_atomically(path: str, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``; a reader sees the old file or the new one."""
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=".fastnn-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save_weights(model: Model, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights, and the optimizer's state, to ``path``, whole or not at all."""
    _write("save_weights", path, _pack(model, {}), overwrite)


def to_bytes(model: Model) -> bytes:
    """Return the content of the model's file."""
    architecture = {
        "class_name": type(model).__name__,
        "model": model.get_config(),
        "built_for": model.built_for(),
        "compile": model.compile_config(),
    }
    return _pack(model, architecture)


def _pack(model: Model, architecture: Mapping[str, Any]) -> bytes:
    """Return the content of a file of weights, and of what else there is to know of the model."""
    entries = {f"{name}.npy": _npy(array) for name, array in _arrays(model)}
    config = {
        "format": _FORMAT,
        **architecture,
        "weights": list(model.named_weights()),
        "seed": model.seed,
        "epochs_trained": model.epochs_trained,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in entries.items()},
    }
    text = json.dumps(config, sort_keys=True).encode()
    sealed = np.frombuffer(seal(text + bytes(_SEAL)), np.uint8)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = bytes(_SEAL)
        for name, content in {**entries, _CONFIG: _npy(sealed)}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return seal(file.getvalue())


def seal(content: bytes) -> bytes:
    """Return ``content`` with the SHA-256 of all before as its end."""
    body = content[:-_SEAL]
    return body + hashlib.sha256(body).hexdigest().encode()


def _arrays(model: Model) -> Iterator[tuple[str, Array]]:
    for path, variable in model.named_weights().items():
        yield f"weights/{path}", variable.value
    if model.built and not model.runtime.parameters.stale:
        for home in _STATE:
            yield f"state/{home}", model.runtime.buffers[home]


def _npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array, order="C"), (1, 0), allow_pickle=False)
    return file.getvalue()


# ---- reading -------------------------------------------------------------------------------------


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, type[Any]] | None = None,
    compile: bool = True,
) -> Model:
    """Read the model at ``path``."""
    with _named(path) as content:
        return from_bytes(content, custom_objects, compile)


def load_weights(model: Model, path: str | os.PathLike[str]) -> None:
    """Give a model the weights of the file at ``path``, in their order, whatever their names.

    The optimizer's state is taken over where the model is compiled with such an optimizer.
    """
    with _named(path) as content:
        config, arrays = _read(content)
        model.set_weights([arrays[f"weights/{path}.npy"] for path in config["weights"]])
        model.epochs_trained = _natural(config["epochs_trained"])
        if model.optimizer is not None and _state_fits(model, arrays):
            _restore_state(model, arrays)


@contextlib.contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """Hand out the content of a file, and name it in what is wrong with it."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        yield content
    except ModelFileError as error:
        raise ModelFileError(f"{os.fspath(path)!s}: {error}"[:400]) from None


def from_bytes(
    content: bytes,
    custom_objects: Mapping[str, type[Any]] | None = None,
    compile: bool = True,
) -> Model:
    """Return the model whose file has this content.

    Raises:
        ModelFileError: if it is not the content of a model file, whole and unchanged.
    """
    config, arrays = _read(content)
    try:
        return _restore(config, arrays, custom_objects, compile)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"the config does not make this model: {error}"[:300]) from error


def _read(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the config and the arrays of a file, whole and unchanged."""
    entries = _entries(content)
    config = _read_config(entries)
    for name, digest in config["sha256"].items():
        if name not in entries:
            raise ModelFileError(f"the entry {name!r} is missing")
        if hashlib.sha256(entries[name]).hexdigest() != digest:
            raise ModelFileError(f"the entry {name!r} is damaged: its SHA-256 is another")
    if set(entries) - set(config["sha256"]) - {_CONFIG}:
        raise ModelFileError("there are entries that the config does not know")
    if seal(content) != content:
        raise ModelFileError("the file is damaged between its entries: its SHA-256 is another")
    return config, {name: _array(name, entries[name]) for name in config["sha256"]}


def _entries(content: bytes) -> dict[str, bytes]:
    """Return the entries of a zip that only stores; anything else is refused before it is read."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            names = [info.filename for info in infos]
            if len(set(names)) != len(names):
                raise ModelFileError("two entries have the same name")
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise ModelFileError("an entry is compressed; model files store their entries")
            if sum(info.file_size for info in infos) > len(content):
                raise ModelFileError("the entries claim more bytes than the file has")
            return {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"not a fastnn model file, or damaged: {error}"[:200]) from None


def _read_config(entries: Mapping[str, bytes]) -> dict[str, Any]:
    if _CONFIG not in entries:
        raise ModelFileError("not a fastnn model file: it has no config")
    if len(entries[_CONFIG]) > _LIMIT:
        raise ModelFileError("the config is larger than a model's can be")
    sealed = _array(_CONFIG, entries[_CONFIG]).tobytes()
    if seal(sealed) != sealed:
        raise ModelFileError("the config is damaged: its SHA-256 is another")
    config: dict[str, Any] = json.loads(sealed[:-_SEAL])
    if config.get("format") != _FORMAT:
        raise ModelFileError(
            f"the file has format {config.get('format')}, this fastnn reads {_FORMAT}; "
            "use the fastnn that wrote it, or a newer one"
        )
    return config


def _array(name: str, content: bytes) -> Array:
    """Return an entry's array, which NumPy's own reader would allocate before it reads it."""
    file = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("not of version 1.0")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape)
    except (ValueError, EOFError) as error:
        raise ModelFileError(f"the entry {name!r} is not an array: {error}"[:200]) from None


def _restore(
    config: Mapping[str, Any],
    arrays: Mapping[str, Array],
    custom_objects: Mapping[str, type[Any]] | None,
    compile: bool,
) -> Model:
    from fastnn import models

    known: dict[str, Any] = {"Model": models.Model, "Sequential": models.Sequential}
    known |= {
        name: each
        for name, each in (custom_objects or {}).items()
        if isinstance(each, type) and issubclass(each, models.Model)
    }
    if "class_name" not in config:
        raise ModelFileError("the file holds weights alone; use model.load_weights")
    if config["class_name"] not in known:
        name = str(config["class_name"])[:60]
        raise ModelFileError(
            f"no model class {name!r}; if it is yours, pass it: custom_objects={{{name!r}: ...}}"
        )
    model: Model = registry.deserialize(
        "model", {**config, "config": config["model"]}, known, custom_objects
    )
    if config["built_for"] is not None and not model.built:
        model.build(config["built_for"])
    model.seed, model.epochs_trained = map(_natural, (config["seed"], config["epochs_trained"]))
    if model.built:
        model.set_weights([arrays[f"weights/{path}.npy"] for path in config["weights"]])
    if compile and config["compile"] is not None:
        model.compile(**_recipe(config["compile"], custom_objects))
        if model.built and "state/step.npy" in arrays:
            _restore_state(model, arrays)
    return model


def _restore_state(model: Model, arrays: Mapping[str, Array]) -> None:
    for home in _STATE:
        name, buffer = f"state/{home}.npy", model.runtime.buffers[home]
        if buffer.size or name in arrays:
            _fill(buffer, arrays[name])


def _state_fits(model: Model, arrays: Mapping[str, Array]) -> bool:
    slots = arrays.get("state/slots.npy")
    own = model.runtime.buffers["slots"]
    return slots is not None and (slots.shape, slots.dtype) == (own.shape, own.dtype)


def _recipe(
    config: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None
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


def _every(
    nest: Any, one: Callable[..., Any], custom_objects: Mapping[str, type[Any]] | None
) -> Any:
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


def _fill(buffer: Array, array: Array) -> None:
    if (buffer.shape, buffer.dtype) != (array.shape, array.dtype):
        raise ModelFileError(
            f"the optimizer's state is {array.dtype}{array.shape}, not {buffer.dtype}{buffer.shape}"
        )
    buffer[...] = array
