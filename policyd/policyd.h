/*
 * The front end of Postfix's policy protocol (SMTPD_POLICY_README): requests on one side, engine/ on the other.  It
 * records what Postfix tells, asks the engine, and words its answers; it decides nothing.  For cmd/ alone.
 */
#ifndef MILLGATE_POLICYD_POLICYD_H
#define MILLGATE_POLICYD_POLICYD_H

#include <sys/types.h>

#include "engine/engine.h"
#include "util/error.h"

struct policyd;

/*
 * Listens, as the configuration says; before privileges are dropped.  owner: of a Unix socket's file; (uid_t)-1: as it
 * comes.  *p stays NULL when none is configured.  0, or -1 with an error added.
 */
int policyd_open(struct engine *e, uid_t owner, struct policyd **p, struct error_list *errors);

/* Serves, on a started engine, until policyd_close().  p may be NULL.  0, or -1 with an error added. */
int policyd_start(struct policyd *p, struct error_list *errors);

/* Stops serving, and gives back what open transactions hold.  Clears *p; tolerates NULL. */
void policyd_close(struct policyd **p);

#endif
