/* windows-inl.h: the product where A is the patches of images: its rows (y, dx) or its depth (dk).
 *
 * The matrix of patches never exists: a tile reads windows on lines (lines-inl.h).  Where windows are the
 * rows of C, a tile of C makes all its blocks of depths one after the other, so that it stays in the
 * nearest cache while B streams past it from the next:
 *
 *     for columns of C, nc at a time, for depths, kg at a time     B[kg, nc] -> panels [kg][PANEL]
 *       for rows of windows                                        lines move on
 *         for panels of B, for tiles of the row, for blocks of FNN_KC depths
 *
 * Where they are the depth, C is much smaller than A and B, and made once for each block of windows:
 *
 *     for columns of C, nc at a time
 *       for blocks of FNN_KC windows                       B -> panels, and sums; lines move on
 *         for tiles of rows, for panels
 *
 * A C of few tiles is not worth parting: threads part the windows then.  The first adds its blocks up, the
 * others keep each of theirs, and when all are there these are added in order.
 *
 * Invariant: all sums are the product's, as gemm-inl.h defines them. */

enum {
    WINDOW_B_REALS = SCRATCH_REALS / 2,
    MAX_RUNS = 1024,
    PANEL_VECS = 1 << PANEL_LOG2,
    WINDOWS_ROW = FNN_KC + ROW_PAD
};

/* The working memory of a thread: runs, panels of B, windows one by one, lines */
typedef struct {
    terms *runs;
    real *b, *rest;
    int64_t left; /* reals at rest */
} window_scratch;

static window_scratch scratch_of(const fnn_task *task, int64_t b_reals)
{
    terms *runs = (terms *)(void *)task->scratch;
    real *b = (real *)(void *)(runs + MAX_RUNS),
         *end = (real *)(void *)task->scratch + SCRATCH_REALS;
    return (window_scratch){runs, b, b + b_reals, end - b - b_reals};
}

static inline int64_t parts_of(int64_t count, int64_t most) { return (count + most - 1) / most; }

static inline int log2_of(int64_t cols) { return cols > PANEL / 2 ? PANEL_LOG2 : 0; }

/* What is fetched ahead with each of `parts` tiles, so that it comes a little early */
static inline int64_t fetched_by(int64_t reals, int64_t parts) { return reals * 5 / 4 / parts + 1; }

/* ---- windows are the rows ------------------------------------------------------------------------ */

/* C = g(A B + bias) as one thread does it */
typedef struct {
    const product *p;
    const window *g;
    window_scratch memory;
    lines lines;
    int64_t row0, row1, n0, n1; /* rows of windows, of all images; columns                 */
    int packed;                 /* whether B is copied to panels or read in place           */
    int64_t nc, kg;             /* columns and depth of B that are worked on at a time      */
    int64_t block_runs;         /* runs of a block of depths                               */
    int spare;                  /* whether lines of padding are left out                   */
    int64_t ahead;              /* reals of the images that are fetched ahead with a tile   */
} sliding;

static void find_runs(const sliding *s, int64_t k, int64_t kn)
{
    int64_t even = run_of(s->g);
    terms *runs = s->memory.runs;
    for (int64_t end = k + kn; k < end; k += FNN_KC, runs += s->block_runs) {
        terms *r = runs;
        for (int64_t at = k, stop = min_of(k + FNN_KC, end); at < stop; at += r++->count)
            *r = (terms){run_at(s->g, at / even, s->lines.width) + at % even,
                         min_of(even - at % even, stop - at)};
    }
}

/* The part of a block of depths that a row of windows needs, from its `skip`-th run on */
typedef struct {
    int64_t from, count, skip;
} stretch;

static stretch needed(const sliding *s, int64_t row, int64_t k, int64_t kc)
{
    const window *g = s->g;
    if (!s->spare) return (stretch){0, kc, 0};
    int64_t first = g->top + row % g->p * g->stride_h, from = k, end = k + kc;
    int64_t above = 0, step = g->dilation_h, even = g->n * g->channels;
    if (first < 0) above = parts_of(-first, step) * even;
    if (from < above) from = above;
    if (first + height_of(g) > g->h) end = min_of(end, parts_of(g->h - first, step) * even);
    even = run_of(g);
    return (stretch){from - k, end - from, from > k ? from / even - k / even : 0};
}

/* All blocks of depths k.. + kn of a tile of C, whose first column is j */
static inline void slide_tile(sliding *s, tile *t, const real *b, int64_t rows, int64_t cols,
                              int64_t row, int64_t j, int64_t k, int64_t kn)
{
    const product *p = s->p;
    const terms *runs = s->memory.runs;
    t->last = (cols - 1) % LANES + 1;
    for (int64_t at = 0; at < kn; at += FNN_KC, runs += s->block_runs) {
        int done = k + at + FNN_KC >= p->k;
        stretch part = needed(s, row, k + at, min_of(kn - at, FNN_KC));
        t->runs = runs + part.skip;
        t->b = b + (at + part.from) * t->b_step;
        t->k = part.count > 0 ? part.count : 0;
        t->add = k + at > 0;
        t->bias = done && p->bias ? p->bias + j : NULL;
        t->relu = done && p->activation == FNN_ACTIVATION_relu;
        fetch_ahead(&s->lines.ahead, s->ahead);
        if (t->k || !t->add || done) tiles[log2_of(cols)][rows](t);
    }
    if (k + kn == p->k && !t->relu) activate_block(p->activation, t->c, rows, cols, t->c_row, NULL);
}

/* C[row of windows, jc..end] (+)= A[, k.. + kn] B[k.. + kn,] */
static void slide_row(sliding *s, int64_t row, int64_t jc, int64_t end, int64_t k, int64_t kn)
{
    const product *p = s->p;
    const window *g = s->g;
    int64_t from = line_under(&s->lines, row);
    move_lines(&s->lines, from, from + height_of(g));
    const real *a = line_at(&s->lines, from);
    real *c = place_of(&p->c, row * g->q);
    tile t = {.a_row = g->stride_w * g->c, .a_step = 1, .c_row = p->c.column};
    t.b_step = s->packed ? PANEL : p->b.stride;
    for (int64_t j = jc, count = parts_of(g->q, tallest[PANEL_LOG2]); j < end; j += PANEL) {
        const real *b = s->packed ? s->memory.b + (j - jc) * kn : p->b.base + k * t.b_step + j;
        for (int64_t i = 0; i < count; i++) {
            int64_t at = g->q * i / count, rows = g->q * (i + 1) / count - at;
            t.a = a + at * t.a_row;
            t.c = c + at * t.c_row + j;
            slide_tile(s, &t, b, rows, min_of(end - j, PANEL), row, j, k, kn);
        }
    }
}

static void pack_panels(const sliding *s, int64_t jc, int64_t end, int64_t k, int64_t kn)
{
    const product *p = s->p;
    for (int64_t j = jc; j < end; j += PANEL) {
        int64_t cols = min_of(end - j, PANEL);
        if (p->bt.w)
            copy_transposed(&p->bt, k, kn, j, cols, s->memory.b + (j - jc) * kn, PANEL);
        else
            copy_block(&p->b, k, kn, j, cols, s->memory.b + (j - jc) * kn, PANEL);
    }
}

static void slide(sliding *s, const fnn_task *task)
{
    int64_t k_all = s->p->k, work = 0;
    for (int64_t jc = s->n0; jc < s->n1; jc += s->nc)
        for (int64_t k = 0; k < k_all; k += s->kg) {
            int64_t end = min_of(jc + s->nc, s->n1), kn = min_of(k_all - k, s->kg);
            if (s->packed) pack_panels(s, jc, end, k, kn);
            find_runs(s, k, kn);
            no_lines(&s->lines);
            for (int64_t row = s->row0; row < s->row1; row++) {
                slide_row(s, row, jc, end, k, kn);
                work += s->g->q * (end - jc) * kn;
                if (work < POLL_WORK) continue;
                if (fnn_poll(task)) return;
                work = 0;
            }
        }
}

/* Lines of padding above and below an image add nothing to a sum, unless a weight is NaN or infinite. */
static int adds_nothing(const product *p)
{
    const window *g = p->a.patches;
    int64_t taps = g->m * g->n, size = p->k / taps * p->n;
    int64_t rows = 1, stride = p->bt.w ? p->bt.stride : p->b.stride;
    int64_t width = p->bt.w ? p->bt.depth : p->n;
    if (g->top >= 0 && g->top + lines_of(g) <= g->h) return 0;
    if (width < stride) rows = size / width, size = width; /* a group's part of the kernel */
    vec sum = v_zero();
    for (int64_t tap = 0; tap < taps; tap++) {
        const real *w = p->b.base + tap * rows * stride;
        if (rows == 1) w = p->b.base + tap * size;
        if (p->bt.w) w = p->bt.w + tap / g->n * p->bt.step_h + tap % g->n * p->bt.step_w;
        for (int64_t row = 0; row < rows; row++, w += stride)
            for (int64_t i = 0; i < size; i += LANES)
                sum = v_fma(load_lanes(w + i, size - i), v_zero(), sum);
    }
    return !m_any(v_isnan(sum));
}

static void plan_sliding(sliding *s, const fnn_task *task)
{
    const product *p = s->p;
    const window *g = s->g;
    s->memory = scratch_of(task, WINDOW_B_REALS);
    s->lines = lines_at(s->memory.rest, &p->a, height_of(g), s->memory.left);
    s->row1 = p->m / g->q, s->n1 = p->n;
    if (p->n / PANEL > p->m / MAX_TILE_ROWS)
        fnn_share(task, p->n, LANES, &s->n0, &s->n1);
    else
        fnn_share(task, s->row1, 1, &s->row0, &s->row1);
    s->packed = p->bt.w || p->n % LANES || (p->n != PANEL && p->m >= 8 * MIN_PACKED_M);
    s->block_runs = FNN_KC / run_of(g) + 2;
    s->spare = adds_nothing(p);
    s->kg = min_of(MAX_RUNS / s->block_runs * FNN_KC, WINDOW_B_REALS / PANEL);
    s->nc = s->packed ? WINDOW_B_REALS / min_of(s->kg, p->k) / PANEL * PANEL : p->n;
    s->ahead = fetched_by(g->stride_h * g->w * g->c, parts_of(g->q, tallest[PANEL_LOG2]) *
                                                         parts_of(min_of(p->n, s->nc), PANEL) *
                                                         parts_of(min_of(p->k, s->kg), FNN_KC));
}

/* ---- windows are the depth ----------------------------------------------------------------------- */

/* C = A.T B and the sums of B's columns, as one thread does it */
typedef struct {
    const product *p;
    const window *g;
    window_scratch memory;
    lines lines;
    int64_t m0, m1, n0, n1, k0, k1, nc;
    real *kept;    /* NULL, or where threads but the first keep C and the sums of each block */
    real *c, *sum; /* where those of the block go that is worked on                         */
    int add;       /* whether they are added to what is there                               */
    real *a;       /* NULL, or windows copied element by element, WINDOWS_ROW apart */
    int64_t even;  /* rows of C from one multiple of this to the next lie evenly */
    journey ahead; /* of B                                                       */
    int64_t step;  /* reals that are fetched ahead with a tile                   */
} gathering;

/* to[rows, PANEL] = dy g'(y), and the sums of its columns */
VERB void copy_summed(int code, const real *dy, const real *y, int64_t stride, int64_t rows,
                      int64_t cols, const int vecs, real *to, vec *sum)
{
    for (; rows > 0; rows--, dy += stride, to += PANEL, y += y ? stride : 0)
#pragma GCC unroll 2
        for (int v = 0; v < vecs; v++) {
            int64_t at = v * LANES;
            vec d = load_lanes(dy + at, cols - at);
            if (y) d = activation_gradient(code, load_lanes(y + at, cols - at), d);
            v_store(to + at, d);
            sum[v] = v_add(sum[v], d);
        }
}

static void copy_gradient_summed(const source *s, int64_t at, int64_t rows, int64_t cols, real *to,
                                 vec *sum)
{
    const real *dy = s->base + at, *y = s->y ? s->y + at : NULL;
    switch (y ? s->activation : FNN_ACTIVATION_linear) {
#define ACTIVATION(name, forward, backward)                                                        \
    case FNN_ACTIVATION_##name:                                                                    \
        if (cols > PANEL - LANES)                                                                  \
            copy_summed(FNN_ACTIVATION_##name, dy, y, s->stride, rows, cols, PANEL_VECS, to, sum); \
        else                                                                                       \
            copy_summed(FNN_ACTIVATION_##name, dy, y, s->stride, rows, cols, 1, to, sum);          \
        break;
#include "../activations.def"
#undef ACTIVATION
    default:
        break;
    }
}

/* B[k.. + kn, j.. + cols] to a panel, its sums to those of the columns */
static void gather_panel(const gathering *s, int64_t k, int64_t kn, int64_t j, int64_t cols,
                         real *to)
{
    const product *p = s->p;
    vec sum[PANEL_VECS];
    for (int v = 0; v < PANEL_VECS; v++) sum[v] = v_zero();
    copy_gradient_summed(&p->b, k * p->b.stride + j, kn, cols, to, sum);
    if (!p->sum || s->m0 > 0) return;
    for (int64_t at = 0; at < cols; at += LANES) {
        real *total = s->sum + j + at;
        if (s->add) sum[at / LANES] = v_add(load_lanes(total, cols - at), sum[at / LANES]);
        store_lanes(total, sum[at / LANES], cols - at);
    }
}

/* to[n] = from[0], from[step], ... */
static inline void copy_every(const real *from, int64_t step, real *to, int64_t n)
{
    if (step == 1)
        copy_run(from, to, n);
    else
        for (int64_t i = 0; i < n; i++) to[i] = from[i * step];
}

/* Windows k.. + kn: of each of their elements a row */
static void copy_windows(const gathering *s, int64_t k, int64_t kn)
{
    const window *g = s->g;
    int64_t run = run_of(g), runs = s->p->m / run, step = g->stride_w * g->c;
    real *to = s->a;
    for (int64_t end = k + kn, count; k < end; k += count, to += count) {
        const real *from = line_at(&s->lines, line_under(&s->lines, k / g->q)) + k % g->q * step;
        count = min_of(g->q - k % g->q, end - k);
        for (int64_t i = 0; i < runs; i++) {
            const real *first = from + run_at(g, i, s->lines.width);
            for (int64_t j = 0; j < run; j++)
                copy_every(first + j, step, to + (i * run + j) * WINDOWS_ROW, count);
        }
    }
}

/* Makes t describe A over windows k.. + t->k. */
static void gather_windows(const gathering *s, int64_t k, tile *t)
{
    const window *g = s->g;
    terms *r = s->memory.runs;
    t->runs = r;
    if (s->a) {
        copy_windows(s, k, t->k);
        t->a = s->a, t->a_row = WINDOWS_ROW, t->a_step = 1;
        *r = (terms){0, t->k};
        return;
    }
    t->a = s->lines.base, t->a_row = 1, t->a_step = g->stride_w * g->c;
    for (int64_t at = k, end = k + t->k; at < end; at += r++->count) {
        r->offset =
            line_at(&s->lines, line_under(&s->lines, at / g->q)) - t->a + at % g->q * t->a_step;
        r->count = min_of(g->q - at % g->q, end - at);
    }
}

/* C[m0..m1, jc..end] (+)= the block of windows that t describes, times B */
static void gather_tiles(gathering *s, tile *t, int64_t jc, int64_t end)
{
    const real *a = t->a;
    int64_t most = tallest[PANEL_LOG2];
    for (int64_t i = s->m0, rows; i < s->m1; i += rows) {
        int64_t left = min_of(s->m1 - i, s->even - i % s->even);
        rows = parts_of(left, parts_of(left, most));
        t->a = a + i % s->even * t->a_row;
        if (!s->a) t->a += run_at(s->g, i / s->even, s->lines.width);
        for (int64_t j = jc; j < end; j += PANEL) {
            int64_t cols = min_of(end - j, PANEL);
            t->b = s->memory.b + (j - jc) * t->k;
            t->c = s->c + i * t->c_row + j;
            t->last = (cols - 1) % LANES + 1;
            fetch_ahead(&s->lines.ahead, s->step);
            fetch_ahead(&s->ahead, s->step);
            tiles[log2_of(cols)][rows](t);
        }
    }
}

/* The reals that are kept of a block: C, then the sums of B's columns */
static inline int64_t kept_of_block(const product *p) { return (p->m + 1) * p->n; }

/* Says where the sums of the block of windows k.. go. */
static void place_block(gathering *s, tile *t, int64_t k, int thread)
{
    const product *p = s->p;
    s->c = p->c.base, s->sum = p->sum, s->add = k > 0, t->c_row = p->c.column;
    if (s->kept && thread > 0) {
        s->c = s->kept + (k - s->k0) / FNN_KC * kept_of_block(p);
        s->sum = s->c + p->m * p->n, s->add = 0, t->c_row = p->n;
    }
    t->add = s->add;
}

static void gather_block(gathering *s, tile *t, int64_t k, int64_t jc, int64_t end)
{
    const product *p = s->p;
    const window *g = s->g;
    t->k = min_of(p->k - k, FNN_KC);
    for (int64_t j = jc; j < end; j += PANEL)
        gather_panel(s, k, t->k, j, min_of(end - j, PANEL), s->memory.b + (j - jc) * t->k);
    move_lines(&s->lines, line_under(&s->lines, k / g->q),
               line_under(&s->lines, (k + t->k - 1) / g->q) + height_of(g));
    gather_windows(s, k, t);
    s->ahead.at = (k + FNN_KC) * p->b.stride;
    if (jc == 0 && end == p->n && p->n > PANEL) /* else it is read in order, or not as a whole */
        s->ahead.end = min_of(k + 2 * FNN_KC, p->k) * p->b.stride;
    gather_tiles(s, t, jc, end);
}

static void gather(gathering *s, const fnn_task *task)
{
    tile t = {.b_step = PANEL};
    for (int64_t jc = s->n0; jc < s->n1; jc += s->nc) {
        no_lines(&s->lines);
        for (int64_t k = s->k0; k < s->k1; k += FNN_KC) {
            place_block(s, &t, k, task->thread);
            gather_block(s, &t, k, jc, min_of(jc + s->nc, s->n1));
            if (fnn_poll(task)) return;
        }
    }
}

/* to[n] += the blocks of the other threads, in order; the row is `at` reals from the start of a block. */
static void add_row_of_blocks(const gathering *s, const fnn_task *task, int64_t at, int64_t n,
                              real *to)
{
    int64_t offset = (unsigned char *)s->kept - task->scratch, size = kept_of_block(s->p), k, end;
    for (int64_t j = 0; j < n; j += LANES) {
        vec total = load_lanes(to + j, n - j);
        for (int which = 1; which < task->threads; which++) {
            fnn_task other = {.thread = which, .threads = task->threads};
            const real *from = (real *)(void *)(fnn_scratch_of(task, which) + offset) + at + j;
            fnn_share(&other, s->p->k, FNN_KC, &k, &end);
            for (; k < end; k += FNN_KC, from += size)
                total = v_add(total, load_lanes(from, n - j));
        }
        store_lanes(to + j, total, n - j);
    }
}

/* Threads share the rows of C, and one of them adds the sums of B's columns, too. */
static __attribute__((noinline)) void add_blocks(const gathering *s, const fnn_task *task)
{
    const product *p = s->p;
    int64_t i, end;
    fnn_share(task, p->m + (p->sum ? 1 : 0), 1, &i, &end);
    for (; i < end; i++) {
        real *row = i < p->m ? p->c.base + i * p->c.column : p->sum;
        add_row_of_blocks(s, task, i * p->n, p->n, row);
    }
}

/* The lines under any FNN_KC windows in a row */
static int64_t lines_of_block(const window *g)
{
    int64_t rows = (FNN_KC - 1) / g->q + 2, images = (rows - 1) / g->p + 2;
    return rows * g->stride_h + images * height_of(g);
}

enum { MIN_BLOCKS = 8 }; /* of a thread, where windows are shared */

/* Whether threads share windows; their blocks lie where `rest` is then. */
static int keep_blocks(gathering *s, const fnn_task *task)
{
    const product *p = s->p;
    int64_t blocks = parts_of(parts_of(p->k, FNN_KC), task->threads);
    int64_t kept = whole_vectors(blocks * kept_of_block(p));
    if (task->threads == 1 || p->n > s->nc || blocks < MIN_BLOCKS || kept > s->memory.left / 2)
        return 0;
    if (p->n >= task->threads * PANEL || p->m >= task->threads * MAX_TILE_ROWS) return 0;
    s->kept = s->memory.rest;
    s->memory.rest += kept, s->memory.left -= kept;
    return 1;
}

/* Threads share columns where each gets whole panels: then each copies its own part of B alone. */
static void share_gathering(gathering *s, const fnn_task *task)
{
    const product *p = s->p;
    s->m1 = p->m, s->n1 = p->n, s->k1 = p->k;
    if (s->kept)
        fnn_share(task, p->k, FNN_KC, &s->k0, &s->k1);
    else if (p->n >= task->threads * PANEL)
        fnn_share(task, p->n, PANEL, &s->n0, &s->n1);
    else if (p->m < task->threads * MAX_TILE_ROWS)
        fnn_share(task, p->n, LANES, &s->n0, &s->n1);
    else
        fnn_share(task, p->m, 4, &s->m0, &s->m1);
}

static int plan_gathering(gathering *s, const fnn_task *task)
{
    const product *p = s->p;
    const window *g = s->g;
    s->nc = min_of(parts_of(p->n, PANEL) * PANEL, WINDOW_B_REALS / FNN_KC);
    s->memory = scratch_of(task, s->nc * FNN_KC);
    s->even = run_of(g);
    int64_t count = lines_of_block(g), copy = p->m * WINDOWS_ROW;
    if (2 * s->even <= tallest[PANEL_LOG2] && copy <= s->memory.left / 2) {
        s->a = s->memory.rest;
        s->even = p->m;
        s->memory.rest += copy, s->memory.left -= copy;
    }
    if (!have_room(g, count, s->memory.left)) return 0;
    window_scratch all = s->memory;
    if (keep_blocks(s, task) && !have_room(g, count, s->memory.left))
        s->kept = NULL, s->memory = all;
    s->lines = lines_at(s->memory.rest, &p->a, count, s->memory.left);
    s->ahead.s = &p->b;
    share_gathering(s, task);
    int64_t tiles_of_block = parts_of(p->m, tallest[PANEL_LOG2]) * parts_of(p->n, PANEL);
    int64_t image_reals = FNN_KC * g->c * g->stride_h * g->stride_w, b_reals = FNN_KC * p->n;
    s->step = fetched_by(b_reals > image_reals ? b_reals : image_reals, tiles_of_block);
    return 1;
}

/* ---- the product --------------------------------------------------------------------------------- */

static void multiply_patches(const product *p, const fnn_task *task)
{
    const window *g = p->a.patches;
    sliding s = {.p = p, .g = g};
    gathering d = {.p = p, .g = g};
    if (!g || !p->m || !p->n || !p->k)
        multiply(p, task);
    else if (p->a_by_k && plan_gathering(&d, task)) {
        gather(&d, task);
        if (!d.kept) return;
        fnn_meet(task);
        add_blocks(&d, task);
        fnn_meet(task); /* the next group of channels keeps its own there */
    } else if (!p->a_by_k && have_room(g, height_of(g), scratch_of(task, WINDOW_B_REALS).left)) {
        plan_sliding(&s, task);
        slide(&s, task);
    } else
        multiply(p, task);
}
