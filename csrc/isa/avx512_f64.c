/* avx512_f64.c: the kernels in float64 for x86-64 with AVX-512. */
#include "../fnn.h"

#if defined(__x86_64__)
#define FNN_F64 1
#define FNN_TABLE fnn_table_avx512_f64
#define FNN_ISA_NAME "avx512"
#include "../simd/avx512.h"
#include "../simd/math.h"

#include "../kernels/table-inl.h"

#include "target_end.h"
#endif
