/* conv2d-inl.h: the three products of a convolution, x[r,h,w,c] k[m,n,i,o] b[o] -> y[r,p,q,o], and the one
 * that goes the other way, conv2d_transpose.
 *
 * A row of the left factor is the patch of an image under the window, read straight from the image;
 * the matrix of all patches never exists.  Padded places are zeros and take part in the sums.  The
 * channels are parted in groups of i, each with o / groups of the outputs: a product for each group.
 *
 * Invariant: all sums are the product's (gemm-inl.h), over (m, n, i) for y, over (r, p, q) for dk, and
 * over the window turned round, (-m, -n, o), for dx. */

/* How windows move: strides, what is padded above and left, the distance of a window's places */
typedef struct {
    int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
} sliding_rule;

static inline sliding_rule rule_of(const double *attr)
{
    return (sliding_rule){(int64_t)attr[0], (int64_t)attr[1], (int64_t)attr[2],
                          (int64_t)attr[3], (int64_t)attr[4], (int64_t)attr[5]};
}

enum { CONV_ACTIVATION = 6 }; /* the attribute after them */

/* The windows of m x n places on images of h x w, all channels of which they see */
static inline window window_by(const sliding_rule *s, int64_t h, int64_t w, int64_t c, int64_t m,
                               int64_t n, int64_t p, int64_t q)
{
    return (window){.h = h,
                    .w = w,
                    .c = c,
                    .m = m,
                    .n = n,
                    .p = p,
                    .q = q,
                    .stride_h = s->stride_h,
                    .stride_w = s->stride_w,
                    .top = -s->pad_h,
                    .left = -s->pad_w,
                    .dilation_h = s->dilation_h,
                    .dilation_w = s->dilation_w,
                    .channels = c};
}

/* A window of one place that moves by one place reads the images as they lie. */
static source patches_of(source images, const window *g)
{
    int moves = g->m * g->n > 1 || g->stride_h > 1 || g->stride_w > 1;
    if (moves || g->top || g->left || g->h != g->p || g->w != g->q) {
        images.patches = g;
        return images;
    }
    images.base += g->first;
    if (images.y) images.y += g->first;
    return images;
}

static void op_conv2d_fwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    int64_t c = d[3], i = d[6], o = d[7], groups = c / i, width = o / groups;
    sliding_rule s = rule_of(op->attr);
    window g = window_by(&s, d[1], d[2], c, d[4], d[5], d[8], d[9]);
    int64_t rows = d[0] * g.p * g.q;
    g.channels = i;
    for (int64_t at = 0; at < o; at += width, g.first += i) {
        product p = {.m = rows,
                     .n = width,
                     .k = g.m * g.n * i,
                     .a = patches_of(plain(op->arg[0], c), &g),
                     .b = plain((const real *)op->arg[1] + at, o),
                     .c = rows_of((real *)op->arg[3] + at, rows, o),
                     .bias = op->arg[2] ? (const real *)op->arg[2] + at : NULL,
                     .activation = (int)op->attr[CONV_ACTIVATION]};
        multiply_patches(&p, task);
    }
}

/* dk[(m,n,i),o] = patches[(r,p,q),(m,n,i)].T (dy g'(y))[(r,p,q),o] */
static void op_conv2d_bwd_w(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    int64_t c = d[3], o = d[6], i = d[9], groups = c / i, width = o / groups;
    sliding_rule s = rule_of(op->attr);
    window g = window_by(&s, d[1], d[2], c, d[7], d[8], d[4], d[5]);
    int64_t rows = g.m * g.n * i;
    g.channels = i;
    for (int64_t at = 0; at < o; at += width, g.first += i) {
        const real *dy = (const real *)op->arg[1] + at, *y = op->arg[2];
        product p = {.m = rows,
                     .n = width,
                     .k = d[0] * g.p * g.q,
                     .a = patches_of(plain(op->arg[0], c), &g),
                     .a_by_k = 1,
                     .b = gradient(dy, y ? y + at : NULL, o, op->attr[CONV_ACTIVATION]),
                     .c = rows_of((real *)op->arg[3] + at, rows, o),
                     .sum = op->arg[4] ? (real *)op->arg[4] + at : NULL};
        multiply_patches(&p, task);
    }
}

/* One axis of dx as the taps see it.  Output p and tap t meet at the place stride p + dilation t - pad, so
 * the places whose x + pad leaves one rest when divided by stride meet every step-th tap from one of them
 * on.  Place number u of them, from 0, is first + stride u, and its taps from the last to the first lie at
 * dy[start + u], dy[start + u + dilation], ... */
typedef struct {
    int64_t stride, first, count, last, step, taps, start, dilation;
} phase;

static phase phase_of(int64_t rest, int64_t stride, int64_t dilation, int64_t pad, int64_t size,
                      int64_t window_size)
{
    int64_t tap = 0, step = 1;
    while (step * dilation % stride) step++;
    while (tap < step && tap * dilation % stride != rest) tap++;
    phase f = {.stride = stride, .step = step, .dilation = step * dilation / stride};
    f.first = ((rest - pad) % stride + stride) % stride;
    f.count = f.first < size ? (size - f.first + stride - 1) / stride : 0;
    if (tap == step || tap >= window_size) return f;
    f.taps = (window_size - tap + step - 1) / step;
    f.last = tap + step * (f.taps - 1);
    f.start = (f.first + pad - f.last * dilation) / stride;
    return f;
}

/* A convolution from its outputs: from[r,p,q,o] k[m,n,i,o] -> to[r,h,w,c] = g(sum + bias) */
typedef struct {
    source from;
    const real *k, *bias;
    real *to;
    int64_t r, p, q, o, m, n, i, h, w, c;
    int activation;
} transposition;

/* Group number `which` at the places of one phase of each axis: a convolution with some of the taps */
static void transposed_phase(const transposition *t, const fnn_task *task, const phase *fh,
                             const phase *fw, int64_t which)
{
    int64_t width = t->o / (t->c / t->i), tap = t->i * t->o, row = t->w * t->c;
    window g = {.h = t->p,
                .w = t->q,
                .c = t->o,
                .m = fh->taps,
                .n = fw->taps,
                .p = fh->count,
                .q = fw->count,
                .stride_h = 1,
                .stride_w = 1,
                .top = fh->start,
                .left = fw->start,
                .dilation_h = fh->dilation,
                .dilation_w = fw->dilation,
                .first = which * width,
                .channels = width};
    product p = {.m = t->r * g.p * g.q,
                 .n = t->i,
                 .k = g.m * g.n * width,
                 .a = patches_of(t->from, &g),
                 .bt = {.w = t->k + (fh->last * t->n + fw->last) * tap + g.first,
                        .depth = width,
                        .stride = t->o,
                        .width = g.n,
                        .step_h = -fh->step * t->n * tap,
                        .step_w = -fw->step * tap},
                 .c = {.base = t->to + fh->first * row + fw->first * t->c + which * t->i,
                       .h = g.p,
                       .w = g.q,
                       .image = t->h * row,
                       .row = fh->stride * row,
                       .column = fw->stride * t->c},
                 .bias = t->bias ? t->bias + which * t->i : NULL,
                 .activation = t->activation};
    if (fh->stride == 1 && fw->stride == 1) p.c = rows_of(p.c.base, p.m, t->c);
    multiply_patches(&p, task);
}

static void transpose_window(const transposition *t, const sliding_rule *s, const fnn_task *task)
{
    for (int64_t which = 0; which < t->c / t->i; which++)
        for (int64_t a = 0; a < s->stride_h; a++)
            for (int64_t b = 0; b < s->stride_w; b++) {
                phase fh = phase_of(a, s->stride_h, s->dilation_h, s->pad_h, t->h, t->m);
                phase fw = phase_of(b, s->stride_w, s->dilation_w, s->pad_w, t->w, t->n);
                transposed_phase(t, task, &fh, &fw, which);
            }
}

static void op_conv2d_bwd_x(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    sliding_rule s = rule_of(op->attr);
    transposition t = {.from = gradient(op->arg[0], op->arg[1], d[3], op->attr[CONV_ACTIVATION]),
                       .k = op->arg[2],
                       .to = op->arg[3],
                       .r = d[0],
                       .p = d[1],
                       .q = d[2],
                       .o = d[3],
                       .m = d[4],
                       .n = d[5],
                       .i = d[6],
                       .h = d[7],
                       .w = d[8],
                       .c = d[9]};
    transpose_window(&t, &s, task);
}

static void op_conv2d_transpose_fwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim;
    sliding_rule s = rule_of(op->attr);
    transposition t = {.from = plain(op->arg[0], d[3]),
                       .k = op->arg[1],
                       .bias = op->arg[2],
                       .to = op->arg[3],
                       .r = d[0],
                       .p = d[1],
                       .q = d[2],
                       .o = d[3],
                       .m = d[4],
                       .n = d[5],
                       .i = d[6],
                       .c = d[6],
                       .h = d[7],
                       .w = d[8],
                       .activation = (int)op->attr[CONV_ACTIVATION]};
    transpose_window(&t, &s, task);
}
