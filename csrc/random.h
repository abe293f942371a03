/* random.h: Philox4x32-10 (Salmon et al. 2011), random words that are a function of where they are used.
 *
 * Invariant: a word depends on the 64-bit seed (the key: low half, high half) and a counter of four
 * 32-bit words alone, never on what was drawn before.  So threads, batches and ISAs cannot change it,
 * and a few lines of NumPy repeat it bit for bit.  A counter gives four words.  The second word of the
 * counter keeps the uses apart:
 *
 *     use           word 0          word 1             word 2         word 3
 *     dropout       unit / 4        stream of the op   sample low 32  epoch << 8 | sample bits 32..39
 *     noise         unit / 4        stream of the op   sample low 32  epoch << 8 | sample bits 32..39
 *     augmentation  0               stream of the op   sample low 32  epoch << 8 | sample bits 32..39
 *     uniform       block low 32    FNN_UNIFORM        stream low 32  stream high 32
 *     permutation   block low 32    FNN_PERMUTATION    block high 32  epoch low 32
 *
 * dropout      word unit % 4 decides unit `unit` of row `sample` of the caller's data
 * noise        words of 32 units decide them, as noise-inl.h says
 * augmentation  words 0 and 1 are two numbers in [0, 1), times 2^-32, of row `sample`
 * uniform      double 2 b + k is of block b: (word[2k + 1] 2^32 + word[2k]) >> 11, times 2^-53
 * permutation  blocks 0, 1, 2, ... give one sequence of words, four each, taken in order */
#ifndef FNN_RANDOM_H
#define FNN_RANDOM_H

#include <stdint.h>

/* The streams of ops are below both. */
#define FNN_UNIFORM UINT32_C(0xFFFFFFFE)
#define FNN_PERMUTATION UINT32_C(0xFFFFFFFF)

/* Counters worked on at once, so that the compiler can use vectors. */
enum { FNN_PHILOX = 32 };

/* What counter words 0 and 2 are multiplied by, and what is added to the key, in each of the rounds. */
#define FNN_PHILOX_X UINT32_C(0xD2511F53)
#define FNN_PHILOX_Y UINT32_C(0xCD9E8D57)
#define FNN_PHILOX_KEY0 UINT32_C(0x9E3779B9)
#define FNN_PHILOX_KEY1 UINT32_C(0xBB67AE85)
enum { FNN_PHILOX_ROUNDS = 10 };

/* counter[j][i] is word j of counter i; word j of its output takes its place. */
static inline void fnn_philox(uint64_t seed, uint32_t counter[4][FNN_PHILOX])
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < FNN_PHILOX_ROUNDS; round++) {
        for (int i = 0; i < FNN_PHILOX; i++) {
            uint64_t x = (uint64_t)FNN_PHILOX_X * counter[0][i];
            uint64_t y = (uint64_t)FNN_PHILOX_Y * counter[2][i];
            counter[0][i] = (uint32_t)(y >> 32) ^ counter[1][i] ^ key0;
            counter[2][i] = (uint32_t)(x >> 32) ^ counter[3][i] ^ key1;
            counter[1][i] = (uint32_t)y;
            counter[3][i] = (uint32_t)x;
        }
        key0 += FNN_PHILOX_KEY0;
        key1 += FNN_PHILOX_KEY1;
    }
}

/* order[0:n] = a permutation of 0..n-1, every one equally likely; 0 <= n <= 2^32.
 *
 * Fisher-Yates: for i = n-1, ..., 1 order[i] changes places with order[j], j uniform in 0..i.  j is the
 * high half of word * (i + 1); a word whose low half is below 2^32 mod (i + 1) is passed over, which
 * leaves every j equally many words (Lemire 2019). */
void fnn_permutation(uint64_t seed, int64_t epoch, int64_t n, int64_t *order);

/* out[0:n] = independent uniform doubles in [0, 1), multiples of 2^-53; 0 <= n <= 2^33. */
void fnn_uniform(uint64_t seed, uint64_t stream, int64_t n, double *out);

#endif
