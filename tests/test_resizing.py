"""Images in another size: what is cut, filled, and between pixels."""

import numpy as np
import pytest

from fastnn import Input, Sequential
from fastnn.errors import ShapeError
from fastnn.layers import CenterCrop, Resizing


def through(layer, x):
    return Sequential([Input(x.shape[1:]), layer], dtype="float64").predict(x)


def images(height, width):
    return np.random.default_rng(0).normal(size=(3, height, width, 2))


@pytest.mark.parametrize(("height", "width"), [(5, 7), (4, 7), (5, 1), (1, 2), (2, 3)])
def test_the_middle_is_as_far_from_all_edges(height, width):
    x = images(5, 7)
    top, left = (5 - height) // 2, (7 - width) // 2
    expected = x[:, top : top + height, left : left + width]
    assert np.array_equal(through(CenterCrop(height, width), x), expected)


def test_images_in_their_own_size_are_as_they_were():
    x = images(5, 7)
    for layer in (CenterCrop(5, 7), Resizing(5, 7), Resizing(5, 7, "nearest")):
        assert np.array_equal(through(layer, x), x)


@pytest.mark.parametrize("size", [(10, 14), (5, 21), (2, 3), (1, 1), (9, 4)])
def test_the_nearest_pixel_is_that_of_its_middle(size):
    x = images(5, 7)
    rows, columns = (
        np.floor((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, (5, 7), strict=True)
    )
    assert np.array_equal(through(Resizing(*size, "nearest"), x), x[:, rows][:, :, columns])


def test_between_two_pixels_is_their_mean():
    x = np.array([1.0, 3.0, 5.0, 9.0]).reshape(1, 1, 4, 1)
    assert through(Resizing(1, 2), x).ravel().tolist() == [2, 7]
    assert through(Resizing(1, 8), x).ravel().tolist() == [1, 1.5, 2.5, 3.5, 4.5, 6, 8, 9]


def test_proportions_stay_by_cutting_or_by_filling():
    x = images(4, 8)
    cut = through(Resizing(4, 4, crop_to_aspect_ratio=True), x)
    assert np.array_equal(cut, x[:, :, 2:6])
    filled = through(Resizing(8, 8, "nearest", pad_to_aspect_ratio=True, fill_value=7), x)
    assert np.array_equal(filled[:, 2:6], x)
    assert (filled[:, [0, 1, 6, 7]] == 7).all()
    turned = x.transpose(0, 2, 1, 3)
    filled = through(Resizing(8, 8, "nearest", pad_to_aspect_ratio=True, fill_value=7), turned)
    assert np.array_equal(filled[:, :, 2:6], turned)
    assert (filled[:, :, [0, 1, 6, 7]] == 7).all()


def test_what_is_too_small_is_cut_to_proportion_and_resized():
    x = images(4, 8)
    found = through(CenterCrop(8, 8), x)
    assert np.array_equal(found, through(Resizing(8, 8), x[:, :, 2:6]))


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda: Resizing(0, 3), ValueError, "height"),
        (lambda: CenterCrop(3, 1.5), (TypeError, ValueError), "width"),
        (lambda: Resizing(2, 3, "bicubic"), ValueError, "interpolation must be one of nearest"),
        (lambda: Resizing(2, 3, fill_mode="reflect"), ValueError, "must be one of constant"),
        (lambda: Resizing(2, 3, antialias=True), ValueError, "pool before resizing"),
        (lambda: Resizing(2, 3, "nearest", True, True), ValueError, "not both"),
        (lambda: CenterCrop(2, 3, "channels_first"), ValueError, "channels_last"),
        (lambda: through(CenterCrop(2, 3), np.ones((2, 3, 4))), ShapeError, "expected images"),
        (lambda: through(Resizing(2, 3), np.ones((2, 3, 4))), ShapeError, "expected images"),
    ],
)
def test_mistakes(mistake, error, message):
    with pytest.raises(error, match=message):
        mistake()
