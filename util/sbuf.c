#include "util/sbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/arena.h"
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

/* Whether n bytes more fit, without growing. */
static bool has_room(const struct sbuf *b, size_t n)
{
	return !b->cut && n < b->room - b->len;
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

void sbuf_add_tight(struct sbuf *b, const char *s, size_t n)
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
	if (has_room(b, n) || fit(b, n) == n)
		sbuf_addn(b, s, n);
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

/* Printable ASCII without quotes and backslashes stands for itself, whatever is added to; most text is nothing else. */
static bool is_plain(char c)
{
	return (unsigned char)(c - ' ') <= '~' - ' ' && c != '"' && c != '\\';
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (unsigned char)(c))

/*
 * Whether all eight bytes are plain.  Each term has a byte's high bit set when it is below ' ', a quote, a backslash, DEL,
 * or not ASCII; a carry or borrow, which would reach the next byte, comes only from a byte that is found already.
 */
static bool are_plain(uint64_t w)
{
	uint64_t found = (w - EACH_BYTE(' ')) | ((w ^ EACH_BYTE('"')) - EACH_BYTE(1)) |
			 ((w ^ EACH_BYTE('\\')) - EACH_BYTE(1)) | (w + EACH_BYTE(1)) | w;

	return (found & EACH_BYTE(0x80)) == 0;
}

/* How many bytes at the beginning are plain. */
static size_t plain_run(const char *s, size_t n)
{
	size_t run = 0;

	while (run < n && is_plain(s[run]))
		run++;
	return run;
}

/* Copies n bytes; false when they are not all plain: then those that are copied are worth nothing. */
static bool copy_plain(char *to, const char *s, size_t n)
{
	uint64_t w;
	uint32_t first, last;

	if (n < sizeof first) {
		for (size_t i = 0; i < n; to[i] = s[i], i++)
			if (!is_plain(s[i]))
				return false;
		return true;
	}
	if (n < sizeof w) { /* as two halves, which may overlap */
		memcpy(&first, s, sizeof first);
		memcpy(&last, s + n - sizeof last, sizeof last);
		memcpy(to, &first, sizeof first);
		memcpy(to + n - sizeof last, &last, sizeof last);
		return are_plain((uint64_t)first << 32 | last);
	}
	for (; n > sizeof w; to += sizeof w, s += sizeof w, n -= sizeof w) {
		memcpy(&w, s, sizeof w);
		memcpy(to, &w, sizeof w);
		if (!are_plain(w))
			return false;
		if (n < 2 * sizeof w) { /* the last ones overlap these */
			to -= 2 * sizeof w - n;
			s -= 2 * sizeof w - n;
			n = 2 * sizeof w;
		}
	}
	memcpy(&w, s, sizeof w);
	memcpy(to, &w, sizeof w);
	return are_plain(w);
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

	if (has_room(b, n) && copy_plain(b->p + b->len, s, n)) { /* most is such */
		b->len += n;
		b->p[b->len] = '\0';
		return;
	}
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

static void add_json_text(struct sbuf *b, const char *s, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	size_t step;

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
			char hex[] = { '\\',         'u', digit[c >> 12 & 15], digit[c >> 8 & 15], digit[c >> 4 & 15],
				       digit[c & 15] };

			add_whole(b, hex, sizeof hex);
		} else {
			add_whole(b, s, step);
		}
	}
}

void sbuf_add_json(struct sbuf *b, const char *s, size_t n)
{
	enum { QUOTES = 2 };
	char *p = b->p + b->len;

	if (has_room(b, n + QUOTES) && copy_plain(p + 1, s, n)) { /* most is such */
		p[0] = p[n + 1] = '"';
		p[n + QUOTES] = '\0';
		b->len += n + QUOTES;
		return;
	}
	sbuf_addc(b, '"');
	add_json_text(b, s, n);
	sbuf_addc(b, '"');
}

static bool key_byte(char c)
{
	if (ascii_is_alpha(c) || ascii_is_digit(c))
		return true;
	switch (c) {
	case '.':
	case '_':
	case '-':
	case '@':
	case '+':
	case '=':
	case '/':
		return true;
	default:
		return false;
	}
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

void sbuf_add_glob(struct sbuf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		char quoted[] = { '\\', *s };

		if (strchr("*?[]\\", *s) != NULL)
			add_whole(b, quoted, sizeof quoted);
		else
			sbuf_addc(b, *s);
	}
}

const char *sbuf_from_key(struct arena *a, const char *p, size_t n)
{
	char *out = arena_alloc(a, n + 1);
	size_t len = 0;

	for (size_t i = 0; out != NULL && i < n; i++) {
		if (p[i] == '%' && n - i > 2 && ascii_hex(p[i + 1]) >= 0 && ascii_hex(p[i + 2]) >= 0) {
			out[len++] = (char)(ascii_hex(p[i + 1]) << 4 | ascii_hex(p[i + 2]));
			i += 2;
		} else {
			out[len++] = p[i];
		}
	}
	return out;
}
