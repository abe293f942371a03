/* recurrent-inl.h: layers that walk over time: the state after step t from z_t and the state before.
 *
 * z[r,t,g] holds the inputs' part of all gates at all steps, one product beforehand (dense_fwd).  What is
 * left of a step is one product of the state with u for all gates, and the gates.  Threads share the rows
 * of the batch; a thread takes a block of its rows through all steps, so that u and the block's state stay
 * in its cache and nobody waits.  The way back walks from the last step to the first and ends in dz, from
 * which du, dw and dx are products over all steps at once.
 *
 * A step that `mask` leaves out keeps state and cell, and its gates are 0; on the way back the gradients of
 * both pass it by, and its dz is 0.  `keep` multiplies the state before the product, in all steps alike.
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

typedef struct recurrence recurrence;

/* Step t of rows row.. + m, which are the block */
typedef void recurrent_step(const fnn_op *op, const recurrence *s, int64_t row, int64_t m,
                            int64_t t);

/* A walk over time, back: from the last step to the first.  The others are numbers of operands, 0: none.
 * state_from and cell_from [r,h] are state and cell before the walk, zero where absent; state_to and cell_to
 * get those after it.  What a step that is left out does: forward, y and c [r,t,h] get state and cell, a
 * [r,t,g] and q [r,t,h] zeros; back, the state's gradient gets dy [r,t,h], which is in y's place, and dz,
 * in a's, zeros. */
typedef struct {
    recurrent_step *step;
    int back, state_from, cell_from, state_to, cell_to, mask, keep, y, c, a, q;
} walk_plan;

/* A block of rows under way.  Going back, state and cell are the gradients of the state and the cell that
 * come from the step after, gates those of the gates. */
struct recurrence {
    int64_t rows, steps, units, gates; /* r, t, h, g */
    int64_t block;                     /* rows of a block */
    int64_t unit_row, gate_row;        /* from row to row of state and cell, and of gates */
    const walk_plan *plan;
    const real *mask, *keep; /* [r,t], [r,h], or NULL */
    real *state, *cell, *gates_at;
    real *kept; /* the state times keep; going back, its gradient */
    held u[2];
    real *free; /* scratch that is not taken yet */
    const real *end;
};

static inline int64_t padded(int64_t n) { return whole_vectors(n) + ROW_PAD; }

static inline real *take(recurrence *s, int64_t count)
{
    real *taken = s->free;
    s->free += count;
    return taken;
}

/* Operand `arg` from element `offset` on; NULL where it is absent, or arg is 0. */
static inline real *operand_at(const fnn_op *op, int arg, int64_t offset)
{
    return arg && op->arg[arg] ? (real *)op->arg[arg] + offset : NULL;
}

static recurrence recurrence_of(const fnn_op *op, const fnn_task *task, const walk_plan *plan,
                                int64_t rows, int64_t steps, int64_t units)
{
    recurrence s = {.rows = rows, .steps = steps, .units = units, .plan = plan};
    s.gates = op->dim[plan->back ? 0 : 2];
    s.mask = operand_at(op, plan->mask, 0), s.keep = operand_at(op, plan->keep, 0);
    s.unit_row = padded(units), s.gate_row = padded(s.gates);
    s.free = (real *)(void *)task->scratch;
    s.end = s.free + SCRATCH_REALS;
    int64_t row = (s.keep ? 3 : 2) * s.unit_row + s.gate_row;
    int64_t most = min_of((SCRATCH_REALS - TAIL_REALS) / row, BLOCK_ROWS);
    int64_t mine = (rows + task->threads - 1) / task->threads;
    int64_t blocks = (mine + most - 1) / most;
    s.block = blocks ? (mine + blocks - 1) / blocks : 0;
    s.state = take(&s, s.block * s.unit_row);
    s.cell = take(&s, s.block * s.unit_row);
    s.gates_at = take(&s, s.block * s.gate_row);
    if (s.keep) s.kept = take(&s, s.block * s.unit_row);
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

/* Whether step t of a row is left out */
VERB int is_out(const recurrence *s, int64_t row, int64_t t)
{
    return s->mask && s->mask[row * s->steps + t] == 0;
}

static inline void zero_reals(real *p, int64_t n)
{
    if (p) memset(p, 0, (size_t)n * sizeof(real));
}

/* Forward, after step t: what the rows that it leaves out have instead of its results */
static void stay(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    const walk_plan *w = s->plan;
    int64_t h = s->units;
    for (int64_t i = 0; i < m; i++) {
        int64_t at = (row + i) * s->steps + t;
        if (!is_out(s, row + i, t)) continue;
        store_rows(s->state + i * s->unit_row, operand_at(op, w->y, at * h), 1, h, 0);
        store_rows(s->cell + i * s->unit_row, operand_at(op, w->c, at * h), 1, h, 0);
        zero_reals(operand_at(op, w->a, at * s->gates), s->gates);
        zero_reals(operand_at(op, w->q, at * h), h);
    }
}

/* Back, before step t: the gradients of the rows that it leaves out pass by. */
static void pass_by(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t)
{
    int64_t h = s->units;
    for (int64_t i = 0; i < m; i++) {
        int64_t at = (row + i) * s->steps + t;
        if (!is_out(s, row + i, t)) continue;
        real *state = s->state + i * s->unit_row, *dy = operand_at(op, s->plan->y, at * h);
        for (int64_t j = 0; dy && j < h; j += LANES) {
            vec sum = v_add(load_lanes(state + j, h - j), load_lanes(dy + j, h - j));
            store_lanes(state + j, sum, h - j);
        }
        zero_reals(s->gates_at + i * s->gate_row, s->gates);
        zero_reals(operand_at(op, s->plan->a, at * s->gates), s->gates);
    }
}

static void walk_time(const fnn_op *op, const fnn_task *task, const recurrence *s)
{
    const walk_plan *w = s->plan;
    int64_t row, end, work = 0, h = s->units, stride = s->unit_row;
    fnn_share(task, s->rows, 1, &row, &end);
    for (int64_t m; row < end; row += m) {
        m = min_of(s->block, end - row);
        load_rows(operand_at(op, w->state_from, row * h), s->state, m, h, stride);
        load_rows(operand_at(op, w->cell_from, row * h), s->cell, m, h, stride);
        for (int64_t i = 0; i < s->steps; i++) {
            int64_t t = w->back ? s->steps - 1 - i : i;
            if (s->mask && w->back) pass_by(op, s, row, m, t);
            w->step(op, s, row, m, t);
            if (s->mask && !w->back) stay(op, s, row, m, t);
            work += m * h * s->gates;
            if (work > STEP_POLL && fnn_poll(task)) return;
            if (work > STEP_POLL) work = 0;
        }
        store_rows(s->state, operand_at(op, w->state_to, row * h), m, h, stride);
        store_rows(s->cell, operand_at(op, w->cell_to, row * h), m, h, stride);
    }
}

/* A walk z[r,t,g] u[h,g] -> ...: the state times the first columns of u, and, where there are others, what a
 * step multiplies those by, which is u[1]. */
static void walk_forward(const fnn_op *op, const fnn_task *task, const walk_plan *plan,
                         int64_t first)
{
    int64_t r = op->dim[0], t = op->dim[1], g = op->dim[2], h = op->dim[3];
    const real *u = op->arg[1];
    recurrence s = recurrence_of(op, task, plan, r, t, h);
    hold(&s, 0, u, g, h, first);
    if (first < g) hold(&s, 1, u + first, g, h, g - first);
    walk_time(op, task, &s);
}

/* The same back, by the rows of ut[g,h] */
static void walk_back(const fnn_op *op, const fnn_task *task, const walk_plan *plan, int64_t first)
{
    int64_t g = op->dim[0], h = op->dim[1], r = op->dim[2], t = op->dim[3];
    const real *ut = op->arg[0];
    recurrence s = recurrence_of(op, task, plan, r, t, h);
    hold(&s, 0, ut, h, first, h);
    if (first < g) hold(&s, 1, ut + first * h, h, g - first, h);
    walk_time(op, task, &s);
}

/* to[m,h] = from times keep, or plus `to` */
static void times_keep(const recurrence *s, const real *from, real *to, int64_t row, int64_t m,
                       int add)
{
    int64_t h = s->units;
    for (int64_t i = 0; i < m; i++, from += s->unit_row, to += s->unit_row)
        for (int64_t j = 0; j < h; j += LANES) {
            vec k = load_lanes(s->keep + (row + i) * h + j, h - j);
            vec sum = add ? load_lanes(to + j, h - j) : v_zero();
            store_lanes(to + j, v_fma(load_lanes(from + j, h - j), k, sum), h - j);
        }
}

/* The state as the product sees it */
static inline real *seen_state(const recurrence *s) { return s->keep ? s->kept : s->state; }

/* gates = state u */
static void multiply_state(const recurrence *s, int64_t row, int64_t m)
{
    if (s->keep) times_keep(s, s->state, s->kept, row, m, 0);
    multiply_held(&s->u[0], seen_state(s), s->unit_row, m, s->gates_at, s->gate_row, 0);
}

/* The gradient of the state before step t: gates ut, plus `state` if `add`.  There is none before the first
 * step unless somebody wants it. */
static void multiply_gates(const fnn_op *op, const recurrence *s, int64_t row, int64_t m, int64_t t,
                           int add)
{
    if (!t && !operand_at(op, s->plan->state_to, 0)) return;
    if (s->mask && !add) {
        add = 1;
        for (int64_t i = 0; i < m; i++)
            if (!is_out(s, row + i, t)) zero_reals(s->state + i * s->unit_row, s->units);
    }
    int kept = s->keep != NULL;
    multiply_held(&s->u[0], s->gates_at, s->gate_row, m, seen_state(s), s->unit_row, add && !kept);
    if (kept) times_keep(s, s->kept, s->state, row, m, add);
}

/* Does a cell's step for rows row.. + m.  Keras's defaults are constants in a copy of the loop, which has
 * no switch left in it. */
#define EACH_ROW(cell, g, gate)                                                         \
    do {                                                                                \
        if ((int)(g) == FNN_ACTIVATION_tanh && (int)(gate) == FNN_ACTIVATION_sigmoid) { \
            EACH_ROW_IN(cell, FNN_ACTIVATION_tanh, FNN_ACTIVATION_sigmoid)              \
        } else {                                                                        \
            EACH_ROW_IN(cell, (int)(g), (int)(gate))                                    \
        }                                                                               \
    } while (0)
#define EACH_ROW_IN(cell, g, gate)                                       \
    for (int64_t i = 0; i < m; i++) {                                    \
        if (!is_out(s, row + i, t)) cell(op, s, i, row + i, t, g, gate); \
    }

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
    real *state = s->state + i * s->unit_row, *y = operand_at(op, 5, at);
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
    multiply_state(s, row, m);
    EACH_ROW(rnn_cell, op->attr[0], FNN_ACTIVATION_sigmoid);
}

static void op_rnn_fwd(const fnn_op *op, const fnn_task *task)
{
    static const walk_plan plan = {
        .step = rnn_step, .state_from = 3, .state_to = 6, .mask = 2, .keep = 4, .y = 5};
    walk_forward(op, task, &plan, op->dim[2]);
}

VERB void rnn_cell_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                       const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *y = operand_at(op, 1, at), *dy = operand_at(op, 2, at);
    real *state = s->state + i * s->unit_row, *sum = s->gates_at + i * s->gate_row;
    real *dz = operand_at(op, 6, at);
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
    multiply_gates(op, s, row, m, t, 0);
}

static void op_rnn_bwd(const fnn_op *op, const fnn_task *task)
{
    static const walk_plan plan = {.step = rnn_step_bwd,
                                   .back = 1,
                                   .state_from = 3,
                                   .state_to = 7,
                                   .mask = 4,
                                   .keep = 5,
                                   .y = 2,
                                   .a = 6};
    walk_back(op, task, &plan, op->dim[0]);
}

/* ---- LSTM: gates i, f, g, o; c_t = f c_{t-1} + i g; y_t = o act(c_t) ------------------------------- */

VERB void lstm_cell(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                    const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *z = (const real *)op->arg[0] + 4 * at, *sum = s->gates_at + i * s->gate_row;
    real *state = s->state + i * s->unit_row, *cell = s->cell + i * s->unit_row;
    real *a = operand_at(op, 6, 4 * at), *c = operand_at(op, 7, at), *y = operand_at(op, 8, at);
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
    multiply_state(s, row, m);
    EACH_ROW(lstm_cell, op->attr[0], op->attr[1]);
}

static void op_lstm_fwd(const fnn_op *op, const fnn_task *task)
{
    static const walk_plan plan = {.step = lstm_step,
                                   .state_from = 3,
                                   .cell_from = 4,
                                   .state_to = 9,
                                   .cell_to = 10,
                                   .mask = 2,
                                   .keep = 5,
                                   .y = 8,
                                   .c = 7,
                                   .a = 6};
    walk_forward(op, task, &plan, op->dim[2]);
}

VERB void lstm_cell_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                        const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *a = operand_at(op, 1, 4 * at), *c = operand_at(op, 2, at);
    const real *before = t ? c - h : operand_at(op, 7, row * h), *dy = operand_at(op, 3, at);
    real *state = s->state + i * s->unit_row, *cell = s->cell + i * s->unit_row;
    real *sum = s->gates_at + i * s->gate_row, *dz = operand_at(op, 9, 4 * at);
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
    multiply_gates(op, s, row, m, t, 0);
}

static void op_lstm_bwd(const fnn_op *op, const fnn_task *task)
{
    static const walk_plan plan = {.step = lstm_step_bwd,
                                   .back = 1,
                                   .state_from = 4,
                                   .cell_from = 5,
                                   .state_to = 10,
                                   .cell_to = 11,
                                   .mask = 6,
                                   .keep = 8,
                                   .y = 3,
                                   .a = 9};
    walk_back(op, task, &plan, op->dim[0]);
}

/* ---- GRU: gates z, r, n; y_t = z y_{t-1} + (1 - z) n ----------------------------------------------
 *
 * q is what the reset gate is about: with the reset after the product n = g(z_n + r q), q = y_{t-1} u_n + b_n;
 * with the reset before it n = g(z_n + q u_n), q = r y_{t-1}, which takes a second product. */

static inline int reset_after(const fnn_op *op) { return op->attr[2] != 0; }

/* The columns of u that multiply the state before the reset gate has acted */
static inline int64_t gru_columns(const fnn_op *op, int64_t gates, int64_t units)
{
    return reset_after(op) ? gates : 2 * units;
}

/* z, r and q, and with the reset after the product r q, from the state's product */
VERB void gru_gates(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                    const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *z = (const real *)op->arg[0] + 3 * at, *b = op->arg[2];
    const real *state = seen_state(s) + i * s->unit_row;
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
    real *state = s->state + i * s->unit_row, *a = operand_at(op, 6, 3 * at);
    real *q = operand_at(op, 7, at), *y = operand_at(op, 8, at);
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
    multiply_state(s, row, m);
    EACH_ROW(gru_gates, op->attr[0], op->attr[1]);
    if (!reset_after(op)) multiply_held(&s->u[1], s->cell, u, m, s->gates_at + 2 * s->units, g, 0);
    EACH_ROW(gru_cell, op->attr[0], op->attr[1]);
}

static void op_gru_fwd(const fnn_op *op, const fnn_task *task)
{
    static const walk_plan plan = {.step = gru_step,
                                   .state_from = 4,
                                   .state_to = 9,
                                   .mask = 3,
                                   .keep = 5,
                                   .y = 8,
                                   .a = 6,
                                   .q = 7};
    walk_forward(op, task, &plan, gru_columns(op, op->dim[2], op->dim[3]));
}

/* dz but, with the reset before the product, for its gate; the gates' part of the state's gradient */
VERB void gru_cell_bwd(const fnn_op *op, const recurrence *s, int64_t i, int64_t row, int64_t t,
                       const int g, const int gate)
{
    int64_t h = s->units, at = (row * s->steps + t) * h;
    const real *a = operand_at(op, 1, 3 * at), *q = operand_at(op, 2, at);
    const real *before = t ? operand_at(op, 3, at - h) : operand_at(op, 7, row * h);
    const real *dy = operand_at(op, 4, at);
    real *state = s->state + i * s->unit_row, *sum = s->gates_at + i * s->gate_row;
    real *dz = operand_at(op, 9, 3 * at);
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
    const real *before = t ? operand_at(op, 3, at - h) : operand_at(op, 7, row * h);
    const real *keep = s->keep ? s->keep + row * h : NULL;
    real *state = s->state + i * s->unit_row, *sum = s->gates_at + i * s->gate_row + h;
    real *dz = operand_at(op, 9, 3 * at + h);
    (void)g;
    for (int64_t j = 0; j < h; j += LANES) {
        int64_t n = h - j;
        vec r = load_lanes(reset + j, n), d = load_lanes(dq + j, n);
        if (keep) d = v_mul(d, load_lanes(keep + j, n));
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
    real *dm = operand_at(op, 10, (row * s->steps + t) * 3 * h);
    for (int64_t i = 0; dm && i < m; i++)
        store_rows(s->gates_at + i * g, dm + i * s->steps * 3 * h, 1, 3 * h, g);
    multiply_gates(op, s, row, m, t, 1);
}

static void op_gru_bwd(const fnn_op *op, const fnn_task *task)
{
    static const walk_plan plan = {.step = gru_step_bwd,
                                   .back = 1,
                                   .state_from = 5,
                                   .state_to = 11,
                                   .mask = 6,
                                   .keep = 8,
                                   .y = 4,
                                   .a = 9};
    walk_back(op, task, &plan, gru_columns(op, op->dim[0], op->dim[1]));
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
#undef EACH_ROW_IN

/* ---- order of steps, of axes, of rows --------------------------------------------------------------- */

/* y_t = x_{t-1}, and `first`, or 0, before the first; times keep, if given */
static void op_shift(const fnn_op *op, const fnn_task *task)
{
    int64_t r, end, steps = op->dim[1], n = op->dim[2], sample = steps * n;
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *keep = operand_at(op, 2, r * n);
        real *y = (real *)op->arg[3] + r * sample;
        load_rows(operand_at(op, 1, r * n), y, 1, n, n);
        memcpy(y + n, (const real *)op->arg[0] + r * sample, (size_t)(sample - n) * sizeof(real));
        for (int64_t i = 0; keep && i < sample; i += n)
            for (int64_t j = 0; j < n; j += LANES) {
                vec kept = v_mul(load_lanes(y + i + j, n - j), load_lanes(keep + j, n - j));
                store_lanes(y + i + j, kept, n - j);
            }
    }
}

/* y = state, and 0 in the rows that it has not */
static void op_recall(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end, n = op->dim[1], known = op->dim[0] * n;
    const real *state = op->arg[0];
    real *y = op->arg[1];
    share_elements(task, op->dim[2] * n, &i, &end);
    int64_t middle = known < i ? i : min_of(end, known);
    memcpy(y + i, state + i, (size_t)(middle - i) * sizeof(real));
    memset(y + middle, 0, (size_t)(end - middle) * sizeof(real));
}

/* state = x, as far as both go */
static void op_remember(const fnn_op *op, const fnn_task *task)
{
    int64_t i, end, n = op->dim[1];
    share_elements(task, min_of(op->dim[0], op->dim[2]) * n, &i, &end);
    const real *x = op->arg[0];
    memcpy((real *)op->arg[1] + i, x + i, (size_t)(end - i) * sizeof(real));
}
