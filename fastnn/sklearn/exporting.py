"""What estimators, pipelines and searches have learned, as one model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from fastnn._warnings import warn_caller
from fastnn.data.schema import Arrays, Schema, Target
from fastnn.layers import Input, Reshape
from fastnn.layers.operation import Operation
from fastnn.layers.preprocessing import coarse, standardizing
from fastnn.models import Model, Sequential
from fastnn.naming import snake_case
from fastnn.sklearn.classifier import FastNNClassifier
from fastnn.sklearn.estimator import NetworkEstimator
from fastnn.sklearn.importing import from_sklearn
from fastnn.sklearn.networks import ending
from fastnn.sklearn.preparing import (
    NoLayer,
    Scaling,
    Table,
    prepared,
    scaling,
    steps_of,
    unprepared,
    unscaling,
)

__all__ = ["model_of", "to_model"]


class _Parts(NamedTuple):
    """A fitted estimator, taken apart.

    Attributes:
        before: the steps that samples go through, with their names.
        network: the estimator that has the network.
        where: what to write for that estimator, for messages: ``"pipeline[-1]"``.
        after: the scalers whose ways back its outputs take, with what to write for the regressor
            that does without.
    """

    before: list[tuple[str, Any]]
    network: NetworkEstimator
    where: str
    after: list[tuple[str, Any]]


def to_model(estimator: Any) -> Model:
    """Return what a fitted estimator has learned as one model, scaling included.

    The model takes rows of features as they are before any step of a pipeline, or samples in the
    shape that the network takes if there is no step.  It returns what the network tells of them:
    numbers, or probabilities in the order of ``classes_``, of two classes that of the second.
    It is what ``fastnn.export_c`` and ``fastnn.onnx.export`` write of an estimator.

    Of a ``ColumnTransformer`` the features are the columns that it takes, in the order in which it
    gives them, and for a column of words a feature for each, 1 or 0:
    ``model.schema.inputs.features``.  ``model.schema.read`` makes them of a data frame, or of a
    CSV file, by the names of the columns if it was a frame that the first step, or the network
    alone, was fitted on.  It refuses a number that is missing where neither an imputer nor a scaler
    knows a usual one.

    Args:
        estimator: a ``FastNNClassifier`` or ``FastNNRegressor``, or scikit-learn's
            ``MLPClassifier`` or ``MLPRegressor``; a ``Pipeline`` that ends with one, after
            ``StandardScaler``, ``MinMaxScaler``, ``MaxAbsScaler`` or ``RobustScaler``, which become
            layers, and before these a ``SimpleImputer``, an ``OneHotEncoder``, or a
            ``ColumnTransformer`` of all of them; a ``TransformedTargetRegressor`` with such a
            scaler, whose target is ``"y"`` in the schema, as scikit-learn does not hand on the
            name of a series; or a search over these.

    Returns:
        A model that is not compiled.  It has the very weights of the estimator's network, and a
        schema that says what its features are, and which output is of which class.

    Raises:
        TypeError: if it is none of these, or a step is another.
        NotFittedError: if it is not fitted.

    Example:
        >>> import fastnn
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> x, y = load_iris(return_X_y=True)
        >>> network = fastnn.sklearn.FastNNClassifier(8, learning_rate_init=0.03, random_state=0)
        >>> pipeline = make_pipeline(StandardScaler(), network).fit(x, y)
        >>> model = fastnn.sklearn.to_model(pipeline)
        >>> [layer.name for layer in model.layers]
        ['input', 'standardscaler', 'hidden_1', 'output']
        >>> bool((abs(model.predict(x) - pipeline.predict_proba(x)) < 1e-12).all())
        True
    """
    return model_of("to_model", estimator)


def model_of(who: str, estimator: Any) -> Model:
    """Return what a fitted estimator has learned as one model; see ``to_model``.

    Args:
        who: what needs it, for messages.
        estimator: the estimator.
    """
    before, network, where, after = _parts(who, estimator, snake_case(type(estimator).__name__))
    with _offering(where):
        table, steps = prepared(who, before) if before else (_as_they_are(network), [])
        scalings = [scaling(who, *step) for step in steps]
    if network.model_.dtype == "float32":
        _warn_of_coarse(who, [*(table.scalings if table else []), *scalings])
    model = _model(network, table, scalings, [_unscaling(who, *each) for each in after])
    model.schema = _schema(network, table, model)
    return model


@contextmanager
def _offering(where: str) -> Iterator[None]:
    """Say in the refusal of a transformer which part of the whole does without."""
    try:
        yield
    except NoLayer as error:
        raise TypeError(f"{error}. Give {where:.120} alone, and do the rest yourself") from None


def _unscaling(who: str, where: str, transformer: Any) -> Scaling:
    with _offering(where):
        return unscaling(who, transformer)


def _as_they_are(estimator: NetworkEstimator) -> Table | None:
    """Return the columns of a frame that the network itself was fitted on, if it was; samples of
    other shapes than rows of features have no columns."""
    names = list(map(str, getattr(estimator, "feature_names_in_", ())))
    return unprepared(names) if names and len(estimator.model_.input_shape) == 2 else None


def _warn_of_coarse(who: str, scalings: Iterable[Scaling]) -> None:
    """Warn of features that scikit-learn scales in float64, and float32 does not tell apart."""
    for each in scalings:
        steps = coarse(each.middle, each.scale)
        if steps.any():
            warn_caller(
                f"{who}: {each.name}: float32 tells numbers of the size of feature {steps.argmax()}"
                f" apart by {steps.max():g}, so that the model tells other things than the "
                "estimator; subtract a constant from them, or train with dtype='float64'",
                UserWarning,
            )


def _model(
    estimator: NetworkEstimator, table: Table | None, before: list[Scaling], after: list[Scaling]
) -> Model:
    """Return the network of an estimator with what comes before and after it."""
    network = estimator.model_
    shape, (title,) = network.input_shape[1:], network.input_names
    if table is not None:
        before = [*table.scalings, *before]
    flat = table is not None or bool(before)
    taken = (estimator.n_features_in_,) if flat else shape
    inputs: Any = Input(taken, name=title, dtype=network.dtype)
    names = {layer.name for layer in network.layers}
    x = _filled(inputs, table, names)
    for each in before:
        x = _scaled(x, each, names)
    if flat and len(shape) > 1:
        x = Reshape(shape)(x)
    for part in network.layers if type(network) is Sequential else [network]:
        x = part(x)
    _, loss = ending(network)
    y = loss.proba(x)
    for each in after:
        y = _scaled(y, each, names, back=True)
    return Model(inputs, y, name=network.name, dtype=network.dtype_policy)


def _filled(x: Any, table: Table | None, names: set[str]) -> Any:
    """Return features with what an imputer puts where NaN is."""
    if table is None or np.isnan(table.fills).all():
        return x
    gaps = Operation("isnan", name=_unused("gaps", names))(x)
    filled = Operation("where", name=_unused("filled", names))
    return filled(gaps, table.fills.tolist(), x)


def _unused(name: str, names: set[str]) -> str | None:
    """Return the name of a layer beside others, and note it; ``None`` for any if one has it."""
    if name in names:
        return None
    names.add(name)
    return name


def _schema(estimator: NetworkEstimator, table: Table | None, model: Model) -> Schema | None:
    """Return what a model's ends are, unless its outputs have a shape that is nobody's answer."""
    outputs = model.output_shape[1:]
    units = outputs[0] or 0
    if isinstance(estimator, FastNNClassifier) and not estimator._multilabel:
        task = "binary" if units == 1 else "classes"
        target = Target(task, _names(estimator, 1), [list(map(str, estimator.classes_.tolist()))])
    elif isinstance(estimator, FastNNClassifier):
        target = Target("labels", _names(estimator, units), [["0", "1"]] * units)
    else:
        target = Target("numbers", _names(estimator, units), [])
    if outputs != (target.units,):
        return None
    if table is not None and not table.is_plain:
        return Schema(table.columns(), target)
    sample = model.input_shape[1:]
    return Schema(Arrays("X", [size for size in sample if size], "y"), target)


def _names(estimator: NetworkEstimator, count: int) -> list[str]:
    """Return the names of targets: those that they were fitted by, if they had any."""
    known = getattr(estimator, "_target_names", [])  # older pickles have none
    if len(known) == count:
        return list(known)
    return ["y"] if count == 1 else [f"y[{place}]" for place in range(count)]


def _parts(who: str, estimator: Any, where: str) -> _Parts:
    """Return the parts of a fitted estimator, whatever it is inside of.

    Args:
        who: what needs them, for messages.
        estimator: the estimator.
        where: what to write for it.
    """
    if hasattr(estimator, "best_estimator_"):
        return _parts(who, estimator.best_estimator_, f"{where}.best_estimator_")
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        parts = _parts(who, estimator.steps[-1][1], f"{where}[-1]")
        steps = [each for step in estimator.steps[:-1] for each in steps_of(*step)]
        return parts._replace(before=[*steps, *parts.before])
    if isinstance(estimator, TransformedTargetRegressor):
        check_is_fitted(estimator)
        inside = f"{where}.regressor_"
        parts = _parts(who, estimator.regressor_, inside)
        steps = [(inside, step) for _, step in steps_of("transformer", estimator.transformer_)]
        return parts._replace(after=[*parts.after, *reversed(steps)])
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        return _Parts([], from_sklearn(estimator), where, [])
    if not isinstance(estimator, NetworkEstimator):
        raise TypeError(
            f"{who}: expected a fitted FastNNClassifier or FastNNRegressor, a Pipeline that ends "
            "with one, or a search with refit=True after its fit, got "
            f"{type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    return _Parts([], estimator, where, [])


def _scaled(x: Any, how: Scaling, names: set[str], back: bool = False) -> Any:
    """Return what a scaler makes of features, or the way back, by layers beside others."""
    name = _unused(how.name, names)
    for layer in standardizing(how.middle, how.scale, back, name):
        x = layer(x)
    if not how.limits or back:
        return x
    return Operation("clip", name=_unused(f"{how.name}_clip", names))(x, *how.limits)
