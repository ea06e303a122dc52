/*
 * Splitting an unstructured field body into plain text and encoded words (RFC 2047).  Of this folder alone.
 */
#ifndef MILLGATE_MIME_WORDS_H
#define MILLGATE_MIME_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "mime/charset.h"
#include "util/arena.h"

/* A run of plain text, unfolded, or the joined bytes of neighbouring encoded words of one charset. */
struct segment {
	struct segment *next;
	const struct charset *charset; /* NULL: plain text, or a charset that says nothing */
	bool word;
	const char *p;
	size_t n;
};

/* The segments of a value, in order; *first may be NULL.  0, or -1 when out of memory.  Linear in n. */
int mime_words_split(struct arena *a, const char *value, size_t n, struct segment **first);

#endif
