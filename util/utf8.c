#include "util/utf8.h"

#include <string.h>

/* The length that a lead byte announces, and the range of the byte behind it (RFC 3629, section 4); 0: no lead byte. */
static size_t lead(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

/* How many bytes of a character of `length` bytes are there and right. */
static size_t run(const char *p, size_t n, size_t length, unsigned char low, unsigned char high)
{
	size_t i;

	for (i = 1; i < length && i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c < low || c > high)
			break;
		low = 0x80;
		high = 0xbf;
	}
	return i;
}

size_t utf8_decode(const char *p, size_t n, uint32_t *c)
{
	static const unsigned char lead_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned char low, high;
	size_t length;

	if (n == 0)
		return 0;
	if ((unsigned char)*p < 0x80) {
		if (c != NULL)
			*c = (unsigned char)*p;
		return 1;
	}
	length = lead((unsigned char)*p, &low, &high);
	if (length == 0 || run(p, n, length, low, high) != length)
		return 0;
	if (c != NULL) {
		*c = (unsigned char)*p & lead_bits[length];
		for (size_t i = 1; i < length; i++)
			*c = *c << 6 | ((unsigned char)p[i] & 0x3f);
	}
	return length;
}

size_t utf8_bad_length(const char *p, size_t n)
{
	unsigned char low, high;
	size_t length = lead((unsigned char)*p, &low, &high);

	return length == 0 ? 1 : run(p, n, length, low, high);
}

bool utf8_valid(const char *p, size_t n)
{
	size_t step;

	for (; n > 0; p += step, n -= step)
		if ((step = utf8_decode(p, n, NULL)) == 0)
			return false;
	return true;
}

/* Writes the repaired text to out unless that is NULL; answers its length. */
static size_t repair(const char *p, size_t n, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < n;) {
		size_t step = utf8_decode(p + i, n - i, NULL);
		const char *from = step > 0 ? p + i : UTF8_REPLACEMENT;
		size_t add = step > 0 ? step : sizeof UTF8_REPLACEMENT - 1;

		if (out != NULL)
			memcpy(out + length, from, add);
		length += add;
		i += step > 0 ? step : utf8_bad_length(p + i, n - i);
	}
	return length;
}

char *utf8_repair(struct arena *a, const char *p, size_t n, size_t *out_n)
{
	char *out;

	*out_n = repair(p, n, NULL);
	out = arena_alloc(a, *out_n + 1);
	if (out != NULL)
		repair(p, n, out);
	return out;
}
