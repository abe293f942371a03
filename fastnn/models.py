"""Models: what a person holds."""

from __future__ import annotations

import numbers
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import (
    config,
    losses,
    metrics,
    nests,
    objectives,
    optimizers,
    registry,
    streaming,
    training,
)
from fastnn._checks import count
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.callbacks import Callback, CallbackList, History
from fastnn.callbacks.display import as_text
from fastnn.cloning import clone_model
from fastnn.compiler import lower
from fastnn.compiler.geometry import is_size
from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.data import arrays
from fastnn.data.streams import Batch, Stream, is_stream
from fastnn.eager import call_on_arrays
from fastnn.errors import (
    CollapseWarning,
    ModelFileError,
    NotBuiltError,
    NotCompiledError,
    ShapeError,
)
from fastnn.functional import Call, Composed, Ends, Network, Symbol, cut, rebuild
from fastnn.layers import serialization
from fastnn.layers.base import Layer, assign_all
from fastnn.layers.core import InputLayer, positive
from fastnn.runtime import Guard, Runtime
from fastnn.streaming import StreamFit
from fastnn.training import split
from fastnn.variables import Parameters

if TYPE_CHECKING:
    from fastnn.diagnosis import Diagnosis

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json"]

#: Returns means of loss and metrics; is given whom to tell.
Measure = Callable[[CallbackList], dict[str, float]]


#: Held while a model makes its first programs.
_STARTING = threading.Lock()


class Model(Layer):
    """A model of the layers between inputs and outputs, which may branch, meet and be shared.

    Args:
        inputs: what ``Input`` returned, or a list or dict of those.
        outputs: what the last layer returned, or a list or dict of such symbols.
        name: the model's name; ``None`` makes one.
        dtype: ``"mixed_bfloat16"``, or the precision of ``Input``, which ``None`` stands for.
        trainable: whether ``fit`` changes its weights.

    ``fit``, ``evaluate`` and ``predict`` take one array, or as many as there are inputs in a list
    or in a dict by the names of the inputs, and ``predict`` returns arrays in the nest of
    ``outputs``.

    A model is a layer: it can be called on symbols, be part of other models, and share layers with
    them.  A class of your own holds layers as attributes and writes ``call(self, x)``, or
    ``call(self, x, training=None)``, which calls them; its weights are made when it first sees
    data, or by ``build``.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Add, Dense
        >>> x = fastnn.Input((4,))
        >>> y = Dense(8, "relu")(x)
        >>> y = Add()([y, Dense(8, "relu")(y)])
        >>> model = fastnn.Model(x, Dense(3, "softmax")(y))
        >>> model.count_params()
        139
    """

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        dtype: str | None = None,
        trainable: bool = True,
    ):
        network = self._connect(inputs, outputs, name or "Model")
        real = None if network is None else _precision(network)
        super().__init__(name=name and "model", trainable=trainable)
        self.name = name or self.name  # which may be anything
        self.dtype_policy = config.policy_of(self.name, dtype, real)
        self.dtype: str = config.real_dtype(self.dtype_policy)
        self.seed = config.next_seed()
        self.history: History | None = None
        self.stop_training = False
        self.epochs_trained = 0
        self._dtype_is_given = dtype is not None
        self._guard = Guard(self.name)
        self._inputs_nest: Any = None
        self._outputs_nest: Any = None
        self._ends: Ends | None = None
        self._parameters: Parameters | None = None
        self._runtime: Runtime | None = None
        self._recipe: dict[str, Any] | None = None
        self._network: Network | Composed | None = None
        if network is not None:
            ends = zip((inputs, outputs), (network.inputs, network.outputs), strict=True)
            self._inputs_nest, self._outputs_nest = (nests.pack(*end) for end in ends)
            self._take(network)

    @classmethod
    def _connect(cls, inputs: Any, outputs: Any, who: str) -> Network | None:
        """Return the network between symbols, if there are any."""
        if cls is not Model and inputs is None and outputs is None:
            return None
        ends = _symbols(who, "inputs", inputs), _symbols(who, "outputs", outputs)
        return Network(who, *cut(*ends))

    def _take(self, network: Network) -> None:
        """Become the model of a network, whose layers are built."""
        for symbol in network.inputs:
            if config.is_real(symbol.dtype):
                symbol.layer.dtype = symbol.dtype
        self._settle(network)
        if not self.trainable:
            self.trainable = False  # all that is in it

    def _settle(self, network: Network | Composed) -> None:
        self._network, self._parameters, self._runtime = network, None, None
        self.built = True
        self._ends = Ends.of(network, self._outputs_nest)
        for path, variable in self.named_weights().items():
            variable.path = path

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
            raise ShapeError(
                f"{self.name}: it is built for {_only(self.input_shapes)}, got {_only(shapes)}"
            )
        mode = xs[0].graph.training if training is None else training
        return nests.pack(self._outputs_nest, self._network(xs, mode))

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Return what ``predict`` returns, for arrays, or with ``training=True`` what comes out in
        training; for symbols, as any layer, symbols."""
        if any(isinstance(each, Symbol | Tensor) for each in nests.flatten([args, kwargs])):
            return super().__call__(*args, training=training, **kwargs)
        if training:
            return call_on_arrays(self, args, kwargs, training)
        return self.predict(*args, **kwargs)

    def _pass_mask(self, x: Any, results: Sequence[Tensor], previous: Any) -> None:
        """Leave masks as the layers inside have passed them on."""

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights; a sub-classed model that takes
        arguments of its own writes this."""
        if type(self) is not Model:
            registry.require_config(type(self), Model)
            policy = self.dtype_policy if self._dtype_is_given else None
            return {"name": self.name, "trainable": self._trainable, "dtype": policy}
        assert isinstance(self._network, Network)
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.dtype_policy,
            "layers": serialization.serialize_all(self.layers),
            **self._network.describe(),
            "nests": [_positions(nest) for nest in (self._inputs_nest, self._outputs_nest)],
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, type[Any]] | None = None
    ) -> Model:
        """Return the model that ``get_config`` described.

        Args:
            config: what ``get_config`` returned.
            custom_objects: classes that are not fastnn's, by name.
        """
        if cls is not Model:
            return registry.construct(cls, config)
        layers = serialization.deserialize_all(config["layers"], custom_objects)
        ends = rebuild(config, layers)
        inputs, outputs = map(nests.pack, config["nests"], ends)
        model = cls(inputs, outputs, name=config["name"], dtype=config["dtype"])
        model._trainable = bool(config["trainable"])
        return model

    # ---- building --------------------------------------------------------------------------------

    @property
    def input_shape(self) -> Any:
        """The shape of the input, ``None`` for the rows of a batch; of several, a list of them."""
        return _only(self.input_shapes)

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
        self._build(_shapes(self.name, input_shape))
        if self._recipe is not None:
            recipe, self._recipe = self._recipe, None  # not compiled, if it does not fit
            self._start(self.dtype_policy, **recipe)
            self._recipe = recipe

    def _build(self, shapes: Any) -> None:
        if isinstance(self._network, Network):
            if _flat(shapes) != self.input_shapes:
                raise ShapeError(f"{self.name}: it is built for {self.input_shape}, got {shapes}")
        elif self._network is None or _flat(shapes) != self.input_shapes:
            self._compose(shapes)

    def _compose(self, shapes: Any) -> None:
        """Find out what a sub-classed model's ``call`` makes of inputs, and build its layers."""
        inputs = _inputs_of(shapes, self.dtype)
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

    def _build_for(self, who: str, x: Any) -> None:
        """Build for the shapes of samples, if there is nothing to run yet."""
        if self._network is None:
            shapes = _shapes_of(who, x, several=not isinstance(self, Sequential))
            if not self.built:
                self.build(shapes)
            if self._network is None:  # a build of the model's own makes weights alone
                Model.build(self, shapes)

    @property
    def runtime(self) -> Runtime:
        """The programs and buffers of a built model."""
        if self._runtime is None:
            self._require_built()
            with _STARTING:
                if self._runtime is None:
                    self._runtime = Runtime(
                        self.network, self.input_shapes, self._packed(), self.dtype_policy
                    )
        return self._runtime

    def _packed(self) -> Parameters:
        """Return the weights in their store, and the layout of their gradients."""
        if self._parameters is None or self._parameters.stale:
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

    # ---- compile ---------------------------------------------------------------------------------

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        dtype: str | None = None,
    ) -> None:
        """Choose how the model learns.

        Args:
            optimizer: name, class or object.
            loss: name, class, function or object; for several outputs a list, or a dict by their
                names, with ``None`` for an output that is compared with nothing; their sum is
                minimised.
            loss_weights: what each output's loss is multiplied by in the sum: numbers in a list, or
                a dict by the outputs' names.  A list of metrics in this place, as in older notes,
                is that.
            metrics: names, classes, functions or objects; ``"accuracy"`` picks the one that fits
                the loss; for several outputs a list of such lists, or a dict by their names.
            weighted_metrics: metrics in which samples count by ``sample_weight`` or
                ``class_weight``; in those of ``metrics`` all count alike.
            run_eagerly: run the NumPy reference instead of the compiled kernels: slow, for doubts.
            dtype: ``"mixed_bfloat16"`` rounds the factors of products to bfloat16, here and in
                ``predict``; ``"float32"`` ends that; ``None`` leaves it as it is.

        Raises:
            ValueError: if the loss does not go with the last layer; says which does.

        Example:
            >>> import fastnn
            >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(3, "softmax")])
            >>> model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        """
        if loss is None:
            raise ValueError(
                "compile: loss is missing; for example 'sparse_categorical_crossentropy' for "
                "labels, 'binary_crossentropy' for yes or no, 'mse' for numbers"
            )
        if metrics is None and objectives.are_metrics(loss_weights):
            metrics, loss_weights = loss_weights, None
        recipe = {
            "optimizer": optimizers.get(optimizer),
            "loss": objectives.loss_of(loss),
            "loss_weights": loss_weights,
            "metrics": objectives.metrics_of(metrics),
            "weighted_metrics": objectives.metrics_of(weighted_metrics),
            "eager": bool(run_eagerly),
        }
        policy = self._policy_for_compile(dtype)
        with self._guard.training("compile"):
            if self.built:
                self._start(policy, **recipe)
            self.dtype_policy, self._recipe = policy, recipe

    def _policy_for_compile(self, dtype: str | None) -> str:
        """Return the policy that ``compile`` is asked for: one of the weights' own type."""
        policy = self.dtype_policy if dtype is None else config.check_policy("compile", dtype)
        if config.real_dtype(policy) != self.dtype:
            raise ValueError(
                f"compile: dtype={policy!r} needs {config.real_dtype(policy)} weights, those of "
                f"{self.name!r} are {self.dtype}; make the model with Sequential(..., "
                f"dtype={policy!r})"
            )
        return policy

    def _start(
        self,
        policy: str,
        optimizer: Any,
        loss: Any,
        metrics: Any,
        eager: bool,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
    ) -> None:
        """Start a runtime with a loss and an optimizer, after trying whether they fit the model."""
        objective = objectives.Objective.of(
            self.output_names, loss, metrics, weighted_metrics, loss_weights
        )
        parameters = self._parameters
        if parameters is None or parameters.stale:
            parameters = Parameters(self.weights, self.dtype, self._guard)
        lower.training(self.network, self.input_shapes, objective, parameters, None)
        heads, linear = lower.heads(self.network, self.input_shapes)
        if linear:
            warn_caller(
                f"compile: every hidden layer of {self.name!r} is linear, so that the model is one "
                "linear layer (collapse() makes it); give them an activation, such as 'relu'",
                CollapseWarning,
            )
        objective = replace(objective, heads=heads)
        self._parameters = parameters
        self._runtime = Runtime(
            self.network,
            self.input_shapes,
            self._parameters,
            policy,
            objective=objective,
            optimizer=optimizer,
            eager=eager,
        )

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer that ``compile`` was given."""
        return None if self._recipe is None else self._recipe["optimizer"]

    @property
    def loss(self) -> Any:
        """The loss that ``compile`` was given; for several outputs, a nest of them."""
        return None if self._recipe is None else self._recipe["loss"]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what ``evaluate`` returns."""
        if self._runtime is not None and self._runtime.objective is not None:
            return self._runtime.objective.log_names
        keys = ("metrics", "weighted_metrics")
        chosen = [] if self._recipe is None else nests.flatten([self._recipe[key] for key in keys])
        return ["loss", *(metric.name for metric in chosen)]

    def _compiled(self, who: str, x: Any) -> Runtime:
        if self._recipe is None:
            raise NotCompiledError(
                f"{who}: the model {self.name!r} has no loss yet; "
                "call compile(optimizer, loss) first"
            )
        self._build_for(who, x)
        return self.runtime

    # ---- fit, evaluate, predict ------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train.

        Args:
            x: samples, (rows, ...); float32, float64 and uint8 are read where they are; for several
                inputs a list of arrays, or a dict by ``input_names``.  Or batches (x, y): a
                ``fastnn.utils.PyDataset``, a generator, anything else that is iterated.
            y: targets: labels (rows,), or numbers of the output's shape; for several outputs a list
                of arrays, or a dict by ``output_names``.
            batch_size: rows of a batch; ``None`` is 32.
            epochs: the number of the last epoch.
            verbose: 0 shows nothing, 1 or ``"auto"`` a bar on a terminal and a line for each epoch
                elsewhere, 2 a line for each epoch.
            callbacks: called on the way.
            validation_split: share of the samples, taken from the end, to measure on; in [0, 1).
            validation_data: (x, y) or (x, y, sample_weight) to measure on after each epoch, or
                batches of them.
            shuffle: whether each epoch has an order of its own; that of a generator is its own.
            class_weight: a weight for each class, by its number; those that are not named have 1.
            sample_weight: what each sample's loss is multiplied by: (rows,), or for sequences
                (rows, steps); for several outputs a list of arrays, or a dict by ``output_names``.
            initial_epoch: the number of the first epoch, counted from 0, to go on with a training.
            steps_per_epoch: batches of an epoch; ``None`` is all there are.
            validation_steps: batches to measure on; ``None`` is all there are.
            validation_batch_size: rows of a batch when measuring; ``None`` is ``batch_size``.
            validation_freq: measure each so many epochs.

        Returns:
            The history: ``history.history["loss"]`` has one mean an epoch.

        Raises:
            ShapeError, DTypeError, LabelError: if the data does not fit the model; the model is
                then as it was.
            KeyboardInterrupt: within 100 ms of Ctrl-C; the weights are those of the last whole
                batch.
        """
        _check_verbose("fit", verbose)
        rows = _rows("fit", "batch_size", batch_size, 32)
        measured = _rows("fit", "validation_batch_size", validation_batch_size, rows)
        options: dict[str, Any] = {
            "epochs": count("fit", "epochs", epochs),
            "initial": count("fit", "initial_epoch", initial_epoch),
            "callbacks": _callbacks("fit", callbacks),
            "verbose": verbose,
            "validation_freq": positive("fit", "validation_freq", validation_freq),
        }
        held_out: training.Data | None = None
        make: Callable[..., training.Job]
        if is_stream(x):
            stream = self._stream("fit", x, y, batch_size, steps_per_epoch, "steps_per_epoch")
            if validation_split:
                raise ValueError("fit: validation_split needs arrays; give validation_data")
            if sample_weight is not None:
                raise ValueError("fit: x gives batches, so weights come with them: (x, y, weights)")
            check = partial(self._checked, "fit", class_weight=class_weight)
            make = partial(StreamFit, self, stream, check, bool(shuffle))
        else:
            runtime = self._compiled("fit", x)
            data = training.check_data("fit", self, runtime, x, y, sample_weight, class_weight)
            if validation_data is None:
                data, held_out = _hold_out(data, validation_split)
            steps = steps_per_epoch
            if steps is not None:
                steps = positive("fit", "steps_per_epoch", steps)
            make = partial(training.Fit, self, data, batch=rows, shuffle=bool(shuffle), steps=steps)
        validate: Measure | None = None
        if validation_data is not None:
            x, y, w = _validation_parts(validation_data)
            who = "fit: validation_data"
            validate, _ = self._measure(
                who, x, y, w, None, measured, validation_steps, "validation_steps"
            )
        elif held_out is not None:
            validate = partial(training.evaluate, self.runtime, held_out, measured, "fit")
        job = make(validate=validate, **options)
        with self._guard.training("fit"):
            return job()

    def _stream(
        self, who: str, x: Any, y: Any, batch_size: Any, steps: int | None, argument: str
    ) -> Stream:
        """Return the stream of the caller's batches, after making the model for such."""
        if y is not None or batch_size is not None:
            name = "batch_size" if y is None else "y"
            raise ValueError(
                f"{who}: x gives batches, so {name} must not be given; a batch is (x, y)"
            )
        stream = Stream(who, x, steps, argument)
        self._compiled(who, stream.peek()[0])
        return stream

    def _checked(self, who: str, batch: Batch, class_weight: Any = None) -> training.Data:
        """Return a batch that was given as x, y, weights."""
        x, y, w, *_ = (*batch, None, None)
        return training.check_data(who, self, self.runtime, x, y, w, class_weight)

    def _measure(
        self,
        who: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: Any,
        rows: int,
        steps: int | None,
        argument: str,
    ) -> tuple[Measure, int | None]:
        """Return what measures the model on arrays or on batches, and the number of batches."""
        if is_stream(x):
            if sample_weight is not None:
                raise ValueError(f"{who}: x gives batches, so weights come with them: (x, y, w)")
            stream = self._stream(who, x, y, batch_size, steps, argument)
            check = partial(self._checked, who)
            return partial(streaming.evaluate, self.runtime, stream, check, who), stream.steps
        data = training.check_data(who, self, self._compiled(who, x), x, y, sample_weight)
        if steps is not None:
            data = data.part(0, rows * positive(who, argument, steps))
        return partial(training.evaluate, self.runtime, data, rows, who), -(-len(data) // rows)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the mean loss, and metrics, over all samples.

        Args:
            x: samples; or batches (x, y), as in ``fit``.
            y: targets.
            batch_size: rows of a batch; ``None`` is 32; the result does not depend on it but for
                rounding.
            verbose: 0 shows nothing; anything else prints the result.
            sample_weight: as in ``fit``.
            steps: batches to measure on; ``None`` is all there are.
            callbacks: called on the way.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of loss and metrics, or a dict.
        """
        _check_verbose("evaluate", verbose)
        rows = _rows("evaluate", "batch_size", batch_size, 32)
        measure, steps = self._measure(
            "evaluate", x, y, sample_weight, batch_size, rows, steps, "steps"
        )
        told = self._tell("evaluate", callbacks, steps)
        with self._guard.reading("evaluate"):
            told.call("on_test_begin")
            means = measure(told)
            told.call("on_test_end", means)
        if verbose:
            print("  ".join(f"{name} {as_text(value)}" for name, value in means.items()))
        return means if return_dict else _as_keras(means)

    def _tell(self, who: str, callbacks: Any, steps: int | None) -> CallbackList:
        """Return the callbacks, told of the work."""
        return CallbackList(_callbacks(who, callbacks), self, {"steps": steps})

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = None,
    ) -> Any:
        """Return the model's output for each sample.

        Args:
            x: samples; or batches of them, (x,) or (x, y).
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
            verbose: accepted as in Keras; nothing is shown.
            steps: batches to predict; ``None`` is all there are.
            callbacks: called on the way.

        Returns:
            An array of the output's shape; of several outputs, a list or a dict of them as the
            model was given its ``outputs``.

        Example:
            >>> import fastnn
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, "softmax")])
            >>> model.predict([[1.0, 2.0]]).shape
            (1, 3)
        """
        if is_stream(x):
            return self._predict_stream(x, batch_size, steps, callbacks)
        if steps is not None:
            rows = positive("predict", "steps", steps) * _rows(
                "predict", "batch_size", batch_size, 32
            )
            x = nests.apply(lambda each: each[:rows], x)
        return self._predict("predict", x, batch_size, callbacks)

    def _predict_stream(self, x: Any, batch_size: Any, steps: int | None, callbacks: Any) -> Any:
        if batch_size is not None:
            raise ValueError("predict: x gives batches, so batch_size must not be given")
        stream = Stream("predict", x, steps, "steps")
        self._build_for("predict", stream.peek()[0])
        told = self._tell("predict", callbacks, stream.steps)

        def batch(x: Any) -> list[Array]:
            xs = training.check_samples("predict", self, x)
            return training.predict(self.runtime, "predict", xs, self.ends.row_shapes, len(xs[0]))

        told.call("on_predict_begin")
        with self._guard.reading("predict"):
            outs = streaming.predict(batch, self._nested, stream, told)
        told.call("on_predict_end")
        return self._nested(outs)

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """Return probabilities: the output, after softmax or sigmoid if the loss has from_logits.

        Args:
            x: samples.
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
        """
        return self._predict("proba", x, batch_size)

    def _predict(self, mode: str, x: Any, batch_size: int | None, callbacks: Any = None) -> Any:
        rows = _rows("predict", "batch_size", batch_size, training.PREDICT_ROWS)
        self._build_for("predict", x)
        xs = training.check_samples("predict", self, x)
        told = None
        if callbacks is not None:
            told = self._tell("predict", callbacks, -(-len(xs[0]) // rows))
            told.call("on_predict_begin")
        with self._guard.reading("predict"):
            outs = training.predict(
                self.runtime,
                mode,
                xs,
                self.ends.row_shapes,
                rows,
                callbacks=told,
                nested=self._nested,
            )
        if told is not None:
            told.call("on_predict_end")
        return self._nested(outs)

    def _nested(self, outs: Sequence[Array]) -> Any:
        """Return the outputs in the nest that the model was given."""
        if self._outputs_nest is None or isinstance(self._outputs_nest, Symbol):
            return outs[0]
        return nests.pack(self._outputs_nest, outs)

    def predict_one(self, x: Any, out: Any = None) -> Any:
        """Return the model's output for one sample, as soon as can be.

        It is what ``predict`` returns, to the bit.  Other threads take part where that is quicker:
        small models are computed on the calling thread alone.  With ``out``, and an ``x`` that lies
        in one piece and is float32, float64 or uint8, nothing is allocated.  Any number of threads
        may call it at once.

        Args:
            x: the sample, of the input's shape without the axis of rows.
            out: where to put the output: a C-contiguous array of the output's shape without the
                axis of rows and of the model's dtype; ``None`` makes one.

        Returns:
            ``out``.

        Raises:
            ShapeError: if ``x`` or ``out`` has another shape.
            DTypeError: if ``out`` has another dtype, is read-only or does not lie in one piece.

        Example:
            >>> import fastnn, numpy
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, "softmax")])
            >>> out = numpy.empty(3, "float32")
            >>> model.predict_one([1.0, 2.0], out) is out
            True
            >>> bool((out == model.predict([[1.0, 2.0]])).all())
            True
        """
        runtime = self._runtime
        if runtime is None:
            if self._network is None:
                several = isinstance(x, dict)
                self._build_for("predict_one", x if several else arrays.as_array("", "x", x)[None])
            runtime = self.runtime
        into = self._room() if out is None else out
        self._guard.begin_reading("predict_one")  # without `with`, which costs a tenth of a row
        try:
            if not runtime.predict_row(x, into):
                self._predict_any_row(x, into)
        finally:
            self._guard.end_reading()
        return into

    def _room(self) -> Any:
        """Return room for the output of one sample."""
        return self._nested([np.empty(shape, self.dtype) for shape in self.ends.row_shapes])

    def _predict_any_row(self, x: Any, out: Any) -> None:
        """Predict a row that has to be converted first, or refuse it."""
        who, shapes = "predict_one", self.ends.row_shapes
        outs = [out] if len(shapes) == 1 else nests.flatten(out)
        for each, shape in zip(outs, shapes, strict=True):
            arrays.require_out(who, each, shape, self.dtype)
        given = training.split(who, "x", x, self.input_names, self._inputs_nest)
        rows = [arrays.as_array(who, "x", each)[None] for each in given]
        xs = training.check_samples(who, self, rows if len(rows) > 1 else rows[0])
        found = training.predict(self.runtime, "predict", xs, shapes, 1, who)
        for each, row in zip(outs, found, strict=True):
            each[...] = row[0]

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's output for one batch."""
        return self.predict(x)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Make one update from one batch.

        Args:
            x: samples, all of which make the batch.
            y: targets.
            sample_weight: as in ``fit``.
            class_weight: as in ``fit``.
            return_dict: whether to return a dict by name.

        Returns:
            Loss and metrics of this batch before the update.
        """
        runtime = self._compiled("train_on_batch", x)
        who = "train_on_batch"
        data = training.check_data(who, self, runtime, x, y, sample_weight, class_weight)
        with self._guard.training("train_on_batch"):
            means = training.train_batch(runtime, data, self.seed)
        return means if return_dict else _as_keras(means)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return loss and metrics of one batch."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    # ---- looking at it ---------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
    ) -> None:
        """Print the layers with their output shapes, numbers of weights, FLOPs for one sample, and
        what they are connected to where they are not a chain.

        For layers that slide windows it shows the arithmetic of their size, N pixels, a window of F
        (dilation counted), 2P pixels of padding, a stride of S; and the receptive field: how many
        pixels of the input a place of the output depends on.

        Args:
            line_length: accepted as in Keras; columns are as wide as what is in them.
            positions: likewise.
            print_fn: called with the text; ``None`` prints it.
            expand_nested: whether the layers inside of layers have lines of their own.
            show_trainable: whether to say which layers learn.

        Example:
            >>> import fastnn
            >>> from fastnn.layers import Conv2D, MaxPooling2D
            >>> layers = [Conv2D(4, 3, name="conv"), MaxPooling2D(name="pool")]
            >>> fastnn.Sequential([fastnn.Input((28, 28, 1)), *layers], name="m").summary()
            Model: "m"
            Layer (type)         Output Shape       Param #   FLOPs  (N - F + 2P)/S + 1       Receptive field
            -------------------------------------------------------------------------------------------------
            conv (Conv2D)        (None, 26, 26, 4)       40  48,672  (28 - 3 + 0)/1 + 1 = 26  3 x 3
            pool (MaxPooling2D)  (None, 13, 13, 4)        0   2,704  (26 - 2 + 0)/2 + 1 = 13  4 x 4
            Total params: 40 (0.16 KB)
            Trainable params: 40
            Non-trainable params: 0
            FLOPs: 51,376 a sample
        """  # noqa: E501
        from fastnn.summary import summary

        (print_fn or print)(summary(self, expand_nested, show_trainable))

    def explain(
        self,
        profile: bool = False,
        batch_size: int = 32,
        print_fn: Callable[[str], Any] = print,
        *,
        x: Any = None,
        y: Any = None,
    ) -> None:
        """Print the program: each operation with its operands, their places, FLOPs and bytes.

        With ``x`` and ``y``, a few samples and their targets, it prints the computational graph
        instead: each node with its values, local derivatives and gradients ``dJ/d...`` of the mean
        loss J, by the NumPy reference, in the mode of inference; and what one walk backwards
        costs, N + P for N nodes and P weights, against N x P for perturbing each weight.

        Args:
            profile: whether to run it on made-up data and add time, GFLOP/s and GB/s.
            batch_size: the rows of a batch.
            print_fn: called with the text.
            x: samples; one or two, to be read by people.
            y: their targets.
        """
        if x is not None or y is not None:
            from fastnn.walkthrough import walkthrough

            print_fn(walkthrough(self, x, y))
            return
        from fastnn.explain import explain

        self._require_built()
        print_fn(explain(self, profile, positive("explain", "batch_size", batch_size)))

    def diagnose(self, x: Any, y: Any) -> Diagnosis:
        """Return how gradients, zeros and steps look in each layer, for one batch.

        Gradients that shrink by orders of size from the last layer to the first vanish: a sigmoid's
        derivative is at most 1/4 (Glorot and Bengio, "Understanding the difficulty of training deep
        feedforward neural networks", 2010).  Units that are 0 for all samples do not learn.  A step
        should change weights by about a thousandth of their size.

        Args:
            x: samples, all of which make the batch; some hundreds tell enough.
            y: their targets.

        Returns:
            What was found: it prints as a table, and ``plot()`` draws it.  The model is not
            changed.

        Raises:
            NotCompiledError: before ``compile``.

        Example:
            >>> import fastnn, numpy
            >>> x = numpy.random.default_rng(0).normal(size=(64, 4))
            >>> model = fastnn.Sequential(
            ...     [fastnn.Input((4,)), *(fastnn.layers.Dense(8, "sigmoid") for _ in range(6))])
            >>> model.compile("sgd", "mse")
            >>> found = model.diagnose(x, numpy.zeros((64, 8)))
            >>> found.layers[0].gradient < found.layers[-1].gradient / 100
            True
        """
        from fastnn.diagnosis import diagnose

        with self._guard.reading("diagnose"):
            return diagnose(self, x, y)

    def collapse(self) -> Sequential:
        """Return the model of one ``Dense`` that this model amounts to, if all of it is linear.

        ``W2 (W1 x + b1) + b2 = W' x + b'``: layers without a nonlinearity between them are one.
        Convolutions, averages and batch normalisations by fixed statistics are linear, too.
        It is computed in float64, from what the model makes of 0 and of each unit vector.

        Raises:
            ValueError: if a layer is not linear, or there are several inputs or outputs.

        Example:
            >>> import fastnn
            >>> from fastnn.layers import Dense
            >>> deep = fastnn.Sequential([fastnn.Input((4,)), Dense(8), Dense(5), Dense(2)])
            >>> [layer.count_params() for layer in deep.collapse().layers]
            [10]
        """
        from fastnn.collapse import collapse

        self._require_built()
        with self._guard.reading("collapse"):
            return collapse(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # ---- saving ----------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the model, with the optimizer's state, to a file; whole or not at all.

        Args:
            path: the file; any suffix.
            overwrite: whether a file that is there is replaced.

        Raises:
            FileExistsError: if it is there and ``overwrite`` is false.
        """
        from fastnn import saving  # slow to import, and seldom needed

        with self._guard.reading("save"):
            saving.save_model(self, path, overwrite)

    def to_json(self, **options: Any) -> str:
        """Return the architecture, without weights, as a JSON text for ``model_from_json``.

        Args:
            options: those of ``json.dumps``.
        """
        import json

        return json.dumps(registry.serialize(self), **options)

    def save_weights(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights, with the optimizer's state, to a file; whole or not at all.

        Args:
            path: the file; any suffix.
            overwrite: whether a file that is there is replaced.

        Raises:
            FileExistsError: if it is there and ``overwrite`` is false.
        """
        from fastnn import saving

        self._require_built()
        with self._guard.reading("save_weights"):
            saving.save_weights(self, path, overwrite)

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Take the weights of a file that ``save_weights`` or ``save`` wrote, in their order.

        The optimizer's state is taken over too if the model is compiled with such an optimizer.

        Args:
            path: the file.

        Raises:
            ModelFileError: if it is not such a file, or was damaged.
            ShapeError: if there are not as many weights, or one has another shape; nothing is
                changed then.

        Example:
            >>> import fastnn, tempfile
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
            >>> with tempfile.NamedTemporaryFile() as file:
            ...     model.save_weights(file.name)
            ...     model.load_weights(file.name)
        """
        from fastnn import saving

        self._require_built()
        saving.load_weights(self, path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by way of the model file's bytes."""
        parts: list[Any] = self.descendants()
        if self._recipe is not None:
            keys = ("optimizer", "loss", "metrics", "weighted_metrics")
            parts += nests.flatten([self._recipe[key] for key in keys])
        custom = registry.foreign_parts(part for part in parts if part is not None)
        from fastnn import saving

        return saving.from_bytes, (saving.to_bytes(self), custom)

    def compile_config(self) -> dict[str, Any] | None:
        """Return what ``compile`` was given, as JSON can hold it; ``None`` before ``compile``."""
        if self._recipe is None:
            return None
        return {
            "optimizer": optimizers.serialize(self._recipe["optimizer"]),
            "loss": objectives.serialize(self._recipe["loss"], losses.serialize),
            "loss_weights": self._recipe["loss_weights"],
            "metrics": objectives.serialize(self._recipe["metrics"], metrics.serialize),
            "weighted_metrics": objectives.serialize(
                self._recipe["weighted_metrics"], metrics.serialize
            ),
        }


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
            recipe, known = self._recipe, _layer(layer)
            self._append(known)
            try:
                self._rebuild()
            except BaseException:
                self._layers.remove(known)
                self._recipe = recipe
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
            raise TypeError(f"{self.name}: expected a layer, got {_describe(layer)}{hint}")
        if layer.own_dtype not in (None, self.dtype):
            raise ValueError(
                f"{layer.name}: its dtype is {layer.own_dtype}, the model's is {self.dtype}; "
                "give the dtype to the model alone"
            )
        if isinstance(layer, InputLayer):
            if self._layers or self._input:
                raise ValueError(f"{self.name}: Input has to be the first layer, and the only one")
            self._input = layer
            return
        if any(layer.name == other.name for other in self._layers):
            raise ValueError(
                f"{self.name}: two layers are named {layer.name!r}; each needs a name of its own, "
                "and a layer can be in a Sequential once"
            )
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
        self._recipe = None
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
        source = InputLayer([n for n in shape if n is not None], name, whole or self.dtype)
        output = source.output
        for layer in self._layers:
            if not self._trainable and not layer.built:
                layer.trainable = False
            output = layer(output)
        return source.output, output

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights."""
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.dtype_policy,
            "input_shape": list(self.input_shape) if self.built else None,
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
        model = cls(layers, name=config["name"], dtype=config["dtype"])
        if config["input_shape"] is not None:
            model.build(config["input_shape"])
        model._trainable = bool(config["trainable"])
        return model


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, type[Any]] | None = None,
    compile: bool = True,
) -> Model:
    """Read a model that ``save`` wrote.

    Args:
        path: the file; its content counts, not its suffix.
        custom_objects: classes that are not fastnn's, by name; a file cannot name code.
        compile: whether to compile it as it was, with the optimizer's state.

    Raises:
        ModelFileError: if it is not such a file, or was damaged; says which part.
    """
    from fastnn import saving

    return saving.load_model(path, custom_objects, compile)


def _rows(who: str, name: str, given: int | None, default: int) -> int:
    """Return the rows of a batch that were asked for."""
    return default if given is None else positive(who, name, given)


def _validation_parts(given: Any) -> tuple[Any, Any, Any]:
    """Return x, y and weights of what there is to measure on; batches have them in themselves."""
    if is_stream(given):
        return given, None, None
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ValueError(
            "fit: validation_data must be (x, y) or (x, y, sample_weight), or give batches, got "
            f"{type(given).__name__}"
        )
    x, y, w = (*given, None)[:3]
    return x, y, w


def _hold_out(data: training.Data, split: float) -> tuple[training.Data, training.Data | None]:
    """Return what to train on and what to measure on, the last of the samples."""
    if not isinstance(split, numbers.Real) or not 0 <= split < 1:
        raise ValueError(f"fit: validation_split must be in [0, 1), got {str(split)[:40]!r}")
    if not split:
        return data, None
    cut = int(len(data) * (1 - split))
    if not 0 < cut < len(data):
        raise ValueError(
            f"fit: validation_split={split} of {len(data)} samples leaves {cut} to train on "
            f"and {len(data) - cut} to measure on; both need at least 1"
        )
    return data.part(0, cut), data.part(cut, len(data))


def model_from_json(
    json_string: str, custom_objects: Mapping[str, type[Any]] | None = None
) -> Model:
    """Return the model whose architecture ``to_json`` wrote, with new weights, not compiled.

    Args:
        json_string: the text.
        custom_objects: classes that are not fastnn's, by name.

    Raises:
        ModelFileError: if it is no such text.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> fastnn.models.model_from_json(model.to_json()).count_params()
        10
    """
    import json

    try:
        model = serialization.deserialize(json.loads(json_string), custom_objects)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"model_from_json: not the text of a model: {error}"[:300]) from error
    if not isinstance(model, Model):
        raise ModelFileError(f"model_from_json: it describes {model!r}, which is no model"[:300])
    return model


def _callbacks(who: str, given: Any) -> list[Callback]:
    """Return the callbacks, given one by itself or several."""
    every = list(given) if isinstance(given, Iterable) else [] if given is None else [given]
    for each in every:
        if not isinstance(each, Callback):
            hint = "; write it with ()" if isinstance(each, type) else ""
            raise TypeError(
                f"{who}: callbacks have to be fastnn.callbacks.Callback, got "
                f"{_describe(each)}{hint}"
            )
    return every


def _as_keras(means: Mapping[str, float]) -> float | list[float]:
    values = [value for name, value in means.items() if name not in ("data_loss", "penalty")]
    return values[0] if len(values) == 1 else values


def _check_verbose(who: str, verbose: Any) -> None:
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f'{who}: verbose must be 0, 1, 2 or "auto", got {str(verbose)[:40]!r}')


def _layer(given: Any) -> Any:
    """Return the layer behind what ``Input`` returns; anything else as it is."""
    is_input = isinstance(given, Symbol) and isinstance(given.layer, InputLayer)
    return given.layer if is_input else given


def _symbols(who: str, name: str, given: Any) -> list[Symbol]:
    """Return the symbols that were given, by themselves or in a nest."""
    flat = nests.flatten(given)
    for each in flat or [given]:
        if not isinstance(each, Symbol):
            kind = "an empty list" if isinstance(each, list | tuple | dict) else _describe(each)
            raise TypeError(
                f"{who}: {name} has to be what Input, or a layer called on it, returned, got {kind}"
            )
    return flat


def _is_shape(given: Any) -> bool:
    return isinstance(given, list | tuple) and all(n is None or is_size(n) for n in given)


def _shapes(who: str, given: Any) -> Any:
    """Return a shape, or a nest of them, as tuples with ``None`` for the rows."""
    if isinstance(given, dict):
        return {name: _shapes(who, each) for name, each in given.items()}
    if isinstance(given, list | tuple) and given and all(map(_is_shape, given)):
        return [_shapes(who, each) for each in given]
    shape = tuple(given) if isinstance(given, Sequence) else (given,)
    if len(shape) < 2 or shape[0] is not None or not all(map(is_size, shape[1:])):
        raise ShapeError(
            f"{who}: build expects (None, ...), the shape of a batch of samples with at "
            f"least one axis, got {str(shape)[:60]}"
        )
    return (None, *map(int, shape[1:]))


def _flat(shapes: Any) -> list[Shape]:
    """Return the shapes of a nest that ``_shapes`` returned."""
    if isinstance(shapes, tuple):
        return [shapes]
    every = [shapes[name] for name in sorted(shapes)] if isinstance(shapes, dict) else shapes
    return [shape for each in every for shape in _flat(each)]


def _inputs_of(shapes: Any, dtype: str) -> Any:
    """Return symbols for a nest of shapes; those of a dict have its names."""
    flat = _flat(shapes)
    names = sorted(shapes) if isinstance(shapes, dict) else [None] * len(flat)
    layers = [
        InputLayer([n for n in shape if n is not None], name, dtype)
        for shape, name in zip(flat, names, strict=True)
    ]
    symbols = [layer.output for layer in layers]
    if isinstance(shapes, dict):
        return {name: symbols[names.index(name)] for name in shapes}
    return symbols if isinstance(shapes, list) else symbols[0]


def _shapes_of(who: str, x: Any, several: bool) -> Any:
    """Return the shapes of samples, one array or, if it may be several, a list or dict of them."""
    if isinstance(x, dict) and several:
        return {name: _shapes_of(who, each, several=False) for name, each in x.items()}
    inputs = isinstance(x, list | tuple) and x and all(isinstance(e, np.ndarray) for e in x)
    if several and inputs and all(each.ndim > 1 for each in x):
        return [_shapes_of(who, each, several=False) for each in x]
    return (None, *arrays.as_array(who, "x", x).shape[1:])


def _precision(network: Network) -> str | None:
    """Return what a network computes in, if it is not whole numbers alone."""
    ends = [*network.inputs, *network.outputs]
    return next((end.dtype for end in ends if config.is_real(end.dtype)), None)


def _positions(nest: Any) -> Any:
    """Return a nest with positions in place of symbols, as JSON can hold it."""
    places = iter(range(len(nests.flatten(nest))))
    return nests.apply(lambda _: next(places), nest)


def _only(every: list[Any]) -> Any:
    """Return the only one of a list, or the list."""
    return every[0] if len(every) == 1 else every


def _describe(thing: Any) -> str:
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__
