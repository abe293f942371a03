"""A training whose state is kept in a folder: whether it is the same, and where it goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastnn.callbacks import Callback, EarlyStopping
from fastnn.callbacks.backup import Backup

__all__ = ["Resumed", "refuse_other"]


def refuse_other(path: Path, model: Any, seed: int, patience: int) -> None:
    """Refuse the state of a training that was begun with other options, in the words of these.

    Raises:
        ValueError: if it was; what is not an option of the command is for ``fit`` to compare.
    """
    found = Backup(path).read()
    if found is None:
        return
    config, _ = found
    if config["seed"] != model.seed:
        raise ValueError(
            f"{path}: this training was begun with another seed than {seed}, by which rows are "
            "held out and weights are drawn; give its --seed, or another folder"
        )
    could_stop = EarlyStopping.__name__ in _lasting(config)
    if could_stop != bool(patience):
        was = "above 0" if could_stop else "0"
        raise ValueError(
            f"{path}: --patience was {was} when this training was begun, and is {patience}; give "
            "what it was begun with, or another folder"
        )


def _lasting(config: dict[str, Any]) -> Any:
    return config["training"].get("fingerprint", {}).get("callbacks with a state", ())


class Resumed(Callback):
    """Says from which epoch a training goes on.

    Args:
        say: takes the line.

    Attributes:
        begun: the epochs that had been trained before; ``None`` while none has begun.
    """

    def __init__(self, say: Callable[[str], object]):
        self._say = say
        self.begun: int | None = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Say it at the first epoch, unless that is the first of all."""
        if self.begun is not None:
            return
        self.begun = epoch
        if epoch:
            self._say(f"{'resumed':<13}goes on with epoch {epoch + 1}")
