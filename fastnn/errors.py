"""The exceptions fastnn raises, each a subclass of the built-in that a caller would expect."""

from __future__ import annotations

__all__ = [
    "CollapseWarning",
    "ConcurrentUseError",
    "DTypeError",
    "DataFileError",
    "IdError",
    "LabelError",
    "MaskWarning",
    "ModelFileError",
    "NonFiniteError",
    "NonFiniteWarning",
    "NotBuiltError",
    "NotCompiledError",
    "RanksDifferError",
    "ShapeError",
    "UnsupportedError",
    "ZeroGradientWarning",
]


class ShapeError(ValueError):
    """An array, a layer or an operand has the wrong shape."""


class DTypeError(TypeError):
    """An array has a type that cannot stand for numbers, or not for these numbers."""


class LabelError(ValueError):
    """A target is not one of the classes the model can name."""


class IdError(ValueError):
    """A number that should name a row of a table, or a token, names none."""


class DataFileError(ValueError):
    """A file of data is not of the format it is read as, or was damaged."""


class ModelFileError(ValueError):
    """A file is not a model that fastnn wrote, or was damaged since."""


class UnsupportedError(ValueError):
    """A model holds what another format cannot say, or a file what fastnn does not have."""


class NotBuiltError(RuntimeError):
    """The shapes of a model's weights are not known yet."""


class NotCompiledError(RuntimeError):
    """A model was asked to train or evaluate before ``compile``."""


class ConcurrentUseError(RuntimeError):
    """A model was used while another thread was training it."""


class RanksDifferError(RuntimeError):
    """The processes that train one model together do not hold the same."""


class NonFiniteError(RuntimeError):
    """The loss of a batch is NaN or infinite, and ``fit`` was told to take that as an error."""


class NonFiniteWarning(RuntimeWarning):
    """The loss of a batch is NaN or infinite."""


class ZeroGradientWarning(UserWarning):
    """Weights are to be trained through a function whose gradient is 0 everywhere."""


class MaskWarning(UserWarning):
    """A layer was given steps of which some do not count, and takes them as if they did."""


class CollapseWarning(UserWarning):
    """All hidden layers are linear, so that the model is no more than one linear layer."""
