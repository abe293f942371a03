/* program.c: the walk over a program's ops, once per batch. */
#define _POSIX_C_SOURCE 200809L
#include "program.h"

#include <string.h>

#include "cpu.h"
#include "os.h"
#include "random.h"
#include "threads.h"

/* The run's own reason to leave a region, besides those of fnn_status: the next step has another
 * number of rows, for which the ops' sizes must be resolved anew. */
enum { RESIZE = FNN_STOP + 1 };

enum { POLL_NS = 20 * 1000 * 1000 };

int64_t fnn_now(void) { return fnn_clock(); }

static _Atomic int64_t allowed = -1;

void fnn_alloc_limit(int64_t allocations) { atomic_store(&allowed, allocations); }

/* Takes one of the allocations that are allowed; returns whether there was one. */
static int allow(void)
{
    int64_t left = atomic_load_explicit(&allowed, memory_order_relaxed);
    return left < 0 || (left > 0 && atomic_compare_exchange_strong(&allowed, &left, left - 1));
}

void *fnn_alloc(int64_t bytes)
{
    return bytes < 0 || !allow() ? NULL : fnn_memory_take((size_t)bytes);
}

void fnn_free(void *memory) { fnn_memory_give(memory); }

/* ---- building -------------------------------------------------------------------------------- */

static int grow(fnn_program *program)
{
    int64_t capacity = program->capacity ? 2 * program->capacity : 16;
    fnn_op *ops = fnn_alloc(capacity * (int64_t)sizeof *ops);
    if (!ops) return -1;
    if (program->count) memcpy(ops, program->ops, (size_t)program->count * sizeof *ops);
    fnn_free(program->ops);
    program->ops = ops;
    program->capacity = capacity;
    return 0;
}

static fnn_kernel *kernel_of(const fnn_table *table, fnn_opcode code)
{
    while (!table->kernel[code] && table->rest) table = table->rest;
    return table->kernel[code];
}

int64_t fnn_program_add(fnn_program *program, const fnn_table *table, const fnn_op *op)
{
    if (program->count == program->capacity && grow(program)) return -1;
    fnn_op *added = &program->ops[program->count];
    *added = *op;
    memcpy(added->dim, op->base, sizeof added->dim);
    added->kernel = kernel_of(table, op->code);
    added->shared = op->shared && added->kernel; /* reshape, without a kernel, only names memory */
    added->index = (int32_t)program->count;
    return program->count++;
}

static int any_shared(const fnn_program *program)
{
    for (int64_t i = 0; i < program->count; i++)
        if (program->ops[i].shared) return 1;
    return 0;
}

int fnn_program_finish(fnn_program *program, int threads)
{
    program->rows = -1;
    program->threads = any_shared(program) ? threads : 1;
    program->scratch = fnn_alloc((int64_t)program->threads * FNN_SCRATCH);
    return program->scratch ? 0 : -1;
}

void fnn_program_free(fnn_program *program)
{
    fnn_free(program->ops);
    fnn_free(program->scratch);
    fnn_free(program->lent);
    fnn_free(program->elapsed_ns);
    memset(program, 0, sizeof *program);
}

void fnn_program_lend(fnn_program *program, int array, void *at)
{
    for (fnn_lent *l = program->lent; l < program->lent + program->lents; l++)
        if (l->array == array) l->at = at;
}

/* ---- what kernels may call ------------------------------------------------------------------- */

static void halt(fnn_run *run, int reason)
{
    int none = 0;
    atomic_compare_exchange_strong(&run->halt, &none, reason);
}

void fnn_refuse(fnn_run *run, const fnn_op *op, fnn_fault_kind kind, int64_t row, double value)
{
    static fnn_lock lock = FNN_LOCK_INIT;
    fnn_fault *known = &run->fault;
    fnn_lock_take(&lock);
    if (!known->kind || op->index < known->op || (op->index == known->op && row < known->row))
        *known = (fnn_fault){kind, op->index, row, value};
    fnn_lock_give(&lock);
    halt(run, FNN_FAULT);
}

static void poll(fnn_run *run)
{
    int64_t now = fnn_now();
    if (now - run->polled_ns < POLL_NS) return;
    run->polled_ns = now;
    fnn_fpmode_leave(run->fpmode); /* Python computes in its own floating-point mode */
    if (run->callbacks.poll(run->callbacks.self)) halt(run, FNN_STOP);
    fnn_fpmode_enter();
}

int fnn_poll(const fnn_task *task)
{
    if (task->thread == 0) poll(task->run);
    return atomic_load_explicit(&task->run->halt, memory_order_relaxed) == FNN_STOP;
}

void fnn_meet(const fnn_task *task)
{
    if (task->threads > 1) fnn_barrier(task->threads, &task->run->halt);
}

void fnn_python_call(const fnn_op *op, const fnn_task *task)
{
    fnn_run *run = task->run;
    if (task->thread) return;
    fnn_fpmode_leave(run->fpmode);
    if (run->callbacks.call(run->callbacks.self, op, run->rows)) halt(run, FNN_STOP);
    fnn_fpmode_enter();
}

/* ---- the walk -------------------------------------------------------------------------------- */

typedef struct {
    fnn_program *program;
    fnn_run *run;
    int64_t pc; /* where the region begins */
} walk_start;

static void set_rows(fnn_program *program, int64_t rows)
{
    if (program->rows == rows) return;
    program->rows = rows;
    for (fnn_op *op = program->ops; op < program->ops + program->count; op++)
        for (int d = 0; op->scaled >> d; d++)
            if (op->scaled >> d & 1) op->dim[d] = op->base[d] * rows;
}

/* The step that begins at row `first` of the caller's arrays finds its rows there. */
static void set_first(fnn_program *program, int64_t first)
{
    for (const fnn_lent *l = program->lent; l < program->lent + program->lents; l++)
        program->ops[l->op].arg[l->operand] = l->at + first * l->row_bytes;
}

static int64_t rows_of_step(const fnn_run *run)
{
    int64_t left = run->total - run->first;
    return left < run->batch ? left : run->batch;
}

/* Whether op i, or the end of the step for i = count, needs the other threads. */
static int is_shared(const fnn_program *program, int64_t i)
{
    return i < program->count && program->ops[i].shared;
}

/* The op that comes after op i.  What stands between `every` and `resume` is left out of a step unless it is
 * due.  All threads find the same: `every` has barriers around it where threads share ops. */
static int64_t op_after(const fnn_program *program, int64_t i)
{
    if (i == program->count) return 0;
    const fnn_op *op = &program->ops[i++];
    if (op->code != FNN_OP_every) return i;
    const int64_t *step = op->arg[0];
    if ((step[0] + 1) % (int64_t)op->attr[0] == 0) return i;
    while (i < program->count && program->ops[i].code != FNN_OP_resume) i++;
    return i;
}

static int is_slice_over(const fnn_run *run)
{
    return run->slice_ns && fnn_now() - run->began_ns > run->slice_ns;
}

/* Thread 0, alone: the step is over. */
static void end_step(fnn_program *program, fnn_run *run, int64_t *steps_to_clock)
{
    run->first += run->rows;
    run->pc = 0;
    set_first(program, run->first);
    if (run->first >= run->total)
        halt(run, RESIZE); /* the caller of the region sees that nothing is left */
    else if (rows_of_step(run) != run->rows)
        halt(run, RESIZE);
    else if (--*steps_to_clock <= 0) {
        *steps_to_clock = program->clock_every;
        if (is_slice_over(run)) halt(run, FNN_SLICE);
    }
}

/* Thread 0 executes op i, or ends the step.  An op that is its alone it leaves out if the run has been
 * told to halt since the last barrier; run->pc stays at the first op that was not executed.  A shared op
 * it never leaves out: the others are at it.  From the first op that changes the weights on nothing
 * interrupts a step: it is done as a whole or not at all. */
static void lead(const walk_start *start, const fnn_task *task, int64_t i, int64_t *steps_to_clock)
{
    fnn_task alone = {task->run, 0, 1, task->scratch};
    fnn_program *program = start->program;
    fnn_run *run = start->run;
    if (!is_shared(program, i) && atomic_load_explicit(&run->halt, memory_order_relaxed)) return;
    if (i == program->count) {
        end_step(program, run, steps_to_clock);
        return;
    }
    const fnn_op *op = &program->ops[i];
    run->pc = op_after(program, i);
    if (op->kernel) op->kernel(op, op->shared ? task : &alone);
    if (op->shared && i < program->commit) poll(run);
}

/* Everything on one thread: nobody to wait for. */
static void walk_alone(const walk_start *start)
{
    fnn_program *program = start->program;
    fnn_run *run = start->run;
    fnn_task task = {run, 0, 1, program->scratch};
    int64_t steps_to_clock = program->clock_every;
    for (int64_t i = start->pc; !atomic_load_explicit(&run->halt, memory_order_relaxed);) {
        if (i == program->count) {
            end_step(program, run, &steps_to_clock);
            i = 0;
            continue;
        }
        const fnn_op *op = &program->ops[i];
        int64_t began = program->elapsed_ns ? fnn_now() : 0;
        run->pc = i = op_after(program, i);
        if (op->kernel) op->kernel(op, &task);
        if (began) program->elapsed_ns[op->index] += fnn_now() - began;
        if (op->shared && i <= program->commit) poll(run);
    }
}

static void walk(void *self, int thread, int threads)
{
    const walk_start *start = self;
    fnn_program *program = start->program;
    fnn_run *run = start->run;
    fnn_task task = {run, thread, threads, program->scratch + (int64_t)thread * FNN_SCRATCH};
    if (threads == 1) {
        walk_alone(start);
        return;
    }
    int64_t steps_to_clock = program->clock_every;
    for (int64_t i = start->pc;;) {
        int64_t next = op_after(program, i);
        int64_t began = program->elapsed_ns && i < program->count ? fnn_now() : 0;
        if (thread == 0)
            lead(start, &task, i, &steps_to_clock);
        else if (is_shared(program, i))
            program->ops[i].kernel(&program->ops[i], &task);
        int halted = 0;
        if (is_shared(program, i) || is_shared(program, next))
            halted = fnn_barrier(threads, &run->halt);
        if (began && thread == 0) program->elapsed_ns[i] += fnn_now() - began;
        if (halted) return;
        i = next;
    }
}

int fnn_next_epoch(fnn_run *run)
{
    fnn_epochs *epochs = &run->epochs;
    size_t bytes = (size_t)epochs->count * sizeof *epochs->totals;
    if (run->epoch >= epochs->last) return 0;
    memcpy(epochs->log, epochs->totals, bytes);
    memcpy(epochs->totals, epochs->fresh, bytes);
    epochs->log += epochs->count;
    run->epoch++;
    run->first = 0;
    if (epochs->order) fnn_permutation(run->seed, run->epoch, epochs->samples, epochs->order);
    return 1;
}

fnn_status fnn_program_run(fnn_program *program, fnn_run *run)
{
    run->began_ns = run->polled_ns = fnn_now();
    run->fpmode = fnn_fpmode_enter();
    fnn_fpmode_leave(run->fpmode);
    for (;;) {
        if (run->pc == 0) {
            if (run->first >= run->total) {
                if (!fnn_next_epoch(run)) return FNN_DONE;
                if (is_slice_over(run)) return FNN_SLICE;
            }
            run->rows = rows_of_step(run);
        }
        set_rows(program, run->rows);
        set_first(program, run->first);
        atomic_store(&run->halt, 0);
        walk_start start = {program, run, run->pc};
        int team =
            (program->brief ? fnn_parallel_briefly : fnn_parallel)(program->threads, walk, &start);
        int reason = atomic_load(&run->halt);
        if (team == 0) return FNN_STOP;
        if (reason != RESIZE) return (fnn_status)reason;
    }
}
