/*
 * The lists of the section `dnsbl`, read and checked: the zones to ask, each once, and the entries that weigh their
 * answers.  Inside checks/ only: dnsbl, dnsbl_envelope and dnsbl_message share one of it.
 */
#ifndef MILLGATE_CHECKS_DNSBL_ZONES_H
#define MILLGATE_CHECKS_DNSBL_ZONES_H

#include <stdint.h>

#include "checks/dnsbl.h"
#include "checks/dnsbl_codes.h"

struct dnsbl_guard;

/* What a list is asked about (`of`), as bits. */
enum dnsbl_of {
	DNSBL_OF_CLIENT = 1 << 0, /* the client's address; the others: domain names */
	DNSBL_OF_HELO = 1 << 1,
	DNSBL_OF_SENDER = 1 << 2,
	DNSBL_OF_FROM = 1 << 3,
	DNSBL_OF_URL = 1 << 4
};
enum { DNSBL_OF_DOMAIN = DNSBL_OF_HELO | DNSBL_OF_SENDER | DNSBL_OF_FROM | DNSBL_OF_URL };

/* A name that must be listed, or must not be, while a list works (RFC 5782, sections 2.3, 5 and 7). */
struct dnsbl_probe {
	struct ip ip;       /* of lists of addresses */
	const char *domain; /* of lists of domains */
	bool listed;
	bool any;      /* one of those of a list that have this is enough */
	bool optional; /* when it is not listed, the list has no IPv6, which is normal */
};

enum { DNSBL_PROBES_MAX = 8 }; /* of one list */

struct dnsbl_zone {
	const char *zone; /* may hold a key: only for asking */
	const char *name; /* of its first entry; for people */
	bool domains;     /* it lists domain names, not addresses: the same zone may do both, and is two lists then */
	unsigned of;      /* what any of its entries is asked about */
	bool refuses;     /* an entry has no negative weight: a wrong listing could harm mail */
	bool unprobed;    /* probe = "off" */
	const struct dnsbl_probe *probes;
	unsigned n_probes;
	struct dnsbl_guard *guard; /* how it is doing; the one part that changes after loading */
};

struct dnsbl_entry {
	unsigned zone; /* index */
	unsigned of;
	const char *name;
	struct dnsbl_codes codes;
	int64_t weight;
};

/* Immutable after loading but for the guards. */
struct dnsbl_zones {
	struct dnsbl_zone *zones;
	unsigned n_zones;
	struct dnsbl_entry *entries;
	unsigned n_entries;
	unsigned of; /* of all */

	/* The section's other settings. */
	int64_t reject_at, timeout_ms, trust_ms;
	enum on_error on_error;
	const char *refuse_at;
	bool shadow;

	bool wrong; /* there were errors: said once, by the first who read it */
};

/*
 * The lists of the section, read by the first check that asks, the same for the others (env->shared).  0, with *out
 * NULL when there are none; -1 when there were errors, which the first caller adds.  Memory is of the configuration.
 */
int dnsbl_zones_get(const struct check_env *env, const struct dnsbl_settings *set, struct dnsbl_zones **out,
		    struct error_list *errors);

/* Frees what the arena does not hold; by the first of the checks. */
void dnsbl_zones_release(struct dnsbl_zones *z);

#endif
