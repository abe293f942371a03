/* A memory handler for NumPy that counts live bytes and refuses an allocation on demand; see allocator.py.
 *
 * The structures are NumPy's PyDataMem_Handler, version 1 (numpy/ndarraytypes.h, NEP 49).
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Allocations until one is refused; none is while it is negative. */
int64_t allowed = -1;
/* Whether all that follow are refused, too. */
int64_t for_ever = 0;
int64_t refused = 0;
int64_t live_bytes = 0;

/* The size of a block stands before it: realloc is not told the old one. */
enum { HEADER = 64 };

static void *block(void *memory, size_t size) {
    if (memory == NULL)
        return NULL;
    *(size_t *)memory = size;
    live_bytes += (int64_t)size;
    return (char *)memory + HEADER;
}

static int refuse(void) {
    if (allowed < 0)
        return 0;
    if (allowed > 0) {
        allowed--;
        return 0;
    }
    if (!for_ever)
        allowed = -1;
    refused++;
    return 1;
}

static void *counted_malloc(void *context, size_t size) {
    (void)context;
    return refuse() ? NULL : block(malloc(size + HEADER), size);
}

static void *counted_calloc(void *context, size_t count, size_t size) {
    (void)context;
    return refuse() ? NULL : block(calloc(1, count * size + HEADER), count * size);
}

static void counted_free(void *context, void *data, size_t size) {
    (void)context, (void)size;
    if (data == NULL)
        return;
    char *memory = (char *)data - HEADER;
    live_bytes -= (int64_t) * (size_t *)memory;
    free(memory);
}

static void *counted_realloc(void *context, void *data, size_t size) {
    if (data == NULL)
        return counted_malloc(context, size);
    if (refuse())
        return NULL;
    char *memory = (char *)data - HEADER;
    size_t before = *(size_t *)memory;
    char *moved = realloc(memory, size + HEADER);
    if (moved != NULL)
        live_bytes -= (int64_t)before;
    return block(moved, size);
}

struct {
    char name[127];
    uint8_t version;
    void *context;
    void *(*malloc)(void *, size_t);
    void *(*calloc)(void *, size_t, size_t);
    void *(*realloc)(void *, void *, size_t);
    void (*free)(void *, void *, size_t);
} handler = {"counted", 1, NULL, counted_malloc, counted_calloc, counted_realloc, counted_free};
