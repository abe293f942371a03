/* avx2_mixed.c: the products of mixed precision for x86-64 with AVX2 and FMA. */
#include "../fnn.h"

#if defined(__x86_64__)
#define FNN_F64 0
#define FNN_TABLE fnn_table_avx2_mixed
#define FNN_REST fnn_table_avx2_f32
#define FNN_ISA_NAME "avx2"
#include "../simd/avx2.h"
#include "../simd/bf16.h"
#include "../simd/math.h"

#include "../kernels/mixed_table-inl.h"

#include "target_end.h"
#endif
