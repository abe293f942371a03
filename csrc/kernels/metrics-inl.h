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

/* The share of a row's n answers that are right, or whether all are. */
static inline real binary_row(const real *p, const real *t, vec threshold, int64_t n, int all)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES)
        sum = v_add(sum, binary_hits(p + i, t + i, threshold, n - i));
    real right = v_sum(sum);
    return all ? (real)(right == (real)n) : right / (real)n;
}

static void op_accuracy_binary(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0], *t = op->arg[1];
    real *h = op->arg[2];
    vec threshold = v_set1((real)op->attr[0]);
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++)
            h[r] = binary_row(p + r * n, t + r * n, threshold, n, op->attr[1] != 0);
    for (; r < end; r += LANES)
        store_lanes(h + r, binary_hits(p + r, t + r, threshold, end - r), end - r);
}

/* h = 1 if fewer than k scores are above that of the class; NaN counts as the highest */
static void op_in_top_k(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0], *t = op->arg[2];
    const int32_t *label = op->arg[1];
    real *h = op->arg[3];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *scores = p + r * c;
        int64_t above = 0, at = label ? label[r] : first_argmax(t + r * c, c);
        if (at >= 0)
            for (int64_t i = 0; i < c; i++) above += !(scores[i] <= scores[at]);
        h[r] = (real)(at >= 0 && (double)above < op->attr[0]);
    }
}

/* y = p where fewer than k scores of the row come before it, else -inf; the first of ties comes first */
static void op_keep_top_k(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *p = (const real *)op->arg[0] + r * c;
        real *y = (real *)op->arg[1] + r * c;
        for (int64_t j = 0; j < c; j++) {
            int64_t before = 0;
            for (int64_t i = 0; i < c; i++) before += i < j ? !(p[i] < p[j]) : p[i] > p[j];
            y[j] = (double)before < op->attr[0] || isnan(p[j]) ? p[j] : (real)-INFINITY;
        }
    }
}

/* Lets a watched total stop the run. */
static void notice_nonfinite(const fnn_op *op, const fnn_task *task)
{
    int none = FNN_DONE;
    if (op->attr[0] != 0 && task->run->watch)
        atomic_compare_exchange_strong(&task->run->halt, &none, FNN_NONFINITE);
}

/* The totals take a non-finite batch in as well: NaN is never dropped.  But only the batch's own sum
 * stops the run, so that a resumed one does not stop again for an old one. */
static void op_accumulate(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *v = op->arg[0], *w = op->arg[1];
    double *total = op->arg[3];
    int64_t r = op->dim[0];
    total[0] = add_rows(total[0], v, w, r);
    total[1] += row_count(op->arg[2], r);
    if (!isfinite(total[0]) && !isfinite(add_rows(0, v, w, r))) notice_nonfinite(op, task);
}

/* The weight of row r, whose chain of float64 additions a total is. */
static inline double weight_of(const real *w, int64_t r) { return w ? (double)w[r] : 1; }

/* Sums of n columns, and the sum of weights. */
static void op_accumulate_columns(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *v = op->arg[0], *w = op->arg[1];
    double *total = op->arg[2];
    int64_t n = op->dim[1];
    for (int64_t r = 0; r < op->dim[0]; r++) {
        double weight = weight_of(w, r);
        for (int64_t j = 0; j < n; j++) total[j] += (double)v[r * n + j] * weight;
        total[n] += weight;
    }
}

/* How many of the ascending edges are below x; none of NaN. */
static inline int64_t edges_below(const double *edges, int64_t k, real x)
{
    int64_t low = 0;
    for (int64_t left = k; left > 0;) {
        int64_t half = left / 2;
        if ((real)edges[low + half] < x)
            low += half + 1, left -= half + 1;
        else
            left = half;
    }
    return low;
}

/* total[column][t != 0][edges below p] += w */
static void op_histogram(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *p = op->arg[0], *t = op->arg[1], *w = op->arg[3];
    const int32_t *label = op->arg[2];
    const double *edges = op->arg[4];
    double *total = op->arg[5];
    int64_t n = op->dim[1], k = op->dim[2];
    for (int64_t r = 0; r < op->dim[0]; r++) {
        if (label && label[r] < 0) continue;
        for (int64_t j = 0; j < n; j++) {
            int positive = label ? label[r] == j : t[r * n + j] != 0;
            int64_t bucket = edges_below(edges, k, p[r * n + j]);
            total[(2 * j + positive) * (k + 1) + bucket] += weight_of(w, r);
        }
    }
}

/* The class that a row of c scores says; of two by one score, which is above the threshold or not. */
static inline int64_t class_said(const real *p, int64_t c, real threshold)
{
    return c == 1 ? p[0] > threshold : first_argmax(p, c);
}

/* total[class of t][class of p] += w */
static void op_confusion(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *p = op->arg[0], *t = op->arg[2], *w = op->arg[3];
    const int32_t *label = op->arg[1];
    double *total = op->arg[4];
    int64_t c = op->dim[1], classes = c == 1 ? 2 : c;
    for (int64_t r = 0; r < op->dim[0]; r++) {
        int64_t is = label ? label[r] : c == 1 ? t[r] > (real)0.5 : first_argmax(t + r * c, c);
        int64_t said = class_said(p + r * c, c, (real)op->attr[0]);
        if (is >= 0) total[is * classes + said] += weight_of(w, r);
    }
}

/* A number that is the same for all rows of a batch, counted once for each */
static void op_accumulate_batch(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    const real *p = op->arg[0];
    double *total = op->arg[1], rows = (double)task->run->rows;
    total[0] += rows * (double)p[0];
    total[1] += rows;
    if (!isfinite(p[0])) notice_nonfinite(op, task);
}
