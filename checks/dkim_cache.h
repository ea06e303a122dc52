/*
 * Public keys that were parsed already: parsing one costs several times what a verification does.  Inside checks/ only.
 * Thread-safe.
 */
#ifndef MILLGATE_CHECKS_DKIM_CACHE_H
#define MILLGATE_CHECKS_DKIM_CACHE_H

#include "checks/dkim_key.h"

struct dk_cache;
/* NULL when out of memory. */
struct dk_cache *dk_cache_new(void);
void dk_cache_free(struct dk_cache **c);

/* dk_key_public(), remembered: the caller's own reference, or NULL. */
struct dk_key *dk_cache_public(struct dk_cache *c, enum dk_key_type type, const unsigned char *p, size_t n);

#endif
