/*
 * Decoded header fields: RFC 2047 encoded words, raw 8-bit text, folded lines, address lists.  Layer 2; stateless.
 */
#ifndef MILLGATE_MIME_HEADER_H
#define MILLGATE_MIME_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

/* Charsets to try on raw 8-bit text that is not UTF-8; single-byte ones "succeed" always, so each is a candidate. */
struct mime_charsets {
	const char *const *names; /* e.g. "KOI8-R", "windows-1251" */
	unsigned n;
};

struct mime_text {
	const char *p; /* valid UTF-8, NUL-terminated, without NUL, CR and LF */
	size_t n;
};

/*
 * Unfolds and decodes an unstructured field body (RFC 5322 2.2.3, RFC 2047; RFC 6532 for UTF-8).  Adjacent encoded
 * words of one charset are joined as bytes before they are converted.  Leading and trailing white space is dropped.
 * Raw 8-bit that is not UTF-8 gives one text per candidate charset: *out is an array of *n texts, at least one.  0, or
 * -1 when out of memory.
 *
 * A fold, with the white space around it, is one space.  Encoded words that are broken stay as they came; those whose
 * charset is unknown or says nothing of 8-bit bytes are read as raw text.  Raw text that is mostly valid UTF-8 gives a
 * last text with U+FFFD for the rest; so do bytes that are no character of the charset they claim.  Equal texts come
 * once.  Line breaks out of encoded words become spaces, NUL becomes U+FFFD.
 */
int mime_decode(struct arena *a, const char *value, size_t value_n, const struct mime_charsets *charsets,
		struct mime_text **out, unsigned *n);

/* Whether a charset of that name can be a candidate: for checking configurations. */
bool mime_charset_known(const char *name);

/*
 * The mailbox addresses of an address-list field (RFC 5322 3.4): "local@domain" each, groups flattened, comments and
 * display names left out; what cannot be parsed gives none.  0, or -1 when out of memory.
 */
int mime_addresses(struct arena *a, const char *value, size_t value_n, const char ***out, unsigned *n);

#endif
