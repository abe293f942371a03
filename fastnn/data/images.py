"""Images one by one: from files and to files, as arrays and as Pillow has them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastnn.errors import DataFileError, ShapeError
from fastnn.extras import require

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

#: color_mode -> the modes of Pillow that it may be read in, the last one if it is in none of them.
_MODES = {"grayscale": ("I;16", "I", "L"), "rgb": ("RGB",), "rgba": ("RGBA",)}
_OF_CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}


def load_img(
    path: str | os.PathLike[str],
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image:
    """Read an image with Pillow.

    Args:
        path: the file.
        color_mode: ``"rgb"``, ``"rgba"`` or ``"grayscale"``.
        target_size: ``(height, width)`` that it is resized to; ``None``: as it is.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"hamming"``, ``"box"`` or
            ``"lanczos"``.
        keep_aspect_ratio: whether to cut the middle out first, in the proportions of
            ``target_size``.

    Returns:
        An image of Pillow's; ``img_to_array`` makes an array of it.

    Raises:
        ImportError: Pillow is not installed.
        DataFileError: the file is no image.
        FileNotFoundError: there is no such file.
        ValueError: an argument is none of those above.
    """
    require("PIL", "load_img")
    from PIL import Image, ImageOps

    filters = {each.name.lower(): each for each in Image.Resampling}
    if color_mode not in _MODES:
        raise ValueError(f"load_img: color_mode must be one of {list(_MODES)}, got {color_mode!r}")
    if interpolation not in filters:
        raise ValueError(
            f"load_img: interpolation must be one of {sorted(filters)}, got {interpolation!r}"
        )
    try:
        with Image.open(path) as file:
            image: Image.Image = file.copy()
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataFileError(f"{path}: no image that can be read: {error}"[:390]) from None
    if image.mode not in _MODES[color_mode]:
        image = image.convert(_MODES[color_mode][-1])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    fit = ImageOps.fit if keep_aspect_ratio else _resized
    return fit(image, (target_size[1], target_size[0]), filters[interpolation])


def _resized(image: Image, size: tuple[int, int], method: Any) -> Image:
    return image.resize(size, method)


def img_to_array(
    img: Any, data_format: str | None = None, dtype: str | None = None
) -> NDArray[Any]:
    """Return an image of Pillow's as an array.

    Args:
        img: the image.
        data_format: ``None`` or ``"channels_last"``.
        dtype: of the array; ``None`` is float32.

    Returns:
        ``(height, width, channels)``.

    Raises:
        ShapeError: if it has neither two nor three axes.
        ValueError: if ``data_format`` is another.

    Example:
        >>> img_to_array(np.zeros((2, 3), "uint8")).shape
        (2, 3, 1)
    """
    _check_format("img_to_array", data_format)
    x = np.asarray(img, dtype or "float32")
    if x.ndim not in (2, 3):
        raise ShapeError(f"img_to_array: expected (height, width, channels), got shape {x.shape}")
    return x if x.ndim == 3 else x[..., None]


def array_to_img(
    x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: str | None = None
) -> Image:
    """Return an array as an image of Pillow's.

    Args:
        x: ``(height, width, channels)`` of 1, 3 or 4 channels.
        data_format: ``None`` or ``"channels_last"``.
        scale: whether the least number becomes 0 and the largest 255; else they are taken as they
            are, from 0 to 255.
        dtype: what ``x`` is computed in; ``None`` is float32.

    Raises:
        ImportError: Pillow is not installed.
        ShapeError: if ``x`` has another shape.
        ValueError: if ``data_format`` is another.
    """
    require("PIL", "array_to_img")
    from PIL import Image

    _check_format("array_to_img", data_format)
    values = np.asarray(x, dtype or "float32")
    if values.ndim != 3 or values.shape[2] not in _OF_CHANNELS:
        raise ShapeError(
            f"array_to_img: expected (height, width, channels) of 1, 3 or 4 channels, got shape "
            f"{values.shape}"
        )
    if scale:
        values = values - values.min()
        values = values / (values.max() or 1) * 255
    elif values.shape[2] == 1 and values.max() > 255:
        return Image.fromarray(values[..., 0].astype("int32"), "I")
    pixels = values.astype("uint8")
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def save_img(
    path: str | os.PathLike[str],
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image.

    Args:
        path: the file, whose suffix says the format.
        x: ``(height, width, channels)``, as for ``array_to_img``.
        data_format: ``None`` or ``"channels_last"``.
        file_format: the format, such as ``"png"``; ``None`` is that of the suffix.
        scale: as for ``array_to_img``.
        kwargs: for Pillow's ``save``.

    Raises:
        ImportError: Pillow is not installed.
        ShapeError: if ``x`` has another shape.
        ValueError: if an argument is none of those above.
    """
    image = array_to_img(x, data_format, scale)
    jpeg = str(file_format or os.path.splitext(path)[1]).lower() in ("jpg", "jpeg", ".jpg", ".jpeg")
    if jpeg and image.mode == "RGBA":
        image = image.convert("RGB")
    image.save(path, "jpeg" if file_format == "jpg" else file_format, **kwargs)


def _check_format(who: str, data_format: str | None) -> None:
    if data_format not in (None, "channels_last"):
        raise ValueError(f"{who}: data_format must be 'channels_last', got {data_format!r:.40}")
