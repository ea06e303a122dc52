/*
 * The parts of a message (RFC 2045, RFC 2046), as it comes: nothing is kept but the boundaries that are open, one line
 * and three fields of the part at hand, so that no message costs more than another of its length.
 *
 * GMime is not used for this.  It reads a message only after it is there; it parses every address field as soon as it
 * sees it, recursively, so that "To: g:g:g:..." of 100 kB ends the process (3.2.13, a stack of 8 MB); a million
 * empty parts, which are 7 MB, take 1.3 GB; and GLib calls abort() where memory runs out.
 *
 * Read as mail readers do, and where they differ so that more is seen: a boundary also counts when more letters stand
 * behind it, behind its closing line, and before that of an inner part; parts that are nested too deeply are text; of two fields that
 * say what a part is, the one by which more is seen counts.
 */
#ifndef MILLGATE_MIME_WALK_H
#define MILLGATE_MIME_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

enum { MIME_TYPE_SIZE = 128 };

/* A part that holds no others.  The fields are unfolded; what is not there has no bytes. */
struct mime_part {
	char type[MIME_TYPE_SIZE]; /* "text/html": lower case; "text/plain" when the part says nothing sensible */
	const char *content_type;
	size_t content_type_n;
	const char *disposition;
	size_t disposition_n;
};

struct mime_reader {
	/* One begins; *part is gone afterwards.  Whether its data is wanted. */
	bool (*part)(void *ctx, const struct mime_part *part);
	/* A piece of its data, decoded. */
	void (*data)(void *ctx, const char *p, size_t n);
	/* It ends: of wanted ones only. */
	void (*end)(void *ctx);
};

/* NULL when out of memory. */
struct mime_walk *mime_walk_new(struct arena *a, const struct mime_reader *reader, void *ctx);

/* First every field of the message's header (of those that matter here all, or none), then the body in pieces of any
 * length, then the end. */
void mime_walk_field(struct mime_walk *w, const char *name, const char *value, size_t n);
void mime_walk_body(struct mime_walk *w, const char *p, size_t n);
void mime_walk_end(struct mime_walk *w);

#endif
