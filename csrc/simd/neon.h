/* neon.h: the verbs on four 128-bit registers of aarch64.  See README.md. */
#include "../isa/target_begin.h"

#include "real.h"

#define V_REGISTERS 8
#define V_MASKS 0

#if FNN_F64
typedef float64x2_t v_reg;
typedef uint64x2_t v_bits;
#define I(name) name##q_f64
#define SET1 vdupq_n_f64
#else
typedef float32x4_t v_reg;
typedef uint32x4_t v_bits;
#define I(name) name##q_f32
#define SET1 vdupq_n_f32
#endif

typedef uint64x2_t w_reg;

VERB v_reg r_set1(real s) { return SET1(s); }
VERB v_reg r_fma(v_reg a, v_reg b, v_reg c) { return I(vfma)(c, a, b); }
VERB v_reg r_fnma(v_reg a, v_reg b, v_reg c) { return I(vfms)(c, a, b); }
VERB v_reg r_round(v_reg x) { return I(vrndn)(x); }
VERB v_reg r_sqrt(v_reg x) { return I(vsqrt)(x); }
VERB v_reg r_select(v_bits m, v_reg a, v_reg b) { return I(vbsl)(m, a, b); }
VERB w_reg r_times(w_reg a, w_reg b) { return vmull_u32(vmovn_u64(a), vmovn_u64(b)); }
VERB int r_any(v_bits m) { return vmaxvq_u32((uint32x4_t)m) != 0; }

#include "four.h"

#undef I
#undef SET1
