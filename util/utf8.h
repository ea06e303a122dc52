/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef MILLGATE_UTIL_UTF8_H
#define MILLGATE_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"

/* What stands for an invalid sequence: U+FFFD. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* The length (1-4) of the character at p, of which *c (may be NULL) is the code point; 0 when it is none. */
size_t utf8_decode(const char *p, size_t n, uint32_t *c);

/* How many bytes an invalid sequence at p takes: the longest start of a character, or 1 (Unicode, table 3-8). */
size_t utf8_bad_length(const char *p, size_t n);

bool utf8_valid(const char *p, size_t n);

/* Copies n bytes with every invalid UTF-8 sequence replaced by U+FFFD.  NULL when out of memory (sticky). */
char *utf8_repair(struct arena *a, const char *p, size_t n, size_t *out_n);

#endif
