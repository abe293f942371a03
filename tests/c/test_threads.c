/* test_threads.c: the pool (threads.c) and what the machine offers (cpu.c).
 *
 *   cc -std=c11 -O2 -g -Icsrc tests/c/test_threads.c csrc/threads.c csrc/cpu.c -pthread -o test_threads
 *
 *   ./test_threads [regions a team] [forks]     all checks; exit code 0 if all hold
 *   ./test_threads time                         prints what a region and a barrier cost
 *
 * Nothing forks under Windows and ThreadSanitizer, which do not support it, nor where RUN names an emulator:
 * qemu-user loses its own locks in the child.  valgrind does not flush denormals: test_fpmode fails. */
#define _GNU_SOURCE
#include "cpu.h"
#include "tables.h"
#include "threads.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/stat.h>
#include <sys/wait.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if defined(__SANITIZE_THREAD__) || defined(_WIN32)
enum { FORKS = 0 };
#else
enum { FORKS = 50 };
#endif

#define CHECK(truth) check(truth, #truth, __LINE__)
static void check(int truth, const char *text, int line)
{
    if (truth) return;
    fprintf(stderr, "test_threads.c:%d: %s does not hold\n", line, text);
    _exit(1);
}

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* ---- regions, barriers, halts ------------------------------------------------------------------- */

enum { MAX_TEAM = 8, STEPS = 4 };

/* A region of STEPS steps: each thread writes its cell and after the barrier reads its neighbour's.
 * Thread `halter` halts it in step `halt_step` with `code`. */
typedef struct {
    int halter, halt_step, code;
    atomic_int halt;
    struct {
        int stamp, wrong, left_step, left_code;
    } cell[MAX_TEAM];
} walk;

static void walk_body(void *self, int thread, int threads)
{
    walk *w = self;
    int step, code = 0, next = (thread + 1) % threads;
    for (step = 0; step < STEPS && !code; step++) {
        w->cell[thread].stamp = 2 * step + 1;
        if (thread == w->halter && step == w->halt_step) atomic_store(&w->halt, w->code);
        code = fnn_barrier(threads, &w->halt);
        w->cell[thread].wrong += w->cell[next].stamp != 2 * step + 1;
        if (!code) code = fnn_barrier(threads, &w->halt);
    }
    w->cell[thread].left_step = step;
    w->cell[thread].left_code = code;
}

typedef int parallel(int threads, fnn_body *body, void *self);

/* Runs one walk, checks it, and returns the number of threads it had. */
static int walk_by(parallel *way, int threads, unsigned number)
{
    walk w = {
        .halter = (int)(number % 11), .halt_step = (int)(number / 11 % (STEPS + 2)), .code = 7};
    int n = way(threads, walk_body, &w);
    int halted = w.halter < n && w.halt_step < STEPS;
    for (int t = 0; t < n; t++) {
        CHECK(w.cell[t].wrong == 0);
        CHECK(w.cell[t].left_code == (halted ? w.code : 0));
        CHECK(w.cell[t].left_step == (halted ? w.halt_step + 1 : STEPS));
    }
    return n;
}

static int walk_once(int threads, unsigned number)
{
    int n = walk_by(fnn_parallel, threads, number);
    CHECK(n == 1 || n == threads);
    return n;
}

/* Threads asleep, spinning and just nudged, brief regions among others: any team will do, of no
 * more threads than processors, and in the end one of several. */
static void test_brief(unsigned regions)
{
    int n = 1, cpus = fnn_cpu_count("");
    for (unsigned r = 0; r < regions; r++) {
        int most = 2 + (int)(r % 3);
        n = walk_by(fnn_parallel_briefly, most, r);
        CHECK(n >= 1 && n <= most && n <= cpus);
        if (r % 50 == 0) sleep_ms(1);
        if (r % 97 == 0) walk_once(4, r);
    }
    for (unsigned r = 0; n == 1 && cpus > 1; r++)
        n = walk_by(fnn_parallel_briefly, 2, r); /* until the alarm, should none ever come */
    CHECK(walk_by(fnn_parallel_briefly, 0, 0) == 1);
}

static void test_regions(unsigned regions)
{
    static const int teams[] = {1, 2, 3, 4, 8};
    for (size_t i = 0; i < sizeof teams / sizeof *teams; i++) {
        for (unsigned r = 0; r < regions; r++) CHECK(walk_once(teams[i], r) == teams[i]);
    }
    for (unsigned r = 0; r < regions / 10; r++) CHECK(walk_once(1 + (int)(r * 7 % 8), r) >= 1);
    CHECK(walk_once(0, 0) == 1 && fnn_parallel(-3, walk_body, &(walk){.halter = -1}) == 1);
}

/* Threads race to halt with their own codes at any time: whatever wins, all must agree. */
typedef struct {
    atomic_int halt;
    unsigned seed;
    int step[MAX_TEAM], code[MAX_TEAM];
} race;

static void race_body(void *self, int thread, int threads)
{
    race *r = self;
    unsigned x = r->seed * 2654435761U + (unsigned)thread * 40503U;
    while (!(r->code[thread] = fnn_barrier(threads, &r->halt))) {
        r->step[thread]++;
        x = x * 1664525U + 1013904223U;
        for (unsigned i = x >> 24; i > 0; i--) fnn_pause();
        if (x >> 29 == 0) atomic_store(&r->halt, thread + 1);
    }
}

static void test_racing_halts(unsigned regions)
{
    for (unsigned i = 0; i < regions; i++) {
        race r = {.seed = i};
        int n = fnn_parallel(2 + (int)(i % 3), race_body, &r);
        for (int t = 1; t < n; t++) CHECK(r.step[t] == r.step[0] && r.code[t] == r.code[0]);
        CHECK(r.code[0] >= 1 && r.code[0] <= n);
    }
}

static void nest_body(void *self, int thread, int threads)
{
    int *inner = self;
    inner[thread] = walk_once(3, (unsigned)(thread * threads));
}

static void test_nested(unsigned regions)
{
    for (unsigned r = 0; r < regions; r++) {
        int inner[4] = {0};
        CHECK(fnn_parallel(4, nest_body, inner) == 4);
        for (int t = 0; t < 4; t++) CHECK(inner[t] == 1);
    }
}

typedef struct {
    unsigned regions;
    int threads;
    atomic_int *stop; /* or after `regions`, if NULL */
    long alone, together;
} caller;

static void *caller_main(void *arg)
{
    caller *c = arg;
    for (unsigned r = 0; c->stop ? !atomic_load(c->stop) : r < c->regions; r++) {
        if (walk_once(c->threads, r) == 1) {
            c->alone++;
        } else {
            c->together++;
        }
    }
    return NULL;
}

static void test_two_callers(unsigned regions)
{
    caller a = {regions, 2, NULL, 0, 0}, b = {regions, 3, NULL, 0, 0};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, caller_main, &a) == 0);
    caller_main(&b);
    pthread_join(thread, NULL);
    CHECK(a.alone + a.together == (long)regions && b.alone + b.together == (long)regions);
    CHECK(a.together + b.together > 0);
    CHECK(walk_once(4, 0) == 4);
}

/* ---- floating-point mode ------------------------------------------------------------------------ */

static void tiny_body(void *self, int thread, int threads)
{
    int *kept = self;
    volatile float small = 1e-30f, denormal = 1e-40f, third = 1.0f / 3, one = 1,
                   product = small * 1e-10f;
    /* by its bits: a comparison would take a denormal for zero */
    int out = memcmp(&(float){product}, &(float){0}, sizeof(float)) != 0;
    kept[thread] = out || denormal * 1e10f != 0 || third != one / 3;
    (void)threads;
}

#if defined(__x86_64__)
static unsigned own_mode(void) { return _mm_getcsr(); }
static void set_mode(unsigned mode) { _mm_setcsr(mode); }
static const unsigned modes[] = {0x1f80, 0x9fc0, 0x7f80, 0x3f80};
#elif defined(__aarch64__)
static unsigned own_mode(void)
{
    unsigned mode = fnn_fpmode_enter();
    fnn_fpmode_leave(mode);
    return mode;
}
static void set_mode(unsigned mode) { fnn_fpmode_leave(mode); }
static const unsigned modes[] = {0, 1U << 24, 1U << 22, 3U << 22};
#endif

#if defined(__x86_64__) || defined(__aarch64__)
/* Inside, every thread flushes and rounds to nearest; outside, the caller keeps whatever it had. */
static void test_fpmode(void)
{
    for (int i = 0; i < 4; i++) {
        for (int threads = 1; threads <= 4; threads++) {
            int kept[4] = {0};
            set_mode(modes[i]);
            fnn_parallel(threads, tiny_body, kept);
            unsigned after = own_mode();
            set_mode(modes[0]);
            CHECK(after == modes[i]);
            for (int t = 0; t < threads; t++) CHECK(!kept[t]);
        }
    }
    int kept[1];
    tiny_body(kept, 0, 1);
    CHECK(kept[0]); /* that is, the check above can fail */
}
#else
static void test_fpmode(void) {}
#endif

/* ---- fork --------------------------------------------------------------------------------------- */

#if defined(_WIN32)
static void test_fork(unsigned forks) { (void)forks; }
#else
/* Whether the child ends with code 0 within 20 s. */
static int child_succeeds(pid_t child)
{
    int status;
    for (int ms = 0; ms < 20000; ms++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) && !WEXITSTATUS(status);
        sleep_ms(1);
    }
    kill(child, SIGKILL);
    return 0;
}

/* Forks a child that runs teams of its own and then ends the long way, so that destructors run. */
static void fork_once(unsigned number)
{
    pid_t child = fork();
    if (child == 0) {
        CHECK(walk_once(2 + (int)(number % 3), number) > 1);
        CHECK(walk_once(4, number + 1) == 4);
        exit(0);
    }
    CHECK(child > 0 && child_succeeds(child));
}

static void *fork_main(void *arg)
{
    const unsigned *forks = arg;
    for (unsigned i = 0; i < *forks; i++) fork_once(i);
    return NULL;
}

static void orphan_body(void *self, int thread, int threads)
{
    pid_t *child = self;
    atomic_int halt = 0;
    if (thread == 0) *child = fork();
    int code = fnn_barrier(threads, &halt);
    if (thread == 0 && *child == 0) CHECK(code == FNN_ORPHANED && walk_once(4, 0) == 1);
    if (thread == 0 && *child != 0) CHECK(code == 0);
}

static void test_fork(unsigned forks)
{
    pthread_t thread;
    atomic_int done = 0;
    caller busy = {0, 3, &done, 0, 0};
    for (unsigned i = 0; i < forks; i++) { /* idle; the parent goes on working */
        fork_once(i);
        CHECK(walk_once(3, i) == 3);
    }
    CHECK(pthread_create(&thread, NULL, fork_main, &forks) == 0); /* from another thread */
    pthread_join(thread, NULL);
    CHECK(walk_once(4, 0) == 4);

    CHECK(pthread_create(&thread, NULL, caller_main, &busy) == 0); /* while another is inside */
    fork_main(&forks);
    atomic_store(&done, 1);
    pthread_join(thread, NULL);
    CHECK(busy.together > 0 && walk_once(4, 0) == 4);

    for (unsigned i = 0; i < forks / 10; i++) { /* from inside */
        pid_t child;
        int n = fnn_parallel(3, orphan_body, &child);
        if (child == 0) {
            CHECK(n == 0 && walk_once(4, i) == 4);
            exit(0);
        }
        CHECK(n == 3 && child_succeeds(child) && walk_once(4, i) == 4);
    }
}
#endif

/* ---- numbers of threads and processors ---------------------------------------------------------- */

#if defined(_WIN32) /* which knows no variable that is empty */
static void set_variable(const char *name, const char *text) { _putenv_s(name, text ? text : ""); }
#else
static void set_variable(const char *name, const char *text)
{
    unsetenv(name);
    if (text) setenv(name, text, 1);
}
#endif

static void test_environment(void)
{
    static const struct {
        const char *fastnn, *omp;
        int threads; /* -1: by the machine */
        const char *variable;
    } cases[] = {
        {"3", NULL, 3, NULL},
        {"3", "5", 3, NULL},
        {NULL, "5", 5, NULL},
        {"", "5", 5, NULL},
        {NULL, "4,3,2", 4, NULL},
        {NULL, " 6 , 2", 6, NULL},
        {" 7 ", NULL, 7, NULL},
        {"100000", NULL, FNN_MAX_THREADS, NULL},
        {"99999999999999999999", NULL, FNN_MAX_THREADS, NULL},
        {NULL, NULL, -1, NULL},
        {"", "", -1, NULL},
        {"0", "5", 0, "FASTNN_NUM_THREADS"},
        {"-2", NULL, 0, "FASTNN_NUM_THREADS"},
        {"two", NULL, 0, "FASTNN_NUM_THREADS"},
        {"2x", NULL, 0, "FASTNN_NUM_THREADS"},
        {"2.5", NULL, 0, "FASTNN_NUM_THREADS"},
        {"4,2", NULL, 0, "FASTNN_NUM_THREADS"},
        {" ", NULL, 0, "FASTNN_NUM_THREADS"},
        {NULL, "all", 0, "OMP_NUM_THREADS"},
        {NULL, ",4", 0, "OMP_NUM_THREADS"},
        {NULL, "0,4", 0, "OMP_NUM_THREADS"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *variable = NULL;
        set_variable("FASTNN_NUM_THREADS", cases[i].fastnn);
        set_variable("OMP_NUM_THREADS", cases[i].omp);
        int want = cases[i].threads < 0 ? fnn_cpu_count("") : cases[i].threads;
        CHECK(fnn_default_threads(&variable) == want);
        if (cases[i].variable) CHECK(strcmp(variable, cases[i].variable) == 0);
        fnn_set_num_threads(0);
        CHECK(fnn_num_threads() == want);
    }
    fnn_set_num_threads(5);
    CHECK(fnn_num_threads() == 5);
    fnn_set_num_threads(100000);
    CHECK(fnn_num_threads() == FNN_MAX_THREADS);
    set_variable("FASTNN_NUM_THREADS", NULL);
    set_variable("OMP_NUM_THREADS", NULL);
    fnn_set_num_threads(-1);
    CHECK(fnn_num_threads() == fnn_cpu_count(""));
}

#if defined(__linux__)
static void write_file(const char *root, const char *path, const char *text)
{
    char full[512], *slash;
    snprintf(full, sizeof full, "%s%s", root, path);
    for (slash = strchr(full + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

/* What fnn_cpu_count would be without a quota is the machine's; a quota can only be seen below it.  So
 * 0 stands for "no quota binds", and a case that needs more processors than there are is capped. */
static void test_quota(void)
{
#define V2 "/sys/fs/cgroup"
#define V1 "/sys/fs/cgroup/cpu"
    static const struct {
        const char *cgroup;
        const char *file[6]; /* path, text, path, text, ... */
        int cpus;
    } cases[] = {
        {"0::/\n", {V2 "/cpu.max", "100000 100000\n"}, 1},
        {"0::/\n", {V2 "/cpu.max", "100001 100000\n"}, 2},
        {"0::/\n", {V2 "/cpu.max", "50000 100000\n"}, 1},
        {"0::/\n", {V2 "/cpu.max", "1000 100000\n"}, 1},
        {"0::/\n", {V2 "/cpu.max", "max 100000\n"}, 0},
        {"0::/\n", {V2 "/cpu.max", "rubbish\n"}, 0},
        {"0::/\n", {V2 "/cpu.max", "9223372036854775807 1\n"}, 0},
        {"0::/\n", {V2 "/cpu.max", ""}, 0},
        {"0::/a/b\n", {V2 "/a/b/cpu.max", "max 100000\n", V2 "/a/cpu.max", "90000 100000\n"}, 1},
        {"0::/a/b\n", {V2 "/a/b/cpu.max", "90000 100000\n", V2 "/a/cpu.max", "900000 100000\n"}, 1},
        {"0::/not/mounted\n", {V2 "/cpu.max", "70000 100000\n"}, 1},
        {"0::/a\n", {V2 "/ab/cpu.max", "70000 100000\n"}, 0},
        {"3:cpu,cpuacct:/j\n0::/\n",
         {V1 "/j/cpu.cfs_quota_us", "60000\n", V1 "/j/cpu.cfs_period_us", "100000\n"},
         1},
        {"3:cpuacct,cpu:/j\n",
         {V1 "/j/cpu.cfs_quota_us", "99999\n", V1 "/j/cpu.cfs_period_us", "100000\n"},
         1},
        {"3:cpu:/j\n",
         {V1 "/j/cpu.cfs_quota_us", "-1\n", V1 "/j/cpu.cfs_period_us", "100000\n"},
         0},
        {"3:cpu:/j\n", {V1 "/j/cpu.cfs_quota_us", "60000\n"}, 0},
        {"3:cpuset,cpuacct:/j\n",
         {V1 "/j/cpu.cfs_quota_us", "60000\n", V1 "/j/cpu.cfs_period_us", "100000\n"},
         0},
        {"9:name=systemd:/\n3:cpu:/docker/x\n",
         {V1 "/cpu.cfs_quota_us", "1\n", V1 "/cpu.cfs_period_us", "100000\n"},
         1},
        {"nonsense\n:\n::\n", {NULL}, 0},
        {"", {NULL}, 0},
    };
#undef V1
#undef V2
    const char *tmp = getenv("TMPDIR");
    char base[256], root[300], command[320];
    snprintf(base, sizeof base, "%s/test_threads.XXXXXX", tmp ? tmp : "/tmp");
    CHECK(mkdtemp(base) != NULL);
    int machine = fnn_cpu_count("/nowhere");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(root, sizeof root, "%s/%zu", base, i);
        mkdir(root, 0700);
        write_file(root, "/proc/self/cgroup", cases[i].cgroup);
        for (int f = 0; f < 6 && cases[i].file[f]; f += 2) {
            write_file(root, cases[i].file[f], cases[i].file[f + 1]);
        }
        int got = fnn_cpu_count(root), want = cases[i].cpus;
        if (got != (want && want < machine ? want : machine))
            fprintf(stderr, "quota case %zu: ", i);
        CHECK(got == (want && want < machine ? want : machine));
    }
    snprintf(command, sizeof command, "rm -r '%s'", base);
    CHECK(system(command) == 0);
}

/* A team is no larger than the processors that there are, which a child counts anew. */
static void test_one_cpu(void)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        fnn_crowd(0);
        _exit(walk_once(8, 1) != 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void test_affinity(void)
{
    cpu_set_t before, one;
    size_t cpu = 0;
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    CHECK(fnn_cpu_count("/nowhere") == CPU_COUNT(&before));
    while (!CPU_ISSET(cpu, &before)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(fnn_cpu_count("/nowhere") == 1);
    test_one_cpu();
    CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
}
#elif defined(_WIN32)
static void test_quota(void) {}
static void test_affinity(void)
{
    DWORD_PTR before, all;
    HANDLE self = GetCurrentProcess();
    CHECK(GetProcessAffinityMask(self, &before, &all));
    CHECK(fnn_cpu_count("") == __builtin_popcountll(before));
    CHECK(SetProcessAffinityMask(self, before & -before));
    CHECK(fnn_cpu_count("") == 1);
    CHECK(SetProcessAffinityMask(self, before));
}
#else
static void test_quota(void) {}
static void test_affinity(void) {}
#endif

static void test_isa(void)
{
    static const char *const suffixes[FNN_PRECISION_COUNT] = {"f32", "f64", "mixed"};
    char name[FNN_CPU_NAME];
    int count = fnn_isa_count(), best = count;
    for (int isa = count - 1; isa >= 0; isa--) {
        CHECK(fnn_isa_find(fnn_isa_name(isa)) == isa);
        best = fnn_isa_available(isa) ? isa : best;
        for (int precision = 0; precision < FNN_PRECISION_COUNT; precision++) {
            const fnn_table *table = fnn_isa_table(isa, (fnn_precision)precision);
            char name_type[32];
            snprintf(name_type, sizeof name_type, "%s_%s", fnn_isa_name(isa), suffixes[precision]);
            CHECK(table ? strcmp(table->isa, name_type) == 0 : precision < FNN_MIXED_BFLOAT16);
        }
    }
    CHECK(strcmp(fnn_isa_name(count - 1), "base") == 0 && fnn_isa_available(count - 1));
    CHECK(fnn_isa_find("") == -1 && fnn_isa_find("AVX2") == -1 && fnn_isa_find("sse9") == -1);
    CHECK(fnn_cpu_fma() || best == count - 1);
    memset(name, '#', sizeof name);
    fnn_cpu_name(name);
    CHECK(memchr(name, '\0', sizeof name) != NULL && name[0] != ' ');
    printf("cpu \"%s\", fma %d, best isa %s, processors %d\n", name, fnn_cpu_fma(),
           fnn_isa_name(best), fnn_cpu_count(""));
}

/* ---- cost --------------------------------------------------------------------------------------- */

static void empty_body(void *self, int thread, int threads)
{
    (void)self, (void)thread, (void)threads;
}

static void barriers_body(void *self, int thread, int threads)
{
    atomic_int halt = 0;
    for (int i = *(int *)self; i > 0; i--) fnn_barrier(threads, &halt);
    (void)thread;
}

/* Fraction of one processor that the process uses in `ms` while its pool is idle. */
static double idle_use(long ms)
{
    walk_once(4, 0);
    sleep_ms(5);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), real = seconds(CLOCK_MONOTONIC);
    sleep_ms(ms);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    return cpu / (seconds(CLOCK_MONOTONIC) - real);
}

static double least(double a, double b) { return b < a ? b : a; }

/* Best of 20 times, nanoseconds each. */
static void print_costs(void)
{
    enum { N = 2000 };
    for (int threads = 1; threads <= 4; threads++) {
        double region = 1e9, barrier = 1e9, rested = 1e9;
        for (int k = 0; k < 20; k++) {
            double t0 = seconds(CLOCK_MONOTONIC);
            for (int i = 0; i < N; i++) fnn_parallel(threads, empty_body, NULL);
            double t1 = seconds(CLOCK_MONOTONIC);
            fnn_parallel(threads, barriers_body, &(int){N});
            double t2 = seconds(CLOCK_MONOTONIC);
            sleep_ms(2);
            double t3 = seconds(CLOCK_MONOTONIC);
            fnn_parallel(threads, empty_body, NULL);
            double t4 = seconds(CLOCK_MONOTONIC);
            region = least(region, t1 - t0);
            barrier = least(barrier, t2 - t1);
            rested = least(rested, t4 - t3);
        }
        printf("%d threads: region %.0f ns, barrier %.0f ns, region after 2 ms of rest %.0f ns\n",
               threads, region / N * 1e9, barrier / N * 1e9, rested * 1e9);
    }
    printf("idle: %.4f %% of a processor\n", 100 * idle_use(1000));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "time") == 0) {
        print_costs();
        return 0;
    }
    setvbuf(stdout, NULL, _IONBF, 0); /* or children of fork would print again what waits in it */
    unsigned regions = argc > 1 ? (unsigned)atoi(argv[1]) : 2000;
    const char *emulator = getenv("RUN"); /* of tests/c/run */
    unsigned forks = argc > 2 ? (unsigned)atoi(argv[2]) : FORKS;
    if (emulator && *emulator) forks = 0;
#if !defined(_WIN32)
    alarm(300 + regions / 100); /* seconds: a hang is a failure */
#endif
    fnn_crowd(1);
    test_isa();
    test_environment();
    test_quota();
    test_affinity();
    test_fpmode();
    test_regions(regions);
    test_brief(regions);
    test_racing_halts(regions);
    test_nested(regions);
    test_two_callers(regions);
    if (forks) test_fork(forks);
    CHECK(idle_use(500) < 0.5); /* a pool that spun would use a processor or more */
    printf("ok: %u regions a team, %u forks\n", regions, forks);
    return 0;
}
