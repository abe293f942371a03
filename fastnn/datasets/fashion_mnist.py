"""Fashion-MNIST, 70,000 images of clothes in MNIST's format, from a folder of the caller's."""

from __future__ import annotations

import os
from typing import Any

from fastnn.datasets import mnist

__all__ = ["load_data"]


def load_data(path: str | os.PathLike[str] = "fashion-mnist") -> Any:
    """Loads Fashion-MNIST.

    Args:
        path: the folder with ``train-images-idx3-ubyte.gz`` and so on; Keras keeps it as
            ``~/.keras/datasets/fashion-mnist``, which is found by itself.

    Returns:
        As ``fastnn.datasets.mnist.load_data``; 0 to 9 are T-shirt, trouser, pullover, dress, coat,
        sandal, shirt, sneaker, bag, ankle boot.

    Raises:
        FileNotFoundError: there is no such folder; nothing is downloaded.
        DataFileError: a file is not of its format, is cut off, or does not go with the others.
    """
    return mnist.load_data(path)
