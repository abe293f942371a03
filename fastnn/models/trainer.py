"""Trainer: a model's way with data: to fit, to evaluate, to predict."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnn import config, fitting, nests, streaming, training
from fastnn._checks import count, flag, one_of, shown
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.callbacks import Callback, CallbackList, History
from fastnn.callbacks.backup import Backup
from fastnn.callbacks.display import as_text
from fastnn.compiler.graph import Tensor
from fastnn.data import arrays
from fastnn.data.foreign import BATCHES, refuse_batches
from fastnn.data.streams import Batch, Stream, is_stream
from fastnn.eager import call_on_arrays
from fastnn.functional import Symbol
from fastnn.layers.core import positive
from fastnn.models.compilable import Compilable
from fastnn.models.shapes import describe
from fastnn.naming import knowing_arguments
from fastnn.streaming import StreamFit

if TYPE_CHECKING:
    from fastnn.distributed import MPI

__all__ = ["Trainer"]


class Trainer(Compilable):
    """The part of a model that works on data."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.seed = config.next_seed()
        self.history: History | None = None
        self.stop_training = False
        self.epochs_trained = 0

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Return what ``predict`` returns, for arrays, or with ``training=True`` what comes out in
        training; for symbols, as any layer, symbols."""
        if len(args) == 1 and isinstance(args[0], np.ndarray) and not (training or kwargs):
            return self.predict(args[0])  # without a look around, which takes as long
        if any(isinstance(each, Symbol | Tensor) for each in nests.flatten([args, kwargs])):
            return super().__call__(*args, training=training, **kwargs)
        if training:
            return call_on_arrays(self, args, kwargs, training)
        return self.predict(*args, **kwargs)

    @knowing_arguments
    def fit(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        on_nonfinite: str = "warn",
        checkpoint: str | os.PathLike[str] | None = None,
        distribute: MPI | None = None,
    ) -> History:
        """Train.

        Args:
            x: samples, (rows, ...); float32, float64 and uint8 are read where they are; for several
                inputs a list of arrays, or a dict by ``input_names``, which may have others
                besides.  Or batches (x, y): a ``fastnn.utils.PyDataset``, a generator, anything
                else that is iterated.
            y: targets: labels (rows,), or numbers of the output's shape; for several outputs a list
                of arrays, or a dict by ``output_names``.
            batch_size: rows of a batch; ``None`` is 32, or what stateful layers are made for.
            epochs: how often the data is gone through; the number of the last epoch.
            verbose: 0 shows nothing, 1 or ``"auto"`` a bar on a terminal and a line for each epoch
                elsewhere, 2 a line for each epoch.
            callbacks: called on the way.
            validation_split: share of the samples, taken from the end, to measure on; in [0, 1).
            validation_data: (x, y) or (x, y, sample_weight) to measure on after each epoch, or
                batches of them.
            shuffle: whether each epoch has an order of its own; that of a generator is its own.
                Has to be false where stateful layers go on with the rows of the batch before.
            class_weight: a weight for each class, by its number; those that are not named have 1.
            sample_weight: what each sample's loss is multiplied by: (rows,), or for sequences
                (rows, steps); for several outputs a list of arrays, or a dict by ``output_names``.
            initial_epoch: the number of the first epoch, counted from 0, to go on with a training.
            steps_per_epoch: batches of an epoch; ``None`` is all there are; arrays that have fewer
                are warned of, and make an epoch of all.
            validation_steps: batches to measure on; ``None`` is all there are.
            validation_batch_size: rows of a batch when measuring; ``None`` is ``batch_size``.
            validation_freq: measure each so many epochs; or the numbers of the epochs after which
                to measure, counted from 1.
            on_nonfinite: what the first loss that is NaN or infinite does: ``"warn"`` names epoch,
                batch and layer, and goes on; ``"stop"`` warns, and training ends; ``"raise"``
                raises.  The last two leave the weights as they were before that batch.
            checkpoint: a file that the training's state is kept in, after each epoch; if it is
                there, the training goes on from it, and ends to the bit as if it had never been
                interrupted.  See ``BackupAndRestore``, which can do so more often.
            distribute: the processes that train together, ``fastnn.distributed.MPI()``; each calls
                ``fit`` with the same arrays, and ``batch_size`` is that of all together.

        Returns:
            The history: ``history.history["loss"]`` has one mean an epoch.

        Raises:
            ShapeError, DTypeError, LabelError: if the data does not fit the model; the model is
                then as it was.
            ValueError: if ``checkpoint`` is of another training; says what has changed.
            ModelFileError: if it is damaged, or something else.
            NonFiniteError: if a loss is not finite, with ``on_nonfinite="raise"``.
            RanksDifferError: if processes that train together do not hold the same.
            KeyboardInterrupt: within 100 ms of Ctrl-C; the weights are those of the last whole
                batch.
        """
        _check_verbose("fit", verbose)
        shuffle = flag("fit", "shuffle", shuffle)
        rows = _rows("fit", "batch_size", batch_size, self.kept_rows or 32)
        measured = _rows("fit", "validation_batch_size", validation_batch_size, rows)
        backups = [] if checkpoint is None else [Backup(checkpoint)]
        options: dict[str, Any] = {
            "epochs": count("fit", "epochs", epochs),
            "initial": count("fit", "initial_epoch", initial_epoch),
            "callbacks": [*_callbacks("fit", callbacks), *backups],
            "verbose": verbose,
            "validation_freq": _frequency(validation_freq),
            "on_nonfinite": one_of("fit", "on_nonfinite", on_nonfinite, ("warn", "stop", "raise")),
        }
        held_out: training.Data | None = None
        make: Callable[..., fitting.Job]
        if is_stream(x):
            if distribute is not None:
                raise ValueError(
                    "fit: distribute needs arrays, of which each process reads its part; "
                    "numpy.memmap reads those that are larger than the memory"
                )
            stream = self._stream("fit", x, y, batch_size, steps_per_epoch, "steps_per_epoch")
            if validation_split:
                raise ValueError("fit: validation_split needs arrays; give validation_data")
            if sample_weight is not None:
                raise ValueError("fit: x gives batches, so weights come with them: (x, y, weights)")
            check = partial(self._checked, "fit", class_weight=class_weight)
            make = partial(StreamFit, self, stream, check, shuffle)
        else:
            self._refuse_batches("fit", x, y)
            runtime = self._compiled("fit", x)
            data = training.check_data("fit", self, runtime, x, y, sample_weight, class_weight)
            training.check_labels("fit", runtime, data)
            if validation_data is None:
                data, held_out = _hold_out(data, validation_split)
            steps = _steps("fit", "steps_per_epoch", steps_per_epoch, len(data), rows)
            fit: Callable[..., fitting.Job] = fitting.Fit
            if distribute is not None:
                fit = _fit_by(distribute)
            make = partial(fit, self, data, batch=rows, shuffle=shuffle, steps=steps)
        validate: fitting.Measure | None = None
        if validation_data is not None:
            if isinstance(validation_data, list) and len(self.ends.input_shapes) == 1:
                refuse_batches("fit", validation_data, "validation_data")
            x, y, w = _validation_parts(validation_data)
            who = "fit: validation_data"
            validate = self._measure(
                who, x, y, w, None, measured, validation_steps, "validation_steps"
            )
            if isinstance(validate.source, training.Data):
                training.check_labels(who, self.runtime, validate.source)
        elif held_out is not None:
            validate = fitting.evaluation(self.runtime, held_out, measured, "fit")
        job = make(validate=validate, **options)
        self._tell_of_changed()
        with self._guard.training("fit"):
            return job()

    def _stream(
        self, who: str, x: Any, y: Any, batch_size: Any, steps: int | None, argument: str
    ) -> Stream:
        """Return the stream of the caller's batches, after making the model for such."""
        if y is not None or batch_size is not None:
            name = "batch_size" if y is None else "y"
            raise ValueError(
                f"{who}: x gives batches, so {name} must not be given; a batch is (x, y)"
            )
        stream = Stream(who, x, steps, argument)
        self._compiled(who, stream.peek()[0])
        return stream

    def _refuse_batches(self, who: str, x: Any, y: Any) -> None:
        """Refuse a list of batches where there should be targets."""
        if y is None and self.loss is not None:
            refuse_batches(who, x)

    def _checked(self, who: str, batch: Batch, class_weight: Any = None) -> training.Data:
        """Return a batch that was given as x, y, weights."""
        x, y, w, *_ = (*batch, None, None)
        return training.check_data(who, self, self.runtime, x, y, w, class_weight)

    def _measure(
        self,
        who: str,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: Any,
        rows: int,
        steps: int | None,
        argument: str,
    ) -> fitting.Measure:
        """Return what measures the model on arrays or on batches."""
        if is_stream(x):
            if sample_weight is not None:
                raise ValueError(f"{who}: x gives batches, so weights come with them: (x, y, w)")
            stream = self._stream(who, x, y, batch_size, steps, argument)
            check = partial(self._checked, who)
            means = partial(streaming.evaluate, self.runtime, stream, check, who)
            return fitting.Measure(means, stream, stream.steps)
        self._refuse_batches(who, x, y)
        data = training.check_data(who, self, self._compiled(who, x), x, y, sample_weight)
        steps = _steps(who, argument, steps, len(data), rows)
        if steps is not None:
            data = data.part(0, rows * steps)
        return fitting.evaluation(self.runtime, data, rows, who)

    @knowing_arguments
    def evaluate(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Return the mean loss, and metrics, over all samples.

        Args:
            x: samples; or batches (x, y), as in ``fit``.
            y: targets.
            batch_size: rows of a batch; ``None`` is 32; the result does not depend on it but for
                rounding.
            verbose: 0 shows nothing; anything else prints the result.
            sample_weight: as in ``fit``.
            steps: batches to measure on; ``None`` is all there are.
            callbacks: called on the way.
            return_dict: whether to return a dict by name.

        Returns:
            The loss, or a list of loss and metrics, or a dict.
        """
        _check_verbose("evaluate", verbose)
        rows = _rows("evaluate", "batch_size", batch_size, self.kept_rows or 32)
        measure = self._measure("evaluate", x, y, sample_weight, batch_size, rows, steps, "steps")
        told = self._tell("evaluate", callbacks, measure.steps)
        with self._guard.reading("evaluate"):
            told.call("on_test_begin", {})
            means = measure.means(told)
            told.call("on_test_end", means)
        if verbose:
            print("  ".join(f"{name} {as_text(value)}" for name, value in means.items()))
        return means if return_dict else _as_keras(means)

    def _tell(self, who: str, callbacks: Any, steps: int | None) -> CallbackList:
        """Return the callbacks, told of the work."""
        return CallbackList(_callbacks(who, callbacks), self, {"steps": steps})

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = None,
    ) -> Any:
        """Return the model's output for each sample.

        Args:
            x: samples; or batches of them, (x,) or (x, y).
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
            verbose: accepted as in Keras; nothing is shown.
            steps: batches to predict; ``None`` is all there are.
            callbacks: called on the way.

        Returns:
            An array of the output's shape; of several outputs, a list or a dict of them as the
            model was given its ``outputs``.

        Example:
            >>> import fastnn
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, "softmax")])
            >>> model.predict([[1.0, 2.0]]).shape
            (1, 3)
        """
        if is_stream(x):
            return self._predict_stream(x, batch_size, steps, callbacks)
        if steps is None:
            return self._predict("predict", x, batch_size, callbacks)
        rows = _rows("predict", "batch_size", batch_size, self.kept_rows or 32)
        most = positive("predict", "steps", steps) * rows
        outs = self._predict("predict", x, batch_size, callbacks, most)
        _steps("predict", "steps", steps, len(nests.flatten(outs)[0]), rows)
        return outs

    def _predict_stream(self, x: Any, batch_size: Any, steps: int | None, callbacks: Any) -> Any:
        if batch_size is not None:
            raise ValueError("predict: x gives batches, so batch_size must not be given")
        stream = Stream("predict", x, steps, "steps")
        self._build_for("predict", stream.peek()[0])
        told = self._tell("predict", callbacks, stream.steps)

        def batch(x: Any) -> list[Array]:
            xs = training.check_samples("predict", self, x)
            return training.predict(self.runtime, "predict", xs, self.ends.row_shapes, len(xs[0]))

        told.call("on_predict_begin", {})
        with self._guard.reading("predict"):
            outs = streaming.predict(batch, self._nested, stream, told)
        told.call("on_predict_end", {})
        return self._nested(outs)

    def predict_proba(self, x: Any, batch_size: int | None = None) -> Any:
        """Return probabilities: the output, after softmax or sigmoid if the loss has from_logits.

        Args:
            x: samples.
            batch_size: the most rows computed at once; the result does not depend on it, not by a
                bit.
        """
        return self._predict("proba", x, batch_size)

    def _predict(
        self,
        mode: str,
        x: Any,
        batch_size: int | None,
        callbacks: Any = None,
        most: int | None = None,
    ) -> Any:
        """Return the outputs for samples, or for the first ``most`` of them."""
        default = self.kept_rows or training.PREDICT_ROWS
        rows = _rows("predict", "batch_size", batch_size, default)
        if mode == "predict" and callbacks is None and x.__class__ is np.ndarray:
            out = self._predict_at_once(x, rows, most)
            if out is not None:
                return out
        self._build_for("predict", x)
        xs = [each[:most] for each in training.check_samples("predict", self, x)]
        told = None
        if callbacks is not None:
            told = self._tell("predict", callbacks, -(-len(xs[0]) // rows))
            told.call("on_predict_begin", {})
        with self._guard.reading("predict"):
            outs = training.predict(
                self.runtime,
                mode,
                xs,
                self.ends.row_shapes,
                rows,
                callbacks=told,
                nested=self._nested,
            )
        if told is not None:
            told.call("on_predict_end", {})
        return self._nested(outs)

    def _predict_at_once(self, x: Array, rows: int, most: int | None) -> Array | None:
        """Return the outputs for rows that are read where they lie, quicker than for others;
        ``None`` if they have to be converted or are refused."""
        runtime, ends = self._runtime, self._ends
        if runtime is None or ends is None or not ends.is_single or not (x.ndim and x.size):
            return None
        x = x[:most]
        ready = len(x) == 1 or (x.dtype == self.dtype and x.flags.c_contiguous)
        if runtime.kept_rows is not None or not ready:
            return None
        out = np.empty((len(x), *ends.row_shapes[0]), self.dtype)
        with self._guard.reading("predict"):
            if len(x) == 1:
                done = runtime.predict_row(x[0], out[0])
            else:
                done = runtime.predict_rows(x, out, rows)
        return out if done else None

    def _nested(self, outs: Sequence[Array]) -> Any:
        """Return the outputs in the nest that the model was given."""
        if self._outputs_nest is None or isinstance(self._outputs_nest, Symbol):
            return outs[0]
        return nests.pack(self._outputs_nest, outs)

    def predict_one(self, x: Any, out: Any = None) -> Any:
        """Return the model's output for one sample, as soon as can be.

        It is what ``predict`` returns, to the bit.  Other threads take part where that is quicker:
        small models are computed on the calling thread alone.  With ``out``, and an ``x`` that lies
        in one piece and is float32, float64 or uint8, nothing is allocated.  Any number of threads
        may call it at once.

        Args:
            x: the sample, of the input's shape without the axis of rows.
            out: where to put the output: a C-contiguous array of the output's shape without the
                axis of rows and of the model's dtype; ``None`` makes one.

        Returns:
            ``out``.

        Raises:
            ShapeError: if ``x`` or ``out`` has another shape.
            DTypeError: if ``out`` has another dtype, is read-only or does not lie in one piece.

        Example:
            >>> import fastnn, numpy
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(3, "softmax")])
            >>> out = numpy.empty(3, "float32")
            >>> model.predict_one([1.0, 2.0], out) is out
            True
            >>> bool((out == model.predict([[1.0, 2.0]])).all())
            True
        """
        runtime = self._runtime
        if runtime is None:
            if self._network is None:
                several = isinstance(x, dict)
                self._build_for("predict_one", x if several else arrays.as_array("", "x", x)[None])
            runtime = self.runtime
        into = self._room() if out is None else out
        with self._guard.reading("predict_one"):
            if runtime.kept_rows is not None or not runtime.predict_row(x, into):
                self._predict_any_row(x, into)
        return into

    def _room(self) -> Any:
        """Return room for the output of one sample."""
        return self._nested([np.empty(shape, self.dtype) for shape in self.ends.row_shapes])

    def _predict_any_row(self, x: Any, out: Any) -> None:
        """Predict a row that has to be converted first, or refuse it."""
        who, shapes = "predict_one", self.ends.row_shapes
        outs = [out] if len(shapes) == 1 else nests.flatten(out)
        for each, shape in zip(outs, shapes, strict=True):
            arrays.require_out(who, each, shape, self.dtype)
        training.refuse_order(who, self, x)
        given = training.split(who, "x", x, self.input_names, self._inputs_nest)
        samples = [arrays.as_array(who, "x", each) for each in given]
        for sample, expected in zip(samples, self.ends.input_shapes, strict=True):
            training.refuse_batch(who, sample, expected)
        rows = [sample[None] for sample in samples]
        xs = training.check_samples(who, self, rows if len(rows) > 1 else rows[0])
        found = training.predict(self.runtime, "predict", xs, shapes, 1, who)
        for each, row in zip(outs, found, strict=True):
            each[...] = row[0]

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's output for one batch."""
        return self.predict(x)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> float | list[float] | dict[str, float]:
        """Make one update from one batch.

        Args:
            x: samples, all of which make the batch.
            y: targets.
            sample_weight: as in ``fit``.
            class_weight: as in ``fit``.
            return_dict: whether to return a dict by name.

        Returns:
            Loss and metrics of this batch before the update.
        """
        runtime = self._compiled("train_on_batch", x)
        who = "train_on_batch"
        data = training.check_data(who, self, runtime, x, y, sample_weight, class_weight)
        with self._guard.training(who):
            means = training.train_batch(runtime, data, self.seed)
        return means if return_dict else _as_keras(means)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> float | list[float] | dict[str, float]:
        """Return loss and metrics of one batch."""
        return self.evaluate(x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)

    def reset_metrics(self) -> None:
        """Forget the batches before, as in Keras, where ``train_on_batch`` returns means over them;
        here it returns those of its own batch, so that there is nothing to forget."""

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
    ) -> float:
        """Return the loss of predictions, with the penalties of the weights.

        Args:
            x: accepted as in Keras; nothing depends on it.
            y: the targets.
            y_pred: the predictions, as ``predict`` returns them.
            sample_weight: as in ``fit``.

        Raises:
            NotCompiledError: before ``compile``.

        Example:
            >>> import fastnn
            >>> model = fastnn.Sequential([fastnn.Input((2,)), fastnn.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> model.compute_loss(y=[[1.0], [2.0]], y_pred=[[1.0], [4.0]])
            2.0
        """
        self._require_built()
        objective = self._compiled("compute_loss", x).objective
        assert objective is not None
        data = training.compute_loss("compute_loss", self, objective, y, y_pred, sample_weight)
        return data + sum(self.losses)


def _rows(who: str, name: str, given: int | None, default: int) -> int:
    """Return the rows of a batch that were asked for."""
    return default if given is None else positive(who, name, given)


def _steps(who: str, argument: str, given: Any, samples: int, rows: int) -> int | None:
    """Return the batches of a pass that were asked for, after a warning if arrays have fewer.

    Args:
        who: the method that was called.
        argument: what its caller calls them.
        given: what was asked for; ``None`` is all there are.
        samples: rows of the arrays.
        rows: those of a batch.
    """
    if given is None:
        return None
    steps, there = positive(who, argument, given), -(-samples // rows)
    if steps > there:
        warn_caller(
            f"{who}: {argument} is {steps:,}, but {samples:,} samples make {there:,} "
            f"batch{'es' * (there != 1)} of {rows:,}: so many are gone through; leave {argument} "
            "out to take all there are, or give fewer rows to a batch",
            UserWarning,
        )
    return steps


def _fit_by(distribute: Any) -> Callable[..., fitting.Job]:
    """Return what trains by several processes."""
    from fastnn.distributed import MPI
    from fastnn.distributed.fit import DistributedFit

    if not isinstance(distribute, MPI):
        raise TypeError(
            f"fit: distribute must be fastnn.distributed.MPI(), got {describe(distribute)}"
        )
    return partial(DistributedFit, ranks=distribute)


def _frequency(given: Any) -> int | list[int]:
    """Return each how many epochs to measure, or after which."""
    if isinstance(given, list | tuple | set):
        return [positive("fit", "validation_freq", each) for each in given]
    return positive("fit", "validation_freq", given)


def _validation_parts(given: Any) -> tuple[Any, Any, Any]:
    """Return x, y and weights of what there is to measure on; batches have them in themselves."""
    if is_stream(given):
        return given, None, None
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ValueError(
            "fit: validation_data must be (x, y) or (x, y, sample_weight), or give batches, got "
            f"{describe(given)}; {BATCHES}"
        )
    x, y, w = (*given, None)[:3]
    return x, y, w


def _hold_out(data: training.Data, split: float) -> tuple[training.Data, training.Data | None]:
    """Return what to train on and what to measure on, the last of the samples."""
    if not isinstance(split, numbers.Real) or not 0 <= split < 1:
        raise ValueError(f"fit: validation_split must be in [0, 1), got {shown(split)}")
    if not split:
        return data, None
    cut = int(len(data) * (1 - split))
    if not 0 < cut < len(data):
        raise ValueError(
            f"fit: validation_split={split} of {len(data)} samples leaves {cut} to train on "
            f"and {len(data) - cut} to measure on; both need at least 1"
        )
    return data.part(0, cut), data.part(cut, len(data))


def _callbacks(who: str, given: Any) -> list[Callback]:
    """Return the callbacks, given one by itself or several."""
    every = list(given) if isinstance(given, Iterable) else [] if given is None else [given]
    for each in every:
        if not isinstance(each, Callback):
            hint = "; write it with ()" if isinstance(each, type) else ""
            raise TypeError(
                f"{who}: callbacks have to be fastnn.callbacks.Callback, got {describe(each)}{hint}"
            )
    return every


def _as_keras(means: Mapping[str, float]) -> float | list[float]:
    if len(means) == 1:
        return means["loss"]
    values = [value for name, value in means.items() if name not in ("data_loss", "penalty")]
    return values[0] if len(values) == 1 else values


def _check_verbose(who: str, verbose: Any) -> None:
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(f'{who}: verbose must be 0, 1, 2 or "auto", got {str(verbose)[:40]!r}')
