/*
 * Text for comparing: case-folded in Unicode (NFC), so that equal-looking texts are equal bytes.  ASCII takes a short
 * path.  The one user of libunistring.
 */
#ifndef MILLGATE_UTIL_FOLD_H
#define MILLGATE_UTIL_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"
#include "util/utf8.h"

/*
 * Folds n bytes of UTF-8 into the arena, NUL-terminated; invalid sequences become U+FFFD.  *out_n is its length.  p need
 * not be terminated.  NULL when out of memory (sticky).
 */
const char *fold_text(struct arena *a, const char *p, size_t n, size_t *out_n);

#endif
