"""Models written out as C99: one file, for where there is no Python."""

from fastnn.c99.export import export_c

__all__ = ["export_c"]
