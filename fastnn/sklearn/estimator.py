"""What classifier and regressor share: parameters, and how data gets to the network and back."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastnn import config
from fastnn._typing import Array
from fastnn._warnings import warn_caller
from fastnn.adapting import adapt
from fastnn.errors import DTypeError, NonFiniteError
from fastnn.layers import Dense
from fastnn.models import Model
from fastnn.sklearn import parameters
from fastnn.sklearn.networks import ACTIVATIONS, Task, ending, make
from fastnn.sklearn.watching import Progress, Watch

__all__ = ["Estimator", "NetworkEstimator", "Samples"]

Estimator = TypeVar("Estimator", bound="NetworkEstimator")

_AUTO_BATCH = 200  # the most rows of a batch that nobody chose, as in scikit-learn
_TO_SKLEARN: dict[str, str | None] = {ours: theirs for theirs, ours in ACTIVATIONS.items()}
_ROUTE = "model__"  # how searches name the arguments of the function that makes the model


class Samples(NamedTuple):
    """Samples (rows, features), their targets as the estimator encodes them, and weights."""

    x: Array
    y: Array
    weight: Array | None

    @property
    def mean_weight(self) -> float:
        """The mean of the weights, 1 if there are none."""
        return 1.0 if self.weight is None else float(self.weight.mean())

    def part(self, rows: Array) -> Samples:
        """Return some of the samples."""
        weight = None if self.weight is None else self.weight[rows]
        return Samples(self.x[rows], self.y[rows], weight)


@dataclass(eq=False, repr=False)
class NetworkEstimator(BaseEstimator):  # the constructor only stores, and scikit-learn reads it
    """A network behind scikit-learn's interface: what ``FastNNClassifier`` and ``FastNNRegressor``
    share.  Names and defaults are those of scikit-learn's ``MLPClassifier``.

    Args:
        hidden_layer_sizes: units of the hidden layer, or of each of several; ``()`` is a linear
            model.
        activation: of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, or
            any that ``fastnn.layers.Dense`` takes.
        solver: ``"sgd"``, ``"adam"``, or another optimizer of fastnn's in lower case:
            ``"adamw"``, ``"nadam"``, ``"rmsprop"``, ...; or an object of ``fastnn.optimizers``,
            which is copied, and whose own options count.
        alpha: penalty on the squares of the weights, 0 or more:
            ``alpha / 2 sum(w^2) / batch_size``.
        batch_size: rows of a batch; ``"auto"`` is 200, or as many as there are.
        learning_rate: ``"constant"``; ``"invscaling"``, after t samples ``learning_rate_init /
            (t + 1)^power_t``; or ``"adaptive"``, a fifth of it whenever training would stop.
        learning_rate_init: the first rate, positive.
        power_t: as above, 0 or more.
        max_iter: the most epochs, 1 or more; a warning says if they were over before training
            stopped by itself.
        shuffle: whether each epoch has an order of its own.
        random_state: what first weights, order, dropout and the part held out follow from: a whole
            number gives the same bits each time, whatever runs beside it; ``None`` other ones.
        tol: by how much a loss or a score has to be better to count, 0 or more.
        verbose: what ``Model.fit`` shows: 0 or false, 1 or true, 2, or ``"auto"``.
        warm_start: whether ``fit`` begins with the weights of the last one.
        momentum: of ``"sgd"``, in [0, 1].
        nesterovs_momentum: whether it is Nesterov's.
        early_stopping: whether training stops by the score on samples held out, and ends with the
            weights of the best epoch; else it stops by the loss.
        validation_fraction: the share of samples that is held out, in (0, 1), each class alike.
        beta_1: of Adam and its kin, in [0, 1).
        beta_2: likewise.
        epsilon: likewise, positive.
        n_iter_no_change: how many epochs may be no better in a row, 1 or more; ``numpy.inf`` makes
            all of ``max_iter``, without a warning.
        dropout: the share of the units of each hidden layer that is left out in training, [0, 1).
        dtype: what a perceptron computes in: ``"float32"``, ``"float64"``, ``"mixed_bfloat16"``;
            ``None`` is the type of ``X``: float32 if it is that, else float64.
        model: another network instead of a perceptron, for which activation, alpha, dropout, dtype
            and ``hidden_layer_sizes`` then do not count: a function that makes a new model,
            compiled or not, and may have parameters ``input_shape`` and ``n_outputs``; or a model,
            of which each ``fit`` trains an equal one with new weights; or its description, such as
            ``json.loads(model.to_json())``.  If it is compiled, its own optimizer and loss count.
            Its layers at the input that adapt to data, such as ``Normalization``, do so to what a
            new network is trained on, unless they were given their numbers or adapted before.
        model_params: more arguments for that function, a dict; a search names them
            ``model__units``.
        input_shape: the shape of a sample as the network takes it, such as ``(8, 8, 1)``; ``None``
            is that of the rows of ``X``.  ``X`` may have that shape, or be flat.
        callbacks: ``fastnn.callbacks.Callback``, one or several, which see ``val_score`` in the
            logs where something is held out; or a function that returns new ones for each fit.

    Attributes:
        model_: the trained network, a ``fastnn.Model``.
        history_: the ``fastnn.History`` of the last ``fit``: ``history_.plot()`` draws it.
        n_iter_: epochs of the last ``fit``.
        loss_: the loss of the last epoch.
        loss_curve_: the loss of each epoch, penalties included.
        best_loss_: the least of them.
        validation_scores_: after each epoch the accuracy, or R2, on what is held out; ``None``
            without.
        best_validation_score_: the largest of them; ``None`` without.
        coefs_, intercepts_: the weights and biases of each layer of a perceptron.
        n_features_in_, feature_names_in_: of the features; the names if ``X`` was a frame.
        n_layers_, n_outputs_, out_activation_, t_: as scikit-learn has them.
    """

    hidden_layer_sizes: Any = (100,)
    _: KW_ONLY
    activation: Any = "relu"
    solver: Any = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: Any = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: Any = 10
    dropout: float = 0.0
    dtype: Any = None
    model: Any = None
    model_params: Any = None
    input_shape: Any = None
    callbacks: Any = None

    # ---- what a classifier and a regressor do differently ----------------------------------------

    @abstractmethod
    def _encoded(self, y: Array, reset: bool, classes: Any) -> Array:
        """Return targets as numbers, after learning what there are, of ``y`` or of ``classes``, if
        ``reset``."""

    @abstractmethod
    def _task(self, input_shape: tuple[int, ...], y: Array) -> Task:
        """Return what the data asks of a network."""

    @abstractmethod
    def _targets(self, model: Model, y: Array) -> Array:
        """Return encoded targets as the loss of a model compares them."""

    @abstractmethod
    def _measured(self, model: Model, x: Array, held: Samples) -> float:
        """Return the score of a model on samples shaped as it takes them."""

    def _loss_share(self, model: Model) -> float:
        """Return what the loss is multiplied by where it is shown."""
        return 1.0

    def _class_weights(self, y: Array, weight: Array | None) -> Array | None:
        """Return weights multiplied by those of classes, if there are such."""
        return weight

    # ---- parameters ------------------------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Args:
            deep: whether to return what is in ``model_params`` too, as ``model__name``.
        """
        params: dict[str, Any] = super().get_params(deep)
        routed = self.model_params if deep and isinstance(self.model_params, Mapping) else {}
        return params | {_ROUTE + name: value for name, value in routed.items()}

    def set_params(self: Estimator, **params: Any) -> Estimator:
        """Set parameters by name; ``model__units=8`` sets ``units`` in ``model_params``.

        Returns:
            The estimator.
        """
        routed = {name for name in params if name.startswith(_ROUTE)}
        super().set_params(**{name: params[name] for name in params.keys() - routed})
        if routed:
            inner = {name.removeprefix(_ROUTE): params[name] for name in routed}
            self.model_params = {**(self.model_params or {}), **inner}
        return self

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn's tools want to know of the estimator."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is a network."""
        return hasattr(self, "model_")

    # ---- training --------------------------------------------------------------------------------

    def fit(
        self: Estimator,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Estimator:
        """Train a new network, or with ``warm_start`` one with the weights of the last.

        Args:
            X: samples, (rows, features): an array, a frame or a sparse matrix, which is made dense;
                with ``model`` or ``input_shape`` also an array (rows, ...).
            y: targets, (rows,) or (rows, n).
            sample_weight: what each sample counts for, (rows,); ``None`` is 1.
            X_val: samples to measure on after each epoch; ``None`` with ``early_stopping`` takes
                ``validation_fraction`` of ``X``.
            y_val: their targets.
            sample_weight_val: their weights.

        Returns:
            The estimator; it is as it was if anything is raised.

        Raises:
            ValueError, TypeError: if a parameter is not what it may be, or the data is not.
            NonFiniteError: if the loss is not finite: scale the data, or lower the rate.
        """
        parameters.check(self)
        with self._as_it_was_if_it_fails():
            goes_on = bool(self.warm_start) and hasattr(self, "model_")
            data = self._samples(X, y, sample_weight, reset=not goes_on)
            rng = check_random_state(self.random_state)
            seed = int(rng.randint(np.iinfo(np.int32).max))
            if X_val is None and y_val is None and sample_weight_val is None:
                data, held = self._parted(data, rng)
            else:
                held = self._given(X_val, y_val, sample_weight_val)
            model = self._new_model(X, data, seed)
            progress = Progress()
            if goes_on:
                model.set_weights(self.model_.get_weights())
                model.epochs_trained, progress = self.model_.epochs_trained, Progress.of(self)
            converged = self._train(model, data, held, progress, int(self.max_iter))
            self._tell_if_cut_short(progress.n_iter, converged)
        return self

    def _partial_fit(
        self: Estimator, X: Any, y: Any, sample_weight: Any, classes: Any = None
    ) -> Estimator:
        """Train for one epoch, going on where the last one ended."""
        parameters.check(self)
        if self.early_stopping:
            raise ValueError(
                f"{type(self).__name__}: partial_fit makes one epoch, so that there is nothing to "
                "stop; set early_stopping=False"
            )
        with self._as_it_was_if_it_fails():
            goes_on = hasattr(self, "model_")
            data = self._samples(X, y, sample_weight, reset=not goes_on, classes=classes)
            if goes_on:
                model, progress = self.model_, Progress.of(self)
            else:
                seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
                model, progress = self._new_model(X, data, int(seed)), Progress()
            self._train(model, data, None, progress, epochs=1)
        return self

    @contextmanager
    def _as_it_was_if_it_fails(self) -> Iterator[None]:
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _new_model(self, given: Any, data: Samples, seed: int) -> Model:
        """Return a compiled network for the data, as it was given and as it was read, adapted."""
        shape = self._sample_shape(given, data.x.shape[1])
        task = self._task(shape, data.y)
        penalty = self.alpha / (2 * self._rows(data) * data.mean_weight)
        model = make(self, task, float(penalty), self.dtype or data.x.dtype.name, seed)
        adapt(model, _shaped(model, data.x))
        return model

    def _train(
        self, model: Model, data: Samples, held: Samples | None, progress: Progress, epochs: int
    ) -> bool:
        """Train a network, and keep it with what there is to tell; return whether it stopped by
        itself."""
        validation, score = None, None
        if held is not None:
            measured = _shaped(model, held.x)
            validation = (measured, self._targets(model, held.y), held.weight)
            score = partial(self._measured, model, measured, held)
        progress.n_iter = 0
        watch = Watch(progress, self, len(data.x), self._loss_share(model), score)
        history = model.fit(
            _shaped(model, data.x),
            self._targets(model, data.y),
            batch_size=self._rows(data),
            epochs=epochs,
            verbose=self.verbose if isinstance(self.verbose, str) else min(int(self.verbose), 2),
            callbacks=[watch, *self._callbacks()],
            shuffle=bool(self.shuffle),
            sample_weight=None if data.weight is None else data.weight / data.mean_weight,
            validation_data=validation,
            on_nonfinite="raise",
        )
        self._keep(model, progress)
        self.history_ = history
        return watch.converged

    def _tell_if_cut_short(self, n_iter: int, converged: bool) -> None:
        """Warn, as scikit-learn does, if training ended only because ``max_iter`` epochs were over;
        whoever never lets it stop by itself wants just these."""
        if n_iter < self.max_iter or converged or self.n_iter_no_change == math.inf:
            return
        warn_caller(
            f"fit: max_iter={self.max_iter} epochs were over before training had stopped by "
            "itself; raise max_iter, scale the features, of a regression also the target, or take "
            "n_iter_no_change=numpy.inf if so many epochs are what you want",
            ConvergenceWarning,
        )

    def _keep(self, model: Model, progress: Progress) -> None:
        """Keep a trained network, and tell of it in attributes.

        Raises:
            NonFiniteError: if the last step made a weight that is not finite.
        """
        if not all(np.isfinite(weight).all() for weight in model.get_weights()):
            raise NonFiniteError(
                "fit: the last step has made weights that are not finite; scale the inputs or "
                "lower the learning rate"
            )
        self.model_ = model
        self.n_outputs_ = model.output_shape[-1]
        head, _ = ending(model)
        self.out_activation_ = _TO_SKLEARN.get(head or "", head)
        progress.tell(self)

    def _callbacks(self) -> list[Any]:
        """Return the caller's callbacks; those of a function are new ones."""
        given = self.callbacks() if callable(self.callbacks) else self.callbacks
        return list(given) if isinstance(given, list | tuple) else [] if given is None else [given]

    def _rows(self, data: Samples) -> int:
        """Return the rows of a batch."""
        return min(self._most_rows(), len(data.x))

    def _most_rows(self) -> int:
        """Return the rows of a batch of samples without end."""
        return _AUTO_BATCH if self.batch_size == "auto" else int(self.batch_size)

    # ---- data ------------------------------------------------------------------------------------

    def _samples(
        self, X: Any, y: Any, sample_weight: Any, reset: bool, classes: Any = None
    ) -> Samples:
        """Return the caller's data, checked; what there are of features is learned if ``reset``."""
        if reset:
            self._target_names = _names_of(y)
        x, y = self._read(X, reset, y=_dense(y), multi_output=True, y_numeric=self._is_numeric)
        if self._is_numeric and np.asarray(y).dtype.kind not in "biuf":
            raise DTypeError(
                f"{type(self).__name__}: y must hold real numbers, got an array of dtype "
                f"{y.dtype}; FastNNClassifier takes the names of classes"
            )
        y = self._encoded(y, reset, classes)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, x, dtype=np.float64, copy=True)
        weight = self._class_weights(y, weight)
        if weight is not None and not (weight.min() >= 0 < weight.max()):
            raise ValueError(
                f"{type(self).__name__}: a weight of a sample must be at least 0, and not all "
                "weights may be zero"
            )
        return Samples(x, y, weight)

    #: Whether targets are numbers.
    _is_numeric = False

    def _read(self, X: Any, reset: bool, **options: Any) -> Any:
        """Return samples, (rows, features), and the targets if there are some in ``options``."""
        takes_any = self.model is not None or self.input_shape is not None
        if takes_any and isinstance(X, np.ndarray) and X.ndim > 2:
            X = X.reshape(len(X), -1)
        dtype: Any = (np.float64, np.float32)
        if self.model is not None:
            dtype = "numeric"
        elif self.dtype is not None:
            dtype = config.real_dtype(self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # scikit-learn refuses what overflows
            return validate_data(self, _dense(X), reset=reset, dtype=dtype, **options)

    def _sample_shape(self, given: Any, features: int) -> tuple[int, ...]:
        """Return the shape of a sample: that of the parameter, or of the array as it was given."""
        shape = tuple(getattr(given, "shape", ()))[1:]
        if self.input_shape is not None:
            shape = tuple(parameters.hidden_sizes("", "input_shape", self.input_shape))
        elif len(shape) < 2:  # also of lists and frames
            shape = (features,)
        if math.prod(shape) != features:
            raise ValueError(
                f"{type(self).__name__}: input_shape={shape} has {math.prod(shape)} numbers, a "
                f"sample of X has {features}"
            )
        return shape

    def _given(self, X_val: Any, y_val: Any, sample_weight_val: Any) -> Samples:
        """Return what the caller wants to be measured on."""
        if X_val is None or y_val is None:
            missing = "X_val" if X_val is None else "y_val"
            raise ValueError(
                f"{type(self).__name__}: X_val and y_val go together, {missing} is missing"
            )
        return self._samples(X_val, y_val, sample_weight_val, reset=False)

    def _parted(self, data: Samples, rng: Any) -> tuple[Samples, Samples | None]:
        """Return what to train on, and what to measure on if training stops early."""
        if not self.early_stopping:
            return data, None
        rows = np.arange(len(data.x))
        parts = train_test_split(
            rows,
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=None if self._is_numeric or data.y.ndim > 1 else data.y,
        )
        train, held = (data.part(each) for each in parts)
        if len(held.x) < 2:
            raise ValueError(
                f"{type(self).__name__}: validation_fraction={self.validation_fraction} of "
                f"{len(rows)} samples is one to measure on; raise it, or set early_stopping=False"
            )
        return train, held

    def _outputs(self, X: Any) -> Array:
        """Return what the network makes of samples: probabilities if its loss knows them."""
        check_is_fitted(self)
        x = _shaped(self.model_, self._read(X, reset=False))
        return np.asarray(self.model_.predict_proba(x))

    # ---- what was learned ------------------------------------------------------------------------

    @property
    def coefs_(self) -> list[Array]:
        """The weights of each layer of a perceptron, (inputs, units)."""
        return [weights[0] for weights in self._dense_weights()]

    @property
    def intercepts_(self) -> list[Array]:
        """The biases of each layer of a perceptron, (units,)."""
        return [weights[1] for weights in self._dense_weights()]

    @property
    def n_layers_(self) -> int:
        """The layers of a perceptron, with the input."""
        return len(self._dense_weights()) + 1

    def _dense_weights(self) -> list[list[Array]]:
        if self.model is not None or not hasattr(self, "model_"):
            raise AttributeError(
                f"{type(self).__name__}: coefs_, intercepts_ and n_layers_ are of a fitted "
                "perceptron; other networks have model_.get_weights()"
            )
        return [each.get_weights() for each in self.model_.layers if isinstance(each, Dense)]


def _shaped(model: Model, x: Array) -> Array:
    """Return samples (rows, features) in the shape that a model takes."""
    return x.reshape(len(x), *model.input_shape[1:])


def _names_of(y: Any) -> list[str]:
    """Return what a series or the columns of a frame are called, if they have names."""
    names = list(getattr(y, "columns", [getattr(y, "name", None)]))
    return names if all(isinstance(name, str) and name for name in names) else []


def _dense(given: Any) -> Any:
    """Return a sparse matrix as an array, anything else as it is."""
    return given.toarray() if hasattr(given, "toarray") else given
