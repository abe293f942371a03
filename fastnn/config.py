"""What holds for the whole process: precision, policy, seed, threads, instruction set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from fastnn import _core
from fastnn.locks import lock

__all__ = [
    "dtype_policy",
    "epsilon",
    "floatx",
    "get_num_threads",
    "image_data_format",
    "isa",
    "set_dtype_policy",
    "set_floatx",
    "set_num_threads",
    "set_seed",
]

_FLOATS = ("float32", "float64")
_INTEGERS = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))

#: policy -> the type of weights, activations and results
_POLICIES = {"float32": "float32", "float64": "float64", "mixed_bfloat16": "float32"}

_floatx = "float32"
_policy: str | None = None
_seed = 0
_drawn = 0
_drawing = lock()

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


def epsilon() -> float:
    """Return the small number that keeps Keras's functions from dividing by 0; it is not changed.

    Example:
        >>> import fastnn
        >>> fastnn.config.epsilon()
        1e-07
    """
    return 1e-7


def image_data_format() -> str:
    """Return where the channels of images are: ``"channels_last"``, the only place.

    Example:
        >>> import fastnn
        >>> fastnn.config.image_data_format()
        'channels_last'
    """
    return "channels_last"


def dtype_policy() -> str:
    """Return the policy of models that name none; it is ``floatx()`` until it is set.

    Example:
        >>> import fastnn
        >>> fastnn.config.dtype_policy()
        'float32'
    """
    return _policy or _floatx


def set_dtype_policy(policy: str) -> None:
    """Set what models made from now on compute in.

    Args:
        policy: ``"float32"``, ``"float64"``, or ``"mixed_bfloat16"``: float32, but the factors of
            the products of dense layers and convolutions are rounded to bfloat16.
    """
    global _policy
    _policy = check_policy("set_dtype_policy", policy)


def check_policy(who: str, policy: Any) -> str:
    """Return ``policy`` as the name of one that kernels exist for."""
    name = policy if isinstance(policy, str) else getattr(policy, "__name__", str(policy))
    if name == "mixed_float16":
        raise ValueError(
            f'{who}: there are no kernels for "mixed_float16"; take "mixed_bfloat16", which has '
            "the range of float32 and needs no scaling of the loss"
        )
    if name not in _POLICIES:
        known = ", ".join(f'"{known}"' for known in _POLICIES)
        raise ValueError(f"{who}: dtype must be one of {known}, got {name[:40]!r}")
    return name


def policy_of(who: str, dtype: str | None, real: str | None) -> str:
    """Return the policy of a model that is asked to have ``dtype``, if any, and whose weights, if
    there are some already, are ``real``."""
    if dtype is None and real not in (None, real_dtype(dtype_policy())):
        return real or dtype_policy()
    policy = check_policy(who, dtype or dtype_policy())
    if real not in (None, real_dtype(policy)):
        raise ValueError(
            f"{who}: dtype={policy!r} needs {real_dtype(policy)} weights, those of its layers are "
            f"{real}; give Input(dtype={real_dtype(policy)!r})"
        )
    return policy


def real_dtype(policy: str) -> str:
    """Return the type of a policy's weights, activations and results."""
    return _POLICIES[policy]


def is_real(dtype: str) -> bool:
    """Return whether ``dtype`` is a precision that programs compute in."""
    return dtype in _FLOATS


def check_sample_dtype(who: str, dtype: Any) -> str:
    """Return ``dtype`` as the name of a precision, or of a type of whole numbers."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
    if name in _INTEGERS:
        return name
    if name not in _FLOATS:
        raise ValueError(
            f'{who}: dtype must be "float32" or "float64", or a type of whole numbers such as '
            f'"int32", got {name[:40]!r}'
        )
    return name


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


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from another seed meanwhile, and go on with the process's own afterwards."""
    global _seed, _drawn
    before = _seed, _drawn
    set_seed(seed)
    try:
        yield
    finally:
        _seed, _drawn = before


@contextlib.contextmanager
def same_seeds() -> Iterator[None]:
    """Let the seeds that are drawn inside be drawn again afterwards."""
    global _drawn
    before = _drawn
    try:
        yield
    finally:
        _drawn = before


def next_seed() -> int:
    """Return the next seed of the process: 64 bits that look unrelated to the last."""
    global _drawn
    with _drawing:
        _drawn += 1
        state = _seed + _drawn * 0x9E3779B97F4A7C15
    return _mix(state & _MASK)


def _mix(z: int) -> int:
    """Scramble 64 bits: the finalizer of SplitMix64 (Steele, Lea and Flood, 2014)."""
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & _MASK
    return z ^ z >> 31


def set_num_threads(threads: int | None) -> None:
    """Set the most threads that programs use; results do not depend on it.

    Args:
        threads: at least 1; ``None`` goes back to what the environment says: FASTNN_NUM_THREADS,
            else OMP_NUM_THREADS, else the CPUs that affinity and container quota allow.  There
            are never more than these CPUs, whatever is asked for.

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


def isa(policy: str = "float32") -> str:
    """Return the instruction set whose kernels run: the best, or what FASTNN_ISA allows.

    Args:
        policy: what the kernels compute in.  AMX has products of ``"mixed_bfloat16"`` alone:
            ``FASTNN_ISA=amx`` leaves the other policies to the next best.

    Raises:
        ValueError: if FASTNN_ISA names one that this CPU does not have.

    Example:
        >>> import fastnn
        >>> fastnn.isa() in fastnn.isa_names()
        True
    """
    forced, names = _core.environment("FASTNN_ISA"), _core.isa_names(policy)
    if not forced or forced in names:
        return forced or names[0]
    every = _core.isa_names("mixed_bfloat16")
    if forced not in every:
        raise ValueError(
            f"FASTNN_ISA: expected one of {', '.join(every)} on this CPU, got {forced[:40]!r}"
        )
    return next(name for name in every[every.index(forced) :] if name in names)
