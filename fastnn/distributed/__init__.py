"""Training by several processes, on one machine or many.

``model.fit(..., distribute=fastnn.distributed.MPI())`` in a script that is started by ``mpiexec -n
4 python -m mpi4py script.py`` trains one model by four processes; see ``MPI``.
"""

from typing import TYPE_CHECKING

from fastnn.distributed.mpi import MPI
from fastnn.naming import public

__all__ = ["MPI"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
