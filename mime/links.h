/*
 * The hosts of the URLs in the text of a message, as it comes (mime/texts.h): of plain text, of what HTML shows, and of
 * what its attributes name.
 *
 * A message may have any number of them: of what it names, each host once, those nearest to its beginning and those
 * nearest to its end are kept (MIME_HOSTS_EACH), so that decoys can hide a host in the middle of a long message only.
 */
#ifndef MILLGATE_MIME_LINKS_H
#define MILLGATE_MIME_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

struct mime_link_host {
	const char *name; /* NUL-terminated; lower case ASCII, other letters in UTF-8 when they are any; no last dot */
	bool ip;          /* it is an address, in its canonical form */
};

struct mime_links;

/* NULL when out of memory; later, the arena has failed. */
struct mime_links *mime_links_new(struct arena *a);

/* As mime_walk_field() and so on (mime/walk.h). */
void mime_links_field(struct mime_links *l, const char *name, const char *value, size_t n);
void mime_links_body(struct mime_links *l, const char *p, size_t n);
void mime_links_end(struct mime_links *l);

/* Those found, once the end is there: first the first ones, then the last ones.  NULL behind the last. */
const struct mime_link_host *mime_links_host(const struct mime_links *l, unsigned i);

#endif
