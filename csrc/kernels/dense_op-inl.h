/* dense_op-inl.h: which of two ways makes a product of a dense layer, by its sizes.
 *
 * Invariant: it changes no bit which of them does (dense-inl.h, tiny-inl.h). */

static void op_dense_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[2];
    (o > 1 && is_tiny(r, o, i) ? tiny_fwd : dense_fwd)(op, task);
}

static void op_dense_bwd_x(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], o = op->dim[1], i = op->dim[2];
    (o > 1 && is_tiny(r, i, o) ? tiny_bwd_x : dense_bwd_x)(op, task);
}

static void op_dense_bwd_w(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], i = op->dim[1], o = op->dim[2];
    (o > 1 && is_tiny(i, o, r) ? tiny_bwd_w : dense_bwd_w)(op, task);
}
