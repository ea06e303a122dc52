/*
 * One rate: what it counts, by what, in which windows, and what it comes to; read from its settings.  Inside checks/
 * only.
 */
#ifndef MILLGATE_CHECKS_RATES_DEF_H
#define MILLGATE_CHECKS_RATES_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/limits.h"
#include "mail/addr.h"
#include "util/arena.h"
#include "util/error.h"
#include "util/names.h"

/* A script call looks at each of them. */
enum { RATES_MAX_WINDOWS = 8 };

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
extern const struct name_value rates_by_names[];

/* Messages are counted once per transaction and key, recipients each time, bytes at the end of the message. */
enum rate_unit { RATE_MESSAGES, RATE_RECIPIENTS, RATE_BYTES };

struct rate_window {
	int64_t number, per_ms;
	int64_t burst; /* in units; the number when the settings have none */
};

/* Immutable after rates_read(). */
struct rate {
	const char *name;
	enum rate_by by[RATE_BY_COUNT];
	unsigned n_by;
	enum rate_unit unit;
	struct rate_window windows[RATES_MAX_WINDOWS];
	unsigned n_windows; /* 0: it counts networks alone */
	int64_t networks;   /* 0: they are not counted */
	int64_t networks_ms;
	enum limits_action action;
	int64_t hold_ms;          /* LIMITS_HOLD: for how long */
	int64_t period_ms;        /* the longest of its periods: being used up is told once in it */
	struct addr_list *except; /* NULL: none */
};

/* Reads one element of limits.rates.  0, or -1 with errors added; rates_done() in either case. */
int rates_read(struct rate *r, const struct rate_settings *set, struct arena *a, struct error_list *errors);
void rates_done(struct rate *r);

/* Whether it keeps more than numbers: networks, or who is held. */
bool rates_is_wide(const struct rate *r);

/*
 * GCRA, the generic cell rate algorithm: a window's state is the time at which all that was taken will have been worked
 * off; `units` may be taken while that lies no further ahead than the burst takes.  Both in microseconds, the first
 * never more than the second: who sends more than a burst at once has to find the window empty.
 */
int64_t rates_cost_us(const struct rate *r, const struct rate_window *w, int64_t units);
int64_t rates_ahead_us(const struct rate *r, const struct rate_window *w);

#endif
