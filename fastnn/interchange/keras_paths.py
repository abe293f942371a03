"""Where the weights of a model are in a file of Keras's.

Keras walks over a model's layers, then over the attributes of each by their names, private ones
last: ``layers/bidirectional/forward_layer/cell/vars/0``.  Layers in a list go by their classes,
with a number from the second of a class on, since names differ from process to process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from fastnn.functional import Network
from fastnn.layers.base import Layer
from fastnn.layers.categories import Discretization
from fastnn.layers.operation import Operation
from fastnn.naming import snake_case
from fastnn.variables import Variable

__all__ = ["Places", "in_order", "in_own_order", "named_by_layers", "without_state"]

#: What a class is called in paths, where its name is another in Keras.
_CLASSES = {"Model": "Functional"}


class Places:
    """The places of a model's weights, and the groups of its layers.

    Attributes:
        weights: the variables by their paths.
        layers: the layers by the paths of their groups, ``""`` for the model.
    """

    def __init__(self, model: Layer):
        self.weights: dict[str, Variable] = {}
        self.layers: dict[str, Layer] = {}
        self._seen: set[Layer] = set()
        self._known: set[Variable] = set()
        self._visit(model, "")

    def _visit(self, layer: Layer, path: str) -> None:
        if layer in self._seen:
            return
        self._seen.add(layer)
        self.layers[path] = layer
        for i, variable in enumerate(in_own_order(layer)):
            if variable not in self._known:
                self._known.add(variable)
                self.weights[f"{path}vars/{i}"] = variable
        for attribute, value in _attributes(layer):
            self._visit_value(value, f"{path}{attribute}/")

    def _visit_value(self, value: Any, path: str) -> None:
        if isinstance(value, Layer):
            self._visit(value, path)
        elif isinstance(value, list | tuple | dict):
            used: Counter[str] = Counter()
            for each in value.values() if isinstance(value, dict) else value:
                if isinstance(each, Layer | list | tuple | dict):
                    name = _name(each)
                    number = f"_{used[name]}" if used[name] else ""
                    used[name] += 1
                    self._visit_value(each, f"{path}{name}{number}/")


def in_order(model: Layer) -> list[Variable]:
    """Return the variables of a model, each once, in the order of Keras's ``model.weights``."""
    each_layer = map(in_own_order, model.descendants())
    return list(dict.fromkeys(chain.from_iterable(each_layer)))


def in_own_order(layer: Layer) -> list[Variable]:
    """Return the variables of a layer itself as Keras has them: those that can learn first."""
    if isinstance(layer, Discretization) or getattr(layer, "input_mean", None) is not None:
        return []  # what is a weight here is an option there
    return sorted(layer._variables, key=lambda variable: not variable.own_trainable)


def _name(thing: Any) -> str:
    if not isinstance(thing, Layer):
        return "container"
    name = type(thing).__name__
    return snake_case(_CLASSES.get(name, name))


def _attributes(layer: Layer) -> Iterator[tuple[str, Any]]:
    """Yield what a layer holds in the order in which Keras looks at it."""
    network = getattr(layer, "_network", None)
    held = dict(vars(layer))
    if hasattr(layer, "layers"):
        held["layers"] = [each for each in layer.layers if not isinstance(each, Operation)]
        if isinstance(network, Network):
            yield "layers", held["layers"]
    for name in sorted(held, key=lambda name: f"~{name}" if name.startswith("_") else name):
        yield name, held[name]


def without_state(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights among the arrays of a file: not an optimizer's, nor seeds'."""
    return {
        path: array
        for path, array in arrays.items()
        if not path.startswith("optimizer/") and "seed_generator" not in path.split("/")
    }


def named_by_layers(paths: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what there is at some paths by the names of the layers that are next to the model.

    Args:
        paths: of weights.
        names: the names of layers by the paths of their groups, which end with ``/``.
    """
    found = {}
    for path, each in paths.items():
        parts = path.split("/")
        heads = ("/".join(parts[:i]) + "/" for i in range(1, len(parts)))
        head = next((head for head in heads if head in names), "")
        found[f"{names.get(head, '')}/{path.removeprefix(head)}"] = each
    return found
