#include "util/fold.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "util/bytes.h"

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Folds ASCII, eight bytes at a time.  Stops at the first eight that are not all ASCII; answers how many bytes it took. */
static size_t fold_ascii(char *out, const char *p, size_t n)
{
	size_t i;

	for (i = 0; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t w, from_a, above_z;

		memcpy(&w, p + i, sizeof w);
		if (w & EACH_BYTE(0x80))
			break;
		from_a = w + EACH_BYTE(0x80 - 'A');
		above_z = w + EACH_BYTE(0x7f - 'Z');
		w |= ((from_a ^ above_z) & EACH_BYTE(0x80)) >> 2; /* 0x80 >> 2 is the bit that tells 'a' from 'A' */
		memcpy(out + i, &w, sizeof w);
	}
	return i;
}

/*
 * Folds a character of Latin-1 or of Cyrillic (U+0400 to U+045F): none of these combines with a neighbour, and each has a
 * small letter of the same two bytes' length.  0 for the two that have not, and for all others.
 */
static uint32_t fold_two_bytes(uint32_t c)
{
	if (c >= 0x410 && c <= 0x42f)
		return c + 0x20;
	if (c >= 0x400 && c <= 0x40f)
		return c + 0x50;
	if (c >= 0x430 && c <= 0x45f)
		return c;
	if (c == 0xb5 || c == 0xdf || c < 0x80 || c > 0xff) /* micro sign: Greek mu; sharp s: ss */
		return 0;
	return c >= 0xc0 && c <= 0xde && c != 0xd7 ? c + 0x20 : c;
}

/*
 * The short way for nearly all text: ASCII, Latin-1, Cyrillic, dashes and quotation marks; it keeps lengths.  This runs for
 * each fact of each message.  Answers whether that was all.
 */
static bool fold_simple(char *out, const char *p, size_t n)
{
	for (size_t i = fold_ascii(out, p, n); i < n; i += fold_ascii(out + i, p + i, n - i)) {
		uint32_t c;
		size_t step = utf8_decode(p + i, n - i, &c);

		if (step == 1) {
			out[i] = ascii_lower(p[i]);
		} else if (step == 2 && (c = fold_two_bytes(c)) != 0) {
			out[i] = (char)(0xc0 | c >> 6);
			out[i + 1] = (char)(0x80 | (c & 0x3f));
		} else if (step == 3 && c >= 0x2010 && c <= 0x2027) {
			memcpy(out + i, p + i, step);
		} else {
			return false;
		}
		i += step;
	}
	return true;
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
	if (out == NULL || fold_simple(out, p, n))
		return out;
	return fold_unicode(a, p, n, out_n);
}
