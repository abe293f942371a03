"""Images one by one: files, arrays, and Pillow's between them."""

import numpy as np
import pytest

from fastnn.errors import DataFileError, ShapeError
from fastnn.utils import array_to_img, img_to_array, load_img, save_img

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_is_written_is_read(channels, tmp_path):
    x = RNG.integers(0, 256, (5, 7, channels)).astype("float32")
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    save_img(tmp_path / "a.png", x, scale=False)
    read = img_to_array(load_img(tmp_path / "a.png", color_mode=mode))
    assert read.dtype == "float32"
    assert np.array_equal(read, x)


def test_numbers_are_scaled_to_bytes():
    x = np.array([[[-1.0], [0.0], [1.0]]])
    assert np.asarray(array_to_img(x)).tolist() == [[0, 127, 255]]
    assert np.asarray(array_to_img(np.ones((1, 2, 3)))).tolist() == [[[0] * 3] * 2]


def test_grey_may_be_deeper_than_a_byte(tmp_path):
    deep = array_to_img([[[1000.0], [3.0]]], scale=False)
    assert deep.mode == "I"
    deep.save(tmp_path / "deep.tiff")
    assert img_to_array(load_img(tmp_path / "deep.tiff", "grayscale")).max() == 1000


@pytest.mark.parametrize("keep", [False, True])
def test_an_image_is_resized(keep, tmp_path):
    x = np.zeros((4, 8, 3))
    x[:, 2:6] = 255  # what is left if the middle is cut out
    save_img(tmp_path / "a.png", x, scale=False)
    small = img_to_array(load_img(tmp_path / "a.png", target_size=(2, 2), keep_aspect_ratio=keep))
    assert small.shape == (2, 2, 3)
    assert load_img(tmp_path / "a.png", target_size=(4, 8)).size == (8, 4)
    assert bool((small == 255).all()) == keep


@pytest.mark.parametrize(("name", "format"), [("a.jpg", None), ("b.jpeg", None), ("c", "jpg")])
def test_a_jpeg_has_no_transparency(name, format, tmp_path):
    save_img(tmp_path / name, RNG.random((4, 4, 4)), file_format=format)
    assert load_img(tmp_path / name).mode == "RGB"


def test_no_image_at_all(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataFileError, match="no image that can be read"):
        load_img(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError):
        load_img(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: load_img("a", "cmyk"), ValueError, "color_mode must be one of .*'cmyk'"),
        (lambda: load_img("a", interpolation="best"), ValueError, "interpolation .*'best'"),
        (lambda: img_to_array(np.zeros(3)), ShapeError, r"got shape \(3,\)"),
        (lambda: img_to_array(np.zeros((2, 2)), "channels_first"), ValueError, "channels_last"),
        (lambda: array_to_img(np.zeros((2, 2))), ShapeError, r"1, 3 or 4 channels"),
        (lambda: array_to_img(np.zeros((2, 2, 2))), ShapeError, r"got shape \(2, 2, 2\)"),
        (lambda: save_img("a", np.zeros((2, 2, 1)), "channels_first"), ValueError, "last"),
    ],
)
def test_mistakes(call, error, words):
    with pytest.raises(error, match=words):
        call()
