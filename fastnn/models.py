"""Models: what a person holds."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import config, losses, metrics, naming, optimizers, registry, training
from fastnn._typing import Array
from fastnn.callbacks import Callback, History
from fastnn.compiler import lower
from fastnn.compiler.geometry import is_size
from fastnn.compiler.graph import Shape, Tensor
from fastnn.data import arrays
from fastnn.errors import NotBuiltError, NotCompiledError, ShapeError
from fastnn.functional import Network, Symbol, rebuild
from fastnn.layers import serialization
from fastnn.layers.base import Layer, assign_all
from fastnn.layers.core import InputLayer, positive
from fastnn.runtime import Guard, Runtime
from fastnn.variables import Parameters, Variable

__all__ = ["Model", "Sequential", "load_model"]


class Model:
    """A model of the layers between an input and an output, which may branch, meet and be shared.

    Args:
        inputs: what ``Input`` returned.
        outputs: what the last layer returned.
        name: the model's name; ``None`` makes one.
        dtype: ``"mixed_bfloat16"``, or the precision of ``Input``, which ``None`` stands for.

    There is one input and one output so far.

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
        real = None if network is None else network.input.dtype
        self.name = name or naming.unique_name(naming.snake_case(type(self).__name__))
        self.dtype_policy = config.policy_of(self.name, dtype, real)
        self.seed = config.next_seed()
        self.history: History | None = None
        self.stop_training = False
        self.epochs_trained = 0
        self._guard = Guard(self.name)
        self._input_shape: Shape | None = None
        self._output_shape: Shape | None = None
        self._parameters: Parameters | None = None
        self._runtime: Runtime | None = None
        self._recipe: dict[str, Any] | None = None
        self._network: Network | None = None
        if network is not None:
            self._take(network)

    @classmethod
    def _connect(cls, inputs: Any, outputs: Any, who: str) -> Network | None:
        """Return the network between symbols, if there are any."""
        if cls is not Model and inputs is None and outputs is None:
            return None
        ends = (_only_symbol(who, *end) for end in (("inputs", inputs), ("outputs", outputs)))
        return Network(who, *ends)

    def _take(self, network: Network) -> None:
        """Become the model of a network, whose layers are free and built."""
        joined: list[Layer] = []
        try:
            for layer in network.layers:
                if not isinstance(layer, InputLayer):
                    layer.join(self)
                    joined.append(layer)
        except ValueError:
            for layer in joined:
                layer.leave()
            raise
        network.input.layer.dtype = network.input.dtype
        self._settle(network)

    def _settle(self, network: Network) -> None:
        self._network = network
        self._input_shape, self._output_shape = network.input.shape, network.output.shape
        self._pack()

    @property
    def dtype(self) -> str:
        """The type of weights, activations and results: ``"float32"`` or ``"float64"``."""
        return config.real_dtype(self.dtype_policy)

    # ---- the network -----------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The calls of layers that lead from the input to the output."""
        self._require(self._input_shape)
        assert self._network is not None
        return self._network

    @property
    def layers(self) -> list[Layer]:
        """The layers, the farthest from the output first: the order of the weights."""
        return list(self.network.layers)

    def call(self, x: Tensor, training: bool) -> Tensor:
        """Return the output of the layers, composed in the graph that ``x`` belongs to."""
        return self.network(x, training)

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights."""
        return {
            "name": self.name,
            "dtype": self.dtype_policy,
            "layers": [serialization.serialize(layer) for layer in self.layers],
            "calls": self.network.describe(),
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
        symbols = rebuild(config["calls"], layers)
        return cls(*symbols, name=config["name"], dtype=config["dtype"])

    # ---- building --------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the shapes of all weights are known."""
        return self._parameters is not None

    @property
    def input_shape(self) -> Shape:
        """The shape of the input, ``None`` for the rows of a batch."""
        return self._require(self._input_shape)

    @property
    def output_shape(self) -> Shape:
        """The shape of the output, ``None`` for the rows of a batch."""
        return self._require(self._output_shape)

    def _require(self, shape: Shape | None) -> Shape:
        if shape is None:
            raise NotBuiltError(
                f"{self.name}: the shapes are not known yet; start the layers with Input(shape), "
                "or call build((None, ...)), fit or predict first"
            )
        return shape

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for inputs of ``input_shape``, whose first axis is ``None``.

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
        self._parameters = Parameters(self.weights, self.dtype)
        self._runtime = Runtime(self.call, self.input_shape, self._parameters, self.dtype_policy)

    def _build_for(self, who: str, x: ArrayLike) -> None:
        if not self.built:
            self.build((None, *arrays.as_array(who, "x", x).shape[1:]))

    @property
    def runtime(self) -> Runtime:
        """The programs and buffers of a built model."""
        self._require(self._input_shape)
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
        self._require(self._input_shape)
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
        self._require(self._input_shape)
        with self._guard.training("set_weights"):
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
        metrics: Sequence[Any] | None = None,
        run_eagerly: bool = False,
        dtype: str | None = None,
    ) -> None:
        """Choose how the model learns.

        Args:
            optimizer: name, class or object.
            loss: name, class or object.
            metrics: names, classes or objects; ``"accuracy"`` picks the one that fits the loss.
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
            "loss": losses.get(loss),
            "metrics": _metrics(metrics),
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

    def _start(self, policy: str, **recipe: Any) -> None:
        """Start a runtime with a loss and an optimizer, after trying whether they fit the model."""
        assert self._parameters is not None
        loss, watched = recipe["loss"], recipe["metrics"]
        lower.training(self.call, self.input_shape, loss, watched, self._parameters, None)
        if self._parameters.stale:
            self._pack()
        self._runtime = Runtime(self.call, self.input_shape, self._parameters, policy, **recipe)

    @property
    def optimizer(self) -> optimizers.Optimizer | None:
        """The optimizer that ``compile`` was given."""
        return None if self._recipe is None else self._recipe["optimizer"]

    @property
    def loss(self) -> losses.Loss | None:
        """The loss that ``compile`` was given."""
        return None if self._recipe is None else self._recipe["loss"]

    @property
    def metrics_names(self) -> list[str]:
        """The names of what ``evaluate`` returns."""
        chosen = () if self._recipe is None else self._recipe["metrics"]
        return ["loss", *(metric.name for metric in chosen)]

    def _compiled(self, who: str, x: ArrayLike) -> Runtime:
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
        x: ArrayLike,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        shuffle: bool = True,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Train.

        Args:
            x: samples, (rows, ...); float32, float64 and uint8 are read where they are.
            y: targets: labels (rows,), or numbers of the output's shape.
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
            epochs=_count("epochs", epochs),
            initial=_count("initial_epoch", initial_epoch),
            shuffle=bool(shuffle),
            callbacks=_callbacks(callbacks),
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
        given: tuple[ArrayLike, ArrayLike] | None,
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
        x: ArrayLike,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the mean loss, and metrics, over all samples.

        Args:
            x: samples.
            y: targets.
            batch_size: rows of a batch; ``None`` is 32; the result does not depend on it but for
                rounding.
            verbose: 0 shows nothing; anything else prints the result.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of loss and metrics, or a dict.
        """
        _check_verbose("evaluate", verbose)
        rows = 32 if batch_size is None else positive("evaluate", "batch_size", batch_size)
        runtime = self._compiled("evaluate", x)
        data = training.check_data("evaluate", self, runtime, x, y)
        with self._guard.reading("evaluate"):
            means = training.evaluate(runtime, data, rows)
        if verbose:
            print("  ".join(f"{name} {value:.4f}" for name, value in means.items()))
        return means if return_dict else _as_keras(means)

    def predict(self, x: ArrayLike, batch_size: int | None = None, verbose: int | str = 0) -> Array:
        """Return the model's output for each sample.

        Args:
            x: samples.
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
            verbose: accepted as in Keras; nothing is shown.

        Returns:
            An array of the output's shape.

        Example:
            >>> import fastnn
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, "softmax")])
            >>> model.predict([[1.0, 2.0]]).shape
            (1, 3)
        """
        return self._predict("predict", x, batch_size)

    def predict_proba(self, x: ArrayLike, batch_size: int | None = None) -> Array:
        """Return probabilities: the output, after softmax or sigmoid if the loss has from_logits.

        Args:
            x: samples.
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
        """
        return self._predict("proba", x, batch_size)

    def _predict(self, mode: str, x: ArrayLike, batch_size: int | None) -> Array:
        rows = training.PREDICT_ROWS
        if batch_size is not None:
            rows = positive("predict", "batch_size", batch_size)
        self._build_for("predict", x)
        runtime = self.runtime
        samples = arrays.as_samples("predict", x, runtime.input_shape, self.name, self.dtype)
        shape = tuple(d for d in self.output_shape if d is not None)
        with self._guard.reading("predict"):
            return training.predict(runtime, mode, samples, shape, rows)

    __call__ = predict

    def predict_one(self, x: ArrayLike, out: Array | None = None) -> Array:
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

    def _room(self) -> Array:
        """Return room for the output of one sample."""
        return np.empty(self.output_shape[1:], self.dtype)  # type: ignore[arg-type]

    def _predict_any_row(self, x: ArrayLike, out: Array) -> None:
        """Predict a row that has to be converted first, or refuse it."""
        shape = tuple(d for d in self.output_shape if d is not None)
        arrays.require_out("predict_one", out, shape, self.dtype)
        row = arrays.as_array("predict_one", "x", x)[None]
        samples = arrays.as_samples("predict_one", row, self.input_shape, self.name, self.dtype)
        out[...] = training.predict(self.runtime, "predict", samples, shape, 1, "predict_one")[0]

    def predict_on_batch(self, x: ArrayLike) -> Array:
        """Return the model's output for one batch."""
        return self.predict(x)

    def train_on_batch(
        self, x: ArrayLike, y: ArrayLike | None = None, return_dict: bool = False
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
        self, x: ArrayLike, y: ArrayLike | None = None, return_dict: bool = False
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
    ) -> None:
        """Print the program: each operation with its operands, their places, FLOPs and bytes.

        Args:
            profile: whether to run it on made-up data and add time, GFLOP/s and GB/s.
            batch_size: the rows of a batch.
            print_fn: called with the text.
        """
        from fastnn.explain import explain

        self._require(self._input_shape)
        print_fn(explain(self, profile, positive("explain", "batch_size", batch_size)))

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

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by way of the model file's bytes."""
        parts: list[Any] = [*self.layers]
        if self._recipe is not None:
            parts += [self._recipe["optimizer"], self._recipe["loss"], *self._recipe["metrics"]]
        custom = {type(part).__name__: type(part) for part in parts}
        for part in parts:
            custom |= registry.named_parts(part)
        from fastnn import saving

        return saving.from_bytes, (saving.to_bytes(self), custom)

    def compile_config(self) -> dict[str, Any] | None:
        """Return what ``compile`` was given, as JSON can hold it; ``None`` before ``compile``."""
        if self._recipe is None:
            return None
        return {
            "optimizer": optimizers.serialize(self._recipe["optimizer"]),
            "loss": losses.serialize(self._recipe["loss"]),
            "metrics": [metrics.serialize(metric) for metric in self._recipe["metrics"]],
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
                known.leave()
                self._recipe = recipe
                raise

    def pop(self) -> Layer:
        """Remove the last layer and return it; compile again before training."""
        if not self._layers:
            raise ValueError(f"{self.name}: there is no layer to pop")
        with self._guard.training("pop"):
            layer = self._layers.pop()
            layer.leave()
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
        layer.join(self)
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
            self._settle(Network(self.name, *self._chain(shape)))
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
            "input_shape": None if self._input_shape is None else list(self._input_shape),
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


def _metrics(given: Sequence[Any] | None) -> list[metrics.Metric]:
    """Return the metrics, which need names of their own."""
    if isinstance(given, str) or not isinstance(given, Iterable | None):
        raise TypeError(f"compile: metrics must be a list; write [{given!r}]"[:400])
    chosen = [metrics.get(each) for each in given or ()]
    names = [metric.name for metric in chosen]
    for name in names:
        if names.count(name) > 1 or name in ("loss", "data_loss", "penalty"):
            raise ValueError(
                f"compile: the name {name!r} is taken twice; give a metric a name of its own"
            )
    return chosen


def _callbacks(given: Any) -> list[Callback]:
    """Return the callbacks, given one by itself or several."""
    every = list(given) if isinstance(given, Iterable) else [] if given is None else [given]
    for each in every:
        if not isinstance(each, Callback):
            hint = "; write it with ()" if isinstance(each, type) else ""
            raise TypeError(
                f"fit: callbacks have to be fastnn.callbacks.Callback, got {_describe(each)}{hint}"
            )
    return every


def _as_keras(means: Mapping[str, float]) -> float | list[float]:
    values = [value for name, value in means.items() if name not in ("data_loss", "penalty")]
    return values[0] if len(values) == 1 else values


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"fit: {name} must be an integer, got {type(value).__name__}")
    if int(value) < 0:
        raise ValueError(f"fit: {name} must be 0 or more, got {int(value)}")
    return int(value)


def _check_verbose(who: str, verbose: Any) -> None:
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f'{who}: verbose must be 0, 1, 2 or "auto", got {str(verbose)[:40]!r}')


def _layer(given: Any) -> Any:
    """Return the layer behind what ``Input`` returns; anything else as it is."""
    is_input = isinstance(given, Symbol) and isinstance(given.layer, InputLayer)
    return given.layer if is_input else given


def _only_symbol(who: str, name: str, given: Any) -> Symbol:
    """Return the one symbol that was given, by itself or in a list."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    if len(several) > 1:
        raise ValueError(
            f"{who}: a model has one input and one output so far, got {len(several)} {name}; join "
            "the data to one array and take its parts in a layer, or make several models"
        )
    if not several or not isinstance(several[0], Symbol):
        kind = type(several[0]).__name__ if several else "an empty list"
        raise TypeError(
            f"{who}: {name} has to be what Input, or a layer called on it, returned, got {kind}"
        )
    return several[0]


def _describe(thing: Any) -> str:
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__
