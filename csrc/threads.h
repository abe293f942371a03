/* threads.h: runs one function on several threads at once, in step.
 *
 * There is one pool a process.  A region is one call of fnn_parallel: `threads` threads, the caller
 * being thread 0, run the same body and leave together.  A region that cannot have the pool, because
 * it is nested or another thread of the process is inside, runs on its caller alone: it never waits
 * and never fails.  Everything works again in a child after fork. */
#ifndef FNN_THREADS_H
#define FNN_THREADS_H

#include <stdatomic.h>

enum { FNN_MAX_THREADS = 256 };

/* What fnn_barrier returns in the child of a fork that thread 0 made inside its region: the other
 * threads stayed behind in the parent, so the region can only be left. */
enum { FNN_ORPHANED = -1 };

typedef void fnn_body(void *self, int thread, int threads);

/* Calls body(self, t, n) for t = 0 .. n - 1, each on its own thread in kernels' floating-point mode
 * (cpu.h), and returns n, 1 <= n <= max(threads, 1), when all are back.  n is at most the processors that this
 * process may use, which are counted anew every second: affinity and quota may change.  n is 0, and the work void,
 * only for an orphaned region.  Only thread 0 may fork. */
int fnn_parallel(int threads, fnn_body *body, void *self);

/* The same for work that takes less long than to wake a thread: only threads that are awake take part, and
 * n says how many.  If calls follow one another closely, sleeping ones are woken for the next. */
int fnn_parallel_briefly(int threads, fnn_body *body, void *self);

/* For tests: whether n may be larger than there are processors. */
void fnn_crowd(int allowed);

/* To be called by all `threads` threads of a region: none returns before all have called.  All return
 * the same value: what *halt held when the last one came.  So a thread may set *halt whenever it likes
 * and all see it at the same barrier. */
int fnn_barrier(int threads, atomic_int *halt);

/* Threads by the environment: FASTNN_NUM_THREADS, else the first number of OMP_NUM_THREADS, else the
 * processors this process may use (cpu.h); at most FNN_MAX_THREADS.  An empty variable counts as not
 * set.  0: *variable names one that holds no positive number. */
int fnn_default_threads(const char **variable);

/* The number of threads of this process, for whoever names none: as set, else by the environment (and
 * then 0 if that is invalid); setting 0 goes back to the environment.  Visible to threadpoolctl. */
#if defined(_WIN32)
#define FNN_PUBLIC __declspec(dllexport)
#else
#define FNN_PUBLIC __attribute__((visibility("default")))
#endif
FNN_PUBLIC int fnn_num_threads(void);
FNN_PUBLIC void fnn_set_num_threads(int threads);

#endif
