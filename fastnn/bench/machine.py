"""What a reader must know of the machine to read the numbers.

Invariant: nothing that names a person, a host or a folder.
"""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastnn
from fastnn import _core

__all__ = ["describe"]


def describe() -> dict[str, Any]:
    """Return CPU, instruction sets, system, versions, date and load."""
    allowed = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return {
        "cpu": _core.cpu_name() or platform.machine(),
        "machine": platform.machine(),
        "cpus": len(allowed),
        "caches": _caches(),
        "isa": fastnn.isa(),
        "isa_available": list(_core.isa_names("mixed_bfloat16")),  # of every precision
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fastnn": fastnn.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def _caches() -> list[str]:
    """Return the first CPU's caches, such as "L1 data 48K"; empty where nobody tells."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (folder / name).read_text().strip() for name in ("level", "type", "size")
        )
        found.append(f"L{level} {kind.lower()} {size}")
    return found
