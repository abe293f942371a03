/* source-inl.h: the factors of a product as *sources*, matrices that can be copied a block at a time: an
 * array, an array times an activation's derivative, the patches of images, a kernel seen from its outputs. */

/* The patches of images[r,h,w,c]: row (r, i, j) of the matrix is the window[m,n] of image r whose first
 * element is at (top + i * stride_h, left + j * stride_w), i < p, j < q.  Outside the image are zeros. */
typedef struct {
    int64_t h, w, c, m, n, p, q;
    int64_t stride_h, stride_w, top, left;
} window;

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

/* Elements col..col + n of one patch; row m of the window is a run of elements of an image row. */
static inline void copy_patch(const source *s, int64_t image, int64_t i, int64_t j, int64_t m,
                              int64_t skip, real *to, int64_t n)
{
    const window *g = s->patches;
    int64_t row = g->w * g->c, width = g->n * g->c, x = (g->left + j * g->stride_w) * g->c;
    for (; n > 0; m++, skip = 0) {
        int64_t h = g->top + i * g->stride_h + m, count = width - skip < n ? width - skip : n;
        if (h < 0 || h >= g->h)
            zero_run(to, count);
        else
            copy_padded(s, (image * g->h + h) * row, x + skip, row, to, count);
        to += count;
        n -= count;
    }
}

static void copy_patches(const source *s, int64_t row, int64_t rows, int64_t col, int64_t cols,
                         real *to, int64_t to_stride)
{
    const window *g = s->patches;
    int64_t j = row % g->q, i = row / g->q % g->p, image = row / (g->p * g->q);
    int64_t m = col / (g->n * g->c), skip = col % (g->n * g->c);
    for (; rows > 0; rows--, to += to_stride) {
        copy_patch(s, image, i, j, m, skip, to, cols);
        if (++j == g->q) {
            j = 0;
            if (++i == g->p) i = 0, image++;
        }
    }
}

/* to[rows, cols] = s[row.., col..]; after the last row LANES - 1 elements may be spoilt. */
static void copy_block(const source *s, int64_t row, int64_t rows, int64_t col, int64_t cols,
                       real *to, int64_t to_stride)
{
    if (s->patches) {
        copy_patches(s, row, rows, col, cols, to, to_stride);
        return;
    }
    for (; rows > 0; rows--, row++, to += to_stride)
        copy_elements(s, row * s->stride + col, to, cols);
}

/* A kernel seen from its outputs: B[k,n] = w[tap k / depth][n][k % depth].  Taps lie step_h apart from
 * row to row of `width` taps and step_w apart in a row; negative steps turn the window round. */
typedef struct {
    const real *w;
    int64_t depth, width, step_h, step_w;
} transposed;

/* 16-byte vectors, which every ISA has, transpose QUAD by QUAD elements at a time. */
typedef real quad __attribute__((vector_size(16), aligned(sizeof(real)), may_alias));
enum { QUAD = 16 / sizeof(real) };

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif FNN_F64
typedef int64_t places __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#else
typedef int32_t places __attribute__((vector_size(16)));
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#endif

static inline void transpose_quad(const real *from, int64_t from_stride, real *to,
                                  int64_t to_stride)
{
#define FROM(i) (*(const quad *)(from + (i) * from_stride))
#define TO(i) (*(quad *)(to + (i) * to_stride))
#if FNN_F64
    quad a = FROM(0), b = FROM(1);
    TO(0) = SHUFFLE(a, b, 0, 2);
    TO(1) = SHUFFLE(a, b, 1, 3);
#else
    quad a = FROM(0), b = FROM(1), c = FROM(2), d = FROM(3);
    quad ab = SHUFFLE(a, b, 0, 4, 1, 5), cd = SHUFFLE(c, d, 0, 4, 1, 5);
    TO(0) = SHUFFLE(ab, cd, 0, 1, 4, 5);
    TO(1) = SHUFFLE(ab, cd, 2, 3, 6, 7);
    ab = SHUFFLE(a, b, 2, 6, 3, 7), cd = SHUFFLE(c, d, 2, 6, 3, 7);
    TO(2) = SHUFFLE(ab, cd, 0, 1, 4, 5);
    TO(3) = SHUFFLE(ab, cd, 2, 3, 6, 7);
#endif
#undef FROM
#undef TO
}
#undef SHUFFLE

/* to[j, i] = from[i, j], i < rows, j < cols */
static void transpose(const real *from, int64_t from_stride, int64_t rows, int64_t cols, real *to,
                      int64_t to_stride)
{
    int64_t rows_quad = rows / QUAD * QUAD, cols_quad = cols / QUAD * QUAD;
    for (int64_t j = 0; j < cols_quad; j += QUAD)
        for (int64_t i = 0; i < rows_quad; i += QUAD)
            transpose_quad(from + i * from_stride + j, from_stride, to + j * to_stride + i,
                           to_stride);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < rows_quad ? cols_quad : 0; j < cols; j++)
            to[j * to_stride + i] = from[i * from_stride + j];
}

/* to[kn, cols] = B[k.., n..], whole vectors */
static void copy_transposed(const transposed *b, int64_t k, int64_t kn, int64_t n, int64_t cols,
                            real *to, int64_t to_stride)
{
    if (cols % LANES)
        for (int64_t i = 0; i < kn; i++)
            v_store(to + i * to_stride + cols / LANES * LANES, v_zero());
    for (int64_t end = k + kn, count; k < end; k += count, to += count * to_stride) {
        int64_t tap = k / b->depth, skip = k % b->depth;
        const real *w = b->w + tap / b->width * b->step_h + tap % b->width * b->step_w;
        count = b->depth - skip < end - k ? b->depth - skip : end - k;
        transpose(w + n * b->depth + skip, b->depth, cols, count, to, to_stride);
    }
}
