/* dropout-inl.h: units switched off at random, the others scaled up.
 *
 * Invariant: whether a unit is kept depends on (seed, epoch, stream, row of the data, unit) alone; the
 * counters are laid out in random.h.  A unit is kept if its word >= rate 2^32.  The output is x times
 * 1/(1 - rate), rounded to a real, or times 0: so a dropped NaN or infinity gives NaN, as in every
 * framework that multiplies by a mask, and a broken network shows in training too. */
#include "../random.h"

typedef struct {
    uint32_t threshold;
    real scale;
} dropout_rule;

/* Rates within 2^-32 of 1 leave no word to keep. */
static dropout_rule dropout_rule_of(double rate)
{
    double threshold = ceil(rate * 0x1p32);
    int none = threshold > UINT32_MAX;
    return (dropout_rule){none ? UINT32_MAX : (uint32_t)threshold,
                          none ? 0 : (real)(1 / (1 - rate))};
}

/* ---- the generator, eight counters at once ----
 *
 * A 64-bit lane holds a 32-bit word of one counter, and anything above it. */

enum {
    DROPOUT_LANES = 8,
    DROPOUT_UNITS = 4 * DROPOUT_LANES /* that eight counters decide */
};

/* Which counter stands in which lane, so that the words come out in order. */
static const uint64_t dropout_order[DROPOUT_LANES] = {0, 4, 1, 5, 2, 6, 3, 7};

/* word[4 i + j] = word j of counter i */
static inline void dropout_philox(uint64_t seed, words counter[4], uint32_t word[DROPOUT_UNITS])
{
    words a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < FNN_PHILOX_ROUNDS; round++) {
        words x = w_mul(a, w_set1(FNN_PHILOX_X)), y = w_mul(c, w_set1(FNN_PHILOX_Y));
        a = w_xor(w_xor(w_high(y), b), w_set1(key0));
        c = w_xor(w_xor(w_high(x), d), w_set1(key1));
        b = y;
        d = x;
        key0 += FNN_PHILOX_KEY0;
        key1 += FNN_PHILOX_KEY1;
    }
    words ab = w_join(a, b), cd = w_join(c, d);
    w_store(word, w_zip_even(ab, cd));
    w_store(word + DROPOUT_UNITS / 2, w_zip_odd(ab, cd));
}

/* The counters of an op's stream for a row of the batch, but for their first words. */
VERB void random_counters(const fnn_run *run, int64_t row, double stream, words counter[4])
{
    uint64_t sample = fnn_sample_number(run, row);
    counter[0] = w_set1(0);
    counter[1] = w_set1((uint64_t)stream);
    counter[2] = w_set1(sample);
    counter[3] = w_set1((uint32_t)run->epoch << 8 | (sample >> 32 & 0xFF));
}

/* The seed of an op: 0 stands for that of the run, s + 1 for its own seed s. */
VERB uint64_t random_seed(const fnn_run *run, double own)
{
    return own > 0 ? (uint64_t)own - 1 : run->seed;
}

/* y = x factor for n units, DROPOUT_UNITS at the most; past the caches if `far`. */
VERB void dropout_units(const real *x, real *y, const real *factor, int64_t n, int ahead, int far)
{
    for (int64_t u = 0; u < DROPOUT_UNITS && u < n; u += LANES) {
        vec kept = v_mul(read_lanes(x + u, n - u, ahead), v_load(factor + u));
        write_lanes(y + u, kept, n - u, far);
    }
}

/* Groups g..end-1 of DROPOUT_UNITS units of a row of x[steps,n], whose steps have one mask. */
static void dropout_row(const fnn_op *op, const fnn_run *run, int64_t row, int64_t steps, int64_t n,
                        int64_t g, int64_t end)
{
    const real *x = (const real *)op->arg[0] + row * steps * n;
    real *y = (real *)op->arg[1] + row * steps * n, factor[DROPOUT_UNITS];
    int ahead = op->far ? AHEAD_BYTES : 0,
        far = op->far && x != y && n % LANES == 0 && !off_line(y);
    dropout_rule rule = dropout_rule_of(op->attr[0]);
    words counter[4];
    random_counters(run, row, op->attr[1], counter);
    for (; g < end; g++) {
        uint32_t word[DROPOUT_UNITS];
        int64_t unit = g * DROPOUT_UNITS;
        counter[0] = w_add(w_set1((uint64_t)unit / 4), w_load(dropout_order));
        dropout_philox(random_seed(run, op->attr[2]), counter, word);
        for (int u = 0; u < DROPOUT_UNITS; u++)
            factor[u] = word[u] >= rule.threshold ? rule.scale : 0;
        for (int64_t at = unit; at < steps * n; at += n)
            if (n - unit >= DROPOUT_UNITS)
                dropout_units(x + at, y + at, factor, DROPOUT_UNITS, ahead, far);
            else
                dropout_units(x + at, y + at, factor, n - unit, ahead, far);
    }
}

/* Threads share the groups of all rows. */
static void dropout_rows(const fnn_op *op, const fnn_task *task, int64_t steps, int64_t n)
{
    int64_t g, end, groups = (n + DROPOUT_UNITS - 1) / DROPOUT_UNITS;
    fnn_share(task, op->dim[0] * groups, ELEMENT_GRAIN / DROPOUT_UNITS, &g, &end);
    for (int64_t done; g < end; g += done) {
        int64_t row = g / groups, first = g % groups;
        done = end - g < groups - first ? end - g : groups - first;
        dropout_row(op, task->run, row, steps, n, first, first + done);
    }
    if (op->far) v_stream_end();
}

static void op_dropout(const fnn_op *op, const fnn_task *task)
{
    dropout_rows(op, task, 1, op->dim[1]);
}

/* One mask for all steps of x[r,t,n]: a row's share of the mask is made once. */
static void op_dropout_steps(const fnn_op *op, const fnn_task *task)
{
    dropout_rows(op, task, op->dim[1], op->dim[2]);
}
