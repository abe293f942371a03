/* normalization-inl.h: the moments of channels over all their places, and channels shifted and scaled.
 *
 * Invariant: a channel is a lane; its sums run over chunks of CHUNK_ROWS rows, each in two chains, of the
 * even and of the odd rows; chunks are added in order.  How many vectors of channels are worked on side
 * by side changes no sum.  Deviations are taken from the mean of their own chunk, while it is in the
 * cache, and chunks are joined by the distance of their means (Chan, Golub and LeVeque, 1983): a mean
 * that is large beside the spread costs no digits, and no second reading. */
enum { CHUNK_ROWS = 256 };

/* A band is that many vectors of channels, or one: what is summed at once, so that memory is read in
 * order.  All sums of a band fit the registers. */
#if V_REGISTERS >= 32
enum { BAND = 4 };
#else
enum { BAND = 2 };
#endif
#define EACH_VEC(v, vecs) _Pragma("GCC unroll 4") for (int v = 0; v < vecs; v++)

/* Calls f(vecs, i, ...) for the bands that make up the channels from `i` to `end`. */
#define EACH_BAND(f, i, end, ...)                                                         \
    do {                                                                                  \
        for (; (end) - (i) >= BAND * LANES; (i) += BAND * LANES) f(BAND, i, __VA_ARGS__); \
        for (; (i) < (end); (i) += LANES) f(1, i, __VA_ARGS__);                           \
    } while (0)

/* Channels whose coefficients are kept at once, in up to four arrays of the scratch. */
enum { MAX_CHANNELS = 16384 };
_Static_assert(4 * MAX_CHANNELS * sizeof(double) <= FNN_SCRATCH, "coefficients fit the scratch");

static inline int64_t at_most(int64_t n, int64_t most) { return n < most ? n : most; }

/* ---- sums over rows, which are `stride` apart, for a band of which `lanes` channels are there ----- */

typedef struct {
    const real *x;
    int64_t rows, stride, lanes;
} band_rows;

VERB vec band_vec(const band_rows *a, int64_t row, int v)
{
    return load_lanes(a->x + row * a->stride + v * LANES, a->lanes - v * LANES);
}

VERB band_rows band_chunk(const band_rows *a, int64_t first)
{
    return (band_rows){a->x + first * a->stride, at_most(a->rows - first, CHUNK_ROWS), a->stride,
                       a->lanes};
}

/* sum += x over a chunk */
VERB void add_chunk(int vecs, band_rows a, vec *sum)
{
    vec even[BAND], odd[BAND];
    EACH_VEC(v, vecs) even[v] = odd[v] = v_zero();
    for (; a.rows > 0; a.rows -= 2, a.x += 2 * a.stride) EACH_VEC(v, vecs)
        {
            even[v] = v_add(even[v], band_vec(&a, 0, v));
            if (a.rows > 1) odd[v] = v_add(odd[v], band_vec(&a, 1, v));
        }
    EACH_VEC(v, vecs) sum[v] = v_add(sum[v], v_add(even[v], odd[v]));
}

VERB void add_deviation(vec x, vec mean, vec *sum, vec *squares)
{
    vec gap = v_sub(x, mean);
    *sum = v_add(*sum, gap);
    *squares = v_fma(gap, gap, *squares);
}

/* sum = sum x - mean, squares = sum (x - mean)^2 over a chunk */
VERB void sum_deviations(int vecs, band_rows a, const vec *mean, vec *sum, vec *squares)
{
    vec odd[BAND], odd_squares[BAND];
    EACH_VEC(v, vecs) sum[v] = odd[v] = squares[v] = odd_squares[v] = v_zero();
    for (; a.rows > 0; a.rows -= 2, a.x += 2 * a.stride) EACH_VEC(v, vecs)
        {
            add_deviation(band_vec(&a, 0, v), mean[v], &sum[v], &squares[v]);
            if (a.rows > 1) add_deviation(band_vec(&a, 1, v), mean[v], &odd[v], &odd_squares[v]);
        }
    EACH_VEC(v, vecs) sum[v] = v_add(sum[v], odd[v]);
    EACH_VEC(v, vecs) squares[v] = v_add(squares[v], odd_squares[v]);
}

VERB void sum_band(int vecs, band_rows a, vec *sum)
{
    EACH_VEC(v, vecs) sum[v] = v_zero();
    for (int64_t r = 0; r < a.rows; r += CHUNK_ROWS) add_chunk(vecs, band_chunk(&a, r), sum);
}

/* mean and spread = sum (x - mean)^2 of a chunk.  The deviations from a rounded mean say how far it is off,
 * unless it is not finite. */
VERB void moments_of_chunk(int vecs, band_rows a, vec *mean, vec *spread)
{
    vec rest[BAND], count = v_set1((real)a.rows);
    EACH_VEC(v, vecs) mean[v] = v_zero();
    add_chunk(vecs, a, mean);
    EACH_VEC(v, vecs) mean[v] = v_div(mean[v], count);
    sum_deviations(vecs, a, mean, rest, spread);
    EACH_VEC(v, vecs)
    {
        vec off = v_div(rest[v], count);
        spread[v] = v_max(v_zero(), v_fnma(off, rest[v], spread[v]));
        mean[v] = v_select(v_isnan(off), mean[v], v_add(mean[v], off));
    }
}

/* The same of any number of rows, chunk by chunk; an infinite mean stays one. */
VERB void moments_of_band(int vecs, band_rows a, vec *mean, vec *spread)
{
    moments_of_chunk(vecs, band_chunk(&a, 0), mean, spread);
    for (int64_t r = CHUNK_ROWS; r < a.rows; r += CHUNK_ROWS) {
        band_rows chunk = band_chunk(&a, r);
        vec centre[BAND], within[BAND];
        double part = (double)chunk.rows / (double)(r + chunk.rows);
        moments_of_chunk(vecs, chunk, centre, within);
        EACH_VEC(v, vecs)
        {
            vec gap = v_sub(centre[v], mean[v]), both = v_add(centre[v], mean[v]);
            vec between = v_mul(v_mul(gap, gap), v_set1((real)(part * (double)r)));
            vec moved = v_fma(gap, v_set1((real)part), mean[v]);
            spread[v] = v_add(spread[v], v_add(within[v], between));
            mean[v] = v_select(v_isnan(moved), both, moved);
        }
    }
}

VERB void store_band(int vecs, real *to, const vec *from, int64_t lanes)
{
    EACH_VEC(v, vecs) store_lanes(to + v * LANES, from[v], lanes - v * LANES);
}

VERB void moments_of_sample(int vecs, int64_t i, const fnn_op *op, int64_t r)
{
    int64_t n = op->dim[1], c = op->dim[2];
    vec mean[BAND], spread[BAND];
    band_rows x = {(const real *)op->arg[0] + r * n * c + i, n, c, c - i};
    moments_of_band(vecs, x, mean, spread);
    store_band(vecs, (real *)op->arg[1] + r * c + i, mean, c - i);
    store_band(vecs, (real *)op->arg[2] + r * c + i, spread, c - i);
}

/* Threads share the samples; m[c] and s[c] of a sample are over its own places. */
static void op_moments(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        int64_t i = 0;
        EACH_BAND(moments_of_sample, i, op->dim[2], op, r);
    }
}

VERB void pool_band(int vecs, int64_t i, const fnn_op *op, int64_t lanes)
{
    const real *s = op->arg[1];
    int64_t r = op->dim[0], c = op->dim[1];
    vec mean[BAND], spread[BAND], within[BAND];
    moments_of_band(vecs, (band_rows){(const real *)op->arg[0] + i, r, c, lanes}, mean, spread);
    if (s) sum_band(vecs, (band_rows){s + i, r, c, lanes}, within);
    EACH_VEC(v, vecs)
    {
        spread[v] = v_mul(spread[v], v_set1((real)op->attr[0]));
        if (s) spread[v] = v_add(spread[v], within[v]);
        spread[v] = v_div(spread[v], v_set1((real)(op->attr[0] * (double)r)));
    }
    store_band(vecs, (real *)op->arg[2] + i, mean, lanes);
    store_band(vecs, (real *)op->arg[3] + i, spread, lanes);
}

/* Threads share the channels. */
static void op_pool_moments(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end;
    fnn_share(task, op->dim[1], LANES, &i, &end);
    EACH_BAND(pool_band, i, end, op, end - i);
}

static void op_moving_average(const fnn_op *op, const fnn_task *task)
{
    real *a = op->arg[0];
    const real *x = op->arg[1];
    vec gain = v_set1((real)(1 - op->attr[0]));
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec old = load_lanes(a + i, end - i), gap = v_sub(load_lanes(x + i, end - i), old);
        store_lanes(a + i, v_fma(gap, gain, old), end - i);
    }
}

/* What the sum over the n places of sample r is divided by: those that count */
static real places_of_sample(const real *counts, int64_t r, int64_t n)
{
    real sum = 0;
    if (!counts) return (real)n;
    for (int64_t i = 0; i < n; i++) sum += counts[r * n + i];
    return sum;
}

VERB void mean_of_sample(int vecs, int64_t i, const fnn_op *op, int64_t r, real places)
{
    int64_t n = op->dim[1], c = op->dim[2];
    vec sum[BAND];
    sum_band(vecs, (band_rows){(const real *)op->arg[0] + r * n * c + i, n, c, c - i}, sum);
    EACH_VEC(v, vecs) sum[v] = v_div(sum[v], v_set1(places));
    store_band(vecs, (real *)op->arg[2] + r * c + i, sum, c - i);
}

static void op_global_mean_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        int64_t i = 0;
        real places = places_of_sample(op->arg[1], r, op->dim[1]);
        EACH_BAND(mean_of_sample, i, op->dim[2], op, r, places);
    }
}

static void op_global_mean_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, c = op->dim[1], n = op->dim[2];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        real *dx = (real *)op->arg[2] + r * n * c;
        vec count = v_set1(places_of_sample(op->arg[1], r, n));
        for (int64_t i = 0; i < c; i += LANES) {
            vec dy = load_lanes((const real *)op->arg[0] + r * c + i, c - i);
            store_lanes(dx + i, v_div(dy, count), c - i);
        }
        for (int64_t p = 1; p < n; p++) memcpy(dx + p * c, dx, (size_t)c * sizeof(real));
    }
}

/* ---- channels shifted and scaled ------------------------------------------------------------------ */

/* Rows of c channels that go to one thread at the least. */
static inline int64_t rows_of_grain(int64_t c) { return c < ELEMENT_GRAIN ? ELEMENT_GRAIN / c : 1; }

/* 1 / sqrt(var + epsilon), times gamma if there is one. */
VERB vec scale_of(const real *var, const real *gamma, double epsilon, int64_t n)
{
    vec root = v_sqrt(v_add(load_lanes(var, n), v_set1((real)epsilon)));
    return v_div(gamma ? load_lanes(gamma, n) : v_set1(1), root);
}

/* y = g((x - mean) scale + shift + z) for n channels of rows that are `stride` apart; z may be NULL */
VERB void normalize_rows(int code, const real *x, const real *z, real *y, int64_t rows,
                         int64_t stride, int64_t n, const real *mean, const real *scale,
                         const real *shift)
{
    for (int64_t at = 0; rows > 0; rows--, at += stride)
        for (int64_t i = 0; i < n; i += LANES) {
            vec gap = v_sub(load_lanes(x + at + i, n - i), load_lanes(mean + i, n - i));
            vec sum = v_fma(gap, load_lanes(scale + i, n - i), load_lanes(shift + i, n - i));
            if (z) sum = v_add(sum, load_lanes(z + at + i, n - i));
            store_lanes(y + at + i, activation_of(code, sum), n - i);
        }
}

static void op_normalize_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *mean = op->arg[1], *var = op->arg[2], *gamma = op->arg[3], *beta = op->arg[4];
    real *scale = (real *)task->scratch, *shift = scale + MAX_CHANNELS;
    int64_t begin, end, c = op->dim[1];
    fnn_share(task, op->dim[0], rows_of_grain(c), &begin, &end);
    for (int64_t j = 0; j < c; j += MAX_CHANNELS) {
        const real *x = (const real *)op->arg[0] + begin * c + j;
        const real *z = op->arg[5] ? (const real *)op->arg[5] + begin * c + j : NULL;
        real *y = (real *)op->arg[6] + begin * c + j;
        int64_t n = at_most(c - j, MAX_CHANNELS);
        for (int64_t i = 0; i < n; i += LANES) {
            vec factor = scale_of(var + j + i, gamma ? gamma + j + i : NULL, op->attr[0], n - i);
            store_lanes(scale + i, factor, n - i);
            store_lanes(shift + i, beta ? load_lanes(beta + j + i, n - i) : v_zero(), n - i);
        }
        switch ((int)op->attr[2]) {
#define ACTIVATION(name, forward, backward)                                                        \
    case FNN_ACTIVATION_##name:                                                                    \
        normalize_rows(FNN_ACTIVATION_##name, x, z, y, end - begin, c, n, mean + j, scale, shift); \
        break;
#include "../activations.def"
#undef ACTIVATION
        default:
            break;
        }
    }
}

/* sum += dy g', inner += dy g' (x - mean) for one vector of one row */
VERB void add_pull(int code, const band_rows *dy, const band_rows *y, const band_rows *x,
                   int64_t row, int v, vec mean, vec *sum, vec *inner)
{
    vec slope = band_vec(dy, row, v);
    if (y->x) slope = activation_gradient(code, band_vec(y, row, v), slope);
    *sum = v_add(*sum, slope);
    *inner = v_fma(slope, v_sub(band_vec(x, row, v), mean), *inner);
}

/* a += sum dy g', b += sum dy g' (x - mean) over a chunk; y absent: g' = 1 */
VERB void add_pulls(int code, int vecs, band_rows dy, band_rows y, band_rows x, const vec *mean,
                    vec *a, vec *b)
{
    vec sum[2][BAND], inner[2][BAND];
    EACH_VEC(v, vecs) sum[0][v] = sum[1][v] = inner[0][v] = inner[1][v] = v_zero();
    for (int64_t r = 0; r < dy.rows; r += 2) EACH_VEC(v, vecs)
        {
            add_pull(code, &dy, &y, &x, r, v, mean[v], &sum[0][v], &inner[0][v]);
            if (r + 1 < dy.rows)
                add_pull(code, &dy, &y, &x, r + 1, v, mean[v], &sum[1][v], &inner[1][v]);
        }
    EACH_VEC(v, vecs) a[v] = v_add(a[v], v_add(sum[0][v], sum[1][v]));
    EACH_VEC(v, vecs) b[v] = v_add(b[v], v_add(inner[0][v], inner[1][v]));
}

VERB void pull_of_sample(int vecs, int64_t i, int code, const fnn_op *op, int64_t r)
{
    int64_t n = op->dim[1], c = op->dim[2], at = r * n * c + i;
    const real *y = op->arg[1];
    band_rows of_dy = {(const real *)op->arg[0] + at, n, c, c - i}, of_y = of_dy, of_x = of_dy;
    of_y.x = y ? y + at : NULL;
    of_x.x = (const real *)op->arg[2] + at;
    vec mean[BAND], a[BAND], b[BAND];
    EACH_VEC(v, vecs)
    {
        a[v] = b[v] = v_zero();
        mean[v] = load_lanes((const real *)op->arg[3] + i + v * LANES, c - i - v * LANES);
    }
    for (int64_t p = 0; p < n; p += CHUNK_ROWS)
        add_pulls(code, vecs, band_chunk(&of_dy, p), y ? band_chunk(&of_y, p) : of_y,
                  band_chunk(&of_x, p), mean, a, b);
    store_band(vecs, (real *)op->arg[4] + r * c + i, a, c - i);
    store_band(vecs, (real *)op->arg[5] + r * c + i, b, c - i);
}

VERB void pull_of_samples(int code, const fnn_op *op, int64_t r, int64_t end)
{
    for (; r < end; r++) {
        int64_t i = 0;
        EACH_BAND(pull_of_sample, i, op->dim[2], code, op, r);
    }
}

/* Threads share the samples. */
static void op_normalize_bwd_p(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end;
    fnn_share(task, op->dim[0], 1, &r, &end);
    switch ((int)op->attr[0]) {
#define ACTIVATION(name, forward, backward)                 \
    case FNN_ACTIVATION_##name:                             \
        pull_of_samples(FNN_ACTIVATION_##name, op, r, end); \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}

VERB void sums_of_pulls(int vecs, int64_t i, const fnn_op *op, int64_t lanes)
{
    int64_t r = op->dim[0], c = op->dim[1];
    vec a[BAND], b[BAND];
    sum_band(vecs, (band_rows){(const real *)op->arg[0] + i, r, c, lanes}, a);
    sum_band(vecs, (band_rows){(const real *)op->arg[1] + i, r, c, lanes}, b);
    EACH_VEC(v, vecs)
    {
        const real *var = (const real *)op->arg[2] + i + v * LANES;
        b[v] = v_mul(b[v], scale_of(var, NULL, op->attr[0], lanes - v * LANES));
    }
    store_band(vecs, (real *)op->arg[3] + i, b, lanes);
    store_band(vecs, (real *)op->arg[4] + i, a, lanes);
}

/* Threads share the channels. */
static void op_normalize_bwd_w(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end;
    fnn_share(task, op->dim[1], LANES, &i, &end);
    EACH_BAND(sums_of_pulls, i, end, op, end - i);
}

/* What dx = gain (dy g' - pull - (x - mean) slope) takes for each channel. */
typedef struct {
    real *gain, *pull, *slope;
    const real *mean;
} channel_gradient;

/* dx for n channels of rows that are `stride` apart; y NULL: g' = 1; x NULL: no pull, no slope */
VERB void normalize_rows_bwd(int code, const real *dy, const real *y, const real *x, real *dx,
                             int64_t rows, int64_t stride, int64_t n, channel_gradient by)
{
    for (int64_t at = 0; rows > 0; rows--, at += stride)
        for (int64_t i = 0; i < n; i += LANES) {
            vec slope = load_lanes(dy + at + i, n - i);
            if (y) slope = activation_gradient(code, load_lanes(y + at + i, n - i), slope);
            if (x) {
                vec gap = v_sub(load_lanes(x + at + i, n - i), load_lanes(by.mean + i, n - i));
                slope = v_sub(slope, load_lanes(by.pull + i, n - i));
                slope = v_fnma(gap, load_lanes(by.slope + i, n - i), slope);
            }
            store_lanes(dx + at + i, v_mul(slope, load_lanes(by.gain + i, n - i)), n - i);
        }
}

static void op_normalize_bwd_x(const fnn_op *op, const fnn_task *task)
{
    const real *dy = op->arg[0], *y = op->arg[1], *x = op->arg[2], *mean = op->arg[3];
    const real *var = op->arg[4], *gamma = op->arg[5], *dgamma = op->arg[6], *dbeta = op->arg[7];
    real *dx = op->arg[8], *room = (real *)task->scratch;
    channel_gradient by = {room, room + MAX_CHANNELS, room + 2 * MAX_CHANNELS, NULL};
    int64_t begin, end, c = op->dim[1];
    vec count = v_set1((real)op->dim[0]);
    fnn_share(task, op->dim[0], rows_of_grain(c), &begin, &end);
    for (int64_t j = 0; j < c; j += MAX_CHANNELS) {
        int64_t n = at_most(c - j, MAX_CHANNELS), at = begin * c + j;
        for (int64_t i = 0; i < n; i += LANES) {
            const real *of_gamma = gamma ? gamma + j + i : NULL;
            store_lanes(by.gain + i, scale_of(var + j + i, of_gamma, op->attr[0], n - i), n - i);
            if (!x) continue;
            vec scale = scale_of(var + j + i, NULL, op->attr[0], n - i);
            vec pull = load_lanes(dbeta + j + i, n - i), slope = load_lanes(dgamma + j + i, n - i);
            store_lanes(by.pull + i, v_div(pull, count), n - i);
            store_lanes(by.slope + i, v_mul(scale, v_div(slope, count)), n - i);
        }
        if (x) by.mean = mean + j;
        switch ((int)op->attr[1]) {
#define ACTIVATION(name, forward, backward)                                                      \
    case FNN_ACTIVATION_##name:                                                                  \
        normalize_rows_bwd(FNN_ACTIVATION_##name, dy + at, y ? y + at : NULL, x ? x + at : NULL, \
                           dx + at, end - begin, c, n, by);                                      \
        break;
#include "../activations.def"
#undef ACTIVATION
        default:
            break;
        }
    }
}

/* k = w scale, s = (b - mean) scale + beta: a product followed by fixed statistics is a product. */
static void op_normalize_fold(const fnn_op *op, const fnn_task *task)
{
    const real *w = op->arg[0], *b = op->arg[1], *mean = op->arg[2], *var = op->arg[3];
    const real *gamma = op->arg[4], *beta = op->arg[5];
    real *k = op->arg[6], *s = op->arg[7], *scale = (real *)task->scratch;
    int64_t begin, end, o = op->dim[1];
    fnn_share(task, op->dim[0], rows_of_grain(o), &begin, &end);
    for (int64_t j = 0; j < o; j += MAX_CHANNELS) {
        int64_t n = at_most(o - j, MAX_CHANNELS);
        for (int64_t i = 0; i < n; i += LANES) {
            const real *of_gamma = gamma ? gamma + j + i : NULL;
            store_lanes(scale + i, scale_of(var + j + i, of_gamma, op->attr[0], n - i), n - i);
        }
        for (int64_t r = begin; r < end; r++)
            for (int64_t i = 0; i < n; i += LANES) {
                int64_t at = r * o + j + i;
                vec factor = load_lanes(scale + i, n - i);
                store_lanes(k + at, v_mul(load_lanes(w + at, n - i), factor), n - i);
            }
        for (int64_t i = 0; i < n && task->thread == 0; i += LANES) {
            vec from = b ? load_lanes(b + j + i, n - i) : v_zero();
            vec gap = v_sub(from, load_lanes(mean + j + i, n - i));
            vec to = beta ? load_lanes(beta + j + i, n - i) : v_zero();
            store_lanes(s + j + i, v_fma(gap, load_lanes(scale + i, n - i), to), n - i);
        }
    }
}

#undef EACH_VEC
#undef EACH_BAND
