"""Recurrent layers: a state is carried from step to step of a sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastnn import activations, nests, ops
from fastnn._typing import Array
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.initializers import Initializer
from fastnn.layers.core import fraction, positive
from fastnn.layers.regularization import _Random
from fastnn.ops.table import activation_names
from fastnn.variables import Variable

__all__ = ["GRU", "LSTM", "SimpleRNN"]

Activation = str | Callable[[Tensor], Tensor] | None

_FLAGS = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
)


class _Recurrent(_Random):
    """What recurrent layers share: options, weights, which states of a walk they return."""

    #: The kernels have so many columns for each unit.
    gates: int
    bias: Variable | None
    bias_initializer: Initializer
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool

    supports_masking = True

    #: The names of the states, for messages.
    state_names: tuple[str, ...] = ("h",)

    def __init__(
        self,
        units: int,
        activation: Activation,
        use_bias: bool,
        weights: Sequence[Sequence[Any]],
        dropout: tuple[float, float, int | None],
        flags: Mapping[str, bool],
        **options: Any,
    ):
        super().__init__(dropout[2], **options)
        self.units = positive(self.name, "units", units)
        self.activation = _activation(self.name, "activation", activation)
        self.use_bias = bool(use_bias)
        for what, kept in zip(("kernel", "recurrent", "bias"), weights, strict=True):
            self.describe_weight(what, *kept)
        self.dropout = fraction(self.name, "dropout", dropout[0])
        self.recurrent_dropout = fraction(self.name, "recurrent_dropout", dropout[1])
        for flag in _FLAGS:
            setattr(self, flag, bool(flags[flag]))
        if self.stateful:
            raise ValueError(
                f"{self.name}: stateful=True is not possible, as a row of a prediction depends "
                "on no other; take the states with return_state=True and pass them on as "
                "initial_state"
            )

    def build(self, input_shape: Shape) -> None:
        """Make the kernels and the bias."""
        if len(input_shape) != 3:
            raise ShapeError(
                f"{self.name}: expected sequences (rows, time, features), got "
                f"{format_shape(input_shape)}; Reshape((time, features)) makes them of flat rows; "
                "a recurrent layer before it gives all steps with return_sequences=True"
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

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Return the last state, or with ``return_sequences`` that after every step; with
        ``return_state`` a list of it and the states after the last step.

        Args:
            sequences: (rows, time, features).
            initial_state: the state before the first step, or a list of the states, (rows, units)
                each; ``None`` is zeros.
            mask: (rows, time), 0 where a step is left out; ``None`` is that of ``sequences``.
            training: whether there is dropout.
        """
        x = sequences
        if training and self.dropout:
            x = ops.dropout_steps(x, self.dropout, self.seed)
        if self.go_backwards:
            x, mask = ops.reverse(x), None if mask is None else ops.reverse(mask)
        rate = self.recurrent_dropout if training else 0.0
        options = {"mask": mask, "initial_state": self._states(initial_state)}
        y, *states = self._walk(x, recurrent_dropout=rate, seed=self.seed, **options)
        y = self._shown(y, states[0], mask)
        return [y, *states] if self.return_state else y

    def _shown(self, y: Tensor, last: Tensor, mask: Tensor | None) -> Tensor:
        """Return what is returned of the states after every step, and the last."""
        if mask is not None and self.zero_output_for_mask:
            y = ops.mask_steps(y, mask)
            if not self.return_sequences:
                last = ops.mask_steps(last, ops.last_step(mask))
        return y if self.return_sequences else last

    def _states(self, given: Any) -> Any:
        """Return the states before the first step as the operation takes them."""
        if given is None:
            return None
        states = nests.flatten(given)
        if len(states) != len(self.state_names):
            raise ValueError(
                f"{self.name}: initial_state has to be a list of {len(self.state_names)}, "
                f"[{', '.join(self.state_names)}], got {len(states)}"
            )
        for name, state in zip(self.state_names, states, strict=True):
            if state.shape != (None, self.units):
                raise ShapeError(
                    f"{self.name}: the initial state {name} has shape {format_shape(state.shape)}, "
                    f"expected (rows, {self.units})"
                )
        return states if len(states) > 1 else states[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the states after every step, if those are returned."""
        mask = nests.flatten(previous_mask)[0]
        if mask is not None and self.go_backwards:
            mask = ops.reverse(mask)
        return [mask if self.return_sequences else None]

    def _walk(self, x: Tensor, **options: Any) -> tuple[Tensor, ...]:
        """Return the states after every step, and after the last."""
        raise NotImplementedError

    def _names(self) -> dict[str, str]:
        """Return the names of the activations, as operations take them."""
        return {"activation": self.activation.__name__}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        kept = ("units", "use_bias", "dropout", "recurrent_dropout", *_FLAGS)
        return {
            **{name: getattr(self, name) for name in kept},
            **self._names(),
            **super().get_config(),
        }


class SimpleRNN(_Recurrent):
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
        stateful: has to be false; see ``initial_state`` of the call.
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
        weights = (
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
        )
        flags = {
            "return_sequences": return_sequences,
            "return_state": return_state,
            "go_backwards": go_backwards,
            "stateful": stateful,
            "unroll": unroll,
            "zero_output_for_mask": zero_output_for_mask,
        }
        rates = dropout, recurrent_dropout, seed
        options: dict[str, Any] = {"name": name, "trainable": trainable, "dtype": dtype}
        options["activity_regularizer"] = activity_regularizer
        super().__init__(units, activation, use_bias, weights, rates, flags, **options)

    def _walk(self, x: Tensor, **options: Any) -> tuple[Tensor, ...]:
        options |= self._names()
        return ops.simple_rnn(x, self.kernel, self.recurrent_kernel, self.bias, **options)


class _Gated(_Recurrent):
    """A recurrent layer whose gates have an activation of their own."""

    def __init__(self, recurrent_activation: Activation, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.recurrent_activation = _activation(
            self.name, "recurrent_activation", recurrent_activation
        )

    def _names(self) -> dict[str, str]:
        return {**super()._names(), "recurrent_activation": self.recurrent_activation.__name__}


class LSTM(_Gated):
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
        stateful: has to be false; see ``initial_state`` of the call.
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
        weights = (
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
        )
        flags = {
            "return_sequences": return_sequences,
            "return_state": return_state,
            "go_backwards": go_backwards,
            "stateful": stateful,
            "unroll": unroll,
            "zero_output_for_mask": zero_output_for_mask,
        }
        rates = dropout, recurrent_dropout, seed
        options: dict[str, Any] = {"name": name, "trainable": trainable, "dtype": dtype}
        options["activity_regularizer"] = activity_regularizer
        common = units, activation, use_bias, weights, rates, flags
        super().__init__(recurrent_activation, *common, **options)
        self.unit_forget_bias = bool(unit_forget_bias)

    def _first_bias(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if not self.unit_forget_bias:
            return super()._first_bias(shape, dtype)
        n, initial = self.units, self.bias_initializer
        ones = np.ones(n, dtype)
        return np.concatenate([initial((n,), dtype), ones, initial((2 * n,), dtype)])

    def _walk(self, x: Tensor, **options: Any) -> tuple[Tensor, ...]:
        options |= self._names()
        return ops.lstm(x, self.kernel, self.recurrent_kernel, self.bias, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"unit_forget_bias": self.unit_forget_bias, **super().get_config()}


class GRU(_Gated):
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
        stateful: has to be false; see ``initial_state`` of the call.
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
        weights = (
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
        )
        flags = {
            "return_sequences": return_sequences,
            "return_state": return_state,
            "go_backwards": go_backwards,
            "stateful": stateful,
            "unroll": unroll,
            "zero_output_for_mask": zero_output_for_mask,
        }
        rates = dropout, recurrent_dropout, seed
        options: dict[str, Any] = {"name": name, "trainable": trainable, "dtype": dtype}
        options["activity_regularizer"] = activity_regularizer
        common = units, activation, use_bias, weights, rates, flags
        super().__init__(recurrent_activation, *common, **options)
        self.reset_after = bool(reset_after)

    def _bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def _walk(self, x: Tensor, **options: Any) -> tuple[Tensor, ...]:
        options |= {**self._names(), "reset_after": self.reset_after}
        return ops.gru(x, self.kernel, self.recurrent_kernel, self.bias, **options)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"reset_after": self.reset_after, **super().get_config()}


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
