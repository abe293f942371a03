"""Makes fastnn/data/digits.npz from the copy of the data set that scikit-learn ships.

For maintainers, once: `python tests/tools/make_digits.py` (needs scikit-learn).  The file holds
`x`, uint8 (1797, 8, 8, 1), and `y`, int64 (1797,); tests/test_datasets.py pins the digest of both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parents[2] / "fastnn" / "data" / "digits.npz"


def main() -> None:
    """Writes the file, after checking that no pixel is lost in uint8."""
    digits = load_digits()
    x = digits.images.astype(np.uint8)
    if not np.array_equal(x, digits.images):
        raise ValueError("scikit-learn's pixels are not whole numbers in 0..255")
    np.savez_compressed(TARGET, x=x[..., np.newaxis], y=digits.target.astype(np.int64))
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
