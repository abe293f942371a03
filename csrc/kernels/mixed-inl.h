/* mixed-inl.h: the matrix product of mixed precision, C[m,n] = g(A[m,k] B[k,n] + bias): factors rounded
 * to bfloat16, everything else in float32.
 *
 * Both factors are packed into the tiles of simd/bf16.h, wherever they come from, in the loops of
 * gemm-inl.h: columns of C, depths, rows of C.
 *
 * Invariant: an element of C is the sum of its steps in order, bf16.h's; nothing else (blocks, packing,
 * thread, rows of the batch, ISA) enters it.  Sums of the columns of B are not products: float32's. */

enum {
    MIXED_DEPTH =
        512,          /* terms that are packed at a time, a multiple of STEP and FNN_KC's divisor */
    MIXED_ROWS = 512, /* rows of A */
    MIXED_COLS = 1024, /* columns of B */
    STAGED = 256,      /* floats of a row of a stage */
    STAGE_ROWS = STEP,
    STAGE_REALS = STEP * (STAGED + LANES),
    A_WORDS = MIXED_ROWS * MIXED_DEPTH / 2,
    B_WORDS = MIXED_COLS * MIXED_DEPTH / 2
};

/* The working memory of a thread */
typedef struct {
    word a[A_WORDS], b[B_WORDS];
    word turned[TILE_WORDS];
    real stage[STAGE_REALS];
    real sums[MIXED_COLS]; /* of the columns of B, since the last multiple of FNN_KC */
    real c[2 * TILE * 2 * TILE];
} bench;

_Static_assert(sizeof(bench) <= FNN_SCRATCH, "a thread's scratch is too small");

/* A product as one thread does it: its share of C. */
typedef struct {
    const product *p;
    int64_t m0, m1, n0, n1;
    bench *bench;
    int64_t a_step[MIXED_DEPTH / STEP];
} mixed_share;

/* A block of float32 where it can be read */
typedef struct {
    const real *at;
    int64_t stride;
} view;

static inline int64_t tiles_of(int64_t n) { return (n + TILE - 1) / TILE; }
static inline int64_t steps_of(int64_t n) { return (n + STEP - 1) / STEP; }

/* s[row.. + rows, col.. + cols], copied to the stage if it is not an array: rows * cols <= STEP * STAGED */
static view view_of(const source *s, int64_t row, int64_t rows, int64_t col, int64_t cols,
                    real *stage)
{
    if (in_place(s)) return (view){s->base + row * s->stride + col, s->stride};
    int64_t stride = whole_vectors(cols) + LANES;
    copy_block(s, row, rows, col, cols, stage, stride);
    return (view){stage, stride};
}

static inline vec load_or_zero(const real *p, int64_t n)
{
    return n > 0 ? load_lanes(p, n) : v_zero();
}

static inline void zero_words(word *to, int64_t n) { memset(to, 0, (size_t)n * sizeof *to); }

/* A tile whose rows of words are rows of v: rows <= 16, of count terms. */
static void tile_of_rows(view v, int64_t rows, int64_t count, word *to)
{
    for (int64_t i = 0; i < rows; i++, v.at += v.stride, to += TILE)
        words_of_row(load_or_zero(v.at, count), load_or_zero(v.at + TILE, count - TILE), to);
    zero_words(to, (TILE - rows) * TILE);
}

/* A tile whose rows of words are pairs of rows of v: count <= 32 terms in each of cols columns. */
static void tile_of_pairs(view v, int64_t count, int64_t cols, word *to)
{
    int64_t i = 0;
    for (; i + 1 < count; i += 2, v.at += 2 * v.stride, to += TILE)
        words_of_pair(load_lanes(v.at, cols), load_lanes(v.at + v.stride, cols), to);
    if (i < count) {
        words_of_pair(load_lanes(v.at, cols), v_zero(), to);
        i += 2, to += TILE;
    }
    zero_words(to, (STEP - i + 1) / 2 * TILE);
}

static inline void turn(const word *from, word *to)
{
    transpose((const real *)(const void *)from, TILE, TILE, TILE, (real *)(void *)to, TILE);
}

/* to[tile of rows][step] = A[i.., k..] */
static void pack_rows_of_a(const mixed_share *s, int64_t i, int64_t rows, int64_t k, int64_t kn)
{
    word *to = s->bench->a;
    for (; rows > 0; i += TILE, rows -= TILE) {
        int64_t count = min_of(rows, TILE);
        view v = view_of(&s->p->a, i, count, k, kn, s->bench->stage);
        for (int64_t at = 0; at < kn; at += STEP, to += TILE_WORDS)
            tile_of_rows((view){v.at + at, v.stride}, count, kn - at, to);
    }
}

/* The same of A given as [k,m] */
static void pack_columns_of_a(const mixed_share *s, int64_t i, int64_t rows, int64_t k, int64_t kn)
{
    int64_t steps = steps_of(kn);
    for (int64_t row = 0; row < rows; row += STAGED)
        for (int64_t at = 0; at < kn; at += STEP) {
            int64_t count = min_of(kn - at, STEP), width = min_of(rows - row, STAGED);
            view v = view_of(&s->p->a, k + at, count, i + row, width, s->bench->stage);
            for (int64_t j = 0; j < width; j += TILE) {
                word *to = s->bench->a + ((row + j) / TILE * steps + at / STEP) * TILE_WORDS;
                tile_of_pairs((view){v.at + j, v.stride}, count, width - j, s->bench->turned);
                turn(s->bench->turned, to);
            }
        }
}

/* Adds rows of B, terms k.. + count of the sums of its columns, in blocks of FNN_KC. */
static void add_rows(const mixed_share *s, view v, int64_t k, int64_t count, int64_t j, int64_t jc,
                     int64_t cols)
{
    int done = (k + count) % FNN_KC == 0 || k + count == s->p->k;
    for (int64_t c = 0; c < cols; c += LANES) {
        real *partial = s->bench->sums + j - jc + c, *sum = s->p->sum + j + c;
        vec total = k % FNN_KC ? v_load(partial) : v_zero();
        for (int64_t i = 0; i < count; i++)
            total = v_add(total, load_lanes(v.at + i * v.stride + c, cols - c));
        v_store(partial, total);
        if (!done) continue;
        if (k >= FNN_KC) total = v_add(load_lanes(sum, cols - c), total);
        store_lanes(sum, total, cols - c);
    }
}

/* to[tile of columns][step] = B[k.., jc..] */
static void pack_b(const mixed_share *s, int64_t k, int64_t kn, int64_t jc, int64_t end)
{
    int64_t steps = steps_of(kn);
    for (int64_t j = jc; j < end; j += STAGED)
        for (int64_t at = 0; at < kn; at += STEP) {
            int64_t count = min_of(kn - at, STEP), width = min_of(end - j, STAGED);
            view v = view_of(&s->p->b, k + at, count, j, width, s->bench->stage);
            if (s->p->sum && s->m0 == 0) add_rows(s, v, k + at, count, j, jc, width);
            word *to = s->bench->b + ((j - jc) / TILE * steps + at / STEP) * TILE_WORDS;
            for (int64_t c = 0; c < width; c += TILE, to += steps * TILE_WORDS)
                tile_of_pairs((view){v.at + c, v.stride}, count, width - c, to);
        }
}

/* The same of a kernel seen from its outputs */
static void pack_transposed(const mixed_share *s, int64_t k, int64_t kn, int64_t jc, int64_t end)
{
    const transposed *b = &s->p->bt;
    word *to = s->bench->b, *turned = s->bench->turned;
    for (int64_t j = jc; j < end; j += TILE)
        for (int64_t at = 0; at < kn; at += STEP, to += TILE_WORDS) {
            int64_t count = min_of(kn - at, STEP), cols = min_of(end - j, TILE);
            int64_t tap = (k + at) / b->depth, skip = (k + at) % b->depth;
            if (skip + count <= b->depth) { /* of one tap: rows of terms */
                const real *w = b->w + tap / b->width * b->step_h + tap % b->width * b->step_w;
                tile_of_rows((view){w + j * b->depth + skip, b->depth}, cols, count, turned);
                turn(turned, to);
            } else {
                copy_transposed(b, k + at, count, j, cols, s->bench->stage, LANES);
                tile_of_pairs((view){s->bench->stage, LANES}, count, cols, to);
            }
        }
}

/* Whether rows i.. + rows of C lie evenly */
static inline int is_even(const places_of_c *c, int64_t i, int64_t rows)
{
    return i / c->w == (i + rows - 1) / c->w;
}

/* Moves C[i.. + rows, j.. + cols] to the bench, or from there. */
static void move_c(const mixed_share *s, int64_t i, int64_t rows, int64_t j, int64_t cols, int back)
{
    real *at = s->bench->c;
    for (int64_t row = i; row < i + rows; row++, at += 2 * TILE) {
        real *c = place_of(&s->p->c, row) + j;
        memcpy(back ? c : at, back ? at : c, (size_t)cols * sizeof *c);
    }
}

/* C[i.. + rows, j.. + cols] (+)= what t says, up to 32 by 32 */
static void multiply_square(const mixed_share *s, tiles *t, int64_t i, int64_t rows, int64_t j,
                            int64_t cols, int done)
{
    const product *p = s->p;
    int here = rows % TILE == 0 && cols % TILE == 0 && is_even(&p->c, i, rows);
    t->rows = rows > TILE ? 2 : 1;
    t->cols = cols > TILE ? 2 : 1;
    t->c = here ? place_of(&p->c, i) + j : s->bench->c;
    t->c_row = here ? p->c.column : 2 * TILE;
    if (!here && t->add) move_c(s, i, rows, j, cols, 0);
    multiply_tiles(t);
    if (done)
        activate_block(p->activation, t->c, rows, cols, t->c_row, p->bias ? p->bias + j : NULL);
    if (!here) move_c(s, i, rows, j, cols, 1);
}

/* C[i.. + rows, jc..end] (+)= A[, k.. + kn] B[k.. + kn,] */
static void multiply_rows(const mixed_share *s, int64_t i, int64_t rows, int64_t jc, int64_t end,
                          int64_t k, int64_t kn)
{
    tiles t = {.a_row = TILE, .a_step = s->a_step, .steps = steps_of(kn), .add = k > 0};
    int64_t tile = t.steps * TILE_WORDS; /* from tile to tile of rows or columns */
    for (int64_t j = jc; j < end; j += 2 * TILE) {
        t.b[0] = s->bench->b + (j - jc) / TILE * tile;
        t.b[1] = t.b[0] + tile;
        for (int64_t row = 0; row < rows; row += 2 * TILE) {
            t.a[0] = s->bench->a + row / TILE * tile;
            t.a[1] = t.a[0] + tile;
            multiply_square(s, &t, i + row, min_of(rows - row, 2 * TILE), j,
                            min_of(end - j, 2 * TILE), k + kn == s->p->k);
        }
    }
}

static void multiply_share(const mixed_share *s, const fnn_task *task)
{
    const product *p = s->p;
    for (int64_t jc = s->n0; jc < s->n1; jc += MIXED_COLS)
        for (int64_t k = 0; k < p->k; k += MIXED_DEPTH) {
            int64_t end = min_of(jc + MIXED_COLS, s->n1), kn = min_of(p->k - k, MIXED_DEPTH);
            (p->bt.w ? pack_transposed : pack_b)(s, k, kn, jc, end);
            for (int64_t i = s->m0; i < s->m1; i += MIXED_ROWS) {
                int64_t rows = min_of(s->m1 - i, MIXED_ROWS);
                (p->a_by_k ? pack_columns_of_a : pack_rows_of_a)(s, i, rows, k, kn);
                tiles_begin(); /* between the polls: what Python calls may use the tiles too */
                multiply_rows(s, i, rows, jc, end, k, kn);
                tiles_end();
                if (fnn_poll(task)) return;
            }
        }
}

/* A sum of no terms: C = 0 */
static void multiply_nothing(const mixed_share *s)
{
    for (int64_t i = s->m0; i < s->m1; i++)
        memset(place_of(&s->p->c, i) + s->n0, 0, (size_t)(s->n1 - s->n0) * sizeof(real));
    if (s->p->sum && s->m0 == 0)
        memset(s->p->sum + s->n0, 0, (size_t)(s->n1 - s->n0) * sizeof(real));
}

static void multiply(const product *p, const fnn_task *task)
{
    mixed_share s = {.p = p, .m1 = p->m, .n1 = p->n, .bench = (bench *)(void *)task->scratch};
    if (p->n >= p->m) /* whoever shares the columns packs all of A, and the other way round */
        fnn_share(task, p->n, TILE, &s.n0, &s.n1);
    else
        fnn_share(task, p->m, TILE, &s.m0, &s.m1);
    if (s.m0 == s.m1 || s.n0 == s.n1) return;
    if (p->k == 0) {
        multiply_nothing(&s);
        return;
    }
    for (int64_t i = 0; i < MIXED_DEPTH / STEP; i++) s.a_step[i] = i * TILE_WORDS;
    multiply_share(&s, task);
}
