/*
 * hiredis on libevent: an adapter of our own, since writing at once at the end of a round saves two system calls a
 * batch over hiredis's own.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_REDIS_LINK_H
#define MILLGATE_NET_REDIS_LINK_H

#include <stdbool.h>

struct event_base;
struct redisAsyncContext;
struct redis_link;

/* Attaches ac; the link is freed by hiredis with it.  NULL when out of memory. */
struct redis_link *redis_link_attach(struct redisAsyncContext *ac, struct event_base *base);

/* The connection stands: from now on output is written by redis_link_push() alone. */
void redis_link_connected(struct redis_link *l);

/* Writes what hiredis has gathered.  May end in the connection being lost, and the link being freed. */
void redis_link_push(struct redis_link *l);

#endif
