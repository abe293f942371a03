"""Operations that layers, losses and metrics compose: each call adds a node to the graph.

The arguments are tensors of the graph that is being built, or variables of a layer.  Each
operation's gradient rule stands beside it.
"""

from fastnn.ops.augmentation import random_map, random_uniform, tone, warp
from fastnn.ops.elementwise import (
    activation,
    add,
    dropout,
    relu,
    reshape,
    sigmoid,
    softmax,
    step,
    tanh,
)
from fastnn.ops.losses import (
    categorical_crossentropy,
    mean,
    mean_squared_error,
    sigmoid_binary_crossentropy,
    sparse_categorical_crossentropy,
)
from fastnn.ops.merging import (
    concatenate,
    crop,
    maximum,
    minimum,
    multiply,
    pad,
    scale,
    subtract,
)
from fastnn.ops.metrics import (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from fastnn.ops.normalization import global_mean, moments, moving_average, normalize
from fastnn.ops.products import average_pool2d, conv2d, dense, max_pool2d
from fastnn.ops.recurrent import dropout_steps, gru, lstm, reverse, simple_rnn
from fastnn.ops.user import __all__ as _user  # noqa: F401  (registers a gradient rule)
from fastnn.ops.weights import clip_norm, over_rows, penalty

__all__ = [
    "activation",
    "add",
    "average_pool2d",
    "binary_accuracy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "clip_norm",
    "concatenate",
    "conv2d",
    "crop",
    "dense",
    "dropout",
    "dropout_steps",
    "global_mean",
    "gru",
    "lstm",
    "max_pool2d",
    "maximum",
    "mean",
    "mean_squared_error",
    "minimum",
    "moments",
    "moving_average",
    "multiply",
    "normalize",
    "over_rows",
    "pad",
    "penalty",
    "random_map",
    "random_uniform",
    "relu",
    "reshape",
    "reverse",
    "scale",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "simple_rnn",
    "softmax",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "step",
    "subtract",
    "tanh",
    "tone",
    "warp",
]
