/* arithmetic.c: the verbs of csrc/simd for one number at a time, in C99, without a library.
 *
 * What fastnn computes with AVX2, AVX-512 and NEON: a fused multiply-add is rounded once, and a number too
 * small to be normal counts as 0, before an operation and after it. */

#if defined(__FAST_MATH__)
#error "-ffast-math lets the compiler change results: compile without it"
#endif

#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16 /* that is 0 with a narrower type beside */
#error "the processor computes with more digits than it stores: compile with -msse2 -mfpmath=sse"
#endif

/* A fused multiply-add is one that is written out, in the modes of the compilers that are not ISO C, too. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#if FNN_F64
#define REAL_BITS 64
#define BUILTIN_FMA __builtin_fma
#define REAL_SMALLEST 0x1p-1022
#else
#define REAL_BITS 32
#define BUILTIN_FMA __builtin_fmaf
#define REAL_SMALLEST 0x1p-126f
#endif

/* Whether the processor has a fused multiply-add, which the compiler then has as a builtin */
#if !defined(HARDWARE_FMA)
#if defined(__GNUC__) && (defined(__FMA__) || defined(__aarch64__))
#define HARDWARE_FMA 1
#elif defined(__GNUC__) && defined(__ARM_FEATURE_FMA) && (__ARM_FP & REAL_BITS / 8)
#define HARDWARE_FMA 1
#elif defined(__GNUC__) && defined(__riscv_flen) && __riscv_flen >= REAL_BITS
#define HARDWARE_FMA 1
#else
#define HARDWARE_FMA 0
#endif
#endif

/* Whether the processor has a mode in which what is not normal is 0 */
#if !defined(HARDWARE_FLUSH)
#if defined(__GNUC__) && (defined(__SSE2__) || defined(__aarch64__))
#define HARDWARE_FLUSH 1
#elif defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP) && (__ARM_FP & REAL_BITS / 8)
#define HARDWARE_FLUSH 1
#else
#define HARDWARE_FLUSH 0
#endif
#endif

#define LANES 1
#define VERB static inline
#define INFINITY (1.0f / 0.0f)
#define NAN (0.0f / 0.0f)
#define memcpy(to, from, size) copy_bytes(to, from, size)

typedef int32_t count;
typedef real vec;
typedef int mask;

/* Sums over rows run in so many chains, as many as reals in 64 bytes. */
enum { CHAINS = 64 / sizeof(real) };

/* Sums of products run in blocks of so many terms. */
enum { BLOCK = 256 };

typedef real function(real x);
typedef real function_of_two(real a, real x);
typedef real curve_function(real x, const real *at);

typedef union {
    real value;
    real_bits bits;
} both;

static inline void copy_bytes(void *to, const void *from, uint64_t size)
{
    unsigned char *t = (unsigned char *)to;
    const unsigned char *f = (const unsigned char *)from;
    for (uint64_t i = 0; i < size; i++) t[i] = f[i];
}

/* Makes the processor treat what is not normal as 0; returns the mode to go back to. */
static inline uint64_t enter_mode(void)
{
#if HARDWARE_FLUSH && defined(__SSE2__)
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(0x9fc0);
    return before;
#elif HARDWARE_FLUSH && defined(__arm__)
    uint32_t before, flush = (uint32_t)1 << 24;
    __asm__ volatile("vmrs %0, fpscr" : "=r"(before)::"memory");
    __asm__ volatile("vmsr fpscr, %0" ::"r"(flush) : "memory");
    return before;
#elif HARDWARE_FLUSH
    uint64_t before, flush = (uint64_t)1 << 24;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before)::"memory");
    __asm__ volatile("msr fpcr, %0" ::"r"(flush) : "memory");
    return before;
#else
    return 0;
#endif
}

static inline void leave_mode(uint64_t before)
{
#if HARDWARE_FLUSH && defined(__SSE2__)
    __builtin_ia32_ldmxcsr((unsigned)before);
#elif HARDWARE_FLUSH && defined(__arm__)
    __asm__ volatile("vmsr fpscr, %0" ::"r"((uint32_t)before) : "memory");
#elif HARDWARE_FLUSH
    __asm__ volatile("msr fpcr, %0" ::"r"(before) : "memory");
#else
    (void)before;
#endif
}

/* x, or 0 of its sign where it is not normal; the processor's mode sees to it if it has one. */
VERB real normal(real x)
{
#if HARDWARE_FLUSH
    return x;
#else
    return x < REAL_SMALLEST && x > -REAL_SMALLEST ? x * 0 : x;
#endif
}

VERB real from_bits(real_bits bits)
{
    both x;
    x.bits = bits;
    return x.value;
}

VERB real_bits to_bits(real value)
{
    both x;
    x.value = value;
    return x.bits;
}

#if FNN_F64
#if !HARDWARE_FMA
/* The product a b of 53 bits each, as high 2^64 + low */
typedef struct {
    uint64_t high, low;
} wide;

static wide wide_product(uint64_t a, uint64_t b)
{
    const uint64_t half = 0xffffffff;
    uint64_t low = (a & half) * (b & half), left = (a >> 32) * (b & half);
    uint64_t right = (a & half) * (b >> 32), middle = (low >> 32) + (left & half) + (right & half);
    wide p = {(a >> 32) * (b >> 32) + (left >> 32) + (right >> 32) + (middle >> 32),
              middle << 32 | (low & half)};
    return p;
}

/* a >> n, whose last bit is 1 if any was lost */
static wide wide_right(wide a, int n)
{
    wide b = {0, 0};
    uint64_t lost;
    if (n == 0) return a;
    if (n > 127) {
        b.low = (a.high | a.low) != 0;
        return b;
    }
    if (n >= 64) {
        lost = a.low | (n > 64 ? a.high << (128 - n) : 0);
        b.low = a.high >> (n - 64) | (lost != 0);
        return b;
    }
    lost = a.low << (64 - n);
    b.high = a.high >> n;
    b.low = a.low >> n | a.high << (64 - n) | (lost != 0);
    return b;
}

static int wide_below(wide a, wide b) { return a.high != b.high ? a.high < b.high : a.low < b.low; }

static wide wide_sum(wide a, wide b, int subtract)
{
    wide c;
    c.low = subtract ? a.low - b.low : a.low + b.low;
    c.high = subtract ? a.high - b.high - (a.low < b.low) : a.high + b.high + (c.low < a.low);
    return c;
}

/* (-1)^sign a 2^exponent, rounded */
static double wide_round(int sign, wide a, int exponent)
{
    uint64_t bits, rest;
    both result;
    if (!(a.high | a.low)) return 0;
    for (; !(a.high >> 63); exponent--) a.high = a.high << 1 | a.low >> 63, a.low <<= 1;
    bits = a.high >> 11, rest = (a.high & 0x7ff) << 1 | (a.low != 0);
    if (rest > 0x800 || (rest == 0x800 && (bits & 1))) bits++;
    if (bits >> 53) bits >>= 1, exponent++;
    exponent += 127 + 1023;
    if (exponent >= 2047) return sign ? -INFINITY : INFINITY;
    if (exponent <= 0) return sign ? -0.0 : 0.0;
    result.bits = (bits & 0xfffffffffffff) | (uint64_t)exponent << 52 | (uint64_t)sign << 63;
    return result.value;
}

static int exponent_of(double value)
{
    both x;
    x.value = value;
    return (int)(x.bits >> 52 & 0x7ff);
}

static uint64_t mantissa_of(double value)
{
    both x;
    x.value = value;
    return (x.bits & 0xfffffffffffff) | (uint64_t)1 << 52;
}

/* a b + c, rounded once, in whole numbers */
static double fused(double a, double b, double c)
{
    int below = (a < 0) != (b < 0), minus = c < 0, x, y, sign;
    wide p, q;
    a = normal(a), b = normal(b), c = normal(c);
    if (exponent_of(a) % 2047 == 0 || exponent_of(b) % 2047 == 0)
        return a * b + c; /* 0, inf, NaN */
    if (exponent_of(c) == 2047) return c;
    p = wide_product(mantissa_of(a) << 10, mantissa_of(b) << 10);
    x = exponent_of(a) + exponent_of(b) - 2 * 1075 - 20;
    if (c == 0) return wide_round(below, p, x);
    q.high = mantissa_of(c) << 8, q.low = 0;
    y = exponent_of(c) - 1075 - 72;
    if (x > y)
        q = wide_right(q, x - y);
    else
        p = wide_right(p, y - x), x = y;
    sign = wide_below(p, q) ? minus : below;
    if (below == minus) return wide_round(sign, wide_sum(p, q, 0), x);
    return wide_round(sign, wide_below(p, q) ? wide_sum(q, p, 1) : wide_sum(p, q, 1), x);
}
#endif
#else
#if !HARDWARE_FMA
/* What the double sum has lost of exact + added: it is added to a sum that lies in the middle of two floats, as
 * which of them is nearer then depends on it. */
static double off_middle(double sum, double exact, double added)
{
    union {
        double value;
        uint64_t bits;
    } moved;
    double back = sum - exact, lost = (exact - (sum - back)) + (added - back);
    moved.value = sum;
    if (lost < 0 || lost > 0) moved.bits += (lost > 0) == (sum > 0) ? 1 : (uint64_t)-1;
    return moved.value;
}

/* a b + c, rounded once.  The product is exact in double, and to round the sum twice is to round it once, unless
 * it lies in the middle of two floats after the first time. */
static float fused(float a, float b, float c)
{
    union {
        double value;
        uint64_t bits;
    } sum;
    double exact = (double)normal(a) * normal(b), added = normal(c);
    sum.value = exact + added;
    if ((sum.bits & 0x1fffffff) == 0x10000000) sum.value = off_middle(sum.value, exact, added);
    return normal((float)sum.value);
}
#endif
#endif

VERB real v_fma(real a, real b, real c)
{
#if HARDWARE_FMA
    return normal(BUILTIN_FMA(normal(a), normal(b), normal(c)));
#else
    return fused(a, b, c);
#endif
}

VERB real v_zero(void) { return 0; }
VERB real v_set1(real a) { return a; }
VERB real v_load(const real *p) { return *p; }
VERB void v_store(real *p, real a) { *p = a; }
VERB real v_neg(real a) { return -a; }
VERB real v_fnma(real a, real b, real c) { return v_fma(-a, b, c); }
VERB real v_add(real a, real b) { return normal(normal(a) + normal(b)); }
VERB real v_sub(real a, real b) { return normal(normal(a) - normal(b)); }
VERB real v_mul(real a, real b) { return normal(normal(a) * normal(b)); }
VERB real v_div(real a, real b) { return normal(normal(a) / normal(b)); }
VERB real v_abs(real a) { return from_bits(to_bits(a) << 1 >> 1); }
VERB int v_lt(real a, real b) { return normal(a) < normal(b); }
VERB int v_le(real a, real b) { return normal(a) <= normal(b); }
VERB int v_eq(real a, real b) { return normal(a) == normal(b); }
VERB int v_isnan(real a) { return a != a; }
VERB int m_and(int a, int b) { return a && b; }
VERB int m_or(int a, int b) { return a || b; }
VERB int m_not(int a) { return !a; }
VERB int m_any(int a) { return a; }
VERB real v_select(int m, real a, real b) { return m ? a : b; }
VERB real v_max(real a, real b) { return v_lt(a, b) || b != b ? b : a; }
VERB real v_at_least(real x, real low) { return normal(v_lt(x, low) ? low : x); }
VERB real v_at_most(real x, real high) { return normal(v_lt(high, x) ? high : x); }

VERB real v_copysign(real a, real sign)
{
    const real_bits minus = (real_bits)1 << (8 * sizeof(real) - 1);
    return from_bits(to_bits(a) | (to_bits(sign) & minus));
}

/* the root of m 4^e, one bit after the other and one more than a real has, then rounded */
static real v_sqrt(real x)
{
    real_bits m = (to_bits(x) & REAL_FRACTION_MASK) | (real_bits)1 << REAL_FRACTION;
    real_bits root = 0, rest = 0;
    int exponent = (int)(to_bits(x) >> REAL_FRACTION) - REAL_BIAS;
    if (!(x >= REAL_SMALLEST)) return x < 0 && normal(x) != 0 ? NAN : x * 0;
    if (x - x != 0) return x;
    if (exponent & 1) m <<= 1, exponent--;
    for (int i = REAL_FRACTION + 1; i >= -(REAL_FRACTION + 1); i -= 2) {
        real_bits high = i >= 0 ? m >> i & 1 : 0, low = i >= 1 ? m >> (i - 1) & 1 : 0;
        rest = rest << 2 | high << 1 | low, root <<= 1;
        if (rest >= (root << 1 | 1)) rest -= root << 1 | 1, root |= 1;
    }
    root = (root >> 1) + (root & 1); /* never a tie, which would have an odd square */
    return from_bits((root & REAL_FRACTION_MASK) | (real_bits)(exponent / 2 + REAL_BIAS)
                                                       << REAL_FRACTION);
}

/* 2^n from n + REAL_POW2 */
VERB real power_of_two(real n) { return from_bits(to_bits(n) << REAL_FRACTION); }

VERB real v_scale(real x, real n) { return v_mul(x, power_of_two(n + REAL_POW2)); }

VERB real v_ldexp(real x, real n)
{
    real part = n * (real)0.25 + REAL_POW2, p = power_of_two(part);
    real q = power_of_two(n - (part - REAL_POW2) * 3 + REAL_POW2);
    return v_mul(v_mul(v_mul(v_mul(x, p), p), p), q);
}

VERB real v_exponent(real x)
{
    real_bits bits = (to_bits(x) + REAL_TO_EXPONENT) >> REAL_FRACTION;
    return from_bits(bits | REAL_2_FRACTION) - REAL_EXPONENT_OFFSET;
}

VERB real v_mantissa(real x)
{
    real_bits bits = to_bits(x) + REAL_TO_EXPONENT;
    return from_bits((bits & REAL_FRACTION_MASK) + REAL_SQRT_HALF);
}

/* the sum of all chains: number l and number l + CHAINS / 2, then CHAINS / 4, ..., then 1 */
static real sum_of_chains(real *chain)
{
    for (count half = CHAINS / 2; half > 0; half /= 2)
        for (count l = 0; l < half; l++) chain[l] = v_add(chain[l], chain[l + half]);
    return chain[0];
}

/* Whether two arrays hold the same bits; a NaN is like any other. */
static inline int same_bits(const real *a, const real *b, count n)
{
    for (count i = 0; i < n; i++)
        if (to_bits(a[i]) != to_bits(b[i]) && (a[i] == a[i] || b[i] == b[i])) return 0;
    return 1;
}
