"""Models as ONNX files, and ONNX files as models.

It needs the package ``onnx``: ``pip install 'fastnn[onnx]'``.
"""

from fastnn.onnx.exporting import export, to_proto

__all__ = ["export", "to_proto"]
