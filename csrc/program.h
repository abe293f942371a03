/* program.h: a bound program and the walk over its ops. */
#ifndef FNN_PROGRAM_H
#define FNN_PROGRAM_H

#include "fnn.h"

/* An operand that is an array of the caller.  Its row `first` of the array is row 0 of a step, so that it
 * is read or written where it lies. */
typedef struct {
    int64_t op;
    int operand;
    int array;         /* which of the caller's                              */
    int64_t row_bytes; /* from row to row; 0: the kernel finds rows by itself */
    unsigned char *at; /* the array                                          */
} fnn_lent;

/* A list of bound ops.  All threads of a run walk the list together; an op that is not shared is done
 * by thread 0 while the others wait at the next barrier. */
typedef struct {
    fnn_op *ops;
    int64_t count;
    int64_t capacity;
    int64_t rows;           /* rows that op.dim is resolved for, -1: none yet              */
    int64_t clock_every;    /* steps between two looks at the clock: about 100 us of work   */
    int64_t commit;         /* the first op that changes weights, or count                 */
    int threads;            /* threads wanted                                              */
    int brief;              /* whether a run is too short to wake any                      */
    fnn_lent *lent;         /* the operands that are the caller's, of fnn_alloc            */
    int64_t lents;          /* their number                                                */
    unsigned char *scratch; /* threads * FNN_SCRATCH bytes                                 */
    int64_t *elapsed_ns;    /* time spent in each op, where it is profiled; else NULL       */
} fnn_program;

/* The one seam for the core's memory.  64-byte aligned, not cleared; NULL when there is none. */
void *fnn_alloc(int64_t bytes);
void fnn_free(void *memory);

/* For tests: lets so many allocations succeed and refuses all after them; -1 refuses none. */
void fnn_alloc_limit(int64_t allocations);

/* Appends an op, its kernel taken from `table`; returns its index, or -1: no memory. */
int64_t fnn_program_add(fnn_program *program, const fnn_table *table, const fnn_op *op);

/* Makes the program, whose clock_every, commit and lent are set, ready to run on at most `threads` threads;
 * returns 0, or -1: no memory. */
int fnn_program_finish(fnn_program *program, int threads);

void fnn_program_free(fnn_program *program);

/* Lends the program one of the caller's arrays, until it is lent another. */
void fnn_program_lend(fnn_program *program, int array, void *at);

/* Goes on with the next epoch of several; returns 0 if there is none. */
int fnn_next_epoch(fnn_run *run);

/* Runs until all rows of every epoch are processed, the slice is over, or the run has to stop; returns
 * why.  After FNN_SLICE or FNN_NONFINITE a further call goes on where this one left. */
fnn_status fnn_program_run(fnn_program *program, fnn_run *run);

/* Nanoseconds of a clock that only goes forward. */
int64_t fnn_now(void);

#endif
