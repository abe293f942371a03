/* avx2.h: the verbs on two 256-bit registers.  See README.md. */
#define FNN_TARGET "avx2,fma,prfchw"
#include "../isa/target_begin.h"

#include "real.h"

#define V_REGISTERS 8
#define V_MASKS 0

#if FNN_F64
typedef __m256d v_reg;
#define I(name) _mm256_##name##_pd
#define B(name) _mm256_##name##_epi64 /* on the bits */
#define SET_BITS(i) _mm256_set1_epi64x((int64_t)(i))
#define LANE_NUMBERS _mm256_setr_epi64x(0, 1, 2, 3)
#define TO_BITS(x) _mm256_castpd_si256(x)
#define TO_REAL(i) _mm256_castsi256_pd(i)
#define SWAP_HALVES(r) _mm256_permute2f128_pd(r, r, 1)
#define FIRST_LANE(r) _mm256_cvtsd_f64(r)
#define QUADS(low, high) \
    _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(low)), _mm_loadu_pd(high), 1)
#else
typedef __m256 v_reg;
#define I(name) _mm256_##name##_ps
#define B(name) _mm256_##name##_epi32
#define SET_BITS(i) _mm256_set1_epi32((int32_t)(i))
#define LANE_NUMBERS _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)
#define TO_BITS(x) _mm256_castps_si256(x)
#define TO_REAL(i) _mm256_castsi256_ps(i)
#define SWAP_HALVES(r) _mm256_permute2f128_ps(r, r, 1)
#define FIRST_LANE(r) _mm256_cvtss_f32(r)
#define QUADS(low, high) \
    _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1)
#endif

typedef struct {
    v_reg r0, r1;
} vec;

typedef struct {
    v_reg r0, r1; /* a lane holds all ones or all zeros */
} mask;

#define EACH1(f, a) {f(a.r0), f(a.r1)}
#define EACH2(f, a, b) {f(a.r0, b.r0), f(a.r1, b.r1)}
#define EACH3(f, a, b, c) {f(a.r0, b.r0, c.r0), f(a.r1, b.r1, c.r1)}

VERB vec v_zero(void) { return (vec){I(setzero)(), I(setzero)()}; }
VERB vec v_set1(real s) { return (vec){I(set1)(s), I(set1)(s)}; }

VERB mask m_and(mask a, mask b) { return (mask)EACH2(I(and), a, b); }
VERB mask m_or(mask a, mask b) { return (mask)EACH2(I(or), a, b); }
VERB v_reg r_not(v_reg r) { return I(xor)(r, TO_REAL(SET_BITS(-1))); }
VERB mask m_not(mask a) { return (mask)EACH1(r_not, a); }
VERB int m_any(mask m) { return I(movemask)(I(or)(m.r0, m.r1)) != 0; }

VERB v_reg r_first(int64_t n) { return TO_REAL(B(cmpgt)(SET_BITS(n), LANE_NUMBERS)); }
VERB mask m_first(int64_t n) { return (mask){r_first(n), r_first(n - LANES / 2)}; }

VERB vec v_load(const real *p) { return (vec){I(loadu)(p), I(loadu)(p + LANES / 2)}; }

VERB void v_store(real *p, vec v)
{
    I(storeu)(p, v.r0);
    I(storeu)(p + LANES / 2, v.r1);
}

VERB vec v_load_n(const real *p, int64_t n)
{
    mask m = m_first(n);
    return (vec){I(maskload)(p, TO_BITS(m.r0)), I(maskload)(p + LANES / 2, TO_BITS(m.r1))};
}

VERB void v_store_n(real *p, vec v, int64_t n)
{
    mask m = m_first(n);
    I(maskstore)(p, TO_BITS(m.r0), v.r0);
    I(maskstore)(p + LANES / 2, TO_BITS(m.r1), v.r1);
}

/* the first quads of the rows 0 and QUAD */
VERB v_reg r_load_quads(const real *p, int64_t stride) { return QUADS(p, p + QUAD * stride); }

VERB void r_load_columns(const real *p, int64_t stride, v_reg *column)
{
    v_reg a = r_load_quads(p, stride), b = r_load_quads(p + stride, stride);
#if FNN_F64
    column[0] = _mm256_unpacklo_pd(a, b);
    column[1] = _mm256_unpackhi_pd(a, b);
#else
    v_reg c = r_load_quads(p + 2 * stride, stride), d = r_load_quads(p + 3 * stride, stride);
#define PAIRS(a, b, half) _mm256_castps_pd(_mm256_unpack##half##_ps(a, b))
    column[0] = _mm256_castpd_ps(_mm256_unpacklo_pd(PAIRS(a, b, lo), PAIRS(c, d, lo)));
    column[1] = _mm256_castpd_ps(_mm256_unpackhi_pd(PAIRS(a, b, lo), PAIRS(c, d, lo)));
    column[2] = _mm256_castpd_ps(_mm256_unpacklo_pd(PAIRS(a, b, hi), PAIRS(c, d, hi)));
    column[3] = _mm256_castpd_ps(_mm256_unpackhi_pd(PAIRS(a, b, hi), PAIRS(c, d, hi)));
#undef PAIRS
#endif
}

VERB void v_load_columns(const real *p, int64_t stride, vec *column)
{
    v_reg low[QUAD], high[QUAD];
    r_load_columns(p, stride, low);
    r_load_columns(p + LANES / 2 * stride, stride, high);
    for (int j = 0; j < QUAD; j++) column[j] = (vec){low[j], high[j]};
}
VERB void v_stream(real *p, vec v)
{
    I(stream)(p, v.r0);
    I(stream)(p + LANES / 2, v.r1);
}
VERB void v_stream_end(void) { _mm_sfence(); }

VERB v_reg r_neg(v_reg r) { return I(xor)(r, I(set1)((real)-0.0)); }
VERB v_reg r_abs(v_reg r) { return I(andnot)(I(set1)((real)-0.0), r); }
VERB v_reg r_copysign(v_reg r, v_reg sign) { return I(or)(r, I (and)(I(set1)((real)-0.0), sign)); }

VERB vec v_add(vec a, vec b) { return (vec)EACH2(I(add), a, b); }
VERB vec v_sub(vec a, vec b) { return (vec)EACH2(I(sub), a, b); }
VERB vec v_mul(vec a, vec b) { return (vec)EACH2(I(mul), a, b); }
VERB vec v_div(vec a, vec b) { return (vec)EACH2(I(div), a, b); }
VERB vec v_sqrt(vec a) { return (vec)EACH1(I(sqrt), a); }
VERB vec v_neg(vec a) { return (vec)EACH1(r_neg, a); }
VERB vec v_abs(vec a) { return (vec)EACH1(r_abs, a); }
VERB vec v_copysign(vec a, vec sign) { return (vec)EACH2(r_copysign, a, sign); }
VERB vec v_fma(vec a, vec b, vec c) { return (vec)EACH3(I(fmadd), a, b, c); }
VERB vec v_fnma(vec a, vec b, vec c) { return (vec)EACH3(I(fnmadd), a, b, c); }

VERB v_reg r_lt(v_reg a, v_reg b) { return I(cmp)(a, b, _CMP_LT_OQ); }
VERB v_reg r_le(v_reg a, v_reg b) { return I(cmp)(a, b, _CMP_LE_OQ); }
VERB v_reg r_eq(v_reg a, v_reg b) { return I(cmp)(a, b, _CMP_EQ_OQ); }
VERB v_reg r_isnan(v_reg a) { return I(cmp)(a, a, _CMP_UNORD_Q); }
VERB v_reg r_select(v_reg m, v_reg a, v_reg b) { return I(blendv)(b, a, m); }
/* min and max return their second operand when one is NaN: a and x pass */
VERB v_reg r_max(v_reg a, v_reg b) { return r_select(r_isnan(b), b, I(max)(b, a)); }

VERB mask v_lt(vec a, vec b) { return (mask)EACH2(r_lt, a, b); }
VERB mask v_le(vec a, vec b) { return (mask)EACH2(r_le, a, b); }
VERB mask v_eq(vec a, vec b) { return (mask)EACH2(r_eq, a, b); }
VERB mask v_isnan(vec a) { return (mask)EACH1(r_isnan, a); }
VERB vec v_select(mask m, vec a, vec b) { return (vec)EACH3(r_select, m, a, b); }
VERB vec v_max(vec a, vec b) { return (vec)EACH2(r_max, a, b); }

VERB v_reg r_at_least(v_reg x, v_reg low) { return I(max)(low, x); }
VERB v_reg r_at_most(v_reg x, v_reg high) { return I(min)(high, x); }
VERB vec v_at_least(vec x, vec low) { return (vec)EACH2(r_at_least, x, low); }
VERB vec v_at_most(vec x, vec high) { return (vec)EACH2(r_at_most, x, high); }

VERB v_reg r_round(v_reg r) { return I(round)(r, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VERB vec v_round(vec x) { return (vec)EACH1(r_round, x); }

/* 2^n from n + REAL_POW2, n in [-BIAS, BIAS] */
VERB v_reg r_pow2(v_reg r) { return TO_REAL(B(slli)(TO_BITS(r), REAL_FRACTION)); }

/* n is split in four, as 2^300 (2^2100) is no real; all parts have the sign of n, so a product in
 * between overflows or underflows only if the result does */
VERB v_reg r_ldexp(v_reg x, v_reg n)
{
    v_reg part = I(fmadd)(n, I(set1)((real)0.25), I(set1)(REAL_POW2)), p = r_pow2(part);
    v_reg rest = I(fnmadd)(I(sub)(part, I(set1)(REAL_POW2)), I(set1)(3), n);
    v_reg q = r_pow2(I(add)(rest, I(set1)(REAL_POW2)));
    return I(mul)(I(mul)(I(mul)(I(mul)(x, p), p), p), q);
}
VERB vec v_ldexp(vec x, vec n) { return (vec)EACH2(r_ldexp, x, n); }

VERB v_reg r_scale(v_reg x, v_reg n) { return I(mul)(x, r_pow2(I(add)(n, I(set1)(REAL_POW2)))); }
VERB vec v_scale(vec x, vec n) { return (vec)EACH2(r_scale, x, n); }

VERB v_reg r_exponent(v_reg x)
{
    __m256i i = B(srli)(B(add)(TO_BITS(x), SET_BITS(REAL_TO_EXPONENT)), REAL_FRACTION);
    i = _mm256_or_si256(i, SET_BITS(REAL_2_FRACTION));
    return I(sub)(TO_REAL(i), I(set1)(REAL_EXPONENT_OFFSET));
}
VERB vec v_exponent(vec x) { return (vec)EACH1(r_exponent, x); }

VERB v_reg r_mantissa(v_reg x)
{
    __m256i i = B(add)(TO_BITS(x), SET_BITS(REAL_TO_EXPONENT));
    i = _mm256_and_si256(i, SET_BITS(REAL_FRACTION_MASK));
    return TO_REAL(B(add)(i, SET_BITS(REAL_SQRT_HALF)));
}
VERB vec v_mantissa(vec x) { return (vec)EACH1(r_mantissa, x); }

/* ---- words ---- */

typedef struct {
    __m256i r0, r1;
} words;

#define W(name) _mm256_##name
VERB words w_set1(uint64_t a)
{
    return (words){W(set1_epi64x)((int64_t)a), W(set1_epi64x)((int64_t)a)};
}
VERB words w_load(const uint64_t *p)
{
    return (words){W(loadu_si256)((const __m256i *)(const void *)p),
                   W(loadu_si256)((const __m256i *)(const void *)(p + 4))};
}
VERB void w_store(uint32_t *p, words a)
{
    W(storeu_si256)((__m256i *)(void *)p, a.r0);
    W(storeu_si256)((__m256i *)(void *)(p + 8), a.r1);
}
VERB words w_add(words a, words b) { return (words)EACH2(W(add_epi64), a, b); }
VERB words w_xor(words a, words b) { return (words)EACH2(W(xor_si256), a, b); }
VERB words w_mul(words a, words b) { return (words)EACH2(W(mul_epu32), a, b); }
VERB words w_high(words a) { return (words){W(srli_epi64)(a.r0, 32), W(srli_epi64)(a.r1, 32)}; }
VERB __m256i r_join(__m256i a, __m256i b)
{
    return W(blend_epi32)(a, W(shuffle_epi32)(b, 0xa0), 0xaa);
}
VERB words w_join(words a, words b) { return (words)EACH2(r_join, a, b); }
VERB words w_zip_even(words a, words b) { return (words)EACH2(W(unpacklo_epi64), a, b); }
VERB words w_zip_odd(words a, words b) { return (words)EACH2(W(unpackhi_epi64), a, b); }
#undef W

/* the first lane of the tree; what the other lanes hold is of no use */
#if FNN_F64
#define LAST_LEVELS(op, r) r = op(r, _mm256_permute_pd(r, 0x5));
#else
#define LAST_LEVELS(op, r)                 \
    r = op(r, _mm256_permute_ps(r, 0x4e)); \
    r = op(r, _mm256_permute_ps(r, 0xb1));
#endif

VERB real v_sum(vec v)
{
    v_reg r = I(add)(v.r0, v.r1);
    r = I(add)(r, SWAP_HALVES(r));
    LAST_LEVELS(I(add), r)
    return FIRST_LANE(r);
}

VERB real v_hmax(vec v)
{
    v_reg r = r_max(v.r0, v.r1);
    r = r_max(r, SWAP_HALVES(r));
    LAST_LEVELS(r_max, r)
    return FIRST_LANE(r);
}

#undef I
#undef B
#undef SET_BITS
#undef LANE_NUMBERS
#undef TO_BITS
#undef TO_REAL
#undef SWAP_HALVES
#undef FIRST_LANE
#undef QUADS
#undef LAST_LEVELS
#undef EACH1
#undef EACH2
#undef EACH3
