/* elementwise-inl.h: one output element from the input elements at the same place.
 *
 * Invariant: arrays are read and written once; element i depends on element i alone. */
static void op_activation_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *in = op->arg[0];
    real *out = op->arg[1];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    switch ((int)op->attr[0]) {
#define ACTIVATION(name, forward, backward)         \
    case FNN_ACTIVATION_##name:                     \
        for (; i < end; i += LANES) {               \
            vec x = load_lanes(in + i, end - i);    \
            store_lanes(out + i, forward, end - i); \
        }                                           \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}

static void op_activation_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dout = op->arg[0], *out = op->arg[1];
    real *din = op->arg[2];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    switch ((int)op->attr[0]) {
#define ACTIVATION(name, forward, backward)                                           \
    case FNN_ACTIVATION_##name:                                                       \
        for (; i < end; i += LANES) {                                                 \
            vec dy = load_lanes(dout + i, end - i), y = load_lanes(out + i, end - i); \
            (void)dy, (void)y;                                                        \
            store_lanes(din + i, backward, end - i);                                  \
        }                                                                             \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}

static void op_add(const fnn_op *op, const fnn_task *task)
{
    const real *a = op->arg[0], *b = op->arg[1];
    real *y = op->arg[2];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES)
        store_lanes(y + i, v_add(load_lanes(a + i, end - i), load_lanes(b + i, end - i)), end - i);
}

static void fill_elements(const fnn_task *task, real *y, int64_t n, real value)
{
    int64_t i, end;
    share_elements(task, n, &i, &end);
    for (; i < end; i += LANES) store_lanes(y + i, v_set1(value), end - i);
}

static void op_fill(const fnn_op *op, const fnn_task *task)
{
    fill_elements(task, op->arg[0], op->dim[0], (real)op->attr[0]);
}
