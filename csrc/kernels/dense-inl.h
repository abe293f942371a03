/* dense-inl.h: the three products of a dense layer, x[r,i] w[i,o] b[o] -> y[r,o].
 *
 * Invariant: all sums are the product's (gemm-inl.h, mixed-inl.h). */

static void dense_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[2];
    product p = {.m = r,
                 .n = o,
                 .k = i,
                 .a = plain(op->arg[0], i),
                 .b = plain(op->arg[1], o),
                 .c = rows_of(op->arg[3], r, o),
                 .bias = op->arg[2],
                 .activation = (int)op->attr[0],
                 .only = 1};
    multiply(&p, task);
}

/* dx[r,i] = (dy g'(y))[r,o] w[i,o].T */
static void dense_bwd_x(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], o = op->dim[1], i = op->dim[2];
    product p = {.m = r,
                 .n = i,
                 .k = o,
                 .a = gradient(op->arg[0], op->arg[1], o, op->attr[0]),
                 .bt = {.w = op->arg[2], .depth = o, .stride = o, .width = 1},
                 .c = rows_of(op->arg[3], r, i)};
    multiply(&p, task);
}

/* dw[i,o] = x[r,i].T (dy g'(y))[r,o], db[o] = sum_r (dy g'(y))[r,o] */
static void dense_bwd_w(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[2];
    product p = {.m = i,
                 .n = o,
                 .k = r,
                 .a = plain(op->arg[0], i),
                 .a_by_k = 1,
                 .b = gradient(op->arg[1], op->arg[2], o, op->attr[0]),
                 .c = rows_of(op->arg[3], i, o),
                 .sum = op->arg[4]};
    multiply(&p, task);
}
