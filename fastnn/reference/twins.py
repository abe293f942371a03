"""The NumPy twin of every op in csrc/ops.def but the two that the interpreter does itself: reshape,
which moves nothing, and python_call, which is the user's own code.

A twin is silent: NaN, infinity and overflow are results like any other.
"""

import numpy as np

from fastnn.reference import (
    elementwise,
    gathering,
    losses,
    metrics,
    optimizers,
    pooling,
    products,
    recurrent,
    scores,
)
from fastnn.reference.contract import Twin

_TWINS: tuple[Twin, ...] = (
    gathering.gather,
    gathering.gather_labels,
    gathering.store,
    products.dense_fwd,
    products.dense_bwd_x,
    products.dense_bwd_w,
    products.conv2d_fwd,
    products.conv2d_bwd_x,
    products.conv2d_bwd_w,
    recurrent.rnn_fwd,
    recurrent.rnn_bwd,
    recurrent.lstm_fwd,
    recurrent.lstm_bwd,
    recurrent.gru_fwd,
    recurrent.gru_bwd,
    recurrent.gru_bwd_u,
    recurrent.shift,
    recurrent.reverse,
    recurrent.transpose,
    recurrent.pick,
    recurrent.pick_bwd,
    pooling.maxpool2d_fwd,
    pooling.maxpool2d_bwd,
    elementwise.activation_fwd,
    elementwise.activation_bwd,
    elementwise.add,
    elementwise.fill,
    elementwise.dropout,
    elementwise.dropout_steps,
    scores.softmax_fwd,
    scores.softmax_bwd,
    losses.softmax_ce_sparse,
    losses.softmax_ce_sparse_bwd,
    losses.softmax_ce_dense,
    losses.softmax_ce_dense_bwd,
    losses.sigmoid_bce,
    losses.sigmoid_bce_bwd,
    losses.mse,
    losses.mse_bwd,
    losses.mean,
    losses.mean_bwd,
    metrics.accuracy_sparse,
    metrics.accuracy_dense,
    metrics.accuracy_binary,
    metrics.accumulate,
    optimizers.sgd,
    optimizers.adam,
    optimizers.advance,
)

TWINS: dict[str, Twin] = {twin.__name__: np.errstate(all="ignore")(twin) for twin in _TWINS}
