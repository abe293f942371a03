"""Models as Keras describes them: the contents of the texts in a ``.keras`` file."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fastnn import constraints, initializers, losses, metrics, nests, ops, optimizers, regularizers
from fastnn._warnings import warn_caller
from fastnn.functional import Call, Network, Symbol
from fastnn.layers import serialization
from fastnn.layers.base import Layer
from fastnn.layers.core import InputLayer
from fastnn.layers.function import Lambda
from fastnn.layers.operation import Operation

if TYPE_CHECKING:
    from fastnn.models import Model

__all__ = ["METADATA", "described"]

#: What Keras 3 wants to know of a file: no reader of its depends on the version.
METADATA = {"keras_version": "3.0.0"}

#: fastnn's modules of things that options name -> Keras's, by how the names of the options end.
_MODULES: dict[str, tuple[Any, str]] = {
    "constraint": (constraints, "keras.constraints"),
    "initializer": (initializers, "keras.initializers"),
    "regularizer": (regularizers, "keras.regularizers"),
    "learning_rate": (optimizers.schedules, "keras.optimizers.schedules"),
    "optimizer": (optimizers, "keras.optimizers"),
    "loss": (losses, "keras.losses"),
    "metrics": (metrics, "keras.metrics"),
}

#: What fastnn has and Keras has not.
_OWN_LAYERS = ("MinMaxScaling",)
_OWN_ACTIVATIONS = ("step",)
_OWN_OBJECTIVES = ("ConfusionMatrix", "HalfMeanSquaredError", "SubsetAccuracy")

#: What holds a function, which stands for itself in Keras's files.
_OF_FUNCTIONS = ("LossFunctionWrapper", "MeanMetricWrapper")

#: Options of layers that Keras's do not have.
_DROPPED = {
    "Discretization": ("trainable",),
    "SpatialDropout1D": ("trainable",),
    "SpatialDropout2D": ("trainable",),
}

#: Options that are layers, and are held under another name.
_HELD_AS = {("Bidirectional", "layer"): "forward_layer"}

#: Where the classes of operations are in Keras; all others are in ``numpy``.
_OPERATIONS = {
    "nn": (
        "average_pool binary_crossentropy categorical_crossentropy celu conv conv_transpose "
        "depth_to_space depthwise_conv elu gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh "
        "leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot relu "
        "relu6 selu separable_conv sigmoid silu soft_shrink softmax softplus softsign "
        "space_to_depth sparse_categorical_crossentropy sparse_plus sparse_sigmoid sparsemax "
        "squareplus tanh_shrink threshold"
    ),
    "math": "erf erfc in_top_k logsumexp rsqrt top_k",
    "core": "cast saturate_cast slice slice_update stop_gradient unstack",
    "linalg": "norm",
}
_HOME = {name: module for module, names in _OPERATIONS.items() for name in names.split()}

#: Names of classes that do not follow from those of functions.
_CLASSES = {"allclose": "AllClose", "isin": "IsIn", "searchsorted": "SearchSorted"}

#: Functions of ``fastnn.ops`` by which Keras has no class, though one of Keras's is the same.
_SAME = {"hard_swish": "hard_silu", "swish": "silu"}

#: Arguments beside the first that Keras's operations are called with; others they are made with.
_OPERANDS = frozenset(
    (
        *("x1", "x2", "atol", "bins", "constant_values", "depthwise_kernel", "fill_value"),
        *("indices", "kernel", "key", "output", "pointwise_kernel", "predictions", "q", "rtol"),
        *("start_indices", "stop", "updates", "values", "weights"),
    )
)


def described(model: Model, include_optimizer: bool = True) -> dict[str, Any]:
    """Return what Keras makes an equal model of, compiled if this one is.

    Args:
        model: the model.
        include_optimizer: whether to say how it is compiled.

    Raises:
        ValueError: if there is something that Keras does not have.
    """
    made = _Writer(model.dtype_policy).layer(model)
    options = _compile_options(model) if include_optimizer else None
    return made if options is None else {**made, "compile_config": options}


class _Writer:
    """Describes the layers of a model; one that is met again has the same number.

    Args:
        policy: what all of them compute in.
    """

    def __init__(self, policy: str):
        self._policy = policy
        self._numbers: dict[Layer, int] = {}

    def layer(self, layer: Layer) -> dict[str, Any]:
        """Return the description of a layer, or of a model."""
        number = self._numbers.setdefault(layer, len(self._numbers) + 1)
        return {**self._kind(layer), "shared_object_id": number}

    def _kind(self, layer: Layer) -> dict[str, Any]:
        from fastnn.models import Model, Sequential

        if isinstance(layer, InputLayer):
            return _thing("keras.layers", "InputLayer", _input_config(layer))
        if isinstance(layer, Operation):
            return _operation(layer)
        if type(layer) is Sequential:
            return _thing("keras", "Sequential", self._sequential(layer))
        if type(layer) is Model:
            made = _thing("keras.src.models.functional", "Functional", self._functional(layer))
            return {**made, "registered_name": "Functional"}
        return self._plain(layer)

    def _plain(self, layer: Layer) -> dict[str, Any]:
        name = type(layer).__name__
        if name in _OWN_LAYERS:
            raise ValueError(f"{layer.name}: Keras has no layer {name}")
        config = {
            key: self._option(layer, key, value)
            for key, value in layer.get_config().items()
            if key not in _DROPPED.get(name, ())
        }
        config["dtype"] = self._policy
        if isinstance(layer, Lambda):
            config["function"] = _function(config["function"])
        if serialization.classes().get(name) is type(layer):
            return _thing("keras.layers", name, config)
        shape = layer.built_for() if hasattr(layer, "built_for") else None
        built = {} if shape is None else {"build_config": {"input_shape": shape}}
        return {**_foreign(name, config), **built}

    def _option(self, layer: Layer, key: str, value: Any) -> Any:
        held = getattr(layer, _HELD_AS.get((type(layer).__name__, key), key), None)
        if isinstance(held, Layer):
            return self.layer(held)
        if isinstance(held, list | tuple) and held and isinstance(held[0], Layer):
            return [self.layer(each) for each in held]
        if key.endswith("activation") and value in _OWN_ACTIVATIONS:
            raise ValueError(f"{layer.name}: Keras has no activation {value!r}")
        return _within(_kind_of(key), value)

    # ---- models ----------------------------------------------------------------------------------

    def _sequential(self, model: Any) -> dict[str, Any]:
        layers = [self.layer(each) for each in model.layers]
        shapes = {}
        if model.built:
            layers.insert(0, self.layer(model.inputs[0].layer))
            shapes["build_input_shape"] = list(model.input_shape)
        return {**self._whole(model), **shapes, "dtype": self._policy, "layers": layers}

    def _whole(self, model: Any) -> dict[str, Any]:
        return {"name": model.name, "trainable": model.trainable}

    def _functional(self, model: Any) -> dict[str, Any]:
        network: Network = model.network
        places = _Places(network)
        layers = [
            {
                **self.layer(layer),
                "name": layer.name,
                "inbound_nodes": [places.node(call) for call in places.calls[layer]],
            }
            for layer in model.layers
        ]
        ends = {"input_layers": model.inputs_nest, "output_layers": model.outputs_nest}
        return {
            **self._whole(model),
            "layers": layers,
            **{key: nests.lists(nests.apply(places.end, nest)) for key, nest in ends.items()},
        }


class _Places:
    """Where symbols come from, as Keras tells it.

    Args:
        network: the network that they belong to.

    Attributes:
        calls: the calls of each layer on something; an input has none.
    """

    def __init__(self, network: Network):
        self.calls: dict[Layer, list[Call]] = {layer: [] for layer in network.layers}
        for call in network.calls:
            self.calls[call.layer].append(call)

    def node(self, call: Call) -> dict[str, Any]:
        """Return the description of a call."""
        args, kwargs = list(call.args), dict(call.kwargs)
        if isinstance(call.layer, Operation):
            args, kwargs = _operands(call)
        return {"args": self._filled(args), "kwargs": self._filled(kwargs)}

    def _filled(self, nest: Any) -> Any:
        """Return arguments with descriptions in place of symbols."""
        if isinstance(nest, Symbol):
            history = [nest.layer.name, self._number(nest), nest.call.outputs.index(nest)]
            config = {"shape": list(nest.shape), "dtype": nest.dtype, "keras_history": history}
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(nest, list | tuple):
            return [self._filled(each) for each in nest]
        if isinstance(nest, dict) and set(nest) == {"slice"}:
            config = dict(zip(("start", "stop", "step"), nest["slice"], strict=True))
            return {"class_name": "__slice__", "config": config}
        if isinstance(nest, dict):
            return {key: self._filled(each) for key, each in nest.items()}
        if nest == "..." or nest is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        return nest

    def end(self, symbol: Symbol) -> list[Any]:
        """Return the place of an input or an output: the calls of models count from 1."""
        from fastnn.models import Model

        number = self._number(symbol) + (type(symbol.layer) is Model)
        return [symbol.layer.name, number, symbol.call.outputs.index(symbol)]

    def _number(self, symbol: Symbol) -> int:
        calls = self.calls[symbol.layer]
        return calls.index(symbol.call) if symbol.call in calls else 0


# ---- operations ----------------------------------------------------------------------------------


def _operation(layer: Operation) -> dict[str, Any]:
    """Return the description of a function as a layer, with what it is made with."""
    function = _SAME.get(layer.function, layer.function)
    name = _CLASSES.get(function, "".join(part.capitalize() for part in function.split("_")))
    made_with = [
        {key: each for key, each in _bound(call).items() if not _is_operand(call, key)}
        for call in layer._calls[:1]
    ]
    config = {"name": layer.name, **(made_with[0] if made_with else {})}
    described = _thing(f"keras.src.ops.{_HOME.get(function, 'numpy')}", name, nests.lists(config))
    return {**described, "registered_name": name}


def _operands(call: Call) -> tuple[list[Any], dict[str, Any]]:
    """Return what Keras's operation is called with."""
    return [each for key, each in _bound(call).items() if _is_operand(call, key)], {}


def _bound(call: Call) -> dict[str, Any]:
    """Return the arguments of a function by name."""
    function = getattr(ops, call.layer.function)  # type: ignore[attr-defined]
    bound = inspect.signature(function).bind(*call.args, **call.kwargs)
    return dict(bound.arguments)


def _is_operand(call: Call, key: str) -> bool:
    bound = _bound(call)
    return key in _OPERANDS or key == next(iter(bound)) or bool(_symbols(bound[key]))


def _symbols(nest: Any) -> list[Symbol]:
    return [leaf for leaf in nests.flatten(nest) if isinstance(leaf, Symbol)]


# ---- things with a config ------------------------------------------------------------------------


def _thing(module: str, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def _foreign(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of what is the caller's, and has to be handed to Keras as well."""
    return {"module": None, "class_name": name, "config": config, "registered_name": name}


def _function(name: str) -> dict[str, Any]:
    """Return the description of a function."""
    home, _, plain = name.rpartition(".")
    if home:  # "ops" or "losses": Keras has these modules, too
        return {"module": f"keras.{home}", "class_name": "function", "config": plain} | {
            "registered_name": plain
        }
    return {"module": "builtins", "class_name": "function", "config": name} | {
        "registered_name": "function"
    }


def _within(kind: str, value: Any) -> Any:
    """Return an option with Keras's modules in the descriptions of things in it."""
    if not isinstance(value, Mapping) or "class_name" not in value:
        return value
    module, home = _MODULES.get(kind, (None, ""))
    name = value["class_name"]
    config = {key: _within(_kind_of(key), each) for key, each in value["config"].items()}
    return _thing(home, name, config) if hasattr(module, name) else _foreign(name, config)


def _kind_of(key: str) -> str:
    return key if key in _MODULES else key.rpartition("_")[2]


def _input_config(layer: InputLayer) -> dict[str, Any]:
    config = layer.get_config()
    shape = [config.get("batch_size"), *config["shape"]]
    fixed = {"sparse": False, "ragged": False, "optional": False}
    dtype = layer.output.dtype
    return {"batch_shape": shape, "dtype": dtype, "name": layer.name, **fixed}


# ---- how it learns -------------------------------------------------------------------------------


def _compile_options(model: Model) -> dict[str, Any] | None:
    """Return what Keras calls the compile config; ``None`` if it can say nothing of it."""
    config = model.get_compile_config()
    if config is None:
        return None
    unknown = sorted({name for name in _class_names(config) if name in _OWN_OBJECTIVES})
    if unknown:
        warn_caller(
            f"save: Keras has no {' and no '.join(unknown)}; the file does not say how the model "
            "was compiled",
            UserWarning,
        )
        return None
    return {
        "optimizer": _within("optimizer", config["optimizer"]),
        "loss": _every("loss", config["loss"]),
        "loss_weights": config["loss_weights"],
        "metrics": _every("metrics", config["metrics"]) or None,
        "weighted_metrics": _every("metrics", config["weighted_metrics"]) or None,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def _class_names(nest: Any) -> Iterator[str]:
    for each in nest.values() if isinstance(nest, Mapping) else nest:
        if isinstance(each, Mapping | list):
            yield from _class_names(each)
    if isinstance(nest, Mapping) and isinstance(nest.get("class_name"), str):
        yield nest["class_name"]


def _every(kind: str, nest: Any) -> Any:
    """Return a nest of descriptions as Keras has them."""
    if isinstance(nest, list):
        return [_every(kind, each) for each in nest]
    if isinstance(nest, Mapping) and nest.get("class_name") in _OF_FUNCTIONS:
        return _function(nest["config"]["fn"])
    if isinstance(nest, Mapping) and "class_name" in nest:
        is_accuracy = nest["class_name"] == "Accuracy" and nest["config"].get("name") == "accuracy"
        return "accuracy" if is_accuracy else _within(kind, nest)
    if isinstance(nest, Mapping):
        return {key: _every(kind, each) for key, each in nest.items()}
    return nest
