"""Writes down kernels' work, so that another processor can do it again: tests/c/replay.c.

    python tests/tools/recording.py FILE [seed]

A record is the list of bound ops of a case, the memory they find, and a hash of what they leave
there; so it says how C is called, and knows nothing of Python.  The format is read in replay.c.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastnn import _core
from fastnn.compiler import bind
from fastnn.reference.cases import cases
from fastnn.reference.harness import POLICIES, Trial, checked_ops

MAGIC = b"FNNREC1\n"
KINDS = {np.dtype(np.float32): 4, np.dtype(np.float64): 8}  # of memory, whose NaNs are all one
PRIME, MASK = 0x100000001B3, (1 << 64) - 1


class Recorder(_core.Program):
    """A program that remembers what it was told."""

    last: Recorder

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.ops: list[tuple[Any, ...]] = []
        self.lents: list[tuple[int, int, int, int]] = []
        self.given: list[np.ndarray] = []
        Recorder.last = self

    def add(self, code: int, operands: list[Any], *rest: Any) -> int:  # type: ignore[override]
        self.ops.append((code, list(operands), *rest[:-1]))
        return super().add(code, operands, *rest)

    def finish(
        self, clock: int, commit: int, keeps: bool, lent: Any = (), brief: bool = False
    ) -> None:
        self.lents = list(lent)
        super().finish(clock, commit, keeps, lent, brief)

    def lend(self, arrays: list[Any]) -> None:
        self.given = list(arrays)
        super().lend(arrays)


class Memory:
    """The stretches of memory that arrays lie in, each once."""

    def __init__(self, arrays: list[np.ndarray]):
        self.regions: list[tuple[int, int, np.ndarray]] = []
        for array in sorted(arrays, key=lambda a: (address(a), -a.nbytes)):
            if not self.regions or address(array) >= self.regions[-1][1]:
                self.regions.append((address(array), address(array) + array.nbytes, array))
            elif address(array) + array.nbytes > self.regions[-1][1]:
                raise ValueError("operands overlap in part")

    def place(self, array: np.ndarray) -> tuple[int, int]:
        """Return the region that the array begins in, counted from 1, and where there."""
        for index, (begin, end, _) in enumerate(self.regions):
            if begin <= address(array) < end or (begin == address(array) and not array.size):
                return index + 1, address(array) - begin
        raise ValueError("an array lies nowhere")


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def kind(array: np.ndarray) -> int:
    return KINDS.get(array.dtype, 1)


@cache
def weights(count: int) -> np.ndarray:
    """Return 1, PRIME, PRIME^2, ... modulo 2^64."""
    powers = np.full(count, PRIME, np.uint64)
    powers[:1] = 1
    return np.multiply.accumulate(powers)


def digest(arrays: list[np.ndarray]) -> int:
    """Return a hash of all 32-bit words; the NaNs of each type are one number."""
    found = 0
    for array in arrays:
        if kind(array) > 1:
            array = np.where(np.isnan(array), array.dtype.type(np.nan), array)
        data = array.tobytes()
        words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint64) + np.uint64(1)
        found = (found * PRIME + int((words * weights(words.size)).sum())) & MASK
    return found


def record(trial: Trial, isa: str) -> bytes | None:
    """Return the record of a case; ``None`` if its data is refused."""
    executable, _ = trial.bound(lambda memory: bind.Compiled(trial.program, memory, isa, 1))
    told = Recorder.last
    arrays = [a for _, operands, *_ in told.ops for a in operands if a is not None]
    memory = Memory([*arrays, *told.given])
    regions = [array for *_, array in memory.regions]
    before = [array.tobytes() for array in regions]
    run = trial._core_run()
    if executable.run(run) != _core.DONE:
        return None
    parts = [
        text(str(trial)),
        struct.pack(
            "<iqqqqQ",
            POLICIES.index(trial.policy),
            run.total,
            run.batch,
            run.epoch,
            run.origin,
            run.seed,
        ),
        numbers("q", [] if run.order is None else run.order.tolist()),
        struct.pack("<i", len(regions)),
        *(struct.pack("<iq", kind(a), len(b)) + b for a, b in zip(regions, before, strict=True)),
        struct.pack("<i", len(told.ops)),
        *(op(memory, *each) for each in told.ops),
        struct.pack("<i", len(told.lents)),
        *(lent(memory, told.given, *each) for each in told.lents),
        struct.pack("<Q", digest(regions)),
    ]
    return b"".join(parts)


def text(line: str) -> bytes:
    encoded = line.encode()[:200]
    return struct.pack("<i", len(encoded)) + encoded


def numbers(code: str, every: list[Any]) -> bytes:
    return struct.pack(f"<i{len(every)}{code}", len(every), *every)


def op(
    memory: Memory,
    code: int,
    operands: list[Any],
    bases: list[int],
    scaled: int,
    attrs: list[float],
    shared: bool,
    far: bool,
) -> bytes:
    places = [(0, 0) if a is None else memory.place(a) for a in operands]
    return b"".join(
        [
            struct.pack("<iIii", code, scaled, shared, far),
            struct.pack("<i", len(places)),
            *(struct.pack("<iq", *place) for place in places),
            numbers("q", bases),
            numbers("d", attrs),
        ]
    )


def lent(memory: Memory, given: list[Any], index: int, operand: int, which: int, row: int) -> bytes:
    codes = [np.float32, np.float64, np.uint8, np.int32, np.int64]  # fnn_dtype
    place, _ = memory.place(given[which])
    dtype = codes.index(given[which].dtype.type) if row == 0 else -1
    return struct.pack("<iiiiq", index, operand, place - 1, dtype, row)


def records(isa: str, seed: int, most_bytes: int) -> Iterator[bytes]:
    """Yield the record of each case that does not have more bytes."""
    for policy in POLICIES:
        if isa not in _core.isa_names(policy):
            continue
        for name in checked_ops(policy):
            for case in cases(name):
                found = record(Trial(case, policy, seed), isa)
                if found is not None and len(found) <= most_bytes:
                    yield found


def write(file: BinaryIO, isa: str, seed: int = 0, most_bytes: int = 1 << 16) -> int:
    """Write the records of all ops; return how many."""
    bind._core.Program = Recorder  # type: ignore[misc]
    try:
        every = list(records(isa, seed, most_bytes))
    finally:
        bind._core.Program = Recorder.__base__  # type: ignore[misc]
    file.write(MAGIC + struct.pack("<i", len(every)) + b"".join(every))
    return len(every)


if __name__ == "__main__":
    with Path(sys.argv[1]).open("wb") as made:
        print(
            write(made, _core.isa_names("float32")[0], int((sys.argv[2:] or ["0"])[0])), "records"
        )
