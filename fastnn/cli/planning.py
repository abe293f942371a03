"""How a model is made and trained where the caller does not say: by the data, with the reason."""

from __future__ import annotations

import argparse
import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnn.cli.sources import Data
from fastnn.data.arrays import memory

__all__ = ["Plan", "plan"]

#: Steps that a training takes at the most, and the epochs that this may amount to.
_STEPS, _EPOCHS = 30_000, (20, 500)

_COPIES = 4  # of a weight in training: itself, its gradient, two moments of Adam
_SHOWN = 6  # classes on a line


@dataclass
class Plan:
    """What a model is, and how it is trained.

    Attributes:
        filters: of the convolutions, each with a pooling behind it; none for rows of numbers.
        hidden: units of the hidden layers.
        dropout: after each of these.
        epochs: the most.
        batch_size: rows of a step.
        learning_rate: of the optimizer; ``None`` is its own.
        optimizer: its name.
        patience: epochs without a better val_loss after which training ends; 0: never.
        class_weight: by the numbers of classes; ``None``: all rows count alike.
        reasons: for each line of the report, what was chosen and why.
    """

    filters: list[int]
    hidden: list[int]
    dropout: float
    epochs: int
    batch_size: int
    learning_rate: float | None
    optimizer: str
    patience: int
    class_weight: dict[int, float] | None
    reasons: dict[str, str]

    def choices(self) -> dict[str, Any]:
        """Return what JSON tells of it."""
        return {name: value for name, value in vars(self).items() if name != "reasons"}


def plan(data: Data, options: argparse.Namespace) -> Plan:
    """Return what the caller asked for, and what the data suggests for the rest."""
    rows, spatial = len(data.x), data.x.ndim == 4
    filters = _filters(data.x.shape[1:3]) if spatial else []
    hidden = _given(options.hidden, [64] if spatial else _widths(rows))
    dropout = _given(options.dropout, _dropout(data, spatial)) if hidden else 0.0
    batch = _given(options.batch_size, _batch(rows))
    steps = -(-rows // batch)
    epochs = _given(options.epochs, int(np.clip(_STEPS // steps, *_EPOCHS)))
    stops = data.held_out is not None
    if options.patience and not stops:
        options.refuse("--patience is for a training with rows held out; here are none")
    patience = _given(options.patience, max(10, epochs // 10)) if stops else 0
    optimizer = _given(options.optimizer, "adam")
    made = Plan(
        filters,
        hidden,
        dropout,
        epochs,
        batch,
        options.learning_rate,
        optimizer,
        patience,
        _class_weight(data, options),
        {},
    )
    _require_room(made, data)
    made.reasons = _reasons(made, data, steps, options)
    return made


def _require_room(made: Plan, data: Data) -> None:
    """Refuse hidden layers that the operating system would end the process for.

    Raises:
        MemoryError: if they and a step of training take more memory than the machine has.
    """
    shrunk = [side >> len(made.filters) for side in data.x.shape[1:-1]]
    first = math.prod([*shrunk, *made.filters[-1:]]) if made.filters else data.x[0].size
    sizes = [int(first), *made.hidden, data.schema.target.units]
    weights = sum(a * b for a, b in itertools.pairwise(sizes))
    needed, room = 4 * (_COPIES * weights + 2 * made.batch_size * sum(sizes)), memory()
    if needed > room:
        raise MemoryError(
            f"--hidden {','.join(map(str, made.hidden)):.60} makes {weights:,} weights, which take "
            f"{needed / 2**30:.1f} GiB in training of the {room / 2**30:.1f} that this machine "
            "has; give fewer units"
        )


def _given(value: Any, chosen: Any) -> Any:
    return chosen if value is None else value


def _filters(sides: tuple[int, ...]) -> list[int]:
    """Return convolutions until 4 pixels are left, four at the most."""
    count = max(1, min(4, int(np.log2(max(1, min(sides)))) - 2))
    return [32 << min(place, 2) for place in range(count)]


def _widths(rows: int) -> list[int]:
    """Return two layers that grow with the data, as more rows can teach more weights."""
    return [32, 16] if rows < 500 else [64, 32] if rows < 10_000 else [128, 64]


def _dropout(data: Data, spatial: bool) -> float:
    if spatial:
        return 0.5
    return 0.2 if data.schema.target.task != "numbers" and len(data.x) < 10_000 else 0.0


def _batch(rows: int) -> int:
    """Return 16 to 256 rows, a power of two, of which an epoch has a hundred at the least."""
    return int(np.clip(2 ** int(np.log2(max(1, rows / 50))), 16, 256))


def _class_weight(data: Data, options: argparse.Namespace) -> dict[int, float] | None:
    """Return weights that make up for how rare a class is, 1 in the mean of the rows."""
    if options.class_weight is None:
        return None
    if data.schema.target.task not in ("binary", "classes"):
        options.refuse("--class-weight is for one target of classes; this is another task")
    counts = np.bincount(data.y.reshape(-1).astype(int))
    mean = len(data.y) / np.count_nonzero(counts)
    return {place: float(mean / count) for place, count in enumerate(counts) if count}


def _reasons(made: Plan, data: Data, steps: int, options: argparse.Namespace) -> dict[str, str]:
    rows = len(data.x)
    held = 0 if data.held_out is None else len(data.held_out[0])
    if held:
        split = f"{rows:,} rows to train on, {held:,} held out to stop in time and to test"
    else:
        few = "" if not options.validation else "; too few to hold some out"
        split = f"{rows:,} rows to train on, none held out{few}: the scores are of what was learnt"
    reasons = {"split": split}
    if made.class_weight is not None:
        classes = data.schema.target.classes[0]
        weights = [f"{classes[n]} {each:.3g}" for n, each in made.class_weight.items()]
        more = ", ..." if len(weights) > _SHOWN else ""
        reasons["weights"] = f"{', '.join(weights[:_SHOWN])}{more}: each class counts as much"
    reasons["network"] = _network(made, data, given=options.hidden is not None)
    reasons["training"] = _training(made, steps)
    return reasons


def _training(made: Plan, steps: int) -> str:
    epochs = f"{made.epochs} epoch{'s' * (made.epochs > 1)}"
    batches = f"{steps:,} batch{'es' * (steps > 1)} of {made.batch_size}"
    if not made.patience:
        return f"{epochs} of {batches}; {made.optimizer}"
    if made.patience >= made.epochs:
        return f"{epochs} of {batches}, takes the best by val_loss; {made.optimizer}"
    ends = f"ends after {made.patience} without a better val_loss, and takes the best"
    return f"at most {epochs} of {batches}, {ends}; {made.optimizer}"


def _network(made: Plan, data: Data, given: bool) -> str:
    target = data.schema.target
    sizes = [" x ".join(map(str, data.x.shape[1:])), *(f"conv {n}" for n in made.filters)]
    sizes += [*map(str, made.hidden), str(target.units)]
    why = "as asked for" if given else f"for {len(data.x):,} rows"
    dropped = f", dropout {made.dropout:g}" if made.dropout else ""
    return f"{' - '.join(sizes)}{dropped}, {why}; --hidden makes another"
