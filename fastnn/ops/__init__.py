"""Operations that layers, losses and metrics compose: each call adds a node to the graph.

The arguments are tensors of the graph that is being built, or variables of a layer.  Each
operation's gradient rule stands beside it.
"""

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
from fastnn.ops.metrics import (
    binary_accuracy,
    categorical_accuracy,
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
    "binary_accuracy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "conv2d",
    "dense",
    "dropout",
    "dropout_steps",
    "global_mean",
    "gru",
    "lstm",
    "max_pool2d",
    "mean",
    "mean_squared_error",
    "moments",
    "moving_average",
    "normalize",
    "relu",
    "reshape",
    "reverse",
    "sigmoid",
    "sigmoid_binary_crossentropy",
    "simple_rnn",
    "softmax",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "step",
    "tanh",
]
