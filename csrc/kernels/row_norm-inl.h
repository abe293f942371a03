/* row_norm-inl.h: each row scaled by its own moments.
 *
 * Invariant: a row depends on itself alone.  Its sums run over vectors in four chains, which are joined in
 * pairs, then over v_sum's tree; deviations are taken from the rounded mean, whose own error they tell.
 * Sums over rows, for the weights, run as those of normalization-inl.h: a channel is a lane, chunks of
 * CHUNK_ROWS rows in two chains are added in order. */

typedef struct {
    vec part[4];
} row_chains;

VERB real chains_sum(const row_chains *s)
{
    return v_sum(v_add(v_add(s->part[0], s->part[1]), v_add(s->part[2], s->part[3])));
}

static inline real chained_sum(const real *x, int64_t n)
{
    row_chains s = {{v_zero(), v_zero(), v_zero(), v_zero()}};
    int64_t i = 0;
    for (; n - i >= 4 * LANES; i += 4 * LANES)
        for (int k = 0; k < 4; k++) s.part[k] = v_add(s.part[k], v_load(x + i + k * LANES));
    for (int k = 0; i < n; i += LANES, k++) s.part[k] = v_add(s.part[k], load_lanes(x + i, n - i));
    return chains_sum(&s);
}

/* rest = sum (x - mean), and the sum of squares; lanes beyond the row count as mean */
static inline real chained_squares(const real *x, int64_t n, real mean, real *rest)
{
    row_chains s = {{v_zero(), v_zero(), v_zero(), v_zero()}}, t = s;
    vec centre = v_set1(mean);
    for (int64_t i = 0, k = 0; i < n; i += LANES, k = (k + 1) % 4) {
        vec gap = v_sub(load_lanes_or(x + i, n - i, centre), centre);
        gap = n - i >= LANES ? gap : v_select(m_first(n - i), gap, v_zero());
        t.part[k] = v_add(t.part[k], gap);
        s.part[k] = v_fma(gap, gap, s.part[k]);
    }
    *rest = chains_sum(&t);
    return chains_sum(&s);
}

typedef struct {
    real mean, scale;
} row_moments;

/* mean, or 0 if not `centred`; scale = 1 / sqrt(squares / n + epsilon), or of the squares' sum if `summed` */
static inline row_moments moments_of_row(const fnn_op *op, const real *x, int64_t n)
{
    int centred = op->attr[1] != 0;
    real count = (real)n, rest, over = op->attr[2] != 0 ? 1 : count;
    real mean = centred ? chained_sum(x, n) / count : 0,
         squares = chained_squares(x, n, mean, &rest);
    if (centred) {
        real off = rest / count;
        squares -= off * rest;
        if (squares < 0) squares = 0;
        if (off == off) mean += off; /* an infinite mean stays one */
    }
    vec root = v_sqrt(v_set1(squares / over + (real)op->attr[0]));
    return (row_moments){mean, v_hmax(v_div(v_set1(1), root))};
}

static void op_row_norm_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *gamma = op->arg[1], *beta = op->arg[2];
    real *means = op->arg[3], *scales = op->arg[4];
    int64_t r, end, c = op->dim[1];
    fnn_share(task, op->dim[0], rows_of_grain(c), &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * c;
        real *y = (real *)op->arg[5] + r * c;
        row_moments m = moments_of_row(op, x, c);
        vec mean = v_set1(m.mean), scale = v_set1(m.scale);
        means[r] = m.mean, scales[r] = m.scale;
        for (int64_t i = 0; i < c; i += LANES) {
            vec v = v_mul(v_sub(load_lanes(x + i, c - i), mean), scale);
            vec shift = beta ? load_lanes(beta + i, c - i) : v_zero();
            vec factor = gamma ? load_lanes(gamma + i, c - i) : v_set1(1);
            store_lanes(y + i, v_fma(v, factor, shift), c - i);
        }
    }
}

/* dy gamma for the n elements left of a row */
VERB vec row_slope(const real *dy, const real *gamma, int64_t i, int64_t n)
{
    vec slope = load_lanes(dy + i, n);
    return gamma ? v_mul(slope, load_lanes(gamma + i, n)) : slope;
}

/* dx = scale (g - mean g - xhat mean (g xhat)), g = dy gamma, xhat = (x - mean) scale */
static void op_row_norm_bwd_x(const fnn_op *op, const fnn_task *task)
{
    const real *gamma = op->arg[4];
    int centred = op->attr[0] != 0;
    int64_t r, end, c = op->dim[1];
    real over = op->attr[1] != 0 ? 1 : (real)c;
    fnn_share(task, op->dim[0], rows_of_grain(c), &r, &end);
    for (; r < end; r++) {
        const real *dy = (const real *)op->arg[0] + r * c, *x = (const real *)op->arg[1] + r * c;
        real *dx = (real *)op->arg[5] + r * c;
        vec mean = v_set1(((const real *)op->arg[2])[r]);
        vec scale = v_set1(((const real *)op->arg[3])[r]);
        row_chains s = {{v_zero(), v_zero(), v_zero(), v_zero()}}, t = s;
        for (int64_t i = 0, k = 0; i < c; i += LANES, k = (k + 1) % 4) {
            vec g = row_slope(dy, gamma, i, c - i);
            vec xhat = v_mul(v_sub(load_lanes(x + i, c - i), mean), scale);
            if (c - i < LANES) xhat = v_select(m_first(c - i), xhat, v_zero());
            s.part[k] = v_add(s.part[k], g);
            t.part[k] = v_fma(g, xhat, t.part[k]);
        }
        vec pull = v_set1(centred ? chains_sum(&s) / (real)c : 0);
        vec turn = v_set1(chains_sum(&t) / over);
        for (int64_t i = 0; i < c; i += LANES) {
            vec g = v_sub(row_slope(dy, gamma, i, c - i), pull);
            vec xhat = v_mul(v_sub(load_lanes(x + i, c - i), mean), scale);
            store_lanes(dx + i, v_mul(v_fnma(xhat, turn, g), scale), c - i);
        }
    }
}

/* a += sum dy xhat, b += sum dy over the rows first..end-1, two chains each */
static inline void add_row_weights(const fnn_op *op, int64_t j, int64_t lanes, int64_t first,
                                   int64_t end, vec *a, vec *b)
{
    const real *dy = op->arg[0], *x = op->arg[1], *means = op->arg[2], *scales = op->arg[3];
    vec product[2] = {v_zero(), v_zero()}, sum[2] = {v_zero(), v_zero()};
    int64_t c = op->dim[1];
    for (int64_t r = first; r < end; r++) {
        int64_t at = r * c + j, k = (r - first) % 2;
        vec slope = load_lanes(dy + at, lanes);
        vec gap = v_sub(load_lanes(x + at, lanes), v_set1(means[r]));
        product[k] = v_fma(slope, v_mul(gap, v_set1(scales[r])), product[k]);
        sum[k] = v_add(sum[k], slope);
    }
    *a = v_add(*a, v_add(product[0], product[1]));
    *b = v_add(*b, v_add(sum[0], sum[1]));
}

/* Threads share the columns. */
static void op_row_norm_bwd_w(const fnn_op *op, const fnn_task *task)
{
    int64_t j, end, rows = op->dim[0];
    fnn_share(task, op->dim[1], LANES, &j, &end);
    for (; j < end; j += LANES) {
        vec a = v_zero(), b = v_zero();
        for (int64_t r = 0; r < rows; r += CHUNK_ROWS)
            add_row_weights(op, j, end - j, r, at_most(r + CHUNK_ROWS, rows), &a, &b);
        store_lanes((real *)op->arg[4] + j, a, end - j);
        store_lanes((real *)op->arg[5] + j, b, end - j);
    }
}
