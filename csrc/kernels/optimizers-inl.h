/* optimizers-inl.h: one update of a range of parameters, in one pass over memory.
 *
 * Invariant: parameter i depends on its own weight, gradient and slots and on scalars alone.  Scalars
 * are computed in double by +, *, / and sqrt only, which round alike everywhere, then rounded once. */

/* v = momentum v - lr g; w += v, or with nesterov w += momentum v - lr g.  Without v momentum is 0. */
static void op_sgd(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *v = op->arg[2];
    const real *g = op->arg[1];
    const double *hyper = op->arg[3];
    vec rate = v_set1((real)hyper[0]), momentum = v_set1((real)op->attr[0]);
    int nesterov = op->attr[1] != 0;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    if (v)
        EACH_VECTOR(i, end, w, op->far, 3, {
            vec gradient = read_lanes(g + i, n, ahead);
            vec velocity = v_fnma(rate, gradient, v_mul(momentum, read_lanes(v + i, n, ahead)));
            vec step = nesterov ? v_fnma(rate, gradient, v_mul(momentum, velocity)) : velocity;
            store_lanes(v + i, velocity, n);
            store_lanes(w + i, v_add(take_lanes(w + i, n, ahead), step), n);
        });
    else
        EACH_VECTOR(i, end, w, op->far, 2, {
            vec gradient = read_lanes(g + i, n, ahead);
            store_lanes(w + i, v_fnma(rate, gradient, take_lanes(w + i, n, ahead)), n);
        });
}

/* base^n, n >= 0, by squaring: libm's pow may differ from one machine to the next.  Which factors count
 * is read from memory, since no branch can guess the bits of n. */
static double power(double base, int64_t n)
{
    double result = 1;
    for (; n > 0; n /= 2, base *= base) {
        double factor[2] = {1, base};
        result *= factor[n % 2];
    }
    return result;
}

/* m += (g - m)(1 - beta_1); v += (g^2 - v)(1 - beta_2); w -= lr_t m / (sqrt v + epsilon), or the same
 * with the largest v so far, with
 * lr_t = lr sqrt(1 - beta_2^t) / (1 - beta_1^t) at update t = 1, 2, ... */
static void op_adam(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *m = op->arg[2], *v = op->arg[3], *most = op->arg[4];
    const real *g = op->arg[1];
    const double *hyper = op->arg[5];
    const int64_t *step = op->arg[6];
    double beta_1 = op->attr[0], beta_2 = op->attr[1];
    double lr = hyper[0] * sqrt(1 - power(beta_2, step[0] + 1)) / (1 - power(beta_1, step[0] + 1));
    vec rate = v_set1((real)lr), epsilon = v_set1((real)op->attr[2]);
    vec gain_1 = v_set1((real)(1 - beta_1)), gain_2 = v_set1((real)(1 - beta_2));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    EACH_VECTOR(i, end, w, op->far, 4, {
        vec gradient = read_lanes(g + i, n, ahead);
        vec first = read_lanes(m + i, n, ahead), second = read_lanes(v + i, n, ahead);
        first = v_fma(v_sub(gradient, first), gain_1, first);
        second = v_fma(v_fma(gradient, gradient, v_neg(second)), gain_2, second);
        store_lanes(m + i, first, n);
        store_lanes(v + i, second, n);
        if (most) {
            second = v_max(read_lanes(most + i, n, ahead), second);
            store_lanes(most + i, second, n);
        }
        vec change = v_div(v_mul(rate, first), v_add(v_sqrt(second), epsilon));
        store_lanes(w + i, v_sub(take_lanes(w + i, n, ahead), change), n);
    });
}

/* v += (g^2 - v)(1 - rho) and, if there, a += (g - a)(1 - rho); w -= lr g / sqrt(v - a^2 + epsilon), or
 * with m, whose decay is mu, m = mu m + that and w -= m.  v - a^2 is a variance, which rounding must not
 * make negative. */
static void op_rmsprop(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *v = op->arg[2], *a = op->arg[3], *m = op->arg[4];
    const real *g = op->arg[1];
    const double *hyper = op->arg[5];
    vec rate = v_set1((real)hyper[0]), gain = v_set1((real)(1 - op->attr[0]));
    vec momentum = v_set1((real)op->attr[1]), epsilon = v_set1((real)op->attr[2]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), square = load_lanes(v + i, end - i);
        square = v_fma(v_fma(gradient, gradient, v_neg(square)), gain, square);
        store_lanes(v + i, square, end - i);
        if (a) {
            vec mean = load_lanes(a + i, end - i);
            mean = v_fma(v_sub(gradient, mean), gain, mean);
            store_lanes(a + i, mean, end - i);
            square = v_max(v_zero(), v_fnma(mean, mean, square));
        }
        vec change = v_div(v_mul(rate, gradient), v_sqrt(v_add(square, epsilon)));
        if (m) {
            change = v_fma(momentum, load_lanes(m + i, end - i), change);
            store_lanes(m + i, change, end - i);
        }
        store_lanes(w + i, v_sub(take_lanes(w + i, end - i, 0), change), end - i);
    }
}

/* m += (g - m)(1 - beta_1); u = max(beta_2 u, |g|); w -= lr / (1 - beta_1^t) m / (u + epsilon) */
static void op_adamax(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *m = op->arg[2], *u = op->arg[3];
    const real *g = op->arg[1];
    const double *hyper = op->arg[4];
    const int64_t *step = op->arg[5];
    vec rate = v_set1((real)(hyper[0] / (1 - power(op->attr[0], step[0] + 1))));
    vec gain = v_set1((real)(1 - op->attr[0])), kept = v_set1((real)op->attr[1]);
    vec epsilon = v_set1((real)op->attr[2]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), mean = load_lanes(m + i, end - i);
        mean = v_fma(v_sub(gradient, mean), gain, mean);
        vec norm = v_max(v_mul(kept, load_lanes(u + i, end - i)), v_abs(gradient));
        vec change = v_div(v_mul(rate, mean), v_add(norm, epsilon));
        store_lanes(m + i, mean, end - i);
        store_lanes(u + i, norm, end - i);
        store_lanes(w + i, v_sub(take_lanes(w + i, end - i, 0), change), end - i);
    }
}

/* mu_t = beta_1 (1 - 0.96^t / 2) */
static double nadam_momentum(double beta_1, int64_t t) { return beta_1 * (1 - power(0.96, t) / 2); }

static void op_nadam_product(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    double *momenta = op->arg[0];
    const int64_t *step = op->arg[1];
    momenta[0] *= nadam_momentum(op->attr[0], step[0] + 1);
}

/* m and v as of Adam; w -= lr (mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)) /
 * (sqrt(v / (1 - beta_2^t)) + epsilon) */
static void op_nadam(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *m = op->arg[2], *v = op->arg[3];
    const real *g = op->arg[1];
    const double *momenta = op->arg[4], *hyper = op->arg[5];
    const int64_t t = ((const int64_t *)op->arg[6])[0] + 1;
    double now = nadam_momentum(op->attr[0], t), next = nadam_momentum(op->attr[0], t + 1);
    vec of_mean = v_set1((real)(hyper[0] * next / (1 - momenta[0] * next)));
    vec of_gradient = v_set1((real)(hyper[0] * (1 - now) / (1 - momenta[0])));
    vec correction = v_set1((real)(1 / (1 - power(op->attr[1], t))));
    vec gain_1 = v_set1((real)(1 - op->attr[0])), gain_2 = v_set1((real)(1 - op->attr[1]));
    vec epsilon = v_set1((real)op->attr[2]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), first = load_lanes(m + i, end - i);
        vec second = load_lanes(v + i, end - i);
        first = v_fma(v_sub(gradient, first), gain_1, first);
        second = v_fma(v_fma(gradient, gradient, v_neg(second)), gain_2, second);
        vec size = v_add(v_sqrt(v_mul(second, correction)), epsilon);
        vec change = v_div(v_fma(of_mean, first, v_mul(of_gradient, gradient)), size);
        store_lanes(m + i, first, end - i);
        store_lanes(v + i, second, end - i);
        store_lanes(w + i, v_sub(take_lanes(w + i, end - i, 0), change), end - i);
    }
}

/* w -= lr sign(beta_1 m + (1 - beta_1) g), where the sign of NaN is NaN; m = beta_2 m + (1 - beta_2) g */
static void op_lion(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *m = op->arg[2];
    const real *g = op->arg[1];
    const double *hyper = op->arg[3];
    vec rate = v_set1((real)hyper[0]);
    vec kept_1 = v_set1((real)op->attr[0]), gain_1 = v_set1((real)(1 - op->attr[0]));
    vec kept_2 = v_set1((real)op->attr[1]), gain_2 = v_set1((real)(1 - op->attr[1]));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), mean = load_lanes(m + i, end - i);
        vec seen = v_fma(kept_1, mean, v_mul(gain_1, gradient));
        vec below = v_select(v_lt(seen, v_zero()), v_set1(-1), seen);
        vec sign = v_select(v_lt(v_zero(), seen), v_set1(1), below);
        store_lanes(m + i, v_fma(kept_2, mean, v_mul(gain_2, gradient)), end - i);
        store_lanes(w + i, v_fnma(rate, sign, take_lanes(w + i, end - i, 0)), end - i);
    }
}

/* a += g^2; w -= lr g / sqrt(a + epsilon) */
static void op_adagrad(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *a = op->arg[2];
    const real *g = op->arg[1];
    const double *hyper = op->arg[3];
    vec rate = v_set1((real)hyper[0]), epsilon = v_set1((real)op->attr[0]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i);
        vec sum = v_fma(gradient, gradient, load_lanes(a + i, end - i));
        vec change = v_div(v_mul(rate, gradient), v_sqrt(v_add(sum, epsilon)));
        store_lanes(a + i, sum, end - i);
        store_lanes(w + i, v_sub(take_lanes(w + i, end - i, 0), change), end - i);
    }
}

/* a += (g^2 - a)(1 - rho); c = g sqrt(d + epsilon) / sqrt(a + epsilon); d += (c^2 - d)(1 - rho);
 * w -= lr c */
static void op_adadelta(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *a = op->arg[2], *d = op->arg[3];
    const real *g = op->arg[1];
    const double *hyper = op->arg[4];
    vec rate = v_set1((real)hyper[0]), gain = v_set1((real)(1 - op->attr[0]));
    vec epsilon = v_set1((real)op->attr[1]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), square = load_lanes(a + i, end - i);
        vec past = load_lanes(d + i, end - i);
        square = v_fma(v_fma(gradient, gradient, v_neg(square)), gain, square);
        vec change =
            v_div(v_mul(v_sqrt(v_add(past, epsilon)), gradient), v_sqrt(v_add(square, epsilon)));
        past = v_fma(v_fma(change, change, v_neg(past)), gain, past);
        store_lanes(a + i, square, end - i);
        store_lanes(d + i, past, end - i);
        store_lanes(w + i, v_fnma(rate, change, take_lanes(w + i, end - i, 0)), end - i);
    }
}

/* x^p of x >= 0: a root for p = 1/2, 1 for p = 0, else exp(p log x) */
static inline vec power_lanes(vec x, double p)
{
    if (p == 0.5) return v_sqrt(x);
    if (p == 0) return v_set1(1);
    return v_exp(v_mul(v_set1((real)p), v_log(x)));
}

/* b = a + g^2; z += g + 2 shrinkage w - (b^p - a^p) w / lr; a = b;
 * w = (clip(z, -l1, l1) - z) / (b^p / lr + 2 l2 + beta / lr), or 0 where that would divide by 0 */
static void op_ftrl(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *a = op->arg[2], *z = op->arg[3];
    const real *g = op->arg[1];
    const double *hyper = op->arg[4];
    const double p = op->attr[0];
    vec over_rate = v_set1((real)(1 / hyper[0])), l1 = v_set1((real)op->attr[1]);
    vec ridge = v_set1((real)(2 * op->attr[2] + op->attr[4] / hyper[0]));
    vec shrinkage = v_set1((real)(2 * op->attr[3]));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), before = load_lanes(a + i, end - i);
        vec weight = take_lanes(w + i, end - i, 0), after = v_fma(gradient, gradient, before);
        vec root = power_lanes(after, p);
        vec change = v_mul(v_sub(root, power_lanes(before, p)), over_rate);
        vec linear = v_add(load_lanes(z + i, end - i), v_fma(shrinkage, weight, gradient));
        linear = v_fnma(change, weight, linear);
        vec left = v_sub(v_at_most(v_at_least(linear, v_neg(l1)), l1), linear);
        vec curvature = v_fma(root, over_rate, ridge);
        mask flat = m_and(v_eq(curvature, v_zero()), v_eq(left, v_zero()));
        store_lanes(a + i, after, end - i);
        store_lanes(z + i, linear, end - i);
        store_lanes(w + i, v_select(flat, v_zero(), v_div(left, curvature)), end - i);
    }
}

/* ---- beside the rule --------------------------------------------------------------------------- */

static void op_decay(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0];
    const double *hyper = op->arg[1];
    vec rate = v_set1((real)(hyper[0] * op->attr[0]));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec weight = take_lanes(w + i, end - i, 0);
        store_lanes(w + i, v_fnma(rate, weight, weight), end - i);
    }
}

static void op_average(const fnn_op *op, const fnn_task *task)
{
    real *a = op->arg[0];
    const real *w = op->arg[1];
    const int64_t *step = op->arg[2];
    vec gain = v_set1((real)(1 - op->attr[0]));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec mean = take_lanes(a + i, end - i, 0), weight = load_lanes(w + i, end - i);
        vec moved = v_fma(v_sub(weight, mean), gain, mean);
        store_lanes(a + i, step[0] ? moved : weight, end - i);
    }
}

static void op_clip_gradient(const fnn_op *op, const fnn_task *task)
{
    real *g = op->arg[0];
    vec limit = v_set1((real)op->attr[0]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i);
        store_lanes(g + i, v_at_most(v_at_least(gradient, v_neg(limit)), limit), end - i);
    }
}

static void op_clip_gradient_norm(const fnn_op *op, const fnn_task *task)
{
    real *g = op->arg[0];
    double norm = sqrt((double)*(const real *)op->arg[1]), limit = op->attr[0];
    vec factor = v_set1((real)(norm <= limit ? 1 : limit / norm));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES)
        store_lanes(g + i, v_mul(load_lanes(g + i, end - i), factor), end - i);
}

static void op_pick_rate(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    double *hyper = op->arg[0];
    const double *rates = op->arg[1];
    const int64_t *step = op->arg[2];
    hyper[0] = rates[step[0] % op->dim[1]];
}

/* The walk itself looks at these: program.c. */
static void op_every(const fnn_op *op, const fnn_task *task) { (void)op, (void)task; }

static void op_advance(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    int64_t *step = op->arg[0];
    step[0] += 1;
    if (op->dim[0] > 1) step[1] = step[0] / (int64_t)op->attr[0];
}
