/* matmul-inl.h: products of matrices, one for each place of the axis b: A B, A B.T and A.T B, which are each
 * other's gradients.
 *
 * Invariant: all sums are the product's (gemm-inl.h). */

typedef enum { AS_THEY_ARE, B_TURNED, A_TURNED } turning;

/* C[m,n] of the operands a, b and c, B[n,k] if it is turned, A[k,m] if that is */
typedef struct {
    int64_t m, n, k;
    const real *a, *b;
    real *c;
    turning turned;
} matrices;

static void multiply_small(const matrices *x, const fnn_task *task)
{
    int64_t step = x->turned == B_TURNED ? whole_vectors(x->n) : x->n;
    tiny t = {.m = x->m,
              .n = x->n,
              .k = x->k,
              .a = x->a,
              .a_row = x->turned == A_TURNED ? 1 : x->k,
              .a_step = x->turned == A_TURNED ? x->m : 1,
              .b = x->b,
              .b_step = step,
              .c = x->c};
    if (x->turned == B_TURNED) {
        t.b = tiny_copy(task, 1);
        transpose(x->b, x->k, x->n, x->k, tiny_copy(task, 1), step);
    }
    tiny_multiply(&t);
}

static void multiply_large(const matrices *x, const fnn_task *task)
{
    product p = {.m = x->m,
                 .n = x->n,
                 .k = x->k,
                 .a = plain(x->a, x->turned == A_TURNED ? x->m : x->k),
                 .a_by_k = x->turned == A_TURNED,
                 .c = rows_of(x->c, x->m, x->n)};
    if (x->turned == B_TURNED)
        p.bt = (transposed){.w = x->b, .depth = x->k, .width = 1, .stride = x->k};
    else
        p.b = plain(x->b, x->n);
    multiply(&p, task);
}

/* Threads share small products, and the rows of large ones. */
static void multiply_each(const fnn_op *op, const fnn_task *task, matrices x)
{
    int small = x.n > 1 && is_tiny(x.m, x.n, x.k);
    int64_t i = 0, end = op->dim[0];
    if (small) fnn_share(task, op->dim[0], 1, &i, &end);
    for (; i < end; i++) {
        x.a = (const real *)op->arg[0] + i * x.m * x.k;
        x.b = (const real *)op->arg[1] + i * x.k * x.n;
        x.c = (real *)op->arg[2] + i * x.m * x.n;
        (small ? multiply_small : multiply_large)(&x, task);
    }
}

static void op_matmul(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim; /* b m k n */
    multiply_each(op, task, (matrices){.m = d[1], .k = d[2], .n = d[3], .turned = AS_THEY_ARE});
}

static void op_matmul_nt(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim; /* b m k n */
    multiply_each(op, task, (matrices){.m = d[1], .k = d[2], .n = d[3], .turned = B_TURNED});
}

static void op_matmul_tn(const fnn_op *op, const fnn_task *task)
{
    const int64_t *d = op->dim; /* b k m n */
    multiply_each(op, task, (matrices){.m = d[2], .k = d[1], .n = d[3], .turned = A_TURNED});
}
