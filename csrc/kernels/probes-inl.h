/* probes-inl.h: the loops of probes.def.
 *
 * Invariant: a probe does what its row says and nothing besides, so that its time is the machine's.  The
 * compiler may not drop the work: every probe's result is stored. */

/* Sums that run side by side: enough to hide the latency of a multiply-add, few enough for registers.
 * Divides 24. */
enum { PROBE_SUMS = V_REGISTERS * 3 / 4 };

static void probe_fma(const fnn_op *op, const fnn_task *task)
{
    real *y = op->arg[0];
    vec sum[PROBE_SUMS], half = v_set1((real)0.5), one = v_set1(1);
#pragma GCC unroll 32
    for (int s = 0; s < PROBE_SUMS; s++) sum[s] = v_set1((real)s);
#pragma GCC unroll 1
    for (int64_t i = 0; i < op->dim[0]; i += PROBE_SUMS)
#pragma GCC unroll 32
        for (int s = 0; s < PROBE_SUMS; s++) sum[s] = v_fma(sum[s], half, one);
#pragma GCC unroll 32
    for (int s = 1; s < PROBE_SUMS; s++) sum[0] = v_add(sum[0], sum[s]);
    y[task->thread] = v_sum(sum[0]);
}

static void probe_read(const fnn_op *op, const fnn_task *task)
{
    real *y = op->arg[0];
    const real *x = op->arg[1];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    vec a = v_zero(), b = v_zero(), c = v_zero(), d = v_zero();
    for (; i < end; i += 4 * LANES) {
        a = v_add(a, v_load(x + i));
        b = v_add(b, v_load(x + i + LANES));
        c = v_add(c, v_load(x + i + 2 * LANES));
        d = v_add(d, v_load(x + i + 3 * LANES));
    }
    y[task->thread] = v_sum(v_add(v_add(a, b), v_add(c, d)));
}

/* PROBE_LOOP(copy, v_load(x + i)) is the probe y[i] = x[i]. */
#define PROBE_LOOP(name, value)                                                    \
    static void probe_##name(const fnn_op *op, const fnn_task *task)               \
    {                                                                              \
        real *y = op->arg[0];                                                      \
        const real *x = op->arg[1], *z = op->arg[2];                               \
        vec s = v_set1((real)0.5);                                                 \
        int64_t i, end;                                                            \
        (void)x, (void)z, (void)s;                                                 \
        share_elements(task, op->dim[0], &i, &end);                                \
        _Pragma("GCC unroll 4") for (; i < end; i += LANES) v_store(y + i, value); \
    }

PROBE_LOOP(fill, s)
PROBE_LOOP(copy, v_load(x + i))
PROBE_LOOP(scale, v_mul(s, v_load(x + i)))
PROBE_LOOP(triad, v_fma(s, v_load(z + i), v_load(x + i)))
PROBE_LOOP(update, v_fma(s, v_load(x + i), v_load(y + i)))

#undef PROBE_LOOP
