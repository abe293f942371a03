/* mixed_patches-inl.h: mixed products with the patches of images, which are rounded to bfloat16 once and
 * not once for each window that sees them.
 *
 * What windows see are *lines*: rows of images with their padding, numbered through all images.
 *
 * Invariant: which of these ways a product goes depends on its geometry alone. */

typedef struct {
    int64_t an_image, length; /* lines of an image, elements of a line */
    int64_t stride;           /* words from line to line in bench->lines */
    int64_t first;            /* number of the line there */
} lines;

static lines lines_of(const window *g, int64_t elements_of_word)
{
    int64_t length = ((g->q - 1) * g->stride_w + g->n) * g->c;
    return (lines){.an_image = (g->p - 1) * g->stride_h + g->m,
                   .length = length,
                   .stride = (length + STEP - 1) / STEP * STEP / elements_of_word};
}

/* The first line under the windows of row i of the outputs of all images */
static inline int64_t line_under(const window *g, const lines *l, int64_t i)
{
    return i / g->p * l->an_image + i % g->p * g->stride_h;
}

/* Whether the lines under any `rows` rows of outputs have room, and what lies after them. */
static int lines_fit(const window *g, const lines *l, int64_t rows)
{
    int64_t images = (rows - 1) / g->p + 2;
    int64_t count = rows * g->stride_h + images * g->m;
    return count * l->stride <= LINE_WORDS - TILE * g->stride_w * g->c - STEP;
}

/* Elements x.. + n of line `l` of the images, zeros outside of them */
static void stage_line(const source *s, const lines *l, int64_t line, int64_t x, int64_t n,
                       real *to)
{
    const window *g = s->patches;
    int64_t h = line % l->an_image + g->top, row = g->w * g->c;
    if (h < 0 || h >= g->h)
        zero_run(to, n);
    else
        copy_padded(s, (line / l->an_image * g->h + h) * row, g->left * g->c + x, row, to, n);
}

/* Rounds lines first..end, two elements that follow one another to a word. */
static void round_lines(const mixed_share *s, lines *l, int64_t first, int64_t end)
{
    real *stage = s->bench->stage;
    l->first = first;
    for (int64_t line = first; line < end; line++)
        for (int64_t x = 0, n; x < l->length; x += n) {
            word *to = s->bench->lines + (line - first) * l->stride + x / 2;
            n = min_of(l->length - x, STAGE_REALS / STEP * STEP - STEP);
            stage_line(&s->p->a, l, line, x, n, stage);
            zero_run(stage + n, (STEP - n % STEP) % STEP);
            for (int64_t i = 0; i < n; i += STEP)
                words_of_row(v_load(stage + i), v_load(stage + i + TILE), to + i / 2);
        }
}

/* Whether windows can be read from lines: they see rows as they lie. */
static inline int reads_lines(const product *p)
{
    const window *g = p->a.patches;
    return g && is_whole(g) && g->dilation_h == 1;
}

enum { RUN = 64 }; /* bytes that a run is copied by */

/* Spoils up to RUN - 1 bytes after `to`. */
static inline void copy_bytes(const unsigned char *from, unsigned char *to, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += RUN) memcpy(to + i, from + i, RUN);
}

/* ---- rows of patches ---------------------------------------------------------------------------- */

/* How the patches of rows of outputs are read: in the lines, where a row of the window is whole steps,
 * or copied. */
typedef struct {
    int in_lines;
    int64_t depth;     /* terms of a patch with what fills the last step */
    int64_t rows;      /* rows of outputs that are worked on at a time   */
    int64_t a_row, nc; /* words from patch to patch; columns of B at a time */
} windows;

static windows plan_windows(const mixed_share *s, const lines *l)
{
    const window *g = s->p->a.patches;
    windows v = {.depth = steps_of(s->p->k) * STEP};
    v.in_lines = g->n * g->c % STEP == 0 && g->stride_w * g->c % 2 == 0;
    v.a_row = v.in_lines ? g->stride_w * g->c / 2 : v.depth / 2;
    v.nc = min_of(MIXED_COLS, B_WORDS / (v.depth / 2) / STEP * STEP);
    v.rows = MAX_ROW_TILES / tiles_of(g->q);
    if (!v.in_lines) v.rows = min_of(v.rows, (A_WORDS - RUN) / (g->q * v.a_row));
    while (v.rows > 0 && !lines_fit(g, l, v.rows)) v.rows--;
    return v;
}

/* Lists the tiles of rows i.. + rows of outputs as they lie in the lines. */
static int64_t windows_in_lines(const mixed_share *s, const windows *v, const lines *l, int64_t i,
                                int64_t rows)
{
    const window *g = s->p->a.patches;
    row_tile *to = s->bench->rows;
    for (int64_t end = i + rows; i < end; i++) {
        const word *line = s->bench->lines + (line_under(g, l, i) - l->first) * l->stride;
        for (int64_t j = 0; j < g->q; j += TILE)
            *to++ = (row_tile){line + j * v->a_row, i * g->q + j, min_of(g->q - j, TILE)};
    }
    return to - s->bench->rows;
}

/* Copies the patches of rows i.. + rows of outputs, and lists their tiles. */
static int64_t copied_windows(const mixed_share *s, const windows *v, const lines *l, int64_t i,
                              int64_t rows)
{
    const window *g = s->p->a.patches;
    const int64_t run = 2 * g->n * g->c, fill = 2 * (v->depth - s->p->k), at = i * g->q;
    unsigned char *to = (unsigned char *)s->bench->a;
    static const unsigned char zeros[RUN];
    for (int64_t end = i + rows; i < end; i++)
        for (int64_t j = 0; j < g->q; j++) {
            const word *line = s->bench->lines + (line_under(g, l, i) - l->first) * l->stride;
            for (int64_t m = 0; m < g->m; m++, line += l->stride, to += run)
                copy_bytes((const unsigned char *)line + 2 * j * g->stride_w * g->c, to, run);
            memcpy(to, zeros, RUN); /* fills less than a step */
            to += fill;
        }
    int64_t count = rows * g->q;
    for (int64_t t = 0; t < count; t += TILE)
        s->bench->rows[t / TILE] =
            (row_tile){s->bench->a + t * v->a_row, at + t, min_of(count - t, TILE)};
    return tiles_of(count);
}

/* Words from the first tile of a patch to that of each step */
static void find_steps(const mixed_share *s, const windows *v, const lines *l)
{
    int64_t row = s->p->a.patches->n * s->p->a.patches->c;
    for (int64_t k = 0; k < v->depth; k += STEP)
        s->bench->a_step[k / STEP] = (v->in_lines ? k / row * l->stride + k % row / 2 : k / 2);
}

/* The rows of C of rows i.. + rows of outputs, its columns jc..end */
static void multiply_window_rows(const mixed_share *s, const windows *v, lines *l, int64_t i,
                                 int64_t rows, int64_t jc, int64_t end)
{
    const window *g = s->p->a.patches;
    tiles t = {.a_row = v->a_row,
               .b_row = TILE,
               .a_step = s->bench->a_step,
               .b_step = TILE_WORDS,
               .steps = v->depth / STEP};
    round_lines(s, l, line_under(g, l, i), line_under(g, l, i + rows - 1) + g->m);
    int64_t count = (v->in_lines ? windows_in_lines : copied_windows)(s, v, l, i, rows);
    tiles_begin();
    multiply_rows(s->p, s->bench, &t, s->bench->rows, count, s->bench->b, t.steps * TILE_WORDS, jc,
                  end, 1);
    tiles_end();
}

/* C = patches B; 0 if there is no room for it */
static int multiply_windows(const mixed_share *s, const fnn_task *task)
{
    const product *p = s->p;
    const window *g = p->a.patches;
    lines l = lines_of(g, 2);
    windows v = plan_windows(s, &l);
    if (v.rows == 0 || v.nc == 0 || v.depth > MIXED_STEPS * STEP || s->m0 % g->q || s->m1 % g->q)
        return 0;
    find_steps(s, &v, &l);
    for (int64_t jc = s->n0; jc < s->n1; jc += v.nc) {
        int64_t end = min_of(jc + v.nc, s->n1);
        (p->bt.w ? pack_transposed : pack_b)(s, 0, p->k, jc, end);
        for (int64_t i = s->m0 / g->q; i < s->m1 / g->q; i += v.rows) {
            multiply_window_rows(s, &v, &l, i, min_of(s->m1 / g->q - i, v.rows), jc, end);
            if (fnn_poll(task)) return 1;
        }
    }
    return 1;
}

/* ---- columns of patches ------------------------------------------------------------------------- */

/* dk = patches.T dz sums over the places (r, p, q).  A word holds the same place of two images that
 * follow one another, so windows may begin anywhere; the product made is the transposed one, dz.T
 * patches, because there patches are whole words. */
typedef struct {
    int64_t images, places; /* places of two images: p q */
    int64_t total;          /* of all images: terms / 2 */
    int64_t chunk;          /* places worked on at a time */
    int64_t nc;             /* columns of patches at a time, whole tiles */
} pairs;

/* Each block of columns of patches rounds images and dz again. */
enum { MAX_BLOCKS = 3 };

/* By the whole product's sizes, not a thread's share: the chunks enter the sums of dz. */
static pairs plan_pairs(const mixed_share *s, const lines *l)
{
    const window *g = s->p->a.patches;
    int64_t rows = tiles_of(s->p->n) * TILE, all = tiles_of(s->p->m) * TILE;
    pairs v = {.places = g->p * g->q, .chunk = MIXED_DEPTH / 2};
    v.images = s->p->k / v.places;
    v.total = (v.images + 1) / 2 * v.places;
    while (v.chunk && (rows * v.chunk > A_WORDS || !lines_fit(g, l, (v.chunk - 1) / g->q + 2)))
        v.chunk = v.chunk / 2 / TILE * TILE;
    int64_t most = rows > MIXED_COLS ? 0 : min_of(MIXED_COLS - TILE, C_REALS / rows / TILE * TILE);
    int64_t blocks = most ? (all + most - 1) / most : MAX_BLOCKS + 1;
    v.nc = tiles_of((all + blocks - 1) / blocks) * TILE;
    if (blocks > MAX_BLOCKS) v.chunk = 0;
    return v;
}

/* Rounds lines first..end, the same element of two images to a word. */
static void round_line_pairs(const mixed_share *s, const pairs *v, lines *l, int64_t first,
                             int64_t end)
{
    enum { HALF = STAGE_REALS / 2 / LANES * LANES - LANES };
    real *even = s->bench->stage, *odd = even + HALF + LANES;
    l->first = first;
    for (int64_t line = first; line < end; line++) {
        int64_t image = line / l->an_image * 2, h = line % l->an_image;
        for (int64_t x = 0, n; x < l->length; x += n) {
            word *to = s->bench->lines + (line - first) * l->stride + x;
            n = min_of(l->length - x, HALF);
            stage_line(&s->p->a, l, image * l->an_image + h, x, n, even);
            if (image + 1 < v->images)
                stage_line(&s->p->a, l, (image + 1) * l->an_image + h, x, n, odd);
            else
                zero_run(odd, n);
            zero_run(even + n, (TILE - n % TILE) % TILE);
            zero_run(odd + n, (TILE - n % TILE) % TILE);
            for (int64_t i = 0; i < n; i += TILE)
                words_of_pair(v_load(even + i), v_load(odd + i), to + i);
        }
    }
}

/* b[place][column] = the patches at places t.. + count, columns e.. + cols; whole steps */
static void copy_pair_patches(const mixed_share *s, const lines *l, int64_t t, int64_t count,
                              int64_t e, int64_t cols, int64_t stride)
{
    const window *g = s->p->a.patches;
    int64_t run = g->n * g->c;
    for (int64_t x = 0; x < count; x++, t++) {
        const word *line = s->bench->lines + (line_under(g, l, t / g->q) - l->first) * l->stride +
                           t % g->q * g->stride_w * g->c;
        for (int64_t at = e, n; at < e + cols; at += n) {
            n = min_of(run - at % run, e + cols - at);
            copy_bytes((const unsigned char *)(line + at / run * l->stride + at % run),
                       (unsigned char *)(s->bench->b + x * stride + at - e),
                       n * (int64_t)sizeof(word));
        }
    }
    zero_words(s->bench->b + count * stride, (TILE - count % TILE) % TILE * stride);
}

/* Rows of dz at 16 places or fewer, of the one image and of the next */
typedef struct {
    const real *even[TILE], *odd[TILE];
} dz_rows;

/* Finds `count` rows of dz from `row` on, their columns j.. + cols, copied to the stage if need be. */
static void find_rows(const source *s, int64_t row, int64_t count, int64_t j, int64_t cols,
                      real *stage, const real **to)
{
    view v = {stage, cols};
    if (s->y && s->stride == cols) /* one run */
        copy_elements(s, row * cols, stage, count * cols);
    else
        v = view_of(s, row, count, j, cols, stage);
    for (int64_t x = 0; x < count; x++) to[x] = v.at + x * v.stride;
}

/* The rows at places t.. + count; an image that is not there is zeros. */
static void find_pairs(const mixed_share *s, const pairs *v, int64_t t, int64_t count, int64_t j,
                       int64_t cols, dz_rows *r)
{
    static const real zeros[STAGED + LANES];
    for (int64_t x = 0, n; x < count; x += n) {
        int64_t image = (t + x) / v->places * 2, place = (t + x) % v->places;
        int64_t row = image * v->places + place;
        real *stage = s->bench->stage + x * (STAGED + LANES);
        n = min_of(count - x, v->places - place);
        find_rows(&s->p->b, row, n, j, cols, stage, r->even + x);
        for (int64_t i = x; i < x + n; i++) r->odd[i] = zeros;
        if (image + 1 < v->images)
            find_rows(&s->p->b, row + v->places, n, j, cols, stage + STAGE_REALS / 2, r->odd + x);
    }
}

/* to = the tile of the columns c.. + n of r, turned; returns sum + the sums of these columns. */
static vec pack_pairs(const mixed_share *s, const dz_rows *r, int64_t count, int64_t c, int64_t n,
                      vec sum, word *to)
{
    word *turned = s->bench->turned;
    for (int64_t x = 0; x < count; x++, turned += TILE) {
        vec even = load_lanes(r->even[x] + c, n), odd = load_lanes(r->odd[x] + c, n);
        words_of_pair(even, odd, turned);
        sum = v_add(sum, v_add(even, odd));
    }
    zero_words(turned, (TILE - count) * TILE);
    turn(s->bench->turned, to);
    return sum;
}

/* a[tile of columns of dz][step] = dz.T at places t.. + count; their sums, if wanted, a chunk at a time */
static void pack_dz(const mixed_share *s, const pairs *v, int64_t t, int64_t count, real *sums)
{
    const int64_t steps = tiles_of(count), n = s->n1 - s->n0;
    dz_rows r;
    for (int64_t j = 0; j < n; j += STAGED)
        for (int64_t at = 0; at < count; at += TILE) {
            int64_t cols = min_of(n - j, STAGED), rows = min_of(count - at, TILE);
            find_pairs(s, v, t + at, rows, s->n0 + j, cols, &r);
            for (int64_t c = 0; c < cols; c += TILE) {
                real *sum = s->bench->sums + j + c;
                word *to = s->bench->a + ((j + c) / TILE * steps + at / TILE) * TILE_WORDS;
                v_store(sum, pack_pairs(s, &r, rows, c, cols - c, at ? v_load(sum) : v_zero(), to));
            }
        }
    for (int64_t j = 0; sums && j < n; j += LANES) {
        vec sum = v_load(s->bench->sums + j);
        if (t) sum = v_add(load_lanes(sums + j, n - j), sum);
        store_lanes(sums + j, sum, n - j);
    }
}

/* The transposed C of columns e.. + cols, in bench->turned_c, (+)= the places t.. + count */
static void multiply_chunk(const mixed_share *s, const pairs *v, lines *l, int64_t t, int64_t count,
                           int64_t e, int64_t cols)
{
    const window *g = s->p->a.patches;
    const int64_t width = tiles_of(cols) * TILE, stride = width + TILE, rows = s->n1 - s->n0;
    const product turned = {.c = rows_of(s->bench->turned_c, tiles_of(rows) * TILE, width)};
    tiles k = {.a_row = TILE,
               .b_row = stride,
               .a_step = s->bench->a_step,
               .b_step = TILE * stride,
               .steps = (count + TILE - 1) / TILE,
               .add = t > 0};
    round_line_pairs(s, v, l, line_under(g, l, t / g->q),
                     line_under(g, l, (t + count - 1) / g->q) + g->m);
    copy_pair_patches(s, l, t, count, e, cols, stride);
    pack_dz(s, v, t, count, s->p->sum && e == 0 ? s->p->sum + s->n0 : NULL);
    for (int64_t x = 0; x < k.steps; x++) s->bench->a_step[x] = x * TILE_WORDS;
    for (int64_t i = 0; i < rows; i += TILE)
        s->bench->rows[i / TILE] = (row_tile){s->bench->a + i * k.steps * TILE, i, TILE};
    tiles_begin();
    multiply_rows(&turned, s->bench, &k, s->bench->rows, tiles_of(rows), s->bench->b, TILE, 0,
                  width, 0);
    tiles_end();
}

/* C[e.. + cols, n0..n1] = bench->turned_c.T */
static void turn_back(const mixed_share *s, int64_t e, int64_t cols)
{
    const int64_t width = tiles_of(cols) * TILE;
    real *tile = s->bench->c;
    for (int64_t j = s->n0; j < s->n1; j += TILE)
        for (int64_t x = 0; x < cols; x++) {
            if (x % TILE == 0)
                transpose(s->bench->turned_c + (j - s->n0) * width + x, width, TILE, TILE, tile,
                          TILE);
            store_lanes(place_of(&s->p->c, e + x) + j, v_load(tile + x % TILE * TILE), s->n1 - j);
        }
}

/* C = patches.T dz; 0 if there is no room for it */
static int multiply_pairs(const mixed_share *s, const fnn_task *task)
{
    const product *p = s->p;
    lines l = lines_of(p->a.patches, 1);
    pairs v = plan_pairs(s, &l);
    if (!v.chunk) return 0;
    for (int64_t e = s->m0; e < s->m1; e += v.nc) {
        int64_t cols = min_of(s->m1 - e, v.nc);
        for (int64_t t = 0; t < v.total; t += v.chunk) {
            multiply_chunk(s, &v, &l, t, min_of(v.total - t, v.chunk), e, cols);
            if (fnn_poll(task)) return 1;
        }
        turn_back(s, e, cols);
    }
    return 1;
}
