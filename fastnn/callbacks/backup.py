"""Callbacks that keep a training's state in a file, from which it goes on after an end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from fastnn._checks import count
from fastnn._typing import Array
from fastnn.callbacks.base import Callback
from fastnn.errors import ModelFileError

__all__ = ["STATE", "Backup", "BackupAndRestore"]

#: The file, in the folder of a training.
STATE = "training.fastnn"

#: What the config of a backup has beside that of a file of weights, and where its arrays are.
_BESIDE: dict[str, type] = {"training": dict}


class Backup(Callback):
    """Keeps a training's state in one file; ``fit(checkpoint=path)`` makes one.

    It has no events: ``fit`` itself knows when it is at a whole step, and what there is to keep.

    Args:
        path: the file.
        save_freq: ``"epoch"``, or after how many batches to save, counted over epochs.
        double: whether the file before the last is kept as well, with ``.previous`` after its name.
        delete: whether the files are removed when the training is complete.
    """

    first_rank_only = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double: bool = False,
        delete: bool = False,
    ):
        self.path = os.fsdecode(path)
        self.save_freq = save_freq
        if save_freq != "epoch":
            self.save_freq = count(type(self).__name__, "save_freq", save_freq, least=1)
        self._previous = f"{self.path}.previous" if double else None
        self._delete = bool(delete)
        self._batches = 0

    @property
    def left(self) -> int | None:
        """The batches until a save is due; ``None`` if epochs are counted."""
        return self.save_freq - self._batches if isinstance(self.save_freq, int) else None

    def count(self, batches: int) -> None:
        """Note that so many batches were made."""
        self._batches += batches

    @property
    def due(self) -> bool:
        """Whether it is time to save, by the number of batches."""
        return isinstance(self.save_freq, int) and self._batches >= self.save_freq

    def write(self, config: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Replace the file, whole or not at all."""
        from fastnn import archive, atomic  # slow to import, and seldom needed

        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        if self._previous is not None:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path, self._previous)
        atomic.replace(self.path, archive.pieces(config, arrays))
        self._batches = 0

    def read(self) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """Return what the file holds; ``None`` if there is none.

        Raises:
            ModelFileError: if it is damaged, or no backup, and there is no previous one.
        """
        from fastnn import saving

        self._batches = 0
        if os.path.isdir(self.path):
            raise ModelFileError(
                f"checkpoint: {self.path[:160]} is a folder, expected a file, there or not, such "
                f"as {os.path.join(self.path, STATE)[:160]}"
            )
        try:
            return saving.read(self.path, _BESIDE, _BESIDE)
        except (FileNotFoundError, ModelFileError) as error:
            if self._previous is not None and os.path.exists(self._previous):
                return saving.read(self._previous, _BESIDE, _BESIDE)
            if isinstance(error, FileNotFoundError):
                return None
            raise

    def complete(self) -> None:
        """Remove the files, if asked to, since the training has ended."""
        if self._delete:
            for path in (self.path, self._previous):
                if path is not None:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path)


class BackupAndRestore(Backup):
    """Keeps the state of a training in a folder, from which ``fit`` goes on if it was ended.

    Start the script again after a crash or a kill: ``fit`` of the same model on the same data with
    the same arguments takes up where the last backup was, and ends with the weights, the history
    and the optimizer's state of a training that was never interrupted, to the bit.  A backup holds
    weights, what the optimizer remembers, the seed and the place in the epoch, which dropout,
    augmentation and the order of samples follow from, the history, and the state of the other
    callbacks (their ``get_state``).

    A backup is written whole or not at all, and none that is not finite replaces one that is.

    Args:
        backup_dir: the folder, of this training alone; it is made.
        save_freq: ``"epoch"``, or after how many batches to save, counted over epochs.  Between
            backups whole epochs run without coming back to Python all the same.
        double_checkpoint: whether the backup before the last is kept, too, and taken if the last
            one is damaged.
        delete_checkpoint: whether the backup is removed when the training is complete; if it stays,
            ``fit`` with more ``epochs`` goes on from it.

    Raises:
        ValueError: if ``save_freq`` is no number of batches; and by ``fit``, if the backup is of
            another training: says what has changed.

    Example:
        >>> import fastnn, os, tempfile
        >>> def train(folder, epochs):
        ...     fastnn.set_seed(1)
        ...     model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        ...     model.compile("sgd", "mse")
        ...     backup = fastnn.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        ...     x = [[0.0], [1.0]]
        ...     return model.fit(x, x, epochs=epochs, verbose=0, callbacks=[backup]).history["loss"]
        >>> with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        ...     train(one, 3) == train(other, 2) + train(other, 3)[2:]
        True
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        if not backup_dir:
            raise ValueError("BackupAndRestore: backup_dir is empty; give the path of a folder")
        self.backup_dir = os.fsdecode(backup_dir)
        self.double_checkpoint = bool(double_checkpoint)
        self.delete_checkpoint = bool(delete_checkpoint)
        path = os.path.join(self.backup_dir, STATE)
        super().__init__(path, save_freq, self.double_checkpoint, self.delete_checkpoint)

    def complete(self) -> None:
        """Remove the backup, and the folder if nothing else is in it."""
        super().complete()
        if self.delete_checkpoint:
            with contextlib.suppress(OSError):
                os.rmdir(self.backup_dir)
