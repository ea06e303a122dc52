/* The commands that ask the running daemon. */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "control/control.h"
#include "engine/settings.h"

/* A reload compiles rules and starts what is new; it is well below this. */
enum { ANSWER_TIMEOUT_MS = 60000 };

int command_ask(const struct command_call *call, const char *what, struct sbuf *text)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct engine *e = command_load(call);
	int result;

	if (e == NULL)
		return -1;
	result = control_ask(engine_settings(e)->control.listen, what, ANSWER_TIMEOUT_MS, text, &errors);
	if (result < 0)
		command_errors(call, &errors);
	error_clear(&errors);
	engine_free(&e);
	return result;
}

/* {"reloaded":true,"messages":["...",...]} */
static void add_json(struct sbuf *out, bool fine, const char *lines)
{
	sbuf_addf(out, "{\"reloaded\":%s,\"messages\":[", fine ? "true" : "false");
	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");

		sbuf_add_json(out, lines, n);
		lines += n + (lines[n] == '\n');
		sbuf_add(out, *lines != '\0' ? "," : "");
	}
	sbuf_add(out, "]}\n");
}

int command_reload(const struct command_call *call)
{
	struct sbuf text, out;
	int result;

	sbuf_heap(&text, COMMAND_OUTPUT_MAX);
	result = command_ask(call, "reload", &text);
	if (result >= 0 && call->json) {
		sbuf_heap(&out, COMMAND_OUTPUT_MAX);
		add_json(&out, result == 0, text.p);
		command_print(&out);
	} else if (result >= 0) {
		fputs(text.p, stderr);
		puts(result == 0 ? "reloaded" : "not reloaded: the old configuration stays in force");
	}
	sbuf_done(&text);
	return result == 0 ? COMMAND_FINE : COMMAND_FAILED;
}

int command_status(const struct command_call *call)
{
	struct sbuf text;
	int result;

	sbuf_heap(&text, COMMAND_OUTPUT_MAX);
	result = command_ask(call, "status", &text);
	if (result >= 0)
		fputs(text.p, result == 0 ? stdout : stderr);
	sbuf_done(&text);
	return result == 0 ? COMMAND_FINE : COMMAND_FAILED;
}
