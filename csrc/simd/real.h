/* real.h: the precision of a translation unit, float32 or float64 by FNN_F64, and the layout of its bits.
 *
 * LANES reals are 64 bytes on every ISA: tails and trees of reductions, and so bits, do not depend on
 * the width of the registers. */
#ifndef FNN_SIMD_REAL_H
#define FNN_SIMD_REAL_H

#include <stdint.h>

#if FNN_F64
typedef double real;
typedef uint64_t real_bits;
#define LANES 8
#define REAL_FRACTION 52 /* bits stored after the point */
#define REAL_BIAS 1023   /* of the exponent             */
#define REAL_SQRT_HALF 0x3fe6a09e667f3bcd
#else
typedef float real;
typedef uint32_t real_bits;
#define LANES 16
#define REAL_FRACTION 23
#define REAL_BIAS 127
#define REAL_SQRT_HALF 0x3f3504f3 /* bits of sqrt(1/2) */
#endif

#define QUAD \
    (16 / (int)sizeof(real)) /* reals of 16 bytes: columns that v_load_columns takes at a time */

/* x + REAL_ROUND - REAL_ROUND is x to the nearest integer, ties to even: 1.5 2^FRACTION leaves no room
 * for a fraction, and keeps the integer in the low bits. */
#define REAL_ROUND ((real)((real_bits)3 << (REAL_FRACTION - 1)))

/* The low bits of n + REAL_POW2 are the biased exponent of 2^n; a shift by REAL_FRACTION makes it 2^n. */
#define REAL_POW2 (REAL_ROUND + (real)REAL_BIAS)

/* For normal x > 0, i = bits of x + REAL_TO_EXPONENT has the biased exponent of x / sqrt(1/2), less
 * one, above the fraction.  Put below the fraction of 2^FRACTION, it is a real after one subtraction.
 * The fraction of i + REAL_SQRT_HALF are the bits of the mantissa in [sqrt(1/2), sqrt 2). */
#define REAL_FRACTION_MASK (((real_bits)1 << REAL_FRACTION) - 1)
#define REAL_TO_EXPONENT (((real_bits)REAL_BIAS << REAL_FRACTION) - REAL_SQRT_HALF)
#define REAL_2_FRACTION \
    ((real_bits)(REAL_BIAS + REAL_FRACTION) << REAL_FRACTION) /* bits of 2^FRACTION */
#define REAL_EXPONENT_OFFSET ((real)(((real_bits)1 << REAL_FRACTION) + REAL_BIAS))

/* The verbs must vanish in the loops that use them: a call would move every vector through memory. */
#define VERB static inline __attribute__((always_inline))

#endif
