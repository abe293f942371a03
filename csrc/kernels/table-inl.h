/* table-inl.h: every kernel, on the verbs of one ISA in one precision, and the table FNN_TABLE of them.
 *
 * Invariant: ops.def and probes.def say what a table holds; an op without its op_<name> here does not
 * compile. */
#include "lanes-inl.h"
#include "activation-inl.h"
#include "tile-inl.h"
#include "source-inl.h"
#include "product-inl.h"
#include "column-inl.h"
#include "row-inl.h"
#include "gemm-inl.h"
#include "dense-inl.h"
#include "tiny-inl.h"
#include "dense_op-inl.h"
#include "panels-inl.h"
#include "lines-inl.h"
#include "windows-inl.h"
#include "conv2d-inl.h"
#include "depthwise-inl.h"
#include "pool-inl.h"
#include "normalization-inl.h"
#include "row_norm-inl.h"
#include "recurrent-inl.h"
#include "elementwise-inl.h"
#include "curve-inl.h"
#include "merge-inl.h"
#include "softmax-inl.h"
#include "losses-inl.h"
#include "metrics-inl.h"
#include "weights-inl.h"
#include "optimizers-inl.h"
#include "by_weight-inl.h"
#include "gather-inl.h"
#include "embedding-inl.h"
#include "dropout-inl.h"
#include "noise-inl.h"
#include "warp-inl.h"
#include "augment-inl.h"
#include "binary-inl.h"
#include "reduce-inl.h"
#include "layout-inl.h"
#include "matmul-inl.h"
#include "probes-inl.h"

#define op_python_call fnn_python_call /* program.c: the same for every ISA */
#define op_reshape NULL                /* its output is its input's memory */
#define op_resume NULL                 /* a mark for the walk */

extern const fnn_table FNN_TABLE;
const fnn_table FNN_TABLE = {
    .isa = FNN_ISA_NAME,
    .kernel =
        {
#define OP(name, signature, attributes, flops, meaning) [FNN_OP_##name] = op_##name,
#include "../ops.def"
#undef OP
#define PROBE(name, reads, writes, meaning) [FNN_PROBE_##name] = probe_##name,
#include "../probes.def"
#undef PROBE
        },
};

#undef op_python_call
#undef op_reshape
#undef op_resume
