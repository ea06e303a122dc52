/* millgated: the daemon.  Its parts in the order in which they need one another. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/daemon.h"
#include "cmd/identity.h"
#include "control/control.h"
#include "engine/engine.h"
#include "engine/settings.h"
#include "milter/milter.h"
#include "policyd/policyd.h"
#include "util/log.h"

enum { EXIT_USAGE = 2, REPORT_MAX = 1 << 20 };

struct options {
	bool foreground;
	const char *conf;
	const char *pidfile; /* NULL: none */
};

struct service {
	struct options options;
	struct engine *engine;
	struct identity identity;
	struct milter_front *milter;
	struct policyd *policyd; /* NULL: not served */
	struct control *control;
	int ready; /* for daemon_ready(); -1 in the foreground */
	bool logging, logs_to_stderr;
};

static const char usage[] = "usage: millgated [-f] [-c FILE] [-p PIDFILE]\n"
			    "  -f          stay in the foreground and log to stderr\n"
			    "  -c FILE     the configuration (" MILLGATE_CONF ")\n"
			    "  -p PIDFILE  where to write the process's number\n"
			    "  -V          print the version and exit\n"
			    "  -h          print this and exit\n";

static void print_errors(const struct error_list *errors)
{
	struct sbuf b;

	sbuf_heap(&b, REPORT_MAX);
	control_report(errors, &b);
	fputs(b.p, stderr);
	sbuf_done(&b);
}

/* The daemon works in the root directory, and reads its configuration again there. */
static const char *absolute(const char *path, char *buf, size_t size)
{
	char cwd[PATH_MAX];

	if (path == NULL || path[0] == '/' || getcwd(cwd, sizeof cwd) == NULL ||
	    snprintf(buf, size, "%s/%s", cwd, path) >= (int)size)
		return path;
	return buf;
}

/* Exits when there is nothing more to do. */
static void parse_options(int argc, char **argv, struct options *o)
{
	int c;

	*o = (struct options){ .conf = MILLGATE_CONF };
	while ((c = getopt(argc, argv, "fc:p:Vh")) != -1) {
		switch (c) {
		case 'f':
			o->foreground = true;
			break;
		case 'c':
			o->conf = optarg;
			break;
		case 'p':
			o->pidfile = optarg;
			break;
		case 'V':
			puts("millgated " PACKAGE_VERSION);
			exit(EXIT_SUCCESS);
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

static void reload(void *ctx)
{
	struct service *s = ctx;
	struct error_list errors = ERROR_LIST_INIT;

	control_reload(s->control, &errors); /* it logs */
	error_clear(&errors);
}

static void open_log(struct service *s)
{
	const struct log_settings *log = &engine_settings(s->engine)->log;
	enum log_sink sink = s->options.foreground ? LOG_SINK_STDERR : (enum log_sink)log->to;

	log_open("millgated", sink, (enum log_level)log->level);
	s->logging = true;
	s->logs_to_stderr = sink == LOG_SINK_STDERR;
}

/* All that needs root, and then root no more.  0, or -1 with errors added. */
static int open_sockets(struct service *s, struct error_list *errors)
{
	const struct engine_settings *set = engine_settings(s->engine);
	uid_t owner = s->identity.drop ? s->identity.uid : (uid_t)-1;

	if (identity_make_directory(&s->identity, set->milter.listen, errors) != 0 ||
	    identity_make_directory(&s->identity, set->policyd.listen, errors) != 0 ||
	    identity_make_directory(&s->identity, set->control.listen, errors) != 0)
		return -1;
	s->milter = milter_open(s->engine, set->milter.listen, (mode_t)set->milter.mode, set->milter.group, errors);
	if (s->milter == NULL)
		return -1;
	if (policyd_open(s->engine, owner, &s->policyd, errors) != 0)
		return -1;
	if (s->options.pidfile != NULL && daemon_pidfile_write(s->options.pidfile, errors) != 0)
		return -1;
	return identity_assume(&s->identity, errors);
}

static int start(struct service *s, struct error_list *errors)
{
	const struct engine_settings *set = engine_settings(s->engine);

	if (open_sockets(s, errors) != 0 || engine_start(s->engine, errors) != 0 ||
	    policyd_start(s->policyd, errors) != 0)
		return -1;
	if (access(s->options.conf, R_OK) != 0)
		log_warning("%s cannot be read by %s: a reload will fail", s->options.conf, set->user);
	log_info("millgated " PACKAGE_VERSION " serves %s%s%s", set->milter.listen, s->policyd != NULL ? ", " : "",
		 s->policyd != NULL ? set->policyd.listen : "");
	/* From here on a reload may come, and take these settings away. */
	s->control =
		control_start(s->engine, set->control.listen, (mode_t)set->control.mode, set->control.group, errors);
	return s->control != NULL ? 0 : -1;
}

/* Why it does not start: in the log, and on the terminal unless that is the log. */
static void complain(const struct service *s, const struct error_list *errors)
{
	char line[LINE_MAX];
	struct sbuf b;

	sbuf_fixed(&b, line, sizeof line);
	for (const struct error_item *i = errors->first; s->logging && i != NULL; i = i->next) {
		sbuf_reset(&b);
		control_report_item(i, &b);
		log_error("%s", b.p);
	}
	if (!s->logging || !s->options.foreground)
		print_errors(errors);
}

/* Serves until it is told to stop.  The exit status. */
static int serve(struct service *s)
{
	int result;

	if (s->ready >= 0)
		daemon_ready(s->ready, s->logs_to_stderr);
	daemon_notify("READY=1");
	result = milter_run(s->milter, reload, s);
	daemon_notify("STOPPING=1");
	if (result != 0)
		log_error("the milter library gave up");
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* In the reverse order.  Does not come back when a thread of libmilter still holds on to the engine. */
static void stop(struct service *s, int status)
{
	control_stop(&s->control);
	policyd_close(&s->policyd);
	if (s->options.pidfile != NULL && s->milter != NULL)
		unlink(s->options.pidfile); /* fails when its directory is root's: it is stale then, not wrong */
	if (milter_close(&s->milter) != 0)
		_exit(status);
	engine_free(&s->engine);
}

int main(int argc, char **argv)
{
	char conf[PATH_MAX * 2], pidfile[PATH_MAX * 2];
	struct error_list errors = ERROR_LIST_INIT;
	struct service s = { .ready = -1 };
	int status = EXIT_FAILURE;

	parse_options(argc, argv, &s.options);
	if (!s.options.foreground) {
		s.options.conf = absolute(s.options.conf, conf, sizeof conf);
		s.options.pidfile = absolute(s.options.pidfile, pidfile, sizeof pidfile);
	}
	s.engine = engine_load(s.options.conf, &errors);
	if (engine_check_machine(s.options.conf, &errors) != 0)
		engine_free(&s.engine);
	error_sort(&errors);
	print_errors(&errors);
	error_clear(&errors);
	if (s.engine == NULL)
		return EXIT_FAILURE;
	if (identity_find(engine_settings(s.engine)->user, engine_settings(s.engine)->group, &s.identity, &errors) != 0)
		goto out;
	if (!s.options.foreground && (s.ready = daemon_detach(&errors)) < 0)
		goto out;
	daemon_block_signals();
	daemon_raise_limits();
	open_log(&s);
	if (start(&s, &errors) == 0)
		status = serve(&s);
out:
	complain(&s, &errors);
	error_clear(&errors);
	stop(&s, status);
	log_close();
	return status;
}
