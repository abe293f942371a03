"""Layers around others: both directions of a sequence, each of its steps; a vector as all steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from fastnn import config, ops
from fastnn.compiler.folds import Trial
from fastnn.compiler.graph import Shape, Tensor, format_shape
from fastnn.errors import ShapeError
from fastnn.layers.base import Layer
from fastnn.layers.core import positive
from fastnn.layers.serialization import deserialize, serialize
from fastnn.layers.weights import assign_all

__all__ = ["Bidirectional", "RepeatVector", "TimeDistributed"]

Merge = Callable[[Tensor, Tensor], Tensor]

_MERGES: Mapping[str, Merge] = {
    "concat": lambda a, b: ops.concatenate([a, b], -1),
    "sum": ops.add,
    "mul": ops.multiply,
    "ave": lambda a, b: ops.scale(ops.add(a, b), 0.5),
}

#: What two layers of opposite directions have to have in common.
_COMMON = ("stateful", "return_sequences", "return_state")


class Bidirectional(Layer):
    """A recurrent layer, and one like it that walks the other way.

    Args:
        layer: a recurrent layer; the wrapper holds one like it, of the name ``forward_...``,
            and one that begins with the last step, ``backward_...``.
        merge_mode: what becomes of both outputs: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or
            ``None``: a list of both.
        weights: first values of the weights of both, in the order of ``get_weights``.
        backward_layer: the layer that walks the other way, if it is not like ``layer``.
        name: the layer's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Returned steps are in the order of the sequence.  With ``return_state`` the states of both come
    after the output; ``initial_state`` is a list of those of both.  What is returned of a step that
    a mask leaves out is 0.  (Schuster and Paliwal, "Bidirectional recurrent neural
    networks", 1997.)

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Bidirectional, LSTM
        >>> model = fastnn.Sequential([fastnn.Input((5, 2)), Bidirectional(LSTM(3))])
        >>> model.output_shape, [weight.shape for weight in model.get_weights()]
        ((None, 6), [(2, 12), (3, 12), (12,), (2, 12), (3, 12), (12,)])
    """

    supports_masking = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Sequence[ArrayLike] | None = None,
        backward_layer: Layer | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        for each in (layer, backward_layer or layer):
            if not isinstance(each, Layer) or not hasattr(each, "go_backwards"):
                raise TypeError(
                    f"{self.name}: expected a recurrent layer such as LSTM(8), got "
                    f"{type(each).__name__}"
                )
        if merge_mode is not None and merge_mode not in _MERGES:
            raise ValueError(
                f"{self.name}: merge_mode must be one of {', '.join(_MERGES)} or None, got "
                f"{merge_mode!r:.40}"
            )
        self.merge_mode = merge_mode
        back: Any = backward_layer
        self.forward_layer = _like(layer, "forward_")
        self.backward_layer = back or _like(layer, "backward_", go_backwards=True)
        self._check()
        self.forward_layer.zero_output_for_mask = self.return_sequences
        self.backward_layer.zero_output_for_mask = self.return_sequences
        self._given = None if weights is None else list(weights)

    def _check(self) -> None:
        """Refuse layers of one direction, or that return different things."""
        ahead, back = self.forward_layer, self.backward_layer
        if ahead.go_backwards == back.go_backwards:
            raise ValueError(
                f"{self.name}: one of both layers has to walk backwards, got "
                f"go_backwards={ahead.go_backwards} of both"
            )
        for attribute in _COMMON:
            if getattr(ahead, attribute) != getattr(back, attribute):
                raise ValueError(f"{self.name}: both layers need the same {attribute}")

    @property
    def return_sequences(self) -> bool:
        """Whether the states after all steps are returned."""
        return bool(self.forward_layer.return_sequences)

    @property
    def return_state(self) -> bool:
        """Whether the states after the last step are returned besides."""
        return bool(self.forward_layer.return_state)

    @property
    def stateful(self) -> bool:
        """Whether the states after a batch are those before the next one."""
        return bool(self.forward_layer.stateful)

    def reset_states(self) -> None:
        """Let the next batch begin with states of zeros, if states are kept."""
        for each in (self.forward_layer, self.backward_layer):
            each.reset_states()

    reset_state = reset_states

    def build(self, input_shape: Shape) -> None:
        """Make the weights of both layers."""
        for each in (self.forward_layer, self.backward_layer):
            each.adopt_dtype(self.dtype or config.floatx())
            each.build(input_shape)
            each.built = True
        if self._given is not None:
            assign_all(self.name, self.weights, self._given)

    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Return the merged outputs of both layers; with ``return_state`` a list of it and their
        states."""
        states: tuple[Any, Any] = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            states = initial_state[:half], initial_state[half:]
        ends: list[Tensor] = []
        outputs = []
        for layer, state in zip((self.forward_layer, self.backward_layer), states, strict=True):
            y = layer(sequences, initial_state=state, mask=mask, training=training)
            if self.return_state:
                y, *more = y
                ends += more
            reverse = layer.go_backwards and self.return_sequences
            outputs.append(ops.reverse(y) if reverse else y)
        merged = [_MERGES[self.merge_mode](*outputs)] if self.merge_mode else outputs
        return [*merged, *ends] if len(merged) + len(ends) > 1 else merged[0]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the input for each output, if those have steps."""
        mask = previous_mask[0] if isinstance(previous_mask, list) else previous_mask
        count = 1 if self.merge_mode else 2
        return [mask if self.return_sequences else None] * count

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {
            "layer": serialize(self.forward_layer),
            "merge_mode": self.merge_mode,
            "backward_layer": serialize(self.backward_layer),
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return the layer that ``get_config`` described."""
        both = {key: deserialize(config[key]) for key in ("layer", "backward_layer")}
        return cls(**{**config, **both})


class TimeDistributed(Layer):
    """A layer, or a model, on each step of a sequence by itself, with the same weights.

    Args:
        layer: any layer that takes one step and returns one tensor.
        name: the wrapper's name.
        trainable: whether ``fit`` changes the weights.
        dtype: the precision of the weights.

    Shapes: x (rows, time, ...), y (rows, time, ...), with the layer's own shapes for a step.

    The steps of all sequences are rows of one call of the layer, unless it looks at which rows they
    are, as in training a dropout does, or at several at once, as a ``BatchNormalization``: then it
    is called for each step by itself.  A mask of parts of a step, such as that of words of
    sentences, reaches the layer; the step counts if any part does.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Conv2D, TimeDistributed
        >>> frames = fastnn.Input((5, 8, 8, 3))
        >>> TimeDistributed(Conv2D(4, 3))(frames).shape
        (None, 5, 6, 6, 4)
    """

    supports_masking = True

    def __init__(
        self,
        layer: Layer,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if not isinstance(layer, Layer):
            hint = "; write it with ()" if isinstance(layer, type) else ""
            raise TypeError(f"{self.name}: expected a layer, got {type(layer).__name__}{hint}")
        self.layer = layer

    def build(self, input_shape: Shape) -> None:
        """Check that there are steps; the layer makes its weights when it is called."""
        if len(input_shape) < 3:
            raise ShapeError(
                f"{self.name}: expected sequences (rows, time, ...), got "
                f"{format_shape(input_shape)}; without steps, use the layer by itself"
            )
        if not self.layer.built:
            self.layer.adopt_dtype(self.dtype or config.floatx())

    def call(self, x: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        """Return the layer's outputs for all steps.

        Args:
            x: (rows, time, ...).
            mask: (rows, time, ...), 0 where a step, or a part of one, is left out.
            training: whether the layer computes as in training.
        """
        inner = mask if mask is not None and len(mask.shape) > 2 else None
        y = self._folded(x, inner, training)
        if y is None:
            y = self._one_by_one(x, inner, training)
        if mask is not None and y.mask is None:
            y.mask = _every_place(mask, y)
        return y

    def _folded(self, x: Tensor, mask: Tensor | None, training: bool) -> Tensor | None:
        """Return the outputs of one call in which the steps of a sequence are rows; ``None`` if
        they cannot be, as the layer looks at several rows, or at which ones they are."""
        trial = Trial(x.graph)
        with x.graph.folding(x.fold * (x.shape[1] or 1)):
            y = self.layer(
                _with_mask(_fold(x), None if mask is None else _fold(mask)), training=training
            )
        if not trial.rows_stand_alone():
            trial.undo()
            return None
        self._check_output(y)
        return _with_mask(_unfold(y, x), None if y.mask is None else _unfold(y.mask, x))

    def _one_by_one(self, x: Tensor, mask: Tensor | None, training: bool) -> Tensor:
        """Return the outputs of a call for each step."""
        steps = ops.unstack(x, axis=1)
        masks = [None] * len(steps) if mask is None else ops.unstack(mask, axis=1)
        outputs = [
            self.layer(_with_mask(step, each), training=training)
            for step, each in zip(steps, masks, strict=True)
        ]
        for y in outputs:
            self._check_output(y)
        known = [y.mask for y in outputs if y.mask is not None]
        return _with_mask(ops.stack(outputs, 1), ops.stack(known, 1) if known else None)

    def _check_output(self, y: Any) -> None:
        if not isinstance(y, Tensor):
            raise TypeError(f"{self.name}: the layer has to return one tensor for a step")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"layer": serialize(self.layer), **super().get_config()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Layer:
        """Return the layer that ``get_config`` described."""
        return cls(**{**config, "layer": deserialize(config["layer"])})


class RepeatVector(Layer):
    """A vector, once for each step: (rows, features) becomes (rows, n, features).

    Args:
        n: how many steps, at least 1.
        name: the layer's name.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.RepeatVector(3)])
        >>> model.predict([[1.0, 2.0]])
        array([[[1., 2.],
                [1., 2.],
                [1., 2.]]], dtype=float32)
    """

    def __init__(
        self,
        n: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ):
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.n = positive(self.name, "n", n)

    def build(self, input_shape: Shape) -> None:
        """Check that there is one vector a row."""
        if len(input_shape) != 2:
            raise ShapeError(
                f"{self.name}: expected vectors (rows, features), got {format_shape(input_shape)}"
            )

    def call(self, x: Tensor) -> Tensor:
        """Return ``x`` as each of the steps."""
        return ops.reshape(ops.concatenate([x] * self.n, -1), (None, self.n, *x.shape[1:]))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer."""
        return {"n": self.n, **super().get_config()}


def _like(layer: Layer, prefix: str, **changes: Any) -> Any:
    """Return a layer like ``layer``, with other weights, of a name that begins with ``prefix``."""
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config({**layer.get_config(), "name": name, **changes})


def _fold(x: Tensor) -> Tensor:
    """Return (rows, time, ...) with the steps as rows."""
    time, shape = x.shape[1] or 0, (None, *x.shape[2:])
    return x.graph.emit("reshape", x, shapes={"y": shape}, fold=x.fold * time)[0]


def _unfold(y: Tensor, x: Tensor) -> Tensor:
    """Return rows as the steps that they were in ``x``."""
    shape = (None, x.shape[1], *y.shape[1:])
    return y.graph.emit("reshape", y, shapes={"y": shape}, fold=x.fold)[0]


def _with_mask(x: Tensor, mask: Tensor | None) -> Tensor:
    x.mask = mask
    return x


def _every_place(mask: Tensor, y: Tensor) -> Tensor:
    """Return the mask of the steps of ``y``: a step counts if any part of it does."""
    parts = tuple(range(2, len(mask.shape)))
    steps = ops.amax(mask, parts) if parts else mask
    places = y.shape[:-1]
    ones = (1,) * (len(places) - 2)
    return ops.broadcast_to(ops.reshape(steps, (*steps.shape, *ones)), places)
