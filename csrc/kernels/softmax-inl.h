/* softmax-inl.h: rows of scores turned into rows of probabilities.
 *
 * Invariant: a row depends on itself alone.  Its sums run over vectors of LANES in ascending order into
 * one accumulator, then over v_sum's tree.  A NaN, or an infinite maximum, makes the whole row NaN. */

/* The largest of p[0:n], NaN if there is one; -inf if n is 0.  Four accumulators, as the order of a
 * maximum is of no consequence and each waits for itself. */
static inline real row_max(const real *p, int64_t n)
{
    vec low = v_set1((real)-INFINITY), most[4] = {low, low, low, low};
    for (; n >= 4 * LANES; n -= 4 * LANES, p += 4 * LANES)
        for (int k = 0; k < 4; k++) most[k] = v_max(most[k], v_load(p + k * LANES));
    for (; n > 0; n -= LANES, p += LANES) most[0] = v_max(most[0], load_lanes_or(p, n, low));
    return v_hmax(v_max(v_max(most[0], most[1]), v_max(most[2], most[3])));
}

/* exp(z - shift) of the n elements left of a row; lanes beyond it hold -inf and so give 0. */
static inline vec exp_lanes(const real *z, vec shift, int64_t n)
{
    return v_exp_falling(v_sub(load_lanes_or(z, n, v_set1((real)-INFINITY)), shift));
}

/* e[0:c] = exp(z - max) and its sum, which is at least 1. */
static inline real exp_row(const real *z, real *e, int64_t c, real max)
{
    vec shift = v_set1(max), sum = v_zero();
    for (int64_t i = 0; i < c; i += LANES) {
        vec term = exp_lanes(z + i, shift, c - i);
        sum = v_add(sum, term);
        store_lanes(e + i, term, c - i);
    }
    return v_sum(sum);
}

/* A row y[0:c] = e by that is still to be written past the caches; y is at a multiple of 64 bytes. */
typedef struct {
    const real *e;
    real *y;
    vec by;
    int64_t c;
} late_row;

static inline void late_write(const late_row *late, int64_t i)
{
    for (; i < late->c; i += LANES) {
        vec p = v_mul(load_lanes(late->e + i, late->c - i), late->by);
        write_lanes(late->y + i, p, late->c - i, 1);
    }
}

static inline late_row late_begin(const real *e, real *y, real by, int64_t c)
{
    int64_t off = off_line(y) < c ? off_line(y) : c;
    store_lanes(y, v_mul(load_lanes(e, off), v_set1(by)), off);
    return (late_row){e + off, y + off, v_set1(by), c - off};
}

/* As exp_row; meanwhile writes `late` and asks for the row after z.  Stores past the caches are slow one
 * after the other, and cost nothing between exponentials. */
static inline real exp_row_far(const real *z, real *e, int64_t c, real max, late_row late)
{
    vec shift = v_set1(max), sum = v_zero();
    int64_t i = 0;
    for (; i + LANES <= late.c; i += LANES) {
        vec term = exp_lanes(z + i, shift, LANES);
        sum = v_add(sum, term);
        v_store(e + i, term);
        v_stream(late.y + i, v_mul(v_load(late.e + i), late.by));
        ask_for(z + c + i);
    }
    late_write(&late, i);
    for (; i < c; i += LANES) {
        vec term = exp_lanes(z + i, shift, c - i);
        sum = v_add(sum, term);
        store_lanes(e + i, term, c - i);
    }
    return v_sum(sum);
}

/* For rows no longer than a vector: LANES of them at once, one in each lane. */
static inline void softmax_columns(const real *z, real *p, int64_t rows, int64_t c, real *max,
                                   real *sum)
{
    real column[LANES][LANES] = {{0}};
    vec e[LANES], t[LANES];
    t[0] = v_zero();
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < c; j++) column[j][r] = z[r * c + j];
    vec most = v_load(column[0]);
    for (int64_t j = 1; j < c; j++) most = v_max(most, v_load(column[j]));
    for (int64_t j = 0; j < c; j++) t[j] = e[j] = v_exp_falling(v_sub(v_load(column[j]), most));
    for (int64_t half = LANES / 2; half > 0; half /= 2) /* v_sum's tree; what is not there is 0 */
        for (int64_t j = 0; j < half && j + half < c; j++) t[j] = v_add(t[j], t[j + half]);
    vec scale = v_div(v_set1(1), t[0]);
    for (int64_t j = 0; j < c; j++) v_store(column[j], v_mul(e[j], scale));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < c; j++) p[r * c + j] = column[j][r];
    v_store(max, most);
    v_store(sum, t[0]);
}

/* p = softmax(z) for `rows` rows, LANES at the most, and each one's largest score and sum of exponentials.
 * A probability is a product with the reciprocal of the sum: a division takes as long as an exponential. */
static inline void softmax_rows(const real *z, real *p, int64_t rows, int64_t c, real *max,
                                real *sum)
{
    for (int64_t r = 0; r < rows; r++, z += c, p += c) {
        max[r] = row_max(z, c);
        sum[r] = exp_row(z, p, c, max[r]);
        vec by = v_set1(1 / sum[r]);
        for (int64_t i = 0; i < c; i += LANES)
            store_lanes(p + i, v_mul(load_lanes(p + i, c - i), by), c - i);
    }
}

/* The same, past the caches; e[2,c] is scratch memory. */
static inline void softmax_far_rows(const real *z, real *p, int64_t rows, int64_t c, real *max,
                                    real *sum, real *e)
{
    late_row late = {0};
    for (int64_t r = 0; r < rows; r++, z += c, p += c) {
        real *here = e + r % 2 * c;
        max[r] = row_max(z, c);
        sum[r] = exp_row_far(z, here, c, max[r], late);
        late = late_begin(here, p, 1 / sum[r], c);
    }
    late_write(&late, 0);
}

/* Whether an op on rows of c = dim[1] scores goes past the caches: if it should and scratch allows. */
static inline int softmax_is_far(const fnn_op *op)
{
    return op->far && 2 * op->dim[1] <= (int64_t)(FNN_SCRATCH / sizeof(real));
}

/* Rows first..first+n-1 of p[rows,c], n <= LANES, by the way that suits them. */
static inline void softmax_some(const fnn_task *task, const real *z, real *p, int64_t n, int64_t c,
                                int far, real *max, real *sum)
{
    if (far)
        softmax_far_rows(z, p, n, c, max, sum, (real *)(void *)task->scratch);
    else if (c > 0 && c <= LANES)
        softmax_columns(z, p, n, c, max, sum);
    else
        softmax_rows(z, p, n, c, max, sum);
}

static void op_softmax_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *x = op->arg[0];
    real *y = op->arg[1], max[LANES], sum[LANES];
    int64_t r, end, c = op->dim[1];
    int far = softmax_is_far(op);
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r += LANES) {
        int64_t rows = end - r < LANES ? end - r : LANES;
        softmax_some(task, x + r * c, y + r * c, rows, c, far, max, sum);
    }
    if (far) v_stream_end();
}

static inline real row_dot(const real *a, const real *b, int64_t n, int far)
{
    int ahead = far ? AHEAD_BYTES / 2 : 0;
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES)
        sum = v_fma(read_lanes(a + i, n - i, ahead), read_lanes(b + i, n - i, ahead), sum);
    return v_sum(sum);
}

static void op_softmax_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *dy = (const real *)op->arg[0] + r * c, *y = (const real *)op->arg[1] + r * c;
        real *dx = (real *)op->arg[2] + r * c;
        vec dot = v_set1(row_dot(dy, y, c, op->far));
        int64_t i = 0;
        EACH_VECTOR(i, c, dx, op->far, 2, {
            vec slope = v_sub(load_lanes(dy + i, n), dot);
            write_lanes(dx + i, v_mul(load_lanes(y + i, n), slope), n, ahead);
        });
    }
    if (op->far) v_stream_end();
}

static void op_log_softmax_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * c;
        real *y = (real *)op->arg[1] + r * c, max = row_max(x, c);
        vec shift = v_set1(max), log_sum = v_log(v_set1(exp_row(x, y, c, max)));
        for (int64_t i = 0; i < c; i += LANES)
            store_lanes(y + i, v_sub(v_sub(load_lanes(x + i, c - i), shift), log_sum), c - i);
    }
}

static void op_log_softmax_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *dy = (const real *)op->arg[0] + r * c, *y = (const real *)op->arg[1] + r * c;
        real *dx = (real *)op->arg[2] + r * c;
        vec sum = v_zero();
        for (int64_t i = 0; i < c; i += LANES) sum = v_add(sum, load_lanes(dy + i, c - i));
        sum = v_set1(v_sum(sum));
        for (int64_t i = 0; i < c; i += LANES) {
            vec p = v_exp(load_lanes(y + i, c - i));
            store_lanes(dx + i, v_fnma(p, sum, load_lanes(dy + i, c - i)), c - i);
        }
    }
}
