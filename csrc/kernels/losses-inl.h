/* losses-inl.h: one loss a row, its gradient, and the mean over the rows of a batch.
 *
 * Invariant: a row's loss depends on that row alone: its terms are summed in vectors of LANES in
 * ascending order, then over v_sum's tree.  The mean over rows is one chain of float64 additions in the
 * order of the rows. */

/* l = log(sum exp(z - max)) + (max - z[t]); a row whose t is -1 has none */
static void op_softmax_ce_sparse(const fnn_op *op, const fnn_task *task)
{
    const real *z = op->arg[0];
    const int32_t *t = op->arg[1];
    real *p = op->arg[2], *l = op->arg[3], *m = op->arg[4];
    int64_t r, end, c = op->dim[1];
    real max[LANES] = {0}, sum[LANES] = {0};
    int far = softmax_is_far(op);
    fnn_share(task, op->dim[0], LANES, &r, &end);
    for (; r < end; r += LANES) {
        int64_t rows = end - r < LANES ? end - r : LANES;
        softmax_some(task, z + r * c, p + r * c, rows, c, far, max, sum);
        for (int64_t i = 0; i < rows; i++) max[i] -= z[(r + i) * c + (t[r + i] < 0 ? 0 : t[r + i])];
        store_lanes(l + r, v_add(v_log(v_load(sum)), v_load(max)), rows);
        for (int64_t i = r; i < r + rows; i++) {
            if (t[i] < 0) l[i] = 0;
            if (m) m[i] = (real)(t[i] >= 0);
        }
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
    for (; r < end; r++)
        if (t[r] < 0)
            memset(dz + r * c, 0, (size_t)c * sizeof(real));
        else
            sparse_row_bwd(p + r * c, t[r], dl ? dl[r] : mean, dz + r * c, c, op->far);
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

/* d = (a - t) factor over one stretch. */
static inline void scaled_difference(const real *a, const real *t, vec factor, real *d, int64_t n)
{
    vec difference = v_sub(load_lanes(a, n), load_lanes(t, n));
    store_lanes(d, v_mul(difference, factor), n);
}

/* dz[r,n] = (p - t) times (dl / n), a row at a time, or LANES rows of one column at a time. */
static void op_sigmoid_bce_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *p = op->arg[0], *t = op->arg[1], *dl = op->arg[2];
    real *dz = op->arg[3], mean = mean_slope(op);
    int64_t r, end, n = op->dim[1];
    vec over_n = v_div(v_set1(1), v_set1((real)n));
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n != 1)
        for (; r < end; r++)
            for (int64_t i = r * n; i < (r + 1) * n; i += LANES)
                scaled_difference(p + i, t + i, v_mul(v_set1(dl ? dl[r] : mean), over_n), dz + i,
                                  (r + 1) * n - i);
    for (; r < end; r += LANES) {
        vec slope = dl ? load_lanes(dl + r, end - r) : v_set1(mean);
        scaled_difference(p + r, t + r, v_mul(slope, over_n), dz + r, end - r);
    }
}

/* ---- losses.def ---- */

#define ONE v_set1(1)
#define LOW v_set1((real)1e-7)
#define HIGH v_set1((real)(1 - 1e-7))

static inline vec square(vec x) { return v_mul(x, x); }
static inline vec twice(vec x) { return v_add(x, x); }
static inline vec lesser(vec a, vec b) { return v_neg(v_max(v_neg(a), v_neg(b))); }
static inline vec within(vec x, vec low, vec high) { return v_at_most(v_at_least(x, low), high); }

/* y, or 0 where x is outside [low, high] */
static inline vec outside(vec x, vec low, vec high, vec y)
{
    return v_select(m_or(v_lt(x, low), v_lt(high, x)), v_zero(), y);
}

/* log(1 + a) - log(1 + t), neither below LOW */
static inline vec log_ratio(vec a, vec t)
{
    return v_sub(v_log1p(v_max(a, LOW)), v_log1p(v_max(t, LOW)));
}

/* size^2 / 2 up to delta, then a line */
static inline vec huber_term(vec size, vec delta)
{
    vec bent = lesser(size, delta);
    return v_mul(bent, v_fnma(v_set1((real)0.5), bent, size));
}

/* log cosh of size >= 0: near 0 from cosh - 1 = m^2 / (2 m + 2), m = exp(size) - 1 */
static inline vec log_cosh_term(vec size)
{
    vec m = v_expm1(lesser(size, ONE)), near = v_log1p(v_div(square(m), twice(v_add(m, ONE))));
    vec tail = v_log1p(v_exp(v_mul(v_set1(-2), size)));
    vec far = v_add(v_sub(size, v_set1((real)0.69314718055994530942)), tail);
    return v_select(v_lt(size, ONE), near, far);
}

/* A label as -1 or 1, written as 0 or 1 or so already. */
static inline vec side(vec t) { return v_select(v_eq(t, v_zero()), v_set1(-1), t); }
static inline vec margin(vec a, vec t) { return v_fnma(side(t), a, ONE); }

/* -t log p - (1 - t) log(1 - p), and its derivative */
static inline vec binary_term(vec p, vec t)
{
    vec other = v_mul(v_sub(ONE, t), v_log1p(v_neg(p)));
    return v_neg(v_fma(t, v_log(p), other));
}
static inline vec binary_slope(vec p, vec t) { return v_div(v_sub(p, t), v_mul(p, v_sub(ONE, p))); }

/* x^power for x >= 0 */
static inline vec to_power(vec x, vec power)
{
    vec y = v_exp(v_mul(power, v_log(x)));
    return v_select(v_eq(power, v_zero()), ONE, y);
}

/* What multiplies the cross-entropy of c = {gamma, alpha, balanced}: weight miss^gamma, where miss is the
 * probability of the other answer than t. */
static inline vec missed(vec a, vec t) { return v_fma(t, v_sub(ONE, a), v_mul(v_sub(ONE, t), a)); }
static inline vec balance(vec t, const vec *c)
{
    vec weight = v_fma(t, c[1], v_mul(v_sub(ONE, t), v_sub(ONE, c[1])));
    return v_select(v_eq(c[2], v_zero()), ONE, weight);
}
static inline vec focal_term(vec p, vec a, vec t, const vec *c)
{
    return v_mul(v_mul(balance(t, c), to_power(missed(a, t), c[0])), binary_term(p, t));
}
static inline vec focal_slope(vec p, vec a, vec t, const vec *c)
{
    vec miss = missed(a, t), turn = v_mul(c[0], to_power(miss, v_sub(c[0], ONE)));
    vec focus = v_mul(v_mul(turn, v_sub(ONE, twice(t))), binary_term(p, t));
    vec entropy = v_mul(to_power(miss, c[0]), binary_slope(p, t));
    return v_mul(balance(t, c), v_add(focus, outside(a, LOW, HIGH, entropy)));
}

static inline vec classes_focal_term(vec p, vec t, const vec *c)
{
    vec factor = v_mul(c[1], to_power(v_sub(ONE, p), c[0]));
    return v_neg(v_mul(v_mul(factor, t), v_log(p)));
}
static inline vec classes_focal_slope(vec p, vec t, const vec *c)
{
    vec other = v_sub(ONE, p), turn = v_mul(c[0], to_power(other, v_sub(c[0], ONE)));
    vec slope = v_sub(v_mul(turn, v_log(p)), v_div(to_power(other, c[0]), p));
    return v_mul(v_mul(c[1], t), slope);
}

/* <loss>_terms: the terms of a stretch are stored in l, or summed where l is NULL.  A row of one column is
 * a term, so stretches of such rows are stored: the same bits, as v_sum adds only zeros to a lone term.
 * <loss>_slopes: da = slope by, times dl where it is given. */
#define LOSS(name, term, slope)                                                                   \
    static vec name##_terms(const real *in, const real *target, const vec *c, real *l, int64_t n) \
    {                                                                                             \
        vec sum = v_zero();                                                                       \
        (void)c;                                                                                  \
        for (int64_t i = 0; i < n; i += LANES) {                                                  \
            vec a = load_lanes(in + i, n - i), t = load_lanes(target + i, n - i), v = term;       \
            if (l)                                                                                \
                store_lanes(l + i, v, n - i);                                                     \
            else                                                                                  \
                sum = v_add(sum, v_select(lanes_left(n - i), v, v_zero()));                       \
        }                                                                                         \
        return sum;                                                                               \
    }                                                                                             \
    static void name##_slopes(const real *in, const real *target, const vec *c, const real *dl,   \
                              vec by, real *da, int64_t n)                                        \
    {                                                                                             \
        (void)c;                                                                                  \
        for (int64_t i = 0; i < n; i += LANES) {                                                  \
            vec a = load_lanes(in + i, n - i), t = load_lanes(target + i, n - i);                 \
            vec scale = dl ? v_mul(load_lanes(dl + i, n - i), by) : by;                           \
            store_lanes(da + i, v_mul(slope, scale), n - i);                                      \
        }                                                                                         \
    }
#include "../losses.def"
#undef LOSS
#undef ONE
#undef LOW
#undef HIGH

/* Where a row of losses.def begins its work: its constants, and what its sum is divided by. */
typedef struct {
    vec c[3];
    real count;
} loss_frame;

static inline loss_frame frame_of(const fnn_op *op)
{
    loss_frame f = {.count = op->attr[1] != 0 ? 1 : (real)op->dim[1]};
    for (int i = 0; i < 3; i++) f.c[i] = v_set1((real)op->attr[2 + i]);
    return f;
}

static void op_loss_fwd(const fnn_op *op, const fnn_task *task)
{
    typedef vec sum_terms(const real *, const real *, const vec *, real *, int64_t);
#define LOSS(name, term, slope) name##_terms,
    static sum_terms *const all[] = {
#include "../losses.def"
    };
#undef LOSS
    sum_terms *of = all[(int)op->attr[0]];
    const real *a = op->arg[0], *t = op->arg[1];
    real *l = op->arg[2];
    int64_t r, end, n = op->dim[1];
    loss_frame f = frame_of(op);
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n == 1)
        of(a + r, t + r, f.c, l + r, end - r);
    else
        for (; r < end; r++) l[r] = v_sum(of(a + r * n, t + r * n, f.c, NULL, n)) / f.count;
}

static void op_loss_bwd(const fnn_op *op, const fnn_task *task)
{
    typedef void slopes(const real *, const real *, const vec *, const real *, vec, real *,
                        int64_t);
#define LOSS(name, term, slope) name##_slopes,
    static slopes *const all[] = {
#include "../losses.def"
    };
#undef LOSS
    slopes *of = all[(int)op->attr[0]];
    const real *a = op->arg[0], *t = op->arg[1], *dl = op->arg[2];
    real *da = op->arg[3], mean = mean_slope(op);
    int64_t r, end, n = op->dim[1];
    loss_frame f = frame_of(op);
    vec over = v_div(v_set1(1), v_set1(f.count));
    fnn_share(task, op->dim[0], LANES, &r, &end);
    if (n == 1)
        of(a + r, t + r, f.c, dl ? dl + r : NULL, dl ? over : v_mul(v_set1(mean), over), da + r,
           end - r);
    else
        for (; r < end; r++) {
            vec by = v_mul(v_set1(dl ? dl[r] : mean), over);
            of(a + r * n, t + r * n, f.c, NULL, by, da + r * n, n);
        }
}

/* ---- losses of a row as a whole ---- */

static inline real dot(const real *a, const real *b, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES)
        sum = v_fma(load_lanes(a + i, n - i), load_lanes(b + i, n - i), sum);
    return v_sum(sum);
}

/* 1 / |x|, for x of a length of 1e-6 at the least */
static inline real over_length(const real *x, int64_t n)
{
    real least = (real)1e-12, squares = dot(x, x, n);
    vec length = v_sqrt(v_set1(squares < least ? least : squares));
    return 1 / v_hmax(length);
}

static void op_cosine(const fnn_op *op, const fnn_task *task)
{
    real *l = op->arg[2];
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *a = (const real *)op->arg[0] + r * n, *t = (const real *)op->arg[1] + r * n;
        l[r] = -(dot(a, t, n) * over_length(a, n)) * over_length(t, n);
    }
}

/* da = -dl (t / |t| - a cos / |a|) / |a|; a length that is held at the least does not change with a */
static void op_cosine_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dl = op->arg[2];
    real mean = mean_slope(op);
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *a = (const real *)op->arg[0] + r * n, *t = (const real *)op->arg[1] + r * n;
        real *da = (real *)op->arg[3] + r * n;
        real over_a = over_length(a, n), over_t = over_length(t, n);
        real cosine = dot(a, a, n) < (real)1e-12 ? 0 : dot(a, t, n) * over_a * over_t;
        vec by = v_set1(-(dl ? dl[r] : mean) * over_a), of_a = v_set1(cosine * over_a);
        for (int64_t i = 0; i < n; i += LANES) {
            vec toward = v_mul(load_lanes(t + i, n - i), v_set1(over_t));
            vec along = v_mul(load_lanes(a + i, n - i), of_a);
            store_lanes(da + i, v_mul(v_sub(toward, along), by), n - i);
        }
    }
}

/* The first column of the largest (1 - t) a. */
static inline int64_t best_other(const real *a, const real *t, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        real known = (1 - t[best]) * a[best], other = (1 - t[i]) * a[i];
        if (other > known || (isnan(other) && !isnan(known))) best = i;
    }
    return best;
}

/* 1 + (1 - t) a of the best other class - the sum of t a */
static inline real classes_margin(const real *a, const real *t, int64_t other, int64_t n)
{
    return (1 - t[other]) * a[other] - dot(t, a, n) + 1;
}

static void op_categorical_hinge(const fnn_op *op, const fnn_task *task)
{
    real *l = op->arg[2];
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *a = (const real *)op->arg[0] + r * n, *t = (const real *)op->arg[1] + r * n;
        real margin = classes_margin(a, t, best_other(a, t, n), n);
        l[r] = margin < 0 ? 0 : margin;
    }
}

static void op_categorical_hinge_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dl = op->arg[2];
    real mean = mean_slope(op);
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *a = (const real *)op->arg[0] + r * n, *t = (const real *)op->arg[1] + r * n;
        real *da = (real *)op->arg[3] + r * n, by = dl ? dl[r] : mean;
        int64_t other = best_other(a, t, n);
        int met = classes_margin(a, t, other, n) <= 0;
        for (int64_t i = 0; i < n; i++)
            da[i] = met ? 0 : (i == other ? 1 - t[i] - t[i] : -t[i]) * by;
    }
}

/* ---- the mean over a batch ---- */

/* sum + v[0] + v[1] + ... in that order, which no partition into batches changes; times w where given. */
static inline double add_rows(double sum, const real *v, const real *w, int64_t r)
{
    if (w)
        for (int64_t i = 0; i < r; i++) sum += (double)v[i] * (double)w[i];
    else
        for (int64_t i = 0; i < r; i++) sum += (double)v[i];
    return sum;
}

/* What a sum over r rows is divided by: their number, or the sum of d. */
static inline double row_count(const real *d, int64_t r)
{
    return d ? add_rows(0, d, NULL, r) : (double)r;
}

static void op_mean(const fnn_op *op, const fnn_task *task)
{
    if (task->thread) return;
    real *m = op->arg[3];
    int64_t r = op->dim[0];
    double sum = add_rows(0, op->arg[0], op->arg[1], r);
    double count = op->attr[0] != 0 ? 1 : row_count(op->arg[2], r);
    m[0] = count == 0 ? 0 : (real)(sum / count);
}

/* dl = w dm / count */
static void op_mean_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dm = op->arg[0], *w = op->arg[1], *d = op->arg[2];
    real *dl = op->arg[3];
    int64_t i, end, r = op->dim[0];
    real count = op->attr[0] != 0 ? 1 : (real)row_count(d, r),
         slope = count == 0 ? 0 : dm[0] / count;
    if (!w) {
        fill_elements(op, task, dl, r, slope);
        return;
    }
    share_elements(task, r, &i, &end);
    for (; i < end; i += LANES)
        store_lanes(dl + i, v_mul(load_lanes(w + i, end - i), v_set1(slope)), end - i);
}
