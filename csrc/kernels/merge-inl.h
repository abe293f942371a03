/* merge-inl.h: several tensors into one, and parts of tensors into others.
 *
 * Invariant: element by element an output depends on the elements of its own place alone; what is laid
 * out is copied, and written once. */
static void op_scale(const fnn_op *op, const fnn_task *task)
{
    const real *x = op->arg[0];
    real *y = op->arg[1];
    vec factor = v_set1((real)op->attr[0]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES)
        store_lanes(y + i, v_mul(load_lanes(x + i, end - i), factor), end - i);
}

static void op_pass_largest(const fnn_op *op, const fnn_task *task)
{
    const real *a = op->arg[0], *b = op->arg[1], *dy = op->arg[2];
    real *dx = op->arg[3];
    int strict = op->attr[0] != 0;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec mine = load_lanes(a + i, end - i), other = load_lanes(b + i, end - i);
        mask lost = strict ? v_le(mine, other) : v_lt(mine, other);
        store_lanes(dx + i, v_select(lost, v_zero(), load_lanes(dy + i, end - i)), end - i);
    }
}

/* Rows of n reals that go to one thread at the least. */
static inline int64_t rows_to_copy(int64_t n)
{
    return n < ELEMENT_GRAIN ? ELEMENT_GRAIN / (n + 1) + 1 : 1;
}

static void op_concatenate(const fnn_op *op, const fnn_task *task)
{
    const real *a = op->arg[0], *b = op->arg[1];
    int64_t r, end, i = op->dim[1], j = op->dim[2], k = op->dim[3];
    fnn_share(task, op->dim[0], rows_to_copy(k), &r, &end);
    for (; r < end; r++) {
        real *y = (real *)op->arg[2] + r * k;
        copy_reals(y, a + r * i, i);
        copy_reals(y + i, b + r * j, j);
    }
}

/* ---- parts: lines along the axis w, the rows of a window of the axes h and w ------------------------- */

/* One line: n pieces of s reals, the pieces of a whole line `step` apart */
typedef struct {
    int64_t n, s, step;
} pieces;

/* to[i] = from[i step] for each piece i */
static void gather_pieces(real *to, const real *from, pieces a)
{
    if (a.step == 1)
        copy_reals(to, from, a.n * a.s);
    else if (a.s == 1)
        for (int64_t i = 0; i < a.n; i++) to[i] = from[i * a.step];
    else
        for (int64_t i = 0; i < a.n; i++) copy_reals(to + i * a.s, from + i * a.step * a.s, a.s);
}

/* to[i step] = from[i] for each piece i */
static void scatter_pieces(real *to, const real *from, pieces a)
{
    if (a.step == 1)
        copy_reals(to, from, a.n * a.s);
    else if (a.s == 1)
        for (int64_t i = 0; i < a.n; i++) to[i * a.step] = from[i];
    else
        for (int64_t i = 0; i < a.n; i++) copy_reals(to + i * a.step * a.s, from + i * a.s, a.s);
}

static void set_reals(real *to, real value, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) store_lanes(to + i, v_set1(value), n - i);
}

/* Threads share the lines of y. */
static void op_slice(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], h = op->dim[1], w = op->dim[2], s = op->dim[3];
    int64_t k = op->dim[4], q = op->dim[5], i, end;
    int64_t top = (int64_t)op->attr[0], left = (int64_t)op->attr[1], step = (int64_t)op->attr[2];
    pieces line = {q, s, (int64_t)op->attr[3]};
    fnn_share(task, p * k, rows_to_copy(q * s), &i, &end);
    for (; i < end && q > 0 && s > 0; i++) {
        int64_t row = i / k * h + top + i % k * step;
        gather_pieces((real *)op->arg[1] + i * q * s,
                      (const real *)op->arg[0] + (row * w + left) * s, line);
    }
}

/* Threads share the lines of y. */
static void op_place(const fnn_op *op, const fnn_task *task)
{
    int64_t p = op->dim[0], h = op->dim[1], w = op->dim[2], s = op->dim[3];
    int64_t k = op->dim[4], q = op->dim[5], i, end;
    int64_t top = (int64_t)op->attr[0], left = (int64_t)op->attr[1], step = (int64_t)op->attr[2];
    real value = (real)op->attr[4];
    pieces line = {w, s, (int64_t)op->attr[3]};
    fnn_share(task, p * k, rows_to_copy(q * s), &i, &end);
    for (; i < end; i++) {
        int64_t from = i % k - top, row = from / step;
        real *y = (real *)op->arg[1] + i * q * s;
        int there = from % step == 0 && row >= 0 && row < h && w > 0 && s > 0;
        int64_t before = there && line.step == 1 ? left * s : q * s;
        set_reals(y, value, before);
        if (!there) continue;
        if (line.step == 1) set_reals(y + before + w * s, value, (q - w) * s - before);
        scatter_pieces(y + left * s, (const real *)op->arg[0] + (i / k * h + row) * w * s, line);
    }
}
