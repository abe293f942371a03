"""Callbacks: what ``fit``, ``evaluate`` and ``predict`` call on their way."""

from typing import TYPE_CHECKING

from fastnn.callbacks.backup import BackupAndRestore
from fastnn.callbacks.base import Callback, CallbackList, LambdaCallback
from fastnn.callbacks.checkpoint import ModelCheckpoint
from fastnn.callbacks.display import ProgbarLogger, TqdmCallback
from fastnn.callbacks.live import LivePlot
from fastnn.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from fastnn.callbacks.records import CSVLogger, History, TensorBoard
from fastnn.callbacks.stopping import EarlyStopping, TerminateOnNaN
from fastnn.naming import public

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "LivePlot",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
    "TqdmCallback",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
