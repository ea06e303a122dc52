/*
 * The connection to Redis: one at a time, kept alive by the loop, with a circuit breaker.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_REDIS_CONN_H
#define MILLGATE_NET_REDIS_CONN_H

#include <stdbool.h>

#include "net/loop.h"

struct net_op;

struct redis *redis_new(struct net *n, const struct net_redis_options *o, struct error_list *errors);

/* Any thread: connected; and known to be away, so that a command need not be queued at all. */
bool redis_is_up(const struct redis *r);
bool redis_is_away(const struct redis *r);

/* The task of a command. */
void redis_start_command(struct net *n, struct net_task *t);

/* Writes what this round gathered; r may be NULL.  Loop thread. */
void redis_push(struct redis *r);

/* Answers all that is open and drops the connection; r may be NULL.  Loop thread, as the last thing it does. */
void redis_close(struct redis *r);
/* After the loop thread has ended, or before it began.  Clears *r; tolerates NULL. */
void redis_free(struct redis **r);

#endif
