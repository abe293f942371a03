"""Labels, sequences, windows and folders of images in the form that models take."""

import sys

import numpy as np
import pandas
import pytest

import fastnn
from fastnn.errors import DataFileError, LabelError, ShapeError
from fastnn.layers import Dense, Flatten
from fastnn.utils import (
    image_dataset_from_directory,
    pad_sequences,
    timeseries_dataset_from_array,
    to_categorical,
)

# ---- names of Keras's ----------------------------------------------------------------------------


def test_old_places_hold_the_same_functions():
    assert fastnn.backend.clear_session is fastnn.utils.clear_session
    assert fastnn.backend.epsilon() == fastnn.config.epsilon() == 1e-7
    assert fastnn.backend.image_data_format() == "channels_last"
    assert fastnn.preprocessing.sequence.pad_sequences is pad_sequences


def test_a_session_that_is_cleared_begins_anew_with_names():
    Dense(1)
    fastnn.utils.clear_session()
    assert [Dense(1).name, Dense(1).name, Flatten().name] == ["dense", "dense_1", "flatten"]


# ---- labels and sequences ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [None, "category", "string", "numbers", "objects", "dates"], ids=str
)
def test_labels_that_are_missing_are_refused_with_their_place(kind):
    words = pandas.Series(["a", "b", np.nan, "a", np.nan])
    given = {
        "numbers": [1.0, 2.0, np.nan, 1.0, np.nan],
        "objects": np.array(["a", "b", None, "a", None], object),
        "dates": pandas.Series([*pandas.to_datetime(["2020", "2021"]), pandas.NaT, 1, pandas.NaT]),
    }.get(kind, words if kind is None else None)
    given = words.astype(kind) if given is None else given
    with pytest.raises(LabelError, match="labels are missing, 2 of 5, first in place 2; drop them"):
        fastnn.utils.class_ids(given)
    if kind in (None, "string"):
        ids, classes = fastnn.utils.class_ids(given.fillna("none"))
        assert ids.tolist() == [0, 1, 2, 0, 2]
        assert classes.tolist() == ["a", "b", "none"]


def test_one_hot_rows():
    assert to_categorical([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert to_categorical([[1], [0]], 2).tolist() == [[0, 1], [1, 0]]
    assert to_categorical(np.zeros((2, 3), int), 4).shape == (2, 3, 4)
    assert to_categorical([]).shape == (0, 0)


def test_padding_before_and_after():
    ragged = [[1, 2, 3], [4], []]
    assert pad_sequences(ragged).tolist() == [[1, 2, 3], [0, 0, 4], [0, 0, 0]]
    post = pad_sequences(ragged, 2, "float32", "post", "post", value=-1)
    assert post.tolist() == [[1, 2], [4, -1], [-1, -1]]
    vectors = pad_sequences([[[1, 2]], [[3, 4], [5, 6]]])
    assert vectors.tolist() == [[[0, 0], [1, 2]], [[3, 4], [5, 6]]]


def test_windows_of_a_series():
    series = np.arange(20).reshape(10, 2)
    x, y = timeseries_dataset_from_array(series, series[4:, 0], 2, 3, 2, start_index=1).load()
    assert x[..., 0].tolist() == [[2, 6], [8, 12]]
    assert y.tolist() == [10, 16]
    assert timeseries_dataset_from_array(series, None, 10).load()[0].shape == (1, 10, 2)
    batches = timeseries_dataset_from_array(series, None, 3, batch_size=3)
    assert [len(x) for (x,) in map(batches.__getitem__, range(len(batches)))] == [3, 3, 2]
    with pytest.raises(IndexError, match="3 batches, no batch 3"):
        batches[3]


def test_windows_are_shuffled_anew_each_epoch():
    shuffled = timeseries_dataset_from_array(np.arange(99), np.arange(99), 2, shuffle=True, seed=1)
    first = shuffled[0][1].tolist()
    assert sorted(first) != first
    shuffled.on_epoch_end()
    assert shuffled[0][1].tolist() != first
    assert shuffled.load()[1].tolist() == list(range(98))


def test_windows_train_a_model():
    series = fastnn.datasets.make_timeseries(200)
    data = timeseries_dataset_from_array(series, series[24:, :1], 24, shuffle=True)
    model = fastnn.Sequential([Flatten(), Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(data, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


# ---- folders of images ---------------------------------------------------------------------------

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path):
    """Seven images, red ones of cats and blue ones of dogs, each of a brightness of its own."""
    for name, channel, count in (("cat", 0, 4), ("dog", 2, 3)):
        (tmp_path / name).mkdir()
        for n in range(count):
            pixels = np.zeros((6, 4, 3), "u1")
            pixels[..., channel] = 50 + 10 * n
            Image.fromarray(pixels).save(tmp_path / name / f"{n}.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def test_images_with_labels_from_folders(folder):
    data = image_dataset_from_directory(folder, image_size=(6, 4), batch_size=3, shuffle=False)
    assert data.class_names == ["cat", "dog"]
    batches = [data[i] for i in range(len(data))]
    assert [x.shape for x, _ in batches] == [(3, 6, 4, 3), (3, 6, 4, 3), (1, 6, 4, 3)]
    assert np.concatenate([y for _, y in batches]).tolist() == [0, 0, 0, 0, 1, 1, 1]
    x, y = data.load()
    assert x.dtype == np.uint8
    assert y.dtype == np.int64
    assert x[:, 0, 0].tolist() == [[50 + 10 * n, 0, 0] for n in range(4)] + [
        [0, 0, 50 + 10 * n] for n in range(3)
    ]
    assert [path.name for path in data.file_paths[:2]] == ["0.png", "1.png"]


@pytest.mark.parametrize(("mode", "channels"), [("grayscale", 1), ("rgb", 3), ("rgba", 4)])
def test_images_are_resized_and_converted(folder, mode, channels):
    (x, _) = image_dataset_from_directory(folder, image_size=(5, 7), color_mode=mode).load()
    assert x.shape == (7, 5, 7, channels)
    assert np.ptp(x, axis=(1, 2)).max() == 0  # each is of one colour


def test_images_can_be_cropped_instead_of_distorted(tmp_path):
    pixels = np.zeros((4, 8, 3), "u1")
    pixels[:, 2:6] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    options = {"labels": None, "image_size": (4, 4), "interpolation": "nearest"}
    (x,) = image_dataset_from_directory(tmp_path, crop_to_aspect_ratio=True, **options).load()
    assert (x == 200).all()
    (x,) = image_dataset_from_directory(tmp_path, **options).load()
    assert (x[..., 0, :] == 0).all()


def test_labels_of_every_mode(folder):
    def labels(**options):
        return image_dataset_from_directory(folder, image_size=(2, 2), **options).load()[1:]

    (binary,) = labels(label_mode="binary")
    assert binary.shape == (7, 1)
    (categorical,) = labels(label_mode="categorical")
    assert categorical.sum(axis=0).tolist() == [4, 3]
    assert labels(label_mode=None) == labels(labels=None) == ()
    (own,) = labels(labels=[3, 1, 0, 2, 1, 0, 3])
    assert own.tolist() == [3, 1, 0, 2, 1, 0, 3]
    (swapped,) = labels(class_names=["dog", "cat"])
    assert swapped.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_parts_are_disjoint_and_complete(folder):
    def paths(subset, **options):
        found = image_dataset_from_directory(
            folder, validation_split=0.3, subset=subset, seed=4, **options
        )
        return [str(path) for path in found.file_paths]

    train, held = paths("training"), paths("validation")
    assert (len(train), len(held)) == (5, 2)
    assert len({*train, *held}) == 7
    both = image_dataset_from_directory(folder, validation_split=0.3, subset="both", seed=4)
    assert [len(part.file_paths) for part in both] == [5, 2]
    assert paths("validation", shuffle=False) == sorted({*train, *held})[-2:]


def test_images_are_shuffled_anew_each_epoch_and_train_a_model(folder):
    data = image_dataset_from_directory(folder, image_size=(4, 4), batch_size=7, seed=2)
    orders = []
    for _ in range(3):
        orders.append(data[0][0][:, 0, 0].tolist())
        data.on_epoch_end()
    assert orders[0] != orders[1] != orders[2]
    model = fastnn.Sequential([fastnn.layers.Flatten(), Dense(2, "softmax")])
    rate = fastnn.optimizers.Adam(0.01)
    model.compile(rate, "sparse_categorical_crossentropy", ["accuracy"])
    small = image_dataset_from_directory(folder, image_size=(2, 2), shuffle=False)
    model.fit(small, epochs=60, verbose=0)
    assert model.evaluate(small, verbose=0)[1] == 1


def test_a_file_that_is_no_image_is_named(folder):
    (folder / "dog" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nhello")
    data = image_dataset_from_directory(folder, image_size=(4, 4), shuffle=False)
    with pytest.raises(DataFileError, match=r"broken\.png: no image that can be read"):
        data.load()


def test_pillow_missing_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"fastnn\[images\]"):
        image_dataset_from_directory(folder)


# ---- mistakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda f: to_categorical([3], 3), LabelError, "label 3 is none of 3 classes, 0 to 2"),
        (lambda f: to_categorical([-1]), LabelError, "label -1"),
        (lambda f: to_categorical([0.5], 2), LabelError, "label 0.5"),
        (lambda f: pad_sequences([1, 2]), ValueError, "a list of lists"),
        (lambda f: pad_sequences([[1]], padding="left"), ValueError, "'pre' or 'post'"),
        (lambda f: pad_sequences([[[1]], [[1, 2]]]), ValueError, "differ in shape"),
        (lambda f: timeseries_dataset_from_array([1, 2], None, 3), ShapeError, "spans 3 steps"),
        (lambda f: timeseries_dataset_from_array([1, 2], [], 1), ShapeError, "no targets"),
        (lambda f: image_dataset_from_directory(f / "no"), FileNotFoundError, "there is no folder"),
        (lambda f: image_dataset_from_directory(f / "cat"), FileNotFoundError, "of its class"),
        (lambda f: image_dataset_from_directory(f, labels="x"), ValueError, "one of inferred"),
        (lambda f: image_dataset_from_directory(f, labels=[1]), ValueError, "7 images, but 1"),
        (lambda f: image_dataset_from_directory(f, "inferred", "hot"), ValueError, "label_mode"),
        (lambda f: image_dataset_from_directory(f, class_names=["a"]), ValueError, "are cat, dog"),
        (lambda f: image_dataset_from_directory(f, color_mode="cmyk"), ValueError, "color_mode"),
        (lambda f: image_dataset_from_directory(f, interpolation="x"), ValueError, "nearest"),
        (lambda f: image_dataset_from_directory(f, image_size=5), ValueError, "image_size must"),
        (lambda f: image_dataset_from_directory(f, subset="training"), ValueError, "go together"),
        (
            lambda f: image_dataset_from_directory(f, validation_split=2, subset="both"),
            ValueError,
            r"in \(0, 1\)",
        ),
        (
            lambda f: image_dataset_from_directory(f, validation_split=0.01, subset="both"),
            ValueError,
            "leaves a part empty",
        ),
        (
            lambda f: image_dataset_from_directory(f, [0, 1, 2, 0, 1, 2, 0], "binary"),
            ValueError,
            "needs two classes, there are 3",
        ),
        (lambda f: image_dataset_from_directory(f)[9], IndexError, "1 batches, no batch 9"),
    ],
)
def test_mistakes(folder, call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(folder)
    assert len(str(caught.value)) < 400
