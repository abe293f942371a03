/* math.h: exp, expm1, log, log1p, sigmoid, tanh, sin, cos, erf and arctan on the verbs, within 4 ulp; floor.
 *
 * Each reduces its argument to a short interval around 0 and evaluates one polynomial there: the
 * minimax (Remez) polynomials of (e^r - 1 - r) / r^2 and (log(1 + f) - f + f^2 / 2) / f^3, for the
 * relative error of e^r - 1 and log(1 + f).  The leading terms stay exact, so that small arguments do.
 * Those of erf interpolate at Chebyshev's points: erf(x) / x in x^2 up to 1, and beyond it
 * e^(x^2) erfc(x) / t in t = 1 / (1 + x / 2), which takes infinity to 0.  Those of sin and cos do so up to
 * pi / 4.
 *
 * That of arctan, of (arctan t - t) / t^3 in t^2, does so up to sqrt 2 - 1.
 *
 * NaN passes.  A subnormal argument counts as 0, a subnormal result may be 0. */
#ifndef FNN_SIMD_MATH_H
#define FNN_SIMD_MATH_H

#include "turn.h"

/* LN2_HIGH + LN2_LOW = ln 2; LN2_HIGH times an exponent is exact.  Coefficients: highest power first. */
#if FNN_F64
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define REAL_MIN 0x1p-1022    /* the smallest normal                     */
#define REAL_HALF_ULP 0x1p-53 /* of 1                                    */
#define EXP_LOWEST (-746.0)   /* e^x is 0 below                          */
#define EXP_HIGHEST 710.0     /* e^x is Inf above                        */
#define EXP_NORMAL (-709.2)   /* e^x is below the smallest normal        */
#define TANH_HIGHEST 20.0     /* tanh x is 1 above                       */
#define TURN_HIGHEST 2e8 /* quarters of a turn up to there are exact in products with the parts */
#define SIN_LINE 0x1p-27 /* sin x is x up to there                  */
#define QUARTER_PI 0.78539816339744830962 /* and what its rounding loses */
#define QUARTER_PI_LOW 3.061616997868383e-17

/* pi / 2 in parts of 26 bits, and the rest */
static const real quarter_parts[] = {0x1.921fb50000000p+0, 0x1.110b460000000p-26,
                                     0x1.1a62630000000p-54, 0x1.8a2e03707344ap-81};

/* of (sin r - r) / r^3 and (cos r - 1 + r^2 / 2) / r^4 in r^2 */
static const real sin_coefficients[] = {1.59181012302741203e-10, -2.50511314554279474e-8,
                                        2.75573161006830291e-6,  -0.0001984126983675497,
                                        0.0083333333333309461,   -0.166666666666666646};

static const real cos_coefficients[] = {-1.13826148685563246e-11, 2.08761460246897466e-9,
                                        -2.75573172705603241e-7,  0.0000248015872987634332,
                                        -0.00138888888888873957,  0.0416666666666666654};

static const real exp_coefficients[] = {
    2.5114515837055502e-08, 2.7626382186479645e-07, 2.7557227830093986e-06, 2.4801504312202552e-05,
    1.9841269903154779e-04, 1.3888888932484214e-03, 8.333333333314543e-03,  4.166666666657332e-02,
    1.6666666666666685e-01, 5.000000000000006e-01};

static const real log_coefficients[] = {
    0.026918912149294778, -0.060735216709571584, 0.0650825370056097,  -0.05645616355730661,
    0.056597300601858046, -0.06201174481610635,  0.06686361272360021, -0.07149126068409838,
    0.07691358136655273,  -0.08332924296973294,  0.09090933219749653, -0.10000015087250257,
    0.11111110858898392,  -0.12499999688987426,  0.14285714285009293, -0.16666666669894598,
    0.2000000000002676,   -0.24999999999987588,  0.3333333333333325};

static const real erf_coefficients[] = {
    -7.795898827002142e-10, 1.3720064546777686e-08, -1.6208483801871705e-07, 1.6447424703317362e-06,
    -1.492473690741966e-05, 1.2055294904839707e-04, -8.548325975389692e-04,  5.2239776071164225e-03,
    -0.02686617064323777,   0.11283791670945006,    -0.37612638903183543,    1.1283791670955126};

static const real erfc_coefficients[] = {
    0.2694913754480688,    -2.1931652428686523,   8.1647304533636,      -18.311201593240327,
    27.388076382666053,    -28.563206599859935,   21.183320083357554,   -11.393862731695176,
    4.7197832970560665,    -1.6414889091151803,   0.3898877145181436,   -0.02578413272854979,
    0.06210015884050615,   -0.005285192449056282, -0.05330745892359192, -0.056758671936995304,
    -0.004407297438194338, 0.08374687752002534,   0.1763092451278479,   0.2468329427993523,
    0.2820947917738897,    0.28209479177387814};

static const real arctan_coefficients[] = {
    0.016285756855221028, -0.034570561981427744, 0.04551593220626549, -0.05230454270650244,
    0.05878928997834775,  -0.06666424885738255,  0.07692296375032143, -0.09090908753500877,
    0.11111111105155447,  -0.14285714285659828,  0.19999999999999804, -0.3333333333333333};
#else
#define LN2_HIGH 0.693145751953125f
#define LN2_LOW 1.42860682030941723212e-6f
#define REAL_MIN 0x1p-126f
#define REAL_HALF_ULP 0x1p-24f
#define EXP_LOWEST (-104.0f)
#define EXP_HIGHEST 89.0f
#define EXP_NORMAL (-88.0f)
#define TANH_HIGHEST 10.0f
#define TURN_HIGHEST 5e4f
#define SIN_LINE 0x1p-12f
#define QUARTER_PI 0.78539816339744830962f
#define QUARTER_PI_LOW (-2.1855695e-8f)

/* pi / 2 in parts of 9 bits, and the rest */
static const real quarter_parts[] = {0x1.92p+0f, 0x1.fbp-12f, 0x1.51p-22f, 0x1.0bp-34f,
                                     0x1.18469ap-44f};

static const real sin_coefficients[] = {-0.000195878405f, 0.00833274804f, -0.166666647f};

static const real cos_coefficients[] = {2.45478916e-5f, -0.00138883028f, 0.0416666647f};

static const real exp_coefficients[] = {1.3946497e-3f, 8.366611e-3f, 4.166628e-2f, 1.6666543e-1f,
                                        0.5f};

static const real log_coefficients[] = {-0.07859634f, 0.12881671f, -0.13128757f, 0.14181189f,
                                        -0.16624554f, 0.20002286f, -0.2500081f,  0.33333316f};

static const real erf_coefficients[] = {7.875875e-05f,   -8.0168643e-04f, 5.1890872e-03f,
                                        -2.6854211e-02f, 0.11283594f,     -0.37612626f,
                                        1.1283791f};

static const real erfc_coefficients[] = {1.8374233e-02f, 4.2652186e-02f, -0.16987494f,
                                         5.120594e-02f,  6.934961e-02f,  0.17830007f,
                                         0.24669884f,    0.2820982f,     0.28209478f};

static const real arctan_coefficients[] = {0.0504813865f, -0.0862467587f, 0.110713653f,
                                           -0.142841518f, 0.199999779f,   -0.333333343f};
#endif
#define POLYNOMIAL(x, c) v_polynomial(x, c, sizeof(c) / sizeof(c)[0])

VERB vec v_polynomial(vec x, const real *c, uint64_t count)
{
    vec y = v_set1(c[0]);
#pragma GCC unroll 32
    for (uint64_t i = 1; i < count; i++) {
        y = v_fma(y, x, v_set1(c[i]));
    }
    return y;
}

/* x = n ln 2 + r, n integral, |r| <= ln(2) / 2 */
typedef struct {
    vec n, r;
} v_reduced;

VERB v_reduced v_reduce(vec x)
{
    vec round = v_set1(REAL_ROUND);
    vec n = v_sub(v_fma(x, v_set1((real)1.44269504088896340736), round), round);
    vec r = v_fnma(n, v_set1(LN2_HIGH), x);
    return (v_reduced){n, v_fnma(n, v_set1(LN2_LOW), r)};
}

VERB vec v_within(vec x, real low, real high)
{
    return v_at_most(v_at_least(x, v_set1(low)), v_set1(high));
}

/* e^r */
VERB vec v_exp_reduced(vec r)
{
    vec one = v_set1(1), q = POLYNOMIAL(r, exp_coefficients);
    return v_fma(v_fma(q, r, one), r, one);
}

static inline vec v_exp(vec x)
{
    v_reduced a = v_reduce(v_within(x, EXP_LOWEST, EXP_HIGHEST));
    return v_ldexp(v_exp_reduced(a.r), a.n);
}

/* For x <= 0 the power of two needs no care: where it is no normal number, nor is the result. */
static inline vec v_exp_falling(vec x)
{
    v_reduced a = v_reduce(v_at_least(x, v_set1(EXP_NORMAL)));
    return v_scale(v_exp_reduced(a.r), a.n);
}

/* e^r - 1, good for r = 0 to the last relative bit but not its sign */
VERB vec v_expm1_reduced(vec r) { return v_fma(v_mul(POLYNOMIAL(r, exp_coefficients), r), r, r); }

/* 2^n (e^r - 1) + (2^n - 1) is taken at half its size, as 2^n itself may overflow. */
static inline vec v_expm1(vec x)
{
    v_reduced a = v_reduce(v_within(x, EXP_LOWEST, EXP_HIGHEST));
    vec half = v_set1((real)0.5), power = v_ldexp(half, a.n);
    vec y = v_fma(power, v_expm1_reduced(a.r), v_sub(power, half));
    return v_select(v_lt(v_abs(x), v_set1(REAL_HALF_ULP)), x, v_add(y, y));
}

/* e ln 2 + log(1 + f), where sqrt(1/2) <= 1 + f < sqrt 2 */
static inline vec v_log_reduced(vec e, vec f)
{
    vec f2 = v_mul(f, f);
    vec y = v_mul(v_mul(f2, f), POLYNOMIAL(f, log_coefficients));
    y = v_fma(e, v_set1(LN2_LOW), y);
    y = v_fnma(f2, v_set1((real)0.5), y);
    return v_fma(e, v_set1(LN2_HIGH), v_add(f, y));
}

static inline vec v_log(vec x)
{
    vec y = v_log_reduced(v_exponent(x), v_sub(v_mantissa(x), v_set1(1)));
    vec below = v_select(v_lt(x, v_zero()), v_set1((real)NAN), v_set1((real)-INFINITY));
    y = v_select(v_lt(x, v_set1(REAL_MIN)), below, y);
    return v_select(v_lt(x, v_set1((real)INFINITY)), y, x);
}

/* u + lost = 1 + x exactly.  Near x = 0 the exponent of u is 0 and f is x itself; elsewhere what f
 * rounds off is below half an ulp of the result. */
static inline vec v_log1p(vec x)
{
    vec one = v_set1(1), u = v_add(one, x), part = v_sub(u, one);
    vec lost = v_add(v_sub(one, v_sub(u, part)), v_sub(x, part));
    vec e = v_exponent(u), f = v_add(v_sub(v_mantissa(u), one), v_ldexp(lost, v_neg(e)));
    vec y = v_log_reduced(e, f);
    vec below = v_select(v_lt(u, v_zero()), v_set1((real)NAN), v_set1((real)-INFINITY));
    y = v_select(v_le(u, v_zero()), below, y);
    y = v_select(v_lt(v_abs(x), v_set1(REAL_HALF_ULP)), x, y);
    return v_select(v_lt(x, v_set1((real)INFINITY)), y, x);
}

/* with e = e^-|x|: 1 / (1 + e), or e / (1 + e) for x < 0 */
static inline vec v_sigmoid(vec x)
{
    vec one = v_set1(1), e = v_exp_falling(v_neg(v_abs(x)));
    return v_div(v_select(v_lt(x, v_zero()), e, one), v_add(one, e));
}

/* with m = e^2|x| - 1, tanh |x| = m / (m + 2); the sign is put back, so tanh is odd to the bit */
static inline vec v_tanh(vec x)
{
    vec one = v_set1(1), size = v_at_most(v_abs(x), v_set1(TANH_HIGHEST));
    v_reduced a = v_reduce(v_add(size, size));
    vec power = v_scale(one, a.n);
    vec m = v_fma(power, v_expm1_reduced(a.r), v_sub(power, one));
    return v_copysign(v_div(m, v_add(m, v_set1(2))), x);
}

/* erfc(x) for x >= 1: what e^(-x^2) loses by the rounding of x^2 is a share of what is near 0. */
VERB vec v_erfc_beyond(vec x)
{
    vec one = v_set1(1), t = v_div(one, v_fma(x, v_set1((real)0.5), one));
    return v_mul(v_exp_falling(v_neg(v_mul(x, x))), v_mul(t, POLYNOMIAL(t, erfc_coefficients)));
}

static inline vec v_erf(vec x)
{
    vec one = v_set1(1), size = v_abs(x);
    vec near = v_mul(x, POLYNOMIAL(v_mul(x, x), erf_coefficients));
    vec far = v_copysign(v_sub(one, v_erfc_beyond(v_at_least(size, one))), x);
    return v_select(v_lt(size, one), near, far);
}

static inline vec v_erfc(vec x)
{
    vec one = v_set1(1), size = v_abs(x), tail = v_erfc_beyond(v_at_least(size, one));
    vec near = v_sub(one, v_mul(x, POLYNOMIAL(v_mul(x, x), erf_coefficients)));
    vec far = v_select(v_lt(x, v_zero()), v_sub(v_set1(2), tail), tail);
    return v_select(v_lt(size, one), near, far);
}

/* the share of a standard normal variable below x: (1 + erf(x / sqrt 2)) / 2, and erfc / 2 where that is near 0 */
static inline vec v_normal_cdf(vec x)
{
    vec one = v_set1(1), half = v_set1((real)0.5);
    vec z = v_mul(x, v_set1((real)0.70710678118654752440)), size = v_abs(z);
    vec near = v_fma(v_mul(z, half), POLYNOMIAL(v_mul(z, z), erf_coefficients), half);
    vec tail = v_mul(half, v_erfc_beyond(v_at_least(size, one)));
    vec far = v_select(v_lt(z, v_zero()), tail, v_sub(one, tail));
    return v_select(v_lt(size, one), near, far);
}

/* to the nearest integer, ties to even, of any size: between 2^FRACTION and its double there is no fraction */
VERB vec v_nearest(vec x)
{
    vec big = v_set1((real)((real_bits)1 << REAL_FRACTION)), size = v_abs(x);
    vec whole = v_sub(v_add(size, big), big);
    return v_select(v_lt(size, big), v_copysign(whole, x), x);
}

/* the largest integer that is not above x */
VERB vec v_floor(vec x)
{
    vec near = v_nearest(x);
    return v_select(v_lt(x, near), v_sub(near, v_set1(1)), near);
}

/* x = n pi / 2 + r, |r| <= pi / 4 */
static inline v_reduced v_turn(vec x)
{
    vec n = v_nearest(v_mul(x, v_set1((real)0.63661977236758134308))), r = x;
    for (uint64_t i = 0; i < sizeof quarter_parts / sizeof *quarter_parts; i++)
        r = v_fnma(n, v_set1(quarter_parts[i]), r);
    if (m_any(v_lt(v_set1(TURN_HIGHEST), v_abs(x)))) {
        real whole[LANES], given[LANES], rest[LANES];
        v_store(given, x), v_store(whole, n), v_store(rest, r);
        for (int i = 0; i < LANES; i++) {
            int quarters;
            if (!(given[i] > TURN_HIGHEST || given[i] < -TURN_HIGHEST)) continue;
            if (given[i] - given[i] != 0)
                rest[i] = given[i] - given[i], whole[i] = 0;
            else
                rest[i] = (real)turn_rest(given[i], &quarters), whole[i] = (real)quarters;
        }
        n = v_load(whole), r = v_load(rest);
    }
    return (v_reduced){n, r};
}

/* sin(r + quarters pi / 2), |r| <= pi / 4 */
static inline vec v_sin_turned(vec r, vec quarters)
{
    vec one = v_set1(1), half = v_set1((real)0.5), square = v_mul(r, r);
    vec two = v_floor(v_mul(quarters, half)), odd = v_fnma(two, v_set1(2), quarters);
    vec over = v_fnma(v_floor(v_mul(two, half)), v_set1(2), two); /* 1: a half turn */
    vec s = v_fma(v_mul(POLYNOMIAL(square, sin_coefficients), square), r, r);
    vec c = v_mul(v_mul(square, square), POLYNOMIAL(square, cos_coefficients));
    c = v_add(one, v_fnma(square, half, c));
    vec y = v_select(v_eq(odd, v_zero()), s, c);
    return v_select(v_eq(over, v_zero()), y, v_neg(y));
}

static inline vec v_sin(vec x)
{
    v_reduced a = v_turn(x);
    vec y = v_sin_turned(a.r, a.n);
    return v_select(v_lt(v_abs(x), v_set1(SIN_LINE)), x, y);
}

static inline vec v_cos(vec x)
{
    v_reduced a = v_turn(x);
    return v_sin_turned(a.r, v_add(a.n, v_set1(1)));
}

/* |x| = tan(turn + arctan t), turn = 0, pi / 4 or pi / 2, and |t| <= tan(pi / 8) = sqrt 2 - 1; `low` is what
 * turn's rounding lost */
static inline vec v_arctan(vec x)
{
    vec one = v_set1(1), size = v_abs(x), small = v_set1((real)0.41421356237309504880);
    mask near = v_le(size, small), middle = v_le(size, v_add(small, v_set1(2)));
    vec over = v_select(near, size, v_select(middle, v_sub(size, one), v_set1(-1)));
    vec under = v_select(near, one, v_select(middle, v_add(size, one), size));
    vec t = v_div(over, under), square = v_mul(t, t);
    vec eighth = v_select(middle, v_set1(1), v_set1(2)), turns = v_select(near, v_zero(), eighth);
    vec bend = v_fma(v_mul(t, square), POLYNOMIAL(square, arctan_coefficients),
                     v_mul(turns, v_set1(QUARTER_PI_LOW)));
    return v_copysign(v_fma(turns, v_set1(QUARTER_PI), v_add(t, bend)), x);
}

#undef LN2_HIGH
#undef LN2_LOW
#undef QUARTER_PI
#undef QUARTER_PI_LOW
#undef REAL_MIN
#undef REAL_HALF_ULP
#undef EXP_LOWEST
#undef EXP_HIGHEST
#undef EXP_NORMAL
#undef TANH_HIGHEST
#undef TURN_HIGHEST
#undef SIN_LINE
#undef POLYNOMIAL

#endif
