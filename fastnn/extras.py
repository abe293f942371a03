"""Libraries that fastnn needs for some things only: imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["require"]

#: What is imported -> its distribution where the name is another, and the extra that brings it.
_EXTRAS = {
    "IPython.display": ("IPython", "notebook"),
    "PIL": ("Pillow", "images"),
    "distributed": ("Dask", "dask"),
    "h5py": ("h5py", "h5"),
    "joblib": ("joblib", "joblib"),
    "matplotlib": ("matplotlib", "plot"),
    "mpi4py.MPI": ("mpi4py and an MPI", "mpi"),
    "onnx": ("onnx", "onnx"),
    "onnx.backend.base": ("onnx", "onnx"),
    "ray": ("Ray", "ray"),
    "safetensors": ("safetensors", "safetensors"),
    "safetensors.numpy": ("safetensors", "safetensors"),
    "sklearn": ("scikit-learn", "sklearn"),
    "tqdm.auto": ("tqdm", "progress"),
}


def require(module: str, who: str) -> Any:
    """Import a module of an optional dependency.

    Args:
        module: its name, a key of the table above.
        who: what needs it, for the message.

    Returns:
        The module.

    Raises:
        ImportError: it cannot be imported; the message says how to install it.

    Example:
        >>> require("matplotlib", "a picture").__name__
        'matplotlib'
    """
    try:
        return import_module(module)
    except ImportError as error:
        distribution, extra = _EXTRAS[module]
        raise ImportError(
            f"{who} needs {distribution}, which cannot be imported: pip install 'fastnn[{extra}]'"
        ) from error
