"""The counterparts of fastnn's operations in ONNX, a rule for each."""

from fastnn.onnx.rules import elementwise, normalization, products, recurrent, shaping
from fastnn.onnx.rules.table import RULES, Rule

__all__ = ["RULES", "Rule", "elementwise", "normalization", "products", "recurrent", "shaping"]
