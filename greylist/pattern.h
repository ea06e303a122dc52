/*
 * Patterns over greylist entries, with "*" for any number of letters.  Inside greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_PATTERN_H
#define MILLGATE_GREYLIST_PATTERN_H

#include <stdbool.h>

#include "greylist/admin.h"

/* The pattern made ready: folded, NULL replaced by "*", a client's address by its network.  -1 when out of memory. */
int grey_pattern_prepare(const struct grey_admin *g, const struct grey_pattern *p, struct arena *a,
			 struct grey_triplet *out);

/* Whether it names one entry alone. */
bool grey_pattern_is_exact(const struct grey_triplet *p);

bool grey_pattern_match(const struct grey_triplet *p, const struct grey_triplet *t);

/* For SCAN ... MATCH: no less than what the pattern matches, maybe more.  NULL when out of memory. */
const char *grey_pattern_glob(const char *prefix, const struct grey_triplet *p, struct arena *a);

#endif
