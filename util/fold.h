/*
 * Text for comparing: case-folded in Unicode (NFC), so that equal-looking texts are equal bytes.  ASCII takes a short
 * path.  The one user of libunistring.
 */
#ifndef MILLGATE_UTIL_FOLD_H
#define MILLGATE_UTIL_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

/*
 * Folds n bytes of UTF-8 into the arena, NUL-terminated; invalid sequences become U+FFFD.  *out_n is its length.  May
 * answer p itself when p is ASCII without capitals and NUL-terminated at p[n].  NULL when out of memory (sticky).
 */
const char *fold_text(struct arena *a, const char *p, size_t n, size_t *out_n);

bool utf8_valid(const char *p, size_t n);

/* Copies n bytes with every invalid UTF-8 sequence replaced by U+FFFD. */
char *utf8_repair(struct arena *a, const char *p, size_t n, size_t *out_n);

#endif
