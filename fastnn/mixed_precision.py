"""Keras's other names for the policy of models, what they compute in: see ``fastnn.config``."""

from typing import TYPE_CHECKING

from fastnn.config import dtype_policy, set_dtype_policy
from fastnn.naming import public

__all__ = ["dtype_policy", "global_policy", "set_dtype_policy", "set_global_policy"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)

global_policy = dtype_policy
set_global_policy = set_dtype_policy
