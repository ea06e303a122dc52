#include "util/fold.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/*
 * Copies the ASCII at the beginning of p with capitals made small, eight bytes at a time: this runs for each fact of each
 * message.  Answers how many bytes it took; at most 7 bytes of ASCII before the first other byte are left over.
 */
static size_t fold_ascii(char *out, const char *p, size_t n)
{
	size_t i = 0;

	for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t w, from_a, above_z;

		memcpy(&w, p + i, sizeof w);
		if (w & EACH_BYTE(0x80))
			return i;
		from_a = w + EACH_BYTE(0x80 - 'A');
		above_z = w + EACH_BYTE(0x7f - 'Z');
		w |= ((from_a ^ above_z) & EACH_BYTE(0x80)) >> 2; /* 0x80 >> 2 is the bit that tells 'a' from 'A' */
		memcpy(out + i, &w, sizeof w);
	}
	for (; i < n && (unsigned char)p[i] < 0x80; i++)
		out[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : p[i];
	return i;
}

static const char *fold_unicode(struct arena *a, const char *p, size_t n, size_t *out_n)
{
	uint8_t *folded;
	char *out;
	size_t length;

	if (!utf8_valid(p, n) && (p = utf8_repair(a, p, n, &n)) == NULL)
		return NULL;
	folded = u8_casefold((const uint8_t *)p, n, NULL, UNINORM_NFC, NULL, &length);
	if (folded == NULL) {
		arena_fail(a);
		return NULL;
	}
	out = arena_strndup(a, (const char *)folded, length);
	free(folded);
	*out_n = length;
	return out;
}

const char *fold_text(struct arena *a, const char *p, size_t n, size_t *out_n)
{
	char *out = arena_alloc(a, n + 1);

	*out_n = n;
	if (out == NULL || fold_ascii(out, p, n) == n)
		return out;
	return fold_unicode(a, p, n, out_n);
}
