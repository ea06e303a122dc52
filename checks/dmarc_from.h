/*
 * The author's domain (RFC 9989, section 4.4): every domain that some mail client might show as that of the message's
 * author.  For one well-formed address that is its domain, and nothing else.  Pure.
 */
#ifndef MILLGATE_CHECKS_DMARC_FROM_H
#define MILLGATE_CHECKS_DMARC_FROM_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

enum { DMARC_FROM_MAX = 16 }; /* domains; a message that names more hides something */

struct dmarc_from {
	unsigned fields;                     /* From fields */
	const char *domains[DMARC_FROM_MAX]; /* each once, as of dmarc_domain_make(); "[...]" is an address literal */
	unsigned n;
	bool trick; /* a control character; or an encoded word, or letters that no name has, where an address stands */
	bool doubtful;  /* mail clients may differ about it (groups, routes, what cannot be parsed): never a pass */
	bool too_much;  /* more domains, or more text, than is looked at */
	unsigned names; /* domains that were seen, the same ones included */
	size_t read;    /* bytes of all fields that were looked at */
};

/* Whether a field of this name is a From field to some mail client: in any case, with a blank before the colon. */
bool dmarc_from_is_field(const char *name);

/* Adds what one From field holds, nothing once it is too much; *f is zero at first.  The domains are of the arena. */
void dmarc_from_add(struct dmarc_from *f, struct arena *a, const char *value, size_t n);

#endif
