/*
 * The event loop that snapshots share: started for the first one, shared by a reloaded one whose Redis and DNS settings
 * are the same, started anew otherwise; stopped with the last user.
 */
#ifndef MILLGATE_ENGINE_LOOP_H
#define MILLGATE_ENGINE_LOOP_H

#include "engine/settings.h"
#include "net/net.h"

struct loop;

/* NULL with errors added. */
struct loop *loop_start(const struct engine_settings *set, struct error_list *errors);
/* One without Redis and without a user for DNS: for what outlives every configuration. */
struct loop *loop_start_bare(struct error_list *errors);
struct loop *loop_ref(struct loop *l);
void loop_unref(struct loop **l);
struct net *loop_net(const struct loop *l);

/* Whether the settings ask for the same servers as the loop was started with. */
bool loop_fits(const struct loop *l, const struct engine_settings *set);

#endif
