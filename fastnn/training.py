"""Data as programs gather from it, and the ways to drive a program over it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastnn import _core, weighing
from fastnn._typing import Array
from fastnn.callbacks import CallbackList
from fastnn.compiler.graph import Node, Shape
from fastnn.data import arrays
from fastnn.data.foreign import names_of, refuse_sparse
from fastnn.errors import DTypeError, ShapeError
from fastnn.runtime import Executable, Runtime, Weighing

if TYPE_CHECKING:
    from fastnn.models.connected import Connected
    from fastnn.objectives import Objective

__all__ = ["Data", "Rest", "drive", "drive_stage", "evaluate", "predict", "train_batch"]

#: Seconds that a run stays in C before it comes back to look at signals and draw the progress.
SLICE_SECONDS = 0.02

#: Rows of a batch when predicting; the results do not depend on it.
PREDICT_ROWS = 128


@dataclass(slots=True)  # one that is frozen takes thrice as long to make
class Data:
    """Samples and their targets by the names of the programs' sources, checked.

    Attributes:
        xs: an array for each input of the model.
        ys: an array for each output that is compared with something, by its index.
        ws: the weights of those that have some, (rows,) or (rows, ...).
    """

    xs: list[Array]
    ys: dict[int, Array]
    ws: dict[int, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.xs[0])

    def part(self, begin: int, end: int) -> Data:
        """Return the samples from ``begin`` to ``end``."""
        ys, ws = ({at: a[begin:end] for at, a in every.items()} for every in (self.ys, self.ws))
        return Data([x[begin:end] for x in self.xs], ys, ws)

    @property
    def weighing(self) -> Weighing:
        """The shapes of the weights, by which programs are told apart."""
        if not self.ws:
            return ()
        return tuple((index, (None, *w.shape[1:])) for index, w in sorted(self.ws.items()))

    @property
    def lent(self) -> dict[str, Array]:
        """The arrays by the names of the program's sources."""
        lent = {"x0": self.xs[0]}
        for index, x in enumerate(self.xs[1:], 1):
            lent[f"x{index}"] = x
        for index, y in self.ys.items():
            lent[f"y{index}"] = y
        for index, w in self.ws.items():
            lent[f"w{index}"] = w
        return lent


def named(prefix: str, every: Iterable[Array]) -> dict[str, Array]:
    """Return arrays by the names ``x0``, ``x1``, ..."""
    return {f"{prefix}{index}": each for index, each in enumerate(every)}


def _lent(xs: Sequence[Array], outs: Sequence[Array]) -> dict[str, Array]:
    """Return the arrays of a prediction by the names of the program's sources and results."""
    if len(xs) == len(outs) == 1:  # quicker, for the most frequent case
        return {"x0": xs[0], "out0": outs[0]}
    return {**named("x", xs), **named("out", outs)}


def check_samples(who: str, model: Connected, x: Any) -> list[Array]:
    """Return the caller's samples, an array for each input, as programs can gather from."""
    ends = model.ends
    if len(ends.input_shapes) == 1:
        if not isinstance(x, np.ndarray):
            refuse_order(who, model, x)
            rank = len(ends.input_shapes[0])
            x = _unwrapped(x, lambda only: only.ndim == rank)
        if not isinstance(x, dict):
            try:
                return [arrays.as_samples(who, x, ends.input_shapes[0], model.name, model.dtype)]
            except DTypeError as error:
                _tell_of_files(model, error)
                raise
    given = split(who, "x", x, ends.input_names, model.inputs_nest)
    xs = [
        arrays.as_samples(who, each, shape, model.name, model.dtype, label)
        for each, shape, label in zip(given, ends.input_shapes, ends.input_labels, strict=True)
    ]
    for each, label in zip(xs[1:], ends.input_labels[1:], strict=True):
        arrays.same_length(who, xs[0], each, ends.input_labels[0], label)
    return xs


def refuse_order(who: str, model: Connected, x: Any) -> None:
    """Refuse a data frame, or a row of one, whose columns are not the numbers of a sample in their
    order, to a model that knows their names.

    Raises:
        ValueError: if so.
    """
    schema = getattr(model, "schema", None)
    if schema is None or not getattr(schema.inputs, "header", False):
        return
    names, features = names_of(x), schema.inputs.features
    if names and names != features:
        raise ValueError(
            f"{who}: {_first_other(names, features)}; model.schema.read(x) makes samples of a data "
            "frame, by the names of its columns"
        )


def _first_other(names: Sequence[str], features: Sequence[str]) -> str:
    """Return how the names of columns first differ from those that a model takes."""
    for place, (name, feature) in enumerate(zip(names, features, strict=False)):
        if name != feature:
            return f"column {place} of x is {name!r:.90}, where the model takes {feature!r:.90}"
    if len(names) < len(features):
        return f"x has no column {features[len(names)]!r:.90}, which the model takes"
    return f"x has a column {names[len(features)]!r:.90}, which the model does not take"


def _tell_of_files(model: Connected, error: DTypeError) -> None:
    """Let who gives words to a model that knows how to read a file hear of it."""
    if getattr(model, "schema", None) is not None:
        what = str(error).rpartition("; ")[0] or str(error)
        mend = "model.schema.read(x) makes samples of a data frame, or of a file"
        raise DTypeError(f"{what[:320]}; {mend}") from error


def refuse_batch(who: str, sample: Array, shape: Shape) -> None:
    """Refuse rows of samples where one sample is expected.

    Args:
        who: the method that was called.
        sample: what it was given.
        shape: of the model's input, with the rows.

    Raises:
        ShapeError: if they have the axis of rows.
    """
    if sample.ndim == len(shape) and sample.shape[1:] == shape[1:]:
        one = ", ".join(map(str, shape[1:]))
        raise ShapeError(
            f"{who}: expected one sample ({one}), got {sample.shape}; give x[0], or call predict"
        )


def check_data(
    who: str,
    model: Connected,
    runtime: Runtime,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Data:
    """Return the caller's arrays as data that the model's programs can gather from."""
    xs = check_samples(who, model, x)
    arrays.not_empty(who, xs[0])
    objective = runtime.objective
    assert objective is not None
    if not objective.compared:
        return Data(xs, {})
    if y is None:
        raise ValueError(f"{who}: y is missing; the loss compares predictions with targets")
    given, ys = _targets(who, model, objective, y, len(xs[0])), dict[int, Array]()
    for index, label, loss, kind in objective.expected:
        if kind.classes is None:
            ys[index] = arrays.as_values(who, given[index], kind.shape, loss, runtime.dtype, label)
        else:
            ys[index] = arrays.as_labels(who, given[index], kind.shape, kind.classes, label)
        arrays.same_length(who, xs[0], ys[index], model.ends.input_labels[0], label)
        objective.check_range(who, index, ys[index], label)
    if sample_weight is None and class_weight is None:
        return Data(xs, ys, {})
    ws = weighing.weights(who, model, objective, ys, sample_weight, class_weight, runtime.dtype)
    return Data(xs, ys, ws)


def check_labels(who: str, runtime: Runtime, data: Data) -> None:
    """Refuse labels that are no classes, before the first batch changes the model."""
    assert runtime.objective is not None
    for index, _, _, kind in runtime.objective.expected:
        if kind.classes is not None:
            arrays.check_labels(who, data.ys[index], kind.classes, kind.ignored, f"y{index}")


def compute_loss(
    who: str, model: Connected, objective: Objective, y: Any, y_pred: Any, sample_weight: Any
) -> float:
    """Return the loss of predictions, in the nest of the model's outputs."""
    from fastnn import standalone

    if not objective.compared:
        return 0.0
    if y is None or y_pred is None:
        raise ValueError(f"{who}: y and y_pred are needed, the targets and what predict returned")
    found = split(who, "y_pred", y_pred, objective.names, model.outputs_nest, objective.compared)
    ys = _targets(who, model, objective, y, len(found[objective.compared[0]]))
    ws = weighing.by_output(who, objective, sample_weight)
    total: float = sum(
        objective.loss_weights[i] * standalone.loss(loss, ys[i], found[i], ws.get(i))
        for i, loss in enumerate(objective.losses)
        if loss is not None
    )
    return total


def _targets(who: str, model: Connected, objective: Objective, y: Any, rows: int) -> list[Any]:
    """Return the targets, one for each output."""
    if len(objective.names) == 1:
        if isinstance(y, np.ndarray):
            return [y]
        y = _unwrapped(y, lambda only: only.ndim > 0 and len(only) == rows > 1)
    return split(who, "y", y, objective.names, model.outputs_nest, objective.compared)


def _unwrapped(given: Any, fits: Callable[[Array], bool]) -> Any:
    """Return the only array of a list, unless the list is that of the rows of one."""
    if isinstance(given, list | tuple) and len(given) == 1:
        only = given[0]
        return only if isinstance(only, np.ndarray) and fits(only) else given
    return given


def split(
    who: str,
    argument: str,
    given: Any,
    names: Sequence[str],
    like: Any,
    wanted: Container[int] | None = None,
) -> list[Any]:
    """Return the arrays of an argument, one for each of ``names``.

    Args:
        who: the method that was called.
        argument: ``"x"`` or ``"y"``.
        given: one array, or a list, tuple or dict of them.
        names: of the inputs or outputs.
        like: the nest of them, as the model was given it.
        wanted: the indices of those that are needed; ``None`` is all.
    """
    if isinstance(given, dict):
        refuse_sparse(who, argument, given)
        if isinstance(like, dict) and (set(given) <= set(like) or set(like) <= set(given)):
            names = sorted(like)
        # more columns of a frame than the model takes are no mistake, as in Keras; targets are
        unknown = [name for name in given if argument != "x" and name not in names]
        missing = [
            name
            for index, name in enumerate(names)
            if name not in given and (wanted is None or index in wanted)
        ]
        if unknown or missing:
            raise ValueError(
                f"{who}: {argument} has the names {', '.join(map(str, given)):.180}; the model "
                f"{'takes' if argument == 'x' else 'gives'} {', '.join(names)}"[:390]
            )
        return [given.get(name) for name in names]
    if len(names) == 1:
        return [given]
    if not isinstance(given, list | tuple) or len(given) != len(names):
        count = len(given) if isinstance(given, list | tuple) else "one array"
        raise ValueError(
            f"{who}: {argument} must be a list of {len(names)} arrays, or a dict of them by the "
            f"names {', '.join(names)}, got {count}"[:390]
        )
    return list(given)


def drive(
    who: str,
    executable: Executable,
    run: _core.Run,
    on_slice: Callable[[int], None] | None = None,
    on_nonfinite: Callable[[Executable, _core.Run], None] | None = None,
) -> None:
    """Run until all rows are done.

    Args:
        who: the method that was called, for messages.
        executable: the program, with its arrays lent.
        run: what to do.
        on_slice: called now and then with the rows done.
        on_nonfinite: called when a batch's mean loss is not finite.
    """
    while (status := executable.run(run)) != _core.DONE:
        if status == _core.FAULT:
            raise _refusal(who, run.fault, executable.program.nodes[run.fault[1]])
        if status == _core.NONFINITE and on_nonfinite is not None:
            on_nonfinite(executable, run)
        elif on_slice is not None:
            on_slice(run.first)


def _refusal(who: str, fault: tuple[int, int, int, float], node: Node) -> Exception:
    """Return the exception for data that a node refused."""
    if node.op.name in arrays.IDS:
        return arrays.unknown_id(who, node.layer, fault, node.sizes["v"].base, node.op.name)
    source = node.inputs[0].name if node.inputs[0] is not None else ""
    return arrays.refusal(who, fault, node.attrs.get("classes"), source)


class Rest(NamedTuple):
    """Where a run of many batches rests: ``left`` returns the batches until then, ``after`` is told
    how many were made."""

    left: Callable[[], int]
    after: Callable[[int], None]


def drive_stage(
    callbacks: CallbackList | None,
    stage: str,
    run: _core.Run,
    rows: int,
    go: Callable[[], None],
    logs: Callable[[], dict[str, Any]],
    rest: Rest | None = None,
) -> None:
    """Drive a run to its end: at once, or batch by batch where callbacks want to know of each.

    Args:
        callbacks: whom to tell.
        stage: ``"train"``, ``"test"`` or ``"predict"``.
        run: what to do.
        rows: rows of a batch, as callbacks see it.
        go: drives the run to ``run.total``.
        logs: returns what callbacks are told after a batch.
        rest: where to rest on the way, if anywhere.
    """
    if callbacks is None or not (callbacks.wants_batches(stage) or rest):
        go()
        return
    total, each = run.total, callbacks.wants_batches(stage)
    while True:
        first, batch = run.first, run.first // rows
        if each:
            callbacks.call(f"on_{stage}_batch_begin", batch, {})
        run.total = min(first + rows * (1 if each or rest is None else rest.left()), total)
        go()
        if each:
            callbacks.call(f"on_{stage}_batch_end", batch, logs())
        if rest is not None:
            rest.after(-(-(run.first - first) // rows))
        if run.first >= total or (stage == "train" and callbacks.model.stop_training):
            return


def predict(
    runtime: Runtime,
    mode: str,
    xs: Sequence[Array],
    shapes: Iterable[tuple[int, ...]],
    rows: int,
    who: str = "predict",
    callbacks: CallbackList | None = None,
    nested: Callable[[Sequence[Array]], Any] = list,
) -> list[Array]:
    """Return the model's outputs for each row of ``xs``; callbacks get them ``nested``."""
    count = len(xs[0])
    runtime.check_batches(who, count, rows)
    outs = [np.empty((count, *shape), runtime.dtype) for shape in shapes]
    rows = min(rows, max(count, 1))
    direct = all(x.dtype == runtime.dtype and x.flags.c_contiguous for x in xs)
    with runtime.borrow(mode, rows, direct) as executable:
        executable.lend(_lent(xs, outs))
        run = _core.Run(count, min(rows, executable.program.rows), slice_seconds=SLICE_SECONDS)
        if callbacks is None:
            drive(who, executable, run)
            return outs
        drive_stage(
            callbacks,
            "predict",
            run,
            rows,
            lambda: drive(who, executable, run),
            lambda: {"outputs": nested(_batch(outs, run.first, rows))},
        )
    return outs


def _batch(outs: Iterable[Array], end: int, rows: int) -> list[Array]:
    """Return the outputs of the batch of so many rows that ends before row ``end``."""
    return [out[(end - 1) // rows * rows : end] for out in outs]


def evaluate(
    runtime: Runtime,
    data: Data,
    rows: int,
    who: str = "evaluate",
    callbacks: CallbackList | None = None,
) -> dict[str, float]:
    """Return the means of loss and metrics over the data."""
    runtime.check_batches(who, len(data), rows)
    rows = min(rows, len(data))
    with runtime.borrow("evaluate", rows, weighing=data.weighing) as executable:
        executable.memory.clear_totals()
        executable.lend(data.lent)
        run = _core.Run(len(data), rows, slice_seconds=SLICE_SECONDS, watch=False)
        drive_stage(
            callbacks,
            "test",
            run,
            rows,
            lambda: drive(who, executable, run),
            lambda: runtime.logs(executable),
        )
        return runtime.logs(executable)


def train_batch(runtime: Runtime, data: Data, seed: int) -> dict[str, float]:
    """Make one update from all of the data; return the means before it."""
    rows, step = len(data), int(runtime.buffers["step"][0])
    runtime.check_batches("train_on_batch", rows, rows)
    with runtime.borrow("train", rows, False, data.weighing) as executable:
        executable.memory.clear_totals()
        runtime.set_rates(1)
        executable.lend(data.lent)
        run = _core.Run(rows, rows, epoch=step, seed=seed, watch=False)
        try:
            drive("train_on_batch", executable, run)
        finally:
            runtime.trained()
        return runtime.logs(executable)
