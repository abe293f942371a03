/* tiny-inl.h: dense products too small to be planned, packed or shared: all is read where it lies.
 *
 * Invariant: an element is the chain of the product (gemm-inl.h), which has one block here: v_fma over
 * ascending k from zero, then bias and activation.  So it changes no bit which of the two makes it. */

/* C[m,n] = g(A[m,k] B[k,n] + bias), k <= FNN_KC: A at any strides, B and C by rows */
typedef struct {
    int64_t m, n, k;
    const real *a;
    int64_t a_row, a_step;
    const real *b;
    int64_t b_step; /* from row to row of B */
    real *c;        /* rows n apart */
    const real *bias;
    int activation;
} tiny;

/* TINY_TILES(T) lists the heights of the tiles: sums that are registers, beside a row of B and an element
 * of A (V_REGISTERS: tile-inl.h). */
#if V_REGISTERS >= 32
enum { TINY_ROWS = 12 };
#define TINY_TILES(T) T(1) T(2) T(3) T(4) T(5) T(6) T(7) T(8) T(9) T(10) T(11) T(12)
#elif V_REGISTERS >= 8
enum { TINY_ROWS = 6 };
#define TINY_TILES(T) T(1) T(2) T(3) T(4) T(5) T(6)
#else
enum { TINY_ROWS = 2 };
#define TINY_TILES(T) T(1) T(2)
#endif

enum {
    TINY_TERMS = 1 << 15, /* more multiplications are worth a plan        */
    TINY_WIDE = 2 * LANES /* wider than this, fewer rows leave sums waiting */
};

static inline int is_tiny(int64_t m, int64_t n, int64_t k)
{
    return k <= FNN_KC && m <= TINY_TERMS && n <= TINY_TERMS &&
           m * k * whole_vectors(n) <= TINY_TERMS && m > 0 && k > 0 && (m >= 4 || n <= TINY_WIDE);
}

/* C[rows, n] = A B for at most LANES columns from j on; rows is a constant. */
VERB void tiny_tile(const tiny *t, int64_t i, int64_t j, real *c, int64_t c_row, int64_t n,
                    const int rows)
{
    vec acc[TINY_ROWS];
    const real *b = t->b + j, *a = t->a + i * t->a_row;
    const int64_t a_row = t->a_row, a_step = t->a_step, b_step = t->b_step;
    const real *a4 = a + 4 * a_row, *a8 = a + 8 * a_row;
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) acc[r] = v_zero();
#pragma GCC unroll 1
    for (int64_t k = t->k; k > 0; k--, b += b_step, a += a_step, a4 += a_step, a8 += a_step) {
        vec row = load_lanes(b, n);
#pragma GCC unroll 12
        for (int r = 0; r < rows; r++) {
            const real *at = r < 4 ? a : r < 8 ? a4 : a8;
            acc[r] = v_fma(v_set1(at[r % 4 * a_row]), row, acc[r]);
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; r++) store_lanes(c + r * c_row, acc[r], n);
}

static void tiny_rows(const tiny *t, int64_t i, int64_t j, int64_t rows, real *c, int64_t c_row,
                      int64_t n)
{
    switch (rows) {
#define T(height)                                \
    case height:                                 \
        tiny_tile(t, i, j, c, c_row, n, height); \
        break;
        TINY_TILES(T)
#undef T
    default:
        break;
    }
}

/* c[rows, n] = g(sums + bias), n <= LANES.  Whole vectors lie between the two steps: a load that finds
 * only part of itself in a store before it would wait. */
static void tiny_finish(int code, const real *sums, int64_t rows, const real *bias, real *c,
                        int64_t c_row, int64_t n)
{
    vec b = bias ? load_lanes(bias, n) : v_zero();
    switch (code) {
#define ACTIVATION(name, forward, backward)                   \
    case FNN_ACTIVATION_##name:                               \
        for (; rows > 0; rows--, sums += LANES, c += c_row) { \
            vec x = v_load(sums);                             \
            if (bias) x = v_add(x, b);                        \
            store_lanes(c, forward, n);                       \
        }                                                     \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}

static void tiny_multiply(const tiny *t)
{
    _Alignas(64) real sums[TINY_ROWS * LANES];
    int finish = t->bias || t->activation != FNN_ACTIVATION_linear;
    int64_t count = (t->m + TINY_ROWS - 1) / TINY_ROWS;
    for (int64_t j = 0; j < t->n; j += LANES)
        for (int64_t i = 0, left = count, rows; left > 0; left--, i += rows) {
            rows = (t->m - i + left - 1) / left;
            real *c = t->c + i * t->n + j;
            if (!finish) {
                tiny_rows(t, i, j, rows, c, t->n, t->n - j);
                continue;
            }
            tiny_rows(t, i, j, rows, sums, LANES, t->n - j);
            tiny_finish(t->activation, sums, rows, t->bias ? t->bias + j : NULL, c, t->n, t->n - j);
        }
}

/* ---- the three products of a dense layer, sizes r, i, o as in dense-inl.h ---- */

/* Where the copies of an operand lie in scratch: each as large as TINY_TERMS allows, and its last vector. */
static inline real *tiny_copy(const fnn_task *task, int which)
{
    return (real *)(void *)task->scratch + which * (TINY_TERMS + LANES);
}

/* dy[n], or its product with g'(y) */
static const real *tiny_gradient(const fnn_op *op, const real *y, int64_t n, const fnn_task *task)
{
    int code = (int)op->attr[0];
    const real *dy = op->arg[op->code == FNN_OP_dense_bwd_w];
    if (code == FNN_ACTIVATION_linear) return dy;
    copy_gradient(code, dy, y, tiny_copy(task, 0), n);
    return tiny_copy(task, 0);
}

static void tiny_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[2];
    tiny t = {.m = r,
              .n = o,
              .k = i,
              .a = op->arg[0],
              .a_row = i,
              .a_step = 1,
              .b = op->arg[1],
              .b_step = o,
              .c = op->arg[3],
              .bias = op->arg[2],
              .activation = (int)op->attr[0]};
    if (task->thread == 0) tiny_multiply(&t);
}

static void tiny_bwd_x(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], o = op->dim[1], i = op->dim[2];
    int64_t step = whole_vectors(i); /* a transposition writes whole vectors */
    real *turned = tiny_copy(task, 1);
    if (task->thread) return;
    transpose(op->arg[2], o, i, o, turned, step);
    tiny t = {.m = r,
              .n = i,
              .k = o,
              .a = tiny_gradient(op, op->arg[1], r * o, task),
              .a_row = o,
              .a_step = 1,
              .b = turned,
              .b_step = step,
              .c = op->arg[3]};
    tiny_multiply(&t);
}

/* sum[n] = the sum of the rows of b[k,n] */
static void tiny_sum(const real *b, int64_t k, int64_t n, real *sum)
{
    for (int64_t j = 0; j < n; j += LANES) {
        vec total = v_zero();
        for (int64_t row = 0; row < k; row++)
            total = v_add(total, load_lanes(b + row * n + j, n - j));
        store_lanes(sum + j, total, n - j);
    }
}

static void tiny_bwd_w(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[2];
    if (task->thread) return;
    const real *dy = tiny_gradient(op, op->arg[2], r * o, task);
    tiny t = {.m = i,
              .n = o,
              .k = r,
              .a = op->arg[0],
              .a_row = 1,
              .a_step = i,
              .b = dy,
              .b_step = o,
              .c = op->arg[3]};
    tiny_multiply(&t);
    if (op->arg[4]) tiny_sum(dy, r, o, op->arg[4]);
}
