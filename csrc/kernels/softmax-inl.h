/* softmax-inl.h: rows of scores turned into rows of probabilities.
 *
 * Invariant: a row depends on itself alone.  Its sums run over vectors of LANES in ascending order into
 * one accumulator, then over v_sum's tree.  A NaN, or an infinite maximum, makes the whole row NaN. */

/* The largest of p[0:n], NaN if there is one; -inf if n is 0. */
static inline real row_max(const real *p, int64_t n)
{
    vec low = v_set1((real)-INFINITY), most = low;
    for (int64_t i = 0; i < n; i += LANES) most = v_max(most, load_lanes_or(p + i, n - i, low));
    return v_hmax(most);
}

/* y[0:c] = softmax(z[0:c]).  Returns the sum of exp(z - max), which is at least 1.  Lanes beyond the row
 * hold -inf and so add 0.  One division an element, rather than a reciprocal: it is hidden behind the
 * exponential, and spares a second rounding of every probability. */
static inline real softmax_row(const real *z, real *y, int64_t c, real max)
{
    vec shift = v_set1(max), low = v_set1((real)-INFINITY), sum = v_zero();
    for (int64_t i = 0; i < c; i += LANES) {
        vec e = v_exp(v_sub(load_lanes_or(z + i, c - i, low), shift));
        sum = v_add(sum, e);
        store_lanes(y + i, e, c - i);
    }
    real total = v_sum(sum);
    vec divisor = v_set1(total);
    for (int64_t i = 0; i < c; i += LANES)
        store_lanes(y + i, v_div(load_lanes(y + i, c - i), divisor), c - i);
    return total;
}

static void op_softmax_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *x = op->arg[0];
    real *y = op->arg[1];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) softmax_row(x + r * c, y + r * c, c, row_max(x + r * c, c));
}

static inline real row_dot(const real *a, const real *b, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = 0; i < n; i += LANES)
        sum = v_fma(load_lanes(a + i, n - i), load_lanes(b + i, n - i), sum);
    return v_sum(sum);
}

static void op_softmax_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *dy = (const real *)op->arg[0] + r * c, *y = (const real *)op->arg[1] + r * c;
        real *dx = (real *)op->arg[2] + r * c;
        vec dot = v_set1(row_dot(dy, y, c));
        for (int64_t i = 0; i < c; i += LANES) {
            vec slope = v_sub(load_lanes(dy + i, c - i), dot);
            store_lanes(dx + i, v_mul(load_lanes(y + i, c - i), slope), c - i);
        }
    }
}
