/*
 * The lists of the section `dnsbl`, read and checked: the zones to ask, each once, and the entries that weigh their
 * answers.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DNSBL_ZONES_H
#define MILLGATE_CHECKS_DNSBL_ZONES_H

#include <stdatomic.h>
#include <stdint.h>

#include "checks/dnsbl.h"
#include "checks/dnsbl_codes.h"

/* How a zone is doing; shared by all threads, so atomic.  The one part of the state that changes after loading. */
struct dnsbl_health {
	atomic_uint_fast64_t questions, failures, errors; /* errors: answers that are errors of the list */
	atomic_bool logged;                               /* the first error was */
};

struct dnsbl_zone {
	const char *zone; /* may hold a key: only for asking */
	const char *name; /* of its first entry */
	struct dnsbl_health *health;
};

struct dnsbl_entry {
	unsigned zone; /* index */
	const char *name;
	struct dnsbl_codes codes;
	int64_t weight;
};

struct dnsbl_zones {
	struct dnsbl_zone *zones;
	unsigned n_zones;
	struct dnsbl_entry *entries;
	unsigned n_entries;
};

/* 0, or -1 with errors added.  Memory is of the arena. */
int dnsbl_zones_read(struct dnsbl_zones *z, const struct conf_groups *lists, struct arena *a,
		     struct error_list *errors);

#endif
