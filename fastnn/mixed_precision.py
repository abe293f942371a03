"""Keras's names for the policy of models: what they compute in."""

from fastnn.config import dtype_policy as global_policy
from fastnn.config import set_dtype_policy as set_global_policy

__all__ = ["global_policy", "set_global_policy"]
