"""Cross-validation: how good a kind of model is on data that it has not seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastnn import config, locks, nests, parallel
from fastnn._checks import count
from fastnn._typing import Array
from fastnn.adapting import read_by
from fastnn.callbacks import Callback, History
from fastnn.callbacks.display import as_text
from fastnn.data.foreign import plain
from fastnn.data.streams import is_stream
from fastnn.layers import Layer
from fastnn.model_selection import KFold, StratifiedKFold
from fastnn.models import Model
from fastnn.waiting import result

__all__ = ["CrossValidation", "cross_validate"]

Rows = NDArray[np.intp]
#: x, y and weights, if there are any
Part = Sequence[Any]


@dataclass(frozen=True)
class CrossValidation:
    """What ``cross_validate`` found.

    Attributes:
        scores: for loss and each metric, the value on each held-out fold, (k,); (k, n) for a
            metric of n numbers.
        histories: what ``fit`` returned, fold by fold.
        models: the trained models, fold by fold.
        folds: fold by fold, the rows trained on and the rows held out.
    """

    scores: dict[str, NDArray[np.float64]]
    histories: list[History]
    models: list[Model]
    folds: list[tuple[Rows, Rows]]

    @property
    def mean(self) -> dict[str, Any]:
        """The mean over the folds, of loss and each metric."""
        return {name: _plain(np.mean(values, axis=0)) for name, values in self.scores.items()}

    @property
    def sd(self) -> dict[str, Any]:
        """The standard deviation over the folds, with k - 1 in the denominator."""
        return {name: _plain(np.std(values, 0, ddof=1)) for name, values in self.scores.items()}

    def _lines(self) -> list[tuple[str, ...]]:
        lines = [("fold", *self.scores)]
        for fold, values in enumerate(zip(*self.scores.values(), strict=True), 1):
            lines.append((str(fold), *(as_text(value) for value in values)))
        for label, found in (("mean", self.mean), ("sd", self.sd)):
            lines.append((label, *(as_text(value) for value in found.values())))
        return lines

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        from fastnn import notebook

        titles, *rows = self._lines()
        return notebook.table(titles, rows, range(len(titles)))

    def __str__(self) -> str:
        """Return a table: a line for each fold, then mean and standard deviation."""
        lines = self._lines()
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        )


def _plain(value: Any) -> Any:
    """Return one number as such; several stay an array."""
    return value if np.ndim(value) else float(value)


def cross_validate(
    make_model: Callable[[], Model],
    x: Any,
    y: Any,
    k: int = 5,
    stratify: bool | Any | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    *,
    shuffle: bool = True,
    seed: int | None = None,
    n_jobs: int | None = None,
    backend: Any = None,
    adapt: bool | Callable[[Model, Any, Any], Any] = True,
    make_callbacks: Callable[[], Iterable[Callback]] | None = None,
    sample_weight: Any = None,
    **fit_options: Any,
) -> CrossValidation:
    """Train k fresh models, each all its epochs on k - 1 folds, and measure it on the one left out.

    Nothing of a fold reaches the model that is measured on it: no weight, no statistic of
    preprocessing, no choice of an epoch.  Folds are trained side by side; what comes out does not
    depend on how many threads there are, nor on where they are, not by a bit.  See Hastie,
    Tibshirani and Friedman, "The Elements of Statistical Learning", 2009, section 7.10.

    Args:
        make_model: makes a new, compiled model; called k times, on the caller's thread, and once
            more for each fold where other processes train.
        x: samples, as ``fit`` takes them: an array, or a nest of them.
        y: targets, likewise.
        k: folds, 2 or more.
        stratify: whether folds have the same share of each class, or an array of what to share out,
            (rows,); ``None`` does so where each distinct target is there at least k times.
        epochs: of each model.
        batch_size: rows of a batch, as in ``fit``.
        shuffle: whether rows come to folds at random.
        seed: what folds, first weights and everything random follow from; ``None`` goes on with the
            process's seed.
        n_jobs: threads, or joblib's processes, 1 or more; ``None`` is as many as programs may use.
        backend: who trains: ``None`` or ``"threads"`` are threads of this process, ``"joblib"``
            whatever joblib is set to, ``"dask"`` the cluster that a ``distributed.Client`` was made
            for, or such a client, or the address of a scheduler; ``"ray"`` a Ray cluster, one of
            this machine if none was begun; or a ``concurrent.futures.Executor``.
        adapt: whether layers that have an ``adapt`` method, such as ``Normalization``, are adapted
            to the k - 1 folds; or a function of (model, x, y) that does so.
        make_callbacks: makes the callbacks of one model.
        sample_weight: a weight for each sample, (rows,).
        **fit_options: for ``fit``, such as ``validation_split``, which takes its part of the k - 1
            folds.

    Returns:
        Scores, means, standard deviations, histories and models; it prints as a table.

    Raises:
        ValueError: if ``make_model`` does not make a new model each time, or data and folds do not
            go together.
        ImportError: the library of the backend is not installed.

    Example:
        >>> import fastnn
        >>> from fastnn.layers import Dense
        >>> def make_model():
        ...     model = fastnn.Sequential([Dense(8, "tanh"), Dense(1, "sigmoid")])
        ...     model.compile("adam", "binary_crossentropy", ["accuracy"])
        ...     return model
        >>> x, y = fastnn.datasets.make_moons(200)
        >>> found = fastnn.cross_validate(make_model, x, y, k=4, epochs=2, seed=1)
        >>> found.scores["accuracy"].shape, sorted(found.mean)
        ((4,), ['accuracy', 'loss'])
    """
    if is_stream(x):
        raise TypeError(
            f"cross_validate: folds need arrays, got {type(x).__name__}; load all of its batches"
        )
    data = [_arrays("x", x), _arrays("y", y), None]
    if sample_weight is not None:
        data[2] = plain("cross_validate", "sample_weight", sample_weight)
    rows = _length(data)
    if isinstance(make_model, Model) or not callable(make_model):
        raise TypeError(
            "cross_validate: make_model must be a function that returns a new, compiled model, got "
            f"a {type(make_model).__name__}; put what makes and compiles it into one: "
            "def make_model(): ..."
        )
    _check_options(fit_options, make_callbacks)
    workers = None
    if not parallel.is_own(backend):
        workers = parallel.workers("cross_validate", backend, n_jobs)
    seeds = _seeds(seed, count("cross_validate", "k", k, least=2) + 1)
    folds = list(_splitter(data[1], k, stratify, shuffle, seeds.pop()).split(*rows))
    parts = [[_take(data, side) for side in fold] for fold in folds]
    models = _models(make_model, [train[0] for train, _ in parts], seeds)
    for model, (train, _) in zip(models, parts, strict=True):
        _adapt(model, train, adapt)
    options = {"epochs": epochs, "batch_size": batch_size, "verbose": 0, **fit_options}
    plan = _Plan(make_model, adapt, make_callbacks, options)
    if workers is None:
        results = _run_here(plan, models, parts, n_jobs)
    else:
        items = list(zip(folds, seeds, strict=True))
        learned: list[_Learned] = workers(_learn_elsewhere, (plan, data), items)
        pairs = zip(learned, models, strict=True)
        results = [(each.scores, each.give(model)) for each, model in pairs]
    scores = {name: np.array([found[name] for found, _ in results]) for name in results[0][0]}
    return CrossValidation(scores, [history for _, history in results], models, folds)


@dataclass(frozen=True)
class _Plan:
    """What is done with every fold.

    Attributes:
        make_model: makes a new, compiled model.
        adapt: what adapts layers, as in ``cross_validate``.
        make_callbacks: makes the callbacks of a model, if there are any.
        options: for ``fit``.
    """

    make_model: Callable[[], Model]
    adapt: Any
    make_callbacks: Callable[[], Iterable[Callback]] | None
    options: dict[str, Any]

    def callbacks(self) -> list[Callback]:
        """Make the callbacks of a model."""
        return list(self.make_callbacks()) if self.make_callbacks else []

    def learn(
        self, model: Model, train: Part, test: Part, callbacks: list[Callback]
    ) -> tuple[dict[str, float], History]:
        """Train and measure."""
        x, y, weight = train
        history = model.fit(x, y, callbacks=callbacks, **self.options, **_weighted(weight))
        x, y, weight = test
        rows = self.options["batch_size"]
        scores = model.evaluate(
            x, y, batch_size=rows, verbose=0, return_dict=True, **_weighted(weight)
        )
        assert isinstance(scores, dict)
        return scores, history


# ---- on threads of this process ------------------------------------------------------------------


class _Cancelled(Exception):
    """Another fold failed, or the caller gave up."""


class _Cancel(Callback):
    """Ends a training that nobody waits for any more."""

    def __init__(self, cancelled: threading.Event):
        self._cancelled = cancelled

    def _look(self) -> None:
        if self._cancelled.is_set():
            raise _Cancelled

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Look at the end of each epoch."""
        self._look()

    def on_rows(self, done: int, total: int | None) -> None:
        """Look some tens of times a second."""
        self._look()


def _run_here(
    plan: _Plan, models: Sequence[Model], parts: Sequence[Sequence[Part]], n_jobs: int | None
) -> list[tuple[dict[str, float], History]]:
    """Train models side by side; when one fails, the others give up."""
    threads = config.get_num_threads() if n_jobs is None else n_jobs
    threads = min(count("cross_validate", "n_jobs", threads, least=1), len(models))
    cancelled = threading.Event()
    jobs = [
        partial(plan.learn, model, train, test, [_Cancel(cancelled), *plan.callbacks()])
        for model, (train, test) in zip(models, parts, strict=True)
    ]
    if threads == 1:
        return [job() for job in jobs]
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fastnn-fold")
    try:  # an interrupt may come while there are only some of them
        return [result(future) for future in [pool.submit(job) for job in jobs]]
    except BaseException:
        cancelled.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


# ---- elsewhere -----------------------------------------------------------------------------------

#: Held while a model is made from a seed: seeds are the process's, whose threads may be workers.
_SEEDING = locks.lock()


class _Learned(NamedTuple):
    """What is left of a fold that was trained elsewhere."""

    scores: dict[str, float]
    history: dict[str, Any]
    weights: tuple[dict[str, Any], dict[str, Array]]
    rate: float | None

    def give(self, model: Model) -> History:
        """Let an equal model be as the one that was trained; return its history."""
        from fastnn import saving

        config, arrays = self.weights
        arrays = dict(arrays)
        saving.take_weights(model, config, arrays)
        saving.take_state(model, arrays)
        model.epochs_trained = config["epochs_trained"]
        if self.rate is not None and model.optimizer is not None:
            model.optimizer.learning_rate = self.rate
        history = History()
        history.set_model(model)
        history.set_state(self.history)
        model.history = history
        return history


def _learn_elsewhere(
    shared: tuple[_Plan, Sequence[Any]], item: tuple[tuple[Rows, Rows], int]
) -> _Learned:
    """Make the model of a fold, train it and measure it."""
    from fastnn import saving

    (plan, data), (fold, seed) = shared, item
    train, test = (_take(data, side) for side in fold)
    with _SEEDING:
        model = _model(plan.make_model, train[0], seed)
    _adapt(model, train, plan.adapt)
    scores, history = plan.learn(model, train, test, plan.callbacks())
    optimizer = model.optimizer
    rate = None if optimizer is None or optimizer.scheduled else float(optimizer.learning_rate)
    return _Learned(scores, history.get_state(), saving.weights_of(model), rate)


# ---- models --------------------------------------------------------------------------------------


def _models(
    make_model: Callable[[], Model], xs: Sequence[Any], seeds: Iterable[int]
) -> list[Model]:
    """Make and build a model for each fold, each from its own seed."""
    models: list[Model] = []
    for x, seed in zip(xs, seeds, strict=True):
        model = _model(make_model, x, seed)
        if any(model is other for other in models) or model.epochs_trained:
            raise ValueError(
                "cross_validate: make_model must return a new model each time, not one that "
                "another fold has trained; make and compile it inside of the function"
            )
        models.append(model)
    return models


def _model(make_model: Callable[[], Model], x: Any, seed: int) -> Model:
    with config.seeded(seed):
        model = make_model()
        if not isinstance(model, Model):
            raise TypeError(
                f"cross_validate: make_model must return a fastnn model, got {type(model).__name__}"
            )
        if not model.built and isinstance(x, np.ndarray):
            model.build((None, *x.shape[1:]))
    return model


def _adapt(model: Model, train: Sequence[Any], adapt: Any) -> None:
    """Adapt what adapts itself to data, to the data that the model is trained on."""
    x, y, _ = train
    if callable(adapt):
        adapt(model, x, y)
    elif adapt and model.built:
        for layer in model.layers:
            if hasattr(layer, "adapt"):
                layer.adapt(_read_by(model, layer, x))


def _read_by(model: Model, layer: Layer, x: Any) -> Any:
    """Return the data that a layer is called on."""
    data = read_by(model, layer, x)
    if data is None:
        raise ValueError(
            f"cross_validate: whether the layer {layer.name!r} is called on an input of the model "
            "is not known; pass adapt=function, which is called with (model, x, y)"
        )
    return data


# ---- data ----------------------------------------------------------------------------------------


def _arrays(name: str, nest: Any) -> Any:
    """Return a nest of arrays; a list of numbers, or of rows of them, is one array."""
    if isinstance(nest, list | tuple) and not any(isinstance(each, np.ndarray) for each in nest):
        return plain("cross_validate", name, nest)
    return nests.apply(partial(plain, "cross_validate", name), nest)


def _length(data: Sequence[Any]) -> tuple[Array, Array]:
    """Return what a splitter takes for x and y, after a look at the number of rows."""
    arrays = [each for each in nests.flatten(data) if each is not None]
    lengths = {len(each) if each.ndim else 0 for each in arrays}
    if len(lengths) > 1:
        raise ValueError(
            f"cross_validate: x, y and sample_weight have {sorted(lengths)} rows; each sample "
            "needs all of them"
        )
    return arrays[0], nests.flatten(data[1])[0]


def _take(data: Sequence[Any], rows: Rows) -> list[Any]:
    return [None if each is None else nests.apply(lambda a: a[rows], each) for each in data]


def _splitter(y: Any, k: int, stratify: Any, shuffle: bool, seed: int) -> KFold:
    if stratify is None:
        stratify = isinstance(y, np.ndarray) and _repeats(y, k)
    if isinstance(stratify, bool | np.bool_):
        return (StratifiedKFold if stratify else KFold)(k, shuffle, seed)
    return _By(np.asarray(stratify), k, shuffle, seed)


class _By(StratifiedKFold):
    """Stratifies by labels that are not the targets."""

    def __init__(self, labels: Array, *options: Any):
        super().__init__(*options)
        self._labels = labels

    def _folds(self, rows: int, y: Any) -> Rows:
        return super()._folds(rows, self._labels)


def _repeats(y: Array, k: int) -> bool:
    """Return whether each distinct target is there at least k times."""
    return 1 <= y.ndim <= 2 and np.unique(y, axis=0, return_counts=True)[1].min(initial=k) >= k


def _weighted(weight: Array | None) -> dict[str, Any]:
    return {} if weight is None else {"sample_weight": weight}


def _seeds(seed: int | None, n: int) -> list[int]:
    if seed is None:
        return [config.next_seed() for _ in range(n)]
    with config.seeded(count("cross_validate", "seed", seed)):
        return [config.next_seed() for _ in range(n)]


def _check_options(options: dict[str, Any], make_callbacks: Any) -> None:
    if "callbacks" in options or not (make_callbacks is None or callable(make_callbacks)):
        raise TypeError(
            "cross_validate: each model needs callbacks of its own; give "
            "make_callbacks=lambda: [...] instead of callbacks"
        )
    if "validation_data" in options:
        raise TypeError(
            "cross_validate: validation_data would be the same for all folds; give "
            "validation_split, which takes its part of the folds that a model is trained on"
        )
