/* layout-inl.h: numbers taken to other places: axes swapped, places taken by an index, numbers sorted.
 *
 * Invariant: an element is copied, and written once; what is added to one place is added in the order of the
 * indices. */

/* ---- x[p,b,c,s] -> y[p,c,b,s] ----------------------------------------------------------------------- */

/* Columns j..end of from[rows, cols] as rows of `to`.  Whole vectors of rows by registers; the last rows,
 * whose vectors would spoil their neighbours, one by one. */
static void swap_columns(const real *from, int64_t rows, int64_t cols, int64_t j, int64_t end,
                         real *to)
{
    int64_t whole = rows / LANES * LANES;
    if (whole) transpose(from + j, cols, whole, end - j, to + j * rows, rows);
    for (; j < end; j++)
        for (int64_t i = whole; i < rows; i++) to[j * rows + i] = from[i * cols + j];
}

/* Threads share the matrices, or the columns of a single one. */
static void swap_matrices(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], b = op->dim[1], c = op->dim[2], i, end, j = 0, last = c;
    const real *x = op->arg[0];
    real *y = op->arg[1];
    fnn_share(task, p, rows_to_copy(b * c), &i, &end);
    if (p == 1) {
        i = 0, end = 1;
        fnn_share(task, c, LANES, &j, &last);
    }
    for (; i < end; i++) swap_columns(x + i * b * c, b, c, j, last, y + i * b * c);
}

static void op_swap(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], b = op->dim[1], c = op->dim[2], s = op->dim[3], i, end;
    const real *x = op->arg[0];
    real *y = op->arg[1];
    if (s == 1) {
        swap_matrices(op, task);
        return;
    }
    fnn_share(task, p * c, rows_to_copy(b * s), &i, &end);
    for (; i < end; i++) {
        const real *from = x + (i / c * b * c + i % c) * s;
        for (int64_t j = 0; j < b; j++) copy_reals(y + (i * b + j) * s, from + j * c * s, s);
    }
}

/* ---- places taken by an index: it counts from the end where it is below 0, and there is none elsewhere ---- */

/* The place that an index means among q, or -1 */
static inline int64_t place_among(real index, int64_t q)
{
    if (!(index >= -(real)q && index < (real)q)) return -1;
    int64_t i = (int64_t)index;
    return i < 0 ? i + q : i;
}

static void copy_or_nan(real *y, const real *x, int64_t n)
{
    if (x)
        copy_reals(y, x, n);
    else
        for (int64_t i = 0; i < n; i += LANES) store_lanes(y + i, v_set1((real)NAN), n - i);
}

/* y[p,k,s] = x[p,i[k],s] */
static void op_take(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], q = op->dim[1], s = op->dim[2], k = op->dim[3], row, end;
    const real *x = op->arg[0], *index = op->arg[1];
    real *y = op->arg[2];
    fnn_share(task, p * k, rows_to_copy(s), &row, &end);
    for (; row < end; row++) {
        int64_t at = place_among(index[row % k], q);
        copy_or_nan(y + row * s, at < 0 ? NULL : x + (row / k * q + at) * s, s);
    }
}

/* dx[p,i[k],s] += dy[p,k,s] */
static void op_take_bwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t k = op->dim[1], s = op->dim[2], q = op->dim[3];
    const real *dy = op->arg[0], *index = op->arg[1];
    real *dx = op->arg[2];
    EACH_UNIT(op, task, {
        real *to = dx + p * q * s + j;
        const real *from = dy + p * k * s + j;
        for (int64_t i = 0; i < q; i++) store_lanes(to + i * s, v_zero(), n);
        for (int64_t i = 0; i < k; i++) {
            int64_t at = place_among(index[i], q) * s;
            vec slope = load_lanes(from + i * s, n);
            if (at >= 0) store_lanes(to + at, v_add(load_lanes(to + at, n), slope), n);
        }
    });
}

/* y[p,k,s] = x[p,i[p,k,s],s] */
static void op_take_along(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], q = op->dim[1], s = op->dim[2], k = op->dim[3], row, end;
    const real *x = op->arg[0], *index = op->arg[1];
    real *y = op->arg[2];
    fnn_share(task, p * k, rows_to_copy(s), &row, &end);
    for (; row < end; row++)
        for (int64_t j = 0; j < s; j++) {
            int64_t at = place_among(index[row * s + j], q);
            y[row * s + j] = at < 0 ? (real)NAN : x[(row / k * q + at) * s + j];
        }
}

/* dx[p,i[p,k,s],s] += dy[p,k,s] */
static void op_put_along(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], k = op->dim[1], s = op->dim[2], q = op->dim[3], i, end;
    fnn_share(task, p, rows_to_copy((q + k) * s), &i, &end);
    for (; i < end; i++) {
        const real *dy = (const real *)op->arg[0] + i * k * s;
        const real *index = (const real *)op->arg[1] + i * k * s;
        real *dx = (real *)op->arg[2] + i * q * s;
        memset(dx, 0, (size_t)(q * s) * sizeof(real));
        for (int64_t j = 0; j < k * s; j++) {
            int64_t at = place_among(index[j], q);
            if (at >= 0) dx[at * s + j % s] += dy[j];
        }
    }
}

/* ---- sorting: a heap in place, of numbers and where they came from, so that none are equal -------------- */

typedef struct {
    real *value, *from;
    int falling;
} heap;

/* Whether element i is to come before element j: NaN is the largest. */
static inline int comes_before(const heap *h, int64_t i, int64_t j)
{
    real a = h->value[i], b = h->value[j];
    int below = a < b || (b != b && a == a), above = b < a || (a != a && b == b);
    if (below || above) return h->falling ? above : below;
    return h->from[i] < h->from[j];
}

static inline void exchange(heap *h, int64_t i, int64_t j)
{
    real value = h->value[i], from = h->from[i];
    h->value[i] = h->value[j], h->from[i] = h->from[j];
    h->value[j] = value, h->from[j] = from;
}

/* Lets element i sink among the first n, to below those that come after it. */
static void sink(heap *h, int64_t i, int64_t n)
{
    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && comes_before(h, child, child + 1)) child++;
        if (!comes_before(h, i, child)) return;
        exchange(h, i, child);
    }
}

static void op_sort(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], q = op->dim[1], i, end;
    fnn_share(task, p, rows_to_copy(16 * q), &i, &end);
    for (; i < end; i++) {
        heap h = {(real *)op->arg[1] + i * q, (real *)op->arg[2] + i * q, op->attr[0] != 0};
        copy_reals(h.value, (const real *)op->arg[0] + i * q, q);
        for (int64_t j = 0; j < q; j++) h.from[j] = (real)j;
        for (int64_t j = q / 2 - 1; j >= 0; j--) sink(&h, j, q);
        for (int64_t n = q - 1; n > 0; n--) {
            exchange(&h, 0, n);
            sink(&h, 0, n);
        }
    }
}
