/*
 * is, is_not, in: the value is one of a set.
 */
#include "rules/condition.h"

static int parse_set(struct rule_op_build *b, bool files)
{
	struct rule_set *s = rule_set_new(b->rules, b->type);
	int rc = 0;

	if (s == NULL)
		return -1;
	for (const struct conf_node *v = rule_values(b->value); v != NULL; v = rule_values_next(b->value, v)) {
		if (rule_set_add(s, b, v, files) != 0)
			rc = -1;
	}
	rule_set_ready(s);
	b->cond->arg = s;
	return rc;
}

static int parse_is(struct rule_op_build *b)
{
	return parse_set(b, false);
}

static int parse_in(struct rule_op_build *b)
{
	int rc = parse_set(b, true);

	if (b->cond->temperror) {
		error_add(b->errors, b->value->file, b->value->line,
			  "only \"is\" and \"is_not\" ask for \"temperror\": is = ( ... ) takes a list as well");
		rc = -1;
	}
	return rc;
}

static enum match hold_set(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return rule_set_holds(c->arg, v) ? MATCH_YES : MATCH_NO;
}

const struct rule_op rule_op_is = { .name = "is",
				    .doc = "Equals the value, or one of a list.",
				    .types = RULE_TYPES_ALL,
				    .list = true,
				    .parse = parse_is,
				    .hold = hold_set };

const struct rule_op rule_op_is_not = { .name = "is_not",
					.doc = "Equals none of the values.",
					.types = RULE_TYPES_ALL,
					.list = true,
					.negative = true,
					.parse = parse_is,
					.hold = hold_set };

const struct rule_op rule_op_in = { .name = "in",
				    .doc = "Is in a list, which may name networks, domains and files (\"file:/path\").",
				    .types = RULE_TYPES_ALL,
				    .list = true,
				    .parse = parse_in,
				    .hold = hold_set };
