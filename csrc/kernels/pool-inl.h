/* pool-inl.h: the largest, or the mean, of each window of an image, channel by channel.
 *
 * Invariant: NaN is the largest of all; a place outside the image is never chosen.  Windows are walked
 * in row-major order and channels are lanes, so which thread or lane does a window changes nothing.
 * A window that meets no place of the image gives -inf, or as a mean NaN, and passes no gradient.  Sums
 * run over the places of a window, or the windows over a place, in row-major order. */

typedef struct {
    int64_t h, w, c, p, q, size_h, size_w, stride_h, stride_w, pad_h, pad_w;
    int sums; /* of means: whether they are not divided by their places */
} pool_shape;

typedef struct {
    int64_t top, bottom, left,
        right; /* rows top..bottom-1 and columns left..right-1 of the image */
} pool_window;

static inline pool_shape pool_shape_of(const fnn_op *op)
{
    const int64_t *dim = op->dim;
    const double *attr = op->attr;
    return (pool_shape){.h = dim[1],
                        .w = dim[2],
                        .c = dim[3],
                        .p = dim[4],
                        .q = dim[5],
                        .size_h = (int64_t)attr[0],
                        .size_w = (int64_t)attr[1],
                        .stride_h = (int64_t)attr[2],
                        .stride_w = (int64_t)attr[3],
                        .pad_h = (int64_t)attr[4],
                        .pad_w = (int64_t)attr[5]};
}

static inline int64_t pool_clip(int64_t i, int64_t size) { return i < 0 ? 0 : i < size ? i : size; }

/* The part inside the image of the window of output (p, q). */
static inline pool_window pool_window_of(const pool_shape *s, int64_t p, int64_t q)
{
    int64_t top = p * s->stride_h - s->pad_h, left = q * s->stride_w - s->pad_w;
    return (pool_window){pool_clip(top, s->h), pool_clip(top + s->size_h, s->h),
                         pool_clip(left, s->w), pool_clip(left + s->size_w, s->w)};
}

/* Whether the windows are whole 2 x 2 squares side by side: most networks' pooling. */
static inline int pool_is_halving(const pool_shape *s)
{
    return s->size_h == 2 && s->size_w == 2 && s->stride_h == 2 && s->stride_w == 2 &&
           s->pad_h == 0 && s->pad_w == 0 && 2 * s->p <= s->h && 2 * s->q <= s->w;
}

/* y[c] = max over window v of the image x[h,w,c]. */
static inline void pool_max(const pool_shape *s, pool_window v, const real *x, real *y)
{
    for (int64_t k = 0; k < s->c; k += LANES) {
        vec most = v_set1((real)-INFINITY);
        for (int64_t i = v.top; i < v.bottom; i++)
            for (int64_t j = v.left; j < v.right; j++)
                most = v_max(most, load_lanes(x + (i * s->w + j) * s->c + k, s->c - k));
        store_lanes(y + k, most, s->c - k);
    }
}

/* The largest of four, or for a mean their sum times `part`. */
VERB vec pool_square(vec a, vec b, vec c, vec d, int mean, real part)
{
    if (mean) return v_mul(v_add(v_add(v_add(a, b), c), d), v_set1(part));
    return v_max(v_max(a, b), v_max(c, d));
}

/* y[q,c] of whole 2 x 2 squares of the image rows x[2,w,c]. */
VERB void pool_halve(const pool_shape *s, const real *x, real *y, int mean, real part)
{
    int64_t c = s->c, below = s->w * c;
    for (int64_t q = 0; q < s->q; q++, x += 2 * c, y += c)
        for (int64_t k = 0; k < c; k += LANES) {
            vec top = load_lanes(x + k, c - k), right = load_lanes(x + c + k, c - k);
            vec bottom = load_lanes(x + below + k, c - k);
            vec last = load_lanes(x + below + c + k, c - k);
            store_lanes(y + k, pool_square(top, right, bottom, last, mean, part), c - k);
        }
}

/* Threads share the rows of all output images. */
static void op_maxpool2d_fwd(const fnn_op *op, const fnn_task *task)
{
    pool_shape s = pool_shape_of(op);
    int64_t strip, end;
    fnn_share(task, op->dim[0] * s.p, 1, &strip, &end);
    for (; strip < end; strip++) {
        int64_t p = strip % s.p;
        const real *x = (const real *)op->arg[0] + strip / s.p * s.h * s.w * s.c;
        real *y = (real *)op->arg[1] + strip * s.q * s.c;
        if (pool_is_halving(&s))
            pool_halve(&s, x + 2 * p * s.w * s.c, y, 0, 0);
        else
            for (int64_t q = 0; q < s.q; q++)
                pool_max(&s, pool_window_of(&s, p, q), x, y + q * s.c);
    }
}

/* dy where x is the window's maximum y, as long as none was `found` before; else 0. */
static inline vec pool_claim(vec x, vec y, vec dy, mask *found)
{
    mask won = m_and(m_or(v_eq(x, y), v_isnan(x)), m_not(*found));
    *found = m_or(*found, won);
    return v_select(won, dy, v_zero());
}

/* dx[2,w,c] of a strip of whole squares; columns beyond them get 0.  Past the caches if `far`. */
static inline void pool_unhalve(const pool_shape *s, const real *x, const real *y, const real *dy,
                                real *dx, int far)
{
    int64_t c = s->c, below = s->w * c, rest = (s->w - 2 * s->q) * c;
    int ahead = far ? AHEAD_BYTES / 4 : 0;
    for (int64_t q = 0; q < s->q; q++, x += 2 * c, dx += 2 * c, y += c, dy += c)
        for (int64_t k = 0; k < c; k += LANES) {
            vec most = read_lanes(y + k, c - k, ahead), slope = read_lanes(dy + k, c - k, ahead);
            mask found = m_first(0);
            for (int64_t corner = 0; corner < 4; corner++) {
                int64_t at = corner / 2 * below + corner % 2 * c + k;
                vec value = read_lanes(x + at, c - k, ahead);
                write_lanes(dx + at, pool_claim(value, most, slope, &found), c - k, far);
            }
        }
    memset(dx, 0, (size_t)rest * sizeof(real));
    memset(dx + below, 0, (size_t)rest * sizeof(real));
}

/* Strips p..end-1 of whole squares, and with the last one the rows beyond. */
static void pool_halve_bwd(const pool_shape *s, int64_t p, int64_t end, const real *x,
                           const real *y, const real *dy, real *dx, int far)
{
    int64_t strip = 2 * s->w * s->c, row = s->q * s->c;
    for (; p < end; p++)
        pool_unhalve(s, x + p * strip, y + p * row, dy + p * row, dx + p * strip, far);
    if (end == s->p)
        memset(dx + s->p * strip, 0, (size_t)((s->h - 2 * s->p) * s->w * s->c) * sizeof(real));
}

/* ---- windows in general ----
 *
 * Windows may share places: a place gets 0 plus the gradients of its windows in their order.  It is
 * computed by the thread that owns its row, from the place that won each window of the rows of windows
 * above it. */

/* Windows begin..end-1 along one side cover a place. */
typedef struct {
    int64_t begin, end;
} pool_cover;

/* The windows over place i; `cover` is that of a place before it, or none. */
static inline void pool_advance(pool_cover *cover, int64_t i, int64_t count, int64_t size,
                                int64_t stride, int64_t pad)
{
    while (cover->end < count && cover->end * stride - pad <= i) cover->end++;
    while (cover->begin < cover->end && cover->begin * stride - pad + size <= i) cover->begin++;
}

/* Rows of windows that may cover one place. */
static inline int64_t pool_depth(const pool_shape *s)
{
    return (s->size_h + s->stride_h - 1) / s->stride_h;
}

/* For n channels, LANES at the most: the first place i w + j of window v of x that is `most`, or is NaN if
 * `nan`. */
VERB vec pool_first(const pool_shape *s, pool_window v, const real *x, vec most, int64_t n, int nan)
{
    vec winner = v_set1(-1), one = v_set1(1);
    for (int64_t i = v.bottom - 1; i >= v.top; i--) {
        vec place = v_set1((real)(i * s->w + v.right));
        for (int64_t j = v.right - 1; j >= v.left; j--) {
            vec value = load_lanes(x + (i * s->w + j) * s->c, n);
            mask won = v_eq(value, most);
            place = v_sub(place, one);
            winner = v_select(nan ? m_or(won, v_isnan(value)) : won, place, winner);
        }
    }
    return winner;
}

VERB vec pool_winner(const pool_shape *s, pool_window v, const real *x, vec most, int64_t n)
{
    if (m_any(v_isnan(most))) return pool_first(s, v, x, most, n, 1);
    return pool_first(s, v, x, most, n, 0);
}

/* winner[q,c] = the places that won each window of row p */
static void pool_winners(const pool_shape *s, int64_t p, const real *x, const real *y, real *winner)
{
    for (int64_t q = 0; q < s->q; q++, y += s->c, winner += s->c) {
        pool_window v = pool_window_of(s, p, q);
        int64_t k = 0;
        for (; k + LANES <= s->c; k += LANES) {
            vec most = read_lanes(y + k, LANES, AHEAD_BYTES / 4);
            v_store(winner + k, pool_winner(s, v, x + k, most, LANES));
        }
        if (k < s->c) {
            vec most = load_lanes(y + k, s->c - k);
            store_lanes(winner + k, pool_winner(s, v, x + k, most, s->c - k), s->c - k);
        }
    }
}

/* The windows over one row of dx: rows.begin.. of them, the winners of the first being winner[slot]. */
typedef struct {
    pool_cover rows;
    int64_t slot;
    const real *winner, *dy;
} pool_above;

/* For n channels: the sum of the slopes dy of the windows that `place` won, in their order. */
VERB vec pool_collect(const pool_shape *s, const pool_above *above, pool_cover columns, vec place,
                      int64_t k, int64_t n)
{
    int64_t row = s->q * s->c, slot = above->slot;
    vec sum = v_zero();
    for (int64_t p = above->rows.begin; p < above->rows.end; p++) {
        const real *winner = above->winner + slot * row + k, *dy = above->dy + p * row + k;
        for (int64_t q = columns.begin; q < columns.end; q++) {
            mask won = v_eq(load_lanes(winner + q * s->c, n), place);
            sum = v_add(sum, v_select(won, load_lanes(dy + q * s->c, n), v_zero()));
        }
        slot = slot + 1 < pool_depth(s) ? slot + 1 : 0;
    }
    return sum;
}

/* dx[w,c] of row i.  Asks for next[w,c] meanwhile. */
static void pool_collect_row(const pool_shape *s, int64_t i, const pool_above *above, real *dx,
                             const real *next, int far)
{
    pool_cover columns = {0, 0};
    for (int64_t j = 0; j < s->w; j++, dx += s->c, next += s->c) {
        vec place = v_set1((real)(i * s->w + j));
        pool_advance(&columns, j, s->q, s->size_w, s->stride_w, s->pad_w);
        int64_t k = 0, c = s->c;
        for (; k + LANES <= c; k += LANES) {
            ask_for(next + k);
            write_lanes(dx + k, pool_collect(s, above, columns, place, k, LANES), LANES, far);
        }
        if (k < c) store_lanes(dx + k, pool_collect(s, above, columns, place, k, c - k), c - k);
    }
}

/* Rows i..end-1 of dx[h,w,c]; the winners of window row p are kept in winner[p % depth]. */
static void pool_bwd_rows(const pool_shape *s, int64_t i, int64_t end, const real *x, const real *y,
                          const real *dy, real *dx, real *winner, int far)
{
    int64_t row = s->q * s->c, line = s->w * s->c, depth = pool_depth(s), known = 0;
    pool_above above = {{0, 0}, 0, winner, dy};
    for (; i < end; i++) {
        pool_advance(&above.rows, i, s->p, s->size_h, s->stride_h, s->pad_h);
        if (known < above.rows.begin) known = above.rows.begin;
        for (; known < above.rows.end; known++)
            pool_winners(s, known, x, y + known * row, winner + known % depth * row);
        above.slot = above.rows.begin % depth;
        pool_collect_row(s, i, &above, dx + i * line, x + (i + s->size_h) * line, far);
    }
}

/* Whether scratch holds the winners that pool_bwd_rows keeps, and a real the number of a place. */
static inline int pool_fits(const pool_shape *s)
{
    return pool_depth(s) * s->q * s->c <= (int64_t)(FNN_SCRATCH / sizeof(real)) &&
           s->h * s->w < (int64_t)1 << REAL_FRACTION;
}

/* The same without working memory: dx += dy at the first maximum of window v. */
static inline void pool_scatter(const pool_shape *s, pool_window v, const real *x, const real *y,
                                const real *dy, real *dx)
{
    for (int64_t k = 0; k < s->c; k += LANES) {
        vec most = load_lanes(y + k, s->c - k), slope = load_lanes(dy + k, s->c - k);
        mask found = m_first(0);
        for (int64_t i = v.top; i < v.bottom; i++)
            for (int64_t j = v.left; j < v.right; j++) {
                int64_t at = (i * s->w + j) * s->c + k;
                vec claim = pool_claim(load_lanes(x + at, s->c - k), most, slope, &found);
                store_lanes(dx + at, v_add(load_lanes(dx + at, s->c - k), claim), s->c - k);
            }
    }
}

static void pool_bwd_image(const pool_shape *s, const real *x, const real *y, const real *dy,
                           real *dx)
{
    memset(dx, 0, (size_t)(s->h * s->w * s->c) * sizeof(real));
    for (int64_t p = 0; p < s->p; p++)
        for (int64_t q = 0; q < s->q; q++, y += s->c, dy += s->c)
            pool_scatter(s, pool_window_of(s, p, q), x, y, dy, dx);
}

/* Threads share strips of squares, rows of dx or images: one alone writes a place. */
static void op_maxpool2d_bwd(const fnn_op *op, const fnn_task *task)
{
    pool_shape s = pool_shape_of(op);
    int halving = pool_is_halving(&s), fits = pool_fits(&s);
    int far = op->far && s.c % LANES == 0 && off_line(op->arg[3]) == 0;
    int64_t units = halving ? s.p : fits ? s.h : 1, unit, end;
    fnn_share(task, op->dim[0] * units, 1, &unit, &end);
    for (int64_t done; unit < end; unit += done) {
        int64_t r = unit / units, first = unit % units, image = s.h * s.w * s.c;
        const real *x = (const real *)op->arg[0] + r * image;
        const real *y = (const real *)op->arg[1] + r * s.p * s.q * s.c;
        const real *dy = (const real *)op->arg[2] + r * s.p * s.q * s.c;
        real *dx = (real *)op->arg[3] + r * image, *winner = (real *)(void *)task->scratch;
        done = end - unit < units - first ? end - unit : units - first;
        if (halving)
            pool_halve_bwd(&s, first, first + done, x, y, dy, dx, far);
        else if (fits)
            pool_bwd_rows(&s, first, first + done, x, y, dy, dx, winner, far);
        else
            pool_bwd_image(&s, x, y, dy, dx);
    }
    if (far) v_stream_end();
}

/* ---- means ---- */

/* The shape of op_avgpool2d_*, which has one attribute more */
static inline pool_shape mean_shape_of(const fnn_op *op)
{
    pool_shape s = pool_shape_of(op);
    s.sums = op->attr[6] != 0;
    return s;
}

/* What the sum over a window is divided by */
static inline real pool_places(const pool_shape *s, pool_window v)
{
    return s->sums ? 1 : (real)((v.bottom - v.top) * (v.right - v.left));
}

static inline real pool_quarter(const pool_shape *s) { return s->sums ? 1 : (real)0.25; }

/* For n channels: the mean, or the sum, of window v of x. */
VERB vec pool_mean(const pool_shape *s, pool_window v, const real *x, int64_t n)
{
    vec sum = v_zero();
    for (int64_t i = v.top; i < v.bottom; i++)
        for (int64_t j = v.left; j < v.right; j++)
            sum = v_add(sum, load_lanes(x + (i * s->w + j) * s->c, n));
    return s->sums ? sum : v_div(sum, v_set1(pool_places(s, v)));
}

/* y[q,c] = the means of row p of windows of x */
static void pool_mean_row(const pool_shape *s, int64_t p, const real *x, real *y)
{
    for (int64_t q = 0; q < s->q; q++, y += s->c) {
        pool_window v = pool_window_of(s, p, q);
        int64_t k = 0;
        for (; k + LANES <= s->c; k += LANES) v_store(y + k, pool_mean(s, v, x + k, LANES));
        if (k < s->c) store_lanes(y + k, pool_mean(s, v, x + k, s->c - k), s->c - k);
    }
}

/* Threads share the rows of all output images. */
static void op_avgpool2d_fwd(const fnn_op *op, const fnn_task *task)
{
    pool_shape s = mean_shape_of(op);
    int64_t strip, end;
    fnn_share(task, op->dim[0] * s.p, 1, &strip, &end);
    for (; strip < end; strip++) {
        const real *x = (const real *)op->arg[0] + strip / s.p * s.h * s.w * s.c;
        real *y = (real *)op->arg[1] + strip * s.q * s.c;
        if (pool_is_halving(&s))
            pool_halve(&s, x + 2 * (strip % s.p) * s.w * s.c, y, 1, pool_quarter(&s));
        else
            pool_mean_row(&s, strip % s.p, x, y);
    }
}

/* For n channels of a place: the sum of dy / places over the windows above it. */
VERB vec pool_spread(const pool_shape *s, pool_cover rows, pool_cover columns, const real *dy,
                     int64_t n)
{
    vec sum = v_zero();
    for (int64_t p = rows.begin; p < rows.end; p++)
        for (int64_t q = columns.begin; q < columns.end; q++) {
            vec part = v_set1(1 / pool_places(s, pool_window_of(s, p, q)));
            sum = v_fma(load_lanes(dy + (p * s->q + q) * s->c, n), part, sum);
        }
    return sum;
}

/* One row of dx[w,c] under whole squares: a quarter of dy[q,c], or dy; 0 beyond them. */
static void pool_spread_halves(const pool_shape *s, const real *dy, real *dx, int far)
{
    int64_t c = s->c;
    vec quarter = v_set1(pool_quarter(s));
    for (int64_t q = 0; q < s->q; q++, dy += c, dx += 2 * c)
        for (int64_t k = 0; k < c; k += LANES) {
            vec part = v_mul(read_lanes(dy + k, c - k, AHEAD_BYTES / 4), quarter);
            write_lanes(dx + k, part, c - k, far);
            write_lanes(dx + c + k, part, c - k, far);
        }
    memset(dx, 0, (size_t)((s->w - 2 * s->q) * c) * sizeof(real));
}

/* dx[w,c] under the rows of windows `rows` of dy[p,q,c] */
static void pool_spread_row(const pool_shape *s, pool_cover rows, const real *dy, real *dx, int far)
{
    pool_cover columns = {0, 0};
    for (int64_t j = 0; j < s->w; j++, dx += s->c) {
        int64_t k = 0, c = s->c;
        pool_advance(&columns, j, s->q, s->size_w, s->stride_w, s->pad_w);
        for (; k + LANES <= c; k += LANES)
            write_lanes(dx + k, pool_spread(s, rows, columns, dy + k, LANES), LANES, far);
        if (k < c) store_lanes(dx + k, pool_spread(s, rows, columns, dy + k, c - k), c - k);
    }
}

/* Threads share the rows of all dx.  Its sizes are the last axes here. */
static void op_avgpool2d_bwd(const fnn_op *op, const fnn_task *task)
{
    pool_shape d = mean_shape_of(op), s = d;
    s.h = d.p, s.w = d.q, s.p = d.h, s.q = d.w;
    int far = op->far && s.c % LANES == 0 && off_line(op->arg[1]) == 0;
    pool_cover rows = {0, 0};
    int64_t line, end;
    fnn_share(task, op->dim[0] * s.h, 1, &line, &end);
    for (; line < end; line++) {
        int64_t r = line / s.h, i = line % s.h;
        if (i == 0) rows = (pool_cover){0, 0};
        pool_advance(&rows, i, s.p, s.size_h, s.stride_h, s.pad_h);
        const real *dy = (const real *)op->arg[0] + r * s.p * s.q * s.c;
        real *dx = (real *)op->arg[1] + line * s.w * s.c;
        if (i < 2 * s.p && pool_is_halving(&s))
            pool_spread_halves(&s, dy + i / 2 * s.q * s.c, dx, far);
        else
            pool_spread_row(&s, rows, dy, dx, far);
    }
    if (far) v_stream_end();
}
