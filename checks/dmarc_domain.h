/*
 * Domain names as DMARC compares them: lower case, A-labels (RFC 5891), no dot at the end.  The one user of libidn2.
 */
#ifndef MILLGATE_CHECKS_DMARC_DOMAIN_H
#define MILLGATE_CHECKS_DMARC_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "util/arena.h"

/*
 * The name in that form.  *odd is set when it is none that could be registered: it has empty labels, which are left
 * out, or letters that no label has.  NULL when nothing is left of it, or out of memory.
 */
const char *dmarc_domain_make(struct arena *a, const char *p, size_t n, bool *odd);

/* How many bytes at the beginning of a text are letters that names have, one by one. */
size_t dmarc_domain_span(struct arena *a, const char *text);

unsigned dmarc_domain_labels(const char *domain);

/* Its last n labels, or all of it; points into it. */
const char *dmarc_domain_last(const char *domain, unsigned n);

/* Whether a name is the other, or lies below it. */
bool dmarc_domain_within(const char *domain, const char *other);

#endif
