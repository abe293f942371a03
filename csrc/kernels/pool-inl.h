/* pool-inl.h: the largest of each window of an image, channel by channel.
 *
 * Invariant: NaN is the largest of all; a place outside the image is never chosen.  Windows are walked
 * in row-major order and channels are lanes, so which thread or lane does a window changes nothing.
 * A window that meets no place of the image gives -inf and passes no gradient. */

typedef struct {
    int64_t h, w, c, p, q, size_h, size_w, stride_h, stride_w, pad_h, pad_w;
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

/* y[q,c] = max over whole 2 x 2 squares of the image rows x[2,w,c]. */
static inline void pool_halve(const pool_shape *s, const real *x, real *y)
{
    int64_t c = s->c, below = s->w * c;
    for (int64_t q = 0; q < s->q; q++, x += 2 * c, y += c)
        for (int64_t k = 0; k < c; k += LANES) {
            vec top = v_max(load_lanes(x + k, c - k), load_lanes(x + c + k, c - k));
            vec bottom =
                v_max(load_lanes(x + below + k, c - k), load_lanes(x + below + c + k, c - k));
            store_lanes(y + k, v_max(top, bottom), c - k);
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
            pool_halve(&s, x + 2 * p * s.w * s.c, y);
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

/* dx += dy at the first maximum of window v. */
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

/* dx[2,w,c] of a strip of whole squares; columns beyond them get 0. */
static inline void pool_unhalve(const pool_shape *s, const real *x, const real *y, const real *dy,
                                real *dx)
{
    int64_t c = s->c, below = s->w * c, rest = (s->w - 2 * s->q) * c;
    for (int64_t q = 0; q < s->q; q++, x += 2 * c, dx += 2 * c, y += c, dy += c)
        for (int64_t k = 0; k < c; k += LANES) {
            vec most = load_lanes(y + k, c - k), slope = load_lanes(dy + k, c - k);
            mask found = m_first(0);
            for (int64_t corner = 0; corner < 4; corner++) {
                int64_t at = corner / 2 * below + corner % 2 * c + k;
                store_lanes(dx + at, pool_claim(load_lanes(x + at, c - k), most, slope, &found),
                            c - k);
            }
        }
    memset(dx, 0, (size_t)rest * sizeof(real));
    memset(dx + below, 0, (size_t)rest * sizeof(real));
}

static void pool_halve_bwd(const pool_shape *s, const real *x, const real *y, const real *dy,
                           real *dx)
{
    int64_t strip = 2 * s->w * s->c, row = s->q * s->c;
    for (int64_t p = 0; p < s->p; p++)
        pool_unhalve(s, x + p * strip, y + p * row, dy + p * row, dx + p * strip);
    memset(dx + s->p * strip, 0, (size_t)((s->h - 2 * s->p) * s->w * s->c) * sizeof(real));
}

/* Windows may share places: their gradients are added to zero in the order of the windows. */
static void pool_bwd(const pool_shape *s, const real *x, const real *y, const real *dy, real *dx)
{
    memset(dx, 0, (size_t)(s->h * s->w * s->c) * sizeof(real));
    for (int64_t p = 0; p < s->p; p++)
        for (int64_t q = 0; q < s->q; q++, y += s->c, dy += s->c)
            pool_scatter(s, pool_window_of(s, p, q), x, y, dy, dx);
}

/* Threads share images, so that one thread alone writes a place. */
static void op_maxpool2d_bwd(const fnn_op *op, const fnn_task *task)
{
    pool_shape s = pool_shape_of(op);
    int64_t r, end, image = s.h * s.w * s.c, pooled = s.p * s.q * s.c;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * image;
        const real *y = (const real *)op->arg[1] + r * pooled;
        const real *dy = (const real *)op->arg[2] + r * pooled;
        real *dx = (real *)op->arg[3] + r * image;
        (pool_is_halving(&s) ? pool_halve_bwd : pool_bwd)(&s, x, y, dy, dx);
    }
}
