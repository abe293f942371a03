"""`fastnn train`: from a file of data to a tested model in one command."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastnn.callbacks.backup import STATE
from fastnn.cli import formats, keeping, output
from fastnn.cli.arguments import (
    DIGITS,
    add_json,
    add_text,
    add_threads,
    command,
    model_file,
    natural,
    new_folder,
    picture_file,
    positive,
    positive_number,
    share,
    source,
    widths,
)

if TYPE_CHECKING:
    from fastnn.cli.planning import Plan
    from fastnn.cli.sources import Data

__all__ = ["add"]

_ABOUT = """Trains a model on a file of data, tests it on rows that were held out, and says what it chose and why.

SOURCE is one of
  a .csv file    columns of numbers and of words; --target names the one to predict
  an .npz file   arrays: x and y, or x_train, y_train, x_test, y_test, or those of --inputs and --target
  a folder       of images, with a folder for each class (pip install 'fastnn[images]')
  digits         1,797 images of handwritten digits, 8 x 8 pixels, that come with fastnn"""  # noqa: E501

_EXAMPLES = """  fastnn train houses.csv --target price
  fastnn train houses.csv --target price --save houses.fastnn --plot houses.png
  fastnn train houses.csv --target price --export houses.c --export houses.onnx
  fastnn train survey.csv --target answer --ignore name,date --hidden 32 --dropout 0.3
  fastnn train songs.csv --target calm,loud,sad          # several labels, each yes or no
  fastnn train mnist.npz --epochs 10
  fastnn train flowers/ --image-size 48 --save flowers.fastnn
  fastnn train big.csv --target y --resume run           # the same command goes on after a crash
  fastnn train digits --save digits.fastnn"""

_CSV, _NPZ, _FOLDER = "a CSV file", "an .npz file", "a folder of images"

#: Options of data -> the kinds of source that they are for.
_OF_KINDS = {
    "target": (_CSV, _NPZ),
    "task": (_CSV, _NPZ),
    "inputs": (_NPZ,),
    "image_size": (_FOLDER,),
    **dict.fromkeys(("ignore", "keep", "categorical", "delimiter", "encoding", "header"), (_CSV,)),
}

#: What people call the tasks.
TASKS = ("classification", "regression", "multi-label")

#: The words of JSON and schemas -> those.
_TASKS_OF_JSON = {
    "binary": "classification",
    "classes": "classification",
    "labels": "multi-label",
    "numbers": "regression",
}


def add(commands: Any) -> None:
    """Add the command."""
    train = command(
        commands,
        "train",
        _run,
        help="train a model on a file of data, and test it",
        about=_ABOUT,
        examples=_EXAMPLES,
    )
    train.add_argument("source", type=source, metavar="SOURCE", help="the data; see above")
    _add_data(train.add_argument_group("data"))
    _add_model(train.add_argument_group("model and training, each chosen by the data if left out"))
    _add_run(train.add_argument_group("run"))
    train.set_defaults(defaults={**vars(train.parse_args([DIGITS])), "source": None})


def _kept(text: str) -> Path:
    """Return the path of a model's file, which the suffix of another format would belie."""
    if formats.known(text):
        raise argparse.ArgumentTypeError(
            f"keeps fastnn's own format, .fastnn; --export {text} writes the other"
        )
    return model_file(text)


def _task(text: str) -> str:
    """Return a task, which JSON has another word for."""
    found = _TASKS_OF_JSON.get(text, text)
    if found not in TASKS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(TASKS)}, got {text!r}")
    return found


def _optimizer(text: str) -> str:
    """Return the name of an optimizer."""
    from fastnn import optimizers

    try:
        optimizers.get(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _add_data(group: Any) -> None:
    group.add_argument(
        "--target",
        action="append",
        metavar="NAME",
        help="the column to predict, by its name or place, or several, a,b,c; or an array",
    )
    group.add_argument(
        "--task",
        type=_task,
        metavar="TASK",
        help=f"{', '.join(TASKS)}; default: by the values of the target, and says so",
    )
    group.add_argument(
        "--validation",
        type=share,
        default=0.2,
        metavar="SHARE",
        help="of the rows, held out to stop in time and to test; 0: none (default: 0.2)",
    )
    for name, what in (
        ("--ignore", "columns to leave out"),
        ("--keep", "columns to take in any case"),
        ("--categorical", "columns of numbers to take as words"),
    ):
        group.add_argument(name, action="append", metavar="NAMES", help=what)
    add_text(group)
    header = group.add_mutually_exclusive_group()
    header.add_argument(
        "--header", action="store_true", default=None, help="the first line has names"
    )
    header.add_argument(
        "--no-header", action="store_false", dest="header", help="it has not: columns are 0, 1, ..."
    )
    group.add_argument("--inputs", metavar="NAME", help="the array of samples in an npz file")
    group.add_argument(
        "--image-size",
        type=positive,
        metavar="N",
        help="pixels a side that images are resized to; default: theirs, at most 64",
    )


def _add_model(group: Any) -> None:
    group.add_argument(
        "--hidden", type=widths, metavar="N,N", help="units of the hidden layers; 0: none"
    )
    group.add_argument("--dropout", type=share, metavar="RATE", help="after each hidden layer")
    group.add_argument(
        "--class-weight",
        choices=("balanced",),
        help="weigh rare classes up, so that each counts as much",
    )
    group.add_argument("--epochs", type=positive, metavar="N", help="the most passes over the data")
    group.add_argument("--batch-size", type=positive, metavar="N", help="rows of a step")
    group.add_argument("--learning-rate", type=positive_number, metavar="RATE")
    group.add_argument(
        "--optimizer", type=_optimizer, metavar="NAME", help="adam, sgd, rmsprop, ..."
    )
    group.add_argument(
        "--patience",
        type=natural,
        metavar="N",
        help="epochs without a better val_loss after which to stop; 0: never",
    )


def _add_run(group: Any) -> None:
    group.add_argument(
        "--seed", type=natural, default=0, help="of split, weights, order, dropout (default: 0)"
    )
    add_threads(group)
    group.add_argument("--save", type=_kept, metavar="FILE", help="keep the model, .fastnn")
    group.add_argument("--plot", type=picture_file, metavar="FILE", help="draw a report")
    group.add_argument(
        "--export",
        type=formats.exported,
        action="append",
        default=[],
        metavar="FILE",
        help="write the model in another format, as `fastnn export` does; may be repeated",
    )
    group.add_argument(
        "--resume",
        type=new_folder,
        metavar="FOLDER",
        help="keep the training's state there, and go on from it",
    )
    group.add_argument("--quiet", action="store_true", help="print the result alone")
    add_json(group)


def _run(options: argparse.Namespace) -> int:
    import fastnn

    if hasattr(options, "threads"):
        fastnn.set_num_threads(options.threads)
    given = {
        name
        for name, value in options.defaults.items()
        if name != "source" and getattr(options, name) != value
    }
    if str(options.source) == DIGITS:
        from fastnn.cli.digits import train_digits

        return train_digits(options, given)
    _refuse_unfit(options, given)
    return _train(options)


def _refuse_unfit(options: argparse.Namespace, given: set[str]) -> None:
    """End the command if an option is of no use for this kind of data."""
    kind = _kind(options.source)
    for name in sorted(given & _OF_KINDS.keys()):
        if kind not in _OF_KINDS[name]:
            shown = "--no-header" if getattr(options, name) is False else _shown(name)
            fit = " or ".join(_OF_KINDS[name])
            options.refuse(f"{shown} is for {fit}; {options.source} is {kind}")


def _kind(path: Path) -> str:
    return _FOLDER if path.is_dir() else _NPZ if path.suffix == ".npz" else _CSV


def _shown(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _train(options: argparse.Namespace) -> int:
    import fastnn
    from fastnn import extras
    from fastnn.cli import building, planning, sources

    if options.plot:
        extras.require("matplotlib", "a picture")
    said = _Said(options)
    data = sources.load(options, said.line)
    plan = planning.plan(data, options)
    for what, why in plan.reasons.items():
        said.line(f"{what:<13}{why}")
    keeping.rehearse(options, lambda: building.finished(building.network(data, plan), data))
    fastnn.set_seed(options.seed)
    return _Training(options, data, plan, said).run()


class _Said:
    """What is printed on the way, unless only the result is wanted; and kept in any case."""

    def __init__(self, options: argparse.Namespace):
        self._shown = not (options.quiet or options.json)
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        """Print a line."""
        self.lines.append(text)
        if self._shown:
            print(output.printable(text), flush=True)


class _Training:
    """One training, from the plan to the report."""

    def __init__(self, options: argparse.Namespace, data: Data, plan: Plan, said: _Said):
        from fastnn.cli.resuming import Resumed

        self.options, self.data, self.plan, self.said = options, data, plan, said
        self.resumed = Resumed(said.line)

    def run(self) -> int:
        """Train, test, keep and draw."""
        from fastnn.cli import building, scores

        model = building.network(self.data, self.plan)
        began = time.perf_counter()
        history = self._fit(model)
        seconds = time.perf_counter() - began
        final = building.finished(model, self.data)
        report = scores.of(final, *self.data.test)
        self._tell(history, seconds, report, final)
        return 0

    def _fit(self, model: Any) -> Any:
        from fastnn.cli import building

        data, plan = self.data, self.plan
        return model.fit(
            data.x,
            building.scaled(data, data.y),
            batch_size=plan.batch_size,
            epochs=plan.epochs,
            validation_data=self._validation(),
            class_weight=plan.class_weight,
            callbacks=self._callbacks(),
            verbose=0,
            on_nonfinite="raise",
            checkpoint=self._checkpoint(model),
        )

    def _validation(self) -> tuple[Any, ...] | None:
        """Return what is held out, weighed as the training, so that both losses are alike."""
        from fastnn.cli import building

        if self.data.held_out is None:
            return None
        x, y = self.data.held_out
        weight = self.plan.class_weight
        weights = [] if weight is None else [building.weights(weight, y)]
        return (x, building.scaled(self.data, y), *weights)

    def _callbacks(self) -> list[Any]:
        from fastnn.callbacks import EarlyStopping
        from fastnn.cli.progress import Line

        options, patience = self.options, self.plan.patience
        callbacks: list[Any] = [] if options.quiet or options.json else [Line()]
        if patience:
            callbacks.append(EarlyStopping(patience=patience, restore_best_weights=True))
        return [*callbacks, self.resumed]

    def _checkpoint(self, model: Any) -> Path | None:
        """Return the file of the training's state, if one is kept."""
        from fastnn.cli import resuming

        if self.options.resume is None:
            return None
        self.options.resume.mkdir(exist_ok=True)
        path: Path = self.options.resume / STATE
        resuming.refuse_other(path, model, self.options.seed, self.plan.patience)
        return path

    def _tell(self, history: Any, seconds: float, report: Any, model: Any) -> None:
        options, losses = self.options, history.history
        ran, best = len(losses["loss"]), _best(losses)
        self.said.line(self._ended(ran, best, seconds))
        try:
            lines = self._keep(history, report, model)
        finally:  # where the disk is full, the scores are what is left of the training
            if not options.json:
                where = "held out" if self.data.held_out is not None else "of the training"
                weighed = self.plan.class_weight is not None
                print(output.printable_lines(report.text(where, weighed)))
        for line in () if options.json else lines:
            print(line)
        if options.json:
            output.document(
                "train",
                source=options.source,
                **self.data.facts(),
                choices=self.plan.choices(),
                notes=self.said.lines,
                epochs_run=ran,
                best_epoch=best,
                seconds=seconds,
                **report.facts(),
                history=losses,
                files=keeping.files(options),
            )

    def _ended(self, ran: int, best: int, seconds: float) -> str:
        """Return what to say of the epochs, and of which of them the weights are."""
        kept = f"the best, number {best}" if self.plan.patience else "the last"
        weights = f"the weights are those of {kept}"
        if self.resumed.begun is not None:
            now = f", {ran - self.resumed.begun} of them now," if self.resumed.begun else ""
            epochs, took = f"{ran} epoch{'s' * (ran > 1)}", output.duration(seconds)
            return f"{'trained':<13}{epochs}{now} in {took}; {weights}"
        why, mend = self._complete(ran, best)
        return f"{why}: nothing was trained; {weights}{mend}"

    def _complete(self, ran: int, best: int) -> tuple[str, str]:
        """Return why a training that was resumed had no epoch left, and what can be done."""
        asked, epochs = self.plan.epochs, f"after {ran} epoch{'s' * (ran > 1)}"
        if ran < asked:  # which more of --epochs would not change
            why = f"{'stopped':<13}early {epochs}, {ran - best} without a better val_loss"
            return why, "; another --resume folder begins anew"
        more = f", more than --epochs {asked}" if ran > asked else ""
        return f"{'complete':<13}{epochs}{more}", ""

    def _keep(self, history: Any, report: Any, model: Any) -> list[str]:
        """Write the files that were asked for, and return what there is to say of them."""
        options = self.options

        def draw() -> Any:
            from fastnn.cli.pictures import report as drawn

            return drawn(history, report, self.plan.class_weight is not None)

        lines = keeping.keep(options, model, draw, self.data.test[0])
        if options.save and not options.quiet:
            lines.append(output.next_command("predict", options.save, options.source))
        return lines


def _best(losses: dict[str, list[float]]) -> int:
    watched = losses.get("val_loss", losses["loss"])
    return 1 + min(
        range(len(watched)), key=lambda epoch: (watched[epoch] != watched[epoch], watched[epoch])
    )
