/*
 * The domains that lists are asked about.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DNSBL_DOMAIN_NAME_H
#define MILLGATE_CHECKS_DNSBL_DOMAIN_NAME_H

#include <stddef.h>

#include "mail/addr.h"
#include "mail/check.h"
#include "util/arena.h"

/* Our own domains, of local_domains and the host's name.  NULL when out of memory. */
struct addr_list *dnsbl_domain_own(const struct check_env *env);

/*
 * The registrable domain of a host or domain name, with A-labels; in the arena.  NULL when no list is asked about it: it
 * has none, is one of `own`, or ends in a name that is for private use (.local, home.arpa ...) or for examples.
 */
const char *dnsbl_domain_name(struct arena *a, const struct addr_list *own, const char *p, size_t n);

/* Distinct domains, in the order in which they came.  Of many, the first and the last are asked about: decoys can hide a
 * domain in the middle of very many only. */
enum { DNSBL_DOMAIN_URLS = 64 };
struct dnsbl_domain_set {
	const char **v;
	unsigned n;
};

/* Those of a fact's values; n at most DNSBL_DOMAIN_URLS.  What does not fit into memory is missing; the arena has
 * failed then. */
void dnsbl_domain_collect(struct dnsbl_domain_set *set, struct arena *a, const struct addr_list *own,
			  const struct fact_value *f);

#endif
