"""fastnn: small and middle-sized neural networks on CPUs, with Keras's names and C's speed.

Layers are in ``fastnn.layers``, and so on as in Keras; ``fastnn.sklearn`` has estimators for
scikit-learn, ``fastnn.onnx`` and ``fastnn.export_c`` write models for others.  ``help`` has an
example of everything, such as ``help(fastnn.Sequential.fit)``.

Example:
    >>> import fastnn
    >>> x, y = fastnn.datasets.load_digits()
    >>> x_train, x_test, y_train, y_test = fastnn.train_test_split(x / 16, y)
    >>> hidden = fastnn.layers.Dense(32, activation="relu")
    >>> output = fastnn.layers.Dense(10, activation="softmax")
    >>> model = fastnn.Sequential([fastnn.layers.Flatten(), hidden, output])
    >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = model.fit(x_train, y_train, epochs=10, verbose=0)
    >>> loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    >>> accuracy > 0.9
    True
"""

import importlib
from typing import TYPE_CHECKING, Any

try:
    from fastnn import _core as _core
except ImportError as error:
    from fastnn._missing import no_core

    raise ImportError(no_core(error)) from error

from fastnn import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    model_selection,
    models,
    ops,
    optimizers,
    preprocessing,
    regularizers,
    utils,
)
from fastnn._core import isa_names
from fastnn._version import __version__
from fastnn.callbacks import History
from fastnn.config import get_num_threads, isa, set_num_threads, set_seed
from fastnn.cross_validation import CrossValidation, cross_validate
from fastnn.differentiation import Gradients, grad
from fastnn.gradcheck import gradcheck
from fastnn.layers import Input
from fastnn.model_selection import KFold, StratifiedKFold, train_test_split
from fastnn.models import Model, Sequential
from fastnn.naming import NotThere
from fastnn.optimizers import schedules

if TYPE_CHECKING:
    from fastnn import debug, distributed, saving
    from fastnn import onnx as onnx  # not in __all__: needs onnx
    from fastnn import plots as plots  # needs matplotlib
    from fastnn import sklearn as sklearn  # nor this: needs scikit-learn
    from fastnn.c99 import export_c
    from fastnn.interchange import from_keras, load_state_dict, state_dict

__all__ = [
    "CrossValidation",
    "Gradients",
    "History",
    "Input",
    "KFold",
    "Model",
    "Sequential",
    "StratifiedKFold",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "cross_validate",
    "datasets",
    "debug",
    "distributed",
    "errors",
    "export_c",
    "from_keras",
    "get_num_threads",
    "grad",
    "gradcheck",
    "initializers",
    "isa",
    "isa_names",
    "layers",
    "load_state_dict",
    "losses",
    "metrics",
    "mixed_precision",
    "model_selection",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "regularizers",
    "saving",
    "schedules",
    "set_num_threads",
    "set_seed",
    "state_dict",
    "train_test_split",
    "utils",
]


#: Functions -> the modules that they are imported from when somebody asks for them.
_HOMES = {
    "export_c": "fastnn.c99",
    "from_keras": "fastnn.interchange",
    "load_state_dict": "fastnn.interchange",
    "state_dict": "fastnn.interchange",
}

#: Where names are looked for that people expect in the package itself.
_PARTS = (layers, optimizers, losses, metrics, callbacks, utils, datasets, regularizers, ops)


def __getattr__(name: str) -> Any:
    """Import what is slow to import and seldom needed when somebody asks for it (PEP 562)."""
    if name in ("debug", "distributed", "onnx", "plots", "saving", "sklearn"):
        return importlib.import_module(f"fastnn.{name}")
    home = _HOMES.get(name)
    if home is not None:
        return getattr(importlib.import_module(home), name)
    found = [each for each in _PARTS if name in each.__all__]
    if not found:
        raise NotThere(__name__, name, __all__)
    raise AttributeError(
        f"module 'fastnn' has no attribute {name!r}; it is {found[0].__name__}.{name}"
    )
