/* random.c: the orders and initial values drawn once per epoch or model.
 *
 * Invariant: everything follows from the arguments; the layouts of the counters stand in random.h. */
#include "random.h"

/* The words of blocks 0, 1, 2, ... of the permutation's stream, one after the other. */
typedef struct {
    uint64_t seed, block;
    uint32_t epoch;
    int next;
    uint32_t counter[4][FNN_PHILOX];
} word_sequence;

static void refill(word_sequence *words)
{
    for (int i = 0; i < FNN_PHILOX; i++, words->block++) {
        words->counter[0][i] = (uint32_t)words->block;
        words->counter[1][i] = FNN_PERMUTATION;
        words->counter[2][i] = (uint32_t)(words->block >> 32);
        words->counter[3][i] = words->epoch;
    }
    fnn_philox(words->seed, words->counter);
    words->next = 0;
}

static uint32_t next_word(word_sequence *words)
{
    if (words->next == 4 * FNN_PHILOX) refill(words);
    int i = words->next++;
    return words->counter[i % 4][i / 4];
}

/* Uniform in 0..bound-1, 0 < bound <= 2^32.  2^32 mod bound is computed only where it can matter. */
static uint64_t next_below(word_sequence *words, uint64_t bound)
{
    uint64_t product = next_word(words) * bound;
    if ((uint32_t)product < bound) {
        uint64_t excess = (UINT64_C(1) << 32) % bound;
        while ((uint32_t)product < excess) product = next_word(words) * bound;
    }
    return product >> 32;
}

void fnn_permutation(uint64_t seed, int64_t epoch, int64_t n, int64_t *order)
{
    word_sequence words = {.seed = seed, .epoch = (uint32_t)epoch, .next = 4 * FNN_PHILOX};
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)next_below(&words, (uint64_t)i + 1);
        int64_t moved = order[i];
        order[i] = order[j];
        order[j] = moved;
    }
}

static double unit_interval(uint32_t low, uint32_t high)
{
    return (double)(((uint64_t)high << 32 | low) >> 11) * 0x1p-53;
}

void fnn_uniform(uint64_t seed, uint64_t stream, int64_t n, double *out)
{
    uint32_t counter[4][FNN_PHILOX];
    for (int64_t done = 0; done < n; done += 2 * FNN_PHILOX) {
        for (int i = 0; i < FNN_PHILOX; i++) {
            counter[0][i] = (uint32_t)(done / 2 + i);
            counter[1][i] = FNN_UNIFORM;
            counter[2][i] = (uint32_t)stream;
            counter[3][i] = (uint32_t)(stream >> 32);
        }
        fnn_philox(seed, counter);
        for (int k = 0; k < 2 * FNN_PHILOX && done + k < n; k++) {
            int word = k % 2 * 2;
            out[done + k] = unit_interval(counter[word][k / 2], counter[word + 1][k / 2]);
        }
    }
}
