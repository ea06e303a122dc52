/*
 * The command of an alarm: run without a shell, detached from the daemon, with nothing of it but the environment that
 * is made here.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_RATES_COMMAND_H
#define MILLGATE_CHECKS_RATES_COMMAND_H

#include <sys/types.h>

#include "checks/rates_alarm.h"

/*
 * Starts argv[0] (a path; argv ends with NULL) in a session of its own: no descriptor but /dev/null for the first
 * three, no signal blocked or ignored.  Its pid; -1 with *error set to an errno.  Who started it must reap it.
 */
pid_t rates_command_start(char *const *argv, const struct rates_hit *h, int *error);

/* Printable ASCII without what a careless script would give to a shell; what is not becomes '?'. */
void rates_command_clean(struct sbuf *out, const char *s);

#endif
