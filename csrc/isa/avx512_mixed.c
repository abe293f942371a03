/* avx512_mixed.c: the products of mixed precision for x86-64 with AVX-512. */
#include "../fnn.h"

#if defined(__x86_64__)
#define FNN_F64 0
#define FNN_TABLE fnn_table_avx512_mixed
#define FNN_REST fnn_table_avx512_f32
#define FNN_ISA_NAME "avx512"
#include "../simd/avx512.h"
#include "../simd/bf16.h"
#include "../simd/math.h"

#include "../kernels/mixed_table-inl.h"

#include "target_end.h"
#endif
