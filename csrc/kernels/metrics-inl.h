/* metrics-inl.h: one figure a row, and running totals over the rows.
 *
 * Invariant: a total is one chain of float64 additions in the order of the rows, so it does not depend
 * on how the rows were cut into batches. */

/* The first lane where m holds, or LANES. */
static inline int64_t first_lane(mask m)
{
    real minus_lane[LANES];
    for (int i = 0; i < LANES; i++) minus_lane[i] = (real)-i;
    return (int64_t)-v_hmax(v_select(m, v_load(minus_lane), v_set1(-LANES)));
}

/* The first index of the largest, or of the first NaN, as numpy.argmax has it; c >= 1.  The search has
 * no branch inside a vector: which of ten classes wins cannot be predicted. */
static inline int64_t first_argmax(const real *p, int64_t c)
{
    vec max = v_set1(row_max(p, c)), low = v_set1((real)-INFINITY);
    for (int64_t i = 0; i < c; i += LANES) {
        vec v = load_lanes_or(p + i, c - i, low);
        mask won = m_or(v_eq(v, max), v_isnan(v));
        if (m_any(won)) return i + first_lane(won);
    }
    return 0;
}

static void op_accuracy_sparse(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0];
    const int32_t *t = op->arg[1];
    real *h = op->arg[2];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) h[r] = (real)(first_argmax(p + r * c, c) == t[r]);
}

static void op_accuracy_dense(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0], *t = op->arg[1];
    real *h = op->arg[2];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) h[r] = (real)(first_argmax(p + r * c, c) == first_argmax(t + r * c, c));
}

/* 1 where (p > threshold) == t, else 0. */
static inline vec binary_hits(const real *p, const real *t, vec threshold, int64_t n)
{
    vec said = v_select(v_lt(threshold, load_lanes(p, n)), v_set1(1), v_zero());
    mask right = m_and(lanes_left(n), v_eq(said, load_lanes(t, n)));
    return v_select(right, v_set1(1), v_zero());
}

static inline real binary_row(const real *p, const real *t, vec threshold, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES)
        sum = v_add(sum, binary_hits(p + i, t + i, threshold, n - i));
    return v_sum(sum) / (real)n;
}

static void op_accuracy_binary(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0], *t = op->arg[1];
    real *h = op->arg[2];
    vec threshold = v_set1((real)op->attr[0]);
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++) h[r] = binary_row(p + r * n, t + r * n, threshold, n);
    for (; r < end; r += LANES)
        store_lanes(h + r, binary_hits(p + r, t + r, threshold, end - r), end - r);
}

/* The totals take a non-finite batch in as well: NaN is never dropped.  But only the batch's own sum
 * stops the run, so that a resumed one does not stop again for an old one. */
static void op_accumulate(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *v = op->arg[0];
    double *total = op->arg[1];
    int64_t r = op->dim[0];
    total[0] = add_rows(total[0], v, r);
    total[1] += (double)r;
    int none = FNN_DONE;
    if (op->attr[0] != 0 && task->run->watch && !isfinite(total[0]) && !isfinite(add_rows(0, v, r)))
        atomic_compare_exchange_strong(&task->run->halt, &none, FNN_NONFINITE);
}

/* A number that is the same for all rows of a batch, counted once for each */
static void op_accumulate_batch(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *p = op->arg[0];
    double *total = op->arg[1], rows = (double)task->run->rows;
    total[0] += rows * (double)p[0];
    total[1] += rows;
}
