"""Model: layers between inputs and outputs, and what can be done with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastnn import nests, registry
from fastnn._checks import as_name
from fastnn.functional import Network, cut, rebuild
from fastnn.layers import serialization
from fastnn.layers.core import positive
from fastnn.models.shapes import as_symbols, positions, precision
from fastnn.models.trainer import Trainer
from fastnn.naming import knowing_arguments
from fastnn.showing import show

if TYPE_CHECKING:
    from fastnn.data.schema import Schema
    from fastnn.diagnosis import Diagnosis
    from fastnn.models.sequential import Sequential

__all__ = ["Model"]

#: Methods that sub-classes of Keras's models override.
_STEPS = frozenset({"predict_step", "test_step", "train_step"})


class Model(Trainer):
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

    #: How files become samples, and what outputs mean: that of ``fastnn train``; ``save`` keeps it.
    schema: Schema | None = None

    def __init_subclass__(cls, **options: Any):
        """Refuse what Keras would call for each batch, and an epoch in one call cannot."""
        super().__init_subclass__(**options)
        for name in _STEPS & vars(cls).keys():
            raise TypeError(
                f"{cls.__name__}.{name}: it would never be called, since an epoch is one compiled "
                "call; write a loss or a metric of your own, add_loss in a layer, a callback, or a "
                "loop of your own around train_on_batch"
            )

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        dtype: str | None = None,
        trainable: bool = True,
    ):
        name = as_name(type(self).__name__, name)
        network = self._connect(inputs, outputs, name or "Model")
        real = None if network is None else precision(network)
        super().__init__(name=name, dtype=dtype, real=real, trainable=trainable)
        if network is not None:
            ends = zip((inputs, outputs), (network.inputs, network.outputs), strict=True)
            self._inputs_nest, self._outputs_nest = (nests.pack(*end) for end in ends)
            self._take(network)

    @classmethod
    def _connect(cls, inputs: Any, outputs: Any, who: str) -> Network | None:
        """Return the network between symbols, if there are any."""
        if cls is not Model and inputs is None and outputs is None:
            return None
        ends = as_symbols(who, "inputs", inputs), as_symbols(who, "outputs", outputs)
        return Network(who, *cut(*ends))

    def get_config(self) -> dict[str, Any]:
        """Return what makes an equal model, with other weights; a sub-classed model whose
        constructor takes other things than numbers, texts, and lists and dicts of these writes
        this."""
        if type(self) is not Model:
            policy = self.dtype_policy if self._dtype_is_given else None
            return {"name": self.name, "trainable": self._trainable, "dtype": policy}
        assert isinstance(self._network, Network)
        return {
            "name": self.name,
            "trainable": self._trainable,
            "dtype": self.dtype_policy,
            "layers": serialization.serialize_all(self.layers),
            **self._network.describe(),
            "nests": [positions(nest) for nest in (self._inputs_nest, self._outputs_nest)],
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

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
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
            layer_range: the names of the first layer shown and the last, or regular expressions
                that names begin with; totals are those of the whole model.

        Raises:
            ValueError: ``layer_range`` is not two texts, or names no layer.

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

        (print_fn or print)(summary(self, expand_nested, show_trainable, layer_range))

    def explain(
        self,
        profile: bool = False,
        batch_size: int = 32,
        print_fn: Callable[[str], Any] | None = None,
        *,
        x: Any = None,
        y: Any = None,
    ) -> None:
        """Show the program: each operation with its operands, their places, FLOPs and bytes.

        FLOPs are those of the rows of docs/ops.md, for all rows of the batch: a function that is
        part of another operation, such as ``activation=relu``, has none, where ``summary``, which
        looks at layers, counts one for each number; what is made ready once a step is counted.

        With ``x`` and ``y``, a few samples and their targets, it shows the computational graph
        instead: each node with its values, local derivatives and gradients ``dJ/d...`` of the mean
        loss J, by the NumPy reference, in the mode of inference; and what one walk backwards
        costs, N + P for N nodes and P weights, against N x P for perturbing each weight.

        Args:
            profile: whether to run it on made-up data and add time, GFLOP/s and GB/s.
            batch_size: the rows of a batch.
            print_fn: called with the text; ``None`` prints it, or shows a table in a notebook.
            x: samples; one or two, to be read by people.
            y: their targets.
        """
        if x is not None or y is not None:
            from fastnn.walkthrough import walkthrough

            show(walkthrough(self, x, y), print_fn)
            return
        from fastnn.explain import listing

        self._require_built()
        show(listing(self, profile, positive("explain", "batch_size", batch_size)), print_fn)

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

    def _repr_html_(self) -> str:
        """Return a table of the layers for a notebook."""
        from fastnn import notebook

        return notebook.model(self)

    @knowing_arguments
    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        *,
        include_optimizer: bool = True,
        format: str = "fastnn",
    ) -> None:
        """Write the model, with the optimizer's state, to a file; whole or not at all.

        Args:
            filepath: the file, such as ``m.fastnn``; any suffix but those of other programs'
                models, such as ``.onnx``, and of other kinds of files, such as ``.csv`` or ``.h5``.
            overwrite: whether a file that is there is replaced.
            include_optimizer: whether to write how the model is compiled, too: losses and metrics
                that are functions by their names; a ``lambda`` has none.
            format: ``"keras"`` writes what Keras's ``load_model`` reads, which wants the suffix
                ``.keras``: the layers, the weights, and how the model was compiled, without the
                optimizer's state; needs h5py.

        Raises:
            NotBuiltError: if the shapes are not known yet, and layers have weights, as after
                ``adapt``, or it is to be Keras's.
            FileExistsError: if it is there and ``overwrite`` is false.
            ValueError: if it is to be Keras's, which has no such layer, or a file cannot name a
                function of the model, or the suffix is that of another kind of file; nothing is
                written then.
        """
        from fastnn import saving  # slow to import, and seldom needed

        if format == "keras":
            self._require_built()
        with self._guard.reading("save"):
            saving.save_model(self, filepath, overwrite, include_optimizer, format)

    def to_json(self, **options: Any) -> str:
        """Return the architecture, without weights, as a JSON text for ``model_from_json``.

        Args:
            options: those of ``json.dumps``.
        """
        import json

        return json.dumps(registry.serialize(self), **options)

    @knowing_arguments
    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        *,
        format: str | None = None,
    ) -> None:
        """Write the weights, with the optimizer's state, to a file; whole or not at all.

        Args:
            filepath: the file; any suffix that ``save`` takes, ``.npz``, ``.safetensors``, or
                ``.weights.h5``.
            overwrite: whether a file that is there is replaced.
            format: ``"npz"`` and ``"safetensors"`` write the weights alone, under the names of
                ``named_weights``; ``"keras"`` what Keras's ``load_weights`` reads, which wants the
                suffix ``.weights.h5``; ``"fastnn"`` all.  ``None`` is ``"npz"`` or
                ``"safetensors"`` for a path that ends so, else ``"fastnn"``.

        Raises:
            FileExistsError: if it is there and ``overwrite`` is false.
            ImportError: if the library for the format is missing: h5py, safetensors.
            ValueError: if the suffix is that of another kind of file; nothing is written then.
        """
        from fastnn import saving

        self._require_built()
        with self._guard.reading("save_weights"):
            saving.save_weights(self, filepath, overwrite, format)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        by_name: bool = False,
    ) -> None:
        """Take the weights of a file; its content says what it is, not its suffix.

        Those that ``save_weights`` or ``save`` wrote are taken in their order, and with them the
        optimizer's state if the model is compiled with such an optimizer.  Those of an npz or
        safetensors file go by the names of ``named_weights``; those of Keras's ``.weights.h5`` and
        ``.keras`` by their places, as in Keras.  For PyTorch's there is
        ``fastnn.load_state_dict``.

        Args:
            filepath: the file.
            skip_mismatch: whether to take what fits, and warn of weights that stay as they are,
                where the file is that of another model; weights go by their order if there are as
                many, else by their names.  The optimizer's state is left alone then.
            by_name: whether layers take the weights of layers of their names, and all others stay
                as they are.

        Raises:
            ModelFileError: if it is not such a file, or was damaged.
            ImportError: if the library for it is missing: h5py, safetensors.
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
        saving.load_weights(self, filepath, skip_mismatch, by_name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by way of the model file's bytes.

        Raises:
            NotBuiltError: if layers have weights and the model's shapes are not known yet.
            ValueError: if the model, or a part of it, has no config.
        """
        from fastnn import saving

        try:
            return saving.from_bytes, (saving.to_bytes(self), saving.custom_objects_of(self))
        except (NotImplementedError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.name:.60}: it can be neither copied nor pickled: {error}"[:400]
            ) from error
