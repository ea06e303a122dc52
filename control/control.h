/*
 * The control socket of the daemon, and the client's side of it.  Layer 4: on engine/ and net/.
 *
 * One request a connection: a line with a command ("ping", "status", "reload", "dnsbl").  The answer's first line is "ok" or
 * "error"; lines of text may follow; then the daemon closes.
 */
#ifndef MILLGATE_CONTROL_CONTROL_H
#define MILLGATE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <sys/types.h>

#include "engine/engine.h"
#include "util/error.h"
#include "util/sbuf.h"

struct control;

/*
 * Serves on "unix:PATH", on the engine's loop; NULL or "" for `listen` makes a control without a socket, which still
 * reloads.  The engine must be started, and must outlive it.  NULL with an error added.
 */
struct control *control_start(struct engine *e, const char *listen, mode_t mode, const char *group,
			      struct error_list *errors);

/* Lets a command that runs come to its end.  Clears *c; tolerates NULL. */
void control_stop(struct control **c);

/*
 * Reloads the engine's configuration and logs how it went, each error on a line.  Thread-safe.  0, or -1 with errors added: then the old configuration stays.
 */
int control_reload(struct control *c, struct error_list *errors);

/* One error as people read it, without a line end: "file:line: text", or "file:line: warning: text". */
void control_report_item(const struct error_item *item, struct sbuf *out);

/* All of them, each on a line. */
void control_report(const struct error_list *errors, struct sbuf *out);

/*
 * Asks a daemon and waits for its answer: the lines after the first go to *text.  0 for "ok", 1 for "error"; -1 with an
 * error added when no daemon answers within timeout_ms.
 */
int control_ask(const char *listen, const char *command, int timeout_ms, struct sbuf *text, struct error_list *errors);

#endif
