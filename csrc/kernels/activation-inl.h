/* activation-inl.h: the activations of activations.def on vectors and on the blocks of a product.
 *
 * Invariant: an output is a function of its own input alone, so fusing an activation into a product
 * changes no bit. */

/* g(x); a constant code leaves no switch behind. */
static inline vec activation_of(int code, vec x)
{
    switch (code) {
#define ACTIVATION(name, forward, backward) \
    case FNN_ACTIVATION_##name:             \
        return forward;
#include "../activations.def"
#undef ACTIVATION
    default:
        return x;
    }
}

/* dy g'(x), from y = g(x). */
static inline vec activation_gradient(int code, vec y, vec dy)
{
    (void)y;
    switch (code) {
#define ACTIVATION(name, forward, backward) \
    case FNN_ACTIVATION_##name:             \
        return backward;
#include "../activations.def"
#undef ACTIVATION
    default:
        return dy;
    }
}

static inline vec load_biased(const real *y, const real *bias, int64_t column, int64_t n)
{
    vec sum = load_lanes(y + column, n);
    return bias ? v_add(sum, load_lanes(bias + column, n)) : sum;
}

/* y = g(y + bias) in place on y[rows, cols], whose rows are `stride` apart; bias[cols] may be NULL. */
static void activate_block(int code, real *y, int64_t rows, int64_t cols, int64_t stride,
                           const real *bias)
{
    if (code == FNN_ACTIVATION_linear && !bias) return;
    switch (code) {
#define ACTIVATION(name, forward, backward)                \
    case FNN_ACTIVATION_##name:                            \
        for (; rows > 0; rows--, y += stride)              \
            for (int64_t j = 0; j < cols; j += LANES) {    \
                vec x = load_biased(y, bias, j, cols - j); \
                store_lanes(y + j, forward, cols - j);     \
            }                                              \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}
