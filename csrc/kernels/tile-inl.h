/* tile-inl.h: the micro-kernels of the product: a tile of C, held in registers while its sum is made.
 *
 * Invariant: an element's sum is one chain of v_fma over ascending k from zero; the shape of the tile it
 * belongs to does not enter. */

/* `count` terms of every row of A that lie evenly, from `offset` on */
typedef struct {
    int64_t offset, count;
} terms;

/* C[rows, cols] (+)= A[rows, k] B[k, cols], k <= FNN_KC, then + bias and relu where asked for.  A lies by
 * rows (a_step is 1) or by columns (a_row is 1), and in runs, so that it may be windows on an image; rows
 * of B are whole vectors (what lies beyond the last column is not stored). */
typedef struct {
    const real *a;
    int64_t a_row, a_step; /* from row to row of A, from term to term of a run */
    const terms *runs;
    const real *b;
    int64_t b_step;
    real *c;
    int64_t c_row;
    int64_t k;
    int64_t last;     /* columns of the last vector, 1..LANES    */
    int add;          /* 0: C is written, 1: added to             */
    int relu;         /* whether C = relu(C) in the end           */
    const real *bias; /* [cols], added to all rows of C, or NULL */
    /* k / TERMS_A_TURN addresses of what will be read after this tile, or NULL: their lines travel to the
     * L2 cache meanwhile, one a turn */
    const real *const *fetch;
} tile;

typedef void tile_kernel(const tile *t);

/* Four rows of A share one pointer: with the strides 1, 2 and 3 rows, x86 reaches them without more. */
#define ROWS_A_POINTER 4
#define POINTERS(rows) (((rows) + ROWS_A_POINTER - 1) / ROWS_A_POINTER)

enum { MAX_TILE_ROWS = 14, MAX_TILE_VECS = 8, MAX_POINTERS = POINTERS(MAX_TILE_ROWS) };
enum { PREFETCH_K = 64 };  /* shorter sums leave no time for a prefetch */
enum { TERMS_A_TURN = 4 }; /* of the loop over k: steps of pointers are few among the products */

typedef vec tile_sums[MAX_TILE_ROWS][MAX_TILE_VECS];

/* The sums of one term: sum[i] += a[i] b */
VERB void add_term(tile_sums sum, const real *const *a, int64_t a_row, const real *b,
                   const int rows, const int vecs)
{
    vec bv[MAX_TILE_VECS];
#pragma GCC unroll 8
    for (int v = 0; v < vecs; v++) bv[v] = v_load(b + v * LANES);
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++) {
        vec av = v_set1(a[i / ROWS_A_POINTER][i % ROWS_A_POINTER * a_row]);
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) sum[i][v] = v_fma(av, bv[v], sum[i][v]);
    }
}

/* The sums of a run; the stride that is 1 is a constant here. */
VERB const real *add_run(tile_sums sum, const real *first, int64_t a_row, int64_t a_step,
                         const real *b, int64_t b_step, int64_t count, const real *const **fetch,
                         const int rows, const int vecs)
{
    const real *a[MAX_POINTERS];
#define TERM                                             \
    add_term(sum, a, a_row, b, rows, vecs), b += b_step; \
    _Pragma("GCC unroll 4") for (int p = 0; p < POINTERS(rows); p++) a[p] += a_step
#pragma GCC unroll 4
    for (int p = 0; p < POINTERS(rows); p++) a[p] = first + ROWS_A_POINTER * p * a_row;
#pragma GCC unroll 1
    for (; count >= TERMS_A_TURN; count -= TERMS_A_TURN) {
        if (*fetch) __builtin_prefetch(*(*fetch)++, 0, 2);
#pragma GCC unroll 4
        for (int u = 0; u < TERMS_A_TURN; u++) {
            TERM;
        }
    }
#pragma GCC unroll 1
    for (; count > 0; count--) {
        TERM;
    }
#undef TERM
    return b;
}

/* C comes from far: it can travel while the sums are made. */
VERB void tile_prefetch(const tile *t, const int rows, const int vecs)
{
    if (t->k >= PREFETCH_K)
#pragma GCC unroll 14
        for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
            for (int v = 0; v < vecs; v++) __builtin_prefetch(t->c + i * t->c_row + v * LANES);
}

#define EACH_SUM                                            \
    _Pragma("GCC unroll 14") for (int i = 0; i < rows; i++) \
        _Pragma("GCC unroll 8") for (int v = 0; v < vecs; v++)

/* Where V_MASKS says that short vectors cost no more, the last one is always taken for short. */
#define LOAD(p) (V_MASKS && v == vecs - 1 ? v_load_n(p, t->last) : v_load(p))
#define STORE(p, x) (V_MASKS && v == vecs - 1 ? v_store_n(p, x, t->last) : v_store(p, x))

/* C (+)= sum, + bias, relu */
VERB void store_sums(const tile *t, tile_sums sum, const int rows, const int vecs)
{
    real *c = t->c;
    const int64_t c_row = t->c_row;
    if (t->add) EACH_SUM sum[i][v] = v_add(LOAD(c + i * c_row + v * LANES), sum[i][v]);
    if (t->bias) EACH_SUM sum[i][v] = v_add(sum[i][v], LOAD(t->bias + v * LANES));
    if (t->relu) EACH_SUM sum[i][v] = activation_of(FNN_ACTIVATION_relu, sum[i][v]);
    EACH_SUM STORE(c + i * c_row + v * LANES, sum[i][v]);
}
#undef LOAD
#undef STORE

#if V_MASKS
VERB void tile_store(const tile *t, tile_sums sum, const int rows, const int vecs)
{
    store_sums(t, sum, rows, vecs);
}
#else
/* The same for rows whose last vector is a short one; out of line, lest it be there for each tile. */
static __attribute__((noinline)) void store_short(const tile *t, const real *sum, int rows,
                                                  int vecs)
{
    real *c = t->c;
    for (; rows > 0; rows--, c += t->c_row)
        for (int64_t j = 0, left = vecs * LANES - LANES + t->last; left > 0;
             j += LANES, left -= LANES, sum += LANES) {
            vec x = v_load(sum);
            if (t->add) x = v_add(load_lanes(c + j, left), x);
            if (t->bias) x = v_add(x, load_lanes(t->bias + j, left));
            if (t->relu) x = activation_of(FNN_ACTIVATION_relu, x);
            store_lanes(c + j, x, left);
        }
}

VERB void tile_store(const tile *t, tile_sums sum, const int rows, const int vecs)
{
    real kept[MAX_TILE_ROWS * MAX_TILE_VECS * LANES];
    if (t->last == LANES) {
        store_sums(t, sum, rows, vecs);
        return;
    }
    EACH_SUM v_store(kept + (i * vecs + v) * LANES, sum[i][v]);
    store_short(t, kept, rows, vecs);
}
#endif
#undef EACH_SUM

/* rows and vecs are constants: the sums and the pointers are registers. */
VERB void tile_product(const tile *t, const int rows, const int vecs)
{
    tile_sums sum;
    const real *b = t->b;
#pragma GCC unroll 14
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 8
        for (int v = 0; v < vecs; v++) sum[i][v] = v_zero();
    tile_prefetch(t, rows, vecs);
    const terms *r = t->runs;
    const real *const *fetch = t->fetch;
    for (int64_t left = t->k; left > 0; left -= r->count, r++)
        if (t->a_step == 1)
            b = add_run(sum, t->a + r->offset, t->a_row, 1, b, t->b_step, r->count, &fetch, rows,
                        vecs);
        else
            b = add_run(sum, t->a + r->offset, 1, t->a_step, b, t->b_step, r->count, &fetch, rows,
                        vecs);
    tile_store(t, sum, rows, vecs);
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

enum { PANEL = LANES << PANEL_LOG2 }; /* columns that are copied side by side */

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
