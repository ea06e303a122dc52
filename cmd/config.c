/* The commands that only read the configuration. */
#include <stdio.h>

#include "cmd/command.h"
#include "engine/settings.h"

static void say_front_ends(const struct engine *e)
{
	struct sbuf out;

	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	engine_print_front_ends(e, &out);
	if (out.len > 0)
		fputs(out.p, stdout);
	sbuf_done(&out);
}

static void say_fine(const struct command_call *call, const struct engine *e, unsigned warnings)
{
	const struct engine_settings *set = engine_settings(e);

	printf("%s: the configuration is fine", call->conf);
	if (warnings > 0)
		printf(" (%u warning%s)", warnings, warnings == 1 ? "" : "s");
	printf("\n  milter   %s\n  control  %s\n  redis    %s\n", set->milter.listen, set->control.listen,
	       set->redis.server[0] != '\0' ? set->redis.server : "none");
	printf("  dns      ");
	for (unsigned i = 0; i < set->dns.servers.n; i++)
		printf("%s%s", i > 0 ? ", " : "", set->dns.servers.v[i].s);
	puts(set->dns.servers.n == 0 ? "those of /etc/resolv.conf" : "");
	if (set->shadow)
		puts("  shadow = true: everything is evaluated, nothing is changed");
	say_front_ends(e);
}

int command_check(const struct command_call *call)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct engine *e = engine_load(call->conf, &errors);
	bool fine = engine_check_machine(call->conf, &errors) == 0 && e != NULL;

	error_sort(&errors);
	command_errors(call, &errors);
	if (fine && !call->json)
		say_fine(call, e, errors.warnings);
	else if (!call->json)
		fprintf(stderr, "%s: %u error%s\n", call->conf, errors.errors, errors.errors == 1 ? "" : "s");
	error_clear(&errors);
	engine_free(&e);
	return fine ? COMMAND_FINE : COMMAND_FAILED;
}

int command_rules(const struct command_call *call)
{
	struct engine *e = command_load(call);
	struct sbuf out;

	if (e == NULL)
		return COMMAND_FAILED;
	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	engine_print_rules(e, call->json, &out);
	engine_free(&e);
	return command_print(&out);
}
