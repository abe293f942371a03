"""The events of training, evaluation and prediction, and who is told of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from fastnn.naming import KnowingArguments

if TYPE_CHECKING:
    from fastnn.models import Model
    from fastnn.models.trainer import Trainer

__all__ = ["Callback", "CallbackList", "LambdaCallback", "Logs"]

#: Means by name; what a callback adds, those after it find.
Logs = dict[str, Any] | None


class Callback(metaclass=KnowingArguments):
    """Base class: override what you need.

    ``self.model`` is the model at work, ``self.params`` holds ``epochs``, ``steps`` and
    ``verbose``.  Set ``self.model.stop_training = True`` to end after the epoch, or after the batch
    where a callback is told of batches.  As long as no callback overrides a method about the
    batches of a stage (train, test, predict), the stage runs without coming back to Python.

    Callbacks are called in the order in which they were given; history and progress come last, so
    that they show what callbacks add to ``logs``.

    Example:
        >>> import fastnn
        >>> class Stop(fastnn.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         if logs["loss"] < 0.1:
        ...             self.model.stop_training = True
    """

    model: Model
    params: dict[str, Any]
    #: The names of the attributes that a backup of a training keeps (``BackupAndRestore``).
    kept: tuple[str, ...] = ()
    #: Whether it shows or writes something, so that of several processes which train one model
    #: (``fastnn.distributed``) the first alone calls it.
    first_rank_only = False

    def get_state(self) -> dict[str, Any]:
        """Return what a backup keeps: numbers, texts and arrays, in lists and dicts."""
        return {name: getattr(self, name) for name in self.kept}

    def set_state(self, state: dict[str, Any]) -> None:
        """Become what it was when ``get_state`` returned ``state``; called after
        ``on_train_begin``, and in the middle of an epoch after ``on_epoch_begin``."""
        for name in self.kept:
            setattr(self, name, state[name])

    def set_model(self, model: Model) -> None:
        """Take the model at work."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take what is known of the work."""
        self.params = params

    def on_train_begin(self, logs: Logs = None) -> None:
        """Called before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """Called after the last epoch, with what the last ``on_epoch_end`` was called with."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Called before an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Called after an epoch, with its means and those of the validation."""

    def on_rows(self, done: int, total: int | None) -> None:
        """Called some tens of times a second while an epoch runs, with the samples processed.

        It costs nothing: whole epochs still run without coming back to Python for each batch.
        ``total`` is ``None`` where nobody knows it.
        """

    def on_nonfinite(self, epoch: int, batch: int) -> None:
        """Called for the first batch of a training whose mean loss is not finite."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Another name of ``on_train_batch_begin``."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Another name of ``on_train_batch_end``."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of training."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of training, with the means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Called before an evaluation, or the validation after an epoch."""

    def on_test_end(self, logs: Logs = None) -> None:
        """Called after it, with its means."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of evaluation or validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of evaluation or validation, with the means so far."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Called before a prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """Called after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Called before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Called after a batch of prediction, with its ``outputs``."""


_EVENTS = [name for name in vars(Callback) if name.startswith("on_")]

#: The events that the base class passes on to another name.
_OTHER_NAMES = {
    "on_train_batch_begin": "on_batch_begin",
    "on_train_batch_end": "on_batch_end",
}


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: called with ``(epoch, logs)``.
        on_epoch_end: called with ``(epoch, logs)``.
        on_train_begin: called with ``(logs)``.
        on_train_end: called with ``(logs)``.
        on_train_batch_begin: called with ``(batch, logs)``.
        on_train_batch_end: called with ``(batch, logs)``.
        **others: functions for the other events of ``Callback``.

    Raises:
        TypeError: if there is no such event, or what was given cannot be called.

    Example:
        >>> import fastnn
        >>> losses = []
        >>> note = fastnn.callbacks.LambdaCallback(
        ...     on_epoch_end=lambda epoch, logs: losses.append(logs["loss"])
        ... )
        >>> model = fastnn.Sequential([fastnn.Input((1,)), fastnn.layers.Dense(1)])
        >>> model.compile(loss="mse")
        >>> _ = model.fit([[0.0]], [0.0], epochs=2, verbose=0, callbacks=[note])
        >>> losses
        [0.0, 0.0]
    """

    def __init__(
        self,
        on_epoch_begin: Callable[[int, Logs], Any] | None = None,
        on_epoch_end: Callable[[int, Logs], Any] | None = None,
        on_train_begin: Callable[[Logs], Any] | None = None,
        on_train_end: Callable[[Logs], Any] | None = None,
        on_train_batch_begin: Callable[[int, Logs], Any] | None = None,
        on_train_batch_end: Callable[[int, Logs], Any] | None = None,
        **others: Callable[..., Any] | None,
    ):
        given: dict[str, Callable[..., Any] | None] = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **others,
        }
        for name, function in given.items():
            if name not in _EVENTS:
                raise TypeError(
                    f"LambdaCallback: there is no event {name[:40]!r}; there are "
                    f"{', '.join(_EVENTS)}"[:380]
                )
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"LambdaCallback: {name} must be a function, got {type(function).__name__}"
                )
            setattr(self, name, function)


#: The methods to call where there are no callbacks, as in most calls for a single batch.
_NOBODYS: dict[str, list[Callable[..., None]]] = {name: [] for name in _EVENTS}


class CallbackList:
    """The callbacks of one call of ``fit``, ``evaluate`` or ``predict``, called in order.

    Args:
        callbacks: whom to call.
        model: the model at work.
        params: what is known of the work.

    Attributes:
        every: the callbacks.
    """

    def __init__(self, callbacks: Iterable[Callback], model: Trainer, params: dict[str, Any]):
        self.model, every = model, list(callbacks)
        self.every = every
        self._methods = _NOBODYS
        if every:
            self._methods = {name: _overridden(every, name) for name in _EVENTS}
        for callback in every:
            callback.set_model(cast("Model", model))
            callback.set_params(params)

    def wants_batches(self, stage: str) -> bool:
        """Return whether a callback overrides a method about batches.

        Args:
            stage: ``"train"``, ``"test"`` or ``"predict"``.
        """
        return any(self._methods[f"on_{stage}_batch_{end}"] for end in ("begin", "end"))

    def call(self, name: str, *arguments: Any) -> None:
        """Call the method ``name`` of every callback that overrides it."""
        for method in self._methods[name]:
            method(*arguments)


def _overridden(callbacks: Iterable[Callback], name: str) -> list[Callable[..., None]]:
    """Return the methods ``name`` of the callbacks that do not leave it to the base class."""
    names = [name, _OTHER_NAMES.get(name, name)]
    return [getattr(each, name) for each in callbacks if any(_overrides(each, n) for n in names)]


def _overrides(callback: Callback, name: str) -> bool:
    method = getattr(callback, name)
    return getattr(method, "__func__", method) is not getattr(Callback, name)
