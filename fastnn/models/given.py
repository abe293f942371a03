"""The model that a caller means who hands over a model or an estimator."""

from __future__ import annotations

from typing import Any

from fastnn.models.model import Model

__all__ = ["model_of"]


def model_of(who: str, given: Any) -> Model:
    """Return a model as it is, and of an estimator, a pipeline or a search the model it amounts to.

    Raises:
        TypeError: if it is neither.
    """
    if isinstance(given, Model):
        return given
    if hasattr(given, "get_params"):  # what scikit-learn knows an estimator by
        from fastnn.sklearn import exporting

        return exporting.model_of(who, given)
    raise TypeError(
        f"{who}: model is a {type(given).__name__}, expected a fastnn.Model, or a fitted estimator "
        "of fastnn.sklearn"
    )
