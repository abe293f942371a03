"""Connected: the network of a model, its shapes and its weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from numpy.typing import ArrayLike

from fastnn import config, nests
from fastnn._core import Guard
from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.errors import NotBuiltError, ShapeError
from fastnn.functional import Call, Composed, Ends, Network, Symbol
from fastnn.layers.base import Layer
from fastnn.layers.weights import assign_all
from fastnn.models.shapes import as_shapes, flat_shapes, inputs_of, only
from fastnn.training import split
from fastnn.variables import Parameters

__all__ = ["Connected"]


class Connected(Layer):
    """The part of a model that is a network of layers: what leads from inputs to outputs."""

    #: Whether it may have several inputs.
    _several_inputs = True

    #: The rows of every batch, where layers keep states from one to the next.
    kept_rows: int | None = None

    def __init__(self, *, name: str | None, dtype: str | None, real: str | None, trainable: bool):
        super().__init__(name=name and "model", trainable=trainable)
        self.name = name or self.name  # which may be anything
        self.dtype_policy = config.policy_of(self.name, dtype, real)
        self.dtype: str = config.real_dtype(self.dtype_policy)
        self._dtype_is_given = dtype is not None
        self._guard = Guard(self.name)
        self._inputs_nest: Any = None
        self._outputs_nest: Any = None
        self._ends: Ends | None = None
        self._parameters: Parameters | None = None
        self._network: Network | Composed | None = None

    def _take(self, network: Network) -> None:
        """Become the model of a network, whose layers are built."""
        for symbol in network.inputs:
            if config.is_real(symbol.dtype):
                symbol.layer.dtype = symbol.dtype
        self._settle(network)
        if not self.trainable:
            self.trainable = False  # all that is in it

    def _settle(self, network: Network | Composed) -> None:
        self._network, self._parameters = network, None
        self.built = True
        self.kept_rows = self._find_kept_rows()
        self._guard.exclusive = self.kept_rows is not None
        self._ends = Ends.of(network, self._outputs_nest)
        for path, variable in self.named_weights().items():
            variable.path = path

    def _find_kept_rows(self) -> int | None:
        """Return the rows of every batch, where layers keep states from one to the next.

        Raises:
            ShapeError: if layers keep states for different numbers of rows.
        """
        inside = (each for each in self.descendants() if each is not self)
        known = (getattr(layer, "kept_rows", None) for layer in inside)
        found = {rows for rows in known if rows is not None}
        if len(found) > 1:
            raise ShapeError(
                f"{self.name}: its stateful layers keep states for batches of "
                f"{' and '.join(map(str, sorted(found)))} rows; all of them need as many"
            )
        return found.pop() if found else None

    def reset_states(self) -> None:
        """Let layers with ``stateful=True`` begin with zeros again."""
        with self.changing("reset_states"):
            for layer in self.descendants():
                if layer is not self and hasattr(layer, "reset_states"):
                    layer.reset_states()

    reset_state = reset_states

    @property
    def own_dtype(self) -> str | None:
        """The precision that the model insists on: if it was given one, or has weights already."""
        return self.dtype if self.built or self._dtype_is_given else None

    def adopt_dtype(self, dtype: str) -> None:
        """Take the precision of what the model is called on."""
        if self.own_dtype is None:
            self.dtype_policy = self.dtype = dtype

    # ---- the network -----------------------------------------------------------------------------

    @property
    def network(self) -> Network | Composed:
        """The calls of layers that lead from the inputs to the outputs."""
        if self._network is None:
            raise NotBuiltError(
                f"{self.name}: the shapes are not known yet; start the layers with Input(shape), "
                "or call build((None, ...)), fit or predict first"
            )
        return self._network

    @property
    def layers(self) -> list[Layer]:
        """The layers: the farthest from the outputs first, or as a sub-classed model holds them."""
        return list(self.sublayers().values())

    def sublayers(self) -> dict[str, Layer]:
        """Return the layers by their names, or by where a sub-classed model holds them."""
        if isinstance(self._network, Network):
            return {layer.name: layer for layer in self._network.layers}
        return super().sublayers()

    @property
    def input(self) -> Any:
        """The symbols of the inputs, as the model was given them: one, a list or a dict."""
        if isinstance(self._network, Composed):
            return super().input
        return nests.pack(self._inputs_nest, self.network.inputs)

    @property
    def output(self) -> Any:
        """The symbols of the outputs, as the model was given them: one, a list or a dict."""
        if isinstance(self._network, Composed):
            return super().output
        return nests.pack(self._outputs_nest, self.network.outputs)

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols of the inputs, flat."""
        return list(self.network.inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols of the outputs, flat."""
        return list(self.network.outputs)

    @property
    def ends(self) -> Ends:
        """Names and shapes of the inputs and outputs."""
        if self._ends is None:
            self._require_built()
        assert self._ends is not None
        return self._ends

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, by which ``fit`` and ``predict`` take a dict."""
        return list(self.ends.input_names)

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, by which ``compile`` and ``fit`` take a dict: the keys of a
        dict of outputs, else the names of their layers."""
        return list(self.ends.output_names)

    @property
    def inputs_nest(self) -> Any:
        """The inputs as the model was given them: one symbol, a list or a dict."""
        return self._inputs_nest

    @property
    def outputs_nest(self) -> Any:
        """The outputs as the model was given them: one symbol, a list or a dict."""
        return self._outputs_nest

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the outputs, composed in the graph that ``inputs`` belong to.

        A sub-classed model writes this.

        Args:
            inputs: tensors, in the nest of the model's inputs.
            training: whether to compute as in training; ``None`` leaves it to who calls.
        """
        if self._network is None or isinstance(self._network, Composed):
            raise NotImplementedError(
                f"{type(self).__name__}: write call(self, x), which calls the model's layers"
            )
        xs = split(self.name, "x", inputs, self.input_names, self._inputs_nest)
        xs = nests.flatten(xs)
        shapes = [x.shape for x in xs]
        if shapes != self.input_shapes:
            several = [(None, *shape[1:]) for shape in shapes] == self.input_shapes
            mend = "; of a model there is fastnn.grad(model)(x)" if several else ""
            raise ShapeError(
                f"{self.name}: it is built for {only(self.input_shapes)}, got {only(shapes)}{mend}"
            )
        mode = xs[0].graph.training if training is None else training
        return nests.pack(self._outputs_nest, self._network(xs, mode))

    def _pass_mask(self, x: Any, results: Sequence[Tensor], previous: Any) -> None:
        """Leave masks as the layers inside have passed them on."""

    # ---- building --------------------------------------------------------------------------------

    @property
    def input_shape(self) -> Any:
        """The shape of the input, ``None`` for the rows of a batch; of several, a list of them."""
        return only(self.input_shapes)

    @property
    def output_shape(self) -> Any:
        """The shape of the output, ``None`` for the rows of a batch; of several, a nest of them."""
        return nests.pack(self._outputs_nest, self.output_shapes)

    @property
    def input_shapes(self) -> list[Shape]:
        """The shapes of the inputs."""
        return list(self.ends.input_shapes)

    @property
    def output_shapes(self) -> list[Shape]:
        """The shapes of the outputs."""
        return list(self.ends.output_shapes)

    def built_for(self) -> Any:
        """Return the shapes that a sub-classed model was built for, as JSON can hold them; ``None``
        for models whose config has them."""
        if not isinstance(self._network, Composed):
            return None
        return nests.apply(lambda symbol: list(symbol.shape), self._inputs_nest)

    def _require_built(self) -> None:
        assert self.network is not None

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of ``input_shape``, whose first axis is ``None``.

        Args:
            input_shape: the shape of the input; a sub-classed model of several inputs takes a list
                or a dict of them.

        Raises:
            ShapeError: if a layer cannot take what the one before it gives.
        """
        self._build(as_shapes(f"{self.name}: build", input_shape))

    def _build(self, shapes: Any) -> None:
        if isinstance(self._network, Network):
            if flat_shapes(shapes) != self.input_shapes:
                raise ShapeError(f"{self.name}: it is built for {self.input_shape}, got {shapes}")
        elif self._network is None or flat_shapes(shapes) != self.input_shapes:
            self._compose(shapes)

    def _compose(self, shapes: Any) -> None:
        """Find out what a sub-classed model's ``call`` makes of inputs, and build its layers."""
        inputs = inputs_of(shapes, self.dtype)
        graph = Graph(dtype=self.dtype)
        fresh = [layer for layer in self.descendants() if not layer.built and layer is not self]
        tensors = nests.apply(lambda x: graph.place(x.layer.name, x.shape, "arena"), inputs)
        try:
            result = self._call_nested(tensors, False)
        except BaseException:
            for layer in fresh:
                layer.unbuild()
            raise
        call = Call(self, (inputs,))
        call.result = nests.apply(lambda y: Symbol(y.shape, self.dtype, call), result)
        self._inputs_nest, self._outputs_nest = inputs, call.result
        flat = nests.flatten(inputs), call.outputs
        self._settle(Composed(self._call_nested, inputs, *flat, self.layers))
        if not self.trainable:
            self.trainable = False  # all that has been built

    def _call_nested(self, inputs: Any, training: bool) -> Any:
        call: Callable[..., Any] = self.call
        options = {"training": training} if "training" in self._options() else {}
        return call(inputs, **options)

    def _packed(self) -> Parameters:
        """Put the weights into a store, if they are in none; return how their gradients lie."""
        self._parameters = Parameters(self.weights, self.dtype, self._guard)
        return self._parameters

    # ---- weights ---------------------------------------------------------------------------------

    def count_params(self) -> int:
        """Return the number of weights, as numbers."""
        self._require_built()
        return super().count_params()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replace the weights.

        Args:
            weights: arrays in the order of ``get_weights``.

        Raises:
            NotBuiltError: if the shapes are not known yet.
            ShapeError: if there are not as many, or one has another shape; nothing is changed then.
        """
        self._require_built()
        with self.changing("set_weights"):
            assign_all(self.name, self.weights, weights)

    def changing(self, who: str) -> AbstractContextManager[None]:
        """Return a context in which nobody else uses the weights, so that they can be assigned.

        Args:
            who: the method that was called, for messages.
        """
        return self._guard.changing(who)

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index.

        Raises:
            ValueError: if there is none.
        """
        if index is not None and -len(self.layers) <= index < len(self.layers):
            return self.layers[index]
        for layer in self.layers:
            if index is None and layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"{self.name}: no layer {name or index!r}; there are {names}"[:400])
