"""The files of CIFAR-10 and CIFAR-100: https://www.cs.toronto.edu/~kriz/cifar.html.

The binary version has records of labels, one byte each, and of 3072 bytes of red, green and blue,
32 rows of 32 each; the version for Python has the same in a pickle.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnn._checks import path as checked_path
from fastnn.data.pickles import read_pickle
from fastnn.errors import DataFileError

__all__ = ["read_cifar"]

Bytes = NDArray[np.uint8]

_PIXELS = 3 * 32 * 32


def read_cifar(path: str | os.PathLike[str], label: str = "labels") -> tuple[Bytes, Bytes]:
    """Reads one file of CIFAR-10 or CIFAR-100, of the binary version or of that for Python.

    Args:
        path: the file: ``.bin`` for the binary version.
        label: ``"labels"`` for CIFAR-10, ``"fine_labels"`` or ``"coarse_labels"`` for CIFAR-100.

    Returns:
        ``(x, y)``.  ``x: (rows, 32, 32, 3)``, uint8; ``y: (rows, 1)``, uint8.

    Raises:
        DataFileError: it is no such file, is cut off, or has a label that is no class.
    """
    path = os.fspath(path)
    classes = {"labels": 10, "fine_labels": 100, "coarse_labels": 20}[label]
    with open(checked_path("read_cifar", "path", path), "rb") as file:
        content = file.read()
    try:
        read = _binary if path.endswith(".bin") else _pickled
        pixels, labels = read(content, label)
        if labels.size and labels.max() >= classes:
            raise DataFileError(f"its label {labels.max()} is none of {classes} classes")
    except DataFileError as error:
        raise DataFileError(f"{path}: {error}"[:390]) from None
    images = pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels.reshape(-1, 1)


def _binary(content: bytes, label: str) -> tuple[Bytes, Bytes]:
    labels = 1 if label == "labels" else 2  # coarse, then fine
    record = labels + _PIXELS
    if not content or len(content) % record:
        raise DataFileError(f"{len(content)} bytes are no whole number of {record}, an image each")
    records = np.frombuffer(content, np.uint8).reshape(-1, record)
    return records[:, labels:], records[:, labels - 1 if label != "coarse_labels" else 0].copy()


def _pickled(content: bytes, label: str) -> tuple[Bytes, Bytes]:
    batch = read_pickle(content)
    if not isinstance(batch, dict):
        raise DataFileError(f"expected a dict with data and {label}, got {type(batch).__name__}")
    known = {key.decode("latin-1") if isinstance(key, bytes) else key: batch[key] for key in batch}
    if not {"data", label} <= set(known):
        raise DataFileError(f"expected data and {label}, there are {', '.join(map(str, known))}")
    return _pixels(known["data"]), _labels(known[label], len(known["data"]))


def _pixels(data: Any) -> Bytes:
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != _PIXELS:
        raise DataFileError(f"its data is no array of {_PIXELS} bytes an image")
    return data


def _labels(labels: Any, rows: int) -> Bytes:
    if not isinstance(labels, list) or len(labels) != rows:
        raise DataFileError(f"its labels are no list of {rows}, a number for each image")
    if not all(type(label) is int and 0 <= label <= 255 for label in labels):
        raise DataFileError("a label is no whole number from 0 to 255")
    return np.array(labels, np.uint8)
