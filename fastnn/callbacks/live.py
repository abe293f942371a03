"""A curve that grows while a training runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastnn._checks import count, path
from fastnn.callbacks.base import Callback, Logs
from fastnn.callbacks.records import History
from fastnn.extras import require
from fastnn.showing import notebook_display

__all__ = ["LivePlot"]


class LivePlot(Callback):
    """Draws loss and metrics while the training runs: in the cell of a notebook, or into a file.

    What other callbacks write into the logs it draws if it stands after them.

    Args:
        path: a .png, .pdf or .svg file, which is replaced whole after each epoch; ``None`` draws in
            the notebook, in one place.
        every: after how many epochs to draw, 1 or more; the last one is always drawn.
        metrics: names to draw, one panel each; ``None``: all, and the learning rate if it changed.

    Raises:
        ImportError: matplotlib is not installed, or IPython, which a notebook needs.
        RuntimeError: there is neither a path nor a notebook.
        ValueError: the file is of another kind.

    Example:
        >>> import fastnn, os, tempfile
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     live = fastnn.callbacks.LivePlot(os.path.join(folder, "curve.png"))
        ...     _ = model.fit([[0.0]], [0.0], epochs=2, verbose=0, callbacks=[live])
        ...     os.listdir(folder)
        ['curve.png']
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        every: int = 1,
        metrics: Sequence[str] | None = None,
    ):
        who = type(self).__name__
        require("matplotlib", who)
        self.path = None if path is None else _picture(who, path)
        self.every = count(who, "every", every, least=1)
        self.metrics = metrics
        self._display: Any = _notebook(who) if path is None else None
        self._place: Any = None
        self._history = History()
        self._drawn = 0

    def get_state(self) -> dict[str, Any]:
        """Return what is drawn so far."""
        return self._history.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on drawing what was drawn when ``get_state`` returned ``state``."""
        self._history.set_state(state)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin a new picture."""
        self._history, self._place, self._drawn = History(), None, 0

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Draw, if it is time to."""
        self._history.on_epoch_end(epoch, logs)
        if len(self._history.epoch) % self.every == 0:
            self._draw()

    def on_train_end(self, logs: Logs = None) -> None:
        """Draw what has not been drawn yet."""
        if self._drawn < len(self._history.epoch):
            self._draw()

    def _draw(self) -> None:
        figure, self._drawn = self._history.plot(metrics=self.metrics), len(self._history.epoch)
        if self.path is not None:
            figure.replace(self.path)
        elif self._place is None:
            self._place = self._display(figure, display_id=True)
        else:
            self._place.update(figure)


_path = path  # which an argument hides


def _picture(who: str, path: str | os.PathLike[str]) -> str:
    known = _path(who, "path", path)
    if not known.lower().endswith((".png", ".pdf", ".svg")):
        raise ValueError(f"{who}: path must end in .png, .pdf or .svg, got {known!r:.80}")
    return known


def _notebook(who: str) -> Any:
    """Return what shows a picture in the notebook that this is.

    Raises:
        RuntimeError: it is none.
    """
    require("IPython.display", f"{who} without a path")
    display = notebook_display()
    if display is None:
        raise RuntimeError(
            f"{who}: this is no notebook, so that a picture has no place; give a file: "
            f"{who}(path='curve.png')"
        )
    return display
