"""Where independent pieces of work run: by joblib, Dask, Ray, or an executor.

Functions reach other processes as each of these libraries sends them, by value where it can; what
is the same for all pieces is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any

from fastnn.extras import require

__all__ = ["Workers", "is_own", "workers"]

#: function(shared, item) -> result
Work = Callable[[Any, Any], Any]

#: workers(function, shared, items) -> the result of each item, in order; the first error ends all
Workers = Callable[[Work, Any, Sequence[Any]], list[Any]]


def is_own(backend: Any) -> bool:
    """Return whether a backend is the threads of this process."""
    return backend is None or (isinstance(backend, str) and backend == "threads")


def workers(who: str, backend: Any, n_jobs: int | None = None) -> Workers:
    """Return what runs pieces of work.

    Args:
        who: the function that was called, for messages.
        backend: ``"joblib"``, ``"dask"``, ``"ray"``, a Dask client or the address of a scheduler,
            or a ``concurrent.futures.Executor``.
        n_jobs: how many run at once, by joblib; the others know by themselves.

    Raises:
        ImportError: the library is not installed.
        ValueError: ``n_jobs`` is given to a backend that does not ask, or Dask has no cluster.
        TypeError: it is no backend.
    """
    named = isinstance(backend, str)
    if named and backend == "joblib":
        return partial(_by_joblib, require("joblib", "backend='joblib'"), n_jobs)
    shown = repr(backend)[:60] if named else type(backend).__name__
    if n_jobs is not None:
        raise ValueError(f"{who}: n_jobs is for threads and joblib; {shown} has workers of its own")
    if named and backend == "ray":
        return partial(_by_ray, require("ray", "backend='ray'"))
    if named and (backend == "dask" or "://" in backend):
        return _of_dask(who, require("distributed", "backend='dask'"), backend)
    if isinstance(backend, Executor):
        return partial(_by_executor, backend)
    if all(hasattr(backend, name) for name in ("submit", "scatter", "gather")):
        return partial(_by_dask, backend)
    raise TypeError(
        f"{who}: backend must be 'threads', 'joblib', 'dask', 'ray', a Dask client, the address of "
        f"its scheduler, or an Executor of concurrent.futures, got {shown}"
    )


def _by_executor(executor: Executor, function: Work, shared: Any, items: Sequence[Any]) -> Any:
    futures = [executor.submit(function, shared, item) for item in items]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()  # nothing, unless one has failed


def _by_joblib(
    joblib: Any, n_jobs: int | None, function: Work, shared: Any, items: Sequence[Any]
) -> Any:
    _, chosen = joblib.parallel.get_active_backend()
    if n_jobs is None and chosen == 1:  # nobody has chosen by joblib.parallel_config
        n_jobs = -1
    work = joblib.delayed(function)
    return list(joblib.Parallel(n_jobs)(work(shared, item) for item in items))


def _of_dask(who: str, distributed: Any, backend: str) -> Workers:
    """Return the workers of the cluster that the process knows, or of that of an address."""
    if backend != "dask":
        return partial(_by_dask_at, distributed, backend)
    try:
        return partial(_by_dask, distributed.get_client())
    except ValueError as error:
        raise ValueError(
            f"{who}: backend='dask' needs a cluster; make a distributed.Client() first, on this "
            "machine, or of the address of a scheduler"
        ) from error


def _by_dask_at(
    distributed: Any, address: str, function: Work, shared: Any, items: Sequence[Any]
) -> Any:
    with distributed.Client(address, set_as_default=False) as client:
        return _by_dask(client, function, shared, items)


def _by_dask(client: Any, function: Work, shared: Any, items: Sequence[Any]) -> Any:
    (data,) = client.scatter([shared], broadcast=True, hash=False)
    futures = [client.submit(function, data, item, pure=False) for item in items]
    try:
        return client.gather(futures)
    finally:
        client.cancel(futures)


def _by_ray(ray: Any, function: Work, shared: Any, items: Sequence[Any]) -> Any:
    if not ray.is_initialized():
        ray.init(include_dashboard=False)
    data, work = ray.put(shared), ray.remote(_call)
    futures = [work.remote(function, data, item) for item in items]
    try:
        return ray.get(futures)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None  # what was raised there; Ray's own message is its traceback
    finally:
        _, pending = ray.wait(futures, num_returns=len(futures), timeout=0)
        for future in pending:  # to cancel what is done may abort the process (Ray 2.60)
            ray.cancel(future)


def _call(function: Work, shared: Any, item: Any) -> Any:
    return function(shared, item)
