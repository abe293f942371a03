/* threads.c: the pool, and how many threads it is asked for.
 *
 * Worker t waits at its own gate.  The caller of a region writes down the work, opens the gates of the
 * workers it wants, takes part as thread 0, and all meet at a last barrier.  Invariants:
 *   - `owner` is the only lock, and nobody waits for it.  Its holder alone writes the plain fields of
 *     the pool, and gives it back only after all workers are at the last barrier and have read them.
 *   - So at most one region has more than one thread, and its barrier needs no handle.
 *   - The owner is known by an address of its own (`me`), the same after fork: the child can tell
 *     whether it is the owner who forked. */
#define _POSIX_C_SOURCE 200809L
#include "threads.h"

#include "cpu.h"
#include "os.h"

#include <string.h>

enum { LINE = 128 };             /* bytes: two cache lines, which CPUs fetch in pairs */
enum { STACK = 1 << 20 };        /* bytes: the same everywhere (musl's default is 128 KiB) */
enum { SPIN_NS = 100000 };       /* longer than an interrupt mostly holds a thread up */
enum { SPINS_PER_CLOCK = 64 };   /* looks between two looks at the clock */
enum { MISSES = 4, RETRY = 16 }; /* after so many vain spins in a row, one wait in so many spins */
enum { ASK_NS = 1000000000 };    /* how old the number of processors may be: to ask takes 40 us */

/* ---- gates: to wait until a word moves on ------------------------------------------------------- */

typedef struct {
    _Alignas(LINE) atomic_uint turn; /* times it was opened                 */
    atomic_int sleepers;             /* threads that look at `turn` no more */
    atomic_uint misses;              /* waits since a spin last saw it open */
    int nudged;                      /* whether sleepers are to look again  */
    fnn_lock lock;
    fnn_signal opened;
} gate;

static void gate_init(gate *g)
{
    atomic_init(&g->turn, 0);
    atomic_init(&g->sleepers, 0);
    atomic_init(&g->misses, 0);
    g->nudged = 0;
    fnn_lock_init(&g->lock);
    fnn_signal_init(&g->opened);
}

/* Whether the gate opened within SPIN_NS. */
static int gate_watch(gate *g, unsigned turn)
{
    for (int64_t now, end = 0;; end = end ? end : now + SPIN_NS) {
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (atomic_load_explicit(&g->turn, memory_order_acquire) != turn) return 1;
            fnn_pause();
        }
        now = fnn_clock();
        if (end && now > end) return 0;
    }
}

/* As gate_watch, but hardly tries while it keeps failing: then the wait is long anyway, or other programs
 * are busy and the thread waited for may need this very processor.  Updates may get lost: no matter. */
static int gate_spin(gate *g, unsigned turn)
{
    unsigned misses = atomic_load_explicit(&g->misses, memory_order_relaxed);
    int opened = (misses < MISSES || misses % RETRY == 0) && gate_watch(g, turn);
    if (misses || !opened)
        atomic_store_explicit(&g->misses, opened ? 0 : misses + 1, memory_order_relaxed);
    return opened;
}

/* Sleeps until the gate was opened since its turn was `turn`, or the sleepers are nudged; returns which. */
static int gate_sleep(gate *g, unsigned turn)
{
    fnn_lock_take(&g->lock);
    atomic_fetch_add(&g->sleepers, 1);
    g->nudged = 0;
    while (atomic_load(&g->turn) == turn && !g->nudged) fnn_signal_wait(&g->opened, &g->lock);
    atomic_fetch_sub(&g->sleepers, 1);
    fnn_lock_give(&g->lock);
    return atomic_load(&g->turn) != turn;
}

/* Returns when the gate was opened since its turn was `turn`. */
static void gate_wait(gate *g, unsigned turn, int spin)
{
    if (spin && gate_spin(g, turn)) return;
    while (!gate_sleep(g, turn))
        if (gate_watch(g, turn)) return;
}

/* Lets sleepers spin for a while, since the gate may be opened soon. */
static void gate_nudge(gate *g)
{
    fnn_lock_take(&g->lock);
    g->nudged = 1;
    fnn_signal_all(&g->opened);
    fnn_lock_give(&g->lock);
}

/* A sleeper counts itself before it looks at `turn`, the opener moves `turn` before it looks at the
 * count: sequentially consistent, so one of them sees the other. */
static void gate_open(gate *g)
{
    atomic_fetch_add(&g->turn, 1);
    if (atomic_load(&g->sleepers) == 0) return;
    fnn_lock_take(&g->lock);
    fnn_signal_all(&g->opened);
    fnn_lock_give(&g->lock);
}

/* ---- the pool ----------------------------------------------------------------------------------- */

typedef struct {
    gate gate;
    fnn_thread id;
} worker;

static struct {
    atomic_uintptr_t owner; /* 0: free                                                */
    int cpus;               /* processors the process may use; 0: not asked yet       */
    int64_t asked_ns;       /* when that was so                                       */
    int workers;            /* created: worker[1 .. workers]                          */
    int threads;            /* of the region; 0: it is orphaned                       */
    fnn_body *body;         /* its work; NULL: workers are to end                     */
    void *self;
    int64_t brief_ns; /* when the last brief region ended                                 */
    atomic_int spin;  /* whether waiting threads have a processor each                    */
    /* the barrier */
    _Alignas(LINE) atomic_int arrived;
    atomic_int published; /* by the last barrier; atomic for those who are late to read */
    gate meeting;
    worker worker[FNN_MAX_THREADS];
} pool;

static _Thread_local char me;

static int own(void)
{
    uintptr_t none = 0;
    return atomic_compare_exchange_strong(&pool.owner, &none, (uintptr_t)&me);
}

static void disown(void) { atomic_store(&pool.owner, 0); }

static int spins(void) { return atomic_load_explicit(&pool.spin, memory_order_relaxed); }

int fnn_barrier(int threads, atomic_int *halt)
{
    if (threads == 1) return atomic_load(halt);
    if (pool.threads == 0) return FNN_ORPHANED;
    unsigned turn = atomic_load(&pool.meeting.turn);
    if (atomic_fetch_add(&pool.arrived, 1) + 1 < threads) {
        gate_wait(&pool.meeting, turn, spins());
    } else {
        atomic_store_explicit(&pool.published, atomic_load(halt), memory_order_relaxed);
        atomic_store_explicit(&pool.arrived, 0, memory_order_relaxed);
        gate_open(&pool.meeting);
    }
    return atomic_load_explicit(&pool.published, memory_order_relaxed);
}

static void take_part(fnn_body *body, void *self, int thread, int threads)
{
    atomic_int none = 0;
    unsigned mode = fnn_fpmode_enter();
    body(self, thread, threads);
    fnn_fpmode_leave(mode);
    fnn_barrier(threads, &none);
}

static fnn_thread_end worker_main(void *arg)
{
    worker *w = arg;
    for (unsigned turn = 0;; turn++) {
        gate_wait(&w->gate, turn, spins());
        if (!pool.body) return 0;
        take_part(pool.body, pool.self, (int)(w - pool.worker), pool.threads);
    }
}

/* Whether the worker could be created. */
static int hire(worker *w)
{
    gate_init(&w->gate);
    return fnn_thread_start(&w->id, STACK, worker_main, w);
}

static atomic_int crowded; /* whether teams may be larger than there are processors */

void fnn_crowd(int allowed) { atomic_store(&crowded, allowed); }

static void count_cpus(void)
{
    int64_t now = fnn_clock();
    if (pool.cpus && now - pool.asked_ns < ASK_NS) return;
    pool.cpus = fnn_cpu_count("");
    pool.asked_ns = now;
}

/* Creates the workers that are missing; returns the size of the team that can be had.  Threads that share
 * a processor wait for each other at every barrier, so there are not more of them than processors. */
static int muster(int threads)
{
    count_cpus();
    if (threads > pool.cpus && !atomic_load_explicit(&crowded, memory_order_relaxed))
        threads = pool.cpus;
    threads = threads < FNN_MAX_THREADS ? threads : FNN_MAX_THREADS;
    while (pool.workers + 1 < threads && hire(&pool.worker[pool.workers + 1])) pool.workers++;
    return threads < pool.workers + 1 ? threads : pool.workers + 1;
}

/* The owner's region. */
static int run_team(int threads, fnn_body *body, void *self)
{
    pool.body = body;
    pool.self = self;
    pool.threads = threads;
    atomic_store_explicit(&pool.spin, threads <= pool.cpus, memory_order_relaxed);
    for (int t = 1; t < threads; t++) gate_open(&pool.worker[t].gate);
    take_part(body, self, 0, threads);
    return pool.threads;
}

int fnn_parallel(int threads, fnn_body *body, void *self)
{
    int n = 1;
    if (threads > 1 && own()) {
        n = run_team(muster(threads), body, self);
        disown();
    } else {
        take_part(body, self, 0, 1);
    }
    return n;
}

/* The size of the team that is awake, of `threads` that could be had. */
static int awake(int threads)
{
    int n = 1;
    while (n < threads && atomic_load(&pool.worker[n].gate.sleepers) == 0) n++;
    return n;
}

/* What is asleep when one brief region closely follows another may be awake for a third. */
static void nudge_from(int begin, int end)
{
    if (fnn_clock() - pool.brief_ns < SPIN_NS)
        for (int t = begin; t < end; t++) gate_nudge(&pool.worker[t].gate);
}

int fnn_parallel_briefly(int threads, fnn_body *body, void *self)
{
    if (threads <= 1 || !own()) return fnn_parallel(1, body, self);
    int most = muster(threads), n = most <= pool.cpus ? awake(most) : 1;
    nudge_from(n, most);
    n = run_team(n, body, self);
    pool.brief_ns = fnn_clock();
    disown();
    return n;
}

/* ---- fork and exit ------------------------------------------------------------------------------ */

#if defined(_WIN32)
/* Nothing forks.  At exit the system ends the workers before it tells the module. */
__attribute__((constructor)) static void start(void) { gate_init(&pool.meeting); }
#else
/* In the child only the thread that forked is there, and locks are as the others left them. */
static void forget_workers(void)
{
    if (atomic_load(&pool.owner) != (uintptr_t)&me) {
        disown();
    } else if (pool.threads > 1) {
        pool.threads = 0;
    }
    pool.workers = pool.cpus = 0;
    atomic_store(&pool.arrived, 0);
    gate_init(&pool.meeting);
}

/* Where a child could not be told, no worker is ever created: the pool is owned by nobody. */
__attribute__((constructor)) static void start(void)
{
    gate_init(&pool.meeting);
    if (pthread_atfork(NULL, NULL, forget_workers)) atomic_store(&pool.owner, (uintptr_t)&pool);
}

/* At exit and dlclose no worker may be left in code that goes away.  The pool stays owned, so that who
 * calls later runs alone.  If a region is still running, in a thread that exit does not wait for, the
 * code stays until the process ends. */
__attribute__((destructor)) static void stop(void)
{
    if (!own()) return;
    pool.body = NULL;
    for (int t = 1; t <= pool.workers; t++) gate_open(&pool.worker[t].gate);
    for (int t = 1; t <= pool.workers; t++) fnn_thread_join(pool.worker[t].id);
    pool.workers = 0;
}
#endif

/* ---- how many threads --------------------------------------------------------------------------- */

static atomic_int chosen; /* 0: not yet */

/* The number that `text` is, or begins with before `separator`; 0 if it is no positive number. */
static int parse_threads(const char *text, char separator)
{
    char *end;
    long n = strtol(text, &end, 10);
    end += strspn(end, " \t");
    if (n <= 0 || (*end && *end != separator)) return 0;
    return n < FNN_MAX_THREADS ? (int)n : FNN_MAX_THREADS;
}

int fnn_default_threads(const char **variable)
{
    static const struct {
        const char *name;
        char separator;
    } sources[] = {{"FASTNN_NUM_THREADS", '\0'}, {"OMP_NUM_THREADS", ','}};
    for (int i = 0; i < 2; i++) {
        const char *text = getenv(*variable = sources[i].name);
        if (text && *text) return parse_threads(text, sources[i].separator);
    }
    int cpus = fnn_cpu_count("");
    return cpus < FNN_MAX_THREADS ? cpus : FNN_MAX_THREADS;
}

int fnn_num_threads(void)
{
    const char *variable;
    int n = atomic_load(&chosen), unset = 0;
    if (n) return n;
    n = fnn_default_threads(&variable);
    return atomic_compare_exchange_strong(&chosen, &unset, n) ? n : unset;
}

void fnn_set_num_threads(int threads)
{
    threads = threads > 0 ? threads : 0;
    atomic_store(&chosen, threads < FNN_MAX_THREADS ? threads : FNN_MAX_THREADS);
}
