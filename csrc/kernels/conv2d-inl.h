/* conv2d-inl.h: the three products of a convolution, x[r,h,w,c] k[m,n,c,o] b[o] -> y[r,p,q,o].
 *
 * A row of the left factor is the patch of an image under the window, read straight from the image;
 * the matrix of all patches never exists.  Padded places are zeros and take part in the sums.
 *
 * Invariant: all sums are the product's (gemm-inl.h), over (m, n, c) for y, over (r, p, q) for dk, and
 * over the window turned round, (-m, -n, o), for dx. */

/* A window of one place that moves by one place reads the images as they lie. */
static source patches_of(const real *images, const window *g)
{
    if (g->m * g->n == 1 && g->stride_h == 1 && g->stride_w == 1 && g->h == g->p && g->w == g->q)
        return plain(images, g->c);
    return (source){.base = images, .patches = g};
}

static void op_conv2d_fwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    int64_t r = d[0], o = d[6];
    window g = {.h = d[1],
                .w = d[2],
                .c = d[3],
                .m = d[4],
                .n = d[5],
                .p = d[7],
                .q = d[8],
                .stride_h = (int64_t)op->attr[0],
                .stride_w = (int64_t)op->attr[1],
                .top = -(int64_t)op->attr[2],
                .left = -(int64_t)op->attr[3]};
    int64_t rows = r * g.p * g.q;
    product p = {.m = rows,
                 .n = o,
                 .k = g.m * g.n * g.c,
                 .a = patches_of(op->arg[0], &g),
                 .b = plain(op->arg[1], o),
                 .c = rows_of(op->arg[3], rows, o),
                 .bias = op->arg[2],
                 .activation = (int)op->attr[4]};
    multiply_patches(&p, task);
}

/* dk[(m,n,c),o] = patches[(r,p,q),(m,n,c)].T (dy g'(y))[(r,p,q),o] */
static void op_conv2d_bwd_w(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    int64_t r = d[0], o = d[6];
    window g = {.h = d[1],
                .w = d[2],
                .c = d[3],
                .m = d[7],
                .n = d[8],
                .p = d[4],
                .q = d[5],
                .stride_h = (int64_t)op->attr[0],
                .stride_w = (int64_t)op->attr[1],
                .top = -(int64_t)op->attr[2],
                .left = -(int64_t)op->attr[3]};
    int64_t rows = g.m * g.n * g.c;
    product p = {.m = rows,
                 .n = o,
                 .k = r * g.p * g.q,
                 .a = patches_of(op->arg[0], &g),
                 .a_by_k = 1,
                 .b = gradient(op->arg[1], op->arg[2], o, op->attr[4]),
                 .c = rows_of(op->arg[3], rows, o),
                 .sum = op->arg[4]};
    multiply_patches(&p, task);
}

/* One axis of dx as the taps see it: the places x whose x + pad leaves `rest` when divided by stride
 * meet the taps rest, rest + stride, ...  Place number u of them, from 0, is first + stride * u, and its
 * taps from the last to the first lie at dy[start + u], dy[start + u + 1], ... */
typedef struct {
    int64_t rest, stride, taps, first, count, start;
} phase;

static phase phase_of(int64_t rest, int64_t stride, int64_t pad, int64_t size, int64_t window_size)
{
    phase f = {.rest = rest, .stride = stride};
    f.taps = rest < window_size ? (window_size - rest + stride - 1) / stride : 0;
    f.first = ((rest - pad) % stride + stride) % stride;
    f.count = f.first < size ? (size - f.first + stride - 1) / stride : 0;
    f.start = (f.first + pad - rest) / stride - f.taps + 1;
    return f;
}

/* dx at the places of one phase of each axis: a convolution of dy g'(y) with every stride-th tap */
static void transposed_phase(const fnn_op *op, const fnn_task *task, phase fh, phase fw)
{
    const int64_t *d = op->dim;
    int64_t r = d[0], o = d[3], n = d[5], c = d[6], h = d[7], w = d[8];
    window g = {.h = d[1],
                .w = d[2],
                .c = o,
                .m = fh.taps,
                .n = fw.taps,
                .p = fh.count,
                .q = fw.count,
                .stride_h = 1,
                .stride_w = 1,
                .top = fh.start,
                .left = fw.start};
    int64_t tap_h = fh.rest + fh.stride * (fh.taps - 1),
            tap_w = fw.rest + fw.stride * (fw.taps - 1);
    product p = {.m = r * g.p * g.q,
                 .n = c,
                 .k = g.m * g.n * o,
                 .a = gradient(op->arg[0], op->arg[1], o, op->attr[4]),
                 .bt = {.w = (const real *)op->arg[2] + (tap_h * n + tap_w) * c * o,
                        .depth = o,
                        .width = g.n,
                        .step_h = -fh.stride * n * c * o,
                        .step_w = -fw.stride * c * o},
                 .c = {.base = (real *)op->arg[3] + (fh.first * w + fw.first) * c,
                       .h = g.p,
                       .w = g.q,
                       .image = h * w * c,
                       .row = fh.stride * w * c,
                       .column = fw.stride * c}};
    if (patches_of(p.a.base, &g).patches) p.a.patches = &g;
    if (fh.stride == 1 && fw.stride == 1) p.c = rows_of(op->arg[3], p.m, c);
    multiply_patches(&p, task);
}

static void op_conv2d_bwd_x(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    int64_t stride_h = (int64_t)op->attr[0], stride_w = (int64_t)op->attr[1];
    int64_t pad_h = (int64_t)op->attr[2], pad_w = (int64_t)op->attr[3];
    for (int64_t a = 0; a < stride_h; a++)
        for (int64_t b = 0; b < stride_w; b++)
            transposed_phase(op, task, phase_of(a, stride_h, pad_h, d[7], d[4]),
                             phase_of(b, stride_w, pad_w, d[8], d[5]));
}
