#include "util/bytes.h"

#include <string.h>

bool ascii_equal(const char *a, const char *b)
{
	for (; ascii_lower(*a) == ascii_lower(*b); a++, b++)
		if (*a == '\0')
			return true;
	return false;
}

bool ascii_equal_n(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

const char *bytes_find(const char *hay, size_t hay_n, const char *needle, size_t needle_n)
{
	return memmem(hay, hay_n, needle, needle_n);
}

/* Greedy with one point to come back to: time is the product of the lengths at the most. */
bool bytes_match(const char *pattern, const char *text)
{
	const char *star = NULL, *back = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			back = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++back;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
