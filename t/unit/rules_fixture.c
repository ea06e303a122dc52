#include "t/unit/rules_fixture.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"

static const struct fact_value *get(void *ctx, struct fact_ref ref, bool settled)
{
	struct fixture *f = ctx;

	(void)settled;
	return ref.id == FACT_HEADER ? &f->headers[ref.slot] : &f->facts.v[ref.id];
}

void fixture_open(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->arena = arena_new(0);
	f->rules = rules_new();
	if (f->arena == NULL || f->rules == NULL)
		bail_out("out of memory");
	rules_section(f->rules, "dnsbl");
	rules_section(f->rules, "greylist");
	for (unsigned id = 0; id < FACT_COUNT; id++)
		fact_set_absent(&f->facts.v[id]);
	for (unsigned i = 0; i < sizeof f->headers / sizeof f->headers[0]; i++)
		fact_set_absent(&f->headers[i]);
	f->source = (struct rules_source){ .get = get, .ctx = f };
}

void fixture_close(struct fixture *f)
{
	rules_free(&f->rules);
	error_clear(&f->errors);
	arena_free(&f->arena);
}

void fixture_add(struct fixture *f, const char *section, const char *fmt, ...)
{
	struct arena *a = arena_new(0);
	struct conf_node *root;
	const char *text;
	va_list ap;

	va_start(ap, fmt);
	text = arena_vprintf(a, fmt, ap);
	va_end(ap);
	root = conf_parse(text, "test.conf", a, &f->errors);
	if (root != NULL)
		rules_add(f->rules, section, conf_child(root, "rules"), &f->errors);
	arena_free(&a); /* the rules keep nothing of the tree */
}

void fixture_compile(struct fixture *f)
{
	rules_compile(f->rules, &f->errors);
}

void fixture_text(struct fixture *f, enum fact_id id, const char *text)
{
	fact_set_text(&f->facts.v[id], f->arena, text, strlen(text));
}

enum verdict_kind fixture_verdict(struct fixture *f, enum stage stage, struct rules_outcome *out)
{
	if (rules_evaluate(f->rules, stage, &f->source, f->arena, out) != 0)
		bail_out("rules_evaluate failed");
	return out->kind;
}

const char *fixture_error(const struct fixture *f, unsigned nth)
{
	static char buf[1024];
	const struct error_item *e = f->errors.first;

	while (e != NULL && nth-- > 0)
		e = e->next;
	if (e == NULL)
		return NULL;
	snprintf(buf, sizeof buf, "%d: %s", e->line, e->text);
	return buf;
}
