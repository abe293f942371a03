/* embedding-inl.h: rows of a table in place of ids, and masks: which steps of a sequence count.
 *
 * Invariant: the gradient of a row of the table is the sum over the places of its id in their order, whatever
 * the threads.  An id that the table has no row for is refused; its place gets zeros. */

/* The fault of an id; a NaN is no whole number, an infinity one out of range. */
static inline fnn_fault_kind id_fault(real id, int64_t rows)
{
    int known = id >= 0 && id < (real)rows && id == (real)(int64_t)id;
    return known ? FNN_FAULT_NONE : FNN_FAULT_ID;
}

static void refuse_id(const fnn_op *op, const fnn_task *task, int64_t place, real id)
{
    int64_t row = fnn_sample(task->run, place / (op->dim[0] / task->run->rows));
    fnn_refuse(task->run, op, FNN_FAULT_ID, row, (double)id);
}

static void op_embed_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *ids = op->arg[0], *table = op->arg[1];
    int64_t i, end, places = op->dim[0], rows = op->dim[1], n = op->dim[2];
    fnn_share(task, places, 1, &i, &end);
    for (; i < end; i++) {
        real *y = (real *)op->arg[2] + i * n;
        if (id_fault(ids[i], rows)) {
            refuse_id(op, task, i, ids[i]);
            memset(y, 0, (size_t)n * sizeof(real));
            continue;
        }
        if (i + 4 < end && !id_fault(ids[i + 4], rows)) ask_for(table + (int64_t)ids[i + 4] * n);
        copy_reals(y, table + (int64_t)ids[i] * n, n);
    }
}

/* Vector b of row v belongs to thread (v B + b) mod threads, B vectors a row: so threads share frequent ids
 * as well as a table of few columns. */
static void op_embed_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *ids = op->arg[0], *dy = op->arg[1];
    real *dw = op->arg[2];
    int64_t places = op->dim[0], n = op->dim[1], rows = op->dim[2];
    int64_t vectors = (n + LANES - 1) / LANES, threads = task->threads, me = task->thread;
    for (int64_t each = me; each < rows * vectors; each += threads) {
        int64_t at = each % vectors * LANES;
        store_lanes(dw + each / vectors * n + at, v_zero(), n - at);
    }
    for (int64_t i = 0; i < places; i++, dy += n) {
        if (id_fault(ids[i], rows)) continue;
        int64_t row = (int64_t)ids[i], first = (me - row * vectors) % threads;
        real *to = dw + row * n;
        for (int64_t b = first < 0 ? first + threads : first; b < vectors; b += threads) {
            int64_t at = b * LANES, left = n - at;
            store_lanes(to + at, v_add(load_lanes(to + at, left), load_lanes(dy + at, left)), left);
        }
    }
}

/* y[v] = how often v is among the n ids of a place, each as often as w says; or whether it is, if `once` */
static void op_encode(const fnn_op *op, const fnn_task *task)
{
    const real *ids = op->arg[0], *w = op->arg[1];
    int once = op->attr[0] != 0;
    int64_t r, end, n = op->dim[1], known = op->dim[2];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        real *y = (real *)op->arg[2] + r * known;
        memset(y, 0, (size_t)known * sizeof(real));
        for (int64_t i = r * n; i < (r + 1) * n; i++)
            if (id_fault(ids[i], known))
                refuse_id(op, task, r, ids[i]);
            else
                y[(int64_t)ids[i]] = once ? 1 : y[(int64_t)ids[i]] + (w ? w[i] : 1);
    }
}

/* mask = 1 where any number of x is not `value`; NaN is not */
static void op_differs(const fnn_op *op, const fnn_task *task)
{
    vec value = v_set1((real)op->attr[0]);
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * n;
        mask any = m_first(0);
        for (int64_t i = 0; i < n; i += LANES) {
            mask differs = m_not(v_eq(load_lanes(x + i, n - i), value));
            any = m_or(any, m_and(differs, lanes_left(n - i)));
        }
        ((real *)op->arg[1])[r] = (real)m_any(any);
    }
}

/* y = x where mask is not 0, else 0 */
static void op_mask_steps(const fnn_op *op, const fnn_task *task)
{
    const real *m = op->arg[1];
    int64_t r, end, n = op->dim[1];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * n;
        real *y = (real *)op->arg[2] + r * n;
        if (m[r] == 0)
            memset(y, 0, (size_t)n * sizeof(real));
        else if (y != x)
            memcpy(y, x, (size_t)n * sizeof(real));
    }
}
