"""The handwritten digits that ship with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIGITS", "load_digits"]

#: The arrays x and y.  A package with compiled code is never run from an archive: this is a file.
DIGITS = Path(__file__).parent.parent / "data" / "digits.npz"


def load_digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Loads 1,797 images of handwritten digits, the test set of UCI's optical recognition data.

    The same images in the same order as `sklearn.datasets.load_digits`, with the channel axis that
    `Conv2D` wants.  E. Alpaydin and C. Kaynak, CC BY 4.0; see `fastnn/data/digits.txt`.

    Returns:
        `(x, y)`.  `x: (1797, 8, 8, 1)`, uint8, 0 to 16, the darkest; `y: (1797,)`, int64, 0 to 9.

    Example:
        >>> x, y = load_digits()
        >>> x.shape, y[:10].tolist()
        ((1797, 8, 8, 1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    with np.load(DIGITS, allow_pickle=False) as data:
        return data["x"], data["y"]
