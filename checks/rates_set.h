/*
 * The rates of one check, loaded: what its calls share.  Those over bytes are one check's (rates_bytes.c), all others
 * the other's (rates.c).  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_SET_H
#define MILLGATE_CHECKS_RATES_SET_H

#include <stdbool.h>

#include "checks/rates_alarm.h"
#include "checks/rates_def.h"
#include "checks/rates_local.h"
#include "mail/check.h"
#include "net/redis.h"

struct rates_set {
	/* immutable */
	struct rates_common *common; /* what both checks own together */
	struct rate **v;
	unsigned n;
	struct redis_script script;
	const char *prefix;
	enum on_error on_error;
	bool shadow; /* of the section, or of everything */
	/* thread-safe */
	struct rates_local *local; /* NULL: no counting of its own while Redis is away */
	struct rates_alarm *alarm; /* NULL: nobody is told but the log */
};

/* struct check, prepare: those over bytes, or all others.  The first of the two complains of every rate. */
int rates_set_prepare(const struct check_env *env, const struct limits_settings *set, bool bytes, void **state,
		      struct error_list *errors);
void rates_set_release(void *state);

/* A rule for each rate, on the check's fact; those that hold come first, so that what is held is not deferred. */
void rates_set_rules(const struct rates_set *s, const char *fact, const char *refuse_at, struct sbuf *out);

void rates_set_tick(const void *state, struct net_wait *wait, int64_t deadline_ms);
void rates_set_status(const void *state, struct sbuf *out);

#endif
