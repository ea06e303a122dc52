/*
 * Asking DNS lists, in a way that a broken list harms nobody.  Every kind of list is asked through this: one session's
 * or message's questions in a batch, their answers judged, listings confirmed where that is needed, and what the lists
 * are found to do reported to their guards (dnsbl_guard.h), which suspend the broken ones.  Inside checks/ only.
 *
 *	q = dnsbl_ask_begin(arena, lists, most);               start(): submits, never blocks
 *	dnsbl_ask_domain(q, wait, DNSBL_OF_HELO, "helo.example");
 *	*slot = q;
 *	...
 *	dnsbl_await(q, wait, deadline_ms);                     finish(): waits; a listing may take a second round trip
 *	dnsbl_sum_begin(&sum, base);
 *	dnsbl_sum_add(&sum, q, DNSBL_OF_HELO | DNSBL_OF_SENDER, arena, names);
 *	dnsbl_sum_end(&sum, lists, arena, names, score);
 *	...
 *	dnsbl_ask_end(q);                                      drop()
 */
#ifndef MILLGATE_CHECKS_DNSBL_HEALTH_H
#define MILLGATE_CHECKS_DNSBL_HEALTH_H

#include "checks/dnsbl_sum.h"
#include "checks/dnsbl_zones.h"
#include "net/net.h"

/* ---- Asking ---- */

struct dnsbl_asking; /* in the arena; used by one thread at a time */

/* NULL when out of memory; the functions below take NULL: nothing is asked then, and dnsbl_sum_end() says so.
 * most: the questions that may be asked; those beyond are left out. */
struct dnsbl_asking *dnsbl_ask_begin(struct arena *a, const struct dnsbl_zones *lists, unsigned most);

/*
 * Asks every list of clients about an address.  Lists that are suspended, or have no IPv6, are passed over.
 */
void dnsbl_ask_client(struct dnsbl_asking *q, struct net_wait *w, const struct ip *ip);

/*
 * Asks every list that has an entry of this kind (one bit of DNSBL_OF_DOMAIN) about a domain, once, however often and for
 * whatever kind it is named.  domain: lower case, A-labels, no last dot; what is no host name of letters, digits, '-'
 * and '_' with two labels or more, ends in a label of digits alone (an address), or is too long for a zone is not asked:
 * the text may be an attacker's, and an odd question makes odd answers.
 */
void dnsbl_ask_domain(struct dnsbl_asking *q, struct net_wait *w, enum dnsbl_of of, const char *domain);

/*
 * Waits for all answers until the deadline, judges them, and confirms the listings that count.  Must come before
 * dnsbl_sum_add(); may be called again after more questions.
 */
void dnsbl_await(struct dnsbl_asking *q, struct net_wait *w, int64_t deadline_ms);
/* Without waiting: whether that would not wait any more.  Not while a listing is being confirmed. */
bool dnsbl_poll(struct dnsbl_asking *q, struct net_wait *w);

/* Gives the questions back.  Tolerates NULL. */
void dnsbl_ask_end(struct dnsbl_asking *q);

/* ---- Reading: dnsbl_sum.h adds it up ---- */

enum { DNSBL_HEARD_LISTED = 1 << 0, DNSBL_HEARD_FAILURE = 1 << 1 };

/* What the answers about the kinds `of` say to an entry (its index): bits.  why: of a failure; static. */
unsigned dnsbl_heard(const struct dnsbl_asking *q, unsigned entry, unsigned of, const char **why);

/* Notes whom the entry lists, for when its list is suspended (dnsbl_guard_save()). */
void dnsbl_save(const struct dnsbl_asking *q, unsigned entry, unsigned of);

/* NULL when memory ran out for a question. */
const struct dnsbl_zones *dnsbl_asking_lists(const struct dnsbl_asking *q);

#endif
