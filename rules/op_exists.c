/*
 * exists: the fact is there, or is known not to be.
 */
#include "rules/condition.h"

static int parse_exists(struct rule_op_build *b)
{
	if (b->value->type != CONF_BOOL) {
		error_add(b->errors, b->value->file, b->value->line, "\"exists\" is true or false, not %s",
			  conf_type_name(b->value->type));
		return -1;
	}
	b->cond->wanted = b->value->flag;
	return 0;
}

static enum match match_exists(const struct condition *c, const struct fact_value *v, struct rule_eval *e, bool settled)
{
	(void)settled;
	switch (v->state) {
	case FACT_UNKNOWN:
	case FACT_AT_LEAST:
		return MATCH_UNKNOWN;
	case FACT_UNAVAILABLE:
		return rule_eval_unavailable(e, v->on_error, v->why);
	case FACT_ABSENT:
		return c->wanted ? MATCH_NO : MATCH_YES;
	case FACT_KNOWN:
		break;
	}
	return c->wanted ? MATCH_YES : MATCH_NO;
}

const struct rule_op rule_op_exists = { .name = "exists",
					.doc = "true: there is a value; false: there is none.",
					.types = RULE_TYPES_ALL,
					.parse = parse_exists,
					.states = match_exists };
