"""What estimators, pipelines and searches have learned, as one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from fastnn import ops
from fastnn._typing import Array
from fastnn.compiler.graph import Shape
from fastnn.data.schema import Arrays, Schema, Target
from fastnn.layers import Input, MinMaxScaling, Normalization, Reshape
from fastnn.models import Model, Sequential
from fastnn.sklearn.classifier import FastNNClassifier
from fastnn.sklearn.estimator import NetworkEstimator
from fastnn.sklearn.importing import from_sklearn
from fastnn.sklearn.networks import ending

__all__ = ["model_of", "to_model"]

#: Scalers by the numbers that ``(x - middle) / scale`` has of them.
_SCALERS: dict[type, Callable[[Any], tuple[Any, Any]]] = {
    StandardScaler: lambda step: (step.mean_ if step.with_mean else None, step.scale_),
    MinMaxScaler: lambda step: (-step.min_ / step.scale_, 1 / step.scale_),
    MaxAbsScaler: lambda step: (None, step.scale_),
    RobustScaler: lambda step: (step.center_, step.scale_),
}

#: Variances that a ``Normalization`` divides by the root of in float32, too.
_LEAST, _LARGEST = 1e-14, 1e30


class _Parts(NamedTuple):
    """A fitted estimator, taken apart.

    Attributes:
        before: the steps that samples go through, with their names.
        network: the estimator that has the network.
        after: the scalers whose ways back its outputs take.
    """

    before: list[tuple[str, Any]]
    network: NetworkEstimator
    after: list[Any]


def to_model(estimator: Any) -> Model:
    """Return what a fitted estimator has learned as one model, scaling included.

    The model takes rows of features as they are before any step of a pipeline, or samples in the
    shape that the network takes if there is no step.  It returns what the network tells of them:
    numbers, or probabilities in the order of ``classes_``, of two classes that of the second.
    It is what ``fastnn.export_c`` and ``fastnn.onnx.export`` write of an estimator.

    Args:
        estimator: a ``FastNNClassifier`` or ``FastNNRegressor``, or scikit-learn's
            ``MLPClassifier`` or ``MLPRegressor``; a ``Pipeline`` that ends with one, after
            ``StandardScaler``, ``MinMaxScaler``, ``MaxAbsScaler`` or ``RobustScaler``, which become
            layers; a ``TransformedTargetRegressor`` with such a scaler; or a search over these.

    Returns:
        A model that is not compiled.  It has the very weights of the estimator's network, and a
        schema that says which output is of which class.

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
    before, estimator, after = _parts(who, estimator)
    network = estimator.model_
    shape, (title,) = network.input_shape[1:], network.input_names
    taken = (estimator.n_features_in_,) if before else shape
    x: Any = Input(taken, name=title, dtype=network.dtype)
    inputs = x
    for name, step in before:
        x = _scaled(x, _free(network, name), *_numbers(who, name, step))
        if getattr(step, "clip", False):
            x = ops.clip(x, *map(float, step.feature_range))
    if before and len(shape) > 1:
        x = Reshape(shape)(x)
    for part in network.layers if type(network) is Sequential else [network]:
        x = part(x)
    _, loss = ending(network)
    y = loss.proba(x)
    for step in after:
        y = _scaled(y, _free(network, "unscaled"), *_numbers(who, "transformer", step), back=True)
    model = Model(inputs, y, name=network.name, dtype=network.dtype_policy)
    model.schema = _schema(estimator, taken, model.output_shape[1:])
    return model


def _schema(estimator: NetworkEstimator, sample: Shape, outputs: Shape) -> Schema | None:
    """Return what a model's outputs are, unless they are of a shape that is nobody's answer."""
    units = outputs[0] or 0
    names = ["y"] if units == 1 else [f"y[{place}]" for place in range(units)]
    if isinstance(estimator, FastNNClassifier):
        target = _classes(estimator.classes_.tolist(), names, estimator._multilabel)
    else:
        target = Target("numbers", names, [])
    if outputs != (target.units,):
        return None
    return Schema(Arrays("X", [size for size in sample if size], "y"), target)


def _classes(classes: list[Any], names: list[str], several: bool) -> Target:
    if several:
        return Target("labels", names, [["0", "1"]] * len(names))
    return Target("binary" if len(names) == 1 else "classes", ["y"], [list(map(str, classes))])


def _parts(who: str, estimator: Any) -> _Parts:
    """Return the parts of a fitted estimator, whatever it is inside of."""
    if hasattr(estimator, "best_estimator_"):
        return _parts(who, estimator.best_estimator_)
    if isinstance(estimator, Pipeline):
        check_is_fitted(estimator)
        before, network, after = _parts(who, estimator.steps[-1][1])
        return _Parts([*_steps(estimator.steps[:-1]), *before], network, after)
    if isinstance(estimator, TransformedTargetRegressor):
        check_is_fitted(estimator)
        before, network, after = _parts(who, estimator.regressor_)
        return _Parts(before, network, [*after, estimator.transformer_])
    if isinstance(estimator, MLPClassifier | MLPRegressor):
        return _Parts([], from_sklearn(estimator), [])
    if not isinstance(estimator, NetworkEstimator):
        raise TypeError(
            f"{who}: expected a fitted FastNNClassifier or FastNNRegressor, a Pipeline that ends "
            "with one, or a search with refit=True after its fit, got "
            f"{type(estimator).__name__}"
        )
    check_is_fitted(estimator)
    return _Parts([], estimator, [])


def _steps(steps: list[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the steps that do something, those of pipelines inside of a pipeline too."""
    for name, step in steps:
        if isinstance(step, Pipeline):
            yield from _steps(step.steps)
        elif step not in (None, "passthrough"):
            yield name, step


def _numbers(who: str, name: str, step: Any) -> tuple[Array, Array]:
    """Return the middle and the scale of each feature."""
    if type(step) not in _SCALERS:
        known = ", ".join(kind.__name__ for kind in _SCALERS)
        raise TypeError(
            f"{who}: the step {name!r} is a {type(step).__name__}, which is no layer; {known} are. "
            "Take the network alone, pipeline[-1], and do what is before it yourself"
        )
    middle, scale = _SCALERS[type(step)](step)
    size = (step.n_features_in_,)
    return np.zeros(size) if middle is None else middle, np.ones(size) if scale is None else scale


def _scaled(x: Any, name: str | None, middle: Array, scale: Array, back: bool = False) -> Any:
    """Return ``(x - middle) / scale``, or the way back."""
    variance = np.square(scale)
    if ((variance > _LEAST) & (variance < _LARGEST)).all():
        return Normalization(mean=middle, variance=variance, invert=back, name=name)(x)
    layer = MinMaxScaling(name=name)  # whose factors are as they are
    y = layer(x)
    layer.middle.assign(-middle / scale if back else middle)
    layer.scale.assign(scale if back else 1 / scale)
    return y


def _free(network: Model, name: str) -> str | None:
    """Return a name for a layer beside those of a network."""
    return None if name in {layer.name for layer in network.layers} else name
