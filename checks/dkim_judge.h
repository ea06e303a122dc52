/*
 * The verdict on one DKIM signature (RFC 6376, section 6.1; RFC 8301), in the words of RFC 8601, section 2.7.1.  Inside
 * checks/ only.
 */
#ifndef MILLGATE_CHECKS_DKIM_JUDGE_H
#define MILLGATE_CHECKS_DKIM_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/dkim_cache.h"
#include "checks/dkim_hash.h"
#include "checks/dkim_sig.h"
#include "net/dns.h"

/* The better first: of several signatures the best one speaks. */
enum dk_outcome { DK_PASS, DK_TEMPERROR, DK_POLICY, DK_FAIL, DK_NEUTRAL, DK_PERMERROR, DK_NONE };
const char *dk_outcome_name(enum dk_outcome o);

struct dk_result {
	enum dk_outcome outcome;
	const char *why; /* NULL for pass; printable ASCII */
	unsigned bits;   /* of the key; 0: none was found */
	bool testing;    /* the key is (t=y) */
};

struct dk_judge {
	struct dk_cache *cache;
	struct arena *arena;
	unsigned min_bits; /* of RSA keys */
	uint64_t now;      /* seconds since 1970 */
};

/* A signature that could be read, its hashes, and what DNS says of its key. */
struct dk_result dk_judge(const struct dk_judge *j, const struct dk_sig *s, const struct dk_hashes *h,
			  const struct dns_answer *key);

#endif
