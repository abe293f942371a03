/* cpu.c: asks the machine what it offers.
 *
 * An instruction set counts as available only if the CPU has every extension its kernels are compiled
 * for and the operating system saves the registers (XGETBV); so a wrong answer is never SIGILL.  CPUID
 * is asked directly: the compilers' own helpers need a run-time library that not all of them link. */
#define _GNU_SOURCE
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <unistd.h>
#endif

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

/* ---- instruction sets --------------------------------------------------------------------------- */

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct {
    unsigned eax, ebx, ecx, edx;
} cpuid_leaf;

/* All zero if the CPU does not know the leaf. */
static cpuid_leaf cpuid_of(unsigned leaf, unsigned subleaf)
{
    cpuid_leaf r = {0, 0, 0, 0};
    __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
    return r;
}

static cpuid_leaf cpuid(unsigned leaf) { return cpuid_of(leaf, 0); }

/* Whether the operating system saves all the register states in `mask` (XCR0); needs OSXSAVE. */
static int os_saves(unsigned mask)
{
    unsigned low, high;
    if (!(cpuid(1).ecx & 1U << 27)) return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & mask) == mask;
}

int fnn_cpu_fma(void)
{
    unsigned need = 1U << 12 | 1U << 28; /* FMA, AVX */
    return (cpuid(1).ecx & need) == need && os_saves(0x6);
}

static int has_avx2(void) { return fnn_cpu_fma() && cpuid(7).ebx & 1U << 5; }

static int has_avx512(void)
{
    unsigned need = 1U << 16 | 1U << 17 | 1U << 30 | 1U << 31; /* F, DQ, BW, VL */
    return has_avx2() && (cpuid(7).ebx & need) == need && os_saves(0xe6);
}

#if FNN_HAS_AMX && defined(__linux__)
/* Linux hands the 8 KiB of tile registers only to processes that ask.  Signals need more stack from then
 * on, so nobody asks before a program has bfloat16 to multiply. */
static int has_amx(void)
{
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    unsigned need = 1U << 22 | 1U << 24; /* AMX-BF16, AMX-TILE */
    return has_avx512() && cpuid_of(7, 1).eax & 1U << 5 /* AVX512-BF16 */ &&
           (cpuid(7).edx & need) == need && os_saves(0x600e6) &&
           syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

extern const fnn_table fnn_table_amx_mixed;
#define PRODUCTS_ONLY {"amx", has_amx, {NULL, NULL, &fnn_table_amx_mixed}},
#endif

#define ISAS(ROW) ROW(avx512) ROW(avx2) ROW(base)
#elif defined(__aarch64__)
int fnn_cpu_fma(void) { return 1; }
static int has_neon(void) { return 1; }
#define ISAS(ROW) ROW(neon) ROW(base)
#else
int fnn_cpu_fma(void) { return 0; }
#define ISAS(ROW) ROW(base)
#endif

#if !defined(PRODUCTS_ONLY)
#define PRODUCTS_ONLY
#endif

static int has_base(void) { return 1; }

/* ROW(avx2) declares the tables of isa/avx2_f32.c, avx2_f64.c and avx2_mixed.c, then makes the row
 * {"avx2", has_avx2, {&fnn_table_avx2_f32, &fnn_table_avx2_f64, &fnn_table_avx2_mixed}}. */
#define TABLE(name, precision) fnn_table_##name##_##precision
#define ROW(name) extern const fnn_table TABLE(name, f32), TABLE(name, f64), TABLE(name, mixed);
ISAS(ROW)
#undef ROW
#define ROW(name) {#name, has_##name, {&TABLE(name, f32), &TABLE(name, f64), &TABLE(name, mixed)}},
static const struct {
    const char *name;
    int (*available)(void);
    const fnn_table *table[FNN_PRECISION_COUNT];
} isas[] = {PRODUCTS_ONLY ISAS(ROW)};
#undef ROW
#undef TABLE
#undef ISAS
#undef PRODUCTS_ONLY

int fnn_isa_count(void) { return (int)(sizeof isas / sizeof *isas); }
const char *fnn_isa_name(int isa) { return isas[isa].name; }
int fnn_isa_available(int isa) { return isas[isa].available() != 0; }

const fnn_table *fnn_isa_table(int isa, fnn_precision precision)
{
    return isas[isa].table[precision];
}

int fnn_isa_find(const char *name)
{
    int isa = fnn_isa_count() - 1;
    while (isa >= 0 && strcmp(isas[isa].name, name) != 0) isa--;
    return isa;
}

/* ---- the CPU's name ----------------------------------------------------------------------------- */

/* `text` without the blanks around it, cut to fit. */
static void copy_trimmed(char name[FNN_CPU_NAME], const char *text)
{
    text += strspn(text, " \t");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\n", text[n - 1])) n--;
    snprintf(name, FNN_CPU_NAME, "%.*s", (int)(n < FNN_CPU_NAME ? n : FNN_CPU_NAME - 1), text);
}

#if defined(__x86_64__)
void fnn_cpu_name(char name[FNN_CPU_NAME])
{
    char text[3 * sizeof(cpuid_leaf) + 1] = "";
    for (unsigned i = 0; i < 3; i++) {
        cpuid_leaf part = cpuid(0x80000002U + i);
        memcpy(text + i * sizeof part, &part, sizeof part);
    }
    copy_trimmed(name, text);
}
#elif defined(__APPLE__)
void fnn_cpu_name(char name[FNN_CPU_NAME])
{
    char text[256] = "";
    size_t size = sizeof text - 1;
    copy_trimmed(name, sysctlbyname("machdep.cpu.brand_string", text, &size, NULL, 0) ? "" : text);
}
#else
void fnn_cpu_name(char name[FNN_CPU_NAME])
{
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    name[0] = '\0';
    while (file && !name[0] && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        if (colon && strncmp(line, "model name", 10) == 0) copy_trimmed(name, colon + 1);
    }
    if (file) fclose(file);
}
#endif

/* ---- processors --------------------------------------------------------------------------------- */

enum { NO_QUOTA = 1 << 20, PATH_SIZE = 4096 };

/* Reads the first line of root/dir/cgroup/name; 0 if that cannot be. */
static int read_line(const char *root, const char *dir, const char *cgroup, const char *name,
                     char line[64])
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s%s%s/%s", root, dir, cgroup, name);
    FILE *file = n < (int)sizeof path ? fopen(path, "r") : NULL;
    int got = file && fgets(line, 64, file);
    if (file) fclose(file);
    return got;
}

/* ceil(quota / period) in processors; no number, 0 or -1 is no quota. */
static int quota_cpus(const char *quota, const char *period)
{
    double cpus, us = strtod(quota, NULL), per = strtod(period, NULL);
    if (!(us > 0 && per > 0)) return NO_QUOTA;
    cpus = us / per;
    return cpus < (double)NO_QUOTA ? (int)cpus + ((int)cpus < cpus) : NO_QUOTA;
}

/* Version 2 writes "quota period" or "max period" in one file. */
static int quota_v2(const char *root, const char *cgroup)
{
    char line[64];
    if (!read_line(root, "/sys/fs/cgroup", cgroup, "cpu.max", line)) return NO_QUOTA;
    return quota_cpus(line, line + strcspn(line, " "));
}

static int quota_v1(const char *root, const char *cgroup)
{
    static const char dir[] = "/sys/fs/cgroup/cpu";
    char quota[64], period[64];
    if (!read_line(root, dir, cgroup, "cpu.cfs_quota_us", quota)) return NO_QUOTA;
    if (!read_line(root, dir, cgroup, "cpu.cfs_period_us", period)) return NO_QUOTA;
    return quota_cpus(quota, period);
}

/* The least quota of `cgroup` (which is cut up) and its ancestors: each of them binds.  In a container
 * the named group is often not mounted and the root stands for it, so the walk does not stop early. */
static int least_quota(const char *root, char *cgroup, int (*quota)(const char *, const char *))
{
    int least = NO_QUOTA;
    for (char *cut = cgroup + strlen(cgroup); cut; cut = strrchr(cgroup, '/')) {
        *cut = '\0';
        int cpus = quota(root, cgroup);
        least = cpus < least ? cpus : least;
    }
    return least;
}

/* Whether "a,b,c" has `cpu` among its names. */
static int names_cpu(const char *list)
{
    for (; *list; list += strcspn(list, ","), list += *list == ',') {
        if (strcspn(list, ",") == 3 && strncmp(list, "cpu", 3) == 0) return 1;
    }
    return 0;
}

/* The quota that a line "id:controllers:/group" of /proc/self/cgroup leads to.  Version 2 is the
 * line without controllers. */
static int line_quota(const char *root, char *line)
{
    char *controllers = strchr(line, ':'), *cgroup = strrchr(line, '\n');
    if (cgroup) *cgroup = '\0';
    cgroup = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!cgroup) return NO_QUOTA;
    *cgroup++ = '\0';
    if (!controllers[1]) return least_quota(root, cgroup, quota_v2);
    return names_cpu(controllers + 1) ? least_quota(root, cgroup, quota_v1) : NO_QUOTA;
}

static int cgroup_quota(const char *root)
{
    char line[PATH_SIZE];
    int least = NO_QUOTA;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "r");
    while (file && fgets(line, sizeof line, file)) {
        int cpus = line_quota(root, line);
        least = cpus < least ? cpus : least;
    }
    if (file) fclose(file);
    return least;
}

/* Not the number of processors online: MPI launchers and containers bind a process to a few of them. */
static int affinity_count(void)
{
#if defined(_WIN32)
    DWORD_PTR allowed = 0, all;
    GetProcessAffinityMask(GetCurrentProcess(), &allowed, &all);
    if (allowed) return __builtin_popcountll(allowed); /* 0: of several groups of processors */
    return (int)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
#else
#if defined(__linux__)
    cpu_set_t set[8]; /* 8192 processors; one cpu_set_t fails on machines with more than 1024 */
    if (sched_getaffinity(0, sizeof set, set) == 0) return CPU_COUNT_S(sizeof set, set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
}

int fnn_cpu_count(const char *root)
{
    int cpus = affinity_count(), quota = cgroup_quota(root);
    cpus = quota < cpus ? quota : cpus;
    return cpus > 1 ? cpus : 1;
}
