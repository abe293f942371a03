"""A training whose state is kept in a folder: whether it is the same, and where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.callbacks import Callback
from fastnn.callbacks.backup import Backup

__all__ = ["Resumed", "refuse_other_seed"]


def refuse_other_seed(path: Path, model: Any, seed: int) -> None:
    """Refuse the state of a training that was begun with another seed.

    Raises:
        ValueError: if it was.
    """
    found = Backup(path).read()
    if found is not None and found[0]["seed"] != model.seed:
        raise ValueError(
            f"{path}: this training was begun with another seed than {seed}, by which rows are "
            "held out and weights are drawn; give its --seed, or another folder"
        )


class Resumed(Callback):
    """Says from which epoch a training goes on.

    Args:
        say: takes the line.

    Attributes:
        trained: whether any epoch ran.
    """

    def __init__(self, say: Callable[[str], object]):
        self._say = say
        self.trained = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Say it at the first epoch, unless that is the first of all."""
        if epoch and not self.trained:
            self._say(f"{'resumed':<13}goes on with epoch {epoch + 1}")
        self.trained = True
