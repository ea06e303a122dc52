#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

#include "control/control.h"

int command_print(struct sbuf *out)
{
	bool whole = !out->cut;

	if (fwrite(out->p, 1, out->len, stdout) != out->len || fflush(stdout) != 0)
		whole = false;
	sbuf_done(out);
	if (!whole)
		fputs("millgate: the output is not complete\n", stderr);
	return whole ? COMMAND_FINE : COMMAND_FAILED;
}

static void add_json_item(const struct error_item *i, struct sbuf *out)
{
	sbuf_addf(out, "{\"level\":\"%s\",\"file\":", i->level == ERROR_ERROR ? "error" : "warning");
	if (i->file != NULL)
		sbuf_add_json(out, i->file, strlen(i->file));
	else
		sbuf_add(out, "null");
	sbuf_addf(out, ",\"line\":%d,\"text\":", i->line);
	sbuf_add_json(out, i->text, strlen(i->text));
	sbuf_add(out, "}");
}

void command_errors(const struct command_call *call, const struct error_list *errors)
{
	struct sbuf out;

	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	if (call->json) {
		sbuf_addf(&out, "{\"errors\":%u,\"warnings\":%u,\"items\":[", errors->errors, errors->warnings);
		for (const struct error_item *i = errors->first; i != NULL; i = i->next) {
			add_json_item(i, &out);
			sbuf_add(&out, i->next != NULL ? "," : "");
		}
		sbuf_add(&out, "]}\n");
		command_print(&out);
		return;
	}
	control_report(errors, &out);
	fputs(out.p, stderr);
	sbuf_done(&out);
}

struct engine *command_load(const struct command_call *call)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct engine *e = engine_load(call->conf, &errors);

	if (e == NULL) {
		error_sort(&errors);
		command_errors(call, &errors);
	}
	error_clear(&errors);
	return e;
}
