"""Sequential: a model whose layers follow one another."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from fastnn.compiler.graph import Shape
from fastnn.errors import ShapeError
from fastnn.functional import Network, Symbol
from fastnn.layers import serialization
from fastnn.layers.base import Layer
from fastnn.layers.core import InputLayer
from fastnn.models.model import Model
from fastnn.models.shapes import describe

__all__ = ["Sequential"]


class Sequential(Model):
    """A model whose layers follow one another.

    Args:
        layers: the layers, as a list or one by one; an ``Input(shape)`` first makes the weights at
            once, else the first data does.
        name: the model's name; ``None`` makes one.
        dtype: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``; ``None`` is that of ``Input``,
            or ``fastnn.config.dtype_policy()``.
        trainable: whether ``fit`` changes its weights.

    A model can be a layer of it.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Dense
        >>> model = fastnn.Sequential([fastnn.Input((4,)), Dense(8, "relu"), Dense(3, "softmax")])
        >>> model.count_params()
        67
    """

    _several_inputs = False

    _batch_size: int | None = None  # the rows of every batch, if the input says so

    def __init__(
        self,
        layers: Layer | Symbol | Iterable[Layer | Symbol] | None = None,
        *more: Layer,
        name: str | None = None,
        dtype: str | None = None,
        trainable: bool = True,
    ):
        if layers is None:
            given: list[Any] = []
        elif isinstance(layers, Layer | Symbol):
            given = [layers, *more]
        elif more:
            raise TypeError("Sequential: give the layers as one list, or one by one, not both")
        else:
            given = list(layers) if isinstance(layers, Iterable) else [layers]
        first = _layer(given[0]) if given else None
        if dtype is None and isinstance(first, InputLayer | Model):
            dtype = first.own_dtype
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        for layer in given:
            self._append(layer)
        self._build_from_input()

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order, without the input."""
        return list(self._layers)

    def sublayers(self) -> dict[str, Layer]:
        """Return the layers by their names."""
        return {layer.name: layer for layer in self._layers}

    def add(self, layer: Layer | Symbol) -> None:
        """Append a layer; a model that was compiled has to be compiled again.

        Raises:
            ShapeError: if the layer cannot take what the last one gives; it is not added then.
        """
        with self._guard.training("add"):
            before, known = (self._outdated, self._recipe), _layer(layer)
            self._append(known)
            try:
                self._rebuild()
            except BaseException:
                self._layers.remove(known)
                self._outdated, self._recipe = before
                raise

    def pop(self) -> Layer:
        """Remove the last layer and return it; compile again before training."""
        if not self._layers:
            raise ValueError(f"{self.name}: there is no layer to pop")
        with self._guard.training("pop"):
            layer = self._layers.pop()
            self._rebuild()
        return layer

    def _append(self, layer: Any) -> None:
        layer = _layer(layer)
        if not isinstance(layer, Layer):
            hint = "; write Dense(10), not Dense" if isinstance(layer, type) else ""
            if isinstance(layer, Symbol):
                hint = "; give the layer without calling it, or make Model(inputs, outputs)"
            raise TypeError(f"{self.name}: expected a layer, got {describe(layer)}{hint}")
        if layer.own_dtype not in (None, self.dtype):
            raise ValueError(
                f"{layer.name}: its dtype is {layer.own_dtype}, the model's is {self.dtype}; "
                "give the dtype to the model alone"
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._input:
                raise ValueError(f"{self.name}: Input has to be the first layer, and the only one")
            self._input, self._batch_size = layer, layer.batch_size
            return
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"{self.name}: two layers are named {layer.name!r}; each needs a name of its own, "
                "and a layer can be in a Sequential once"
            )
        if not self._layers and self._batch_size is None:
            self._batch_size = layer.given_rows
        self._layers.append(layer)

    def _build_from_input(self) -> None:
        first = self._layers[0] if self._layers else None
        if self._input is not None:
            self.build((None, *self._input.shape))
        elif isinstance(first, Model) and first.built:
            self.build(first.input_shape)
        elif first is not None and first.given_shape is not None:
            self.build(first.given_shape)

    def _rebuild(self) -> None:
        self._outdated, self._recipe = self._outdated or self.compiled, None
        if self.built:
            self.build(self.input_shape)
        else:
            self._build_from_input()

    def _build(self, shapes: Any) -> None:
        if not isinstance(shapes, tuple):
            raise ShapeError(f"{self.name}: a Sequential has one input, got {str(shapes)[:80]}")
        fresh = [each for each in self.descendants() if not each.built and each is not self]
        before = self._network
        try:
            network = Network(self.name, *([end] for end in self._chain(shapes)))
            self._settle(network)
        except BaseException:
            for layer in fresh:
                layer.unbuild()
            raise
        if isinstance(before, Network):
            for layer in self._layers:
                layer.forget_calls(before.calls)

    def _chain(self, shape: Shape) -> tuple[Symbol, Symbol]:
        """Return input and output of the layers called one after the other."""
        name, whole = (self._input.name, self._input.whole) if self._input else (None, None)
        sizes = [n for n in shape if n is not None]
        source = InputLayer(sizes, name, whole or self.dtype, self._batch_size)
        output = source.output
        for layer in self._layers:
            if not self._trainable and not layer.built:
                layer.trainable = False
            output = layer(output)
        return source.output, output

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights.

        Raises:
            NotImplementedError: if it is of a sub-class whose constructor makes the layers.
        """
        if _makes_layers(type(self)):
            raise NotImplementedError(
                f"{type(self).__name__}: its constructor makes the layers, which a config has too; "
                "write get_config and from_config, or a function that returns a Sequential"
            )
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.dtype_policy,
            "input_shape": list(self.input_shape) if self.built else None,
            **({} if self._batch_size is None else {"batch_size": self._batch_size}),
            "layers": serialization.serialize_all(self._layers),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
    ) -> Sequential:
        """Return the model that ``get_config`` described.

        Args:
            config: what ``get_config`` returned.
            custom_objects: classes that are not fastnn's, by name.
        """
        layers = serialization.deserialize_all(config["layers"], custom_objects)
        own = {name: each for name, each in config.items() if name not in type(cls).set_later}
        model = cls(layers, name=config["name"], dtype=config["dtype"], **own)
        model._batch_size = config.get("batch_size")
        if config["input_shape"] is not None:
            model.build(config["input_shape"])
        model._trainable = bool(config["trainable"])
        return model


def _makes_layers(cls: Any) -> bool:
    """Return whether a class, whose config is Sequential's, is constructed without layers."""
    kinds = {name: each.kind for name, each in inspect.signature(cls).parameters.items()}
    takes = "layers" in kinds or inspect.Parameter.VAR_POSITIONAL in kinds.values()
    usual: Any = Sequential.from_config
    is_told = hasattr(cls.get_config, "tells_arguments")
    return is_told and not takes and cls.from_config.__func__ is usual.__func__


def _layer(given: Any) -> Any:
    """Return the layer behind what ``Input`` returns; anything else as it is."""
    is_input = isinstance(given, Symbol) and isinstance(given.layer, InputLayer)
    return given.layer if is_input else given
