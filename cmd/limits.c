/* millgate limits: the rates in Redis; the work is done in checks/rates_admin.c. */
#include <stdio.h>
#include <string.h>

#include "checks/rates_admin.h"
#include "cmd/command.h"
#include "conf/conf.h"
#include "engine/loop.h"
#include "engine/settings.h"
#include "util/arena.h"

/* What a command needs, opened together. */
struct session {
	struct engine *engine;
	struct arena *arena;
	struct limits_settings settings;
	struct loop *loop;
	struct rates_admin admin;
};

static void close_session(struct session *s)
{
	rates_admin_close(&s->admin);
	net_wait_free(&s->admin.wait);
	loop_unref(&s->loop);
	arena_free(&s->arena);
	engine_free(&s->engine);
}

/* The engine has found the file fine; the one section is read again, since the engine keeps it to itself. */
static int read_rates(const struct command_call *call, struct session *s, struct error_list *errors)
{
	const struct conf_node *root = conf_load(call->conf, s->arena, errors);

	if (root == NULL || errors->errors > 0 ||
	    conf_bind(&limits_settings_table, conf_child(root, "limits"), &s->settings, NULL, s->arena, errors) != 0)
		return -1;
	return rates_admin_open(&s->admin, &s->settings, s->arena, errors);
}

/* 0, or -1 after what went wrong was printed; close_session() in either case. */
static int open_session(const struct command_call *call, struct session *s)
{
	struct error_list errors = ERROR_LIST_INIT;
	const struct engine_settings *set;
	int result = -1;

	*s = (struct session){ .engine = command_load(call), .arena = arena_new(0) };
	if (s->engine == NULL || s->arena == NULL)
		return -1;
	set = engine_settings(s->engine);
	if (set->redis.server[0] == '\0') {
		error_add(&errors, call->conf, 0, "redis.server is empty: there are no rates");
		goto done;
	}
	if (read_rates(call, s, &errors) != 0)
		goto done;
	s->loop = loop_start(set, NULL, &errors);
	if (s->loop == NULL)
		goto done;
	s->admin.wait = net_wait_new(loop_net(s->loop));
	s->admin.prefix = set->redis.prefix;
	s->admin.timeout_ms = set->redis.timeout;
	result = s->admin.wait != NULL ? 0 : -1;
	if (result != 0)
		error_add(&errors, NULL, 0, "out of memory");
done:
	if (result != 0)
		command_errors(call, &errors);
	error_clear(&errors); /* warnings are what `millgate check` is for */
	return result;
}

struct printer {
	bool json;
	unsigned long long n;
};

static bool print_entry(void *ctx, const struct rates_entry *e)
{
	struct printer *p = ctx;
	struct sbuf out;
	bool fine;

	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	if (p->json) {
		sbuf_add(&out, p->n == 0 ? "[\n" : ",\n");
		rates_entry_json(e, &out);
	} else {
		rates_entry_line(e, &out);
	}
	p->n++;
	fine = fwrite(out.p, 1, out.len, stdout) == out.len;
	sbuf_done(&out);
	return fine; /* a closed pipe ends the walk */
}

static int show(const struct command_call *call, struct session *s, struct error_list *errors)
{
	const char *pattern = call->argc > 1 ? call->argv[1] : NULL;
	struct printer p = { .json = call->json };
	int result = rates_admin_list(&s->admin, pattern, print_entry, &p, errors);

	if (call->json && result == 0)
		puts(p.n == 0 ? "[]" : "\n]");
	else if (result == 0 && p.n == 0)
		fputs(pattern != NULL ? "no rate or key fits\n" : "nothing is counted\n", stderr);
	return result == 0 && (p.n > 0 || pattern == NULL) ? COMMAND_FINE : COMMAND_FAILED;
}

static int reset(const struct command_call *call, struct session *s, struct error_list *errors)
{
	uint64_t all = 0, n = 0;
	int result = 0;

	for (int i = 1; result == 0 && i < call->argc; i++) {
		result = rates_admin_reset(&s->admin, call->argv[i], &n, errors);
		all += n;
		if (result == 0 && n == 0 && !call->json)
			fprintf(stderr, "no rate or key fits \"%s\"\n", call->argv[i]);
	}
	printf(call->json ? "{\"reset\":%llu}\n" : "reset: %llu\n", (unsigned long long)all);
	return result == 0 && all > 0 ? COMMAND_FINE : COMMAND_FAILED;
}

int command_limits(const struct command_call *call)
{
	const char *what = call->argc > 0 ? call->argv[0] : "";
	bool shows = strcmp(what, "show") == 0, resets = strcmp(what, "reset") == 0;
	struct error_list errors = ERROR_LIST_INIT;
	struct session s;
	int status = COMMAND_FAILED;

	/* What is to be reset must be said, be it "*". */
	if (!(shows || resets) || (shows && call->argc > 2) || (resets && call->argc < 2))
		return COMMAND_USAGE;
	if (open_session(call, &s) == 0)
		status = shows ? show(call, &s, &errors) : reset(call, &s, &errors);
	if (errors.first != NULL)
		command_errors(call, &errors);
	error_clear(&errors);
	close_session(&s);
	return status;
}
