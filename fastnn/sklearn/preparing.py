"""What fitted transformers of scikit-learn do to the columns of a table, as numbers for layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from fastnn._typing import Array
from fastnn.data.schema import Columns, canonical

__all__ = [
    "NoLayer",
    "Scaling",
    "Table",
    "prepared",
    "scaling",
    "steps_of",
    "unprepared",
    "unscaling",
]


class NoLayer(TypeError):
    """A transformer does what no layer does; those who know the whole say what to take of it."""


class Scaling(NamedTuple):
    """A step that makes ``(x - middle) / scale`` of features.

    Attributes:
        name: of the step, for a layer.
        middle: (features,).
        scale: (features,).
        limits: between which the result is kept; ``None``: as it is.
    """

    name: str
    middle: Array
    scale: Array
    limits: tuple[float, float] | None = None


#: Scalers by the numbers that ``(x - middle) / scale`` has of them.
_SCALERS: dict[type, Callable[[Any], tuple[Any, Any]]] = {
    StandardScaler: lambda step: (step.mean_ if step.with_mean else None, step.scale_),
    MinMaxScaler: lambda step: (-step.min_ / step.scale_, 1 / step.scale_),
    MaxAbsScaler: lambda step: (None, step.scale_),
    RobustScaler: lambda step: (step.center_, step.scale_),
}

#: What is a usual number of a feature, by the scaler that knows.
_USUAL: dict[type, Callable[[Any], Any]] = {
    StandardScaler: lambda step: step.mean_,
    MinMaxScaler: lambda step: (step.data_min_ + step.data_max_) / 2,
    RobustScaler: lambda step: step.center_,
}


@dataclass
class Table:
    """What becomes of the columns of a table before a network sees them.

    Attributes:
        places: of the columns among those of the table, in the order of the features.
        words: by place, the words of a column that has some, each of which is a feature.
        fills: (features,), what stands for NaN; NaN leaves it.
        usual: (features,), a usual number of each; NaN where none is known.
        scalings: one after the other.
        names: of all columns of the table; none if it has none.
        width: how many columns the table has.
        gaps: by place, the word of a column that stands for a missing one.
        dropped: by place, the word of a column that is no feature.
    """

    places: list[int]
    words: dict[int, list[str]]
    fills: Array
    usual: Array
    scalings: list[Scaling] = field(default_factory=list)
    names: Sequence[str] = ()
    width: int = 0
    gaps: dict[int, str] = field(default_factory=dict)
    dropped: dict[int, str] = field(default_factory=dict)

    @property
    def is_plain(self) -> bool:
        """Whether all columns are numbers, without names, in their order."""
        return not self.words and not self.names and self.places == list(range(self.width))

    def columns(self) -> Columns:
        """Return the columns as a schema has them."""
        names = self.names or list(map(str, range(self.width)))
        features = zip(self.usual.tolist(), np.isnan(self.fills).tolist(), strict=True)
        fills: list[float | None] = []
        complete: list[str] = []  # where no imputer is: a network takes no NaN
        for place in self.places:
            first = [next(features) for _ in self.words.get(place, [""])][:1]
            usual, no_gaps = (math.nan, False) if place in self.words else first[0]
            fills.append(None if math.isnan(usual) else usual)
            complete += [names[place]] if no_gaps else []
        words = {names[place]: each for place, each in self.words.items()}
        gaps, dropped = (
            {names[place]: word for place, word in each.items()}
            for each in (self.gaps, self.dropped)
        )
        known = [names[place] for place in self.places]
        columns = Columns(bool(self.names), known, fills, words, gaps=gaps, dropped=dropped)
        return replace(columns, complete=complete)


def steps_of(name: str, step: Any) -> Iterator[tuple[str, Any]]:
    """Yield the steps that do something, by name, those of pipelines inside of pipelines too."""
    if isinstance(step, Pipeline):
        for inner in step.steps:
            yield from steps_of(*inner)
    elif not _does_nothing(step):
        yield name, step


def _does_nothing(step: Any) -> bool:
    if isinstance(step, FunctionTransformer):
        return step.func is None
    return step is None or (isinstance(step, str) and step == "passthrough")


def scaling(who: str, name: str, step: Any) -> Scaling:
    """Return what a step does that is a scaler.

    Raises:
        NoLayer: if it is none.
    """
    if type(step) not in _SCALERS:
        raise NoLayer(
            f"{who}: the step {name!r:.60} is {_no_scaler(step)}, and before them a "
            "SimpleImputer, or a ColumnTransformer of these and OneHotEncoder"
        )
    return _scaling(name, step)


def unscaling(who: str, transformer: Any) -> Scaling:
    """Return what a target's transformer does, whose way back the outputs take.

    Raises:
        NoLayer: if it is no scaler.
    """
    if type(transformer) not in _SCALERS:
        raise NoLayer(f"{who}: the target's transformer is {_no_scaler(transformer)}")
    return _scaling("unscaled", transformer)


def _no_scaler(step: Any) -> str:
    known = ", ".join(kind.__name__ for kind in _SCALERS)
    return f"{type(step).__name__:.40}, which is no layer there; {known} are"


def _scaling(name: str, step: Any) -> Scaling:
    """Return what a scaler does."""
    middle, scale = _SCALERS[type(step)](step)
    size = (step.n_features_in_,)
    low, high = getattr(step, "feature_range", (0, 1))
    limits = (float(low), float(high)) if getattr(step, "clip", False) else None
    middle = np.zeros(size) if middle is None else middle
    return Scaling(name, middle, np.ones(size) if scale is None else scale, limits)


def prepared(who: str, steps: list[tuple[str, Any]]) -> tuple[Table | None, list[tuple[str, Any]]]:
    """Return what the first of some steps makes of a table, and the others; ``None`` if it only
    scales columns without names.

    Args:
        who: what needs it, for messages.
        steps: a pipeline's, by name, without its network.

    Raises:
        TypeError: if a layer cannot do what a transformer does.
    """
    if not steps:
        return None, []
    (name, first), *others = steps
    names = list(map(str, getattr(first, "feature_names_in_", ())))
    is_table = isinstance(first, ColumnTransformer | SimpleImputer | OneHotEncoder)
    if not is_table and not (names and type(first) in _SCALERS):
        return None, steps
    width = first.n_features_in_
    if isinstance(first, ColumnTransformer):
        table = _of_parts(who, first)
    else:
        table = _chain(who, name, [(name, first)], list(range(width)))
    return replace(table, names=names, width=width), others


def unprepared(names: Sequence[str]) -> Table:
    """Return columns that a network sees as they are; what is usual in them nobody knows."""
    none = np.full(len(names), np.nan)
    return Table(list(range(len(names))), {}, none, none, names=names, width=len(names))


def _of_parts(who: str, whole: ColumnTransformer) -> Table:
    """Return what becomes of the columns of all transformers, side by side."""
    if whole.transformer_weights:
        raise NoLayer(f"{who}: a ColumnTransformer with transformer_weights is no layer")
    parts = []
    for name, step, chosen in whole.transformers_:
        places = _places(who, chosen, whole)
        if places and not (isinstance(step, str) and step == "drop"):
            parts.append(_chain(who, name, list(steps_of(name, step)), places))
    return _beside(who, parts)


def _places(who: str, chosen: Any, whole: ColumnTransformer) -> list[int]:
    """Return the places of the columns that were chosen by names, places, a slice or a mask."""
    names = list(getattr(whole, "feature_names_in_", ()))
    if isinstance(chosen, str):
        raise TypeError(f"{who}: choose columns by a list of names, [{chosen!r:.60}]")
    if isinstance(chosen, slice) and isinstance(chosen.start or chosen.stop, str):
        raise TypeError(f"{who}: choose columns by a list of names, not from one to another")
    words = not isinstance(chosen, slice | int) and any(isinstance(each, str) for each in chosen)
    known = [names.index(each) for each in chosen] if words else chosen
    return np.atleast_1d(np.arange(whole.n_features_in_)[known]).tolist()


def _beside(who: str, parts: list[Table]) -> Table:
    """Return several parts of a table as one."""
    places = [place for part in parts for place in part.places]
    if len(set(places)) < len(places):
        raise NoLayer(f"{who}: a column goes to two transformers, which layers cannot tell apart")
    depth = max((len(part.scalings) for part in parts), default=0)
    scalings = [_level(who, parts, level) for level in range(depth)]
    words = {place: words for part in parts for place, words in part.words.items()}
    gaps = {place: word for part in parts for place, word in part.gaps.items()}
    dropped = {place: word for part in parts for place, word in part.dropped.items()}
    fills, usual = (
        np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)])
        for name in ("fills", "usual")
    )
    return Table(places, words, fills, usual, scalings, gaps=gaps, dropped=dropped)


def _level(who: str, parts: list[Table], level: int) -> Scaling:
    """Return the scalings at one depth of all parts as one; a part without has its numbers kept."""
    found = [part.scalings[level] if level < len(part.scalings) else None for part in parts]
    if any(each is not None and each.limits for each in found):
        raise NoLayer(f"{who}: a scaler with clip=True is no layer in a ColumnTransformer")
    sizes = [len(part.fills) for part in parts]
    middle = [np.zeros(n) if s is None else s.middle for s, n in zip(found, sizes, strict=True)]
    scale = [np.ones(n) if s is None else s.scale for s, n in zip(found, sizes, strict=True)]
    names = [each.name for each in found if each is not None]
    return Scaling(names[0], np.concatenate(middle), np.concatenate(scale))


def _chain(who: str, name: str, steps: list[tuple[str, Any]], places: list[int]) -> Table:
    """Return what becomes of the columns of one transformer."""
    kinds = [type(step) for _, step in steps]
    if OneHotEncoder in kinds:
        return _of_words(who, name, [step for _, step in steps], places)
    fills = usual = np.full(len(places), np.nan)
    if SimpleImputer in kinds[:1]:
        (_, imputer), *steps = steps
        fills = usual = _statistics(who, name, imputer)
    elif steps and type(steps[0][1]) in _USUAL:
        known = _USUAL[type(steps[0][1])](steps[0][1])
        usual = usual if known is None else np.asarray(known, np.float64)
    return Table(places, {}, fills, usual, [scaling(who, *step) for step in steps])


def _statistics(who: str, name: str, imputer: SimpleImputer) -> Array:
    """Return what a fitted imputer puts where a number is missing."""
    found = imputer.statistics_
    if all(isinstance(each, Real) for each in found.tolist()):  # constants are objects there
        found = found.astype(np.float64)
    numeric = found.dtype.kind in "fiu" and np.isfinite(found.astype(np.float64)).all()
    of_nan = isinstance(imputer.missing_values, float) and math.isnan(imputer.missing_values)
    if not numeric or not of_nan or imputer.add_indicator:
        raise NoLayer(
            f"{who}: the imputer of {name!r:.60} is no layer: it has to put a number into each "
            "column where NaN is, and no more; words have an OneHotEncoder after it"
        )
    return found.astype(np.float64)


def _of_words(who: str, name: str, steps: list[Any], places: list[int]) -> Table:
    """Return the features of columns of words: an imputer that gives a word, and an encoder."""
    *before, encoder = steps
    infrequent = getattr(encoder, "_infrequent_enabled", False)
    if len(before) > 1 or infrequent or not isinstance(encoder, OneHotEncoder):
        raise NoLayer(
            f"{who}: {name!r:.60} is no layer: words have an OneHotEncoder that takes all of them, "
            "and before it at most a SimpleImputer"
        )
    words = {
        place: list(map(_text, categories.tolist()))
        for place, categories in zip(places, encoder.categories_, strict=True)
    }
    chosen = encoder.drop_idx_ if encoder.drop_idx_ is not None else [None] * len(places)
    dropped = {
        place: words[place].pop(drop)
        for place, drop in zip(places, chosen, strict=True)
        if drop is not None
    }
    given = [_given_words(who, name, each) for each in before] or [[""] * len(places)]
    known = zip(places, *given, strict=True)
    gaps = {
        place: word for place, word in known if word and word in (*words[place], dropped.get(place))
    }
    none = np.zeros(sum(map(len, words.values())))
    return Table(places, words, np.full_like(none, np.nan), none, gaps=gaps, dropped=dropped)


def _given_words(who: str, name: str, step: Any) -> list[str]:
    """Return the word that an imputer puts where one is missing, for each column."""
    if not isinstance(step, SimpleImputer) or step.add_indicator:
        raise NoLayer(
            f"{who}: the step before the OneHotEncoder of {name!r:.60} is no layer; a "
            "SimpleImputer without add_indicator is"
        )
    return [_text(each) for each in step.statistics_.tolist()]


def _text(category: Any) -> str:
    """Return a category as a file has it."""
    if category is None or category != category:
        return ""
    return category if isinstance(category, str) else canonical(str(category))
