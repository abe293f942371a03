/* mixed-inl.h: the matrix product of mixed precision, C[m,n] = g(A[m,k] B[k,n] + bias): factors rounded
 * to bfloat16, everything else in float32.
 *
 * Both factors are packed into the tiles of simd/bf16.h, wherever they come from, in the loops of
 * gemm-inl.h: columns of C, depths, rows of C.
 *
 * Invariant: an element of C is the sum of its steps in order, bf16.h's; nothing else (blocks, packing,
 * thread, rows of the batch, ISA) enters it.  Sums of the columns of B are not products: float32's. */

enum {
    MIXED_DEPTH = 512, /* terms that are packed at a time, a multiple of STEP */
    MIXED_ROWS = 512,  /* rows of A */
    MIXED_COLS = 768,  /* columns of B */
    MIXED_STEPS = 512, /* most steps of a sum that is not cut at MIXED_DEPTH */
    STAGED = 256,      /* floats of a row of a stage */
    STAGE_REALS = STEP * (STAGED + LANES),
    A_WORDS = MIXED_ROWS * MIXED_DEPTH / 2,
    B_WORDS = MIXED_COLS * MIXED_DEPTH / 2,
    LINE_WORDS = 96 << 10,
    C_REALS = 64 << 10
};

/* 16 or fewer rows of A, and of C from row i on */
typedef struct {
    const word *a;
    int64_t i, rows;
} row_tile;

enum { MAX_ROW_TILES = 256 };

/* The working memory of a thread */
typedef struct {
    word a[A_WORDS], b[B_WORDS], lines[LINE_WORDS];
    real turned_c[C_REALS];
    word turned[TILE_WORDS];
    real stage[STAGE_REALS];
    real sums[MIXED_COLS]; /* of the columns of B, since the last multiple of FNN_KC */
    real c[2 * TILE * 2 * TILE];
    row_tile rows[MAX_ROW_TILES];
    int64_t a_step[MIXED_STEPS];
} workbench;

_Static_assert(sizeof(workbench) <= FNN_SCRATCH, "a thread's scratch is too small");

/* A product as one thread does it: its share of C. */
typedef struct {
    const product *p;
    int64_t m0, m1, n0, n1;
    workbench *bench;
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
                tile_of_rows((view){w + j * b->stride + skip, b->stride}, cols, count, turned);
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
static void move_c(const product *p, const row_tile *r, int64_t j, int64_t cols, real *at, int back)
{
    for (int64_t i = r->i; i < r->i + r->rows; i++, at += 2 * TILE) {
        real *c = place_of(&p->c, i) + j;
        memcpy(back ? c : at, back ? at : c, (size_t)cols * sizeof *c);
    }
}

/* The columns j.. + cols of one or two tiles of rows: C (+)= what t says; where a tile of C is not whole,
 * by way of the bench. */
static void multiply_square(const product *p, workbench *bench, tiles *t, const row_tile *r,
                            int64_t j, int64_t cols, int done)
{
    int here[2];
    t->cols = cols > TILE ? 2 : 1;
    for (int x = 0; x < t->rows; x++) {
        real *at = bench->c + x * TILE * 2 * TILE;
        here[x] = r[x].rows == TILE && cols % TILE == 0 && is_even(&p->c, r[x].i, TILE);
        if (!here[x] && t->add) move_c(p, &r[x], j, cols, at, 0);
        t->a[x] = r[x].a;
        t->c[x] = here[x] ? place_of(&p->c, r[x].i) + j : at;
        t->c_row[x] = here[x] ? p->c.column : 2 * TILE;
    }
    multiply_tiles(t);
    for (int x = 0; x < t->rows; x++) {
        const real *bias = p->bias ? p->bias + j : NULL;
        if (done) activate_block(p->activation, t->c[x], r[x].rows, cols, t->c_row[x], bias);
        if (!here[x]) move_c(p, &r[x], j, cols, t->c[x], 1);
    }
}

/* The columns jc..end of `count` tiles of rows; tiles of columns of b are `step` words apart. */
static void multiply_rows(const product *p, workbench *bench, tiles *t, const row_tile *r,
                          int64_t count, const word *b, int64_t step, int64_t jc, int64_t end,
                          int done)
{
    for (int64_t j = jc; j < end; j += 2 * TILE, b += 2 * step) {
        t->b[0] = b;
        t->b[1] = b + step;
        for (int64_t x = 0; x < count; x += 2) {
            t->rows = x + 1 < count ? 2 : 1;
            multiply_square(p, bench, t, r + x, j, min_of(end - j, 2 * TILE), done);
        }
    }
}

/* C[i.. + rows, jc..end] (+)= A[, k.. + kn] B[k.. + kn,], of packed tiles */
static void multiply_packed(const mixed_share *s, int64_t i, int64_t rows, int64_t jc, int64_t end,
                            int64_t k, int64_t kn)
{
    row_tile *list = s->bench->rows;
    tiles t = {.a_row = TILE,
               .b_row = TILE,
               .a_step = s->bench->a_step,
               .b_step = TILE_WORDS,
               .steps = steps_of(kn),
               .add = k > 0};
    int64_t tile = t.steps * TILE_WORDS, count = tiles_of(rows);
    for (int64_t step = 0; step < t.steps; step++) s->bench->a_step[step] = step * TILE_WORDS;
    for (int64_t x = 0; x < count; x++)
        list[x] = (row_tile){s->bench->a + x * tile, i + x * TILE, min_of(rows - x * TILE, TILE)};
    tiles_begin(); /* between the polls: what Python calls may use the tiles too */
    multiply_rows(s->p, s->bench, &t, list, count, s->bench->b, tile, jc, end, k + kn == s->p->k);
    tiles_end();
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
                multiply_packed(s, i, rows, jc, end, k, kn);
                if (fnn_poll(task)) return;
            }
        }
}

#include "mixed_patches-inl.h"

static void multiply(const product *p, const fnn_task *task)
{
    mixed_share s = {.p = p, .m1 = p->m, .n1 = p->n, .bench = (workbench *)(void *)task->scratch};
    if (p->n >= p->m) /* whoever shares the columns packs all of A, and the other way round */
        fnn_share(task, p->n, TILE, &s.n0, &s.n1);
    else
        fnn_share(task, p->m, p->a.patches && !p->a_by_k ? p->a.patches->q : TILE, &s.m0, &s.m1);
    if (s.m0 == s.m1 || s.n0 == s.n1) return;
    if (p->k == 0)
        multiply_nothing(p, s.m0, s.m1, s.n0, s.n1);
    else if (!reads_lines(p) || !(p->a_by_k ? multiply_pairs : multiply_windows)(&s, task))
        multiply_share(&s, task);
}

/* What the other tables do with lines in scratch: see windows-inl.h. */
static void multiply_patches(const product *p, const fnn_task *task) { multiply(p, task); }
