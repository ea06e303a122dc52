/*
 * The scripts that keep a rate in Redis, one call for one rate and key, whatever its windows: all of them grant, or
 * nothing is taken.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_SCRIPT_H
#define MILLGATE_CHECKS_RATES_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "checks/rates_key.h"
#include "net/redis.h"

/*
 * KEYS: the base key; for rates that keep more (rates_is_wide) also those of networks and of who is held.
 * ARGV: the verb, how long being used up is not told again (microseconds), the number of windows, for each of them what
 * the units cost and how far ahead they may lie (microseconds, rates_def.h); for wide rates also the milliseconds of a
 * hold (0: none is made; -1: the rate does not hold), how many networks, their period (microseconds), the client's
 * network, and the stamp that take answered.  Verbs:
 *   take   takes the units, and notes the network
 *   peek   answers the same and writes nothing
 *   give   gives the units back, and the network when nobody has come from it since
 * Answers { answer, milliseconds to wait (or that a hold lasts), 1 when this is the first time it is to be told, the
 * stamp of a network that is new }.
 *
 * A hold is told anew each period in which mail is held: the answer that told it first may have been lost.
 *
 * The base key's value is a time for each window, parted by spaces, and until when it has been told, behind a 't'.
 * Every key has a TTL.
 */
extern const char rates_script[];

/* KEYS as above; ARGV the networks' period.  Writes nothing.  { now (microseconds), the base key's value, its TTL (-2:
 * not there), the number of networks, since when the key is held (0: it is not), the TTL of that }. */
extern const char rates_script_show[];

enum rates_verb { RATES_TAKE, RATES_PEEK, RATES_GIVE };
enum rates_answer { RATES_GRANTED, RATES_USED_UP, RATES_HELD, RATES_FAILED };

struct rates_question {
	const struct rate *rate;
	const struct rates_key *key;
	int64_t units;
	struct ip network; /* IP_NONE: not by a network */
	int64_t stamp;     /* GIVE: of the network; 0: it was no new one */
};

struct rates_result {
	enum rates_answer answer;
	int64_t wait_ms; /* USED_UP: until there is room; HELD: until that ends */
	bool first;      /* it has not been told yet */
	int64_t stamp;
	const char *why; /* FAILED: static, or of the arena */
};

/* A call to be awaited; NULL when out of memory.  And one that nobody waits for. */
struct net_op *rates_script_ask(struct net_wait *w, const struct redis_script *s, const struct rates_question *q,
				enum rates_verb verb);
void rates_script_tell(struct net_wait *w, const struct redis_script *s, const struct rates_question *q,
		       enum rates_verb verb);
struct rates_result rates_script_result(const struct net_op *op, struct arena *a);

/* A call of rates_script_show. */
struct net_op *rates_script_look(struct net_wait *w, const struct redis_script *s, const struct rate *r,
				 const struct rates_key *key);

#endif
