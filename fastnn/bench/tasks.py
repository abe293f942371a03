"""Kernels that several libraries have, by name, as data: what a peer is asked to compute once.

Invariant: a task names no framework.  Images are NHWC; a peer may hold them in the layout it likes
best, and makes them before it is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Pass: TypeAlias = Literal["fwd", "dx", "dw"]


@dataclass(frozen=True)
class Gemm:
    """y = x w, dx = dy w.T or dw = x.T dy; ``x: (m, k)``, ``w: (k, n)``."""

    which: Pass
    m: int
    n: int
    k: int

    def __str__(self) -> str:
        return f"gemm {self.which} M{self.m} N{self.n} K{self.k}"

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.m * self.n * self.k

    @property
    def bytes(self) -> int:
        """Bytes of all operands, each once."""
        return 4 * (self.m * self.k + self.k * self.n + self.m * self.n)


@dataclass(frozen=True)
class Convolution:
    """A convolution of ``x: (rows, height, width, channels)`` without bias."""

    which: Pass
    rows: int
    height: int
    width: int
    channels: int
    filters: int
    size: int
    padding: Literal["valid", "same"] = "same"
    stride: int = 1

    def __str__(self) -> str:
        stride = f" /{self.stride}" if self.stride > 1 else ""
        shapes = f"{'x'.join(map(str, self.image))}->{self.filters}"
        return f"conv{self.size}x{self.size} {self.which} {shapes} {self.padding}{stride}"

    @property
    def image(self) -> tuple[int, int, int, int]:
        """The shape of x."""
        return self.rows, self.height, self.width, self.channels

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        """The shape of the weights, as Keras has them."""
        return self.size, self.size, self.channels, self.filters

    @property
    def out(self) -> tuple[int, int, int, int]:
        """The shape of y."""
        lost = 0 if self.padding == "same" else self.size - 1
        h, w = (-(-(n - lost) // self.stride) for n in (self.height, self.width))
        return self.rows, h, w, self.filters

    @property
    def flops(self) -> int:
        """Multiplications and additions, those with padded zeros included."""
        rows, h, w, filters = self.out
        return 2 * rows * h * w * filters * self.size**2 * self.channels

    @property
    def bytes(self) -> int:
        """Bytes of all operands, each once."""
        rows, h, w, filters = self.out
        image = self.rows * self.height * self.width * self.channels
        return 4 * (image + self.size**2 * self.channels * filters + rows * h * w * filters)


@dataclass(frozen=True)
class Pool:
    """The greatest of each 2 x 2 square of an image with even sides, or its gradient."""

    which: Literal["fwd", "bwd"]
    rows: int
    height: int
    width: int
    channels: int

    def __str__(self) -> str:
        return f"maxpool2 {self.which} {'x'.join(map(str, self.image))}"

    @property
    def image(self) -> tuple[int, int, int, int]:
        """The shape of x."""
        return self.rows, self.height, self.width, self.channels

    @property
    def flops(self) -> int:
        """Comparisons do not count."""
        return 0

    @property
    def bytes(self) -> int:
        """x and y; or x, y, dy and dx."""
        n = self.rows * self.height * self.width * self.channels
        return 4 * (n + n // 4 if self.which == "fwd" else 2 * n + n // 2)


@dataclass(frozen=True)
class SoftmaxLoss:
    """The mean of -log softmax(z)[t] over rows, and its gradient by z."""

    rows: int
    classes: int

    def __str__(self) -> str:
        return f"softmax-xent {self.rows}x{self.classes}"

    @property
    def flops(self) -> int:
        """Exponentials do not count."""
        return 0

    @property
    def bytes(self) -> int:
        """z and dz."""
        return 8 * self.rows * self.classes


@dataclass(frozen=True)
class Activation:
    """y = g(x), or dx = dy g'(y)."""

    name: Literal["relu", "sigmoid", "tanh"]
    which: Literal["fwd", "bwd"]
    n: int

    def __str__(self) -> str:
        return f"{self.name} {self.which} {self.n}"

    @property
    def flops(self) -> int:
        """Not what bounds it."""
        return 0

    @property
    def bytes(self) -> int:
        """x and y; or dy, y and dx."""
        return 4 * self.n * (2 if self.which == "fwd" else 3)


@dataclass(frozen=True)
class Update:
    """One step of plain SGD or of Adam on n parameters."""

    name: Literal["sgd", "adam"]
    n: int

    def __str__(self) -> str:
        return f"{self.name} update {self.n}"

    @property
    def flops(self) -> int:
        """Not what bounds it."""
        return 0

    @property
    def bytes(self) -> int:
        """w, g, w; with Adam m and v besides, read and written."""
        return 4 * self.n * (3 if self.name == "sgd" else 7)


Task: TypeAlias = Gemm | Convolution | Pool | SoftmaxLoss | Activation | Update

_PASSES: tuple[Pass, ...] = ("fwd", "dx", "dw")

_GEMM = ((32, 128, 64), (128, 512, 784), (128, 256, 512), (1024, 1024, 1024), (2048, 2048, 2048))
#: Used for no tuning.
_GEMM_UNSEEN = ((96, 1000, 1000), (200, 700, 300), (768, 640, 896))

_CONV = (
    (128, 28, 28, 1, 32, 3, "valid"),
    (128, 13, 13, 32, 64, 3, "valid"),
    (64, 32, 32, 32, 32, 3),
    (64, 16, 16, 64, 64, 3),
    (32, 56, 56, 64, 64, 3),
    (32, 14, 14, 256, 256, 3),
    (32, 28, 28, 128, 256, 1),
)
_CONV_UNSEEN = (
    (16, 48, 48, 24, 40, 3),
    (8, 27, 27, 96, 72, 5),
    (32, 32, 32, 16, 32, 3, "same", 2),
    (16, 40, 40, 48, 96, 1),
)


def _tasks() -> tuple[Task, ...]:
    activations: tuple[Literal["relu", "sigmoid", "tanh"], ...] = ("relu", "sigmoid", "tanh")
    sides: tuple[Literal["fwd", "bwd"], ...] = ("fwd", "bwd")
    updates: tuple[Literal["sgd", "adam"], ...] = ("sgd", "adam")
    counts = (1_000, 100_000, 10_000_000)
    return (
        *(Gemm(p, m, n, k) for m, n, k in (*_GEMM, *_GEMM_UNSEEN) for p in _PASSES),
        *(Convolution(p, *shape) for shape in (*_CONV, *_CONV_UNSEEN) for p in _PASSES),
        *(Pool(s, *x) for x in ((128, 26, 26, 32), (64, 32, 32, 64)) for s in sides),
        *(SoftmaxLoss(*x) for x in ((32, 10), (128, 1000), (4096, 1000), (512, 32000))),
        *(Activation(name, side, n) for name in activations for n in counts for side in sides),
        *(Update(name, n) for name in updates for n in counts),
    )


#: By name, in the order of the results.
TASKS: dict[str, Task] = {str(task): task for task in _tasks()}
