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
            store_lanes(w + i, v_add(read_lanes(w + i, n, ahead), step), n);
        });
    else
        EACH_VECTOR(i, end, w, op->far, 2, {
            vec gradient = read_lanes(g + i, n, ahead);
            store_lanes(w + i, v_fnma(rate, gradient, read_lanes(w + i, n, ahead)), n);
        });
}

/* base^n, n >= 0, by squaring: libm's pow may differ from one machine to the next. */
static double power(double base, int64_t n)
{
    double result = 1;
    for (; n > 0; n /= 2, base *= base) result *= n % 2 ? base : 1; /* no branch to guess */
    return result;
}

/* m += (g - m)(1 - beta_1); v += (g^2 - v)(1 - beta_2); w -= lr_t m / (sqrt v + epsilon), with
 * lr_t = lr sqrt(1 - beta_2^t) / (1 - beta_1^t) at update t = 1, 2, ... */
static void op_adam(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0], *m = op->arg[2], *v = op->arg[3];
    const real *g = op->arg[1];
    const double *hyper = op->arg[4];
    const int64_t *step = op->arg[5];
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
        vec change = v_div(v_mul(rate, first), v_add(v_sqrt(second), epsilon));
        store_lanes(m + i, first, n);
        store_lanes(v + i, second, n);
        store_lanes(w + i, v_sub(read_lanes(w + i, n, ahead), change), n);
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
        store_lanes(w + i, v_sub(load_lanes(w + i, end - i), change), end - i);
    }
}

static void op_advance(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    int64_t *step = op->arg[0];
    step[0] += 1;
}
