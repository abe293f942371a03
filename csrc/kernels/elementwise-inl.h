/* elementwise-inl.h: one output element from the input elements at the same place.
 *
 * Invariant: arrays are read and written once; element i depends on element i alone.  An output may be
 * an input's memory: then its lines are in the cache, and are not written past it. */
static void op_activation_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *in = op->arg[0];
    real *out = op->arg[1];
    int stream = out != in;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    switch ((int)op->attr[0]) {
#define ACTIVATION(name, forward, backward)                    \
    case FNN_ACTIVATION_##name:                                \
        EACH_VECTOR(i, end, out, op->far, 1, {                 \
            vec x = read_lanes(in + i, n, ahead);              \
            write_lanes(out + i, forward, n, ahead && stream); \
        });                                                    \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
    if (op->far) v_stream_end();
}

static void op_activation_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dout = op->arg[0], *out = op->arg[1];
    real *din = op->arg[2];
    int stream = din != dout && din != out;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    switch ((int)op->attr[0]) {
#define ACTIVATION(name, forward, backward)                                             \
    case FNN_ACTIVATION_##name:                                                         \
        EACH_VECTOR(i, end, din, op->far, 2, {                                          \
            vec dy = read_lanes(dout + i, n, ahead), y = read_lanes(out + i, n, ahead); \
            (void)dy, (void)y;                                                          \
            write_lanes(din + i, backward, n, ahead && stream);                         \
        });                                                                             \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
    if (op->far) v_stream_end();
}

static void op_add(const fnn_op *op, const fnn_task *task)
{
    const real *a = op->arg[0], *b = op->arg[1];
    real *y = op->arg[2];
    int stream = y != a && y != b;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    EACH_VECTOR(i, end, y, op->far, 2, {
        vec sum = v_add(read_lanes(a + i, n, ahead), read_lanes(b + i, n, ahead));
        write_lanes(y + i, sum, n, ahead && stream);
    });
    if (op->far) v_stream_end();
}

/* y[count] = value, the output of op */
static void fill_elements(const fnn_op *op, const fnn_task *task, real *y, int64_t count,
                          real value)
{
    int64_t i, end;
    share_elements(task, count, &i, &end);
    EACH_VECTOR(i, end, y, op->far, 1, { write_lanes(y + i, v_set1(value), n, ahead); });
    if (op->far) v_stream_end();
}

static void op_fill(const fnn_op *op, const fnn_task *task)
{
    fill_elements(op, task, op->arg[0], op->dim[0], (real)op->attr[0]);
}
