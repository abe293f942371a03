"""The table of rules, which the modules beside it fill."""

from __future__ import annotations

from collections.abc import Callable

from fastnn.compiler.graph import Node
from fastnn.onnx.writer import Writer

__all__ = ["RULES", "Rule", "rule"]

#: rule(writer, node): writes what an operation is in ONNX, and binds its outputs.
Rule = Callable[[Writer, Node], None]

#: The names of operations of csrc/ops.def.
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of operations."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register
