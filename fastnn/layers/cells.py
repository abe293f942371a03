"""Cells: what a recurrent layer does in one step of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import activations, nests, ops
from fastnn._checks import flag
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.initializers import Initializer
from fastnn.layers.base import Layer
from fastnn.layers.core import fraction, positive
from fastnn.layers.randomness import RandomLayer
from fastnn.layers.serialization import deserialize, serialize
from fastnn.ops.table import activation_names
from fastnn.variables import Variable

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "Walker", "sizes_of"]

Activation = str | Callable[[Tensor], Tensor] | None

#: The states after every step, after the last one, and all that a next walk begins with.
Walk = tuple[Tensor, Tensor, list[Any]]


def arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor from its ``locals()``, when it begins."""
    return {name: value for name, value in given.items() if name not in ("self", "__class__")}


class Walker(Layer):
    """A cell that walks over all steps of a sequence in one operation."""

    def walk(
        self, x: Tensor, states: Sequence[Any] | None, mask: Tensor | None, training: bool
    ) -> Walk:
        """Return the outputs of all steps, that of the last one, and the states after it.

        Args:
            x: (rows, time, features).
            states: those before the first step; ``None`` is zeros.
            mask: (rows, time), 0 where a step is left out; ``None``: all count.
            training: whether there is dropout.
        """
        raise NotImplementedError


class _Cell(RandomLayer, Walker):
    """A cell of fastnn's own: options, weights, dropout.

    Args:
        units: size of the state.
        activation: name or function.
        use_bias: whether there is a bias.
        dropout: share of features that are dropped.
        recurrent_dropout: share of units that are dropped.
        seed: what both are drawn from.
        options: initializers, regularizers and constraints of the weights; those of ``Layer``.
    """

    #: The kernels have so many columns for each unit.
    gates: int
    bias: Variable | None
    bias_initializer: Initializer

    #: The names of the states, for messages.
    state_names: tuple[str, ...] = ("h",)

    def __init__(
        self,
        units: int,
        activation: Activation,
        use_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        **options: Any,
    ):
        kinds = ("initializer", "regularizer", "constraint")
        weights = {
            what: [options.pop(f"{what}_{kind}") for kind in kinds]
            for what in ("kernel", "recurrent", "bias")
        }
        super().__init__(seed, **options)
        self.units = positive(self.name, "units", units)
        self.activation = _activation(self.name, "activation", activation)
        self.use_bias = flag(self.name, "use_bias", use_bias)
        for what, kept in weights.items():
            self.describe_weight(what, *kept)
        self.dropout = fraction(self.name, "dropout", dropout)
        self.recurrent_dropout = fraction(self.name, "recurrent_dropout", recurrent_dropout)

    @property
    def state_size(self) -> int | list[int]:
        """The size of the state, or of several states."""
        count = len(self.state_names)
        return [self.units] * count if count > 1 else self.units

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self.units

    def build(self, input_shape: Shape) -> None:
        """Make the kernels and the bias."""
        if len(input_shape) != 2:
            raise ShapeError(
                f"{self.name}: expected one step of sequences, (rows, features), got "
                f"{format_shape(input_shape)}"
            )
        columns = self.gates * self.units
        shape, recurrent = (input_shape[-1], columns), (self.units, columns)
        self.kernel = self.add_described("kernel", shape)
        self.recurrent_kernel = self.add_described("recurrent", recurrent, "recurrent_kernel")
        self.bias = None
        if self.use_bias:
            self.bias = self.add_described("bias", self._bias_shape(), initializer=self._first_bias)

    def _bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def _first_bias(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return self.bias_initializer(shape, dtype)

    def call(  # type: ignore[override]
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> tuple[Tensor, list[Any]]:
        """Return the output of a step, and the states after it.

        Args:
            inputs: (rows, features).
            states: the states before it, a list of tensors (rows, units).
            training: whether there is dropout, of the same units at all steps.
        """
        if training and self.dropout:
            inputs = ops.multiply(inputs, self._kept(inputs, self.dropout))
        before = nests.flatten(states)
        rate = self._kept(before[0], self.recurrent_dropout) if training else 0.0
        step = ops.reshape(inputs, (None, 1, inputs.shape[-1]))
        _, *after = self._steps(step, _only(before), None, rate)
        return after[0], after

    def _kept(self, x: Tensor, rate: float) -> Any:
        """Return what multiplies ``x`` such that some of it is dropped: the same in the whole
        graph, as all steps belong together."""
        if not rate:
            return 0.0
        notes, key = x.graph.notes, (self, x.shape)
        if key not in notes:
            notes[key] = ops.dropout(ops.ones_like(x), rate, seed=self.seed)
        return notes[key]

    def walk(
        self, x: Tensor, states: Sequence[Any] | None, mask: Tensor | None, training: bool
    ) -> Walk:
        """Return the states after every step, and after the last."""
        if training and self.dropout:
            x = ops.dropout_steps(x, self.dropout, self.seed)
        rate = self.recurrent_dropout if training else 0.0
        y, *after = self._steps(x, _only(states), mask, rate)
        return y, after[0], after

    def _steps(self, x: Tensor, states: Any, mask: Tensor | None, rate: Any) -> tuple[Tensor, ...]:
        """Return the states after every step, and after the last."""
        raise NotImplementedError

    def _names(self) -> dict[str, str]:
        """Return the names of the activations, as operations take them."""
        return {"activation": self.activation.__name__}

    def _walking(self, mask: Tensor | None, states: Any, rate: Any) -> dict[str, Any]:
        """Return the options of an operation."""
        given = {"mask": mask, "initial_state": states, "recurrent_dropout": rate}
        return {**given, "seed": self.seed, **self._names()}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal cell."""
        kept = ("units", "use_bias", "dropout", "recurrent_dropout")
        return {
            **{name: getattr(self, name) for name in kept},
            **self._names(),
            **super().get_config(),
        }


def _only(states: Sequence[Any] | None) -> Any:
    """Return the states as operations take them: a list only of several."""
    return states[0] if states is not None and len(states) == 1 else states


class SimpleRNNCell(_Cell):
    """One step of ``SimpleRNN``: ``h_t = activation(x_t @ kernel + h_{t-1} @ recurrent_kernel +
    bias)``.

    Args:
        units: size of the state, at least 1.
        activation: one of ``"linear"``, ``"relu"``, ``"sigmoid"``, ``"step"``, ``"tanh"``;
            ``None`` is linear.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        recurrent_initializer: first value of the recurrent kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        recurrent_regularizer: what that of the recurrent kernel costs.
        bias_regularizer: what that of the bias costs.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        recurrent_constraint: what the recurrent kernel is held to.
        bias_constraint: what the bias is held to.
        dropout: share of the inputs' features that a sequence is trained without, in [0, 1).
        recurrent_dropout: share of the state's units that it is trained without, in [0, 1).
        seed: what both are drawn from; ``None``: the seed of the process.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: inputs (rows, in), states [(rows, units)]; returns the output (rows, units) and states
    alike.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import RNN, SimpleRNNCell
        >>> RNN(SimpleRNNCell(4))(fastnn.Input((5, 3))).shape
        (None, 4)
    """

    gates = 1

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(**arguments(locals()))

    def _steps(self, x: Tensor, states: Any, mask: Tensor | None, rate: Any) -> tuple[Tensor, ...]:
        options = self._walking(mask, states, rate)
        return ops.simple_rnn(x, self.kernel, self.recurrent_kernel, self.bias, **options)


class _GatedCell(_Cell):
    """A cell whose gates have an activation of their own."""

    def __init__(self, recurrent_activation: Activation, **options: Any):
        super().__init__(**options)
        self.recurrent_activation = _activation(
            self.name, "recurrent_activation", recurrent_activation
        )

    def _names(self) -> dict[str, str]:
        return {**super()._names(), "recurrent_activation": self.recurrent_activation.__name__}


class LSTMCell(_GatedCell):
    """One step of ``LSTM``, whose formulas it has.

    Args:
        units: size of state and cell, at least 1.
        activation: one of ``"linear"``, ``"relu"``, ``"sigmoid"``, ``"step"``, ``"tanh"``;
            ``None`` is linear.
        recurrent_activation: that of the gates i, f and o.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        recurrent_initializer: first value of the recurrent kernel.
        bias_initializer: first value of the bias.
        unit_forget_bias: whether the bias of the gate f begins at 1: what is in the cell stays.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        recurrent_regularizer: what that of the recurrent kernel costs.
        bias_regularizer: what that of the bias costs.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        recurrent_constraint: what the recurrent kernel is held to.
        bias_constraint: what the bias is held to.
        dropout: share of the inputs' features that a sequence is trained without, in [0, 1).
        recurrent_dropout: share of the state's units that it is trained without, in [0, 1).
        seed: what both are drawn from; ``None``: the seed of the process.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: inputs (rows, in), states h and c, (rows, units) each; returns the output (rows, units)
    and states alike.
    """

    gates = 4
    state_names = ("h", "c")

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        given = arguments(locals())
        del given["unit_forget_bias"]
        super().__init__(**given)
        self.unit_forget_bias = flag(self.name, "unit_forget_bias", unit_forget_bias)

    def _first_bias(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if not self.unit_forget_bias:
            return super()._first_bias(shape, dtype)
        n, initial = self.units, self.bias_initializer
        ones = np.ones(n, dtype)
        return np.concatenate([initial((n,), dtype), ones, initial((2 * n,), dtype)])

    def _steps(self, x: Tensor, states: Any, mask: Tensor | None, rate: Any) -> tuple[Tensor, ...]:
        options = self._walking(mask, states, rate)
        return ops.lstm(x, self.kernel, self.recurrent_kernel, self.bias, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal cell."""
        return {"unit_forget_bias": self.unit_forget_bias, **super().get_config()}


class GRUCell(_GatedCell):
    """One step of ``GRU``, whose formulas it has.

    Args:
        units: size of the state, at least 1.
        activation: one of ``"linear"``, ``"relu"``, ``"sigmoid"``, ``"step"``, ``"tanh"``;
            ``None`` is linear.
        recurrent_activation: that of the gates z and r.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        recurrent_initializer: first value of the recurrent kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        recurrent_regularizer: what that of the recurrent kernel costs.
        bias_regularizer: what that of the bias costs.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        recurrent_constraint: what the recurrent kernel is held to.
        bias_constraint: what the bias is held to.
        dropout: share of the inputs' features that a sequence is trained without, in [0, 1).
        recurrent_dropout: share of the state's units that it is trained without, in [0, 1).
        seed: what both are drawn from; ``None``: the seed of the process.
        reset_after: whether the gate r acts after the recurrent product, or before it.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: inputs (rows, in), states [(rows, units)]; returns the output (rows, units) and states
    alike.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        given = arguments(locals())
        del given["reset_after"]
        super().__init__(**given)
        self.reset_after = flag(self.name, "reset_after", reset_after)

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _steps(self, x: Tensor, states: Any, mask: Tensor | None, rate: Any) -> tuple[Tensor, ...]:
        options = {**self._walking(mask, states, rate), "reset_after": self.reset_after}
        return ops.gru(x, self.kernel, self.recurrent_kernel, self.bias, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal cell."""
        return {"reset_after": self.reset_after, **super().get_config()}


class StackedRNNCells(Walker):
    """Cells one upon another as one cell: the output of each is the input of the next.

    Args:
        cells: a list of cells, from the first to the last.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    The states are a list of those of each cell.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import RNN, LSTMCell, StackedRNNCells
        >>> RNN(StackedRNNCells([LSTMCell(4), LSTMCell(3)]))(fastnn.Input((5, 2))).shape
        (None, 3)
    """

    def __init__(
        self,
        cells: Sequence[Layer],
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if not isinstance(cells, list | tuple) or not cells:
            raise TypeError(f"{self.name}: expected a list of cells, got {type(cells).__name__}")
        self.cells = [checked_cell(self.name, cell) for cell in cells]

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the output of the last cell."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        """Make the weights of all cells."""
        shape = tuple(input_shape)
        for cell in self.cells:
            build_cell(cell, shape, self.dtype)
            shape = (None, output_size_of(cell))

    def call(  # type: ignore[override]
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> tuple[Tensor, list[Any]]:
        """Return the output of the last cell, and the states of all."""
        after = []
        for cell, before in zip(self.cells, states, strict=True):
            several = isinstance(before, list | tuple)
            result = call_cell(cell, inputs, list(before) if several else [before], training)
            inputs, now = result
            after.append(now if several else now[0])
        return inputs, after

    @property
    def walks(self) -> bool:
        """Whether all cells walk over a sequence in one operation."""
        return all(map(walks, self.cells))

    def walk(
        self, x: Tensor, states: Sequence[Any] | None, mask: Tensor | None, training: bool
    ) -> Walk:
        """Return what the last cell makes of what the one before it makes, and so on."""
        after: list[Any] = []
        for cell, before in zip(self.cells, states or [None] * len(self.cells), strict=True):
            given = None if before is None else nests.flatten(before)
            x, last, now = cell.walk(x, given, mask, training)
            after.append(now if isinstance(cell.state_size, list) else now[0])
        return x, last, after

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal cell."""
        return {"cells": [serialize(cell) for cell in self.cells], **super().get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return the cell that ``get_config`` described."""
        return cls(**{**config, "cells": [deserialize(cell) for cell in config["cells"]]})


# ---- what is asked of any cell -------------------------------------------------------------------


def checked_cell(who: str, cell: Any) -> Any:
    """Return a layer that has what a cell needs.

    Raises:
        TypeError: if it is no layer.
        ValueError: if it does not say what its states are.
    """
    if not isinstance(cell, Layer):
        hint = "; write it with ()" if isinstance(cell, type) else ""
        raise TypeError(
            f"{who}: a cell is a layer whose call(inputs, states) returns an output and a list of "
            f"states, got {type(cell).__name__}{hint}"
        )
    sizes = getattr(cell, "state_size", None)
    leaves = nests.flatten(sizes)
    if not leaves or not all(isinstance(n, int) and n > 0 for n in leaves):
        raise ValueError(
            f"{who}: the cell {cell.name!r} needs a state_size, an integer or a list of them, one "
            f"for each state, got {sizes!r:.60}"
        )
    return cell


def sizes_of(cell: Any) -> list[Any]:
    """Return the sizes of a cell's states, as a list."""
    sizes = cell.state_size
    return nests.lists(sizes) if isinstance(sizes, list | tuple) else [sizes]


def output_size_of(cell: Any) -> int:
    """Return the size of a cell's output, that of its first state unless it says another."""
    size = getattr(cell, "output_size", None)
    return int(nests.flatten(cell.state_size)[0] if size is None else size)


def build_cell(cell: Layer, input_shape: Shape, dtype: str | None) -> None:
    """Make the weights of a cell, unless it has some."""
    if not cell.built:
        for each in cell.descendants():
            if each.own_dtype is None and dtype is not None:
                each.adopt_dtype(dtype)
        cell.build(input_shape)
        cell.built = True


def walks(cell: Any) -> bool:
    """Return whether a cell walks over a sequence in one operation."""
    return isinstance(cell, Walker) and bool(getattr(cell, "walks", True))


def call_cell(
    cell: Any, inputs: Tensor, states: list[Any], training: bool
) -> tuple[Tensor, list[Any]]:
    """Return the output of a step, and a list of the states after it.

    Raises:
        TypeError: if the cell returns anything else.
        ShapeError: if a state has another shape than before.
    """
    result = cell(inputs, states, training=training)
    if not isinstance(result, list | tuple) or len(result) != 2:
        raise TypeError(f"{cell.name}: a cell returns an output and a list of states")
    output, after = result
    after = list(after) if isinstance(after, list | tuple) else [after]
    shapes = [[s.shape for s in nests.flatten(each)] for each in (states, after)]
    if not isinstance(output, Tensor) or shapes[0] != shapes[1]:
        raise ShapeError(
            f"{cell.name}: a step has to return one output and states of shapes "
            f"{', '.join(map(format_shape, shapes[0]))}, got states of "
            f"{', '.join(map(format_shape, shapes[1]))}"[:390]
        )
    return output, nests.pack(states, nests.flatten(after))


def _activation(who: str, argument: str, given: Activation) -> Callable[[Tensor], Tensor]:
    """Return an activation that the kernels of recurrent layers have."""
    activation = activations.get(given)
    known = [activations.get(name) for name in activation_names()]
    if activation not in known:
        raise ValueError(
            f"{who}: {argument} acts inside of a compiled step and must be one of "
            f"{', '.join(activation_names())}; got {getattr(activation, '__name__', given)!r:.40}"
        )
    return activation
