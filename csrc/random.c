/* random.c: the orders and initial values drawn once per epoch or model.
 *
 * Invariant: everything follows from the arguments; the layouts of the counters stand in random.h. */
#include "random.h"

/* The words of blocks 0, 1, 2, ... of the permutation's stream, WORDS at a time. */
enum { WORDS = 4 * FNN_PHILOX };

typedef struct {
    uint64_t seed, block;
    uint32_t epoch;
    uint32_t counter[4][FNN_PHILOX];
} word_sequence;

static void refill(word_sequence *words)
{
    for (uint32_t i = 0; i < FNN_PHILOX; i++) {
        words->counter[0][i] = (uint32_t)words->block + i;
        words->counter[1][i] = FNN_PERMUTATION;
        words->counter[2][i] = (uint32_t)(words->block >> 32);
        words->counter[3][i] = words->epoch;
    }
    words->block += FNN_PHILOX;
    fnn_philox(words->seed, words->counter);
}

/* Whether a word is passed over, by its product with bound, 0 < bound <= 2^32.  2^32 mod bound is computed
 * only where it can matter. */
static int passed_over(uint64_t product, uint64_t bound)
{
    return (uint32_t)product < bound && (uint32_t)product < (UINT64_C(1) << 32) % bound;
}

/* place[k] uniform in 0..i-k, as many as the next WORDS words give, at most i; returns how many. */
static int64_t draw_places(word_sequence *words, int64_t i, uint32_t place[WORDS])
{
    int64_t count = 0;
    refill(words);
    for (int w = 0; w < FNN_PHILOX; w++)
        for (int j = 0; j < 4 && count < i; j++) {
            uint64_t bound = (uint64_t)(i - count) + 1;
            uint64_t product = words->counter[j][w] * bound;
            place[count] = (uint32_t)(product >> 32);
            if (!passed_over(product, bound)) count++;
        }
    return count;
}

/* Places are drawn before the elements move: a draw does not wait for memory then. */
void fnn_permutation(uint64_t seed, int64_t epoch, int64_t n, int64_t *order)
{
    word_sequence words = {.seed = seed, .epoch = (uint32_t)epoch};
    uint32_t place[WORDS];
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0;) {
        int64_t count = draw_places(&words, i, place);
        for (int64_t k = 0; k < count; k++, i--) {
            int64_t moved = order[i];
            order[i] = order[place[k]];
            order[place[k]] = moved;
        }
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
