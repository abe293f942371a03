/* operations.c: the operations of csrc/ops.def that predict, one row of a batch at a time.
 *
 * Parameters: a capital is the size of that axis, others are attributes and operands by their names there;
 * `scratch` is working memory.  An operand that is absent is 0. */

/* ---- sums of products: chains of BLOCK terms, each from zero, added in order --------------------------- */

/* Sums of products side by side */
enum { WIDTH = 32 };

typedef struct {
    real total[WIDTH], part[WIDTH];
    count terms;
} sums;

static inline void sums_begin(sums *s)
{
    for (count t = 0; t < WIDTH; t++) s->total[t] = s->part[t] = 0;
    s->terms = 0;
}

static inline void sums_close(sums *s)
{
    for (count t = 0; t < WIDTH; t++) {
        s->total[t] = s->terms > BLOCK ? v_add(s->total[t], s->part[t]) : s->part[t];
        s->part[t] = 0;
    }
}

/* part[t] += x[k x_step] w[k w_step + t lane] for k < n, one after the other, t < size */
static inline void chain_some(real *part, const real *x, count x_step, const real *w, count w_step,
                              count lane, count n, const count size)
{
    real sum[WIDTH];
    for (count t = 0; t < size; t++) sum[t] = part[t];
    for (count k = 0; k < n; k++, x += x_step, w += w_step) {
        const real a = *x;
        for (count t = 0; t < size; t++) sum[t] = v_fma(a, w[t * lane], sum[t]);
    }
    for (count t = 0; t < size; t++) part[t] = sum[t];
}

/* The same for any width up to WIDTH, by loops whose length the compiler knows */
static inline void chain_all(real *part, const real *x, count x_step, const real *w, count w_step,
                             count lane, count n, count width)
{
    if (width == WIDTH) {
        chain_some(part, x, x_step, w, w_step, lane, n, WIDTH);
        return;
    }
    if (width >= 16) {
        chain_some(part, x, x_step, w, w_step, lane, n, 16);
        part += 16, w += 16 * lane, width -= 16;
    }
    if (width >= 8) {
        chain_some(part, x, x_step, w, w_step, lane, n, 8);
        part += 8, w += 8 * lane, width -= 8;
    }
    if (width >= 4) {
        chain_some(part, x, x_step, w, w_step, lane, n, 4);
        part += 4, w += 4 * lane, width -= 4;
    }
    for (; width > 0; width--, part++, w += lane)
        chain_some(part, x, x_step, w, w_step, lane, n, 1);
}

static void chain_terms(real *part, const real *x, count x_step, const real *w, count w_step,
                        count lane, count n, count width)
{
    if (lane == 1)
        chain_all(part, x, x_step, w, w_step, 1, n, width);
    else
        chain_all(part, x, x_step, w, w_step, lane, n, width);
}

/* Adds n terms to `width` sums: x[k x_step] w[k w_step + t lane]. */
static inline void sums_add(sums *s, const real *x, count x_step, const real *w, count w_step,
                            count lane, count width, count n)
{
    while (n > 0) {
        count room = BLOCK - s->terms % BLOCK, some = n < room ? n : room;
        chain_terms(s->part, x, x_step, w, w_step, lane, some, width);
        s->terms += some, n -= some;
        x += some * x_step, w += some * w_step;
        if (s->terms % BLOCK == 0) sums_close(s);
    }
}

/* y[t] = g(sum + b) */
static inline void sums_end(sums *s, const real *b, function *g, real *y, count width)
{
    if (s->terms % BLOCK) s->terms += BLOCK, sums_close(s), s->terms -= BLOCK;
    for (count t = 0; t < width; t++) y[t] = g(b ? v_add(s->total[t], b[t]) : s->total[t]);
}

static inline count at_most(count a, count b) { return a < b ? a : b; }

/* y[n] = x[k] w[k,n], the numbers of w at k w_step + t lane */
static void product(const real *x, count x_step, const real *w, count w_step, count lane,
                    const real *b, function *g, real *y, count k, count n)
{
    for (count j = 0; j < n; j += WIDTH) {
        sums s;
        sums_begin(&s);
        sums_add(&s, x, x_step, w + j * lane, w_step, lane, at_most(n - j, WIDTH), k);
        sums_end(&s, b ? b + j : 0, g, y + j, at_most(n - j, WIDTH));
    }
}

static void op_dense_fwd(count R, count I, count O, function *activation, const real *x,
                         const real *w, const real *b, real *y)
{
    for (count r = 0; r < R; r++) product(x + r * I, 1, w, O, 1, b, activation, y + r * O, I, O);
}

/* the weights are panels of L columns */
static void op_dense_panels(count R, count I, count L, count O, function *activation, const real *x,
                            const real *p, const real *b, real *y)
{
    for (count r = 0; r < R; r++)
        for (count j = 0; j < O; j += L)
            product(x + r * I, 1, p + j * I, L, 1, b ? b + j : 0, activation, y + r * O + j, I,
                    at_most(O - j, L));
}

static void op_matmul(count B, count M, count K, count O, const real *a, const real *w, real *y)
{
    for (count i = 0; i < B * M; i++)
        product(a + i * K, 1, w + i / M * K * O, O, 1, 0, activation_linear, y + i * O, K, O);
}

static void op_matmul_nt(count B, count M, count K, count O, const real *a, const real *w, real *y)
{
    for (count i = 0; i < B * M; i++)
        product(a + i * K, 1, w + i / M * K * O, 1, K, 0, activation_linear, y + i * O, K, O);
}

static void op_matmul_tn(count B, count K, count M, count O, const real *a, const real *w, real *y)
{
    for (count i = 0; i < B * M; i++)
        product(a + i / M * K * M + i % M, M, w + i / M * K * O, O, 1, 0, activation_linear,
                y + i * O, K, O);
}

/* ---- convolutions -------------------------------------------------------------------------------------- */

/* A window on an image: where its first tap is, how far its taps are apart, what it sees of the channels */
typedef struct {
    count H, W, C, N, I, O, top, left, dilation_h, dilation_w;
} sight;

/* Adds row m of a window to `size` sums, k the weights of its first tap.  Places beyond the edges are zeros that
 * take part in the sums. */
static inline void sums_add_row(sums *s, const sight *a, count m, const real *image, const real *k,
                                count size)
{
    static const real zero = 0;
    const count h = a->top + m * a->dilation_h, last = a->left + (a->N - 1) * a->dilation_w;
    if (h >= 0 && h < a->H && a->left >= 0 && last < a->W && a->dilation_w == 1 && a->I == a->C) {
        sums_add(s, image + (h * a->W + a->left) * a->C, 1, k, a->O, 1, size, a->N * a->I);
        return;
    }
    for (count n = 0; n < a->N; n++) {
        count w = a->left + n * a->dilation_w;
        int inside = h >= 0 && h < a->H && w >= 0 && w < a->W;
        sums_add(s, inside ? image + (h * a->W + w) * a->C : &zero, inside, k + n * a->I * a->O,
                 a->O, 1, size, a->I);
    }
}

static void op_conv2d_fwd(count R, count H, count W, count C, count M, count N, count I, count O,
                          count P, count Q, count stride_h, count stride_w, count pad_h,
                          count pad_w, count dilation_h, count dilation_w, function *activation,
                          const real *x, const real *k, const real *b, real *y)
{
    const count width = O / (C / I);
    sight a = {H, W, C, N, I, O, 0, 0, dilation_h, dilation_w};
    for (count place = 0; place < R * P * Q; place++, y += O)
        for (count j = 0, size; j < O; j += size) {
            const real *image = x + place / (P * Q) * H * W * C + j / width * I;
            sums s;
            size = at_most(width - j % width, WIDTH);
            a.top = place / Q % P * stride_h - pad_h, a.left = place % Q * stride_w - pad_w;
            sums_begin(&s);
            for (count m = 0; m < M; m++)
                sums_add_row(&s, &a, m, image, k + m * N * I * O + j, size);
            sums_end(&s, b ? b + j : 0, activation, y + j, size);
        }
}

/* The sums run over the window turned round. */
static void op_conv2d_transpose_fwd(count R, count P, count Q, count O, count M, count N, count C,
                                    count H, count W, count stride_h, count stride_w, count pad_h,
                                    count pad_w, count dilation_h, count dilation_w,
                                    function *activation, const real *x, const real *k,
                                    const real *b, real *y)
{
    static const real zero = 0;
    for (count place = 0; place < R * H * W; place++, y += C)
        for (count j = 0; j < C; j += WIDTH) {
            const real *image = x + place / (H * W) * P * Q * O;
            count size = at_most(C - j, WIDTH);
            sums s;
            sums_begin(&s);
            for (count tap = M * N - 1; tap >= 0; tap--) {
                count p = place / W % H + pad_h - tap / N * dilation_h;
                count q = place % W + pad_w - tap % N * dilation_w;
                int inside = p >= 0 && p < P * stride_h && q >= 0 && q < Q * stride_w;
                if (p % stride_h != 0 || q % stride_w != 0) continue;
                sums_add(&s, inside ? image + (p / stride_h * Q + q / stride_w) * O : &zero, inside,
                         k + (tap * C + j) * O, 1, O, size, O);
            }
            sums_end(&s, b ? b + j : 0, activation, y + j, size);
        }
}

/* Ends a block of the sums of single channels, which is where a row of the window or BLOCK of its taps end, if
 * the block has BLOCK taps by then. */
static inline void close_channels(sums *s, count size)
{
    for (count t = 0; t < size; t++) s->total[t] = v_add(s->total[t], s->part[t]), s->part[t] = 0;
    s->terms = 0;
}

/* Each channel by itself.  Places beyond the edges take no part. */
static void op_depthwise_fwd(count R, count H, count W, count C, count M, count N, count P, count Q,
                             count stride_h, count stride_w, count pad_h, count pad_w,
                             count dilation_h, count dilation_w, function *activation,
                             const real *x, const real *k, const real *b, real *y)
{
    for (count place = 0; place < R * P * Q; place++, y += C)
        for (count j = 0; j < C; j += WIDTH) {
            const real *image = x + place / (P * Q) * H * W * C + j;
            count size = at_most(C - j, WIDTH);
            sums s;
            sums_begin(&s);
            for (count m = 0; m < M; m++) {
                count h = place / Q % P * stride_h - pad_h + m * dilation_h, run = 0;
                if (h < 0 || h >= H) continue;
                for (count n = 0; n < N; n++) {
                    count w = place % Q * stride_w - pad_w + n * dilation_w;
                    const real *from, *by = k + (m * N + n) * C + j;
                    if (w < 0 || w >= W) continue;
                    from = image + (h * W + w) * C;
                    if (run == BLOCK) close_channels(&s, size), run = 0;
                    for (count t = 0; t < size; t++) s.part[t] = v_fma(from[t], by[t], s.part[t]);
                    run++;
                }
                s.terms += run;
                if (s.terms >= BLOCK) close_channels(&s, size);
            }
            close_channels(&s, size);
            for (count t = 0; t < size; t++)
                y[j + t] = activation(b ? v_add(s.total[t], b[j + t]) : s.total[t]);
        }
}

/* ---- layers that walk over time ------------------------------------------------------------------------- */

/* to[h] = from[h], or 0 */
static inline void start_state(real *to, const real *from, count h)
{
    for (count i = 0; i < h; i++) to[i] = from ? from[i] : 0;
}

/* the state as the product sees it: times keep, if there is any */
static inline const real *seen_state(const real *state, const real *keep, real *kept, count h)
{
    if (!keep) return state;
    for (count i = 0; i < h; i++) kept[i] = v_fma(state[i], keep[i], 0);
    return kept;
}

static inline void copy(const real *from, real *to, count n)
{
    if (to)
        for (count i = 0; i < n; i++) to[i] = from[i];
}

/* y = g(a + b), or g(y): loops of their own, which compilers turn into vectors */
static inline void apply_sum(function *g, const real *a, const real *b, real *y, count n)
{
    for (count i = 0; i < n; i++) y[i] = g(v_add(a[i], b[i]));
}

static inline void apply(function *g, const real *x, real *y, count n)
{
    for (count i = 0; i < n; i++) y[i] = g(x[i]);
}

static void op_rnn_fwd(count R, count T, count G, count H, function *activation, const real *z,
                       const real *u, const real *mask, const real *s0, const real *keep, real *y,
                       real *s, real *scratch)
{
    real *state = scratch, *kept = state + H, *gates = kept + H;
    for (count r = 0; r < R; r++) {
        start_state(state, s0 ? s0 + r * H : 0, H);
        for (count t = r * T; t < (r + 1) * T; t++) {
            const real *seen = seen_state(state, keep ? keep + r * H : 0, kept, H);
            product(seen, 1, u, G, 1, 0, activation_linear, gates, H, G);
            if (!mask || mask[t] != 0) apply_sum(activation, z + t * G, gates, state, H);
            copy(state, y ? y + t * H : 0, H);
        }
        copy(state, s ? s + r * H : 0, H);
    }
}

/* The gates are i, f, g and o. */
static void op_lstm_fwd(count R, count T, count G, count H, function *activation,
                        function *recurrent_activation, const real *z, const real *u,
                        const real *mask, const real *s0, const real *e0, const real *keep, real *y,
                        real *s, real *e, real *scratch)
{
    real *state = scratch, *cell = state + H, *kept = cell + H, *gates = kept + H;
    real *next = gates + 2 * H, *out = gates + 3 * H;
    for (count r = 0; r < R; r++) {
        start_state(state, s0 ? s0 + r * H : 0, H);
        start_state(cell, e0 ? e0 + r * H : 0, H);
        for (count t = r * T; t < (r + 1) * T; t++) {
            const real *seen = seen_state(state, keep ? keep + r * H : 0, kept, H), *in = z + t * G;
            product(seen, 1, u, G, 1, 0, activation_linear, gates, H, G);
            if (!mask || mask[t] != 0) {
                apply_sum(recurrent_activation, in, gates, gates, 2 * H);
                apply_sum(activation, in + 2 * H, next, next, H);
                apply_sum(recurrent_activation, in + 3 * H, out, out, H);
                for (count j = 0; j < H; j++)
                    cell[j] = v_fma(gates[H + j], cell[j], v_mul(gates[j], next[j]));
                apply(activation, cell, next, H);
                for (count j = 0; j < H; j++) state[j] = v_mul(out[j], next[j]);
            }
            copy(state, y ? y + t * H : 0, H);
        }
        copy(state, s ? s + r * H : 0, H);
        copy(cell, e ? e + r * H : 0, H);
    }
}

/* The gates are z, r and n; b is added to the products with the state. */
static void op_gru_fwd(count R, count T, count G, count H, function *activation,
                       function *recurrent_activation, count reset_after, const real *z,
                       const real *u, const real *b, const real *mask, const real *s0,
                       const real *keep, real *y, real *s, real *scratch)
{
    real *state = scratch, *before = state + H, *kept = before + H, *gates = kept + H;
    real *reset = gates + H, *next = gates + 2 * H;
    const count columns = reset_after ? G : 2 * H;
    for (count r = 0; r < R; r++) {
        start_state(state, s0 ? s0 + r * H : 0, H);
        for (count t = r * T; t < (r + 1) * T; t++) {
            const real *seen = seen_state(state, keep ? keep + r * H : 0, kept, H), *in = z + t * G;
            product(seen, 1, u, G, 1, 0, activation_linear, gates, H, columns);
            for (count j = 0; j < columns; j++) gates[j] = v_add(gates[j], b ? b[j] : 0);
            apply_sum(recurrent_activation, in, gates, gates, 2 * H);
            if (reset_after)
                for (count j = 0; j < H; j++) next[j] = v_mul(reset[j], next[j]);
            else {
                for (count j = 0; j < H; j++) before[j] = v_mul(reset[j], seen[j]);
                product(before, 1, u + 2 * H, G, 1, 0, activation_linear, next, H, H);
            }
            apply_sum(activation, in + 2 * H, next, next, H);
            for (count j = 0; j < H && (!mask || mask[t] != 0); j++)
                state[j] = v_fma(gates[j], state[j], v_mul(v_sub(1, gates[j]), next[j]));
            copy(state, y ? y + t * H : 0, H);
        }
        copy(state, s ? s + r * H : 0, H);
    }
}

static void op_shift(count R, count T, count N, const real *x, const real *first, const real *keep,
                     real *y)
{
    for (count i = 0; i < R * T * N; i++) {
        count r = i / (T * N), n = i % N;
        real before = i / N % T ? x[i - N] : first ? first[r * N + n] : 0;
        y[i] = keep ? v_mul(before, keep[r * N + n]) : before;
    }
}

/* ---- ids and masks -------------------------------------------------------------------------------------- */

/* The row that an id names among so many, or -1 */
static inline count id_of(real id, count rows)
{
    if (!(id >= 0 && id < (real)rows)) return -1;
    return (real)(count)id == id ? (count)id : -1;
}

static void op_embed_fwd(count R, count V, count O, const real *ids, const real *w, real *y)
{
    for (count i = 0; i < R * O; i++) {
        count row = id_of(ids[i / O], V);
        y[i] = row < 0 ? 0 : w[row * O + i % O];
    }
}

static void op_encode(count R, count N, count V, count once, const real *ids, const real *w,
                      real *y)
{
    for (count i = 0; i < R * V; i++) y[i] = 0;
    for (count i = 0; i < R * N; i++) {
        count row = id_of(ids[i], V);
        real *to = y + i / N * V + row;
        if (row >= 0) *to = once ? 1 : v_add(*to, w ? w[i] : 1);
    }
}

static void op_differs(count R, count N, real value, const real *x, real *mask)
{
    for (count r = 0; r < R; r++) {
        int any = 0;
        for (count n = 0; n < N; n++) any |= !v_eq(x[r * N + n], value);
        mask[r] = (real)any;
    }
}

static void op_mask_steps(count R, count N, const real *x, const real *mask, real *y)
{
    for (count i = 0; i < R * N; i++) y[i] = v_eq(mask[i / N], 0) ? 0 : x[i];
}

/* ---- pooling -------------------------------------------------------------------------------------------- */

/* The part of a window that is in the image, rows top..bottom - 1 and columns left..right - 1 */
typedef struct {
    count top, bottom, left, right;
} window;

static inline count within(count i, count size) { return i < 0 ? 0 : i < size ? i : size; }

static inline window window_at(count h, count w, count size_h, count size_w, count height,
                               count width)
{
    window v;
    v.top = within(h, height), v.bottom = within(h + size_h, height);
    v.left = within(w, width), v.right = within(w + size_w, width);
    return v;
}

static void op_maxpool2d_fwd(count R, count H, count W, count C, count P, count Q, count size_h,
                             count size_w, count stride_h, count stride_w, count pad_h, count pad_w,
                             const real *x, real *y)
{
    for (count i = 0; i < R * P * Q * C; i++) {
        count place = i / C;
        window v = window_at(place / Q % P * stride_h - pad_h, place % Q * stride_w - pad_w, size_h,
                             size_w, H, W);
        const real *image = x + place / (P * Q) * H * W * C + i % C;
        real most = -INFINITY;
        for (count h = v.top; h < v.bottom; h++)
            for (count w = v.left; w < v.right; w++) most = v_max(most, image[(h * W + w) * C]);
        y[i] = most;
    }
}

/* A sum of whole squares of four side by side begins with the first of them, others with 0. */
static void op_avgpool2d_fwd(count R, count H, count W, count C, count P, count Q, count size_h,
                             count size_w, count stride_h, count stride_w, count pad_h, count pad_w,
                             count sums, const real *x, real *y)
{
    const int square = size_h == 2 && size_w == 2 && stride_h == 2 && stride_w == 2 && pad_h == 0 &&
                       pad_w == 0 && 2 * P <= H && 2 * Q <= W;
    for (count i = 0; i < R * P * Q * C; i++) {
        count place = i / C;
        window v = window_at(place / Q % P * stride_h - pad_h, place % Q * stride_w - pad_w, size_h,
                             size_w, H, W);
        const real *image = x + place / (P * Q) * H * W * C + i % C;
        count places = (v.bottom - v.top) * (v.right - v.left);
        real sum = square ? -(real)0 : 0;
        for (count h = v.top; h < v.bottom; h++)
            for (count w = v.left; w < v.right; w++) sum = v_add(sum, image[(h * W + w) * C]);
        y[i] = sums ? sum : v_div(sum, (real)places);
    }
}

/* Each place gets the sum of dy / places over the windows above it: an image in a larger size. */
static void op_avgpool2d_bwd(count R, count P, count Q, count C, count H, count W, count size_h,
                             count size_w, count stride_h, count stride_w, count pad_h, count pad_w,
                             count sums, const real *dy, real *dx)
{
    const int square = size_h == 2 && size_w == 2 && stride_h == 2 && stride_w == 2 && pad_h == 0 &&
                       pad_w == 0 && 2 * P <= H && 2 * Q <= W;
    for (count i = 0; i < R * H * W * C; i++) {
        count h = i / (W * C) % H, w = i / C % W;
        const real *from = dy + i / (H * W * C) * P * Q * C + i % C;
        real sum = square && h < 2 * P && w < 2 * Q ? -(real)0 : 0;
        for (count p = 0; p < P; p++)
            for (count q = 0; q < Q; q++) {
                count top = p * stride_h - pad_h, left = q * stride_w - pad_w;
                window v = window_at(top, left, size_h, size_w, H, W);
                real places = (real)((v.bottom - v.top) * (v.right - v.left));
                if (h < v.top || h >= v.bottom || w < v.left || w >= v.right) continue;
                sum = v_fma(from[(p * Q + q) * C], sums ? 1 : v_div(1, places), sum);
            }
        dx[i] = sum;
    }
}

static void op_global_mean_fwd(count R, count N, count C, const real *x, const real *mask, real *y)
{
    enum { CHUNK = 256 };
    for (count r = 0; r < R; r++) {
        real places = mask ? 0 : (real)N;
        for (count n = 0; mask && n < N; n++) places = v_add(places, mask[r * N + n]);
        for (count c = 0; c < C; c++) {
            real sum = 0;
            for (count n = 0, end; n < N; n = end) {
                real even = 0, odd = 0;
                end = at_most(N, n + CHUNK);
                for (count i = n; i < end; i++) {
                    real *part = (i - n) % 2 ? &odd : &even;
                    *part = v_add(*part, x[(r * N + i) * C + c]);
                }
                sum = v_add(sum, v_add(even, odd));
            }
            y[r * C + c] = v_div(sum, places);
        }
    }
}

/* ---- normalisation -------------------------------------------------------------------------------------- */

static void op_normalize_fwd(count R, count C, real epsilon, function *activation, const real *x,
                             const real *mean, const real *var, const real *gamma, const real *beta,
                             const real *z, real *y)
{
    for (count c = 0; c < C; c++) {
        real scale = v_div(gamma ? gamma[c] : 1, v_sqrt(v_add(var[c], epsilon)));
        for (count i = c; i < R * C; i += C) {
            real sum = v_fma(v_sub(x[i], mean[c]), scale, beta ? beta[c] : 0);
            y[i] = activation(z ? v_add(sum, z[i]) : sum);
        }
    }
}

/* Sums over a group in four times CHAINS chains */
typedef struct {
    real part[4][CHAINS];
} group_sum;

static inline void group_begin(group_sum *s)
{
    for (count i = 0; i < 4 * CHAINS; i++) s->part[i / CHAINS][i % CHAINS] = 0;
}

/* the chain of element i of a piece */
static inline real *group_chain(group_sum *s, count i)
{
    return &s->part[i / CHAINS % 4][i % CHAINS];
}

static real group_end(group_sum *s)
{
    real(*p)[CHAINS] = s->part;
    for (count l = 0; l < CHAINS; l++)
        p[0][l] = v_add(v_add(p[0][l], p[1][l]), v_add(p[2][l], p[3][l]));
    return sum_of_chains(p[0]);
}

/* Deviations are taken from the rounded mean, whose own error they tell. */
static void op_row_norm_fwd(count R, count P, count C, count G, real epsilon, count centred,
                            count summed, const real *x, const real *gamma, const real *beta,
                            real *y)
{
    const count k = C / G;
    const real size = (real)(P * k);
    for (count r = 0; r < R * G; r++) {
        count channel = r % G * k, first = r / G * P * C + channel;
        real mean = 0, squares, rest, scale;
        group_sum s, t;
        group_begin(&s), group_begin(&t);
        for (count i = 0; centred && i < P * k; i++) {
            real *chain = group_chain(&s, i % k);
            *chain = v_add(*chain, x[first + i / k * C + i % k]);
        }
        if (centred) mean = v_div(group_end(&s), size);
        group_begin(&s);
        for (count i = 0; i < P * k; i++) {
            real gap = v_sub(x[first + i / k * C + i % k], mean);
            real *sum = group_chain(&t, i % k), *square = group_chain(&s, i % k);
            *sum = v_add(*sum, gap), *square = v_fma(gap, gap, *square);
        }
        rest = group_end(&t), squares = group_end(&s);
        if (centred) {
            real off = v_div(rest, size);
            squares = v_sub(squares, v_mul(off, rest));
            if (v_lt(squares, 0)) squares = 0;
            if (!v_isnan(off)) mean = v_add(mean, off);
        }
        scale = v_div(1, v_sqrt(v_add(summed ? squares : v_div(squares, size), epsilon)));
        for (count i = 0; i < P * k; i++) {
            count at = first + i / k * C + i % k, c = channel + i % k;
            real near = v_mul(v_sub(x[at], mean), scale);
            if (gamma) near = v_mul(near, gamma[c]);
            y[at] = v_add(near, beta ? beta[c] : 0);
        }
    }
}

/* ---- rows of scores ------------------------------------------------------------------------------------- */

static real row_max(const real *x, count n)
{
    real most = -INFINITY;
    for (count i = 0; i < n; i++) most = v_max(most, x[i]);
    return most;
}

/* y = exp(x - max), and their sum */
static real exp_row(const real *x, real *y, count n, real max)
{
    real chain[CHAINS] = {0};
    for (count i = 0; i < n; i++) y[i] = v_exp_falling(v_sub(x[i], max));
    for (count i = 0; i < n; i++) chain[i % CHAINS] = v_add(chain[i % CHAINS], y[i]);
    return sum_of_chains(chain);
}

static void op_softmax_fwd(count R, count C, const real *x, real *y)
{
    for (count r = 0; r < R; r++, x += C, y += C) {
        real by = v_div(1, exp_row(x, y, C, row_max(x, C)));
        for (count c = 0; c < C; c++) y[c] = v_mul(y[c], by);
    }
}

static void op_log_softmax_fwd(count R, count C, const real *x, real *y)
{
    for (count r = 0; r < R; r++, x += C, y += C) {
        real max = row_max(x, C), log_sum = v_log(exp_row(x, y, C, max));
        for (count c = 0; c < C; c++) y[c] = v_sub(v_sub(x[c], max), log_sum);
    }
}

/* ---- element by element --------------------------------------------------------------------------------- */

static void op_activation_fwd(count N, function *activation, const real *x, real *y)
{
    for (count n = 0; n < N; n++) y[n] = activation(x[n]);
}

static void op_curve_fwd(count N, curve_function *curve, real a, real b, real c, real d,
                         const real *x, real *y)
{
    const real at[4] = {a, b, c, d};
    for (count n = 0; n < N; n++) y[n] = curve(x[n], at);
}

static void op_binary(count N, function_of_two *binary, const real *a, const real *b, real *y)
{
    for (count n = 0; n < N; n++) y[n] = binary(a[n], b[n]);
}

static void op_binary_spread(count P, count Q, count S, function_of_two *binary, count swapped,
                             const real *a, const real *b, real *y)
{
    for (count i = 0; i < P * Q * S; i++) {
        real one = a[i], other = b[i / (Q * S) * S + i % S];
        y[i] = swapped ? binary(other, one) : binary(one, other);
    }
}

static void op_add(count N, const real *a, const real *b, real *y)
{
    for (count n = 0; n < N; n++) y[n] = v_add(a[n], b[n]);
}

static void op_scale(count N, real factor, const real *x, real *y)
{
    for (count n = 0; n < N; n++) y[n] = v_mul(x[n], factor);
}

static void op_fill(count N, real value, real *y)
{
    for (count n = 0; n < N; n++) y[n] = value;
}

static void op_select(count N, const real *m, const real *a, const real *b, real *y)
{
    for (count n = 0; n < N; n++) {
        const real *from = v_eq(m[n], 0) ? b : a;
        y[n] = from ? from[n] : 0;
    }
}

static void op_hollow(count I, count J, const real *x, real *y)
{
    for (count i = 0; i < I * J; i++) y[i] = i / J == i % J ? 0 : x[i];
}

/* ---- one number of many --------------------------------------------------------------------------------- */

/* Numbers `step` apart are taken in, in chunks whose results are taken in in order. */
static real taken_in(const real *x, count n, count step, function_of_two *take, real first)
{
    enum { CHUNK = 64 };
    real all = first;
    for (count i = 0, end; i < n; i = end) {
        real part = first;
        end = at_most(n, i + CHUNK);
        for (count j = i; j < end; j++) part = take(part, x[j * step]);
        all = i ? take(all, part) : part;
    }
    return all;
}

/* Numbers that follow one another go round CHAINS chains, which end in one tree. */
static void op_reduce(count P, count Q, count S, function_of_two *reduction, real first,
                      const real *x, real *y)
{
    for (count i = 0; i < P * S; i++) {
        const real *from = x + i / S * Q * S + i % S;
        real chain[CHAINS];
        if (S > 1) {
            y[i] = taken_in(from, Q, S, reduction, first);
            continue;
        }
        for (count l = 0; l < CHAINS; l++)
            chain[l] = taken_in(from + l, l < Q ? (Q - l + CHAINS - 1) / CHAINS : 0, CHAINS,
                                reduction, first);
        for (count half = CHAINS / 2; half > 0; half /= 2)
            for (count l = 0; l < half; l++) chain[l] = reduction(chain[l], chain[l + half]);
        y[i] = chain[0];
    }
}

static void op_arg_reduce(count P, count Q, count S, count smallest, const real *x, real *i)
{
    for (count n = 0; n < P * S; n++) {
        real best = 0;
        i[n] = 0;
        for (count q = 0; q < Q; q++) {
            real one = x[(n / S * Q + q) * S + n % S];
            if (smallest) one = -one;
            if (q && !v_lt(best, one) && (!v_isnan(one) || v_isnan(best))) continue;
            best = one, i[n] = (real)q;
        }
    }
}

/* The class is the first of the largest t; labels are of training, and have no operand here. */
static void op_in_top_k(count R, count C, real k, const real *p, const real *t, real *h)
{
    for (count r = 0; r < R; r++) {
        const real *scores = p + r * C;
        real at, above = 0;
        op_arg_reduce(1, C, 1, 0, t + r * C, &at);
        for (count i = 0; i < C; i++) above += (real)!v_le(scores[i], scores[(count)at]);
        h[r] = (real)v_lt(above, k);
    }
}

static void op_keep_top_k(count R, count C, real k, const real *p, real *y)
{
    for (count n = 0; n < R * C; n++) {
        const real *scores = p + n / C * C;
        real before = 0;
        for (count i = 0; i < C; i++)
            before += (real)(i < n % C ? !v_lt(scores[i], p[n]) : v_lt(p[n], scores[i]));
        y[n] = v_lt(before, k) || v_isnan(p[n]) ? p[n] : -INFINITY;
    }
}

static void op_cumsum(count P, count Q, count S, count reverse, const real *x, real *y)
{
    for (count n = 0; n < P * S; n++) {
        real sum = 0;
        for (count i = 0; i < Q; i++) {
            count at = (n / S * Q + (reverse ? Q - 1 - i : i)) * S + n % S;
            sum = v_add(sum, x[at]);
            y[at] = sum;
        }
    }
}

/* ---- parts, and numbers at other places ----------------------------------------------------------------- */

static void op_concatenate(count R, count I, count J, count K, const real *a, const real *b,
                           real *y)
{
    for (count r = 0; r < R; r++) {
        for (count i = 0; i < I; i++) y[r * K + i] = a[r * I + i];
        for (count j = 0; j < J; j++) y[r * K + I + j] = b[r * J + j];
    }
}

static void op_slice(count P, count H, count W, count S, count K, count Q, count begin_h,
                     count begin_w, count step_h, count step_w, const real *x, real *y)
{
    for (count i = 0; i < P * K * Q * S; i++) {
        count h = begin_h + i / (Q * S) % K * step_h, w = begin_w + i / S % Q * step_w;
        y[i] = x[((i / (K * Q * S) * H + h) * W + w) * S + i % S];
    }
}

static void op_place(count P, count H, count W, count S, count K, count Q, count begin_h,
                     count begin_w, count step_h, count step_w, real value, const real *x, real *y)
{
    for (count i = 0; i < P * K * Q * S; i++) y[i] = value;
    for (count i = 0; i < P * H * W * S; i++) {
        count h = begin_h + i / (W * S) % H * step_h, w = begin_w + i / S % W * step_w;
        if (h >= 0 && h < K) y[((i / (H * W * S) * K + h) * Q + w) * S + i % S] = x[i];
    }
}

static void op_expand(count P, count S, count Q, const real *x, real *y)
{
    for (count i = 0; i < P * Q * S; i++) y[i] = x[i / (Q * S) * S + i % S];
}

static void op_swap(count P, count B, count C, count S, const real *x, real *y)
{
    for (count i = 0; i < P * B * C * S; i++) {
        count b = i / S % B, c = i / (B * S) % C;
        y[i] = x[((i / (C * B * S) * B + b) * C + c) * S + i % S];
    }
}

/* The place that an index means among q, from the end where it is below 0, or -1 */
static inline count place_among(real index, count q)
{
    count i;
    if (!(index >= -(real)q && index < (real)q)) return -1;
    i = (count)index;
    return i < 0 ? i + q : i;
}

static void op_take(count P, count Q, count S, count K, const real *x, const real *i, real *y)
{
    for (count n = 0; n < P * K * S; n++) {
        count at = place_among(i[n / S % K], Q);
        y[n] = at < 0 ? NAN : x[(n / (K * S) * Q + at) * S + n % S];
    }
}

static void op_take_along(count P, count Q, count S, count K, const real *x, const real *i, real *y)
{
    for (count n = 0; n < P * K * S; n++) {
        count at = place_among(i[n], Q);
        y[n] = at < 0 ? NAN : x[(n / (K * S) * Q + at) * S + n % S];
    }
}

static void op_put_along(count P, count K, count S, count Q, const real *dy, const real *i,
                         real *dx)
{
    for (count n = 0; n < P * Q * S; n++) dx[n] = 0;
    for (count n = 0; n < P * K * S; n++) {
        count at = place_among(i[n], Q);
        real *to = dx + (n / (K * S) * Q + at) * S + n % S;
        if (at >= 0) *to = v_add(*to, dy[n]);
    }
}

/* Whether a comes before b, NaN being the largest, or from place i before place j where they are alike */
static inline int comes_before(real a, real i, real b, real j, int falling)
{
    int below = a < b || (v_isnan(b) && !v_isnan(a)), above = b < a || (v_isnan(a) && !v_isnan(b));
    if (below || above) return falling ? above : below;
    return i < j;
}

/* Numbers, and the places that they come from */
typedef struct {
    real *value, *from;
    int falling;
} heap;

static inline void exchange(heap *h, count i, count j)
{
    real value = h->value[i], from = h->from[i];
    h->value[i] = h->value[j], h->from[i] = h->from[j];
    h->value[j] = value, h->from[j] = from;
}

static inline int is_before(const heap *h, count i, count j)
{
    return comes_before(h->value[i], h->from[i], h->value[j], h->from[j], h->falling);
}

/* Lets element i sink among the first n, to below those that come after it. */
static void sink(heap *h, count i, count n)
{
    for (count child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_before(h, child, child + 1)) child++;
        if (!is_before(h, i, child)) return;
        exchange(h, i, child);
    }
}

static void op_sort(count P, count Q, count descending, const real *x, real *y, real *i)
{
    for (count p = 0; p < P; p++) {
        heap h;
        h.value = y + p * Q, h.from = i + p * Q, h.falling = descending != 0;
        for (count q = 0; q < Q; q++) h.value[q] = x[p * Q + q], h.from[q] = (real)q;
        for (count q = Q / 2 - 1; q >= 0; q--) sink(&h, q, Q);
        for (count n = Q - 1; n > 0; n--) exchange(&h, 0, n), sink(&h, 0, n);
    }
}

/* ---- images in another size ------------------------------------------------------------------------------ */
/* Places are whole numbers of 2^-32 pixels, weights of 2^-20. */
typedef struct {
    int64_t at;
    real weight;
} spot;

static inline int64_t fixed_point(real a) { return (int64_t)((double)a * 0x1p32); }

/* The place of a pixel among `size`, or -1: the constant */
static inline int64_t folded(int64_t at, int64_t size, count fill)
{
    int64_t period = fill == 2 ? size : 2 * size, rest;
    if (at >= 0 && at < size) return at;
    if (fill == 0) return -1;
    if (fill == 3) return at < 0 ? 0 : size - 1;
    rest = at % period;
    if (rest < 0) rest += period;
    return rest < size ? rest : period - 1 - rest;
}

/* The nearest spot there is: for nearest neighbours a pixel, of two the later one */
static inline spot spot_at(int64_t place, count bilinear)
{
    int64_t near = place + ((int64_t)1 << (bilinear ? 11 : 31));
    int64_t down = near >= 0 ? near >> 32 : ~(~near >> 32);
    spot s;
    s.at = down;
    s.weight =
        bilinear ? (real)(int32_t)((near - down * ((int64_t)1 << 32)) >> 12) * (real)0x1p-20 : 0;
    return s;
}

static inline real blend(real weight, real a, real b)
{
    return weight == 0 ? a : v_add(v_mul(v_sub(1, weight), a), v_mul(weight, b));
}

/* Whether all places a i + b j + c are near enough to be counted */
static inline int reaches(double a, double b, double c, count p, count q)
{
    double i = (a < 0 ? -a : a) * p, j = (b < 0 ? -b : b) * q;
    return i + j + (c < 0 ? -c : c) < 0x1p30;
}

/* The map that is not random: row h0 i + h1, column w0 j + w1 */
static void op_random_map(count R, real h0, real h1, real w0, real w1, real *map)
{
    const real all[6] = {w0, 0, w1, 0, h0, h1};
    for (count i = 0; i < 6 * R; i++) map[i] = all[i % 6];
}

static void op_warp(count R, count H, count W, count C, count K, count P, count Q, count fill_mode,
                    count bilinear, real fill_value, const real *x, const real *map, real *y)
{
    for (count i = 0; i < R * P * Q * C; i++) {
        const real *m = map + i / (P * Q * C) * K, *image = x + i / (P * Q * C) * H * W * C + i % C;
        int64_t row = i / (Q * C) % P, column = i / C % Q;
        real corner[4];
        spot v, u;
        if (!reaches(m[1], m[0], m[2], P, Q) || !reaches(m[4], m[3], m[5], P, Q)) {
            y[i] = NAN;
            continue;
        }
        v = spot_at(fixed_point(m[4]) * row + fixed_point(m[3]) * column + fixed_point(m[5]),
                    bilinear);
        u = spot_at(fixed_point(m[1]) * row + fixed_point(m[0]) * column + fixed_point(m[2]),
                    bilinear);
        for (count k = 0; k < 4; k++) {
            int64_t h = folded(v.at + k / 2, H, fill_mode), w = folded(u.at + k % 2, W, fill_mode);
            corner[k] = h < 0 || w < 0 ? fill_value : image[(h * W + w) * C];
        }
        y[i] = blend(u.weight, blend(v.weight, corner[0], corner[2]),
                     blend(v.weight, corner[1], corner[3]));
    }
}

/* ---- the caller's numbers ------------------------------------------------------------------------------- */

static void op_gather(count R, count N, count scaled, real slope, real offset, const given *data,
                      real *x)
{
    for (count i = 0; i < R * N; i++) {
        x[i] = (real)data[i];
        if (scaled) x[i] = v_fma(slope, x[i], offset);
    }
}
