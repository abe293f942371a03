/* cpu.h: what the machine offers (instruction sets, processors) and how a thread treats tiny numbers. */
#ifndef FNN_CPU_H
#define FNN_CPU_H

#include "fnn.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* The instruction sets this build has kernels for, best first; the last is `base`, which every CPU
 * runs.  `isa` is an index, 0 <= isa < fnn_isa_count(). */
int fnn_isa_count(void);
const char *fnn_isa_name(int isa);
int fnn_isa_available(int isa);     /* whether this CPU and its system run it */
int fnn_isa_find(const char *name); /* -1: there is none of that name          */

/* NULL: it has no kernels of that precision (AMX multiplies bfloat16, and that is all). */
const fnn_table *fnn_isa_table(int isa, fnn_precision precision);

/* Whether the CPU has fused multiply-add. */
int fnn_cpu_fma(void);

/* The CPU's own name, "" where it does not tell. */
enum { FNN_CPU_NAME = 64 };
void fnn_cpu_name(char name[FNN_CPU_NAME]);

/* Processors this process may keep busy, at least 1: its affinity mask, capped by its cgroups' quota
 * rounded up.  `root` stands before /proc and /sys: "", or the directory of a test's fixture. */
int fnn_cpu_count(const char *root);

/* Sets this thread's floating-point mode to the one kernels are defined in: denormals are zero on the
 * way in and out, rounding to nearest, no traps.  The whole mode is set, not two bits of it, because a
 * pool thread inherits the mode of whoever created it.  Returns the mode to leave to. */
static inline unsigned fnn_fpmode_enter(void);
static inline void fnn_fpmode_leave(unsigned previous);

/* Tells the CPU that a loop waits for another thread. */
static inline void fnn_pause(void);

#if defined(__x86_64__)
static inline void fnn_fpmode_leave(unsigned previous) { _mm_setcsr(previous); }
static inline unsigned fnn_fpmode_enter(void)
{
    unsigned previous = _mm_getcsr();
    _mm_setcsr(0x9fc0); /* FTZ 0x8000, all exceptions masked 0x1f80, DAZ 0x0040 */
    return previous;
}
static inline void fnn_pause(void) { _mm_pause(); }
#elif defined(__aarch64__)
static inline void fnn_fpmode_leave(unsigned previous)
{
    __asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)previous) : "memory");
}
static inline unsigned fnn_fpmode_enter(void)
{
    uint64_t previous;
    __asm__ volatile("mrs %0, fpcr" : "=r"(previous)::"memory");
    fnn_fpmode_leave(1U << 24); /* FZ, the only bit */
    return (unsigned)previous;
}
/* yield is a no-op on most cores; isb holds the thread for some tens of cycles */
static inline void fnn_pause(void) { __asm__ volatile("isb" ::: "memory"); }
#else
static inline void fnn_fpmode_leave(unsigned previous) { (void)previous; }
static inline unsigned fnn_fpmode_enter(void) { return 0; }
static inline void fnn_pause(void) {}
#endif

#endif
