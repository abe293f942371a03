/* avx512.h: the verbs on one 512-bit register.  See README.md. */
#ifndef FNN_TARGET /* amx.h adds to it */
#define FNN_TARGET "avx512f,avx512vl,avx512bw,avx512dq,fma,prfchw"
#endif
#include "../isa/target_begin.h"

#include "real.h"

#define V_REGISTERS 32
#define V_MASKS 1

#if FNN_F64
typedef __m512d vec;
typedef __mmask8 mask;
#define I(name) _mm512_##name##_pd
#define B(name) _mm512_##name##_epi64 /* on the bits */
#define TO_BITS(x) _mm512_castpd_si512(x)
#define TO_REAL(i) _mm512_castsi512_pd(i)
#define SET_BITS(i) _mm512_set1_epi64((int64_t)(i))
#define COMPARE(a, b, how) _mm512_cmp_pd_mask(a, b, how)
#define SWAP_HALVES(v) _mm512_shuffle_f64x2(v, v, 0x4e)
#define SWAP_QUARTERS(v) _mm512_shuffle_f64x2(v, v, 0xb1)
#define FIRST_LANE(v) _mm512_cvtsd_f64(v)
#define LOAD_QUAD(p) _mm_loadu_pd(p)
#define FROM_QUAD(q) _mm512_castpd128_pd512(q)
#define INSERT_QUAD(v, q, at) _mm512_insertf64x2(v, q, at)
#else
typedef __m512 vec;
typedef __mmask16 mask;
#define I(name) _mm512_##name##_ps
#define B(name) _mm512_##name##_epi32
#define TO_BITS(x) _mm512_castps_si512(x)
#define TO_REAL(i) _mm512_castsi512_ps(i)
#define SET_BITS(i) _mm512_set1_epi32((int32_t)(i))
#define COMPARE(a, b, how) _mm512_cmp_ps_mask(a, b, how)
#define SWAP_HALVES(v) _mm512_shuffle_f32x4(v, v, 0x4e)
#define SWAP_QUARTERS(v) _mm512_shuffle_f32x4(v, v, 0xb1)
#define FIRST_LANE(v) _mm512_cvtss_f32(v)
#define LOAD_QUAD(p) _mm_loadu_ps(p)
#define FROM_QUAD(q) _mm512_castps128_ps512(q)
#define INSERT_QUAD(v, q, at) _mm512_insertf32x4(v, q, at)
#endif

VERB vec v_zero(void) { return I(setzero)(); }
VERB vec v_set1(real s) { return I(set1)(s); }

VERB mask m_and(mask a, mask b) { return (mask)(a & b); }
VERB mask m_or(mask a, mask b) { return (mask)(a | b); }
VERB mask m_not(mask a) { return (mask)~a; }
VERB mask m_first(int64_t n) { return (mask)((1u << n) - 1); }
VERB int m_any(mask m) { return m != 0; }

VERB vec v_load(const real *p) { return I(loadu)(p); }
VERB void v_store(real *p, vec v) { I(storeu)(p, v); }
VERB vec v_load_n(const real *p, int64_t n) { return I(maskz_loadu)(m_first(n), p); }
VERB void v_store_n(real *p, vec v, int64_t n) { I(mask_storeu)(p, m_first(n), v); }

/* the first quads of the rows 0, QUAD, 2 QUAD and 3 QUAD */
VERB vec v_load_quads(const real *p, int64_t stride)
{
    vec v = FROM_QUAD(LOAD_QUAD(p));
    v = INSERT_QUAD(v, LOAD_QUAD(p + QUAD * stride), 1);
    v = INSERT_QUAD(v, LOAD_QUAD(p + 2 * QUAD * stride), 2);
    return INSERT_QUAD(v, LOAD_QUAD(p + 3 * QUAD * stride), 3);
}

VERB void v_load_columns(const real *p, int64_t stride, vec *column)
{
    vec a = v_load_quads(p, stride), b = v_load_quads(p + stride, stride);
#if FNN_F64
    column[0] = _mm512_unpacklo_pd(a, b);
    column[1] = _mm512_unpackhi_pd(a, b);
#else
    vec c = v_load_quads(p + 2 * stride, stride), d = v_load_quads(p + 3 * stride, stride);
#define PAIRS(a, b, half) _mm512_castps_pd(_mm512_unpack##half##_ps(a, b))
    column[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(PAIRS(a, b, lo), PAIRS(c, d, lo)));
    column[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(PAIRS(a, b, lo), PAIRS(c, d, lo)));
    column[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(PAIRS(a, b, hi), PAIRS(c, d, hi)));
    column[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(PAIRS(a, b, hi), PAIRS(c, d, hi)));
#undef PAIRS
#endif
}
VERB void v_stream(real *p, vec v) { I(stream)(p, v); }
VERB void v_stream_end(void) { _mm_sfence(); }

VERB vec v_add(vec a, vec b) { return I(add)(a, b); }
VERB vec v_sub(vec a, vec b) { return I(sub)(a, b); }
VERB vec v_mul(vec a, vec b) { return I(mul)(a, b); }
VERB vec v_div(vec a, vec b) { return I(div)(a, b); }
VERB vec v_neg(vec a) { return I(xor)(a, v_set1((real)-0.0)); }
VERB vec v_abs(vec a) { return I(andnot)(v_set1((real)-0.0), a); }
VERB vec v_copysign(vec a, vec sign) { return I(or)(a, I (and)(v_set1((real)-0.0), sign)); }
VERB vec v_fma(vec a, vec b, vec c) { return I(fmadd)(a, b, c); }
VERB vec v_fnma(vec a, vec b, vec c) { return I(fnmadd)(a, b, c); }

/* The correctly rounded root.  Of floats it is made by multiply-adds, a third faster than the divider, to
 * which it leaves the divisions: an estimate y of 1 / sqrt(m) to 14 bits, a step of Newton's for g = m y
 * and h = y / 2, and at last g + h (m - g^2), whose residue is exact; tests/c/test_simd.c has all roots.
 * (P. Markstein: IA-64 and Elementary Functions, 2000, chapter 9.) */
VERB vec v_sqrt(vec a)
{
#if FNN_F64
    return _mm512_sqrt_pd(a);
#else
    const vec half = v_set1(0.5f);
    vec m = _mm512_getmant_ps(a, _MM_MANT_NORM_p5_2, _MM_MANT_SIGN_nan);
    vec exponent = _mm512_mul_ps(_mm512_getexp_ps(a), half);
    vec y = _mm512_rsqrt14_ps(m), g = _mm512_mul_ps(m, y), h = _mm512_mul_ps(y, half);
    vec rest = _mm512_fnmadd_ps(g, h, half);
    g = _mm512_fmadd_ps(g, rest, g);
    h = _mm512_fmadd_ps(h, rest, h);
    g = _mm512_fmadd_ps(_mm512_fnmadd_ps(g, g, m), h, g);
    exponent = _mm512_roundscale_ps(exponent, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
    const __m512i special = _mm512_set1_epi32(0x30100); /* of 0: itself; of -Inf: NaN */
    return _mm512_fixupimm_ps(_mm512_scalef_ps(g, exponent), a, special, 0);
#endif
}

VERB mask v_lt(vec a, vec b) { return COMPARE(a, b, _CMP_LT_OQ); }
VERB mask v_le(vec a, vec b) { return COMPARE(a, b, _CMP_LE_OQ); }
VERB mask v_eq(vec a, vec b) { return COMPARE(a, b, _CMP_EQ_OQ); }
VERB mask v_isnan(vec a) { return COMPARE(a, a, _CMP_UNORD_Q); }
VERB vec v_select(mask m, vec a, vec b) { return I(mask_blend)(m, b, a); }

/* min and max return their second operand when one is NaN: a and x pass */
VERB vec v_max(vec a, vec b) { return I(mask_max)(b, COMPARE(b, b, _CMP_ORD_Q), b, a); }
VERB vec v_at_least(vec x, vec low) { return I(max)(low, x); }
VERB vec v_at_most(vec x, vec high) { return I(min)(high, x); }

VERB vec v_round(vec x) { return I(roundscale)(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
VERB vec v_ldexp(vec x, vec n) { return I(scalef)(x, n); }
VERB vec v_scale(vec x, vec n) { return I(scalef)(x, n); }

VERB vec v_exponent(vec x)
{
    __m512i i = B(srli)(B(add)(TO_BITS(x), SET_BITS(REAL_TO_EXPONENT)), REAL_FRACTION);
    i = _mm512_or_si512(i, SET_BITS(REAL_2_FRACTION));
    return v_sub(TO_REAL(i), v_set1(REAL_EXPONENT_OFFSET));
}

VERB vec v_mantissa(vec x)
{
    __m512i i = B(add)(TO_BITS(x), SET_BITS(REAL_TO_EXPONENT));
    i = _mm512_and_si512(i, SET_BITS(REAL_FRACTION_MASK));
    return TO_REAL(B(add)(i, SET_BITS(REAL_SQRT_HALF)));
}

/* ---- words ---- */

typedef __m512i words;

VERB words w_set1(uint64_t a) { return _mm512_set1_epi64((int64_t)a); }
VERB words w_load(const uint64_t *p) { return _mm512_loadu_si512(p); }
VERB void w_store(uint32_t *p, words a) { _mm512_storeu_si512(p, a); }
VERB words w_add(words a, words b) { return _mm512_add_epi64(a, b); }
VERB words w_xor(words a, words b) { return _mm512_xor_si512(a, b); }
VERB words w_mul(words a, words b) { return _mm512_mul_epu32(a, b); }
VERB words w_high(words a) { return _mm512_srli_epi64(a, 32); }
VERB words w_join(words a, words b) { return _mm512_mask_shuffle_epi32(a, 0xaaaa, b, 0xa0); }
VERB words w_zip_even(words a, words b) { return _mm512_unpacklo_epi64(a, b); }
VERB words w_zip_odd(words a, words b) { return _mm512_unpackhi_epi64(a, b); }

/* the first lane of the tree; what the other lanes hold is of no use */
#if FNN_F64
#define LAST_LEVELS(op, v) v = op(v, _mm512_permute_pd(v, 0x55));
#else
#define LAST_LEVELS(op, v)                 \
    v = op(v, _mm512_permute_ps(v, 0x4e)); \
    v = op(v, _mm512_permute_ps(v, 0xb1));
#endif

VERB real v_sum(vec v)
{
    v = v_add(v, SWAP_HALVES(v));
    v = v_add(v, SWAP_QUARTERS(v));
    LAST_LEVELS(v_add, v)
    return FIRST_LANE(v);
}

VERB real v_hmax(vec v)
{
    v = v_max(v, SWAP_HALVES(v));
    v = v_max(v, SWAP_QUARTERS(v));
    LAST_LEVELS(v_max, v)
    return FIRST_LANE(v);
}

#undef I
#undef B
#undef TO_BITS
#undef TO_REAL
#undef SET_BITS
#undef COMPARE
#undef SWAP_HALVES
#undef SWAP_QUARTERS
#undef FIRST_LANE
#undef LOAD_QUAD
#undef FROM_QUAD
#undef INSERT_QUAD
#undef LAST_LEVELS
