/*
 * Patterns over keys, with "*" for any number of letters.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_PATTERN_H
#define MILLGATE_GREYLIST_PATTERN_H

#include <stdbool.h>

#include "greylist/admin.h"

/*
 * The pattern made ready: folded, NULL replaced by "*", a client's address, or a part of its network, by the network,
 * senders and mailboxes without "*" brought into the form that keys have.  -1 when out of memory.
 */
int grey_pattern_prepare(const struct grey_admin *g, enum grey_kind kind, const struct grey_pattern *p, struct arena *a,
			 struct grey_pattern *out);

/* Whether a client's part, made ready, is a network as clients go by. */
bool grey_pattern_is_network(const struct grey_admin *g, const char *identity);

/* Whether it names one key alone. */
bool grey_pattern_is_exact(enum grey_kind kind, const struct grey_pattern *p);

bool grey_pattern_match(enum grey_kind kind, const struct grey_pattern *p, const char *const parts[GREY_PARTS]);

/* For SCAN ... MATCH: no less than what the pattern matches, maybe more.  NULL when out of memory. */
const char *grey_pattern_glob(const char *prefix, enum grey_kind kind, const struct grey_pattern *p, struct arena *a);

#endif
