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
