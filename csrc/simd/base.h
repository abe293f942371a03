/* base.h: the verbs in the compilers' own vector types, for any CPU: the floor that is always there.
 * No fused multiply-add is assumed, so its bits may differ from those of the other ISAs. */
#include "../isa/target_begin.h"

#include "real.h"

#define V_REGISTERS 4
#define V_MASKS 0

typedef real v_reg __attribute__((vector_size(16)));
typedef real_bits v_bits __attribute__((vector_size(16)));
typedef uint64_t w_reg __attribute__((vector_size(16)));
#if FNN_F64
#define SQUARE_ROOT __builtin_sqrt
#else
#define SQUARE_ROOT __builtin_sqrtf
#endif

VERB v_reg r_set1(real s) { return s - (v_reg){0}; }
VERB v_reg r_fma(v_reg a, v_reg b, v_reg c) { return a * b + c; }
VERB v_reg r_fnma(v_reg a, v_reg b, v_reg c) { return c - a * b; }
VERB v_reg r_round(v_reg x) { return x + REAL_ROUND - REAL_ROUND; }
VERB v_reg r_select(v_bits m, v_reg a, v_reg b)
{
    return (v_reg)((m & (v_bits)a) | (~m & (v_bits)b));
}
VERB w_reg r_times(w_reg a, w_reg b) { return (a & UINT32_MAX) * (b & UINT32_MAX); }
VERB int r_any(v_bits m)
{
    uint64_t half[2];
    memcpy(half, &m, sizeof half);
    return (half[0] | half[1]) != 0;
}

VERB v_reg r_sqrt(v_reg x)
{
    for (int l = 0; l < LANES / 4; l++) {
        x[l] = SQUARE_ROOT(x[l]);
    }
    return x;
}

#include "four.h"

#undef SQUARE_ROOT
