"""The processes of an MPI job, each a rank with a number."""

from __future__ import annotations

import os
from typing import Any

from fastnn import _core, config
from fastnn._checks import count
from fastnn._typing import Array
from fastnn.distributed import failing
from fastnn.extras import require

__all__ = ["MPI"]


class MPI:
    """Training by the processes of an MPI job: ``fit(..., distribute=MPI())``.

    Every process runs the same script and calls ``fit`` with the same arguments.  Each batch is cut
    into ``chunks``, a number that does not depend on how many processes there are; each process
    computes the gradients of its share of them.  They are summed in a fixed tree, ((0 + 1) + (2 +
    3)) + ..., so that the weights do not depend on the number of processes, not by a bit.  All
    ranks make the same update; rank 0 begins with the weights that count, and alone shows the
    progress and writes files.

    Args:
        chunks: parts of a batch, a power of two; the most ranks there may be.  Every batch has to
            have as many samples, apart from a short last one.
        comm: an mpi4py communicator whose processes take part; ``None`` is all of the job's.

    Attributes:
        rank: the number of this process, from 0.
        size: how many there are.
        chunks: parts of a batch.
        comm: a duplicate of the communicator.

    Raises:
        ImportError: mpi4py is not installed, or finds no MPI.
        ValueError: if the number of processes is no power of two, or there are more than chunks.

    Processes that share a machine divide its cores among them, unless FASTNN_NUM_THREADS or
    OMP_NUM_THREADS says how many threads each may use.  A rank that ends by an exception ends the
    job.  A script that is started without ``mpiexec`` is a job of one process.

    Example:
        >>> import fastnn
        >>> ranks = fastnn.distributed.MPI(chunks=4)
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = [[0.0], [1.0], [2.0], [3.0]]
        >>> _ = model.fit(x, x, verbose=0, distribute=ranks)
        >>> ranks.rank, ranks.size
        (0, 1)
    """

    def __init__(self, chunks: int = 8, comm: Any = None):
        self._mpi = _mpi4py()
        self.chunks = count("MPI", "chunks", chunks, least=1)
        if self.chunks & (self.chunks - 1):
            raise ValueError(f"MPI: chunks must be a power of two, such as 8, got {chunks}")
        self.comm = (self._mpi.COMM_WORLD if comm is None else comm).Dup()
        self.rank: int = self.comm.Get_rank()
        self.size: int = self.comm.Get_size()
        if self.size > 1:
            failing.abort_on_errors(self.comm)
        self._check_size()
        if self.size > 1:
            self._share_cores()

    def _check_size(self) -> None:
        if self.size & (self.size - 1):
            least = 1 << (self.size.bit_length() - 1)
            raise ValueError(
                f"MPI: {self.size} processes cannot share a batch evenly; their number must be a "
                f"power of two: mpiexec -n {least}"
            )
        if self.size > self.chunks:
            raise ValueError(
                f"MPI: {self.size} processes need as many chunks of a batch, got chunks="
                f"{self.chunks}; pass chunks={self.size} or more"
            )

    def _share_cores(self) -> None:
        """Let the ranks that may run on the same cores use a part of them each."""
        if any(map(_core.environment, ("FASTNN_NUM_THREADS", "OMP_NUM_THREADS"))):
            return
        local = self.comm.Split_type(self._mpi.COMM_TYPE_SHARED)
        own = _cores()
        sharing = sum(bool(own & other) for other in local.allgather(own))
        local.Free()
        config.set_num_threads(max(1, config.get_num_threads() // sharing))

    @property
    def own_chunks(self) -> range:
        """The chunks of a batch that are this rank's."""
        each = self.chunks // self.size
        return range(self.rank * each, (self.rank + 1) * each)

    def exchange(self, other: int, sent: Array, received: Array) -> None:
        """Send numbers to another rank, and receive what it sends.

        Args:
            other: its number; it calls this too, with ours.
            sent: a contiguous array.
            received: a contiguous array of the same type, for as many numbers as come.
        """
        self.comm.Sendrecv(sent, other, recvbuf=received, source=other)

    def spread(self, array: Array) -> None:
        """Let a contiguous array be what it is on rank 0; all ranks call this."""
        self.comm.Bcast(array)

    def of_first(self, value: Any) -> Any:
        """Return the value of rank 0; all ranks call this."""
        return self.comm.bcast(value)

    def of_all(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in order; all ranks call this."""
        return self.comm.allgather(value)  # type: ignore[no-any-return]


def _mpi4py() -> Any:
    """Import mpi4py with its MPI.

    Raises:
        ImportError: it, or a library of MPI that it can use, is not there.
    """
    who = "fastnn.distributed.MPI"
    try:
        return require("mpi4py.MPI", who)
    except RuntimeError as error:  # mpi4py is there
        raise ImportError(
            f"{who} needs an MPI library, and mpi4py finds none: pip install 'fastnn[mpi]', or "
            "load that of your cluster, as by 'module load openmpi'"
        ) from error


def _cores() -> frozenset[int]:
    """Return the cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))
