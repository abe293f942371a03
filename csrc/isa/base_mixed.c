/* base_mixed.c: the products of mixed precision for any CPU. */
#include "../fnn.h"

#define FNN_F64 0
#define FNN_TABLE fnn_table_base_mixed
#define FNN_REST fnn_table_base_f32
#define FNN_ISA_NAME "base"
#include "../simd/base.h"
#include "../simd/bf16.h"
#include "../simd/math.h"

#include "../kernels/mixed_table-inl.h"

#include "target_end.h"
