"""Training by several processes, on one machine or many.

``model.fit(..., distribute=fastnn.distributed.MPI())`` in a script that is started by ``mpiexec -n
4 python -m mpi4py script.py`` trains one model by four processes; see ``MPI``.
"""

from fastnn.distributed.mpi import MPI

__all__ = ["MPI"]
