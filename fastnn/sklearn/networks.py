"""The network that an estimator trains, made from its parameters and what the data asks for."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastnn import config, locks
from fastnn.cloning import clone_model
from fastnn.compiler import lower
from fastnn.errors import ModelFileError
from fastnn.initializers import RandomUniform, VarianceScaling
from fastnn.layers import Dense, Dropout, Input, serialization
from fastnn.losses import Loss
from fastnn.models import Model, Sequential
from fastnn.regularizers import L2
from fastnn.sklearn.parameters import hidden_sizes, solver

__all__ = ["ACTIVATIONS", "Task", "ending", "make"]

#: scikit-learn's names of activations, where fastnn has others.
ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "exp": "exponential"}

#: Held while a network is made from an estimator's own seed: that of the process is set meanwhile.
_MAKING = locks.lock()


@dataclass(frozen=True)
class Task:
    """What data asks of a network.

    Attributes:
        input_shape: of a sample.
        units: what the last layer may have, the usual number first.
        activation: what the last layer of a perceptron has.
        loss: returns the loss that goes with a last layer of so many units and such an activation.
        weight: what the loss is multiplied by.
        asked: what the units stand for, for messages: ``"3 classes"``.
    """

    input_shape: tuple[int, ...]
    units: tuple[int, ...]
    activation: str
    loss: Callable[[int, str | None], Loss]
    weight: float
    asked: str


def make(estimator: Any, task: Task, penalty: float, dtype: str, seed: int) -> Model:
    """Return a new network, compiled; the same for the same seed, whatever other threads do.

    Args:
        estimator: whose parameters say what network.
        task: what the data asks for.
        penalty: what the squares of a perceptron's weights cost.
        dtype: what a perceptron computes in.
        seed: what first weights, order and dropout follow from.
    """
    who = type(estimator).__name__
    with _MAKING, config.seeded(seed):
        if estimator.model is None:
            model: Model = perceptron(estimator, task, penalty, dtype)
        else:
            model = _made(who, estimator.model, estimator.model_params or {}, task)
            _require_fit(who, model, task)
        if not model.compiled:
            units = model.output_shape[-1]
            (head,), _ = lower.heads(model.network, model.input_shapes)
            model.compile(solver(estimator), task.loss(units, head), loss_weights=task.weight)
    ending(model)
    return model


def ending(model: Model) -> tuple[str | None, Loss]:
    """Return the activation of the last layer, as far as it is known, and the loss after it."""
    objective = model.runtime.objective
    loss = None if objective is None else objective.losses[0]
    if objective is None or loss is None:
        raise ValueError(f"{model.name}: the model is compiled without a loss for its output")
    return objective.heads[0], loss


def perceptron(estimator: Any, task: Task, penalty: float, dtype: str) -> Sequential:
    """Return a network of dense layers, with first weights as scikit-learn draws them."""
    who = type(estimator).__name__
    sizes = [*hidden_sizes(who, "hidden_layer_sizes", estimator.hidden_layer_sizes), task.units[0]]
    activation = ACTIVATIONS.get(estimator.activation, estimator.activation)
    before = math.prod(task.input_shape)
    layers: list[Any] = [Input((before,), name="input")]
    for number, units in enumerate(sizes, 1):
        last = number == len(sizes)
        layers.append(
            Dense(
                units,
                task.activation if last else activation,
                name="output" if last else f"hidden_{number}",
                **_first_weights(before, units, activation == "sigmoid"),
                kernel_regularizer=L2(penalty) if penalty else None,
            )
        )
        if estimator.dropout and not last:
            layers.append(Dropout(estimator.dropout, name=f"dropout_{number}"))
        before = units
    return Sequential(layers, name="perceptron", dtype=dtype)


def _first_weights(before: int, units: int, logistic: bool) -> dict[str, Any]:
    """Return how to draw weights and biases: evenly within ``sqrt(6 / (before + units))``, and 2
    instead of 6 for logistic units (Glorot and Bengio, "Understanding the difficulty of training
    deep feedforward neural networks", 2010)."""
    limit = math.sqrt((2 if logistic else 6) / (before + units))
    return {
        "kernel_initializer": VarianceScaling(1 / 3 if logistic else 1.0, "fan_avg", "uniform"),
        "bias_initializer": RandomUniform(-limit, limit),
    }


# ---- architectures of the caller's ---------------------------------------------------------------


def _made(who: str, given: Any, params: Mapping[str, Any], task: Task) -> Model:
    """Return a new model as the parameter ``model`` says, built."""
    if params and (isinstance(given, Model | Mapping) or not callable(given)):
        raise ValueError(f"{who}: model_params are for a function that makes the model")
    if isinstance(given, Model):
        model: Any = _cloned(given)
    elif isinstance(given, Mapping):
        model = _described(who, given)
    elif callable(given):
        model = given(**_asked(given, task), **params)
    else:
        model = given
    if not isinstance(model, Model):
        raise TypeError(
            f"{who}: model must be a function that returns a fastnn model, a fastnn model, or the "
            f"description of one, got {'a function that returned ' if callable(given) else ''}"
            f"{type(model).__name__}"
        )
    if model is given or model.epochs_trained:
        raise ValueError(f"{who}: model must make a new model each time, not one that was trained")
    if not model.built:
        model.build((None, *task.input_shape))
    return model


def _asked(make_model: Callable[..., Any], task: Task) -> dict[str, Any]:
    """Return what a function wants to know of the data, by the names of its parameters."""
    known = {"input_shape": task.input_shape, "n_outputs": task.units[0]}
    names = inspect.signature(make_model).parameters
    return {name: value for name, value in known.items() if name in names}


def _cloned(given: Model) -> Model:
    """Return a model of the same layers with new weights, compiled as that one is."""
    from fastnn import saving  # slow to import

    model, recipe = clone_model(given), given.get_compile_config()
    if recipe is not None:
        with saving.custom_object_scope(saving.custom_objects_of(given)):
            model.compile_from_config(recipe)
    return model


def _described(who: str, description: Mapping[str, Any]) -> Any:
    try:
        return serialization.deserialize(description)
    except (ModelFileError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{who}: model is a dict, but not the description of a model, such as "
            f"json.loads(model.to_json()): {error}"[:390]
        ) from error


def _require_fit(who: str, model: Model, task: Task) -> None:
    """Refuse a model that the data does not go with."""
    if len(model.input_shapes) != 1 or len(model.output_shapes) != 1:
        raise ValueError(
            f"{who}: model must have one input and one output, it has {len(model.input_shapes)} "
            f"and {len(model.output_shapes)}; train a model of several by its own fit"
        )
    inside: Any = model.input_shapes[0][1:]
    outside = model.output_shapes[0][1:]
    if math.prod(inside) != math.prod(task.input_shape):
        raise ValueError(
            f"{who}: model takes samples of shape {inside}, X has {task.input_shape}; give the "
            "model an Input of that shape"
        )
    if len(outside) != 1 or outside[0] not in task.units:
        raise ValueError(
            f"{who}: model returns {outside} for a sample, y has {task.asked}; end it with a layer "
            f"of {' or '.join(map(str, task.units))} units: Dense({task.units[0]}, "
            f"{task.activation!r})"
        )
