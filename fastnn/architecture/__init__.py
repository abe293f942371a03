"""Pictures of models: layers as boxes, and arrows for what one hands to another.

`scheme` reads a model, `dot` writes what Graphviz draws, `arrange` and `paint` draw without it.
Imported when a picture is asked for.
"""
