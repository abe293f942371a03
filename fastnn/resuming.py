"""What a backup of a training holds, and how a training goes on from it.

Nothing random has a state of its own: order, dropout and augmentation follow from the model's seed,
the number of the epoch and that of the sample.  So beside weights, the optimizer's state and what
callbacks ask for, a place in the epoch is all there is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._typing import Array
from fastnn.callbacks import Callback
from fastnn.callbacks.backup import Backup
from fastnn.compiler.program import Program
from fastnn.errors import ModelFileError
from fastnn.optimizers import schedules

if TYPE_CHECKING:
    from fastnn.models.trainer import Trainer
    from fastnn.optimizers import Optimizer
    from fastnn.runtime import Runtime
    from fastnn.variables import State

__all__ = ["Keeper", "Place", "digest", "fingerprint"]

_FOLDER = "training"
_ARRAY = "$array"  # the key of a dict that stands for an array of the file
_CHUNK = 1 << 24  # bytes that are hashed between two looks at signals


@dataclass
class Place:
    """Where a training stands, at a whole step.

    Attributes:
        epoch: the number of the epoch that runs, or comes next.
        batches: those made in it.
        rows: the samples of those.
        totals: what losses and metrics have summed up in it, if any batch was made.
        logs: what these amount to; after an epoch, its logs.
        watch: whether no loss was other than finite so far.
        streams: where the sources of batches stand.
    """

    epoch: int
    batches: int = 0
    rows: int = 0
    totals: Array | None = None
    logs: dict[str, Any] = field(default_factory=dict)
    watch: bool = True
    streams: list[tuple[int, int]] = field(default_factory=list)

    def is_sound(self) -> bool:
        """Return whether it is a place at all, which one in a file may not be."""
        numbers = [self.epoch, self.batches, self.rows]
        numbers += [n for each in self.streams for n in each]
        return (
            all(type(n) is int and n >= 0 for n in numbers)
            and (self.totals is None or isinstance(self.totals, np.ndarray))
            and isinstance(self.logs, dict)
            and isinstance(self.watch, bool)
            and all(len(each) == 2 for each in self.streams)
        )


class Keeper:
    """Keeps a training's state in its backup, if it has one, and takes it from there.

    Args:
        model: the model in training.
        callbacks: all of them; the backup is one.

    Attributes:
        place: where the backup was made; ``None`` if there is none.
    """

    def __init__(self, model: Trainer, callbacks: Sequence[Callback]):
        self._model, self._callbacks = model, callbacks
        self._backup = _find(callbacks)
        self._found: tuple[dict[str, Any], dict[str, Array]] | None = None
        self._fingerprint: dict[str, Any] = {}
        self.place: Place | None = None

    def find(
        self, fingerprint: Callable[[], dict[str, Any]], knows: Callable[[Place], bool]
    ) -> None:
        """Look for a backup.

        Args:
            fingerprint: returns what tells the training from others.
            knows: returns whether a place is one in the training.

        Raises:
            ValueError: if it is one of another training.
            ModelFileError: if it is damaged, or something else.
        """
        if self._backup is None:
            return
        self._fingerprint = fingerprint()
        self._found = self._backup.read()
        if self._found is not None:
            config, arrays = self._found
            _verify(self._backup.path, config["training"], self._fingerprint)
            place = _check(self._model, self._callbacks, config, arrays)
            if not (place.is_sound() and knows(place)):
                _part({}, "place", dict)
            self.place = place

    def restore(self) -> None:
        """Let model and callbacks become what they were."""
        assert self._found is not None
        (config, arrays), self._found = self._found, None
        _restore(self._model, self._callbacks, config, arrays)

    @property
    def counts_batches(self) -> bool:
        """Whether backups are made in the middle of epochs."""
        return self._backup is not None and self._backup.left is not None

    def left(self) -> int:
        """Return the batches until a backup is due."""
        assert self._backup is not None
        return max(1, self._backup.left or 1)

    def after_batches(self, batches: int, within: bool, here: Callable[[], Place]) -> None:
        """Make a backup if one is due.

        Args:
            batches: those that were made since.
            within: whether more are to come; else it is made after the epoch.
            here: returns where the training stands.
        """
        if self._backup is not None:
            self._backup.count(batches)
            if self._backup.due and within:
                self._save(here())

    def after_epoch(self, here: Callable[[], Place]) -> None:
        """Make a backup if one is due.

        Args:
            here: returns where the training stands.
        """
        if self._backup is not None and (self._backup.due or not self.counts_batches):
            self._save(here())

    def _save(self, place: Place) -> None:
        assert self._backup is not None
        captured = _capture(self._model, self._callbacks, place, self._fingerprint)
        if captured is not None:
            self._backup.write(*captured)

    def complete(self) -> None:
        """Note that the training has ended."""
        if self._backup is not None:
            self._backup.complete()


def _find(callbacks: Sequence[Callback]) -> Backup | None:
    """Return the callback that keeps backups, if there is one.

    Raises:
        ValueError: if there are several.
    """
    found = [each for each in callbacks if isinstance(each, Backup)]
    if len(found) > 1:
        raise ValueError(
            "fit: a training has one backup; give checkpoint or one BackupAndRestore, not "
            f"{len(found)}"
        )
    return found[0] if found else None


# ---- the same training? --------------------------------------------------------------------------


def fingerprint(
    runtime: Runtime, rows: int, callbacks: Sequence[Callback], **given: Any
) -> dict[str, Any]:
    """Return what tells one training from another.

    Args:
        runtime: the model's.
        rows: of a batch.
        callbacks: all of them.
        **given: what else there is to compare, by what people call it.
    """
    program = Program.of(runtime.graph("train"), rows, runtime.policy)
    steps = "\n".join(f"{operation} {operands}" for _, operation, operands in program.listing())
    assert runtime.optimizer is not None
    return {
        **given,
        "callbacks with a state": [type(each).__name__ for each in _lasting(callbacks)],
        "dtype": runtime.policy,
        "the model, its loss, its metrics or its optimizer": _sha256([steps.encode()]),
        "learning_rate": _rate(runtime.optimizer),
    }


def _rate(optimizer: Optimizer) -> Any:
    """Return what rates follow from; ``None`` if callbacks may have changed it meanwhile."""
    if callable(optimizer.schedule):
        try:
            return schedules.serialize(optimizer.schedule)
        except ValueError:  # a function of the user's own
            return "a function"
    return optimizer.learning_rate if optimizer.iterations == 0 else None


def digest(arrays: Mapping[str, Array]) -> str:
    """Return what tells arrays from others: the SHA-256 of all that is in them."""
    return _sha256(itertools.chain.from_iterable(map(_bytes, arrays, arrays.values())))


def _sha256(parts: Iterable[bytes | memoryview]) -> str:
    import hashlib  # slow to import, and seldom needed

    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
    return whole.hexdigest()


def _bytes(name: str, array: Array) -> Iterator[bytes | memoryview]:
    yield f"{name} {array.dtype.str} {array.shape}\n".encode()
    for part in _parts(array):
        yield np.ascontiguousarray(part).reshape(-1).view(np.uint8).data


def _parts(array: Array) -> Iterator[Array]:
    rows = max(1, _CHUNK // max(1, array[:1].nbytes))
    return (array[begin : begin + rows] for begin in range(0, len(array), rows))


def _verify(path: str, training: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse a backup of another training.

    Raises:
        ValueError: says what has changed.
    """
    then = _part(training, "fingerprint", dict)
    for key, value in now.items():
        before = then.get(key)
        if before == value or (key == "learning_rate" and None in (before, value)):
            continue
        short = all(len(str(each)) < 64 for each in (before, value))
        change = f"{key} was {before} and is {value}" if short else f"{key} is another"
        raise ValueError(
            f"fit: the backup {path[-120:]} is of another training: {change}. Give what it was "
            "begun with, or remove the file to begin anew"
        )


# ---- what a file holds ---------------------------------------------------------------------------


def _capture(
    model: Trainer, callbacks: Sequence[Callback], place: Place, fingerprint: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Array]] | None:
    """Return the config and the arrays of a backup; ``None`` if a weight is not finite."""
    from fastnn import saving

    if not np.isfinite(model.runtime.buffers["params"]).all():
        return None
    config, arrays = saving.weights_of(model)
    rate = model.runtime.optimizer and model.runtime.optimizer.schedule
    training = {
        "fingerprint": fingerprint,
        "place": vars(place),
        "stop": model.stop_training,
        "rate": None if callable(rate) else rate,
        "callbacks": [each.get_state() for each in _lasting(callbacks)],
        "states": [state.storage for state in _states(model)],
    }
    return {**config, "training": _stow("training", training, arrays)}, arrays


def _states(model: Trainer) -> list[State]:
    """Return what layers keep from batch to batch."""
    every = [getattr(layer, "states", None) or [] for layer in model.descendants()]
    return [state for states in every for state in states]


def _lasting(callbacks: Sequence[Callback]) -> list[Callback]:
    """Return the callbacks that have a state."""
    return [each for each in callbacks if each.get_state()]


def _stow(who: str, value: Any, arrays: dict[str, Array]) -> Any:
    """Return ``value`` as JSON can hold it, with its arrays put among ``arrays``."""
    if isinstance(value, dict):
        return {str(key): _stow(str(key), each, arrays) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_stow(who, each, arrays) for each in value]
    if isinstance(value, np.ndarray):
        name = f"{_FOLDER}/{len(arrays)}"
        arrays[name] = value
        return {_ARRAY: name}
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(
        f"a backup cannot keep {who!r} of a callback, a {type(value).__name__}; get_state may "
        "return numbers, texts and arrays, in lists and dicts"
    )


def _unstow(value: Any, arrays: dict[str, Array]) -> Any:
    """Return what ``_stow`` was given."""
    if isinstance(value, list):
        return [_unstow(each, arrays) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {_ARRAY}:
        name = str(value[_ARRAY])
        if not name.startswith(f"{_FOLDER}/") or name not in arrays:
            raise ModelFileError(f"fit: the backup has no array {name[:60]!r}")
        return arrays[name]
    return {key: _unstow(each, arrays) for key, each in value.items()}


def _check(
    model: Trainer,
    callbacks: Sequence[Callback],
    config: dict[str, Any],
    arrays: dict[str, Array],
) -> Place:
    """Return the place that a backup was made at, if it holds what it has to, so that nothing is
    changed if it does not."""
    from fastnn import saving

    saving.check_weights(model, config, arrays)
    saving.check_state(model, arrays)
    training = config["training"] = _unstow(config["training"], arrays)
    _part(training, "stop", bool)
    rate = training.get("rate", -1.0)
    if rate is not None and not (isinstance(rate, float) and rate >= 0):
        _part({}, "rate", float)
    kept = _part(training, "callbacks", list)
    if [set(each) for each in kept] != [set(each.get_state()) for each in _lasting(callbacks)]:
        raise ModelFileError("fit: the backup holds states of other callbacks")
    states = [getattr(each, "shape", None) for each in _part(training, "states", list)]
    if states != [each.shape for each in _states(model)]:
        raise ModelFileError("fit: the backup holds states of other layers")
    try:
        return Place(**_part(training, "place", dict))
    except TypeError:
        return Place(-1)  # none


def _restore(
    model: Trainer,
    callbacks: Sequence[Callback],
    config: Mapping[str, Any],
    arrays: dict[str, Array],
) -> None:
    """Let model and callbacks become what they were."""
    from fastnn import saving

    training = config["training"]
    saving.take_weights(model, config, arrays)
    saving.take_state(model, arrays)
    model.seed, model.epochs_trained = config["seed"], config["epochs_trained"]
    model.stop_training = training["stop"]
    optimizer = model.runtime.optimizer
    if optimizer is not None and training["rate"] is not None:
        optimizer.learning_rate = training["rate"]
    for state, array in zip(_states(model), training["states"], strict=True):
        state.assign(array)
    for callback, kept in zip(_lasting(callbacks), training["callbacks"], strict=True):
        callback.set_state(kept)


def _part(training: Mapping[str, Any], key: str, kind: type) -> Any:
    part = training.get(key)
    if not isinstance(part, kind):
        raise ModelFileError(f"fit: the backup does not hold a training: it has no {key}")
    return part
