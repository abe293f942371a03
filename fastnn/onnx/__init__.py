"""Models as ONNX files, and ONNX files as models.

It needs the package ``onnx``: ``pip install 'fastnn[onnx]'``.
"""

from fastnn.onnx.exporting import export, to_proto
from fastnn.onnx.importing import from_proto, load

__all__ = ["export", "from_proto", "load", "to_proto"]
