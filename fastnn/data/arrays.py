"""The caller's arrays, checked and brought into a form that a batch can be gathered from.

An array is copied only if it must be: float32, float64 and uint8 samples, and labels of the common
integer types, are gathered from where they are, if each row by itself is in C order.
"""

from __future__ import annotations

import math
import os
import sys

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastnn._typing import Array
from fastnn.compiler.graph import Shape, format_shape
from fastnn.data.foreign import NUMBERS, plain, refusal_of
from fastnn.errors import DTypeError, IdError, LabelError, ShapeError

__all__ = [
    "as_array",
    "as_labels",
    "as_samples",
    "as_values",
    "as_weights",
    "memory",
    "require_range",
    "reshape_hint",
]

_GATHERED = frozenset(map(np.dtype, ("float32", "float64", "uint8")))
_WHOLE = _GATHERED | frozenset(map(np.dtype, ("int32", "int64")))


def as_array(who: str, name: str, data: ArrayLike) -> Array:
    """Return ``data`` as an array of numbers.

    Args:
        who: the method that was called.
        name: its argument, ``"x"`` or ``"y"``.
        data: an array, a data frame of pandas or polars, or anything that NumPy makes an array of.

    Raises:
        DTypeError: if it does not hold real numbers, or some are masked.
        ShapeError: if its rows have different lengths.
    """
    array = plain(who, name, data)
    if array.dtype.kind not in NUMBERS:
        raise DTypeError(f"{who}: {name} must hold real numbers, got {refusal_of(data, array)}")
    return array


def as_samples(
    who: str, data: ArrayLike, shape: Shape, model: str, dtype: str, name: str = "x"
) -> Array:
    """Return samples, of the shape the model expects; (n,) stands for (n, 1).

    ``name`` is the argument's, for messages.

    Raises:
        ShapeError: if it has another shape.
    """
    array = _as_column(as_array(who, name, data), shape)
    if array.ndim == 0 or array.shape[1:] != shape[1:]:
        raise ShapeError(
            f"{who}: {name} has shape {array.shape}, expected {format_shape(shape)}, the input of "
            f"{model!r}{reshape_hint(name, array, shape)}"
        )
    return _gathered(who, name, array, _WHOLE, dtype)


def as_values(
    who: str, data: ArrayLike, shape: Shape, loss: str, dtype: str, name: str = "y"
) -> Array:
    """Return targets of the prediction's shape; (n,) stands for (n, 1), nothing is broadcast.

    Raises:
        ShapeError: if they have another shape.
    """
    array = _as_column(as_array(who, name, data), shape)
    if array.ndim == 0 or array.shape[1:] != shape[1:]:
        hint = _labels_hint(array, shape, loss) or reshape_hint(name, array, shape)
        raise ShapeError(
            f"{who}: {name} has shape {array.shape}, expected {format_shape(shape)}, the shape "
            f"that {loss} compares with{hint}"
        )
    return _gathered(who, name, array, _GATHERED, dtype)


def _as_column(array: Array, shape: Shape) -> Array:
    return array[:, None] if array.ndim == 1 and shape == (None, 1) else array


def require_out(who: str, out: object, shape: tuple[int, ...], dtype: str) -> None:
    """Refuse what an output cannot be put into.

    Raises:
        ShapeError: if its shape is not ``shape``.
        DTypeError: if it is no array of ``dtype`` in one writable piece.
    """
    if not isinstance(out, np.ndarray):
        raise DTypeError(f"{who}: out must be a NumPy array, got {type(out).__name__}")
    if out.shape != shape:
        raise ShapeError(
            f"{who}: out has shape {out.shape}, expected {shape}, the output of one sample"
        )
    if out.dtype != dtype or not out.flags.carray:
        raise DTypeError(
            f"{who}: out must be a writable C-contiguous array of {dtype}, got {out.dtype} with "
            f"strides {out.strides}; make it by numpy.empty({shape}, {dtype!r})"
        )


def require_range(who: str, name: str, array: Array, dtype: DTypeLike) -> None:
    """Refuse finite numbers that a precision does not have.

    Args:
        who: the layer, or the method that was called.
        name: what they are.
        array: the numbers.
        dtype: the precision.

    Raises:
        DTypeError: if there is one.
    """
    if array.dtype.kind != "f" or np.can_cast(array.dtype, dtype):
        return
    beyond = np.isfinite(array) & (np.abs(array) > np.finfo(dtype).max)
    if beyond.any():
        raise DTypeError(
            f"{who}: {name} holds {array[beyond].flat[0]:g}, beyond the range of "
            f"{np.dtype(dtype)}; scale the data, or compute in float64: "
            "Sequential(..., dtype='float64')"
        )


def as_labels(who: str, data: ArrayLike, shape: Shape, classes: int, name: str = "y") -> Array:
    """Return integer labels of ``shape``, or with a last axis of 1 besides; their range is checked
    while a batch is gathered.

    Raises:
        ShapeError: if they have another shape.
    """
    array = as_array(who, name, data)
    if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 0 or array.shape[1:] != shape[1:]:
        hint = (
            "; one-hot targets go with categorical_crossentropy"
            if array.shape[1:] == (*shape[1:], classes)
            else "; for one label a sample, end the model with Flatten() and Dense(classes)"
            if array.ndim == 1
            else ""
        )
        raise ShapeError(
            f"{who}: {name} has shape {array.shape}, expected labels {format_shape(shape)}, "
            f"integers from 0 to {classes - 1}{hint}"
        )
    kind = "float64" if array.dtype.kind == "f" else "int64"
    return _gathered(who, name, array, _WHOLE, kind)


def as_weights(
    who: str, data: ArrayLike, places: Shape, rows: int, dtype: str, name: str = "sample_weight"
) -> Array:
    """Return weights, (n,) or of the places of the output; a last axis of 1 may follow.

    Raises:
        ShapeError: if they have another shape.
        ValueError: if one is not finite.
    """
    array = as_array(who, name, data)
    if array.ndim > 1 and array.shape[-1] == 1 and array.ndim in (2, len(places) + 1):
        array = array[..., 0]
    if array.ndim == 0 or array.shape[1:] not in ((), places[1:]) or len(array) != rows:
        wanted = format_shape(places[:1]) + (f" or {format_shape(places)}" if places[1:] else "")
        raise ShapeError(
            f"{who}: {name} has shape {array.shape}, expected {wanted}, with {rows} rows: a weight "
            "for each sample"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{who}: {name} has a weight that is not finite; 0 leaves a sample out")
    return _gathered(who, name, array, _GATHERED, dtype)


def same_length(who: str, x: Array, y: Array, first: str = "x", second: str = "y") -> None:
    """Refuse samples and targets of different number; the names are for messages."""
    if len(x) != len(y):
        mend = "each sample needs its target" if second[0] == "y" else "they are of one batch"
        raise ShapeError(f"{who}: {first} has {len(x)} samples, {second} has {len(y)}; {mend}")


def not_empty(who: str, x: Array) -> None:
    """Refuse data without a sample."""
    if not len(x):
        raise ShapeError(f"{who}: x has no samples, shape {x.shape}; at least one is needed")


def refusal(
    who: str, fault: tuple[int, int, int, float], classes: int | None, source: str
) -> Exception:
    """Return the exception for data that was refused while a batch was gathered.

    Args:
        who: the method that was called.
        fault: its kind, the operation, the row, the number.
        classes: how many there are, where labels are refused.
        source: the name of the array in the program: ``"y0"``, ``"y1"``.
    """
    array = source if source[1:] not in ("", "0") else source[:1] or "y"
    kind, _, row, value = fault
    if kind == 3:
        return DTypeError(
            f"{who}: row {row} holds {value:g}, beyond the range of float32; scale the data, or "
            "compute in float64: Sequential(..., dtype='float64')"
        )
    what = "is not a whole number" if kind == 2 else "is not a class"
    last = (classes or 1) - 1
    return LabelError(
        f"{who}: label {value:g} of row {row} in {array} {what}; expected 0 to {last}, since the "
        f"model has {last + 1} outputs; number the classes from 0 or widen the last layer"
    )


def check_labels(who: str, labels: Array, classes: int, ignored: float, source: str) -> None:
    """Refuse labels that a batch would be refused for, before the first of them is learnt from.

    Args:
        who: the method that was called.
        labels: as ``as_labels`` returns them.
        classes: how many there are.
        ignored: a label that leaves its place out; NaN: there is none.
        source: the name of the array in the program.

    Raises:
        LabelError: if one is not a whole number from 0 to ``classes - 1``.
    """
    if not labels.size or (
        labels.dtype.kind != "f" and labels.min() >= 0 and labels.max() < classes
    ):
        return
    whole = labels == np.floor(labels)
    bad = ~(whole & (labels >= 0) & (labels < classes)) & (labels != ignored)
    if bad.any():
        place = np.unravel_index(np.argmax(bad), bad.shape)
        fault = (1 if whole[place] else 2, 0, int(place[0]), float(labels[place]))
        raise refusal(who, fault, classes, source)


#: Operations that refuse ids -> what their layers know, and the option that says how many.
IDS = {
    "embed_fwd": ("the table has {} rows", "input_dim"),
    "encode": ("there are {} tokens", "num_tokens"),
}


def unknown_id(
    who: str, layer: str, fault: tuple[int, int, int, float], count: int, op: str
) -> IdError:
    """Return the exception for an id that a layer does not know.

    Args:
        who: the method that was called.
        layer: the layer that refuses it.
        fault: its kind, the operation, the row, the id.
        count: how many ids the layer knows.
        op: the operation's name.
    """
    _, _, row, value = fault
    known, option = IDS[op]
    return IdError(
        f"{who}: {layer}: id {value:g} of row {row} is not a whole number from 0 to {count - 1}, "
        f"since {known.format(count)}; map unknown ids to one, or make {option} larger"
    )


def _gathered(who: str, name: str, array: Array, direct: frozenset[np.dtype], dtype: str) -> Array:
    """Return the array with each row in C order, aligned, and in a type that kernels gather from.

    Raises:
        MemoryError: if a copy is needed that the machine has no memory for.
    """
    if array.dtype in direct and _rows_lie_whole(array):
        return array
    native = array.dtype.newbyteorder("=")
    # of wider floats, what overflows float32 is left for gathering to notice
    wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
    kind = native if native in direct else np.dtype("float64" if wide else dtype)
    _check_room(who, name, array, kind)
    with np.errstate(over="ignore"):
        return np.require(array, kind, ["C", "A"])


def _rows_lie_whole(array: Array) -> bool:
    """Whether each row is in C order, wherever the next one is: strides of rows are free."""
    flags = array[:1].flags
    return flags.c_contiguous and array.flags.aligned and array.strides[0] % array.itemsize == 0


def _check_room(who: str, name: str, array: Array, kind: np.dtype) -> None:
    """Refuse a copy before the operating system ends the process for it."""
    needed, room = array.size * kind.itemsize, memory()
    if needed > room:
        raise MemoryError(
            f"{who}: {name}, {array.dtype} of shape {array.shape}, has to be copied as {kind}: "
            f"{needed / 2**30:.1f} GiB of the {room / 2**30:.1f} that this machine has; read are "
            "where they lie: float32, float64 and uint8 whose rows are in C order; or pass a "
            "fastnn.utils.PyDataset, which hands over a batch at a time"
        )


def memory() -> int:
    """Return the bytes that this machine has, or any number of them if it does not tell."""
    if sys.platform == "win32":
        import ctypes

        kilobytes = ctypes.c_ulonglong()
        ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return 1024 * kilobytes.value or sys.maxsize
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _labels_hint(array: Array, shape: Shape, loss: str) -> str:
    labels = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)
    if labels and len(shape) == 3:
        return (
            "; the model predicts for each step: return_sequences=False, or a pooling, Flatten or "
            "GlobalAveragePooling1D before the last layer makes one of a sample"
        )
    if not labels or len(shape) != 2:
        return ""
    if "categorical" in loss:
        return "; integer labels go with sparse_categorical_crossentropy"
    mend = "; for one number a sample, end the model with Dense(1)"
    if array.dtype.kind in "iu":
        mend += f"; fastnn.utils.to_categorical(y, {shape[1]}) makes such rows of labels"
    return mend


def reshape_hint(name: str, array: Array, shape: Shape) -> str:
    """Return what gives an array the shape of samples, as the end of a message."""
    if _channels_first(array.shape, shape):
        return f"; channels come last here: np.moveaxis({name}, 1, -1)"
    if array.ndim == len(shape) + 1 and array.shape[2:] == shape[1:] and array.shape[1] > 1:
        return f"; if these are batches, join them: numpy.concatenate({name})"
    sizes = [d for d in shape if d is not None]
    if not array.size or len(sizes) == len(shape) or array.size % math.prod(sizes):
        return ""
    if array.ndim and len(array) * math.prod(sizes) != array.size and array.shape != shape[1:]:
        return ""
    # not by a method, which rows of data frames have not
    return f"; reshape it: numpy.reshape({name}, ({', '.join(map(str, (-1, *sizes)))}))"


def _channels_first(found: tuple[int, ...], shape: Shape) -> bool:
    """Whether images, or signals, have their channels where PyTorch has them."""
    return len(shape) >= 3 and found[1:] == (shape[-1], *shape[1:-1])
