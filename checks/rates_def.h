/*
 * One rate: what it counts, by what, and how; read from its settings.  And the script that keeps it in Redis.  Inside
 * checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_DEF_H
#define MILLGATE_CHECKS_RATES_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/limits.h"
#include "mail/check.h"

/* What a rate counts apart by; values beyond the facts are made from them. */
enum rate_by {
	RATE_BY_CLIENT_IP,
	RATE_BY_CLIENT_NET,
	RATE_BY_AUTH_USER,
	RATE_BY_SENDER,
	RATE_BY_SENDER_DOMAIN,
	RATE_BY_RECIPIENT,
	RATE_BY_RECIPIENT_DOMAIN,
	RATE_BY_COUNT
};

struct rate {
	const char *name;
	enum rate_by by[RATE_BY_COUNT];
	unsigned n_by;
	bool per_message; /* counts messages: once per transaction and key */
	int64_t interval_us, burst;
	enum limits_action action;
};

/* Reads one element of limits.rates.  0, or -1 with errors added. */
int rates_read(struct rate *r, const struct rate_settings *set, struct arena *a, struct error_list *errors);

/*
 * The key of this rate for a recipient's mail: PREFIXrate:{NAME:VALUE:VALUE}, of the transaction's arena.  NULL when the
 * rate does not apply, since one of its values is absent (no AUTH, the null sender), or when out of memory.
 */
const char *rates_key(const struct rate *r, const char *prefix, const struct check_call *c);

/*
 * GCRA, the generic cell rate algorithm.  The key holds the "theoretical arrival time", in microseconds of Redis's clock,
 * at which all that was taken will have been worked off; a unit may be taken while that lies no further than `burst`
 * intervals ahead.
 *
 * KEYS: the rate's.  ARGV: interval (microseconds), burst, one of
 *   take   takes one unit: 0, or the milliseconds until there is one
 *   peek   answers the same and takes nothing
 *   give   gives one unit back
 */
extern const char rates_script[];

#endif
