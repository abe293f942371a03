/* losses-inl.h: one loss a row, its gradient, and the mean over the rows of a batch.
 *
 * Invariant: a row's loss depends on that row alone: its terms are summed in vectors of LANES in
 * ascending order, then over v_sum's tree.  The mean over rows is one chain of float64 additions in the
 * order of the rows. */

/* p = softmax(z) and l = log(sum exp(z - max)) + (max - z[t]) for at most LANES rows, whose logarithms
 * are taken together. */
static inline void sparse_rows(const real *z, const int32_t *t, real *p, real *l, int64_t rows,
                               int64_t c)
{
    real sum[LANES] = {0}, gap[LANES] = {0};
    for (int64_t i = 0; i < rows; i++, z += c, p += c) {
        real max = row_max(z, c);
        gap[i] = max - z[t[i]];
        sum[i] = softmax_row(z, p, c, max);
    }
    store_lanes(l, v_add(v_log(v_load(sum)), v_load(gap)), rows);
}

static void op_softmax_ce_sparse(const fnn_op *op, const fnn_task *task)
{
    const real *z = op->arg[0];
    const int32_t *t = op->arg[1];
    real *p = op->arg[2], *l = op->arg[3];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], LANES, &r, &end);
    for (; r < end; r += LANES)
        sparse_rows(z + r * c, t + r, p + r * c, l + r, end - r < LANES ? end - r : LANES, c);
}

static void op_softmax_ce_sparse_bwd(const fnn_op *op, const fnn_task *task)
{
    const int32_t *t = op->arg[1];
    const real *dl = op->arg[2];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *p = (const real *)op->arg[0] + r * c;
        real *dz = (real *)op->arg[3] + r * c;
        for (int64_t i = 0; i < c; i += LANES)
            store_lanes(dz + i, v_mul(load_lanes(p + i, c - i), v_set1(dl[r])), c - i);
        dz[t[r]] = (p[t[r]] - 1) * dl[r];
    }
}

/* sum_j t_j (log(sum exp(z - max)) + max - z_j).  A target of 0 adds 0 even where z_j is -inf, and NaN
 * where the score is NaN. */
static inline real dense_row(const real *z, const real *t, real *p, int64_t c)
{
    real max = row_max(z, c);
    vec most = v_set1(max), log_sum = v_log(v_set1(softmax_row(z, p, c, max))), loss = v_zero();
    for (int64_t i = 0; i < c; i += LANES) {
        vec target = load_lanes(t + i, c - i);
        vec surprise = v_add(v_sub(most, load_lanes(z + i, c - i)), log_sum);
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
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) l[r] = dense_row(z + r * c, t + r * c, p + r * c, c);
}

static inline real row_sum(const real *p, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES) sum = v_add(sum, load_lanes(p + i, n - i));
    return v_sum(sum);
}

static void op_softmax_ce_dense_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dl = op->arg[2];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *p = (const real *)op->arg[0] + r * c, *t = (const real *)op->arg[1] + r * c;
        real *dz = (real *)op->arg[3] + r * c;
        vec weight = v_set1(row_sum(t, c));
        for (int64_t i = 0; i < c; i += LANES) {
            vec excess = v_fma(load_lanes(p + i, c - i), weight, v_neg(load_lanes(t + i, c - i)));
            store_lanes(dz + i, v_mul(excess, v_set1(dl[r])), c - i);
        }
    }
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
    real *d = op->arg[3];
    int64_t r, end, n = op->dim[1];
    vec over_n = v_div(v_set1(times), v_set1((real)n));
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++)
            for (int64_t i = r * n; i < (r + 1) * n; i += LANES)
                scaled_difference(a + i, t + i, v_mul(v_set1(dl[r]), over_n), d + i,
                                  (r + 1) * n - i);
    for (; r < end; r += LANES)
        scaled_difference(a + r, t + r, v_mul(load_lanes(dl + r, end - r), over_n), d + r, end - r);
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
    fill_elements(task, op->arg[1], op->dim[0], dm[0] / (real)op->dim[0]);
}
