/*
 * The text parts of a message, decoded: transfer encoding undone, converted to UTF-8.  One text is in memory at a time;
 * limits.h says how much of each is read, and of all.
 */
#ifndef MILLGATE_MIME_TEXTS_H
#define MILLGATE_MIME_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

/* One text part; gone when the call returns. */
struct mime_part_text {
	const char *p; /* UTF-8, but for what its author made otherwise; may hold anything, NUL too */
	size_t n;
	bool html;
	bool cut; /* there is more of it */
};

struct mime_texts;

/* Calls `text` for each text part when its end is there.  NULL when out of memory; later, the arena has failed. */
struct mime_texts *mime_texts_new(struct arena *a, void (*text)(void *ctx, const struct mime_part_text *t), void *ctx);

/* As mime_walk_field() and so on (mime/walk.h). */
void mime_texts_field(struct mime_texts *t, const char *name, const char *value, size_t n);
void mime_texts_body(struct mime_texts *t, const char *p, size_t n);
void mime_texts_end(struct mime_texts *t);

#endif
