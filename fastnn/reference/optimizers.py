"""Twins of the optimizers: Keras's update rules over one range of parameters, in place.

hyper[0] is the learning rate lr; step[0] the number of updates made before this one.
"""

import math

import numpy as np

from fastnn.reference.contract import Attrs, Real, Run, summed, wide


def sgd(run: Run, attrs: Attrs, w: Real, g: Real, v: Real | None, hyper: Real) -> None:
    """w -= lr g; with momentum mu: v = mu v - lr g, then w += v, or (Nesterov) w += mu v - lr g"""
    mu, move = attrs["momentum"], -hyper[0] * wide(g)
    if v is None:
        w += move
        return
    v[...] = mu * wide(v) + move
    w += mu * wide(v) + move if attrs["nesterov"] else v


def adam(
    run: Run,
    attrs: Attrs,
    w: Real,
    g: Real,
    m: Real,
    v: Real,
    x: Real | None,
    hyper: Real,
    step: Real,
) -> None:
    """m += (g - m) (1 - b1); v += (g^2 - v) (1 - b2); w -= lr_t m / (sqrt v + epsilon)

    lr_t = lr sqrt(1 - b2^t) / (1 - b1^t) in the t-th update.  With x, the largest v so far instead
    of v.
    """
    b1, b2, t = attrs["beta_1"], attrs["beta_2"], int(step[0]) + 1
    lr_t = hyper[0] * math.sqrt(1 - b2**t) / (1 - b1**t)
    m += (wide(g) - m) * (1 - b1)
    v += (wide(g) ** 2 - v) * (1 - b2)
    if x is not None:
        x[...] = v = np.maximum(x, v)
    w -= lr_t * wide(m) / (np.sqrt(wide(v)) + attrs["epsilon"])


def adamax(
    run: Run, attrs: Attrs, w: Real, g: Real, m: Real, u: Real, hyper: Real, step: Real
) -> None:
    """m += (g - m) (1 - b1); u = max(b2 u, |g|); w -= lr m / (1 - b1^t) / (u + epsilon)"""
    b1, t = attrs["beta_1"], int(step[0]) + 1
    m += (wide(g) - m) * (1 - b1)
    u[...] = np.maximum(attrs["beta_2"] * wide(u), np.abs(wide(g)))
    w -= hyper[0] / (1 - b1**t) * wide(m) / (wide(u) + attrs["epsilon"])


def _nadam_momentum(attrs: Attrs, t: int) -> float:
    return float(attrs["beta_1"] * (1 - 0.96**t / 2))


def nadam_product(run: Run, attrs: Attrs, product: Real, step: Real) -> None:
    """product *= mu_t, in the t-th update; mu_t = b1 (1 - 0.96^t / 2)"""
    product *= _nadam_momentum(attrs, int(step[0]) + 1)


def nadam(
    run: Run,
    attrs: Attrs,
    w: Real,
    g: Real,
    m: Real,
    v: Real,
    product: Real,
    hyper: Real,
    step: Real,
) -> None:
    """m, v as of Adam; w -= lr (a m + b g) / (sqrt(v / (1 - b2^t)) + epsilon)

    With P = mu_1 ... mu_t: a = mu_{t+1} / (1 - P mu_{t+1}), b = (1 - mu_t) / (1 - P).
    """
    t = int(step[0]) + 1
    now, following = _nadam_momentum(attrs, t), _nadam_momentum(attrs, t + 1)
    m += (wide(g) - m) * (1 - attrs["beta_1"])
    v += (wide(g) ** 2 - v) * (1 - attrs["beta_2"])
    of_mean = following / (1 - product[0] * following)
    of_gradient = (1 - now) / (1 - product[0])
    root = np.sqrt(wide(v) / (1 - attrs["beta_2"] ** t))
    w -= hyper[0] * (of_mean * wide(m) + of_gradient * wide(g)) / (root + attrs["epsilon"])


def lion(run: Run, attrs: Attrs, w: Real, g: Real, m: Real, hyper: Real) -> None:
    """w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g"""
    b1, b2 = attrs["beta_1"], attrs["beta_2"]
    w -= hyper[0] * np.sign(b1 * wide(m) + (1 - b1) * wide(g))
    m[...] = b2 * wide(m) + (1 - b2) * wide(g)


def rmsprop(
    run: Run,
    attrs: Attrs,
    w: Real,
    g: Real,
    v: Real,
    a: Real | None,
    m: Real | None,
    hyper: Real,
) -> None:
    """v += (g^2 - v) (1 - rho); w -= lr g / sqrt(v + epsilon)

    With a, v - a^2 instead of v, where a += (g - a) (1 - rho); it is not below 0.  With m, w -= m
    instead, where m = momentum m + what w would lose without.
    """
    gain = 1 - attrs["rho"]
    v += (wide(g) ** 2 - v) * gain
    variance = wide(v)
    if a is not None:
        a += (wide(g) - a) * gain
        variance = np.maximum(0, variance - wide(a) ** 2)
    change = hyper[0] * wide(g) / np.sqrt(variance + attrs["epsilon"])
    if m is not None:
        m[...] = change = attrs["momentum"] * wide(m) + change
    w -= change


def adagrad(run: Run, attrs: Attrs, w: Real, g: Real, a: Real, hyper: Real) -> None:
    """a += g^2; w -= lr g / sqrt(a + epsilon)"""
    a += wide(g) ** 2
    w -= hyper[0] * wide(g) / np.sqrt(wide(a) + attrs["epsilon"])


def adadelta(run: Run, attrs: Attrs, w: Real, g: Real, a: Real, d: Real, hyper: Real) -> None:
    """a += (g^2 - a) (1 - rho); d += (c^2 - d) (1 - rho); w -= lr c

    c = g sqrt((d + epsilon) / (a + epsilon))
    """
    gain, epsilon = 1 - attrs["rho"], attrs["epsilon"]
    a += (wide(g) ** 2 - a) * gain
    change = np.sqrt(wide(d) + epsilon) * wide(g) / np.sqrt(wide(a) + epsilon)
    d += (change**2 - d) * gain
    w -= hyper[0] * change


def ftrl(run: Run, attrs: Attrs, w: Real, g: Real, a: Real, z: Real, hyper: Real) -> None:
    """b = a + g^2; z += g + 2 shrinkage w - (b^p - a^p) w / lr; a = b;
    w = (clip(z, -l1, l1) - z) / (b^p / lr + 2 l2 + beta / lr), or 0 where that would divide by 0"""
    p, l1, lr = attrs["power"], attrs["l1"], hyper[0]
    before, after = wide(a), wide(a) + wide(g) ** 2
    change = (after**p - before**p) / lr
    z += wide(g) + 2 * attrs["shrinkage"] * wide(w) - change * wide(w)
    left = np.clip(wide(z), -l1, l1) - wide(z)
    curvature = after**p / lr + 2 * attrs["l2"] + attrs["beta"] / lr
    a[...] = after
    w[...] = np.where((curvature == 0) & (left == 0), 0, left / curvature)


def lamb_direction(run: Run, attrs: Attrs, g: Real, m: Real, v: Real, step: Real) -> Real:
    """m, v as of Adam; u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)"""
    b1, b2, t = attrs["beta_1"], attrs["beta_2"], int(step[0]) + 1
    m += (wide(g) - m) * (1 - b1)
    v += (wide(g) ** 2 - v) * (1 - b2)
    below = np.sqrt(wide(v) / (1 - b2**t)) + attrs["epsilon"]
    u: Real = (wide(m) / (1 - b1**t) / below).astype(g.dtype)
    return u


def lamb_step(run: Run, attrs: Attrs, w: Real, u: Real, p: Real, q: Real, hyper: Real) -> None:
    """w -= lr sqrt(p / q) u, or lr u where p or q is 0"""
    ratio = np.sqrt(wide(p) / wide(q)) if p and q else 1
    w -= hyper[0] * ratio * wide(u)


def adafactor_moment(run: Run, attrs: Attrs, g: Real, m: Real, step: Real) -> None:
    """m += (mean_n g^2 + epsilon - m) t^-power"""
    mean = summed(wide(g) ** 2, 1) / g.shape[1] + attrs["epsilon"]
    m += (mean - m) * (int(step[0]) + 1) ** -attrs["power"]


def adafactor_direction(run: Run, attrs: Attrs, g: Real, r: Real | None, c: Real) -> Real:
    """u = g / sqrt(r / mean_n r c), or g / sqrt(c)"""
    share = 1 if r is None else (wide(r) / (summed(wide(r), 1) / r.shape[1])[:, None])[:, :, None]
    return (wide(g) / np.sqrt(share * wide(c)[:, None])).astype(g.dtype)


def adafactor_step(
    run: Run, attrs: Attrs, w: Real, u: Real, p: Real, q: Real, hyper: Real, step: Real
) -> None:
    """w -= max(epsilon, rms w) min(lr, 1 / sqrt t) u / max(1, rms u / limit)"""
    size, excess = (np.sqrt(wide(each) / w.size) for each in (p, q))
    rate = min(hyper[0], 1 / math.sqrt(int(step[0]) + 1))
    scale = np.maximum(attrs["epsilon"], size) / np.maximum(1, excess / attrs["limit"])
    w -= rate * scale * wide(u)


def decay(run: Run, attrs: Attrs, w: Real, hyper: Real) -> None:
    """w -= lr rate w"""
    w -= hyper[0] * attrs["rate"] * wide(w)


def average(run: Run, attrs: Attrs, a: Real, w: Real, step: Real) -> None:
    """a += (w - a) (1 - momentum), or a = w before the first update was counted"""
    a[...] = wide(a) + (wide(w) - a) * (1 - attrs["momentum"]) if step[0] else w


def clip_gradient(run: Run, attrs: Attrs, g: Real) -> None:
    """g = min(max(g, -limit), limit)"""
    limit = g.dtype.type(attrs["limit"])
    g[...] = np.clip(g, -limit, limit)


def clip_gradient_norm(run: Run, attrs: Attrs, g: Real, s: Real) -> None:
    """g *= limit / max(sqrt s, limit)"""
    g[...] = wide(g) * (attrs["limit"] / np.maximum(np.sqrt(wide(s)), attrs["limit"]))


def pick_rate(run: Run, attrs: Attrs, hyper: Real, rates: Real, step: Real) -> None:
    """hyper = rates[step % c]"""
    hyper[0] = rates[int(step[0]) % len(rates)]


def every(run: Run, attrs: Attrs, step: Real) -> None:
    """Nothing: the interpreter itself looks whether step + 1 is a multiple of the period."""


def resume(run: Run, attrs: Attrs, step: Real) -> None:
    """Nothing: where the interpreter goes on."""


def advance(run: Run, attrs: Attrs, step: Real) -> None:
    """step += 1; a second one counts the periods that are over"""
    step[0] += 1
    if len(step) > 1:
        step[1] = step[0] // int(attrs["period"])
