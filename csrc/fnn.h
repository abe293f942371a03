/* fnn.h: the C core's own words: an op, a run, a kernel, a program.
 *
 * A program is a list of bound ops.  A run executes it once per batch over a stretch of rows.  Nothing
 * here knows Python; nothing in a kernel allocates, checks a shape or asks whether it is training:
 * Python lowered, checked and bound everything before.
 *
 * Names: fnn_ is exported C; <op>_fwd, <op>_bwd_<what> are kernels; -inl.h is code included once per
 * ISA and precision; .def is a table. */
#ifndef FNN_H
#define FNN_H

#include <stdatomic.h>
#include <stdint.h>

enum { FNN_MAX_ARGS = 12, FNN_MAX_DIMS = 12, FNN_MAX_ATTRS = 9 };

/* The fixed block of every sum of products: partial sums over FNN_KC terms, each from zero, are added
 * in order.  No ISA, tile shape or thread count changes it (docs/decisions/0001-summation-order.md). */
enum { FNN_KC = 256 };

/* Bytes of private working memory each thread has while a kernel runs. */
enum { FNN_SCRATCH = 2 << 20 };

/* Opcodes, in the order of ops.def. */
typedef enum {
#define OP(name, signature, attributes, flops, meaning) FNN_OP_##name,
#include "ops.def"
#undef OP
    FNN_OP_COUNT
} fnn_opcode;

/* Codes of the probes, after the ops', in the order of probes.def: a program may hold them, but no
 * model is lowered to them. */
enum {
    FNN_PROBE_BEFORE = FNN_OP_COUNT - 1,
#define PROBE(name, reads, writes, meaning) FNN_PROBE_##name,
#include "probes.def"
#undef PROBE
    FNN_CODE_COUNT
};

/* Activation codes, in the order of activations.def. */
typedef enum {
#define ACTIVATION(name, forward, backward) FNN_ACTIVATION_##name,
#include "activations.def"
#undef ACTIVATION
    FNN_ACTIVATION_COUNT
} fnn_activation;

/* Curve codes, in the order of curves.def. */
typedef enum {
#define CURVE(name, forward, backward) FNN_CURVE_##name,
#include "curves.def"
#undef CURVE
    FNN_CURVE_COUNT
} fnn_curve;

/* Codes of functions of two numbers, in the order of binary.def. */
typedef enum {
#define BINARY(name, expression) FNN_BINARY_##name,
#include "binary.def"
#undef BINARY
    FNN_BINARY_COUNT
} fnn_binary;

/* Codes of what makes one number of many, in the order of reductions.def. */
typedef enum {
#define REDUCTION(name, first, step, finish) FNN_REDUCTION_##name,
#include "reductions.def"
#undef REDUCTION
    FNN_REDUCTION_COUNT
} fnn_reduction;

/* Types of a caller's array, as gather's `dtype` attribute names them. */
typedef enum { FNN_DTYPE_F32, FNN_DTYPE_F64, FNN_DTYPE_U8, FNN_DTYPE_I32, FNN_DTYPE_I64 } fnn_dtype;

/* Why a run came back. */
typedef enum {
    FNN_DONE,      /* every row was processed                                         */
    FNN_SLICE,     /* the time slice is over: call again                              */
    FNN_NONFINITE, /* a watched mean is not finite; the step can be resumed            */
    FNN_FAULT,     /* the data was refused: see run->fault                            */
    FNN_STOP       /* Python raised: a signal or a user's function; the step is void    */
} fnn_status;

typedef enum {
    FNN_FAULT_NONE,
    FNN_FAULT_LABEL_RANGE,    /* a label below 0 or not below `classes` */
    FNN_FAULT_LABEL_FRACTION, /* a label that is not a whole number    */
    FNN_FAULT_OVERFLOW,       /* a finite float64 beyond float32's range */
    FNN_FAULT_ID              /* an id that a table has no row for */
} fnn_fault_kind;

typedef struct {
    fnn_fault_kind kind;
    int64_t op, row; /* index of the op in the program; row of the caller's array */
    double value;
} fnn_fault;

typedef struct fnn_op fnn_op;
typedef struct fnn_task fnn_task;
typedef struct fnn_run fnn_run;

/* A kernel does the share of `op` that belongs to thread task->thread of task->threads.  Shares are
 * disjoint outputs; which thread computes an output never changes its bits. */
typedef void fnn_kernel(const fnn_op *op, const fnn_task *task);

struct fnn_op {
    fnn_kernel *kernel;
    void *arg[FNN_MAX_ARGS];    /* operands, inputs first; NULL where absent       */
    int64_t dim[FNN_MAX_DIMS];  /* sizes of the axes for the batch that runs      */
    double attr[FNN_MAX_ATTRS]; /* attributes in the order of ops.def             */
    int64_t base[FNN_MAX_DIMS]; /* sizes of the axes for one row                  */
    uint32_t scaled;            /* bit d: dim[d] = base[d] * rows, else base[d]   */
    int32_t index;              /* place in the program                           */
    int32_t shared;             /* 1: all threads take part, 0: thread 0 alone     */
    int32_t far;                /* 1: what it writes is too large to stay in a cache */
    fnn_opcode code;
};

/* Calls back into Python: poll() looks for signals, call() runs op's user function.  Both return 0 to
 * go on.  Only thread 0, which is the caller's own thread, calls them. */
typedef struct {
    int (*poll)(void *self);
    int (*call)(void *self, const fnn_op *op, int64_t rows);
    void *self;
} fnn_callbacks;

/* What comes after an epoch, in a run of several. */
typedef struct {
    int64_t last;        /* the number of the last epoch; 0: there is one alone      */
    int64_t *order;      /* where the order of each is drawn; NULL: the data's own    */
    int64_t samples;     /* that are put in order                                     */
    double *log;         /* the totals of each epoch but the last, one after the other */
    double *totals;      /* of the program                                            */
    const double *fresh; /* what they are at the start of an epoch                    */
    int64_t count;       /* of totals                                                 */
} fnn_epochs;

struct fnn_run {
    /* what the caller sets */
    const int64_t *order; /* order[i] is the row of the data that comes i-th; NULL: i itself */
    int64_t total;        /* rows to process                                              */
    int64_t batch;        /* rows of a step; the last may be shorter                      */
    int64_t epoch;        /* keys the random generator, with seed and the sample's number */
    int64_t origin;       /* the number of the sample in row 0 of the data                */
    uint64_t seed;
    int64_t slice_ns; /* come back at the next op boundary after this long; 0: never   */
    int watch;        /* whether a non-finite watched mean stops the run               */
    fnn_callbacks callbacks;
    fnn_epochs epochs;
    /* where the run stands; zero at the start, kept across slices */
    int64_t first; /* rows processed before this step                              */
    int64_t pc;    /* op of this step to run next                                   */
    int64_t rows;  /* rows of this step                                            */
    /* what came of it */
    fnn_fault fault;
    atomic_int halt;   /* fnn_status that a kernel or callback asks for; 0: none        */
    int64_t began_ns;  /* when this slice began                                         */
    int64_t polled_ns; /* when Python was last asked                                     */
    unsigned fpmode;   /* the caller's floating-point mode                               */
};

struct fnn_task {
    fnn_run *run;
    int thread, threads;
    unsigned char *scratch; /* FNN_SCRATCH bytes, 64-byte aligned, this thread's own */
};

/* The row of the caller's data that is row r of the running batch. */
static inline int64_t fnn_sample(const fnn_run *run, int64_t r)
{
    int64_t i = run->first + r;
    return run->order ? run->order[i] : i;
}

/* The number of the sample in row r of the running batch: what its random numbers are keyed by. */
static inline uint64_t fnn_sample_number(const fnn_run *run, int64_t r)
{
    return (uint64_t)(run->origin + fnn_sample(run, r));
}

/* Thread's share [*begin, *end) of `count` units, cut at multiples of `grain` units. */
static inline void fnn_share(const fnn_task *task, int64_t count, int64_t grain, int64_t *begin,
                             int64_t *end)
{
    *begin = 0, *end = count;
    if (task->threads == 1) return; /* two divisions take as long as the work of a small op */
    int64_t grains = (count + grain - 1) / grain, t = task->thread, n = task->threads;
    int64_t from = grains * t / n * grain, to = grains * (t + 1) / n * grain;
    *begin = from < count ? from : count;
    *end = to < count ? to : count;
}

/* The working memory of another thread at the same op */
static inline unsigned char *fnn_scratch_of(const fnn_task *task, int thread)
{
    return task->scratch + (int64_t)(thread - task->thread) * FNN_SCRATCH;
}

/* Records that the data is refused; of several refusals the one with the lowest (op, row) is kept,
 * whichever thread finds it.  program.c */
void fnn_refuse(fnn_run *run, const fnn_op *op, fnn_fault_kind kind, int64_t row, double value);

/* To be called by long kernels every few hundred microseconds of work: lets thread 0 ask Python for
 * signals every 20 ms.  Nonzero: the step is void, return at once.  program.c */
int fnn_poll(const fnn_task *task);

/* To be called by all threads of a shared op, after a poll that says so too: none returns before all
 * have called.  program.c */
void fnn_meet(const fnn_task *task);

/* The kernel of python_call.  program.c */
void fnn_python_call(const fnn_op *op, const fnn_task *task);

/* What a program computes in: float32, float64, or float32 with products of bfloat16. */
typedef enum { FNN_FLOAT32, FNN_FLOAT64, FNN_MIXED_BFLOAT16, FNN_PRECISION_COUNT } fnn_precision;

/* Whether the compiler knows AMX. */
#if defined(__x86_64__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)
#define FNN_HAS_AMX 1
#else
#define FNN_HAS_AMX 0
#endif

/* A kernel table: one per ISA and precision, indexed by the code of an op or probe.  isa/ */
typedef struct fnn_table fnn_table;
struct fnn_table {
    const char *isa;
    const fnn_table *rest; /* NULL, or the table of the kernels that are not in this one */
    fnn_kernel *kernel[FNN_CODE_COUNT];
};

#endif
