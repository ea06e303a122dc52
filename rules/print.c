/*
 * The listing of all rules, for people and as JSON.
 */
#include <string.h>

#include "rules/internal.h"

/* ---- Conditions and actions as text ---- */

static void put_conditions(const struct rules *r, const struct condition *group, struct sbuf *out)
{
	static const char *const words[] = {
		[CONDITION_ALL] = "all", [CONDITION_ANY] = "any", [CONDITION_NONE] = "none"
	};

	for (const struct condition *c = group->child; c != NULL; c = c->next) {
		if (c != group->child)
			sbuf_add(out, group->kind == CONDITION_ALL ? " and " : " or ");
		if (c->kind != CONDITION_TEST) {
			sbuf_addf(out, "%s(", words[c->kind]);
			put_conditions(r, c, out);
			sbuf_addc(out, ')');
			continue;
		}
		if (c->ref.id == FACT_HEADER)
			sbuf_addf(out, "header %s", r->headers[c->ref.slot]);
		else
			sbuf_add(out, fact_table[c->ref.id].name);
		sbuf_addf(out, " %s %s", c->op->name, c->shown);
	}
}

static void put_when(const struct rules *r, const struct compiled_rule *c, struct sbuf *out)
{
	if (c->when == NULL) {
		sbuf_add(out, "always");
		return;
	}
	if (c->when->kind == CONDITION_NONE)
		sbuf_add(out, "none of ");
	put_conditions(r, c->when, out);
}

static void put_skip(const struct rules *r, section_mask skip, struct sbuf *out)
{
	const char *gap = "";

	if (skip == ~SECTION_USER) {
		sbuf_add(out, "all");
		return;
	}
	for (size_t i = 0; i < r->n_sections; i++) {
		if (r->sections[i].group || (r->sections[i].bits & skip) == 0)
			continue;
		sbuf_addf(out, "%s%s", gap, r->sections[i].name);
		gap = ", ";
	}
}

static void put_text(struct sbuf *out, const char *text)
{
	sbuf_addc(out, '"');
	sbuf_add_safe(out, text, strlen(text));
	sbuf_addc(out, '"');
}

static void put_action(const struct rules *r, const struct rule_action *a, struct sbuf *out)
{
	sbuf_add(out, rules_table_actions[a->kind].name);
	if (a->kind == ACTION_SKIP) {
		sbuf_addc(out, ' ');
		put_skip(r, a->skip, out);
	}
	if (a->code != 0)
		sbuf_addf(out, " %d", a->code);
	if (a->enhanced[0] != '\0')
		sbuf_addf(out, " %s", a->enhanced);
	if (a->name != NULL)
		sbuf_addf(out, " %s%s", a->name, a->value != NULL ? ":" : "");
	if (a->text != NULL || a->value != NULL) {
		sbuf_addc(out, ' ');
		put_text(out, a->text != NULL ? a->text : a->value);
	}
}

static void put_then(const struct rules *r, const struct compiled_rule *c, struct sbuf *out)
{
	for (const struct rule_action *a = c->pub.actions; a != NULL; a = a->next) {
		if (a != c->pub.actions)
			sbuf_add(out, ", ");
		put_action(r, a, out);
	}
}

static void put_facts(fact_mask facts, struct sbuf *out)
{
	const char *gap = "";

	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if ((facts & FACT_BIT(id)) == 0)
			continue;
		sbuf_addf(out, "%s%s", gap, fact_table[id].name);
		gap = ", ";
	}
}

/* ---- For people ---- */

static void put_waits(const struct compiled_rule *c, struct sbuf *out)
{
	enum fact_id last = rule_last_fact(&c->waits->pub);

	sbuf_addf(out, "     waits  for rule %u \"%s\"", c->waits->pub.index + 1, c->waits->pub.name);
	/* What it waits for may itself be late only because something may skip it. */
	if (last != FACT_COUNT && fact_table[last].stage == c->waits->known)
		sbuf_addf(out, " (%s is known at %s)", fact_table[last].name, stage_name(c->waits->known));
	else
		sbuf_addf(out, " (known at %s)", stage_name(c->waits->known));
	sbuf_addc(out, '\n');
}

/* A refusal may come earlier than all that it reads: an announced size, one condition of several. */
static bool decides_sooner(const struct compiled_rule *c)
{
	return c->final != NULL && (c->final->kind == ACTION_REJECT || c->final->kind == ACTION_DEFER) &&
	       c->soonest < c->pub.decides;
}

static void put_rule(const struct rules *r, const struct compiled_rule *c, struct sbuf *out)
{
	fact_mask facts = c->pub.facts | c->pub.text_facts;

	sbuf_addf(out, "%3u  %s\n", c->pub.index + 1, c->pub.name);
	sbuf_addf(out, "     of     %s%s, %s:%d\n", c->pub.section != NULL ? c->pub.section : "user",
		  c->pub.shadow ? " (shadow)" : "", c->pub.file, c->pub.line);
	sbuf_addf(out, "     known  at %s, decides at %s%s", stage_name(c->pub.stage), stage_name(c->pub.decides),
		  c->never_later ? " or not at all" : "");
	if (decides_sooner(c))
		sbuf_addf(out, ", from %s on when enough is known", stage_name(c->soonest));
	sbuf_addc(out, '\n');
	if (c->waits != NULL)
		put_waits(c, out);
	if (facts != 0) {
		sbuf_add(out, "     needs  ");
		put_facts(facts, out);
		sbuf_addc(out, '\n');
	}
	sbuf_add(out, "     when   ");
	put_when(r, c, out);
	sbuf_add(out, "\n     then   ");
	put_then(r, c, out);
	sbuf_addc(out, '\n');
}

/* ---- JSON ---- */

static void put_member(struct sbuf *out, const char *key, const char *value)
{
	sbuf_addf(out, "\"%s\":", key);
	if (value != NULL)
		sbuf_add_json(out, value, strlen(value));
	else
		sbuf_add(out, "null");
}

/* A line made by one of the functions above, as a JSON string. */
static void put_line(const struct rules *r, const struct compiled_rule *c, struct sbuf *out, const char *key,
		     void (*put)(const struct rules *r, const struct compiled_rule *c, struct sbuf *out))
{
	enum { LINE_MAX_BYTES = 1 << 20 };
	struct sbuf line;

	sbuf_heap(&line, LINE_MAX_BYTES);
	put(r, c, &line);
	sbuf_addf(out, "\"%s\":", key);
	sbuf_add_json(out, line.p != NULL ? line.p : "", line.len);
	out->cut |= line.cut;
	sbuf_done(&line);
}

static void put_json_facts(fact_mask facts, struct sbuf *out)
{
	const char *gap = "";

	sbuf_add(out, "\"facts\":[");
	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if ((facts & FACT_BIT(id)) == 0)
			continue;
		sbuf_addf(out, "%s\"%s\"", gap, fact_table[id].name);
		gap = ",";
	}
	sbuf_addc(out, ']');
}

static void put_json_rule(const struct rules *r, const struct compiled_rule *c, struct sbuf *out)
{
	sbuf_addf(out, "{\"number\":%u,", c->pub.index + 1);
	put_member(out, "name", c->pub.name);
	sbuf_addc(out, ',');
	put_member(out, "section", c->pub.section);
	sbuf_addc(out, ',');
	put_member(out, "file", c->pub.file);
	sbuf_addf(out, ",\"line\":%d,\"shadow\":%s,\"final\":%s,\"per_recipient\":%s,", c->pub.line,
		  c->pub.shadow ? "true" : "false", c->pub.final ? "true" : "false",
		  c->pub.per_recipient ? "true" : "false");
	put_member(out, "stage", stage_name(c->pub.stage));
	sbuf_addc(out, ',');
	put_member(out, "decides", stage_name(c->pub.decides));
	sbuf_addc(out, ',');
	put_member(out, "soonest", stage_name(decides_sooner(c) ? c->soonest : c->pub.decides));
	if (c->waits != NULL)
		sbuf_addf(out, ",\"waits_for\":%u,", c->waits->pub.index + 1);
	else
		sbuf_add(out, ",\"waits_for\":null,");
	put_json_facts(c->pub.facts | c->pub.text_facts, out);
	sbuf_addc(out, ',');
	put_line(r, c, out, "when", put_when);
	sbuf_addc(out, ',');
	put_line(r, c, out, "then", put_then);
	sbuf_addc(out, '}');
}

void rules_print(const struct rules *r, bool json, struct sbuf *out)
{
	if (json)
		sbuf_addc(out, '[');
	for (size_t i = 0; i < r->n; i++) {
		if (json && i > 0)
			sbuf_addc(out, ',');
		if (json)
			put_json_rule(r, r->v[i], out);
		else
			put_rule(r, r->v[i], out);
	}
	if (json)
		sbuf_add(out, "]\n");
}
