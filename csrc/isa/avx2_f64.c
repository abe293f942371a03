/* avx2_f64.c: the kernels in float64 for x86-64 with AVX2 and FMA. */
#include "../fnn.h"

#if defined(__x86_64__)
#define FNN_F64 1
#define FNN_TABLE fnn_table_avx2_f64
#define FNN_ISA_NAME "avx2"
#include "../simd/avx2.h"
#include "../simd/math.h"

#include "../kernels/table-inl.h"

#include "target_end.h"
#endif
