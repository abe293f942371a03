"""The compiled core: see _core.pyx."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

DONE: int
SLICE: int
NONFINITE: int
FAULT: int
STOP: int

def op_table() -> list[tuple[str, str, str, str, str]]: ...
def probe_table() -> list[tuple[str, int, int, int]]: ...
def activation_names() -> tuple[str, ...]: ...
def isa_names(precision: str = "float32") -> tuple[str, ...]: ...
def kernels(precision: str) -> tuple[str, ...]: ...
def isa_built() -> tuple[str, ...]: ...
def cpu_name() -> str: ...
def cpu_has_fma() -> bool: ...
def environment(name: str) -> str: ...
def num_threads() -> int: ...
def set_num_threads(threads: int) -> None: ...
def permutation(seed: int, epoch: int, n: int) -> NDArray[np.int64]: ...
def uniform(seed: int, stream: int, n: int) -> NDArray[np.float64]: ...
def aligned_zeros(n: int, dtype: DTypeLike) -> NDArray[Any]: ...

class Run:
    total: int
    first: int
    rows: int
    pc: int
    watch: bool
    fault: tuple[int, int, int, float]
    def __init__(
        self,
        total: int,
        batch: int,
        *,
        order: NDArray[np.int64] | None = None,
        epoch: int = 0,
        seed: int = 0,
        slice_seconds: float = 0.0,
        watch: bool = True,
    ) -> None: ...
    @property
    def order(self) -> NDArray[np.int64] | None: ...
    @property
    def batch(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seed(self) -> int: ...

class Program:
    def __init__(self, precision: str, isa: str, threads: int) -> None: ...
    def add(
        self,
        code: int,
        operands: list[NDArray[Any] | None],
        bases: list[int],
        scaled: int,
        attrs: list[float],
        shared: bool,
        far: bool,
        function: Callable[[int], None] | None = None,
    ) -> int: ...
    def finish(
        self,
        clock_every: int,
        commit: int,
        keeps_gil: bool,
        lent: Sequence[tuple[int, int, int, int]] = (),
        brief: bool = False,
    ) -> None: ...
    def lend(self, which: int, array: NDArray[Any]) -> None: ...
    def run(self, run: Run) -> int: ...
    def run_row(
        self,
        x: object,
        out: object,
        shape: tuple[int, ...],
        out_shape: tuple[int, ...],
        direct: bool,
    ) -> bool: ...
    def profile(self) -> list[float]: ...
