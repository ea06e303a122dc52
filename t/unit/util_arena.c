#include "util/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "t/lib/tap.h"

static bool zeroed(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static void test_pieces(void)
{
	enum { PIECES = 3000 };
	static unsigned char *p[PIECES];
	struct arena *a = arena_new(0);
	bool aligned = true, clean = true, whole = true;

	/* Sizes that fill blocks, overflow them and want blocks of their own; each piece is filled with its own byte. */
	for (size_t i = 0; i < PIECES; i++) {
		size_t n = i % 500 == 499 ? 100000 : i % 97;

		p[i] = arena_alloc(a, n);
		aligned = aligned && (uintptr_t)p[i] % _Alignof(max_align_t) == 0;
		clean = clean && zeroed(p[i], n);
		memset(p[i], (int)(i % 251), n);
	}
	for (size_t i = 0; i < PIECES; i++) {
		size_t n = i % 500 == 499 ? 100000 : i % 97;

		for (size_t j = 0; j < n; j++)
			whole = whole && p[i][j] == i % 251;
	}
	ok(aligned, "every piece is aligned for any type");
	ok(clean, "every piece is zeroed");
	ok(whole, "no piece overlaps another");
	ok(p[0] != NULL, "a piece of nothing is a valid pointer");
	ok(!arena_failed(a), "nothing failed");
	arena_free(&a);
	ok(a == NULL, "arena_free clears the pointer");
	arena_free(&a);
}

static void test_limit(void)
{
	struct arena *a = arena_new(1000);

	ok(arena_alloc(a, 900) != NULL, "within the limit");
	ok(arena_alloc(a, 200) == NULL, "over the limit");
	ok(arena_failed(a), "the failure is remembered");
	ok(arena_alloc(a, 1) == NULL, "what would fit fails too");
	ok(arena_strdup(a, "x") == NULL, "copies fail too");
	ok(arena_printf(a, "%d", 1) == NULL, "texts fail too");
	arena_reset(a);
	ok(!arena_failed(a), "reset forgets the failure");
	is_int(arena_used(a), 0, "reset forgets what was used");
	ok(arena_alloc(a, 900) != NULL, "and there is room again");
	arena_free(&a);

	a = arena_new(0);
	ok(arena_calloc(a, SIZE_MAX / 2, 3) == NULL, "a product that overflows fails");
	arena_reset(a);
	ok(arena_alloc(a, SIZE_MAX - 3) == NULL, "a size that overflows when rounded fails");
	arena_reset(a);
	ok(arena_strdup(a, NULL) == NULL && !arena_failed(a), "a copy of NULL is NULL, and no failure");
	arena_fail(a);
	ok(arena_alloc(a, 1) == NULL, "arena_fail makes it sticky");
	arena_free(&a);
}

static void test_reset(void)
{
	struct arena *a = arena_new(0);
	unsigned char *first = arena_alloc(a, 64);
	uintptr_t address = (uintptr_t)first;

	memset(first, 0xff, 64);
	for (int i = 0; i < 100; i++)
		arena_alloc(a, 1000);
	arena_reset(a);
	first = arena_alloc(a, 64);
	ok((uintptr_t)first == address, "the first block is used again");
	ok(zeroed(first, 64), "and its pieces are zeroed again");
	arena_free(&a);

	a = arena_new(0);
	arena_alloc(a, 1 << 20);
	arena_reset(a);
	ok(arena_alloc(a, 10) != NULL, "a first block of unusual size is let go");
	arena_free(&a);
}

static void test_texts(void)
{
	struct arena *a = arena_new(0);
	char *p;

	is_str(arena_strndup(a, "abcdef", 3), "abc", "strndup cuts and terminates");
	p = arena_strndup(a, "a\0b", 3);
	ok(p != NULL && memcmp(p, "a\0b", 4) == 0, "strndup is binary-safe");
	is_str(arena_printf(a, "%s-%d", "x", 7), "x-7", "printf");
	p = arena_printf(a, "%0*d", 5000, 1);
	ok(p != NULL && strlen(p) == 5000 && p[4999] == '1', "printf of a long text");
	arena_free(&a);
}

int main(void)
{
	test_pieces();
	test_limit();
	test_reset();
	test_texts();
	return done_testing();
}
