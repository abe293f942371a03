/* row_norm-inl.h: the groups of each row scaled by their own moments.
 *
 * A row is n places of c channels; a group is k = c / g channels next to each other, at all places: `places`
 * pieces that are `stride` apart.  With one group and one place it is the row itself.
 *
 * Invariant: a group depends on itself alone.  Its sums run over the vectors of each piece in four chains,
 * piece after piece; the chains are joined in pairs, then v_sum's tree.  Deviations are taken from the rounded
 * mean, whose own error they tell.  Sums over rows, for the weights, run as those of normalization-inl.h: a
 * channel is a lane, chunks of CHUNK_ROWS places in two chains are added in order. */

typedef struct {
    int64_t places, stride, k;
} group_shape;

typedef struct {
    vec part[4];
} group_sum;

VERB group_sum no_sum(void) { return (group_sum){{v_zero(), v_zero(), v_zero(), v_zero()}}; }

VERB real total(const group_sum *s)
{
    return v_sum(v_add(v_add(s->part[0], s->part[1]), v_add(s->part[2], s->part[3])));
}

/* The body finds in `at` the place of a vector in a group, in `i` that in its piece, in `n` the elements that
 * are left there, LANES at the most, and in `q` its chain. */
#define EACH_GROUP_VECTOR(shape, ...)                                                 \
    for (int64_t p_ = 0; p_ < (shape).places; p_++) {                                 \
        int64_t i_ = 0, from_ = p_ * (shape).stride;                                  \
        for (; (shape).k - i_ >= 4 * LANES; i_ += 4 * LANES)                          \
            _Pragma("GCC unroll 4") for (int q = 0; q < 4; q++)                       \
            {                                                                         \
                const int64_t n = LANES, i = i_ + q * LANES, at = from_ + i;          \
                (void)n, (void)i;                                                     \
                __VA_ARGS__                                                           \
            }                                                                         \
        for (int q = 0; i_ < (shape).k; i_ += LANES, q++) {                           \
            const int64_t n = at_most((shape).k - i_, LANES), i = i_, at = from_ + i; \
            (void)i;                                                                  \
            __VA_ARGS__                                                               \
        }                                                                             \
    }

static inline real sum_of_group(const real *x, group_shape shape)
{
    group_sum s = no_sum();
    EACH_GROUP_VECTOR(shape, s.part[q] = v_add(s.part[q], load_lanes(x + at, n));)
    return total(&s);
}

/* sum (x - mean)^2; rest = sum (x - mean) */
static inline real squares_of_group(const real *x, group_shape shape, real mean, real *rest)
{
    group_sum s = no_sum(), t = no_sum();
    vec centre = v_set1(mean);
    EACH_GROUP_VECTOR(shape, {
        vec gap = v_sub(load_lanes(x + at, n), centre);
        gap = n == LANES ? gap : v_select(m_first(n), gap, v_zero());
        t.part[q] = v_add(t.part[q], gap);
        s.part[q] = v_fma(gap, gap, s.part[q]);
    })
    *rest = total(&t);
    return total(&s);
}

typedef struct {
    real mean, scale;
} group_moments;

/* mean, or 0 if not `centred`; scale = 1 / sqrt(squares / count + epsilon), or of the sum if `summed` */
static inline group_moments moments_of_group(const fnn_op *op, const real *x, group_shape shape)
{
    int centred = op->attr[1] != 0, summed = op->attr[2] != 0;
    real count = (real)(shape.places * shape.k), rest;
    real mean = centred ? sum_of_group(x, shape) / count : 0;
    real squares = squares_of_group(x, shape, mean, &rest);
    if (centred) {
        real off = rest / count;
        squares -= off * rest;
        if (squares < 0) squares = 0;
        if (off == off) mean += off; /* an infinite mean stays one */
    }
    vec root = v_sqrt(v_set1(squares / (summed ? 1 : count) + (real)op->attr[0]));
    return (group_moments){mean, v_hmax(v_div(v_set1(1), root))};
}

/* Groups of the rows that go to one thread at the least. */
static inline void share_groups(const fnn_task *task, int64_t groups, group_shape shape,
                                int64_t *begin, int64_t *end)
{
    fnn_share(task, groups, rows_of_grain(shape.places * shape.k), begin, end);
}

static void op_row_norm_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *gammas = op->arg[1], *betas = op->arg[2];
    real *means = op->arg[3], *scales = op->arg[4];
    int64_t r, end, places = op->dim[1], c = op->dim[2], g = op->dim[3];
    group_shape shape = {places, c, c / g};
    share_groups(task, op->dim[0] * g, shape, &r, &end);
    for (; r < end; r++) {
        int64_t channel = r % g * shape.k, first = r / g * places * c + channel;
        const real *x = (const real *)op->arg[0] + first;
        const real *gamma = gammas ? gammas + channel : NULL;
        const real *beta = betas ? betas + channel : NULL;
        real *y = (real *)op->arg[5] + first;
        group_moments m = moments_of_group(op, x, shape);
        vec mean = v_set1(m.mean), scale = v_set1(m.scale);
        means[r] = m.mean, scales[r] = m.scale;
        EACH_GROUP_VECTOR(shape, {
            vec normal = v_mul(v_sub(load_lanes(x + at, n), mean), scale);
            vec shift = beta ? load_lanes(beta + i, n) : v_zero();
            normal = gamma ? v_mul(normal, load_lanes(gamma + i, n)) : normal;
            store_lanes(y + at, v_add(normal, shift), n);
            (void)q;
        })
    }
}

/* dx = scale (h - mean h - xhat mean (h xhat)), h = dy gamma, xhat = (x - mean) scale */
static void op_row_norm_bwd_x(const fnn_op *op, const fnn_task *task)
{
    const real *means = op->arg[2], *scales = op->arg[3], *gammas = op->arg[4];
    int centred = op->attr[0] != 0, summed = op->attr[1] != 0;
    int64_t r, end, places = op->dim[1], c = op->dim[2], g = op->dim[3];
    group_shape shape = {places, c, c / g};
    real count = (real)(places * shape.k);
    share_groups(task, op->dim[0] * g, shape, &r, &end);
    for (; r < end; r++) {
        int64_t channel = r % g * shape.k, first = r / g * places * c + channel;
        const real *dy = (const real *)op->arg[0] + first, *x = (const real *)op->arg[1] + first;
        const real *gamma = gammas ? gammas + channel : NULL;
        real *dx = (real *)op->arg[5] + first;
        vec mean = v_set1(means[r]), scale = v_set1(scales[r]);
        group_sum s = no_sum(), t = no_sum();
        EACH_GROUP_VECTOR(shape, {
            vec h = load_lanes(dy + at, n);
            if (gamma) h = v_mul(h, load_lanes(gamma + i, n));
            vec xhat = v_mul(v_sub(load_lanes(x + at, n), mean), scale);
            if (n < LANES) xhat = v_select(m_first(n), xhat, v_zero());
            s.part[q] = v_add(s.part[q], h);
            t.part[q] = v_fma(h, xhat, t.part[q]);
        })
        vec pull = v_set1(centred ? total(&s) / count : 0);
        vec turn = v_set1(total(&t) / (summed ? 1 : count));
        EACH_GROUP_VECTOR(shape, {
            vec h = load_lanes(dy + at, n);
            if (gamma) h = v_mul(h, load_lanes(gamma + i, n));
            vec xhat = v_mul(v_sub(load_lanes(x + at, n), mean), scale);
            store_lanes(dx + at, v_mul(v_fnma(xhat, turn, v_sub(h, pull)), scale), n);
            (void)q;
        })
    }
}

#undef EACH_GROUP_VECTOR

/* The numbers of the groups that channels j.. are of, from a row's `of`. */
VERB vec spread_groups(const real *of, int64_t j, int64_t lanes, int64_t k, int64_t g)
{
    real each[LANES] = {0};
    if (g == 1) return v_set1(*of);
    for (int64_t l = 0; l < at_most(lanes, LANES); l++) each[l] = of[(j + l) / k];
    return v_load(each);
}

/* dgamma = sum dy xhat, dbeta = sum dy for the vector of channels from j on */
static inline void row_norm_weights(const fnn_op *op, int64_t j, int64_t lanes)
{
    const real *dy = (const real *)op->arg[0] + j, *x = (const real *)op->arg[1] + j;
    int64_t rows = op->dim[0], places = op->dim[1], c = op->dim[2], g = op->dim[3], f = 0;
    vec a = v_zero(), b = v_zero();
    vec dot[2] = {v_zero(), v_zero()}, sum[2] = {v_zero(), v_zero()};
    for (int64_t r = 0; r < rows; r++) {
        vec mean = spread_groups((const real *)op->arg[2] + r * g, j, lanes, c / g, g);
        vec scale = spread_groups((const real *)op->arg[3] + r * g, j, lanes, c / g, g);
        for (int64_t p = 0; p < places; p++, dy += c, x += c) {
            vec slope = load_lanes(dy, lanes), gap = v_sub(load_lanes(x, lanes), mean);
            dot[f % 2] = v_fma(slope, v_mul(gap, scale), dot[f % 2]);
            sum[f % 2] = v_add(sum[f % 2], slope);
            if (++f % CHUNK_ROWS && f < rows * places) continue;
            a = v_add(a, v_add(dot[0], dot[1]));
            b = v_add(b, v_add(sum[0], sum[1]));
            dot[0] = dot[1] = sum[0] = sum[1] = v_zero();
        }
    }
    store_lanes((real *)op->arg[4] + j, a, lanes);
    store_lanes((real *)op->arg[5] + j, b, lanes);
}

/* Threads share the channels. */
static void op_row_norm_bwd_w(const fnn_op *op, const fnn_task *task)
{
    int64_t j, end;
    fnn_share(task, op->dim[2], LANES, &j, &end);
    for (; j < end; j += LANES) row_norm_weights(op, j, end - j);
}
