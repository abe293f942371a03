"""Models: what a person holds."""

from fastnn.cloning import clone_model
from fastnn.models.files import load_model, model_from_json, save_model
from fastnn.models.model import Model
from fastnn.models.sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
