/* gemm-inl.h: the one matrix product of the library, C[m,n] = g(A[m,k] B[k,n] + bias).
 *
 * All dense and convolution kernels describe their operands to it as *sources*, matrices that can be
 * copied a block at a time: an array, an array times an activation's derivative, the patches of images.
 * B may also have been copied beforehand (panels-inl.h).
 * The product walks C in blocks, packs what is not read well in place, and hands tiles to a micro-kernel
 * that keeps its part of C in registers:
 *
 *     for columns jc of C, nc at a time
 *       for depths kg of A and B, a multiple of FNN_KC at a time     B[kg, jc] -> panels [kg][width of a tile]
 *         for rows ic of C, mc at a time
 *           for depths pc of kg, FNN_KC at a time                    A[ic, pc] -> strips [pc][STRIP]
 *             for tiles of rows, for panels of B: C tile (+)= A tile B panel
 *
 * A strip stays in the L1 cache while the panels come by from the L2 cache; meanwhile the lines of the next
 * strip and of the next part of B are sent for.  Some shapes go another way: C of one column, sums of one
 * term (column-inl.h), one row of few columns or on several threads (row-inl.h), and few rows times a
 * transposed matrix, which are summed without packing (dots).
 *
 * Invariant: an element of C is the sum of its FNN_KC-blocks in order, each the chain of v_fma over
 * ascending k from zero.  Blocks begin at multiples of FNN_KC, and nothing else (tile shape, packing,
 * thread, rows of the batch, ISA) enters the sum: so its bits depend on a row of A and a column of B. */

/* The working memory of a thread: panels of B, then a block of A or lines of images.  Together with the
 * tiles of C they stay in an L2 cache of 1 MiB. */
enum {
    SCRATCH_REALS = FNN_SCRATCH / sizeof(real),
    B_REALS = SCRATCH_REALS / 4,
    A_REALS = SCRATCH_REALS - B_REALS - LANES,
    STRIP = 16, /* rows of A that are packed together, at most */
    STRIPS = 4, /* that are packed at a time where A lies by columns: lines are whole there */
    PACKED_TERMS = 16, /* for all strips at a time, while their lines are in the L1 cache */
    ROW_PAD = LANES,   /* keeps rows of a copy out of the same cache sets */
    MAX_MC = 98,
    MAX_NC = B_REALS / FNN_KC,
    MAX_LOG2 = 3,     /* of the vectors of a tile */
    MAX_LINES = 2048, /* that are sent for at a time */
    LINE = LANES,
    POLL_WORK = 1 << 22,       /* products between two looks for signals */
    MIN_PACKED_M = 64,         /* fewer rows do not pay for copying A, or B from wherever it lies */
    MIN_PACKED_N = 128,        /* fewer columns do not pay for copying A */
    FAR = 2048 / sizeof(real), /* rows of B that lie no farther apart are read in place for ... */
    MIN_NEAR_M = 256,          /* ... fewer rows of A than these */
    IN_L1 = 32768 / sizeof(real) /* what is no larger need not be copied to be near */
};

/* How A is read: where it lies, or packed strip by strip. */
typedef enum { IN_PLACE, PACKED } reading;

/* A product as one thread does it: its share of C, and how A and B are read. */
typedef struct {
    const product *p;
    int64_t m0, m1, n0, n1;
    reading a_as;
    int64_t group;  /* rows of A from one multiple of this to the next lie evenly */
    int64_t mc;     /* rows of A that are worked on at a time                     */
    int64_t strip;  /* of which so many are packed together                       */
    int packed;     /* whether B is copied to panels, or read in place but for its last columns */
    int log2;       /* of the vectors of a tile                                   */
    int64_t nc, kg; /* columns and depth of B that are worked on at a time        */
    real *b, *a;    /* scratch */
} share;

/* A stretch of columns, a power of two of vectors wide */
typedef struct {
    const real *b;
    int64_t step, cols;
    int log2;
} panel;

/* An array whose rows are `stride` apart */
typedef struct {
    const real *at;
    int64_t rows, cols, stride;
} area;

/* Lines of the cache to be sent for while tiles are made, in order */
typedef struct {
    const real *line[MAX_LINES + FNN_KC];
    int64_t count, used;
} fetch_list;

/* The part of B that is worked on: columns jc..end, depths k.. + kn; and what of the next part has not
 * been sent for yet */
typedef struct {
    int64_t jc, end, k, kn;
    area next;
} group;

/* Where row k, column j of a B that lies as panels is */
static inline const real *panel_from(const product *p, int64_t k, int64_t j)
{
    return p->b.base + (j - j % WIDE) * p->k + k * WIDE + j % WIDE;
}

/* The panel that begins at column j */
static inline panel panel_at(const share *s, const group *g, int64_t j)
{
    int64_t left = g->end - j, width = LANES << s->log2, past = (j - g->jc) % width;
    int log2 = s->log2;
    if (!s->packed && left < LANES) return (panel){s->b, LANES, left, 0};
    while (LANES << log2 >= left + (s->packed ? LANES : 1)) log2--;
    while (s->p->panels && LANES << log2 > WIDE - j % WIDE) log2--;
    if (s->p->panels)
        return (panel){panel_from(s->p, g->k, j), WIDE, min_of(left, LANES << log2), log2};
    if (!s->packed)
        return (panel){s->p->b.base + g->k * s->p->b.stride + j, s->p->b.stride, LANES << log2,
                       log2};
    return (panel){s->b + (j - g->jc - past) * g->kn + past, width, min_of(left, LANES << log2),
                   log2};
}

static void copy_panel(const share *s, const group *g, int64_t j, int64_t cols, real *to,
                       int64_t step)
{
    if (s->p->bt.w)
        copy_transposed(&s->p->bt, g->k, g->kn, j, cols, to, step);
    else
        copy_block(&s->p->b, g->k, g->kn, j, cols, to, step);
}

/* Copies B as it is read fastest, row by row. */
static void pack_rows(const share *s, const group *g)
{
    const source *b = &s->p->b;
    int64_t width = LANES << s->log2;
    for (int64_t i = 0; i < g->kn; i++) {
        const real *from = b->base + (g->k + i) * b->stride;
        real *to = s->b + i * width;
        for (int64_t j = g->jc; j < g->end; j += width, to += width * g->kn)
            copy_run(from + j, to, min_of(g->end - j, width));
    }
}

/* Copies B to scratch: all of it, or the columns after the last whole vector. */
static void pack_b(const share *s, const group *g)
{
    int64_t rest = (g->end - g->jc) % LANES, width = LANES << s->log2;
    if (s->p->panels) return;
    if (s->packed && !s->p->bt.w && in_place(&s->p->b))
        pack_rows(s, g);
    else if (s->packed)
        for (int64_t j = g->jc; j < g->end; j += width)
            copy_panel(s, g, j, min_of(g->end - j, width), s->b + (j - g->jc) * g->kn, width);
    else if (rest)
        copy_panel(s, g, g->end - rest, rest, s->b, LANES);
}

/* The sums of the columns of B, one vector of columns at a time, in blocks of FNN_KC like any other. */
static void sum_panel(const panel *b, int64_t k, int64_t kn, real *sum)
{
    for (int64_t begin = 0; begin < kn; begin += FNN_KC)
        for (int64_t v = 0; v < b->cols; v += LANES) {
            vec total = v_zero();
            const real *at = b->b + begin * b->step + v;
            for (int64_t i = min_of(kn - begin, FNN_KC); i > 0; i--, at += b->step)
                total = v_add(total, v_load(at));
            if (k + begin) total = v_add(load_lanes(sum + v, b->cols - v), total);
            store_lanes(sum + v, total, b->cols - v);
        }
}

static void sum_columns(const share *s, const group *g)
{
    for (int64_t j = g->jc; j < g->end;) {
        panel b = panel_at(s, g, j);
        sum_panel(&b, g->k, g->kn, s->p->sum + j);
        j += b.cols;
    }
}

/* A while a block of rows and depths is worked on */
typedef struct {
    int64_t row; /* number of the row of A at tile.a */
    terms run;
    fetch_list fetch;
} block;

static inline int64_t row_offset(const share *s, const block *b, const tile *t, int64_t i)
{
    if (s->a_as == PACKED) return (i - b->row) / s->strip * STRIP * t->k + (i - b->row) % s->strip;
    return (i - b->row) * t->a_row;
}

/* A[i.. + mc, k.. + kc] -> [kc][STRIP] for each strip, so that a term of a tile is one line of the cache */
static void pack_columns(const share *s, int64_t i, int64_t mc, int64_t k, int64_t kc)
{
    for (int64_t at = 0; at < kc; at += PACKED_TERMS) {
        real *to = s->a + at * STRIP;
        int64_t terms_now = min_of(kc - at, PACKED_TERMS);
        for (int64_t row = 0; row < mc; row += s->strip, to += STRIP * kc)
            copy_block(&s->p->a, k + at, terms_now, i + row, min_of(mc - row, s->strip), to, STRIP);
    }
}

static void pack_strip(const share *s, int64_t i, int64_t mc, int64_t k, int64_t kc)
{
    const source *a = &s->p->a;
    const real *from = a->base + i * a->stride + k;
    int64_t stride = a->stride;
    if (!in_place(a) || i + STRIP > s->p->m) {
        real *rows = s->a + STRIP * FNN_KC;
        stride = FNN_KC + ROW_PAD;
        copy_block(a, i, mc, k, kc, rows, stride);
        from = rows;
    }
    transpose(from, stride, STRIP, kc, s->a, STRIP);
}

/* Makes t and b describe A[i.. + mc, k.. + kc]. */
static void read_a(const share *s, block *b, int64_t i, int64_t mc, int64_t k, int64_t kc, tile *t)
{
    const source *a = &s->p->a;
    b->row = i;
    b->run = (terms){0, kc};
    if (s->a_as == PACKED) {
        (s->p->a_by_k ? pack_columns : pack_strip)(s, i, mc, k, kc);
        t->a = s->a, t->a_row = 1, t->a_step = STRIP;
    } else if (s->p->a_by_k)
        t->a = a->base + k * a->stride + i, t->a_row = 1, t->a_step = a->stride;
    else
        t->a = a->base + i * a->stride + k, t->a_row = a->stride, t->a_step = 1;
}

/* The height of the next tile, of `left` rows: tiles of even height, none across groups of rows */
static inline int64_t tile_rows(const share *s, int64_t i, int64_t left)
{
    if (s->a_as == PACKED) left = min_of(left, s->strip - (i - s->m0) % s->strip);
    if (s->group < s->p->m) left = min_of(left, s->group - i % s->group);
    int64_t count = (left + tallest[s->log2] - 1) / tallest[s->log2];
    return (left + count - 1) / count;
}

/* A tile of C, (+)= what t says of A times a panel of B; done: the sum is complete */
static inline void multiply_tile(const share *s, const panel *b, tile *t, int64_t rows, int64_t j,
                                 int done)
{
    const product *p = s->p;
    t->b = b->b;
    t->b_step = b->step;
    t->last = b->cols - (LANES << b->log2) + LANES;
    t->bias = !done || !p->bias ? NULL : p->bias + j;
    t->relu = done && p->activation == FNN_ACTIVATION_relu;
    tiles[b->log2][rows](t);
    if (done && !t->relu) activate_block(p->activation, t->c, rows, b->cols, t->c_row, NULL);
}

/* Puts the lines of up to `rows` rows on the list, and takes these off the area.  From the last element
 * backwards: what lies before an area has mostly come with the one before it. */
static void fetch_rows(fetch_list *list, area *a, int64_t rows)
{
    int64_t lines = (a->cols + LINE - 1) / LINE;
    for (; rows > 0 && a->rows > 0 && list->count + lines <= MAX_LINES; rows--, a->rows--) {
        const real *last = a->at + a->cols - 1, **line = list->line + list->count;
        for (int64_t l = 0; l < lines; l++) line[l] = last - l * LINE;
        list->count += lines;
        a->at += a->stride;
    }
}

/* A[i.. + mc, k.. + kc] as it lies */
static inline area area_of_a(const share *s, int64_t i, int64_t mc, int64_t k, int64_t kc)
{
    const source *a = &s->p->a;
    if (s->p->a_by_k) return (area){a->base + k * a->stride + i, kc, mc, a->stride};
    return (area){a->base + i * a->stride + k, mc, kc, a->stride};
}

static inline area area_of_b(const share *s, int64_t k, int64_t kn, int64_t j, int64_t cols)
{
    const product *p = s->p;
    if (p->panels)
        return (area){panel_from(p, k, j), (cols + WIDE - 1) / WIDE, kn * WIDE, p->k * WIDE};
    if (!p->bt.w) return (area){p->b.base + k * p->b.stride + j, kn, cols, p->b.stride};
    if (p->bt.depth != p->k) return (area){0};
    return (area){p->bt.w + j * p->bt.stride + k, cols, kn, p->bt.stride};
}

/* While the strip at (i, k) is multiplied, the next one and a part of the next part of B can travel. */
static void plan_fetch(const share *s, group *g, fetch_list *list, int64_t i, int64_t k, int64_t kc)
{
    list->count = list->used = 0;
    if (s->a_as != PACKED || s->p->a.patches) return;
    int64_t next_k = k + kc < g->k + g->kn ? k + kc : g->k, next_i = next_k > k ? i : i + s->mc;
    int64_t strips = (s->m1 - i + s->mc - 1) / s->mc;
    if (next_i < s->m1) {
        area a = area_of_a(s, next_i, min_of(s->mc, s->m1 - next_i), next_k,
                           min_of(FNN_KC, g->k + g->kn - next_k));
        fetch_rows(list, &a, a.rows);
    }
    if (next_k <= k) fetch_rows(list, &g->next, (g->next.rows + strips - 1) / strips);
    while (list->count && kc >= TERMS_A_TURN && list->count % (kc / TERMS_A_TURN))
        list->line[list->count++] = s->a;
}

/* C[i..end_i, jc..end] (+)= A[, k.. + kn] B[k.. + kn,] */
static void multiply_rows(const share *s, group *g, int64_t i, int64_t end_i)
{
    block a;
    tile t = {.c_row = s->p->c.column, .runs = &a.run};
    for (int64_t at = 0; at < g->kn; at += FNN_KC) {
        t.k = min_of(g->kn - at, FNN_KC);
        t.add = g->k + at > 0;
        read_a(s, &a, i, end_i - i, g->k + at, t.k, &t);
        plan_fetch(s, g, &a.fetch, i, g->k + at, t.k);
        const real *origin = t.a;
        for (int64_t row = i, rows; row < end_i; row += rows) {
            rows = tile_rows(s, row, end_i - row);
            t.a = origin + row_offset(s, &a, &t, row);
            real *c = place_of(&s->p->c, row);
            for (int64_t j = g->jc; j < g->end;) {
                panel b = panel_at(s, g, j);
                b.b += at * b.step;
                t.c = c + j;
                t.fetch = a.fetch.used + t.k / TERMS_A_TURN <= a.fetch.count
                              ? a.fetch.line + a.fetch.used
                              : NULL;
                a.fetch.used += t.k / TERMS_A_TURN;
                multiply_tile(s, &b, &t, rows, j, g->k + at + t.k == s->p->k);
                j += b.cols;
            }
        }
    }
}

/* The part of B after g: deeper, or the next columns */
static void next_group(const share *s, group *g)
{
    if (g->k + g->kn < s->p->k)
        g->k += g->kn;
    else
        g->k = 0, g->jc = g->end;
    g->end = min_of(g->jc + s->nc, s->n1);
    g->kn = min_of(s->p->k - g->k, s->kg);
}

static void multiply_share(const share *s, const fnn_task *task)
{
    const product *p = s->p;
    int64_t work = 0;
    group g = {.jc = s->n0, .end = min_of(s->n0 + s->nc, s->n1), .kn = min_of(p->k, s->kg)};
    for (; g.jc < s->n1; next_group(s, &g)) {
        group after = g;
        next_group(s, &after);
        g.next = area_of_b(s, after.k, after.kn, after.jc, after.end - after.jc);
        pack_b(s, &g);
        if (p->sum && s->m0 == 0) sum_columns(s, &g);
        for (int64_t i = s->m0; i < s->m1; i += s->mc) {
            multiply_rows(s, &g, i, min_of(i + s->mc, s->m1));
            work += s->mc * (g.end - g.jc) * g.kn;
            if (work < POLL_WORK) continue;
            if (fnn_poll(task)) return;
            work = 0;
        }
    }
}

/* Threads share the dimension with more tiles; sums belong to whoever has the first row. */
static inline void share_product(share *s, const fnn_task *task)
{
    const product *p = s->p;
    s->m1 = p->m, s->n1 = p->n;
    if (task->threads == 1) return;
    if ((p->n / LANES >> PANEL_LOG2) > p->m / MAX_TILE_ROWS)
        fnn_share(task, p->n, LANES, &s->n0, &s->n1);
    else
        fnn_share(task, p->m, 4, &s->m0, &s->m1);
}

/* The height of strips of even height that hold whole tiles */
static inline int64_t strip_rows(int64_t m)
{
    int64_t tall = STRIP / tallest[PANEL_LOG2] * tallest[PANEL_LOG2];
    int64_t count = (m + tall - 1) / tall;
    return (m + count - 1) / count;
}

static void plan_a(share *s, int64_t m, int64_t n)
{
    const product *p = s->p;
    int pays = m >= MIN_PACKED_M && n >= MIN_PACKED_N && m * p->k > IN_L1;
    s->a_as = !in_place(&p->a) || pays ? PACKED : IN_PLACE;
    s->strip = strip_rows(m);
    int strips = p->a_by_k && !p->a.patches ? STRIPS : 1; /* patches would spoil the next strip */
    s->mc = s->a_as == IN_PLACE ? MAX_MC : strips * s->strip;
    s->group = p->c.w;
}

/* Copying B pays where it is read often, or where its rows lie so far apart that their lines get into
 * each other's way. */
static inline int pays_packing(const product *p, int64_t m, int64_t n)
{
    if (p->bt.w || p->panels || !in_place(&p->b)) return 1;
    if (n > LANES && n < LANES << PANEL_LOG2) return m > MAX_TILE_ROWS; /* the tail shares a tile */
    return m >= (p->b.stride > FAR ? MIN_PACKED_M : MIN_NEAR_M) && n * p->k > IN_L1;
}

static void plan_b(share *s, int64_t m, int64_t n)
{
    const product *p = s->p;
    s->packed = pays_packing(p, m, n);
    s->log2 = MAX_LOG2;
    while (s->log2 > PANEL_LOG2 && tallest[s->log2] < m) s->log2--;
    while (s->log2 > 0 && LANES << (s->log2 - 1) >= n) s->log2--;
    int64_t width = LANES << s->log2;
    if (s->packed && s->log2 > PANEL_LOG2) /* few rows: what is packed is read at once */
        s->nc = width, s->kg = FNN_KC;
    else if (s->packed || m >= MIN_PACKED_M) { /* as many columns each time */
        int64_t groups = (n + MAX_NC - 1) / MAX_NC, even = (n + groups - 1) / groups;
        s->nc = (even + width - 1) / width * width;
        s->kg = B_REALS / s->nc / FNN_KC * FNN_KC;
    } else
        s->nc = n, s->kg = B_REALS / LANES / FNN_KC * FNN_KC;
}

/* Few rows times a transposed matrix, C[rows, cols] (+)= A[rows, k] W[cols, k].T, k <= FNN_KC: every
 * element of W is used so seldom that it is transposed in registers, not in memory. */
typedef struct {
    const real *a, *w;
    real *c;
    int64_t a_row, w_row, c_row, k, cols;
    int add;
} dots;

#if V_REGISTERS >= 32
#define EACH_DOTS(T) T(1) T(2) T(3) T(4)
enum { MAX_DOT_ROWS = 4, DOT_VECS = 4 };
#else
#define EACH_DOTS(T) T(1)
enum { MAX_DOT_ROWS = 1, DOT_VECS = 2 };
#endif

typedef vec dot_sums[DOT_VECS][MAX_DOT_ROWS];

/* sum[i] += a[i, k.. + n] column[n] */
VERB void add_columns(vec *sum, const dots *d, const vec *column, int64_t k, const int n,
                      const int rows)
{
#pragma GCC unroll 4
    for (int q = 0; q < n; q++)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++)
            sum[i] = v_fma(v_set1(d->a[i * d->a_row + k + q]), column[q], sum[i]);
}

/* Whole lines of whole vectors; vectors take turns of a line each, so that several sums are made at a
 * time.  Returns where it stopped. */
VERB int64_t add_lines(dot_sums sum, const dots *d, const int rows)
{
    int64_t k = 0;
    if (d->cols < DOT_VECS * LANES) return 0;
    for (; k + LINE <= d->k; k += LINE)
#pragma GCC unroll 4
        for (int v = 0; v < DOT_VECS; v++)
#pragma GCC unroll 4
            for (int q = 0; q < LINE; q += QUAD) {
                vec column[QUAD];
                v_load_columns(d->w + v * LANES * d->w_row + k + q, d->w_row, column);
                add_columns(sum[v], d, column, k + q, QUAD, rows);
            }
    return k;
}

/* What add_lines left: depths k.., columns that fill no vector.  Out of line: seldom, and of any size. */
static __attribute__((noinline)) void finish_dots(const dots *d, dot_sums sum, int64_t k, int rows)
{
    for (int64_t v = 0, left = d->cols; left > 0; v++, left -= LANES) {
        const real *w = d->w + v * LANES * d->w_row;
        for (int64_t at = k; at < d->k; at += QUAD) {
            vec column[QUAD];
            int n = (int)min_of(d->k - at, QUAD);
            if (left >= LANES && n == QUAD)
                v_load_columns(w + at, d->w_row, column);
            else
                load_columns_of(w + at, d->w_row, min_of(left, LANES), n, column);
            add_columns(sum[v], d, column, at, n, rows);
        }
        for (int64_t i = 0; i < rows; i++) {
            real *c = d->c + i * d->c_row + v * LANES;
            store_lanes(c, d->add ? v_add(load_lanes(c, left), sum[v][i]) : sum[v][i], left);
        }
    }
}

VERB void dot_product(const dots *d, const int rows)
{
    dot_sums sum, kept;
#pragma GCC unroll 4
    for (int v = 0; v < DOT_VECS; v++)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) sum[v][i] = v_zero();
    int64_t k = add_lines(sum, d, rows);
#pragma GCC unroll 4
    for (int v = 0; v < DOT_VECS; v++)
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) kept[v][i] = sum[v][i];
    finish_dots(d, kept, k, rows);
}

#define T(rows) \
    static void dots_##rows(const dots *d) { dot_product(d, rows); }
EACH_DOTS(T)
#undef T

static void (*const dot_kernels[])(const dots *d) = {
#define T(rows) [rows] = dots_##rows,
    EACH_DOTS(T)
#undef T
};

static inline int are_dots(const share *s)
{
    const product *p = s->p;
    return p->bt.w && p->bt.depth == p->k && p->m <= MAX_DOT_ROWS && p->c.w == p->m &&
           !p->a.patches && !p->a_by_k;
}

/* A row of W is read along its length, in blocks of FNN_KC. */
static void multiply_dots(const share *s, const fnn_task *task)
{
    const product *p = s->p;
    enum { STEP = DOT_VECS * LANES };
    dots d = {.w_row = p->bt.stride, .c_row = p->c.column};
    for (int64_t j = s->n0, rows = p->m; j < s->n1; j += STEP) {
        d.c = p->c.base + j;
        d.cols = min_of(s->n1 - j, STEP);
        for (int64_t k = 0; k < p->k; k += FNN_KC) {
            d.k = min_of(p->k - k, FNN_KC);
            d.add = k > 0;
            d.w = p->bt.w + j * d.w_row + k;
            d.a = p->a.base + k, d.a_row = p->a.stride;
            if (!in_place(&p->a)) {
                copy_block(&p->a, 0, rows, k, d.k, s->a, FNN_KC + ROW_PAD);
                d.a = s->a, d.a_row = FNN_KC + ROW_PAD;
            }
            dot_kernels[rows](&d);
        }
        activate_block(p->activation, d.c, rows, d.cols, d.c_row, !p->bias ? NULL : p->bias + j);
        if (j / STEP % 16 == 15 && fnn_poll(task)) return;
    }
}

static void multiply_shared(const product *p, const fnn_task *task)
{
    share s = {
        .p = p, .b = (real *)(void *)task->scratch, .a = (real *)(void *)task->scratch + B_REALS};
    if (p->m == 0) return;
    share_product(&s, task);
    int64_t m = s.m1 - s.m0, n = s.n1 - s.n0;
    if (m == 0 || n == 0) return;
    if (p->k == 0) {
        multiply_nothing(p, s.m0, s.m1, s.n0, s.n1);
        return;
    }
    if (are_dots(&s)) {
        multiply_dots(&s, task);
        return;
    }
    plan_a(&s, m, n);
    plan_b(&s, m, n);
    multiply_share(&s, task);
}

static void multiply(const product *p, const fnn_task *task)
{
    if (is_one_column(p))
        multiply_column(p, task);
    else if (is_one_term(p))
        multiply_term(p, task);
    else if (is_one_row(p))
        multiply_row(p, task);
    else if (is_parted_row(p, task->threads))
        multiply_parted_row(p, task);
    else
        multiply_shared(p, task);
}
