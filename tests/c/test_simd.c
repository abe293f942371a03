/* test_simd.c: the verbs and math.h of one ISA and precision, against scalar C and a wider libm.
 *
 *   cc -std=c11 -O3 -ffp-contract=off -Icsrc -DISA=avx512 -DFNN_F64=0 tests/c/test_simd.c csrc/cpu.c -o test_simd -lm
 *
 * ISA is base, avx2, avx512 or neon.  Exit status: 0 right, 1 wrong, 77 this CPU has no such ISA.
 *   --all    sweep every float32 there is, not a sample (a quarter of an hour)
 *   exp, ... sweep these functions so, and samples for the others
 *   --hash   the hash alone, to be compared with that of an ISA whose results were judged
 *   --time   print ns per vector of 64 bytes as well
 * The hash is over the bits of all results of the sample: it is the same on every ISA but base. */
#define _DEFAULT_SOURCE /* mmap */
#include <float.h>
#include <stdio.h>
#if defined(_WIN32)
#include <windows.h>
#undef far
#undef near
#else
#include <sys/mman.h>
#endif
#include <time.h>

#include "cpu.h"
#include "tables.h"

#define QUOTE(text) #text
#define QUOTE_OF(text) QUOTE(text)
/* clang-format off */
#define HEADER(isa) QUOTE_OF(../../csrc/simd/isa.h)
/* clang-format on */
#include HEADER(ISA)
#include "../../csrc/simd/math.h"

enum { BATCH = 4096, MAX_ULPS = 4, REPEAT = 32 };

#if FNN_F64
typedef long double wide; /* for references; 11 bits more on x86-64 */
#define W(name) name##l
#define SCALAR(name) name
#define REAL_LARGEST DBL_MAX
#define REAL_SMALLEST DBL_MIN
enum { DIGITS = DBL_MANT_DIG, MIN_EXP = DBL_MIN_EXP, MAX_EXP = DBL_MAX_EXP, LDEXP_MAX = 2100 };
#else
typedef double wide;
#define W(name) name
#define SCALAR(name) name##f
#define REAL_LARGEST FLT_MAX
#define REAL_SMALLEST FLT_MIN
enum { DIGITS = FLT_MANT_DIG, MIN_EXP = FLT_MIN_EXP, MAX_EXP = FLT_MAX_EXP, LDEXP_MAX = 300 };
#endif

static int64_t failures;

static real_bits bits_of(real x)
{
    real_bits b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static real real_of(real_bits b)
{
    real x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static uint64_t random_bits(uint64_t *state) /* splitmix64 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* ---- verbs ---- */

/* 4194303.5 is the last tie below 2^22 */
static const real awkward[] = {0,
                               (real)-0.0,
                               1,
                               -1,
                               (real)0.1,
                               (real)-0.1,
                               (real)0.5,
                               (real)-0.5,
                               (real)1.5,
                               (real)-2.5,
                               3,
                               (real)3.499999,
                               (real)-1e5,
                               (real)4194303.5,
                               (real)1e-30,
                               REAL_SMALLEST,
                               -REAL_SMALLEST,
                               REAL_LARGEST,
                               -REAL_LARGEST,
                               (real)INFINITY,
                               (real)-INFINITY,
                               (real)NAN};
enum { AWKWARD = sizeof awkward / sizeof awkward[0] };

static int same(real a, real b) { return bits_of(a) == bits_of(b) || (a != a && b != b); }

static void expect(const char *verb, int64_t place, real got, real want)
{
    if (!same(got, want) && failures++ < 20) {
        printf("%s: lane or case %lld: got %.17g, want %.17g\n", verb, (long long)place,
               (double)got, (double)want);
    }
}

#define EXPECT_LANES(verb, call, scalar)        \
    do {                                        \
        real got_[LANES];                       \
        v_store(got_, call);                    \
        for (int l = 0; l < LANES; l++) {       \
            expect(verb, l, got_[l], (scalar)); \
        }                                       \
    } while (0)

#define TRUTH(m) v_select(m, v_set1(1), v_zero())

static real larger(real a, real b) { return b > a || b != b ? b : a; }
static real plus(real a, real b) { return a + b; }

static real multiply_add(real a, real b, real c)
{
    static const char isa[] = QUOTE_OF(ISA);
    return strcmp(isa, "base") == 0 ? a * b + c : SCALAR(fma)(a, b, c);
}

/* over the tree of README.md */
static real fold(const real *x, real op(real, real))
{
    real t[LANES];
    memcpy(t, x, sizeof t);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int l = 0; l < half; l++) {
            t[l] = op(t[l], t[l + half]);
        }
    }
    return t[0];
}

static void test_arithmetic(const real *a, const real *b, const real *c)
{
    vec va = v_load(a), vb = v_load(b), vc = v_load(c);
    EXPECT_LANES("v_set1", v_set1(a[0]), a[0]);
    EXPECT_LANES("v_add", v_add(va, vb), a[l] + b[l]);
    EXPECT_LANES("v_sub", v_sub(va, vb), a[l] - b[l]);
    EXPECT_LANES("v_mul", v_mul(va, vb), a[l] * b[l]);
    EXPECT_LANES("v_div", v_div(va, vb), a[l] / b[l]);
    EXPECT_LANES("v_sqrt", v_sqrt(va), SCALAR(sqrt)(a[l]));
    EXPECT_LANES("v_neg", v_neg(va), -a[l]);
    EXPECT_LANES("v_abs", v_abs(va), SCALAR(fabs)(a[l]));
    EXPECT_LANES("v_fma", v_fma(va, vb, vc), multiply_add(a[l], b[l], c[l]));
    EXPECT_LANES("v_fnma", v_fnma(va, vb, vc), multiply_add(-a[l], b[l], c[l]));
    EXPECT_LANES("v_max", v_max(va, vb), larger(a[l], b[l]));
    EXPECT_LANES("v_at_least", v_at_least(va, v_set1(-2)), a[l] < -2 ? -2 : a[l]);
    EXPECT_LANES("v_at_most", v_at_most(va, v_set1(3)), a[l] > 3 ? 3 : a[l]);
    EXPECT_LANES("v_copysign", v_copysign(v_abs(va), vb),
                 SCALAR(copysign)(SCALAR(fabs)(a[l]), b[l]));
    expect("v_sum", 0, v_sum(va), fold(a, plus));
    expect("v_hmax", 0, v_hmax(va), fold(a, larger));
}

/* All floats of two binades, whose roots have all the fractions that there are; of doubles as many. */
static void test_roots(void)
{
    const real_bits first = bits_of((real)0.5), end = bits_of(2);
    const real_bits step = (end - first) >> 24;
    for (real_bits i = first; i < end; i += step * LANES) {
        real a[LANES];
        for (int l = 0; l < LANES; l++) a[l] = real_of(i + step * (real_bits)l + i % step);
        EXPECT_LANES("v_sqrt", v_sqrt(v_load(a)), SCALAR(sqrt)(a[l]));
    }
}

static void test_masks(const real *a, const real *b)
{
    vec va = v_load(a), vb = v_load(b);
    mask lt = v_lt(va, vb), nan = v_isnan(va);
    EXPECT_LANES("v_lt", TRUTH(lt), a[l] < b[l]);
    EXPECT_LANES("v_le", TRUTH(v_le(va, vb)), a[l] <= b[l]);
    EXPECT_LANES("v_eq", TRUTH(v_eq(va, vb)), a[l] == b[l]);
    EXPECT_LANES("v_isnan", TRUTH(nan), a[l] != a[l]);
    EXPECT_LANES("m_and", TRUTH(m_and(lt, m_not(nan))), a[l] < b[l]);
    EXPECT_LANES("m_or", TRUTH(m_or(lt, nan)), a[l] < b[l] || a[l] != a[l]);
    EXPECT_LANES("m_not", TRUTH(m_not(lt)), !(a[l] < b[l]));
    EXPECT_LANES("v_select", v_select(lt, va, vb), a[l] < b[l] ? a[l] : b[l]);
}

static void test_awkward_values(void)
{
    for (int i = 0; i < AWKWARD * AWKWARD; i++) {
        real a[LANES], b[LANES], c[LANES];
        for (int l = 0; l < LANES; l++) {
            a[l] = awkward[(i + l) % AWKWARD];
            b[l] = awkward[(i / AWKWARD + i + l) % AWKWARD];
            c[l] = awkward[(i / 7 + 5 * l) % AWKWARD];
        }
        test_arithmetic(a, b, c);
        test_masks(a, b);
    }
}

/* Sums that round differently over another tree; a NaN in each lane in turn. */
static void test_trees(void)
{
    uint64_t state = 2;
    for (int i = 0; i < 1000; i++) {
        real x[LANES];
        for (int l = 0; l < LANES; l++) {
            x[l] = (real)(int64_t)random_bits(&state);
        }
        expect("v_sum", i, v_sum(v_load(x)), fold(x, plus));
        expect("v_hmax", i, v_hmax(v_load(x)), fold(x, larger));
        x[i % LANES] = (real)NAN;
        expect("v_hmax of NaN", i, v_hmax(v_load(x)), (real)NAN);
    }
}

/* `fence` is the first address that must not be touched */
static void test_tail(real *fence, int64_t n)
{
    real *p = fence - n, ramp[LANES];
    for (int l = 0; l < LANES; l++) {
        ramp[l] = (real)(l + 1);
        fence[l - LANES] = -7;
    }
    v_store_n(p, v_load(ramp), n);
    for (int l = 1; l <= LANES; l++) {
        expect("v_store_n", n, fence[-l], l <= n ? ramp[n - l] : -7);
    }
    EXPECT_LANES("v_load_n", v_load_n(p, n), l < n ? ramp[l] : 0);
    EXPECT_LANES("m_first", TRUTH(m_first(n)), l < n);
    expect("m_any", n, (real)m_any(m_first(n)), n > 0);
    expect("m_any of the last lane", n, (real)m_any(m_not(m_first(n))), n < LANES);

    real page[2 * LANES] = {0}; /* a store in the middle leaves what follows */
    v_store_n(page, v_load(ramp), n);
    for (int l = 0; l < 2 * LANES; l++) {
        expect("v_store_n past the tail", n, page[l], l < n ? ramp[l] : 0);
    }
}

enum { PAGE = 65536 }; /* a multiple of any page size in use */

/* The end of a page after which nothing may be touched; NULL if it cannot be had. */
#if defined(_WIN32)
static unsigned char *end_of_memory(void)
{
    unsigned char *m = VirtualAlloc(NULL, 2 * PAGE, MEM_RESERVE, PAGE_NOACCESS);
    return m && VirtualAlloc(m, PAGE, MEM_COMMIT, PAGE_READWRITE) ? m + PAGE : NULL;
}
#else
static unsigned char *end_of_memory(void)
{
    unsigned char *m =
        mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return m != MAP_FAILED && mprotect(m + PAGE, PAGE, PROT_NONE) == 0 ? m + PAGE : NULL;
}
#endif

static void test_tails(void)
{
    void *end = end_of_memory();
    if (!end) {
        failures++;
        return;
    }
    for (int64_t n = 0; n <= LANES; n++) {
        test_tail((real *)end, n);
    }
}

static void test_ldexp(real x, int n)
{
    real got[LANES], want = SCALAR(ldexp)(x, n);
    v_store(got, v_ldexp(v_set1(x), v_set1((real)n)));
    int tiny = SCALAR(fabs)(want) <= REAL_SMALLEST && SCALAR(fabs)(got[0]) <= REAL_SMALLEST;
    if (!tiny) {
        expect("v_ldexp", n, got[0], want);
    }
}

static void test_scale(real x, int n)
{
    real got[LANES], want = SCALAR(ldexp)(x, n);
    v_store(got, v_scale(v_set1(x), v_set1((real)n)));
    int tiny = SCALAR(fabs)(want) <= REAL_SMALLEST && SCALAR(fabs)(got[0]) <= REAL_SMALLEST;
    if (!tiny) {
        expect("v_scale", n, got[0], want);
    }
}

static void test_split(real x)
{
    real e[LANES], m[LANES];
    v_store(e, v_exponent(v_set1(x)));
    v_store(m, v_mantissa(v_set1(x)));
    int ranged = m[0] * m[0] >= (real)0.4999999 && m[0] * m[0] < (real)2.0000001;
    expect("v_mantissa", 0, (real)ranged, 1);
    expect("v_exponent", 0, SCALAR(ldexp)(m[0], (int)e[0]), x);
}

static void test_rounding_and_scaling(void)
{
    uint64_t state = 1;
    real limit = REAL_ROUND / 3; /* 2^22 or 2^51 */
    for (int i = 0; i < 20000; i++) {
        real x = (real)((double)(int64_t)random_bits(&state) * 0x1p-63) * limit;
        x = i % 2 ? x : SCALAR(floor)(SCALAR(ldexp)(x, -i % 20)) + (real)0.5; /* ties */
        EXPECT_LANES("v_round", v_abs(v_round(v_set1(x))), SCALAR(fabs)(SCALAR(rint)(x)));
        x = SCALAR(ldexp)(x, i % 4 - 1); /* and beyond the last fraction */
        EXPECT_LANES("v_nearest", v_nearest(v_set1(x)), SCALAR(rint)(x));
        EXPECT_LANES("v_floor", v_add(v_floor(v_set1(x)), v_zero()), SCALAR(floor)(x) + 0);
    }
    for (int i = 0; i < AWKWARD; i++) {
        EXPECT_LANES("v_nearest", v_nearest(v_set1(awkward[i])), SCALAR(rint)(awkward[i]));
        EXPECT_LANES("v_floor", v_floor(v_set1(awkward[i])), SCALAR(floor)(awkward[i]));
        for (int n = -LDEXP_MAX; n <= LDEXP_MAX; n++) {
            test_ldexp(awkward[i], n);
        }
        for (int n = 1 - REAL_BIAS; n <= REAL_BIAS; n++) {
            test_scale(awkward[i], n);
        }
        if (awkward[i] > 0 && awkward[i] < (real)INFINITY) test_split(awkward[i]);
    }
    for (int i = 0; i < 20000; i++) {
        real x = real_of((real_bits)random_bits(&state) & ~((real_bits)1 << (sizeof x * 8 - 1)));
        if (x >= REAL_SMALLEST && x < (real)INFINITY) test_split(x);
    }
}

/* ---- math ---- */

static wide sigmoid_reference(wide x) { return 1 / (1 + W(exp)(-x)); }
static wide exp_minus_reference(wide x) { return W(exp)(-W(fabs)(x)); }
static vec v_exp_minus(vec x) { return v_exp_falling(v_neg(v_abs(x))); }

/* name, reference; the stretch where it is neither constant nor out of range */
#define FUNCTIONS(F)                          \
    F(exp, W(exp), -110, 100)                 \
    F(exp_minus, exp_minus_reference, 0, 110) \
    F(expm1, W(expm1), -40, 100)              \
    F(log, W(log), 0, 4)                      \
    F(log1p, W(log1p), -1.001, 4)             \
    F(sigmoid, sigmoid_reference, -110, 40)   \
    F(tanh, W(tanh), -22, 22)                 \
    F(erf, W(erf), -6, 6)                     \
    F(sin, W(sin), -300, 300)                 \
    F(cos, W(cos), -7e4, 7e4)

typedef struct {
    const char *name;
    void (*apply)(const real *x, real *y); /* to BATCH reals */
    wide (*reference)(wide);
    double low, high;
    double worst; /* ulps, at: */
    real at, got;
    uint64_t hash;
} function;

#define APPLY(name, reference, low, high)            \
    static void apply_##name(const real *x, real *y) \
    {                                                \
        for (int64_t i = 0; i < BATCH; i += LANES) { \
            v_store(y + i, v_##name(v_load(x + i))); \
        }                                            \
    }
FUNCTIONS(APPLY)
#undef APPLY

#define ROW(name, reference, low, high) {#name, apply_##name, reference, low, high, 0, 0, 0, 0},
static function functions[] = {FUNCTIONS(ROW)};
#undef ROW

/* |got - want| in units of the last place of want; Inf stands for 2^MAX_EXP.  A result below the
 * smallest normal may be 0; a zero must have its sign. */
static double ulps(real got, wide want)
{
    const wide beyond = W(ldexp)(1, MAX_EXP);
    if (want != want || got != got) return want != want && got != got ? 0 : (double)INFINITY;
    if (want == 0) return got == 0 && !signbit(got) == !signbit(want) ? 0 : (double)INFINITY;
    wide size = W(fabs)(want) < beyond ? W(fabs)(want) : beyond;
    if (size < (wide)REAL_SMALLEST && got == 0) return 0;
    wide value = isinf(got) ? W(copysign)(beyond, (wide)got) : (wide)got;
    int exponent;
    W(frexp)(size, &exponent);
    exponent = exponent > MIN_EXP ? exponent < MAX_EXP ? exponent : MAX_EXP : MIN_EXP;
    return (double)W(ldexp)(W(fabs)(value - W(copysign)(size, want)), DIGITS - exponent);
}

static uint64_t mix(uint64_t hash,
                    real x) /* FNV-1a over words; the sign and payload of NaN are free */
{
    return (hash ^ (x != x ? 1 : bits_of(x))) * 0x100000001b3;
}

static int judging = 1;

/* Whether an error is surely no worse than so many ulps: a unit in the last place is more than
 * 2^-DIGITS of a normal number. */
static inline int is_no_worse(real got, wide want, double worst)
{
    const wide units = W(ldexp)(1, DIGITS);
    wide size = W(fabs)(want);
    return size >= (wide)REAL_SMALLEST && W(fabs)((wide)got - want) * units <= (wide)worst * size;
}

static void judge(function *f, const real *x, const real *y)
{
    for (int i = 0; i < BATCH; i++) {
        wide argument =
            SCALAR(fabs)(x[i]) < REAL_SMALLEST ? W(copysign)(0, (wide)x[i]) : (wide)x[i];
        wide want = f->reference(argument);
        if (is_no_worse(y[i], want, f->worst)) continue;
        double error = ulps(y[i], want);
        if (error > f->worst) {
            f->worst = error;
            f->at = x[i];
            f->got = y[i];
        }
    }
}

static void try_batch(function *f, const real *x)
{
    real y[BATCH];
    f->apply(x, y);
    if (judging) judge(f, x, y);
    for (int i = 0; i < BATCH; i++) f->hash = mix(f->hash, y[i]);
    f->hash = mix(mix(f->hash, v_sum(v_load(y))), v_hmax(v_load(y)));
}

/* `batches` samples of [low, high] */
static void sweep_stretch(function *f, uint64_t batches, double low, double high)
{
    uint64_t state = batches;
    for (uint64_t b = 0; b < batches; b++) {
        real x[BATCH];
        for (int i = 0; i < BATCH; i++) {
            x[i] = (real)(low + (high - low) * ((double)(random_bits(&state) >> 11) * 0x1p-53));
        }
        try_batch(f, x);
    }
}

/* every `stride`-th float32 from -NaN to NaN; of float64 as many, with the low half of the bits random */
static void sweep_bits(function *f, uint64_t stride)
{
    uint64_t state = 0;
    for (uint64_t first = 0; first < (uint64_t)1 << 32; first += BATCH * stride) {
        real x[BATCH];
        for (uint64_t i = 0; i < BATCH; i++) {
            uint64_t high = first + i * stride;
#if FNN_F64
            x[i] = real_of(high << 32 | (random_bits(&state) >> 32));
#else
            x[i] = real_of((real_bits)(high + random_bits(&state) % stride));
#endif
        }
        try_batch(f, x);
    }
}

static void test_math(function *f, uint64_t stride, uint64_t batches)
{
    real special[BATCH] = {0};
    memcpy(special, awkward, sizeof awkward);
    try_batch(f, special);
    sweep_bits(f, stride);
    sweep_stretch(f, batches, f->low, f->high);
    sweep_stretch(f, batches, 7 * f->low, 7 * f->high); /* the range of float64 */
    sweep_stretch(f, batches, -1, 1);
    sweep_stretch(f, batches, -0x1p-8, 0x1p-8);
    sweep_stretch(f, batches, 1 - 0x1p-6, 1 + 0x1p-6);
    printf("  %-9s %.3f ulp at %.17g (%.17g)  hash %016llx\n", f->name, f->worst, (double)f->at,
           (double)f->got, (unsigned long long)f->hash);
    failures += !(f->worst <= MAX_ULPS);
}

/* exact to the bit, whatever the polynomials */
static void test_odd_and_limits(void)
{
    for (int i = 0; i < AWKWARD; i++) {
        vec x = v_set1(awkward[i]);
        real plain[LANES];
        v_store(plain, v_tanh(x));
        EXPECT_LANES("v_tanh is odd", v_tanh(v_neg(x)), -plain[l]);
        v_store(plain, v_erf(x));
        EXPECT_LANES("v_erf is odd", v_erf(v_neg(x)), -plain[l]);
    }
    for (int i = 0; i < 20000; i++) {
        vec x = v_set1((real)-0.006 * (real)i);
        real general[LANES];
        v_store(general, v_exp(x));
        EXPECT_LANES("v_exp_falling", v_exp_falling(x), general[l]);
    }
    EXPECT_LANES("v_exp_falling(-inf)", v_exp_falling(v_set1((real)-INFINITY)), 0);
    EXPECT_LANES("v_sigmoid(1000)", v_sigmoid(v_set1(1000)), 1);
    EXPECT_LANES("v_sigmoid(-1000)", v_sigmoid(v_set1(-1000)), 0);
    EXPECT_LANES("v_exp(-1e4)", v_exp(v_set1((real)-1e4)), 0);
    EXPECT_LANES("v_log(1)", v_log(v_set1(1)), 0);
}

/* The normal distribution: within an ulp or two above 0; below, where z^2 / 2 is rounded before its
 * exponential is taken, within 8 + 3 z^2. */
static void test_normal_cdf(void)
{
    for (int i = -40000; i <= 40000; i++) {
        real x = (real)i / 4096 * (FNN_F64 ? 4 : 1), got[LANES];
        wide want = W(erfc)(-(wide)x / W(sqrt)(2)) / 2;
        v_store(got, v_normal_cdf(v_set1(x)));
        double allowed = x < 0 ? 8 + 3 * (double)x * (double)x : MAX_ULPS;
        expect("v_normal_cdf", i, (real)(ulps(got[0], want) <= allowed), 1);
    }
    EXPECT_LANES("v_normal_cdf(-1000)", v_normal_cdf(v_set1(-1000)), 0);
    EXPECT_LANES("v_normal_cdf(-inf)", v_normal_cdf(v_set1((real)-INFINITY)), 0);
    EXPECT_LANES("v_normal_cdf(inf)", v_normal_cdf(v_set1((real)INFINITY)), 1);
    EXPECT_LANES("v_normal_cdf(NaN)", v_normal_cdf(v_set1((real)NAN)), (real)NAN);
}

static double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void print_time(const function *f)
{
    static real x[BATCH], y[BATCH];
    double best = 1e18;
    for (int i = 0; i < BATCH; i++) {
        x[i] = (real)(i + 1) / 1024;
    }
    for (int run = 0; run < 200; run++) {
        double start = now();
        for (int again = 0; again < REPEAT; again++) {
            f->apply(x, y);
        }
        best = fmin(best, now() - start);
    }
    printf("  %-9s %.2f ns per vector\n", f->name, best * LANES / BATCH / REPEAT);
}

/* the mode that kernels run in: subnormals are 0 */
static void flush_subnormals(void)
{
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | (uint64_t)1 << 24));
#endif
}

static int has_option(int count, char **options, const char *name)
{
    for (int i = 1; i < count; i++) {
        if (strcmp(options[i], name) == 0) return 1;
    }
    return 0;
}

static int test(int count, char **options)
{
    int all = has_option(count, options, "--all") && !FNN_F64;
    judging = !has_option(count, options, "--hash");
    test_awkward_values();
    test_roots();
    test_trees();
    test_tails();
    test_rounding_and_scaling();
    flush_subnormals();
    test_odd_and_limits();
    test_normal_cdf();
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        int swept = all || (has_option(count, options, functions[i].name) && !FNN_F64);
        test_math(&functions[i], swept ? 1 : 4099, 50);
        if (has_option(count, options, "--time")) print_time(&functions[i]);
    }
    printf("%lld failures\n", (long long)failures);
    return failures != 0;
}

#include "../../csrc/isa/target_end.h"

/* outside the region: this much every CPU must be able to run */
int main(int count, char **options)
{
    static const char isa[] = QUOTE_OF(ISA);
    printf("%s float%d\n", isa, FNN_F64 ? 64 : 32);
    if (!fnn_isa_available(fnn_isa_find(isa))) {
        printf("skipped: this CPU has no %s\n", isa);
        return 77;
    }
    return test(count, options);
}
