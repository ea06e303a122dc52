/*
 * The milter front end: libmilter on one side, engine/ on the other.  It records what the MTA tells, asks the engine,
 * and carries its answers out; it decides nothing.  For cmd/ alone.  libmilter exists once per process, so does this.
 */
#ifndef MILLGATE_MILTER_MILTER_H
#define MILLGATE_MILTER_MILTER_H

#include <sys/types.h>

#include "engine/engine.h"
#include "util/error.h"

struct milter_front;

/*
 * Binds and listens: "unix:PATH", "inet:PORT@ADDRESS" or "inet6:PORT@ADDRESS".  Call it before privileges are dropped
 * and before the first thread is created: it blocks the signals that milter_run() waits for, and threads inherit that.
 * A Unix socket is born with `mode`, then given to `group` (NULL: as it comes) and to the service's user.  NULL with
 * an error added; also when there was a front before: libmilter starts once.
 */
struct milter_front *milter_open(struct engine *e, const char *listen, mode_t mode, const char *group,
				 struct error_list *errors);

/*
 * Serves until SIGTERM or SIGINT; then refuses new mail with 451 and waits (20 s at most) for open transactions.
 * SIGUSR1 and SIGHUP call on_reload(ctx) on the thread that waits for signals: the mail goes on meanwhile, no second
 * reload can overtake, and a stop that comes during it is taken up after it.  0, or -1 when libmilter gave up.
 */
int milter_run(struct milter_front *f, void (*on_reload)(void *), void *ctx);

/*
 * Ends the sessions that libmilter left open, and closes the socket.  0; or -1 when one of libmilter's threads still works on a
 * session: then the engine is in use and must not be freed, and the process should just end.  Clears *f; tolerates
 * NULL.
 */
int milter_close(struct milter_front **f);

#endif
