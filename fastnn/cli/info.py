"""`fastnn info`: what a bug report must tell."""

from __future__ import annotations

import argparse
import json
import os
import platform
from typing import Any

from fastnn.cli.arguments import command

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command."""
    info = command(
        commands,
        "info",
        _run,
        help="versions, CPU, instruction sets, threads",
        about="Prints what a bug report must tell: versions, CPU, instruction sets, threads.",
        examples="  fastnn info\n  fastnn info --json",
    )
    info.add_argument("--json", action="store_true", help="as one JSON object")


def _run(options: argparse.Namespace) -> int:
    facts = _facts()
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        text = " ".join(value) if isinstance(value, list) else value
        print(f"{name:<{width}}  {'-' if text is None else text}")
    return 0


#: Packages of the extras, which may be missing.
_EXTRAS = ("matplotlib", "scikit-learn", "onnx", "h5py", "safetensors", "Pillow")


def _facts() -> dict[str, Any]:
    """What a bug report must tell, name by name."""
    import numpy

    import fastnn
    from fastnn import _core

    return {
        "fastnn": fastnn.__version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "numpy": numpy.__version__,
        **{name: _version_of(name) for name in _EXTRAS},
        "system": platform.platform(),
        "machine": platform.machine(),
        "cpu": _core.cpu_name() or None,
        "cpus": os.cpu_count(),
        "isa": fastnn.isa(),
        "isa_available": list(_core.isa_names("mixed_bfloat16")),  # of every precision
        "isa_built": list(_core.isa_built()),
        "threads": fastnn.get_num_threads(),
        "settings": [
            f"{name}={os.environ[name]}"
            for name in ("FASTNN_ISA", "FASTNN_NUM_THREADS", "OMP_NUM_THREADS")
            if name in os.environ
        ],
    }


def _version_of(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
