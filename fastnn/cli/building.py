"""The model that a plan describes: it takes what a file says, scales it, and tells the target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fastnn import Input, Sequential, layers, metrics, optimizers
from fastnn._typing import Array
from fastnn.cli.planning import Plan
from fastnn.cli.sources import Data
from fastnn.data.schema import SMALLEST, Columns, Schema
from fastnn.layers.preprocessing import standardizing

__all__ = ["compiled", "finished", "network", "scaled"]

#: task -> activation of the last layer, loss.
_HEADS = {
    "binary": ("sigmoid", "binary_crossentropy"),
    "classes": ("softmax", "sparse_categorical_crossentropy"),
    "labels": ("sigmoid", "binary_crossentropy"),
    "numbers": (None, "mse"),
}

_FLAT = 1e-14  # of squares, a variance as small is none


def network(data: Data, plan: Plan) -> Sequential:
    """Return a model that learns ``scaled`` targets."""
    activation, loss = _HEADS[data.schema.target.task]
    # names, so that a file does not depend on what else was made in the process
    parts = [_input(data), *_scaling(data), *_body(plan)]
    model = Sequential(parts, name="learner")
    model.add(layers.Dense(data.schema.target.units, activation=activation, name="output"))
    optimizer = optimizers.get(plan.optimizer)
    if plan.learning_rate is not None:
        optimizer.learning_rate = plan.learning_rate
    numeric = data.schema.target.task == "numbers"
    model.compile(optimizer, loss, metrics=[] if numeric else ["accuracy"])
    return model


def _scaling(data: Data) -> list[Any]:
    """Return the layers that scale samples, with numbers of the rows to train on."""
    if data.x.dtype == np.uint8:
        largest = int(data.x.max(initial=1))
        return [layers.Rescaling(1 / (255 if largest > 127 else max(1, largest)), name="scaled")]
    known = layers.Normalization()
    known.adapt(data.x)
    deviation = np.sqrt(known.variance.value)
    # what is constant, and indicators of words, stay as they are: rare ones would become large
    as_is = (deviation < SMALLEST) | _indicators(data.schema)
    mean, deviation = np.where(as_is, 0, known.mean.value), np.where(as_is, 1, deviation)
    return standardizing(mean, deviation, name="scaled")


def _indicators(schema: Schema) -> Array:
    """Return which features are indicators of words."""
    inputs = schema.inputs
    if not isinstance(inputs, Columns):
        return np.array(False)
    sizes = [len(inputs.words.get(name, [name])) for name in inputs.names]
    return np.repeat([name in inputs.words for name in inputs.names], sizes)


def _body(plan: Plan) -> Iterable[Any]:
    for n, filters in enumerate(plan.filters, 1):
        yield layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"seen_{n}")
        yield layers.MaxPooling2D(2, name=f"pooled_{n}")
    if plan.filters:
        yield layers.Flatten(name="flat")
    for n, units in enumerate(plan.hidden, 1):
        yield layers.Dense(units, activation="relu", name=f"hidden_{n}")
        if plan.dropout:
            yield layers.Dropout(plan.dropout, name=f"dropout_{n}")


def _input(data: Data) -> Any:
    return Input(data.schema.inputs.shape, name="samples")


def scaled(data: Data, y: Array) -> Array:
    """Return targets as the network learns them: numbers without their size, which is no news."""
    if data.schema.target.task != "numbers":
        return y
    mean, deviation = _size(data)
    return np.asarray((y - mean) / deviation)


def weights(class_weight: Mapping[int, float], y: Array) -> Array:
    """Return the weight of each row by its class; one of a class without a weight counts 1."""
    return np.array([class_weight.get(each, 1.0) for each in y.reshape(-1).astype(int).tolist()])


def _size(data: Data) -> tuple[Array, Array]:
    variance, flat = data.y.var(axis=0), _FLAT * (data.y**2).max(axis=0)
    return data.y.mean(axis=0), np.where(variance <= flat, 1, np.sqrt(variance))


def finished(model: Sequential, data: Data) -> Any:
    """Return the model that tells the target itself, compiled to be tested and trained on."""
    target = data.schema.target
    if target.task == "numbers":
        back = standardizing(*_size(data), invert=True, name="unscaled")
        model = Sequential([_input(data), *model.layers, *back], name="model")
        model.compile("adam", "mse", metrics=measures(target.task))
    elif target.task == "binary":
        model.compile(model.optimizer, model.loss, metrics=measures(target.task))
    model.schema = data.schema
    return model


def measures(task: str) -> list[Any]:
    """Return the metrics of a task."""
    if task == "numbers":
        rmse = metrics.RootMeanSquaredError(name="rmse")
        return ["mae", rmse, metrics.R2Score(name="r2")]
    return ["accuracy", metrics.AUC(name="auc")] if task == "binary" else ["accuracy"]


def compiled(model: Any) -> Any:
    """Return a model that has a schema with a loss: if it has none, that of its task."""
    if not model.compiled:
        task = model.schema.target.task
        model.compile("adam", _HEADS[task][1], metrics=measures(task))
    return model
