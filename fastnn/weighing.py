"""Weights of samples: given for each, or by their class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn._checks import number
from fastnn._typing import Array
from fastnn.data import arrays
from fastnn.data.foreign import refuse_sparse

if TYPE_CHECKING:
    from fastnn.models.connected import Connected
    from fastnn.objectives import Objective

__all__ = ["by_output", "everywhere", "weights"]


def weights(
    who: str,
    model: Connected,
    objective: Objective,
    ys: Mapping[int, Array],
    sample_weight: Any,
    class_weight: Mapping[int, float] | None,
    dtype: str,
) -> dict[int, Array]:
    """Return the weights of each output that has some, by its index, for every place of it.

    Args:
        who: the method that was called.
        model: the model.
        objective: what it is compiled for.
        ys: the targets, checked.
        sample_weight: an array for all outputs, or a list, tuple or dict of them.
        class_weight: a weight for each class of the only output.
        dtype: what the program computes in.
    """
    if class_weight is not None:
        if sample_weight is not None:
            raise ValueError(
                f"{who}: class_weight and sample_weight were given; multiply them yourself, and "
                "give the product as sample_weight"
            )
        sample_weight = _by_class(who, model, objective, ys, class_weight)
    found = {}
    for index, given in by_output(who, objective, sample_weight).items():
        loss = objective.losses[index]
        assert loss is not None
        places = loss.places(model.output_shapes[index])
        array = arrays.as_weights(who, given, places, len(ys[index]), dtype)
        found[index] = everywhere(array, places)
    return found


def by_output(who: str, objective: Objective, given: Any) -> dict[int, Any]:
    """Return the weights of each output that has some, by its index, as they were given."""
    names = objective.names
    if given is None:
        return {}
    if isinstance(given, Mapping):
        refuse_sparse(who, "sample_weight", given)
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"{who}: sample_weight names the output {str(unknown[0])[:60]!r}; there are "
                f"{', '.join(names)}"[:390]
            )
        return {
            names.index(name): each
            for name, each in given.items()
            if each is not None and names.index(name) in objective.compared
        }
    several = isinstance(given, list | tuple) and len(names) > 1
    if several and len(given) == len(names) and all(np.ndim(w) != 0 or w is None for w in given):
        every = dict(enumerate(given))
        return {index: every[index] for index in objective.compared if every[index] is not None}
    return dict.fromkeys(objective.compared, given)


def everywhere(array: Array, places: tuple[int | None, ...]) -> Array:
    """Return the weights of rows for every place of them."""
    if array.ndim == len(places):
        return array
    sizes = tuple(n for n in places[1:] if n is not None)
    column = array.reshape(len(array), *(1 for _ in sizes))
    return np.ascontiguousarray(np.broadcast_to(column, (len(array), *sizes)))


def _by_class(
    who: str,
    model: Connected,
    objective: Objective,
    ys: Mapping[int, Array],
    given: Mapping[int, float],
) -> Array:
    """Return the weight of each target's class; a class that is not named has 1."""
    if len(objective.compared) != 1 or not isinstance(given, Mapping):
        raise ValueError(f"{who}: {_no_weights_of_classes(given)}")
    (index,) = objective.compared
    loss, shape = objective.losses[index], model.output_shapes[index]
    assert loss is not None
    at = loss.place(shape)
    y, columns = ys[index], shape[at] or 1
    labels = y
    if loss.targets(shape).classes is None:
        labels = y.argmax(at) if columns > 1 else y.take(0, at)
    _require_classes(who, given, columns if columns > 1 else 2)
    if columns == 1 and not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"{who}: class_weight is for classes, y has other numbers than 0 and 1; give "
            "sample_weight, a weight for each row"
        )
    weights = np.ones(labels.shape)
    for name, weight in given.items():
        weights[labels == name] = number(who, f"the weight of class {name}", weight)
    return weights


def _no_weights_of_classes(given: Any) -> str:
    """Return what is wrong with weights of classes that cannot be taken."""
    what = "class_weight must be a dict from classes to weights"
    if isinstance(given, str):
        return (
            f"{what}, got {given[:40]!r}; for classes that count alike, of labels y: "
            "n = numpy.bincount(y), class_weight=dict(enumerate(len(y) / len(n) / n))"
        )
    return f"{what}, for a model of one output; give sample_weight otherwise"


def _require_classes(who: str, given: Iterable[Any], count: int) -> None:
    for name in given:
        if not isinstance(name, int | np.integer) or not 0 <= name < count:
            raise ValueError(
                f"{who}: class_weight names the class {str(name)[:40]!r}; the classes are 0 to "
                f"{count - 1}"
            )
