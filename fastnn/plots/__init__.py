"""Pictures of trainings, of what came of them, and of what is inside of a model.

Every function returns a matplotlib `Figure` that belongs to who asked for it: no window, no global
state, no choice of a backend.  With `path` it also writes the picture.  The same data give the same
bytes.  matplotlib is imported when the first picture is drawn, and never its `pyplot`.
"""

from typing import TYPE_CHECKING

from fastnn.naming import public
from fastnn.plots.classes import (
    calibration_curve,
    confusion_matrix,
    precision_recall_curve,
    roc_curve,
)
from fastnn.plots.curves import learning_curve
from fastnn.plots.figures import panels
from fastnn.plots.images import image_rows, labelled_images
from fastnn.plots.insides import convolution_filters, diagnosis, layer_activations
from fastnn.plots.misreadings import misclassified, training_report
from fastnn.plots.plane import decision_regions
from fastnn.plots.regression import prediction_error
from fastnn.plots.script import plot_option

__all__ = [
    "calibration_curve",
    "confusion_matrix",
    "convolution_filters",
    "decision_regions",
    "diagnosis",
    "image_rows",
    "labelled_images",
    "layer_activations",
    "learning_curve",
    "misclassified",
    "panels",
    "plot_option",
    "precision_recall_curve",
    "prediction_error",
    "roc_curve",
    "training_report",
]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
