/* by_weight-inl.h: updates that look at a weight as a whole: at its norm, at those of its rows and columns.
 *
 * Invariant: what a weight, a row or a column amounts to is summed in an order that no number of threads
 * changes.  Scalars are computed as in optimizers-inl.h. */

/* base^p for base >= 1 and 0 <= p <= 1: a root for each binary digit of p, as roots round alike everywhere. */
static double power_of_fraction(double base, double p)
{
    double result = 1;
    for (; p > 0; p *= 2, base = sqrt(base))
        if (p >= 1) {
            result *= base;
            p -= 1;
        }
    return result;
}

/* w -= factor u */
static inline void descend(const fnn_op *op, const fnn_task *task, double factor)
{
    real *w = op->arg[0];
    const real *u = op->arg[1];
    vec rate = v_set1((real)factor);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    EACH_VECTOR(i, end, w, op->far, 2, {
        vec weight = take_lanes(w + i, n, ahead);
        store_lanes(w + i, v_fnma(rate, read_lanes(u + i, n, ahead), weight), n);
    });
}

/* ---- Lamb -------------------------------------------------------------------------------------- */

/* m and v as of Adam; u = m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon) */
static void op_lamb_direction(const fnn_op *op, const fnn_task *task)
{
    const real *g = op->arg[0];
    real *m = op->arg[1], *v = op->arg[2], *u = op->arg[4];
    const int64_t t = ((const int64_t *)op->arg[3])[0] + 1;
    vec of_mean = v_set1((real)(1 / (1 - power(op->attr[0], t))));
    vec of_squares = v_set1((real)(1 / (1 - power(op->attr[1], t))));
    vec gain_1 = v_set1((real)(1 - op->attr[0])), gain_2 = v_set1((real)(1 - op->attr[1]));
    vec epsilon = v_set1((real)op->attr[2]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec gradient = load_lanes(g + i, end - i), first = load_lanes(m + i, end - i);
        vec second = load_lanes(v + i, end - i);
        first = v_fma(v_sub(gradient, first), gain_1, first);
        second = v_fma(v_fma(gradient, gradient, v_neg(second)), gain_2, second);
        vec size = v_add(v_sqrt(v_mul(second, of_squares)), epsilon);
        store_lanes(m + i, first, end - i);
        store_lanes(v + i, second, end - i);
        store_lanes(u + i, v_div(v_mul(of_mean, first), size), end - i);
    }
}

/* w -= lr sqrt(p / q) u, where p and q are the squared norms of w and u; lr u where one of them is 0 */
static void op_lamb_step(const fnn_op *op, const fnn_task *task)
{
    double p = (double)*(const real *)op->arg[2], q = (double)*(const real *)op->arg[3];
    const double *hyper = op->arg[4];
    descend(op, task, hyper[0] * (p == 0 || q == 0 ? 1 : sqrt(p / q)));
}

/* ---- Adafactor --------------------------------------------------------------------------------- */

/* moved = m + (squares / n + epsilon - m) gain */
static inline void follow_mean(real *m, vec squares, vec inverse, vec epsilon, vec gain,
                               int64_t left)
{
    vec before = load_lanes(m, left);
    vec mean = v_fma(squares, inverse, epsilon);
    store_lanes(m, v_fma(v_sub(mean, before), gain, before), left);
}

/* m += (mean_n g^2 + epsilon - m) t^-power: with one i those of rows, with more those of columns, and
 * with one n the squares themselves */
static void op_adafactor_moment(const fnn_op *op, const fnn_task *task)
{
    const int64_t *step = op->arg[2];
    int64_t outer = op->dim[0], n = op->dim[1], inner = op->dim[2], from, to;
    vec gain = v_set1((real)(1 / power_of_fraction((double)(step[0] + 1), op->attr[0])));
    vec inverse = v_set1((real)(1 / (double)n)), epsilon = v_set1((real)op->attr[1]);
    fnn_share(task, inner == 1 ? outer : inner, LANES, &from, &to);
    for (int64_t o = inner == 1 ? from : 0; o < (inner == 1 ? to : outer); o++) {
        const real *g = (const real *)op->arg[0] + o * n * inner;
        real *m = (real *)op->arg[1] + o * inner;
        if (inner == 1)
            follow_mean(m, squares_along(g, n), inverse, epsilon, gain, 1);
        else
            for (int64_t i = from; i < to; i += LANES)
                follow_mean(m + i, squares_across(g + i, n, inner, to - i), inverse, epsilon, gain,
                            to - i);
    }
}

static real mean_along(const real *x, int64_t n)
{
    vec sum = v_zero();
    for (int64_t k = 0; k < n; k += LANES) sum = v_add(sum, load_lanes(x + k, n - k));
    return v_sum(sum) / (real)n;
}

/* u = g / sqrt(r / mean_n r c), or g / sqrt(c) without r */
static void op_adafactor_direction(const fnn_op *op, const fnn_task *task)
{
    const real *r = op->arg[1];
    int64_t n = op->dim[1], inner = op->dim[2], row, end, known = -1;
    real mean = 1;
    fnn_share(task, op->dim[0] * n, 1, &row, &end);
    for (; row < end; row++) {
        int64_t o = row / n;
        const real *g = (const real *)op->arg[0] + row * inner;
        const real *c = (const real *)op->arg[2] + o * inner;
        real *u = (real *)op->arg[3] + row * inner;
        if (r && o != known) mean = mean_along(r + o * n, n);
        known = o;
        vec factor = v_set1(r ? r[row] / mean : 1);
        for (int64_t i = 0; i < inner; i += LANES) {
            vec square = v_mul(factor, load_lanes(c + i, inner - i));
            store_lanes(u + i, v_div(load_lanes(g + i, inner - i), v_sqrt(square)), inner - i);
        }
    }
}

/* w -= max(epsilon, rms w) min(lr, 1 / sqrt t) u / max(1, rms u / limit), where p and q are the sums of
 * the squares of w and u */
static void op_adafactor_step(const fnn_op *op, const fnn_task *task)
{
    const double *hyper = op->arg[4];
    const int64_t *step = op->arg[5];
    double n = (double)op->dim[0], most = 1 / sqrt((double)(step[0] + 1));
    double size = sqrt((double)*(const real *)op->arg[2] / n);
    double excess = sqrt((double)*(const real *)op->arg[3] / n) / op->attr[1];
    double rate = hyper[0] > most ? most : hyper[0];
    if (size < op->attr[0]) size = op->attr[0];
    descend(op, task, size * rate / (excess < 1 ? 1 : excess));
}
