/* os.h: what the core needs of the operating system: locks, signals, threads, a clock, aligned memory.
 *
 * Whoever includes it under POSIX defines _POSIX_C_SOURCE.  A lock is not recursive; a wait may end without
 * a signal. */
#ifndef FNN_OS_H
#define FNN_OS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <malloc.h>
#include <process.h>
#undef near
#undef far /* fnn_op has one */

typedef SRWLOCK fnn_lock;
#define FNN_LOCK_INIT SRWLOCK_INIT
static inline void fnn_lock_init(fnn_lock *lock) { InitializeSRWLock(lock); }
static inline void fnn_lock_take(fnn_lock *lock) { AcquireSRWLockExclusive(lock); }
static inline void fnn_lock_give(fnn_lock *lock) { ReleaseSRWLockExclusive(lock); }

typedef CONDITION_VARIABLE fnn_signal;
static inline void fnn_signal_init(fnn_signal *s) { InitializeConditionVariable(s); }
static inline void fnn_signal_all(fnn_signal *s) { WakeAllConditionVariable(s); }
static inline void fnn_signal_wait(fnn_signal *s, fnn_lock *lock)
{
    SleepConditionVariableSRW(s, lock, INFINITE, 0);
}

typedef HANDLE fnn_thread;
typedef unsigned fnn_thread_end; /* what its function returns: 0 */

/* The module stays from then on: code that a thread runs must not go away. */
static inline int fnn_thread_start(fnn_thread *thread, unsigned stack,
                                   fnn_thread_end (*run)(void *), void *self)
{
    HMODULE module;
    DWORD how = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    if (!GetModuleHandleExW(how, (LPCWSTR)(uintptr_t)run, &module)) return 0;
    *thread =
        (HANDLE)_beginthreadex(NULL, stack, run, self, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return *thread != NULL;
}

static inline int64_t fnn_clock(void)
{
    LARGE_INTEGER now, second;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&second);
    int64_t whole = now.QuadPart / second.QuadPart, rest = now.QuadPart % second.QuadPart;
    return whole * 1000000000 + rest * 1000000000 / second.QuadPart;
}

static inline void *fnn_memory_take(size_t bytes) { return _aligned_malloc(bytes, 64); }
static inline void fnn_memory_give(void *memory) { _aligned_free(memory); }

#else
#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef pthread_mutex_t fnn_lock;
#define FNN_LOCK_INIT PTHREAD_MUTEX_INITIALIZER
static inline void fnn_lock_init(fnn_lock *lock) { pthread_mutex_init(lock, NULL); }
static inline void fnn_lock_take(fnn_lock *lock) { pthread_mutex_lock(lock); }
static inline void fnn_lock_give(fnn_lock *lock) { pthread_mutex_unlock(lock); }

typedef pthread_cond_t fnn_signal;
static inline void fnn_signal_init(fnn_signal *s) { pthread_cond_init(s, NULL); }
static inline void fnn_signal_all(fnn_signal *s) { pthread_cond_broadcast(s); }
static inline void fnn_signal_wait(fnn_signal *s, fnn_lock *lock) { pthread_cond_wait(s, lock); }

typedef pthread_t fnn_thread;
typedef void *fnn_thread_end;
static inline void fnn_thread_join(fnn_thread thread) { pthread_join(thread, NULL); }

/* What signals a thread leaves to the program's own threads: all but those that tell of its own
 * crash, so that Python's faulthandler can. */
static inline void fnn_foreign_signals(sigset_t *set)
{
    static const int own_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++)
        sigdelset(set, own_faults[i]);
}

/* Whether the thread could be created. */
static inline int fnn_thread_start(fnn_thread *thread, unsigned stack,
                                   fnn_thread_end (*run)(void *), void *self)
{
    sigset_t blocked, before;
    pthread_attr_t attr;
    if (pthread_attr_init(&attr)) return 0;
    pthread_attr_setstacksize(&attr, stack);
    fnn_foreign_signals(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int error = pthread_create(thread, &attr, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return !error;
}

/* Nanoseconds of a clock that only goes forward. */
static inline int64_t fnn_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* At a multiple of 64, not cleared; NULL when there is none. */
static inline void *fnn_memory_take(size_t bytes)
{
    void *memory = NULL;
    return posix_memalign(&memory, 64, bytes) ? NULL : memory;
}
static inline void fnn_memory_give(void *memory) { free(memory); }
#endif

#endif
