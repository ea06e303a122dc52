/*
 * The keys of rates in Redis:
 *
 *   PREFIXrate:{NAME:VALUE:VALUE}        what is taken, and until when it has been told that nothing is left: string
 *   PREFIXrate:{NAME:VALUE:VALUE}:nets   the client networks seen: sorted set
 *   PREFIXrate:{NAME:VALUE:VALUE}:held   since when the key's mail is held: string
 *
 * All of a rate and key share a hash tag.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_KEY_H
#define MILLGATE_CHECKS_RATES_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "checks/rates_def.h"
#include "mail/check.h"

/* Of one arena.  nets and held are NULL for rates that keep no such thing. */
struct rates_key {
	const char *base, *nets, *held;
};

/*
 * The keys for a recipient's mail (c->rcpt may be NULL for rates that do not count by it).  False when the rate does
 * not apply, since one of its values is absent (no AUTH, the null sender) or among its exceptions, or when out of
 * memory.  None applies to what this machine sends without a sender.
 */
bool rates_key_make(const struct rate *r, const char *prefix, const struct check_call *c, const struct rcpt *rcpt,
		    struct rates_key *out);

/* The keys of a base key; false when out of memory. */
bool rates_key_from_base(const struct rate *r, const char *base, struct arena *a, struct rates_key *out);

/* Whether the rate counts by the recipient. */
bool rates_key_has_recipient(const struct rate *r);

/* The client's network: the address with the bits beyond /24 or /64 cleared. */
struct ip rates_network(const struct ip *ip);

enum rates_key_kind { RATES_KEY_BASE, RATES_KEY_NETS, RATES_KEY_HELD };

/* A key, decoded, in an arena: from Redis, so escape before use. */
struct rates_key_parts {
	const char *base; /* the base key of the same rate and values, as it is in Redis */
	const char *name; /* of the rate */
	const char *text; /* the values joined by a space: "192.0.2.1 alice@example.org" */
	const char **value;
	unsigned n_values;
	enum rates_key_kind kind;
};

/* False when it is none of ours, or when out of memory. */
bool rates_key_parse(struct arena *a, const char *prefix, const char *key, size_t n, struct rates_key_parts *out);

#endif
