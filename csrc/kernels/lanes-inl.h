/* lanes-inl.h: walking an array in vectors whose last one is short.
 *
 * Invariant: a loop  for (i = 0; i < n; i += LANES)  over these verbs touches elements 0..n-1 only, and
 * what happens to an element does not depend on whether its vector is a full one.  So results know
 * nothing of tails.  The tests are predicted: n >= LANES fails at most once a loop. */

/* The first n elements of p, or LANES if there are more; other lanes 0. */
VERB vec load_lanes(const real *p, int64_t n) { return n >= LANES ? v_load(p) : v_load_n(p, n); }

/* The same with `other` in the other lanes. */
VERB vec load_lanes_or(const real *p, int64_t n, vec other)
{
    return n >= LANES ? v_load(p) : v_select(m_first(n), v_load_n(p, n), other);
}

VERB void store_lanes(real *p, vec v, int64_t n)
{
    if (n >= LANES)
        v_store(p, v);
    else
        v_store_n(p, v, n);
}

/* to[0:n] = from[0:n]; the last two vectors may overlap.  A short memcpy spends its time on its call. */
static inline void copy_reals(real *to, const real *from, int64_t n)
{
    if (n < LANES) {
        v_store_n(to, v_load_n(from, n), n);
        return;
    }
    for (int64_t i = 0; i < n - LANES; i += LANES) v_store(to + i, v_load(from + i));
    v_store(to + n - LANES, v_load(from + n - LANES));
}

/* n rounded up to whole vectors */
static inline int64_t whole_vectors(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

/* The lanes that hold elements when n are left. */
VERB mask lanes_left(int64_t n) { return m_first(n < LANES ? n : LANES); }

/* Elements that go to one thread at the least, where the work is one element at a time. */
enum { ELEMENT_GRAIN = 4096 };

VERB void share_elements(const fnn_task *task, int64_t n, int64_t *begin, int64_t *end)
{
    fnn_share(task, n, ELEMENT_GRAIN, begin, end);
}

/* ---- arrays beyond the caches ----
 *
 * What is too large to stay in a cache until it is read again (op->far) is written past the caches: an ordinary
 * store first reads the line that it overwrites.  And what is read is asked for ahead of time, as the
 * processor's own prefetchers stop at the end of each page.  Neither changes a bit. */

/* Bytes asked for ahead of time, by all arrays that a loop reads together. */
enum { AHEAD_BYTES = 8192 };

/* The same in the caches, for lines that other cores may share. */
enum { TAKEN_BYTES = 2048 };

VERB void ask_for(const real *p) { __builtin_prefetch(p, 0, 2); }

/* load_lanes; asks for what stands `ahead` bytes on. */
VERB vec read_lanes(const real *p, int64_t n, int ahead)
{
    if (ahead) ask_for(p + ahead / (int)sizeof(real));
    return load_lanes(p, n);
}

/* The same of what is stored again.  Cores that share its line give it up ahead of time: one by one, stores
 * would wait for that. */
VERB vec take_lanes(const real *p, int64_t n, int ahead)
{
    __builtin_prefetch(p + (ahead ? ahead : TAKEN_BYTES) / (int)sizeof(real), 1);
    return load_lanes(p, n);
}

/* store_lanes, or past the caches if `far`: then p is at a multiple of 64 bytes. */
VERB void write_lanes(real *p, vec v, int64_t n, int far)
{
    if (far && n >= LANES)
        v_stream(p, v);
    else
        store_lanes(p, v, n);
}

/* The elements from p on that come before the first multiple of 64 bytes. */
VERB int64_t off_line(const real *p)
{
    return (int64_t)(-(uintptr_t)p % (LANES * sizeof(real)) / sizeof(real));
}

/* for (; i < end; i += LANES) { body }, in and beyond the caches.  The body finds in `n` the elements that
 * are left, LANES at the most, and in `ahead` what read_lanes and write_lanes want to know; in the copies
 * of it that work on whole vectors both are constants.  If `far`, vectors begin where `out + i` is at a
 * multiple of 64 bytes: no sum may depend on it; and v_stream_end must follow.  `reads`: how many arrays
 * the body reads. */
#define EACH_VECTOR(i, end, out, far, reads, ...)                            \
    do {                                                                     \
        if (far) {                                                           \
            const int64_t off_ = off_line((out) + (i)), left_ = (end) - (i); \
            VECTOR_PART(i, off_ < left_ ? off_ : left_, __VA_ARGS__)         \
            VECTORS_WHOLE(i, end, AHEAD_BYTES / (reads), __VA_ARGS__)        \
        }                                                                    \
        VECTORS_WHOLE(i, end, 0, __VA_ARGS__)                                \
        VECTOR_PART(i, (end) - (i), __VA_ARGS__)                             \
    } while (0)
#define VECTORS_WHOLE(i, end, ahead_, ...)                 \
    for (int64_t whole_ = (end) - LANES; (i) <= whole_;) { \
        const int64_t n = LANES;                           \
        const int ahead = ahead_;                          \
        (void)n, (void)ahead;                              \
        __VA_ARGS__(i) += LANES;                           \
    }
#define VECTOR_PART(i, count, ...)                    \
    for (int64_t n = count; n > 0; (i) += n, n = 0) { \
        const int ahead = 0;                          \
        (void)ahead;                                  \
        __VA_ARGS__                                   \
    }
