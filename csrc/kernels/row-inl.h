/* row-inl.h: products of one row, C[n] = g(A[k] B[k,n] + bias): a dense layer, for one sample.
 *
 * Few columns: a tile of one row has a few sums, each of which waits for the term before.  Blocks of depth
 * wait for nothing: here they are summed side by side.
 *
 * Many columns on several threads: each reads whole rows of B, one stretch of memory, that its cache keeps
 * for the next call.  If each read a part of every row, prefetches would bring the others' parts along.
 * So threads part the blocks of depth, keep their sums apart, and add all of them in order.
 *
 * Invariant: an element is the product's (gemm-inl.h), its blocks added in order.  So it changes no bit which
 * of them makes it. */

enum { ROW_BLOCKS = 4, ROW_VECS = 4 }; /* more columns are sums enough */

/* The sums of `blocks` blocks of `count` terms, FNN_KC apart, of the n columns of b */
VERB void row_chains(const real *a, const real *b, int64_t b_step, int64_t n, int64_t count,
                     vec *sum, const int blocks)
{
#pragma GCC unroll 4
    for (int i = 0; i < blocks; i++) sum[i] = v_zero();
#pragma GCC unroll 1
    for (int64_t k = 0; k < count; k++, b += b_step)
#pragma GCC unroll 4
        for (int i = 0; i < blocks; i++)
            sum[i] =
                v_fma(v_set1(a[k + i * FNN_KC]), load_lanes(b + i * FNN_KC * b_step, n), sum[i]);
}

/* The same for a number of blocks that is no constant */
static void row_sums(const real *a, const real *b, int64_t b_step, int64_t n, int64_t count,
                     vec *sum, int64_t blocks)
{
    switch (blocks) {
#define BLOCKS(number)                                   \
    case number:                                         \
        row_chains(a, b, b_step, n, count, sum, number); \
        break;
        BLOCKS(1)
        BLOCKS(2)
        BLOCKS(3)
        BLOCKS(4)
#undef BLOCKS
    default:
        break;
    }
}

/* The sum of all terms of n <= LANES columns */
static vec row_total(const real *a, const real *b, int64_t b_step, int64_t n, int64_t depth)
{
    vec total = v_zero(), sum[ROW_BLOCKS];
    for (int64_t k = 0, blocks; k < depth; k += blocks * FNN_KC) {
        blocks = min_of((depth - k) / FNN_KC, ROW_BLOCKS);
        int64_t count = blocks ? FNN_KC : depth - k;
        if (!blocks) blocks = 1;
        row_sums(a + k, b + k * b_step, b_step, n, count, sum, blocks);
        for (int64_t i = 0; i < blocks; i++) total = k + i ? v_add(total, sum[i]) : sum[i];
    }
    return total;
}

static inline int is_one_row(const product *p)
{
    return p->m == 1 && p->n <= ROW_VECS * LANES && p->k > FNN_KC && !p->a_by_k && !p->panels &&
           !p->bt.w && in_place(&p->a) && in_place(&p->b);
}

static void multiply_row(const product *p, const fnn_task *task)
{
    real *c = place_of(&p->c, 0);
    int64_t j, end;
    fnn_share(task, p->n, LANES, &j, &end);
    for (; j < end; j += LANES) {
        int64_t n = min_of(end - j, LANES);
        store_lanes(c + j, row_total(p->a.base, p->b.base + j, p->b.stride, n, p->k), n);
        activate_block(p->activation, c + j, 1, n, 0, p->bias ? p->bias + j : NULL);
    }
}

/* ---- many columns, several threads -------------------------------------------------------------- */

enum {
    PART = 8 * LANES,   /* columns of a block that one thread sums            */
    PART_LOG2 = 3,      /* of its vectors                                     */
    NEAR_PART = 7 << 18 /* bytes of B, for each thread, that its cache can keep */
};

static inline int64_t blocks_of(const product *p) { return (p->k + FNN_KC - 1) / FNN_KC; }

/* Whether threads part the blocks of a row; their sums are in the working memory of the first. */
static inline int is_parted_row(const product *p, int threads)
{
    int64_t bytes = p->k * p->n * (int64_t)sizeof(real);
    int64_t kept = blocks_of(p) * whole_vectors(p->n) * (int64_t)sizeof(real);
    return threads > 1 && p->only && p->m == 1 && p->k > FNN_KC && p->n > ROW_VECS * LANES &&
           bytes <= threads * (int64_t)NEAR_PART && kept <= FNN_SCRATCH && !p->sum && !p->a_by_k &&
           !p->panels && !p->bt.w && in_place(&p->a) && in_place(&p->b);
}

/* sum[cols] = the block of terms from k, of the columns from j */
static void sum_part(const product *p, int64_t k, int64_t j, int64_t cols, real *sum)
{
    terms run = {0, min_of(p->k - k, FNN_KC)};
    tile t = {.a = p->a.base + k,
              .a_step = 1,
              .runs = &run,
              .b = p->b.base + k * p->b.stride + j,
              .b_step = p->b.stride,
              .c = sum,
              .k = run.count,
              .last = LANES};
    for (int log2 = PART_LOG2; log2 >= 0; log2--)
        for (int64_t n = LANES << log2; tallest[log2] && cols >= n; cols -= n, t.b += n, t.c += n)
            tiles[log2][1](&t);
    if (cols) {
        vec rest;
        row_sums(t.a, t.b, t.b_step, cols, t.k, &rest, 1);
        v_store(t.c, rest);
    }
}

/* A thread sums the parts whose first terms are in its share of all terms, in the order of memory. */
static void sum_parts(const product *p, const fnn_task *task, real *sums)
{
    int64_t parts = (p->n + PART - 1) / PART, begin, end;
    fnn_share(task, p->k * parts, 1, &begin, &end);
    for (int64_t k = 0; k < p->k; k += FNN_KC, sums += whole_vectors(p->n))
        for (int64_t part = 0; part < parts; part++) {
            int64_t first = k * parts + part * min_of(p->k - k, FNN_KC), j = part * PART;
            if (begin <= first && first < end) sum_part(p, k, j, min_of(p->n - j, PART), sums + j);
        }
}

static void multiply_parted_row(const product *p, const fnn_task *task)
{
    real *sums = (real *)(void *)fnn_scratch_of(task, 0), *c = place_of(&p->c, 0);
    int64_t begin, end;
    sum_parts(p, task, sums);
    fnn_meet(task);
    fnn_share(task, p->n, LANES, &begin, &end);
    for (int64_t j = begin; j < end; j += LANES) {
        vec total = v_load(sums + j);
        for (int64_t i = 1; i < blocks_of(p); i++)
            total = v_add(total, v_load(sums + i * whole_vectors(p->n) + j));
        store_lanes(c + j, total, min_of(end - j, LANES));
    }
    if (begin < end)
        activate_block(p->activation, c + begin, 1, end - begin, 0,
                       p->bias ? p->bias + begin : NULL);
}
