#include "t/unit/engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

enum { TRACE_MAX = 16384 };

/* Loads a configuration behind the lines that every one has. */
static struct engine *load(const char *conf, struct error_list *errors)
{
	char path[] = "/tmp/millgate-engine-XXXXXX";
	int fd = mkstemp(path);
	struct engine *e;
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (f == NULL)
		return NULL;
	fprintf(f, "redis: { server = \"\"; };\nhostname = \"mx.example.net\";\n%s%s\n",
		strstr(conf, "local_domains") != NULL ? "" : "local_domains = ( \"example.net\" );\n", conf);
	fclose(f);
	log_open("test", LOG_SINK_NONE, LOG_LVL_ERROR);
	e = engine_load(path, errors);
	unlink(path);
	return e;
}

struct engine *fixture_load(const char *conf)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct engine *e = load(conf, &errors);

	for (const struct error_item *i = errors.first; e == NULL && i != NULL; i = i->next)
		printf("# %s:%d: %s\n", i->file != NULL ? i->file : "-", i->line, i->text);
	error_clear(&errors);
	return e;
}

const char *fixture_warnings(const char *conf, const char *prefix)
{
	static char text[TRACE_MAX];
	struct error_list errors = ERROR_LIST_INIT;
	struct engine *e = load(conf, &errors);
	struct sbuf out;

	sbuf_fixed(&out, text, sizeof text);
	error_sort(&errors);
	for (const struct error_item *i = errors.first; i != NULL; i = i->next)
		if (i->level == ERROR_ERROR || strncmp(i->text, prefix, strlen(prefix)) == 0)
			sbuf_addf(&out, "%d: %s\n", i->line,
				  i->level == ERROR_ERROR ? i->text : i->text + strlen(prefix));
	error_clear(&errors);
	engine_free(&e);
	return text;
}

static bool note(struct sbuf *out, const char *stage, const char *arg, const struct answer *a)
{
	if (a->kind == ANSWER_CONTINUE)
		return true;
	sbuf_addf(out, "%s%s%s %d %s\n", stage, arg[0] != '\0' ? " " : "", arg, a->reply.code, a->reply.enhanced);
	return false;
}

static void note_verdict(struct sbuf *out, const struct verdict *v)
{
	sbuf_addf(out, "END %s", verdict_name(v->kind));
	if (v->kind == VERDICT_REJECT || v->kind == VERDICT_DEFER)
		sbuf_addf(out, " %d %s", v->reply.code, v->reply.enhanced);
	sbuf_addc(out, '\n');
	for (const struct edit *e = v->edits; e != NULL; e = e->next) {
		switch (e->kind) {
		case EDIT_ADD_HEADER:
			sbuf_addf(out, "header %s: %s\n", e->name, e->value);
			break;
		case EDIT_INSERT_HEADER:
			sbuf_addf(out, "insert %d %s: %s\n", e->index, e->name, e->value);
			break;
		case EDIT_CHANGE_HEADER:
			sbuf_addf(out, "change %s[%d]: %s\n", e->name, e->index,
				  e->value != NULL ? e->value : "(removed)");
			break;
		case EDIT_ADD_RCPT:
			sbuf_addf(out, "add %s%s\n", e->value, e->quiet ? " quiet" : "");
			break;
		case EDIT_DEL_RCPT:
			sbuf_addf(out, "del %s\n", e->value);
			break;
		}
	}
}

static bool run_envelope(struct engine_session *s, const struct mail *m, struct sbuf *out)
{
	static const char *const bob[] = { "<bob@example.net>", NULL };
	struct engine_connect c = { .name = m->name != NULL ? m->name : "client.example.org",
				    .resolve = m->resolve != NULL ? m->resolve : "OK",
				    .smtp = !m->local };
	struct engine_mail mail = { .arg = m->from != NULL ? m->from : "<alice@example.org>",
				    .auth_user = m->user,
				    .size = m->size };
	struct answer a;
	bool any = false;

	if (!m->local)
		(void)ip_parse(&c.ip, m->client != NULL ? m->client : "198.51.100.9");
	engine_connect(s, &c, &a);
	if (!note(out, "CONNECT", "", &a))
		return false;
	engine_helo(s, "client.example.org", &a);
	if (!note(out, "HELO", "", &a))
		return false;
	engine_mail(s, &mail, &a);
	if (!note(out, "MAIL", "", &a))
		return false;
	for (const char *const *r = m->rcpts != NULL ? m->rcpts : bob; *r != NULL; r++) {
		engine_rcpt(s, *r, &a);
		any = note(out, "RCPT", *r, &a) || any;
	}
	if (!any)
		return false;
	engine_data(s, "QUEUEID", &a);
	return note(out, "DATA", "", &a);
}

static bool run_header(struct engine_session *s, const char *field, struct sbuf *out)
{
	const char *colon = strchr(field, ':');
	char *name = strndup(field, (size_t)(colon - field));
	struct answer a;

	engine_header(s, name, colon + 1, &a);
	free(name);
	return note(out, "HEADER", "", &a);
}

const char *fixture_run(struct engine *e, const struct mail *m)
{
	static char trace[TRACE_MAX];
	const char *body = m->body != NULL ? m->body : "text\r\n";
	struct engine_session *s = engine_open(e);
	struct sbuf out;
	struct answer a;
	bool on;

	sbuf_fixed(&out, trace, sizeof trace);
	on = run_envelope(s, m, &out);
	for (const char *const *h = m->headers; on && h != NULL && *h != NULL; h++)
		on = run_header(s, *h, &out);
	if (on) {
		engine_headers_end(s, &a);
		on = note(&out, "HEADERS", "", &a);
	}
	if (on) {
		engine_body(s, body, strlen(body), &a);
		note_verdict(&out, engine_end(s, "QUEUEID"));
		engine_finish(s, true);
	}
	engine_close(&s);
	return trace;
}
