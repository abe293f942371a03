"""What holds for the whole process: precision, seed, threads, instruction set."""

from __future__ import annotations

from typing import Any

from fastnn import _core

__all__ = [
    "floatx",
    "get_num_threads",
    "isa",
    "set_floatx",
    "set_num_threads",
    "set_seed",
]

_FLOATS = ("float32", "float64")

_floatx = "float32"
_seed = 0
_drawn = 0

_MASK = (1 << 64) - 1


def floatx() -> str:
    """Return the precision of models that name none: ``"float32"`` or ``"float64"``.

    Example:
        >>> import fastnn
        >>> fastnn.config.floatx()
        'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Set the precision of models built from now on.

    Args:
        value: ``"float32"`` or ``"float64"``.
    """
    global _floatx
    _floatx = check_dtype("set_floatx", value)


def check_dtype(who: str, dtype: Any) -> str:
    """Return ``dtype`` as the name of a precision that kernels exist for."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
    if name not in _FLOATS:
        raise ValueError(f'{who}: dtype must be "float32" or "float64", got {name!r}')
    return name


def set_seed(seed: int) -> None:
    """Make everything random that follows a function of ``seed``.

    First weights, the order of samples and dropout are drawn from streams that this seed and the
    order of calls determine.  A process that never calls it has the seed 0: a script gives the same
    bits each time it runs.

    Args:
        seed: an integer, 0 <= seed < 2**64.

    Example:
        >>> import fastnn
        >>> fastnn.set_seed(7)
    """
    global _seed, _drawn
    if isinstance(seed, bool) or (not isinstance(seed, int) and not hasattr(seed, "__index__")):
        raise TypeError(f"set_seed: seed must be an integer, got {type(seed).__name__}")
    if not 0 <= int(seed) <= _MASK:
        raise ValueError(f"set_seed: seed must be in [0, 2**64), got {int(seed)}")
    _seed, _drawn = int(seed), 0


def next_seed() -> int:
    """Return the next seed of the process: 64 bits that look unrelated to the last."""
    global _drawn
    _drawn += 1
    return _mix((_seed + _drawn * 0x9E3779B97F4A7C15) & _MASK)


def _mix(z: int) -> int:
    """Scramble 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014)."""
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _MASK
    return z ^ z >> 31


def set_num_threads(threads: int | None) -> None:
    """Set the most threads that programs use; results do not depend on it.

    Args:
        threads: at least 1; ``None`` goes back to what the environment says: FASTNN_NUM_THREADS,
            else OMP_NUM_THREADS, else the CPUs that affinity and container quota allow.

    Example:
        >>> import fastnn
        >>> fastnn.set_num_threads(1)
        >>> fastnn.get_num_threads()
        1
        >>> fastnn.set_num_threads(None)
    """
    if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int)):
        raise TypeError(
            f"set_num_threads: expected an integer or None, got {type(threads).__name__}"
        )
    if threads is not None and not 1 <= threads <= 256:
        raise ValueError(f"set_num_threads: expected 1 to 256 threads, got {threads}")
    _core.set_num_threads(threads or 0)


def get_num_threads() -> int:
    """Return the most threads that programs use."""
    return _core.num_threads()


def isa() -> str:
    """Return the instruction set whose kernels run: the best, or what FASTNN_ISA forces.

    Raises:
        ValueError: if FASTNN_ISA names one that this CPU does not have.

    Example:
        >>> import fastnn
        >>> fastnn.isa() in fastnn.isa_names()
        True
    """
    forced = _core.environment("FASTNN_ISA")
    if not forced:
        return _core.isa_names()[0]
    if forced not in _core.isa_names():
        raise ValueError(
            f"FASTNN_ISA: expected one of {', '.join(_core.isa_names())} on this CPU, "
            f"got {forced[:40]!r}"
        )
    return forced
