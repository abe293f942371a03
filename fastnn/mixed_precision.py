"""Keras's other names for the policy of models, what they compute in: see ``fastnn.config``."""

from fastnn.config import dtype_policy, set_dtype_policy

__all__ = ["dtype_policy", "global_policy", "set_dtype_policy", "set_global_policy"]

global_policy = dtype_policy
set_global_policy = set_dtype_policy
