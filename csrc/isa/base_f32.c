/* base_f32.c: the kernels in float32 for any CPU. */
#include "../fnn.h"

#define FNN_F64 0
#define FNN_TABLE fnn_table_base_f32
#define FNN_ISA_NAME "base"
#include "../simd/base.h"
#include "../simd/math.h"

#include "../kernels/table-inl.h"

#include "target_end.h"
