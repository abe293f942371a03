/* four.h: the verbs on four 128-bit registers, for base.h and neon.h.  They define before it
 *   v_reg, v_bits   a register of LANES / 4 reals; of as many real_bits: the bits of a real, or a
 *                   truth value (all ones, all zeros)
 *   w_reg           a register of two uint64_t
 *   r_set1 r_fma r_fnma r_round r_sqrt r_select r_any r_times   the verbs on one register
 * and the rest is written in the compilers' vector types. */
typedef struct {
    v_reg r0, r1, r2, r3;
} vec;

typedef struct {
    v_bits r0, r1, r2, r3;
} mask;

#define REG_LANES (LANES / 4)
#define EACH0(value) {value, value, value, value}
#define EACH1(f, a) {f(a.r0), f(a.r1), f(a.r2), f(a.r3)}
#define EACH2(f, a, b) {f(a.r0, b.r0), f(a.r1, b.r1), f(a.r2, b.r2), f(a.r3, b.r3)}
#define EACH3(f, a, b, c) \
    {f(a.r0, b.r0, c.r0), f(a.r1, b.r1, c.r1), f(a.r2, b.r2, c.r2), f(a.r3, b.r3, c.r3)}

VERB vec v_zero(void) { return (vec)EACH0(r_set1(0)); }
VERB vec v_set1(real s) { return (vec)EACH0(r_set1(s)); }

VERB v_bits r_bits(real_bits i) { return (v_bits){0} + i; }
VERB v_bits r_lt(v_reg a, v_reg b) { return (v_bits)(a < b); }
VERB v_bits r_le(v_reg a, v_reg b) { return (v_bits)(a <= b); }
VERB v_bits r_eq(v_reg a, v_reg b) { return (v_bits)(a == b); }
VERB v_bits r_isnan(v_reg a) { return ~(v_bits)(a == a); }

VERB v_bits r_and(v_bits a, v_bits b) { return a & b; }
VERB v_bits r_or(v_bits a, v_bits b) { return a | b; }
VERB v_bits r_not(v_bits a) { return ~a; }
VERB mask m_and(mask a, mask b) { return (mask)EACH2(r_and, a, b); }
VERB mask m_or(mask a, mask b) { return (mask)EACH2(r_or, a, b); }
VERB mask m_not(mask a) { return (mask)EACH1(r_not, a); }
VERB int m_any(mask m) { return r_any(m.r0 | m.r1 | m.r2 | m.r3); }

#if FNN_F64
#define LANE_NUMBERS {0, 1}
#else
#define LANE_NUMBERS {0, 1, 2, 3}
#endif
VERB v_bits r_first(int64_t n) { return r_lt((v_reg)LANE_NUMBERS, r_set1((real)n)); }

VERB mask m_first(int64_t n)
{
    return (mask){r_first(n), r_first(n - REG_LANES), r_first(n - 2 * REG_LANES),
                  r_first(n - 3 * REG_LANES)};
}

VERB vec v_load(const real *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

VERB void v_store(real *p, vec v) { memcpy(p, &v, sizeof v); }

/* no streaming store is common to all compilers */
VERB void v_stream(real *p, vec v) { v_store(p, v); }
VERB void v_stream_end(void) {}

VERB v_reg r_load_n(const real *p, int64_t n)
{
    v_reg r = r_set1(0);
    for (int l = 0; l < REG_LANES; l++) {
        if (l < n) {
            r[l] = p[l];
        }
    }
    return r;
}

VERB vec v_load_n(const real *p, int64_t n)
{
    return (vec){r_load_n(p, n), r_load_n(p + REG_LANES, n - REG_LANES),
                 r_load_n(p + 2 * REG_LANES, n - 2 * REG_LANES),
                 r_load_n(p + 3 * REG_LANES, n - 3 * REG_LANES)};
}

VERB void r_store_n(real *p, v_reg r, int64_t n)
{
    for (int l = 0; l < REG_LANES; l++) {
        if (l < n) {
            p[l] = r[l];
        }
    }
}

VERB void v_store_n(real *p, vec v, int64_t n)
{
    r_store_n(p, v.r0, n);
    r_store_n(p + REG_LANES, v.r1, n - REG_LANES);
    r_store_n(p + 2 * REG_LANES, v.r2, n - 2 * REG_LANES);
    r_store_n(p + 3 * REG_LANES, v.r3, n - 3 * REG_LANES);
}

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (v_bits){__VA_ARGS__})
#endif

VERB v_reg r_load(const real *p)
{
    v_reg r;
    memcpy(&r, p, sizeof r);
    return r;
}

VERB void r_load_columns(const real *p, int64_t stride, v_reg *column)
{
    v_reg a = r_load(p), b = r_load(p + stride);
#if FNN_F64
    column[0] = SHUFFLE(a, b, 0, 2);
    column[1] = SHUFFLE(a, b, 1, 3);
#else
    v_reg c = r_load(p + 2 * stride), d = r_load(p + 3 * stride);
    v_reg ab = SHUFFLE(a, b, 0, 4, 1, 5), cd = SHUFFLE(c, d, 0, 4, 1, 5);
    column[0] = SHUFFLE(ab, cd, 0, 1, 4, 5);
    column[1] = SHUFFLE(ab, cd, 2, 3, 6, 7);
    ab = SHUFFLE(a, b, 2, 6, 3, 7), cd = SHUFFLE(c, d, 2, 6, 3, 7);
    column[2] = SHUFFLE(ab, cd, 0, 1, 4, 5);
    column[3] = SHUFFLE(ab, cd, 2, 3, 6, 7);
#endif
}

VERB void v_load_columns(const real *p, int64_t stride, vec *column)
{
    v_reg r[4][QUAD];
    for (int i = 0; i < 4; i++) r_load_columns(p + i * QUAD * stride, stride, r[i]);
    for (int j = 0; j < QUAD; j++) column[j] = (vec){r[0][j], r[1][j], r[2][j], r[3][j]};
}

VERB v_reg r_add(v_reg a, v_reg b) { return a + b; }
VERB v_reg r_sub(v_reg a, v_reg b) { return a - b; }
VERB v_reg r_mul(v_reg a, v_reg b) { return a * b; }
VERB v_reg r_div(v_reg a, v_reg b) { return a / b; }
VERB v_reg r_neg(v_reg a) { return (v_reg)((v_bits)a ^ (v_bits)r_set1((real)-0.0)); }
VERB v_reg r_abs(v_reg a) { return (v_reg)((v_bits)a & ~(v_bits)r_set1((real)-0.0)); }
VERB v_reg r_copysign(v_reg r, v_reg sign)
{
    return (v_reg)((v_bits)r | ((v_bits)sign & (v_bits)r_set1((real)-0.0)));
}

VERB vec v_add(vec a, vec b) { return (vec)EACH2(r_add, a, b); }
VERB vec v_sub(vec a, vec b) { return (vec)EACH2(r_sub, a, b); }
VERB vec v_mul(vec a, vec b) { return (vec)EACH2(r_mul, a, b); }
VERB vec v_div(vec a, vec b) { return (vec)EACH2(r_div, a, b); }
VERB vec v_sqrt(vec a) { return (vec)EACH1(r_sqrt, a); }
VERB vec v_neg(vec a) { return (vec)EACH1(r_neg, a); }
VERB vec v_abs(vec a) { return (vec)EACH1(r_abs, a); }
VERB vec v_copysign(vec a, vec sign) { return (vec)EACH2(r_copysign, a, sign); }
VERB vec v_fma(vec a, vec b, vec c) { return (vec)EACH3(r_fma, a, b, c); }
VERB vec v_fnma(vec a, vec b, vec c) { return (vec)EACH3(r_fnma, a, b, c); }

VERB v_reg r_max(v_reg a, v_reg b) { return r_select(r_lt(a, b) | r_isnan(b), b, a); }
VERB v_reg r_at_least(v_reg x, v_reg low) { return r_select(r_lt(x, low), low, x); }
VERB v_reg r_at_most(v_reg x, v_reg high) { return r_select(r_lt(high, x), high, x); }

VERB mask v_lt(vec a, vec b) { return (mask)EACH2(r_lt, a, b); }
VERB mask v_le(vec a, vec b) { return (mask)EACH2(r_le, a, b); }
VERB mask v_eq(vec a, vec b) { return (mask)EACH2(r_eq, a, b); }
VERB mask v_isnan(vec a) { return (mask)EACH1(r_isnan, a); }
VERB vec v_select(mask m, vec a, vec b) { return (vec)EACH3(r_select, m, a, b); }
VERB vec v_max(vec a, vec b) { return (vec)EACH2(r_max, a, b); }
VERB vec v_at_least(vec x, vec low) { return (vec)EACH2(r_at_least, x, low); }
VERB vec v_at_most(vec x, vec high) { return (vec)EACH2(r_at_most, x, high); }
VERB vec v_round(vec x) { return (vec)EACH1(r_round, x); }

/* 2^n from n + REAL_POW2, n in [-BIAS, BIAS] */
VERB v_reg r_pow2(v_reg r) { return (v_reg)((v_bits)r << REAL_FRACTION); }

/* n is split in four, as 2^300 (2^2100) is no real; all parts have the sign of n, so a product in
 * between overflows or underflows only if the result does */
VERB v_reg r_ldexp(v_reg x, v_reg n)
{
    v_reg part = n * (real)0.25 + REAL_POW2, p = r_pow2(part);
    v_reg rest = n - (part - REAL_POW2) * 3, q = r_pow2(rest + REAL_POW2);
    return x * p * p * p * q;
}
VERB vec v_ldexp(vec x, vec n) { return (vec)EACH2(r_ldexp, x, n); }

VERB v_reg r_scale(v_reg x, v_reg n) { return x * r_pow2(n + REAL_POW2); }
VERB vec v_scale(vec x, vec n) { return (vec)EACH2(r_scale, x, n); }

VERB v_reg r_exponent(v_reg x)
{
    v_bits i = ((v_bits)x + r_bits(REAL_TO_EXPONENT)) >> REAL_FRACTION;
    return (v_reg)(i | r_bits(REAL_2_FRACTION)) - REAL_EXPONENT_OFFSET;
}
VERB vec v_exponent(vec x) { return (vec)EACH1(r_exponent, x); }

VERB v_reg r_mantissa(v_reg x)
{
    v_bits i = (v_bits)x + r_bits(REAL_TO_EXPONENT);
    return (v_reg)((i & r_bits(REAL_FRACTION_MASK)) + r_bits(REAL_SQRT_HALF));
}
VERB vec v_mantissa(vec x) { return (vec)EACH1(r_mantissa, x); }

/* ---- words ---- */

typedef struct {
    w_reg r0, r1, r2, r3;
} words;

VERB words w_set1(uint64_t a) { return (words)EACH0(((w_reg){a, a})); }
VERB words w_load(const uint64_t *p)
{
    words a;
    memcpy(&a, p, sizeof a);
    return a;
}
VERB void w_store(uint32_t *p, words a) { memcpy(p, &a, sizeof a); }

VERB w_reg r_plus(w_reg a, w_reg b) { return a + b; }
VERB w_reg r_xor(w_reg a, w_reg b) { return a ^ b; }
VERB w_reg r_high(w_reg a) { return a >> 32; }
VERB w_reg r_join(w_reg a, w_reg b) { return (a & UINT32_MAX) | b << 32; }
VERB w_reg r_zip_even(w_reg a, w_reg b) { return (w_reg){a[0], b[0]}; }
VERB w_reg r_zip_odd(w_reg a, w_reg b) { return (w_reg){a[1], b[1]}; }
VERB words w_add(words a, words b) { return (words)EACH2(r_plus, a, b); }
VERB words w_xor(words a, words b) { return (words)EACH2(r_xor, a, b); }
VERB words w_mul(words a, words b) { return (words)EACH2(r_times, a, b); }
VERB words w_high(words a) { return (words)EACH1(r_high, a); }
VERB words w_join(words a, words b) { return (words)EACH2(r_join, a, b); }
VERB words w_zip_even(words a, words b) { return (words)EACH2(r_zip_even, a, b); }
VERB words w_zip_odd(words a, words b) { return (words)EACH2(r_zip_odd, a, b); }

VERB real r_larger(real a, real b) { return b > a || b != b ? b : a; }

/* the last levels of the tree, within one register */
#if FNN_F64
#define LAST_LEVELS(op, r) op(r[0], r[1])
#else
#define LAST_LEVELS(op, r) op(op(r[0], r[2]), op(r[1], r[3]))
#endif
#define PLUS(a, b) ((a) + (b))

VERB real v_sum(vec v)
{
    v_reg r = (v.r0 + v.r2) + (v.r1 + v.r3);
    return LAST_LEVELS(PLUS, r);
}

VERB real v_hmax(vec v)
{
    v_reg r = r_max(r_max(v.r0, v.r2), r_max(v.r1, v.r3));
    return LAST_LEVELS(r_larger, r);
}

#undef REG_LANES
#undef LANE_NUMBERS
#undef EACH0
#undef EACH1
#undef EACH2
#undef EACH3
#undef LAST_LEVELS
#undef PLUS
#undef SHUFFLE
