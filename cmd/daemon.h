/*
 * What makes a process a daemon: detaching, telling that it is ready, the pid file, systemd's notifications.
 */
#ifndef MILLGATE_CMD_DAEMON_H
#define MILLGATE_CMD_DAEMON_H

#include <stdbool.h>

#include "util/error.h"

/*
 * Goes on in a child of a new session, in the root directory.  The parent waits for daemon_ready() and exits with 0, or
 * with 1 when the child ends before.  Until then the child still writes to the terminal.  Before the first thread starts.
 * A descriptor for daemon_ready(), or -1 with an error added.
 */
int daemon_detach(struct error_list *errors);

/* Lets the parent go; standard input and output, and stderr unless it is the log, become /dev/null. */
void daemon_ready(int fd, bool keep_stderr);

/* Blocks every signal that does not tell of a fault of our own; libmilter's signal thread waits for those that count. */
void daemon_block_signals(void);

/* As many open files as the system allows: each MTA connection is one. */
void daemon_raise_limits(void);

/* Writes the process's number.  0, or -1 with an error added. */
int daemon_pidfile_write(const char *path, struct error_list *errors);

/* sd_notify(3) by hand: tells systemd ("READY=1", "STOPPING=1"), when it asked by NOTIFY_SOCKET. */
void daemon_notify(const char *state);

#endif
