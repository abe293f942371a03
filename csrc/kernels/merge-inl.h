/* merge-inl.h: several tensors into one, and parts of tensors into others.
 *
 * Invariant: element by element an output depends on the elements of its own place alone; what is laid
 * out is copied, and written once. */
#define MERGE(name, expression)                                        \
    static void op_##name(const fnn_op *op, const fnn_task *task)      \
    {                                                                  \
        int64_t i, end;                                                \
        share_elements(task, op->dim[0], &i, &end);                    \
        for (; i < end; i += LANES) {                                  \
            vec a = load_lanes((const real *)op->arg[0] + i, end - i); \
            vec b = load_lanes((const real *)op->arg[1] + i, end - i); \
            store_lanes((real *)op->arg[2] + i, expression, end - i);  \
        }                                                              \
    }
MERGE(subtract, v_sub(a, b))
MERGE(multiply, v_mul(a, b))
MERGE(maximum, v_max(a, b))
MERGE(minimum, v_neg(v_max(v_neg(a), v_neg(b))))
#undef MERGE

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

static void op_slice(const fnn_op *op, const fnn_task *task)
{
    const real *x = (const real *)op->arg[0] + (int64_t)op->attr[0];
    int64_t r, end, k = op->dim[1], i = op->dim[2];
    fnn_share(task, op->dim[0], rows_to_copy(i), &r, &end);
    for (; r < end; r++) copy_reals((real *)op->arg[1] + r * i, x + r * k, i);
}

/* Threads share the images. */
static void op_pad(const fnn_op *op, const fnn_task *task)
{
    int64_t h = op->dim[1], row = op->dim[2] * op->dim[3];
    int64_t p = op->dim[4], wide = op->dim[5] * op->dim[3];
    int64_t top = (int64_t)op->attr[0], left = (int64_t)op->attr[1] * op->dim[3];
    int64_t r, end;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * h * row;
        real *y = (real *)op->arg[1] + r * p * wide;
        memset(y, 0, (size_t)(p * wide) * sizeof(real));
        for (int64_t i = 0; i < h; i++) copy_reals(y + (top + i) * wide + left, x + i * row, row);
    }
}

/* Threads share the images. */
static void op_crop(const fnn_op *op, const fnn_task *task)
{
    int64_t h = op->dim[1], wide = op->dim[2] * op->dim[3];
    int64_t p = op->dim[4], row = op->dim[5] * op->dim[3];
    int64_t top = (int64_t)op->attr[0], left = (int64_t)op->attr[1] * op->dim[3];
    int64_t r, end;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * h * wide;
        real *y = (real *)op->arg[1] + r * p * row;
        for (int64_t i = 0; i < p; i++) copy_reals(y + i * row, x + (top + i) * wide + left, row);
    }
}
