/* curve-inl.h: the functions of curves.def, each a loop of its own over x, or over dy and x.
 *
 * Invariant: element i depends on element i alone. */

/* From here on outwards all curves are flat, or rise as x does, to the last bit; finite, as inf 0 is NaN. */
#define FLAT 1000

VERB vec on_the_curve(vec x) { return v_within(x, -FLAT, FLAT); }

/* a (x - b) where a is not 0, else 0: -inf has no slope then */
VERB vec below_bend(vec x, vec a, vec b)
{
    return v_select(v_eq(a, v_zero()), v_zero(), v_mul(a, v_sub(x, b)));
}

VERB vec elu_slope(vec x, vec a, vec c)
{
    return v_mul(v_mul(a, c), v_exp_falling(v_at_most(v_mul(c, x), v_zero())));
}

/* s log(1 + e^(s x)) for s = 1 or -1 */
static inline vec softplus_of(vec x, vec s)
{
    vec z = v_mul(s, x), rest = v_log1p(v_exp_falling(v_neg(v_abs(x))));
    return v_mul(s, v_add(v_at_least(z, v_zero()), rest));
}

/* Beyond 1e30 the quotient is 1, and at infinity it would not be. */
VERB vec softsign_of(vec x)
{
    vec size = v_at_most(v_abs(x), v_set1((real)1e30));
    return v_copysign(v_div(size, v_add(size, v_set1(1))), x);
}

VERB vec softsign_slope(vec x)
{
    vec one = v_set1(1), root = v_div(one, v_add(v_abs(x), one));
    return v_mul(root, root);
}

/* d/dx of x s(z), s the sigmoid and slope = dz/dx:  s + x slope s (1 - s), neither factor from the other */
static inline vec gate_slope(vec x, vec z, vec slope)
{
    vec one = v_set1(1), e = v_exp_falling(v_neg(v_abs(z)));
    vec large = v_div(one, v_add(one, e)), small = v_mul(e, large);
    mask below = v_lt(z, v_zero());
    vec s = v_select(below, small, large), rest = v_select(below, large, small);
    return v_fma(v_mul(v_mul(on_the_curve(x), slope), rest), s, s);
}

/* x min(max(x + 3, 0), 6) / 6 */
VERB vec hard_silu_of(vec x)
{
    vec gate = v_within(v_add(x, v_set1(3)), 0, 6);
    return v_mul(v_mul(v_at_least(x, v_set1(-FLAT)), gate), v_set1((real)(1.0 / 6)));
}

/* between the bends, x / 3 + 1 / 2 */
VERB vec hard_silu_slope(vec x) { return v_fma(x, v_set1((real)(1.0 / 3)), v_set1((real)0.5)); }

#define GELU_LINE ((real)1.5957691216057307117597842397375) /* 2 sqrt(2 / pi) */
#define GELU_CUBE ((real)0.044715)

/* (1 + tanh(z / 2)) / 2 is the sigmoid of z */
VERB vec gelu_gate(vec x)
{
    vec near = on_the_curve(x), square = v_mul(near, near);
    vec line = v_mul(near, v_set1(GELU_LINE));
    return v_mul(line, v_fma(square, v_set1(GELU_CUBE), v_set1(1)));
}

VERB vec gelu_gate_slope(vec x)
{
    vec near = on_the_curve(x), square = v_mul(near, near);
    return v_mul(v_set1(GELU_LINE), v_fma(square, v_set1(3 * GELU_CUBE), v_set1(1)));
}

#undef GELU_LINE
#undef GELU_CUBE

/* Phi + x phi, Phi and phi the normal distribution and its density */
static inline vec gelu_slope(vec x)
{
    vec near = on_the_curve(x), half = v_set1((real)0.5);
    vec density = v_exp_falling(v_neg(v_mul(v_mul(near, near), half)));
    density = v_mul(density, v_set1((real)0.39894228040143267794)); /* 1 / sqrt(2 pi) */
    return v_fma(near, density, v_normal_cdf(near));
}

/* tanh(log(1 + e^x)) = up / (up + down), both of them positive sums of e = e^-|x| */
typedef struct {
    vec e, up, down;
} mish_parts;

static inline mish_parts mish_split(vec x)
{
    vec two = v_set1(2), e = v_exp_falling(v_neg(v_abs(x)));
    mask below = v_lt(x, v_zero());
    vec up = v_select(below, v_mul(e, v_add(e, two)), v_fma(e, two, v_set1(1)));
    return (mish_parts){e, up, v_select(below, two, v_mul(v_mul(e, e), two))};
}

static inline vec mish_of(vec x)
{
    mish_parts p = mish_split(x);
    return v_mul(v_at_least(x, v_set1(-FLAT)), v_div(p.up, v_add(p.up, p.down)));
}

/* w + x (1 - w)(1 + w) sigmoid(x), w = tanh(log(1 + e^x)) */
static inline vec mish_slope(vec x)
{
    mish_parts p = mish_split(x);
    vec one = v_set1(1), whole = v_add(p.up, p.down), w = v_div(p.up, whole);
    vec bend = v_mul(v_div(p.down, whole), v_add(one, w));
    vec s = v_div(v_select(v_lt(x, v_zero()), p.e, one), v_add(one, p.e));
    return v_fma(v_mul(on_the_curve(x), bend), s, w);
}

/* (x + sqrt(x^2 + b)) / 2; below 0, where that cancels, b / 2 / (sqrt(x^2 + b) - x).  Beyond 1e15 the root
 * is |x|, and the square might overflow. */
static inline vec squareplus_of(vec x, vec b)
{
    vec near = v_within(x, (real)-1e15, (real)1e15), half = v_set1((real)0.5), size = v_abs(x);
    vec root = v_max(v_sqrt(v_fma(near, near, b)), size);
    vec mean = v_fma(half, size, v_mul(half, root));
    vec below = v_div(v_mul(v_set1((real)0.25), b), mean);
    return v_select(v_lt(x, v_zero()), below, mean);
}

VERB vec squareplus_slope(vec x, vec b)
{
    vec near = v_within(x, (real)-1e15, (real)1e15), half = v_set1((real)0.5);
    vec root = v_sqrt(v_fma(near, near, b));
    return v_fma(half, v_div(near, root), half);
}

/* x + 1, not below 0, as a factor; the curve up to 1 is its square / 4 */
VERB vec sparse_plus_slope(vec x)
{
    return v_mul(v_set1((real)0.5), v_at_least(v_add(x, v_set1(1)), v_zero()));
}

VERB vec sparse_plus_below(vec x)
{
    vec half = sparse_plus_slope(x);
    return v_mul(half, half);
}

/* -1 / (2 x sqrt x) */
VERB vec rsqrt_slope(vec x) { return v_div(v_div(v_set1((real)-0.5), v_sqrt(x)), x); }

VERB vec reciprocal_square(vec x)
{
    vec root = v_div(v_set1(1), x);
    return v_mul(root, root);
}

/* -1, 0 or 1, and NaN of NaN */
VERB vec sign_of(vec x)
{
    vec up = v_select(v_lt(v_zero(), x), v_set1(1), x);
    return v_select(v_lt(x, v_zero()), v_set1(-1), up);
}

VERB vec erf_slope(vec x)
{
    vec density = v_exp_falling(v_neg(v_mul(x, x)));
    return v_mul(density, v_set1((real)1.12837916709551257390)); /* 2 / sqrt(pi) */
}

/* 1 where m holds, else 0 */
VERB vec truth(mask m) { return v_select(m, v_set1(1), v_zero()); }

typedef struct {
    vec a, b, c, d;
} curve_parameters;

static inline curve_parameters parameters_of(const fnn_op *op)
{
    const double *given = op->attr + 1;
    return (curve_parameters){v_set1((real)given[0]), v_set1((real)given[1]),
                              v_set1((real)given[2]), v_set1((real)given[3])};
}

/* Whether what is written goes past the caches; shares begin at multiples of a line. */
static inline int curve_is_far(const fnn_op *op, const real *out, const real *in)
{
    return op->far && out != in && !off_line(out);
}

static void op_curve_fwd(const fnn_op *op, const fnn_task *task)
{
    const real *in = op->arg[0];
    real *out = op->arg[1];
    curve_parameters p = parameters_of(op);
    vec a = p.a, b = p.b, c = p.c, d = p.d;
    int far = curve_is_far(op, out, in), ahead = op->far ? AHEAD_BYTES : 0;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    (void)d;
    switch ((int)op->attr[0]) {
#define CURVE(name, forward, backward)                   \
    case FNN_CURVE_##name:                               \
        for (; i < end; i += LANES) {                    \
            vec x = read_lanes(in + i, end - i, ahead);  \
            write_lanes(out + i, forward, end - i, far); \
        }                                                \
        break;
#include "../curves.def"
#undef CURVE
    default:
        break;
    }
    if (far) v_stream_end();
}

static void op_curve_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dout = op->arg[0], *in = op->arg[1];
    real *din = op->arg[2];
    curve_parameters p = parameters_of(op);
    vec a = p.a, b = p.b, c = p.c, d = p.d;
    int far = curve_is_far(op, din, dout) && din != in, ahead = op->far ? AHEAD_BYTES / 2 : 0;
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    switch ((int)op->attr[0]) {
#define CURVE(name, forward, backward)                     \
    case FNN_CURVE_##name:                                 \
        for (; i < end; i += LANES) {                      \
            vec x = read_lanes(in + i, end - i, ahead);    \
            vec dy = read_lanes(dout + i, end - i, ahead); \
            (void)x, (void)dy;                             \
            write_lanes(din + i, backward, end - i, far);  \
        }                                                  \
        break;
#include "../curves.def"
#undef CURVE
    default:
        break;
    }
    if (far) v_stream_end();
}

#undef FLAT
