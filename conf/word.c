#include "conf/word.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"

enum { WORD_NUMBER_MAX = 63 };

static bool is(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && ascii_equal_n(p, word, n);
}

static bool is_bool(const char *p, size_t n)
{
	return is(p, n, "true") || is(p, n, "false");
}

bool conf_word_is_name(const char *p, size_t n)
{
	if (n == 0 || !(ascii_is_alpha(*p) || *p == '*'))
		return false;
	if (is_bool(p, n))
		return false; /* libconfig takes it for the value */
	for (size_t i = 1; i < n; i++)
		if (!ascii_is_alpha(p[i]) && !ascii_is_digit(p[i]) && (p[i] == '\0' || strchr("-_*", p[i]) == NULL))
			return false;
	return true;
}

static enum word_kind integer(const char *p, bool hex, bool marked)
{
	char *end;
	long long v;

	errno = 0;
	v = hex ? (long long)strtoull(p, &end, 16) : strtoll(p, &end, 10);
	if (errno == ERANGE || (hex && v < 0))
		return WORD_TOO_WIDE;
	return !marked && (v > INT32_MAX || v < INT32_MIN) ? WORD_WIDE : WORD_INT;
}

/* n characters that begin with a digit, a sign or a point. */
static enum word_kind number(const char *word, size_t n)
{
	char text[WORD_NUMBER_MAX + 1], *p = text, *end;
	bool hex, marked = false;
	size_t digits;

	if (n > WORD_NUMBER_MAX)
		return WORD_TEXT;
	memcpy(text, word, n);
	text[n] = '\0';
	hex = *p == '0' && ascii_lower(p[1]) == 'x';
	p += hex ? 2 : *p == '+' || *p == '-';
	digits = strspn(p, hex ? "0123456789abcdefABCDEF" : "0123456789");
	if (digits > 0) {
		size_t marks = strspn(p + digits, "L");

		marked = marks > 0;
		if (marks <= 2 && p[digits + marks] == '\0')
			return integer(hex ? text + 2 : text, hex, marked);
	}
	if (hex || strspn(p, "0123456789.eE+-") != strlen(p) || strpbrk(p, "0123456789") == NULL)
		return WORD_TEXT;
	(void)strtod(text, &end);
	return *end == '\0' ? WORD_FLOAT : WORD_TEXT;
}

enum word_kind conf_word_kind(const char *p, size_t n)
{
	if (ascii_is_digit(*p) || *p == '+' || *p == '-' || *p == '.')
		return number(p, n);
	if (is_bool(p, n))
		return WORD_BOOL;
	if (is(p, n, "yes") || is(p, n, "on"))
		return WORD_YES;
	if (is(p, n, "no") || is(p, n, "off"))
		return WORD_NO;
	return WORD_TEXT;
}
