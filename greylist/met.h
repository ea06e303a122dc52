/*
 * Correspondents: who has been written to by whom of ours.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_MET_H
#define MILLGATE_GREYLIST_MET_H

#include "greylist/identity.h"
#include "mail/check.h"
#include "net/redis.h"

/* A person, and that person's domain: the registrable one, since one-time codes come from names beside it. */
enum { GREY_MET_ADDRESS, GREY_MET_DOMAIN, GREY_MET_KEYS };

struct grey_met {
	const char *remote[GREY_MET_KEYS]; /* NULL: no such key */
	const char *key[GREY_MET_KEYS];
	struct net_op *op[GREY_MET_KEYS];
};

/* Names and keys for an address elsewhere and one of ours, folded.  False when out of memory. */
bool grey_met_name(struct arena *a, const char *prefix, const struct fact_text *remote, const struct fact_text *local,
		   struct grey_met *out);

/*
 * Asks whether the recipient has written to the sender, as far as that may count for this client.  The address counts
 * unless SPF speaks against the client: a forger would have to know who writes to whom.  The domain counts when the client is shown to belong
 * to it, since whoever sends to many finds some who have written to a freemail provider.
 */
void grey_met_submit(struct check_call *c, const char *prefix, const struct grey_identity *id, struct grey_met *out);

/* Which of them it is, after both were awaited; GREY_MET_KEYS: neither, or Redis did not answer. */
unsigned grey_met_result(const struct grey_met *m);

void grey_met_drop(struct grey_met *m);

#endif
