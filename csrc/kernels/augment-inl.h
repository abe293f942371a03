/* augment-inl.h: what a sample is changed by at random in training, and its brightness and contrast.
 *
 * Invariant: what is drawn depends on (seed, epoch, stream, row of the data) alone, from the words of one
 * counter for each row (random.h).  It is computed in double by +, -, *, / and floor, which round alike
 * everywhere, then rounded once. */

/* word[j][i] = word j of sample row + i, as many as there are, FNN_PHILOX at the most; key: stream, seed */
static void augment_words(const fnn_run *run, const double key[2], int64_t row, int64_t rows,
                          uint32_t word[4][FNN_PHILOX])
{
    for (int64_t i = 0; i < FNN_PHILOX; i++) {
        uint64_t sample = fnn_sample_number(run, row + (i < rows ? i : 0));
        word[0][i] = 0;
        word[1][i] = (uint32_t)key[0];
        word[2][i] = (uint32_t)sample;
        word[3][i] = (uint32_t)run->epoch << 8 | (uint32_t)(sample >> 32 & 0xFF);
    }
    fnn_philox(random_seed(run, key[1]), word);
}

static inline double between(double low, double high, uint32_t word)
{
    return low + (high - low) * ((double)word * 0x1p-32);
}

static void op_random_uniform(const fnn_op *op, const fnn_task *task)
{
    real *u = op->arg[0];
    uint32_t word[4][FNN_PHILOX];
    int64_t r, end;
    fnn_share(task, op->dim[0], FNN_PHILOX, &r, &end);
    for (; r < end; r += FNN_PHILOX) {
        augment_words(task->run, op->attr + 2, r, end - r, word);
        for (int64_t i = 0; i < FNN_PHILOX && r + i < end; i++)
            u[r + i] = (real)between(op->attr[0], op->attr[1], word[0][i]);
    }
}

/* ---- maps for warp-inl.h ---- */

/* What the attributes h0 h1 w0 w1 mean; in the order of fastnn/ops/augmentation.py */
enum {
    MAP_FLIP, /* h0, w0: whether rows, columns may be reversed, each with probability 1/2      */
    MAP_TRANSLATE, /* by [h0, h1) of the height downwards, [w0, w1) of the width to the right       */
    MAP_ROTATE,  /* by [h0, h1) turns about the centre                                            */
    MAP_ZOOM,    /* to distances 1 + [h0, h1) as large, from the centre, in both directions alike */
    MAP_STRETCH, /* the same, [w0, w1) for the columns                                            */
    MAP_CROP,    /* from one of rows h0..h1-1 and of columns w0..w1-1 on                          */
    MAP_FIXED    /* row h0 i + h1, column w0 j + w1                                               */
};

typedef struct {
    double xx, xy, x0, yx, yy, y0;
} augment_map;

/* Cosine and sine.  To an eighth of a turn on either side of a whole quarter the series of Taylor, from
 * its last term that counts: libm's may differ from one machine to the next. */
typedef struct {
    double x, y;
} direction;

static direction direction_of(double turns)
{
    double quarters = floor(4 * turns + 0.5), angle = (turns - quarters / 4) * 6.283185307179586;
    double square = angle * angle, x = 1, y = 1;
    for (int n = 18; n > 0; n -= 2) {
        x = 1 - x * square / (n * (n - 1));
        y = 1 - y * square / (n * (n + 1));
    }
    y *= angle;
    switch ((int)(quarters - 4 * floor(quarters / 4))) {
    case 0:
        return (direction){x, y};
    case 1:
        return (direction){-y, x};
    case 2:
        return (direction){-x, -y};
    default:
        return (direction){y, -x};
    }
}

/* About the centre of an image */
static augment_map rotation(double turns, double height, double width)
{
    direction d = direction_of(turns);
    double cx = (width - 1) / 2, cy = (height - 1) / 2;
    return (augment_map){d.x, -d.y, cx - cx * d.x + cy * d.y, d.y, d.x, cy - cx * d.y - cy * d.x};
}

static augment_map stretching(double zoom_h, double zoom_w, double height, double width)
{
    double cx = (width - 1) / 2, cy = (height - 1) / 2;
    return (augment_map){zoom_w, 0, cx * (1 - zoom_w), 0, zoom_h, cy * (1 - zoom_h)};
}

static augment_map flipping(int rows, int columns, double height, double width)
{
    return (augment_map){columns ? -1 : 1,     0, columns ? width - 1 : 0, 0, rows ? -1 : 1,
                         rows ? height - 1 : 0};
}

static augment_map augment_map_of(const fnn_op *op, uint32_t first, uint32_t second)
{
    double height = op->attr[1], width = op->attr[2];
    const double *h = op->attr + 3, *w = op->attr + 5;
    double vertical = between(h[0], h[1], first), horizontal = between(w[0], w[1], second);
    switch ((int)op->attr[0]) {
    case MAP_FLIP:
        return flipping(h[0] != 0 && first >> 31, w[0] != 0 && second >> 31, height, width);
    case MAP_TRANSLATE:
        return (augment_map){1, 0, -width * horizontal, 0, 1, -height * vertical};
    case MAP_ROTATE:
        return rotation(vertical, height, width);
    case MAP_ZOOM:
        return stretching(1 + vertical, 1 + vertical, height, width);
    case MAP_STRETCH:
        return stretching(1 + vertical, 1 + horizontal, height, width);
    case MAP_CROP:
        return (augment_map){1, 0, floor(horizontal), 0, 1, floor(vertical)};
    default:
        return (augment_map){w[0], 0, w[1], 0, h[0], h[1]};
    }
}

static void op_random_map(const fnn_op *op, const fnn_task *task)
{
    uint32_t word[4][FNN_PHILOX];
    int64_t r, end;
    fnn_share(task, op->dim[0], FNN_PHILOX, &r, &end);
    for (; r < end; r += FNN_PHILOX) {
        augment_words(task->run, op->attr + 7, r, end - r, word);
        for (int64_t i = 0; i < FNN_PHILOX && r + i < end; i++) {
            augment_map m = augment_map_of(op, word[0][i], word[1][i]);
            double all[MAP_SIZE] = {m.xx, m.xy, m.x0, m.yx, m.yy, m.y0};
            real *to = (real *)op->arg[0] + (r + i) * MAP_SIZE;
            for (int k = 0; k < MAP_SIZE; k++) to[k] = (real)all[k];
        }
    }
}

/* ---- contrast and brightness ---- */

/* Channels up to which a vector spans several pixels: their means are repeated for it. */
enum { TONE_CHANNELS = 64 };

VERB vec tone_clip(vec x, vec low, vec high) { return v_at_most(v_at_least(x, low), high); }

/* y[n] = (x - mean) factor + mean, in [low, high]; element i has mean[i % c], which is there for LANES more. */
static void contrast_run(const real *x, const real *mean, real factor, const double *range, real *y,
                         int64_t n, int64_t c)
{
    vec f = v_set1(factor), low = v_set1((real)range[0]), high = v_set1((real)range[1]);
    int64_t k = 0, step = LANES % c;
    for (int64_t i = 0; i < n; i += LANES) {
        vec m = v_load(mean + k);
        k += k + step < c ? step : step - c;
        vec far = v_fma(v_sub(load_lanes(x + i, n - i), m), f, m);
        store_lanes(y + i, tone_clip(far, low, high), n - i);
    }
}

/* One sample x[n,c]; many channels are taken in parts, place by place. */
static void contrast_sample(const real *x, const real *mean, real factor, const double *range,
                            real *y, int64_t n, int64_t c)
{
    real means[TONE_CHANNELS + LANES];
    int64_t part = c < TONE_CHANNELS ? c : TONE_CHANNELS;
    for (int64_t k = 0; k < c; k += part) {
        int64_t width = min_of(part, c - k), at_once = c > part ? width : n * c;
        for (int64_t i = 0; i < TONE_CHANNELS + LANES; i++) means[i] = mean[k + i % width];
        for (int64_t at = k; at<n * c; at += c> part ? c : at_once)
            contrast_run(x + at, means, factor, range, y + at, at_once, width);
    }
}

static void brightness_sample(const real *x, real change, const double *range, real *y, int64_t n)
{
    vec low = v_set1((real)range[0]), high = v_set1((real)range[1]), by = v_set1(change);
    for (int64_t i = 0; i < n; i += LANES)
        store_lanes(y + i, tone_clip(v_add(load_lanes(x + i, n - i), by), low, high), n - i);
}

/* Threads share the samples. */
static void op_tone(const fnn_op *op, const fnn_task *task)
{
    const real *mean = op->arg[1], *factor = op->arg[2];
    int64_t r, end, n = op->dim[1], c = op->dim[2];
    fnn_share(task, op->dim[0], 1, &r, &end);
    for (; r < end; r++) {
        const real *x = (const real *)op->arg[0] + r * n * c;
        real *y = (real *)op->arg[3] + r * n * c;
        if (mean)
            contrast_sample(x, mean + r * c, factor[r], op->attr, y, n, c);
        else
            brightness_sample(x, factor[r], op->attr, y, n * c);
    }
}

static void op_tone_bwd(const fnn_op *op, const fnn_task *task)
{
    const real *dy = op->arg[0], *y = op->arg[1];
    real *dx = op->arg[2];
    vec low = v_set1((real)op->attr[0]), high = v_set1((real)op->attr[1]);
    int64_t i, end;
    share_elements(task, op->dim[0], &i, &end);
    for (; i < end; i += LANES) {
        vec at = load_lanes(y + i, end - i);
        mask clipped = m_or(v_le(at, low), v_le(high, at));
        store_lanes(dx + i, v_select(clipped, v_zero(), load_lanes(dy + i, end - i)), end - i);
    }
}
