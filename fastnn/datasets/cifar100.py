"""CIFAR-100, 60,000 colour images of a hundred kinds of things, from a folder of the caller's."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from fastnn.data.cifar import read_cifar
from fastnn.datasets.files import find

__all__ = ["load_data"]

Bytes = NDArray[np.uint8]


def load_data(
    label_mode: str = "fine", path: str | os.PathLike[str] = "cifar-100-python"
) -> tuple[tuple[Bytes, Bytes], tuple[Bytes, Bytes]]:
    """Loads CIFAR-100.

    Args:
        label_mode: ``"fine"`` for 100 classes, ``"coarse"`` for the 20 that they belong to.
        path: the folder with ``train`` and ``test``, that of ``cifar-100-python.tar.gz``; or with
            ``train.bin`` and ``test.bin``, that of ``cifar-100-binary.tar.gz``; both from
            https://www.cs.toronto.edu/~kriz/cifar.html.  It is looked for in
            ``~/.keras/datasets``, too.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.  ``x: (rows, 32, 32, 3)``, uint8, 0 to 255;
        ``y: (rows, 1)``, uint8.

    Raises:
        FileNotFoundError: there is no such folder; nothing is downloaded.
        DataFileError: a file is not of its format, or is cut off.  No file can run code.
        ValueError: ``label_mode`` is neither of the two.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f"cifar100.load_data: label_mode must be 'fine' or 'coarse', got {label_mode!r}"[:300]
        )
    folder = find(
        "cifar100.load_data",
        path,
        "the folder in cifar-100-python.tar.gz or cifar-100-binary.tar.gz, unpacked",
    )
    suffix = ".bin" if (folder / "test.bin").exists() else ""
    train, test = (
        read_cifar(folder / f"{part}{suffix}", f"{label_mode}_labels") for part in ("train", "test")
    )
    return train, test
