"""Models: what a person holds."""

from typing import TYPE_CHECKING

from fastnn.cloning import clone_model
from fastnn.models.files import load_model, model_from_json, save_model
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential
from fastnn.naming import public

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
