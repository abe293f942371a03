"""MNIST, 70,000 images of handwritten digits, from a file of the caller's."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastnn.data.idx import read_idx
from fastnn.data.npz import read_npz
from fastnn.datasets.files import find
from fastnn.errors import DataFileError

__all__ = ["load_data"]

Bytes = NDArray[np.uint8]

_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}


def load_data(
    path: str | os.PathLike[str] = "mnist.npz",
) -> tuple[tuple[Bytes, Bytes], tuple[Bytes, Bytes]]:
    """Loads MNIST, or what has its format, such as Fashion-MNIST.

    Args:
        path: the ``mnist.npz`` that Keras has; or a folder with the four files of
            http://yann.lecun.com/exdb/mnist, ``train-images-idx3-ubyte.gz`` and so on, compressed
            or not.  It is looked for in ``~/.keras/datasets``, too.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.  ``x: (rows, 28, 28)``, uint8, 0 to 255;
        ``y: (rows,)``, uint8, 0 to 9.

    Raises:
        FileNotFoundError: there is no such file; nothing is downloaded.
        DataFileError: a file is not of its format, is cut off, or does not go with the others.
    """
    place = find(
        "mnist.load_data",
        path,
        "mnist.npz, which keras.datasets.mnist.load_data() fetches, or of a folder with "
        + ", ".join(f"{name}.gz" for name in _FILES.values()),
    )
    arrays = _from_folder(place) if place.is_dir() else read_npz(place)
    if not set(_FILES) <= set(arrays):
        raise DataFileError(f"{place}: it has {', '.join(arrays)}; expected {', '.join(_FILES)}")
    for part in ("train", "test"):
        _check(place, part, arrays[f"x_{part}"], arrays[f"y_{part}"])
    return (
        (arrays["x_train"], arrays["y_train"]),
        (arrays["x_test"], arrays["y_test"]),
    )


def _from_folder(folder: Path) -> dict[str, Bytes]:
    return {key: read_idx(_one_of(folder, name)) for key, name in _FILES.items()}


def _one_of(folder: Path, name: str) -> Path:
    spellings = [name, name.replace("-idx", ".idx")]
    for spelling in spellings:
        for place in (folder / spelling, folder / f"{spelling}.gz"):
            if place.exists():
                return place
    raise FileNotFoundError(f"mnist.load_data: {folder} has no {name} and no {name}.gz")


def _check(place: Path, part: str, x: Bytes, y: Bytes) -> None:
    images = x.ndim == 3 and x.shape[1:] == (28, 28) and x.dtype == np.uint8
    if not images or y.shape != x.shape[:1] or y.dtype != np.uint8:
        raise DataFileError(
            f"{place}: the {part} images are {x.dtype}{x.shape} and the labels {y.dtype}{y.shape}; "
            "expected uint8 (rows, 28, 28) and (rows,)"
        )
    if y.size and y.max() > 9:
        raise DataFileError(f"{place}: the {part} label {y.max()} is no digit")
