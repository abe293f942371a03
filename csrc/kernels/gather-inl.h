/* gather-inl.h: rows of the caller's arrays in.
 *
 * Invariant: nothing wrong passes silently.  What the data cannot mean is refused with its row, and what
 * is written then is harmless to the ops that still run: label 0, an infinite x. */

/* x becomes slope x + offset, rounded as the curve "line" rounds it, if there is anything to do. */
typedef struct {
    int scaled;
    real slope, offset;
} scaling;

/* Rows of the caller's array, r = 0..count-1: row order[r], or r itself, of n elements, which are `step`
 * elements apart. */
typedef struct {
    const void *data;
    const int64_t *order;
    int64_t count, n, step;
    int64_t ahead; /* row r + ahead is asked for while row r is read */
    scaling scale;
} wanted_rows;

static inline int64_t row_at(const wanted_rows *rows, int64_t r)
{
    return rows->order ? rows->order[r] : r;
}

/* Rows of a large array come from memory a line at a time unless they were asked for before.  The second
 * level has room for more lines on their way than the first. */
enum { AHEAD_LINES = 64, LINE_BYTES = 64, NEAR_BYTES = 1 << 20 };

static inline void fetch_bytes(const void *row, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += LINE_BYTES)
        __builtin_prefetch((const unsigned char *)row + i, 0, 2);
}

/* x[0:n] = a[0:n] */
#define CONVERT(name, type)                                                                \
    static inline void convert_##name(real *restrict x, const type *restrict a, int64_t n) \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) x[i] = (real)a[i];                                 \
    }
#if FNN_F64
CONVERT(f32, float)
#define convert_f64 copy_reals
#else
#define convert_f32 copy_reals
CONVERT(f64, double)
#endif
CONVERT(u8, uint8_t)
CONVERT(i32, int32_t)
CONVERT(i64, int64_t)
#undef CONVERT

/* Elements that are converted, then scaled while they are in the first level. */
enum { SCALED_AT_ONCE = 1024 };

static inline void scale_reals(real *x, int64_t n, const scaling *scale)
{
    vec slope = v_set1(scale->slope), offset = v_set1(scale->offset);
    for (int64_t i = 0; i < n; i += LANES)
        store_lanes(x + i, v_fma(slope, load_lanes(x + i, n - i), offset), n - i);
}

/* Rows of one element, such as targets, are one loop. */
#define GATHER(name, type)                                                            \
    static inline void read_##name(const wanted_rows *rows, real *x, const type *row) \
    {                                                                                 \
        const int64_t n = rows->n;                                                    \
        if (!rows->scale.scaled) {                                                    \
            convert_##name(x, row, n);                                                \
            return;                                                                   \
        }                                                                             \
        for (int64_t i = 0; i < n; i += SCALED_AT_ONCE) {                             \
            int64_t some = n - i < SCALED_AT_ONCE ? n - i : SCALED_AT_ONCE;           \
            convert_##name(x + i, row + i, some);                                     \
            scale_reals(x + i, some, &rows->scale);                                   \
        }                                                                             \
    }                                                                                 \
    static inline void fetch_##name(const wanted_rows *rows, int64_t r)               \
    {                                                                                 \
        const type *data = rows->data;                                                \
        if (r < rows->count - rows->ahead)                                            \
            fetch_bytes(data + row_at(rows, r + rows->ahead) * rows->step,            \
                        rows->n * (int64_t)sizeof(type));                             \
    }                                                                                 \
    static void gather_##name(const wanted_rows *rows, real *x)                       \
    {                                                                                 \
        const type *data = rows->data;                                                \
        const int64_t n = rows->n, step = rows->step, count = rows->count;            \
        if (n == 1 && !rows->scale.scaled)                                            \
            for (int64_t r = 0; r < count; r++) {                                     \
                fetch_##name(rows, r);                                                \
                x[r] = (real)data[row_at(rows, r) * step];                            \
            }                                                                         \
        else                                                                          \
            for (int64_t r = 0; r < count; r++, x += n) {                             \
                fetch_##name(rows, r);                                                \
                read_##name(rows, x, data + row_at(rows, r) * step);                  \
            }                                                                         \
    }
GATHER(f32, float)
GATHER(f64, double)
GATHER(u8, uint8_t)
GATHER(i32, int32_t)
GATHER(i64, int64_t)
#undef GATHER
#undef convert_f32
#undef convert_f64

static inline int64_t source_bytes(int dtype)
{
    static const int64_t bytes[] = {[FNN_DTYPE_F32] = 4,
                                    [FNN_DTYPE_F64] = 8,
                                    [FNN_DTYPE_U8] = 1,
                                    [FNN_DTYPE_I32] = 4,
                                    [FNN_DTYPE_I64] = 8};
    return bytes[dtype];
}

static void gather_rows(const wanted_rows *rows, int dtype, real *x)
{
    switch (dtype) {
    case FNN_DTYPE_F32:
        gather_f32(rows, x);
        break;
    case FNN_DTYPE_F64:
        gather_f64(rows, x);
        break;
    case FNN_DTYPE_U8:
        gather_u8(rows, x);
        break;
    case FNN_DTYPE_I32:
        gather_i32(rows, x);
        break;
    default:
        gather_i64(rows, x);
    }
}

/* Elements from row to row of the caller's array */
static inline int64_t step_of(const fnn_op *op) { return op->dim[1] + (int64_t)op->attr[1]; }

static inline int any_infinite(const real *x, int64_t n)
{
    mask any = m_first(0);
    for (int64_t i = 0; i < n; i += LANES)
        any = m_or(any, v_eq(v_abs(load_lanes(x + i, n - i)), v_set1((real)INFINITY)));
    return m_any(any);
}

/* Refuses the rows r of the batch in which a finite element became infinite. */
static void refuse_overflow(const fnn_op *op, const fnn_task *task, int64_t r, int64_t end)
{
    const double *data = op->arg[0];
    const real *x = op->arg[1];
    int64_t n = op->dim[1], step = step_of(op);
    if (!any_infinite(x + r * n, (end - r) * n)) return;
    for (; r < end; r++) {
        int64_t row = fnn_sample(task->run, r);
        for (int64_t i = 0; i < n; i++)
            if (isinf(x[r * n + i]) && !isinf(data[row * step + i]))
                fnn_refuse(task->run, op, FNN_FAULT_OVERFLOW, row, data[row * step + i]);
    }
}

/* Rows r..end-1 of the batch.  Rows of a small array that lie side by side are one long row.  Rows of the
 * next batch are not asked for: they would drive this one out of the cache. */
static wanted_rows rows_wanted(const fnn_op *op, const fnn_run *run, int64_t r, int64_t end,
                               scaling scale)
{
    const unsigned char *data = op->arg[0];
    int64_t n = op->dim[1], step = step_of(op), bytes = source_bytes((int)op->attr[0]);
    int64_t row_bytes = n * bytes, from = run->first + r;
    int near = run->total * row_bytes <= NEAR_BYTES;
    int64_t ahead = near ? end - r : 2 + AHEAD_LINES * LINE_BYTES / (row_bytes + LINE_BYTES);
    if (run->order) return (wanted_rows){data, run->order + from, end - r, n, step, ahead, scale};
    data += from * step * bytes;
    if (near && step == n) return (wanted_rows){data, NULL, 1, (end - r) * n, step, 1, scale};
    return (wanted_rows){data, NULL, end - r, n, step, ahead, scale};
}

static void op_gather(const fnn_op *op, const fnn_task *task)
{
    int dtype = (int)op->attr[0], scaled = op->attr[2] != 0;
    int narrowed =
        dtype == FNN_DTYPE_F64 && !FNN_F64; /* what overflows is known before it is scaled */
    scaling scale = {scaled && !narrowed, (real)op->attr[3], (real)op->attr[4]};
    int64_t r, end, n = op->dim[1];
    real *x = op->arg[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    if (r == end) return;
    wanted_rows rows = rows_wanted(op, task->run, r, end, scale);
    gather_rows(&rows, dtype, x + r * n);
    if (narrowed) refuse_overflow(op, task, r, end);
    if (narrowed && scaled) scale_reals(x + r * n, (end - r) * n, &scale);
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
static inline fnn_fault_kind label_fault(double label, double classes)
{
    if (!(label == floor(label))) return FNN_FAULT_LABEL_FRACTION;
    return label < 0 || label >= classes ? FNN_FAULT_LABEL_RANGE : FNN_FAULT_NONE;
}

static void op_gather_labels(const fnn_op *op, const fnn_task *task)
{
    int dtype = (int)op->attr[0];
    double classes = op->attr[2], ignored = op->attr[3];
    int64_t r, end, n = op->dim[1], step = step_of(op);
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        int32_t *t = (int32_t *)op->arg[1] + r * n;
        int64_t row = fnn_sample(task->run, r);
        for (int64_t i = 0; i < n; i++) {
            double label = label_of(op->arg[0], dtype, row * step + i);
            fnn_fault_kind fault = label == ignored ? FNN_FAULT_NONE : label_fault(label, classes);
            t[i] = label == ignored ? -1 : fault ? 0 : (int32_t)label;
            if (fault) fnn_refuse(task->run, op, fault, row, label);
        }
    }
}

static void op_label_numbers(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    if (i < end) convert_i32((real *)op->arg[1] + i, (const int32_t *)op->arg[0] + i, end - i);
}
