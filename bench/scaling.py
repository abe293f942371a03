"""Training by several processes: what parts of a step take here, and a model of 1,024 ranks.

    mpiexec -n 2 python -m mpi4py bench/scaling.py           # measures; -n 1 for one process
    python bench/scaling.py --plot docs/pictures/scaling.png # draws the model
    python bench/scaling.py --table                          # prints it

docs/scaling.md says what comes out, and what the model leaves out.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fastnn
from fastnn.distributed import MPI
from fastnn.distributed.steps import Steps
from fastnn.distributed.sums import Tree
from fastnn.layers import Conv2D, Dense, Flatten, MaxPooling2D
from fastnn.plots import panels
from fastnn.training import Data

RANKS = tuple(1 << power for power in range(11))


@dataclass(frozen=True)
class Network:
    """What messages take.

    Attributes:
        latency: seconds of a message, with those that Python and mpi4py take for it.
        bandwidth: bytes a second that a rank can send, while it receives as many.
    """

    latency: float
    bandwidth: float


@dataclass(frozen=True)
class Workload:
    """A model in training by one thread for each rank.

    Attributes:
        parameters: numbers of the gradient, float32.
        rows: samples of a chunk.
        chunk: seconds for the gradients of a chunk, and their part in the local tree.
        update: seconds of the rest of a step: the mean, the optimizer.
    """

    parameters: int
    rows: int
    chunk: float
    update: float


#: Measured as below, on the machine that docs/scaling.md names.
WORKLOADS = {
    "dense 784-512-256-10": Workload(535_818, 64, 1.5e-3, 0.6e-3),
    "four convolutions": Workload(81_578, 8, 5.0e-3, 0.1e-3),
}

#: Two processes on the two cores that WORKLOADS was measured on.
HERE = Network(4e-6, 5e9)

#: By their line rates, with 2 and 25 us on the way and 5 us for Python and MPI.
NETWORKS = {
    "100 Gbit/s InfiniBand": Network(7e-6, 12.5e9),
    "10 Gbit/s Ethernet": Network(30e-6, 1.25e9),
}

#: Seconds to add numbers, for each of their bytes.
_ADD = 1 / 4e9
#: As in fastnn/distributed/sums.py.
_LARGE = 1 << 16


def exchange(ranks: int, size: int, network: Network) -> float:
    """Return the seconds of a sum of ``size`` bytes over all ranks."""
    levels = math.log2(ranks)
    if size <= _LARGE or ranks == 2:
        return levels * (network.latency + size / network.bandwidth + size * _ADD)
    share = (ranks - 1) / ranks * size
    return 2 * levels * network.latency + share * (2 / network.bandwidth + _ADD)


def step(ranks: int, chunks: int, work: Workload, network: Network) -> float:
    """Return the seconds of a step of so many chunks."""
    own = chunks / ranks * work.chunk
    return own + exchange(ranks, 4 * work.parameters, network) + work.update


def weak(ranks: int, work: Workload, network: Network) -> float:
    """Return the efficiency with a chunk for each rank, so that batches grow with the ranks."""
    return step(1, 1, work, network) / step(ranks, ranks, work, network)


def strong(ranks: int, work: Workload, network: Network, chunks: int = RANKS[-1]) -> float:
    """Return the efficiency with a batch of ``chunks`` chunks, whatever the ranks."""
    return step(1, chunks, work, network) / (ranks * step(ranks, chunks, work, network))


def table(ranks: tuple[int, ...] = (2, 8, 64, 1024)) -> str:
    """Return the efficiencies of the model, weak and strong, in Markdown."""
    heads = ["model", "network", *(f"{n:,}" for n in ranks)]
    lines = [heads, ["---"] * len(heads)]
    for kind, work in WORKLOADS.items():
        for name, network in NETWORKS.items():
            pairs = ((weak(n, work, network), strong(n, work, network)) for n in ranks)
            lines.append([kind, name, *(f"{one:.0%} {other:.0%}" for one, other in pairs)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(path: Path) -> None:
    """Draw the efficiencies of the model."""
    figure, axes = panels("a chunk for each rank", "a batch of 1,024 chunks", width=4.6)
    for panel, efficiency in zip(axes, (weak, strong), strict=True):
        for color, (name, network) in enumerate(NETWORKS.items()):
            for style, (kind, work) in zip(("-", "--"), WORKLOADS.items(), strict=True):
                values = [efficiency(n, work, network) for n in RANKS]
                label = f"{kind}, {name}"
                panel.plot(RANKS, values, style, color=f"C{color}", label=label)
        panel.set_xscale("log", base=2)
        panel.set_xticks(RANKS[::2], [f"{n:,}" for n in RANKS[::2]])
        panel.set_ylim(0, 1.05)
        panel.set_xlabel("ranks")
    axes[0].set_ylabel("efficiency")
    axes[1].legend(fontsize=7, frameon=False, loc="lower left")
    figure.savefig(path, dpi=110)


# ---- on this machine -----------------------------------------------------------------------------


def _model(kind: str) -> fastnn.Sequential:
    if kind.startswith("dense"):
        layers = [fastnn.Input((784,)), Dense(512, "relu"), Dense(256, "relu")]
    else:
        layers = [fastnn.Input((32, 32, 3))]
        for channels in (32, 64):
            layers += [Conv2D(channels, 3, activation="relu") for _ in range(2)] + [MaxPooling2D()]
        layers.append(Flatten())
    model = fastnn.Sequential([*layers, Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Timed(MPI):
    """An MPI job that knows the processor time of its messages, most of which is waiting."""

    spent = 0.0

    def exchange(self, other, sent, received):
        """Send numbers to another rank, and receive what it sends."""
        began = time.thread_time()
        super().exchange(other, sent, received)
        self.spent += time.thread_time() - began


def _least(function, ranks: Timed, seconds: float, clock=time.thread_time) -> float:
    """Return the least time of the slowest rank, without messages; others use the machine, too."""
    took, end = [], time.perf_counter() + seconds
    while ranks.of_first(time.perf_counter() < end) or len(took) < 5:
        ranks.comm.Barrier()
        began, ranks.spent = clock(), 0.0
        function()
        took.append(max(ranks.of_all(clock() - began - ranks.spent)))
    return min(took)


def _exchange(ranks: Timed, size: int) -> float:
    """Return the least time of a sum of ``size`` numbers over all ranks, on the clock."""
    tree = Tree(ranks, size, "float32")

    def add() -> None:
        tree.total()
        ranks.spent = 0.0  # messages are what is measured

    return _least(add, ranks, 2.0, time.perf_counter)


def measure(ranks: Timed, kind: str, work: Workload) -> dict[str, float]:
    """Return the seconds of the parts of a step, and of one that ``fit`` makes by itself."""
    model, rows = _model(kind), work.rows * ranks.chunks
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, *model.input_shape[1:])).astype("f")
    y = rng.integers(0, 10, rows).astype("i4")
    steps = Steps(ranks, model.runtime, Data([x], {0: y}), rows)
    steps.begin(0, 0, None)
    model.runtime.set_rates(1)
    return {
        "gradients": _least(lambda: steps.compute(0, rows, False), ranks, 6.0),
        "update": _least(steps.update, ranks, 1.0),
        "exchange": _exchange(ranks, model.count_params()),
        "fit": _least(lambda: model.fit(x, y, rows, 2, verbose=0), ranks, 6.0) / 2,
    }


def measure_all() -> None:
    """Print what each workload takes in this job."""
    ranks = Timed(chunks=8)
    fastnn.set_num_threads(1)
    for kind, work in WORKLOADS.items():
        found = measure(ranks, kind, work)
        if ranks.rank == 0:
            shown = ", ".join(f"{name} {value * 1e3:.3f}" for name, value in found.items())
            print(f"{kind}, {ranks.size} ranks, {8 * work.rows} rows: {shown} ms", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plot", type=Path, metavar="PATH", help="draw the model")
    parser.add_argument("--table", action="store_true", help="print the model")
    chosen = parser.parse_args()
    if chosen.plot:
        draw(chosen.plot)
    if chosen.table:
        print(table())
    if not (chosen.plot or chosen.table):
        measure_all()
