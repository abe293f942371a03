"""JAX: whole epochs as one compiled scan, or one compiled step called from Python.

Invariant: parameters and optimizer state are donated, so they are updated in place; permutations
are drawn and applied inside the measured call, drawn by NumPy, which is faster at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from .. import nets
from ..tasks import Activation, Convolution, Gemm, Pool, SoftmaxLoss, Task, Update
from ..workloads import Job, Unsupported, Workload

Array: TypeAlias = jax.Array
#: The number of updates, the layers' weights, their running statistics, the optimizer's two slots.
State: TypeAlias = tuple[Array, Any, Any, Any]
Train: TypeAlias = Callable[[State, Array, Array], tuple[State, Array]]


def version() -> str:
    """The version that is measured."""
    return str(jax.__version__)


def train(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that trains; `threads` is XLA's, set by the environment.

    Args:
        workload: what to train.
        variant: "epochs" is one compiled call for all epochs; "scan" is one for each epoch; "step"
            one for each batch.
        threads: not used.
    """
    if variant != "step" and len(workload.input_shape) == 3:
        raise Unsupported("XLA's convolutions are 30 times slower inside a loop; see step")
    x, y = (jnp.asarray(array) for array in workload.data())
    y = y.astype(jnp.float32 if workload.loss == "binary_crossentropy" else jnp.int32)
    state = _start(workload)
    advance = {"epochs": _epochs, "scan": _scan, "step": _step}[variant](workload)
    rng = np.random.default_rng(0)
    calls, each = (1, workload.epochs) if variant == "epochs" else (workload.epochs, 1)

    def run() -> float:
        nonlocal state
        for _ in range(calls):
            orders = [rng.permutation(workload.rows).astype(np.int32) for _ in range(each)]
            order = np.stack(orders) if variant == "epochs" else orders[0]
            state, loss = advance(state, x, y, order)
        jax.block_until_ready(state)
        return float(loss) / workload.rows

    return run


def predict(workload: Workload, variant: str, threads: int, rows: int) -> Callable[[], Any]:
    """Returns a compiled function whose weights are arguments, called with NumPy's array."""
    _, parameters, statistics, _ = _start(workload)
    head = jax.nn.sigmoid if workload.output == "sigmoid" else jax.nn.softmax
    key = jax.random.key(0)

    def forward(parameters: Any, statistics: Any, x: Array) -> Array:
        return head(_forward(workload.layers, parameters, statistics, x, key, False)[0])

    compiled, x = jax.jit(forward), workload.inputs(rows)
    return lambda: np.asarray(compiled(parameters, statistics, x))


# ---- loops ---------------------------------------------------------------------------------------


def _epoch(workload: Workload) -> Callable[..., tuple[State, Array]]:
    """An epoch: a scan over the full batches, then the short one."""
    step = _train_step(workload)
    full = workload.rows // workload.batch * workload.batch

    def epoch(state: State, x: Array, y: Array, order: Array) -> tuple[State, Array]:
        x, y = x[order], y[order]
        batches = [a[:full].reshape(-1, workload.batch, *a.shape[1:]) for a in (x, y)]
        state, losses = jax.lax.scan(lambda s, b: step(s, *b), state, batches)
        if full == workload.rows:
            return state, losses.sum()
        state, loss = step(state, x[full:], y[full:])
        return state, losses.sum() + loss

    return epoch


def _epochs(workload: Workload) -> Callable[..., tuple[State, Array]]:
    epoch = _epoch(workload)

    def run(state: State, x: Array, y: Array, orders: Array) -> tuple[State, Array]:
        state, losses = jax.lax.scan(lambda s, order: epoch(s, x, y, order), state, orders)
        return state, losses[-1]

    return jax.jit(run, donate_argnums=0)


def _scan(workload: Workload) -> Callable[..., tuple[State, Array]]:
    return jax.jit(_epoch(workload), donate_argnums=0)


def _step(workload: Workload) -> Callable[..., tuple[State, Array]]:
    """An epoch as a Python loop over a compiled step, which cuts its batch out itself."""
    train_step, batch = _train_step(workload), workload.batch

    def step(state: State, total: Array, x: Array, y: Array, at: int, rows: int) -> Any:
        x, y = (jax.lax.dynamic_slice_in_dim(a, at, rows) for a in (x, y))
        state, loss = train_step(state, x, y)
        return state, total + loss

    compiled = jax.jit(step, donate_argnums=(0, 1), static_argnums=5)
    shuffle = jax.jit(lambda x, y, order: (x[order], y[order]))

    def epoch(state: State, x: Array, y: Array, order: Array) -> tuple[State, Array]:
        x, y = shuffle(x, y, order)
        total = jnp.zeros(())
        for at in range(0, workload.rows, batch):
            state, total = compiled(state, total, x, y, at, min(batch, workload.rows - at))
        return state, total

    return epoch


def _train_step(workload: Workload) -> Train:
    """(state, x, y) -> (state, sum of the rows' losses)."""
    update = _UPDATES[workload.optimizer.name]

    def loss_of(
        parameters: Any, statistics: Any, x: Array, y: Array, key: Array
    ) -> tuple[Array, Any]:
        z, statistics = _forward(workload.layers, parameters, statistics, x, key, True)
        return _loss(workload, z, y), statistics

    def step(state: State, x: Array, y: Array) -> tuple[State, Array]:
        count, parameters, statistics, slots = state
        key = jax.random.fold_in(jax.random.key(0, impl="rbg"), count)
        (loss, statistics), gradients = jax.value_and_grad(loss_of, has_aux=True)(
            parameters, statistics, x, y, key
        )
        count = count + 1
        parameters, slots = update(workload.optimizer, count, parameters, gradients, slots)
        return (count, parameters, statistics, slots), loss * len(x)

    return step


def _loss(workload: Workload, z: Array, y: Array) -> Array:
    if workload.loss == "binary_crossentropy":
        z = z[:, 0]
        return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
    picked = jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - picked)


# ---- layers --------------------------------------------------------------------------------------


def _forward(
    layers: tuple[nets.Layer, ...],
    weights: Any,
    statistics: Any,
    x: Array,
    key: Array,
    training: bool,
) -> tuple[Array, list[Any]]:
    """The output of the layers, and their running statistics after it."""
    news = []
    for index, layer in enumerate(layers):
        own = jax.random.fold_in(key, index)
        x, new = _apply(layer, weights[index], statistics[index], x, own, training)
        news.append(new)
    return x, news


def _apply(
    layer: nets.Layer, weights: Any, statistics: Any, x: Array, key: Array, training: bool
) -> tuple[Array, Any]:
    match layer:
        case nets.Residual():
            sides, news = [], []
            for side, layers in enumerate((layer.body, layer.shortcut)):
                y, new = _forward(layers, weights[side], statistics[side], x, key, training)
                sides.append(y)
                news.append(new)
            return jax.nn.relu(sides[0] + sides[1]), news
        case nets.BatchNorm():
            return _normalize(weights, statistics, x, training)
        case nets.Dropout() if not training:
            return x, ()
    return _plain(layer, weights, x, key, training), ()


def _plain(layer: nets.Layer, weights: Any, x: Array, key: Array, training: bool) -> Array:
    """A layer without running statistics."""
    match layer:
        case nets.Dense():
            return _activate(layer.activation, x @ weights[0] + weights[1])
        case nets.Conv():
            y = _convolve(x, weights[0], layer.stride, layer.padding)
            return _activate(layer.activation, y + weights[1] if layer.bias else y)
        case nets.MaxPool():
            return _largest(x, layer.size) if training else _largest_of_windows(x, layer.size)
        case nets.GlobalMeanPool():
            return x.mean((1, 2))
        case nets.Flatten():
            return x.reshape(len(x), -1)
        case nets.Relu():
            return jax.nn.relu(x)
        case nets.Dropout():
            keep = jax.random.bernoulli(key, 1 - layer.rate, x.shape)
            return jnp.where(keep, x / (1 - layer.rate), jnp.zeros_like(x))
    raise AssertionError(layer)


def _convolve(x: Array, w: Array, stride: int, padding: str) -> Array:
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, w, (stride, stride), padding.upper(), dimension_numbers=layout
    )


def _largest(x: Array, size: int) -> Array:
    # A reshape and a maximum: XLA's own window reduction is far slower on the way back.
    rows, h, w, c = x.shape
    p, q = h // size, w // size
    return x[:, : p * size, : q * size].reshape(rows, p, size, q, size, c).max((2, 4))


def _largest_of_windows(x: Array, size: int) -> Array:
    # The faster one forward.
    window = (1, size, size, 1)
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")


def _normalize(weights: Any, statistics: Any, x: Array, training: bool) -> tuple[Array, Any]:
    gain, shift = weights
    if not training:
        mean, variance = statistics
    else:
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
        batch = (mean, variance)
        statistics = tuple(
            0.99 * old + 0.01 * new for old, new in zip(statistics, batch, strict=True)
        )
    scale = gain * jax.lax.rsqrt(variance + 1e-3)
    return x * scale + (shift - mean * scale), statistics


def _activate(name: str, x: Array) -> Array:
    return jax.nn.relu(x) if name == "relu" else x


def _start(workload: Workload) -> State:
    key, x = jax.random.key(0), jnp.zeros((2, *workload.input_shape))
    parameters, statistics, _ = _initial(workload.layers, x, key)
    slots = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    return jnp.zeros((), jnp.int32), parameters, statistics, slots


def _initial(
    layers: tuple[nets.Layer, ...], x: Array, key: Array
) -> tuple[list[Any], list[Any], Array]:
    """Weights and statistics of the layers, and their output."""
    weights: list[Any] = []
    statistics: list[Any] = []
    for index, layer in enumerate(layers):
        own = jax.random.fold_in(key, index)
        if isinstance(layer, nets.Residual):
            body, shortcut = (_initial(side, x, own) for side in (layer.body, layer.shortcut))
            w, s = [body[0], shortcut[0]], [body[1], shortcut[1]]
        else:
            w, s = _weights(layer, x.shape, own)
        x = _apply(layer, w, s, x, own, False)[0]
        weights.append(w)
        statistics.append(s)
    return weights, statistics, x


def _weights(layer: nets.Layer, shape: tuple[int, ...], key: Array) -> tuple[Any, Any]:
    if isinstance(layer, nets.BatchNorm):
        ones, zeros = jnp.ones(shape[-1]), jnp.zeros(shape[-1])
        return (ones, zeros), (zeros + 0, ones + 0)
    if isinstance(layer, nets.Dense):
        kernel: tuple[int, ...] = (shape[-1], layer.units)
    elif isinstance(layer, nets.Conv):
        kernel = (layer.size, layer.size, shape[-1], layer.filters)
    else:
        return (), ()
    limit = math.sqrt(6 / (math.prod(kernel[:-1]) + math.prod(kernel[:-2]) * kernel[-1]))
    w = jax.random.uniform(key, kernel, minval=-limit, maxval=limit)
    biased = isinstance(layer, nets.Dense) or layer.bias
    return ((w, jnp.zeros(kernel[-1])) if biased else (w,)), ()


# ---- optimizers ----------------------------------------------------------------------------------


def _sgd(options: Any, count: Array, w: Any, g: Any, slots: Any) -> tuple[Any, Any]:
    rate, momentum = options.learning_rate, options.momentum
    if not momentum:
        return jax.tree.map(lambda w, g: w - rate * g, w, g), slots
    v = jax.tree.map(lambda v, g: momentum * v - rate * g, slots[0], g)
    return jax.tree.map(jnp.add, w, v), [v, slots[1]]


def _rmsprop(options: Any, count: Array, w: Any, g: Any, slots: Any) -> tuple[Any, Any]:
    v = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, slots[0], g)
    rate = options.learning_rate
    w = jax.tree.map(lambda w, g, v: w - rate * g / jnp.sqrt(v + 1e-7), w, g, v)
    return w, [v, slots[1]]


def _adam(options: Any, count: Array, w: Any, g: Any, slots: Any) -> tuple[Any, Any]:
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, slots[0], g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, slots[1], g)
    t = count.astype(jnp.float32)
    rate = options.learning_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), w, m, v)
    return w, [m, v]


_UPDATES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
}


# ---- kernels -------------------------------------------------------------------------------------


def kernel(task: Task, variant: str, threads: int) -> Job:
    """Returns a job of one compiled call on JAX's own arrays."""
    call, *arguments = _kernel(task)
    donated = (0, 2, 3)[: len(arguments) - 1] if isinstance(task, Update) else ()
    if not donated:
        compiled = jax.jit(call)
        return Job(lambda: jax.block_until_ready(compiled(*arguments)))
    return Job(_updating(jax.jit(call, donate_argnums=donated), donated, arguments))


def _updating(
    compiled: Callable[..., Any], donated: tuple[int, ...], arguments: list[Any]
) -> Callable[[], None]:
    """Calls again and again with what the last call made in place of what it was given."""

    def call() -> None:
        results = jax.block_until_ready(compiled(*arguments))
        for place, result in zip(donated, results, strict=True):
            arguments[place] = result

    return call


def _normal(*shape: int) -> Array:
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def _kernel(task: Task) -> tuple[Any, ...]:
    """The function and its arguments."""
    match task:
        case Gemm():
            return _gemm(task)
        case Convolution():
            return _convolution(task)
        case Pool():
            x = _normal(*task.image)
            if task.which == "fwd":
                return (lambda x: _largest_of_windows(x, 2)), x
            y = _largest(x, 2)
            return (lambda x, dy: jax.vjp(lambda x: _largest(x, 2), x)[1](dy)), x, y
        case SoftmaxLoss():
            return _softmax_loss(task)
        case Activation():
            return _activation(task)
        case Update():
            return _update(task)


def _gemm(task: Gemm) -> tuple[Any, ...]:
    x, w, dy = _normal(task.m, task.k), _normal(task.k, task.n), _normal(task.m, task.n)
    return {
        "fwd": (lambda x, w: x @ w, x, w),
        "dx": (lambda dy, w: dy @ w.T, dy, w),
        "dw": (lambda x, dy: x.T @ dy, x, dy),
    }[task.which]


def _convolution(task: Convolution) -> tuple[Any, ...]:
    x, w, dy = _normal(*task.image), _normal(*task.kernel), _normal(*task.out)

    def forward(x: Array, w: Array) -> Array:
        return _convolve(x, w, task.stride, task.padding)

    return {
        "fwd": (forward, x, w),
        "dx": (lambda x, w, dy: jax.vjp(lambda x: forward(x, w), x)[1](dy), x, w, dy),
        "dw": (lambda x, w, dy: jax.vjp(lambda w: forward(x, w), w)[1](dy), x, w, dy),
    }[task.which]


def _softmax_loss(task: SoftmaxLoss) -> tuple[Any, ...]:
    t = jnp.asarray(np.random.default_rng(0).integers(0, task.classes, task.rows), jnp.int32)

    def loss(z: Array, t: Array) -> Array:
        picked = jnp.take_along_axis(z, t[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - picked)

    return jax.value_and_grad(loss), _normal(task.rows, task.classes), t


def _activation(task: Activation) -> tuple[Any, ...]:
    x, dy = _normal(task.n), _normal(task.n)
    if task.which == "fwd":
        forward = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}
        return forward[task.name], x
    backward: dict[str, Callable[[Array, Array], Array]] = {
        "relu": lambda dy, y: jnp.where(y > 0, dy, 0),
        "sigmoid": lambda dy, y: dy * y * (1 - y),
        "tanh": lambda dy, y: dy * (1 - y * y),
    }
    return backward[task.name], dy, x


def _update(task: Update) -> tuple[Any, ...]:
    w, g, m, v = (_normal(task.n) for _ in range(4))
    if task.name == "sgd":
        return (lambda w, g: (w - 1e-3 * g,)), w, g

    def adam(w: Array, g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        return w - 1e-3 * m / (jnp.sqrt(v) + 1e-7), m, v

    return adam, w, g, m, jnp.square(v)
