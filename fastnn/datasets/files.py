"""Where the files of well-known data sets are looked for."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["find"]


def find(who: str, path: str | os.PathLike[str], wanted: str) -> Path:
    """Return the path, as it is given or among the files that Keras has fetched.

    Args:
        who: what looks for it, for messages.
        path: a file or a folder.
        wanted: what it should be, and where it comes from, for messages.

    Raises:
        FileNotFoundError: if it is in neither place.
    """
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"), "datasets")
    for place in (Path(path), home / path):
        if place.exists():
            return place
    raise FileNotFoundError(
        f"{who}: there is no {os.fspath(path)!r}, neither here nor in {home}. fastnn downloads "
        f"nothing; give the path of {wanted}"
    )
