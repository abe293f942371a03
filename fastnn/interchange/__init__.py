"""Weights and models from and to elsewhere: NumPy, safetensors, Keras, PyTorch.

Names of arrays, layouts and descriptions of layers become fastnn's own, or those of the others.
Nothing that a file says is executed or imported; what it names is looked up among fastnn's own.
"""

from fastnn.interchange.keras_files import from_keras
from fastnn.interchange.torch_state import load_state_dict, state_dict

__all__ = ["from_keras", "load_state_dict", "state_dict"]
