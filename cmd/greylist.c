/* millgate greylist: the entries in Redis; the work is done in greylist/admin.c. */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "conf/conf.h"
#include "engine/loop.h"
#include "engine/settings.h"
#include "greylist/admin.h"
#include "util/arena.h"
#include "util/ip.h"

/* What a command needs, opened together. */
struct session {
	struct engine *engine;
	struct arena *arena;
	struct grey_settings settings;
	struct loop *loop;
	struct grey_admin admin;
};

/* What a command is about: "known" and "met" name the other kinds; no client is called so. */
static enum grey_kind read_kind(const struct command_call *call)
{
	if (call->argc > 1 && strcmp(call->argv[1], "known") == 0)
		return GREY_CLIENTS;
	if (call->argc > 1 && strcmp(call->argv[1], "met") == 0)
		return GREY_CORRESPONDENTS;
	return GREY_TRIPLETS;
}

/* Answers the number of patterns, or -1 when there are too many. */
static int read_patterns(const struct command_call *call, enum grey_kind kind, struct grey_pattern *p)
{
	int first = kind == GREY_TRIPLETS ? 1 : 2, n = call->argc - first;

	*p = (struct grey_pattern){ { NULL } };
	if (n > (int)grey_key_parts(kind))
		return -1;
	for (int i = 0; i < n; i++)
		p->part[i] = call->argv[first + i];
	return n;
}

static void close_session(struct session *s)
{
	net_wait_free(&s->admin.wait);
	loop_unref(&s->loop);
	arena_free(&s->arena);
	engine_free(&s->engine);
}

/* 0, or -1 after what went wrong was printed; close_session() in either case. */
static int open_session(const struct command_call *call, struct session *s)
{
	struct error_list errors = ERROR_LIST_INIT;
	const struct engine_settings *set;
	const struct conf_node *root;

	*s = (struct session){ .engine = command_load(call), .arena = arena_new(0) };
	if (s->engine == NULL || s->arena == NULL)
		return -1;
	set = engine_settings(s->engine);
	if (set->redis.server[0] == '\0') {
		error_add(&errors, call->conf, 0, "redis.server is empty: there is no greylist");
		goto fail;
	}
	/* The engine has found the file fine; the one section is read again, since the engine keeps it to itself. */
	root = conf_load(call->conf, s->arena, &errors);
	if (root == NULL || errors.errors > 0 ||
	    conf_bind(&grey_settings_table, conf_child(root, "greylist"), &s->settings, NULL, s->arena, &errors) != 0)
		goto fail;
	s->loop = loop_start(set, NULL, &errors);
	if (s->loop == NULL)
		goto fail;
	s->admin = (struct grey_admin){ .wait = net_wait_new(loop_net(s->loop)),
					.prefix = set->redis.prefix,
					.settings = &s->settings,
					.timeout_ms = set->redis.timeout };
	if (s->admin.wait != NULL)
		return 0;
	error_add(&errors, NULL, 0, "out of memory");
fail:
	command_errors(call, &errors);
	error_clear(&errors);
	return -1;
}

struct printer {
	void (*format)(const struct grey_entry *e, struct sbuf *out);
	bool json;
	unsigned long long n;
};

static bool print_entry(void *ctx, const struct grey_entry *e)
{
	struct printer *p = ctx;
	struct sbuf out;
	bool fine;

	sbuf_heap(&out, COMMAND_OUTPUT_MAX);
	if (p->json)
		sbuf_add(&out, p->n == 0 ? "[\n" : ",\n");
	p->format(e, &out);
	if (!p->json && (out.len == 0 || out.p[out.len - 1] != '\n'))
		sbuf_addc(&out, '\n');
	p->n++;
	fine = fwrite(out.p, 1, out.len, stdout) == out.len;
	sbuf_done(&out);
	return fine; /* a closed pipe ends the walk */
}

/* Why nothing may have been found: what people try first. */
static const char *hint(enum grey_kind kind, const struct grey_pattern *pattern)
{
	const char *client = pattern->part[0];
	struct ip ip;

	if (kind == GREY_CORRESPONDENTS || client == NULL)
		return "";
	if (ip_parse(&ip, client) == 0)
		return "; the client may go by its domain: name that, or \"*\"";
	return strchr(client, '@') != NULL ? "; the client comes first: it may be \"*\"" : "";
}

static int list(const struct command_call *call, struct session *s, enum grey_kind kind,
		const struct grey_pattern *pattern, bool in_full, struct error_list *errors)
{
	struct printer p = { .format = call->json ? grey_entry_json
				       : in_full  ? grey_entry_text
						  : grey_entry_line,
			     .json = call->json };
	int result = grey_admin_list(&s->admin, kind, pattern, in_full, print_entry, &p, errors);

	if (call->json && result == 0)
		puts(p.n == 0 ? "[]" : "\n]");
	else if (result == 0 && p.n == 0)
		fprintf(stderr, "no entry fits%s\n", hint(kind, pattern));
	return result == 0 && (p.n > 0 || !in_full) ? COMMAND_FINE : COMMAND_FAILED;
}

static int change(const struct command_call *call, struct session *s, enum grey_kind kind,
		  const struct grey_pattern *pattern, bool allow, struct error_list *errors)
{
	uint64_t n = 0;
	int result = allow ? grey_admin_allow(&s->admin, kind, pattern, &n, errors)
			   : grey_admin_forget(&s->admin, kind, pattern, &n, errors);

	if (call->json)
		printf("{\"%s\":%llu}\n", allow ? "allowed" : "forgotten", (unsigned long long)n);
	else
		printf("%s: %llu\n", allow ? "allowed" : "forgotten", (unsigned long long)n);
	if (!call->json && result == 0 && n == 0)
		fprintf(stderr, "no entry fits%s\n", hint(kind, pattern));
	return result == 0 && n > 0 ? COMMAND_FINE : COMMAND_FAILED;
}

int command_greylist(const struct command_call *call)
{
	const char *what = call->argc > 0 ? call->argv[0] : "";
	bool lists = strcmp(what, "list") == 0, shows = strcmp(what, "show") == 0;
	bool allows = strcmp(what, "allow") == 0, forgets = strcmp(what, "forget") == 0;
	struct error_list errors = ERROR_LIST_INIT;
	struct grey_pattern pattern;
	struct session s;
	enum grey_kind kind = read_kind(call);
	bool reports = strcmp(what, "report") == 0;
	int patterns = read_patterns(call, kind, &pattern), status = COMMAND_FAILED;

	/* Whatever shows or changes single entries wants to be told which, be it "*". */
	if (reports ? call->argc > 1
		    : !(lists || shows || allows || forgets) || patterns < 0 || (!lists && patterns < 1))
		return COMMAND_USAGE;
	if (open_session(call, &s) == 0)
		status = reports          ? command_greylist_report(call, &s.admin, &errors)
			 : lists || shows ? list(call, &s, kind, &pattern, shows, &errors)
					  : change(call, &s, kind, &pattern, allows, &errors);
	if (errors.first != NULL)
		command_errors(call, &errors);
	error_clear(&errors);
	close_session(&s);
	return status;
}
