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
    const int ahead = op->far ? AHEAD_BYTES : 0;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    vec a = v_zero(), b = v_zero(), c = v_zero(), d = v_zero();
    for (; i < end; i += 4 * LANES) {
        a = v_add(a, read_lanes(x + i, LANES, ahead));
        b = v_add(b, read_lanes(x + i + LANES, LANES, ahead));
        c = v_add(c, read_lanes(x + i + 2 * LANES, LANES, ahead));
        d = v_add(d, read_lanes(x + i + 3 * LANES, LANES, ahead));
    }
    y[task->thread] = v_sum(v_add(v_add(a, b), v_add(c, d)));
}

/* PROBE_LOOP(copy, 1, AT(x)) is the probe y[i] = x[i], which reads one array; with op->far it writes past
 * the caches and asks for x ahead of time. */
#define AT(p) read_lanes(p + i, n, ahead)
#define PROBE_LOOP(name, reads, value)                                                    \
    static void probe_##name(const fnn_op *op, const fnn_task *task)                      \
    {                                                                                     \
        real *y = op->arg[0];                                                             \
        const real *x = op->arg[1], *z = op->arg[2];                                      \
        vec s = v_set1((real)0.5);                                                        \
        int64_t i, end;                                                                   \
        (void)x, (void)z, (void)s;                                                        \
        share_elements(task, op->dim[0], &i, &end);                                       \
        EACH_VECTOR(i, end, y, op->far, reads, { write_lanes(y + i, value, n, ahead); }); \
        if (op->far) v_stream_end();                                                      \
    }

PROBE_LOOP(fill, 1, s)
PROBE_LOOP(copy, 1, AT(x))
PROBE_LOOP(scale, 1, v_mul(s, AT(x)))
PROBE_LOOP(triad, 2, v_fma(s, AT(z), AT(x)))
PROBE_LOOP(update, 2, v_fma(s, AT(x), AT(y)))

#undef PROBE_LOOP
#undef AT
