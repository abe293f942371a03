/* tile-inl.h: the micro-kernels of the product: a tile of C, held in registers while its sum is made.
 *
 * Invariant: an element's sum is one chain of v_fma over ascending k from zero; the shape of the tile it
 * belongs to does not enter. */

/* `count` terms of every row of A that lie evenly, from `offset` on */
typedef struct {
    int64_t offset, count;
} terms;

/* C[rows, cols] (+)= A[rows, k] B[k, cols], k <= FNN_KC.  A is read at any strides, so that it may lie
 * by rows or by columns, and in runs, so that it may be windows on an image; rows of B are whole vectors
 * (what lies beyond the last column is not stored). */
typedef struct {
    const real *a;
    int64_t a_row, a_step; /* from row to row of A, from term to term of a run */
    const terms *runs;
    const real *b;
    int64_t b_step;
    real *c;
    int64_t c_row;
    int64_t k;
    int64_t last; /* columns of the last vector, 1..LANES */
    int add;      /* 0: C is written, 1: added to         */
} tile;

typedef void tile_kernel(const tile *t);

/* Four rows of A share one pointer: with the strides 1, 2 and 3 rows, x86 reaches them without more. */
#define ROWS_A_POINTER 4
#define POINTERS(rows) (((rows) + ROWS_A_POINTER - 1) / ROWS_A_POINTER)

enum { MAX_TILE_ROWS = 14, MAX_TILE_VECS = 8, MAX_POINTERS = POINTERS(MAX_TILE_ROWS) };
enum { PREFETCH_K = 64 }; /* shorter sums leave no time for a prefetch */

VERB void tile_store(const tile *t, int row, int vecs, const vec *acc)
{
    real *c = t->c + row * t->c_row;
#pragma GCC unroll 8
    for (int v = 0; v < vecs - 1; v++, c += LANES)
        v_store(c, t->add ? v_add(v_load(c), acc[v]) : acc[v]);
    if (t->last == LANES)
        v_store(c, t->add ? v_add(v_load(c), acc[vecs - 1]) : acc[vecs - 1]);
    else
        v_store_n(c, t->add ? v_add(v_load_n(c, t->last), acc[vecs - 1]) : acc[vecs - 1], t->last);
}

/* rows and vecs are constants: the sums and the pointers are registers. */
VERB void tile_product(const tile *t, const int rows, const int vecs)
{
    vec acc[MAX_TILE_ROWS][MAX_TILE_VECS];
    const real *b = t->b;
    const int64_t a_row = t->a_row, a_step = t->a_step, b_step = t->b_step;
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) acc[i][v] = v_zero();
    /* C comes from far: it can travel while the sums are made */
    if (t->k >= PREFETCH_K)
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++) __builtin_prefetch(t->c + i * t->c_row + v * LANES, 1);
    const terms *r = t->runs;
    for (int64_t left = t->k; left > 0; left -= r->count, r++) {
        const real *a[MAX_POINTERS];
#pragma GCC unroll 4
        for (int i = 0; i < POINTERS(rows); i++)
            a[i] = t->a + r->offset + ROWS_A_POINTER * i * a_row;
#pragma GCC unroll 1
        for (int64_t k = r->count; k > 0; k--, b += b_step) {
            vec bv[MAX_TILE_VECS];
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++) bv[v] = v_load(b + v * LANES);
#pragma GCC unroll 14
            for (int i = 0; i < rows; i++) {
                vec av = v_set1(a[i / ROWS_A_POINTER][i % ROWS_A_POINTER * a_row]);
#pragma GCC unroll 8
                for (int v = 0; v < vecs; v++) acc[i][v] = v_fma(av, bv[v], acc[i][v]);
            }
#pragma GCC unroll 4
            for (int i = 0; i < POINTERS(rows); i++) a[i] += a_step;
        }
    }
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) tile_store(t, i, vecs, acc[i]);
}

/* Tiles are as tall as the registers allow: rows * vecs sums, a row of B, an element of A.
 * TILES(T) lists them, tallest[log2 vecs] is the most rows. */
#define TILES_TO_2(T, vecs) T(1, vecs) T(2, vecs)
#define TILES_TO_3(T, vecs) TILES_TO_2(T, vecs) T(3, vecs)
#define TILES_TO_6(T, vecs) TILES_TO_3(T, vecs) T(4, vecs) T(5, vecs) T(6, vecs)
#define TILES_TO_14(T, vecs) \
    TILES_TO_6(T, vecs)      \
    T(7, vecs) T(8, vecs) T(9, vecs) T(10, vecs) T(11, vecs) T(12, vecs) T(13, vecs) T(14, vecs)

/* V_REGISTERS, from simd/, is the number of vec the register file holds: AVX-512 32, AVX2 8 (16 of half
 * a vec), NEON 8 (32 of a quarter), baseline x86 4. */
#if V_REGISTERS >= 32
#define TILES(T) TILES_TO_14(T, 1) TILES_TO_14(T, 2) TILES_TO_6(T, 4) TILES_TO_3(T, 8)
static const int tallest[] = {14, 14, 6, 3};
enum { PANEL_LOG2 = 1 };
#elif V_REGISTERS >= 8
#define TILES(T) TILES_TO_6(T, 1) TILES_TO_3(T, 2) T(1, 4)
static const int tallest[] = {6, 3, 1, 0};
enum { PANEL_LOG2 = 0 };
#else
#define TILES(T) TILES_TO_2(T, 1) T(1, 2)
static const int tallest[] = {2, 1, 0, 0};
enum { PANEL_LOG2 = 0 };
#endif

#define T(rows, vecs) \
    static void tile_##rows##x##vecs(const tile *t) { tile_product(t, rows, vecs); }
TILES(T)
#undef T

/* [log2 vecs][rows] */
static tile_kernel *const tiles[4][MAX_TILE_ROWS + 1] = {
#define T(rows, vecs) [vecs / 2 - vecs / 8][rows] = tile_##rows##x##vecs,
    TILES(T)
#undef T
};
