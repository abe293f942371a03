/* warp-inl.h: images moved, turned, stretched or cut out.
 *
 * A map (xx, xy, x0, yx, yy, y0) says where a pixel comes from: that of row i and column j of y lies at
 * row yy i + yx j + y0 and column xx j + xy i + x0 of x, between four pixels in general.
 *
 * Invariant: places are whole numbers of 2^-32 pixels, and weights of 2^-20, which both precisions hold; so
 * neither depends on the ISA.  A pixel of weight 0 is not read.  A map that is not finite, or leads
 * farther than 2^30 pixels away, makes the image NaN. */

enum { PLACE_BITS = 32, WEIGHT_BITS = 20, MAP_SIZE = 6 };
static const int64_t whole_pixel = (int64_t)1 << PLACE_BITS;

/* What stands beyond the edges of abcd, in the order of fastnn/ops/augmentation.py */
enum {
    FILL_CONSTANT, /* k k k k | a b c d | k k k k */
    FILL_REFLECT,  /* d c b a | a b c d | d c b a */
    FILL_WRAP,     /* a b c d | a b c d | a b c d */
    FILL_NEAREST   /* a a a a | a b c d | d d d d */
};

typedef struct {
    int64_t h, w, c, p, q;
    int fill, bilinear;
    real value;
} warp_shape;

static inline warp_shape warp_shape_of(const fnn_op *op, int64_t h, int64_t w, int64_t c, int64_t p,
                                       int64_t q)
{
    return (warp_shape){h, w, c, p, q, (int)op->attr[0], op->attr[1] != 0, (real)op->attr[2]};
}

typedef struct {
    int64_t xx, xy, x0, yx, yy, y0;
    int known;
} warp_map;

/* Whether all places a i + b j + c of the output are near enough to be counted. */
static inline int warp_reaches(double a, double b, double c, const warp_shape *s)
{
    return fabs(a) * (double)s->p + fabs(b) * (double)s->q + fabs(c) < 0x1p30;
}

static inline int64_t fixed_point(real a) { return (int64_t)((double)a * 0x1p32); }

static warp_map warp_map_of(const warp_shape *s, const real *m)
{
    int known = warp_reaches(m[1], m[0], m[2], s) && warp_reaches(m[4], m[3], m[5], s);
    if (!known) return (warp_map){.known = 0};
    return (warp_map){fixed_point(m[0]),
                      fixed_point(m[1]),
                      fixed_point(m[2]),
                      fixed_point(m[3]),
                      fixed_point(m[4]),
                      fixed_point(m[5]),
                      1};
}

/* Between pixels `at` and at + 1 of a line, whose weights are 1 - weight and weight */
typedef struct {
    int64_t at;
    real weight;
} warp_spot;

/* The nearest spot there is: for nearest neighbours a pixel, of two the later one. */
static inline warp_spot warp_spot_of(const warp_shape *s, int64_t place)
{
    int64_t half = whole_pixel >> (s->bilinear ? WEIGHT_BITS + 1 : 1), near = place + half;
    int64_t part = (near & (whole_pixel - 1)) >> (PLACE_BITS - WEIGHT_BITS);
    return (warp_spot){near >> PLACE_BITS, s->bilinear ? (real)(int32_t)part * (real)0x1p-20 : 0};
}

/* The pixel of a line of `size` that is seen at `at`, or -1: the constant. */
static inline int64_t warp_fold(int64_t at, int64_t size, int fill)
{
    if (at >= 0 && at < size) return at;
    if (fill == FILL_CONSTANT) return -1;
    if (fill == FILL_NEAREST) return at < 0 ? 0 : size - 1;
    int64_t period = fill == FILL_WRAP ? size : 2 * size, rest = at % period;
    if (rest < 0) rest += period;
    return rest < size ? rest : period - 1 - rest;
}

static inline real warp_blend(real weight, real a, real b)
{
    return weight == 0 ? a : (1 - weight) * a + weight * b;
}

/* ---- any map: pixel by pixel ---- */

/* Where the elements of a pixel lie; the constant has all in one place. */
typedef struct {
    const real *at;
    int64_t step;
} warp_pixel;

static inline warp_pixel warp_pixel_of(const warp_shape *s, const real *x, int64_t i, int64_t j)
{
    int64_t row = warp_fold(i, s->h, s->fill), column = warp_fold(j, s->w, s->fill);
    if (row < 0 || column < 0) return (warp_pixel){&s->value, 0};
    return (warp_pixel){x + (row * s->w + column) * s->c, 1};
}

static inline void warp_edge_pixel(const warp_shape *s, const real *x, warp_spot v, warp_spot u,
                                   real *y)
{
    warp_pixel a = warp_pixel_of(s, x, v.at, u.at), b = warp_pixel_of(s, x, v.at, u.at + 1);
    warp_pixel d = warp_pixel_of(s, x, v.at + 1, u.at), e = warp_pixel_of(s, x, v.at + 1, u.at + 1);
    for (int64_t k = 0; k < s->c; k++) {
        real left = warp_blend(v.weight, a.at[k * a.step], d.at[k * d.step]);
        real right = warp_blend(v.weight, b.at[k * b.step], e.at[k * e.step]);
        y[k] = warp_blend(u.weight, left, right);
    }
}

/* All four pixels are in the image and have a weight. */
static inline void warp_inner_pixel(const real *x, int64_t line, int64_t c, warp_spot v,
                                    warp_spot u, real *y)
{
    const real *below = x + line;
    real above_part = 1 - v.weight, left_part = 1 - u.weight;
    for (int64_t k = 0; k < c; k++) {
        real left = above_part * x[k] + v.weight * below[k];
        real right = above_part * x[c + k] + v.weight * below[c + k];
        y[k] = left_part * left + u.weight * right;
    }
}

static inline int warp_is_inner(const warp_shape *s, warp_spot v, warp_spot u)
{
    return v.at >= 0 && v.at + 1 < s->h && u.at >= 0 && u.at + 1 < s->w && v.weight != 0 &&
           u.weight != 0;
}

/* Row i of y[q,c]; c is s->c, known to the compiler where it is small. */
static inline void warp_row_of(const warp_shape *s, const warp_map *m, const real *x, int64_t i,
                               real *y, int64_t c)
{
    int64_t row = m->yy * i + m->y0, column = m->xy * i + m->x0;
    for (int64_t j = 0; j < s->q; j++, y += c, row += m->yx, column += m->xx) {
        warp_spot v = warp_spot_of(s, row), u = warp_spot_of(s, column);
        if (warp_is_inner(s, v, u))
            warp_inner_pixel(x + (v.at * s->w + u.at) * c, s->w * c, c, v, u, y);
        else
            warp_edge_pixel(s, x, v, u, y);
    }
}

/* The same of the nearest pixels */
static inline void warp_nearest_row_of(const warp_shape *s, const warp_map *m, const real *x,
                                       int64_t i, real *y, int64_t c)
{
    int64_t row = m->yy * i + m->y0, column = m->xy * i + m->x0;
    for (int64_t j = 0; j < s->q; j++, y += c, row += m->yx, column += m->xx) {
        warp_pixel a = warp_pixel_of(s, x, warp_spot_of(s, row).at, warp_spot_of(s, column).at);
        for (int64_t k = 0; k < c; k++) y[k] = a.at[k * a.step];
    }
}

/* name(..., c), with c as a constant where it is small */
#define WARP_CHANNELS(name, c, ...) \
    do {                            \
        if ((c) == 1)               \
            name(__VA_ARGS__, 1);   \
        else if ((c) == 3)          \
            name(__VA_ARGS__, 3);   \
        else                        \
            name(__VA_ARGS__, c);   \
    } while (0)

static void warp_row(const warp_shape *s, const warp_map *m, const real *x, int64_t i, real *y)
{
    if (s->bilinear)
        WARP_CHANNELS(warp_row_of, s->c, s, m, x, i, y);
    else
        WARP_CHANNELS(warp_nearest_row_of, s->c, s, m, x, i, y);
}

/* ---- rows that come from rows: no turn, so that lines are blended and copied whole ---- */

/* Working memory of a straight map: a line of x, a line of y and a pixel. */
static inline int warp_is_straight(const warp_shape *s, const warp_map *m)
{
    int64_t room = (int64_t)(FNN_SCRATCH / sizeof(real));
    return m->xy == 0 && m->yx == 0 && (s->w + s->q + 1) * s->c <= room;
}

/* to[n] = a (1 - weight) + b weight, without a fused multiply-add as warp_blend */
static inline void warp_blend_run(real weight, const real *a, const real *b, real *to, int64_t n)
{
    vec second = v_set1(weight), first = v_set1(1 - weight);
    for (int64_t i = 0; i < n; i += LANES) {
        vec left = v_mul(first, load_lanes(a + i, n - i));
        store_lanes(to + i, v_add(left, v_mul(second, load_lanes(b + i, n - i))), n - i);
    }
}

static inline void warp_fill_run(real *to, real value, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] = value;
}

/* The same with the constant in place of a. */
static inline void warp_fade_run(real weight, const real *a, real value, real *to, int64_t n)
{
    for (int64_t i = 0; i < n; i++) to[i] = warp_blend(weight, a[i], value);
}

/* The line [w,c] of x at spot v: in place, or made at `to`. */
static const real *warp_line(const warp_shape *s, const real *x, warp_spot v, real *to)
{
    int64_t n = s->w * s->c, a = warp_fold(v.at, s->h, s->fill);
    int64_t b = v.weight == 0 ? a : warp_fold(v.at + 1, s->h, s->fill);
    if (v.weight == 0 && a >= 0) return x + a * n;
    if (a < 0 && b < 0)
        warp_fill_run(to, s->value, n);
    else if (b < 0)
        warp_fade_run(v.weight, x + a * n, s->value, to, n);
    else if (a < 0)
        warp_fade_run(1 - v.weight, x + b * n, s->value, to, n);
    else
        warp_blend_run(v.weight, x + a * n, x + b * n, to, n);
    return to;
}

static inline void warp_copy_folded(const warp_shape *s, const real *line, int64_t at, real *to)
{
    int64_t column = warp_fold(at, s->w, s->fill);
    if (column < 0)
        warp_fill_run(to, s->value, s->c);
    else
        copy_reals(to, line + column * s->c, s->c);
}

/* to[count,c] = pixels at, at + 1, ... of a line */
static void warp_copy(const warp_shape *s, const real *line, int64_t at, real *to, int64_t count)
{
    int64_t j = 0, inside = min_of(count, s->w - at);
    for (; j < count && at + j < 0; j++) warp_copy_folded(s, line, at + j, to + j * s->c);
    if (j < inside) {
        copy_reals(to + j * s->c, line + (at + j) * s->c, (inside - j) * s->c);
        j = inside;
    }
    for (; j < count; j++) warp_copy_folded(s, line, at + j, to + j * s->c);
}

/* to[count,c] = from[count,c] from the last pixel to the first */
static inline void warp_reverse_of(const real *from, real *to, int64_t count, int64_t c)
{
    for (from += count * c; count > 0; count--, to += c) {
        from -= c;
        for (int64_t k = 0; k < c; k++) to[k] = from[k];
    }
}

static void warp_reverse(const real *from, real *to, int64_t count, int64_t c)
{
    WARP_CHANNELS(warp_reverse_of, c, from, to, count);
}

/* y[q,c] at columns one pixel apart, the first of them u, of a line; `spare` has room for a pixel more. */
static void warp_shifted(const warp_shape *s, const real *line, warp_spot u, real *y, real *spare)
{
    if (u.weight == 0) {
        warp_copy(s, line, u.at, y, s->q);
    } else {
        warp_copy(s, line, u.at, spare, s->q + 1);
        warp_blend_run(u.weight, spare, spare + s->c, y, s->q * s->c);
    }
}

/* The same from right to left. */
static void warp_mirrored(const warp_shape *s, const real *line, warp_spot u, real *y, real *spare)
{
    int64_t first = u.at - s->q + 1, n = s->q * s->c;
    if (u.weight == 0 && first >= 0 && u.at < s->w) {
        warp_reverse(line + first * s->c, y, s->q, s->c);
        return;
    }
    warp_copy(s, line, first, spare, s->q + 1);
    if (u.weight != 0) warp_blend_run(u.weight, spare, spare + s->c, spare, n);
    warp_reverse(spare, y, s->q, s->c);
}

/* y[q,c] at columns any distance apart. */
static inline void warp_stretched_of(const warp_shape *s, const warp_map *m, const real *line,
                                     real *y, int64_t c)
{
    int64_t column = m->x0;
    for (int64_t j = 0; j < s->q; j++, y += c, column += m->xx) {
        warp_spot u = warp_spot_of(s, column);
        int64_t a = warp_fold(u.at, s->w, s->fill), b = warp_fold(u.at + 1, s->w, s->fill);
        for (int64_t k = 0; k < c; k++) {
            real left = a < 0 ? s->value : line[a * c + k];
            real right = b < 0 ? s->value : line[b * c + k];
            y[k] = warp_blend(u.weight, left, right);
        }
    }
}

static void warp_straight_row(const warp_shape *s, const warp_map *m, const real *x, int64_t i,
                              real *y, real *room)
{
    real *spare = room + s->w * s->c;
    const real *line = warp_line(s, x, warp_spot_of(s, m->yy * i + m->y0), room);
    if (m->xx == whole_pixel)
        warp_shifted(s, line, warp_spot_of(s, m->x0), y, spare);
    else if (m->xx == -whole_pixel)
        warp_mirrored(s, line, warp_spot_of(s, m->x0), y, spare);
    else
        WARP_CHANNELS(warp_stretched_of, s->c, s, m, line, y);
}

#undef WARP_CHANNELS

/* ---- forward ---- */

/* Rows i..end-1 of y[p,q,c] */
static void warp_rows(const warp_shape *s, const real *map, const real *x, real *y, int64_t i,
                      int64_t end, real *room)
{
    warp_map m = warp_map_of(s, map);
    int64_t row = s->q * s->c;
    if (!m.known)
        warp_fill_run(y + i * row, (real)NAN, (end - i) * row);
    else if (warp_is_straight(s, &m))
        for (; i < end; i++) warp_straight_row(s, &m, x, i, y + i * row, room);
    else
        for (; i < end; i++) warp_row(s, &m, x, i, y + i * row);
}

/* Threads share the rows of all output images. */
static void op_warp(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    warp_shape s = warp_shape_of(op, d[1], d[2], d[3], d[5], d[6]);
    int64_t strip, end;
    fnn_share(task, d[0] * s.p, 1, &strip, &end);
    for (int64_t done; strip < end; strip += done) {
        int64_t r = strip / s.p, first = strip % s.p;
        done = min_of(end - strip, s.p - first);
        warp_rows(&s, (const real *)op->arg[1] + r * MAP_SIZE,
                  (const real *)op->arg[0] + r * s.h * s.w * s.c,
                  (real *)op->arg[2] + r * s.p * s.q * s.c, first, first + done,
                  (real *)(void *)task->scratch);
    }
}

/* ---- backward: what each pixel was read for, added up in the order of the output's pixels ---- */

static inline void warp_give(const warp_shape *s, real *dx, int64_t i, int64_t j, real weight,
                             const real *dy)
{
    int64_t row = warp_fold(i, s->h, s->fill), column = warp_fold(j, s->w, s->fill);
    if (weight == 0 || row < 0 || column < 0) return;
    dx += (row * s->w + column) * s->c;
    for (int64_t k = 0; k < s->c; k++) dx[k] += weight * dy[k];
}

static void warp_give_row(const warp_shape *s, const warp_map *m, const real *dy, int64_t i,
                          real *dx)
{
    int64_t row = m->yy * i + m->y0, column = m->xy * i + m->x0;
    for (int64_t j = 0; j < s->q; j++, dy += s->c, row += m->yx, column += m->xx) {
        warp_spot v = warp_spot_of(s, row), u = warp_spot_of(s, column);
        warp_give(s, dx, v.at, u.at, (1 - v.weight) * (1 - u.weight), dy);
        warp_give(s, dx, v.at, u.at + 1, (1 - v.weight) * u.weight, dy);
        warp_give(s, dx, v.at + 1, u.at, v.weight * (1 - u.weight), dy);
        warp_give(s, dx, v.at + 1, u.at + 1, v.weight * u.weight, dy);
    }
}

/* Threads share the images. */
static void op_warp_bwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    warp_shape s = warp_shape_of(op, d[5], d[6], d[3], d[1], d[2]);
    int64_t r, end, row = s.q * s.c, image = s.h * s.w * s.c;
    fnn_share(task, d[0], 1, &r, &end);
    for (; r < end; r++) {
        warp_map m = warp_map_of(&s, (const real *)op->arg[1] + r * MAP_SIZE);
        const real *dy = (const real *)op->arg[0] + r * s.p * row;
        real *dx = (real *)op->arg[2] + r * image;
        warp_fill_run(dx, m.known ? 0 : (real)NAN, image);
        for (int64_t i = 0; m.known && i < s.p; i++) warp_give_row(&s, &m, dy + i * row, i, dx);
    }
}
