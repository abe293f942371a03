"""Helpers about data beside Keras's."""

import numpy as np
import pytest

from fastnn import utils


@pytest.mark.parametrize("seed", range(10))
def test_pad_sequences(keras, seed):
    rng = np.random.default_rng(seed)
    ragged = [rng.integers(0, 9, n).tolist() for n in rng.integers(0, 7, 6)] + [[1]]
    for padding in ("pre", "post"):
        for truncating in ("pre", "post"):
            for maxlen in (None, 3):
                options = (maxlen, "int32", padding, truncating, -1)
                ours, theirs = (m.pad_sequences(ragged, *options) for m in (utils, keras.utils))
                assert ours.dtype == theirs.dtype
                assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("x", [[0, 2, 1], [[0], [2]], [[0, 1], [2, 2]], [5]])
def test_to_categorical(keras, x):
    assert np.array_equal(utils.to_categorical(x), keras.utils.to_categorical(x))
    assert np.array_equal(utils.to_categorical(x, 7), keras.utils.to_categorical(x, 7))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
def test_images(keras, channels, scale, tmp_path):
    x = np.random.default_rng(channels).uniform(3, 250, (5, 7, channels))
    arrays = []
    for number, module in enumerate((utils, keras.utils)):
        path = str(tmp_path / f"{number}.png")
        module.save_img(path, x, scale=scale)
        mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
        small = module.load_img(path, mode, (3, 3), "bilinear", keep_aspect_ratio=True)
        arrays.append((np.asarray(module.array_to_img(x, scale=scale)), module.img_to_array(small)))
    for ours, theirs in zip(*arrays, strict=True):
        assert np.abs(ours.astype(float) - theirs).max() <= (1 if scale else 0)
