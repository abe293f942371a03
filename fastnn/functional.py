"""Symbols, and the network of layers that leads from some to others.

``Input`` returns a symbol, and a layer that is called on symbols returns symbols: nothing is
computed, but shapes are checked and weights made.  So a symbol knows the call that it stands for,
and an output knows its whole network.  ``Sequential`` makes its symbols itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import config, nests
from fastnn.compiler.graph import Graph, Shape, Tensor, format_shape
from fastnn.operators import Operators

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

__all__ = [
    "Call",
    "Composed",
    "Ends",
    "Network",
    "Symbol",
    "call_on_symbols",
    "cut",
    "rebuild",
    "replay",
]

#: What stands for a symbol in a description: [index of the call, index of its output].
_SYMBOL = "symbol"


@dataclass(eq=False)
class Call:
    """A layer, called before there is data.

    Attributes:
        layer: the layer.
        args: what it was called on: symbols, nests of them, and constants.
        kwargs: the same by name.
        training: what the call said; ``None`` is what the model does at the time.
        result: the symbols of what it returned, one or a nest of them.
    """

    layer: Layer
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    training: bool | None = None
    result: Any = ()

    @property
    def outputs(self) -> list[Symbol]:
        """The symbols of what it returned, flat."""
        return nests.flatten(self.result)

    @property
    def inputs(self) -> list[Symbol]:
        """The symbols that it was called on."""
        leaves = nests.flatten([self.args, dict(self.kwargs)])
        return [leaf for leaf in leaves if isinstance(leaf, Symbol)]

    def __getstate__(self) -> dict[str, Any]:
        """Return a copy, which its layer, a copy without calls, is told of as this one's was."""
        return {**vars(self), "noted": self.layer.is_noted(self)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update((name, each) for name, each in state.items() if name != "noted")
        if state.get("noted", True):  # older pickles do not say
            self.layer.note_call(self)

    def __copy__(self) -> Call:
        """Return itself: its symbols know no other."""
        return self

    def __call__(self, values: dict[Symbol, Any], training: bool) -> None:
        """Call the layer on the values of its inputs; add those of its outputs."""
        args, kwargs = nests.apply(
            lambda leaf: _replaced(values, leaf),
            [list(self.args), dict(self.kwargs)],
        )
        mode = training if self.training is None else self.training
        results = nests.flatten(self.layer(*args, training=mode, **kwargs))
        values.update(zip(self.outputs, results, strict=True))


@dataclass(eq=False, frozen=True)
class Symbol(Operators):
    """An output of a layer that was called before there is data.

    A deep copy, or a pickle, is one of the network that leads to it, with its layers and their
    weights; symbols that belong together are copied together: ``copy.deepcopy((x, y))``.

    Attributes:
        shape: its shape, ``None`` for the rows of a batch.
        dtype: the precision of the weights on the way to it, ``"float32"`` or ``"float64"``; of an
            ``Input`` of whole numbers, their type.
        call: the call that it comes from.
        mask_shape: the shape of the mask that comes along with it, if one does.
        batch_size: the rows of every batch, if the ``Input`` said so.
    """

    shape: Shape
    dtype: str
    call: Call
    mask_shape: Shape | None = None
    batch_size: int | None = None

    @property
    def layer(self) -> Layer:
        """The layer that was called."""
        return self.call.layer

    @property
    def name(self) -> str:
        """The name of that layer: of an ``Input`` what a dict of samples calls it."""
        return self.layer.name

    def __copy__(self) -> Symbol:
        """Return itself: another one would be no output of the call."""
        return self

    def __repr__(self) -> str:
        return f"<Symbol {self.name}{format_shape(self.shape)}>"


def call_on_symbols(
    layer: Layer,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    training: bool | None,
    noted: bool = True,
) -> Any:
    """Return the symbols for a call of ``layer``, which is built if it was not.

    Args:
        layer: the layer.
        args: what it is called on.
        kwargs: the same by name.
        training: what the call says.
        noted: whether it is the layer's ``input`` and ``output``.

    Raises:
        ShapeError: if the layer cannot take such inputs.
        ValueError: if they differ in precision, from each other or from the layer.
    """
    if any(isinstance(leaf, np.ndarray) for leaf in nests.flatten([args, dict(kwargs)])):
        raise TypeError(f"{layer.name}: it is called on symbols and arrays; give either")
    args, kwargs = (nests.apply(lambda leaf: leaf, nest) for nest in (args, dict(kwargs)))
    call, fresh = Call(layer, args, kwargs, training), _unbuilt(layer)  # of lists that stay so
    dtype = _common_dtype(call)
    layer.adopt_dtype(dtype)
    sizes = (symbol.batch_size for symbol in call.inputs)
    graph = Graph(dtype=dtype, batch_size=next(filter(None, sizes), None))
    values = {symbol: _stand_in(graph, symbol) for symbol in call.inputs}
    given = nests.apply(lambda leaf: _replaced(values, leaf), [list(args), dict(kwargs)])
    try:
        result = layer(*given[0], **given[1])
    except BaseException:
        for each in fresh:
            each.unbuild()
        raise
    call.result = nests.apply(
        lambda y: Symbol(
            y.shape, dtype, call, None if y.mask is None else y.mask.shape, graph.batch_size
        ),
        result,
    )
    if noted:
        layer.note_call(call)
    return call.result


def _replaced(values: Mapping[Symbol, Any], leaf: Any) -> Any:
    return values[leaf] if isinstance(leaf, Symbol) else leaf


def _unbuilt(layer: Layer) -> list[Layer]:
    """Return the layers that a call of ``layer`` may build."""
    return [each for each in layer.descendants() if not each.built]


def _stand_in(graph: Graph, symbol: Symbol) -> Tensor:
    """Return a tensor of a symbol's shape, with a mask if it has one."""
    tensor = graph.place(symbol.name, symbol.shape, "arena")
    if symbol.mask_shape is not None:
        tensor.mask = graph.place(f"{symbol.name}.mask", symbol.mask_shape, "arena")
    return tensor


def _common_dtype(call: Call) -> str:
    """Return the one precision of a call's layer and inputs, of which whole numbers have none."""
    own = {call.layer.own_dtype} if call.layer.own_dtype else set()
    dtypes = {s.dtype for s in call.inputs if config.is_real(s.dtype)} | own
    if len(dtypes) > 1:
        raise ValueError(
            f"{call.layer.name}: the layer and its inputs have dtypes {', '.join(sorted(dtypes))}; "
            "give one, to Input alone"
        )
    return dtypes.pop() if dtypes else config.real_dtype(config.dtype_policy())


@dataclass
class Network:
    """The calls of layers between inputs and outputs, in the order in which they run.

    Args:
        who: the model, for messages.
        inputs: the symbols of ``Input``.
        outputs: what is wanted of them.
    """

    who: str
    inputs: Sequence[Symbol]
    outputs: Sequence[Symbol]
    calls: list[Call] = field(init=False)
    layers: list[Layer] = field(init=False)

    def __post_init__(self) -> None:
        found = list(_depth_first(self.outputs))
        sources = [symbol.call for symbol in self.inputs]
        missing = [c.layer.name for c in found if not c.inputs and c not in sources]
        for symbol in self.inputs:
            if symbol.call not in found or symbol.call.inputs:
                raise ValueError(self._unconnected(symbol, missing))
            if sources.count(symbol.call) > 1:
                raise ValueError(f"{self.who}: the input {symbol!r} is given twice")
        if missing:
            raise ValueError(
                f"{self.who}: the output also depends on the Input {missing[0]!r}; give all of "
                "them: Model(inputs=[...], outputs)"
            )
        self.calls = [call for call in found if call not in sources]
        self.layers = _by_depth(found, self.outputs)
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{self.who}: two layers are named {name!r}; each needs its own")

    def _unconnected(self, symbol: Symbol, missing: Sequence[str]) -> str:
        """Return what is wrong with an input that leads to no output; ``missing`` are the names of
        the inputs that do, and were not given."""
        said = f"{self.who}: {_list(self.outputs)} does not depend on the input {symbol!r}"
        if not missing:
            return f"{said}; leave it out of inputs, or connect it to an output"
        return (
            f"{said}, but on the Input {missing[0][:60]!r}, which inputs does not have; give that, "
            "or call the layers on what inputs has"
        )

    def __call__(self, xs: Sequence[Tensor], training: bool) -> list[Tensor]:
        """Return the outputs for the inputs ``xs``, composed in the graph that those belong to."""
        values: dict[Symbol, Any] = dict(zip(self.inputs, xs, strict=True))
        for call in self.calls:
            call(values, training)
        return [values[symbol] for symbol in self.outputs]

    @property
    def is_chain(self) -> bool:
        """Whether each layer is called once, on what the one before returned."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return False
        before = [self.inputs[0].call, *self.calls]
        return len(self.layers) == len(before) and all(
            call.inputs == last.outputs for call, last in zip(self.calls, before, strict=False)
        )

    def sources(self, layer: Layer) -> list[str]:
        """Return the names of the layers whose outputs ``layer`` is called on."""
        return [s.layer.name for call in self.calls if call.layer is layer for s in call.inputs]

    def describe(self) -> dict[str, Any]:
        """Return the calls as JSON can hold them; an input is an output of an earlier call."""
        every = [*(symbol.call for symbol in self.inputs), *self.calls]
        place = {
            symbol: {_SYMBOL: [index, at]}
            for index, call in enumerate(every)
            for at, symbol in enumerate(call.outputs)
        }

        def described(nest: Any) -> Any:
            return nests.apply(lambda leaf: _replaced(place, leaf), nests.lists(nest))

        calls = [
            {
                "layer": call.layer.name,
                "args": described(list(call.args)),
                "kwargs": described(dict(call.kwargs)),
                "training": call.training,
            }
            for call in every
        ]
        return {"calls": calls, "outputs": [place[symbol] for symbol in self.outputs]}


@dataclass(frozen=True)
class Ends:
    """Names and shapes of a model's inputs and outputs, ready for every call.

    Attributes:
        input_names: the names of the inputs.
        input_labels: what messages call them.
        input_shapes: their shapes.
        output_names: the names of the outputs.
        output_shapes: their shapes.
        row_shapes: the shapes of the outputs of one sample.
        is_single: whether one array goes in and one comes out, in no nest.
    """

    input_names: Sequence[str]
    input_labels: Sequence[str]
    input_shapes: Sequence[Shape]
    output_names: Sequence[str]
    output_shapes: Sequence[Shape]
    row_shapes: Sequence[tuple[int, ...]]
    is_single: bool

    @classmethod
    def of(cls, network: Network | Composed, outputs_nest: Any) -> Ends:
        """Return those of a network; outputs in a dict have the names of its keys, others those of
        their layers."""
        inputs = [symbol.layer.name for symbol in network.inputs]
        labels = ["x"] if len(inputs) == 1 else [f"x[{name!r}]" for name in inputs]
        outputs = [symbol.layer.name for symbol in network.outputs]
        unique = [
            f"{name}_{outputs[:index].count(name)}" if name in outputs[:index] else name
            for index, name in enumerate(outputs)
        ]
        if isinstance(outputs_nest, dict) and len(outputs_nest) == len(outputs):
            unique = sorted(outputs_nest)
        shapes = [symbol.shape for symbol in network.outputs]
        rows = [tuple(n for n in shape if n is not None) for shape in shapes]
        sources = [symbol.shape for symbol in network.inputs]
        single = len(inputs) == 1 and (outputs_nest is None or isinstance(outputs_nest, Symbol))
        return cls(inputs, labels, sources, unique, shapes, rows, single)


@dataclass
class Composed:
    """What a sub-classed model computes: inputs and outputs, and a function from some to others.

    Args:
        call: the function of nests.
        nest: that of the inputs.
        inputs: the symbols of the inputs.
        outputs: those of the outputs, without the calls between.
        layers: the layers that the model holds.
    """

    call: Callable[[Any, bool], Any]
    nest: Any
    inputs: Sequence[Symbol]
    outputs: Sequence[Symbol]
    layers: Sequence[Layer]

    is_chain = True  # as far as one can know

    def __call__(self, xs: Sequence[Tensor], training: bool) -> list[Tensor]:
        """Return the outputs for the inputs ``xs``, composed in the graph that those belong to."""
        with xs[0].graph.mode(training):
            return nests.flatten(self.call(nests.pack(self.nest, xs), training))

    def sources(self, layer: Layer) -> list[str]:
        """Return nothing: what calls what is in the model's code."""
        return []


def cut(inputs: Sequence[Symbol], outputs: Sequence[Symbol]) -> tuple[list[Symbol], list[Symbol]]:
    """Return inputs and outputs of a network that may begin in the middle of another one.

    Where an input is not what ``Input`` returned, there is an ``Input`` in its place, and the
    layers after it are called once more.
    """
    from fastnn.layers.core import InputLayer

    values: dict[Symbol, Symbol] = {}
    for symbol in inputs:
        known = symbol
        if symbol.call.inputs:
            sizes = [n for n in symbol.shape if n]
            known = InputLayer(sizes, dtype=symbol.dtype, batch_size=symbol.batch_size).output
        values[symbol] = known
    if all(values[symbol] is symbol for symbol in inputs):
        return list(inputs), list(outputs)
    for call in _depth_first(outputs, values):
        if all(values.setdefault(symbol, symbol) is symbol for symbol in call.inputs):
            continue
        args, kwargs = nests.apply(
            lambda leaf: _replaced(values, leaf), [list(call.args), dict(call.kwargs)]
        )
        again = call_on_symbols(call.layer, tuple(args), kwargs, call.training, noted=False)
        values.update(zip(call.outputs, nests.flatten(again), strict=True))
    return [values[symbol] for symbol in inputs], [values.get(each, each) for each in outputs]


def replay(
    network: Network, inputs: Sequence[Symbol], layers: Mapping[Layer, Layer]
) -> list[Symbol]:
    """Return the outputs of a network's calls, made of other layers on other inputs."""
    values = dict(zip(network.inputs, inputs, strict=True))
    for call in network.calls:
        args, kwargs = nests.apply(
            lambda leaf: _replaced(values, leaf), [list(call.args), dict(call.kwargs)]
        )
        again = call_on_symbols(layers[call.layer], tuple(args), kwargs, call.training)
        values.update(zip(call.outputs, nests.flatten(again), strict=True))
    return [values[symbol] for symbol in network.outputs]


def rebuild(
    description: Mapping[str, Any], layers: Iterable[Layer]
) -> tuple[list[Symbol], list[Symbol]]:
    """Return inputs and outputs of the network that ``describe`` described.

    Args:
        description: what it returned.
        layers: layers of those names.
    """
    known = {layer.name: layer for layer in layers}
    results: list[Sequence[Symbol]] = []
    inputs = []
    for call in description["calls"]:
        layer: Any = known[call["layer"]]
        args, kwargs = (_resolved(layer.name, call[key], results) for key in ("args", "kwargs"))
        if not args:
            inputs.append(layer.output)
            results.append((layer.output,))
            continue
        training = None if call["training"] is None else bool(call["training"])
        made = call_on_symbols(layer, tuple(args), kwargs, training)
        results.append(nests.flatten(made))
    return inputs, _resolved("outputs", description["outputs"], results)


def _resolved(who: str, nest: Any, results: Sequence[Sequence[Symbol]]) -> Any:
    """Return a description with the symbols that it names."""
    if isinstance(nest, dict) and set(nest) == {_SYMBOL}:
        place = nest[_SYMBOL]
        whole = isinstance(place, list) and [type(i) for i in place] == [int, int]
        if not whole or not 0 <= place[0] < len(results):
            raise ValueError(f"{who}: its inputs are not outputs of calls before it")
        if not 0 <= place[1] < len(results[place[0]]):
            raise ValueError(f"{who}: its inputs are not outputs of calls before it")
        return results[place[0]][place[1]]
    if isinstance(nest, dict):
        return {key: _resolved(who, each, results) for key, each in nest.items()}
    return [_resolved(who, each, results) for each in nest] if isinstance(nest, list) else nest


def _list(symbols: Sequence[Symbol]) -> str:
    return ", ".join(map(repr, symbols))[:150]


# ---- orders --------------------------------------------------------------------------------------


def _depth_first(outputs: Iterable[Symbol], known: Container[Symbol] = ()) -> Iterator[Call]:
    """Yield all calls that ``outputs`` depend on, inputs before what is made of them; ``known``
    symbols depend on nothing."""
    done: set[Call] = set()

    def before(call: Call) -> Iterator[Call]:
        return iter([each.call for each in call.inputs if each not in known])

    for output in outputs:
        path = [(output.call, before(output.call))] if output not in known else []
        while path:
            call, rest = path[-1]
            following = next((each for each in rest if each not in done), None)
            if following is not None:
                path.append((following, before(following)))
                continue
            path.pop()
            if call not in done:
                done.add(call)
                yield call


def _by_depth(found: Sequence[Call], outputs: Sequence[Symbol]) -> list[Layer]:
    """Return the layers as Keras lists them, which is the order of the weights: by their distance
    from the outputs, the farthest first; those of one distance as a search from there meets
    them."""
    distance: dict[Call, int] = defaultdict(int)
    of_layer: dict[Layer, int] = {}
    for call in reversed(found):
        layer = call.layer
        of_layer[layer] = distance[call] = max(distance[call], of_layer.get(layer, 0))
        for each in call.inputs:
            distance[each.call] = max(distance[each.call], distance[call] + 1)
    met = _met_first(outputs)
    return sorted(of_layer, key=lambda layer: (-of_layer[layer], met[layer]))


def _met_first(outputs: Sequence[Symbol]) -> dict[Layer, int]:
    """Return the order in which a search from the outputs meets the layers."""
    met: dict[Layer, int] = {}
    seen: set[Call] = set()
    waiting = [symbol.call for symbol in reversed(outputs)]
    while waiting:
        call = waiting.pop()
        if call not in seen:
            seen.add(call)
            met.setdefault(call.layer, len(met))
            waiting.extend(symbol.call for symbol in reversed(call.inputs))
    return met
