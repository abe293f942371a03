/* amx.h: the verbs of AVX-512, and those of bf16.h in the tile registers of AMX. */
#define FNN_TARGET "avx512f,avx512vl,avx512bw,avx512dq,fma,prfchw,avx512bf16,amx-tile,amx-bf16"
#define FNN_AMX 1
#include "avx512.h"
#include "bf16.h"

/* Both round denormals to zero, as `rounded` does. */
VERB void words_of_row(vec first, vec second, word *to)
{
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh(second, first));
}

VERB void words_of_pair(vec even, vec odd, word *to)
{
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(even));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(odd));
    _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

/* The shape of tile registers 0 to 7: 16 rows of 64 bytes. */
static inline void tiles_begin(void)
{
    static const struct {
        uint8_t palette, start, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } shape = {.palette = 1,
               .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
               .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&shape);
}

static inline void tiles_end(void) { _tile_release(); }

/* Registers 0 to 3 hold C, 4 and 5 A, 6 and 7 B; their numbers are part of the instructions. */
#define EACH_C(t, DO)                                           \
    DO(0, (t)->c[0], c_bytes[0]);                               \
    if ((t)->cols > 1) DO(1, (t)->c[0] + TILE, c_bytes[0]);     \
    if ((t)->rows > 1) {                                        \
        DO(2, (t)->c[1], c_bytes[1]);                           \
        if ((t)->cols > 1) DO(3, (t)->c[1] + TILE, c_bytes[1]); \
    }
#define LOAD_C(number, place, stride) _tile_loadd(number, place, stride)
#define ZERO_C(number, place, stride) _tile_zero(number)
#define STORE_C(number, place, stride) _tile_stored(number, place, stride)

/* rows and cols are constants */
VERB void sum_tiles(const tiles *t, const int rows, const int cols)
{
    const word *b0 = t->b[0], *b1 = t->b[1];
    const int64_t a_bytes = t->a_row * (int64_t)sizeof(word);
    const int64_t b_bytes = t->b_row * (int64_t)sizeof(word);
    for (int64_t s = 0; s < t->steps; s++, b0 += t->b_step, b1 += t->b_step) {
        int64_t at = t->a_step[s];
        _tile_loadd(6, b0, b_bytes);
        _tile_loadd(4, t->a[0] + at, a_bytes);
        _tile_dpbf16ps(0, 4, 6);
        if (cols > 1) {
            _tile_loadd(7, b1, b_bytes);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (rows > 1) {
            _tile_loadd(5, t->a[1] + at, a_bytes);
            _tile_dpbf16ps(2, 5, 6);
            if (cols > 1) _tile_dpbf16ps(3, 5, 7);
        }
    }
}

static void multiply_tiles(const tiles *t)
{
    const int64_t c_bytes[2] = {t->c_row[0] * (int64_t)sizeof(float),
                                t->c_row[1] * (int64_t)sizeof(float)};
    if (t->add) {
        EACH_C(t, LOAD_C)
    } else {
        EACH_C(t, ZERO_C)
    }
    if (t->rows > 1 && t->cols > 1)
        sum_tiles(t, 2, 2);
    else if (t->rows > 1)
        sum_tiles(t, 2, 1);
    else if (t->cols > 1)
        sum_tiles(t, 1, 2);
    else
        sum_tiles(t, 1, 1);
    EACH_C(t, STORE_C)
}

#undef EACH_C
#undef LOAD_C
#undef ZERO_C
#undef STORE_C
