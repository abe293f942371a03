"""A matplotlib figure whose files depend on nothing but what is drawn.

Invariant: this is the one module that imports matplotlib when it is imported.
"""

from __future__ import annotations

import io
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = ["Picture"]

#: What matplotlib would write beside the picture that differs from one day or version to the next.
_VARYING: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Creator": None, "Date": None},
}


class Picture(Figure):
    """A figure that is drawn without a window, and written without a date.

    Args:
        width: inches.
        height: inches.
        dpi: pixels of an inch.
    """

    def __init__(self, width: float, height: float, dpi: float = 150):
        layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08)  # inches
        super().__init__(figsize=(width, height), dpi=dpi, layout=layout)
        FigureCanvasAgg(self)

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the picture; the format follows from the name of the file.

        Args:
            fname: a path, or a file that is open for bytes.
            **options: those of matplotlib's ``Figure.savefig``.
        """
        kind = options.get("format") or str(fname).rpartition(".")[2].lower()
        metadata = {**_VARYING.get(kind, {}), **options.pop("metadata", {})}
        with matplotlib.rc_context({"svg.hashsalt": "fastnn"}):  # else ids are random
            super().savefig(fname, metadata=metadata or None, **options)

    def replace(self, path: str) -> None:
        """Write the picture into a file that is replaced whole."""
        from fastnn import atomic  # slow to import, and seldom needed

        atomic.replace(path, [self._content(path.rpartition(".")[2].lower())])

    def _repr_png_(self) -> bytes:
        """Return the picture for a notebook, which shows pyplot's figures alone by itself."""
        return self._content("png")

    def _content(self, kind: str) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format=kind)
        return file.getvalue()
