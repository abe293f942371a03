/* neon_mixed.c: the products of mixed precision for aarch64. */
#include "../fnn.h"

#if defined(__aarch64__)
#define FNN_F64 0
#define FNN_TABLE fnn_table_neon_mixed
#define FNN_REST fnn_table_neon_f32
#define FNN_ISA_NAME "neon"
#include "../simd/neon.h"
#include "../simd/bf16.h"
#include "../simd/math.h"

#include "../kernels/mixed_table-inl.h"

#include "target_end.h"
#endif
