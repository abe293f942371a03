"""One line on a terminal that says how a training goes."""

from __future__ import annotations

import math
import shutil
import sys
from typing import Any

from fastnn.callbacks import Callback

__all__ = ["Line"]


class Line(Callback):
    """Rewrites one line after each epoch, and removes it at the end; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = sys.stdout.isatty()
        self._best = math.inf

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the line anew."""
        losses = {name: value for name, value in (logs or {}).items() if "loss" in name}
        watched = losses.get("val_loss", losses.get("loss", math.nan))
        self._best = min(self._best, watched)
        words = [f"{name} {value:.4g}" for name, value in losses.items()]
        self._write(
            f"epoch {epoch + 1}/{self.params['epochs']}  {'  '.join(words)}  best {self._best:.4g}"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Remove the line."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stdout.write(f"\r{text[: shutil.get_terminal_size().columns - 1]}\033[K")
            sys.stdout.flush()
