/* base_f64.c: the kernels in float64 for any CPU. */
#include "../fnn.h"

#define FNN_F64 1
#define FNN_TABLE fnn_table_base_f64
#define FNN_ISA_NAME "base"
#include "../simd/base.h"
#include "../simd/math.h"

#include "../kernels/table-inl.h"

#include "target_end.h"
