/* noise-inl.h: normal random numbers, added to units or multiplied with them.
 *
 * Invariant: the number of a unit depends on (seed, epoch, stream, row of the data, unit) alone.  Of the 32
 * words that decide 32 units, the first 16 give radii sqrt(-2 log((word + 1/2) 2^-32)), the others angles;
 * radius j and angle j give units j and 16 + j (Box and Muller, 1958).  Both are rounded to a real first, so
 * that precisions draw the same numbers but for rounding. */
enum { NOISE_PAIRS = DROPOUT_UNITS / 2 };

/* The angle (quarter + f) pi / 2, |f| <= 1/2: of a word, its first two bits, and the others as f. */
typedef struct {
    real radius[NOISE_PAIRS], part[NOISE_PAIRS], along[NOISE_PAIRS], across[NOISE_PAIRS];
} noise_pairs;

#define NOISE_ANGLE (0.78539816339744830962 / 0x1p29) /* pi / 4 is the largest part */

static inline noise_pairs noise_split(const uint32_t *word)
{
    static const real cosines[] = {1, 0, -1, 0};
    noise_pairs p;
    for (int j = 0; j < NOISE_PAIRS; j++) {
        uint32_t turn = word[NOISE_PAIRS + j], quarter = turn >> 30;
        int32_t rest = (int32_t)(turn & 0x3FFFFFFF) - 0x20000000;
        p.radius[j] = (real)(((double)word[j] + 0.5) * 0x1p-32);
        p.part[j] = (real)(rest * NOISE_ANGLE);
        p.along[j] = cosines[quarter];
        p.across[j] = cosines[(quarter + 3) % 4];
    }
    return p;
}

/* The Taylor series up to pi / 4, whose next terms are below half an ulp. */
VERB vec noise_cos(vec x)
{
    static const real c[] = {
#if FNN_F64
        (real)(-1.0 / 6402373705728000),
        (real)(1.0 / 20922789888000),
        (real)(-1.0 / 87178291200),
#endif
        (real)(1.0 / 479001600),
        (real)(-1.0 / 3628800),
        (real)(1.0 / 40320),
        (real)(-1.0 / 720),
        (real)(1.0 / 24),
        (real)-0.5,
        1};
    return v_polynomial(v_mul(x, x), c, sizeof c / sizeof *c);
}

VERB vec noise_sin(vec x)
{
    static const real c[] = {
#if FNN_F64
        (real)(1.0 / 355687428096000),
        (real)(-1.0 / 1307674368000),
        (real)(1.0 / 6227020800),
#endif
        (real)(-1.0 / 39916800),
        (real)(1.0 / 362880),
        (real)(-1.0 / 5040),
        (real)(1.0 / 120),
        (real)(-1.0 / 6),
        1};
    return v_mul(x, v_polynomial(v_mul(x, x), c, sizeof c / sizeof *c));
}

/* normal[0:32] from 32 words */
static inline void noise_normals(const uint32_t *word, real *normal)
{
    noise_pairs p = noise_split(word);
    for (int j = 0; j < NOISE_PAIRS; j += LANES) {
        vec radius = v_sqrt(v_abs(v_mul(v_set1(-2), v_log(v_load(p.radius + j)))));
        vec c = noise_cos(v_load(p.part + j)), s = noise_sin(v_load(p.part + j));
        vec along = v_load(p.along + j), across = v_load(p.across + j);
        v_store(normal + j, v_mul(radius, v_sub(v_mul(along, c), v_mul(across, s))));
        v_store(normal + NOISE_PAIRS + j, v_mul(radius, v_add(v_mul(across, c), v_mul(along, s))));
    }
}

#undef NOISE_ANGLE

/* Groups g..end-1 of 32 units of a row of n: y = x + deviation z, or x + deviation z x. */
static void noise_row(const fnn_op *op, const fnn_run *run, int64_t row, int64_t n, int64_t g,
                      int64_t end)
{
    const real *x = (const real *)op->arg[0] + row * n;
    real *y = (real *)op->arg[1] + row * n, normal[DROPOUT_UNITS];
    vec deviation = v_set1((real)op->attr[0]);
    int factor = op->attr[1] != 0;
    words counter[4];
    random_counters(run, row, op->attr[2], counter);
    for (; g < end; g++) {
        uint32_t word[DROPOUT_UNITS];
        int64_t unit = g * DROPOUT_UNITS;
        counter[0] = w_add(w_set1((uint64_t)unit / 4), w_load(dropout_order));
        dropout_philox(random_seed(run, op->attr[3]), counter, word);
        noise_normals(word, normal);
        for (int64_t u = 0; u < DROPOUT_UNITS && unit + u < n; u += LANES) {
            vec v = load_lanes(x + unit + u, n - unit - u);
            vec noise = v_mul(deviation, v_load(normal + u));
            v = v_fma(noise, factor ? v : v_set1(1), v);
            store_lanes(y + unit + u, v, n - unit - u);
        }
    }
}

/* Threads share the groups of all rows. */
static void op_gaussian_noise(const fnn_op *op, const fnn_task *task)
{
    int64_t g, end, n = op->dim[1], groups = (n + DROPOUT_UNITS - 1) / DROPOUT_UNITS;
    fnn_share(task, op->dim[0] * groups, ELEMENT_GRAIN / DROPOUT_UNITS, &g, &end);
    for (int64_t done; g < end; g += done) {
        int64_t row = g / groups, first = g % groups;
        done = end - g < groups - first ? end - g : groups - first;
        noise_row(op, task->run, row, n, first, first + done);
    }
}
