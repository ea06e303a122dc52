/*
 * The fields of a part's header that say what the part is: kept while the header is read, then judged.  Readers differ
 * about which of two fields of a name counts: here it is the one by which more is seen.  Of this folder alone.
 */
#ifndef MILLGATE_MIME_HEAD_H
#define MILLGATE_MIME_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "mime/limits.h"
#include "mime/transfer.h"
#include "mime/walk.h"

/* One field, unfolded. */
struct mime_kept {
	char p[MIME_FIELD_MAX];
	size_t n;
	bool seen;
};

struct mime_head {
	struct mime_kept type[2], encoding[2], disposition[2]; /* the first and the second of the name */
};

void mime_head_clear(struct mime_head *h);

/* The field of that name, to be filled; NULL when it says nothing, or is the third. */
struct mime_kept *mime_head_find(struct mime_head *h, const char *name, size_t n);

/* Appends lines of the field, without their ends. */
void mime_head_add(struct mime_kept *f, const char *p, size_t n);

/* What the part is; *part points into h.  message: what it is when nothing says so (RFC 2046, section 5.1.5). */
void mime_head_judge(const struct mime_head *h, bool message, struct mime_part *part, enum mime_encoding *encoding);

#endif
