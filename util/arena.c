#include "util/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(ARENA_ASAN)
#define ARENA_ASAN 1
#endif

/* Under AddressSanitizer what is not handed out is poisoned, with a gap behind each piece, so that overruns are seen. */
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { ARENA_GAP = 16 };
#define arena_poison(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define arena_unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
enum { ARENA_GAP = 0 };
#define arena_poison(p, n) ((void)(p), (void)(n))
#define arena_unpoison(p, n) ((void)(p), (void)(n))
#endif

enum {
	ARENA_ALIGN = _Alignof(max_align_t),
	ARENA_BLOCK_FIRST = 8 * 1024,     /* most messages need no second block */
	ARENA_BLOCK_LARGEST = 1024 * 1024 /* blocks double in size up to this */
};

struct arena_block {
	struct arena_block *next; /* older */
	size_t size, used;        /* bytes of data */
	max_align_t data[];
};

struct arena {
	struct arena_block *blocks; /* the first one is being filled; the last one is kept by arena_reset() */
	size_t first_size, next_size;
	size_t limit; /* 0: none */
	size_t used;
	bool failed;
};

struct arena *arena_new(size_t limit)
{
	return arena_new_for(limit, ARENA_BLOCK_FIRST);
}

struct arena *arena_new_for(size_t limit, size_t usual)
{
	struct arena *a = calloc(1, sizeof *a);

	if (a != NULL) {
		a->limit = limit;
		a->first_size = a->next_size = usual;
	}
	return a;
}

static void block_free(struct arena_block *b)
{
	arena_unpoison(b->data, b->size);
	free(b);
}

void arena_free(struct arena **a)
{
	struct arena_block *b, *next;

	if (*a == NULL)
		return;
	for (b = (*a)->blocks; b != NULL; b = next) {
		next = b->next;
		block_free(b);
	}
	free(*a);
	*a = NULL;
}

void arena_reset(struct arena *a)
{
	struct arena_block *b = a->blocks, *next;

	for (; b != NULL && b->next != NULL; b = next) {
		next = b->next;
		block_free(b);
	}
	/* A first block of unusual size held one large piece: worth no keeping. */
	if (b != NULL && b->size > a->first_size) {
		block_free(b);
		b = NULL;
	}
	if (b != NULL) {
		b->used = 0;
		arena_poison(b->data, b->size);
	}
	a->blocks = b;
	a->next_size = b != NULL ? 2 * a->first_size : a->first_size;
	a->used = 0;
	a->failed = false;
}

void arena_fail(struct arena *a)
{
	a->failed = true;
}

/*
 * A block with room for n bytes.  A piece larger than the next block gets one to itself, behind the current block, which
 * stays in use.
 */
static struct arena_block *block_new(struct arena *a, size_t n)
{
	bool own = n > a->next_size && a->blocks != NULL;
	size_t size = n > a->next_size ? n : a->next_size;
	struct arena_block *b;

	if (size > SIZE_MAX - sizeof *b || (b = malloc(sizeof *b + size)) == NULL)
		return NULL;
	b->size = size;
	b->used = 0;
	arena_poison(b->data, b->size);
	if (own) {
		b->next = a->blocks->next;
		a->blocks->next = b;
		return b;
	}
	b->next = a->blocks;
	a->blocks = b;
	if (a->next_size < ARENA_BLOCK_LARGEST)
		a->next_size *= 2;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	size_t padded;
	char *p;

	if (a->failed)
		return NULL;
	if (n > SIZE_MAX / 2)
		goto fail;
	padded = ((n != 0 ? n : 1) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	if (a->limit != 0 && (padded > a->limit || a->used > a->limit - padded))
		goto fail;
	if (b == NULL || b->size - b->used < padded + ARENA_GAP) {
		b = block_new(a, padded + ARENA_GAP);
		if (b == NULL)
			goto fail;
	}
	p = (char *)b->data + b->used;
	b->used += padded + ARENA_GAP;
	a->used += padded;
	arena_unpoison(p, n);
	return memset(p, 0, n);

fail:
	a->failed = true;
	return NULL;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		n = SIZE_MAX;
	return arena_alloc(a, n);
}

char *arena_strdup(struct arena *a, const char *p)
{
	return p != NULL ? arena_strndup(a, p, strlen(p)) : NULL;
}

char *arena_strndup(struct arena *a, const char *p, size_t n)
{
	char *copy;

	if (p == NULL)
		return NULL;
	copy = arena_alloc(a, n < SIZE_MAX ? n + 1 : n);
	if (copy != NULL)
		memcpy(copy, p, n);
	return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
{
	char small[256]; /* spares most texts a second formatting */
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(small, sizeof small, fmt, ap);
	if (n < 0) {
		a->failed = true;
		p = NULL;
	} else if ((size_t)n < sizeof small) {
		p = arena_strndup(a, small, (size_t)n);
	} else {
		p = arena_alloc(a, (size_t)n + 1);
		if (p != NULL)
			vsnprintf(p, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	return p;
}

bool arena_failed(const struct arena *a)
{
	return a->failed;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
