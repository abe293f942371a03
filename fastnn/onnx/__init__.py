"""Models as ONNX files, and ONNX files as models.

It needs the package ``onnx``: ``pip install 'fastnn[onnx]'``.
"""

from typing import TYPE_CHECKING

from fastnn.naming import public
from fastnn.onnx.exporting import export, to_proto
from fastnn.onnx.importing import from_proto, load

__all__ = ["export", "from_proto", "load", "to_proto"]

if not TYPE_CHECKING:  # a name that is not there says which was meant
    __getattr__, __dir__ = public(__name__, __all__)
