/* binary-inl.h: the functions of binary.def, element by element, and with one operand repeated along some axes.
 *
 * Invariant: an output depends on the elements at its own place alone. */

/* 1 where exactly one of them holds */
VERB mask differ(mask a, mask b) { return m_or(m_and(a, m_not(b)), m_and(b, m_not(a))); }

/* a^b as e^(b log |a|): relatively precise to |b log a| ulp.  a < 0 has a power where b is whole: beyond
 * 2^FRACTION every b is, and even; -inf has any. */
static inline vec power_of(vec a, vec b)
{
    vec one = v_set1(1), size = v_abs(a), half = v_mul(b, v_set1((real)0.5));
    vec y = v_exp(v_mul(b, v_log(size)));
    mask whole = v_eq(v_nearest(b), b), odd = m_and(whole, m_not(v_eq(v_nearest(half), half)));
    mask any = m_or(whole, v_eq(size, v_set1((real)INFINITY)));
    y = v_select(odd, v_copysign(y, a), y); /* of -0, too */
    y = v_select(m_and(v_lt(a, v_zero()), m_not(any)), v_set1((real)NAN), y);
    y = v_select(m_and(v_eq(size, one), v_eq(v_abs(b), v_set1((real)INFINITY))), one, y);
    return v_select(m_or(v_eq(b, v_zero()), v_eq(a, one)), one, y);
}

/* b a^(b - 1), 0 where b is */
static inline vec power_slope(vec a, vec b)
{
    vec slope = v_mul(b, power_of(a, v_sub(b, v_set1(1))));
    return v_select(v_eq(b, v_zero()), v_zero(), slope);
}

/* a^b log a, 0 where a^b is, and so at a = 0 */
static inline vec power_log(vec a, vec b)
{
    vec power = power_of(a, b);
    return v_select(v_eq(power, v_zero()), v_zero(), v_mul(power, v_log(a)));
}

/* a - b floor(a / b): 0, or of the sign of b and smaller */
static inline vec mod_of(vec a, vec b)
{
    vec zero = v_zero(), whole = v_floor(v_div(a, b));
    vec rest = v_select(v_eq(whole, zero), a, v_fnma(whole, b, a));
    mask other =
        m_or(m_and(v_lt(rest, zero), v_lt(zero, b)), m_and(v_lt(zero, rest), v_lt(b, zero)));
    rest = v_select(other, v_add(rest, b), rest);
    return v_select(v_lt(v_abs(b), v_abs(rest)), v_sub(rest, b), rest);
}

/* log(e^a + e^b): the larger, and what the other adds; of two alike it is log 2 */
static inline vec logaddexp_of(vec a, vec b)
{
    vec more = v_log1p(v_exp(v_neg(v_abs(v_sub(a, b)))));
    more = v_select(v_eq(a, b), v_set1((real)0.69314718055994530942), more);
    return v_add(v_max(a, b), more);
}

/* sqrt(a^2 + b^2), whose squares are taken of a ratio of at most 1 */
static inline vec hypot_of(vec a, vec b)
{
    vec x = v_abs(a), y = v_abs(b), large = v_max(x, y), small = v_neg(v_max(v_neg(x), v_neg(y)));
    vec ratio = v_div(small, large), root = v_sqrt(v_fma(ratio, ratio, v_set1(1)));
    mask bare = m_or(v_eq(large, v_zero()), v_eq(large, v_set1((real)INFINITY)));
    return v_select(bare, large, v_mul(large, root));
}

/* the angle of the point (b, a), of the sign of a; 0 at the origin */
static inline vec arctan2_of(vec a, vec b)
{
    vec y = v_abs(a), x = v_abs(b), turn = v_set1((real)3.14159265358979323846);
    vec angle = v_arctan(v_select(v_eq(y, x), v_set1(1), v_div(y, x)));
    angle = v_select(v_eq(y, v_zero()), v_mul(y, x), angle);
    angle = v_select(v_lt(b, v_zero()), v_sub(turn, angle), angle);
    return v_copysign(angle, a);
}

static void op_binary(const fnn_op *op, const fnn_task *task)
{
    const real *left = op->arg[0], *right = op->arg[1];
    real *y = op->arg[2];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    switch ((int)op->attr[0]) {
#define BINARY(name, expression)                                                       \
    case FNN_BINARY_##name:                                                            \
        for (; i < end; i += LANES) {                                                  \
            vec a = load_lanes(left + i, end - i), b = load_lanes(right + i, end - i); \
            store_lanes(y + i, expression, end - i);                                   \
        }                                                                              \
        break;
#include "../binary.def"
#undef BINARY
    default:
        break;
    }
}

/* ---- repeated along an axis ----------------------------------------------------------------------------
 *
 * y[p,q,s] and b[p,s].  Where s is 1 an element of b stands for q elements that follow one another, else a
 * row of s elements for q rows. */

/* A stretch of y, the elements first.. + n, and b's place for it: one element if `one`, else n of them */
typedef struct {
    int64_t first, n, at;
    int one;
} run_of_b;

/* The share of a thread, as rows of y or as elements */
typedef struct {
    int64_t i, end, q, s;
} spread;

static inline spread spread_of(const fnn_task *task, int64_t p, int64_t q, int64_t s)
{
    spread a = {.q = q, .s = s};
    if (s == 1)
        share_elements(task, p * q, &a.i, &a.end);
    else
        fnn_share(task, p * q, rows_to_copy(s), &a.i, &a.end);
    return a;
}

/* Takes the next stretch from the share; 0 where there is none. */
static inline int next_run(spread *a, run_of_b *t)
{
    if (a->i >= a->end || !a->s) return 0;
    t->one = a->s == 1;
    int64_t row = a->i / a->q;
    if (t->one) {
        int64_t left = (row + 1) * a->q - a->i;
        *t = (run_of_b){a->i, left < a->end - a->i ? left : a->end - a->i, row, 1};
        a->i += t->n;
    } else {
        *t = (run_of_b){a->i * a->s, a->s, row * a->s, 0};
        a->i++;
    }
    return 1;
}

/* y = f(a, b), or f(b, a), over one stretch */
#define SPREAD(first, second, expression)                               \
    for (int64_t i = 0; i < n; i += LANES) {                            \
        vec first = load_lanes(full + i, n - i);                        \
        vec second = one ? v_set1(*part) : load_lanes(part + i, n - i); \
        store_lanes(y + i, expression, n - i);                          \
    }

#define BINARY(name, expression)                                                               \
    static void spread_##name(const real *full, const real *part, real *y, int64_t n, int one, \
                              int swapped)                                                     \
    {                                                                                          \
        if (swapped)                                                                           \
            SPREAD(b, a, expression)                                                           \
        else                                                                                   \
            SPREAD(a, b, expression)                                                           \
    }
#include "../binary.def"
#undef BINARY
#undef SPREAD

typedef void spread_function(const real *full, const real *part, real *y, int64_t n, int one,
                             int swapped);

static spread_function *const spread_functions[] = {
#define BINARY(name, expression) [FNN_BINARY_##name] = spread_##name,
#include "../binary.def"
#undef BINARY
};

static void op_binary_spread(const fnn_op *op, const fnn_task *task)
{
    const real *full = op->arg[0], *part = op->arg[1];
    real *y = op->arg[2];
    spread_function *f = spread_functions[(int)op->attr[0]];
    spread a = spread_of(task, op->dim[0], op->dim[1], op->dim[2]);
    for (run_of_b t; next_run(&a, &t);)
        f(full + t.first, part + t.at, y + t.first, t.n, t.one, op->attr[1] != 0);
}

static void op_expand(const fnn_op *op, const fnn_task *task)
{
    const real *x = op->arg[0];
    real *y = op->arg[1];
    spread a = spread_of(task, op->dim[0], op->dim[2], op->dim[1]);
    for (run_of_b t; next_run(&a, &t);)
        if (t.one)
            for (int64_t i = 0; i < t.n; i += LANES)
                store_lanes(y + t.first + i, v_set1(x[t.at]), t.n - i);
        else
            copy_reals(y + t.first, x + t.at, t.n);
}

static void op_select(const fnn_op *op, const fnn_task *task)
{
    const real *m = op->arg[0], *a = op->arg[1], *b = op->arg[2];
    real *y = op->arg[3];
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec yes = a ? load_lanes(a + i, end - i) : v_zero();
        vec no = b ? load_lanes(b + i, end - i) : v_zero();
        mask none = v_eq(load_lanes(m + i, end - i), v_zero());
        store_lanes(y + i, v_select(none, no, yes), end - i);
    }
}
