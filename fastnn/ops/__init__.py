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
    batch_mean,
    categorical_crossentropy,
    categorical_hinge,
    cosine_similarity,
    mean_squared_error,
    pointwise_loss,
    present,
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
    in_top_k,
    keep_top_k,
    sparse_categorical_accuracy,
)
from fastnn.ops.normalization import global_mean, moments, moving_average, normalize
from fastnn.ops.products import average_pool2d, conv2d, dense, max_pool2d
from fastnn.ops.recurrent import dropout_steps, gru, lstm, reverse, simple_rnn
from fastnn.ops.user import __all__ as _user  # noqa: F401  (registers a gradient rule)

__all__ = [
    "activation",
    "add",
    "average_pool2d",
    "batch_mean",
    "binary_accuracy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_hinge",
    "concatenate",
    "conv2d",
    "cosine_similarity",
    "crop",
    "dense",
    "dropout",
    "dropout_steps",
    "global_mean",
    "gru",
    "in_top_k",
    "keep_top_k",
    "lstm",
    "max_pool2d",
    "maximum",
    "mean_squared_error",
    "minimum",
    "moments",
    "moving_average",
    "multiply",
    "normalize",
    "pad",
    "pointwise_loss",
    "present",
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
