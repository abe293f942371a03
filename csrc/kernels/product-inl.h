/* product-inl.h: what a product is told, C[m,n] = g(A[m,k] B[k,n] + bias): its factors as sources, where
 * C lies, what is done on the way.  multiply of gemm-inl.h or of mixed-inl.h carries it out. */

static inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

/* Where rows of C lie: row (image, i, j) of a grid of h by w places */
typedef struct {
    real *base;
    int64_t h, w, image, row, column;
} places_of_c;

enum { WIDE = 32 }; /* columns of a panel that is packed beforehand, on every instruction set */

typedef struct {
    int64_t m, n, k;
    source a;
    int a_by_k; /* 0: a is A[m,k], 1: a is its transpose [k,m] */
    source b;
    int panels;    /* whether b lies as panels [k][WIDE], one after the other; the last is padded */
    transposed bt; /* in place of b where bt.w is given */
    places_of_c c;
    const real *bias; /* [n] or NULL */
    int activation;
    int only; /* whether it is all that its op does, so that nobody soon needs the working memory */
    real *sum; /* [n] or NULL: gets the sums of the columns of B */
} product;

/* C as an array of rows `stride` apart */
static inline places_of_c rows_of(real *c, int64_t m, int64_t stride)
{
    return (places_of_c){.base = c, .h = 1, .w = m, .column = stride};
}

static inline real *place_of(const places_of_c *c, int64_t i)
{
    if (i < c->w) return c->base + i * c->column;
    int64_t row = i / c->w;
    return c->base + row / c->h * c->image + row % c->h * c->row + i % c->w * c->column;
}

/* Rows m0..m1 of columns n0..n1 of a product whose sums have no terms: g(bias) */
static void multiply_nothing(const product *p, int64_t m0, int64_t m1, int64_t n0, int64_t n1)
{
    size_t bytes = (size_t)(n1 - n0) * sizeof(real);
    for (int64_t i = m0; i < m1; i++) {
        real *c = place_of(&p->c, i) + n0;
        memset(c, 0, bytes);
        activate_block(p->activation, c, 1, n1 - n0, 0, p->bias ? p->bias + n0 : NULL);
    }
    if (p->sum && m0 == 0) memset(p->sum + n0, 0, bytes);
}
