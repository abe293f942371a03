"""Recurrent layers: a state is carried from step to step of a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastnn import config, nests, ops, registry
from fastnn._checks import flag
from fastnn.compiler.graph import Graph, Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.cells import (
    Activation,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    _Cell,
    arguments,
    build_cell,
    call_cell,
    checked_cell,
    sizes_of,
    walks,
)
from fastnn.layers.serialization import deserialize, serialize
from fastnn.naming import snake_case, unique_name
from fastnn.variables import State

__all__ = ["GRU", "LSTM", "RNN", "SimpleRNN"]

_FLAGS = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
)


class RNN(Layer):
    """Walks over a sequence with a cell.

    Args:
        cell: a layer whose ``call(inputs, states)`` returns the output of a step and a list of the
            states after it, and whose ``state_size`` is an integer, or a list of them, one for each
            state.  Its ``output_size`` is that of the first state unless it says another.  A list
            of cells is ``StackedRNNCells`` of them.
        return_sequences: whether the outputs of all steps are returned, or the last one alone.
        return_state: whether the states after the last step are returned besides.
        go_backwards: whether the walk, and what it returns, begins with the last step.
        stateful: whether the states after a batch are those before the next one, row by row; see
            ``reset_states``.
        unroll: accepted, and of no effect: the walk is always compiled.
        zero_output_for_mask: whether what is returned of a step that a mask leaves out is 0, or
            what the step before returned.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.
        activity_regularizer: what the size of the output costs, divided by the rows of the batch.

    Shapes: x (rows, time, ...), y (rows, output_size), or (rows, time, output_size) with
    ``return_sequences``.

    With ``stateful``, row i of a batch goes on where row i of the batch before ended, in ``fit``,
    ``evaluate`` and ``predict`` alike, until ``reset_states``.  Every batch has as many rows,
    ``Input(shape, batch_size=32)``; samples that belong together are so many rows apart, and
    ``fit`` takes them in order with ``shuffle=False``.  No gradient goes back to an earlier batch.

    Cells of fastnn's own walk over all steps in one operation, as ``LSTM`` and its like do.  One of
    your own is composed of ``fastnn.ops``, and compiled once for each step.

    Example:
        >>> import fastnn
        >>> from fastnn import ops
        >>> class Sum(fastnn.layers.Layer):
        ...     state_size = 1
        ...     def call(self, inputs, states):
        ...         total = states[0] + ops.sum(inputs, -1, keepdims=True)
        ...         return total, [total]
        >>> model = fastnn.Sequential([fastnn.Input((3, 1)), fastnn.layers.RNN(Sum())])
        >>> model.predict([[[4.0], [0.0], [1.0]]])
        array([[5.]], dtype=float32)
    """

    supports_masking = True

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        activity_regularizer: Any = None,
    ):
        given = arguments(locals())
        own = ("name", "trainable", "dtype", "activity_regularizer")
        super().__init__(**{key: given[key] for key in own})
        self.return_sequences = flag(self.name, "return_sequences", return_sequences)
        self.return_state = flag(self.name, "return_state", return_state)
        self.go_backwards = flag(self.name, "go_backwards", go_backwards)
        self.stateful = flag(self.name, "stateful", stateful)
        self.unroll = flag(self.name, "unroll", unroll)
        self.zero_output_for_mask = flag(self.name, "zero_output_for_mask", zero_output_for_mask)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell)
        self.cell = checked_cell(self.name, cell)
        #: The states after the last batch, where they are kept; no weights.
        self.states: list[State] | None = None

    def build(self, input_shape: Shape) -> None:
        """Make the weights of the cell."""
        if len(input_shape) < 3:
            raise self._no_sequences(input_shape)
        build_cell(self.cell, (None, *input_shape[2:]), self.dtype)
        if self.stateful:
            graph = Graph.composed()
            self.states = self._first_states(None if graph is None else graph.batch_size)

    def _first_states(self, rows: int | None) -> list[State]:
        """Return states of zeros for each row of a batch."""
        if rows is None:
            raise ValueError(
                f"{self.name}: stateful=True keeps a state for each row of a batch, so their "
                "number has to be known: Input(shape, batch_size=32)"
            )
        dtype = self.dtype or config.floatx()
        return [
            State((rows, size), f"{self.name}/state{i}", dtype)
            for i, size in enumerate(nests.flatten(sizes_of(self.cell)))
        ]

    @property
    def kept_rows(self) -> int | None:
        """The rows of every batch, if states are kept for them."""
        return self.states[0].shape[0] if self.states else None

    def reset_states(self) -> None:
        """Let the next batch begin with states of zeros, if states are kept."""
        for state in self.states or []:
            state.assign(np.zeros(state.shape))

    reset_state = reset_states

    def _no_sequences(self, input_shape: Shape) -> ShapeError:
        return ShapeError(
            f"{self.name}: expected sequences (rows, time, features), got "
            f"{format_shape(input_shape)}; Reshape((time, features)) makes them of flat rows; "
            "a recurrent layer before it gives all steps with return_sequences=True"
        )

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Return the last output, or with ``return_sequences`` that of every step; with
        ``return_state`` a list of it and the states after the last step.

        Args:
            sequences: (rows, time, ...).
            initial_state: the state before the first step, or a list of the states, (rows, units)
                each; ``None`` is zeros, or with ``stateful`` what the batch before left.
            mask: (rows, time), 0 where a step is left out; ``None`` is that of ``sequences``.
            training: whether there is dropout.
        """
        x = sequences
        if self.go_backwards:
            x, mask = ops.reverse(x), None if mask is None else ops.reverse(mask)
        states = self._states(initial_state)
        if states is None and self.states is not None:
            states = self._kept(x.graph)
        walk = self.cell.walk if walks(self.cell) else self._unrolled
        y, last, states = walk(x, states, mask, training)
        for kept, state in zip(self.states or [], nests.flatten(states), strict=False):
            x.graph.remember(kept, state)
        y = self._shown(y, last, mask)
        return [y, *states] if self.return_state else y

    def _kept(self, graph: Graph) -> list[Any]:
        """Return the states that the batch before left."""
        assert self.states is not None
        if graph.batch_size not in (None, self.kept_rows):
            raise ShapeError(
                f"{self.name}: it keeps states for batches of {self.kept_rows} rows, got an input "
                f"of batches of {graph.batch_size}"
            )
        recalled = [graph.recall(state) for state in self.states]
        packed: list[Any] = nests.pack(sizes_of(self.cell), recalled)
        return packed

    def _unrolled(
        self, x: Tensor, states: list[Any] | None, mask: Tensor | None, training: bool
    ) -> tuple[Any, Tensor, list[Any]]:
        """Return the outputs of a cell that is called for each step, the last one, the states."""
        steps = ops.unstack(x, axis=1)
        counts = [None] * len(steps) if mask is None else ops.unstack(mask, axis=1)
        states = states or nests.apply(lambda n: _zeros(x, n), sizes_of(self.cell))
        outputs: list[Tensor] = []
        first = nests.flatten(states[-1])[0]
        for step, count in zip(steps, counts, strict=True):
            y, after = call_cell(self.cell, step, states, training)
            if count is not None:
                if outputs:
                    first = outputs[-1]
                y = _chosen(count, y, first if first.shape == y.shape else 0.0)
                pairs = zip(nests.flatten(after), nests.flatten(states), strict=True)
                after = nests.pack(after, [_chosen(count, new, old) for new, old in pairs])
            outputs.append(y)
            states = after
        every = ops.stack(outputs, axis=1) if self.return_sequences else None
        return every, outputs[-1], states

    def _shown(self, y: Tensor, last: Tensor, mask: Tensor | None) -> Tensor:
        """Return what is returned of the outputs of every step, and the last."""
        shown = y if self.return_sequences else last
        if mask is None or not self.zero_output_for_mask:
            return shown
        return ops.mask_steps(shown, mask if self.return_sequences else ops.last_step(mask))

    def _states(self, given: Any) -> list[Any] | None:
        """Return the states before the first step, in a list like that of their sizes."""
        if given is None:
            return None
        states, sizes = nests.flatten(given), nests.flatten(sizes_of(self.cell))
        names = getattr(self.cell, "state_names", [f"state {i}" for i in range(len(sizes))])
        if len(states) != len(sizes):
            raise ValueError(
                f"{self.name}: initial_state has to be a list of {len(sizes)}, "
                f"[{', '.join(names)}], got {len(states)}"
            )
        for name, state, size in zip(names, states, sizes, strict=True):
            if state.shape != (None, size):
                raise ShapeError(
                    f"{self.name}: the initial state {name} has shape {format_shape(state.shape)}, "
                    f"expected (rows, {size})"
                )
        packed: list[Any] = nests.pack(sizes_of(self.cell), states)
        return packed

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the outputs of every step, if those are returned."""
        mask = nests.flatten(previous_mask)[0]
        if mask is not None and self.go_backwards:
            mask = ops.reverse(mask)
        return [mask if self.return_sequences else None]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"cell": serialize(self.cell), **self._flags(), **super().get_config()}

    def _flags(self) -> dict[str, bool]:
        return {flag: getattr(self, flag) for flag in _FLAGS}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return the layer that ``get_config`` described."""
        return cls(**{**config, "cell": deserialize(config["cell"])})


def _zeros(x: Tensor, size: int) -> Tensor:
    """Return a state before the first step."""
    return x.graph.emit("fill", shapes={"y": (None, size)}, value=0.0)[0]


def _chosen(counts: Tensor, new: Tensor, old: Tensor | float) -> Tensor:
    """Return ``new`` in the rows in which a step counts, ``old`` in the others."""
    return ops.where(ops.reshape(counts, (None, *(1,) * (len(new.shape) - 1))), new, old)


class _Fused(RNN):
    """A walk with a cell of fastnn's own, whose arguments it takes.

    Args:
        given: the ``locals()`` of the constructor, when it begins.
    """

    cell_class: type[_Cell]
    cell: _Cell

    def __init__(self, given: Mapping[str, Any]):
        options = arguments(given)
        options["name"] = options["name"] or unique_name(snake_case(type(self).__name__))
        flags = {flag: options.pop(flag) for flag in _FLAGS}
        activity = options.pop("activity_regularizer")
        cell = self.cell_class(**options)
        own = {key: options[key] for key in ("name", "trainable", "dtype")}
        super().__init__(cell, **flags, **own, activity_regularizer=activity)

    def __getattr__(self, name: str) -> Any:
        """Return an option or a weight of the cell: ``units``, ``kernel``, ..."""
        if name in ("cell", "states") or name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.cell, name)

    def build(self, input_shape: Shape) -> None:
        """Make the kernels and the bias."""
        if len(input_shape) != 3:
            raise self._no_sequences(input_shape)
        super().build(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        own = Layer.get_config(self)
        return {**self.cell.get_config(), **self._flags(), **own}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return the layer that ``get_config`` described."""
        return registry.construct(cls, config)


class SimpleRNN(_Fused):
    """``h_t = activation(x_t @ kernel + h_{t-1} @ recurrent_kernel + bias)``, from ``h_0 = 0``.

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
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        recurrent_constraint: what the recurrent kernel is held to.
        bias_constraint: what the bias is held to.
        dropout: share of the inputs' features that a sequence is trained without, in [0, 1).
        recurrent_dropout: share of the state's units that it is trained without, in [0, 1).
        seed: what both are drawn from; ``None``: the seed of the process.
        return_sequences: whether the states after all steps are returned, or the last one alone.
        return_state: whether the states after the last step are returned besides.
        go_backwards: whether the walk, and what it returns, begins with the last step.
        stateful: whether the states after a batch are those before the next one, row by row; see
            ``reset_states``.
        unroll: accepted, and of no effect: the walk is always compiled.
        zero_output_for_mask: whether what is returned of a step that a mask leaves out is 0, or
            what the step before returned.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, time, in), kernel (in, units), recurrent_kernel (units, units), bias (units,),
    y (rows, units), or (rows, time, units) with ``return_sequences``.  (Elman, "Finding structure
    in time", 1990.)

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.SimpleRNN(1, activation="linear", return_sequences=True)
        >>> model = fastnn.Sequential([fastnn.Input((3, 1)), layer])
        >>> layer.set_weights([[[1.0]], [[0.5]], [0.0]])
        >>> model.predict([[[4.0], [0.0], [1.0]]]).ravel()
        array([4., 2., 2.], dtype=float32)
    """

    cell_class = SimpleRNNCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        *,
        zero_output_for_mask: bool = False,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(locals())


class LSTM(_Fused):
    """Long short-term memory: a cell that gates write to, forget and show.

    Args:
        units: size of state and cell, at least 1.
        activation: g, one of ``"linear"``, ``"relu"``, ``"sigmoid"``, ``"step"``, ``"tanh"``;
            ``None`` is linear.
        recurrent_activation: s, that of the gates i, f and o.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        recurrent_initializer: first value of the recurrent kernel.
        bias_initializer: first value of the bias.
        unit_forget_bias: whether the bias of the gate f begins at 1: what is in the cell stays.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        recurrent_regularizer: what that of the recurrent kernel costs.
        bias_regularizer: what that of the bias costs.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        recurrent_constraint: what the recurrent kernel is held to.
        bias_constraint: what the bias is held to.
        dropout: share of the inputs' features that a sequence is trained without, in [0, 1).
        recurrent_dropout: share of the state's units that it is trained without, in [0, 1).
        seed: what both are drawn from; ``None``: the seed of the process.
        return_sequences: whether the states after all steps are returned, or the last one alone.
        return_state: whether the states after the last step are returned besides.
        go_backwards: whether the walk, and what it returns, begins with the last step.
        stateful: whether the states after a batch are those before the next one, row by row; see
            ``reset_states``.
        unroll: accepted, and of no effect: the walk is always compiled.
        zero_output_for_mask: whether what is returned of a step that a mask leaves out is 0, or
            what the step before returned.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    With ``z = x_t @ kernel + h_{t-1} @ recurrent_kernel + bias`` in four parts i, f, c, o::

        c_t = s(z_f) c_{t-1} + s(z_i) g(z_c)
        h_t = s(z_o) g(c_t)

    from 0.  (Hochreiter and Schmidhuber, "Long short-term memory", 1997; the gate f: Gers,
    Schmidhuber and Cummins, "Learning to forget", 2000.)

    Shapes: x (rows, time, in), kernel (in, 4 units), recurrent_kernel (units, 4 units), bias
    (4 units,), y (rows, units), or (rows, time, units) with ``return_sequences``.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.LSTM(5, return_sequences=True)
        >>> model = fastnn.Sequential([fastnn.Input((7, 2)), layer, fastnn.layers.LSTM(3)])
        >>> layer.output_shape, model.output_shape
        ((None, 7, 5), (None, 3))
        >>> [weight.shape for weight in layer.get_weights()]
        [(2, 20), (5, 20), (20,)]
    """

    cell_class = LSTMCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        *,
        zero_output_for_mask: bool = False,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(locals())


class GRU(_Fused):
    """Gated recurrent units: gates say how much of the state stays, and what a new one sees of it.

    Args:
        units: size of the state, at least 1.
        activation: g, one of ``"linear"``, ``"relu"``, ``"sigmoid"``, ``"step"``, ``"tanh"``;
            ``None`` is linear.
        recurrent_activation: s, that of the gates z and r.
        use_bias: whether there is a bias.
        kernel_initializer: first value of the kernel.
        recurrent_initializer: first value of the recurrent kernel.
        bias_initializer: first value of the bias.
        kernel_regularizer: what the size of the kernel costs; ``None`` is nothing.
        recurrent_regularizer: what that of the recurrent kernel costs.
        bias_regularizer: what that of the bias costs.
        activity_regularizer: what that of the output costs, divided by the rows of the batch.
        kernel_constraint: what the kernel is held to after each update; ``None`` is nothing.
        recurrent_constraint: what the recurrent kernel is held to.
        bias_constraint: what the bias is held to.
        dropout: share of the inputs' features that a sequence is trained without, in [0, 1).
        recurrent_dropout: share of the state's units that it is trained without, in [0, 1).
        seed: what both are drawn from; ``None``: the seed of the process.
        return_sequences: whether the states after all steps are returned, or the last one alone.
        return_state: whether the states after the last step are returned besides.
        go_backwards: whether the walk, and what it returns, begins with the last step.
        stateful: whether the states after a batch are those before the next one, row by row; see
            ``reset_states``.
        unroll: accepted, and of no effect: the walk is always compiled.
        reset_after: whether the gate r acts after the recurrent product, or before it.
        zero_output_for_mask: whether what is returned of a step that a mask leaves out is 0, or
            what the step before returned.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    With ``x = x_t @ kernel + bias[0]`` and ``m = h_{t-1} @ recurrent_kernel + bias[1]`` in three
    parts z, r, n each::

        z = s(x_z + m_z)
        r = s(x_r + m_r)
        n = g(x_n + r m_n)
        h_t = z h_{t-1} + (1 - z) n

    from ``h_0 = 0``.  Without ``reset_after`` there is one bias, and
    ``n = g(x_n + (r h_{t-1}) @ recurrent_kernel_n)``.  (Cho et al., "Learning phrase
    representations using RNN encoder-decoder", 2014.)

    Shapes: x (rows, time, in), kernel (in, 3 units), recurrent_kernel (units, 3 units), bias
    (2, 3 units), without ``reset_after`` (3 units,), y (rows, units), or (rows, time, units) with
    ``return_sequences``.

    Example:
        >>> import fastnn
        >>> layer = fastnn.layers.GRU(4)
        >>> model = fastnn.Sequential([fastnn.Input((7, 2)), layer])
        >>> model.output_shape, [weight.shape for weight in layer.get_weights()]
        ((None, 4), [(2, 12), (4, 12), (2, 12)])
    """

    cell_class = GRUCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        *,
        zero_output_for_mask: bool = False,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(locals())
