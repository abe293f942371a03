/* depthwise-inl.h: the three products of a convolution of each channel by itself, x[r,h,w,c] k[m,n,c] b[c]
 * -> y[r,p,q,c], and the gradient of a bias.
 *
 * Channels are lanes; a few windows side by side share the weights.  The gradient of x is such a
 * convolution, too: of dy, with every step-th tap turned round (conv2d-inl.h, phases).
 *
 * Invariant: a place outside of the image takes no part in a sum.  Sums over the taps run in row-major
 * order, of the taps of a phase from the last one, in blocks: a block ends with the row of the window, or
 * the stretch of FNN_KC taps, that makes it FNN_KC taps or more.  Sums over places run in blocks of FNN_KC
 * places at the most, of whole rows of places where they have room; blocks depend on p and q alone. */

/* A convolution of each channel: from[r,h,w,c] -> to, as windows g see it */
typedef struct {
    const window *g;
    const real *from, *k; /* k: the weights of the first tap */
    int64_t k_row, k_step;
    places_of_c to;
} depthwise;

/* The taps begin..end-1 of one axis that are in the image, of a window that begins at `from` */
typedef struct {
    int64_t begin, end;
} taps_inside;

static inline taps_inside inside_of(int64_t from, int64_t taps, int64_t step, int64_t size)
{
    int64_t begin = from < 0 ? (-from + step - 1) / step : 0;
    int64_t end = from < size ? min_of(taps, (size - from + step - 1) / step) : 0;
    return (taps_inside){begin, end};
}

enum { SIDE_BY_SIDE = 4 }; /* windows */

/* sum[i] += taps b.. + count of a row of the window of x + i step, k their weights; n channels */
VERB void add_taps(vec *sum, const real *x, int64_t step, const real *k, int64_t k_step,
                   int64_t count, int64_t dilation, int64_t n, const int windows)
{
    for (; count > 0; count--, x += dilation, k += k_step) {
        vec weight = load_lanes(k, n);
#pragma GCC unroll 4
        for (int i = 0; i < windows; i++)
            sum[i] = v_fma(load_lanes(x + i * step, n), weight, sum[i]);
    }
}

/* y[i] = the sums of windows of one row side by side, whose taps rows x columns are inside; n channels */
VERB void sum_windows(const depthwise *d, taps_inside rows, taps_inside columns, const real *x,
                      const real *k, real *y, int64_t n, const int windows)
{
    const window *g = d->g;
    int64_t step = g->stride_w * g->c, line = g->dilation_h * g->w * g->c;
    int64_t dilation = g->dilation_w * g->c, taps = 0;
    vec sum[SIDE_BY_SIDE], part[SIDE_BY_SIDE];
#pragma GCC unroll 4
    for (int i = 0; i < windows; i++) sum[i] = part[i] = v_zero();
    for (int64_t a = rows.begin; a < rows.end; a++)
        for (int64_t b = columns.begin, count; b < columns.end; b += count) {
            count = min_of(columns.end - b, FNN_KC);
            add_taps(part, x + a * line + b * dilation, step, k + a * d->k_row + b * d->k_step,
                     d->k_step, count, dilation, n, windows);
            taps += count;
            if (taps < FNN_KC) continue;
#pragma GCC unroll 4
            for (int i = 0; i < windows; i++) sum[i] = v_add(sum[i], part[i]), part[i] = v_zero();
            taps = 0;
        }
#pragma GCC unroll 4
    for (int i = 0; i < windows; i++) store_lanes(y + i * d->to.column, v_add(sum[i], part[i]), n);
}

/* All channels of `windows` windows side by side */
VERB void sum_channels(const depthwise *d, taps_inside rows, taps_inside columns, const real *x,
                       real *y, const int windows)
{
    int64_t c = d->g->c, j = 0;
    for (; j + LANES <= c; j += LANES)
        sum_windows(d, rows, columns, x + j, d->k + j, y + j, LANES, windows);
    if (j < c) sum_windows(d, rows, columns, x + j, d->k + j, y + j, c - j, windows);
}

/* Row `row` of windows, of all images */
static void depthwise_row(const depthwise *d, int64_t row)
{
    const window *g = d->g;
    int64_t top = g->top + row % g->p * g->stride_h;
    taps_inside rows = inside_of(top, g->m, g->dilation_h, g->h);
    const real *line = d->from + (row / g->p * g->h + top) * g->w * g->c;
    for (int64_t q = 0, count; q < g->q; q += count) {
        int64_t left = g->left + q * g->stride_w, last = left + (SIDE_BY_SIDE - 1) * g->stride_w;
        const real *x = line + left * g->c;
        real *y = place_of(&d->to, row * g->q + q);
        count = 1;
        if (q + SIDE_BY_SIDE <= g->q && left >= 0 && last + width_of(g) <= g->w) {
            count = SIDE_BY_SIDE;
            sum_channels(d, rows, (taps_inside){0, g->n}, x, y, SIDE_BY_SIDE);
        } else
            sum_channels(d, rows, inside_of(left, g->n, g->dilation_w, g->w), x, y, 1);
    }
}

/* Threads share the rows of windows. */
static void sum_depthwise(const depthwise *d, int64_t r, const real *bias, int activation,
                          const fnn_task *task)
{
    const window *g = d->g;
    int64_t row, end, work = 0;
    fnn_share(task, r * g->p, 1, &row, &end);
    for (; row < end && g->q; row++) {
        depthwise_row(d, row);
        activate_block(activation, place_of(&d->to, row * g->q), g->q, g->c, d->to.column, bias);
        work += g->q * g->c * (g->m * g->n + 1);
        if (work < POLL_WORK) continue;
        if (fnn_poll(task)) return;
        work = 0;
    }
}

static void op_depthwise_fwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t *n = op->dim;
    int64_t r = n[0], c = n[3];
    sliding_rule s = rule_of(op->attr);
    window g = window_by(&s, n[1], n[2], c, n[4], n[5], n[6], n[7]);
    depthwise d = {.g = &g,
                   .from = op->arg[0],
                   .k = op->arg[1],
                   .k_row = g.n * c,
                   .k_step = c,
                   .to = rows_of(op->arg[3], r * g.p * g.q, c)};
    sum_depthwise(&d, r, op->arg[2], (int)op->attr[CONV_ACTIVATION], task);
}

static void op_depthwise_bwd_x(const fnn_op *op, const fnn_task *task)
{
    const int64_t *n = op->dim;
    int64_t c = n[3], h = n[6], w = n[7], row = w * c;
    sliding_rule s = rule_of(op->attr);
    for (int64_t a = 0; a < s.stride_h; a++)
        for (int64_t b = 0; b < s.stride_w; b++) {
            phase fh = phase_of(a, s.stride_h, s.dilation_h, s.pad_h, h, n[4]);
            phase fw = phase_of(b, s.stride_w, s.dilation_w, s.pad_w, w, n[5]);
            sliding_rule turned = {1, 1, -fh.start, -fw.start, fh.dilation, fw.dilation};
            window g = window_by(&turned, n[1], n[2], c, fh.taps, fw.taps, fh.count, fw.count);
            depthwise d = {.g = &g,
                           .from = op->arg[0],
                           .k = (const real *)op->arg[1] + (fh.last * n[5] + fw.last) * c,
                           .k_row = -fh.step * n[5] * c,
                           .k_step = -fw.step * c,
                           .to = {.base = (real *)op->arg[2] + fh.first * row + fw.first * c,
                                  .h = g.p,
                                  .w = g.q,
                                  .image = h * row,
                                  .row = fh.stride * row,
                                  .column = fw.stride * c}};
            sum_depthwise(&d, n[0], NULL, FNN_ACTIVATION_linear, task);
        }
}

/* ---- the gradient of the weights ---- */

/* dk[m,n,c] as one thread does it */
typedef struct {
    const window *g;
    const real *x, *dy;
    real *dk;
} depthwise_weights;

enum { TAPS_AT_ONCE = 4 };

/* Places of a row of windows: row, and q..end-1 */
typedef struct {
    int64_t row, q, end;
} stretch_of_row;

/* sum[] += the places of `at`, for the taps (a, b).. of one row of the window and n channels from j on */
VERB void add_places(const depthwise_weights *d, stretch_of_row at, int64_t a, int64_t b, int64_t j,
                     int64_t n, const int taps, vec *sum)
{
    const window *g = d->g;
    int64_t h = g->top + at.row % g->p * g->stride_h + a * g->dilation_h;
    if (h < 0 || h >= g->h) return;
    const real *line = d->x + (at.row / g->p * g->h + h) * g->w * g->c + j;
    const real *dy = d->dy + (at.row * g->q + at.q) * g->c + j;
    int64_t w = g->left + at.q * g->stride_w + b * g->dilation_w;
    for (int64_t q = at.q; q < at.end; q++, w += g->stride_w, dy += g->c) {
        vec slope = load_lanes(dy, n);
        int all = w >= 0 && w + (taps - 1) * g->dilation_w < g->w;
#pragma GCC unroll 4
        for (int t = 0; t < taps; t++) {
            int64_t column = w + t * g->dilation_w;
            if (all || (column >= 0 && column < g->w))
                sum[t] = v_fma(load_lanes(line + column * g->c, n), slope, sum[t]);
        }
    }
}

/* dk[a, b.. + taps] (+)= a block of places: `rows` rows from `at` on */
VERB void weigh_taps(const depthwise_weights *d, stretch_of_row at, int64_t rows, int64_t a,
                     int64_t b, int64_t j, int64_t n, const int taps)
{
    vec sum[TAPS_AT_ONCE];
    int add = at.row > 0 || at.q > 0;
#pragma GCC unroll 4
    for (int t = 0; t < taps; t++) sum[t] = v_zero();
    for (int64_t end = at.row + rows; at.row < end; at.row++)
        add_places(d, at, a, b, j, n, taps, sum);
    real *dk = d->dk + (a * d->g->n + b) * d->g->c + j;
#pragma GCC unroll 4
    for (int t = 0; t < taps; t++, dk += d->g->c)
        store_lanes(dk, add ? v_add(load_lanes(dk, n), sum[t]) : sum[t], n);
}

/* All taps of row a of the window */
VERB void weigh_row(const depthwise_weights *d, stretch_of_row at, int64_t rows, int64_t a,
                    int64_t j, int64_t n)
{
    int64_t b = 0;
    for (; b + TAPS_AT_ONCE <= d->g->n; b += TAPS_AT_ONCE)
        weigh_taps(d, at, rows, a, b, j, n, TAPS_AT_ONCE);
    if (b + 3 <= d->g->n) weigh_taps(d, at, rows, a, b, j, n, 3), b += 3;
    for (; b < d->g->n; b++) weigh_taps(d, at, rows, a, b, j, n, 1);
}

/* The units begin..end-1, each a vector of channels and a row of the window, of a block of places */
static void weigh_block(const depthwise_weights *d, stretch_of_row at, int64_t rows, int64_t begin,
                        int64_t end)
{
    for (int64_t unit = begin; unit < end; unit++) {
        int64_t j = unit / d->g->m * LANES, a = unit % d->g->m, n = d->g->c - j;
        if (n >= LANES)
            weigh_row(d, at, rows, a, j, LANES);
        else
            weigh_row(d, at, rows, a, j, n);
    }
}

static void op_depthwise_bwd_w(const fnn_op *op, const fnn_task *task)
{
    const int64_t *n = op->dim;
    sliding_rule s = rule_of(op->attr);
    window g = window_by(&s, n[1], n[2], n[3], n[6], n[7], n[4], n[5]);
    depthwise_weights d = {.g = &g, .x = op->arg[0], .dy = op->arg[1], .dk = op->arg[2]};
    int64_t all = n[0] * g.p, rows = g.q < FNN_KC ? FNN_KC / g.q : 1, begin, end;
    fnn_share(task, whole_vectors(g.c) / LANES * g.m, 1, &begin, &end);
    if (all == 0) weigh_block(&d, (stretch_of_row){0}, 0, begin, end);
    for (stretch_of_row at = {0}; at.row < all; at.row += rows) {
        int64_t count = min_of(rows, all - at.row);
        for (at.q = 0; at.q < g.q; at.q = at.end) {
            at.end = min_of(at.q + FNN_KC, g.q);
            weigh_block(&d, at, count, begin, end);
        }
        at.q = 0;
        if (fnn_poll(task)) return;
    }
}

/* db[c] = sum_r dy[r,c], in blocks of FNN_KC rows; threads share the channels. */
static void op_bias_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], c = op->dim[1], j, end;
    fnn_share(task, c, LANES, &j, &end);
    real *db = op->arg[1];
    for (int64_t at = j; at < end; at += LANES) store_lanes(db + at, v_zero(), c - at);
    for (int64_t row = 0, next; row < r; row = next) {
        next = min_of(row + FNN_KC, r);
        for (int64_t at = j; at < end; at += LANES) {
            const real *dy = (const real *)op->arg[0] + row * c + at;
            vec sum = v_zero();
            for (int64_t i = row; i < next; i++, dy += c) sum = v_add(sum, load_lanes(dy, c - at));
            store_lanes(db + at, v_add(load_lanes(db + at, c - at), sum), c - at);
        }
        if (fnn_poll(task)) return;
    }
}
