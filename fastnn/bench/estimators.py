"""scikit-learn's networks beside fastnn's, on scikit-learn's own data sets.

    python -m fastnn.bench.estimators --rounds 5

Each round has a seed of its own, and its five folds are the same for all.  In each, one estimator
is fitted after the other, in alternating order, all by one thread, and timed by its processor
time, which other processes disturb least; ratios are formed within each round.  Features are
scaled, and the targets of the regression; everything else is left as it is by default.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastnn

__all__ = ["DATA", "Contest", "main", "measure"]

#: Data sets, and whether their targets are numbers.
DATA = {
    "digits": False,
    "breast_cancer": False,
    "wine": False,
    "iris": False,
    "diabetes": True,
}

_FOLDS = 5


@dataclass(frozen=True)
class Contest:
    """What the estimators did on one data set.

    Attributes:
        data: its name.
        scores: estimator -> accuracy, or R2, of each round and fold.
        seconds: estimator -> processor time of the fits of each round.
    """

    data: str
    scores: dict[str, list[float]]
    seconds: dict[str, list[float]]

    def row(self) -> str:
        """Return the line of a table."""
        scores = [f"{np.mean(s):.3f} ({np.std(s):.3f})" for s in self.scores.values()]
        theirs, *ours = self.seconds.values()
        ratios = [
            statistics.median(t / o for t, o in zip(theirs, own, strict=True)) for own in ours
        ]
        times = [f"{1e3 * statistics.median(theirs) / _FOLDS:.0f}", *(f"{r:.1f}" for r in ratios)]
        return f"| {' | '.join([self.data, *scores, *times])} |"


def _contenders(is_regression: bool, seed: int) -> dict[str, Callable[[], Any]]:
    """Return what makes each estimator, scikit-learn's first."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    theirs = MLPRegressor if is_regression else MLPClassifier
    name = "FastNNRegressor" if is_regression else "FastNNClassifier"
    ours = getattr(fastnn.sklearn, name)

    def scaled(kind: Any, **options: Any) -> Any:
        pipeline = make_pipeline(StandardScaler(), kind(random_state=seed, **options))
        if not is_regression:
            return pipeline
        return TransformedTargetRegressor(pipeline, transformer=StandardScaler())

    return {
        "scikit-learn": lambda: scaled(theirs),
        "fastnn": lambda: scaled(ours),
        "fastnn, float32": lambda: scaled(ours, dtype="float32"),
    }


def measure(data: str, rounds: int) -> Contest:
    """Let the estimators fit a data set in turns.

    Args:
        data: a name of ``DATA``.
        rounds: 1 or more.
    """
    from sklearn import datasets

    x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
    contest = Contest(data, {}, {})
    for seed in range(rounds):
        contenders = list(_contenders(DATA[data], seed).items())
        for name, make in contenders if seed % 2 == 0 else contenders[::-1]:
            fits = list(_fits(make, x, y, DATA[data], seed))
            contest.scores.setdefault(name, []).extend(score for score, _ in fits)
            contest.seconds.setdefault(name, []).append(sum(seconds for _, seconds in fits))
    return contest


def _fits(
    make: Callable[[], Any], x: Any, y: Any, is_regression: bool, seed: int
) -> Iterator[tuple[float, float]]:
    """Yield score and processor time of the fit to each fold."""
    from sklearn.model_selection import KFold, StratifiedKFold

    folds = (KFold if is_regression else StratifiedKFold)(_FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(x, y):
        estimator = make()
        began = time.process_time()
        estimator.fit(x[train], y[train])
        seconds = time.process_time() - began
        yield float(estimator.score(x[test], y[test])), seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(prog="estimators", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=DATA, default=list(DATA))
    options = parser.parse_args(arguments)
    names = list(_contenders(False, 0))
    ratios = [f"times {name} is faster" for name in names[1:]]
    head = ["data", *(f"{name}: score (sd)" for name in names), "ms a fit of the first", *ratios]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    fastnn.set_num_threads(1)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # who has not converged says so
        for data in options.only:
            print(measure(data, options.rounds).row(), flush=True)


if __name__ == "__main__":
    main()
