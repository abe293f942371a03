"""Any array is taken as its contiguous copy, to the bit, wherever callers hand one over; what holds
no real numbers is refused by name, and changes nothing."""

import array
import datetime
import mmap
import re
import tempfile
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse

import fastnn
from fastnn import Input, Sequential, layers
from fastnn.errors import DTypeError, ShapeError
from fastnn.layers import Dense

ROWS, COLUMNS, CLASSES = 23, 4, 3
#: Whole numbers, which every type holds.
X = np.random.default_rng(0).integers(0, 7, (ROWS, COLUMNS)).astype("float32")
VALUES = np.random.default_rng(1).integers(0, 5, (ROWS, CLASSES)).astype("float32")
LABELS = np.arange(ROWS, dtype=np.float32) % CLASSES
WEIGHTS = np.random.default_rng(2).integers(0, 4, ROWS).astype("float32")
NAMES = list("abcd")


class Sub(np.ndarray):
    """A subclass of somebody's."""


class Protocol:
    """What has nothing but the array protocol."""

    def __init__(self, a):
        self.a = a

    def __array__(self, dtype=None, copy=None):
        return self.a if dtype is None else self.a.astype(dtype)


def within(a, *steps):
    """Return a view of those steps, of the values of ``a``, into an array of other numbers."""
    room = np.full([abs(step) * n for n, step in zip(a.shape, steps, strict=True)], 99, a.dtype)
    view = room[tuple(slice(None, None, step) for step in steps)]
    view[...] = a
    return view


def misaligned(a):
    memory = np.empty(a.nbytes + 1, np.uint8)
    copy = memory[1:].view(a.dtype).reshape(a.shape)
    copy[...] = a
    assert not copy.flags.aligned
    return copy


def frozen(a):
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def mapped(a, mode="r"):
    with tempfile.TemporaryFile() as file:
        file.write(a.tobytes())
        return np.memmap(file, a.dtype, mode, shape=a.shape)


def nested(a):
    return tuple(map(nested, a)) if a.ndim else a.item()


INTEGERS = [f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)]
TYPES = ("f8", "i2", "u1", "f4", "?")
#: For arrays of any number of axes.
LAYOUTS = {
    "every second row": lambda a: within(a, *([2] + [1] * (a.ndim - 1))),
    "rows backwards": lambda a: within(a, *([-1] + [1] * (a.ndim - 1))),
    "a step on each axis": lambda a: within(a, *[3] * a.ndim),
    "steps backwards": lambda a: within(a, *[-2] * a.ndim),
    "Fortran order": lambda a: np.asfortranarray(a.reshape(a.shape)),
    "read-only": frozen,
    "memmap": mapped,
    "memmap, copied on write": lambda a: mapped(a, "c"),
    "misaligned": misaligned,
    "misaligned float64": lambda a: misaligned(a.astype("f8")),
    "one row repeated": lambda a: np.broadcast_to(a[1], a.shape),
    "one number repeated": lambda a: np.broadcast_to(a.dtype.type(1), a.shape),
    "bool": lambda a: a > 1,
    "bool, strided": lambda a: within(a > 1, *[2] * a.ndim),
    **{name: lambda a, name=name: a.astype(name) for name in INTEGERS},
    **{f"big-endian {n}": lambda a, n=n: a.astype(f">{n}") for n in ("i2", "u4", "i8")},
    **{f"big-endian {n}": lambda a, n=n: a.astype(f">{n}") for n in ("f2", "f4", "f8")},
    "float16": lambda a: a.astype("f2"),
    "float64": lambda a: a.astype("f8"),
    "longdouble": lambda a: a.astype("g"),
    "lists": lambda a: a.tolist(),
    "tuples": nested,
    "rows of their own": lambda a: [row.copy() for row in a],
    "a subclass": lambda a: a.view(Sub),
    "the array protocol": Protocol,
    "a memory view": lambda a: memoryview(a),
    "masked nowhere": lambda a: np.ma.array(a, mask=np.zeros(a.shape, bool)),
}
OF_COLUMNS = {
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "columns of a table": lambda a: np.hstack([a, a, a])[:, 1 : 1 + a.shape[1]],
    "matrix": lambda a: a.view(np.matrix),
    "arrays of the library": lambda a: [array.array("f", row) for row in a],
    "pandas": lambda a: pd.DataFrame(a),
    "pandas, columns of several types": lambda a: pd.DataFrame(
        {i: column.astype(t) for i, (column, t) in enumerate(zip(a.T, TYPES, strict=False))}
    ),
    "pandas with truths": lambda a: pd.DataFrame(a).assign(**{"t": a[:, 0] > 2}).iloc[:, 1:],
    "pandas, every second row": lambda a: pd.DataFrame(np.repeat(a, 2, 0)).iloc[::2],
    "pandas, sparse": lambda a: pd.DataFrame(a).astype(pd.SparseDtype("float32")),
    "pandas, a name twice": lambda a: pd.DataFrame(a, columns=["n"] * a.shape[1]),
    **{
        f"pandas {name}": lambda a, name=name: pd.DataFrame(a).astype(name)
        for name in ("Float32", "Float64", "Int8", "Int64", "UInt16")
    },
    "pandas boolean": lambda a: pd.DataFrame(a > 1).astype("boolean"),
    "polars": lambda a: pl.DataFrame(a),
    "polars, columns of several types": lambda a: pl.DataFrame(a).with_columns(
        pl.col("column_0").cast(pl.Int16), pl.col("column_1").cast(pl.UInt64)
    ),
    "polars with truths": lambda a: pl.DataFrame(a).with_columns(pl.col("column_0") > 2),
}
OF_ONE = {
    "pandas": pd.Series,
    "pandas Int64": lambda a: pd.Series(a, dtype="Int64"),
    "pandas Float32": lambda a: pd.Series(a, dtype="Float32"),
    "pandas boolean": lambda a: pd.Series(a > 1, dtype="boolean"),
    "pandas, categories that are numbers": lambda a: pd.Series(a).astype("category"),
    "pandas, a frame": lambda a: pd.DataFrame({"y": a}),
    "polars": pl.Series,
    "polars Int8": lambda a: pl.Series(a).cast(pl.Int8),
    "polars, a frame": lambda a: pl.DataFrame({"y": a}),
    "one column": lambda a: a[:, None],
    "an array of the library": lambda a: array.array("d", a),
    "numbers": lambda a: [float(each) for each in a],
}
OF_A_COLUMN = ("a frame", "one column")
matrix_layouts = pytest.mark.parametrize("layout", [*LAYOUTS, *OF_COLUMNS])
vector_layouts = pytest.mark.parametrize("layout", [*LAYOUTS, *OF_ONE])
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def given_of(layout, a):
    """Return the values of ``a``, or some made of them, in a layout."""
    return {**LAYOUTS, **(OF_COLUMNS if a.ndim > 1 else OF_ONE)}[layout](a.copy())


def contiguous(given):
    """Return an aligned C-contiguous float64 copy, by NumPy or what the frame itself offers."""
    if hasattr(given, "to_numpy"):
        given = given.astype("f8") if hasattr(given, "astype") else given.cast(pl.Float64)
        given = given.to_numpy()
    return np.array(given, np.float64, order="C")


def model(loss="sparse_categorical_crossentropy", dtype="float32"):
    fastnn.set_seed(3)
    last = Dense(CLASSES, "softmax" if "entropy" in loss else "linear")
    made = Sequential([Input((COLUMNS,)), Dense(5, "tanh"), last], dtype=dtype)
    made.compile("adam", loss)
    return made


def everything(made, x, y, w=None):
    """Hand the data to whatever takes some; return all that came of it, to the bit."""
    options = {"sample_weight": w, "verbose": 0}
    first = made.fit(x, y, 6, epochs=2, **options).history["loss"]
    kept = made.fit(x, y, 6, shuffle=False, validation_data=(x, y, w), **options).history
    streamed = made.fit(iter([(x, y) if w is None else (x, y, w)]), verbose=0).history["loss"]
    scores = made.evaluate(x, y, batch_size=7, **options), made.test_on_batch(x, y, w)
    losses = made.train_on_batch(x, y, sample_weight=w), first, kept["val_loss"], streamed
    outputs = made.predict(x), made.predict(iter([(x,)])), made.predict_proba(x)
    found = [*made.get_weights(), *scores, *losses, *outputs]
    return [np.asarray(each).tobytes() for each in found]


def same(run, given):
    """What is given gives what its contiguous copy gives, and stays as it is."""
    expected = contiguous(given)
    assert run(given) == run(expected.astype("float32"))
    np.testing.assert_array_equal(contiguous(given), expected)


@every_dtype
@matrix_layouts
def test_samples(layout, dtype):
    same(lambda x: everything(model(dtype=dtype), x, LABELS), given_of(layout, X))


@matrix_layouts
def test_targets_that_are_numbers(layout):
    same(lambda y: everything(model("mse"), X, y), given_of(layout, VALUES))


@vector_layouts
def test_labels(layout):
    same(lambda y: everything(model(), X, y), given_of(layout, LABELS))


@vector_layouts
def test_weights_of_samples(layout):
    same(lambda w: everything(model(), X, LABELS, w), given_of(layout, WEIGHTS))


@matrix_layouts
def test_weights_of_a_model(layout):
    def run(kernel):
        made = model()
        made.set_weights([kernel, *made.get_weights()[1:]])
        made.layers[-1].kernel.assign(made.layers[-1].kernel.numpy()[::-1, ::-1])
        return everything(made, X, LABELS)

    same(run, given_of(layout, np.arange(20, dtype=np.float32).reshape(4, 5) % 7))


@pytest.mark.parametrize("layout", [n for n in (*LAYOUTS, *OF_ONE) if not n.endswith(OF_A_COLUMN)])
def test_one_sample(layout):
    made = model()
    same(lambda x: made.predict_one(x).tobytes(), given_of(layout, X[0]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_images(layout):
    """Of more axes, and of several inputs."""
    images = np.random.default_rng(3).integers(0, 9, (5, 6, 7, 2)).astype("float32")
    fastnn.set_seed(3)
    a, b = Input((6, 7, 2)), Input((6, 7, 2))
    x = fastnn.layers.Flatten()(fastnn.layers.Conv2D(2, 3)(fastnn.layers.Add()([a, b])))
    made = fastnn.Model([a, b], Dense(1)(x))
    same(lambda x: made.predict([images, x]).tobytes(), given_of(layout, images))


def test_folds_of_frames():
    """Cross-validation and splits know frames, too."""

    def scores(x):
        found = fastnn.cross_validate(model, x, LABELS, k=3, epochs=1, seed=1)
        return found.scores["loss"].tobytes()

    split = fastnn.datasets.train_test_split
    for layout in ("pandas with truths", "pandas Int64", "polars with truths"):
        given = given_of(layout, X)
        same(scores, given)
        same(lambda x: split(x, LABELS)[0].astype("f8").tobytes(), given)


def test_a_missing_number_is_nan():
    for frame in (
        pd.DataFrame({"a": pd.array([1, None, 3], "Int64"), "b": [True, False, True]}),
        pl.DataFrame({"a": [1, None, 3], "b": [True, False, True]}),
    ):
        made = Sequential([Input((2,)), Dense(2, kernel_initializer="ones")])
        np.testing.assert_array_equal(made.predict(frame), [[2, 2], [np.nan, np.nan], [4, 4]])


# ---- more than 2^31 numbers ----------------------------------------------------------------------


class OneBatch(fastnn.callbacks.Callback):
    """Ends a training after its first batch."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.stop_training = True


def test_rows_that_lie_on_each_other_take_no_memory():
    """8 GiB of samples, of which 4 KiB are there."""
    row = np.random.default_rng(4).normal(size=1024).astype("float32")
    x = np.broadcast_to(row, (2**21 + 5, 1024))
    y = np.broadcast_to(np.float32(1), (len(x), 1))
    made = Sequential([Input((1024,)), Dense(1)])
    made.compile("sgd", "mse")
    tracemalloc.start()
    losses = {made.evaluate(some, y[: len(some)], 512, verbose=0) for some in (x, x[:512].copy())}
    made.fit(x, y, 512, verbose=0, callbacks=[OneBatch()])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.ptp(list(losses)) < 1e-5 * max(losses)
    assert peak < 2**26  # the order of the samples takes 16 MiB


@pytest.mark.parametrize("forwards", [True, False])
def test_rows_that_lie_far_apart(forwards):
    """The last one begins 2^31 elements after the first; what lies between is never in memory."""
    memory = np.frombuffer(mmap.mmap(-1, 2**31 + 64), np.uint8)  # NumPy's own has huge pages
    x = np.lib.stride_tricks.as_strided(memory, (2**7 + 1, 4), (2**24, 1))
    y = memory[4 :: 2**24]
    x[:] = np.random.default_rng(5).integers(0, 9, x.shape)
    y[:] = np.arange(len(y)) % CLASSES
    if not forwards:
        x, y = x[::-1], y[::-1]
    assert everything(model(), x, y) == everything(model(), x.copy(), y.copy())


@pytest.mark.parametrize(
    "given",
    [
        np.broadcast_to(np.float32(1), (2**40, COLUMNS)),
        np.broadcast_to(np.ones(COLUMNS, "f2"), (2**40, COLUMNS)),
        np.broadcast_to(np.ones((COLUMNS, 2), "f4"), (2**40, COLUMNS, 2))[..., 1],
    ],
    ids=["numbers that lie on each other", "of another type", "numbers apart"],
)
def test_a_copy_beyond_the_memory_is_refused(given):
    made = model()
    before = [w.tobytes() for w in made.get_weights()]
    labels = np.broadcast_to(np.int32(1), len(given))
    for call in (made.predict, lambda x: made.evaluate(x, labels), lambda x: made.fit(x, labels)):
        with pytest.raises(MemoryError, match=r"x, float.*16384\.0 GiB of .*PyDataset") as caught:
            call(given)
        assert len(str(caught.value)) <= 400
    assert [w.tobytes() for w in made.get_weights()] == before


# ---- what is refused -----------------------------------------------------------------------------

DATE = datetime.date(2020, 1, 1)
FRAME = pd.DataFrame(X, columns=NAMES)
MASKED = np.ma.array(X, mask=X > 5)
STRUCTURED = np.zeros(ROWS, [(name, "f4") for name in NAMES])
COLUMN = "column 'b' of"

#: what -> the array, and words of the message
REFUSED = {
    "objects": (X.astype(object), "object float32"),
    "complex": (X + 1j, "complex64 .real"),
    "dates": (X.astype("M8[s]"), "datetime64 timedelta64"),
    "durations": (X.astype("m8[s]"), "timedelta64"),
    "fields": (STRUCTURED, "dtype structured_to_unstructured"),
    "raw bytes": (X.view("V4"), "|V4"),
    "text": (X.astype(str), "<U texts pandas.to_numeric"),
    "bytes": (X.astype(bytes), "|S class_ids"),
    "texts of any length": (X.astype(str).astype("T"), "StringDType pandas.to_numeric"),
    "words in lists": ([list("abcd")] * ROWS, "<U1 class_ids"),
    "masked": (MASKED, "masked array .filled(0)"),
    "no array": (object(), "object"),
    "pandas text": (FRAME.assign(b="x"), f"{COLUMN} str class_ids"),
    "pandas numbers as texts": (
        FRAME.assign(b=["?", *"1" * (ROWS - 1)]),
        f"{COLUMN} str numbers as texts pandas.to_numeric",
    ),
    "pandas numbers with a sign": (
        FRAME.assign(b=["€ 673,700", *["€ 5,100"] * (ROWS - 1)]),
        f"{COLUMN} str numbers with values.str.replace('€', '')",
    ),
    "pandas numbers and words": (
        FRAME.assign(b=pd.Series([*range(ROWS - 2), "x", pd.NA], dtype=object)),
        f"{COLUMN} object some texts pandas.to_numeric",
    ),
    "pandas words with gaps": (
        FRAME.assign(b=pd.Series(["x", None, np.nan, *"y" * (ROWS - 3)], dtype=object)),
        f"{COLUMN} object class_ids",
    ),
    "arrays in an array": (np.array([[X], [{}]], object), "object convert"),
    "pandas objects": (FRAME.assign(b=[{}] * ROWS), f"{COLUMN} object"),
    "pandas categories": (
        FRAME.assign(b=pd.Categorical(["u", *"v" * (ROWS - 1)])),
        f"{COLUMN} category class_ids",
    ),
    "pandas dates": (FRAME.assign(b=pd.Timestamp(DATE)), f"{COLUMN} datetime64 timedelta64"),
    "pandas complex": (FRAME.assign(b=1j), f"{COLUMN} complex128"),
    "polars text": (pl.DataFrame(X, NAMES).with_columns(b=pl.lit("x")), f"{COLUMN} String"),
    "polars categories": (
        pl.DataFrame(X, NAMES).with_columns(b=pl.lit("x").cast(pl.Categorical)),
        f"{COLUMN} Categorical class_ids",
    ),
    "polars dates": (pl.DataFrame(X, NAMES).with_columns(b=pl.lit(DATE)), f"{COLUMN} Date"),
    "polars lists": (pl.DataFrame(X, NAMES).with_columns(b=pl.concat_list("a")), f"{COLUMN} List"),
    **{
        f"SciPy's {kind}": (scipy.sparse.csr_matrix(X).asformat(kind), "sparse matrix; toarray()")
        for kind in ("csr", "coo", "dok")
    },
    "polars, lazy": (pl.DataFrame(X, NAMES).lazy(), "collect()"),
}
every_refused = pytest.mark.parametrize("what", REFUSED)


@every_refused
@pytest.mark.parametrize("role", ["x", "y", "sample_weight", "set_weights"])
def test_what_holds_no_numbers_is_refused(what, role):
    given, words = REFUSED[what]
    made = model()
    made.fit(X, LABELS, verbose=0)
    before = [w.tobytes() for w in made.get_weights()]
    calls = {
        "x": [
            lambda: made.fit(given, LABELS),
            lambda: made.fit(X, LABELS, validation_data=(given, LABELS), verbose=0),
            lambda: made.predict(given),
            lambda: made.predict(given, 4, steps=2),
            lambda: made.evaluate(given, LABELS),
            lambda: made.fit(iter([(given, LABELS)]), verbose=0),
        ],
        "y": [lambda: made.fit(X, given), lambda: made.train_on_batch(X, given)],
        "sample_weight": [lambda: made.fit(X, LABELS, sample_weight=given)],
        "set_weights": [lambda: made.set_weights([given, *made.get_weights()[1:]])],
    }[role]
    for call in calls:
        with pytest.raises(DTypeError) as caught:
            call()
        message = str(caught.value)
        assert len(message) <= 400
        for word in [*words.split(), "value" if role == "set_weights" else role]:
            assert word in message
    assert [w.tobytes() for w in made.get_weights()] == before


@every_refused
@pytest.mark.parametrize("layer", [layers.Normalization(), layers.Discretization(num_bins=3)])
def test_nothing_is_learnt_from_what_holds_no_numbers(what, layer):
    given, words = REFUSED[what]
    with pytest.raises(DTypeError, match="adapt: data ") as caught:
        layer.adapt(given)
    assert all(word in str(caught.value) for word in words.split() if word != "float32")
    assert not layer.built


def test_steps_count_the_rows_of_lists_too():
    made = model()
    assert np.array_equal(made.predict(X.tolist(), 4, steps=2), made.predict(X[:8]))


def test_ranges_are_learnt_from_a_frame_as_from_its_array():
    found, expected = layers.Normalization(), layers.Normalization()
    found.adapt(FRAME)
    expected.adapt(X)
    assert np.array_equal(found.mean.numpy(), expected.mean.numpy())


def test_the_columns_of_a_frame_are_counted():
    with pytest.raises(ShapeError, match=r"x has shape \(23, 3\)"):
        model().fit(FRAME[["a", "b", "c"]], LABELS, verbose=0)


def test_advice_on_rows_of_frames_holds_for_frames():
    """What messages say to write, on what was given: a row of a frame, and a frame with gaps."""
    made, x = model(), FRAME.iloc[0]
    with pytest.raises(ShapeError, match=r"numpy\.reshape\(x, \(-1, 4\)\)"):
        made.predict(x)
    assert np.array_equal(made.predict(np.reshape(x, (-1, COLUMNS))), made.predict(X[:1]))
    data = FRAME.assign(b=[np.nan, *X[1:, 1]])
    layer = fastnn.layers.Normalization()
    with pytest.raises(ValueError, match=re.escape("data[numpy.isfinite(data).all(axis=1)]")):
        layer.adapt(data)
    layer.adapt(data[np.isfinite(data).all(axis=1)])
    assert np.allclose(layer.mean.value, X[1:].mean(axis=0))


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (
            pd.Series(["u"] * ROWS, name="answer"),
            "a column 'answer' of str; ids, names = fastnn.utils",
        ),
        (
            pl.Series("answer", ["u"] * ROWS),
            "a column 'answer' of String; ids, names = fastnn",
        ),
        (pd.Series(["u"] * ROWS), "a series of str; ids, names = fastnn.utils.class_ids"),
        (pd.Series([1, *"x" * (ROWS - 1)], name="mix"), "a column 'mix' of object; some are texts"),
        (
            pd.Series([DATE] * ROWS, name="day", dtype="datetime64[s]"),
            "column 'day' of datetime64",
        ),
    ],
)
def test_a_series_is_refused_by_its_name(series, words):
    with pytest.raises(DTypeError, match=re.escape(words)):
        model().fit(X, series, verbose=0)
