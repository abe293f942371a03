"""What the parameters of an estimator may be: looked at when it is fitted, as scikit-learn does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from fastnn import optimizers
from fastnn._checks import (
    count,
    flag,
    fraction,
    integer,
    not_negative,
    number,
    one_of,
    positive_number,
    shown,
)
from fastnn.optimizers import Optimizer

__all__ = ["check", "hidden_sizes", "solver"]

#: Their names in lower case, as scikit-learn spells solvers.
_SOLVERS = {name.lower(): cls for name, cls in optimizers.CLASSES.items()}

#: The solvers that ``beta_1``, ``beta_2`` and ``epsilon`` are for.
_OF_MOMENTS = ("adam", "adamw", "adamax", "nadam")


def check(estimator: Any) -> None:
    """Refuse a parameter that is not what it may be.

    Args:
        estimator: whose parameters are checked; it is not changed.

    Raises:
        TypeError, ValueError: says which, and what it may be.
    """
    who = type(estimator).__name__
    for name, value in estimator.get_params(deep=False).items():
        if name in _CHECKS:
            _CHECKS[name](who, name, value)


def hidden_sizes(who: str, name: str, value: Any) -> list[int]:
    """Return the units of each hidden layer, given for one layer or for several."""
    try:
        several = [value] if integer(value) is not None else list(value)
    except TypeError:
        raise TypeError(
            f"{who}: {name} must be a whole number or several, such as (100, 50), got "
            f"{type(value).__name__}"
        ) from None
    return [count(who, name, each, least=1) for each in several]


def solver(estimator: Any) -> Optimizer:
    """Return the optimizer that an estimator's parameters ask for, always a new one."""
    chosen = estimator.solver
    if isinstance(chosen, Optimizer):
        return type(chosen).from_config(chosen.get_config())
    options: dict[str, Any] = {"learning_rate": float(estimator.learning_rate_init)}
    if chosen == "sgd":
        nesterov = bool(estimator.nesterovs_momentum) and estimator.momentum > 0
        options |= {"momentum": estimator.momentum, "nesterov": nesterov}
    if chosen in _OF_MOMENTS:
        options |= {name: getattr(estimator, name) for name in ("beta_1", "beta_2", "epsilon")}
    return _SOLVERS[chosen](**options)


def _solver(who: str, name: str, value: Any) -> None:
    if isinstance(value, str) and value == "lbfgs":
        raise ValueError(
            f"{who}: fastnn has no {name}='lbfgs', which looks at all samples for each step; take "
            "'adam', or for few samples 'adam' with batch_size=len(X) and a larger max_iter"
        )
    if not isinstance(value, Optimizer):
        one_of(who, name, value, sorted(_SOLVERS))


def _batch_size(who: str, name: str, value: Any) -> None:
    if isinstance(value, str):
        one_of(who, name, value, ("auto",))
    else:
        count(who, name, value, least=1)


def _patience(who: str, name: str, value: Any) -> None:
    if not (isinstance(value, float) and value == math.inf):
        count(who, name, value, least=1)


def _share(who: str, name: str, value: Any) -> None:
    if not 0 < number(who, name, value) < 1:
        raise ValueError(f"{who}: {name} must be in (0, 1), got {shown(value)}")


def _momentum(who: str, name: str, value: Any) -> None:
    fraction(who, name, value, closed=True)


def _verbose(who: str, name: str, value: Any) -> None:
    if not isinstance(value, str):
        count(who, name, int(flag(who, name, value)) if value in (True, False) else value)
    else:
        one_of(who, name, value, ("auto",))


def _max_iter(who: str, name: str, value: Any) -> None:
    count(who, name, value, least=1)


def _rate(who: str, name: str, value: Any) -> None:
    one_of(who, name, value, ("constant", "invscaling", "adaptive"))


def _dtype(who: str, name: str, value: Any) -> None:
    if value is not None:
        one_of(who, name, value, ("float32", "float64", "mixed_bfloat16"))


def _input_shape(who: str, name: str, value: Any) -> None:
    if value is not None:
        hidden_sizes(who, name, value)


def _model_params(who: str, name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(
            f"{who}: {name} must be a dict of arguments for the function model, got "
            f"{type(value).__name__}"
        )


_CHECKS: dict[str, Callable[[str, str, Any], Any]] = {
    "alpha": not_negative,
    "batch_size": _batch_size,
    "beta_1": fraction,
    "beta_2": fraction,
    "dropout": fraction,
    "dtype": _dtype,
    "early_stopping": flag,
    "epsilon": positive_number,
    "hidden_layer_sizes": hidden_sizes,
    "input_shape": _input_shape,
    "learning_rate": _rate,
    "learning_rate_init": positive_number,
    "max_iter": _max_iter,
    "model_params": _model_params,
    "momentum": _momentum,
    "n_iter_no_change": _patience,
    "nesterovs_momentum": flag,
    "power_t": not_negative,
    "shuffle": flag,
    "solver": _solver,
    "tol": not_negative,
    "validation_fraction": _share,
    "verbose": _verbose,
    "warm_start": flag,
}
