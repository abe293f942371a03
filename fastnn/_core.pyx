# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
# Indices below come from lengths that are already checked; the stub file tells the types.
"""The binding, the only module that sees C.

It owns bound programs and translates; it computes nothing.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport PyThread_get_thread_ident
from libc.stdlib cimport getenv
from libc.string cimport memset
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
cimport numpy as cnp

import os
import threading
from functools import cache

import numpy as np

cnp.import_array()

cdef extern from "<stdatomic.h>" nogil:
    pass

cdef extern from "Python.h":
    ctypedef struct PyInterpreterState:
        pass
    PyInterpreterState *PyInterpreterState_Get()
    PyInterpreterState *PyInterpreterState_Main()

# The pool of threads is one for the process, and so are the types that Cython makes.
if PyInterpreterState_Get() != PyInterpreterState_Main():
    raise ImportError("a sub-interpreter imports it; use threads or processes instead")

cdef extern from "texts.h":
    const char *fnn_texts[][2]

cdef extern from "fnn.h" nogil:
    enum: FNN_MAX_ARGS
    enum: FNN_MAX_DIMS
    enum: FNN_MAX_ATTRS
    enum: FNN_DTYPE_F32
    enum: FNN_DTYPE_F64
    enum: FNN_DTYPE_U8
    enum: FNN_DTYPE_I32
    enum: FNN_DTYPE_I64
    ctypedef enum fnn_opcode:
        pass
    ctypedef enum fnn_status:
        FNN_DONE
        FNN_SLICE
        FNN_NONFINITE
        FNN_FAULT
        FNN_STOP
    ctypedef enum fnn_fault_kind:
        FNN_FAULT_NONE
    ctypedef struct fnn_fault:
        fnn_fault_kind kind
        int64_t op
        int64_t row
        double value
    ctypedef struct fnn_op:
        void *arg[12]
        int64_t base[12]
        double attr[8]
        uint32_t scaled
        int32_t index
        int32_t shared
        int32_t far
        fnn_opcode code
    ctypedef struct fnn_callbacks:
        int (*poll)(void *self) noexcept
        int (*call)(void *self, const fnn_op *op, int64_t rows) noexcept
        void *self
    ctypedef struct fnn_epochs:
        int64_t last
        int64_t *order
        int64_t samples
        double *log
        double *totals
        const double *fresh
        int64_t count
    ctypedef struct fnn_run:
        const int64_t *order
        int64_t total
        int64_t batch
        int64_t epoch
        int64_t origin
        uint64_t seed
        int64_t slice_ns
        int watch
        fnn_callbacks callbacks
        fnn_epochs epochs
        int64_t first
        int64_t pc
        int64_t rows
        fnn_fault fault
    ctypedef enum fnn_precision:
        FNN_FLOAT32
        FNN_FLOAT64
        FNN_MIXED_BFLOAT16
    ctypedef void (*fnn_kernel)(const fnn_op *op, const void *task) noexcept
    ctypedef struct fnn_table:
        const fnn_table *rest
        fnn_kernel *kernel[0]

cdef extern from "program.h" nogil:
    ctypedef struct fnn_lent:
        int64_t op
        int operand
        int array
        int64_t row_bytes
    ctypedef struct fnn_program:
        fnn_op *ops
        int64_t count
        int64_t clock_every
        int64_t commit
        int brief
        fnn_lent *lent
        int64_t lents
        int64_t *elapsed_ns
    void *fnn_alloc(int64_t bytes)
    void fnn_alloc_limit(int64_t allocations)
    int64_t fnn_program_add(fnn_program *program, const fnn_table *table, const fnn_op *op)
    int fnn_program_finish(fnn_program *program, int threads)
    void fnn_program_free(fnn_program *program)
    void fnn_program_lend(fnn_program *program, int array, void *at)
    int fnn_next_epoch(fnn_run *run)
    fnn_status fnn_program_run(fnn_program *program, fnn_run *run)

cdef extern from "cpu.h" nogil:
    enum: FNN_CPU_NAME
    int fnn_isa_count()
    const char *fnn_isa_name(int isa)
    int fnn_isa_available(int isa)
    int fnn_isa_find(const char *name)
    const fnn_table *fnn_isa_table(int isa, fnn_precision precision)
    int fnn_cpu_fma()
    void fnn_cpu_name(char *name)

cdef extern from "threads.h" nogil:
    int fnn_default_threads(const char **variable)
    int fnn_num_threads()
    void fnn_set_num_threads(int threads)
    void fnn_crowd(int allowed)

cdef extern from "random.h" nogil:
    void fnn_permutation(uint64_t seed, int64_t epoch, int64_t n, int64_t *order)
    void fnn_uniform(uint64_t seed, uint64_t stream, int64_t n, double *out)

cdef extern from *:
    """
    /* The rows of the three tables as text. */
    static const char *const fnn_op_rows[][5] = {
    #define OP(name, signature, attributes, flops, meaning) \
        {#name, signature, attributes, flops, meaning},
    #include "ops.def"
    #undef OP
    };
    typedef struct {
        const char *name;
        int reads, writes;
    } fnn_probe_row;
    static const fnn_probe_row fnn_probe_rows[] = {
    #define PROBE(name, reads, writes, meaning) {#name, reads, writes},
    #include "probes.def"
    #undef PROBE
    };
    static const char *const fnn_activation_rows[] = {
    #define ACTIVATION(name, forward, backward) #name,
    #include "activations.def"
    #undef ACTIVATION
    };
    static const char *const fnn_binary_rows[] = {
    #define BINARY(name, expression) #name,
    #include "binary.def"
    #undef BINARY
    };
    static const char *const fnn_reduction_rows[] = {
    #define REDUCTION(name, first, step, finish) #name,
    #include "reductions.def"
    #undef REDUCTION
    };
    static const char *const fnn_loss_rows[] = {
    #define LOSS(name, term, slope) #name,
    #include "losses.def"
    #undef LOSS
    };
    static const char *const fnn_curve_rows[] = {
    #define CURVE(name, forward, backward) #name,
    #include "curves.def"
    #undef CURVE
    };
    enum { FNN_LOSS_ROWS = sizeof fnn_loss_rows / sizeof *fnn_loss_rows,
           FNN_OP_ROWS = sizeof fnn_op_rows / sizeof *fnn_op_rows,
           FNN_PROBE_ROWS = sizeof fnn_probe_rows / sizeof *fnn_probe_rows,
           FNN_ACTIVATION_ROWS = sizeof fnn_activation_rows / sizeof *fnn_activation_rows,
           FNN_BINARY_ROWS = sizeof fnn_binary_rows / sizeof *fnn_binary_rows,
           FNN_REDUCTION_ROWS = sizeof fnn_reduction_rows / sizeof *fnn_reduction_rows,
           FNN_CURVE_ROWS = sizeof fnn_curve_rows / sizeof *fnn_curve_rows };
    """
    ctypedef struct fnn_probe_row:
        const char *name
        int reads
        int writes
    fnn_probe_row fnn_probe_rows[]
    const char *fnn_op_rows[][5]
    const char *fnn_activation_rows[]
    const char *fnn_loss_rows[]
    enum: FNN_LOSS_ROWS
    const char *fnn_curve_rows[]
    const char *fnn_binary_rows[]
    const char *fnn_reduction_rows[]
    enum: FNN_OP_ROWS
    enum: FNN_PROBE_ROWS
    enum: FNN_ACTIVATION_ROWS
    enum: FNN_CURVE_ROWS
    enum: FNN_BINARY_ROWS
    enum: FNN_REDUCTION_ROWS

#: Why a run came back; the numbers of fnn_status.
DONE, SLICE, NONFINITE, FAULT, STOP = FNN_DONE, FNN_SLICE, FNN_NONFINITE, FNN_FAULT, FNN_STOP

_DTYPE_CODES = {
    np.dtype(np.float32): FNN_DTYPE_F32,
    np.dtype(np.float64): FNN_DTYPE_F64,
    np.dtype(np.uint8): FNN_DTYPE_U8,
    np.dtype(np.int32): FNN_DTYPE_I32,
    np.dtype(np.int64): FNN_DTYPE_I64,
}


def op_table():
    """Return the rows of csrc/ops.def: (name, signature, attributes, flops, meaning)."""
    return [
        tuple(fnn_op_rows[i][j].decode() for j in range(5)) for i in range(FNN_OP_ROWS)
    ]


def texts():
    """Return files of csrc by name, as text."""
    found, i = {}, 0
    while fnn_texts[i][0] != NULL:
        found[fnn_texts[i][0].decode()] = fnn_texts[i][1].decode()
        i += 1
    return found


def probe_table():
    """Return the rows of csrc/probes.def: (name, code, arrays read, arrays written)."""
    return [
        (fnn_probe_rows[i].name.decode(), FNN_OP_ROWS + i,
         fnn_probe_rows[i].reads, fnn_probe_rows[i].writes)
        for i in range(FNN_PROBE_ROWS)
    ]


def activation_names():
    """Return the names in csrc/activations.def, in code order."""
    return tuple(fnn_activation_rows[i].decode() for i in range(FNN_ACTIVATION_ROWS))


def loss_names():
    """Return the names in csrc/losses.def, in code order."""
    return tuple(fnn_loss_rows[i].decode() for i in range(FNN_LOSS_ROWS))


def curve_names():
    """Return the names in csrc/curves.def, in code order."""
    return tuple(fnn_curve_rows[i].decode() for i in range(FNN_CURVE_ROWS))


def binary_names():
    """Return the names in csrc/binary.def, in code order."""
    return tuple(fnn_binary_rows[i].decode() for i in range(FNN_BINARY_ROWS))


def reduction_names():
    """Return the names in csrc/reductions.def, in code order."""
    return tuple(fnn_reduction_rows[i].decode() for i in range(FNN_REDUCTION_ROWS))


_PRECISIONS = {
    "float32": FNN_FLOAT32,
    "float64": FNN_FLOAT64,
    "mixed_bfloat16": FNN_MIXED_BFLOAT16,
}


@cache
def isa_names(precision="float32"):
    """Return the instruction sets that this CPU runs kernels of ``precision`` for, best first."""
    cdef fnn_precision which = _PRECISIONS[precision]
    return tuple(
        fnn_isa_name(i).decode()
        for i in range(fnn_isa_count())
        if fnn_isa_table(i, which) != NULL and fnn_isa_available(i)
    )


def kernels(precision):
    """Return the operations whose kernels of ``precision`` are not those of another precision."""
    cdef const fnn_table *table = fnn_isa_table(fnn_isa_count() - 1, _PRECISIONS[precision])
    return tuple(
        fnn_op_rows[i][0].decode()
        for i in range(FNN_OP_ROWS)
        if table.rest == NULL or table.kernel[i] != NULL
    )


def isa_built():
    """Return the instruction sets that this build has kernels for, best first."""
    return tuple(fnn_isa_name(i).decode() for i in range(fnn_isa_count()))


def cpu_name():
    """Return the CPU's own name, or ""."""
    cdef char name[FNN_CPU_NAME]
    fnn_cpu_name(name)
    return name.decode("utf-8", "replace")


def cpu_has_fma():
    """Return whether the CPU has fused multiply-add."""
    return bool(fnn_cpu_fma())


def environment(str name):
    """Return a variable of the environment, "" if it is not set: as os.environ.get, but quick."""
    cdef const char *value = getenv(name.encode())
    return "" if value == NULL else value.decode("utf-8", "surrogateescape")


def limit_allocations(int64_t allocations):
    """For tests: let the core allocate so many times, and refuse it after that; -1 refuses none."""
    fnn_alloc_limit(allocations)


def crowd(bint allowed):
    """For tests: let programs use more threads than there are processors."""
    fnn_crowd(allowed)


def num_threads():
    """Return the most threads that programs use: as set, else by environment, affinity and quota.

    Raises:
        ValueError: if FASTNN_NUM_THREADS or OMP_NUM_THREADS is not a positive number.
    """
    cdef const char *variable = NULL
    cdef int threads = fnn_num_threads()
    if threads < 1:
        fnn_default_threads(&variable)
        name = (<bytes> variable).decode()
        value = os.environ.get(name, "")[:40]
        raise ValueError(f"{name}: expected a positive number of threads, got {value!r}")
    return threads


def settings():
    """Return what decides on a program: FASTNN_ISA, and the most threads; 0 if that is invalid."""
    cdef const char *isa = getenv("FASTNN_ISA")
    return b"" if isa == NULL else <bytes> isa, fnn_num_threads()


def set_num_threads(int threads):
    """Set the most threads that programs use; 0 goes back to environment, affinity and quota."""
    fnn_set_num_threads(threads)


def permutation(seed, epoch, n):
    """Return the order of ``n`` samples in an epoch: int64, a function of its arguments alone."""
    cdef cnp.ndarray order = np.empty(n, np.int64)
    cdef uint64_t key = seed
    cdef int64_t e = epoch, count = n
    with nogil:
        fnn_permutation(key, e, count, <int64_t *> cnp.PyArray_DATA(order))
    return order


def uniform(seed, stream, n):
    """Return ``n`` float64 numbers in [0, 1), a function of its arguments alone."""
    cdef cnp.ndarray out = np.empty(n, np.float64)
    cdef uint64_t key = seed, which = stream
    cdef int64_t count = n
    with nogil:
        fnn_uniform(key, which, count, <double *> cnp.PyArray_DATA(out))
    return out


def aligned_zeros(n, dtype):
    """Return ``n`` zeros that begin at a multiple of 64 bytes."""
    dtype = np.dtype(dtype)
    raw = np.zeros(n * dtype.itemsize + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin:begin + n * dtype.itemsize].view(dtype)


cdef class Run:
    """A pass over rows of the caller's data: what is asked for, where it stands, what came out."""

    cdef fnn_run c
    cdef readonly object order
    cdef object functions
    cdef object error
    cdef tuple kept

    def __init__(self, total, batch, *, order=None, epoch=0, seed=0, slice_seconds=0.0, watch=True):
        memset(&self.c, 0, sizeof(fnn_run))
        self.order = order
        if order is not None:
            self.c.order = <const int64_t *> cnp.PyArray_DATA(order)
        self.c.total = total
        self.c.batch = batch
        self.c.epoch = epoch
        self.c.seed = seed
        self.c.slice_ns = int(slice_seconds * 1e9)
        self.c.watch = watch
        self.c.callbacks.self = <void *> self
        self.c.callbacks.poll = &_poll
        self.c.callbacks.call = &_call

    def begin(self, epoch, seed, order=None):
        """Go back to the first row, for another epoch; its order is drawn into ``order``."""
        cdef int64_t *drawn
        memset(&self.c.epochs, 0, sizeof(fnn_epochs))
        self.c.epoch = epoch
        self.c.seed = seed
        self.c.first = self.c.pc = 0
        self.order = order
        self.c.order = NULL
        if order is not None:
            self.c.order = self.c.epochs.order = drawn = <int64_t *> cnp.PyArray_DATA(order)
            self.c.epochs.samples = self.c.total
            with nogil:
                fnn_permutation(self.c.seed, self.c.epoch, self.c.total, drawn)

    def repeat(self, totals, fresh, log):
        """Go on after the epoch that begins with another for each row of ``log``, as if each were
        begun by itself.

        An epoch that another follows leaves ``totals`` in the log, and these begin as ``fresh``.
        """
        self.kept = totals, fresh, log
        self.c.epochs.last = self.c.epoch + len(log)
        self.c.epochs.count = len(fresh)
        self.c.epochs.totals = <double *> cnp.PyArray_DATA(totals)
        self.c.epochs.fresh = <double *> cnp.PyArray_DATA(fresh)
        self.c.epochs.log = <double *> cnp.PyArray_DATA(log)

    def next_epoch(self):
        """Go on with the next epoch; return whether there is one."""
        return fnn_next_epoch(&self.c) != 0

    def end_epochs(self):
        """Let the epoch that runs be the last."""
        self.c.epochs.last = 0

    @property
    def total(self):
        """Rows to process."""
        return self.c.total

    @total.setter
    def total(self, value):
        self.c.total = value

    @property
    def batch(self):
        """Rows of a step."""
        return self.c.batch

    @property
    def epoch(self):
        """The epoch's number in the random generator's key."""
        return self.c.epoch

    @property
    def seed(self):
        """The seed in the random generator's key."""
        return self.c.seed

    @property
    def origin(self):
        """The number of the sample in row 0 of the data, in the random generator's key."""
        return self.c.origin

    @origin.setter
    def origin(self, value):
        self.c.origin = value

    @property
    def first(self):
        """Rows processed before the step that runs."""
        return self.c.first

    @first.setter
    def first(self, value):
        self.c.first = value

    @property
    def rows(self):
        """Rows of the step that runs."""
        return self.c.rows

    @rows.setter
    def rows(self, value):
        self.c.rows = value

    @property
    def pc(self):
        """The next operation of the step that runs."""
        return self.c.pc

    @pc.setter
    def pc(self, value):
        self.c.pc = value

    @property
    def watch(self):
        """Whether a watched mean that is not finite stops the run."""
        return bool(self.c.watch)

    @watch.setter
    def watch(self, value):
        self.c.watch = value

    @property
    def fault(self):
        """(kind, operation, row, value) of the data that was refused; kind is 0 if none was."""
        return self.c.fault.kind, self.c.fault.op, self.c.fault.row, self.c.fault.value

    @fault.setter
    def fault(self, value):
        kind, op, row, number = value
        self.c.fault.kind = <fnn_fault_kind> <int> kind
        self.c.fault.op = op
        self.c.fault.row = row
        self.c.fault.value = number


cdef int _poll(void *self) noexcept with gil:
    run = <Run> self
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        run.error = error
        return 1
    return 0


cdef int _call(void *self, const fnn_op *op, int64_t rows) noexcept with gil:
    run = <Run> self
    try:
        run.functions[op.index](rows)
        PyErr_CheckSignals()
    except BaseException as error:
        run.error = error
        return 1
    return 0


cdef bint _lies_as(object a, tuple shape) except *:
    """Return whether a is an aligned C-contiguous array of that shape and of native byte order."""
    cdef cnp.ndarray array
    cdef int i
    if not isinstance(a, cnp.ndarray):
        return False
    array = <cnp.ndarray> a
    if not cnp.PyArray_ISCARRAY_RO(array) or cnp.PyArray_NDIM(array) != len(shape):
        return False
    for i in range(cnp.PyArray_NDIM(array)):
        if cnp.PyArray_DIM(array, i) != <cnp.npy_intp> shape[i]:
            return False
    return True


cdef int64_t _gap(cnp.ndarray array) except? -1:
    """Return the elements from the end of a row of an array to where the next one begins."""
    cdef int64_t rows = cnp.PyArray_DIM(array, 0) if cnp.PyArray_NDIM(array) else 0
    if rows < 2:
        return 0
    return (cnp.PyArray_STRIDE(array, 0) // cnp.PyArray_ITEMSIZE(array)
            - cnp.PyArray_SIZE(array) // rows)


cdef bint _overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Return whether two contiguous arrays share memory."""
    cdef char *begin = <char *> cnp.PyArray_DATA(a)
    cdef char *other = <char *> cnp.PyArray_DATA(b)
    return begin < other + cnp.PyArray_NBYTES(b) and other < begin + cnp.PyArray_NBYTES(a)


cdef class Program:
    """A list of bound kernels.

    Args:
        precision: ``"float32"``, ``"float64"`` or ``"mixed_bfloat16"``.
        isa: one of ``isa_names(precision)``.
        threads: the most threads it may use.
    """

    cdef fnn_program c
    cdef const fnn_table *table
    cdef int threads
    cdef int real
    cdef bint running
    cdef bint keeps_gil
    cdef Run at_once
    cdef list arrays
    cdef list lent
    cdef dict functions

    def __init__(self, precision, isa, threads):
        names = isa_names(precision)
        if isa not in names:
            raise ValueError(f"isa: expected one of {', '.join(names)}, got {isa!r}")
        self.table = fnn_isa_table(fnn_isa_find(isa.encode()), _PRECISIONS[precision])
        self.threads = threads
        self.real = cnp.NPY_FLOAT64 if precision == "float64" else cnp.NPY_FLOAT32
        self.at_once = Run(1, 1)
        self.arrays = []
        self.lent = []
        self.functions = {}

    def __dealloc__(self):
        fnn_program_free(&self.c)

    def add(self, int code, list operands, list bases, uint32_t scaled, list attrs, bint shared,
            bint far, function=None):
        """Append an operation; return its index.  Its arrays are kept alive."""
        cdef fnn_op op
        memset(&op, 0, sizeof(fnn_op))
        op.code = <fnn_opcode> code
        op.scaled = scaled
        op.shared = shared
        op.far = far
        if function is None:
            self._check(operands, bases, attrs)
            for i, operand in enumerate(operands):
                op.arg[<int> i] = NULL if operand is None else cnp.PyArray_DATA(operand)
        for i, base in enumerate(bases):
            op.base[<int> i] = base
        for i, attr in enumerate(attrs):
            op.attr[<int> i] = 0 if function is not None else attr
        cdef int64_t index = fnn_program_add(&self.c, self.table, &op)
        if index < 0:
            raise MemoryError("fastnn: no memory for a program")
        self.arrays.append(list(operands))
        if function is not None:
            self.functions[index] = function
        return index

    def _check(self, operands, bases, attrs):
        if (len(operands) > FNN_MAX_ARGS or len(bases) > FNN_MAX_DIMS
                or len(attrs) > FNN_MAX_ATTRS):
            raise ValueError("an operation has more operands, axes or attributes than fnn.h allows")

    def finish(self, int64_t clock_every, int64_t commit, bint keeps_gil, lent=(),
               bint brief=False):
        """Make the program ready to run.

        It looks at the clock every ``clock_every`` steps, and is not interrupted from operation
        ``commit`` on.  If it ``keeps_gil``, a row is run without giving the GIL away.  The operands
        that are the caller's, ``lent``, are (operation, operand, array, bytes of a row).  If it is
        ``brief``, only threads that are awake take part in it.
        """
        self.keeps_gil = keeps_gil
        self.c.brief = brief
        self.c.clock_every = clock_every
        self.c.commit = commit
        self.c.lent = <fnn_lent *> fnn_alloc(len(lent) * sizeof(fnn_lent))
        if self.c.lent == NULL:
            raise MemoryError("fastnn: no memory for a program")
        for op, operand, array, row_bytes in lent:
            self.c.lent[self.c.lents] = fnn_lent(op, operand, array, row_bytes)
            self.c.lents += 1
        if fnn_program_finish(&self.c, self.threads):
            raise MemoryError("fastnn: no memory for the working space of the threads")

    def lend(self, list arrays):
        """Lend the caller's arrays, in their order, until others are.

        Rows that are gathered may lie apart, or on each other; all else is in C order.
        """
        cdef int which
        for which in range(len(arrays)):
            self._lend(which, <cnp.ndarray?> arrays[which], _gap(<cnp.ndarray> arrays[which]))
        self.lent = arrays

    cdef _lend(self, int which, cnp.ndarray array, int64_t gap):
        cdef fnn_op *op
        cdef int64_t i
        fnn_program_lend(&self.c, which, cnp.PyArray_DATA(array))
        for i in range(self.c.lents):
            op = &self.c.ops[self.c.lent[i].op]
            if self.c.lent[i].array == which and self.c.lent[i].row_bytes == 0:  # it is gathered
                op.attr[0] = _DTYPE_CODES[array.dtype]
                op.attr[1] = gap

    def run(self, Run run not None):
        """Run until the rows are done, the slice is over or the run must stop; return why.

        Raises:
            BaseException: whatever a user's function or a signal handler raised.
        """
        return <int> self._run(run, False)

    cdef fnn_status _run(self, Run run, bint keeps_gil) except *:
        cdef fnn_status status
        cdef bint busy
        with cython.critical_section(self):
            busy, self.running = self.running, True
        if busy:
            raise RuntimeError("a program is already running; each thread needs its own")
        run.functions = self.functions
        run.error = None
        if keeps_gil:  # to give the GIL away and wait for it would take longer than the run
            status = fnn_program_run(&self.c, &run.c)
        else:
            with nogil:
                status = fnn_program_run(&self.c, &run.c)
        self.running = False
        if run.error is not None:
            error, run.error = run.error, None  # whose frames have the run: a circle
            raise error
        if status == FNN_STOP:
            raise RuntimeError("fork: a user's function forked in a run, which ends in the child")
        return status

    def run_rows(self, object x, object out, tuple shape, tuple out_shape, bint direct,
                 int64_t rows, int64_t batch):
        """Run a prediction straight from and to the caller's arrays 0 and 1.

        Args:
            x: the rows; anything but an array of ``shape`` and a type that the program reads is
                left alone.
            out: where the output goes; anything but an array of ``out_shape`` and the program's
                own type, apart from ``x``, is left alone.
            direct: whether the program reads its own type alone, not what can be gathered from.
            rows: how many there are.
            batch: the most of a step.

        Returns:
            Whether it was done.  It is not for such arrays, or if a row is refused.
        """
        if not _lies_as(x, shape) or not _lies_as(out, out_shape):
            return False
        if (cnp.PyArray_TYPE(<cnp.ndarray> out) != self.real
                or not cnp.PyArray_ISWRITEABLE(<cnp.ndarray> out)
                or _overlap(<cnp.ndarray> x, <cnp.ndarray> out)):
            return False
        if direct:
            if cnp.PyArray_TYPE(<cnp.ndarray> x) != self.real:
                return False
            fnn_program_lend(&self.c, 0, cnp.PyArray_DATA(<cnp.ndarray> x))
        elif (<cnp.ndarray> x).dtype in _DTYPE_CODES:
            self._lend(0, <cnp.ndarray> x, 0)
        else:
            return False
        fnn_program_lend(&self.c, 1, cnp.PyArray_DATA(<cnp.ndarray> out))
        self.at_once.c.total, self.at_once.c.batch = rows, batch
        self.at_once.c.first = self.at_once.c.pc = 0
        return self._run(self.at_once, self.keeps_gil and rows <= batch) == FNN_DONE

    def profile(self):
        """Return the seconds spent in each operation since the last call; the first call starts."""
        cdef int64_t bytes = self.c.count * sizeof(int64_t)
        if self.c.elapsed_ns == NULL:
            self.c.elapsed_ns = <int64_t *> fnn_alloc(bytes)
            if self.c.elapsed_ns == NULL:
                raise MemoryError("fastnn: no memory to profile")
            memset(self.c.elapsed_ns, 0, bytes)
        seconds = [self.c.elapsed_ns[i] * 1e-9 for i in range(self.c.count)]
        memset(self.c.elapsed_ns, 0, bytes)
        return seconds


# What a `Use` does when it is entered, and undoes when it is left.
cdef enum use_kind:
    NOTHING, READ, TRAIN, STILL


cdef class Guard:
    """Lets many readers use a model, or one thread train it; whoever else comes is refused.

    It is C, because Python looks for signals between any two of its own steps, also at the
    beginning of ``__exit__``: an interrupt would leave the model in use for ever.  Where there is
    no GIL, critical sections make each decision one step for other threads.

    Args:
        model: its name, for messages.
    """

    cdef object __weakref__
    cdef readonly str model
    cdef public bint exclusive
    cdef object moving
    cdef Py_ssize_t readers
    cdef unsigned long trainer  # 0: nobody

    def __init__(self, str model):
        self.model = model
        self.moving = threading.Lock()

    def reading(self, str who):
        """Use the weights; fails while another thread trains, or, where layers keep states, does
        anything."""
        return self.changing(who) if self.exclusive else _use(self, who, READ)

    def training(self, str who):
        """Change the weights; fails while anyone else uses them."""
        return _use(self, who, TRAIN)

    def changing(self, str who):
        """Assign weights: as ``training``, but also between the steps of one's own training."""
        return _use(self, who, NOTHING if self._trains() else TRAIN)

    def still(self):
        """Keep the weights from being trained meanwhile; fails if they are."""
        return _use(self, "Model", STILL)

    cdef bint _trains(self):
        return self.trainer != 0 and self.trainer == <unsigned long> PyThread_get_thread_ident()

    cdef int _read(self, str who) except -1:
        cdef bint busy
        with cython.critical_section(self):
            busy = self.trainer != 0 and not self._trains()
            self.readers += not busy
        if busy:
            raise self._refusal(who, "is being trained by another thread")
        return 0

    cdef int _train(self, str who) except -1:
        cdef bint busy
        self.moving.acquire()  # waits for whoever keeps the weights still
        with cython.critical_section(self):
            busy = self.trainer != 0 or self.readers > 0
            if not busy:
                self.trainer = <unsigned long> PyThread_get_thread_ident()
        self.moving.release()
        if busy:
            raise self._refusal(who, "is in use already")
        return 0

    cdef int _keep_still(self, str who) except -1:
        self.moving.acquire()
        if self.trainer != 0:
            self.moving.release()
            raise self._refusal(who, "shares its weights and is in training")
        return 0

    cdef _refusal(self, str who, str what):
        from fastnn.errors import ConcurrentUseError

        return ConcurrentUseError(
            f"{who}: the model {self.model!r} {what}; wait for it, or train a copy of the model"
        )


cdef Use _use(Guard guard, str who, use_kind kind):
    cdef Use use = Use.__new__(Use)
    use.guard, use.who, use.kind = guard, who, kind
    return use


cdef class Use:
    """A use of a model, while it is entered."""

    cdef Guard guard
    cdef str who
    cdef use_kind kind

    def __enter__(self):
        if self.kind == READ:
            self.guard._read(self.who)
        elif self.kind == TRAIN:
            self.guard._train(self.who)
        elif self.kind == STILL:
            self.guard._keep_still(self.who)

    def __exit__(self, *error):
        if self.kind == READ:
            with cython.critical_section(self.guard):
                self.guard.readers -= 1
        elif self.kind == TRAIN:
            self.guard.trainer = 0
        elif self.kind == STILL:
            self.guard.moving.release()
