#include "util/sbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/utf8.h"

enum { SBUF_HEAP_FIRST = 256 };

void sbuf_fixed(struct sbuf *b, char *buf, size_t size)
{
	*b = (struct sbuf){ .p = buf, .room = size, .limit = size };
	buf[0] = '\0';
}

void sbuf_heap(struct sbuf *b, size_t limit)
{
	/* Storage comes with the first byte; until then p is never written to, since room is 0. */
	*b = (struct sbuf){ .p = "", .limit = limit, .heap = true };
}

void sbuf_done(struct sbuf *b)
{
	if (b->heap && b->room > 0)
		free(b->p);
	*b = (struct sbuf){ .p = "" };
}

void sbuf_reset(struct sbuf *b)
{
	b->len = 0;
	b->cut = false;
	if (b->room > 0)
		b->p[0] = '\0';
}

/* Grows heap storage so that `want` bytes fit, or as many as the limit allows. */
static void grow(struct sbuf *b, size_t want)
{
	size_t room = b->room > 0 ? b->room : SBUF_HEAP_FIRST;
	char *p;

	while (room < want && room <= b->limit / 2)
		room *= 2;
	if (room < want || room > b->limit)
		room = b->limit;
	if (room <= b->room || (p = realloc(b->room > 0 ? b->p : NULL, room)) == NULL)
		return;
	b->p = p;
	b->p[b->len] = '\0';
	b->room = room;
}

/* How many of n more bytes fit.  Once something was cut off, nothing does: what is there is always a true beginning. */
static size_t fit(struct sbuf *b, size_t n)
{
	size_t space;

	if (b->cut)
		return 0;
	if (b->heap && n >= b->room - b->len)
		grow(b, n < SIZE_MAX - b->len ? b->len + n + 1 : SIZE_MAX);
	space = b->room > b->len ? b->room - b->len - 1 : 0;
	if (n <= space)
		return n;
	b->cut = true;
	return space;
}

void sbuf_addn(struct sbuf *b, const char *s, size_t n)
{
	n = fit(b, n);
	if (n == 0)
		return;
	memcpy(b->p + b->len, s, n);
	b->len += n;
	b->p[b->len] = '\0';
}

/* All n bytes or none. */
static void add_whole(struct sbuf *b, const char *s, size_t n)
{
	size_t space = fit(b, n);

	if (space == n)
		sbuf_addn(b, s, n);
}

void sbuf_add(struct sbuf *b, const char *s)
{
	sbuf_addn(b, s, strlen(s));
}

void sbuf_addc(struct sbuf *b, char c)
{
	sbuf_addn(b, &c, 1);
}

void sbuf_add_num(struct sbuf *b, long long num)
{
	enum { DIGITS = 20 }; /* of 2^64 */
	char text[DIGITS + 1], *p = text + sizeof text;
	unsigned long long rest = num < 0 ? -(unsigned long long)num : (unsigned long long)num;

	do
		*--p = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (num < 0)
		*--p = '-';
	add_whole(b, p, (size_t)(text + sizeof text - p));
}

void sbuf_addf(struct sbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sbuf_vaddf(b, fmt, ap);
	va_end(ap);
}

void sbuf_vaddf(struct sbuf *b, const char *fmt, va_list ap)
{
	size_t space = b->room - b->len;
	va_list again;
	int n;

	if (b->cut)
		return;
	va_copy(again, ap);
	n = vsnprintf(space > 0 ? b->p + b->len : NULL, space, fmt, ap);
	if (n < 0) {
		b->cut = true;
		if (space > 0)
			b->p[b->len] = '\0';
	} else if ((size_t)n < space) {
		b->len += (size_t)n;
	} else {
		size_t fits = fit(b, (size_t)n);

		if (b->room > b->len) {
			vsnprintf(b->p + b->len, fits + 1, fmt, again);
			b->len += fits;
		}
	}
	va_end(again);
}

/* Characters that change how a line is shown: C1 controls, line separators, and the bidirectional overrides. */
static bool disturbs(uint32_t c)
{
	return (c >= 0x80 && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* How many bytes stand for themselves whatever is added to: printable ASCII without quotes and backslashes.  Most text is
 * nothing else. */
static size_t plain_run(const char *s, size_t n)
{
	size_t run = 0;

	while (run < n && (unsigned char)(s[run] - ' ') <= '~' - ' ' && s[run] != '"' && s[run] != '\\')
		run++;
	return run;
}

static void add_hex(struct sbuf *b, const char *s, size_t n)
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		char hex[] = { '\\', 'x', digit[c >> 4], digit[c & 15] };

		add_whole(b, hex, sizeof hex);
	}
}

void sbuf_add_safe(struct sbuf *b, const char *s, size_t n)
{
	size_t step;

	for (; n > 0 && !b->cut; s += step, n -= step) {
		uint32_t c;

		if ((step = plain_run(s, n)) > 0) {
			sbuf_addn(b, s, step);
			continue;
		}
		step = utf8_decode(s, n, &c);
		if (step == 0)
			add_hex(b, s, step = 1);
		else if (c == '\\')
			add_whole(b, "\\\\", 2);
		else if (c < ' ' || c == 0x7f || disturbs(c))
			add_hex(b, s, step);
		else
			add_whole(b, s, step);
	}
}

void sbuf_add_reply(struct sbuf *b, const char *s, size_t n)
{
	size_t step;

	for (; n > 0 && !b->cut; s += step, n -= step) {
		step = plain_run(s, n);
		if (step > 0) {
			sbuf_addn(b, s, step);
			continue;
		}
		step = 1;
		sbuf_addc(b, s[0] == '"' || s[0] == '\\' ? s[0] : '?');
	}
}

void sbuf_add_json(struct sbuf *b, const char *s, size_t n)
{
	size_t step;

	sbuf_addc(b, '"');
	for (; n > 0 && !b->cut; s += step, n -= step) {
		uint32_t c;

		if ((step = plain_run(s, n)) > 0) {
			sbuf_addn(b, s, step);
			continue;
		}
		step = utf8_decode(s, n, &c);
		if (step == 0) {
			add_whole(b, UTF8_REPLACEMENT, sizeof UTF8_REPLACEMENT - 1);
			step = utf8_bad_length(s, n);
		} else if (c == '"' || c == '\\') {
			char quoted[] = { '\\', (char)c };

			add_whole(b, quoted, sizeof quoted);
		} else if (c < ' ' || c == 0x7f || disturbs(c)) {
			char hex[sizeof "\\u0000"];

			snprintf(hex, sizeof hex, "\\u%04x", (unsigned)c & 0xffff);
			add_whole(b, hex, sizeof hex - 1);
		} else {
			add_whole(b, s, step);
		}
	}
	sbuf_addc(b, '"');
}

static bool key_byte(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || (c != '\0' && strchr("._-@+=/", c) != NULL);
}

void sbuf_add_key(struct sbuf *b, const char *s, size_t n)
{
	static const char digit[] = "0123456789ABCDEF";

	size_t run;

	while (n > 0 && !b->cut) {
		for (run = 0; run < n && key_byte(s[run]); run++)
			;
		sbuf_addn(b, s, run);
		s += run;
		n -= run;
		if (n > 0 && !b->cut) {
			unsigned char c = (unsigned char)*s++;
			char percent[] = { '%', digit[c >> 4], digit[c & 15] };

			add_whole(b, percent, sizeof percent);
			n--;
		}
	}
}
