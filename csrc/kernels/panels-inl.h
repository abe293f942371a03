/* panels-inl.h: weights copied once for many products, in the order in which tiles read them.
 *
 * Invariant: an element is the product's of dense-inl.h, to the bit. */

/* p[g,i,l] = w[i, g WIDE + l], zeros beyond the last column */
static void op_pack_panels(const fnn_op *op, const fnn_task *task)
{
    const real *w = op->arg[0];
    real *p = op->arg[1];
    int64_t i = op->dim[0], o = op->dim[1], g, end;
    fnn_share(task, op->dim[2], 1, &g, &end);
    for (; g < end; g++)
        for (int64_t row = 0; row < i; row++)
            for (int64_t l = 0; l < WIDE; l += LANES) {
                int64_t left = o - g * WIDE - l;
                v_store(p + (g * i + row) * WIDE + l,
                        left > 0 ? load_lanes(w + row * o + g * WIDE + l, left) : v_zero());
            }
}

static void op_dense_panels(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[4];
    product p = {.m = r,
                 .n = o,
                 .k = i,
                 .a = plain(op->arg[0], i),
                 .b = plain(op->arg[1], WIDE),
                 .panels = 1,
                 .c = rows_of(op->arg[3], r, o),
                 .bias = op->arg[2],
                 .activation = (int)op->attr[0]};
    multiply(&p, task);
}
