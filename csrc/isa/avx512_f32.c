/* avx512_f32.c: the kernels in float32 for x86-64 with AVX-512. */
#include "../fnn.h"

#if defined(__x86_64__)
#define FNN_F64 0
#define FNN_TABLE fnn_table_avx512_f32
#define FNN_ISA_NAME "avx512"
#include "../simd/avx512.h"
#include "../simd/math.h"

#include "../kernels/table-inl.h"

#include "target_end.h"
#endif
