"""Layer: what every layer is.  It stores options, makes variables, composes operations."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastnn import config, constraints, initializers, nests, ops, registry, regularizers
from fastnn._checks import as_name, flag
from fastnn._typing import Array
from fastnn.compiler.graph import Graph, Shape, Tensor
from fastnn.copying import Attributes, state_of
from fastnn.eager import call_on_arrays, penalties
from fastnn.errors import MaskWarning
from fastnn.functional import Call, Symbol, call_on_symbols
from fastnn.layers.constructors import Constructed
from fastnn.layers.weights import Weighted
from fastnn.naming import snake_case, unique_name
from fastnn.tracing import output_shape
from fastnn.variables import Variable

__all__ = ["Layer"]


class Layer(Weighted, metaclass=Constructed):
    """A step of a model.

    Args:
        name: unique in the model; ``None`` makes one from the class's name.
        trainable: whether ``fit`` changes its weights.
        dtype: ``"float32"`` or ``"float64"``; ``None`` is the model's.
        activity_regularizer: name or function; what the output's size costs, divided by the rows
            of the batch; ``None`` is nothing.

    A layer of your own comes in two kinds.

    *Composed of operations*: ``build(input_shape)`` makes the weights with ``add_weight``, and
    ``call(x)`` composes functions of ``fastnn.ops``.  It runs compiled, and its gradient comes for
    free.  A ``call(x, training)`` may differ in training: it is lowered once for each.

    *Written in NumPy*: instead of ``call``, ``forward(x, *weights)`` returns an array, and
    ``backward(dy, x, *weights, y)`` returns the gradient of the loss with respect to ``x``, or a
    tuple of those with respect to ``x`` and each weight.  It takes part in ``fit`` as an ordinary
    operation, at the speed of NumPy.  ``compute_output_shape`` tells the shape of the result if it
    is not that of ``x``.

    A layer may be made of others: those that it holds as attributes, also in lists and dicts, are
    built when it calls them, and ``weights`` has theirs.

    A layer that is called on a list of tensors gets the list in ``call``, and the arrays one by one
    in ``forward`` and ``backward``.

    *Masks* say which steps of a sequence count (``Masking``, ``Embedding``).  A layer that sets
    ``supports_masking`` passes the mask of its input on to its output; one that overrides
    ``compute_mask`` passes on what that returns; any other ends it, and warns unless
    its ``call(x, mask=None)`` is given the mask of ``x``.

    As the first one of a ``Sequential`` a layer may be given ``input_shape=(4,)``, which stands for
    an ``Input`` before it.

    Example:
        >>> import fastnn
        >>> class Scale(fastnn.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(input_shape[1:], "ones", name="factor")
        ...     def forward(self, x, factor):
        ...         return x * factor
        ...     def backward(self, dy, x, factor, y):
        ...         return dy * factor, (dy * x).sum(axis=0)
        >>> fastnn.Sequential([fastnn.Input((3,)), Scale()]).predict([[1.0, 2.0, 3.0]])
        array([[1., 2., 3.]], dtype=float32)
    """

    #: Whether the mask of the input goes on to the output.
    supports_masking: bool = False

    given_shape: Shape | None = None  # of the input, where the constructor was given it
    given_rows: int | None = None  # of every batch, likewise

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        activity_regularizer: Any = None,
    ):
        name = as_name(type(self).__name__, name)
        if name is not None and not re.fullmatch(r"[\w.\-]+", name):
            raise ValueError(
                f"{type(self).__name__}: name may hold letters, digits and '_-.', got {name[:40]!r}"
            )
        self.name = name or unique_name(snake_case(type(self).__name__))
        self.dtype = None if dtype is None else config.check_dtype(self.name, dtype)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.built = False
        self._input_shape: Any = None
        self._output_shape: Any = None
        self._trainable = flag(self.name, "trainable", trainable)
        self._variables: list[Variable] = []
        self._described: list[str] = []

    def __init_subclass__(cls, **options: Any):
        """Let ``build`` note that it has been called, whoever calls it."""
        super().__init_subclass__(**options)
        if "build" in vars(cls):
            cls.build = _noting(vars(cls)["build"])  # type: ignore[method-assign]

    # ---- what a kind of layer defines ------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Make the weights for inputs of ``input_shape``, whose first axis is ``None``."""

    def call(self, x: Tensor) -> Tensor:
        """Return the layer's output, composed of operations on ``x`` and the weights."""
        return self._call_python(x)

    def forward(self, x: Array, *weights: Array) -> ArrayLike:
        """Return the layer's output as an array, for layers written in NumPy."""
        if type(self).call is not Layer.call:
            raise NotImplementedError(
                f"{self.name}: forward is what layers written in NumPy have; {type(self).__name__} "
                "is called itself, layer(x), a model by model(x) or model.predict(x)"
            )
        raise NotImplementedError(
            f"{type(self).__name__}: write call(x), which composes fastnn.ops, or forward and "
            "backward, in NumPy"
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of what the layer returns for inputs of a shape; nothing is built.

        A layer that is written in NumPy overrides it, unless its output has the shape of its input.

        Args:
            input_shape: the shape of the input with its rows, or ``None`` for any number of them;
                for several inputs a list or a dict of shapes.

        Example:
            >>> import fastnn
            >>> fastnn.layers.Conv2D(8, 3).compute_output_shape((None, 28, 28, 1))
            (None, 26, 26, 8)
        """
        if type(self).call is Layer.call:
            return input_shape
        return output_shape(self, input_shape)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output, or a list of those of several outputs.

        Args:
            inputs: the tensors that the layer was called on.
            previous_mask: their masks, in the same nest; ``None`` where there is none.
        """
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer; one of your own whose constructor takes
        other things than numbers, texts, and lists and dicts of these writes this."""
        config = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        for what in self._described:
            config[f"{what}_initializer"] = initializers.serialize(self._option(what))
            for kind, module in (("regularizer", regularizers), ("constraint", constraints)):
                config[f"{what}_{kind}"] = module.serialize(self._option(what, kind))
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return the layer that ``get_config`` described."""
        return registry.construct(cls, config)

    # ---- what it costs ---------------------------------------------------------------------------

    def add_loss(self, loss: Tensor) -> None:
        """Add a penalty to the loss of the model; to be called in ``call``.

        Args:
            loss: a tensor without axes, composed of operations on the layer's inputs and weights.
        """
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"{self.name}: add_loss expects a tensor of the graph, composed in call(x), got "
                f"{type(loss).__name__}"
            )
        loss.graph.add_penalty(loss)

    @property
    def losses(self) -> list[float]:
        """What the size of each trainable weight costs now, by its regularizer.

        In training these are parts of the loss, beside what belongs to a batch: activity
        regularizers, and what layers add by ``add_loss``.

        Example:
            >>> import fastnn
            >>> layer = fastnn.layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2")
            >>> layer.build((None, 3))
            >>> [round(loss, 6) for loss in layer.losses]  # 0.01 for each of 6 numbers
            [0.06]
        """
        return penalties(self.trainable_weights)

    # ---- its place in a network ------------------------------------------------------------------

    @property
    def input_shape(self) -> Any:
        """The shape of the input of the last call, ``None`` before; of several, a nest of them."""
        return self._input_shape

    @property
    def output_shape(self) -> Any:
        """The shape of the output of the last call, ``None`` before; of several, a nest of them."""
        return self._output_shape

    @property
    def input(self) -> Any:
        """What the layer was called on, a symbol or a nest of them: what a ``Model`` is made of.

        Raises:
            AttributeError: if it was called on no symbols, or several times.
        """
        call = self._only_call("input")
        return call.args[0] if call.args else next(iter(call.kwargs.values()))

    @property
    def output(self) -> Any:
        """What the layer returned, a symbol or a nest of them: what a ``Model`` is made of.

        Raises:
            AttributeError: if it was called on no symbols, or several times.

        Example:
            >>> import fastnn
            >>> from fastnn.layers import Dense
            >>> model = fastnn.Sequential([fastnn.Input((4,)), Dense(3, name="middle"), Dense(1)])
            >>> features = fastnn.Model(model.input, model.get_layer("middle").output)
            >>> features.output_shape
            (None, 3)
        """
        return self._only_call("output").result

    @property
    def _calls(self) -> list[Call]:
        """The calls on symbols; a copy has none, but may be told of some before its state."""
        calls: list[Call] = vars(self).setdefault("_noted", [])
        return calls

    def _only_call(self, what: str) -> Call:
        if len(self._calls) != 1:
            times = f"{len(self._calls)} times" if self._calls else "on no symbol yet"
            raise AttributeError(
                f"{self.name}: it was called {times}, so that {what!r} is not one thing; keep what "
                "the call returned"
            )
        return self._calls[0]

    def note_call(self, call: Call) -> None:
        """Take note of a call on symbols."""
        self._calls.append(call)

    def is_noted(self, call: Call) -> bool:
        """Return whether the layer took note of a call."""
        return call in self._calls

    def forget_calls(self, calls: Iterable[Call]) -> None:
        """Forget calls on symbols of a network that is no more."""
        gone = list(calls)
        self._calls[:] = [call for call in self._calls if call not in gone]

    @property
    def own_dtype(self) -> str | None:
        """The precision that the layer insists on."""
        return self.dtype

    def adopt_dtype(self, dtype: str) -> None:
        """Take the precision of what the layer is called on."""
        self.dtype = dtype

    # ---- lowering --------------------------------------------------------------------------------

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Return the layer's output, building the layer on the first call.

        Args:
            args: what ``call`` takes: what ``Input`` or another layer returned, or a list of those
                for layers such as ``Add``; inside of another layer's ``call``, tensors of the
                graph; or arrays, to look at what the layer makes of them.
            training: whether the layer computes as in training; ``None`` leaves it to the model.
            kwargs: more of what ``call`` takes, by name.
        """
        args, training = self._without_training(args, training)
        args = tuple(map(_as_list, args))
        self._require_one(args)
        given = nests.flatten([args, kwargs])
        if any(isinstance(each, Symbol) for each in given):
            return call_on_symbols(self, args, kwargs, training)
        if any(isinstance(each, np.ndarray) for each in given):
            return call_on_arrays(self, args, kwargs, training)
        if not any(isinstance(each, Tensor) for each in given):
            kinds = ", ".join(type(each).__name__ for each in given) or "nothing"
            raise TypeError(
                f"{self.name}: a layer is called on what Input or a layer returned, or on arrays, "
                f"got {kinds}; make an array of numbers: numpy.asarray(values)"[:390]
            )
        return self._lower(args, kwargs, training)

    def _require_one(self, args: tuple[Any, ...]) -> None:
        """Refuse several tensors for a layer whose ``call`` says that it takes one."""
        given = args[0] if args else None
        if not isinstance(given, list | dict) or not _takes_one(type(self).call):
            return
        several = [x for x in nests.flatten(given) if isinstance(x, Tensor | Symbol | np.ndarray)]
        mend = "Concatenate()([a, b]) joins them" if len(several) > 1 else "give the tensor itself"
        if several:
            raise TypeError(
                f"{self.name}: expected one tensor, got a {type(given).__name__} of "
                f"{len(several)}; {mend}"
            )

    def _without_training(
        self, args: tuple[Any, ...], training: bool | None
    ) -> tuple[tuple[Any, ...], bool | None]:
        """Part ``training`` from arguments that were given by position: ``layer(x, True)``."""
        names = list(self._options())
        at = names.index("training") if "training" in names else 1
        if training is None and at < len(args) and isinstance(args[at], bool | None):
            return args[:at] + args[at + 1 :], args[at]
        return args, training

    def _lower(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Any:
        """Add the layer to the graph that the tensors among its arguments belong to."""
        tensors = [x for x in nests.flatten([args, kwargs]) if isinstance(x, Tensor)]
        graph = tensors[0].graph
        if self.own_dtype is None and graph.dtype is not None:
            self.adopt_dtype(graph.dtype)
        first = args[0] if args else next(iter(kwargs.values()))
        shapes = nests.apply(lambda x: x.shape if isinstance(x, Tensor) else x, first)
        mode = graph.training if training is None else bool(training)
        masks = self._given_mask(args, kwargs)
        if masks is None:
            masks = nests.apply(lambda x: x.mask if isinstance(x, Tensor) else None, first)
            kwargs = {**kwargs, **self._accepted(mask=masks)}
        path = f"{graph.layer}/{self.name}" if graph.layer else self.name
        with graph.scope(path), graph.mode(mode):
            fresh = self._build_once(shapes)
            call: Callable[..., Any] = self.call
            y = call(*args, **kwargs, **self._accepted(training=mode))
        if fresh and not self._trainable:
            self.trainable = False  # also of the layers inside, which are built by now
        results = nests.flatten(y)
        if not results or not all(isinstance(each, Tensor) for each in results):
            kinds = ", ".join(type(each).__name__ for each in results)
            raise TypeError(
                f"{self.name}: call(x) must return a tensor of the graph, or a list, tuple or dict "
                f"of them, got {kinds}"[:390]
            )
        with graph.scope(path):
            self._pass_mask(first, results, masks)
        self._input_shape = shapes
        self._output_shape = nests.apply(lambda each: each.shape, y)
        if self.activity_regularizer is not None:
            with graph.scope(path):
                for each in results:
                    self.add_loss(ops.over_rows(self.activity_regularizer(each)))
        return y

    def _build_once(self, shape: Any) -> bool:
        """Build the layer if it is not; return whether it was not."""
        if self.built:
            return False
        for layer in self.descendants():
            if layer.own_dtype is None and self.dtype is not None:
                layer.adopt_dtype(self.dtype)
        with Graph.building():
            self.build(shape)
        self.built = True
        return True

    def unbuild(self) -> None:
        """Forget the weights: the model they were made for could not be built."""
        self.built, self._variables = False, []
        self._input_shape = self._output_shape = None

    def _given_mask(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Return the mask that the layer was called with, if it was."""
        names = list(self._options())
        at = names.index("mask") if "mask" in names else len(args)
        return args[at] if at < len(args) else kwargs.get("mask")

    def _pass_mask(self, x: Any, results: Sequence[Tensor], previous: Any) -> None:
        """Give the outputs the masks that follow from those of the inputs."""
        own = type(self).compute_mask is not Layer.compute_mask
        known = any(mask is not None for mask in nests.flatten(previous))
        if not own and not self.supports_masking:
            takes_it = "mask" in self._options()
            if known and not takes_it and any(each.mask is None for each in results):
                warnings.warn(
                    f"{self.name}: the input has a mask, of which {type(self).__name__} knows "
                    "nothing: all steps count from here on; a layer of your own passes it on with "
                    "supports_masking = True",
                    MaskWarning,
                    stacklevel=3,
                )
            return
        masks = nests.flatten(self.compute_mask(x, previous)) if own or known else []
        for each, mask in zip(results, masks, strict=False):
            if each.mask is None:
                each.mask = mask

    def _accepted(self, **options: Any) -> dict[str, Any]:
        """Return those of some options that ``call`` takes."""
        return {name: value for name, value in options.items() if name in self._options()}

    def _options(self) -> Mapping[str, inspect.Parameter]:
        """Return the parameters of ``call``."""
        return _parameters(type(self).call)

    def _call_python(self, x: Any) -> Tensor:
        """Add ``forward``, with ``backward`` as its gradient, as a call of user code."""

        def forward(*arrays: Array) -> list[Array]:
            return [np.asarray(self.forward(*arrays))]

        def backward(*arrays: Array) -> list[Array]:
            result = self.backward(*arrays)  # type: ignore[attr-defined]
            return [
                np.asarray(g) for g in (result if isinstance(result, tuple | list) else (result,))
            ]

        functions = {"function": forward}
        if hasattr(self, "backward"):
            functions["backward"] = backward
        several: list[Tensor] = x if isinstance(x, list) else [x]
        shapes: Any = [each.shape for each in several] if isinstance(x, list) else x.shape
        shape = tuple(self.compute_output_shape(shapes))
        return several[0].graph.call_python([*several, *self._variables], [shape], **functions)[0]

    def __getstate__(self) -> Attributes:
        """Return a copy, which is in no network."""
        return state_of(self, "_noted")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


@functools.lru_cache(maxsize=1024)
def _parameters(method: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a method but ``self``; they are asked for at every call."""
    return dict(list(inspect.signature(method).parameters.items())[1:])


def _takes_one(call: Callable[..., Any]) -> bool:
    """Whether the first parameter of ``call`` is annotated as a tensor; that of ``Layer`` tells
    nothing, since ``forward`` may take several."""
    first = next(iter(_parameters(call).values()), None)
    return call is not Layer.call and first is not None and first.annotation in ("Tensor", Tensor)


def _as_list(given: Any) -> Any:
    """Return a tuple of tensors or symbols as a list."""
    several = isinstance(given, tuple) and any(isinstance(x, Tensor | Symbol) for x in given)
    return list(given) if several else given


def _noting(build: Callable[..., None]) -> Callable[..., None]:
    """Return ``build`` of a class, such that a layer that was built knows it."""

    @functools.wraps(build)
    def noting(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.built = True

    return noting
