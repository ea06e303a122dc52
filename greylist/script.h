/*
 * The greylist in Redis: a hash for each triplet, with
 *
 *   first     when it was first seen, milliseconds since 1970 by Redis's clock
 *   last      when it was last seen
 *   attempts  how often it came before it passed
 *   passes    how often it passed; 0: it has to wait
 *
 * A triplet that waits lives until its retry window ends, one that has passed for as long as a pass is remembered; no key
 * is without a TTL.
 */
#ifndef MILLGATE_GREYLIST_SCRIPT_H
#define MILLGATE_GREYLIST_SCRIPT_H

#include <stdint.h>

#include "net/redis.h"

/*
 * KEYS: the entry.  ARGV: verb, delay, retry window, pass time (all in milliseconds).  Verbs:
 *   ask    records an attempt
 *   peek   answers what ask would, and writes nothing
 *   renew  a pass was used: its time begins anew
 *   allow  lets the entry pass from now on, made when it is not there
 * Answers { enum grey_decision, milliseconds still to wait, milliseconds that the entry has left }.
 */
extern const char grey_script[];

enum grey_decision { GREY_DEFER, GREY_PASS, GREY_KNOWN };

/* ARGV none; writes nothing.  { now, TTL (-1: none, -2: no such key), first, last, attempts, passes }, 0 where unknown. */
extern const char grey_script_show[];

struct grey_times {
	int64_t delay_ms, window_ms, pass_ms;
};

/* A call of grey_script, to be awaited; NULL when out of memory.  And one that nobody waits for. */
struct net_op *grey_script_ask(struct net_wait *w, const struct redis_script *s, const char *key, const char *verb,
			       const struct grey_times *t);
void grey_script_tell(struct net_wait *w, const struct redis_script *s, const char *key, const char *verb,
		      const struct grey_times *t);

#endif
