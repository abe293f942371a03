/* column-inl.h: products of one column, C[m] = g(A[m,k] B[k] + bias), and of one term, C[m,n] = A[m] B[n]:
 * dense layers with one output, and convolutions that have one filter of one place.
 *
 * A product that keeps columns of C in the lanes of a vector would use one lane of each.  Here they hold
 * rows of it, and what has one term is not packed.
 *
 * Invariant: an element is the chain of the product (gemm-inl.h): blocks of FNN_KC terms, each from zero by
 * v_fma over ascending k, added in order.  So it changes no bit which of the two makes it. */

enum {
    COLUMN_VECS = 8,      /* vectors of sums that are made at a time              */
    COLUMN_POLL = 1 << 16 /* elements of a matrix between two looks for signals */
};

/* Whether it is time to look for signals after rows r.. + rows, of n elements each. */
static inline int column_due(int64_t r, int64_t rows, int64_t n)
{
    return (r + rows) * n / COLUMN_POLL > r * n / COLUMN_POLL;
}

/* sum + x[rows, n] w[n], rows <= LANES, one row a lane; `after` reals that follow them may be read. */
VERB vec column_chain(const real *x, int64_t stride, int64_t rows, int64_t after, const real *w,
                      int64_t n, vec sum)
{
    vec column[QUAD];
    int64_t k = 0, whole = rows == LANES ? n + after : 0;
    for (; k + QUAD <= min_of(n, whole); k += QUAD) {
        v_load_columns(x + k, stride, column);
#pragma GCC unroll 4
        for (int q = 0; q < QUAD; q++) sum = v_fma(column[q], v_set1(w[k + q]), sum);
    }
    for (; k < n; k += QUAD) {
        if (k + QUAD <= whole)
            v_load_columns(x + k, stride, column);
        else
            load_columns_of(x + k, stride, rows, min_of(n - k, QUAD), column);
        for (int q = 0; q < QUAD && k + q < n; q++) sum = v_fma(column[q], v_set1(w[k + q]), sum);
    }
    return sum;
}

/* x[rows, n] w[n] */
static vec column_sum(const real *x, int64_t stride, int64_t rows, int64_t after, const real *w,
                      int64_t n)
{
    vec sum = v_zero();
    for (int64_t k = 0; k < n; k += FNN_KC) {
        int64_t count = min_of(n - k, FNN_KC);
        vec part = column_chain(x + k, stride, rows, after, w + k, count, v_zero());
        sum = k ? v_add(sum, part) : part;
    }
    return sum;
}

/* A lies by rows: y = g(x w + b) */
static void column_of_rows(const product *p, const fnn_task *task)
{
    int64_t stride = p->a.stride, r, end;
    fnn_share(task, p->m, LANES, &r, &end);
    for (; r < end; r += LANES) {
        int64_t rows = min_of(end - r, LANES), after = (p->m - r - rows) * stride;
        vec sum = column_sum(p->a.base + r * stride, stride, rows, after, p->b.base, p->k);
        if (p->bias) sum = v_add(sum, v_set1(*p->bias));
        store_lanes(p->c.base + r, activation_of(p->activation, sum), rows);
        if (column_due(r, rows, p->k) && fnn_poll(task)) return;
    }
}

/* dw[0:vecs vectors] (+)= dy[rows] x[rows,], the last vector holding `last` elements */
VERB void column_strip(const real *x, int64_t stride, const real *dy, int64_t rows, real *dw,
                       int64_t last, int add, const int vecs)
{
    vec sum[COLUMN_VECS];
#pragma GCC unroll 8
    for (int v = 0; v < vecs; v++) sum[v] = v_zero();
    for (int64_t r = 0; r < rows; r++, x += stride) {
        vec slope = v_set1(dy[r]);
#pragma GCC unroll 8
        for (int v = 0; v < vecs - 1; v++) sum[v] = v_fma(slope, v_load(x + v * LANES), sum[v]);
        vec tail = load_lanes(x + (vecs - 1) * LANES, last);
        sum[vecs - 1] = v_fma(slope, tail, sum[vecs - 1]);
    }
#pragma GCC unroll 8
    for (int v = 0; v < vecs; v++, dw += LANES) {
        int64_t n = v < vecs - 1 ? LANES : last;
        store_lanes(dw, add ? v_add(load_lanes(dw, n), sum[v]) : sum[v], n);
    }
}

static inline real column_total(const real *dy, int64_t n)
{
    real total = 0;
    for (int64_t r = 0; r < n; r++) total += dy[r];
    return total;
}

/* dw[j:end] (+)= dy[rows] x[rows, j:end] */
static void column_block(const real *x, int64_t stride, const real *dy, int64_t rows, real *dw,
                         int64_t j, int64_t end, int add)
{
    for (; end - j >= COLUMN_VECS * LANES; j += COLUMN_VECS * LANES)
        column_strip(x + j, stride, dy, rows, dw + j, LANES, add, COLUMN_VECS);
    for (; end - j >= 2 * LANES; j += 2 * LANES)
        column_strip(x + j, stride, dy, rows, dw + j, LANES, add, 2);
    for (; j < end; j += LANES)
        column_strip(x + j, stride, dy, rows, dw + j, end - j < LANES ? end - j : LANES, add, 1);
}

/* A lies by columns: dw = x.T dy, and the sum of dy */
static void column_of_terms(const product *p, const fnn_task *task)
{
    const source *dy = &p->b;
    real *dw = p->c.base, slopes[FNN_KC];
    int64_t stride = p->a.stride, begin, end;
    fnn_share(task, p->m, LANES, &begin, &end);
    for (int64_t at = 0; at < p->k && begin < end; at += FNN_KC) {
        int64_t rows = min_of(p->k - at, FNN_KC);
        copy_elements(dy, at, slopes, rows);
        column_block(p->a.base + at * stride, stride, slopes, rows, dw, begin, end, at > 0);
        if (p->sum && begin == 0) *p->sum = column_total(slopes, rows) + (at > 0 ? *p->sum : 0);
        if (column_due(at, rows, p->m) && fnn_poll(task)) return;
    }
}

/* What these can make: C in one piece, of a matrix where it lies */
static inline int is_one_column(const product *p)
{
    return p->n == 1 && p->k > 0 && p->c.column == 1 && p->c.w == p->m && p->b.stride == 1 &&
           in_place(&p->a) && (p->a_by_k || in_place(&p->b));
}

static void multiply_column(const product *p, const fnn_task *task)
{
    (p->a_by_k ? column_of_terms : column_of_rows)(p, task);
}

/* ---- one term: C[m,n] = A[m] B[n], the gradient that goes back from one column ---------------------- */

/* dx[rows, n] = slopes[rows] w[n] */
static void outer_rows(const real *slopes, int64_t rows, const real *w, int64_t n, real *dx,
                       int64_t stride)
{
    for (int64_t r = 0; r < rows; r++, dx += stride) {
        vec slope = v_set1(slopes[r]);
        int64_t j = 0;
        for (; j + LANES <= n; j += LANES) v_store(dx + j, v_fma(slope, v_load(w + j), v_zero()));
        if (j < n) v_store_n(dx + j, v_fma(slope, v_load_n(w + j, n - j), v_zero()), n - j);
    }
}

static inline int is_one_term(const product *p)
{
    return p->k == 1 && p->bt.w && p->bt.depth == 1 && p->a.stride == 1 && !p->a.patches &&
           p->c.w == p->m && !p->bias && p->activation == FNN_ACTIVATION_linear;
}

/* dx = dy w.T */
static void multiply_term(const product *p, const fnn_task *task)
{
    real slopes[FNN_KC];
    int64_t stride = p->c.column, r, end;
    fnn_share(task, p->m, LANES, &r, &end);
    for (; r < end; r += FNN_KC) {
        int64_t rows = min_of(end - r, FNN_KC);
        copy_elements(&p->a, r, slopes, rows);
        outer_rows(slopes, rows, p->bt.w, p->n, p->c.base + r * stride, stride);
        if (column_due(r, rows, p->n) && fnn_poll(task)) return;
    }
}
