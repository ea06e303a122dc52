/*
 * The DNS tree walk (RFC 9989, section 4.10): which names are asked, and what their answers say.  Pure: the questions
 * are the caller's.
 */
#ifndef MILLGATE_CHECKS_DMARC_WALK_H
#define MILLGATE_CHECKS_DMARC_WALK_H

#include <stdbool.h>

#include "checks/dmarc_record.h"

enum { DMARC_WALK_MAX = 8 }; /* questions of one walk (section 4.10) */

/* The names whose _dmarc. is asked, in order: the domain, then its parents.  They point into it.  How many. */
unsigned dmarc_walk_names(const char *domain, const char *names[DMARC_WALK_MAX]);

struct dns_answer;

/* Where a walk ended, and what it met on its way. */
struct dmarc_walk {
	const char *domain;         /* where it began */
	const char *organisational; /* points into domain */
	bool own_found;             /* the domain has a record of its own: `own` */
	bool org_found;             /* the organisational domain has one: `org` */
	bool psd_found;             /* a public suffix above it has one: `psd` */
	struct dmarc_record own, org, psd;
	const char *failed; /* a question on the way has no answer: why; then only `own` counts, if own_found */
};

/* answers[i] is that to the i-th of dmarc_walk_names(). */
void dmarc_walk_read(struct dmarc_walk *w, const char *domain, const struct dns_answer *const *answers);

/* A policy, and whose record says it. */
struct dmarc_found {
	bool found;
	const struct dmarc_record *record;
	bool own; /* the author domain's: p; else sp or np */
};

/* The record whose policy holds for the domain. */
struct dmarc_found dmarc_walk_policy(const struct dmarc_walk *w);

/*
 * What it asks for; `exists` is whether the domain does, which matters when dmarc_walk_asks_existence() says so.
 * Lowered by a step while it is tested.
 */
bool dmarc_walk_asks_existence(const struct dmarc_found *f);
enum dmarc_policy dmarc_walk_applied(const struct dmarc_found *f, bool exists);

#endif
