/*
 * Whom a rate that is used up is told beside the log: a command, a mail.  A thread of its own, started with the first
 * alarm, carries them out one after the other; sessions wait for none of it, and what exceeds a bounded queue is
 * dropped. Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_ALARM_H
#define MILLGATE_CHECKS_RATES_ALARM_H

#include "checks/limits.h"
#include "mail/check.h"

/* What has happened; from the wire, so each user escapes it.  Never NULL; "" for what is not there. */
struct rates_hit {
	const char *id, *rate, *key, *action, *client, *user, *sender;
};

struct rates_alarm;

/* NULL when the settings name nobody, or with errors added. */
struct rates_alarm *rates_alarm_new(const struct check_env *env, const struct limits_settings *set,
				    struct error_list *errors);

/* Thread-safe; never blocks for longer than a lock. */
void rates_alarm_raise(struct rates_alarm *a, const struct rates_hit *h);

/* Alarms that wait are carried out still, for which it waits a moment; commands that run are left to themselves.
 * Clears *a; tolerates NULL. */
void rates_alarm_close(struct rates_alarm **a);

#endif
