/* mixed_table-inl.h: the table of mixed precision on one ISA: its own products, and FNN_REST for all else.
 *
 * Invariant: whatever is not a product of two operands rounded to bfloat16 is float32's kernel. */
#include "lanes-inl.h"
#include "activation-inl.h"
#include "source-inl.h"
#include "product-inl.h"
#include "mixed-inl.h"
#include "dense-inl.h"
#include "conv2d-inl.h"

extern const fnn_table FNN_TABLE, FNN_REST;
const fnn_table FNN_TABLE = {
    .isa = FNN_ISA_NAME,
    .rest = &FNN_REST,
    .kernel =
        {
            [FNN_OP_dense_fwd] = dense_fwd,
            [FNN_OP_dense_bwd_x] = dense_bwd_x,
            [FNN_OP_dense_bwd_w] = dense_bwd_w,
            [FNN_OP_conv2d_fwd] = op_conv2d_fwd,
            [FNN_OP_conv2d_bwd_x] = op_conv2d_bwd_x,
            [FNN_OP_conv2d_bwd_w] = op_conv2d_bwd_w,
            [FNN_OP_conv2d_transpose_fwd] = op_conv2d_transpose_fwd,
        },
};
