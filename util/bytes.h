/*
 * ASCII tests and comparisons that do not depend on the locale, and that stand on lengths.
 */
#ifndef MILLGATE_UTIL_BYTES_H
#define MILLGATE_UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a digit of base64 (RFC 4648, section 4), or -1. */
static inline int ascii_base64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static inline bool ascii_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Equal without regard to the case of ASCII letters. */
bool ascii_equal(const char *a, const char *b);
bool ascii_equal_n(const char *a, const char *b, size_t n);

/* Where needle stands in hay, or NULL; binary-safe. */
const char *bytes_find(const char *hay, size_t hay_n, const char *needle, size_t needle_n);

/* Whether the whole text fits a pattern, in which "*" stands for any number of bytes. */
bool bytes_match(const char *pattern, const char *text);

#endif
