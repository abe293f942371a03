"""Warnings that name the caller's own line, however deep in fastnn they come up."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn_caller"]


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn, at the first line on the way up that is not fastnn's."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "fastnn":
        frame, level = frame.f_back, level + 1
    warnings.warn(message[:400], category, stacklevel=level)
