"""Folders of images, one for each class, as data that comes batch by batch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastnn import _core, config
from fastnn._checks import count
from fastnn._typing import Array
from fastnn.data.streams import PyDataset
from fastnn.errors import DataFileError
from fastnn.extras import require

__all__ = ["ImageFolder", "image_dataset_from_directory", "image_paths", "unread"]

#: Of the files of a folder that are read; Keras reads five of them.
# fmt: off
_SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp",
)
# fmt: on
_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
_SHOWN = 6  # suffixes on a line
_FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")


class ImageFolder(PyDataset):
    """Images of a folder, read when their batch is asked for.

    ``image_dataset_from_directory`` makes one.

    Attributes:
        file_paths: the files, in their order before any shuffling.
        class_names: the names of the classes; a label is the index of its class.
    """

    def __init__(
        self,
        file_paths: Sequence[Path],
        labels: Array | None,
        class_names: Sequence[str],
        color_mode: str,
        batch_size: int,
        image_size: tuple[int, int],
        seed: int | None,
        interpolation: str,
        crop: bool,
    ):
        super().__init__()
        self.file_paths, self.class_names = list(file_paths), list(class_names)
        self._labels, self._batch_size, self._seed = labels, batch_size, seed
        self._mode, self._channels = _MODES[color_mode]
        self._size, self._filter, self._crop = image_size, interpolation, crop
        self._passes = 0
        self._order: NDArray[np.int64] = np.arange(len(file_paths))
        self._shuffle()

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.file_paths) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return batch ``index``: images, uint8, and their labels, if there are some."""
        if not 0 <= index < len(self):
            raise IndexError(f"ImageFolder: there are {len(self)} batches, no batch {index}")
        return self._batch(self._order[index * self._batch_size :][: self._batch_size])

    def on_epoch_end(self) -> None:
        """Shuffle the images, if that was asked for."""
        self._passes += 1
        self._shuffle()

    def load(self) -> tuple[Any, ...]:
        """Return all images, in the order of ``file_paths``, and their labels, as arrays.

        Returns:
            ``(x, y)``, or ``(x,)`` without labels.  ``x: (images, height, width, channels)``,
            uint8.
        """
        return self._batch(np.arange(len(self.file_paths)))

    def _shuffle(self) -> None:
        if self._seed is not None:
            self._order = _core.permutation(self._seed, self._passes, len(self.file_paths))

    def _batch(self, rows: NDArray[np.int64]) -> tuple[Any, ...]:
        x = np.empty((len(rows), *self._size, self._channels), np.uint8)
        for into, row in zip(x, rows, strict=True):
            into[...] = self._read(self.file_paths[row])
        return (x,) if self._labels is None else (x, self._labels[rows])

    def _read(self, path: Path) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps

        height, width = self._size
        method = Image.Resampling[self._filter.upper()]
        try:
            with Image.open(path) as file:
                image = file.convert(self._mode)
                if self._crop:
                    image = ImageOps.fit(image, (width, height), method)
                elif image.size != (width, height):
                    image = image.resize((width, height), method)
                return np.asarray(image).reshape(height, width, self._channels)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DataFileError(f"{path}: no image that can be read: {error}"[:390]) from None


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    crop_to_aspect_ratio: bool = False,
) -> Any:
    """Makes data of a folder that has a folder of images for each class.

    Files ``.bmp``, ``.gif``, ``.jpeg``, ``.jpg``, ``.png``, ``.tif``, ``.tiff``, ``.webp``,
    ``.pbm``, ``.pgm`` and ``.ppm`` are read by Pillow, on another thread, while the model trains on
    those before.  They stay uint8, 0 to 255.

    Args:
        directory: the folder.
        labels: ``"inferred"`` from the folders in it; a label for each file, in the order of their
            sorted paths; or ``None`` for images without labels, anywhere in it.
        label_mode: ``"int"`` for (rows,) of int64; ``"categorical"`` for (rows, classes) one-hot;
            ``"binary"`` for (rows, 1) of 0 and 1; ``None`` for no labels.
        class_names: the folders in the order of their labels; ``None`` is sorted.
        color_mode: ``"grayscale"``, ``"rgb"`` or ``"rgba"``: 1, 3 or 4 channels.
        batch_size: images of a batch.
        image_size: (height, width) that images are resized to.
        shuffle: whether images come in another order each epoch; else in that of their paths.
        seed: what the order follows from; ``None`` goes on with the process's seed.
        validation_split: share of the images to hold out, in (0, 1), drawn at random if
            ``shuffle``; with ``seed`` where two calls are to agree.
        subset: with ``validation_split``, ``"training"``, ``"validation"`` or ``"both"``.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos"``, ``"box"`` or
            ``"hamming"``.
        crop_to_aspect_ratio: whether to cut off what does not fit instead of distorting.

    Returns:
        An ``ImageFolder`` for ``fit``, ``evaluate`` and ``predict``, with ``class_names``; for
        ``"both"`` one to train on and one to measure on.

    Raises:
        ImportError: Pillow is not installed.
        FileNotFoundError: there is no such folder, or no image in it.
        ValueError: an argument is none of those above.
    """
    who = "image_dataset_from_directory"
    require("PIL", who)
    _one_of(who, "color_mode", color_mode, _MODES)
    _one_of(who, "interpolation", interpolation, _FILTERS)
    _one_of(who, "label_mode", label_mode, ("int", "categorical", "binary", None))
    _one_of(who, "subset", subset, ("training", "validation", "both", None))
    if (validation_split is None) != (subset is None):
        raise ValueError(f"{who}: validation_split and subset go together; give both or neither")
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(f"{who}: validation_split must be in (0, 1), got {validation_split}")
    paths, ids, names = _files(who, Path(directory), labels, class_names)
    order_seed = None if not shuffle else config.next_seed() if seed is None else seed
    targets = _targets(who, ids, label_mode, len(names))

    def part(rows: NDArray[np.int64]) -> ImageFolder:
        return ImageFolder(
            [paths[row] for row in rows],
            None if targets is None else targets[rows],
            names,
            color_mode,
            count(who, "batch_size", batch_size, least=1),
            _size(who, image_size),
            order_seed,
            interpolation,
            bool(crop_to_aspect_ratio),
        )

    every = np.arange(len(paths))
    if validation_split is None:
        return part(every)
    if order_seed is not None:
        every = _core.permutation(order_seed, 0, len(paths))
    held = int(validation_split * len(paths))
    if not 0 < held < len(paths):
        raise ValueError(f"{who}: validation_split of {len(paths)} images leaves a part empty")
    parts = {"training": every[:-held], "validation": every[-held:]}
    if subset == "both":
        return part(parts["training"]), part(parts["validation"])
    return part(parts[subset or ""])


def _one_of(who: str, name: str, given: Any, known: Any) -> None:
    if given not in known:
        raise ValueError(
            f"{who}: {name} must be one of {', '.join(map(str, known))}, got {str(given)[:40]!r}"
        )


def _size(who: str, given: Any) -> tuple[int, int]:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ValueError(f"{who}: image_size must be (height, width), got {str(given)[:40]}")
    height, width = (count(who, "image_size", n, least=1) for n in given)
    return height, width


def _files(
    who: str, folder: Path, labels: Any, class_names: Sequence[str] | None
) -> tuple[list[Path], list[int] | None, list[str]]:
    """Return the files, the number of each one's class, and the names of the classes."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{who}: there is no folder {os.fspath(folder)!r}")
    if not isinstance(labels, str):
        paths = _images(folder)
        if labels is not None and len(labels) != len(paths):
            raise ValueError(f"{who}: there are {len(paths)} images, but {len(labels)} labels")
        ids = None if labels is None else [count(who, "a label", label) for label in labels]
        names = list(class_names or map(str, range(max(ids or [-1]) + 1)))
    else:
        _one_of(who, "labels", labels, ("inferred",))
        there = sorted(each.name for each in folder.iterdir() if each.is_dir())
        names = there if class_names is None else list(class_names)
        if set(names) != set(there):
            raise ValueError(
                f"{who}: class_names has {', '.join(names)}; the folders are {', '.join(there)}"[
                    :390
                ]
            )
        found = [
            (path, label) for label, name in enumerate(names) for path in _images(folder / name)
        ]
        paths, ids = [path for path, _ in found], [label for _, label in found]
    if not paths:
        raise FileNotFoundError(
            f"{who}: {os.fspath(folder)!r} has no image {', '.join(_SUFFIXES)}"
            + (" in a folder of its class" if labels == "inferred" else "")
        )
    return paths, ids, names


def image_paths(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of images anywhere in a folder, sorted, or the one file itself."""
    if not os.path.isdir(path):
        return [Path(path)]
    found = _images(Path(path))
    if not found:
        raise FileNotFoundError(f"{os.fspath(path)!r} has no image {', '.join(_SUFFIXES)}")
    return found


def unread(folder: str | os.PathLike[str], paths: Collection[Path]) -> str:
    """Return how many files of a folder are not read, and of which suffixes; else nothing.

    Args:
        folder: the folder; what begins with a point in it is of the system.
        paths: those that are read.
    """
    there = {each for each in Path(folder).rglob("*") if each.is_file()}
    rest = [
        each
        for each in there - {*paths}
        if not any(part.startswith(".") for part in each.relative_to(folder).parts)
    ]
    if not rest:
        return ""
    times = Counter(each.suffix.lower() or "no suffix" for each in rest)
    kinds = ", ".join(f"{suffix:.20} ({count})" for suffix, count in times.most_common(_SHOWN))
    more = ", ..." if len(times) > _SHOWN else ""
    return f"files that are not read: {kinds}{more}"


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)


def _targets(who: str, ids: list[int] | None, label_mode: str | None, classes: int) -> Array | None:
    if ids is None or label_mode is None:
        return None
    if label_mode == "int":
        return np.array(ids, np.int64)
    if label_mode == "categorical":
        return np.eye(classes, dtype=np.float32)[ids]
    if classes != 2:
        raise ValueError(f"{who}: label_mode='binary' needs two classes, there are {classes}")
    return np.array(ids, np.float32)[:, None]
