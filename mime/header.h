/*
 * Decoded header fields: RFC 2047 encoded words, raw 8-bit text, folded lines, address lists.  Layer 2; stateless.
 */
#ifndef MILLGATE_MIME_HEADER_H
#define MILLGATE_MIME_HEADER_H

#include <stddef.h>

#include "util/arena.h"

/* Charsets to try on raw 8-bit text that is not UTF-8; single-byte ones "succeed" always, so each is a candidate. */
struct mime_charsets {
	const char *const *names; /* e.g. "KOI8-R", "windows-1251" */
	unsigned n;
};

struct mime_text {
	const char *p; /* UTF-8, NUL-terminated; may hold NUL */
	size_t n;
};

/*
 * Unfolds and decodes an unstructured field body (RFC 5322 2.2.3, RFC 2047; RFC 6532 for UTF-8).  Adjacent encoded
 * words of one charset are joined as bytes before they are converted.  Leading and trailing white space is dropped.
 * Raw 8-bit that is not UTF-8 gives one text per candidate charset: *out is an array of *n texts, at least one.  0, or
 * -1 when out of memory.
 */
int mime_decode(struct arena *a, const char *value, size_t value_n, const struct mime_charsets *charsets,
		struct mime_text **out, unsigned *n);

/*
 * The mailbox addresses of an address-list field (RFC 5322 3.4): "local@domain" each, groups flattened, comments and
 * display names left out; what cannot be parsed gives none.  0, or -1 when out of memory.
 */
int mime_addresses(struct arena *a, const char *value, size_t value_n, const char ***out, unsigned *n);

#endif
