/*
 * The clients of Redis and DNS that snapshots share: started for the first one, shared by a reloaded one whose settings
 * of them are the same, started anew otherwise; stopped with the last user.  All are on one thread, that of the host.
 */
#ifndef MILLGATE_ENGINE_LOOP_H
#define MILLGATE_ENGINE_LOOP_H

#include "engine/settings.h"
#include "net/net.h"

struct loop;

/* On the thread of `host`, which outlives it; NULL: on one of its own.  NULL with errors added.  Not on a loop thread. */
struct loop *loop_start(const struct engine_settings *set, struct net *host, struct error_list *errors);
/* One without Redis and without a user for DNS: the host, which outlives every configuration. */
struct loop *loop_start_bare(struct error_list *errors);
struct loop *loop_ref(struct loop *l);
/* Any thread.  One with a host does not wait for the end: Redis may stand still, and others wait for the caller. */
void loop_unref(struct loop **l);
struct net *loop_net(const struct loop *l);

/* Whether the settings ask for the same servers as the loop was started with. */
bool loop_fits(const struct loop *l, const struct engine_settings *set);

#endif
