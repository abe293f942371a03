"""The gradient of user code in Python: a call of the user's own backward."""

from __future__ import annotations

from collections.abc import Sequence

from fastnn.compiler.gradients import gradient_of
from fastnn.compiler.graph import Node, Tensor

__all__: list[str] = []


@gradient_of("python_call")
def _python_call(
    node: Node, wanted: tuple[bool, ...], *flows: Tensor | None
) -> Sequence[Tensor | None]:
    inputs = [t for t in node.inputs if t is not None]
    known = [t for t in (*flows, *inputs, *node.outputs) if t is not None]
    if "backward" not in node.attrs:
        raise NotImplementedError(
            f"{node.layer}: forward() is there but backward() is not; write it, or make this layer "
            "and those before it not trainable"
        )
    shapes = [t.shape for t in inputs]
    return inputs[0].graph.call_python(known, shapes, function=node.attrs["backward"])
