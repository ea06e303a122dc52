/*
 * The commands of `millgate`: what each is given, and what they share.
 */
#ifndef MILLGATE_CMD_COMMAND_H
#define MILLGATE_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/engine.h"
#include "util/error.h"
#include "util/sbuf.h"

enum { COMMAND_FINE = 0, COMMAND_FAILED = 1, COMMAND_USAGE = 2 }; /* exit statuses */

enum { COMMAND_OPTIONS_MAX = 4 }; /* of one command, besides those of all */

struct command_call {
	const char *conf; /* -c */
	bool json;        /* --json */
	int argc;         /* what is left of the arguments, without the command's name */
	char **argv;
	const char *option[COMMAND_OPTIONS_MAX]; /* the values of its own options, by their place; NULL: not given */
};

/* A row of the table in millgate.c. */
struct command {
	const char *name;
	const char *arguments; /* for the usage line */
	const char *summary;
	const char *help; /* more, for --help; or NULL */
	int (*run)(const struct command_call *call);
	const char *options[COMMAND_OPTIONS_MAX + 1]; /* its own, such as "bits" for --bits N; ends with NULL */
};

/* config.c */
int command_check(const struct command_call *call);
int command_rules(const struct command_call *call);
/* daemon_control.c */
int command_reload(const struct command_call *call);
int command_status(const struct command_call *call);
/* dkim.c */
int command_dkim(const struct command_call *call);
/* dnsbl.c */
int command_dnsbl(const struct command_call *call);
/* greylist.c */
int command_greylist(const struct command_call *call);
/* greylist_report.c; the options by their places in the table */
enum { COMMAND_GREYLIST_SINCE, COMMAND_GREYLIST_LIMIT };
struct grey_admin;
int command_greylist_report(const struct command_call *call, const struct grey_admin *g, struct error_list *errors);
/* limits.c */
int command_limits(const struct command_call *call);

/* ---- Shared ---- */

/* The configuration; NULL after its errors were printed.  Warnings are not: `check` is for them. */
struct engine *command_load(const struct command_call *call);

/* As control_ask() of the daemon that runs with this configuration, with what goes wrong printed.  daemon_control.c. */
int command_ask(const struct command_call *call, const char *what, struct sbuf *text);

/* Prints errors and warnings to stderr, or as JSON to stdout. */
void command_errors(const struct command_call *call, const struct error_list *errors);

/* Prints what was built, and whether all of it could be: COMMAND_FINE or COMMAND_FAILED. */
int command_print(struct sbuf *out);

enum { COMMAND_OUTPUT_MAX = 64 << 20 }; /* of one command, for sbuf_heap() */

#endif
