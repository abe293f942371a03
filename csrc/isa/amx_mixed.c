/* amx_mixed.c: the products of mixed precision for x86-64 with AMX. */
#include "../fnn.h"

#if FNN_HAS_AMX
#define FNN_F64 0
#define FNN_TABLE fnn_table_amx_mixed
#define FNN_REST fnn_table_avx512_f32
#define FNN_ISA_NAME "amx"
#include "../simd/amx.h"
#include "../simd/math.h"

#include "../kernels/mixed_table-inl.h"

#include "target_end.h"
#endif
