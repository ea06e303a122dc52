/*
 * same_as: two facts have a value in common.
 */
#include <string.h>

#include "rules/internal.h"
#include "util/ip.h"

/* Texts compare with texts of any kind, numbers with numbers, addresses with addresses. */
static unsigned kin(enum fact_type type)
{
	const unsigned texts = RULE_TYPES_TEXT | RULE_TYPE(FACT_WORD);

	return (RULE_TYPE(type) & texts) != 0 ? texts : RULE_TYPE(type);
}

static int parse_same(struct rule_op_build *b)
{
	const char *name = rule_value_text(b, b->value);
	enum fact_id id;

	if (name == NULL)
		return -1;
	id = rule_parse_fact(b->rules, b->value, name, b->errors);
	if (id == FACT_COUNT)
		return -1;
	if (kin(fact_table[id].type) != kin(b->type)) {
		error_add(b->errors, b->value->file, b->value->line, "%s is %s and %s is %s: they are never the same",
			  b->fact_name, rule_type_name(b->type), name, rule_type_name(fact_table[id].type));
		return -1;
	}
	b->cond->other = (struct fact_ref){ .id = id };
	return 0;
}

static bool in_common(const struct fact_value *a, const struct fact_value *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		for (unsigned k = 0; k < b->n; k++) {
			if (a->text[i].folded_n == b->text[k].folded_n &&
			    memcmp(a->text[i].folded, b->text[k].folded, a->text[i].folded_n) == 0)
				return true;
		}
	}
	return false;
}

static bool same(enum fact_type type, const struct fact_value *a, const struct fact_value *b)
{
	switch (type) {
	case FACT_IP:
		return ip_equal(&a->ip, &b->ip);
	case FACT_NUMBER:
		return a->num == b->num;
	case FACT_TEXT:
	case FACT_WORD:
	case FACT_ADDRESS:
	case FACT_DOMAIN:
		break;
	}
	return in_common(a, b);
}

static bool open_state(const struct fact_value *v)
{
	return v->state == FACT_UNKNOWN || v->state == FACT_AT_LEAST;
}

static enum match match_same(const struct condition *c, const struct fact_value *v, struct rule_eval *e, bool settled)
{
	const struct fact_value *o;

	if (v->state == FACT_ABSENT)
		return MATCH_NO;
	o = rule_fact_get(e, c->other, settled);
	if (o->state == FACT_ABSENT)
		return MATCH_NO;
	if (open_state(v) || open_state(o))
		return MATCH_UNKNOWN;
	if (v->state == FACT_UNAVAILABLE || o->state == FACT_UNAVAILABLE) {
		if (v->state == FACT_UNAVAILABLE)
			rule_eval_unavailable(e, v->on_error, v->why);
		if (o->state == FACT_UNAVAILABLE)
			rule_eval_unavailable(e, o->on_error, o->why);
		return MATCH_UNAVAILABLE;
	}
	return same(fact_table[c->ref.id].type, v, o) ? MATCH_YES : MATCH_NO;
}

const struct rule_op rule_op_same_as = { .name = "same_as",
					 .doc = "Has a value that another fact has as well.",
					 .types = RULE_TYPES_ALL,
					 .cost = COST_SEARCH,
					 .parse = parse_same,
					 .states = match_same };
