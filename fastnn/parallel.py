"""Where independent pieces of work run: by joblib, Dask, Ray, or an executor.

Functions reach other processes as each of these libraries sends them, by value where it can; what
is the same for all pieces is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

from fastnn.extras import require

__all__ = ["is_own", "run"]

Result = TypeVar("Result")

#: function(shared, item) -> result
Work = Callable[[Any, Any], Result]


def is_own(backend: Any) -> bool:
    """Return whether a backend is the threads of this process."""
    return backend is None or (isinstance(backend, str) and backend == "threads")


def run(
    who: str,
    function: Work[Result],
    shared: Any,
    items: Sequence[Any],
    backend: Any,
    n_jobs: int | None = None,
) -> list[Result]:
    """Return ``function(shared, item)`` for each item, in order; the first error ends them all.

    Args:
        who: the function that was called, for messages.
        function: what to run.
        shared: its first argument, the same for all.
        items: its second ones.
        backend: ``"joblib"``, ``"dask"``, ``"ray"``, a Dask client or the address of a scheduler,
            or a ``concurrent.futures.Executor``.
        n_jobs: how many run at once, by joblib; the others know by themselves.

    Raises:
        ImportError: the library is not installed.
        ValueError: ``n_jobs`` is given to a backend that does not ask.
        TypeError: it is no backend.
    """
    if backend == "joblib":
        return _by_joblib(function, shared, items, n_jobs)
    if n_jobs is not None:
        raise ValueError(f"{who}: n_jobs is for threads and joblib; {_named(backend)} has workers")
    if isinstance(backend, Executor):
        return _by_executor(function, shared, items, backend)
    if backend == "ray":
        return _by_ray(function, shared, items)
    if backend == "dask" or (isinstance(backend, str) and "://" in backend):
        return _by_dask_at(who, function, shared, items, backend)
    if all(hasattr(backend, name) for name in ("submit", "scatter", "gather")):
        return _by_dask(function, shared, items, backend)
    raise TypeError(
        f"{who}: backend must be 'threads', 'joblib', 'dask', 'ray', a Dask client, the address of "
        f"its scheduler, or an Executor of concurrent.futures, got {_named(backend)}"
    )


def _named(backend: Any) -> str:
    return repr(backend)[:60] if isinstance(backend, str) else type(backend).__name__


def _by_executor(
    function: Work[Result], shared: Any, items: Sequence[Any], executor: Executor
) -> list[Result]:
    futures = [executor.submit(function, shared, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()  # nothing, unless one has failed


def _by_joblib(
    function: Work[Result], shared: Any, items: Sequence[Any], n_jobs: int | None
) -> list[Result]:
    joblib = require("joblib", "backend='joblib'")
    _, chosen = joblib.parallel.get_active_backend()
    if n_jobs is None and chosen == 1:  # nobody has chosen by joblib.parallel_config
        n_jobs = -1
    work = joblib.delayed(function)
    return list(joblib.Parallel(n_jobs)(work(shared, item) for item in items))


def _by_dask_at(
    who: str, function: Work[Result], shared: Any, items: Sequence[Any], backend: str
) -> list[Result]:
    """Run on the cluster that the process knows, or on that of an address."""
    distributed = require("distributed", "backend='dask'")
    if backend != "dask":
        with distributed.Client(backend, set_as_default=False) as client:
            return _by_dask(function, shared, items, client)
    try:
        client = distributed.get_client()
    except ValueError as error:
        raise ValueError(
            f"{who}: backend='dask' needs a cluster; make a distributed.Client() first, on this "
            "machine, or of the address of a scheduler"
        ) from error
    return _by_dask(function, shared, items, client)


def _by_dask(
    function: Work[Result], shared: Any, items: Sequence[Any], client: Any
) -> list[Result]:
    (data,) = client.scatter([shared], broadcast=True, hash=False)
    futures = [client.submit(function, data, item, pure=False) for item in items]
    try:
        found: list[Result] = client.gather(futures)
        return found
    finally:
        client.cancel(futures)


def _by_ray(function: Work[Result], shared: Any, items: Sequence[Any]) -> list[Result]:
    ray = require("ray", "backend='ray'")
    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    data, work = ray.put(shared), ray.remote(_call)
    futures = [work.remote(function, data, item) for item in items]
    try:
        found: list[Result] = ray.get(futures)
        return found
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what was raised there; Ray's own message is its traceback
    finally:
        for future in futures:
            ray.cancel(future)


def _call(function: Work[Result], shared: Any, item: Any) -> Result:
    return function(shared, item)
