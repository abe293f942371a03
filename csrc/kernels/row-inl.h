/* row-inl.h: products of one row and few columns, C[n] = g(A[k] B[k,n] + bias): the last dense layer, for one
 * sample.
 *
 * A tile of one row has a few sums, each of which waits for the term before.  Blocks of depth wait for
 * nothing: here they are summed side by side.
 *
 * Invariant: an element is the product's (gemm-inl.h), its blocks added in order.  So it changes no bit which
 * of the two makes it. */

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
