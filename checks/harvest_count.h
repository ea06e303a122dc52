/*
 * The count of a client's unknown recipients, in Redis: one key a client, which all daemons share.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_HARVEST_COUNT_H
#define MILLGATE_CHECKS_HARVEST_COUNT_H

#include <stdint.h>

#include "net/redis.h"
#include "util/ip.h"
#include "util/sbuf.h"

/* What counts; immutable. */
struct harvest_counter {
	struct redis_script script;
	const char *prefix;
	int64_t per_ms;        /* from the first one on, the count is kept */
	int64_t refuse_after;  /* with so many another period begins; 0: never */
	int64_t refuse_for_ms; /* that period */
};
void harvest_count_init(struct harvest_counter *k);

#define HARVEST_RATE "harvest" /* in the keys, which lie beside those of limits.rates */

/* A client as it is counted: its IPv4 address, or its /64. */
enum { HARVEST_CLIENT_SIZE = IP_TEXT_SIZE + 3 };
const char *harvest_count_client(const struct ip *ip, char buf[HARVEST_CLIENT_SIZE]);

/* Asks for the count, or counts one more.  NULL when out of memory. */
struct net_op *harvest_count_ask(const struct harvest_counter *k, struct net_wait *w, const struct ip *ip);
struct net_op *harvest_count_add(const struct harvest_counter *k, struct net_wait *w, const struct ip *ip);

/* The count that was answered; -1 when there was none: *why, as long as the question is kept. */
int64_t harvest_count_result(const struct net_op *op, const char **why);

#endif
