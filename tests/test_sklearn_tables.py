"""Pipelines that prepare a table: what transformers do becomes part of the model."""

import numpy as np
import pandas as pd
import polars
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

import fastnn
from fastnn.errors import DataFileError
from fastnn.sklearn import FastNNClassifier, FastNNRegressor, to_model

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 5))
SCORES = X @ RNG.normal(size=(5, 3))
LABELS = SCORES.argmax(1)


def people():
    """A table with words, gaps, truth, whole numbers that are names, and what nobody wants."""
    n, rng = ROWS, np.random.default_rng(1)
    pay = rng.normal(3e4, 5e3, n)
    pay[3:9] = np.nan
    table = {
        "junk": np.ones(n),
        "age": rng.normal(40, 9, n),
        "job": rng.choice(["a", "b", "c"], n),
        "pay": pay,
        "flag": rng.random(n) < 0.5,
        "kind": rng.choice([1, 2, 3], n),
        "town": ["x" if i % 3 else np.nan for i in range(n)],
    }
    return pd.DataFrame(table).astype({"town": object})


def imputed(**options):
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(**options))


WORDS = make_pipeline(SimpleImputer(strategy="constant", fill_value="gone"), OneHotEncoder())
FREQUENT = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
PREPARED = {
    "frequent": make_column_transformer((FREQUENT, ["town", "job", "kind"]), (imputed(), ["pay"])),
    "all": make_column_transformer(
        (imputed(), ["pay", "age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["job", "kind"]),
        (WORDS, ["town"]),
        ("passthrough", ["flag"]),
    ),
    "remainder": make_column_transformer(
        (OneHotEncoder(drop="first"), ["job"]),
        ("drop", ["town", "kind"]),
        (make_pipeline(MinMaxScaler(), StandardScaler()), ["age"]),
        remainder=SimpleImputer(),
    ),
    "numbers": make_column_transformer((RobustScaler(), ["age"]), (imputed(), ["pay"])),
    "mask": ColumnTransformer([("n", imputed(), [False, True, False, True, False, False, False])]),
    "places": make_column_transformer((imputed(), slice(3, 4)), (MaxAbsScaler(), [1])),
    "nested": make_pipeline(
        make_column_transformer((imputed(), ["pay"]), (OneHotEncoder(), ["job"])), MaxAbsScaler()
    ),
}


@pytest.mark.parametrize("name", PREPARED)
def test_a_table_is_prepared_by_the_model(name, tmp_path):
    frame, y = people(), LABELS
    network = FastNNClassifier(5, max_iter=3, dtype="float64", random_state=0)
    pipeline = make_pipeline(clone(PREPARED[name]), network).fit(frame, y)
    model, expected = to_model(pipeline), pipeline.predict_proba(frame)
    assert [layer.name for layer in to_model(pipeline).layers] == [
        layer.name for layer in model.layers
    ]
    frame.to_csv(tmp_path / "a.csv", index=False)
    plain = polars.read_csv(tmp_path / "a.csv")
    for given in (frame, plain, tmp_path / "a.csv", frame[frame.columns[::-1]]):
        samples = model.schema.read(given)
        assert np.abs(model.predict(samples) - expected).max() < 1e-12, type(given)
    fastnn.export_c(model, tmp_path / "net.c", test=samples)
    fastnn.export_c(model, tmp_path / "same.c", "net", test=frame[frame.columns[::-1]])
    texts = [(tmp_path / each).read_text().partition("\n")[2] for each in ("net.c", "same.c")]
    assert texts[0].replace("net.c", "same.c") == texts[1]
    model.save(tmp_path / "m")
    again = fastnn.models.load_model(tmp_path / "m")
    assert np.array_equal(again.predict(again.schema.read(frame)), model.predict(samples))


WAYS = {
    "predict": lambda m, x: m.predict(x),
    "evaluate": lambda m, x: m.evaluate(x, LABELS[: len(x)], verbose=0),
    "fit": lambda m, x: m.fit(x, LABELS[: len(x)], verbose=0),
    "predict_one": lambda m, x: m.predict_one(x.iloc[0]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [False, True])
def test_frames_with_columns_in_another_order_are_refused(way, text):
    frame = people()[["age", "job"] if text else ["age", "pay"]].dropna()
    first = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    network = FastNNClassifier(5, max_iter=3, dtype="float64", random_state=0)
    fitted = make_pipeline(first if text else StandardScaler(), network)
    model = to_model(fitted.fit(frame, LABELS[: len(frame)]))
    model.compile(loss="sparse_categorical_crossentropy")
    taken = pd.DataFrame(model.schema.read(frame), columns=model.schema.inputs.features)
    given = {
        "column 0 of x is": taken[taken.columns[::-1]],
        "a column 'more', which the model does not": taken.assign(more=1),
        f"no column '{taken.columns[-1]}', which the model takes": taken[taken.columns[:-1]],
    }
    for words, x in given.items():
        with pytest.raises(ValueError, match=rf"^{way}: .*{words}.*; model.schema.read\(x\) makes"):
            WAYS[way](model, x)
    WAYS[way](model, taken)
    WAYS[way](model, taken.set_axis(range(len(taken.columns)), axis=1))  # names of no meaning


@pytest.mark.parametrize(
    "first",
    [
        SimpleImputer(),
        SimpleImputer(strategy="constant"),
        SimpleImputer(strategy="constant", fill_value=-1.5),
        imputed(),
        OneHotEncoder(),
    ],
)
def test_arrays_with_gaps_are_prepared_by_the_model(first):
    x = np.round(X)
    if not isinstance(first, OneHotEncoder):
        x[::7, 1] = np.nan
    network = FastNNRegressor(5, max_iter=3, dtype="float64", random_state=0)
    pipeline = make_pipeline(clone(first), network).fit(x, SCORES[:, 0])
    model = to_model(pipeline)
    samples = model.schema.read(pd.DataFrame(x)) if model.schema.inputs.features[0] != "X[0]" else x
    assert np.abs(model.predict(samples)[:, 0] - pipeline.predict(x)).max() < 1e-12


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (make_column_transformer((CountVectorizer(), "job")), "a list of names, \\['job'\\]"),
        (make_column_transformer((imputed(), slice("age", "age"))), "not from one to another"),
        (make_column_transformer((MinMaxScaler(clip=True), ["age"])), "clip=True"),
        (make_column_transformer((MaxAbsScaler(), ["age"]), (imputed(), ["age"])), "two transf"),
        (make_column_transformer((OneHotEncoder(max_categories=2), ["job"])), "takes all of them"),
        (make_column_transformer((OrdinalEncoder(), ["job"])), "OrdinalEncoder, which is no layer"),
        (make_column_transformer((SimpleImputer(add_indicator=True), ["pay"])), "and no more"),
        (
            make_column_transformer(
                (make_pipeline(FunctionTransformer(abs), OneHotEncoder()), ["age"])
            ),
            "before the OneHotEncoder of 'pipeline' is no layer",
        ),
        (
            ColumnTransformer([("a", imputed(), ["pay"])], transformer_weights={"a": 2.0}),
            "with transformer_weights",
        ),
    ],
)
def test_what_no_layer_prepares_is_refused(first, words):
    frame = people().replace({"job": {"a": "one", "b": "two", "c": "six"}})
    fitted = make_pipeline(first, FastNNRegressor(3, max_iter=1)).fit(frame, SCORES[:, 0])
    with pytest.raises(TypeError, match=words) as caught:
        to_model(fitted)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("steps", [[], ["passthrough"], [MaxAbsScaler()]])
def test_a_frame_is_read_by_the_names_of_its_columns(steps, tmp_path):
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    network = FastNNRegressor(5, max_iter=3, dtype="float64", random_state=0)
    fitted = (make_pipeline(*steps, network) if steps else network).fit(frame, SCORES[:, 0])
    model = to_model(fitted)
    other = frame[["c", "a", "b"]].assign(d=1)
    assert np.array_equal(model.schema.read(other), frame)
    found = model.predict(model.schema.read(other))[:, 0]
    assert np.abs(found - fitted.predict(frame)).max() < 1e-12
    with pytest.raises(DataFileError, match="there is no column b, which the model takes"):
        model.schema.read(frame[["a", "c"]])
    frame.loc[[3, 7], "b"] = np.nan
    refused = "b: 2 numbers missing, such as that in .*, and the model knows none that is usual"
    with pytest.raises(DataFileError, match=refused):
        model.schema.read(frame)
    model.save(tmp_path / "m")
    assert fastnn.models.load_model(tmp_path / "m").schema == model.schema
    fastnn.export_c(model, tmp_path / "net.c")
    assert "x[0] a\n *     x[1] b\n" in (tmp_path / "net.c").read_text()


def test_samples_of_other_shapes_than_rows_have_no_columns():
    frame = pd.DataFrame(X[:, :4], columns=list("abcd"))
    layers = [fastnn.Input((2, 2)), fastnn.layers.Flatten(), fastnn.layers.Dense(1)]
    network = FastNNRegressor(model=lambda: fastnn.Sequential(layers), max_iter=1)
    model = to_model(network.fit(frame, SCORES[:, 0]))
    assert model.input_shape == (None, 2, 2)


@pytest.mark.parametrize("scaler", [StandardScaler, RobustScaler])
def test_a_scaler_without_a_middle_knows_what_is_usual_if_it_can(scaler):
    option = "with_mean" if scaler is StandardScaler else "with_centering"
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    pipeline = make_pipeline(scaler(**{option: False}), FastNNRegressor(3, max_iter=1))
    fills = to_model(pipeline.fit(frame, SCORES[:, 0])).schema.inputs.fills
    known = X[:, :2].mean(0).tolist() if scaler is StandardScaler else [None, None]
    assert fills == (pytest.approx(known) if scaler is StandardScaler else known)


def test_a_word_that_the_pipeline_refuses_is_warned_of():
    frame = pd.DataFrame({"a": X[:, 0], "job": ["x", "y", "z"] * (ROWS // 3)})
    steps = make_column_transformer(
        (StandardScaler(), ["a"]), (OneHotEncoder(drop="first"), ["job"])
    )
    pipeline = make_pipeline(steps, FastNNClassifier(5, max_iter=1)).fit(frame, LABELS)
    model, other = to_model(pipeline), frame.assign(job="other")
    model.schema.read(frame)  # "x" has no feature, and is no surprise
    with pytest.raises(ValueError, match="unknown categories"):
        pipeline.predict(other)
    with pytest.warns(UserWarning, match="read: job: 1 word in 60 rows that the model does not"):
        model.schema.read(other)
    with pytest.warns(UserWarning, match=r"a: 1 missing, taken as .*, where none was missing"):
        model.schema.read(frame.assign(a=[np.nan, *frame["a"][1:]]))


@pytest.mark.parametrize("imputers", [[], [SimpleImputer(strategy="most_frequent")]])
def test_words_that_look_like_none_are_those_of_the_pipeline(imputers):
    encoder = OneHotEncoder(handle_unknown="ignore")
    steps = make_column_transformer((make_pipeline(*imputers, encoder), ["land"]))
    frame = pd.DataFrame({"land": np.array(["EU", "NA", "EU", np.nan] * (ROWS // 4), object)})
    network = FastNNClassifier(5, max_iter=3, dtype="float64", random_state=0)
    pipeline = make_pipeline(steps, network).fit(frame, LABELS)
    unknown = ["?", "n/a"] if imputers else ["other"]
    other = pd.DataFrame({"land": ["NA", "EU", np.nan, *unknown]})
    model = to_model(pipeline)
    with pytest.warns(UserWarning, match="read: land"):
        found = model.predict(model.schema.read(other))
    assert np.abs(found - pipeline.predict_proba(other)).max() < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_features_that_float32_does_not_tell_apart_are_warned_of(dtype):
    x = X + np.array([0, 1e8, 0, 0, 0])
    pipeline = make_pipeline(StandardScaler(), FastNNRegressor(5, max_iter=1, dtype=dtype))
    pipeline.fit(x, SCORES[:, 0])
    if dtype == "float64":
        assert np.abs(to_model(pipeline).predict(x)[:, 0] - pipeline.predict(x)).max() < 1e-7
        return
    with pytest.warns(
        UserWarning, match="standardscaler: float32 .* feature 1 apart by 8, so that"
    ):
        to_model(pipeline)


@pytest.mark.parametrize("scalers", [(StandardScaler(),), (MinMaxScaler(), StandardScaler())])
def test_columns_of_a_frame_are_found_by_their_names(scalers, tmp_path):
    frame = pd.DataFrame(X, columns=["e", "d", "c", "b", "a"])
    network = FastNNRegressor((4,), max_iter=3, random_state=0)
    estimator = make_pipeline(*scalers, network).fit(frame, SCORES[:, 0])
    turned = frame[sorted(frame)].assign(more="x")
    turned.to_csv(tmp_path / "a.csv", index=False)
    model = to_model(estimator)
    assert model.schema.inputs.features == [*frame]
    for given in (frame, turned, tmp_path / "a.csv"):
        found = model.predict(model.schema.read(given))[:, 0]
        assert np.allclose(found, estimator.predict(frame), rtol=1e-9)
