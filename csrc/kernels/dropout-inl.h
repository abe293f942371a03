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

/* A quad is the units of one counter.  The quads of all rows are numbered through, `quads` a row, so that
 * short rows share one round of the generator.  These are quads first..first+count-1. */
static inline void dropout_counters(const fnn_op *op, const fnn_run *run, int64_t quads,
                                    int64_t first, int64_t count, uint32_t counter[4][FNN_PHILOX])
{
    for (int64_t i = 0, stretch; i < count; i += stretch) {
        int64_t row = (first + i) / quads, begin = (first + i) % quads;
        uint64_t sample = (uint64_t)fnn_sample(run, row);
        stretch = quads - begin < count - i ? quads - begin : count - i;
        for (int64_t j = 0; j < stretch; j++) {
            counter[0][i + j] = (uint32_t)(begin + j);
            counter[1][i + j] = (uint32_t)op->attr[1];
            counter[2][i + j] = (uint32_t)sample;
            counter[3][i + j] = (uint32_t)run->epoch << 8 | (uint32_t)(sample >> 32 & 0xFF);
        }
    }
}

/* factor[4 i + j] is the scale or 0, by word j of counter i. */
static inline void dropout_factors(dropout_rule rule, uint32_t words[4][FNN_PHILOX], real *factor)
{
    for (int i = 0; i < FNN_PHILOX; i++)
        for (int j = 0; j < 4; j++)
            factor[4 * i + j] = words[j][i] >= rule.threshold ? rule.scale : 0;
}

static inline void dropout_units(const real *x, real *y, const real *factor, int64_t units)
{
    for (int64_t u = 0; u < units; u += LANES) {
        vec by = load_lanes(factor + u, units - u);
        store_lanes(y + u, v_mul(load_lanes(x + u, units - u), by), units - u);
    }
}

/* y = x factor on the same quads; the last quad of a row may be short. */
static inline void dropout_scale(const fnn_op *op, int64_t quads, int64_t first, int64_t count,
                                 const real *factor)
{
    int64_t n = op->dim[1];
    for (int64_t i = 0, stretch; i < count; i += stretch) {
        int64_t row = (first + i) / quads, unit = (first + i) % quads * 4;
        stretch = quads - unit / 4 < count - i ? quads - unit / 4 : count - i;
        const real *x = (const real *)op->arg[0] + row * n + unit;
        real *y = (real *)op->arg[1] + row * n + unit;
        dropout_units(x, y, factor + 4 * i, n - unit < 4 * stretch ? n - unit : 4 * stretch);
    }
}

static void op_dropout(const fnn_op *op, const fnn_task *task)
{
    dropout_rule rule = dropout_rule_of(op->attr[0]);
    uint32_t counter[4][FNN_PHILOX] = {{0}};
    real factor[4 * FNN_PHILOX];
    int64_t first, end, quads = (op->dim[1] + 3) / 4;
    fnn_share(task, op->dim[0] * quads, FNN_PHILOX, &first, &end);
    for (; first < end; first += FNN_PHILOX) {
        int64_t count = end - first < FNN_PHILOX ? end - first : FNN_PHILOX;
        dropout_counters(op, task->run, quads, first, count, counter);
        fnn_philox(task->run->seed, counter);
        dropout_factors(rule, counter, factor);
        dropout_scale(op, quads, first, count, factor);
    }
}

/* One mask for all steps of x[r,t,n]: a row's share of the mask is made once. */
static void op_dropout_steps(const fnn_op *op, const fnn_task *task)
{
    dropout_rule rule = dropout_rule_of(op->attr[0]);
    uint32_t counter[4][FNN_PHILOX] = {{0}};
    real factor[4 * FNN_PHILOX];
    int64_t row, end, t = op->dim[1], n = op->dim[2], quads = (n + 3) / 4;
    fnn_share(task, op->dim[0], 1, &row, &end);
    for (; row < end; row++)
        for (int64_t first = 0; first < quads; first += FNN_PHILOX) {
            int64_t count = quads - first < FNN_PHILOX ? quads - first : FNN_PHILOX;
            dropout_counters(op, task->run, quads, row * quads + first, count, counter);
            fnn_philox(task->run->seed, counter);
            dropout_factors(rule, counter, factor);
            for (int64_t i = row * t; i < (row + 1) * t; i++)
                dropout_units((const real *)op->arg[0] + i * n + 4 * first,
                              (real *)op->arg[1] + i * n + 4 * first, factor,
                              n - 4 * first < 4 * count ? n - 4 * first : 4 * count);
        }
}
