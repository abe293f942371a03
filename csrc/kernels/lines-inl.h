/* lines-inl.h: the lines of images under sliding windows.
 *
 * A *line* is a row of an image as the windows see it, with padding to its left and right.  Lines are
 * numbered through all images, lines_of(g) to an image, padding above and below included.  A stretch of
 * lines is held in scratch and moves on with the windows, so that each line is copied once.  Windows and
 * their elements then lie at fixed distances.
 *
 * Where windows pass over places or channels without seeing them, and see no padding, lines are read where
 * they lie.
 *
 * Invariant: padding is zeros. */

static inline int64_t lines_of(const window *g) { return (g->p - 1) * g->stride_h + height_of(g); }

static inline int64_t line_of(const window *g)
{
    return ((g->q - 1) * g->stride_w + width_of(g)) * g->c;
}

static inline int inside(const window *g)
{
    return g->top >= 0 && g->top + lines_of(g) <= g->h && g->left >= 0 &&
           g->left * g->c + line_of(g) <= g->w * g->c;
}

/* Elements of a source that will be read soon: they can travel while sums are made. */
typedef struct {
    const source *s;
    int64_t at, end;
} journey;

static inline void fetch_ahead(journey *a, int64_t count)
{
    for (; count > 0 && a->at < a->end; count -= LANES, a->at += LANES) {
        __builtin_prefetch(a->s->base + a->at, 0, 2);
        if (a->s->y) __builtin_prefetch(a->s->y + a->at, 0, 2);
    }
}

typedef struct {
    const source *images;
    real *copies;       /* NULL: lines are read where they lie       */
    const real *base;   /* line `first`                              */
    int64_t width;      /* from line to line                         */
    int64_t of_image;   /* from image to image, in lines             */
    int64_t room;       /* lines that there is room for              */
    int64_t first, end; /* the lines from first to end - 1 are there */
    journey ahead;      /* of the images                             */
} lines;

/* The number of the first line under row `row` of windows */
static inline int64_t line_under(const lines *l, int64_t row)
{
    const window *g = l->images->patches;
    return row / g->p * l->of_image + row % g->p * g->stride_h;
}

/* Whether `count` lines have room in `reals` */
static inline int have_room(const window *g, int64_t count, int64_t reals)
{
    return line_of(g) <= (reals - LANES) / count;
}

static inline int seen_in_part(const source *images)
{
    const window *g = images->patches;
    return inside(g) && !images->y &&
           (g->stride_w > g->n || g->stride_h > g->m || g->channels < g->c);
}

static lines lines_in_place(const source *images)
{
    const window *g = images->patches;
    return (lines){.images = images,
                   .base = images->base + (g->top * g->w + g->left) * g->c,
                   .width = g->w * g->c,
                   .of_image = g->h,
                   .room = INT64_MAX,
                   .end = INT64_MAX,
                   .ahead = {.s = images}};
}

/* Lines at `copies`; of the room of `reals` no more is taken than `at_once` lines need to move on at ease,
 * or than a quarter: they should stay in the cache. */
static lines lines_at(real *copies, const source *images, int64_t at_once, int64_t reals)
{
    const window *g = images->patches;
    int64_t most = (reals - LANES) / line_of(g);
    if (seen_in_part(images)) return lines_in_place(images);
    return (lines){.images = images,
                   .copies = copies,
                   .base = copies,
                   .width = line_of(g),
                   .of_image = lines_of(g),
                   .room = min_of(most, 2 * at_once > most / 4 ? 2 * at_once : most / 4),
                   .ahead = {.s = images}};
}

static inline const real *line_at(const lines *l, int64_t number)
{
    return l->base + (number - l->first) * l->width;
}

static void copy_line(lines *l, int64_t number)
{
    const window *g = l->images->patches;
    int64_t image = number / lines_of(g), h = number % lines_of(g) + g->top, row = g->w * g->c;
    int64_t at = (image * g->h + h) * row;
    real *to = l->copies + (number - l->first) * l->width;
    if (h < 0 || h >= g->h) {
        zero_run(to, l->width);
        return;
    }
    copy_padded(l->images, at, g->left * g->c, row, to, l->width);
    if (l->ahead.at < at + row) l->ahead.at = at + row;
    l->ahead.end = at + (1 + height_of(g) + g->stride_h) * row;
}

static void no_lines(lines *l)
{
    if (l->copies) l->first = l->end = l->ahead.at = l->ahead.end = 0;
}

/* Makes the lines from..to - 1 present; lines before them are given up. */
static void move_lines(lines *l, int64_t from, int64_t to)
{
    if (l->end < from) l->end = from;
    if (to - l->first > l->room) {
        memmove(l->copies, line_at(l, from), (size_t)((l->end - from) * l->width) * sizeof(real));
        l->first = from;
    }
    for (; l->end < to; l->end++) copy_line(l, l->end);
}
