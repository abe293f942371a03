"""Keras's descriptions of models, of what they are made of and how they learn, as fastnn's own.

Both have the same classes and arguments.  Keras's also say in which module a class is, which is
never imported: what is not Keras's own has to be handed over by the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastnn import config as settings
from fastnn import losses, metrics, nests, ops, optimizers, registry
from fastnn.errors import ModelFileError
from fastnn.registry import is_kerases

__all__ = ["architecture", "compile_options"]

Description = Mapping[str, Any]

#: Arguments that fastnn's classes do not have -> what they are where they change nothing.
_INERT: dict[str, tuple[Any, ...]] = {
    "optional": (False,),
    "quantization_config": (None,),
    "ragged": (False,),
    "renorm": (False,),
    "rms_scaling": (False,),
    "sparse": (False,),
    "synchronized": (False, True),
}

#: Those that mean nothing here, by themselves or without one of the above.
_IGNORED = ("renorm_clipping", "renorm_momentum")

#: Keras's classes of layers whose ``data_format`` fastnn's do not have.
_CHANNELS_LAST_ALONE = ("RandomBrightness", "RandomContrast")

#: What marks the description of a class of Keras's own, so that messages say so.
_KERASES = {"module": "keras"}

#: The functions of ``fastnn.ops`` by what remains of them and of Keras's classes in lower case.
_FUNCTIONS = {name.replace("_", ""): name for name in ops.__all__}


def architecture(
    description: Description,
    custom_objects: Mapping[str, Any],
    sizes: Mapping[str, Sequence[int]] | Sequence[int] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return fastnn's description of a model that Keras described, and what its names stand for.

    Args:
        description: the JSON text of a ``.keras`` file.
        custom_objects: classes and functions of the caller's, by name; that of a ``Lambda`` without
            a name also by the name of the layer.
        sizes: shapes of samples for inputs that do not say theirs, by the names of the inputs; one
            stands for all.

    Raises:
        ModelFileError: if it describes what fastnn does not have.
    """
    reader = _Reader(custom_objects, sizes, _policy(description))
    return reader.layer(description), reader.custom


def compile_options(
    description: Description, custom_objects: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the arguments of ``compile`` that Keras described, ``None`` if there are none."""
    given = description.get("compile_config")
    if not given or not isinstance(given, Mapping) or not given.get("optimizer"):
        return None
    reader = _Reader(custom_objects, None, "float32")
    optimizer = given["optimizer"]
    if isinstance(optimizer, Mapping) and optimizer.get("class_name") == "LossScaleOptimizer":
        optimizer = optimizer["config"]["inner_optimizer"]
    return {
        "optimizer": reader.made(optimizer, optimizers.deserialize),
        "loss": reader.made(given.get("loss"), losses.deserialize),
        "loss_weights": given.get("loss_weights"),
        "metrics": reader.made(given.get("metrics"), metrics.deserialize),
        "weighted_metrics": reader.made(given.get("weighted_metrics"), metrics.deserialize),
    }


@dataclass(frozen=True)
class _Place:
    """An output of a call of a layer: what Keras calls its history."""

    layer: str
    call: int
    output: int


class _Reader:
    """Reads descriptions of one model.

    Args:
        custom_objects: what the caller handed over.
        sizes: shapes of samples for inputs that do not say theirs.
        policy: what all layers compute in.
    """

    def __init__(
        self,
        custom_objects: Mapping[str, Any],
        sizes: Mapping[str, Sequence[int]] | Sequence[int] | None,
        policy: str,
    ):
        own = {name.rpartition(">")[2]: each for name, each in custom_objects.items()}
        self.custom: dict[str, Any] = {**registry.callers(), **own, **custom_objects}
        self._sizes, self._policy = sizes, policy
        self._shared: set[Any] = set()

    # ---- things with a config --------------------------------------------------------------------

    def layer(self, description: Any) -> dict[str, Any]:
        """Return the description of a layer, a model or an operation."""
        name, config = _parts(description)
        number = description.get("shared_object_id")
        if number is not None and number in self._shared:
            return {"shared": number}
        special = {"InputLayer": self._input, "Sequential": self._sequential}
        special |= {"Functional": self._functional, "Lambda": self._lambda}
        if not is_kerases(description):
            made = self._own(name, config)
        elif _is_operation(description):
            made = _operation(name, config)
        elif name in special:
            made = special[name](config)
        else:
            made = {"class_name": name, "config": self._options(name, config), **_KERASES}
        if number is None:
            return made
        self._shared.add(number)
        return {**made, "shared": number}

    def _own(self, name: str, config: Description) -> dict[str, Any]:
        """Return the description of what is the caller's."""
        self._require(name)
        return {"class_name": name, "config": self._options(name, config)}

    def _require(self, name: str) -> None:
        if name not in self.custom:
            raise ModelFileError(
                f"no class or function {name[:60]!r} of Keras's; if it is yours, pass it, composed "
                f"of fastnn.ops: custom_objects={{{name[:60]!r}: ...}}"
            )

    def _options(self, name: str, config: Description) -> dict[str, Any]:
        """Return the arguments of a layer without what fastnn's has not."""
        options = {}
        for key, value in config.items():
            if key in _IGNORED or (key == "data_format" and name in _CHANNELS_LAST_ALONE):
                continue
            if key in _INERT and name not in ("CategoryEncoding", "Discretization"):
                if value not in _INERT[key]:
                    who = config.get("name", name)
                    raise ModelFileError(f"{who}: there is no {key}={value!r:.40}")
                continue
            options[key] = self.value(value)
        if "dtype" in options:
            options["dtype"] = None  # the model has one for all
        if isinstance(options.get("name"), str):
            options["name"] = _name(options["name"])
        return options

    def value(self, given: Any) -> Any:
        """Return an argument: plain values, and descriptions of things in any nest."""
        if isinstance(given, list | tuple):
            return [self.value(each) for each in given]
        if not isinstance(given, Mapping):
            return given
        kind = given.get("class_name")
        if not isinstance(kind, str) or "config" not in given:
            return {key: self.value(each) for key, each in given.items()}
        if kind == "DTypePolicy":
            return None
        if kind in ("__numpy__", "__tensor__"):
            return given["config"]["value"]
        if kind == "__slice__":
            return {"slice": [given["config"][key] for key in ("start", "stop", "step")]}
        if kind == "__ellipsis__":
            return "..."
        if kind == "function":
            return self._function(given)
        return self._thing(given)

    def _thing(self, given: Description) -> dict[str, Any]:
        """Return the description of a thing: a layer inside of another, an initializer, ..."""
        module = str(given.get("module") or "")
        if module.startswith(("keras.layers", "keras.src.models")) or module == "keras":
            return self.layer(given)
        name, config = _parts(given)
        mark = _KERASES if is_kerases(given) else {}
        if not mark:
            self._require(name)
        options = {key: self.value(each) for key, each in config.items()}
        if module.startswith(("keras.losses", "keras.metrics")):
            options.pop("dtype", None)
        return {"class_name": name, "config": options, **mark}

    def _function(self, given: Description) -> str:
        """Return the name of a function."""
        name = str(given["config"])
        if not is_kerases(given) and name not in metrics.__all__:  # Keras's losses say no module
            self._require(name)
        return name

    def made(self, nest: Any, one: Callable[..., Any]) -> Any:
        """Return a nest of things for a nest of their descriptions and names."""
        if isinstance(nest, list | tuple):
            return [self.made(each, one) for each in nest]
        if isinstance(nest, Mapping) and "class_name" not in nest:
            return {key: self.made(each, one) for key, each in nest.items()}
        known = self.value(nest)
        if isinstance(known, str):
            return self.custom.get(known, known)
        return None if known is None else one(known, self.custom)

    # ---- layers and models -----------------------------------------------------------------------

    def _input(self, config: Description) -> dict[str, Any]:
        shape = config.get("batch_shape") or config.get("batch_input_shape")
        if config.get("sparse") or config.get("ragged"):
            raise ModelFileError(f"{config.get('name')}: there are no sparse or ragged inputs")
        if not isinstance(shape, list | tuple) or not shape:
            raise ModelFileError("the input has no batch_shape")
        dtype = str(config.get("dtype") or "float32")
        is_real = "float" in dtype
        name = str(config.get("name"))
        options = {
            "shape": self._known(name, list(shape[1:])),
            "name": _name(name),
            "dtype": settings.real_dtype(self._policy) if is_real else dtype,
            "batch_size": shape[0],
        }
        return {"class_name": "InputLayer", "config": options}

    def _known(self, name: str, shape: list[Any]) -> list[Any]:
        """Return the shape of an input, whose unknown sizes the caller says."""
        if None not in shape:
            return shape
        given = self._sizes.get(name) if isinstance(self._sizes, Mapping) else self._sizes
        fits = given is not None and len(given) == len(shape)
        if not fits or any(n not in (None, m) for n, m in zip(shape, given or (), strict=True)):
            raise ModelFileError(
                f"the input {name[:60]!r} is {tuple(shape)}, whose unknown sizes have to be said: "
                f"from_keras(..., input_shape=...), a tuple, or a dict by the names of inputs; got "
                f"{str(given)[:40]}"
            )
        return list(given or ())

    def _sequential(self, config: Description) -> dict[str, Any]:
        layers = [self.layer(each) for each in config["layers"]]
        first = layers[0] if layers else {}
        has_input = first.get("class_name") == "InputLayer"
        shape = None if has_input else config.get("build_input_shape")
        known: dict[str, Any] = {"input_shape": shape and [None, *shape[1:]]}
        if has_input and first["config"]["batch_size"] is not None:
            known["batch_size"] = first["config"]["batch_size"]
        options = {**self._whole(config), **known, "layers": layers}
        return {"class_name": "Sequential", "config": options}

    def _whole(self, config: Description) -> dict[str, Any]:
        """Return what the configs of all models have."""
        trainable = bool(config.get("trainable", True))
        return {"name": config.get("name"), "trainable": trainable, "dtype": self._policy}

    def _functional(self, config: Description) -> dict[str, Any]:
        layers = {str(each["name"]): each for each in config["layers"]}
        inputs, outputs = (_places(config[f"{end}_layers"]) for end in ("input", "output"))
        outputs = nests.apply(lambda place: _own_call(place, layers), outputs)
        calls = _Calls(layers, self.value)
        for place in nests.flatten(inputs):
            calls.add_input(place)
        ends = [calls.symbol(place) for place in nests.flatten(outputs)]
        made = {name: self.layer(layers[name]) for name in layers if name in calls.used}
        return {
            "class_name": "Model",
            "config": {
                **self._whole(config),
                "layers": list(made.values()),
                "calls": calls.described,
                "outputs": ends,
                "nests": [_positions(inputs), _positions(outputs)],
            },
        }

    def _lambda(self, config: Description) -> dict[str, Any]:
        name, function = str(config["name"]), config["function"]
        kind = function.get("class_name") if isinstance(function, Mapping) else None
        if kind == "__lambda__" or kind is None:
            if name not in self.custom:
                raise ModelFileError(
                    f"the Lambda layer {name[:60]!r} holds code, which is never run; pass its "
                    f"function, composed of fastnn.ops: custom_objects={{{name[:60]!r}: ...}}"
                )
            known = name
        else:
            known = self._function(function)
            known = f"ops.{known}" if is_kerases(function) else known
        options = {"name": _name(name), "arguments": self.value(config.get("arguments"))}
        return {"class_name": "Lambda", "config": {**options, "function": known, "dtype": None}}


# ---- networks ------------------------------------------------------------------------------------


class _Calls:
    """The calls of a network, in an order in which they can be made.

    Args:
        layers: Keras's descriptions of the layers by their names.
        value: what reads an argument.

    Attributes:
        described: the calls as fastnn describes them.
        used: the names of the layers that they are calls of.
    """

    def __init__(self, layers: Mapping[str, Description], value: Callable[[Any], Any]):
        self._layers, self._value = layers, value
        self._index: dict[tuple[str, int], int] = {}
        self.described: list[dict[str, Any]] = []
        self.used: set[str] = set()

    def add_input(self, place: _Place) -> None:
        """Add a call that stands for an input."""
        self._add(place, [], {})

    def symbol(self, place: _Place) -> dict[str, Any]:
        """Return what describes an output of a call, which is added with all that it needs."""
        under_way: dict[tuple[str, int], None] = {}
        waiting = [(place.layer, place.call)]
        while waiting:
            key = waiting[-1]
            args, kwargs = self._arguments(*key)
            needed = {(p.layer, p.call): None for p in _found([args, kwargs])}
            missing = [each for each in needed if each not in self._index]
            if key in self._index or not missing:
                waiting.pop()
                self._add(_Place(*key, 0), args, kwargs)
            elif under_way.keys() & {key}:
                raise ModelFileError(f"the layer {key[0][:60]!r} depends on itself")
            else:
                under_way[key] = None
                waiting.extend(missing)
        return self._described(place)

    def _arguments(self, name: str, call: int) -> tuple[Any, Any]:
        """Return the arguments of a call; a mask comes along with what it belongs to, and whether
        there is training is for the model to say, as in Keras."""
        nodes = self._layers[name].get("inbound_nodes") if name in self._layers else None
        if not isinstance(nodes, list) or not call < len(nodes):
            raise ModelFileError(f"there is no call {call} of a layer {name[:60]!r}")
        node, config = nodes[call], self._layers[name].get("config", {})
        args, kwargs = _with_places(node["args"]), _with_places(node.get("kwargs") or {})
        kwargs = {key: kwargs[key] for key in kwargs if key not in ("mask", "training")}
        if _is_operation(self._layers[name]):
            more = {key: self._value(config[key]) for key in config if key not in _OF_LAYERS}
            kwargs = {**more, **kwargs}
        return args, {key: each for key, each in kwargs.items() if each is not None}

    def _add(self, place: _Place, args: Any, kwargs: Any) -> None:
        key = (place.layer, place.call)
        if key in self._index:
            return
        self._index[key] = len(self.described)
        self.used.add(place.layer)
        given = {"args": self._filled(args), "kwargs": self._filled(kwargs), "training": None}
        self.described.append({"layer": _name(place.layer), **given})

    def _filled(self, nest: Any) -> Any:
        """Return arguments with fastnn's descriptions of outputs in them."""
        if isinstance(nest, _Place):
            return self._described(nest)
        if isinstance(nest, list):
            return [self._filled(each) for each in nest]
        if isinstance(nest, dict) and "class_name" not in nest:
            return {key: self._filled(each) for key, each in nest.items()}
        return self._value(nest)

    def _described(self, place: _Place) -> dict[str, Any]:
        return {"symbol": [self._index[place.layer, place.call], place.output]}


#: What a config of an operation has that is no argument of the function.
_OF_LAYERS = ("name", "trainable", "dtype")


def _found(nest: Any) -> Iterator[_Place]:
    """Yield the outputs of calls that there are in arguments."""
    if isinstance(nest, _Place):
        yield nest
    elif isinstance(nest, list | dict):
        for each in nest.values() if isinstance(nest, dict) else nest:
            yield from _found(each)


def _with_places(nest: Any) -> Any:
    """Return arguments with places where Keras describes outputs of calls."""
    if isinstance(nest, list | tuple):
        return [_with_places(each) for each in nest]
    if not isinstance(nest, Mapping):
        return nest
    if nest.get("class_name") == "__keras_tensor__":
        return _place(nest["config"]["keras_history"])
    return {key: _with_places(each) for key, each in nest.items()}


def _place(given: Any) -> _Place:
    name, call, output = given
    if not isinstance(name, str) or type(call) is not int or type(output) is not int:
        raise ModelFileError(f"an output of a layer is a name and two numbers, got {given!r:.60}")
    return _Place(name, call, output)


def _places(nest: Any) -> Any:
    """Return the nest of places that Keras has for inputs or outputs."""
    if isinstance(nest, Mapping):
        return {key: _places(each) for key, each in nest.items()}
    if isinstance(nest, list | tuple) and len(nest) == 3 and isinstance(nest[0], str):
        return _place(nest)
    return [_places(each) for each in nest]


def _own_call(place: _Place, layers: Mapping[str, Description]) -> _Place:
    """Return the place of an output: Keras counts the calls of a functional model from 1."""
    description = layers.get(place.layer, {})
    calls = len(description.get("inbound_nodes") or ())
    shifted = description.get("class_name") == "Functional" or place.call >= calls > 0
    return _Place(place.layer, place.call - shifted, place.output)


def _positions(nest: Any) -> Any:
    places = iter(range(len(nests.flatten(nest))))
    return nests.apply(lambda _: next(places), nest)


# ---- names ---------------------------------------------------------------------------------------


def _parts(description: Any) -> tuple[str, Description]:
    """Return the class and the config of a description."""
    given = description if isinstance(description, Mapping) else {}
    name, config = given.get("class_name"), given.get("config")
    if not isinstance(name, str) or not isinstance(config, Mapping):
        raise ModelFileError(
            f"a description has a class_name and a config, got {str(description)[:60]}"
        )
    return name, config


def _is_operation(description: Description) -> bool:
    module = str(description.get("module") or "")
    return module.startswith(("keras.src.ops.", "keras.src.activations.", "keras.ops"))


def _operation(name: str, config: Description) -> dict[str, Any]:
    """Return the description of a function of ``ops`` as a layer."""
    function = _FUNCTIONS.get(name.lower())
    if function is None:
        raise ModelFileError(f"fastnn.ops has nothing like Keras's operation {name[:60]!r}")
    return {
        "class_name": "Operation",
        "config": {"function": function, "name": _name(str(config.get("name", function)))},
    }


def _name(name: str) -> str:
    """Return the name of a layer, which may hold no spaces here."""
    return re.sub(r"[^\w.\-]", "_", name)


def _policy(description: Any) -> str:
    """Return what a model computes in: the most exact of what its layers do."""
    found = set(_policies(description))
    if "float64" in found:
        return "float64"
    return "mixed_bfloat16" if "mixed_bfloat16" in found else "float32"


def _policies(thing: Any) -> Iterator[str]:
    """Yield the names of the policies of the layers in a description."""
    if isinstance(thing, list | tuple):
        for each in thing:
            yield from _policies(each)
    elif isinstance(thing, Mapping):
        dtype = thing.get("dtype")
        if isinstance(dtype, str) and "batch_shape" not in thing and "trainable" in thing:
            yield dtype
        if thing.get("class_name") == "DTypePolicy" and isinstance(thing.get("config"), Mapping):
            yield str(thing["config"].get("name"))
        for each in thing.values():
            yield from _policies(each)
