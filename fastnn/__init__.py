"""fastnn: small and middle-sized neural networks on CPUs, with Keras's names and C's speed."""

try:
    from fastnn import _core as _core
except ImportError as error:
    raise ImportError(
        f"fastnn's compiled core cannot be imported ({error}). In a source folder, build it first: "
        "pip install -e ."
    ) from error

from fastnn import (
    activations,
    callbacks,
    config,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
)
from fastnn._core import isa_names
from fastnn._version import __version__
from fastnn.callbacks import History
from fastnn.config import get_num_threads, isa, set_num_threads, set_seed
from fastnn.differentiation import Gradients, grad
from fastnn.gradcheck import gradcheck
from fastnn.layers import Input
from fastnn.models import Model, Sequential

__all__ = [
    "Gradients",
    "History",
    "Input",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "config",
    "datasets",
    "errors",
    "get_num_threads",
    "grad",
    "gradcheck",
    "initializers",
    "isa",
    "isa_names",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "set_num_threads",
    "set_seed",
]
