/* weights-inl.h: what weights cost, and what they are held to after an update.
 *
 * Invariant: one thread makes a sum over a tensor, in stretches of fixed length: so no sum depends on
 * threads, and none is deeper than a stretch. */

/* Elements of a stretch: its two sums are made in vectors, then added to a sum in double. */
enum { PENALTY_STRETCH = 1024 };

/* l1 sum |x| + l2 sum x^2 over one stretch; a factor of 0 leaves its sum out, as 0 times infinity is NaN */
static inline double penalty_of(const real *x, int64_t n, double l1, double l2)
{
    vec sizes = v_zero(), squares = v_zero();
    for (int64_t i = 0; i < n; i += LANES) {
        vec v = load_lanes(x + i, n - i);
        sizes = v_add(sizes, v_abs(v));
        squares = v_fma(v, v, squares);
    }
    double size = l1 != 0 ? l1 * (double)v_sum(sizes) : 0;
    return l2 != 0 ? size + l2 * (double)v_sum(squares) : size;
}

static void op_penalty(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *x = op->arg[0];
    real *p = op->arg[1];
    double sum = 0;
    for (int64_t i = 0, n = op->dim[0]; i < n; i += PENALTY_STRETCH)
        sum += penalty_of(x + i, n - i < PENALTY_STRETCH ? n - i : PENALTY_STRETCH, op->attr[0],
                          op->attr[1]);
    p[0] = (real)sum;
}

/* dx = dp l1 sign(x) + dp 2 l2 x; the sign of 0 is 0, that of NaN NaN */
static void op_penalty_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *x = op->arg[0], *dp = op->arg[1];
    real *dx = op->arg[2];
    vec up = v_set1((real)(op->attr[0] * (double)dp[0])), down = v_neg(up);
    vec slope = v_set1((real)(2 * op->attr[1] * (double)dp[0]));
    int has_squares = op->attr[1] != 0;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    EACH_VECTOR(i, end, dx, op->far, 1, {
        vec v = read_lanes(x + i, n, ahead);
        vec level = v_select(v_lt(v, v_zero()), down, v_add(v, v_zero()));
        vec size = v_select(v_lt(v_zero(), v), up, level);
        write_lanes(dx + i, has_squares ? v_fma(slope, v, size) : size, n, ahead);
    });
    if (op->far) v_stream_end();
}

static void op_hollow(const fnn_op *op, const fnn_task *task)
{
    const real *x = op->arg[0];
    real *y = op->arg[1];
    int64_t i, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &i, &end);
    for (; i < end; i++) {
        copy_reals(y + i * n, x + i * n, n);
        if (i < n) y[i * n + i] = 0;
    }
}

static void op_over_rows(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *p = op->arg[0];
    real *q = op->arg[1];
    q[0] = p[0] / (real)task->run->rows;
}

/* The sum of squares of w[k * step], k = 0..n-1, in each of the lanes that `left` elements have */
static inline vec squares_across(const real *w, int64_t n, int64_t step, int64_t left)
{
    vec sum = v_zero();
    for (int64_t k = 0; k < n; k += FNN_KC) {
        vec part = v_zero();
        for (int64_t j = k; j < n && j < k + FNN_KC; j++) {
            vec v = load_lanes(w + j * step, left);
            part = v_fma(v, v, part);
        }
        sum = v_add(sum, part);
    }
    return sum;
}

/* The same of n elements side by side, in all lanes */
static inline vec squares_along(const real *w, int64_t n)
{
    vec sum = v_zero();
    for (int64_t k = 0; k < n; k += LANES) {
        vec v = load_lanes(w + k, n - k);
        sum = v_fma(v, v, sum);
    }
    return v_set1(v_sum(sum));
}

/* (rate clip(norm, low, high) + (1 - rate) norm) / (epsilon + norm) */
static inline vec norm_factor(vec squares, const double *attr)
{
    vec norm = v_sqrt(squares);
    vec within = v_at_most(v_at_least(norm, v_set1((real)attr[0])), v_set1((real)attr[1]));
    vec rest = v_mul(v_set1((real)(1 - attr[2])), norm);
    vec kept = v_fma(v_set1((real)attr[2]), within, rest);
    return v_div(kept, v_add(v_set1((real)attr[3]), norm));
}

static inline void scale_lanes(const real *w, vec factor, real *y, int64_t left)
{
    store_lanes(y, v_mul(load_lanes(w, left), factor), left);
}

/* Of w[o,n,i] every o and i has a norm over n, and a factor.  With one i, n lies side by side. */
static void op_clip_norm(const fnn_op *op, const fnn_task *task)
{
    int64_t outer = op->dim[0], n = op->dim[1], inner = op->dim[2], from, to;
    fnn_share(task, inner == 1 ? outer : inner, LANES, &from, &to);
    if (inner == 1)
        for (int64_t o = from; o < to; o++) {
            const real *w = (const real *)op->arg[0] + o * n;
            real *y = (real *)op->arg[1] + o * n;
            vec factor = norm_factor(squares_along(w, n), op->attr);
            for (int64_t k = 0; k < n; k += LANES) scale_lanes(w + k, factor, y + k, n - k);
        }
    else
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = from; i < to; i += LANES) {
                const real *w = (const real *)op->arg[0] + o * n * inner + i;
                real *y = (real *)op->arg[1] + o * n * inner + i;
                vec factor = norm_factor(squares_across(w, n, inner, to - i), op->attr);
                for (int64_t k = 0; k < n; k++)
                    scale_lanes(w + k * inner, factor, y + k * inner, to - i);
            }
}

static void op_assign(const fnn_op *op, const fnn_task *task)
{
    real *w = op->arg[0];
    const real *x = op->arg[1];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    EACH_VECTOR(i, end, w, op->far, 1,
                { write_lanes(w + i, read_lanes(x + i, n, ahead), n, ahead); });
    if (op->far) v_stream_end();
}
