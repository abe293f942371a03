"""Symbols, and the network of layers that leads from one to another.

``Input`` returns a symbol, and a layer that is called on symbols returns a symbol: nothing is
computed, but shapes are checked and weights made.  So a symbol knows the call that it stands for,
and an output knows its whole network.  ``Sequential`` makes its symbols itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastnn.compiler.graph import Graph, Shape, Tensor, format_shape

if TYPE_CHECKING:
    from fastnn.layers.base import Layer

__all__ = ["Network", "Symbol", "call_on_symbols"]


@dataclass(eq=False, frozen=True)
class Symbol:
    """The output of a layer that was called before there is data.

    Attributes:
        shape: its shape, ``None`` for the rows of a batch.
        dtype: the precision of the weights on the way to it, ``"float32"`` or ``"float64"``.
        layer: the layer that was called.
        inputs: the symbols that it was called on.
        as_list: whether they came in a list, as those of ``Add``.
        training: what the call said; ``None`` is what the model does at the time.
    """

    shape: Shape
    dtype: str
    layer: Layer
    inputs: tuple[Symbol, ...] = ()
    as_list: bool = False
    training: bool | None = None

    def __add__(self, other: Symbol) -> Symbol:
        return self._merged("Add", other)

    def __sub__(self, other: Symbol) -> Symbol:
        return self._merged("Subtract", other)

    def __mul__(self, other: Symbol) -> Symbol:
        return self._merged("Multiply", other)

    def _merged(self, kind: str, other: Symbol) -> Symbol:
        from fastnn.layers import merging

        merged: Symbol = getattr(merging, kind)()([self, other])
        return merged

    def __repr__(self) -> str:
        return f"<Symbol {self.layer.name}{format_shape(self.shape)}>"


def call_on_symbols(layer: Layer, inputs: Any, training: bool | None) -> Symbol:
    """Return the symbol for a call of ``layer``, which is built if it was not.

    Raises:
        ShapeError: if the layer cannot take such inputs.
        ValueError: if they differ in precision, from each other or from the layer.
    """
    as_list, built = isinstance(inputs, list | tuple), layer.built
    symbols: tuple[Symbol, ...] = tuple(inputs) if as_list else (inputs,)
    dtypes = {symbol.dtype for symbol in symbols} | ({layer.dtype} if layer.dtype else set())
    if len(dtypes) > 1:
        raise ValueError(
            f"{layer.name}: the layer and its inputs have dtypes {', '.join(sorted(dtypes))}; give "
            "one, to Input alone"
        )
    layer.dtype = symbols[0].dtype
    graph = Graph()
    tensors = [graph.place(symbol.layer.name, symbol.shape, "arena") for symbol in symbols]
    try:
        y = layer(tensors if as_list else tensors[0])
    except BaseException:
        if not built:
            layer.unbuild()
        raise
    return Symbol(y.shape, symbols[0].dtype, layer, symbols, as_list, training)


@dataclass
class Network:
    """The calls of layers between an input and an output, in the order in which they run.

    Args:
        who: the model, for messages.
        input: the symbol of the ``Input``.
        output: what is wanted of it.
    """

    who: str
    input: Symbol
    output: Symbol
    calls: list[Symbol] = field(init=False)
    layers: list[Layer] = field(init=False)

    def __post_init__(self) -> None:
        found = list(_depth_first(self.output))
        if self.input not in found or self.input.inputs:
            raise ValueError(
                f"{self.who}: {self.output!r} does not depend on the input {self.input!r}; inputs "
                "has to be what Input returned"
            )
        strangers = [s.layer.name for s in found if not s.inputs and s is not self.input]
        if strangers:
            raise ValueError(
                f"{self.who}: the output also depends on the Input {strangers[0]!r}; a model has "
                "one input so far, so join the data to one array, and give one Input"
            )
        self.calls = [symbol for symbol in found if symbol is not self.input]
        self.layers = _by_depth(found)
        names = [layer.name for layer in self.layers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{self.who}: two layers are named {name!r}; each needs its own")

    def __call__(self, x: Tensor, training: bool) -> Tensor:
        """Return the output for the input ``x``, composed in the graph that ``x`` belongs to."""
        values = {self.input: x}
        for call in self.calls:
            given = [values[symbol] for symbol in call.inputs]
            mode = training if call.training is None else call.training
            values[call] = call.layer(given if call.as_list else given[0], mode)
        return values[self.output]

    @property
    def is_chain(self) -> bool:
        """Whether each layer is called once, on what the one before returned."""
        before = [self.input, *self.calls]
        return len(self.layers) == len(before) and all(
            call.inputs == (last,) for call, last in zip(self.calls, before, strict=False)
        )

    def sources(self, layer: Layer) -> list[str]:
        """Return the names of the layers whose outputs ``layer`` is called on."""
        return [s.layer.name for call in self.calls if call.layer is layer for s in call.inputs]

    def describe(self) -> list[dict[str, Any]]:
        """Return the calls as JSON can hold them; an input is the index of an earlier call."""
        every = [self.input, *self.calls]
        place = {symbol: index for index, symbol in enumerate(every)}
        return [
            {
                "layer": symbol.layer.name,
                "inputs": [place[each] for each in symbol.inputs],
                "as_list": symbol.as_list,
                "training": symbol.training,
            }
            for symbol in every
        ]


def rebuild(calls: Sequence[Mapping[str, Any]], layers: Iterable[Layer]) -> tuple[Symbol, Symbol]:
    """Return input and output of the network that ``describe`` described.

    Args:
        calls: what it returned.
        layers: layers of those names, an ``InputLayer`` first of all.
    """
    known = {layer.name: layer for layer in layers}
    first = known[calls[0]["layer"]]
    symbols: list[Symbol] = [first.output]  # type: ignore[attr-defined]
    for call in calls[1:]:
        if not all(type(i) is int and 0 <= i < len(symbols) for i in call["inputs"]):
            raise ValueError(f"{call['layer']}: its inputs are not outputs of calls before it")
        given = [symbols[i] for i in call["inputs"]]
        training = None if call["training"] is None else bool(call["training"])
        layer = known[call["layer"]]
        symbols.append(call_on_symbols(layer, given if call["as_list"] else given[0], training))
    return symbols[0], symbols[-1]


# ---- orders --------------------------------------------------------------------------------------


def _depth_first(output: Symbol) -> Iterator[Symbol]:
    """Yield all symbols that ``output`` depends on, inputs before what is made of them."""
    done: set[Symbol] = set()
    path = [(output, iter(output.inputs))]
    while path:
        symbol, rest = path[-1]
        following = next((each for each in rest if each not in done), None)
        if following is not None:
            path.append((following, iter(following.inputs)))
            continue
        path.pop()
        if symbol not in done:
            done.add(symbol)
            yield symbol


def _by_depth(found: Sequence[Symbol]) -> list[Layer]:
    """Return the layers as Keras lists them, which is the order of the weights: by their distance
    from the output, the farthest first; those of one distance as a search from there meets them."""
    distance: dict[Symbol, int] = defaultdict(int)
    of_layer: dict[Layer, int] = {}
    for symbol in reversed(found):
        layer = symbol.layer
        of_layer[layer] = distance[symbol] = max(distance[symbol], of_layer.get(layer, 0))
        for each in symbol.inputs:
            distance[each] = max(distance[each], distance[symbol] + 1)
    met = _met_first(found[-1])
    return sorted(of_layer, key=lambda layer: (-of_layer[layer], met[layer]))


def _met_first(output: Symbol) -> dict[Layer, int]:
    """Return the order in which a search from the output meets the layers."""
    met: dict[Layer, int] = {}
    seen: set[Symbol] = set()
    waiting = [output]
    while waiting:
        symbol = waiting.pop()
        if symbol not in seen:
            seen.add(symbol)
            met.setdefault(symbol.layer, len(met))
            waiting.extend(reversed(symbol.inputs))
    return met
