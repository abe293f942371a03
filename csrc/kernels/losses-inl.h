/* losses-inl.h: one loss a row, its gradient, and the mean over the rows of a batch.
 *
 * Invariant: a row's loss depends on that row alone: its terms are summed in vectors of LANES in
 * ascending order, then over v_sum's tree.  The mean over rows is one chain of float64 additions in the
 * order of the rows. */

/* l = log(sum exp(z - max)) + (max - z[t]) */
static void op_softmax_ce_sparse(const fnn_op *op, const fnn_task *task)
{
    const real *z = op->arg[0];
    const int32_t *t = op->arg[1];
    real *p = op->arg[2], *l = op->arg[3];
    int64_t r, end, c = op->dim[1];
    real max[LANES] = {0}, sum[LANES] = {0};
    int far = softmax_is_far(op);
    fnn_share(task, op->dim[0], LANES, &r, &end);
    for (; r < end; r += LANES) {
        int64_t rows = end - r < LANES ? end - r : LANES;
        softmax_some(task, z + r * c, p + r * c, rows, c, far, max, sum);
        for (int64_t i = 0; i < rows; i++) max[i] -= z[(r + i) * c + t[r + i]];
        store_lanes(l + r, v_add(v_log(v_load(sum)), v_load(max)), rows);
    }
    if (far) v_stream_end();
}

/* y[begin:end] = x by */
static inline void scale_stretch(const real *x, vec by, real *y, int64_t begin, int64_t end,
                                 int far)
{
    int64_t i = begin;
    EACH_VECTOR(i, end, y, far, 1,
                { write_lanes(y + i, v_mul(read_lanes(x + i, n, ahead), by), n, ahead); });
}

/* dz[0:c] = (p - onehot(t)) dl.  The line with place t is written twice, so not past the caches. */
static inline void sparse_row_bwd(const real *p, int64_t t, real dl, real *dz, int64_t c, int far)
{
    int64_t line = t - (LANES - off_line(dz + t)) % LANES;
    int64_t begin = far && line > 0 ? line : 0, end = far && line + LANES < c ? line + LANES : c;
    vec by = v_set1(dl);
    if (far) scale_stretch(p, by, dz, 0, begin, 1);
    scale_stretch(p, by, dz, begin, end, 0);
    if (far) scale_stretch(p, by, dz, end, c, 1);
    dz[t] = (p[t] - 1) * dl;
}

/* The gradient of every row's loss where no dl is given: that of their mean, as op_mean_bwd has it. */
static inline real mean_slope(const fnn_op *op) { return 1 / (real)op->dim[0]; }

static void op_softmax_ce_sparse_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0], *dl = op->arg[2];
    const int32_t *t = op->arg[1];
    real *dz = op->arg[3], mean = mean_slope(op);
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) sparse_row_bwd(p + r * c, t[r], dl ? dl[r] : mean, dz + r * c, c, op->far);
    if (op->far) v_stream_end();
}

/* sum_j t_j (log_sum + max - z_j).  A target of 0 adds 0 even where z_j is -inf, and NaN where the score
 * is NaN. */
static inline real dense_loss(const real *z, const real *t, real max, real log_sum, int64_t c,
                              int far)
{
    int ahead = far ? AHEAD_BYTES : 0;
    vec most = v_set1(max), log = v_set1(log_sum), loss = v_zero();
    for (int64_t i = 0; i < c; i += LANES) {
        vec target = read_lanes(t + i, c - i, ahead);
        vec surprise = v_add(v_sub(most, load_lanes(z + i, c - i)), log);
        mask absent = m_and(v_eq(target, v_zero()), m_not(v_isnan(surprise)));
        loss = v_add(loss, v_select(absent, v_zero(), v_mul(target, surprise)));
    }
    return v_sum(loss);
}

static void op_softmax_ce_dense(const fnn_op *op, const fnn_task *task)
{
    const real *z = op->arg[0], *t = op->arg[1];
    real *p = op->arg[2], *l = op->arg[3];
    int64_t r, end, c = op->dim[1];
    real max[LANES] = {0}, sum[LANES] = {0};
    int far = softmax_is_far(op);
    fnn_share(task, op->dim[0], LANES, &r, &end);
    for (; r < end; r += LANES) {
        int64_t rows = end - r < LANES ? end - r : LANES;
        softmax_some(task, z + r * c, p + r * c, rows, c, far, max, sum);
        v_store(sum, v_log(v_load(sum)));
        for (int64_t i = r; i < r + rows; i++)
            l[i] = dense_loss(z + i * c, t + i * c, max[i - r], sum[i - r], c, far);
    }
    if (far) v_stream_end();
}

static inline real row_sum(const real *p, int64_t n, int far)
{
    int ahead = far ? AHEAD_BYTES : 0;
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES) sum = v_add(sum, read_lanes(p + i, n - i, ahead));
    return v_sum(sum);
}

static void op_softmax_ce_dense_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dl = op->arg[2];
    const real mean = mean_slope(op);
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *p = (const real *)op->arg[0] + r * c, *t = (const real *)op->arg[1] + r * c;
        real *dz = (real *)op->arg[3] + r * c;
        vec weight = v_set1(row_sum(t, c, op->far)), scale = v_set1(dl ? dl[r] : mean);
        int64_t i = 0;
        EACH_VECTOR(i, c, dz, op->far, 2, {
            vec excess = v_fma(read_lanes(p + i, n, ahead), weight, v_neg(load_lanes(t + i, n)));
            write_lanes(dz + i, v_mul(excess, scale), n, ahead);
        });
    }
    if (op->far) v_stream_end();
}

/* The losses below are means over the n columns of a row, of terms that are made element by element.
 * A term of a column that is not there is 0 or dropped.  With one column a row is one lane of a vector
 * of rows: the same bits, as v_sum adds only zeros to a lone term. */

static inline vec bce_term(vec z, vec t)
{
    vec linear = v_fnma(z, t, v_max(v_zero(), z));
    return v_add(linear, v_log1p(v_exp(v_neg(v_abs(z)))));
}

static inline vec mse_term(vec a, vec t)
{
    vec d = v_sub(a, t);
    return v_mul(d, d);
}

static inline real bce_row(const real *z, const real *t, real *p, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES) {
        vec score = load_lanes(z + i, n - i);
        vec term = bce_term(score, load_lanes(t + i, n - i));
        sum = v_add(sum, v_select(lanes_left(n - i), term, v_zero()));
        store_lanes(p + i, v_sigmoid(score), n - i);
    }
    return v_sum(sum) / (real)n;
}

static void op_sigmoid_bce(const fnn_op *op, const fnn_task *task)
{
    const real *z = op->arg[0], *t = op->arg[1];
    real *p = op->arg[2], *l = op->arg[3];
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++) l[r] = bce_row(z + r * n, t + r * n, p + r * n, n);
    for (; r < end; r += LANES) {
        vec score = load_lanes(z + r, end - r);
        store_lanes(l + r, bce_term(score, load_lanes(t + r, end - r)), end - r);
        store_lanes(p + r, v_sigmoid(score), end - r);
    }
}

static inline real mse_row(const real *a, const real *t, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES)
        sum = v_add(sum, mse_term(load_lanes(a + i, n - i), load_lanes(t + i, n - i)));
    return v_sum(sum) / (real)n;
}

static void op_mse(const fnn_op *op, const fnn_task *task)
{
    const real *a = op->arg[0], *t = op->arg[1];
    real *l = op->arg[2];
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++) l[r] = mse_row(a + r * n, t + r * n, n);
    for (; r < end; r += LANES)
        store_lanes(l + r, mse_term(load_lanes(a + r, end - r), load_lanes(t + r, end - r)),
                    end - r);
}

/* d = (a - t) factor over one stretch: the gradient of both means. */
static inline void scaled_difference(const real *a, const real *t, vec factor, real *d, int64_t n)
{
    vec difference = v_sub(load_lanes(a, n), load_lanes(t, n));
    store_lanes(d, v_mul(difference, factor), n);
}

/* d[r,n] = (a - t) times (dl * times / n), a row at a time, or LANES rows of one column at a time. */
static inline void mean_gradient(const fnn_op *op, const fnn_task *task, real times)
{
    const real *a = op->arg[0], *t = op->arg[1], *dl = op->arg[2];
    real *d = op->arg[3], mean = mean_slope(op);
    int64_t r, end, n = op->dim[1];
    vec over_n = v_div(v_set1(times), v_set1((real)n));
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++)
            for (int64_t i = r * n; i < (r + 1) * n; i += LANES)
                scaled_difference(a + i, t + i, v_mul(v_set1(dl ? dl[r] : mean), over_n), d + i,
                                  (r + 1) * n - i);
    for (; r < end; r += LANES) {
        vec slope = dl ? load_lanes(dl + r, end - r) : v_set1(mean);
        scaled_difference(a + r, t + r, v_mul(slope, over_n), d + r, end - r);
    }
}

static void op_sigmoid_bce_bwd(const fnn_op *op, const fnn_task *task)
{
    mean_gradient(op, task, 1);
}

static void op_mse_bwd(const fnn_op *op, const fnn_task *task) { mean_gradient(op, task, 2); }

/* sum + v[0] + v[1] + ... in that order, which no partition into batches changes. */
static inline double add_rows(double sum, const real *v, int64_t r)
{
    for (int64_t i = 0; i < r; i++) sum += (double)v[i];
    return sum;
}

static void op_mean(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    real *m = op->arg[1];
    m[0] = (real)(add_rows(0, op->arg[0], op->dim[0]) / (double)op->dim[0]);
}

static void op_mean_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dm = op->arg[0];
    fill_elements(op, task, op->arg[1], op->dim[0], dm[0] / (real)op->dim[0]);
}
