/* neon_f32.c: the kernels in float32 for aarch64. */
#include "../fnn.h"

#if defined(__aarch64__)
#define FNN_F64 0
#define FNN_TABLE fnn_table_neon_f32
#define FNN_ISA_NAME "neon"
#include "../simd/neon.h"
#include "../simd/math.h"

#include "../kernels/table-inl.h"

#include "target_end.h"
#endif
