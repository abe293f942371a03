/* recurrent-inl.h: layers that walk over time: the state after step t from z_t and the state before.
 *
 * z[r,t,g] holds the inputs' part of all gates at all steps, one product beforehand (dense_fwd).  What is
 * left of a step is one product of the state with u for all gates, and the gates.  Threads share the rows
 * of the batch; a thread takes a block of its rows through all steps, so that u and the block's state stay
 * in its cache and nobody waits.  The way back walks from the last step to the first and ends in dz, from
 * which du, dw and dx are products over all steps at once.
 *
 * Invariant: sums of products are those of gemm-inl.h, in blocks of FNN_KC; a row depends on itself alone. */

/* ---- the product of a step --------------------------------------------------------------------- */

/* B[k,n], rows `stride` apart, that every step reads: copied to panels [k][PANEL] if enough rows share it
 * and there is room; else read where it lies, but for the columns after the last whole vector. */
typedef struct {
    const real *b;
    int64_t stride, k, n;
    real *panels; /* or NULL              */
    real *tail;   /* [FNN_KC][LANES]      */
} held;

/* Makes t read B[k.. + t->k, j..] for m rows of A; returns log2 of the tile's vectors. */
static inline int read_held(const held *f, int64_t k, int64_t j, int64_t m, tile *t)
{
    int64_t left = f->n - j;
    int log2 = f->panels ? PANEL_LOG2 : 3;
    if (f->panels || left < LANES) {
        while (log2 > 0 && LANES << (log2 - 1) >= left) log2--;
        t->b = f->panels ? f->panels + j * f->k + k * PANEL : f->tail;
        t->b_step = f->panels ? PANEL : LANES;
    } else {
        while (LANES << log2 > left || (log2 > PANEL_LOG2 && tallest[log2] < m)) log2--;
        t->b = f->b + k * f->stride + j;
        t->b_step = f->stride;
    }
    t->last = min_of(LANES, left - (LANES << log2) + LANES);
    return log2;
}

/* C[m, j..] (+)= A[m, t->k] times what t reads of B */
static inline void multiply_columns(tile *t, int log2, const real *a, int64_t m, real *c)
{
    for (int64_t i = 0, rows; i < m; i += rows) {
        int64_t count = (m - i + tallest[log2] - 1) / tallest[log2];
        rows = (m - i + count - 1) / count;
        t->a = a + i * t->a_row;
        t->c = c + i * t->c_row;
        tiles[log2][rows](t);
    }
}

/* C[m,n] = A[m,k] B[k,n], or C += A B.  All that this file knows of the tiles of the product is here. */
static void multiply_held(const held *f, const real *a, int64_t a_row, int64_t m, real *c,
                          int64_t c_row, int add)
{
    int64_t tail = f->panels ? 0 : f->n % LANES;
    source b = plain(f->b, f->stride);
    for (int64_t k = 0; k < f->k; k += FNN_KC) {
        terms all = {0, min_of(f->k - k, FNN_KC)};
        tile t = {.a_row = a_row, .a_step = 1, .runs = &all, .c_row = c_row, .k = all.count};
        t.add = add || k > 0;
        if (tail) copy_block(&b, k, t.k, f->n - tail, tail, f->tail, LANES);
        for (int64_t j = 0; j < f->n;) {
            int log2 = read_held(f, k, j, m, &t);
            multiply_columns(&t, log2, a + k, m, c + j);
            j += LANES << log2;
        }
    }
}

/* ---- the walk ---------------------------------------------------------------------------------- */

enum {
    BLOCK_ROWS = 64,     /* rows taken through time together, at the most */
    STEP_POLL = 1 << 22, /* multiplications between two polls             */
    TAIL_REALS = FNN_KC * LANES
};

/* A block of rows under way.  Going back, state and cell are the gradients of the state and the cell that
 * come from the step after, gates those of the gates. */
typedef struct {
    int64_t rows, steps, units, gates; /* r, t, h, g */
    int64_t block;                     /* rows of a block */
    int64_t unit_row, gate_row;        /* from row to row of state and cell, and of gates */
    real *state, *cell, *gates_at;
    held u[2];
    real *free; /* scratch that is not taken yet */
    const real *end;
} recurrence;

static inline int64_t padded(int64_t n) { return whole_vectors(n) + ROW_PAD; }

static inline real *take(recurrence *s, int64_t count)
{
    real *taken = s->free;
    s->free += count;
    return taken;
}

static recurrence recurrence_of(const fnn_task *task, int64_t rows, int64_t steps, int64_t units,
                                int64_t gates)
{
    recurrence s = {.rows = rows, .steps = steps, .units = units, .gates = gates};
    s.unit_row = padded(units), s.gate_row = padded(gates);
    s.free = (real *)(void *)task->scratch;
    s.end = s.free + SCRATCH_REALS;
    int64_t most = (SCRATCH_REALS - TAIL_REALS) / (2 * s.unit_row + s.gate_row);
    int64_t mine = (rows + task->threads - 1) / task->threads;
    int64_t blocks = (mine + min_of(most, BLOCK_ROWS) - 1) / min_of(most, BLOCK_ROWS);
    s.block = blocks ? (mine + blocks - 1) / blocks : 0;
    s.state = take(&s, s.block * s.unit_row);
    s.cell = take(&s, s.block * s.unit_row);
    s.gates_at = take(&s, s.block * s.gate_row);
    for (int i = 0; i < 2; i++) s.u[i].tail = s.free;
    take(&s, TAIL_REALS);
    return s;
}

/* Makes s->u[i] the matrix b[k,n].  Copying it pays where tiles are as high as a panel's may be. */
static void hold(recurrence *s, int i, const real *b, int64_t stride, int64_t k, int64_t n)
{
    held *f = &s->u[i];
    int64_t wide = (n + PANEL - 1) / PANEL * PANEL;
    f->b = b, f->stride = stride, f->k = k, f->n = n;
    if (s->block <= tallest[PANEL_LOG2 + 1] || wide > (s->end - s->free) / k) return;
    source all = plain(b, stride);
    f->panels = take(s, k * wide);
    for (int64_t j = 0; j < n; j += PANEL)
        copy_block(&all, 0, k, j, min_of(n - j, PANEL), f->panels + j * k, PANEL);
}

static void load_rows(const real *from, real *to, int64_t m, int64_t n, int64_t stride)
{
    for (int64_t i = 0; i < m; i++)
        if (from)
            memcpy(to + i * stride, from + i * n, (size_t)n * sizeof(real));
        else
            memset(to + i * stride, 0, (size_t)n * sizeof(real));
}

static void store_rows(const real *from, real *to, int64_t m, int64_t n, int64_t stride)
{
    for (int64_t i = 0; to && i < m; i++)
        memcpy(to + i * n, from + i * stride, (size_t)n * sizeof(real));
}

/* Operand `arg` from element `offset` on; NULL where it is absent, or arg is 0. */
static inline real *operand_at(const fnn_op *op, int arg, int64_t offset)
{
    return arg && op->arg[arg] ? (real *)op->arg[arg] + offset : NULL;
}

/* Step t of rows row.. + m, which are the block */
typedef void recurrent_step(const fnn_op *op, const recurrence *s, int64_t row, int64_t m,
                            int64_t t);

/* A walk over time, back: from the last step to the first.  Operands state_from and cell_from [r,h] are
 * state and cell before the walk, zero where absent; state_to and cell_to get those after it.  0: none. */
typedef struct {
    recurrent_step *step;
    int back, state_from, cell_from, state_to, cell_to;
} walk_plan;

static void walk_time(const fnn_op *op, const fnn_task *task, const recurrence *s,
                      const walk_plan *w)
{
    int64_t row, end, work = 0, h = s->units, stride = s->unit_row;
    fnn_share(task, s->rows, 1, &row, &end);
    for (int64_t m; row < end; row += m) {
        m = min_of(s->block, end - row);
        load_rows(operand_at(op, w->state_from, row * h), s->state, m, h, stride);
        load_rows(operand_at(op, w->cell_from, row * h), s->cell, m, h, stride);
        for (int64_t t = 0; t < s->steps; t++) {
            w->step(op, s, row, m, w->back ? s->steps - 1 - t : t);
            work += m * h * s->gates;
            if (work > STEP_POLL && fnn_poll(task)) return;
            if (work > STEP_POLL) work = 0;
        }
        store_rows(s->state, operand_at(op, w->state_to, row * h), m, h, stride);
        store_rows(s->cell, operand_at(op, w->cell_to, row * h), m, h, stride);
    }
}

/* Does a cell's step for rows row.. + m.  Keras's defaults are constants in a copy of the loop, which has
 * no switch left in it. */
#define EACH_ROW(cell, g, gate)                                                                \
    do {                                                                                       \
        if ((int)(g) == FNN_ACTIVATION_tanh && (int)(gate) == FNN_ACTIVATION_sigmoid)          \
            for (int64_t i = 0; i < m; i++)                                                    \
                cell(op, s, i, row + i, t, FNN_ACTIVATION_tanh, FNN_ACTIVATION_sigmoid);       \
        else                                                                                   \
            for (int64_t i = 0; i < m; i++) cell(op, s, i, row + i, t, (int)(g), (int)(gate)); \
    } while (0)

/* Rows of a step lie far apart, out of sight of the hardware's prefetchers: a step sends for the next. */
static inline void fetch(const real *p) { __builtin_prefetch(p); }

static inline void store_if(real *to, int64_t j, vec v, int64_t n)
{
    if (to) store_lanes(to + j, v, n);
}

static inline void store_twice(real *a, real *b, int64_t j, vec v, int64_t n)
{
    store_lanes(a + j, v, n);
    store_lanes(b + j, v, n);
}

static inline vec load_or_zero(const real *from, int64_t j, int64_t n)
{
    return from ? load_lanes(from + j, n) : v_zero();
}

static inline vec load_sum(const real *a, const real *b, int64_t n)
{
    return v_add(load_lanes(a, n), load_lanes(b, n));
}

/* ---- simple: y_t = g(z_t + y_{t-1} u) ----------------------------------------------------------- */

VERB void rnn_cell(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                   const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *z = (const real *)op->arg[0] + at, *sum = s->gates_at + i * s->gate_row;
    real *state = s->state + i * s->unit_row, *y = operand_at(op, 2, at);
    (void)gate;
    for (int64_t j = 0; j < h; j += LANES) {
        fetch(z + h + j);
        vec out = activation_of(g, load_sum(z + j, sum + j, h - j));
        store_lanes(state + j, out, h - j);
        store_if(y, j, out, h - j);
    }
}

static void rnn_step(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    multiply_held(&s->u[0], s->state, s->unit_row, m, s->gates_at, s->gate_row, 0);
    EACH_ROW(rnn_cell, op->attr[0], FNN_ACTIVATION_sigmoid);
}

static void op_rnn_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], t = op->dim[1], g = op->dim[2], h = op->dim[3];
    recurrence s = recurrence_of(task, r, t, h, g);
    hold(&s, 0, op->arg[1], g, h, g);
    walk_time(op, task, &s, &(walk_plan){.step = rnn_step, .state_to = 3});
}

VERB void rnn_cell_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                       const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *y = operand_at(op, 1, at), *dy = operand_at(op, 2, at);
    real *state = s->state + i * s->unit_row, *sum = s->gates_at + i * s->gate_row;
    real *dz = operand_at(op, 4, at);
    (void)gate;
    for (int64_t j = 0; j < h; j += LANES) {
        fetch(y - h + j);
        vec dh = v_add(load_lanes(state + j, h - j), load_or_zero(dy, j, h - j));
        vec d = activation_gradient(g, load_lanes(y + j, h - j), dh);
        store_lanes(dz + j, d, h - j);
        store_lanes(sum + j, d, h - j);
    }
}

static void rnn_step_bwd(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    EACH_ROW(rnn_cell_bwd, op->attr[0], FNN_ACTIVATION_sigmoid);
    if (t) multiply_held(&s->u[0], s->gates_at, s->gate_row, m, s->state, s->unit_row, 0);
}

static void op_rnn_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t g = op->dim[0], h = op->dim[1], r = op->dim[2], t = op->dim[3];
    recurrence s = recurrence_of(task, r, t, h, g);
    hold(&s, 0, op->arg[0], h, g, h);
    walk_time(op, task, &s, &(walk_plan){.step = rnn_step_bwd, .back = 1, .state_from = 3});
}

/* ---- LSTM: gates i, f, g, o; c_t = f c_{t-1} + i g; y_t = o act(c_t) ------------------------------- */

VERB void lstm_cell(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                    const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *z = (const real *)op->arg[0] + 4 * at, *sum = s->gates_at + i * s->gate_row;
    real *state = s->state + i * s->unit_row, *cell = s->cell + i * s->unit_row;
    real *a = operand_at(op, 2, 4 * at), *c = operand_at(op, 3, at), *y = operand_at(op, 4, at);
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j, jf = h + j, jg = 2 * h + j, jo = 3 * h + j;
        for (int k = 4; k < 8; k++) fetch(z + k * h + j);
        vec in = activation_of(gate, load_sum(z + j, sum + j, n));
        vec forget = activation_of(gate, load_sum(z + jf, sum + jf, n));
        vec next = activation_of(g, load_sum(z + jg, sum + jg, n));
        vec out = activation_of(gate, load_sum(z + jo, sum + jo, n));
        vec now = v_fma(forget, load_lanes(cell + j, n), v_mul(in, next));
        vec shown = v_mul(out, activation_of(g, now));
        store_lanes(cell + j, now, n);
        store_lanes(state + j, shown, n);
        store_if(c, j, now, n);
        store_if(y, j, shown, n);
        store_if(a, j, in, n);
        store_if(a, jf, forget, n);
        store_if(a, jg, next, n);
        store_if(a, jo, out, n);
    }
}

static void lstm_step(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    multiply_held(&s->u[0], s->state, s->unit_row, m, s->gates_at, s->gate_row, 0);
    EACH_ROW(lstm_cell, op->attr[0], op->attr[1]);
}

static void op_lstm_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], t = op->dim[1], g = op->dim[2], h = op->dim[3];
    recurrence s = recurrence_of(task, r, t, h, g);
    hold(&s, 0, op->arg[1], g, h, g);
    walk_time(op, task, &s, &(walk_plan){.step = lstm_step, .state_to = 5, .cell_to = 6});
}

VERB void lstm_cell_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                        const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *a = operand_at(op, 1, 4 * at), *c = operand_at(op, 2, at);
    const real *before = t ? c - h : NULL, *dy = operand_at(op, 3, at);
    real *state = s->state + i * s->unit_row, *cell = s->cell + i * s->unit_row;
    real *sum = s->gates_at + i * s->gate_row, *dz = operand_at(op, 6, 4 * at);
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j, jf = h + j, jg = 2 * h + j, jo = 3 * h + j;
        for (int k = -4; k < 0; k++) fetch(a + k * h + j);
        fetch(c - 2 * h + j);
        vec in = load_lanes(a + j, n), forget = load_lanes(a + jf, n);
        vec next = load_lanes(a + jg, n), out = load_lanes(a + jo, n);
        vec shown = activation_of(g, load_lanes(c + j, n));
        vec dh = v_add(load_lanes(state + j, n), load_or_zero(dy, j, n));
        vec dc = v_add(load_lanes(cell + j, n), activation_gradient(g, shown, v_mul(dh, out)));
        vec d_in = activation_gradient(gate, in, v_mul(dc, next));
        vec d_forget = activation_gradient(gate, forget, v_mul(dc, load_or_zero(before, j, n)));
        vec d_next = activation_gradient(g, next, v_mul(dc, in));
        vec d_out = activation_gradient(gate, out, v_mul(dh, shown));
        store_lanes(cell + j, v_mul(dc, forget), n);
        store_twice(dz, sum, j, d_in, n);
        store_twice(dz, sum, jf, d_forget, n);
        store_twice(dz, sum, jg, d_next, n);
        store_twice(dz, sum, jo, d_out, n);
    }
}

static void lstm_step_bwd(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    EACH_ROW(lstm_cell_bwd, op->attr[0], op->attr[1]);
    if (t) multiply_held(&s->u[0], s->gates_at, s->gate_row, m, s->state, s->unit_row, 0);
}

static void op_lstm_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t g = op->dim[0], h = op->dim[1], r = op->dim[2], t = op->dim[3];
    recurrence s = recurrence_of(task, r, t, h, g);
    hold(&s, 0, op->arg[0], h, g, h);
    walk_time(op, task, &s,
              &(walk_plan){.step = lstm_step_bwd, .back = 1, .state_from = 4, .cell_from = 5});
}

/* ---- GRU: gates z, r, n; y_t = z y_{t-1} + (1 - z) n ----------------------------------------------
 *
 * q is what the reset gate is about: with the reset after the product n = g(z_n + r q), q = y_{t-1} u_n + b_n;
 * with the reset before it n = g(z_n + q u_n), q = r y_{t-1}, which takes a second product. */

static inline int reset_after(const fnn_op *op) { return op->attr[2] != 0; }

/* z, r and q, and with the reset after the product r q, from the state's product */
VERB void gru_gates(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                    const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *z = (const real *)op->arg[0] + 3 * at, *b = op->arg[2];
    const real *state = s->state + i * s->unit_row;
    real *sum = s->gates_at + i * s->gate_row, *q = s->cell + i * s->unit_row;
    (void)g;
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j, jr = h + j, jn = 2 * h + j;
        for (int k = 3; k < 6; k++) fetch(z + k * h + j);
        vec update = v_add(load_lanes(sum + j, n), load_or_zero(b, j, n));
        vec reset = v_add(load_lanes(sum + jr, n), load_or_zero(b, jr, n));
        store_lanes(sum + j, activation_of(gate, v_add(load_lanes(z + j, n), update)), n);
        reset = activation_of(gate, v_add(load_lanes(z + jr, n), reset));
        store_lanes(sum + jr, reset, n);
        if (reset_after(op)) {
            vec part = v_add(load_lanes(sum + jn, n), load_or_zero(b, jn, n));
            store_lanes(q + j, part, n);
            store_lanes(sum + jn, v_mul(reset, part), n);
        } else {
            store_lanes(q + j, v_mul(reset, load_lanes(state + j, n)), n);
        }
    }
}

VERB void gru_cell(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                   const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *z = (const real *)op->arg[0] + 3 * at;
    const real *sum = s->gates_at + i * s->gate_row, *cell = s->cell + i * s->unit_row;
    real *state = s->state + i * s->unit_row, *a = operand_at(op, 3, 3 * at);
    real *q = operand_at(op, 4, at), *y = operand_at(op, 5, at);
    (void)gate;
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j, jr = h + j, jn = 2 * h + j;
        vec update = load_lanes(sum + j, n), next = activation_of(g, load_sum(z + jn, sum + jn, n));
        vec fresh = v_mul(v_sub(v_set1(1), update), next);
        vec out = v_fma(update, load_lanes(state + j, n), fresh);
        store_lanes(state + j, out, n);
        store_if(y, j, out, n);
        store_if(a, j, update, n);
        store_if(a, jr, load_lanes(sum + jr, n), n);
        store_if(a, jn, next, n);
        store_if(q, j, load_lanes(cell + j, n), n);
    }
}

static void gru_step(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    int64_t u = s->unit_row, g = s->gate_row;
    multiply_held(&s->u[0], s->state, u, m, s->gates_at, g, 0);
    EACH_ROW(gru_gates, op->attr[0], op->attr[1]);
    if (!reset_after(op)) multiply_held(&s->u[1], s->cell, u, m, s->gates_at + 2 * s->units, g, 0);
    EACH_ROW(gru_cell, op->attr[0], op->attr[1]);
}

static void op_gru_fwd(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], t = op->dim[1], g = op->dim[2], h = op->dim[3];
    const real *u = op->arg[1];
    recurrence s = recurrence_of(task, r, t, h, g);
    hold(&s, 0, u, g, h, reset_after(op) ? g : 2 * h);
    if (!reset_after(op)) hold(&s, 1, u + 2 * h, g, h, h);
    walk_time(op, task, &s, &(walk_plan){.step = gru_step, .state_to = 6});
}

/* dz but, with the reset before the product, for its gate; the gates' part of the state's gradient */
VERB void gru_cell_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                       const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *a = operand_at(op, 1, 3 * at), *q = operand_at(op, 2, at);
    const real *before = t ? operand_at(op, 3, at - h) : NULL, *dy = operand_at(op, 4, at);
    real *state = s->state + i * s->unit_row, *sum = s->gates_at + i * s->gate_row;
    real *dz = operand_at(op, 6, 3 * at);
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j, jr = h + j, jn = 2 * h + j;
        for (int k = -3; k < 0; k++) fetch(a + k * h + j);
        fetch(q - h + j);
        vec update = load_lanes(a + j, n), reset = load_lanes(a + jr, n);
        vec next = load_lanes(a + jn, n);
        vec dh = v_add(load_lanes(state + j, n), load_or_zero(dy, j, n));
        vec d_update = v_mul(dh, v_sub(load_or_zero(before, j, n), next));
        vec d_next = activation_gradient(g, next, v_mul(dh, v_sub(v_set1(1), update)));
        store_lanes(state + j, v_mul(dh, update), n);
        store_twice(dz, sum, j, activation_gradient(gate, update, d_update), n);
        store_twice(dz, sum, jn, d_next, n);
        if (!reset_after(op)) continue;
        vec d_reset = activation_gradient(gate, reset, v_mul(d_next, load_lanes(q + j, n)));
        store_twice(dz, sum, jr, d_reset, n);
        store_lanes(sum + jn, v_mul(d_next, reset), n);
    }
}

/* With the reset before the product: cell is the gradient of q = r y_{t-1}. */
VERB void gru_reset_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                        const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *reset = operand_at(op, 1, 3 * at + h), *dq = s->cell + i * s->unit_row;
    const real *before = t ? operand_at(op, 3, at - h) : NULL;
    real *state = s->state + i * s->unit_row, *sum = s->gates_at + i * s->gate_row + h;
    real *dz = operand_at(op, 6, 3 * at + h);
    (void)g;
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j;
        vec r = load_lanes(reset + j, n), d = load_lanes(dq + j, n);
        store_lanes(state + j, v_fma(d, r, load_lanes(state + j, n)), n);
        d = activation_gradient(gate, r, v_mul(d, load_or_zero(before, j, n)));
        store_twice(dz, sum, j, d, n);
    }
}

static void gru_step_bwd(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    int64_t u = s->unit_row, g = s->gate_row, h = s->units;
    EACH_ROW(gru_cell_bwd, op->attr[0], op->attr[1]);
    if (!reset_after(op)) {
        multiply_held(&s->u[1], s->gates_at + 2 * h, g, m, s->cell, u, 0);
        EACH_ROW(gru_reset_bwd, op->attr[0], op->attr[1]);
    }
    real *dm = operand_at(op, 7, (row * s->steps + t) * 3 * h);
    for (int64_t i = 0; dm && i < m; i++)
        store_rows(s->gates_at + i * g, dm + i * s->steps * 3 * h, 1, 3 * h, g);
    if (t) multiply_held(&s->u[0], s->gates_at, g, m, s->state, u, 1);
}

static void op_gru_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t g = op->dim[0], h = op->dim[1], r = op->dim[2], t = op->dim[3];
    const real *ut = op->arg[0];
    recurrence s = recurrence_of(task, r, t, h, g);
    hold(&s, 0, ut, h, reset_after(op) ? g : 2 * h, h);
    if (!reset_after(op)) hold(&s, 1, ut + 2 * h * h, h, h, h);
    walk_time(op, task, &s, &(walk_plan){.step = gru_step_bwd, .back = 1, .state_from = 5});
}

/* du with the reset before the product: columns of z and r from the states, those of n from q = r y_{t-1} */
static void op_gru_bwd_u(const fnn_op *op, const fnn_task *task)
{
    int64_t r = op->dim[0], h = op->dim[1], g = op->dim[2];
    const real *dz = op->arg[2];
    real *du = op->arg[3];
    product p = {.m = h,
                 .n = 2 * h,
                 .k = r,
                 .a = plain(op->arg[0], h),
                 .a_by_k = 1,
                 .b = plain(dz, g),
                 .c = rows_of(du, h, g)};
    multiply(&p, task);
    p.n = h, p.a = plain(op->arg[1], h), p.b = plain(dz + 2 * h, g);
    p.c = rows_of(du + 2 * h, h, g);
    multiply(&p, task);
}
#undef EACH_ROW

/* ---- order of steps, of axes, of rows --------------------------------------------------------------- */

/* y_t = x_{t-1}, and 0 before the first */
static void op_shift(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, n = op->dim[2], sample = op->dim[1] * n;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * sample;
        real *y = (real *)op->arg[1] + r * sample;
        memset(y, 0, (size_t)n * sizeof(real));
        memcpy(y + n, x, (size_t)(sample - n) * sizeof(real));
    }
}

/* y_t = x_{T-1-t} */
static void op_reverse(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, t = op->dim[1], n = op->dim[2];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + (r + 1) * t * n;
        real *y = (real *)op->arg[1] + r * t * n;
        for (int64_t i = 0; i < t; i++, y += n) memcpy(y, x -= n, (size_t)n * sizeof(real));
    }
}

/* Whole vectors of rows by registers; the last rows, whose vectors would spoil their neighbours, one by one. */
static void op_transpose(const fnn_op *op, const fnn_task *task)
{
    int64_t j, end, rows = op->dim[0], cols = op->dim[1], whole = rows / LANES * LANES;
    const real *from = op->arg[0];
    real *to = op->arg[1];
    fnn_share(task, cols, LANES, &j, &end);
    if (whole) transpose(from + j, cols, whole, end - j, to + j * rows, rows);
    for (; j < end; j++)
        for (int64_t i = whole; i < rows; i++) to[j * rows + i] = from[i * cols + j];
}

static void op_pick(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end, n = op->dim[1];
    share_elements(task, n, &i, &end);
    const real *x = (const real *)op->arg[0] + (int64_t)op->attr[0] * n;
    memcpy((real *)op->arg[1] + i, x + i, (size_t)(end - i) * sizeof(real));
}

static void op_pick_bwd(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end, n = op->dim[0], rows = op->dim[1], index = (int64_t)op->attr[0];
    share_elements(task, n, &i, &end);
    size_t bytes = (size_t)(end - i) * sizeof(real);
    for (int64_t k = 0; k < rows; k++) {
        real *dx = (real *)op->arg[1] + k * n + i;
        if (k == index)
            memcpy(dx, (const real *)op->arg[0] + i, bytes);
        else
            memset(dx, 0, bytes);
    }
}
