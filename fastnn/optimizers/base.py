"""Optimizer: what every optimizer is.  It holds options, and adds a rule's kernel to the step."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fastnn._checks import as_name, count, flag, fraction, not_negative, number, positive_number
from fastnn._typing import Array
from fastnn.compiler.graph import Graph, Tensor
from fastnn.configured import Configured
from fastnn.copying import Attributes, state_of
from fastnn.elsewhere import Elsewhere, not_here
from fastnn.errors import ShapeError
from fastnn.naming import snake_case
from fastnn.optimizers import schedules
from fastnn.optimizers.rate import Rate
from fastnn.variables import Variable

if TYPE_CHECKING:
    from fastnn.variables import Parameters

__all__ = ["Optimizer", "State"]

#: What an optimizer remembers besides its slots: name, home.
_OWN = (("iteration", "step"), ("scalars", "scalars"))


class State(NamedTuple):
    """What a rule reads besides its range: ``hyper`` holds the learning rate, ``step`` the number
    of updates made before, ``scalars`` the optimizer's own numbers."""

    hyper: Tensor
    step: Tensor
    scalars: Tensor


class Optimizer(Elsewhere, metaclass=Configured):
    """A rule that changes weights by their gradients.

    Args:
        learning_rate: a number of at least 0, a schedule, or a function of the number of steps
            made; it can be assigned at any time, also while ``fit`` runs.
        weight_decay: before each update weights lose ``learning_rate weight_decay`` of themselves
            (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019); ``None`` is
            none.
        clipnorm: the largest norm of the gradient of each weight; a larger one is scaled down.
        clipvalue: the largest size of each number of a gradient; larger ones are cut off.
        global_clipnorm: the largest norm of all gradients together.
        use_ema: whether an average of the weights over time is kept, which they become when ``fit``
            ends (Polyak and Juditsky, "Acceleration of stochastic approximation by averaging",
            1992).
        ema_momentum: how much of the average stays in each step, in [0, 1].
        ema_overwrite_frequency: the weights become their average each so many steps, too.
        loss_scale_factor: accepted, and of no effect: gradients are computed in the weights' own
            precision, where there is nothing to be gained by scaling them and back.
        gradient_accumulation_steps: an update is made from the mean gradient of so many batches, at
            least 2.
        name: its name.
        decay: with a number as ``learning_rate``, the rate after ``n`` steps is
            ``learning_rate / (1 + decay n)``.

    A rule of your own has a kernel; see docs/adding.md.
    """

    #: How many numbers the rule remembers for each weight.
    slots: int = 0
    #: Whether the rule takes each weight by itself, in its shape, instead of all of a range.
    by_weight: bool = False
    #: What the numbers of the optimizer itself begin at.
    scalars: tuple[float, ...] = ()

    def __init__(
        self,
        learning_rate: Any = 0.01,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        decay: float = 0.0,
        **unknown: Any,
    ):
        self.name = snake_case(type(self).__name__)
        self.name = as_name(self.name, name) or self.name
        if unknown:
            hint = "; write learning_rate=" if "lr" in unknown else ""
            raise TypeError(f"{self.name}: unknown argument {', '.join(unknown)[:80]}{hint}")
        self._watched: tuple[Mapping[str, Array], Parameters] | None = None
        self._spared: tuple[frozenset[int], re.Pattern[str] | None] = (frozenset(), None)
        self.decay = not_negative(self.name, "decay", decay)
        self.learning_rate = learning_rate
        self.weight_decay = self._at_least_0("weight_decay", weight_decay)
        self.clipnorm = self._positive("clipnorm", clipnorm)
        self.clipvalue = self._positive("clipvalue", clipvalue)
        self.global_clipnorm = self._positive("global_clipnorm", global_clipnorm)
        self._require_one_way_to_clip()
        self.use_ema = flag(self.name, "use_ema", use_ema)
        self.ema_momentum = fraction(self.name, "ema_momentum", ema_momentum, closed=True)
        self.ema_overwrite_frequency = self._count(
            "ema_overwrite_frequency", ema_overwrite_frequency, 1
        )
        self.loss_scale_factor = self._positive("loss_scale_factor", loss_scale_factor)
        self.gradient_accumulation_steps = self._count(
            "gradient_accumulation_steps", gradient_accumulation_steps, 2
        )

    def _at_least_0(self, name: str, value: float | None) -> float | None:
        return None if value is None else not_negative(self.name, name, value)

    def _positive(self, name: str, value: float | None) -> float | None:
        return None if value is None else positive_number(self.name, name, value)

    def _count(self, name: str, value: int | None, least: int) -> int | None:
        return None if value is None else count(self.name, name, value, least)

    def _require_one_way_to_clip(self) -> None:
        names = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(
                f"{self.name}: gradients are clipped one way, got {' and '.join(given)}; give one "
                "of them"
            )

    # ---- the rate --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        rate = self._rate if isinstance(self._rate, float) else type(self._rate).__name__
        return f"<{type(self).__name__} learning_rate={rate}>"

    @property
    def learning_rate(self) -> Rate:
        """The size of a step: what was assigned, or what the schedule says now."""
        rate = self._rate
        if not isinstance(rate, float):
            rate = self.rate(0 if self._steps is None else int(self._steps[0]))
        return Rate.of(rate, lambda value: setattr(self, "learning_rate", value))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, Mapping):
            value = schedules.deserialize(value)
        if callable(value):
            if self.decay:
                raise ValueError(
                    f"{self.name}: decay is for a number as learning_rate; leave it out, the "
                    f"schedule {getattr(value, '__name__', type(value).__name__)[:60]} decays"
                )
            self._rate: float | Callable[..., Any] = value
            self._by_step = _takes_step(value)
        else:
            self._rate = self._checked_rate(value)

    def _checked_rate(self, value: Any) -> float:
        rate = number(self.name, "learning_rate", value)
        if not 0 <= rate < float("inf"):
            raise ValueError(f"{self.name}: learning_rate must be finite and >= 0, got {rate}")
        return rate

    @property
    def schedule(self) -> float | Callable[[int], Any]:
        """What the rate follows from, as it was assigned: a number, or a function of the step."""
        return self._rate

    @property
    def scheduled(self) -> bool:
        """Whether the rate depends on the number of steps made."""
        return callable(self._rate) or self.decay > 0

    def rate(self, step: int) -> float:
        """Return the learning rate after ``step`` steps."""
        if isinstance(self._rate, float):
            return self._rate / (1 + self.decay * step)
        return self._checked_rate(self._rate(step) if self._by_step else self._rate())

    @property
    def lr(self) -> Any:
        """Not here, nor to be assigned without effect: ``learning_rate``."""
        raise not_here(self, "lr")

    @lr.setter
    def lr(self, rate: Any) -> None:
        raise not_here(self, "lr")

    @property
    def iterations(self) -> int:
        """The updates made of the model that was last compiled with the optimizer."""
        return 0 if self._steps is None else int(self._steps[-1])

    # ---- what is remembered ----------------------------------------------------------------------

    @property
    def starts(self) -> tuple[float, ...]:
        """What each number that the rule remembers for a weight begins at."""
        return (0.0,) * self.slots

    @property
    def all_starts(self) -> tuple[float, ...]:
        """The same with what is remembered besides: the weight's average, the sum of gradients."""
        besides = bool(self.use_ema) + bool(self.gradient_accumulation_steps)
        return (*self.starts, *(0.0,) * besides)

    def watch(self, buffers: Mapping[str, Array], parameters: Parameters) -> None:
        """Know what is remembered for a model, for ``iterations`` and ``variables``."""
        self._watched = buffers, parameters

    @property
    def _steps(self) -> Array | None:
        """The counts of steps of the model that was last compiled with the optimizer."""
        return None if self._watched is None else self._watched[0]["step"]

    @property
    def variables(self) -> list[Variable]:
        """What is remembered for the model that was last compiled with the optimizer, live.

        The count of steps (and of updates, where these are fewer), the optimizer's own numbers,
        then slot by slot what belongs to each trainable weight, in the weight's shape.  The rate
        is none of them: assign ``learning_rate``.  Nothing before a model is compiled and built.
        """
        if self._watched is None:
            return []
        buffers, parameters = self._watched
        own = [_live(name, buffers[home]) for name, home in _OWN if buffers[home].size]
        slots = buffers["slots"].reshape(len(self.all_starts), parameters.trained)
        return own + [
            _live(f"{weight.path}/slot{i}", slot[place : place + weight.size], weight.shape)
            for i, slot in enumerate(slots)
            for weight, place in parameters.places.items()
        ]

    def save_own_variables(self, store: MutableMapping[str, Array]) -> None:
        """Put copies of the variables into ``store``, under ``"0"``, ``"1"``, ..."""
        store.update({str(i): each.numpy() for i, each in enumerate(self.variables)})

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Go on with the variables that ``save_own_variables`` put into ``store``.

        Raises:
            ShapeError: if they are those of another optimizer or model; nothing is changed then.
        """
        own = self.variables
        if set(store) != {str(i) for i in range(len(own))}:
            raise ShapeError(
                f"{self.name}: expected the {len(own)} variables of this optimizer and its model, "
                f"got {len(store)}; compile and build the model as the one they are from was"
            )
        checked = [each.check(store[str(i)]) for i, each in enumerate(own)]
        for each, value in zip(own, checked, strict=True):
            each.assign(value)

    def __getstate__(self) -> Attributes:
        """Return the state of a copy, which has seen no model yet."""
        return state_of(self, _watched=None)

    # ---- the step --------------------------------------------------------------------------------

    def prepare(self, graph: Graph, state: State) -> None:
        """Add what an update does once, whatever the number of ranges."""

    def lower(
        self, graph: Graph, w: Tensor, g: Tensor, slots: Sequence[Tensor], state: State
    ) -> None:
        """Add the update of a range to the graph, or of a weight, as ``by_weight`` says.

        Args:
            graph: the graph of a training step.
            w: the range of trainable weights, or one of them in its shape.
            g: their gradients.
            slots: ``self.slots`` of the shape of ``w``, as ``starts`` says before the first step.
            state: ``hyper`` and ``step``, the learning rate and the count of updates; ``scalars``.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: write lower, which adds the rule's kernel"
        )

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Spare weights the decay; to be called before training.

        Args:
            var_list: the weights.
            var_names: patterns that their names match somewhere: ``["bias", "gamma", "beta"]``.

        Raises:
            ValueError: if training has begun.
        """
        if self.iterations:
            raise ValueError(
                f"{self.name}: exclude_from_weight_decay comes before training, which has begun"
            )
        pattern = "|".join(var_names or ())
        spared = frozenset(id(variable) for variable in var_list or ())
        self._spared = spared, re.compile(pattern) if pattern else None

    def decays(self, variable: Variable) -> bool:
        """Return whether the weight is one that decays."""
        spared, pattern = self._spared
        named = pattern is not None and pattern.search(variable.name) is not None
        return bool(self.weight_decay) and id(variable) not in spared and not named

    # ---- config ----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        options = (
            *("name", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema"),
            *("ema_momentum", "ema_overwrite_frequency", "loss_scale_factor"),
            "gradient_accumulation_steps",
        )
        config = {name: getattr(self, name) for name in options}
        if self.decay:
            config["decay"] = self.decay
        fixed = isinstance(self._rate, float)
        return {**config, "learning_rate": self._rate if fixed else schedules.serialize(self._rate)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Optimizer:
        """Return the optimizer that ``get_config`` described."""
        return cls(**config)


def _takes_step(function: Any) -> bool:
    """Return whether a function of rates wants to be given the number of the step."""
    try:
        return bool(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return True


def _live(path: str, values: Array, shape: tuple[int, ...] | None = None) -> Variable:
    """Return a variable whose value lies in a buffer."""
    whole = () if values.size == 1 else values.shape
    view = values.reshape(whole if shape is None else shape)
    return Variable(view.shape, lambda *_: view, path, trainable=False, dtype=view.dtype.name)
