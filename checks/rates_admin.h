/*
 * Rates for their administrator: `millgate limits show|reset`.  Walks the keys with SCAN, one page in memory at a time;
 * keys that come and go meanwhile may be missed or met twice, as SCAN has it.
 */
#ifndef MILLGATE_CHECKS_RATES_ADMIN_H
#define MILLGATE_CHECKS_RATES_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/rates_def.h"
#include "net/net.h"
#include "util/error.h"
#include "util/sbuf.h"

/* One thread at a time. */
struct rates_admin {
	struct net_wait *wait;
	const char *prefix; /* redis.prefix */
	int64_t timeout_ms; /* for one round trip */
	struct rate *v;     /* those of the configuration */
	unsigned n;
};

/* Reads the rates of the settings into the arena; the rest is the caller's.  0, or -1 with errors added. */
int rates_admin_open(struct rates_admin *r, const struct limits_settings *set, struct arena *a,
		     struct error_list *errors);
void rates_admin_close(struct rates_admin *r);

struct rates_entry {
	const char *name, *key;   /* decoded, the key's values joined by spaces; from the wire: escape before use */
	const char *const *value; /* the same, one by one */
	unsigned n_values;
	const struct rate *rate; /* NULL: no such rate is configured; then only what is held is known */
	int64_t used[RATES_MAX_WINDOWS];
	int64_t networks;
	int64_t unknown_recipients; /* counted by `harvesting`, which has no rate; -1: a rate's entry */
	int64_t free_ms;            /* until there is room for one more (bytes: a small message); 0: there is */
	int64_t ttl_ms;             /* until all is worked off */
	int64_t held_since_ms;      /* since 1970, by Redis's clock; 0: not held */
	int64_t held_for_ms;        /* more */
};

/* Called for each entry; what it is given lives until it returns.  False ends the walk. */
typedef bool (*rates_entry_fn)(void *ctx, const struct rates_entry *e);

/*
 * A pattern is the name of a rate, a key, or one value in it; "*" stands for any number of letters; NULL for any entry.
 * 0, or -1 with an error added (Redis away); entries met before it have been handed out.
 */
int rates_admin_list(const struct rates_admin *r, const char *pattern, rates_entry_fn fn, void *ctx,
		     struct error_list *errors);

/* Forgets what is taken, seen and held.  *n counts the rates and keys. */
int rates_admin_reset(const struct rates_admin *r, const char *pattern, uint64_t *n, struct error_list *errors);

/* An entry as a line; as a JSON object. */
void rates_entry_line(const struct rates_entry *e, struct sbuf *out);
void rates_entry_json(const struct rates_entry *e, struct sbuf *out);

#endif
