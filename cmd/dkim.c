/* millgate dkim: keys and their records; the work is done in checks/dkim_admin.c. */
#include <stdio.h>
#include <string.h>

#include "checks/dkim_admin.h"
#include "cmd/command.h"
#include "conf/conf.h"
#include "engine/loop.h"
#include "engine/settings.h"
#include "util/arena.h"
#include "util/clock.h"

/* The places of the options in the table in millgate.c. */
enum { OPTION_ALGORITHM, OPTION_BITS, OPTION_OUT, OPTION_KEY };

static void add_field(struct sbuf *out, const char *name, const char *value)
{
	sbuf_addf(out, ",\"%s\":", name);
	if (value != NULL)
		sbuf_add_json(out, value, strlen(value));
	else
		sbuf_add(out, "null");
}

static int genkey(const struct command_call *call, struct arena *a, struct error_list *errors)
{
	const struct dk_genkey g = { .domain = call->argv[1],
				     .selector = call->argv[2],
				     .algorithm = call->option[OPTION_ALGORITHM],
				     .bits = call->option[OPTION_BITS],
				     .out = call->option[OPTION_OUT] };
	struct sbuf record, out;
	const char *path;

	sbuf_heap(&record, COMMAND_OUTPUT_MAX);
	if (dk_admin_genkey(&g, a, &path, &record, errors) != 0) {
		sbuf_done(&record);
		return COMMAND_FAILED;
	}
	if (!call->json) {
		fprintf(stderr,
			"The key is in %s. The daemon must be able to read it: chgrp millgate and chmod 0640.\n"
			"This is what to publish:\n",
			path);
		return command_print(&record);
	}
	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	sbuf_add(&out, "{\"done\":true");
	add_field(&out, "key", path);
	add_field(&out, "record", record.p);
	sbuf_add(&out, "}\n");
	sbuf_done(&record);
	return command_print(&out);
}

static int check(const struct command_call *call, struct arena *a, struct error_list *errors)
{
	struct engine *engine = command_load(call);
	struct dk_check c = {
		.domain = call->argv[1], .selector = call->argv[2], .key = call->option[OPTION_KEY], .conf = call->conf
	};
	struct loop *loop = NULL;
	const char *found = NULL;
	int status = COMMAND_FAILED;

	/* The engine has found the file fine; it is read again, since the engine keeps the sections to itself. */
	if (engine != NULL && (c.root = conf_load(call->conf, a, errors)) != NULL &&
	    (loop = loop_start(engine_settings(engine), NULL, errors)) != NULL &&
	    (c.wait = net_wait_new(loop_net(loop))) != NULL) {
		c.deadline_ms = clock_mono_ms() + engine_settings(engine)->dns.timeout;
		if (dk_admin_check(&c, a, &found, errors) == 0)
			status = COMMAND_FINE;
		if (!call->json && found != NULL)
			printf("published: %s\n", found);
		if (!call->json && status == COMMAND_FINE)
			puts("it fits the key");
	}
	net_wait_free(&c.wait);
	loop_unref(&loop);
	engine_free(&engine);
	return status;
}

int command_dkim(const struct command_call *call)
{
	const char *what = call->argc > 0 ? call->argv[0] : "";
	bool makes = strcmp(what, "genkey") == 0, checks = strcmp(what, "check") == 0;
	struct error_list errors = ERROR_LIST_INIT;
	struct arena *a;
	int status;

	if ((!makes && !checks) || call->argc != 3)
		return COMMAND_USAGE;
	a = arena_new(0);
	if (a == NULL)
		return COMMAND_FAILED;
	status = makes ? genkey(call, a, &errors) : check(call, a, &errors);
	if (errors.first != NULL || (call->json && checks && status == COMMAND_FINE))
		command_errors(call, &errors);
	error_clear(&errors);
	arena_free(&a);
	return status;
}
