/* replay.c: does recorded kernels' work again, on this processor; exit code 0 if every bit is the same.
 *
 *   cc -std=c11 -O2 -Icsrc tests/c/replay.c csrc/[a-z]*.c csrc/isa/[a-z]*.c -pthread -lm -o replay
 *
 *   ./replay FILE ISA [threads]
 *
 * Under valgrind, which computes some numbers in a way of its own, a status of 1 means nothing.
 *
 * The file is tests/tools/recording.py's.  What NaN looks like is the processor's business: on both sides
 * those of a type are one number. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "program.h"

enum { MOST_REGIONS = 64, MOST_OPS = 16, MOST_LENTS = 64 };

static const uint64_t PRIME = 0x100000001B3;

static FILE *file;

static void take(void *into, size_t bytes)
{
    if (bytes && fread(into, bytes, 1, file) != 1) {
        fprintf(stderr, "replay: the file ends too early\n");
        exit(2);
    }
}

static int32_t take_i32(void)
{
    int32_t value;
    take(&value, sizeof value);
    return value;
}

static int64_t take_i64(void)
{
    int64_t value;
    take(&value, sizeof value);
    return value;
}

/* A count that has to be within what the program can hold. */
static int32_t take_count(int32_t most)
{
    int32_t count = take_i32();
    if (count < 0 || count > most) {
        fprintf(stderr, "replay: a count of %" PRId32 ", at most %" PRId32 "\n", count, most);
        exit(2);
    }
    return count;
}

/* Of so many bytes and no more, so that valgrind knows where they end. */
static void *room(int64_t bytes)
{
    void *memory = fnn_alloc(bytes);
    if (!memory) exit(2);
    if (bytes) memset(memory, 0, (size_t)bytes);
    return memory;
}

/* A stretch of memory; elements of 4 and 8 bytes are numbers, of 1 byte anything. */
typedef struct {
    int32_t kind;
    int64_t bytes;
    unsigned char *at;
} region;

static uint32_t word(const region *r, int64_t i)
{
    uint32_t value = 0;
    int64_t left = r->bytes - 4 * i;
    memcpy(&value, r->at + 4 * i, left < 4 ? (size_t)left : 4);
    return value;
}

/* Makes NaNs the one that NumPy's is. */
static void settle(const region *r)
{
    const uint32_t single = 0x7FC00000;
    const uint64_t twice = 0x7FF8000000000000;
    for (int64_t i = 0; r->kind > 1 && i < r->bytes; i += r->kind) {
        float f;
        double d;
        if (r->kind == 4) {
            memcpy(&f, r->at + i, 4);
            if (isnan(f)) memcpy(r->at + i, &single, 4);
        } else {
            memcpy(&d, r->at + i, 8);
            if (isnan(d)) memcpy(r->at + i, &twice, 8);
        }
    }
}

static uint64_t digest(const region *regions, int32_t count)
{
    uint64_t found = 0;
    for (const region *r = regions; r < regions + count; r++) {
        uint64_t sum = 0, weight = 1;
        settle(r);
        for (int64_t i = 0; i < (r->bytes + 3) / 4; i++, weight *= PRIME)
            sum += ((uint64_t)word(r, i) + 1) * weight;
        found = found * PRIME + sum;
    }
    return found;
}

static int no_signal(void *self)
{
    (void)self;
    return 0;
}

static void take_op(fnn_program *program, const fnn_table *table, const region *regions)
{
    fnn_op op;
    memset(&op, 0, sizeof op);
    op.code = (fnn_opcode)take_count(FNN_CODE_COUNT - 1);
    op.scaled = (uint32_t)take_i32();
    op.shared = take_i32();
    op.far = take_i32();
    int32_t args = take_count(FNN_MAX_ARGS);
    for (int32_t i = 0; i < args; i++) {
        int32_t which = take_count(MOST_REGIONS); /* from 1; 0: absent */
        int64_t offset = take_i64();
        if (which > 0) op.arg[i] = regions[which - 1].at + offset;
    }
    int32_t bases = take_count(FNN_MAX_DIMS);
    take(op.base, (size_t)bases * sizeof *op.base);
    int32_t attrs = take_count(FNN_MAX_ATTRS);
    take(op.attr, (size_t)attrs * sizeof *op.attr);
    if (fnn_program_add(program, table, &op) < 0) exit(2);
}

static void take_lents(fnn_program *program, const region *regions)
{
    program->lents = take_count(MOST_LENTS);
    program->lent = room(program->lents * (int64_t)sizeof *program->lent);
    for (fnn_lent *l = program->lent; l < program->lent + program->lents; l++) {
        l->op = take_count((int32_t)program->count - 1);
        l->operand = take_count(FNN_MAX_ARGS - 1);
        l->array = (int)(l - program->lent);
        l->at = regions[take_count(MOST_REGIONS - 1)].at;
        int32_t dtype = take_i32();
        l->row_bytes = take_i64();
        if (dtype >= 0) program->ops[l->op].attr[0] = dtype;
    }
}

static void take_run(fnn_run *run, int64_t **order)
{
    run->total = take_i64();
    run->batch = take_i64();
    run->epoch = take_i64();
    run->origin = take_i64();
    run->seed = (uint64_t)take_i64();
    run->callbacks.poll = no_signal;
    int32_t count = take_count(1 << 24);
    *order = room(8 * (int64_t)count);
    take(*order, (size_t)count * sizeof **order);
    if (count) run->order = *order;
}

static int32_t take_regions(region *regions)
{
    int32_t count = take_count(MOST_REGIONS);
    for (region *r = regions; r < regions + count; r++) {
        r->kind = take_count(8);
        r->bytes = take_i64();
        r->at = room(r->bytes);
        take(r->at, (size_t)r->bytes);
    }
    return count;
}

/* Whether the next record leaves the bits that it should. */
static int same(int isa, int threads)
{
    char name[256];
    int32_t length = take_count(255);
    take(name, (size_t)length);
    name[length] = 0;
    const fnn_table *table = fnn_isa_table(isa, (fnn_precision)take_count(FNN_PRECISION_COUNT - 1));
    if (!table) exit(2);

    fnn_program program = {0};
    fnn_run run = {0};
    int64_t *order;
    region regions[MOST_REGIONS];
    take_run(&run, &order);
    int32_t count = take_regions(regions);
    int32_t ops = take_count(MOST_OPS);
    for (int32_t i = 0; i < ops; i++) take_op(&program, table, regions);
    take_lents(&program, regions);
    program.clock_every = 1;
    program.commit = program.count;
    if (fnn_program_finish(&program, threads)) exit(2);
    fnn_status status = fnn_program_run(&program, &run);
    uint64_t found = digest(regions, count), expected = (uint64_t)take_i64();
    if (status != FNN_DONE || found != expected)
        printf("differs (status %d): %s\n", (int)status, name);

    for (region *r = regions; r < regions + count; r++) fnn_free(r->at);
    fnn_free(order);
    fnn_program_free(&program);
    return status == FNN_DONE && found == expected;
}

int main(int argc, char **argv)
{
    char magic[8];
    int isa = argc > 2 ? fnn_isa_find(argv[2]) : -1;
    if (isa < 0 || !fnn_isa_available(isa) || !(file = fopen(argv[1], "rb"))) {
        fprintf(stderr, "replay FILE ISA [threads]: no such file, or instruction set\n");
        return 2;
    }
    take(magic, sizeof magic);
    if (memcmp(magic, "FNNREC1\n", sizeof magic)) return 2;
    int32_t count = take_i32(), differ = 0;
    for (int32_t i = 0; i < count; i++) differ += !same(isa, argc > 3 ? atoi(argv[3]) : 1);
    printf("%" PRId32 " records, %" PRId32 " differ\n", count, differ);
    return differ != 0;
}
