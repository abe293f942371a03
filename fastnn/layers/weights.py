"""The weights of a layer and of those that it is made of: made, named, read and replaced."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from fastnn import config, constraints, initializers, nests, regularizers
from fastnn._typing import Array
from fastnn.compiler.graph import format_shape
from fastnn.elsewhere import Elsewhere
from fastnn.errors import ShapeError
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

__all__ = ["Weighted", "assign_all"]

#: More numbers than this have no address, in either precision.
_ADDRESSABLE = (1 << 63) // 8


class Weighted(Elsewhere):
    """What has weights, and is made of others that have some; ``Layer`` says how."""

    name: str
    dtype: str | None
    _trainable: bool
    _variables: list[Variable]
    _described: list[str]

    def add_weight(
        self,
        shape: Sequence[int | None],
        initializer: Any = "glorot_uniform",
        *,
        name: str = "weight",
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        dtype: str | None = None,
    ) -> Variable:
        """Make a weight; to be called in ``build``.

        Args:
            shape: its shape.
            initializer: a name or an initializer for its first value.
            name: its name in the layer.
            trainable: whether ``fit`` changes it.
            regularizer: a name or a function of a tensor: what its size costs in training.
            constraint: a name or a function of a tensor: what it becomes after each update.
            dtype: its precision until a model takes it in; ``None`` is the layer's.

        Returns:
            The variable, which operations take as an operand.
        """
        if isinstance(shape, str):
            raise TypeError(
                f"{self.name}: add_weight takes the shape first, got text; write "
                f"add_weight(shape, name={shape[:40]!r})"
            )
        if any(n is None or n < 0 for n in shape):
            raise ShapeError(
                f"{self.name}: a weight cannot have the shape {format_shape(tuple(shape))}; "
                "all sizes have to be known"
            )
        sizes = [int(n) for n in shape if n is not None]
        if math.prod(sizes) > _ADDRESSABLE:
            raise ShapeError(
                f"{self.name}: a weight of {math.prod(sizes):.2g} numbers is more than any memory "
                "holds; make the layer smaller"
            )
        made = initializers.get(initializer)
        dtype = dtype or self.dtype or config.floatx()
        held = regularizers.get(regularizer), constraints.get(constraint)
        variable = Variable(sizes, made, name, trainable and self._trainable, dtype, *held)
        variable.path = f"{self.name}/{name}"
        variable.own_trainable = trainable
        self._variables.append(variable)
        return variable

    def describe_weight(
        self, what: str, initializer: Any, regularizer: Any = None, constraint: Any = None
    ) -> None:
        """Keep the options of a weight, for ``add_described`` and ``get_config``; to be called in
        the constructor.

        Args:
            what: what their names begin with: ``"kernel"`` for ``kernel_initializer``,
                ``kernel_regularizer`` and ``kernel_constraint``, which become attributes.
            initializer: a name or an initializer for the first value.
            regularizer: a name or a function of a tensor, or ``None``.
            constraint: a name or a function of a tensor, or ``None``.
        """
        self._described.append(what)
        setattr(self, f"{what}_initializer", initializers.get(initializer))
        setattr(self, f"{what}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{what}_constraint", constraints.get(constraint))

    def add_described(
        self, what: str, shape: Sequence[int | None], name: str | None = None, **options: Any
    ) -> Variable:
        """Make the weight whose options ``describe_weight`` keeps; to be called in ``build``.

        Args:
            what: what the names of the options begin with.
            shape: its shape.
            name: its name in the layer; ``None`` is ``what``.
            options: others of ``add_weight``, or instead of the kept ones.
        """
        kept = {
            kind: self._option(what, kind) for kind in ("initializer", "regularizer", "constraint")
        }
        return self.add_weight(shape, name=name or what, **{**kept, **options})

    def _option(self, what: str, kind: str = "initializer") -> Any:
        return getattr(self, f"{what}_{kind}")

    def sublayers(self) -> dict[str, Layer]:
        """Return the layers that this one is made of, by where it holds them: ``"blocks/0"``."""
        found: dict[str, Any] = {}
        for attribute, value in vars(self).items():
            for path, leaf in nests.paths(value, attribute.lstrip("_")):
                if isinstance(leaf, Weighted) and leaf not in found.values():
                    found[path] = leaf
        return found

    def descendants(self) -> list[Layer]:
        """Return this layer and all that it is made of, also those inside of others, each once."""
        found: dict[Any, None] = {}
        waiting: list[Any] = [self]
        while waiting:
            layer = waiting.pop()
            if layer not in found:
                found[layer] = None
                waiting.extend(reversed(layer.sublayers().values()))
        return list(found)

    def named_weights(self) -> dict[str, Variable]:
        """Return all variables by paths such as ``"encoder/dense/kernel"``, each once: the layer's
        own in the order in which they were made, then those of the layers that it is made of."""
        found: dict[Variable, str] = {}
        self._name_weights("", found, set())
        names: dict[str, Variable] = {}
        for variable, path in found.items():
            names[_free(path, names)] = variable
        return names

    def _name_weights(self, prefix: str, found: dict[Variable, str], seen: set[Weighted]) -> None:
        seen.add(self)
        for variable in self._variables:
            found.setdefault(variable, prefix + variable.name)
        for path, layer in self.sublayers().items():
            if layer not in seen:
                layer._name_weights(f"{prefix}{path}/", found, seen)

    @property
    def weights(self) -> list[Variable]:
        """All variables: its own, in the order in which they were made, then those of the layers
        that it is made of."""
        return list(self.named_weights().values())

    @property
    def variables(self) -> list[Variable]:
        """The weights, by Keras's other name."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that ``fit`` changes."""
        return [variable for variable in self.weights if variable.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that ``fit`` leaves alone."""
        return [variable for variable in self.weights if not variable.trainable]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The trainable weights, by Keras's other name."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The non-trainable weights, by Keras's other name."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        """Whether ``fit`` changes the weights, also those of layers inside; a change counts from
        the next ``compile``."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.descendants():
            layer._trainable = bool(value)
            for variable in layer._variables:
                variable.trainable = layer._trainable and variable.own_trainable

    def count_params(self) -> int:
        """Return the number of weights, as numbers."""
        return sum(variable.size for variable in self.weights)

    def get_weights(self) -> list[Array]:
        """Return copies of the weights."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replace the weights.

        Args:
            weights: arrays in the order of ``get_weights``.

        Raises:
            ShapeError: if there are not as many, or one has another shape; nothing is changed then.
            DTypeError: if one does not hold real numbers in the range of its weight; likewise.
        """
        assign_all(self.name, self.weights, weights)


def _free(path: str, taken: Container[str]) -> str:
    """Return ``path``, or with a number after it if it is taken."""
    return next(
        each for i in itertools.count() if (each := f"{path}_{i}" if i else path) not in taken
    )


def assign_all(who: str, variables: Sequence[Variable], arrays: Sequence[ArrayLike]) -> None:
    """Assign each array to its variable, after all were checked."""
    given = list(arrays) if isinstance(arrays, Iterable) else [arrays]
    if len(given) != len(variables):
        raise ShapeError(
            f"{who}: set_weights expects {len(variables)} arrays, in the order of get_weights, "
            f"got {len(given)}"
        )
    # copies, since an array may be the live value of another variable
    pairs = zip(variables, given, strict=True)
    values = [variable.check(array).copy() for variable, array in pairs]
    for variable, value in zip(variables, values, strict=True):
        variable.fill(value)
