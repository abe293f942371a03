"""JAX: the whole epoch as one compiled scan, or one compiled step called from Python.

Invariant: parameters and optimizer state are donated, so they are updated in place; the permutation
is drawn and applied inside the measured call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from workloads import Conv, Dense, Dropout, Flatten, Layer, MaxPool, Unsupported, Workload

Array: TypeAlias = jax.Array
State: TypeAlias = Any
Loss: TypeAlias = Callable[[Any, Array, Array, Array], Array]


def version() -> str:
    """The version that is measured."""
    return str(jax.__version__)


def build(workload: Workload, variant: str, threads: int) -> Callable[[], float]:
    """Returns a function that trains one epoch; `threads` is XLA's, set by the environment."""
    x, y = (jnp.asarray(array) for array in workload.data())
    y = y.astype(jnp.float32 if workload.loss == "binary_crossentropy" else jnp.int32)
    state = _start(workload)
    advance = {"scan": _scan, "step": _step}[variant](workload)
    rng = np.random.default_rng(0)

    def epoch() -> float:
        nonlocal state
        order = rng.permutation(workload.rows).astype(np.int32)
        state, loss = advance(state, x, y, order)
        jax.tree.map(lambda leaf: leaf.block_until_ready(), state)
        return float(loss) / workload.rows

    return epoch


def _scan(workload: Workload) -> Callable[..., tuple[State, Array]]:
    """An epoch as one call: a scan over the full batches, then the short one."""
    train = _train_step(workload)
    full = workload.rows // workload.batch * workload.batch

    def epoch(state: State, x: Array, y: Array, order: Array) -> tuple[State, Array]:
        x, y = x[order], y[order]
        batches = [a[:full].reshape(-1, workload.batch, *a.shape[1:]) for a in (x, y)]
        state, losses = jax.lax.scan(lambda s, b: train(s, *b), state, batches)
        if full == workload.rows:
            return state, losses.sum()
        state, loss = train(state, x[full:], y[full:])
        return state, losses.sum() + loss

    return jax.jit(epoch, donate_argnums=0)


def _step(workload: Workload) -> Callable[..., tuple[State, Array]]:
    """An epoch as a Python loop over a compiled step, which cuts its batch out itself."""
    train, batch = _train_step(workload), workload.batch

    def step(state: State, total: Array, x: Array, y: Array, at: int, rows: int) -> Any:
        x, y = (jax.lax.dynamic_slice_in_dim(a, at, rows) for a in (x, y))
        state, loss = train(state, x, y)
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


def _train_step(workload: Workload) -> Callable[..., tuple[State, Array]]:
    """(state, x, y) -> (state, sum of the rows' losses), state being (step, parameters, slots)."""
    loss_of = _loss(workload)
    update = _UPDATES[workload.optimizer.name]

    def train(state: State, x: Array, y: Array) -> tuple[State, Array]:
        step, parameters, slots = state
        key = jax.random.fold_in(jax.random.key(0), step)
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y, key)
        step = step + 1
        parameters, slots = update(workload, step, parameters, gradients, slots)
        return (step, parameters, slots), loss * len(x)

    return train


def _loss(workload: Workload) -> Loss:
    def loss_of(parameters: Any, x: Array, y: Array, key: Array) -> Array:
        for index, (layer, weights) in enumerate(zip(workload.layers, parameters, strict=True)):
            x = _apply(layer, weights, x, jax.random.fold_in(key, index))
        if workload.loss == "binary_crossentropy":
            z = x[:, 0]
            return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))
        picked = jnp.take_along_axis(x, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(x, axis=1) - picked)

    return loss_of


def _apply(layer: Layer, weights: Any, x: Array, key: Array) -> Array:
    match layer:
        case Dense():
            return _activate(layer.activation, x @ weights[0] + weights[1])
        case Conv():
            product = jax.lax.conv_general_dilated(
                x,
                weights[0],
                (layer.stride, layer.stride),
                layer.padding.upper(),
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            return _activate(layer.activation, product + weights[1])
        case MaxPool():
            window = (1, layer.size, layer.size, 1)
            pooled: Array = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, window, "VALID")
            return pooled
        case Flatten():
            return x.reshape(len(x), -1)
        case Dropout():
            keep = jax.random.bernoulli(key, 1 - layer.rate, x.shape)
            return jnp.where(keep, x / (1 - layer.rate), jnp.zeros_like(x))
    raise Unsupported(f"{type(layer).__name__} is not written for JAX")


def _activate(name: str, x: Array) -> Array:
    return jax.nn.relu(x) if name == "relu" else x


def _start(workload: Workload) -> State:
    """(0, a list of each layer's weights, the optimizer's two slots for each weight)."""
    key, x = jax.random.key(0), jnp.zeros((1, *workload.input_shape))
    parameters: list[tuple[Array, ...]] = []
    for index, layer in enumerate(workload.layers):
        weights = _weights(layer, x.shape, jax.random.fold_in(key, index))
        x = _apply(layer, weights, x, key)  # for its shape
        parameters.append(weights)
    slots = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
    return jnp.zeros((), jnp.int32), parameters, slots


def _weights(layer: Layer, shape: tuple[int, ...], key: Array) -> tuple[Array, ...]:
    if isinstance(layer, Dense):
        kernel: tuple[int, ...] = (shape[-1], layer.units)
    elif isinstance(layer, Conv):
        kernel = (layer.size, layer.size, shape[-1], layer.filters)
    else:
        return ()
    limit = math.sqrt(6 / (math.prod(kernel[:-1]) + math.prod(kernel[:-2]) * kernel[-1]))
    return jax.random.uniform(key, kernel, minval=-limit, maxval=limit), jnp.zeros(kernel[-1])


def _sgd(workload: Workload, step: Array, w: Any, g: Any, slots: Any) -> tuple[Any, Any]:
    rate, momentum = workload.optimizer.learning_rate, workload.optimizer.momentum
    if not momentum:
        return jax.tree.map(lambda w, g: w - rate * g, w, g), slots
    v = jax.tree.map(lambda v, g: momentum * v - rate * g, slots[0], g)
    return jax.tree.map(jnp.add, w, v), [v, slots[1]]


def _rmsprop(workload: Workload, step: Array, w: Any, g: Any, slots: Any) -> tuple[Any, Any]:
    rate = workload.optimizer.learning_rate
    v = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, slots[0], g)
    w = jax.tree.map(lambda w, g, v: w - rate * g / jnp.sqrt(v + 1e-7), w, g, v)
    return w, [v, slots[1]]


def _adam(workload: Workload, step: Array, w: Any, g: Any, slots: Any) -> tuple[Any, Any]:
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, slots[0], g)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, slots[1], g)
    t = step.astype(jnp.float32)
    rate = workload.optimizer.learning_rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    w = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), w, m, v)
    return w, [m, v]


_UPDATES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
}
