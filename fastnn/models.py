"""Models: what a person holds."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import (
    config,
    losses,
    metrics,
    naming,
    nests,
    objectives,
    optimizers,
    registry,
    training,
)
from fastnn._checks import count
from fastnn._typing import Array
from fastnn.callbacks import Callback, CallbackList, History
from fastnn.compiler import lower
from fastnn.compiler.geometry import is_size
from fastnn.compiler.graph import Shape
from fastnn.data import arrays
from fastnn.errors import NotBuiltError, NotCompiledError, ShapeError
from fastnn.functional import Network, Symbol, rebuild
from fastnn.layers import serialization
from fastnn.layers.base import Layer, assign_all
from fastnn.layers.core import InputLayer, positive
from fastnn.runtime import Guard, Runtime
from fastnn.variables import Parameters, Variable

if TYPE_CHECKING:
    from fastnn.diagnosis import Diagnosis

__all__ = ["Model", "Sequential", "load_model"]


class Model:
    """A model of the layers between inputs and outputs, which may branch, meet and be shared.

    Args:
        inputs: what ``Input`` returned, or a list or dict of those.
        outputs: what the last layer returned, or a list or dict of such symbols.
        name: the model's name; ``None`` makes one.
        dtype: ``"mixed_bfloat16"``, or the precision of ``Input``, which ``None`` stands for.

    ``fit``, ``evaluate`` and ``predict`` take one array, or as many as there are inputs in a list
    or in a dict by the names of the inputs, and ``predict`` returns arrays in the nest of
    ``outputs``.

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
    ):
        network = self._connect(inputs, outputs, name or "Model")
        real = None if network is None else _precision(network)
        self.name = name or naming.unique_name(naming.snake_case(type(self).__name__))
        self.dtype_policy = config.policy_of(self.name, dtype, real)
        self.seed = config.next_seed()
        self.history: History | None = None
        self.stop_training = False
        self.epochs_trained = 0
        self._guard = Guard(self.name)
        self._inputs_nest: Any = None
        self._outputs_nest: Any = None
        self._row_shape: tuple[int, ...] | None = None  # of the output, if there is one
        self._parameters: Parameters | None = None
        self._runtime: Runtime | None = None
        self._recipe: dict[str, Any] | None = None
        self._network: Network | None = None
        if network is not None:
            self._inputs_nest, self._outputs_nest = inputs, outputs
            self._take(network)

    @classmethod
    def _connect(cls, inputs: Any, outputs: Any, who: str) -> Network | None:
        """Return the network between symbols, if there are any."""
        if cls is not Model and inputs is None and outputs is None:
            return None
        return Network(who, _symbols(who, "inputs", inputs), _symbols(who, "outputs", outputs))

    def _take(self, network: Network) -> None:
        """Become the model of a network, whose layers are built."""
        for symbol in network.inputs:
            if config.is_real(symbol.dtype):
                symbol.layer.dtype = symbol.dtype
        self._settle(network)

    def _settle(self, network: Network) -> None:
        self._network = network
        only = network.outputs[0].shape if len(network.outputs) == 1 else (None, None)
        sizes = tuple(n for n in only if n is not None)
        self._row_shape = sizes if len(sizes) == len(only) - 1 else None
        self._pack()

    @property
    def dtype(self) -> str:
        """The type of weights, activations and results: ``"float32"`` or ``"float64"``."""
        return config.real_dtype(self.dtype_policy)

    # ---- the network -----------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The calls of layers that lead from the inputs to the outputs."""
        if self._network is None:
            raise NotBuiltError(
                f"{self.name}: the shapes are not known yet; start the layers with Input(shape), "
                "or call build((None, ...)), fit or predict first"
            )
        return self._network

    @property
    def layers(self) -> list[Layer]:
        """The layers, the farthest from the outputs first: the order of the weights."""
        return list(self.network.layers)

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols of the inputs, flat."""
        return list(self.network.inputs)

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols of the outputs, flat."""
        return list(self.network.outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, by which ``fit`` and ``predict`` take a dict."""
        return [symbol.layer.name for symbol in self.network.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, by which ``compile`` and ``fit`` take a dict: the keys of a
        dict of outputs, else the names of their layers."""
        if isinstance(self._outputs_nest, dict):
            return sorted(self._outputs_nest)
        names = [symbol.layer.name for symbol in self.network.outputs]
        return [
            f"{name}_{names[:index].count(name)}" if name in names[:index] else name
            for index, name in enumerate(names)
        ]

    @property
    def inputs_nest(self) -> Any:
        """The inputs as the model was given them: one symbol, a list or a dict."""
        return self._inputs_nest

    @property
    def outputs_nest(self) -> Any:
        """The outputs as the model was given them: one symbol, a list or a dict."""
        return self._outputs_nest

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights."""
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "layers": [serialization.serialize(layer) for layer in self.layers],
            **self.network.describe(),
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
        layers = [serialization.deserialize(each, custom_objects) for each in config["layers"]]
        ends = rebuild(config, layers)
        inputs, outputs = map(nests.pack, config["nests"], ends)
        return cls(inputs, outputs, name=config["name"], dtype=config["dtype"])

    # ---- building --------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the shapes of all weights are known."""
        return self._parameters is not None

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
        return [symbol.shape for symbol in self.network.inputs]

    @property
    def output_shapes(self) -> list[Shape]:
        """The shapes of the outputs."""
        return [symbol.shape for symbol in self.network.outputs]

    def _require_built(self) -> None:
        assert self.network is not None

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape``, whose first axis is ``None``.

        Args:
            input_shape: the shape of the input; a model of several inputs is built already.

        Raises:
            ShapeError: if a layer cannot take what the one before it gives.
        """
        shape = tuple(input_shape) if isinstance(input_shape, Sequence) else (input_shape,)
        if len(shape) < 2 or shape[0] is not None or not all(map(is_size, shape[1:])):
            raise ShapeError(
                f"{self.name}: build expects (None, ...), the shape of a batch of samples with at "
                f"least one axis, got {str(shape)[:60]}"
            )
        self._build((None, *(int(n) for n in shape[1:] if n is not None)))
        if self._recipe is not None:
            recipe, self._recipe = self._recipe, None  # not compiled, if it does not fit
            self._start(self.dtype_policy, **recipe)
            self._recipe = recipe

    def _build(self, shape: Shape) -> None:
        if shape != self.input_shape:
            raise ShapeError(f"{self.name}: it is built for {self.input_shape}, got {shape}")

    def _pack(self) -> None:
        """Gather the weights in one buffer, and start a runtime on it."""
        self._parameters = Parameters(self.weights, self.dtype, self._guard)
        self._runtime = Runtime(
            self.network, self.input_shapes, self._parameters, self.dtype_policy
        )

    def _build_for(self, who: str, x: Any) -> None:
        if not self.built:
            self.build((None, *arrays.as_array(who, "x", x).shape[1:]))

    @property
    def runtime(self) -> Runtime:
        """The programs and buffers of a built model."""
        assert self.network is not None
        assert self._runtime is not None
        return self._runtime

    # ---- weights ---------------------------------------------------------------------------------

    @property
    def weights(self) -> list[Variable]:
        """All variables, layer by layer."""
        return [variable for layer in self.layers for variable in layer.weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The variables that ``fit`` changes."""
        return [variable for variable in self.weights if variable.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The variables that ``fit`` leaves alone."""
        return [variable for variable in self.weights if not variable.trainable]

    def count_params(self) -> int:
        """Return the number of weights, as numbers."""
        self._require_built()
        return sum(variable.size for variable in self.weights)

    def get_weights(self) -> list[Array]:
        """Return copies of the weights, layer by layer: kernel, bias, kernel, bias, ..."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replace the weights.

        Args:
            weights: arrays in the order of ``get_weights``.

        Raises:
            NotBuiltError: if the shapes are not known yet.
            ShapeError: if there are not as many, or one has another shape; nothing is changed then.
        """
        self._require_built()
        with self._guard.changing("set_weights"):
            assign_all(self.name, self.weights, weights)

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
        metrics: Any = None,
        run_eagerly: bool = False,
        dtype: str | None = None,
    ) -> None:
        """Choose how the model learns.

        Args:
            optimizer: name, class or object.
            loss: name, class or object; for several outputs a list, or a dict by their names, with
                ``None`` for an output that is compared with nothing; their sum is minimised.
            metrics: names, classes or objects; ``"accuracy"`` picks the one that fits the loss; for
                several outputs a list of such lists, or a dict by their names.
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
        recipe = {
            "optimizer": optimizers.get(optimizer),
            "loss": objectives.loss_of(loss),
            "metrics": objectives.metrics_of(metrics),
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

    def _start(self, policy: str, optimizer: Any, loss: Any, metrics: Any, eager: bool) -> None:
        """Start a runtime with a loss and an optimizer, after trying whether they fit the model."""
        assert self._parameters is not None
        objective = objectives.Objective.of(self.output_names, loss, metrics)
        parameters = self._parameters
        if parameters.stale:
            parameters = Parameters(self.weights, self.dtype, self._guard)
        lower.training(self.network, self.input_shapes, objective, parameters, None)
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
        chosen = [] if self._recipe is None else nests.flatten(self._recipe["metrics"])
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
        validation_data: tuple[Any, Any] | None = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train.

        Args:
            x: samples, (rows, ...); float32, float64 and uint8 are read where they are; for several
                inputs a list of arrays, or a dict by ``input_names``.
            y: targets: labels (rows,), or numbers of the output's shape; for several outputs a list
                of arrays, or a dict by ``output_names``.
            batch_size: rows of a batch; ``None`` is 32.
            epochs: the number of the last epoch.
            verbose: 0 shows nothing, 1 or ``"auto"`` a bar on a terminal and a line for each epoch
                elsewhere, 2 a line for each epoch.
            callbacks: called on the way.
            validation_split: share of the samples, taken from the end, to measure on; in [0, 1).
            validation_data: (x, y) to measure on after each epoch.
            shuffle: whether each epoch has an order of its own.
            initial_epoch: the number of the first epoch, counted from 0, to go on with a training.
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
        batch = 32 if batch_size is None else positive("fit", "batch_size", batch_size)
        runtime = self._compiled("fit", x)
        data = training.check_data("fit", self, runtime, x, y)
        data, held_out = self._hold_out(runtime, data, validation_split, validation_data)
        job = training.Fit(
            self,
            data,
            held_out,
            batch=batch,
            epochs=count("fit", "epochs", epochs),
            initial=count("fit", "initial_epoch", initial_epoch),
            shuffle=bool(shuffle),
            callbacks=_callbacks("fit", callbacks),
            verbose=verbose,
            validation_batch=validation_batch_size
            and positive("fit", "validation_batch_size", validation_batch_size),
            validation_freq=positive("fit", "validation_freq", validation_freq),
        )
        with self._guard.training("fit"):
            return job()

    def _hold_out(
        self,
        runtime: Runtime,
        data: training.Data,
        split: float,
        given: tuple[Any, Any] | None,
    ) -> tuple[training.Data, training.Data | None]:
        """Return what to train on and what to measure on."""
        if given is not None:
            if not isinstance(given, tuple | list) or len(given) != 2:
                raise ValueError(f"fit: validation_data must be (x, y), got {type(given).__name__}")
            return data, training.check_data("fit: validation_data", self, runtime, *given)
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

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the mean loss, and metrics, over all samples.

        Args:
            x: samples.
            y: targets.
            batch_size: rows of a batch; ``None`` is 32; the result does not depend on it but for
                rounding.
            verbose: 0 shows nothing; anything else prints the result.
            callbacks: called on the way.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of loss and metrics, or a dict.
        """
        _check_verbose("evaluate", verbose)
        rows = 32 if batch_size is None else positive("evaluate", "batch_size", batch_size)
        runtime = self._compiled("evaluate", x)
        data = training.check_data("evaluate", self, runtime, x, y)
        told = self._tell("evaluate", callbacks, len(data), rows)
        with self._guard.reading("evaluate"):
            told.call("on_test_begin")
            means = training.evaluate(runtime, data, rows, callbacks=told)
            told.call("on_test_end", means)
        if verbose:
            print("  ".join(f"{name} {value:.4f}" for name, value in means.items()))
        return means if return_dict else _as_keras(means)

    def _tell(self, who: str, callbacks: Any, samples: int, rows: int) -> CallbackList:
        """Return the callbacks, told of the work."""
        params = {"samples": samples, "steps": -(-samples // rows)}
        return CallbackList(_callbacks(who, callbacks), self, params)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        callbacks: Sequence[Callback] | Callback | None = None,
    ) -> Any:
        """Return the model's output for each sample.

        Args:
            x: samples.
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
            verbose: accepted as in Keras; nothing is shown.
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
        return self._predict("predict", x, batch_size, callbacks)

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """Return probabilities: the output, after softmax or sigmoid if the loss has from_logits.

        Args:
            x: samples.
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
        """
        return self._predict("proba", x, batch_size)

    def _predict(self, mode: str, x: Any, batch_size: int | None, callbacks: Any = None) -> Any:
        rows = training.PREDICT_ROWS
        if batch_size is not None:
            rows = positive("predict", "batch_size", batch_size)
        self._build_for("predict", x)
        xs = training.check_samples("predict", self, x)
        told = None
        if callbacks is not None:
            told = self._tell("predict", callbacks, len(xs[0]), rows)
            told.call("on_predict_begin")
        with self._guard.reading("predict"):
            outs = training.predict(
                self.runtime, mode, xs, self._rows_shapes, rows, callbacks=told, nested=self._nested
            )
        if told is not None:
            told.call("on_predict_end")
        return self._nested(outs)

    def _nested(self, outs: Iterable[Array]) -> Any:
        """Return the outputs in the nest that the model was given."""
        return nests.pack(self._outputs_nest, outs)

    @property
    def _rows_shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the outputs of one sample."""
        return [tuple(d for d in shape if d is not None) for shape in self.output_shapes]

    __call__ = predict

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
            self._build_for("predict_one", arrays.as_array("predict_one", "x", x)[None])
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
        if self._row_shape is not None:
            return np.empty(self._row_shape, self.dtype)
        return self._nested(np.empty(shape, self.dtype) for shape in self._rows_shapes)

    def _predict_any_row(self, x: Any, out: Any) -> None:
        """Predict a row that has to be converted first, or refuse it."""
        who, shapes = "predict_one", self._rows_shapes
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
        self, x: Any, y: Any = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Make one update from one batch.

        Args:
            x: samples, all of which make the batch.
            y: targets.
            return_dict: whether to return a dict by name.

        Returns:
            Loss and metrics of this batch before the update.
        """
        runtime = self._compiled("train_on_batch", x)
        data = training.check_data("train_on_batch", self, runtime, x, y)
        with self._guard.training("train_on_batch"):
            means = training.train_batch(runtime, data, self.seed)
        return means if return_dict else _as_keras(means)

    def test_on_batch(
        self, x: Any, y: Any = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return loss and metrics of one batch."""
        return self.evaluate(x, y, verbose=0, return_dict=return_dict)

    # ---- looking at it ---------------------------------------------------------------------------

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers, their output shapes and numbers of weights.

        Args:
            print_fn: called with the text.
        """
        from fastnn.explain import summary

        print_fn(summary(self))

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
        parts: list[Any] = [*self.layers]
        if self._recipe is not None:
            parts += nests.flatten([self._recipe[key] for key in ("optimizer", "loss", "metrics")])
        parts = [part for part in parts if part is not None]
        custom: dict[str, Any] = {type(part).__name__: type(part) for part in parts}
        for part in parts:
            custom |= registry.named_parts(part)
        custom = {
            name: thing
            for name, thing in custom.items()
            if not str(thing.__module__).startswith("fastnn.")
        }
        from fastnn import saving

        return saving.from_bytes, (saving.to_bytes(self), custom)

    def compile_config(self) -> dict[str, Any] | None:
        """Return what ``compile`` was given, as JSON can hold it; ``None`` before ``compile``."""
        if self._recipe is None:
            return None
        return {
            "optimizer": optimizers.serialize(self._recipe["optimizer"]),
            "loss": objectives.serialize(self._recipe["loss"], losses.serialize),
            "metrics": objectives.serialize(self._recipe["metrics"], metrics.serialize),
        }


class Sequential(Model):
    """A model whose layers follow one another.

    Args:
        layers: the layers, as a list or one by one; an ``Input(shape)`` first makes the weights at
            once, else the first data does.
        name: the model's name; ``None`` makes one.
        dtype: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``; ``None`` is that of ``Input``,
            or ``fastnn.config.dtype_policy()``.

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
        if dtype is None and isinstance(first, InputLayer):
            dtype = first.dtype
        super().__init__(name=name, dtype=dtype)
        self._layers: list[Layer] = []
        self._input: InputLayer | None = None
        for layer in given:
            self._append(layer)
        self._build_from_input()

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order, without the input."""
        return list(self._layers)

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
        if layer.dtype not in (None, self.dtype):
            raise ValueError(
                f"{layer.name}: its dtype is {layer.dtype}, the model's is {self.dtype}; "
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
        layer.dtype = self.dtype
        self._layers.append(layer)

    def _build_from_input(self) -> None:
        if self._input is not None:
            self.build((None, *self._input.shape))

    def _rebuild(self) -> None:
        self._recipe = None
        if self.built:
            self.build(self.input_shape)
        else:
            self._build_from_input()

    def _build(self, shape: Shape) -> None:
        fresh = [layer for layer in self._layers if not layer.built]
        try:
            self._settle(Network(self.name, *([end] for end in self._chain(shape))))
        except BaseException:
            for layer in fresh:
                layer.unbuild()
            raise

    def _chain(self, shape: Shape) -> tuple[Symbol, Symbol]:
        """Return input and output of the layers called one after the other."""
        source = InputLayer([n for n in shape if n is not None], "input", self.dtype)
        output = source.output
        for layer in self._layers:
            output = layer(output)
        return source.output, output

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights."""
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "input_shape": list(self.input_shape) if self.built else None,
            "layers": [serialization.serialize(layer) for layer in self._layers],
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
        layers = [serialization.deserialize(each, custom_objects) for each in config["layers"]]
        model = cls(layers, name=config["name"], dtype=config["dtype"])
        if config["input_shape"] is not None:
            model.build(config["input_shape"])
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
