/*
 * over, under, at_least, at_most: numbers.
 */
#include "rules/internal.h"

static int parse_number(struct rule_op_build *b)
{
	int64_t *num = arena_alloc(b->rules->arena, sizeof *num);

	if (num == NULL)
		return -1;
	b->cond->arg = num;
	return rule_value_number(b, b->value, num);
}

static int64_t limit(const struct condition *c)
{
	return *(const int64_t *)c->arg;
}

static enum match hold_over(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return v->num > limit(c) ? MATCH_YES : MATCH_NO;
}

static enum match hold_under(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return v->num < limit(c) ? MATCH_YES : MATCH_NO;
}

static enum match hold_at_least(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return v->num >= limit(c) ? MATCH_YES : MATCH_NO;
}

static enum match hold_at_most(const struct condition *c, const struct fact_value *v, struct rule_eval *e)
{
	(void)e;
	return v->num <= limit(c) ? MATCH_YES : MATCH_NO;
}

const struct rule_op rule_op_over = { .name = "over",
				      .doc = "Is greater than the number; a size may be \"5000K\".",
				      .types = RULE_TYPE(FACT_NUMBER),
				      .early = true,
				      .parse = parse_number,
				      .hold = hold_over };

const struct rule_op rule_op_under = { .name = "under",
				       .doc = "Is less than the number.",
				       .types = RULE_TYPE(FACT_NUMBER),
				       .parse = parse_number,
				       .hold = hold_under };

const struct rule_op rule_op_at_least = { .name = "at_least",
					  .doc = "Is the number or greater.",
					  .types = RULE_TYPE(FACT_NUMBER),
					  .early = true,
					  .parse = parse_number,
					  .hold = hold_at_least };

const struct rule_op rule_op_at_most = { .name = "at_most",
					 .doc = "Is the number or less.",
					 .types = RULE_TYPE(FACT_NUMBER),
					 .parse = parse_number,
					 .hold = hold_at_most };
