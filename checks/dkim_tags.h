/*
 * Tag lists, "v=1; a=rsa-sha256; ...": the syntax of DKIM signatures and key records (RFC 6376, section 3.2), and the
 * base64 in them.  Inside checks/ only; of DKIM alone.  (The prefix of its symbols is dk_: libopendkim has dkim_.)
 */
#ifndef MILLGATE_CHECKS_DKIM_TAGS_H
#define MILLGATE_CHECKS_DKIM_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

enum { DK_TAGS_MAX = 64 };

struct dk_tag {
	const char *name, *value; /* the value without white space around it */
};

struct dk_tags {
	struct dk_tag v[DK_TAGS_MAX];
	unsigned n;
};

/* Splits a tag list into the arena.  NULL, or a static text that says what is wrong with it. */
const char *dk_tags_parse(struct dk_tags *t, struct arena *a, const char *text, size_t n);

/* The value of a tag, which may be empty; NULL when it is not there. */
const char *dk_tags_get(const struct dk_tags *t, const char *name);

/* A copy without any white space: in base64 and in lists it means nothing.  NULL when out of memory (sticky). */
char *dk_tags_squeeze(struct arena *a, const char *value);

/* Whether a list, its items parted by colons, holds the item, in any case. */
bool dk_tags_listed(const char *list, const char *item);

/* Decodes base64, white space within or not (RFC 4648, section 4).  The bytes, *n of them, of the arena; NULL when it
 * is none, or out of memory (sticky). */
unsigned char *dk_base64_decode(struct arena *a, const char *text, size_t *n);

/* The other way, in one line. */
char *dk_base64_encode(struct arena *a, const unsigned char *p, size_t n);

#endif
