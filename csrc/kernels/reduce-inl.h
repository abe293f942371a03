/* reduce-inl.h: one number of many along an axis q of x[p,q,s], as reductions.def says, or where the extreme is.
 *
 * Invariant: a number is taken in after those before it, in chunks of LINK_COUNT whose results are taken in
 * in order.  Where s is 1 the numbers that follow one another go round the lanes of a vector, and the lanes are
 * one tree; else each place of s is a lane of its own.  Nothing else enters the order. */

enum { LINK_COUNT = 64 };

/* the product of all lanes, over the tree of v_sum */
static inline real lanes_product(vec v)
{
    real t[LANES];
    v_store(t, v);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) t[i] *= t[i + half];
    return t[0];
}

/* count vectors of n lanes, `stride` apart; the last of them holds `last` */
#define REDUCTION(name, first, step, finish)                                                       \
    static vec chain_##name(const real *p, int64_t count, int64_t stride, int64_t n, int64_t last) \
    {                                                                                              \
        const vec begin = v_set1(first);                                                           \
        vec all = begin;                                                                           \
        for (int64_t done = 0; done < count; done += LINK_COUNT) {                                 \
            int64_t end = at_most(count, done + LINK_COUNT);                                       \
            vec a = begin;                                                                         \
            for (int64_t i = done; i < end; i++, p += stride) {                                    \
                vec x = load_lanes_or(p, i < count - 1 ? n : last, begin);                         \
                a = step;                                                                          \
            }                                                                                      \
            vec x = a;                                                                             \
            a = all;                                                                               \
            all = done ? step : x;                                                                 \
        }                                                                                          \
        return all;                                                                                \
    }                                                                                              \
    static real reduce_##name(const real *p, int64_t n)                                            \
    {                                                                                              \
        int64_t count = (n + LANES - 1) / LANES;                                                   \
        vec a = chain_##name(p, count, LANES, LANES, n - (count - 1) * LANES);                     \
        return finish;                                                                             \
    }
#include "../reductions.def"
#undef REDUCTION

typedef struct {
    vec (*chain)(const real *p, int64_t count, int64_t stride, int64_t n, int64_t last);
    real (*row)(const real *p, int64_t n);
} reduction;

static const reduction reductions[] = {
#define REDUCTION(name, first, step, finish) [FNN_REDUCTION_##name] = {chain_##name, reduce_##name},
#include "../reductions.def"
#undef REDUCTION
};

/* x[p,q,s] as op->dim has it: p, q, s.  Does the statements for the units of this thread: with s = 1 a unit is one
 * p, else a vector of places `j` of one p, of which n are there. */
#define EACH_UNIT(op, task, ...)                                               \
    do {                                                                       \
        int64_t s_ = (op)->dim[2], wide_ = (s_ + LANES - 1) / LANES, u_, end_; \
        int64_t grain_ = ELEMENT_GRAIN / (LANES * (op)->dim[1] + 1) + 1;       \
        fnn_share(task, (op)->dim[0] * wide_, grain_, &u_, &end_);             \
        for (; u_ < end_; u_++) {                                              \
            const int64_t p = u_ / wide_, j = u_ % wide_ * LANES, n = s_ - j;  \
            __VA_ARGS__                                                        \
        }                                                                      \
    } while (0)

static void op_reduce(const fnn_op *op, const fnn_task *task)
{
    const reduction *f = &reductions[(int)op->attr[0]];
    const int64_t q = op->dim[1], s = op->dim[2];
    const real *x = op->arg[0];
    real *y = op->arg[1];
    EACH_UNIT(op, task, {
        if (s == 1)
            y[p] = f->row(x + p * q, q);
        else
            store_lanes(y + p * s + j, f->chain(x + p * q * s + j, q, s, n, n), n);
    });
}

/* dx_i = dy times all other x: those before it on the way there, those after it on the way back */
static void op_prod_bwd(const fnn_op *op, const fnn_task *task)
{
    const int64_t q = op->dim[1], s = op->dim[2];
    const real *x = op->arg[0], *dy = op->arg[1];
    real *dx = op->arg[2];
    EACH_UNIT(op, task, {
        const int64_t at = p * q * s + j;
        vec before = load_lanes(dy + p * s + j, n), after = v_set1(1);
        for (int64_t i = at; i < at + q * s; i += s) {
            vec one = load_lanes(x + i, n);
            store_lanes(dx + i, before, n);
            before = v_mul(before, one);
        }
        for (int64_t i = at + (q - 1) * s; i >= at; i -= s) {
            vec one = load_lanes(x + i, n);
            store_lanes(dx + i, v_mul(load_lanes(dx + i, n), after), n);
            after = v_mul(after, one);
        }
    });
}

/* sums from the first on, or back from the last */
static void op_cumsum(const fnn_op *op, const fnn_task *task)
{
    const int64_t q = op->dim[1], s = op->dim[2], back = op->attr[0] != 0;
    const real *x = op->arg[0];
    real *y = op->arg[1];
    EACH_UNIT(op, task, {
        vec sum = v_zero();
        for (int64_t i = 0; i < q; i++) {
            int64_t at = (p * q + (back ? q - 1 - i : i)) * s + j;
            sum = v_add(sum, load_lanes(x + at, n));
            store_lanes(y + at, sum, n);
        }
    });
}

/* the places of the first extremes, or of the first NaNs, of count vectors of n lanes */
static vec first_extremes(const real *p, int64_t count, int64_t stride, int64_t n, int smallest)
{
    vec best = v_zero(), where = v_zero();
    for (int64_t i = 0; i < count; i++, p += stride) {
        vec x = load_lanes(p, n);
        if (smallest) x = v_neg(x);
        mask won = m_or(v_lt(best, x), m_and(v_isnan(x), m_not(v_isnan(best))));
        best = i ? v_select(won, x, best) : x;
        where = i ? v_select(won, v_set1((real)i), where) : where;
    }
    return where;
}

static int64_t first_extreme(const real *p, int64_t n, int smallest)
{
    vec best = v_set1(smallest ? reduce_min(p, n) : reduce_max(p, n));
    for (int64_t i = 0; i < n; i += LANES) {
        vec x = load_lanes_or(p + i, n - i, v_set1(p[0]));
        mask won = m_and(lanes_left(n - i), m_or(v_eq(x, best), v_isnan(x)));
        if (m_any(won)) return i + first_lane(won);
    }
    return 0;
}

static void op_arg_reduce(const fnn_op *op, const fnn_task *task)
{
    const int64_t q = op->dim[1], s = op->dim[2];
    const int smallest = op->attr[0] != 0;
    const real *x = op->arg[0];
    real *i = op->arg[1];
    EACH_UNIT(op, task, {
        const real *from = x + p * q * s + j;
        if (s == 1)
            i[p] = (real)first_extreme(from, q, smallest);
        else
            store_lanes(i + p * s + j, first_extremes(from, q, s, n, smallest), n);
    });
}
