/* gather-inl.h: rows of the caller's arrays in.
 *
 * Invariant: nothing wrong passes silently.  What the data cannot mean is refused with its row, and what
 * is written then is harmless to the ops that still run: label 0, an infinite x. */

/* Rows in order are one long row: x[0:n] = a[0:n], which for equal types is a memcpy. */
#define GATHER(name, type)                                                         \
    static void gather_##name(const type *restrict a, real *restrict x, int64_t n) \
    {                                                                              \
        for (int64_t i = 0; i < n; i++) x[i] = (real)a[i];                         \
    }
GATHER(f32, float)
GATHER(f64, double)
GATHER(u8, uint8_t)
GATHER(i32, int32_t)
GATHER(i64, int64_t)
#undef GATHER

static inline int any_infinite(const real *x, int64_t n)
{
    mask any = m_first(0);
    for (int64_t i = 0; i < n; i += LANES)
        any = m_or(any, v_eq(v_abs(load_lanes(x + i, n - i)), v_set1((real)INFINITY)));
    return m_any(any);
}

/* The first finite element of a[0:n] that became infinite in x, or -1. */
static int64_t first_overflow(const double *a, const real *x, int64_t n)
{
    if (any_infinite(x, n))
        for (int64_t i = 0; i < n; i++)
            if (isinf(x[i]) && !isinf(a[i])) return i;
    return -1;
}

/* x[0:n] = element from..from+n-1 of data; returns the first element that overflows, or -1. */
static int64_t gather_elements(const void *data, int dtype, int64_t from, real *x, int64_t n)
{
    switch (dtype) {
    case FNN_DTYPE_F32:
        gather_f32((const float *)data + from, x, n);
        break;
    case FNN_DTYPE_F64:
        gather_f64((const double *)data + from, x, n);
        return FNN_F64 ? -1 : first_overflow((const double *)data + from, x, n);
    case FNN_DTYPE_U8:
        gather_u8((const uint8_t *)data + from, x, n);
        break;
    case FNN_DTYPE_I32:
        gather_i32((const int32_t *)data + from, x, n);
        break;
    default:
        gather_i64((const int64_t *)data + from, x, n);
    }
    return -1;
}

/* A row that lies anywhere comes from memory a line at a time, unless it was asked for before: rows that
 * are AHEAD_ROWS later are. */
enum { AHEAD_ROWS = 3, LINE_BYTES = 64 };

static inline void fetch_bytes(const unsigned char *row, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += LINE_BYTES) __builtin_prefetch(row + i);
}

static inline int64_t source_bytes(int dtype)
{
    static const int64_t bytes[] = {[FNN_DTYPE_F32] = 4,
                                    [FNN_DTYPE_F64] = 8,
                                    [FNN_DTYPE_U8] = 1,
                                    [FNN_DTYPE_I32] = 4,
                                    [FNN_DTYPE_I64] = 8};
    return bytes[dtype];
}

static void op_gather(const fnn_op *op, const fnn_task *task)
{
    const void *data = op->arg[0];
    real *x = op->arg[1];
    int dtype = (int)op->attr[0];
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    int64_t rows = task->run->order ? 1 : end - r;
    int64_t row_bytes = n * source_bytes(dtype);
    for (; r < end; r += rows) {
        if (task->run->order && r + AHEAD_ROWS < end)
            fetch_bytes((const unsigned char *)data +
                            fnn_sample(task->run, r + AHEAD_ROWS) * row_bytes,
                        row_bytes);
        int64_t from = fnn_sample(task->run, r) * n;
        int64_t bad = gather_elements(data, dtype, from, x + r * n, rows * n);
        if (bad >= 0)
            fnn_refuse(task->run, op, FNN_FAULT_OVERFLOW, (from + bad) / n,
                       ((const double *)data)[from + bad]);
    }
}

static double label_of(const void *data, int dtype, int64_t row)
{
    switch (dtype) {
    case FNN_DTYPE_F32:
        return (double)((const float *)data)[row];
    case FNN_DTYPE_F64:
        return ((const double *)data)[row];
    case FNN_DTYPE_U8:
        return ((const uint8_t *)data)[row];
    case FNN_DTYPE_I32:
        return ((const int32_t *)data)[row];
    default:
        return (double)((const int64_t *)data)[row];
    }
}

/* A NaN is no whole number; an infinity is one out of range. */
static void op_gather_labels(const fnn_op *op, const fnn_task *task)
{
    int32_t *t = op->arg[1];
    int dtype = (int)op->attr[0];
    double classes = op->attr[1];
    int64_t r, end;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        int64_t row = fnn_sample(task->run, r);
        double label = label_of(op->arg[0], dtype, row);
        fnn_fault_kind fault = !(label == floor(label))        ? FNN_FAULT_LABEL_FRACTION
                               : label < 0 || label >= classes ? FNN_FAULT_LABEL_RANGE
                                                               : FNN_FAULT_NONE;
        t[r] = fault ? 0 : (int32_t)label;
        if (fault) fnn_refuse(task->run, op, fault, row, label);
    }
}
