/* tables.h: kernel tables that hold nothing but their names, for tests that link cpu.c without kernels. */
#include "fnn.h"

#define TABLE(name) const fnn_table fnn_table_##name = {.isa = #name}
TABLE(avx512_f32);
TABLE(avx512_f64);
TABLE(avx512_mixed);
TABLE(amx_mixed);
TABLE(avx2_f32);
TABLE(avx2_f64);
TABLE(avx2_mixed);
TABLE(neon_f32);
TABLE(neon_f64);
TABLE(neon_mixed);
TABLE(base_f32);
TABLE(base_f64);
TABLE(base_mixed);
#undef TABLE
