/* source-inl.h: the factors of a product as *sources*, matrices that can be copied a block at a time: an
 * array, an array times an activation's derivative, the patches of images, a kernel seen from its outputs. */

/* The patches of images[r,h,w,c]: row (r, i, j) of the matrix is the window[m,n] of image r whose first
 * element is at (top + i * stride_h, left + j * stride_w), i < p, j < q.  Its places are `dilation` apart,
 * and at each it sees `channels` of the c from channel `first` on.  Outside the image are zeros. */
typedef struct {
    int64_t h, w, c, m, n, p, q;
    int64_t stride_h, stride_w, top, left, dilation_h, dilation_w, first, channels;
} window;

/* Rows and columns of an image from the first to the last of a window */
static inline int64_t height_of(const window *g) { return (g->m - 1) * g->dilation_h + 1; }
static inline int64_t width_of(const window *g) { return (g->n - 1) * g->dilation_w + 1; }

/* Whether a window sees whole stretches of an image: all channels of columns side by side */
static inline int is_whole(const window *g) { return g->dilation_w == 1 && g->channels == g->c; }

/* A window is a list of *runs*, elements of an image row that follow one another: its rows, or if it is not
 * whole its places. */
static inline int64_t run_of(const window *g) { return is_whole(g) ? g->n * g->c : g->channels; }

/* Where run number `run` of a window begins, on rows of an image that are `width` apart */
static inline int64_t run_at(const window *g, int64_t run, int64_t width)
{
    if (is_whole(g)) return run * g->dilation_h * width;
    return run / g->n * g->dilation_h * width + run % g->n * g->dilation_w * g->c + g->first;
}

/* A matrix that can be copied a block at a time: at base, rows `stride` apart, or where patches is
 * given its patches of the images at base.  Where y is given, elements are base g'(y). */
typedef struct {
    const real *base, *y;
    int64_t stride;
    int activation;
    const window *patches;
} source;

static inline source plain(const real *base, int64_t stride)
{
    return (source){.base = base, .stride = stride};
}

/* dy, or dy g'(y) where the activation has a derivative to speak of */
static inline source gradient(const real *dy, const real *y, int64_t stride, double activation)
{
    int code = (int)activation;
    return (source){.base = dy,
                    .stride = stride,
                    .activation = code,
                    .y = code == FNN_ACTIVATION_linear ? NULL : y};
}

static inline int in_place(const source *s) { return !s->y && !s->patches; }

/* Copies write whole vectors: what lies after `n` elements up to a multiple of LANES is spoilt. */
static inline void copy_run(const real *from, real *to, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) v_store(to + i, load_lanes(from + i, n - i));
}

static void copy_gradient(int code, const real *from, const real *out, real *to, int64_t n)
{
    switch (code) {
#define ACTIVATION(name, forward, backward)                                       \
    case FNN_ACTIVATION_##name:                                                   \
        for (int64_t i = 0; i < n; i += LANES) {                                  \
            vec dy = load_lanes(from + i, n - i), y = load_lanes(out + i, n - i); \
            (void)dy, (void)y;                                                    \
            v_store(to + i, backward);                                            \
        }                                                                         \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}

static inline void copy_elements(const source *s, int64_t at, real *to, int64_t n)
{
    if (s->y)
        copy_gradient(s->activation, s->base + at, s->y + at, to, n);
    else
        copy_run(s->base + at, to, n);
}

static inline void zero_run(real *to, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) v_store(to + i, v_zero());
}

/* Elements x..x + n of an image row whose first element is `at`, zeros outside the row's `length`. */
static inline void copy_padded(const source *s, int64_t at, int64_t x, int64_t length, real *to,
                               int64_t n)
{
    int64_t before = x < 0 ? (-x < n ? -x : n) : 0;
    int64_t inside = length - x < n ? length - x : n;
    if (before) zero_run(to, before);
    if (inside > before) copy_elements(s, at + x + before, to + before, inside - before);
    if (inside < n)
        zero_run(to + (inside > before ? inside : before), n - (inside > before ? inside : before));
}

/* Elements skip.. + n of the runs from number `run` on of one patch */
static inline void copy_patch(const source *s, int64_t image, int64_t i, int64_t j, int64_t run,
                              int64_t skip, real *to, int64_t n)
{
    const window *g = s->patches;
    int64_t row = g->w * g->c, length = run_of(g), runs = is_whole(g) ? 1 : g->n;
    for (; n > 0; run++, skip = 0) {
        int64_t h = g->top + i * g->stride_h + run / runs * g->dilation_h;
        int64_t x = g->left + j * g->stride_w + run % runs * g->dilation_w;
        int64_t count = length - skip < n ? length - skip : n;
        if (h < 0 || h >= g->h)
            zero_run(to, count);
        else
            copy_padded(s, (image * g->h + h) * row, x * g->c + g->first + skip, row, to, count);
        to += count;
        n -= count;
    }
}

static void copy_patches(const source *s, int64_t row, int64_t rows, int64_t col, int64_t cols,
                         real *to, int64_t to_stride)
{
    const window *g = s->patches;
    int64_t j = row % g->q, i = row / g->q % g->p, image = row / (g->p * g->q);
    int64_t run = col / run_of(g), skip = col % run_of(g);
    for (; rows > 0; rows--, to += to_stride) {
        copy_patch(s, image, i, j, run, skip, to, cols);
        if (++j == g->q) {
            j = 0;
            if (++i == g->p) i = 0, image++;
        }
    }
}

/* Rows of one vector at most */
static inline void copy_narrow(const real *from, int64_t stride, int64_t rows, int64_t cols,
                               real *to, int64_t to_stride)
{
    for (; rows > 0; rows--, from += stride, to += to_stride) v_store(to, v_load_n(from, cols));
}

/* to[rows, cols] = s[row.., col..]; after the last row LANES - 1 elements may be spoilt. */
static void copy_block(const source *s, int64_t row, int64_t rows, int64_t col, int64_t cols,
                       real *to, int64_t to_stride)
{
    if (s->patches) {
        copy_patches(s, row, rows, col, cols, to, to_stride);
        return;
    }
    if (!s->y && cols <= LANES)
        copy_narrow(s->base + row * s->stride + col, s->stride, rows, cols, to, to_stride);
    else
        for (; rows > 0; rows--, row++, to += to_stride)
            copy_elements(s, row * s->stride + col, to, cols);
}

/* A kernel seen from its outputs: B[k,n] = w[tap k / depth][n][k % depth], where n counts rows `stride`
 * apart.  Taps lie step_h apart from row to row of `width` taps and step_w apart in a row; negative steps
 * turn the window round. */
typedef struct {
    const real *w;
    int64_t depth, stride, width, step_h, step_w;
} transposed;

/* v_load_columns of fewer than LANES rows or QUAD columns, with zeros around them */
static inline void load_columns_of(const real *from, int64_t stride, int64_t rows, int64_t cols,
                                   vec *column)
{
    real block[LANES * QUAD] = {0};
    for (int64_t i = 0; i < rows; i++, from += stride)
        if (cols == QUAD)
            memcpy(block + i * QUAD, from, QUAD * sizeof(real));
        else
            for (int64_t j = 0; j < cols; j++) block[i * QUAD + j] = from[j];
    v_load_columns(block, QUAD, column);
}

/* to[j, i] = from[i, j], i < rows, j < cols; rows of `to` are written in whole vectors. */
static void transpose(const real *from, int64_t from_stride, int64_t rows, int64_t cols, real *to,
                      int64_t to_stride)
{
    for (int64_t left = rows; left > 0; left -= LANES, from += LANES * from_stride, to += LANES) {
        vec column[QUAD];
        int64_t j = 0;
        real *at = to;
        for (; left >= LANES && j + QUAD <= cols; j += QUAD) {
            v_load_columns(from + j, from_stride, column);
#pragma GCC unroll 4
            for (int q = 0; q < QUAD; q++, at += to_stride) v_store(at, column[q]);
        }
        for (; j < cols; j += QUAD) {
            int64_t n = cols - j < QUAD ? cols - j : QUAD;
            if (left > LANES) /* a row follows: what lies after the columns may be read */
                v_load_columns(from + j, from_stride, column);
            else
                load_columns_of(from + j, from_stride, left, n, column);
            for (int q = 0; q < n; q++, at += to_stride) v_store(at, column[q]);
        }
    }
}

/* to[kn, cols] = B[k.., n..], whole vectors */
static void copy_transposed(const transposed *b, int64_t k, int64_t kn, int64_t n, int64_t cols,
                            real *to, int64_t to_stride)
{
    for (int64_t end = k + kn, count; k < end; k += count, to += count * to_stride) {
        int64_t tap = k / b->depth, skip = k % b->depth;
        const real *w = b->w + tap / b->width * b->step_h + tap % b->width * b->step_w;
        count = b->depth - skip < end - k ? b->depth - skip : end - k;
        transpose(w + n * b->stride + skip, b->stride, cols, count, to, to_stride);
    }
}
