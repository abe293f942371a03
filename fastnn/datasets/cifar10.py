"""CIFAR-10, 60,000 colour images of ten kinds of things, from a folder of the caller's."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from fastnn.data.cifar import read_cifar
from fastnn.datasets.files import find

__all__ = ["load_data"]

Bytes = NDArray[np.uint8]


def load_data(
    path: str | os.PathLike[str] = "cifar-10-batches-py",
) -> tuple[tuple[Bytes, Bytes], tuple[Bytes, Bytes]]:
    """Loads CIFAR-10.

    Args:
        path: the folder with ``data_batch_1`` to ``data_batch_5`` and ``test_batch``, that of
            ``cifar-10-python.tar.gz``; or with ``data_batch_1.bin`` and so on, that of
            ``cifar-10-binary.tar.gz``; both from https://www.cs.toronto.edu/~kriz/cifar.html.  It
            is looked for in ``~/.keras/datasets``, too.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``.  ``x: (rows, 32, 32, 3)``, uint8, 0 to 255;
        ``y: (rows, 1)``, uint8, 0 to 9: airplane, automobile, bird, cat, deer, dog, frog, horse,
        ship, truck.

    Raises:
        FileNotFoundError: there is no such folder; nothing is downloaded.
        DataFileError: a file is not of its format, or is cut off.  No file can run code.
    """
    folder = find(
        "cifar10.load_data",
        path,
        "the folder in cifar-10-python.tar.gz or cifar-10-binary.tar.gz, unpacked",
    )
    suffix = ".bin" if (folder / "test_batch.bin").exists() else ""
    parts = [read_cifar(folder / f"data_batch_{n}{suffix}") for n in range(1, 6)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return (x, y), read_cifar(folder / f"test_batch{suffix}")
