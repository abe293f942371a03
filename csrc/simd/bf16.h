/* bf16.h: the verbs of products of bfloat16, on the vector verbs of any ISA; amx.h has the same verbs in
 * hardware.
 *
 * A word holds two terms of a sum that follow one another, the first in its low half.  A tile is 16 by
 * 16 words: of A, 16 rows of 32 terms; of B, for each of 16 pairs of terms 16 columns.
 *
 * Invariant: a sum takes its terms in steps of 32.  The even ones and the odd ones of a step are each a
 * chain of v_fma over ascending k from zero; the two are added, and the step is added to the sum.  This
 * is what AMX's TDPBF16PS does, denormals being zero, so all ISAs with fused multiply-add agree. */
#ifndef FNN_SIMD_BF16_H
#define FNN_SIMD_BF16_H

enum { TILE = 16, STEP = 2 * TILE, TILE_WORDS = TILE * TILE };

typedef uint32_t word;

/* x as bfloat16, the high half of a float: to nearest, ties to even.  Denormals are zero, NaN is quiet. */
static inline word rounded(float x)
{
    word u;
    memcpy(&u, &x, sizeof u);
    word sign = u & 0x80000000, size = u & 0x7fffffff;
    word near = (size + 0x7fff + (size >> 16 & 1)) & 0xffff0000;
    word quiet = (size | 0x00400000) & 0xffff0000;
    return sign | (size < 0x00800000 ? 0 : size > 0x7f800000 ? quiet : near);
}

/* C[16 rows, 16 cols] of 1 or 2 tiles of A, one below the other, and as many of B, side by side. */
typedef struct {
    const word *a[2], *b[2];
    int64_t a_row, b_row;  /* words from row to row of a tile */
    const int64_t *a_step; /* words from a to the tile of each step */
    int64_t b_step;        /* words from step to step of b */
    int64_t steps;
    float *c[2]; /* where the tiles of each row of tiles lie, side by side */
    int64_t c_row[2];
    int rows, cols; /* in tiles */
    int add;        /* 0: C is written, 1: added to */
} tiles;

#ifndef FNN_AMX
/* The words of a row of 32 terms */
VERB void words_of_row(vec first, vec second, word *to)
{
    float x[STEP];
    v_store(x, first);
    v_store(x + TILE, second);
    for (int i = 0; i < TILE; i++) to[i] = rounded(x[2 * i]) >> 16 | rounded(x[2 * i + 1]);
}

/* The words of 16 columns from their even and odd terms */
VERB void words_of_pair(vec even, vec odd, word *to)
{
    float x[STEP];
    v_store(x, even);
    v_store(x + TILE, odd);
    for (int i = 0; i < TILE; i++) to[i] = rounded(x[i]) >> 16 | rounded(x[TILE + i]);
}

static inline void tiles_begin(void) {}
static inline void tiles_end(void) {}

/* A tile in float, its even terms and its odd ones */
typedef struct {
    float even[TILE_WORDS], odd[TILE_WORDS];
} spread;

static inline void spread_tile(const word *tile, int64_t stride, spread *to)
{
    for (int i = 0; i < TILE; i++, tile += stride)
        for (int j = 0; j < TILE; j++) {
            word even = tile[j] << 16, odd = tile[j] & 0xffff0000;
            memcpy(to->even + i * TILE + j, &even, sizeof even);
            memcpy(to->odd + i * TILE + j, &odd, sizeof odd);
        }
}

enum { SPREAD_ROWS = V_REGISTERS / 4 }; /* two sums a row in half of the registers */

/* C[16, 16] (+)= A B, one step */
static inline void add_step(const spread *a, const spread *b, float *c, int64_t c_row, int add)
{
    for (int i = 0; i < TILE; i += SPREAD_ROWS) {
        vec even[SPREAD_ROWS], odd[SPREAD_ROWS];
#pragma GCC unroll 8
        for (int r = 0; r < SPREAD_ROWS; r++) even[r] = odd[r] = v_zero();
        for (int k = 0; k < TILE; k++) {
            vec b_even = v_load(b->even + k * TILE), b_odd = v_load(b->odd + k * TILE);
#pragma GCC unroll 8
            for (int r = 0; r < SPREAD_ROWS; r++) {
                even[r] = v_fma(v_set1(a->even[(i + r) * TILE + k]), b_even, even[r]);
                odd[r] = v_fma(v_set1(a->odd[(i + r) * TILE + k]), b_odd, odd[r]);
            }
        }
#pragma GCC unroll 8
        for (int r = 0; r < SPREAD_ROWS; r++) {
            float *row = c + (i + r) * c_row;
            v_store(row, v_add(add ? v_load(row) : v_zero(), v_add(even[r], odd[r])));
        }
    }
}

static void multiply_tiles(const tiles *t)
{
    for (int64_t s = 0; s < t->steps; s++) {
        spread a[2], b[2];
        for (int i = 0; i < t->rows; i++) spread_tile(t->a[i] + t->a_step[s], t->a_row, &a[i]);
        for (int j = 0; j < t->cols; j++) spread_tile(t->b[j] + s * t->b_step, t->b_row, &b[j]);
        for (int i = 0; i < t->rows; i++)
            for (int j = 0; j < t->cols; j++)
                add_step(&a[i], &b[j], t->c[i] + j * TILE, t->c_row[i], s > 0 || t->add);
    }
}
#endif

#endif
