/* turn.h: what is left of a large number after whole quarters of a turn, pi / 2 each.
 *
 * Of 2 / pi only the bits matter that meet the number's own between 2 and 2^-190: a product of integers
 * (Payne and Hanek, "Radian reduction for trigonometric functions", 1983).  Scalar: whoever takes the sine of a
 * million has time. */
#ifndef FNN_SIMD_TURN_H
#define FNN_SIMD_TURN_H

#include <string.h>

/* 64 zeros, then the bits of 2 / pi after the point */
static const uint64_t two_over_pi[] = {0,
                                       0xa2f9836e4e441529,
                                       0xfc2757d1f534ddc0,
                                       0xdb6295993c439041,
                                       0xfe5163abdebbc561,
                                       0xb7246e3a424dd2e0,
                                       0x06492eea09d1921c,
                                       0xfe1deb1cb129a73e,
                                       0xe88235f52ebb4484,
                                       0xe99c7026b45f7e41,
                                       0x3991d639835339f4,
                                       0x9c845f8bbdf9283b,
                                       0x1ff897ffde05980f,
                                       0xef2f118b5a0a6d1f,
                                       0x6d367ecf27cb09b7,
                                       0x4f463f669e5fea2d,
                                       0x7527bac7ebe5f17b,
                                       0x3d0739f78a5292ea,
                                       0x6bfb5fb11f8d5d08,
                                       0x56033046fc7b6bab,
                                       0xf0cfbc209af4361d};

/* the 64 bits from bit `first` on */
static inline uint64_t bits_of_two_over_pi(int first)
{
    const uint64_t *from = two_over_pi + first / 64;
    int skip = first % 64;
    return skip ? from[0] << skip | from[1] >> (64 - skip) : from[0];
}

/* a b + carry: the low half, and the high half in *high */
static inline uint64_t multiply_wide(uint64_t a, uint64_t b, uint64_t carry, uint64_t *high)
{
    const uint64_t low32 = 0xffffffff;
    uint64_t low = (a & low32) * (b & low32), left = (a >> 32) * (b & low32);
    uint64_t right = (a & low32) * (b >> 32), top = (a >> 32) * (b >> 32);
    uint64_t middle = (low >> 32) + (left & low32) + (right & low32);
    uint64_t sum = (middle << 32 | (low & low32)) + carry;
    *high = top + (left >> 32) + (right >> 32) + (middle >> 32) + (sum < carry);
    return sum;
}

/* x - quarters pi / 2, at most pi / 4 in size, for finite |x| >= 2^15; quarters mod 4 */
static inline double turn_rest(double x, int *quarters)
{
    uint64_t bits, w, carry, low, high, unused;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1075, first = 64 + exponent - 2;
    uint64_t m = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    w = bits_of_two_over_pi(first + 128);
    multiply_wide(m, w, 0, &carry);
    low = multiply_wide(m, bits_of_two_over_pi(first + 64), carry, &carry);
    high = multiply_wide(m, bits_of_two_over_pi(first), carry, &unused);
    int turned = (int)(high >> 62), up = (int)(high >> 61 & 1);
    uint64_t part = high << 2 | low >> 62, rest = low << 2;
    if (up) part = ~part, rest = ~rest; /* the way to the next quarter */
    double r = ((double)part * 0x1p-64 + (double)rest * 0x1p-128) * 1.57079632679489661923;
    int back = x < 0;
    *quarters = (back ? -(turned + up) : turned + up) & 3;
    return up != back ? -r : r;
}

#endif
