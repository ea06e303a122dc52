/*
 * Warnings: rules that are right, but do more, or later, than their author may think.
 */
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/strmap.h"

static bool is_refusal(const struct compiled_rule *c)
{
	return c->final != NULL && (c->final->kind == ACTION_REJECT || c->final->kind == ACTION_DEFER ||
				    c->final->kind == ACTION_QUARANTINE);
}

/* Which fact makes the rule late. */
static const char *late_fact(const struct compiled_rule *c)
{
	enum fact_id id = rule_last_fact(&c->pub);

	return id == FACT_COUNT ? "nothing" : fact_table[id].name;
}

static void warn_mixed(const struct compiled_rule *c, struct error_list *errors)
{
	bool quarantine = c->final != NULL && c->final->kind == ACTION_QUARANTINE;

	if (!is_refusal(c) || !c->pub.per_recipient || (c->pub.stage <= STAGE_RCPT && !quarantine))
		return;
	if (quarantine)
		error_warn(errors, c->pub.file, c->pub.line,
			   "rule \"%s\" quarantines for some recipients only, but a message is held for all of them or "
			   "none; mixed_recipients says what happens to a message for others as well",
			   c->pub.name);
	else
		error_warn(errors, c->pub.file, c->pub.line,
			   "rule \"%s\" refuses for some recipients only and reads %s, so it is decided after RCPT, "
			   "where SMTP has one answer for all recipients; mixed_recipients says what happens to a "
			   "message for others as well",
			   c->pub.name, late_fact(c));
}

/* A fact of single recipients that the rule reads, or FACT_COUNT. */
static enum fact_id recipient_fact(const struct compiled_rule *c)
{
	unsigned id = 0;

	while (id < FACT_COUNT && (fact_table[id].scope != SCOPE_RECIPIENT || (c->pub.facts & FACT_BIT(id)) == 0))
		id++;
	return (enum fact_id)id;
}

static void warn_edits(const struct compiled_rule *c, struct error_list *errors)
{
	static const unsigned edits = 1U << ACTION_ADD_HEADER | 1U << ACTION_SET_HEADER | 1U << ACTION_REMOVE_HEADER |
				      1U << ACTION_TAG_SUBJECT;
	enum fact_id own = recipient_fact(c);

	if (own == FACT_COUNT)
		return;
	for (const struct rule_action *a = c->pub.actions; a != NULL; a = a->next) {
		if ((edits & 1U << a->kind) == 0)
			continue;
		error_warn(
			errors, c->pub.file, c->pub.line,
			"rule \"%s\" reads %s, which each recipient has of its own, and uses %s: the edit is for the "
			"whole message, so all recipients see it",
			c->pub.name, fact_table[own].name, rules_table_actions[a->kind].name);
		return;
	}
}

/* Whether the refusal b could come sooner without the earlier rule c. */
static bool delays(const struct compiled_rule *c, const struct compiled_rule *b)
{
	return rule_holds_back(c, b) && !b->pub.shadow && is_refusal(b) && b->final->kind != ACTION_QUARANTINE &&
	       c->pub.stage > b->pub.stage && c->pub.stage > b->pub.refuse_at;
}

/* The built-in refusals that wait for the administrator's rule c. */
static void warn_waits(const struct rules *r, const struct compiled_rule *c, struct error_list *errors)
{
	char buf[RULES_MAX_SHOWN];
	struct sbuf sections;
	section_mask seen = 0;
	unsigned n = 0;

	if (c->pub.shadow)
		return;
	sbuf_fixed(&sections, buf, sizeof buf);
	for (size_t i = c->pub.index + 1; i < r->n; i++) {
		const struct compiled_rule *b = r->v[i];

		if (b->section == SECTION_USER || (b->section & seen) != 0 || !delays(c, b))
			continue;
		seen |= b->section;
		sbuf_addf(&sections, "%s%s", n++ > 0 ? ", " : "", b->pub.section);
	}
	if (n > 0)
		error_warn(errors, c->pub.file, c->pub.line,
			   "the refusals of %s wait for rule \"%s\", which is known at %s (it reads %s)", buf,
			   c->pub.name, stage_name(c->pub.stage), late_fact(c));
}

/* A reply that names what is not known yet when it is given. */
static void warn_text(const struct compiled_rule *c, struct error_list *errors)
{
	if (!is_refusal(c) || c->final->kind == ACTION_QUARANTINE)
		return;
	for (unsigned id = 0; id < FACT_COUNT; id++) {
		if ((c->pub.text_facts & FACT_BIT(id)) == 0 || fact_table[id].stage <= c->pub.stage ||
		    fact_table[id].stage <= c->pub.refuse_at)
			continue;
		error_warn(errors, c->pub.file, c->pub.line,
			   "rule \"%s\" may refuse at %s, before %%{%s} is known (%s): its text then lacks it",
			   c->pub.name, stage_name(c->pub.stage > c->pub.refuse_at ? c->pub.stage : c->pub.refuse_at),
			   fact_table[id].name, stage_name(fact_table[id].stage));
	}
}

static void warn_refuse_at(const struct compiled_rule *c, struct error_list *errors)
{
	bool refuses = is_refusal(c) && c->final->kind != ACTION_QUARANTINE;

	if (c->pub.refuse_at != STAGE_RCPT && !refuses)
		error_warn(errors, c->pub.file, c->pub.line,
			   "rule \"%s\" neither rejects nor defers: its refuse_at has no effect", c->pub.name);
}

/* The log names rules: two of one name cannot be told apart. */
static void warn_names(const struct rules *r, struct error_list *errors)
{
	struct strmap *seen = strmap_new();

	for (size_t i = 0; seen != NULL && i < r->n; i++) {
		struct compiled_rule *c = r->v[i];
		const struct compiled_rule *before;

		if (c->section != SECTION_USER)
			continue;
		before = strmap_get(seen, c->pub.name, strlen(c->pub.name), NULL);
		if (before != NULL)
			error_warn(errors, c->pub.file, c->pub.line,
				   "rule \"%s\" has the name of the rule at %s:%d; the log cannot tell them apart",
				   c->pub.name, before->pub.file, before->pub.line);
		else
			strmap_set(seen, c->pub.name, strlen(c->pub.name), c);
	}
	strmap_free(&seen);
}

void rules_warn(const struct rules *r, struct error_list *errors)
{
	warn_names(r, errors);
	for (size_t i = 0; i < r->n; i++) {
		const struct compiled_rule *c = r->v[i];

		if (c->section != SECTION_USER)
			continue;
		warn_mixed(c, errors);
		warn_edits(c, errors);
		warn_waits(r, c, errors);
		warn_text(c, errors);
		warn_refuse_at(c, errors);
	}
}
