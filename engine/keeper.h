/*
 * The keeper: a thread in which the checks of the configuration in force look after themselves (struct check, tick).
 */
#ifndef MILLGATE_ENGINE_KEEPER_H
#define MILLGATE_ENGINE_KEEPER_H

#include "util/error.h"

struct engine;
struct keeper;

/* NULL with an error added.  The engine must be started, and outlive it. */
struct keeper *keeper_start(struct engine *e, struct error_list *errors);

/* A new configuration is in force: its checks are called at once.  Tolerates NULL. */
void keeper_wake(struct keeper *k);

/* Waits for a call under way.  Clears *k; tolerates NULL. */
void keeper_stop(struct keeper **k);

#endif
