"""Models from files and from texts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fastnn.errors import ModelFileError
from fastnn.layers import serialization
from fastnn.models.model import Model
from fastnn.naming import knowing_arguments

__all__ = ["load_model", "model_from_json", "save_model"]


@knowing_arguments
def save_model(
    model: Model,
    filepath: str | os.PathLike[str],
    overwrite: bool = True,
    *,
    include_optimizer: bool = True,
    format: str = "fastnn",
) -> None:
    """Write a model, as ``model.save`` does.

    Args:
        model: what to write.
        filepath: the file.
        overwrite: whether a file that is there already may be replaced.
        include_optimizer: whether to write how it is compiled, too.
        format: ``"keras"`` writes what Keras reads.

    Raises:
        FileExistsError: if there is one, and it may not.
        ValueError: if the suffix is that of another kind of file.
    """
    model.save(filepath, overwrite, include_optimizer=include_optimizer, format=format)


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Read a model that ``save`` wrote, or Keras: ``fastnn.from_keras`` says more of those.

    Args:
        filepath: the file; its content counts, not its suffix.
        custom_objects: classes and functions that are not fastnn's, by name; a file cannot name
            code.
        compile: whether to compile it as it was, with the optimizer's state.
        safe_mode: as Keras has it; here a file never runs code, whatever this says.

    Raises:
        ModelFileError: if it is not such a file, or was damaged; says which part.
    """
    from fastnn import saving

    return saving.load_model(filepath, custom_objects, compile)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """Return the model whose architecture ``to_json`` wrote, with new weights, not compiled.

    Args:
        json_string: the text.
        custom_objects: classes that are not fastnn's, by name.

    Raises:
        ModelFileError: if it is no such text.

    Example:
        >>> import fastnn
        >>> model = fastnn.Sequential([fastnn.Input((4,)), fastnn.layers.Dense(2)])
        >>> fastnn.models.model_from_json(model.to_json()).count_params()
        10
    """
    import json

    try:
        model = serialization.deserialize(json.loads(json_string), custom_objects)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"model_from_json: not the text of a model: {error}"[:300]) from error
    if not isinstance(model, Model):
        raise ModelFileError(f"model_from_json: it describes {model!r}, which is no model"[:300])
    return model
